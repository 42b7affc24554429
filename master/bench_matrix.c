/* bench_matrix: axes as text -> the product of their choices. Called by bench.c. What keys and values mean is known to config
 * alone. */
#include "master/bench_matrix.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/line.h"

/* --- one axis out of its text --- */

/* Cuts text at the separator; parts point into it. Returns how many there are, most + 1 for more than `most`. */
static size_t cut(char *text, const char *separator, char **parts, size_t most)
{
    size_t count = 0;
    for (char *part = strsep(&text, separator); part != NULL; part = strsep(&text, separator)) {
        if (count == most)
            return most + 1;
        parts[count++] = part;
    }
    return count;
}

static enum status_code read_keys(struct bench_axis *axis, char *text, struct status *status)
{
    axis->key_count = cut(text, "+", axis->keys, BENCH_KEYS_MAX);
    if (axis->key_count > BENCH_KEYS_MAX)
        return status_set(status, STATUS_BAD_INPUT, "changes more than %d keys together", BENCH_KEYS_MAX);
    for (size_t i = 0; i < axis->key_count; i++) {
        if (*axis->keys[i] == '\0')
            return status_set(status, STATUS_BAD_INPUT, "a key is missing before '='");
        if (strcmp(axis->keys[i], "seed") == 0)
            return status_set(status, STATUS_BAD_INPUT, "seeds are not an axis; --seeds N runs each search with the seeds 1 to N");
    }
    axis->methods = strncmp(axis->keys[0], "strategy.", strlen("strategy.")) == 0;
    const char *dot = strrchr(axis->keys[0], '.');
    axis->heading = dot != NULL ? dot + 1 : axis->keys[0];
    if (strcmp(axis->keys[0], "strategy.name") == 0)
        axis->heading = "strategy";
    else if (strcmp(axis->keys[0], "fitness.column") == 0)
        axis->heading = "fitness";
    return STATUS_OK;
}

