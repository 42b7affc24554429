/* wire: every message both ways, every range, hostile bytes. A failing mutation is repeated with SEED=n. */
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

#include "common/rng.h"
#include "common/wire.h"
#include "tests/support/message.h"
#include "tests/support/raw_frame.h"

static void encode(const struct wire_message *message, void **data, size_t *size)
{
    struct status status = {0};
    assert_ok(wire_encode(message, data, size, &status), status);
}

static void every_message_comes_back_as_it_was_sent(void **state)
{
    (void)state;
    for (unsigned n = 0; n < MESSAGE_SAMPLES; n++) {
        struct wire_message sent = message_numbered(n), got;
        struct status status = {0};
        void *data, *again;
        size_t size, again_size;
        encode(&sent, &data, &size);
        assert_ok(wire_decode(data, size, &got, &status), status);
        assert_int_equal(got.type, sent.type);
        encode(&got, &again, &again_size);
        assert_int_equal(again_size, size);
        assert_memory_equal(again, data, size);
        wire_free(&got);
        free(again);
        free(data);
    }
}

/* Field by field: there are gaps between them. */
static void assert_oneshot(const struct wire_oneshot *got, const struct wire_oneshot *sent)
{
    const char *a = got->schedule, *b = sent->schedule;
    struct digest one, other;
    oneshot_protocol_digest(&got->protocol, &one);
    oneshot_protocol_digest(&sent->protocol, &other);
    assert_memory_equal(&one, &other, sizeof one);
    assert_int_equal(got->has_weights, sent->has_weights);
    assert_memory_equal(&got->weights, &sent->weights, sizeof got->weights);
    assert_int_equal(got->mask_rows, sent->mask_rows);
    assert_memory_equal(&got->mask, &sent->mask, sizeof got->mask);
    assert_int_equal(got->stage, sent->stage);
    assert_int_equal(got->epoch, sent->epoch);
    assert_int_equal(got->shard, sent->shard);
    assert_int_equal(got->schedule_count, sent->schedule_count);
    for (uint32_t i = 0; i < sent->schedule_count; i++, a += strlen(a) + 1, b += strlen(b) + 1)
        assert_string_equal(a, b);
    assert_int_equal(got->pull_count, sent->pull_count);
    for (uint32_t i = 0; i < sent->pull_count; i++)
        assert_true(got->pull[i] == sent->pull[i]);
    assert_memory_equal(&got->validation, &sent->validation, sizeof got->validation);
}

static void the_fields_of_a_task_arrive(void **state)
{
    (void)state;
    unsigned tasks = 0;
    for (unsigned n = 0; n < MESSAGE_SAMPLES; n++) {
        struct wire_message sent = message_numbered(n), got;
        struct status status = {0};
        void *data;
        size_t size;
        if (sent.type != WIRE_TASK)
            continue;
        encode(&sent, &data, &size);
        assert_ok(wire_decode(data, size, &got, &status), status);
        assert_oneshot(&got.task.oneshot, &sent.task.oneshot);
        assert_memory_equal(&got.task, &sent.task, offsetof(struct wire_task, oneshot));
        wire_free(&got);
        free(data);
        tasks++;
    }
    assert_int_equal(tasks, 4);
}

/* A task of the longest schedule there is, of texts of that length. */
static void long_schedule(struct wire_message *message, char *room, uint32_t count, size_t length)
{
    for (uint32_t i = 0; i < count; i++) {
        memset(room + i * (length + 1), 'a' + (int)(i % 26), length);
        room[i * (length + 1) + length] = '\0';
    }
    *message = message_numbered(WIRE_TYPES);
    message->task.oneshot.schedule = room;
    message->task.oneshot.schedule_count = count;
}

