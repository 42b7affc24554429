/* cli_device_check: `hwnas device check`: three reference networks, round after round, so that a person sees whether a device gives
 * the same figure twice before a search believes it. The rule it keeps: rounds interleave the networks, so a disturbance shows as a
 * difference between rounds and not as one between networks. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "worker/cli_device_parts.h"
#include "worker/cli_options.h"

enum { NETS = 3, ROUNDS = 5, ROUNDS_MAX = 100, KEY_ROUNDS = CLI_DEVICE_KEY_OWN };

/* Rounds of one network may lie this far apart, as a fraction of their median. */
static const double agreement = 0.05;

/* Cells of nb201 as the space builds them by default; they must stay what they are, or figures of different days mean nothing. */
static const struct {
    const char *name, *arch;
} references[NETS] = {
    {"small", "|skip_connect~0|+|none~0|nor_conv_1x1~1|+|skip_connect~0|none~1|skip_connect~2|"},
    {"middle", "|nor_conv_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|skip_connect~0|avg_pool_3x3~1|nor_conv_1x1~2|"},
    {"heavy", "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|nor_conv_3x3~0|nor_conv_3x3~1|nor_conv_3x3~2|"},
};

struct checked_net {
    char arch[ARCH_TEXT_BYTES];
    struct cost cost;
    double rounds_ms[ROUNDS_MAX];
    int done, steady, throttled; /* rounds */
    double median_ms, spread;
    const char *doubt;    /* of the last doubtful round; NULL: none */
    struct status failed; /* OK: it could be measured every time */
};

struct check {
    struct cli_device_options common;
    int rounds;
    struct checked_net nets[NETS];
    struct cli_device_description before, after;
};

/* --- the rounds --- */

static void keep(const struct cli_device_measured *measured, struct checked_net *net)
{
    memcpy(net->arch, measured->arch, sizeof net->arch);
    net->cost = measured->cost;
    net->rounds_ms[net->done++] = measured->result.latency_ms;
    net->throttled += measured->result.discarded_count > 0 || measured->result.throttled;
    if (measure_is_steady(&measured->result))
        net->steady++;
    else
        net->doubt = cli_device_verdict(&measured->result);
}

static void run_round(struct check *check, struct runner *runner, const struct space *space, int round)
{
    static const struct space_build own = {0};
    for (int i = 0; i < NETS; i++) {
        struct checked_net *net = &check->nets[(i + round) % NETS];
        struct cli_device_measured measured;
        struct arch arch;
        if (net->failed.code != STATUS_OK)
            continue;
        cli_device_measured_init(&measured);
        enum status_code code = space_parse(space, references[(i + round) % NETS].arch, &arch, &net->failed);
        if (code == STATUS_OK)
            code = cli_device_take(runner, space, &own, &arch, &measured, &net->failed);
        if (code == STATUS_OK)
            keep(&measured, net);
        cli_device_measured_free(&measured);
    }
}

static void summarise(struct checked_net *net)
{
    double sorted[ROUNDS_MAX], least = INFINITY, most = 0;
    for (int i = 0; i < net->done; i++) {
        sorted[i] = net->rounds_ms[i];
        least = fmin(least, sorted[i]);
        most = fmax(most, sorted[i]);
    }
    net->median_ms = net->done > 0 ? measure_median(sorted, net->done) : NAN;
    net->spread = net->done > 0 ? (most - least) / net->median_ms : NAN;
}

static enum status_code run_check(struct check *check, struct status *status)
{
    struct cli_device device = {0};
    struct space space = {0};
    enum status_code code = space_open("nb201", &space, status);
    if (code == STATUS_OK)
        code = cli_device_open(&check->common, &device, status);
    if (code == STATUS_OK) {
        cli_device_describe(&device.runner, &check->before);
        for (int round = 0; round < check->rounds; round++)
            run_round(check, &device.runner, &space, round);
        cli_device_describe(&device.runner, &check->after);
        for (int i = 0; i < NETS; i++)
            summarise(&check->nets[i]);
    }
    cli_device_close(&device);
    space_close(&space);
    return code;
}

/* --- what is wrong --- */

