/* coord_questions: what operators ask a master that runs. Part of coord.
 *
 * A question is answered in pieces of some milliseconds between the loop's turns, into a text that its asker then fetches page by
 * page. It is known by connection and id, so one that is asked again is not answered twice. Who asks is no peer: dispatch never
 * hears of it. The rule it keeps: what an answer changes is committed before the answer leaves. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <utlist.h>

#include "common/line.h"
#include "master/coord_parts.h"
#include "master/look.h"
#include "master/store_backup.h"

enum { QUESTIONS_MAX = 16, KEPT_BYTES = 64 << 10 };

struct question {
    struct question *prev, *next;
    uint32_t link;
    struct wire_question asked;
    bool far;                    /* by somebody who need not be the user who started this master */
    struct look *look;           /* while it is being answered */
    struct store_backup *backup; /* likewise */
    FILE *out;                   /* grows text */
    char *text;
    size_t size;
    bool answered;
    enum wire_answer_code code;
    char sentence[STATUS_MESSAGE_BYTES];
};

static void forget(struct coord *coord, struct question *question)
{
    look_close(question->look);
    store_backup_end(question->backup);
    if (question->out != NULL)
        fclose(question->out);
    free(question->text);
    DL_DELETE(coord->questions, question);
    coord->question_count--;
    free(question);
}

static struct question *find(const struct coord *coord, uint32_t link, uint64_t id)
{
    struct question *question;
    DL_FOREACH(coord->questions, question)
    {
        if (question->link == link && question->asked.id == id)
            return question;
    }
    return NULL;
}

/* --- sending --- */

/* Backs off to the edge of a character. */
static size_t page_size(const struct question *question, size_t offset)
{
    size_t size = question->size - offset;
    if (size <= WIRE_CHUNK_MAX)
        return size;
    size = WIRE_CHUNK_MAX;
    while (((unsigned char)question->text[offset + size] & 0xc0) == 0x80)
        size--;
    return size;
}

/* How far a question is that is not answered yet; what came out of one that is. */
static void say_how_far(const struct coord *coord, const struct question *question, char *out, size_t size)
{
    char partial[sizeof question->asked.text + 16], sentence[STATUS_MESSAGE_BYTES];
    struct stat copy, whole;
    snprintf(partial, sizeof partial, "%s.partial", question->asked.text);
    if (question->answered)
        line_of(question->sentence, out, size);
    else if (question->backup == NULL)
        line_of("it is being looked up", out, size);
    else if (stat(partial, &copy) != 0 || stat(store_path(search_store(coord->search)), &whole) != 0)
        line_of("it is being copied", out, size);
    else {
        snprintf(sentence, sizeof sentence, "%.1f of about %.1f MB are copied", (double)copy.st_size / 1e6,
                 (double)whole.st_size / 1e6);
        line_of(sentence, out, size);
    }
}

static void post(struct coord *coord, struct question *question, uint64_t offset_bytes)
{
    struct wire_answer *out = &coord->answer.answer;
    coord->answer.type = WIRE_ANSWER;
    *out = (struct wire_answer){.id = question->asked.id, .code = question->answered ? question->code : WIRE_ANSWER_WORKING};
    say_how_far(coord, question, out->sentence, sizeof out->sentence);
    if (question->answered && question->code == WIRE_ANSWER_OK) {
        size_t offset = offset_bytes < question->size ? (size_t)offset_bytes : question->size;
        out->total_bytes = question->size;
        out->offset_bytes = offset;
        out->text = question->text + offset;
        out->size = page_size(question, offset);
    }
    bool last = out->offset_bytes + out->size == out->total_bytes;
    coord_post(coord, question->link, &coord->answer, 0);
    /* A short answer stays a while, should it be asked for again. */
    if (question->answered && last && question->size > KEPT_BYTES)
        forget(coord, question);
}

/* --- answering --- */

static enum wire_answer_code code_of(enum status_code code)
{
    switch (code) {
    case STATUS_OK: return WIRE_ANSWER_OK;
    case STATUS_BAD_INPUT: return WIRE_ANSWER_BAD_INPUT;
    case STATUS_NOT_FOUND: return WIRE_ANSWER_NOT_FOUND;
    case STATUS_CONFLICT: return WIRE_ANSWER_CONFLICT;
    case STATUS_UNSUPPORTED: return WIRE_ANSWER_UNSUPPORTED;
    case STATUS_UNAVAILABLE: return WIRE_ANSWER_UNAVAILABLE;
    default: return WIRE_ANSWER_FAILED;
    }
}

/* What the printers copied out of the database may hold anything; a page holds what can be shown. */
static void make_shown(char *text, size_t size)
{
    for (size_t at = 0; at < size;) {
        size_t length = text[at] == '\n' ? 1 : line_shown(text + at, size - at);
        if (length == 0)
            text[at] = '?';
        at += length > 0 ? length : 1;
    }
}

