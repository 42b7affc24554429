/* coord_loop: what wakes the coordinator: messages, the time it asked for, signals. Called by master_main. It decides nothing. */
#include "master/coord_loop.h"

#include <signal.h>
#include <string.h>
#include <sys/random.h>
#include <uv.h>

#include "common/bus.h"
#include "common/crash.h"
#include "common/log_signals.h"
#include "common/notify.h"
#include "master/master_file.h"

enum { PROGRESS_MS = 500, GOODBYE_LINGER_MS = 1000, NOTIFY_MS = 5000 };

/* How long messages are taken in before the turn that answers them, as long as others wait: as long as the last turn took, within
 * these. The hundreds of results that have come meanwhile share one commit, and with it one wait for the disk; a slow disk waits
 * for more of them. Where nothing else waits, nobody does. */
enum { GATHER_LEAST_MS = 10, GATHER_MOST_MS = 200 };

struct coord_loop {
    struct coord *coord;
    const struct logger *logger;
    struct bus *bus;
    uv_loop_t loop;
    uv_timer_t tick, progress;
    uv_idle_t idle, thinking; /* active while a turn, or a piece of an answer, is due at once: a timer of 0 ms starves all else */
    uv_timer_t thinking_later;
    uv_signal_t sigterm, sigint, sighup;
    struct log_signals log_signals;
    struct master_file place; /* who this master is and where it listens */
    struct notify notify;     /* the service manager, if one started this master */
    int64_t notified_ms;
    int64_t gather_until_ms; /* 0: nothing has come since the last turn */
    int64_t turn_ms;         /* how long that took */
    bool closed;
    int exit_code;
};

static enum status_code send_frame(void *context, uint32_t link, const void *data, size_t size)
{
    struct coord_loop *loop = context;
    return bus_send(loop->bus, link, data, size);
}

static const struct keys_public *sender(void *context)
{
    struct coord_loop *loop = context;
    return bus_sender(loop->bus);
}

/* The kernel's; where it has none yet, time is what there is. */
static uint64_t draw(void *context)
{
    uint64_t chance;
    (void)context;
    return getrandom(&chance, sizeof chance, 0) == sizeof chance ? chance : (uint64_t)clock_monotonic_ns();
}

