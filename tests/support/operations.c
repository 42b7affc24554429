/* operations: see operations.h. */
#include "tests/support/operations.h"

#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "master/store_backup.h"
#include "master/store_schema.h"
#include "master/store_sql.h"
#include "tests/support/turns.h"

enum { STATES_MAX = 64, BASE_TURNS = 12 };

struct scene {
    char base[CASE_PATH_BYTES + 16], work[CASE_PATH_BYTES + 16]; /* folders: as it was before; where it is done */
    char copy[CASE_PATH_BYTES + 32];
    struct turns before, turns; /* as left by prepare; as in use */
    struct store *store;
    struct store_backup *backup;
    size_t commits; /* of this run */
    size_t states;  /* of the run without faults: [0] before it, the others after each commit */
    char state[STATES_MAX][DIGEST_HEX_BYTES];
    bool learning; /* that run */
};

struct operation {
    const char *name;
    void (*prepare)(struct scene *scene);                                     /* once: fills base */
    void (*ready)(struct scene *scene);                                       /* before the faults; may be NULL */
    enum status_code (*run)(struct scene *scene, struct status *status);      /* with them */
    void (*look)(struct scene *scene, enum status_code code, bool may_leave); /* what else must hold then; may be NULL */
};

static struct status status;

/* --- what is committed --- */

static void committed(void *context, struct store *store)
{
    struct scene *scene = context;
    scene->commits++;
    if (!scene->learning)
        return;
    assert_true(scene->states < STATES_MAX);
    assert_true(case_digest_of(store, scene->state[scene->states++]));
}

/* --- bases --- */

static void use(struct scene *scene, const char *folder)
{
    snprintf(scene->turns.db, sizeof scene->turns.db, "%s/study.db", folder);
}

/* A study half way, as it lies there when its master is killed: with a log. */
static void half_way(struct scene *scene)
{
    use(scene, scene->work);
    assert_ok(turns_open(&scene->turns, &status), status);
    for (int i = 0; i < BASE_TURNS; i++)
        assert_ok(turns_turn(&scene->turns, &status), status);
    case_copy_files(scene->work, scene->base);
    turns_close(&scene->turns);
}

static void half_way_and_stopped(struct scene *scene)
{
    half_way(scene);
    case_copy_files(scene->work, scene->base);
}

static void nothing_yet(struct scene *scene)
{
    (void)scene;
}

/* The first version, killed. */
static void version_1(struct scene *scene)
{
    size_t count;
    const struct store_migration *migrations = store_migrations(&count);
    struct store *store = NULL;
    use(scene, scene->work);
    assert_ok(store_open_with(scene->turns.db, STORE_WRITE, migrations, 1, &store, &status), status);
    assert_ok(store_run(store->db, "test",
                        "INSERT INTO study VALUES (1, 'old', 'a: 1', '{}', 'running', 12, 0, 1.5);"
                        "WITH RECURSIVE asks (k) AS (SELECT 0 UNION ALL SELECT k + 1 FROM asks WHERE k < 24) "
                        "INSERT INTO candidate SELECT 1, k, x'010203040000', 'exact', 'canonical', printf('%064d', k), 0, 0, 1, 1, "
                        "k / 2.0, 1 FROM asks;"
                        "INSERT INTO candidate_cost SELECT 1, ask, 0, ask + 0.25 FROM candidate;",
                        &status),
              status);
    case_copy_files(scene->work, scene->base);
    store_close(store);
}

/* --- operations --- */

static void open_turns(struct scene *scene)
{
    assert_ok(turns_open(&scene->turns, &status), status);
}

static enum status_code open_store(struct scene *scene, struct status *said)
{
    return store_open(scene->turns.db, STORE_WRITE, &scene->store, said);
}

static void nothing_half_made_is_left(struct scene *scene, enum status_code code, bool may_leave)
{
    char names[512];
    case_names(scene->work, names, sizeof names);
    if (strstr(names, "new") != NULL && !may_leave)
        fail_msg("there is left: %s", names);
    assert_true(code != STATUS_OK || access(scene->turns.db, F_OK) == 0);
}

