/* wire_check: the ranges and alphabets of every message, in one place. protobuf-c accepts unknown enum values, NaN, control
 * characters and missing fields without complaint; nothing of that passes here. Called by wire_decode on what arrived and by
 * wire_encode on what is to leave. Pure. */
#include "common/wire.h"

#include <math.h>
#include <string.h>

#include <jansson.h>

#include "common/bundle.h"
#include "common/images.h"
#include "common/line.h"

static bool is_name(const char *text)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    return text[0] != '\0' && text[strspn(text, alphabet)] == '\0';
}

static bool is_device(const char *text)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-+";
    return text[0] != '\0' && text[strspn(text, alphabet)] == '\0';
}

static bool is_printable(const char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < 0x20 || (unsigned char)*text > 0x7e)
            return false;
    }
    return true;
}

static bool is_line(const char *text)
{
    char same[WIRE_CONDITIONS_BYTES];
    line_of(text, same, sizeof same);
    return strcmp(text, same) == 0;
}

static enum status_code wrong(struct status *status, const char *message, const char *field)
{
    return status_set(status, STATUS_BAD_INPUT, "message %s: field %s is out of range", message, field);
}

/* Each row of a message's check: the condition that must hold and the field's name. */
#define REQUIRE(condition, message, field)                                                                                         \
    do {                                                                                                                           \
        if (!(condition))                                                                                                          \
            return wrong(status, message, field);                                                                                  \
    } while (0)

static bool held_is_fine(const struct wire_held_list *held)
{
    struct digest unused;
    if (held->count > WIRE_HELD_MAX)
        return false;
    for (uint32_t i = 0; i < held->count; i++) {
        if (held->items[i].lease_id == 0 || digest_parse(held->items[i].key, &unused) != 0)
            return false;
    }
    return true;
}

static bool key_is_fine(const char *key)
{
    struct digest unused;
    return digest_parse(key, &unused) == 0;
}

/* 0 .. max; not NaN. */
static bool amount(double value, double max)
{
    return value >= 0 && value <= max;
}

static bool board_is_fine(const struct wire_board *board, enum wire_role role)
{
    if (!amount(board->peak_macs_per_s, 1e18) || !amount(board->peak_bytes_per_s, 1e18))
        return false;
    if (role != WIRE_AGENT)
        return board->name[0] == '\0' && board->runner[0] == '\0';
    return is_name(board->name) && is_name(board->runner);
}

static enum status_code check_hello(const struct wire_hello *hello, struct status *status)
{
    REQUIRE(hello->role == WIRE_WORKER || hello->role == WIRE_AGENT, "Hello", "role");
    REQUIRE(is_name(hello->node), "Hello", "node");
    REQUIRE(hello->incarnation > 0, "Hello", "incarnation");
    REQUIRE(is_name(hello->host_id), "Hello", "host_id");
    REQUIRE(hello->slots <= WIRE_SLOTS_MAX, "Hello", "slots");
    REQUIRE(is_printable(hello->isa), "Hello", "isa");
    REQUIRE(is_printable(hello->blas_core), "Hello", "blas_core");
    if (hello->role == WIRE_AGENT)
        REQUIRE(is_device(hello->device_key), "Hello", "device_key");
    else
        REQUIRE(hello->device_key[0] == '\0', "Hello", "device_key");
    REQUIRE(board_is_fine(&hello->board, hello->role), "Hello", "board");
    REQUIRE(is_line(hello->conditions), "Hello", "conditions");
    REQUIRE(hello->sequence > 0, "Hello", "sequence");
    REQUIRE(held_is_fine(&hello->held), "Hello", "held");
    return STATUS_OK;
}

static bool lease_ms_is_fine(uint32_t lease_ms)
{
    return lease_ms >= 20 && lease_ms <= 3600000;
}

