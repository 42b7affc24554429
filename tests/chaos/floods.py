#!/usr/bin/python3
"""floods.py [SCENARIO...]: whatever bytes arrive, the master lives, forgets them, and serves who is honest meanwhile: garbage, mutated messages,
frames that announce or never end, more silent connections than it has descriptors. M1 to M4."""
import fcntl
import os
import re
import resource
import shutil
import socket
import struct
import subprocess
import termios
import time

import zmtp
from cluster import BUILD, RELEASE, Cluster, Stuck
from tap import amount, main, ok, same, say

CORPUS = "tests/fuzz/corpus/wire"
GROWTH_MIB = 10 if RELEASE else 4096  # sanitizers keep memory for themselves
BAD_MESSAGE_CODES = (1, 3, 5)  # WRONG_VERSION, BAD_MESSAGE, NOT_ALLOWED
LAST_DIGEST = b"\xee" * 32
VERSION = bytes([0x08, int(re.search(r"WIRE_VERSION = (\d+)", open("common/wire.h").read()).group(1))])  # a Frame's first field
LAST = VERSION + bytes([0x4A, 0x22, 0x0A, 0x20]) + LAST_DIGEST  # a BundleRequest, which the master answers whoever asks
HEARTBEAT = VERSION + bytes([0x22, 0x0B, 0x08]) + b"\xff" * 9 + b"\x01"  # the last sequence number there is


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


class Flooded:
    """A cluster that listens at an ipc and a tcp address, with an honest worker at each, and a study that takes longer than the flood."""

    def __init__(self, name, chance, keys=False, before=None):
        self.chance, self.cluster = chance, Cluster(peer_ms=100, heartbeat_ms=2000, lease_ms=30000)
        arguments, worker_arguments = self.make_keys() if keys else ((), ())
        self.tcp = "tcp://127.0.0.1:%d" % free_port()
        self.cluster.listen.append(self.tcp)
        self.addresses = list(self.cluster.listen)
        self.cluster.study(name, 1000000, agents=False)
        self.master = self.cluster.start_master(name, arguments=arguments, before=before)
        self.cluster.start_worker("worker0")
        worker = self.cluster.start_worker("worker1", self.tcp)
        if keys:  # it was started without
            worker.kill()
            worker.argv += worker_arguments
            worker.start()
        self.served("the start", 10)
        self.base = self.look()

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self.cluster.__exit__(kind, error, trace)

    def make_keys(self):
        """Of the master and of the worker at the tcp address; what these are to be started with."""
        folder, allow = self.cluster.path("keys"), self.cluster.path("allow")
        os.mkdir(allow, 0o700)
        for name, role in (("head", "master"), ("worker1", "worker")):
            subprocess.run([os.path.join(BUILD, "hwnas"), "keygen", name, "--role", role, "--folder", folder], check=True, capture_output=True)
        shutil.copy(os.path.join(folder, "worker1"), allow)
        return (
            ["--key", os.path.join(folder, "head_secret"), "--allow", allow],
            ["--key", os.path.join(folder, "worker1_secret"), "--server-key", os.path.join(folder, "head")],
        )

    def status(self, name):
        with open("/proc/%d/status" % self.master.popen.pid) as file:
            return next(int(line.split()[1]) for line in file if line.startswith(name + ":"))

    def look(self):
        """Descriptors and MiB resident."""
        return len(os.listdir("/proc/%d/fd" % self.master.popen.pid)), self.status("VmRSS") / 1024

    def served(self, when, results=4):
        """Both workers have more results acknowledged."""
        since = len(self.cluster.ledgers.read())
        names = ("worker0", "worker1")
        self.cluster.wait(lambda: all(self.cluster.ledgers.count("acked", name, since) >= results for name in names), "service after " + when)

    def counters(self):
        return self.cluster.progress("refused"), self.cluster.progress("unheard")

    def counted(self, refused, unheard, sentence):
        """The progress line has these counters, and they stay."""
        try:
            self.cluster.wait(lambda: (self.counters()[0] or 0) + (self.counters()[1] or 0) >= refused + unheard, "the counters")
        except Stuck as stuck:
            say(stuck)
        same(self.counters(), (refused, unheard), sentence)

    def back_to_base(self, what):
        fds, mib = self.base
        try:
            self.cluster.wait(lambda: self.look()[0] <= fds and self.look()[1] <= mib + GROWTH_MIB, "rest")
        except Stuck as stuck:
            say(stuck)
        now = self.look()
        say("%s: descriptors %d, then %d; resident %.1f MiB, then %.1f" % (what, fds, now[0], mib, now[1]))
        ok(now[0] <= fds and now[1] <= mib + GROWTH_MIB, "%s: descriptors and memory are back to base (+%d MiB)" % (what, GROWTH_MIB))

    def unharmed(self, what):
        self.served(what)
        welcomes = [self.cluster.ledgers.count("welcome", name) for name in ("worker0", "worker1")]
        ok(self.master.running() and self.master.starts == 1, "%s: the master is the one that was started" % what)
        same(welcomes, [1, 1], "%s: the honest workers were served all the while and never had to say Hello again" % what)


