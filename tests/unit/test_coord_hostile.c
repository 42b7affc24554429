/* coord: whatever arrives, what was refused changes nothing and is counted, and honest peers are served meanwhile. SEED=n repeats a
 * run. */
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

#include "common/bundle.h"
#include "common/line.h"
#include "common/rng.h"
#include "hwnas.pb-c.h"
#include "master/coord_parts.h"
#include "tests/support/lone_master.h"
#include "tests/support/message.h"
#include "tests/support/raw_frame.h"

enum { HONEST = 1, BOARD = 2, STRANGER = 1000 };

static uint64_t seed_of_this_run(void)
{
    const char *text = getenv("SEED");
    return text == NULL ? 20261129 : strtoull(text, NULL, 10);
}

/* --- honest peers --- */

static struct wire_message hello_of(enum wire_role role)
{
    struct wire_message hello = message_sample(WIRE_HELLO);
    hello.hello.role = role;
    hello.hello.slots = 2;
    hello.hello.held.count = 0;
    if (role == WIRE_AGENT) {
        strcpy(hello.hello.node, "board");
        strcpy(hello.hello.device_key, LONE_DEVICE);
        hello.hello.board.deterministic = false;
    } else {
        strcpy(hello.hello.node, "honest");
        strcpy(hello.hello.host_id, "host.b");
        hello.hello.device_key[0] = '\0';
        memset(&hello.hello.board, 0, sizeof hello.hello.board);
    }
    return hello;
}

static int open_master(void **state)
{
    struct lone_master *lone = calloc(1, sizeof *lone);
    struct status status = {0};
    if (lone == NULL || !lone_prepare(lone, 1000) || lone_open(lone, true, &status) != STATUS_OK) {
        print_error("%s\n", status.message);
        return -1;
    }
    *state = lone;
    struct wire_message worker = hello_of(WIRE_WORKER), agent = hello_of(WIRE_AGENT);
    lone_send(lone, HONEST, &worker);
    lone_send(lone, BOARD, &agent);
    return lone->by_type[WIRE_WELCOME] == 2 && lone->task_count >= 2 ? 0 : -1;
}

static int close_master(void **state)
{
    struct lone_master *lone = *state;
    lone_remove(lone);
    free(lone);
    return 0;
}

static struct wire_message result_of(const struct wire_task *task)
{
    struct wire_message result = message_sample(WIRE_RESULT);
    result.result.lease_id = task->lease_id;
    result.result.epoch = task->epoch;
    result.result.attempt = task->attempt;
    memcpy(result.result.key, task->key, sizeof result.result.key);
    return result;
}

static struct patience_counts counts_of(const struct lone_master *lone)
{
    struct patience_counts counts;
    patience_count(lone->coord->patience, &counts);
    return counts;
}

static void nobody_failed(const struct lone_master *lone)
{
    struct status status = {0};
    assert_ok(coord_failure(lone->coord, &status), status);
    assert_false(lone->broken);
    assert_false(coord_over(lone->coord));
}

/* A task of the worker is computed and acknowledged. */
static void the_honest_worker_is_served(struct lone_master *lone)
{
    const struct wire_task *task = lone_task_of(lone, HONEST);
    assert_non_null(task);
    struct wire_message result = result_of(task);
    uint64_t acks = lone->by_type[WIRE_RESULT_ACK];
    lone_send(lone, HONEST, &result);
    assert_int_equal(lone->by_type[WIRE_RESULT_ACK], acks + 1);
    nobody_failed(lone);
}

/* --- the error budget --- */

