/* oneshot: training and scoring of one-shot nets on nets small enough to be looked at: what a step is on, what it changes, that the
 * same work gives the same bytes, and the weights files between. */
#include "tests/support/test.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "worker/engine/isa.h"
#include "worker/oneshot.h"

enum { IMAGES = 24, SIDE = 8, IMAGE = 3 * SIDE * SIDE };

static struct space nb201, darts;
static struct status status;
static uint8_t pixels[IMAGES * IMAGE];
static int32_t labels[IMAGES];

/* Images of two classes that brightness tells apart, and noise. */
static struct images pictures = {.count = IMAGES,
                                 .shape = {3, SIDE, SIDE},
                                 .classes = 2,
                                 .pixels = pixels,
                                 .labels = labels,
                                 .mean = {0.5F, 0.5F, 0.5F},
                                 .std = {0.25F, 0.25F, 0.25F}};

static int open_world(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 1);
    for (int n = 0; n < IMAGES; n++) {
        labels[n] = n % 2;
        for (int i = 0; i < IMAGE; i++)
            pixels[n * IMAGE + i] = (uint8_t)(60 * labels[n] + (int)rng_below(&rng, 160));
    }
    return space_open("nb201", &nb201, &status) != STATUS_OK || space_open("darts", &darts, &status) != STATUS_OK;
}

static int close_world(void **state)
{
    (void)state;
    space_close(&nb201);
    space_close(&darts);
    return 0;
}

static struct oneshot_work work_of(const struct space *space)
{
    struct oneshot_work work = {.space = space, .seed = 5, .images = &pictures};
    oneshot_protocol_default(&(struct space_build){.channels = 4, .cells = space == &darts ? 3 : 1}, &work.protocol);
    work.protocol.batch = 8;
    space_mask_all(space, &work.mask);
    return work;
}

static struct arch parse(const char *text)
{
    struct arch arch;
    assert_ok(space_parse(&nb201, text, &arch, &status), status);
    return arch;
}

static struct oneshot_trained train(const struct oneshot_work *work, uint32_t epoch, uint32_t shard, const struct arch *schedule,
                                    size_t count)
{
    struct oneshot_trained trained;
    assert_ok(oneshot_train(work, epoch, shard, schedule, count, &trained, &status), status);
    return trained;
}

static bool same(const struct oneshot_trained *a, const struct oneshot_trained *b)
{
    return a->bytes == b->bytes && memcmp(a->weights, b->weights, a->bytes) == 0;
}

/* The weights of a training, as a file; the training is freed. */
static struct tensorfile file_of(struct oneshot_trained *trained)
{
    struct tensorfile file = {0};
    assert_ok(tensorfile_read(trained->weights, trained->bytes, &file, &status), status);
    free(trained->weights);
    return file;
}

static double score(const struct oneshot_work *work, const struct arch *arch, double *cross_entropy)
{
    struct oneshot_score out;
    assert_ok(oneshot_score(work, arch, &out, &status), status);
    assert_true(out.feasible);
    if (cross_entropy != NULL)
        *cross_entropy = out.cross_entropy;
    return out.accuracy;
}

/* --- the protocol --- */

static void the_protocol_keeps_to_its_ranges(void **state)
{
    (void)state;
    static const struct {
        double learning_rate, momentum;
        int batch;
        uint32_t epochs, shards;
        const char *words;
    } wrong[] = {{NAN, 0.9, 64, 50, 1, "learning_rate is nan"},
                 {0.1, 1.5, 64, 50, 1, "momentum is 1.5"},
                 {0.1, 0.9, 1, 50, 1, "batch is 1"},
                 {0.1, 0.9, 64, 0, 1, "epochs is 0"},
                 {0.1, 0.9, 64, 50, 0, "shards is 0"},
                 {0.1, 0.9, 64, 50, 1025, "shards is 1025"}};
    struct oneshot_protocol protocol;
    oneshot_protocol_default(&nb201.ops->defaults, &protocol);
    assert_ok(oneshot_protocol_check(&protocol, &status), status);
    assert_int_equal(protocol.channels, 16);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        protocol.learning_rate = wrong[i].learning_rate;
        protocol.momentum = wrong[i].momentum;
        protocol.batch = wrong[i].batch;
        protocol.epochs = wrong[i].epochs;
        protocol.shards = wrong[i].shards;
        assert_int_equal(oneshot_protocol_check(&protocol, &status), STATUS_BAD_INPUT);
        if (strstr(status.message, wrong[i].words) == NULL)
            fail_msg("\"%s\" does not say \"%s\"", status.message, wrong[i].words);
    }
}

