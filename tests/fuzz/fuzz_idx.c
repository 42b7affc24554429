/* fuzz_idx: any bytes as two IDX files: two bytes say how long the file of labels is, which comes first. */
#include "tests/fuzz/fuzz_data.h"

const struct fuzz_target fuzz_target = {"idx", 5000};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    size_t labels_size = data[0] | (size_t)data[1] << 8, images_size;
    if (labels_size > size - 2)
        labels_size = size - 2;
    images_size = size - 2 - labels_size;
    struct fuzz_file labels = fuzz_file(data + 2, labels_size), images = fuzz_file(data + 2 + labels_size, images_size);
    fuzz_data(images.path, labels.path, NULL);
    fuzz_file_close(&images);
    fuzz_file_close(&labels);
    return 0;
}
