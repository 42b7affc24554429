/* data_bytes: a data file's contents, gunzipped where needed. The only includer of zlib.h.
 *
 * Data files come from the network: a few bytes of gzip can promise gigabytes, so the output grows only as far as DATA_BYTES_MAX.
 */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "common/fileio.h"
#include "worker/data_format.h"

void data_bytes_free(struct data_bytes *bytes)
{
    free(bytes->data);
    memset(bytes, 0, sizeof *bytes);
}

/* Makes room for at least one more byte of output. */
static enum status_code grow(struct data_bytes *out, size_t *capacity, struct status *status)
{
    if (out->size < *capacity)
        return STATUS_OK;
    if (*capacity >= DATA_BYTES_MAX)
        return status_set(status, STATUS_BAD_INPUT, "%s: unpacks to more than the %zu bytes that are read here", out->path,
                          DATA_BYTES_MAX);
    size_t larger = *capacity * 2 > DATA_BYTES_MAX ? DATA_BYTES_MAX : *capacity * 2;
    uint8_t *data = realloc(out->data, larger);
    if (data == NULL)
        return status_set(status, STATUS_NO_MEMORY, "%s: no memory for its unpacked contents (%zu bytes so far)", out->path,
                          out->size);
    out->data = data;
    *capacity = larger;
    return STATUS_OK;
}

/* Unpacks member after member until the input is used up. */
static enum status_code inflate_all(z_stream *stream, struct data_bytes *out, size_t size, struct status *status)
{
    size_t capacity = (size_t)1 << 20;
    out->data = malloc(capacity);
    if (out->data == NULL)
        return status_set(status, STATUS_NO_MEMORY, "%s: no memory to unpack it", out->path);
    for (;;) {
        enum status_code code = grow(out, &capacity, status);
        if (code != STATUS_OK)
            return code;
        stream->next_out = out->data + out->size;
        stream->avail_out = (uInt)(capacity - out->size);
        int result = inflate(stream, Z_NO_FLUSH);
        out->size = capacity - stream->avail_out;
        if (result == Z_STREAM_END && stream->avail_in == 0)
            return STATUS_OK;
        if (result == Z_STREAM_END)
            result = inflateReset(stream);
        if (result == Z_BUF_ERROR && stream->avail_in == 0)
            return status_set(status, STATUS_BAD_INPUT, "%s: the gzip file is cut off after %zu bytes; fetch it again", out->path,
                              size);
        if (result == Z_MEM_ERROR)
            return status_set(status, STATUS_NO_MEMORY, "%s: no memory to unpack it", out->path);
        if (result != Z_OK && result != Z_BUF_ERROR)
            return status_set(status, STATUS_BAD_INPUT, "%s: damaged gzip data near offset %zu (%s)", out->path,
                              size - stream->avail_in, stream->msg != NULL ? stream->msg : "unexpected contents");
    }
}

static enum status_code gunzip(const struct data_bytes *packed, struct data_bytes *out, struct status *status)
{
    z_stream stream = {.next_in = packed->data, .avail_in = (uInt)packed->size};
    if (inflateInit2(&stream, 15 + 16) != Z_OK) /* 15: the largest window; 16: a gzip header and nothing else */
        return status_set(status, STATUS_NO_MEMORY, "%s: no memory to unpack it", packed->path);
    enum status_code code = inflate_all(&stream, out, packed->size, status);
    inflateEnd(&stream);
    return code;
}

enum status_code data_bytes_load(const char *path, struct data_bytes *out, struct status *status)
{
    struct data_bytes bytes = {.path = path};
    void *data = NULL;
    enum status_code code = fileio_read(path, DATA_BYTES_MAX, &data, &bytes.size, status);
    if (code != STATUS_OK)
        return code;
    bytes.data = data;
    if (bytes.size >= 2 && bytes.data[0] == 0x1f && bytes.data[1] == 0x8b) {
        struct data_bytes unpacked = {.path = path};
        code = gunzip(&bytes, &unpacked, status);
        data_bytes_free(&bytes);
        bytes = unpacked;
    }
    if (code != STATUS_OK)
        data_bytes_free(&bytes);
    else
        *out = bytes;
    return code;
}
