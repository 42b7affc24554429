/* wire: packs plain structs into protobuf frames and unpacks frames into plain structs. Called by the master's coordinator and the
 * peers' sessions. wire_scan looks at the bytes first; unpacking runs on a byte budget all the same, because protobuf-c turns 1 MiB
 * of hostile bytes into 60 MiB of heap otherwise; what the fields may hold is wire_check's. */
#include "common/wire.h"

#include <stdlib.h>
#include <string.h>

#include "common/wire_parts.h"
#include "common/wire_scan.h"

/* --- a budget for unpacking --- */

struct budget {
    size_t left;
};

static void *budget_alloc(void *context, size_t size)
{
    struct budget *budget = context;
    /* Small blocks cost the heap more than their size. */
    size_t cost = size + 16;
    if (cost < size || cost > budget->left)
        return NULL;
    budget->left -= cost;
    return malloc(size);
}

static void budget_free(void *context, void *block)
{
    (void)context;
    free(block);
}

/* --- lists --- */

static bool take_held(size_t count, Hwnas__Held *const *held, struct wire_held_list *out)
{
    if (count > WIRE_HELD_MAX)
        return false;
    out->count = (uint32_t)count;
    for (size_t i = 0; i < count; i++) {
        out->items[i].lease_id = held[i]->lease_id;
        if (!take_key(&held[i]->key, out->items[i].key))
            return false;
    }
    return true;
}

static bool take_ids(size_t count, const uint64_t *ids, struct wire_id_list *out)
{
    if (count > WIRE_HELD_MAX)
        return false;
    out->count = (uint32_t)count;
    if (count > 0)
        memcpy(out->lease_ids, ids, count * sizeof *ids);
    return true;
}

static bool take_board(const Hwnas__Board *from, struct wire_board *out)
{
    if (from == NULL)
        return true;
    out->deterministic = from->deterministic != 0;
    out->peak_macs_per_s = from->peak_macs_per_s;
    out->peak_bytes_per_s = from->peak_bytes_per_s;
    return take_text(from->name, out->name, sizeof out->name) && take_text(from->runner, out->runner, sizeof out->runner);
}

/* --- unpacking: each returns the name of the field that does not fit, or NULL (wire_task.c does that of a Task) --- */

static const char *take_hello(const Hwnas__Hello *from, struct wire_hello *out)
{
    out->role = (enum wire_role)from->role;
    out->incarnation = from->incarnation;
    out->slots = from->slots;
    out->sequence = from->sequence;
    if (!take_text(from->node, out->node, sizeof out->node))
        return "node";
    if (!take_text(from->host_id, out->host_id, sizeof out->host_id))
        return "host_id";
    if (!take_text(from->isa, out->isa, sizeof out->isa))
        return "isa";
    if (!take_text(from->blas_core, out->blas_core, sizeof out->blas_core))
        return "blas_core";
    if (!take_text(from->device_key, out->device_key, sizeof out->device_key))
        return "device_key";
    if (!take_text(from->conditions, out->conditions, sizeof out->conditions))
        return "conditions";
    if (!take_board(from->board, &out->board))
        return "board";
    return take_held(from->n_held, from->held, &out->held) ? NULL : "held";
}

/* The bytes change hands: what was unpacked no longer owns them. */
static void take_bytes(ProtobufCBinaryData *bytes, void **memory)
{
    *memory = bytes->data;
    bytes->data = NULL;
    bytes->len = 0;
}

static const char *take_result(Hwnas__Result *from, struct wire_message *message)
{
    struct wire_result *out = &message->result;
    out->lease_id = from->lease_id;
    out->epoch = from->epoch;
    out->attempt = from->attempt;
    out->outcome = (enum wire_outcome)from->outcome;
    out->value = from->value;
    out->seconds = from->seconds;
    out->failure = (enum wire_failure)from->failure;
    out->build_seconds = from->build_seconds;
    out->run_seconds = from->run_seconds;
    out->energy_mj = from->energy_mj;
    if (!take_key(&from->key, out->key))
        return "key";
    if (!take_text(from->sentence, out->sentence, sizeof out->sentence))
        return "sentence";
    if (from->detail.len > WIRE_DETAIL_MAX)
        return "detail";
    out->artifact_bytes = from->artifact_bytes;
    if (from->artifact_digest.len > 0 && !take_digest(&from->artifact_digest, &out->artifact_digest))
        return "artifact_digest";
    out->detail_size = from->detail.len;
    take_bytes(&from->detail, &message->memory);
    out->detail = message->memory;
    return NULL;
}

