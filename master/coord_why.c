/* coord_why: what the running study waits for, gathered from the master's memory and store. Part of coord; changes nothing. */
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "master/coord_parts.h"
#include "master/dispatch.h"
#include "master/look.h"
#include "master/why.h"

/* --- what helps ---------------------------------------------------------------------------------------------------- */

static void advise(const struct coord *coord, const struct dispatch_reason *reason, char *todo)
{
    static const char *const plain[][2] = {
        {"silent_workers", "look whether these processes and the network between live; their leases end by themselves"},
        {"silent_agent", "look whether the board and its agent live; its leases end by themselves"},
        {"earlier_leases",
         "nothing need be done: they are given up when their peers come back, or at the latest after one lease time"},
        {"drained", "look at its log and mend what fails there; a process that is started anew is tried at once"},
        {"busy_workers", "more workers would help; nothing need be done"},
        {"busy_board", "another board of this device would help; nothing need be done"},
    };
    const char *address = coord->options->listen_count > 0 ? coord->options->listen[0] : "ADDRESS";
    todo[0] = '\0';
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++)
        if (strcmp(reason->code, plain[i][0]) == 0)
            snprintf(todo, WHY_SENTENCE_BYTES, "%s", plain[i][1]);
    if (strcmp(reason->code, "no_worker") == 0)
        snprintf(todo, WHY_SENTENCE_BYTES, "start one: hwnas-worker --connect %s", address);
    else if (strcmp(reason->code, "no_agent") == 0 && strcmp(reason->device, "host") == 0)
        snprintf(todo, WHY_SENTENCE_BYTES, "start one on this machine: hwnas-agent --connect %s", address);
    else if (strcmp(reason->code, "no_agent") == 0)
        snprintf(todo, WHY_SENTENCE_BYTES, "start one: hwnas-agent --connect %s --board FILE.yaml, of a board with that device key",
                 address);
    else if (strcmp(reason->code, "quarantined") == 0)
        snprintf(todo, WHY_SENTENCE_BYTES, "if its new level is right: hwnas device trust %s --db %.200s", reason->board,
                 coord_db(coord));
}

/* --- facts --------------------------------------------------------------------------------------------------------- */

struct gathering {
    const struct coord *coord;
    struct why *why;
};

static void take_reason(void *context, const struct dispatch_reason *reason)
{
    struct gathering *gathering = context;
    advise(gathering->coord, reason, why_because(gathering->why, reason->code, "%s", reason->sentence));
}

static void take_lease(const struct coord *coord, const struct lease *lease, struct why_lease *out)
{
    const struct study_want *want = search_wanted(coord->search, lease->key);
    int64_t now_ms = coord_now_ms(coord), wall_ms = coord_wall_ms(coord);
    memset(out, 0, sizeof *out);
    out->id = lease->id;
    out->kind = lease->task != NULL && !lease->task->described ? 0 : lease->kind;
    snprintf(out->node, sizeof out->node, "%s", lease->node);
    if (strcmp(lease->place, lease->node) != 0)
        snprintf(out->board, sizeof out->board, "%s", lease->place);
    snprintf(out->key, sizeof out->key, "%s", lease->key);
    snprintf(out->arch, sizeof out->arch, "%s", want != NULL ? want->arch_text : "");
    if (want != NULL && want->kind == STUDY_WANT_ONESHOT_TRAIN)
        snprintf(out->part, sizeof out->part, "epoch %u of stage %u, shard %u", want->oneshot.epoch + 1, want->oneshot.stage + 1,
                 want->oneshot.shard + 1);
    out->attempt = lease->attempt;
    out->since_wall_ms = lease->granted_ms >= 0 ? wall_ms - (now_ms - lease->granted_ms) : 0;
    out->until_wall_ms = wall_ms + (lease->deadline_ms - now_ms);
    out->canary = lease->canary;
    out->confirmed = lease->confirmed;
}

static void gather_tasks(const struct coord *coord, struct why *why)
{
    for (const struct task *task = dispatch_queue(coord->dispatch)->tasks; task != NULL; task = task->hh.next) {
        if (!task->described || task->board != NULL)
            continue;
        why->tasks[task->kind].waiting += task->lease == NULL;
        why->tasks[task->kind].leased += task->lease != NULL;
    }
}

static void gather_leases(const struct coord *coord, struct why *why)
{
    for (const struct lease *lease = dispatch_queue(coord->dispatch)->leases; lease != NULL; lease = lease->next) {
        why->leases_in_all++;
        if (why->lease_count < WHY_LISTED)
            take_lease(coord, lease, &why->leases[why->lease_count++]);
    }
}

static enum status_code gather_failures(const struct coord *coord, struct why *why, struct status *status)
{
    enum status_code code = STATUS_OK;
    for (const struct task *task = dispatch_queue(coord->dispatch)->tasks; task != NULL && code == STATUS_OK;
         task = task->hh.next) {
        const struct study_want *want = task->tries.failures > 0 ? search_wanted(coord->search, task->key) : NULL;
        if (want != NULL)
            code = why_add_failures(why, search_store(coord->search), task->key, want->arch_text, task->tries.failures, status);
    }
    return code;
}

