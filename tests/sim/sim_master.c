/* sim_master: the real coordinator's life in the simulation: started, killed, stopped, frozen, its commits failing or lying. */
#include <string.h>

#include "tests/sim/sim.h"

/* Commits of the simulation that runs (the linker puts this before the store's own: Makefile). */
static struct sim *running;

enum status_code __real_store_commit(struct store *store, struct status *status);
enum status_code __wrap_store_commit(struct store *store, struct status *status);
enum status_code __wrap_store_commit(struct store *store, struct status *status)
{
    struct sim *sim = running;
    if (sim == NULL)
        return __real_store_commit(store, status);
    enum sim_commit what = sim->may_die || sim->next_commit < SIM_COMMIT_DIES_BEFORE ? sim->next_commit : SIM_COMMIT_WELL;
    if (what == sim->next_commit)
        sim->next_commit = SIM_COMMIT_WELL;
    sim->commits++;
    if (what == SIM_COMMIT_DIES_BEFORE)
        longjmp(sim->death, 1);
    if (what == SIM_COMMIT_FAILS) {
        store_rollback(store);
        return status_set(status, STATUS_IO, "a commit failed");
    }
    enum status_code code = __real_store_commit(store, status);
    if (what == SIM_COMMIT_DIES_AFTER)
        longjmp(sim->death, 1);
    if (what == SIM_COMMIT_LIES && code == STATUS_OK)
        return status_set(status, STATUS_IO, "a commit is said to have failed");
    return code;
}

/* A search space's tables take milliseconds to fill, and a master here lives for less: all share those of sim_place_open. */
enum status_code __real_space_open(const char *name, struct space *out, struct status *status);
enum status_code __wrap_space_open(const char *name, struct space *out, struct status *status);
enum status_code __wrap_space_open(const char *name, struct space *out, struct status *status)
{
    if (running == NULL || strcmp(name, running->place->space.ops->name) != 0)
        return __real_space_open(name, out, status);
    *out = running->place->space;
    return STATUS_OK;
}

void __real_space_close(struct space *space);
void __wrap_space_close(struct space *space);
void __wrap_space_close(struct space *space)
{
    if (running == NULL || space->tables != running->place->space.tables)
        __real_space_close(space);
}

/* --- effects --- */

static int64_t monotonic_ms(void *context)
{
    const struct sim *sim = context;
    return sim->now_ms + sim->clock_origin_ms;
}

static int64_t wall_ms(void *context)
{
    const struct sim *sim = context;
    return 1800000000000 + sim->now_ms + sim->wall_offset_ms;
}

static enum status_code send_frame(void *context, uint32_t link, const void *data, size_t size)
{
    struct sim *sim = context;
    for (int i = 0; i < SIM_PEERS; i++) {
        struct sim_process *process = &sim->peers[i];
        if (process->link != link || !process->alive)
            continue;
        struct status status = {0};
        assert_ok(wire_decode(data, size, &sim->message, &status), status);
        if (sim->message.type == WIRE_TASK) {
            sim_read_task(&sim->message.task);
            sim_note_task(sim, i, &sim->message.task);
        }
        wire_free(&sim->message);
        sim_post(sim, false, i, link, data, size);
        return STATUS_OK;
    }
    return STATUS_NOT_FOUND;
}

static uint64_t draw(void *context)
{
    struct sim *sim = context;
    return rng_next(&sim->rng);
}

/* --- its life --- */

static void all_reconnect(struct sim *sim)
{
    for (int i = 0; i < SIM_PEERS; i++)
        sim_reconnect(sim, &sim->peers[i]);
}

/* Ends the process; the disk is as *left says (NULL: as it is when all is closed in order). */
static void end_process(struct sim *sim, const struct disk_copy *left)
{
    sim->may_die = false;
    sim->disk.failing = false;
    sim->disk.copy_to = NULL;
    coord_close(sim->coord);
    running = NULL;
    sim->coord = NULL;
    if (left != NULL)
        disk_restore(&sim->disk, left);
    sim->dying_in_commit = false;
    sim->next_commit = SIM_COMMIT_WELL;
    all_reconnect(sim);
}

void sim_master_dies(struct sim *sim, bool power_cut)
{
    sim_say(sim, "master dies%s", power_cut ? ", power cut" : "");
    if (!sim->dying_in_commit || sim->disk.copy_to != NULL)
        disk_save(&sim->disk, power_cut, &sim->at_death);
    end_process(sim, &sim->at_death);
    sim->master_kills++;
    sim->master_restart_ms = sim->now_ms + sim_between(sim, 50, 8000);
}

