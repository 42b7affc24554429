/* crash: what crash_point is in a test build: HWNAS_CRASH=NAME:N kills the process with SIGKILL at its N-th passage of NAME. Two
 * places lie inside SQLite: `log-write` is before a write to a write-ahead log, `checkpoint-write` before one to the database
 * itself, which in WAL mode only a checkpoint does. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#define HWNAS_CRASH_POINTS
#include "common/crash.h"

static char wanted[64];
static long passages_left = -1; /* -1: not read yet; 0: never */
static ssize_t (*write_at)(int, const void *, size_t, off_t);

static void pass(const char *name)
{
    if (passages_left > 0 && strcmp(name, wanted) == 0 && --passages_left == 0)
        raise(SIGKILL);
}

static ssize_t write_or_die(int fd, const void *data, size_t size, off_t offset)
{
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length > 4) {
        path[length] = '\0';
        if (strcmp(path + length - 4, "-wal") == 0)
            pass("log-write");
        else if (strcmp(path + length - 3, ".db") == 0)
            pass("checkpoint-write");
    }
    return write_at(fd, data, size, offset);
}

static void read_wish(void)
{
    const char *wish = getenv("HWNAS_CRASH");
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    passages_left = 0;
    if (wish == NULL)
        return;
    if (sscanf(wish, "%63[a-z-]:%ld", wanted, &passages_left) != 2 || passages_left < 1 || vfs == NULL) {
        fprintf(stderr, "HWNAS_CRASH is '%s'; it must be NAME:N\n", wish);
        abort();
    }
    union {
        sqlite3_syscall_ptr plain;
        ssize_t (*write)(int, const void *, size_t, off_t);
    } now = {vfs->xGetSystemCall(vfs, "pwrite64")}, ours = {.write = write_or_die};
    if (now.plain == NULL || vfs->xSetSystemCall(vfs, "pwrite64", ours.plain) != SQLITE_OK) {
        fprintf(stderr, "SQLite's writes cannot be watched\n");
        abort();
    }
    write_at = now.write;
}

void crash_point(const char *name)
{
    if (passages_left < 0)
        read_wish();
    pass(name);
}
