/* net_onnx: export and import of our own nets, models as PyTorch writes them, and models that are wrong. */
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

#include "common/net_onnx.h"
#include "common/space.h"
#include "tests/support/net_naive.h"
#include "tests/support/onnx_maker.h"

static struct status status;

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static struct net nb201_net(const char *text)
{
    const struct space_build build = {.channels = 4, .cells = 1, .classes = 7, .input = {3, 8, 8}};
    struct space space;
    struct arch arch;
    struct net net;
    struct rng rng;
    net_init_empty(&net);
    assert_ok(space_open("nb201", &space, &status), status);
    assert_ok(space_parse(&space, text, &arch, &status), status);
    assert_ok(space_build_net(&space, &arch, &build, &net, &status), status);
    rng_seed(&rng, 3);
    net_init(&net, &rng);
    space_close(&space);
    return net;
}

static void assert_same_net(const struct net *a, const struct net *b)
{
    assert_int_equal(a->node_count, b->node_count);
    for (int i = 0; i < a->node_count; i++)
        assert_memory_equal(&a->nodes[i], &b->nodes[i], sizeof a->nodes[i]);
    assert_int_equal(a->tensor_count, b->tensor_count);
    for (int i = 0; i < a->tensor_count; i++) {
        assert_string_equal(a->tensors[i].name, b->tensors[i].name);
        assert_int_equal(a->tensors[i].trainable, b->tensors[i].trainable);
        assert_memory_equal(a->tensors[i].dims, b->tensors[i].dims, sizeof a->tensors[i].dims);
        assert_memory_equal(a->tensors[i].data, b->tensors[i].data, a->tensors[i].count * sizeof(float));
    }
    assert_int_equal(a->output_count, b->output_count);
    assert_memory_equal(a->outputs, b->outputs, sizeof a->outputs);
    assert_int_equal(a->classes, b->classes);
}

/* Writes and reads; both nets are freed. */
static void assert_round_trip(struct net *net)
{
    struct net back;
    void *data = NULL;
    size_t size = 0;
    net_init_empty(&back);
    assert_ok(net_onnx_write(net, &data, &size, &status), status);
    assert_ok(net_onnx_read(data, size, NULL, 0, &back, &status), status);
    assert_same_net(net, &back);
    free(data);
    net_free(&back);
    net_free(net);
}

static void searched_nets_come_back_identical(void **state)
{
    (void)state;
    static const char *const cells[] = {"333333", "104142", "241302", "111111", "440044", "000100"};
    for (size_t i = 0; i < COUNT(cells); i++) {
        struct net net = nb201_net(cells[i]);
        assert_round_trip(&net);
    }
}

static void a_folded_net_comes_back_identical(void **state)
{
    (void)state;
    struct net net = nb201_net("241302"), folded;
    net_init_empty(&folded);
    assert_ok(net_fold(&net, &folded, &status), status);
    net_free(&net);
    assert_round_trip(&folded);
}

static void option_a_shortcuts_groups_and_shared_outputs_come_back(void **state)
{
    (void)state;
    struct net net, back;
    void *data = NULL;
    size_t size = 0;
    net_init_empty(&net);
    net_init_empty(&back);
    net_add_input(&net, (struct net_shape){4, 9, 9}, &status);
    int conv = net_add_conv(&net, "c", 0, 6, 3, 3, 1, 2, 1, &status);
    int sub = net_add_subsample(&net, "s", 0, 3, &status);
    int pad = net_add_channel_pad(&net, "p", sub, 0, 2, &status);
    int sum = net_add_add(&net, "a", (const int[]){conv, pad, pad}, 3, &status);
    int gap = net_add_global_avg_pool(&net, "g", sum, &status);
    int dense = net_add_dense(&net, "d", gap, 3, &status);
    int relu = net_add_relu(&net, "r", dense, &status);
    int head = net_add_dense(&net, "h", relu, 2, &status);
    const int outputs[] = {head, sum, sum, 0};
    for (size_t i = 0; i < COUNT(outputs); i++)
        assert_ok(net_add_output(&net, outputs[i], &status), status);
    assert_ok(net_onnx_write(&net, &data, &size, &status), status);
    assert_ok(net_onnx_read(data, size, NULL, 0, &back, &status), status);
    assert_same_net(&net, &back);
    free(data);
    net_free(&net);
    net_free(&back);
}

/* One of each operator of the separable, dilated and grouped kind. */
static struct net varied_net(void)
{
    struct net net;
    struct rng rng;
    const struct net_conv dilated = {.out_channels = 6, .kernel = 5, .stride = 1, .pad = 4, .dilation = 2, .groups = 6},
                          grouped = {.out_channels = 9, .kernel = 1, .stride = 2, .groups = 3, .with_bias = 1};
    net_init_empty(&net);
    net_add_input(&net, (struct net_shape){6, 8, 8}, &status);
    int deep = net_add_conv_with(&net, "deep", 0, &dilated, &status);
    int mixed = net_add_channel_shuffle(&net, "mixed", deep, 3, &status);
    int even = net_add_conv_with(&net, "even", mixed, &grouped, &status);
    int peaks = net_add_max_pool(&net, "peaks", deep, 3, 2, 1, &status);
    int odd = net_add_subsample_from(&net, "odd", mixed, 2, 1, &status); /* read next: a slice becomes a node where it is read */
    int all = net_add_concat(&net, "all", (const int[]){even, odd, peaks, odd}, 4, &status);
    int gap = net_add_global_avg_pool(&net, "gap", all, &status);
    int head = net_add_dense(&net, "head", gap, 2, &status);
    assert_ok(net_add_output(&net, head, &status), status);
    assert_ok(net_add_output(&net, mixed, &status), status);
    assert_ok(net_add_output(&net, all, &status), status);
    rng_seed(&rng, 8);
    net_init(&net, &rng);
    return net;
}

static void dilations_shuffles_concatenations_and_offsets_come_back(void **state)
{
    (void)state;
    struct net net = varied_net();
    assert_round_trip(&net);
}