static void every_number_of_the_protocol_is_in_its_digest(void **state)
{
    (void)state;
    struct oneshot_protocol first;
    struct digest digests[18];
    oneshot_protocol_default(&nb201.ops->defaults, &first);
    for (int i = 0; i < 18; i++) {
        struct oneshot_protocol p = first;
        p.channels += i == 1;
        p.cells += i == 2;
        p.batch += i == 3;
        p.epochs += i == 4;
        p.shards += i == 5;
        p.learning_rate += i == 6;
        p.learning_rate_end += i == 7;
        p.momentum += i == 8;
        p.weight_decay += i == 9;
        p.clip_norm += i == 10;
        p.single_path = i == 11;
        p.batch_statistics = i == 12;
        p.augment = i == 13;
        p.bilevel = i == 14;
        p.gumbel = i == 15;
        p.alpha_learning_rate += i == 16;
        p.alpha_weight_decay += i == 17;
        oneshot_protocol_digest(&p, &digests[i]);
        for (int k = 0; k < i; k++)
            assert_memory_not_equal(&digests[i], &digests[k], sizeof digests[i]);
    }
}

static void the_learning_rate_falls_along_half_a_cosine(void **state)
{
    (void)state;
    struct oneshot_protocol p = {.epochs = 50, .learning_rate = 0.025, .learning_rate_end = 0.001};
    assert_near(oneshot_learning_rate(&p, 0), 0.025, 1e-12, 0);
    assert_near(oneshot_learning_rate(&p, 25), 0.013, 1e-12, 0);
    assert_near(oneshot_learning_rate(&p, 49), 0.001 + 0.024 * (1 - cos(M_PI / 50)) / 2, 1e-12, 0);
}

static void shards_are_disjoint_and_cover_all_images(void **state)
{
    (void)state;
    static const size_t counts[] = {1, 7, 64, 1000, 50000};
    for (int i = 0; i < 5; i++)
        for (uint32_t shards = 1; shards <= 9; shards++) {
            const struct oneshot_protocol p = {.shards = shards};
            size_t first, end, before = 0;
            for (uint32_t shard = 0; shard < shards; shard++) {
                oneshot_shard(&p, counts[i], shard, &first, &end);
                assert_int_equal(first, before);
                assert_true(end >= first && end - first <= counts[i] / shards + 1);
                before = end;
            }
            assert_int_equal(before, counts[i]);
        }
}

/* --- training --- */

static void the_same_work_gives_the_same_bytes_and_other_work_others(void **state)
{
    (void)state;
    struct oneshot_trained runs[9];
    for (int i = 0; i < 9; i++) {
        struct engine_memory memory = {0};
        struct oneshot_work work = work_of(&nb201);
        work.memory = i == 1 ? &memory : NULL;
        work.seed += i == 2;
        work.stage += i == 3;
        work.protocol.shards = 2;
        work.protocol.single_path = i >= 6;
        work.protocol.augment = i == 8;
        runs[i] = train(&work, i == 4, i == 5, NULL, 0);
        engine_memory_free(&memory);
    }
    assert_true(same(&runs[0], &runs[1]));
    assert_true(same(&runs[6], &runs[7]));
    for (int i = 2; i < 9; i++)
        for (int k = 0; k < i; k++)
            assert_true(same(&runs[i], &runs[k]) == (i == 7 && k == 6));
    assert_int_equal(runs[0].steps, 1); /* 12 images, batches of 8 */
    for (int i = 0; i < 9; i++)
        free(runs[i].weights);
}

static void step_b_is_on_entry_b_of_the_schedule_which_begins_again(void **state)
{
    (void)state;
    const struct arch a = parse("333333"), b = parse("121212");
    const struct arch two[] = {a, b}, three[] = {a, b, a}, swapped[] = {b, a}, more[] = {a, b, a, b};
    for (int single_path = 0; single_path < 2; single_path++) {
        struct oneshot_work work = work_of(&nb201);
        work.protocol.single_path = single_path != 0;
        struct oneshot_trained runs[] = {train(&work, 0, 0, two, 2), train(&work, 0, 0, three, 3), train(&work, 0, 0, more, 4),
                                         train(&work, 0, 0, swapped, 2)};
        assert_int_equal(runs[0].steps, 3);
        assert_true(same(&runs[0], &runs[1]));
        assert_true(same(&runs[0], &runs[2]));
        assert_false(same(&runs[0], &runs[3]));
        for (int i = 0; i < 4; i++)
            free(runs[i].weights);
    }
}

/* What lies outside of a shard is not looked at. */
static void a_shard_is_trained_on_its_own_images_alone(void **state)
{
    (void)state;
    struct oneshot_work work = work_of(&nb201);
    work.protocol.shards = 3;
    struct oneshot_trained before[3], after[3];
    for (uint32_t shard = 0; shard < 3; shard++)
        before[shard] = train(&work, 0, shard, NULL, 0);
    pixels[10 * IMAGE + 5] ^= 0x40; /* an image of the second */
    for (uint32_t shard = 0; shard < 3; shard++)
        after[shard] = train(&work, 0, shard, NULL, 0);
    pixels[10 * IMAGE + 5] ^= 0x40;
    for (int shard = 0; shard < 3; shard++) {
        assert_true(same(&before[shard], &after[shard]) == (shard != 1));
        free(before[shard].weights);
        free(after[shard].weights);
    }
}

