/* images: what is written is read back, equal inputs give equal bytes, and no damaged file gets past images_read. */
#include "tests/support/test.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "common/images.h"
#include "common/tensorfile.h"

enum { N = 5, C = 3, H = 2, W = 4, IMAGE = C * H * W };

static void make(struct images *images)
{
    *images = (struct images){.count = N, .shape = {C, H, W}, .classes = 10, .dataset = "cifar10"};
    images->pixels = malloc(N * IMAGE);
    images->labels = malloc(N * sizeof *images->labels);
    assert_true(images->pixels != NULL && images->labels != NULL);
    for (int i = 0; i < N * IMAGE; i++)
        images->pixels[i] = (uint8_t)(i * 7);
    for (int i = 0; i < N; i++)
        images->labels[i] = 9 - i;
    for (int c = 0; c < C; c++) {
        images->mean[c] = 0.1F * (float)(c + 1);
        images->std[c] = 0.2F + 0.1F * (float)c;
    }
}

static void what_is_written_is_read_back(void **state)
{
    (void)state;
    struct images images, back = {0};
    struct status status = {0};
    void *data;
    size_t size;
    make(&images);
    assert_ok(images_write(&images, &data, &size, &status), status);
    assert_ok(images_read(data, size, &back, &status), status);
    assert_int_equal(back.count, N);
    assert_int_equal(back.classes, 10);
    assert_int_equal(back.shape.c, C);
    assert_int_equal(back.shape.h, H);
    assert_int_equal(back.shape.w, W);
    assert_memory_equal(back.pixels, images.pixels, N * IMAGE);
    assert_memory_equal(back.labels, images.labels, N * sizeof *images.labels);
    assert_memory_equal(back.mean, images.mean, sizeof images.mean);
    assert_memory_equal(back.std, images.std, sizeof images.std);
    assert_string_equal(back.dataset, "cifar10");
    images_free(&back);
    images_free(&images);
    free(data);
}

static void equal_images_have_equal_bytes_and_different_ones_do_not(void **state)
{
    (void)state;
    struct images images;
    struct status status = {0};
    void *data[3];
    size_t size[3];
    make(&images);
    assert_ok(images_write(&images, &data[0], &size[0], &status), status);
    assert_ok(images_write(&images, &data[1], &size[1], &status), status);
    images.std[2] = nextafterf(images.std[2], 1);
    assert_ok(images_write(&images, &data[2], &size[2], &status), status);
    assert_int_equal(size[0], size[1]);
    assert_memory_equal(data[0], data[1], size[0]);
    assert_true(size[0] != size[2] || memcmp(data[0], data[2], size[0]) != 0);
    for (int i = 0; i < 3; i++)
        free(data[i]);
    images_free(&images);
}

/* Wants images_read to say these words of the bytes, and to give nothing. */
static void refuse_bytes(const void *data, size_t size, const char *words)
{
    struct images back = {0};
    struct status status = {0};
    enum status_code code = images_read(data, size, &back, &status);
    if (code != STATUS_BAD_INPUT || strstr(status.message, words) == NULL)
        fail_msg("got %s: \"%s\"; wanted bad_input with \"%s\"", status_name(code), status.message, words);
    assert_null(back.pixels);
    assert_null(back.labels);
}

static void refuse(void (*spoil)(struct images *images), const char *words)
{
    struct images images;
    struct status status = {0};
    void *data;
    size_t size;
    make(&images);
    spoil(&images);
    assert_ok(images_write(&images, &data, &size, &status), status);
    refuse_bytes(data, size, words);
    images_free(&images);
    free(data);
}

static void spoil_label(struct images *images)
{
    images->labels[3] = 10;
}

static void spoil_negative_label(struct images *images)
{
    images->labels[0] = -1;
}

static void spoil_std(struct images *images)
{
    images->std[1] = 0;
}

static void spoil_mean(struct images *images)
{
    images->mean[2] = NAN;
}