static void equal_nets_give_equal_bytes(void **state)
{
    (void)state;
    void *data[2];
    size_t size[2];
    for (int i = 0; i < 2; i++) {
        struct net net = nb201_net("104142");
        assert_ok(net_onnx_write(&net, &data[i], &size[i], &status), status);
        net_free(&net);
    }
    assert_int_equal(size[0], size[1]);
    assert_memory_equal(data[0], data[1], size[0]);
    free(data[0]);
    free(data[1]);
}

static void taps_may_be_chosen_by_value_name(void **state)
{
    (void)state;
    static const char *const taps[] = {"stem.1/output", "tap3"}, *const wrong[] = {"stem.2/output"};
    struct net net = nb201_net("333333"), back;
    void *data = NULL;
    size_t size = 0;
    net_init_empty(&back);
    assert_ok(net_onnx_write(&net, &data, &size, &status), status);
    assert_ok(net_onnx_read(data, size, taps, 2, &back, &status), status);
    assert_int_equal(back.output_count, 3);
    assert_int_equal(back.outputs[0], net.outputs[0]);
    assert_string_equal(back.nodes[back.outputs[1]].name, "stem.1");
    assert_int_equal(back.outputs[2], net.outputs[3]);
    net_free(&back);
    assert_int_equal(net_onnx_read(data, size, wrong, 1, &back, &status), STATUS_NOT_FOUND);
    assert_non_null(strstr(status.message, "stem.2/output"));
    free(data);
    net_free(&net);
}

static void a_net_is_saved_and_loaded(void **state)
{
    (void)state;
    char path[] = "/tmp/test_net_onnx.XXXXXX";
    struct net net = nb201_net("104142"), back;
    net_init_empty(&back);
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    assert_ok(net_onnx_save(&net, path, &status), status);
    assert_ok(net_onnx_load(path, NULL, 0, &back, &status), status);
    assert_same_net(&net, &back);
    net_free(&net);
    net_free(&back);
    unlink(path);
    assert_int_equal(net_onnx_load(path, NULL, 0, &back, &status), STATUS_NOT_FOUND);
}

/* --- models as exporters write them --- */

static enum status_code read_model(struct onnx_maker *m, struct net *out)
{
    size_t size = 0;
    void *data = onnx_maker_pack(m, &size);
    net_init_empty(out);
    enum status_code code = net_onnx_read(data, size, NULL, 0, out, &status);
    free(data);
    onnx_maker_free(m);
    return code;
}

/* Adds pool, flatten and dense behind `value`, so that what stands before can be looked at alone. */
static void add_head(struct onnx_maker *m, const char *value, int64_t channels)
{
    const int64_t weight[] = {2, channels}, bias[] = {2};
    onnx_maker_node(m, "GlobalAveragePool", value, "pooled");
    onnx_maker_node(m, "Flatten", "pooled", "flat");
    onnx_maker_floats(m, "fc.weight", 2, weight);
    onnx_maker_floats(m, "fc.bias", 1, bias);
    onnx_maker_int(m, onnx_maker_node(m, "Gemm", "flat,fc.weight,fc.bias", "y"), "transB", 1);
    onnx_maker_output(m, "y");
}

static void matmul_and_add_are_one_dense_layer(void **state)
{
    (void)state;
    struct onnx_maker m;
    struct net net;
    const int64_t weight[] = {3, 2}, bias[] = {2}, axes[] = {2, 3};
    onnx_maker_begin(&m, 3, 4, 4);
    Onnx__NodeProto *mean = onnx_maker_node(&m, "ReduceMean", "x", "pooled");
    onnx_maker_ints(&m, mean, "axes", 2, axes);
    onnx_maker_int(&m, mean, "keepdims", 0);
    onnx_maker_floats(&m, "w", 2, weight);
    onnx_maker_floats(&m, "b", 1, bias);
    onnx_maker_node(&m, "MatMul", "pooled,w", "product");
    onnx_maker_node(&m, "Add", "b,product", "y");
    onnx_maker_output(&m, "y");
    assert_ok(read_model(&m, &net), status);
    assert_int_equal(net.node_count, 3);
    const struct net_tensor *w = &net.tensors[net_find_tensor(&net, "w")], *b = &net.tensors[net_find_tensor(&net, "b")];
    assert_int_equal(w->dims[0], 2);
    assert_near(w->data[1], 0.25, 0, 0); /* element (1,0) of the matrix as it stood in the file */
    assert_near(w->data[3], 0.125, 0, 0);
    assert_near(b->data[1], 0.125, 0, 0);
    net_free(&net);
}

static void a_view_by_the_number_of_images_is_folded(void **state)
{
    (void)state;
    struct onnx_maker m;
    struct net net;
    const int64_t zero = 0, minus_one = -1, weight[] = {3, 3};
    onnx_maker_begin(&m, 3, 4, 4);
    onnx_maker_node(&m, "GlobalAveragePool", "x", "pooled");
    onnx_maker_numbers(&m, "zero", 0, &zero);
    onnx_maker_numbers(&m, "rest", 1, &minus_one);
    onnx_maker_node(&m, "Shape", "pooled", "shape");
    onnx_maker_node(&m, "Gather", "shape,zero", "images");
    onnx_maker_ints(&m, onnx_maker_node(&m, "Unsqueeze", "images", "row"), "axes", 1, &zero);
    onnx_maker_node(&m, "Concat", "row,rest", "target");
    onnx_maker_node(&m, "Reshape", "pooled,target", "flat");
    onnx_maker_floats(&m, "w", 2, weight);
    onnx_maker_node(&m, "Gemm", "flat,w", "y");
    onnx_maker_output(&m, "y");
    assert_ok(read_model(&m, &net), status);
    assert_int_equal(net.nodes[net.outputs[0]].op, NET_DENSE);
    net_free(&net);
}

