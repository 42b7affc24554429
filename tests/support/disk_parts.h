/* disk_parts: what is noted down, as disk.c notes it and disk_cut.c reads it. */
#ifndef HWNAS_TESTS_SUPPORT_DISK_PARTS_H
#define HWNAS_TESTS_SUPPORT_DISK_PARTS_H

#include "tests/support/disk.h"

enum { FILES_MAX = 256, NAME_BYTES = 64, NONE = -1 };

enum kind { WRITE, TRUNCATE, SYNC, SYNC_FOLDER, CREATE, REMOVE, MOVE };

struct event {
    enum kind kind;
    int file;
    size_t offset, size; /* TRUNCATE: size */
    unsigned char *data;
    char name[NAME_BYTES], to[NAME_BYTES];
};

struct names {
    int file[FILES_MAX]; /* NONE: free */
    char name[FILES_MAX][NAME_BYTES];
};

struct bytes {
    unsigned char *data;
    size_t size, capacity;
};

struct disk {
    struct event *events;
    size_t count, capacity;
    struct names before; /* file i is contents[i] */
    struct bytes contents[FILES_MAX];
    struct names now;
    int files; /* so many are known */
};

/* Without memory, or with more files than were thought of, no test can go on. */
void disk_must(bool holds, const char *what);

/* The place of that name; NONE. */
int disk_find(const struct names *names, const char *name);
void disk_name(struct names *names, const char *word, int file);
void disk_apply_name(struct names *names, const struct event *event);

/* Writes at an offset; data NULL: zeros. */
void disk_put(struct bytes *bytes, size_t offset, const unsigned char *data, size_t size);

#endif
