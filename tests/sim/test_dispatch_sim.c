/* dispatch, trust and ledger together in a simulated cluster: a virtual clock, messages as real frames on connections that drop,
 * copy, delay and overtake, processes that die, freeze, drain and come back, boards that lie, a store that survives its master.
 * After every step the invariants of check() hold. A failing seed is printed; SEED=n runs that one alone, with its story on
 * standard error when TRACE is set. */
#include "tests/support/test.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>
#include <utlist.h>

#include "common/rng.h"
#include "common/wire.h"
#include "master/dispatch.h"
#include "master/trust.h"
#include "worker/ledger.h"

enum {
    SEEDS = 500,
    HOSTS = 5,       /* 4 and 5 are boards */
    PEERS = 9,       /* 5 workers, 4 agents */
    FIRST_AGENT = 5, /* 5 and 6 measure hosts 1 and 2, 7 and 8 are boards' */
    FIRST_BOARD = 7,
    CANARY_EVERY = 3,
    GENERATIONS = 4,
    KEYS = 10, /* of each kind in a generation */
    KEYS_ALL = 2 * KEYS * GENERATIONS,
    SLOTS = 2,
    LEASES = 4000,
    FLIGHT = 4096,
    HEARTBEAT_MS = 1000,
    LEASE_MS = 5000,
    FAULTS_END_MS = 240000,
    END_MS = 3600000
};

/* --- what survives a master: the store --- */

struct stored_lease {
    uint64_t epoch;
    bool open, counts, lost; /* counts: failed or lost */
    bool canary;
    char key[DIGEST_HEX_BYTES], node[WIRE_NAME_BYTES], board[WIRE_NAME_BYTES];
    uint32_t attempt;
};

struct stored_key {
    char key[DIGEST_HEX_BYTES];
    enum wire_kind kind;
    bool valued, given_up;
    bool poison; /* kills the process that computes it */
    bool fails;  /* the runner cannot do it */
};

struct job {
    bool active;
    uint64_t lease_id, epoch;
    uint32_t attempt;
    char key[DIGEST_HEX_BYTES];
    int64_t left_ms;
    bool finished; /* the result is owed */
    bool canary;
    double value_ms; /* canary: what it measured */
};

/* What the master keeps of a board, and what really is the matter with it. */
struct stored_board {
    struct trust_board trust;
    bool unchecked;           /* it has connected since its last canary was granted */
    uint64_t connected_lease; /* the first lease that could be of that connection */
    int measurements;         /* granted since the last canary */
    double lie;               /* factor */
    int64_t canaries, quarantines, lies;
};

struct process {
    bool alive;
    int number, host;
    uint64_t incarnation;
    uint32_t link;
    int64_t frozen_until_ms, restart_ms;
    int64_t due_ms; /* alive: when its ledger wants to be asked again */
    struct ledger ledger;
    struct job jobs[SLOTS * 2 + 8];
};

struct flight {
    bool to_master;
    int peer;
    uint32_t link;
    int64_t at_ms;
    void *data;
    size_t size;
};

struct world {
    uint64_t seed;
    struct rng rng;
    int64_t now_ms;
    bool trace;
    double drop, copy, slow; /* of messages */
    /* store */
    uint64_t epoch, next_lease;
    struct stored_lease leases[LEASES + 1];
    struct stored_key keys[KEYS_ALL];
    struct stored_board boards[PEERS]; /* by the number of the agent; others are not used */
    int generation;
    /* processes */
    struct dispatch *dispatch; /* NULL: the master is down */
    int64_t master_restart_ms, master_frozen_until_ms, tick_ms, next_fault_ms;
    int crash; /* 1: at the next store, before the commit; 2: after the commit, before anything is sent */
    uint32_t next_link;
    struct process peers[PEERS];
    struct flight flights[FLIGHT];
    int flight_count;
    uint64_t steps, acked, kills;
};

static void say(const struct world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(const struct world *world, const char *format, ...)
{
    if (!world->trace)
        return;
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "%8.3f ", (double)world->now_ms / 1000);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
}

#define HOLDS(world, condition, ...)                                                                                               \
    do {                                                                                                                           \
        if (!(condition)) {                                                                                                        \
            print_error("SEED=%" PRIu64 " at %" PRId64 " ms: ", (world)->seed, (world)->now_ms);                                   \
            print_error(__VA_ARGS__);                                                                                              \
            print_error("\n");                                                                                                     \
            fail();                                                                                                                \
        }                                                                                                                          \
    } while (0)

static bool chance(struct world *world, double probability)
{
    return rng_uniform(&world->rng) < probability;
}

static int64_t between(struct world *world, int64_t low, int64_t high)
{
    return low + (int64_t)rng_below(&world->rng, (uint64_t)(high - low + 1));
}

static struct stored_key *find_key(struct world *world, const char *key)
{
    for (int i = 0; i < KEYS_ALL; i++) {
        if (strcmp(world->keys[i].key, key) == 0)
            return &world->keys[i];
    }
    return NULL;
}

static bool is_agent(const struct process *process)
{
    return process->number >= FIRST_AGENT;
}

static int board_number(const char *board)
{
    return atoi(board + strlen("board-"));
}

static double normal(struct world *world)
{
    double u = 1 - rng_uniform(&world->rng), v = rng_uniform(&world->rng);
    return sqrt(-2 * log(u)) * cos(2 * acos(-1) * v);
}

/* --- the network --- */