static void initializers_used_twice_become_two_tensors(void **state)
{
    (void)state;
    struct onnx_maker m;
    struct net net;
    const int64_t weight[] = {3, 3, 1, 1}, c[] = {3};
    onnx_maker_begin(&m, 3, 4, 4);
    onnx_maker_floats(&m, "w", 4, weight);
    onnx_maker_floats(&m, "ones", 1, c);
    onnx_maker_node(&m, "Conv", "x,w", "first");
    onnx_maker_node(&m, "Conv", "first,w", "second");
    onnx_maker_node(&m, "BatchNormalization", "second,ones,ones,ones,ones", "normal");
    add_head(&m, "normal", 3);
    assert_ok(read_model(&m, &net), status);
    assert_true(net_find_tensor(&net, "w") >= 0);
    assert_true(net_find_tensor(&net, "second.weight") >= 0);
    assert_true(net_find_tensor(&net, "normal.running_var") >= 0);
    net_free(&net);
}

static void slices_of_both_axes_are_one_subsample_and_shared(void **state)
{
    (void)state;
    struct onnx_maker m;
    struct net net;
    const int64_t starts[] = {0, 0}, ends[] = {INT64_MAX, INT64_MAX}, axes[] = {-1, -2}, steps[] = {2, 2};
    onnx_maker_begin(&m, 3, 5, 4);
    onnx_maker_numbers(&m, "starts", 2, starts);
    onnx_maker_numbers(&m, "ends", 2, ends);
    onnx_maker_numbers(&m, "axes", 2, axes);
    onnx_maker_numbers(&m, "steps", 2, steps);
    onnx_maker_node(&m, "Slice", "x,starts,ends,axes,steps", "sliced");
    onnx_maker_node(&m, "Identity", "sliced", "same");
    onnx_maker_node(&m, "Relu", "sliced", "a");
    onnx_maker_node(&m, "Relu", "same", "b");
    onnx_maker_node(&m, "Sum", "a,b,a", "sum");
    add_head(&m, "sum", 3);
    assert_ok(read_model(&m, &net), status);
    int sub = net_find_node(&net, "sliced");
    assert_int_equal(net.nodes[sub].op, NET_SUBSAMPLE);
    assert_int_equal(net.nodes[sub].shape.h, 3);
    assert_int_equal(net.nodes[net_find_node(&net, "a")].inputs[0], sub);
    assert_int_equal(net.nodes[net_find_node(&net, "b")].inputs[0], sub);
    net_free(&net);
}

/* x[:, :, 1:, 1:] is two slices in PyTorch's files; the convolution behind it has the stride. */
static void slices_from_the_second_row_and_column_are_one_subsample(void **state)
{
    (void)state;
    struct onnx_maker m;
    struct net net;
    const int64_t one = 1, end = INT64_MAX, two = 2, three = 3;
    onnx_maker_begin(&m, 3, 8, 7);
    onnx_maker_numbers(&m, "one", 1, &one);
    onnx_maker_numbers(&m, "end", 1, &end);
    onnx_maker_numbers(&m, "two", 1, &two);
    onnx_maker_numbers(&m, "three", 1, &three);
    onnx_maker_node(&m, "Slice", "x,one,end,two,one", "rows");
    onnx_maker_node(&m, "Slice", "rows,one,end,three,one", "both");
    onnx_maker_node(&m, "Relu", "both", "a");
    onnx_maker_node(&m, "Slice", "both,one,end,two,two", "deeper");
    onnx_maker_node(&m, "Slice", "deeper,one,end,three,two", "deepest");
    onnx_maker_node(&m, "GlobalAveragePool", "deepest", "other");
    onnx_maker_output(&m, "other");
    onnx_maker_output(&m, "a");
    assert_ok(read_model(&m, &net), status);
    const struct net_node *both = &net.nodes[net_find_node(&net, "both")], *deepest = &net.nodes[net_find_node(&net, "deepest")];
    assert_int_equal(both->op, NET_SUBSAMPLE);
    assert_int_equal(both->offset, 1);
    assert_int_equal(both->stride, 1);
    assert_int_equal(both->shape.h, 7);
    assert_int_equal(both->shape.w, 6);
    assert_int_equal(deepest->stride, 2);
    assert_int_equal(deepest->shape.h, 3);
    assert_int_equal(deepest->shape.w, 3);
    /* Row 1 of the whole, then row 1 of what is left. */
    assert_int_equal(deepest->offset + (deepest->inputs[0] == 0 ? 0 : 1), 2);
    net_free(&net);
}

/* view(N, g, C/g, H, W), transpose(1, 2), view(N, C, H, W) with the sizes taken from the map, as PyTorch writes it. */
static void a_channel_shuffle_is_recognised(void **state)
{
    (void)state;
    struct onnx_maker m;
    struct net net;
    const int64_t zero = 0, groups = 3, channels = 2, whole = 6, h = 4, w = 5, perm[] = {0, 2, 1, 3, 4};
    onnx_maker_begin(&m, 6, 4, 5);
    onnx_maker_numbers(&m, "zero", 0, &zero);
    onnx_maker_numbers(&m, "g", 1, &groups);
    onnx_maker_numbers(&m, "k", 1, &channels);
    onnx_maker_numbers(&m, "c", 1, &whole);
    onnx_maker_numbers(&m, "h", 1, &h);
    onnx_maker_numbers(&m, "w", 1, &w);
    onnx_maker_node(&m, "Shape", "x", "shape");
    onnx_maker_node(&m, "Gather", "shape,zero", "images");
    onnx_maker_ints(&m, onnx_maker_node(&m, "Unsqueeze", "images", "n"), "axes", 1, &zero);
    onnx_maker_node(&m, "Concat", "n,g,k,h,w", "apart");
    onnx_maker_node(&m, "Concat", "n,c,h,w", "together");
    onnx_maker_node(&m, "Reshape", "x,apart", "split");
    onnx_maker_ints(&m, onnx_maker_node(&m, "Transpose", "split", "swapped"), "perm", 5, perm);
    onnx_maker_node(&m, "Reshape", "swapped,together", "mixed");
    add_head(&m, "mixed", 6);
    assert_ok(read_model(&m, &net), status);
    const struct net_node *mixed = &net.nodes[net_find_node(&net, "mixed")];
    assert_int_equal(mixed->op, NET_CHANNEL_SHUFFLE);
    assert_int_equal(mixed->groups, 3);
    assert_int_equal(net.nodes[net_find_node(&net, "pooled")].inputs[0], 1);
    net_free(&net);
}

