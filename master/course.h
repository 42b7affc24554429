/* course: the weights of a one-shot net, epoch by epoch: what each is made of, and what is wanted so that those that are needed
 * come about (common/oneshot.h; docs/SYSTEMS.md, one-shot nets). Pure; part of the study.
 *
 * A *point* is the weights after one epoch. It is made from the weights of the point before, or from none, by training on each
 * shard of the images and taking the mean. Its key is a digest of everything that this depends on, the whole way since the first
 * point included: so it is known before anything is trained, and studies that train alike share what was trained.
 *
 *   course_append: another point                         <- the study, when it knows how the next epoch is trained
 *   course_need: somebody waits for these weights        <- the study, when a candidate is to be scored with them
 *   course_weights_want: are there weights of that key, or: make them of these shards   -> search looks, or makes
 *   course_want: a shard to be trained                    -> the coordinator queues a task
 *   course_weights_provide, course_provide: the answers   <- search
 */
#ifndef HWNAS_MASTER_COURSE_H
#define HWNAS_MASTER_COURSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/arch.h"
#include "common/config.h"
#include "common/digest.h"
#include "common/oneshot.h"
#include "common/space.h"
#include "common/status.h"
#include "master/study.h"

struct course;

/* NULL without memory. config and space are borrowed; images: the digest of what is trained on; validation: of what the
 * architecture is trained on (bilevel). */
struct course *course_new(const struct config_study *config, const struct space *space, const struct digest *images,
                          const struct digest *validation);
void course_free(struct course *course); /* NULL is fine */

/* What a point is. */
struct course_point {
    int previous;   /* the point whose weights it begins with; COURSE_NONE: they are drawn */
    uint32_t stage; /* part of what weights are drawn from, and of the order of the images */
    uint32_t epoch; /* from 0, in its stage */
    struct space_mask mask;
    const struct arch *schedule; /* what is trained, in turns; copied; none: drawn at every step */
    size_t schedule_count;
    const double *pull; /* bilevel: see struct study_oneshot; borrowed for as long as the course lives; NULL otherwise */
    size_t pull_count;
    bool read; /* what the architecture's numbers are is wanted when its weights are there */
    bool kept; /* its weights stay when those of the next point are there */
};

enum { COURSE_NONE = -1, COURSE_NO_MEMORY = -2 };

/* The number of the new point, or of the one that is the same already; or COURSE_NO_MEMORY. */
int course_append(struct course *course, const struct course_point *point);

/* A point that is known by its key alone, which a saved search has: its weights must be there. */
int course_append_known(struct course *course, const char *key, uint32_t stage, uint32_t epoch, bool kept);

const char *course_key(const struct course *course, int point);
uint32_t course_epoch(const struct course *course, int point);

/* Its weights are wanted, and all that they are made of and that is not there. */
void course_need(struct course *course, int point);

/* The numbers of the architecture that training ended with (space_rows by space_columns of the matrix form), where `read` is set
 * and they have come; else NULL. */
const double *course_alpha(const struct course *course, int point);

/* True and *out when they are there; valid until course_free. */
bool course_weights(const struct course *course, int point, struct study_oneshot *out);

/* Weights to be looked up or made: see study_weights_want. False when there are none now that were not handed out before. */
bool course_weights_want(struct course *course, struct study_weights_want *out);
void course_weights_provide(struct course *course, const char *key, const struct digest *weights);
void course_alpha_provide(struct course *course, const char *key, const double *alpha); /* NULL: they cannot be read */

/* A shard to be trained; false when there is none now. Then what became of it: false for a key that is none of them. */
bool course_want(struct course *course, struct study_want *out);
bool course_provide(struct course *course, const char *key, bool trained);

/* STATUS_OK, or the sentence why some weights that were needed cannot be had. */
enum status_code course_failure(const struct course *course, struct status *status);

/* The last point whose weights are there, or COURSE_NONE; and how many points there are. */
int course_last(const struct course *course, size_t *in_all);

#endif