/* By single path, what a step does not use stays as it was. */
static void operations_that_are_not_on_the_path_keep_their_weights(void **state)
{
    (void)state;
    const struct arch arch = parse("311111");
    struct oneshot_work work = work_of(&nb201);
    struct net start;
    work.protocol.single_path = true;
    struct oneshot_trained trained = train(&work, 0, 0, &arch, 1);
    struct tensorfile file = file_of(&trained);
    const struct space_build sizes = {4, 1, 2, {3, SIDE, SIDE}};
    net_init_empty(&start);
    assert_ok(space_build_oneshot(&nb201, &sizes, &work.mask, &start, &status), status);
    oneshot_init(work.seed, work.stage, &start);
    for (int t = 0; t < start.tensor_count; t++) {
        const struct net_tensor *tensor = &start.tensors[t];
        const struct tensorfile_entry *entry = tensorfile_find(&file, tensor->name);
        const bool searched = strstr(tensor->name, ".layers.") != NULL,
                   used = strstr(tensor->name, ".layers.0.nor_conv_3x3.") != NULL;
        const bool fixed = searched && (strstr(tensor->name, "op.2.weight") != NULL || strstr(tensor->name, "op.2.bias") != NULL);
        assert_non_null(entry);
        if ((memcmp(entry->data, tensor->data, entry->bytes) == 0) != (fixed || (searched && !used)))
            fail_msg("%s is %s", tensor->name, used ? "as it was" : "changed");
    }
    net_free(&start);
    tensorfile_free(&file);
}

/* A mixture whose mask has one operation on each edge is that path: two ways to one result. */
static void a_path_trains_as_the_net_of_its_own_mask(void **state)
{
    (void)state;
    const struct arch arch =
        parse("|nor_conv_3x3~0|+|nor_conv_1x1~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_1x1~1|nor_conv_3x3~2|");
    struct oneshot_work path = work_of(&nb201), own = work_of(&nb201);
    path.protocol.single_path = true;
    space_mask_of(&nb201, &arch, &own.mask);
    struct oneshot_trained by_path = train(&path, 0, 0, &arch, 1), by_mask = train(&own, 0, 0, &arch, 1);
    struct tensorfile a = file_of(&by_path), b = file_of(&by_mask);
    assert_near(by_path.loss, by_mask.loss, 1e-4, 0);
    assert_true(b.entry_count < a.entry_count);
    for (size_t i = 0; i < b.entry_count; i++) {
        const struct tensorfile_entry *twin = tensorfile_find(&a, b.entries[i].name);
        for (size_t k = 0; k < twin->count; k++)
            assert_near(((const float *)twin->data)[k], ((const float *)b.entries[i].data)[k], 1e-3, 1e-5);
    }
    tensorfile_free(&a);
    tensorfile_free(&b);
}

/* A clip that bites makes the step of a net whose gradients are that much smaller: seen in a first step without decay. */
static void gradients_are_clipped_to_the_norm(void **state)
{
    (void)state;
    struct oneshot_work work = work_of(&nb201);
    struct net start;
    double moved[3];
    work.protocol.weight_decay = 0;
    work.protocol.shards = 3; /* one step each */
    const struct space_build sizes = {4, 1, 2, {3, SIDE, SIDE}};
    net_init_empty(&start);
    assert_ok(space_build_oneshot(&nb201, &sizes, &work.mask, &start, &status), status);
    oneshot_init(work.seed, work.stage, &start);
    for (int i = 0; i < 3; i++) {
        work.protocol.clip_norm = (const double[]){0, 1e6, 1e-2}[i];
        struct oneshot_trained trained = train(&work, 0, 0, NULL, 0);
        struct tensorfile file = file_of(&trained);
        moved[i] = 0;
        for (int t = 0; t < start.tensor_count; t++) {
            const float *now = tensorfile_find(&file, start.tensors[t].name)->data;
            for (size_t k = 0; start.tensors[t].trainable && k < start.tensors[t].count; k++)
                moved[i] += pow((double)now[k] - (double)start.tensors[t].data[k], 2);
        }
        tensorfile_free(&file);
    }
    assert_near(moved[1], moved[0], 0, 0);
    assert_near(sqrt(moved[2]), work.protocol.learning_rate * 1e-2, 1e-3, 0);
    assert_true(moved[0] > 4 * moved[2]);
    net_free(&start);
}

static void every_instruction_set_agrees_within_rounding(void **state)
{
    (void)state;
    struct oneshot_work work = work_of(&nb201);
    struct tensorfile first = {0};
    for (enum engine_isa isa = isa_next(ENGINE_ISA_AUTO); isa != ENGINE_ISA_AUTO; isa = isa_next(isa)) {
        work.isa = isa;
        struct oneshot_trained trained = train(&work, 0, 0, NULL, 0);
        struct tensorfile file = file_of(&trained);
        for (size_t i = 0; first.entry_count > 0 && i < file.entry_count; i++)
            for (size_t k = 0; k < file.entries[i].count; k++)
                assert_near(((const float *)file.entries[i].data)[k], ((const float *)first.entries[i].data)[k], 1e-2, 1e-4);
        tensorfile_free(&first);
        first = file;
    }
    tensorfile_free(&first);
}

