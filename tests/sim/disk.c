/* disk: a SQLite file system of arrays of bytes. No shared memory: what is opened must be locked exclusively, as the store does. */
#include "tests/sim/disk.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/test.h"

struct handle {
    sqlite3_file base;
    struct disk *disk;
    struct disk_file *file;
};

/* --- bytes --- */

static void resize(struct disk_bytes *bytes, size_t size)
{
    if (size > bytes->capacity) {
        bytes->capacity = size + size / 2 + 4096;
        bytes->data = realloc(bytes->data, bytes->capacity);
        assert_non_null(bytes->data);
    }
    if (size > bytes->size)
        memset(bytes->data + bytes->size, 0, size - bytes->size);
    bytes->size = size;
}

static void assign(struct disk_bytes *bytes, const struct disk_bytes *from)
{
    resize(bytes, from->size);
    if (from->size > 0)
        memcpy(bytes->data, from->data, from->size);
}

static void touch(struct disk_file *file, size_t from, size_t to)
{
    if (from < file->dirty_from)
        file->dirty_from = from;
    if (to > file->dirty_to)
        file->dirty_to = to;
}

static void clean(struct disk_file *file)
{
    file->dirty_from = SIZE_MAX;
    file->dirty_to = 0;
}

static void sync_file(struct disk_file *file)
{
    size_t to = file->dirty_to < file->now.size ? file->dirty_to : file->now.size;
    resize(&file->synced, file->now.size);
    if (file->dirty_from < to)
        memcpy(file->synced.data + file->dirty_from, file->now.data + file->dirty_from, to - file->dirty_from);
    clean(file);
}

static struct disk_file *find_file(struct disk_copy *copy, const char *path)
{
    struct disk_file *spare = NULL;
    for (int i = 0; i < DISK_FILES; i++) {
        if (strcmp(copy->files[i].path, path) == 0)
            return &copy->files[i];
        if (copy->files[i].path[0] == '\0' && spare == NULL)
            spare = &copy->files[i];
    }
    return spare;
}

/* --- whole disks --- */

void disk_put(struct disk *disk, const char *path, const void *data, size_t size)
{
    struct disk_file *file = find_file(&disk->on, path);
    assert_non_null(file);
    snprintf(file->path, sizeof file->path, "%s", path);
    file->now.size = 0;
    resize(&file->now, size);
    memcpy(file->now.data, data, size);
    assign(&file->synced, &file->now);
    clean(file);
}

void disk_save(const struct disk *disk, bool synced, struct disk_copy *out)
{
    for (int i = 0; i < DISK_FILES; i++) {
        const struct disk_file *file = &disk->on.files[i];
        memcpy(out->files[i].path, file->path, sizeof file->path);
        assign(&out->files[i].now, synced ? &file->synced : &file->now);
    }
}

void disk_restore(struct disk *disk, const struct disk_copy *copy)
{
    for (int i = 0; i < DISK_FILES; i++) {
        struct disk_file *file = &disk->on.files[i];
        memcpy(file->path, copy->files[i].path, sizeof file->path);
        assign(&file->now, &copy->files[i].now);
        assign(&file->synced, &copy->files[i].now);
        clean(file);
    }
}

void disk_copy_free(struct disk_copy *copy)
{
    for (int i = 0; i < DISK_FILES; i++) {
        free(copy->files[i].now.data);
        free(copy->files[i].synced.data);
    }
    memset(copy, 0, sizeof *copy);
}

void disk_free(struct disk *disk)
{
    disk_copy_free(&disk->on);
}

/* --- what SQLite calls on a file --- */

static struct handle *handle_of(sqlite3_file *base)
{
    return (struct handle *)base;
}

static int close_file(sqlite3_file *base)
{
    (void)base;
    return SQLITE_OK;
}

