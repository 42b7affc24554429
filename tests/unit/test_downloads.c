/* downloads and inputs: what a worker fetches by digest: piece by piece, checked, kept by kind so that weights do not crowd out
 * images; what a task takes into use, and gives back. */
#include "tests/support/test.h"

#include <string.h>

#include "tests/support/message.h"
#include "worker/inputs.h"

static struct downloads downloads;
static struct wire_bundle_request request;
static struct status status;

static int setup(void **state)
{
    (void)state;
    downloads_init(&downloads);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    downloads_clear(&downloads);
    return 0;
}

/* A file of some kind, and its digest. */
struct file {
    void *data;
    size_t size;
    struct digest digest;
};

static struct file images_of(int n)
{
    enum { COUNT = 2, PIXELS = 3 * 4 * 4 };
    uint8_t pixels[COUNT * PIXELS] = {(uint8_t)n, (uint8_t)(n >> 8)};
    int32_t labels[COUNT] = {0, 1};
    struct images images = {.count = COUNT,
                            .shape = {3, 4, 4},
                            .classes = 2,
                            .pixels = pixels,
                            .labels = labels,
                            .mean = {0.5f, 0.5f, 0.5f},
                            .std = {0.25f, 0.25f, 0.25f},
                            .dataset = "made up"};
    struct file file = {0};
    assert_ok(images_write(&images, &file.data, &file.size, &status), status);
    digest_of(file.data, file.size, &file.digest);
    return file;
}

static struct file weights_of(int n)
{
    const int64_t dims[1] = {2};
    const float values[2] = {(float)n, 1};
    struct tensorfile tensors = {0};
    struct file file = {0};
    assert_ok(tensorfile_add(&tensors, "w", TENSORFILE_F32, 1, dims, values, &status), status);
    assert_ok(tensorfile_set(&tensors, "format", ONESHOT_FORMAT, &status), status);
    assert_ok(tensorfile_write(&tensors, &file.data, &file.size, &status), status);
    tensorfile_free(&tensors);
    digest_of(file.data, file.size, &file.digest);
    return file;
}

/* Hands over all of it in pieces as they are asked for; the verdict on the last. */
static enum status_code hand_over(const struct file *file)
{
    bool complete = false;
    enum status_code code = STATUS_OK;
    while (code == STATUS_OK && !complete) {
        assert_true(downloads_request(&downloads, &request));
        assert_memory_equal(&request.digest, &file->digest, sizeof request.digest);
        size_t offset = (size_t)request.offset_bytes, left = file->size - offset;
        struct wire_bundle_chunk chunk = {.digest = file->digest,
                                          .total_bytes = file->size,
                                          .offset_bytes = offset,
                                          .data = (const uint8_t *)file->data + offset,
                                          .size = left < 100 ? left : 100};
        code = downloads_chunk(&downloads, &chunk, &complete, &status);
    }
    assert_false(downloads_request(&downloads, &request));
    return code;
}

static void fetch(enum downloads_kind kind, struct file file)
{
    assert_true(downloads_fetch(&downloads, kind, &file.digest, &request));
    assert_ok(hand_over(&file), status);
    free(file.data);
}

static bool is_here(enum downloads_kind kind, struct file file)
{
    struct download *download = downloads_use(&downloads, kind, &file.digest);
    downloads_release(download);
    free(file.data);
    return download != NULL;
}

/* --- one at a time --- */

static void bytes_with_another_digest_are_not_taken_for_the_bundle(void **state)
{
    (void)state;
    struct digest digest = {{1}};
    bool complete;
    const uint8_t data[] = {1, 2, 3};
    assert_null(downloads_use(&downloads, DOWNLOADS_BUNDLE, &digest));
    assert_true(downloads_fetch(&downloads, DOWNLOADS_BUNDLE, &digest, &request));
    struct wire_bundle_chunk chunk = {.digest = digest, .total_bytes = 5, .offset_bytes = 0, .data = data, .size = 3};
    assert_int_equal(downloads_chunk(&downloads, &chunk, &complete, &status), STATUS_OK);
    assert_true(downloads_request(&downloads, &request));
    assert_int_equal(request.offset_bytes, 3);
    assert_int_equal(downloads_chunk(&downloads, &chunk, &complete, &status), STATUS_UNAVAILABLE);
    chunk.offset_bytes = 3;
    chunk.size = 2;
    assert_int_equal(downloads_chunk(&downloads, &chunk, &complete, &status), STATUS_BAD_INPUT);
    assert_non_null(strstr(status.message, "the bundle that came has another digest"));
    assert_false(downloads_request(&downloads, &request));
}