static void who_sends_nonsense_is_answered_and_then_not_heard(void **state)
{
    struct lone_master *lone = *state;
    struct wire_message heartbeat = message_sample(WIRE_HEARTBEAT);
    for (int i = 0; i < 16; i++)
        lone_message(lone, STRANGER, "nonsense", 8);
    assert_int_equal(lone->refusals[WIRE_REFUSE_BAD_MESSAGE], 16);
    assert_non_null(strstr(lone->last.refuse.sentence, "nothing more is heard for 60 s"));
    uint64_t frames = lone->frames;
    for (int i = 0; i < 100; i++)
        lone_message(lone, STRANGER, "nonsense", 8);
    lone_send(lone, STRANGER, &heartbeat);
    assert_int_equal(lone->frames, frames);
    assert_int_equal(counts_of(lone).refused, 16);
    assert_int_equal(counts_of(lone).unheard, 101);
    lone->now_ms += 60000;
    lone_send(lone, STRANGER, &heartbeat);
    assert_int_equal(lone->refusals[WIRE_REFUSE_NOT_REGISTERED], 1);
}

static void others_are_heard_while_one_is_not(void **state)
{
    struct lone_master *lone = *state;
    for (int i = 0; i < 1000; i++)
        lone_message(lone, STRANGER, "nonsense", 8);
    the_honest_worker_is_served(lone);
}

static void a_key_is_one_sender_on_all_its_connections(void **state)
{
    struct lone_master *lone = *state;
    const struct keys_public bad = {.fingerprint = "aaaa"}, other = {.fingerprint = "bbbb"};
    lone->sender = &bad;
    for (uint32_t i = 0; i < 20; i++)
        lone_message(lone, STRANGER + i, "nonsense", 8);
    assert_int_equal(counts_of(lone).refused, 16);
    assert_int_equal(counts_of(lone).unheard, 4);
    lone->sender = &other;
    lone_message(lone, STRANGER, "nonsense", 8);
    assert_int_equal(counts_of(lone).refused, 17);
    lone->sender = NULL;
    the_honest_worker_is_served(lone);
}

static void a_score_that_cannot_be_true_is_a_failure(void **state)
{
    struct lone_master *lone = *state;
    const double scores[] = {7.5, -0.5, 1e15};
    for (size_t i = 0; i < sizeof scores / sizeof scores[0]; i++) {
        const struct wire_task *task = lone_task_of(lone, HONEST);
        assert_non_null(task);
        struct wire_message result = result_of(task);
        struct store_evaluation row;
        uint64_t accepted = lone->verdicts[WIRE_ACCEPTED];
        result.result.value = scores[i];
        lone_send(lone, HONEST, &result);
        assert_int_equal(lone->verdicts[WIRE_ACCEPTED], accepted + 1);
        assert_int_equal(store_evaluation_get(search_store(lone->coord->search), result.result.key, &row, NULL), STATUS_NOT_FOUND);
    }
    the_honest_worker_is_served(lone);
}

static void messages_of_a_master_count_as_nonsense(void **state)
{
    struct lone_master *lone = *state;
    const enum wire_type types[] = {WIRE_WELCOME, WIRE_TASK, WIRE_RESULT_ACK, WIRE_HEARTBEAT_ANSWER, WIRE_REFUSE, WIRE_ANSWER};
    uint64_t state_before = lone_state(lone);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        struct wire_message message = message_sample(types[i]);
        lone_send(lone, STRANGER, &message);
        assert_int_equal(counts_of(lone).refused, i + 1);
    }
    assert_int_equal(lone_state(lone), state_before);
}

static void one_who_is_not_heard_is_logged_once(void **state)
{
    struct lone_master *lone = *state;
    char *text = NULL;
    size_t size = 0;
    lone->logger = (struct logger){.out = open_memstream(&text, &size), .level = LOG_DEBUG, .program = "test"};
    for (int i = 0; i < 5000; i++)
        lone_message(lone, STRANGER, "\x1b[31m\nnonsense", 14);
    fclose(lone->logger.out);
    lone->logger.out = NULL;
    int lines = 0, silenced = 0;
    for (const char *at = text; (at = strchr(at, '\n')) != NULL; at++)
        lines++;
    for (const char *at = text; (at = strstr(at, "is not heard for")) != NULL; at++)
        silenced++;
    assert_in_range(lines, 1, 6); /* the 1st, 2nd, 4th and 8th, and that he is not heard */
    assert_int_equal(silenced, 1);
    assert_null(strchr(text, '\x1b'));
    free(text);
}

