/* data: every format, its normalisation and augmentation, and what damaged or hostile files get told. */
#include "tests/support/test.h"

#include <math.h>
#include <string.h>
#include <zlib.h>

#include "common/fileio.h"
#include "worker/data.h"

enum { CIFAR10 = 3073, CIFAR100 = 3074, IMAGE = 3072 };

static char folder[] = "/tmp/hwnas-test-data-XXXXXX";

static const char *path_of(const char *name)
{
    static char paths[4][128];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static const char *write_file(const char *name, const void *data, size_t size)
{
    struct status status = {0};
    const char *path = path_of(name);
    assert_ok(fileio_write(path, data, size, &status), status);
    return path;
}

static const char *write_gzip(const char *name, const void *data, size_t size)
{
    const char *path = path_of(name);
    gzFile file = gzopen(path, "wb9");
    assert_non_null(file);
    assert_int_equal(gzwrite(file, data, (unsigned)size), (int)size);
    assert_int_equal(gzclose(file), Z_OK);
    return path;
}

/* count records whose label is i % classes and whose pixels are (i + channel) everywhere but for the first, which is 255. */
static uint8_t *cifar(size_t count, size_t record, int classes)
{
    uint8_t *data = calloc(count, record);
    for (size_t i = 0; i < count; i++) {
        uint8_t *at = data + i * record;
        at[record - IMAGE - 1] = (uint8_t)(i % (size_t)classes);
        for (int c = 0; c < 3; c++)
            memset(at + record - IMAGE + c * 1024, (int)i + c, 1024);
        at[record - IMAGE] = 255;
    }
    return data;
}

static void put_big_endian(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (24 - 8 * i));
}

/* An IDX image file of count images of side x side: pixel (y,x) of image i is 10*i + y. */
static uint8_t *idx_images(uint32_t count, uint32_t side, size_t *size)
{
    *size = 16 + (size_t)count * side * side;
    uint8_t *data = calloc(1, *size);
    put_big_endian(data, 0x0803);
    put_big_endian(data + 4, count);
    put_big_endian(data + 8, side);
    put_big_endian(data + 12, side);
    for (uint32_t i = 0; i < count * side * side; i++)
        data[16 + i] = (uint8_t)(10 * (i / (side * side)) + i / side % side);
    return data;
}

static uint8_t *idx_labels(uint32_t count, size_t *size)
{
    *size = 8 + count;
    uint8_t *data = calloc(1, *size);
    put_big_endian(data, 0x0801);
    put_big_endian(data + 4, count);
    for (uint32_t i = 0; i < count; i++)
        data[8 + i] = (uint8_t)(i % 10);
    return data;
}

/* Loads and wants this status and these words in the sentence. */
static void refuse(const char *path, const char *labels, const char *format, enum status_code want, const char *words)
{
    struct data_set set = {0};
    struct status status = {0};
    enum status_code code = data_load(path, labels, format, 0, &set, &status);
    if (code != want || strstr(status.message, words) == NULL)
        fail_msg("got %s: \"%s\"; wanted %s with \"%s\"", status_name(code), status.message, status_name(want), words);
    assert_null(set.images);
}

static void cifar10_is_known_by_its_record_size_and_normalised_by_imagenets_constants(void **state)
{
    (void)state;
    struct data_set set = {0};
    struct status status = {0};
    uint8_t *data = cifar(12, CIFAR10, 10);
    assert_ok(data_load(write_file("ten", data, 12 * CIFAR10), NULL, NULL, 0, &set, &status), status);
    assert_string_equal(set.name, "cifar10");
    assert_int_equal(set.count, 12);
    assert_int_equal(set.classes, 10);
    assert_int_equal(set.labels[11], 1);
    float image[IMAGE];
    data_batch(&set, &(uint32_t){7}, 1, image);
    assert_near((double)image[0], (1.0 - 0.485) / 0.229, 1e-6, 0);
    assert_near((double)image[2 * 1024 + 5], (9 / 255.0 - 0.406) / 0.225, 1e-6, 0);
    data_free(&set);
    free(data);
}

static void cifar100_takes_the_fine_label(void **state)
{
    (void)state;
    struct data_set set = {0};
    struct status status = {0};
    uint8_t *data = cifar(60, CIFAR100, 100);
    for (int i = 0; i < 60; i++)
        data[i * CIFAR100] = 19;
    assert_ok(data_load(write_file("hundred", data, 60 * CIFAR100), NULL, NULL, 0, &set, &status), status);
    assert_string_equal(set.name, "cifar100");
    assert_int_equal(set.classes, 100);
    assert_int_equal(set.labels[59], 59);
    assert_near((double)set.mean[1], 0.4865, 1e-6, 0);
    data_free(&set);
    free(data);
}

