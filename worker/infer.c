/* infer: batches of a fixed size; what the last one lacks is filled up with image 0, whose rows nobody sees. */
#include "worker/infer.h"

#include <stdlib.h>

enum { INFER_BATCH = 50 };

static void run_batch(struct engine *engine, const struct data_set *set, size_t first, float *images,
                      void (*visit)(void *context, size_t image, engine_real *row), void *context)
{
    uint32_t indices[INFER_BATCH] = {0};
    for (size_t i = 0; i < INFER_BATCH && first + i < set->count; i++)
        indices[i] = (uint32_t)(first + i);
    data_batch(set, indices, INFER_BATCH, images);
    engine_forward(engine, images);
    struct engine_rows rows = engine_output(engine, 0);
    for (size_t i = 0; i < INFER_BATCH && first + i < set->count; i++)
        visit(context, first + i, rows.data + i * rows.stride);
}

enum status_code infer_set(const struct net *net, const struct data_set *set,
                           void (*visit)(void *context, size_t image, engine_real *row), void *context, struct status *status)
{
    const struct engine_options options = {.mode = ENGINE_INFER, .batch = INFER_BATCH};
    const size_t pixels = (size_t)set->shape.c * (size_t)set->shape.h * (size_t)set->shape.w;
    struct net folded;
    struct engine *engine = NULL;
    float *images = NULL;
    net_init_empty(&folded);
    enum status_code code = net_fold(net, &folded, status);
    if (code == STATUS_OK)
        code = engine_create(&folded, &options, &engine, status);
    if (code == STATUS_OK && (images = malloc(INFER_BATCH * pixels * sizeof *images)) == NULL)
        code = status_set(status, STATUS_NO_MEMORY, "no memory for %d images", INFER_BATCH);
    for (size_t first = 0; code == STATUS_OK && first < set->count; first += INFER_BATCH)
        run_batch(engine, set, first, images, visit, context);
    free(images);
    engine_free(engine);
    net_free(&folded);
    return code;
}

struct counting {
    const struct data_set *set;
    int classes;
    size_t right;
};

static void count_right(void *context, size_t image, engine_real *row)
{
    struct counting *counting = context;
    const size_t classes = (size_t)counting->classes;
    const int best = engine_best_class((struct engine_rows){row, classes, classes, 1}, 0, counting->classes);
    counting->right += best == counting->set->labels[image];
}

enum status_code infer_accuracy(const struct net *net, const struct data_set *set, double *fraction, struct status *status)
{
    struct counting counting = {set, net->classes, 0};
    enum status_code code = infer_set(net, set, count_right, &counting, status);
    if (code == STATUS_OK)
        *fraction = (double)counting.right / (double)set->count;
    return code;
}
