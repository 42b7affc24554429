/* template: the words of a board file's program lists, with what stands for {onnx}, {model} and the others in place. Pure. */
#ifndef HWNAS_WORKER_TEMPLATE_H
#define HWNAS_WORKER_TEMPLATE_H

#include "common/config_board.h"
#include "common/status.h"

/* What each placeholder stands for, by its number; NULL: for itself, so that {onnx} stays {onnx}. */
struct template_values {
    const char *texts[CONFIG_BOARD_PLACEHOLDERS];
};

/* Writes a fresh list, ended by NULL as execve wants it, with one word for each of `list`: what a value holds is never split, and
 * never looked at again. A list that was left out gives an empty one. STATUS_BAD_INPUT with the word and the placeholder that is
 * not known; STATUS_NO_MEMORY. Free with template_free. */
enum status_code template_expand(const struct config_board_list *list, const struct template_values *values, char ***out,
                                 struct status *status);

/* template_free(NULL) is fine. */
void template_free(char **words);

#endif
