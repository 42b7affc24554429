/* fuzz_snapshot: any bytes as a search saved in a database; the first byte chooses the strategy. What is taken can go on. */
#include <stdlib.h>

#include "tests/fuzz/fuzz_snapshot.h"

const struct fuzz_target fuzz_target = {"snapshot", 5000};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_study study;
    struct status status = {0};
    if (size < 1)
        return 0;
    fuzz_study_open(&study, fuzz_strategy_of(data[0]));
    if (study_load(study.study, data + 1, size - 1, &status) == STATUS_OK)
        fuzz_study_go_on(study.study, 2);
    else
        FUZZ_MUST(status.message[0] != '\0', "a refusal has a sentence");
    fuzz_study_close(&study);
    return 0;
}
