/* hwnas_main: the program `hwnas`: finds the verb, hands over, returns its exit code.
 *
 * The one file that knows the verbs of both sides (master/cli_*.h and worker/cli_*.h). A verb parses its own arguments; -f json and
 * csv of a verb put nothing else on standard output. */
#include <argp.h>
#include <stdio.h>
#include <string.h>

#include "common/cli.h"
#include "common/cli_doctor.h"
#include "common/nearest.h"
#include "common/version.h"
#include "master/cli_bench.h"
#include "master/cli_db.h"
#include "master/cli_device_db.h"
#include "master/cli_doctor_db.h"
#include "master/cli_export.h"
#include "master/cli_front.h"
#include "master/cli_keygen.h"
#include "master/cli_run.h"
#include "master/cli_study.h"
#include "master/cli_table.h"
#include "worker/cli_device.h"
#include "worker/cli_doctor_machine.h"
#include "worker/cli_images.h"
#include "worker/cli_prune.h"
#include "worker/cli_reference.h"
#include "worker/cli_rmi.h"

enum { VERBS_MAX = 32 };

/* Whether the command looks into a database, which --db names, or asks its master. */
static bool names_database(int argc, char **argv)
{
    for (int i = 2; i < argc; i++)
        if (strcmp(argv[i], "--db") == 0 || strncmp(argv[i], "--db=", 5) == 0 || strncmp(argv[i], "--connect", 9) == 0)
            return true;
    return false;
}

/* `device` has commands of both sides; `show`, the first, is of both. */
static int device_run(int argc, char **argv)
{
    struct cli_verb commands[CLI_DEVICE_COMMANDS + CLI_DEVICE_DB_COMMANDS];
    for (size_t i = 0; i < CLI_DEVICE_COMMANDS; i++)
        commands[i] = cli_device_commands[i];
    for (size_t i = 0; i < CLI_DEVICE_DB_COMMANDS; i++)
        commands[CLI_DEVICE_COMMANDS + i] = cli_device_db_commands[i];
    if (argc > 1 && strcmp(argv[1], commands[0].name) == 0 && names_database(argc, argv))
        commands[0].run = cli_device_db_show;
    return cli_run_command("device", "What latency is measured on (docs/MEASURING.md). With --db: the boards of a database.",
                           commands, CLI_DEVICE_COMMANDS + CLI_DEVICE_DB_COMMANDS, argc, argv);
}

static const struct cli_verb device_verb = {"device", "what latency is measured on: check, calibrate, list, withdraw, ...",
                                            device_run};

/* The examinations of both sides, in the order in which they are told. */
static int doctor_run(int argc, char **argv)
{
    static doctor_section *const sections[] = {
        cli_doctor_programs, cli_doctor_machine, doctor_limits, doctor_clock,     doctor_sockets,
        doctor_disk,         cli_doctor_db,      doctor_keys,   doctor_addresses, cli_doctor_boards,
    };
    return cli_doctor_run(argc, argv, sections, sizeof sections / sizeof sections[0]);
}

static const struct cli_verb doctor_verb = {"doctor", "examine this installation: what is fine, doubtful, wrong; what to do",
                                            doctor_run};

/* In the order in which help lists them. */
static const struct cli_verb *const verbs[VERBS_MAX] = {
    &cli_run_verb, &cli_study_verb, &cli_front_verb,  &cli_export_verb,    &cli_table_verb,
    &cli_db_verb,  &cli_bench_verb, &device_verb,     &cli_reference_verb, &cli_images_verb,
    &cli_rmi_verb, &cli_prune_verb, &cli_keygen_verb, &doctor_verb,        NULL,
};

static void print_help(FILE *out)
{
    fputs("Usage: hwnas VERB [ARGUMENT...]\n"
          "Hardware-aware neural architecture search.\n\n",
          out);
    for (size_t i = 0; verbs[i] != NULL; i++)
        fprintf(out, "  %-11s %s\n", verbs[i]->name, verbs[i]->summary);
    fputs("\n  help VERB   what a verb takes; so does hwnas VERB --help\n"
          "  --version   print the version\n\n"
          "Results go to standard output, all else to standard error.\n"
          "Exit codes: 0 done, 1 failed, 2 bad arguments, files or settings, 3 conflict, 130 interrupted.\n",
          out);
}

static const struct cli_verb *find_verb(const char *name)
{
    for (size_t i = 0; verbs[i] != NULL; i++)
        if (strcmp(verbs[i]->name, name) == 0)
            return verbs[i];
    return NULL;
}

static int unknown_verb(const char *name)
{
    const char *names[VERBS_MAX];
    struct status status;
    size_t count = 0;
    for (; verbs[count] != NULL; count++)
        names[count] = verbs[count]->name;
    names[count++] = "help";
    status_set(&status, STATUS_BAD_INPUT, "'%.40s' is not a verb; did you mean %s? `hwnas --help` lists them", name,
               names[nearest_word(name, names, count)]);
    return cli_fail(NULL, &status);
}

/* argp names the program after argv[0], so usage lines read `hwnas run`. */
static int run_verb(const struct cli_verb *verb, int argc, char **argv)
{
    char program[64];
    snprintf(program, sizeof program, "hwnas %s", verb->name);
    argv[0] = program;
    return verb->run(argc, argv);
}

static int help_on(const char *name)
{
    char help[] = "--help";
    char *argv[] = {NULL, help, NULL};
    const struct cli_verb *verb = find_verb(name);
    return verb != NULL ? run_verb(verb, 2, argv) : unknown_verb(name);
}

int main(int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : NULL;
    argp_err_exit_status = 2;
    if (word == NULL) {
        print_help(stderr);
        return 2;
    }
    if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0) {
        puts("hwnas " HWNAS_VERSION);
        return cli_flush(NULL);
    }
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "-?") == 0 ||
        (strcmp(word, "help") == 0 && argc == 2)) {
        print_help(stdout);
        return cli_flush(NULL);
    }
    if (strcmp(word, "help") == 0)
        return help_on(argv[2]);
    const struct cli_verb *verb = find_verb(word);
    return verb != NULL ? run_verb(verb, argc - 1, argv + 1) : unknown_verb(word);
}
