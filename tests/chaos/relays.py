#!/usr/bin/python3
"""relays.py [SCENARIO...]: what a network does that packet filters cannot: half a second of delay, half a minute of silence with all connections
open, resets in the middle of a frame, half-closed connections, damaged bytes. N4."""
import socket
import time

import tap
from cluster import RELEASE, Cluster
from judge import endure
from relay import Relay
from tap import amount, ok, say

GROWTH_MIB = 10


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


class Behind:
    """A cluster whose peers reach the master through a relay alone."""

    def __init__(self, chance, study, keys=False):
        self.chance, self.study, self.keys, self.relay, self.memory_kib = chance, study, keys, None, []

    def prepare(self, cluster):
        port = free_port()
        if self.keys:
            cluster.make_keys(["worker%d" % i for i in range(4)] + ["agent0", "agent1"])
        cluster.listen = ["tcp://127.0.0.1:%d" % port]
        if self.relay is not None:
            self.relay.close()
        self.relay = Relay(port, self.chance)

    def start(self, cluster):
        cluster.start_master(self.study)
        cluster.start_peers(4, 2, "tcp://127.0.0.1:%d" % self.relay.port)

    def endure(self, faults, fault, budget, sentence, **settings):
        try:
            return endure(self.study, faults, fault, budget, sentence, prepare=self.prepare, start=self.start, **settings)
        finally:
            self.relay.close()

    def measure(self, cluster):
        """The master's memory, for its growth."""
        if cluster.master.popen is not None:
            with open("/proc/%d/status" % cluster.master.popen.pid) as file:
                self.memory_kib += [int(line.split()[1]) for line in file if line.startswith("VmRSS")]

    def heard_again(self, cluster):
        """Every peer has been answered since."""
        since, began = len(cluster.ledgers.read()), time.monotonic()
        names = {process.name for process in cluster.peers()}
        cluster.wait(lambda: names <= {record[0] for record in cluster.ledgers.read()[since:] if record[1] in ("acked", "welcome", "begin")}
                     or cluster.master.popen is None, "all peers to be back")
        return time.monotonic() - began


def delayed(chance):
    behind, advanced = Behind(chance, "delayed"), []

    def fault(cluster):
        cluster.wait(lambda: cluster.evaluated() >= 8, "the search to be under way")
        before = cluster.evaluated()
        behind.relay.delay_s = 0.5
        cluster.pass_time(amount(4, 60))
        behind.relay.delay_s = 0.0
        advanced.append(cluster.evaluated() - before)
        return 1

    behind.endure(1, fault, amount(40, 400), "half a second late in each direction", heartbeat_ms=1000, lease_ms=10000, peer_ms=200)
    ok(advanced[0] > 0, "and the search advanced meanwhile: by %d" % advanced[0])


def still(chance):
    behind, back = Behind(chance, "still"), []

    def fault(cluster):
        cluster.pass_time(chance.uniform(0.1, 0.5))
        cluster.aim([process.name for process in cluster.peers()])
        behind.relay.still = True
        cluster.pass_time(amount(2, 30))
        behind.relay.still = False
        back.append(behind.heard_again(cluster))
        return 1

    behind.endure(amount(1, 5), fault, amount(100, 1000), "silence with open connections", peer_ms=100)
    say("all peers back after %.1f s at the most" % max(back))


def calm_growth(chance, evaluations, keys):
    """Of a master's memory over that many evaluations, in MiB, when nothing happens: tables and SQLite's cache."""
    behind = Behind(chance, "calm", keys)
    with Cluster(peer_ms=20) as cluster:
        behind.prepare(cluster)
        cluster.study("calm", evaluations + 20)
        behind.start(cluster)
        for least in (1, evaluations):
            cluster.wait(lambda: cluster.evaluated() >= least, "evaluation %d" % least)
            behind.measure(cluster)
        behind.relay.close()
    return (behind.memory_kib[-1] - behind.memory_kib[0]) / 1024


def broken(chance, study, wish, faults, sentence, keys=False):
    behind, reached = Behind(chance, study, keys), [0]

    def fault(cluster):
        behind.measure(cluster)
        reached[0] = max(reached[0], cluster.evaluated())
        before = behind.relay.done[wish]
        cluster.wait(lambda: behind.relay.wish(wish) or cluster.master.popen is None, "a connection")
        cluster.wait(lambda: behind.relay.done[wish] > before or cluster.master.popen is None, "bytes to break off in")
        cluster.pass_time(chance.uniform(0, 0.1))
        return behind.relay.done[wish] - before

    behind.endure(faults, fault, amount(100, 5000), sentence, peer_ms=20)
    growth = (max(behind.memory_kib) - behind.memory_kib[0]) / 1024
    calm = calm_growth(chance, reached[0], keys)
    say("the master's memory grew by %.1f MiB; by %.1f MiB in as many evaluations without faults" % (growth, calm))
    return growth - calm


def reset(chance):
    growth = broken(chance, "reset", "reset", amount(10, 500), "connections reset in the middle of a frame")
    ok(growth < GROWTH_MIB or not RELEASE, "the master keeps nothing of them: it grew by less than %d MiB more than without them" % GROWTH_MIB)


def half_closed(chance):
    broken(chance, "halfclosed", "half-close", amount(3, 50), "connections closed in one direction, in the middle of a frame")


def damaged(chance):
    """With keys, as anything that crosses a network must have: without them nothing but TCP's checksum guards a frame."""
    broken(chance, "damaged", "damage", amount(3, 100), "damaged bytes under keys", keys=True)


if __name__ == "__main__":
    tap.main([delayed, still, reset, half_closed, damaged])