static void spoil_classes(struct images *images)
{
    images->classes = 1;
}

static void what_is_wrong_is_named(void **state)
{
    (void)state;
    refuse(spoil_label, "label 3 is 10; there are 10 classes");
    refuse(spoil_negative_label, "label 0 is -1");
    refuse(spoil_std, "std of channel 1 is 0");
    refuse(spoil_mean, "\"mean\"");
    refuse(spoil_classes, "\"classes\" is \"1\"");
}

/* The file of the good images with one tensor or one piece of metadata other than it should be. */
static void refuse_file(const char *format, int label_count, int channels, bool stranger, const char *words)
{
    static const uint8_t pixels[N * IMAGE];
    static const int32_t labels[N + 1];
    const int64_t dims[4] = {N, channels, 1, 1}, count[1] = {label_count};
    struct tensorfile file = {0};
    struct status status = {0};
    void *data;
    size_t size;
    assert_ok(tensorfile_set(&file, "format", format, &status), status);
    assert_ok(tensorfile_set(&file, "dataset", "cifar10", &status), status);
    assert_ok(tensorfile_set(&file, "classes", "10", &status), status);
    assert_ok(tensorfile_set(&file, "mean", "0,0,0", &status), status);
    assert_ok(tensorfile_set(&file, "std", "1,1,1", &status), status);
    assert_ok(tensorfile_add(&file, "images", TENSORFILE_U8, 4, dims, pixels, &status), status);
    assert_ok(tensorfile_add(&file, "labels", TENSORFILE_I32, 1, count, labels, &status), status);
    if (stranger)
        assert_ok(tensorfile_add(&file, "more", TENSORFILE_I32, 1, count, labels, &status), status);
    assert_ok(tensorfile_write(&file, &data, &size, &status), status);
    if (words != NULL) {
        refuse_bytes(data, size, words);
    } else {
        struct images back;
        assert_ok(images_read(data, size, &back, &status), status);
        images_free(&back);
    }
    tensorfile_free(&file);
    free(data);
}

static void a_file_that_is_something_else_is_refused(void **state)
{
    (void)state;
    refuse_file("hwnas-images-1", N, 3, false, NULL);
    refuse_file("hwnas-images-2", N, 3, false, "hwnas images build");
    refuse_file("hwnas-images-1", N + 1, 3, false, "\"labels\" has another type or shape");
    refuse_file("hwnas-images-1", N, 5, false, "dimension 1 of the images");
    refuse_file("hwnas-images-1", N, 2, false, "one a channel");
    refuse_file("hwnas-images-1", N, 3, true, "3 tensors where 2 belong");
    refuse_bytes("12345678", 8, "images");
}

static void every_prefix_is_refused(void **state)
{
    (void)state;
    struct images images, back = {0};
    struct status status = {0};
    void *data;
    size_t size;
    make(&images);
    assert_ok(images_write(&images, &data, &size, &status), status);
    for (size_t part = 0; part < size; part++) {
        assert_int_equal(images_read(data, part, &back, &status), STATUS_BAD_INPUT);
        assert_null(back.pixels);
    }
    images_free(&images);
    free(data);
}

static void a_path_stands_before_what_is_wrong_with_its_file(void **state)
{
    (void)state;
    struct images back = {0};
    struct status status = {0};
    assert_int_equal(images_load("tests/README.md", &back, &status), STATUS_BAD_INPUT);
    assert_non_null(strstr(status.message, "tests/README.md: images"));
    assert_int_equal(images_load("tests/absent", &back, &status), STATUS_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_back), cmocka_unit_test(equal_images_have_equal_bytes_and_different_ones_do_not),
        cmocka_unit_test(what_is_wrong_is_named),       cmocka_unit_test(a_file_that_is_something_else_is_refused),
        cmocka_unit_test(every_prefix_is_refused),      cmocka_unit_test(a_path_stands_before_what_is_wrong_with_its_file),
    };
    return TEST_RUN(tests);
}