def garbage_bytes(chance):
    """What a stranger, a scanner or a broken peer might send."""
    noise = chance.randbytes(chance.randrange(0, 300))
    kind = chance.randrange(12)
    if kind == 0:
        return noise
    if kind == 1:
        return zmtp.GREETING + noise
    if kind == 2:
        return zmtp.GREETING[: chance.randrange(64)]
    if kind == 3:
        return zmtp.GREETING[:12] + chance.choice((b"CURVE", b"PLAIN", b"GSSAPI", b"\xff" * 20)).ljust(20, b"\0") + bytes(32) + noise
    if kind == 4:
        return zmtp.GREETING + zmtp.READY + zmtp.READY
    if kind == 5:
        return zmtp.GREETING + zmtp.command(b"READY", zmtp.property_of(b"Socket-Type", chance.choice((b"SUB", b"ROUTER", b"PUSH", noise))))
    if kind == 6:
        return zmtp.GREETING + zmtp.READY + noise
    if kind == 7:
        return zmtp.GREETING + zmtp.READY + struct.pack(">BQ", chance.randrange(256), chance.getrandbits(64)) + noise
    if kind == 8:
        return zmtp.GREETING + zmtp.READY + zmtp.frame(noise, chance.randrange(8))
    if kind == 9:
        return zmtp.GREETING + zmtp.command(b"READY", zmtp.property_of(b"Socket-Type", b"DEALER") + zmtp.property_of(b"Identity", noise[:200]))
    if kind == 10:
        return b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" + noise
    return b"\xff" + bytes(8) + b"\x7f" + bytes([chance.randrange(3)]) + noise  # an older ZMTP


def garbage(chance):
    """M1"""
    connections, busy = amount(2000, 100000), []
    with Flooded("garbage", chance) as flooded:
        for i in range(connections):
            try:
                sock = zmtp.open_socket(flooded.addresses[i % 2])
                sock.sendall(garbage_bytes(chance))
                busy.append(sock)
            except OSError:
                pass  # the master may close first
            while len(busy) > chance.randrange(1, 40):
                busy.pop(0).close()
            if i % 100 == 0:
                flooded.cluster.tick()
        for sock in busy:
            sock.close()
        say("%d connections with garbage, half of them to each address" % connections)
        flooded.unharmed("garbage")
        flooded.back_to_base("garbage")


def mutated(chance, data):
    data = bytearray(data)
    for _ in range(chance.randrange(1, 6)):
        at = chance.randrange(len(data)) if data else 0
        kind = chance.randrange(5)
        if not data or kind == 0:
            data.insert(at, chance.randrange(256))
        elif kind == 1:
            data[at] ^= 1 << chance.randrange(8)
        elif kind == 2:
            data[at] = chance.choice((0, 1, 0x7F, 0x80, 0xFF, 10))
        elif kind == 3:
            del data[at : at + chance.randrange(1, 8)]
        else:
            data[at:at] = data[at : at + chance.randrange(1, 64)]
    return bytes(data)


def is_backup(data):
    return b"/" in data  # no mutation may ask for a copy to be written somewhere


