/* tensorfile: round trips, fixed bytes, and files made to hurt. */
#include "tests/support/test.h"

#include <string.h>

#include "common/rng.h"
#include "common/tensorfile.h"

static struct status status;

/* A file of a header text and some bytes. The caller frees. */
static void *file_of(const char *header, size_t data_bytes, size_t *size)
{
    uint64_t length = strlen(header);
    *size = 8 + length + data_bytes;
    unsigned char *file = calloc(*size + 1, 1);
    assert_non_null(file);
    memcpy(file, &length, 8);
    memcpy(file + 8, header, length);
    for (size_t i = 0; i < data_bytes; i++)
        file[8 + length + i] = (unsigned char)i;
    return file;
}

static void assert_refused_with(const char *header, size_t data_bytes, enum status_code code, const char *reason)
{
    struct tensorfile file;
    size_t size = 0;
    void *data = file_of(header, data_bytes, &size);
    enum status_code got = tensorfile_read(data, size, &file, &status);
    free(data);
    if (got != code || strstr(status.message, reason) == NULL)
        fail_msg("%s: got %s \"%s\", wanted \"%s\"", header, status_name(got), status.message, reason);
    assert_null(file.entries);
}

static void assert_refused(const char *header, size_t data_bytes, const char *reason)
{
    assert_refused_with(header, data_bytes, STATUS_BAD_INPUT, reason);
}

static void a_file_written_is_read_back_equal(void **state)
{
    (void)state;
    struct tensorfile file = {0}, back;
    const float weights[] = {1.5F, -2.0F, 3.25F, 0.0F, 5.0F, 6.0F};
    const uint8_t pixels[] = {1, 2, 3};
    const int64_t matrix[] = {2, 3}, three[] = {3};
    const int64_t number = -7;
    void *data = NULL;
    size_t size = 0;
    assert_ok(tensorfile_add(&file, "pixels", TENSORFILE_U8, 1, three, pixels, &status), status);
    assert_ok(tensorfile_add(&file, "weights", TENSORFILE_F32, 2, matrix, weights, &status), status);
    assert_ok(tensorfile_add(&file, "scalar", TENSORFILE_I64, 0, NULL, &number, &status), status);
    assert_ok(tensorfile_set(&file, "what", "a \"test\"\n", &status), status);
    assert_ok(tensorfile_write(&file, &data, &size, &status), status);
    assert_ok(tensorfile_read(data, size, &back, &status), status);
    const struct tensorfile_entry *entry = tensorfile_find(&back, "weights");
    assert_int_equal(entry->rank, 2);
    assert_int_equal(entry->dims[1], 3);
    assert_int_equal((uintptr_t)entry->data % 8, 0); /* although the three bytes before it are not a multiple of 8 */
    assert_memory_equal(entry->data, weights, sizeof weights);
    assert_memory_equal(tensorfile_find(&back, "scalar")->data, &number, sizeof number);
    assert_string_equal(tensorfile_metadata(&back, "what"), "a \"test\"\n");
    assert_null(tensorfile_find(&back, "absent"));
    assert_null(tensorfile_metadata(&back, "absent"));
    free(data);
    tensorfile_free(&file);
    tensorfile_free(&back);
}

static void equal_contents_give_equal_bytes_whatever_order_metadata_came_in(void **state)
{
    (void)state;
    void *data[2];
    size_t size[2];
    const int64_t one[] = {1};
    const float x = 1.0F;
    for (int i = 0; i < 2; i++) {
        struct tensorfile file = {0};
        assert_ok(tensorfile_set(&file, i == 0 ? "b" : "a", i == 0 ? "2" : "1", &status), status);
        assert_ok(tensorfile_set(&file, i == 0 ? "a" : "b", "0", &status), status);
        assert_ok(tensorfile_set(&file, i == 0 ? "a" : "b", i == 0 ? "1" : "2", &status), status);
        assert_ok(tensorfile_add(&file, "x", TENSORFILE_F32, 1, one, &x, &status), status);
        assert_ok(tensorfile_write(&file, &data[i], &size[i], &status), status);
        tensorfile_free(&file);
    }
    assert_int_equal(size[0], size[1]);
    assert_int_equal(size[0] % 4, 0);
    assert_memory_equal(data[0], data[1], size[0]);
    free(data[0]);
    free(data[1]);
}

