/* cli_device: measures on this host without master or agent, through the same runner and protocol as the agent, so that a person
 * can look at a device before a search trusts it. */
#include "worker/cli_device.h"

#include <math.h>
#include <string.h>

#include "worker/cli_device_parts.h"
#include "worker/cli_options.h"
#include "worker/measure_json.h"

struct device_options {
    struct cli_device_options common;
    const char *arch; /* measure only */
};

enum { KEY_ARCH = 'a' };

/* --- show --- */

static enum status_code print_description(const struct cli_device_description *description, enum cli_format format,
                                          struct status *status)
{
    if (format == CLI_JSON) {
        json_t *warnings = json_array();
        for (int i = 0; i < description->warning_count; i++)
            json_array_append_new(warnings, json_string(description->warnings[i]));
        return cli_json_print(json_pack("{s:s,s:s,s:o}", "device", description->board.device_key, "conditions",
                                        description->conditions, "warnings", warnings),
                              status);
    }
    if (format == CLI_CSV) {
        /* None of the values holds a quotation mark. */
        printf("key,value\ndevice,%s\nconditions,%s\n", description->board.device_key, description->conditions);
        for (int i = 0; i < description->warning_count; i++)
            printf("warning,\"%s\"\n", description->warnings[i]);
        return STATUS_OK;
    }
    printf("device      %s\nconditions  %s\n", description->board.device_key, description->conditions);
    for (int i = 0; i < description->warning_count; i++)
        printf("warning     %s\n", description->warnings[i]);
    if (description->warning_count == 0)
        puts("nothing is known that would disturb measurements");
    return STATUS_OK;
}

static const struct argp_child show_children[] = {{.argp = &cli_device_common_argp}, {0}};

static error_t parse_show(int key, char *text, struct argp_state *state)
{
    struct device_options *options = state->input;
    (void)text;
    if (key != ARGP_KEY_INIT)
        return ARGP_ERR_UNKNOWN;
    state->child_inputs[0] = &options->common;
    return 0;
}

static int device_show(int argc, char **argv)
{
    static const struct argp argp = {
        .parser = parse_show,
        .doc = "Prints the device key, the conditions measurements would be taken under, and what would disturb them.",
        .children = show_children};
    struct device_options options = {.common.cpu = -1};
    struct cli_device_description description;
    struct cli_device device = {0};
    struct status status = {0};
    argp_parse(&argp, argc, argv, 0, NULL, &options);
    enum status_code code = cli_device_open(&options.common, &device, &status);
    if (code == STATUS_OK) {
        cli_device_describe(&device.runner, &description);
        code = print_description(&description, options.common.format, &status);
    }
    cli_device_close(&device);
    return code == STATUS_OK ? cli_flush("device show") : cli_fail("device show", &status);
}

/* --- measure --- */

