#!/usr/bin/python3
"""kills.py [SCENARIO...]: kill -9 of masters, workers and agents, again and again: nothing acknowledged is lost, nothing counted twice, and the
search ends as if nothing had happened. A task that kills its workers is given up, and the search goes on."""
import sqlite3
import time

import tap
from cluster import Cluster
from judge import judge, undisturbed
from tap import amount, ok, same, say

WORKERS, AGENTS = 4, 2


def tell_absence(cluster, died_ms):
    """From each death to the first peer that is welcome again, unless the next death comes first."""
    welcomes = sorted(record[2] for record in cluster.ledgers.read() if record[1] == "welcome")
    away = []
    for died, next_died in zip(died_ms, died_ms[1:] + [float("inf")]):
        heard = next((ms for ms in welcomes if ms >= died), float("inf"))
        if heard < next_died:
            away.append((heard - died) / 1000)
    say("back in service after %.2f s in the middle, %.2f s at the most" % (sorted(away)[len(away) // 2], max(away)))


def master_killed(chance):
    """P1. One kill at a random moment of each stretch of the search; one in five while the master starts."""
    budget, kills = amount(250, 5000), amount(8, 200)
    undisturbed(budget, AGENTS)
    with Cluster() as cluster:
        cluster.study("killed", budget)
        cluster.start_master("killed")
        cluster.start_peers(WORKERS, AGENTS)
        killed, died_ms = 0, []
        # The last may be late: what is left then takes several times as long as it takes to see that it is left.
        for mark in sorted(chance.uniform(0, budget - 75) for _ in range(kills)):
            if chance.random() < 0.8:
                cluster.wait(lambda: cluster.evaluated() >= mark or cluster.master.popen is None, "evaluation %d" % mark)
            cluster.pass_time(chance.uniform(0, 0.06))
            died_ms.append(time.monotonic() * 1000)
            killed += cluster.master.popen is not None and cluster.master.kill()
        cluster.finish()
        tell_absence(cluster, died_ms)
        codes = cluster.stop_peers()
        report = judge(cluster, "killed", budget, "%d kills of the master: every promise holds, every candidate as undisturbed" % kills)
        same(killed, kills, "the master was killed so often")
        same(set(codes.values()), {0}, "no peer had to be started again, and all end well")
        same(report["leases"].get("lost", 0) + report["leases"].get("failed", 0), 0, "a restart of the master is nobody's lost attempt")


def peers_killed(chance):
    """P3. Exponential gaps; as many searches as it takes."""
    budget, kills, mean_s, round_number, killed, lost = amount(250, 5000), amount(12, 500), 0.1, 0, 0, 0
    undisturbed(budget, AGENTS)
    while killed < kills:
        round_number += 1
        with Cluster(peer_ms=10) as cluster:
            cluster.study("killed", budget)
            cluster.start_master("killed")
            cluster.start_peers(WORKERS, AGENTS)
            while killed < kills and cluster.evaluated() < budget * 0.95:
                cluster.pass_time(min(1, chance.expovariate(1 / mean_s)))
                process = chance.choice(cluster.peers())
                cluster.aim([process.name])
                killed += process.popen is not None and process.kill()
            cluster.finish()
            cluster.stop_peers()
            report = judge(cluster, "killed", budget, "search %d, %d kills of peers so far: every promise holds, no healthy task given up" % (round_number, killed))
            lost += report["leases"].get("lost", 0)
    say("%d kills, %d leases lost" % (killed, lost))


def poison(chance):
    """P4. Tasks that kill every worker that begins them. Proposals do not depend on outcomes here, so the others are as undisturbed."""
    budget, poisons = amount(120, 1000), amount(3, 20)
    strategy = "name: random, population: 50, generations: 1000"
    with Cluster(peer_ms=2) as cluster:
        whole = cluster.path("whole.db")
        with open(whole, "wb") as file:
            file.write(undisturbed(budget, 0, strategy=strategy))
        with sqlite3.connect(whole) as db:
            keys = [key for key, in db.execute("SELECT key FROM evaluation ORDER BY key")]
        bad = set(chance.sample(keys, poisons))
        with open(cluster.path("poison"), "w") as file:
            file.write("\n".join(sorted(bad)) + "\n")
        cluster.study("poisoned", budget, agents=False, strategy=strategy)
        cluster.start_master("poisoned")
        for i in range(3):
            cluster.start_worker("worker%d" % i, environment={"PEER_POISON": cluster.path("poison")})
        cluster.finish()
        deaths = sum(code == -9 for process in cluster.peers() for code in process.codes)
        cluster.stop_peers()
        report = cluster.check("poisoned", budget)
        same(report["faults"], [], "every promise holds among %d poisonous tasks" % poisons)
        with sqlite3.connect(cluster.path("poisoned.db")) as db:
            tries = {key: (count, nodes) for key, count, nodes in db.execute(
                "SELECT key, count(*), count(DISTINCT node) FROM lease WHERE state = 'lost' GROUP BY key")}
            stored = {key for key, in db.execute("SELECT key FROM evaluation")}
        same(stored, set(keys) - bad, "all others finish, and no poison has a row")
        healthy = {key: tries[key] for key in tries if key not in bad}
        same(healthy, {}, "no healthy task lost an attempt")
        same(sorted(tries.get(key, (0, 0)) for key in bad if tries.get(key, (0, 0))[0] > 3 or tries.get(key, (0, 0))[1] < 2), [],
             "each was given up after at most 3 attempts on at least 2 nodes")
        counted = sum(tries.get(key, (0, 0))[0] for key in bad)
        say("%d deaths, %d of them counted as attempts" % (deaths, counted))
        # The first death may come before its Heartbeat has left; later attempts begin only when the master is known to know.
        ok(deaths - counted <= poisons, "of each at most one death is not counted, the first")


if __name__ == "__main__":
    tap.main([master_killed, peers_killed, poison])