static enum status_code check_welcome(const struct wire_welcome *welcome, struct status *status)
{
    REQUIRE(welcome->epoch > 0, "Welcome", "epoch");
    REQUIRE(welcome->heartbeat_ms >= 10 && welcome->heartbeat_ms <= 600000, "Welcome", "heartbeat_ms");
    REQUIRE(lease_ms_is_fine(welcome->lease_ms) && welcome->lease_ms / 2 >= welcome->heartbeat_ms, "Welcome", "lease_ms");
    REQUIRE(welcome->sequence > 0, "Welcome", "sequence");
    REQUIRE(welcome->drop.count <= WIRE_HELD_MAX, "Welcome", "drop_lease_ids");
    return STATUS_OK;
}

static enum status_code check_heartbeat(const struct wire_heartbeat *heartbeat, struct status *status)
{
    REQUIRE(heartbeat->sequence > 0, "Heartbeat", "sequence");
    REQUIRE(heartbeat->slots <= WIRE_SLOTS_MAX, "Heartbeat", "slots");
    REQUIRE(held_is_fine(&heartbeat->held), "Heartbeat", "held");
    return STATUS_OK;
}

static enum status_code check_heartbeat_answer(const struct wire_heartbeat_answer *answer, struct status *status)
{
    REQUIRE(answer->epoch > 0, "HeartbeatAnswer", "epoch");
    REQUIRE(answer->sequence > 0, "HeartbeatAnswer", "sequence");
    REQUIRE(answer->drop.count <= WIRE_HELD_MAX, "HeartbeatAnswer", "drop_lease_ids");
    return STATUS_OK;
}

static bool between(uint32_t value, uint32_t low, uint32_t high)
{
    return value >= low && value <= high;
}

_Static_assert((int)WIRE_BLOB_MAX >= BUNDLE_BYTES_MAX && (int)WIRE_BLOB_MAX >= IMAGES_BYTES_MAX &&
                   (int)WIRE_BLOB_MAX >= ONESHOT_BYTES_MAX,
               "whatever is fetched fits");

static bool is_zero(const struct digest *digest)
{
    static const struct digest zero;
    return memcmp(digest, &zero, sizeof zero) == 0;
}

static bool schedule_is_fine(const struct wire_oneshot *oneshot)
{
    const char *text = oneshot->schedule;
    if (oneshot->schedule_count > WIRE_SCHEDULE_MAX || (oneshot->schedule_count > 0) != (text != NULL))
        return false;
    for (uint32_t i = 0; i < oneshot->schedule_count; i++, text += strlen(text) + 1) {
        if (text[0] == '\0' || strlen(text) >= ARCH_TEXT_BYTES || !is_printable(text))
            return false;
    }
    return true;
}

static bool mask_is_fine(const struct wire_oneshot *oneshot)
{
    if (!between(oneshot->mask_rows, 1, SPACE_ROWS_MAX))
        return false;
    for (uint32_t r = oneshot->mask_rows; r < SPACE_ROWS_MAX; r++) {
        if (oneshot->mask.rows[r] != 0)
            return false;
    }
    return true;
}

static bool pull_is_fine(const struct wire_oneshot *oneshot)
{
    if (oneshot->pull_count > SPACE_MATRIX_MAX || (oneshot->pull_count > 0) != (oneshot->pull != NULL))
        return false;
    for (uint32_t i = 0; i < oneshot->pull_count; i++) {
        if (!isfinite(oneshot->pull[i]))
            return false;
    }
    return true;
}

static enum status_code check_oneshot(const struct wire_oneshot *oneshot, bool train, struct status *status)
{
    if (oneshot_protocol_check(&oneshot->protocol, status) != STATUS_OK)
        return status_prefix(status, "message Task");
    REQUIRE(oneshot->has_weights ? !is_zero(&oneshot->weights) : train && is_zero(&oneshot->weights), "Task", "weights_digest");
    REQUIRE(mask_is_fine(oneshot), "Task", "oneshot_mask");
    REQUIRE(train ? oneshot->epoch < oneshot->protocol.epochs : oneshot->epoch == 0, "Task", "oneshot_epoch");
    REQUIRE(train ? oneshot->shard < oneshot->protocol.shards : oneshot->shard == 0, "Task", "oneshot_shard");
    bool bilevel = train && oneshot->protocol.bilevel;
    REQUIRE(pull_is_fine(oneshot) && (oneshot->pull_count > 0) == bilevel, "Task", "oneshot_pull");
    REQUIRE(is_zero(&oneshot->validation) == !bilevel, "Task", "oneshot_validation_digest");
    REQUIRE(schedule_is_fine(oneshot) && (oneshot->schedule_count == 0 || (train && !bilevel)), "Task", "oneshot_schedule");
    return STATUS_OK;
}

