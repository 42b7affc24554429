/* doctor_disk: what a database would lie on. Part of doctor. The rule it keeps: it writes beside the database, never to it. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/doctor.h"
#include "common/fileio.h"
#include "common/filesystem.h"
#include "common/median.h"

enum { SYNCS = 15, BLOCK_BYTES = 4096, ROOM_LEAST_MB = 64, ROOM_FEW_MB = 1024 };

/* fsync shorter than that: nothing has been written to anything. Longer: each commit waits so long. */
static const double sync_least_ms = 0.02, sync_most_ms = 50;

/* What speaks against a kind of file system, and how much. */
static const struct {
    enum doctor_level level;
    const char *why;
} kinds[] = {
    [FILESYSTEM_LOCAL] = {DOCTOR_FINE, "a local disk"},
    [FILESYSTEM_NETWORK] = {DOCTOR_WRONG, "locks and syncs are not to be trusted there: no master opens a database on it"},
    [FILESYSTEM_SHARED] = {DOCTOR_DOUBTFUL, "whether locks and syncs do what they say depends on what stands behind it"},
    [FILESYSTEM_LAYER] = {DOCTOR_DOUBTFUL, "a layer of a container: it goes when the container goes"},
    [FILESYSTEM_MEMORY] = {DOCTOR_DOUBTFUL, "memory: it is gone when the machine is switched off"},
    [FILESYSTEM_UNKNOWN] = {DOCTOR_UNKNOWN, "of a kind that is not known to hwnas"},
};

void doctor_filesystem(const char *folder, unsigned long type, struct doctor_report *report)
{
    struct filesystem here = filesystem_of(type);
    enum doctor_level level = kinds[here.kind].level;
    doctor_say(report, level, "disk", level > DOCTOR_UNKNOWN ? "keep the database on a local disk: --db FILE" : NULL,
               "%.300s lies on %s (0x%lx): %s", folder, here.name, type & 0xffffffff, kinds[here.kind].why);
}

static void look_at_kind(const char *folder, struct doctor_report *report)
{
    struct statfs info;
    if (statfs(folder, &info) != 0) {
        doctor_say(report, DOCTOR_UNKNOWN, "disk", NULL, "%s: %s", folder, strerror(errno));
        return;
    }
    doctor_filesystem(folder, (unsigned long)info.f_type, report);
}

static void look_at_room(const char *folder, struct doctor_report *report)
{
    struct statvfs info;
    if (statvfs(folder, &info) != 0)
        return;
    unsigned long long free_mb = (unsigned long long)info.f_bavail * info.f_frsize >> 20;
    enum doctor_level level = free_mb < ROOM_LEAST_MB ? DOCTOR_WRONG : free_mb < ROOM_FEW_MB ? DOCTOR_DOUBTFUL : DOCTOR_FINE;
    doctor_say(report, level, "disk", level == DOCTOR_FINE ? NULL : "make room: a full disk stops the search until it has some",
               "%llu MB are free there", free_mb);
    if (info.f_files > 0 && info.f_favail < 100)
        doctor_say(report, DOCTOR_WRONG, "disk", "remove files: a database needs three or four",
                   "there is room for %llu more files only", (unsigned long long)info.f_favail);
}

/* Milliseconds of a write and its fsync, the median of some; negative: errno says why not. */
static double sync_ms(const char *path)
{
    static const char block[BLOCK_BYTES];
    double ms[SYNCS];
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return -1;
    int done = 0;
    while (done < SYNCS) {
        int64_t start_ns = clock_monotonic_ns();
        if (pwrite(fd, block, sizeof block, (off_t)done * BLOCK_BYTES) != (ssize_t)sizeof block || fsync(fd) != 0)
            break;
        ms[done++] = (double)(clock_monotonic_ns() - start_ns) / 1e6;
    }
    int reason = errno;
    close(fd);
    unlink(path);
    errno = reason;
    return done == SYNCS ? median_sort(ms, SYNCS) : -1;
}

static void look_at_syncs(const char *folder, struct doctor_report *report)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%.4000s/.hwnas-doctor-%ld", folder, (long)getpid());
    double ms = sync_ms(path);
    if (ms < 0)
        doctor_say(report, DOCTOR_WRONG, "disk", "name a folder that this user can write to, on a disk that works: --db FILE",
                   "%s: a file cannot be written and synced there: %s", folder, strerror(errno));
    else if (ms < sync_least_ms)
        doctor_say(report, DOCTOR_DOUBTFUL, "disk",
                   "find out whether it keeps what it has been told to keep; after a power cut it may not",
                   "a write and fsync take %.3f ms: no disk is that fast; what is acknowledged may not be kept", ms);
    else if (ms > sync_most_ms)
        doctor_say(
            report, DOCTOR_DOUBTFUL, "disk", "a faster disk, or one that nobody else keeps busy",
            "a write and fsync take %.0f ms: a master commits as seldom, some %.0f times a second, however many results come "
            "at once",
            ms, 1000 / ms);
    else
        doctor_say(report, DOCTOR_FINE, "disk", NULL, "a write and fsync take %.2f ms", ms);
}

/* Written, renamed, read again: as everything is that hwnas writes but the database itself. */
static void look_at_renames(const char *folder, struct doctor_report *report)
{
    static const char text[] = "hwnas doctor\n";
    char path[PATH_MAX];
    struct status status = {0};
    void *data = NULL;
    size_t size = 0;
    snprintf(path, sizeof path, "%.4000s/.hwnas-doctor-%ld", folder, (long)getpid());
    enum status_code code = fileio_write(path, text, sizeof text, &status);
    if (code == STATUS_OK)
        code = fileio_read(path, sizeof text, &data, &size, &status);
    if (code != STATUS_OK)
        doctor_say(report, DOCTOR_WRONG, "disk", "name a folder that this user can write to: --db FILE", "%s", status.message);
    else if (size != sizeof text || memcmp(data, text, size) != 0)
        doctor_say(report, DOCTOR_WRONG, "disk", "do not use this disk", "%s: what was written is not what is read", folder);
    else
        doctor_say(report, DOCTOR_FINE, "disk", NULL, "files are written, renamed and read there");
    free(data);
    unlink(path);
}

void doctor_disk(const struct doctor_options *options, struct doctor_report *report)
{
    char folder[PATH_MAX];
    const char *db = options->db != NULL ? options->db : "./x.db", *slash = strrchr(db, '/');
    snprintf(folder, sizeof folder, "%.*s", slash == NULL || slash == db ? 1 : (int)(slash - db), slash == NULL ? "." : db);
    char *real = realpath(folder, NULL);
    struct stat info;
    if (real == NULL || stat(real, &info) != 0 || !S_ISDIR(info.st_mode)) {
        doctor_say(report, DOCTOR_WRONG, "disk", "make the folder, or name another: --db FILE", "%s: %s", folder,
                   real == NULL ? strerror(errno) : "is no folder");
        free(real);
        return;
    }
    look_at_kind(real, report);
    look_at_room(real, report);
    look_at_syncs(real, report);
    look_at_renames(real, report);
    if (options->db != NULL && (info.st_mode & 002) != 0 && (info.st_mode & S_ISVTX) == 0)
        doctor_say(report, DOCTOR_DOUBTFUL, "disk", "chmod o-w", "%s: everybody may put a file there in the database's place",
                   real);
    free(real);
}
