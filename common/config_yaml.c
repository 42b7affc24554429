/* config_yaml: reads YAML with libyaml (for overrides and line numbers) and libcyaml (for structure and keys). Called by config.c.
 *
 * Every value is taken as text: cyaml's own numbers would let "1..2", "-1" for an unsigned and "yes please" for a boolean through.
 * cyaml tells what it dislikes only through its log, so the log's first line and its backtrace are caught and turned into a key
 * path, and the path into a line of the original text. */
#include "common/config_yaml.h"

#include <cyaml/cyaml.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

enum { PATH_DEPTH_MAX = 8, VALUE_BYTES_MAX = 4096 };

/* What cyaml fills in: one pointer per rule of the table; those of CONFIG_COST stand in the list's entries instead. */
struct entry {
    char *values[CONFIG_RULES_MAX];
};

struct content {
    char *values[CONFIG_RULES_MAX];
    struct entry *costs;
    uint32_t cost_count;
};

/* cyaml's description of struct content, built from the table of rules. */
struct schema {
    cyaml_schema_field_t sections[CONFIG_SECTIONS][CONFIG_RULES_MAX + 2];
    cyaml_schema_value_t cost, top;
};

struct config_yaml {
    char *origin;
    const char *const *overrides; /* borrowed */
    size_t override_count;
    yaml_document_t document; /* of the original text: where lines come from */
    bool has_document;
    struct schema schema;
    struct content *content;
};

/* What cyaml's log said of a failure. */
struct complaint {
    char what[256];
    char steps[PATH_DEPTH_MAX][64]; /* innermost first: a field's name or a list's index */
    size_t step_count;
};

/* --- the original text: nodes by path --- */