static int read_file(sqlite3_file *base, void *out, int count, sqlite3_int64 offset)
{
    const struct disk_bytes *bytes = &handle_of(base)->file->now;
    size_t from = (size_t)offset, wanted = (size_t)count, there = from < bytes->size ? bytes->size - from : 0;
    if (there > wanted)
        there = wanted;
    if (there > 0)
        memcpy(out, bytes->data + from, there);
    memset((char *)out + there, 0, wanted - there);
    return there == wanted ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

/* False: the disk does not take it. */
static bool note_write(struct disk *disk)
{
    if (disk->copy_to != NULL && disk->writes >= disk->copy_at) {
        disk_save(disk, disk->copy_synced, disk->copy_to);
        disk->copy_to = NULL;
    }
    disk->writes++;
    return !disk->failing;
}

static int write_file(sqlite3_file *base, const void *data, int count, sqlite3_int64 offset)
{
    struct disk_file *file = handle_of(base)->file;
    size_t end = (size_t)offset + (size_t)count;
    if (!note_write(handle_of(base)->disk))
        return SQLITE_IOERR_WRITE;
    if (end > file->now.size)
        resize(&file->now, end);
    memcpy(file->now.data + offset, data, (size_t)count);
    touch(file, (size_t)offset, end);
    return SQLITE_OK;
}

static int truncate_file(sqlite3_file *base, sqlite3_int64 size)
{
    struct disk_file *file = handle_of(base)->file;
    if (!note_write(handle_of(base)->disk))
        return SQLITE_IOERR_TRUNCATE;
    resize(&file->now, (size_t)size);
    touch(file, (size_t)size, file->synced.size);
    return SQLITE_OK;
}

static int sync_now(sqlite3_file *base, int flags)
{
    (void)flags;
    if (!note_write(handle_of(base)->disk))
        return SQLITE_IOERR_FSYNC;
    sync_file(handle_of(base)->file);
    return SQLITE_OK;
}

static int file_size(sqlite3_file *base, sqlite3_int64 *out)
{
    *out = (sqlite3_int64)handle_of(base)->file->now.size;
    return SQLITE_OK;
}

static int lock_nothing(sqlite3_file *base, int level)
{
    (void)base;
    (void)level;
    return SQLITE_OK;
}

static int nobody_holds(sqlite3_file *base, int *out)
{
    (void)base;
    *out = 0;
    return SQLITE_OK;
}

static int control(sqlite3_file *base, int operation, void *argument)
{
    (void)base;
    (void)operation;
    (void)argument;
    return SQLITE_NOTFOUND;
}

static int sector_size(sqlite3_file *base)
{
    (void)base;
    return 512;
}

static int characteristics(sqlite3_file *base)
{
    (void)base;
    return 0;
}

static const sqlite3_io_methods methods = {.iVersion = 1,
                                           .xClose = close_file,
                                           .xRead = read_file,
                                           .xWrite = write_file,
                                           .xTruncate = truncate_file,
                                           .xSync = sync_now,
                                           .xFileSize = file_size,
                                           .xLock = lock_nothing,
                                           .xUnlock = lock_nothing,
                                           .xCheckReservedLock = nobody_holds,
                                           .xFileControl = control,
                                           .xSectorSize = sector_size,
                                           .xDeviceCharacteristics = characteristics};

/* --- what it calls on the file system --- */

static int open_file(sqlite3_vfs *vfs, const char *path, sqlite3_file *base, int flags, int *out_flags)
{
    struct handle *handle = handle_of(base);
    struct disk *disk = vfs->pAppData;
    handle->disk = disk;
    handle->file = find_file(&disk->on, path != NULL ? path : "temporary");
    if (handle->file == NULL)
        return SQLITE_CANTOPEN;
    if (handle->file->path[0] == '\0') {
        snprintf(handle->file->path, sizeof handle->file->path, "%s", path != NULL ? path : "temporary");
        handle->file->now.size = handle->file->synced.size = 0;
        clean(handle->file);
    }
    if (out_flags != NULL)
        *out_flags = flags;
    base->pMethods = &methods;
    return SQLITE_OK;
}

static int delete_file(sqlite3_vfs *vfs, const char *path, int sync)
{
    struct disk *disk = vfs->pAppData;
    struct disk_file *file = find_file(&disk->on, path);
    (void)sync;
    if (!note_write(disk))
        return SQLITE_IOERR_DELETE;
    if (file != NULL && file->path[0] != '\0') {
        file->path[0] = '\0';
        file->now.size = file->synced.size = 0;
        clean(file);
    }
    return SQLITE_OK;
}

static int access_file(sqlite3_vfs *vfs, const char *path, int flags, int *out)
{
    struct disk *disk = vfs->pAppData;
    const struct disk_file *file = find_file(&disk->on, path);
    (void)flags;
    *out = file != NULL && file->path[0] != '\0';
    return SQLITE_OK;
}

static int full_path(sqlite3_vfs *vfs, const char *path, int size, char *out)
{
    (void)vfs;
    snprintf(out, (size_t)size, "%s", path);
    return SQLITE_OK;
}

static int randomness(sqlite3_vfs *vfs, int size, char *out)
{
    (void)vfs;
    memset(out, 7, (size_t)size);
    return size;
}

static int wait_not(sqlite3_vfs *vfs, int microseconds)
{
    (void)vfs;
    return microseconds;
}

static int julian_now(sqlite3_vfs *vfs, double *out)
{
    (void)vfs;
    *out = 2460000.5;
    return SQLITE_OK;
}

static int last_error(sqlite3_vfs *vfs, int size, char *out)
{
    (void)vfs;
    if (size > 0)
        out[0] = '\0';
    return 0;
}

static sqlite3_vfs memory = {.iVersion = 1,
                             .szOsFile = sizeof(struct handle),
                             .mxPathname = DISK_PATH_BYTES - 1,
                             .zName = "hwnas-sim",
                             .xOpen = open_file,
                             .xDelete = delete_file,
                             .xAccess = access_file,
                             .xFullPathname = full_path,
                             .xRandomness = randomness,
                             .xSleep = wait_not,
                             .xCurrentTime = julian_now,
                             .xGetLastError = last_error};

void disk_mount(struct disk *disk)
{
    memory.pAppData = disk;
    assert_int_equal(sqlite3_vfs_register(&memory, 1), SQLITE_OK);
}

void disk_unmount(struct disk *disk)
{
    assert_ptr_equal(memory.pAppData, disk);
    sqlite3_vfs_unregister(&memory);
    memory.pAppData = NULL;
}
