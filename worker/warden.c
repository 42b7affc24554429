/* warden: fork, exec, reap, kill. Called by command, in a fresh fork of a process with threads: so nothing here allocates, locks or
 * prints; there are system calls only.
 *
 * The rule it keeps: it ends only when no descendant of the program is left, or when the kernel will not end one. A process that
 * left the group is found as a child (orphans come to the subreaper) or by its parents in /proc. The program's number stays taken,
 * by its zombie, until its group has been killed: so no kill can hit a stranger's group. */
#include "worker/warden.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    TICK_MS = 100,    /* how often a crowd is looked for */
    ROUND_MS = 5,     /* how long killed processes get before they are looked for again */
    TABLE_MAX = 65536 /* processes of the whole machine that are looked at */
};

struct kin {
    pid_t pid, parent;
    bool ours;
};

struct warden {
    const struct warden_order *order;
    pid_t program;
    int ends;               /* a signalfd: a child has ended */
    unsigned short threads; /* of the whole machine, before the program began */
    struct kin *table;      /* TABLE_MAX of them; NULL: there was no memory */
    int left;
};

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void tell(const struct warden *warden, enum warden_news news, int value, int64_t peak_bytes)
{
    struct warden_report report;
    memset(&report, 0, sizeof report);
    report.news = news;
    report.value = value;
    report.peak_bytes = peak_bytes;
    while (send(warden->order->control, &report, sizeof report, MSG_NOSIGNAL) < 0 && errno == EINTR)
        continue;
}

/* --- the program's own process, until exec --- */

static int limit(int resource, uint64_t most)
{
    struct rlimit bound = {.rlim_cur = (rlim_t)most, .rlim_max = (rlim_t)most};
    return most == 0 ? 0 : setrlimit((__rlimit_resource_t)resource, &bound);
}

/* When memory runs out the kernel shall end the tool, not the agent. Whether that could be said does not matter. */
static void offer_to_oom_killer(void)
{
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    if (write(fd, "1000", 4) < 0)
        errno = 0;
    close(fd);
}