static const char *take_chunk(Hwnas__BundleChunk *from, struct wire_message *message)
{
    struct wire_bundle_chunk *out = &message->bundle_chunk;
    out->total_bytes = from->total_bytes;
    out->offset_bytes = from->offset_bytes;
    if (!take_digest(&from->digest, &out->digest))
        return "digest";
    if (from->data.len > WIRE_CHUNK_MAX)
        return "data";
    out->size = from->data.len;
    take_bytes(&from->data, &message->memory);
    out->data = message->memory;
    return NULL;
}

static const char *take_question(const Hwnas__Question *from, struct wire_question *out)
{
    out->id = from->id;
    out->kind = (enum wire_question_kind)from->kind;
    out->format = (enum wire_format)from->format;
    out->offset_bytes = from->offset_bytes;
    if (!take_text(from->study, out->study, sizeof out->study))
        return "study";
    if (!take_text(from->board, out->board, sizeof out->board))
        return "board";
    if (!take_text(from->device, out->device, sizeof out->device))
        return "device";
    return take_text(from->text, out->text, sizeof out->text) ? NULL : "text";
}

static const char *take_answer(Hwnas__Answer *from, struct wire_message *message)
{
    struct wire_answer *out = &message->answer;
    out->id = from->id;
    out->code = (enum wire_answer_code)from->code;
    out->total_bytes = from->total_bytes;
    out->offset_bytes = from->offset_bytes;
    if (!take_text(from->sentence, out->sentence, sizeof out->sentence))
        return "sentence";
    if (from->text.len > WIRE_CHUNK_MAX)
        return "text";
    out->size = from->text.len;
    take_bytes(&from->text, &message->memory);
    out->text = message->memory;
    return NULL;
}