static void put_on_wire(struct world *world, bool to_master, int peer, uint32_t link, const void *data, size_t size)
{
    if (world->flight_count == FLIGHT)
        return;
    int64_t delay = chance(world, world->slow) ? between(world, 0, 2 * LEASE_MS) : between(world, 0, 20);
    struct flight *flight = &world->flights[world->flight_count++];
    *flight = (struct flight){.to_master = to_master, .peer = peer, .link = link, .at_ms = world->now_ms + delay, .size = size};
    flight->data = malloc(size);
    assert_non_null(flight->data);
    memcpy(flight->data, data, size);
}

static void post(struct world *world, bool to_master, int peer, uint32_t link, const struct wire_message *message)
{
    struct status status = {0};
    void *data;
    size_t size;
    assert_ok(wire_encode(message, &data, &size, &status), status);
    if (!chance(world, world->drop))
        put_on_wire(world, to_master, peer, link, data, size);
    if (chance(world, world->copy))
        put_on_wire(world, to_master, peer, link, data, size);
    free(data);
}

static void remove_flight(struct world *world, int i)
{
    free(world->flights[i].data);
    world->flights[i] = world->flights[--world->flight_count];
}

/* Messages under way on the old connection are lost. */
static void reconnect(struct world *world, struct process *process)
{
    for (int i = world->flight_count - 1; i >= 0; i--) {
        if (world->flights[i].peer == process->number)
            remove_flight(world, i);
    }
    process->link = ++world->next_link;
}

/* --- the master --- */

static void master_send(struct world *world, uint32_t link, const struct wire_message *message)
{
    for (int i = 0; i < PEERS; i++) {
        if (world->peers[i].link == link)
            post(world, false, i, link, message);
    }
}

static void refuse(struct world *world, uint32_t link, enum wire_refuse_code code)
{
    struct wire_message message = {.type = WIRE_REFUSE};
    message.refuse = (struct wire_refuse){.code = code, .sentence = "no"};
    master_send(world, link, &message);
}

static void master_dies(struct world *world)
{
    say(world, "master dies");
    dispatch_close(world->dispatch);
    world->dispatch = NULL;
    world->crash = 0;
    world->master_restart_ms = world->now_ms + between(world, 50, 8000);
    for (int i = 0; i < PEERS; i++)
        reconnect(world, &world->peers[i]);
}

static void want_generation(struct world *world)
{
    for (int i = world->generation * 2 * KEYS; i < (world->generation + 1) * 2 * KEYS; i++) {
        struct stored_key *key = &world->keys[i];
        if (key->valued || key->given_up)
            continue;
        struct queue_tries tries = {0};
        const char *seen[8];
        for (uint64_t l = 1; l < world->next_lease; l++) {
            struct stored_lease *lease = &world->leases[l];
            if (!lease->counts || strcmp(lease->key, key->key) != 0)
                continue;
            const char *place = lease->board[0] != '\0' ? lease->board : lease->node;
            tries.failures++;
            tries.crashes += lease->lost;
            bool known = false;
            for (int n = 0; n < tries.places && n < 8; n++)
                known |= strcmp(seen[n], place) == 0;
            if (!known && tries.places < 8)
                seen[tries.places++] = place;
        }
        dispatch_want(world->dispatch, world->now_ms, key->key, key->kind,
                      i % 3 != 0 && key->kind == WIRE_MEASURE ? "dev-1" : "host", &tries);
    }
}

static void tell_trust(struct world *world, int number)
{
    const struct trust_board *trust = &world->boards[number].trust;
    char name[WIRE_NAME_BYTES];
    struct peers_trust told = {.quarantined = trust->quarantined, .again = trust->again, .wait_ms = trust->wait_ms};
    snprintf(name, sizeof name, "board-%d", number);
    snprintf(told.reason, sizeof told.reason, "%.200s", trust->reason);
    dispatch_trust(world->dispatch, world->now_ms, "dev-1", name, &told);
}

/* Judges a canary as coord_boards does. */
static void judge(struct world *world, const struct stored_lease *lease, double latency_ms)
{
    struct stored_board *board = &world->boards[board_number(lease->board)];
    struct trust_opinion opinion;
    trust_canary(&board->trust, latency_ms, world->now_ms, &opinion);
    board->canaries++;
    board->quarantines += opinion.quarantined;
    say(world, "%s: canary %s", lease->board, opinion.sentence);
    tell_trust(world, board_number(lease->board));
}

static void note_hello(struct world *world, const struct wire_hello *hello)
{
    if (hello->role != WIRE_AGENT)
        return;
    struct stored_board *board = &world->boards[board_number(hello->board.name)];
    board->unchecked = true;
    board->connected_lease = world->next_lease;
}

static void note_canary(struct world *world, uint64_t lease_id, double latency_ms)
{
    const struct stored_lease *lease = &world->leases[lease_id];
    struct stored_board *board = &world->boards[board_number(lease->board)];
    if (world->crash != 1) /* else it will never be committed */
        judge(world, lease, latency_ms);
    board->unchecked = board->unchecked && lease_id < board->connected_lease;
    board->measurements = 0;
}

