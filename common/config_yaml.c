/* config_yaml: reads YAML with libyaml (for overrides and line numbers) and libcyaml (for structure and keys). Called by config.c
 * and config_board.c.
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

/* What cyaml fills in: one place per rule of the table; those of a repeated section stand in the list's entries instead. */
union value {
    char *text;
    struct {
        char **items;
        uint32_t count;
    } list;
};

struct entry {
    union value values[CONFIG_RULES_MAX];
};

struct content {
    union value values[CONFIG_RULES_MAX];
    struct entry *repeated;
    uint32_t repeated_count;
};

/* cyaml's description of struct content, built from the table. */
struct schema {
    cyaml_schema_field_t sections[CONFIG_SECTIONS_MAX][CONFIG_RULES_MAX + CONFIG_SECTIONS_MAX + 1];
    cyaml_schema_value_t item, entry, top;
};

struct config_yaml {
    const struct config_table *table; /* borrowed */
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

/* The path's node, or NULL; *line is its line, or that of the innermost mapping around it that exists (from 0). */
static yaml_node_t *node_at(const struct config_yaml *yaml, const char *path, size_t *line)
{
    yaml_document_t *document = (yaml_document_t *)&yaml->document; /* libyaml's getters take it without const */
    yaml_node_t *node = yaml->has_document ? yaml_document_get_root_node(document) : NULL;
    *line = node != NULL ? node->start_mark.line : 0;
    while (node != NULL && *path != '\0') {
        size_t length = strcspn(path, ".");
        node = child_of(document, node, path, length);
        if (node != NULL)
            *line = node->start_mark.line;
        path += length + (path[length] == '.');
    }
    return node;
}

static size_t line_of(const struct config_yaml *yaml, const char *path)
{
    size_t line;
    node_at(yaml, path, &line);
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

/* "command.build"; "" for the file itself. */
static void section_path(const struct config_table *table, int section, char out[CONFIG_YAML_PATH_BYTES])
{
    const char *keys[CONFIG_SECTIONS_MAX];
    size_t depth = 0, used = 0;
    for (; section != 0; section = table->sections[section].parent)
        keys[depth++] = table->sections[section].key;
    out[0] = '\0';
    while (depth-- > 0 && used < CONFIG_YAML_PATH_BYTES)
        used += (size_t)snprintf(out + used, CONFIG_YAML_PATH_BYTES - used, "%s%s", used > 0 ? "." : "", keys[depth]);
}

void config_yaml_path(const struct config_table *table, const struct config_rule *rule, size_t repeat,
                      char out[CONFIG_YAML_PATH_BYTES])
{
    char section[CONFIG_YAML_PATH_BYTES];
    section_path(table, rule->section, section);
    if (table->sections[rule->section].repeated)
        snprintf(out, CONFIG_YAML_PATH_BYTES, "%.60s.%zu.%.40s", section, repeat, rule->key);
    else
        snprintf(out, CONFIG_YAML_PATH_BYTES, "%.80s%s%.40s", section, *section != '\0' ? "." : "", rule->key);
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
static enum status_code load_document(const struct config_table *table, const char *text, size_t size, const char *origin,
                                      yaml_document_t *out, struct status *status)
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
        code = status_set(status, STATUS_BAD_INPUT, "%s:1: is empty; a %s needs at least %s", origin, table->what, table->least);
    else if (root->type != YAML_MAPPING_NODE)
        code = status_set(status, STATUS_BAD_INPUT, "%s:%zu: must consist of `key: value` settings, beginning with `name:`", origin,
                          root->start_mark.line + 1);
    else if (!yaml_parser_load(&parser, &second))
        code = parser_failed(&parser, origin, status);
    else {
        yaml_node_t *next = yaml_document_get_root_node(&second);
        if (next != NULL)
            code = status_set(status, STATUS_BAD_INPUT, "%s:%zu: begins a second document; give each %s a file of its own", origin,
                              next->start_mark.line + 1, table->what);
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
    enum status_code code = load_document(yaml->table, text, size, yaml->origin, &document, status);
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

_Static_assert(offsetof(struct content, values) == 0 && offsetof(struct entry, values) == 0, "rule_field counts on it");

static cyaml_schema_field_t rule_field(struct schema *schema, const struct config_rule *rule, size_t index)
{
    uint32_t offset = (uint32_t)(index * sizeof(union value));
    cyaml_schema_field_t field = {.key = rule->key, .data_offset = offset};
    if (rule->kind == CONFIG_LIST) {
        field.count_offset = offset + (uint32_t)offsetof(union value, list.count);
        field.count_size = sizeof(uint32_t);
        field.value = (cyaml_schema_value_t){
            CYAML_VALUE_SEQUENCE(CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, char *, &schema->item, 0, CONFIG_YAML_LIST_MAX)};
    } else if (rule->kind == CONFIG_PAIRS) {
        field.value = (cyaml_schema_value_t){.type = CYAML_IGNORE, .flags = CYAML_FLAG_OPTIONAL};
    } else {
        field.value =
            (cyaml_schema_value_t){CYAML_VALUE_STRING(CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, char, 0, VALUE_BYTES_MAX)};
    }
    return field;
}

static cyaml_schema_field_t section_field(struct schema *schema, const struct config_table *table, int section)
{
    cyaml_schema_field_t field = {.key = table->sections[section].key};
    if (table->sections[section].repeated) {
        schema->entry = (cyaml_schema_value_t){CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct entry, schema->sections[section])};
        field.data_offset = offsetof(struct content, repeated);
        field.count_offset = offsetof(struct content, repeated_count);
        field.count_size = sizeof(uint32_t);
        field.value = (cyaml_schema_value_t){
            CYAML_VALUE_SEQUENCE(CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct entry, &schema->entry, 0, CONFIG_COSTS_MAX)};
    } else {
        field.value = (cyaml_schema_value_t){CYAML_VALUE_MAPPING(CYAML_FLAG_OPTIONAL, struct content, schema->sections[section])};
    }
    return field;
}

static void build_schema(const struct config_table *table, struct schema *schema)
{
    size_t used[CONFIG_SECTIONS_MAX] = {0};
    memset(schema, 0, sizeof *schema); /* an all-zero field ends a list of fields */
    schema->item = (cyaml_schema_value_t){CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 0, VALUE_BYTES_MAX)};
    for (size_t i = 0; i < table->count; i++) {
        int section = table->rules[i].section;
        schema->sections[section][used[section]++] = rule_field(schema, &table->rules[i], i);
    }
    for (int s = 1; s < table->section_count; s++) {
        int parent = table->sections[s].parent;
        schema->sections[parent][used[parent]++] = section_field(schema, table, s);
    }
    schema->top = (cyaml_schema_value_t){CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct content, schema->sections[0])};
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

/* The innermost section of the steps, and its path: the backtrace may go on to the field read before, which does not contain the
 * unknown key. */
static int section_at(const struct config_table *table, const struct complaint *complaint, char path[CONFIG_YAML_PATH_BYTES])
{
    int section = 0;
    size_t used = 0;
    path[0] = '\0';
    for (size_t i = complaint->step_count; i-- > 0 && used < CONFIG_YAML_PATH_BYTES;) {
        const char *step = complaint->steps[i];
        int child = table->section_count;
        if (!table->sections[section].repeated || step[strspn(step, "0123456789")] != '\0') {
            for (child = 1; child < table->section_count; child++)
                if (table->sections[child].parent == section && strcmp(table->sections[child].key, step) == 0)
                    break;
            if (child == table->section_count)
                break;
            section = child;
        }
        used += (size_t)snprintf(path + used, CONFIG_YAML_PATH_BYTES - used, "%s%s", used > 0 ? "." : "", step);
    }
    return section;
}

static enum status_code unknown_key(const struct config_yaml *yaml, const struct complaint *complaint, const char *key,
                                    struct status *status)
{
    char path[CONFIG_YAML_PATH_BYTES], full[2 * CONFIG_YAML_PATH_BYTES], all[256];
    int section = section_at(yaml->table, complaint, path);
    snprintf(full, sizeof full, "%s%s%.64s", path, *path != '\0' ? "." : "", key);
    const char *nearest = config_rule_nearest(yaml->table, section, key, all, sizeof all);
    status_set(status, STATUS_BAD_INPUT, "unknown key; did you mean %s? Keys here: %s", nearest, all);
    return config_yaml_blame(yaml, full, status);
}

static enum status_code explain(const struct config_yaml *yaml, cyaml_err_t error, const struct complaint *complaint,
                                struct status *status)
{
    char path[CONFIG_YAML_PATH_BYTES];
    static const char unexpected[] = "Unexpected key: ";
    /* libyaml's parser has a sentence for everything but missing memory. */
    if (error == CYAML_ERR_OOM || (error == CYAML_ERR_LIBYAML_PARSER && strcmp(complaint->what, "libyaml: (null)") == 0))
        return status_set(status, STATUS_NO_MEMORY, "%s: no memory to read it", yaml->origin);
    if (strncmp(complaint->what, unexpected, sizeof unexpected - 1) == 0)
        return unknown_key(yaml, complaint, complaint->what + sizeof unexpected - 1, status);
    complaint_path(complaint, path);
    bool costs = strncmp(path, "costs", 5) == 0;
    if (error == CYAML_ERR_ALIAS)
        status_set(status, STATUS_BAD_INPUT, "aliases (*name) are not read here; write the value out");
    else if (error == CYAML_ERR_SEQUENCE_ENTRIES_MAX)
        status_set(status, STATUS_BAD_INPUT, "is too long: give at most %d %s", costs ? CONFIG_COSTS_MAX : CONFIG_YAML_LIST_MAX,
                   costs ? "costs" : "elements");
    else if (error == CYAML_ERR_STRING_LENGTH_MAX)
        status_set(status, STATUS_BAD_INPUT, "is longer than %d bytes", VALUE_BYTES_MAX);
    else if (strncmp(complaint->what, "Mapping field already seen", 26) == 0)
        status_set(status, STATUS_BAD_INPUT, "is given twice; keep one");
    else if (strncmp(complaint->what, "Expecting MAPPING", 17) == 0)
        status_set(status, STATUS_BAD_INPUT, "must be settings of its own, such as {key: value}");
    else if (strncmp(complaint->what, "Expecting SEQUENCE", 18) == 0)
        status_set(status, STATUS_BAD_INPUT, "must be a list, such as %s", costs ? "[{source: macs}]" : "[one, two]");
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

/* cyaml leaves CONFIG_PAIRS alone. */
static enum status_code check_pairs(const struct config_yaml *yaml, struct status *status)
{
    char path[CONFIG_YAML_PATH_BYTES];
    size_t line;
    for (size_t i = 0; i < yaml->table->count; i++) {
        if (yaml->table->rules[i].kind != CONFIG_PAIRS)
            continue;
        config_yaml_path(yaml->table, &yaml->table->rules[i], 0, path);
        const yaml_node_t *node = node_at(yaml, path, &line);
        if (node != NULL && node->type != YAML_MAPPING_NODE) {
            status_set(status, STATUS_BAD_INPUT, "must be settings of its own, such as {NAME: value}");
            return config_yaml_blame(yaml, path, status);
        }
    }
    return STATUS_OK;
}

enum status_code config_yaml_read(const struct config_table *table, const char *text, size_t size, const char *origin,
                                  const char *const *overrides, size_t override_count, struct config_yaml **out,
                                  struct status *status)
{
    struct text_buffer edited = {NULL, 0};
    struct config_yaml *yaml = calloc(1, sizeof *yaml);
    if (yaml == NULL || (yaml->origin = strdup(origin)) == NULL) {
        free(yaml);
        return status_set(status, STATUS_NO_MEMORY, "%s: no memory to read it", origin);
    }
    yaml->table = table;
    yaml->overrides = overrides;
    yaml->override_count = override_count;
    build_schema(table, &yaml->schema);
    enum status_code code = load_document(table, text, size, origin, &yaml->document, status);
    yaml->has_document = code == STATUS_OK;
    if (code == STATUS_OK && override_count > 0)
        code = text_with_overrides(yaml, text, size, &edited, status);
    if (code == STATUS_OK)
        code = override_count > 0 ? load_values(yaml, edited.data, edited.size, status) : load_values(yaml, text, size, status);
    if (code == STATUS_OK)
        code = check_pairs(yaml, status);
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

static const union value *value_of(const struct config_yaml *yaml, size_t rule, size_t repeat)
{
    bool repeated = yaml->table->sections[yaml->table->rules[rule].section].repeated;
    return repeated ? &yaml->content->repeated[repeat].values[rule] : &yaml->content->values[rule];
}

const char *config_yaml_value(const struct config_yaml *yaml, size_t rule, size_t repeat)
{
    return value_of(yaml, rule, repeat)->text;
}

size_t config_yaml_repeats(const struct config_yaml *yaml)
{
    return yaml->content->repeated_count;
}

char *const *config_yaml_list(const struct config_yaml *yaml, size_t rule, size_t *count)
{
    const union value *value = value_of(yaml, rule, 0);
    *count = value->list.count;
    return value->list.items;
}

bool config_yaml_has_section(const struct config_yaml *yaml, int section)
{
    char path[CONFIG_YAML_PATH_BYTES];
    size_t line;
    section_path(yaml->table, section, path);
    return node_at(yaml, path, &line) != NULL;
}

bool config_yaml_pair(const struct config_yaml *yaml, size_t rule, size_t i, const char **key, size_t *key_length,
                      const char **value, size_t *value_length)
{
    char path[CONFIG_YAML_PATH_BYTES];
    size_t line;
    yaml_document_t *document = (yaml_document_t *)&yaml->document;
    config_yaml_path(yaml->table, &yaml->table->rules[rule], 0, path);
    yaml_node_t *node = node_at(yaml, path, &line);
    if (node == NULL || node->type != YAML_MAPPING_NODE ||
        i >= (size_t)(node->data.mapping.pairs.top - node->data.mapping.pairs.start))
        return false;
    const yaml_node_pair_t *pair = &node->data.mapping.pairs.start[i];
    const yaml_node_t *name = yaml_document_get_node(document, pair->key), *held = yaml_document_get_node(document, pair->value);
    bool plain = name->type == YAML_SCALAR_NODE && held->type == YAML_SCALAR_NODE;
    *key = name->type == YAML_SCALAR_NODE ? (const char *)name->data.scalar.value : "";
    *key_length = name->type == YAML_SCALAR_NODE ? name->data.scalar.length : 0;
    *value = plain ? (const char *)held->data.scalar.value : NULL;
    *value_length = plain ? held->data.scalar.length : 0;
    return true;
}
