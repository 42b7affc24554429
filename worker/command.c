/* command: the agent's side of running a program: pipes, deadlines, output, and what the end means. The warden does the killing.
 *
 * Called by runner_command. The rule it keeps: whatever a program does, the call returns in bounded time with bounded memory, and
 * its processes and descriptors are gone. */
#include "worker/command.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "worker/warden.h"

enum {
    STOP_EVERY_MS = 50,
    PROCESSES_MAX = 1024,
    GIVE_UP_MS = 10000,    /* the warden's patience with what cannot be killed */
    WARDEN_LATE_MS = 4000, /* and ours with the warden after that */
    READ_BYTES = 65536,
    DRAIN_READS = 17,        /* and one more than the largest pipe holds */
    LAST_WORDS_BYTES = 8192, /* so much of an output's end is looked at for words of memory */
    LINE_BYTES = 200
};

static const char default_path[] = "/usr/local/bin:/usr/bin:/bin";

/* --- output: head and tail --- */

/* The first half of `room` bytes fills once, the second is a ring. */
struct capture {
    char *bytes;
    size_t room;
    uint64_t total;
};

static void capture_add(struct capture *capture, const char *data, size_t size)
{
    size_t half = capture->room / 2, ring = capture->room - half;
    while (size > 0) {
        size_t at = capture->total < half ? (size_t)capture->total : half + (size_t)((capture->total - half) % ring);
        size_t fits = (at < half ? half : capture->room) - at;
        size_t part = size < fits ? size : fits;
        memcpy(capture->bytes + at, data, part);
        capture->total += part;
        data += part;
        size -= part;
    }
}

/* The text as the caller shall see it, in fresh memory. */
static bool capture_finish(const struct capture *capture, struct command_text *out)
{
    size_t half = capture->room / 2, ring = capture->room - half;
    char gap[80] = "";
    if (capture->total > capture->room)
        snprintf(gap, sizeof gap, "\n[... %llu bytes left out ...]\n", (unsigned long long)(capture->total - capture->room));
    size_t kept = capture->total < capture->room ? (size_t)capture->total : capture->room, gap_size = strlen(gap);
    out->total = capture->total;
    out->text = malloc(kept + gap_size + 1);
    if (out->text == NULL)
        return false;
    out->size = kept + gap_size;
    out->text[out->size] = '\0';
    if (gap_size == 0) {
        memcpy(out->text, capture->bytes, kept);
        return true;
    }
    size_t oldest = half + (size_t)((capture->total - half) % ring), first = capture->room - oldest;
    char *to = out->text;
    memcpy(to, capture->bytes, half);
    memcpy(to + half, gap, gap_size);
    memcpy(to + half + gap_size, capture->bytes + oldest, first);
    memcpy(to + half + gap_size + first, capture->bytes + half, ring - first);
    return true;
}

/* --- finding the program --- */

static const char *search_path(const char *const *environment)
{
    for (; *environment != NULL; environment++) {
        if (strncmp(*environment, "PATH=", 5) == 0)
            return *environment + 5;
    }
    return default_path;
}

static enum status_code check_file(const char *path, struct status *status)
{
    struct stat info;
    if (stat(path, &info) != 0)
        return status_set(status, STATUS_NOT_FOUND, "%.200s: %s: install it, or correct its path", path, strerror(errno));
    if (!S_ISREG(info.st_mode))
        return status_set(status, STATUS_BAD_INPUT, "%.200s: is not a program but a %s", path,
                          S_ISDIR(info.st_mode) ? "folder" : "special file");
    if (access(path, X_OK) != 0)
        return status_set(status, STATUS_BAD_INPUT, "%.200s: may not be executed (chmod +x?)", path);
    return STATUS_OK;
}

