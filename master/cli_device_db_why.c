/* cli_device_db_why: `hwnas device why STUDY`: what each waiting measurement waits for. The study is opened as a master would, to
 * see what it wants next, and closed again with nothing of that kept. */
#include <stdlib.h>
#include <string.h>

#include "common/host.h"
#include "common/nearest.h"
#include "master/cli_device_db_parts.h"
#include "master/look.h"
#include "master/look_text.h"
#include "master/report.h"
#include "master/search.h"

enum { SENTENCE_BYTES = 640, ADVANCE_LIMIT = 100000 };

struct waiting {
    struct study_want *list; /* owned; in the order they would be granted */
    size_t count, room;
    bool out_of_memory;
};

static void keep(void *context, const struct study_want *want, const struct store_attempts *attempts)
{
    struct waiting *waiting = context;
    (void)attempts;
    if (want->kind != STUDY_WANT_MEASURE || waiting->out_of_memory)
        return;
    if (waiting->count == waiting->room) {
        size_t room = 2 * waiting->room + 32;
        struct study_want *grown = realloc(waiting->list, room * sizeof *grown);
        waiting->out_of_memory = grown == NULL;
        if (grown == NULL)
            return;
        waiting->list = grown;
        waiting->room = room;
    }
    waiting->list[waiting->count++] = *want;
}

/* What the study would ask for next. In a transaction that is not kept. */
static enum status_code collect(struct search *search, struct waiting *out, struct status *status)
{
    bool more = true;
    enum status_code code = search_begin(search, status);
    while (code == STATUS_OK && more)
        code = search_advance(search, ADVANCE_LIMIT, keep, out, &more, status);
    search_rollback(search);
    if (code == STATUS_OK && out->out_of_memory)
        code = status_set(status, STATUS_NO_MEMORY, "no memory for %zu waiting measurements", out->count);
    return code;
}

/* --- why ---------------------------------------------------------------------------------------------------------- */

/* A board can take what waits for that device word. A study's `host` is whoever measures the machine that the master runs on. */
static bool serves(const struct store_board *board, const char *device, const char *host)
{
    return strcmp(device, "host") == 0 ? strcmp(board->name, host) == 0 : strcmp(board->device_key, device) == 0;
}

static void explain_unknown(const char *device, const struct store_board *boards, size_t count, char *out)
{
    const char **keys = count > 0 ? calloc(count, sizeof *keys) : NULL;
    for (size_t i = 0; i < count && keys != NULL; i++)
        keys[i] = boards[i].device_key;
    if (strcmp(device, "host") == 0)
        snprintf(out, SENTENCE_BYTES, "no agent on this host has ever been connected: `hwnas study resume` starts one");
    else
        snprintf(
            out, SENTENCE_BYTES,
            "no board of device %s has ever been connected%s%s: `hwnas study resume --board FILE.yaml` or `hwnas-agent --board "
            "FILE.yaml` brings one",
            device, keys != NULL ? "; the nearest that has is " : "", keys != NULL ? keys[nearest_word(device, keys, count)] : "");
    free(keys);
}

/* One sentence about what a measurement for that device waits for. */
static void explain(const char *device, const struct store_board *boards, size_t count, const char *db, char out[SENTENCE_BYTES])
{
    char host[WIRE_NAME_BYTES], when[LOOK_TEXT_TIME_BYTES];
    const struct store_board *trusted = NULL, *quarantined = NULL;
    host_name(host, sizeof host);
    for (size_t i = 0; i < count; i++) {
        if (!serves(&boards[i], device, host))
            continue;
        const struct store_board **kind = boards[i].quarantined ? &quarantined : &trusted;
        if (*kind == NULL || boards[i].seen_wall_ms > (*kind)->seen_wall_ms)
            *kind = &boards[i];
    }
    if (trusted != NULL) {
        look_text_time(trusted->seen_wall_ms, when);
        snprintf(out, SENTENCE_BYTES,
                 "board %s, last seen %s; no master runs: `hwnas study resume` starts one, with --board FILE.yaml its agent too",
                 trusted->name, when);
    } else if (quarantined != NULL) {
        look_text_time(quarantined->since_wall_ms, when);
        snprintf(out, SENTENCE_BYTES,
                 "board %s is quarantined since %s: %s; if its new level is right: hwnas device trust %s --db %.100s",
                 quarantined->name, when, quarantined->reason, quarantined->name, db);
    } else {
        explain_unknown(device, boards, count, out);
    }
}

/* How many of the same device stand before it. */
static size_t before(const struct waiting *waiting, size_t at)
{
    size_t count = 0;
    for (size_t i = 0; i < at; i++)
        count += strcmp(waiting->list[i].device, waiting->list[at].device) == 0;
    return count;
}

/* --- what comes out --------------------------------------------------------------------------------------------- */

