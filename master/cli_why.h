/* cli_why: what a study waits for, as far as a database tells that no master holds: `hwnas study why` and `hwnas device why`
 * without a master. The study is opened as a master would, to see what it wants next, and closed again with nothing of that kept.
 */
#ifndef HWNAS_MASTER_CLI_WHY_H
#define HWNAS_MASTER_CLI_WHY_H

#include "master/cli_ask.h"

/* For cli_ask.here. */
enum status_code cli_why_study(const struct cli_ask *ask, FILE *out, struct status *status);
enum status_code cli_why_device(const struct cli_ask *ask, FILE *out, struct status *status);

#endif