static void the_longest_schedule_travels_and_a_longer_one_does_not(void **state)
{
    (void)state;
    const size_t lengths[] = {1, ARCH_TEXT_BYTES - 1};
    char *room = malloc((WIRE_SCHEDULE_MAX + 1) * (size_t)ARCH_TEXT_BYTES);
    assert_non_null(room);
    for (int i = 0; i < 2; i++) {
        struct wire_message sent, got;
        struct status status = {0};
        void *data;
        size_t size;
        long_schedule(&sent, room, WIRE_SCHEDULE_MAX, lengths[i]);
        encode(&sent, &data, &size);
        assert_ok(wire_decode(data, size, &got, &status), status);
        assert_oneshot(&got.task.oneshot, &sent.task.oneshot);
        wire_free(&got);
        free(data);
        long_schedule(&sent, room, WIRE_SCHEDULE_MAX + 1, lengths[i]);
        assert_int_equal(wire_check(&sent, &status), STATUS_BAD_INPUT);
    }
    free(room);
}

static void refused(const struct wire_message *message, const char *field);

static void a_task_of_a_one_shot_net_has_what_its_kind_needs_and_nothing_else(void **state)
{
    (void)state;
    struct wire_message train = message_numbered(WIRE_TYPES), score = message_numbered(WIRE_TYPES + 1), message = train;
    struct wire_message bilevel = message_numbered(WIRE_TYPES - 1);
    strcpy(message.task.arch, "000000");
    refused(&message, "arch");
    message = score;
    message.task.arch[0] = '\0';
    refused(&message, "arch");
    message = score;
    message.task.oneshot.has_weights = false;
    refused(&message, "weights_digest");
    message = train;
    message.task.oneshot.has_weights = false;
    refused(&message, "weights_digest");
    message = score;
    message.task.oneshot.epoch = 1;
    refused(&message, "oneshot_epoch");
    message = train;
    message.task.oneshot.epoch = 50;
    refused(&message, "oneshot_epoch");
    message = train;
    message.task.oneshot.shard = 4;
    refused(&message, "oneshot_shard");
    message = score;
    message.task.oneshot.schedule = "000000";
    message.task.oneshot.schedule_count = 1;
    refused(&message, "oneshot_schedule");
    message = train;
    message.task.oneshot.schedule = "000000\0\0a";
    refused(&message, "oneshot_schedule");
    message.task.oneshot.schedule = "000000\0a\nb\0a";
    refused(&message, "oneshot_schedule");
    message = train;
    message.task.oneshot.mask_rows = 0;
    refused(&message, "oneshot_mask");
    message.task.oneshot.mask_rows = SPACE_ROWS_MAX + 1;
    refused(&message, "oneshot_mask");
    message.task.oneshot.mask_rows = 5;
    refused(&message, "oneshot_mask");
    message = train;
    message.task.oneshot.pull_count = 1;
    refused(&message, "oneshot_pull");
    message.task.oneshot.pull = (const double[]){1};
    refused(&message, "oneshot_pull");
    message.task.oneshot.pull = NULL;
    memset(&message.task.oneshot.validation, 1, sizeof message.task.oneshot.validation);
    message.task.oneshot.pull_count = 0;
    refused(&message, "oneshot_validation_digest");
    message = bilevel;
    message.task.oneshot.pull = (const double[]){1, 2, INFINITY, 4, 5};
    refused(&message, "oneshot_pull");
    message = bilevel;
    message.task.oneshot.pull_count = SPACE_MATRIX_MAX + 1; /* counted before they are read */
    refused(&message, "oneshot_pull");
    message = bilevel;
    memset(&message.task.oneshot.validation, 0, sizeof message.task.oneshot.validation);
    refused(&message, "oneshot_validation_digest");
    message = bilevel;
    message.task.oneshot.schedule = "000000";
    message.task.oneshot.schedule_count = 1;
    refused(&message, "oneshot_schedule");
    message = train;
    message.task.oneshot.protocol.learning_rate = NAN;
    refused(&message, "Task");
    message = train;
    message.task.oneshot.protocol.batch = -1;
    refused(&message, "Task");
}

