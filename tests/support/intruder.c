/* intruder: a program by itself: with a key that is let in it says, over and over, what that key may not say, and counts what comes
 * back. `intruder ADDRESS KEY_FILE SERVER_FILE KIND COUNT [VICTIM]`:
 *   name    registers under the node name VICTIM
 *   role    registers in another role than its key's
 *   board   registers as an agent of the board VICTIM
 *   lease   registers as itself, then reports a result for lease VICTIM (a number) of this master
 *   bundle, heartbeat, question    sends that message, whatever its role
 * Prints `refused N let_in M`. Ends with 0 when everything was answered. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "common/bus.h"
#include "common/wire.h"
#include "tests/support/message.h"

enum { TICK_MS = 20, PATIENCE_MS = 60000 };

struct intruder {
    const struct keys_public *key;
    const char *kind, *victim;
    long count, refused, let_in;
    bool waiting, registered;
    uint64_t epoch, sequence;
    uint64_t heard_ms;
    uv_loop_t loop;
    uv_timer_t timer;
    struct bus *bus;
    struct wire_message in;
};

static bool is(const struct intruder *intruder, const char *kind)
{
    return strcmp(intruder->kind, kind) == 0;
}

static struct wire_message hello(struct intruder *intruder, enum wire_role role, const char *node, const char *board)
{
    struct wire_message message = message_sample(WIRE_HELLO);
    message.hello.role = role;
    message.hello.slots = 0;
    message.hello.sequence = ++intruder->sequence;
    message.hello.held.count = 0;
    snprintf(message.hello.node, sizeof message.hello.node, "%s", node);
    memset(&message.hello.board, 0, sizeof message.hello.board);
    message.hello.device_key[0] = '\0';
    if (role == WIRE_AGENT) {
        snprintf(message.hello.device_key, sizeof message.hello.device_key, "dev-cpu-x-f32");
        snprintf(message.hello.board.name, sizeof message.hello.board.name, "%s", board);
        snprintf(message.hello.board.runner, sizeof message.hello.board.runner, "builtin");
    }
    return message;
}

static struct wire_message next_message(struct intruder *intruder)
{
    enum wire_role own = intruder->key->role == KEYS_AGENT ? WIRE_AGENT : WIRE_WORKER;
    if (is(intruder, "name"))
        return hello(intruder, own, intruder->victim, "x");
    if (is(intruder, "role"))
        return hello(intruder, intruder->key->role == KEYS_WORKER ? WIRE_AGENT : WIRE_WORKER, intruder->key->name, "x");
    if (is(intruder, "board"))
        return hello(intruder, WIRE_AGENT, intruder->key->name, intruder->victim);
    if (is(intruder, "lease") && !intruder->registered)
        return hello(intruder, own, intruder->key->name, "x");
    if (is(intruder, "lease")) {
        struct wire_message message = message_sample(WIRE_RESULT);
        message.result.lease_id = strtoull(intruder->victim, NULL, 10);
        message.result.epoch = intruder->epoch;
        message.result.attempt = 1;
        return message;
    }
    struct wire_message message = message_sample(is(intruder, "bundle")     ? WIRE_BUNDLE_REQUEST
                                                 : is(intruder, "question") ? WIRE_QUESTION
                                                                            : WIRE_HEARTBEAT);
    if (message.type == WIRE_HEARTBEAT)
        message.heartbeat.sequence = ++intruder->sequence;
    return message;
}

static void send_next(struct intruder *intruder)
{
    void *data;
    size_t size;
    struct status status = {0};
    if (intruder->waiting)
        return;
    if (intruder->refused + intruder->let_in == intruder->count) {
        uv_stop(&intruder->loop);
        return;
    }
    struct wire_message message = next_message(intruder);
    if (wire_encode(&message, &data, &size, &status) != STATUS_OK) {
        fprintf(stderr, "intruder: %s\n", status.message);
        exit(1);
    }
    intruder->waiting = bus_send(intruder->bus, 0, data, size) == STATUS_OK;
    free(data);
}

static void on_message(void *context, uint32_t link, const void *data, size_t size)
{
    struct intruder *intruder = context;
    struct status status = {0};
    (void)link;
    if (wire_decode(data, size, &intruder->in, &status) != STATUS_OK)
        return;
    intruder->heard_ms = uv_now(&intruder->loop);
    if (intruder->in.type == WIRE_WELCOME && is(intruder, "lease") && !intruder->registered) {
        intruder->registered = true;
        intruder->epoch = intruder->in.welcome.epoch;
    } else if (intruder->in.type == WIRE_REFUSE && intruder->in.refuse.code == WIRE_REFUSE_NOT_ALLOWED) {
        intruder->refused++;
    } else {
        fprintf(stderr, "intruder: was answered %s\n", wire_type_name(intruder->in.type));
        intruder->let_in++;
    }
    intruder->waiting = false;
    wire_free(&intruder->in);
}

static void on_batch_end(void *context)
{
    send_next(context);
}

/* Until the connection stands nothing can be sent; who is not answered gives up. */
static void on_timer(uv_timer_t *timer)
{
    struct intruder *intruder = timer->data;
    if (uv_now(&intruder->loop) - intruder->heard_ms > PATIENCE_MS) {
        fprintf(stderr, "intruder: is not answered\n");
        uv_stop(&intruder->loop);
    }
    send_next(intruder);
}

int main(int argc, char **argv)
{
    struct intruder intruder = {.victim = argc > 6 ? argv[6] : ""};
    struct keys_secret *own;
    struct keys_public server;
    struct status status = {0};
    struct bus_events events = {on_message, on_batch_end, &intruder};
    if (argc < 6 || keys_load_secret(argv[2], &own, &status) != STATUS_OK ||
        keys_load_public(argv[3], &server, &status) != STATUS_OK) {
        fprintf(stderr, "intruder: %s\n", argc < 6 ? "five arguments" : status.message);
        return 2;
    }
    struct bus_keys keys = {.own = own, .server = &server};
    intruder.key = keys_public_of(own);
    intruder.kind = argv[4];
    intruder.count = atol(argv[5]);
    uv_loop_init(&intruder.loop);
    uv_timer_init(&intruder.loop, &intruder.timer);
    intruder.timer.data = &intruder;
    intruder.heard_ms = uv_now(&intruder.loop);
    uv_timer_start(&intruder.timer, on_timer, 1, TICK_MS);
    if (bus_open(&intruder.loop, BUS_CLIENT, &events, 1, NULL, &intruder.bus, &status) != STATUS_OK ||
        bus_use_keys(intruder.bus, &keys, &status) != STATUS_OK || bus_connect(intruder.bus, argv[1], &status) != STATUS_OK) {
        fprintf(stderr, "intruder: %s\n", status.message);
        return 2;
    }
    uv_run(&intruder.loop, UV_RUN_DEFAULT);
    uv_close((uv_handle_t *)&intruder.timer, NULL);
    bus_close(intruder.bus, 0);
    uv_run(&intruder.loop, UV_RUN_DEFAULT);
    uv_loop_close(&intruder.loop);
    keys_free(own);
    printf("refused %ld let_in %ld\n", intruder.refused, intruder.let_in);
    return intruder.refused + intruder.let_in == intruder.count ? 0 : 1;
}
