/* cli_export: `hwnas export`: a study's best architecture, or any, as an ONNX file. */
#ifndef HWNAS_MASTER_CLI_EXPORT_H
#define HWNAS_MASTER_CLI_EXPORT_H

#include "common/cli.h"

extern const struct cli_verb cli_export_verb;

#endif
