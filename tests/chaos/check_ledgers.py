#!/usr/bin/python3
"""check_ledgers.py --db FILE --study NAME --ledgers FOLDER [--budget N] [--reference FILE]: what a search with faults came to.

Reads nothing but what peers wrote down (tests/support/peer_ledger.c) and the database, and judges:

    lost          an acknowledged result that the database does not have, or has with another value
    unexpected    a row of the database that no peer ever sent
    duplicated    a key that was counted twice: two results of it acknowledged as accepted, two leases of it done, two candidates
    recovered     sent, never acknowledged, and stored all the same: allowed
    and: the budget to the very evaluation, no lease left open, no orphan rows, told numbers without gaps, integrity_check and
    foreign_key_check, and candidates and costs equal, row by row, to those of the undisturbed search in --reference.

Prints one JSON object; exit code 0: all is well, 1: `faults` is not empty."""
import argparse
import collections
import contextlib
import json
import os
import sqlite3
import sys

RECORD_BYTES = 256
SHOWN = 5  # examples of each fault


def read_ledgers(folder):
    """Yields (node, kind, ms, key, lease, epoch, attempt, word, value)."""
    for name in sorted(os.listdir(folder)):
        if not name.endswith(".ledger"):
            continue
        with open(os.path.join(folder, name), "rb") as file:
            data = file.read()
        if len(data) % RECORD_BYTES != 0:
            raise ValueError("%s: is torn: %d bytes are no whole number of records" % (name, len(data)))
        for i in range(0, len(data), RECORD_BYTES):
            kind, ms, key, lease, epoch, attempt, word, value = data[i : i + RECORD_BYTES].decode().split()
            yield name.removesuffix(".ledger"), kind, int(ms), key, int(lease), int(epoch), int(attempt), word, float(value)


class Report:
    def __init__(self):
        self.faults, self.figures = [], {}

    def count(self, name, items):
        """A figure that must be 0."""
        items = list(items)
        self.figures[name] = len(items)
        if items:
            self.faults.append("%s: %d, for example %s" % (name, len(items), "; ".join(map(str, items[:SHOWN]))))

    def expect(self, name, got, wanted):
        self.figures[name] = got
        if got != wanted:
            self.faults.append("%s is %s and should be %s" % (name, got, wanted))


def check_results(report, db, ledgers, put_back):
    stored = {key: (feasible, value) for key, feasible, value in db.execute("SELECT key, feasible, value FROM evaluation")}
    withdrawn = {key for key, in db.execute("SELECT key FROM withdrawn")}
    sent, outcome_of, acked, accepted = collections.defaultdict(set), {}, {}, collections.defaultdict(set)
    for node, kind, _, key, lease, epoch, _, word, value in ledgers:
        if kind == "sent":
            outcome_of[node, lease, key] = word
            if word != "failed":
                sent[key].add((1, value) if word == "ok" else (0, None))
        elif kind == "acked":
            outcome = outcome_of.get((node, lease, key))
            if outcome in ("ok", "infeasible") and word in ("accepted", "duplicate"):
                acked[key] = node
                if word == "accepted":
                    accepted[key].add((node, lease))
    lost = [key for key in acked if (key not in stored or stored[key] not in sent[key]) and key not in withdrawn]
    report.count("lost", lost)
    crashed = {key for key, in db.execute("SELECT key FROM evaluation WHERE failure = 'crashes_device'")}  # the master's own word
    report.count("unexpected", [key for key, row in stored.items() if row not in sent[key] and key not in crashed])
    twice = [key for key, by in accepted.items() if len(by) > 1 and not put_back]
    twice += [key for key, in db.execute("SELECT key FROM lease WHERE state = 'done' GROUP BY key HAVING count(*) > 1") if key not in withdrawn]
    report.count("duplicated", sorted(set(twice)))
    report.figures["recovered"] = sum(1 for key in stored if key in sent and key not in acked)
    report.figures["acknowledged"] = len(acked)
    report.figures["stored"] = len(stored)
    report.figures["sent"] = len(sent)


