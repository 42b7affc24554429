/* sim_peer: workers and agents of the simulation: the real ledger and downloads, as worker/session.c uses them; the computing is
 * made up. */
#include <math.h>
#include <string.h>

#include "common/host.h"
#include "tests/sim/sim.h"

static bool is_agent(const struct sim_process *process)
{
    return process->number >= SIM_FIRST_AGENT;
}

static double normal(struct sim *sim)
{
    double u = 1 - rng_uniform(&sim->rng), v = rng_uniform(&sim->rng);
    return sqrt(-2 * log(u)) * cos(2 * acos(-1) * v);
}

static bool is_canary(const struct wire_task *task)
{
    return task->kind == WIRE_MEASURE && task->network.cells == 5; /* studies here have one */
}

/* --- sending --- */

static void send_message(struct sim *sim, struct sim_process *process, const struct wire_message *message)
{
    struct status status = {0};
    void *data;
    size_t size;
    assert_ok(wire_encode(message, &data, &size, &status), status);
    sim_post(sim, true, process->number, process->link, data, size);
    free(data);
}

static void send_return(struct sim *sim, struct sim_process *process, uint64_t lease_id, const char *key)
{
    sim->answer.type = WIRE_RETURN;
    sim->answer.return_lease.lease_id = lease_id;
    memcpy(sim->answer.return_lease.key, key, DIGEST_HEX_BYTES);
    send_message(sim, process, &sim->answer);
}

static struct sim_job *find_job(struct sim_process *process, uint64_t lease_id)
{
    for (int i = 0; i < SIM_JOBS; i++) {
        if (process->jobs[i].active && process->jobs[i].task.lease_id == lease_id)
            return &process->jobs[i];
    }
    return NULL;
}

static void send_result(struct sim *sim, struct sim_process *process, uint64_t lease_id)
{
    const struct sim_job *job = find_job(process, lease_id);
    SIM_HOLDS(sim, job != NULL && job->finished, "a result is due that nobody has");
    struct wire_result *out = &sim->answer.result;
    char detail[64] = "{}";
    sim->answer.type = WIRE_RESULT;
    *out = (struct wire_result){.lease_id = job->task.lease_id,
                                .epoch = job->task.epoch,
                                .attempt = job->task.attempt,
                                .outcome = WIRE_OK,
                                .seconds = 0.001};
    memcpy(out->key, job->task.key, sizeof out->key);
    struct sim_truth truth = sim_truth_of(&sim->study->odds, job->task.kind, job->task.arch);
    out->value = job->canary ? job->canary_ms : truth.value;
    if (!job->canary && (truth.fails || truth.unsuitable)) {
        out->outcome = truth.fails ? WIRE_FAILED : WIRE_INFEASIBLE;
        out->failure = truth.fails ? WIRE_FAILURE_CRASHED : WIRE_FAILURE_UNSUPPORTED_OP;
        out->value = 0;
        strcpy(out->sentence, "it cannot be done");
    } else if (job->task.kind == WIRE_MEASURE) {
        snprintf(detail, sizeof detail, "{\"samples_ms\":[%.17g]}", out->value);
    }
    if (job->task.kind == WIRE_ONESHOT_TRAIN && out->outcome == WIRE_OK) {
        uint8_t unused[SIM_ARTIFACT_BYTES];
        sim_artifact(job->task.key, unused, &out->artifact_digest);
        out->artifact_bytes = SIM_ARTIFACT_BYTES;
    }
    out->detail = detail;
    out->detail_size = strlen(detail);
    send_message(sim, process, &sim->answer);
}

/* A piece of what a training that is held has left. */
static void send_piece(struct sim *sim, struct sim_process *process, const struct wire_bundle_request *request)
{
    struct wire_bundle_chunk *out = &sim->answer.bundle_chunk;
    uint8_t artifact[SIM_ARTIFACT_BYTES];
    sim->answer.type = WIRE_BUNDLE_CHUNK;
    *out = (struct wire_bundle_chunk){.digest = request->digest};
    for (int i = 0; i < SIM_JOBS; i++) {
        const struct sim_job *job = &process->jobs[i];
        struct digest digest;
        if (!job->active || !job->finished || job->task.kind != WIRE_ONESHOT_TRAIN)
            continue;
        sim_artifact(job->task.key, artifact, &digest);
        if (memcmp(&digest, &request->digest, sizeof digest) != 0)
            continue;
        size_t left = SIM_ARTIFACT_BYTES - (size_t)request->offset_bytes;
        *out = (struct wire_bundle_chunk){.digest = digest,
                                          .total_bytes = SIM_ARTIFACT_BYTES,
                                          .offset_bytes = request->offset_bytes,
                                          .data = artifact + request->offset_bytes,
                                          .size = left < SIM_PIECE_BYTES ? left : SIM_PIECE_BYTES};
        break;
    }
    sim->pieces += out->total_bytes > 0;
    send_message(sim, process, &sim->answer);
}

