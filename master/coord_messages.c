/* coord_messages: what the master does with each message of a peer. Part of coord. The rule it keeps: answers are queued, and leave
 * only after the turn's commit. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/bundle.h"
#include "common/line.h"
#include "common/oneshot.h"
#include "master/coord_parts.h"

/* So many messages that are refused within a minute, and the sender is not heard for a minute. */
enum { OFFENCES = 16, OFFENCES_WITHIN_MS = 60000, DEAF_MS = 60000, OFFENDERS_MAX = 4096 };

static const double ROUNDING = 0.01;

static void refuse(struct coord *coord, uint32_t link, enum wire_refuse_code code, const char *sentence)
{
    coord->answer.type = WIRE_REFUSE;
    coord->answer.refuse.code = code;
    line_of(sentence, coord->answer.refuse.sentence, sizeof coord->answer.refuse.sentence);
    coord_post(coord, link, &coord->answer, 0);
}

/* --- Hello and Heartbeat --- */

static void welcome(struct coord *coord, uint32_t link, uint64_t sequence)
{
    struct wire_welcome *out = &coord->answer.welcome;
    coord->answer.type = WIRE_WELCOME;
    out->epoch = (uint64_t)coord->epoch;
    out->heartbeat_ms = coord->options->heartbeat_ms;
    out->lease_ms = coord->options->lease_ms;
    out->sequence = sequence;
    coord_post(coord, link, &coord->answer, 0);
}

/* Who holds what. While the store does not work nothing changes in it, but whoever says that he is here keeps what he has, and is
 * told what has been taken from him before: else two would go on computing the same. */
static struct dispatch *known_now(const struct coord *coord)
{
    return coord->stalled ? coord->asleep : coord->dispatch;
}

/* A result that was accepted in vain is still its peer's to give. */
static void drop_less(const struct coord *coord, struct wire_id_list *drop)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; coord->stalled && i < drop->count; i++) {
        if (!coord_ended_in_vain(coord, drop->lease_ids[i]))
            drop->lease_ids[kept++] = drop->lease_ids[i];
    }
    if (coord->stalled)
        drop->count = kept;
}

static void on_hello(struct coord *coord, uint32_t link, const struct wire_hello *hello)
{
    struct wire_id_list *drop = &coord->answer.welcome.drop;
    drop->count = 0;
    struct status status = {0};
    if (!coord->stalled && hello->role == WIRE_AGENT && coord_board_here(coord, hello, &status) != STATUS_OK) {
        coord_store_failed(coord, &status);
        return;
    }
    switch (dispatch_hello(known_now(coord), coord_now_ms(coord), link, hello, drop)) {
    case DISPATCH_HEARD:
        drop_less(coord, drop);
        log_event(coord->logger, LOG_INFO, "a peer is here", log_text("role", hello->role == WIRE_AGENT ? "agent" : "worker"),
                  log_text("node", hello->node), log_text("host", hello->host_id), log_count("slots", hello->slots),
                  log_text("isa", hello->isa), log_text("device", hello->role == WIRE_AGENT ? hello->device_key : NULL),
                  log_text("board", hello->role == WIRE_AGENT ? hello->board.name : NULL));
        welcome(coord, link, hello->sequence);
        break;
    case DISPATCH_NOT_YOU: refuse(coord, link, WIRE_REFUSE_REPLACED, "a later process has registered under this name"); break;
    default: break;
    }
}

static void on_heartbeat(struct coord *coord, uint32_t link, const struct wire_heartbeat *heartbeat)
{
    struct wire_heartbeat_answer *out = &coord->answer.heartbeat_answer;
    out->drop.count = 0;
    enum dispatch_heard heard = dispatch_heartbeat(known_now(coord), coord_now_ms(coord), link, heartbeat, &out->drop);
    if (heard == DISPATCH_NOT_KNOWN)
        refuse(coord, link, WIRE_REFUSE_NOT_REGISTERED, "this connection has not said Hello");
    if (heard != DISPATCH_HEARD)
        return;
    drop_less(coord, &out->drop);
    coord->answer.type = WIRE_HEARTBEAT_ANSWER;
    out->epoch = (uint64_t)coord->epoch;
    out->sequence = heartbeat->sequence;
    coord_post(coord, link, &coord->answer, 0);
}

