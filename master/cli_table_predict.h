/* cli_table_predict: `hwnas table predict`: how well a column can be foretold from a sample of its rows. */
#ifndef HWNAS_MASTER_CLI_TABLE_PREDICT_H
#define HWNAS_MASTER_CLI_TABLE_PREDICT_H

#include <stdint.h>

#include "common/cli.h"
#include "common/space.h"
#include "common/status.h"
#include "common/table.h"

enum { CLI_TABLE_PREDICT_SAMPLES_MAX = 16 };

struct cli_table_predict {
    const char *column;
    uint32_t samples[CLI_TABLE_PREDICT_SAMPLES_MAX];
    size_t sample_count;
    uint32_t seeds;
    unsigned kinds; /* a set, as predictor_choose takes it */
    enum cli_format format;
};

/* For each size of sample and each seed 1 .. seeds: draws so many rows, fits the predictor that cross-validation chooses, predicts
 * every other row, and prints the errors on standard output. STATUS_BAD_INPUT for more samples than rows, less a hundred. */
enum status_code cli_table_predict(const struct cli_table_predict *options, const struct space *space, const struct table *table,
                                   struct status *status);

#endif
