/* lone_master: a coordinator with a real study in a real database, but without a network: tests hand it frames and look at what it
 * sends. Its clock stands still until it is moved. No cmocka in it: fuzz targets use it, too. */
#ifndef HWNAS_TESTS_SUPPORT_LONE_MASTER_H
#define HWNAS_TESTS_SUPPORT_LONE_MASTER_H

#include <stdbool.h>

#include "common/wire.h"
#include "master/coord.h"

enum { LONE_TASKS = 64, LONE_REFUSALS = 8, LONE_VERDICTS = 5 };

struct lone_master {
    char folder[64]; /* study, bundle and database; in memory where there is such a place */
    char study[128], db[128], bundle[128];
    struct coord_options options;
    struct clock clock;
    struct logger logger; /* out NULL: silent */
    int64_t now_ms;
    /* Called with each frame when it is sent; NULL: nobody asks. */
    void (*sent)(void *context, const struct wire_message *message);
    void *sent_context;
    const struct keys_public *sender; /* the key that messages come with from now on; NULL: none */
    struct coord *coord;              /* NULL: closed */
    /* what was sent since it was opened */
    uint64_t frames, refusals[LONE_REFUSALS]; /* by enum wire_refuse_code */
    uint64_t verdicts[LONE_VERDICTS];         /* by enum wire_verdict */
    uint64_t by_type[WIRE_TYPES];
    struct wire_message last; /* of all; what it owned is gone */
    uint32_t last_link;
    char *page; /* the text of the last Answer; NULL: there was none */
    struct lone_task {
        struct wire_task task;
        uint32_t link;
    } tasks[LONE_TASKS]; /* the last ones: number n at n % LONE_TASKS */
    size_t task_count;   /* in all */
    bool broken;         /* it sent something that cannot be read */
};

/* Makes the folder with a study: scored by workers, measured by an agent of device DEVICE. False when that cannot be written. */
#define LONE_DEVICE "bench-1"
bool lone_prepare(struct lone_master *lone, int generations);
void lone_remove(struct lone_master *lone);

/* Opens coordinator and database (a fresh one if `fresh`) and takes the first turn. */
enum status_code lone_open(struct lone_master *lone, bool fresh, struct status *status);
void lone_close(struct lone_master *lone);

/* The last Task that went over that link and whose lease is open; NULL: there is none, or it is long ago. */
const struct wire_task *lone_task_of(const struct lone_master *lone, uint32_t link);

/* A frame, and a turn after it. */
void lone_message(struct lone_master *lone, uint32_t link, const void *data, size_t size);
void lone_send(struct lone_master *lone, uint32_t link, const struct wire_message *message);

/* A digest of all that the coordinator holds in memory about peers, leases, tasks and the study, but for its clock. */
uint64_t lone_state(const struct lone_master *lone);

/* The same of the bytes of its database. */
uint64_t lone_stored(const struct lone_master *lone);

#endif
