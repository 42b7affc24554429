/* bundle: what is written is read back, equal inputs give equal bytes, and no damaged bundle gets past bundle_read. */
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

#include "common/bundle.h"
#include "common/tensorfile.h"

enum { N = 4, C = 3, H = 2, W = 5, TAPS = 2, IMAGE = C * H * W };

/* A bundle of four small images; Grams are centred by construction (rows sum to 0). */
static void make(struct bundle *bundle)
{
    memset(bundle, 0, sizeof *bundle);
    bundle->batch = N;
    bundle->shape = (struct net_shape){C, H, W};
    bundle->classes = 10;
    bundle->taps = TAPS;
    bundle->images = malloc(N * IMAGE);
    for (int i = 0; i < N * IMAGE; i++)
        bundle->images[i] = (uint8_t)(i * 7);
    bundle->labels = malloc(N * sizeof(int32_t));
    bundle->indices = malloc(N * sizeof(int32_t));
    bundle->cross_entropy = malloc(N * sizeof(double));
    for (int i = 0; i < N; i++) {
        bundle->labels[i] = 9 - i;
        bundle->indices[i] = 100 * i;
        bundle->cross_entropy[i] = 1e-15 * (i + 1);
    }
    for (int tap = 0; tap < TAPS; tap++) {
        bundle->grams[tap] = malloc(N * N * sizeof(float));
        for (int i = 0; i < N * N; i++)
            bundle->grams[tap][i] = (float)((tap + 1) * (i % (N + 1) == 0 ? 3 : -1));
    }
    for (int c = 0; c < C; c++) {
        bundle->mean[c] = 0.1f * (float)(c + 1);
        bundle->std[c] = 0.2f + 0.1f * (float)c;
    }
    strcpy(bundle->dataset, "cifar10");
    strcpy(bundle->reference, "model.onnx");
}

static void what_is_written_is_read_back(void **state)
{
    (void)state;
    struct bundle bundle, back = {0};
    struct status status = {0};
    void *data;
    size_t size;
    make(&bundle);
    assert_ok(bundle_write(&bundle, &data, &size, &status), status);
    assert_ok(bundle_read(data, size, &back, &status), status);
    assert_int_equal(back.batch, N);
    assert_int_equal(back.taps, TAPS);
    assert_int_equal(back.classes, 10);
    assert_int_equal(back.shape.w, W);
    assert_memory_equal(back.images, bundle.images, N * IMAGE);
    assert_memory_equal(back.labels, bundle.labels, N * sizeof(int32_t));
    assert_memory_equal(back.indices, bundle.indices, N * sizeof(int32_t));
    assert_memory_equal(back.cross_entropy, bundle.cross_entropy, N * sizeof(double));
    assert_memory_equal(back.grams[1], bundle.grams[1], N * N * sizeof(float));
    assert_memory_equal(back.mean, bundle.mean, sizeof bundle.mean);
    assert_memory_equal(back.std, bundle.std, sizeof bundle.std);
    assert_string_equal(back.dataset, "cifar10");
    assert_string_equal(back.reference, "model.onnx");
    bundle_free(&back);
    bundle_free(&bundle);
    free(data);
}

static void equal_bundles_have_equal_bytes_and_different_ones_do_not(void **state)
{
    (void)state;
    struct bundle a, b;
    struct status status = {0};
    void *data[3];
    size_t size[3];
    make(&a);
    make(&b);
    assert_ok(bundle_write(&a, &data[0], &size[0], &status), status);
    assert_ok(bundle_write(&b, &data[1], &size[1], &status), status);
    b.std[2] = nextafterf(b.std[2], 1);
    assert_ok(bundle_write(&b, &data[2], &size[2], &status), status);
    assert_int_equal(size[0], size[1]);
    assert_memory_equal(data[0], data[1], size[0]);
    assert_true(size[0] != size[2] || memcmp(data[0], data[2], size[0]) != 0);
    for (int i = 0; i < 3; i++)
        free(data[i]);
    bundle_free(&a);
    bundle_free(&b);
}

