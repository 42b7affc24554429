/* doctor_host: the process, its limits, the clock, the folder for sockets. Part of doctor. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timex.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/doctor.h"

/* A master has a descriptor a peer, and some tens for itself. */
enum { FILES_LEAST = 64, FILES_FEW = 1024, FILES_OWN = 64, LOCKED_LEAST_KB = 64, FOLDER_LONGEST = 40 };

/* Before the first release, and after anything that a clock means to say. */
enum { YEAR_LEAST = 2025, YEAR_MOST = 2100 };

/* --- limits --- */

static void look_at_files(struct doctor_report *report)
{
    static const char advice[] = "raise it: LimitNOFILE= of the unit, or ulimit -n";
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        doctor_say(report, DOCTOR_UNKNOWN, "limits", NULL, "open files: %s", strerror(errno));
        return;
    }
    unsigned long long files = limit.rlim_cur, room = files > FILES_OWN ? files - FILES_OWN : 0;
    if (files < FILES_LEAST)
        doctor_say(report, DOCTOR_WRONG, "limits", advice, "%llu open files are allowed: too few for a master or a worker", files);
    else if (files < FILES_FEW)
        doctor_say(report, DOCTOR_DOUBTFUL, "limits", advice, "%llu open files are allowed: a master has room for some %llu peers",
                   files, room);
    else
        doctor_say(report, DOCTOR_FINE, "limits", NULL, "%llu open files are allowed: a master has room for some %llu peers", files,
                   room);
}

static void look_at_sizes(struct doctor_report *report)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
        doctor_say(report, DOCTOR_DOUBTFUL, "limits",
                   "take the limit away: ulimit -f unlimited, or LimitFSIZE=infinity of the unit",
                   "a file may have at most %llu bytes: a database that grows to that accepts no more results",
                   (unsigned long long)limit.rlim_cur);
    if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
        doctor_say(report, DOCTOR_DOUBTFUL, "limits", "limit memory that is used instead (MemoryMax= of the unit), not addresses",
                   "a process may have at most %llu MB of addresses: OpenBLAS and threads reserve more than they use",
                   (unsigned long long)limit.rlim_cur >> 20);
    if (getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < LOCKED_LEAST_KB * 1024ull)
        doctor_say(report, DOCTOR_DOUBTFUL, "limits", "raise it: LimitMEMLOCK= of the unit, or ulimit -l",
                   "%llu bytes may be locked: secret keys may be swapped out to disk", (unsigned long long)limit.rlim_cur);
}

void doctor_limits(const struct doctor_options *options, struct doctor_report *report)
{
    (void)options;
    if (geteuid() == 0)
        doctor_say(report, DOCTOR_DOUBTFUL, "user", "run them as a user of their own (docs/OPERATIONS.md, Installing as a service)",
                   "this is root: masters and workers need none of its rights");
    else
        doctor_say(report, DOCTOR_FINE, "user", NULL, "user %ld, not root", (long)geteuid());
    look_at_files(report);
    look_at_sizes(report);
}

/* --- the clock --- */

void doctor_clock(const struct doctor_options *options, struct doctor_report *report)
{
    (void)options;
    time_t now = (time_t)(clock_wall_ms() / 1000);
    struct tm utc;
    struct timex kernel = {0};
    gmtime_r(&now, &utc);
    int year = utc.tm_year + 1900;
    if (year < YEAR_LEAST || year > YEAR_MOST)
        doctor_say(report, DOCTOR_WRONG, "clock", "set the clock, and have it kept: systemd-timesyncd or chrony",
                   "the clock says that it is %d: times in the database would be wrong, and epochs could repeat", year);
    else
        doctor_say(report, DOCTOR_FINE, "clock", NULL, "it is %04d-%02d-%02d %02d:%02d UTC", year, utc.tm_mon + 1, utc.tm_mday,
                   utc.tm_hour, utc.tm_min);
    /* Reading needs no rights. */
    int state = adjtimex(&kernel);
    if (state < 0)
        doctor_say(report, DOCTOR_UNKNOWN, "clock", NULL, "whether anybody keeps it right: %s", strerror(errno));
    else if (state == TIME_ERROR || (kernel.status & STA_UNSYNC) != 0)
        doctor_say(report, DOCTOR_DOUBTFUL, "clock", "have it kept: systemd-timesyncd or chrony",
                   "nobody keeps the clock right (the kernel calls it unsynchronised)");
    else
        doctor_say(report, DOCTOR_FINE, "clock", NULL, "it is kept right, to about %.0f ms", (double)kernel.maxerror / 1000);
}

/* --- sockets --- */

/* Whether a socket can be bound in the folder; errno says why not. */
static bool bind_in(const char *folder)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    snprintf(address.sun_path, sizeof address.sun_path, "%s/s", folder);
    bool bound = bind(fd, (const struct sockaddr *)&address, sizeof address) == 0;
    int reason = errno;
    close(fd);
    unlink(address.sun_path);
    errno = reason;
    return bound;
}

void doctor_sockets(const struct doctor_options *options, struct doctor_report *report)
{
    (void)options;
    static const char advice[] = "set TMPDIR to a short folder on a local disk that this user can write to";
    const char *parent = getenv("TMPDIR");
    if (parent != NULL && (*parent != '/' || strlen(parent) > FOLDER_LONGEST)) {
        doctor_say(
            report, DOCTOR_DOUBTFUL, "sockets", advice,
            "TMPDIR=%.100s is no full path or longer than %d characters: with a socket's name it could pass the 107 that the "
            "kernel takes, so `hwnas run` makes its socket in /tmp",
            parent, FOLDER_LONGEST);
        parent = NULL;
    }
    char folder[FOLDER_LONGEST + 16];
    snprintf(folder, sizeof folder, "%s/hwnas-XXXXXX", parent != NULL ? parent : "/tmp");
    if (mkdtemp(folder) == NULL) {
        doctor_say(report, DOCTOR_WRONG, "sockets", advice, "no folder can be made in %s: %s", parent != NULL ? parent : "/tmp",
                   strerror(errno));
        return;
    }
    if (bind_in(folder))
        doctor_say(report, DOCTOR_FINE, "sockets", NULL, "sockets can be made in %s", parent != NULL ? parent : "/tmp");
    else
        doctor_say(report, DOCTOR_WRONG, "sockets", advice, "no socket can be made in %s: %s", parent != NULL ? parent : "/tmp",
                   strerror(errno));
    rmdir(folder);
}
