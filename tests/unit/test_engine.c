/* engine: what its header promises beside the operators (test_engine_ops): SGD, running statistics, weights in and out,
 * determinism, no allocation in the loop, masks, refusals, the loss. */
#include "tests/support/test.h"

#include <malloc.h>
#include <math.h>
#include <string.h>
#include <sys/resource.h>

#include "common/space.h"
#include "worker/engine/engine.h"
#include "worker/engine/isa.h"
#include "worker/engine/memory.h"

enum { BATCH = 4, PIXELS = 3 * 16 * 16, CLASSES = 10 };

static struct status status;

struct fixture {
    struct net net;
    struct engine *engine;
    float images[BATCH * PIXELS];
    int labels[BATCH];
};

static void make(struct fixture *f, const char *digits, const struct engine_options *options)
{
    struct space space;
    struct arch arch;
    struct rng rng;
    const struct space_build build = {.channels = 16, .cells = 1, .classes = CLASSES, .input = {3, 16, 16}};
    assert_ok(space_open("nb201", &space, &status), status);
    assert_ok(space_parse(&space, digits, &arch, &status), status);
    net_init_empty(&f->net);
    assert_ok(space_build_net(&space, &arch, &build, &f->net, &status), status);
    space_close(&space);
    rng_seed(&rng, 11);
    net_init(&f->net, &rng);
    assert_ok(engine_create(&f->net, options, &f->engine, &status), status);
    for (int i = 0; i < BATCH * PIXELS; i++)
        f->images[i] = (float)rng_uniform(&rng) - 0.5F;
    for (int i = 0; i < BATCH; i++)
        f->labels[i] = i;
}

static void drop(struct fixture *f)
{
    engine_free(f->engine);
    net_free(&f->net);
}

static const struct engine_sgd sgd = {.learning_rate = 0.1, .momentum = 0.9, .weight_decay = 5e-4};
static const struct engine_options training = {.mode = ENGINE_TRAIN, .batch = BATCH};

static double train_step_with(struct fixture *f, const struct engine_sgd *how)
{
    engine_forward(f->engine, f->images);
    struct engine_rows gradient = engine_output_gradient(f->engine, 0);
    const double loss = engine_cross_entropy(engine_output(f->engine, 0), f->labels, CLASSES, 1, &gradient, NULL);
    engine_backward(f->engine);
    engine_step(f->engine, how);
    return loss;
}

static double train_step(struct fixture *f)
{
    return train_step_with(f, &sgd);
}

static void training_on_one_batch_brings_the_loss_down(void **state)
{
    (void)state;
    struct fixture f;
    make(&f, "342123", &training);
    const double first = train_step(&f);
    double last = first;
    for (int i = 0; i < 20; i++)
        last = train_step(&f);
    assert_true(last < first / 4);
    drop(&f);
}

static void equal_inputs_give_bitwise_equal_outputs(void **state)
{
    (void)state;
    for (enum engine_isa isa = isa_next(ENGINE_ISA_AUTO); isa != ENGINE_ISA_AUTO; isa = isa_next(isa)) {
        struct fixture a, b;
        const struct engine_options options = {.mode = ENGINE_TRAIN, .batch = BATCH, .isa = isa};
        make(&a, "342123", &options);
        make(&b, "342123", &options);
        for (int i = 0; i < 5; i++) {
            const double one = train_step(&a), other = train_step(&b);
            assert_memory_equal(&one, &other, sizeof one);
        }
        engine_store_weights(a.engine, &a.net);
        engine_store_weights(b.engine, &b.net);
        for (int t = 0; t < a.net.tensor_count; t++)
            assert_memory_equal(a.net.tensors[t].data, b.net.tensors[t].data, a.net.tensors[t].count * sizeof(float));
        drop(&a);
        drop(&b);
    }
}

static void an_engine_in_used_memory_computes_the_same_bits(void **state)
{
    (void)state;
    struct engine_memory memory = {0};
    const struct engine_options small = {.mode = ENGINE_INFER, .batch = 1, .memory = &memory},
                                used = {.mode = ENGINE_TRAIN, .batch = BATCH, .memory = &memory};
    struct fixture first, a, b;
    make(&first, "342123", &small);
    const size_t little = memory.bytes;
    drop(&first);
    make(&first, "333333", &used); /* the memory grows */
    assert_true(memory.bytes > little);
    train_step(&first);
    drop(&first);
    memset(memory.mapping, 0xff, memory.bytes);
    make(&a, "342123", &used);
    make(&b, "342123", &training);
    for (int i = 0; i < 5; i++) {
        const double one = train_step(&a), other = train_step(&b);
        assert_memory_equal(&one, &other, sizeof one);
    }
    drop(&a);
    drop(&b);
    engine_memory_free(&memory);
}

