/* train_wants: see train_wants.h. */
#include "tests/support/train_wants.h"

#include <string.h>

bool __real_study_want(struct study *study, struct study_want *out);
bool __wrap_study_want(struct study *study, struct study_want *out);

static enum train_wants now;
static struct digest images;
static struct space_mask mask = {{0x1f, 0x1f, 0x1f, 0x1f, 0x1f, 0x1f}};
/* As many as wants may be open at once in the studies of tests. */
static struct arch schedules[256];
static size_t schedule_count;

const struct oneshot_protocol *train_wants_protocol(void)
{
    static struct oneshot_protocol protocol;
    struct space_build defaults = {.channels = 4, .cells = 1};
    oneshot_protocol_default(&defaults, &protocol);
    protocol.shards = 3;
    return &protocol;
}

void train_wants(enum train_wants which, const struct digest *bundle)
{
    now = which;
    images = *bundle;
}

bool __wrap_study_want(struct study *study, struct study_want *out)
{
    bool wanted = __real_study_want(study, out);
    if (!wanted || now == TRAIN_WANTS_NONE || out->kind != STUDY_WANT_RMI)
        return wanted;
    bool score = now == TRAIN_WANTS_HALF && out->key[0] < '8';
    out->kind = score ? STUDY_WANT_ONESHOT_SCORE : STUDY_WANT_ONESHOT_TRAIN;
    out->oneshot = (struct study_oneshot){
        .images = images, .protocol = train_wants_protocol(), .mask = &mask, .stage = 1, .has_weights = score};
    if (score) {
        out->oneshot.weights = images;
        return true;
    }
    struct arch *schedule = &schedules[schedule_count++ % (sizeof schedules / sizeof schedules[0])];
    *schedule = out->arch;
    out->oneshot.epoch = 5;
    out->oneshot.shard = 2;
    out->oneshot.schedule = schedule;
    out->oneshot.schedule_count = 1;
    return true;
}
