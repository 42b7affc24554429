/* warden: the process between the agent and a program it runs: it starts the program, sees it end, and then ends everything the
 * program has left behind, wherever it went. It is a fork of the agent without an exec: it calls nothing but the kernel. */
#ifndef HWNAS_WORKER_WARDEN_H
#define HWNAS_WORKER_WARDEN_H

#include <stdbool.h>
#include <stdint.h>
#include <stdnoreturn.h>
#include <sys/types.h>

/* What the warden is to do. Prepared before the fork, since it may allocate nothing. */
struct warden_order {
    int control;      /* a SOCK_SEQPACKET; its other end is the agent's. When that is closed, the program is ended */
    int out, err;     /* what becomes the program's standard output and error */
    const char *path; /* of the program's file */
    char *const *argv;
    char *const *environment;
    const char *folder;    /* where the program begins */
    uint64_t memory_bytes; /* of address space, each process; 0: no limit */
    uint64_t file_bytes;   /* of each file it writes; 0: no limit */
    int processes_max;     /* processes and threads at one time */
    int64_t give_up_ms;    /* stop waiting for killed processes to be gone after so long */
};

/* What the agent may send: one byte. A third way is to close the socket, which is WARDEN_KILL, then silence. */
enum { WARDEN_TERMINATE = 'T', WARDEN_KILL = 'K' };

enum warden_news {
    WARDEN_NOT_STARTED, /* value: errno of what failed */
    WARDEN_ENDED,       /* value: the wait status of the program */
    WARDEN_CROWD,       /* value: how many processes and threads there were; they are being ended */
    WARDEN_LEFT,        /* value: how many other processes outlived the program and were killed */
    WARDEN_STUCK        /* value: the number of a process that could not be ended */
};

/* What the agent receives, one a packet; after the last one the socket's end. */
struct warden_report {
    enum warden_news news;
    int value;
    int64_t peak_bytes; /* WARDEN_ENDED: the most memory any of the program's processes had resident */
};

/* Carries out the order and ends the process. To be called in a fresh fork of the agent whose signals are all blocked. Everything
 * that descends from the program is this process's to reap (PR_SET_CHILD_SUBREAPER), so leaving its group or session does not help.
 */
noreturn void warden_run(const struct warden_order *order);

#endif