/* Both ways to train, in both spaces, learn to tell bright from dark, and the scores show it. By single path it is the architecture
 * that is scored whose steps are taken: of all others in so few steps none would get enough. */
static void training_learns_and_scores_show_it(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct oneshot_work work = work_of(i < 2 ? &nb201 : &darts);
        struct tensorfile weights = {0};
        double first = 0, last = 0, before, after;
        struct arch arch;
        struct rng rng;
        work.protocol.single_path = i % 2 != 0;
        work.protocol.epochs = 12;
        work.protocol.learning_rate = 0.1;
        work.protocol.batch_statistics = true;
        rng_seed(&rng, 4);
        do
            space_sample(work.space, &rng, &arch);
        while (!space_connected(work.space, &arch));
        score(&work, &arch, &before);
        for (uint32_t epoch = 0; epoch < 12; epoch++) {
            struct oneshot_trained trained = train(&work, epoch, 0, &arch, work.protocol.single_path);
            if (epoch == 0)
                first = trained.loss;
            last = trained.loss;
            tensorfile_free(&weights);
            weights = file_of(&trained);
            work.weights = &weights;
        }
        const double accuracy = score(&work, &arch, &after);
        if (!(last < 0.7 * first && after < 0.8 * before && accuracy >= 75))
            fail_msg("case %d: loss %.3f to %.3f, cross-entropy %.3f to %.3f, accuracy %.1f", i, first, last, before, after,
                     accuracy);
        tensorfile_free(&weights);
    }
}

static void a_disconnected_architecture_has_no_step_of_its_own_but_one_of_the_mixture(void **state)
{
    (void)state;
    const struct arch none = parse("000000");
    struct oneshot_work work = work_of(&nb201);
    struct oneshot_score out;
    struct oneshot_trained trained = train(&work, 0, 0, &none, 1);
    assert_int_equal(trained.steps, 3);
    free(trained.weights);
    score(&work, &none, NULL);
    work.protocol.single_path = true;
    trained = train(&work, 0, 0, &none, 1);
    assert_int_equal(trained.steps, 0);
    free(trained.weights);
    assert_ok(oneshot_score(&work, &none, &out, &status), status);
    assert_false(out.feasible);
    assert_non_null(strstr(out.why_not, "disconnected"));
}

static bool cancelled(void *context)
{
    int *left = context;
    return (*left)-- == 0;
}

static void training_and_scoring_can_be_cancelled_between_steps(void **state)
{
    (void)state;
    struct oneshot_work work = work_of(&nb201);
    struct oneshot_trained trained;
    struct oneshot_score out;
    const struct arch arch = parse("333333");
    int left = 2;
    work.cancelled = cancelled;
    work.context = &left;
    assert_int_equal(oneshot_train(&work, 0, 0, NULL, 0, &trained, &status), STATUS_UNAVAILABLE);
    left = 1;
    assert_int_equal(oneshot_score(&work, &arch, &out, &status), STATUS_UNAVAILABLE);
}

/* --- scoring --- */

static void the_rest_that_fills_no_batch_is_scored_too(void **state)
{
    (void)state;
    const struct arch arch = parse("314232");
    for (int single_path = 0; single_path < 2; single_path++) {
        struct oneshot_work work = work_of(&nb201);
        double whole, parts;
        work.protocol.single_path = single_path != 0;
        work.protocol.batch = IMAGES;
        const double accuracy = score(&work, &arch, &whole);
        work.protocol.batch = 7; /* three batches and three images */
        assert_near(score(&work, &arch, &parts), accuracy, 1e-9, 0);
        assert_near(parts, whole, 1e-5, 0);
        assert_near(fmod(accuracy * IMAGES / 100, 1), 0, 0, 1e-9);
        work.protocol.batch_statistics = true;
        score(&work, &arch, &parts);
        assert_true(fabs(parts - whole) > 1e-6);
    }
}

/* NAME of a path's tensor as space_build_net has it: without the operation. */
static void plain_name(const char *name, char out[NET_NAME_BYTES])
{
    const char *operation = strstr(name, ".nor_conv_");
    const size_t before = operation == NULL ? strlen(name) : (size_t)(operation - name);
    snprintf(out, NET_NAME_BYTES, "%.*s%s", (int)before, name, operation == NULL ? "" : strchr(operation + 1, '.'));
}

