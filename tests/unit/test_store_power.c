/* The power goes while a master works: at any call by which it writes (tests/support/disk.h), whatever the disk then holds of what
 * was not synced. What comes back is sound, whole transactions only, and all of those that were acknowledged. */
#include <string.h>
#include <sys/stat.h>

#include "master/store_backup.h"
#include "master/store_sql.h"
#include "tests/support/disk.h"
#include "tests/support/store_case.h"
#include "tests/support/turns.h"

enum { STATES_MAX = 2000 };

static struct status status;

/* What the database held after a commit, and from which call on that was acknowledged. */
struct state {
    size_t from;
    char digest[DIGEST_HEX_BYTES];
};

struct history {
    struct turns turns;
    const char *settings; /* pragmas that the store does not use; NULL: as it is */
    struct state states[STATES_MAX];
    size_t count;
    struct disk *disk;
    char folder[CASE_PATH_BYTES + 16], cut[CASE_PATH_BYTES + 16], cut_again[CASE_PATH_BYTES + 16];
};

struct tally {
    long cuts, damaged, lost, in_between;
};

static void remember(void *context, struct store *store)
{
    struct history *history = context;
    assert_true(history->count < STATES_MAX);
    struct state *state = &history->states[history->count++];
    assert_true(case_digest_of(store, state->digest));
    state->from = disk_calls();
    if (history->settings != NULL)
        assert_ok(store_run(store->db, "test", history->settings, &status), status);
}

static uint64_t seed_of(uint64_t usual)
{
    const char *word = getenv("SEED");
    return word != NULL ? strtoull(word, NULL, 10) : usual;
}

static struct history *prepare(const struct case_folder *folder, int generations, const char *settings)
{
    struct history *history = calloc(1, sizeof *history);
    snprintf(history->folder, sizeof history->folder, "%s/disk", folder->path);
    snprintf(history->cut, sizeof history->cut, "%s/cut", folder->path);
    snprintf(history->cut_again, sizeof history->cut_again, "%s/again", folder->path);
    assert_int_equal(mkdir(history->folder, 0700) | mkdir(history->cut, 0700) | mkdir(history->cut_again, 0700), 0);
    turns_prepare(&history->turns, folder->path, history->folder, generations, seed_of(3));
    history->turns.committed = remember;
    history->turns.context = history;
    history->settings = settings;
    return history;
}

static void forget(struct history *history)
{
    disk_free(history->disk);
    free(history);
}

/* A new database without any study: what the first moments of a master may come back as. */
static void remember_a_new_one(struct history *history, const struct case_folder *folder)
{
    struct store *store = case_open(folder->copy, STORE_WRITE);
    assert_true(case_digest_of(store, history->states[history->count++].digest));
    store_close(store);
    unlink(folder->copy);
}

/* From nothing to the end of a study, with a master that is stopped now and then, and a board that is taken back. */
static void live_through(struct history *history, const struct case_folder *folder)
{
    struct turns *turns = &history->turns;
    remember_a_new_one(history, folder);
    disk_watch(history->folder);
    assert_ok(turns_open(turns, &status), status);
    for (int turn = 1; !search_finished(turns->search); turn++) {
        assert_ok(turns_turn(turns, &status), status);
        if (turn % 20 == 0) {
            turns_close(turns);
            if (turn % 40 == 0)
                assert_ok(turns_withdraw(turns, &status), status);
            assert_ok(turns_open(turns, &status), status);
        }
    }
    turns_close(turns);
    history->disk = disk_stop();
}

/* --- coming back --- */

/* Opens what is there as a master does. */
static bool come_back(const char *folder, char digest[DIGEST_HEX_BYTES])
{
    char db[CASE_PATH_BYTES + 32];
    struct store *store = NULL;
    snprintf(db, sizeof db, "%s/study.db", folder);
    if (store_open(db, STORE_WRITE, &store, &status) != STATUS_OK)
        return false;
    bool sound = case_digest_of(store, digest);
    store_close(store);
    return sound;
}

/* A cut after so many calls may come back as the last state that was acknowledged, or as the one that was on its way. */
static void judge(const struct history *history, size_t calls, bool sound, const char *digest, struct tally *tally)
{
    size_t last = 0;
    while (last + 1 < history->count && history->states[last + 1].from <= calls)
        last++;
    tally->cuts++;
    if (!sound) {
        tally->damaged++;
        return;
    }
    for (size_t k = last; k < history->count && k <= last + 1; k++)
        if (strcmp(history->states[k].digest, digest) == 0)
            return;
    for (size_t k = 0; k < last; k++)
        if (strcmp(history->states[k].digest, digest) == 0) {
            tally->lost++;
            return;
        }
    tally->in_between++;
}

static void cut_once(const struct history *history, size_t calls, enum disk_power power, struct rng *rng, struct tally *tally)
{
    char digest[DIGEST_HEX_BYTES] = "";
    disk_cut(history->disk, calls, power, rng, history->cut);
    bool sound = come_back(history->cut, digest);
    judge(history, calls, sound, digest, tally);
}