/* What is granted to a board that may be doubted, and what is not. */
static void check_grant(struct world *world, const struct dispatch_action *action)
{
    if (action->board[0] == '\0')
        return;
    struct stored_board *board = &world->boards[board_number(action->board)];
    for (uint64_t id = 1; id < world->next_lease; id++) {
        const struct stored_lease *lease = &world->leases[id];
        bool other = !lease->open || !lease->canary || lease->epoch != world->epoch || strcmp(lease->board, action->board) != 0;
        HOLDS(world, other, "%s is given something while its canary is open", action->board);
    }
    if (action->canary)
        return;
    board->measurements++;
    HOLDS(world, !board->trust.quarantined, "%s measures in quarantine", action->board);
    HOLDS(world, !board->unchecked, "%s measures after it connected, without a canary", action->board);
    HOLDS(world, !board->trust.again, "%s measures after a canary that left doubts", action->board);
    HOLDS(world, board->measurements <= CANARY_EVERY, "%s measures %d times without a canary", action->board, board->measurements);
}

static void master_starts(struct world *world)
{
    struct dispatch_options options = {.heartbeat_ms = HEARTBEAT_MS,
                                       .lease_ms = LEASE_MS,
                                       .failures_max = 3,
                                       .measure_batch = 6,
                                       .measure_wait_ms = 30000,
                                       .canary_every = CANARY_EVERY,
                                       .host_id = "host-1"};
    options.epoch = ++world->epoch;
    say(world, "master starts, epoch %" PRIu64, world->epoch);
    world->dispatch = dispatch_open(&options, world->now_ms);
    assert_non_null(world->dispatch);
    for (uint64_t id = 1; id < world->next_lease; id++) {
        if (world->leases[id].open)
            dispatch_restore(world->dispatch, world->now_ms, id, world->leases[id].epoch, world->leases[id].attempt,
                             world->leases[id].key, world->leases[id].node, world->leases[id].board);
    }
    for (int i = FIRST_AGENT; i < PEERS; i++) {
        world->boards[i].trust.wait_ms = 0;
        world->boards[i].measurements = 0;
        tell_trust(world, i);
    }
    want_generation(world);
    world->tick_ms = world->now_ms;
}

/* Stores and sends what dispatch wants, as the coordinator does; the master may die on the way. False: it did. */
static bool master_acts(struct world *world, const char *valued, struct wire_message *answer, uint32_t answer_link)
{
    struct dispatch_action actions[256];
    int count = 0;
    while (count < 256 && dispatch_action(world->dispatch, &actions[count]))
        count++;
    HOLDS(world, !dispatch_broken(world->dispatch), "dispatch is broken");
    if (world->crash == 1 && (count > 0 || valued != NULL)) {
        master_dies(world);
        return false;
    }
    if (valued != NULL) {
        struct stored_key *key = find_key(world, valued);
        HOLDS(world, key != NULL, "a value for a key nobody wanted");
        HOLDS(world, !key->valued && !key->given_up, "key %.8s is counted twice", valued);
        key->valued = true;
    }
    uint64_t ids[256] = {0};
    for (int i = 0; i < count; i++) {
        const struct dispatch_action *action = &actions[i];
        if (action->kind == DISPATCH_GRANT) {
            HOLDS(world, world->next_lease <= LEASES, "too many leases");
            ids[i] = world->next_lease++;
            struct stored_lease *lease = &world->leases[ids[i]];
            check_grant(world, action);
            lease->open = true;
            lease->canary = action->canary;
            memcpy(lease->board, action->board, sizeof lease->board);
            lease->epoch = world->epoch;
            lease->attempt = action->attempt;
            memcpy(lease->key, action->key, sizeof lease->key);
            memcpy(lease->node, action->node, sizeof lease->node);
            dispatch_granted(world->dispatch, action->key, ids[i]);
        } else if (action->kind == DISPATCH_CLOSE) {
            struct stored_lease *lease = &world->leases[action->lease_id];
            HOLDS(world,
                  lease->open && lease->epoch == action->epoch && lease->attempt == action->attempt &&
                      strcmp(lease->node, action->node) == 0,
                  "lease %" PRIu64 " closed, but the store has it otherwise", action->lease_id);
            lease->open = false;
            lease->lost = action->close == DISPATCH_LOST;
            lease->counts = action->close == DISPATCH_FAILED || lease->lost;
            say(world, "lease %" PRIu64 " of %.8s on %s closed (%d): %s", action->lease_id, action->key, action->node,
                action->close, action->reason);
        } else if (action->kind == DISPATCH_GIVE_UP) {
            struct stored_key *key = find_key(world, action->key);
            HOLDS(world, !key->valued && !key->given_up, "key %.8s given up after its end", action->key);
            int failures = 0, lost = 0;
            for (uint64_t l = 1; l < world->next_lease; l++) {
                bool same = strcmp(world->leases[l].key, action->key) == 0;
                failures += same && world->leases[l].counts;
                lost += same && world->leases[l].lost;
            }
            HOLDS(world, failures >= 3, "key %.8s given up after %d failures", action->key, failures);
            HOLDS(world, action->crashes == (key->kind == WIRE_MEASURE && lost >= 3),
                  "key %.8s is %s to crash boards after %d losses", action->key, action->crashes ? "said" : "not said", lost);
            key->given_up = true;
        }
    }
    if (world->crash == 2 && (count > 0 || valued != NULL)) {
        master_dies(world);
        return false;
    }
    if (answer != NULL)
        master_send(world, answer_link, answer);
    for (int i = 0; i < count; i++) {
        if (actions[i].kind == DISPATCH_REPLACED)
            refuse(world, actions[i].link, WIRE_REFUSE_REPLACED);
        if (actions[i].kind != DISPATCH_GRANT)
            continue;
        struct wire_message message = {.type = WIRE_TASK};
        message.task = (struct wire_task){.lease_id = ids[i],
                                          .epoch = world->epoch,
                                          .attempt = actions[i].attempt,
                                          .lease_ms = LEASE_MS,
                                          .sequence = actions[i].sequence,
                                          .kind = WIRE_MEASURE,
                                          .space = "s",
                                          .arch = "a",
                                          .network = {1, 1, 1, 1, 1}};
        memcpy(message.task.key, actions[i].key, sizeof message.task.key);
        say(world, "lease %" PRIu64 " of %.8s to %s, attempt %u", ids[i], actions[i].key, actions[i].node, actions[i].attempt);
        master_send(world, actions[i].link, &message);
    }
    return true;
}

