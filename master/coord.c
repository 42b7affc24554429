/* coord: turns, the outbox, the store's bad days. Called by coord_loop, and by the simulation. The rule it keeps: nothing is sent
 * that rests on something that is not committed. */
#include "master/coord.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/crash.h"
#include "common/host.h"
#include "common/line.h"
#include "master/coord_parts.h"

enum { ADVANCE_LIMIT = 4096, PROBE_MS = 1000, ELSEWHERE_MS = 5000, DRAIN_MS = 60000 };

/* --- the outbox --- */

void coord_post(struct coord *coord, uint32_t link, const struct wire_message *message, uint64_t lease_id)
{
    struct status status = {0};
    if (coord->outbox_count == coord->outbox_capacity) {
        size_t capacity = coord->outbox_capacity == 0 ? 64 : 2 * coord->outbox_capacity;
        struct outgoing *grown = realloc(coord->outbox, capacity * sizeof *grown);
        if (grown == NULL)
            return; /* as if the network had lost it: the peer asks again */
        coord->outbox = grown;
        coord->outbox_capacity = capacity;
    }
    struct outgoing *out = &coord->outbox[coord->outbox_count];
    *out = (struct outgoing){.link = link, .lease_id = lease_id};
    if (wire_encode(message, &out->data, &out->size, &status) == STATUS_OK)
        coord->outbox_count++;
    else
        log_event(coord->logger, LOG_ERROR, "a message could not be sent", log_text("reason", status.message));
}

static void empty_outbox(struct coord *coord)
{
    for (size_t i = 0; i < coord->outbox_count; i++)
        free(coord->outbox[i].data);
    coord->outbox_count = 0;
}

static void send_outbox(struct coord *coord)
{
    for (size_t i = 0; i < coord->outbox_count; i++) {
        const struct outgoing *out = &coord->outbox[i];
        if (out->lease_id != 0)
            crash_point("before-task");
        enum status_code code = coord->effects.send(coord->effects.context, out->link, out->data, out->size);
        crash_point(out->lease_id != 0 ? "after-task" : "after-answer");
        if (code == STATUS_OK || coord->dispatch == NULL)
            continue;
        if (code == STATUS_NOT_FOUND)
            dispatch_link_gone(coord->dispatch, coord_now_ms(coord), out->link);
        if (out->lease_id != 0)
            dispatch_undelivered(coord->dispatch, coord_now_ms(coord), out->lease_id);
    }
    empty_outbox(coord);
    crash_point("after-outbox");
}

/* --- ending --- */

void coord_fail(struct coord *coord, const struct status *status)
{
    if (coord->failure.code != STATUS_OK)
        return;
    coord->failure = *status;
    coord->over = true;
}

static void post_goodbye(void *context, uint32_t link)
{
    struct coord *coord = context;
    coord_post(coord, link, &coord->answer, 0);
}

static void say_goodbye(struct coord *coord, bool finished, const char *sentence)
{
    coord->answer.type = WIRE_GOODBYE;
    coord->answer.goodbye.finished = finished;
    line_of(sentence, coord->answer.goodbye.sentence, sizeof coord->answer.goodbye.sentence);
    if (coord->dispatch != NULL)
        dispatch_each_link(coord->dispatch, post_goodbye, coord);
    send_outbox(coord);
}

static void finish(struct coord *coord)
{
    log_event(coord->logger, LOG_INFO, "the study is finished", log_text("study", search_config(coord->search)->name));
    crash_point("at-finish");
    say_goodbye(coord, true, "the study is finished");
    coord->over = true;
}

void coord_stop(struct coord *coord)
{
    struct status status = {0};
    crash_point("at-shutdown");
    if (!coord->stalled && !coord->over) {
        dispatch_stop(coord->dispatch);
        coord_turn(coord);
    }
    if (coord->over)
        return;
    if (!coord->stalled && search_begin(coord->search, &status) == STATUS_OK && search_pause(coord->search, &status) == STATUS_OK)
        search_commit(coord->search, &status);
    search_rollback(coord->search);
    crash_point("shutdown-stored");
    say_goodbye(coord, false, "the master is stopping");
    crash_point("after-goodbye");
    coord->over = true;
}

/* --- the store's bad days --- */

/* Without memory it is not noted: its peer is then told to drop what it might have kept. */
static void note_ended(struct coord *coord, uint64_t lease_id)
{
    if (coord->ended_count == coord->ended_capacity) {
        size_t capacity = coord->ended_capacity == 0 ? 64 : 2 * coord->ended_capacity;
        uint64_t *grown = realloc(coord->ended, capacity * sizeof *grown);
        if (grown == NULL)
            return;
        coord->ended = grown;
        coord->ended_capacity = capacity;
    }
    coord->ended[coord->ended_count++] = lease_id;
}