static void two_engines_do_not_live_in_one_memory(void **state)
{
    (void)state;
    struct engine_memory memory = {0};
    const struct engine_options options = {.mode = ENGINE_TRAIN, .batch = BATCH, .memory = &memory};
    struct fixture a, b;
    make(&a, "342123", &options);
    make(&b, "342123", &options);
    assert_true(memory.taken);
    const double first = train_step(&a), other = train_step(&b);
    assert_memory_equal(&first, &other, sizeof first);
    drop(&b);
    assert_true(memory.taken);
    drop(&a);
    assert_false(memory.taken);
    engine_memory_free(&memory);
}

/* MiB of addresses this process has taken. */
static long mapped_mib(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%ld", &pages), 1);
    fclose(file);
    return pages / ((1 << 20) / sysconf(_SC_PAGESIZE));
}

static void memory_grows_in_place_of_adding_up(void **state)
{
    (void)state;
    struct engine_memory memory = {0};
    const size_t huge = (SIZE_MAX / MEMORY_PAGE - 2) * MEMORY_PAGE; /* no machine has them */
    int used;
    const long before = mapped_mib();
    for (size_t pages = 1; pages <= 8; pages++)
        for (int again = 0; again <= 1; again++) {
            void *mapping = memory_take(&memory, pages * MEMORY_PAGE, &used);
            assert_non_null(mapping);
            assert_int_equal((uintptr_t)mapping % MEMORY_PAGE, 0);
            assert_int_equal(used, again);
            memory_give(&memory, mapping, pages * MEMORY_PAGE);
        }
    assert_null(memory_take(&memory, huge, &used)); /* what there was is given up */
    assert_false(memory.taken);
    assert_true(memory.bytes == 0 && memory.mapping == NULL);
    void *alone = memory_take(NULL, MEMORY_PAGE, &used);
    assert_int_equal((uintptr_t)alone % MEMORY_PAGE, 0);
    memory_give(NULL, alone, MEMORY_PAGE);
    engine_memory_free(&memory);
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    (void)before; /* they keep what is freed */
#else
    assert_in_range(mapped_mib(), 0, before + 8);
#endif
}

/* One weight followed by hand through two steps of PyTorch's SGD. */
static void sgd_is_pytorchs(void **state)
{
    (void)state;
    struct fixture f;
    make(&f, "000300", &training);
    const int t = net_find_tensor(&f.net, "stem.0.weight");
    float gradient[16 * 27];
    double weight = (double)f.net.tensors[t].data[5], velocity = 0;
    for (int step = 0; step < 2; step++) {
        engine_forward(f.engine, f.images);
        struct engine_rows out = engine_output_gradient(f.engine, 0);
        engine_cross_entropy(engine_output(f.engine, 0), f.labels, CLASSES, 1, &out, NULL);
        engine_backward(f.engine);
        engine_gradient(f.engine, t, gradient);
        velocity = 0.9 * velocity + (double)gradient[5] + 5e-4 * weight;
        weight -= 0.1 * velocity;
        engine_step(f.engine, &sgd);
    }
    engine_store_weights(f.engine, &f.net);
    assert_near((double)f.net.tensors[t].data[5], weight, 1e-5, 1e-7);
    drop(&f);
}

static void loading_weights_forgets_the_momentum(void **state)
{
    (void)state;
    struct fixture used, fresh;
    make(&used, "342123", &training);
    make(&fresh, "342123", &training);
    for (int i = 0; i < 3; i++)
        train_step(&used);
    engine_load_weights(used.engine, &used.net);
    for (int i = 0; i < 3; i++) {
        const double one = train_step(&used), other = train_step(&fresh);
        assert_memory_equal(&one, &other, sizeof one);
    }
    drop(&used);
    drop(&fresh);
}