static void an_artifact_has_a_digest_and_belongs_to_what_came_out_well(void **state)
{
    (void)state;
    const struct wire_message sample = message_numbered(WIRE_TYPES + 2);
    struct wire_message message = sample, got;
    struct status status = {0};
    void *data;
    size_t size;
    encode(&message, &data, &size);
    assert_ok(wire_decode(data, size, &got, &status), status);
    assert_true(got.result.artifact_bytes == sample.result.artifact_bytes);
    assert_memory_equal(&got.result.artifact_digest, &sample.result.artifact_digest, sizeof got.result.artifact_digest);
    wire_free(&got);
    free(data);
    memset(&message.result.artifact_digest, 0, sizeof message.result.artifact_digest);
    refused(&message, "artifact_digest");
    message = sample;
    message.result.artifact_bytes = 0;
    refused(&message, "artifact_digest");
    message.result.artifact_bytes = WIRE_BLOB_MAX + 1;
    refused(&message, "artifact_bytes");
    message = sample;
    message.result.outcome = WIRE_FAILED;
    message.result.value = 0;
    strcpy(message.result.sentence, "no good");
    refused(&message, "artifact_bytes");
}

static void each_kind_of_task_has_a_name_and_somebody_who_does_it(void **state)
{
    (void)state;
    for (int a = WIRE_RMI; a < WIRE_KINDS; a++) {
        assert_int_equal(wire_role_of((enum wire_kind)a), a == WIRE_MEASURE ? WIRE_AGENT : WIRE_WORKER);
        for (int b = 0; b < a; b++)
            assert_string_not_equal(wire_kind_name((enum wire_kind)a), wire_kind_name((enum wire_kind)b));
    }
    assert_string_equal(wire_kind_name(WIRE_KINDS), "unknown");
    assert_int_equal(wire_role_of((enum wire_kind)0), WIRE_AGENT);
}

static void the_bytes_of_a_result_arrive(void **state)
{
    (void)state;
    struct wire_message sent = message_sample(WIRE_RESULT), got;
    struct status status = {0};
    void *data;
    size_t size;
    encode(&sent, &data, &size);
    assert_ok(wire_decode(data, size, &got, &status), status);
    assert_int_equal(got.result.detail_size, sent.result.detail_size);
    assert_memory_equal(got.result.detail, sent.result.detail, sent.result.detail_size);
    wire_free(&got);
    free(data);
}

static void refused(const struct wire_message *message, const char *field)
{
    struct status status = {0};
    assert_int_equal(wire_check(message, &status), STATUS_BAD_INPUT);
    if (strstr(status.message, field) == NULL)
        fail_msg("\"%s\" does not name %s", status.message, field);
}

static void numbers_that_are_none_are_refused_in_results(void **state)
{
    (void)state;
    const double bad[] = {NAN, INFINITY, -INFINITY, 1e30, -1e300};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct wire_message message = message_sample(WIRE_RESULT);
        message.result.value = bad[i];
        refused(&message, "value");
    }
    struct wire_message message = message_sample(WIRE_RESULT);
    message.result.seconds = -1;
    refused(&message, "seconds");
    message = message_sample(WIRE_RESULT);
    message.result.run_seconds = NAN;
    refused(&message, "run_seconds");
    message.result.build_seconds = INFINITY;
    refused(&message, "build_seconds");
}

static void an_infeasible_result_needs_a_sentence_and_no_value(void **state)
{
    (void)state;
    struct wire_message message = message_sample(WIRE_RESULT);
    message.result.outcome = WIRE_INFEASIBLE;
    refused(&message, "value");
    message.result.value = 0;
    refused(&message, "energy_mj");
    message.result.energy_mj = 0;
    refused(&message, "sentence");
}

static void a_failure_has_a_class_and_a_success_has_none(void **state)
{
    (void)state;
    struct wire_message message = message_sample(WIRE_RESULT);
    message.result.failure = WIRE_FAILURE_CRASHED;
    refused(&message, "failure");
    message.result.failure = WIRE_FAILURES;
    refused(&message, "failure");
    for (enum wire_failure a = WIRE_FAILURE_TIMEOUT; a < WIRE_FAILURES; a++)
        for (enum wire_failure b = WIRE_FAILURE_NONE; b < a; b++)
            assert_string_not_equal(wire_failure_name(a), wire_failure_name(b));
    assert_string_equal(wire_failure_name(WIRE_FAILURES), "");
}

