#!/usr/bin/python3
"""drains.py [SCENARIO...]: ends and beginnings that people make: SIGTERM to workers and masters, a second master on one database, a database
that is put back to what it was yesterday while workers go on."""
import os
import shutil
import signal
import time

import tap
from cluster import Cluster
from judge import endure, judge, total, undisturbed
from tap import amount, ok, same, say

DRAIN_S = 30  # what a drain may take; a stop that does not end is found by patience, not by this


def drain(process):
    """SIGTERM; (exit code, seconds)."""
    began = time.monotonic()
    process.signal(signal.SIGTERM)
    code = process.popen.wait(120)
    process.popen = None
    return code, time.monotonic() - began


def drained(chance):
    """P8. Workers and masters in turn, in the middle of their work."""
    ends, beats = [], []

    def stop(cluster):
        process = chance.choice(cluster.peers())
        since = len(cluster.ledgers.read())
        cluster.wait(lambda: cluster.ledgers.count("begin", process.name, since) > 0 or cluster.master.popen is None, "work for %s" % process.name)
        cluster.pass_time(chance.uniform(0, 0.1))
        if cluster.master.popen is None:
            return 0
        if len(ends) % 2 == 0:
            since = len(cluster.ledgers.read())
            ends.append((process.name,) + drain(process))
            records = [record for record in cluster.ledgers.read()[since:] if record[0] == process.name]
            # Between the signal and the last result: as many heartbeats as there was time for, less what a loaded machine delays.
            last = [record[2] for record in records if record[1] == "goodbye"]
            times = [record[2] for record in records if record[1] == "heartbeat"]
            if last and times:
                beats.append(max(b - a for a, b in zip(times, times[1:] + last)) / cluster.heartbeat_ms)
        else:
            process = cluster.master
            ends.append((process.name,) + drain(process))
        process.start()
        return 1

    reports = endure("drained", amount(4, 100), stop, amount(40, 400), "a drain loses nothing", agents=0, peer_ms=800, heartbeat_ms=100)
    finished = [end for end in ends if end[0] == "master"]
    say("%d masters and %d workers; longest drain %.2f s; longest pause between heartbeats %.1f times what was agreed"
        % (len(finished), len(ends) - len(finished), max(end[2] for end in ends), max(beats)))
    same([end for end in ends if end[1] != 0], [], "each ends with exit code 0")
    ok(all(end[2] <= DRAIN_S for end in ends), "within %d s" % DRAIN_S)
    same(total(reports, "lost") + total(reports, "failed"), 0, "and is nobody's lost attempt")


def second_master(chance):
    """P9"""
    refusals = []

    def start_second(cluster):
        cluster.pass_time(chance.uniform(0, 0.1))
        first = cluster.master
        if first.popen is None:
            return 0
        began = time.monotonic()
        cluster.listen = ["ipc://" + cluster.path("socket/second.sock")]
        second = cluster.start_master("one", name="master2")
        code = second.popen.wait(60)
        second.popen = None
        cluster.listen, cluster.master = [cluster.address], first
        if first.running():
            refusals.append((code, "another process holds this database" in second.log_text(), time.monotonic() - began))
            return 1
        return 0

    endure("one", amount(2, 20), start_second, amount(200, 1000), "the first is not disturbed", peer_ms=60)
    seconds = sorted(refusal[2] for refusal in refusals)
    say("refused after %.2f s in the middle, %.2f s at the most" % (seconds[len(seconds) // 2], seconds[-1]))
    same([refusal for refusal in refusals if refusal[:2] != (3, True)], [], "%d second masters are refused, and say why" % len(refusals))


def yesterday(chance):
    """P10. What was accepted since then is computed again; leases and results of the lost future are nobody's."""
    budget, times = amount(200, 1500), amount(1, 10)
    undisturbed(budget)
    with Cluster() as cluster:
        cluster.study("back", budget)
        cluster.start_master("back")
        cluster.start_peers(4, 2)
        for i in range(times):
            cluster.wait(lambda: cluster.evaluated() >= budget * (i + 0.3) / (times + 1) or cluster.master.popen is None, "some work")
            cluster.master.supervised = False
            cluster.master.kill()
            cluster.tick()
            for name in ("back.db", "back.db-wal"):  # yesterday's copy
                if os.path.exists(cluster.path(name)):
                    shutil.copy(cluster.path(name), cluster.path("kept-" + name))
            cluster.start_master("back")
            before = cluster.evaluated()
            cluster.wait(lambda: cluster.evaluated() >= before + chance.randint(5, 25), "a future that will be lost")
            cluster.master.supervised = False
            cluster.master.kill()
            cluster.tick()
            for name in ("back.db", "back.db-wal"):
                if os.path.exists(cluster.path(name)):
                    os.remove(cluster.path(name))
                if os.path.exists(cluster.path("kept-" + name)):
                    os.replace(cluster.path("kept-" + name), cluster.path(name))
            cluster.start_master("back")
        cluster.finish()
        codes = cluster.stop_peers()
        report = judge(cluster, "back", budget, "put back %d times: consistent, complete, every candidate as undisturbed" % times, more=["--put-back"])
        same(set(codes.values()), {0}, "no peer was misled")
        same(report["leases"].get("lost", 0) + report["leases"].get("failed", 0), 0, "no attempt was lost by it")


if __name__ == "__main__":
    tap.main([drained, second_master, yesterday])
