/* host: which machine this process runs on, for the rule that a host never measures while it computes. */
#ifndef HWNAS_COMMON_HOST_H
#define HWNAS_COMMON_HOST_H

#include <stddef.h>
#include <stdint.h>

enum { HOST_ID_BYTES = 64 };

/* Writes the identity of the running kernel: equal for all processes that share its CPUs, containers included, and different after
 * a reboot. From /proc's boot id; the host's name where there is none. Only [A-Za-z0-9._-], never empty. Reads a file. */
void host_identify(char out[HOST_ID_BYTES]);

/* Writes the machine's name as the network knows it, cut to fit, only [A-Za-z0-9._-]; "host" where it has none. */
void host_name(char *out, size_t size);

/* Writes a name for a process of that program: HOSTNAME-PROGRAM-PID, cut to fit, only [A-Za-z0-9._-]. */
void host_process_name(const char *program, char *out, size_t size);

/* When the process of that number started, in the kernel's ticks since it booted: with the number and host_identify it names one
 * process for good. 0: there is none, or it has ended and nobody has looked. Reads a file. */
uint64_t host_process_start(long pid);

/* CPUs this process may use (its affinity), at least 1. */
int host_cpu_count(void);

/* Sends this process SIGTERM when the process that started it ends, whatever way it ends. Returns 0, or -1 when that process has
 * ended already. */
int host_exit_with_parent(void);

#endif
