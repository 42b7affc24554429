/* cli_bench: the verb `bench`: its arguments, its progress, its files. What is run and shown is bench*.c's.
 *
 * The rule it keeps: nothing is run before everything is checked, and nothing is written before everything is run and drawn. */
#include "master/cli_bench.h"

#include <argp.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include "common/clock.h"
#include "common/fileio.h"
#include "master/bench.h"
#include "master/bench_draw.h"
#include "master/bench_print.h"
#include "master/bench_returned.h"
#include "master/cli_launch.h"

enum { OVERRIDES_MAX = 64, SEEDS_MAX = 100000, JOBS_MAX = 1024, CLUSTER_MAX = 100000 };
enum { INTERRUPTED = 130 };

struct bench_arguments {
    struct bench_options options;
    const char *overrides[OVERRIDES_MAX];
    struct bench_matrix matrix;
    const char *published_path, *out;
    int jobs;
    enum cli_format format;
    bool quiet, cluster_given;
};

/* --- while it runs --- */

struct watching {
    bool shows, shown, interrupted;
    uv_loop_t loop;
    uv_signal_t signals[2];
};

static void show_progress(void *context, size_t done, size_t all)
{
    struct watching *watching = context;
    if (!watching->shows)
        return;
    fprintf(stderr, "\r%zu of %zu runs", done, all);
    fflush(stderr);
    watching->shown = true;
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct watching *watching = handle->data;
    (void)number;
    watching->interrupted = true;
}

static bool is_interrupted(void *context)
{
    struct watching *watching = context;
    uv_run(&watching->loop, UV_RUN_NOWAIT);
    return watching->interrupted;
}

/* Ctrl-C and SIGTERM are noted from here on, whichever thread they hit. */
static void watch_signals(struct watching *watching)
{
    static const int numbers[] = {SIGINT, SIGTERM};
    uv_loop_init(&watching->loop);
    for (size_t i = 0; i < 2; i++) {
        uv_signal_init(&watching->loop, &watching->signals[i]);
        watching->signals[i].data = watching;
        uv_signal_start(&watching->signals[i], on_signal, numbers[i]);
    }
}

static void unwatch_signals(struct watching *watching)
{
    for (size_t i = 0; i < 2; i++)
        uv_close((uv_handle_t *)&watching->signals[i], NULL);
    uv_run(&watching->loop, UV_RUN_DEFAULT);
    uv_loop_close(&watching->loop);
}

static enum status_code run_all(const struct bench_arguments *arguments, struct watching *watching, struct bench *bench,
                                struct status *status)
{
    const struct bench_watch watch = {show_progress, is_interrupted, watching};
    uint32_t jobs = (uint32_t)(arguments->jobs > 0 ? arguments->jobs : cli_launch_cpus());
    int64_t start_ms = clock_monotonic_ms();
    enum status_code code = bench_go(bench, jobs, &watch, status);
    double seconds = (double)(clock_monotonic_ms() - start_ms) / 1000;
    if (watching->shown)
        fputs("\r\033[K", stderr);
    if (code == STATUS_OK && !arguments->quiet)
        fprintf(stderr, "%zu runs in %.1f s, %u at a time\n", bench->search_count * bench->options->seeds, seconds, jobs);
    return code;
}

/* --- what comes out --- */

/* One file of --out, in memory. */
struct product {
    const char *name;
    char *data;
    size_t size;
};

enum { PRODUCTS_MAX = 12 };

struct products {
    struct product list[PRODUCTS_MAX];
    size_t count;
};

static void free_products(struct products *products)
{
    for (size_t i = 0; i < products->count; i++)
        free(products->list[i].data);
    products->count = 0;
}

