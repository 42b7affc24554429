/* evaluation: what benches run: eight cells of NAS-Bench-201, and one RMI evaluation of them without a master, a bundle or a file.
 */
#ifndef HWNAS_TESTS_SUPPORT_EVALUATION_H
#define HWNAS_TESTS_SUPPORT_EVALUATION_H

#include "common/net.h"
#include "common/space.h"
#include "worker/engine/engine.h"

enum { EVALUATION_CELLS = 8, EVALUATION_BATCH_MAX = 512, EVALUATION_CLASSES = 10, EVALUATION_TAPS = 3 };

/* Names and operations of cells that lean on one kind of kernel each. */
extern const struct evaluation_cell {
    const char *name, *digits;
} evaluation_cells[EVALUATION_CELLS];

/* The open space, a batch of random images, its labels and a teacher's Gram. */
struct evaluation {
    struct space space;
    struct engine_memory memory; /* kept from one evaluation to the next, as a worker's slot keeps it */
    int batch;
    float *images; /* (batch, 3, 32, 32) */
    int labels[EVALUATION_BATCH_MAX];
    engine_real *teacher, *gram, *scratch; /* (batch, batch) each */
};

/* Exits on failure, as everything here does. */
void evaluation_open(struct evaluation *e, int batch);
void evaluation_close(struct evaluation *e);

/* Builds a cell's network, 16 channels and `cells` cells a stage for 32x32 images, with weights from a fixed seed. *net must be
 * empty; the caller frees it. */
void evaluation_net(const struct evaluation *e, const char *digits, int cells, struct net *net);

/* One evaluation: plans the net, takes `steps` steps of SGD on 0.8 (3 - sum RMI) + 0.2 CE (docs/METHODS.md) and scores once more.
 * Returns the loss of that. Without steps the net is never trained. */
double evaluation_run(struct evaluation *e, const struct net *net, int steps, enum engine_isa isa);

/* "avx2", ...: the ISA of that name, AUTO for NULL. Exits where there is none of that name. */
enum engine_isa evaluation_isa(const char *name);

#endif
