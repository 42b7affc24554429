/* store_board: boards, their canaries, and taking back what a board measured. Part of store (transactions, failures and ownership:
 * see store.h). A board is known by its device key and its name. */
#ifndef HWNAS_MASTER_STORE_BOARD_H
#define HWNAS_MASTER_STORE_BOARD_H

#include "common/wire.h"
#include "master/store.h"

enum { STORE_SENTENCE_BYTES = 256 };

struct store_board {
    char device_key[WIRE_DEVICE_BYTES];
    char name[WIRE_NAME_BYTES];
    bool quarantined;
    char reason[STORE_SENTENCE_BYTES]; /* why; empty when trusted */
    bool held;                         /* quarantined by a person: no canary lifts it */
    int64_t since_wall_ms;
    int32_t strikes;
    int64_t first_canary; /* canaries of a smaller id do not count */
    char runner[WIRE_NAME_BYTES];
    char node[WIRE_NAME_BYTES];
    char conditions[WIRE_CONDITIONS_BYTES];
    int64_t seen_wall_ms;
    bool deterministic;
    double peak_macs_per_s, peak_bytes_per_s; /* 0: unknown */
};

/* STATUS_NOT_FOUND when there is no such board. */
enum status_code store_board_get(struct store *store, const char *device_key, const char *name, struct store_board *out,
                                 struct status *status);

/* All boards, sorted by device key and name; caller frees *out. */
enum status_code store_board_list(struct store *store, struct store_board **out, size_t *count, struct status *status);

/* Boards of that name, or of that device key when there is none of that name, for people who type one word: as store_board_list,
 * possibly none. */
enum status_code store_board_find(struct store *store, const char *word, struct store_board **out, size_t *count,
                                  struct status *status);

/* The board is here (Hello): inserts it as trusted, or updates runner, node, conditions, seen, deterministic and peaks. */
enum status_code store_board_seen(struct store *store, const struct store_board *board, struct status *status);

/* Keeps state, reason, held, since and strikes. STATUS_NOT_FOUND. */
enum status_code store_board_state(struct store *store, const struct store_board *board, struct status *status);

/* A person's words. Quarantine: no canary lifts it. Trust: trusted from now on, without strikes; with `new_level` its canaries so
 * far count no more, so that the next ones are what it is held against. Forget: the row goes, canaries and measurements stay; when
 * it connects again it is new. STATUS_NOT_FOUND when there is no such board. */
enum status_code store_board_quarantine(struct store *store, const char *device_key, const char *name, const char *reason,
                                        int64_t wall_ms, struct status *status);
enum status_code store_board_trust(struct store *store, const char *device_key, const char *name, bool new_level, int64_t wall_ms,
                                   struct status *status);
enum status_code store_board_forget(struct store *store, const char *device_key, const char *name, struct status *status);

/* --- canaries --- */
enum store_canary_verdict { STORE_CANARY_GOOD, STORE_CANARY_DOUBTFUL, STORE_CANARY_OFF };

struct store_canary {
    int64_t id; /* chosen by the store */
    char device_key[WIRE_DEVICE_BYTES];
    char board[WIRE_NAME_BYTES];
    enum store_canary_verdict verdict;
    double latency_ms, expected_ms; /* NaN: could not be measured; nothing was expected */
    char sentence[STORE_SENTENCE_BYTES];
    const char *detail;                    /* put: JSON, borrowed, NULL: {}; each: valid during the call */
    char samples_digest[DIGEST_HEX_BYTES]; /* may be empty */
    char node[WIRE_NAME_BYTES];
    double seconds;
    int64_t wall_ms;
};

const char *store_canary_verdict_name(enum store_canary_verdict verdict);

/* Inserts; the store chooses the id and writes it into *canary. */
enum status_code store_canary_put(struct store *store, struct store_canary *canary, struct status *status);

/* Calls `each` for the canaries of the board with id >= from, in their order, until it returns other than STATUS_OK; returns that.
 */
enum status_code store_canary_each(struct store *store, const char *device_key, const char *board, int64_t from,
                                   enum status_code (*each)(void *context, const struct store_canary *canary,
                                                            struct status *status),
                                   void *context, struct status *status);

/* The board's last good canary: its id and when it was; 0 and 0 when there is none. */
enum status_code store_canary_last_good(struct store *store, const char *device_key, const char *board, int64_t *id,
                                        int64_t *wall_ms, struct status *status);

/* Whether some result of that board, canaries and withdrawn ones included, has these very samples. */
enum status_code store_samples_known(struct store *store, const char *device_key, const char *board, const char *samples_digest,
                                     bool *known, struct status *status);

/* --- taking back --- */
struct store_withdrawal {
    int64_t rows;       /* taken out of evaluation */
    int64_t studies;    /* that had used some of them, and go on from before */
    int64_t candidates; /* of those studies, deleted: they are asked again */
};

/* Takes what the board measured after its canary `since` (store_canary_last_good; 0: all it ever measured) out of the table, into
 * `withdrawn`. Every study that was told a candidate with such a value goes back to before the first of them: that candidate
 * and those told after it are deleted, and a newer snapshot; it is running again. When it is resumed it asks the same again, finds
 * all other values in the table and has the withdrawn ones measured. In a transaction. */
enum status_code store_board_withdraw(struct store *store, const char *device_key, const char *name, int64_t since,
                                      const char *reason, int64_t wall_ms, struct store_withdrawal *out, struct status *status);

/* How many rows of `evaluation` that would be. */
enum status_code store_board_measured(struct store *store, const char *device_key, const char *name, int64_t since, int64_t *rows,
                                      struct status *status);

#endif