/* Whether the first of a line is a task like any other: nobody has failed at it. */
static bool is_plain(const struct queue_line *line)
{
    return line == NULL || line->first == NULL || line->first->tries.failures == 0;
}

static bool has_room(const struct world *world, const struct peer *peer)
{
    const struct host *host = peer->host;
    const struct board *board = peer->board;
    if (peer->link == 0 || world->now_ms - peer->heard_ms > HEARTBEAT_MS * 5 / 2 || peer->leases >= peer->slots ||
        peer->last_attempts > 0)
        return false;
    if (board == NULL)
        return host->measuring == 0 && (!host->measure_turn || host->of[WIRE_AGENT].count == 0);
    if (board->trust.quarantined || board->trust.again || board->canary != NULL || board->checked != board->connections ||
        board->measurements >= CANARY_EVERY)
        return false;
    bool free_host = host->measuring == 0 || (host->is_board && host->measuring == peer->leases);
    return free_host && host->computing == 0 && (host->measure_turn || host->of[WIRE_WORKER].count == 0);
}

/* dispatch finds who can be given something without looking at everybody; here everybody is looked at. */
static void check_nobody_is_overlooked(const struct world *world)
{
    const struct queue *queue = dispatch_queue(world->dispatch);
    for (const struct lease *lease = queue->leases; lease != NULL; lease = lease->next) {
        if (lease->host == NULL)
            return; /* it could be anywhere */
    }
    for (const struct peer *peer = dispatch_peers(world->dispatch)->by_node; peer != NULL; peer = peer->hh.next) {
        if (!has_room(world, peer))
            continue;
        const struct queue_line *line = peer->role == WIRE_WORKER ? &queue->rmi : queue_line(queue, peer->device_key);
        const struct queue_line *here =
            peer->role == WIRE_AGENT && strcmp(peer->host->id, "host-1") == 0 ? queue_line(queue, "host") : NULL;
        bool waits = (line != NULL && line->count > 0) || (here != NULL && here->count > 0);
        HOLDS(world, !waits || !is_plain(line) || !is_plain(here), "%s has room and is given nothing", peer->node);
    }
}

static void master_turn(struct world *world)
{
    /* The study goes on when all of a generation is there. */
    bool complete = true;
    for (int i = world->generation * 2 * KEYS; i < (world->generation + 1) * 2 * KEYS; i++)
        complete &= world->keys[i].valued || world->keys[i].given_up;
    if (complete && world->generation + 1 < GENERATIONS) {
        world->generation++;
        say(world, "generation %d", world->generation);
        want_generation(world);
    }
    world->tick_ms = dispatch_tick(world->dispatch, world->now_ms);
    check_nobody_is_overlooked(world);
    master_acts(world, NULL, NULL, 0);
}

/* Whether dispatch knows that connection as this very process'. */
static bool message_is_of(const struct world *world, uint32_t link, uint64_t incarnation)
{
    const struct peer *peer = peers_find_link(dispatch_peers(world->dispatch), link);
    return peer != NULL && peer->incarnation == incarnation;
}

