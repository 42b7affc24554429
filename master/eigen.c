/* eigen: see eigen.h. Called by cmaes.c. */
#include "master/eigen.h"

#include <math.h>
#include <stdlib.h>

/* LAPACK has no header in C among the packages that hwnas is built with. Characters are followed by their lengths at the end of the
 * list, as gfortran has it. */
void dsyev_(const char *jobz, const char *uplo, const int *n, double *a, const int *lda, double *w, double *work, const int *lwork,
            int *info, size_t jobz_length, size_t uplo_length);

/* LAPACK calls this before it returns with an argument that it cannot work with. Its own would print, end the process and want
 * Fortran's library. */
void xerbla_(const char *routine, const int *argument, size_t routine_length);

__attribute__((visibility("hidden"))) void xerbla_(const char *routine, const int *argument, size_t routine_length)
{
    (void)routine;
    (void)argument;
    (void)routine_length;
}

bool eigen_symmetric(size_t n, double *matrix, double *values)
{
    const int order = (int)n, room = 34 * order; /* 32 is its widest block */
    int info = 0;
    for (size_t i = 0; i < n * n; i++)
        if (!isfinite(matrix[i]))
            return false;
    double *work = malloc((size_t)room * sizeof *work);
    if (work == NULL)
        return false;
    /* Column-major, what is read as the upper triangle is our lower one, and eigenvectors come as columns: our rows. */
    dsyev_("V", "U", &order, matrix, &order, values, work, &room, &info, 1, 1);
    free(work);
    return info == 0;
}