static void an_agent_says_what_board_it_has_and_a_worker_does_not(void **state)
{
    (void)state;
    struct wire_message message = message_sample(WIRE_HELLO), got;
    struct status status = {0};
    void *data;
    size_t size;
    encode(&message, &data, &size);
    assert_ok(wire_decode(data, size, &got, &status), status);
    assert_string_equal(got.hello.board.name, "kitchen");
    assert_string_equal(got.hello.board.runner, "command");
    assert_true(got.hello.board.deterministic);
    assert_near(got.hello.board.peak_macs_per_s, 2.4e10, 0, 0);
    assert_near(got.hello.board.peak_bytes_per_s, 4e9, 0, 0);
    wire_free(&got);
    free(data);
    message.hello.board.peak_macs_per_s = NAN;
    refused(&message, "board");
    message.hello.board.peak_macs_per_s = 0;
    message.hello.board.name[0] = '\0';
    refused(&message, "board");
    message = message_sample(WIRE_HELLO);
    message.hello.role = WIRE_WORKER;
    message.hello.device_key[0] = '\0';
    refused(&message, "board");
}

static void unknown_enum_values_are_refused(void **state)
{
    (void)state;
    struct wire_message hello = message_sample(WIRE_HELLO), task = message_sample(WIRE_TASK), result = message_sample(WIRE_RESULT),
                        ack = message_sample(WIRE_RESULT_ACK), refuse = message_sample(WIRE_REFUSE);
    hello.hello.role = (enum wire_role)9;
    refused(&hello, "role");
    task.task.kind = (enum wire_kind)0;
    refused(&task, "kind");
    task.task.kind = WIRE_KINDS;
    refused(&task, "kind");
    result.result.outcome = (enum wire_outcome)4;
    refused(&result, "outcome");
    ack.result_ack.verdict = (enum wire_verdict)5;
    refused(&ack, "verdict");
    refuse.refuse.code = (enum wire_refuse_code)0;
    refused(&refuse, "code");
}

static void names_that_could_harm_a_log_or_a_path_are_refused(void **state)
{
    (void)state;
    const char *const bad[] = {"", "a b", "a/b", "a\nb", "a'b", "<b>", "\xff"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct wire_message message = message_sample(WIRE_HELLO);
        strcpy(message.hello.node, bad[i]);
        refused(&message, "node");
    }
    struct wire_message message = message_sample(WIRE_GOODBYE);
    strcpy(message.goodbye.sentence, "two\nlines");
    refused(&message, "sentence");
}

static void detail_must_be_a_json_object(void **state)
{
    (void)state;
    const char *const bad[] = {"{", "[1]", "{\"a\":1}x", "{\"a\":NaN}", "{\"a\":1,\"a\":2}", "{\"a\":\"\xff\"}"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct wire_message message = message_sample(WIRE_RESULT);
        message.result.detail = bad[i];
        message.result.detail_size = strlen(bad[i]);
        refused(&message, "detail");
    }
}

static void a_chunk_beyond_its_bundle_is_refused(void **state)
{
    (void)state;
    struct wire_message message = message_sample(WIRE_BUNDLE_CHUNK);
    message.bundle_chunk.total_bytes = 524292;
    refused(&message, "data");
    message.bundle_chunk.total_bytes = 524288;
    refused(&message, "offset_bytes");
    message.bundle_chunk.total_bytes = UINT64_MAX;
    refused(&message, "total_bytes");
    message.bundle_chunk.total_bytes = WIRE_BLOB_MAX + 1;
    refused(&message, "total_bytes");
    message = message_sample(WIRE_BUNDLE_REQUEST);
    message.bundle_request.offset_bytes = WIRE_BLOB_MAX;
    refused(&message, "offset_bytes");
}