static enum status_code add_text(struct products *products, const char *name, const struct bench_print *print,
                                 bool (*printed)(const struct bench_print *, FILE *), struct status *status)
{
    struct product *product = &products->list[products->count];
    *product = (struct product){.name = name};
    FILE *out = open_memstream(&product->data, &product->size);
    bool done =
        out != NULL && printed(print, out) && ferror(out) == 0; /* without memory it takes no more, and fclose says nothing */
    done = out != NULL && fclose(out) == 0 && done;
    products->count++;
    return done ? STATUS_OK : status_set(status, STATUS_NO_MEMORY, "no memory for %s", name);
}

static enum status_code add_picture(struct products *products, const char *name, const struct bench_print *print,
                                    enum status_code (*drawn)(const struct bench_print *, struct bench_picture *, struct status *),
                                    struct status *status)
{
    struct bench_picture picture;
    enum status_code code = drawn(print, &picture, status);
    if (code == STATUS_OK && picture.svg != NULL)
        products->list[products->count++] = (struct product){name, picture.svg, picture.size};
    return code;
}

static bool summary_csv(const struct bench_print *print, FILE *out)
{
    bench_print_summary_csv(print, out);
    return true;
}

static bool runs_csv(const struct bench_print *print, FILE *out)
{
    bench_print_runs_csv(print, out);
    return true;
}

static bool fronts_csv(const struct bench_print *print, FILE *out)
{
    bench_print_fronts_csv(print, out);
    return true;
}

static bool returned_csv(const struct bench_print *print, FILE *out)
{
    bench_returned_csv(print, out);
    return true;
}

static enum status_code make_products(const struct bench_print *print, struct products *products, struct status *status)
{
    static const struct {
        const char *name;
        bool (*printed)(const struct bench_print *, FILE *);
    } texts[] = {{"table.md", bench_print_markdown},
                 {"summary.csv", summary_csv},
                 {"runs.csv", runs_csv},
                 {"curves.csv", bench_print_curves_csv},
                 {"fronts.csv", fronts_csv}};
    static const struct {
        const char *name;
        enum status_code (*drawn)(const struct bench_print *, struct bench_picture *, struct status *);
    } pictures[] = {{"fronts.svg", bench_draw_fronts},
                    {"evaluations.svg", bench_draw_evaluations},
                    {"hours.svg", bench_draw_hours},
                    {"limits.svg", bench_draw_limits},
                    {"returned.svg", bench_draw_returned}};
    enum status_code code = STATUS_OK;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0] && code == STATUS_OK; i++)
        code = add_text(products, texts[i].name, print, texts[i].printed, status);
    if (code == STATUS_OK && bench_returned_applies(print->bench))
        code = add_text(products, "returned.csv", print, returned_csv, status);
    for (size_t i = 0; i < sizeof pictures / sizeof pictures[0] && code == STATUS_OK; i++)
        code = add_picture(products, pictures[i].name, print, pictures[i].drawn, status);
    return code;
}

static enum status_code write_products(const struct products *products, const char *folder, struct status *status)
{
    enum status_code code = STATUS_OK;
    for (size_t i = 0; i < products->count && code == STATUS_OK; i++) {
        char path[PATH_MAX];
        if (snprintf(path, sizeof path, "%s/%s", folder, products->list[i].name) >= (int)sizeof path)
            return status_set(status, STATUS_BAD_INPUT, "--out: the path is too long");
        code = fileio_write(path, products->list[i].data, products->list[i].size, status);
    }
    return code;
}

static enum status_code print_result(const struct bench_arguments *arguments, const struct bench_print *print,
                                     struct status *status)
{
    struct products products = {.count = 0};
    enum status_code code = STATUS_OK;
    if (arguments->out != NULL) {
        code = make_products(print, &products, status);
        if (code == STATUS_OK)
            code = write_products(&products, arguments->out, status);
        free_products(&products);
    }
    if (code != STATUS_OK)
        return code;
    if (arguments->format == CLI_JSON)
        bench_print_json(print, stdout);
    else if (arguments->format == CLI_CSV)
        bench_print_summary_csv(print, stdout);
    else if (!bench_print_table(print, stdout))
        return status_set(status, STATUS_NO_MEMORY, "no memory for the table");
    return STATUS_OK;
}

