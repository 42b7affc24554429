/* session: messages and timers of one peer. Called by the mains of worker and agent. The rules of leases are the ledger's; this
 * file carries out what it says is due. */
#include "worker/session.h"

#include <stdlib.h>
#include <string.h>

#include "common/bus.h"
#include "common/clock.h"
#include "common/host.h"
#include "common/line.h"
#include "common/log_signals.h"
#include "common/notify.h"
#include "worker/downloads.h"
#include "worker/inputs.h"
#include "worker/job.h"
#include "worker/ledger.h"
#include "worker/slot.h"

enum { DRAIN_MS = 30000, LINGER_MS = 1000 };

/* A task that the ledger has: waiting for a slot or for what it names by digest, being computed, or computed. */
struct held {
    bool used, computing, has_result;
    struct wire_task task;
    void *memory;              /* what the task points into; owned */
    struct inputs inputs;      /* while computing */
    struct slot_result result; /* with its artifact, until it is acknowledged */
};

struct session {
    const struct session_options *options;
    const struct logger *logger;
    uv_loop_t loop;
    struct bus *bus;
    uv_timer_t timer, drain;
    uv_signal_t sigterm, sigint;
    struct log_signals log_signals;
    struct notify notify; /* the service manager, if one started this process */
    bool leaving, was_registered;
    int exit_code;
    struct status failure;
    struct ledger *ledger;
    struct downloads downloads;
    int64_t asked_ms; /* for the last chunk */
    struct slot **slots;
    struct job_bench *benches; /* one a slot */
    pthread_mutex_t turn;      /* of the board that the slots share */
    struct held *held;         /* as many as the ledger has items */
    struct wire_message message, answer;
};

static void go_on(struct session *session);

/* --- ending --- */

