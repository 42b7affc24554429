/* job, slot: trainings and scores of one-shot nets on a slot's thread: what comes out is what worker/oneshot computes, with its
 * artifact and its detail; bad schedules, masks and inputs are failures with a sentence; a cancelled task is abandoned. */
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

#include <jansson.h>

#include "tests/support/message.h"
#include "worker/job.h"
#include "worker/oneshot.h"

enum { COUNT = 12, PIXELS = 3 * 8 * 8 };

static const char ARCH[] = "|nor_conv_1x1~0|+|skip_connect~0|none~1|+|avg_pool_3x3~0|none~1|skip_connect~2|";

/* A slot on a loop that runs until the task has ended. */
struct world {
    uv_loop_t loop;
    struct slot *slot;
    struct job_bench bench;
    struct slot_result result;
    struct images images;
    uint8_t pixels[COUNT * PIXELS];
    int32_t labels[COUNT];
    struct wire_message message;
};

static struct status status;

static void on_done(void *context, struct slot *slot)
{
    struct world *world = context;
    slot_take(slot, &world->result);
    uv_stop(&world->loop);
}

static int open_world(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    if (world == NULL || uv_loop_init(&world->loop) != 0 ||
        slot_open(&world->loop, job_work, &world->bench, on_done, world, &world->slot, &status) != STATUS_OK)
        return -1;
    for (int i = 0; i < COUNT * PIXELS; i++)
        world->pixels[i] = (uint8_t)(i * 37 + i / PIXELS * 11);
    for (int i = 0; i < COUNT; i++)
        world->labels[i] = i % 3;
    world->images = (struct images){.count = COUNT,
                                    .shape = {3, 8, 8},
                                    .classes = 3,
                                    .pixels = world->pixels,
                                    .labels = world->labels,
                                    .mean = {0.5f, 0.5f, 0.5f},
                                    .std = {0.25f, 0.25f, 0.25f}};
    *state = world;
    return 0;
}

static int close_world(void **state)
{
    struct world *world = *state;
    slot_close(world->slot);
    uv_run(&world->loop, UV_RUN_DEFAULT);
    uv_loop_close(&world->loop);
    job_bench_close(&world->bench);
    slot_result_free(&world->result);
    free(world);
    return 0;
}

/* A small training, or a score. */
static struct wire_task *task_of(struct world *world, enum wire_kind kind)
{
    world->message = message_numbered(kind == WIRE_ONESHOT_TRAIN ? WIRE_TYPES : WIRE_TYPES + 1);
    struct wire_task *task = &world->message.task;
    struct oneshot_protocol *protocol = &task->oneshot.protocol;
    protocol->channels = 4;
    protocol->cells = 1;
    protocol->batch = 4;
    protocol->epochs = 3;
    protocol->shards = 2;
    protocol->single_path = protocol->augment = protocol->batch_statistics = false;
    task->oneshot.stage = 0;
    task->oneshot.epoch = kind == WIRE_ONESHOT_TRAIN ? 1 : 0;
    task->oneshot.shard = kind == WIRE_ONESHOT_TRAIN ? 1 : 0;
    task->oneshot.schedule = NULL;
    task->oneshot.schedule_count = 0;
    for (int row = 0; row < 6; row++)
        task->oneshot.mask.rows[row] = 0x1f;
    task->seed = 5;
    if (kind == WIRE_ONESHOT_SCORE)
        strcpy(task->arch, ARCH);
    return task;
}

static void run(struct world *world, const struct tensorfile *weights)
{
    const struct slot_inputs inputs = {.images = &world->images, .weights = weights};
    slot_result_free(&world->result);
    world->result = (struct slot_result){0};
    slot_start(world->slot, &world->message.task, &inputs, INT64_MAX);
    uv_run(&world->loop, UV_RUN_DEFAULT);
}