static void weights_come_back_as_they_went_in(void **state)
{
    (void)state;
    struct fixture f;
    struct net copy;
    make(&f, "342123", &training);
    net_init_empty(&copy);
    assert_ok(net_copy(&f.net, &copy, &status), status);
    for (int t = 0; t < copy.tensor_count; t++)
        memset(copy.tensors[t].data, 0, copy.tensors[t].count * sizeof(float));
    engine_store_weights(f.engine, &copy);
    for (int t = 0; t < copy.tensor_count; t++)
        assert_memory_equal(copy.tensors[t].data, f.net.tensors[t].data, copy.tensors[t].count * sizeof(float));
    net_free(&copy);
    drop(&f);
}

static void running_statistics_move_a_tenth_towards_the_batch_only_when_asked(void **state)
{
    (void)state;
    for (int track = 0; track < 2; track++) {
        struct fixture f;
        const struct engine_options options = {.mode = ENGINE_TRAIN, .batch = BATCH, .track_running_stats = track};
        make(&f, "000300", &options);
        const int t = net_find_tensor(&f.net, "stem.1.running_var");
        for (int i = 0; i < 200; i++)
            engine_forward(f.engine, f.images);
        engine_store_weights(f.engine, &f.net);
        const float variance = f.net.tensors[t].data[0];
        assert_true(track ? fabsf(variance - 1) > 1e-3F : variance == 1);
        drop(&f);
    }
}

/* After 200 forwards the running statistics are those of the batch (but for the unbiased variance), so INFER gives what TRAIN
 * gives. */
static void inference_with_settled_running_statistics_gives_what_training_gives(void **state)
{
    (void)state;
    struct fixture f;
    struct engine *infer;
    const struct engine_options track = {.mode = ENGINE_TRAIN, .batch = BATCH, .track_running_stats = 1};
    const struct engine_options inference = {.mode = ENGINE_INFER, .batch = BATCH};
    make(&f, "342123", &track);
    for (int i = 0; i < 200; i++)
        engine_forward(f.engine, f.images);
    engine_store_weights(f.engine, &f.net);
    assert_ok(engine_create(&f.net, &inference, &infer, &status), status);
    engine_forward(infer, f.images);
    const struct engine_rows want = engine_output(f.engine, 0), got = engine_output(infer, 0);
    for (int c = 0; c < CLASSES; c++)
        assert_near((double)got.data[c], (double)want.data[c], 0.1, 0.03);
    engine_free(infer);
    drop(&f);
}

static void folded_inference_at_batch_one_agrees_with_unfolded(void **state)
{
    (void)state;
    struct fixture f;
    struct net folded;
    struct engine *fast;
    const struct engine_options inference = {.mode = ENGINE_INFER, .batch = 1};
    make(&f, "342123", &inference);
    net_init_empty(&folded);
    assert_ok(net_fold(&f.net, &folded, &status), status);
    assert_ok(engine_create(&folded, &inference, &fast, &status), status);
    engine_forward(f.engine, f.images);
    engine_forward(fast, f.images);
    for (int c = 0; c < CLASSES; c++)
        assert_near((double)engine_output(fast, 0).data[c], (double)engine_output(f.engine, 0).data[c], 1e-4, 1e-5);
    engine_free(fast);
    net_free(&folded);
    drop(&f);
}

static void nothing_is_allocated_after_the_first_step(void **state)
{
    (void)state;
    struct fixture f;
    struct rusage before, after;
    make(&f, "342123", &training);
    train_step(&f);
    const struct mallinfo2 heap = mallinfo2();
    getrusage(RUSAGE_SELF, &before);
    for (int i = 0; i < 10; i++)
        train_step(&f);
    getrusage(RUSAGE_SELF, &after);
    const struct mallinfo2 later = mallinfo2();
    assert_int_equal(heap.uordblks, later.uordblks);
    assert_int_equal(heap.hblkhd, later.hblkhd);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    assert_true(after.ru_minflt - before.ru_minflt <= 2); /* page faults: the process itself may take one for its stack */
#endif
    drop(&f);
}

static void the_planned_size_is_the_size_taken(void **state)
{
    (void)state;
    struct fixture f;
    size_t bytes = 0;
    make(&f, "342123", &training);
    assert_ok(engine_plan_bytes(&f.net, &training, &bytes, &status), status);
    assert_int_equal(bytes, engine_arena_bytes(f.engine));
    drop(&f);
}

