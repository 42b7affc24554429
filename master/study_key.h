/* study_key: the keys under which values are known: digests of everything a value depends on (design: Keys). Pure. */
#ifndef HWNAS_MASTER_STUDY_KEY_H
#define HWNAS_MASTER_STUDY_KEY_H

#include <stdint.h>

#include "common/config.h"
#include "common/digest.h"
#include "common/space.h"

/* An RMI evaluation: space, canonical architecture's text, bundle, protocol, seed (the study's, or a draw's) and the rule that
 * makes a weight seed of it. */
void study_key_rmi(const struct config_study *config, const char *canonical, const struct digest *bundle,
                   const struct digest *protocol, uint64_t seed, char out[DIGEST_HEX_BYTES]);

/* The seed of a fresh draw of initial weights: of the study's seed and the draw's number, from 1. A number that `hwnas rmi --seed`
 * takes. */
uint64_t study_key_draw_seed(uint64_t study_seed, uint32_t draw);

/* A look-up: the table's contents and column, exact architecture's text. */
void study_key_table(const struct config_study *config, const char *exact, const struct digest *table, char out[DIGEST_HEX_BYTES]);

/* A latency measurement: space, canonical architecture's text, the network's settings, the device word of the study, the rule of
 * measuring. */
void study_key_measure(const struct config_study *config, const char *canonical, const char *device, char out[DIGEST_HEX_BYTES]);

/* Weights of a one-shot net: space, the training's numbers, images, study seed, and of the point (course.h) everything, with the
 * key of the point before (NULL: there is none), whose weights it begins with. */
struct course_point;
void study_key_weights(const struct config_study *config, const struct space *space, const struct digest *protocol,
                       const struct digest *images, const struct digest *validation, const struct course_point *point,
                       const char *previous, char out[DIGEST_HEX_BYTES]);

/* One shard's part of those weights. */
void study_key_shard(const char *weights, uint32_t shard, char out[DIGEST_HEX_BYTES]);

/* A score by such weights: exact architecture's text, the images it is scored on, and how. The numbers of the net are in the
 * weights' key. */
void study_key_score(const char *weights, const char *exact, const struct digest *images, char out[DIGEST_HEX_BYTES]);

#endif
