/* tool: a program for the tests of the command runner to run: `tool ACTION [ARGUMENT]...` does one thing, mostly a bad one. Built
 * without sanitizers and without libraries. Nothing it starts is meant to outlive its warden; should it, an alarm ends it. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LAST_RESORT_S = 60 };

extern char **environ;

static void wait_for_ever(void)
{
    alarm(LAST_RESORT_S);
    for (;;)
        pause();
}

static void write_all(int fd, const void *data, size_t size)
{
    for (const char *at = data; size > 0;) {
        ssize_t put = write(fd, at, size);
        if (put <= 0)
            return;
        at += put;
        size -= (size_t)put;
    }
}

/* Each argument as its length, a colon and its bytes: nothing that is in it can be mistaken. */
static int show_arguments(int count, char **arguments)
{
    for (int i = 0; i < count; i++)
        printf("%zu:%s", strlen(arguments[i]), arguments[i]);
    return 0;
}

/* What the program finds itself in. */
static int show_surroundings(void)
{
    char folder[PATH_MAX], link[PATH_MAX] = "";
    struct rlimit core;
    sigset_t blocked;
    int descriptors = -1; /* the folder's own */
    if (getcwd(folder, sizeof folder) == NULL || readlink("/proc/self/fd/0", link, sizeof link - 1) < 0)
        return 1;
    DIR *open_now = opendir("/proc/self/fd");
    for (struct dirent *entry; open_now != NULL && (entry = readdir(open_now)) != NULL;)
        descriptors += entry->d_name[0] != '.';
    if (open_now != NULL)
        closedir(open_now);
    getrlimit(RLIMIT_CORE, &core);
    sigprocmask(SIG_BLOCK, NULL, &blocked);
    printf("folder=%s\nstdin=%s\ndescriptors=%d\nleader=%d\nsession=%d\ncore=%d\npipe_ignored=%d\n", folder, link, descriptors,
           getpgrp() == getpid(), getsid(0) == getpid(), core.rlim_cur != 0, signal(SIGPIPE, SIG_DFL) == SIG_IGN);
    printf("blocked=%d\n", sigismember(&blocked, SIGTERM) || sigismember(&blocked, SIGCHLD));
    for (char **variable = environ; *variable != NULL; variable++)
        printf("environment=%s\n", *variable);
    return 0;
}

/* MIB mebibytes of 'x', with a mark at both ends. */
static int flood(long mib)
{
    static char chunk[1 << 20];
    memset(chunk, 'x', sizeof chunk);
    write_all(STDOUT_FILENO, "BEGIN", 5);
    for (long i = 0; i < mib; i++)
        write_all(STDOUT_FILENO, chunk, sizeof chunk);
    write_all(STDOUT_FILENO, "END", 3);
    return 0;
}

/* Every byte there is. */
static int binary(void)
{
    unsigned char bytes[256];
    for (int i = 0; i < 256; i++)
        bytes[i] = (unsigned char)i;
    write_all(STDOUT_FILENO, bytes, sizeof bytes);
    return 0;
}

/* Doubles DEPTH times; then all of them stay. LEAVE: each in a session of its own. */
static void bomb(int depth, bool leave)
{
    for (int i = 0; i < depth; i++) {
        if (fork() == 0 && leave)
            setsid();
    }
    wait_for_ever();
}

/* Never more than two at a time, each a moment old: gone before anybody can look. The program itself ends when that has gone on for
 * a while; the rest would end after COUNT generations. */
static int comet(long count)
{
    char byte;
    int told[2];
    if (pipe(told) != 0)
        return 1;
    if (fork() != 0)
        return close(told[1]) != 0 || read(told[0], &byte, 1) != 1;
    for (long i = 0; i < count; i++) {
        if (fork() > 0)
            _exit(0);
        setsid();
        if (i == 200)
            write_all(told[1], "x", 1);
    }
    return 0;
}

/* A daemon as the books have it; its number on standard output, so that a test can look for it. */
static int daemonise(bool stay)
{
    pid_t middle = fork();
    if (middle == 0) {
        setsid();
        pid_t pid = fork();
        if (pid > 0) {
            printf("daemon=%d\n", (int)pid);
            fflush(stdout);
            _exit(0);
        }
        signal(SIGTERM, SIG_IGN);
        signal(SIGHUP, SIG_IGN);
        wait_for_ever();
    }
    waitpid(middle, NULL, 0);
    if (stay)
        wait_for_ever();
    return 0;
}

static int ignore_everything(void)
{
    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_IGN);
    wait_for_ever();
    return 0;
}

static void say_goodbye(int number)
{
    (void)number;
    write_all(STDOUT_FILENO, "goodbye\n", 8);
    _exit(0);
}

/* Stops, and would end well if it were told to. */
static int stop_politely(void)
{
    signal(SIGTERM, say_goodbye);
    close(open("ready", O_CREAT | O_WRONLY, 0600));
    raise(SIGSTOP);
    wait_for_ever();
    return 0;
}

static int allocate(long mib)
{
    for (long i = 0; i < mib; i++) {
        char *block = malloc(1 << 20);
        if (block == NULL) {
            fprintf(stderr, "tool: std::bad_alloc\n");
            return 1;
        }
        memset(block, 1, 1 << 20);
    }
    return 0;
}

/* Folders within folders, one that may not be entered, links out, a socket of names: all in the current folder. */
static int litter(int depth)
{
    char name[64];
    int ok = 0;
    ok |= symlink("/", "root") | symlink("/etc/passwd", "passwd") | symlink("nowhere", "dangling") | symlink(".", "self");
    ok |= mkfifo("fifo", 0600);
    for (int i = 0; i < 300; i++) {
        snprintf(name, sizeof name, "file%d", i);
        int fd = open(name, O_CREAT | O_WRONLY, 0);
        if (fd >= 0)
            close(fd);
    }
    ok |= mkdir("locked", 0700) | mkdir("locked/inner", 0700) | chmod("locked", 0);
    for (int i = 0; i < depth; i++)
        ok |= mkdir("a-folder-with-a-name-of-some-length", 0700) | chdir("a-folder-with-a-name-of-some-length");
    return ok != 0;
}

