/* workdir: private temporary folders for the programs an agent runs: made empty, removed with whatever is in them. */
#ifndef HWNAS_WORKER_WORKDIR_H
#define HWNAS_WORKER_WORKDIR_H

#include <limits.h>

#include "common/status.h"

/* Makes a folder that only this user may enter, under `parent` (NULL: $TMPDIR, or /tmp), and writes its full path. */
enum status_code workdir_create(const char *parent, char out[PATH_MAX], struct status *status);

/* Removes it and all that is in it, however deep, whatever its permissions; links are removed, never followed. Fine when it is gone
 * already. STATUS_IO with the path when something cannot be removed. No process may be at work in it. */
enum status_code workdir_remove(const char *path, struct status *status);

#endif
