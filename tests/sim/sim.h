/* sim: a whole cluster in virtual time: the real coordinator with study, strategy, front, dispatch and trust on the real store and
 * schema, its messages as real frames, peers with the real ledger and downloads; only clocks, network, disk and the computing are
 * made up. Everything follows from the seed. After every step the invariants of sim_check.c hold; one that does not fails the test,
 * naming the seed. What happens is told on standard error when TRACE is set. */
#ifndef HWNAS_TESTS_SIM_SIM_H
#define HWNAS_TESTS_SIM_SIM_H

#include <inttypes.h>
#include <setjmp.h>
#include <uthash.h>

#include "common/rng.h"
#include "common/space.h"
#include "common/wire.h"
#include "master/coord.h"
#include "tests/sim/disk.h"
#include "tests/support/test.h"
#include "worker/downloads.h"
#include "worker/ledger.h"

enum {
    SIM_WORKERS = 5,
    SIM_AGENTS = 4,
    SIM_PEERS = SIM_WORKERS + SIM_AGENTS,
    SIM_FIRST_AGENT = SIM_WORKERS, /* these two measure hosts 1 and 2 */
    SIM_FIRST_BOARD = 7,           /* these two are boards of their own: hosts 4 and 5 */
    SIM_HOSTS = 5,
    SIM_SLOTS = 2,
    SIM_JOBS = 2 * SIM_SLOTS + 8,
    SIM_CANARY_EVERY = 3,
    SIM_FLIGHTS = 4096,
    SIM_HEARTBEAT_MS = 1000,
    SIM_LEASE_MS = 5000,
    SIM_FAULTS_END_MS = 300000,
    SIM_END_MS = 7200000
};

/* --- what is true of a task, whoever computes it: a function of its architecture --- */

struct sim_truth {
    double value;    /* phi, or latency in ms */
    bool poison;     /* kills the process that computes it */
    bool fails;      /* cannot be computed: FAILED */
    bool unsuitable; /* measurements: no board can run it: INFEASIBLE */
};

/* How many of a hundred tasks are so. */
struct sim_odds {
    int poison, fails, unsuitable;
};

struct sim_truth sim_truth_of(const struct sim_odds *odds, enum wire_kind kind, const char *arch);

/* --- processes --- */

struct sim_job {
    bool active, canary, finished; /* finished: the result is owed */
    struct wire_task task;
    struct download *bundle; /* RMI: in use */
    int64_t left_ms;
    double canary_ms; /* what it measured */
};

struct sim_process {
    bool alive;
    int number, host;
    uint64_t incarnation;
    uint32_t link;
    int64_t frozen_until_ms, restart_ms, due_ms;
    int64_t mute_until_ms[2]; /* nothing passes from it [0], to it [1] */
    bool cut;                 /* a new connection when that has passed */
    double lie;               /* factor of what its canaries say */
    int64_t lies;             /* changes of it */
    int64_t bundle_due_ms;    /* when the missing piece is asked for again */
    int64_t drained_by_ms;    /* draining: it leaves then, whatever it owes */
    struct ledger ledger;
    struct downloads downloads;
    struct sim_job jobs[SIM_JOBS];
};

struct sim_flight {
    bool to_master;
    int peer;
    uint32_t link;
    int64_t at_ms;
    void *data;
    size_t size;
};

/* --- what was seen, whatever the store says --- */

/* A key that was ever a task (not a canary). */
struct sim_key {
    char key[DIGEST_HEX_BYTES];
    char arch[ARCH_TEXT_BYTES];
    enum wire_kind kind;
    struct sim_truth truth;
    int accepted;    /* results acknowledged as accepted, in this line of the database */
    bool acked;      /* a value was acknowledged as accepted or known */
    bool acked_then; /* likewise when the backup was taken */
    int accepted_then;
    int deaths; /* of processes that were computing it, by its poison */
    UT_hash_handle hh;
};

/* A lease that a Task named. */
struct sim_token {
    uint64_t id[2]; /* epoch, lease */
    char key[DIGEST_HEX_BYTES];
    int peer;
    bool copy; /* of one that took long */
    bool kept; /* the backup was taken after it was granted */
    bool lost; /* a backup was put back that had not seen it: no master knows of it any more */
    UT_hash_handle hh;
};