static int write_file(const char *path, long mib)
{
    static char chunk[1 << 20];
    int fd = open(path, O_CREAT | O_WRONLY, 0600);
    if (fd < 0)
        return 1;
    for (long i = 0; i < mib; i++)
        write_all(fd, chunk, sizeof chunk);
    close(fd);
    return 0;
}

/* Standard input, where `copy FROM TO` is the build step of a test: a file turned into another with a line before it. */
static int copy(const char *from, const char *to)
{
    char buffer[4096];
    FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
    if (in == NULL || out == NULL)
        return 1;
    fputs("built\n", out);
    for (size_t size; (size = fread(buffer, 1, sizeof buffer, in)) > 0;)
        fwrite(buffer, 1, size, out);
    fclose(in);
    return fclose(out) != 0;
}

/* One more line in a file: how a test counts calls. */
static int count_call(const char *path)
{
    int fd = open(path, O_CREAT | O_WRONLY | O_APPEND, 0600);
    if (fd < 0)
        return 1;
    write_all(fd, "call\n", 5);
    return close(fd);
}

static int write_text(const char *path, const char *text)
{
    int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0600);
    if (fd < 0)
        return 1;
    write_all(fd, text, strlen(text));
    return close(fd);
}

/* A latency that tells which file it was: its size in bytes. */
static int time_of(const char *path)
{
    struct stat info;
    if (stat(path, &info) != 0)
        return 1;
    printf("{\"latency_ms\": %lld}\n", (long long)info.st_size);
    return 0;
}

static int act(const char *action, int count, char **arguments)
{
    long number = count > 0 ? strtol(arguments[0], NULL, 10) : 0;
    if (strcmp(action, "arguments") == 0)
        return show_arguments(count, arguments);
    if (strcmp(action, "surroundings") == 0)
        return show_surroundings();
    if (strcmp(action, "say") == 0) {
        for (int i = 0; i < count; i++)
            puts(arguments[i]);
        return 0;
    }
    if (strcmp(action, "complain") == 0) {
        for (int i = 1; i < count; i++)
            fprintf(stderr, "%s\n", arguments[i]);
        return (int)number;
    }
    if (strcmp(action, "exit") == 0)
        return (int)number;
    if (strcmp(action, "signal") == 0) {
        prctl(PR_SET_DUMPABLE, 0);
        raise((int)number);
        return 0;
    }
    if (strcmp(action, "wait") == 0)
        wait_for_ever();
    if (strcmp(action, "wait-quietly") == 0) {
        close(STDIN_FILENO);
        close(STDOUT_FILENO);
        close(STDERR_FILENO);
        wait_for_ever();
    }
    if (strcmp(action, "stop-politely") == 0)
        return stop_politely();
    if (strcmp(action, "ignore") == 0)
        return ignore_everything();
    if (strcmp(action, "flood") == 0)
        return flood(number);
    if (strcmp(action, "flood-for-ever") == 0)
        return flood(LONG_MAX);
    if (strcmp(action, "binary") == 0)
        return binary();
    if (strcmp(action, "bomb") == 0)
        bomb((int)number, false);
    if (strcmp(action, "bomb-apart") == 0)
        bomb((int)number, true);
    if (strcmp(action, "comet") == 0)
        return comet(number);
    if (strcmp(action, "daemon") == 0)
        return daemonise(false);
    if (strcmp(action, "daemon-and-wait") == 0)
        return daemonise(true);
    if (strcmp(action, "stop-warden") == 0) {
        kill(getppid(), SIGSTOP);
        wait_for_ever();
    }
    if (strcmp(action, "kill-warden") == 0) {
        kill(getppid(), SIGKILL);
        wait_for_ever();
    }
    if (strcmp(action, "allocate") == 0)
        return allocate(number);
    if (strcmp(action, "litter") == 0)
        return litter((int)number);
    if (strcmp(action, "vanish") == 0) {
        char folder[PATH_MAX];
        return getcwd(folder, sizeof folder) == NULL || rmdir(folder) != 0;
    }
    if (strcmp(action, "write-stdin") == 0)
        return write(STDIN_FILENO, "x", 1) < 0 && errno == EBADF ? 0 : 1;
    if (strcmp(action, "write") == 0 && count == 2)
        return write_file(arguments[1], number);
    if (strcmp(action, "copy") == 0 && count == 2)
        return copy(arguments[0], arguments[1]);
    if (strcmp(action, "copy-and-count") == 0 && count == 3)
        return count_call(arguments[2]) != 0 || copy(arguments[0], arguments[1]) != 0;
    if (strcmp(action, "time-of") == 0 && count == 1)
        return time_of(arguments[0]);
    if (strcmp(action, "write-text") == 0 && count == 2)
        return write_text(arguments[0], arguments[1]);
    if (strcmp(action, "write-text-once") == 0 && count == 3)
        return access(arguments[2], F_OK) == 0 ? 0 : write_text(arguments[2], "") | write_text(arguments[0], arguments[1]);
    if (strcmp(action, "link") == 0 && count == 2)
        return symlink(arguments[0], arguments[1]) != 0;
    fprintf(stderr, "tool: no action '%s' with %d arguments\n", action, count);
    return 64;
}

int main(int argc, char **argv)
{
    return argc < 2 ? 64 : act(argv[1], argc - 2, argv + 2);
}