/* Reshape, Transpose and Reshape of a (N,6,4,4) map with these shapes; "bad" is the last. */
static void begin_shuffle(struct onnx_maker *m, const int64_t apart[5], const int64_t perm[5], const int64_t together[4])
{
    onnx_maker_begin(m, 6, 4, 4);
    onnx_maker_numbers(m, "apart", 5, apart);
    onnx_maker_numbers(m, "together", 4, together);
    onnx_maker_node(m, "Reshape", "x,apart", "split");
    onnx_maker_ints(m, onnx_maker_node(m, "Transpose", "split", "swap"), "perm", 5, perm);
    onnx_maker_node(m, "Reshape", "swap,together", "bad");
    add_head(m, "bad", 6);
}

static void nodes_without_names_get_one(void **state)
{
    (void)state;
    struct onnx_maker m;
    struct net net;
    onnx_maker_begin(&m, 3, 4, 4);
    onnx_maker_node(&m, "Relu", "x", "a")->name = NULL;
    onnx_maker_node(&m, "Relu", "a", "b")->name = NULL;
    add_head(&m, "b", 3);
    assert_ok(read_model(&m, &net), status);
    assert_int_equal(net_find_node(&net, "Relu_0_0"), 1);
    assert_int_equal(net_find_node(&net, "Relu_1_0"), 2);
    net_free(&net);
}

/* The exporter's arithmetic for a Pad, with every operator that is folded: pads = 0,1,0,0,0,1,0,0. */
static void arithmetic_on_constants_is_folded(void **state)
{
    (void)state;
    struct onnx_maker m;
    struct net net;
    const int64_t zero = 0, one = 1, two = 2, perm[] = {1, 0}, shape[] = {2, 4}, axes[] = {0, 2}, minus_one = -1;
    const int64_t numbers[] = {0, 0, 3, 3, 0, 0, 0, 0}, first = INT64_MIN + 1;
    onnx_maker_begin(&m, 3, 4, 4);
    onnx_maker_numbers(&m, "numbers", 8, numbers);
    onnx_maker_numbers(&m, "shape", 2, shape);
    onnx_maker_numbers(&m, "three", 0, (const int64_t[]){3});
    onnx_maker_numbers(&m, "two", 0, &two);
    onnx_maker_numbers(&m, "one", 0, &one);
    onnx_maker_numbers(&m, "zero_row", 1, &zero);
    onnx_maker_numbers(&m, "back", 1, &minus_one);
    onnx_maker_numbers(&m, "first", 1, &first);
    onnx_maker_numbers(&m, "line", 1, &minus_one);
    onnx_maker_numbers(&m, "tail", 1, &zero);
    onnx_maker_node(&m, "Div", "numbers,three", "ones");                                       /* 0 0 1 1 0 0 0 0 */
    onnx_maker_node(&m, "Reshape", "ones,shape", "square");                                    /* (0 0 1 1)(0 0 0 0) */
    onnx_maker_node(&m, "Slice", "square,back,first,zero_row,back", "turned");                 /* rows backwards */
    onnx_maker_ints(&m, onnx_maker_node(&m, "Transpose", "turned", "pairs"), "perm", 2, perm); /* (0 0)(0 0)(0 1)(0 1) */
    onnx_maker_node(&m, "Reshape", "pairs,line", "row");                                       /* 0 0 0 0 0 1 0 1 */
    onnx_maker_node(&m, "Sub", "row,one", "less");                                             /* -1 -1 -1 -1 -1 0 -1 0 */
    onnx_maker_node(&m, "Add", "less,one", "again");                                           /* 0 0 0 0 0 1 0 1 */
    onnx_maker_node(&m, "Mul", "again,two", "twice");                                          /* 0 0 0 0 0 2 0 2 */
    onnx_maker_numbers(&m, "picks", 8, (const int64_t[]){0, 5, 0, 0, 0, -1, 0, 0});
    onnx_maker_node(&m, "Gather", "twice,picks", "pads_2"); /* 0 2 0 0 0 2 0 0 */
    onnx_maker_int(&m, onnx_maker_node(&m, "Cast", "pads_2", "float"), "to", ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT);
    onnx_maker_int(&m, onnx_maker_node(&m, "Cast", "float", "int"), "to", ONNX__TENSOR_PROTO__DATA_TYPE__INT64);
    onnx_maker_ints(&m, onnx_maker_node(&m, "Unsqueeze", "int", "wide"), "axes", 2, axes);
    onnx_maker_node(&m, "Squeeze", "wide", "narrow");
    onnx_maker_node(&m, "ConstantOfShape", "tail", "nothing"); /* zero elements, float */
    onnx_maker_int(&m, onnx_maker_node(&m, "Cast", "nothing", "none"), "to", ONNX__TENSOR_PROTO__DATA_TYPE__INT64);
    onnx_maker_node(&m, "Concat", "narrow,none", "pads");
    onnx_maker_node(&m, "Pad", "x,pads", "padded");
    add_head(&m, "padded", 7);
    assert_ok(read_model(&m, &net), status);
    const struct net_node *pad = &net.nodes[net_find_node(&net, "padded")];
    assert_int_equal(pad->pad_before, 2);
    assert_int_equal(pad->pad_after, 2);
    net_free(&net);
}

/* --- models that are wrong, or more than we can do --- */

static void assert_model_refused(struct onnx_maker *m, enum status_code code, const char *node, const char *reason)
{
    struct net net;
    enum status_code got = read_model(m, &net);
    if (got != code || strstr(status.message, node) == NULL || strstr(status.message, reason) == NULL)
        fail_msg("got %s \"%s\", wanted %s with %s and \"%s\"", status_name(got), status.message, status_name(code), node, reason);
    assert_int_equal(net.node_count, 0);
}

