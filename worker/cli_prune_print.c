/* cli_prune_print: the grid as tables, CSV and JSON. A figure over seeds is a mean with its 95 % interval (common/interval.h). */
#include "worker/cli_prune_parts.h"

#include <math.h>
#include <stdlib.h>

#include "common/interval.h"
#include "worker/cli_options.h"

/* --- figures of a cell --- */

static double accuracy(const struct prune_level *level)
{
    return level->accuracy;
}

static double kl(const struct prune_level *level)
{
    return level->kl;
}

static double active(const struct prune_level *level)
{
    return level->active;
}

static double nonzero_macs(const struct prune_level *level)
{
    return (double)level->nonzero_macs;
}

static struct interval over_seeds(const struct cli_prune_grid *grid, int beta, int percent,
                                  double (*figure)(const struct prune_level *))
{
    double values[CLI_PRUNE_SEEDS_MAX];
    for (int s = 0; s < grid->seed_count; s++)
        values[s] = figure(cli_prune_cell(grid, beta, percent) + s);
    return interval_of(values, (size_t)grid->seed_count);
}

/* What a sparsity costs against the row's first, seed by seed: what seeds differ in by themselves falls out. */
static struct interval change(const struct cli_prune_grid *grid, int beta, int percent)
{
    double values[CLI_PRUNE_SEEDS_MAX];
    for (int s = 0; s < grid->seed_count; s++)
        values[s] = cli_prune_cell(grid, beta, percent)[s].accuracy - cli_prune_cell(grid, beta, 0)[s].accuracy;
    return interval_of(values, (size_t)grid->seed_count);
}

/* --- tables --- */

static void print_heading(const struct cli_prune_grid *grid, const char *title, FILE *out)
{
    fprintf(out, "\n%s\n%10s", title, "beta");
    for (int p = 0; p < grid->plan->level_count; p++)
        fprintf(out, "  %12g %%", grid->plan->percents[p]);
    fputc('\n', out);
}

static void print_interval(struct interval value, double scale, int digits, FILE *out)
{
    char text[48];
    if (isfinite(value.half))
        snprintf(text, sizeof text, "%.*f +-%.*f", digits, value.mean * scale, digits, value.half * scale);
    else
        snprintf(text, sizeof text, "%.*f", digits, value.mean * scale);
    fprintf(out, "  %14s", text);
}

static void print_accuracies(const struct cli_prune_grid *grid, FILE *out)
{
    char title[96];
    snprintf(title, sizeof title, "test accuracy, %%%s", grid->seed_count > 1 ? ": mean and 95 % interval" : "");
    print_heading(grid, title, out);
    for (int b = 0; b < grid->beta_count; b++) {
        fprintf(out, "%10g", grid->betas[b]);
        for (int p = 0; p < grid->plan->level_count; p++)
            print_interval(over_seeds(grid, b, p, accuracy), 100, 2, out);
        fputc('\n', out);
    }
    if (grid->plan->level_count < 2)
        return;
    snprintf(title, sizeof title, "change against %g %% sparsity, points, seed by seed", grid->plan->percents[0]);
    print_heading(grid, title, out);
    for (int b = 0; b < grid->beta_count; b++) {
        fprintf(out, "%10g  %14s", grid->betas[b], "");
        for (int p = 1; p < grid->plan->level_count; p++)
            print_interval(change(grid, b, p), 100, 2, out);
        fputc('\n', out);
    }
}

static void print_latents(const struct cli_prune_grid *grid, FILE *out)
{
    char title[96];
    snprintf(title, sizeof title, "active latents of %d (mean KL above %g nat), and KL in nats", grid->plan->latent,
             PRUNE_ACTIVE_NATS);
    print_heading(grid, title, out);
    for (int b = 0; b < grid->beta_count; b++) {
        fprintf(out, "%10g", grid->betas[b]);
        for (int p = 0; p < grid->plan->level_count; p++) {
            char text[48];
            snprintf(text, sizeof text, "%.1f  %.3g", over_seeds(grid, b, p, active).mean, over_seeds(grid, b, p, kl).mean);
            fprintf(out, "  %14s", text);
        }
        fputc('\n', out);
    }
}

