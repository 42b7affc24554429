/* cli_launch: the processes of one run. Called by cli_run.c.
 *
 * The rule it keeps: nothing is left behind. Every way out goes through the master's end, then the peers', then the loop's. */
#include "master/cli_launch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <uv.h>

#include "common/cli.h"
#include "common/clock.h"
#include "master/cli_display.h"
#include "master/progress.h"

enum {
    LINE_BYTES_MAX = 1 << 16,
    ARGUMENTS_MAX = 24,
    RESTARTS_MAX = 5, /* of one peer within RESTART_WINDOW_MS before it is given up */
    RESTART_WINDOW_MS = 60 * 1000,
    PEER_GRACE_MS = 3 * 1000 /* between SIGTERM and SIGKILL at the end; peers hold nothing that matters */
};

struct launcher;

/* One worker or agent. `process` must stay in place while it is open. */
struct peer {
    uv_process_t process;
    struct launcher *launcher;
    const char *program; /* "hwnas-worker" */
    const char *board;   /* an agent's board file; NULL: none */
    int number;          /* from 1; for messages */
    bool alive, again;   /* again: to be started anew once its handle is closed */
    int restarts;        /* since window_ms */
    int64_t window_ms;
};

/* A pipe that is read line by line. */
struct lines {
    uv_pipe_t pipe;
    struct launcher *launcher;
    void (*take)(struct launcher *launcher, const char *line);
    char text[LINE_BYTES_MAX];
    size_t used;
    bool open;
};

struct launcher {
    const struct cli_launch *launch;
    uv_loop_t loop;
    uv_signal_t signals[3], log_signals[2];
    uv_timer_t grace;
    uv_process_t master;
    struct lines out, err;
    struct peer *peers;
    size_t peer_count, peers_alive;
    char folder[64], endpoint[128], log_path[PATH_MAX], programs[PATH_MAX];
    char **environment;
    int log_fd;
    struct cli_display display;
    bool master_alive, peers_started, finished, interrupted, closing;
    int64_t master_exit;
    int master_signal;
    char last_error[LINE_BYTES_MAX]; /* the master's last line on standard error */
    struct status failure;           /* why the launcher itself gave up; OK: it did not */
};

static void stop_master(struct launcher *launcher);
static void finish_if_done(struct launcher *launcher);

/* --- preparing --- */

int cli_launch_cpus(void)
{
    unsigned count = uv_available_parallelism();
    return count < 1 ? 1 : count > CLI_LAUNCH_WORKERS_MAX ? CLI_LAUNCH_WORKERS_MAX : (int)count;
}

/* Children compute with one thread each, and with OpenBLAS's own choice of kernels. */
static char **child_environment(void)
{
    static const char *const dropped[] = {"OPENBLAS_CORETYPE=", "OPENBLAS_L2_SIZE=", "OPENBLAS_NUM_THREADS="};
    static char one_thread[] = "OPENBLAS_NUM_THREADS=1";
    size_t count = 0, kept = 0;
    while (environ[count] != NULL)
        count++;
    char **list = calloc(count + 2, sizeof *list);
    if (list == NULL)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        bool drop = false;
        for (size_t d = 0; d < sizeof dropped / sizeof dropped[0]; d++)
            drop = drop || strncmp(environ[i], dropped[d], strlen(dropped[d])) == 0;
        if (!drop)
            list[kept++] = environ[i];
    }
    list[kept] = one_thread;
    return list;
}

/* A folder only this user can enter: whoever can open the socket can take part in the search. */
static enum status_code make_folder(struct launcher *launcher, struct status *status)
{
    const char *parent = getenv("TMPDIR");
    /* A socket's path has 107 bytes. */
    if (parent == NULL || *parent != '/' || strlen(parent) > 40)
        parent = "/tmp";
    snprintf(launcher->folder, sizeof launcher->folder, "%s/hwnas-XXXXXX", parent);
    if (mkdtemp(launcher->folder) == NULL) {
        launcher->folder[0] = '\0';
        return status_set(status, STATUS_IO, "no private folder can be made in %s: %s; set TMPDIR to a folder that can be written",
                          parent, strerror(errno));
    }
    snprintf(launcher->endpoint, sizeof launcher->endpoint, "ipc://%s/hwnas.sock", launcher->folder);
    return STATUS_OK;
}

