/* config_board: board files (deploy/boards/NAME.yaml): what a board is called, how a candidate is built, run and timed on it -> one
 * checked struct. Who reads it: hwnas-agent and `hwnas device` (--board FILE).
 *
 * Every key is documented in docs/MEASURING.md and described by one row of config_board_rules.c. Everything that can be said
 * without starting a program is said here, with file, line, key and what to write; runners get a struct that needs no more checks.
 */
#ifndef HWNAS_COMMON_CONFIG_BOARD_H
#define HWNAS_COMMON_CONFIG_BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/status.h"

enum config_board_runner { CONFIG_BOARD_BUILTIN, CONFIG_BOARD_COMMAND, CONFIG_BOARD_SIMULATED };

/* How the output of a tool is read (worker/parse.h has one parser for each). */
enum config_board_parser {
    CONFIG_BOARD_JSON,
    CONFIG_BOARD_TRTEXEC_TIMES,
    CONFIG_BOARD_TRTEXEC_TEXT,
    CONFIG_BOARD_TFLITE,
    CONFIG_BOARD_ORT_PERF,
    CONFIG_BOARD_TIMELOOP,
    CONFIG_BOARD_HLS_XML,
    CONFIG_BOARD_REGEX,
    CONFIG_BOARD_PARSERS
};

enum config_board_unit { CONFIG_BOARD_NS, CONFIG_BOARD_US, CONFIG_BOARD_MS, CONFIG_BOARD_S };
enum config_board_power_unit { CONFIG_BOARD_UW, CONFIG_BOARD_MW, CONFIG_BOARD_W };

enum { CONFIG_BOARD_VARIABLES_MAX = 64 };

/* A list of texts: an argv, or NAME=VALUE of an environment. The array ends with NULL, so that it can be given to execve; words
 * is NULL when the key was left out (count 0). */
struct config_board_list {
    char **words;
    uint32_t count;
};

/* What an argv may hold in braces. {here} is replaced while the file is read; the others are the runner's to fill in. */
enum config_board_placeholder {
    CONFIG_BOARD_ONNX,     /* path of the candidate's ONNX file */
    CONFIG_BOARD_MODEL,    /* in build.argv: where build.output has to appear; elsewhere: the built file, or the ONNX file without a
                              build */
    CONFIG_BOARD_WORKDIR,  /* the folder the program runs in; empty at first, removed afterwards */
    CONFIG_BOARD_BATCH,    /* images per inference: 1 */
    CONFIG_BOARD_WARMUP,   /* command.warmup */
    CONFIG_BOARD_REPEATS,  /* command.repeats */
    CONFIG_BOARD_THREADS,  /* command.threads */
    CONFIG_BOARD_DEADLINE, /* {deadline_s}: whole seconds left for this program, at least 1 */
    CONFIG_BOARD_HERE,     /* the folder of the board file */
    CONFIG_BOARD_PLACEHOLDERS
};

/* A program to run. argv.words is NULL when there is none. */
struct config_board_step {
    struct config_board_list argv;
    double timeout_s;
};

struct config_board_command {
    struct config_board_step build; /* argv.words NULL: the ONNX file is run as it is */
    char *build_output;             /* file in {workdir} that the build makes; it is what is cached; NULL without a build */
    bool build_ahead;               /* may build while another candidate runs: the build does not load what is measured */
    struct config_board_step run;
    enum config_board_parser parser;
    char *unsupported_pattern; /* POSIX extended; when build or run fails and it matches what was printed, the candidate has
                                  something that the tool does not know; NULL: nothing says so */
    char *result_file;         /* in {workdir}: what to parse; NULL: what run prints */
    char *regex_pattern;       /* CONFIG_BOARD_REGEX, else NULL: POSIX extended; every match is a sample: its first group, or itself
                                  without one */
    enum config_board_unit regex_unit;
    double timeloop_clock_hz;             /* CONFIG_BOARD_TIMELOOP: cycles per second, else 0 */
    struct config_board_list environment; /* all that the programs get; PATH is always there; {workdir} may stand in a value */
    uint64_t memory_bytes;                /* address space of a program; 0: no limit */
    uint64_t output_bytes;                /* of what a program prints and of the result file */
    uint32_t warmup, repeats, threads;    /* what the placeholders stand for */
    char *power_file;                     /* absolute; one whole number, the power drawn; NULL: energy is not measured */
    enum config_board_power_unit power_unit;
    double power_every_ms;
    struct config_board_step throttled; /* argv.words NULL: not asked */
    char *throttled_pattern;            /* POSIX extended; it matches what `throttled` prints when the board slowed its clock */
};

