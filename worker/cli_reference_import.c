/* cli_reference_import: `hwnas reference import`: says what hwnas reads in a foreign model, and writes it as its own ONNX. */
#include <math.h>
#include <stdlib.h>

#include "common/cost.h"
#include "common/net_onnx.h"
#include "worker/cli_options.h"
#include "worker/cli_reference_parts.h"
#include "worker/infer.h"

struct import_options {
    struct cli_model model;
    struct cli_images images; /* path NULL: no accuracy */
    const char *out;          /* NULL: only checked */
    enum cli_format format;
};

static const struct argp_option option_table[] = {
    {"output", 'o', "FILE", 0, "write the model as ONNX: logits first, then the taps", 1},
    {NULL, 'f', "FORMAT", 0, "table (default), csv or json", 1},
    {0}};

static error_t parse_option(int key, char *text, struct argp_state *state)
{
    struct import_options *options = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &options->model;
        state->child_inputs[1] = &options->images;
        break;
    case 'i': options->images.path = text; break;
    case 'o': options->out = text; break;
    case 'f': options->format = cli_option_format(text, state); break;
    case ARGP_KEY_ARG: argp_error(state, "'%s' belongs to no option", text); break;
    case ARGP_KEY_END:
        if (options->model.path == NULL)
            argp_error(state, "--model is needed");
        break;
    default: return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

/* --- printing --- */

/* "logits", "tap 1", ... for a node that is an output, else "". */
static void role_of(const struct net *net, int node, char out[32])
{
    out[0] = '\0';
    for (int i = 0; i < net->output_count; i++)
        if (net->outputs[i] == node)
            snprintf(out, 32, i == 0 ? "logits" : "tap %d", i);
}

static void print_layers(const struct net *net, enum cli_format format)
{
    char role[32];
    puts(format == CLI_CSV ? "layer,op,channels,height,width,role" : "op               shape         role    layer");
    for (int i = 0; i < net->node_count; i++) {
        const struct net_node *node = &net->nodes[i];
        role_of(net, i, role);
        if (format == CLI_CSV) {
            cli_print_safe(stdout, node->name);
            printf(",%s,%d,%d,%d,%s\n", net_op_name(node->op), node->shape.c, node->shape.h, node->shape.w, role);
        } else {
            char shape[48];
            snprintf(shape, sizeof shape, "%dx%dx%d", node->shape.c, node->shape.h, node->shape.w);
            printf("%-16s %-13s %-7s ", net_op_name(node->op), shape, role);
            cli_print_safe(stdout, node->name);
            putchar('\n');
        }
    }
}

static json_t *layers_json(const struct net *net)
{
    json_t *layers = json_array();
    for (int i = 0; i < net->node_count; i++) {
        const struct net_node *node = &net->nodes[i];
        char role[32];
        role_of(net, i, role);
        json_array_append_new(layers, json_pack("{s:s,s:s,s:[i,i,i],s:s}", "layer", node->name, "op", net_op_name(node->op),
                                                "shape", node->shape.c, node->shape.h, node->shape.w, "role", role));
    }
    return layers;
}

/* accuracy is NaN when no images were given. */
static enum status_code print_model(const struct import_options *options, const struct net *net, double accuracy,
                                    struct status *status)
{
    struct cost cost;
    cost_of_net(net, &cost);
    if (options->format == CLI_JSON)
        return cli_json_print(json_pack("{s:s,s:o?,s:I,s:I,s:i,s:i,s:o,s:o}", "model", options->model.path, "output",
                                        options->out == NULL ? json_null() : json_string(options->out), "parameters",
                                        (json_int_t)cost.params, "macs", (json_int_t)cost.macs, "classes", net->classes, "taps",
                                        net->output_count - 1, "accuracy", cli_json_number(accuracy), "layers", layers_json(net)),
                              status);
    print_layers(net, options->format);
    if (options->format == CLI_CSV)
        return STATUS_OK;
    printf("%d classes, %d taps, %lld parameters, %.2f million MACs\n", net->classes, net->output_count - 1, (long long)cost.params,
           (double)cost.macs * 1e-6);
    if (isfinite(accuracy))
        printf("accuracy %.2f %%\n", accuracy * 100);
    if (options->out != NULL)
        printf("written to %s\n", options->out);
    return STATUS_OK;
}

/* --- the command --- */

static enum status_code measure_accuracy(const struct import_options *options, const struct net *net, double *accuracy,
                                         struct status *status)
{
    struct data_set set = {0};
    enum status_code code = cli_images_load(&options->images, 0, &set, status);
    if (code == STATUS_OK)
        code = infer_accuracy(net, &set, accuracy, status);
    data_free(&set);
    return code;
}

static enum status_code import(const struct import_options *options, struct status *status)
{
    struct net net;
    double accuracy = NAN;
    net_init_empty(&net);
    enum status_code code = cli_model_load(&options->model, &net, status);
    if (code == STATUS_OK && options->images.path != NULL)
        code = measure_accuracy(options, &net, &accuracy, status);
    if (code == STATUS_OK && options->out != NULL)
        code = net_onnx_save(&net, options->out, status);
    if (code == STATUS_OK)
        code = print_model(options, &net, accuracy, status);
    net_free(&net);
    return code;
}

int cli_reference_import(int argc, char **argv)
{
    static const struct argp_child children[] = {
        {&cli_model_argp, 0, "The model:", 2}, {&cli_images_argp, 0, "The images:", 3}, {0}};
    static const struct argp argp = {
        option_table,
        parse_option,
        NULL,
        "Reads a model, prints its layers, taps, parameters and MACs (and with --images its accuracy), and "
        "with -o writes it as ONNX with its taps as outputs.",
        children,
        NULL,
        NULL};
    struct import_options options = {0};
    struct status status = {0};
    argp_parse(&argp, argc, argv, 0, NULL, &options);
    return import(&options, &status) == STATUS_OK ? cli_flush("reference import") : cli_fail("reference import", &status);
}
