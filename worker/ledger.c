/* ledger: bookkeeping of leases, deadlines and results owed. Used by the session and by the simulation. */
#include "worker/ledger.h"

#include <string.h>

enum { HELLO_RETRY_MS = 200, HELLO_SPREAD_MS = 100, UNANSWERED_MAX = 3, RESEND_HEARTBEATS = 3, RETRY_LATER_MS = 1000 };

void ledger_init(struct ledger *ledger, const struct wire_hello *identity, uint64_t seed)
{
    memset(ledger, 0, sizeof *ledger);
    ledger->self = *identity;
    ledger->heartbeat_ms = 1000;
    ledger->next_ms = INT64_MIN;
    ledger->capacity = 2 * identity->slots + 8;
    if (ledger->capacity > LEDGER_ITEMS_MAX)
        ledger->capacity = LEDGER_ITEMS_MAX;
    rng_seed(&ledger->rng, seed);
}

static struct ledger_item *find(const struct ledger *ledger, uint64_t lease_id)
{
    for (uint32_t i = 0; i < ledger->capacity; i++) {
        if (ledger->items[i].state != LEDGER_FREE && ledger->items[i].lease_id == lease_id)
            return (struct ledger_item *)&ledger->items[i];
    }
    return NULL;
}

/* --- what is due --- */

static struct ledger_item *result_due(struct ledger *ledger, int64_t now_ms, int64_t *wait_until_ms)
{
    for (uint32_t i = 0; i < ledger->capacity; i++) {
        struct ledger_item *item = &ledger->items[i];
        if (item->state != LEDGER_DONE)
            continue;
        if (item->send_ms <= now_ms)
            return item;
        if (item->send_ms < *wait_until_ms)
            *wait_until_ms = item->send_ms;
    }
    return NULL;
}

enum ledger_due ledger_due(struct ledger *ledger, int64_t now_ms, uint64_t *lease_id, int64_t *wait_until_ms)
{
    *wait_until_ms = ledger->next_ms;
    if (ledger->next_ms <= now_ms) {
        if (ledger->unanswered < UNANSWERED_MAX)
            return ledger->registered ? LEDGER_SEND_HEARTBEAT : LEDGER_SEND_HELLO;
        ledger->unanswered = 0;
        ledger->registered = false;
        return LEDGER_REOPEN;
    }
    struct ledger_item *item = ledger->registered ? result_due(ledger, now_ms, wait_until_ms) : NULL;
    if (item == NULL)
        return LEDGER_NOTHING;
    item->send_ms = now_ms + RESEND_HEARTBEATS * (int64_t)ledger->heartbeat_ms;
    *lease_id = item->lease_id;
    return LEDGER_SEND_RESULT;
}

static uint64_t next_sequence(struct ledger *ledger, int64_t now_ms)
{
    ledger->sequence++;
    ledger->sent_ms[ledger->sequence % LEDGER_SEQUENCES] = now_ms;
    ledger->unanswered++;
    return ledger->sequence;
}

static void list_held(const struct ledger *ledger, struct wire_held_list *out)
{
    out->count = 0;
    for (uint32_t i = 0; i < ledger->capacity; i++) {
        const struct ledger_item *item = &ledger->items[i];
        if (item->state == LEDGER_FREE || item->dropped)
            continue;
        out->items[out->count].lease_id = item->lease_id;
        memcpy(out->items[out->count++].key, item->key, sizeof item->key);
    }
}

void ledger_hello(struct ledger *ledger, int64_t now_ms, struct wire_hello *out)
{
    *out = ledger->self;
    out->sequence = ledger->hello_sequence = next_sequence(ledger, now_ms);
    list_held(ledger, &out->held);
    /* Before the first Welcome the master's rhythm is not known; afterwards Hellos keep to it. */
    int64_t pause = ledger->epoch == 0 ? HELLO_RETRY_MS : (int64_t)ledger->heartbeat_ms;
    ledger->next_ms = now_ms + pause + (int64_t)rng_below(&ledger->rng, (uint64_t)pause / 2 + 1);
}

