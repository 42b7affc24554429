/* notify: what reaches the socket of a service manager, played by the test; and that nothing happens where there is none. */
#include "tests/support/test.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "common/notify.h"

struct manager {
    char folder[64], name[128];
    int fd;
};

/* A socket at a path of its own folder, or (abstract) under the same name in the kernel's own space. */
static void open_manager(struct manager *manager, bool abstract)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(manager->folder, sizeof manager->folder, "/tmp/hwnas-notify-XXXXXX");
    assert_non_null(mkdtemp(manager->folder));
    snprintf(manager->name, sizeof manager->name, "%s%s/socket", abstract ? "@" : "", manager->folder);
    memcpy(address.sun_path, manager->name, strlen(manager->name));
    if (abstract)
        address.sun_path[0] = '\0';
    manager->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_true(manager->fd >= 0);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(manager->name));
    assert_int_equal(bind(manager->fd, (const struct sockaddr *)&address, size), 0);
    setenv("NOTIFY_SOCKET", manager->name, 1);
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
}

static void close_manager(struct manager *manager)
{
    close(manager->fd);
    if (manager->name[0] == '/')
        unlink(manager->name);
    rmdir(manager->folder);
}

/* The next datagram, which is there already; "" when there is none. */
static const char *heard(struct manager *manager, char out[512])
{
    ssize_t size = recv(manager->fd, out, 511, MSG_DONTWAIT);
    out[size > 0 ? size : 0] = '\0';
    return out;
}

static void says_what_it_does(bool abstract)
{
    struct manager manager;
    struct notify notify;
    char text[512];
    open_manager(&manager, abstract);
    notify_open(&notify);
    notify_ready(&notify, "listening");
    assert_string_equal(heard(&manager, text), "READY=1\nSTATUS=listening");
    notify_doing(&notify, "1 of 2");
    assert_string_equal(heard(&manager, text), "STATUS=1 of 2");
    notify_doing(&notify, "1 of 2");
    assert_string_equal(heard(&manager, text), "");
    notify_stopping(&notify, "stopping");
    assert_string_equal(heard(&manager, text), "STOPPING=1\nSTATUS=stopping");
    notify_close(&notify);
    notify_ready(&notify, "closed");
    assert_string_equal(heard(&manager, text), "");
    close_manager(&manager);
}

static void a_manager_at_a_path_is_told(void **state)
{
    (void)state;
    says_what_it_does(false);
}

static void a_manager_at_an_abstract_name_is_told(void **state)
{
    (void)state;
    says_what_it_does(true);
}

/* A name out of a study file must not be able to say READY=1, nor to be no UTF-8. */
static void a_text_stays_one_line(void **state)
{
    (void)state;
    struct manager manager;
    struct notify notify;
    char text[512], longest[1000];
    open_manager(&manager, false);
    notify_open(&notify);
    notify_doing(&notify, "a\nREADY=1\nb\xff");
    assert_string_equal(heard(&manager, text), "STATUS=a READY=1 b?");
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    notify_doing(&notify, longest);
    assert_int_equal(strlen(heard(&manager, text)), strlen("STATUS=") + NOTIFY_TEXT_BYTES - 1);
    notify_doing(&notify, longest); /* cut, it is what was told last */
    assert_string_equal(heard(&manager, text), "");
    notify_close(&notify);
    close_manager(&manager);
}

static void the_variables_are_not_handed_on(void **state)
{
    (void)state;
    struct manager manager;
    struct notify notify;
    open_manager(&manager, false);
    setenv("WATCHDOG_USEC", "3000000", 1);
    notify_open(&notify);
    assert_int_equal(notify.watchdog_ms, 3000);
    assert_null(getenv("NOTIFY_SOCKET"));
    assert_null(getenv("WATCHDOG_USEC"));
    assert_null(getenv("WATCHDOG_PID"));
    notify_close(&notify);
    close_manager(&manager);
}

