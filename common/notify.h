/* notify: what a program tells the service manager that started it: that it is ready, that its loop still turns, what it is doing,
 * that it stops. The protocol is sd_notify(3): one datagram to the socket that $NOTIFY_SOCKET names; no library is needed for it.
 *
 * Where nobody listens, which is the normal case, every function does nothing. None blocks or fails: a service manager that does
 * not listen must not stop a search. Belongs to one thread. */
#ifndef HWNAS_COMMON_NOTIFY_H
#define HWNAS_COMMON_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

enum { NOTIFY_TEXT_BYTES = 256 };

struct notify {
    int fd;              /* connected to the service manager; -1: nobody listens */
    int64_t watchdog_ms; /* after that time without a sign of life this process is killed; 0: never */
    bool watching;
    uv_timer_t timer;
    char doing[NOTIFY_TEXT_BYTES]; /* told last */
};

/* Finds out who listens, and takes the variables out of the environment, so that programs started from here do not speak for this
 * one. Call it before there are threads, and close it with notify_close. */
void notify_open(struct notify *notify);

/* From now on the loop says that it turns, three times in each watchdog period; after notify_unwatch it does not. The timer does
 * not keep the loop alive. Run the loop once more after notify_unwatch, as for every handle. */
void notify_watch(struct notify *notify, uv_loop_t *loop);
void notify_unwatch(struct notify *notify);

/* The program is up; it is on its way down. `doing` (cut to fit, made one line) is what `systemctl status` shows. */
void notify_ready(struct notify *notify, const char *doing);
void notify_stopping(struct notify *notify, const char *doing);

/* What it is doing now. Nothing is sent when it was told so last. */
void notify_doing(struct notify *notify, const char *doing);

void notify_close(struct notify *notify);

#endif