/* Only full paths and names: anything else would mean another file in each folder it runs in. */
enum status_code command_find(const char *name, const char *const *environment, char out[PATH_MAX], struct status *status)
{
    if (name == NULL || name[0] == '\0')
        return status_set(status, STATUS_BAD_INPUT, "a command names no program");
    if (strlen(name) >= PATH_MAX)
        return status_set(status, STATUS_BAD_INPUT, "%.40s...: a program's name of %zu bytes is too long", name, strlen(name));
    if (name[0] == '/') {
        snprintf(out, PATH_MAX, "%s", name);
        return check_file(out, status);
    }
    if (strchr(name, '/') != NULL)
        return status_set(status, STATUS_BAD_INPUT, "%.200s: a program is a full path, or a name without '/' to be found in PATH",
                          name);
    const char *path = search_path(environment);
    for (const char *at = path; *at != '\0'; at += *at == ':') {
        int length = (int)strcspn(at, ":");
        int size = snprintf(out, PATH_MAX, "%.*s/%s", length, at, name);
        if (at[0] == '/' && size < PATH_MAX && check_file(out, NULL) == STATUS_OK)
            return STATUS_OK;
        at += length;
    }
    return status_set(status, STATUS_NOT_FOUND, "%.100s: not found in PATH (%.200s): install it, or give its full path", name,
                      path);
}

/* --- starting --- */

/* CLEANING: the program has ended, or its warden was told to end it: all that is awaited is the warden. */
enum phase { RUNNING, TERMINATING, CLEANING };

struct watch {
    const struct command *command;
    struct command_result *result;
    pid_t warden;
    int control, out, err;
    struct capture captured_out, captured_err;
    char *buffer; /* READ_BYTES */
    enum phase phase;
    int64_t began_ms, deadline_ms; /* when the next phase begins */
    int64_t next_stop_ms;
    bool decided;                /* result->end is what this side did to it */
    bool ended;                  /* by itself; `how` is its wait status */
    int how, start_error, crowd; /* start_error: errno, 0: it began */
};

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* Standard input, output and error may be closed here; in the program those numbers are taken. */
static int raise_fd(int *fd)
{
    if (*fd > STDERR_FILENO)
        return 0;
    int high = fcntl(*fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    close(*fd);
    *fd = high;
    return high < 0 ? -1 : 0;
}

struct plumbing {
    int control[2], out[2], err[2]; /* [0] ours, [1] the warden's */
};

static void close_plumbing(struct plumbing *p)
{
    for (int i = 0; i < 2; i++) {
        close_fd(&p->control[i]);
        close_fd(&p->out[i]);
        close_fd(&p->err[i]);
    }
}

static enum status_code open_plumbing(struct plumbing *p, struct status *status)
{
    *p = (struct plumbing){{-1, -1}, {-1, -1}, {-1, -1}};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, p->control) == 0 && pipe2(p->out, O_CLOEXEC) == 0 &&
        pipe2(p->err, O_CLOEXEC) == 0 && fcntl(p->out[0], F_SETFL, O_NONBLOCK) == 0 && fcntl(p->err[0], F_SETFL, O_NONBLOCK) == 0 &&
        raise_fd(&p->control[1]) == 0 && raise_fd(&p->out[1]) == 0 && raise_fd(&p->err[1]) == 0)
        return STATUS_OK;
    int reason = errno;
    close_plumbing(p);
    return status_set(status, STATUS_IO, "no pipes to a program: %s", strerror(reason));
}

/* Forks the warden with every signal blocked, so that no handler of this process ever runs in it. */
static enum status_code start_warden(struct watch *watch, const char *path, struct status *status)
{
    const struct command *command = watch->command;
    struct plumbing pipes;
    enum status_code code = open_plumbing(&pipes, status);
    if (code != STATUS_OK)
        return code;
    const struct warden_order order = {.control = pipes.control[1],
                                       .out = pipes.out[1],
                                       .err = pipes.err[1],
                                       .path = path,
                                       .argv = (char *const *)(uintptr_t)command->argv,
                                       .environment = (char *const *)(uintptr_t)command->environment,
                                       .folder = command->folder,
                                       .memory_bytes = command->memory_bytes,
                                       .file_bytes = command->file_bytes,
                                       .processes_max = command->processes_max > 0 ? command->processes_max : PROCESSES_MAX,
                                       .give_up_ms = GIVE_UP_MS};
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    watch->warden = fork();
    if (watch->warden == 0)
        warden_run(&order);
    int reason = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (watch->warden > 0) {
        watch->control = pipes.control[0];
        watch->out = pipes.out[0];
        watch->err = pipes.err[0];
        pipes.control[0] = pipes.out[0] = pipes.err[0] = -1;
    } else
        code = status_set(status, STATUS_UNAVAILABLE, "no process can be started: %s", strerror(reason));
    close_plumbing(&pipes);
    return code;
}