static void the_watchdog_of_another_process_is_not_ours(void **state)
{
    (void)state;
    static const char *const pids[] = {"1", "", "x"};
    char own[32];
    struct manager manager;
    struct notify notify;
    open_manager(&manager, false);
    for (size_t i = 0; i < 3; i++) {
        setenv("NOTIFY_SOCKET", manager.name, 1);
        setenv("WATCHDOG_USEC", "3000000", 1);
        setenv("WATCHDOG_PID", pids[i], 1);
        notify_open(&notify);
        assert_int_equal(notify.watchdog_ms, i == 0 ? 0 : 3000); /* what is no number says nothing */
        notify_close(&notify);
    }
    snprintf(own, sizeof own, "%ld", (long)getpid());
    setenv("NOTIFY_SOCKET", manager.name, 1);
    setenv("WATCHDOG_USEC", "3000000", 1);
    setenv("WATCHDOG_PID", own, 1);
    notify_open(&notify);
    assert_int_equal(notify.watchdog_ms, 3000);
    notify_close(&notify);
    close_manager(&manager);
}

static void nobody_listens_and_nothing_happens(void **state)
{
    (void)state;
    static const char *const names[] = {NULL, "", "@", "/", "relative", "vsock:2:1", "/tmp/hwnas-notify-nobody/socket"};
    char longest[200];
    memset(longest, 'x', sizeof longest - 1);
    longest[0] = '/';
    longest[sizeof longest - 1] = '\0';
    for (size_t i = 0; i <= sizeof names / sizeof names[0]; i++) {
        const char *name = i < sizeof names / sizeof names[0] ? names[i] : longest;
        struct notify notify;
        uv_loop_t loop;
        if (name == NULL)
            unsetenv("NOTIFY_SOCKET");
        else
            setenv("NOTIFY_SOCKET", name, 1);
        setenv("WATCHDOG_USEC", "1000", 1);
        notify_open(&notify);
        assert_int_equal(notify.fd, -1);
        assert_int_equal(notify.watchdog_ms, 0);
        assert_int_equal(uv_loop_init(&loop), 0);
        notify_watch(&notify, &loop);
        notify_ready(&notify, "ready");
        notify_doing(&notify, "doing");
        notify_stopping(&notify, "stopping");
        notify_unwatch(&notify);
        uv_run(&loop, UV_RUN_DEFAULT);
        assert_int_equal(uv_loop_close(&loop), 0);
        notify_close(&notify);
    }
}

static void stop_loop(uv_timer_t *timer)
{
    uv_stop(timer->loop);
}

static void a_loop_that_turns_says_so(void **state)
{
    (void)state;
    struct manager manager;
    struct notify notify;
    uv_loop_t loop;
    uv_timer_t timer;
    char text[512];
    open_manager(&manager, false);
    setenv("WATCHDOG_USEC", "30000", 1);
    notify_open(&notify);
    assert_int_equal(uv_loop_init(&loop), 0);
    notify_watch(&notify, &loop);
    uv_run(&loop, UV_RUN_DEFAULT); /* the sign of life alone keeps no loop alive */
    uv_timer_init(&loop, &timer);
    for (int signs = 0; signs < 5;) {
        uv_timer_start(&timer, stop_loop, 5, 0);
        uv_run(&loop, UV_RUN_DEFAULT);
        while (strcmp(heard(&manager, text), "WATCHDOG=1") == 0)
            signs++;
    }
    notify_unwatch(&notify);
    notify_unwatch(&notify);
    uv_close((uv_handle_t *)&timer, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    assert_string_equal(heard(&manager, text), "");
    notify_close(&notify);
    close_manager(&manager);
}

/* A manager that does not read must not stop the search. */
static void a_manager_that_does_not_read_blocks_nobody(void **state)
{
    (void)state;
    struct manager manager;
    struct notify notify;
    char text[32];
    open_manager(&manager, false);
    notify_open(&notify);
    for (int i = 0; i < 100000; i++) {
        snprintf(text, sizeof text, "%d", i);
        notify_doing(&notify, text);
    }
    notify_close(&notify);
    close_manager(&manager);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_manager_at_a_path_is_told),
        cmocka_unit_test(a_manager_at_an_abstract_name_is_told),
        cmocka_unit_test(a_text_stays_one_line),
        cmocka_unit_test(the_variables_are_not_handed_on),
        cmocka_unit_test(the_watchdog_of_another_process_is_not_ours),
        cmocka_unit_test(nobody_listens_and_nothing_happens),
        cmocka_unit_test(a_loop_that_turns_says_so),
        cmocka_unit_test(a_manager_that_does_not_read_blocks_nobody),
    };
    return TEST_RUN(tests);
}
