/* disk_cut: what a power cut could have left of what disk.c has noted down. Pure, but for the folder it leaves it in. */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/support/disk_parts.h"

enum { SECTOR_BYTES = 512 };

void disk_must(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "disk: %s\n", what);
    abort();
}

int disk_find(const struct names *names, const char *name)
{
    for (int i = 0; i < FILES_MAX; i++)
        if (names->file[i] != NONE && strcmp(names->name[i], name) == 0)
            return i;
    return NONE;
}

void disk_name(struct names *names, const char *word, int file)
{
    int place = disk_find(names, word);
    for (int i = 0; i < FILES_MAX && place == NONE; i++)
        if (names->file[i] == NONE)
            place = i;
    disk_must(place != NONE, "too many names");
    names->file[place] = file;
    snprintf(names->name[place], NAME_BYTES, "%s", word);
}

static int unname(struct names *names, const char *word)
{
    int place = disk_find(names, word), file = place == NONE ? NONE : names->file[place];
    if (place != NONE)
        names->file[place] = NONE;
    return file;
}

void disk_apply_name(struct names *names, const struct event *event)
{
    if (event->kind == CREATE)
        disk_name(names, event->name, event->file);
    else if (event->kind == REMOVE)
        unname(names, event->name);
    else if (disk_find(names, event->name) != NONE)
        disk_name(names, event->to, unname(names, event->name));
}

void disk_put(struct bytes *bytes, size_t offset, const unsigned char *data, size_t size)
{
    if (offset + size > bytes->capacity) {
        bytes->capacity = 2 * (offset + size);
        bytes->data = realloc(bytes->data, bytes->capacity);
        disk_must(bytes->data != NULL, "no memory");
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
        disk_put(bytes, bytes->size, NULL, size - bytes->size);
    bytes->size = size;
}

struct image {
    struct names names;
    struct bytes files[FILES_MAX];
};

static void apply(struct image *image, const struct event *event)
{
    if (event->kind == WRITE)
        disk_put(&image->files[event->file], event->offset, event->data, event->size);
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
        disk_put(file, event->offset + at, data, part);
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
                    disk_apply_name(&image->names, &disk->events[k]);
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
                disk_apply_name(&image->names, event);
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
    disk_must(all != NULL, "the folder cannot be read");
    for (struct dirent *entry; (entry = readdir(all)) != NULL;) {
        char path[PATH_MAX];
        snprintf(path, sizeof path, "%.2000s/%s", folder, entry->d_name);
        if (entry->d_type == DT_REG)
            disk_must(syscall(SYS_unlinkat, AT_FDCWD, path, 0) == 0, "a file cannot be removed");
    }
    closedir(all);
}

static void store(const char *folder, const char *word, const struct bytes *bytes)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%.2000s/%s", folder, word);
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    disk_must(fd >= 0, "a file cannot be made");
    for (size_t done = 0; done < bytes->size;) {
        ssize_t put_now = syscall(SYS_write, fd, bytes->data + done, bytes->size - done);
        disk_must(put_now > 0, "a file cannot be written");
        done += (size_t)put_now;
    }
    syscall(SYS_close, fd);
}

void disk_cut(const struct disk *disk, size_t calls, enum disk_power power, struct rng *rng, const char *folder)
{
    struct image *image = calloc(1, sizeof *image);
    bool *left = calloc(calls + 1, sizeof *left);
    disk_must(image != NULL && left != NULL && calls <= disk->count, "no memory");
    image->names = disk->before;
    for (int i = 0; i < FILES_MAX; i++)
        if (disk->contents[i].size > 0)
            disk_put(&image->files[i], 0, disk->contents[i].data, disk->contents[i].size);
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
