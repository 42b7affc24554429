/* search with a one-shot net: which bytes are taken for what a training leaves, and that what the shards leave becomes the weights
 * that candidates are scored by. */
#include <math.h>
#include <string.h>

#include "common/fileio.h"
#include "common/images.h"
#include "common/oneshot.h"
#include "master/search.h"
#include "tests/support/store_case.h"

enum { IMAGES = 32, CLASSES = 3, SIDE = 8, SHARDS = 2, WANTS_MAX = 64 };

static struct status status;

struct world {
    struct case_folder *folder;
    char study[300];
    struct search *search;
    struct study_want wants[WANTS_MAX];
    size_t count;
};

/* Weights as a file. */
struct weights {
    void *data;
    size_t size;
};

static void write_images(const struct world *world, const char *name, int classes)
{
    static uint8_t pixels[IMAGES * 3 * SIDE * SIDE];
    int32_t labels[IMAGES];
    char path[300];
    void *data = NULL;
    size_t size = 0;
    for (int i = 0; i < IMAGES; i++)
        labels[i] = i % CLASSES;
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(i * i);
    const struct images images = {.count = IMAGES,
                                  .shape = {3, SIDE, SIDE},
                                  .classes = classes,
                                  .pixels = pixels,
                                  .labels = labels,
                                  .mean = {0.5f, 0.5f, 0.5f},
                                  .std = {0.25f, 0.25f, 0.25f},
                                  .dataset = "made up"};
    snprintf(path, sizeof path, "%s/%s", world->folder->path, name);
    assert_ok(images_write(&images, &data, &size, &status), status);
    assert_ok(fileio_write(path, data, size, &status), status);
    free(data);
}

static void on_task(void *context, const struct study_want *want, const struct store_attempts *attempts)
{
    struct world *world = context;
    (void)attempts;
    assert_true(world->count < WANTS_MAX);
    world->wants[world->count++] = *want;
}

/* All that is wanted now. */
static void advance(struct world *world)
{
    bool more = true;
    world->count = 0;
    while (more)
        assert_ok(search_advance(world->search, 100, on_task, world, &more, &status), status);
}

static enum status_code open_search(struct world *world)
{
    const struct search_options options = {.study_path = world->study, .db = world->folder->db};
    return search_open(&options, NULL, &world->search, &status);
}

static void open_study(struct world *world, const char *strategy)
{
    char text[1024];
    int length =
        snprintf(text, sizeof text,
                 "name: shards\n"
                 "space: nb201\n"
                 "strategy: {%s}\n"
                 "fitness: {source: oneshot, images: train.images, validation: val.images, channels: 2, cells: 1, batch: 8, "
                 "epochs: 1, shards: %d}\n"
                 "costs: [{source: macs}]\n"
                 "network: {classes: %d, input_size: %d}\n"
                 "seed: 7\n",
                 strategy, SHARDS, CLASSES, SIDE);
    write_images(world, "train.images", CLASSES);
    write_images(world, "val.images", CLASSES);
    assert_ok(fileio_write(world->study, text, (size_t)length, &status), status);
    assert_ok(open_search(world), status);
    assert_ok(search_begin(world->search, &status), status);
    advance(world);
}

static int open_world(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    void *folder = NULL;
    if (world == NULL || case_make_folder(&folder) != 0)
        return -1;
    world->folder = folder;
    snprintf(world->study, sizeof world->study, "%s/shards.yaml", world->folder->path);
    *state = world;
    return 0;
}

static int close_world(void **state)
{
    struct world *world = *state;
    void *folder = world->folder;
    search_rollback(world->search);
    search_close(world->search);
    free(world);
    return case_remove_folder(&folder);
}

/* A net's weights, which depend on `seed`, and an architecture's numbers behind them where it is trained with them. */
static struct weights make_weights(const struct world *world, const struct study_want *want, int channels, int classes,
                                   uint64_t seed, bool relaxed)
{
    const struct space *space = search_space(world->search);
    const struct oneshot_relaxed numbers = {.size = space_matrix_size(space)};
    const struct space_build build = {.channels = channels, .cells = 1, .classes = classes, .input = {3, SIDE, SIDE}};
    struct weights weights;
    struct net net;
    net_init_empty(&net);
    assert_ok(space_build_oneshot(space, &build, want->oneshot.mask, &net, &status), status);
    oneshot_init(seed, 0, &net);
    assert_ok(oneshot_store(&net, relaxed ? &numbers : NULL, &weights.data, &weights.size, &status), status);
    net_free(&net);
    return weights;
}

static enum status_code check(const struct world *world, int channels, int classes, bool relaxed)
{
    const struct study_want *want = &world->wants[0];
    struct weights weights = make_weights(world, want, channels, classes, 1, relaxed);
    enum status_code code = search_weights_check(world->search, want, weights.data, weights.size, &status);
    free(weights.data);
    return code;
}

