/* swarm: connections, the talk of each worker, and faults. The messages as bytes are in swarm_wire.c. */
#include "tests/support/swarm.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/rng.h"
#include "common/wire.h"
#include "tests/support/swarm_wire.h"

enum {
    GREETING_BYTES = 64,
    FLAG_LONG = 2,
    FLAG_COMMAND = 4,
    READ_BYTES = 1 << 18,
    OPENING_MOST = 200, /* connections under way at once: the listener's queue is short */
    LOOK_MS = 20,       /* how often everybody is asked what is due */
    EVENTS = 512,
    HELLO_AGAIN_MS = 1000
};

enum state { DOWN, CONNECTING, GREETED, REGISTERING, READY };

struct buffer {
    uint8_t *bytes;
    size_t used, room;
};

struct worker {
    enum state state;
    int file;
    uint32_t number;
    uint64_t incarnation, sequence, epoch;
    int64_t connect_ms, beat_ms; /* when to connect; when to say something at the latest */
    int64_t frozen_until_ms, thinks_until_ms;
    bool deaf;        /* frozen: not watched */
    bool unconfirmed; /* it has got tasks since its last Heartbeat */
    struct swarm_held *held;
    uint32_t count, room, fresh; /* tasks held; of them, at the end: not begun */
    struct buffer in, out;       /* what was read of an unfinished frame; what the socket did not take */
};

struct swarm {
    struct swarm_options options;
    struct swarm_counts counts;
    struct sockaddr_storage address;
    socklen_t address_size;
    struct rng rng;
    int epoll;
    uint32_t opening, heartbeat_ms;
    uint64_t last_incarnation;
    struct worker *workers;
    struct buffer out; /* of the worker being served */
    uint8_t *in;
    uint8_t *accepted;
    size_t accepted_count, accepted_room;
    struct swarm_message message;
};

double swarm_value(const uint8_t key[SWARM_KEY_BYTES])
{
    return 1 + key[0] / 256.0 + key[1] / 65536.0;
}

static bool chance(struct swarm *swarm, double probability)
{
    return probability > 0 && rng_uniform(&swarm->rng) < probability;
}

/* --- bytes --- */

static uint8_t *more(struct buffer *buffer, size_t size)
{
    if (buffer->used + size > buffer->room) {
        buffer->room = 2 * buffer->room + size;
        buffer->bytes = realloc(buffer->bytes, buffer->room);
        if (buffer->bytes == NULL)
            abort(); /* a test's helper: no other way out */
    }
    return buffer->bytes + buffer->used;
}

static void add(struct buffer *buffer, const void *data, size_t size)
{
    memcpy(more(buffer, size), data, size);
    buffer->used += size;
}

static void clear(struct buffer *buffer)
{
    free(buffer->bytes);
    *buffer = (struct buffer){0};
}

/* One ZMTP frame of `size` bytes that stand 9 bytes behind the end of the buffer. */
static void close_zmtp(struct buffer *buffer, size_t size)
{
    uint8_t *at = buffer->bytes + buffer->used;
    if (size < 256) {
        at[0] = 0;
        at[1] = (uint8_t)size;
        memmove(at + 2, at + 9, size);
        buffer->used += 2 + size;
        return;
    }
    at[0] = FLAG_LONG;
    for (int i = 0; i < 8; i++)
        at[1 + i] = (uint8_t)((uint64_t)size >> (8 * (7 - i)));
    buffer->used += 9 + size;
}

/* --- connections --- */

static void greet(struct buffer *out)
{
    uint8_t greeting[GREETING_BYTES] = {0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0x7f, 3, 0, 'N', 'U', 'L', 'L'};
    static const uint8_t ready[] = "\4\x1c\5READY\x0bSocket-Type\0\0\0\6DEALER";
    add(out, greeting, sizeof greeting);
    add(out, ready, sizeof ready - 1);
}