/* What an evaluation's largest net takes to train, known before it does: a worker may run one on every core of a small machine. */
static void training_the_heaviest_cell_takes_at_most_160_mib(void **state)
{
    (void)state;
    struct space space;
    struct arch arch;
    struct net net;
    size_t bytes = 0;
    const struct space_build build = {.channels = 16, .cells = 5, .classes = CLASSES, .input = {3, 32, 32}};
    const struct engine_options options = {.mode = ENGINE_TRAIN, .batch = 32, .convolutions = ENGINE_FAST};
    net_init_empty(&net);
    assert_ok(space_open("nb201", &space, &status), status);
    assert_ok(space_parse(&space, "333333", &arch, &status), status);
    assert_ok(space_build_net(&space, &arch, &build, &net, &status), status);
    assert_ok(engine_plan_bytes(&net, &options, &bytes, &status), status);
    if (sizeof(engine_real) == sizeof(float))
        assert_in_range(bytes, 1, (size_t)160 << 20);
    net_free(&net);
    space_close(&space);
}

static void forward_only_engines_take_less_memory(void **state)
{
    (void)state;
    struct fixture f;
    size_t bytes = 0, less = 0;
    const struct engine_options forward = {.mode = ENGINE_BATCH_STATS, .batch = 64}, train = {.mode = ENGINE_TRAIN, .batch = 64};
    make(&f, "333333", &training);
    assert_ok(engine_plan_bytes(&f.net, &train, &bytes, &status), status);
    assert_ok(engine_plan_bytes(&f.net, &forward, &less, &status), status);
    assert_true(less < bytes / 2);
    drop(&f);
}

static void assert_conv_refused(const struct net_conv *conv)
{
    struct net net;
    struct engine *engine;
    net_init_empty(&net);
    const int x = net_add_input(&net, (struct net_shape){4, 8, 8}, &status);
    const int y = net_add_conv_with(&net, "huge", x, conv, &status);
    const int logits = net_add_dense(&net, "d", net_add_global_avg_pool(&net, "g", y, &status), 4, &status);
    assert_ok(net_add_output(&net, logits, &status), status);
    assert_int_equal(engine_create(&net, &training, &engine, &status), STATUS_UNSUPPORTED);
    assert_non_null(strstr(status.message, "huge"));
    net_free(&net);
}

static void kernels_too_large_are_refused_by_name(void **state)
{
    (void)state;
    assert_conv_refused(&(struct net_conv){.out_channels = 4, .kernel = 33, .stride = 1, .pad = 16});
    assert_conv_refused(
        &(struct net_conv){.out_channels = 4, .kernel = 3, .stride = 1, .pad = 30000, .dilation = 30000, .groups = 4});
}

/* Weights between groups are none of the net's: they are zero before and after a step with weight decay and momentum. */
static void steps_keep_groups_apart(void **state)
{
    (void)state;
    struct net net, before;
    struct engine *engine;
    struct rng rng;
    float images[4 * 4 * 16];
    const struct net_conv grouped = {.out_channels = 6, .kernel = 3, .stride = 1, .pad = 1, .groups = 2};
    net_init_empty(&net);
    net_init_empty(&before);
    rng_seed(&rng, 4);
    int x = net_add_conv_with(&net, "grouped", net_add_input(&net, (struct net_shape){4, 4, 4}, &status), &grouped, &status);
    x = net_add_dense(&net, "d", net_add_global_avg_pool(&net, "g", net_add_relu(&net, "r", x, &status), &status), 2, &status);
    assert_ok(net_add_output(&net, x, &status), status);
    net_init(&net, &rng);
    for (int i = 0; i < 4 * 4 * 16; i++)
        images[i] = (float)rng_uniform(&rng);
    const struct engine_options options = {.mode = ENGINE_TRAIN, .batch = 4};
    assert_ok(engine_create(&net, &options, &engine, &status), status);
    for (int step = 0; step < 3; step++) {
        engine_forward(engine, images);
        engine_output_gradient(engine, 0).data[step % 2] = 1;
        engine_backward(engine);
        engine_step(engine, &(struct engine_sgd){0.1, 0.9, 0.01});
    }
    engine_forward(engine, images);
    const struct engine_rows trained = engine_output(engine, 0);
    assert_ok(net_copy(&net, &before, &status), status);
    engine_store_weights(engine, &before);
    assert_true(fabsf(before.tensors[0].data[0] - net.tensors[0].data[0]) > 0);
    struct engine *fresh; /* knows nothing but the weights of the groups */
    assert_ok(engine_create(&before, &options, &fresh, &status), status);
    engine_forward(fresh, images);
    const struct engine_rows loaded = engine_output(fresh, 0);
    for (int n = 0; n < 4; n++)
        for (int c = 0; c < 2; c++)
            assert_near((double)loaded.data[(size_t)n * loaded.stride + (size_t)c],
                        (double)trained.data[(size_t)n * trained.stride + (size_t)c], 0, 0);
    engine_free(engine);
    engine_free(fresh);
    net_free(&before);
    net_free(&net);
}

