/* wire: bytes <-> checked plain structs. The only includer of the generated protobuf header. Pure.
 *
 * Everything that comes from a peer passes wire_decode: what it lets through is within the ranges and alphabets stated here, so
 * nobody behind it checks again. Messages are those of proto/hwnas.proto, one a frame; docs/PROTOCOL.md says who sends what when.
 */
#ifndef HWNAS_COMMON_WIRE_H
#define HWNAS_COMMON_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/arch.h"
#include "common/digest.h"
#include "common/oneshot.h"
#include "common/protocol.h"
#include "common/space.h"
#include "common/status.h"

enum {
    WIRE_VERSION = 3,
    WIRE_FRAME_MAX = 1 << 20,   /* bytes of a frame that carries a task, a result or a chunk */
    WIRE_CONTROL_MAX = 1 << 16, /* bytes of any other frame */
    WIRE_DETAIL_MAX = 768 << 10,
    WIRE_CHUNK_MAX = 512 << 10,
    WIRE_BLOB_MAX = 192 << 20, /* bytes of what is fetched by digest: a reference bundle, images, weights */
    WIRE_SCHEDULE_MAX = ONESHOT_SCHEDULE_MAX,
    WIRE_SLOTS_MAX = 256,
    WIRE_HELD_MAX = 512, /* tasks being computed plus results not acknowledged */
    WIRE_NAME_BYTES = 64,
    WIRE_DEVICE_BYTES = 128,
    WIRE_SENTENCE_BYTES = 256,
    WIRE_CONDITIONS_BYTES = 1024,
    WIRE_ANSWER_MAX = 16 << 20 /* bytes of an answer's whole text */
};

enum wire_role { WIRE_WORKER = 1, WIRE_AGENT = 2 };
enum wire_kind { WIRE_RMI = 1, WIRE_MEASURE, WIRE_ONESHOT_TRAIN, WIRE_ONESHOT_SCORE, WIRE_KINDS };
enum wire_outcome { WIRE_OK = 1, WIRE_INFEASIBLE = 2, WIRE_FAILED = 3 };
/* Why a task failed, beside the sentence. UNSUPPORTED_OP and CONVERT_FAILED are true whoever tries; IMPOSSIBLE and LOST are the
 * master's own words. */
enum wire_failure {
    WIRE_FAILURE_NONE,
    WIRE_FAILURE_TIMEOUT,
    WIRE_FAILURE_OUT_OF_MEMORY,
    WIRE_FAILURE_UNSUPPORTED_OP,
    WIRE_FAILURE_CONVERT_FAILED,
    WIRE_FAILURE_CRASHED,
    WIRE_FAILURE_THROTTLED,
    WIRE_FAILURE_UNSTABLE,
    WIRE_FAILURE_PARSE,
    WIRE_FAILURE_IMPOSSIBLE,
    WIRE_FAILURE_LOST,
    WIRE_FAILURES
};
enum wire_verdict { WIRE_ACCEPTED = 1, WIRE_DUPLICATE = 2, WIRE_STALE = 3, WIRE_RETRY_LATER = 4 };
enum wire_refuse_code {
    WIRE_REFUSE_WRONG_VERSION = 1,
    WIRE_REFUSE_REPLACED = 2,
    WIRE_REFUSE_BAD_MESSAGE = 3,
    WIRE_REFUSE_NOT_REGISTERED = 4,
    WIRE_REFUSE_NOT_ALLOWED = 5
};

