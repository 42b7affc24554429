/* disk: see disk.h. The calls are made with syscall(2), which no other library stands in for. */
#undef _FORTIFY_SOURCE
#include "tests/support/disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FILES_MAX = 256, FDS_MAX = 1024, SECTOR_BYTES = 512, NAME_BYTES = 64, NONE = -1, FOLDER = -2 };

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

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct disk *watched;
static char watched_folder[PATH_MAX];
static int file_of[FDS_MAX]; /* of an open descriptor; valid while watching */

static struct {
    unsigned kinds;
    long left, calls;
    enum disk_fault fault;
    int error;
    bool armed, met;
} failing;

/* Without memory, or with more files than were thought of, no test can go on. */
static void must(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "disk: %s\n", what);
    abort();
}

/* --- names --- */

static int find(const struct names *names, const char *name)
{
    for (int i = 0; i < FILES_MAX; i++)
        if (names->file[i] != NONE && strcmp(names->name[i], name) == 0)
            return i;
    return NONE;
}

static void name(struct names *names, const char *word, int file)
{
    int place = find(names, word);
    for (int i = 0; i < FILES_MAX && place == NONE; i++)
        if (names->file[i] == NONE)
            place = i;
    must(place != NONE, "too many names");
    names->file[place] = file;
    snprintf(names->name[place], NAME_BYTES, "%s", word);
}

static int unname(struct names *names, const char *word)
{
    int place = find(names, word), file = place == NONE ? NONE : names->file[place];
    if (place != NONE)
        names->file[place] = NONE;
    return file;
}

static void apply_name(struct names *names, const struct event *event)
{
    if (event->kind == CREATE)
        name(names, event->name, event->file);
    else if (event->kind == REMOVE)
        unname(names, event->name);
    else if (find(names, event->name) != NONE)
        name(names, event->to, unname(names, event->name));
}

/* The name within the watched folder; "" for the folder itself; NULL: elsewhere. */
static const char *inside(const char *path)
{
    size_t length = strlen(watched_folder);
    if (watched == NULL || strncmp(path, watched_folder, length) != 0)
        return NULL;
    if (path[length] == '\0')
        return "";
    return path[length] == '/' && strchr(path + length + 1, '/') == NULL ? path + length + 1 : NULL;
}

/* --- noting down --- */

static struct event *note(enum kind kind, int file)
{
    struct disk *disk = watched;
    if (disk->count == disk->capacity) {
        disk->capacity = disk->capacity == 0 ? 1024 : 2 * disk->capacity;
        disk->events = realloc(disk->events, disk->capacity * sizeof *disk->events);
        must(disk->events != NULL, "no memory");
    }
    struct event *event = &disk->events[disk->count++];
    memset(event, 0, sizeof *event);
    event->kind = kind;
    event->file = file;
    return event;
}

static void note_write(int file, const void *data, size_t size, size_t offset)
{
    struct event *event = note(WRITE, file);
    event->data = malloc(size + 1);
    must(event->data != NULL, "no memory");
    memcpy(event->data, data, size);
    event->size = size;
    event->offset = offset;
}

static void note_name(enum kind kind, int file, const char *from, const char *to)
{
    struct event *event = note(kind, file);
    snprintf(event->name, sizeof event->name, "%s", from);
    snprintf(event->to, sizeof event->to, "%s", to);
    apply_name(&watched->now, event);
}

static void note_open(int fd, const char *word, int flags)
{
    must(fd < FDS_MAX, "too many descriptors");
    if (*word == '\0') {
        file_of[fd] = FOLDER;
        return;
    }
    int place = find(&watched->now, word);
    if (place == NONE) {
        must(watched->files < FILES_MAX, "too many files");
        note_name(CREATE, watched->files++, word, "");
        place = find(&watched->now, word);
    } else if ((flags & O_TRUNC) != 0) {
        note(TRUNCATE, watched->now.file[place]);
    }
    file_of[fd] = watched->now.file[place];
}

static int file_at(int fd)
{
    return watched != NULL && fd >= 0 && fd < FDS_MAX ? file_of[fd] : NONE;
}

/* --- calls that fail --- */

/* Whether this call is to fail; *lies: after it was done. With the lock held. */
static bool fails(unsigned kind, bool concerned, bool *lies)
{
    *lies = false;
    if (!failing.armed || !concerned || (failing.kinds & kind) == 0)
        return false;
    failing.calls++;
    if (failing.met && failing.fault != DISK_FAILS_FROM_THEN_ON)
        return false;
    if (!failing.met && failing.left-- > 0)
        return false;
    failing.met = true;
    *lies = failing.fault == DISK_LIES;
    errno = failing.error;
    return !*lies;
}

