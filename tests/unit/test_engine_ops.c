/* engine operators: each against its naive twin, forward and gradients, on every instruction set of this CPU, and random nets of
 * all of them, which is where fusion and buffer lifetimes go wrong. Built in float32 and in double. */
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

#include "common/space.h"
#include "tests/support/naive.h"
#include "worker/engine/engine.h"
#include "worker/engine/isa.h"

static const double tolerance = sizeof(engine_real) == sizeof(double) ? 1e-9 : 3e-4;

/* --- comparing a net
 * ----------------------------------------------------------------------------------------------------------------- */

static double uniform(struct rng *rng)
{
    return 2 * rng_uniform(rng) - 1;
}

/* Weights and norms away from their special values, so that no term can go missing unseen. */
static void scramble(struct net *net, struct rng *rng)
{
    net_init(net, rng);
    for (int t = 0; t < net->tensor_count; t++) {
        struct net_tensor *tensor = &net->tensors[t];
        const int variance = strstr(tensor->name, "running_var") != NULL;
        for (size_t k = 0; k < tensor->count && tensor->rank == 1; k++)
            tensor->data[k] = (float)(variance ? 0.5 + rng_uniform(rng) : tensor->data[k] + 0.3F * (float)uniform(rng));
    }
}

/* Where element (c, pixel) of an image stands in an engine row. */
static size_t place(struct net_shape s, int lanes, int c, int pixel)
{
    return (size_t)((c / lanes * s.h * s.w + pixel) * lanes + c % lanes);
}

/* Largest difference between rows and a plain array, relative to the array's largest number. Padding lanes must be 0. */
static double rows_differ(struct engine_rows rows, struct net_shape s, int lanes, const double *want)
{
    double worst = 0, largest = 1e-12;
    const int padded = (s.c + lanes - 1) / lanes * lanes;
    for (int n = 0; n < rows.rows; n++)
        for (int c = 0; c < padded; c++)
            for (int p = 0; p < s.h * s.w; p++) {
                const double expected = c < s.c ? want[(size_t)((n * s.c + c) * s.h * s.w + p)] : 0;
                const double got = (double)rows.data[(size_t)n * rows.stride + place(s, lanes, c, p)];
                largest = fmax(largest, fabs(expected));
                if (!(fabs(got - expected) <= worst))
                    worst = fabs(got - expected);
            }
    return worst / largest;
}

struct trial {
    struct net *net;
    int batch;
    enum engine_mode mode;
    const char *what;
    uint64_t seed;
    engine_real *images;
    double *exact_images;
    double *seeds[NET_OUTPUTS_MAX];
};

static void draw_inputs(struct trial *t, struct rng *rng, const struct naive *v)
{
    const size_t count = naive_elements(v, 0);
    t->images = calloc(count, sizeof *t->images);
    t->exact_images = calloc(count, sizeof *t->exact_images);
    assert_true(t->images && t->exact_images);
    for (size_t i = 0; i < count; i++)
        t->exact_images[i] = (double)(t->images[i] = (engine_real)uniform(rng));
    for (int i = 0; i < t->net->output_count; i++) {
        const size_t elements = naive_elements(v, t->net->outputs[i]);
        t->seeds[i] = calloc(elements, sizeof(double));
        assert_non_null(t->seeds[i]);
        for (size_t k = 0; k < elements; k++)
            t->seeds[i][k] = (double)(engine_real)uniform(rng);
    }
}

static void free_inputs(struct trial *t)
{
    free(t->images);
    free(t->exact_images);
    for (int i = 0; i < t->net->output_count; i++)
        free(t->seeds[i]);
}

static void put_seeds(struct trial *t, struct engine *engine, int lanes)
{
    for (int i = 0; i < t->net->output_count; i++) {
        const struct net_shape s = t->net->nodes[t->net->outputs[i]].shape;
        struct engine_rows rows = engine_output_gradient(engine, i);
        for (int n = 0; n < t->batch; n++)
            for (int c = 0; c < s.c; c++)
                for (int p = 0; p < s.h * s.w; p++)
                    rows.data[(size_t)n * rows.stride + place(s, lanes, c, p)] +=
                        (engine_real)t->seeds[i][(size_t)((n * s.c + c) * s.h * s.w + p)];
    }
}

/* Relative to the largest of them. */
static void compare_mix_gradients(struct trial *t, struct engine *engine, const struct naive *v)
{
    double got[NET_MIX_MAX], largest = 1e-12;
    engine_mix_gradient(engine, got);
    for (int c = 0; c < t->net->mix_count; c++)
        largest = fmax(largest, fabs(v->mix_gradient[c]));
    for (int c = 0; c < t->net->mix_count; c++)
        if (!(fabs(got[c] - v->mix_gradient[c]) <= tolerance * largest))
            fail_msg("%s on %s, batch %d: gradient of coefficient %d is %.9g, not %.9g", t->what, engine_isa_name(engine), t->batch,
                     c, got[c], v->mix_gradient[c]);
}

