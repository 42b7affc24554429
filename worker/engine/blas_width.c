/* blas_width: whether OpenBLAS uses the vectors that this CPU has, and what to do when it does not. OpenBLAS knows CPUs by their
 * model numbers: one that is newer than it is gets the smallest kernels there are (0.3.21 takes an Emerald Rapids for a Prescott),
 * and with them a quarter of the speed. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "worker/engine/blas.h"
#include "worker/engine/isa.h"

enum { COMMAND_LINE_BYTES = 1 << 21, ARGUMENTS_MAX = 1 << 14 };

const char *engine_blas_core(void)
{
    return blas_core();
}

static bool is_one_of(const char *core, const char *const *names)
{
    while (*names != NULL && strcmp(core, *names) != 0)
        names++;
    return *names != NULL;
}

/* Floats in a vector register of that core's kernels; 0: not known, which is no reason to complain. */
static int lanes_of(const char *core)
{
    static const char *const four[] = {"Prescott", "Core2", "Penryn", "Dunnington", "Nehalem", "Atom", "Generic", NULL};
    static const char *const eight[] = {"Sandybridge", "Haswell",   "Zen",        "Excavator",
                                        "Steamroller", "Bulldozer", "Piledriver", NULL};
    return is_one_of(core, four) ? 4 : is_one_of(core, eight) ? 8 : 0;
}

static int lanes_here(void)
{
    return isa_best() == ENGINE_ISA_AVX512 ? 16 : isa_best() == ENGINE_ISA_AVX2 ? 8 : 4;
}

/* The core of every OpenBLAS that fits this CPU. */
static const char *fitting_core(void)
{
    return isa_best() == ENGINE_ISA_AVX512 ? "SkylakeX" : "Haswell";
}

static bool is_narrow(void)
{
    int lanes = lanes_of(blas_core());
    return lanes != 0 && lanes < lanes_here();
}

const char *engine_blas_warning(void)
{
    static _Thread_local char sentence[256];
    if (!is_narrow())
        return NULL;
    if (getenv("OPENBLAS_CORETYPE") != NULL)
        snprintf(sentence, sizeof sentence,
                 "OpenBLAS runs as %s, %d lanes wide, on a CPU that has %d: start this without OPENBLAS_CORETYPE", blas_core(),
                 lanes_of(blas_core()), lanes_here());
    else
        snprintf(sentence, sizeof sentence,
                 "OpenBLAS takes this CPU for a %s and runs %d lanes wide where it has %d: set OPENBLAS_CORETYPE=%s", blas_core(),
                 lanes_of(blas_core()), lanes_here(), fitting_core());
    return sentence;
}

/* The arguments this process was started with, out of text of `size` bytes, each ending in a zero byte. False: too many. */
static bool split_arguments(char *text, size_t size, char **arguments)
{
    size_t count = 0;
    for (size_t at = 0; at < size; at += strlen(text + at) + 1) {
        if (count + 1 == ARGUMENTS_MAX)
            return false;
        arguments[count++] = text + at;
    }
    arguments[count] = NULL;
    return count > 0;
}

static void start_again(void)
{
    char *text = malloc(COMMAND_LINE_BYTES), **arguments = malloc(ARGUMENTS_MAX * sizeof *arguments);
    FILE *file = fopen("/proc/self/cmdline", "re");
    if (text != NULL && arguments != NULL && file != NULL) {
        size_t size = fread(text, 1, COMMAND_LINE_BYTES - 1, file);
        text[size] = '\0';
        bool whole = size > 0 && feof(file) && split_arguments(text, size, arguments);
        if (whole && setenv("OPENBLAS_CORETYPE", fitting_core(), 1) == 0)
            execv("/proc/self/exe", arguments);
        unsetenv("OPENBLAS_CORETYPE"); /* still here: the warning is to name the cause */
    }
    if (file != NULL)
        fclose(file);
    free(arguments);
    free(text);
}

void engine_blas_settle(void)
{
    if (is_narrow() && getenv("OPENBLAS_CORETYPE") == NULL)
        start_again();
}