static bool disagrees(const struct checked_net *net)
{
    return net->done > 0 && !(net->spread <= agreement);
}

/* Rounds may agree by chance when what disturbs them lasts as long as they do; then their samples scatter. */
static bool doubtful(const struct checked_net *net)
{
    return 2 * net->steady < net->done;
}

/* Whether two sentences differ in numbers alone: the load before and after is one problem. */
static bool says_the_same(const char *a, const char *b)
{
    static const char numeric[] = "0123456789.";
    for (;;) {
        a += strspn(a, numeric);
        b += strspn(b, numeric);
        if (*a != *b || *a == '\0')
            return *a == *b;
        a++;
        b++;
    }
}

static void add_warnings(const struct cli_device_description *description, json_t *out)
{
    for (int i = 0; i < description->warning_count; i++) {
        bool known = false;
        for (size_t k = 0; k < json_array_size(out); k++)
            known = known || says_the_same(json_string_value(json_array_get(out, k)), description->warnings[i]);
        if (!known)
            json_array_append_new(out, json_string(description->warnings[i]));
    }
}

static void add_findings(const struct check *check, json_t *out)
{
    char text[2 * CLI_DEVICE_WARNING_BYTES + sizeof(struct status)];
    for (int i = 0; i < NETS; i++) {
        const struct checked_net *net = &check->nets[i];
        const char *name = references[i].name;
        if (net->failed.code != STATUS_OK) {
            snprintf(text, sizeof text, "%s could not be measured: %s", name, net->failed.message);
            json_array_append_new(out, json_string(text));
        }
        if (net->throttled > 0) {
            snprintf(text, sizeof text,
                     "the board slowed its clock in %d of %d rounds of %s: cool it, give it a stronger supply, or set a lower "
                     "fixed clock",
                     net->throttled, net->done, name);
            json_array_append_new(out, json_string(text));
        }
        if (disagrees(net)) {
            snprintf(text, sizeof text,
                     "rounds of %s lie %.1f %% apart: something else uses the board or its clock moves; stop it or fix the clock, "
                     "and check "
                     "again before you compare figures",
                     name, 100 * net->spread);
            json_array_append_new(out, json_string(text));
        }
        if (doubtful(net)) {
            snprintf(text, sizeof text, "%d of %d rounds of %s were doubtful: %s", net->done - net->steady, net->done, name,
                     net->doubt);
            json_array_append_new(out, json_string(text));
        }
    }
}

/* --- what comes out --- */

static bool flagged(const struct check *check)
{
    bool any = false;
    for (int i = 0; i < NETS; i++)
        any = any || disagrees(&check->nets[i]) || doubtful(&check->nets[i]) || check->nets[i].throttled > 0;
    return any;
}

static bool failed(const struct check *check)
{
    bool any = false;
    for (int i = 0; i < NETS; i++)
        any = any || check->nets[i].failed.code != STATUS_OK;
    return any;
}

static const char *verdict_of(const struct checked_net *net)
{
    if (net->failed.code != STATUS_OK)
        return "FAILED";
    if (net->throttled > 0)
        return "THROTTLED";
    return disagrees(net) ? "ROUNDS DIFFER" : doubtful(net) ? "DOUBTFUL" : "agrees";
}

static json_t *net_json(const struct checked_net *net, const char *name)
{
    json_t *rounds = json_array();
    for (int i = 0; i < net->done; i++)
        json_array_append_new(rounds, cli_json_number(net->rounds_ms[i]));
    return json_pack("{s:s,s:s,s:o,s:o,s:o,s:i,s:s,s:I}", "net", name, "arch", net->arch, "latency_ms",
                     cli_json_number(net->median_ms), "spread", cli_json_number(net->spread), "rounds_ms", rounds, "steady",
                     net->steady, "verdict", verdict_of(net), "macs", (json_int_t)net->cost.macs);
}

static enum status_code print_json(const struct check *check, json_t *problems, struct status *status)
{
    json_t *nets = json_array();
    for (int i = 0; i < NETS; i++)
        json_array_append_new(nets, net_json(&check->nets[i], references[i].name));
    return cli_json_print(json_pack("{s:s,s:s,s:s,s:b,s:o,s:O}", "device", check->before.board.device_key, "board",
                                    check->before.board.name, "conditions", check->after.conditions, "flagged", flagged(check),
                                    "nets", nets, "problems", problems),
                          status);
}

