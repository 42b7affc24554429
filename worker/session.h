/* session: a peer's life: it connects to the master, takes tasks into its slots, sends results until they are acknowledged, and
 * outlives masters that go and come back. Workers and agents differ in what their slots do (worker/job.h) and in what they tell of
 * themselves.
 *
 * One loop thread for messages, heartbeats and timers, which never computes; one thread a slot, which never sees a socket: so
 * heartbeats go on while all slots compute. Heartbeats tell that this process lives, not that a slot makes progress. */
#ifndef HWNAS_WORKER_SESSION_H
#define HWNAS_WORKER_SESSION_H

#include "common/bus.h"
#include "common/log.h"
#include "common/status.h"
#include "common/wire.h"
#include "worker/engine/engine.h"
#include "worker/runner.h"

struct session_options {
    const char *address;
    const struct bus_keys *keys; /* NULL: none; borrowed */
    enum wire_role role;
    const char *node; /* unique in the cluster */
    uint32_t slots;   /* 1 .. WIRE_SLOTS_MAX; agents: 1, or 2 where one candidate may be built while another runs */
    enum engine_isa isa;
    struct runner *runner; /* agents; borrowed */
};

/* Runs until SIGTERM or SIGINT, or until the master refuses this process for good. The first signal drains: no new tasks, tasks
 * that run are finished within 30 s or handed back, heartbeats go on; a second one hands them back at once. Blocks. Returns the
 * exit code: 0 after SIGTERM, 130 after SIGINT; otherwise status has the sentence and status_exit_code says the code
 * (STATUS_CONFLICT: another process took this node's name). */
int session_run(const struct session_options *options, const struct logger *logger, struct status *status);

#endif
