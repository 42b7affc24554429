/* bus_zap: who may come in, and whom a message is from. Part of bus. ZeroMQ asks (RFC 27, ZAP) at every handshake over inproc; the
 * answer comes from the list of keys, in the bus' own loop. With a key the answer is the key itself as the connection's User-Id,
 * and each message is held against the list again by it: so a key that was taken off the list is not heard any more, on a
 * connection that stands as little as on a new one. Sockets that need no key carry a User-Id of their own: none at all means
 * unauthenticated.
 *
 * User-Id is read from the body: on the frame with the routing id it may be missing (reliability notes Z14). */
#include <string.h>

#include "common/bus_parts.h"

enum {
    ZAP_PARTS_MAX = 8,
    ZAP_PART_BYTES = 256,
    ZAP_ENFORCE_DOMAIN = 93 /* a draft name in zmq.h; in Debian's library it is there */
};

static const char handler[] = "inproc://zeromq.zap.01", keyed_domain[] = "curve", local_domain[] = "local";
static const char local_user[] = "local"; /* shorter than any key's text */

/* A connection, or a message on one that stands. */
static void refused(struct bus *bus, const char *what, const char *fingerprint, const char *address)
{
    bus->refusals++;
    log_event(bus->logger, LOG_WARN, "refused a key that is not on the list", log_text("what", what),
              log_text("fingerprint", fingerprint), log_text("from", address),
              log_text("folder", keys_list_folder(bus->keys.allow)), log_count("so_far", bus->refusals));
}

/* --- the handler --- */

struct zap_part {
    char bytes[ZAP_PART_BYTES + 1];
    size_t size;
};

struct zap_request {
    struct zap_part parts[ZAP_PARTS_MAX]; /* version, number, domain, address, identity, mechanism, credentials */
    uint32_t count;
    bool whole; /* every part fits */
};

enum { ZAP_VERSION, ZAP_NUMBER, ZAP_DOMAIN, ZAP_ADDRESS, ZAP_IDENTITY, ZAP_MECHANISM, ZAP_CREDENTIALS };

enum status_code bus_zap_open(struct bus *bus, struct status *status)
{
    void *socket = zmq_socket(bus->context, ZMQ_REP);
    if (socket == NULL)
        return status_set(status, STATUS_IO, "no socket for the handler of keys: %s", zmq_strerror(zmq_errno()));
    if (bus_set_int(socket, ZMQ_LINGER, 0) != 0 || zmq_bind(socket, handler) != 0) {
        zmq_close(socket);
        return status_set(status, STATUS_IO, "the handler of keys cannot be set up: %s", zmq_strerror(zmq_errno()));
    }
    return bus_channel_open(bus, socket, &bus->zap, status);
}

static bool receive_request(void *socket, struct zap_request *out)
{
    bool more = true;
    out->count = 0;
    out->whole = true;
    while (more) {
        zmq_msg_t part;
        if (!bus_receive_part(socket, &part, &more))
            return false;
        size_t size = zmq_msg_size(&part);
        if (out->count < ZAP_PARTS_MAX && size <= ZAP_PART_BYTES) {
            struct zap_part *kept = &out->parts[out->count++];
            memcpy(kept->bytes, zmq_msg_data(&part), size);
            kept->bytes[size] = '\0';
            kept->size = size;
        } else {
            out->whole = false;
        }
        zmq_msg_close(&part);
    }
    return true;
}

static void answer(void *socket, const struct zap_request *request, const char *user)
{
    const struct zap_part *number = &request->parts[ZAP_NUMBER];
    zmq_send(socket, "1.0", 3, ZMQ_SNDMORE);
    zmq_send(socket, number->bytes, request->count > ZAP_NUMBER ? number->size : 0, ZMQ_SNDMORE);
    zmq_send(socket, user != NULL ? "200" : "400", 3, ZMQ_SNDMORE);
    zmq_send(socket, user != NULL ? "OK" : "no", 2, ZMQ_SNDMORE);
    zmq_send(socket, user != NULL ? user : "", user != NULL ? strlen(user) : 0, ZMQ_SNDMORE);
    zmq_send(socket, "", 0, 0);
}

