/* parse: chooses the parser, gets the text, and keeps the rules that hold for all of them: no figure without a place it belongs in,
 * no figure of 0, samples untouched on failure. Called by the command runner. */
#include "worker/parse.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fileio.h"
#include "worker/parse_internal.h"

enum { PATH_BYTES_MAX = 4096 };

static const struct parse_ops *const parsers[] = {
    [CONFIG_BOARD_JSON] = &parse_json,
    [CONFIG_BOARD_TRTEXEC_TIMES] = &parse_trtexec_times,
    [CONFIG_BOARD_TRTEXEC_TEXT] = &parse_trtexec_text,
    [CONFIG_BOARD_TFLITE] = &parse_tflite,
    [CONFIG_BOARD_ORT_PERF] = &parse_ort_perf,
    [CONFIG_BOARD_TIMELOOP] = &parse_timeloop,
    [CONFIG_BOARD_HLS_XML] = &parse_hls_xml,
    [CONFIG_BOARD_REGEX] = &parse_regex,
};

_Static_assert(sizeof parsers / sizeof parsers[0] == CONFIG_BOARD_PARSERS, "a parser for each word");

/* --- for the parsers --- */

enum status_code parse_refuse(const struct parse_input *input, const char *format, ...)
{
    char sentence[STATUS_MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    return status_set(input->status, STATUS_BAD_INPUT, "parser %s: %s", input->name, sentence);
}

enum status_code parse_no_memory(const struct parse_input *input)
{
    return status_set(input->status, STATUS_NO_MEMORY, "parser %s: no memory for the output", input->name);
}

bool parse_number(const char **at, double *out)
{
    size_t length = strspn(*at, "+-"), digits = strspn(*at + length, "0123456789"), point, exponent;
    char *end = NULL;
    if (length > 1)
        return false;
    length += digits;
    if ((*at)[length] == '.') {
        point = strspn(*at + length + 1, "0123456789");
        digits += point;
        length += point + 1;
    }
    if (digits == 0)
        return false;
    if ((*at)[length] == 'e' || (*at)[length] == 'E') {
        size_t sign = (*at)[length + 1] == '+' || (*at)[length + 1] == '-';
        exponent = strspn(*at + length + 1 + sign, "0123456789");
        if (exponent > 0)
            length += 1 + sign + exponent;
    }
    *out = strtod(*at, &end);
    if (end != *at + length)
        return false;
    *at = end;
    return true;
}

enum status_code parse_add(const struct parse_input *input, struct parse_found *found, double ms, const char *what)
{
    if (!(ms >= PARSE_LATENCY_MS_MIN && ms <= PARSE_LATENCY_MS_MAX))
        return parse_refuse(input, "%s gives %g ms, which is no latency of an inference (from %g to %g)", what, ms,
                            PARSE_LATENCY_MS_MIN, PARSE_LATENCY_MS_MAX);
    if (found->count == found->room) {
        size_t room = found->room > 0 ? 2 * found->room : 64;
        double *grown = realloc(found->samples_ms, room * sizeof *grown);
        if (grown == NULL)
            return parse_no_memory(input);
        found->samples_ms = grown;
        found->room = room;
    }
    found->samples_ms[found->count++] = ms;
    return STATUS_OK;
}

enum status_code parse_energy(const struct parse_input *input, struct parse_found *found, double mj)
{
    if (!(mj > 0 && mj <= PARSE_ENERGY_MJ_MAX))
        return parse_refuse(input, "an energy of %g mJ is none of an inference (above 0, at most %g)", mj, PARSE_ENERGY_MJ_MAX);
    found->extra.energy_mj = mj;
    return STATUS_OK;
}

enum status_code parse_keep(const struct parse_input *input, struct parse_found *found, const char *key, double value)
{
    json_t *number = value == floor(value) && fabs(value) < 1e15 ? json_integer((json_int_t)value) : json_real(value);
    return json_object_set_new(found->extra.meta, key, number) == 0 ? STATUS_OK : parse_no_memory(input);
}

bool parse_line(const char **at, const char **line, size_t *length)
{
    const char *end = strchr(*at, '\n');
    if (end == NULL)
        return false;
    *line = *at;
    *length = (size_t)(end - *at);
    *at = end + 1;
    return true;
}

const char *parse_find(const char *line, size_t length, const char *wanted)
{
    return memmem(line, length, wanted, strlen(wanted));
}

bool parse_skip(const char **at, const char *wanted)
{
    size_t length = strlen(wanted);
    if (strncmp(*at, wanted, length) != 0)
        return false;
    *at += length;
    return true;
}

/* --- the text --- */

static enum status_code read_result(const struct parse_options *options, const char *workdir, char **text, size_t *size,
                                    struct status *status)
{
    char path[PATH_BYTES_MAX];
    void *data = NULL;
    int length = snprintf(path, sizeof path, "%s/%s", workdir, options->file);
    if (length < 0 || length >= (int)sizeof path)
        return status_set(status, STATUS_BAD_INPUT, "the path of the result %.100s is too long", options->file);
    enum status_code code = fileio_read(path, options->file_bytes > 0 ? options->file_bytes : PARSE_BYTES_MAX, &data, size, status);
    if (code == STATUS_NOT_FOUND)
        return status_set(status, STATUS_NOT_FOUND, "the tool ended without writing %.200s in its folder", options->file);
    *text = data;
    return code;
}

/* A copy that ends with a NUL. */
static char *copy_of(const char *text, size_t size)
{
    char *copy = malloc(size + 1);
    if (copy != NULL) {
        if (size > 0)
            memcpy(copy, text, size);
        copy[size] = '\0';
    }
    return copy;
}

static enum status_code parse_found_in(const struct parse_input *input, struct parse_found *found)
{
    const struct parse_ops *parser = parsers[input->options->parser];
    const char *source = input->options->file != NULL ? input->options->file : "what it printed";
    if (input->size == 0)
        return parse_refuse(input, "the tool printed nothing (%s is empty)", source);
    if (input->size > PARSE_BYTES_MAX)
        return parse_refuse(input, "%s has %zu bytes, more than %d", source, input->size, PARSE_BYTES_MAX);
    if (!parser->binary && strlen(input->text) != input->size)
        return parse_refuse(input, "%s is binary (a NUL byte at %zu), not text", source, strlen(input->text));
    enum status_code code = parser->parse(input, found);
    assert(code != STATUS_OK || found->count > 0);
    return code;
}

/* --- public --- */

struct parse_options parse_options_of(const struct config_board_command *command)
{
    return (struct parse_options){.parser = command->parser,
                                  .file = command->result_file,
                                  .file_bytes =
                                      (size_t)(command->output_bytes < SIZE_MAX / 2 ? command->output_bytes : SIZE_MAX / 2),
                                  .pattern = command->regex_pattern,
                                  .unit = command->regex_unit,
                                  .clock_hz = command->timeloop_clock_hz};
}

enum status_code parse_output(const struct parse_options *options, const char *text, size_t size, const char *workdir,
                              double *samples_ms, int room, int *count, struct parse_extra *extra, struct status *status)
{
    struct parse_found found = {.extra = {.energy_mj = NAN, .meta = json_object()}};
    char *result = NULL, *printed = copy_of(text, size);
    size_t result_size = 0, kept;
    struct parse_input input = {.options = options, .name = config_board_parser_word(options->parser), .status = status};
    assert(room > 0);
    *count = 0;
    *extra = (struct parse_extra){.energy_mj = NAN};
    enum status_code code = found.extra.meta != NULL && printed != NULL ? STATUS_OK : parse_no_memory(&input);
    if (code == STATUS_OK && options->file != NULL) {
        code = read_result(options, workdir, &result, &result_size, status);
        if (code != STATUS_OK)
            status_prefix(status, "parser %s", input.name);
    }
    if (code == STATUS_OK) {
        input.text = result != NULL ? result : printed;
        input.size = result != NULL ? result_size : size;
        input.printed = result != NULL ? printed : "";
        code = parse_found_in(&input, &found);
    }
    if (code == STATUS_OK) {
        kept = found.count < (size_t)room ? found.count : (size_t)room;
        memcpy(samples_ms, found.samples_ms + found.count - kept, kept * sizeof *samples_ms);
        *count = (int)kept;
        *extra = found.extra;
        found.extra.meta = NULL;
    }
    json_decref(found.extra.meta);
    free(found.samples_ms);
    free(result);
    free(printed);
    return code;
}
