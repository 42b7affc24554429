/* cli_table: the verb `table`: looks into a table the way a study would, so that a wrong column or device shows before a search. */
#include "master/cli_table.h"

#include <argp.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/space.h"
#include "master/report.h"
#include "master/table.h"

enum { KEY_COLUMN = 256, KEY_DEVICE, KEY_DATASET, KEY_SPACE, KEY_ARCH };

/* Above this many architectures the whole space is not walked through. */
enum { WALK_MAX = 10 * 1000 * 1000 };

struct table_options {
    const char *file, *column, *device, *dataset, *space, *arch;
    enum cli_format format;
};

struct summary {
    size_t rows, values;
    double least, median, most;
    struct arch least_arch, most_arch;
    char digest[DIGEST_HEX_BYTES];
};

/* The next architecture in the order of its genes read as digits; false after the last. */
static bool next_arch(const struct space *space, struct arch *arch)
{
    for (size_t gene = arch->length; gene-- > 0;) {
        if (arch->genes[gene] + 1 < space_choices(space, gene)) {
            arch->genes[gene]++;
            return true;
        }
        arch->genes[gene] = 0;
    }
    return false;
}

static double space_size(const struct space *space)
{
    double size = 1;
    for (size_t gene = 0; gene < space_gene_count(space); gene++)
        size *= space_choices(space, gene);
    return size;
}

static int by_value(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* Looks every architecture of the space up: the table is asked just as a study asks it. */
static enum status_code summarise(const struct table *table, const struct space *space, struct summary *out, struct status *status)
{
    struct arch arch = {.length = (uint8_t)space_gene_count(space)};
    double value, *values;
    out->rows = table_rows(table);
    digest_hex(table_digest(table), out->digest);
    if (space_size(space) > WALK_MAX)
        return status_set(status, STATUS_UNSUPPORTED,
                          "the space has %.3g architectures, too many to summarise; look one up with --arch", space_size(space));
    values = calloc(out->rows + 1, sizeof *values);
    if (values == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for %zu values", out->rows);
    do {
        if (table_get(table, &arch, &value) != 1)
            continue;
        if (out->values == 0 || value < out->least)
            out->least = value, out->least_arch = arch;
        if (out->values == 0 || value > out->most)
            out->most = value, out->most_arch = arch;
        values[out->values++] = value;
    } while (next_arch(space, &arch));
    qsort(values, out->values, sizeof *values, by_value);
    out->median = out->values == 0 ? NAN : (values[(out->values - 1) / 2] + values[out->values / 2]) / 2;
    free(values);
    return STATUS_OK;
}

static void print_summary(const struct table_options *options, const struct space *space, const struct summary *summary)
{
    char least_arch[ARCH_TEXT_BYTES], most_arch[ARCH_TEXT_BYTES], least[32], median[32], most[32];
    space_print(space, &summary->least_arch, least_arch);
    space_print(space, &summary->most_arch, most_arch);
    report_number(summary->values > 0 ? summary->least : NAN, least);
    report_number(summary->median, median);
    report_number(summary->values > 0 ? summary->most : NAN, most);
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

static enum status_code show_one(const struct table_options *options, const struct table *table, const struct space *space,
                                 struct status *status)
{
    struct arch arch;
    double value;
    char text[ARCH_TEXT_BYTES], number[32];
    enum status_code code = space_parse(space, options->arch, &arch, status);
    if (code != STATUS_OK)
        return code;
    space_print(space, &arch, text);
    if (table_get(table, &arch, &value) != 1)
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

static enum status_code show(const struct table_options *options, struct status *status)
{
    struct space space;
    struct table *table = NULL;
    struct summary summary = {.rows = 0};
    enum status_code code = space_open(options->space, &space, status);
    if (code != STATUS_OK)
        return code;
    code = table_load(options->file, &space, options->device, options->dataset, options->column, &table, status);
    if (code == STATUS_OK && options->arch != NULL)
        code = show_one(options, table, &space, status);
    else if (code == STATUS_OK && (code = summarise(table, &space, &summary, status)) == STATUS_OK)
        print_summary(options, &space, &summary);
    table_free(table);
    space_close(&space);
    return code;
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
    case 'f': options->format = cli_option_format(text, state); return 0;
    case ARGP_KEY_ARG:
        if (state->arg_num == 0 && strcmp(text, "show") != 0)
            argp_error(state, "'%s' is not known; `hwnas table show FILE --column C` it is", text);
        if (state->arg_num > 1)
            argp_error(state, "one file at a time; '%s' is a second", text);
        if (state->arg_num == 1)
            options->file = text;
        return 0;
    case ARGP_KEY_END:
        if (options->file == NULL || options->column == NULL)
            argp_error(state, "a file and --column are needed");
        return 0;
    default: return ARGP_ERR_UNKNOWN;
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
        {"format", 'f', "FORMAT", 0, "table (default), csv or json", 0},
        {0}};
    static const struct argp argp = {.options = option_table,
                                     .parser = parse_option,
                                     .args_doc = "show FILE",
                                     .doc =
                                         "Reads a CSV table as a study would: one row an architecture, under `arch_str` or `ops`; "
                                         "prints how many values there are and their range."};
    struct table_options options = {.space = "nb201", .format = CLI_TABLE};
    struct status status = {0};
    argp_parse(&argp, argc, argv, 0, NULL, &options);
    return show(&options, &status) == STATUS_OK ? cli_flush("table") : cli_fail("table", &status);
}

const struct cli_verb cli_table_verb = {"table", "look into a CSV table of known figures", run_verb};