enum sim_commit { SIM_COMMIT_WELL, SIM_COMMIT_FAILS, SIM_COMMIT_LIES, SIM_COMMIT_DIES_BEFORE, SIM_COMMIT_DIES_AFTER };

/* What becomes of a message; whole numbers of copies. */
struct sim_fate {
    int copies;
    int64_t delay_ms;
};

struct sim_study {
    const char *name;
    const char *settings; /* lines of a study file, without name, space and fitness */
    bool same_answer;     /* mode generations */
    uint64_t distinct;    /* evaluations the search ends after */
    struct sim_odds odds;
    unsigned finalists; /* fitness.finalists */
    bool trains;        /* half of what workers score are trainings, with artifacts (tests/support/train_wants.h) */
};

/* Where simulations find their few real files. One a process. */
struct sim_place {
    char folder[128], db[160];
    struct space space;
    struct digest bundle; /* of the reference bundle's file */
    void *database;       /* a new one, as a master makes it */
    size_t database_size;
};

struct sim {
    uint64_t seed;
    const struct sim_study *study;
    struct rng rng;
    int64_t now_ms;
    bool trace;
    /* network */
    double drop, copy, slow; /* of messages */
    void (*fate)(void *context, struct sim *sim, bool to_master, int peer, const struct wire_message *message,
                 struct sim_fate *fate); /* NULL: as the weather is */
    void *fate_context;
    uint32_t next_link;
    struct sim_flight flights[SIM_FLIGHTS];
    int flight_count;
    /* the master */
    const struct sim_place *place;
    char study_path[256];
    struct disk disk;
    struct disk_copy at_death, backup;
    int64_t put_back_ms; /* when the backup was, last */
    bool has_backup, dying_in_commit;
    struct coord *coord; /* NULL: it is down */
    struct clock clock;
    struct coord_options options;
    struct logger logger;
    int64_t clock_origin_ms; /* of the monotonic clock of the machine it runs on */
    int64_t wall_offset_ms;
    int64_t master_restart_ms, master_frozen_until_ms;
    enum sim_commit next_commit;
    int64_t disk_fails_until_ms;
    uint64_t commits, checked_commits;
    jmp_buf death; /* in the middle of a commit */
    bool may_die;
    uint64_t epoch;
    /* weather */
    int64_t next_fault_ms, faults_end_ms;
    uint32_t faults; /* a bit for each kind that may happen */
    /* processes */
    struct sim_process peers[SIM_PEERS];
    /* what was seen */
    struct sim_key *keys;
    struct sim_token *tokens;
    struct wire_message message, answer; /* too large for the stack */
    uint64_t steps, kills, master_kills, acks, stale, backups, stalls, frames, healthy_given_up, copies, pieces;
    uint64_t twice; /* steps in which a key was computed under a lost lease and under another */
    bool finished;
};