/* What clips the gradients: their norm, and a factor that it follows. */
static void compare_gradient_norm(struct trial *t, struct engine *engine, const struct naive *v)
{
    double sum = 0;
    for (int k = 0; k < t->net->tensor_count; k++)
        for (size_t i = 0; t->net->tensors[k].trainable && i < t->net->tensors[k].count; i++)
            sum += v->weight_gradients[k][i] * v->weight_gradients[k][i];
    const double norm = engine_gradient_norm(engine);
    if (!(fabs(norm - sqrt(sum)) <= 10 * tolerance * sqrt(sum)))
        fail_msg("%s on %s, batch %d: the gradients' norm is %.9g, not %.9g", t->what, engine_isa_name(engine), t->batch, norm,
                 sqrt(sum));
    engine_scale_gradients(engine, 0.25);
    if (!(fabs(engine_gradient_norm(engine) - 0.25 * norm) <= 1e-6 * norm))
        fail_msg("%s: a quarter of norm %.9g is %.9g", t->what, norm, engine_gradient_norm(engine));
}

static void compare_gradients(struct trial *t, struct engine *engine, const struct naive *v)
{
    /* Relative to the largest gradient of the net: a norm's backward leaves rounding where the true gradient is zero. */
    double largest = 1e-12;
    for (int k = 0; k < t->net->tensor_count; k++)
        for (size_t i = 0; i < t->net->tensors[k].count; i++)
            largest = fmax(largest, fabs(v->weight_gradients[k][i]));
    for (int k = 0; k < t->net->tensor_count; k++) {
        const struct net_tensor *tensor = &t->net->tensors[k];
        engine_real *got = calloc(tensor->count, sizeof *got);
        assert_non_null(got);
        engine_gradient(engine, k, got);
        double worst = 0;
        for (size_t i = 0; i < tensor->count; i++) {
            const double want = tensor->trainable ? v->weight_gradients[k][i] : 0;
            if (!(fabs((double)got[i] - want) <= worst))
                worst = fabs((double)got[i] - want);
        }
        free(got);
        if (!(worst <= tolerance * largest))
            fail_msg("%s on %s, batch %d: gradient of %s differs by %.3g (largest gradient %.3g)", t->what, engine_isa_name(engine),
                     t->batch, tensor->name, worst, largest);
    }
}

/* Memory full of numbers that are none: whatever reads what it has not written shows. */
static void spoil(struct engine_memory *memory, const struct net *net, const struct engine_options *options)
{
    struct status status = {0};
    struct engine *engine;
    assert_ok(engine_create(net, options, &engine, &status), status);
    engine_free(engine);
    memset(memory->mapping, 0xff, memory->bytes);
}

/* One engine against what the naive run has left in *v. */
static void compare_engine(struct trial *t, enum engine_isa isa, enum engine_convolutions convolutions, const struct naive *v)
{
    struct status status = {0};
    struct engine *engine;
    struct engine_memory memory = {0};
    const struct engine_options options = {
        .mode = t->mode, .batch = t->batch, .isa = isa, .convolutions = convolutions, .mix_gradient = 1, .memory = &memory};
    const int lanes = isa_kernels(isa)->lanes;
    spoil(&memory, t->net, &options);
    assert_ok(engine_create(t->net, &options, &engine, &status), status);
    engine_set_mix(engine, v->mix);
    for (int repeat = 0; repeat < 2; repeat++) { /* the second pass finds what the first one left behind */
        engine_forward(engine, t->images);
        for (int i = 0; i < t->net->output_count; i++) {
            const int node = t->net->outputs[i];
            const double differ = rows_differ(engine_output(engine, i), t->net->nodes[node].shape, lanes, v->values[node]);
            if (!(differ <= tolerance))
                fail_msg("%s on %s, batch %d, mode %d, seed %lu: output %d differs by %.3g", t->what, engine_isa_name(engine),
                         t->batch, (int)t->mode, (unsigned long)t->seed, i, differ);
        }
        if (t->mode != ENGINE_TRAIN)
            continue;
        put_seeds(t, engine, lanes);
        engine_backward(engine);
        compare_gradients(t, engine, v);
        compare_mix_gradients(t, engine, v);
        compare_gradient_norm(t, engine, v);
    }
    engine_free(engine);
    engine_memory_free(&memory);
}

static void run_trial(struct trial *t)
{
    struct rng rng;
    rng_seed(&rng, t->seed);
    scramble(t->net, &rng);
    struct naive *v = naive_make(t->net, t->batch, t->mode == ENGINE_INFER);
    draw_inputs(t, &rng, v);
    for (int c = 0; c < t->net->mix_count; c++)
        v->mix[c] = c % 4 == 3 ? 0 : uniform(&rng);
    naive_forward(v, t->exact_images);
    if (t->mode == ENGINE_TRAIN)
        naive_backward(v, t->seeds);
    for (enum engine_isa isa = isa_next(ENGINE_ISA_AUTO); isa != ENGINE_ISA_AUTO; isa = isa_next(isa))
        for (enum engine_convolutions by = ENGINE_DIRECT; by <= ENGINE_WINOGRAD; by++)
            compare_engine(t, isa, by, v);
    free_inputs(t);
    naive_free(v);
}

