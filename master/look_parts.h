/* look_parts: what the look*.c files share; nobody else includes it. */
#ifndef HWNAS_MASTER_LOOK_PARTS_H
#define HWNAS_MASTER_LOOK_PARTS_H

#include "master/look.h"
#include "master/report.h"

struct look {
    struct store *store;
    const struct wire_question *question;
    enum cli_format format;
    FILE *out;
    char note[256];
    bool begun;
    struct store_study *studies; /* STUDY_LIST: owned, each freed once it is printed */
    struct store_board *boards;  /* DEVICE_LIST: owned */
    size_t count, at;
    struct report report; /* of the study that is being read */
    bool reading;
};

/* Each does a piece of its answer. */
enum status_code look_study_list(struct look *look, bool *more, struct status *status);
enum status_code look_study_show(struct look *look, bool *more, struct status *status);
enum status_code look_front(struct look *look, bool *more, struct status *status);
enum status_code look_board_list(struct look *look, bool *more, struct status *status);
enum status_code look_board_show(struct look *look, bool *more, struct status *status);

#endif