static void what_the_master_does_not_have_ends_the_fetch(void **state)
{
    (void)state;
    struct digest digest = {{1}};
    bool complete;
    assert_true(downloads_fetch(&downloads, DOWNLOADS_WEIGHTS, &digest, &request));
    assert_false(downloads_fetch(&downloads, DOWNLOADS_WEIGHTS, &digest, &request));
    assert_false(downloads_fetch(&downloads, DOWNLOADS_IMAGES, &digest, &request));
    struct wire_bundle_chunk chunk = {.digest = digest};
    assert_int_equal(downloads_chunk(&downloads, &chunk, &complete, &status), STATUS_NOT_FOUND);
    assert_non_null(strstr(status.message, "weights"));
    assert_true(downloads_fetch(&downloads, DOWNLOADS_WEIGHTS, &digest, &request));
}

static void a_file_of_another_kind_or_beyond_its_kinds_size_is_refused(void **state)
{
    (void)state;
    struct file weights = weights_of(1);
    bool complete;
    assert_true(downloads_fetch(&downloads, DOWNLOADS_IMAGES, &weights.digest, &request));
    assert_int_equal(hand_over(&weights), STATUS_BAD_INPUT);
    assert_null(downloads_use(&downloads, DOWNLOADS_IMAGES, &weights.digest));
    struct wire_bundle_chunk chunk = {
        .digest = weights.digest, .total_bytes = BUNDLE_BYTES_MAX + 1, .data = weights.data, .size = weights.size};
    assert_true(downloads_fetch(&downloads, DOWNLOADS_BUNDLE, &weights.digest, &request));
    assert_int_equal(downloads_chunk(&downloads, &chunk, &complete, &status), STATUS_BAD_INPUT);
    assert_non_null(strstr(status.message, "at most"));
    assert_false(downloads_request(&downloads, &request));
    free(weights.data);
}

/* --- several --- */

static void what_is_fetched_is_used_as_what_it_is(void **state)
{
    (void)state;
    fetch(DOWNLOADS_IMAGES, images_of(7));
    fetch(DOWNLOADS_WEIGHTS, weights_of(7));
    struct file images = images_of(7), weights = weights_of(7);
    struct download *one = downloads_use(&downloads, DOWNLOADS_IMAGES, &images.digest);
    struct download *two = downloads_use(&downloads, DOWNLOADS_WEIGHTS, &weights.digest);
    assert_true(one != NULL && two != NULL);
    assert_int_equal(one->images.count, 2);
    assert_int_equal(one->images.pixels[0], 7);
    assert_non_null(tensorfile_find(&two->weights, "w"));
    downloads_release(one);
    downloads_release(two);
    free(images.data);
    free(weights.data);
}

static void weights_of_many_epochs_do_not_crowd_out_images(void **state)
{
    (void)state;
    fetch(DOWNLOADS_IMAGES, images_of(1));
    fetch(DOWNLOADS_IMAGES, images_of(2));
    for (int epoch = 0; epoch < 50; epoch++)
        fetch(DOWNLOADS_WEIGHTS, weights_of(epoch));
    assert_true(is_here(DOWNLOADS_IMAGES, images_of(1)) && is_here(DOWNLOADS_IMAGES, images_of(2)));
    assert_true(is_here(DOWNLOADS_WEIGHTS, weights_of(49)) && is_here(DOWNLOADS_WEIGHTS, weights_of(48)));
    for (int epoch = 0; epoch < 48; epoch++)
        assert_false(is_here(DOWNLOADS_WEIGHTS, weights_of(epoch)));
}

