/* keys_file: key files in and out. The format is CZMQ's: sections at the margin, `name = "value"` indented under them, '#' begins a
 * comment. What hwnas reads: role and name under `metadata`, public-key and secret-key under `curve`; all else is passed over. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fileio.h"
#include "common/keys_parts.h"

static const char public_header[] =
    "#   hwnas key: the public half, in CZMQ's certificate format.\n"
    "#   Whoever listens puts it into the folder of --allow; the master's goes to every peer's --server-key.\n"
    "\n";
static const char secret_header[] = "#   hwnas key: BOTH HALVES, in CZMQ's certificate format.\n"
                                    "#   DO NOT SHOW THIS FILE TO ANYBODY, and leave its mode as it is.\n"
                                    "\n";

/* --- reading the text --- */

enum section { SECTION_OTHER, SECTION_METADATA, SECTION_CURVE };

struct parse {
    struct keys_secret *out;
    enum section section;
    bool has_role, has_public, has_secret;
};

/* Cuts quotes, or a comment, off a value in place; NULL: a quote that is not closed. */
static char *value_of(char *text)
{
    text += strspn(text, " \t");
    if (*text == '"' || *text == '\'') {
        char *end = strchr(text + 1, *text);
        if (end == NULL || end[1 + strspn(end + 1, " \t")] != '\0')
            return NULL;
        *end = '\0';
        return text + 1;
    }
    text[strcspn(text, "# \t")] = '\0';
    return text;
}

static enum status_code take_metadata(struct parse *parse, const char *name, const char *value, struct status *status)
{
    struct keys_public *open = &parse->out->open;
    if (strcmp(name, "role") == 0) {
        if (keys_parse_role(value, &open->role) != 0)
            return status_set(status, STATUS_BAD_INPUT, "its role is '%.40s'; it must be master, worker, agent or operator", value);
        parse->has_role = true;
    } else if (strcmp(name, "name") == 0) {
        if (keys_check_name(value, status) != STATUS_OK)
            return status->code;
        snprintf(open->name, sizeof open->name, "%s", value);
    }
    return STATUS_OK;
}

static enum status_code take_curve(struct parse *parse, const char *name, const char *value, struct status *status)
{
    bool open = strcmp(name, "public-key") == 0, secret = strcmp(name, "secret-key") == 0;
    if (!open && !secret)
        return STATUS_OK;
    if (open ? parse->has_public : parse->has_secret)
        return status_set(status, STATUS_BAD_INPUT, "it has two lines of %s", name);
    /* The value is not quoted in the sentence: it may be a secret. */
    if (keys_from_text(value, open ? parse->out->open.bytes : parse->out->secret) != 0)
        return status_set(status, STATUS_BAD_INPUT, "its %s is not a CURVE key: 40 characters of Z85", name);
    *(open ? &parse->has_public : &parse->has_secret) = true;
    return STATUS_OK;
}

static enum status_code take_line(struct parse *parse, char *line, struct status *status)
{
    size_t indent = strspn(line, " \t");
    char *name = line + indent;
    if (*name == '\0' || *name == '#')
        return STATUS_OK;
    if (indent == 0) {
        name[strcspn(name, "# \t=")] = '\0';
        parse->section = strcmp(name, "metadata") == 0 ? SECTION_METADATA
                         : strcmp(name, "curve") == 0  ? SECTION_CURVE
                                                       : SECTION_OTHER;
        return STATUS_OK;
    }
    if (parse->section == SECTION_OTHER)
        return STATUS_OK;
    char *equals = strchr(name, '='), *value = equals == NULL ? NULL : value_of(equals + 1);
    if (value == NULL)
        return status_set(status, STATUS_BAD_INPUT, "a line under %s is not of the form name = \"value\"",
                          parse->section == SECTION_CURVE ? "curve" : "metadata");
    *equals = '\0';
    name[strcspn(name, " \t")] = '\0';
    return parse->section == SECTION_CURVE ? take_curve(parse, name, value, status) : take_metadata(parse, name, value, status);
}

enum status_code keys_parse(char *text, struct keys_secret *out, bool *has_secret, struct status *status)
{
    struct parse parse = {.out = out};
    while (*text != '\0') {
        size_t length = strcspn(text, "\n");
        char *line = text;
        text += length + (text[length] == '\n');
        line[length] = '\0';
        if (length > 0 && line[length - 1] == '\r')
            line[length - 1] = '\0';
        if (take_line(&parse, line, status) != STATUS_OK)
            return status->code;
    }
    if (!parse.has_public)
        return status_set(status, STATUS_BAD_INPUT, "it has no public-key under curve: it is not a key file");
    if (!parse.has_role)
        return status_set(status, STATUS_BAD_INPUT,
                          "it names no role; `hwnas keygen` writes one, as in: role = \"worker\" under metadata");
    keys_describe(&out->open);
    *has_secret = parse.has_secret;
    return STATUS_OK;
}

/* --- reading files --- */