static double number_of(const struct slot_result *result, const char *name)
{
    json_t *detail = json_loads(result->detail != NULL ? result->detail : "", 0, NULL);
    const json_t *value = json_object_get(detail, name);
    double number = json_is_number(value) ? json_number_value(value) : NAN;
    json_decref(detail);
    return number;
}

static void assert_failed(const struct world *world, const char *words)
{
    assert_int_equal(world->result.outcome, WIRE_FAILED);
    assert_null(world->result.artifact);
    assert_false(world->result.abandoned);
    if (strstr(world->result.sentence, words) == NULL)
        fail_msg("\"%s\" does not say: %s", world->result.sentence, words);
}

static void assert_detail_names_the_artifact(const struct slot_result *result)
{
    char digest[DIGEST_HEX_BYTES];
    json_t *detail = json_loads(result->detail, 0, NULL);
    digest_hex(&result->artifact_digest, digest);
    assert_string_equal(json_string_value(json_object_get(detail, "weights")), digest);
    assert_non_null(json_string_value(json_object_get(detail, "isa")));
    json_decref(detail);
}

/* What oneshot.h computes by itself of the same task. */
static struct oneshot_trained train_here(struct world *world, const struct arch *schedule, size_t count)
{
    const struct wire_task *task = &world->message.task;
    struct space space;
    assert_ok(space_open("nb201", &space, &status), status);
    struct oneshot_work work = {.space = &space,
                                .mask = task->oneshot.mask,
                                .protocol = task->oneshot.protocol,
                                .seed = task->seed,
                                .stage = task->oneshot.stage,
                                .images = &world->images};
    struct oneshot_trained trained = {0};
    assert_ok(oneshot_train(&work, task->oneshot.epoch, task->oneshot.shard, schedule, count, &trained, &status), status);
    space_close(&space);
    return trained;
}

static void assert_is(const struct slot_result *result, const struct oneshot_trained *trained)
{
    struct digest digest;
    assert_int_equal(result->outcome, WIRE_OK);
    assert_true(result->value == trained->loss && number_of(result, "loss") == trained->loss);
    assert_int_equal(result->artifact_bytes, trained->bytes);
    assert_memory_equal(result->artifact, trained->weights, trained->bytes);
    digest_of(trained->weights, trained->bytes, &digest);
    assert_memory_equal(&result->artifact_digest, &digest, sizeof digest);
    assert_true(number_of(result, "bytes") == (double)trained->bytes);
    assert_true(number_of(result, "arena_bytes") > 0);
    assert_detail_names_the_artifact(result);
}

static void a_training_ends_with_the_weights_that_its_task_means(void **state)
{
    struct world *world = *state;
    task_of(world, WIRE_ONESHOT_TRAIN)->oneshot.has_weights = false;
    run(world, NULL);
    struct oneshot_trained trained = train_here(world, NULL, 0);
    assert_is(&world->result, &trained);
    assert_true(world->result.seconds > 0);
    free(trained.weights);
}

static void a_schedule_is_trained_in_its_order(void **state)
{
    struct world *world = *state;
    struct wire_task *task = task_of(world, WIRE_ONESHOT_TRAIN);
    static const char schedule[] = "|nor_conv_1x1~0|+|skip_connect~0|none~1|+|avg_pool_3x3~0|none~1|skip_connect~2|\0"
                                   "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|none~1|none~2|";
    struct arch archs[2];
    struct space space;
    task->oneshot.has_weights = false;
    task->oneshot.schedule = schedule;
    task->oneshot.schedule_count = 2;
    run(world, NULL);
    assert_ok(space_open("nb201", &space, &status), status);
    assert_ok(space_parse(&space, schedule, &archs[0], &status), status);
    assert_ok(space_parse(&space, schedule + strlen(schedule) + 1, &archs[1], &status), status);
    space_close(&space);
    struct oneshot_trained trained = train_here(world, archs, 2);
    assert_is(&world->result, &trained);
    free(trained.weights);
}

