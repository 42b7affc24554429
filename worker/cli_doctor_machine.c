/* cli_doctor_machine: what `hwnas doctor` says of this machine as a place to compute and to measure on. Called by hwnas_main. What
 * is looked at here, workers and agents look at too, by the same functions. */
#include "worker/cli_doctor_machine.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/config_board.h"
#include "common/host.h"
#include "common/version.h"
#include "common/wire.h"
#include "worker/command.h"
#include "worker/conditions.h"
#include "worker/conditions_parts.h"
#include "worker/engine/engine.h"
#include "worker/measure_runner.h"
#include "worker/runner_open.h"

/* A slot takes up to 187 MB (docs/PERFORMANCE.md). */
enum { PROGRAM_MS = 10000, SLOT_MB = 200, SWAPPED_MOST_MB = 100 };

/* --- programs --- */

/* Beside this program, or in PATH. Empty: nowhere. */
static void find_program(const char *name, const char *const *environment, char out[PATH_MAX])
{
    char folder[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", folder, sizeof folder - 1);
    folder[length > 0 ? length : 0] = '\0';
    char *slash = strrchr(folder, '/');
    if (slash != NULL)
        *slash = '\0';
    snprintf(out, PATH_MAX, "%.4000s/%s", folder, name);
    if (access(out, X_OK) != 0 && command_find(name, environment, out, NULL) != STATUS_OK)
        out[0] = '\0';
}

static void look_at_program(const char *name, struct doctor_report *report)
{
    char path[PATH_MAX], search[4096], wanted[64], said[64];
    const char *path_variable = getenv("PATH");
    snprintf(search, sizeof search, "PATH=%s", path_variable != NULL ? path_variable : "/usr/local/bin:/usr/bin:/bin");
    const char *const environment[] = {search, NULL};
    find_program(name, environment, path);
    if (path[0] == '\0') {
        doctor_say(report, DOCTOR_DOUBTFUL, "programs", "install all four in one folder: make install",
                   "%s stands neither beside hwnas nor in PATH: `hwnas run` cannot start it", name);
        return;
    }
    const char *const argv[] = {path, "--version", NULL};
    const struct command command = {
        .argv = argv, .environment = environment, .folder = "/", .timeout_ms = PROGRAM_MS, .grace_ms = 1000, .output_bytes = 4096};
    struct command_result result;
    struct status status = {0};
    enum status_code code = command_run(&command, &result, &status);
    command_last_line(&result.out, said, sizeof said);
    command_result_free(&result);
    snprintf(wanted, sizeof wanted, "%s " HWNAS_VERSION, name);
    if (code != STATUS_OK)
        doctor_say(report, DOCTOR_WRONG, "programs", "install it again, with the packages it needs", "%s", status.message);
    else if (strcmp(said, wanted) != 0)
        doctor_say(report, DOCTOR_WRONG, "programs", "install all four from one build", "%s says that it is '%s'; this is hwnas %s",
                   path, said, HWNAS_VERSION);
    else
        doctor_say(report, DOCTOR_FINE, "programs", NULL, "%s: %s", path, said);
}

void cli_doctor_programs(const struct doctor_options *options, struct doctor_report *report)
{
    (void)options;
    look_at_program("hwnas-master", report);
    look_at_program("hwnas-worker", report);
    look_at_program("hwnas-agent", report);
}

/* --- processor --- */

static void look_at_processor(const struct conditions *conditions, struct doctor_report *report)
{
    const char *isa = engine_best_isa();
    int usable = host_cpu_count();
    doctor_say(report, DOCTOR_FINE, "processor", NULL, "%s, %d CPU(s), of which this process may use %d", conditions->processor,
               conditions->cpus, usable);
    if (strcmp(isa, engine_isa_word(ENGINE_ISA_PORTABLE)) == 0)
        doctor_say(report, DOCTOR_DOUBTFUL, "processor", "score candidates on a machine with AVX2, AVX-512 or NEON",
                   "it has none of the wide vectors that hwnas is built for: evaluations take several times longer");
    else
        doctor_say(report, DOCTOR_FINE, "processor", NULL, "evaluations use the kernels for %s", isa);
}

static void look_at_blas(struct doctor_report *report)
{
    const char *warning = engine_blas_warning(), *l2 = getenv("OPENBLAS_L2_SIZE"), *core = getenv("OPENBLAS_CORETYPE");
    if (warning != NULL && core == NULL)
        doctor_say(report, DOCTOR_FINE, "openblas", NULL, "%s; hwnas does that by itself", warning);
    else if (warning != NULL)
        doctor_say(report, DOCTOR_DOUBTFUL, "openblas", NULL, "%s", warning);
    else
        doctor_say(report, DOCTOR_FINE, "openblas", NULL, "it runs as '%s'%s, which fits the processor", engine_blas_core(),
                   core != NULL ? " (by OPENBLAS_CORETYPE)" : "");
    if (l2 != NULL)
        doctor_say(report, DOCTOR_DOUBTFUL, "openblas", "unset it: OpenBLAS finds the size out by itself",
                   "OPENBLAS_L2_SIZE=%.40s: it cuts its work up for a cache of that size, which may take twice as long", l2);
}

static void look_at_conditions(const struct conditions *conditions, struct doctor_report *report)
{
    char sentence[WIRE_SENTENCE_BYTES];
    int warnings = 0;
    while (conditions_warning(conditions, warnings, sentence, sizeof sentence)) {
        doctor_say(report, DOCTOR_DOUBTFUL, "measuring", NULL, "%s", sentence);
        warnings++;
    }
    if (conditions->governor[0] == '\0')
        doctor_say(report, DOCTOR_UNKNOWN, "measuring", NULL,
                   "how the clock is governed cannot be seen here; `hwnas device check` shows whether figures agree");
    if (warnings == 0)
        doctor_say(report, DOCTOR_FINE, "measuring", NULL, "nothing is known that would disturb measurements");
}

/* A line "KEY:   123 kB" of /proc/meminfo in megabytes; NaN where there is none. */
static double meminfo_mb(const char *key)
{
    FILE *file = conditions_open("", "/proc/meminfo");
    char line[128];
    double kilobytes = NAN;
    size_t length = strlen(key);
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, key, length) == 0 && line[length] == ':')
            kilobytes = strtod(line + length + 1, NULL);
    if (file != NULL)
        fclose(file);
    return kilobytes / 1024;
}

