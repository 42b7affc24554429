/* parse_hls: csynth.xml of Vivado HLS and Vitis HLS, by expat (which only this file includes): the worst-case latency in cycles
 * times the estimated clock period. Called through the table of parse.c.
 *
 * An estimate of the synthesis, which sees no memory stalls. A document type is refused: reports have none, and without one there
 * are no entities that could grow or reach for other files. */
#include <expat.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "worker/parse_internal.h"

enum { DEPTH_MAX = 64, PATH_BYTES = 512, VALUE_BYTES = 128, RESOURCES_MAX = 32 };

struct field {
    const char *path; /* below the root element */
    char value[VALUE_BYTES];
    bool seen;
};

enum field_number { LATENCY, PERIOD, PERIOD_UNIT, LATENCY_UNIT, VERSION, TARGET, FIELDS };

struct reader {
    const struct parse_input *input;
    struct parse_found *found;
    XML_Parser parser;
    char path[PATH_BYTES]; /* "/PerformanceEstimates/SummaryOfTimingAnalysis", from the root's children on */
    char value[VALUE_BYTES];
    size_t depth, value_length;
    bool leaf, too_long;
    struct field fields[FIELDS];
    int resources;
    enum status_code code; /* of the first refusal */
};

static const char resources[] = "/AreaEstimates/Resources/";

static void stop(struct reader *reader, enum status_code code)
{
    if (reader->code == STATUS_OK)
        reader->code = code;
    XML_StopParser(reader->parser, XML_FALSE);
}

static void XMLCALL on_doctype(void *context, const char *name, const char *system, const char *public, int internal)
{
    struct reader *reader = context;
    (void)system, (void)public, (void)internal;
    stop(reader, parse_refuse(reader->input, "has a document type (%.60s), which no report has", name));
}

static void XMLCALL on_start(void *context, const char *name, const char **attributes)
{
    struct reader *reader = context;
    size_t used = strlen(reader->path);
    (void)attributes;
    if (reader->depth++ == 0)
        return;
    if (reader->depth > DEPTH_MAX || used + strlen(name) + 2 > PATH_BYTES) {
        stop(reader, parse_refuse(reader->input, "elements are nested too deep"));
        return;
    }
    snprintf(reader->path + used, PATH_BYTES - used, "/%s", name);
    reader->value_length = 0;
    reader->leaf = true;
    reader->too_long = false;
}

static void XMLCALL on_text(void *context, const char *text, int length)
{
    struct reader *reader = context;
    for (int i = 0; i < length && reader->leaf; i++) {
        bool space = strchr(" \t\r\n", text[i]) != NULL;
        if (space && reader->value_length == 0)
            continue;
        if (reader->value_length + 1 == VALUE_BYTES) {
            reader->too_long = true;
            return;
        }
        reader->value[reader->value_length++] = text[i];
    }
}

static void keep_resource(struct reader *reader, const char *name)
{
    char key[VALUE_BYTES];
    double value;
    const char *at = reader->value;
    if (strchr(name, '/') != NULL || !parse_number(&at, &value) || *at != '\0' || reader->resources++ >= RESOURCES_MAX)
        return;
    snprintf(key, sizeof key, "used_%.100s", name);
    enum status_code code = parse_keep(reader->input, reader->found, key, value);
    if (code != STATUS_OK)
        stop(reader, code);
}

static void take_leaf(struct reader *reader)
{
    size_t prefix = sizeof resources - 1;
    while (reader->value_length > 0 && strchr(" \t\r\n", reader->value[reader->value_length - 1]) != NULL)
        reader->value_length--;
    reader->value[reader->value_length] = '\0';
    if (strncmp(reader->path, resources, prefix) == 0)
        keep_resource(reader, reader->path + prefix);
    for (int i = 0; i < FIELDS; i++) {
        struct field *field = &reader->fields[i];
        if (strcmp(reader->path, field->path) != 0)
            continue;
        if (field->seen || reader->too_long) {
            stop(reader, parse_refuse(reader->input, "%s %s", field->path, field->seen ? "stands there twice" : "is too long"));
            return;
        }
        field->seen = true;
        memcpy(field->value, reader->value, reader->value_length + 1);
    }
}

static void XMLCALL on_end(void *context, const char *name)
{
    struct reader *reader = context;
    (void)name;
    if (--reader->depth == 0)
        return;
    if (reader->leaf)
        take_leaf(reader);
    reader->leaf = false;
    char *slash = strrchr(reader->path, '/');
    if (slash != NULL)
        *slash = '\0';
}