/* The text is whole, or the answer is that there is none. */
static void finish(struct coord *coord, struct question *question, enum status_code code, const struct status *status)
{
    if (question->out != NULL && fclose(question->out) != 0 && code == STATUS_OK)
        code = STATUS_NO_MEMORY;
    question->out = NULL;
    if (code == STATUS_OK && question->size > WIRE_ANSWER_MAX) {
        code = STATUS_UNSUPPORTED;
        snprintf(question->sentence, sizeof question->sentence,
                 "the answer has more than %d MiB, which no running master sends: ask when it has stopped", WIRE_ANSWER_MAX >> 20);
    } else if (code == STATUS_OK) {
        make_shown(question->text, question->size);
        snprintf(question->sentence, sizeof question->sentence, "%s", question->look != NULL ? look_note(question->look) : "");
    } else {
        snprintf(question->sentence, sizeof question->sentence, "%s",
                 status->message[0] != '\0' ? status->message : "no memory for the answer");
    }
    look_close(question->look);
    store_backup_end(question->backup);
    question->look = NULL;
    question->backup = NULL;
    question->code = code_of(code);
    question->answered = true;
    post(coord, question, question->asked.offset_bytes);
}

/* --- what changes something --- */

static enum status_code act_on_board(struct coord *coord, const struct question *question, struct status *status)
{
    const struct wire_question *asked = &question->asked;
    bool quarantine = asked->kind == WIRE_ASK_DEVICE_QUARANTINE;
    struct store_board board;
    if (coord->stalled)
        return status_set(status, STATUS_UNAVAILABLE, "the database cannot be written now: %s", coord->stall_reason);
    enum status_code code = look_board_find(search_store(coord->search), asked->board, asked->device, &board, status);
    if (code != STATUS_OK)
        return code;
    code = search_begin(coord->search, status);
    if (code == STATUS_OK)
        code = quarantine ? coord_board_quarantine(coord, &board, asked->text, status) : coord_board_trust(coord, &board, status);
    if (code != STATUS_OK) {
        coord_store_failed(coord, status);
        return code;
    }
    log_event(coord->logger, LOG_WARN, "an operator has spoken on a board", log_text("board", board.name),
              log_text("device", board.device_key), log_text("state", quarantine ? "quarantined" : "trusted"),
              log_text("reason", quarantine ? asked->text : NULL));
    return look_board_done(&board,
                           quarantine ? "is quarantined: it gets no measurements until `hwnas device trust`"
                                      : "is trusted: its next canaries are what it is held against",
                           quarantine ? "quarantined" : "trusted", look_format(asked), question->out, status);
}

static enum status_code set_log_level(struct coord *coord, const struct question *question, struct status *status)
{
    enum log_level level, before = coord->logger != NULL ? log_level_of(coord->logger) : LOG_INFO;
    if (log_parse_level(question->asked.text, &level) != 0)
        return status_set(status, STATUS_BAD_INPUT, "the level is '%.40s'; it must be error, warn, info or debug",
                          question->asked.text);
    log_set_level(coord->logger, level);
    return look_level_done(&question->asked, log_level_name(before), question->out, status);
}

/* --- backups --- */

/* Over an ipc socket only this user can ask; with a key, and on the loopback without keys, others can. */
static bool may_be_another(const struct coord *coord)
{
    if (coord->effects.sender != NULL && coord->effects.sender(coord->effects.context) != NULL)
        return true;
    for (size_t i = 0; i < coord->options->listen_count; i++) {
        if (strncmp(coord->options->listen[i], "ipc://", strlen("ipc://")) != 0)
            return true;
    }
    return false;
}

/* Others may have a copy made beside the database, and no file anywhere else. */
static enum status_code check_place(const struct coord *coord, const struct question *question, struct status *status)
{
    char folder[PATH_MAX];
    const char *copy = question->asked.text, *name = strrchr(copy, '/') + 1;
    char *database = realpath(coord_db(coord), NULL);
    if (database == NULL)
        return status_set(status, STATUS_IO, "%s: cannot be found: %s", coord_db(coord), strerror(errno));
    snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(database, '/') + 1 - database), database);
    free(database);
    if (!question->far || (strncmp(copy, folder, strlen(folder)) == 0 && strlen(folder) == (size_t)(name - copy)))
        return STATUS_OK;
    return status_set(status, STATUS_UNSUPPORTED,
                      "a copy that is asked for with a key, or of a master on tcp, goes beside the database: -o %.200s%.100s",
                      folder, name);
}