/* After the coordinator did something: it may be over. */
static void look(struct sim *sim)
{
    struct status status = {0};
    sim->may_die = false;
    if (!coord_over(sim->coord))
        return;
    SIM_HOLDS(sim, coord_failure(sim->coord, &status) == STATUS_OK, "the master failed: %s", status.message);
    sim->finished = search_finished(coord_search(sim->coord));
    sim_say(sim, "master ends%s", sim->finished ? ": the study is finished" : "");
    end_process(sim, NULL);
    sim->master_restart_ms = sim->now_ms + sim_between(sim, 50, 8000);
}

void sim_master_starts(struct sim *sim)
{
    const struct coord_effects effects = {.clock = &sim->clock, .send = send_frame, .chance = draw, .context = sim};
    struct status status = {0};
    running = sim;
    sim->clock_origin_ms = sim_between(sim, 0, 1000000000);
    sim->disk.failing = sim->now_ms < sim->disk_fails_until_ms;
    enum status_code code = coord_open(&sim->options, &effects, &sim->logger, &sim->coord, &status);
    if (code != STATUS_OK) {
        SIM_HOLDS(sim, sim->disk.failing || code == STATUS_IO, "the master does not start: %s", status.message);
        sim->coord = NULL;
        running = NULL;
        sim->disk.failing = false;
        sim->master_restart_ms = sim->now_ms + 1000;
        return;
    }
    sim_check_acked(sim, search_store((struct search *)coord_search(sim->coord)));
    if (setjmp(sim->death) != 0) {
        sim_master_dies(sim, false);
        return;
    }
    sim->may_die = true;
    if (!coord_over(sim->coord))
        code = coord_start(sim->coord, &status);
    if (code == STATUS_OK) {
        sim_say(sim, "master has started");
        look(sim);
        return;
    }
    SIM_HOLDS(sim, code == STATUS_IO, "the master does not start: %s", status.message);
    end_process(sim, NULL);
    sim->master_restart_ms = sim->now_ms + 1000;
}

void sim_master_stops(struct sim *sim)
{
    sim_say(sim, "master is told to stop");
    if (setjmp(sim->death) != 0) {
        sim_master_dies(sim, false);
        return;
    }
    sim->may_die = true;
    coord_stop(sim->coord);
    look(sim);
}

void sim_master_hears(struct sim *sim, uint32_t link, const void *data, size_t size)
{
    if (sim->coord == NULL)
        return;
    if (setjmp(sim->death) != 0) {
        sim_master_dies(sim, false);
        return;
    }
    sim->may_die = true;
    coord_message(sim->coord, link, data, size);
    look(sim);
}

void sim_master_turns(struct sim *sim)
{
    if (sim->coord == NULL)
        return;
    bool could = coord_dispatch(sim->coord) != NULL;
    sim->disk.failing = sim->now_ms < sim->disk_fails_until_ms;
    if (setjmp(sim->death) != 0) {
        sim_master_dies(sim, false);
        return;
    }
    sim->may_die = true;
    coord_turn(sim->coord);
    sim->stalls += could && coord_dispatch(sim->coord) == NULL;
    look(sim);
}

int64_t sim_master_next_ms(const struct sim *sim)
{
    if (sim->coord == NULL)
        return sim->master_restart_ms;
    int64_t wake_ms = coord_wake_ms(sim->coord) - sim->clock_origin_ms;
    return wake_ms > sim->master_frozen_until_ms ? wake_ms : sim->master_frozen_until_ms;
}

/* --- backups --- */

void sim_take_backup(struct sim *sim)
{
    sim_say(sim, "a backup is taken");
    disk_save(&sim->disk, false, &sim->backup);
    sim->has_backup = true;
    for (struct sim_key *key = sim->keys; key != NULL; key = key->hh.next) {
        key->acked_then = key->acked;
        key->accepted_then = key->accepted;
    }
    for (struct sim_token *token = sim->tokens; token != NULL; token = token->hh.next)
        token->kept = true;
}

void sim_restore_backup(struct sim *sim)
{
    sim_master_dies(sim, false);
    sim_say(sim, "the backup is put back");
    disk_restore(&sim->disk, &sim->backup);
    sim->backups++;
    sim->put_back_ms = sim->now_ms;
    for (struct sim_key *key = sim->keys; key != NULL; key = key->hh.next) {
        key->acked = key->acked_then;
        key->accepted = key->accepted_then;
    }
    for (struct sim_token *token = sim->tokens; token != NULL; token = token->hh.next)
        token->lost |= !token->kept;
}

/* --- opening --- */

void sim_master_init(struct sim *sim)
{
    sim->clock = (struct clock){monotonic_ms, wall_ms, sim};
    sim->options = (struct coord_options){.search = {.study_path = sim->study_path, .db = sim->place->db},
                                          .heartbeat_ms = SIM_HEARTBEAT_MS,
                                          .lease_ms = SIM_LEASE_MS,
                                          .canary_every = SIM_CANARY_EVERY,
                                          .copy_after_ms = 3000};
}
