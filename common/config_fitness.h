/* config_fitness: the part of a study file that says what is maximised, once its keys are read. Internal to common/config.c. */
#ifndef HWNAS_COMMON_CONFIG_FITNESS_H
#define HWNAS_COMMON_CONFIG_FITNESS_H

#include <stdbool.h>

#include "common/config.h"
#include "common/config_yaml.h"

/* Checks them together with the space, the strategy and the costs, and fills in what was left out. stored: these are settings out
 * of a database, where a key that is missing did not exist yet. STATUS_BAD_INPUT with file, line and key. */
enum status_code config_fitness_complete(const struct config_yaml *yaml, bool stored, struct config_study *study,
                                         struct status *status);

#endif
