/* build_cache: one file a key, named by it: a line that says what it is, the digest of the contents, the contents. Called by
 * runner_command.
 *
 * The rule it keeps: what is read is what was written, or nothing: files appear whole (temporary file, fsync, rename), and their
 * contents are held against their digest each time. */
#include "worker/build_cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fileio.h"

static const char magic[16] = "hwnas build 1\n";
enum { HEADER_BYTES = sizeof magic + DIGEST_BYTES, NAME_BYTES = DIGEST_HEX_BYTES + 8 };

static enum status_code make_folders(char *path, struct status *status)
{
    for (char *at = strchr(path + 1, '/');; at = strchr(at + 1, '/')) {
        if (at != NULL)
            *at = '\0';
        int failed = mkdir(path, 0700) != 0 && errno != EEXIST;
        int reason = errno;
        if (failed && access(path, W_OK) != 0)
            return status_set(status, STATUS_IO, "%.300s: the cache of builds cannot be made there: %s", path, strerror(reason));
        if (at == NULL)
            return STATUS_OK;
        *at = '/';
    }
}

enum status_code build_cache_open(const char *folder, uint64_t bytes_max, struct build_cache *out, struct status *status)
{
    const char *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    int size = folder != NULL                   ? snprintf(out->folder, PATH_MAX, "%s", folder)
               : xdg != NULL && xdg[0] == '/'   ? snprintf(out->folder, PATH_MAX, "%s/hwnas/builds", xdg)
               : home != NULL && home[0] == '/' ? snprintf(out->folder, PATH_MAX, "%s/.cache/hwnas/builds", home)
                                                : 0;
    if (size <= 0)
        return status_set(status, STATUS_BAD_INPUT, "no folder for the cache of builds: set HOME or XDG_CACHE_HOME");
    if (size >= PATH_MAX - 2 * NAME_BYTES)
        return status_set(status, STATUS_BAD_INPUT, "%.60s...: the path of the cache of builds is too long", out->folder);
    out->bytes_max = bytes_max;
    return make_folders(out->folder, status);
}

static void path_of(const struct build_cache *cache, const struct digest *key, char out[PATH_MAX + NAME_BYTES])
{
    char hex[DIGEST_HEX_BYTES];
    digest_hex(key, hex);
    snprintf(out, PATH_MAX + NAME_BYTES, "%s/%s", cache->folder, hex);
}

bool build_cache_get(const struct build_cache *cache, const struct digest *key, void **data, size_t *size)
{
    char path[PATH_MAX + NAME_BYTES];
    void *file;
    size_t file_size;
    path_of(cache, key, path);
    if (fileio_read(path, (size_t)cache->bytes_max + HEADER_BYTES, &file, &file_size, NULL) != STATUS_OK)
        return false;
    char *bytes = file;
    struct digest digest = {{0}};
    if (file_size >= HEADER_BYTES)
        digest_of(bytes + HEADER_BYTES, file_size - HEADER_BYTES, &digest);
    if (file_size < HEADER_BYTES || memcmp(bytes, magic, sizeof magic) != 0 ||
        memcmp(bytes + sizeof magic, digest.bytes, DIGEST_BYTES) != 0) {
        unlink(path);
        free(file);
        return false;
    }
    utimensat(AT_FDCWD, path, NULL, 0); /* used now */
    *size = file_size - HEADER_BYTES;
    memmove(bytes, bytes + HEADER_BYTES, *size);
    *data = file;
    return true;
}

/* --- keeping it small --- */

struct kept {
    char name[NAME_BYTES + 1];
    struct timespec used;
    uint64_t bytes;
};

static int older_first(const void *a, const void *b)
{
    const struct kept *x = a, *y = b;
    if (x->used.tv_sec != y->used.tv_sec)
        return x->used.tv_sec < y->used.tv_sec ? -1 : 1;
    if (x->used.tv_nsec != y->used.tv_nsec)
        return x->used.tv_nsec < y->used.tv_nsec ? -1 : 1;
    return strcmp(x->name, y->name);
}

/* Whether a name is that of a file of ours: a key, or a key and what makes a temporary file of it. */
static bool is_ours(const char *name)
{
    size_t digits = strspn(name, "0123456789abcdef");
    return digits == DIGEST_HEX_BYTES - 1 && (name[digits] == '\0' || (name[digits] == '.' && strlen(name) <= NAME_BYTES));
}

/* All files of ours into *out; returns how many. Without memory: those that fitted. */
static size_t list_kept(DIR *folder, struct kept **out)
{
    size_t count = 0, room = 0;
    struct kept *list = NULL;
    struct stat info;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (!is_ours(entry->d_name) || fstatat(dirfd(folder), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        if (count == room) {
            struct kept *larger = realloc(list, (room = 2 * room + 64) * sizeof *list);
            if (larger == NULL)
                break;
            list = larger;
        }
        list[count] = (struct kept){.used = info.st_mtim, .bytes = (uint64_t)info.st_size};
        snprintf(list[count++].name, sizeof list->name, "%s", entry->d_name);
    }
    *out = list;
    return count;
}

static void prune(const struct build_cache *cache)
{
    struct kept *list;
    DIR *folder = opendir(cache->folder);
    if (folder == NULL)
        return;
    size_t count = list_kept(folder, &list);
    uint64_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += list[i].bytes;
    if (count > 0)
        qsort(list, count, sizeof *list, older_first);
    for (size_t i = 0; i < count && total > cache->bytes_max; i++) {
        if (unlinkat(dirfd(folder), list[i].name, 0) == 0)
            total -= list[i].bytes;
    }
    free(list);
    closedir(folder);
}

enum status_code build_cache_put(const struct build_cache *cache, const struct digest *key, const void *data, size_t size,
                                 struct status *status)
{
    char path[PATH_MAX + NAME_BYTES];
    struct digest digest;
    if (size + HEADER_BYTES > cache->bytes_max)
        return STATUS_OK;
    char *bytes = malloc(size + HEADER_BYTES);
    if (bytes == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory to keep a build of %zu bytes", size);
    digest_of(data, size, &digest);
    memcpy(bytes, magic, sizeof magic);
    memcpy(bytes + sizeof magic, digest.bytes, DIGEST_BYTES);
    memcpy(bytes + HEADER_BYTES, data, size);
    path_of(cache, key, path);
    enum status_code code = fileio_write(path, bytes, size + HEADER_BYTES, status);
    free(bytes);
    if (code == STATUS_OK)
        prune(cache);
    return code;
}