void ledger_heartbeat(struct ledger *ledger, int64_t now_ms, struct wire_heartbeat *out)
{
    out->sequence = next_sequence(ledger, now_ms);
    out->slots = ledger->self.slots;
    list_held(ledger, &out->held);
    ledger->next_ms = now_ms + ledger->heartbeat_ms;
}

void ledger_unsent(struct ledger *ledger, int64_t now_ms)
{
    ledger->unanswered--;
    int64_t soon = HELLO_RETRY_MS + (int64_t)rng_below(&ledger->rng, HELLO_SPREAD_MS);
    if (ledger->registered && soon > (int64_t)ledger->heartbeat_ms)
        soon = ledger->heartbeat_ms;
    ledger->next_ms = now_ms + soon;
}

/* --- what the master says --- */

static bool sent_when(const struct ledger *ledger, uint64_t sequence, int64_t *out)
{
    if (sequence == 0 || sequence > ledger->sequence || ledger->sequence - sequence >= LEDGER_SEQUENCES)
        return false;
    *out = ledger->sent_ms[sequence % LEDGER_SEQUENCES];
    return true;
}

static void drop_leases(struct ledger *ledger, const struct wire_id_list *drop, struct wire_id_list *cancel)
{
    cancel->count = 0;
    for (uint32_t i = 0; i < drop->count; i++) {
        struct ledger_item *item = find(ledger, drop->lease_ids[i]);
        if (item == NULL)
            continue;
        if (item->state == LEDGER_DONE) {
            item->dropped = true;
            continue;
        }
        item->state = LEDGER_FREE;
        cancel->lease_ids[cancel->count++] = item->lease_id;
    }
}

/* The master heard the message of that sequence: leases it listed are good for longer. */
static void renew(struct ledger *ledger, uint64_t sequence)
{
    int64_t sent_ms;
    if (!sent_when(ledger, sequence, &sent_ms))
        return;
    int64_t good_until_ms = sent_ms + (int64_t)ledger->lease_ms * 3 / 4;
    for (uint32_t i = 0; i < ledger->capacity; i++) {
        struct ledger_item *item = &ledger->items[i];
        if (item->state == LEDGER_FREE || item->listed_from > sequence)
            continue;
        item->known = true;
        if (item->good_until_ms < good_until_ms)
            item->good_until_ms = good_until_ms;
    }
}

void ledger_welcome(struct ledger *ledger, int64_t now_ms, const struct wire_welcome *welcome, struct wire_id_list *cancel)
{
    cancel->count = 0;
    if (welcome->sequence != ledger->hello_sequence || ledger->registered)
        return; /* the answer to an earlier Hello, perhaps of an earlier master */
    if (welcome->epoch != ledger->epoch)
        memset(ledger->seen, 0, sizeof ledger->seen); /* an old backup of the master's database gives ids out again */
    ledger->registered = true;
    ledger->unanswered = 0;
    ledger->epoch = welcome->epoch;
    ledger->heartbeat_ms = welcome->heartbeat_ms;
    ledger->lease_ms = welcome->lease_ms;
    ledger->next_ms = now_ms + ledger->heartbeat_ms;
    drop_leases(ledger, &welcome->drop, cancel);
    renew(ledger, welcome->sequence);
    for (uint32_t i = 0; i < ledger->capacity; i++)
        ledger->items[i].send_ms = now_ms; /* of results owed: whether the former master had them is not known */
}

void ledger_heartbeat_answer(struct ledger *ledger, int64_t now_ms, const struct wire_heartbeat_answer *answer,
                             struct wire_id_list *cancel)
{
    (void)now_ms;
    cancel->count = 0;
    if (!ledger->registered || answer->epoch != ledger->epoch)
        return;
    ledger->unanswered = 0;
    drop_leases(ledger, &answer->drop, cancel);
    renew(ledger, answer->sequence);
}

