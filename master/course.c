/* course: see course.h. Called by study*.c alone. */
#include "master/course.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "master/study_key.h"

enum state {
    IDLE,     /* nobody needs it */
    LOOKING,  /* needed; it is not known whether the store has it */
    WAITING,  /* for the weights that it begins with */
    TRAINING, /* its shards */
    MAKING,   /* the mean of its shards */
    READY,
    FAILED
};

struct point {
    struct course_point is; /* its schedule is owned */
    char key[DIGEST_HEX_BYTES];
    enum state state;
    bool asked;        /* LOOKING, MAKING: the want was handed out */
    bool known_by_key; /* what it is made of is not known */
    uint32_t wanted;   /* TRAINING: shards handed out */
    uint32_t trained;  /* TRAINING: shards that are there */
    bool *shard_done;  /* (shards), owned */
    struct digest weights;
    bool has_alpha, alpha_asked;
    double *alpha; /* (SPACE_MATRIX_MAX), owned; NULL unless it is to be read */
};

struct course {
    const struct config_study *config;
    const struct space *space;
    struct oneshot_protocol protocol;
    struct digest protocol_digest, images, validation;
    struct point **points; /* owned, each and all: wants point into them */
    size_t count, room;
    struct status failure;
};

struct course *course_new(const struct config_study *config, const struct space *space, const struct digest *images,
                          const struct digest *validation)
{
    struct course *course = calloc(1, sizeof *course);
    if (course == NULL)
        return NULL;
    course->config = config;
    course->space = space;
    course->images = *images;
    course->validation = *validation;
    config_oneshot_protocol(config, &course->protocol);
    oneshot_protocol_digest(&course->protocol, &course->protocol_digest);
    return course;
}

static void free_point(struct point *point)
{
    if (point == NULL)
        return;
    free((void *)(uintptr_t)point->is.schedule);
    free(point->shard_done);
    free(point->alpha);
    free(point);
}

void course_free(struct course *course)
{
    if (course == NULL)
        return;
    for (size_t i = 0; i < course->count; i++)
        free_point(course->points[i]);
    free(course->points);
    free(course);
}

/* --- points --- */

static struct point *at(const struct course *course, int point)
{
    assert(point >= 0 && (size_t)point < course->count);
    return course->points[point];
}

/* Takes the point over, or frees it. */
static int add(struct course *course, struct point *point)
{
    if (course->count == course->room) {
        size_t room = course->room == 0 ? 64 : 2 * course->room;
        struct point **grown = realloc(course->points, room * sizeof(struct point *));
        if (grown == NULL) {
            free_point(point);
            return COURSE_NO_MEMORY;
        }
        course->points = grown;
        course->room = room;
    }
    course->points[course->count] = point;
    return (int)course->count++;
}

/* NULL without memory. */
static struct point *new_point(const struct course *course, const struct course_point *is)
{
    struct point *point = calloc(1, sizeof *point);
    struct arch *schedule = is->schedule_count > 0 ? calloc(is->schedule_count, sizeof *schedule) : NULL;
    bool *shard_done = calloc(course->protocol.shards, sizeof *shard_done);
    double *alpha = is->read ? calloc(SPACE_MATRIX_MAX, sizeof *alpha) : NULL;
    if (point == NULL || shard_done == NULL || (schedule == NULL && is->schedule_count > 0) || (alpha == NULL && is->read)) {
        free(point);
        free(schedule);
        free(shard_done);
        free(alpha);
        return NULL;
    }
    if (schedule != NULL)
        memcpy(schedule, is->schedule, is->schedule_count * sizeof *schedule);
    point->is = *is;
    point->is.schedule = schedule;
    point->shard_done = shard_done;
    point->alpha = alpha;
    return point;
}

static int number_of(const struct course *course, const char *key)
{
    for (size_t i = 0; i < course->count; i++)
        if (strcmp(course->points[i]->key, key) == 0)
            return (int)i;
    return COURSE_NONE;
}