static void print_sizes(const struct cli_prune_grid *grid, FILE *out)
{
    fputs("\n  sparsity        zeros      nonzero   nonzero MACs (mean)\n", out);
    for (int p = 0; p < grid->plan->level_count; p++) {
        const struct prune_level *level = cli_prune_cell(grid, 0, p);
        double macs = 0;
        for (int b = 0; b < grid->beta_count; b++)
            macs += over_seeds(grid, b, p, nonzero_macs).mean / grid->beta_count;
        fprintf(out, "%8g %%  %11zu  %11zu  %13.0f\n", grid->plan->percents[p], level->zeros, level->total - level->zeros, macs);
    }
}

static void print_latencies(const struct cli_prune_grid *grid, FILE *out)
{
    print_heading(grid, "latency of the first seed's net, ms (~: not steady)", out);
    for (int b = 0; b < grid->beta_count; b++) {
        fprintf(out, "%10g", grid->betas[b]);
        for (int p = 0; p < grid->plan->level_count; p++) {
            char text[48];
            snprintf(text, sizeof text, "%s%.4f", cli_prune_latency(grid, b, p)->steady ? "" : "~",
                     cli_prune_latency(grid, b, p)->ms);
            fprintf(out, "  %14s", text);
        }
        fputc('\n', out);
    }
    fprintf(out, "measured on %s\n", grid->device);
}

static void print_table(const struct cli_prune_grid *grid, FILE *out)
{
    const struct prune_plan *plan = grid->plan;
    const struct prune_level *first = cli_prune_cell(grid, 0, 0);
    fprintf(out, "architecture  %s\n", grid->arch);
    fprintf(out, "network       %d channels, %d cells, %d latents, %zu ranked weights, %lld multiply-accumulates\n",
            plan->sizes.channels, plan->sizes.cells, plan->latent, first->total, (long long)first->macs);
    fprintf(out, "training      %d epochs of %zu images, %d under each mask (%s), gamma %g, %d seed(s), %zu test images, %.0f s\n",
            plan->epochs, grid->train_count, plan->fine_tune_epochs, plan->schedule == PRUNE_ONE_SHOT ? "one-shot" : "iterative",
            plan->gamma, grid->seed_count, grid->test_count, grid->seconds);
    print_accuracies(grid, out);
    print_latents(grid, out);
    print_sizes(grid, out);
    if (grid->device[0] != '\0')
        print_latencies(grid, out);
}

/* --- CSV and JSON --- */

static void print_field(double value, const char *end, FILE *out)
{
    if (isfinite(value))
        fprintf(out, "%.17g", value);
    fputs(end, out);
}

static void print_csv(const struct cli_prune_grid *grid, FILE *out)
{
    fputs("beta,sparsity,seeds,accuracy,accuracy_half,change,change_half,kl,active,weights,zeros,nonzero,macs,nonzero_macs,"
          "latency_ms\n",
          out);
    for (int b = 0; b < grid->beta_count; b++)
        for (int p = 0; p < grid->plan->level_count; p++) {
            const struct prune_level *level = cli_prune_cell(grid, b, p);
            const struct interval right = over_seeds(grid, b, p, accuracy), lost = change(grid, b, p);
            fprintf(out, "%.17g,%.17g,%d,", grid->betas[b], grid->plan->percents[p], grid->seed_count);
            print_field(right.mean, ",", out);
            print_field(right.half, ",", out);
            print_field(lost.mean, ",", out);
            print_field(lost.half, ",", out);
            print_field(over_seeds(grid, b, p, kl).mean, ",", out);
            print_field(over_seeds(grid, b, p, active).mean, ",", out);
            fprintf(out, "%zu,%zu,%zu,%lld,", level->total, level->zeros, level->total - level->zeros, (long long)level->macs);
            print_field(over_seeds(grid, b, p, nonzero_macs).mean, ",", out);
            print_field(cli_prune_latency(grid, b, p)->ms, "\n", out);
        }
}

