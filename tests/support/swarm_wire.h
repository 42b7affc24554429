/* swarm_wire: the few messages of a worker as bytes, written and read by hand because a swarm shares its two CPUs with the master
 * that is measured. tests/unit/test_swarm.c holds them against common/wire. */
#ifndef HWNAS_TESTS_SUPPORT_SWARM_WIRE_H
#define HWNAS_TESTS_SUPPORT_SWARM_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/support/swarm.h"

struct swarm_held {
    uint64_t lease_id, epoch;
    uint32_t attempt;
    bool done; /* its result has been sent */
    uint8_t key[SWARM_KEY_BYTES];
    int64_t sent_ms;
};

/* What a master says, as far as a worker minds. */
enum swarm_word { SWARM_OTHER, SWARM_WELCOME, SWARM_ANSWER, SWARM_TASK, SWARM_ACK, SWARM_GOODBYE, SWARM_REFUSE };

struct swarm_message {
    enum swarm_word word;
    uint64_t epoch, lease_id, sequence;
    uint32_t attempt, heartbeat_ms, lease_ms;
    uint32_t code; /* verdict or reason to refuse; Goodbye: whether the study is finished */
    uint8_t key[SWARM_KEY_BYTES];
    uint32_t drops;
    uint64_t drop[64];
};

/* Each writes one frame to out and returns its size. room for `held` tasks: swarm_wire_room. */
size_t swarm_wire_room(uint32_t held);
size_t swarm_wire_hello(uint8_t *out, const char *node, const char *host, uint64_t incarnation, uint32_t slots, uint64_t sequence,
                        const struct swarm_held *held, uint32_t count);
size_t swarm_wire_heartbeat(uint8_t *out, uint32_t slots, uint64_t sequence, const struct swarm_held *held, uint32_t count);
size_t swarm_wire_result(uint8_t *out, const struct swarm_held *held);

/* False: not a frame of the protocol. */
bool swarm_wire_read(const uint8_t *data, size_t size, struct swarm_message *out);

#endif