/* --- jobs --- */

static void forget_job(struct sim_job *job)
{
    downloads_release(job->bundle);
    memset(job, 0, sizeof *job);
}

static void cancel_jobs(struct sim_process *process, const struct wire_id_list *cancel)
{
    for (uint32_t i = 0; i < cancel->count; i++) {
        struct sim_job *job = find_job(process, cancel->lease_ids[i]);
        if (job != NULL)
            forget_job(job);
    }
}

static void ask_for_bundle(struct sim *sim, struct sim_process *process)
{
    sim->answer.type = WIRE_BUNDLE_REQUEST;
    if (!downloads_request(&process->downloads, &sim->answer.bundle_request))
        return;
    process->bundle_due_ms = sim->now_ms + 3 * SIM_HEARTBEAT_MS;
    send_message(sim, process, &sim->answer);
}

static void see_to_bundles(struct sim *sim, struct sim_process *process)
{
    struct wire_bundle_request unused;
    for (int i = 0; i < SIM_JOBS; i++) {
        struct sim_job *job = &process->jobs[i];
        if (!job->active || job->finished || job->task.kind == WIRE_MEASURE || job->bundle != NULL)
            continue;
        job->bundle = downloads_use(&process->downloads, DOWNLOADS_BUNDLE, &job->task.bundle_digest);
        if (job->bundle == NULL && downloads_fetch(&process->downloads, DOWNLOADS_BUNDLE, &job->task.bundle_digest, &unused))
            ask_for_bundle(sim, process);
    }
}

static void take_task(struct sim *sim, struct sim_process *process, const struct wire_task *task)
{
    enum ledger_answer answer = ledger_task(&process->ledger, sim->now_ms, task);
    if (answer == LEDGER_RETURN)
        send_return(sim, process, task->lease_id, task->key);
    if (answer != LEDGER_START)
        return;
    SIM_HOLDS(sim, (task->kind == WIRE_MEASURE) == is_agent(process), "node-%d is given what it does not do", process->number);
    for (int i = 0; i < SIM_JOBS; i++) {
        struct sim_job *job = &process->jobs[i];
        if (job->active)
            continue;
        *job = (struct sim_job){.active = true, .canary = is_canary(task), .task = *task};
        job->left_ms = is_agent(process) ? sim_between(sim, 200, 2000) : sim_between(sim, 500, 9000);
        return;
    }
    SIM_HOLDS(sim, false, "the ledger took more than there is room for");
}

static void begin_anew(struct sim_process *process)
{
    for (int i = 0; i < SIM_JOBS; i++) {
        if (process->jobs[i].active)
            forget_job(&process->jobs[i]);
    }
}

/* --- messages --- */

static void hear_ack(struct sim *sim, struct sim_process *process, const struct wire_result_ack *ack)
{
    struct sim_job *job = find_job(process, ack->lease_id);
    if (!ledger_ack(&process->ledger, sim->now_ms, ack))
        return;
    sim->acks++;
    sim->stale += ack->verdict == WIRE_STALE;
    SIM_HOLDS(sim, ack->verdict != WIRE_ACCEPTED || !sim_is_lost(sim, &job->task),
              "a result under a lease that is lost is accepted");
    struct sim_truth truth = sim_truth_of(&sim->study->odds, job->task.kind, job->task.arch);
    if (!job->canary && !truth.fails) {
        struct sim_key *key = sim_key(sim, &job->task);
        key->acked |= ack->verdict != WIRE_STALE;
        key->accepted += ack->verdict == WIRE_ACCEPTED;
        SIM_HOLDS(sim, key->accepted <= 1, "key %.8s is counted twice", key->key);
    }
    forget_job(job);
}

static void hear_chunk(struct sim *sim, struct sim_process *process, const struct wire_bundle_chunk *chunk)
{
    bool complete;
    struct status status = {0};
    enum status_code code = downloads_chunk(&process->downloads, chunk, &complete, &status);
    if (code == STATUS_UNAVAILABLE)
        return;
    assert_ok(code, status);
    if (!complete)
        ask_for_bundle(sim, process);
}

static void hear_goodbye(struct sim *sim, struct sim_process *process, bool finished)
{
    ledger_not_registered(&process->ledger, sim->now_ms);
    if (!finished)
        return;
    for (int i = 0; i < SIM_JOBS; i++) {
        if (!process->jobs[i].active)
            continue;
        ledger_forget(&process->ledger, process->jobs[i].task.lease_id);
        forget_job(&process->jobs[i]);
    }
}

