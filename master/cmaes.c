/* cmaes: see cmaes.h. Called by strategy_cmanas.c. Names follow the tutorial's symbols. */
#include "master/cmaes.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/jsontext.h"
#include "master/eigen.h"

/* CMANAS's code: what takes the place of an eigenvalue of C that rounding made negative, and keeps a division from failing; the
 * step size that a function without any slope leads to at last, and (ours) the least. */
static const double tiny = 1e-8, largest_sigma = 1e32, least_sigma = 1e-100;

/* --- constants --- */

static double raw_weight(size_t lambda, size_t i)
{
    return log(((double)lambda + 1) / 2) - log((double)i + 1);
}

/* The variance-effective selection mass of the samples from `first` to `end`. */
static double selection_mass(size_t lambda, size_t first, size_t end)
{
    double sum = 0, squares = 0;
    for (size_t i = first; i < end; i++) {
        double weight = raw_weight(lambda, i);
        sum += weight;
        squares += weight * weight;
    }
    return sum * sum / squares;
}

void cmaes_constants(size_t n, struct cmaes_constants *out)
{
    const double N = (double)n;
    size_t lambda = 4 + (size_t)(3 * log(N)), mu = lambda / 2;
    double mueff = selection_mass(lambda, 0, mu), worse = selection_mass(lambda, mu, lambda);
    double c1 = 2 / ((N + 1.3) * (N + 1.3) + mueff);
    double cmu = fmin(1 - c1 - tiny, 2 * (mueff - 2 + 1 / mueff) / ((N + 2) * (N + 2) + mueff));
    double active = fmin(fmin(1 + c1 / cmu, 1 + 2 * worse / (worse + 2)), (1 - c1 - cmu) / (N * cmu));
    double csigma = (mueff + 2) / (N + mueff + 5);
    *out = (struct cmaes_constants){
        .n = n,
        .lambda = lambda,
        .mu = mu,
        .mueff = mueff,
        .c1 = c1,
        .cmu = cmu,
        .csigma = csigma,
        .dsigma = 1 + 2 * fmax(0, sqrt((mueff - 1) / (N + 1)) - 1) + csigma,
        .cc = (4 + mueff / N) / (N + 4 + 2 * mueff / N),
        .chi = sqrt(N) * (1 - 1 / (4 * N) + 1 / (21 * N * N)),
        .active = active,
        .weights = 1 - active,
    };
}

/* Those above zero add up to 1, those below to -active. */
static void set_weights(struct cmaes *cmaes)
{
    size_t lambda = cmaes->is.lambda;
    double positive = 0, negative = 0;
    for (size_t i = 0; i < lambda; i++) {
        double weight = cmaes->weights[i] = raw_weight(lambda, i);
        *(weight >= 0 ? &positive : &negative) += fabs(weight);
    }
    for (size_t i = 0; i < lambda; i++)
        cmaes->weights[i] *= cmaes->weights[i] >= 0 ? 1 / positive : cmaes->is.active / negative;
}

/* --- open and close --- */

bool cmaes_open(size_t n, double sigma, struct cmaes *out)
{
    struct cmaes cmaes = {.sigma = sigma};
    cmaes_constants(n, &cmaes.is);
    size_t lambda = cmaes.is.lambda, square = n * n, work = (lambda + 2) * n > square + n ? (lambda + 2) * n : square + n;
    double *at = cmaes.room = calloc(lambda + 3 * n + 3 * square + work, sizeof *cmaes.room);
    if (at == NULL)
        return false;
    cmaes.weights = at;
    cmaes.mean = at += lambda;
    cmaes.path_sigma = at += n;
    cmaes.path_c = at += n;
    cmaes.covariance = at += n;
    cmaes.root = at += square;
    cmaes.inverse_root = at += square;
    cmaes.work = at + square;
    set_weights(&cmaes);
    for (size_t i = 0; i < square; i += n + 1)
        cmaes.covariance[i] = cmaes.root[i] = cmaes.inverse_root[i] = 1;
    *out = cmaes;
    return true;
}

void cmaes_close(struct cmaes *cmaes)
{
    free(cmaes->room);
    memset(cmaes, 0, sizeof *cmaes);
}

/* --- sampling and learning --- */