/* ENGINE_OPS=inference: only what agents do, one image in inference; for emulated boards, where all of it takes minutes. */
static void run_everywhere(struct net *net, const char *what, uint64_t seed)
{
    static const int batches[] = {1, 3};
    const char *part = getenv("ENGINE_OPS");
    if (part != NULL && strcmp(part, "inference") == 0) {
        run_trial(&(struct trial){.net = net, .batch = 1, .mode = ENGINE_INFER, .what = what, .seed = seed});
        return;
    }
    for (int b = 0; b < 2; b++)
        for (enum engine_mode mode = ENGINE_TRAIN; mode <= ENGINE_INFER; mode++)
            run_trial(&(struct trial){.net = net, .batch = batches[b], .mode = mode, .what = what, .seed = seed});
}

/* --- single operators: between two convolutions, so that the gradient of their input is seen
 * ------------------------------------------- */

static struct status status;

static int start(struct net *net, int c_in, int h, int w, int channels)
{
    net_init_empty(net);
    return net_add_conv(net, "first", net_add_input(net, (struct net_shape){c_in, h, w}, &status), channels, 3, 1, 1, 1, 1,
                        &status);
}

static void finish(struct net *net, int node, const char *what)
{
    if (node < 0)
        fail_msg("%s: %s", what, status.message);
    const int vector = net->nodes[node].shape.h == 1 && net->nodes[node].shape.w == 1;
    const int pooled = vector ? node : net_add_global_avg_pool(net, "pooled", node, &status);
    assert_ok(net_add_output(net, net_add_dense(net, "logits", pooled, 4, &status), &status), status);
    assert_ok(net_add_output(net, node, &status), status);
    run_everywhere(net, what, 42);
    net_free(net);
}

static void try_conv(int c_in, int c_out, int h, int w, int kernel, int stride, int pad, int relu, int bias)
{
    struct net net;
    char what[128];
    snprintf(what, sizeof what, "conv %d->%d on %dx%d, kernel %d, stride %d, pad %d%s", c_in, c_out, h, w, kernel, stride, pad,
             relu ? " after relu" : "");
    int x = start(&net, 3, h, w, c_in);
    if (relu)
        x = net_add_relu(&net, "relu", x, &status);
    finish(&net, net_add_conv(&net, "conv", x, c_out, kernel, stride, pad, 1, bias, &status), what);
}

static void dense_layers_of_every_size_agree_with_the_naive_ones(void **state)
{
    (void)state;
    static const int sizes[] = {1, 3, 4, 5, 16, 31, 34};
    for (int i = 0; i < 7; i++)
        for (int k = 0; k < 7; k += 2) {
            struct net net;
            char what[64];
            snprintf(what, sizeof what, "dense %d->%d", sizes[i], sizes[k]);
            const int pooled = net_add_global_avg_pool(&net, "g", start(&net, 3, 4, 5, sizes[i]), &status);
            finish(&net, net_add_dense(&net, "dense", pooled, sizes[k], &status), what);
        }
}

static void convolutions_of_every_channel_count_agree_with_the_naive_ones(void **state)
{
    (void)state;
    static const int channels[] = {3, 5, 16, 17, 20, 32, 64};
    for (int i = 0; i < 7; i++) {
        try_conv(channels[i], channels[6 - i], 5, 7, 3, 1, 1, 1, 0);
        try_conv(channels[i], channels[(i + 3) % 7], 4, 8, 1, 1, 0, i % 2, 1);
    }
}

static void convolutions_of_every_kernel_stride_and_padding_agree_with_the_naive_ones(void **state)
{
    (void)state;
    for (int kernel = 1; kernel <= 5; kernel++)
        for (int stride = 1; stride <= 3; stride++)
            for (int pad = 0; pad <= 3 && pad < kernel; pad++)
                try_conv(5, 17, 8, 9, kernel, stride, pad, (kernel + pad) % 2, 0);
}

static void convolutions_on_long_rows_and_several_chunks_agree_with_the_naive_ones(void **state)
{
    (void)state;
    try_conv(16, 16, 32, 32, 3, 1, 1, 1, 0);
    try_conv(16, 32, 32, 32, 3, 2, 1, 1, 0);
    try_conv(16, 16, 32, 32, 1, 1, 0, 1, 0);
    try_conv(20, 20, 3, 37, 3, 1, 1, 0, 1);
    try_conv(64, 64, 8, 8, 3, 1, 1, 1, 0);
}

/* Tiles of 4x4 outputs that fill the map or hang over it, one image in several strips and several images in one, a map too wide for
 * the method: what the other tests do not reach. Every trial above and below runs by Winograd's method too. */
static void convolutions_of_every_tiling_agree_with_the_naive_ones(void **state)
{
    (void)state;
    static const int sizes[][2] = {{1, 1}, {2, 9}, {3, 4}, {4, 5}, {8, 8}, {11, 16}, {6, 63}, {23, 30}, {2, 65}};
    for (int i = 0; i < 9; i++)
        for (int pad = 0; pad <= 2; pad++)
            if (sizes[i][0] + 2 * pad >= 3 && sizes[i][1] + 2 * pad >= 3)
                try_conv(3 + 15 * (i % 3), 33 - 14 * (i % 3), sizes[i][0], sizes[i][1], 3, 1, pad, i % 2, pad % 2);
}