/* How measurements are taken: worker/measure.h. */
enum config_board_mode { CONFIG_BOARD_QUICK, CONFIG_BOARD_STRICT, CONFIG_BOARD_SUSTAINED };

struct config_board_measure {
    enum config_board_mode mode;
    bool strict;                /* refuse while the governor is not `performance`, or the board stays hot; always in mode strict */
    double start_temperature_c; /* wait until it is no hotter; 0: do not */
    double minutes;             /* of mode sustained */
};

struct config_board_simulated {
    char *table;                             /* absolute path of a CSV file */
    char *column, *device, *dataset, *space; /* device, dataset: NULL when the table needs none */
    char *energy;                            /* column of millijoules; NULL: no energy */
    double noise;                            /* standard deviation of a sample, relative */
    double spikes;                           /* share of samples that are up to three times as long */
    double delay_s;                          /* a measurement takes so long */
    double drift;                            /* relative change of the latency from one measurement to the next */
    double lie;                              /* every latency is multiplied by it, */
    uint32_t lie_after;                      /* after so many honest measurements */
    double fail, crash, hang;                /* probability a measurement */
    double hang_s;                           /* how long a hung measurement is waited for */
    uint64_t seed;
};

struct config_board {
    char *origin; /* the file, for messages */
    char *name;   /* of this very board: [A-Za-z0-9._-]{1,63}; NULL: builtin runner on this host, which has its own */
    char *board, *processor, *runtime, *precision; /* parts of the device key; all NULL for the builtin runner */
    struct config_board_step runtime_version;      /* argv.words NULL: `runtime` is complete */
    char *runtime_pattern; /* POSIX extended; the first group of what runtime_version prints is appended to `runtime` */
    bool elsewhere;        /* not this machine: the host rule does not concern it */
    bool deterministic;    /* one sample says all */
    double peak_macs_per_s, peak_bytes_per_s; /* physical limits; 0: unknown */
    enum config_board_runner runner;
    struct config_board_measure measure;
    struct config_board_command command;     /* runner command */
    struct config_board_simulated simulated; /* runner simulated */
};

/* Loads and checks a board file. Relative paths (simulated.table) are looked for beside the board file, then in the current folder.
 * Programs are not looked for: the runner says so when one is absent. STATUS_BAD_INPUT with file, line, key and what to do. Free
 * with config_board_free. Blocks while reading the file. */
enum status_code config_board_load(const char *path, struct config_board **out, struct status *status);

/* The same from a text; `origin` stands for the file in messages and its folder is where relative paths begin. */
enum status_code config_board_parse(const char *text, size_t size, const char *origin, struct config_board **out,
                                    struct status *status);
void config_board_free(struct config_board *board);

/* The complete settings, defaults included, as YAML in a fixed key order: equal boards give equal texts; config_board_parse reads
 * it back. Caller frees *text. */
enum status_code config_board_text(const struct config_board *board, char **text, struct status *status);

/* "json", "trtexec-times", ...; "ns", ...; "builtin", .... Never NULL. */
const char *config_board_parser_word(enum config_board_parser parser);
const char *config_board_unit_word(enum config_board_unit unit);
const char *config_board_runner_word(enum config_board_runner runner);

/* "onnx", "model", "workdir", ...: without braces. */
const char *config_board_placeholder_word(enum config_board_placeholder placeholder);

/* What stands at `at`, which points to a '{': a placeholder (its number; *length is that of the text with both braces), or -1: a
 * brace that stands for itself, because what follows is not lower-case letters and underscores up to a '}'. In a checked board the
 * placeholders are known ones; -2 otherwise. */
int config_board_placeholder_at(const char *at, size_t *length);

/* The part of a device key that `text` would be: letters, digits, '.', '_' and '+'; 1 to 30 of them. For what runtime_version
 * prints. */
bool config_board_is_key_part(const char *text);

#endif
