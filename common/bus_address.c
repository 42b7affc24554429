/* bus_address: where hwnas listens and connects. Part of bus. The rule it keeps: nothing beyond this machine without keys. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/bus_parts.h"

static bool is_loopback(const char *host, size_t length)
{
    if (length == 9 && memcmp(host, "localhost", 9) == 0)
        return true;
    if (length == 5 && memcmp(host, "[::1]", 5) == 0)
        return true;
    unsigned a, b, c, d;
    char text[16], more;
    if (length >= sizeof text)
        return false;
    memcpy(text, host, length);
    text[length] = '\0';
    return sscanf(text, "%3u.%3u.%3u.%3u%c", &a, &b, &c, &d, &more) == 4 && a == 127 && b < 256 && c < 256 && d < 256;
}

/* A name, digits, `*` to listen at all, or IPv6 in brackets. */
static bool is_host(const char *host, size_t length)
{
    static const char name[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_";
    if (length == 1 && host[0] == '*')
        return true;
    if (length > 3 && host[0] == '[' && host[length - 1] == ']')
        return strspn(host + 1, "0123456789abcdefABCDEF:.") == length - 2;
    return length > 0 && length < 256 && strspn(host, name) == length;
}

static enum status_code check_ipc(const char *address, struct status *status)
{
    size_t length = strlen(address + 6);
    /* A zmq "@" path has no folder whose mode could protect it. */
    if (length == 0 || address[6] == '@' || address[6] == '*')
        return status_set(status, STATUS_BAD_INPUT, "address %s: write ipc:// and the path of the socket", address);
    if (length > 100)
        return status_set(status, STATUS_BAD_INPUT, "address %s: a socket's path may have 100 characters; this one has %zu",
                          address, length);
    return STATUS_OK;
}

enum status_code bus_check_address(enum bus_kind kind, const char *address, bool with_keys, struct status *status)
{
    if (strncmp(address, "ipc://", 6) == 0)
        return check_ipc(address, status);
    if (strncmp(address, "tcp://", 6) != 0)
        return status_set(status, STATUS_BAD_INPUT, "address %.300s: write ipc://PATH or tcp://HOST:PORT", address);
    const char *host = address + 6, *colon = strrchr(host, ':');
    if (colon == NULL || colon[1] == '\0' || (strcmp(colon, ":*") != 0 && strspn(colon + 1, "0123456789") != strlen(colon + 1)))
        return status_set(status, STATUS_BAD_INPUT, "address %.300s: has no port; write tcp://HOST:PORT", address);
    size_t length = (size_t)(colon - host);
    if (!is_host(host, length))
        return status_set(status, STATUS_BAD_INPUT, "address %.300s: has no host; write tcp://HOST:PORT, with IPv6 in brackets",
                          address);
    if (is_loopback(host, length) || with_keys)
        return STATUS_OK;
    if (kind == BUS_SERVER)
        return status_set(status, STATUS_UNSUPPORTED,
                          "address %.200s: hwnas does not listen beyond this machine without keys; make them with `hwnas keygen`, "
                          "then give --key NAME_secret and --allow FOLDER (docs/SECURITY.md)",
                          address);
    return status_set(status, STATUS_UNSUPPORTED,
                      "address %.200s: hwnas does not connect beyond this machine without keys; give --key NAME_secret and "
                      "--server-key FILE (docs/SECURITY.md)",
                      address);
}

bool bus_is_ipc(const char *address)
{
    return strncmp(address, "ipc://", 6) == 0;
}

enum status_code bus_prepare_ipc_folder(const char *path, struct status *status)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    if (slash == NULL)
        snprintf(folder, sizeof folder, ".");
    else
        snprintf(folder, sizeof folder, "%.*s", slash == path ? 1 : (int)(slash - path), path);
    if (mkdir(folder, 0700) != 0 && errno != EEXIST)
        return status_set(status, STATUS_IO, "%s: the socket's folder cannot be made: %s", folder, strerror(errno));
    struct stat info;
    if (stat(folder, &info) != 0)
        return status_set(status, STATUS_IO, "%s: %s", folder, strerror(errno));
    if (!S_ISDIR(info.st_mode) || (info.st_mode & 077) != 0)
        return status_set(status, STATUS_BAD_INPUT,
                          "%s: the socket's folder must be open to its owner alone; name a new folder or run: chmod 700 %s", folder,
                          folder);
    return STATUS_OK;
}

void bus_bindable(const char *address, char *out, size_t size)
{
    if (strncmp(address, "tcp://localhost:", 16) == 0)
        snprintf(out, size, "tcp://127.0.0.1:%s", address + 16);
    else
        snprintf(out, size, "%s", address);
}

void bus_reachable(const char *bound, char *out, size_t size)
{
    if (strncmp(bound, "tcp://0.0.0.0:", 14) == 0)
        snprintf(out, size, "tcp://127.0.0.1:%s", bound + 14);
    else if (strncmp(bound, "tcp://[::]:", 11) == 0)
        snprintf(out, size, "tcp://[::1]:%s", bound + 11);
    else
        snprintf(out, size, "%s", bound);
}