/* --- mutated messages --- */

/* What an honest peer might say now, so that a mutation of it is close to meaning something. */
static struct wire_message something(struct lone_master *lone, struct rng *rng)
{
    const struct wire_task *task = &lone->tasks[rng_below(rng, lone->task_count < LONE_TASKS ? lone->task_count : LONE_TASKS)].task;
    struct wire_message message;
    switch (rng_below(rng, 6)) {
    case 0: return result_of(task);
    case 1:
        message = message_sample(WIRE_HEARTBEAT);
        message.heartbeat.held.items[0].lease_id = task->lease_id;
        memcpy(message.heartbeat.held.items[0].key, task->key, sizeof task->key);
        return message;
    case 2:
        message = message_sample(WIRE_RETURN);
        message.return_lease.lease_id = task->lease_id;
        memcpy(message.return_lease.key, task->key, sizeof task->key);
        return message;
    case 3: return hello_of(rng_below(rng, 2) == 0 ? WIRE_WORKER : WIRE_AGENT);
    default: return message_sample((enum wire_type)(1 + rng_below(rng, WIRE_TYPES - 1)));
    }
}

static void mutate(struct rng *rng, uint8_t *bytes, size_t *size)
{
    for (uint64_t times = 1 + rng_below(rng, 5); times > 0 && *size > 0; times--) {
        size_t at = rng_below(rng, *size);
        switch (rng_below(rng, 5)) {
        case 0: bytes[at] = (uint8_t)rng_below(rng, 256); break;
        case 1: bytes[at] ^= (uint8_t)(1u << rng_below(rng, 8)); break;
        case 2: *size = at; break;
        case 3: memmove(bytes + at, bytes + at + 1, --*size - at); break;
        default: bytes[at] = (uint8_t)(bytes[at] + (rng_below(rng, 2) == 0 ? 1 : -1)); break;
        }
    }
}

/* Backups are left out: the copy would be written wherever a mutation says. */
static bool asks_for_a_file(const void *data, size_t size)
{
    static struct wire_message message;
    bool asks = wire_decode(data, size, &message, NULL) == STATUS_OK && message.type == WIRE_QUESTION &&
                message.question.kind == WIRE_ASK_BACKUP;
    wire_free(&message);
    return asks;
}

/* So that the worker is heard on, whatever was sent in its name: two minutes later it says Hello. */
static void begin_anew(struct lone_master *lone)
{
    struct wire_message hello = hello_of(WIRE_WORKER);
    lone->now_ms += 120000;
    hello.hello.sequence = (uint64_t)lone->now_ms;
    lone_send(lone, HONEST, &hello);
    nobody_failed(lone);
}

/* Refused is what was answered with a Refuse. One in eight messages comes over the honest worker's connection, the others over
 * fresh ones, a new one every 8 messages: so all are heard. What is let through is a peer's message, as far as the rules can
 * tell. */