/* Nothing waits, or what waits is on its way. */
static void explain_rest(struct why *why, const struct dispatch_counts *work)
{
    uint32_t leased = work->leased_rmi + work->leased_measure;
    if (work->waiting_rmi + work->waiting_measure > 0)
        return;
    if (leased > 0)
        why_because(why, "computing",
                    "nothing waits: %u task(s) are with their workers and agents, and what follows depends on them", leased);
    else
        why_because(why, "thinking", "nothing waits and nothing is out: the search chooses what to ask next");
}

static enum status_code gather_running(const struct coord *coord, struct why *why, struct status *status)
{
    struct gathering gathering = {coord, why};
    if (search_study(coord->search) != NULL)
        study_count(search_study(coord->search), &why->counts);
    if (coord->stalled) {
        char *todo = why_because(why, "database", "the database cannot be written: %.300s", coord->stall_reason);
        snprintf(todo, WHY_SENTENCE_BYTES,
                 "make room on its disk, or mend it; it is tried once a second, and the search then goes on by itself");
        return STATUS_OK;
    }
    struct dispatch_counts work;
    dispatch_count(coord->dispatch, &work);
    why->workers = work.workers;
    why->agents = work.agents;
    dispatch_reasons(coord->dispatch, take_reason, &gathering);
    explain_rest(why, &work);
    gather_tasks(coord, why);
    gather_leases(coord, why);
    enum status_code code = gather_failures(coord, why, status);
    return code == STATUS_OK ? why_add_boards(why, search_store(coord->search), status) : code;
}

/* Another study of the same database. */
static enum status_code gather_other(const struct coord *coord, struct why *why, struct status *status)
{
    struct store_study study;
    enum status_code code = store_study_find(search_store(coord->search), why->study, &study, status);
    if (code == STATUS_NOT_FOUND)
        return status_set(status, STATUS_NOT_FOUND, "'%s' is not in this database; `hwnas study list` names what is", why->study);
    if (code != STATUS_OK)
        return code;
    bool finished = study.state == STORE_STUDY_FINISHED;
    store_study_free(&study);
    why->state = finished ? "finished" : "running";
    if (finished) {
        why_because(why, "finished", "nothing: the study is finished");
        return STATUS_OK;
    }
    char *todo = why_because(why, "other_study", "a master: the one that holds this database runs study %s",
                             search_config(coord->search)->name);
    snprintf(todo, WHY_SENTENCE_BYTES, "when that has ended: hwnas study resume %s --db %.200s", why->study, coord_db(coord));
    return STATUS_OK;
}

enum status_code coord_why_study(const struct coord *coord, const struct wire_question *question, FILE *out, struct status *status)
{
    struct why *why = why_new(question->study);
    if (why == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for an answer");
    why->live = true;
    bool ours = strcmp(question->study, search_config(coord->search)->name) == 0;
    enum status_code code = ours ? gather_running(coord, why, status) : gather_other(coord, why, status);
    if (code == STATUS_OK)
        code = why_print(why, look_format(question), out, status);
    why_free(why);
    return code;
}

/* --- measurements -------------------------------------------------------------------------------------------------- */

struct devices {
    const struct coord *coord;
    struct why_measurements *all;
};

static void take_device(void *context, const struct dispatch_reason *reason)
{
    struct devices *devices = context;
    char todo[WHY_SENTENCE_BYTES];
    for (size_t i = 0; reason->device != NULL && i < devices->all->device_count; i++) {
        struct why_device *device = &devices->all->devices[i];
        if (strcmp(device->device, reason->device) != 0)
            continue;
        advise(devices->coord, reason, todo);
        snprintf(device->waits_for, sizeof device->waits_for, "%s%s%s", reason->sentence, todo[0] != '\0' ? "; " : "", todo);
    }
}

static enum status_code gather_measurements(const struct coord *coord, struct why_measurements *all, struct status *status)
{
    struct devices devices = {coord, all};
    enum status_code code = STATUS_OK;
    for (const struct queue_line *line = dispatch_queue(coord->dispatch)->measure; line != NULL; line = line->hh.next) {
        for (const struct task *task = line->first; task != NULL && code == STATUS_OK; task = task->next) {
            const struct study_want *want = search_wanted(coord->search, task->key);
            if (want != NULL)
                code = why_measurement_add(all, want->arch_text, task->key, task->device, status);
        }
    }
    if (code == STATUS_OK)
        dispatch_reasons(coord->dispatch, take_device, &devices);
    return code;
}

enum status_code coord_why_device(const struct coord *coord, const struct wire_question *question, FILE *out, struct status *status)
{
    struct why_measurements all = {.list = NULL};
    const char *running = search_config(coord->search)->name;
    if (strcmp(question->study, running) != 0)
        return status_set(
            status, STATUS_CONFLICT,
            "the master that holds the database runs study %s; what %s would measure is known when no master does: stop it "
            "first, or ask `hwnas study why`",
            running, question->study);
    if (coord->stalled)
        return status_set(status, STATUS_UNAVAILABLE, "nothing is measured now: the database cannot be written: %.300s",
                          coord->stall_reason);
    enum status_code code = gather_measurements(coord, &all, status);
    if (code == STATUS_OK)
        code = why_measurements_print(&all, question->study, look_format(question), out, status);
    why_measurements_free(&all);
    return code;
}