static void a_batch_of_no_images_is_refused(void **state)
{
    (void)state;
    struct fixture f;
    struct engine *engine;
    make(&f, "342123", &training);
    assert_int_equal(engine_create(&f.net, &(struct engine_options){.batch = 0}, &engine, &status), STATUS_BAD_INPUT);
    drop(&f);
}

static void cross_entropy_and_its_gradient_are_right_and_stable(void **state)
{
    (void)state;
    float logits[2 * 16] = {[0] = 1000, [1] = 999, [2] = 998, [16] = 0, [17] = 0, [18] = 0}, slopes[2 * 16] = {0};
    const int labels[] = {1, 2};
    double each[2];
    struct engine_rows gradient = {slopes, 3, 16, 2};
    const double mean = engine_cross_entropy((struct engine_rows){logits, 3, 16, 2}, labels, 3, 0.5, &gradient, each);
    const double first = 1 + log(1 + exp(-1) + exp(-2)), second = log(3);
    assert_near(each[0], first, 1e-12, 0);
    assert_near(each[1], second, 1e-12, 0);
    assert_near(mean, (first + second) / 2, 1e-12, 0);
    assert_near((double)slopes[1], 0.25 * (exp(-first) - 1), 1e-6, 0);
    assert_near((double)slopes[16], 0.25 / 3, 1e-6, 0);
}

/* A machine of 32 bits refuses what needs more, in place of taking less than it needs. */
static void sizes_of_a_large_net_do_not_wrap_around(void **state)
{
    (void)state;
    struct net net;
    size_t bytes = 0;
    const struct engine_options options = {.mode = ENGINE_INFER, .batch = 16};
    net_init_empty(&net);
    const int input = net_add_input(&net, (struct net_shape){16, 4096, 4096}, &status); /* 2^28 values, 16 times */
    assert_ok(net_add_output(&net, net_add_global_avg_pool(&net, "pool", input, &status), &status), status);
    const enum status_code code = engine_plan_bytes(&net, &options, &bytes, &status);
    if (sizeof(size_t) == 4)
        assert_int_equal(code, STATUS_NO_MEMORY);
    else
        assert_true(code == STATUS_OK && (double)bytes >= 16.0 * (1 << 30));
    net_free(&net);
}

/* OpenBLAS reads the variable while it is loaded, so it takes a process of its own: this very program, asked for its warning. */
static bool warns(const char *environment, const char *argument, char line[512])
{
    char command[128];
    snprintf(command, sizeof command, "env %s /proc/%d/exe %s", environment, (int)getpid(), argument);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    line[0] = '\0';
    const bool printed = fgets(line, 512, pipe) != NULL;
    assert_int_equal(pclose(pipe), 0);
    return printed;
}

static void openblas_is_as_wide_as_the_cpu_when_the_environment_is_clean(void **state)
{
    (void)state;
    char line[512];
    if (warns("-u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE", "settle 'two words' ''", line))
        fail_msg("%s", line);
}

static void a_forced_narrow_openblas_is_warned_of_on_a_wide_cpu(void **state)
{
    (void)state;
    char line[512];
    const bool printed = warns("OPENBLAS_CORETYPE=Nehalem", "warning", line);
    assert_int_equal(printed, isa_best() >= ENGINE_ISA_AVX2);
    assert_true(!printed || strstr(line, "Nehalem") != NULL);
    assert_true(!printed || strstr(line, "without OPENBLAS_CORETYPE") != NULL);
    assert_int_equal(warns("OPENBLAS_CORETYPE=Nehalem", "settle 'two words' ''", line), printed); /* what a person has set stays */
}