static void a_question_has_what_its_kind_needs_and_nothing_else(void **state)
{
    (void)state;
    struct wire_message message = message_sample(WIRE_QUESTION);
    message.question.kind = WIRE_ASK_STUDY_WHY;
    refused(&message, "study");
    message = message_sample(WIRE_QUESTION);
    message.question.board[0] = '\0';
    refused(&message, "board");
    message = message_sample(WIRE_QUESTION);
    strcpy(message.question.board, "a\nb");
    refused(&message, "board");
    message = message_sample(WIRE_QUESTION);
    message.question.text[0] = '\0';
    refused(&message, "text");
    strcpy(message.question.text, "two\nlines");
    refused(&message, "text");
    message = message_sample(WIRE_QUESTION);
    message.question.kind = (enum wire_question_kind)(WIRE_ASK_LOG_LEVEL + 1);
    refused(&message, "kind");
    message = message_sample(WIRE_QUESTION);
    message.question.format = (enum wire_format)0;
    refused(&message, "format");
    message = message_sample(WIRE_QUESTION);
    message.question.id = 0;
    refused(&message, "id");
    message = message_sample(WIRE_QUESTION);
    message.question.offset_bytes = WIRE_ANSWER_MAX;
    refused(&message, "offset_bytes");
    message.question = (struct wire_question){.id = 1, .kind = WIRE_ASK_BACKUP, .format = WIRE_TABLE, .text = "copy.db"};
    refused(&message, "text");
    message.question.device[0] = 'x';
    refused(&message, "device");
}

static void an_answer_is_lines_of_text_within_what_it_announces(void **state)
{
    (void)state;
    const char *const bad[] = {"a\x1b[2J", "a\rb", "\x80", "\xc3", "\xed\xa0\x80", "a\x7f"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct wire_message message = message_sample(WIRE_ANSWER);
        message.answer.text = bad[i];
        message.answer.size = strlen(bad[i]);
        refused(&message, "text");
    }
    struct wire_message message = message_sample(WIRE_ANSWER);
    message.answer.offset_bytes = 999;
    refused(&message, "text");
    message.answer.offset_bytes = 1001;
    refused(&message, "offset_bytes");
    message = message_sample(WIRE_ANSWER);
    message.answer.size = 0;
    refused(&message, "text");
    message.answer.total_bytes = WIRE_ANSWER_MAX + 1;
    refused(&message, "total_bytes");
    message = message_sample(WIRE_ANSWER);
    message.answer.code = WIRE_ANSWER_NOT_FOUND;
    refused(&message, "sentence");
    strcpy(message.answer.sentence, "no such study");
    refused(&message, "total_bytes");
    message.answer.code = (enum wire_answer_code)9;
    refused(&message, "code");
}

/* Frame.wire_version is field 1, a varint: the second byte of every frame. */
static void another_version_is_told_apart_from_nonsense(void **state)
{
    (void)state;
    struct wire_message sent = message_sample(WIRE_HELLO), got;
    struct status status = {0};
    void *data;
    size_t size;
    encode(&sent, &data, &size);
    ((unsigned char *)data)[1] = WIRE_VERSION + 1;
    assert_int_equal(wire_decode(data, size, &got, &status), STATUS_UNSUPPORTED);
    free(data);
    sent = message_sample(WIRE_REFUSE);
    encode(&sent, &data, &size);
    ((unsigned char *)data)[1] = WIRE_VERSION + 1;
    assert_ok(wire_decode(data, size, &got, &status), status);
    wire_free(&got);
    free(data);
}

static void a_megabyte_of_empty_sub_messages_is_refused(void **state)
{
    (void)state;
    /* A Heartbeat (field 4) that holds nothing but empty Held (field 3). */
    size_t inner = 1000000, size = inner + 8;
    unsigned char *frame = calloc(size, 1);
    assert_non_null(frame);
    size_t at = 0;
    frame[at++] = 0x08;
    frame[at++] = WIRE_VERSION;
    frame[at++] = 0x22;
    frame[at++] = (unsigned char)(inner & 0x7f) | 0x80;
    frame[at++] = (unsigned char)(inner >> 7 & 0x7f) | 0x80;
    frame[at++] = (unsigned char)(inner >> 14);
    for (size_t i = 0; i < inner; i += 2)
        frame[at + i] = 0x1a;
    struct wire_message got;
    struct status status = {0};
    assert_int_equal(wire_decode(frame, at + inner, &got, &status), STATUS_BAD_INPUT);
    free(frame);
}