/* What an operator may ask; from DEVICE_QUARANTINE on the answer changes something. */
enum wire_question_kind {
    WIRE_ASK_STUDY_LIST = 1,
    WIRE_ASK_STUDY_SHOW,
    WIRE_ASK_STUDY_WHY,
    WIRE_ASK_FRONT,
    WIRE_ASK_DEVICE_LIST,
    WIRE_ASK_DEVICE_SHOW,
    WIRE_ASK_DEVICE_WHY,
    WIRE_ASK_DEVICE_QUARANTINE,
    WIRE_ASK_DEVICE_TRUST,
    WIRE_ASK_BACKUP,
    WIRE_ASK_LOG_LEVEL
};
enum wire_format { WIRE_TABLE = 1, WIRE_CSV = 2, WIRE_JSON = 3 };
enum wire_answer_code {
    WIRE_ANSWER_OK = 1,
    WIRE_ANSWER_WORKING, /* ask again with the same id */
    WIRE_ANSWER_BAD_INPUT,
    WIRE_ANSWER_NOT_FOUND,
    WIRE_ANSWER_CONFLICT,
    WIRE_ANSWER_FAILED,
    WIRE_ANSWER_UNSUPPORTED,
    WIRE_ANSWER_UNAVAILABLE
};

enum wire_type {
    WIRE_HELLO = 1,
    WIRE_WELCOME,
    WIRE_HEARTBEAT,
    WIRE_HEARTBEAT_ANSWER,
    WIRE_TASK,
    WIRE_RESULT,
    WIRE_RESULT_ACK,
    WIRE_BUNDLE_REQUEST,
    WIRE_BUNDLE_CHUNK,
    WIRE_RETURN,
    WIRE_GOODBYE,
    WIRE_REFUSE,
    WIRE_QUESTION,
    WIRE_ANSWER,
    WIRE_TYPES /* one more than the last */
};

struct wire_held {
    uint64_t lease_id;
    char key[DIGEST_HEX_BYTES];
};

struct wire_held_list {
    uint32_t count; /* 0 .. WIRE_HELD_MAX */
    struct wire_held items[WIRE_HELD_MAX];
};

struct wire_id_list {
    uint32_t count; /* 0 .. WIRE_HELD_MAX */
    uint64_t lease_ids[WIRE_HELD_MAX];
};

/* What an agent measures on. */
struct wire_board {
    char name[WIRE_NAME_BYTES];               /* of this very board, over restarts and reboots: [A-Za-z0-9._-]+ */
    char runner[WIRE_NAME_BYTES];             /* [A-Za-z0-9._-]+ */
    bool deterministic;                       /* equal samples are honest: it calculates latency */
    double peak_macs_per_s, peak_bytes_per_s; /* what its hardware can do at the most, 0 .. 1e18; 0: unknown */
};

struct wire_hello {
    enum wire_role role;
    char node[WIRE_NAME_BYTES];         /* [A-Za-z0-9._-]+ */
    uint64_t incarnation;               /* > 0; microseconds since 1970 at the start of the process: the larger is the later one */
    char host_id[WIRE_NAME_BYTES];      /* [A-Za-z0-9._-]+ */
    uint32_t slots;                     /* 0 .. WIRE_SLOTS_MAX */
    char isa[WIRE_NAME_BYTES];          /* printable, may be empty */
    char blas_core[WIRE_NAME_BYTES];    /* printable, may be empty */
    char device_key[WIRE_DEVICE_BYTES]; /* agents: [A-Za-z0-9._+-]+; workers: empty */
    char conditions[WIRE_CONDITIONS_BYTES]; /* printable, may be empty */
    struct wire_board board;                /* agents; zeros otherwise */
    uint64_t sequence;                      /* > 0 */
    struct wire_held_list held;
};

struct wire_welcome {
    uint64_t epoch;        /* > 0 */
    uint32_t heartbeat_ms; /* 10 .. 600000 */
    uint32_t lease_ms;     /* 2 * heartbeat_ms .. 3600000 */
    uint64_t sequence;
    struct wire_id_list drop;
};

struct wire_heartbeat {
    uint64_t sequence; /* > 0 */
    uint32_t slots;
    struct wire_held_list held;
};

struct wire_heartbeat_answer {
    uint64_t epoch, sequence;
    struct wire_id_list drop;
};

/* The network an architecture becomes when it is measured. */
struct wire_network {
    uint32_t channels, cells, classes, input_channels, input_size; /* 1.. 1024, 100, 65536, 16, 4096 */
};

