/* host: identity, names and parents, from /proc and the kernel. */
#include "common/host.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

/* Replaces whatever the wire does not allow in a name. */
static void make_name(char *text)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    for (; *text != '\0'; text++) {
        if (strchr(alphabet, *text) == NULL)
            *text = '-';
    }
}

void host_name(char *out, size_t size)
{
    if (gethostname(out, size) != 0 || out[0] == '\0')
        snprintf(out, size, "host");
    out[size - 1] = '\0';
    make_name(out);
}

void host_identify(char out[HOST_ID_BYTES])
{
    out[0] = '\0';
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
    if (file != NULL) {
        if (fgets(out, HOST_ID_BYTES, file) == NULL)
            out[0] = '\0';
        fclose(file);
    }
    out[strcspn(out, "\n")] = '\0';
    make_name(out);
    if (out[0] == '\0')
        host_name(out, HOST_ID_BYTES);
}

void host_process_name(const char *program, char *out, size_t size)
{
    char host[32];
    host_name(host, sizeof host);
    snprintf(out, size, "%s-%s-%ld", host, program, (long)getpid());
    make_name(out);
}

uint64_t host_process_start(long pid)
{
    char path[64], text[1024] = "";
    snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return 0;
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    /* The 22nd field; the second, the program's name, may hold anything, so the count goes on from its closing parenthesis. */
    const char *at = strrchr(text, ')');
    if (at == NULL || at[1] == '\0' || at[2] == 'Z')
        return 0;
    for (int field = 2; field < 22 && at != NULL; field++)
        at = strchr(at + 1, ' ');
    return at != NULL ? strtoull(at, NULL, 10) : 0;
}

int host_cpu_count(void)
{
    cpu_set_t allowed;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0)
        return 1;
    int count = CPU_COUNT(&allowed);
    return count < 1 ? 1 : count;
}

int host_exit_with_parent(void)
{
    pid_t parent = getppid();
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    /* The parent may have ended before the call above: then this process has been given to another one. */
    return getppid() == parent && parent != 1 ? 0 : -1;
}