static void the_score_of_a_path_is_that_of_its_stand_alone_net(void **state)
{
    (void)state;
    static const char *const texts[] = {"314232", "301043", "100000", "123000"};
    for (int i = 0; i < 4; i++) {
        struct oneshot_work work = work_of(&nb201);
        struct arch arch = parse(texts[i]);
        const struct space_build sizes = {4, 1, 2, {3, SIDE, SIDE}};
        struct space_mask mask;
        struct net path, alone;
        if (!space_connected(&nb201, &arch))
            continue;
        work.protocol.single_path = true;
        work.protocol.batch = IMAGES;
        work.protocol.batch_statistics = i % 2 == 0;
        net_init_empty(&path);
        net_init_empty(&alone);
        space_mask_of(&nb201, &arch, &mask);
        assert_ok(space_build_oneshot(&nb201, &sizes, &mask, &path, &status), status);
        assert_ok(space_build_net(&nb201, &arch, &sizes, &alone, &status), status);
        oneshot_init(work.seed, work.stage, &path);
        assert_int_equal(path.tensor_count, alone.tensor_count);
        for (int t = 0; t < path.tensor_count; t++) {
            char name[NET_NAME_BYTES];
            plain_name(path.tensors[t].name, name);
            memcpy(alone.tensors[net_find_tensor(&alone, name)].data, path.tensors[t].data, path.tensors[t].count * sizeof(float));
        }
        struct engine_options options = {.mode = work.protocol.batch_statistics ? ENGINE_BATCH_STATS : ENGINE_INFER,
                                         .batch = IMAGES,
                                         .convolutions = ENGINE_FAST};
        struct engine *engine;
        engine_real images[IMAGES * IMAGE];
        int wanted[IMAGES];
        alone.output_count = 1; /* without taps */
        assert_ok(engine_create(&alone, &options, &engine, &status), status);
        for (int k = 0; k < IMAGES * IMAGE; k++)
            images[k] = (engine_real)((pixels[k] / 255.0 - 0.5) / 0.25);
        for (int k = 0; k < IMAGES; k++)
            wanted[k] = labels[k];
        engine_forward(engine, images);
        double entropy;
        score(&work, &arch, &entropy);
        assert_near(entropy, engine_cross_entropy(engine_output(engine, 0), wanted, 2, 0, NULL, NULL), 0, 0);
        engine_free(engine);
        net_free(&path);
        net_free(&alone);
    }
}

/* What an operation of the first cell computes from the stem's map, by the net of this mask with the weights of that file. */
static void run_operation(const struct space_mask *mask, const struct tensorfile *weights, const char *norm, engine_real *out,
                          size_t count)
{
    const struct space_build sizes = {4, 1, 2, {3, SIDE, SIDE}};
    const struct engine_options options = {.mode = ENGINE_INFER, .batch = 2};
    struct engine *engine;
    struct net net;
    engine_real images[2 * IMAGE];
    net_init_empty(&net);
    assert_ok(space_build_oneshot(&nb201, &sizes, mask, &net, &status), status);
    assert_ok(oneshot_load(weights, &net, &status), status);
    assert_ok(net_add_output(&net, net_find_node(&net, norm), &status), status);
    assert_ok(engine_create(&net, &options, &engine, &status), status);
    for (int i = 0; i < 2 * IMAGE; i++)
        images[i] = (engine_real)((pixels[i] / 255.0 - 0.5) / 0.25);
    engine_forward(engine, images);
    const struct engine_rows rows = engine_output(engine, 1);
    assert_true(rows.stride <= count);
    memcpy(out, rows.data, rows.stride * sizeof *out);
    engine_free(engine);
    net_free(&net);
}

static void surviving_operations_inherit_their_weights_bit_for_bit(void **state)
{
    (void)state;
    static const char *const norms[] = {"cells.0.layers.0.nor_conv_3x3.op.2", "cells.0.layers.1.nor_conv_1x1.op.2",
                                        "cells.0.layers.3.nor_conv_3x3.op.2"};
    struct oneshot_work work = work_of(&nb201);
    struct oneshot_trained trained = train(&work, 0, 0, NULL, 0);
    struct tensorfile file = file_of(&trained);
    struct space_mask less = work.mask;
    less.rows[0] = 8 + 2;
    less.rows[1] = 4 + 1;
    less.rows[2] = 2;
    less.rows[3] = 8 + 16 + 1;
    for (int i = 0; i < 3; i++) {
        engine_real whole[16 * SIDE * SIDE] = {0}, part[16 * SIDE * SIDE] = {0};
        run_operation(&work.mask, &file, norms[i], whole, 16 * SIDE * SIDE);
        run_operation(&less, &file, norms[i], part, 16 * SIDE * SIDE);
        assert_memory_equal(whole, part, sizeof whole);
    }
    /* And the next stage trains from them. */
    work.weights = &file;
    work.mask = less;
    work.stage = 1;
    trained = train(&work, 0, 0, NULL, 0);
    struct tensorfile next = file_of(&trained);
    assert_true(next.entry_count < file.entry_count);
    tensorfile_free(&file);
    tensorfile_free(&next);
}

/* --- what is refused --- */