static enum status_code print_json(const struct cli_device_db *command, const struct waiting *waiting,
                                   const struct store_board *boards, size_t count, struct status *status)
{
    json_t *list = json_array();
    for (size_t i = 0; i < waiting->count; i++) {
        const struct study_want *want = &waiting->list[i];
        char sentence[SENTENCE_BYTES];
        explain(want->device, boards, count, command->db, sentence);
        json_array_append_new(list,
                              json_pack("{s:s,s:s,s:s,s:I,s:o}", "arch", want->arch_text, "device", want->device, "key", want->key,
                                        "before", (json_int_t)before(waiting, i), "waits_for", look_text_string(sentence)));
    }
    return look_text_print_json(json_pack("{s:s,s:o}", "study", command->word, "waiting", list), stdout, status);
}

static void print_csv(const struct cli_device_db *command, const struct waiting *waiting, const struct store_board *boards,
                      size_t count)
{
    puts("arch,device,before,waits_for");
    for (size_t i = 0; i < waiting->count; i++) {
        char sentence[SENTENCE_BYTES];
        explain(waiting->list[i].device, boards, count, command->db, sentence);
        report_csv_field(waiting->list[i].arch_text, stdout);
        printf(",%s,%zu,", waiting->list[i].device, before(waiting, i));
        report_csv_field(sentence, stdout);
        putchar('\n');
    }
}

/* A paragraph a device. */
static void print_table(const struct cli_device_db *command, const struct waiting *waiting, const struct store_board *boards,
                        size_t count)
{
    for (size_t i = 0; i < waiting->count; i++) {
        const char *device = waiting->list[i].device;
        char sentence[SENTENCE_BYTES];
        size_t all = 0;
        if (before(waiting, i) > 0)
            continue;
        for (size_t k = i; k < waiting->count; k++)
            all += strcmp(waiting->list[k].device, device) == 0;
        explain(device, boards, count, command->db, sentence);
        printf("%zu measurement(s) for device %s wait for: ", all, device);
        cli_print_safe(stdout, sentence);
        putchar('\n');
        for (size_t k = i; k < waiting->count; k++)
            if (strcmp(waiting->list[k].device, device) == 0)
                printf("  %4zu before it  %s\n", before(waiting, k), waiting->list[k].arch_text);
    }
    if (waiting->count == 0)
        puts("no measurement waits");
}

/* --- the command ------------------------------------------------------------------------------------------------ */

static enum status_code why_open(struct search *search, const struct cli_device_db *command, struct status *status)
{
    struct waiting waiting = {.list = NULL};
    struct store_board *boards = NULL;
    size_t count = 0;
    enum status_code code = collect(search, &waiting, status);
    if (code == STATUS_OK)
        code = store_board_list(search_store(search), &boards, &count, status);
    if (code == STATUS_OK && command->format == CLI_JSON)
        code = print_json(command, &waiting, boards, count, status);
    else if (code == STATUS_OK && command->format == CLI_CSV)
        print_csv(command, &waiting, boards, count);
    else if (code == STATUS_OK)
        print_table(command, &waiting, boards, count);
    free(boards);
    free(waiting.list);
    return code;
}

/* The store that was opened to see whether there is such a study is closed by the caller; a search has its own. */
static enum status_code study_is_there(struct store *store, const struct cli_device_db *command, struct status *status)
{
    struct store_study study = {0};
    enum status_code code = store_study_find(store, command->word, &study, status);
    store_study_free(&study);
    return code;
}

static error_t parse_init(int key, char *text, struct argp_state *state)
{
    (void)text;
    if (key != ARGP_KEY_INIT)
        return ARGP_ERR_UNKNOWN;
    state->child_inputs[0] = state->input;
    return 0;
}

int cli_device_db_why(int argc, char **argv)
{
    static const struct argp_child children[] = {{.argp = &cli_device_db_argp}, {0}};
    static const struct argp argp = {
        .parser = parse_init,
        .children = children,
        .args_doc = "STUDY",
        .doc = "Says what each measurement that the study wants next waits for: a board of its device that was "
               "never connected, one in quarantine and why, one that is away; and how many stand before it."};
    struct cli_device_db command = {.command = "device why", .word_is = "study", .mode = STORE_READ};
    int exit_code = cli_device_db_run(argc, argv, &argp, &command, study_is_there);
    if (exit_code == 3)
        fputs("hwnas device why: while a master runs, its line of progress says what is waited for\n", stderr);
    if (exit_code != 0)
        return exit_code;
    struct search_options options = {.resume = command.word, .db = command.db};
    struct search *search = NULL;
    struct status status = {0};
    enum status_code code = search_open(&options, NULL, &search, &status);
    if (code == STATUS_OK)
        code = why_open(search, &command, &status);
    search_close(search);
    return code == STATUS_OK ? cli_flush(command.command) : cli_fail(command.command, &status);
}