static void master_hears(struct world *world, uint32_t link, const struct wire_message *message)
{
    struct dispatch *dispatch = world->dispatch;
    struct wire_message answer = {.type = WIRE_WELCOME};
    enum dispatch_heard heard;
    bool fresh;
    switch (message->type) {
    case WIRE_HELLO:
        fresh = dispatch_node(dispatch, link) == NULL || !message_is_of(world, link, message->hello.incarnation);
        heard = dispatch_hello(dispatch, world->now_ms, link, &message->hello, &answer.welcome.drop);
        if (fresh && heard == DISPATCH_HEARD)
            note_hello(world, &message->hello);
        answer.welcome.epoch = world->epoch;
        answer.welcome.heartbeat_ms = HEARTBEAT_MS;
        answer.welcome.lease_ms = LEASE_MS;
        answer.welcome.sequence = message->hello.sequence;
        if (heard == DISPATCH_NOT_YOU)
            refuse(world, link, WIRE_REFUSE_REPLACED);
        if (!master_acts(world, NULL, heard == DISPATCH_HEARD ? &answer : NULL, link))
            return;
        break;
    case WIRE_HEARTBEAT:
        answer.type = WIRE_HEARTBEAT_ANSWER;
        heard = dispatch_heartbeat(dispatch, world->now_ms, link, &message->heartbeat, &answer.heartbeat_answer.drop);
        answer.heartbeat_answer.epoch = world->epoch;
        answer.heartbeat_answer.sequence = message->heartbeat.sequence;
        if (heard == DISPATCH_NOT_KNOWN)
            refuse(world, link, WIRE_REFUSE_NOT_REGISTERED);
        if (!master_acts(world, NULL, heard == DISPATCH_HEARD ? &answer : NULL, link))
            return;
        break;
    case WIRE_RESULT: {
        enum dispatch_verdict verdict = dispatch_result(dispatch, world->now_ms, link, &message->result);
        if (verdict == DISPATCH_STRANGER) {
            refuse(world, link, WIRE_REFUSE_NOT_REGISTERED);
            break;
        }
        answer.type = WIRE_RESULT_ACK;
        answer.result_ack.lease_id = message->result.lease_id;
        const struct stored_key *key = find_key(world, message->result.key);
        bool taken = verdict == DISPATCH_TAKE || verdict == DISPATCH_NOTED || verdict == DISPATCH_CANARY;
        answer.result_ack.verdict = taken ? WIRE_ACCEPTED : key != NULL && key->valued ? WIRE_DUPLICATE : WIRE_STALE;
        const char *board = world->leases[message->result.lease_id].board;
        if (verdict == DISPATCH_TAKE && board[0] != '\0')
            HOLDS(world, !world->boards[board_number(board)].trust.quarantined, "a measurement of %s is taken in quarantine",
                  board);
        if (verdict == DISPATCH_CANARY)
            note_canary(world, message->result.lease_id, message->result.value);
        say(world, "result of lease %" PRIu64 ": verdict %d", message->result.lease_id, (int)answer.result_ack.verdict);
        if (!master_acts(world, verdict == DISPATCH_TAKE ? message->result.key : NULL, &answer, link))
            return;
        break;
    }
    case WIRE_RETURN: dispatch_return(dispatch, world->now_ms, link, &message->return_lease); break;
    case WIRE_GOODBYE: dispatch_goodbye(dispatch, world->now_ms, link); break;
    default: break;
    }
    master_turn(world);
}

/* --- peers --- */

static void peer_send(struct world *world, struct process *process, const struct wire_message *message)
{
    post(world, true, process->number, process->link, message);
}

static void peer_starts(struct world *world, struct process *process)
{
    bool board = process->number >= FIRST_BOARD;
    struct wire_hello self = {.role = is_agent(process) ? WIRE_AGENT : WIRE_WORKER,
                              .slots = is_agent(process) && !board ? 1 : SLOTS};
    snprintf(self.node, sizeof self.node, "node-%d", process->number);
    snprintf(self.host_id, sizeof self.host_id, "%s-%d", board ? "board" : "host", process->host);
    if (is_agent(process)) {
        snprintf(self.device_key, sizeof self.device_key, "dev-1");
        snprintf(self.board.name, sizeof self.board.name, "board-%d", process->number);
        snprintf(self.board.runner, sizeof self.board.runner, "simulated");
    }
    process->incarnation++;
    self.incarnation = process->incarnation;
    process->alive = true;
    process->due_ms = world->now_ms;
    memset(process->jobs, 0, sizeof process->jobs);
    ledger_init(&process->ledger, &self, rng_next(&world->rng));
    reconnect(world, process);
    say(world, "node-%d starts", process->number);
}

static void peer_dies(struct world *world, struct process *process, int64_t restart_ms)
{
    say(world, "node-%d ends", process->number);
    process->alive = false;
    process->restart_ms = world->now_ms + restart_ms;
    process->frozen_until_ms = 0;
    world->kills++;
    /* What is under way from it may still arrive; nobody reads what is under way to it. */
    for (int i = world->flight_count - 1; i >= 0; i--) {
        if (!world->flights[i].to_master && world->flights[i].peer == process->number)
            remove_flight(world, i);
    }
}

static struct job *find_job(struct process *process, uint64_t lease_id)
{
    for (size_t i = 0; i < sizeof process->jobs / sizeof process->jobs[0]; i++) {
        if (process->jobs[i].active && process->jobs[i].lease_id == lease_id)
            return &process->jobs[i];
    }
    return NULL;
}

static void cancel_jobs(struct process *process, const struct wire_id_list *cancel)
{
    for (uint32_t i = 0; i < cancel->count; i++) {
        struct job *job = find_job(process, cancel->lease_ids[i]);
        if (job != NULL)
            job->active = false;
    }
}

static void send_result(struct world *world, struct process *process, uint64_t lease_id)
{
    const struct job *job = find_job(process, lease_id);
    HOLDS(world, job != NULL && job->finished, "a result is due that nobody has");
    struct wire_message message = {.type = WIRE_RESULT};
    message.result = (struct wire_result){
        .lease_id = job->lease_id, .epoch = job->epoch, .attempt = job->attempt, .outcome = WIRE_OK, .value = 1, .seconds = 1};
    memcpy(message.result.key, job->key, sizeof message.result.key);
    if (job->canary) {
        message.result.value = job->value_ms;
    } else if (find_key(world, job->key)->fails) {
        message.result.outcome = WIRE_FAILED;
        message.result.value = 0;
        strcpy(message.result.sentence, "the runner failed");
    }
    peer_send(world, process, &message);
}

static void send_return(struct world *world, struct process *process, uint64_t lease_id, const char *key)
{
    struct wire_message message = {.type = WIRE_RETURN};
    message.return_lease.lease_id = lease_id;
    memcpy(message.return_lease.key, key, DIGEST_HEX_BYTES);
    peer_send(world, process, &message);
}