static void an_architecture_is_scored_with_the_weights_that_a_training_left(void **state)
{
    struct world *world = *state;
    struct tensorfile weights = {0};
    task_of(world, WIRE_ONESHOT_TRAIN)->oneshot.has_weights = false;
    run(world, NULL);
    assert_ok(tensorfile_read(world->result.artifact, world->result.artifact_bytes, &weights, &status), status);
    task_of(world, WIRE_ONESHOT_SCORE);
    run(world, &weights);
    assert_int_equal(world->result.outcome, WIRE_OK);
    assert_null(world->result.artifact);
    assert_true(world->result.value >= 0 && world->result.value <= 100);
    assert_true(number_of(&world->result, "accuracy") == world->result.value);
    assert_true(number_of(&world->result, "cross_entropy") > 0);
    assert_true(number_of(&world->result, "arena_bytes") > 0);
    tensorfile_free(&weights);
}

static void weights_of_another_net_are_a_failure_that_names_what_is_missing(void **state)
{
    struct world *world = *state;
    struct tensorfile none = {0};
    assert_ok(tensorfile_set(&none, "format", ONESHOT_FORMAT, &status), status);
    task_of(world, WIRE_ONESHOT_SCORE);
    run(world, &none);
    assert_failed(world, "stem");
    task_of(world, WIRE_ONESHOT_TRAIN);
    run(world, &none);
    assert_failed(world, "stem");
    tensorfile_free(&none);
}

static void a_schedule_or_a_mask_that_is_none_of_the_space_is_a_failure(void **state)
{
    struct world *world = *state;
    struct wire_task *task = task_of(world, WIRE_ONESHOT_TRAIN);
    task->oneshot.has_weights = false;
    task->oneshot.schedule = "000000\0|conv_9x9~0|";
    task->oneshot.schedule_count = 2;
    run(world, NULL);
    assert_failed(world, "conv_9x9");
    task = task_of(world, WIRE_ONESHOT_TRAIN);
    task->oneshot.has_weights = false;
    task->oneshot.mask.rows[3] = 0x20;
    run(world, NULL);
    assert_failed(world, "mask");
    task->oneshot.mask.rows[3] = 0x1f;
    task->oneshot.mask_rows = 7;
    run(world, NULL);
    assert_failed(world, "mask");
    strcpy(task->space, "fbnet");
    task->oneshot.mask_rows = 22;
    for (int row = 0; row < 22; row++)
        task->oneshot.mask.rows[row] = 1;
    run(world, NULL);
    assert_failed(world, "fbnet");
}

static void a_cancelled_training_is_abandoned(void **state)
{
    struct world *world = *state;
    struct wire_task *task = task_of(world, WIRE_ONESHOT_TRAIN);
    const struct slot_inputs inputs = {.images = &world->images};
    task->oneshot.has_weights = false;
    slot_start(world->slot, task, &inputs, INT64_MIN); /* it pauses at its first step: its lease has run out */
    slot_cancel(world->slot);
    uv_run(&world->loop, UV_RUN_DEFAULT);
    assert_true(world->result.abandoned);
    assert_null(world->result.artifact);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_training_ends_with_the_weights_that_its_task_means, open_world, close_world),
        cmocka_unit_test_setup_teardown(a_schedule_is_trained_in_its_order, open_world, close_world),
        cmocka_unit_test_setup_teardown(an_architecture_is_scored_with_the_weights_that_a_training_left, open_world, close_world),
        cmocka_unit_test_setup_teardown(weights_of_another_net_are_a_failure_that_names_what_is_missing, open_world, close_world),
        cmocka_unit_test_setup_teardown(a_schedule_or_a_mask_that_is_none_of_the_space_is_a_failure, open_world, close_world),
        cmocka_unit_test_setup_teardown(a_cancelled_training_is_abandoned, open_world, close_world),
    };
    return TEST_RUN(tests);
}
