/* cli_keygen: makes keys and lists them. Nothing here ever prints a key, only fingerprints. */
#include "master/cli_keygen.h"

#include <argp.h>
#include <stdio.h>
#include <string.h>

#include "common/keys.h"
#include "common/keys_list.h"

enum { KEY_ROLE = 256, KEY_FOLDER, KEY_LIST };

struct keygen {
    const char *name, *role, *folder, *list;
    enum cli_format format;
};

static int make_key(const struct keygen *keygen)
{
    struct keys_public key;
    struct status status = {0};
    enum keys_role role;
    if (keys_parse_role(keygen->role, &role) != 0) {
        status_set(&status, STATUS_BAD_INPUT, "--role is '%.40s'; it must be master, worker, agent or operator", keygen->role);
        return cli_fail("keygen", &status);
    }
    if (keys_create(keygen->folder, keygen->name, role, &key, &status) != STATUS_OK)
        return cli_fail("keygen", &status);
    printf("%s\n", key.fingerprint);
    fprintf(stderr, "hwnas keygen: %s/%s_secret is for this %s alone; %s/%s goes %s\n", keygen->folder, key.name,
            keys_role_name(role), keygen->folder, key.name,
            role == KEYS_MASTER ? "to its peers, for --server-key" : "into the folder of the master's --allow");
    return cli_flush("keygen");
}

struct listing {
    enum cli_format format;
    bool begun;
};

/* A key's name needs no quoting in any form: common/keys.h says what it may consist of. */
static void print_key(void *context, const struct keys_public *key)
{
    struct listing *listing = context;
    const char *role = keys_role_name(key->role);
    switch (listing->format) {
    case CLI_TABLE: printf("%-31s  %-8s  %s\n", key->name, role, key->fingerprint); break;
    case CLI_CSV: printf("%s,%s,%s\n", key->name, role, key->fingerprint); break;
    case CLI_JSON:
        printf("%s{\"name\":\"%s\",\"role\":\"%s\",\"fingerprint\":\"%s\"}", listing->begun ? "," : "", key->name, role,
               key->fingerprint);
        break;
    }
    listing->begun = true;
}

static int list_keys(const struct keygen *keygen)
{
    struct keys_list *list;
    struct status status = {0};
    struct listing listing = {.format = keygen->format};
    if (keys_list_load(keygen->list, &list, &status) != STATUS_OK)
        return cli_fail("keygen", &status);
    if (keygen->format == CLI_TABLE)
        printf("%-31s  %-8s  %s\n", "name", "role", "fingerprint");
    else
        fputs(keygen->format == CLI_CSV ? "name,role,fingerprint\n" : "{\"keys\":[", stdout);
    keys_list_each(list, print_key, &listing);
    if (keygen->format == CLI_JSON)
        puts("]}");
    keys_list_free(list);
    return cli_flush("keygen");
}

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct keygen *keygen = state->input;
    switch (key) {
    case KEY_ROLE: keygen->role = text; break;
    case KEY_FOLDER: keygen->folder = text; break;
    case KEY_LIST: keygen->list = text; break;
    case 'f': keygen->format = cli_option_format(text, state); break;
    case ARGP_KEY_ARG:
        if (keygen->name != NULL)
            argp_error(state, "one key at a time; '%s' is a second", text);
        keygen->name = text;
        break;
    case ARGP_KEY_END:
        if ((keygen->name == NULL) == (keygen->list == NULL))
            argp_error(state, "give the NAME of a key to make, or --list FOLDER");
        if (keygen->name != NULL && keygen->role == NULL)
            argp_error(state, "--role is needed: master, worker, agent or operator");
        break;
    default: return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static int run(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"role", KEY_ROLE, "ROLE", 0, "master, worker, agent or operator: what the key may be used for", 1},
        {"folder", KEY_FOLDER, "FOLDER", 0, "where the two files go (keys); made for its owner alone", 1},
        {"list", KEY_LIST, "FOLDER", 0,
         "instead: name, role and fingerprint of every key that a master with --allow FOLDER lets in", 1},
        {"format", 'f', "FORMAT", 0, "of --list: table (default), csv or json", 1},
        {0}};
    static const struct argp argp = {
        options,
        parse,
        "NAME --role ROLE\n--list FOLDER",
        "Makes a CURVE key pair: FOLDER/NAME, which others may see, and FOLDER/NAME_secret, which nobody may. "
        "Prints the fingerprint. A worker or agent with the key is called NAME or NAME.ANYTHING. Files that "
        "are there are not written over (docs/SECURITY.md).",
        NULL,
        NULL,
        NULL};
    struct keygen keygen = {.folder = "keys"};
    argp_parse(&argp, argc, argv, 0, NULL, &keygen);
    return keygen.list != NULL ? list_keys(&keygen) : make_key(&keygen);
}

const struct cli_verb cli_keygen_verb = {"keygen", "makes key pairs, for masters that listen beyond this machine", run};
