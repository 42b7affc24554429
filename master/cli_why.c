/* cli_why: see cli_why.h. Called through cli_ask.c. */
#include "master/cli_why.h"

#include <stdlib.h>
#include <string.h>

#include "common/host.h"
#include "common/nearest.h"
#include "master/look.h"
#include "master/look_text.h"
#include "master/search.h"
#include "master/why.h"

enum { SENTENCE_BYTES = 2 * WHY_SENTENCE_BYTES + 8, ADVANCE_LIMIT = 100000 };

/* What the study wants, as it is handed out. */
struct wanted {
    struct search *search;
    struct why *why;                       /* NULL: nobody wants it */
    struct why_measurements *measurements; /* those that wait */
    enum status_code code;                 /* the first failure */
    struct status status;
};

static void keep(void *context, const struct study_want *want, const struct store_attempts *attempts)
{
    struct wanted *wanted = context;
    bool measure = want->kind == STUDY_WANT_MEASURE;
    if (wanted->code == STATUS_OK && measure)
        wanted->code = why_measurement_add(wanted->measurements, want->arch_text, want->key, want->device, &wanted->status);
    if (wanted->why == NULL)
        return;
    wanted->why->tasks[search_wire_kind(want->kind)].waiting++;
    if (wanted->code == STATUS_OK)
        wanted->code = why_add_failures(wanted->why, search_store(wanted->search), want->key, want->arch_text, attempts->failures,
                                        &wanted->status);
}

/* What the study would ask for next. In a transaction that is not kept. */
static enum status_code collect(struct wanted *wanted, struct status *status)
{
    bool more = true;
    enum status_code code = search_begin(wanted->search, status);
    while (code == STATUS_OK && more)
        code = search_advance(wanted->search, ADVANCE_LIMIT, keep, wanted, &more, status);
    search_rollback(wanted->search);
    if (code == STATUS_OK && wanted->code != STATUS_OK) {
        *status = wanted->status;
        code = wanted->code;
    }
    return code;
}

/* --- why ---------------------------------------------------------------------------------------------------------- */

/* A board can take what waits for that device word. A study's `host` is whoever measures the machine that the master runs on. */
static bool serves(const struct store_board *board, const char *device, const char *host)
{
    return strcmp(device, "host") == 0 ? strcmp(board->name, host) == 0 : strcmp(board->device_key, device) == 0;
}

static void explain_unknown(const char *device, const struct store_board *boards, size_t count, char *out)
{
    const char **keys = count > 0 ? calloc(count, sizeof *keys) : NULL;
    for (size_t i = 0; i < count && keys != NULL; i++)
        keys[i] = boards[i].device_key;
    if (strcmp(device, "host") == 0)
        snprintf(out, SENTENCE_BYTES, "no agent on this host has ever been connected: `hwnas study resume` starts one");
    else
        snprintf(
            out, SENTENCE_BYTES,
            "no board of device %s has ever been connected%s%s: `hwnas study resume --board FILE.yaml` or `hwnas-agent --board "
            "FILE.yaml` brings one",
            device, keys != NULL ? "; the nearest that has is " : "", keys != NULL ? keys[nearest_word(device, keys, count)] : "");
    free(keys);
}

/* One sentence about what a measurement for that device waits for. */
static void explain(const char *device, const struct store_board *boards, size_t count, const char *db, char out[SENTENCE_BYTES])
{
    char host[WIRE_NAME_BYTES], when[LOOK_TEXT_TIME_BYTES];
    const struct store_board *trusted = NULL, *quarantined = NULL;
    host_name(host, sizeof host);
    for (size_t i = 0; i < count; i++) {
        if (!serves(&boards[i], device, host))
            continue;
        const struct store_board **kind = boards[i].quarantined ? &quarantined : &trusted;
        if (*kind == NULL || boards[i].seen_wall_ms > (*kind)->seen_wall_ms)
            *kind = &boards[i];
    }
    if (trusted != NULL) {
        look_text_time(trusted->seen_wall_ms, when);
        snprintf(out, SENTENCE_BYTES,
                 "board %s, last seen %s; no master runs: `hwnas study resume` starts one, with --board FILE.yaml its agent too",
                 trusted->name, when);
    } else if (quarantined != NULL) {
        look_text_time(quarantined->since_wall_ms, when);
        snprintf(out, SENTENCE_BYTES,
                 "board %s is quarantined since %s: %s; if its new level is right: hwnas device trust %s --db %.100s",
                 quarantined->name, when, quarantined->reason, quarantined->name, db);
    } else {
        explain_unknown(device, boards, count, out);
    }
}

/* --- measurements -------------------------------------------------------------------------------------------------- */