static yaml_node_t *child_of(yaml_document_t *document, yaml_node_t *node, const char *key, size_t length)
{
    if (node->type == YAML_MAPPING_NODE) {
        for (yaml_node_pair_t *pair = node->data.mapping.pairs.start; pair < node->data.mapping.pairs.top; pair++) {
            yaml_node_t *name = yaml_document_get_node(document, pair->key);
            if (name->type == YAML_SCALAR_NODE && name->data.scalar.length == length &&
                memcmp(name->data.scalar.value, key, length) == 0)
                return yaml_document_get_node(document, pair->value);
        }
    } else if (node->type == YAML_SEQUENCE_NODE) {
        size_t index = strtoul(key, NULL, 10), count = (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
        if (strspn(key, "0123456789") == length && index < count)
            return yaml_document_get_node(document, node->data.sequence.items.start[index]);
    }
    return NULL;
}

/* The line of the path's node, or of the innermost mapping around it that exists. */
static size_t line_of(const struct config_yaml *yaml, const char *path)
{
    yaml_document_t *document = (yaml_document_t *)&yaml->document; /* libyaml's getters take it without const */
    yaml_node_t *node = yaml->has_document ? yaml_document_get_root_node(document) : NULL;
    size_t line = node != NULL ? node->start_mark.line : 0;
    while (node != NULL && *path != '\0') {
        size_t length = strcspn(path, ".");
        node = child_of(document, node, path, length);
        if (node != NULL)
            line = node->start_mark.line;
        path += length + (path[length] == '.');
    }
    return line + 1;
}

static const char *override_of(const struct config_yaml *yaml, const char *path)
{
    size_t length = strlen(path);
    for (size_t i = yaml->override_count; i-- > 0;) {
        const char *text = yaml->overrides[i];
        if (strncmp(text, path, length) == 0 && (text[length] == '=' || text[length] == '.'))
            return text;
    }
    return NULL;
}

enum status_code config_yaml_blame(const struct config_yaml *yaml, const char *path, struct status *status)
{
    const char *override = *path != '\0' ? override_of(yaml, path) : NULL;
    if (override != NULL)
        return status_prefix(status, "--set %s", path);
    if (*path == '\0')
        return status_prefix(status, "%s:%zu", yaml->origin, line_of(yaml, path));
    return status_prefix(status, "%s:%zu: %s", yaml->origin, line_of(yaml, path), path);
}

void config_yaml_path(const struct config_rule *rule, size_t cost, char out[CONFIG_YAML_PATH_BYTES])
{
    const char *section = config_section_key(rule->section);
    if (rule->section == CONFIG_COST)
        snprintf(out, CONFIG_YAML_PATH_BYTES, "%s.%zu.%s", section, cost, rule->key);
    else
        snprintf(out, CONFIG_YAML_PATH_BYTES, "%s%s%s", section != NULL ? section : "", section != NULL ? "." : "", rule->key);
}

/* --- libyaml: text to document, overrides --- */

static enum status_code parser_failed(const yaml_parser_t *parser, const char *origin, struct status *status)
{
    if (parser->error == YAML_MEMORY_ERROR)
        return status_set(status, STATUS_NO_MEMORY, "%s: no memory to read it", origin);
    size_t line = (parser->error == YAML_READER_ERROR ? parser->mark.line : parser->problem_mark.line) + 1;
    return status_set(status, STATUS_BAD_INPUT,
                      "%s:%zu: is not YAML: %s; check indentation, brackets and quotes on this line or above", origin, line,
                      parser->problem != NULL ? parser->problem : "unreadable");
}

/* Exactly one document whose root is a mapping. */
static enum status_code load_document(const char *text, size_t size, const char *origin, yaml_document_t *out,
                                      struct status *status)
{
    yaml_parser_t parser;
    yaml_document_t second;
    if (!yaml_parser_initialize(&parser))
        return status_set(status, STATUS_NO_MEMORY, "%s: no memory to read it", origin);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
    enum status_code code = STATUS_OK;
    if (!yaml_parser_load(&parser, out)) {
        code = parser_failed(&parser, origin, status);
        yaml_parser_delete(&parser);
        return code;
    }
    yaml_node_t *root = yaml_document_get_root_node(out);
    if (root == NULL)
        code = status_set(status, STATUS_BAD_INPUT, "%s:1: is empty; a study needs at least name, space and fitness", origin);
    else if (root->type != YAML_MAPPING_NODE)
        code = status_set(status, STATUS_BAD_INPUT, "%s:%zu: must consist of `key: value` settings, beginning with `name:`", origin,
                          root->start_mark.line + 1);
    else if (!yaml_parser_load(&parser, &second))
        code = parser_failed(&parser, origin, status);
    else {
        yaml_node_t *next = yaml_document_get_root_node(&second);
        if (next != NULL)
            code = status_set(status, STATUS_BAD_INPUT, "%s:%zu: begins a second document; give each study a file of its own",
                              origin, next->start_mark.line + 1);
        yaml_document_delete(&second);
    }
    yaml_parser_delete(&parser);
    if (code != STATUS_OK)
        yaml_document_delete(out);
    return code;
}

static int add_scalar(yaml_document_t *document, const char *text, size_t length)
{
    return yaml_document_add_scalar(document, NULL, (const unsigned char *)text, (int)length, YAML_ANY_SCALAR_STYLE);
}

/* Makes `key` of a mapping node, or replaces it, and returns the index of its value; 0 when memory is short. */
static int set_child(yaml_document_t *document, int mapping, const char *key, size_t key_length, int value)
{
    yaml_node_t *node = yaml_document_get_node(document, mapping);
    for (yaml_node_pair_t *pair = node->data.mapping.pairs.start; pair < node->data.mapping.pairs.top; pair++) {
        yaml_node_t *name = yaml_document_get_node(document, pair->key);
        if (name->type == YAML_SCALAR_NODE && name->data.scalar.length == key_length &&
            memcmp(name->data.scalar.value, key, key_length) == 0) {
            pair->value = value;
            return value;
        }
    }
    int name = add_scalar(document, key, key_length);
    return name != 0 && yaml_document_append_mapping_pair(document, mapping, name, value) ? value : 0;
}

static int index_of(yaml_document_t *document, const yaml_node_t *node)
{
    return (int)(node - document->nodes.start) + 1;
}

/* "costs.0.max=4": walks down, making absent mappings on the way, and puts the value in. */
static enum status_code apply_override(yaml_document_t *document, const char *text, struct status *status)
{
    const char *equals = strchr(text, '=');
    if (equals == NULL || equals == text)
        return status_set(status, STATUS_BAD_INPUT, "--set %.200s: must be KEY.PATH=VALUE, such as strategy.population=50", text);
    const char *key = text;
    int at = index_of(document, yaml_document_get_root_node(document));
    for (;;) {
        size_t length = strcspn(key, ".=");
        bool last = key + length == equals;
        yaml_node_t *node = yaml_document_get_node(document, at);
        yaml_node_t *child = child_of(document, node, key, length);
        if (length == 0 || node->type == YAML_SCALAR_NODE || (node->type == YAML_SEQUENCE_NODE && (last || child == NULL)))
            return status_set(status, STATUS_BAD_INPUT,
                              "--set %.200s: there is no such setting at '%.*s'; list elements count from 0", text,
                              (int)(key + length - text), text);
        if (last) {
            int value = add_scalar(document, equals + 1, strlen(equals + 1));
            if (value == 0 || set_child(document, at, key, length, value) == 0)
                return status_set(status, STATUS_NO_MEMORY, "--set %.200s: no memory", text);
            return STATUS_OK;
        }
        if (child != NULL) {
            at = index_of(document, child);
        } else {
            int mapping = yaml_document_add_mapping(document, NULL, YAML_BLOCK_MAPPING_STYLE);
            at = mapping != 0 ? set_child(document, at, key, length, mapping) : 0;
            if (at == 0)
                return status_set(status, STATUS_NO_MEMORY, "--set %.200s: no memory", text);
        }
        key += length + 1;
    }
}

struct text_buffer {
    char *data;
    size_t size;
};

static int append_text(void *context, unsigned char *data, size_t size)
{
    struct text_buffer *buffer = context;
    char *grown = realloc(buffer->data, buffer->size + size + 1);
    if (grown == NULL)
        return 0;
    memcpy(grown + buffer->size, data, size);
    buffer->data = grown;
    buffer->size += size;
    return 1;
}

/* Turns the document, which it uses up, back into text. */
static enum status_code dump_document(yaml_document_t *document, struct text_buffer *out, struct status *status)
{
    yaml_emitter_t emitter;
    if (!yaml_emitter_initialize(&emitter)) {
        yaml_document_delete(document);
        return status_set(status, STATUS_NO_MEMORY, "no memory to apply --set");
    }
    yaml_emitter_set_output(&emitter, append_text, out);
    yaml_emitter_set_unicode(&emitter, 1);
    bool fine = yaml_emitter_open(&emitter);
    if (fine)
        fine = yaml_emitter_dump(&emitter, document) && yaml_emitter_close(&emitter);
    else
        yaml_document_delete(document);
    if (!fine)
        status_set(status, STATUS_BAD_INPUT, "--set: the settings cannot be written back: %s",
                   emitter.problem != NULL ? emitter.problem : "out of memory");
    yaml_emitter_delete(&emitter);
    return fine ? STATUS_OK : STATUS_BAD_INPUT;
}

static enum status_code text_with_overrides(const struct config_yaml *yaml, const char *text, size_t size, struct text_buffer *out,
                                            struct status *status)
{
    yaml_document_t document;
    enum status_code code = load_document(text, size, yaml->origin, &document, status);
    if (code != STATUS_OK)
        return code;
    for (size_t i = 0; i < yaml->override_count; i++) {
        code = apply_override(&document, yaml->overrides[i], status);
        if (code != STATUS_OK) {
            yaml_document_delete(&document);
            return code;
        }
    }
    return dump_document(&document, out, status);
}

/* --- libcyaml: text to values --- */

static cyaml_schema_field_t text_field(const struct config_rule *rule, size_t index)
{
    return (cyaml_schema_field_t){
        .key = rule->key,
        .data_offset = (uint32_t)(index * sizeof(char *)), /* `values` comes first in struct content and in struct entry */
        .value = {CYAML_VALUE_STRING(CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, char, 0, VALUE_BYTES_MAX)},
    };
}

_Static_assert(offsetof(struct content, values) == 0 && offsetof(struct entry, values) == 0, "text_field counts on it");

static void build_schema(struct schema *schema)
{
    size_t rule_count, used[CONFIG_SECTIONS] = {0};
    const struct config_rule *rules = config_rules(&rule_count);
    memset(schema, 0, sizeof *schema); /* an all-zero field ends a list of fields */
    for (size_t i = 0; i < rule_count; i++) {
        enum config_section section = rules[i].section;
        schema->sections[section][used[section]++] = text_field(&rules[i], i);
    }
    schema->cost = (cyaml_schema_value_t){CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct entry, schema->sections[CONFIG_COST])};
    for (int s = CONFIG_TOP + 1; s < CONFIG_SECTIONS; s++) {
        cyaml_schema_field_t field = {.key = config_section_key((enum config_section)s)};
        if (s == CONFIG_COST) {
            field.data_offset = offsetof(struct content, costs);
            field.count_offset = offsetof(struct content, cost_count);
            field.count_size = sizeof(uint32_t);
            field.value = (cyaml_schema_value_t){
                CYAML_VALUE_SEQUENCE(CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct entry, &schema->cost, 0, CONFIG_COSTS_MAX)};
        } else {
            field.value = (cyaml_schema_value_t){CYAML_VALUE_MAPPING(CYAML_FLAG_OPTIONAL, struct content, schema->sections[s])};
        }
        schema->sections[CONFIG_TOP][used[CONFIG_TOP]++] = field;
    }
    schema->top = (cyaml_schema_value_t){CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct content, schema->sections[CONFIG_TOP])};
}

