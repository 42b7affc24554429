/* nsga: where the members of a population stand among each other, as NSGA-II has it (Deb, Pratap, Agarwal and Meyarivan 2002), and
 * its operators on real numbers in [0,1]. Pure; shared by the strategies with several objectives. */
#ifndef HWNAS_MASTER_NSGA_H
#define HWNAS_MASTER_NSGA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/rng.h"

/* What ranking needs of one individual, beside its place in the list. */
struct nsga_standing {
    uint32_t rank;
    double crowding;
    uint64_t age;   /* no two are the same: an ask, or a place */
    uint32_t index; /* its place in the list */
};

/* The standing of n points (row-major n x m, all minimised) with these violations (pareto.h) by their places; out[i].age is the
 * caller's and stays. False without memory. */
bool nsga_rank(const double *points, const double *violation, size_t n, size_t m, struct nsga_standing *out);

/* Lower rank, then more room around it, then the smaller age. */
void nsga_sort(struct nsga_standing *standing, size_t n);

/* A parent by binary tournament among n of those: the better of two drawn at random, the first where neither is. Its place. */
uint32_t nsga_parent(const struct nsga_standing *standing, uint32_t n, struct rng *rng);

/* Simulated binary crossover within [0,1] (Deb and Agrawal 1995): with this probability the two children differ from their parents,
 * each of their n numbers with probability one half. The larger eta, the nearer they stay. */
void nsga_cross(struct rng *rng, double probability, double eta, size_t n, const double *a, const double *b, double *child,
                double *sibling);

/* Polynomial mutation within [0,1] (Deb and Goyal 1996): each of n numbers with this probability. */
void nsga_mutate(struct rng *rng, double probability, double eta, size_t n, double *x);

#endif
