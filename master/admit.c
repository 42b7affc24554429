/* admit: roles and names of keys against messages. Called by coord for every message of a keyed connection. */
#include "master/admit.h"

#include <string.h>

static bool may_send(enum keys_role role, enum wire_type type)
{
    switch (type) {
    case WIRE_HELLO:
    case WIRE_HEARTBEAT:
    case WIRE_RESULT:
    case WIRE_RETURN:
    case WIRE_GOODBYE: return role == KEYS_WORKER || role == KEYS_AGENT;
    case WIRE_BUNDLE_REQUEST:
    case WIRE_BUNDLE_CHUNK: return role == KEYS_WORKER;
    case WIRE_QUESTION: return role == KEYS_OPERATOR;
    default: return false;
    }
}

static enum status_code check_hello(const struct keys_list *list, const struct keys_public *key, const struct wire_hello *hello,
                                    struct status *status)
{
    enum keys_role claimed = hello->role == WIRE_AGENT ? KEYS_AGENT : KEYS_WORKER;
    if (claimed != key->role)
        return status_set(status, STATUS_BAD_INPUT, "a key of role %s may not register as %s", keys_role_name(key->role),
                          keys_role_name(claimed));
    if (!keys_owns(key, hello->node))
        return status_set(status, STATUS_BAD_INPUT, "the name %s is not this key's: it may be %s or %s.ANYTHING", hello->node,
                          key->name, key->name);
    const struct keys_public *owner = claimed == KEYS_AGENT ? keys_list_owner(list, hello->board.name) : NULL;
    if (owner != NULL && owner != key && owner->role == KEYS_AGENT)
        return status_set(status, STATUS_BAD_INPUT, "the board %s belongs to another key", hello->board.name);
    return STATUS_OK;
}

enum status_code admit_message(const struct keys_list *list, const struct keys_public *key, const struct wire_message *message,
                               const char *node, struct status *status)
{
    if (!may_send(key->role, message->type))
        return status_set(status, STATUS_BAD_INPUT, "a key of role %s may not send %s", keys_role_name(key->role),
                          wire_type_name(message->type));
    if (message->type == WIRE_HELLO)
        return check_hello(list, key, &message->hello, status);
    if (node != NULL && !keys_owns(key, node))
        return status_set(status, STATUS_BAD_INPUT, "the name %s is not this key's", node);
    return STATUS_OK;
}