static void a_control_message_above_its_limit_is_refused(void **state)
{
    (void)state;
    struct wire_message sent = message_sample(WIRE_RETURN), got;
    struct status status = {0};
    void *data;
    size_t size;
    encode(&sent, &data, &size);
    /* An unknown field of 70,000 bytes at the end (field 100, length-delimited): protobuf skips it. */
    unsigned char *grown = calloc(size + 70010, 1);
    assert_non_null(grown);
    memcpy(grown, data, size);
    const unsigned char head[] = {0xa2, 0x06, 0xf0, 0xa2, 0x04};
    memcpy(grown + size, head, sizeof head);
    assert_int_equal(wire_decode(grown, size + sizeof head + 70000, &got, &status), STATUS_BAD_INPUT);
    assert_non_null(strstr(status.message, "bytes"));
    free(grown);
    free(data);
}

/* A Hello of a worker up to the field named last, for what is wrong with that one. */
enum {
    HELLO_ROLE = 1,
    HELLO_NODE = 2,
    HELLO_SLOTS = 5,
    HELLO_HELD = 11,
    FRAME_HELLO = 2,
    FRAME_WELCOME = 3,
    FRAME_HEARTBEAT = 4,
    FRAME_TASK = 6,
    TASK_SCHEDULE = 42
};

static void refused_bytes(uint32_t frame_field, struct raw_frame *body, const char *sentence)
{
    struct raw_frame frame = raw_frame_of(frame_field, body);
    struct wire_message got;
    struct status status = {0};
    assert_int_equal(wire_decode(frame.bytes, frame.size, &got, &status), STATUS_BAD_INPUT);
    if (strstr(status.message, sentence) == NULL)
        fail_msg("\"%s\" does not say: %s", status.message, sentence);
    raw_free(&frame);
    raw_free(body);
}

static void a_text_with_a_nul_byte_in_it_is_refused(void **state)
{
    (void)state;
    struct raw_frame body = {0};
    raw_number(&body, HELLO_ROLE, 1);
    raw_text(&body, HELLO_NODE, "a\0b", 3);
    refused_bytes(FRAME_HELLO, &body, "field node has a NUL byte");
}

static void numbers_that_would_lose_their_upper_bits_are_refused(void **state)
{
    (void)state;
    struct raw_frame body = {0};
    raw_number(&body, HELLO_SLOTS, (UINT64_C(1) << 32) + 1);
    refused_bytes(FRAME_HELLO, &body, "field slots is a number that does not fit");
    raw_number(&body, HELLO_ROLE, (UINT64_C(1) << 32) + 1);
    refused_bytes(FRAME_HELLO, &body, "field role is a number that does not fit");
    raw_number(&body, HELLO_ROLE, UINT64_MAX);
    refused_bytes(FRAME_HELLO, &body, "field role is a number that does not fit");
}

static void a_field_of_another_type_is_refused(void **state)
{
    (void)state;
    struct raw_frame body = {0};
    raw_text(&body, HELLO_SLOTS, "\1", 1);
    refused_bytes(FRAME_HELLO, &body, "field slots has another type");
    raw_number(&body, HELLO_NODE, 1);
    refused_bytes(FRAME_HELLO, &body, "field node has another type");
}

static void a_field_that_stands_twice_is_refused(void **state)
{
    (void)state;
    struct raw_frame body = {0};
    raw_text(&body, HELLO_NODE, "a", 1);
    raw_text(&body, HELLO_NODE, "b", 1);
    refused_bytes(FRAME_HELLO, &body, "field node stands beside another");
}

