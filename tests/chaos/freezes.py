#!/usr/bin/python3
"""freezes.py [SCENARIO...]: processes that stand still and go on: stopped workers whose leases run out, a stopped master, a worker that is
caught in a calculation while ZeroMQ's thread answers for it."""
import signal
import sqlite3
import time

import tap
from judge import endure, total
from tap import amount, same, say


def taken_over(cluster, key, node, since):
    return any(record[1] == "begin" and record[3] == key and record[0] != node for record in cluster.ledgers.read()[since:])


def wait_for_task(cluster, node):
    """One that another has not had already while this worker stood still the last time."""
    def has_one():
        key = cluster.in_hand(node)
        return cluster.master.popen is None or (key is not None and sum(record[1] == "begin" and record[3] == key for record in cluster.ledgers.read()) == 1)

    cluster.wait(has_one, "a task for %s" % node)


def worker_stopped(chance):
    """P5. It wakes when another has had its task: what it sends then is refused, or taken in the other's place."""

    def stop_one(cluster):
        node = "worker%d" % chance.randrange(4)
        process = cluster.processes[node]
        wait_for_task(cluster, node)
        cluster.aim([node])
        process.signal(signal.SIGSTOP)
        key, since = cluster.in_hand(node), len(cluster.ledgers.read())
        cluster.wait(lambda: key is None or taken_over(cluster, key, node, since) or cluster.master.popen is None, "another to take the task of %s" % node)
        cluster.pass_time(chance.uniform(0, 0.05))  # it wakes before, while or after the other has computed it
        process.signal(signal.SIGCONT)
        return key is not None

    reports = endure("stopped", amount(2, 50), stop_one, amount(100, 400), "a stopped worker's late result counts once at the most", lease_ms=900, heartbeat_ms=150, peer_ms=60)
    say("%d leases lost, %d returned" % (total(reports, "lost"), total(reports, "returned")))


def master_stopped(chance):
    """P6. However long: time that the master did not run is nobody's silence."""

    def stop(cluster):
        cluster.pass_time(chance.uniform(0.05, 0.5))
        cluster.master.signal(signal.SIGSTOP)
        cluster.pass_time(chance.uniform(*amount_of_freeze))
        cluster.master.signal(signal.SIGCONT)
        return 1

    amount_of_freeze = amount((1, 3), (1, 20))
    reports = endure("frozen", amount(1, 30), stop, amount(100, 1000), "a stopped master comes back as if it had not been away", peer_ms=20)
    same(total(reports, "lost"), 0, "no lease was taken for lost")


def loop_caught(chance):
    """P7. Its connection lives, ZeroMQ answers the heartbeats of the connection; but the worker's own do not come."""
    heartbeat_ms, lease_ms, spans, granted = 200, 2500, [], []

    def catch(cluster):
        node = "worker%d" % chance.randrange(4)
        process = cluster.processes[node]
        wait_for_task(cluster, node)
        cluster.aim([node])
        process.signal(signal.SIGRTMIN)
        caught_ms, key, since = time.time() * 1000, cluster.in_hand(node), len(cluster.ledgers.read())
        cluster.wait(lambda: key is None or taken_over(cluster, key, node, since) or cluster.master.popen is None, "another to take the task of %s" % node)
        spans.append((node, caught_ms, time.time() * 1000))
        process.signal(signal.SIGRTMIN + 1)
        return key is not None and cluster.master.popen is not None

    def leases_granted(cluster):
        # What the master had not read yet when the loop was caught is not held against it: two heartbeats more than three.
        with sqlite3.connect(cluster.path("caught.db")) as db:
            for node, caught_ms, freed_ms in spans:
                granted.extend(db.execute("SELECT id FROM lease WHERE node = ? AND granted_wall_ms > ? AND granted_wall_ms < ?",
                                          (node, caught_ms + 5 * heartbeat_ms, freed_ms)).fetchall())
        spans.clear()

    endure("caught", amount(1, 20), catch, amount(100, 400), "each task was reassigned", after=leases_granted, heartbeat_ms=heartbeat_ms,
           lease_ms=lease_ms, peer_ms=60)
    same(granted, [], "a worker that is caught gets no new work")


if __name__ == "__main__":
    tap.main([worker_stopped, master_stopped, loop_caught])
