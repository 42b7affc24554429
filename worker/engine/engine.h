/* engine: runs and trains one net on one thread, float32, in one memory arena planned before the first step.
 *
 * engine_create compiles a net for a batch size and a mode: dead nodes are dropped, ReLU, BN sums, BN apply and node sums are fused
 * where that saves a pass over memory, and every buffer gets its place in the arena. After that nothing here allocates, locks or
 * grows (OpenBLAS allocates once; a mask takes memory when it is set). Activations live as [N][C/L][H][W][L] with L the vector
 * lanes of the chosen ISA; callers see rows of features per image whose order inside the row is the engine's own (linear CKA does
 * not depend on it). An engine belongs to one thread at a time; several engines do not share anything. No function below blocks
 * except on computation. */
#ifndef HWNAS_WORKER_ENGINE_ENGINE_H
#define HWNAS_WORKER_ENGINE_ENGINE_H

#include <stddef.h>

#include "common/net.h"
#include "common/status.h"

/* The element type. float in the product; a test flavour of the library is built with -DENGINE_REAL=double as an oracle. */
#ifndef ENGINE_REAL
#define ENGINE_REAL float
#endif
typedef ENGINE_REAL engine_real;

enum engine_mode {
    ENGINE_TRAIN,       /* forward with batch statistics, backward, SGD */
    ENGINE_BATCH_STATS, /* forward only, BN with the statistics of the batch at hand (how the reference is run, methods 1.3) */
    ENGINE_INFER        /* forward only, BN with running statistics (fold the net first: net_fold) */
};

enum engine_isa {
    ENGINE_ISA_AUTO,     /* the best this CPU has */
    ENGINE_ISA_PORTABLE, /* 4 lanes: SSE2, or whatever the compiler's baseline is */
    ENGINE_ISA_NEON,     /* 4 lanes with FMA; on 64-bit ARM the baseline, and there is no PORTABLE beside it */
    ENGINE_ISA_AVX2,     /* 8 lanes with FMA */
    ENGINE_ISA_AVX512    /* 16 lanes */
};

/* Memory for engines that follow one another, so that only the first waits for the system to clear its pages. Starts as {0}, grows
 * to the largest of them, belongs to one thread at a time. Between two engines the system may take the pages back. */
struct engine_memory {
    void *mapping;
    size_t bytes;
    int taken; /* an engine lives in it; another that is made meanwhile has memory of its own */
};

/* Gives the memory back; no engine may live in it. On an empty one it does nothing. */
void engine_memory_free(struct engine_memory *memory);

/* How 3x3 convolutions are carried out. Winograd's method takes a quarter of the multiplications and rounds 4 to 6 times as much
 * (docs/PERFORMANCE.md, Winograd). */
enum engine_convolutions {
    ENGINE_DIRECT,  /* as sums of products */
    ENGINE_FAST,    /* by Winograd's method where that is faster */
    ENGINE_WINOGRAD /* by Winograd's method wherever it can be done; for tests */
};

struct engine_options {
    enum engine_mode mode;
    int batch; /* N */
    enum engine_isa isa;
    enum engine_convolutions convolutions;
    int track_running_stats;      /* TRAIN only: keep running_mean/var with momentum 0.1, as reference training needs */
    int mix_gradient;             /* TRAIN only: engine_backward also computes the gradient of the coefficients, for a pass more */
    struct engine_memory *memory; /* borrowed until engine_free; NULL: memory of its own. Results do not depend on it */
};

struct engine_sgd {
    double learning_rate, momentum, weight_decay; /* PyTorch's SGD: g += wd*w; v = m*v + g (v = g at the first step); w -= lr*v */
};

/* Feature rows of one output: row n starts at data + n*stride and holds `features` numbers (N x features, padding lanes are 0). */
struct engine_rows {
    engine_real *data;
    size_t features, stride; /* stride >= features, in elements; features counts padding lanes if any */
    int rows;                /* N */
};

struct engine;

/* Compiles `net` (checked; borrowed only during the call, weights are copied in). STATUS_UNSUPPORTED names the node the engine
 * cannot run or the ISA this CPU lacks; STATUS_NO_MEMORY names the arena size. Free with engine_free. */
enum status_code engine_create(const struct net *net, const struct engine_options *options, struct engine **out,
                               struct status *status);
void engine_free(struct engine *engine);

