/* disk: every call by which the program writes into one folder, SQLite's and its own, noted down in order: so that the power can be
 * cut after any of them, and any of them can fail. It stands where the C library stands, below SQLite's own VFS: what that VFS
 * does with folders and what hwnas does beside SQLite (renames, fsyncs of its own) is seen too. Programs that want it are named in
 * the Makefile; open, write and their kin are then its own. One folder at a time, without folders in it.
 *
 * What is safe: the bytes of a file once it was synced, and names once their folder was. Of the rest a power cut may leave anything
 * (enum disk_power); a file that is synced under a name that is not may be gone. */
#ifndef HWNAS_TESTS_SUPPORT_DISK_H
#define HWNAS_TESTS_SUPPORT_DISK_H

#include <stdbool.h>
#include <stddef.h>

#include "common/rng.h"

struct disk; /* what was noted down */

/* Begins: what the folder's files hold now is safe. */
void disk_watch(const char *folder);

/* How many calls have changed something so far, or did so in all: where the power can be cut. */
size_t disk_calls(void);
size_t disk_count(const struct disk *disk);

/* Ends; the caller frees what was noted down. */
struct disk *disk_stop(void);
void disk_free(struct disk *disk);

/* That call, counted from 0, has written into the file that had the name when the record ended. */
bool disk_wrote(const struct disk *disk, size_t call, const char *name);

enum disk_power {
    DISK_ALL,  /* everything written is there: only the process was killed */
    DISK_NONE, /* nothing that was not safe */
    DISK_SOME, /* any of the calls, later ones without earlier ones; of the names the first few */
    DISK_TORN  /* any 512 bytes of any of them; where nothing was written before, zeros or noise */
};

/* Leaves in that folder, emptied first, what could be left had the power gone after so many calls. Not while watching it. */
void disk_cut(const struct disk *disk, size_t calls, enum disk_power power, struct rng *rng, const char *folder);

/* --- calls that fail, while watching --- */
enum { DISK_OPENS = 1, DISK_READS = 2, DISK_WRITES = 4, DISK_SYNCS = 8, DISK_NAMES = 16, DISK_EVERY = 31 };

enum disk_fault {
    DISK_FAILS_ONCE,
    DISK_FAILS_FROM_THEN_ON,
    DISK_LIES /* once: it is done, and said to have failed */
};

/* After so many more calls of those kinds one fails with `error` (an errno). */
void disk_fail_after(unsigned kinds, long calls, enum disk_fault fault, int error);

/* All is well again. Returns whether a call has failed; *calls: how many of those kinds there were. */
bool disk_heal(long *calls);

#endif