/* Lines look like "Load: Unexpected key: y\n", then "  in mapping field 'st' (line: 2, column: 5)\n", "  in sequence entry '2'
 * ...". */
static void __attribute__((format(printf, 3, 0))) catch_log(cyaml_log_t level, void *context, const char *format, va_list arguments)
{
    struct complaint *complaint = context;
    char line[320], step[64];
    vsnprintf(line, sizeof line, format, arguments);
    line[strcspn(line, "\n")] = '\0';
    if (level < CYAML_LOG_ERROR || strcmp(line, "Load: Backtrace:") == 0)
        return;
    if (sscanf(line, " in mapping field '%63[^']'", step) == 1) {
        if (complaint->step_count < PATH_DEPTH_MAX)
            memcpy(complaint->steps[complaint->step_count++], step, sizeof step);
    } else if (sscanf(line, " in sequence entry '%63[0-9]'", step) == 1) {
        unsigned long counted_from_one = strtoul(step, NULL, 10);
        if (complaint->step_count < PATH_DEPTH_MAX)
            snprintf(complaint->steps[complaint->step_count++], sizeof step, "%lu",
                     counted_from_one > 0 ? counted_from_one - 1 : 0);
    } else if (complaint->what[0] == '\0' && strncmp(line, "Load: ", 6) == 0) {
        snprintf(complaint->what, sizeof complaint->what, "%.*s", (int)sizeof complaint->what - 1, line + 6);
    }
}