static void weights_of_the_net_that_is_trained_are_taken_and_no_others(void **state)
{
    struct world *world = *state;
    open_study(world, "name: random, population: 4, tournament: 2, generations: 1");
    assert_int_equal(world->count, SHARDS);
    assert_int_equal(world->wants[0].kind, STUDY_WANT_ONESHOT_TRAIN);
    assert_ok(check(world, 2, CLASSES, false), status);
    assert_int_equal(check(world, 3, CLASSES, false), STATUS_BAD_INPUT);
    assert_int_equal(check(world, 2, CLASSES + 1, false), STATUS_BAD_INPUT);
    assert_int_equal(check(world, 2, CLASSES, true), STATUS_BAD_INPUT);
    assert_int_equal(search_weights_check(world->search, &world->wants[0], "no weights", 10, &status), STATUS_BAD_INPUT);
}

static void weights_whose_architecture_is_trained_too_have_it(void **state)
{
    struct world *world = *state;
    open_study(world, "name: bilevel, sweep: 1");
    assert_true(world->count > 0 && world->wants[0].oneshot.protocol->bilevel);
    assert_ok(check(world, 2, CLASSES, true), status);
    assert_int_equal(check(world, 2, CLASSES, false), STATUS_BAD_INPUT);
}

/* Or it would be told when all is trained, by workers that cannot score. */
static void images_that_are_not_the_networks_are_refused_before_anything_is_trained(void **state)
{
    struct world *world = *state;
    static const char *const names[] = {"train.images", "val.images"};
    open_study(world, "name: random, population: 4, tournament: 2, generations: 1");
    for (int i = 0; i < 2; i++) {
        search_rollback(world->search);
        search_close(world->search);
        world->search = NULL;
        write_images(world, names[i], CLASSES + 1);
        assert_int_equal(open_search(world), STATUS_BAD_INPUT);
        assert_non_null(strstr(status.message, names[i]));
        assert_non_null(strstr(status.message, "of 4 classes, and the study's network takes (3,8,8) of 3"));
        write_images(world, names[i], CLASSES);
        assert_ok(open_search(world), status);
    }
}

static void accept_training(struct world *world, const struct study_want *want, const struct weights *weights)
{
    struct store_evaluation row = {.kind = want->kind,
                                   .feasible = true,
                                   .value = 2.3,
                                   .seconds = 0.5,
                                   .queue_seconds = NAN,
                                   .build_seconds = NAN,
                                   .run_seconds = NAN,
                                   .energy_mj = NAN};
    struct search_artifact artifact = {.data = weights->data, .size = weights->size};
    digest_of(weights->data, weights->size, &artifact.digest);
    memcpy(row.key, want->key, sizeof row.key);
    snprintf(row.node, sizeof row.node, "worker");
    assert_ok(search_accept(world->search, &row, &artifact, &status), status);
}

/* The mean of the shards' weights, whichever comes first; what it was made of is not kept. */
static void candidates_are_scored_by_the_mean_of_the_shards(void **state)
{
    struct world *world = *state;
    struct weights weights[SHARDS], mean;
    struct tensorfile files[SHARDS];
    struct digest digest;
    const void *data;
    size_t size;
    open_study(world, "name: random, population: 4, tournament: 2, generations: 1");
    for (int i = 0; i < SHARDS; i++) {
        assert_int_equal(world->wants[i].oneshot.shard, i);
        weights[i] = make_weights(world, &world->wants[i], 2, CLASSES, (uint64_t)i, false);
        assert_ok(tensorfile_read(weights[i].data, weights[i].size, &files[i], &status), status);
    }
    assert_ok(oneshot_merge(SHARDS, files, &mean.data, &mean.size, &status), status);
    digest_of(mean.data, mean.size, &digest);
    for (int i = SHARDS - 1; i >= 0; i--)
        accept_training(world, &world->wants[i], &weights[i]);
    advance(world);
    assert_true(world->count > 0);
    for (size_t i = 0; i < world->count; i++) {
        assert_int_equal(world->wants[i].kind, STUDY_WANT_ONESHOT_SCORE);
        assert_memory_equal(&world->wants[i].oneshot.weights, &digest, sizeof digest);
    }
    assert_ok(search_blob(world->search, &digest, &data, &size, &status), status);
    assert_int_equal(size, mean.size);
    assert_memory_equal(data, mean.data, size);
    for (int i = 0; i < SHARDS; i++) {
        digest_of(weights[i].data, weights[i].size, &digest);
        assert_int_equal(search_blob(world->search, &digest, &data, &size, &status), STATUS_NOT_FOUND);
        tensorfile_free(&files[i]);
        free(weights[i].data);
    }
    free(mean.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(weights_of_the_net_that_is_trained_are_taken_and_no_others, open_world, close_world),
        cmocka_unit_test_setup_teardown(weights_whose_architecture_is_trained_too_have_it, open_world, close_world),
        cmocka_unit_test_setup_teardown(images_that_are_not_the_networks_are_refused_before_anything_is_trained, open_world,
                                        close_world),
        cmocka_unit_test_setup_teardown(candidates_are_scored_by_the_mean_of_the_shards, open_world, close_world),
    };
    return TEST_RUN(tests);
}
