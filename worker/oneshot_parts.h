/* oneshot_parts: what oneshot.c and oneshot_train.c share. Nobody else includes it. */
#ifndef HWNAS_WORKER_ONESHOT_PARTS_H
#define HWNAS_WORKER_ONESHOT_PARTS_H

#include "worker/data.h"
#include "worker/oneshot.h"

/* The protocol and the mask are sound; the architecture is one of the mask. */
enum status_code oneshot_check_work(const struct oneshot_work *work, struct status *status);
enum status_code oneshot_check_arch(const struct oneshot_work *work, const struct arch *arch, struct status *status);

/* The sizes of the work's nets. */
struct space_build oneshot_sizes(const struct oneshot_work *work);

/* The net of a mask with the work's weights. *out is empty before and after a failure; else net_free. */
enum status_code oneshot_build(const struct oneshot_work *work, const struct space_mask *mask, struct net *out,
                               struct status *status);

/* The images as data_batch reads them; borrows the pixels and has no labels. */
struct data_set oneshot_pictures(const struct images *images);

/* One batch of images. */
struct oneshot_batch {
    uint32_t *indices;   /* (size) */
    engine_real *images; /* (size,C,H,W) normalised */
    int *labels;         /* (size) */
};

enum status_code oneshot_batch_open(struct oneshot_batch *batch, const struct images *images, size_t size, struct status *status);
void oneshot_batch_close(struct oneshot_batch *batch);

#endif