static enum status_code open_log(struct launcher *launcher, struct status *status)
{
    const char *db = launcher->launch->db;
    size_t length = strlen(db);
    if (length > 3 && strcmp(db + length - 3, ".db") == 0)
        length -= 3;
    if (snprintf(launcher->log_path, sizeof launcher->log_path, "%.*s.log", (int)length, db) >= (int)sizeof launcher->log_path)
        return status_set(status, STATUS_BAD_INPUT, "%.200s...: the path is too long", db);
    launcher->log_fd = open(launcher->log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (launcher->log_fd < 0)
        return status_set(status, STATUS_BAD_INPUT, "%.300s: the log cannot be written: %s; choose another place with --db",
                          launcher->log_path, strerror(errno));
    return STATUS_OK;
}

/* The programs stand beside this one, or in PATH. */
static void find_programs(struct launcher *launcher)
{
    ssize_t length = readlink("/proc/self/exe", launcher->programs, sizeof launcher->programs - 1);
    launcher->programs[length > 0 ? length : 0] = '\0';
    char *slash = strrchr(launcher->programs, '/');
    if (slash != NULL)
        *slash = '\0';
}

static void program_path(const struct launcher *launcher, const char *name, char out[PATH_MAX + 32])
{
    snprintf(out, PATH_MAX + 32, "%s/%s", launcher->programs, name);
    if (access(out, X_OK) != 0)
        snprintf(out, PATH_MAX + 32, "%s", name);
}

/* --- starting --- */

/* Starts one child with the given standard output and error. Returns libuv's error code. */
static int spawn(struct launcher *launcher, uv_process_t *process, const char *name, char **arguments, uv_exit_cb on_exit,
                 uv_stdio_container_t out, uv_stdio_container_t err)
{
    char path[PATH_MAX + 32];
    uv_stdio_container_t stdio[3] = {{.flags = UV_IGNORE}, out, err};
    program_path(launcher, name, path);
    arguments[0] = path;
    uv_process_options_t options = {.exit_cb = on_exit,
                                    .file = path,
                                    .args = arguments,
                                    .env = launcher->environment,
                                    .flags = UV_PROCESS_DETACHED,
                                    .stdio_count = 3,
                                    .stdio = stdio};
    return uv_spawn(&launcher->loop, process, &options);
}

static void give_up(struct launcher *launcher, enum status_code code, const char *sentence)
{
    if (launcher->failure.code == STATUS_OK)
        status_set(&launcher->failure, code, "%s", sentence);
    stop_master(launcher);
}

static void on_peer_exit(uv_process_t *process, int64_t exit_status, int signal);

static void start_peer(struct peer *peer)
{
    struct launcher *launcher = peer->launcher;
    char connect[] = "--connect", with_parent[] = "--exit-with-parent", level[] = "--log-level", word[16];
    snprintf(word, sizeof word, "%s", launcher->launch->log_level);
    char board[] = "--board";
    char *arguments[] = {
        NULL, connect, launcher->endpoint, with_parent, level, word, peer->board != NULL ? board : NULL, (char *)peer->board, NULL};
    uv_stdio_container_t log = {.flags = UV_INHERIT_FD, .data.fd = launcher->log_fd};
    int error = spawn(launcher, &peer->process, peer->program, arguments, on_peer_exit, log, log);
    if (error != 0) {
        char sentence[256];
        snprintf(sentence, sizeof sentence, "%s cannot be started (%s): it must stand beside hwnas or in PATH", peer->program,
                 uv_strerror(error));
        uv_close((uv_handle_t *)&peer->process, NULL);
        give_up(launcher, STATUS_IO, sentence);
        return;
    }
    peer->process.data = peer;
    peer->alive = true;
    launcher->peers_alive++;
}

static void start_peers(struct launcher *launcher)
{
    launcher->peers_started = true;
    for (size_t i = 0; i < launcher->peer_count && launcher->failure.code == STATUS_OK; i++)
        start_peer(&launcher->peers[i]);
}

/* --- peers that end --- */

/* Whether one more restart keeps within RESTARTS_MAX per window. */
static bool may_restart(struct peer *peer)
{
    int64_t now_ms = clock_monotonic_ms();
    if (peer->restarts == 0 || now_ms - peer->window_ms > RESTART_WINDOW_MS) {
        peer->restarts = 0;
        peer->window_ms = now_ms;
    }
    return peer->restarts++ < RESTARTS_MAX;
}

static bool peers_wanted(const struct launcher *launcher)
{
    return launcher->master_alive && !launcher->finished && !launcher->interrupted && launcher->failure.code == STATUS_OK;
}

/* Whether another process of the same program runs or is about to. */
static bool has_sibling(const struct peer *peer)
{
    const struct launcher *launcher = peer->launcher;
    for (size_t i = 0; i < launcher->peer_count; i++)
        if (strcmp(launcher->peers[i].program, peer->program) == 0 && (launcher->peers[i].alive || launcher->peers[i].again))
            return true;
    return false;
}

/* A closed handle may be opened again only now. */
static void on_peer_closed(uv_handle_t *handle)
{
    struct peer *peer = handle->data;
    struct launcher *launcher = peer->launcher;
    bool again = peer->again && peers_wanted(launcher);
    peer->again = false;
    if (again) {
        start_peer(peer);
    } else if (peers_wanted(launcher) && !has_sibling(peer)) {
        char sentence[PATH_MAX + 96];
        snprintf(sentence, sizeof sentence, "%s keeps ending; %.300s says why", peer->program, launcher->log_path);
        give_up(launcher, STATUS_INTERNAL, sentence);
    }
    finish_if_done(launcher);
}

static void name_peer(const struct peer *peer, char *out, size_t size)
{
    const char *slash = peer->board != NULL ? strrchr(peer->board, '/') : NULL;
    if (peer->board != NULL)
        snprintf(out, size, "%s of %s", peer->program, slash != NULL ? slash + 1 : peer->board);
    else
        snprintf(out, size, "%s %d", peer->program, peer->number);
}

static void on_peer_exit(uv_process_t *process, int64_t exit_status, int signal)
{
    struct peer *peer = process->data;
    struct launcher *launcher = peer->launcher;
    peer->alive = false;
    launcher->peers_alive--;
    bool refused = signal == 0 && exit_status == 2; /* bad input does not mend itself */
    peer->again = peers_wanted(launcher) && !refused && may_restart(peer);
    if (peers_wanted(launcher)) {
        const char *next = peer->again ? "it is started again"
                           : refused   ? "it is left alone; the log says why"
                                       : "it keeps ending and is left alone";
        char name[128];
        name_peer(peer, name, sizeof name);
        if (signal != 0)
            cli_display_note(&launcher->display, "%s was ended by signal %d (%s); %s", name, signal, strsignal(signal), next);
        else
            cli_display_note(&launcher->display, "%s ended with exit code %d; %s", name, (int)exit_status, next);
    }
    uv_close((uv_handle_t *)process, on_peer_closed);
}

static void signal_peers(struct launcher *launcher, int signal)
{
    for (size_t i = 0; i < launcher->peer_count; i++)
        if (launcher->peers[i].alive)
            uv_process_kill(&launcher->peers[i].process, signal);
}

static void on_grace_over(uv_timer_t *timer)
{
    signal_peers(timer->data, SIGKILL);
}

/* --- the master --- */

static void stop_master(struct launcher *launcher)
{
    if (launcher->master_alive)
        uv_process_kill(&launcher->master, SIGTERM);
}

static void take_progress(struct launcher *launcher, const char *line)
{
    struct progress progress;
    struct status status;
    if (progress_parse(line, &progress, &status) != STATUS_OK)
        return;
    launcher->finished = progress.finished;
    if (!launcher->launch->quiet)
        cli_display_progress(&launcher->display, &progress);
    if (!progress.finished && !launcher->peers_started && !launcher->interrupted)
        start_peers(launcher);
}

static void take_error(struct launcher *launcher, const char *line)
{
    size_t length = strlen(line);
    if (length == 0)
        return;
    memcpy(launcher->last_error, line, length + 1);
    /* A full disk must not stop the search, so nothing depends on these. */
    ssize_t written = write(launcher->log_fd, line, length);
    written = write(launcher->log_fd, "\n", 1);
    (void)written;
}

static void on_allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    struct lines *lines = handle->data;
    (void)suggested;
    *buffer = uv_buf_init(lines->text + lines->used, (unsigned)(sizeof lines->text - 1 - lines->used));
}