static void disconnect(struct swarm *swarm, struct worker *worker, int64_t again_ms)
{
    swarm->opening -= worker->state == CONNECTING || worker->state == GREETED;
    swarm->counts.connected -= worker->state == READY;
    if (worker->file >= 0)
        close(worker->file);
    worker->file = -1;
    worker->state = DOWN;
    worker->deaf = false;
    worker->connect_ms = again_ms;
    clear(&worker->in);
    clear(&worker->out);
}

static void watch(struct swarm *swarm, struct worker *worker, int operation, bool writable)
{
    struct epoll_event event = {.events = EPOLLIN | (writable ? (uint32_t)EPOLLOUT : 0), .data.ptr = worker};
    if (worker->deaf)
        event.events = 0;
    if (epoll_ctl(swarm->epoll, operation, worker->file, &event) != 0)
        abort();
}

static void try_connect(struct swarm *swarm, struct worker *worker, int64_t now_ms)
{
    int one = 1;
    worker->file = socket(swarm->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (worker->file < 0)
        abort();
    if (swarm->address.ss_family == AF_INET)
        setsockopt(worker->file, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    worker->state = CONNECTING;
    swarm->opening++;
    if (connect(worker->file, (struct sockaddr *)&swarm->address, swarm->address_size) != 0 && errno != EINPROGRESS) {
        disconnect(swarm, worker, now_ms + 20 + (int64_t)rng_below(&swarm->rng, 80));
        return;
    }
    watch(swarm, worker, EPOLL_CTL_ADD, true);
}

static void send_out(struct swarm *swarm, struct worker *worker)
{
    struct buffer *out = &swarm->out;
    bool waited = worker->out.used > 0;
    if (waited) {
        add(&worker->out, out->bytes, out->used);
        out = &worker->out;
    }
    ssize_t sent = out->used == 0 ? 0 : send(worker->file, out->bytes, out->used, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) {
        swarm->out.used = 0;
        disconnect(swarm, worker, clock_monotonic_ms() + 50);
        return;
    }
    size_t left = out->used - (sent > 0 ? (size_t)sent : 0);
    if (left > 0 && !waited)
        add(&worker->out, out->bytes + (out->used - left), left);
    else if (left > 0)
        memmove(out->bytes, out->bytes + (out->used - left), left);
    worker->out.used = left;
    swarm->out.used = 0;
    if (left == 0 && waited)
        clear(&worker->out);
    if ((left > 0) != waited)
        watch(swarm, worker, EPOLL_CTL_MOD, left > 0);
}

/* --- what a worker says --- */

static void say_hello(struct swarm *swarm, struct worker *worker, int64_t now_ms)
{
    char node[64], host[64];
    snprintf(node, sizeof node, "swarm-%u", worker->number);
    snprintf(host, sizeof host, "swarm-host-%u", worker->number);
    uint8_t *at = more(&swarm->out, 9 + swarm_wire_room(worker->count)) + 9;
    close_zmtp(&swarm->out, swarm_wire_hello(at, node, host, worker->incarnation, swarm->options.slots, ++worker->sequence,
                                             worker->held, worker->count));
    swarm->counts.hellos++;
    swarm->counts.connected -= worker->state == READY;
    worker->state = REGISTERING;
    worker->beat_ms = now_ms + HELLO_AGAIN_MS;
}

static void say_heartbeat(struct swarm *swarm, struct worker *worker, int64_t now_ms)
{
    uint8_t *at = more(&swarm->out, 9 + swarm_wire_room(worker->count)) + 9;
    close_zmtp(&swarm->out, swarm_wire_heartbeat(at, swarm->options.slots, ++worker->sequence, worker->held, worker->count));
    swarm->counts.heartbeats++;
    worker->unconfirmed = false;
    worker->beat_ms = now_ms + swarm->heartbeat_ms;
}

static void say_result(struct swarm *swarm, struct swarm_held *held, int64_t now_ms)
{
    uint8_t *at = more(&swarm->out, 9 + swarm_wire_room(0)) + 9;
    close_zmtp(&swarm->out, swarm_wire_result(at, held));
    swarm->counts.results++;
    held->done = true;
    held->sent_ms = now_ms;
}

/* --- faults --- */

static void kill_worker(struct swarm *swarm, struct worker *worker, int64_t now_ms)
{
    swarm->counts.kills++;
    worker->count = worker->fresh = 0;
    worker->sequence = worker->epoch = 0;
    worker->incarnation = ++swarm->last_incarnation;
    worker->frozen_until_ms = 0;
    disconnect(swarm, worker, now_ms + (int64_t)rng_below(&swarm->rng, 500));
}

/* True: the worker says nothing now. */
static bool meets_fault(struct swarm *swarm, struct worker *worker, int64_t now_ms)
{
    const struct swarm_faults *faults = &swarm->options.faults;
    if (chance(swarm, faults->kill)) {
        kill_worker(swarm, worker, now_ms);
        return true;
    }
    if (chance(swarm, faults->cut)) {
        swarm->counts.cuts++;
        disconnect(swarm, worker, now_ms + (int64_t)rng_below(&swarm->rng, 500));
        return true;
    }
    if (chance(swarm, faults->freeze)) {
        swarm->counts.freezes++;
        worker->frozen_until_ms = now_ms + faults->freeze_ms;
        worker->deaf = true;
        watch(swarm, worker, EPOLL_CTL_MOD, false);
        return true;
    }
    return false;
}

/* What was not begun is confirmed, computed and sent; all in one breath where it takes no time. */
static void compute(struct swarm *swarm, struct worker *worker, int64_t now_ms)
{
    if (worker->fresh == 0 || worker->state != READY)
        return;
    if (worker->unconfirmed)
        say_heartbeat(swarm, worker, now_ms);
    if (worker->thinks_until_ms > now_ms)
        return;
    for (; worker->fresh > 0; worker->fresh--) {
        if (meets_fault(swarm, worker, now_ms))
            return;
        struct swarm_held *held = &worker->held[worker->count - worker->fresh];
        say_result(swarm, held, now_ms);
        if (chance(swarm, swarm->options.faults.duplicate)) {
            swarm->counts.duplicates++;
            say_result(swarm, held, now_ms);
        }
    }
}

/* --- what it hears --- */

static uint32_t find_held(const struct worker *worker, uint64_t lease_id)
{
    uint32_t i = 0;
    while (i < worker->count && worker->held[i].lease_id != lease_id)
        i++;
    return i;
}

static void forget(struct worker *worker, uint64_t lease_id)
{
    uint32_t i = find_held(worker, lease_id);
    if (i == worker->count)
        return;
    worker->fresh -= i >= worker->count - worker->fresh;
    worker->count--;
    memmove(&worker->held[i], &worker->held[i + 1], (worker->count - i) * sizeof *worker->held);
}

static void take_task(struct swarm *swarm, struct worker *worker, const struct swarm_message *task)
{
    if (task->epoch != worker->epoch || find_held(worker, task->lease_id) < worker->count)
        return;
    if (worker->count == worker->room) {
        worker->room = worker->room == 0 ? swarm->options.slots : 2 * worker->room;
        worker->held = realloc(worker->held, worker->room * sizeof *worker->held);
        if (worker->held == NULL)
            abort();
    }
    struct swarm_held *held = &worker->held[worker->count++];
    *held = (struct swarm_held){.lease_id = task->lease_id, .epoch = task->epoch, .attempt = task->attempt};
    memcpy(held->key, task->key, SWARM_KEY_BYTES);
    worker->fresh++;
    worker->unconfirmed = true;
    if (swarm->options.think_ms > 0)
        worker->thinks_until_ms = clock_monotonic_ms() + (int64_t)rng_below(&swarm->rng, 2 * (uint64_t)swarm->options.think_ms);
    swarm->counts.tasks++;
}

static void note_accepted(struct swarm *swarm, const uint8_t *key)
{
    if (!swarm->options.ledger)
        return;
    if (swarm->accepted_count == swarm->accepted_room) {
        swarm->accepted_room = 2 * swarm->accepted_room + 1024;
        swarm->accepted = realloc(swarm->accepted, swarm->accepted_room * SWARM_KEY_BYTES);
        if (swarm->accepted == NULL)
            abort();
    }
    memcpy(swarm->accepted + swarm->accepted_count++ * SWARM_KEY_BYTES, key, SWARM_KEY_BYTES);
}

static void take_ack(struct swarm *swarm, struct worker *worker, const struct swarm_message *ack)
{
    struct swarm_counts *counts = &swarm->counts;
    uint32_t i = find_held(worker, ack->lease_id);
    counts->accepted += ack->code == WIRE_ACCEPTED;
    counts->duplicate += ack->code == WIRE_DUPLICATE;
    counts->stale += ack->code == WIRE_STALE;
    counts->retry_later += ack->code == WIRE_RETRY_LATER;
    if (ack->code == WIRE_RETRY_LATER || i == worker->count)
        return;
    if (ack->code == WIRE_ACCEPTED)
        note_accepted(swarm, worker->held[i].key);
    forget(worker, ack->lease_id);
}

static void take_welcome(struct swarm *swarm, struct worker *worker, const struct swarm_message *welcome, int64_t now_ms)
{
    if (welcome->sequence != worker->sequence || worker->state != REGISTERING)
        return;
    worker->epoch = welcome->epoch;
    worker->state = READY;
    swarm->counts.connected++;
    swarm->heartbeat_ms = welcome->heartbeat_ms;
    worker->beat_ms = now_ms + (int64_t)rng_below(&swarm->rng, welcome->heartbeat_ms) + 1;
    for (uint32_t i = 0; i < welcome->drops; i++)
        forget(worker, welcome->drop[i]);
    worker->fresh = 0;
    for (uint32_t i = 0; i < worker->count; i++)
        say_result(swarm, &worker->held[i], now_ms);
}

static void take_message(struct swarm *swarm, struct worker *worker, const uint8_t *data, size_t size, int64_t now_ms)
{
    struct swarm_message *message = &swarm->message;
    if (!swarm_wire_read(data, size, message))
        abort();
    switch (message->word) {
    case SWARM_WELCOME: take_welcome(swarm, worker, message, now_ms); break;
    case SWARM_ANSWER:
        for (uint32_t i = 0; i < message->drops; i++)
            forget(worker, message->drop[i]);
        break;
    case SWARM_TASK: take_task(swarm, worker, message); break;
    case SWARM_ACK: take_ack(swarm, worker, message); break;
    case SWARM_GOODBYE: swarm->counts.finished |= message->code != 0; break;
    case SWARM_REFUSE:
        if (message->code == WIRE_REFUSE_NOT_REGISTERED)
            say_hello(swarm, worker, now_ms);
        else
            swarm->counts.refused++;
        break;
    case SWARM_OTHER: break;
    }
}

static void take_command(struct swarm *swarm, const uint8_t *data, size_t size)
{
    /* PING: a name, two bytes of time to live, and a text that goes back. */
    if (size < 7 || memcmp(data, "\4PING", 5) != 0)
        return;
    uint8_t head[] = {FLAG_COMMAND, (uint8_t)(size - 2), 4, 'P', 'O', 'N', 'G'};
    add(&swarm->out, head, sizeof head);
    add(&swarm->out, data + 7, size - 7);
}

/* Takes whole frames off the front; returns how many bytes they were. */
static size_t take_frames(struct swarm *swarm, struct worker *worker, const uint8_t *data, size_t size, int64_t now_ms)
{
    size_t taken = 0;
    if (worker->state == CONNECTING || worker->state == GREETED) {
        if (size < GREETING_BYTES)
            return 0;
        taken = GREETING_BYTES;
        swarm->opening--;
        say_hello(swarm, worker, now_ms);
    }
    while (size - taken >= 2) {
        const uint8_t *at = data + taken;
        size_t head = (at[0] & FLAG_LONG) != 0 ? 9 : 2, body = at[1];
        if (size - taken < head)
            break;
        for (size_t i = 2; i < head; i++)
            body = body << 8 | at[i];
        if (size - taken - head < body)
            break;
        if ((at[0] & FLAG_COMMAND) != 0)
            take_command(swarm, at + head, body);
        else
            take_message(swarm, worker, at + head, body, now_ms);
        taken += head + body;
    }
    return taken;
}

static void hear(struct swarm *swarm, struct worker *worker, int64_t now_ms)
{
    size_t before = worker->in.used;
    if (before > 0)
        memcpy(swarm->in, worker->in.bytes, before);
    ssize_t got = recv(worker->file, swarm->in + before, READ_BYTES - before, 0);
    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0) {
        disconnect(swarm, worker, now_ms + 50 + (int64_t)rng_below(&swarm->rng, 100));
        return;
    }
    size_t size = before + (size_t)got, taken = take_frames(swarm, worker, swarm->in, size, now_ms);
    if (taken < size || before > 0) {
        worker->in.used = 0;
        add(&worker->in, swarm->in + taken, size - taken);
        if (taken == size)
            clear(&worker->in);
    }
    compute(swarm, worker, now_ms);
    if (worker->state == DOWN || worker->frozen_until_ms > now_ms)
        swarm->out.used = 0; /* it died or froze before it could send */
    else
        send_out(swarm, worker);
}

static void serve(struct swarm *swarm, struct worker *worker, uint32_t events, int64_t now_ms)
{
    if (worker->state == CONNECTING && (events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0) {
        int error = 0;
        socklen_t size = sizeof error;
        if (getsockopt(worker->file, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0) {
            disconnect(swarm, worker, now_ms + 50 + (int64_t)rng_below(&swarm->rng, 100));
            return;
        }
        worker->state = GREETED;
        swarm->counts.connections++;
        greet(&swarm->out);
        watch(swarm, worker, EPOLL_CTL_MOD, false);
        send_out(swarm, worker);
        return;
    }
    if (worker->frozen_until_ms > now_ms) {
        if ((events & (EPOLLERR | EPOLLHUP)) != 0)
            disconnect(swarm, worker, worker->frozen_until_ms);
        return;
    }
    if ((events & EPOLLOUT) != 0)
        send_out(swarm, worker);
    if (worker->state != DOWN && (events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0)
        hear(swarm, worker, now_ms);
}

/* What is due for one that hears nothing. */
static void look_at(struct swarm *swarm, struct worker *worker, int64_t now_ms)
{
    if (worker->state == DOWN && worker->connect_ms <= now_ms && swarm->opening < OPENING_MOST)
        try_connect(swarm, worker, now_ms);
    if (worker->frozen_until_ms > now_ms || worker->state < REGISTERING)
        return;
    if (worker->deaf) {
        worker->deaf = false;
        watch(swarm, worker, EPOLL_CTL_MOD, worker->out.used > 0);
    }
    compute(swarm, worker, now_ms); /* it thaws, or has thought enough */
    if (worker->state >= REGISTERING && worker->beat_ms <= now_ms) {
        if (worker->state == REGISTERING)
            say_hello(swarm, worker, now_ms);
        else
            say_heartbeat(swarm, worker, now_ms);
        for (uint32_t i = 0; i < worker->count && worker->state == READY; i++) {
            if (worker->held[i].done && worker->held[i].sent_ms + 3 * (int64_t)swarm->heartbeat_ms <= now_ms)
                say_result(swarm, &worker->held[i], now_ms);
        }
    }
    if (worker->state == DOWN || worker->frozen_until_ms > now_ms)
        swarm->out.used = 0;
    else if (swarm->out.used > 0)
        send_out(swarm, worker);
}

/* --- the whole --- */

static bool set_address(struct swarm *swarm, const char *address)
{
    struct sockaddr_un *path = (struct sockaddr_un *)&swarm->address;
    struct sockaddr_in *port = (struct sockaddr_in *)&swarm->address;
    if (strncmp(address, "ipc://", 6) == 0) {
        path->sun_family = AF_UNIX;
        swarm->address_size = sizeof *path;
        return snprintf(path->sun_path, sizeof path->sun_path, "%s", address + 6) < (int)sizeof path->sun_path;
    }
    const char *colon = strrchr(address, ':');
    if (strncmp(address, "tcp://127.0.0.1:", 16) != 0 || colon == NULL)
        return false;
    port->sin_family = AF_INET;
    port->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    port->sin_port = htons((uint16_t)atoi(colon + 1));
    swarm->address_size = sizeof *port;
    return true;
}

struct swarm *swarm_open(const struct swarm_options *options)
{
    struct swarm *swarm = calloc(1, sizeof *swarm);
    if (swarm == NULL)
        return NULL;
    swarm->options = *options;
    swarm->heartbeat_ms = 1000;
    swarm->last_incarnation = 1;
    rng_seed(&swarm->rng, options->seed);
    swarm->epoll = epoll_create1(EPOLL_CLOEXEC);
    swarm->workers = calloc(options->workers, sizeof *swarm->workers);
    swarm->in = malloc(READ_BYTES);
    if (swarm->epoll < 0 || swarm->workers == NULL || swarm->in == NULL || !set_address(swarm, options->address)) {
        swarm_close(swarm);
        return NULL;
    }
    for (uint32_t i = 0; i < options->workers; i++)
        swarm->workers[i] = (struct worker){.file = -1, .number = i, .incarnation = 1};
    return swarm;
}

void swarm_close(struct swarm *swarm)
{
    if (swarm == NULL)
        return;
    for (uint32_t i = 0; swarm->workers != NULL && i < swarm->options.workers; i++) {
        if (swarm->workers[i].file >= 0)
            close(swarm->workers[i].file);
        clear(&swarm->workers[i].in);
        clear(&swarm->workers[i].out);
        free(swarm->workers[i].held);
    }
    if (swarm->epoll >= 0)
        close(swarm->epoll);
    clear(&swarm->out);
    free(swarm->workers);
    free(swarm->in);
    free(swarm->accepted);
    free(swarm);
}

void swarm_run(struct swarm *swarm, int64_t for_ms)
{
    struct epoll_event events[EVENTS];
    int64_t now_ms = clock_monotonic_ms(), end_ms = now_ms + for_ms, look_ms = now_ms;
    while (now_ms < end_ms && !swarm->counts.finished) {
        if (look_ms <= now_ms) {
            for (uint32_t i = 0; i < swarm->options.workers; i++)
                look_at(swarm, &swarm->workers[i], now_ms);
            look_ms = now_ms + LOOK_MS;
        }
        int64_t wait_ms = (look_ms < end_ms ? look_ms : end_ms) - now_ms;
        int count = epoll_wait(swarm->epoll, events, EVENTS, wait_ms > 0 ? (int)wait_ms : 0);
        now_ms = clock_monotonic_ms();
        for (int i = 0; i < count; i++) {
            struct worker *worker = events[i].data.ptr;
            if (worker->state != DOWN)
                serve(swarm, worker, events[i].events, now_ms);
        }
    }
}

const struct swarm_counts *swarm_counts(const struct swarm *swarm)
{
    return &swarm->counts;
}

const uint8_t *swarm_accepted(const struct swarm *swarm, size_t *count)
{
    *count = swarm->accepted_count;
    return swarm->accepted;
}
