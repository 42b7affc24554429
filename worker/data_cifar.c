/* data_cifar: the binary version of CIFAR-10 and CIFAR-100 (A. Krizhevsky 2009): records of label byte(s) and 3,072 pixel bytes.
 * Several files put one after the other (`cat data_batch_*.bin`) are a file of that format again. */
#include <string.h>

#include "worker/data_format.h"

enum { PIXELS = 3 * 32 * 32 };

bool data_cifar_fits(const struct data_bytes *bytes, size_t record)
{
    return bytes->size > 0 && bytes->size % record == 0;
}

/* What the public search code normalises with (methods 1.4): for CIFAR-10 these are ImageNet's constants. */
static void set_constants(size_t record, struct data_set *out)
{
    static const float mean[2][3] = {{0.485f, 0.456f, 0.406f}, {0.5071f, 0.4865f, 0.4409f}};
    static const float deviation[2][3] = {{0.229f, 0.224f, 0.225f}, {0.2673f, 0.2564f, 0.2762f}};
    int hundred = record == DATA_CIFAR100_RECORD;
    strcpy(out->name, hundred ? "cifar100" : "cifar10");
    out->classes = hundred ? 100 : 10;
    out->shape = (struct net_shape){3, 32, 32};
    memcpy(out->mean, mean[hundred], sizeof mean[hundred]);
    memcpy(out->std, deviation[hundred], sizeof deviation[hundred]);
}

enum status_code data_cifar_parse(const struct data_bytes *bytes, size_t record, size_t max_count, struct data_set *out,
                                  struct status *status)
{
    set_constants(record, out);
    if (!data_cifar_fits(bytes, record))
        return status_set(status, STATUS_BAD_INPUT,
                          "%s: has %zu bytes; %s files have a multiple of %zu: the record at offset %zu is cut off", bytes->path,
                          bytes->size, out->name, record, bytes->size / record * record);
    size_t count = bytes->size / record;
    if (max_count > 0 && max_count < count)
        count = max_count;
    enum status_code code = data_allocate(count, out, status);
    if (code != STATUS_OK)
        return code;
    for (size_t i = 0; i < count; i++) {
        size_t pixels_at = (i + 1) * record - PIXELS;
        out->labels[i] = bytes->data[pixels_at - 1];
        if (out->labels[i] >= out->classes)
            return status_set(status, STATUS_BAD_INPUT, "%s: image %zu has label %d at offset %zu; %s has labels 0 to %d",
                              bytes->path, i, out->labels[i], pixels_at - 1, out->name, out->classes - 1);
        memcpy(out->images + i * PIXELS, bytes->data + pixels_at, PIXELS);
    }
    return STATUS_OK;
}