/* What a one-shot net is trained or scored with, besides the images and the seed. */
struct wire_oneshot {
    bool has_weights;                 /* SCORE: always */
    struct digest weights;            /* zeros without */
    struct oneshot_protocol protocol; /* oneshot_protocol_check holds */
    uint32_t mask_rows;               /* 1 .. SPACE_ROWS_MAX: how many travel; zeros behind them */
    struct space_mask mask;           /* whether the space has such operations, the space says */
    uint32_t stage;
    uint32_t epoch, shard;    /* TRAIN: below the protocol's; SCORE: 0 */
    uint32_t schedule_count;  /* TRAIN: 0 .. WIRE_SCHEDULE_MAX; SCORE: 0 */
    uint32_t pull_count;      /* TRAIN, bilevel: 1 .. SPACE_MATRIX_MAX; 0 otherwise */
    struct digest validation; /* TRAIN, bilevel: of the images that the architecture is trained on; zeros otherwise */
    const double *pull;       /* so many finite numbers: what costs add to the loss by each share, in matrix form; NULL: none */
    const char *schedule;     /* so many texts as in struct wire_task's arch, one behind the other, each with its NUL; NULL: none */
};

struct wire_task {
    uint64_t lease_id, epoch; /* > 0 */
    uint32_t attempt;         /* > 0 */
    uint32_t lease_ms;
    uint64_t sequence; /* of the last Hello or Heartbeat the master had from this peer */
    enum wire_kind kind;
    char key[DIGEST_HEX_BYTES];
    char space[WIRE_NAME_BYTES]; /* [A-Za-z0-9._-]+ */
    char arch[ARCH_TEXT_BYTES];  /* printable ASCII; whether it is an architecture, the space says. ONESHOT_TRAIN: empty */
    struct digest bundle_digest; /* RMI; ONESHOT_*: of the images; zeros otherwise */
    struct protocol protocol;    /* RMI: protocol_check holds; its name does not travel */
    uint64_t seed;               /* RMI, ONESHOT_* */
    struct wire_network network; /* MEASURE; zeros otherwise */
    struct wire_oneshot oneshot; /* ONESHOT_*; zeros otherwise */
};

struct wire_result {
    uint64_t lease_id, epoch;
    uint32_t attempt;
    char key[DIGEST_HEX_BYTES];
    enum wire_outcome outcome;
    double value;                       /* finite; OK: its meaning is the task's kind's; else 0 */
    double seconds;                     /* finite, >= 0 */
    enum wire_failure failure;          /* NONE when OK */
    double build_seconds, run_seconds;  /* of seconds: finite, >= 0 */
    double energy_mj;                   /* an inference's, >= 0; 0: not measured, or not OK */
    char sentence[WIRE_SENTENCE_BYTES]; /* one line of UTF-8; not empty unless OK */
    const char *detail;                 /* a JSON object (UTF-8, checked), detail_size bytes; NULL when empty */
    size_t detail_size;
    uint64_t artifact_bytes;       /* of what came out besides and is fetched: 0 .. WIRE_BLOB_MAX; 0: nothing, or not OK */
    struct digest artifact_digest; /* zeros without */
};

struct wire_result_ack {
    uint64_t lease_id;
    enum wire_verdict verdict;
};

struct wire_bundle_request {
    struct digest digest;
    uint64_t offset_bytes;
};

struct wire_bundle_chunk {
    struct digest digest;
    uint64_t total_bytes; /* 0: not there; else at most WIRE_BLOB_MAX, offset + size <= total, size > 0 */
    uint64_t offset_bytes;
    const uint8_t *data;
    size_t size; /* 0 .. WIRE_CHUNK_MAX */
};

struct wire_return {
    uint64_t lease_id;
    char key[DIGEST_HEX_BYTES];
};

struct wire_goodbye {
    bool finished;
    char sentence[WIRE_SENTENCE_BYTES];
};