/* Says what happens, when somebody wants to know. */
void sim_say(const struct sim *sim, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define SIM_HOLDS(sim, condition, ...)                                                                                             \
    do {                                                                                                                           \
        if (!(condition)) {                                                                                                        \
            print_error("SEED=%" PRIu64 " study %s at %" PRId64 " ms: ", (sim)->seed, (sim)->study->name, (sim)->now_ms);          \
            print_error(__VA_ARGS__);                                                                                              \
            print_error("\n");                                                                                                     \
            fail();                                                                                                                \
        }                                                                                                                          \
    } while (0)

bool sim_chance(struct sim *sim, double probability);
int64_t sim_between(struct sim *sim, int64_t low, int64_t high);

/* --- sim.c: the run --- */

/* Bits of `faults`. */
enum sim_fault {
    SIM_MASTER_DIES = 1 << 0,
    SIM_MASTER_DIES_IN_COMMIT = 1 << 1,
    SIM_MASTER_FREEZES = 1 << 2,
    SIM_PEER_DIES = 1 << 3,
    SIM_PEER_FREEZES = 1 << 4,
    SIM_PEER_DRAINS = 1 << 5,
    SIM_CUT = 1 << 6,
    SIM_WEATHER = 1 << 7, /* drop, copy, delay, overtake */
    SIM_DISK_FAILS = 1 << 8,
    SIM_COMMIT_LIE = 1 << 9, /* stored, but said not to be */
    SIM_POWER_CUT = 1 << 10,
    SIM_CLOCK_JUMPS = 1 << 11,
    SIM_BOARD_LIES = 1 << 12,
    SIM_MASTER_STOPS = 1 << 13, /* SIGTERM, and started again */
    SIM_BACKUP = 1 << 14,       /* an old copy of the database is put back */
    SIM_ALL_FAULTS = (1 << 15) - 1
};

/* cmocka's group setup and teardown: *state is a struct sim_place. */
int sim_place_open(void **state);
int sim_place_close(void **state);

/* A cluster that has not begun. faults: which kinds chance may choose from. place and study must outlive it. Free with sim_close.
 */
struct sim *sim_open(const struct sim_place *place, const struct sim_study *study, uint64_t seed, uint32_t faults);
void sim_close(struct sim *sim);

/* To the end of the study, checking all the way. */
void sim_run(struct sim *sim);
void sim_step(struct sim *sim);

/* The front of a study in which nothing goes wrong; free it. */
char *sim_undisturbed(const struct sim_place *place, const struct sim_study *study);

/* After sim_run: the front is that one, unless the study is steady or a healthy task was given up. Returns whether it was compared.
 */
bool sim_ends_alike(struct sim *sim, const char *undisturbed);

/* --- sim_network.c --- */

/* On its way to the master, or from it to the peer of that connection. */
void sim_post(struct sim *sim, bool to_master, int peer, uint32_t link, const void *data, size_t size);
void sim_deliver(struct sim *sim);
void sim_forget_flights(struct sim *sim, int peer, bool to_master_too);
/* A fresh connection; messages on the old one are lost. */
void sim_reconnect(struct sim *sim, struct sim_process *process);
int64_t sim_next_flight_ms(const struct sim *sim);

/* --- sim_master.c --- */

void sim_master_init(struct sim *sim);
void sim_master_starts(struct sim *sim);
void sim_master_dies(struct sim *sim, bool power_cut);
void sim_master_stops(struct sim *sim);
void sim_master_hears(struct sim *sim, uint32_t link, const void *data, size_t size);
void sim_master_turns(struct sim *sim);
int64_t sim_master_next_ms(const struct sim *sim);
void sim_take_backup(struct sim *sim);
void sim_restore_backup(struct sim *sim);

/* --- sim_peer.c --- */

void sim_peer_starts(struct sim *sim, struct sim_process *process);
void sim_peer_dies(struct sim *sim, struct sim_process *process, int64_t restart_ms);
void sim_peer_hears(struct sim *sim, struct sim_process *process, const void *data, size_t size);
void sim_peer_acts(struct sim *sim, struct sim_process *process);
int64_t sim_peer_next_ms(const struct sim *sim, const struct sim_process *process);
/* Whether it is computing that job right now, as it sees it itself. */
bool sim_computes(const struct sim *sim, const struct sim_process *process, const struct sim_job *job);
void sim_jobs_progress(struct sim *sim, int64_t passed_ms);

/* --- sim_check.c --- */

/* What was seen of a key; made when it is new. */
struct sim_key *sim_key(struct sim *sim, const struct wire_task *task);

/* Whether the lease was granted in a future that is gone, because a backup of before was put back. */
bool sim_is_lost(const struct sim *sim, const struct wire_task *task);

/* A training as the simulation sees it: of the one architecture in its schedule. Other tasks stay as they are. */
void sim_read_task(struct wire_task *task);

/* What a training of that key leaves. */
enum { SIM_ARTIFACT_BYTES = 256, SIM_PIECE_BYTES = 100 };
void sim_artifact(const char *key, uint8_t out[SIM_ARTIFACT_BYTES], struct digest *digest);
void sim_note_task(struct sim *sim, int peer, const struct wire_task *task);
void sim_check_step(struct sim *sim);
/* Of the database that a master has just opened, and of the one that is left at the end. */
void sim_check_acked(struct sim *sim, struct store *store);
void sim_check_end(struct sim *sim);

/* The front of the database as text, a line a point, out of its own memory. */
char *sim_front(struct sim *sim);

#endif
