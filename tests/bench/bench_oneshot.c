/* bench_oneshot: what a one-shot net costs, and how well it ranks: a full NAS-Bench-201 net (16 channels, 5 cells a stage) trained
 * on a schedule of chance, then cells scored with it and ranked beside their published accuracy (docs/SYSTEMS.md, one-shot).
 *
 * usage: bench_oneshot speed [STEPS]
 *        bench_oneshot rank mixture|single EPOCHS CELLS TRAIN TEST ACCURACY [NAME=NUMBER...]
 *
 * speed: processor time a step at batch 64 of the mixture and of architectures' own operations, medians of five rounds. rank: TRAIN
 * and TEST are images as `hwnas images build` takes them, ACCURACY a CSV file with arch_str and cifar10_test. Prints the loss of
 * each epoch, then Kendall's tau-b between the published accuracy and (i) accuracy, (ii) minus cross-entropy, of CELLS connected
 * cells, with batch norms by running and by batch statistics, with a bootstrap interval of 95 %: cells drawn with replacement,
 * 2,000 times. NAME is rate, batch, seed, channels or depth (cells a stage); decoded=1 trains on random architectures, as EvNAS's
 * first epoch does, in place of undecoded matrices; augment=1 shifts and mirrors the training images. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/csv.h"
#include "tests/support/timing.h"
#include "worker/data.h"
#include "worker/oneshot.h"

enum { CELLS_MAX = 1000, RESAMPLES = 2000, SPEED_BATCH = 64, ROUNDS = 5 };

static struct status status;

/* Everything here ends at the first failure. */
static void need(enum status_code code)
{
    if (code == STATUS_OK)
        return;
    fprintf(stderr, "bench_oneshot: %s\n", status.message);
    exit(status_exit_code(code));
}

/* --- speed --- */

static void random_images(struct images *out, int count)
{
    struct rng rng;
    rng_seed(&rng, 1);
    *out = (struct images){.count = count, .shape = {3, 32, 32}, .classes = 10, .std = {1, 1, 1}, .dataset = "noise"};
    out->pixels = malloc((size_t)count * 3072);
    out->labels = malloc((size_t)count * sizeof *out->labels);
    if (out->pixels == NULL || out->labels == NULL)
        exit(1);
    for (size_t i = 0; i < (size_t)count * 3072; i++)
        out->pixels[i] = (uint8_t)rng_below(&rng, 256);
    for (int i = 0; i < count; i++)
        out->labels[i] = (int32_t)rng_below(&rng, 10);
}

static void time_training(struct oneshot_work *work, bool single_path)
{
    struct oneshot_trained trained;
    double seconds[ROUNDS];
    work->protocol.single_path = single_path;
    for (int round = -1; round < ROUNDS; round++) { /* the first waits for the arena's pages */
        const double start = timing_processor_seconds();
        need(oneshot_train(work, 0, 0, NULL, 0, &trained, &status));
        if (round >= 0)
            seconds[round] = timing_processor_seconds() - start;
        if (round + 1 < ROUNDS)
            free(trained.weights);
    }
    const double median = timing_median(seconds, ROUNDS);
    printf("training, %s: %.0f ms a step (%.0f to %.0f), %.1f images/s, arena %zu MiB, %s\n",
           single_path ? "single path" : "mixture", 1e3 * median / trained.steps, 1e3 * seconds[0] / trained.steps,
           1e3 * seconds[ROUNDS - 1] / trained.steps, trained.steps * SPEED_BATCH / median, trained.arena_bytes >> 20, trained.isa);
    free(trained.weights);
}

static void time_scoring(struct oneshot_work *work, bool single_path)
{
    struct oneshot_score score;
    struct arch arch;
    work->protocol.single_path = single_path;
    need(space_parse(work->space, "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|skip_connect~2|",
                     &arch, &status));
    const double start = timing_processor_seconds();
    need(oneshot_score(work, &arch, &score, &status));
    const double seconds = timing_processor_seconds() - start;
    printf("scoring, %s: %.1f images/s, arena %zu MiB\n", single_path ? "single path" : "mixture", work->images->count / seconds,
           score.arena_bytes >> 20);
}

static int speed(struct oneshot_work *work, int steps)
{
    struct images images;
    random_images(&images, steps * SPEED_BATCH);
    work->images = &images;
    work->protocol.batch = SPEED_BATCH;
    for (int single_path = 0; single_path < 2; single_path++) {
        time_training(work, single_path != 0);
        time_scoring(work, single_path != 0);
    }
    images_free(&images);
    return 0;
}