/* out = matrix (n,n) x vector (n). */
static void multiply(size_t n, const double *matrix, const double *vector, double *out)
{
    for (size_t i = 0; i < n; i++) {
        out[i] = 0;
        for (size_t j = 0; j < n; j++)
            out[i] += matrix[i * n + j] * vector[j];
    }
}

static double length(size_t n, const double *vector)
{
    double squares = 0;
    for (size_t i = 0; i < n; i++)
        squares += vector[i] * vector[i];
    return sqrt(squares);
}

void cmaes_sample(const struct cmaes *cmaes, struct rng *rng, double *x)
{
    size_t n = cmaes->is.n;
    for (size_t i = 0; i < n; i++)
        x[i] = cmaes->mean[i];
    for (size_t j = 0; j < n; j++) {
        double z = cmaes->sigma * rng_normal(rng);
        for (size_t i = 0; i < n; i++)
            x[i] += cmaes->root[j * n + i] * z;
    }
}

/* matrix (n,n) = sum over the eigenvectors of value^power times their outer product. */
static void compose(size_t n, const double *vectors, const double *values, double power, double *matrix)
{
    memset(matrix, 0, n * n * sizeof *matrix);
    for (size_t k = 0; k < n; k++) {
        const double *vector = vectors + k * n;
        double scale = pow(values[k], power);
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j <= i; j++)
                matrix[i * n + j] += scale * vector[i] * vector[j];
    }
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++)
            matrix[j * n + i] = matrix[i * n + j];
}

/* The eigenvectors and values of C, into the work space. */
static bool take_apart(struct cmaes *cmaes)
{
    size_t square = cmaes->is.n * cmaes->is.n;
    memcpy(cmaes->work, cmaes->covariance, square * sizeof *cmaes->work);
    return eigen_symmetric(cmaes->is.n, cmaes->work, cmaes->work + square);
}

/* Both roots of C. Where rounding has left it without one it is mended until it has: so the roots always belong to the C that is
 * saved. */
static bool take_roots(struct cmaes *cmaes)
{
    size_t n = cmaes->is.n;
    double *vectors = cmaes->work, *values = vectors + n * n, least = tiny;
    if (!take_apart(cmaes))
        return false;
    for (; !(values[0] > 0); least *= 10) {
        for (size_t i = 0; i < n && !(values[i] > 0); i++)
            values[i] = least;
        compose(n, vectors, values, 1, cmaes->covariance);
        if (!take_apart(cmaes))
            return false;
    }
    compose(n, vectors, values, 0.5, cmaes->root);
    compose(n, vectors, values, -0.5, cmaes->inverse_root);
    return true;
}

/* Moves the mean to the weighted mean of the better half; `step` becomes how far, in sigmas. */
static void move_mean(struct cmaes *cmaes, const double *const *sorted, double *steps, double *step)
{
    size_t n = cmaes->is.n;
    memset(step, 0, n * sizeof *step);
    for (size_t k = 0; k < cmaes->is.lambda; k++)
        for (size_t i = 0; i < n; i++) {
            double y = steps[k * n + i] = (sorted[k][i] - cmaes->mean[i]) / cmaes->sigma;
            step[i] += k < cmaes->is.mu ? cmaes->weights[k] * y : 0;
        }
    for (size_t i = 0; i < n; i++)
        cmaes->mean[i] += cmaes->sigma * step[i];
}

/* Both paths, then the step size. Returns whether the path of sigma is short enough for the path of C to go on with. */
static bool follow_paths(struct cmaes *cmaes, const double *step, double *room)
{
    const struct cmaes_constants *is = &cmaes->is;
    size_t n = is->n;
    multiply(n, cmaes->inverse_root, step, room);
    for (size_t i = 0; i < n; i++)
        cmaes->path_sigma[i] = (1 - is->csigma) * cmaes->path_sigma[i] + sqrt(is->csigma * (2 - is->csigma) * is->mueff) * room[i];
    double path = length(n, cmaes->path_sigma), steps = 2 * ((double)cmaes->generation + 1);
    bool h = path / sqrt(1 - pow(1 - is->csigma, steps)) < (1.4 + 2 / ((double)n + 1)) * is->chi;
    for (size_t i = 0; i < n; i++)
        cmaes->path_c[i] = (1 - is->cc) * cmaes->path_c[i] + (h ? sqrt(is->cc * (2 - is->cc) * is->mueff) * step[i] : 0);
    cmaes->sigma *= exp(is->csigma / is->dsigma * (path / is->chi - 1));
    cmaes->sigma = fmin(fmax(cmaes->sigma, least_sigma), largest_sigma);
    return h;
}

