/* The way from every released version to this one, ended at any call that writes, by a kill or by the power: what is there then is
 * the old version or a whole later one, with a sound copy of the old one beside it, and opening it again ends the same. */
#include <string.h>
#include <sys/stat.h>

#include "master/store_schema.h"
#include "master/store_sql.h"
#include "tests/support/disk.h"
#include "tests/support/store_case.h"

static struct status status;

/* What version 1 wrote; every later version was made of it. */
static const char rows[] =
    "INSERT INTO study VALUES (1, 'old', 'a: 1', '{}', 'running', 12, 0, 1.5);"
    "WITH RECURSIVE asks (k) AS (SELECT 0 UNION ALL SELECT k + 1 FROM asks WHERE k < 60) "
    "INSERT INTO candidate SELECT 1, k, x'010203040000', 'exact', 'canonical', printf('%064d', k), 0, 0, 1, 1, k / 2.0, 1 FROM "
    "asks;"
    "INSERT INTO candidate_cost SELECT 1, ask, 0, ask + 0.25 FROM candidate;"
    "INSERT INTO evaluation SELECT fitness_key, 'rmi', canonical, 1, '', fitness, '{}', 'w-1', '', 0.5, 9 FROM candidate;"
    "INSERT INTO lease (epoch, key, attempt, node, state, reason, granted_wall_ms, closed_wall_ms) "
    "SELECT 1, fitness_key, 1, 'w-1', 'done', '', 5, 6 FROM candidate;"
    "INSERT INTO snapshot VALUES (1, 20, x'00');"
    "INSERT INTO bundle VALUES (printf('%064d', 1), x'0102');";

struct upgrade {
    char work[CASE_PATH_BYTES + 16], db[CASE_PATH_BYTES + 32]; /* folder, and the file in it */
    char cut[CASE_PATH_BYTES + 16], cut_db[CASE_PATH_BYTES + 32];
    int from, to;
    char old[DIGEST_HEX_BYTES], new[DIGEST_HEX_BYTES];
    long cuts, old_left, midway;
};

static struct store *open_version(const char *path, int version)
{
    size_t count;
    const struct store_migration *migrations = store_migrations(&count);
    struct store *store = NULL;
    assert_ok(store_open_with(path, STORE_WRITE, migrations, (size_t)version, &store, &status), status);
    return store;
}

/* A database of that version, as its last master's kill left it: what it wrote last is in the log alone. */
static void make_old(struct upgrade *upgrade)
{
    struct store *store = open_version(upgrade->cut_db, 1);
    assert_ok(store_run(store->db, "test", rows, &status), status);
    store_close(store);
    store = open_version(upgrade->cut_db, upgrade->from);
    assert_ok(store_run(store->db, "test", "UPDATE study SET settings = 'b: 2'; UPDATE lease SET closed_wall_ms = 7", &status),
              status);
    assert_true(case_digest_of(store, upgrade->old));
    case_copy_files(upgrade->cut, upgrade->work);
    store_close(store);
    /* Copies that versions between have left do not count. */
    char command[2 * CASE_PATH_BYTES];
    snprintf(command, sizeof command, "rm -f '%s'/*.schema*", upgrade->work);
    assert_int_equal(system(command), 0);
}

static int version_of(const char *path)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_exec(db, "PRAGMA locking_mode = EXCLUSIVE", NULL, NULL, NULL);
    assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int version = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return version;
}

/* The copy of the version it came from is whole. */
static void check_copy(const struct upgrade *upgrade, const char *folder)
{
    char copy[CASE_PATH_BYTES + 64], digest[DIGEST_HEX_BYTES];
    snprintf(copy, sizeof copy, "%s/study.db.schema%d", folder, upgrade->from);
    case_digest(copy, "the copy of the old version", digest);
    assert_string_equal(digest, upgrade->old);
    assert_int_equal(version_of(copy), upgrade->from);
}

