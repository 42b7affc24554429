/* look: which file answers what. Called by the verbs through cli_ask.c, and by coord_questions.c. */
#include "master/look.h"

#include <stdlib.h>

#include "master/look_parts.h"

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