struct wire_refuse {
    enum wire_refuse_code code;
    char sentence[WIRE_SENTENCE_BYTES];
};

/* Texts that a kind has no use for are empty; those it needs are not. */
struct wire_question {
    uint64_t id; /* > 0 */
    enum wire_question_kind kind;
    enum wire_format format;
    char study[WIRE_NAME_BYTES];      /* STUDY_SHOW, STUDY_WHY, FRONT, DEVICE_WHY: [A-Za-z0-9._-]+ */
    char board[WIRE_DEVICE_BYTES];    /* DEVICE_SHOW, _QUARANTINE, _TRUST: a board's name or device key, [A-Za-z0-9._+-]+ */
    char device[WIRE_DEVICE_BYTES];   /* these: a device key, or empty */
    char text[WIRE_CONDITIONS_BYTES]; /* one line; _QUARANTINE: why; BACKUP: an absolute path; LOG_LEVEL: the word */
    uint64_t offset_bytes;            /* < WIRE_ANSWER_MAX */
};

struct wire_answer {
    uint64_t id; /* > 0 */
    enum wire_answer_code code;
    char sentence[STATUS_MESSAGE_BYTES]; /* one line; not empty unless OK */
    uint64_t total_bytes;                /* OK: at most WIRE_ANSWER_MAX, offset + size <= total; else 0 */
    uint64_t offset_bytes;
    const char *text; /* lines of what line_shown takes, cut at a character's edge */
    size_t size;      /* 0 .. WIRE_CHUNK_MAX; 0 only where nothing is left */
};

struct wire_message {
    enum wire_type type;
    union {
        struct wire_hello hello;
        struct wire_welcome welcome;
        struct wire_heartbeat heartbeat;
        struct wire_heartbeat_answer heartbeat_answer;
        struct wire_task task;
        struct wire_result result;
        struct wire_result_ack result_ack;
        struct wire_bundle_request bundle_request;
        struct wire_bundle_chunk bundle_chunk;
        struct wire_return return_lease;
        struct wire_goodbye goodbye;
        struct wire_refuse refuse;
        struct wire_question question;
        struct wire_answer answer;
    };
    void *memory; /* owned by a decoded message: what detail, data, text and schedule point into; NULL in messages to be encoded */
};

/* Reads one frame; of a list only what it holds is set. STATUS_OK: *out is checked and must be given to wire_free.
 * STATUS_UNSUPPORTED: another wire version (the answer is a Refuse). STATUS_BAD_INPUT: malformed or out of range, the sentence
 * names message and field. STATUS_NO_MEMORY. Memory taken is at most 8 times `size` plus 64 KiB, whatever the bytes say; while the
 * JSON of a Result is checked 16 times. */
enum status_code wire_decode(const void *data, size_t size, struct wire_message *out, struct status *status);

/* Releases what a decoded message owns; the struct itself is the caller's. Twice is harmless. */
void wire_free(struct wire_message *message);

/* Writes one frame; caller frees *data. The message must hold what wire_check wants (fill sentences with line_of):
 * STATUS_BAD_INPUT otherwise. *message is not kept. STATUS_NO_MEMORY. */
enum status_code wire_encode(const struct wire_message *message, void **data, size_t *size, struct status *status);

/* "Hello", "Task", ... for logs. Never NULL. */
const char *wire_type_name(enum wire_type type);

/* "timeout", "out_of_memory", ...; "" for NONE. Never NULL. */
const char *wire_failure_name(enum wire_failure failure);

/* "rmi", "measure", "oneshot_train", "oneshot_score"; "unknown" for anything else. Never NULL. */
const char *wire_kind_name(enum wire_kind kind);

/* Who does tasks of that kind. What is not known (0) counts as a measurement: nothing runs beside one. */
enum wire_role wire_role_of(enum wire_kind kind);

/* The checks of wire_decode on a plain message (wire_check.c). STATUS_BAD_INPUT names message and field. */
enum status_code wire_check(const struct wire_message *message, struct status *status);

#endif
