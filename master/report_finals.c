/* report_finals: finalists and their final scores out of stored rows, by the same rules as the search has (finals.c). Called by
 * report.c. */
#include "master/report_finals.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/jsontext.h"
#include "master/finals.h"

struct report_finals_parts {
    const struct config_study *settings; /* borrowed */
    struct space space;
    bool space_open;
    struct finals finals;
};

/* The digest of the bundle that the study was begun with. */
static enum status_code read_bundle_digest(const char *files, struct digest *out, struct status *status)
{
    json_t *roles = NULL;
    enum status_code code = jsontext_read(files, strlen(files), "the list of the study's files", &roles, status);
    const char *hex = json_string_value(json_object_get(json_object_get(roles, "fitness.bundle"), "digest"));
    if (code == STATUS_OK && (hex == NULL || digest_parse(hex, out) != 0))
        code = status_set(status, STATUS_BAD_INPUT, "the list of the study's files names no bundle; the database is damaged");
    json_decref(roles);
    return code;
}

static enum status_code open_parts(struct report_finals_parts *parts, const char *files, struct status *status)
{
    struct digest bundle;
    enum status_code code = read_bundle_digest(files, &bundle, status);
    if (code == STATUS_OK)
        code = space_open(parts->settings->space, &parts->space, status);
    parts->space_open = code == STATUS_OK;
    return code == STATUS_OK ? finals_open(&parts->finals, parts->settings, &parts->space, &bundle, status) : code;
}

enum status_code report_finals_open(const struct config_study *settings, const char *files, struct report_finals **out,
                                    struct status *status)
{
    *out = NULL;
    if (settings->fitness.source != CONFIG_FITNESS_RMI || settings->fitness.finalists == 0)
        return STATUS_OK;
    struct report_finals *finals = calloc(1, sizeof *finals);
    if (finals != NULL)
        finals->parts = calloc(1, sizeof *finals->parts);
    if (finals == NULL || finals->parts == NULL) {
        free(finals);
        return status_set(status, STATUS_NO_MEMORY, "no memory for the finals of %s", settings->name);
    }
    finals->parts->settings = settings;
    enum status_code code = open_parts(finals->parts, files, status);
    if (code == STATUS_OK)
        *out = finals;
    else
        report_finals_free(finals);
    return code;
}

void report_finals_free(struct report_finals *finals)
{
    if (finals == NULL)
        return;
    finals_close(&finals->parts->finals);
    if (finals->parts->space_open)
        space_close(&finals->parts->space);
    free(finals->parts);
    free(finals->list);
    free(finals);
}

void report_finals_offer(struct report_finals *finals, const struct study_candidate *candidate)
{
    finals_offer(&finals->parts->finals, candidate);
}

/* *whole: every draw is there. *score: NAN unless all were possible. */
static enum status_code look_up(const struct finals *finals, struct store *store, size_t finalist, bool *whole, double *score,
                                struct status *status)
{
    double phi[COMBINE_FINAL_DRAWS_MAX];
    char key[DIGEST_HEX_BYTES];
    bool possible = true;
    *whole = true;
    *score = NAN;
    for (unsigned draw = 0; draw < finals->recipe->draws; draw++) {
        struct store_evaluation evaluation;
        bool found = false;
        finals_key(finals, finalist, draw, key);
        enum status_code code = store_evaluation_find(store, key, &evaluation, &found, status);
        if (code != STATUS_OK)
            return code;
        *whole &= found;
        possible &= found && evaluation.feasible;
        if (!found)
            continue;
        phi[draw] = evaluation.value;
        store_evaluation_free(&evaluation);
    }
    if (possible)
        *score = finals_score(finals, finalist, phi);
    return STATUS_OK;
}

static int by_score_then_place(const void *left, const void *right)
{
    const struct report_finalist *a = left, *b = right;
    if (finals_better(a->score, b->score) != finals_better(b->score, a->score))
        return finals_better(a->score, b->score) ? -1 : 1;
    return a->place < b->place ? -1 : a->place > b->place;
}

enum status_code report_finals_score(struct report_finals *finals, struct store *store, struct status *status)
{
    struct finals *found = &finals->parts->finals;
    finals->list = calloc(found->count + 1, sizeof *finals->list);
    if (finals->list == NULL || !finals_settle(found))
        return status_set(status, STATUS_NO_MEMORY, "no memory for the finals of %s", finals->parts->settings->name);
    for (size_t i = 0; i < found->count; i++) {
        struct report_finalist *out = &finals->list[i];
        bool whole;
        out->point = report_point_of(finals->parts->settings, &found->list[i]);
        out->place = i + 1;
        enum status_code code = look_up(found, store, i, &whole, &out->score, status);
        if (code != STATUS_OK)
            return code;
        finals->scored += whole;
    }
    finals->count = found->count;
    qsort(finals->list, finals->count, sizeof *finals->list, by_score_then_place);
    return STATUS_OK;
}

const struct report_finalist *report_finals_find(const struct report_finals *finals, const char *arch)
{
    for (size_t i = 0; finals != NULL && i < finals->count; i++)
        if (strcmp(finals->list[i].point.arch, arch) == 0)
            return &finals->list[i];
    return NULL;
}