static enum status_code check_task(const struct wire_task *task, struct status *status)
{
    REQUIRE(task->lease_id > 0, "Task", "lease_id");
    REQUIRE(task->epoch > 0, "Task", "epoch");
    REQUIRE(task->attempt > 0, "Task", "attempt");
    REQUIRE(lease_ms_is_fine(task->lease_ms), "Task", "lease_ms");
    REQUIRE(task->sequence > 0, "Task", "sequence");
    REQUIRE(key_is_fine(task->key), "Task", "key");
    REQUIRE(is_name(task->space), "Task", "space");
    bool train = task->kind == WIRE_ONESHOT_TRAIN;
    REQUIRE((task->arch[0] == '\0') == train && is_printable(task->arch), "Task", "arch");
    if (train || task->kind == WIRE_ONESHOT_SCORE)
        return check_oneshot(&task->oneshot, train, status);
    if (task->kind == WIRE_RMI) {
        if (protocol_check(&task->protocol, status) != STATUS_OK)
            return status_prefix(status, "message Task");
        return STATUS_OK;
    }
    REQUIRE(task->kind == WIRE_MEASURE, "Task", "kind");
    REQUIRE(between(task->network.channels, 1, 1024), "Task", "network_channels");
    REQUIRE(between(task->network.cells, 1, 100), "Task", "network_cells");
    REQUIRE(between(task->network.classes, 1, 65536), "Task", "network_classes");
    REQUIRE(between(task->network.input_channels, 1, 16), "Task", "network_input_channels");
    REQUIRE(between(task->network.input_size, 1, 4096), "Task", "network_input_size");
    return STATUS_OK;
}

/* What jansson takes for values at the most: a number or a text with its place in a list, an array, an object with its buckets. */
enum { JSON_VALUE_BYTES = 56, JSON_ARRAY_BYTES = 140, JSON_OBJECT_BYTES = 320, JSON_DEPTH_MAX = 32 };

/* Whether a text can be parsed within 16 times its size and 64 KiB: `[{},{},...` would take 77 times its size. */
static bool json_is_thrifty(const char *text, size_t size)
{
    size_t needs = 0, most = 16 * size + (64 << 10);
    int depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < size && needs <= most; i++) {
        char c = text[i];
        if (quoted && c == '\\')
            i++;
        else if (c == '"')
            quoted = !quoted;
        else if (quoted)
            continue;
        else if (c == '{' || c == '[') {
            needs += c == '{' ? JSON_OBJECT_BYTES : JSON_ARRAY_BYTES;
            if (++depth > JSON_DEPTH_MAX)
                return false;
        } else if (c == '}' || c == ']')
            depth--;
        else if (c == ',' || c == ':')
            needs += JSON_VALUE_BYTES;
    }
    return needs <= most;
}

static bool is_json_object(const char *text, size_t size)
{
    json_t *value = json_is_thrifty(text, size) ? json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL) : NULL;
    bool fine = json_is_object(value);
    json_decref(value);
    return fine;
}

