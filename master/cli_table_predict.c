/* cli_table_predict: see cli_table_predict.h. Called by cli_table.c. */
#include "master/cli_table_predict.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/rng.h"
#include "master/bench_stats.h"
#include "master/predictor.h"
#include "master/report.h"

enum { LEFT_LEAST = 100, KINDS_TEXT_BYTES = 64 };

/* The rows that have a value, in the order they are drawn in. */
struct rows {
    const struct space *space;
    struct arch *archs;
    double *values, *measured, *predicted;
    size_t count;
};

/* One size of sample over all seeds. */
struct outcome {
    uint32_t samples;
    struct bench_stats relative, rank, promised, disconnected; /* disconnected: mean |error| in the column's unit */
    uint32_t chosen[PREDICTOR_KINDS];
    size_t disconnected_count; /* of the last seed */
};

static void collect(void *context, const struct arch *arch, double value)
{
    struct rows *rows = context;
    rows->archs[rows->count] = *arch;
    rows->values[rows->count++] = value;
}

static void free_rows(struct rows *rows)
{
    free(rows->archs);
    free(rows->values);
    free(rows->measured);
    free(rows->predicted);
}

static enum status_code open_rows(const struct space *space, const struct table *table, struct rows *out, struct status *status)
{
    size_t n = table_rows(table);
    *out = (struct rows){.space = space,
                         .archs = calloc(n, sizeof *out->archs),
                         .values = calloc(n, sizeof(double)),
                         .measured = calloc(n, sizeof(double)),
                         .predicted = calloc(n, sizeof(double))};
    if (out->archs == NULL || out->values == NULL || out->measured == NULL || out->predicted == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for %zu rows", n);
    table_each(table, collect, out);
    return STATUS_OK;
}

/* The first n become a random sample. */
static void draw(struct rows *rows, size_t n, struct rng *rng)
{
    for (size_t i = 0; i < n; i++) {
        size_t other = i + rng_below(rng, rows->count - i);
        struct arch arch = rows->archs[i];
        double value = rows->values[i];
        rows->archs[i] = rows->archs[other];
        rows->values[i] = rows->values[other];
        rows->archs[other] = arch;
        rows->values[other] = value;
    }
}

/* Predicts all but the first n: the connected as numbers of their own, the others as a class. */
static enum status_code judge_rest(struct rows *rows, size_t n, const struct predictor *predictor, struct predictor_error *error,
                                   double *disconnected, size_t *disconnected_count, struct status *status)
{
    size_t connected = 0;
    *disconnected = 0;
    *disconnected_count = 0;
    for (size_t i = n; i < rows->count; i++) {
        double value = predictor_predict(predictor, &rows->archs[i]);
        if (space_connected(rows->space, &rows->archs[i])) {
            rows->measured[connected] = rows->values[i];
            rows->predicted[connected++] = value;
        } else {
            *disconnected += fabs(value - rows->values[i]);
            ++*disconnected_count;
        }
    }
    *disconnected = *disconnected_count > 0 ? *disconnected / (double)*disconnected_count : NAN;
    if (connected == 0)
        return status_set(status, STATUS_BAD_INPUT, "no architecture is left to predict whose output depends on its input");
    return predictor_judge(rows->measured, rows->predicted, connected, error, status);
}

struct trial {
    struct predictor_error promised, error;
    double disconnected;
};

static enum status_code try_seed(const struct cli_table_predict *options, struct rows *rows, uint32_t seed, struct outcome *outcome,
                                 struct trial *out, struct status *status)
{
    struct rng rng;
    struct predictor_settings settings;
    struct predictor *predictor = NULL;
    const struct predictor_examples examples = {rows->space, rows->archs, rows->values, outcome->samples};
    rng_seed(&rng, seed);
    draw(rows, outcome->samples, &rng);
    enum status_code code = predictor_choose(&examples, options->kinds, true, &rng, &settings, &out->promised, status);
    if (code == STATUS_OK)
        code = predictor_fit(&examples, &settings, &rng, &predictor, status);
    if (code == STATUS_OK)
        code = judge_rest(rows, outcome->samples, predictor, &out->error, &out->disconnected, &outcome->disconnected_count, status);
    if (code == STATUS_OK)
        outcome->chosen[settings.kind]++;
    predictor_free(predictor);
    return code;
}

static enum status_code try_samples(const struct cli_table_predict *options, struct rows *rows, struct outcome *out,
                                    struct status *status)
{
    size_t n = options->seeds;
    enum status_code code = STATUS_OK;
    double *figures = calloc(4 * n, sizeof *figures);
    if (figures == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for %zu seeds", n);
    for (uint32_t seed = 1; seed <= n && code == STATUS_OK; seed++) {
        struct trial trial = {.disconnected = NAN};
        code = try_seed(options, rows, seed, out, &trial, status);
        figures[seed - 1] = 100 * trial.error.relative;
        figures[n + seed - 1] = trial.error.rank;
        figures[2 * n + seed - 1] = 100 * trial.promised.relative;
        figures[3 * n + seed - 1] = trial.disconnected;
    }
    struct bench_stats *const stats[] = {&out->relative, &out->rank, &out->promised, &out->disconnected};
    for (size_t i = 0; i < 4 && code == STATUS_OK; i++)
        bench_stats_of(figures + i * n, n, stats[i]);
    free(figures);
    return code;
}

/* --- printing --------------------------------------------------------------------------------------------- */

/* "kernel 4 mlp 1". */
static void print_kinds(const struct outcome *outcome, char out[KINDS_TEXT_BYTES])
{
    size_t used = 0;
    out[0] = '\0';
    for (int kind = 0; kind < PREDICTOR_KINDS; kind++)
        if (outcome->chosen[kind] > 0)
            used += (size_t)snprintf(out + used, KINDS_TEXT_BYTES - used, "%s%s %u", used > 0 ? " " : "",
                                     predictor_kind_name((enum predictor_kind)kind), outcome->chosen[kind]);
}

static const char *const headings[] = {"error_percent", "error_worst", "expected_percent", "rank", "disconnected_error"};

enum { FIGURES = sizeof headings / sizeof headings[0] };

static void figures_of(const struct outcome *outcome, double out[FIGURES])
{
    const double figures[FIGURES] = {outcome->relative.mean, outcome->relative.high, outcome->promised.mean, outcome->rank.mean,
                                     outcome->disconnected.mean};
    memcpy(out, figures, sizeof figures);
}

static void print_figure(double figure, enum cli_format format)
{
    if (isnan(figure))
        fputs(format == CLI_JSON ? "null" : "", stdout);
    else
        printf("%.6g", figure);
}

/* A row for people; a dash for what there is not, as `table show` has it. The last figure is in the column's unit, of any size. */
static void print_table_row(uint32_t samples, const double figures[FIGURES], const char *kinds)
{
    static const struct {
        int width, digits;
    } cells[FIGURES] = {{7, 2}, {7, 2}, {8, 2}, {6, 3}, {13, 4}};
    printf("%7u", samples);
    for (size_t i = 0; i < FIGURES; i++) {
        if (isnan(figures[i]))
            printf("  %*s", cells[i].width, "-");
        else
            printf(i + 1 < FIGURES ? "  %*.*f" : "  %*.*g", cells[i].width, cells[i].digits, figures[i]);
    }
    printf("  %s\n", kinds);
}

static void print_row(const struct outcome *outcome, enum cli_format format, bool first)
{
    char kinds[KINDS_TEXT_BYTES];
    double figures[FIGURES];
    print_kinds(outcome, kinds);
    figures_of(outcome, figures);
    if (format == CLI_TABLE) {
        print_table_row(outcome->samples, figures, kinds);
        return;
    }
    printf(format == CLI_JSON ? "%s{\"samples\":%u" : "%s%u", format == CLI_JSON && !first ? "," : "", outcome->samples);
    for (size_t i = 0; i < FIGURES; i++) {
        if (format == CLI_JSON)
            printf(",\"%s\":", headings[i]);
        else
            putchar(',');
        print_figure(figures[i], format);
    }
    printf(format == CLI_JSON ? ",\"chosen\":\"%s\"}" : ",%s\n", kinds);
}

static void print_all(const struct cli_table_predict *options, const struct rows *rows, const struct outcome *outcomes)
{
    if (options->format == CLI_TABLE) {
        printf("%s: %zu rows with a value, %u seeds\n\n", options->column, rows->count, options->seeds);
        puts("samples  error %    worst  expected    rank  not connected  chosen");
    } else if (options->format == CLI_CSV) {
        fputs("samples", stdout);
        for (size_t i = 0; i < FIGURES; i++)
            printf(",%s", headings[i]);
        puts(",chosen");
    } else {
        fputs("{\"column\":", stdout);
        report_json_text(options->column, stdout);
        printf(",\"rows\":%zu,\"seeds\":%u,\"predictions\":[", rows->count, options->seeds);
    }
    for (size_t i = 0; i < options->sample_count; i++)
        print_row(&outcomes[i], options->format, i == 0);
    if (options->format == CLI_JSON)
        puts("]}");
}

static enum status_code try_all(const struct cli_table_predict *options, struct rows *rows, struct outcome *outcomes,
                                struct status *status)
{
    enum status_code code = STATUS_OK;
    for (size_t i = 0; i < options->sample_count && code == STATUS_OK; i++) {
        outcomes[i] = (struct outcome){.samples = options->samples[i]};
        if (options->samples[i] + LEFT_LEAST > rows->count)
            return status_set(status, STATUS_BAD_INPUT,
                              "--samples: %u of the %zu rows with a %s leave fewer than %d to predict; give a smaller number",
                              options->samples[i], rows->count, options->column, LEFT_LEAST);
    }
    for (size_t i = 0; i < options->sample_count && code == STATUS_OK; i++)
        code = try_samples(options, rows, &outcomes[i], status);
    return code;
}

enum status_code cli_table_predict(const struct cli_table_predict *options, const struct space *space, const struct table *table,
                                   struct status *status)
{
    struct rows rows;
    struct outcome outcomes[CLI_TABLE_PREDICT_SAMPLES_MAX];
    enum status_code code = open_rows(space, table, &rows, status);
    if (code == STATUS_OK)
        code = try_all(options, &rows, outcomes, status);
    if (code == STATUS_OK)
        print_all(options, &rows, outcomes);
    free_rows(&rows);
    return code;
}
