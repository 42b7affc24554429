/* runner_command: a board that is known by its board file: who it is, and how one of its programs is started. What is done with a
 * candidate stands in runner_command_candidate.c. Called by the agent and by `hwnas device` through struct runner_ops. */
#include "worker/runner_command.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "worker/conditions.h"
#include "worker/runner_command_internal.h"
#include "worker/workdir.h"

static const uint64_t CACHE_BYTES_MAX = (uint64_t)2 << 30, FILE_BYTES_MAX = (uint64_t)4 << 30;
enum { GRACE_MS = 2000, LOOK_MS = 50 };

/* --- one program --- */

/* Looks at the meter, and at whether to go on. */
static bool look(void *context)
{
    const struct command_step *step = context;
    if (step->power != NULL)
        power_look(step->power, clock_monotonic_ms());
    return step->cancelled != NULL && step->cancelled(step->context);
}

static int look_every_ms(const struct command_step *step)
{
    bool meter = step->power != NULL && step->power->file != NULL;
    return meter && step->power->every_ms < LOOK_MS ? (int)step->power->every_ms : LOOK_MS;
}

enum status_code command_step_run(const struct command_step *step, struct command_result *result, struct status *status)
{
    const struct config_board_command *settings = &step->owner->board->command;
    char **argv = NULL, **environment = NULL;
    memset(result, 0, sizeof *result);
    result->end = COMMAND_NOT_STARTED;
    enum status_code code = template_expand(&step->step->argv, step->values, &argv, status);
    if (code == STATUS_OK)
        code = template_expand(&settings->environment, step->values, &environment, status);
    if (code == STATUS_OK) {
        const struct command command = {.argv = (const char *const *)argv,
                                        .environment = (const char *const *)environment,
                                        .folder = step->workdir,
                                        .timeout_ms = (int64_t)ceil(1000 * step->step->timeout_s),
                                        .grace_ms = GRACE_MS,
                                        .memory_bytes = settings->memory_bytes,
                                        .file_bytes = FILE_BYTES_MAX,
                                        .output_bytes = (size_t)settings->output_bytes,
                                        .stop = look,
                                        .context = (void *)(uintptr_t)step,
                                        .stop_every_ms = look_every_ms(step)};
        code = command_run(&command, result, status);
    }
    template_free(argv);
    template_free(environment);
    return code;
}

/* --- the board --- */

static void board(const struct runner *runner, struct runner_board *out)
{
    const struct command_board *owner = runner->state;
    *out = owner->identity;
}

/* The tools run on any CPU they like; the last one stands for all in the line. */
static void read_host(struct conditions *out)
{
    conditions_read("", (int)sysconf(_SC_NPROCESSORS_ONLN) - 1, out);
}

static void conditions(const struct runner *runner, char *out, size_t size)
{
    const struct command_board *owner = runner->state;
    out[0] = '\0';
    if (!owner->board->elsewhere) {
        struct conditions now;
        read_host(&now);
        conditions_print(&now, out, size);
    }
    size_t used = strlen(out);
    snprintf(out + used, size - used, "%sruntime=%s", used > 0 ? " " : "", owner->runtime);
}

static bool warning(const struct runner *runner, int i, char *out, size_t size)
{
    const struct command_board *owner = runner->state;
    struct conditions now;
    if (owner->board->elsewhere)
        return false;
    read_host(&now);
    return conditions_warning(&now, i, out, size);
}

static void free_board(struct command_board *owner)
{
    if (owner == NULL)
        return;
    if (owner->has_unsupported)
        regfree(&owner->unsupported);
    if (owner->has_throttled)
        regfree(&owner->throttled);
    free(owner);
}

static void close_command(struct runner *runner)
{
    free_board(runner->state);
    runner->state = NULL;
}

static const struct runner_ops command_ops = {
    .name = "command",
    .whole = true,
    .board = board,
    .conditions = conditions,
    .warning = warning,
    .prepare = command_candidate_prepare,
    .sample = command_candidate_sample,
    .release = command_candidate_release,
    .close = close_command,
};

/* --- opening it --- */

static enum status_code compile(const char *pattern, regex_t *out, bool *compiled, struct status *status)
{
    if (pattern == NULL)
        return STATUS_OK;
    *compiled = regcomp(out, pattern, REG_EXTENDED | REG_NEWLINE | REG_NOSUB) == 0;
    return *compiled ? STATUS_OK : status_set(status, STATUS_BAD_INPUT, "'%.200s' is not a POSIX extended expression", pattern);
}

/* A program that is absent is told of before the first candidate comes. */
static enum status_code find_program(const struct command_board *owner, const struct config_board_step *step, struct status *status)
{
    char path[PATH_MAX];
    const char *name = step->argv.words == NULL ? NULL : step->argv.words[0];
    size_t length;
    const char *brace = name == NULL ? NULL : strchr(name, '{');
    if (name == NULL || (brace != NULL && config_board_placeholder_at(brace, &length) >= 0))
        return STATUS_OK; /* none, or one that a build makes */
    return command_find(name, (const char *const *)owner->board->command.environment.words, path, status);
}

