#!/usr/bin/python3
"""doctored.py: the checker finds each kind of fault in ledgers and a database that were sound before they were doctored."""
import contextlib
import os
import shutil
import sqlite3

import tap
from cluster import RECORD_BYTES, Cluster
from tap import ok, same, say

BUDGET = 30


def sql(*statements):
    def change(cluster):
        with contextlib.closing(sqlite3.connect(cluster.path("doctored.db"), isolation_level=None)) as db:
            for statement in statements:
                db.execute(statement)

    return change


def rewrite(change_record):
    """Replaces records of the first worker's ledger."""

    def change(cluster):
        path = cluster.path("ledgers/worker0.ledger")
        with open(path) as file:
            data = file.read()
        records = [data[i : i + RECORD_BYTES].split() for i in range(0, len(data), RECORD_BYTES)]
        with open(path, "w") as file:
            for record in change_record(records):
                file.write(" ".join(record).ljust(RECORD_BYTES - 1) + "\n")

    return change


def acknowledge_twice(records):
    for record in list(records):
        if record[0] in ("sent", "acked"):
            records.append(record[:3] + [str(int(record[3]) + 100000)] + record[4:])
        if record[0] == "acked":
            return records
    return records


def damage(cluster):
    with open(cluster.path("doctored.db"), "r+b") as file:
        size = file.seek(0, os.SEEK_END)
        for page in range(4096 * 4, size, 4096):
            file.seek(page + 8)
            file.write(b"\xff" * 64)


A_ROW = "(SELECT min(key) FROM evaluation WHERE kind = 'rmi')"
CASES = (
    ("an acknowledged row is gone", "lost", sql("DELETE FROM evaluation WHERE key = %s" % A_ROW)),
    ("an acknowledged row has another value", "lost", sql("UPDATE evaluation SET value = value + 0.001 WHERE key = %s" % A_ROW)),
    ("a row that nobody sent", "unexpected", sql("UPDATE evaluation SET key = replace(key, substr(key, 1, 8), '00000000') WHERE key = %s" % A_ROW)),
    ("nothing that was sent is on record", "unexpected", rewrite(lambda records: [record for record in records if record[0] != "sent"])),
    ("two results of a key were accepted", "duplicated", rewrite(acknowledge_twice)),
    ("two leases of a key are done", "duplicated", sql("INSERT INTO lease (epoch, key, attempt, node, state, reason, granted_wall_ms, closed_wall_ms) "
                                                       "SELECT epoch, key, 2, node, 'done', '', 1, 1 FROM lease LIMIT 1")),
    ("an evaluation beyond the budget", "accepted or given up", sql("INSERT INTO evaluation SELECT replace(key, substr(key, 1, 8), '00000000'), kind, arch, feasible, why_not, value, "
                                                             "detail, node, device_key, seconds, wall_ms, board, failure, queue_seconds, build_seconds, "
                                                             "run_seconds, energy_mj, after_canary, samples_digest FROM evaluation WHERE key = %s" % A_ROW)),
    ("a row of no candidate", "orphan evaluations", sql("UPDATE candidate SET fitness_key = replace(fitness_key, substr(fitness_key, 1, 8), '00000000') WHERE ask = 3")),
    ("a candidate is missing", "evaluations of the study", sql("DELETE FROM candidate WHERE ask = 3")),
    ("a measurement of no candidate", "orphan measurements", sql("UPDATE candidate SET canonical = 'none' WHERE ask = 3")),
    ("a lease is open", "open leases", sql("UPDATE lease SET state = 'open' WHERE id = 1")),
    ("a gap among the told", "told without gaps", sql("UPDATE candidate SET told = 9999 WHERE ask = 3")),
    ("a cost of no candidate", "costs without a candidate", sql("PRAGMA foreign_keys = OFF", "INSERT INTO candidate_cost SELECT id, 9999, 0, 1 FROM study")),
    ("the same, by SQLite's own check", "foreign_key_check", sql("PRAGMA foreign_keys = OFF", "INSERT INTO candidate_cost SELECT id, 9999, 0, 1 FROM study")),
    ("a snapshot ahead", "snapshots ahead", sql("UPDATE snapshot SET told = 9999")),
    ("the study is not finished", "state", sql("UPDATE study SET state = 'running'")),
    ("another outcome than undisturbed", "candidates that differ", sql("UPDATE candidate SET fitness = fitness + 1 WHERE ask = 5")),
    ("a damaged page", "integrity_check", damage),
)


def finds_each_kind(chance):
    with Cluster(peer_ms=0, lease_ms=60000) as cluster:
        cluster.study("whole", BUDGET)
        cluster.start_master("whole")
        cluster.start_peers(1, 1)
        cluster.finish()
        cluster.stop_peers()
        shutil.copytree(cluster.path("ledgers"), cluster.path("sound"))

        def judge(change):
            shutil.copy(cluster.path("whole.db"), cluster.path("doctored.db"))
            shutil.rmtree(cluster.path("ledgers"))
            shutil.copytree(cluster.path("sound"), cluster.path("ledgers"))
            change(cluster)
            return cluster.check("whole", BUDGET, cluster.path("whole.db"), db="doctored.db")

        sound = judge(lambda _: None)
        same(sound["faults"], [], "sound ledgers and database have no fault")
        for what, fault, change in CASES:
            faults = judge(change)["faults"]
            if not ok(any(found.startswith(fault) for found in faults), "%s: %s" % (what, fault)):
                say(faults)
        unheard = judge(rewrite(lambda records: [record for record in records if record[0] != "acked"]))
        same((unheard["faults"], unheard["recovered"] > sound["recovered"]), ([], True), "stored without an acknowledgement: recovered, and no fault")
        cut = judge(lambda _: os.truncate(cluster.path("ledgers/worker0.ledger"), 100))
        ok("torn" in cut["faults"][0], "a torn ledger is not read on")


if __name__ == "__main__":
    tap.main([finds_each_kind])