int course_append(struct course *course, const struct course_point *is)
{
    struct point *point = new_point(course, is);
    if (point == NULL)
        return COURSE_NO_MEMORY;
    study_key_weights(course->config, course->space, &course->protocol_digest, &course->images, &course->validation, is,
                      is->previous >= 0 ? at(course, is->previous)->key : NULL, point->key);
    int like = number_of(course, point->key);
    if (like == COURSE_NONE)
        return add(course, point);
    free_point(point);
    return like;
}

int course_append_known(struct course *course, const char *key, uint32_t stage, uint32_t epoch, bool kept)
{
    struct point *point = calloc(1, sizeof *point);
    if (point == NULL)
        return COURSE_NO_MEMORY;
    point->is = (struct course_point){.previous = COURSE_NONE, .stage = stage, .epoch = epoch, .kept = kept};
    point->known_by_key = true;
    memcpy(point->key, key, sizeof point->key);
    return add(course, point);
}

const char *course_key(const struct course *course, int point)
{
    return at(course, point)->key;
}

uint32_t course_epoch(const struct course *course, int point)
{
    return at(course, point)->is.epoch;
}

/* --- how a point comes about --- */

static void fail(struct course *course, struct point *point, const char *why)
{
    point->state = FAILED;
    status_set(&course->failure, STATUS_UNAVAILABLE,
               "study %s: the one-shot net's weights after epoch %" PRIu32 " of stage %" PRIu32 " cannot be had: %s",
               course->config->name, point->is.epoch + 1, point->is.stage + 1, why);
}

/* Begins to train it as soon as the weights that it begins with are there. */
static void begin(struct course *course, struct point *point)
{
    bool there = point->is.previous == COURSE_NONE || at(course, point->is.previous)->state == READY;
    point->state = there ? TRAINING : WAITING;
}

static void ready(struct course *course, struct point *point, const struct digest *weights)
{
    point->weights = *weights;
    point->state = READY;
    for (size_t i = 0; i < course->count; i++)
        if (course->points[i]->state == WAITING)
            begin(course, course->points[i]);
}

void course_need(struct course *course, int number)
{
    struct point *point = at(course, number);
    if (point->state == IDLE)
        point->state = LOOKING;
}

/* It is not there: it is trained, after those before it. */
static void make(struct course *course, struct point *point)
{
    if (point->known_by_key) {
        fail(course, point, "they are not in the database, where this study had put them; begin the study under another name");
        return;
    }
    point->state = WAITING;
    if (point->is.previous >= 0)
        course_need(course, point->is.previous);
    begin(course, point);
}

static struct point *find(const struct course *course, const char *key)
{
    int number = number_of(course, key);
    return number >= 0 ? course->points[number] : NULL;
}

void course_weights_provide(struct course *course, const char *key, const struct digest *weights)
{
    struct point *point = find(course, key);
    if (point == NULL || (point->state != LOOKING && point->state != MAKING))
        return;
    if (weights != NULL) {
        ready(course, point, weights);
    } else if (point->state == LOOKING) {
        point->asked = false;
        make(course, point);
    } else {
        fail(course, point, "what was trained for them is not in the database");
    }
}

void course_alpha_provide(struct course *course, const char *key, const double *alpha)
{
    struct point *point = find(course, key);
    if (point == NULL || point->alpha == NULL || point->has_alpha)
        return;
    if (alpha == NULL) {
        fail(course, point, "they hold no architecture");
        return;
    }
    memcpy(point->alpha, alpha, SPACE_MATRIX_MAX * sizeof *alpha);
    point->has_alpha = true;
}

const double *course_alpha(const struct course *course, int point)
{
    return at(course, point)->has_alpha ? at(course, point)->alpha : NULL;
}

bool course_weights(const struct course *course, int number, struct study_oneshot *out)
{
    const struct point *point = at(course, number);
    if (point->state != READY)
        return false;
    *out = (struct study_oneshot){.has_weights = true,
                                  .weights = point->weights,
                                  .protocol = &course->protocol,
                                  .mask = &point->is.mask,
                                  .stage = point->is.stage,
                                  .epoch = point->is.epoch};
    return true;
}