static void take_task(struct world *world, struct process *process, const struct wire_task *task)
{
    enum ledger_answer answer = ledger_task(&process->ledger, world->now_ms, task);
    if (answer == LEDGER_RETURN)
        send_return(world, process, task->lease_id, task->key);
    if (answer != LEDGER_START)
        return;
    for (size_t i = 0; i < sizeof process->jobs / sizeof process->jobs[0]; i++) {
        struct job *job = &process->jobs[i];
        if (job->active)
            continue;
        *job = (struct job){.active = true, .lease_id = task->lease_id, .epoch = task->epoch, .attempt = task->attempt};
        job->canary = find_key(world, task->key) == NULL;
        job->left_ms = is_agent(process) ? between(world, 200, 2000) : between(world, 500, 9000);
        memcpy(job->key, task->key, sizeof job->key);
        return;
    }
    HOLDS(world, false, "the ledger took more than there is room for");
}

static void peer_hears(struct world *world, struct process *process, const struct wire_message *message)
{
    struct wire_id_list cancel = {0};
    switch (message->type) {
    case WIRE_WELCOME: ledger_welcome(&process->ledger, world->now_ms, &message->welcome, &cancel); break;
    case WIRE_HEARTBEAT_ANSWER:
        ledger_heartbeat_answer(&process->ledger, world->now_ms, &message->heartbeat_answer, &cancel);
        break;
    case WIRE_TASK: take_task(world, process, &message->task); break;
    case WIRE_RESULT_ACK: {
        struct job *job = find_job(process, message->result_ack.lease_id);
        if (!ledger_ack(&process->ledger, world->now_ms, &message->result_ack))
            break;
        const struct stored_key *key = find_key(world, job->key);
        bool stored = job->canary || key->valued || key->fails;
        HOLDS(world, stored || message->result_ack.verdict == WIRE_STALE, "an acknowledged result is not in the store");
        world->acked++;
        job->active = false;
        break;
    }
    case WIRE_REFUSE:
        if (message->refuse.code == WIRE_REFUSE_NOT_REGISTERED)
            ledger_not_registered(&process->ledger, world->now_ms);
        else
            HOLDS(world, false, "the only process of its name is told it was replaced");
        break;
    default: break;
    }
    cancel_jobs(process, &cancel);
}

/* Whether the process is computing that job right now, as it sees it itself. */
static bool computes(const struct world *world, const struct process *process, const struct job *job)
{
    return process->alive && job->active && !job->finished && process->frozen_until_ms <= world->now_ms &&
           ledger_good_until(&process->ledger, job->lease_id) > world->now_ms;
}

static void peer_acts(struct world *world, struct process *process)
{
    uint64_t lease_id = 0;
    int64_t wait;
    enum ledger_due due;
    struct wire_message message;
    while ((due = ledger_due(&process->ledger, world->now_ms, &lease_id, &wait)) != LEDGER_NOTHING) {
        switch (due) {
        case LEDGER_SEND_HELLO:
            message.type = WIRE_HELLO;
            ledger_hello(&process->ledger, world->now_ms, &message.hello);
            peer_send(world, process, &message);
            break;
        case LEDGER_SEND_HEARTBEAT:
            message.type = WIRE_HEARTBEAT;
            ledger_heartbeat(&process->ledger, world->now_ms, &message.heartbeat);
            peer_send(world, process, &message);
            break;
        case LEDGER_REOPEN: reconnect(world, process); break;
        default: send_result(world, process, lease_id); break;
        }
    }
    process->due_ms = wait;
    if (process->ledger.draining &&
        ledger_count(&process->ledger, LEDGER_RUNNING) + ledger_count(&process->ledger, LEDGER_DONE) == 0) {
        message.type = WIRE_GOODBYE;
        message.goodbye = (struct wire_goodbye){0};
        peer_send(world, process, &message);
        peer_dies(world, process, between(world, 100, 5000));
    }
}

/* --- faults --- */

static void fault(struct world *world)
{
    world->next_fault_ms = world->now_ms + between(world, 500, 20000);
    struct process *process = &world->peers[rng_below(&world->rng, PEERS)];
    switch (rng_below(&world->rng, 10)) {
    case 0:
        if (world->dispatch != NULL)
            world->crash = 1 + (int)rng_below(&world->rng, 2);
        break;
    case 1:
        if (world->dispatch != NULL)
            master_dies(world);
        break;
    case 2: world->master_frozen_until_ms = world->now_ms + between(world, 100, 3 * LEASE_MS); break;
    case 3:
    case 4:
        if (process->alive)
            peer_dies(world, process, between(world, 10, 3 * LEASE_MS));
        break;
    case 5: process->frozen_until_ms = world->now_ms + between(world, 100, 3 * LEASE_MS); break;
    case 6:
        if (process->alive)
            ledger_drain(&process->ledger, world->now_ms);
        break;
    case 7:
    case 8: /* only boards lie: hosts 1 and 2 see to it that the study ends */
        process = &world->peers[FIRST_BOARD + (int)rng_below(&world->rng, PEERS - FIRST_BOARD)];
        world->boards[process->number].lie = chance(world, 0.5) ? 1 : chance(world, 0.5) ? 1.15 : 0.8;
        world->boards[process->number].lies++;
        say(world, "board-%d is off by %g from now on", process->number, world->boards[process->number].lie);
        break;
    default:
        world->drop = chance(world, 0.5) ? 0 : 0.3 * rng_uniform(&world->rng);
        world->copy = 0.2 * rng_uniform(&world->rng);
        world->slow = chance(world, 0.5) ? 0 : 0.2 * rng_uniform(&world->rng);
        break;
    }
}

