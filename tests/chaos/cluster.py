"""cluster: a master, workers and agents as real processes, and a supervisor that starts again what dies.

Everything lives in one temporary folder and ends with `close`. Masters have crash points (tests/support/crash.c); peers compute values that
follow from the key, and write down in ledgers what they sent and heard (tests/support/peer_ledger.c). Nothing here waits by the clock: it
polls for what is to happen, and `Stuck` with the ends of all logs says what did not."""
import collections
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

BUILD = os.environ.get("HWNAS_BUILD") or "build/release"
RELEASE = os.path.basename(BUILD.rstrip("/")) == "release"  # sanitizers keep memory for themselves, and will not be preloaded beside
RECORD_BYTES = 256
DEVICE = "pi-sim-1-f32"
OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
COSTS_MS = (0, 0.11, 1.3, 7.9, 0.37)  # of each
PATIENCE_S = 120  # of a loaded machine


class Stuck(Exception):
    pass


class Ledgers:
    """What peers have written down so far; read on from where it was left."""

    def __init__(self, folder):
        self.folder, self.read_to, self.records, self.hand = folder, {}, [], {}
        self.acked_by_workers = 0

    def read(self):
        for name in sorted(os.listdir(self.folder)):
            path = os.path.join(self.folder, name)
            at = self.read_to.get(name, 0)
            if os.path.getsize(path) - at < RECORD_BYTES:
                continue
            with open(path, "rb") as file:
                file.seek(at)
                data = file.read()
            whole = len(data) // RECORD_BYTES * RECORD_BYTES
            self.read_to[name] = at + whole
            for i in range(0, whole, RECORD_BYTES):
                fields = data[i : i + RECORD_BYTES].decode().split()
                node, kind = name.removesuffix(".ledger"), fields[0]
                self.records.append((node, kind, int(fields[1])) + tuple(fields[2:]))
                if kind in ("begin", "sent", "return"):
                    self.hand[node] = fields[2] if kind == "begin" else None
                self.acked_by_workers += kind == "acked" and node.startswith("worker")
        return self.records

    def count(self, kind, node=None, since=0):
        return sum(1 for record in self.read()[since:] if record[1] == kind and node in (None, record[0]))


class Process:
    """One program under the supervisor's eye."""

    def __init__(self, name, argv, environment, folder):
        self.name, self.argv, self.environment = name, argv, environment
        self.log = os.path.join(folder, name + ".err")
        self.out = os.path.join(folder, name + ".out")
        self.supervised, self.popen, self.starts, self.codes, self.before = True, None, 0, [], None

    def start(self):
        with open(self.log, "ab") as log, open(self.out, "ab") as out:
            self.popen = subprocess.Popen(
                self.argv, stdin=subprocess.DEVNULL, stdout=out, stderr=log, env=dict(os.environ, **self.environment), preexec_fn=self.before
            )
        self.starts += 1

    def running(self):
        return self.popen is not None and self.popen.poll() is None

    def signal(self, number):
        if self.running():
            self.popen.send_signal(number)

    def kill(self):
        """kill -9, and it is gone when this returns. False: it had gone already."""
        alive = self.running()
        self.signal(signal.SIGKILL)
        self.popen.wait()
        return alive

    def log_text(self):
        with open(self.log, errors="replace") as file:
            return file.read()