/* --- while it runs --- */

/* Takes what lies in a pipe; closes it at its end. One read a call: deadlines are looked at between. */
static void read_output(struct watch *watch, int *fd, struct capture *capture)
{
    ssize_t size = *fd < 0 ? 0 : read(*fd, watch->buffer, READ_BYTES);
    if (size > 0)
        capture_add(capture, watch->buffer, (size_t)size);
    else if (size == 0 || (errno != EAGAIN && errno != EINTR))
        close_fd(fd);
}

static void begin_cleaning(struct watch *watch)
{
    watch->phase = CLEANING;
    watch->deadline_ms = clock_monotonic_ms() + GIVE_UP_MS + WARDEN_LATE_MS;
    kill(watch->warden, SIGCONT); /* a hostile program may have stopped its warden */
}

static void read_report(struct watch *watch)
{
    struct warden_report report;
    ssize_t size = recv(watch->control, &report, sizeof report, MSG_DONTWAIT);
    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (size != (ssize_t)sizeof report) {
        close_fd(&watch->control);
        return;
    }
    switch (report.news) {
    case WARDEN_NOT_STARTED: watch->start_error = report.value == 0 ? ECHILD : report.value; break;
    case WARDEN_ENDED:
        watch->ended = true;
        watch->how = report.value;
        watch->result->peak_bytes = report.peak_bytes;
        watch->result->seconds = (double)(clock_monotonic_ms() - watch->began_ms) / 1e3;
        begin_cleaning(watch);
        break;
    case WARDEN_CROWD:
        watch->crowd = report.value;
        begin_cleaning(watch);
        break;
    case WARDEN_LEFT: watch->result->left = report.value; break;
    case WARDEN_STUCK: watch->result->stuck = report.value; break;
    }
}