/* --- separable, dilated and grouped convolutions --- */

static void try_conv_with(int channels, int h, int w, const struct net_conv *conv, int read)
{
    struct net net;
    char what[160];
    snprintf(what, sizeof what, "conv %d->%d on %dx%d, kernel %d, stride %d, pad %d, dilation %d, %d groups, read %d", channels,
             conv->out_channels, h, w, conv->kernel, conv->stride, conv->pad, conv->dilation, conv->groups, read);
    int x = start(&net, 3, h, w, channels);
    if (read & 1)
        x = net_add_batch_norm(&net, "norm", x, 1e-5F, &status);
    if (read & 2)
        x = net_add_relu(&net, "relu", x, &status);
    x = net_add_conv_with(&net, "conv", x, conv, &status);
    if (read & 4)
        x = net_add_batch_norm(&net, "after", x, 1e-5F, &status);
    finish(&net, x, what);
}

static void depthwise_convolutions_of_every_geometry_agree_with_the_naive_ones(void **state)
{
    (void)state;
    static const int channels[] = {2, 5, 16, 17, 33};
    int turn = 0;
    for (int kernel = 1; kernel <= 5; kernel++)
        for (int stride = 1; stride <= 3; stride++)
            for (int dilation = 1; dilation <= 2; dilation++)
                for (int same = 0; same <= 1; same++, turn++) {
                    const int c = channels[turn % 5];
                    const struct net_conv conv = {.out_channels = c,
                                                  .kernel = kernel,
                                                  .stride = stride,
                                                  .pad = same          ? (kernel - 1) * dilation / 2
                                                         : kernel == 1 ? 0
                                                                       : 1,
                                                  .dilation = dilation,
                                                  .groups = c,
                                                  .with_bias = turn % 3 == 0};
                    try_conv_with(c, 9, 8 + turn % 3 * 5, &conv, turn % 8);
                }
}

static void a_depthwise_kernel_larger_than_its_input_agrees_with_the_naive_one(void **state)
{
    (void)state;
    const struct net_conv conv = {.out_channels = 20, .kernel = 5, .stride = 1, .pad = 4, .dilation = 2, .groups = 20},
                          strided = {.out_channels = 20, .kernel = 5, .stride = 2, .pad = 8, .dilation = 2, .groups = 20};
    try_conv_with(20, 2, 3, &conv, 7);
    try_conv_with(20, 2, 3, &strided, 7);
    try_conv_with(20, 1, 1, &conv, 7);
}

static void dilated_convolutions_agree_with_the_naive_ones(void **state)
{
    (void)state;
    int turn = 0;
    for (int kernel = 2; kernel <= 5; kernel++)
        for (int stride = 1; stride <= 2; stride++)
            for (int pad = 0; pad <= 4; pad += 2, turn++) {
                const struct net_conv conv = {
                    .out_channels = 17, .kernel = kernel, .stride = stride, .pad = pad, .dilation = 2 + turn % 2, .groups = 1};
                const int reach = (kernel - 1) * conv.dilation;
                if (pad <= reach && reach < 9 + 2 * pad)
                    try_conv_with(5 + turn % 3 * 14, 9, 13, &conv, turn % 8);
            }
}

/* Groups that fill blocks, that share them, and both with the number of lanes of every instruction set. */
static void grouped_convolutions_agree_with_the_naive_ones(void **state)
{
    (void)state;
    static const struct {
        int in, out, groups;
    } shapes[] = {{4, 6, 2},   {32, 32, 2}, {32, 64, 2},  {24, 24, 2}, {24, 48, 2}, {9, 27, 9},
                  {40, 20, 5}, {36, 36, 3}, {34, 68, 17}, {64, 16, 4}, {16, 64, 4}, {20, 40, 20}};
    for (int i = 0; i < (int)(sizeof shapes / sizeof shapes[0]); i++)
        for (int kernel = 1; kernel <= 3; kernel += 2) {
            const struct net_conv conv = {.out_channels = shapes[i].out,
                                          .kernel = kernel,
                                          .stride = 1 + i % 2,
                                          .pad = kernel / 2,
                                          .dilation = 1,
                                          .groups = shapes[i].groups,
                                          .with_bias = i % 3 == 0};
            try_conv_with(shapes[i].in, 6, 7, &conv, (i + kernel) % 8);
        }
}

static void max_pools_agree_with_the_naive_ones(void **state)
{
    (void)state;
    int turn = 0;
    for (int kernel = 1; kernel <= 4; kernel++)
        for (int stride = 1; stride <= 3; stride++)
            for (int pad = 0; pad <= kernel / 2; pad++, turn++) {
                struct net net;
                char what[64];
                int x = start(&net, 3, 7, 9, 20);
                if (turn & 1)
                    x = net_add_batch_norm(&net, "norm", x, 1e-5F, &status);
                if (turn & 2)
                    x = net_add_relu(&net, "relu", x, &status);
                snprintf(what, sizeof what, "max-pool kernel %d, stride %d, pad %d", kernel, stride, pad);
                finish(&net, net_add_max_pool(&net, "pool", x, kernel, stride, pad, &status), what);
            }
}