static void complaint_path(const struct complaint *complaint, char out[CONFIG_YAML_PATH_BYTES])
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = complaint->step_count; i-- > 0 && used < CONFIG_YAML_PATH_BYTES;)
        used += (size_t)snprintf(out + used, CONFIG_YAML_PATH_BYTES - used, "%s%s", used > 0 ? "." : "", complaint->steps[i]);
}

static enum config_section section_at(const struct complaint *complaint)
{
    const char *outermost = complaint->step_count > 0 ? complaint->steps[complaint->step_count - 1] : "";
    for (int s = CONFIG_TOP + 1; s < CONFIG_SECTIONS; s++)
        if (strcmp(outermost, config_section_key((enum config_section)s)) == 0)
            return (enum config_section)s;
    return CONFIG_TOP;
}

static enum status_code unknown_key(const struct config_yaml *yaml, const struct complaint *complaint, const char *key,
                                    struct status *status)
{
    char path[CONFIG_YAML_PATH_BYTES], full[2 * CONFIG_YAML_PATH_BYTES], all[256];
    /* At the top the backtrace names the field read before, which does not contain the key. */
    enum config_section section = section_at(complaint);
    complaint_path(complaint, path);
    snprintf(full, sizeof full, "%s%s%.64s", path, *path != '\0' ? "." : "", key);
    const char *nearest = config_rule_nearest(section, key, all, sizeof all);
    status_set(status, STATUS_BAD_INPUT, "unknown key; did you mean %s? Keys here: %s", nearest, all);
    return config_yaml_blame(yaml, full, status);
}