/* A model of one node "bad" behind a 3x3 convolution "conv" and before the head; the caller spoils something. */
static Onnx__NodeProto *begin_bad(struct onnx_maker *m, const char *operator, const char * inputs)
{
    const int64_t weight[] = {4, 3, 3, 3}, c[] = {4}, zero = 0, eight[] = {0, 1, 0, 0, 0, 1, 0, 0};
    onnx_maker_begin(m, 3, 8, 8);
    onnx_maker_floats(m, "w", 4, weight);
    onnx_maker_floats(m, "c", 1, c);
    onnx_maker_numbers(m, "zero", 1, &zero);
    onnx_maker_numbers(m, "eight", 8, eight);
    onnx_maker_node(m, "Conv", "x,w", "conv");
    Onnx__NodeProto *node = onnx_maker_node(m, operator, inputs, "bad");
    add_head(m, "bad", 4);
    return node;
}

static void unknown_operators_are_named(void **state)
{
    (void)state;
    struct onnx_maker m;
    begin_bad(&m, "LayerNormalization", "conv");
    assert_model_refused(&m, STATUS_UNSUPPORTED, "node bad (LayerNormalization, number 1)", "not supported");
    begin_bad(&m, "Relu", "conv")->domain = (char[]){"com.example"};
    assert_model_refused(&m, STATUS_UNSUPPORTED, "node bad (Relu", "outside the ONNX standard");
}

static void unknown_inputs_are_named(void **state)
{
    (void)state;
    struct onnx_maker m;
    begin_bad(&m, "Relu", "nowhere");
    assert_model_refused(&m, STATUS_BAD_INPUT, "node bad (Relu", "\"nowhere\"");
    begin_bad(&m, "Relu", "");
    assert_model_refused(&m, STATUS_BAD_INPUT, "node bad (Relu", "input 0 is missing");
    begin_bad(&m, "Relu", "c");
    assert_model_refused(&m, STATUS_UNSUPPORTED, "node bad (Relu", "constant");
    begin_bad(&m, "Add", "conv,c");
    assert_model_refused(&m, STATUS_UNSUPPORTED, "node bad (Add", "bias of a MatMul");
    begin_bad(&m, "Conv", "conv,conv");
    assert_model_refused(&m, STATUS_UNSUPPORTED, "node bad (Conv", "known while reading");
}

static void wrong_shapes_are_named(void **state)
{
    (void)state;
    struct onnx_maker m;
    begin_bad(&m, "Conv", "conv,w");
    assert_model_refused(&m, STATUS_BAD_INPUT, "node bad (Conv", "for 3 channels");
    begin_bad(&m, "Conv", "conv,c");
    assert_model_refused(&m, STATUS_BAD_INPUT, "node bad (Conv", "4 dimensions");
    begin_bad(&m, "Conv", "x,w,zero");
    assert_model_refused(&m, STATUS_BAD_INPUT, "node bad (Conv", "float tensor");
    begin_bad(&m, "Add", "conv,x");
    assert_model_refused(&m, STATUS_BAD_INPUT, "node bad (Add", "(3,8,8)");
    begin_bad(&m, "BatchNormalization", "x,c,c,c,c");
    assert_model_refused(&m, STATUS_BAD_INPUT, "node bad (BatchNormalization", "ask for 3");
    begin_bad(&m, "MatMul", "conv,fc.weight");
    assert_model_refused(&m, STATUS_UNSUPPORTED, "node bad (MatMul", "4 dimensions instead of 2");
    begin_bad(&m, "Relu", "conv");
    m.initializers[0]->dims[0] = 5;
    assert_model_refused(&m, STATUS_BAD_INPUT, "initializer w", "asks for 135 elements but it holds 108");
    begin_bad(&m, "Relu", "conv");
    m.initializers[0]->dims[0] = INT64_MAX;
    assert_model_refused(&m, STATUS_BAD_INPUT, "initializer w", "overflows");
    begin_bad(&m, "Relu", "conv");
    m.initializers[0]->data_type = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT16;
    assert_model_refused(&m, STATUS_UNSUPPORTED, "initializer w", "type 10");
    begin_bad(&m, "Relu", "conv");
    m.initializers[0]->has_data_location = 1;
    m.initializers[0]->data_location = ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
    assert_model_refused(&m, STATUS_UNSUPPORTED, "initializer w", "another file");
}

static void parameters_that_are_no_numbers_are_refused(void **state)
{
    (void)state;
    struct onnx_maker m;
    begin_bad(&m, "Relu", "conv");
    m.initializers[0]->float_data[7] = NAN;
    assert_model_refused(&m, STATUS_BAD_INPUT, "node conv (Conv", "no number");
    begin_bad(&m, "BatchNormalization", "conv,c,c,c,c");
    m.initializers[1]->float_data[2] = -1.0F;
    assert_model_refused(&m, STATUS_BAD_INPUT, "node bad (BatchNormalization", "channel 2 is negative");
}

