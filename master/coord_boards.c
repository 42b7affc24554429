/* coord_boards: what the master thinks of each board: canaries judged, results checked, state kept in the store and told to
 * dispatch. Part of coord. The rule it keeps: what trust decides is stored in the turn's transaction, before anything that rests on
 * it is sent. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/line.h"
#include "common/space.h"
#include "master/coord_parts.h"

/* The canary: a cell with every operation but `none`, as large as the benchmark builds it. */
static const char CANARY_SPACE[] = "nb201";
static const char CANARY_ARCH[] = "|nor_conv_3x3~0|+|skip_connect~0|nor_conv_1x1~1|+|skip_connect~0|avg_pool_3x3~1|nor_conv_3x3~2|";
static const struct wire_network CANARY_NETWORK = {
    .channels = 16, .cells = 5, .classes = 10, .input_channels = 3, .input_size = 32};

struct known_board {
    struct board_key key; /* zero-padded */
    struct trust_board trust;
    struct store_board row; /* as it was last stored */
    int64_t last_good;      /* canary's id */
    UT_hash_handle hh;
};

/* --- opening --- */

static void make_key(struct board_key *key, const char *device_key, const char *name)
{
    memset(key, 0, sizeof *key);
    strncpy(key->device_key, device_key, sizeof key->device_key - 1);
    strncpy(key->name, name, sizeof key->name - 1);
}

static struct known_board *find(const struct coord *coord, const char *device_key, const char *name)
{
    struct board_key key;
    struct known_board *board;
    make_key(&key, device_key, name);
    HASH_FIND(hh, coord->boards, &key, sizeof key, board);
    return board;
}

static struct known_board *add(struct coord *coord, const char *device_key, const char *name)
{
    struct known_board *board = calloc(1, sizeof *board);
    if (board == NULL)
        return NULL;
    make_key(&board->key, device_key, name);
    HASH_ADD(hh, coord->boards, key, sizeof board->key, board);
    if (board->hh.tbl != NULL)
        return board;
    free(board);
    return NULL;
}

void coord_boards_close(struct coord *coord)
{
    struct known_board *board, *next;
    HASH_ITER(hh, coord->boards, board, next)
    {
        HASH_DEL(coord->boards, board);
        free(board);
    }
}

/* The canaries of before, judged again: what was thought of the board then comes out again. */
static enum status_code replay_canary(void *context, const struct store_canary *canary, struct status *status)
{
    struct known_board *board = context;
    struct trust_opinion opinion;
    (void)status;
    if (canary->verdict == STORE_CANARY_DOUBTFUL && isnan(canary->latency_ms))
        return STATUS_OK; /* a board that cannot run it */
    trust_canary(&board->trust, canary->latency_ms, canary->wall_ms, &opinion);
    return STATUS_OK;
}

static void tell_dispatch(struct coord *coord, const struct known_board *board)
{
    const struct trust_board *trust = &board->trust;
    struct peers_trust told = {
        .quarantined = trust->quarantined, .held = trust->held, .again = trust->again, .wait_ms = trust->wait_ms};
    time_t since = (time_t)(trust->since_wall_ms / 1000);
    struct tm utc;
    char when[32];
    gmtime_r(&since, &utc);
    strftime(when, sizeof when, "%Y-%m-%d %H:%M UTC", &utc);
    snprintf(told.reason, sizeof told.reason, "since %s because %.200s", when, trust->reason);
    dispatch_trust(coord->dispatch, coord_now_ms(coord), board->key.device_key, board->key.name, &told);
}

