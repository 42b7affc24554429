/* strategy_pevonas: see strategy_pevonas.h. Called through strategy.c alone.
 *
 * The operations that a stage may choose are those of `allowed`; the numbers of the others are drawn and crossed like all, and
 * never looked at. A stage ends with its generations, or when one architecture has been the best of so many in a row. */
#include "master/strategy_pevonas.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "master/rowwise.h"

enum { STAGES_MAX = 16, PATIENCE = 10 /* pEvoNAS's code */ };

struct pevonas {
    struct rowwise rowwise; /* first, for the ops that it brings */
    bool allowed[SPACE_MATRIX_MAX];
    size_t keep[STAGES_MAX]; /* operations that are left in a row behind stage i, which has a stage behind it */
    uint32_t stages;         /* one more than numbers in keep */
    uint32_t stage;          /* the one in progress, from 0 */
    uint32_t generation;     /* completed in it */
    uint32_t streak;         /* generations in a row, up to the last, whose best was `best` */
    struct arch best;
};

static const struct config_strategy *settings(const struct strategy *strategy)
{
    return &strategy->study->strategy;
}

/* --- open and close --- */

static void pevonas_close(struct strategy *strategy)
{
    struct pevonas *search = strategy->state;
    if (search == NULL)
        return;
    rowwise_close(&search->rowwise);
    free(search);
    strategy->state = NULL;
}

static size_t fewest_columns(const struct space *space)
{
    size_t fewest = SIZE_MAX;
    for (size_t row = 0; row < space_rows(space); row++)
        fewest = space_columns(space, row) < fewest ? space_columns(space, row) : fewest;
    return fewest;
}

/* "3-2": the second stage has 3 operations a row, the third 2. */
static enum status_code read_stages(const struct strategy *strategy, struct pevonas *search, struct status *status)
{
    size_t before = fewest_columns(strategy->space);
    const char *given = settings(strategy)->stages;
    if (given == NULL)
        given = before > 5 ? "5-2" : "3-2";
    const char *at = given;
    bool more = true;
    for (search->stages = 1; more && search->stages <= STAGES_MAX; search->stages++) {
        char *end;
        size_t keep = *at >= '1' && *at <= '9' ? strtoul(at, &end, 10) : 0;
        if (keep < 1 || keep >= before || (*end != '-' && *end != '\0'))
            break;
        before = search->keep[search->stages - 1] = keep;
        more = *end == '-';
        at = end + 1;
    }
    if (!more)
        return STATUS_OK;
    return status_set(status, STATUS_BAD_INPUT,
                      "strategy pevonas: stages '%s' must be falling numbers below %zu joined by '-', such as 3-2: the operations "
                      "left to each decision after each stage but the last",
                      given, fewest_columns(strategy->space));
}

static void begin_stage(struct strategy *strategy)
{
    struct pevonas *search = strategy->state;
    search->generation = search->streak = 0;
    cohort_begin_random(strategy, &search->rowwise.cohort, settings(strategy)->population);
}

