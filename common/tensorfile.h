/* tensorfile: safetensors files, bounds-checked: weights, gradients and reference bundles.
 *
 * Format: 8 bytes little-endian header length, a JSON object {name: {dtype, shape, data_offsets}, "__metadata__": {text: text}},
 * then the tensors' bytes. Only little-endian hosts are supported (checked when compiled). */
#ifndef HWNAS_COMMON_TENSORFILE_H
#define HWNAS_COMMON_TENSORFILE_H

#include <stddef.h>
#include <stdint.h>

#include "common/status.h"

enum tensorfile_dtype { TENSORFILE_U8, TENSORFILE_I32, TENSORFILE_I64, TENSORFILE_F32, TENSORFILE_F64 };

enum { TENSORFILE_RANK_MAX = 8 };

struct tensorfile_entry {
    char *name; /* owned */
    enum tensorfile_dtype dtype;
    int rank;
    int64_t dims[TENSORFILE_RANK_MAX];
    size_t count;     /* elements */
    size_t bytes;     /* count times the size of dtype */
    const void *data; /* into the file's own copy of the bytes (8-byte aligned), or borrowed from the caller while writing */
};

struct tensorfile {
    struct tensorfile_entry *entries; /* owned */
    size_t entry_count;
    char **metadata_keys, **metadata_values; /* owned, metadata_count each */
    size_t metadata_count;
    void *bytes; /* owned backing store of a file that was read; NULL for one being built */
};

/* Parses a copy of data. Every offset, shape and overlap is checked; STATUS_BAD_INPUT names the tensor. Free with tensorfile_free.
 */
enum status_code tensorfile_read(const void *data, size_t size, struct tensorfile *out, struct status *status);
enum status_code tensorfile_load(const char *path, struct tensorfile *out, struct status *status);
void tensorfile_free(struct tensorfile *file);

/* The entry or the metadata value of that name, or NULL. */
const struct tensorfile_entry *tensorfile_find(const struct tensorfile *file, const char *name);
const char *tensorfile_metadata(const struct tensorfile *file, const char *key);

/* Building: start from a zeroed struct. data is borrowed until the file is written; name, key and value are copied. */
enum status_code tensorfile_add(struct tensorfile *file, const char *name, enum tensorfile_dtype dtype, int rank,
                                const int64_t *dims, const void *data, struct status *status);
enum status_code tensorfile_set(struct tensorfile *file, const char *key, const char *value, struct status *status);

/* Serialises in a fixed order (as added; metadata sorted by key), so equal contents give equal bytes. Caller frees *data. */
enum status_code tensorfile_write(const struct tensorfile *file, void **data, size_t *size, struct status *status);

/* The same into a file, whole or not at all (temporary file, fsync, rename). */
enum status_code tensorfile_save(const struct tensorfile *file, const char *path, struct status *status);

#endif