/* --- ranks --- */

struct cell {
    struct arch arch;
    double accuracy; /* published */
};

static void load_images(const char *path, struct images *out)
{
    struct data_set set;
    need(data_load(path, NULL, NULL, 0, &set, &status));
    need(data_images(&set, 0, set.count, out, &status));
    data_free(&set);
}

/* `count` of the connected cells of the file, drawn without replacement, into `cells`. */
static void draw_cells(const struct space *space, const char *path, int count, struct cell *cells)
{
    struct csv csv;
    struct rng rng;
    size_t name, accuracy;
    bool more = true;
    uint64_t seen = 0;
    rng_seed(&rng, 2);
    need(csv_open(&csv, path, &status));
    need(csv_need(&csv, "arch_str", &name, &status));
    need(csv_need(&csv, "cifar10_test", &accuracy, &status));
    for (need(csv_next(&csv, &more, &status)); more; need(csv_next(&csv, &more, &status))) {
        struct cell cell;
        need(space_parse(space, csv.field[name], &cell.arch, &status));
        need(csv_number(&csv, accuracy, "cifar10_test", &cell.accuracy, &status));
        if (!space_connected(space, &cell.arch) || isnan(cell.accuracy))
            continue;
        const uint64_t place = seen < (uint64_t)count ? seen : rng_below(&rng, seen + 1);
        seen++;
        if (place < (uint64_t)count)
            cells[place] = cell;
    }
    csv_close(&csv);
}

/* Kendall's tau-b of the pairs that `chosen` names. */
static double tau_b(const double *a, const double *b, const int *chosen, int count)
{
    double agreeing = 0, of_a = 0, of_b = 0;
    for (int i = 0; i < count; i++)
        for (int j = 0; j < i; j++) {
            const double x = a[chosen[i]] - a[chosen[j]], y = b[chosen[i]] - b[chosen[j]];
            of_a += x != 0;
            of_b += y != 0;
            agreeing += (x > 0) - (x < 0) == (y > 0) - (y < 0) ? x != 0 : -(x != 0 && y != 0);
        }
    return agreeing / sqrt(of_a * of_b);
}

static void print_tau(const char *what, const double *published, const double *score, int count)
{
    int chosen[CELLS_MAX];
    double taus[RESAMPLES];
    struct rng rng;
    rng_seed(&rng, 3);
    for (int i = 0; i < count; i++)
        chosen[i] = i;
    const double tau = tau_b(published, score, chosen, count);
    for (int r = 0; r < RESAMPLES; r++) {
        for (int i = 0; i < count; i++)
            chosen[i] = (int)rng_below(&rng, (uint64_t)count);
        taus[r] = tau_b(published, score, chosen, count);
    }
    timing_median(taus, RESAMPLES); /* sorts */
    printf("  %-14s tau %.3f (%.3f to %.3f)\n", what, tau, taus[RESAMPLES / 40], taus[RESAMPLES - RESAMPLES / 40 - 1]);
}

static void rank_cells(struct oneshot_work *work, const struct cell *cells, int count)
{
    double published[CELLS_MAX], accuracy[CELLS_MAX], entropy[CELLS_MAX], mean = 0, best = 0;
    const double start = timing_processor_seconds();
    for (int i = 0; i < count; i++) {
        struct oneshot_score score;
        need(oneshot_score(work, &cells[i].arch, &score, &status));
        published[i] = cells[i].accuracy;
        accuracy[i] = score.accuracy;
        entropy[i] = -score.cross_entropy;
        mean += score.accuracy / count;
        best = fmax(best, score.accuracy);
    }
    printf("scored by %s, %s statistics: mean %.1f %%, best %.1f %%, %.2f s a cell\n",
           work->protocol.single_path ? "single path" : "mixture", work->protocol.batch_statistics ? "batch" : "running", mean,
           best, (timing_processor_seconds() - start) / count);
    print_tau("accuracy", published, accuracy, count);
    print_tau("cross-entropy", published, entropy, count);
    fflush(stdout);
}

