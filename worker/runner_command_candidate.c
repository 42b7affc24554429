/* runner_command_candidate: one candidate on a command board: its ONNX file, what the build makes of it, and the run that times it.
 *
 * The rule it keeps: a number comes out only where a tool ended well and its output was understood; every other end has a class and
 * a sentence, and none of them leaves a file or a process behind. */
#include "worker/runner_command_internal.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fileio.h"
#include "common/line.h"
#include "common/net_onnx.h"
#include "worker/parse.h"
#include "worker/workdir.h"

enum { MODEL_BYTES_MAX = 1 << 30, OUTPUT_END_BYTES = 1000, NUMBER_BYTES = 24, FILE_NAME_BYTES = 256 };

struct candidate {
    const struct command_board *owner;
    bool (*cancelled)(void *context);
    void *context;
    char workdir[PATH_MAX];
    char onnx[PATH_MAX + FILE_NAME_BYTES], model[PATH_MAX + FILE_NAME_BYTES];
    struct template_values values; /* texts point into this struct */
    char warmup[NUMBER_BYTES], repeats[NUMBER_BYTES], threads[NUMBER_BYTES], deadline[NUMBER_BYTES];
};

/* --- what placeholders stand for --- */

static void set_number(char out[NUMBER_BYTES], double number)
{
    snprintf(out, NUMBER_BYTES, "%.0f", number < 1 ? floor(number + 0.5) : floor(number));
}

static void set_values(struct candidate *candidate)
{
    const struct config_board_command *settings = &candidate->owner->board->command;
    const char **texts = candidate->values.texts;
    const char *output = settings->build_output;
    snprintf(candidate->onnx, sizeof candidate->onnx, "%s/model.onnx", candidate->workdir);
    snprintf(candidate->model, sizeof candidate->model, "%s/%s", candidate->workdir, output != NULL ? output : "model.onnx");
    set_number(candidate->warmup, settings->warmup);
    set_number(candidate->repeats, settings->repeats);
    set_number(candidate->threads, settings->threads);
    texts[CONFIG_BOARD_ONNX] = candidate->onnx;
    texts[CONFIG_BOARD_MODEL] = candidate->model;
    texts[CONFIG_BOARD_WORKDIR] = candidate->workdir;
    texts[CONFIG_BOARD_BATCH] = "1";
    texts[CONFIG_BOARD_WARMUP] = candidate->warmup;
    texts[CONFIG_BOARD_REPEATS] = candidate->repeats;
    texts[CONFIG_BOARD_THREADS] = candidate->threads;
    texts[CONFIG_BOARD_DEADLINE] = candidate->deadline;
}

static struct command_step step_of(struct candidate *candidate, const struct config_board_step *step)
{
    set_number(candidate->deadline, step->timeout_s < 1 ? 1 : step->timeout_s);
    return (struct command_step){.owner = candidate->owner,
                                 .step = step,
                                 .values = &candidate->values,
                                 .workdir = candidate->workdir,
                                 .cancelled = candidate->cancelled,
                                 .context = candidate->context};
}

/* --- classes of failures --- */

/* The tool's own words about what it cannot do, in the end of either stream. */
static bool says_unsupported(const struct command_board *owner, const struct command_result *result)
{
    return owner->has_unsupported &&
           ((result->out.text != NULL && regexec(&owner->unsupported, result->out.text, 0, NULL, 0) == 0) ||
            (result->err.text != NULL && regexec(&owner->unsupported, result->err.text, 0, NULL, 0) == 0));
}

