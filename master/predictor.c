/* predictor: see predictor.h. Called by strategies that choose by predictions, and by `hwnas table predict`.
 *
 * Relative absolute errors are made small by least squares again and again, each example weighted by one over its last error
 * (iteratively reweighted least squares, Holland and Welsch 1977). */
#include "master/predictor.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/median.h"
#include "master/gaussian.h"
#include "master/mlp.h"

/* Four rounds bring the error to within a hundredth of where ten do. */
enum { ROUNDS = 4, COLUMNS_MAX = ARCH_GENES_MAX };

/* A relative error below this weighs no more. */
static const double NEAR = 0.01;

struct predictor {
    const struct space *space;
    struct predictor_settings settings;
    size_t columns;
    uint8_t choices[COLUMNS_MAX];
    struct gaussian *gaussian; /* ridge and kernel; owned */
    struct mlp *mlp;           /* owned */
    double disconnected;       /* what such an architecture has; NaN */
};

/* The connected examples. */
struct learned {
    uint8_t *rows; /* (count, columns) */
    double *values, *scale, *doubt;
    size_t count;
};

const char *predictor_kind_name(enum predictor_kind kind)
{
    static const char *const names[] = {[PREDICTOR_RIDGE] = "ridge", [PREDICTOR_KERNEL] = "kernel", [PREDICTOR_MLP] = "mlp"};
    return names[kind];
}

size_t predictor_features(const struct space *space)
{
    size_t features = 0;
    for (size_t gene = 0; gene < space_gene_count(space); gene++)
        features += (size_t)space_choices(space, gene);
    return features;
}

/* --- rows ------------------------------------------------------------------------------------------------- */

static void describe_columns(struct predictor *predictor)
{
    const struct space *space = predictor->space;
    for (size_t gene = 0; gene < space_gene_count(space); gene++)
        predictor->choices[predictor->columns++] = (uint8_t)space_choices(space, gene);
    for (size_t trait = 0; predictor->settings.traits && trait < space_trait_count(space); trait++)
        predictor->choices[predictor->columns++] = (uint8_t)space_trait_choices(space, trait);
    assert(predictor->columns <= COLUMNS_MAX);
}

static void describe(const struct predictor *predictor, const struct arch *arch, uint8_t row[COLUMNS_MAX + SPACE_TRAITS_MAX])
{
    memcpy(row, arch->genes, arch->length);
    if (predictor->settings.traits)
        space_traits(predictor->space, arch, row + arch->length);
}

static void free_learned(struct learned *learned)
{
    free(learned->rows);
    free(learned->values);
    free(learned->scale);
    free(learned->doubt);
}

/* What an error of that value is measured in. */
static void fill_scale(const double *values, size_t n, double *scale)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += fabs(values[i]);
    double least = sum > 0 ? sum / (double)n / 1000 : 1;
    for (size_t i = 0; i < n; i++)
        scale[i] = fmax(fabs(values[i]), least);
}

/* Parts the examples into the connected, described, and the others, of which the median is kept. */
static bool take(struct predictor *predictor, const struct predictor_examples *examples, struct learned *out)
{
    size_t n = examples->count, others = 0;
    *out = (struct learned){.rows = malloc(n * predictor->columns + SPACE_TRAITS_MAX),
                            .values = malloc(n * sizeof(double)),
                            .scale = malloc(n * sizeof(double)),
                            .doubt = malloc(n * sizeof(double))};
    if (out->rows == NULL || out->values == NULL || out->scale == NULL || out->doubt == NULL)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (!space_connected(examples->space, &examples->archs[i])) {
            out->doubt[others++] = examples->values[i];
            continue;
        }
        uint8_t row[COLUMNS_MAX + SPACE_TRAITS_MAX];
        describe(predictor, &examples->archs[i], row);
        memcpy(out->rows + out->count * predictor->columns, row, predictor->columns);
        out->values[out->count++] = examples->values[i];
    }
    predictor->disconnected = others > 0 ? median_sort(out->doubt, (int)others) : NAN;
    fill_scale(out->values, out->count, out->scale);
    return true;
}

/* --- learning --------------------------------------------------------------------------------------------- */