static void take_lines(struct lines *lines, bool at_end)
{
    char *begin = lines->text, *end;
    lines->text[lines->used] = '\0';
    while ((end = strchr(begin, '\n')) != NULL) {
        *end = '\0';
        lines->take(lines->launcher, begin);
        begin = end + 1;
    }
    lines->used -= (size_t)(begin - lines->text);
    memmove(lines->text, begin, lines->used + 1);
    if (at_end || lines->used == sizeof lines->text - 1) { /* an unfinished last line, or one longer than any of ours */
        lines->take(lines->launcher, lines->text);
        lines->used = 0;
    }
}

static void on_lines_closed(uv_handle_t *handle)
{
    struct lines *lines = handle->data;
    lines->open = false;
    finish_if_done(lines->launcher);
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
    struct lines *lines = stream->data;
    (void)buffer;
    if (count > 0)
        lines->used += (size_t)count;
    take_lines(lines, count < 0);
    if (count < 0)
        uv_close((uv_handle_t *)stream, on_lines_closed);
}

static void on_master_closed(uv_handle_t *handle)
{
    finish_if_done(handle->data);
}

static void on_master_exit(uv_process_t *process, int64_t exit_status, int signal)
{
    struct launcher *launcher = process->data;
    launcher->master_alive = false;
    launcher->master_exit = exit_status;
    launcher->master_signal = signal;
    signal_peers(launcher, SIGTERM);
    uv_timer_start(&launcher->grace, on_grace_over, PEER_GRACE_MS, 0);
    uv_close((uv_handle_t *)process, on_master_closed);
}