static const char *take_body(Hwnas__Frame *frame, struct wire_message *out)
{
    switch (frame->body_case) {
    case HWNAS__FRAME__BODY_HELLO: out->type = WIRE_HELLO; return take_hello(frame->hello, &out->hello);
    case HWNAS__FRAME__BODY_WELCOME:
        out->type = WIRE_WELCOME;
        out->welcome.epoch = frame->welcome->epoch;
        out->welcome.heartbeat_ms = frame->welcome->heartbeat_ms;
        out->welcome.lease_ms = frame->welcome->lease_ms;
        out->welcome.sequence = frame->welcome->sequence;
        return take_ids(frame->welcome->n_drop_lease_ids, frame->welcome->drop_lease_ids, &out->welcome.drop) ? NULL
                                                                                                              : "drop_lease_ids";
    case HWNAS__FRAME__BODY_HEARTBEAT:
        out->type = WIRE_HEARTBEAT;
        out->heartbeat.sequence = frame->heartbeat->sequence;
        out->heartbeat.slots = frame->heartbeat->slots;
        return take_held(frame->heartbeat->n_held, frame->heartbeat->held, &out->heartbeat.held) ? NULL : "held";
    case HWNAS__FRAME__BODY_HEARTBEAT_ANSWER:
        out->type = WIRE_HEARTBEAT_ANSWER;
        out->heartbeat_answer.epoch = frame->heartbeat_answer->epoch;
        out->heartbeat_answer.sequence = frame->heartbeat_answer->sequence;
        return take_ids(frame->heartbeat_answer->n_drop_lease_ids, frame->heartbeat_answer->drop_lease_ids,
                        &out->heartbeat_answer.drop)
                   ? NULL
                   : "drop_lease_ids";
    case HWNAS__FRAME__BODY_TASK: out->type = WIRE_TASK; return wire_take_task(frame->task, out);
    case HWNAS__FRAME__BODY_RESULT: out->type = WIRE_RESULT; return take_result(frame->result, out);
    case HWNAS__FRAME__BODY_RESULT_ACK:
        out->type = WIRE_RESULT_ACK;
        out->result_ack.lease_id = frame->result_ack->lease_id;
        out->result_ack.verdict = (enum wire_verdict)frame->result_ack->verdict;
        return NULL;
    case HWNAS__FRAME__BODY_BUNDLE_REQUEST:
        out->type = WIRE_BUNDLE_REQUEST;
        out->bundle_request.offset_bytes = frame->bundle_request->offset_bytes;
        return take_digest(&frame->bundle_request->digest, &out->bundle_request.digest) ? NULL : "digest";
    case HWNAS__FRAME__BODY_BUNDLE_CHUNK: out->type = WIRE_BUNDLE_CHUNK; return take_chunk(frame->bundle_chunk, out);
    case HWNAS__FRAME__BODY_RETURN_LEASE:
        out->type = WIRE_RETURN;
        out->return_lease.lease_id = frame->return_lease->lease_id;
        return take_key(&frame->return_lease->key, out->return_lease.key) ? NULL : "key";
    case HWNAS__FRAME__BODY_GOODBYE:
        out->type = WIRE_GOODBYE;
        out->goodbye.finished = frame->goodbye->finished != 0;
        return take_text(frame->goodbye->sentence, out->goodbye.sentence, sizeof out->goodbye.sentence) ? NULL : "sentence";
    case HWNAS__FRAME__BODY_REFUSE:
        out->type = WIRE_REFUSE;
        out->refuse.code = (enum wire_refuse_code)frame->refuse->code;
        return take_text(frame->refuse->sentence, out->refuse.sentence, sizeof out->refuse.sentence) ? NULL : "sentence";
    case HWNAS__FRAME__BODY_QUESTION: out->type = WIRE_QUESTION; return take_question(frame->question, &out->question);
    case HWNAS__FRAME__BODY_ANSWER: out->type = WIRE_ANSWER; return take_answer(frame->answer, out);
    default: return "body";
    }
}

static enum status_code take_frame(Hwnas__Frame *frame, struct wire_message *out, struct status *status)
{
    const char *field = take_body(frame, out);
    if (field == wire_no_memory)
        return status_set(status, STATUS_NO_MEMORY, "no memory for message %s", wire_type_name(out->type));
    if (field != NULL)
        return status_set(status, STATUS_BAD_INPUT, "message %s: field %s is missing, too long or malformed",
                          wire_type_name(out->type), field);
    return wire_check(out, status);
}

/* All of a message but the items of its lists, which stand at the end: 40 KB need not be cleared for each message of some bytes. */
enum { PLAIN_BYTES = offsetof(struct wire_message, hello.held.items) };
_Static_assert(offsetof(struct wire_message, heartbeat.held.items) <= PLAIN_BYTES, "Heartbeat");
_Static_assert(offsetof(struct wire_message, welcome.drop.lease_ids) <= PLAIN_BYTES, "Welcome");
_Static_assert(offsetof(struct wire_message, heartbeat_answer.drop.lease_ids) <= PLAIN_BYTES, "HeartbeatAnswer");
_Static_assert(offsetof(struct wire_message, hello) + sizeof(struct wire_task) <= PLAIN_BYTES, "Task");
_Static_assert(offsetof(struct wire_message, hello) + sizeof(struct wire_result) <= PLAIN_BYTES, "Result");
_Static_assert(offsetof(struct wire_message, hello) + sizeof(struct wire_question) <= PLAIN_BYTES, "Question");
_Static_assert(offsetof(struct wire_message, hello) + sizeof(struct wire_answer) <= PLAIN_BYTES, "Answer");