/* --- from end to end --- */

static enum status_code make_folder(const char *folder, struct status *status)
{
    if (folder == NULL)
        return STATUS_OK;
    if (mkdir(folder, 0777) != 0 && errno != EEXIST)
        return status_set(status, STATUS_BAD_INPUT, "--out %.300s: cannot be made: %s", folder, strerror(errno));
    if (access(folder, W_OK | X_OK) != 0)
        return status_set(status, STATUS_BAD_INPUT, "--out %.300s: cannot be written: %s", folder, strerror(errno));
    return STATUS_OK;
}

/* A row about no setting of this bench is no error, since one file may serve several, but a mistyped one must show. */
static void note_strangers(const struct bench *bench, const struct bench_published *published)
{
    char(*names)[BENCH_LABEL_BYTES] = calloc(bench->settings, sizeof *names);
    const char **settings = calloc(bench->settings, sizeof *settings);
    for (size_t i = 0; names != NULL && settings != NULL && i < bench->settings; i++) {
        bench_setting_name(bench, i, names[i]);
        settings[i] = names[i];
    }
    const char *stranger =
        names != NULL && settings != NULL ? bench_published_stranger(published, settings, bench->settings) : NULL;
    if (stranger != NULL) {
        fputs("note: published rows about '", stderr);
        cli_print_safe(stderr, stranger);
        fprintf(stderr, "' are left out; a setting here is called '%s'\n", settings[0]);
    }
    free(settings);
    free(names);
}

static enum status_code summarise_all(const struct bench *bench, struct bench_summary **out, struct status *status)
{
    *out = calloc(bench->search_count, sizeof **out);
    bool done = *out != NULL;
    for (size_t i = 0; i < bench->search_count && done; i++)
        done = bench_summarise(bench, &bench->searches[i], &(*out)[i]);
    return done ? STATUS_OK : status_set(status, STATUS_NO_MEMORY, "no memory for the statistics");
}

static enum status_code bench_all(struct bench_arguments *arguments, struct status *status)
{
    struct bench bench = {.searches = NULL};
    struct bench_summary *summaries = NULL;
    struct bench_published published = {.count = 0};
    struct watching watching = {.shows = !arguments->quiet && cli_is_terminal(stderr)};
    watch_signals(&watching);
    enum status_code code = make_folder(arguments->out, status);
    if (code == STATUS_OK && arguments->published_path != NULL)
        code = bench_published_load(arguments->published_path, &published, status);
    if (code == STATUS_OK)
        code = bench_open(&arguments->options, &arguments->matrix, &bench, status);
    if (code == STATUS_OK && !arguments->quiet)
        note_strangers(&bench, &published);
    if (code == STATUS_OK)
        code = run_all(arguments, &watching, &bench, status);
    if (code == STATUS_OK)
        code = summarise_all(&bench, &summaries, status);
    if (code == STATUS_OK)
        code = print_result(arguments, &(struct bench_print){&bench, summaries, &published}, status);
    free(summaries);
    bench_published_free(&published);
    bench_close(&bench);
    unwatch_signals(&watching);
    return code;
}

/* --- the command line --- */

enum {
    KEY_SET = 256,
    KEY_OVER,
    KEY_SEEDS,
    KEY_JOBS,
    KEY_TEST,
    KEY_REFERENCE,
    KEY_PUBLISHED,
    KEY_OUT,
    KEY_SECONDS,
    KEY_SPREAD,
    KEY_WORKERS,
    KEY_BOARDS,
    KEY_BOARD_SECONDS,
    KEY_SLOW_BOARD
};

