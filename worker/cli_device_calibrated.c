/* cli_device_calibrated: the files and the words of `hwnas device calibrate`. Called by cli_device_calibrate.c. */
#include "worker/cli_device_calibrated.h"

#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/decimal.h"
#include "common/fileio.h"
#include "common/version.h"
#include "worker/cli_options.h"

enum { WARNINGS_MAX = 8, WARNING_BYTES = 480, WHY_BYTES = 200 };

static const char column[] = "latency_ms";

/* Beyond this the board was not the same at the end. */
static const double drift_allowed = 0.05;

void cli_device_calibrated_free(struct calibrated *work)
{
    for (int kind = 0; kind < CALIBRATE_KINDS; kind++)
        calibrate_free(work->models[kind]);
    free(work->nets);
    space_close(&work->space);
}

/* --- what to warn of -------------------------------------------------------------------------------------------- */

struct warnings {
    char text[WARNINGS_MAX][WARNING_BYTES];
    int count;
};

static size_t count_infeasible(const struct calibrated *work)
{
    size_t count = 0;
    for (size_t i = 0; i < work->count; i++)
        count += work->nets[i].infeasible;
    return count;
}

static size_t count_unsteady(const struct calibrated *work)
{
    size_t count = 0;
    for (size_t i = 0; i < work->count; i++)
        count += !isnan(work->nets[i].latency_ms) && !work->nets[i].steady;
    return count;
}

/* What serves better than a form that does not hold. */
static void instead(const struct calibrated *work, char *out, size_t size)
{
    enum calibrate_kind other = work->kind == CALIBRATE_LUT ? CALIBRATE_KERNELS : CALIBRATE_LUT;
    char why[WHY_BYTES];
    bool possible = other == CALIBRATE_LUT || calibrate_space_size(&work->space) > 0;
    if (possible && calibrate_holds(&work->errors[other], why, sizeof why))
        snprintf(out, size, "`--as %s` holds here, or use `source: agent`, which measures every candidate",
                 other == CALIBRATE_LUT ? "lut" : "table");
    else
        snprintf(out, size, "use `source: agent`, which measures every candidate");
}

static char *next_warning(struct warnings *warnings)
{
    return warnings->text[warnings->count++];
}

static void collect_warnings(const struct calibrated *work, struct warnings *out)
{
    char why[WHY_BYTES], better[WHY_BYTES];
    out->count = 0;
    if (!calibrate_holds(&work->errors[work->kind], why, sizeof why)) {
        instead(work, better, sizeof better);
        snprintf(next_warning(out), WARNING_BYTES, "%s on this board: %s; %s",
                 work->kind == CALIBRATE_LUT ? "sums of operations do not hold" : "sums of kernels do not hold", why, better);
    }
    if (fabs(work->drift) > drift_allowed)
        snprintf(
            next_warning(out), WARNING_BYTES,
            "the board changed meanwhile: the first network took %+.1f %% when it was measured again at the end; `hwnas device "
            "check` says what may be wrong",
            100 * work->drift);
    if (work->throttled > 0)
        snprintf(next_warning(out), WARNING_BYTES,
                 "the board slowed its clock during %d measurements: cool it or set a lower fixed clock, and calibrate again",
                 work->throttled);
    if (4 * count_unsteady(work) > work->count)
        snprintf(next_warning(out), WARNING_BYTES,
                 "%zu of %zu measurements were doubtful; `hwnas device check` says what may be wrong", count_unsteady(work),
                 work->count);
    if (count_infeasible(work) > 0)
        snprintf(next_warning(out), WARNING_BYTES, "this board cannot run %zu of %zu networks; %s", count_infeasible(work),
                 work->count,
                 work->kind == CALIBRATE_LUT ? "operations that were in no network that ran have no figure"
                                             : "the table has figures for networks like them all the same");
}

/* --- the table ------------------------------------------------------------------------------------------------ */

/* Whether the value was in a network that the board cannot run and in none that ran. */
static bool never_ran(const struct calibrated *work, size_t gene, int value)
{
    bool refused = false;
    for (size_t i = 0; i < work->count; i++) {
        const struct calibrated_net *net = &work->nets[i];
        if (net->arch.genes[gene] != value)
            continue;
        if (!isnan(net->latency_ms))
            return false;
        refused = refused || net->infeasible;
    }
    return refused;
}

