/* cli_ask: the way to an answer. Called by the verbs study, front, device and db.
 *
 * Which it is, is found out by looking: a living master beside the database is asked, else the database is opened. Between the two
 * looks a master may have come or gone, so both are tried again for as long as one of them says so. */
#include "master/cli_ask.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/credentials.h"
#include "master/ask.h"
#include "master/look.h"
#include "master/master_file.h"

enum { KEY_WAIT = 0x2000, KEY_CONNECT, KEY_KEY, KEY_SERVER_KEY, TRIES = 3, PATIENCE_S = 10 };

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct cli_ask_way *way = state->input;
    switch (key) {
    case KEY_WAIT: way->patience_s = cli_option_int("wait", text, 1, 3600, state); return 0;
    case KEY_CONNECT: way->address = text; return 0;
    case KEY_KEY: way->key = text; return 0;
    case KEY_SERVER_KEY: way->server_key = text; return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option way_options[] = {
    {"wait", KEY_WAIT, "SECONDS", 0, "how long a running master that is asked may keep silent (10)", 10},
    {"connect", KEY_CONNECT, "ADDRESS", 0, "ask the master that listens there, wherever its database is, instead of --db", 10},
    {"key", KEY_KEY, "FILE", 0, "the asker's key, of role operator (docs/SECURITY.md)", 10},
    {"server-key", KEY_SERVER_KEY, "FILE", 0, "the master's public key: no other master is talked to", 10},
    {0}};
const struct argp cli_ask_argp = {.options = way_options, .parser = parse};

enum status_code cli_ask_word(const char *word, char *out, size_t size, struct status *status)
{
    if (snprintf(out, size, "%s", word) < (int)size)
        return STATUS_OK;
    return status_set(status, STATUS_BAD_INPUT, "'%.40s...' is longer than any name", word);
}

enum wire_format cli_ask_format(enum cli_format format)
{
    return format == CLI_JSON ? WIRE_JSON : format == CLI_CSV ? WIRE_CSV : WIRE_TABLE;
}

/* --- from the master --- */

static void show_progress(void *context, const char *sentence)
{
    const struct cli_ask *ask = context;
    if (!isatty(STDERR_FILENO))
        return;
    fprintf(stderr, "hwnas %s: ", ask->command);
    cli_print_safe(stderr, sentence);
    fputc('\n', stderr);
}

static bool has_gone(void *context)
{
    const struct cli_ask *ask = context;
    struct master_file master;
    return master_file_read(ask->db, &master, NULL) != MASTER_FILE_HERE;
}

/* The socket of a folder on this machine before a port, which is where keys go; NULL when the master listens nowhere. */
static const char *address_of(const struct master_file *master, bool here, bool with_keys)
{
    for (size_t i = 0; here && !with_keys && i < master->address_count; i++)
        if (strncmp(master->addresses[i], "ipc://", 6) == 0)
            return master->addresses[i];
    for (size_t i = 0; i < master->address_count; i++)
        if (strncmp(master->addresses[i], "tcp://", 6) == 0)
            return master->addresses[i];
    return NULL;
}

static int patience_of(const struct cli_ask *ask)
{
    return ask->way.patience_s > 0 ? ask->way.patience_s : PATIENCE_S;
}

static enum status_code silent(const struct master_file *master, int patience_s, struct status *status)
{
    return status_set(status, STATUS_UNAVAILABLE,
                      "the master that holds the database (process %ld on %s, study %s) did not answer within %d s: it is stopped, "
                      "very busy, or not to be reached from here; --wait SECONDS gives it longer",
                      master->pid, master->host, master->study, patience_s);
}

/* A name that no study and no board can have is the one thing a person can put into a question that does not fit. */
static enum status_code no_name(struct status *status)
{
    return status_set(
        status, STATUS_BAD_INPUT,
        "that is no name: names consist of letters, digits, '.', '_', '-' and '+', and a reason is one line of at most %d "
        "bytes",
        WIRE_SENTENCE_BYTES - 1);
}

static enum status_code ask_there(const struct cli_ask *ask, const struct ask_options *way, FILE *out, struct status *status)
{
    struct ask_answer answer;
    struct wire_message question = {.type = WIRE_QUESTION, .question = ask->question};
    struct credentials credentials;
    question.question.id = 1;
    if (wire_check(&question, status) != STATUS_OK)
        return no_name(status);
    enum status_code code =
        credentials_of_peer(KEYS_OPERATOR, way->address, ask->way.key, ask->way.server_key, &credentials, status);
    if (code != STATUS_OK)
        return code;
    struct bus_keys keys = credentials_for_bus(&credentials);
    struct ask_options options = *way;
    options.keys = credentials.own != NULL ? &keys : NULL;
    code = ask_master(&options, &ask->question, &answer, status);
    credentials_free(&credentials);
    if (code != STATUS_OK)
        return code;
    fwrite(answer.text, 1, answer.size, out);
    if (answer.note[0] != '\0')
        fprintf(stderr, "hwnas %s: %s\n", ask->command, answer.note);
    ask_answer_free(&answer);
    return STATUS_OK;
}

static struct ask_options way_to(const struct cli_ask *ask, const char *address, bool here)
{
    return (struct ask_options){.address = address,
                                .patience_ms = 1000 * patience_of(ask),
                                .progress = show_progress,
                                .gone = here ? has_gone : NULL,
                                .context = (void *)ask};
}

static enum status_code from_master(const struct cli_ask *ask, const struct master_file *master, bool here, FILE *out,
                                    struct status *status)
{
    struct ask_options way = way_to(ask, address_of(master, here, ask->way.key != NULL), here);
    if (way.address == NULL)
        return status_set(
            status, STATUS_CONFLICT,
            "the master that holds the database (process %ld on %s, study %s) listens at no address that could be asked "
            "from here: start it with --listen, or ask when it has stopped",
            master->pid, master->host, master->study);
    if (master->with_keys && ask->way.key == NULL && strncmp(way.address, "tcp://", 6) == 0)
        return status_set(
            status, STATUS_CONFLICT,
            "the master that holds the database (process %ld on %s, study %s) answers nobody without a key: give --key FILE, "
            "of role operator, and --server-key FILE",
            master->pid, master->host, master->study);
    enum status_code code = ask_there(ask, &way, out, status);
    if (code == STATUS_UNAVAILABLE && status->message[0] == '\0')
        return silent(master, patience_of(ask), status);
    return code;
}

/* A master somewhere, of whose database nothing is here. */
static enum status_code from_address(const struct cli_ask *ask, FILE *out, struct status *status)
{
    struct ask_options way = way_to(ask, ask->way.address, false);
    enum status_code code = ask_there(ask, &way, out, status);
    if (code == STATUS_UNAVAILABLE && status->message[0] == '\0')
        return status_set(status, code,
                          "no master answered at %.200s within %d s: none listens there, or it is stopped or very busy",
                          ask->way.address, patience_of(ask));
    return code;
}

/* --- from the database --- */

static enum status_code look_into(const struct cli_ask *ask, FILE *out, struct status *status)
{
    struct store *store = NULL;
    struct look *look = NULL;
    bool more = true;
    enum status_code code = store_open(ask->db, STORE_READ, &store, status);
    if (code == STATUS_OK)
        code = look_open(store, &ask->question, out, &look, status);
    while (code == STATUS_OK && more)
        code = look_step(look, &more, status);
    if (code == STATUS_OK && look_note(look)[0] != '\0')
        fprintf(stderr, "hwnas %s: %s\n", ask->command, look_note(look));
    look_close(look);
    store_close(store);
    return code;
}

/* --- either --- */

static enum status_code answer(const struct cli_ask *ask, FILE *out, struct status *status)
{
    enum status_code code = STATUS_UNAVAILABLE;
    if (ask->way.address != NULL)
        return from_address(ask, out, status);
    for (int i = 0; i < TRIES; i++) {
        struct master_file master;
        struct status stale = {0};
        enum master_file_state state = master_file_read(ask->db, &master, &stale);
        if (state == MASTER_FILE_HERE) {
            code = from_master(ask, &master, true, out, status);
            if (code != STATUS_UNAVAILABLE || master_file_read(ask->db, &master, &stale) == MASTER_FILE_HERE)
                return code;
        }
        code = ask->here != NULL ? ask->here(ask, out, status) : look_into(ask, out, status);
        if (code != STATUS_CONFLICT)
            return code;
        if (state == MASTER_FILE_AWAY)
            return from_master(ask, &master, false, out, status);
        if (state == MASTER_FILE_STALE && i == TRIES - 1)
            return status_set(status, STATUS_CONFLICT, "%.200s: another process holds it; %.280s", ask->db, stale.message);
    }
    return code;
}

int cli_ask_run(const struct cli_ask *ask)
{
    struct status status = {0};
    enum status_code code = answer(ask, stdout, &status);
    return code == STATUS_OK ? cli_flush(ask->command) : cli_fail(ask->command, &status);
}

enum status_code cli_ask_who_holds(const char *db, struct status *failed)
{
    struct master_file master;
    if (failed->code != STATUS_CONFLICT || master_file_read(db, &master, NULL) != MASTER_FILE_HERE)
        return failed->code;
    return status_set(
        failed, STATUS_CONFLICT,
        "%.150s: is held by the master of study %s (process %ld): stop that first (SIGTERM; what is stored is kept) and start "
        "it again with `hwnas study resume %s`, or work on a copy (`hwnas db backup`)",
        db, master.study, master.pid, master.study);
}