static enum status_code resume(struct scene *scene, struct status *said)
{
    return turns_open(&scene->turns, said);
}

static enum status_code take_turns(struct scene *scene, struct status *said)
{
    enum status_code code = STATUS_OK;
    for (int i = 0; i < 3 && code == STATUS_OK; i++)
        code = turns_turn(&scene->turns, said);
    return code;
}

/* Each commit is followed by a checkpoint. */
static void open_turns_that_checkpoint(struct scene *scene)
{
    open_turns(scene);
    assert_ok(store_run(search_store(scene->turns.search)->db, "test", "PRAGMA wal_autocheckpoint = 1", &status), status);
}

static enum status_code close_turns(struct scene *scene, struct status *said)
{
    (void)said;
    turns_close(&scene->turns);
    return STATUS_OK;
}

static enum status_code withdraw(struct scene *scene, struct status *said)
{
    return turns_withdraw(&scene->turns, said);
}

static void open_the_store(struct scene *scene)
{
    scene->store = case_open(scene->turns.db, STORE_WRITE);
}

/* With a commit between two steps. */
static enum status_code back_up(struct scene *scene, struct status *said)
{
    bool done = false, inserted;
    struct store_evaluation row = case_evaluation(1);
    enum status_code code = store_backup_begin(scene->store, scene->copy, &scene->backup, said);
    if (code == STATUS_OK)
        code = store_begin(scene->store, said);
    if (code == STATUS_OK)
        code = store_evaluation_put(scene->store, &row, &inserted, said);
    if (code == STATUS_OK)
        code = store_commit(scene->store, said);
    if (code == STATUS_OK)
        committed(scene, scene->store);
    while (code == STATUS_OK && !done)
        code = store_backup_step(scene->backup, &done, said);
    store_backup_end(scene->backup);
    scene->backup = NULL;
    return code;
}

static void the_copy_is_whole_or_not_there(struct scene *scene, enum status_code code, bool may_leave)
{
    char names[512], digest[DIGEST_HEX_BYTES];
    case_names(scene->work, names, sizeof names);
    if (strstr(names, "partial") != NULL && !may_leave)
        fail_msg("there is left: %s", names);
    bool there = access(scene->copy, F_OK) == 0;
    assert_true(there || code != STATUS_OK);
    assert_true(!there || code == STATUS_OK || may_leave);
    if (there)
        case_digest(scene->copy, "the copy", digest);
}

static const struct operation operations[] = {
    {"create", nothing_yet, NULL, open_store, nothing_half_made_is_left},
    {"open", half_way, NULL, open_store, NULL},
    {"migrate", version_1, NULL, open_store, NULL},
    {"create a study", nothing_yet, NULL, resume, nothing_half_made_is_left},
    {"resume a study", half_way, NULL, resume, NULL},
    {"accept and grant", half_way, open_turns, take_turns, NULL},
    {"accept, grant and checkpoint", half_way, open_turns_that_checkpoint, take_turns, NULL},
    {"close", half_way, open_turns, close_turns, NULL},
    {"withdraw", half_way_and_stopped, NULL, withdraw, NULL},
    {"back up", half_way, open_the_store, back_up, the_copy_is_whole_or_not_there},
};

const struct operation *operations_at(size_t index)
{
    return index < sizeof operations / sizeof operations[0] ? &operations[index] : NULL;
}

const char *operations_name(const struct operation *operation)
{
    return operation->name;
}

/* --- the loop --- */

static struct scene *set(const struct operation *operation, const struct case_folder *folder)
{
    struct scene *scene = calloc(1, sizeof *scene);
    snprintf(scene->base, sizeof scene->base, "%s/base", folder->path);
    snprintf(scene->work, sizeof scene->work, "%s/work", folder->path);
    assert_int_equal(mkdir(scene->base, 0700) | mkdir(scene->work, 0700), 0);
    turns_prepare(&scene->turns, folder->path, scene->work, 6, 5);
    snprintf(scene->copy, sizeof scene->copy, "%s/copy.db", scene->work);
    operation->prepare(scene);
    use(scene, scene->work);
    scene->turns.committed = committed;
    scene->turns.context = scene;
    scene->before = scene->turns;
    return scene;
}