static enum status_code read_choice(const struct bench_axis *axis, char *text, struct bench_choice *out, struct status *status)
{
    char *colon = strchr(text, ':'), *values = colon != NULL ? colon + 1 : text;
    if (colon != NULL)
        *colon = '\0';
    if (*text == '\0')
        return status_set(status, STATUS_BAD_INPUT, "a choice is empty; choices are separated by single commas");
    out->label = line_dup(text);
    if (out->label == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for an axis");
    char shown[BENCH_LABEL_BYTES];
    snprintf(shown, sizeof shown, "%s", values);
    size_t count = 1;
    if (axis->key_count == 1)
        out->values[0] = values; /* a "+" is part of it */
    else
        count = cut(values, "+", out->values, BENCH_KEYS_MAX);
    if (count != axis->key_count)
        return status_set(status, STATUS_BAD_INPUT, "'%.100s' has %zu value%s separated by '+' for %zu keys", shown, count,
                          count == 1 ? "" : "s", axis->key_count);
    return STATUS_OK;
}

static enum status_code read_choices(struct bench_axis *axis, char *text, struct status *status)
{
    char *parts[BENCH_CHOICES_MAX];
    size_t count = cut(text, ",", parts, BENCH_CHOICES_MAX);
    if (count > BENCH_CHOICES_MAX)
        return status_set(status, STATUS_BAD_INPUT, "has more than %d choices", BENCH_CHOICES_MAX);
    axis->choices = calloc(count, sizeof *axis->choices);
    if (axis->choices == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for an axis");
    for (size_t i = 0; i < count; i++) {
        axis->choice_count = i + 1;
        enum status_code code = read_choice(axis, parts[i], &axis->choices[i], status);
        if (code != STATUS_OK)
            return code;
        for (size_t other = 0; other < i; other++)
            if (strcmp(axis->choices[i].label, axis->choices[other].label) == 0)
                return status_set(status, STATUS_BAD_INPUT,
                                  "two choices are called '%.60s'; put a label before one, as in LABEL:%.60s",
                                  axis->choices[i].label, axis->choices[i].label);
    }
    return STATUS_OK;
}

static void free_axis(struct bench_axis *axis)
{
    for (size_t i = 0; i < axis->choice_count; i++)
        free(axis->choices[i].label);
    free(axis->choices);
    free(axis->text);
    *axis = (struct bench_axis){.text = NULL};
}

/* --- the matrix --- */

enum status_code bench_matrix_add(struct bench_matrix *matrix, const char *text, struct status *status)
{
    struct bench_axis axis = {.text = strdup(text)};
    char *equals;
    enum status_code code = STATUS_OK;
    if (matrix->axis_count == BENCH_AXES_MAX)
        code = status_set(status, STATUS_BAD_INPUT, "more than %d axes", BENCH_AXES_MAX);
    else if (axis.text == NULL)
        code = status_set(status, STATUS_NO_MEMORY, "no memory for an axis");
    else if ((equals = strchr(axis.text, '=')) == NULL || equals[1] == '\0')
        code = status_set(status, STATUS_BAD_INPUT, "has no values; it is written KEY=VALUE,VALUE,...");
    else {
        *equals = '\0';
        code = read_keys(&axis, axis.text, status);
        if (code == STATUS_OK)
            code = read_choices(&axis, equals + 1, status);
    }
    if (code == STATUS_OK) {
        matrix->axes[matrix->axis_count++] = axis;
        if (bench_matrix_count(matrix, false) * bench_matrix_count(matrix, true) > BENCH_SEARCHES_MAX) {
            code = status_set(status, STATUS_BAD_INPUT, "makes more than %d different searches", BENCH_SEARCHES_MAX);
            matrix->axis_count--;
        }
    }
    if (code != STATUS_OK) {
        free_axis(&axis);
        status_prefix(status, "--over %.200s", text);
    }
    return code;
}

void bench_matrix_free(struct bench_matrix *matrix)
{
    for (size_t i = 0; i < matrix->axis_count; i++)
        free_axis(&matrix->axes[i]);
    matrix->axis_count = 0;
}

size_t bench_matrix_count(const struct bench_matrix *matrix, bool methods)
{
    size_t count = 1;
    for (size_t i = 0; i < matrix->axis_count; i++)
        if (matrix->axes[i].methods == methods)
            count *= matrix->axes[i].choice_count;
    return count;
}

void bench_matrix_at(const struct bench_matrix *matrix, size_t setting, size_t method, size_t choice[BENCH_AXES_MAX])
{
    for (size_t i = matrix->axis_count; i-- > 0;) {
        const struct bench_axis *axis = &matrix->axes[i];
        size_t *rest = axis->methods ? &method : &setting;
        choice[i] = *rest % axis->choice_count;
        *rest /= axis->choice_count;
    }
}

void bench_matrix_label(const struct bench_matrix *matrix, bool methods, size_t index, char out[BENCH_LABEL_BYTES])
{
    size_t choice[BENCH_AXES_MAX], used = 0;
    bench_matrix_at(matrix, methods ? 0 : index, methods ? index : 0, choice);
    out[0] = '\0';
    for (size_t i = 0; i < matrix->axis_count && used < BENCH_LABEL_BYTES - 1; i++) {
        if (matrix->axes[i].methods != methods)
            continue;
        if (used > 0)
            out[used++] = ' ';
        line_of(matrix->axes[i].choices[choice[i]].label, out + used, BENCH_LABEL_BYTES - used);
        used += strlen(out + used);
    }
}

bool bench_matrix_is_quantile(const char *key, const char *value, size_t *cost, double *share)
{
    char *end;
    if (strncmp(key, "costs.", strlen("costs.")) != 0)
        return false;
    *cost = strtoul(key + strlen("costs."), &end, 10);
    if (strcmp(end, ".max") != 0)
        return false;
    *share = strtod(value, &end) / 100;
    return end != value && strcmp(end, "%") == 0 && *share > 0 && *share <= 1;
}
