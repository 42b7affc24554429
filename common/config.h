/* config: study files (YAML through libcyaml, in config_yaml.c alone) -> one checked struct.
 *
 * Every key is documented in docs/STUDY.md and described by one row of config_rules.c; unknown keys are refused with the nearest
 * known one; every sentence names file, line and key. Defaults are filled in here and nowhere else. */
#ifndef HWNAS_COMMON_CONFIG_H
#define HWNAS_COMMON_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/status.h"

enum { CONFIG_COSTS_MAX = 8, CONFIG_NAME_BYTES = 64 };

/* By default so many finalists, and no more than one of so many evaluations that the budget allows. */
enum { CONFIG_FINALISTS = 20, CONFIG_FINALIST_OF = 5 };

enum config_fitness_source { CONFIG_FITNESS_RMI, CONFIG_FITNESS_TABLE, CONFIG_FITNESS_ONESHOT };
enum config_cost_source { CONFIG_COST_TABLE, CONFIG_COST_AGENT, CONFIG_COST_MACS, CONFIG_COST_PARAMS, CONFIG_COST_LUT };

/* GENERATIONS: candidates are told in ask order, a generation waits for its last one. STEADY: each is told as it comes. */
enum config_mode { CONFIG_MODE_GENERATIONS, CONFIG_MODE_STEADY };

/* nevonas: novelty is an objective beside the fitness, in its place, or none. */
enum config_novelty { CONFIG_NOVELTY_BESIDE, CONFIG_NOVELTY_ALONE, CONFIG_NOVELTY_NONE };

/* What a search by gradients sees of its shares: a draw, or the shares themselves. */
enum config_relaxation { CONFIG_RELAX_GUMBEL, CONFIG_RELAX_SOFTMAX };

/* A one-shot net's weights: trained by random mixtures before anything is scored, by each generation before it is scored, or in
 * turns with an architecture that is the candidate. */
enum config_training { CONFIG_TRAIN_BEFORE, CONFIG_TRAIN_POPULATION, CONFIG_TRAIN_BILEVEL };

/* What is trained and scored: all operations by their shares, or the chosen ones alone. */
enum config_paths { CONFIG_PATHS_MIXTURE, CONFIG_PATHS_SINGLE };

/* By which batch norms score. */
enum config_statistics { CONFIG_STATISTICS_RUNNING, CONFIG_STATISTICS_BATCH };

struct config_strategy {
    char *name;           /* "evrsnas" */
    uint32_t population;  /* 20 */
    uint32_t generations; /* 100, the initial population included */
    uint32_t tournament;  /* 5 */
    uint32_t elites;      /* 1 */
    double mutation;      /* per-gene probability, 0.1 */
    double lambda;        /* weight of the constraint penalty, 2, ours: see docs/STUDY.md */
    bool plain;           /* true: the paper's GA as it is, which proposes what it already knows */
    enum config_mode mode;
    uint32_t in_flight;                /* 20: asked and not yet told at once; where no generation bounds it */
    bool diversity;                    /* true; mohdnas: hardware-cost diversity is the third objective */
    uint32_t warmup;                   /* 100; rminas: random candidates before the forest is first fitted */
    uint32_t positives;                /* 100; rminas: the search ends when the forest has found so many */
    double quantile;                   /* 0.05; rminas: the share of the warm-up that counts as positive */
    uint32_t pool;                     /* 1000; rminas: random candidates the forest chooses one from */
    uint32_t trees;                    /* 30; rminas: of the forest */
    uint32_t consensus;                /* 20, the paper has 50; rminas: the best positives that vote for the answer */
    char *stages;                      /* pevonas: operations left after each stage, "3-2"; NULL: the paper's for the space */
    enum config_novelty novelty;       /* BESIDE; nevonas */
    uint32_t neighbours;               /* 5; nevonas: the nearest that novelty is measured by */
    uint32_t predicted;                /* 2000; linas: predictions before each generation */
    uint32_t sweep;                    /* 10; gradient: weights, from 0 to lambda */
    uint32_t steps;                    /* 300; gradient: for each weight */
    enum config_relaxation relaxation; /* GUMBEL; gradient */
};