/* A plane of one value: the gradient goes where PyTorch sends it, to the first of equals. The weights before the pool see it. */
static void the_first_of_equal_values_wins(void **state)
{
    (void)state;
    for (enum engine_isa isa = isa_next(ENGINE_ISA_AUTO); isa != ENGINE_ISA_AUTO; isa = isa_next(isa)) {
        struct net net;
        struct engine *engine;
        const struct engine_options options = {.mode = ENGINE_TRAIN, .batch = 1, .isa = isa};
        engine_real images[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}, gradient[1];
        net_init_empty(&net);
        const int x =
            net_add_conv(&net, "flat", net_add_input(&net, (struct net_shape){1, 4, 4}, &status), 1, 1, 1, 0, 1, 0, &status);
        const int pooled = net_add_global_avg_pool(&net, "g", net_add_max_pool(&net, "pool", x, 2, 2, 0, &status), &status);
        assert_ok(net_add_output(&net, pooled, &status), status); /* all weights are 0, so all values are equal */
        assert_ok(engine_create(&net, &options, &engine, &status), status);
        engine_forward(engine, images);
        engine_output_gradient(engine, 0).data[0] = 4; /* 1 for each window */
        engine_backward(engine);
        engine_gradient(engine, 0, gradient);
        assert_near((double)gradient[0], 1 + 3 + 9 + 11, 0, 0);
        engine_free(engine);
        net_free(&net);
    }
}

static void concatenations_agree_with_the_naive_ones(void **state)
{
    (void)state;
    static const int channels[][3] = {{16, 16, 32}, {5, 3, 1}, {16, 3, 16}, {4, 8, 20}, {17, 16, 31}};
    for (int i = 0; i < 5; i++) {
        struct net net;
        int parts[4], x = net_add_batch_norm(&net, "n", start(&net, 3, 5, 4, 7), 1e-5F, &status);
        for (int k = 0; k < 3; k++) {
            char name[8];
            snprintf(name, sizeof name, "part%d", k);
            parts[k] = net_add_conv(&net, name, x, channels[i][k], 1, 1, 0, 1, 1, &status);
        }
        parts[0] = net_add_relu(&net, "relu", net_add_batch_norm(&net, "m", parts[0], 1e-5F, &status), &status);
        parts[3] = i % 2 ? parts[1] : x; /* twice the same, or one that others read too */
        const int all = net_add_concat(&net, "all", parts, 4, &status);
        finish(&net, i % 2 ? all : net_add_batch_norm(&net, "after", all, 1e-5F, &status), "concatenation");
    }
}

/* Where forward engines reuse memory, the lanes beyond the last channel hold what was there before. */
static void a_concatenation_in_used_memory_agrees_with_the_naive_one(void **state)
{
    (void)state;
    struct net net;
    int parts[2], x = net_add_conv(&net, "wide", start(&net, 3, 5, 4, 32), 64, 1, 1, 0, 1, 1, &status);
    parts[0] = net_add_conv(&net, "five", x, 5, 1, 1, 0, 1, 1, &status);
    parts[1] = net_add_conv(&net, "six", parts[0], 6, 1, 1, 0, 1, 1, &status);
    finish(&net, net_add_concat(&net, "all", parts, 2, &status), "concatenation in used memory");
}

static void shuffles_agree_with_the_naive_ones(void **state)
{
    (void)state;
    static const int shapes[][2] = {{32, 2}, {24, 3}, {20, 5}, {48, 16}, {7, 7}, {6, 1}};
    for (int i = 0; i < 6; i++) {
        struct net net;
        int x = start(&net, 3, 4, 5, shapes[i][0]);
        if (i % 2)
            x = net_add_relu(&net, "relu", net_add_batch_norm(&net, "n", x, 1e-5F, &status), &status);
        const int mixed = net_add_channel_shuffle(&net, "mixed", x, shapes[i][1], &status);
        finish(&net, net_add_add(&net, "both", (const int[]){mixed, x}, 2, &status), "shuffle");
    }
}

/* DARTS's factorised reduction: two 1x1 convolutions with stride 2, the second from the second row and column on. */
static void a_factorised_reduction_agrees_with_the_naive_one(void **state)
{
    (void)state;
    static const int channels[] = {16, 7};
    for (int i = 0; i < 2; i++)
        for (int odd = 0; odd <= 1; odd++) {
            struct net net;
            const struct net_conv half = {.out_channels = channels[i], .kernel = 1, .stride = 2};
            const int x = net_add_relu(&net, "relu", start(&net, 3, 8, 6, 2 * channels[i]), &status);
            const int first = net_add_conv_with(&net, "first_half", x, &half, &status);
            const int shifted = net_add_subsample_from(&net, "shifted", x, odd ? 2 : 1, 1, &status);
            const struct net_conv rest = {.out_channels = channels[i], .kernel = 1, .stride = odd ? 1 : 2};
            const int second = net_add_conv_with(&net, "second_half", shifted, &rest, &status);
            const int both = net_add_concat(&net, "both", (const int[]){first, second}, 2, &status);
            finish(&net, net_add_batch_norm(&net, "norm", both, 1e-5F, &status), "factorised reduction");
        }
}

