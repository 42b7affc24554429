/* fileio: whole files in and out: read with a size limit, write all or nothing. */
#ifndef HWNAS_COMMON_FILEIO_H
#define HWNAS_COMMON_FILEIO_H

#include <stddef.h>

#include "common/status.h"

/* Reads a regular file of at most max_bytes into a fresh buffer (NUL byte appended, not counted). Caller frees *data. Blocks.
 * STATUS_NOT_FOUND, STATUS_BAD_INPUT (too large, a directory) or STATUS_IO, each naming the path. */
enum status_code fileio_read(const char *path, size_t max_bytes, void **data, size_t *size, struct status *status);

/* Writes through a temporary file in the same folder, fsync, rename, fsync of the folder: readers see the old file or the new one.
 * A symbolic link to a file stays and its file is replaced; a device, pipe or socket (/dev/stdout) is written to as it is. Blocks;
 * STATUS_IO naming the path. */
enum status_code fileio_write(const char *path, const void *data, size_t size, struct status *status);

/* Whether fileio_write may be able to write it: for what computes long before it does. Leaves nothing behind. STATUS_IO naming the
 * path. */
enum status_code fileio_check_target(const char *path, struct status *status);

/* fileio_write with mode 0600, whatever the file's mode was before. */
enum status_code fileio_write_private(const char *path, const void *data, size_t size, struct status *status);

/* Opens and empties a file under which something is to grow before it takes its name, and locks it: what a kill left of an earlier
 * try is taken over. Closing *fd gives it back; remove or rename the file before that. STATUS_CONFLICT: somebody else is at it;
 * STATUS_IO. */
enum status_code fileio_claim(const char *temporary, int *fd, struct status *status);

/* Gives a complete file its name and fsyncs the folder; never replaces anything. Both names are in one folder. STATUS_CONFLICT when
 * there is something of that name, STATUS_IO; the file then still has its temporary name. */
enum status_code fileio_take_name(const char *temporary, const char *path, struct status *status);

/* fsync of the folder that holds path: without it a rename could be lost in a power cut. Failure is not told: not every file system
 * can. */
void fileio_sync_folder(const char *path);

#endif
