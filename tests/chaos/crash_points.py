#!/usr/bin/python3
"""crash_points.py [SCENARIO...]: the master is killed at each of its crash points (common/crash.h), at a random passage of it; another
is started, and the search ends as if nothing had happened. P2."""
import contextlib
import os
import re
import signal
import sqlite3
import subprocess

import tap
from cluster import BUILD, Cluster
from judge import judge, undisturbed
from tap import amount, ok, same, say

# In a turn of the loop, again and again: the n-th passage is drawn from 1 to this.
RUNNING = {
    "before-begin": 12, "result-stored": 8, "lease-closed": 8, "candidate-stored": 8, "lease-stored": 6, "before-commit": 12, "after-commit": 12,
    "before-task": 6, "after-task": 6, "after-answer": 12, "after-outbox": 12, "log-write": 40, "before-snapshot": 1, "snapshot-stored": 1,
    "epoch-raised": 1, "before-listen": 1, "after-listen": 1, "checkpoint-write": 12,
}
BACKUP = ("before-backup", "backup-copied", "backup-made", "backup-named")  # `hwnas db backup` of a master that runs
SHUTDOWN = ("at-shutdown", "shutdown-stored", "after-goodbye", "before-close")
# Once in the life of a database; each restart finds what the one before has left.
CREATION = ("database-made", "database-named", "finish-stored", "at-finish")
MIGRATION = ("before-backup", "backup-copied", "backup-made", "backup-named", "migration-run", "migration-done", "migration-run")
ELSEWHERE = ("weights-stored",)  # of a study with a one-shot net: tests/e2e/oneshot.sh kills there
WORKERS, AGENTS = 4, 2


def stop(cluster):
    cluster.master.signal(signal.SIGTERM)


def back_up(cluster):
    """The master it asks is about to die; then it makes the copy itself, and the next master waits for that."""
    cluster.copies = getattr(cluster, "copies", 0) + 1
    asking = start_backup(cluster, "copy%d.db" % cluster.copies)
    cluster.wait(lambda: asking.poll() is not None, "the end of hwnas db backup")