static bool says(const struct zap_request *request, uint32_t part, const char *text)
{
    return request->count > part && strcmp(request->parts[part].bytes, text) == 0;
}

/* The User-Id for a connection; NULL: it is not let in. */
static const char *admit(struct bus *bus, const struct zap_request *request)
{
    char text[KEYS_TEXT_BYTES], fingerprint[KEYS_FINGERPRINT_BYTES];
    const char *address = request->count > ZAP_ADDRESS ? request->parts[ZAP_ADDRESS].bytes : "";
    if (!request->whole || !says(request, ZAP_VERSION, "1.0"))
        return NULL;
    if (says(request, ZAP_DOMAIN, local_domain) && says(request, ZAP_MECHANISM, "NULL"))
        return local_user;
    if (!says(request, ZAP_DOMAIN, keyed_domain) || !says(request, ZAP_MECHANISM, "CURVE") ||
        request->count != ZAP_CREDENTIALS + 1 || request->parts[ZAP_CREDENTIALS].size != KEYS_BYTES)
        return NULL;
    const uint8_t *bytes = (const uint8_t *)request->parts[ZAP_CREDENTIALS].bytes;
    keys_to_text(bytes, text);
    const struct keys_public *key = keys_list_find(bus->keys.allow, text);
    if (key != NULL) {
        log_event(bus->logger, LOG_DEBUG, "a key connects", log_text("key", key->name), log_text("fingerprint", key->fingerprint),
                  log_text("from", address));
        return key->text;
    }
    keys_fingerprint(bytes, fingerprint);
    if (bus->stranger == NULL || strcmp(bus->stranger->text, text) != 0)
        refused(bus, "connection", fingerprint, address);
    return NULL;
}

bool bus_zap_answer(struct bus *bus)
{
    struct zap_request request;
    if (!receive_request(bus->zap.socket, &request))
        return false;
    answer(bus->zap.socket, &request, admit(bus, &request));
    return true;
}

/* --- sockets and messages --- */

int bus_zap_demand(struct bus *bus, const char *address)
{
    if (bus->keys.own == NULL)
        return 0;
    void *socket = bus->messages.socket;
    bool keyed = !bus_is_ipc(address);
    const char *domain = keyed ? keyed_domain : local_domain;
    bus_set_int(socket, ZAP_ENFORCE_DOMAIN, 1); /* a second bolt, where there is one */
    return (keyed ? zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, keys_secret_of(bus->keys.own), KEYS_BYTES) : 0) |
           bus_set_int(socket, ZMQ_CURVE_SERVER, keyed) | zmq_setsockopt(socket, ZMQ_ZAP_DOMAIN, domain, strlen(domain));
}

bool bus_zap_admits(struct bus *bus, zmq_msg_t *body)
{
    bus->sender = NULL;
    if (bus->kind != BUS_SERVER || bus->keys.own == NULL)
        return true;
    const char *user = zmq_msg_gets(body, "User-Id");
    if (user != NULL && strcmp(user, local_user) == 0)
        return true;
    uint8_t bytes[KEYS_BYTES];
    char fingerprint[KEYS_FINGERPRINT_BYTES] = "none";
    bus->sender = user == NULL ? NULL : keys_list_find(bus->keys.allow, user);
    if (bus->sender != NULL)
        return true;
    if (user != NULL && keys_from_text(user, bytes) == 0)
        keys_fingerprint(bytes, fingerprint);
    refused(bus, "message", fingerprint, zmq_msg_gets(body, "Peer-Address"));
    return false;
}

uint64_t bus_refused(const struct bus *bus)
{
    return bus->refusals;
}
