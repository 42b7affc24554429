/* tensorfile: safetensors in and out. The header's JSON is jansson's business, every number in it is checked here before it is
 * used: files come from strangers. Tensors must follow each other without gaps or overlaps, as the format's own reader demands. */
#include "common/tensorfile.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "common/fileio.h"
#include "common/jsontext.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "tensors are kept as they stand in the file: little-endian hosts only");

enum {
    LENGTH_BYTES = 8,           /* of the number before the JSON header */
    HEADER_BYTES_MAX = 1 << 22, /* about 30,000 tensors; jansson can need 50 bytes of memory for one of these */
    METADATA_MAX = 4096,
    ALIGNMENT = 8
};
static const size_t FILE_BYTES_MAX = sizeof(size_t) > 4 ? (size_t)(UINT64_C(1) << 32) : SIZE_MAX / 2;

static const struct {
    const char *name;
    size_t bytes;
} dtypes[] = {
    [TENSORFILE_U8] = {"U8", 1},   [TENSORFILE_I32] = {"I32", 4}, [TENSORFILE_I64] = {"I64", 8},
    [TENSORFILE_F32] = {"F32", 4}, [TENSORFILE_F64] = {"F64", 8},
};

enum { DTYPES = sizeof dtypes / sizeof dtypes[0] };