static void pools_agree_with_the_naive_ones(void **state)
{
    (void)state;
    for (int kernel = 1; kernel <= 3; kernel++)
        for (int stride = 1; stride <= 2; stride++)
            for (int pad = 0; pad <= kernel / 2; pad++) {
                struct net net;
                char what[64];
                const int x = start(&net, 3, 7, 9, 20);
                snprintf(what, sizeof what, "pool kernel %d, stride %d, pad %d", kernel, stride, pad);
                finish(&net, net_add_avg_pool(&net, "pool", x, kernel, stride, pad, &status), what);
            }
}

static void norms_agree_with_the_naive_ones(void **state)
{
    (void)state;
    static const int channels[] = {3, 16, 17, 64};
    for (int i = 0; i < 4; i++) {
        struct net net;
        finish(&net, net_add_batch_norm(&net, "norm", start(&net, 3, 6, 5, channels[i]), 1e-5F, &status), "norm");
    }
}

static void a_norm_after_a_relu_after_a_norm_agrees_with_the_naive_one(void **state)
{
    (void)state;
    struct net net;
    int x = net_add_batch_norm(&net, "n1", start(&net, 3, 6, 5, 17), 1e-5F, &status);
    x = net_add_batch_norm(&net, "n2", net_add_relu(&net, "r", x, &status), 1e-5F, &status);
    finish(&net, net_add_avg_pool(&net, "p", net_add_relu(&net, "r2", x, &status), 3, 1, 1, &status), "norm after relu");
}

static void the_shortcut_agrees_with_the_naive_one(void **state)
{
    (void)state;
    struct net net;
    const int x = net_add_relu(&net, "r", start(&net, 3, 7, 6, 20), &status);
    const int half = net_add_subsample(&net, "half", x, 2, &status);
    finish(&net, net_add_channel_pad(&net, "wide", half, 5, 7, &status), "shortcut");
}

static void the_head_agrees_with_the_naive_one(void **state)
{
    (void)state;
    struct net net;
    int x = net_add_batch_norm(&net, "n", start(&net, 3, 5, 4, 17), 1e-5F, &status);
    x = net_add_global_avg_pool(&net, "g", net_add_relu(&net, "r", x, &status), &status);
    finish(&net, net_add_dense(&net, "d", x, 10, &status), "head");
}

static void mixtures_agree_with_the_naive_ones(void **state)
{
    (void)state;
    static const int channels[] = {3, 16, 17};
    for (int i = 0; i < 3; i++)
        for (int fixed = 0; fixed < 2; fixed++) {
            struct net net;
            const int x = start(&net, 3, 6, 5, channels[i]);
            const int relu = net_add_relu(&net, "r", x, &status), pool = net_add_avg_pool(&net, "p", x, 3, 1, 1, &status);
            const int c3 = net_add_conv(&net, "c3", relu, channels[i], 3, 1, 1, 1, 0, &status);
            const int c1 = net_add_conv(&net, "c1", relu, channels[i], 1, 1, 0, 1, 0, &status);
            const int n3 = fixed ? net_add_batch_norm_fixed(&net, "n3", c3, 1e-5F, &status)
                                 : net_add_batch_norm(&net, "n3", c3, 1e-5F, &status);
            const int n1 = net_add_batch_norm_fixed(&net, "n1", c1, 1e-5F, &status);
            /* A norm that two mixtures read, a node that stands in one twice, a coefficient that stands in two, a ReLU. */
            const int one = net_add_mix(&net, "one", (int[]){x, n3, n1, pool}, (int[]){0, 1, 2, 3}, 4, &status);
            const int two = net_add_mix(&net, "two", (int[]){one, relu, n1, one, pool}, (int[]){4, 5, 6, 8, 2}, 5, &status);
            const int alone = net_add_mix(&net, "alone", &two, (int[]){9}, 1, &status);
            finish(&net, net_add_add(&net, "sum", (int[]){alone, x, one}, 3, &status), fixed ? "fixed mixture" : "mixture");
        }
}

/* Whole one-shot nets: every operation of a space on every edge. */
static void one_shot_nets_agree_with_the_naive_ones(void **state)
{
    (void)state;
    static const struct space_build sizes[] = {{3, 1, 4, {3, 8, 8}}, {2, 3, 4, {3, 8, 8}}};
    for (int i = 0; i < 2; i++) {
        struct space space;
        struct space_mask mask;
        struct net net;
        net_init_empty(&net);
        assert_ok(space_open(i == 0 ? "nb201" : "darts", &space, &status), status);
        space_mask_all(&space, &mask);
        assert_ok(space_build_oneshot(&space, &sizes[i], &mask, &net, &status), status);
        for (enum engine_mode mode = ENGINE_TRAIN; mode <= ENGINE_INFER; mode++)
            run_trial(&(struct trial){.net = &net, .batch = 4, .mode = mode, .what = space.ops->name, .seed = 3});
        net_free(&net);
        space_close(&space);
    }
}