static void begin_again(struct scene *scene)
{
    case_copy_files(scene->base, scene->work);
    scene->turns = scene->before;
    scene->commits = 0;
}

static void get_ready(struct scene *scene, const struct operation *operation, const struct fault *fault)
{
    begin_again(scene);
    if (fault->watch != NULL)
        fault->watch(scene->work);
    if (operation->ready != NULL)
        operation->ready(scene);
}

static void put_away(struct scene *scene, const struct fault *fault)
{
    turns_close(&scene->turns);
    store_close(scene->store);
    scene->store = NULL;
    if (fault->unwatch != NULL)
        fault->unwatch();
}

/* What a database of version 1 holds is known only once it is the newest. */
static void learn_the_state_before(struct scene *scene)
{
    struct store *store;
    begin_again(scene);
    store = case_open(scene->turns.db, STORE_WRITE);
    assert_true(case_digest_of(store, scene->state[0]));
    store_close(store);
    scene->states = 1;
}

/* Returns how many calls there are that can fail. */
static long run_whole(struct scene *scene, const struct operation *operation, const struct fault *fault)
{
    learn_the_state_before(scene);
    scene->learning = true;
    get_ready(scene, operation, fault);
    fault->arm(LONG_MAX, false);
    enum status_code code = operation->run(scene, &status);
    long calls;
    assert_false(fault->disarm(&calls));
    scene->learning = false;
    assert_ok(code, status);
    if (operation->look != NULL)
        operation->look(scene, STATUS_OK, false);
    put_away(scene, fault);
    return calls;
}

/* What is there now is what was there after a commit that succeeded, or after the one that may have. */
static void check_state(struct scene *scene, const struct operation *operation, size_t commits, bool succeeded)
{
    char digest[DIGEST_HEX_BYTES];
    struct store *store = case_open(scene->turns.db, STORE_WRITE);
    assert_true(case_digest_of(store, digest));
    store_close(store);
    for (size_t k = commits; k <= commits + (succeeded ? 0 : 1) && k < scene->states; k++)
        if (strcmp(scene->state[k], digest) == 0)
            return;
    for (size_t k = 0; k < scene->states; k++)
        if (strcmp(scene->state[k], digest) == 0)
            fail_msg("%s: state %zu of %zu after %zu commits", operation->name, k, scene->states, commits);
    fail_msg("%s: a state that there never was", operation->name);
}

static bool run_with(struct scene *scene, const struct operation *operation, const struct fault *fault, long after)
{
    struct status said = {0};
    long calls;
    get_ready(scene, operation, fault);
    fault->arm(after, fault->from_then_on);
    enum status_code code = operation->run(scene, &said);
    bool met = fault->disarm(&calls);
    if (code != STATUS_OK && (fault->codes & 1U << code) == 0)
        fail_msg("%s, %s %ld: %s: %s", operation->name, fault->word, after, status_name(code), said.message);
    if (code != STATUS_OK && said.message[0] == '\0')
        fail_msg("%s, %s %ld: not a word", operation->name, fault->word, after);
    assert_true(met || code == STATUS_OK);
    if (operation->look != NULL)
        operation->look(scene, code, fault->may_leave);
    size_t commits = scene->commits;
    put_away(scene, fault);
    check_state(scene, operation, commits, code == STATUS_OK);
    return met;
}

long operations_try(const struct operation *operation, const struct case_folder *folder, const struct fault *fault)
{
    struct scene *scene = set(operation, folder);
    long calls = run_whole(scene, operation, fault), met = 0;
    long stride = fault->tries == 0 || calls <= fault->tries ? 1 : calls / fault->tries;
    if (stride > 1 && stride % 2 == 0)
        stride++; /* calls come in pairs */
    const char *seed = getenv("SEED");
    for (long after = seed != NULL ? strtol(seed, NULL, 10) % stride : 0; after < calls; after += stride)
        met += run_with(scene, operation, fault, after);
    free(scene);
    return met;
}