/* What is ignored stays ignored over an exec, and so do blocked signals: the agent ignores SIGPIPE. */
static void reset_signals(void)
{
    struct sigaction standard;
    memset(&standard, 0, sizeof standard);
    standard.sa_handler = SIG_DFL;
    for (int number = 1; number < NSIG; number++)
        sigaction(number, &standard, NULL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static int set_up_program(const struct warden_order *order, pid_t parent)
{
    const struct rlimit no_core = {0, 0};
    if (setsid() < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
        return -1;
    int null = open("/dev/null", O_RDONLY);
    if (null < 0 || dup2(null, STDIN_FILENO) < 0)
        return -1;
    /* Closed before its number, which may be 1 or 2, is somebody else's. */
    if (null != STDIN_FILENO)
        close(null);
    if (dup2(order->out, STDOUT_FILENO) < 0 || dup2(order->err, STDERR_FILENO) < 0)
        return -1;
    offer_to_oom_killer();
    if (chdir(order->folder) != 0 || setrlimit(RLIMIT_CORE, &no_core) != 0 || limit(RLIMIT_FSIZE, order->file_bytes) != 0 ||
        limit(RLIMIT_AS, order->memory_bytes) != 0)
        return -1;
    reset_signals();
    return 0;
}

static noreturn void become_program(const struct warden *warden, pid_t parent)
{
    const struct warden_order *order = warden->order;
    /* execve, never execvp: that one hands a file the kernel does not know to a shell. */
    if (set_up_program(order, parent) == 0)
        execve(order->path, order->argv, order->environment);
    tell(warden, WARDEN_NOT_STARTED, errno, 0);
    _exit(127);
}

/* --- who descends from the program --- */

/* Reads digits from *text on; returns -1 when there are none. */
static pid_t read_number(const char **text)
{
    long number = -1;
    for (; **text >= '0' && **text <= '9' && number < INT_MAX / 10; (*text)++)
        number = (number < 0 ? 0 : number) * 10 + (**text - '0');
    return (pid_t)number;
}

/* "/proc/PID/stat" without printf, which may lock. */
static void stat_path(pid_t pid, char out[32])
{
    char digits[12];
    int count = 0, at = 6;
    memcpy(out, "/proc/", 6);
    for (; pid > 0; pid /= 10)
        digits[count++] = (char)('0' + pid % 10);
    while (count > 0)
        out[at++] = digits[--count];
    memcpy(out + at, "/stat", 6);
}

/* The parent, from `PID (NAME) STATE PARENT ...`, where NAME may be anything; -1 when the process is gone. */
static pid_t parent_of(pid_t pid)
{
    char path[32], text[512];
    stat_path(pid, path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t size = read(fd, text, sizeof text - 1);
    close(fd);
    if (size <= 0)
        return -1;
    text[size] = '\0';
    const char *at = strrchr(text, ')');
    if (at == NULL || strlen(at) < 4)
        return -1;
    at += 4;
    return read_number(&at);
}

static struct kin *find_kin(struct kin *table, int count, pid_t pid)
{
    int low = 0, high = count;
    while (low < high) {
        int middle = low + (high - low) / 2;
        if (table[middle].pid == pid)
            return &table[middle];
        if (table[middle].pid < pid)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* All processes of this machine, by ascending number, as /proc lists them. */
static int list_processes(struct kin *table)
{
    _Alignas(struct dirent64) char buffer[4096];
    int count = 0, fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ssize_t size;
    while (fd >= 0 && (size = getdents64(fd, buffer, sizeof buffer)) > 0) {
        for (ssize_t at = 0; at < size;) {
            const struct dirent64 *entry = (const struct dirent64 *)(const void *)(buffer + at);
            const char *name = entry->d_name;
            pid_t pid = read_number(&name);
            if (pid > 0 && *name == '\0' && count < TABLE_MAX && (count == 0 || table[count - 1].pid < pid))
                table[count++] = (struct kin){.pid = pid, .parent = parent_of(pid)};
            at += entry->d_reclen;
        }
    }
    if (fd >= 0)
        close(fd);
    return count;
}

/* Marks what descends from this process; returns how many entries the table has, and how many of them are marked. */
static int find_descendants(struct warden *warden, int *descendants)
{
    pid_t self = getpid();
    int count = warden->table == NULL ? 0 : list_processes(warden->table);
    *descendants = 0;
    /* Parents mostly have smaller numbers than their children, so one pass is mostly enough. */
    for (bool changed = true; changed;) {
        changed = false;
        for (int i = 0; i < count; i++) {
            struct kin *kin = &warden->table[i], *parent;
            if (kin->ours || kin->parent <= 0)
                continue;
            if (kin->parent == self || ((parent = find_kin(warden->table, count, kin->parent)) != NULL && parent->ours)) {
                kin->ours = changed = true;
                ++*descendants;
            }
        }
    }
    return count;
}

/* --- ending it all --- */

/* One that forks and ends faster than all of /proc can be read is caught here: its newest generation is a child of this process,
 * and the kernel lists those by themselves (where it was built to). Returns one of them, or 0. */
static pid_t kill_children(void)
{
    char text[4096];
    pid_t pid = 0;
    int fd = open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
    if (size > 0) {
        text[size] = '\0';
        for (const char *at = text; *at != '\0'; at += *at == ' ') {
            pid_t next = read_number(&at);
            /* A full buffer may end within a number. */
            if (next <= 0 || *at != ' ')
                break;
            pid = next;
            kill(pid, SIGKILL);
        }
    }
    if (fd >= 0)
        close(fd);
    return pid;
}

/* Kills all descendants that can be found; returns one of them, or 0. */
static pid_t kill_descendants(struct warden *warden)
{
    pid_t seen = kill_children();
    int descendants, count = find_descendants(warden, &descendants);
    for (int i = 0; i < count; i++) {
        if (warden->table[i].ours) {
            seen = warden->table[i].pid;
            kill(seen, SIGKILL);
        }
    }
    return seen;
}

/* Reaps what has ended; whether somebody is left to wait for. */
static bool reap_all(struct warden *warden)
{
    struct rusage usage;
    int how;
    pid_t pid;
    while ((pid = wait4(-1, &how, WNOHANG, &usage)) > 0) {
        if (pid == warden->program)
            tell(warden, WARDEN_ENDED, how, (int64_t)usage.ru_maxrss * 1024);
        else
            warden->left++;
    }
    return pid == 0;
}

static void await_end(const struct warden *warden, int timeout_ms)
{
    struct signalfd_siginfo info;
    struct pollfd end = {.fd = warden->ends, .events = POLLIN};
    if (poll(&end, 1, timeout_ms) > 0 && read(warden->ends, &info, sizeof info) < 0)
        errno = 0;
}

static noreturn void end_everything(struct warden *warden)
{
    int64_t give_up = now_ms() + warden->order->give_up_ms;
    /* Better than the others, where that is allowed: a crowd leaves little time to whoever wants to end it. */
    setpriority(PRIO_PROCESS, 0, -20);
    /* The kernel kills a group and refuses forks in it in one step. */
    kill(-warden->program, SIGKILL);
    while (reap_all(warden)) {
        pid_t seen = kill_descendants(warden);
        if (now_ms() >= give_up) {
            tell(warden, WARDEN_STUCK, seen, 0);
            break;
        }
        await_end(warden, ROUND_MS);
    }
    if (warden->left > 0)
        tell(warden, WARDEN_LEFT, warden->left, 0);
    _exit(0);
}

/* --- while it runs --- */

/* Reaps orphans that have ended; whether the program has. That one stays a zombie, and so its number taken. */
static bool program_ended(const struct warden *warden)
{
    for (;;) {
        siginfo_t info;
        memset(&info, 0, sizeof info);
        if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0)
            return false;
        if (info.si_pid == warden->program)
            return true;
        waitpid(info.si_pid, NULL, WNOHANG);
    }
}

/* The machine's count of threads is one system call, all of /proc is thousands: a measurement goes on meanwhile. */
static bool is_crowded(struct warden *warden)
{
    struct sysinfo now;
    if (sysinfo(&now) != 0 || (unsigned short)(now.procs - warden->threads) <= warden->order->processes_max ||
        (short)(now.procs - warden->threads) < 0)
        return false;
    int descendants;
    find_descendants(warden, &descendants);
    if (descendants <= warden->order->processes_max)
        return false;
    tell(warden, WARDEN_CROWD, descendants, 0);
    return true;
}

/* Does what the agent says; whether the end has come. */
static bool obey(const struct warden *warden)
{
    char word;
    ssize_t got = recv(warden->order->control, &word, 1, MSG_DONTWAIT);
    if (got < 0)
        return errno != EAGAIN && errno != EINTR;
    if (got == 0 || word != WARDEN_TERMINATE)
        return true;
    /* Just forked it may not lead a group yet; then it is alone. The signal waits until it has become the program. */
    if (kill(-warden->program, SIGTERM) != 0)
        kill(warden->program, SIGTERM);
    kill(-warden->program, SIGCONT); /* one that has stopped would not hear of it */
    return false;
}

static noreturn void oversee(struct warden *warden)
{
    for (;;) {
        struct pollfd news[2] = {{.fd = warden->order->control, .events = POLLIN}, {.fd = warden->ends, .events = POLLIN}};
        poll(news, 2, TICK_MS);
        if (news[1].revents != 0)
            await_end(warden, 0);
        if (program_ended(warden) || (news[0].revents != 0 && obey(warden)) || is_crowded(warden))
            end_everything(warden);
    }
}

/* The agent's sockets and files must not live on in a process it does not know; false when they cannot be listed. */
static bool close_all_but(int a, int b, int c)
{
    _Alignas(struct dirent64) char buffer[4096];
    int fd = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ssize_t size;
    bool closed = true;
    /* A folder that changes while it is read may leave some out: read again until there was nothing to close. */
    while (fd >= 0 && closed) {
        closed = false;
        lseek(fd, 0, SEEK_SET);
        while ((size = getdents64(fd, buffer, sizeof buffer)) > 0) {
            for (ssize_t at = 0; at < size;) {
                const struct dirent64 *entry = (const struct dirent64 *)(const void *)(buffer + at);
                const char *name = entry->d_name;
                int number = read_number(&name);
                if (number >= 0 && number != a && number != b && number != c && number != fd)
                    closed = close(number) == 0 || closed;
                at += entry->d_reclen;
            }
        }
    }
    return fd >= 0 && close(fd) == 0;
}

noreturn void warden_run(const struct warden_order *order)
{
    struct warden warden = {.order = order};
    struct sysinfo now;
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    setsid(); /* what ends the agent's group shall not end this one before its work is done */
    if (sysinfo(&now) == 0)
        warden.threads = now.procs;
    void *table = mmap(NULL, TABLE_MAX * sizeof(struct kin), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    warden.table = table == MAP_FAILED ? NULL : table;
    pid_t self = getpid();
    if (!close_all_but(order->control, order->out, order->err) || prctl(PR_SET_CHILD_SUBREAPER, 1) != 0 ||
        (warden.ends = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK)) < 0 || (warden.program = fork()) < 0) {
        tell(&warden, WARDEN_NOT_STARTED, errno, 0);
        _exit(1);
    }
    if (warden.program == 0)
        become_program(&warden, self);
    close(order->out);
    close(order->err);
    oversee(&warden);
}