/* `cuts` of them, spread over all calls. */
static struct tally cut_often(const struct history *history, long cuts, struct rng *rng)
{
    struct tally tally = {0};
    for (long i = 0; i < cuts; i++)
        cut_once(history, rng_below(rng, disk_count(history->disk) + 1), (enum disk_power)(i % 4), rng, &tally);
    return tally;
}

static void expect_nothing_lost(const struct tally *tally)
{
    print_message("# %ld cuts: %ld damaged, %ld lost what was acknowledged, %ld came back as no state there ever was\n",
                  tally->cuts, tally->damaged, tally->lost, tally->in_between);
    assert_int_equal(tally->damaged, 0);
    assert_int_equal(tally->lost, 0);
    assert_int_equal(tally->in_between, 0);
}

static bool same_files(const char *one, const char *other)
{
    char command[2 * CASE_PATH_BYTES + 64];
    snprintf(command, sizeof command, "diff -rq '%s' '%s' >/dev/null", one, other);
    return system(command) == 0;
}

/* Else nothing that follows would prove anything. */
static void what_is_noted_down_is_what_the_disk_holds(void **state)
{
    const struct case_folder *folder = *state;
    struct history *history = prepare(folder, 4, "PRAGMA wal_autocheckpoint = 25");
    struct rng rng;
    rng_seed(&rng, 1);
    disk_watch(history->folder);
    assert_ok(turns_open(&history->turns, &status), status);
    for (int turn = 0; turn < 15; turn++)
        assert_ok(turns_turn(&history->turns, &status), status);
    history->disk = disk_stop();
    disk_cut(history->disk, disk_count(history->disk), DISK_ALL, &rng, history->cut);
    assert_true(same_files(history->folder, history->cut));
    disk_cut(history->disk, disk_count(history->disk) - 1, DISK_NONE, &rng, history->cut); /* before the last commit's sync */
    assert_false(same_files(history->folder, history->cut));
    turns_close(&history->turns);
    forget(history);
}

static void a_new_database_is_there_whole_or_not_at_all(void **state)
{
    const struct case_folder *folder = *state;
    struct history *history = prepare(folder, 2, NULL);
    struct tally tally = {0};
    struct rng rng;
    char db[CASE_PATH_BYTES + 32], digest[DIGEST_HEX_BYTES];
    rng_seed(&rng, seed_of(2));
    snprintf(db, sizeof db, "%s/study.db", history->cut);
    live_through(history, folder);
    for (size_t calls = 0; calls < history->states[1].from; calls++) {
        for (int power = DISK_ALL; power <= DISK_TORN; power++) {
            disk_cut(history->disk, calls, (enum disk_power)power, &rng, history->cut);
            if (access(db, F_OK) == 0)
                case_digest(db, "a new database", digest);
            bool sound = come_back(history->cut, digest);
            judge(history, calls, sound, digest, &tally);
        }
    }
    expect_nothing_lost(&tally);
    forget(history);
}

static void no_cut_loses_or_damages_anything(void **state)
{
    const struct case_folder *folder = *state;
    struct history *history = prepare(folder, 8, "PRAGMA wal_autocheckpoint = 25");
    struct rng rng;
    rng_seed(&rng, seed_of(3));
    live_through(history, folder);
    struct tally tally = cut_often(history, test_amount(240, 2000), &rng);
    print_message("# %zu calls, %zu commits\n", disk_count(history->disk), history->count);
    expect_nothing_lost(&tally);
    forget(history);
}

/* With a longer log and larger rows: cuts while it is written back into the database and begun anew. */
static void nor_where_the_log_begins_anew(void **state)
{
    const struct case_folder *folder = *state;
    struct history *history = prepare(folder, 8, "PRAGMA wal_autocheckpoint = 1000");
    struct tally tally = {0};
    struct rng rng;
    rng_seed(&rng, seed_of(4));
    history->turns.detail_bytes = 120000;
    live_through(history, folder);
    size_t written[16384], count = 0;
    for (size_t call = 0; call < disk_count(history->disk); call++)
        if (disk_wrote(history->disk, call, "study.db") && count < sizeof written / sizeof written[0])
            written[count++] = call;
    assert_true(count > 1000);
    for (long i = test_amount(24, 400); i > 0; i--) {
        size_t calls = written[rng_below(&rng, count)] + rng_below(&rng, 12);
        cut_once(history, calls < disk_count(history->disk) ? calls : disk_count(history->disk), (enum disk_power)(i % 4), &rng,
                 &tally);
    }
    expect_nothing_lost(&tally);
    forget(history);
}

static void nor_when_the_power_goes_again_while_it_comes_back(void **state)
{
    const struct case_folder *folder = *state;
    struct history *history = prepare(folder, 4, "PRAGMA wal_autocheckpoint = 25");
    struct rng rng;
    rng_seed(&rng, seed_of(5));
    live_through(history, folder);
    struct tally tally = {0};
    for (long i = test_amount(60, 500); i > 0; i--) {
        char first[DIGEST_HEX_BYTES] = "", second[DIGEST_HEX_BYTES] = "";
        size_t calls = rng_below(&rng, disk_count(history->disk) + 1);
        disk_cut(history->disk, calls, (enum disk_power)(i % 4), &rng, history->cut);
        disk_watch(history->cut);
        bool sound = come_back(history->cut, first);
        struct disk *again = disk_stop();
        judge(history, calls, sound, first, &tally);
        disk_cut(again, rng_below(&rng, disk_count(again) + 1), (enum disk_power)(rng_below(&rng, 4)), &rng, history->cut_again);
        judge(history, calls, come_back(history->cut_again, second), second, &tally);
        if (sound)
            assert_string_equal(second, first);
        disk_free(again);
    }
    expect_nothing_lost(&tally);
    forget(history);
}

