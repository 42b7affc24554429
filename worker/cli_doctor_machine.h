/* cli_doctor_machine: the examinations of `hwnas doctor` that need what workers and agents know: programs, processor and
 * instruction set, OpenBLAS, what disturbs measurements, memory, board files. */
#ifndef HWNAS_WORKER_CLI_DOCTOR_MACHINE_H
#define HWNAS_WORKER_CLI_DOCTOR_MACHINE_H

#include "common/doctor.h"

/* Whether master, worker and agent stand beside this program or in PATH, and are of its version. Starts each with --version. */
doctor_section cli_doctor_programs;

/* Processor, kernels, OpenBLAS, governor, load, memory. */
doctor_section cli_doctor_machine;

/* The board files: whether an agent would take them, and what would disturb it. Starts the tool that tells a runtime's version. */
doctor_section cli_doctor_boards;

#endif