static enum status_code find_programs(const struct command_board *owner, struct status *status)
{
    const struct config_board_command *settings = &owner->board->command;
    enum status_code code = find_program(owner, &settings->build, status);
    if (code == STATUS_OK)
        code = find_program(owner, &settings->run, status);
    if (code == STATUS_OK)
        code = find_program(owner, &settings->throttled, status);
    return code;
}

/* The first group of the pattern in what the program printed, behind what the board file says already. */
static enum status_code take_version(struct command_board *owner, const char *text, struct status *status)
{
    regex_t pattern;
    regmatch_t match[2];
    char version[COMMAND_VERSION_BYTES];
    const char *runtime = owner->board->runtime;
    if (regcomp(&pattern, owner->board->runtime_pattern, REG_EXTENDED | REG_NEWLINE) != 0)
        return status_set(status, STATUS_BAD_INPUT, "runtime_version.regex is not a POSIX extended expression");
    bool found = regexec(&pattern, text, 2, match, 0) == 0 && match[1].rm_so >= 0;
    regfree(&pattern);
    int length = found ? (int)(match[1].rm_eo - match[1].rm_so) : 0;
    if (!found)
        return status_set(status, STATUS_BAD_INPUT,
                          "runtime_version: '%.100s' is not in what the program printed, which begins with '%.60s'",
                          owner->board->runtime_pattern, text);
    int size = snprintf(version, sizeof version, "%s%.*s", runtime, length, text + match[1].rm_so);
    if (size >= (int)sizeof version || !config_board_is_key_part(version))
        return status_set(status, STATUS_BAD_INPUT,
                          "runtime_version: '%.60s' cannot be part of a device key: let the group take letters, digits, '.', '_' "
                          "and '+' only, not too many",
                          version);
    memcpy(owner->runtime, version, sizeof version);
    return STATUS_OK;
}

/* Tools print their versions on either stream, and some fail while they do. */
static enum status_code ask_version(struct command_board *owner, struct status *status)
{
    const struct template_values none = {{NULL}};
    struct command_result result;
    char workdir[PATH_MAX];
    snprintf(owner->runtime, sizeof owner->runtime, "%s", owner->board->runtime);
    if (owner->board->runtime_version.argv.words == NULL)
        return STATUS_OK;
    enum status_code code = workdir_create(NULL, workdir, status);
    if (code != STATUS_OK)
        return code;
    const struct command_step step = {.owner = owner, .step = &owner->board->runtime_version, .values = &none, .workdir = workdir};
    code = command_step_run(&step, &result, status);
    if (code == STATUS_OK || result.end == COMMAND_EXITED) {
        code = take_version(owner, result.out.text, status);
        if (code != STATUS_OK && result.err.size > 0 && take_version(owner, result.err.text, NULL) == STATUS_OK)
            code = STATUS_OK;
    }
    command_result_free(&result);
    workdir_remove(workdir, NULL);
    return code;
}

/* With the question whether it was throttled behind it, and the grace that a program gets to end by itself. */
static double longest_run_s(const struct config_board_command *settings)
{
    double asking_s = settings->throttled.argv.words == NULL ? 0 : settings->throttled.timeout_s;
    return settings->run.timeout_s + asking_s + 2 * GRACE_MS / 1e3;
}

static void identify(struct command_board *owner)
{
    const struct config_board *file = owner->board;
    owner->identity = (struct runner_board){.elsewhere = file->elsewhere,
                                            .deterministic = file->deterministic,
                                            .peak_macs_per_s = file->peak_macs_per_s,
                                            .peak_bytes_per_s = file->peak_bytes_per_s,
                                            .build_ahead = file->command.build_ahead ? 1 : 0};
    snprintf(owner->identity.name, sizeof owner->identity.name, "%s", file->name);
    snprintf(owner->identity.device_key, sizeof owner->identity.device_key, "%s-%s-%s-%s", file->board, file->processor,
             owner->runtime, file->precision);
}

enum status_code runner_command_open(const struct config_board *board_file, const char *cache_folder, struct runner *out,
                                     struct status *status)
{
    struct command_board *owner = calloc(1, sizeof *owner);
    if (owner == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for a board");
    owner->board = board_file;
    enum status_code code = compile(board_file->command.unsupported_pattern, &owner->unsupported, &owner->has_unsupported, status);
    if (code == STATUS_OK)
        code = compile(board_file->command.throttled_pattern, &owner->throttled, &owner->has_throttled, status);
    if (code == STATUS_OK)
        code = find_programs(owner, status);
    if (code == STATUS_OK)
        code = ask_version(owner, status);
    if (code == STATUS_OK && board_file->command.build.argv.words != NULL)
        code = build_cache_open(cache_folder, CACHE_BYTES_MAX, &owner->cache, status);
    if (code != STATUS_OK) {
        free_board(owner);
        if (status != NULL)
            status_prefix(status, "%.100s", board_file->origin);
        return code;
    }
    identify(owner);
    *out = (struct runner){
        .ops = &command_ops, .state = owner, .protocol = measure_defaults(), .run_s = longest_run_s(&board_file->command)};
    return STATUS_OK;
}