static void a_study_goes_on_from_any_cut_and_ends_as_if_there_had_been_none(void **state)
{
    const struct case_folder *folder = *state;
    struct history *history = prepare(folder, 8, "PRAGMA wal_autocheckpoint = 25");
    char wanted[DIGEST_HEX_BYTES], got[DIGEST_HEX_BYTES];
    struct rng rng;
    rng_seed(&rng, seed_of(6));
    live_through(history, folder);
    turns_outcome(&history->turns, wanted);
    history->turns.committed = NULL;
    snprintf(history->turns.db, sizeof history->turns.db, "%s/study.db", history->cut);
    for (long i = test_amount(20, 150); i > 0; i--) {
        disk_cut(history->disk, rng_below(&rng, disk_count(history->disk) + 1), (enum disk_power)(i % 4), &rng, history->cut);
        turns_finish(&history->turns);
        turns_outcome(&history->turns, got);
        assert_string_equal(got, wanted);
    }
    forget(history);
}

/* --- copies --- */

static void a_backup_is_there_whole_or_not_at_all(void **state)
{
    const struct case_folder *folder = *state;
    struct history *history = prepare(folder, 2, NULL);
    char wanted[DIGEST_HEX_BYTES], got[DIGEST_HEX_BYTES], path[CASE_PATH_BYTES + 32];
    struct store_backup *backup = NULL;
    struct rng rng;
    bool done = false;
    rng_seed(&rng, seed_of(8));
    struct store *store = case_open(history->turns.db, STORE_WRITE);
    disk_watch(history->folder);
    snprintf(path, sizeof path, "%s/copy.db", history->folder);
    assert_ok(store_backup_begin(store, path, &backup, &status), status);
    for (int n = 0; !done; n++) {
        case_begin(store);
        case_put(store, n);
        case_commit(store);
        assert_ok(store_backup_step(backup, &done, &status), status);
    }
    size_t from = disk_calls();
    store_backup_end(backup);
    store_close(store);
    history->disk = disk_stop();
    case_digest(path, "the copy", wanted);
    snprintf(path, sizeof path, "%s/copy.db", history->cut);
    for (size_t calls = 0; calls <= disk_count(history->disk); calls++) {
        for (int power = DISK_ALL; power <= DISK_TORN; power++) {
            disk_cut(history->disk, calls, (enum disk_power)power, &rng, history->cut);
            assert_true(calls < from || access(path, F_OK) == 0);
            if (access(path, F_OK) != 0)
                continue;
            case_digest(path, "the copy after a power cut", got);
            assert_string_equal(got, wanted);
        }
    }
    forget(history);
}

/* --- the same cuts with less care: that these tests can fail --- */

static struct tally live_with(const struct case_folder *folder, const char *settings)
{
    struct history *history = prepare(folder, 8, settings);
    struct rng rng;
    rng_seed(&rng, seed_of(7));
    live_through(history, folder);
    struct tally tally = cut_often(history, test_amount(120, 1000), &rng);
    print_message("# %s: %ld cuts: %ld damaged, %ld lost what was acknowledged, %ld came back as no state there ever was\n",
                  settings, tally.cuts, tally.damaged, tally.lost, tally.in_between);
    forget(history);
    return tally;
}

static void with_synchronous_normal_rows_are_lost(void **state)
{
    struct tally tally = live_with(*state, "PRAGMA wal_autocheckpoint = 25; PRAGMA synchronous = NORMAL");
    assert_int_equal(tally.damaged, 0);
    assert_true(tally.lost > 0);
}

static void with_synchronous_off_databases_are_damaged(void **state)
{
    struct tally tally = live_with(*state, "PRAGMA wal_autocheckpoint = 25; PRAGMA synchronous = OFF");
    assert_true(tally.damaged > 0);
    assert_true(tally.lost > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        case_in_folder(what_is_noted_down_is_what_the_disk_holds),
        case_in_folder(a_new_database_is_there_whole_or_not_at_all),
        case_in_folder(no_cut_loses_or_damages_anything),
        case_in_folder(nor_where_the_log_begins_anew),
        case_in_folder(nor_when_the_power_goes_again_while_it_comes_back),
        case_in_folder(a_study_goes_on_from_any_cut_and_ends_as_if_there_had_been_none),
        case_in_folder(a_backup_is_there_whole_or_not_at_all),
        case_in_folder(with_synchronous_normal_rows_are_lost),
        case_in_folder(with_synchronous_off_databases_are_damaged),
    };
    return TEST_RUN(tests);
}
