/* fuzz_cifar: any bytes as a file of CIFAR records, plain or compressed; the first byte chooses the format. */
#include "tests/fuzz/fuzz_data.h"

const struct fuzz_target fuzz_target = {"cifar", 5000};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const formats[] = {"cifar10", "cifar100", NULL};
    if (size < 1)
        return 0;
    struct fuzz_file file = fuzz_file(data + 1, size - 1);
    fuzz_data(file.path, NULL, formats[data[0] % 3]);
    fuzz_file_close(&file);
    return 0;
}