/* --- random nets
 * ----------------------------------------------------------------------------------------------------------------------- */

enum { RANDOM_NETS = 40, RANDOM_NODES = 14 };

/* Two maps concatenated, and a convolution back to their shape. */
static int draw_joined(struct net *net, int x, int y, int index)
{
    char name[32];
    snprintf(name, sizeof name, "join%d", index);
    const int all = net_add_concat(net, name, (const int[]){x, y, x}, 3, &status);
    snprintf(name, sizeof name, "node%d", index);
    return net_add_conv(net, name, all, net->nodes[x].shape.c, 1, 1, 0, 1, 0, &status);
}

/* A node of the same shape as `like`, other than by accident of drawing. */
static int draw_node(struct net *net, struct rng *rng, const int *same, int same_count, int index)
{
    char name[32];
    const int x = same[rng_below(rng, (uint64_t)same_count)], y = same[rng_below(rng, (uint64_t)same_count)];
    const int channels = net->nodes[x].shape.c;
    snprintf(name, sizeof name, "node%d", index);
    const int of_two = channels % 2 == 0 ? 2 : 1, dilation = 1 + (int)rng_below(rng, 2);
    const struct net_conv depthwise = {
        .out_channels = channels, .kernel = 3, .stride = 1, .pad = dilation, .dilation = dilation, .groups = channels};
    const struct net_conv grouped = {.out_channels = channels, .kernel = 1, .stride = 1, .groups = of_two};
    const int coefficients[] = {(int)rng_below(rng, 8), (int)rng_below(rng, 8), 8 + index};
    switch (rng_below(rng, 16)) {
    case 13:
    case 14: return net_add_mix(net, name, (int[]){x, y, same[0]}, coefficients, 1 + (int)rng_below(rng, 3), &status);
    case 15: return net_add_batch_norm_fixed(net, name, x, 1e-5F, &status);
    case 8: return net_add_conv_with(net, name, x, &depthwise, &status);
    case 9: return net_add_conv_with(net, name, x, &grouped, &status);
    case 10: return net_add_max_pool(net, name, x, 3, 1, 1, &status);
    case 11: return net_add_channel_shuffle(net, name, x, of_two, &status);
    case 12: return draw_joined(net, x, y, index);
    case 0: return net_add_conv(net, name, x, channels, 3, 1, 1, 1, 0, &status);
    case 1: return net_add_conv(net, name, x, channels, 1, 1, 0, 1, 1, &status);
    case 2: return net_add_relu(net, name, x, &status);
    case 3: return net_add_avg_pool(net, name, x, 3, 1, 1, &status);
    case 4: return net_add_add(net, name, (int[]){x, y, same[0]}, 2 + (int)rng_below(rng, 2), &status);
    default: return net_add_batch_norm(net, name, x, 1e-5F, &status);
    }
}

static void draw_net(struct net *net, uint64_t seed)
{
    struct rng rng;
    int same[RANDOM_NODES + 1], count = 1;
    rng_seed(&rng, seed);
    same[0] = start(net, 3, 4 + (int)rng_below(&rng, 5), 4 + (int)rng_below(&rng, 14), 3 + (int)rng_below(&rng, 30));
    for (; count <= RANDOM_NODES; count++)
        same[count] = draw_node(net, &rng, same, count, count);
    const int pooled = net_add_global_avg_pool(net, "pooled", same[RANDOM_NODES], &status);
    assert_ok(net_add_output(net, net_add_dense(net, "dense", pooled, 10, &status), &status), status);
    for (int i = 0; i < 3; i++)
        assert_ok(net_add_output(net, same[1 + rng_below(&rng, RANDOM_NODES)], &status), status);
}

static void random_nets_agree_with_the_naive_ones(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= RANDOM_NETS; seed++) {
        struct net net;
        char what[32];
        draw_net(&net, seed);
        snprintf(what, sizeof what, "random net %d", (int)seed);
        run_everywhere(&net, what, seed);
        net_free(&net);
    }
}

/* --- the oracle itself
 * ------------------------------------------------------------------------------------------------------------------ */

/* A net with every operator, its inputs, and the naive gradients. */
struct oracle {
    struct net net;
    struct naive *naive;
    struct trial trial;
};