def messages(chance):
    """M2: what was refused is what the counter says, each sender told so."""
    total, each, refused, sent, others = amount(2400, 50000), 8, 0, 0, 0
    seeds = []
    for name in sorted(os.listdir(CORPUS)):
        with open(os.path.join(CORPUS, name), "rb") as file:
            seeds.append(file.read())
    with Flooded("messages", chance) as flooded:
        while sent < total:
            some = [data for data in (mutated(chance, chance.choice(seeds)) for _ in range(each)) if not is_backup(data)]
            with zmtp.Client(flooded.addresses[sent // each % 2]) as client:
                client.send(*some, LAST)
                while True:
                    answer = client.receive()
                    if LAST_DIGEST in answer:
                        break
                    bad = (zmtp.refusal(answer) or (0, ""))[0] in BAD_MESSAGE_CODES
                    refused += bad
                    others += not bad
            sent += len(some)
        say("%d mutated messages over the wire: %d refused, %d other answers" % (sent, refused, others))
        flooded.counted(refused, 0, "mutated messages: the counter of refused ones is exact")
        stubborn, more = amount(5, 50), 100
        for _ in range(stubborn):
            with zmtp.Client(flooded.tcp) as client:
                client.send(*[b"nonsense"] * (16 + more))
                answers = [zmtp.refusal(client.receive()) for _ in range(16)]
                if "nothing more is heard" not in answers[-1][1]:
                    ok(False, "the sixteenth refusal says that it is the last: %s" % answers[-1][1])
        flooded.counted(refused + 16 * stubborn, more * stubborn, "who sends nonsense is answered sixteen times, and then dropped unheard: both counters are exact")
        flooded.unharmed("mutated messages")
        flooded.back_to_base("mutated messages")
        judge_nothing_changed(flooded)


def judge_nothing_changed(flooded):
    """All that is in the database came from the honest workers."""
    flooded.master.supervised = False
    flooded.master.signal(15)
    flooded.master.popen.wait(60)
    flooded.cluster.stop_peers()
    report = flooded.cluster.check("messages", 1000000)
    same([report[name] for name in ("lost", "unexpected", "duplicated")], [0, 0, 0], "mutated messages: nothing was lost, invented or counted twice")


def refused_by_size(flooded, sentence, *parts):
    """The connection is closed on it."""
    with zmtp.Client(flooded.tcp) as client:
        try:
            for part in parts:
                client.sock.sendall(part)
            client.receive()
            ok(False, sentence)
        except OSError:
            ok(True, sentence)


def frames(chance):
    """M3: what a frame can announce, and what never ends."""
    with Flooded("frames", chance) as flooded:
        refused_by_size(flooded, "a frame header of 1 TiB ends the connection", struct.pack(">BQ", zmtp.LONG, 1 << 40))
        refused_by_size(flooded, "a frame of 1 MiB and a byte ends the connection", struct.pack(">BQ", zmtp.LONG, (1 << 20) + 1), bytes(4096))
        flooded.back_to_base("announced sizes")
        with zmtp.Client(flooded.tcp) as client:
            million = b"\x2a\xc0\x84\x3d" + b"\x01" * 1000000  # Welcome.drop_lease_ids
            client.send(VERSION + b"\x1a" + varint_of(len(million)) + million)
            same(zmtp.refusal(client.receive())[0], 3, "a list of a million items is refused")
            deep = b""
            for _ in range(3000):
                deep = b"\x5a" + varint_of(len(deep)) + deep
            client.send(VERSION + b"\x12" + varint_of(len(deep)) + deep)
            same(zmtp.refusal(client.receive())[0], 3, "three thousand messages in one another are refused")
        flooded.counted(2, 0, "both are counted")
        parts = amount(100000, 1000000)
        grown = unfinished(flooded, [zmtp.frame(b"", zmtp.MORE) * 1000] * (parts // 1000))
        say("%d empty parts without an end, %.1f MB on the wire: the master grew by %.1f MiB" % (parts, 2e-6 * parts, grown))
        megabytes = amount(16, 64)
        grown = unfinished(flooded, [zmtp.frame(bytes(1 << 20), zmtp.MORE)] * megabytes)
        say("%d parts of 1 MiB without an end: the master grew by %.1f MiB" % (megabytes, grown))
        ok(grown < 2 * megabytes + GROWTH_MIB, "a message without an end takes what was sent of it, not more")
        flooded.unharmed("messages without an end")


def strangers(chance):
    """M3 where keys are wanted: who has none cannot make the master keep anything."""
    with Flooded("strangers", chance, keys=True) as flooded:
        for kind in range(amount(60, 1000)):
            with zmtp.open_socket(flooded.tcp) as sock:
                try:
                    sock.sendall(chance.choice((zmtp.GREETING + zmtp.READY, CURVE_GREETING, CURVE_GREETING + hello_command(chance))))
                    for _ in range(20):
                        sock.sendall(chance.choice((zmtp.frame(b"", zmtp.MORE) * 5000, zmtp.frame(bytes(1 << 18), zmtp.MORE), chance.randbytes(4096))))
                except OSError:
                    pass  # refused: as it should be
            if kind % 10 == 0:
                flooded.cluster.tick()
        say("the master's most memory so far: %.1f MiB above base" % (flooded.status("VmHWM") / 1024 - flooded.base[1]))
        ok(flooded.status("VmHWM") / 1024 - flooded.base[1] < GROWTH_MIB, "messages without an end from who has no key: the master never grew by %d MiB" % GROWTH_MIB)
        flooded.unharmed("strangers")
        flooded.back_to_base("strangers")


CURVE_GREETING = zmtp.GREETING[:12] + b"CURVE".ljust(20, b"\0") + bytes(32)


def hello_command(chance):
    """CurveZMQ's first command, of a client that has no idea of the server's key."""
    return zmtp.command(b"HELLO", b"\x01\x00" + bytes(72) + chance.randbytes(32 + 8 + 80))


def varint_of(value):
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def unfinished(flooded, chunks):
    """Sends parts of a message that never ends, and goes; by how many MiB the master has grown meanwhile."""
    before = flooded.look()[1]
    with zmtp.Client(flooded.tcp) as client:
        for chunk in chunks:
            client.sock.sendall(chunk)
        pending = struct.unpack("i", fcntl.ioctl(client.sock, termios.TIOCOUTQ, bytes(4)))[0]
        while pending > 0:  # until all of it is there
            flooded.cluster.tick()
            pending = struct.unpack("i", fcntl.ioctl(client.sock, termios.TIOCOUTQ, bytes(4)))[0]
        most = flooded.look()[1]
    flooded.served("a message without an end")
    return most - before


def silent(chance):
    """M4: four times as many silent connections as the master may have descriptors."""
    limit, rounds, longest = 128, amount(1, 20), 0
    many = amount(2, 4) * limit  # the longer it lasts the longer ZeroMQ turns in circles: processor time

    def few():
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))

    with Flooded("silent", chance, before=few) as flooded:
        for round_number in range(1, rounds + 1):
            crowd = []
            for i in range(many):
                sock = socket.socket()
                sock.setblocking(False)
                sock.connect_ex(("127.0.0.1", int(flooded.tcp.rsplit(":", 1)[1])))
                crowd.append(sock)
            flooded.cluster.wait(lambda: flooded.look()[0] >= limit - 2, "a master without descriptors")
            began = time.monotonic()
            flooded.served("round %d" % round_number)
            with zmtp.Client(flooded.tcp, timeout=120) as client:
                client.send(HEARTBEAT)
                same(zmtp.refusal(client.receive())[0], zmtp.NOT_REGISTERED, "round %d: a newcomer is served behind %d silent connections" % (round_number, many))
            longest = max(longest, time.monotonic() - began)
            for sock in crowd:
                sock.close()
            flooded.cluster.wait(lambda: flooded.look()[0] <= flooded.base[0], "descriptors to be free again")
        say("%d rounds of %d silent connections, %d descriptors: a newcomer waited %.1f s at the longest" % (rounds, many, limit, longest))
        ok(flooded.master.running() and flooded.master.starts == 1, "silent connections: the master is the one that was started")
        flooded.back_to_base("silent connections")
        ok(idles(flooded), "silent connections: the master's processor time is back to that of a quiet one")


def idle(chance):
    """M4, of those who do shake hands: without keys nothing throws them out, but who was there is served, and they leave nothing behind."""
    limit, crowd = 128, []

    def few():
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))

    with Flooded("idle", chance, before=few) as flooded:
        while flooded.look()[0] < limit - 4:
            crowd.append(zmtp.Client(flooded.tcp))
        for _ in range(limit):
            sock = socket.socket()
            sock.setblocking(False)
            sock.connect_ex(("127.0.0.1", int(flooded.tcp.rsplit(":", 1)[1])))
            crowd.append(sock)
        flooded.unharmed("%d silent connections that have shaken hands" % limit)
        for one in crowd:
            (one.sock if isinstance(one, zmtp.Client) else one).close()
        with zmtp.Client(flooded.tcp, timeout=120) as client:
            client.send(HEARTBEAT)
            same(zmtp.refusal(client.receive())[0], zmtp.NOT_REGISTERED, "a newcomer is served when they have gone")
        flooded.back_to_base("silent connections that had shaken hands")
        ok(idles(flooded), "and the master's processor time is back to that of a quiet one")


def idles(flooded):
    """Within some window of a second it takes no more than a twentieth, once the workers have gone."""
    flooded.cluster.stop_peers()

    def busy():
        with open("/proc/%d/stat" % flooded.master.popen.pid) as file:
            numbers = file.read().rsplit(")", 1)[1].split()
        return (int(numbers[11]) + int(numbers[12])) / os.sysconf("SC_CLK_TCK")

    for _ in range(60):
        before = busy()
        end = time.monotonic() + 1
        while time.monotonic() < end:
            time.sleep(0.05)
        if busy() - before <= 0.05:
            return True
    return False


if __name__ == "__main__":
    main([garbage, messages, frames, strangers, silent, idle])
