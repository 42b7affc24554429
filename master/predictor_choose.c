/* predictor_choose: how good predictions are, and which settings predict best what they have not learned. */
#include <math.h>
#include <stdlib.h>

#include "common/rank.h"
#include "master/predictor.h"

enum { FOLDS = 5, ALL_FOLDS_MAX = 200 };

/* Reaches and noises a factor of a few apart: between them hardly anything changes. */
static const struct predictor_settings tried[] = {
    {PREDICTOR_RIDGE, false, 0, 1e-4, 0},    {PREDICTOR_RIDGE, false, 0, 1e-2, 0},    {PREDICTOR_RIDGE, false, 0, 1e-1, 0},
    {PREDICTOR_KERNEL, false, 0.4, 5e-3, 0}, {PREDICTOR_KERNEL, false, 0.4, 5e-2, 0}, {PREDICTOR_KERNEL, false, 1.6, 5e-3, 0},
    {PREDICTOR_KERNEL, false, 1.6, 5e-2, 0}, {PREDICTOR_KERNEL, false, 1.6, 0.5, 0},  {PREDICTOR_MLP, false, 0, 0, 0},
};

enum { TRIED = sizeof tried / sizeof tried[0] };

enum status_code predictor_judge(const double *measured, const double *predicted, size_t n, struct predictor_error *out,
                                 struct status *status)
{
    double sum = 0, size = 0;
    *out = (struct predictor_error){.count = n};
    for (size_t i = 0; i < n; i++)
        size += fabs(measured[i]) / (double)n;
    for (size_t i = 0; i < n; i++)
        sum += fabs(predicted[i] - measured[i]) / fmax(fabs(measured[i]), size > 0 ? size / 1000 : 1);
    out->relative = sum / (double)n;
    return rank_correlation(measured, predicted, n, &out->rank)
               ? STATUS_OK
               : status_set(status, STATUS_NO_MEMORY, "no memory to compare %zu predictions", n);
}

/* --- folds ------------------------------------------------------------------------------------------------ */

/* The connected examples, and room for those of a fold. */
struct folds {
    struct arch *archs, *learned;
    double *values, *learned_values, *measured, *predicted;
    size_t count, judged;
    int folds;
};

static void free_folds(struct folds *folds)
{
    free(folds->archs);
    free(folds->learned);
    free(folds->values);
    free(folds->learned_values);
    free(folds->measured);
    free(folds->predicted);
}

static bool open_folds(const struct predictor_examples *examples, struct folds *out)
{
    size_t n = examples->count;
    *out = (struct folds){.archs = calloc(n, sizeof *out->archs),
                          .learned = calloc(n, sizeof *out->learned),
                          .values = calloc(n, sizeof(double)),
                          .learned_values = calloc(n, sizeof(double)),
                          .measured = calloc(n, sizeof(double)),
                          .predicted = calloc(n, sizeof(double))};
    if (out->archs == NULL || out->learned == NULL || out->values == NULL || out->learned_values == NULL || out->measured == NULL ||
        out->predicted == NULL)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (!space_connected(examples->space, &examples->archs[i]))
            continue;
        out->archs[out->count] = examples->archs[i];
        out->values[out->count++] = examples->values[i];
    }
    out->folds = out->count <= ALL_FOLDS_MAX ? FOLDS : 1;
    return true;
}

/* A neural network learns from as many as there are; what costs the cube, from so many that choosing takes no longer than it. */
static size_t looked_at(const struct folds *folds, enum predictor_kind kind)
{
    return kind == PREDICTOR_MLP || folds->count < PREDICTOR_CHOICE_MAX ? folds->count : PREDICTOR_CHOICE_MAX;
}

static enum status_code judge_fold(const struct predictor_examples *examples, const struct predictor_settings *settings,
                                   size_t fold, struct rng *rng, struct folds *folds, struct status *status)
{
    struct predictor_examples learned = {examples->space, folds->learned, folds->learned_values, 0};
    struct predictor *predictor = NULL;
    size_t count = looked_at(folds, settings->kind);
    for (size_t i = 0; i < count; i++) {
        if (i % FOLDS == fold)
            continue;
        folds->learned[learned.count] = folds->archs[i];
        folds->learned_values[learned.count++] = folds->values[i];
    }
    enum status_code code = predictor_fit(&learned, settings, rng, &predictor, status);
    for (size_t i = fold; i < count && code == STATUS_OK; i += FOLDS) {
        folds->measured[folds->judged] = folds->values[i];
        folds->predicted[folds->judged++] = predictor_predict(predictor, &folds->archs[i]);
    }
    predictor_free(predictor);
    return code;
}

static enum status_code judge(const struct predictor_examples *examples, const struct predictor_settings *settings, struct rng *rng,
                              struct folds *folds, struct predictor_error *out, struct status *status)
{
    enum status_code code = STATUS_OK;
    folds->judged = 0;
    for (int fold = 0; fold < folds->folds && code == STATUS_OK; fold++)
        code = judge_fold(examples, settings, (size_t)fold, rng, folds, status);
    return code == STATUS_OK ? predictor_judge(folds->measured, folds->predicted, folds->judged, out, status) : code;
}

static bool allowed(size_t i, unsigned kinds)
{
    return (kinds >> tried[i % TRIED].kind & 1) != 0;
}

/* Every setting of the kinds, without and with traits. */
static enum status_code try_all(const struct predictor_examples *examples, unsigned kinds, bool traits, struct rng *rng,
                                struct folds *folds, struct predictor_settings *out, struct predictor_error *error,
                                struct status *status)
{
    enum status_code code = STATUS_OK;
    error->relative = INFINITY;
    for (size_t i = 0; i < TRIED * (traits ? 2 : 1) && code == STATUS_OK; i++) {
        struct predictor_settings settings = tried[i % TRIED];
        struct predictor_error judged = {.relative = INFINITY};
        settings.traits = i >= TRIED;
        if (!allowed(i, kinds))
            continue;
        code = judge(examples, &settings, rng, folds, &judged, status);
        if (code != STATUS_OK || !(judged.relative < error->relative))
            continue;
        *error = judged;
        *out = settings;
    }
    return code;
}

enum status_code predictor_choose(const struct predictor_examples *examples, unsigned kinds, bool traits, struct rng *rng,
                                  struct predictor_settings *out, struct predictor_error *error, struct status *status)
{
    struct folds folds;
    enum status_code code = STATUS_OK;
    size_t settings = 0;
    traits = traits && space_trait_count(examples->space) > 0;
    *error = (struct predictor_error){.relative = NAN, .rank = NAN};
    *out = tried[1];
    for (size_t i = 0; i < TRIED; i++) {
        settings += allowed(i, kinds);
        if (allowed(i, kinds) && settings == 1)
            *out = tried[i];
    }
    if (settings == 1 && !traits)
        return STATUS_OK;
    if (!open_folds(examples, &folds))
        code = status_set(status, STATUS_NO_MEMORY, "no memory to choose a predictor from %zu examples", examples->count);
    else if (folds.count >= FOLDS)
        code = try_all(examples, kinds, traits, rng, &folds, out, error, status);
    free_folds(&folds);
    return code;
}
