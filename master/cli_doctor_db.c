/* cli_doctor_db: what `hwnas doctor` says of a database. Called by hwnas_main. */
#include "master/cli_doctor_db.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/version.h"
#include "master/master_file.h"
#include "master/store.h"

/* What it holds; it has been found sound. */
static void look_inside(struct store *store, const char *path, struct doctor_report *report)
{
    struct store_study *studies = NULL;
    struct status status = {0};
    size_t count = 0;
    int64_t computed = 0, measured = 0;
    enum status_code code = store_study_list(store, &studies, &count, &status);
    if (code == STATUS_OK)
        code = store_evaluation_count(store, &computed, &measured, &status);
    if (code != STATUS_OK)
        doctor_say(report, DOCTOR_WRONG, "database", NULL, "%s", status.message);
    else
        doctor_say(report, DOCTOR_FINE, "database", NULL,
                   "%.300s: sound, of this version; %zu studies, %lld evaluations, %lld measurements", path, count,
                   (long long)computed, (long long)measured);
    for (size_t i = 0; i < count; i++)
        store_study_free(&studies[i]);
    free(studies);
}

/* Who holds it, by the word that masters leave beside their databases. */
static void name_holder(const char *path, const struct status *held, struct doctor_report *report)
{
    struct master_file file;
    struct status status = {0};
    switch (master_file_read(path, &file, &status)) {
    case MASTER_FILE_HERE:
        if (strcmp(file.version, HWNAS_VERSION) != 0)
            doctor_say(report, DOCTOR_DOUBTFUL, "database", "stop it and start it anew: what is installed is not what runs",
                       "%.300s is held by a master of version %s (process %ld); this is %s", path, file.version, file.pid,
                       HWNAS_VERSION);
        else
            doctor_say(report, DOCTOR_FINE, "database", NULL, "%.300s is held by a master (process %ld, study %s, since %s)", path,
                       file.pid, file.study, file.since);
        break;
    case MASTER_FILE_AWAY:
        doctor_say(report, DOCTOR_DOUBTFUL, "database", "make sure that only one machine uses it", "%.300s is held, and %s", path,
                   status.message);
        break;
    default:
        doctor_say(report, DOCTOR_DOUBTFUL, "database", "find out who, with `fuser`, before you start a master", "%s",
                   held->message);
    }
}

static void look_at_modes(const struct stat *info, const char *path, struct doctor_report *report)
{
    if ((info->st_mode & 077) != 0)
        doctor_say(report, (info->st_mode & 022) != 0 ? DOCTOR_WRONG : DOCTOR_DOUBTFUL, "database", "chmod 600 it",
                   "%.300s: others may %s it (mode %03o)", path, (info->st_mode & 022) != 0 ? "change" : "read",
                   (unsigned)info->st_mode & 0777);
}

/* Sound, but of a version that the next master brings up to date. */
static bool is_older(const char *path)
{
    struct store *store = NULL;
    bool older = store_open(path, STORE_COPY, &store, NULL) == STATUS_OK;
    store_close(store);
    return older;
}

void cli_doctor_db(const struct doctor_options *options, struct doctor_report *report)
{
    struct store *store = NULL;
    struct status status = {0};
    struct stat info;
    const char *path = options->db;
    if (path == NULL)
        return;
    if (stat(path, &info) != 0) {
        if (errno == ENOENT)
            doctor_say(report, DOCTOR_FINE, "database", NULL, "%.300s: is not there yet; a master makes it", path);
        else
            doctor_say(report, DOCTOR_WRONG, "database", NULL, "%.300s: %s", path, strerror(errno));
        return;
    }
    if (S_ISREG(info.st_mode))
        look_at_modes(&info, path, report);
    enum status_code code = store_open(path, STORE_READ, &store, &status);
    if (code == STATUS_OK)
        look_inside(store, path, report);
    else if (code == STATUS_CONFLICT)
        name_holder(path, &status, report);
    else
        doctor_say(report, is_older(path) ? DOCTOR_DOUBTFUL : DOCTOR_WRONG, "database", NULL, "%s", status.message);
    store_close(store);
}
