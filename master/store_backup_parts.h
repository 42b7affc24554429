/* store_backup_parts: what store.c takes of store_backup.c for the copy before a migration. */
#ifndef HWNAS_MASTER_STORE_BACKUP_PARTS_H
#define HWNAS_MASTER_STORE_BACKUP_PARTS_H

#include "master/store.h"

/* A whole backup of an open store; with `replace` an older file of that name gives way. Blocks. */
enum status_code store_backup_whole(struct store *store, const char *target, bool replace, struct status *status);

#endif
