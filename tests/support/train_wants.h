/* train_wants: in place of what a study wants of its workers (study_want, by the linker's --wrap): trainings of one-shot nets, and
 * scores by their weights, under the keys and with the values of the scores by RMI that they stand for. So a small study has
 * artifacts to carry about. Their weights are one tensor, and search_weights_check, wrapped too, takes what is like it for those of
 * the net. Programs that do not ask for it are left alone. */
#ifndef HWNAS_TESTS_SUPPORT_TRAIN_WANTS_H
#define HWNAS_TESTS_SUPPORT_TRAIN_WANTS_H

#include "common/oneshot.h"
#include "master/study.h"

enum train_wants { TRAIN_WANTS_NONE, TRAIN_WANTS_ALL, TRAIN_WANTS_HALF };

/* From now on: no trainings; nothing else; or, by their keys, about as many trainings as scores. A training's schedule is the one
 * architecture. Its images are the bundle's bytes, whose digest is given; there are no weights to begin with, and those that scores
 * are made with are of that digest too. */
void train_wants(enum train_wants which, const struct digest *bundle);

/* What the training of that key leaves: a weights file of one tensor and so many bytes, a multiple of 8, at least 256. */
void train_wants_weights(const char *key, uint8_t *out, size_t size);

/* How all of them are trained. */
const struct oneshot_protocol *train_wants_protocol(void);

#endif
