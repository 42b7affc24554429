/* notify: datagrams to the service manager. Called by the master's loop and by the peers' sessions. The rule it keeps: the sign of
 * life comes from the loop itself, so a loop that hangs is found out. */
#include "common/notify.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/line.h"

enum { SIGNS_A_PERIOD = 3 };

/* A path, or the name of an abstract socket behind an '@'. Other kinds of address (vsock) are those of virtual machines' managers.
 */
static int connect_to(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(name);
    if ((name[0] != '/' && name[0] != '@') || length < 2 || length >= sizeof address.sun_path)
        return -1;
    memcpy(address.sun_path, name, length);
    if (name[0] == '@')
        address.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    /* An abstract name has no NUL at its end: its length says where it ends. */
    if (connect(fd, (const struct sockaddr *)&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)) == 0)
        return fd;
    close(fd);
    return -1;
}

/* The variable as a whole positive number; 0 when it is none. */
static int64_t number_of(const char *variable)
{
    const char *text = getenv(variable);
    char *end;
    if (text == NULL)
        return 0;
    long long number = strtoll(text, &end, 10);
    return *text == '\0' || *end != '\0' || number < 0 ? 0 : number;
}

static void send_text(const struct notify *notify, const char *text)
{
    if (notify->fd >= 0)
        (void)!send(notify->fd, text, strlen(text), MSG_NOSIGNAL);
}

void notify_open(struct notify *notify)
{
    const char *name = getenv("NOTIFY_SOCKET");
    int64_t pid = number_of("WATCHDOG_PID");
    memset(notify, 0, sizeof *notify);
    notify->fd = name == NULL ? -1 : connect_to(name);
    /* The watchdog may be meant for the program that started this one. */
    if (notify->fd >= 0 && (pid == 0 || pid == (int64_t)getpid()))
        notify->watchdog_ms = number_of("WATCHDOG_USEC") / 1000;
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
}

static void on_timer(uv_timer_t *timer)
{
    send_text(timer->data, "WATCHDOG=1");
}

void notify_watch(struct notify *notify, uv_loop_t *loop)
{
    if (notify->watchdog_ms == 0)
        return;
    uint64_t period_ms = (uint64_t)notify->watchdog_ms / SIGNS_A_PERIOD;
    uv_timer_init(loop, &notify->timer);
    notify->timer.data = notify;
    notify->watching = true;
    uv_timer_start(&notify->timer, on_timer, 0, period_ms > 0 ? period_ms : 1);
    uv_unref((uv_handle_t *)&notify->timer);
}

void notify_unwatch(struct notify *notify)
{
    if (!notify->watching)
        return;
    notify->watching = false;
    uv_close((uv_handle_t *)&notify->timer, NULL);
}

/* `state` is a line of the protocol with its newline, or empty. */
static void tell(struct notify *notify, const char *state, const char *doing)
{
    char text[NOTIFY_TEXT_BYTES + 32];
    if (notify->fd < 0)
        return;
    line_of(doing, notify->doing, sizeof notify->doing);
    snprintf(text, sizeof text, "%sSTATUS=%s", state, notify->doing);
    send_text(notify, text);
}

void notify_ready(struct notify *notify, const char *doing)
{
    tell(notify, "READY=1\n", doing);
}

void notify_stopping(struct notify *notify, const char *doing)
{
    tell(notify, "STOPPING=1\n", doing);
}

void notify_doing(struct notify *notify, const char *doing)
{
    char line[NOTIFY_TEXT_BYTES];
    line_of(doing, line, sizeof line);
    if (strcmp(line, notify->doing) != 0)
        tell(notify, "", doing);
}

void notify_close(struct notify *notify)
{
    if (notify->fd >= 0)
        close(notify->fd);
    notify->fd = -1;
}
