/* look: which file answers what. Called by the verbs through cli_ask.c, and by coord_questions.c. */
#include "master/look.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "master/look_parts.h"
#include "master/look_text.h"

typedef enum status_code (*step)(struct look *look, bool *more, struct status *status);

static step step_of(enum wire_question_kind kind)
{
    switch (kind) {
    case WIRE_ASK_STUDY_LIST: return look_study_list;
    case WIRE_ASK_STUDY_SHOW: return look_study_show;
    case WIRE_ASK_FRONT: return look_front;
    case WIRE_ASK_DEVICE_LIST: return look_board_list;
    case WIRE_ASK_DEVICE_SHOW: return look_board_show;
    default: return NULL;
    }
}

bool look_answers(enum wire_question_kind kind)
{
    return step_of(kind) != NULL;
}

enum cli_format look_format(const struct wire_question *question)
{
    return question->format == WIRE_JSON ? CLI_JSON : question->format == WIRE_CSV ? CLI_CSV : CLI_TABLE;
}

enum status_code look_open(struct store *store, const struct wire_question *question, FILE *out, struct look **look,
                           struct status *status)
{
    *look = calloc(1, sizeof **look);
    if (*look == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for an answer");
    **look = (struct look){.store = store, .question = question, .format = look_format(question), .out = out};
    return STATUS_OK;
}

enum status_code look_step(struct look *look, bool *more, struct status *status)
{
    *more = false;
    return step_of(look->question->kind)(look, more, status);
}

const char *look_note(const struct look *look)
{
    return look->note;
}

void look_close(struct look *look)
{
    if (look == NULL)
        return;
    for (; look->studies != NULL && look->at < look->count; look->at++)
        store_study_free(&look->studies[look->at]);
    free(look->studies);
    free(look->boards);
    if (look->reading)
        report_free(&look->report);
    free(look);
}

enum status_code look_backup_done(const struct wire_question *question, FILE *out, struct status *status)
{
    struct stat copy;
    if (stat(question->text, &copy) != 0)
        return status_set(status, STATUS_IO, "%.300s: the copy is gone again: %s", question->text, strerror(errno));
    if (question->format == WIRE_JSON)
        return look_text_print_json(
            json_pack("{s:o,s:I}", "copy", look_text_string(question->text), "bytes", (json_int_t)copy.st_size), out, status);
    if (question->format == WIRE_CSV) {
        fputs("copy,bytes\n", out);
        report_csv_field(question->text, out);
        fprintf(out, ",%lld\n", (long long)copy.st_size);
        return STATUS_OK;
    }
    fputs("copied to ", out);
    cli_print_safe(out, question->text);
    fprintf(out, ": %lld bytes, checked\n", (long long)copy.st_size);
    return STATUS_OK;
}

enum status_code look_level_done(const struct wire_question *question, const char *before, FILE *out, struct status *status)
{
    if (question->format == WIRE_JSON)
        return look_text_print_json(json_pack("{s:s,s:s}", "before", before, "level", question->text), out, status);
    if (question->format == WIRE_CSV)
        fprintf(out, "before,level\n%s,%s\n", before, question->text);
    else
        fprintf(out, "the master logs at level %s; it was %s\n", question->text, before);
    return STATUS_OK;
}
