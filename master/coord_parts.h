/* coord_parts: what the coord*.c files share; nobody else includes it. */
#ifndef HWNAS_MASTER_COORD_PARTS_H
#define HWNAS_MASTER_COORD_PARTS_H

#include "common/cost.h"
#include "common/wire.h"
#include "master/artifacts.h"
#include "master/coord.h"
#include "master/patience.h"
#include "master/store_board.h"
#include "master/trust.h"
#include "master/trust_result.h"

struct known_board;  /* coord_boards.c */
struct question;     /* coord_questions.c */
struct keyed_link;   /* coord_keys.c */
struct key_refusals; /* coord_keys.c */

/* A frame that waits for the commit. */
struct outgoing {
    void *data;
    size_t size;
    uint32_t link;
    uint64_t lease_id; /* of a Task; 0 otherwise */
};

struct coord {
    const struct coord_options *options;
    const struct logger *logger;
    struct search *search;
    struct dispatch *dispatch; /* NULL while stalled */
    struct dispatch *asleep;   /* stalled: the one of before, which still knows who holds what */
    uint64_t *ended;           /* leases that ended since the last commit */
    size_t ended_count, ended_capacity;
    struct known_board *boards; /* hash; as the store has them, read anew with dispatch */
    struct cost canary_cost;
    struct trust_evidence evidence; /* of the result being handled */
    struct coord_effects effects;
    bool stalled, over;
    int64_t wake_ms;            /* of the next turn; stalled: when the store is tried again */
    struct question *questions; /* of operators, the oldest first */
    size_t question_count;
    uint64_t disagreements; /* results that came too late and were not what the table has */
    struct status failure;  /* why it is over, when it should not be */
    int64_t epoch;
    int64_t opened_ms;
    uint64_t told_at_start;
    struct outgoing *outbox;
    size_t outbox_count, outbox_capacity;
    uint64_t results;               /* taken, since the start */
    struct artifacts *artifacts;    /* what results that wait bring besides their values */
    struct patience *patience;      /* with those who send what is refused */
    struct keyed_link *keyed_links; /* hash: connections with keys that have said Hello */
    char stall_reason[256];
    struct key_refusals *key_refusals; /* hash: how often each key said what it may not */
    struct wire_message message;       /* the one being handled: too large for the stack */
    struct wire_message answer;
};

static inline int64_t coord_now_ms(const struct coord *coord)
{
    return coord->effects.clock->monotonic_ms(coord->effects.clock->context);
}

static inline int64_t coord_wall_ms(const struct coord *coord)
{
    return coord->effects.clock->wall_ms(coord->effects.clock->context);
}

/* --- coord.c --- */

/* Ends the coordinator because of *status. */
void coord_fail(struct coord *coord, const struct status *status);

/* The store failed: drops what was not committed and waits for better times; other failures end the master. */
void coord_store_failed(struct coord *coord, const struct status *status);

/* Queues a message to be sent after the commit. */
void coord_post(struct coord *coord, uint32_t link, const struct wire_message *message, uint64_t lease_id);

/* Whether that lease's end is not known to be stored. */
bool coord_ended_in_vain(const struct coord *coord, uint64_t lease_id);

/* --- coord_messages.c --- */

enum status_code coord_patience_open(struct coord *coord, struct status *status);

/* A result, now that nothing of it is missing: what dispatch makes of it is stored, and its peer is told. artifact: what came
 * besides; NULL: nothing. A result whose artifact was not fetched does not count. */
void coord_settle(struct coord *coord, uint32_t link, struct wire_result *result, const struct search_artifact *artifact);

/* --- coord_artifacts.c --- */

enum status_code coord_artifacts_open(struct coord *coord, struct status *status);

/* A result with an artifact, for an open lease: it waits, and its peer is asked for the next piece. */
void coord_artifact_result(struct coord *coord, uint32_t link, const struct wire_result *result);

/* A piece of an artifact. The last one settles its result. */
void coord_artifact_chunk(struct coord *coord, uint32_t link, const struct wire_bundle_chunk *chunk);

/* --- coord_task.c --- */

/* The Task for a lease that dispatch granted. */
void coord_post_task(struct coord *coord, const struct dispatch_action *grant, uint64_t lease_id);

/* --- coord_boards.c --- */

/* Reads the boards out of the store, and tells dispatch which are quarantined. */
enum status_code coord_boards_open(struct coord *coord, struct status *status);
void coord_boards_close(struct coord *coord);

/* An agent has said Hello: its board is kept. */
enum status_code coord_board_here(struct coord *coord, const struct wire_hello *hello, struct status *status);

/* Checks a measurement that came under that lease (want is NULL for a canary). What cannot be believed becomes a failure of class
 * IMPOSSIBLE. strike: why the board is to have one; empty: it is not. */
enum status_code coord_believe(struct coord *coord, const struct study_want *want, const struct dispatch_lease *lease,
                               struct wire_result *result, char strike[TRUST_SENTENCE_BYTES], struct status *status);

/* The strike, once dispatch knows what became of the result: it may quarantine the board. */
enum status_code coord_strike(struct coord *coord, const struct dispatch_lease *lease, const char *why, struct status *status);

/* Fills in which board it was, and after which canary. After coord_believe of that result. */
void coord_describe_board(const struct coord *coord, const struct dispatch_lease *lease, struct store_evaluation *row);

/* Judges and keeps a canary. After coord_believe and dispatch_result. */
enum status_code coord_canary(struct coord *coord, const char *node, const struct dispatch_lease *lease,
                              const struct wire_result *result, struct status *status);

/* The device key of a board of that name; NULL when there is none. */
const char *coord_board_device(const struct coord *coord, const char *name);

/* Fills in kind, network, space and architecture of a canary's task. */
void coord_describe_canary(struct wire_task *task);

/* A person quarantines a board, or trusts it again. In a transaction. */
enum status_code coord_board_quarantine(struct coord *coord, const struct store_board *board, const char *reason,
                                        struct status *status);
enum status_code coord_board_trust(struct coord *coord, const struct store_board *board, struct status *status);

/* --- coord_keys.c --- */

/* Whether the key that a message came with may say that; what it may not is logged with its fingerprint. STATUS_BAD_INPUT,
 * STATUS_NO_MEMORY. */
enum status_code coord_admit(struct coord *coord, uint32_t link, const struct wire_message *message, struct status *status);

void coord_keys_close(struct coord *coord); /* forgets connections */

/* --- coord_questions.c: what operators ask --- */

void coord_questions_close(struct coord *coord); /* forgets them */

/* A question, new or asked again. */
void coord_question(struct coord *coord, uint32_t link, const struct wire_question *question);

/* --- coord_why.c --- */

/* What the question's study waits for now; what each of its measurements that wait does. */
enum status_code coord_why_study(const struct coord *coord, const struct wire_question *question, FILE *out, struct status *status);
enum status_code coord_why_device(const struct coord *coord, const struct wire_question *question, FILE *out,
                                  struct status *status);

#endif