/* `exited` is what an exit code other than 0 means. NONE where it says nothing about the candidate: cancelled, no such program. */
static enum wire_failure failure_of(const struct command_board *owner, const struct command_result *result,
                                    enum wire_failure exited)
{
    switch (result->end) {
    case COMMAND_EXITED: return says_unsupported(owner, result) ? WIRE_FAILURE_UNSUPPORTED_OP : exited;
    case COMMAND_KILLED:
    case COMMAND_CROWDED: return WIRE_FAILURE_CRASHED;
    case COMMAND_TIMED_OUT: return WIRE_FAILURE_TIMEOUT;
    case COMMAND_OUT_OF_MEMORY: return WIRE_FAILURE_OUT_OF_MEMORY;
    case COMMAND_NOT_STARTED:
    case COMMAND_CANCELLED: break;
    }
    return WIRE_FAILURE_NONE;
}

static enum status_code prefix(enum status_code code, struct status *status, const char *word)
{
    if (code != STATUS_OK && status != NULL)
        status_prefix(status, "%s", word);
    return code;
}

/* --- the build --- */

/* Everything the output depends on; where the files lie is not part of it. */
static enum status_code key_of(const struct candidate *candidate, const void *onnx, size_t onnx_size, struct digest *out,
                               struct status *status)
{
    const struct config_board *board = candidate->owner->board;
    struct template_values values = candidate->values;
    struct digest_stream stream;
    char **argv;
    values.texts[CONFIG_BOARD_ONNX] = values.texts[CONFIG_BOARD_MODEL] = values.texts[CONFIG_BOARD_WORKDIR] = NULL;
    values.texts[CONFIG_BOARD_DEADLINE] = NULL;
    enum status_code code = template_expand(&board->command.build.argv, &values, &argv, status);
    if (code != STATUS_OK)
        return code;
    digest_begin(&stream);
    digest_text(&stream, "hwnas build 1");
    digest_text(&stream, candidate->owner->runtime);
    digest_text(&stream, board->command.build_output);
    digest_u64(&stream, board->command.build.argv.count);
    for (char **word = argv; *word != NULL; word++)
        digest_text(&stream, *word);
    for (uint32_t i = 0; i < board->command.environment.count; i++)
        digest_text(&stream, board->command.environment.words[i]);
    digest_bytes(&stream, onnx, onnx_size);
    digest_end(&stream, out);
    template_free(argv);
    return STATUS_OK;
}

/* The file the build was to make: a regular one with something in it, not a link to somewhere. */
static enum status_code read_output(const struct candidate *candidate, void **data, size_t *size, struct status *status)
{
    struct stat info;
    const char *name = candidate->owner->board->command.build_output;
    if (lstat(candidate->model, &info) != 0)
        return status_set(status, STATUS_BAD_INPUT, "the build exited 0 but made no {workdir}/%.100s; is build.output right?",
                          name);
    if (!S_ISREG(info.st_mode) || info.st_size == 0)
        return status_set(status, STATUS_BAD_INPUT, "the build made a {workdir}/%.100s that is %s", name,
                          S_ISREG(info.st_mode) ? "empty" : "not a file");
    return fileio_read(candidate->model, MODEL_BYTES_MAX, data, size, status);
}

static enum status_code run_build(struct candidate *candidate, void **data, size_t *size, struct runner_note *note,
                                  struct status *status)
{
    struct command_result result;
    const struct command_step step = step_of(candidate, &candidate->owner->board->command.build);
    enum status_code code = command_step_run(&step, &result, status);
    note->build_seconds = result.seconds;
    if (code != STATUS_OK) {
        note->failure = failure_of(candidate->owner, &result, WIRE_FAILURE_CONVERT_FAILED);
        prefix(code, status, "build");
    } else if ((code = read_output(candidate, data, size, status)) != STATUS_OK)
        note->failure = WIRE_FAILURE_CONVERT_FAILED;
    command_result_free(&result);
    return code;
}

static enum status_code build(struct candidate *candidate, const void *onnx, size_t onnx_size, struct runner_note *note,
                              struct status *status)
{
    const struct build_cache *cache = &candidate->owner->cache;
    struct digest key;
    void *data = NULL;
    size_t size;
    enum status_code code = key_of(candidate, onnx, onnx_size, &key, status);
    if (code != STATUS_OK)
        return code;
    note->build_cached = build_cache_get(cache, &key, &data, &size);
    if (note->build_cached)
        code = fileio_write(candidate->model, data, size, status);
    else if ((code = run_build(candidate, &data, &size, note, status)) == STATUS_OK)
        /* What cannot be kept, on a full disk say, is built again next time. */
        build_cache_put(cache, &key, data, size, NULL);
    free(data);
    return code;
}

