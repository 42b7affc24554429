/* cli_device_calibrated: what a calibration found, written as files and printed. Included by cli_device_calibrate*.c alone. */
#ifndef HWNAS_WORKER_CLI_DEVICE_CALIBRATED_H
#define HWNAS_WORKER_CLI_DEVICE_CALIBRATED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "worker/calibrate.h"
#include "worker/cli_device_parts.h"

/* One measured network. */
struct calibrated_net {
    struct arch arch;
    bool fitted; /* else it only judges */
    bool steady;
    bool infeasible;   /* the board cannot run it, whoever tries */
    double latency_ms; /* NaN: could not be measured */
    double predicted_ms[CALIBRATE_KINDS];
    char reason[STATUS_MESSAGE_BYTES]; /* why not */
};

/* A calibration, from the choice of networks to the models. */
struct calibrated {
    struct space space;
    struct space_build build; /* complete */
    struct cli_device_description description;
    struct calibrated_net *nets; /* owned */
    size_t count;
    int throttled;            /* measurements during which the board slowed its clock */
    double drift;             /* of the first network measured, from the begin to the end, as a fraction; NaN: unknown */
    enum calibrate_kind kind; /* what is written */
    struct calibrate_model *models[CALIBRATE_KINDS];
    struct calibrate_error errors[CALIBRATE_KINDS];
};

void cli_device_calibrated_free(struct calibrated *work);

/* Writes FILE.json, then FILE.csv, each whole or not at all. path ends in .csv. */
enum status_code cli_device_calibrated_write(const struct calibrated *work, const char *path, int64_t wall_ms,
                                             struct status *status);

/* Prints what was found on standard output. */
enum status_code cli_device_calibrated_print(const struct calibrated *work, const char *path, enum cli_format format,
                                             struct status *status);

#endif