void sim_peer_hears(struct sim *sim, struct sim_process *process, const void *data, size_t size)
{
    struct wire_message *message = &sim->message;
    struct wire_id_list cancel = {0};
    struct status status = {0};
    assert_ok(wire_decode(data, size, message, &status), status);
    sim_say(sim, "node-%d hears a %s", process->number, wire_type_name(message->type));
    switch (message->type) {
    case WIRE_WELCOME: ledger_welcome(&process->ledger, sim->now_ms, &message->welcome, &cancel); break;
    case WIRE_HEARTBEAT_ANSWER: ledger_heartbeat_answer(&process->ledger, sim->now_ms, &message->heartbeat_answer, &cancel); break;
    case WIRE_TASK:
        sim_read_task(&message->task);
        take_task(sim, process, &message->task);
        break;
    case WIRE_RESULT_ACK: hear_ack(sim, process, &message->result_ack); break;
    case WIRE_BUNDLE_CHUNK: hear_chunk(sim, process, &message->bundle_chunk); break;
    case WIRE_BUNDLE_REQUEST: send_piece(sim, process, &message->bundle_request); break;
    case WIRE_GOODBYE: hear_goodbye(sim, process, message->goodbye.finished); break;
    case WIRE_REFUSE:
        SIM_HOLDS(sim, message->refuse.code == WIRE_REFUSE_NOT_REGISTERED, "node-%d is refused: %s", process->number,
                  message->refuse.sentence);
        ledger_not_registered(&process->ledger, sim->now_ms);
        break;
    default: SIM_HOLDS(sim, false, "node-%d hears a %s", process->number, wire_type_name(message->type));
    }
    wire_free(message);
    cancel_jobs(process, &cancel);
}

/* --- time --- */

bool sim_computes(const struct sim *sim, const struct sim_process *process, const struct sim_job *job)
{
    return process->alive && job->active && !job->finished && process->frozen_until_ms <= sim->now_ms &&
           (job->task.kind == WIRE_MEASURE || job->bundle != NULL) &&
           ledger_may_begin(&process->ledger, job->task.lease_id, job->task.attempt) &&
           ledger_good_until(&process->ledger, job->task.lease_id) > sim->now_ms;
}

void sim_jobs_progress(struct sim *sim, int64_t passed_ms)
{
    for (int i = 0; i < SIM_PEERS; i++) {
        for (int j = 0; j < SIM_JOBS; j++) {
            struct sim_job *job = &sim->peers[i].jobs[j];
            if (sim_computes(sim, &sim->peers[i], job))
                job->left_ms -= passed_ms;
        }
    }
}

/* False: a task has killed the process. */
static bool finish_jobs(struct sim *sim, struct sim_process *process)
{
    for (int i = 0; i < SIM_JOBS; i++) {
        struct sim_job *job = &process->jobs[i];
        if (!job->active || job->finished || job->left_ms > 0)
            continue;
        if (job->canary) {
            job->canary_ms = 10 * process->lie * exp(0.005 * normal(sim));
        } else if (sim_truth_of(&sim->study->odds, job->task.kind, job->task.arch).poison) {
            sim_key(sim, &job->task)->deaths++;
            sim_say(sim, "key %.8s kills node-%d", job->task.key, process->number);
            sim_peer_dies(sim, process, 200);
            return false;
        }
        job->finished = ledger_done(&process->ledger, sim->now_ms, job->task.lease_id);
        if (!job->finished)
            forget_job(job);
    }
    return true;
}

/* A measurement is abandoned when its lease has run out. */
static void abandon_measurements(struct sim *sim, struct sim_process *process)
{
    for (int i = 0; i < SIM_JOBS; i++) {
        struct sim_job *job = &process->jobs[i];
        if (!job->active || job->finished || job->task.kind != WIRE_MEASURE ||
            ledger_good_until(&process->ledger, job->task.lease_id) > sim->now_ms)
            continue;
        if (ledger_forget(&process->ledger, job->task.lease_id))
            send_return(sim, process, job->task.lease_id, job->task.key);
        forget_job(job);
    }
}