static enum status_code start_master(struct launcher *launcher, struct status *status)
{
    const struct cli_launch *launch = launcher->launch;
    const char **arguments = calloc(ARGUMENTS_MAX + 2 * (launch->override_count + launch->listen_count), sizeof *arguments);
    if (arguments == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory to start the master");
    size_t count = 1;
    arguments[count++] = launch->resume != NULL ? "--resume" : "--study";
    arguments[count++] = launch->resume != NULL ? launch->resume : launch->study_path;
    arguments[count++] = "--db";
    arguments[count++] = launch->db;
    arguments[count++] = "--listen";
    arguments[count++] = launcher->endpoint;
    arguments[count++] = "--progress";
    arguments[count++] = "--exit-with-parent";
    arguments[count++] = "--log-level";
    arguments[count++] = launch->log_level;
    if (launch->canary_every != NULL) {
        arguments[count++] = "--canary-every";
        arguments[count++] = launch->canary_every;
    }
    for (size_t i = 0; i < launch->listen_count; i++) {
        arguments[count++] = "--listen";
        arguments[count++] = launch->listen[i];
    }
    if (launch->key != NULL) {
        arguments[count++] = "--key";
        arguments[count++] = launch->key;
        arguments[count++] = "--allow";
        arguments[count++] = launch->allow;
    }
    for (size_t i = 0; i < launch->override_count; i++) {
        arguments[count++] = "--set";
        arguments[count++] = launch->overrides[i];
    }
    uv_stdio_container_t out = {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&launcher->out.pipe};
    uv_stdio_container_t err = {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&launcher->err.pipe};
    int error = spawn(launcher, &launcher->master, "hwnas-master", (char **)arguments, on_master_exit, out, err);
    free(arguments);
    if (error != 0)
        return status_set(status, STATUS_IO, "hwnas-master cannot be started (%s): it must stand beside hwnas or in PATH",
                          uv_strerror(error));
    launcher->master_alive = true;
    uv_read_start((uv_stream_t *)&launcher->out.pipe, on_allocate, on_read);
    uv_read_start((uv_stream_t *)&launcher->err.pipe, on_allocate, on_read);
    return STATUS_OK;
}

/* --- the loop --- */

static void on_signal(uv_signal_t *handle, int signal)
{
    struct launcher *launcher = handle->data;
    (void)signal;
    if (launcher->interrupted) {
        if (launcher->master_alive)
            uv_process_kill(&launcher->master, SIGKILL);
        signal_peers(launcher, SIGKILL);
        return;
    }
    launcher->interrupted = true;
    cli_display_note(&launcher->display, "stopping; once more to stop at once");
    stop_master(launcher);
}

/* More or less in the log: everybody's. */
static void on_log_signal(uv_signal_t *handle, int signal)
{
    struct launcher *launcher = handle->data;
    if (launcher->master_alive)
        uv_process_kill(&launcher->master, signal);
    signal_peers(launcher, signal);
}

static void open_handles(struct launcher *launcher)
{
    for (size_t i = 0; i < 2; i++) {
        uv_signal_init(&launcher->loop, &launcher->log_signals[i]);
        launcher->log_signals[i].data = launcher;
        uv_signal_start(&launcher->log_signals[i], on_log_signal, i == 0 ? SIGUSR1 : SIGUSR2);
    }
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        uv_signal_init(&launcher->loop, &launcher->signals[i]);
        launcher->signals[i].data = launcher;
        uv_signal_start(&launcher->signals[i], on_signal, numbers[i]);
    }
    uv_timer_init(&launcher->loop, &launcher->grace);
    uv_pipe_init(&launcher->loop, &launcher->out.pipe, 0);
    uv_pipe_init(&launcher->loop, &launcher->err.pipe, 0);
    launcher->grace.data = launcher->master.data = launcher;
    launcher->out.take = take_progress;
    launcher->err.take = take_error;
    launcher->out.launcher = launcher->err.launcher = launcher;
    launcher->out.pipe.data = &launcher->out;
    launcher->err.pipe.data = &launcher->err;
    launcher->out.open = launcher->err.open = true;
}

