/* eigen: eigenvalues and eigenvectors of symmetric matrices. The doorway to LAPACK: Debian's reference LAPACK and BLAS, linked
 * statically, so that a search computes the same numbers on every processor of an architecture, in one thread, and the master needs
 * no further library. Pure; any number of threads at once. */
#ifndef HWNAS_MASTER_EIGEN_H
#define HWNAS_MASTER_EIGEN_H

#include <stdbool.h>
#include <stddef.h>

/* matrix: (n,n), symmetric; its row-major lower triangle is read, and afterwards row i is the eigenvector of values[i], of length
 * one. values: n, in rising order. n >= 1. False without memory, and where LAPACK's dsyev does not converge, as with a NaN; matrix
 * and values are undefined then. */
bool eigen_symmetric(size_t n, double *matrix, double *values);

#endif
