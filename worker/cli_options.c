/* cli_options: the instruction set, JSON numbers and the progress line of the worker-side verbs (rmi, reference). */
#include "worker/cli_options.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum engine_isa cli_option_isa(const char *text, struct argp_state *state)
{
    for (enum engine_isa isa = ENGINE_ISA_AUTO; isa <= ENGINE_ISA_AVX512; isa++)
        if (strcmp(text, engine_isa_word(isa)) == 0)
            return isa;
    argp_error(state, "--isa is '%.40s'; it must be auto, avx512, avx2, neon or portable", text);
    return ENGINE_ISA_AUTO;
}

json_t *cli_json_number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

enum status_code cli_json_print(json_t *object, struct status *status)
{
    if (object == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for the result as JSON");
    int failed = json_dumpf(object, stdout, JSON_COMPACT | JSON_ENSURE_ASCII) != 0;
    json_decref(object);
    failed = failed || fputc('\n', stdout) == EOF || fflush(stdout) != 0;
    return failed ? status_set(status, STATUS_IO, "standard output did not take the result") : STATUS_OK;
}

void cli_warn_of_blas(const char *verb)
{
    const char *warning = engine_blas_warning();
    if (warning != NULL)
        fprintf(stderr, "hwnas %s: warning: %s\n", verb, warning);
}

void cli_progress_show(struct cli_progress *progress, double fraction, double seconds_left, const char *detail)
{
    enum { WIDTH = 30 };
    int done = (int)(fraction * WIDTH), tenth = (int)(fraction * 10);
    if (cli_is_terminal(stderr)) {
        fprintf(stderr, "\r%s [%.*s%*s] %3.0f %%  %s  %.0f s left \033[K", progress->what, done, "##############################",
                WIDTH - done, "", fraction * 100, detail, seconds_left);
    } else if (tenth > progress->last_tenth) {
        progress->last_tenth = tenth;
        fprintf(stderr, "%s: %.0f %%, %s, %.0f s left\n", progress->what, fraction * 100, detail, seconds_left);
    }
}

void cli_progress_end(void)
{
    if (cli_is_terminal(stderr))
        fputc('\n', stderr);
}
