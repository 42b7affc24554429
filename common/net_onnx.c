/* net_onnx: ONNX files on disk. Reading and writing bytes is in net_onnx_read.c and net_onnx_write.c. */
#include "common/net_onnx.h"

#include <stdlib.h>

#include "common/fileio.h"

static const size_t FILE_BYTES_MAX = (size_t)1 << 30;

enum status_code net_onnx_load(const char *path, const char *const *taps, size_t tap_count, struct net *out, struct status *status)
{
    void *data = NULL;
    size_t size = 0;
    enum status_code code = fileio_read(path, FILE_BYTES_MAX, &data, &size, status);
    if (code != STATUS_OK)
        return code;
    code = net_onnx_read(data, size, taps, tap_count, out, status);
    free(data);
    return code == STATUS_OK ? code : status_prefix(status, "%s", path);
}

enum status_code net_onnx_save(const struct net *net, const char *path, struct status *status)
{
    void *data = NULL;
    size_t size = 0;
    enum status_code code = net_onnx_write(net, &data, &size, status);
    if (code != STATUS_OK)
        return status_prefix(status, "%s", path);
    code = fileio_write(path, data, size, status);
    free(data);
    return code;
}