static void attributes_that_change_the_result_are_refused(void **state)
{
    (void)state;
    struct onnx_maker m;
    const int64_t two[] = {2, 2}, zeros[] = {0, 0}, uneven[] = {1, 2}, pads[] = {1, 1, 1, 1}, lopsided[] = {0, 0, 1, 1},
                  negative[] = {-1, -1};
    onnx_maker_ints(&m, begin_bad(&m, "Conv", "x,w"), "dilations", 2, uneven);
    assert_model_refused(&m, STATUS_UNSUPPORTED, "node bad (Conv", "dilations");
    onnx_maker_ints(&m, begin_bad(&m, "Conv", "x,w"), "dilations", 2, zeros);
    assert_model_refused(&m, STATUS_BAD_INPUT, "node bad (Conv", "dilations 0");
    onnx_maker_ints(&m, begin_bad(&m, "Conv", "x,w"), "strides", 2, uneven);
    assert_model_refused(&m, STATUS_UNSUPPORTED, "node bad (Conv", "strides");
    onnx_maker_ints(&m, begin_bad(&m, "Conv", "x,w"), "strides", 2, negative);
    assert_model_refused(&m, STATUS_BAD_INPUT, "node bad (Conv", "strides -1");
    onnx_maker_ints(&m, begin_bad(&m, "Conv", "x,w"), "pads", 4, lopsided);
    assert_model_refused(&m, STATUS_UNSUPPORTED, "node bad (Conv", "pads");
    onnx_maker_text(&m, begin_bad(&m, "Conv", "x,w"), "auto_pad", "SAME_UPPER");
    assert_model_refused(&m, STATUS_UNSUPPORTED, "node bad (Conv", "auto_pad");
    onnx_maker_int(&m, begin_bad(&m, "Conv", "x,w"), "group", 0);
    assert_model_refused(&m, STATUS_BAD_INPUT, "node bad (Conv", "groups");
    onnx_maker_ints(&m, begin_bad(&m, "Conv", "x,w"), "kernel_shape", 2, two);
    assert_model_refused(&m, STATUS_BAD_INPUT, "node bad (Conv", "kernel_shape");
    begin_bad(&m, "AveragePool", "conv");
    assert_model_refused(&m, STATUS_BAD_INPUT, "node bad (AveragePool", "kernel_shape is missing");
    Onnx__NodeProto *pool = begin_bad(&m, "AveragePool", "conv");
    onnx_maker_ints(&m, pool, "kernel_shape", 2, two);
    onnx_maker_ints(&m, pool, "pads", 4, pads);
    onnx_maker_int(&m, pool, "count_include_pad", 1);
    assert_model_refused(&m, STATUS_UNSUPPORTED, "node bad (AveragePool", "count_include_pad");
    pool = begin_bad(&m, "MaxPool", "conv");
    onnx_maker_ints(&m, pool, "kernel_shape", 2, two);
    onnx_maker_ints(&m, pool, "dilations", 2, two);
    assert_model_refused(&m, STATUS_UNSUPPORTED, "node bad (MaxPool", "dilated");
    pool = begin_bad(&m, "MaxPool", "conv");
    onnx_maker_ints(&m, pool, "kernel_shape", 2, two);
    onnx_maker_int(&m, pool, "ceil_mode", 1);
    onnx_maker_ints(&m, pool, "strides", 2, (const int64_t[]){5, 5});
    assert_model_refused(&m, STATUS_UNSUPPORTED, "node bad (MaxPool", "ceil_mode");
    onnx_maker_int(&m, begin_bad(&m, "Concat", "conv,conv"), "axis", 2);
    assert_model_refused(&m, STATUS_UNSUPPORTED, "node bad (Concat", "axis 1");
    onnx_maker_int(&m, begin_bad(&m, "Concat", "conv,c"), "axis", 1);
    assert_model_refused(&m, STATUS_UNSUPPORTED, "node bad (Concat", "constant");
    onnx_maker_ints(&m, begin_bad(&m, "Transpose", "conv"), "perm", 4, (const int64_t[]){0, 1, 3, 2});
    assert_model_refused(&m, STATUS_UNSUPPORTED, "node bad (Transpose", "shuffle");
    onnx_maker_int(&m, begin_bad(&m, "BatchNormalization", "conv,c,c,c,c"), "training_mode", 1);
    assert_model_refused(&m, STATUS_UNSUPPORTED, "node bad (BatchNormalization", "inference");
    onnx_maker_float(&m, begin_bad(&m, "BatchNormalization", "conv,c,c,c,c"), "epsilon", -1.0F);
    assert_model_refused(&m, STATUS_BAD_INPUT, "node bad (BatchNormalization", "epsilon");
    onnx_maker_text(&m, begin_bad(&m, "Pad", "conv,eight"), "mode", "reflect");
    assert_model_refused(&m, STATUS_UNSUPPORTED, "node bad (Pad", "zeros");
    begin_bad(&m, "Pad", "conv,zero");
    assert_model_refused(&m, STATUS_UNSUPPORTED, "node bad (Pad", "only channels");
    begin_bad(&m, "Pad", "conv,rows");
    onnx_maker_numbers(&m, "rows", 8, (const int64_t[]){0, 0, 1, 0, 0, 0, 1, 0});
    assert_model_refused(&m, STATUS_UNSUPPORTED, "node bad (Pad", "only channels");
    begin_bad(&m, "Slice", "conv,zero,zero,zero,zero");
    assert_model_refused(&m, STATUS_UNSUPPORTED, "node bad (Slice", "every n-th");
    begin_bad(&m, "Flatten", "conv");
    assert_model_refused(&m, STATUS_UNSUPPORTED, "node bad (Flatten", "one pixel");
}

static void what_only_looks_like_a_shuffle_is_refused(void **state)
{
    (void)state;
    struct onnx_maker m;
    static const int64_t apart[] = {-1, 3, 2, 4, 4}, uneven[] = {-1, 4, 2, 4, 4}, turned[] = {-1, 3, 2, 2, 8},
                         open[] = {-1, -1, 2, 4, 4}, perm[] = {0, 2, 1, 3, 4}, still[] = {0, 1, 2, 3, 4}, together[] = {0, 6, 4, 4},
                         other[] = {0, 4, 6, 4};
    begin_shuffle(&m, uneven, perm, together);
    assert_model_refused(&m, STATUS_UNSUPPORTED, "node split (Reshape", "C/groups");
    begin_shuffle(&m, turned, perm, together);
    assert_model_refused(&m, STATUS_UNSUPPORTED, "node split (Reshape", "C/groups");
    begin_shuffle(&m, open, perm, together);
    assert_model_refused(&m, STATUS_UNSUPPORTED, "node split (Reshape", "number of images");
    begin_shuffle(&m, apart, still, together);
    assert_model_refused(&m, STATUS_UNSUPPORTED, "node swap (Transpose", "shuffle");
    begin_shuffle(&m, apart, perm, other);
    assert_model_refused(&m, STATUS_UNSUPPORTED, "node bad (Reshape", "joined");
    begin_shuffle(&m, apart, perm, together);
    onnx_maker_node(&m, "Relu", "split", "reader");
    assert_model_refused(&m, STATUS_UNSUPPORTED, "node reader (Relu", "split into groups");
    begin_shuffle(&m, apart, perm, together);
    onnx_maker_node(&m, "Shape", "swap", "reader");
    assert_model_refused(&m, STATUS_UNSUPPORTED, "node reader (Shape", "split into groups");
    begin_shuffle(&m, apart, perm, together);
    onnx_maker_output(&m, "swap");
    assert_model_refused(&m, STATUS_UNSUPPORTED, "output \"swap\"", "split into groups");
}