/* The row decides whether it is quarantined: strikes and people have a say in that, too. */
static enum status_code load(struct coord *coord, const struct store_board *row, struct status *status)
{
    struct known_board *board = add(coord, row->device_key, row->name);
    int64_t wall_ms;
    if (board == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for the boards");
    board->row = *row;
    enum status_code code =
        store_canary_each(search_store(coord->search), row->device_key, row->name, row->first_canary, replay_canary, board, status);
    if (code == STATUS_OK)
        code = store_canary_last_good(search_store(coord->search), row->device_key, row->name, &board->last_good, &wall_ms, status);
    if (row->quarantined && !board->trust.quarantined)
        trust_quarantine(&board->trust, row->reason, row->since_wall_ms);
    else if (!row->quarantined && board->trust.quarantined)
        trust_release(&board->trust);
    board->trust.held = row->held;
    board->trust.strikes = row->strikes;
    board->trust.since_wall_ms = row->since_wall_ms;
    board->trust.wait_ms = 0; /* the master's clock has begun anew */
    memcpy(board->trust.reason, row->reason, sizeof board->trust.reason);
    if (code == STATUS_OK)
        tell_dispatch(coord, board);
    return code;
}

static enum status_code cost_canary(struct coord *coord, struct status *status)
{
    const struct space_build build = {
        (int)CANARY_NETWORK.channels,
        (int)CANARY_NETWORK.cells,
        (int)CANARY_NETWORK.classes,
        {(int)CANARY_NETWORK.input_channels, (int)CANARY_NETWORK.input_size, (int)CANARY_NETWORK.input_size}};
    struct space space;
    struct arch arch;
    struct net net;
    enum status_code code = space_open(CANARY_SPACE, &space, status);
    if (code != STATUS_OK)
        return code;
    net_init_empty(&net);
    code = space_parse(&space, CANARY_ARCH, &arch, status);
    if (code == STATUS_OK)
        code = space_build_net(&space, &arch, &build, &net, status);
    if (code == STATUS_OK)
        cost_of_net(&net, &coord->canary_cost);
    net_free(&net);
    space_close(&space);
    return code;
}

enum status_code coord_boards_open(struct coord *coord, struct status *status)
{
    struct store_board *rows = NULL;
    size_t count = 0;
    coord_boards_close(coord);
    enum status_code code = cost_canary(coord, status);
    if (code == STATUS_OK)
        code = store_board_list(search_store(coord->search), &rows, &count, status);
    for (size_t i = 0; i < count && code == STATUS_OK; i++)
        code = load(coord, &rows[i], status);
    free(rows);
    return code;
}

/* --- what the store keeps --- */

static enum status_code store_state(struct coord *coord, struct known_board *board, struct status *status)
{
    const struct trust_board *trust = &board->trust;
    struct store_board *row = &board->row;
    bool changed = row->quarantined != trust->quarantined;
    if (!changed && row->strikes == trust->strikes && strcmp(row->reason, trust->reason) == 0)
        return STATUS_OK;
    row->quarantined = trust->quarantined;
    row->held = trust->held;
    row->strikes = trust->strikes;
    if (changed)
        row->since_wall_ms = coord_wall_ms(coord);
    board->trust.since_wall_ms = row->since_wall_ms;
    line_of(trust->reason, row->reason, sizeof row->reason);
    enum status_code code = search_begin(coord->search, status);
    return code == STATUS_OK ? store_board_state(search_store(coord->search), row, status) : code;
}

enum status_code coord_board_here(struct coord *coord, const struct wire_hello *hello, struct status *status)
{
    struct known_board *board = find(coord, hello->device_key, hello->board.name);
    bool fresh = board == NULL;
    if (fresh)
        board = add(coord, hello->device_key, hello->board.name);
    if (board == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for a board");
    struct store_board *row = &board->row;
    memcpy(row->device_key, board->key.device_key, sizeof row->device_key);
    memcpy(row->name, board->key.name, sizeof row->name);
    memcpy(row->runner, hello->board.runner, sizeof row->runner);
    memcpy(row->node, hello->node, sizeof row->node);
    memcpy(row->conditions, hello->conditions, sizeof row->conditions);
    row->seen_wall_ms = coord_wall_ms(coord);
    row->deterministic = hello->board.deterministic;
    row->peak_macs_per_s = hello->board.peak_macs_per_s;
    row->peak_bytes_per_s = hello->board.peak_bytes_per_s;
    enum status_code code = search_begin(coord->search, status);
    if (code == STATUS_OK)
        code = store_board_seen(search_store(coord->search), row, status);
    if (code == STATUS_OK && fresh)
        code = store_board_get(search_store(coord->search), row->device_key, row->name, row, status);
    return code;
}

/* --- a person's words --- */

/* As after a restart: what is stored now is what is thought of it. */
static enum status_code load_anew(struct coord *coord, const struct store_board *board, struct status *status)
{
    struct known_board *known = find(coord, board->device_key, board->name);
    struct store_board row;
    enum status_code code = store_board_get(search_store(coord->search), board->device_key, board->name, &row, status);
    if (code != STATUS_OK)
        return code;
    if (known != NULL) {
        HASH_DEL(coord->boards, known);
        free(known);
    }
    return load(coord, &row, status);
}

enum status_code coord_board_quarantine(struct coord *coord, const struct store_board *board, const char *reason,
                                        struct status *status)
{
    enum status_code code =
        store_board_quarantine(search_store(coord->search), board->device_key, board->name, reason, clock_wall_ms(), status);
    return code == STATUS_OK ? load_anew(coord, board, status) : code;
}

enum status_code coord_board_trust(struct coord *coord, const struct store_board *board, struct status *status)
{
    enum status_code code =
        store_board_trust(search_store(coord->search), board->device_key, board->name, true, clock_wall_ms(), status);
    return code == STATUS_OK ? load_anew(coord, board, status) : code;
}

/* --- results --- */

static void log_strike(const struct coord *coord, const struct known_board *board, const char *why, bool quarantined)
{
    log_event(coord->logger, LOG_WARN, "a result is not believed", log_text("board", board->key.name),
              log_text("device", board->key.device_key), log_text("reason", why),
              log_text("state", quarantined ? "quarantined" : "trusted"));
}

enum status_code coord_strike(struct coord *coord, const struct dispatch_lease *lease, const char *why, struct status *status)
{
    struct known_board *board = find(coord, lease->device_key, lease->board);
    bool quarantined = trust_strike(&board->trust, why, coord_wall_ms(coord));
    log_strike(coord, board, why, quarantined);
    tell_dispatch(coord, board);
    return store_state(coord, board, status);
}

static enum status_code gather_limits(const struct coord *coord, const struct known_board *board, const struct study_want *want,
                                      const struct dispatch_lease *lease, const struct wire_result *result,
                                      struct trust_limits *out, struct status *status)
{
    struct cost cost = coord->canary_cost;
    enum status_code code = STATUS_OK;
    if (!lease->canary)
        code = study_paper_cost(search_study(coord->search), &want->arch, &cost, status);
    *out = (struct trust_limits){.macs = (double)cost.macs,
                                 .params = (double)cost.params,
                                 .bytes_per_param = trust_bytes_per_param(board->key.device_key),
                                 .peak_macs_per_s = board->row.peak_macs_per_s,
                                 .peak_bytes_per_s = board->row.peak_bytes_per_s,
                                 .deterministic = board->row.deterministic,
                                 .simulated = strcmp(board->row.runner, "simulated") == 0,
                                 .age_seconds = lease->age_seconds,
                                 .seconds = result->seconds};
    if (code == STATUS_OK && coord->evidence.digest[0] != '\0')
        code = store_samples_known(search_store(coord->search), board->key.device_key, board->key.name, coord->evidence.digest,
                                   &out->samples_known, status);
    return code;
}

static void refuse_value(struct wire_result *result, const char *why)
{
    result->outcome = WIRE_FAILED;
    result->failure = WIRE_FAILURE_IMPOSSIBLE;
    result->value = result->energy_mj = 0;
    line_of(why, result->sentence, sizeof result->sentence);
}

enum status_code coord_believe(struct coord *coord, const struct study_want *want, const struct dispatch_lease *lease,
                               struct wire_result *result, char strike[TRUST_SENTENCE_BYTES], struct status *status)
{
    struct known_board *board = find(coord, lease->device_key, lease->board);
    struct trust_limits limits;
    struct status why = {0};
    strike[0] = '\0';
    coord->evidence.digest[0] = '\0';
    if (board == NULL)
        return status_set(status, STATUS_INTERNAL, "a result of a board that never said Hello");
    if (result->outcome != WIRE_OK)
        return STATUS_OK;
    if (result->value <= 0) {
        snprintf(strike, TRUST_SENTENCE_BYTES, "a latency that is not above 0");
    } else if (trust_evidence_read(result->detail, result->detail_size, &coord->evidence, &why) != STATUS_OK) {
        snprintf(strike, TRUST_SENTENCE_BYTES, "%.200s", why.message);
    } else {
        enum status_code code = gather_limits(coord, board, want, lease, result, &limits, status);
        if (code != STATUS_OK)
            return code;
        trust_believable(result->value, &coord->evidence, &limits, strike, TRUST_SENTENCE_BYTES);
    }
    if (strike[0] != '\0')
        refuse_value(result, strike);
    else if (!lease->canary && trust_rank(&board->trust, limits.macs, result->value))
        snprintf(strike, TRUST_SENTENCE_BYTES, "over its last 20 results latency falls with MACs");
    return STATUS_OK;
}

void coord_describe_board(const struct coord *coord, const struct dispatch_lease *lease, struct store_evaluation *row)
{
    const struct known_board *board = find(coord, lease->device_key, lease->board);
    strncpy(row->board, lease->board, sizeof row->board - 1);
    row->after_canary = board == NULL ? 0 : board->last_good;
    memcpy(row->samples_digest, coord->evidence.digest, sizeof row->samples_digest);
}

const char *coord_board_device(const struct coord *coord, const char *name)
{
    for (const struct known_board *board = coord->boards; board != NULL; board = board->hh.next) {
        if (strcmp(board->key.name, name) == 0)
            return board->key.device_key;
    }
    return NULL;
}

/* --- canaries --- */

static void log_canary(const struct coord *coord, const struct known_board *board, const struct trust_opinion *opinion)
{
    bool alarm = opinion->verdict != TRUST_GOOD || opinion->quarantined;
    if (opinion->quarantined)
        log_event(coord->logger, LOG_WARN, "a board is quarantined", log_text("board", board->key.name),
                  log_text("device", board->key.device_key), log_text("reason", board->trust.reason));
    else
        log_event(coord->logger, alarm || opinion->lifted ? LOG_WARN : LOG_INFO, "a canary", log_text("board", board->key.name),
                  log_text("device", board->key.device_key), log_text("opinion", opinion->sentence));
}

static enum status_code store_canary(struct coord *coord, struct known_board *board, const struct trust_opinion *opinion,
                                     const char *node, const struct wire_result *result, struct status *status)
{
    static const enum store_canary_verdict verdicts[] = {
        [TRUST_GOOD] = STORE_CANARY_GOOD, [TRUST_DOUBTFUL] = STORE_CANARY_DOUBTFUL, [TRUST_BAD] = STORE_CANARY_OFF};
    bool measured = result->outcome == WIRE_OK;
    struct store_canary canary = {.verdict = verdicts[opinion->verdict],
                                  .latency_ms = measured ? result->value : NAN,
                                  .expected_ms = opinion->expected_ms,
                                  .seconds = result->seconds,
                                  .wall_ms = coord_wall_ms(coord)};
    char *detail = result->detail_size > 0 ? strndup(result->detail, result->detail_size) : NULL;
    if (detail == NULL && result->detail_size > 0)
        return status_set(status, STATUS_NO_MEMORY, "no memory for a canary");
    canary.detail = detail;
    memcpy(canary.device_key, board->key.device_key, sizeof canary.device_key);
    memcpy(canary.board, board->key.name, sizeof canary.board);
    memcpy(canary.samples_digest, coord->evidence.digest, sizeof canary.samples_digest);
    strncpy(canary.node, node, sizeof canary.node - 1);
    line_of(measured ? opinion->sentence : result->sentence, canary.sentence, sizeof canary.sentence);
    enum status_code code = search_begin(coord->search, status);
    if (code == STATUS_OK)
        code = store_canary_put(search_store(coord->search), &canary, status);
    if (code == STATUS_OK && canary.verdict == STORE_CANARY_GOOD)
        board->last_good = canary.id;
    free(detail);
    return code;
}

/* A board that lacks an operation, or plays another search space: nothing is known of it, for good or bad. */
static enum status_code note_unable(struct coord *coord, struct known_board *board, const char *node,
                                    const struct wire_result *result, struct status *status)
{
    const struct trust_opinion unable = {.verdict = TRUST_DOUBTFUL, .expected_ms = NAN};
    log_event(coord->logger, LOG_WARN, "a board cannot run the canary, so it is not checked", log_text("board", board->key.name),
              log_text("device", board->key.device_key), log_text("reason", result->sentence));
    return store_canary(coord, board, &unable, node, result, status);
}

enum status_code coord_canary(struct coord *coord, const char *node, const struct dispatch_lease *lease,
                              const struct wire_result *result, struct status *status)
{
    struct known_board *board = find(coord, lease->device_key, lease->board);
    struct trust_opinion opinion;
    if (board == NULL)
        return status_set(status, STATUS_INTERNAL, "a canary of a board that never said Hello");
    if (result->outcome == WIRE_INFEASIBLE)
        return note_unable(coord, board, node, result, status);
    trust_canary(&board->trust, result->outcome == WIRE_OK ? result->value : NAN, coord_wall_ms(coord), &opinion);
    enum status_code code = store_canary(coord, board, &opinion, node, result, status);
    if (code == STATUS_OK)
        code = store_state(coord, board, status);
    log_canary(coord, board, &opinion);
    tell_dispatch(coord, board);
    return code;
}

void coord_describe_canary(struct wire_task *task)
{
    task->kind = WIRE_MEASURE;
    task->network = CANARY_NETWORK;
    strncpy(task->space, CANARY_SPACE, sizeof task->space - 1);
    strncpy(task->arch, CANARY_ARCH, sizeof task->arch - 1);
}