static size_t aligned(size_t bytes)
{
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

void tensorfile_free(struct tensorfile *file)
{
    if (file == NULL)
        return;
    for (size_t i = 0; i < file->entry_count; i++)
        free(file->entries[i].name);
    for (size_t i = 0; i < file->metadata_count; i++) {
        free(file->metadata_keys[i]);
        free(file->metadata_values[i]);
    }
    free(file->entries);
    free(file->metadata_keys);
    free(file->metadata_values);
    free(file->bytes);
    memset(file, 0, sizeof *file);
}

const struct tensorfile_entry *tensorfile_find(const struct tensorfile *file, const char *name)
{
    for (size_t i = 0; i < file->entry_count; i++)
        if (strcmp(file->entries[i].name, name) == 0)
            return &file->entries[i];
    return NULL;
}

const char *tensorfile_metadata(const struct tensorfile *file, const char *key)
{
    for (size_t i = 0; i < file->metadata_count; i++)
        if (strcmp(file->metadata_keys[i], key) == 0)
            return file->metadata_values[i];
    return NULL;
}

/* count and bytes from dtype and dims; 0, or -1 when a dimension is negative or the product does not fit. */
static int measure(struct tensorfile_entry *entry)
{
    size_t count = 1;
    for (int i = 0; i < entry->rank; i++) {
        if (entry->dims[i] < 0 || __builtin_mul_overflow(count, entry->dims[i], &count))
            return -1;
    }
    entry->count = count;
    return __builtin_mul_overflow(count, dtypes[entry->dtype].bytes, &entry->bytes) ? -1 : 0;
}

/* --- reading --------------------------------------------------------------------------------------------- */

static enum status_code bad_tensor(const char *name, const char *what, struct status *status)
{
    return status_set(status, STATUS_BAD_INPUT, "tensor %.100s: %s", name, what);
}

static enum status_code read_dtype(const char *name, const json_t *value, enum tensorfile_dtype *out, struct status *status)
{
    const char *text = json_string_value(value);
    if (text == NULL)
        return bad_tensor(name, "its dtype is missing", status);
    for (int i = 0; i < DTYPES; i++) {
        if (strcmp(dtypes[i].name, text) == 0) {
            *out = (enum tensorfile_dtype)i;
            return STATUS_OK;
        }
    }
    return status_set(status, STATUS_UNSUPPORTED, "tensor %.100s: elements of type %.20s are not read here; store F32", name, text);
}

static enum status_code read_shape(const char *name, const json_t *value, struct tensorfile_entry *out, struct status *status)
{
    if (!json_is_array(value))
        return bad_tensor(name, "its shape is missing", status);
    if (json_array_size(value) > TENSORFILE_RANK_MAX)
        return bad_tensor(name, "it has more than 8 dimensions", status);
    out->rank = (int)json_array_size(value);
    for (int i = 0; i < out->rank; i++) {
        const json_t *dim = json_array_get(value, (size_t)i);
        if (!json_is_integer(dim))
            return bad_tensor(name, "its shape holds something other than whole numbers", status);
        out->dims[i] = json_integer_value(dim);
    }
    return measure(out) == 0 ? STATUS_OK : bad_tensor(name, "its shape is negative or overflows", status);
}

/* Leaves data at the tensor's place in the caller's bytes. */
static enum status_code read_offsets(const char *name, const json_t *value, const unsigned char *data, size_t data_bytes,
                                     struct tensorfile_entry *out, struct status *status)
{
    const json_t *begin = json_array_get(value, 0), *end = json_array_get(value, 1);
    if (json_array_size(value) != 2 || !json_is_integer(begin) || !json_is_integer(end))
        return bad_tensor(name, "its data_offsets are not two whole numbers", status);
    json_int_t first = json_integer_value(begin), last = json_integer_value(end);
    if (first < 0 || last < first || (uint64_t)last > data_bytes)
        return status_set(status, STATUS_BAD_INPUT,
                          "tensor %.100s: its bytes %" PRId64 " to %" PRId64 " are not among the %zu there are", name,
                          (int64_t)first, (int64_t)last, data_bytes);
    if ((uint64_t)(last - first) != out->bytes)
        return status_set(status, STATUS_BAD_INPUT, "tensor %.100s: its shape asks for %zu bytes but it has %" PRId64, name,
                          out->bytes, (int64_t)(last - first));
    out->data = data + first;
    return STATUS_OK;
}

static enum status_code read_entry(const char *name, const json_t *value, const unsigned char *data, size_t data_bytes,
                                   struct tensorfile *out, struct status *status)
{
    struct tensorfile_entry entry = {.name = NULL};
    if (!json_is_object(value))
        return bad_tensor(name, "it is not described by an object", status);
    enum status_code code = read_dtype(name, json_object_get(value, "dtype"), &entry.dtype, status);
    if (code == STATUS_OK)
        code = read_shape(name, json_object_get(value, "shape"), &entry, status);
    if (code == STATUS_OK)
        code = read_offsets(name, json_object_get(value, "data_offsets"), data, data_bytes, &entry, status);
    if (code != STATUS_OK)
        return code;
    entry.name = strdup(name);
    if (entry.name == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for tensor %.100s", name);
    out->entries[out->entry_count++] = entry;
    return STATUS_OK;
}

static enum status_code read_metadata(json_t *object, struct tensorfile *out, struct status *status)
{
    const char *key = NULL;
    json_t *value = NULL;
    if (!json_is_object(object))
        return status_set(status, STATUS_BAD_INPUT, "__metadata__ is not an object");
    if (json_object_size(object) > METADATA_MAX)
        return status_set(status, STATUS_UNSUPPORTED, "__metadata__ has %zu entries; %d are read here", json_object_size(object),
                          METADATA_MAX);
    json_object_foreach(object, key, value)
    {
        if (!json_is_string(value))
            return status_set(status, STATUS_BAD_INPUT, "__metadata__: the value of %.100s is not text", key);
        enum status_code code = tensorfile_set(out, key, json_string_value(value), status);
        if (code != STATUS_OK)
            return code;
    }
    return STATUS_OK;
}

static int compare_places(const void *a, const void *b)
{
    const struct tensorfile_entry *left = *(const struct tensorfile_entry *const *)a;
    const struct tensorfile_entry *right = *(const struct tensorfile_entry *const *)b;
    if (left->data != right->data)
        return left->data < right->data ? -1 : 1;
    return (left->bytes > right->bytes) - (left->bytes < right->bytes);
}

/* Each tensor begins where the one before it ends, and the last ends with the file. */
static enum status_code check_places(struct tensorfile_entry **sorted, size_t count, const unsigned char *data, size_t data_bytes,
                                     struct status *status)
{
    const unsigned char *next = data;
    for (size_t i = 0; i < count; i++) {
        if (sorted[i]->data != next)
            return bad_tensor(sorted[i]->name,
                              (const unsigned char *)sorted[i]->data < next ? "its bytes overlap those of another tensor"
                                                                            : "there are unused bytes before it",
                              status);
        next += sorted[i]->bytes;
    }
    if (next != data + data_bytes)
        return status_set(status, STATUS_BAD_INPUT, "%zu bytes after the last tensor belong to none",
                          (size_t)(data + data_bytes - next));
    return STATUS_OK;
}

/* Moves the tensors from the caller's bytes into the file's own, each aligned for its type. */
static enum status_code own_bytes(struct tensorfile *file, const unsigned char *data, size_t data_bytes, struct status *status)
{
    struct tensorfile_entry **sorted = calloc(file->entry_count + 1, sizeof *sorted);
    unsigned char *bytes = calloc(data_bytes + ALIGNMENT * (file->entry_count + 1), 1);
    enum status_code code = STATUS_OK;
    if (sorted == NULL || bytes == NULL) {
        code = status_set(status, STATUS_NO_MEMORY, "no memory for %zu bytes of tensors", data_bytes);
        goto done;
    }
    for (size_t i = 0; i < file->entry_count; i++)
        sorted[i] = &file->entries[i];
    qsort(sorted, file->entry_count, sizeof(struct tensorfile_entry *), compare_places);
    code = check_places(sorted, file->entry_count, data, data_bytes, status);
    if (code != STATUS_OK)
        goto done;
    size_t used = 0;
    for (size_t i = 0; i < file->entry_count; i++) {
        struct tensorfile_entry *entry = &file->entries[i];
        if (entry->bytes > 0)
            memcpy(bytes + used, entry->data, entry->bytes);
        entry->data = bytes + used;
        used += aligned(entry->bytes);
    }
    file->bytes = bytes;
    bytes = NULL;
done:
    free(bytes);
    free(sorted);
    return code;
}

static enum status_code read_header(json_t *header, const unsigned char *data, size_t data_bytes, struct tensorfile *out,
                                    struct status *status)
{
    const char *name = NULL;
    json_t *value = NULL;
    enum status_code code = STATUS_OK;
    if (!json_is_object(header))
        return status_set(status, STATUS_BAD_INPUT, "the header is not a JSON object");
    out->entries = calloc(json_object_size(header) + 1, sizeof *out->entries);
    if (out->entries == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for %zu tensors", json_object_size(header));
    json_object_foreach(header, name, value)
    {
        if (strcmp(name, "__metadata__") == 0)
            code = read_metadata(value, out, status);
        else
            code = read_entry(name, value, data, data_bytes, out, status);
        if (code != STATUS_OK)
            return code;
    }
    return own_bytes(out, data, data_bytes, status);
}

enum status_code tensorfile_read(const void *data, size_t size, struct tensorfile *out, struct status *status)
{
    const unsigned char *bytes = data;
    uint64_t header_bytes = 0;
    memset(out, 0, sizeof *out);
    if (size < LENGTH_BYTES)
        return status_set(status, STATUS_BAD_INPUT, "not a safetensors file: it has only %zu bytes", size);
    memcpy(&header_bytes, bytes, LENGTH_BYTES);
    if (header_bytes > size - LENGTH_BYTES || header_bytes > HEADER_BYTES_MAX)
        return status_set(status, STATUS_BAD_INPUT,
                          "not a safetensors file, or cut short: a header of %" PRIu64 " bytes in a file of %zu", header_bytes,
                          size);
    json_t *header;
    enum status_code code = jsontext_read(bytes + LENGTH_BYTES, (size_t)header_bytes, "the header", &header, status);
    if (code != STATUS_OK)
        return code;
    size_t data_bytes = size - LENGTH_BYTES - (size_t)header_bytes;
    code = read_header(header, bytes + LENGTH_BYTES + header_bytes, data_bytes, out, status);
    json_decref(header);
    if (code != STATUS_OK)
        tensorfile_free(out);
    return code;
}

enum status_code tensorfile_load(const char *path, struct tensorfile *out, struct status *status)
{
    void *data = NULL;
    size_t size = 0;
    memset(out, 0, sizeof *out);
    enum status_code code = fileio_read(path, FILE_BYTES_MAX, &data, &size, status);
    if (code != STATUS_OK)
        return code;
    code = tensorfile_read(data, size, out, status);
    free(data);
    return code == STATUS_OK ? code : status_prefix(status, "%s", path);
}

/* --- building and writing -------------------------------------------------------------------------------- */

enum status_code tensorfile_add(struct tensorfile *file, const char *name, enum tensorfile_dtype dtype, int rank,
                                const int64_t *dims, const void *data, struct status *status)
{
    struct tensorfile_entry entry = {.dtype = dtype, .rank = rank, .data = data};
    if (rank < 0 || rank > TENSORFILE_RANK_MAX || (unsigned)dtype >= DTYPES)
        return bad_tensor(name, "its rank or type is out of range", status);
    for (int i = 0; i < rank; i++)
        entry.dims[i] = dims[i];
    if (measure(&entry) != 0)
        return bad_tensor(name, "its shape is negative or overflows", status);
    if (strcmp(name, "__metadata__") == 0 || tensorfile_find(file, name) != NULL)
        return bad_tensor(name, "the name is taken", status);
    entry.name = strdup(name);
    struct tensorfile_entry *larger = realloc(file->entries, (file->entry_count + 1) * sizeof *larger);
    if (larger != NULL)
        file->entries = larger;
    if (entry.name == NULL || larger == NULL) {
        free(entry.name);
        return status_set(status, STATUS_NO_MEMORY, "no memory for tensor %.100s", name);
    }
    file->entries[file->entry_count++] = entry;
    return STATUS_OK;
}

/* Makes room for one more text; 0 or -1. */
static int grow_texts(char ***texts, size_t count)
{
    char **larger = realloc(*texts, (count + 1) * sizeof *larger);
    if (larger == NULL)
        return -1;
    *texts = larger;
    return 0;
}

enum status_code tensorfile_set(struct tensorfile *file, const char *key, const char *value, struct status *status)
{
    char *new_key = strdup(key), *new_value = strdup(value);
    if (new_key == NULL || new_value == NULL || grow_texts(&file->metadata_keys, file->metadata_count) != 0 ||
        grow_texts(&file->metadata_values, file->metadata_count) != 0) {
        free(new_key);
        free(new_value);
        return status_set(status, STATUS_NO_MEMORY, "no memory for the metadata %.100s", key);
    }
    size_t at = file->metadata_count;
    while (at > 0 && strcmp(file->metadata_keys[at - 1], key) > 0)
        at--;
    if (at > 0 && strcmp(file->metadata_keys[at - 1], key) == 0) {
        free(new_key);
        free(file->metadata_values[at - 1]);
        file->metadata_values[at - 1] = new_value;
        return STATUS_OK;
    }
    size_t after = (file->metadata_count - at) * sizeof(char *);
    memmove(file->metadata_keys + at + 1, file->metadata_keys + at, after);
    memmove(file->metadata_values + at + 1, file->metadata_values + at, after);
    file->metadata_keys[at] = new_key;
    file->metadata_values[at] = new_value;
    file->metadata_count++;
    return STATUS_OK;
}

/* NULL without memory. */
static json_t *describe_entry(const struct tensorfile_entry *entry, size_t offset)
{
    json_t *shape = json_array();
    for (int i = 0; i < entry->rank; i++) {
        if (json_array_append_new(shape, json_integer(entry->dims[i])) != 0) {
            json_decref(shape);
            return NULL;
        }
    }
    return json_pack("{s:s, s:o, s:[I, I]}", "dtype", dtypes[entry->dtype].name, "shape", shape, "data_offsets", (json_int_t)offset,
                     (json_int_t)(offset + entry->bytes));
}

/* jansson's json_dumps can lose a key when memory runs out while its text grows; into room of the right size nothing grows. */
static char *dump_text(const json_t *header)
{
    size_t length = json_dumpb(header, NULL, 0, JSON_COMPACT);
    char *text = length > 0 ? malloc(length + 1) : NULL;
    if (text != NULL && json_dumpb(header, text, length, JSON_COMPACT) != length) {
        free(text);
        return NULL;
    }
    if (text != NULL)
        text[length] = '\0';
    return text;
}

/* The header as text, or NULL with status filled. *data_bytes receives the size of all tensors. */
static char *describe_file(const struct tensorfile *file, size_t *data_bytes, struct status *status)
{
    char *text = NULL;
    json_t *header = json_object(), *metadata = json_object();
    size_t offset = 0;
    for (size_t i = 0; i < file->metadata_count; i++) {
        if (json_object_set_new(metadata, file->metadata_keys[i], json_string(file->metadata_values[i])) != 0) {
            status_set(status, STATUS_BAD_INPUT, "metadata %.100s: not valid UTF-8, or no memory", file->metadata_keys[i]);
            goto done;
        }
    }
    if (file->metadata_count > 0 && json_object_set(header, "__metadata__", metadata) != 0) {
        status_set(status, STATUS_NO_MEMORY, "no memory for the header of %zu tensors", file->entry_count);
        goto done;
    }
    for (size_t i = 0; i < file->entry_count; i++) {
        if (json_object_set_new(header, file->entries[i].name, describe_entry(&file->entries[i], offset)) != 0) {
            bad_tensor(file->entries[i].name, "its name is not valid UTF-8, or no memory", status);
            goto done;
        }
        offset += file->entries[i].bytes;
    }
    text = dump_text(header);
    if (text == NULL)
        status_set(status, STATUS_NO_MEMORY, "no memory for the header of %zu tensors", file->entry_count);
    *data_bytes = offset;
done:
    json_decref(metadata);
    json_decref(header);
    return text;
}

enum status_code tensorfile_write(const struct tensorfile *file, void **data, size_t *size, struct status *status)
{
    size_t data_bytes = 0;
    char *header = describe_file(file, &data_bytes, status);
    if (header == NULL)
        return status != NULL ? status->code : STATUS_NO_MEMORY;
    size_t text_bytes = strlen(header);
    size_t header_bytes = aligned(text_bytes);
    const uint64_t length = header_bytes;
    unsigned char *bytes = malloc(LENGTH_BYTES + header_bytes + data_bytes);
    if (bytes == NULL) {
        free(header);
        return status_set(status, STATUS_NO_MEMORY, "no memory to write %zu bytes of tensors", data_bytes);
    }
    memcpy(bytes, &length, LENGTH_BYTES);
    memset(bytes + LENGTH_BYTES, ' ', header_bytes); /* the format pads its header with spaces */
    memcpy(bytes + LENGTH_BYTES, header, text_bytes);
    free(header);
    unsigned char *at = bytes + LENGTH_BYTES + header_bytes;
    for (size_t i = 0; i < file->entry_count; i++) {
        if (file->entries[i].bytes > 0)
            memcpy(at, file->entries[i].data, file->entries[i].bytes);
        at += file->entries[i].bytes;
    }
    *data = bytes;
    *size = (size_t)(at - bytes);
    return STATUS_OK;
}

enum status_code tensorfile_save(const struct tensorfile *file, const char *path, struct status *status)
{
    void *data = NULL;
    size_t size = 0;
    enum status_code code = tensorfile_write(file, &data, &size, status);
    if (code != STATUS_OK)
        return status_prefix(status, "%s", path);
    code = fileio_write(path, data, size, status);
    free(data);
    return code;
}
