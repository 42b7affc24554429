/* cli_doctor: the verb `doctor`: examines this installation and says, a line each, what is fine, what is doubtful and what is
 * wrong. */
#ifndef HWNAS_COMMON_CLI_DOCTOR_H
#define HWNAS_COMMON_CLI_DOCTOR_H

#include "common/cli.h"
#include "common/doctor.h"

/* Parses the command line, runs the examinations in order and prints. They come from both sides, so the main hands them in. Returns
 * 0, or 1 when anything is wrong. */
int cli_doctor_run(int argc, char **argv, doctor_section *const *sections, size_t count);

#endif