def check_study(report, db, study, budget):
    identity, state = db.execute("SELECT id, state FROM study WHERE name = ?", (study,)).fetchone()
    report.expect("state", state, "finished")
    rows = db.execute("SELECT ask, told, fitness_key, skipped, connected FROM candidate WHERE study_id = ? ORDER BY told", (identity,)).fetchall()
    report.expect("told without gaps", [row[1] for row in rows] == list(range(len(rows))), True)
    report.expect("asked once each", len({row[0] for row in rows}), len(rows))
    keys = {row[2] for row in rows if row[4] and not row[3]}
    if budget is not None:
        report.expect("evaluations of the study", len(keys), budget)
    if db.execute("SELECT count(*) FROM study").fetchone()[0] > 1:
        return
    # With one study in the file every row must be somebody's.
    given_up = {key for key, in db.execute("SELECT key FROM lease GROUP BY key HAVING sum(state IN ('failed', 'lost')) >= 3")}
    scored = {key for key, in db.execute("SELECT key FROM evaluation WHERE kind = 'rmi'")}
    report.count("orphan evaluations", scored - keys)
    report.count("candidates without a row", keys - scored - given_up)
    if budget is not None:
        report.expect("accepted or given up", len(scored | (given_up & keys)), budget)
    canonical = {arch for arch, in db.execute("SELECT canonical FROM candidate")}
    measured = [arch for arch, in db.execute("SELECT arch FROM evaluation WHERE kind = 'measure'")]
    report.count("orphan measurements", set(measured) - canonical)
    report.expect("measurements of one architecture", len(measured), len(set(measured)))


def check_database(report, db):
    report.expect("integrity_check", "; ".join(row[0] for row in db.execute("PRAGMA integrity_check(3)")), "ok")
    report.count("foreign_key_check", db.execute("PRAGMA foreign_key_check"))
    report.count("open leases", db.execute("SELECT id, node FROM lease WHERE state = 'open'"))
    report.count("costs without a candidate", db.execute(
        "SELECT study_id, ask FROM candidate_cost WHERE (study_id, ask) NOT IN (SELECT study_id, ask FROM candidate)"))
    report.count("snapshots ahead of their study", db.execute(
        "SELECT study_id FROM snapshot WHERE told > (SELECT count(*) FROM candidate WHERE candidate.study_id = snapshot.study_id)"))
    report.figures["leases"] = dict(db.execute("SELECT state, count(*) FROM lease GROUP BY state"))


OUTCOME = """SELECT ask, told, arch, canonical, cached, skipped, connected, feasible, fitness, satisfies,
    (SELECT group_concat(position || ':' || ifnull(value, '-')) FROM candidate_cost AS cost WHERE cost.study_id = candidate.study_id AND cost.ask = candidate.ask)
    FROM candidate WHERE study_id = (SELECT id FROM study WHERE name = ?) ORDER BY ask"""


def check_reference(report, db, study, path):
    with open_database(path) as whole:
        name = whole.execute("SELECT name FROM study").fetchone()[0]
        wanted = whole.execute(OUTCOME, (name,)).fetchall()
    got = db.execute(OUTCOME, (study,)).fetchall()
    report.figures["candidates"] = len(got)
    report.count("candidates that differ from the undisturbed search", [a for a, b in zip(got, wanted) if a != b])
    report.expect("as many candidates", len(got), len(wanted))


def open_database(path):
    if not os.path.exists(path):
        raise SystemExit("%s: there is no such file" % path)
    return contextlib.closing(sqlite3.connect(path))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--db", required=True)
    parser.add_argument("--study", required=True)
    parser.add_argument("--ledgers", required=True)
    parser.add_argument("--budget", type=int)
    parser.add_argument("--reference")
    parser.add_argument("--put-back", action="store_true", help="the database was put back: what it had forgotten may be accepted again")
    options = parser.parse_args()
    report = Report()
    try:
        with open_database(options.db) as db:
            check_database(report, db)
            check_results(report, db, read_ledgers(options.ledgers), options.put_back)
            check_study(report, db, options.study, options.budget)
            if options.reference:
                check_reference(report, db, options.study, options.reference)
    except sqlite3.DatabaseError as error:  # what cannot be read is a fault, not a failure of the checker
        report.faults.append("integrity_check: %s" % error)
    except ValueError as error:
        report.faults.append(str(error))
    print(json.dumps(dict(report.figures, faults=report.faults), indent=1))
    sys.exit(1 if report.faults else 0)


if __name__ == "__main__":
    main()
