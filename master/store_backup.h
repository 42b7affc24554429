/* store_backup: a copy of a database, taken while its owner goes on writing. Part of store (failures and ownership: see store.h).
 *
 * The copy holds everything that was committed before it was begun, and as of some moment until it ends: what is committed
 * meanwhile is written into it too. It grows under the name TARGET.partial, is checked there (integrity_check, foreign_key_check),
 * synced, and takes its own name only then; nothing that exists is ever replaced. Whatever fails leaves nothing of it behind; a
 * kill leaves TARGET.partial, which the next backup to that name replaces. It is one plain file without a log beside it, which can
 * also be read where nothing can be written. */
#ifndef HWNAS_MASTER_STORE_BACKUP_H
#define HWNAS_MASTER_STORE_BACKUP_H

#include "master/store.h"

struct store_backup;

/* STATUS_CONFLICT: there is a file of that name, or another backup to it is on its way. The store must outlive the backup. */
enum status_code store_backup_begin(struct store *store, const char *target, struct store_backup **out, struct status *status);

/* Copies about a megabyte, or looks whether the check is done, which runs on a thread of its own on the copy alone: blocks for
 * milliseconds. *done: the copy is complete, under its name, and safe from a power cut. Call it again until then, outside of a
 * transaction. After a failure only store_backup_end may be called. */
enum status_code store_backup_step(struct store_backup *backup, bool *done, struct status *status);

/* Frees it; what is not done is given up and removed (blocks until a check that runs has ended). NULL is allowed. */
void store_backup_end(struct store_backup *backup);

/* All at once, of a database that nobody holds. Blocks. STATUS_CONFLICT also when a master holds it; others as store_open. */
enum status_code store_backup_file(const char *path, const char *target, struct status *status);

#endif
