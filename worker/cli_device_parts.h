/* cli_device_parts: what the verbs of `hwnas device` that measure share: the runner they are told to use, what is to be said about
 * it, one network measured. Included by cli_device*.c, and by cli_prune.c, which measures, too. */
#ifndef HWNAS_WORKER_CLI_DEVICE_PARTS_H
#define HWNAS_WORKER_CLI_DEVICE_PARTS_H

#include <argp.h>

#include "common/cli.h"
#include "common/config_board.h"
#include "common/cost.h"
#include "common/space.h"
#include "common/wire.h"
#include "worker/measure.h"
#include "worker/runner.h"

enum { CLI_DEVICE_WARNINGS_MAX = 16, CLI_DEVICE_WARNING_BYTES = 256 };

struct cli_device_options {
    const char *board; /* a board file; NULL: this host */
    int cpu;           /* -1: the runner's choice */
    enum cli_format format;
    /* where networks are measured */
    const char *space;
    struct space_build build; /* 0: the space's own */
};

/* Keys from CLI_DEVICE_KEY_OWN on are a verb's own. */
enum {
    CLI_DEVICE_KEY_CPU = 256,
    CLI_DEVICE_KEY_BOARD,
    CLI_DEVICE_KEY_SPACE,
    CLI_DEVICE_KEY_CHANNELS,
    CLI_DEVICE_KEY_CELLS,
    CLI_DEVICE_KEY_CLASSES,
    CLI_DEVICE_KEY_INPUT_CHANNELS,
    CLI_DEVICE_KEY_INPUT_SIZE,
    CLI_DEVICE_KEY_OWN
};

/* Argp children: what every verb takes, and what those take that measure networks of a space. The verb's parser hands its struct
 * cli_device_options to each child (state->child_inputs) at ARGP_KEY_INIT. */
extern const struct argp cli_device_common_argp, cli_device_network_argp;

/* The board that the options name. Zero-initialise; close with cli_device_close, also after a failure. */
struct cli_device {
    struct runner runner;
    struct config_board *board; /* owned; NULL: none was named */
};
enum status_code cli_device_open(const struct cli_device_options *options, struct cli_device *out, struct status *status);
void cli_device_close(struct cli_device *device);

/* What a runner measures on. */
struct cli_device_description {
    struct runner_board board;
    char conditions[WIRE_CONDITIONS_BYTES];
    char warnings[CLI_DEVICE_WARNINGS_MAX][CLI_DEVICE_WARNING_BYTES];
    int warning_count;
};
void cli_device_describe(const struct runner *runner, struct cli_device_description *out);

/* A measurement with what it was taken of. */
struct cli_device_measured {
    char arch[ARCH_TEXT_BYTES];
    struct cost cost;
    struct measure_result result;
    struct runner_note note; /* owned */
};
void cli_device_measured_init(struct cli_device_measured *measured);
void cli_device_measured_free(struct cli_device_measured *measured);

/* Builds the architecture's network and measures it as the runner is told to; *out has been initialised, and keeps the note of a
 * failure, too. Blocks as long as that takes. */
enum status_code cli_device_take(struct runner *runner, const struct space *space, const struct space_build *build,
                                 const struct arch *arch, struct cli_device_measured *out, struct status *status);

/* One sentence about how far a result can be trusted; "steady" when nothing speaks against it. */
const char *cli_device_verdict(const struct measure_result *result);

int cli_device_check(int argc, char **argv);
int cli_device_calibrate(int argc, char **argv);

#endif