static enum status_code check_result(const struct wire_result *result, struct status *status)
{
    REQUIRE(result->lease_id > 0, "Result", "lease_id");
    REQUIRE(result->epoch > 0, "Result", "epoch");
    REQUIRE(result->attempt > 0, "Result", "attempt");
    REQUIRE(key_is_fine(result->key), "Result", "key");
    REQUIRE(result->outcome >= WIRE_OK && result->outcome <= WIRE_FAILED, "Result", "outcome");
    REQUIRE(isfinite(result->value) && fabs(result->value) <= 1e15, "Result", "value");
    REQUIRE(result->outcome == WIRE_OK || result->value == 0, "Result", "value");
    REQUIRE(amount(result->seconds, 1e9), "Result", "seconds");
    REQUIRE(result->failure >= WIRE_FAILURE_NONE && result->failure < WIRE_FAILURES, "Result", "failure");
    REQUIRE(result->outcome != WIRE_OK || result->failure == WIRE_FAILURE_NONE, "Result", "failure");
    REQUIRE(amount(result->build_seconds, 1e9), "Result", "build_seconds");
    REQUIRE(amount(result->run_seconds, 1e9), "Result", "run_seconds");
    REQUIRE(amount(result->energy_mj, result->outcome == WIRE_OK ? 1e15 : 0), "Result", "energy_mj");
    REQUIRE(is_line(result->sentence), "Result", "sentence");
    REQUIRE(result->outcome == WIRE_OK || result->sentence[0] != '\0', "Result", "sentence");
    REQUIRE(result->detail_size <= WIRE_DETAIL_MAX, "Result", "detail");
    REQUIRE(result->artifact_bytes <= (result->outcome == WIRE_OK ? WIRE_BLOB_MAX : 0), "Result", "artifact_bytes");
    REQUIRE((result->artifact_bytes > 0) != is_zero(&result->artifact_digest), "Result", "artifact_digest");
    REQUIRE(result->detail_size == 0 || is_json_object(result->detail, result->detail_size), "Result", "detail");
    return STATUS_OK;
}

static enum status_code check_chunk(const struct wire_bundle_chunk *chunk, struct status *status)
{
    REQUIRE(chunk->total_bytes <= WIRE_BLOB_MAX, "BundleChunk", "total_bytes");
    REQUIRE(chunk->size <= WIRE_CHUNK_MAX, "BundleChunk", "data");
    if (chunk->total_bytes == 0) {
        REQUIRE(chunk->size == 0, "BundleChunk", "data");
        return STATUS_OK;
    }
    REQUIRE(chunk->offset_bytes < chunk->total_bytes, "BundleChunk", "offset_bytes");
    REQUIRE(chunk->size > 0 && chunk->size <= chunk->total_bytes - chunk->offset_bytes, "BundleChunk", "data");
    return STATUS_OK;
}

/* Which texts a kind of question needs. */
static bool asks_about_study(enum wire_question_kind kind)
{
    return kind == WIRE_ASK_STUDY_SHOW || kind == WIRE_ASK_STUDY_WHY || kind == WIRE_ASK_FRONT || kind == WIRE_ASK_DEVICE_WHY;
}

static bool asks_about_board(enum wire_question_kind kind)
{
    return kind == WIRE_ASK_DEVICE_SHOW || kind == WIRE_ASK_DEVICE_QUARANTINE || kind == WIRE_ASK_DEVICE_TRUST;
}

static bool text_fits(const struct wire_question *question)
{
    switch (question->kind) {
    case WIRE_ASK_DEVICE_QUARANTINE: return question->text[0] != '\0' && strlen(question->text) < WIRE_SENTENCE_BYTES;
    case WIRE_ASK_BACKUP: return question->text[0] == '/';
    case WIRE_ASK_LOG_LEVEL: return is_name(question->text);
    default: return question->text[0] == '\0';
    }
}

static enum status_code check_question(const struct wire_question *question, struct status *status)
{
    bool board = asks_about_board(question->kind);
    REQUIRE(question->id > 0, "Question", "id");
    REQUIRE(question->kind >= WIRE_ASK_STUDY_LIST && question->kind <= WIRE_ASK_LOG_LEVEL, "Question", "kind");
    REQUIRE(question->format >= WIRE_TABLE && question->format <= WIRE_JSON, "Question", "format");
    REQUIRE(asks_about_study(question->kind) ? is_name(question->study) : question->study[0] == '\0', "Question", "study");
    REQUIRE(board ? is_device(question->board) : question->board[0] == '\0', "Question", "board");
    REQUIRE(question->device[0] == '\0' || (board && is_device(question->device)), "Question", "device");
    REQUIRE(is_line(question->text) && text_fits(question), "Question", "text");
    REQUIRE(question->offset_bytes < WIRE_ANSWER_MAX, "Question", "offset_bytes");
    return STATUS_OK;
}