/* One over the weight of each example, of which the mean is one. */
static void weigh(const struct gaussian *gaussian, struct learned *learned, size_t n, bool first)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        double scale = learned->scale[i], error = first ? 1 : fabs(gaussian_residual(gaussian, i)) / scale;
        learned->doubt[i] = 1 / (scale * scale * fmax(error, NEAR));
        sum += learned->doubt[i];
    }
    for (size_t i = 0; i < n; i++)
        learned->doubt[i] = sum / (double)n / learned->doubt[i];
}

static bool fit_gaussian(struct predictor *predictor, struct learned *learned)
{
    size_t n = learned->count < PREDICTOR_ROWS_MAX ? learned->count : PREDICTOR_ROWS_MAX;
    predictor->gaussian = gaussian_new(predictor->columns, 1, predictor->settings.reach, predictor->settings.noise);
    bool done = predictor->gaussian != NULL;
    for (int round = 0; round <= ROUNDS && done; round++) {
        weigh(predictor->gaussian, learned, n, round == 0);
        gaussian_clear(predictor->gaussian);
        for (size_t i = 0; i < n && done; i++)
            done = gaussian_add(predictor->gaussian, learned->rows + i * predictor->columns, learned->doubt[i]);
        if (done)
            gaussian_fit(predictor->gaussian, learned->values);
    }
    return done;
}

static uint32_t steps_for(const struct predictor_settings *settings, size_t examples)
{
    return settings->steps > 0 ? settings->steps : examples < 25 ? 500 : examples > 200 ? 4000 : (uint32_t)(20 * examples);
}

static bool fit_mlp(struct predictor *predictor, const struct learned *learned, struct rng *rng)
{
    predictor->mlp = mlp_new(predictor->columns, predictor->choices);
    if (predictor->mlp != NULL)
        mlp_fit(predictor->mlp, learned->rows, learned->values, learned->count, steps_for(&predictor->settings, learned->count),
                rng);
    return predictor->mlp != NULL;
}

enum status_code predictor_fit(const struct predictor_examples *examples, const struct predictor_settings *settings,
                               struct rng *rng, struct predictor **out, struct status *status)
{
    struct predictor *predictor = calloc(1, sizeof *predictor);
    struct learned learned = {NULL};
    enum status_code code = STATUS_OK;
    if (predictor == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for a predictor");
    predictor->space = examples->space;
    predictor->settings = *settings;
    describe_columns(predictor);
    bool done = take(predictor, examples, &learned);
    if (done && learned.count == 0)
        code = status_set(status, STATUS_BAD_INPUT,
                          "nothing can be learned: none of %zu examples has an output that depends on "
                          "its input",
                          examples->count);
    else if (done)
        done = settings->kind == PREDICTOR_MLP ? fit_mlp(predictor, &learned, rng) : fit_gaussian(predictor, &learned);
    if (!done)
        code = status_set(status, STATUS_NO_MEMORY, "no memory for a predictor of %zu examples", examples->count);
    free_learned(&learned);
    if (code != STATUS_OK)
        predictor_free(predictor);
    else
        *out = predictor;
    return code;
}

void predictor_free(struct predictor *predictor)
{
    if (predictor == NULL)
        return;
    gaussian_free(predictor->gaussian);
    mlp_free(predictor->mlp);
    free(predictor);
}

/* --- predicting ------------------------------------------------------------------------------------------- */

double predictor_predict(const struct predictor *predictor, const struct arch *arch)
{
    uint8_t row[COLUMNS_MAX + SPACE_TRAITS_MAX];
    double value;
    if (!space_connected(predictor->space, arch))
        return predictor->disconnected;
    describe(predictor, arch, row);
    if (predictor->mlp != NULL)
        return mlp_predict(predictor->mlp, row);
    gaussian_predict(predictor->gaussian, row, &value);
    return value;
}

double predictor_relaxed(const struct predictor *predictor, const double *input, double *gradient)
{
    assert(!predictor->settings.traits);
    return predictor->mlp != NULL ? mlp_relaxed(predictor->mlp, input, gradient)
                                  : gaussian_relaxed(predictor->gaussian, predictor->choices, input, gradient);
}