/* The last things to close: they would keep the loop alive. */
static void close_handles(struct launcher *launcher)
{
    if (launcher->closing)
        return;
    launcher->closing = true;
    for (size_t i = 0; i < sizeof launcher->signals / sizeof launcher->signals[0]; i++)
        uv_close((uv_handle_t *)&launcher->signals[i], NULL);
    for (size_t i = 0; i < 2; i++)
        uv_close((uv_handle_t *)&launcher->log_signals[i], NULL);
    uv_close((uv_handle_t *)&launcher->grace, NULL);
}

static void finish_if_done(struct launcher *launcher)
{
    if (!launcher->master_alive && launcher->peers_alive == 0 && !launcher->out.open && !launcher->err.open)
        close_handles(launcher);
}

static enum status_code make_peers(struct launcher *launcher, struct status *status)
{
    const struct cli_launch *launch = launcher->launch;
    size_t workers = (size_t)launch->workers;
    launcher->peer_count = workers + launch->agent + launch->board_count;
    launcher->peers = calloc(launcher->peer_count + 1, sizeof *launcher->peers);
    launcher->environment = child_environment();
    if (launcher->peers == NULL || launcher->environment == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for %d workers", launch->workers);
    for (size_t i = 0; i < launcher->peer_count; i++)
        launcher->peers[i] = (struct peer){.launcher = launcher,
                                           .program = i < workers ? "hwnas-worker" : "hwnas-agent",
                                           .number = (int)(i < workers ? i : i - workers) + 1};
    for (size_t i = 0; i < launch->board_count; i++)
        launcher->peers[workers + launch->agent + i].board = launch->boards[i];
    return STATUS_OK;
}

static void run_loop(struct launcher *launcher)
{
    open_handles(launcher);
    if (start_master(launcher, &launcher->failure) != STATUS_OK) {
        uv_close((uv_handle_t *)&launcher->master, NULL);
        uv_close((uv_handle_t *)&launcher->out.pipe, on_lines_closed);
        uv_close((uv_handle_t *)&launcher->err.pipe, on_lines_closed);
    }
    uv_run(&launcher->loop, UV_RUN_DEFAULT);
}

/* --- how it ended --- */

/* The sentence of "2026-01-01T00:00:00.000Z error hwnas-master: SENTENCE". */
static const char *sentence_of(const char *line)
{
    static const char mark[] = "hwnas-master: ";
    const char *at = strstr(line, mark);
    return at != NULL ? at + sizeof mark - 1 : line;
}

static int verdict(const struct launcher *launcher, struct status *status)
{
    static const enum status_code codes[] = {STATUS_OK, STATUS_INTERNAL, STATUS_BAD_INPUT, STATUS_CONFLICT};
    if (launcher->failure.code != STATUS_OK) {
        *status = launcher->failure;
        return status_exit_code(status->code);
    }
    if (launcher->interrupted && !launcher->finished) {
        status_set(status, STATUS_UNAVAILABLE, "stopped; run the same command to go on");
        return CLI_LAUNCH_INTERRUPTED;
    }
    if (launcher->master_signal != 0) {
        status_set(status, STATUS_INTERNAL,
                   "hwnas-master was ended by signal %d (%s); what it acknowledged is stored: run the same "
                   "command to go on, and see %.200s",
                   launcher->master_signal, strsignal(launcher->master_signal), launcher->log_path);
        return 1;
    }
    if (launcher->master_exit == 0)
        return 0;
    int code = launcher->master_exit <= 3 ? (int)launcher->master_exit : 1;
    if (launcher->last_error[0] != '\0')
        status_set(status, codes[code], "%s", sentence_of(launcher->last_error));
    else
        status_set(status, codes[code], "hwnas-master ended with exit code %d; see %.300s", (int)launcher->master_exit,
                   launcher->log_path);
    return code;
}

static void remove_folder(const struct launcher *launcher)
{
    char socket_path[sizeof launcher->folder + 16];
    if (launcher->folder[0] == '\0')
        return;
    snprintf(socket_path, sizeof socket_path, "%s/hwnas.sock", launcher->folder);
    unlink(socket_path);
    rmdir(launcher->folder);
}

int cli_launch_run(const struct cli_launch *launch, struct status *status)
{
    struct launcher *launcher = calloc(1, sizeof *launcher);
    if (launcher == NULL) {
        status_set(status, STATUS_NO_MEMORY, "no memory to start the search");
        return 1;
    }
    int code;
    launcher->launch = launch;
    launcher->log_fd = -1;
    cli_display_init(&launcher->display, stderr);
    find_programs(launcher);
    enum status_code prepared = make_peers(launcher, status);
    if (prepared == STATUS_OK)
        prepared = open_log(launcher, status);
    if (prepared == STATUS_OK)
        prepared = make_folder(launcher, status);
    if (prepared == STATUS_OK && uv_loop_init(&launcher->loop) != 0)
        prepared = status_set(status, STATUS_NO_MEMORY, "no event loop can be made");
    if (prepared == STATUS_OK) {
        run_loop(launcher);
        uv_loop_close(&launcher->loop);
        cli_display_end(&launcher->display);
        code = verdict(launcher, status);
    } else {
        code = status_exit_code(prepared);
    }
    remove_folder(launcher);
    if (launcher->log_fd >= 0)
        close(launcher->log_fd);
    free(launcher->environment);
    free(launcher->peers);
    free(launcher);
    return code;
}