static enum status_code number_of(const struct reader *reader, enum field_number number, double *out)
{
    const struct field *field = &reader->fields[number];
    const char *at = field->value;
    if (!field->seen)
        return parse_refuse(reader->input, "looked for %s, and the report has none; did the synthesis end?", field->path);
    if (strcmp(field->value, "?") == 0 || strcmp(field->value, "undef") == 0)
        return parse_refuse(reader->input, "%s is '%s': the bound of a loop is not known; give it a tripcount or a constant bound",
                            field->path, field->value);
    if (!parse_number(&at, out) || *at != '\0' || !(*out > 0))
        return parse_refuse(reader->input, "%s is '%.60s', not a number above 0", field->path, field->value);
    return STATUS_OK;
}

static enum status_code report(struct reader *reader)
{
    double cycles, period_ns, target_ns;
    const struct field *fields = reader->fields;
    const char *at = fields[TARGET].value;
    enum status_code code = number_of(reader, LATENCY, &cycles);
    if (code == STATUS_OK)
        code = number_of(reader, PERIOD, &period_ns);
    if (code == STATUS_OK && fields[PERIOD_UNIT].seen && strcmp(fields[PERIOD_UNIT].value, "ns") != 0)
        code = parse_refuse(reader->input, "%s is '%.60s', not ns", fields[PERIOD_UNIT].path, fields[PERIOD_UNIT].value);
    if (code == STATUS_OK && fields[LATENCY_UNIT].seen && strcmp(fields[LATENCY_UNIT].value, "clock cycles") != 0)
        code =
            parse_refuse(reader->input, "%s is '%.60s', not clock cycles", fields[LATENCY_UNIT].path, fields[LATENCY_UNIT].value);
    if (code == STATUS_OK)
        code = parse_add(reader->input, reader->found, cycles * period_ns * 1e-6, "Worst-caseLatency times EstimatedClockPeriod");
    if (code == STATUS_OK)
        code = parse_keep(reader->input, reader->found, "cycles", cycles);
    if (code == STATUS_OK)
        code = parse_keep(reader->input, reader->found, "clock_ns", period_ns);
    if (code == STATUS_OK && fields[TARGET].seen && parse_number(&at, &target_ns))
        code = parse_keep(reader->input, reader->found, "target_clock_ns", target_ns);
    if (code == STATUS_OK && fields[VERSION].seen &&
        json_object_set_new(reader->found->extra.meta, "hls_version", json_string(fields[VERSION].value)) != 0)
        code = parse_no_memory(reader->input);
    return code;
}

static enum status_code parse_xml(const struct parse_input *input, struct parse_found *found)
{
    static const char *const paths[FIELDS] = {
        [LATENCY] = "/PerformanceEstimates/SummaryOfOverallLatency/Worst-caseLatency",
        [PERIOD] = "/PerformanceEstimates/SummaryOfTimingAnalysis/EstimatedClockPeriod",
        [PERIOD_UNIT] = "/PerformanceEstimates/SummaryOfTimingAnalysis/unit",
        [LATENCY_UNIT] = "/PerformanceEstimates/SummaryOfOverallLatency/unit",
        [VERSION] = "/ReportVersion/Version",
        [TARGET] = "/UserAssignments/TargetClockPeriod",
    };
    struct reader reader = {.input = input, .found = found, .parser = XML_ParserCreate(NULL)};
    if (reader.parser == NULL)
        return parse_no_memory(input);
    for (int i = 0; i < FIELDS; i++)
        reader.fields[i].path = paths[i];
    XML_SetUserData(reader.parser, &reader);
    XML_SetElementHandler(reader.parser, on_start, on_end);
    XML_SetCharacterDataHandler(reader.parser, on_text);
    XML_SetStartDoctypeDeclHandler(reader.parser, on_doctype);
    enum XML_Status parsed = XML_Parse(reader.parser, input->text, (int)input->size, 1);
    if (reader.code == STATUS_OK && parsed != XML_STATUS_OK)
        reader.code = XML_GetErrorCode(reader.parser) == XML_ERROR_NO_MEMORY
                          ? parse_no_memory(input)
                          : parse_refuse(input, "line %lu is not XML: %s", (unsigned long)XML_GetCurrentLineNumber(reader.parser),
                                         XML_ErrorString(XML_GetErrorCode(reader.parser)));
    if (reader.code == STATUS_OK)
        reader.code = report(&reader);
    XML_ParserFree(reader.parser);
    return reader.code;
}

const struct parse_ops parse_hls_xml = {.parse = parse_xml, .binary = true};