static void look_at_memory(const struct conditions *conditions, struct doctor_report *report)
{
    double swapped_mb = meminfo_mb("SwapTotal") - meminfo_mb("SwapFree");
    if (isnan(conditions->memory_mb)) {
        doctor_say(report, DOCTOR_UNKNOWN, "memory", NULL, "how much is available cannot be seen here");
    } else {
        int slots = (int)(conditions->memory_mb / SLOT_MB), cpus = host_cpu_count();
        enum doctor_level level = slots == 0 ? DOCTOR_WRONG : slots < cpus ? DOCTOR_DOUBTFUL : DOCTOR_FINE;
        doctor_say(report, level, "memory",
                   level == DOCTOR_FINE ? NULL : "start fewer workers or slots, or end what takes the memory",
                   "%.0f MB are available: room for %d candidate(s) at once, of %d MB each, on %d CPU(s)", conditions->memory_mb,
                   slots, SLOT_MB, cpus);
    }
    if (swapped_mb > SWAPPED_MOST_MB)
        doctor_say(report, DOCTOR_DOUBTFUL, "memory", "end what takes the memory, or measure on another machine",
                   "%.0f MB are swapped out: latencies measured here will jump", swapped_mb);
}

void cli_doctor_machine(const struct doctor_options *options, struct doctor_report *report)
{
    struct conditions conditions;
    (void)options;
    conditions_read("", 0, &conditions);
    look_at_processor(&conditions, report);
    look_at_blas(report);
    look_at_conditions(&conditions, report);
    look_at_memory(&conditions, report);
}

/* --- boards --- */

static void look_at_board(const char *path, struct doctor_report *report)
{
    struct config_board *board = NULL;
    struct runner runner = {0};
    struct runner_board described;
    struct status status = {0};
    char sentence[WIRE_SENTENCE_BYTES];
    enum status_code code = config_board_load(path, &board, &status);
    if (code == STATUS_OK)
        code = runner_open(board, -1, &runner, &status);
    if (code == STATUS_OK)
        code = measure_runner_check(&runner, &status);
    if (code != STATUS_OK) {
        doctor_say(report, DOCTOR_WRONG, "board", NULL, "%s", status.message);
    } else {
        runner_describe(&runner, &described);
        doctor_say(report, DOCTOR_FINE, "board", NULL, "%.200s: board %s, device %s", path, described.name, described.device_key);
        for (int i = 0; runner.ops->warning(&runner, i, sentence, sizeof sentence); i++)
            doctor_say(report, DOCTOR_DOUBTFUL, "board", NULL, "%s: %s", described.name, sentence);
    }
    runner_close(&runner);
    config_board_free(board);
}

void cli_doctor_boards(const struct doctor_options *options, struct doctor_report *report)
{
    for (size_t i = 0; i < options->board_count; i++)
        look_at_board(options->boards[i], report);
}
