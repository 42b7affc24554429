/* study_key: the keys under which values are known: digests of everything a value depends on (design: Keys). Pure. */
#ifndef HWNAS_MASTER_STUDY_KEY_H
#define HWNAS_MASTER_STUDY_KEY_H

#include <stdint.h>

#include "common/config.h"
#include "common/digest.h"

/* An RMI evaluation: space, canonical architecture's text, bundle, protocol, study seed and the rule that makes a weight seed of
 * it. */
void study_key_rmi(const struct config_study *config, const char *canonical, const struct digest *bundle,
                   const struct digest *protocol, char out[DIGEST_HEX_BYTES]);

/* A look-up: the table's contents and column, exact architecture's text. */
void study_key_table(const struct config_study *config, const char *exact, const struct digest *table, char out[DIGEST_HEX_BYTES]);

/* A latency measurement: space, canonical architecture's text, the network's settings, the device word of the study, the rule of
 * measuring. */
void study_key_measure(const struct config_study *config, const char *canonical, const char *device, char out[DIGEST_HEX_BYTES]);

#endif