static void two_messages_in_a_frame_are_refused(void **state)
{
    (void)state;
    struct raw_frame body = {0}, frame;
    struct wire_message got;
    struct status status = {0};
    frame = raw_frame_of(FRAME_HEARTBEAT, &body);
    raw_text(&frame, FRAME_HELLO, "", 0);
    assert_int_equal(wire_decode(frame.bytes, frame.size, &got, &status), STATUS_BAD_INPUT);
    assert_non_null(strstr(status.message, "stands beside another"));
    raw_free(&frame);
}

static void a_list_of_a_million_is_refused_however_it_is_written(void **state)
{
    (void)state;
    struct raw_frame body = {0}, packed = {0};
    for (int i = 0; i < WIRE_HELD_MAX + 1; i++)
        raw_text(&body, HELLO_HELD, "", 0);
    refused_bytes(FRAME_HELLO, &body, "field held is too long a list");
    for (int i = 0; i < WIRE_SCHEDULE_MAX + 1; i++)
        raw_text(&body, TASK_SCHEDULE, "", 0);
    refused_bytes(FRAME_TASK, &body, "field oneshot_schedule is too long a list");
    for (int i = 0; i < 1000000; i++)
        raw_bytes(&packed, "\1", 1);
    raw_text(&body, 5, packed.bytes, packed.size / 16); /* within a control message */
    refused_bytes(FRAME_WELCOME, &body, "field drop_lease_ids is too long a list");
    for (int i = 0; i < WIRE_HELD_MAX + 1; i++)
        raw_number(&body, 5, 1);
    refused_bytes(FRAME_WELCOME, &body, "field drop_lease_ids is too long a list");
    raw_text(&body, 5, packed.bytes, packed.size);
    refused_bytes(FRAME_WELCOME, &body, "bytes; at most 65536");
    raw_free(&packed);
}

static void fields_of_a_newer_program_are_skipped_but_not_a_flood_of_them(void **state)
{
    (void)state;
    struct wire_message sent = message_sample(WIRE_HEARTBEAT), got;
    struct status status = {0};
    void *data;
    size_t size;
    encode(&sent, &data, &size);
    struct raw_frame frame = {0};
    raw_bytes(&frame, data, size);
    raw_number(&frame, 900, 1);
    assert_ok(wire_decode(frame.bytes, frame.size, &got, &status), status);
    wire_free(&got);
    for (int i = 0; i < 16; i++)
        raw_number(&frame, 901, 1);
    assert_int_equal(wire_decode(frame.bytes, frame.size, &got, &status), STATUS_BAD_INPUT);
    assert_non_null(strstr(status.message, "too many others"));
    raw_free(&frame);
    free(data);
}

static void deep_nesting_is_refused(void **state)
{
    (void)state;
    struct raw_frame body = {0};
    for (int i = 0; i < 3000; i++) { /* each the length of what follows, which no message here can hold */
        struct raw_frame outer = {0};
        raw_text(&outer, 11, body.bytes, body.size);
        raw_free(&body);
        body = outer;
    }
    refused_bytes(FRAME_HELLO, &body, "held");
    struct wire_message result = message_sample(WIRE_RESULT);
    char *detail = malloc(20000);
    assert_non_null(detail);
    memset(detail, '[', 20000);
    memcpy(detail, "{\"a\":", 5);
    result.result.detail = detail;
    result.result.detail_size = 20000;
    refused(&result, "detail");
    free(detail);
}

static void a_detail_that_would_take_77_times_its_size_is_refused(void **state)
{
    (void)state;
    enum { ITEMS = 200000 };
    struct wire_message result = message_sample(WIRE_RESULT);
    struct status status = {0};
    struct raw_frame text = {0};
    raw_bytes(&text, "{\"a\":[{}", 8);
    for (int i = 0; i < ITEMS; i++)
        raw_bytes(&text, ",{}", 3);
    raw_bytes(&text, "]}", 2);
    result.result.detail = (const char *)text.bytes;
    result.result.detail_size = text.size;
    refused(&result, "detail");
    text.size = 0; /* the trace of a long training is fine */
    raw_bytes(&text, "{\"trace\":[[0]", 13);
    for (int i = 0; i < 5000; i++)
        raw_bytes(&text, ",[151,0.12345678901234567,null,0.5,2.3025850929940455,1]", 56);
    raw_bytes(&text, "]}", 2);
    result.result.detail = (const char *)text.bytes;
    result.result.detail_size = text.size;
    assert_ok(wire_check(&result, &status), status);
    raw_free(&text);
}

