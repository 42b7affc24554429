#!/usr/bin/python3
"""cuts.py [SCENARIO...]: the network between master and peers is cut, one-way, lossy, slow or down, by nftables and tc in a network
namespace of its own, where the loopback is the network: each peer goes to an address of its own, 127.0.1.N, so that it can be cut off alone. The
namespace ends with this process. Needs root (or user namespaces), ip, nft and tc; skips and says so otherwise."""
import os
import shutil
import subprocess
import sys
import time

import tap
from judge import endure, total
from tap import amount, ok, say, skip

PORT = 5555
WORKERS, AGENTS = 4, 2
PEERS = ["worker%d" % i for i in range(WORKERS)] + ["agent%d" % i for i in range(AGENTS)]


def run(*words):
    subprocess.run(words, check=True, capture_output=True, text=True)


# --- the network


def address_of(node):
    return "127.0.1.%d" % (PEERS.index(node) + 1)


def open_network(cluster):
    """Before anything is started in it."""
    cluster.listen = ["tcp://%s:%d" % (address_of(node), PORT) for node in PEERS]
    heal()


def start_all(cluster, study):
    cluster.start_master(study)
    for node in PEERS:
        starter = cluster.start_worker if node.startswith("worker") else cluster.start_agent
        starter(node, "tcp://%s:%d" % (address_of(node), PORT))