static void heal(struct world *world)
{
    world->next_fault_ms = INT64_MAX;
    world->drop = world->copy = world->slow = 0;
    world->crash = 0;
    world->master_frozen_until_ms = 0;
    for (int i = 0; i < PEERS; i++)
        world->peers[i].frozen_until_ms = 0;
}

/* --- invariants --- */

static void check_hosts(const struct world *world)
{
    int computing[HOSTS + 1] = {0}, measuring[HOSTS + 1] = {0};
    const char *active[PEERS * SLOTS * 2];
    int active_count = 0;
    for (int i = 0; i < PEERS; i++) {
        const struct process *process = &world->peers[i];
        for (size_t j = 0; j < sizeof process->jobs / sizeof process->jobs[0]; j++) {
            const struct job *job = &process->jobs[j];
            if (!computes(world, process, job))
                continue;
            if (is_agent(process))
                measuring[process->host]++;
            else
                computing[process->host]++;
            for (int k = 0; k < active_count; k++)
                HOLDS(world, strcmp(active[k], job->key) != 0, "key %.8s is computed by two peers at once", job->key);
            active[active_count++] = job->key;
        }
    }
    for (int h = 1; h <= HOSTS; h++) {
        HOLDS(world, measuring[h] == 0 || computing[h] == 0, "host-%d measures while it computes", h);
        HOLDS(world, measuring[h] <= (h < 4 ? 1 : SLOTS), "host-%d measures %d things at once", h, measuring[h]);
    }
}

static void check_leases(struct world *world)
{
    const struct lease *lease;
    int open = 0, stored = 0;
    DL_FOREACH(dispatch_queue(world->dispatch)->leases, lease)
    {
        if (lease->task == NULL && !lease->unclosed)
            continue;
        open++;
        HOLDS(world, lease->task == NULL || lease->task->lease == lease, "a lease and its task disagree");
        HOLDS(world, lease->id != 0 && world->leases[lease->id].open, "an open lease is not open in the store");
    }
    for (uint64_t id = 1; id < world->next_lease; id++)
        stored += world->leases[id].open;
    HOLDS(world, open == stored, "%d leases are open, %d in the store", open, stored);
    for (const struct peer *peer = dispatch_peers(world->dispatch)->by_node; peer != NULL; peer = peer->hh.next)
        HOLDS(world, peer->leases < 1000, "a peer's leases were counted below 0");
    for (const struct host *host = dispatch_peers(world->dispatch)->hosts; host != NULL; host = host->hh.next)
        HOLDS(world, host->computing < 1000 && host->measuring < 1000, "a host's leases were counted below 0");
}

/* --- the run --- */

