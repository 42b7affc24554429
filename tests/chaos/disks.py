#!/usr/bin/python3
"""disks.py [SCENARIO...]: the disk under a master's database is full for a while (S5), may not grow (S5), or loses its power (S2: ext4 on a loop
device, shut down without writing its journal). In a mount namespace of its own, which ends with this process. Needs root for the loop
device and user namespaces or root for tmpfs; what cannot be had is skipped and said."""
import fcntl
import os
import resource
import shutil
import subprocess
import sys
import time

import tap
from judge import endure, total
from tap import amount, ok, same, say, skip

DISK_MIB = 24
EXT4_IOC_SHUTDOWN, NO_LOG_FLUSH = 0x8004587D, 2
NO_SPACE, SPACE = "nothing is accepted until the database can be written again", "the database can be written again; going on"


def run(*words):
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError("%s: %s" % (" ".join(words), done.stderr.strip()))


def times_said(cluster, sentence):
    return cluster.master.log_text().count(sentence)


class Outages:
    """Spells in which the master could not store, and how long it took to go on once it could."""

    def __init__(self, cluster):
        self.cluster, self.before, self.resumed = cluster, times_said(cluster, SPACE), times_said(cluster, NO_SPACE)

    def begun(self):
        return times_said(self.cluster, NO_SPACE) > self.resumed

    def over(self):
        return times_said(self.cluster, SPACE) > self.before


def outage(cluster, chance, begin, end, seconds):
    """One outage. True when the master noticed it before the study ended."""
    spell = Outages(cluster)
    begin()
    cluster.wait(lambda: spell.begun() or cluster.master.popen is None, "the master to notice")
    if cluster.master.popen is None:
        end()
        return False
    cluster.pass_time(chance.uniform(0, 1))
    alive = cluster.master.running()
    end()
    began = time.monotonic()
    cluster.wait(lambda: spell.over() or cluster.master.popen is None, "the master to go on")
    seconds.append(time.monotonic() - began)
    return alive


def full(chance):
    """S5: a tmpfs filled to a random level; the space comes back later."""
    seconds = []

    def prepare(cluster):
        os.mkdir(cluster.path("disk"))
        run("mount", "-t", "tmpfs", "-o", "size=%dm" % DISK_MIB, "none", cluster.path("disk"))
        cluster.at_close.append(lambda: subprocess.run(["umount", "-l", cluster.path("disk")]))

    def start(cluster):
        cluster.start_master("full", db="disk/full.db")
        cluster.start_peers(4, 2)

    def fault(cluster):
        cluster.wait(lambda: cluster.evaluated() >= 5, "the study to be under way")
        filler = cluster.path("disk/filler")

        def fill():
            room = os.statvfs(cluster.path("disk"))
            file = os.open(filler, os.O_WRONLY | os.O_CREAT)
            try:
                os.write(file, b"x" * max(0, room.f_bavail * room.f_frsize - 4096 * chance.randint(0, 12)))
            finally:
                os.close(file)

        return outage(cluster, chance, fill, lambda: os.remove(filler), seconds)

    reports = endure("full", amount(2, 30), fault, amount(200, 500), "a full disk: no acknowledgement without a commit", db="disk/full.db", prepare=prepare, start=start)
    say("went on %.1f s after there was space, at the most" % max(seconds))
    same(total(reports, "lost") + total(reports, "failed"), 0, "no attempt was lost by it")


def may_not_grow(chance):
    """S5: RLIMIT_FSIZE"""
    seconds = []

    def fault(cluster):
        cluster.wait(lambda: cluster.evaluated() >= 5, "the study to be under way")
        pid = cluster.master.popen.pid
        unlimited = resource.RLIM_INFINITY
        return outage(cluster, chance, lambda: resource.prlimit(pid, resource.RLIMIT_FSIZE, (chance.randint(4096, 65536), unlimited)),
                      lambda: resource.prlimit(pid, resource.RLIMIT_FSIZE, (unlimited, unlimited)), seconds)

    reports = endure("small", amount(1, 10), fault, amount(200, 400), "files that may not grow", peer_ms=20)
    say("went on after %.1f s at the most" % max(seconds))
    same(total(reports, "lost") + total(reports, "failed"), 0, "no attempt was lost by it")