void command_candidate_release(void *prepared)
{
    struct candidate *candidate = prepared;
    if (candidate == NULL)
        return;
    if (candidate->workdir[0] != '\0')
        workdir_remove(candidate->workdir, NULL);
    free(candidate);
}

void *command_candidate_prepare(struct runner *runner, const struct runner_job *job, struct runner_note *note,
                                struct status *status)
{
    struct candidate *candidate = calloc(1, sizeof *candidate);
    if (candidate == NULL) {
        status_set(status, STATUS_NO_MEMORY, "no memory for a candidate");
        return NULL;
    }
    candidate->owner = runner->state;
    candidate->cancelled = job->cancelled;
    candidate->context = job->context;
    void *onnx = NULL;
    size_t onnx_size = 0;
    enum status_code code = workdir_create(NULL, candidate->workdir, status);
    if (code == STATUS_OK) {
        set_values(candidate);
        code = net_onnx_write(job->net, &onnx, &onnx_size, status);
    }
    if (code == STATUS_OK)
        code = fileio_write(candidate->onnx, onnx, onnx_size, status);
    if (code == STATUS_OK && candidate->owner->board->command.build.argv.words != NULL)
        code = build(candidate, onnx, onnx_size, note, status);
    free(onnx);
    if (code != STATUS_OK) {
        command_candidate_release(candidate);
        return NULL;
    }
    return candidate;
}

/* --- the run --- */

/* What the parser sees. Formats for machines are standard output alone; a report for people may stand on both streams. */
static char *text_to_parse(const struct command_board *owner, const struct command_result *result, size_t *size)
{
    enum config_board_parser parser = owner->board->command.parser;
    bool machine = parser == CONFIG_BOARD_JSON || parser == CONFIG_BOARD_TRTEXEC_TIMES || parser == CONFIG_BOARD_TIMELOOP ||
                   parser == CONFIG_BOARD_HLS_XML;
    size_t more = machine || result->err.size == 0 ? 0 : result->err.size + 1;
    char *text = malloc(result->out.size + more + 1);
    if (text == NULL)
        return NULL;
    memcpy(text, result->out.text, result->out.size);
    if (more > 0) {
        text[result->out.size] = '\n';
        memcpy(text + result->out.size + 1, result->err.text, result->err.size);
    }
    *size = result->out.size + more;
    text[*size] = '\0';
    return text;
}