static bool was_seen(const struct ledger *ledger, uint64_t lease_id)
{
    for (uint32_t i = 0; i < LEDGER_SEEN; i++) {
        if (ledger->seen[i] == lease_id)
            return true;
    }
    return false;
}

enum ledger_answer ledger_task(struct ledger *ledger, int64_t now_ms, const struct wire_task *task)
{
    if (!ledger->registered || task->epoch != ledger->epoch || was_seen(ledger, task->lease_id))
        return LEDGER_IGNORE;
    ledger->seen[ledger->seen_count++ % LEDGER_SEEN] = task->lease_id;
    int64_t sent_ms;
    /* An item of that number is of a master whose database has been put back: until it is gone nobody could tell the two apart. */
    if (ledger->draining || find(ledger, task->lease_id) != NULL || !sent_when(ledger, task->sequence, &sent_ms))
        return LEDGER_RETURN;
    int64_t good_until_ms = sent_ms + (int64_t)task->lease_ms * 3 / 4;
    if (now_ms >= good_until_ms)
        return LEDGER_RETURN;
    for (uint32_t i = 0; i < ledger->capacity; i++) {
        struct ledger_item *item = &ledger->items[i];
        if (item->state != LEDGER_FREE)
            continue;
        *item = (struct ledger_item){.state = LEDGER_RUNNING,
                                     .lease_id = task->lease_id,
                                     .listed_from = ledger->sequence + 1,
                                     .good_until_ms = good_until_ms};
        memcpy(item->key, task->key, sizeof item->key);
        ledger->next_ms = now_ms; /* a Heartbeat at once: if the task kills this process, the master shall know that it was here */
        return LEDGER_START;
    }
    return LEDGER_RETURN;
}

bool ledger_ack(struct ledger *ledger, int64_t now_ms, const struct wire_result_ack *ack)
{
    struct ledger_item *item = find(ledger, ack->lease_id);
    if (item == NULL || item->state != LEDGER_DONE)
        return false;
    if (ack->verdict == WIRE_RETRY_LATER) {
        item->send_ms = now_ms + RETRY_LATER_MS;
        return false;
    }
    item->state = LEDGER_FREE;
    return true;
}

void ledger_not_registered(struct ledger *ledger, int64_t now_ms)
{
    if (!ledger->registered)
        return;
    ledger->registered = false;
    ledger->unanswered = 0;
    ledger->next_ms = now_ms;
}

/* --- what the slots say --- */

bool ledger_done(struct ledger *ledger, int64_t now_ms, uint64_t lease_id)
{
    struct ledger_item *item = find(ledger, lease_id);
    if (item == NULL || item->state != LEDGER_RUNNING)
        return false;
    item->state = LEDGER_DONE;
    item->send_ms = now_ms;
    return true;
}

bool ledger_forget(struct ledger *ledger, uint64_t lease_id)
{
    struct ledger_item *item = find(ledger, lease_id);
    if (item == NULL)
        return false;
    item->state = LEDGER_FREE;
    return true;
}

bool ledger_may_begin(const struct ledger *ledger, uint64_t lease_id, uint32_t attempt)
{
    const struct ledger_item *item = find(ledger, lease_id);
    return item != NULL && (attempt == 1 || item->known);
}

int64_t ledger_good_until(const struct ledger *ledger, uint64_t lease_id)
{
    const struct ledger_item *item = find(ledger, lease_id);
    return item == NULL ? INT64_MIN : item->good_until_ms;
}

void ledger_drain(struct ledger *ledger, int64_t now_ms)
{
    if (ledger->draining)
        return;
    ledger->draining = true;
    ledger->self.slots = 0;
    if (ledger->registered)
        ledger->next_ms = now_ms; /* the master learns at once */
}

uint32_t ledger_count(const struct ledger *ledger, enum ledger_state state)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < ledger->capacity; i++)
        count += ledger->items[i].state == state;
    return count;
}
