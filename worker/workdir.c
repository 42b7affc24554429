/* workdir: mkdtemp and its opposite. Called by runner_command for each candidate.
 *
 * What a program leaves behind may be deeper than a path can name or a stack can follow: removal keeps two folders open and no
 * more, and moves what lies deeper up to the top before it goes on. */
#include "worker/workdir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum status_code workdir_create(const char *parent, char out[PATH_MAX], struct status *status)
{
    const char *configured = getenv("TMPDIR");
    char full[PATH_MAX];
    if (parent == NULL)
        parent = configured != NULL && configured[0] == '/' ? configured : "/tmp";
    if (realpath(parent, full) == NULL)
        return status_set(status, STATUS_IO, "%.200s: no folder for temporary files: %s", parent, strerror(errno));
    if (snprintf(out, PATH_MAX, "%s/hwnas-tool-XXXXXX", full) >= PATH_MAX)
        return status_set(status, STATUS_BAD_INPUT, "%.200s...: the path is too long", full);
    if (mkdtemp(out) == NULL)
        return status_set(status, STATUS_IO, "no temporary folder can be made in %.200s: %s", full, strerror(errno));
    return STATUS_OK;
}

static bool is_dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static bool is_folder(int fd, const char *name)
{
    struct stat info;
    return fstatat(fd, name, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(info.st_mode);
}

/* A folder may have been closed to its owner. When this fails, what needed it fails too, and says why. */
static void unlock(int fd, const char *name)
{
    if (fchmodat(fd, name, 0700, 0) != 0)
        return;
}

static DIR *enter(int fd, const char *name)
{
    unlock(fd, name);
    int inner = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *folder = inner < 0 ? NULL : fdopendir(inner);
    if (folder == NULL && inner >= 0)
        close(inner);
    return folder;
}

/* Removes the folder `name` in `top`, after moving the folders that are in it to `top`, under names nobody has. */
static bool take_apart(int top, const char *name, unsigned *moved)
{
    DIR *folder = enter(top, name);
    if (folder == NULL)
        return false;
    int fd = dirfd(folder);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        char place[40];
        if (is_dots(entry->d_name) || unlinkat(fd, entry->d_name, 0) == 0 || !is_folder(fd, entry->d_name))
            continue;
        unlock(fd, entry->d_name);
        do
            snprintf(place, sizeof place, ".hwnas-removed-%u", (*moved)++);
        while (renameat(fd, entry->d_name, top, place) != 0 && (errno == EEXIST || errno == ENOTEMPTY || errno == ENOTDIR));
    }
    closedir(folder);
    return unlinkat(top, name, AT_REMOVEDIR) == 0;
}

enum status_code workdir_remove(const char *path, struct status *status)
{
    unsigned moved = 0;
    for (bool progress = true; progress;) {
        if (rmdir(path) == 0 || unlink(path) == 0 || errno == ENOENT)
            return STATUS_OK;
        DIR *top = enter(AT_FDCWD, path);
        progress = false;
        for (struct dirent *entry; top != NULL && (entry = readdir(top)) != NULL;) {
            if (is_dots(entry->d_name))
                continue;
            progress = unlinkat(dirfd(top), entry->d_name, 0) == 0 ||
                       (is_folder(dirfd(top), entry->d_name) && take_apart(dirfd(top), entry->d_name, &moved)) || progress;
        }
        if (top != NULL)
            closedir(top);
    }
    return status_set(status, STATUS_IO, "%.200s: cannot be removed: %s", path, strerror(errno));
}