static void assert_train_refused(const struct oneshot_work *work, uint32_t epoch, uint32_t shard, const struct arch *schedule,
                                 size_t count, const char *words)
{
    struct oneshot_trained trained;
    status.message[0] = '\0';
    assert_int_equal(oneshot_train(work, epoch, shard, schedule, count, &trained, &status), STATUS_BAD_INPUT);
    if (strstr(status.message, words) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", status.message, words);
}

static void work_that_does_not_fit_is_refused_with_a_sentence(void **state)
{
    (void)state;
    const struct arch arch = parse("333333"), schedule[] = {parse("111111"), arch};
    struct oneshot_work work = work_of(&nb201);
    struct oneshot_score out;
    assert_train_refused(&work, 50, 0, NULL, 0, "epoch 50 of 50");
    assert_train_refused(&work, 0, 1, NULL, 0, "shard 1 of 1");
    work.protocol.shards = 4;
    assert_train_refused(&work, 0, 3, NULL, 0, "shard 4 of 4 has 6 of the 24 images, fewer than a batch of 8");
    work.protocol.shards = 1;
    work.mask.rows[2] = 2;
    assert_train_refused(&work, 0, 0, schedule, 2, "entry 2 of the schedule: architecture |nor_conv_3x3~0|");
    assert_int_equal(oneshot_score(&work, &arch, &out, &status), STATUS_BAD_INPUT);
    work.mask.rows[2] = 0;
    assert_train_refused(&work, 0, 0, NULL, 0, "mask");
    space_mask_all(&nb201, &work.mask);
    work.protocol.learning_rate = 10;
    work.protocol.clip_norm = 0;
    struct images many = pictures;
    uint8_t *copies = malloc(40 * sizeof pixels);
    int32_t *classes = malloc(40 * sizeof labels);
    assert_true(copies != NULL && classes != NULL);
    for (int i = 0; i < 40; i++) {
        memcpy(copies + (size_t)i * sizeof pixels, pixels, sizeof pixels);
        memcpy(classes + i * IMAGES, labels, sizeof labels);
    }
    many.count = 40 * IMAGES;
    many.pixels = copies;
    many.labels = classes;
    work.images = &many;
    work.protocol.momentum = 1;
    work.protocol.weight_decay = 1;
    assert_train_refused(&work, 0, 0, NULL, 0, "lower the learning rate");
    free(copies);
    free(classes);
}

/* The file's entry `from`, as tensor `name`, of a weights file of its own. */
static struct tensorfile renamed(const struct tensorfile *file, const char *from, const char *name, int rank)
{
    struct tensorfile made = {0}, back = {0};
    void *data;
    size_t size;
    assert_ok(tensorfile_set(&made, "format", ONESHOT_FORMAT, &status), status);
    for (size_t i = 0; i < file->entry_count; i++) {
        const struct tensorfile_entry *e = &file->entries[i];
        const bool this_one = strcmp(e->name, from) == 0;
        const int64_t flat[] = {(int64_t)e->count};
        assert_ok(tensorfile_add(&made, this_one ? name : e->name, e->dtype, this_one && rank == 1 ? 1 : e->rank,
                                 this_one && rank == 1 ? flat : e->dims, e->data, &status),
                  status);
    }
    assert_ok(tensorfile_write(&made, &data, &size, &status), status);
    assert_ok(tensorfile_read(data, size, &back, &status), status);
    tensorfile_free(&made);
    free(data);
    return back;
}

static void weights_that_do_not_fit_are_refused_by_name(void **state)
{
    (void)state;
    static const char name[] = "cells.0.layers.0.nor_conv_3x3.op.1.weight";
    struct oneshot_work work = work_of(&nb201);
    struct oneshot_trained trained = train(&work, 0, 0, NULL, 0);
    struct tensorfile file = file_of(&trained), other = renamed(&file, name, "other", 4), flat = renamed(&file, name, name, 1),
                      nothing = {0}, infinite = renamed(&file, name, name, 4);
    work.weights = &other;
    assert_train_refused(&work, 0, 0, NULL, 0, "there is no tensor \"cells.0.layers.0.nor_conv_3x3.op.1.weight\"");
    work.weights = &flat;
    assert_train_refused(&work, 0, 0, NULL, 0, "\"cells.0.layers.0.nor_conv_3x3.op.1.weight\" is not float32 of the net's shape");
    work.weights = &nothing;
    assert_train_refused(&work, 0, 0, NULL, 0, ONESHOT_FORMAT);
    for (size_t i = 0; i < infinite.entry_count; i++)
        if (strcmp(infinite.entries[i].name, name) == 0)
            memcpy((char *)infinite.bytes + ((const char *)infinite.entries[i].data - (const char *)infinite.bytes),
                   &(float){INFINITY}, sizeof(float));
    work.weights = &infinite;
    assert_train_refused(&work, 0, 0, NULL, 0, "not finite");
    tensorfile_free(&file);
    tensorfile_free(&other);
    tensorfile_free(&flat);
    tensorfile_free(&infinite);
}

/* oneshot_check of a file with the net's tensors, of which one (its number, or -1) is left out, of another type or spoilt. */
static enum status_code check_changed(const struct net *net, const char *format, int left_out, int other_type, int spoilt)
{
    struct tensorfile file = {0};
    void *data;
    size_t size;
    assert_ok(tensorfile_set(&file, "format", format, &status), status);
    for (int i = 0; i < net->tensor_count; i++) {
        const struct net_tensor *tensor = &net->tensors[i];
        int64_t dims[NET_RANK_MAX];
        for (int d = 0; d < tensor->rank; d++)
            dims[d] = tensor->dims[d];
        if (i == spoilt)
            tensor->data[tensor->count - 1] = NAN;
        if (i != left_out)
            assert_ok(tensorfile_add(&file, tensor->name, i == other_type ? TENSORFILE_I32 : TENSORFILE_F32, tensor->rank, dims,
                                     tensor->data, &status),
                      status);
    }
    assert_ok(tensorfile_write(&file, &data, &size, &status), status);
    if (spoilt >= 0)
        net->tensors[spoilt].data[net->tensors[spoilt].count - 1] = 0;
    enum status_code code = oneshot_check(data, size, net, 0, &status);
    free(data);
    tensorfile_free(&file);
    return code;
}

static void assert_checked(enum status_code code, const char *words)
{
    assert_int_equal(code, STATUS_BAD_INPUT);
    if (strstr(status.message, words) == NULL)
        fail_msg("\"%s\" does not say: %s", status.message, words);
}

static void weights_of_the_net_are_told_from_all_others(void **state)
{
    (void)state;
    struct oneshot_work work = work_of(&nb201);
    struct oneshot_trained trained = train(&work, 0, 0, NULL, 0);
    struct space_build sizes = {.channels = work.protocol.channels,
                                .cells = work.protocol.cells,
                                .classes = work.images->classes,
                                .input = work.images->shape};
    struct net net = {.node_count = 0}, wider = net;
    const size_t matrix = space_matrix_size(&nb201);
    assert_ok(space_build_oneshot(&nb201, &sizes, &work.mask, &net, &status), status);
    sizes.channels++;
    assert_ok(space_build_oneshot(&nb201, &sizes, &work.mask, &wider, &status), status);
    const int last = net.tensor_count - 1;
    assert_ok(oneshot_check(trained.weights, trained.bytes, &net, 0, &status), status);
    assert_checked(oneshot_check(trained.weights, trained.bytes, &wider, 0, &status), "is not float32 of the net's shape");
    assert_checked(oneshot_check(trained.weights, trained.bytes, &net, matrix, &status), "of a net that has");
    assert_int_equal(oneshot_check(trained.weights, trained.bytes - 1, &net, 0, &status), STATUS_BAD_INPUT);
    assert_ok(check_changed(&net, ONESHOT_FORMAT, -1, -1, -1), status);
    assert_checked(check_changed(&net, "another", -1, -1, -1), ONESHOT_FORMAT);
    assert_checked(check_changed(&net, ONESHOT_FORMAT, last, -1, -1), "of a net that has");
    for (int i = 0; i <= last; i += last) {
        assert_checked(check_changed(&net, ONESHOT_FORMAT, -1, i, -1), "is not float32");
        assert_checked(check_changed(&net, ONESHOT_FORMAT, -1, -1, i), "holds a number that is not finite");
    }
    snprintf(net.tensors[last].name, sizeof net.tensors[last].name, "another");
    assert_checked(oneshot_check(trained.weights, trained.bytes, &net, 0, &status), "in the place of \"another\"");
    free(trained.weights);
    net_free(&net);
    net_free(&wider);
}

/* An architecture that is trained with them is part of the weights, and has to fit the space. */
static void an_architecture_belongs_to_the_weights(void **state)
{
    (void)state;
    struct oneshot_work work = work_of(&nb201);
    struct space_build sizes = {.channels = work.protocol.channels,
                                .cells = work.protocol.cells,
                                .classes = work.images->classes,
                                .input = work.images->shape};
    struct oneshot_relaxed relaxed = {.size = space_matrix_size(&nb201)};
    struct net net = {.node_count = 0};
    void *data;
    size_t size;
    assert_ok(space_build_oneshot(&nb201, &sizes, &work.mask, &net, &status), status);
    assert_ok(oneshot_store(&net, &relaxed, &data, &size, &status), status);
    assert_ok(oneshot_check(data, size, &net, relaxed.size, &status), status);
    assert_checked(oneshot_check(data, size, &net, relaxed.size - 1, &status), "\"relaxed.alpha\" is not float32 of");
    assert_checked(oneshot_check(data, size, &net, 0, &status), "of a net that has");
    free(data);
    net_free(&net);
}

/* --- merging --- */

static void the_merge_of_shards_is_their_mean(void **state)
{
    (void)state;
    struct oneshot_work work = work_of(&nb201);
    struct oneshot_trained trained[3];
    struct tensorfile shards[3], mean = {0};
    void *data, *again;
    size_t size, size_again;
    work.protocol.shards = 3;
    for (uint32_t s = 0; s < 3; s++) {
        trained[s] = train(&work, 0, s, NULL, 0);
        if (s == 0) { /* one file's mean is itself */
            struct tensorfile alone = {0};
            assert_ok(tensorfile_read(trained[s].weights, trained[s].bytes, &alone, &status), status);
            assert_ok(oneshot_merge(1, &alone, &data, &size, &status), status);
            assert_int_equal(size, trained[s].bytes);
            assert_memory_equal(data, trained[s].weights, size);
            tensorfile_free(&alone);
            free(data);
        }
        shards[s] = file_of(&trained[s]);
    }
    assert_ok(oneshot_merge(3, shards, &data, &size, &status), status);
    assert_ok(oneshot_merge(3, shards, &again, &size_again, &status), status);
    assert_int_equal(size, size_again);
    assert_memory_equal(data, again, size);
    assert_ok(tensorfile_read(data, size, &mean, &status), status);
    for (size_t i = 0; i < mean.entry_count; i++)
        for (size_t k = 0; k < mean.entries[i].count; k++) {
            double sum = 0;
            for (int s = 0; s < 3; s++)
                sum += (double)((const float *)shards[s].entries[i].data)[k];
            assert_true(((const float *)mean.entries[i].data)[k] == (float)(sum / 3));
        }
    work.weights = &mean; /* and it is a weights file */
    struct oneshot_trained next = train(&work, 1, 0, NULL, 0);
    free(next.weights);
    free(data);
    free(again);
    tensorfile_free(&mean);
    for (int s = 0; s < 3; s++)
        tensorfile_free(&shards[s]);
}

static void files_that_are_not_alike_are_not_merged(void **state)
{
    (void)state;
    struct oneshot_work work = work_of(&nb201), less = work_of(&nb201);
    less.mask.rows[0] = 3;
    struct oneshot_trained trained = train(&work, 0, 0, NULL, 0), part = train(&less, 0, 0, NULL, 0);
    struct tensorfile files[2] = {file_of(&trained), file_of(&part)};
    void *data;
    size_t size;
    assert_int_equal(oneshot_merge(2, files, &data, &size, &status), STATUS_BAD_INPUT);
    assert_non_null(strstr(status.message, "file 2 of a merge has"));
    tensorfile_free(&files[1]);
    files[1] = renamed(&files[0], "stem.0.weight", "stem.9.weight", 4);
    assert_int_equal(oneshot_merge(2, files, &data, &size, &status), STATUS_BAD_INPUT);
    assert_non_null(strstr(status.message, "\"stem.9.weight\" where the first has \"stem.0.weight\""));
    tensorfile_free(&files[0]);
    tensorfile_free(&files[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_protocol_keeps_to_its_ranges),
        cmocka_unit_test(every_number_of_the_protocol_is_in_its_digest),
        cmocka_unit_test(the_learning_rate_falls_along_half_a_cosine),
        cmocka_unit_test(shards_are_disjoint_and_cover_all_images),
        cmocka_unit_test(the_same_work_gives_the_same_bytes_and_other_work_others),
        cmocka_unit_test(step_b_is_on_entry_b_of_the_schedule_which_begins_again),
        cmocka_unit_test(a_shard_is_trained_on_its_own_images_alone),
        cmocka_unit_test(operations_that_are_not_on_the_path_keep_their_weights),
        cmocka_unit_test(a_path_trains_as_the_net_of_its_own_mask),
        cmocka_unit_test(gradients_are_clipped_to_the_norm),
        cmocka_unit_test(every_instruction_set_agrees_within_rounding),
        cmocka_unit_test(training_learns_and_scores_show_it),
        cmocka_unit_test(a_disconnected_architecture_has_no_step_of_its_own_but_one_of_the_mixture),
        cmocka_unit_test(training_and_scoring_can_be_cancelled_between_steps),
        cmocka_unit_test(the_rest_that_fills_no_batch_is_scored_too),
        cmocka_unit_test(the_score_of_a_path_is_that_of_its_stand_alone_net),
        cmocka_unit_test(surviving_operations_inherit_their_weights_bit_for_bit),
        cmocka_unit_test(work_that_does_not_fit_is_refused_with_a_sentence),
        cmocka_unit_test(weights_that_do_not_fit_are_refused_by_name),
        cmocka_unit_test(weights_of_the_net_are_told_from_all_others),
        cmocka_unit_test(an_architecture_belongs_to_the_weights),
        cmocka_unit_test(the_merge_of_shards_is_their_mean),
        cmocka_unit_test(files_that_are_not_alike_are_not_merged),
    };
    setvbuf(stdout, NULL, _IOLBF, 0);
    cmocka_set_message_output(CM_OUTPUT_TAP);
    cmocka_set_test_filter(getenv("TEST_ONLY"));
    return cmocka_run_group_tests_name(__FILE__, tests, open_world, close_world);
}