class Cluster:
    def __init__(self, heartbeat_ms=200, lease_ms=1500, peer_ms=20):
        self.folder = tempfile.mkdtemp(prefix="hwnas-chaos-")
        self.heartbeat_ms, self.lease_ms, self.peer_ms = heartbeat_ms, lease_ms, peer_ms
        for name in ("ledgers", "logs"):
            os.mkdir(self.path(name))
        os.mkdir(self.path("socket"), 0o700)
        self.address = "ipc://" + self.path("socket/hwnas.sock")
        self.listen = [self.address]
        self.ledgers = Ledgers(self.path("ledgers"))
        self.processes, self.master, self.hits = {}, None, collections.Counter()
        self.at_close, self.keys = [], False
        self.elsewhere = []  # words before a peer's command: where it runs
        self.allowed = {-signal.SIGKILL}  # ends that a supervisor only shrugs at
        subprocess.run([sys.executable, "tests/support/tiny_bundle.py", self.path("tiny.bundle")], check=True)

    def path(self, name):
        return os.path.join(self.folder, name)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if kind is not None:
            self.show_logs()
        self.close()

    def close(self):
        for process in self.processes.values():
            process.signal(signal.SIGCONT)
            if process.popen is not None:
                process.kill()
        for undo in self.at_close:
            undo()
        shutil.rmtree(self.folder, ignore_errors=True)

    def show_logs(self, lines=8):
        for process in self.processes.values():
            print("# --- %s, %d starts, ends %s" % (process.name, process.starts, process.codes[-5:]))
            for line in process.log_text().splitlines()[-lines:]:
                print("#     " + line[:300])
        sys.stdout.flush()

    # --- what is searched

    def study(self, name, budget, seed=7, agents=True, strategy="name: mohdnas, population: 20, generations: 100000"):
        """A study of `budget` evaluations whose every value follows from its key: its outcome is the same whatever happens."""
        costs = "{name: macs, source: macs}"
        if agents:
            costs += ", {name: latency_ms, source: agent, device: %s}" % DEVICE
        with open(self.path(name + ".yaml"), "w") as file:
            file.write(
                "name: %s\nspace: nb201\nstrategy: {%s}\nfitness: {source: rmi, bundle: tiny.bundle, protocol: rmi-fast, combine: none}\n"
                "costs: [%s]\nnetwork: {channels: 4, cells: 1, classes: 4, input_size: 8}\nbudget: {evaluations: %d}\nseed: %d\n"
                % (name, strategy, costs, budget, seed)
            )

    def table(self):
        """A latency for each cell of nb201, for the agents' simulated boards: more for what computes more, or the master would mistrust it."""
        path = self.path("table.csv")
        if os.path.exists(path):
            return
        with open(path, "w") as file:
            file.write("ops,ms\n")
            for genes in itertools.product(range(len(OPERATIONS)), repeat=6):
                ops = "|%s~0|+|%s~0|%s~1|+|%s~0|%s~1|%s~2|" % tuple(OPERATIONS[gene] for gene in genes)
                file.write('"%s",%.4f\n' % (ops, 1 + sum(COSTS_MS[gene] * (1 + 0.03 * place) for place, gene in enumerate(genes))))

    # --- who takes part

    def make_keys(self, peers):
        """From now on master and peers of those names talk with keys."""
        os.mkdir(self.path("allow"), 0o700)
        for name, role in [("head", "master")] + [(name, name.rstrip("0123456789")) for name in peers]:
            subprocess.run([os.path.join(os.path.abspath(BUILD), "hwnas"), "keygen", name, "--role", role, "--folder", self.path("keys")],
                           check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            if role != "master":
                shutil.copy(self.path("keys/" + name), self.path("allow/" + name))
        self.keys = True

    def key_of(self, name):
        if not self.keys:
            return []
        if name.startswith("master"):
            return ["--key", self.path("keys/head_secret"), "--allow", self.path("allow")]
        return ["--key", self.path("keys/%s_secret" % name), "--server-key", self.path("keys/head")]

    def add(self, name, program, arguments, environment=None, before=None):
        argv = [os.path.join(os.path.abspath(BUILD), "chaos", program), "--exit-with-parent"] + self.key_of(name) + arguments
        if not name.startswith("master"):
            argv = self.elsewhere + argv
        process = Process(name, argv, environment or {}, self.path("logs"))
        process.before = before
        self.processes[name] = process
        process.start()
        return process

    def start_master(self, study, db=None, crash=None, arguments=(), environment=None, name="master", before=None):
        listen = [word for address in self.listen for word in ("--listen", address)]
        environment = dict(environment or {})
        if crash is not None:
            environment["HWNAS_CRASH"] = crash
        earlier = self.processes.get(name)
        self.master = self.add(
            name,
            "hwnas-master",
            ["--study", self.path(study + ".yaml"), "--db", self.path(db or study + ".db"), "--progress", "--canary-every", "0"]
            + ["--heartbeat-ms", str(self.heartbeat_ms), "--lease-ms", str(self.lease_ms)] + listen + list(arguments),
            environment, before=before,
        )
        if earlier is not None:
            self.master.codes, self.master.starts = earlier.codes, earlier.starts + 1
        return self.master

    def peer_environment(self, name, more):
        return dict({"HWNAS_TEST_LEDGER": self.path("ledgers/%s.ledger" % name), "PEER_MS": str(self.peer_ms)}, **(more or {}))

    def start_worker(self, name, address=None, slots=1, environment=None):
        return self.add(
            name, "hwnas-worker", ["--connect", address or self.address, "--name", name, "--slots", str(slots)],
            self.peer_environment(name, environment),
        )

    def start_agent(self, name, address=None, environment=None):
        self.table()
        board = self.path(name + ".yaml")
        with open(board, "w") as file:
            file.write(
                "name: %s\nboard: pi\nprocessor: sim\nruntime: \"1\"\nprecision: f32\nrunner: simulated\n"
                "simulated: {table: table.csv, space: nb201, column: ms, noise: 0, seed: 1}\n" % name
            )
        return self.add(
            name, "hwnas-agent", ["--connect", address or self.address, "--board", board, "--name", name], self.peer_environment(name, environment)
        )

    def start_peers(self, workers, agents, address=None):
        for i in range(workers):
            self.start_worker("worker%d" % i, address)
        for i in range(agents):
            self.start_agent("agent%d" % i, address)

    def peers(self):
        return [process for name, process in self.processes.items() if not name.startswith("master")]

    def freeze(self, process):
        """SIGSTOP, and it stands still when this returns: all its threads."""
        def still():
            folder = "/proc/%d/task" % process.popen.pid
            states = [open("%s/%s/stat" % (folder, task)).read().rsplit(")", 1)[1].split()[0] for task in os.listdir(folder)]
            return set(states) <= {"T", "t"}

        process.signal(signal.SIGSTOP)
        self.wait(still, "%s to stand still" % process.name)

    # --- the supervisor

    def tick(self):
        """Starts again what has died of a kill. Any other death is a finding."""
        for process in self.processes.values():
            if process.popen is None or process.running():
                continue
            code = process.popen.returncode
            process.codes.append(code)
            process.popen = None
            if process is self.master and code == 0:
                continue
            if code not in self.allowed:
                raise Stuck("%s ended with %d" % (process.name, code))
            if process.supervised:
                process.start()

    def wait(self, condition, what, seconds=PATIENCE_S):
        """Supervises until the condition holds. What it does not restart (supervised = False) may be gone."""
        end = time.monotonic() + seconds
        while True:
            self.tick()
            if condition():
                return
            if time.monotonic() > end:
                raise Stuck("%s did not happen within %d s" % (what, seconds))
            time.sleep(0.002)

    def pass_time(self, seconds):
        """A fault lasts that long, under supervision."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.tick()
            time.sleep(min(0.002, max(0, end - time.monotonic())))

    def finish(self, seconds=600):
        """The study comes to its end by itself."""
        self.wait(lambda: self.master.popen is None and self.master.codes[-1] == 0, "the end of the study", seconds)

    def stop_peers(self):
        """SIGTERM; their exit codes."""
        codes = {}
        for process in self.peers():
            process.supervised = False
            process.signal(signal.SIGCONT)
            process.signal(signal.SIGTERM)
        for process in self.peers():
            if process.popen is not None:
                codes[process.name] = process.popen.wait(60)
                process.popen = None
        return codes

    # --- what came of it

    def in_hand(self, node):
        """The key that a peer with one slot computes now; None when it has none."""
        self.ledgers.read()
        return self.ledgers.hand.get(node)

    def aim(self, nodes):
        """Before a fault that may cost those peers what they have in hand: a task that is lost a third time would rightly be given up, so one
        that has been hit twice is let through first."""
        def spared():
            return self.master.popen is None or all(self.hits[self.in_hand(node)] < 2 for node in nodes)

        self.wait(spared, "what was hit twice to be done")
        self.hits.update({key for key in map(self.in_hand, nodes) if key is not None})

    def evaluated(self):
        """Acknowledgements that workers have heard."""
        self.ledgers.read()
        return self.ledgers.acked_by_workers

    def progress(self, field):
        """Of the last whole progress line of the master; None when there is none."""
        with open(self.master.out, "rb") as file:
            lines = file.read().split(b"\n")
        return json.loads(lines[-2]).get(field) if len(lines) > 1 else None

    def check(self, study, budget, reference=None, db=None, more=()):
        """Runs the checker; its report as a dictionary."""
        argv = [sys.executable, "tests/chaos/check_ledgers.py", "--db", self.path(db or study + ".db"), "--study", study]
        argv += ["--budget", str(budget), "--ledgers", self.path("ledgers")]
        argv += (["--reference", reference] if reference else []) + list(more)
        done = subprocess.run(argv, capture_output=True, text=True)
        if done.stderr:
            print(done.stderr)
        return json.loads(done.stdout)