bool coord_ended_in_vain(const struct coord *coord, uint64_t lease_id)
{
    for (size_t i = 0; i < coord->ended_count; i++) {
        if (coord->ended[i] == lease_id)
            return true;
    }
    return false;
}

/* dispatch stays as it was at the last commit, as far as peers can see: what ended since then they still hold. */
static void fall_asleep(struct coord *coord)
{
    struct dispatch_action action;
    while (dispatch_action(coord->dispatch, &action)) {
        if (action.kind == DISPATCH_CLOSE)
            note_ended(coord, action.lease_id);
    }
    coord->asleep = coord->dispatch;
    coord->dispatch = NULL;
}

void coord_store_failed(struct coord *coord, const struct status *status)
{
    search_rollback(coord->search);
    empty_outbox(coord);
    if (status->code != STATUS_IO) {
        coord_fail(coord, status);
        return;
    }
    if (coord->stalled)
        return;
    log_event(coord->logger, LOG_ERROR, "nothing is accepted until the database can be written again",
              log_text("reason", status->message));
    snprintf(coord->stall_reason, sizeof coord->stall_reason, "%.250s", status->message);
    coord->stalled = true;
    fall_asleep(coord);
    coord->wake_ms = coord_now_ms(coord) + PROBE_MS;
}

/* A fresh dispatch with the leases that the store has open. Peers that do not know yet are told to say Hello again. */
static enum status_code open_dispatch(struct coord *coord, struct status *status)
{
    enum status_code code = search_begin(coord->search, status);
    if (code == STATUS_OK)
        code = store_epoch_next(search_store(coord->search), coord_wall_ms(coord), coord->effects.chance(coord->effects.context),
                                &coord->epoch, status);
    if (code == STATUS_OK)
        code = search_commit(coord->search, status);
    search_rollback(coord->search);
    if (code != STATUS_OK)
        return code;
    crash_point("epoch-raised");
    struct dispatch_options options = {.epoch = (uint64_t)coord->epoch,
                                       .heartbeat_ms = coord->options->heartbeat_ms,
                                       .lease_ms = coord->options->lease_ms,
                                       .failures_max = 3,
                                       .measure_batch = 32,
                                       .measure_wait_ms = 300000,
                                       .canary_every = coord->options->canary_every,
                                       .copy_after_ms = coord->options->copy_after_ms,
                                       .elsewhere_ms = ELSEWHERE_MS,
                                       .drain_ms = DRAIN_MS};
    host_identify(options.host_id);
    int64_t now_ms = coord_now_ms(coord);
    coord->dispatch = dispatch_open(&options, now_ms);
    if (coord->dispatch == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for the tasks");
    struct store_lease *leases;
    size_t count;
    code = store_lease_open_list(search_store(coord->search), &leases, &count, status);
    if (code != STATUS_OK)
        return code;
    for (size_t i = 0; i < count; i++)
        dispatch_restore(coord->dispatch, now_ms, (uint64_t)leases[i].id, (uint64_t)leases[i].epoch, (uint32_t)leases[i].attempt,
                         leases[i].key, leases[i].node, leases[i].board);
    free(leases);
    return coord_boards_open(coord, status);
}

/* Whether the store works again. */
static bool probe(struct coord *coord)
{
    struct status status = {0};
    enum status_code code = search_restart(coord->search, &status);
    if (code == STATUS_OK)
        code = open_dispatch(coord, &status);
    if (code == STATUS_OK) {
        log_info(coord->logger, "the database can be written again; going on");
        coord->stalled = false;
        dispatch_close(coord->asleep);
        coord->asleep = NULL;
        coord->ended_count = 0;
        return true;
    }
    dispatch_close(coord->dispatch);
    coord->dispatch = NULL;
    coord->wake_ms = coord_now_ms(coord) + PROBE_MS;
    if (code != STATUS_IO)
        coord_fail(coord, &status);
    return false;
}

/* --- a turn --- */

static void on_task(void *context, const struct study_want *want, const struct store_attempts *attempts)
{
    struct coord *coord = context;
    struct queue_tries tries = {.failures = attempts->failures, .places = attempts->places, .crashes = attempts->crashes};
    dispatch_want(coord->dispatch, coord_now_ms(coord), want->key, search_wire_kind(want->kind), want->device, &tries);
}

static enum status_code store_grant(struct coord *coord, const struct dispatch_action *action, struct status *status)
{
    struct store_lease lease = {
        .epoch = coord->epoch, .attempt = (int32_t)action->attempt, .granted_wall_ms = coord_wall_ms(coord)};
    memcpy(lease.key, action->key, sizeof lease.key);
    memcpy(lease.node, action->node, sizeof lease.node);
    memcpy(lease.board, action->board, sizeof lease.board);
    enum status_code code = store_lease_grant(search_store(coord->search), &lease, status);
    if (code != STATUS_OK)
        return code;
    crash_point("lease-stored");
    dispatch_granted(coord->dispatch, action->key, (uint64_t)lease.id);
    coord_post_task(coord, action, (uint64_t)lease.id);
    log_event(coord->logger, LOG_DEBUG, "leased", log_count("lease", (uint64_t)lease.id), log_key("key", action->key),
              log_count("attempt", action->attempt), log_text("node", action->node),
              log_text("board", action->board[0] != '\0' ? action->board : NULL),
              log_text("kind", action->canary ? "canary" : NULL));
    return STATUS_OK;
}

static enum status_code store_close_of(struct coord *coord, const struct dispatch_action *action, struct status *status)
{
    static const enum store_lease_state states[] = {[DISPATCH_DONE] = STORE_LEASE_DONE,
                                                    [DISPATCH_FAILED] = STORE_LEASE_FAILED,
                                                    [DISPATCH_LOST] = STORE_LEASE_LOST,
                                                    [DISPATCH_RETURNED] = STORE_LEASE_RETURNED};
    bool closed;
    if (action->close == DISPATCH_LOST || action->close == DISPATCH_FAILED)
        log_event(coord->logger, LOG_WARN, "an attempt came to nothing",
                  log_text("how", action->close == DISPATCH_LOST ? "lost" : "failed"), log_count("lease", action->lease_id),
                  log_key("key", action->key), log_count("attempt", action->attempt), log_text("node", action->node),
                  log_text("board", action->board[0] != '\0' ? action->board : NULL), log_text("reason", action->reason));
    enum status_code code = store_lease_close(
        search_store(coord->search), (int64_t)action->lease_id, (int64_t)action->epoch, (int32_t)action->attempt, action->node,
        states[action->close], wire_failure_name(action->failure), action->reason, coord_wall_ms(coord), &closed, status);
    crash_point("lease-closed");
    if (code == STATUS_OK && !closed)
        log_event(coord->logger, LOG_WARN, "a lease was not open in the database", log_count("lease", action->lease_id));
    return code;
}

static void refuse_replaced(struct coord *coord, uint32_t link)
{
    coord->answer.type = WIRE_REFUSE;
    coord->answer.refuse.code = WIRE_REFUSE_REPLACED;
    line_of("a later process has registered under this name", coord->answer.refuse.sentence, sizeof coord->answer.refuse.sentence);
    coord_post(coord, link, &coord->answer, 0);
}

/* What takes board after board down is kept, so that no other study tries it for ever; other failures may be this master's bad
 * luck. */
static enum status_code give_up(struct coord *coord, const struct dispatch_action *action, struct status *status)
{
    const struct study_want *want = search_wanted(coord->search, action->key);
    if (!action->crashes || want == NULL) {
        search_give_up(coord->search, action->key);
        return STATUS_OK;
    }
    struct store_evaluation row = {.kind = want->kind,
                                   .failure = "crashes_device",
                                   .detail = "{}",
                                   .wall_ms = coord_wall_ms(coord),
                                   .queue_seconds = NAN,
                                   .build_seconds = NAN,
                                   .run_seconds = NAN,
                                   .energy_mj = NAN};
    memcpy(row.key, want->key, sizeof row.key);
    memcpy(row.arch, want->arch_text, sizeof row.arch);
    memcpy(row.board, action->board, sizeof row.board);
    const char *device_key = coord_board_device(coord, action->board);
    snprintf(row.device_key, sizeof row.device_key, "%s", device_key != NULL ? device_key : want->device);
    line_of(action->reason, row.why_not, sizeof row.why_not);
    return search_accept(coord->search, &row, NULL, status);
}

/* *freed: something was given up, so the study may go on. */
static enum status_code carry_out(struct coord *coord, bool *freed, struct status *status)
{
    struct dispatch_action action;
    enum status_code code = STATUS_OK;
    *freed = false;
    while (code == STATUS_OK && dispatch_action(coord->dispatch, &action)) {
        switch (action.kind) {
        case DISPATCH_GRANT: code = store_grant(coord, &action, status); break;
        case DISPATCH_CLOSE:
            note_ended(coord, action.lease_id);
            artifacts_drop(coord->artifacts, action.lease_id);
            code = store_close_of(coord, &action, status);
            break;
        case DISPATCH_REPLACED: refuse_replaced(coord, action.link); break;
        case DISPATCH_DRAINED:
            log_warn(coord->logger, "%s is given nothing for %d s: %d tasks failed on it one after the other, the last: %s",
                     action.node, DRAIN_MS / 1000, PEERS_FAILED_KEPT, action.reason);
            break;
        case DISPATCH_GIVE_UP:
            log_event(coord->logger, LOG_WARN, "given up: infeasible", log_key("key", action.key),
                      log_text("reason", action.reason));
            code = give_up(coord, &action, status);
            *freed = true;
            break;
        }
    }
    if (code == STATUS_OK && dispatch_broken(coord->dispatch))
        code = status_set(status, STATUS_NO_MEMORY, "no memory for the tasks");
    return code;
}

void coord_turn(struct coord *coord)
{
    if (coord->over)
        return;
    if (coord->stalled && (coord_now_ms(coord) < coord->wake_ms || !probe(coord))) {
        send_outbox(coord);
        return;
    }
    struct status status = {0};
    bool more = false, freed = true;
    int64_t now_ms = coord_now_ms(coord), wake_ms = now_ms;
    crash_point("before-begin");
    enum status_code code = search_begin(coord->search, &status);
    while (code == STATUS_OK && freed) {
        code = search_advance(coord->search, ADVANCE_LIMIT, on_task, coord, &more, &status);
        if (code != STATUS_OK)
            break;
        wake_ms = dispatch_tick(coord->dispatch, now_ms);
        code = carry_out(coord, &freed, &status);
    }
    if (code == STATUS_OK && search_finished(coord->search)) {
        dispatch_finish(coord->dispatch);
        code = carry_out(coord, &freed, &status);
    }
    crash_point("before-commit");
    if (code == STATUS_OK)
        code = search_commit(coord->search, &status);
    if (code != STATUS_OK) {
        coord_store_failed(coord, &status);
        return;
    }
    crash_point("after-commit");
    coord->ended_count = 0;
    send_outbox(coord);
    coord->wake_ms = more ? now_ms : wake_ms;
    if (search_finished(coord->search))
        finish(coord);
}

/* --- the whole life --- */

enum status_code coord_open(const struct coord_options *options, const struct coord_effects *effects, const struct logger *logger,
                            struct coord **out, struct status *status)
{
    struct coord *coord = calloc(1, sizeof *coord);
    if (coord == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory");
    coord->options = options;
    coord->effects = *effects;
    coord->logger = logger;
    coord->opened_ms = coord_now_ms(coord);
    struct search_options search = options->search;
    search.clock = effects->clock;
    enum status_code code = coord_patience_open(coord, status);
    if (code == STATUS_OK)
        code = coord_artifacts_open(coord, status);
    if (code == STATUS_OK)
        code = search_open(&search, logger, &coord->search, status);
    if (code != STATUS_OK) {
        artifacts_free(coord->artifacts);
        patience_free(coord->patience);
        free(coord);
        return code;
    }
    struct study_counts counts;
    study_count(search_study(coord->search), &counts);
    coord->told_at_start = counts.told;
    coord->over = search_finished(coord->search);
    *out = coord;
    return STATUS_OK;
}

enum status_code coord_start(struct coord *coord, struct status *status)
{
    enum status_code code = open_dispatch(coord, status);
    if (code == STATUS_OK)
        coord_turn(coord);
    return code == STATUS_OK ? coord_failure(coord, status) : code;
}

bool coord_over(const struct coord *coord)
{
    return coord->over;
}

int64_t coord_wake_ms(const struct coord *coord)
{
    return coord->wake_ms;
}

enum status_code coord_failure(const struct coord *coord, struct status *status)
{
    if (coord->failure.code != STATUS_OK && status != NULL)
        *status = coord->failure;
    return coord->failure.code;
}

const char *coord_db(const struct coord *coord)
{
    return store_path(search_store(coord->search));
}

const struct search *coord_search(const struct coord *coord)
{
    return coord->search;
}

const struct dispatch *coord_dispatch(const struct coord *coord)
{
    return coord->dispatch;
}

void coord_close(struct coord *coord)
{
    if (coord == NULL)
        return;
    dispatch_close(coord->dispatch);
    dispatch_close(coord->asleep);
    coord_boards_close(coord);
    coord_keys_close(coord);
    coord_questions_close(coord);
    log_event(coord->logger, LOG_INFO, "stored", log_count("results", coord->results),
              log_count("commits", store_commits(search_store(coord->search))));
    crash_point("before-close");
    search_close(coord->search);
    empty_outbox(coord);
    artifacts_free(coord->artifacts);
    patience_free(coord->patience);
    free(coord->outbox);
    free(coord->ended);
    free(coord);
}
