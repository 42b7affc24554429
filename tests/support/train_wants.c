/* train_wants: see train_wants.h. */
#include "tests/support/train_wants.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/tensorfile.h"
#include "master/search.h"

bool __real_study_want(struct study *study, struct study_want *out);
bool __wrap_study_want(struct study *study, struct study_want *out);
enum status_code __wrap_search_weights_check(const struct search *search, const struct study_want *want, const void *data,
                                             size_t size, struct status *status);

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

/* The weights of a net that has one tensor, however long that is. */
enum status_code __wrap_search_weights_check(const struct search *search, const struct study_want *want, const void *data,
                                             size_t size, struct status *status)
{
    struct tensorfile file;
    struct net_tensor tensor = {.name = "weight", .rank = 1};
    struct net net = {.tensors = &tensor, .tensor_count = 1};
    (void)search;
    assert(want->kind == STUDY_WANT_ONESHOT_TRAIN);
    enum status_code code = tensorfile_read(data, size, &file, status);
    if (code != STATUS_OK)
        return code;
    if (file.entry_count > 0)
        tensor.dims[0] = (int)file.entries[0].dims[0];
    tensorfile_free(&file);
    return oneshot_check(data, size, &net, 0, status);
}

/* So many numbers as fit beside the header, whose length depends on how many they are. */
void train_wants_weights(const char *key, uint8_t *out, size_t size)
{
    void *data = NULL;
    size_t bytes = 0;
    float *numbers = calloc(size / sizeof(float), sizeof(float));
    assert(numbers != NULL && size % 8 == 0 && size >= 256);
    for (size_t i = 0; i < size / sizeof(float); i++)
        numbers[i] = (float)key[i % (DIGEST_HEX_BYTES - 1)] + (float)i / 64;
    for (int64_t count = 0; bytes != size; count += ((int64_t)size - (int64_t)bytes) / (int64_t)sizeof(float)) {
        struct tensorfile file = {0};
        free(data);
        if (tensorfile_set(&file, "format", ONESHOT_FORMAT, NULL) != STATUS_OK ||
            tensorfile_add(&file, "weight", TENSORFILE_F32, 1, &count, numbers, NULL) != STATUS_OK ||
            tensorfile_write(&file, &data, &bytes, NULL) != STATUS_OK)
            abort();
        tensorfile_free(&file);
    }
    memcpy(out, data, size);
    free(data);
    free(numbers);
}