static void close_handle(uv_handle_t *handle)
{
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

static void close_all(struct coord_loop *loop, int linger_ms)
{
    if (loop->closed)
        return;
    loop->closed = true;
    bus_close(loop->bus, linger_ms);
    loop->bus = NULL;
    notify_unwatch(&loop->notify);
    close_handle((uv_handle_t *)&loop->tick);
    close_handle((uv_handle_t *)&loop->idle);
    close_handle((uv_handle_t *)&loop->thinking);
    close_handle((uv_handle_t *)&loop->thinking_later);
    close_handle((uv_handle_t *)&loop->progress);
    close_handle((uv_handle_t *)&loop->sigterm);
    close_handle((uv_handle_t *)&loop->sigint);
    close_handle((uv_handle_t *)&loop->sighup);
    log_signals_close(&loop->log_signals);
    master_file_remove(coord_db(loop->coord));
}

static void on_tick(uv_timer_t *timer);
static void on_idle(uv_idle_t *idle);
static void on_thinking(uv_idle_t *idle);
static void on_thinking_later(uv_timer_t *timer);

static void settle_thinking(struct coord_loop *loop)
{
    int wait_ms = coord_thinking(loop->coord);
    uv_idle_stop(&loop->thinking);
    if (wait_ms == 0)
        uv_idle_start(&loop->thinking, on_thinking);
    else if (wait_ms > 0)
        uv_timer_start(&loop->thinking_later, on_thinking_later, (uint64_t)wait_ms, 0);
}

/* After whatever the coordinator did: the end, or the time of the next turn. */
static void settle(struct coord_loop *loop)
{
    if (coord_over(loop->coord)) {
        notify_stopping(&loop->notify, "stopping");
        close_all(loop, coord_failure(loop->coord, NULL) == STATUS_OK ? GOODBYE_LINGER_MS : 0);
        return;
    }
    int64_t wait_ms = coord_wake_ms(loop->coord) - clock_monotonic_ms();
    uv_timer_stop(&loop->tick);
    uv_idle_stop(&loop->idle);
    if (wait_ms > 0)
        uv_timer_start(&loop->tick, on_tick, (uint64_t)wait_ms, 0);
    else
        uv_idle_start(&loop->idle, on_idle);
    settle_thinking(loop);
}

static void take_turn(struct coord_loop *loop)
{
    int64_t began_ms = clock_monotonic_ms();
    loop->gather_until_ms = 0;
    coord_turn(loop->coord);
    loop->turn_ms = clock_monotonic_ms() - began_ms;
    settle(loop);
}

static void on_tick(uv_timer_t *timer)
{
    take_turn(timer->data);
}

static void on_idle(uv_idle_t *idle)
{
    struct coord_loop *loop = idle->data;
    if (loop->gather_until_ms == 0)
        take_turn(loop);
}

static void on_thinking(uv_idle_t *idle)
{
    struct coord_loop *loop = idle->data;
    coord_think(loop->coord);
    settle(loop);
}

static void on_thinking_later(uv_timer_t *timer)
{
    struct coord_loop *loop = timer->data;
    coord_think(loop->coord);
    settle(loop);
}

static void on_message(void *context, uint32_t link, const void *data, size_t size)
{
    struct coord_loop *loop = context;
    coord_message(loop->coord, link, data, size);
}

static void on_batch_end(void *context)
{
    struct coord_loop *loop = context;
    int64_t now_ms = clock_monotonic_ms();
    if (loop->gather_until_ms == 0) {
        int64_t gather_ms = loop->turn_ms < GATHER_LEAST_MS ? GATHER_LEAST_MS : loop->turn_ms;
        gather_ms = gather_ms > GATHER_MOST_MS ? GATHER_MOST_MS : gather_ms;
        loop->gather_until_ms = now_ms + gather_ms;
        uv_timer_start(&loop->tick, on_tick, (uint64_t)gather_ms, 0); /* should nothing come after all */
    }
    if (now_ms >= loop->gather_until_ms || !bus_more(loop->bus))
        take_turn(loop);
}

static void on_progress(uv_timer_t *timer)
{
    struct coord_loop *loop = timer->data;
    int64_t now_ms = clock_monotonic_ms();
    coord_print_progress(loop->coord, now_ms);
    if (now_ms - loop->notified_ms < NOTIFY_MS)
        return;
    char doing[NOTIFY_TEXT_BYTES];
    coord_describe_progress(loop->coord, doing, sizeof doing);
    notify_doing(&loop->notify, doing);
    loop->notified_ms = now_ms;
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct coord_loop *loop = handle->data;
    loop->exit_code = number == SIGINT ? 130 : 0;
    log_event(loop->logger, LOG_INFO, "stopping; what is stored is kept, and the same command goes on",
              log_text("signal", number == SIGINT ? "SIGINT" : "SIGTERM"));
    coord_stop(loop->coord);
    settle(loop);
}

static void on_sighup(uv_signal_t *handle, int number)
{
    struct coord_loop *loop = handle->data;
    (void)number;
    coord_reload_keys(loop->coord);
    take_turn(loop);
}

/* --- the whole run --- */

static bool needs_peers(const struct config_study *config)
{
    bool needs = config->fitness.source != CONFIG_FITNESS_TABLE;
    for (uint32_t i = 0; i < config->cost_count; i++)
        needs |= config->costs[i].source == CONFIG_COST_AGENT;
    return needs;
}

static enum status_code listen_at_all(struct coord_loop *loop, const struct coord_options *options, struct status *status)
{
    const struct config_study *config = search_config(coord_search(loop->coord));
    if (options->listen_count == 0 && needs_peers(config))
        return status_set(status, STATUS_BAD_INPUT,
                          "study %s needs workers or agents, and they need an address: give --listen ipc://FOLDER/hwnas.sock",
                          config->name);
    if (options->keys != NULL && bus_use_keys(loop->bus, options->keys, status) != STATUS_OK)
        return status->code;
    for (size_t i = 0; i < options->listen_count; i++) {
        char bound[256];
        crash_point("before-listen");
        enum status_code code = bus_listen(loop->bus, options->listen[i], bound, sizeof bound, status);
        if (code != STATUS_OK)
            return code;
        log_event(loop->logger, LOG_INFO, "listening", log_text("address", bound),
                  log_text("with", options->keys != NULL && strncmp(bound, "tcp://", 6) == 0 ? "keys" : NULL));
        snprintf(loop->place.addresses[i], sizeof loop->place.addresses[i], "%s", bound);
        loop->place.address_count++;
        crash_point("after-listen");
    }
    return STATUS_OK;
}

/* Where a verb that finds the database held can ask. Nothing else depends on it. */
static void leave_word(struct coord_loop *loop, bool with_keys)
{
    struct status status = {0};
    master_file_describe(&loop->place);
    loop->place.with_keys = with_keys;
    snprintf(loop->place.study, sizeof loop->place.study, "%s", search_config(coord_search(loop->coord))->name);
    if (master_file_write(coord_db(loop->coord), &loop->place, &status) != STATUS_OK)
        log_event(loop->logger, LOG_WARN, "nobody can ask this master", log_text("reason", status.message));
}

static void open_handles(struct coord_loop *loop, const struct coord_options *options)
{
    uv_timer_init(&loop->loop, &loop->tick);
    uv_timer_init(&loop->loop, &loop->progress);
    uv_idle_init(&loop->loop, &loop->idle);
    uv_idle_init(&loop->loop, &loop->thinking);
    uv_timer_init(&loop->loop, &loop->thinking_later);
    uv_signal_init(&loop->loop, &loop->sigterm);
    uv_signal_init(&loop->loop, &loop->sigint);
    log_signals_open(&loop->log_signals, &loop->loop, loop->logger);
    loop->tick.data = loop->progress.data = loop->idle.data = loop->thinking.data = loop->thinking_later.data = loop;
    uv_signal_init(&loop->loop, &loop->sighup);
    loop->sigterm.data = loop->sigint.data = loop->sighup.data = loop;
    if (options->keys != NULL)
        uv_signal_start(&loop->sighup, on_sighup, SIGHUP);
    uv_timer_start(&loop->progress, on_progress, PROGRESS_MS, PROGRESS_MS);
    uv_signal_start(&loop->sigterm, on_signal, SIGTERM);
    uv_signal_start(&loop->sigint, on_signal, SIGINT);
}

static enum status_code run(struct coord_loop *loop, const struct coord_options *options, struct status *status)
{
    struct bus_events events = {on_message, on_batch_end, loop};
    if (uv_loop_init(&loop->loop) != 0)
        return status_set(status, STATUS_NO_MEMORY, "no memory for the loop");
    enum status_code code =
        bus_open(&loop->loop, BUS_SERVER, &events, (uint64_t)clock_monotonic_ns(), loop->logger, &loop->bus, status);
    if (code != STATUS_OK) {
        uv_loop_close(&loop->loop);
        return code;
    }
    open_handles(loop, options);
    notify_watch(&loop->notify, &loop->loop);
    code = coord_start(loop->coord, status);
    if (code == STATUS_OK && !coord_over(loop->coord))
        code = listen_at_all(loop, options, status);
    if (code == STATUS_OK && !coord_over(loop->coord))
        leave_word(loop, options->keys != NULL);
    if (code == STATUS_OK) {
        notify_ready(&loop->notify, "listening");
        settle(loop);
        uv_run(&loop->loop, UV_RUN_DEFAULT);
    }
    close_all(loop, 0);
    uv_run(&loop->loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop->loop);
    return code == STATUS_OK ? coord_failure(loop->coord, status) : code;
}

int coord_loop_run(const struct coord_options *options, const struct logger *logger, struct status *status)
{
    struct coord_loop loop = {.logger = logger};
    const struct coord_effects effects = {
        .clock = &clock_system, .send = send_frame, .sender = sender, .chance = draw, .context = &loop};
    notify_open(&loop.notify);
    enum status_code code = coord_open(options, &effects, logger, &loop.coord, status);
    if (code == STATUS_OK) {
        if (coord_over(loop.coord)) {
            notify_ready(&loop.notify, "the study is finished"); /* who ends without it has failed to start */
        } else {
            coord_print_progress(loop.coord, clock_monotonic_ms());
            code = run(&loop, options, status);
        }
        if (code == STATUS_OK)
            coord_print_progress(loop.coord, clock_monotonic_ms());
    }
    if (code == STATUS_OK && status != NULL)
        status->code = STATUS_OK; /* a sentence of something that was expected may be left in it */
    else if (status != NULL)
        notify_doing(&loop.notify, status->message);
    notify_close(&loop.notify);
    int exit_code = code == STATUS_OK ? loop.exit_code : status_exit_code(code);
    coord_close(loop.coord);
    return exit_code;
}
