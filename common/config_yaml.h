/* config_yaml: the text of a study file as values by key, with the place each came from. config_yaml.c is the only includer of
 * cyaml.h and yaml.h. Internal to common/config.c.
 *
 * Structure is checked here (one document, known keys, lists and mappings where they belong, no aliases, no key twice); what the
 * values mean is config.c's business. */
#ifndef HWNAS_COMMON_CONFIG_YAML_H
#define HWNAS_COMMON_CONFIG_YAML_H

#include <stddef.h>

#include "common/config_rules.h"
#include "common/status.h"

enum { CONFIG_YAML_PATH_BYTES = 128 };

struct config_yaml;

/* Parses the text with the overrides ("key.path=value") put in. `origin` stands for the file in messages. Free with
 * config_yaml_free. Failures name file, line and key. */
enum status_code config_yaml_read(const char *text, size_t size, const char *origin, const char *const *overrides,
                                  size_t override_count, struct config_yaml **out, struct status *status);
void config_yaml_free(struct config_yaml *yaml);

/* The value given for a key, or NULL when it was left out. `rule` is an index into config_rules(); for keys of costs with the
 * element's number. */
const char *config_yaml_value(const struct config_yaml *yaml, size_t rule, size_t cost);
size_t config_yaml_cost_count(const struct config_yaml *yaml);

/* "strategy.population", "costs.0.max". */
void config_yaml_path(const struct config_rule *rule, size_t cost, char out[CONFIG_YAML_PATH_BYTES]);

/* Puts "FILE:LINE: path: " before the sentence in status, or "--set path: " when an override gave the key; a key that is absent
 * gets the line of the mapping it belongs in. Returns status's code. */
enum status_code config_yaml_blame(const struct config_yaml *yaml, const char *path, struct status *status);

#endif