static enum status_code explain_all(struct search *search, struct why_measurements *all, const char *db, struct status *status)
{
    struct store_board *boards = NULL;
    size_t count = 0;
    enum status_code code = store_board_list(search_store(search), &boards, &count, status);
    for (size_t i = 0; i < all->device_count && code == STATUS_OK; i++)
        explain(all->devices[i].device, boards, count, db, all->devices[i].waits_for);
    free(boards);
    return code;
}

/* A study that is not there must not be opened: a search would look for its file. */
static enum status_code open_study(const struct cli_ask *ask, struct search **out, struct status *status)
{
    struct search_options options = {.resume = ask->question.study, .db = ask->db};
    struct store *store = NULL;
    struct store_study study = {0};
    enum status_code code = store_open(ask->db, STORE_READ, &store, status);
    if (code == STATUS_OK)
        code = store_study_find(store, ask->question.study, &study, status);
    store_study_free(&study);
    store_close(store);
    return code == STATUS_OK ? search_open(&options, NULL, out, status) : code;
}

enum status_code cli_why_device(const struct cli_ask *ask, FILE *out, struct status *status)
{
    struct why_measurements all = {.list = NULL};
    struct wanted wanted = {.measurements = &all};
    enum status_code code = open_study(ask, &wanted.search, status);
    if (code == STATUS_OK)
        code = collect(&wanted, status);
    if (code == STATUS_OK)
        code = explain_all(wanted.search, &all, ask->db, status);
    if (code == STATUS_OK)
        code = why_measurements_print(&all, ask->question.study, look_format(&ask->question), out, status);
    why_measurements_free(&all);
    search_close(wanted.search);
    return code;
}

/* --- the study ----------------------------------------------------------------------------------------------------- */

static enum status_code gather_leases(struct search *search, struct why *why, struct status *status)
{
    struct store_lease *leases = NULL;
    size_t count = 0;
    enum status_code code = store_lease_open_list(search_store(search), &leases, &count, status);
    for (size_t i = 0; i < count && code == STATUS_OK && i < WHY_LISTED; i++) {
        struct why_lease *out = &why->leases[why->lease_count++];
        out->id = (uint64_t)leases[i].id;
        out->attempt = (uint32_t)leases[i].attempt;
        out->since_wall_ms = leases[i].granted_wall_ms;
        out->confirmed = true; /* nobody can say that it is not */
        snprintf(out->key, sizeof out->key, "%s", leases[i].key);
        snprintf(out->node, sizeof out->node, "%s", leases[i].node);
        snprintf(out->board, sizeof out->board, "%s", leases[i].board);
    }
    why->leases_in_all = count;
    free(leases);
    return code;
}

static enum status_code explain_study(const struct cli_ask *ask, struct wanted *wanted, struct status *status)
{
    struct why *why = wanted->why;
    study_count(search_study(wanted->search), &why->counts);
    if (search_finished(wanted->search)) {
        why->state = "finished";
        why_because(why, "finished", "nothing: the study is finished");
        return STATUS_OK;
    }
    char *todo = why_because(why, "no_master", "a master: none runs on this database");
    snprintf(todo, WHY_SENTENCE_BYTES, "hwnas study resume %s --db %.200s", ask->question.study, ask->db);
    enum status_code code = collect(wanted, status);
    /* That finals have begun, a study opened anew finds out by going on. */
    struct study_counts now;
    study_count(search_study(wanted->search), &now);
    why->counts.finals = now.finals;
    why->counts.finalists = now.finalists;
    why->counts.finals_scored = now.finals_scored;
    if (code == STATUS_OK)
        code = explain_all(wanted->search, wanted->measurements, ask->db, status);
    for (size_t i = 0; i < wanted->measurements->device_count && code == STATUS_OK; i++) {
        const struct why_device *device = &wanted->measurements->devices[i];
        why_because(why, "device", "%zu measurement(s) for device %s: %.300s", device->count, device->device, device->waits_for);
    }
    if (code == STATUS_OK)
        code = gather_leases(wanted->search, why, status);
    return code == STATUS_OK ? why_add_boards(why, search_store(wanted->search), status) : code;
}

enum status_code cli_why_study(const struct cli_ask *ask, FILE *out, struct status *status)
{
    struct why_measurements all = {.list = NULL};
    struct wanted wanted = {.why = why_new(ask->question.study), .measurements = &all};
    enum status_code code = wanted.why != NULL ? open_study(ask, &wanted.search, status)
                                               : status_set(status, STATUS_NO_MEMORY, "no memory for an answer");
    if (code == STATUS_OK)
        code = explain_study(ask, &wanted, status);
    if (code == STATUS_OK)
        code = why_print(wanted.why, look_format(&ask->question), out, status);
    why_measurements_free(&all);
    search_close(wanted.search);
    why_free(wanted.why);
    return code;
}
