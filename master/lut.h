/* lut: a cost added up from a look-up table with one figure a decision: value(arch) = base + the sum over the genes of
 * figure(gene's index, gene's value). Pure after loading; works for any space whose cost is such a sum (FBNet's blocks, Wu et al.,
 * CVPR 2019, section 3.3; HW-NAS-Bench, Li et al., ICLR 2021, section 3.2; counted operations of an nb201 cell).
 *
 * The file is a CSV file (csv.h) with the columns `layer` and `op`, both indices from 0, and one or more columns of figures, which
 * may be negative (differences from another operation's). Every operation of every layer of the space stands there once, and
 * once layer -1, op -1: the base. An empty field is a missing figure: what uses that operation has no cost. */
#ifndef HWNAS_MASTER_LUT_H
#define HWNAS_MASTER_LUT_H

#include <stddef.h>

#include "common/arch.h"
#include "common/digest.h"
#include "common/space.h"
#include "common/status.h"

struct lut;

/* Loads column `column` of the CSV file for that space. STATUS_BAD_INPUT names file, line and column: no such column (with the
 * nearest one), an index outside the space, two rows for one operation, an operation without a row, a figure that is no number, no
 * figure for any operation of a layer. Free with lut_free. */
enum status_code lut_load(const char *path, const struct space *space, const char *column, struct lut **out, struct status *status);
void lut_free(struct lut *lut);

/* The cost of a valid architecture of the space: 1 and *value; 0 when it uses an operation without a figure. The base comes first
 * and the genes follow in order, so equal architectures give equal bits. */
int lut_get(const struct lut *lut, const struct arch *arch, double *value);

/* An architecture with the smallest cost of the whole space, and one with the largest. There always are such. */
void lut_least(const struct lut *lut, struct arch *out);
void lut_most(const struct lut *lut, struct arch *out);

/* Rows of the file, those with a figure among them (the base included in both), and the digest of the file's bytes. */
size_t lut_rows(const struct lut *lut);
size_t lut_values(const struct lut *lut);
const struct digest *lut_digest(const struct lut *lut);

#endif