static void oracle_make(struct oracle *o)
{
    struct rng rng;
    rng_seed(&rng, 5);
    int x = net_add_batch_norm(&o->net, "n", start(&o->net, 3, 6, 6, 5), 1e-5F, &status);
    const int side = net_add_channel_pad(&o->net, "wide", net_add_subsample(&o->net, "half", x, 2, &status), 1, 2, &status);
    x = net_add_conv(&o->net, "c", net_add_relu(&o->net, "r", x, &status), 8, 3, 2, 1, 1, 0, &status);
    x = net_add_add(&o->net, "a", (int[]){net_add_avg_pool(&o->net, "p", x, 3, 1, 1, &status), side}, 2, &status);
    const struct net_conv deep = {.out_channels = 8, .kernel = 3, .stride = 1, .pad = 2, .dilation = 2, .groups = 8},
                          pairs = {.out_channels = 4, .kernel = 1, .stride = 1, .groups = 4};
    const int far = net_add_conv_with(&o->net, "deep", x, &deep, &status);
    const int mixed =
        net_add_channel_shuffle(&o->net, "mixed", net_add_max_pool(&o->net, "max", far, 2, 1, 1, &status), 2, &status);
    const int part = net_add_subsample_from(&o->net, "odd", mixed, 1, 1, &status);
    x = net_add_concat(&o->net, "all", (int[]){x, net_add_conv_with(&o->net, "pairs", part, &pairs, &status), part}, 3, &status);
    x = net_add_mix(&o->net, "mix", (int[]){x, net_add_relu(&o->net, "last", x, &status)}, (int[]){0, 1}, 2, &status);
    x = net_add_dense(&o->net, "d", net_add_global_avg_pool(&o->net, "g", x, &status), 4, &status);
    assert_ok(net_add_output(&o->net, x, &status), status);
    scramble(&o->net, &rng);
    o->trial = (struct trial){.net = &o->net, .batch = 2};
    o->naive = naive_make(&o->net, 2, 0);
    draw_inputs(&o->trial, &rng, o->naive);
    naive_forward(o->naive, o->trial.exact_images);
    naive_backward(o->naive, o->trial.seeds);
}

static void oracle_free(struct oracle *o)
{
    free_inputs(&o->trial);
    naive_free(o->naive);
    net_free(&o->net);
}

static void naive_gradients_agree_with_finite_differences(void **state)
{
    (void)state;
    struct oracle o;
    oracle_make(&o);
    for (int t = 0; t < o.net.tensor_count; t++) {
        double worst;
        if (o.net.tensors[t].trainable &&
            !naive_check_gradient(o.naive, o.trial.exact_images, o.trial.seeds, t, o.naive->weight_gradients[t], 20, 1e-5, &worst))
            fail_msg("%s: %.3g", o.net.tensors[t].name, worst);
    }
    for (int c = 0; c < o.net.mix_count; c++)
        if (!naive_check_mix_gradient(o.naive, o.trial.exact_images, o.trial.seeds, c, 1e-5))
            fail_msg("coefficient %d: %.3g", c, o.naive->mix_gradient[c]);
    oracle_free(&o);
}

static void the_finite_difference_check_refuses_a_wrong_gradient(void **state)
{
    (void)state;
    struct oracle o;
    oracle_make(&o);
    double worst;
    o.naive->weight_gradients[0][0] *= 1.01;
    assert_false(
        naive_check_gradient(o.naive, o.trial.exact_images, o.trial.seeds, 0, o.naive->weight_gradients[0], 1, 1e-5, &worst));
    oracle_free(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(naive_gradients_agree_with_finite_differences),
        cmocka_unit_test(the_finite_difference_check_refuses_a_wrong_gradient),
        cmocka_unit_test(dense_layers_of_every_size_agree_with_the_naive_ones),
        cmocka_unit_test(convolutions_of_every_channel_count_agree_with_the_naive_ones),
        cmocka_unit_test(convolutions_of_every_kernel_stride_and_padding_agree_with_the_naive_ones),
        cmocka_unit_test(convolutions_on_long_rows_and_several_chunks_agree_with_the_naive_ones),
        cmocka_unit_test(convolutions_of_every_tiling_agree_with_the_naive_ones),
        cmocka_unit_test(depthwise_convolutions_of_every_geometry_agree_with_the_naive_ones),
        cmocka_unit_test(a_depthwise_kernel_larger_than_its_input_agrees_with_the_naive_one),
        cmocka_unit_test(dilated_convolutions_agree_with_the_naive_ones),
        cmocka_unit_test(grouped_convolutions_agree_with_the_naive_ones),
        cmocka_unit_test(max_pools_agree_with_the_naive_ones),
        cmocka_unit_test(the_first_of_equal_values_wins),
        cmocka_unit_test(concatenations_agree_with_the_naive_ones),
        cmocka_unit_test(a_concatenation_in_used_memory_agrees_with_the_naive_one),
        cmocka_unit_test(shuffles_agree_with_the_naive_ones),
        cmocka_unit_test(a_factorised_reduction_agrees_with_the_naive_one),
        cmocka_unit_test(pools_agree_with_the_naive_ones),
        cmocka_unit_test(norms_agree_with_the_naive_ones),
        cmocka_unit_test(a_norm_after_a_relu_after_a_norm_agrees_with_the_naive_one),
        cmocka_unit_test(the_shortcut_agrees_with_the_naive_one),
        cmocka_unit_test(the_head_agrees_with_the_naive_one),
        cmocka_unit_test(mixtures_agree_with_the_naive_ones),
        cmocka_unit_test(one_shot_nets_agree_with_the_naive_ones),
        cmocka_unit_test(random_nets_agree_with_the_naive_ones),
    };
    return TEST_RUN(tests);
}
