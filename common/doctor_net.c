/* doctor_net: the addresses. Part of doctor. A master that listens already is left in peace: nothing of ZeroMQ is bound here,
 * because it would take the place of another's ipc socket. */
#include <errno.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

#include "common/bus.h"
#include "common/clock.h"
#include "common/credentials.h"
#include "common/doctor.h"
#include "common/wire.h"

enum { ANSWER_MS = 5000, ASK_MS = 100 };

/* --- listening --- */

static bool somebody_answers(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    bool answers = connect(fd, (const struct sockaddr *)&address, sizeof address) == 0;
    close(fd);
    return answers;
}

static void look_at_ipc(const char *path, struct doctor_report *report)
{
    char folder[256];
    const char *slash = strrchr(path, '/');
    struct stat info;
    snprintf(folder, sizeof folder, "%.*s", slash == NULL || slash == path ? 1 : (int)(slash - path), slash == NULL ? "." : path);
    if (stat(folder, &info) != 0) {
        if (errno == ENOENT)
            doctor_say(report, DOCTOR_FINE, "listen", NULL, "ipc://%s: its folder is made when a master starts", path);
        else
            doctor_say(report, DOCTOR_WRONG, "listen", NULL, "ipc://%s: its folder: %s", path, strerror(errno));
    } else if (!S_ISDIR(info.st_mode) || (info.st_mode & 077) != 0) {
        doctor_say(report, DOCTOR_WRONG, "listen", "name a new folder, or chmod 700 it: whoever enters it can take part",
                   "ipc://%s: its folder is open to others", path);
    } else if (somebody_answers(path)) {
        doctor_say(report, DOCTOR_DOUBTFUL, "listen", "stop it before you start another there",
                   "ipc://%s: somebody listens there already", path);
    } else if (access(folder, W_OK | X_OK) != 0) {
        doctor_say(report, DOCTOR_WRONG, "listen", NULL, "ipc://%s: its folder: %s", path, strerror(errno));
    } else {
        doctor_say(report, DOCTOR_FINE, "listen", NULL, "ipc://%s: can be listened at, by this user alone", path);
    }
}

/* Where to bind. */
struct place {
    struct sockaddr_storage address;
    socklen_t size;
};

/* The first IPv4 address of that interface. */
static bool find_interface(const char *name, uint16_t port, struct place *out)
{
    struct ifaddrs *all = NULL;
    bool found = false;
    if (getifaddrs(&all) != 0)
        return false;
    for (const struct ifaddrs *one = all; one != NULL && !found; one = one->ifa_next) {
        struct sockaddr_in at;
        if (one->ifa_addr == NULL || one->ifa_addr->sa_family != AF_INET || strcmp(one->ifa_name, name) != 0)
            continue;
        memcpy(&at, one->ifa_addr, sizeof at);
        at.sin_port = htons(port);
        memcpy(&out->address, &at, sizeof at);
        out->size = sizeof at;
        found = true;
    }
    freeifaddrs(all);
    return found;
}

/* As ZeroMQ reads it: `*`, digits or an interface of this machine. A name is looked up nowhere. */
static bool find_place(const char *host, const char *port, struct place *out)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    if (getaddrinfo(strcmp(host, "*") == 0 ? NULL : host, port, &hints, &found) != 0)
        return find_interface(host, (uint16_t)strtoul(port, NULL, 10), out);
    memcpy(&out->address, found->ai_addr, found->ai_addrlen);
    out->size = found->ai_addrlen;
    freeaddrinfo(found);
    return true;
}