static long lied(bool lies, long result)
{
    if (!lies)
        return result;
    errno = failing.error;
    return -1;
}

/* --- the calls themselves --- */

static int open_it(const char *path, int flags, mode_t mode)
{
    pthread_mutex_lock(&lock);
    const char *word = inside(path);
    bool lies;
    int fd = -1;
    if (!fails(DISK_OPENS, word != NULL, &lies))
        fd = (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
    if (fd >= 0 && watched != NULL && fd < FDS_MAX)
        file_of[fd] = NONE;
    if (fd >= 0 && word != NULL)
        note_open(fd, word, flags);
    if (lies && fd >= 0)
        syscall(SYS_close, fd);
    fd = (int)lied(lies, fd);
    pthread_mutex_unlock(&lock);
    return fd;
}

static mode_t mode_of(int flags, va_list arguments)
{
    return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : 0;
}

int open(const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = mode_of(flags, arguments);
    va_end(arguments);
    return open_it(path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = mode_of(flags, arguments);
    va_end(arguments);
    return open_it(path, flags, mode);
}

int close(int fd)
{
    pthread_mutex_lock(&lock);
    if (watched != NULL && fd >= 0 && fd < FDS_MAX)
        file_of[fd] = NONE;
    int result = (int)syscall(SYS_close, fd);
    pthread_mutex_unlock(&lock);
    return result;
}

static ssize_t write_at(int fd, const void *data, size_t size, off64_t offset)
{
    pthread_mutex_lock(&lock);
    int file = file_at(fd);
    bool lies;
    ssize_t result = -1;
    if (!fails(DISK_WRITES, file >= 0, &lies)) {
        off64_t at = offset >= 0 || file < 0 ? offset : syscall(SYS_lseek, fd, 0, SEEK_CUR);
        result = offset >= 0 ? syscall(SYS_pwrite64, fd, data, size, offset) : syscall(SYS_write, fd, data, size);
        if (file >= 0 && result > 0)
            note_write(file, data, (size_t)result, (size_t)at);
    }
    result = lied(lies, result);
    pthread_mutex_unlock(&lock);
    return result;
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset)
{
    return write_at(fd, data, size, offset);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset)
{
    return write_at(fd, data, size, offset);
}

ssize_t write(int fd, const void *data, size_t size)
{
    return write_at(fd, data, size, -1);
}

static bool read_fails(int fd)
{
    pthread_mutex_lock(&lock);
    bool lies, failed = fails(DISK_READS, file_at(fd) >= 0, &lies) || lies;
    pthread_mutex_unlock(&lock);
    if (failed)
        errno = failing.error;
    return failed;
}

ssize_t pread64(int fd, void *data, size_t size, off64_t offset)
{
    return read_fails(fd) ? -1 : syscall(SYS_pread64, fd, data, size, offset);
}

ssize_t pread(int fd, void *data, size_t size, off_t offset)
{
    return read_fails(fd) ? -1 : syscall(SYS_pread64, fd, data, size, offset);
}

ssize_t read(int fd, void *data, size_t size)
{
    return read_fails(fd) ? -1 : syscall(SYS_read, fd, data, size);
}

static int truncate_to(int fd, off64_t size)
{
    pthread_mutex_lock(&lock);
    int file = file_at(fd), result = -1;
    bool lies;
    if (!fails(DISK_WRITES, file >= 0, &lies)) {
        result = (int)syscall(SYS_ftruncate, fd, size);
        if (file >= 0 && result == 0)
            note(TRUNCATE, file)->size = (size_t)size;
    }
    result = (int)lied(lies, result);
    pthread_mutex_unlock(&lock);
    return result;
}

int ftruncate64(int fd, off64_t size)
{
    return truncate_to(fd, size);
}

int ftruncate(int fd, off_t size)
{
    return truncate_to(fd, size);
}

/* The real one is left out: this is about what was asked for. */
static int sync_it(int fd)
{
    pthread_mutex_lock(&lock);
    int file = file_at(fd), result = -1;
    bool lies;
    if (file == NONE) {
        result = (int)syscall(SYS_fsync, fd);
    } else if (!fails(DISK_SYNCS, true, &lies)) {
        note(file == FOLDER ? SYNC_FOLDER : SYNC, file);
        result = (int)lied(lies, 0);
    }
    pthread_mutex_unlock(&lock);
    return result;
}

int fsync(int fd)
{
    return sync_it(fd);
}

int fdatasync(int fd)
{
    return sync_it(fd);
}

int unlink(const char *path)
{
    pthread_mutex_lock(&lock);
    const char *word = inside(path);
    int result = -1;
    bool lies;
    if (!fails(DISK_NAMES, word != NULL, &lies)) {
        result = (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
        if (word != NULL && result == 0)
            note_name(REMOVE, NONE, word, "");
    }
    result = (int)lied(lies, result);
    pthread_mutex_unlock(&lock);
    return result;
}

static int move(const char *from, const char *to, unsigned flags)
{
    pthread_mutex_lock(&lock);
    const char *old = inside(from), *fresh = inside(to);
    int result = -1;
    bool lies;
    if (!fails(DISK_NAMES, old != NULL, &lies)) {
        result = (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, flags);
        if (old != NULL && fresh != NULL && result == 0)
            note_name(MOVE, NONE, old, fresh);
    }
    result = (int)lied(lies, result);
    pthread_mutex_unlock(&lock);
    return result;
}

int rename(const char *from, const char *to)
{
    return move(from, to, 0);
}

int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags)
{
    must(from_folder == AT_FDCWD && to_folder == AT_FDCWD, "renameat2 within folders is not watched");
    return move(from, to, flags);
}

/* --- watching --- */

static void put(struct bytes *bytes, size_t offset, const unsigned char *data, size_t size)
{
    if (offset + size > bytes->capacity) {
        bytes->capacity = 2 * (offset + size);
        bytes->data = realloc(bytes->data, bytes->capacity);
        must(bytes->data != NULL, "no memory");
    }
    if (offset > bytes->size)
        memset(bytes->data + bytes->size, 0, offset - bytes->size);
    if (data != NULL)
        memcpy(bytes->data + offset, data, size);
    else
        memset(bytes->data + offset, 0, size);
    if (offset + size > bytes->size)
        bytes->size = offset + size;
}

static void cut_to(struct bytes *bytes, size_t size)
{
    if (size > bytes->size)
        put(bytes, bytes->size, NULL, size - bytes->size);
    bytes->size = size;
}

static void load(struct disk *disk, const char *word)
{
    char path[PATH_MAX + NAME_BYTES];
    unsigned char block[1 << 16];
    snprintf(path, sizeof path, "%s/%s", watched_folder, word);
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    must(fd >= 0 && disk->files < FILES_MAX, "a file cannot be read");
    for (ssize_t got; (got = syscall(SYS_read, fd, block, sizeof block)) > 0;)
        put(&disk->contents[disk->files], disk->contents[disk->files].size, block, (size_t)got);
    syscall(SYS_close, fd);
    name(&disk->before, word, disk->files++);
}

void disk_watch(const char *folder)
{
    if (watched != NULL) /* by a test that has failed */
        disk_free(disk_stop());
    failing.armed = false;
    struct disk *disk = calloc(1, sizeof *disk);
    must(disk != NULL && watched == NULL && realpath(folder, watched_folder) != NULL, "cannot watch");
    for (int i = 0; i < FILES_MAX; i++)
        disk->before.file[i] = NONE;
    DIR *all = opendir(folder);
    must(all != NULL, "the folder cannot be read");
    for (struct dirent *entry; (entry = readdir(all)) != NULL;)
        if (entry->d_type == DT_REG)
            load(disk, entry->d_name);
    closedir(all);
    disk->now = disk->before;
    for (int i = 0; i < FDS_MAX; i++)
        file_of[i] = NONE;
    watched = disk;
}

size_t disk_calls(void)
{
    return watched->count;
}

size_t disk_count(const struct disk *disk)
{
    return disk->count;
}

struct disk *disk_stop(void)
{
    struct disk *disk = watched;
    watched = NULL;
    return disk;
}

void disk_free(struct disk *disk)
{
    for (size_t i = 0; i < disk->count; i++)
        free(disk->events[i].data);
    for (int i = 0; i < FILES_MAX; i++)
        free(disk->contents[i].data);
    free(disk->events);
    free(disk);
}

bool disk_wrote(const struct disk *disk, size_t call, const char *word)
{
    int place = find(&disk->now, word);
    return place != NONE && disk->events[call].kind == WRITE && disk->events[call].file == disk->now.file[place];
}

void disk_fail_after(unsigned kinds, long calls, enum disk_fault fault, int error)
{
    failing.kinds = kinds;
    failing.left = calls;
    failing.calls = 0;
    failing.fault = fault;
    failing.error = error;
    failing.met = false;
    failing.armed = true;
}

bool disk_heal(long *calls)
{
    bool met = failing.armed && failing.met;
    failing.armed = false;
    *calls = failing.calls;
    return met;
}

/* --- power cuts --- */

struct image {
    struct names names;
    struct bytes files[FILES_MAX];
};

static void apply(struct image *image, const struct event *event)
{
    if (event->kind == WRITE)
        put(&image->files[event->file], event->offset, event->data, event->size);
    else if (event->kind == TRUNCATE)
        cut_to(&image->files[event->file], event->size);
}

/* Each sector for itself. */
static void tear(struct image *image, const struct event *event, double chance, struct rng *rng)
{
    struct bytes *file = &image->files[event->file];
    for (size_t at = 0, part; at < event->size; at += part) {
        part = SECTOR_BYTES - (event->offset + at) % SECTOR_BYTES;
        part = part < event->size - at ? part : event->size - at;
        unsigned char noise[SECTOR_BYTES];
        const unsigned char *data = event->data + at;
        if (rng_uniform(rng) >= chance) {
            if (event->offset + at + part <= file->size || rng_below(rng, 2) == 0)
                continue;
            memset(noise, (int)rng_below(rng, 256), sizeof noise); /* the file has grown by something that is not its own */
            data = noise;
        }
        put(file, event->offset + at, data, part);
    }
}

/* Replays what is safe after so many calls: for each event that is not, `left[i]` is true. */
static void replay(const struct disk *disk, size_t calls, struct image *image, bool *left)
{
    size_t file_from[FILES_MAX] = {0}, names_from = 0;
    for (size_t i = 0; i < calls; i++) {
        const struct event *event = &disk->events[i];
        left[i] = event->kind != SYNC && event->kind != SYNC_FOLDER;
        if (event->kind == SYNC) {
            for (size_t k = file_from[event->file]; k < i; k++)
                if (left[k] && disk->events[k].kind <= TRUNCATE && disk->events[k].file == event->file) {
                    apply(image, &disk->events[k]);
                    left[k] = false;
                }
            file_from[event->file] = i;
        } else if (event->kind == SYNC_FOLDER) {
            for (size_t k = names_from; k < i; k++)
                if (left[k] && disk->events[k].kind >= CREATE) {
                    apply_name(&image->names, &disk->events[k]);
                    left[k] = false;
                }
            names_from = i;
        }
    }
}

/* What of the rest is there, too. */
static void leave(const struct disk *disk, size_t calls, enum disk_power power, struct rng *rng, struct image *image,
                  const bool *left)
{
    double chance = rng_uniform(rng), end_of_names = rng_uniform(rng);
    bool names_go_on = power != DISK_NONE;
    for (size_t i = 0; i < calls && power != DISK_NONE; i++) {
        const struct event *event = &disk->events[i];
        if (!left[i])
            continue;
        if (event->kind >= CREATE) {
            names_go_on = names_go_on && (power == DISK_ALL || rng_uniform(rng) > end_of_names / 4);
            if (names_go_on)
                apply_name(&image->names, event);
        } else if (power == DISK_TORN && event->kind == WRITE) {
            tear(image, event, chance, rng);
        } else if (power == DISK_ALL || rng_uniform(rng) < chance) {
            apply(image, event);
        }
    }
}

static void empty(const char *folder)
{
    DIR *all = opendir(folder);
    must(all != NULL, "the folder cannot be read");
    for (struct dirent *entry; (entry = readdir(all)) != NULL;) {
        char path[PATH_MAX];
        snprintf(path, sizeof path, "%.2000s/%s", folder, entry->d_name);
        if (entry->d_type == DT_REG)
            must(syscall(SYS_unlinkat, AT_FDCWD, path, 0) == 0, "a file cannot be removed");
    }
    closedir(all);
}

static void store(const char *folder, const char *word, const struct bytes *bytes)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%.2000s/%s", folder, word);
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    must(fd >= 0, "a file cannot be made");
    for (size_t done = 0; done < bytes->size;) {
        ssize_t put_now = syscall(SYS_write, fd, bytes->data + done, bytes->size - done);
        must(put_now > 0, "a file cannot be written");
        done += (size_t)put_now;
    }
    syscall(SYS_close, fd);
}

void disk_cut(const struct disk *disk, size_t calls, enum disk_power power, struct rng *rng, const char *folder)
{
    struct image *image = calloc(1, sizeof *image);
    bool *left = calloc(calls + 1, sizeof *left);
    must(image != NULL && left != NULL && calls <= disk->count, "no memory");
    image->names = disk->before;
    for (int i = 0; i < FILES_MAX; i++)
        if (disk->contents[i].size > 0)
            put(&image->files[i], 0, disk->contents[i].data, disk->contents[i].size);
    replay(disk, calls, image, left);
    leave(disk, calls, power, rng, image, left);
    empty(folder);
    for (int i = 0; i < FILES_MAX; i++)
        if (image->names.file[i] != NONE)
            store(folder, image->names.name[i], &image->files[image->names.file[i]]);
    for (int i = 0; i < FILES_MAX; i++)
        free(image->files[i].data);
    free(left);
    free(image);
}