static error_t parse_measure(int key, char *text, struct argp_state *state)
{
    struct device_options *options = state->input;
    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = state->child_inputs[1] = &options->common; return 0;
    case KEY_ARCH: options->arch = text; return 0;
    case ARGP_KEY_END:
        if (options->arch == NULL)
            argp_error(state, "--arch is needed");
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static enum status_code take(const struct device_options *options, struct runner *runner, struct cli_device_measured *measured,
                             struct status *status)
{
    struct space space = {0};
    struct arch arch;
    enum status_code code = space_open(options->common.space, &space, status);
    if (code == STATUS_OK)
        code = space_parse(&space, options->arch, &arch, status);
    if (code == STATUS_OK)
        code = cli_device_take(runner, &space, &options->common.build, &arch, measured, status);
    space_close(&space);
    return code;
}

static void print_table(const struct cli_device_measured *measured, const struct cli_device_description *description)
{
    const struct measure_result *r = &measured->result;
    printf("architecture  %s\n", measured->arch);
    printf("device        %s\n", description->board.device_key);
    printf("latency_ms    %.4f   median of the window medians (%s)\n", r->latency_ms, measure_mode_name(r->mode));
    printf("mad_ms        %.4f   %.1f %% of it\n", r->mad_ms, r->latency_ms > 0 ? 100 * r->mad_ms / r->latency_ms : 0);
    printf("others_ms     min %.4f, mean %.4f, std %.4f, p90 %.4f, p99 %.4f\n", r->min_ms, r->mean_ms, r->std_ms, r->p90_ms,
           r->p99_ms);
    printf("samples       %lld after %d warm-up runs, %d outlier(s), attempt(s) %d\n", r->taken_count, r->warmup_count,
           r->outlier_count, r->attempts);
    if (isfinite(r->energy_mj))
        printf("energy_mj     %.4f   from %d power samples\n", r->energy_mj, r->power_samples);
    if (r->discarded_count > 0)
        printf("discarded     %d attempt(s): the board slowed its clock: %s\n", r->discarded_count, r->throttled_why);
    printf("macs          %lld   %.1f billion a second\n", (long long)measured->cost.macs,
           r->latency_ms > 0 ? (double)measured->cost.macs / r->latency_ms / 1e6 : 0);
    printf("verdict       %s\n", cli_device_verdict(r));
}

static void print_csv(const struct cli_device_measured *measured, const struct cli_device_description *description)
{
    const struct measure_result *r = &measured->result;
    puts("arch,device,mode,latency_ms,mad_ms,mean_ms,std_ms,min_ms,p90_ms,p99_ms,energy_mj,samples,warmup,outliers,attempts,"
         "discarded,"
         "drift,steady,macs");
    printf("%s,%s,%s,%.6f,%.6f,%.6f,%.6f,%.6f,%.6f,%.6f,", measured->arch, description->board.device_key,
           measure_mode_name(r->mode), r->latency_ms, r->mad_ms, r->mean_ms, r->std_ms, r->min_ms, r->p90_ms, r->p99_ms);
    if (isfinite(r->energy_mj))
        printf("%.6f", r->energy_mj);
    printf(",%lld,%d,%d,%d,%d,%.4f,%d,%lld\n", r->taken_count, r->warmup_count, r->outlier_count, r->attempts, r->discarded_count,
           r->drift, measure_is_steady(r), (long long)measured->cost.macs);
}

static enum status_code print_json(const struct cli_device_measured *measured, const struct cli_device_description *description,
                                   struct status *status)
{
    json_t *object = measure_json(&measured->result, description->board.device_key, description->conditions);
    if (object != NULL) {
        measure_json_note(object, &measured->note);
        json_object_set_new(object, "arch", json_string(measured->arch));
        json_object_set_new(object, "macs", json_integer(measured->cost.macs));
    }
    return cli_json_print(object, status);
}

static int device_measure(int argc, char **argv)
{
    static const struct argp_option option_table[] = {
        {"arch", KEY_ARCH, "STR", 0, "the architecture, as the space writes it (needed)", 1}, {0}};
    static const struct argp_child children[] = {{.argp = &cli_device_network_argp}, {.argp = &cli_device_common_argp}, {0}};
    static const struct argp argp = {.options = option_table,
                                     .parser = parse_measure,
                                     .doc = "Measures the latency of one architecture as the agent does: batch norm folded, one "
                                            "image, one thread, pinned to one CPU (docs/MEASURING.md).",
                                     .children = children};
    struct device_options options = {.common = {.cpu = -1, .space = "nb201"}};
    struct cli_device_measured measured;
    struct cli_device_description description;
    struct cli_device device = {0};
    struct status status = {0};
    cli_device_measured_init(&measured);
    argp_parse(&argp, argc, argv, 0, NULL, &options);
    enum status_code code = cli_device_open(&options.common, &device, &status);
    if (code == STATUS_OK)
        code = take(&options, &device.runner, &measured, &status);
    if (code == STATUS_OK) {
        cli_device_describe(&device.runner, &description);
        if (options.common.format == CLI_JSON)
            code = print_json(&measured, &description, &status);
        else if (options.common.format == CLI_CSV)
            print_csv(&measured, &description);
        else
            print_table(&measured, &description);
    }
    cli_device_measured_free(&measured);
    cli_device_close(&device);
    return code == STATUS_OK ? cli_flush("device measure") : cli_fail("device measure", &status);
}

/* --- the commands --- */

const struct cli_verb cli_device_commands[CLI_DEVICE_COMMANDS] = {
    {"show", "the device key, the conditions, and what would disturb measurements", device_show},
    {"measure", "measure the latency of one architecture", device_measure},
    {"check", "measure three reference networks again and again: can this device be trusted?", cli_device_check},
    {"calibrate", "measure a few networks and write a table of latencies for a whole space", cli_device_calibrate},
};