static const struct argp_option option_table[] = {
    {"set", KEY_SET, "KEY.PATH=VALUE", 0, "change one setting for all searches; may be repeated", 1},
    {"over", KEY_OVER, "KEY[+KEY]=CHOICE,...", 0,
     "run every search with each of these values; may be repeated. A choice is [LABEL:]VALUE[+VALUE...]; costs.N.max takes per "
     "cents "
     "too: 10% is the limit that a tenth of the networks stay within",
     1},
    {"seeds", KEY_SEEDS, "N", 0, "runs of each search, with the seeds 1 to N; default 20", 1},
    {"jobs", KEY_JOBS, "N", 0, "runs at a time; default one a CPU. Does not change the result", 1},
    {"test-column", KEY_TEST, "NAME", 0, "a column of the fitness file that no search sees: the figure of what it returns", 2},
    {"reference", KEY_REFERENCE, "COST,FITNESS", 0,
     "the hypervolume's reference point; a cost may be max, the slowest there is, the fitness min, the least; default max,min", 2},
    {"published", KEY_PUBLISHED, "FILE", 0, "a CSV file of published figures to show beside: setting,name,cost,value,error,source",
     2},
    {"seconds", KEY_SECONDS, "S", 0, "simulate: an evaluation takes a worker S seconds on average, in proportion to its MACs", 3},
    {"workers", KEY_WORKERS, "N", 0, "simulated workers; default 10", 3},
    {"boards", KEY_BOARDS, "N", 0, "simulated boards that measure the first cost; default 0: it is known at once", 3},
    {"board-seconds", KEY_BOARD_SECONDS, "S", 0, "a measurement takes S seconds on average, in proportion to the cost; default 10",
     3},
    {"slow-board", KEY_SLOW_BOARD, "FACTOR", 0, "the last board takes so many times as long", 3},
    {"spread", KEY_SPREAD, "SIGMA", 0, "durations are log-normal with this standard deviation of the logarithm; default 0.3", 3},
    {"out", KEY_OUT, "FOLDER", 0, "write table.md, summary.csv, runs.csv, curves.csv, fronts.csv and pictures there", 4},
    {"format", 'f', "FORMAT", 0, "table (default), csv (one row a search) or json (one object)", 4},
    {"quiet", 'q', NULL, 0, "show no progress and no notes", 4},
    {0}};

static void read_reference(struct bench_arguments *arguments, char *text, struct argp_state *state)
{
    struct bench_reference *reference = &arguments->options.reference;
    char *parts[BENCH_OBJECTIVES_MAX];
    int count = cli_option_list("reference", text, parts, BENCH_OBJECTIVES_MAX, state);
    for (int i = 0; i < count; i++) {
        const char *word = i + 1 < count ? "max" : "min";
        reference->values[i] = strcmp(parts[i], word) == 0 ? NAN : cli_option_number("reference", parts[i], -1e300, 1e300, state);
    }
    reference->count = (size_t)count;
}

static void add_override(struct bench_arguments *arguments, const char *text, struct argp_state *state)
{
    if (arguments->options.override_count == OVERRIDES_MAX)
        argp_error(state, "--set may be given %d times at most", OVERRIDES_MAX);
    arguments->overrides[arguments->options.override_count++] = text;
}

static void add_axis(struct bench_arguments *arguments, const char *text, struct argp_state *state)
{
    struct status status = {0};
    if (bench_matrix_add(&arguments->matrix, text, &status) != STATUS_OK)
        argp_error(state, "%s", status.message);
}

static void finish_arguments(struct bench_arguments *arguments, struct argp_state *state)
{
    struct bench_times *times = &arguments->options.times;
    if (arguments->options.study_path == NULL)
        argp_error(state, "which study file?");
    times->simulated = times->evaluation_s > 0;
    if (!times->simulated && arguments->cluster_given)
        argp_error(state, "without --seconds nothing takes time: workers, boards and their speed mean nothing");
    if (times->cluster.boards == 0)
        times->measurement_s = 0;
}

