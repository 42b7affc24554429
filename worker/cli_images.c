/* cli_images: `hwnas images build`: labelled images in, a part of them as one file of images out; and the options that name images.
 */
#include "worker/cli_images.h"

#include <stdlib.h>
#include <string.h>

#include "common/digest.h"
#include "common/fileio.h"
#include "common/images.h"
#include "worker/cli_options.h"

enum { KEY_LABELS = 512, KEY_FORMAT, KEY_MEAN, KEY_STD, KEY_FIRST, KEY_COUNT, IMAGES_MAX = 100000000 };

/* --- options --- */

static int read_channels(const char *option, char *text, float out[4], double low, double high, struct argp_state *state)
{
    char *parts[4];
    int count = cli_option_list(option, text, parts, 4, state);
    for (int i = 0; i < count; i++)
        out[i] = (float)cli_option_number(option, parts[i], low, high, state);
    return count;
}

static error_t parse_images_option(int key, char *text, struct argp_state *state)
{
    struct cli_images *images = state->input;
    if (key == 'i')
        images->path = text;
    else if (key == KEY_LABELS)
        images->labels = text;
    else if (key == KEY_FORMAT)
        images->format = text;
    else if (key == KEY_MEAN)
        images->mean_count = read_channels("mean", text, images->mean, -1000, 1000, state);
    else if (key == KEY_STD)
        images->std_count = read_channels("std", text, images->std, 1e-6, 1e6, state);
    else
        return ARGP_ERR_UNKNOWN;
    return 0;
}

static const struct argp_option images_options[] = {
    {"images", 'i', "FILE", 0, "labelled images: CIFAR-10 or CIFAR-100 binary, or IDX; plain or .gz", 0},
    {"labels", KEY_LABELS, "FILE", 0, "labels of IDX images; default: the file beside them", 0},
    {"format", KEY_FORMAT, "NAME", 0, "cifar10, cifar100 or idx; default: recognised by contents", 0},
    {"mean", KEY_MEAN, "A,B,C", 0, "normalisation of values in 0..1, one number a channel; default: the set's own", 0},
    {"std", KEY_STD, "A,B,C", 0, "deviation, the same", 0},
    {0}};

const struct argp cli_images_argp = {images_options, parse_images_option, NULL, NULL, NULL, NULL, NULL};

enum status_code cli_images_load(const struct cli_images *images, size_t max_count, struct data_set *out, struct status *status)
{
    enum status_code code = data_load(images->path, images->labels, images->format, max_count, out, status);
    if (code != STATUS_OK)
        return code;
    if ((images->mean_count != 0 && images->mean_count != out->shape.c) ||
        (images->std_count != 0 && images->std_count != out->shape.c)) {
        int channels = out->shape.c;
        data_free(out);
        return status_set(status, STATUS_BAD_INPUT, "--mean and --std need one number for each of the %d channels", channels);
    }
    if (images->mean_count > 0)
        memcpy(out->mean, images->mean, sizeof out->mean);
    if (images->std_count > 0)
        memcpy(out->std, images->std, sizeof out->std);
    return STATUS_OK;
}

enum status_code cli_images_load_pair(const struct cli_images *images, size_t max_count, const struct cli_images *test_images,
                                      size_t test_max_count, struct data_set *train, struct data_set *test, struct status *status)
{
    enum status_code code = cli_images_load(images, max_count, train, status);
    if (code != STATUS_OK || test_images->path == NULL)
        return code;
    struct cli_images others = *test_images;
    others.format = images->format;
    code = cli_images_load(&others, test_max_count, test, status);
    if (code == STATUS_OK && (test->shape.c != train->shape.c || test->shape.h != train->shape.h ||
                              test->shape.w != train->shape.w || test->classes > train->classes))
        return status_set(status, STATUS_BAD_INPUT, "%s: its images or classes are others than those of %s", others.path,
                          images->path);
    memcpy(test->mean, train->mean, sizeof test->mean);
    memcpy(test->std, train->std, sizeof test->std);
    return code;
}

/* --- build --- */

struct build_options {
    struct cli_images images;
    int first, count; /* count 0: all that follow */
    const char *out;
    enum cli_format format;
};

static const struct argp_option option_table[] = {
    {"output", 'o', "FILE", 0, "the file of images to write (needed)", 1},
    {"first", KEY_FIRST, "N", 0, "the first image taken, counted from 0; default 0", 1},
    {"count", KEY_COUNT, "N", 0, "how many are taken; default: all that follow", 1},
    {NULL, 'f', "FORMAT", 0, "print what was made as table (default) or json", 1},
    {0}};