def power(chance):
    """S2: what ext4 had not been told to write is gone, and the master with it."""
    def prepare(cluster):
        with open(cluster.path("image"), "wb") as file:
            file.truncate(DISK_MIB << 20)
        run("mkfs.ext4", "-q", cluster.path("image"))
        os.mkdir(cluster.path("disk"))
        run("mount", "-o", "loop", cluster.path("image"), cluster.path("disk"))
        cluster.at_close.append(lambda: subprocess.run(["umount", "-l", cluster.path("disk")]))

    def start(cluster):
        cluster.start_master("power", db="disk/power.db")
        cluster.start_peers(4, 2)

    def fault(cluster):
        before = cluster.evaluated()
        cluster.wait(lambda: cluster.evaluated() >= before + 5 or cluster.master.popen is None, "some work")
        cluster.pass_time(chance.uniform(0, 0.3))
        if cluster.master.popen is None:
            return 0
        cluster.master.supervised = False
        # Power fails for process and disk at once. An fsync that is under way when the file system is shut down may return 0 for what is never
        # written (jbd2 takes a transaction that was thrown away for one that was committed), and a master that went on would believe it.
        cluster.freeze(cluster.master)
        folder = os.open(cluster.path("disk"), os.O_RDONLY)
        fcntl.ioctl(folder, EXT4_IOC_SHUTDOWN, NO_LOG_FLUSH.to_bytes(4, sys.byteorder))
        os.close(folder)
        cluster.master.kill()
        cluster.tick()
        run("umount", cluster.path("disk"))
        run("mount", "-o", "loop", cluster.path("image"), cluster.path("disk"))
        cluster.start_master("power", db="disk/power.db")
        return 1

    reports = endure("power", amount(2, 20), fault, amount(200, 500), "power cuts under ext4", db="disk/power.db", prepare=prepare, start=start)
    same(total(reports, "lost") + total(reports, "failed"), 0, "no attempt was lost by them")


def namespace():
    return ["unshare", "--mount"] + ([] if os.geteuid() == 0 else ["--map-root-user"])


def can(script):
    done = subprocess.run(namespace() + ["sh", "-c", script], capture_output=True, text=True)
    return None if done.returncode == 0 else (done.stderr.strip() or "exit code %d" % done.returncode)[:120]


def missing(scenario):
    """Why a scenario cannot run here; None when it can."""
    if scenario is full:
        return can("mount -t tmpfs none /mnt")
    if scenario is power:
        if shutil.which("mkfs.ext4") is None:
            return "mkfs.ext4 is absent"
        return can("d=$(mktemp -d) && truncate -s 8M $d/image && mkfs.ext4 -q $d/image && mkdir $d/disk && mount -o loop $d/image $d/disk; "
                   "code=$?; umount $d/disk; rm -rf $d; exit $code")
    return None


if __name__ == "__main__":
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    scenarios = [full, may_not_grow, power]
    if os.environ.get("CHAOS_NAMESPACE"):
        left_out = os.environ["CHAOS_NAMESPACE"].split(",")
        tap.main([scenario for scenario in scenarios if scenario.__name__ not in left_out])
    elif can("true") is not None:
        skip("full, power", "no mount namespace can be made here: " + can("true"))
        tap.main([may_not_grow])
    else:
        absent = {scenario.__name__: missing(scenario) for scenario in scenarios}
        for name, why in absent.items():
            if why is not None:
                say("%s IS SKIPPED: %s" % (name, why))
        os.environ["CHAOS_NAMESPACE"] = ",".join(["-"] + [name for name, why in absent.items() if why is not None])
        os.execvp("unshare", namespace() + [sys.executable, os.path.abspath(__file__)] + sys.argv[1:])