static enum status_code explain(const struct config_yaml *yaml, cyaml_err_t error, const struct complaint *complaint,
                                struct status *status)
{
    char path[CONFIG_YAML_PATH_BYTES];
    static const char unexpected[] = "Unexpected key: ";
    if (error == CYAML_ERR_OOM)
        return status_set(status, STATUS_NO_MEMORY, "%s: no memory to read it", yaml->origin);
    if (strncmp(complaint->what, unexpected, sizeof unexpected - 1) == 0)
        return unknown_key(yaml, complaint, complaint->what + sizeof unexpected - 1, status);
    complaint_path(complaint, path);
    if (error == CYAML_ERR_ALIAS)
        status_set(status, STATUS_BAD_INPUT, "aliases (*name) are not read here; write the value out");
    else if (error == CYAML_ERR_SEQUENCE_ENTRIES_MAX)
        status_set(status, STATUS_BAD_INPUT, "a study has at most %d costs", CONFIG_COSTS_MAX);
    else if (error == CYAML_ERR_STRING_LENGTH_MAX)
        status_set(status, STATUS_BAD_INPUT, "is longer than %d bytes", VALUE_BYTES_MAX);
    else if (strncmp(complaint->what, "Mapping field already seen", 26) == 0)
        status_set(status, STATUS_BAD_INPUT, "is given twice; keep one");
    else if (strncmp(complaint->what, "Expecting MAPPING", 17) == 0)
        status_set(status, STATUS_BAD_INPUT, "must be settings of its own, such as {key: value}");
    else if (strncmp(complaint->what, "Expecting SEQUENCE", 18) == 0)
        status_set(status, STATUS_BAD_INPUT, "must be a list, such as [{source: macs}]");
    else if (strncmp(complaint->what, "Expecting STRING", 16) == 0)
        status_set(status, STATUS_BAD_INPUT, "must be one value, not a list or settings of its own");
    else
        status_set(status, STATUS_BAD_INPUT, "cannot be read (%s); every key must be one word followed by a colon",
                   complaint->what[0] != '\0' ? complaint->what : cyaml_strerror(error));
    return config_yaml_blame(yaml, path, status);
}

static cyaml_config_t reader(struct complaint *complaint)
{
    return (cyaml_config_t){.log_fn = complaint != NULL ? catch_log : NULL,
                            .log_ctx = complaint,
                            .mem_fn = cyaml_mem,
                            .log_level = CYAML_LOG_ERROR,
                            .flags = CYAML_CFG_NO_ALIAS};
}

static enum status_code load_values(struct config_yaml *yaml, const char *text, size_t size, struct status *status)
{
    struct complaint complaint = {.step_count = 0};
    cyaml_config_t config = reader(&complaint);
    cyaml_data_t *data = NULL;
    cyaml_err_t error = cyaml_load_data((const uint8_t *)text, size, &config, &yaml->schema.top, &data, NULL);
    yaml->content = data;
    return error == CYAML_OK ? STATUS_OK : explain(yaml, error, &complaint, status);
}

enum status_code config_yaml_read(const char *text, size_t size, const char *origin, const char *const *overrides,
                                  size_t override_count, struct config_yaml **out, struct status *status)
{
    struct text_buffer edited = {NULL, 0};
    struct config_yaml *yaml = calloc(1, sizeof *yaml);
    if (yaml == NULL || (yaml->origin = strdup(origin)) == NULL) {
        free(yaml);
        return status_set(status, STATUS_NO_MEMORY, "%s: no memory to read it", origin);
    }
    yaml->overrides = overrides;
    yaml->override_count = override_count;
    build_schema(&yaml->schema);
    enum status_code code = load_document(text, size, origin, &yaml->document, status);
    yaml->has_document = code == STATUS_OK;
    if (code == STATUS_OK && override_count > 0)
        code = text_with_overrides(yaml, text, size, &edited, status);
    if (code == STATUS_OK)
        code = override_count > 0 ? load_values(yaml, edited.data, edited.size, status) : load_values(yaml, text, size, status);
    free(edited.data);
    if (code != STATUS_OK) {
        config_yaml_free(yaml);
        return code;
    }
    *out = yaml;
    return STATUS_OK;
}

void config_yaml_free(struct config_yaml *yaml)
{
    if (yaml == NULL)
        return;
    cyaml_config_t config = reader(NULL);
    if (yaml->content != NULL)
        cyaml_free(&config, &yaml->schema.top, yaml->content, 0);
    if (yaml->has_document)
        yaml_document_delete(&yaml->document);
    free(yaml->origin);
    free(yaml);
}

const char *config_yaml_value(const struct config_yaml *yaml, size_t rule, size_t cost)
{
    size_t count;
    return config_rules(&count)[rule].section == CONFIG_COST ? yaml->content->costs[cost].values[rule]
                                                             : yaml->content->values[rule];
}

size_t config_yaml_cost_count(const struct config_yaml *yaml)
{
    return yaml->content->cost_count;
}
