/* cli_table: the verb `table`: looks into a table the way a study would, so that a wrong column or device shows before a search. */
#include "master/cli_table.h"

#include <argp.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/space.h"
#include "common/table.h"
#include "master/cli_table_predict.h"
#include "master/lut.h"
#include "master/predictor.h"
#include "master/report.h"

enum { KEY_COLUMN = 256, KEY_DEVICE, KEY_DATASET, KEY_SPACE, KEY_ARCH, KEY_LUT, KEY_SAMPLES, KEY_SEEDS, KEY_MODEL };

enum { SAMPLES_MAX = 1000000, SEEDS_MAX = 1000 };

struct table_options {
    const char *file, *column, *device, *dataset, *space, *arch;
    bool lut, predict, predict_given;
    enum cli_format format;
    struct cli_table_predict prediction;
};

/* What is looked into: one of the two. */
struct figures {
    struct table *table;
    struct lut *lut;
};

struct summary {
    size_t rows, values;
    double least, median, most; /* NaN: none */
    struct arch least_arch, most_arch;
    char digest[DIGEST_HEX_BYTES];
};

static int by_value(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

struct collected {
    struct summary *summary;
    double *values;
};

static void collect(void *context, const struct arch *arch, double value)
{
    struct collected *collected = context;
    struct summary *summary = collected->summary;
    if (summary->values == 0 || value < summary->least)
        summary->least = value, summary->least_arch = *arch;
    if (summary->values == 0 || value > summary->most)
        summary->most = value, summary->most_arch = *arch;
    collected->values[summary->values++] = value;
}

static enum status_code summarise_table(const struct table *table, struct summary *out, struct status *status)
{
    struct collected collected = {.summary = out, .values = calloc(table_rows(table), sizeof(double))};
    if (collected.values == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for %zu values", table_rows(table));
    out->rows = table_rows(table);
    digest_hex(table_digest(table), out->digest);
    table_each(table, collect, &collected);
    qsort(collected.values, out->values, sizeof *collected.values, by_value);
    if (out->values > 0)
        out->median = (collected.values[(out->values - 1) / 2] + collected.values[out->values / 2]) / 2;
    free(collected.values);
    return STATUS_OK;
}

/* Over the whole space, whose sums are too many for a median. */
static void summarise_lut(const struct lut *lut, struct summary *out)
{
    out->rows = lut_rows(lut);
    out->values = lut_values(lut);
    digest_hex(lut_digest(lut), out->digest);
    lut_least(lut, &out->least_arch);
    lut_most(lut, &out->most_arch);
    lut_get(lut, &out->least_arch, &out->least);
    lut_get(lut, &out->most_arch, &out->most);
}

/* What is missing is null in JSON, an empty field in CSV, a dash for people. */
static void print_figure(enum cli_format format, double value, char out[DECIMAL_BYTES])
{
    report_number(value, out);
    if (isnan(value) && format != CLI_JSON)
        snprintf(out, DECIMAL_BYTES, "%s", format == CLI_CSV ? "" : "-");
}

static void print_summary(const struct table_options *options, const struct space *space, const struct summary *summary)
{
    char least_arch[ARCH_TEXT_BYTES], most_arch[ARCH_TEXT_BYTES], least[DECIMAL_BYTES], median[DECIMAL_BYTES], most[DECIMAL_BYTES];
    space_print(space, &summary->least_arch, least_arch);
    space_print(space, &summary->most_arch, most_arch);
    print_figure(options->format, summary->least, least);
    print_figure(options->format, summary->median, median);
    print_figure(options->format, summary->most, most);
    if (options->format == CLI_JSON) {
        fputs("{\"column\":", stdout);
        report_json_text(options->column, stdout);
        printf(",\"rows\":%zu,\"values\":%zu,\"min\":%s,\"median\":%s,\"max\":%s,\"min_arch\":", summary->rows, summary->values,
               least, median, most);
        report_json_text(least_arch, stdout);
        fputs(",\"max_arch\":", stdout);
        report_json_text(most_arch, stdout);
        printf(",\"digest\":\"%s\"}\n", summary->digest);
    } else if (options->format == CLI_CSV) {
        puts("column,rows,values,min,median,max,min_arch,max_arch");
        report_csv_field(options->column, stdout);
        printf(",%zu,%zu,%s,%s,%s,", summary->rows, summary->values, least, median, most);
        report_csv_field(least_arch, stdout);
        fputc(',', stdout);
        report_csv_field(most_arch, stdout);
        fputc('\n', stdout);
    } else {
        printf("column  %s\nrows    %zu, %zu with a value\nmin     %s  %s\nmedian  %s\nmax     %s  %s\ndigest  %s\n",
               options->column, summary->rows, summary->values, least, least_arch, median, most, most_arch, summary->digest);
    }
}

static enum status_code show_one(const struct table_options *options, const struct figures *figures, const struct space *space,
                                 struct status *status)
{
    struct arch arch;
    double value;
    char text[ARCH_TEXT_BYTES], number[32];
    enum status_code code = space_parse(space, options->arch, &arch, status);
    if (code != STATUS_OK)
        return code;
    space_print(space, &arch, text);
    if (!(figures->lut != NULL ? lut_get(figures->lut, &arch, &value) : table_get(figures->table, &arch, &value)))
        return status_set(status, STATUS_NOT_FOUND, "%s has no %s for %s", options->file, options->column, text);
    report_number(value, number);
    if (options->format == CLI_JSON) {
        fputs("{\"arch\":", stdout);
        report_json_text(text, stdout);
        fputc(',', stdout);
        report_json_text(options->column, stdout);
        printf(":%s}\n", number);
    } else {
        if (options->format == CLI_CSV) {
            fputs("arch,", stdout);
            report_csv_field(options->column, stdout);
            fputc('\n', stdout);
        }
        report_csv_field(text, stdout);
        printf("%s%s\n", options->format == CLI_CSV ? "," : "  ", number);
    }
    return STATUS_OK;
}

static enum status_code load_figures(const struct table_options *options, const struct space *space, struct figures *out,
                                     struct status *status)
{
    if (options->lut)
        return lut_load(options->file, space, options->column, &out->lut, status);
    return table_load(options->file, space, options->device, options->dataset, options->column, &out->table, status);
}

static enum status_code show_all(const struct table_options *options, const struct figures *figures, const struct space *space,
                                 struct status *status)
{
    struct summary summary = {.least = NAN, .median = NAN, .most = NAN};
    summary.least_arch.length = summary.most_arch.length = (uint8_t)space_gene_count(space);
    enum status_code code = STATUS_OK;
    if (figures->lut != NULL)
        summarise_lut(figures->lut, &summary);
    else
        code = summarise_table(figures->table, &summary, status);
    if (code == STATUS_OK)
        print_summary(options, space, &summary);
    return code;
}

static enum status_code show(const struct table_options *options, struct status *status)
{
    struct space space;
    struct figures figures = {NULL, NULL};
    enum status_code code = space_open(options->space, &space, status);
    if (code != STATUS_OK)
        return code;
    code = load_figures(options, &space, &figures, status);
    if (code == STATUS_OK && options->predict)
        code = cli_table_predict(&options->prediction, &space, figures.table, status);
    else if (code == STATUS_OK)
        code = options->arch != NULL ? show_one(options, &figures, &space, status) : show_all(options, &figures, &space, status);
    table_free(figures.table);
    lut_free(figures.lut);
    space_close(&space);
    return code;
}

static void read_samples(struct table_options *options, char *text, struct argp_state *state)
{
    char *parts[CLI_TABLE_PREDICT_SAMPLES_MAX];
    int count = cli_option_list("samples", text, parts, CLI_TABLE_PREDICT_SAMPLES_MAX, state);
    for (int i = 0; i < count; i++)
        options->prediction.samples[i] = (uint32_t)cli_option_int("samples", parts[i], 5, SAMPLES_MAX, state);
    options->prediction.sample_count = (size_t)count;
}

static void read_model(struct table_options *options, const char *text, struct argp_state *state)
{
    for (int kind = 0; kind < PREDICTOR_KINDS; kind++) {
        if (strcmp(text, predictor_kind_name((enum predictor_kind)kind)) == 0) {
            options->prediction.kinds = 1U << kind;
            return;
        }
    }
    argp_error(state, "--model: '%s' is none of ridge, kernel and mlp", text);
}

static error_t parse_prediction(int key, char *text, struct argp_state *state)
{
    struct table_options *options = state->input;
    switch (key) {
    case KEY_SAMPLES: read_samples(options, text, state); break;
    case KEY_SEEDS: options->prediction.seeds = (uint32_t)cli_option_int("seeds", text, 1, SEEDS_MAX, state); break;
    case KEY_MODEL: read_model(options, text, state); break;
    default: return ARGP_ERR_UNKNOWN;
    }
    options->predict_given = true;
    return 0;
}

static void finish_arguments(struct table_options *options, struct argp_state *state)
{
    if (options->file == NULL || options->column == NULL)
        argp_error(state, "a file and --column are needed");
    if (options->lut && (options->device != NULL || options->dataset != NULL))
        argp_error(state, "a look-up table has neither device nor dataset; choose the column");
    if (options->predict && (options->lut || options->arch != NULL))
        argp_error(state, "predict learns from a table's rows; --lut and --arch belong to show");
    if (!options->predict && options->predict_given)
        argp_error(state, "--samples, --seeds and --model belong to predict");
    options->prediction.column = options->column;
    options->prediction.format = options->format;
}

static error_t parse_option(int key, char *text, struct argp_state *state)
{
    struct table_options *options = state->input;
    switch (key) {
    case KEY_COLUMN: options->column = text; return 0;
    case KEY_DEVICE: options->device = text; return 0;
    case KEY_DATASET: options->dataset = text; return 0;
    case KEY_SPACE: options->space = text; return 0;
    case KEY_ARCH: options->arch = text; return 0;
    case KEY_LUT: options->lut = true; return 0;
    case 'f': options->format = cli_option_format(text, state); return 0;
    case ARGP_KEY_ARG:
        options->predict |= state->arg_num == 0 && strcmp(text, "predict") == 0;
        if (state->arg_num == 0 && !options->predict && strcmp(text, "show") != 0)
            argp_error(state, "'%s' is not known; `hwnas table show FILE --column C` it is, or predict in place of show", text);
        if (state->arg_num > 1)
            argp_error(state, "one file at a time; '%s' is a second", text);
        if (state->arg_num == 1)
            options->file = text;
        return 0;
    case ARGP_KEY_END: finish_arguments(options, state); return 0;
    default: return parse_prediction(key, text, state);
    }
}

static int run_verb(int argc, char **argv)
{
    static const struct argp_option option_table[] = {
        {"column", KEY_COLUMN, "NAME", 0, "the column to read (needed)", 0},
        {"device", KEY_DEVICE, "NAME", 0, "only rows whose column `device` holds this", 0},
        {"dataset", KEY_DATASET, "NAME", 0, "only rows whose column `dataset` holds this", 0},
        {"arch", KEY_ARCH, "STR", 0, "look this architecture up", 0},
        {"space", KEY_SPACE, "NAME", 0, "the search space; default nb201", 0},
        {"lut", KEY_LUT, NULL, 0, "the file is a look-up table: one figure a decision, under `layer` and `op`", 0},
        {"samples", KEY_SAMPLES, "N,...", 0, "predict: sizes of the sample to learn from; default 10,50,100,1000", 0},
        {"seeds", KEY_SEEDS, "N", 0, "predict: samples of each size; default 5", 0},
        {"model", KEY_MODEL, "NAME", 0, "predict: ridge, kernel or mlp alone; default: cross-validation chooses", 0},
        {"format", 'f', "FORMAT", 0, "table (default), csv or json", 0},
        {0}};
    static const struct argp argp = {.options = option_table,
                                     .parser = parse_option,
                                     .args_doc = "show FILE\npredict FILE",
                                     .doc =
                                         "Reads a CSV table as a study would: one row an architecture, under `arch_str` or `ops`; "
                                         "prints how many values there are and their range. With --lut as `source: lut` reads it: "
                                         "the range is the whole space's.\v`predict` says how well the "
                                         "column can be foretold: it learns from a random sample and predicts every other row. "
                                         "Architectures whose output does not depend on their input are a class of their own."};
    struct table_options options = {
        .space = "nb201",
        .format = CLI_TABLE,
        .prediction = {.samples = {10, 50, 100, 1000}, .sample_count = 4, .seeds = 5, .kinds = PREDICTOR_ALL}};
    struct status status = {0};
    argp_parse(&argp, argc, argv, 0, NULL, &options);
    return show(&options, &status) == STATUS_OK ? cli_flush("table") : cli_fail("table", &status);
}

const struct cli_verb cli_table_verb = {"table", "look into a CSV table of known figures", run_verb};
