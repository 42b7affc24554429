/* template: one pass over each word. Called by runner_command for the programs it starts and for the key of what a build makes. */
#include "worker/template.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One word into `out` (NULL: only counted). Returns its bytes without the NUL; -1 with *at at a placeholder that is not known. */
static long expand_word(const char **at, const struct template_values *values, char *out)
{
    long size = 0;
    while (**at != '\0') {
        const char *from = *at;
        size_t taken = 1, given = 1;
        int found = **at == '{' ? config_board_placeholder_at(*at, &taken) : -1;
        if (found == -2)
            return -1;
        if (found == -1)
            taken = 1;
        else if (values->texts[found] != NULL) {
            from = values->texts[found];
            given = strlen(from);
        } else
            given = taken;
        if (out != NULL)
            memcpy(out + size, from, given);
        size += (long)given;
        *at += taken;
    }
    return size;
}

static enum status_code expand_one(const char *word, const struct template_values *values, char **out, struct status *status)
{
    const char *at = word;
    long size = expand_word(&at, values, NULL);
    if (size < 0)
        return status_set(status, STATUS_BAD_INPUT, "'%.100s': %.*s is no placeholder", word, (int)strcspn(at, "}") + 1, at);
    if ((*out = malloc((size_t)size + 1)) == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for a program's arguments");
    at = word;
    expand_word(&at, values, *out);
    (*out)[size] = '\0';
    return STATUS_OK;
}

enum status_code template_expand(const struct config_board_list *list, const struct template_values *values, char ***out,
                                 struct status *status)
{
    char **words = calloc((size_t)list->count + 1, sizeof *words);
    enum status_code code = words != NULL ? STATUS_OK : status_set(status, STATUS_NO_MEMORY, "no memory for a program's arguments");
    for (uint32_t i = 0; code == STATUS_OK && i < list->count; i++)
        code = expand_one(list->words[i], values, &words[i], status);
    if (code != STATUS_OK) {
        template_free(words);
        words = NULL;
    }
    *out = words;
    return code;
}

void template_free(char **words)
{
    for (size_t i = 0; words != NULL && words[i] != NULL; i++)
        free(words[i]);
    free(words);
}
