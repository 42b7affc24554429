#!/usr/bin/python3
"""limits.py [SCENARIO...]: the clock on the wall jumps by hours and years under a master (R1); descriptors, memory and threads run out (R2). What
cannot be done is said or waited for, and the state stays what it was."""
import glob
import os
import resource
import signal
import socket
import time

import tap
from cluster import BUILD, RELEASE, Cluster
from judge import endure, judge, total, undisturbed
from relays import free_port
from tap import amount, ok, same, say, skip


def faketime():
    return next(iter(sorted(glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1"))), None)


def clock_jumps(chance):
    """R1. The monotonic clock is left alone."""
    library = faketime()
    if library is None or not RELEASE:
        skip("clock_jumps", "libfaketime is absent (scripts/install-deps brings it), or this is a sanitizer's build")
        return
    jumps = ["+1h", "-1h", "+10y", "-10y", "+0"]

    def set_clock(cluster, offset):
        with open(cluster.path("clock.new"), "w") as file:
            file.write(offset + "\n")
        os.replace(cluster.path("clock.new"), cluster.path("clock"))

    def start(cluster):
        set_clock(cluster, "+0")
        cluster.start_master("jumping", environment={
            "LD_PRELOAD": library, "DONT_FAKE_MONOTONIC": "1", "FAKETIME_NO_CACHE": "1", "FAKETIME_TIMESTAMP_FILE": cluster.path("clock")})
        cluster.start_peers(4, 2)

    years = set()

    def fault(cluster):
        set_clock(cluster, jumps[len(done) % len(jumps)])
        done.append(1)
        before = cluster.evaluated()
        cluster.pass_time(chance.uniform(0.1, 0.6))
        cluster.wait(lambda: cluster.evaluated() > before + 5 or cluster.master.popen is None, "work after the jump")
        if len(done) % 5 in (3, 4) and cluster.master.popen is not None:
            cluster.master.kill()  # a restart in another year, too
        years.update(line[:4] for line in cluster.master.log_text().splitlines())
        return 1

    done = []
    reports = endure("jumping", amount(5, 40), fault, amount(250, 1500), "a clock that jumps by hours and years", start=start, peer_ms=40)
    say("the master saw the years %s" % sorted(year for year in years if year.isdigit()))
    ok(len({year for year in years if year.isdigit()}) >= 2, "the clock did jump")
    same(total(reports, "lost") + total(reports, "failed"), 0, "no lease ran out early")


def lease_ends_after_a_jump(chance):
    """R1: and none late, whatever the clock on the wall says: what a dead worker had is given to another."""
    library = faketime()
    if library is None or not RELEASE:
        skip("lease_ends_after_a_jump", "libfaketime is absent, or this is a sanitizer's build")
        return
    budget = amount(30, 60)
    undisturbed(budget, 0)
    for offset in amount(("-10y",), ("+10y", "-10y")):
        with Cluster(peer_ms=100) as cluster:
            cluster.study("late", budget, agents=False)
            with open(cluster.path("clock"), "w") as file:
                file.write("+0\n")
            cluster.start_master("late", environment={
                "LD_PRELOAD": library, "DONT_FAKE_MONOTONIC": "1", "FAKETIME_NO_CACHE": "1", "FAKETIME_TIMESTAMP_FILE": cluster.path("clock")})
            cluster.start_peers(2, 0)
            cluster.wait(lambda: cluster.evaluated() >= 5, "some work")
            with open(cluster.path("clock"), "w") as file:
                file.write(offset + "\n")
            cluster.processes["worker0"].supervised = False
            cluster.processes["worker0"].kill()
            cluster.finish()
            cluster.stop_peers()
            judge(cluster, "late", budget, "a worker dies and the clock jumps by %s: its task is given to the other" % offset, 0)


def descriptors(chance):
    """R2: more silent connections than the master has descriptors for; they go, and those that were kept out get in."""
    port, silent = free_port(), []

    def start(cluster):
        cluster.listen = ["tcp://127.0.0.1:%d" % port]
        cluster.start_master("narrow", before=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)))
        cluster.start_peers(2, 1, cluster.listen[0])

    def fault(cluster):
        for _ in range(100):
            try:
                silent.append(socket.create_connection(("127.0.0.1", port), timeout=0.2))
            except OSError:
                break
        cluster.start_worker("late%d" % len(cluster.processes), cluster.listen[0])
        cluster.pass_time(chance.uniform(0.5, 1.5))
        for connection in silent:
            connection.close()
        silent.clear()
        since = len(cluster.ledgers.read())
        cluster.wait(lambda: cluster.ledgers.count("acked", since=since) > 5 or cluster.master.popen is None, "work after the silent ones left")
        return 1

    endure("narrow", amount(1, 10), fault, amount(250, 1500), "100 silent connections, 64 descriptors", start=start, peer_ms=40)


# Whatever else a master without means does, these it does not.
CRASHES = {-signal.SIGSEGV, -signal.SIGBUS, -signal.SIGFPE, -signal.SIGILL}


def starved(chance, study, starts, sentence):
    """Masters that lack something: each either works or ends by itself; the last, which lacks nothing, finishes as if they had not been."""
    budget, ends = amount(100, 400), {}
    undisturbed(budget, 0)
    with Cluster(peer_ms=20) as cluster:
        cluster.allowed = set(range(-64, 256))
        cluster.study(study, budget, agents=False)
        cluster.start_master(study)
        cluster.start_peers(2, 0)
        cluster.wait(lambda: cluster.evaluated() >= 10, "some work")
        for name, settings in starts:
            cluster.master.supervised = False
            if cluster.master.popen is not None:
                cluster.master.kill()
                cluster.tick()
            cluster.start_master(study, **settings).supervised = False
            before = cluster.evaluated()
            end = time.monotonic() + 60
            cluster.wait(lambda: cluster.master.popen is None or cluster.evaluated() > before + 2 or time.monotonic() > end, name)
            ends[name] = "works" if cluster.master.popen is not None else cluster.master.codes[-1]
            if cluster.master.popen is not None and time.monotonic() > end:
                ends[name] = "hangs"
        if cluster.master.popen is not None:
            cluster.master.kill()
            cluster.tick()
        say(", ".join("%s: %s" % (name, end) for name, end in ends.items()))
        words = [line.split(": ", 1)[-1] for line in cluster.master.log_text().splitlines() if " error " in line]
        for word in sorted(set(words)):
            say(word)
        cluster.start_master(study)
        cluster.finish()
        cluster.stop_peers()
        same([name for name, end in ends.items() if end in CRASHES or end == "hangs"], [], "%s: a master works or ends, and does not hang or crash" % sentence)
        judge(cluster, study, budget, "%s: and the state stays what it was" % sentence, 0)
    return ends


def few_descriptors(chance):
    """R2"""
    def limit(count):
        return {"before": lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (count, count))}

    counts = amount((8, 14, 18, 64), (8, 10, 12, 14, 16, 18, 20, 24, 32, 40, 47, 48, 64))
    ends = starved(chance, "few", [("%d descriptors" % count, limit(count)) for count in counts], "few descriptors")
    wanted = {"%d descriptors" % count: 1 if count < 48 else "works" for count in counts}
    same(ends, wanted, "below 48 a master says that these are too few and ends, with more it works")


def little_memory(chance):
    """R2"""
    if not RELEASE:
        skip("little_memory", "this is a sanitizer's build, which maps terabytes")
        return

    def limit(mib):
        return {"before": lambda: resource.setrlimit(resource.RLIMIT_AS, (mib << 20, mib << 20))}

    sizes = sorted(chance.sample(range(20, 200), amount(4, 30)))
    starved(chance, "little", [("%d MiB" % mib, limit(mib)) for mib in sizes], "little address space")


def no_threads(chance):
    """R2"""
    library = os.path.join(os.path.abspath(BUILD), "chaos/no_threads.so")
    if not RELEASE:
        skip("no_threads", "this is a sanitizer's build")
        return
    starts = [("no thread from number %d on" % first, {"environment": {"LD_PRELOAD": library, "NO_THREADS": str(first)}}) for first in (1, 2, 3)]
    starved(chance, "threads", starts, "threads refused")


if __name__ == "__main__":
    tap.main([clock_jumps, lease_ends_after_a_jump, descriptors, few_descriptors, little_memory, no_threads])
