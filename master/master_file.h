/* master_file: the small file DATABASE.master beside a database that a master holds. It says who that is and where it listens, so
 * that a verb that finds the database held can ask there. Mode 0600, written whole, removed when the master ends in order. Blocks
 * on the disk. */
#ifndef HWNAS_MASTER_MASTER_FILE_H
#define HWNAS_MASTER_MASTER_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/host.h"
#include "common/status.h"

enum { MASTER_FILE_ADDRESSES_MAX = 8, MASTER_FILE_ADDRESS_BYTES = 256 };

struct master_file {
    long pid;
    uint64_t process_start; /* host_process_start of it */
    char host_id[HOST_ID_BYTES];
    char host[64];
    char study[64];
    char since[32]; /* for people */
    char version[32];
    bool with_keys; /* at tcp:// nobody is let in without one */
    size_t address_count;
    char addresses[MASTER_FILE_ADDRESSES_MAX][MASTER_FILE_ADDRESS_BYTES];
};

enum master_file_state {
    MASTER_FILE_NONE,
    MASTER_FILE_STALE, /* its process has ended, or it speaks of another database: a copy of a folder */
    MASTER_FILE_HERE,  /* its process runs on this machine */
    MASTER_FILE_AWAY   /* written on another machine (or before this one was started anew): who knows */
};

/* Fills in all but study, with_keys and addresses, for this very process. */
void master_file_describe(struct master_file *file);

/* Writes it for that database, which must be there. */
enum status_code master_file_write(const char *db, const struct master_file *file, struct status *status);

/* Removes it, if it is this process's own. */
void master_file_remove(const char *db);

/* Reads it. STALE and AWAY leave one sentence about it in *status; what cannot be read is STALE, too. */
enum master_file_state master_file_read(const char *db, struct master_file *out, struct status *status);

#endif