static void send_word(const struct watch *watch, char word)
{
    if (send(watch->control, &word, 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        return; /* it is ending already: the loop hears of that */
}

static bool shall_end(struct watch *watch, int64_t now)
{
    const struct command *command = watch->command;
    if (now >= watch->deadline_ms) {
        watch->result->end = COMMAND_TIMED_OUT;
        return true;
    }
    if (command->stop == NULL || now < watch->next_stop_ms)
        return false;
    watch->next_stop_ms = now + (command->stop_every_ms > 0 ? command->stop_every_ms : STOP_EVERY_MS);
    if (!command->stop(command->context))
        return false;
    watch->result->end = COMMAND_CANCELLED;
    return true;
}

static void move_on(struct watch *watch, int64_t now)
{
    switch (watch->phase) {
    case RUNNING:
        if (!shall_end(watch, now))
            return;
        watch->decided = true;
        watch->phase = TERMINATING;
        watch->deadline_ms = now + watch->command->grace_ms;
        kill(watch->warden, SIGCONT);
        send_word(watch, WARDEN_TERMINATE);
        return;
    case TERMINATING:
        if (now < watch->deadline_ms)
            return;
        begin_cleaning(watch);
        send_word(watch, WARDEN_KILL);
        return;
    case CLEANING:
        if (now >= watch->deadline_ms)
            kill(watch->warden, SIGKILL);
    }
}

static int wait_ms(const struct watch *watch, int64_t now)
{
    int64_t next = watch->deadline_ms;
    if (watch->phase == RUNNING && watch->command->stop != NULL && watch->next_stop_ms < next)
        next = watch->next_stop_ms;
    return next <= now ? 0 : next - now > 1000 ? 1000 : (int)(next - now);
}

/* Until the warden's end of the socket is closed: then all is over. */
static void attend(struct watch *watch)
{
    while (watch->control >= 0) {
        struct pollfd news[3] = {
            {.fd = watch->control, .events = POLLIN}, {.fd = watch->out, .events = POLLIN}, {.fd = watch->err, .events = POLLIN}};
        if (poll(news, 3, wait_ms(watch, clock_monotonic_ms())) < 0)
            news[0].revents = news[1].revents = news[2].revents = 0;
        if (news[1].revents != 0)
            read_output(watch, &watch->out, &watch->captured_out);
        if (news[2].revents != 0)
            read_output(watch, &watch->err, &watch->captured_err);
        if (news[0].revents != 0)
            read_report(watch);
        move_on(watch, clock_monotonic_ms());
    }
    int how;
    while (waitpid(watch->warden, &how, 0) < 0 && errno == EINTR)
        continue;
    /* Nobody writes any more, unless a descriptor was handed to a stranger: what is there now is all. */
    for (int i = 0; i < DRAIN_READS; i++) {
        read_output(watch, &watch->out, &watch->captured_out);
        read_output(watch, &watch->err, &watch->captured_err);
    }
}

/* --- what it means --- */

void command_last_line(const struct command_text *text, char *out, size_t size)
{
    assert(size > 0);
    out[0] = '\0';
    size_t end = text->text == NULL ? 0 : text->size;
    while (end > 0 && !isgraph((unsigned char)text->text[end - 1]))
        end--;
    size_t begin = end;
    while (begin > 0 && end - begin < size - 1 && text->text[begin - 1] != '\n' && text->text[begin - 1] != '\r')
        begin--;
    size_t length = end - begin;
    for (size_t i = 0; i < length; i++)
        out[i] = isprint((unsigned char)text->text[begin + i]) ? text->text[begin + i] : '?';
    out[length] = '\0';
}

static bool has_word(const struct command_text *text, const char *word)
{
    size_t length = strlen(word), at = text->size > LAST_WORDS_BYTES ? text->size - LAST_WORDS_BYTES : 0;
    for (; at + length <= text->size; at++) {
        if (strncasecmp(text->text + at, word, length) == 0)
            return true;
    }
    return false;
}

/* How C++, Python, the C library, CUDA and TensorRT say that memory ran out. */
static bool speaks_of_memory(const struct command_result *result)
{
    static const char *const words[] = {"bad_alloc",         "out of memory",      "outofmemory", "cannot allocate memory",
                                        "memoryerror",       "failed to allocate", "oom-kill",    "memory allocation failed",
                                        "unable to allocate"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (has_word(&result->out, words[i]) || has_word(&result->err, words[i]))
            return true;
    }
    return false;
}

/* `: LAST LINE` of standard error, else of standard output, or nothing. */
static void last_words(const struct command_result *result, char out[LINE_BYTES + 16])
{
    char line[LINE_BYTES];
    command_last_line(&result->err, line, sizeof line);
    if (line[0] == '\0')
        command_last_line(&result->out, line, sizeof line);
    snprintf(out, LINE_BYTES + 16, line[0] == '\0' ? "" : "; its last line: %s", line);
}

static void classify_end(const struct watch *watch)
{
    struct command_result *result = watch->result;
    if (watch->decided)
        return;
    if (watch->crowd > 0)
        result->end = COMMAND_CROWDED;
    else if (watch->start_error != 0 || !watch->ended)
        result->end = COMMAND_NOT_STARTED;
    else {
        result->end = WIFSIGNALED(watch->how) ? COMMAND_KILLED : COMMAND_EXITED;
        result->signal = WIFSIGNALED(watch->how) ? WTERMSIG(watch->how) : 0;
        result->exit_code = WIFEXITED(watch->how) ? WEXITSTATUS(watch->how) : 0;
        if ((result->signal != 0 || result->exit_code != 0) && speaks_of_memory(result))
            result->end = COMMAND_OUT_OF_MEMORY;
    }
}

static enum status_code say_not_started(const struct watch *watch, const char *name, struct status *status)
{
    if (watch->start_error == 0)
        return status_set(status, STATUS_UNAVAILABLE,
                          "%.100s: the process that watched over it was killed: how it ended is not known", name);
    switch (watch->start_error) {
    case E2BIG: return status_set(status, STATUS_BAD_INPUT, "%.100s: its arguments and environment are too long", name);
    case ENOEXEC:
        return status_set(status, STATUS_BAD_INPUT,
                          "%.100s: is neither a program for this machine nor a script that begins with #!", name);
    case ENOENT:
        return status_set(status, STATUS_NOT_FOUND,
                          "%.100s: cannot be started: the interpreter it names or the folder %.200s is missing", name,
                          watch->command->folder);
    default:
        return status_set(status, STATUS_UNAVAILABLE, "%.100s: cannot be started in %.200s: %s", name, watch->command->folder,
                          strerror(watch->start_error));
    }
}

static enum status_code say_ended(const struct watch *watch, const char *name, struct status *status)
{
    const struct command *command = watch->command;
    const struct command_result *result = watch->result;
    char last[LINE_BYTES + 16], end[64];
    last_words(result, last);
    if (result->signal != 0)
        snprintf(end, sizeof end, "signal %d (%s)", result->signal, strsignal(result->signal));
    else
        snprintf(end, sizeof end, "exit code %d", result->exit_code);
    switch (result->end) {
    case COMMAND_NOT_STARTED: return say_not_started(watch, name, status);
    case COMMAND_EXITED:
        if (result->exit_code == 0)
            return STATUS_OK;
        return status_set(status, STATUS_UNAVAILABLE, "%.100s: %s%s", name, end, last);
    case COMMAND_KILLED:
        return status_set(status, STATUS_UNAVAILABLE, "%.100s: killed by %s%s%s", name, end,
                          result->signal == SIGKILL ? ", which is what the kernel does when memory runs out" : "", last);
    case COMMAND_OUT_OF_MEMORY: return status_set(status, STATUS_NO_MEMORY, "%.100s: out of memory, %s%s", name, end, last);
    case COMMAND_TIMED_OUT:
        return status_set(status, STATUS_UNAVAILABLE,
                          "%.100s: not done after %.3g s, so it was ended; allow more time if that is usual%s", name,
                          (double)command->timeout_ms / 1e3, last);
    case COMMAND_CANCELLED:
        return status_set(status, STATUS_UNAVAILABLE, "%.100s: ended because its result is no longer wanted", name);
    case COMMAND_CROWDED:
        return status_set(status, STATUS_UNAVAILABLE, "%.100s: ended because it ran %d processes and threads at one time%s", name,
                          watch->crowd, last);
    }
    return status_set(status, STATUS_INTERNAL, "%.100s: ended in an unknown way", name);
}

static bool take_room(struct watch *watch)
{
    size_t room = watch->command->output_bytes < 2 ? 2 : watch->command->output_bytes;
    watch->captured_out = (struct capture){.bytes = malloc(room), .room = room};
    watch->captured_err = (struct capture){.bytes = malloc(room), .room = room};
    watch->buffer = malloc(READ_BYTES);
    return watch->captured_out.bytes != NULL && watch->captured_err.bytes != NULL && watch->buffer != NULL;
}

enum status_code command_run(const struct command *command, struct command_result *result, struct status *status)
{
    assert(command->timeout_ms > 0 && command->grace_ms >= 0 && command->folder != NULL);
    char path[PATH_MAX];
    struct watch watch = {.command = command, .result = result, .control = -1, .out = -1, .err = -1};
    memset(result, 0, sizeof *result);
    result->end = COMMAND_NOT_STARTED;
    enum status_code code = command_find(command->argv[0], command->environment, path, status);
    if (code != STATUS_OK)
        return code;
    if (!take_room(&watch)) {
        code = status_set(status, STATUS_NO_MEMORY, "%.100s: no memory for its output", command->argv[0]);
        goto done;
    }
    watch.began_ms = watch.next_stop_ms = clock_monotonic_ms();
    watch.deadline_ms = watch.began_ms + command->timeout_ms;
    if ((code = start_warden(&watch, path, status)) != STATUS_OK)
        goto done;
    attend(&watch);
    if (!watch.ended)
        result->seconds = (double)(clock_monotonic_ms() - watch.began_ms) / 1e3;
    if (!capture_finish(&watch.captured_out, &result->out) || !capture_finish(&watch.captured_err, &result->err)) {
        code = status_set(status, STATUS_NO_MEMORY, "%.100s: no memory for its output", command->argv[0]);
        goto done;
    }
    classify_end(&watch);
    code = say_ended(&watch, command->argv[0], status);
done:
    close_fd(&watch.out);
    close_fd(&watch.err);
    free(watch.captured_out.bytes);
    free(watch.captured_err.bytes);
    free(watch.buffer);
    return code;
}

void command_result_free(struct command_result *result)
{
    free(result->out.text);
    free(result->err.text);
    memset(result, 0, sizeof *result);
}