def rules(lines):
    done = subprocess.run(["nft", "-f", "-"], input="\n".join(lines) + "\n", capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError("nft: " + done.stderr)


def heal():
    """Everything passes: the table is made anew."""
    rules(["add table inet chaos", "delete table inet chaos", "add table inet chaos", "add chain inet chaos out { type filter hook output priority 0; }"])


def cut(nodes, to_master=True, to_peer=True, share=""):
    """Packets in that direction vanish; share: `numgen random mod 100 < 20` of them."""
    lines = []
    for node in nodes:
        if to_master:
            lines.append("add rule inet chaos out ip daddr %s tcp dport %d %s drop" % (address_of(node), PORT, share))
        if to_peer:
            lines.append("add rule inet chaos out ip saddr %s tcp sport %d %s drop" % (address_of(node), PORT, share))
    rules(lines)


# --- what is told


def back_in_service(cluster, nodes, since):
    """Whether each has heard of the master since."""
    heard = {record[0] for record in cluster.ledgers.read()[since:] if record[1] in ("welcome", "acked", "begin")}
    return set(nodes) <= heard


class Returns:
    """How long peers took to be heard again once the network was whole."""

    def __init__(self):
        self.seconds = []

    def wait(self, cluster, nodes):
        since, began = len(cluster.ledgers.read()), time.monotonic()
        cluster.wait(lambda: back_in_service(cluster, nodes, since) or cluster.master.popen is None, "%s to be back" % nodes)
        if cluster.master.popen is not None:
            self.seconds.append(time.monotonic() - began)

    def tell(self):
        if self.seconds:
            ordered = sorted(self.seconds)
            say("back in service after %.1f s in the middle, %.1f s at the most" % (ordered[len(ordered) // 2], ordered[-1]))


def some(chance):
    return chance.sample(PEERS, chance.randint(1, len(PEERS)))


# --- scenarios


def cut_off(chance):
    """N1"""
    returns, span = Returns(), amount((1, 2), (1, 10))

    def fault(cluster):
        cluster.pass_time(chance.uniform(0.05, 0.5))
        nodes = some(chance)
        cluster.aim(nodes)
        cut(nodes)
        cluster.pass_time(chance.uniform(*span))
        heal()
        returns.wait(cluster, nodes)
        return 1

    reports = endure("cut", amount(1, 100), fault, amount(80, 3000), "nothing is lost, nothing counted twice", prepare=open_network,
                     start=lambda cluster: start_all(cluster, "cut"), peer_ms=amount(50, 100), lease_ms=3000)
    returns.tell()
    say("%d leases lost, %d returned" % (total(reports, "lost"), total(reports, "returned")))


def one_way(chance):
    """N2"""
    returns, done = Returns(), []

    def fault(cluster):
        cluster.pass_time(chance.uniform(0.05, 0.5))
        nodes, to_master = some(chance), len(done) % 2 == 0
        done.append(to_master)
        cluster.aim(nodes)
        cut(nodes, to_master=to_master, to_peer=not to_master)
        cluster.pass_time(chance.uniform(1, amount(1.5, 5)))
        heal()
        returns.wait(cluster, nodes)
        return 1

    endure("oneway", amount(2, 60), fault, amount(80, 3000), "cut in one direction, half to the master, half from it", prepare=open_network,
           start=lambda cluster: start_all(cluster, "oneway"), peer_ms=amount(50, 100), lease_ms=3000)
    returns.tell()


def weather(chance, name, begin, end, seconds, sentence):
    """Something that lasts. A worker's death must not be believed more than once."""
    advanced = []

    def fault(cluster):
        before = cluster.evaluated()
        begin()
        cluster.pass_time(seconds)
        cluster.wait(lambda: cluster.evaluated() > before, "an evaluation in such a network", 300)
        advanced.append(cluster.evaluated() - before)
        end()
        return 1

    budget = amount(80, 1500)
    reports = endure(name, 1, fault, budget, sentence, prepare=open_network, start=lambda cluster: start_all(cluster, name), peer_ms=amount(120, 250),
                     heartbeat_ms=1000, lease_ms=10000)
    ok(min(advanced) > 0, "and the search advanced meanwhile: by %d" % min(advanced))
    ok(total(reports, "lost") <= len(PEERS), "at most one lease a peer was believed lost: %d" % total(reports, "lost"))


def lossy(chance):
    """N3: a fifth of all packets is lost."""
    weather(chance, "lossy", lambda: cut(PEERS, share="numgen random mod 100 < 20"), heal, amount(2, 60), "a fifth of the packets lost")


def slow(chance):
    """N3: 64 kbit/s for all together (256 where there is little time)."""
    rate = "%dkbit" % amount(256, 64)
    weather(chance, "slow", lambda: run("tc", "qdisc", "add", "dev", "lo", "root", "tbf", "rate", rate, "burst", "4k", "latency", "2s"),
            lambda: run("tc", "qdisc", "del", "dev", "lo", "root"), amount(3, 60), rate + "/s")


def down(chance):
    """N3: the interface goes down and up."""
    returns = Returns()

    def fault(cluster):
        cluster.pass_time(chance.uniform(0.05, 0.3))
        cluster.aim(PEERS)
        run("ip", "link", "set", "lo", "down")
        cluster.pass_time(chance.uniform(1, amount(1.5, 3)))
        run("ip", "link", "set", "lo", "up")
        returns.wait(cluster, PEERS)
        return 1

    endure("down", amount(1, 20), fault, amount(80, 3000), "the interface down and up", prepare=open_network,
           start=lambda cluster: start_all(cluster, "down"), peer_ms=amount(50, 100), lease_ms=3000)
    returns.tell()


def restarted_behind_a_cut(chance):
    """N6: the master does not know that the process it talked to is gone, and a new one has its name."""
    returns = Returns()

    def fault(cluster):
        node = chance.choice(PEERS)
        cluster.pass_time(chance.uniform(0.05, 0.2))
        cluster.aim([node])
        cut([node])
        cluster.pass_time(chance.uniform(0, 0.5))
        cluster.processes[node].kill()
        cluster.pass_time(chance.uniform(0.2, 1.5))
        heal()
        returns.wait(cluster, [node])
        return 1

    reports = endure("renamed", amount(1, 50), fault, amount(80, 3000), "a worker that came back under its name behind a cut", prepare=open_network,
                     start=lambda cluster: start_all(cluster, "renamed"), peer_ms=amount(50, 100), lease_ms=3000)
    returns.tell()
    say("%d leases lost, %d returned" % (total(reports, "lost"), total(reports, "returned")))


def between_machines(chance):
    """N1 over a real link: the peers live in a second namespace, at the other end of a veth, and talk with keys."""
    returns, done = Returns(), []
    other = subprocess.Popen(["unshare", "--net", "cat"], stdin=subprocess.PIPE)  # holds the other machine's network

    def inside(*words):
        run("nsenter", "-t", str(other.pid), "--net", *words)

    def entered():
        return os.readlink("/proc/%d/ns/net" % other.pid) != os.readlink("/proc/self/ns/net")

    def prepare(cluster):
        cluster.wait(entered, "the other namespace")
        if not done:
            run("ip", "link", "add", "here", "type", "veth", "peer", "name", "there", "netns", str(other.pid))
            run("ip", "address", "add", "10.77.0.1/24", "dev", "here")
            run("ip", "link", "set", "here", "up")
            inside("ip", "address", "add", "10.77.0.2/24", "dev", "there")
            inside("ip", "link", "set", "there", "up")
            done.append("linked")
        heal()
        cluster.listen = ["tcp://10.77.0.1:%d" % PORT]
        cluster.make_keys(PEERS)
        cluster.elsewhere = ["nsenter", "-t", str(other.pid), "--net"]

    def start(cluster):
        cluster.start_master("apart")
        cluster.start_peers(WORKERS, AGENTS, cluster.listen[0])

    def fault(cluster):
        cluster.pass_time(chance.uniform(0.05, 0.3))
        cluster.aim(PEERS)
        if len(done) % 2 == 0:
            rules(["add rule inet chaos out ip daddr 10.77.0.2 drop"])
        else:
            run("ip", "link", "set", "here", "down")
        done.append("cut")
        cluster.pass_time(chance.uniform(1, amount(1.5, 10)))
        heal()
        run("ip", "link", "set", "here", "up")
        returns.wait(cluster, PEERS)
        return 1

    try:
        endure("apart", amount(1, 20), fault, amount(80, 2000), "a link between two machines, with keys, cut and down", prepare=prepare, start=start,
               peer_ms=amount(50, 100), lease_ms=3000)
    finally:
        other.kill()
        other.wait()
    returns.tell()


SCENARIOS = [cut_off, one_way, lossy, slow, down, restarted_behind_a_cut, between_machines]


def missing():
    """What this machine lacks; None when it has all."""
    for program in ("unshare", "ip", "nft", "tc"):
        if shutil.which(program) is None and not os.path.exists("/usr/sbin/" + program):
            return "%s is absent: scripts/install-deps brings it" % program
    tried = subprocess.run(namespace() + ["sh", "-c", "ip link set lo up && nft list tables"], capture_output=True, text=True)
    return None if tried.returncode == 0 else "no network namespace can be made here (root or user namespaces): " + tried.stderr.strip()[:100]


def namespace():
    return ["unshare", "--net"] + ([] if os.geteuid() == 0 else ["--map-root-user"])


if __name__ == "__main__":
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    if os.environ.get("CHAOS_NAMESPACE"):
        run("ip", "link", "set", "lo", "up")
        tap.main(SCENARIOS)
    elif missing() is not None:
        for scenario in SCENARIOS:
            skip(scenario.__name__, missing())
        print("1..%d" % len(SCENARIOS))
    else:
        os.environ["CHAOS_NAMESPACE"] = "1"
        os.execvp("unshare", namespace() + [sys.executable, os.path.abspath(__file__)] + sys.argv[1:])
