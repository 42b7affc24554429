/* fuzz_master_file: any bytes as the word that a master leaves beside its database. */
#include <string.h>

#include "master/master_file.h"
#include "tests/fuzz/fuzz.h"

const struct fuzz_target fuzz_target = {"master_file", 3000};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct status status = {0};
    struct master_file file = {0};
    char path[128], db[128];
    fuzz_write(fuzz_folder(), "x.db", 0600, "", 0, db);
    fuzz_write(fuzz_folder(), "x.db.master", 0600, data, size, path);
    enum master_file_state state = master_file_read(db, &file, &status);
    FUZZ_MUST(state != MASTER_FILE_NONE, "the file is there");
    FUZZ_MUST(file.address_count <= MASTER_FILE_ADDRESSES_MAX, "there is room for its addresses");
    FUZZ_MUST(memchr(file.study, '\0', sizeof file.study) != NULL && memchr(file.host, '\0', sizeof file.host) != NULL,
              "texts end");
    return 0;
}