/* The rank-one and the rank-mu update; a negative weight counts as if its step were of the expected length. */
static void learn_covariance(struct cmaes *cmaes, bool h, const double *steps, double *room)
{
    const struct cmaes_constants *is = &cmaes->is;
    size_t n = is->n;
    double keep = 1 + (h ? 0 : is->c1 * is->cc * (2 - is->cc)) - is->c1 - is->cmu * is->weights;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j <= i; j++)
            cmaes->covariance[i * n + j] = keep * cmaes->covariance[i * n + j] + is->c1 * cmaes->path_c[i] * cmaes->path_c[j];
    for (size_t k = 0; k < is->lambda; k++) {
        const double *y = steps + k * n;
        double weight = is->cmu * cmaes->weights[k];
        if (weight < 0) {
            multiply(n, cmaes->inverse_root, y, room);
            double distance = length(n, room);
            weight *= (double)n / (distance * distance + tiny);
        }
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j <= i; j++)
                cmaes->covariance[i * n + j] += weight * y[i] * y[j];
    }
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++)
            cmaes->covariance[j * n + i] = cmaes->covariance[i * n + j];
}

bool cmaes_update(struct cmaes *cmaes, const double *const *sorted)
{
    size_t n = cmaes->is.n;
    double *steps = cmaes->work, *step = steps + cmaes->is.lambda * n, *room = step + n;
    move_mean(cmaes, sorted, steps, step);
    cmaes->generation++;
    bool h = follow_paths(cmaes, step, room);
    learn_covariance(cmaes, h, steps, room);
    return take_roots(cmaes);
}

/* --- saving --- */

/* Of C the lower triangle, row by row: room for n(n+1)/2 numbers. */
static void pack(size_t n, const double *matrix, double *triangle)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j <= i; j++)
            *triangle++ = matrix[i * n + j];
}

static void unpack(size_t n, const double *triangle, double *matrix)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j <= i; j++)
            matrix[i * n + j] = matrix[j * n + i] = *triangle++;
}

struct json_t *cmaes_save(const struct cmaes *cmaes)
{
    size_t n = cmaes->is.n;
    pack(n, cmaes->covariance, cmaes->work);
    return json_pack("{s:I, s:f, s:o, s:o, s:o, s:o}", "generation", (json_int_t)cmaes->generation, "sigma", cmaes->sigma, "mean",
                     jsontext_numbers(cmaes->mean, n), "path_sigma", jsontext_numbers(cmaes->path_sigma, n), "path_c",
                     jsontext_numbers(cmaes->path_c, n), "covariance", jsontext_numbers(cmaes->work, n * (n + 1) / 2));
}

bool cmaes_load(struct cmaes *cmaes, const struct json_t *saved)
{
    size_t n = cmaes->is.n;
    json_int_t generation;
    json_t *mean, *path_sigma, *path_c, *covariance;
    if (json_unpack((json_t *)(uintptr_t)saved, "{s:I, s:F, s:o, s:o, s:o, s:o}", "generation", &generation, "sigma", &cmaes->sigma,
                    "mean", &mean, "path_sigma", &path_sigma, "path_c", &path_c, "covariance", &covariance) != 0)
        return false;
    if (generation < 0 || !(cmaes->sigma >= least_sigma && cmaes->sigma <= largest_sigma) ||
        !jsontext_take_numbers(mean, cmaes->mean, n) || !jsontext_take_numbers(path_sigma, cmaes->path_sigma, n) ||
        !jsontext_take_numbers(path_c, cmaes->path_c, n) || !jsontext_take_numbers(covariance, cmaes->work, n * (n + 1) / 2))
        return false;
    cmaes->generation = (uint64_t)generation;
    unpack(n, cmaes->work, cmaes->covariance);
    return take_roots(cmaes);
}