static void setup(struct world *world, uint64_t seed)
{
    static const int hosts[PEERS] = {1, 1, 2, 2, 3, 1, 2, 4, 5}; /* host-3 has a worker only; hosts 4 and 5 are boards */
    memset(world, 0, sizeof *world);
    world->seed = seed;
    world->trace = getenv("TRACE") != NULL;
    world->next_lease = 1;
    rng_seed(&world->rng, seed);
    for (int i = 0; i < KEYS_ALL; i++) {
        struct stored_key *key = &world->keys[i];
        struct digest digest;
        digest_of(&i, sizeof i, &digest);
        digest_hex(&digest, key->key);
        key->kind = i % 2 == 0 ? WIRE_RMI : WIRE_MEASURE;
        key->poison = chance(world, 0.03);
        key->fails = chance(world, 0.03);
    }
    for (int i = 0; i < PEERS; i++) {
        world->peers[i].number = i;
        world->peers[i].host = hosts[i];
        world->boards[i].lie = 1;
        world->peers[i].restart_ms = between(world, 0, 3000);
    }
    world->master_restart_ms = between(world, 0, 2000);
    world->next_fault_ms = chance(world, 0.9) ? between(world, 1000, 20000) : INT64_MAX;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t next_event(const struct world *world)
{
    int64_t next = world->next_fault_ms;
    if (world->dispatch == NULL)
        next = least(next, world->master_restart_ms);
    else
        next = least(next, world->tick_ms > world->master_frozen_until_ms ? world->tick_ms : world->master_frozen_until_ms);
    for (int i = 0; i < world->flight_count; i++) {
        const struct flight *flight = &world->flights[i];
        int64_t ready = flight->to_master ? world->master_frozen_until_ms : world->peers[flight->peer].frozen_until_ms;
        next = least(next, flight->at_ms > ready ? flight->at_ms : ready);
    }
    for (int i = 0; i < PEERS; i++) {
        const struct process *process = &world->peers[i];
        if (!process->alive) {
            next = least(next, process->restart_ms);
            continue;
        }
        for (size_t j = 0; j < sizeof process->jobs / sizeof process->jobs[0]; j++) {
            const struct job *job = &process->jobs[j];
            if (computes(world, process, job))
                next = least(next, least(world->now_ms + job->left_ms, ledger_good_until(&process->ledger, job->lease_id)));
        }
        next = least(next, process->due_ms > process->frozen_until_ms ? process->due_ms : process->frozen_until_ms);
    }
    return next > world->now_ms ? next : world->now_ms + 1;
}

static void jobs_progress(struct world *world, int64_t passed_ms)
{
    for (int i = 0; i < PEERS; i++) {
        struct process *process = &world->peers[i];
        for (size_t j = 0; j < sizeof process->jobs / sizeof process->jobs[0]; j++) {
            struct job *job = &process->jobs[j];
            if (computes(world, process, job))
                job->left_ms -= passed_ms;
        }
    }
}

static void jobs_finish(struct world *world, struct process *process)
{
    for (size_t j = 0; j < sizeof process->jobs / sizeof process->jobs[0]; j++) {
        struct job *job = &process->jobs[j];
        if (!job->active || job->finished || job->left_ms > 0)
            continue;
        if (job->canary) {
            job->value_ms = 10 * world->boards[process->number].lie * exp(0.005 * normal(world));
        } else if (find_key(world, job->key)->poison) {
            peer_dies(world, process, 200);
            return;
        }
        job->finished = ledger_done(&process->ledger, world->now_ms, job->lease_id);
        job->active = job->finished;
    }
}

static void deliver(struct world *world)
{
    for (int i = world->flight_count - 1; i >= 0; i--) {
        if (i >= world->flight_count)
            continue; /* others have gone meanwhile */
        struct flight flight = world->flights[i];
        if (flight.at_ms > world->now_ms)
            continue;
        struct process *process = &world->peers[flight.peer];
        if ((flight.to_master ? world->master_frozen_until_ms : process->frozen_until_ms) > world->now_ms)
            continue;
        struct wire_message message;
        struct status status = {0};
        assert_ok(wire_decode(flight.data, flight.size, &message, &status), status);
        remove_flight(world, i);
        if (flight.to_master && world->dispatch != NULL)
            master_hears(world, flight.link, &message);
        else if (!flight.to_master && process->alive && process->link == flight.link)
            peer_hears(world, process, &message);
        wire_free(&message);
    }
}

static void step(struct world *world)
{
    int64_t then = next_event(world);
    jobs_progress(world, then - world->now_ms);
    world->now_ms = then;
    world->steps++;
    if (world->now_ms >= FAULTS_END_MS && world->next_fault_ms != INT64_MAX)
        heal(world);
    if (world->now_ms >= world->next_fault_ms)
        fault(world);
    if (world->dispatch == NULL && world->now_ms >= world->master_restart_ms)
        master_starts(world);
    for (int i = 0; i < PEERS; i++) {
        struct process *process = &world->peers[i];
        if (!process->alive && world->now_ms >= process->restart_ms)
            peer_starts(world, process);
    }
    deliver(world);
    for (int i = 0; i < PEERS; i++) {
        struct process *process = &world->peers[i];
        if (!process->alive || process->frozen_until_ms > world->now_ms)
            continue;
        jobs_finish(world, process);
        if (process->alive)
            peer_acts(world, process);
    }
    if (world->dispatch != NULL && world->master_frozen_until_ms <= world->now_ms && world->tick_ms <= world->now_ms)
        master_turn(world);
    check_hosts(world);
    if (world->dispatch != NULL)
        check_leases(world);
}

static bool done(const struct world *world)
{
    for (int i = 0; i < KEYS_ALL; i++) {
        if (!world->keys[i].valued && !world->keys[i].given_up)
            return false;
    }
    return true;
}

struct sums {
    uint64_t steps, kills, canaries, lies, quarantines;
    int given_up;
};

static void run_seed(uint64_t seed, struct sums *sums)
{
    struct world *world = malloc(sizeof *world);
    assert_non_null(world);
    setup(world, seed);
    while (!done(world)) {
        step(world);
        HOLDS(world, world->now_ms < END_MS, "the study does not come to its end");
    }
    for (int i = 0; i < KEYS_ALL; i++) {
        const struct stored_key *key = &world->keys[i];
        HOLDS(world, !key->valued || !(key->poison || key->fails), "a task that cannot be computed has a value");
        sums->given_up += key->given_up;
        if (world->next_fault_ms == INT64_MAX && world->now_ms < FAULTS_END_MS)
            HOLDS(world, !key->given_up || key->poison || key->fails, "a healthy task was given up in a run without faults");
    }
    sums->steps += world->steps;
    sums->kills += world->kills;
    for (int i = FIRST_AGENT; i < PEERS; i++) {
        const struct stored_board *board = &world->boards[i];
        HOLDS(world, board->lies > 0 || board->quarantines == 0, "board-%d never lied and was quarantined", i);
        sums->canaries += (uint64_t)board->canaries;
        sums->lies += (uint64_t)board->lies;
        sums->quarantines += (uint64_t)board->quarantines;
    }
    dispatch_close(world->dispatch);
    while (world->flight_count > 0)
        remove_flight(world, 0);
    free(world);
}

static void every_study_ends_with_its_promises_kept(void **state)
{
    (void)state;
    const char *one = getenv("SEED");
    uint64_t first = one == NULL ? 1 : strtoull(one, NULL, 10), last = one == NULL ? SEEDS : first;
    struct sums sums = {0};
    for (uint64_t seed = first; seed <= last; seed++)
        run_seed(seed, &sums);
    printf("# seeds %" PRIu64 " to %" PRIu64 ": %" PRIu64 " steps, %" PRIu64 " processes ended, %d of %" PRIu64 " tasks given up\n",
           first, last, sums.steps, sums.kills, sums.given_up, (last - first + 1) * KEYS_ALL);
    printf("# %" PRIu64 " canaries; %" PRIu64 " times a board changed what it says; %" PRIu64 " quarantines\n", sums.canaries,
           sums.lies, sums.quarantines);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_study_ends_with_its_promises_kept),
    };
    return TEST_RUN(tests);
}
