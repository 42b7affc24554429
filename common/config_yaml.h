/* config_yaml: the text of a study or board file as values by key, with the place each came from. config_yaml.c is the only
 * includer of cyaml.h and yaml.h. Internal to common/config.c and common/config_board.c.
 *
 * Structure is checked here (one document, known keys, lists and mappings where they belong, no aliases, no key twice); what the
 * values mean is config.c's business. */
#ifndef HWNAS_COMMON_CONFIG_YAML_H
#define HWNAS_COMMON_CONFIG_YAML_H

#include <stdbool.h>
#include <stddef.h>

#include "common/config_rules.h"
#include "common/status.h"

enum { CONFIG_YAML_PATH_BYTES = 128, CONFIG_YAML_LIST_MAX = 64 };

struct config_yaml;

/* Parses the text with the overrides ("key.path=value") put in. `origin` stands for the file in messages; the table, borrowed for
 * as long as the result lives, says what may stand in it. Free with config_yaml_free. Failures name file, line and key. */
enum status_code config_yaml_read(const struct config_table *table, const char *text, size_t size, const char *origin,
                                  const char *const *overrides, size_t override_count, struct config_yaml **out,
                                  struct status *status);
void config_yaml_free(struct config_yaml *yaml);

/* The value given for a key, or NULL when it was left out. `rule` is an index into the table's; for keys of a repeated section
 * (costs) with the element's number, else 0. */
const char *config_yaml_value(const struct config_yaml *yaml, size_t rule, size_t cost);
size_t config_yaml_repeats(const struct config_yaml *yaml); /* elements of the repeated section */

/* The texts of a CONFIG_LIST; NULL when the key was left out. They live as long as yaml. */
char *const *config_yaml_list(const struct config_yaml *yaml, size_t rule, size_t *count);

/* Whether the section's mapping is given at all, be it empty. */
bool config_yaml_has_section(const struct config_yaml *yaml, int section);

/* The i-th pair of a CONFIG_PAIRS, neither NUL-terminated, *value NULL when it is not a single value; false when there are no more.
 * Pairs are not looked for in overrides. */
bool config_yaml_pair(const struct config_yaml *yaml, size_t rule, size_t i, const char **key, size_t *key_length,
                      const char **value, size_t *value_length);

/* "strategy.population", "costs.0.max", "command.build.argv". */
void config_yaml_path(const struct config_table *table, const struct config_rule *rule, size_t repeat,
                      char out[CONFIG_YAML_PATH_BYTES]);

/* Puts "FILE:LINE: path: " before the sentence in status, or "--set path: " when an override gave the key; a key that is absent
 * gets the line of the mapping it belongs in. Returns status's code. */
enum status_code config_yaml_blame(const struct config_yaml *yaml, const char *path, struct status *status);

#endif