static enum status_code parse_result(const struct candidate *candidate, const struct command_result *result, double *out_ms,
                                     int room, int *count, struct parse_extra *extra, struct status *status)
{
    const struct parse_options options = parse_options_of(&candidate->owner->board->command);
    size_t size;
    char *text = text_to_parse(candidate->owner, result, &size);
    if (text == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for a tool's output");
    enum status_code code = parse_output(&options, text, size, candidate->workdir, out_ms, room, count, extra, status);
    free(text);
    return code;
}

/* Power times latency, unless the tool says it itself; then it answers for how many readings that rests on. */
static void take_energy(struct power *power, const double *samples_ms, int count, const struct parse_extra *extra,
                        struct runner_note *note)
{
    if (isfinite(extra->energy_mj)) {
        note->energy_mj = extra->energy_mj;
        note->power_samples = count;
        return;
    }
    double *copy = power->count == 0 ? NULL : malloc((size_t)count * sizeof *copy);
    if (copy == NULL)
        return;
    memcpy(copy, samples_ms, (size_t)count * sizeof *copy);
    note->energy_mj = power_median_mw(power) * measure_median(copy, count) / 1e3;
    note->power_samples = power->count;
    free(copy);
}

/* Asked after the run. A board that does not answer has not said that it slowed down. */
static void ask_throttled(struct candidate *candidate, struct runner_note *note)
{
    struct command_result result;
    const struct command_board *owner = candidate->owner;
    if (!owner->has_throttled)
        return;
    const struct command_step step = step_of(candidate, &owner->board->command.throttled);
    if (command_step_run(&step, &result, NULL) == STATUS_OK)
        note->throttled = regexec(&owner->throttled, result.out.text, 0, NULL, 0) == 0;
    command_result_free(&result);
}

/* A run that writes no result must not be taken for the one before it. */
static void remove_old_result(const struct candidate *candidate)
{
    char path[PATH_MAX + FILE_NAME_BYTES];
    const char *name = candidate->owner->board->command.result_file;
    if (name != NULL && snprintf(path, sizeof path, "%s/%s", candidate->workdir, name) < (int)sizeof path)
        unlink(path);
}

static json_t *text_json(const char *text)
{
    char *line = line_dup(text);
    json_t *string = line == NULL ? json_null() : json_string(line);
    free(line);
    return string;
}

/* The arguments as the tool got them. */
static json_t *arguments_json(const struct candidate *candidate)
{
    json_t *list = json_array();
    char **argv = NULL;
    if (template_expand(&candidate->owner->board->command.run.argv, &candidate->values, &argv, NULL) != STATUS_OK)
        return list;
    for (char **word = argv; *word != NULL; word++)
        json_array_append_new(list, text_json(*word));
    template_free(argv);
    return list;
}

static json_t *tool_json(const struct candidate *candidate, const struct command_result *result, json_t *meta)
{
    const struct command_text *out = result->out.size > 0 ? &result->out : &result->err;
    const char *end = out->size > OUTPUT_END_BYTES ? out->text + out->size - OUTPUT_END_BYTES : out->text;
    return json_pack("{s:s, s:s, s:o, s:I, s:I, s:o, s:o*}", "runner", "command", "runtime", candidate->owner->runtime, "argv",
                     arguments_json(candidate), "output_bytes", (json_int_t)(result->out.total + result->err.total), "peak_bytes",
                     (json_int_t)result->peak_bytes, "output_end", text_json(end), "meta", meta);
}

int command_candidate_sample(void *prepared, double *out_ms, int room, struct runner_note *note, struct status *status)
{
    struct candidate *candidate = prepared;
    const struct config_board_command *settings = &candidate->owner->board->command;
    static const double milliwatts[] = {[CONFIG_BOARD_UW] = 1e-3, [CONFIG_BOARD_MW] = 1, [CONFIG_BOARD_W] = 1e3};
    struct power power = {.file = settings->power_file,
                          .milliwatts = milliwatts[settings->power_unit],
                          .every_ms = (int64_t)settings->power_every_ms};
    struct command_result result;
    struct parse_extra extra = {.energy_mj = NAN};
    int count = -1;
    struct command_step step = step_of(candidate, &settings->run);
    step.power = &power;
    remove_old_result(candidate);
    enum status_code code = command_step_run(&step, &result, status);
    note->run_seconds = result.seconds;
    if (code != STATUS_OK) {
        note->failure = failure_of(candidate->owner, &result, WIRE_FAILURE_CRASHED);
        prefix(code, status, "run");
    } else if ((code = parse_result(candidate, &result, out_ms, room, &count, &extra, status)) != STATUS_OK)
        note->failure = code == STATUS_NO_MEMORY ? WIRE_FAILURE_NONE : WIRE_FAILURE_PARSE;
    if (code == STATUS_OK) {
        take_energy(&power, out_ms, count, &extra, note);
        note->tool = tool_json(candidate, &result, extra.meta);
        ask_throttled(candidate, note);
    }
    power_free(&power);
    command_result_free(&result);
    return code == STATUS_OK ? count : -1;
}
