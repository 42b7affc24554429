/* master_file: see master_file.h. Written by coord.c, read by cli_ask.c. */
#include "master/master_file.h"

#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fileio.h"
#include "common/version.h"
#include "master/look_text.h"

enum { FILE_BYTES_MAX = 16384 };

/* Beside the file itself, whatever link or folder it was named through. */
static bool path_of(const char *db, char out[PATH_MAX], struct stat *database)
{
    char real[PATH_MAX];
    return realpath(db, real) != NULL && stat(real, database) == 0 && snprintf(out, PATH_MAX, "%s.master", real) < PATH_MAX;
}

void master_file_describe(struct master_file *file)
{
    file->pid = (long)getpid();
    file->process_start = host_process_start(file->pid);
    host_identify(file->host_id);
    host_name(file->host, sizeof file->host);
    look_text_time(clock_wall_ms(), file->since);
    snprintf(file->version, sizeof file->version, "%s", HWNAS_VERSION);
}

enum status_code master_file_write(const char *db, const struct master_file *file, struct status *status)
{
    char path[PATH_MAX];
    struct stat database;
    if (!path_of(db, path, &database))
        return status_set(status, STATUS_IO, "%s: the path is too long, or the file is not there", db);
    json_t *addresses = json_array();
    for (size_t i = 0; i < file->address_count; i++)
        json_array_append_new(addresses, json_string(file->addresses[i]));
    json_t *object = json_pack("{s:I,s:I,s:s,s:s,s:s,s:s,s:s,s:b,s:o,s:I,s:I}", "pid", (json_int_t)file->pid, "process_start",
                               (json_int_t)file->process_start, "host_id", file->host_id, "host", file->host, "study", file->study,
                               "since", file->since, "version", file->version, "with_keys", file->with_keys, "addresses", addresses,
                               "database_device", (json_int_t)database.st_dev, "database_inode", (json_int_t)database.st_ino);
    char *text = object != NULL ? json_dumps(object, JSON_INDENT(1)) : NULL;
    json_decref(object);
    if (text == NULL)
        return status_set(status, STATUS_NO_MEMORY, "%s: no memory", path);
    enum status_code code = fileio_write_private(path, text, strlen(text), status);
    free(text);
    return code;
}

/* --- reading --- */

static bool take(const json_t *object, const char *name, char *out, size_t size)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL && snprintf(out, size, "%s", text) < (int)size;
}

static bool take_addresses(const json_t *list, struct master_file *out)
{
    size_t count = json_array_size(list);
    if (!json_is_array(list) || count > MASTER_FILE_ADDRESSES_MAX)
        return false;
    for (size_t i = 0; i < count; i++) {
        const char *text = json_string_value(json_array_get(list, i));
        if (text == NULL || snprintf(out->addresses[i], sizeof out->addresses[i], "%s", text) >= (int)sizeof out->addresses[i])
            return false;
    }
    out->address_count = count;
    return true;
}

static bool take_all(const json_t *object, struct master_file *out)
{
    out->pid = (long)json_integer_value(json_object_get(object, "pid"));
    out->with_keys = json_is_true(json_object_get(object, "with_keys"));
    out->process_start = (uint64_t)json_integer_value(json_object_get(object, "process_start"));
    return out->pid > 0 && take(object, "host_id", out->host_id, sizeof out->host_id) &&
           take(object, "host", out->host, sizeof out->host) && take(object, "study", out->study, sizeof out->study) &&
           take(object, "since", out->since, sizeof out->since) && take(object, "version", out->version, sizeof out->version) &&
           take_addresses(json_object_get(object, "addresses"), out);
}

static enum master_file_state judge(const char *path, const json_t *object, const struct stat *database,
                                    const struct master_file *file, struct status *status)
{
    char here[HOST_ID_BYTES];
    host_identify(here);
    if (strcmp(here, file->host_id) != 0) {
        status_set(
            status, STATUS_UNAVAILABLE,
            "%.200s: names a master on %.60s (process %ld), which is another machine, or this one before it was started anew", path,
            file->host, file->pid);
        return MASTER_FILE_AWAY;
    }
    if (json_integer_value(json_object_get(object, "database_device")) != (json_int_t)database->st_dev ||
        json_integer_value(json_object_get(object, "database_inode")) != (json_int_t)database->st_ino) {
        status_set(status, STATUS_NOT_FOUND, "%.200s: is stale: it was written beside another database", path);
        return MASTER_FILE_STALE;
    }
    if (host_process_start(file->pid) == file->process_start && file->process_start != 0)
        return MASTER_FILE_HERE;
    status_set(status, STATUS_NOT_FOUND, "%.200s: is stale: the master it names (process %ld) has ended", path, file->pid);
    return MASTER_FILE_STALE;
}

enum master_file_state master_file_read(const char *db, struct master_file *out, struct status *status)
{
    char path[PATH_MAX];
    struct stat database;
    void *text;
    size_t size;
    memset(out, 0, sizeof *out);
    if (!path_of(db, path, &database))
        return MASTER_FILE_NONE;
    enum status_code code = fileio_read(path, FILE_BYTES_MAX, &text, &size, status);
    if (code != STATUS_OK)
        return code == STATUS_NOT_FOUND ? MASTER_FILE_NONE : MASTER_FILE_STALE;
    json_t *object = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
    free(text);
    enum master_file_state state = MASTER_FILE_STALE;
    if (take_all(object, out))
        state = judge(path, object, &database, out, status);
    else
        status_set(status, STATUS_BAD_INPUT, "%.300s: is not a file that a master wrote", path);
    json_decref(object);
    return state;
}

void master_file_remove(const char *db)
{
    struct master_file file;
    struct stat database;
    char path[PATH_MAX];
    if (master_file_read(db, &file, NULL) == MASTER_FILE_HERE && file.pid == (long)getpid() && path_of(db, path, &database))
        unlink(path);
}