/* Binds as ZeroMQ does, and lets go at once. Returns errno; 0 when it can be bound. */
static int bind_to(const struct place *place)
{
    static const int yes = 1;
    int fd = socket(place->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    int reason = bind(fd, (const struct sockaddr *)&place->address, place->size) != 0 || listen(fd, 1) != 0 ? errno : 0;
    close(fd);
    return reason;
}

static void look_at_tcp(const char *address, struct doctor_report *report)
{
    char bindable[256], name[256];
    bus_bindable(address, bindable, sizeof bindable);
    const char *host = bindable + 6, *colon = strrchr(host, ':');
    size_t length = (size_t)(colon - host);
    struct place place;
    bool bracketed = length > 2 && host[0] == '[' && host[length - 1] == ']';
    snprintf(name, sizeof name, "%.*s", (int)(bracketed ? length - 2 : length), bracketed ? host + 1 : host);
    if (!find_place(name, strcmp(colon, ":*") == 0 ? "0" : colon + 1, &place)) {
        doctor_say(report, DOCTOR_WRONG, "listen", "write the address in digits, or tcp://*:PORT for all of this machine's",
                   "%s: its host is neither an address in digits nor an interface of this machine", address);
        return;
    }
    int reason = bind_to(&place);
    if (reason == EADDRINUSE)
        doctor_say(report, DOCTOR_DOUBTFUL, "listen", "stop it, or choose another port", "%s: somebody listens there already",
                   address);
    else if (reason != 0)
        doctor_say(report, DOCTOR_WRONG, "listen",
                   reason == EADDRNOTAVAIL ? "`ip address` lists this machine's addresses"
                   : reason == EACCES      ? "choose a port from 1024 on"
                                           : NULL,
                   "%s: cannot be listened at: %s", address, strerror(reason));
    else
        doctor_say(report, DOCTOR_FINE, "listen", NULL, "%s: can be listened at", address);
}

static void look_at_listen(const char *address, bool with_keys, struct doctor_report *report)
{
    struct status status = {0};
    if (bus_check_address(BUS_SERVER, address, with_keys, &status) != STATUS_OK)
        doctor_say(report, DOCTOR_WRONG, "listen", NULL, "%s", status.message);
    else if (strncmp(address, "ipc://", 6) == 0)
        look_at_ipc(address + 6, report);
    else
        look_at_tcp(address, report);
}

/* --- connecting --- */

/* A heartbeat of nobody: a master answers it with a Refuse, and remembers nothing of it. */
struct caller {
    uv_loop_t loop;
    uv_timer_t timer;
    struct bus *bus;
    struct wire_message message;
    int64_t until_ms;
    bool sent, over;
    enum doctor_level level;
    char sentence[STATUS_MESSAGE_BYTES + 64];
};

static void hang_up(struct caller *caller, enum doctor_level level, const char *sentence)
{
    if (caller->over)
        return;
    caller->over = true;
    caller->level = level;
    snprintf(caller->sentence, sizeof caller->sentence, "%s", sentence);
    uv_stop(&caller->loop);
}

static void on_message(void *context, uint32_t link, const void *data, size_t size)
{
    struct caller *caller = context;
    struct status status = {0};
    char sentence[sizeof caller->sentence];
    (void)link;
    if (caller->over)
        return;
    if (wire_decode(data, size, &caller->message, &status) != STATUS_OK) {
        snprintf(sentence, sizeof sentence, "what answers cannot be understood: %.200s", status.message);
        hang_up(caller, DOCTOR_WRONG, sentence);
        return;
    }
    if (caller->message.type == WIRE_REFUSE && caller->message.refuse.code == WIRE_REFUSE_WRONG_VERSION) {
        snprintf(sentence, sizeof sentence, "a master of another version answers: %s", caller->message.refuse.sentence);
        hang_up(caller, DOCTOR_WRONG, sentence);
    } else {
        hang_up(caller, DOCTOR_FINE, "a master answers");
    }
    wire_free(&caller->message);
}

static void on_refused(void *context, const char *sentence)
{
    hang_up(context, DOCTOR_WRONG, sentence);
}

static void send_heartbeat(struct caller *caller)
{
    struct status status = {0};
    void *data;
    size_t size;
    caller->message = (struct wire_message){.type = WIRE_HEARTBEAT, .heartbeat.sequence = 1};
    if (wire_encode(&caller->message, &data, &size, &status) != STATUS_OK) {
        hang_up(caller, DOCTOR_UNKNOWN, status.message);
        return;
    }
    caller->sent = bus_send(caller->bus, 0, data, size) == STATUS_OK;
    free(data);
}

static void on_timer(uv_timer_t *timer)
{
    struct caller *caller = timer->data;
    if (clock_monotonic_ms() >= caller->until_ms)
        hang_up(caller, DOCTOR_DOUBTFUL,
                caller->sent ? "somebody is there, but no master answers"
                             : "nobody answers: no master runs there, or something between is closed");
    else if (!caller->sent)
        send_heartbeat(caller);
}

/* Into caller's level and sentence. */
static enum status_code ask(struct caller *caller, const char *address, const struct credentials *credentials,
                            struct status *status)
{
    const struct bus_events events = {on_message, NULL, caller};
    struct bus_keys keys = credentials_for_bus(credentials);
    if (uv_loop_init(&caller->loop) != 0)
        return status_set(status, STATUS_NO_MEMORY, "no memory for a loop");
    enum status_code code =
        bus_open(&caller->loop, BUS_CLIENT, &events, (uint64_t)clock_monotonic_ns(), NULL, &caller->bus, status);
    if (code == STATUS_OK && keys.own != NULL)
        code = bus_use_keys(caller->bus, &keys, status);
    if (code == STATUS_OK) {
        bus_on_refused(caller->bus, on_refused, caller);
        code = bus_connect(caller->bus, address, status);
    }
    if (code == STATUS_OK) {
        caller->until_ms = clock_monotonic_ms() + ANSWER_MS;
        uv_timer_init(&caller->loop, &caller->timer);
        caller->timer.data = caller;
        uv_timer_start(&caller->timer, on_timer, 0, ASK_MS);
        uv_run(&caller->loop, UV_RUN_DEFAULT);
        uv_close((uv_handle_t *)&caller->timer, NULL);
    }
    bus_close(caller->bus, 0);
    uv_run(&caller->loop, UV_RUN_DEFAULT);
    uv_loop_close(&caller->loop);
    return code;
}

/* The role of the key, if there is one: whoever examines a worker's machine has a worker's. */
static enum keys_role role_of(const char *path)
{
    struct keys_secret *own = NULL;
    enum keys_role role = KEYS_WORKER;
    if (path != NULL && keys_load_secret(path, &own, NULL) == STATUS_OK)
        role = keys_public_of(own)->role;
    keys_free(own);
    return role;
}

static void look_at_connect(const struct doctor_options *options, const char *address, struct doctor_report *report)
{
    struct credentials credentials;
    struct status status = {0};
    struct caller *caller = calloc(1, sizeof *caller);
    /* A master's key is for listening; who listens here too looks at the address without one. */
    enum keys_role role = role_of(options->key);
    bool with_keys = options->key != NULL && role != KEYS_MASTER && strncmp(address, "ipc://", 6) != 0;
    if (caller == NULL) {
        doctor_say(report, DOCTOR_UNKNOWN, "connect", NULL, "%s: no memory", address);
        return;
    }
    enum status_code code = credentials_of_peer(role, address, with_keys ? options->key : NULL,
                                                with_keys ? options->server_key : NULL, &credentials, &status);
    if (code == STATUS_OK) {
        code = ask(caller, address, &credentials, &status);
        credentials_free(&credentials);
    }
    if (code != STATUS_OK)
        doctor_say(report, DOCTOR_WRONG, "connect", NULL, "%s", status.message);
    else
        doctor_say(report, caller->level, "connect",
                   caller->level == DOCTOR_DOUBTFUL ? "start the master; workers and agents wait for it" : NULL, "%.300s: %s%s",
                   address, caller->sentence, caller->level == DOCTOR_FINE && with_keys ? ", and lets this key in" : "");
    free(caller);
}

void doctor_addresses(const struct doctor_options *options, struct doctor_report *report)
{
    for (size_t i = 0; i < options->listen_count; i++)
        look_at_listen(options->listen[i], options->key != NULL && options->allow != NULL, report);
    for (size_t i = 0; i < options->connect_count; i++)
        look_at_connect(options, options->connect[i], report);
}