static void images_are_normalised_channel_by_channel(void **state)
{
    (void)state;
    struct bundle bundle;
    double out[N * IMAGE];
    make(&bundle);
    bundle_normalise(&bundle, out);
    int at = 3 * IMAGE + 2 * H * W + 4; /* image 3, channel 2 */
    assert_near(out[at], (bundle.images[at] / 255.0 - 0.3) / 0.4, 1e-6, 0);
    assert_near(out[0], (bundle.images[0] / 255.0 - 0.1) / 0.2, 1e-6, 0);
    bundle_free(&bundle);
}

/* Spoils a good bundle, writes it, and wants bundle_read to say these words and to give nothing. */
static void refuse(void (*spoil)(struct bundle *bundle), const char *words)
{
    struct bundle bundle, back = {0};
    struct status status = {0};
    void *data;
    size_t size;
    make(&bundle);
    spoil(&bundle);
    assert_ok(bundle_write(&bundle, &data, &size, &status), status);
    enum status_code code = bundle_read(data, size, &back, &status);
    if (code != STATUS_BAD_INPUT || strstr(status.message, words) == NULL)
        fail_msg("got %s: \"%s\"; wanted bad_input with \"%s\"", status_name(code), status.message, words);
    assert_null(back.images);
    bundle_free(&bundle);
    free(data);
}

static void label_of_no_class(struct bundle *bundle)
{
    bundle->labels[2] = 10;
}

static void negative_label(struct bundle *bundle)
{
    bundle->labels[0] = -1;
}

static void negative_index(struct bundle *bundle)
{
    bundle->indices[3] = -5;
}

static void cross_entropy_not_a_number(struct bundle *bundle)
{
    bundle->cross_entropy[1] = NAN;
}

static void zero_deviation(struct bundle *bundle)
{
    bundle->std[1] = 0;
}

static void infinite_mean(struct bundle *bundle)
{
    bundle->mean[1] = INFINITY;
}

static void gram_not_finite(struct bundle *bundle)
{
    bundle->grams[1][5] = NAN;
}

static void gram_not_symmetric(struct bundle *bundle)
{
    bundle->grams[0][1] = 2;
}

static void gram_not_centred(struct bundle *bundle)
{
    for (int i = 0; i < N * N; i++)
        bundle->grams[0][i] += 1;
}

static void gram_of_zeros(struct bundle *bundle)
{
    memset(bundle->grams[1], 0, N * N * sizeof(float));
}

static void no_taps(struct bundle *bundle)
{
    bundle->taps = 0;
}

static void one_class(struct bundle *bundle)
{
    bundle->classes = 1;
}

static void one_image(struct bundle *bundle)
{
    bundle->batch = 1;
}

static void wrong_values_are_named(void **state)
{
    (void)state;
    refuse(label_of_no_class, "label 2 is 10");
    refuse(negative_label, "label 0 is -1");
    refuse(negative_index, "index 3 is negative");
    refuse(cross_entropy_not_a_number, "cross-entropy 1");
    refuse(zero_deviation, "std of channel 1");
    refuse(infinite_mean, "\"mean\"");
    refuse(one_class, "\"classes\" is \"1\"");
}

static void grams_that_would_spoil_every_score_are_refused(void **state)
{
    (void)state;
    refuse(gram_not_finite, "gram2 holds a number that is not finite");
    refuse(gram_not_symmetric, "gram1 is not symmetric");
    refuse(gram_not_centred, "gram1 is not centred");
    refuse(gram_of_zeros, "gram2 is zero");
    refuse(no_taps, "no tensor \"gram1\"");
    refuse(one_image, "dimension 0");
}