static void mutated_messages_change_nothing_when_they_are_refused(void **state)
{
    struct lone_master *lone = *state;
    uint64_t seed = seed_of_this_run(), refused = 0, taken = 0, refused_here = 0;
    long amount = test_amount(30000, 1000000);
    struct rng rng;
    rng_seed(&rng, seed);
    printf("# seed=%llu\n", (unsigned long long)seed);
    for (long round = 0; round < amount; round++) {
        struct wire_message message = something(lone, &rng);
        struct status status = {0};
        void *data;
        size_t size;
        assert_ok(wire_encode(&message, &data, &size, &status), status);
        mutate(&rng, data, &size);
        if (asks_for_a_file(data, size))
            size = 1;
        bool look = round % 256 == 0; /* into the database, which takes longer than all else */
        uint64_t before = lone_state(lone), counted = counts_of(lone).refused, stored = look ? lone_stored(lone) : 0;
        uint32_t link = rng_below(&rng, 8) == 0 ? HONEST : STRANGER + (uint32_t)(round / 8);
        lone_message(lone, link, data, size);
        nobody_failed(lone);
        if (counts_of(lone).refused > counted) {
            refused++;
            assert_int_equal(lone_state(lone), before);
            if (look)
                assert_int_equal(lone_stored(lone), stored);
            if (link == HONEST && ++refused_here % 8 == 0)
                begin_anew(lone);
        } else {
            taken++;
        }
        free(data);
    }
    printf("# %llu refused, %llu taken\n", (unsigned long long)refused, (unsigned long long)taken);
    assert_int_equal(counts_of(lone).refused, refused);
    assert_int_equal(lone->refusals[WIRE_REFUSE_BAD_MESSAGE] + lone->refusals[WIRE_REFUSE_WRONG_VERSION], refused);
    assert_int_equal(counts_of(lone).unheard, 0);
    assert_true(refused > (uint64_t)amount / 2);
}

/* --- values --- */

enum { VALUES = 500, TEXT_MAX = 1 << 20 };

static const char *const bad_texts[] = {"",
                                        " ",
                                        ".",
                                        "..",
                                        "../../etc/passwd",
                                        "/",
                                        "-rf",
                                        "--",
                                        "a b",
                                        "a\tb",
                                        "a\nb",
                                        "a\r\nb",
                                        "\x1b[2J",
                                        "\x1b]0;x\x07",
                                        "\x7f",
                                        "\x9b",
                                        "<script>alert(1)</script>",
                                        "&lt;",
                                        "\"><img src=x>",
                                        "' OR 1=1 --",
                                        "'; DROP TABLE evaluation; --",
                                        "\\",
                                        "\\u0000",
                                        "%s%s%n",
                                        "%00",
                                        "$(reboot)",
                                        "`reboot`",
                                        "${HOME}",
                                        "|",
                                        ";",
                                        "\xff\xfe",
                                        "\xc0\x80",
                                        "\xed\xa0\x80",
                                        "\xf4\x90\x80\x80",
                                        "\xc3",
                                        "\xe2\x80\xae"
                                        "txt",
                                        "\xef\xbb\xbf",
                                        "\xef\xbf\xbe",
                                        "\xf0\x9f\x98\x80",
                                        "na\xc3\xafve",
                                        "nan",
                                        "inf",
                                        "null",
                                        "true",
                                        "{}",
                                        "[]",
                                        "{\"a\":1e999}",
                                        "{\"a\":\"\\u0000\"}",
                                        "{\"__proto__\":1}",
                                        "{\"a\":\"<script>alert(1)</script>\"}",
                                        "{\"a\":\"'; DROP TABLE lease; --\"}",
                                        "{\"a\":[1e300,-1,null]}",
                                        "host",
                                        "honest",
                                        "board",
                                        "nb201"};
static const double bad_doubles[] = {NAN,  -NAN, INFINITY, -INFINITY, 0,    -0.0, -1,   1e-300, 5e-324, 1e300, -1e300,
                                     1e15, 1e16, 1e9,      1e10,      1.01, 3.5,  1e-7, 2,      1e18,   1e19};
static const uint64_t bad_numbers[] = {0,   1,   2,   3,   4,     5,     9,         11,         12,        255,
                                       256, 257, 512, 513, 65535, 65536, INT32_MAX, UINT32_MAX, UINT64_MAX};