static void write_lut(const struct calibrated *work, FILE *out)
{
    const struct calibrate_model *model = work->models[CALIBRATE_LUT];
    char text[DECIMAL_BYTES];
    decimal_print(calibrate_lut_base(model), text);
    fprintf(out, "layer,op,%s\n-1,-1,%s\n", column, text);
    for (size_t gene = 0; gene < space_gene_count(&work->space); gene++)
        for (int value = 0; value < space_choices(&work->space, gene); value++) {
            decimal_print(calibrate_lut_figure(model, gene, value), text);
            fprintf(out, "%zu,%d,%s\n", gene, value, never_ran(work, gene, value) ? "" : text);
        }
}

static void arch_of_number(const struct space *space, size_t number, struct arch *out)
{
    memset(out, 0, sizeof *out);
    out->length = (uint8_t)space_gene_count(space);
    for (size_t gene = out->length; gene-- > 0;) {
        size_t choices = (size_t)space_choices(space, gene);
        out->genes[gene] = (uint8_t)(number % choices);
        number /= choices;
    }
}

/* A disconnected network has no row: it is ruled out without a figure. */
static enum status_code write_table(const struct calibrated *work, FILE *out, struct status *status)
{
    enum status_code code = STATUS_OK;
    fprintf(out, "arch_str,%s\n", column);
    for (size_t i = 0; i < calibrate_space_size(&work->space) && code == STATUS_OK; i++) {
        struct arch arch;
        char text[ARCH_TEXT_BYTES], number[DECIMAL_BYTES];
        double latency_ms;
        arch_of_number(&work->space, i, &arch);
        if (!space_connected(&work->space, &arch))
            continue;
        code = calibrate_predict(work->models[CALIBRATE_KERNELS], &arch, &latency_ms, status);
        if (code != STATUS_OK)
            continue;
        space_print(&work->space, &arch, text);
        decimal_print(latency_ms, number);
        fprintf(out, "%s,%s\n", text, number);
    }
    return code;
}

static enum status_code write_csv(const struct calibrated *work, const char *path, struct status *status)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (out == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for %s", path);
    enum status_code code = STATUS_OK;
    if (work->kind == CALIBRATE_LUT)
        write_lut(work, out);
    else
        code = write_table(work, out, status);
    if (fclose(out) != 0 && code == STATUS_OK)
        code = status_set(status, STATUS_NO_MEMORY, "no memory for %s", path);
    if (code == STATUS_OK)
        code = fileio_write(path, text, size, status);
    free(text);
    return code;
}

/* --- as JSON --------------------------------------------------------------------------------------------------- */

static json_t *error_json(const struct calibrate_error *error)
{
    char why[WHY_BYTES];
    return json_pack("{s:I,s:o,s:o,s:o,s:o,s:b}", "nets", (json_int_t)error->count, "median", cli_json_number(error->median), "p90",
                     cli_json_number(error->p90), "bias", cli_json_number(error->bias), "rank", cli_json_number(error->rank),
                     "holds", calibrate_holds(error, why, sizeof why));
}

static json_t *nets_json(const struct calibrated *work)
{
    json_t *nets = json_array();
    for (size_t i = 0; i < work->count; i++) {
        const struct calibrated_net *net = &work->nets[i];
        bool measured = !isnan(net->latency_ms);
        char arch[ARCH_TEXT_BYTES];
        space_print(&work->space, &net->arch, arch);
        json_t *object = json_pack("{s:s,s:b,s:o,s:b}", "arch", arch, "fitted", net->fitted, column,
                                   cli_json_number(net->latency_ms), "steady", net->steady);
        json_object_set_new(object, "lut_ms", cli_json_number(measured ? net->predicted_ms[CALIBRATE_LUT] : NAN));
        json_object_set_new(object, "kernels_ms", cli_json_number(measured ? net->predicted_ms[CALIBRATE_KERNELS] : NAN));
        if (!measured)
            json_object_set_new(object, "reason", json_string(net->reason));
        json_array_append_new(nets, object);
    }
    return nets;
}

static json_t *warnings_json(const struct calibrated *work)
{
    struct warnings warnings;
    json_t *list = json_array();
    collect_warnings(work, &warnings);
    for (int i = 0; i < warnings.count; i++)
        json_array_append_new(list, json_string(warnings.text[i]));
    return list;
}

static json_t *network_json(const struct space_build *build)
{
    return json_pack("{s:i,s:i,s:i,s:i,s:i}", "channels", build->channels, "cells", build->cells, "classes", build->classes,
                     "input_channels", build->input.c, "input_size", build->input.h);
}