/* --- results --- */

static double known(double value)
{
    return value > 0 ? value : NAN;
}

/* lease: NULL for a late result of one that is not open any more. */
static enum status_code store_result(struct coord *coord, uint32_t link, const struct wire_result *result,
                                     const struct search_artifact *artifact, const struct study_want *want,
                                     const struct dispatch_lease *lease, struct status *status)
{
    struct store_evaluation row = {.kind = want->kind,
                                   .feasible = result->outcome == WIRE_OK,
                                   .value = result->value,
                                   .seconds = result->seconds,
                                   .wall_ms = coord_wall_ms(coord),
                                   .queue_seconds = lease != NULL ? lease->queue_seconds : NAN,
                                   .build_seconds = NAN,
                                   .run_seconds = NAN,
                                   .energy_mj = known(result->energy_mj)};
    memcpy(row.key, want->key, sizeof row.key);
    memcpy(row.arch, want->arch_text, sizeof row.arch);
    if (!row.feasible)
        line_of(result->sentence, row.why_not, sizeof row.why_not);
    strncpy(row.node, dispatch_node(coord->dispatch, link), sizeof row.node - 1);
    strncpy(row.device_key, dispatch_device(coord->dispatch, link), sizeof row.device_key - 1);
    if (want->kind == STUDY_WANT_MEASURE && lease != NULL) {
        row.build_seconds = result->build_seconds;
        row.run_seconds = result->run_seconds;
        snprintf(row.failure, sizeof row.failure, "%s", wire_failure_name(result->failure));
        coord_describe_board(coord, lease, &row);
    }
    row.detail = strndup(result->detail_size > 0 ? result->detail : "{}", result->detail_size > 0 ? result->detail_size : 2);
    if (row.detail == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for a result");
    enum status_code code = search_begin(coord->search, status);
    if (code == STATUS_OK)
        code = search_accept(coord->search, &row, artifact, status);
    store_evaluation_free(&row);
    return code;
}

static void acknowledge(struct coord *coord, uint32_t link, uint64_t lease_id, enum wire_verdict verdict)
{
    coord->answer.type = WIRE_RESULT_ACK;
    coord->answer.result_ack = (struct wire_result_ack){.lease_id = lease_id, .verdict = verdict};
    coord_post(coord, link, &coord->answer, 0);
}

/* A result that came too late is held against the one that counts. Workers of different instruction sets round differently. */
static enum status_code compare_late(struct coord *coord, uint32_t link, const struct wire_result *result, bool *there,
                                     struct status *status)
{
    struct store_evaluation row;
    enum status_code code = store_evaluation_get(search_store(coord->search), result->key, &row, status);
    *there = code == STATUS_OK;
    if (code != STATUS_OK)
        return code == STATUS_NOT_FOUND ? STATUS_OK : code;
    bool feasible = result->outcome == WIRE_OK;
    bool differs = feasible != row.feasible || (feasible && !(fabs(result->value - row.value) <= ROUNDING * fabs(row.value)));
    if (row.kind != STUDY_WANT_MEASURE && result->outcome != WIRE_FAILED && differs)
        log_warn(coord->logger, "key %s: %s says %.9g, and %s said %.9g, which counts (disagreement %llu)", result->key,
                 dispatch_node(coord->dispatch, link), result->value, row.node, row.feasible ? row.value : NAN,
                 (unsigned long long)++coord->disagreements);
    store_evaluation_free(&row);
    return STATUS_OK;
}

/* What dispatch made of the result is carried into the store. *verdict: what the peer is told. */
static enum status_code keep_result(struct coord *coord, uint32_t link, const struct wire_result *result,
                                    const struct search_artifact *artifact, const struct dispatch_lease *lease,
                                    enum wire_verdict *verdict, struct status *status)
{
    const struct study_want *want = search_wanted(coord->search, result->key);
    enum dispatch_verdict taken = dispatch_result(coord->dispatch, coord_now_ms(coord), link, result);
    enum status_code code = STATUS_OK;
    bool there = false;
    *verdict = WIRE_ACCEPTED;
    switch (taken) {
    case DISPATCH_TAKE:
        if (want == NULL)
            return status_set(status, STATUS_INTERNAL, "a result was taken for a key that nobody wants");
        coord->results++;
        return store_result(coord, link, result, artifact, want, lease, status);
    case DISPATCH_CANARY: return coord_canary(coord, dispatch_node(coord->dispatch, link), lease, result, status);
    case DISPATCH_STALE:
        code = compare_late(coord, link, result, &there, status);
        *verdict = there ? WIRE_DUPLICATE : WIRE_STALE;
        return code;
    default: return STATUS_OK;
    }
}

static void disbelieve(struct wire_result *result, const char *why)
{
    snprintf(result->sentence, sizeof result->sentence, "%s", why);
    result->outcome = WIRE_FAILED;
    result->failure = WIRE_FAILURE_IMPOSSIBLE;
    result->value = result->energy_mj = 0;
    result->artifact_bytes = 0;
    memset(&result->artifact_digest, 0, sizeof result->artifact_digest);
}

/* What no worker can have computed is its failure: a score is a sum of RMIs, each from 0 to 1 but for rounding; a loss is not below
 * 0, an accuracy a percentage; weights are what trainings, and nothing else, end with. */
static void believe_worker(const struct study_want *want, struct wire_result *result)
{
    char why[96];
    double value = result->value;
    if (want == NULL || result->outcome != WIRE_OK)
        return;
    if (want->kind == STUDY_WANT_RMI && !(value >= -1e-3 && value <= BUNDLE_TAPS_MAX + 1e-3)) {
        snprintf(why, sizeof why, "a score of %g is no sum of RMIs", value);
        disbelieve(result, why);
    } else if (want->kind == STUDY_WANT_ONESHOT_TRAIN && value < 0) {
        snprintf(why, sizeof why, "a loss of %g is none", value);
        disbelieve(result, why);
    } else if (want->kind == STUDY_WANT_ONESHOT_SCORE && !(value >= 0 && value <= 100)) {
        snprintf(why, sizeof why, "an accuracy of %g %% is none", value);
        disbelieve(result, why);
    } else if (want->kind == STUDY_WANT_ONESHOT_TRAIN &&
               (result->artifact_bytes == 0 || result->artifact_bytes > ONESHOT_BYTES_MAX)) {
        disbelieve(result, "a training ends with weights, of at most 192 MiB");
    } else if (want->kind != STUDY_WANT_ONESHOT_TRAIN && result->artifact_bytes > 0) {
        disbelieve(result, "it brings an artifact that nobody has asked for");
    }
}

/* Weights that are none, or another net's, would end the search when they are merged. */
static enum status_code believe_artifact(const struct coord *coord, struct wire_result *result,
                                         const struct search_artifact *artifact, struct status *status)
{
    const struct study_want *want = search_wanted(coord->search, result->key);
    char why[WIRE_SENTENCE_BYTES];
    if (want == NULL || want->kind != STUDY_WANT_ONESHOT_TRAIN)
        return STATUS_OK; /* nothing comes of it */
    enum status_code code = search_weights_check(coord->search, want, artifact->data, artifact->size, status);
    if (code != STATUS_BAD_INPUT)
        return code;
    line_of(status->message, why, sizeof why);
    disbelieve(result, why);
    return STATUS_OK;
}

/* Nothing comes of it any more, whatever it was: not even a late value, whose weights nobody would have. */
static void void_result(struct wire_result *result)
{
    disbelieve(result, "its lease ended before its artifact was fetched");
    result->failure = WIRE_FAILURE_NONE;
}

void coord_settle(struct coord *coord, uint32_t link, struct wire_result *result, const struct search_artifact *artifact)
{
    struct dispatch_lease lease;
    struct status status = {0};
    char strike[TRUST_SENTENCE_BYTES] = "";
    enum wire_verdict verdict = WIRE_RETRY_LATER;
    enum status_code code = STATUS_OK;
    bool open = dispatch_lease(coord->dispatch, coord_now_ms(coord), link, result, &lease);
    if (result->artifact_bytes > 0 && (!open || artifact == NULL) && result->outcome == WIRE_OK)
        void_result(result);
    if (result->artifact_bytes > 0 && artifact != NULL)
        code = believe_artifact(coord, result, artifact, &status);
    if (result->artifact_bytes == 0)
        artifact = NULL;
    if (code == STATUS_OK && open && lease.board != NULL)
        code = coord_believe(coord, search_wanted(coord->search, result->key), &lease, result, strike, &status);
    if (code == STATUS_OK)
        code = keep_result(coord, link, result, artifact, open ? &lease : NULL, &verdict, &status);
    if (code == STATUS_OK && strike[0] != '\0')
        code = coord_strike(coord, &lease, strike, &status);
    if (code != STATUS_OK) {
        coord_store_failed(coord, &status);
        verdict = WIRE_RETRY_LATER;
    }
    acknowledge(coord, link, result->lease_id, verdict);
}

static void on_result(struct coord *coord, uint32_t link, struct wire_result *result)
{
    struct dispatch_lease lease;
    if (coord->stalled) {
        acknowledge(coord, link, result->lease_id, WIRE_RETRY_LATER);
        return;
    }
    if (dispatch_node(coord->dispatch, link) == NULL) {
        refuse(coord, link, WIRE_REFUSE_NOT_REGISTERED, "this connection has not said Hello");
        return;
    }
    believe_worker(search_wanted(coord->search, result->key), result);
    if (result->artifact_bytes > 0 && dispatch_lease(coord->dispatch, coord_now_ms(coord), link, result, &lease))
        coord_artifact_result(coord, link, result);
    else
        coord_settle(coord, link, result, NULL);
}

/* --- bundles --- */

static void on_bundle_request(struct coord *coord, uint32_t link, const struct wire_bundle_request *request)
{
    const void *data = NULL;
    size_t size = 0;
    struct status status = {0};
    struct wire_bundle_chunk *out = &coord->answer.bundle_chunk;
    enum status_code code = search_blob(coord->search, &request->digest, &data, &size, &status);
    if (code != STATUS_OK && code != STATUS_NOT_FOUND) {
        log_event(coord->logger, LOG_WARN, "what a peer asked for cannot be read now", log_text("reason", status.message));
        return; /* it asks again */
    }
    *out = (struct wire_bundle_chunk){.digest = request->digest};
    if (code == STATUS_OK && request->offset_bytes < size) {
        size_t left = size - (size_t)request->offset_bytes;
        out->total_bytes = size;
        out->offset_bytes = request->offset_bytes;
        out->data = (const uint8_t *)data + request->offset_bytes;
        out->size = left < WIRE_CHUNK_MAX ? left : WIRE_CHUNK_MAX;
    }
    coord->answer.type = WIRE_BUNDLE_CHUNK;
    coord_post(coord, link, &coord->answer, 0);
}

/* --- all of them --- */

/* Who is meant when patience is lost: the key, whatever its connections; without keys the connection. */
static void name_sender(const struct coord *coord, uint32_t link, char who[PATIENCE_WHO_BYTES])
{
    const struct keys_public *key = coord->effects.sender == NULL ? NULL : coord->effects.sender(coord->effects.context);
    if (key != NULL)
        snprintf(who, PATIENCE_WHO_BYTES, "key %s", key->fingerprint);
    else
        snprintf(who, PATIENCE_WHO_BYTES, "connection %u", link);
}

/* Answers a message that is not what the protocol has, and counts it against its sender. */
static void take_offence(struct coord *coord, uint32_t link, enum wire_refuse_code code, const char *sentence)
{
    char who[PATIENCE_WHO_BYTES], last[WIRE_SENTENCE_BYTES];
    struct patience_counts counts;
    name_sender(coord, link, who);
    bool silenced = patience_refused(coord->patience, coord_now_ms(coord), who);
    patience_count(coord->patience, &counts);
    if (silenced) {
        log_event(coord->logger, LOG_WARN, "a sender is not heard for a while: it sent too much that was refused",
                  log_text("sender", who), log_count("seconds", DEAF_MS / 1000), log_count("messages", OFFENCES),
                  log_text("last", sentence));
        snprintf(last, sizeof last, "%d messages were refused; nothing more is heard for %d s. The last: %.120s", OFFENCES,
                 DEAF_MS / 1000, sentence);
        sentence = last;
    } else if ((counts.refused & (counts.refused - 1)) == 0) {
        /* One line for the 1st, 2nd, 4th, 8th ...: a flood must not fill the log. */
        log_event(coord->logger, LOG_WARN, "refused a message", log_text("sender", who), log_text("reason", sentence),
                  log_count("so_far", counts.refused));
    }
    refuse(coord, link, code, sentence);
}

static void on_unreadable(struct coord *coord, uint32_t link, const struct status *status)
{
    if (status->code == STATUS_NO_MEMORY) {
        log_event(coord->logger, LOG_ERROR, "dropped a message, as if the network had lost it",
                  log_text("reason", status->message));
        return;
    }
    take_offence(coord, link, status->code == STATUS_UNSUPPORTED ? WIRE_REFUSE_WRONG_VERSION : WIRE_REFUSE_BAD_MESSAGE,
                 status->message);
}

enum status_code coord_patience_open(struct coord *coord, struct status *status)
{
    const struct patience_options options = {
        .messages = OFFENCES, .within_ms = OFFENCES_WITHIN_MS, .deaf_ms = DEAF_MS, .known_max = OFFENDERS_MAX};
    coord->patience = patience_new(&options);
    return coord->patience != NULL ? STATUS_OK : status_set(status, STATUS_NO_MEMORY, "no memory");
}

void coord_message(void *context, uint32_t link, const void *data, size_t size)
{
    struct coord *coord = context;
    struct wire_message *message = &coord->message;
    struct status status = {0};
    char who[PATIENCE_WHO_BYTES];
    if (coord->over)
        return;
    name_sender(coord, link, who);
    if (!patience_hears(coord->patience, coord_now_ms(coord), who))
        return;
    if (wire_decode(data, size, message, &status) != STATUS_OK) {
        on_unreadable(coord, link, &status);
        return;
    }
    int64_t now_ms = coord_now_ms(coord);
    if (coord_admit(coord, link, message, &status) != STATUS_OK) {
        if (status.code == STATUS_BAD_INPUT)
            take_offence(coord, link, WIRE_REFUSE_NOT_ALLOWED, status.message);
        wire_free(message);
        return;
    }
    switch (message->type) {
    case WIRE_HELLO: on_hello(coord, link, &message->hello); break;
    case WIRE_HEARTBEAT: on_heartbeat(coord, link, &message->heartbeat); break;
    case WIRE_RESULT: on_result(coord, link, &message->result); break;
    case WIRE_BUNDLE_REQUEST: on_bundle_request(coord, link, &message->bundle_request); break;
    case WIRE_BUNDLE_CHUNK: coord_artifact_chunk(coord, link, &message->bundle_chunk); break;
    case WIRE_RETURN:
        if (!coord->stalled)
            dispatch_return(coord->dispatch, now_ms, link, &message->return_lease);
        break;
    case WIRE_GOODBYE:
        if (!coord->stalled && dispatch_node(coord->dispatch, link) != NULL) {
            log_event(coord->logger, LOG_INFO, "a peer has left", log_text("node", dispatch_node(coord->dispatch, link)),
                      log_text("reason", message->goodbye.sentence));
            dispatch_goodbye(coord->dispatch, now_ms, link);
        }
        break;
    case WIRE_QUESTION: coord_question(coord, link, &message->question); break;
    default: take_offence(coord, link, WIRE_REFUSE_BAD_MESSAGE, "a message that only a master sends"); break;
    }
    wire_free(message);
}