/* The i-th value of a text field: those above, then made of them or of chance, some of a MiB. The caller frees *out. */
static size_t text_value(struct rng *rng, long i, char **out)
{
    size_t count = sizeof bad_texts / sizeof bad_texts[0], size = 0;
    size_t room = i % 100 == 99 ? TEXT_MAX : 300;
    char *text = malloc(room + 1);
    assert_non_null(text);
    if ((size_t)i < count) {
        size = strlen(bad_texts[i]);
        memcpy(text, bad_texts[i], size);
    } else if (i % 2 == 0) {
        size = rng_below(rng, 2) == 0 ? room : rng_below(rng, room);
        for (size_t at = 0; at < size; at++)
            text[at] = (char)(i % 4 == 0 ? 'a' + rng_below(rng, 26) : rng_below(rng, 256));
    } else {
        for (int pieces = 0; pieces < 4; pieces++) {
            const char *piece = bad_texts[rng_below(rng, count)];
            memcpy(text + size, piece, strlen(piece));
            size += strlen(piece);
        }
    }
    text[size] = '\0';
    *out = text;
    return size;
}

static double double_value(struct rng *rng, long i)
{
    uint64_t bits = rng_next(rng);
    double value;
    memcpy(&value, &bits, sizeof value);
    return (size_t)i < sizeof bad_doubles / sizeof bad_doubles[0] ? bad_doubles[i] : value;
}

static uint64_t number_value(struct rng *rng, long i)
{
    return (size_t)i < sizeof bad_numbers / sizeof bad_numbers[0] ? bad_numbers[i] : rng_next(rng) >> rng_below(rng, 64);
}

static void put_value(struct raw_frame *message, const ProtobufCFieldDescriptor *field, struct rng *rng, long i)
{
    char *text;
    size_t size;
    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
        size = text_value(rng, i, &text);
        raw_text(message, field->id, text, size);
        free(text);
        break;
    case PROTOBUF_C_TYPE_DOUBLE: raw_double(message, field->id, double_value(rng, i)); break;
    case PROTOBUF_C_TYPE_FIXED64: break; /* a seed: a Task's alone */
    default: raw_number(message, field->id, number_value(rng, i)); break;
    }
}

/* The message with the i-th value in that field; for a field of a message in it, `inside` is that message's field. */
static struct raw_frame with_value(const struct raw_frame *message, const ProtobufCFieldDescriptor *field,
                                   const ProtobufCFieldDescriptor *inside, struct rng *rng, long i)
{
    struct raw_frame part = {0}, out = raw_without(message, field->id, &part);
    if (inside == NULL) {
        put_value(&out, field, rng, i);
        return out;
    }
    struct raw_frame changed = raw_without(&part, inside->id, NULL);
    put_value(&changed, inside, rng, i);
    raw_text(&out, field->id, changed.bytes, changed.size);
    raw_free(&changed);
    return out;
}

/* What a peer may send now, of that type; results are of the newest task, good ones and infeasible ones in turn. */
static struct wire_message valid_message(const struct lone_master *lone, enum wire_type type, long i)
{
    struct wire_message message = message_sample(type);
    if (type == WIRE_HELLO) {
        message = hello_of(WIRE_AGENT); /* which has more to say */
        message.hello.held.count = 1;
        message.hello.held.items[0] = (struct wire_held){.lease_id = 7, .key = MESSAGE_KEY};
    }
    if (type != WIRE_RESULT)
        return message;
    const struct wire_task *task = lone_task_of(lone, HONEST);
    message = result_of(task != NULL ? task : &lone->tasks[0].task);
    if (i % 2 == 1) {
        message.result.outcome = WIRE_INFEASIBLE;
        message.result.value = message.result.energy_mj = 0;
        strcpy(message.result.sentence, "the loss is NaN");
    }
    return message;
}

