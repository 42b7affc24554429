/* doctor_keys: the key files a program would be started with. Part of doctor. Only fingerprints are shown. */
#include <stdio.h>
#include <string.h>

#include "common/doctor.h"
#include "common/keys.h"
#include "common/keys_list.h"

/* What keys_load_secret refuses, its sentence explains. */
static struct keys_secret *look_at_own(const struct doctor_options *options, struct doctor_report *report)
{
    struct keys_secret *own = NULL;
    struct status status = {0};
    if (options->key == NULL)
        return NULL;
    if (keys_load_secret(options->key, &own, &status) != STATUS_OK) {
        doctor_say(report, DOCTOR_WRONG, "keys", NULL, "%s", status.message);
        return NULL;
    }
    const struct keys_public *half = keys_public_of(own);
    doctor_say(report, DOCTOR_FINE, "keys", NULL, "%.200s: the key of %s %s, %s, which only its owner can read", options->key,
               keys_role_name(half->role), half->name, half->fingerprint);
    if (options->listen_count > 0 && half->role != KEYS_MASTER)
        doctor_say(report, DOCTOR_WRONG, "keys", "make one: hwnas keygen NAME --role master",
                   "%.200s: a master listens with a key of role master; this one's is %s", options->key,
                   keys_role_name(half->role));
    return own;
}

static void look_at_list(const struct doctor_options *options, const struct keys_secret *own, struct doctor_report *report)
{
    struct keys_list *list = NULL;
    struct status status = {0};
    if (keys_list_load(options->allow, &list, &status) != STATUS_OK) {
        doctor_say(report, DOCTOR_WRONG, "keys", NULL, "%s", status.message);
        return;
    }
    if (keys_list_count(list) == 0)
        doctor_say(report, DOCTOR_DOUBTFUL, "keys", "copy the public files of workers and agents into it, then SIGHUP the master",
                   "%.200s: nobody is let in: it is empty", options->allow);
    else
        doctor_say(report, DOCTOR_FINE, "keys", NULL, "%.200s: %zu key(s) are let in", options->allow, keys_list_count(list));
    if (own != NULL && keys_public_of(own)->role != KEYS_MASTER) {
        bool known = keys_list_find(list, keys_public_of(own)->text) != NULL;
        doctor_say(report, known ? DOCTOR_FINE : DOCTOR_WRONG, "keys", known ? NULL : "copy its public file there", "%.200s is %s",
                   options->key, known ? "one of them" : "not one of them");
    }
    keys_list_free(list);
}

static void look_at_server(const struct doctor_options *options, const struct keys_secret *own, struct doctor_report *report)
{
    struct keys_public server;
    struct status status = {0};
    if (keys_load_public(options->server_key, &server, &status) != STATUS_OK) {
        doctor_say(report, DOCTOR_WRONG, "keys", NULL, "%s", status.message);
        return;
    }
    if (server.role != KEYS_MASTER)
        doctor_say(report, DOCTOR_WRONG, "keys", "--server-key names the master's public file",
                   "%.200s: the key of %s %s, not a master's", options->server_key, keys_role_name(server.role), server.name);
    else if (own != NULL && keys_public_of(own)->role == KEYS_MASTER &&
             memcmp(keys_public_of(own)->bytes, server.bytes, sizeof server.bytes) != 0)
        doctor_say(report, DOCTOR_WRONG, "keys", "give the peers the public half of the key that the master has",
                   "%.200s (%s) is not the public half of %.200s: peers with it do not talk to this master", options->server_key,
                   server.fingerprint, options->key);
    else
        doctor_say(report, DOCTOR_FINE, "keys", NULL, "%.200s: the key of master %s, %s%s", options->server_key, server.name,
                   server.fingerprint, own != NULL && keys_public_of(own)->role == KEYS_MASTER ? ", the half of the other" : "");
}

void doctor_keys(const struct doctor_options *options, struct doctor_report *report)
{
    struct keys_secret *own = look_at_own(options, report);
    if (options->allow != NULL)
        look_at_list(options, own, report);
    if (options->server_key != NULL)
        look_at_server(options, own, report);
    if (options->listen_count > 0 && (options->key == NULL) != (options->allow == NULL))
        doctor_say(report, DOCTOR_WRONG, "keys", NULL, "a master needs --key and --allow together");
    if (options->connect_count > 0 && options->key != NULL && options->listen_count == 0 && options->server_key == NULL)
        doctor_say(report, DOCTOR_WRONG, "keys", NULL,
                   "whoever connects with a key needs --server-key, too: whose key the master has");
    keys_free(own);
}