static enum status_code pevonas_open(struct strategy *strategy, struct status *status)
{
    struct pevonas *search = strategy->state = calloc(1, sizeof *search);
    if (search == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for strategy pevonas");
    enum status_code code = rowwise_open(strategy, &search->rowwise, status);
    if (code == STATUS_OK)
        code = read_stages(strategy, search, status);
    if (code != STATUS_OK)
        return code;
    memset(search->allowed, true, sizeof search->allowed);
    search->rowwise.cohort.mask = search->allowed;
    begin_stage(strategy);
    return STATUS_OK;
}

/* --- the search --- */

/* The space of the next stage has the operations that the best member thinks most of. */
static void end_stage(struct strategy *strategy)
{
    struct pevonas *search = strategy->state;
    search->rowwise.cohort.done = search->stage + 1 == search->stages;
    if (search->rowwise.cohort.done)
        return;
    const double *best = cohort_alpha(&search->rowwise.cohort, search->rowwise.order[0]);
    alpha_shrink(&search->rowwise.cohort.shape, best, search->keep[search->stage++], search->allowed);
    if (strategy->study->fitness.source == CONFIG_FITNESS_ONESHOT)
        cohort_renew(&search->rowwise.cohort); /* a stage has weights of its own */
    begin_stage(strategy);
}

static void turn(struct strategy *strategy)
{
    struct pevonas *search = strategy->state;
    rowwise_sort(strategy, &search->rowwise);
    const struct arch *best = &search->rowwise.cohort.arch[search->rowwise.order[0]];
    search->streak = search->streak > 0 && arch_equal(best, &search->best) ? search->streak + 1 : 1;
    search->best = *best;
    search->generation++;
    if (search->streak == PATIENCE || search->generation == settings(strategy)->generations)
        end_stage(strategy);
    else
        rowwise_breed(strategy, &search->rowwise);
}

static void pevonas_tell(struct strategy *strategy, uint64_t ask, const struct arch *arch, const struct strategy_result *result)
{
    struct pevonas *search = strategy->state;
    cohort_tell(strategy, &search->rowwise.cohort, ask, arch, result, turn);
}

static uint32_t pevonas_stage(const struct strategy *strategy, struct space_mask *out)
{
    const struct pevonas *search = strategy->state;
    const struct alpha_shape *shape = &search->rowwise.cohort.shape;
    for (size_t row = 0; row < shape->rows; row++) {
        out->rows[row] = 0;
        for (size_t i = shape->first[row]; i < shape->first[row + 1]; i++)
            out->rows[row] |= (uint32_t)search->allowed[i] << (i - shape->first[row]);
    }
    return search->stage;
}

/* The best of the last stage, which need not have seen what was best in an earlier one again. */
static bool pevonas_answer(const struct strategy *strategy, struct arch *out)
{
    const struct pevonas *search = strategy->state;
    if (search->rowwise.cohort.done)
        *out = search->best;
    return search->rowwise.cohort.done;
}

/* --- saving --- */

static struct json_t *pevonas_save(const struct strategy *strategy)
{
    const struct pevonas *search = strategy->state;
    char allowed[SPACE_MATRIX_MAX + 1] = "", best[STRATEGY_GENES_BYTES] = "";
    json_t *cohort = cohort_save(&search->rowwise.cohort);
    if (cohort == NULL)
        return NULL;
    for (size_t i = 0; i < search->rowwise.cohort.shape.size; i++)
        allowed[i] = search->allowed[i] ? '+' : '-';
    if (search->streak > 0)
        strategy_genes_print(&search->best, best);
    return json_pack("{s:o, s:s, s:I, s:I, s:I, s:s}", "cohort", cohort, "allowed", allowed, "stage", (json_int_t)search->stage,
                     "generation", (json_int_t)search->generation, "streak", (json_int_t)search->streak, "best", best);
}

/* Has every row as many operations as the stage leaves it? */
static bool load_allowed(struct pevonas *search, const char *text)
{
    const struct alpha_shape *shape = &search->rowwise.cohort.shape;
    if (strlen(text) != shape->size || strspn(text, "+-") != shape->size)
        return false;
    for (size_t row = 0; row < shape->rows; row++) {
        size_t left = 0;
        for (size_t i = shape->first[row]; i < shape->first[row + 1]; i++)
            left += search->allowed[i] = text[i] == '+';
        if (left != (search->stage == 0 ? shape->first[row + 1] - shape->first[row] : search->keep[search->stage - 1]))
            return false;
    }
    return true;
}

static bool load_stage(const struct strategy *strategy, const json_t *saved)
{
    struct pevonas *search = strategy->state;
    const char *allowed, *best;
    json_int_t stage, generation, streak;
    if (json_unpack((json_t *)(uintptr_t)saved, "{s:s, s:I, s:I, s:I, s:s}", "allowed", &allowed, "stage", &stage, "generation",
                    &generation, "streak", &streak, "best", &best) != 0)
        return false;
    if (stage < 0 || stage >= search->stages || streak < 0 || streak > generation || streak > PATIENCE ||
        generation > settings(strategy)->generations)
        return false;
    search->stage = (uint32_t)stage;
    search->generation = (uint32_t)generation;
    search->streak = (uint32_t)streak;
    return load_allowed(search, allowed) && (streak == 0 || strategy_genes_parse(strategy->space, best, &search->best));
}

static enum status_code pevonas_load(struct strategy *strategy, const json_t *saved, struct status *status)
{
    struct pevonas *search = strategy->state;
    if (!load_stage(strategy, saved))
        return status_set(status, STATUS_BAD_INPUT, "saved search: the stage cannot be read, or is not of these settings");
    enum status_code code = cohort_load(strategy, &search->rowwise.cohort, json_object_get(saved, "cohort"), status);
    if (code == STATUS_OK && (search->rowwise.cohort.count != settings(strategy)->population ||
                              (search->rowwise.cohort.done && (search->stage + 1 < search->stages || search->streak == 0))))
        return status_set(status, STATUS_BAD_INPUT, "saved search: %u members in stage %u do not fit the settings",
                          search->rowwise.cohort.count, search->stage);
    return code;
}

const struct strategy_ops strategy_pevonas = {
    .name = "pevonas",
    .open = pevonas_open,
    .close = pevonas_close,
    .ask = rowwise_ask,
    .tell = pevonas_tell,
    .boundary = rowwise_boundary,
    .save = pevonas_save,
    .load = pevonas_load,
    .generation = rowwise_generation,
    .total = rowwise_total,
    .member = rowwise_member,
    .answer = pevonas_answer,
    .stage = pevonas_stage,
};