static error_t parse_option(int key, char *text, struct argp_state *state)
{
    struct build_options *options = state->input;
    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &options->images; break;
    case 'i': options->images.path = text; break;
    case 'o': options->out = text; break;
    case 'f':
        options->format = cli_option_format(text, state);
        if (options->format == CLI_CSV)
            argp_error(state, "-f is table or json here, not csv");
        break;
    case KEY_FIRST: options->first = cli_option_int("first", text, 0, IMAGES_MAX, state); break;
    case KEY_COUNT: options->count = cli_option_int("count", text, 1, IMAGES_MAX, state); break;
    case ARGP_KEY_ARG: argp_error(state, "'%s' belongs to no option", text); break;
    case ARGP_KEY_END:
        if (options->images.path == NULL || options->out == NULL)
            argp_error(state, "--images and -o are needed");
        break;
    default: return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static enum status_code print_built(const struct build_options *options, const struct images *images, const void *data,
                                    size_t bytes, struct status *status)
{
    struct digest digest;
    char hex[DIGEST_HEX_BYTES];
    digest_of(data, bytes, &digest);
    digest_hex(&digest, hex);
    if (options->format == CLI_JSON)
        return cli_json_print(json_pack("{s:s,s:s,s:I,s:s,s:i,s:i,s:i,s:[i,i,i]}", "file", options->out, "digest", hex, "bytes",
                                        (json_int_t)bytes, "dataset", images->dataset, "first", options->first, "count",
                                        images->count, "classes", images->classes, "shape", images->shape.c, images->shape.h,
                                        images->shape.w),
                              status);
    printf("images   %s (%zu bytes)\ndigest   %s\ndataset  %s, %d classes\ntaken    %d of %dx%dx%d, from image %d on\n",
           options->out, bytes, hex, images->dataset, images->classes, images->count, images->shape.c, images->shape.h,
           images->shape.w, options->first);
    return STATUS_OK;
}

static enum status_code build(const struct build_options *options, struct status *status)
{
    const size_t first = (size_t)options->first, wanted = options->count == 0 ? 0 : first + (size_t)options->count;
    struct data_set set = {0};
    struct images images = {0};
    void *data = NULL;
    size_t bytes = 0;
    /* All of them: of formats without a normalisation of their own it is computed, and the parts of one file shall have the same.
     */
    enum status_code code = cli_images_load(&options->images, 0, &set, status);
    if (code == STATUS_OK && (first >= set.count || (wanted > 0 && wanted > set.count)))
        code = status_set(status, STATUS_BAD_INPUT, "%s: it has %zu images: --first and --count ask for more", options->images.path,
                          set.count);
    if (code == STATUS_OK)
        code = data_images(&set, first, (wanted > 0 ? wanted : set.count) - first, &images, status);
    if (code == STATUS_OK)
        code = images_write(&images, &data, &bytes, status);
    if (code == STATUS_OK)
        code = fileio_write(options->out, data, bytes, status);
    if (code == STATUS_OK)
        code = print_built(options, &images, data, bytes, status);
    free(data);
    images_free(&images);
    data_free(&set);
    return code;
}

static int build_run(int argc, char **argv)
{
    static const struct argp_child children[] = {{&cli_images_argp, 0, "The images:", 2}, {0}};
    static const struct argp argp = {option_table,
                                     parse_option,
                                     NULL,
                                     "Writes labelled images, or a part of them, as one file with a content address: what one-shot "
                                     "nets are trained and scored on.",
                                     children,
                                     NULL,
                                     NULL};
    struct build_options options = {.count = 0};
    struct status status = {0};
    argp_parse(&argp, argc, argv, 0, NULL, &options);
    return build(&options, &status) == STATUS_OK ? cli_flush("images build") : cli_fail("images build", &status);
}

/* --- the verb --- */

static const struct cli_verb commands[] = {
    {"build", "write labelled images, or a part of them, as one file", build_run},
};

static int images_run(int argc, char **argv)
{
    return cli_run_command("images", "Files of images for one-shot nets (docs/REFERENCE.md).", commands,
                           sizeof commands / sizeof commands[0], argc, argv);
}

const struct cli_verb cli_images_verb = {"images", "make the files of images that one-shot nets are trained and scored on",
                                         images_run};