/* Size of the arena engine_create would take, without taking it. */
enum status_code engine_plan_bytes(const struct net *net, const struct engine_options *options, size_t *bytes,
                                   struct status *status);
size_t engine_arena_bytes(const struct engine *engine);

/* The ISA in use: "avx512", "avx2", "portable". */
const char *engine_isa_name(const struct engine *engine);

/* "auto", "portable", "neon", "avx2", "avx512". */
const char *engine_isa_word(enum engine_isa isa);

/* "avx512", ... the best ISA of this CPU; and the core OpenBLAS runs as ("Cooperlake", "Haswell", ...). */
const char *engine_best_isa(void);
const char *engine_blas_core(void);

/* NULL when OpenBLAS runs at the width this CPU has; else a sentence for a warning: OPENBLAS_CORETYPE forces a smaller core, or
 * OpenBLAS does not know the CPU. Valid until the next call on the same thread. */
const char *engine_blas_warning(void);

/* Where OpenBLAS does not know the CPU and has chosen too small a core, starts this process again with OPENBLAS_CORETYPE set to the
 * core that fits: OpenBLAS reads it while it is loaded, and at no other time. What a person has set stays and is warned of. To be
 * called before anything was begun, printed or read, and before the command line is parsed: parsers write into its words. Returns
 * when there is nothing to mend, or nothing that helps. */
void engine_blas_settle(void);

/* The coefficients of the net's MIX nodes, net->mix_count of them, for the passes to come. All are 1 until they are set. */
void engine_set_mix(struct engine *engine, const double *coefficients);

/* Runs the net on images (N,C,H,W), plain order. */
void engine_forward(struct engine *engine, const engine_real *images);

/* Output i of the net (0 = logits in plain order (N,classes), 1.. = taps). Valid until the next forward. */
struct engine_rows engine_output(const struct engine *engine, int output);

/* Where the caller puts d loss / d output i, same layout, before engine_backward (TRAIN only). Zeroed by engine_forward, so an
 * output that does not enter the loss need not be touched. */
struct engine_rows engine_output_gradient(struct engine *engine, int output);

/* Gradients of all parameters from the output gradients. After a forward in TRAIN mode. */
void engine_backward(struct engine *engine);

/* d loss / d coefficient of the last backward, net->mix_count numbers (0 where no MIX node that reaches an output names it). The
 * engine was made with mix_gradient. */
void engine_mix_gradient(const struct engine *engine, double *out);

/* The Euclidean norm of the gradients of all parameters of the last backward, and their multiplication with a factor: what clips
 * them (Pascanu, Mikolov and Bengio, ICML 2013, algorithm 1). */
double engine_gradient_norm(const struct engine *engine);
void engine_scale_gradients(struct engine *engine, double factor);

/* One SGD step with the gradients of the last backward. */
void engine_step(struct engine *engine, const struct engine_sgd *sgd);

/* Gradient of tensor t of the net given to engine_create, in its plain row-major order, count elements (zeros where the tensor does
 * not reach an output). After engine_backward. */
void engine_gradient(const struct engine *engine, int tensor, engine_real *out);

/* Copies the current weights (and running statistics) into the tensors of a net of the same structure: the one engine_create saw,
 * or a copy. */
void engine_store_weights(const struct engine *engine, struct net *net);

/* Loads weights from a net of the same structure and forgets the momentum. What is masked stays 0. */
void engine_load_weights(struct engine *engine, const struct net *net);

/* Prunes weights of tensor t (TRAIN only): the elements i, in its plain order, with kept[i] == 0 become 0 at once and stay exactly
 * 0 through every later step, whatever gradient, momentum and weight decay say. A second call takes the place of the first for that
 * tensor; kept NULL lifts its mask. Copies kept. On failure nothing has changed: STATUS_NO_MEMORY, or STATUS_BAD_INPUT for a tensor
 * that is not trained. */
enum status_code engine_set_mask(struct engine *engine, int tensor, const unsigned char *kept, struct status *status);

/* Returns the mean cross-entropy of logits (N,classes) against labels (N). Its gradient, times `weight`, is ADDED to `gradient`
 * when that is not NULL. per_image (N) receives each image's own cross-entropy when not NULL. Computed stably, sums in double. */
double engine_cross_entropy(struct engine_rows logits, const int *labels, int classes, double weight, struct engine_rows *gradient,
                            double *per_image);

/* The class of an image's largest logit, the first of equals. */
int engine_best_class(struct engine_rows logits, int image, int classes);

#endif
