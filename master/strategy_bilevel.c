/* strategy_bilevel: see strategy_bilevel.h. Called through strategy.c alone. */
#include "master/strategy_bilevel.h"

#include <assert.h>
#include <jansson.h>
#include <stdlib.h>

#include "master/preference.h"

struct bilevel {
    struct arch *sweep; /* (strategy.sweep), owned: what each training ended with */
    uint64_t offered;   /* of them */
};

static const struct config_strategy *settings(const struct strategy *strategy)
{
    return &strategy->study->strategy;
}

static void bilevel_close(struct strategy *strategy)
{
    struct bilevel *search = strategy->state;
    if (search != NULL)
        free(search->sweep);
    free(search);
    strategy->state = NULL;
}

static enum status_code bilevel_open(struct strategy *strategy, struct status *status)
{
    const struct config_study *study = strategy->study;
    if (study->fitness.source != CONFIG_FITNESS_ONESHOT || study->fitness.oneshot.train != CONFIG_TRAIN_BILEVEL)
        return status_set(
            status, STATUS_BAD_INPUT,
            "strategy bilevel goes down the gradient of a one-shot net; set fitness.source to oneshot (with tables, the "
            "strategy gradient does the like)");
    if (settings(strategy)->sweep < 1 || settings(strategy)->sweep > 1000)
        return status_set(status, STATUS_BAD_INPUT, "strategy bilevel: a sweep of 1 to 1000 is needed, not %u",
                          settings(strategy)->sweep);
    enum status_code code = preference_check(study, status);
    if (code != STATUS_OK)
        return code;
    struct bilevel *search = strategy->state = calloc(1, sizeof *search);
    if (search != NULL)
        search->sweep = calloc(settings(strategy)->sweep, sizeof *search->sweep);
    return search != NULL && search->sweep != NULL ? STATUS_OK
                                                   : status_set(status, STATUS_NO_MEMORY, "no memory for strategy bilevel");
}

static void bilevel_offer(struct strategy *strategy, const struct arch *arch)
{
    struct bilevel *search = strategy->state;
    assert(search->offered == strategy->asked && search->offered < settings(strategy)->sweep);
    search->sweep[search->offered++] = *arch;
}

static enum strategy_answer bilevel_ask(struct strategy *strategy, struct arch *out)
{
    const struct bilevel *search = strategy->state;
    if (strategy->asked == settings(strategy)->sweep)
        return STRATEGY_DONE;
    if (search->offered == strategy->asked)
        return STRATEGY_WAIT;
    *out = search->sweep[strategy->asked];
    return STRATEGY_ASK;
}

/* What comes out of one weight teaches nothing of the next. */
static void bilevel_tell(struct strategy *strategy, uint64_t ask, const struct arch *arch, const struct strategy_result *result)
{
    (void)strategy;
    (void)ask;
    (void)arch;
    (void)result;
}

static bool bilevel_boundary(const struct strategy *strategy)
{
    return strategy->told > 0;
}

static uint32_t bilevel_generation(const struct strategy *strategy)
{
    return strategy->told == settings(strategy)->sweep;
}

static uint64_t bilevel_total(const struct strategy *strategy)
{
    return settings(strategy)->sweep;
}

static bool bilevel_member(const struct strategy *strategy, size_t i, struct arch *out)
{
    const struct bilevel *search = strategy->state;
    if (i >= search->offered)
        return false;
    *out = search->sweep[i];
    return true;
}

/* Of a sweep the front is the answer. */
static bool bilevel_answers(const struct config_study *study)
{
    return study->strategy.sweep == 1;
}

static bool bilevel_answer(const struct strategy *strategy, struct arch *out)
{
    return bilevel_answers(strategy->study) && strategy->told == 1 && bilevel_member(strategy, 0, out);
}

static struct json_t *bilevel_save(const struct strategy *strategy)
{
    const struct bilevel *search = strategy->state;
    json_t *sweep = strategy_archs_save(search->sweep, search->offered);
    return sweep == NULL ? NULL : json_pack("{s:o}", "sweep", sweep);
}

static enum status_code bilevel_load(struct strategy *strategy, const struct json_t *saved, struct status *status)
{
    struct bilevel *search = strategy->state;
    size_t offered =
        strategy_archs_load(strategy->space, json_object_get(saved, "sweep"), search->sweep, settings(strategy)->sweep);
    if (offered != strategy->asked)
        return status_set(status, STATUS_BAD_INPUT, "saved search: the sweep cannot be read, or does not go with %llu asks",
                          (unsigned long long)strategy->asked);
    search->offered = offered;
    return STATUS_OK;
}

const struct strategy_ops strategy_bilevel = {
    .name = "bilevel",
    .open = bilevel_open,
    .close = bilevel_close,
    .ask = bilevel_ask,
    .tell = bilevel_tell,
    .boundary = bilevel_boundary,
    .save = bilevel_save,
    .load = bilevel_load,
    .generation = bilevel_generation,
    .total = bilevel_total,
    .member = bilevel_member,
    .answer = bilevel_answer,
    .answers = bilevel_answers,
    .offer = bilevel_offer,
    .generations = 1,
};
