/* doctor: what is said of an installation that is as it should be, and of one where a single thing is not. */
#include "tests/support/test.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "common/doctor.h"
#include "common/fileio.h"
#include "common/keys.h"

static char scratch[64];

static void path_of(const char *name, char out[128])
{
    snprintf(out, 128, "%s/%s", scratch, name);
}

/* Whether the report has a finding of that level and area whose sentence holds the text. */
static bool said(const struct doctor_report *report, enum doctor_level level, const char *area, const char *text)
{
    for (size_t i = 0; i < report->count; i++)
        if (report->findings[i].level == level && strcmp(report->findings[i].area, area) == 0 &&
            strstr(report->findings[i].sentence, text) != NULL)
            return true;
    for (size_t i = 0; i < report->count; i++)
        print_message("# %s %s: %s\n", doctor_level_name(report->findings[i].level), report->findings[i].area,
                      report->findings[i].sentence);
    return false;
}

/* Runs one examination and says whether that was found. */
static bool finds(doctor_section *section, const struct doctor_options *options, enum doctor_level level, const char *area,
                  const char *text)
{
    struct doctor_report report = {0};
    section(options, &report);
    bool found = said(&report, level, area, text);
    doctor_free(&report);
    return found;
}

/* --- the list --- */

static void the_worst_finding_is_the_verdict(void **state)
{
    (void)state;
    struct doctor_report report = {0};
    assert_int_equal(doctor_worst(&report), DOCTOR_FINE);
    for (int i = 0; i < 100; i++)
        doctor_say(&report, DOCTOR_FINE, "a", NULL, "finding %d", i);
    assert_int_equal(doctor_worst(&report), DOCTOR_FINE);
    doctor_say(&report, DOCTOR_UNKNOWN, "a", NULL, "hidden");
    assert_int_equal(doctor_worst(&report), DOCTOR_UNKNOWN);
    doctor_say(&report, DOCTOR_WRONG, "b", "mend it", "broken");
    doctor_say(&report, DOCTOR_DOUBTFUL, "b", NULL, "slow");
    assert_int_equal(doctor_worst(&report), DOCTOR_WRONG);
    assert_int_equal(report.count, 103);
    assert_int_equal(report.counts[DOCTOR_FINE], 100);
    assert_string_equal(report.findings[99].sentence, "finding 99");
    assert_string_equal(report.findings[101].advice, "mend it");
    assert_false(report.lost);
    doctor_free(&report);
    assert_int_equal(report.count, 0);
}

static void a_finding_is_one_line_of_utf8(void **state)
{
    (void)state;
    struct doctor_report report = {0};
    doctor_say(&report, DOCTOR_WRONG, "a", "x\ny", "a name\nwith \xff in it");
    assert_string_equal(report.findings[0].sentence, "a name with ? in it");
    assert_string_equal(report.findings[0].advice, "x y");
    doctor_free(&report);
}

/* --- disk --- */