static enum status_code check_mode(int fd, bool secret, struct status *status)
{
    struct stat info;
    if (fstat(fd, &info) != 0)
        return status_set(status, STATUS_IO, "%s", strerror(errno));
    if (!S_ISREG(info.st_mode))
        return status_set(status, STATUS_BAD_INPUT, "it is not a regular file");
    if (info.st_uid != geteuid() && (secret || info.st_uid != 0))
        return status_set(status, STATUS_BAD_INPUT, "it belongs to another user (%u), who could change it; make a copy of your own",
                          (unsigned)info.st_uid);
    if (secret && (info.st_mode & 077) != 0)
        return status_set(
            status, STATUS_BAD_INPUT,
            "others may use this secret key (mode %03o); run chmod 600 on it, or make a new one if it was readable for long",
            (unsigned)info.st_mode & 0777);
    if ((info.st_mode & 022) != 0)
        return status_set(status, STATUS_BAD_INPUT, "others may write it (mode %03o); run chmod go-w on it",
                          (unsigned)info.st_mode & 0777);
    return STATUS_OK;
}

/* Into text, which has KEYS_FILE_MAX + 1 bytes. */
static enum status_code read_text(int fd, char *text, struct status *status)
{
    size_t used = 0;
    for (;;) {
        ssize_t got = read(fd, text + used, KEYS_FILE_MAX + 1 - used);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return status_set(status, STATUS_IO, "%s", strerror(errno));
        used += (size_t)got;
        if (used > KEYS_FILE_MAX)
            return status_set(status, STATUS_BAD_INPUT, "it has more than %d bytes: it is not a key file", KEYS_FILE_MAX);
        if (got == 0)
            break;
    }
    text[used] = '\0';
    if (strlen(text) != used)
        return status_set(status, STATUS_BAD_INPUT, "it has a NUL byte: it is not a key file");
    return STATUS_OK;
}

static enum status_code open_key(const char *path, bool secret, int *out, struct status *status)
{
    *out = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | (secret ? O_NOFOLLOW : 0));
    if (*out >= 0)
        return check_mode(*out, secret, status);
    if (errno == ELOOP)
        return status_set(status, STATUS_BAD_INPUT, "it is a symbolic link; name the file itself");
    return status_set(status, errno == ENOENT || errno == ENOTDIR ? STATUS_NOT_FOUND : STATUS_IO, "it cannot be opened: %s",
                      strerror(errno));
}

/* The file's own name, without the folder and, for a secret half, without its ending. */
static enum status_code name_by_path(const char *path, struct keys_public *out, struct status *status)
{
    const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
    size_t length = strlen(name), suffix = strlen(KEYS_SECRET_SUFFIX);
    if (length > suffix && strcmp(name + length - suffix, KEYS_SECRET_SUFFIX) == 0)
        length -= suffix;
    char text[NAME_MAX + 1];
    snprintf(text, sizeof text, "%.*s", (int)length, name);
    if (keys_check_name(text, status) == STATUS_OK)
        memcpy(out->name, text, strlen(text) + 1);
    return status->code;
}

static enum status_code load(const char *path, bool secret, struct keys_secret *pair, char *text, struct status *status)
{
    int fd = -1;
    bool has_secret = false;
    status->code = STATUS_OK;
    enum status_code code = open_key(path, secret, &fd, status);
    if (code == STATUS_OK)
        code = read_text(fd, text, status);
    if (fd >= 0)
        close(fd);
    if (code == STATUS_OK)
        code = keys_parse(text, pair, &has_secret, status);
    if (code == STATUS_OK && secret && !has_secret)
        code = status_set(status, STATUS_BAD_INPUT, "it holds no secret key; the file called NAME" KEYS_SECRET_SUFFIX " does");
    if (code == STATUS_OK && !secret && has_secret)
        code = status_set(status, STATUS_BAD_INPUT,
                          "it holds a SECRET key; only the file without " KEYS_SECRET_SUFFIX " is for others");
    if (code == STATUS_OK && secret && !keys_is_pair(pair))
        code = status_set(status, STATUS_BAD_INPUT, "its public-key does not belong to its secret-key");
    if (code == STATUS_OK && pair->open.name[0] == '\0')
        code = name_by_path(path, &pair->open, status);
    return code == STATUS_OK ? code : status_prefix(status, "key file %.300s", path);
}

/* The text of a file that was taken for a public one may be secret too. */
static enum status_code load_file(const char *path, bool secret, struct keys_secret **out, struct status *status)
{
    struct status unwanted;
    struct keys_secret *pair = keys_allocate();
    char *text = pair == NULL ? NULL : sodium_malloc(KEYS_FILE_MAX + 1);
    if (status == NULL)
        status = &unwanted;
    enum status_code code = text == NULL ? status_set(status, STATUS_NO_MEMORY, "no memory for the key of %.300s", path)
                                         : load(path, secret, pair, text, status);
    sodium_free(text);
    if (code == STATUS_OK)
        *out = pair;
    else
        keys_free(pair);
    return code;
}

