/* parse_timeloop: timeloop-mapper.stats.txt of one layer, or of all layers of a network one after the other, into one latency and
 * one energy. Called through the table of parse.c.
 *
 * Each layer's text ends with
 *   Summary Stats
 *   -------------
 *   GFLOPs (@1GHz): 247.33
 *   Utilization: 75.00%
 *   Cycles: 86016
 *   Energy: 59.28 uJ
 * (Timeloop 2 to 4; older ones lack the first two). Several layers are told apart by lines that deploy/boards/eyeriss.py prints:
 * "# layer NAME x COUNT" before each, "# end N" after the N-th. Without the end something is missing, and half a network must not
 * pass for a fast one. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "worker/parse_internal.h"

struct sums {
    double cycles, energy_uj; /* of all layers, each as often as it occurs */
    double layers;            /* seen so far */
    double end;               /* what "# end N" says; NAN: not seen */
    bool marked;              /* there are marks */
};

struct layer {
    char name[64];
    double count, cycles, energy_uj; /* NAN: not seen */
    bool summary;                    /* below "Summary Stats" */
};

static const struct layer fresh = {.name = "the only one", .count = 1, .cycles = NAN, .energy_uj = NAN};

static bool begins(const char *line, size_t length, const char *wanted)
{
    return length >= strlen(wanted) && strncmp(line, wanted, strlen(wanted)) == 0;
}

static enum status_code end_layer(const struct parse_input *input, struct sums *sums, const struct layer *layer)
{
    if (!layer->summary || isnan(layer->cycles) || isnan(layer->energy_uj))
        return parse_refuse(input, "layer %s: looked for %s; timeloop-mapper found no mapping or did not end", layer->name,
                            !layer->summary        ? "'Summary Stats'"
                            : isnan(layer->cycles) ? "'Cycles: NUMBER' below 'Summary Stats'"
                                                   : "'Energy: NUMBER uJ' below 'Summary Stats'");
    sums->cycles += layer->count * layer->cycles;
    sums->energy_uj += layer->count * layer->energy_uj;
    sums->layers++;
    return STATUS_OK;
}

/* "# layer conv3 x 4". */
static enum status_code begin_layer(const struct parse_input *input, const char *line, size_t length, struct layer *layer)
{
    const char *at = line + strlen("# layer "), *end = line + length;
    size_t name = strcspn(at, " \n");
    double count;
    const char *number = at + name;
    *layer = fresh;
    if (name == 0 || !parse_skip(&number, " x ") || !parse_number(&number, &count) || number != end || !(count >= 1) ||
        count > 1e6 || count != floor(count))
        return parse_refuse(input, "looked for '# layer NAME x COUNT', found '%.*s'", (int)(length < 120 ? length : 120), line);
    snprintf(layer->name, sizeof layer->name, "%.*s", (int)name, at);
    layer->count = count;
    return STATUS_OK;
}

/* A whole line "WORD NUMBER UNIT". */
static enum status_code read_figure(const struct parse_input *input, const struct layer *layer, const char *line, size_t length,
                                    const char *word, const char *unit, double *out)
{
    const char *at = line + strlen(word);
    double value;
    if (!parse_number(&at, &value) || !parse_skip(&at, unit) || at != line + length)
        return parse_refuse(input, "layer %s: looked for '%sNUMBER%s', found '%.*s'", layer->name, word, unit,
                            (int)(length < 120 ? length : 120), line);
    if (!isnan(*out))
        return parse_refuse(input, "layer %s: '%s' stands there twice; several layers need '# layer NAME x COUNT' lines",
                            layer->name, word);
    if (!(value > 0))
        return parse_refuse(input, "layer %s: %s%g%s cannot be", layer->name, word, value, unit);
    *out = value;
    return STATUS_OK;
}

static enum status_code look_at(const struct parse_input *input, const char *line, size_t length, struct sums *sums,
                                struct layer *layer)
{
    bool is_layer = begins(line, length, "# layer "), is_end = begins(line, length, "# end ");
    if (!isnan(sums->end))
        return parse_refuse(input, "there is more after '# end'");
    if (is_layer || is_end) {
        enum status_code code = sums->marked ? end_layer(input, sums, layer) : STATUS_OK;
        const char *at = line + strlen("# end ");
        if (code == STATUS_OK && !sums->marked && (is_end || layer->summary))
            code = parse_refuse(input, "there is something before the first '# layer NAME x COUNT'");
        sums->marked = true;
        if (code != STATUS_OK || is_layer)
            return code == STATUS_OK ? begin_layer(input, line, length, layer) : code;
        if (!parse_number(&at, &sums->end) || at != line + length)
            return parse_refuse(input, "looked for '# end NUMBER'");
        return STATUS_OK;
    }
    if (begins(line, length, "Summary Stats")) {
        if (layer->summary)
            return parse_refuse(input,
                                "layer %s: 'Summary Stats' stands there twice; several layers need '# layer NAME x COUNT' lines",
                                layer->name);
        layer->summary = true;
    }
    if (layer->summary && begins(line, length, "Cycles: "))
        return read_figure(input, layer, line, length, "Cycles: ", "", &layer->cycles);
    if (layer->summary && begins(line, length, "Energy: "))
        return read_figure(input, layer, line, length, "Energy: ", " uJ", &layer->energy_uj);
    return STATUS_OK;
}

static enum status_code report(const struct parse_input *input, struct parse_found *found, const struct sums *sums)
{
    enum status_code code = parse_add(input, found, sums->cycles / input->options->clock_hz * 1e3, "Cycles over clock_hz");
    if (code == STATUS_OK)
        code = parse_energy(input, found, sums->energy_uj / 1e3);
    if (code == STATUS_OK)
        code = parse_keep(input, found, "cycles", sums->cycles);
    if (code == STATUS_OK)
        code = parse_keep(input, found, "clock_hz", input->options->clock_hz);
    return code == STATUS_OK ? parse_keep(input, found, "layers", sums->layers) : code;
}

static enum status_code parse_stats(const struct parse_input *input, struct parse_found *found)
{
    struct sums sums = {.end = NAN};
    struct layer layer = fresh;
    const char *at = input->text, *line;
    size_t length;
    enum status_code code = STATUS_OK;
    while (code == STATUS_OK && parse_line(&at, &line, &length))
        code = look_at(input, line, length, &sums, &layer);
    if (code == STATUS_OK && !sums.marked)
        code = end_layer(input, &sums, &layer);
    else if (code == STATUS_OK && isnan(sums.end))
        code = parse_refuse(input, "looked for '# end NUMBER' after the last layer; the output is cut off");
    else if (code == STATUS_OK && sums.end != sums.layers)
        code = parse_refuse(input, "'# end %g' after %g layers: some are missing", sums.end, sums.layers);
    if (code == STATUS_OK && *at != '\0')
        code = parse_refuse(input, "the last line is cut off");
    found->extra.summary_only = false;
    return code == STATUS_OK ? report(input, found, &sums) : code;
}

const struct parse_ops parse_timeloop = {.parse = parse_stats};