static uint64_t seed_of_this_run(void)
{
    const char *text = getenv("SEED");
    return text == NULL ? 20261121 : strtoull(text, NULL, 10);
}

static void mutated_frames_are_refused_or_stay_within_their_ranges(void **state)
{
    (void)state;
    uint64_t seed = seed_of_this_run();
    printf("# seed=%llu\n", (unsigned long long)seed);
    struct rng rng;
    rng_seed(&rng, seed);
    for (int round = 0; round < test_amount(40000, 1000000); round++) {
        struct wire_message sent = message_numbered((unsigned)rng_below(&rng, MESSAGE_SAMPLES)), got;
        struct status status = {0};
        void *data;
        size_t size;
        encode(&sent, &data, &size);
        unsigned char *bytes = data;
        for (uint64_t flips = 1 + rng_below(&rng, 4); flips > 0; flips--)
            bytes[rng_below(&rng, size)] = (unsigned char)rng_below(&rng, 256);
        if (rng_below(&rng, 4) == 0)
            size = rng_below(&rng, size + 1);
        if (wire_decode(data, size, &got, &status) == STATUS_OK) {
            assert_ok(wire_check(&got, &status), status);
            wire_free(&got);
        } else {
            assert_true(status.message[0] != '\0');
        }
        free(data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_comes_back_as_it_was_sent),
        cmocka_unit_test(the_fields_of_a_task_arrive),
        cmocka_unit_test(the_longest_schedule_travels_and_a_longer_one_does_not),
        cmocka_unit_test(a_task_of_a_one_shot_net_has_what_its_kind_needs_and_nothing_else),
        cmocka_unit_test(an_artifact_has_a_digest_and_belongs_to_what_came_out_well),
        cmocka_unit_test(each_kind_of_task_has_a_name_and_somebody_who_does_it),
        cmocka_unit_test(the_bytes_of_a_result_arrive),
        cmocka_unit_test(numbers_that_are_none_are_refused_in_results),
        cmocka_unit_test(an_infeasible_result_needs_a_sentence_and_no_value),
        cmocka_unit_test(a_failure_has_a_class_and_a_success_has_none),
        cmocka_unit_test(an_agent_says_what_board_it_has_and_a_worker_does_not),
        cmocka_unit_test(unknown_enum_values_are_refused),
        cmocka_unit_test(names_that_could_harm_a_log_or_a_path_are_refused),
        cmocka_unit_test(detail_must_be_a_json_object),
        cmocka_unit_test(a_chunk_beyond_its_bundle_is_refused),
        cmocka_unit_test(a_question_has_what_its_kind_needs_and_nothing_else),
        cmocka_unit_test(an_answer_is_lines_of_text_within_what_it_announces),
        cmocka_unit_test(another_version_is_told_apart_from_nonsense),
        cmocka_unit_test(a_megabyte_of_empty_sub_messages_is_refused),
        cmocka_unit_test(a_control_message_above_its_limit_is_refused),
        cmocka_unit_test(a_text_with_a_nul_byte_in_it_is_refused),
        cmocka_unit_test(numbers_that_would_lose_their_upper_bits_are_refused),
        cmocka_unit_test(a_field_of_another_type_is_refused),
        cmocka_unit_test(a_field_that_stands_twice_is_refused),
        cmocka_unit_test(two_messages_in_a_frame_are_refused),
        cmocka_unit_test(a_list_of_a_million_is_refused_however_it_is_written),
        cmocka_unit_test(fields_of_a_newer_program_are_skipped_but_not_a_flood_of_them),
        cmocka_unit_test(deep_nesting_is_refused),
        cmocka_unit_test(a_detail_that_would_take_77_times_its_size_is_refused),
        cmocka_unit_test(mutated_frames_are_refused_or_stay_within_their_ranges),
    };
    return TEST_RUN(tests);
}