static error_t parse_cluster(int key, char *text, struct argp_state *state)
{
    struct bench_arguments *arguments = state->input;
    struct bench_times *times = &arguments->options.times;
    switch (key) {
    case KEY_SECONDS: times->evaluation_s = cli_option_number("seconds", text, 1e-6, 1e9, state); return 0;
    case KEY_WORKERS: times->cluster.workers = (uint32_t)cli_option_int("workers", text, 1, CLUSTER_MAX, state); break;
    case KEY_BOARDS: times->cluster.boards = (uint32_t)cli_option_int("boards", text, 0, CLUSTER_MAX, state); break;
    case KEY_BOARD_SECONDS: times->measurement_s = cli_option_number("board-seconds", text, 1e-6, 1e9, state); break;
    case KEY_SLOW_BOARD: times->cluster.slow_board = cli_option_number("slow-board", text, 1e-3, 1e6, state); break;
    case KEY_SPREAD: times->spread = cli_option_number("spread", text, 0, 5, state); break;
    default: return ARGP_ERR_UNKNOWN;
    }
    arguments->cluster_given = true;
    return 0;
}

static error_t parse_option(int key, char *text, struct argp_state *state)
{
    struct bench_arguments *arguments = state->input;
    switch (key) {
    case KEY_SET: add_override(arguments, text, state); return 0;
    case KEY_OVER: add_axis(arguments, text, state); return 0;
    case KEY_SEEDS: arguments->options.seeds = (uint32_t)cli_option_int("seeds", text, 1, SEEDS_MAX, state); return 0;
    case KEY_JOBS: arguments->jobs = cli_option_int("jobs", text, 1, JOBS_MAX, state); return 0;
    case KEY_TEST: arguments->options.test_column = text; return 0;
    case KEY_REFERENCE: read_reference(arguments, text, state); return 0;
    case KEY_PUBLISHED: arguments->published_path = text; return 0;
    case KEY_OUT: arguments->out = text; return 0;
    case 'f': arguments->format = cli_option_format(text, state); return 0;
    case 'q': arguments->quiet = true; return 0;
    case ARGP_KEY_ARG:
        if (arguments->options.study_path != NULL)
            argp_error(state, "one study file at a time; '%s' is a second", text);
        arguments->options.study_path = text;
        return 0;
    case ARGP_KEY_END: finish_arguments(arguments, state); return 0;
    default: return parse_cluster(key, text, state);
    }
}

static int run_verb(int argc, char **argv)
{
    static const struct argp argp = {
        .options = option_table,
        .parser = parse_option,
        .args_doc = "STUDY.yaml",
        .doc =
            "Runs a matrix of searches whose figures are all known from tables, each with many seeds, and compares what they find "
            "with the best there is: regret, hypervolume, test figures. With --seconds they run on a simulated cluster, hours in "
            "milliseconds.\v"
            "An axis whose key begins with `strategy.` is one of methods, which are compared; all others are settings, under which "
            "they are. Example:\n\n"
            "  hwnas bench fpga.yaml --over costs.0.max=2,4,8 --over strategy.name=evrsnas,random --out results"};
    struct bench_arguments arguments = {
        .options = {.seeds = 20, .times = {.measurement_s = 10, .spread = 0.3, .cluster = {.workers = 10, .slow_board = 1}}},
        .format = CLI_TABLE};
    struct status status = {0};
    arguments.options.overrides = arguments.overrides;
    argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    enum status_code code = bench_all(&arguments, &status);
    bench_matrix_free(&arguments.matrix);
    if (code == STATUS_OK)
        return cli_flush("bench");
    int exit_code = cli_fail("bench", &status);
    return code == STATUS_UNAVAILABLE ? INTERRUPTED : exit_code;
}

const struct cli_verb cli_bench_verb = {"bench", "run a matrix of searches against tables and compare them", run_verb};
