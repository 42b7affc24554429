/* cli_reference_build: `hwnas reference build`: model and images in, one bundle file out. */
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/fileio.h"
#include "common/space.h"
#include "worker/cli_options.h"
#include "worker/cli_reference_parts.h"
#include "worker/reference.h"

struct build_options {
    struct cli_model model;
    struct cli_images images;
    const char *space;
    int pool, batch; /* 0: what goes with the space */
    const char *out;
    enum cli_format format;
};

enum { KEY_POOL = 256, KEY_BATCH, KEY_SPACE, POOL_OF_BATCH = 16 };

static const struct argp_option option_table[] = {
    {"output", 'o', "FILE", 0, "the bundle to write (needed)", 1},
    {"space", KEY_SPACE, "NAME", 0, "the search space whose candidates it will score; default nb201", 1},
    {"batch", KEY_BATCH, "N", 0, "images kept, those of lowest cross-entropy; default 32, for darts 128", 1},
    {"pool", KEY_POOL, "N", 0, "images scored together, the first of the file; default 16 times the batch", 1},
    {NULL, 'f', "FORMAT", 0, "print what was made as table (default), csv or json", 1},
    {0}};

static error_t parse_option(int key, char *text, struct argp_state *state)
{
    struct build_options *options = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &options->model;
        state->child_inputs[1] = &options->images;
        break;
    case 'i': options->images.path = text; break;
    case 'o': options->out = text; break;
    case 'f': options->format = cli_option_format(text, state); break;
    case KEY_SPACE: options->space = text; break;
    case KEY_POOL: options->pool = cli_option_int("pool", text, 2, 65536, state); break;
    case KEY_BATCH: options->batch = cli_option_int("batch", text, 2, BUNDLE_BATCH_MAX, state); break;
    case ARGP_KEY_ARG: argp_error(state, "'%s' belongs to no option", text); break;
    case ARGP_KEY_END:
        if (options->model.path == NULL || options->images.path == NULL || options->out == NULL)
            argp_error(state, "--model, --images and -o are needed");
        break;
    default: return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

/* What was made, for printing. */
struct built {
    const struct build_options *options;
    const struct bundle *bundle;
    char digest[DIGEST_HEX_BYTES];
    size_t bytes;
    double seconds;
};

static enum status_code print_json(const struct built *built, struct status *status)
{
    const struct bundle *bundle = built->bundle;
    json_t *indices = json_array(), *labels = json_array(), *cross_entropy = json_array();
    for (int i = 0; i < bundle->batch; i++) {
        json_array_append_new(indices, json_integer(bundle->indices[i]));
        json_array_append_new(labels, json_integer(bundle->labels[i]));
        json_array_append_new(cross_entropy, cli_json_number(bundle->cross_entropy[i]));
    }
    return cli_json_print(json_pack("{s:s,s:s,s:I,s:s,s:s,s:i,s:i,s:i,s:i,s:o,s:o,s:o,s:f}", "bundle", built->options->out,
                                    "digest", built->digest, "bytes", (json_int_t)built->bytes, "dataset", bundle->dataset,
                                    "reference", bundle->reference, "pool", built->options->pool, "batch", bundle->batch, "classes",
                                    bundle->classes, "taps", bundle->taps, "indices", indices, "labels", labels, "cross_entropy",
                                    cross_entropy, "seconds", built->seconds),
                          status);
}

static enum status_code print_built(const struct built *built, struct status *status)
{
    const struct bundle *bundle = built->bundle;
    if (built->options->format == CLI_JSON)
        return print_json(built, status);
    if (built->options->format == CLI_CSV) {
        puts("index,label,cross_entropy");
        for (int i = 0; i < bundle->batch; i++)
            printf("%d,%d,%.17g\n", bundle->indices[i], bundle->labels[i], bundle->cross_entropy[i]);
        return STATUS_OK;
    }
    printf("bundle     %s (%zu bytes)\ndigest     %s\ndataset    %s, %d classes\nreference  %s, %d taps\n", built->options->out,
           built->bytes, built->digest, bundle->dataset, bundle->classes, bundle->reference, bundle->taps);
    printf("batch      %d of %d images, cross-entropy %.3g to %.3g\n", bundle->batch, built->options->pool,
           bundle->cross_entropy[0], bundle->cross_entropy[bundle->batch - 1]);
    return STATUS_OK;
}

static enum status_code write_and_print(const struct build_options *options, const struct bundle *bundle, double seconds,
                                        struct status *status)
{
    struct built built = {.options = options, .bundle = bundle, .seconds = seconds};
    struct digest digest;
    void *data = NULL;
    enum status_code code = bundle_write(bundle, &data, &built.bytes, status);
    if (code == STATUS_OK)
        code = fileio_write(options->out, data, built.bytes, status);
    if (code == STATUS_OK) {
        digest_of(data, built.bytes, &digest);
        digest_hex(&digest, built.digest);
        code = print_built(&built, status);
    }
    free(data);
    return code;
}

/* The model's file name without its folders: what people will read in the bundle. */
static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

/* As the published protocol of the space has it, where the command line says nothing. */
static enum status_code complete(struct build_options *options, struct status *status)
{
    const struct space_ops *space;
    enum status_code code = space_find(options->space, &space, status);
    if (code != STATUS_OK)
        return code;
    if (options->batch == 0)
        options->batch = space->batch;
    if (options->pool == 0)
        options->pool = POOL_OF_BATCH * options->batch;
    return STATUS_OK;
}

static enum status_code build(const struct build_options *options, struct status *status)
{
    struct net net;
    struct data_set set = {0};
    struct bundle bundle = {0};
    int64_t started_ns = clock_monotonic_ns();
    net_init_empty(&net);
    enum status_code code = cli_model_load(&options->model, &net, status);
    if (code == STATUS_OK)
        code = cli_images_load(&options->images, (size_t)options->pool, &set, status);
    if (code == STATUS_OK)
        code = reference_bundle(&net, base_name(options->model.path), &set, options->pool, options->batch, &bundle, status);
    if (code == STATUS_OK)
        code = write_and_print(options, &bundle, (double)(clock_monotonic_ns() - started_ns) * 1e-9, status);
    bundle_free(&bundle);
    data_free(&set);
    net_free(&net);
    return code;
}

int cli_reference_build(int argc, char **argv)
{
    static const struct argp_child children[] = {
        {&cli_model_argp, 0, "The model:", 2}, {&cli_images_argp, 0, "The images:", 3}, {0}};
    static const struct argp argp = {
        option_table,
        parse_option,
        NULL,
        "Scores the first images of a training set with a reference model, freezes those it is surest of, and writes them with the "
        "reference's centred Gram matrices as one bundle: all that workers need.",
        children,
        NULL,
        NULL};
    struct build_options options = {.space = "nb201"};
    struct status status = {0};
    engine_blas_settle();
    argp_parse(&argp, argc, argv, 0, NULL, &options);
    cli_warn_of_blas("reference build");
    enum status_code code = complete(&options, &status);
    if (code == STATUS_OK)
        code = build(&options, &status);
    return code == STATUS_OK ? cli_flush("reference build") : cli_fail("reference build", &status);
}