static void arithmetic_that_is_not_possible_is_refused(void **state)
{
    (void)state;
    struct onnx_maker m;
    begin_bad(&m, "Div", "eight,zero");
    assert_model_refused(&m, STATUS_UNSUPPORTED, "node bad (Div", "divides by zero");
    begin_bad(&m, "Add", "eight,c");
    assert_model_refused(&m, STATUS_BAD_INPUT, "node bad (Add", "whole numbers");
    begin_bad(&m, "Gather", "zero,eight");
    assert_model_refused(&m, STATUS_BAD_INPUT, "node bad (Gather", "out of range");
    begin_bad(&m, "Reshape", "eight,three");
    onnx_maker_numbers(&m, "three", 1, (const int64_t[]){3});
    assert_model_refused(&m, STATUS_BAD_INPUT, "node bad (Reshape", "8 elements");
    onnx_maker_int(&m, begin_bad(&m, "Concat", "zero,eight"), "axis", 3);
    assert_model_refused(&m, STATUS_BAD_INPUT, "node bad (Concat", "axis");
    const int64_t huge[] = {1 << 20, 1 << 20};
    begin_bad(&m, "ConstantOfShape", "huge");
    onnx_maker_numbers(&m, "huge", 2, huge);
    assert_model_refused(&m, STATUS_UNSUPPORTED, "node bad (ConstantOfShape", "too large");
    const int64_t negative[] = {-4};
    begin_bad(&m, "ConstantOfShape", "negative");
    onnx_maker_numbers(&m, "negative", 1, negative);
    assert_model_refused(&m, STATUS_UNSUPPORTED, "node bad (ConstantOfShape", "negative size");
}

static void folding_stops_at_its_budget(void **state)
{
    (void)state;
    struct onnx_maker m;
    const int64_t shape[] = {1 << 20};
    char name[32];
    onnx_maker_begin(&m, 3, 8, 8);
    onnx_maker_numbers(&m, "shape", 1, shape);
    for (int i = 0; i < 20; i++) {
        snprintf(name, sizeof name, "c%d", i);
        onnx_maker_node(&m, "ConstantOfShape", "shape", name);
    }
    add_head(&m, "x", 3);
    assert_model_refused(&m, STATUS_UNSUPPORTED, "node c1 (ConstantOfShape", "too large");
}

static void weights_used_over_and_over_stop_at_their_budget(void **state)
{
    (void)state;
    struct onnx_maker m;
    const int64_t weight[] = {1024, 1024, 1, 1}, c[] = {1024, 1, 1, 1};
    char input[16], name[16];
    onnx_maker_begin(&m, 1, 1, 1);
    onnx_maker_floats(&m, "w", 4, weight);
    onnx_maker_floats(&m, "first", 4, c);
    onnx_maker_node(&m, "Conv", "x,first", "c0");
    for (int i = 1; i < 20; i++) {
        snprintf(input, sizeof input, "c%d,w", i - 1);
        snprintf(name, sizeof name, "c%d", i);
        onnx_maker_node(&m, "Conv", input, name);
    }
    add_head(&m, "c19", 1024);
    assert_model_refused(&m, STATUS_UNSUPPORTED, "(Conv", "over and over");
}

static void models_without_a_usable_frame_are_refused(void **state)
{
    (void)state;
    struct onnx_maker m;
    begin_bad(&m, "Relu", "conv");
    m.opset.version = 99;
    assert_model_refused(&m, STATUS_UNSUPPORTED, "opset 99", "");
    begin_bad(&m, "Relu", "conv");
    m.model.graph = NULL;
    assert_model_refused(&m, STATUS_BAD_INPUT, "no graph", "");
    begin_bad(&m, "Relu", "conv");
    m.graph.n_output = 0;
    assert_model_refused(&m, STATUS_BAD_INPUT, "no output", "");
    begin_bad(&m, "Relu", "conv");
    m.graph.n_input = 0;
    assert_model_refused(&m, STATUS_BAD_INPUT, "no input", "");
    begin_bad(&m, "Relu", "conv");
    m.inputs[0]->type->tensor_type->shape->dim[2]->dim_value = 1 << 30;
    assert_model_refused(&m, STATUS_UNSUPPORTED, "input x", "65536");
    begin_bad(&m, "Relu", "conv");
    m.inputs[0]->type->tensor_type->shape->n_dim = 3;
    assert_model_refused(&m, STATUS_UNSUPPORTED, "input x", "4 dimensions");
    begin_bad(&m, "Relu", "conv");
    onnx_maker_output(&m, "nothing");
    assert_model_refused(&m, STATUS_BAD_INPUT, "output \"nothing\"", "no node");
    begin_bad(&m, "Relu", "conv");
    onnx_maker_node(&m, "Relu", "conv", "bad");
    assert_model_refused(&m, STATUS_BAD_INPUT, "\"bad\"", "made twice");
}

static void control_characters_of_names_stay_out_of_sentences(void **state)
{
    (void)state;
    struct onnx_maker m;
    begin_bad(&m, "Bad\n\033[31m", "conv");
    assert_model_refused(&m, STATUS_UNSUPPORTED, "(Bad??[31m,", "");
    assert_null(strchr(status.message, '\n'));
}

/* --- bytes that are wrong --- */