static void a_gzip_file_reads_like_the_plain_one(void **state)
{
    (void)state;
    struct data_set set = {0};
    struct status status = {0};
    uint8_t *data = cifar(5, CIFAR10, 10);
    assert_ok(data_load(write_gzip("ten.gz", data, 5 * CIFAR10), NULL, NULL, 0, &set, &status), status);
    assert_int_equal(set.count, 5);
    assert_memory_equal(set.images + 4 * IMAGE, data + 4 * CIFAR10 + 1, IMAGE);
    data_free(&set);
    free(data);
}

static void max_count_keeps_the_first_images(void **state)
{
    (void)state;
    struct data_set set = {0};
    struct status status = {0};
    uint8_t *data = cifar(5, CIFAR10, 10);
    assert_ok(data_load(write_file("five", data, 5 * CIFAR10), NULL, NULL, 3, &set, &status), status);
    assert_int_equal(set.count, 3);
    data_free(&set);
    free(data);
}

static void idx_is_centred_on_32x32_repeated_in_three_channels_and_finds_its_labels(void **state)
{
    (void)state;
    struct data_set set = {0};
    struct status status = {0};
    size_t size, label_size;
    uint8_t *images = idx_images(12, 28, &size), *labels = idx_labels(12, &label_size);
    write_gzip("t-labels-idx1-ubyte.gz", labels, label_size);
    assert_ok(data_load(write_gzip("t-images-idx3-ubyte.gz", images, size), NULL, NULL, 0, &set, &status), status);
    assert_int_equal(set.shape.c, 3);
    assert_int_equal(set.shape.h, 32);
    assert_int_equal(set.classes, 10);
    assert_int_equal(set.labels[11], 1);
    const uint8_t *third = set.images + 3 * IMAGE;
    assert_int_equal(third[1 * 32 + 16], 0);                   /* padding above */
    assert_int_equal(third[2 * 32 + 1], 0);                    /* padding at the left */
    assert_int_equal(third[2 * 32 + 2], 30);                   /* the image's first pixel */
    assert_int_equal(third[2 * 1024 + 29 * 32 + 29], 30 + 27); /* its last, in the last channel */
    assert_int_equal(third[30 * 32 + 16], 0);                  /* padding below */
    data_free(&set);
    free(images);
    free(labels);
}

static void idx_normalisation_gives_mean_0_and_deviation_1_whatever_is_kept(void **state)
{
    (void)state;
    struct data_set all = {0}, some = {0};
    struct status status = {0};
    size_t size, label_size;
    uint8_t *images = idx_images(20, 28, &size), *labels = idx_labels(20, &label_size);
    const char *path = write_file("n-images-idx3", images, size);
    write_file("n-labels-idx1", labels, label_size);
    assert_ok(data_load(path, NULL, NULL, 0, &all, &status), status);
    assert_ok(data_load(path, NULL, NULL, 2, &some, &status), status);
    uint32_t indices[20];
    for (uint32_t i = 0; i < 20; i++)
        indices[i] = i;
    float *batch = malloc(20 * IMAGE * sizeof *batch);
    data_batch(&all, indices, 20, batch);
    double sum = 0, squares = 0;
    for (int i = 0; i < 20 * IMAGE; i++) {
        sum += (double)batch[i];
        squares += (double)batch[i] * (double)batch[i];
    }
    assert_near(sum / (20 * IMAGE), 0, 0, 1e-4);
    assert_near(squares / (20 * IMAGE), 1, 1e-4, 0);
    assert_near((double)some.mean[0], (double)all.mean[0], 0, 0);
    free(batch);
    data_free(&all);
    data_free(&some);
    free(images);
    free(labels);
}

