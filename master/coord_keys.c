/* coord_keys: messages against the keys they came with, and what follows when a key leaves the list. Part of coord. */
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "master/admit.h"
#include "master/coord_parts.h"

/* A connection on which a key has said Hello. */
struct keyed_link {
    uint32_t link;
    char text[KEYS_TEXT_BYTES];
    enum keys_role role; /* then */
    UT_hash_handle hh;
};

/* What a key said that it may not. Keys that have left the list are forgotten. */
struct key_refusals {
    char text[KEYS_TEXT_BYTES];
    uint64_t count;
    UT_hash_handle hh;
};

enum { LINKS_SLACK = 256 };

static void forget(struct coord *coord, struct keyed_link *keyed)
{
    HASH_DEL(coord->keyed_links, keyed);
    free(keyed);
}

static void forget_refusals(struct coord *coord, struct key_refusals *refusals)
{
    HASH_DEL(coord->key_refusals, refusals);
    free(refusals);
}

void coord_keys_close(struct coord *coord)
{
    struct key_refusals *refusals, *next_refusals;
    HASH_ITER(hh, coord->key_refusals, refusals, next_refusals)
    {
        forget_refusals(coord, refusals);
    }
    struct keyed_link *keyed, *next;
    HASH_ITER(hh, coord->keyed_links, keyed, next)
    {
        forget(coord, keyed);
    }
}

/* ZeroMQ does not say when a connection is gone: those nobody speaks on any more are swept when there are many. */
static void sweep(struct coord *coord)
{
    struct dispatch_counts counts;
    dispatch_count(coord->dispatch, &counts);
    if (HASH_COUNT(coord->keyed_links) < 2 * (counts.workers + counts.agents) + LINKS_SLACK)
        return;
    struct keyed_link *keyed, *next;
    HASH_ITER(hh, coord->keyed_links, keyed, next)
    {
        if (dispatch_node(coord->dispatch, keyed->link) == NULL)
            forget(coord, keyed);
    }
}

static bool remember(struct coord *coord, uint32_t link, const struct keys_public *key)
{
    struct keyed_link *keyed;
    HASH_FIND(hh, coord->keyed_links, &link, sizeof link, keyed);
    if (keyed == NULL) {
        sweep(coord);
        keyed = calloc(1, sizeof *keyed);
        if (keyed == NULL)
            return false;
        keyed->link = link;
        HASH_ADD(hh, coord->keyed_links, link, sizeof keyed->link, keyed);
        if (keyed->hh.tbl == NULL) {
            free(keyed);
            return false;
        }
    }
    memcpy(keyed->text, key->text, sizeof keyed->text);
    keyed->role = key->role;
    return true;
}

/* The how manieth it is; 0: there is no memory to count. */
static uint64_t count_refusal(struct coord *coord, const struct keys_public *key)
{
    struct key_refusals *refusals;
    HASH_FIND_STR(coord->key_refusals, key->text, refusals);
    if (refusals == NULL) {
        refusals = calloc(1, sizeof *refusals);
        if (refusals == NULL)
            return 0;
        memcpy(refusals->text, key->text, sizeof refusals->text);
        HASH_ADD_STR(coord->key_refusals, text, refusals);
        if (refusals->hh.tbl == NULL) {
            free(refusals);
            return 0;
        }
    }
    return ++refusals->count;
}

enum status_code coord_admit(struct coord *coord, uint32_t link, const struct wire_message *message, struct status *status)
{
    const struct keys_public *key = coord->effects.sender == NULL ? NULL : coord->effects.sender(coord->effects.context);
    if (key == NULL)
        return STATUS_OK;
    const char *node = coord->dispatch == NULL ? NULL : dispatch_node(coord->dispatch, link);
    enum status_code code = admit_message(coord->options->allow, key, message, node, status);
    if (code == STATUS_OK && message->type == WIRE_HELLO && coord->dispatch != NULL && !remember(coord, link, key))
        code = status_set(status, STATUS_NO_MEMORY, "no memory for a connection");
    if (code == STATUS_OK && message->type == WIRE_RESULT && node != NULL &&
        dispatch_leased_elsewhere(coord->dispatch, node, &message->result))
        code = status_set(status, STATUS_BAD_INPUT, "lease %llu is another node's than %s",
                          (unsigned long long)message->result.lease_id, node);
    if (code == STATUS_BAD_INPUT)
        /* Every one of them: a key that goes on like this is soon not heard (master/patience.h). */
        log_each_event(coord->logger, LOG_WARN, "refused what a key may not say",
                       log_text("message", wire_type_name(message->type)), log_text("key", key->name),
                       log_text("fingerprint", key->fingerprint), log_text("reason", status->message),
                       log_count("so_far", count_refusal(coord, key)));
    return code;
}

/* Why a connection that is registered has lost its right to be; NULL: it has not. */
static const char *lost_right(const struct coord *coord, const struct keyed_link *keyed, const char *node)
{
    const struct keys_public *key = keys_list_find(coord->options->allow, keyed->text);
    if (key == NULL)
        return "its key is not let in any more";
    if (key->role != keyed->role)
        return "its key has another role now";
    return keys_owns(key, node) ? NULL : "its key has another name now";
}

static void expel(struct coord *coord, const struct keyed_link *keyed, const char *node, const char *why)
{
    uint8_t bytes[KEYS_BYTES];
    char fingerprint[KEYS_FINGERPRINT_BYTES] = "";
    if (keys_from_text(keyed->text, bytes) == 0)
        keys_fingerprint(bytes, fingerprint);
    log_event(coord->logger, LOG_WARN, "a peer is out", log_text("node", node), log_text("fingerprint", fingerprint),
              log_text("reason", why));
    dispatch_expel(coord->dispatch, coord_now_ms(coord), keyed->link, why);
}

static void look_at_links(struct coord *coord)
{
    struct keyed_link *keyed, *next;
    HASH_ITER(hh, coord->keyed_links, keyed, next)
    {
        const char *node = dispatch_node(coord->dispatch, keyed->link);
        const char *why = node == NULL ? NULL : lost_right(coord, keyed, node);
        if (why != NULL)
            expel(coord, keyed, node, why);
        if (node == NULL || why != NULL)
            forget(coord, keyed);
    }
}

static void look_at_refusals(struct coord *coord)
{
    struct key_refusals *refusals, *next;
    HASH_ITER(hh, coord->key_refusals, refusals, next)
    {
        if (keys_list_find(coord->options->allow, refusals->text) == NULL)
            forget_refusals(coord, refusals);
    }
}

void coord_reload_keys(struct coord *coord)
{
    struct status status = {0};
    struct keys_list *allow = coord->options->allow;
    if (keys_list_reload(allow, coord->logger, &status) != STATUS_OK) {
        log_event(coord->logger, LOG_ERROR, "the keys stay as they were", log_text("reason", status.message));
        return;
    }
    log_event(coord->logger, LOG_INFO, "read again who is let in", log_count("keys", keys_list_count(allow)),
              log_text("folder", keys_list_folder(allow)));
    look_at_refusals(coord);
    if (coord->dispatch != NULL) /* else nobody is registered; the bus hears nobody who is not on the list */
        look_at_links(coord);
}
