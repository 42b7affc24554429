/* ask: a client of one question. Called by cli_ask.c. It sends its question again until it hears something: a question keeps its
 * id, so nothing is done twice. */
#include "master/ask.h"

#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "common/bus.h"
#include "common/clock.h"

enum { LOOK_MS = 20, AGAIN_MS = 1000 };

struct asker {
    const struct ask_options *options;
    struct wire_message question, answer;
    struct ask_answer *out;
    uv_loop_t loop;
    uv_timer_t timer;
    struct bus *bus;
    int64_t heard_ms, asked_ms; /* asked_ms 0: not sent since there was a reason to */
    int64_t looked_ms;          /* whether it is gone */
    bool done;
    struct status end;
};

static void finish(struct asker *asker, enum status_code code, const char *sentence)
{
    if (asker->done)
        return;
    asker->done = true;
    if (code != STATUS_OK)
        status_set(&asker->end, code, "%s", sentence);
    uv_stop(&asker->loop);
}

static void send_question(struct asker *asker)
{
    void *data;
    size_t size;
    asker->question.question.offset_bytes = asker->out->size;
    if (wire_encode(&asker->question, &data, &size, &asker->end) != STATUS_OK) {
        finish(asker, asker->end.code, asker->end.message);
        return;
    }
    if (bus_send(asker->bus, 0, data, size) == STATUS_OK)
        asker->asked_ms = clock_monotonic_ms();
    free(data);
}

/* --- what comes back --- */

static enum status_code code_of(enum wire_answer_code code)
{
    switch (code) {
    case WIRE_ANSWER_BAD_INPUT: return STATUS_BAD_INPUT;
    case WIRE_ANSWER_NOT_FOUND: return STATUS_NOT_FOUND;
    case WIRE_ANSWER_CONFLICT: return STATUS_CONFLICT;
    case WIRE_ANSWER_UNSUPPORTED: return STATUS_UNSUPPORTED;
    case WIRE_ANSWER_UNAVAILABLE: return STATUS_UNAVAILABLE;
    default: return STATUS_IO;
    }
}

static void take_page(struct asker *asker, const struct wire_answer *page)
{
    struct ask_answer *out = asker->out;
    if (page->offset_bytes != out->size)
        return; /* of a question that was sent twice */
    char *grown = realloc(out->text, out->size + page->size + 1);
    if (grown == NULL) {
        finish(asker, STATUS_NO_MEMORY, "no memory for the master's answer");
        return;
    }
    if (page->size > 0)
        memcpy(grown + out->size, page->text, page->size);
    out->text = grown;
    out->size += page->size;
    out->text[out->size] = '\0';
    memcpy(out->note, page->sentence, sizeof out->note);
    if (out->size == page->total_bytes)
        finish(asker, STATUS_OK, "");
    else
        send_question(asker);
}

static void take_answer(struct asker *asker, const struct wire_answer *answer)
{
    if (answer->id != asker->question.question.id)
        return;
    asker->heard_ms = clock_monotonic_ms();
    if (answer->code == WIRE_ANSWER_OK)
        take_page(asker, answer);
    else if (answer->code != WIRE_ANSWER_WORKING)
        finish(asker, code_of(answer->code), answer->sentence);
    else if (asker->options->progress != NULL)
        asker->options->progress(asker->options->context, answer->sentence);
}

static void on_message(void *context, uint32_t link, const void *data, size_t size)
{
    struct asker *asker = context;
    struct status status = {0};
    (void)link;
    if (asker->done)
        return;
    if (wire_decode(data, size, &asker->answer, &status) != STATUS_OK) {
        finish(asker, STATUS_UNSUPPORTED, status.message);
        return;
    }
    if (asker->answer.type == WIRE_ANSWER)
        take_answer(asker, &asker->answer.answer);
    else if (asker->answer.type == WIRE_REFUSE)
        finish(asker, STATUS_UNSUPPORTED, asker->answer.refuse.sentence);
    wire_free(&asker->answer);
}

static void on_refused(void *context, const char *sentence)
{
    finish(context, STATUS_BAD_INPUT, sentence);
}

static void on_timer(uv_timer_t *timer)
{
    struct asker *asker = timer->data;
    int64_t now_ms = clock_monotonic_ms();
    const struct ask_options *options = asker->options;
    if (now_ms - asker->looked_ms >= AGAIN_MS && options->gone != NULL) {
        asker->looked_ms = now_ms;
        if (options->gone(options->context))
            finish(asker, STATUS_UNAVAILABLE, "");
    }
    if (now_ms - asker->heard_ms >= options->patience_ms)
        finish(asker, STATUS_UNAVAILABLE, "");
    else if (asker->asked_ms == 0 || now_ms - asker->asked_ms >= AGAIN_MS)
        send_question(asker);
}

/* --- the whole --- */

static enum status_code run(struct asker *asker, struct status *status)
{
    struct bus_events events = {on_message, NULL, asker};
    if (uv_loop_init(&asker->loop) != 0)
        return status_set(status, STATUS_NO_MEMORY, "no memory for a loop");
    enum status_code code = bus_open(&asker->loop, BUS_CLIENT, &events, (uint64_t)clock_monotonic_ns(), NULL, &asker->bus, status);
    if (code == STATUS_OK && asker->options->keys != NULL)
        code = bus_use_keys(asker->bus, asker->options->keys, status);
    if (code == STATUS_OK)
        bus_on_refused(asker->bus, on_refused, asker);
    if (code == STATUS_OK)
        code = bus_connect(asker->bus, asker->options->address, status);
    if (code == STATUS_OK) {
        uv_timer_init(&asker->loop, &asker->timer);
        asker->timer.data = asker;
        uv_timer_start(&asker->timer, on_timer, 0, LOOK_MS);
        uv_run(&asker->loop, UV_RUN_DEFAULT);
        uv_close((uv_handle_t *)&asker->timer, NULL);
    }
    bus_close(asker->bus, 0);
    uv_run(&asker->loop, UV_RUN_DEFAULT);
    uv_loop_close(&asker->loop);
    return code;
}

enum status_code ask_master(const struct ask_options *options, const struct wire_question *question, struct ask_answer *out,
                            struct status *status)
{
    struct asker *asker = calloc(1, sizeof *asker);
    memset(out, 0, sizeof *out);
    if (asker == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for a question");
    asker->options = options;
    asker->out = out;
    asker->question.type = WIRE_QUESTION;
    asker->question.question = *question;
    asker->question.question.id = (uint64_t)clock_monotonic_ns();
    asker->heard_ms = asker->looked_ms = clock_monotonic_ms();
    enum status_code code = wire_check(&asker->question, status);
    if (code == STATUS_OK)
        code = run(asker, status);
    if (code == STATUS_OK && asker->end.code != STATUS_OK) {
        *status = asker->end;
        code = asker->end.code;
    }
    free(asker);
    if (code != STATUS_OK)
        ask_answer_free(out);
    return code;
}

void ask_answer_free(struct ask_answer *answer)
{
    free(answer->text);
    *answer = (struct ask_answer){.text = NULL};
}