enum status_code wire_decode(const void *data, size_t size, struct wire_message *out, struct status *status)
{
    memset(out, 0, PLAIN_BYTES);
    out->memory = NULL;
    enum status_code code = wire_scan(data, size, status);
    if (code != STATUS_OK)
        return code;
    struct budget budget = {.left = 8 * size + (64 << 10)};
    ProtobufCAllocator allocator = {.alloc = budget_alloc, .free = budget_free, .allocator_data = &budget};
    Hwnas__Frame *frame = hwnas__frame__unpack(&allocator, size, data);
    if (frame == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory to unpack a frame of %zu bytes", size);
    code = take_frame(frame, out, status);
    hwnas__frame__free_unpacked(frame, &allocator);
    if (code != STATUS_OK)
        wire_free(out);
    return code;
}

void wire_free(struct wire_message *message)
{
    free(message->memory);
    message->memory = NULL;
}

/* --- packing --- */

/* What a message borrows while it is packed: protobuf-c wants arrays of pointers. */
struct packing {
    struct digest key;
    struct digest *held_keys;
    Hwnas__Held *held;
    Hwnas__Held **held_pointers;
};

static bool pack_held(const struct wire_held_list *held, struct packing *packing)
{
    size_t count = held->count > 0 ? held->count : 1;
    packing->held_keys = calloc(count, sizeof *packing->held_keys);
    packing->held = calloc(count, sizeof *packing->held);
    packing->held_pointers = calloc(count, sizeof(Hwnas__Held *));
    if (packing->held_keys == NULL || packing->held == NULL || packing->held_pointers == NULL)
        return false;
    for (size_t i = 0; i < held->count; i++) {
        packing->held[i] = (Hwnas__Held)HWNAS__HELD__INIT;
        packing->held[i].lease_id = held->items[i].lease_id;
        packing->held[i].key = key_data(held->items[i].key, &packing->held_keys[i]);
        packing->held_pointers[i] = &packing->held[i];
    }
    return true;
}

static enum status_code pack_frame(Hwnas__Frame *frame, void **data, size_t *size, struct status *status)
{
    frame->wire_version = WIRE_VERSION;
    size_t needs = hwnas__frame__get_packed_size(frame);
    if (needs > WIRE_FRAME_MAX)
        return status_set(status, STATUS_INTERNAL, "a message of %zu bytes does not fit a frame of %d", needs, WIRE_FRAME_MAX);
    *data = malloc(needs);
    if (*data == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for a frame of %zu bytes", needs);
    *size = hwnas__frame__pack(frame, *data);
    return STATUS_OK;
}

static enum status_code encode_hello(const struct wire_hello *from, struct packing *packing, void **data, size_t *size,
                                     struct status *status)
{
    Hwnas__Hello hello = HWNAS__HELLO__INIT;
    if (!pack_held(&from->held, packing))
        return status_set(status, STATUS_NO_MEMORY, "no memory to pack a Hello");
    hello.role = (Hwnas__Role)from->role;
    hello.node = (char *)from->node;
    hello.incarnation = from->incarnation;
    hello.host_id = (char *)from->host_id;
    hello.slots = from->slots;
    hello.isa = (char *)from->isa;
    hello.blas_core = (char *)from->blas_core;
    hello.device_key = (char *)from->device_key;
    hello.conditions = (char *)from->conditions;
    hello.sequence = from->sequence;
    hello.n_held = from->held.count;
    hello.held = packing->held_pointers;
    Hwnas__Board board = HWNAS__BOARD__INIT;
    board.name = (char *)from->board.name;
    board.runner = (char *)from->board.runner;
    board.deterministic = from->board.deterministic;
    board.peak_macs_per_s = from->board.peak_macs_per_s;
    board.peak_bytes_per_s = from->board.peak_bytes_per_s;
    if (from->role == WIRE_AGENT)
        hello.board = &board;
    Hwnas__Frame frame = HWNAS__FRAME__INIT;
    frame.body_case = HWNAS__FRAME__BODY_HELLO;
    frame.hello = &hello;
    return pack_frame(&frame, data, size, status);
}

static enum status_code encode_welcome(const struct wire_welcome *from, void **data, size_t *size, struct status *status)
{
    Hwnas__Welcome welcome = HWNAS__WELCOME__INIT;
    welcome.epoch = from->epoch;
    welcome.heartbeat_ms = from->heartbeat_ms;
    welcome.lease_ms = from->lease_ms;
    welcome.sequence = from->sequence;
    welcome.n_drop_lease_ids = from->drop.count;
    welcome.drop_lease_ids = (uint64_t *)from->drop.lease_ids;
    Hwnas__Frame frame = HWNAS__FRAME__INIT;
    frame.body_case = HWNAS__FRAME__BODY_WELCOME;
    frame.welcome = &welcome;
    return pack_frame(&frame, data, size, status);
}

static enum status_code encode_heartbeat(const struct wire_heartbeat *from, struct packing *packing, void **data, size_t *size,
                                         struct status *status)
{
    Hwnas__Heartbeat heartbeat = HWNAS__HEARTBEAT__INIT;
    if (!pack_held(&from->held, packing))
        return status_set(status, STATUS_NO_MEMORY, "no memory to pack a Heartbeat");
    heartbeat.sequence = from->sequence;
    heartbeat.slots = from->slots;
    heartbeat.n_held = from->held.count;
    heartbeat.held = packing->held_pointers;
    Hwnas__Frame frame = HWNAS__FRAME__INIT;
    frame.body_case = HWNAS__FRAME__BODY_HEARTBEAT;
    frame.heartbeat = &heartbeat;
    return pack_frame(&frame, data, size, status);
}

static enum status_code encode_heartbeat_answer(const struct wire_heartbeat_answer *from, void **data, size_t *size,
                                                struct status *status)
{
    Hwnas__HeartbeatAnswer answer = HWNAS__HEARTBEAT_ANSWER__INIT;
    answer.epoch = from->epoch;
    answer.sequence = from->sequence;
    answer.n_drop_lease_ids = from->drop.count;
    answer.drop_lease_ids = (uint64_t *)from->drop.lease_ids;
    Hwnas__Frame frame = HWNAS__FRAME__INIT;
    frame.body_case = HWNAS__FRAME__BODY_HEARTBEAT_ANSWER;
    frame.heartbeat_answer = &answer;
    return pack_frame(&frame, data, size, status);
}

static enum status_code encode_task(const struct wire_task *from, void **data, size_t *size, struct status *status)
{
    struct wire_packed_task packed;
    enum status_code code = wire_pack_task(from, &packed, status);
    if (code == STATUS_OK) {
        Hwnas__Frame frame = HWNAS__FRAME__INIT;
        frame.body_case = HWNAS__FRAME__BODY_TASK;
        frame.task = &packed.task;
        code = pack_frame(&frame, data, size, status);
    }
    free(packed.schedule);
    return code;
}

static enum status_code encode_result(const struct wire_result *from, struct packing *packing, void **data, size_t *size,
                                      struct status *status)
{
    Hwnas__Result result = HWNAS__RESULT__INIT;
    result.lease_id = from->lease_id;
    result.epoch = from->epoch;
    result.attempt = from->attempt;
    result.key = key_data(from->key, &packing->key);
    result.outcome = (Hwnas__Outcome)from->outcome;
    result.value = from->value;
    result.seconds = from->seconds;
    result.failure = (Hwnas__Failure)from->failure;
    result.build_seconds = from->build_seconds;
    result.run_seconds = from->run_seconds;
    result.energy_mj = from->energy_mj;
    result.sentence = (char *)from->sentence;
    result.detail = (ProtobufCBinaryData){.len = from->detail_size, .data = (uint8_t *)from->detail};
    struct digest artifact = from->artifact_digest;
    result.artifact_bytes = from->artifact_bytes;
    if (from->artifact_bytes > 0)
        result.artifact_digest = digest_data(&artifact);
    Hwnas__Frame frame = HWNAS__FRAME__INIT;
    frame.body_case = HWNAS__FRAME__BODY_RESULT;
    frame.result = &result;
    return pack_frame(&frame, data, size, status);
}

static enum status_code encode_bundle(const struct wire_message *message, void **data, size_t *size, struct status *status)
{
    Hwnas__Frame frame = HWNAS__FRAME__INIT;
    Hwnas__BundleRequest request = HWNAS__BUNDLE_REQUEST__INIT;
    Hwnas__BundleChunk chunk = HWNAS__BUNDLE_CHUNK__INIT;
    struct digest digest;
    if (message->type == WIRE_BUNDLE_REQUEST) {
        digest = message->bundle_request.digest;
        request.digest = digest_data(&digest);
        request.offset_bytes = message->bundle_request.offset_bytes;
        frame.body_case = HWNAS__FRAME__BODY_BUNDLE_REQUEST;
        frame.bundle_request = &request;
    } else {
        digest = message->bundle_chunk.digest;
        chunk.digest = digest_data(&digest);
        chunk.total_bytes = message->bundle_chunk.total_bytes;
        chunk.offset_bytes = message->bundle_chunk.offset_bytes;
        chunk.data = (ProtobufCBinaryData){.len = message->bundle_chunk.size, .data = (uint8_t *)message->bundle_chunk.data};
        frame.body_case = HWNAS__FRAME__BODY_BUNDLE_CHUNK;
        frame.bundle_chunk = &chunk;
    }
    return pack_frame(&frame, data, size, status);
}

static enum status_code encode_question(const struct wire_question *from, void **data, size_t *size, struct status *status)
{
    Hwnas__Question question = HWNAS__QUESTION__INIT;
    question.id = from->id;
    question.kind = (Hwnas__QuestionKind)from->kind;
    question.format = (Hwnas__Format)from->format;
    question.study = (char *)from->study;
    question.board = (char *)from->board;
    question.device = (char *)from->device;
    question.text = (char *)from->text;
    question.offset_bytes = from->offset_bytes;
    Hwnas__Frame frame = HWNAS__FRAME__INIT;
    frame.body_case = HWNAS__FRAME__BODY_QUESTION;
    frame.question = &question;
    return pack_frame(&frame, data, size, status);
}

static enum status_code encode_answer(const struct wire_answer *from, void **data, size_t *size, struct status *status)
{
    Hwnas__Answer answer = HWNAS__ANSWER__INIT;
    answer.id = from->id;
    answer.code = (Hwnas__AnswerCode)from->code;
    answer.sentence = (char *)from->sentence;
    answer.total_bytes = from->total_bytes;
    answer.offset_bytes = from->offset_bytes;
    answer.text = (ProtobufCBinaryData){.len = from->size, .data = (uint8_t *)from->text};
    Hwnas__Frame frame = HWNAS__FRAME__INIT;
    frame.body_case = HWNAS__FRAME__BODY_ANSWER;
    frame.answer = &answer;
    return pack_frame(&frame, data, size, status);
}

/* The messages of two or three plain fields. */
static enum status_code encode_short(const struct wire_message *message, struct packing *packing, void **data, size_t *size,
                                     struct status *status)
{
    Hwnas__Frame frame = HWNAS__FRAME__INIT;
    Hwnas__ResultAck ack = HWNAS__RESULT_ACK__INIT;
    Hwnas__Return returned = HWNAS__RETURN__INIT;
    Hwnas__Goodbye goodbye = HWNAS__GOODBYE__INIT;
    Hwnas__Refuse refuse = HWNAS__REFUSE__INIT;
    switch (message->type) {
    case WIRE_RESULT_ACK:
        ack.lease_id = message->result_ack.lease_id;
        ack.verdict = (Hwnas__Verdict)message->result_ack.verdict;
        frame.body_case = HWNAS__FRAME__BODY_RESULT_ACK;
        frame.result_ack = &ack;
        break;
    case WIRE_RETURN:
        returned.lease_id = message->return_lease.lease_id;
        returned.key = key_data(message->return_lease.key, &packing->key);
        frame.body_case = HWNAS__FRAME__BODY_RETURN_LEASE;
        frame.return_lease = &returned;
        break;
    case WIRE_GOODBYE:
        goodbye.finished = message->goodbye.finished;
        goodbye.sentence = (char *)message->goodbye.sentence;
        frame.body_case = HWNAS__FRAME__BODY_GOODBYE;
        frame.goodbye = &goodbye;
        break;
    default:
        refuse.code = (Hwnas__RefuseCode)message->refuse.code;
        refuse.sentence = (char *)message->refuse.sentence;
        frame.body_case = HWNAS__FRAME__BODY_REFUSE;
        frame.refuse = &refuse;
        break;
    }
    return pack_frame(&frame, data, size, status);
}

enum status_code wire_encode(const struct wire_message *message, void **data, size_t *size, struct status *status)
{
    struct packing packing = {0};
    enum status_code code = wire_check(message, status);
    if (code != STATUS_OK)
        return code;
    switch (message->type) {
    case WIRE_HELLO: code = encode_hello(&message->hello, &packing, data, size, status); break;
    case WIRE_WELCOME: code = encode_welcome(&message->welcome, data, size, status); break;
    case WIRE_HEARTBEAT: code = encode_heartbeat(&message->heartbeat, &packing, data, size, status); break;
    case WIRE_HEARTBEAT_ANSWER: code = encode_heartbeat_answer(&message->heartbeat_answer, data, size, status); break;
    case WIRE_TASK: code = encode_task(&message->task, data, size, status); break;
    case WIRE_RESULT: code = encode_result(&message->result, &packing, data, size, status); break;
    case WIRE_BUNDLE_REQUEST:
    case WIRE_BUNDLE_CHUNK: code = encode_bundle(message, data, size, status); break;
    case WIRE_QUESTION: code = encode_question(&message->question, data, size, status); break;
    case WIRE_ANSWER: code = encode_answer(&message->answer, data, size, status); break;
    default: code = encode_short(message, &packing, data, size, status); break;
    }
    free(packing.held_keys);
    free(packing.held);
    free(packing.held_pointers);
    return code;
}

const char *wire_failure_name(enum wire_failure failure)
{
    static const char *const names[WIRE_FAILURES] = {
        [WIRE_FAILURE_NONE] = "",
        [WIRE_FAILURE_TIMEOUT] = "timeout",
        [WIRE_FAILURE_OUT_OF_MEMORY] = "out_of_memory",
        [WIRE_FAILURE_UNSUPPORTED_OP] = "unsupported_op",
        [WIRE_FAILURE_CONVERT_FAILED] = "convert_failed",
        [WIRE_FAILURE_CRASHED] = "crashed",
        [WIRE_FAILURE_THROTTLED] = "throttled",
        [WIRE_FAILURE_UNSTABLE] = "unstable",
        [WIRE_FAILURE_PARSE] = "parse",
        [WIRE_FAILURE_IMPOSSIBLE] = "impossible",
        [WIRE_FAILURE_LOST] = "lost",
    };
    return failure >= WIRE_FAILURE_NONE && failure < WIRE_FAILURES ? names[failure] : "";
}

const char *wire_kind_name(enum wire_kind kind)
{
    static const char *const names[WIRE_KINDS] = {[WIRE_RMI] = "rmi",
                                                  [WIRE_MEASURE] = "measure",
                                                  [WIRE_ONESHOT_TRAIN] = "oneshot_train",
                                                  [WIRE_ONESHOT_SCORE] = "oneshot_score"};
    return kind >= WIRE_RMI && kind < WIRE_KINDS ? names[kind] : "unknown";
}

enum wire_role wire_role_of(enum wire_kind kind)
{
    return kind == WIRE_RMI || kind == WIRE_ONESHOT_TRAIN || kind == WIRE_ONESHOT_SCORE ? WIRE_WORKER : WIRE_AGENT;
}

const char *wire_type_name(enum wire_type type)
{
    static const char *const names[] = {"?",      "Hello",   "Welcome",   "Heartbeat",     "HeartbeatAnswer",
                                        "Task",   "Result",  "ResultAck", "BundleRequest", "BundleChunk",
                                        "Return", "Goodbye", "Refuse",    "Question",      "Answer"};
    return type >= WIRE_HELLO && type < WIRE_TYPES ? names[type] : names[0];
}
