/* bench_print_csv: the figures of a bench for programs: CSV and JSON. Called by cli_bench.c. Numbers are the shortest that read
 * back exactly; what does not apply is an empty field or null. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "master/bench_print.h"
#include "master/report.h"

/* --- fields --- */

static void number(double value, FILE *out)
{
    char text[DECIMAL_BYTES];
    report_number(value, text);
    fprintf(out, ",%s", isfinite(value) ? text : "");
}

static void text(const char *field, FILE *out)
{
    fputc(',', out);
    report_csv_field(field, out);
}

/* "setting,strategy": what every row begins with. */
static void names(const struct bench *bench, const struct bench_search *search, FILE *out)
{
    char name[BENCH_LABEL_BYTES];
    bench_setting_name(bench, search->setting, name);
    report_csv_field(name, out);
    bench_method_name(bench, search->method, name);
    text(name, out);
}

/* --- one row a search --- */

void bench_print_summary_csv(const struct bench_print *print, FILE *out)
{
    const struct bench *bench = print->bench;
    fputs("setting,strategy,seeds,none_found,feasible,best_fitness,best_test,test_of_best,true_hypervolume", out);
    for (enum bench_measure measure = 0; measure < BENCH_MEASURES; measure++) {
        const char *name = bench_measure_name(measure);
        fprintf(out, ",%s_mean,%s_std,%s_low,%s_q1,%s_median,%s_q3,%s_high", name, name, name, name, name, name, name);
    }
    fputc('\n', out);
    for (size_t i = 0; i < bench->search_count; i++) {
        const struct bench_search *search = &bench->searches[i];
        const struct bench_summary *summary = &print->summaries[i];
        names(bench, search, out);
        fprintf(out, ",%" PRIu32 ",%zu,%zu", bench->options->seeds, summary->none, search->target.feasible);
        number(search->target.fitness, out);
        number(search->target.best_test, out);
        number(search->target.test, out);
        number(search->target.hypervolume, out);
        for (enum bench_measure measure = 0; measure < BENCH_MEASURES; measure++) {
            const struct bench_stats *of = &summary->of[measure];
            const double figures[] = {of->mean, of->std, of->low, of->q1, of->median, of->q3, of->high};
            for (size_t f = 0; f < sizeof figures / sizeof figures[0]; f++)
                number(figures[f], out);
        }
        fputc('\n', out);
    }
}

/* --- one row a run --- */

static void run_row(const struct bench *bench, const struct bench_search *search, const struct bench_run *run, FILE *out)
{
    char returned[ARCH_TEXT_BYTES] = "";
    bool any = run->found || run->has_answer;
    if (any)
        space_print(&bench->space, &run->returned, returned);
    names(bench, search, out);
    fprintf(out, ",%" PRIu64 ",%" PRIu64 ",%" PRIu64, run->seed, run->counts.cached, run->counts.skipped);
    text(run->found ? run->best.arch_text : "", out);
    number(run->found ? run->best.result.fitness : NAN, out);
    text(returned, out);
    for (uint32_t c = 0; c < bench->searches[0].config->cost_count; c++)
        number(any && c < search->config->cost_count ? run->returned_costs[c] : NAN, out);
    for (enum bench_measure measure = 0; measure < BENCH_MEASURES; measure++)
        number(bench_measure_of(run, measure), out);
    fputc('\n', out);
}

void bench_print_runs_csv(const struct bench_print *print, FILE *out)
{
    const struct bench *bench = print->bench;
    const struct config_study *config = bench->searches[0].config;
    fputs("setting,strategy,seed,cached,skipped,best_arch,best_fitness,returned_arch", out);
    for (uint32_t c = 0; c < config->cost_count; c++)
        text(config->costs[c].name, out);
    for (enum bench_measure measure = 0; measure < BENCH_MEASURES; measure++)
        text(bench_measure_name(measure), out);
    fputc('\n', out);
    for (size_t i = 0; i < bench->search_count; i++)
        for (uint32_t run = 0; run < bench->options->seeds; run++)
            run_row(bench, &bench->searches[i], &bench->searches[i].runs[run], out);
}

/* --- curves and fronts --- */