/* --- wants --- */

static void describe_weights_want(const struct course *course, const struct point *point, struct study_weights_want *out)
{
    *out = (struct study_weights_want){.make = point->state == MAKING, .shards = course->protocol.shards};
    memcpy(out->key, point->key, sizeof out->key);
    if (out->make && point->is.previous >= 0 && !at(course, point->is.previous)->is.kept)
        memcpy(out->outdated, at(course, point->is.previous)->key, sizeof out->outdated);
}

/* The weights are there, but not what architecture they hold. */
static bool wants_alpha(const struct point *point)
{
    return point->state == READY && point->is.read && !point->alpha_asked;
}

bool course_weights_want(struct course *course, struct study_weights_want *out)
{
    for (size_t i = 0; i < course->count; i++) {
        struct point *point = course->points[i];
        if (wants_alpha(point)) {
            point->alpha_asked = true;
            *out = (struct study_weights_want){.read = true, .weights = point->weights};
            memcpy(out->key, point->key, sizeof out->key);
            return true;
        }
        if ((point->state != LOOKING && point->state != MAKING) || point->asked)
            continue;
        point->asked = true;
        describe_weights_want(course, point, out);
        return true;
    }
    return false;
}

static void describe_want(const struct course *course, const struct point *point, uint32_t shard, struct study_want *out)
{
    *out = (struct study_want){.kind = STUDY_WANT_ONESHOT_TRAIN,
                               .seed = course->config->seed,
                               .oneshot = {.images = course->images,
                                           .has_weights = point->is.previous >= 0,
                                           .protocol = &course->protocol,
                                           .mask = &point->is.mask,
                                           .stage = point->is.stage,
                                           .epoch = point->is.epoch,
                                           .shard = shard,
                                           .schedule = point->is.schedule,
                                           .schedule_count = point->is.schedule_count,
                                           .validation = course->validation,
                                           .pull = point->is.pull,
                                           .pull_count = point->is.pull_count}};
    study_key_shard(point->key, shard, out->key);
    if (out->oneshot.has_weights)
        out->oneshot.weights = at(course, point->is.previous)->weights;
}

bool course_want(struct course *course, struct study_want *out)
{
    for (size_t i = 0; i < course->count; i++) {
        struct point *point = course->points[i];
        if (point->state == TRAINING && point->wanted < course->protocol.shards) {
            describe_want(course, point, point->wanted++, out);
            return true;
        }
    }
    return false;
}

static void take_shard(struct course *course, struct point *point, uint32_t shard, bool trained)
{
    if (point->shard_done[shard])
        return;
    point->shard_done[shard] = true;
    if (!trained) {
        fail(course, point, "no worker could train them, or the loss was no number; a lower fitness.learning_rate may help");
    } else if (++point->trained == course->protocol.shards) {
        point->asked = false;
        point->state = MAKING;
    }
}

bool course_provide(struct course *course, const char *key, bool trained)
{
    for (size_t i = 0; i < course->count; i++) {
        struct point *point = course->points[i];
        for (uint32_t shard = 0; point->state == TRAINING && shard < point->wanted; shard++) {
            char shard_key[DIGEST_HEX_BYTES];
            study_key_shard(point->key, shard, shard_key);
            if (strcmp(shard_key, key) != 0)
                continue;
            take_shard(course, point, shard, trained);
            return true;
        }
    }
    return false;
}

enum status_code course_failure(const struct course *course, struct status *status)
{
    if (course->failure.code != STATUS_OK && status != NULL)
        *status = course->failure;
    return course->failure.code;
}

int course_last(const struct course *course, size_t *in_all)
{
    size_t done = course->count;
    while (done > 0 && course->points[done - 1]->state != READY)
        done--;
    *in_all = course->count;
    return done > 0 ? (int)done - 1 : COURSE_NONE;
}