/* Between turns nothing is open, but should the loop ever keep a transaction for longer, a copy waits for none. */
static enum status_code copy_on(struct coord *coord, struct question *question, bool *more, struct status *status)
{
    bool done = false;
    enum status_code code = search_commit(coord->search, status);
    if (code != STATUS_OK) {
        coord_store_failed(coord, status);
        return code;
    }
    if (question->backup == NULL)
        code = check_place(coord, question, status);
    if (question->backup == NULL && code == STATUS_OK)
        code = store_backup_begin(search_store(coord->search), question->asked.text, &question->backup, status);
    if (code == STATUS_OK)
        code = store_backup_step(question->backup, &done, status);
    *more = code == STATUS_OK && !done;
    if (code == STATUS_OK && done)
        code = look_backup_done(&question->asked, question->out, status);
    if (code != STATUS_OK)
        log_event(coord->logger, LOG_WARN, "a backup failed", log_text("copy", question->asked.text),
                  log_text("reason", status->message));
    else if (done)
        log_event(coord->logger, LOG_INFO, "the database was copied", log_text("copy", question->asked.text));
    return code;
}

/* --- the work --- */

/* A piece of the answer; *more: it is not whole yet. */
static enum status_code go_on(struct coord *coord, struct question *question, bool *more, struct status *status)
{
    *more = false;
    switch (question->asked.kind) {
    case WIRE_ASK_DEVICE_QUARANTINE:
    case WIRE_ASK_DEVICE_TRUST: return act_on_board(coord, question, status);
    case WIRE_ASK_STUDY_WHY: return coord_why_study(coord, &question->asked, question->out, status);
    case WIRE_ASK_DEVICE_WHY: return coord_why_device(coord, &question->asked, question->out, status);
    case WIRE_ASK_LOG_LEVEL: return set_log_level(coord, question, status);
    case WIRE_ASK_BACKUP: return copy_on(coord, question, more, status);
    default: break;
    }
    if (question->look == NULL) {
        enum status_code code = look_open(search_store(coord->search), &question->asked, question->out, &question->look, status);
        if (code != STATUS_OK)
            return code;
    }
    return look_step(question->look, more, status);
}

static struct question *next_unanswered(const struct coord *coord)
{
    struct question *question;
    DL_FOREACH(coord->questions, question)
    {
        if (!question->answered)
            return question;
    }
    return NULL;
}

int coord_thinking(const struct coord *coord)
{
    const struct question *next = next_unanswered(coord);
    /* A copy that is being checked by another thread would keep the loop spinning. */
    return next == NULL ? -1 : next->asked.kind == WIRE_ASK_BACKUP ? 1 : 0;
}

void coord_think(struct coord *coord)
{
    struct question *question = next_unanswered(coord);
    struct status status = {0};
    bool more = false;
    if (question == NULL || coord->over)
        return;
    enum status_code code = go_on(coord, question, &more, &status);
    if (code == STATUS_OK && more) {
        /* Behind the others, so that a long answer keeps nobody waiting. */
        DL_DELETE(coord->questions, question);
        DL_APPEND(coord->questions, question);
    } else {
        finish(coord, question, code, &status);
        coord_turn(coord);
    }
}

/* --- what arrives --- */

static void refuse(struct coord *coord, uint32_t link, uint64_t id, const char *sentence)
{
    coord->answer.type = WIRE_ANSWER;
    coord->answer.answer = (struct wire_answer){.id = id, .code = WIRE_ANSWER_UNAVAILABLE};
    line_of(sentence, coord->answer.answer.sentence, sizeof coord->answer.answer.sentence);
    coord_post(coord, link, &coord->answer, 0);
}

/* Room for one more: the oldest that is answered goes. */
static bool make_room(struct coord *coord)
{
    struct question *question;
    if (coord->question_count < QUESTIONS_MAX)
        return true;
    DL_FOREACH(coord->questions, question)
    {
        if (question->answered) {
            forget(coord, question);
            return true;
        }
    }
    return false;
}

void coord_question(struct coord *coord, uint32_t link, const struct wire_question *asked)
{
    struct question *question = find(coord, link, asked->id);
    if (question != NULL) {
        post(coord, question, asked->offset_bytes);
        return;
    }
    question = make_room(coord) ? calloc(1, sizeof *question) : NULL;
    if (question != NULL)
        question->out = open_memstream(&question->text, &question->size);
    if (question == NULL || question->out == NULL) {
        free(question);
        refuse(coord, link, asked->id, "the master has as many questions as it can answer at once; ask again");
        return;
    }
    question->link = link;
    question->far = may_be_another(coord);
    question->asked = *asked;
    DL_APPEND(coord->questions, question);
    coord->question_count++;
}

void coord_questions_close(struct coord *coord)
{
    while (coord->questions != NULL)
        forget(coord, coord->questions);
}