/* As a program does at its start. That its arguments came through a second start, too, the exit code says. */
static int tell_warning(int argc, char **argv)
{
    const bool settles = strcmp(argv[1], "settle") == 0;
    if (settles)
        engine_blas_settle();
    if (engine_blas_warning() != NULL)
        puts(engine_blas_warning());
    return settles && (argc != 4 || strcmp(argv[2], "two words") != 0 || argv[3][0] != '\0');
}

/* --- masks --- */

/* A mask over every tensor that is a convolution's or the dense layer's weight: two elements of three are dropped. */
static unsigned char *pattern(size_t count)
{
    unsigned char *kept = malloc(count);
    assert_non_null(kept);
    for (size_t i = 0; i < count; i++)
        kept[i] = i % 3 == 1;
    return kept;
}

static bool is_masked(const struct net_tensor *t)
{
    return t->rank > 1;
}

static void mask_all(struct fixture *f)
{
    for (int t = 0; t < f->net.tensor_count; t++)
        if (is_masked(&f->net.tensors[t])) {
            unsigned char *kept = pattern(f->net.tensors[t].count);
            assert_ok(engine_set_mask(f->engine, t, kept, &status), status);
            free(kept);
        }
}

static void zero_by_hand(struct net *net)
{
    for (int t = 0; t < net->tensor_count; t++)
        for (size_t i = 0; is_masked(&net->tensors[t]) && i < net->tensors[t].count; i++)
            if (i % 3 != 1)
                net->tensors[t].data[i] = 0;
}

/* Without momentum, loading weights in which the same places were zeroed by hand is what a mask must come to. */
static void a_masked_step_is_a_step_with_those_weights_zeroed(void **state)
{
    (void)state;
    const struct engine_sgd plain = {.learning_rate = 0.1, .weight_decay = 5e-4};
    for (enum engine_isa isa = isa_next(ENGINE_ISA_AUTO); isa != ENGINE_ISA_AUTO; isa = isa_next(isa)) {
        struct fixture a, b;
        const struct engine_options options = {.mode = ENGINE_TRAIN, .batch = BATCH, .isa = isa};
        make(&a, "342123", &options);
        make(&b, "342123", &options);
        mask_all(&a);
        zero_by_hand(&b.net);
        engine_load_weights(b.engine, &b.net);
        for (int i = 0; i < 3; i++) {
            const double one = train_step_with(&a, &plain), other = train_step_with(&b, &plain);
            assert_memory_equal(&one, &other, sizeof one);
            engine_store_weights(b.engine, &b.net);
            zero_by_hand(&b.net);
            engine_load_weights(b.engine, &b.net);
        }
        engine_store_weights(a.engine, &a.net);
        for (int t = 0; t < a.net.tensor_count; t++)
            assert_memory_equal(a.net.tensors[t].data, b.net.tensors[t].data, a.net.tensors[t].count * sizeof(float));
        drop(&a);
        drop(&b);
    }
}

static size_t zeros_of(const struct net *net, size_t *total)
{
    size_t zeros = 0;
    *total = 0;
    for (int t = 0; t < net->tensor_count; t++)
        for (size_t i = 0; is_masked(&net->tensors[t]) && i < net->tensors[t].count; i++, ++*total)
            zeros += net->tensors[t].data[i] == 0;
    return zeros;
}

static void masked_weights_stay_zero_under_momentum_and_the_others_move(void **state)
{
    (void)state;
    struct fixture f;
    size_t total, dropped = 0;
    make(&f, "342123", &training);
    for (int i = 0; i < 3; i++) /* the momentum that a mask must put an end to */
        train_step(&f);
    mask_all(&f);
    const double first = train_step(&f);
    double last = first;
    for (int i = 0; i < 20; i++)
        last = train_step(&f);
    assert_true(last < first);
    engine_store_weights(f.engine, &f.net);
    for (int t = 0; t < f.net.tensor_count; t++)
        for (size_t i = 0; is_masked(&f.net.tensors[t]) && i < f.net.tensors[t].count; i++) {
            dropped += i % 3 != 1;
            assert_true(i % 3 == 1 || f.net.tensors[t].data[i] == 0);
        }
    assert_int_equal(zeros_of(&f.net, &total), dropped);
    drop(&f);
}