static json_t *interval_json(struct interval value)
{
    return json_pack("{s:o,s:o}", "mean", cli_json_number(value.mean), "half", cli_json_number(value.half));
}

static json_t *accuracies_json(const struct cli_prune_grid *grid, int beta, int percent)
{
    json_t *list = json_array();
    for (int s = 0; s < grid->seed_count; s++)
        json_array_append_new(list, cli_json_number(cli_prune_cell(grid, beta, percent)[s].accuracy));
    return list;
}

static json_t *cell_json(const struct cli_prune_grid *grid, int b, int p)
{
    const struct prune_level *level = cli_prune_cell(grid, b, p);
    const struct cli_prune_latency *latency = cli_prune_latency(grid, b, p);
    json_t *cell = json_pack("{s:f,s:f,s:o,s:o,s:o,s:o,s:o,s:I,s:I,s:I,s:o}", "beta", grid->betas[b], "sparsity",
                             grid->plan->percents[p], "accuracy", interval_json(over_seeds(grid, b, p, accuracy)), "accuracies",
                             accuracies_json(grid, b, p), "change", interval_json(change(grid, b, p)), "kl",
                             interval_json(over_seeds(grid, b, p, kl)), "active", interval_json(over_seeds(grid, b, p, active)),
                             "zeros", (json_int_t)level->zeros, "nonzero", (json_int_t)(level->total - level->zeros), "macs",
                             (json_int_t)level->macs, "nonzero_macs", interval_json(over_seeds(grid, b, p, nonzero_macs)));
    if (cell != NULL && isfinite(latency->ms)) {
        json_object_set_new(cell, "latency_ms", json_real(latency->ms));
        json_object_set_new(cell, "steady", json_boolean(latency->steady));
    }
    return cell;
}

static json_t *grid_json(const struct cli_prune_grid *grid)
{
    const struct prune_plan *plan = grid->plan;
    json_t *cells = json_array();
    for (int b = 0; b < grid->beta_count; b++)
        for (int p = 0; p < plan->level_count; p++)
            json_array_append_new(cells, cell_json(grid, b, p));
    return json_pack("{s:s,s:s,s:i,s:i,s:i,s:f,s:i,s:i,s:i,s:f,s:f,s:s,s:I,s:i,s:I,s:I,s:I,s:s,s:f,s:o}", "arch", grid->arch,
                     "space", plan->space->ops->name, "channels", plan->sizes.channels, "cells", plan->sizes.cells, "latent",
                     plan->latent, "gamma", plan->gamma, "epochs", plan->epochs, "fine_tune_epochs", plan->fine_tune_epochs,
                     "batch", plan->batch, "learning_rate", plan->learning_rate, "fine_tune_rate", plan->fine_tune_rate, "schedule",
                     plan->schedule == PRUNE_ONE_SHOT ? "one-shot" : "iterative", "seed", (json_int_t)plan->seed, "seeds",
                     grid->seed_count, "train_images", (json_int_t)grid->train_count, "test_images", (json_int_t)grid->test_count,
                     "weights", (json_int_t)cli_prune_cell(grid, 0, 0)->total, "device", grid->device, "seconds", grid->seconds,
                     "grid", cells);
}

static enum status_code print_json(const struct cli_prune_grid *grid, FILE *out, struct status *status)
{
    json_t *object = grid_json(grid);
    if (object == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for the grid as JSON");
    const bool failed = json_dumpf(object, out, JSON_COMPACT | JSON_ENSURE_ASCII) != 0 || fputc('\n', out) == EOF;
    json_decref(object);
    return failed ? status_set(status, STATUS_IO, "the grid could not be written as JSON") : STATUS_OK;
}

enum status_code cli_prune_print(const struct cli_prune_grid *grid, enum cli_format format, FILE *out, struct status *status)
{
    enum status_code code = STATUS_OK;
    if (format == CLI_JSON)
        code = print_json(grid, out, status);
    else if (format == CLI_CSV)
        print_csv(grid, out);
    else
        print_table(grid, out);
    if (code == STATUS_OK && (ferror(out) || fflush(out) != 0))
        code = status_set(status, STATUS_IO, "the grid could not be written");
    return code;
}