/* ONESHOT: how the net of all architectures is trained. Defaults are the papers' (docs/SYSTEMS.md). */
struct config_oneshot {
    char *images, *validation;  /* paths of image files: trained on, scored on */
    enum config_training train; /* by default POPULATION with evnas and nevonas, as in their papers; BILEVEL with bilevel alone */
    uint32_t epochs;            /* 50, of the learning rate's way down; with POPULATION the strategy's generations */
    uint32_t batch;             /* 64: images a step */
    uint32_t shards;            /* 1: parts of the images that are trained on side by side in an epoch */
    int32_t channels, cells;    /* each by default the space's own */
    enum config_paths paths;
    enum config_statistics statistics;
    bool inherit; /* true; pevonas: each stage begins with the weights of the one before */
    bool augment; /* false: images are shifted and mirrored at random */
    double learning_rate, learning_rate_end, momentum, weight_decay, clip_norm; /* 0.025, 0.001, 0.9, 3e-4, 5 */
    double alpha_learning_rate, alpha_weight_decay;                             /* 3e-4, 1e-3; BILEVEL: of the architecture */
};

struct config_fitness {
    enum config_fitness_source source;
    char *bundle;   /* RMI: path of the reference bundle */
    char *protocol; /* RMI: preset name as protocol_kept_name gives it, "rmi-fast" by default */
    /* RMI: "macs" or "macs+deep": phi and what else are one fitness (common/combine.h); "none": phi alone. By default "macs+deep"
     * where space and protocol have a scale; in settings stored before there was a choice "none". */
    char *combine;
    /* RMI: when the search has ended, so many of its best are scored once more, in that way (common/combine.h: combine_finals). By
     * default CONFIG_FINALISTS of "final" where there is one, combine is "macs+deep" and the limits leave one best to look for; in
     * settings stored before there were finals 0. 0: none, and finals may be NULL. */
    uint32_t finalists;
    char *finals;
    char *file;   /* TABLE: CSV path */
    char *column; /* TABLE: its column; larger is better */
    struct config_oneshot oneshot;
};

struct config_cost {
    char *name; /* objective name with its unit, e.g. "latency_ms"; unique in the study */
    enum config_cost_source source;
    char *file, *device, *dataset, *column; /* TABLE, LUT; column defaults to name. AGENT: device = device key or "host" (any agent
                                               of this host), column = "energy_mj", or NULL for its latency */
    bool has_max;
    double max;      /* constraint: value <= max */
    bool limit_only; /* not minimised: only its max counts */
};

/* The network a found architecture becomes: what is counted, measured and exported (RMI protocols may score a shallower one). */
struct config_network {
    int32_t channels, cells, classes; /* each by default the space's own: struct space_ops, defaults */
    int32_t input_channels, input_size;
};

struct config_study {
    char *name; /* [A-Za-z0-9._-]{1,63} */
    char *space;
    struct config_strategy strategy;
    struct config_fitness fitness;
    struct config_cost *costs;
    uint32_t cost_count;
    struct config_network network;
    struct {
        uint32_t evaluations;
    } budget; /* at most this many distinct fitness evaluations, 1000 by default; 0: no limit */
    uint64_t seed;
};

/* Loads and checks a study file. overrides are "key.path=value" texts of --set, applied in order before the check (list elements by
 * index: costs.0.max=4). Relative paths inside are looked for beside the study file, then in the current folder, and replaced by
 * the absolute path found; a file that is in neither place is an error naming both. STATUS_BAD_INPUT with file, line, key and what
 * to do. Free with config_free. */
enum status_code config_load(const char *path, const char *const *overrides, size_t override_count, struct config_study **out,
                             struct status *status);

/* The same from a text (a study's settings kept in the store); `origin` stands for the file in messages. Paths must be absolute. */
enum status_code config_parse(const char *text, size_t size, const char *origin, struct config_study **out, struct status *status);
void config_free(struct config_study *study);

/* The complete settings, defaults included, as YAML in a fixed key order: equal studies give equal texts; config_parse reads it
 * back. Caller frees *text. */
enum status_code config_text(const struct config_study *study, char **text, struct status *status);

/* ONESHOT: the numbers of the training, out of the settings. */
struct oneshot_protocol; /* common/oneshot.h */
void config_oneshot_protocol(const struct config_study *study, struct oneshot_protocol *out);

/* Says in one sentence which settings differ ("strategy.population: 20 there, 30 here; ..."). Paths of files are not compared
 * (their digests are, by the store). Returns false when nothing differs. */
bool config_difference(const struct config_study *there, const struct config_study *here, char *out, size_t size);

#endif