static void a_database_belongs_on_a_local_disk(void **state)
{
    (void)state;
    static const struct {
        unsigned long type;
        enum doctor_level level;
        const char *says;
    } cases[] = {
        {0xef53, DOCTOR_FINE, "ext4"},
        {0x6969, DOCTOR_WRONG, "NFS"},
        {(unsigned long)(long)(int)0xfe534d42, DOCTOR_WRONG, "SMB"}, /* statfs gives some numbers as negative ints */
        {0x01021997, DOCTOR_DOUBTFUL, "9P"},
        {0x794c7630, DOCTOR_DOUBTFUL, "container"},
        {0x01021994, DOCTOR_DOUBTFUL, "switched off"},
        {12345, DOCTOR_UNKNOWN, "0x3039"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct doctor_report report = {0};
        doctor_filesystem("/data", cases[i].type, &report);
        assert_int_equal(report.count, 1);
        assert_true(said(&report, cases[i].level, "disk", cases[i].says));
        doctor_free(&report);
    }
}

static void a_folder_that_can_be_written_is_fine_and_stays_clean(void **state)
{
    (void)state;
    char db[128];
    path_of("new.db", db);
    const struct doctor_options options = {.db = db};
    assert_true(finds(doctor_disk, &options, DOCTOR_FINE, "disk", "written, renamed and read"));
    assert_int_equal(access(db, F_OK), -1);
    assert_int_equal(rmdir(scratch), 0); /* nothing is left in it */
    assert_int_equal(mkdir(scratch, 0700), 0);
}

static void a_folder_that_cannot_be_written_is_wrong(void **state)
{
    (void)state;
    const struct doctor_options proc = {.db = "/proc/self/x.db"}, none = {.db = "/nowhere/at/all/x.db"},
                                file = {.db = "/etc/passwd/x.db"};
    assert_true(finds(doctor_disk, &proc, DOCTOR_WRONG, "disk", "cannot be written"));
    assert_true(finds(doctor_disk, &none, DOCTOR_WRONG, "disk", "/nowhere/at/all"));
    assert_true(finds(doctor_disk, &file, DOCTOR_WRONG, "disk", "/etc/passwd"));
}

static void memory_is_no_disk(void **state)
{
    (void)state;
    const struct doctor_options options = {.db = "/dev/shm/x.db"};
    if (access("/dev/shm", W_OK) == 0)
        assert_true(finds(doctor_disk, &options, DOCTOR_DOUBTFUL, "disk", "tmpfs"));
}

static void a_folder_open_to_everybody_is_doubtful(void **state)
{
    (void)state;
    char db[128];
    path_of("open/x.db", db);
    *strrchr(db, '/') = '\0';
    assert_int_equal(mkdir(db, 0700), 0);
    assert_int_equal(chmod(db, 0777), 0);
    path_of("open/x.db", db);
    const struct doctor_options options = {.db = db};
    assert_true(finds(doctor_disk, &options, DOCTOR_DOUBTFUL, "disk", "everybody"));
    *strrchr(db, '/') = '\0';
    rmdir(db);
}

/* --- the process --- */

static void few_open_files_are_told(void **state)
{
    (void)state;
    static const struct {
        rlim_t files;
        enum doctor_level level;
    } cases[] = {{32, DOCTOR_WRONG}, {512, DOCTOR_DOUBTFUL}, {4096, DOCTOR_FINE}};
    const struct doctor_options options = {0};
    struct rlimit before, limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    for (size_t i = 0; i < 3; i++) {
        limit = before;
        limit.rlim_cur = cases[i].files;
        if (cases[i].files > before.rlim_max)
            continue;
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
        assert_true(finds(doctor_limits, &options, cases[i].level, "limits", "open files"));
    }
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

static void a_limit_on_the_size_of_files_is_told(void **state)
{
    (void)state;
    const struct doctor_options options = {0};
    struct rlimit before, limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = before;
    limit.rlim_cur = 1 << 20;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_true(finds(doctor_limits, &options, DOCTOR_DOUBTFUL, "limits", "1048576 bytes"));
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
}

static void the_clock_of_this_machine_is_looked_at(void **state)
{
    (void)state;
    const struct doctor_options options = {0};
    assert_true(finds(doctor_clock, &options, DOCTOR_FINE, "clock", "UTC"));
}

static void sockets_need_a_short_folder_that_can_be_written(void **state)
{
    (void)state;
    const struct doctor_options options = {0};
    char *before = getenv("TMPDIR") != NULL ? strdup(getenv("TMPDIR")) : NULL;
    unsetenv("TMPDIR");
    assert_true(finds(doctor_sockets, &options, DOCTOR_FINE, "sockets", "/tmp"));
    setenv("TMPDIR", scratch, 1);
    assert_true(finds(doctor_sockets, &options, DOCTOR_FINE, "sockets", scratch));
    setenv("TMPDIR", "/proc/self", 1);
    assert_true(finds(doctor_sockets, &options, DOCTOR_WRONG, "sockets", "/proc/self"));
    setenv("TMPDIR", "/a/folder/with/a/name/that/is/far/too/long/for/any/socket", 1);
    assert_true(finds(doctor_sockets, &options, DOCTOR_DOUBTFUL, "sockets", "107"));
    setenv("TMPDIR", "relative", 1);
    assert_true(finds(doctor_sockets, &options, DOCTOR_DOUBTFUL, "sockets", "no full path"));
    if (before != NULL)
        setenv("TMPDIR", before, 1);
    else
        unsetenv("TMPDIR");
    free(before);
}

/* --- keys --- */

/* Makes scratch/NAME and scratch/NAME_secret. */
static void make_key(const char *name, enum keys_role role)
{
    struct keys_public half;
    struct status status = {0};
    assert_ok(keys_create(scratch, name, role, &half, &status), status);
}

static void copy_public(const char *name, const char *folder)
{
    char from[128], to[256];
    void *data;
    size_t size;
    struct status status = {0};
    path_of(name, from);
    snprintf(to, sizeof to, "%s/%s", folder, name);
    assert_ok(fileio_read(from, 10000, &data, &size, &status), status);
    assert_ok(fileio_write(to, data, size, &status), status);
    assert_int_equal(chmod(to, 0644), 0);
    free(data);
}

static void keys_that_fit_are_fine_and_others_are_not(void **state)
{
    (void)state;
    char head[128], head_public[128], other[128], rack[128], rack_secret[128], allow[128], allowed[256];
    make_key("head", KEYS_MASTER);
    make_key("other", KEYS_MASTER);
    make_key("rack", KEYS_WORKER);
    path_of("head_secret", head);
    path_of("head", head_public);
    path_of("other", other);
    path_of("rack", rack);
    path_of("rack_secret", rack_secret);
    path_of("allow", allow);
    assert_int_equal(mkdir(allow, 0755), 0);
    struct doctor_options options = {.key = head, .allow = allow, .server_key = head_public};
    assert_true(finds(doctor_keys, &options, DOCTOR_FINE, "keys", "the key of master head"));
    assert_true(finds(doctor_keys, &options, DOCTOR_FINE, "keys", "the half of the other"));
    assert_true(finds(doctor_keys, &options, DOCTOR_DOUBTFUL, "keys", "nobody is let in"));
    options.server_key = other;
    assert_true(finds(doctor_keys, &options, DOCTOR_WRONG, "keys", "is not the public half"));
    options.server_key = rack;
    assert_true(finds(doctor_keys, &options, DOCTOR_WRONG, "keys", "not a master's"));

    struct doctor_options worker = {.key = rack_secret, .allow = allow, .server_key = head_public};
    assert_true(finds(doctor_keys, &worker, DOCTOR_WRONG, "keys", "not one of them"));
    copy_public("rack", allow);
    assert_true(finds(doctor_keys, &worker, DOCTOR_FINE, "keys", "1 key(s) are let in"));
    assert_true(finds(doctor_keys, &worker, DOCTOR_FINE, "keys", "is one of them"));
    worker.listen[worker.listen_count++] = "tcp://127.0.0.1:*";
    assert_true(finds(doctor_keys, &worker, DOCTOR_WRONG, "keys", "role master"));
    worker.allow = NULL;
    assert_true(finds(doctor_keys, &worker, DOCTOR_WRONG, "keys", "--key and --allow together"));

    assert_int_equal(chmod(rack_secret, 0644), 0);
    assert_true(finds(doctor_keys, &worker, DOCTOR_WRONG, "keys", "rack_secret"));
    options.key = "/nowhere/key_secret";
    assert_true(finds(doctor_keys, &options, DOCTOR_WRONG, "keys", "/nowhere/key_secret"));
    snprintf(allowed, sizeof allowed, "%s/rack", allow);
    unlink(allowed);
    rmdir(allow);
}

/* --- addresses --- */

static bool listen_finds(const char *address, enum doctor_level level, const char *text)
{
    const struct doctor_options options = {.listen = {address}, .listen_count = 1};
    return finds(doctor_addresses, &options, level, "listen", text);
}

static void addresses_that_can_be_listened_at_are_fine(void **state)
{
    (void)state;
    char ipc[160], folder[128];
    assert_true(listen_finds("tcp://127.0.0.1:*", DOCTOR_FINE, "can be listened at"));
    assert_true(listen_finds("tcp://localhost:*", DOCTOR_FINE, "can be listened at"));
    path_of("socket", folder);
    snprintf(ipc, sizeof ipc, "ipc://%s/s", folder);
    assert_true(listen_finds(ipc, DOCTOR_FINE, "is made when a master starts"));
    assert_int_equal(mkdir(folder, 0700), 0);
    assert_true(listen_finds(ipc, DOCTOR_FINE, "by this user alone"));
    assert_int_equal(chmod(folder, 0755), 0);
    assert_true(listen_finds(ipc, DOCTOR_WRONG, "open to others"));
    rmdir(folder);
}

static void addresses_that_cannot_be_listened_at_are_told(void **state)
{
    (void)state;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    char address[64];
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&at, size), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
    snprintf(address, sizeof address, "tcp://127.0.0.1:%d", ntohs(at.sin_port));
    assert_true(listen_finds(address, DOCTOR_DOUBTFUL, "somebody listens there already"));
    close(fd);
    assert_true(listen_finds("tcp://192.0.2.1:5555", DOCTOR_WRONG, "key"));
    assert_true(listen_finds("udp://127.0.0.1:1", DOCTOR_WRONG, "udp://"));
    struct doctor_options options = {.listen = {"tcp://192.0.2.1:5555"}, .listen_count = 1, .key = "k", .allow = "a"};
    assert_true(finds(doctor_addresses, &options, DOCTOR_WRONG, "listen", "cannot be listened at"));
    options.listen[0] = "tcp://a-host.invalid:5555"; /* a master looks no names up either */
    assert_true(finds(doctor_addresses, &options, DOCTOR_WRONG, "listen", "nor an interface of this machine"));
    options.listen[0] = "tcp://lo:*";
    assert_true(finds(doctor_addresses, &options, DOCTOR_FINE, "listen", "can be listened at"));
}

/* A master's socket must not be taken away by whoever examines it. */
static void a_socket_in_use_is_left_in_peace(void **state)
{
    (void)state;
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    char folder[128], ipc[160];
    path_of("socket", folder);
    assert_int_equal(mkdir(folder, 0700), 0);
    snprintf(at.sun_path, sizeof at.sun_path, "%.90s/s", folder);
    snprintf(ipc, sizeof ipc, "ipc://%s/s", folder);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), peer = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(fd, 5), 0);
    assert_true(listen_finds(ipc, DOCTOR_DOUBTFUL, "somebody listens there already"));
    assert_int_equal(connect(peer, (const struct sockaddr *)&at, sizeof at), 0);
    close(peer);
    close(fd);
    assert_true(listen_finds(ipc, DOCTOR_FINE, "can be listened at")); /* left over */
    unlink(at.sun_path);
    rmdir(folder);
}