static void a_file_is_saved_and_loaded(void **state)
{
    (void)state;
    char path[] = "/tmp/test_tensorfile.XXXXXX";
    struct tensorfile file = {0}, back;
    const int64_t dims[] = {0, 4};
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    assert_ok(tensorfile_add(&file, "empty", TENSORFILE_F64, 2, dims, NULL, &status), status);
    assert_ok(tensorfile_save(&file, path, &status), status);
    assert_ok(tensorfile_load(path, &back, &status), status);
    assert_int_equal(tensorfile_find(&back, "empty")->count, 0);
    tensorfile_free(&file);
    tensorfile_free(&back);
    unlink(path);
    assert_int_equal(tensorfile_load(path, &back, &status), STATUS_NOT_FOUND);
}

static void names_are_added_once(void **state)
{
    (void)state;
    struct tensorfile file = {0};
    const int64_t one[] = {1}, negative[] = {-1}, huge[] = {INT64_MAX, INT64_MAX};
    const float x = 1.0F;
    assert_ok(tensorfile_add(&file, "x", TENSORFILE_F32, 1, one, &x, &status), status);
    assert_int_equal(tensorfile_add(&file, "x", TENSORFILE_F32, 1, one, &x, &status), STATUS_BAD_INPUT);
    assert_int_equal(tensorfile_add(&file, "y", TENSORFILE_F32, 1, negative, &x, &status), STATUS_BAD_INPUT);
    assert_int_equal(tensorfile_add(&file, "y", TENSORFILE_F32, 2, huge, &x, &status), STATUS_BAD_INPUT);
    assert_int_equal(tensorfile_add(&file, "y", TENSORFILE_F32, 9, one, &x, &status), STATUS_BAD_INPUT);
    tensorfile_free(&file);
}

/* --- hostile files --- */

#define T(fields) "{\"x\":{" fields "}}"
#define F32_2 "\"dtype\":\"F32\",\"shape\":[2]"

static void headers_that_are_no_description_are_refused(void **state)
{
    (void)state;
    assert_refused("", 0, "not JSON");
    assert_refused("[1]", 0, "not a JSON object");
    assert_refused("{\"x\":3}", 0, "not described by an object");
    assert_refused(T("\"shape\":[2],\"data_offsets\":[0,8]"), 8, "dtype is missing");
    assert_refused(T("\"dtype\":\"F32\",\"data_offsets\":[0,8]"), 8, "shape is missing");
    assert_refused(T(F32_2), 8, "data_offsets");
    assert_refused(T("\"dtype\":7," F32_2 ",\"data_offsets\":[0,8]"), 8, "duplicate");
    assert_refused("{\"__metadata__\":{\"a\":1}}", 0, "is not text");
    assert_refused("{\"__metadata__\":[]}", 0, "not an object");
    assert_refused_with(T("\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[0,4]"), 4, STATUS_UNSUPPORTED, "tensor x");
}

static void shapes_that_lie_are_refused(void **state)
{
    (void)state;
    assert_refused(T("\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]"), 8, "negative");
    assert_refused(T("\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]"), 8, "asks for 12 bytes");
    assert_refused(T("\"dtype\":\"F32\",\"shape\":[4611686018427387904,4],\"data_offsets\":[0,8]"), 8, "overflows");
    assert_refused(T("\"dtype\":\"F32\",\"shape\":[4611686018427387904],\"data_offsets\":[0,8]"), 8, "overflows");
    assert_refused(T("\"dtype\":\"F32\",\"shape\":[99999999999999999999],\"data_offsets\":[0,8]"), 8, "not JSON");
    assert_refused(T("\"dtype\":\"F32\",\"shape\":[2.0],\"data_offsets\":[0,8]"), 8, "whole numbers");
    assert_refused(T("\"dtype\":\"F32\",\"shape\":[NaN],\"data_offsets\":[0,8]"), 8, "not JSON");
    assert_refused(T("\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,2],\"data_offsets\":[0,8]"), 8, "8 dimensions");
    assert_refused(T("\"dtype\":\"F32\",\"shape\":\"2\",\"data_offsets\":[0,8]"), 8, "shape is missing");
}