static void do_what_is_due(struct sim *sim, struct sim_process *process)
{
    uint64_t lease_id = 0;
    enum ledger_due due;
    struct wire_message *message = &sim->answer;
    while ((due = ledger_due(&process->ledger, sim->now_ms, &lease_id, &process->due_ms)) != LEDGER_NOTHING) {
        switch (due) {
        case LEDGER_SEND_HELLO:
            message->type = WIRE_HELLO;
            ledger_hello(&process->ledger, sim->now_ms, &message->hello);
            send_message(sim, process, message);
            break;
        case LEDGER_SEND_HEARTBEAT:
            message->type = WIRE_HEARTBEAT;
            ledger_heartbeat(&process->ledger, sim->now_ms, &message->heartbeat);
            send_message(sim, process, message);
            break;
        case LEDGER_REOPEN: sim_reconnect(sim, process); break;
        default: send_result(sim, process, lease_id); break;
        }
    }
}

void sim_peer_acts(struct sim *sim, struct sim_process *process)
{
    if (process->cut && process->mute_until_ms[0] <= sim->now_ms && process->mute_until_ms[1] <= sim->now_ms) {
        process->cut = false;
        sim_reconnect(sim, process); /* ZeroMQ has noticed, and dialled again; nobody told the process */
    }
    abandon_measurements(sim, process);
    see_to_bundles(sim, process);
    if (!finish_jobs(sim, process))
        return;
    if (process->bundle_due_ms <= sim->now_ms)
        ask_for_bundle(sim, process);
    if (process->bundle_due_ms <= sim->now_ms)
        process->bundle_due_ms = INT64_MAX; /* nothing is missing */
    do_what_is_due(sim, process);
    bool drained = ledger_count(&process->ledger, LEDGER_RUNNING) + ledger_count(&process->ledger, LEDGER_DONE) == 0;
    if (process->ledger.draining && (drained || process->drained_by_ms <= sim->now_ms)) {
        sim->answer.type = WIRE_GOODBYE;
        sim->answer.goodbye = (struct wire_goodbye){.sentence = "drained"};
        send_message(sim, process, &sim->answer);
        sim_peer_dies(sim, process, sim_between(sim, 100, 5000));
    }
}

int64_t sim_peer_next_ms(const struct sim *sim, const struct sim_process *process)
{
    if (!process->alive)
        return process->restart_ms;
    int64_t next = process->due_ms < process->bundle_due_ms ? process->due_ms : process->bundle_due_ms;
    if (process->ledger.draining && process->drained_by_ms < next)
        next = process->drained_by_ms;
    for (int i = 0; i < SIM_JOBS; i++) {
        const struct sim_job *job = &process->jobs[i];
        if (!sim_computes(sim, process, job))
            continue;
        int64_t good_until_ms = ledger_good_until(&process->ledger, job->task.lease_id), done_ms = sim->now_ms + job->left_ms;
        int64_t then = done_ms < good_until_ms ? done_ms : good_until_ms;
        next = then < next ? then : next;
    }
    return next > process->frozen_until_ms ? next : process->frozen_until_ms;
}

/* --- life --- */

void sim_peer_starts(struct sim *sim, struct sim_process *process)
{
    bool board = process->number >= SIM_FIRST_BOARD;
    struct wire_hello *self = &sim->answer.hello;
    memset(self, 0, sizeof *self);
    self->role = is_agent(process) ? WIRE_AGENT : WIRE_WORKER;
    self->slots = is_agent(process) && !board ? 1 : SIM_SLOTS;
    snprintf(self->node, sizeof self->node, "node-%d", process->number);
    if (process->host == 1)
        host_identify(self->host_id); /* where the master is */
    else
        snprintf(self->host_id, sizeof self->host_id, "%s-%d", board ? "board" : "host", process->host);
    if (is_agent(process)) {
        snprintf(self->device_key, sizeof self->device_key, "dev-f32");
        snprintf(self->board.name, sizeof self->board.name, "board-%d", process->number);
        snprintf(self->board.runner, sizeof self->board.runner, "simulated");
    }
    self->incarnation = ++process->incarnation;
    process->alive = true;
    process->cut = false;
    process->due_ms = sim->now_ms;
    process->bundle_due_ms = INT64_MAX;
    begin_anew(process);
    downloads_clear(&process->downloads);
    downloads_init(&process->downloads);
    ledger_init(&process->ledger, self, rng_next(&sim->rng));
    sim_reconnect(sim, process);
    sim_say(sim, "node-%d starts", process->number);
}

void sim_peer_dies(struct sim *sim, struct sim_process *process, int64_t restart_ms)
{
    sim_say(sim, "node-%d ends", process->number);
    process->alive = false;
    process->restart_ms = sim->now_ms + restart_ms;
    process->frozen_until_ms = 0;
    begin_anew(process);
    sim->kills++;
    /* What is under way from it may still arrive; nobody reads what is under way to it. */
    sim_forget_flights(sim, process->number, false);
}