static void what_is_in_use_stays_and_what_was_used_last_stays_longer(void **state)
{
    (void)state;
    struct file first = weights_of(1), second = weights_of(2), third = weights_of(3);
    fetch(DOWNLOADS_WEIGHTS, weights_of(1));
    fetch(DOWNLOADS_WEIGHTS, weights_of(2));
    struct download *one = downloads_use(&downloads, DOWNLOADS_WEIGHTS, &first.digest);
    fetch(DOWNLOADS_WEIGHTS, weights_of(3)); /* in the second's place */
    assert_ptr_equal(downloads_use(&downloads, DOWNLOADS_WEIGHTS, &first.digest), one);
    assert_null(downloads_use(&downloads, DOWNLOADS_WEIGHTS, &second.digest));
    struct download *other = downloads_use(&downloads, DOWNLOADS_WEIGHTS, &third.digest);
    assert_non_null(other);
    assert_false(downloads_fetch(&downloads, DOWNLOADS_WEIGHTS, &second.digest, &request)); /* both places are in use */
    assert_true(downloads_fetch(&downloads, DOWNLOADS_IMAGES, &second.digest, &request));
    downloads_release(one);
    downloads_release(one);
    downloads_release(other);
    free(first.data);
    free(second.data);
    free(third.data);
}

/* --- what tasks need --- */

static void a_task_has_all_it_needs_in_use_or_nothing(void **state)
{
    (void)state;
    struct wire_message message = message_numbered(WIRE_TYPES);
    struct wire_task *task = &message.task;
    struct file images = images_of(1), weights = weights_of(1), other = weights_of(2);
    struct inputs inputs = {{0}};
    struct slot_inputs got;
    struct inputs_need missing;
    task->bundle_digest = images.digest;
    task->oneshot.weights = weights.digest;
    assert_false(inputs_take(&inputs, &downloads, task, &got, &missing));
    assert_true(missing.kind == DOWNLOADS_IMAGES && memcmp(&missing.digest, &images.digest, sizeof images.digest) == 0);
    fetch(DOWNLOADS_IMAGES, images_of(1));
    assert_false(inputs_take(&inputs, &downloads, task, &got, &missing));
    assert_true(missing.kind == DOWNLOADS_WEIGHTS && memcmp(&missing.digest, &weights.digest, sizeof weights.digest) == 0);
    fetch(DOWNLOADS_WEIGHTS, weights_of(1));
    assert_int_equal(downloads.places[DOWNLOADS_IMAGES][0].users, 0);
    assert_true(inputs_take(&inputs, &downloads, task, &got, &missing));
    assert_true(got.bundle == NULL && got.images->count == 2 && tensorfile_find(got.weights, "w") != NULL);
    assert_int_equal(downloads.places[DOWNLOADS_IMAGES][0].users, 1);
    assert_int_equal(downloads.places[DOWNLOADS_WEIGHTS][0].users, 1);
    assert_true(inputs_name(task, &images.digest) && inputs_name(task, &weights.digest) && !inputs_name(task, &other.digest));
    inputs_release(&inputs);
    inputs_release(&inputs);
    assert_int_equal(downloads.places[DOWNLOADS_IMAGES][0].users, 0);
    assert_int_equal(downloads.places[DOWNLOADS_WEIGHTS][0].users, 0);
    task->oneshot.has_weights = false; /* drawn */
    assert_true(inputs_take(&inputs, &downloads, task, &got, &missing));
    assert_null(got.weights);
    assert_false(inputs_name(task, &weights.digest));
    inputs_release(&inputs);
    free(images.data);
    free(weights.data);
    free(other.data);
}

static void a_measurement_needs_nothing(void **state)
{
    (void)state;
    struct wire_task task = {.kind = WIRE_MEASURE};
    struct digest zeros = {{0}};
    struct inputs inputs = {{0}};
    struct slot_inputs got;
    struct inputs_need missing;
    assert_true(inputs_take(&inputs, &downloads, &task, &got, &missing));
    assert_true(got.bundle == NULL && got.images == NULL && got.weights == NULL);
    assert_false(inputs_name(&task, &zeros));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(bytes_with_another_digest_are_not_taken_for_the_bundle, setup, teardown),
        cmocka_unit_test_setup_teardown(what_the_master_does_not_have_ends_the_fetch, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_of_another_kind_or_beyond_its_kinds_size_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_fetched_is_used_as_what_it_is, setup, teardown),
        cmocka_unit_test_setup_teardown(weights_of_many_epochs_do_not_crowd_out_images, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_in_use_stays_and_what_was_used_last_stays_longer, setup, teardown),
        cmocka_unit_test_setup_teardown(a_task_has_all_it_needs_in_use_or_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_measurement_needs_nothing, setup, teardown),
    };
    return TEST_RUN(tests);
}