static void places_that_overlap_leave_gaps_or_lie_outside_are_refused(void **state)
{
    (void)state;
    assert_refused(T(F32_2 ",\"data_offsets\":[-8,0]"), 8, "not among");
    assert_refused(T(F32_2 ",\"data_offsets\":[8,0]"), 8, "not among");
    assert_refused(T(F32_2 ",\"data_offsets\":[4,12]"), 8, "not among");
    assert_refused(T(F32_2 ",\"data_offsets\":[0,9223372036854775807]"), 8, "not among");
    assert_refused(T("\"dtype\":\"U8\",\"shape\":[9],\"data_offsets\":[0,9]"), 8, "not among");
    assert_refused(T(F32_2 ",\"data_offsets\":[0]"), 8, "two whole numbers");
    assert_refused(T(F32_2 ",\"data_offsets\":[0,8,8]"), 8, "two whole numbers");
    assert_refused(T(F32_2 ",\"data_offsets\":[0,8]"), 9, "belong to none");
    assert_refused(T(F32_2 ",\"data_offsets\":[1,9]"), 9, "unused bytes");
    assert_refused("{\"x\":{" F32_2 ",\"data_offsets\":[0,8]},\"y\":{" F32_2 ",\"data_offsets\":[4,12]}}", 12, "overlap");
    assert_refused("{\"x\":{" F32_2 ",\"data_offsets\":[0,8]},\"y\":{" F32_2 ",\"data_offsets\":[0,8]}}", 8, "overlap");
    assert_refused("{\"x\":{" F32_2 ",\"data_offsets\":[0,8]},\"x\":{" F32_2 ",\"data_offsets\":[8,16]}}", 16, "duplicate");
}

static void lengths_that_lie_are_refused(void **state)
{
    (void)state;
    struct tensorfile file;
    const uint64_t lengths[] = {1, 9, UINT64_MAX, UINT64_MAX - 7, (uint64_t)1 << 40};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        unsigned char bytes[16] = {0};
        memcpy(bytes, &lengths[i], 8);
        assert_int_equal(tensorfile_read(bytes, sizeof bytes, &file, &status), STATUS_BAD_INPUT);
    }
    assert_int_equal(tensorfile_read("1234567", 7, &file, &status), STATUS_BAD_INPUT);
    assert_int_equal(tensorfile_read(NULL, 0, &file, &status), STATUS_BAD_INPUT);
}

static void deep_nesting_is_refused(void **state)
{
    (void)state;
    size_t depth = 200000, size = 0;
    char *header = malloc(depth + 1);
    assert_non_null(header);
    memset(header, '[', depth);
    header[depth] = '\0';
    struct tensorfile file;
    void *data = file_of(header, 0, &size);
    assert_int_equal(tensorfile_read(data, size, &file, &status), STATUS_BAD_INPUT);
    free(data);
    free(header);
}

/* Whatever is read must lie inside its own memory: the sanitizer flavours turn a wrong step into a failure. */
static void touch(const struct tensorfile *file)
{
    volatile unsigned char sum = 0;
    for (size_t i = 0; i < file->entry_count; i++)
        for (size_t k = 0; k < file->entries[i].bytes; k++)
            sum = (unsigned char)(sum + ((const unsigned char *)file->entries[i].data)[k]);
}

static void mutated_files_are_read_or_refused(void **state)
{
    (void)state;
    static const char header[] =
        "{\"__metadata__\":{\"a\":\"b\"},\"x\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]},"
        "\"y\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[24,25]}}";
    static const char alphabet[] = "0123456789-.,:[]{}\"eE FU\\\n\xff";
    size_t size = 0, accepted = 0;
    struct rng rng;
    rng_seed(&rng, 2024);
    for (int round = 0; round < 20000; round++) {
        struct tensorfile file;
        unsigned char *data = file_of(header, 25, &size);
        for (uint64_t i = rng_below(&rng, 3) + 1; i > 0; i--)
            data[8 + rng_below(&rng, sizeof header - 1)] = (unsigned char)alphabet[rng_below(&rng, sizeof alphabet - 1)];
        size_t kept = rng_below(&rng, 8) == 0 ? rng_below(&rng, size) : size;
        unsigned char *exact = malloc(kept > 0 ? kept : 1);
        assert_non_null(exact);
        memcpy(exact, data, kept);
        if (tensorfile_read(exact, kept, &file, &status) == STATUS_OK) {
            touch(&file);
            accepted++;
            tensorfile_free(&file);
        } else {
            assert_true(status.message[0] != '\0');
        }
        free(exact);
        free(data);
    }
    assert_in_range(accepted, 1, 19999); /* renamed tensors are fine, most else is not */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_written_is_read_back_equal),
        cmocka_unit_test(equal_contents_give_equal_bytes_whatever_order_metadata_came_in),
        cmocka_unit_test(a_file_is_saved_and_loaded),
        cmocka_unit_test(names_are_added_once),
        cmocka_unit_test(headers_that_are_no_description_are_refused),
        cmocka_unit_test(shapes_that_lie_are_refused),
        cmocka_unit_test(places_that_overlap_leave_gaps_or_lie_outside_are_refused),
        cmocka_unit_test(lengths_that_lie_are_refused),
        cmocka_unit_test(deep_nesting_is_refused),
        cmocka_unit_test(mutated_files_are_read_or_refused),
    };
    return TEST_RUN(tests);
}