def start_backup(cluster, copy):
    return subprocess.Popen([os.path.join(BUILD, "hwnas"), "db", "backup", "--db", cluster.path("killed.db"), "-o", cluster.path(copy)],
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def die_at(cluster, study, point, passage, act=None, act_after=0):
    """A master that is to be killed there, on an order or by itself. True when it was, False when the study ended first."""
    cluster.start_master(study, crash="%s:%d" % (point, passage)).supervised = False
    if act is not None:
        told = cluster.evaluated()
        cluster.wait(lambda: cluster.evaluated() >= told + act_after or cluster.master.popen is None, "work to interrupt")
        act(cluster)
    cluster.wait(lambda: cluster.master.popen is None, "%s, passage %d" % (point, passage))
    return cluster.master.codes[-1] == -signal.SIGKILL


def go_on_to_the_end(cluster, study):
    cluster.start_master(study)
    cluster.finish()
    cluster.stop_peers()


def query(path, sql):
    with contextlib.closing(sqlite3.connect(path)) as db:
        return db.execute(sql).fetchone()[0]


def every_point_is_tried(chance):
    with_points = subprocess.run(["grep", "-rhoE", r'crash_point\([^)]*\)', "master", "common", "--include=*.c"], capture_output=True, text=True).stdout
    named = set(re.findall(r'"([a-z-]+)"', with_points))
    tried = (set(RUNNING) | set(SHUTDOWN) | set(CREATION) | set(MIGRATION) | set(ELSEWHERE)) - {"log-write", "checkpoint-write"}
    same(tried, named, "the points that are tried are those of the sources")


def while_running(chance):
    """A checkpoint comes only once the log has 1000 pages, so its kills come last."""
    times, budget = amount(1, 10), amount(600, 3000)
    undisturbed(budget, AGENTS)
    kills = [(point, chance.randint(1, most)) for point, most in RUNNING.items() for _ in range(times) if point != "checkpoint-write"]
    kills += [(point, 1, stop, chance.randint(1, 5)) for point in SHUTDOWN for _ in range(times)]
    kills += [(point, 1, back_up, chance.randint(1, 5)) for point in BACKUP for _ in range(times)]
    chance.shuffle(kills)
    kills += [("checkpoint-write", chance.randint(1, RUNNING["checkpoint-write"])) for _ in range(times)]
    with Cluster(peer_ms=5) as cluster:
        cluster.study("killed", budget)
        cluster.start_peers(WORKERS, AGENTS)
        missed = [kill[:2] for kill in kills if not die_at(cluster, "killed", *kill)]
        go_on_to_the_end(cluster, "killed")
        same(missed, [], "%d points, each met and killed at %d times" % (len(RUNNING) + len(SHUTDOWN) + len(BACKUP), times))
        same(start_backup(cluster, "copy%d.db" % (cluster.copies + 1)).wait(), 0, "the next backup succeeds")
        copies = [name for name in os.listdir(cluster.folder) if re.fullmatch(r"copy\d+\.db", name)]
        sound = [query(cluster.path(name), "PRAGMA integrity_check") for name in copies]
        same(set(sound), {"ok"}, "and what has a copy's name is whole: %d copies" % len(copies))
        report = judge(cluster, "killed", budget, "%d deaths: every promise holds, every candidate as undisturbed" % len(kills))
        same(report["leases"].get("lost", 0) + report["leases"].get("failed", 0), 0, "no attempt was lost by them")


def from_first_to_last(chance):
    """From a database that is not there yet to a study that is finished and has told nobody."""
    budget, times = 12, amount(1, 10)
    undisturbed(budget, 0)
    for round_number in range(times):
        with Cluster(peer_ms=2) as cluster:
            cluster.study("killed", budget, agents=False)
            cluster.start_peers(2, 0)
            missed = [point for point in CREATION if not die_at(cluster, "killed", point, 1)]
            go_on_to_the_end(cluster, "killed")
            same(missed, [], "round %d: killed at each of %s" % (round_number + 1, ", ".join(CREATION)))
            judge(cluster, "killed", budget, "every promise holds", 0)
            left = [name for name in os.listdir(cluster.folder) if name.startswith("killed.db")]
            ok("killed.db" in left, "the database is there")


def old_database(cluster, path, rows):
    """As the first version of hwnas would have left it, with so many evaluations of the search that has just ended."""
    with open("master/schema.sql") as schema, sqlite3.connect(path) as db:
        db.executescript(schema.read())
        db.execute("ATTACH ? AS whole", (cluster.path("whole.db"),))
        db.execute("INSERT INTO evaluation SELECT key, kind, arch, feasible, why_not, value, detail, node, device_key, seconds, wall_ms FROM whole.evaluation "
                   "ORDER BY key LIMIT ?", (rows,))


def while_migrating(chance):
    """Peers computed a search for another database first, of which an old one has a part: it must still be there in the end."""
    budget, times = 12, amount(1, 10)
    undisturbed(budget, 0)
    for round_number in range(times):
        with Cluster(peer_ms=2) as cluster:
            cluster.study("whole", budget, agents=False)
            cluster.start_master("whole")
            cluster.start_peers(2, 0)
            cluster.finish()
            cluster.study("killed", budget, agents=False)
            old_database(cluster, cluster.path("killed.db"), 8)
            missed = [point for point in MIGRATION if not die_at(cluster, "killed", point, 1)]
            go_on_to_the_end(cluster, "killed")
            same(missed, [], "round %d: killed at each of %s" % (round_number + 1, ", ".join(MIGRATION)))
            report = cluster.check("killed", budget)
            same([fault for fault in report["faults"] if not fault.startswith("duplicated")], [], "every promise holds")
            same(query(cluster.path("killed.db.schema1"), "SELECT count(*) FROM evaluation"), 8, "the copy of the old version is whole")


if __name__ == "__main__":
    tap.main([every_point_is_tried, while_running, from_first_to_last, while_migrating])