/* What is in the table is what was sent, as far as its columns go. */
static void is_stored_verbatim(const struct lone_master *lone, const void *frame, size_t size)
{
    static struct wire_message sent;
    struct status status = {0};
    struct store_evaluation row;
    assert_ok(wire_decode(frame, size, &sent, &status), status);
    char why[sizeof row.why_not];
    line_of(sent.result.sentence, why, sizeof why);
    enum status_code code = store_evaluation_get(search_store(lone->coord->search), sent.result.key, &row, &status);
    if (sent.result.outcome == WIRE_FAILED || sent.result.value < 0 || sent.result.value > BUNDLE_TAPS_MAX + 0.1) {
        assert_int_equal(code, STATUS_NOT_FOUND); /* an attempt that failed, or cannot be true */
        wire_free(&sent);
        return;
    }
    assert_ok(code, status);
    assert_string_equal(row.why_not, row.feasible ? "" : why);
    assert_true(row.value == sent.result.value);
    assert_true(row.seconds == sent.result.seconds);
    if (sent.result.detail_size > 0) {
        assert_int_equal(strlen(row.detail), sent.result.detail_size);
        assert_memory_equal(row.detail, sent.result.detail, sent.result.detail_size);
    }
    store_evaluation_free(&row);
    wire_free(&sent);
}

static void try_value(struct lone_master *lone, enum wire_type type, const ProtobufCFieldDescriptor *field,
                      const ProtobufCFieldDescriptor *inside, struct rng *rng, long i, uint64_t outcomes[2])
{
    struct wire_message message = valid_message(lone, type, i);
    struct status status = {0};
    uint32_t number = 0;
    void *data;
    size_t size;
    assert_ok(wire_encode(&message, &data, &size, &status), status);
    struct raw_frame body = raw_body_of(data, size, &number), changed = with_value(&body, field, inside, rng, i),
                     frame = raw_frame_of(number, &changed);
    uint64_t before = lone_state(lone), counted = counts_of(lone).refused, accepted = lone->verdicts[WIRE_ACCEPTED];
    if (asks_for_a_file(frame.bytes, frame.size))
        frame.size = 1;
    /* Results come from the worker, everything else from strangers. */
    lone_message(lone, type == WIRE_RESULT ? HONEST : STRANGER + (uint32_t)rng_below(rng, 1u << 30), frame.bytes, frame.size);
    nobody_failed(lone);
    bool refused = counts_of(lone).refused > counted;
    outcomes[refused]++;
    if (refused)
        assert_int_equal(lone_state(lone), before);
    else if (lone->verdicts[WIRE_ACCEPTED] > accepted)
        is_stored_verbatim(lone, frame.bytes, frame.size);
    if (refused && counts_of(lone).refused % 8 == 0)
        begin_anew(lone);
    raw_free(&frame);
    raw_free(&changed);
    free(data);
}

static void try_field(struct lone_master *lone, enum wire_type type, const ProtobufCFieldDescriptor *field,
                      const ProtobufCFieldDescriptor *inside, struct rng *rng)
{
    uint64_t outcomes[2] = {0};
    long amount = test_amount(120, VALUES);
    for (long i = 0; i < amount; i++)
        try_value(lone, type, field, inside, rng, i, outcomes);
    printf("# %s.%s%s%s: %llu taken, %llu refused\n", wire_type_name(type), field->name, inside != NULL ? "." : "",
           inside != NULL ? inside->name : "", (unsigned long long)outcomes[0], (unsigned long long)outcomes[1]);
    assert_true(outcomes[1] > 0 || field->type == PROTOBUF_C_TYPE_UINT64 || field->type == PROTOBUF_C_TYPE_BOOL);
}