/* Rewrites a good bundle through tensorfile with one thing changed. */
static void refuse_file(const char *leave_out, const char *key, const char *value, const char *words)
{
    struct bundle bundle, back = {0};
    struct status status = {0};
    struct tensorfile good = {0}, bad = {0};
    void *data, *spoilt;
    size_t size, spoilt_size;
    make(&bundle);
    assert_ok(bundle_write(&bundle, &data, &size, &status), status);
    assert_ok(tensorfile_read(data, size, &good, &status), status);
    for (size_t i = 0; i < good.entry_count; i++) {
        const struct tensorfile_entry *entry = &good.entries[i];
        if (strcmp(entry->name, leave_out) != 0)
            assert_ok(tensorfile_add(&bad, entry->name, entry->dtype, entry->rank, entry->dims, entry->data, &status), status);
    }
    for (size_t i = 0; i < good.metadata_count; i++)
        if (strcmp(good.metadata_keys[i], key) != 0)
            assert_ok(tensorfile_set(&bad, good.metadata_keys[i], good.metadata_values[i], &status), status);
    if (value != NULL)
        assert_ok(tensorfile_set(&bad, key, value, &status), status);
    assert_ok(tensorfile_write(&bad, &spoilt, &spoilt_size, &status), status);
    enum status_code code = bundle_read(spoilt, spoilt_size, &back, &status);
    if (code != STATUS_BAD_INPUT || strstr(status.message, words) == NULL)
        fail_msg("got %s: \"%s\"; wanted bad_input with \"%s\"", status_name(code), status.message, words);
    tensorfile_free(&good);
    tensorfile_free(&bad);
    bundle_free(&bundle);
    free(spoilt);
    free(data);
}

static void missing_parts_and_wrong_metadata_are_named(void **state)
{
    (void)state;
    refuse_file("images", "", NULL, "\"images\"");
    refuse_file("labels", "", NULL, "\"labels\"");
    refuse_file("cross_entropy", "", NULL, "\"cross_entropy\"");
    refuse_file("indices", "", NULL, "\"indices\"");
    refuse_file("gram1", "", NULL, "\"gram1\"");
    refuse_file("", "format", NULL, "format hwnas-bundle-1");
    refuse_file("", "format", "hwnas-bundle-2", "format hwnas-bundle-1");
    refuse_file("", "format", "hwnas-bundle-10", "format hwnas-bundle-1");
    refuse_file("", "dataset", NULL, "lack \"dataset\"");
    refuse_file("", "mean", "0.1,0.2", "\"mean\"");
    refuse_file("", "mean", "0.1,0.2,0.3,0.4", "\"mean\"");
    refuse_file("", "mean", "0.1,0.2,x", "\"mean\"");
    refuse_file("", "classes", "ten", "\"classes\"");
    refuse_file("", "reference", "0123456789012345678901234567890123456789012345678901234567890123", "\"reference\"");
}

static void every_cut_of_a_bundle_is_refused(void **state)
{
    (void)state;
    struct bundle bundle, back = {0};
    struct status status = {0};
    void *data;
    size_t size;
    make(&bundle);
    assert_ok(bundle_write(&bundle, &data, &size, &status), status);
    for (size_t cut = 0; cut < size; cut++)
        assert_int_not_equal(bundle_read(data, cut, &back, &status), STATUS_OK);
    bundle_free(&bundle);
    free(data);
}

static void a_flipped_byte_never_crashes(void **state)
{
    (void)state;
    struct bundle bundle, back = {0};
    struct status status = {0};
    void *data;
    size_t size;
    make(&bundle);
    assert_ok(bundle_write(&bundle, &data, &size, &status), status);
    for (size_t i = 0; i < size; i++) {
        for (int bit = 0; bit < 8; bit++) {
            ((uint8_t *)data)[i] ^= (uint8_t)(1 << bit);
            if (bundle_read(data, size, &back, &status) == STATUS_OK)
                bundle_free(&back);
            ((uint8_t *)data)[i] ^= (uint8_t)(1 << bit);
        }
    }
    bundle_free(&bundle);
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_back),
        cmocka_unit_test(equal_bundles_have_equal_bytes_and_different_ones_do_not),
        cmocka_unit_test(images_are_normalised_channel_by_channel),
        cmocka_unit_test(wrong_values_are_named),
        cmocka_unit_test(grams_that_would_spoil_every_score_are_refused),
        cmocka_unit_test(missing_parts_and_wrong_metadata_are_named),
        cmocka_unit_test(every_cut_of_a_bundle_is_refused),
        cmocka_unit_test(a_flipped_byte_never_crashes),
    };
    return TEST_RUN(tests);
}