static json_t *calibrated_json(const struct calibrated *work)
{
    return json_pack("{s:s,s:s,s:s,s:i,s:s,s:s,s:o,s:s,s:s,s:{s:o,s:o},s:o,s:o,s:o}", "device", work->description.board.device_key,
                     "board", work->description.board.name, "conditions", work->description.conditions, "protocol",
                     MEASURE_PROTOCOL_VERSION, "hwnas", HWNAS_VERSION, "space", work->space.ops->name, "network",
                     network_json(&work->build), "source", work->kind == CALIBRATE_LUT ? "lut" : "table", "column", column,
                     "held_out", "lut", error_json(&work->errors[CALIBRATE_LUT]), "kernels",
                     error_json(&work->errors[CALIBRATE_KERNELS]), "drift", cli_json_number(work->drift), "warnings",
                     warnings_json(work), "nets", nets_json(work));
}

static enum status_code write_json(const struct calibrated *work, const char *path, int64_t wall_ms, struct status *status)
{
    char beside[PATH_MAX], date[32] = "";
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm utc;
    snprintf(beside, sizeof beside, "%.*s.json", (int)strlen(path) - 4, path);
    if (gmtime_r(&seconds, &utc) != NULL)
        strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", &utc);
    json_t *object = calibrated_json(work);
    json_object_set_new(object, "written", json_string(date));
    char *text = object != NULL ? json_dumps(object, JSON_INDENT(1) | JSON_ENSURE_ASCII) : NULL;
    json_decref(object);
    if (text == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for %s", beside);
    enum status_code code = fileio_write(beside, text, strlen(text), status);
    free(text);
    return code;
}

enum status_code cli_device_calibrated_write(const struct calibrated *work, const char *path, int64_t wall_ms,
                                             struct status *status)
{
    enum status_code code = write_json(work, path, wall_ms, status);
    return code == STATUS_OK ? write_csv(work, path, status) : code;
}

/* --- printed ---------------------------------------------------------------------------------------------------- */

static void print_error(const char *name, const struct calibrate_error *error)
{
    printf("%-9s  median %.1f %%, p90 %.1f %%, bias %+.1f %%, rank correlation %.3f\n", name, 100 * error->median, 100 * error->p90,
           100 * error->bias, error->rank);
}

static void print_table(const struct calibrated *work, const char *path)
{
    struct warnings warnings;
    size_t fitted = 0, measured = 0;
    for (size_t i = 0; i < work->count; i++) {
        bool done = !isnan(work->nets[i].latency_ms);
        measured += done;
        fitted += done && work->nets[i].fitted;
    }
    collect_warnings(work, &warnings);
    printf("device     %s\nspace      %s, %d channels, %d cells, %d classes, images of %dx%dx%d\n",
           work->description.board.device_key, work->space.ops->name, work->build.channels, work->build.cells, work->build.classes,
           work->build.input.c, work->build.input.h, work->build.input.w);
    printf("measured   %zu of %zu networks, %zu of them fitted\n", measured, work->count, fitted);
    printf("relative errors of the %zu networks that were not fitted:\n", work->errors[CALIBRATE_LUT].count);
    print_error("  lut", &work->errors[CALIBRATE_LUT]);
    print_error("  kernels", &work->errors[CALIBRATE_KERNELS]);
    for (int i = 0; i < warnings.count; i++)
        printf("warning    %s\n", warnings.text[i]);
    printf("written    %s, for costs with `source: %s, file: %s, column: %s`\n", path,
           work->kind == CALIBRATE_LUT ? "lut" : "table", path, column);
}

static void print_number(double value)
{
    char text[DECIMAL_BYTES] = "";
    if (isfinite(value))
        decimal_print(value, text);
    printf(",%s", text);
}

static void print_csv(const struct calibrated *work)
{
    printf("arch,fitted,steady,%s,lut_ms,kernels_ms\n", column);
    for (size_t i = 0; i < work->count; i++) {
        const struct calibrated_net *net = &work->nets[i];
        bool measured = !isnan(net->latency_ms);
        char arch[ARCH_TEXT_BYTES];
        space_print(&work->space, &net->arch, arch);
        printf("%s,%d,%d", arch, net->fitted, net->steady);
        print_number(net->latency_ms);
        print_number(measured ? net->predicted_ms[CALIBRATE_LUT] : NAN);
        print_number(measured ? net->predicted_ms[CALIBRATE_KERNELS] : NAN);
        putchar('\n');
    }
}

enum status_code cli_device_calibrated_print(const struct calibrated *work, const char *path, enum cli_format format,
                                             struct status *status)
{
    if (format == CLI_JSON)
        return cli_json_print(calibrated_json(work), status);
    if (format == CLI_CSV)
        print_csv(work);
    else
        print_table(work, path);
    return STATUS_OK;
}