/* Lines that may be shown to a person as they are. */
static bool is_page(const char *text, size_t size)
{
    while (size > 0) {
        size_t length = *text == '\n' ? 1 : line_shown(text, size);
        if (length == 0)
            return false;
        text += length;
        size -= length;
    }
    return true;
}

static enum status_code check_answer(const struct wire_answer *answer, struct status *status)
{
    bool whole = answer->code == WIRE_ANSWER_OK;
    REQUIRE(answer->id > 0, "Answer", "id");
    REQUIRE(answer->code >= WIRE_ANSWER_OK && answer->code <= WIRE_ANSWER_UNAVAILABLE, "Answer", "code");
    REQUIRE(is_line(answer->sentence) && (whole || answer->sentence[0] != '\0'), "Answer", "sentence");
    REQUIRE(answer->total_bytes <= (whole ? WIRE_ANSWER_MAX : 0), "Answer", "total_bytes");
    REQUIRE(answer->offset_bytes <= answer->total_bytes, "Answer", "offset_bytes");
    REQUIRE(answer->size <= WIRE_CHUNK_MAX && answer->size <= answer->total_bytes - answer->offset_bytes, "Answer", "text");
    REQUIRE(answer->size > 0 || answer->offset_bytes == answer->total_bytes, "Answer", "text");
    REQUIRE(is_page(answer->text, answer->size), "Answer", "text");
    return STATUS_OK;
}

enum status_code wire_check(const struct wire_message *message, struct status *status)
{
    switch (message->type) {
    case WIRE_HELLO: return check_hello(&message->hello, status);
    case WIRE_WELCOME: return check_welcome(&message->welcome, status);
    case WIRE_HEARTBEAT: return check_heartbeat(&message->heartbeat, status);
    case WIRE_HEARTBEAT_ANSWER: return check_heartbeat_answer(&message->heartbeat_answer, status);
    case WIRE_TASK: return check_task(&message->task, status);
    case WIRE_RESULT: return check_result(&message->result, status);
    case WIRE_RESULT_ACK:
        REQUIRE(message->result_ack.lease_id > 0, "ResultAck", "lease_id");
        REQUIRE(message->result_ack.verdict >= WIRE_ACCEPTED && message->result_ack.verdict <= WIRE_RETRY_LATER, "ResultAck",
                "verdict");
        return STATUS_OK;
    case WIRE_BUNDLE_REQUEST:
        REQUIRE(message->bundle_request.offset_bytes < WIRE_BLOB_MAX, "BundleRequest", "offset_bytes");
        return STATUS_OK;
    case WIRE_BUNDLE_CHUNK: return check_chunk(&message->bundle_chunk, status);
    case WIRE_RETURN:
        REQUIRE(message->return_lease.lease_id > 0, "Return", "lease_id");
        REQUIRE(key_is_fine(message->return_lease.key), "Return", "key");
        return STATUS_OK;
    case WIRE_GOODBYE: REQUIRE(is_line(message->goodbye.sentence), "Goodbye", "sentence"); return STATUS_OK;
    case WIRE_REFUSE:
        REQUIRE(message->refuse.code >= WIRE_REFUSE_WRONG_VERSION && message->refuse.code <= WIRE_REFUSE_NOT_ALLOWED, "Refuse",
                "code");
        REQUIRE(is_line(message->refuse.sentence), "Refuse", "sentence");
        return STATUS_OK;
    case WIRE_QUESTION: return check_question(&message->question, status);
    case WIRE_ANSWER: return check_answer(&message->answer, status);
    case WIRE_TYPES: break;
    }
    return status_set(status, STATUS_BAD_INPUT, "the frame holds no message that is known here");
}