static void close_handle(uv_handle_t *handle)
{
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

static void leave(struct session *session)
{
    if (session->leaving)
        return;
    session->leaving = true;
    notify_unwatch(&session->notify);
    bus_close(session->bus, LINGER_MS);
    for (uint32_t i = 0; i < session->options->slots; i++) {
        slot_close(session->slots[i]);
        session->slots[i] = NULL;
    }
    close_handle((uv_handle_t *)&session->timer);
    close_handle((uv_handle_t *)&session->drain);
    close_handle((uv_handle_t *)&session->sigterm);
    close_handle((uv_handle_t *)&session->sigint);
    log_signals_close(&session->log_signals);
}

/* The loop is left at the next go_on: the bus must not be closed by its own message callback. */
static void fail(struct session *session, enum status_code code, const char *sentence)
{
    if (session->failure.code == STATUS_OK)
        status_set(&session->failure, code, "%s", sentence);
}

/* --- sending --- */

static bool send_message(struct session *session, const struct wire_message *message)
{
    void *data;
    size_t size;
    struct status status = {0};
    if (wire_encode(message, &data, &size, &status) != STATUS_OK) {
        log_event(session->logger, LOG_ERROR, "a message could not be sent", log_text("reason", status.message));
        return false;
    }
    enum status_code code = bus_send(session->bus, 0, data, size);
    free(data);
    return code == STATUS_OK;
}

static void send_return(struct session *session, uint64_t lease_id, const char *key)
{
    session->answer.type = WIRE_RETURN;
    session->answer.return_lease.lease_id = lease_id;
    memcpy(session->answer.return_lease.key, key, DIGEST_HEX_BYTES);
    send_message(session, &session->answer);
}

static struct held *find_held(struct session *session, uint64_t lease_id)
{
    for (uint32_t i = 0; i < session->ledger->capacity; i++) {
        if (session->held[i].used && session->held[i].task.lease_id == lease_id)
            return &session->held[i];
    }
    return NULL;
}

static void send_result(struct session *session, uint64_t lease_id)
{
    const struct held *held = find_held(session, lease_id);
    if (held == NULL || !held->has_result)
        return;
    struct wire_result *out = &session->answer.result;
    session->answer.type = WIRE_RESULT;
    *out = (struct wire_result){.lease_id = lease_id,
                                .epoch = held->task.epoch,
                                .attempt = held->task.attempt,
                                .outcome = held->result.outcome,
                                .value = held->result.outcome == WIRE_OK ? held->result.value : 0,
                                .seconds = held->result.seconds,
                                .failure = held->result.failure,
                                .build_seconds = held->result.build_seconds,
                                .run_seconds = held->result.run_seconds,
                                .energy_mj = held->result.energy_mj,
                                .detail = held->result.detail,
                                .detail_size = held->result.detail == NULL ? 0 : strlen(held->result.detail)};
    memcpy(out->key, held->task.key, sizeof out->key);
    memcpy(out->sentence, held->result.sentence, sizeof out->sentence);
    if (held->result.outcome == WIRE_OK) {
        out->artifact_bytes = held->result.artifact_bytes;
        out->artifact_digest = held->result.artifact_digest;
    }
    send_message(session, &session->answer); /* if it cannot be sent now, the ledger has it sent again */
}

/* --- tasks --- */

static void forget(struct held *held)
{
    slot_result_free(&held->result);
    free(held->memory);
    memset(held, 0, sizeof *held);
}

static struct slot *slot_of(struct session *session, uint64_t lease_id)
{
    for (uint32_t i = 0; i < session->options->slots; i++) {
        if (slot_lease(session->slots[i]) == lease_id)
            return session->slots[i];
    }
    return NULL;
}

/* A task that is being computed stays in its place until its slot has stopped: what it uses is still in use. */
static void cancel(struct session *session, struct held *held)
{
    struct slot *slot = held->computing ? slot_of(session, held->task.lease_id) : NULL;
    if (slot != NULL)
        slot_cancel(slot);
    else
        forget(held);
}

static void cancel_all(struct session *session, const struct wire_id_list *leases)
{
    for (uint32_t i = 0; i < leases->count; i++) {
        struct held *held = find_held(session, leases->lease_ids[i]);
        if (held != NULL)
            cancel(session, held);
    }
}

/* Hands back what is not computed yet (or, when `all`, what is being computed too). */
static void hand_back(struct session *session, bool all)
{
    for (uint32_t i = 0; i < session->ledger->capacity; i++) {
        struct held *held = &session->held[i];
        if (!held->used || held->has_result || (held->computing && !all))
            continue;
        if (ledger_forget(session->ledger, held->task.lease_id))
            send_return(session, held->task.lease_id, held->task.key);
        cancel(session, held);
    }
}

static void prolong_slots(struct session *session)
{
    for (uint32_t i = 0; i < session->options->slots; i++) {
        uint64_t lease_id = slot_lease(session->slots[i]);
        int64_t good_until_ms = lease_id == 0 ? INT64_MIN : ledger_good_until(session->ledger, lease_id);
        if (good_until_ms != INT64_MIN)
            slot_prolong(session->slots[i], good_until_ms);
    }
}

static void finish_task(struct session *session, struct held *held, const struct slot_result *result)
{
    held->computing = false;
    held->result = *result;
    if (result->abandoned || !ledger_done(session->ledger, clock_monotonic_ms(), held->task.lease_id)) {
        if (ledger_forget(session->ledger, held->task.lease_id))
            send_return(session, held->task.lease_id, held->task.key);
        forget(held);
        return;
    }
    held->has_result = true;
    if (result->outcome == WIRE_FAILED)
        log_event(session->logger, LOG_WARN, "failed", log_count("lease", held->task.lease_id), log_key("key", held->task.key),
                  log_count("attempt", held->task.attempt), log_text("class", wire_failure_name(result->failure)),
                  log_real("seconds", result->seconds), log_text("reason", result->sentence), log_text("arch", held->task.arch));
    else
        log_event(session->logger, LOG_DEBUG, "computed", log_count("lease", held->task.lease_id), log_key("key", held->task.key),
                  log_count("attempt", held->task.attempt), log_real("value", result->value), log_real("seconds", result->seconds),
                  log_text("arch", held->task.arch));
}

static void on_slot_done(void *context, struct slot *slot)
{
    struct session *session = context;
    struct held *held = find_held(session, slot_lease(slot));
    struct slot_result result;
    slot_take(slot, &result);
    if (session->leaving || held == NULL) {
        slot_result_free(&result);
        return;
    }
    inputs_release(&held->inputs);
    finish_task(session, held, &result);
    go_on(session);
}

static void fail_task(struct session *session, struct held *held, const char *sentence)
{
    struct slot_result result = {.outcome = WIRE_FAILED};
    line_of(sentence, result.sentence, sizeof result.sentence);
    finish_task(session, held, &result);
}

static void request_chunk(struct session *session)
{
    session->answer.type = WIRE_BUNDLE_REQUEST;
    if (!downloads_request(&session->downloads, &session->answer.bundle_request))
        return;
    session->asked_ms = clock_monotonic_ms();
    send_message(session, &session->answer);
}

/* Starts the task, or sees to what it needs. False when no slot is idle. */
static bool start_task(struct session *session, struct held *held)
{
    struct slot *idle = NULL;
    for (uint32_t i = 0; i < session->options->slots && idle == NULL; i++)
        idle = slot_idle(session->slots[i]) ? session->slots[i] : NULL;
    if (idle == NULL)
        return false;
    struct slot_inputs inputs;
    struct inputs_need missing;
    if (!inputs_take(&held->inputs, &session->downloads, &held->task, &inputs, &missing)) {
        struct wire_bundle_request unused;
        if (downloads_fetch(&session->downloads, missing.kind, &missing.digest, &unused))
            request_chunk(session);
        return true;
    }
    held->computing = true;
    slot_start(idle, &held->task, &inputs, ledger_good_until(session->ledger, held->task.lease_id));
    return true;
}

static void start_tasks(struct session *session)
{
    for (uint32_t i = 0; i < session->ledger->capacity; i++) {
        struct held *held = &session->held[i];
        if (held->used && !held->computing && !held->has_result &&
            ledger_may_begin(session->ledger, held->task.lease_id, held->task.attempt) && !start_task(session, held))
            return;
    }
}

/* Takes over what the message owns: the schedule, or the pull. */
static void take_task(struct session *session, struct wire_message *message)
{
    const struct wire_task *task = &message->task;
    bool can = wire_role_of(task->kind) == session->options->role;
    enum ledger_answer answer = ledger_task(session->ledger, clock_monotonic_ms(), task);
    struct held *held = NULL;
    for (uint32_t i = 0; answer == LEDGER_START && i < session->ledger->capacity && held == NULL; i++)
        held = session->held[i].used ? NULL : &session->held[i];
    if (answer == LEDGER_START && held != NULL) {
        held->used = true;
        held->task = *task;
        held->memory = message->memory;
        message->memory = NULL;
        if (!can)
            fail_task(session, held, "a task of a kind that this peer does not do");
        return;
    }
    /* A cancelled task may still sit in its slot's place: no room then. */
    if (answer == LEDGER_START)
        ledger_forget(session->ledger, task->lease_id);
    if (answer != LEDGER_IGNORE)
        send_return(session, task->lease_id, task->key);
}

/* --- messages --- */

static void on_chunk(struct session *session, const struct wire_bundle_chunk *chunk)
{
    bool complete;
    struct status status = {0};
    enum status_code code = downloads_chunk(&session->downloads, chunk, &complete, &status);
    if (code == STATUS_UNAVAILABLE)
        return;
    if (code == STATUS_OK) {
        if (!complete)
            request_chunk(session);
        return;
    }
    for (uint32_t i = 0; i < session->ledger->capacity; i++) {
        struct held *held = &session->held[i];
        if (held->used && !held->computing && !held->has_result && inputs_name(&held->task, &chunk->digest))
            fail_task(session, held, status.message);
    }
}

/* The master asks for a piece of an artifact. What has been acknowledged is not here any more. */
static void on_request(struct session *session, const struct wire_bundle_request *request)
{
    struct wire_bundle_chunk *out = &session->answer.bundle_chunk;
    session->answer.type = WIRE_BUNDLE_CHUNK;
    *out = (struct wire_bundle_chunk){.digest = request->digest};
    for (uint32_t i = 0; i < session->ledger->capacity; i++) {
        const struct slot_result *result = &session->held[i].result;
        if (!session->held[i].has_result || result->artifact == NULL || request->offset_bytes >= result->artifact_bytes ||
            memcmp(&result->artifact_digest, &request->digest, sizeof request->digest) != 0)
            continue;
        size_t left = result->artifact_bytes - (size_t)request->offset_bytes;
        out->total_bytes = result->artifact_bytes;
        out->offset_bytes = request->offset_bytes;
        out->data = (const uint8_t *)result->artifact + request->offset_bytes;
        out->size = left < WIRE_CHUNK_MAX ? left : WIRE_CHUNK_MAX;
        break;
    }
    send_message(session, &session->answer); /* if it cannot be sent now, the master asks again */
}

static void on_goodbye(struct session *session, const struct wire_goodbye *goodbye)
{
    log_event(session->logger, LOG_INFO, "the master says goodbye", log_text("reason", goodbye->sentence));
    notify_doing(&session->notify, "waiting for a master");
    session->was_registered = false;
    ledger_not_registered(session->ledger, clock_monotonic_ms());
    if (!goodbye->finished)
        return; /* it comes back: what is held goes on */
    for (uint32_t i = 0; i < session->ledger->capacity; i++) {
        struct held *held = &session->held[i];
        if (!held->used)
            continue;
        ledger_forget(session->ledger, held->task.lease_id);
        cancel(session, held);
    }
}

static void on_refuse(struct session *session, const struct wire_refuse *refuse)
{
    switch (refuse->code) {
    case WIRE_REFUSE_NOT_REGISTERED: ledger_not_registered(session->ledger, clock_monotonic_ms()); break;
    case WIRE_REFUSE_REPLACED: fail(session, STATUS_CONFLICT, refuse->sentence); break;
    case WIRE_REFUSE_WRONG_VERSION: fail(session, STATUS_UNSUPPORTED, refuse->sentence); break;
    case WIRE_REFUSE_BAD_MESSAGE: fail(session, STATUS_INTERNAL, refuse->sentence); break;
    case WIRE_REFUSE_NOT_ALLOWED: fail(session, STATUS_BAD_INPUT, refuse->sentence); break;
    }
}

static void on_ack(struct session *session, const struct wire_result_ack *ack)
{
    if (!ledger_ack(session->ledger, clock_monotonic_ms(), ack))
        return;
    struct held *held = find_held(session, ack->lease_id);
    if (held != NULL)
        forget(held);
}

static void on_welcome(struct session *session, const struct wire_welcome *welcome, struct wire_id_list *dropped)
{
    ledger_welcome(session->ledger, clock_monotonic_ms(), welcome, dropped);
    if (session->ledger->registered && !session->was_registered) {
        log_event(session->logger, LOG_INFO, "registered with the master", log_count("epoch", welcome->epoch));
        notify_doing(&session->notify, "registered with the master");
    }
    session->was_registered = session->ledger->registered;
}

static void on_message(void *context, uint32_t link, const void *data, size_t size)
{
    struct session *session = context;
    struct wire_message *message = &session->message;
    struct wire_id_list *dropped = &session->answer.welcome.drop; /* room that is free now */
    struct status status = {0};
    (void)link;
    if (session->failure.code != STATUS_OK)
        return;
    if (wire_decode(data, size, message, &status) != STATUS_OK) {
        log_event(session->logger, LOG_WARN, "a message of the master cannot be read", log_text("reason", status.message));
        return;
    }
    dropped->count = 0;
    switch (message->type) {
    case WIRE_WELCOME:
        on_welcome(session, &message->welcome, dropped);
        cancel_all(session, dropped);
        break;
    case WIRE_HEARTBEAT_ANSWER:
        ledger_heartbeat_answer(session->ledger, clock_monotonic_ms(), &message->heartbeat_answer, dropped);
        cancel_all(session, dropped);
        break;
    case WIRE_TASK: take_task(session, message); break;
    case WIRE_RESULT_ACK: on_ack(session, &message->result_ack); break;
    case WIRE_BUNDLE_CHUNK: on_chunk(session, &message->bundle_chunk); break;
    case WIRE_BUNDLE_REQUEST: on_request(session, &message->bundle_request); break;
    case WIRE_GOODBYE: on_goodbye(session, &message->goodbye); break;
    case WIRE_REFUSE: on_refuse(session, &message->refuse); break;
    default: break;
    }
    wire_free(message);
}

/* --- what is due --- */

static void reopen(struct session *session)
{
    struct status status = {0};
    session->was_registered = false;
    notify_doing(&session->notify, "waiting for a master");
    if (bus_reopen(session->bus, &status) != STATUS_OK)
        fail(session, status.code, status.message);
}

static int64_t do_what_is_due(struct session *session)
{
    uint64_t lease_id = 0;
    int64_t wait_ms = 0;
    for (;;) {
        int64_t now_ms = clock_monotonic_ms();
        switch (ledger_due(session->ledger, now_ms, &lease_id, &wait_ms)) {
        case LEDGER_NOTHING: return wait_ms;
        case LEDGER_SEND_HELLO:
            session->answer.type = WIRE_HELLO;
            ledger_hello(session->ledger, now_ms, &session->answer.hello);
            if (!send_message(session, &session->answer))
                ledger_unsent(session->ledger, now_ms);
            break;
        case LEDGER_SEND_HEARTBEAT:
            session->answer.type = WIRE_HEARTBEAT;
            ledger_heartbeat(session->ledger, now_ms, &session->answer.heartbeat);
            if (!send_message(session, &session->answer))
                ledger_unsent(session->ledger, now_ms);
            break;
        case LEDGER_SEND_RESULT: send_result(session, lease_id); break;
        case LEDGER_REOPEN: reopen(session); break;
        }
        if (session->failure.code != STATUS_OK)
            return now_ms;
    }
}

static void on_timer(uv_timer_t *timer)
{
    go_on(timer->data);
}

static bool may_leave(const struct session *session)
{
    const struct ledger *ledger = session->ledger;
    return ledger->draining &&
           (!ledger->registered || ledger_count(ledger, LEDGER_RUNNING) + ledger_count(ledger, LEDGER_DONE) == 0);
}

static void say_goodbye(struct session *session)
{
    session->answer.type = WIRE_GOODBYE;
    session->answer.goodbye = (struct wire_goodbye){.sentence = "stopped by a signal"};
    if (session->ledger->registered)
        send_message(session, &session->answer);
    leave(session);
}

/* After every event: start what can be started, send what is due, and set the timer for the next. */
static void go_on(struct session *session)
{
    if (session->leaving)
        return;
    if (session->failure.code != STATUS_OK) {
        leave(session);
        return;
    }
    do_what_is_due(session); /* first, so that a task is confirmed before it is begun */
    start_tasks(session);
    int64_t wait_ms = do_what_is_due(session), now_ms = clock_monotonic_ms();
    if (session->failure.code != STATUS_OK) {
        leave(session);
        return;
    }
    if (may_leave(session)) {
        say_goodbye(session);
        return;
    }
    prolong_slots(session);
    struct wire_bundle_request unused;
    int64_t patience_ms = 3 * (int64_t)session->ledger->heartbeat_ms;
    if (downloads_request(&session->downloads, &unused) && now_ms - session->asked_ms >= patience_ms)
        request_chunk(session);
    uv_timer_start(&session->timer, on_timer, wait_ms > now_ms ? (uint64_t)(wait_ms - now_ms) : 0, 0);
}

static void on_batch_end(void *context)
{
    go_on(context);
}

/* --- signals --- */

static void on_drain_over(uv_timer_t *timer)
{
    struct session *session = timer->data;
    hand_back(session, true);
    say_goodbye(session);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct session *session = handle->data;
    if (session->leaving)
        return;
    if (session->ledger->draining) {
        on_drain_over(&session->drain);
        return;
    }
    session->exit_code = number == SIGINT ? 130 : 0;
    log_event(session->logger, LOG_INFO, "stopping: no new tasks; what runs is finished in time or handed back",
              log_real("seconds", DRAIN_MS / 1000.0));
    notify_stopping(&session->notify, "finishing what runs");
    ledger_drain(session->ledger, clock_monotonic_ms());
    hand_back(session, false);
    uv_timer_start(&session->drain, on_drain_over, DRAIN_MS, 0);
    go_on(session);
}

/* --- the whole run --- */

static void introduce(const struct session_options *options, struct wire_hello *out)
{
    memset(out, 0, sizeof *out);
    out->role = options->role;
    out->incarnation = (uint64_t)clock_wall_ms() * 1000 + (uint64_t)clock_monotonic_ns() / 1000 % 1000;
    out->slots = options->slots;
    host_identify(out->host_id);
    snprintf(out->node, sizeof out->node, "%s", options->node);
    snprintf(out->isa, sizeof out->isa, "%s", engine_best_isa());
    line_of(engine_blas_core(), out->blas_core, sizeof out->blas_core);
    if (options->runner == NULL)
        return;
    char conditions[WIRE_CONDITIONS_BYTES];
    struct runner_board board;
    runner_describe(options->runner, &board);
    memcpy(out->device_key, board.device_key, sizeof out->device_key);
    memcpy(out->board.name, board.name, sizeof out->board.name);
    snprintf(out->board.runner, sizeof out->board.runner, "%s", options->runner->ops->name);
    out->board.deterministic = board.deterministic;
    out->board.peak_macs_per_s = board.peak_macs_per_s;
    out->board.peak_bytes_per_s = board.peak_bytes_per_s;
    if (board.elsewhere) /* a host of its own: what this machine computes does not disturb it */
        snprintf(out->host_id, sizeof out->host_id, "board-%.57s", board.name);
    options->runner->ops->conditions(options->runner, conditions, sizeof conditions);
    line_of(conditions, out->conditions, sizeof out->conditions);
}

static enum status_code make_room(struct session *session, struct status *status)
{
    struct wire_hello *self = malloc(sizeof *self);
    session->ledger = malloc(sizeof *session->ledger);
    session->slots = calloc(session->options->slots, sizeof(struct slot *));
    session->benches = calloc(session->options->slots, sizeof *session->benches);
    if (self != NULL && session->ledger != NULL) {
        introduce(session->options, self);
        ledger_init(session->ledger, self, (uint64_t)clock_monotonic_ns());
        session->held = calloc(session->ledger->capacity, sizeof *session->held);
    }
    free(self);
    if (session->held == NULL || session->slots == NULL || session->benches == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for %u slots", session->options->slots);
    return STATUS_OK;
}

static enum status_code open_slots(struct session *session, struct status *status)
{
    enum status_code code = STATUS_OK;
    for (uint32_t i = 0; i < session->options->slots && code == STATUS_OK; i++) {
        session->benches[i].isa = session->options->isa;
        session->benches[i].runner = session->options->runner;
        session->benches[i].turn = &session->turn;
        code = slot_open(&session->loop, job_work, &session->benches[i], on_slot_done, session, &session->slots[i], status);
    }
    return code;
}

static void open_handles(struct session *session)
{
    uv_timer_init(&session->loop, &session->timer);
    uv_timer_init(&session->loop, &session->drain);
    uv_signal_init(&session->loop, &session->sigterm);
    uv_signal_init(&session->loop, &session->sigint);
    log_signals_open(&session->log_signals, &session->loop, session->logger);
    session->timer.data = session->drain.data = session->sigterm.data = session->sigint.data = session;
    uv_signal_start(&session->sigterm, on_signal, SIGTERM);
    uv_signal_start(&session->sigint, on_signal, SIGINT);
    uv_timer_start(&session->timer, on_timer, 0, 0);
}

static enum status_code run_loop(struct session *session, struct status *status)
{
    struct bus_events events = {on_message, on_batch_end, session};
    if (uv_loop_init(&session->loop) != 0)
        return status_set(status, STATUS_NO_MEMORY, "no memory for the loop");
    open_handles(session);
    notify_watch(&session->notify, &session->loop);
    enum status_code code =
        bus_open(&session->loop, BUS_CLIENT, &events, (uint64_t)clock_monotonic_ns(), session->logger, &session->bus, status);
    if (code == STATUS_OK && session->options->keys != NULL)
        code = bus_use_keys(session->bus, session->options->keys, status);
    if (code == STATUS_OK)
        code = bus_connect(session->bus, session->options->address, status);
    if (code == STATUS_OK)
        code = open_slots(session, status);
    if (code == STATUS_OK) {
        /* Masters may come and go, so being up needs none. */
        notify_ready(&session->notify, "waiting for a master");
        uv_run(&session->loop, UV_RUN_DEFAULT);
    }
    leave(session);
    uv_run(&session->loop, UV_RUN_DEFAULT);
    uv_loop_close(&session->loop);
    if (code == STATUS_OK && session->failure.code != STATUS_OK) {
        *status = session->failure;
        code = session->failure.code;
    }
    return code;
}

int session_run(const struct session_options *options, const struct logger *logger, struct status *status)
{
    struct session *session = calloc(1, sizeof *session);
    if (session == NULL)
        return status_exit_code(status_set(status, STATUS_NO_MEMORY, "no memory"));
    session->options = options;
    session->logger = logger;
    notify_open(&session->notify);
    downloads_init(&session->downloads);
    pthread_mutex_init(&session->turn, NULL);
    enum status_code code = make_room(session, status);
    if (code == STATUS_OK)
        code = run_loop(session, status);
    int exit_code = code == STATUS_OK ? session->exit_code : status_exit_code(code);
    if (code != STATUS_OK && status != NULL)
        notify_doing(&session->notify, status->message);
    notify_close(&session->notify);
    for (uint32_t i = 0; session->held != NULL && i < session->ledger->capacity; i++)
        forget(&session->held[i]);
    for (uint32_t i = 0; session->benches != NULL && i < options->slots; i++)
        job_bench_close(&session->benches[i]);
    downloads_clear(&session->downloads);
    pthread_mutex_destroy(&session->turn);
    free(session->held);
    free(session->benches);
    free(session->slots);
    free(session->ledger);
    free(session);
    return exit_code;
}
