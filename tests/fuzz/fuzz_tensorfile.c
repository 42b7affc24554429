/* fuzz_tensorfile: any bytes as a safetensors file. What is read lies within the file, and can be written and read back. */
#include <stdlib.h>

#include "common/tensorfile.h"
#include "tests/fuzz/fuzz.h"

const struct fuzz_target fuzz_target = {"tensorfile", 20000};

static unsigned sum_of(const struct tensorfile *file)
{
    unsigned sum = 0;
    for (size_t i = 0; i < file->entry_count; i++)
        for (size_t at = 0; at < file->entries[i].bytes; at++)
            sum += ((const uint8_t *)file->entries[i].data)[at];
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct status status = {0};
    struct tensorfile file = {0}, back = {0};
    if (tensorfile_read(data, size, &file, &status) != STATUS_OK) {
        FUZZ_MUST(status.message[0] != '\0', "a refusal has a sentence");
        return 0;
    }
    void *bytes;
    size_t count;
    if (tensorfile_write(&file, &bytes, &count, &status) == STATUS_OK) {
        FUZZ_MUST(tensorfile_read(bytes, count, &back, &status) == STATUS_OK, "what was written can be read");
        FUZZ_MUST(back.entry_count == file.entry_count && sum_of(&back) == sum_of(&file), "and is the same");
        tensorfile_free(&back);
        free(bytes);
    }
    tensorfile_free(&file);
    return 0;
}