/* What an operator is shown. Answers that could drive a terminal do not pass wire_check: the master would be broken. */
static void asks_about_everything(struct lone_master *lone)
{
    uint64_t id = 1;
    for (enum wire_question_kind kind = WIRE_ASK_STUDY_LIST; kind <= WIRE_ASK_DEVICE_WHY; kind++) {
        for (enum wire_format format = WIRE_TABLE; format <= WIRE_JSON; format++) {
            struct wire_message question = {.type = WIRE_QUESTION};
            bool study =
                kind == WIRE_ASK_STUDY_SHOW || kind == WIRE_ASK_STUDY_WHY || kind == WIRE_ASK_FRONT || kind == WIRE_ASK_DEVICE_WHY;
            question.question = (struct wire_question){.id = id++, .kind = kind, .format = format};
            strcpy(question.question.study, study ? "lone" : "");
            strcpy(question.question.board, kind == WIRE_ASK_DEVICE_SHOW ? "kitchen" : "");
            strcpy(question.question.device, kind == WIRE_ASK_DEVICE_SHOW ? LONE_DEVICE : "");
            uint64_t answers = lone->by_type[WIRE_ANSWER];
            lone_send(lone, STRANGER, &question);
            while (coord_thinking(lone->coord) >= 0)
                coord_think(lone->coord);
            assert_true(lone->by_type[WIRE_ANSWER] > answers);
            if (lone->last.answer.code != WIRE_ANSWER_OK && lone->last.answer.code != WIRE_ANSWER_WORKING)
                printf("# question %d, format %d: %s\n", kind, format, lone->last.answer.sentence);
        }
    }
    nobody_failed(lone);
}

static void is_plain(const char *text, size_t size)
{
    while (size > 0) {
        size_t length = *text == '\n' ? 1 : line_shown(text, size);
        if (length == 0)
            fail_msg("the log has the byte 0x%02x, before: %.60s", (unsigned char)*text, text);
        text += length;
        size -= length;
    }
}

static void every_value_in_every_field_is_refused_or_kept_as_it_is(void **state)
{
    struct lone_master *lone = *state;
    char *log = NULL;
    size_t log_size = 0;
    lone->logger = (struct logger){.out = open_memstream(&log, &log_size), .level = LOG_DEBUG, .program = "test"};
    const enum wire_type types[] = {WIRE_HELLO,  WIRE_HEARTBEAT, WIRE_RESULT,  WIRE_BUNDLE_REQUEST,
                                    WIRE_RETURN, WIRE_GOODBYE,   WIRE_QUESTION};
    struct rng rng;
    rng_seed(&rng, seed_of_this_run());
    for (size_t t = 0; t < sizeof types / sizeof types[0]; t++) {
        const ProtobufCMessageDescriptor *message =
            protobuf_c_message_descriptor_get_field(&hwnas__frame__descriptor, (unsigned)types[t] + 1)->descriptor;
        for (unsigned f = 0; f < message->n_fields; f++) {
            const ProtobufCFieldDescriptor *field = &message->fields[f];
            const ProtobufCMessageDescriptor *inner = field->descriptor;
            if (field->type != PROTOBUF_C_TYPE_MESSAGE)
                try_field(lone, types[t], field, NULL, &rng);
            else
                for (unsigned i = 0; i < inner->n_fields; i++)
                    try_field(lone, types[t], field, &inner->fields[i], &rng);
        }
    }
    asks_about_everything(lone);
    fclose(lone->logger.out);
    lone->logger.out = NULL;
    is_plain(log, log_size);
    free(log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(who_sends_nonsense_is_answered_and_then_not_heard, open_master, close_master),
        cmocka_unit_test_setup_teardown(others_are_heard_while_one_is_not, open_master, close_master),
        cmocka_unit_test_setup_teardown(a_key_is_one_sender_on_all_its_connections, open_master, close_master),
        cmocka_unit_test_setup_teardown(a_score_that_cannot_be_true_is_a_failure, open_master, close_master),
        cmocka_unit_test_setup_teardown(messages_of_a_master_count_as_nonsense, open_master, close_master),
        cmocka_unit_test_setup_teardown(one_who_is_not_heard_is_logged_once, open_master, close_master),
        cmocka_unit_test_setup_teardown(every_value_in_every_field_is_refused_or_kept_as_it_is, open_master, close_master),
        cmocka_unit_test_setup_teardown(mutated_messages_change_nothing_when_they_are_refused, open_master, close_master),
    };
    return TEST_RUN(tests);
}