static void where_nobody_answers_is_doubtful(void **state)
{
    (void)state;
    char ipc[160];
    snprintf(ipc, sizeof ipc, "ipc://%s/nobody", scratch);
    const struct doctor_options options = {.connect = {ipc, "tcp://192.0.2.1:5555"}, .connect_count = 2};
    struct doctor_report report = {0};
    doctor_addresses(&options, &report);
    assert_true(said(&report, DOCTOR_DOUBTFUL, "connect", "nobody answers"));
    assert_true(said(&report, DOCTOR_WRONG, "connect", "key")); /* not without keys */
    doctor_free(&report);
}

static int make_scratch(void **state)
{
    (void)state;
    snprintf(scratch, sizeof scratch, "/tmp/hwnas-doctor-XXXXXX");
    return mkdtemp(scratch) == NULL ? -1 : 0;
}

static int remove_scratch(void **state)
{
    static const char *const names[] = {"head", "head_secret", "other", "other_secret", "rack", "rack_secret"};
    char path[128];
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        path_of(names[i], path);
        unlink(path);
    }
    return rmdir(scratch);
}

#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, make_scratch, remove_scratch)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_worst_finding_is_the_verdict),
        cmocka_unit_test(a_finding_is_one_line_of_utf8),
        cmocka_unit_test(a_database_belongs_on_a_local_disk),
        IN_SCRATCH(a_folder_that_can_be_written_is_fine_and_stays_clean),
        cmocka_unit_test(a_folder_that_cannot_be_written_is_wrong),
        cmocka_unit_test(memory_is_no_disk),
        IN_SCRATCH(a_folder_open_to_everybody_is_doubtful),
        cmocka_unit_test(few_open_files_are_told),
        cmocka_unit_test(a_limit_on_the_size_of_files_is_told),
        cmocka_unit_test(the_clock_of_this_machine_is_looked_at),
        IN_SCRATCH(sockets_need_a_short_folder_that_can_be_written),
        IN_SCRATCH(keys_that_fit_are_fine_and_others_are_not),
        IN_SCRATCH(addresses_that_can_be_listened_at_are_fine),
        cmocka_unit_test(addresses_that_cannot_be_listened_at_are_told),
        IN_SCRATCH(a_socket_in_use_is_left_in_peace),
        IN_SCRATCH(where_nobody_answers_is_doubtful),
    };
    return TEST_RUN(tests);
}
