#!/usr/bin/python3
"""sandbox.py UNIT [--state FOLDER]... [--kill] [--list] -- PROGRAM ARGUMENT...: runs a program under what a systemd unit forbids it, without systemd.

Applied are NoNewPrivileges, SystemCallFilter (by systemd's own lists), SystemCallArchitectures, MemoryDenyWriteExecute, RestrictNamespaces,
RestrictAddressFamilies, RestrictRealtime, RestrictSUIDSGID (chmod), LockPersonality, UMask, LimitNOFILE, LimitCORE; as root also CapabilityBoundingSet,
another user, and a mount namespace with ProtectSystem=strict, ProtectHome, PrivateTmp, PrivateDevices, ProtectKernelTunables. Those that only
make processes invisible or limit what they use (ProtectProc, MemoryMax, IPAddressDeny, ...) are not. --state names folders that may be written
(StateDirectory and the like). --kill: a system call that is not allowed kills the program, so that none goes unnoticed. --list prints what was
applied. What is refused is refused as systemd 252 does it: with EPERM, address families with EAFNOSUPPORT, clone3 with ENOSYS.
"""
import ctypes, errno, os, platform, re, resource, struct, subprocess, sys

libc = ctypes.CDLL(None, use_errno=True)
PR_SET_NO_NEW_PRIVS, PR_CAPBSET_DROP, PR_SET_SECCOMP = 38, 24, 22
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 2, 4, 8, 32, 4096, 16384, 1 << 18
CLONE_NEWNS = 0x00020000
NAMESPACES = 0x7E020080  # all CLONE_NEW*
AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
SYSCALL_HEADERS = {"x86_64": "x86_64-linux-gnu/asm/unistd_64.h", "aarch64": "asm-generic/unistd.h"}


def fail(sentence):
    sys.exit("sandbox.py: " + sentence)


def call(name, *arguments):
    if getattr(libc, name)(*arguments) != 0:
        fail("%s%r: %s" % (name, arguments, os.strerror(ctypes.get_errno())))


def read_unit(path):
    unit, section = {}, ""
    for line in open(path):
        line = line.strip()
        if line.startswith("["):
            section = line
        elif section == "[Service]" and "=" in line and line[0] not in "#;":
            key, value = line.split("=", 1)
            unit.setdefault(key, []).append(value)
    return unit