static bool curve_rows(const struct bench *bench, const struct bench_search *search, FILE *out)
{
    struct bench_curve regret = {.count = 0}, ratio = {.count = 0};
    bool done = bench_curve_over_evaluations(bench, search, BENCH_REGRET, &regret) &&
                bench_curve_over_evaluations(bench, search, BENCH_RATIO, &ratio);
    for (size_t i = 0; done && i < regret.count; i++) {
        const double figures[] = {regret.x[i], regret.q1[i],    regret.median[i], regret.q3[i],
                                  ratio.q1[i], ratio.median[i], ratio.q3[i]};
        names(bench, search, out);
        for (size_t f = 0; f < sizeof figures / sizeof figures[0]; f++)
            number(figures[f], out);
        fputc('\n', out);
    }
    bench_curve_free(&regret);
    bench_curve_free(&ratio);
    return done;
}

bool bench_print_curves_csv(const struct bench_print *print, FILE *out)
{
    fputs("setting,strategy,distinct,regret_q1,regret_median,regret_q3,hypervolume_ratio_q1,hypervolume_ratio_median,"
          "hypervolume_ratio_q3\n",
          out);
    for (size_t i = 0; i < print->bench->search_count; i++)
        if (!curve_rows(print->bench, &print->bench->searches[i], out))
            return false;
    return true;
}

static void front_rows(const struct bench *bench, const struct bench_search *search, const char *whose, const double *points,
                       size_t count, FILE *out)
{
    char setting[BENCH_LABEL_BYTES];
    size_t m = search->target.objectives;
    bench_setting_name(bench, search->setting, setting);
    for (size_t i = 0; i < count; i++) {
        report_csv_field(setting, out);
        text(whose, out);
        for (size_t k = 0; k < m; k++)
            number(k + 1 < m ? points[i * m + k] : -points[i * m + k], out);
        fputc('\n', out);
    }
}

void bench_print_fronts_csv(const struct bench_print *print, FILE *out)
{
    const struct bench *bench = print->bench;
    const struct bench_target *target = &bench->searches[0].target;
    char name[BENCH_LABEL_BYTES];
    fputs("setting,strategy", out);
    for (size_t k = 0; k + 1 < target->objectives; k++)
        text(bench->searches[0].config->costs[target->objective_cost[k]].name, out);
    fputs(",fitness\n", out);
    for (size_t i = 0; i < bench->search_count; i++) {
        const struct bench_search *search = &bench->searches[i];
        const struct bench_run *run = &search->runs[print->summaries[i].median_run];
        if (search->target.objectives != target->objectives)
            continue; /* other columns */
        if (search->method == 0)
            front_rows(bench, search, "true front", search->target.front, search->target.front_count, out);
        bench_method_name(bench, search->method, name);
        front_rows(bench, search, name, run->front, run->front_count, out);
    }
}

/* --- JSON --- */

static void json_number(const char *key, double value, FILE *out)
{
    char digits[DECIMAL_BYTES];
    report_number(value, digits);
    fprintf(out, "\"%s\":%s", key, digits);
}

static void json_search(const struct bench_print *print, size_t i, FILE *out)
{
    const struct bench *bench = print->bench;
    const struct bench_search *search = &bench->searches[i];
    char name[BENCH_LABEL_BYTES];
    bench_setting_name(bench, search->setting, name);
    fputs("{\"setting\":", out);
    report_json_text(name, out);
    bench_method_name(bench, search->method, name);
    fputs(",\"strategy\":", out);
    report_json_text(name, out);
    fprintf(out, ",\"none_found\":%zu,", print->summaries[i].none);
    json_number("best_fitness", search->target.fitness, out);
    fputc(',', out);
    json_number("true_hypervolume", search->target.hypervolume, out);
    for (enum bench_measure measure = 0; measure < BENCH_MEASURES; measure++) {
        const struct bench_stats *of = &print->summaries[i].of[measure];
        if (of->count == 0)
            continue;
        fprintf(out, ",\"%s\":{", bench_measure_name(measure));
        const char *const keys[] = {"mean", "std", "low", "q1", "median", "q3", "high"};
        const double figures[] = {of->mean, of->std, of->low, of->q1, of->median, of->q3, of->high};
        for (size_t f = 0; f < sizeof figures / sizeof figures[0]; f++) {
            fputs(f > 0 ? "," : "", out);
            json_number(keys[f], figures[f], out);
        }
        fputc('}', out);
    }
    fputc('}', out);
}

void bench_print_json(const struct bench_print *print, FILE *out)
{
    const struct bench *bench = print->bench;
    fputs("{\"study\":", out);
    report_json_text(bench->searches[0].config->name, out);
    fprintf(out, ",\"seeds\":%" PRIu32 ",\"searches\":[", bench->options->seeds);
    for (size_t i = 0; i < bench->search_count; i++) {
        fputs(i > 0 ? "," : "", out);
        json_search(print, i, out);
    }
    fputs("]}\n", out);
}