enum status_code keys_load_secret(const char *path, struct keys_secret **out, struct status *status)
{
    return load_file(path, true, out, status);
}

enum status_code keys_load_public(const char *path, struct keys_public *out, struct status *status)
{
    struct keys_secret *pair = NULL;
    enum status_code code = load_file(path, false, &pair, status);
    if (code == STATUS_OK)
        *out = pair->open;
    keys_free(pair);
    return code;
}

/* --- writing files --- */

static enum status_code make_folder(const char *folder, struct status *status)
{
    struct stat info;
    if (mkdir(folder, 0700) != 0 && errno != EEXIST)
        return status_set(status, STATUS_IO, "%.300s: the folder cannot be made: %s", folder, strerror(errno));
    if (stat(folder, &info) != 0)
        return status_set(status, STATUS_IO, "%.300s: %s", folder, strerror(errno));
    if (!S_ISDIR(info.st_mode) || (info.st_mode & 077) != 0)
        return status_set(
            status, STATUS_BAD_INPUT,
            "%.200s: the folder of secret keys must be open to its owner alone; name a new folder or run: chmod 700 %.200s", folder,
            folder);
    return STATUS_OK;
}

static int write_all(int fd, const char *text)
{
    for (size_t left = strlen(text); left > 0;) {
        ssize_t put = write(fd, text, left);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return -1;
        text += put;
        left -= (size_t)put;
    }
    return 0;
}

/* The link fails where a rename would replace. */
static enum status_code write_new(const char *path, const char *text, mode_t mode, struct status *status)
{
    char temporary[PATH_MAX + 8];
    snprintf(temporary, sizeof temporary, "%s.XXXXXX", path);
    int fd = mkostemp(temporary, O_CLOEXEC); /* O_EXCL and 0600 */
    if (fd < 0)
        return status_set(status, STATUS_IO, "%.300s: cannot be written: %s", path, strerror(errno));
    bool failed = fchmod(fd, mode) != 0 || write_all(fd, text) != 0 || fsync(fd) != 0;
    int reason = errno;
    if (close(fd) != 0 && !failed) {
        failed = true;
        reason = errno;
    }
    if (!failed && link(temporary, path) != 0) {
        failed = true;
        reason = errno;
    }
    unlink(temporary);
    if (failed)
        return status_set(status, reason == EEXIST ? STATUS_CONFLICT : STATUS_IO, "%.300s: %s", path,
                          reason == EEXIST ? "is there already and is not written over; remove it or choose another name"
                                           : strerror(reason));
    fileio_sync_folder(path);
    return STATUS_OK;
}

static size_t print_head(char *out, const char *header, const struct keys_public *key)
{
    return (size_t)snprintf(out, KEYS_FILE_MAX,
                            "%smetadata\n    name = \"%s\"\n    role = \"%s\"\ncurve\n    public-key = \"%s\"\n", header, key->name,
                            keys_role_name(key->role), key->text);
}

static enum status_code write_pair(const char *folder, const struct keys_secret *pair, char *text, struct status *status)
{
    char open_path[PATH_MAX], secret_path[PATH_MAX];
    int length = snprintf(secret_path, sizeof secret_path, "%s/%s" KEYS_SECRET_SUFFIX, folder, pair->open.name);
    if (length >= (int)sizeof secret_path)
        return status_set(status, STATUS_BAD_INPUT, "%.100s...: the path is too long", folder);
    snprintf(open_path, sizeof open_path, "%s/%s", folder, pair->open.name);
    if (access(open_path, F_OK) == 0)
        return status_set(status, STATUS_CONFLICT,
                          "%.300s: is there already and is not written over; remove it or choose another name", open_path);
    static const char before[] = "    secret-key = \"", after[] = "\"\n";
    size_t at = print_head(text, secret_header, &pair->open);
    memcpy(text + at, before, sizeof before);
    at += sizeof before - 1;
    keys_to_text(pair->secret, text + at);
    memcpy(text + at + KEYS_TEXT_BYTES - 1, after, sizeof after);
    enum status_code code = write_new(secret_path, text, 0600, status);
    if (code != STATUS_OK)
        return code;
    print_head(text, public_header, &pair->open);
    code = write_new(open_path, text, 0644, status);
    if (code != STATUS_OK)
        unlink(secret_path);
    return code;
}

enum status_code keys_create(const char *folder, const char *name, enum keys_role role, struct keys_public *out,
                             struct status *status)
{
    struct keys_secret *pair = NULL;
    enum status_code code = keys_generate(name, role, &pair, status);
    if (code == STATUS_OK)
        code = make_folder(folder, status);
    char *text = code == STATUS_OK ? sodium_malloc(KEYS_FILE_MAX + 1) : NULL;
    if (code == STATUS_OK)
        code = text == NULL ? status_set(status, STATUS_NO_MEMORY, "no memory for a key") : write_pair(folder, pair, text, status);
    if (code == STATUS_OK)
        *out = pair->open;
    sodium_free(text);
    keys_free(pair);
    return code;
}