/* The image is a ramp that no shift or mirror leaves alone, so the shift can be read off the result. */
static void augmentation_shifts_by_at_most_4_and_mirrors_about_half(void **state)
{
    (void)state;
    uint8_t pixels[IMAGE], label = 0;
    for (int c = 0; c < 3; c++)
        for (int i = 0; i < 1024; i++)
            pixels[c * 1024 + i] = (uint8_t)(1 + i / 32 * 7 + i % 32);
    struct data_set set = {.count = 1, .shape = {3, 32, 32}, .classes = 2, .images = pixels, .labels = &label, .std = {1, 1, 1, 1}};
    struct rng rng;
    rng_seed(&rng, 11);
    int mirrored = 0, shifts[9] = {0};
    for (int trial = 0; trial < 400; trial++) {
        float out[IMAGE];
        data_batch_augmented(&set, &(uint32_t){0}, 1, &rng, out);
        int here = (int)lrintf(out[16 * 32 + 16] * 255), right = (int)lrintf(out[16 * 32 + 17] * 255);
        int below = (int)lrintf(out[17 * 32 + 16] * 255);
        assert_int_equal(below - here, 7);
        assert_int_equal(abs(right - here), 1);
        mirrored += right < here;
        int dx = here - (1 + 16 * 7 + (right < here ? 15 : 16)), dy = (int)lrint(dx / 7.0);
        dx -= 7 * dy; /* -3..3: enough to tell rows apart, wrong by 7 for shifts of 4 */
        assert_in_range(dy + 5, 0, 10);
        shifts[dx + 4]++;
    }
    assert_in_range(mirrored, 150, 250);
    for (int dx = -3; dx <= 3; dx++)
        assert_true(shifts[dx + 4] > 10);
}

static void pixels_from_outside_the_image_are_black(void **state)
{
    (void)state;
    uint8_t pixels[IMAGE], label = 0;
    memset(pixels, 255, sizeof pixels);
    struct data_set set = {.count = 1,
                           .shape = {3, 32, 32},
                           .classes = 2,
                           .images = pixels,
                           .labels = &label,
                           .mean = {0.5f, 0.5f, 0.5f, 0},
                           .std = {0.5f, 0.5f, 0.5f, 1}};
    struct rng rng;
    rng_seed(&rng, 3);
    int black = 0;
    for (int trial = 0; trial < 50; trial++) {
        float out[IMAGE];
        data_batch_augmented(&set, &(uint32_t){0}, 1, &rng, out);
        for (int i = 0; i < IMAGE; i++) {
            assert_true(out[i] == 1.0f || out[i] == -1.0f);
            black += out[i] == -1.0f;
        }
    }
    assert_in_range(black, 50 * 1000 / 4, 50 * IMAGE / 3);
}

static void a_file_of_no_known_format_is_told_what_was_looked_for(void **state)
{
    (void)state;
    char text[1000] = "hello";
    refuse(write_file("text", text, sizeof text), NULL, NULL, STATUS_BAD_INPUT, "neither IDX");
    refuse(write_file("empty", text, 0), NULL, NULL, STATUS_BAD_INPUT, "neither IDX");
    refuse(path_of("absent"), NULL, NULL, STATUS_NOT_FOUND, "absent");
    refuse(path_of("text"), NULL, "png", STATUS_BAD_INPUT, "\"png\" is not known");
}

static void a_size_that_fits_both_cifars_needs_the_format(void **state)
{
    (void)state;
    struct data_set set = {0};
    struct status status = {0};
    uint8_t *data = cifar(3073, CIFAR100, 10);
    const char *path = write_file("both", data, (size_t)3073 * CIFAR100);
    refuse(path, NULL, NULL, STATUS_BAD_INPUT, "--format");
    assert_ok(data_load(path, NULL, "cifar100", 0, &set, &status), status);
    assert_int_equal(set.count, 3073);
    data_free(&set);
    free(data);
}

static void a_cut_off_cifar_file_names_the_offset_of_the_broken_record(void **state)
{
    (void)state;
    uint8_t *data = cifar(3, CIFAR10, 10);
    refuse(write_file("cut", data, 3 * CIFAR10 - 1), NULL, "cifar10", STATUS_BAD_INPUT, "offset 6146");
    free(data);
}

static void a_cifar_label_out_of_range_names_image_and_offset(void **state)
{
    (void)state;
    uint8_t *data = cifar(3, CIFAR10, 10);
    data[2 * CIFAR10] = 10;
    refuse(write_file("label", data, 3 * CIFAR10), NULL, NULL, STATUS_BAD_INPUT, "image 2 has label 10 at offset 6146");
    free(data);
}

static void a_cut_off_gzip_file_is_refused(void **state)
{
    (void)state;
    uint8_t *data = cifar(5, CIFAR10, 10);
    struct status status = {0};
    void *packed = NULL;
    size_t size;
    const char *path = write_gzip("whole.gz", data, 5 * CIFAR10);
    assert_ok(fileio_read(path, 1 << 20, &packed, &size, &status), status);
    refuse(write_file("cut.gz", packed, size / 2), NULL, NULL, STATUS_BAD_INPUT, "cut off");
    refuse(write_file("cut1.gz", packed, size - 1), NULL, NULL, STATUS_BAD_INPUT, "cut off");
    ((uint8_t *)packed)[size / 2] ^= 0xff;
    refuse(write_file("bad.gz", packed, size), NULL, NULL, STATUS_BAD_INPUT, "bad.gz");
    free(packed);
    free(data);
}