static void loaded_weights_are_masked_until_the_mask_is_lifted(void **state)
{
    (void)state;
    struct fixture f;
    size_t total;
    make(&f, "342123", &training);
    mask_all(&f);
    engine_load_weights(f.engine, &f.net);
    engine_store_weights(f.engine, &f.net);
    assert_true(zeros_of(&f.net, &total) > total / 2);
    for (int t = 0; t < f.net.tensor_count; t++)
        if (is_masked(&f.net.tensors[t]))
            assert_ok(engine_set_mask(f.engine, t, NULL, &status), status);
    train_step(&f);
    engine_store_weights(f.engine, &f.net);
    assert_true(zeros_of(&f.net, &total) < total / 10);
    drop(&f);
}

/* The step after that is one without momentum: -learning_rate * gradient from a weight of 0. */
static void lifting_a_mask_brings_no_momentum_back(void **state)
{
    (void)state;
    struct fixture f;
    make(&f, "342123", &training);
    const int t = net_find_tensor(&f.net, "stem.0.weight");
    const size_t count = f.net.tensors[t].count;
    engine_real *gradient = malloc(count * sizeof *gradient);
    assert_non_null(gradient);
    mask_all(&f);
    for (int i = 0; i < 3; i++)
        train_step(&f);
    assert_ok(engine_set_mask(f.engine, t, NULL, &status), status);
    train_step(&f);
    engine_gradient(f.engine, t, gradient);
    engine_store_weights(f.engine, &f.net);
    for (size_t i = 0; i < count; i++)
        if (i % 3 != 1)
            assert_near(f.net.tensors[t].data[i], -sgd.learning_rate * gradient[i], 1e-6, 1e-12);
    free(gradient);
    drop(&f);
}

static void a_mask_over_what_is_not_trained_is_refused(void **state)
{
    (void)state;
    struct fixture f;
    unsigned char kept[64] = {0};
    make(&f, "342123", &training);
    const int t = net_find_tensor(&f.net, "stem.1.running_mean");
    assert_true(t >= 0);
    assert_int_equal(engine_set_mask(f.engine, t, kept, &status), STATUS_BAD_INPUT);
    assert_non_null(strstr(status.message, "not trained"));
    drop(&f);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return tell_warning(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(training_on_one_batch_brings_the_loss_down),
        cmocka_unit_test(equal_inputs_give_bitwise_equal_outputs),
        cmocka_unit_test(an_engine_in_used_memory_computes_the_same_bits),
        cmocka_unit_test(two_engines_do_not_live_in_one_memory),
        cmocka_unit_test(memory_grows_in_place_of_adding_up),
        cmocka_unit_test(sgd_is_pytorchs),
        cmocka_unit_test(loading_weights_forgets_the_momentum),
        cmocka_unit_test(weights_come_back_as_they_went_in),
        cmocka_unit_test(running_statistics_move_a_tenth_towards_the_batch_only_when_asked),
        cmocka_unit_test(inference_with_settled_running_statistics_gives_what_training_gives),
        cmocka_unit_test(folded_inference_at_batch_one_agrees_with_unfolded),
        cmocka_unit_test(nothing_is_allocated_after_the_first_step),
        cmocka_unit_test(the_planned_size_is_the_size_taken),
        cmocka_unit_test(training_the_heaviest_cell_takes_at_most_160_mib),
        cmocka_unit_test(forward_only_engines_take_less_memory),
        cmocka_unit_test(kernels_too_large_are_refused_by_name),
        cmocka_unit_test(steps_keep_groups_apart),
        cmocka_unit_test(a_batch_of_no_images_is_refused),
        cmocka_unit_test(cross_entropy_and_its_gradient_are_right_and_stable),
        cmocka_unit_test(sizes_of_a_large_net_do_not_wrap_around),
        cmocka_unit_test(openblas_is_as_wide_as_the_cpu_when_the_environment_is_clean),
        cmocka_unit_test(a_masked_step_is_a_step_with_those_weights_zeroed),
        cmocka_unit_test(masked_weights_stay_zero_under_momentum_and_the_others_move),
        cmocka_unit_test(loaded_weights_are_masked_until_the_mask_is_lifted),
        cmocka_unit_test(lifting_a_mask_brings_no_momentum_back),
        cmocka_unit_test(a_mask_over_what_is_not_trained_is_refused),
        cmocka_unit_test(a_forced_narrow_openblas_is_warned_of_on_a_wide_cpu),
    };
    return TEST_RUN(tests);
}
