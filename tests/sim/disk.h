/* disk: a disk in memory under SQLite, for the simulation: it can be copied at any write, lose what was not synced, and fail.
 *
 * It is SQLite's default file system while it is mounted. Files are known by path; a path it was not told of begins empty. */
#ifndef HWNAS_TESTS_SIM_DISK_H
#define HWNAS_TESTS_SIM_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DISK_FILES = 4, DISK_PATH_BYTES = 256 };

struct disk_bytes {
    uint8_t *data;
    size_t size, capacity;
};

struct disk_file {
    char path[DISK_PATH_BYTES]; /* empty: free */
    struct disk_bytes now, synced;
    size_t dirty_from, dirty_to; /* where they may differ; sizes apart */
};

/* All files at one moment. */
struct disk_copy {
    struct disk_file files[DISK_FILES];
};

struct disk {
    struct disk_copy on;
    struct disk_copy *copy_to; /* at the write number copy_at, before it happens; NULL: no copy is to be made */
    uint64_t writes, copy_at;
    bool copy_synced; /* what a power cut would leave: all that was synced, nothing else */
    bool failing;     /* writes and syncs fail */
};

/* One at a time. The disk must stay where it is until it is unmounted. */
void disk_mount(struct disk *disk);
void disk_unmount(struct disk *disk);

/* Puts a file on it, synced. */
void disk_put(struct disk *disk, const char *path, const void *data, size_t size);

/* *out becomes what the disk holds now (synced: what a power cut would leave), whatever it was before. */
void disk_save(const struct disk *disk, bool synced, struct disk_copy *out);

/* The disk holds that again. */
void disk_restore(struct disk *disk, const struct disk_copy *copy);

void disk_copy_free(struct disk_copy *copy);
void disk_free(struct disk *disk);

#endif