/* 1.1 GiB of zeros pack into about a megabyte. */
static void a_gzip_bomb_is_refused_at_the_limit(void **state)
{
    (void)state;
    static const char zeros[1 << 20];
    const char *path = path_of("bomb.gz");
    gzFile file = gzopen(path, "wb1");
    for (int i = 0; i < 1100; i++)
        assert_int_equal(gzwrite(file, zeros, sizeof zeros), sizeof zeros);
    gzclose(file);
    refuse(path, NULL, NULL, STATUS_BAD_INPUT, "unpacks to more than");
}

static void idx_headers_that_lie_are_refused(void **state)
{
    (void)state;
    size_t size, label_size;
    uint8_t *images = idx_images(4, 28, &size), *labels = idx_labels(4, &label_size);
    const char *good_labels = write_file("l", labels, label_size);
    refuse(write_file("i", images, size - 1), good_labels, NULL, STATUS_BAD_INPUT, "promises 4 items of 784 bytes");
    refuse(write_file("i", images, 9), good_labels, NULL, STATUS_BAD_INPUT, "ends at offset 9");
    put_big_endian(images + 4, 0xffffffff);
    refuse(write_file("i", images, size), good_labels, NULL, STATUS_BAD_INPUT, "promises 4294967295 items");
    put_big_endian(images + 4, 0);
    refuse(write_file("i", images, 16), good_labels, NULL, STATUS_BAD_INPUT, "no images");
    put_big_endian(images + 4, 4);
    put_big_endian(images + 8, 33);
    refuse(write_file("i", images, size), good_labels, NULL, STATUS_UNSUPPORTED, "33x28");
    put_big_endian(images + 8, 28);
    const char *good = write_file("i", images, size);
    refuse(good, NULL, NULL, STATUS_BAD_INPUT, "--labels");
    refuse(good, good, NULL, STATUS_BAD_INPUT, "magic of IDX labels");
    put_big_endian(labels + 4, 5);
    refuse(good, write_file("l", labels, label_size), NULL, STATUS_BAD_INPUT, "5 labels (offset 4) for the 4 images");
    put_big_endian(labels + 4, 4);
    refuse(good, write_file("l", labels, label_size - 1), NULL, STATUS_BAD_INPUT, "promises 4 items of 1 bytes");
    refuse(good, NULL, "cifar10", STATUS_BAD_INPUT, "multiple of 3073");
    free(images);
    free(labels);
}

static void images_of_one_flat_grey_are_refused(void **state)
{
    (void)state;
    size_t size, label_size;
    uint8_t *images = idx_images(4, 28, &size), *labels = idx_labels(4, &label_size);
    memset(images + 16, 0, size - 16);
    refuse(write_file("i", images, size), write_file("l", labels, label_size), NULL, STATUS_BAD_INPUT, "same value");
    free(images);
    free(labels);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cifar10_is_known_by_its_record_size_and_normalised_by_imagenets_constants),
        cmocka_unit_test(cifar100_takes_the_fine_label),
        cmocka_unit_test(a_gzip_file_reads_like_the_plain_one),
        cmocka_unit_test(max_count_keeps_the_first_images),
        cmocka_unit_test(idx_is_centred_on_32x32_repeated_in_three_channels_and_finds_its_labels),
        cmocka_unit_test(idx_normalisation_gives_mean_0_and_deviation_1_whatever_is_kept),
        cmocka_unit_test(augmentation_shifts_by_at_most_4_and_mirrors_about_half),
        cmocka_unit_test(pixels_from_outside_the_image_are_black),
        cmocka_unit_test(a_file_of_no_known_format_is_told_what_was_looked_for),
        cmocka_unit_test(a_size_that_fits_both_cifars_needs_the_format),
        cmocka_unit_test(a_cut_off_cifar_file_names_the_offset_of_the_broken_record),
        cmocka_unit_test(a_cifar_label_out_of_range_names_image_and_offset),
        cmocka_unit_test(a_cut_off_gzip_file_is_refused),
        cmocka_unit_test(a_gzip_bomb_is_refused_at_the_limit),
        cmocka_unit_test(idx_headers_that_lie_are_refused),
        cmocka_unit_test(images_of_one_flat_grey_are_refused),
    };
    if (mkdtemp(folder) == NULL)
        return 1;
    int failed = TEST_RUN(tests);
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command) != 0 || failed;
}