static void train(struct oneshot_work *work, const struct images *images, bool decoded, struct tensorfile *weights)
{
    static struct arch schedule[ONESHOT_SCHEDULE_MAX];
    const double start = timing_processor_seconds();
    struct rng rng;
    rng_seed(&rng, 4);
    work->images = images;
    for (uint32_t epoch = 0; epoch < work->protocol.epochs; epoch++) {
        struct oneshot_trained trained;
        for (int i = 0; i < ONESHOT_SCHEDULE_MAX; i++)
            space_sample(work->space, &rng, &schedule[i]);
        need(oneshot_train(work, epoch, 0, schedule, decoded ? ONESHOT_SCHEDULE_MAX : 0, &trained, &status));
        tensorfile_free(weights);
        *weights = (struct tensorfile){0};
        need(tensorfile_read(trained.weights, trained.bytes, weights, &status));
        work->weights = weights;
        free(trained.weights);
        printf("epoch %u: loss %.4f, %.1f s\n", epoch + 1, trained.loss, timing_processor_seconds() - start);
        fflush(stdout);
    }
}

/* One NAME=NUMBER; false where it is none. */
static bool set_number(struct oneshot_work *work, const char *text, bool *decoded)
{
    static const char *const names[] = {"rate=", "batch=", "seed=", "channels=", "depth=", "decoded=", "augment="};
    const char *equals = strchr(text, '='), *number = equals == NULL ? text : equals + 1;
    int which = 0;
    while (which < 7 && strncmp(text, names[which], strlen(names[which])) != 0)
        which++;
    switch (which) {
    case 0: work->protocol.learning_rate = atof(number); break;
    case 1: work->protocol.batch = atoi(number); break;
    case 2: work->seed = strtoull(number, NULL, 10); break;
    case 3: work->protocol.channels = atoi(number); break;
    case 4: work->protocol.cells = atoi(number); break;
    case 5: *decoded = atoi(number) != 0; break;
    case 6: work->protocol.augment = atoi(number) != 0; break;
    default: return false;
    }
    return true;
}

static int rank(struct oneshot_work *work, int argc, char **argv)
{
    static struct cell cells[CELLS_MAX];
    struct images train_images, test_images;
    struct tensorfile weights = {0};
    const int count = atoi(argv[4]);
    bool decoded = false;
    if (count < 2 || count > CELLS_MAX) {
        fprintf(stderr, "bench_oneshot: '%s' cells; it must be 2 to %d\n", argv[4], CELLS_MAX);
        return 2;
    }
    work->protocol.single_path = strcmp(argv[2], "single") == 0;
    work->protocol.epochs = (uint32_t)atoi(argv[3]);
    for (int i = 8; i < argc; i++)
        if (!set_number(work, argv[i], &decoded)) {
            fprintf(stderr, "bench_oneshot: '%s' is none of rate, batch, seed, channels, depth, decoded, augment=NUMBER\n",
                    argv[i]);
            return 2;
        }
    load_images(argv[5], &train_images);
    load_images(argv[6], &test_images);
    draw_cells(work->space, argv[7], count, cells);
    train(work, &train_images, decoded, &weights);
    work->images = &test_images;
    work->protocol.batch = SPEED_BATCH;
    for (int batch_statistics = 0; batch_statistics < 2; batch_statistics++) {
        work->protocol.batch_statistics = batch_statistics != 0;
        rank_cells(work, cells, count);
    }
    tensorfile_free(&weights);
    images_free(&train_images);
    images_free(&test_images);
    return 0;
}

int main(int argc, char **argv)
{
    struct engine_memory memory = {0};
    struct oneshot_work work = {.memory = &memory};
    struct space space;
    int failed = 2;
    engine_blas_settle();
    need(space_open("nb201", &space, &status));
    work.space = &space;
    space_mask_all(&space, &work.mask);
    oneshot_protocol_default(&space.ops->defaults, &work.protocol);
    if (argc >= 2 && argc <= 3 && strcmp(argv[1], "speed") == 0)
        failed = speed(&work, argc > 2 ? atoi(argv[2]) : 4);
    else if (argc >= 8 && strcmp(argv[1], "rank") == 0 && (strcmp(argv[2], "mixture") == 0 || strcmp(argv[2], "single") == 0))
        failed = rank(&work, argc, argv);
    else
        fprintf(stderr, "usage: bench_oneshot speed [STEPS]\n"
                        "       bench_oneshot rank mixture|single EPOCHS CELLS TRAIN TEST ACCURACY [NAME=NUMBER...]\n");
    space_close(&space);
    engine_memory_free(&memory);
    return failed;
}
