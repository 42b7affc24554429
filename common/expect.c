/* expect: checks shared by the formats that are safetensors files. */
#include "common/expect.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum status_code expect_format(struct expect *expect, const char *format, const char *make)
{
    const char *found = tensorfile_metadata(expect->file, "format");
    if (expect->code == STATUS_OK && (found == NULL || strcmp(found, format) != 0))
        expect->code = status_set(expect->status, STATUS_BAD_INPUT, "%s: the metadata do not say format %s; make one with `%s`",
                                  expect->what, format, make);
    return expect->code;
}

const struct tensorfile_entry *expect_tensor(struct expect *expect, const char *name, enum tensorfile_dtype dtype, int rank,
                                             const int64_t *dims)
{
    if (expect->code != STATUS_OK)
        return NULL;
    const struct tensorfile_entry *entry = tensorfile_find(expect->file, name);
    if (entry == NULL) {
        expect->code = status_set(expect->status, STATUS_BAD_INPUT, "%s: there is no tensor \"%s\"", expect->what, name);
        return NULL;
    }
    int fits = entry->dtype == dtype && entry->rank == rank;
    for (int d = 0; fits && d < rank; d++)
        fits = dims[d] < 0 || entry->dims[d] == dims[d];
    if (!fits)
        expect->code = status_set(expect->status, STATUS_BAD_INPUT,
                                  "%s: tensor \"%s\" has another type or shape than the images ask for", expect->what, name);
    return fits ? entry : NULL;
}

static void *copy_tensor(struct expect *expect, const struct tensorfile_entry *entry)
{
    void *copy = malloc(entry->bytes > 0 ? entry->bytes : 1);
    if (copy == NULL)
        expect->code = status_set(expect->status, STATUS_NO_MEMORY, "%s: no memory for tensor \"%s\" of %zu bytes", expect->what,
                                  entry->name, entry->bytes);
    else
        memcpy(copy, entry->data, entry->bytes);
    return copy;
}

void *expect_copy(struct expect *expect, const char *name, enum tensorfile_dtype dtype, int rank, const int64_t *dims)
{
    const struct tensorfile_entry *entry = expect_tensor(expect, name, dtype, rank, dims);
    return entry == NULL ? NULL : copy_tensor(expect, entry);
}

uint8_t *expect_images(struct expect *expect, int64_t least, const int64_t limits[4], int dims[4])
{
    const int64_t any[4] = {-1, -1, -1, -1};
    const struct tensorfile_entry *entry = expect_tensor(expect, "images", TENSORFILE_U8, 4, any);
    if (entry == NULL)
        return NULL;
    for (int d = 0; d < 4; d++) {
        const int64_t low = d == 0 ? least : 1;
        if (entry->dims[d] < low || entry->dims[d] > limits[d]) {
            expect->code =
                status_set(expect->status, STATUS_BAD_INPUT, "%s: dimension %d of the images (N,C,H,W) is %lld, outside %lld..%lld",
                           expect->what, d, (long long)entry->dims[d], (long long)low, (long long)limits[d]);
            return NULL;
        }
        dims[d] = (int)entry->dims[d];
    }
    return copy_tensor(expect, entry);
}

enum status_code expect_labels(struct expect *expect, const int32_t *labels, int count, int classes)
{
    for (int i = 0; expect->code == STATUS_OK && i < count; i++)
        if (labels[i] < 0 || labels[i] >= classes)
            expect->code = status_set(expect->status, STATUS_BAD_INPUT, "%s: label %d is %d; there are %d classes", expect->what, i,
                                      labels[i], classes);
    return expect->code;
}

enum status_code expect_text(struct expect *expect, const char *key, char *out, size_t size)
{
    if (expect->code != STATUS_OK)
        return expect->code;
    const char *text = tensorfile_metadata(expect->file, key);
    if (text == NULL)
        return expect->code = status_set(expect->status, STATUS_BAD_INPUT, "%s: the metadata lack \"%s\"", expect->what, key);
    if (strlen(text) >= size)
        return expect->code =
                   status_set(expect->status, STATUS_BAD_INPUT, "%s: \"%s\" has more than %zu bytes", expect->what, key, size - 1);
    strcpy(out, text);
    return STATUS_OK;
}

enum status_code expect_classes(struct expect *expect, int *out)
{
    char text[16], *end;
    if (expect_text(expect, "classes", text, sizeof text) != STATUS_OK)
        return expect->code;
    long value = strtol(text, &end, 10);
    if (end == text || *end != '\0' || value < 2 || value > EXPECT_CLASSES_MAX)
        return expect->code =
                   status_set(expect->status, STATUS_BAD_INPUT, "%s: \"classes\" is \"%s\"; it must be a number from 2 to %d",
                              expect->what, text, EXPECT_CLASSES_MAX);
    *out = (int)value;
    return STATUS_OK;
}

/* Exactly `count` comma-separated finite numbers. */
static enum status_code read_numbers(struct expect *expect, const char *key, int count, float *out)
{
    char text[EXPECT_NUMBERS_BYTES];
    if (expect_text(expect, key, text, sizeof text) != STATUS_OK)
        return expect->code;
    const char *at = text;
    for (int i = 0; i < count; i++) {
        char *end;
        out[i] = strtof(at, &end);
        if (end == at || !isfinite(out[i]) || *end != (i + 1 < count ? ',' : '\0'))
            return expect->code =
                       status_set(expect->status, STATUS_BAD_INPUT, "%s: \"%s\" is \"%s\"; it must be %d numbers, one a channel",
                                  expect->what, key, text, count);
        at = end + 1;
    }
    return STATUS_OK;
}

enum status_code expect_normalisation(struct expect *expect, int channels, float *mean, float *std)
{
    read_numbers(expect, "mean", channels, mean);
    read_numbers(expect, "std", channels, std);
    for (int c = 0; expect->code == STATUS_OK && c < channels; c++)
        if (!(std[c] > 0))
            expect->code = status_set(expect->status, STATUS_BAD_INPUT, "%s: std of channel %d is %g; it must be above 0",
                                      expect->what, c, (double)std[c]);
    return expect->code;
}

void expect_print_numbers(const float *values, int count, char out[EXPECT_NUMBERS_BYTES])
{
    size_t used = 0;
    for (int i = 0; i < count; i++)
        used += (size_t)snprintf(out + used, EXPECT_NUMBERS_BYTES - used, "%s%.9g", i > 0 ? "," : "", (double)values[i]);
}
