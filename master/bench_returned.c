/* bench_returned: see bench_returned.h. Called by cli_bench.c and bench_draw_returned.c. */
#include "master/bench_returned.h"

#include <math.h>

#include "master/report.h"
#include "master/strategy.h"

bool bench_returned_applies(const struct bench *bench)
{
    for (size_t i = 0; i < bench->search_count; i++)
        if (!strategy_answers(bench->searches[i].config) || bench->searches[i].target.objectives < 2)
            return false;
    return bench->search_count > 0;
}

static void find_best(const struct bench_truth *truth, size_t cost, struct bench_returned *out)
{
    for (size_t i = 0; i < truth->count; i++) {
        if (!(truth->cost[i * truth->costs + cost] <= out->cost))
            continue;
        out->best_fitness = fmax(out->best_fitness, truth->fitness[i]);
        out->best_test = fmax(out->best_test, truth->test[i]);
    }
}

void bench_returned_of(const struct bench_search *search, const struct bench *bench, struct bench_returned *out)
{
    size_t cost = search->target.objective_cost[0], count = 0;
    double sums[3] = {0};
    for (uint32_t i = 0; i < bench->options->seeds; i++) {
        const struct bench_run *run = &search->runs[i];
        if (!run->has_answer)
            continue;
        count++;
        sums[0] += run->returned_costs[cost];
        sums[1] += run->returned_fitness;
        sums[2] += run->returned_test;
    }
    double n = count > 0 ? (double)count : NAN;
    *out = (struct bench_returned){count, sums[0] / n, sums[1] / n, sums[2] / n, NAN, NAN};
    find_best(search->truth, cost, out);
}

static void print_number(double value, FILE *out)
{
    char text[DECIMAL_BYTES];
    report_number(value, text);
    fprintf(out, ",%s", isnan(value) ? "" : text);
}

void bench_returned_csv(const struct bench_print *print, FILE *out)
{
    const struct bench *bench = print->bench;
    fputs("setting,strategy,runs,cost,fitness,test,best_fitness,best_test\n", out);
    for (size_t i = 0; i < bench->search_count; i++) {
        const struct bench_search *search = &bench->searches[i];
        struct bench_returned returned;
        char setting[BENCH_LABEL_BYTES], method[BENCH_LABEL_BYTES];
        bench_returned_of(search, bench, &returned);
        bench_setting_name(bench, search->setting, setting);
        bench_method_name(bench, search->method, method);
        report_csv_field(setting, out);
        fputc(',', out);
        report_csv_field(method, out);
        fprintf(out, ",%zu", returned.count);
        print_number(returned.cost, out);
        print_number(returned.fitness, out);
        print_number(returned.test, out);
        print_number(returned.best_fitness, out);
        print_number(returned.best_test, out);
        fputc('\n', out);
    }
}
