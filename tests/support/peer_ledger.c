/* peer_ledger: what a worker or agent of the tests writes down of itself, in the file HWNAS_TEST_LEDGER: linked round wire_encode,
 * ledger_ack, ledger_welcome and job_work of the real program (-Wl,--wrap). tests/chaos/check_ledgers.py reads it.
 *
 * A record is one write of 256 bytes, appended: a kill -9 between writes loses nothing that was written, and as no record crosses a
 * page none can be torn. What is sent is written down before it is sent, what is heard after it was heard.
 *
 *   KIND MILLISECONDS KEY LEASE EPOCH ATTEMPT WORD VALUE
 *   begin: a task is computed; sent: a Result; acked: a ResultAck, WORD its verdict; welcome, heartbeat, goodbye, return: no key
 * but the last's
 *
 * SIGRTMIN makes the loop's thread stand still, as one that is caught in a calculation does, while ZeroMQ's thread lives; SIGRTMIN
 * + 1 lets it go on. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "worker/job.h"
#include "worker/ledger.h"

enum { RECORD_BYTES = 256 };

enum status_code __real_wire_encode(const struct wire_message *message, void **data, size_t *size, struct status *status);
enum status_code __wrap_wire_encode(const struct wire_message *message, void **data, size_t *size, struct status *status);
bool __real_ledger_ack(struct ledger *ledger, int64_t now_ms, const struct wire_result_ack *ack);
bool __wrap_ledger_ack(struct ledger *ledger, int64_t now_ms, const struct wire_result_ack *ack);
void __real_ledger_welcome(struct ledger *ledger, int64_t now_ms, const struct wire_welcome *welcome, struct wire_id_list *cancel);
void __wrap_ledger_welcome(struct ledger *ledger, int64_t now_ms, const struct wire_welcome *welcome, struct wire_id_list *cancel);
void __real_job_work(void *bench, struct slot *slot, const struct wire_task *task, const struct slot_inputs *inputs,
                     struct slot_result *out);
void __wrap_job_work(void *bench, struct slot *slot, const struct wire_task *task, const struct slot_inputs *inputs,
                     struct slot_result *out);

static int book = -1;
static atomic_int caught, freed; /* either handler may run on any thread */

/* The loop runs on the first thread; the kernel gives a process's signal to any. Counted, as the second signal may be handled
 * before the first. */
static void stand_still(int number)
{
    const int before = errno;
    if (gettid() != getpid()) {
        tgkill(getpid(), getpid(), number);
        return;
    }
    int mine = ++caught;
    while (freed < mine)
        poll(NULL, 0, 10);
    errno = before;
}

static void let_go(int number)
{
    (void)number;
    freed++;
}

static void open_book(void) __attribute__((constructor));
static void open_book(void)
{
    const char *path = getenv("HWNAS_TEST_LEDGER");
    book = path == NULL ? -1 : open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (book < 0) {
        fprintf(stderr, "HWNAS_TEST_LEDGER must name a file that can be written\n");
        abort();
    }
    signal(SIGRTMIN, stand_still);
    signal(SIGRTMIN + 1, let_go);
}

struct record {
    const char *kind, *key, *word;
    uint64_t lease_id, epoch;
    uint32_t attempt;
    double value;
};

static void write_down(const struct record *record)
{
    char line[RECORD_BYTES + 1];
    int length =
        snprintf(line, sizeof line, "%s %lld %s %llu %llu %u %s %.17g", record->kind, (long long)clock_monotonic_ms(),
                 record->key == NULL ? "-" : record->key, (unsigned long long)record->lease_id, (unsigned long long)record->epoch,
                 record->attempt, record->word == NULL ? "-" : record->word, record->value);
    memset(line + length, ' ', (size_t)(RECORD_BYTES - length));
    line[RECORD_BYTES - 1] = '\n';
    if (write(book, line, RECORD_BYTES) != RECORD_BYTES)
        abort(); /* a peer that cannot be believed is of no use */
}

static const char *word_of_outcome(enum wire_outcome outcome)
{
    return outcome == WIRE_OK ? "ok" : outcome == WIRE_INFEASIBLE ? "infeasible" : "failed";
}

static const char *word_of_verdict(enum wire_verdict verdict)
{
    switch (verdict) {
    case WIRE_ACCEPTED: return "accepted";
    case WIRE_DUPLICATE: return "duplicate";
    case WIRE_STALE: return "stale";
    default: return "retry-later";
    }
}

enum status_code __wrap_wire_encode(const struct wire_message *message, void **data, size_t *size, struct status *status)
{
    const struct wire_result *result = &message->result;
    switch (message->type) {
    case WIRE_RESULT:
        write_down(&(struct record){"sent", result->key, word_of_outcome(result->outcome), result->lease_id, result->epoch,
                                    result->attempt, result->value});
        break;
    case WIRE_RETURN:
        write_down(
            &(struct record){.kind = "return", .key = message->return_lease.key, .lease_id = message->return_lease.lease_id});
        break;
    case WIRE_HEARTBEAT: write_down(&(struct record){.kind = "heartbeat", .lease_id = message->heartbeat.held.count}); break;
    case WIRE_GOODBYE: write_down(&(struct record){.kind = "goodbye"}); break;
    default: break;
    }
    return __real_wire_encode(message, data, size, status);
}

bool __wrap_ledger_ack(struct ledger *ledger, int64_t now_ms, const struct wire_result_ack *ack)
{
    struct record record = {
        .kind = "acked", .word = word_of_verdict(ack->verdict), .lease_id = ack->lease_id, .epoch = ledger->epoch};
    char key[DIGEST_HEX_BYTES] = "-";
    for (uint32_t i = 0; i < ledger->capacity; i++) {
        if (ledger->items[i].state != LEDGER_FREE && ledger->items[i].lease_id == ack->lease_id)
            memcpy(key, ledger->items[i].key, sizeof key);
    }
    record.key = key;
    bool done = __real_ledger_ack(ledger, now_ms, ack);
    if (done)
        write_down(&record);
    return done;
}

void __wrap_ledger_welcome(struct ledger *ledger, int64_t now_ms, const struct wire_welcome *welcome, struct wire_id_list *cancel)
{
    bool before = ledger->registered;
    __real_ledger_welcome(ledger, now_ms, welcome, cancel);
    if (ledger->registered && !before)
        write_down(&(struct record){.kind = "welcome", .epoch = welcome->epoch});
}

void __wrap_job_work(void *bench, struct slot *slot, const struct wire_task *task, const struct slot_inputs *inputs,
                     struct slot_result *out)
{
    write_down(&(struct record){"begin", task->key, NULL, task->lease_id, task->epoch, task->attempt, 0});
    __real_job_work(bench, slot, task, inputs, out);
}