static void assert_bytes_refused(const void *data, size_t size, const char *reason)
{
    struct net net;
    net_init_empty(&net);
    assert_int_not_equal(net_onnx_read(data, size, NULL, 0, &net, &status), STATUS_OK);
    if (strstr(status.message, reason) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", status.message, reason);
}

static void bytes_that_are_no_model_are_refused(void **state)
{
    (void)state;
    assert_bytes_refused(NULL, 0, "empty");
    assert_bytes_refused("this is not a model", 19, "not an ONNX file");
    assert_bytes_refused("\x3a\xff\xff\xff\xff\x0f", 6, "cut short");
    assert_bytes_refused("\x3a\x00\x3a\x00", 4, "two graph");
    assert_bytes_refused("\x3b", 1, "cut short"); /* a group, which nobody writes */
}

/* Wraps *data into field `number` of an outer message; frees the old bytes. */
static void wrap(unsigned char **data, size_t *size, int number)
{
    unsigned char head[16];
    size_t used = 0;
    head[used++] = (unsigned char)(number << 3 | 2);
    for (size_t rest = *size; used == 1 || rest > 0; rest >>= 7)
        head[used++] = (unsigned char)((rest & 0x7F) | (rest > 0x7F ? 0x80 : 0));
    unsigned char *outer = malloc(*size + used);
    assert_non_null(outer);
    memcpy(outer, head, used);
    memcpy(outer + used, *data, *size);
    free(*data);
    *data = outer;
    *size += used;
}

static void graphs_nested_without_end_are_refused_before_they_are_unpacked(void **state)
{
    (void)state;
    size_t size = 0;
    unsigned char *data = malloc(1);
    for (int level = 0; level < 6000; level++) {
        wrap(&data, &size, 6); /* AttributeProto.g */
        wrap(&data, &size, 5); /* NodeProto.attribute */
        wrap(&data, &size, 1); /* GraphProto.node */
    }
    wrap(&data, &size, 7); /* ModelProto.graph */
    assert_bytes_refused(data, size, "nested deeper");
    free(data);
}

static void small_files_cannot_unpack_to_large_ones(void **state)
{
    (void)state;
    size_t nodes = 4 << 20, size = 2 * nodes;
    unsigned char *data = malloc(size);
    assert_non_null(data);
    for (size_t i = 0; i < nodes; i++) {
        data[2 * i] = 1 << 3 | 2; /* GraphProto.node, empty: 2 bytes that become more than a hundred */
        data[2 * i + 1] = 0;
    }
    wrap(&data, &size, 7);
    assert_bytes_refused(data, size, "made to unpack");
    free(data);
}

/* Mutated or cut exports are read or refused with a sentence; the sanitizer flavours see what else happens. */
static void mutate_and_read(const unsigned char *original, size_t size, struct rng *rng, int *accepted)
{
    struct net net;
    size_t kept = rng_below(rng, 4) == 0 ? rng_below(rng, size) : size;
    unsigned char *data = malloc(kept > 0 ? kept : 1);
    assert_non_null(data);
    memcpy(data, original, kept);
    for (uint64_t i = rng_below(rng, 4); i > 0 && kept > 0; i--) {
        uint64_t place = rng_below(rng, kept);
        unsigned flipped = data[place] ^ (1U << rng_below(rng, 8));
        data[place] = (unsigned char)(rng_below(rng, 2) == 0 ? rng_next(rng) & 0xFF : flipped);
    }
    net_init_empty(&net);
    memset(&status, 0, sizeof status);
    if (net_onnx_read(data, kept, NULL, 0, &net, &status) == STATUS_OK) {
        assert_ok(net_check(&net, &status), status);
        *accepted += 1;
    } else if (status.message[0] == '\0' || net.node_count != 0) {
        fail_msg("a refusal without a sentence, or with a net");
    }
    net_free(&net);
    free(data);
}

static void mutated_exports_are_read_or_refused(void **state)
{
    (void)state;
    static const char *const cells[] = {"241302", "111111", NULL};
    int accepted = 0;
    struct rng rng;
    rng_seed(&rng, 99);
    for (size_t i = 0; i < COUNT(cells); i++) {
        struct net net = cells[i] != NULL ? nb201_net(cells[i]) : varied_net(), folded;
        void *data = NULL;
        size_t size = 0;
        net_init_empty(&folded);
        assert_ok(net_fold(&net, &folded, &status), status); /* fewer weights: most bytes are structure */
        assert_ok(net_onnx_write(&folded, &data, &size, &status), status);
        for (int round = 0; round < 2000; round++)
            mutate_and_read(data, size, &rng, &accepted);
        free(data);
        net_free(&net);
        net_free(&folded);
    }
    assert_in_range(accepted, 1, 5999);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(searched_nets_come_back_identical),
        cmocka_unit_test(a_folded_net_comes_back_identical),
        cmocka_unit_test(option_a_shortcuts_groups_and_shared_outputs_come_back),
        cmocka_unit_test(dilations_shuffles_concatenations_and_offsets_come_back),
        cmocka_unit_test(equal_nets_give_equal_bytes),
        cmocka_unit_test(taps_may_be_chosen_by_value_name),
        cmocka_unit_test(a_net_is_saved_and_loaded),
        cmocka_unit_test(matmul_and_add_are_one_dense_layer),
        cmocka_unit_test(a_view_by_the_number_of_images_is_folded),
        cmocka_unit_test(initializers_used_twice_become_two_tensors),
        cmocka_unit_test(slices_of_both_axes_are_one_subsample_and_shared),
        cmocka_unit_test(slices_from_the_second_row_and_column_are_one_subsample),
        cmocka_unit_test(a_channel_shuffle_is_recognised),
        cmocka_unit_test(nodes_without_names_get_one),
        cmocka_unit_test(arithmetic_on_constants_is_folded),
        cmocka_unit_test(unknown_operators_are_named),
        cmocka_unit_test(unknown_inputs_are_named),
        cmocka_unit_test(wrong_shapes_are_named),
        cmocka_unit_test(parameters_that_are_no_numbers_are_refused),
        cmocka_unit_test(attributes_that_change_the_result_are_refused),
        cmocka_unit_test(what_only_looks_like_a_shuffle_is_refused),
        cmocka_unit_test(arithmetic_that_is_not_possible_is_refused),
        cmocka_unit_test(folding_stops_at_its_budget),
        cmocka_unit_test(weights_used_over_and_over_stop_at_their_budget),
        cmocka_unit_test(models_without_a_usable_frame_are_refused),
        cmocka_unit_test(control_characters_of_names_stay_out_of_sentences),
        cmocka_unit_test(bytes_that_are_no_model_are_refused),
        cmocka_unit_test(graphs_nested_without_end_are_refused_before_they_are_unpacked),
        cmocka_unit_test(small_files_cannot_unpack_to_large_ones),
        cmocka_unit_test(mutated_exports_are_read_or_refused),
    };
    return TEST_RUN(tests);
}
