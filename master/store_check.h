/* store_check: what a database must be before it is opened: in a place where its locks hold, ours, of a version that is known, and
 * sound. Nothing here changes anything. Included by store*.c and its tests. */
#ifndef HWNAS_MASTER_STORE_CHECK_H
#define HWNAS_MASTER_STORE_CHECK_H

#include <sqlite3.h>
#include <stdbool.h>

#include "common/status.h"

/* STATUS_UNSUPPORTED when the file lies, or would lie, on a network file system: locks and syncs may not be what they are called
 * there. What is not known to be one is taken for a local disk. */
enum status_code store_check_place(const char *path, struct status *status);

/* The name of the network file system that has this f_type (statfs); NULL when it is none. */
const char *store_check_network(long type);

/* Reads the file's first bytes, through SQLite's own handle: opening and closing the file beside it would drop the POSIX locks of
 * another connection of this process. STATUS_BAD_INPUT: not a database, another program's, a newer one, or beside it a log that is
 * not its own. */
enum status_code store_check_header(sqlite3 *db, const char *path, int known, struct status *status);

/* STATUS_BAD_INPUT when it is damaged. `whole`: integrity_check and foreign_key_check, which read every table and every index (up
 * to 0.6 s of processor time for 100 MB); else quick_check, which leaves the indexes out (half of that). */
enum status_code store_check_sound(sqlite3 *db, const char *path, bool whole, struct status *status);

/* The sentence for a version that is not known here. */
enum status_code store_check_newer(const char *path, int version, int known, struct status *status);

#endif