def numbers():
    """System calls of this machine by name."""
    path = "/usr/include/" + SYSCALL_HEADERS[platform.machine()]
    return {name: int(number) for name, number in re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", open(path).read())}


def members(word, sets={}):
    """The system calls that a word of SystemCallFilter stands for."""
    if not word.startswith("@"):
        return {word}
    if word not in sets:
        text = subprocess.run(["systemd-analyze", "--no-pager", "syscall-filter", word], stdout=subprocess.PIPE, check=True, text=True).stdout
        words = [line.strip() for line in text.splitlines()[1:] if line.strip() and not line.strip().startswith("#")]
        sets[word] = set().union(*(members(each) for each in words)) if words else set()
    return sets[word]


def allowed_calls(unit):
    """The first line decides whether the list allows or forbids; a ~ takes away."""
    lines = [line.split() for line in unit["SystemCallFilter"]]
    allowed = set()
    for words in lines:
        take = words[0].startswith("~")
        named = set().union(*(members(word.lstrip("~")) for word in words))
        allowed = allowed - named if take else allowed | named
    return allowed | members("@default")


# --- the filter -------------------------------------------------------------------------------------------------------------------------
LD_ABS, JEQ, JGE, JSET, RET = 0x20, 0x15, 0x35, 0x45, 0x06
ALLOW, KILL, ERRNO = 0x7FFF0000, 0x80000000, 0x00050000


def op(code, k, yes=0, no=0):
    return struct.pack("HBBI", code, yes, no, k)


def argument(index):
    return op(LD_ABS, 16 + 8 * index)


def refused_if(number, tests, error):
    """number's call is refused when all (argument, mask, wanted, negate) hold: [argument & mask == wanted] != negate."""
    body = b""
    after = 2 * len(tests) + 1 + sum(1 for test in tests if test[1] is not None)
    for index, mask, wanted, negate in tests:
        body += argument(index)
        after -= 1
        if mask is not None:
            body += op(0x54, mask)  # and
            after -= 1
        after -= 1
        body += op(JEQ, wanted, after if negate else 0, 0 if negate else after)
    body += op(RET, ERRNO | error)
    body += op(LD_ABS, 0)  # the number again
    count = len(body) // 8
    return op(JEQ, number, 0, count) + body


def build_filter(unit, kill):
    call_number = numbers()
    program = op(LD_ABS, 4) + op(JEQ, AUDIT_ARCH[platform.machine()], 1, 0) + op(RET, KILL) + op(LD_ABS, 0)
    if platform.machine() == "x86_64":
        program += op(JGE, 0x40000000, 0, 1) + op(RET, KILL)  # x32
    if "MemoryDenyWriteExecute" in unit:
        program += refused_if(call_number["mmap"], [(2, 6, 6, False)], errno.EPERM)
        for name in ("mprotect", "pkey_mprotect"):
            program += refused_if(call_number[name], [(2, 4, 4, False)], errno.EPERM)
        program += refused_if(call_number["shmat"], [(2, 0o100000, 0o100000, False)], errno.EPERM)
    if "RestrictNamespaces" in unit:
        program += refused_if(call_number["clone3"], [], errno.ENOSYS)
        for name in ("clone", "unshare"):
            program += refused_if(call_number[name], [(0, NAMESPACES, 0, True)], errno.EPERM)
        program += refused_if(call_number["setns"], [], errno.EPERM)
    if "RestrictAddressFamilies" in unit:
        families = {"AF_UNIX": 1, "AF_INET": 2, "AF_INET6": 10, "AF_NETLINK": 16}
        wanted = [families[word] for word in unit["RestrictAddressFamilies"][-1].split()]
        program += refused_if(call_number["socket"], [(0, None, family, True) for family in wanted], errno.EAFNOSUPPORT)
    if "RestrictRealtime" in unit:
        program += refused_if(call_number["sched_setscheduler"], [(1, None, other, True) for other in (0, 3, 5)], errno.EPERM)
    if "RestrictSUIDSGID" in unit:
        for name, index in (("chmod", 1), ("fchmod", 1), ("fchmodat", 2)):
            if name in call_number:
                program += refused_if(call_number[name], [(index, 0o6000, 0, True)], errno.EPERM)
    if "LockPersonality" in unit:
        program += refused_if(call_number["personality"], [(0, None, 0, True), (0, None, 0xFFFFFFFF, True)], errno.EPERM)
    for number in sorted(call_number[name] for name in allowed_calls(unit) if name in call_number):
        program += op(JEQ, number, 0, 1) + op(RET, ALLOW)
    # execve of this very program comes after the filter; it stands in @system-service like everything a program begins with.
    return program + op(RET, KILL if kill else ERRNO | errno.EPERM)


# --- the mounts -------------------------------------------------------------------------------------------------------------------------
def mount(source, target, kind, flags, data=None):
    encoded = [text.encode() if text is not None else None for text in (source, target, kind)]
    call("mount", encoded[0], encoded[1], encoded[2], ctypes.c_ulong(flags), data.encode() if data else None)


def set_read_only(path, recursive, read_only):
    attributes = struct.pack("QQQQ", 1 if read_only else 0, 0 if read_only else 1, 0, 0)
    AT_FDCWD, AT_RECURSIVE, MOUNT_SETATTR = -100, 0x8000, 442
    if libc.syscall(MOUNT_SETATTR, AT_FDCWD, path.encode(), AT_RECURSIVE if recursive else 0, attributes, len(attributes)) != 0:
        fail("%s: cannot be made read-only: %s" % (path, os.strerror(ctypes.get_errno())))


def confine_files(unit, state, programs):
    """A folder that stays visible is opened before what hides it is mounted, and bound back through its descriptor."""
    call("unshare", CLONE_NEWNS)
    mount(None, "/", None, MS_REC | MS_PRIVATE)
    kept = [(path, os.open(path, os.O_PATH), path in state) for path in state + programs]
    devices = ["null", "zero", "full", "random", "urandom", "tty", "pts", "shm"]
    nodes = [(name, os.open("/dev/" + name, os.O_PATH)) for name in devices if os.path.exists("/dev/" + name)]
    hidden = (["/tmp", "/var/tmp"] if "PrivateTmp" in unit else []) + (["/home", "/root", "/run/user"] if "ProtectHome" in unit else [])
    for path in hidden:
        if os.path.isdir(path):
            mount("tmpfs", path, "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777" if path.endswith("tmp") else "mode=755")
    if "PrivateDevices" in unit:
        mount("tmpfs", "/dev", "tmpfs", MS_NOSUID | MS_NOEXEC, "mode=755")
        for name, fd in nodes:
            target, source = "/dev/" + name, "/proc/self/fd/%d" % fd
            os.mkdir(target) if os.path.isdir(source) else open(target, "w").close()
            mount(source, target, None, MS_BIND)
    for path, fd, _ in kept:
        os.makedirs(path, exist_ok=True)
        mount("/proc/self/fd/%d" % fd, path, None, MS_BIND)
    set_read_only("/", True, True)
    for path in [path for path, _, writable in kept if writable] + (["/tmp", "/var/tmp"] if "PrivateTmp" in unit else []):
        set_read_only(path, True, False)
    set_read_only("/dev", True, False)


def become_nobody(state):
    nobody = 65534
    for folder in state:
        for path, _, files in os.walk(folder):
            for each in [path] + [os.path.join(path, name) for name in files]:
                os.chown(each, nobody, nobody, follow_symlinks=False)
    capability = 0
    while libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0:
        capability += 1
    os.setgroups([])
    os.setresgid(nobody, nobody, nobody)
    os.setresuid(nobody, nobody, nobody)


def main():
    words = sys.argv[1:]
    if "--" not in words or not words:
        fail(__doc__.split(":")[0])
    own, program = words[: words.index("--")], words[words.index("--") + 1 :]
    unit, kill, listing = read_unit(own[0]), "--kill" in own, "--list" in own
    state = [os.path.realpath(own[i + 1]) for i, word in enumerate(own) if word == "--state"]
    if platform.machine() not in AUDIT_ARCH:
        fail("no list of system calls for %s" % platform.machine())
    program_filter = build_filter(unit, kill)
    if "LimitNOFILE" in unit:
        most = min(int(unit["LimitNOFILE"][-1]), resource.getrlimit(resource.RLIMIT_NOFILE)[1])
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if "LimitCORE" in unit:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    root = os.geteuid() == 0
    if root:
        confine_files(unit, state, [os.path.dirname(os.path.realpath(program[0])), os.getcwd()])
        become_nobody(state)
    os.umask(int(unit["UMask"][-1], 8))
    if listing:
        print("as root: files, devices, capabilities, user;" if root else "not as root: files and capabilities stay as they are;", "%d instructions of filter" % (len(program_filter) // 8), file=sys.stderr)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        fail("no_new_privs cannot be set")
    code = ctypes.create_string_buffer(program_filter)
    header = struct.pack("HxxxxxxP", len(program_filter) // 8, ctypes.addressof(code))
    if libc.prctl(PR_SET_SECCOMP, 2, ctypes.create_string_buffer(header), 0, 0) != 0:
        fail("the filter is refused: %s" % os.strerror(ctypes.get_errno()))
    os.execvp(program[0], program)


main()