static void come_back(struct upgrade *upgrade)
{
    char digest[DIGEST_HEX_BYTES], names[512];
    case_digest(upgrade->cut_db, "a database on its way", digest);
    int version = version_of(upgrade->cut_db);
    assert_true(version >= upgrade->from && version <= upgrade->to);
    if (version == upgrade->from)
        assert_string_equal(digest, upgrade->old);
    else
        check_copy(upgrade, upgrade->cut);
    upgrade->cuts++;
    upgrade->old_left += version == upgrade->from;
    upgrade->midway += version > upgrade->from && version < upgrade->to;
    store_close(case_open(upgrade->cut_db, STORE_WRITE));
    case_digest(upgrade->cut_db, "the new version", digest);
    assert_string_equal(digest, upgrade->new);
    check_copy(upgrade, upgrade->cut);
    case_names(upgrade->cut, names, sizeof names);
    assert_null(strstr(names, "partial"));
}

static void upgrade_from(const struct case_folder *folder, int from, int to, struct rng *rng)
{
    struct upgrade upgrade = {.from = from, .to = to};
    snprintf(upgrade.work, sizeof upgrade.work, "%s/work%d", folder->path, from);
    snprintf(upgrade.cut, sizeof upgrade.cut, "%s/cut%d", folder->path, from);
    snprintf(upgrade.db, sizeof upgrade.db, "%s/study.db", upgrade.work);
    snprintf(upgrade.cut_db, sizeof upgrade.cut_db, "%s/study.db", upgrade.cut);
    assert_int_equal(mkdir(upgrade.work, 0700) | mkdir(upgrade.cut, 0700), 0);
    make_old(&upgrade);
    disk_watch(upgrade.work);
    store_close(case_open(upgrade.db, STORE_WRITE));
    struct disk *disk = disk_stop();
    case_digest(upgrade.db, "the new version", upgrade.new);
    check_copy(&upgrade, upgrade.work);
    size_t powers = (size_t)test_amount(1, 4);
    for (size_t calls = 0; calls <= disk_count(disk); calls++)
        for (size_t power = 0; power < powers; power++) {
            disk_cut(disk, calls, (enum disk_power)(powers == 1 ? calls % 4 : power), rng, upgrade.cut);
            come_back(&upgrade);
        }
    print_message("# from version %d: %ld cuts, %ld came back old, %ld midway\n", from, upgrade.cuts, upgrade.old_left,
                  upgrade.midway);
    assert_true(upgrade.old_left > 0);
    assert_true(upgrade.old_left + upgrade.midway < upgrade.cuts);
    assert_true(upgrade.midway > 0 || to == from + 1);
    disk_free(disk);
}

static void an_upgrade_that_was_cut_off_anywhere_is_ended_by_the_next_start(void **state)
{
    const char *word = getenv("SEED");
    struct rng rng;
    size_t count;
    store_migrations(&count);
    rng_seed(&rng, word != NULL ? strtoull(word, NULL, 10) : 13);
    assert_true(count >= 3);
    for (int from = 1; from < (int)count; from++)
        upgrade_from(*state, from, (int)count, &rng);
}

/* What stands in the way of the copy stops the upgrade, not the database. */
static void without_room_for_a_copy_nothing_is_upgraded(void **state)
{
    const struct case_folder *folder = *state;
    char copy[CASE_PATH_BYTES + 32], before[DIGEST_HEX_BYTES], after[DIGEST_HEX_BYTES];
    struct store *store = open_version(folder->db, 1);
    assert_ok(store_run(store->db, "test", rows, &status), status);
    store_close(store);
    case_digest(folder->db, "the old version", before);
    snprintf(copy, sizeof copy, "%s.schema1", folder->db);
    assert_int_equal(mkdir(copy, 0700), 0);
    assert_int_equal(store_open(folder->db, STORE_WRITE, &store, &status), STATUS_IO);
    assert_non_null(strstr(status.message, "schema1"));
    case_digest(folder->db, "the old version", after);
    assert_string_equal(after, before);
    assert_int_equal(version_of(folder->db), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        case_in_folder(an_upgrade_that_was_cut_off_anywhere_is_ended_by_the_next_start),
        case_in_folder(without_room_for_a_copy_nothing_is_upgraded),
    };
    return TEST_RUN(tests);
}