static void print_csv(const struct check *check)
{
    puts("net,arch,device,latency_ms,spread,rounds,steady,verdict");
    for (int i = 0; i < NETS; i++) {
        const struct checked_net *net = &check->nets[i];
        printf("%s,%s,%s,", references[i].name, net->arch, check->before.board.device_key);
        if (net->done > 0)
            printf("%.6f,%.4f", net->median_ms, net->spread);
        else
            putchar(',');
        printf(",%d,%d,%s\n", net->done, net->steady, verdict_of(net));
    }
}

static void print_table(const struct check *check, const json_t *problems)
{
    size_t i;
    json_t *problem;
    printf("device      %s\nconditions  %s\n\n", check->before.board.device_key, check->after.conditions);
    printf("%-7s  %8s  %11s  %7s  %6s  %s\n", "net", "MMACs", "latency_ms", "spread", "steady", "verdict");
    for (int k = 0; k < NETS; k++) {
        const struct checked_net *net = &check->nets[k];
        if (net->done > 0)
            printf("%-7s  %8.1f  %11.4f  %5.1f %%  %2d/%-3d  %s\n", references[k].name, (double)net->cost.macs / 1e6,
                   net->median_ms, 100 * net->spread, net->steady, net->done, verdict_of(net));
        else
            printf("%-7s  %8s  %11s  %7s  %6s  %s\n", references[k].name, "-", "-", "-", "-", verdict_of(net));
    }
    putchar('\n');
    json_array_foreach(problems, i, problem)
    {
        fputs("problem  ", stdout);
        cli_print_safe(stdout, json_string_value(problem));
        putchar('\n');
    }
    puts(failed(check)    ? "verdict  this device cannot measure every network"
         : flagged(check) ? "verdict  FLAGGED: two measurements of one network may differ by more than 5 %"
                          : "verdict  good: rounds agree within 5 %");
}

static enum status_code print_check(const struct check *check, struct status *status)
{
    json_t *problems = json_array();
    enum status_code code = STATUS_OK;
    add_warnings(&check->before, problems);
    add_warnings(&check->after, problems);
    add_findings(check, problems);
    if (check->common.format == CLI_JSON)
        code = print_json(check, problems, status);
    else if (check->common.format == CLI_CSV)
        print_csv(check);
    else
        print_table(check, problems);
    json_decref(problems);
    return code;
}

/* --- the command line --- */

static error_t parse_check(int key, char *text, struct argp_state *state)
{
    struct check *check = state->input;
    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &check->common; return 0;
    case KEY_ROUNDS: check->rounds = cli_option_int("rounds", text, 2, ROUNDS_MAX, state); return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

int cli_device_check(int argc, char **argv)
{
    static const struct argp_option option_table[] = {
        {"rounds", KEY_ROUNDS, "N", 0, "rounds over the three networks; default 5", 1}, {0}};
    static const struct argp_child children[] = {{.argp = &cli_device_common_argp}, {0}};
    static const struct argp argp = {
        .options = option_table,
        .parser = parse_check,
        .doc = "Measures a small, a middle and a heavy reference network in rounds, and says how far the rounds "
               "lie apart and what is wrong with the set-up. Exit code 1 when a network could not be measured.",
        .children = children};
    struct status status = {0};
    struct check *check = calloc(1, sizeof *check);
    if (check == NULL) {
        status_set(&status, STATUS_NO_MEMORY, "no memory for the rounds");
        return cli_fail("device check", &status);
    }
    check->common.cpu = -1;
    check->rounds = ROUNDS;
    argp_parse(&argp, argc, argv, 0, NULL, check);
    enum status_code code = run_check(check, &status);
    if (code == STATUS_OK)
        code = print_check(check, &status);
    int failures = failed(check);
    free(check);
    if (code != STATUS_OK)
        return cli_fail("device check", &status);
    return cli_flush("device check") != 0 ? 1 : failures;
}
