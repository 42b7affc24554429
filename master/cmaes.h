/* cmaes: the covariance matrix adaptation evolution strategy with active weights, for any function of n real numbers: a normal
 * distribution N(mean, sigma^2 C) that follows the better of its samples. Pure: chance comes in as a generator, and whoever calls
 * says which samples are better.
 *
 * The form is that of Hansen's tutorial (The CMA Evolution Strategy, arXiv 1604.00772, version of 2016, appendix A), which CMANAS's
 * code follows (docs/SYSTEMS.md). Samples are mean + sigma * C^(1/2) z with the symmetric root, z ~ N(0,I): the same distribution
 * as with B D z, and it does not depend on which of several equally good eigenvectors came out. */
#ifndef HWNAS_MASTER_CMAES_H
#define HWNAS_MASTER_CMAES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/rng.h"

struct json_t; /* jansson's */

/* All that is fixed by n. */
struct cmaes_constants {
    size_t n, lambda, mu;   /* numbers, samples a generation, and those of them that move the mean */
    double mueff, c1, cmu;  /* variance-effective selection mass; learning rates of the two updates of C */
    double csigma, dsigma;  /* of the step size: learning rate of its path, damping */
    double cc, chi;         /* learning rate of the path of C; expected length of an n-dimensional N(0,I) */
    double active, weights; /* what the negative weights add up to, as a positive number; the sum of all weights */
};

struct cmaes {
    struct cmaes_constants is;
    uint64_t generation; /* completed */
    double sigma;
    double *weights;      /* (lambda), those of the worse half negative */
    double *mean;         /* (n) */
    double *path_sigma;   /* (n) */
    double *path_c;       /* (n) */
    double *covariance;   /* (n,n), symmetric */
    double *root;         /* (n,n): C^(1/2) */
    double *inverse_root; /* (n,n): C^(-1/2) */
    double *work;         /* what an update, a save and a load work in */
    double *room;         /* owned: all of these point into it */
};

void cmaes_constants(size_t n, struct cmaes_constants *out);

/* A distribution with mean 0, this sigma and C = I in n >= 2 dimensions. False without memory. Free with cmaes_close. */
bool cmaes_open(size_t n, double sigma, struct cmaes *out);
void cmaes_close(struct cmaes *cmaes);

/* One sample: n numbers. */
void cmaes_sample(const struct cmaes *cmaes, struct rng *rng, double *x);

/* The generation's samples, lambda pointers to n numbers each, the best first. False when C can no longer be taken apart
 * (eigen_symmetric); the distribution is then as good as lost. */
bool cmaes_update(struct cmaes *cmaes, const double *const *sorted);

/* The state as a JSON object (a new reference; NULL without memory) and back, into one that was just opened with the same n: the
 * numbers are the same to the last bit. False for what is no such state. */
struct json_t *cmaes_save(const struct cmaes *cmaes);
bool cmaes_load(struct cmaes *cmaes, const struct json_t *saved);

#endif
