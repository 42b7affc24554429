/* keys: pairs, their texts and their files: what is written is CZMQ's format and for the right eyes alone; what is read is refused
 * unless it is. */
#include "tests/support/test.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <zmq.h>

#include "common/fileio.h"
#include "common/keys.h"
#include "common/rng.h"

struct folder {
    char path[64], keys[80];
};

static int set_up(void **state)
{
    struct folder *folder = calloc(1, sizeof *folder);
    snprintf(folder->path, sizeof folder->path, "/tmp/hwnas-test-keys-XXXXXX");
    assert_non_null(mkdtemp(folder->path));
    snprintf(folder->keys, sizeof folder->keys, "%s/keys", folder->path);
    *state = folder;
    return 0;
}

static int tear_down(void **state)
{
    struct folder *folder = *state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder->path);
    assert_int_equal(system(command), 0);
    free(folder);
    return 0;
}

static const char *in(const struct folder *folder, const char *name)
{
    static char paths[4][128];
    static int next;
    next = (next + 1) % 4;
    snprintf(paths[next], sizeof paths[next], "%s/%s", folder->keys, name);
    return paths[next];
}

static void make(const struct folder *folder, const char *name, enum keys_role role, struct keys_public *out)
{
    struct status status = {0};
    assert_ok(keys_create(folder->keys, name, role, out, &status), status);
}

static void put(const char *path, const char *text, mode_t mode)
{
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static char *get(const char *path)
{
    struct status status = {0};
    void *data;
    size_t size;
    assert_ok(fileio_read(path, 1 << 16, &data, &size, &status), status);
    return data;
}

/* --- texts --- */

static void the_text_of_a_key_is_zeromqs_z85(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 5);
    for (int i = 0; i < 1000; i++) {
        uint8_t bytes[KEYS_BYTES], back[KEYS_BYTES];
        char text[KEYS_TEXT_BYTES], theirs[KEYS_TEXT_BYTES];
        for (int k = 0; k < KEYS_BYTES; k++)
            bytes[k] = i == 0 ? 0 : i == 1 ? 0xff : (uint8_t)rng_below(&rng, 256);
        keys_to_text(bytes, text);
        assert_non_null(zmq_z85_encode(theirs, bytes, sizeof bytes));
        assert_string_equal(text, theirs);
        assert_int_equal(keys_from_text(text, back), 0);
        assert_memory_equal(back, bytes, sizeof back);
    }
}

static void what_is_no_z85_of_32_bytes_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "0000000000000000000000000000000000000000000", /* 43 */
        "000000000000000000000000000000000000000",     /* 39 */
        "000000000000000000000000000000000000000~",    /* not of the alphabet */
        "000000000000000000000000000000000000000\"",
        "%nSc1000000000000000000000000000000000000", /* 2^32 */
        "#####0000000000000000000000000000000000000",
    };
    uint8_t bytes[KEYS_BYTES];
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(keys_from_text(wrong[i], bytes), -1);
}

static void names_of_keys_have_no_dot_and_no_ending_of_a_secret(void **state)
{
    (void)state;
    static const char *const fine[] = {"a", "rack1", "rack-1_b", "0123456789012345678901234567890"};
    static const char *const wrong[] = {
        "", "a.b", "-x", "a/b", "a b", "x_secret", "../x", "01234567890123456789012345678901", "\xc3\xa9"};
    struct status status;
    for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++)
        assert_ok(keys_check_name(fine[i], &status), status);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(keys_check_name(wrong[i], &status), STATUS_BAD_INPUT);
}

static void a_node_belongs_to_the_key_before_its_first_dot(void **state)
{
    (void)state;
    struct keys_public key = {.name = "rack1"};
    assert_true(keys_owns(&key, "rack1"));
    assert_true(keys_owns(&key, "rack1.worker-7"));
    assert_true(keys_owns(&key, "rack1."));
    assert_false(keys_owns(&key, "rack10"));
    assert_false(keys_owns(&key, "rack1-worker-7"));
    assert_false(keys_owns(&key, "rack"));
    assert_false(keys_owns(&key, ""));
    assert_false(keys_owns(&key, "other.rack1"));
}

static void a_pair_is_one_that_zeromq_agrees_with(void **state)
{
    (void)state;
    struct keys_secret *pair;
    struct status status = {0};
    char secret[KEYS_TEXT_BYTES], derived[KEYS_TEXT_BYTES];
    assert_ok(keys_generate("x", KEYS_AGENT, &pair, &status), status);
    keys_to_text(keys_secret_of(pair), secret);
    assert_int_equal(zmq_curve_public(derived, secret), 0);
    assert_string_equal(derived, keys_public_of(pair)->text);
    assert_int_equal(strlen(keys_public_of(pair)->fingerprint), KEYS_FINGERPRINT_BYTES - 1);
    keys_free(pair);
}

/* --- files --- */

static void a_pair_is_written_for_the_right_eyes_and_read_back(void **state)
{
    const struct folder *folder = *state;
    struct keys_public made, read;
    struct keys_secret *pair;
    struct status status = {0};
    struct stat info;
    mode_t mask = umask(0);
    make(folder, "rack1", KEYS_WORKER, &made);
    umask(mask);
    assert_int_equal(stat(folder->keys, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0700);
    assert_int_equal(stat(in(folder, "rack1_secret"), &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_equal(info.st_nlink, 1);
    assert_ok(keys_load_public(in(folder, "rack1"), &read, &status), status);
    assert_memory_equal(&read, &made, sizeof read);
    assert_ok(keys_load_secret(in(folder, "rack1_secret"), &pair, &status), status);
    assert_memory_equal(keys_public_of(pair), &made, sizeof made);
    char secret[KEYS_TEXT_BYTES], *text = get(in(folder, "rack1"));
    keys_to_text(keys_secret_of(pair), secret);
    assert_null(strstr(text, secret));
    assert_non_null(strstr(text, made.text));
    free(text);
    text = get(in(folder, "rack1_secret"));
    assert_non_null(strstr(text, secret));
    free(text);
    keys_free(pair);
}

static void no_file_is_written_over_and_none_is_left_behind(void **state)
{
    const struct folder *folder = *state;
    struct keys_public made;
    struct status status = {0};
    make(folder, "a", KEYS_WORKER, &made);
    char *before = get(in(folder, "a_secret"));
    assert_int_equal(keys_create(folder->keys, "a", KEYS_WORKER, &made, &status), STATUS_CONFLICT);
    assert_int_equal(unlink(in(folder, "a")), 0);
    assert_int_equal(keys_create(folder->keys, "a", KEYS_WORKER, &made, &status), STATUS_CONFLICT);
    assert_int_equal(access(in(folder, "a"), F_OK), -1);
    char *after = get(in(folder, "a_secret"));
    assert_string_equal(before, after);
    free(before);
    free(after);
    assert_int_equal(unlink(in(folder, "a_secret")), 0);
    assert_int_equal(rmdir(folder->keys), 0); /* so no temporary file is there either */
}

static void a_folder_that_others_may_enter_takes_no_secret(void **state)
{
    const struct folder *folder = *state;
    struct keys_public made;
    struct status status = {0};
    assert_int_equal(mkdir(folder->keys, 0755), 0);
    assert_int_equal(keys_create(folder->keys, "a", KEYS_WORKER, &made, &status), STATUS_BAD_INPUT);
    assert_non_null(strstr(status.message, "chmod 700"));
    assert_int_equal(rmdir(folder->keys), 0);
}

static void refuses(const char *path, bool secret, enum status_code code, const char *says)
{
    struct status status = {0};
    struct keys_secret *pair = NULL;
    struct keys_public open;
    enum status_code got = secret ? keys_load_secret(path, &pair, &status) : keys_load_public(path, &open, &status);
    if (got != code || strstr(status.message, says) == NULL)
        fail_msg("%s: wanted '%s', got %s: %s", path, says, status_name(got), status.message);
    assert_non_null(strstr(status.message, path));
    assert_null(pair);
}

static void a_secret_file_that_others_may_use_is_refused(void **state)
{
    const struct folder *folder = *state;
    struct keys_public made;
    make(folder, "a", KEYS_WORKER, &made);
    const char *path = in(folder, "a_secret");
    for (mode_t bit = 1; bit <= 040; bit <<= 1) {
        assert_int_equal(chmod(path, 0600 | bit), 0);
        refuses(path, true, STATUS_BAD_INPUT, "chmod 600");
    }
    assert_int_equal(chmod(path, 0400), 0);
    assert_int_equal(symlink(path, in(folder, "b_secret")), 0);
    refuses(in(folder, "b_secret"), true, STATUS_BAD_INPUT, "symbolic link");
    refuses(in(folder, "c_secret"), true, STATUS_NOT_FOUND, "cannot be opened");
    refuses(folder->keys, true, STATUS_BAD_INPUT, "not a regular file");
    if (geteuid() != 0) {
        printf("# skipped: a file of another user: that needs root\n");
        return;
    }
    assert_int_equal(chown(path, 12345, 12345), 0);
    refuses(path, true, STATUS_BAD_INPUT, "another user");
    assert_int_equal(chown(in(folder, "a"), 12345, 12345), 0);
    refuses(in(folder, "a"), false, STATUS_BAD_INPUT, "another user");
}

static void a_public_file_that_others_may_write_is_refused(void **state)
{
    const struct folder *folder = *state;
    struct keys_public made;
    make(folder, "a", KEYS_WORKER, &made);
    assert_int_equal(chmod(in(folder, "a"), 0664), 0);
    refuses(in(folder, "a"), false, STATUS_BAD_INPUT, "chmod go-w");
    assert_int_equal(chmod(in(folder, "a"), 0646), 0);
    refuses(in(folder, "a"), false, STATUS_BAD_INPUT, "chmod go-w");
}

#define P "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"
#define S "D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs" /* of the examples of ZeroMQ's RFC 27: not a pair with P */

static void other_files_are_refused_by_name(void **state)
{
    const struct folder *folder = *state;
    static const struct {
        const char *text, *says;
        bool secret;
    } cases[] = {
        {"", "not a key file", false},
        {"curve\n    public-key = \"" P "\"\n", "names no role", false},
        {"metadata\n    role = \"worker\"\n", "no public-key", false},
        {"metadata\n    role = \"king\"\ncurve\n    public-key = \"" P "\"\n", "its role is 'king'", false},
        {"metadata\n    role = worker\ncurve\n    public-key = \"short\"\n", "40 characters of Z85", false},
        {"metadata\n    role = worker\ncurve\n    public-key = \"" P "\n", "not of the form", false},
        {"metadata\n    role = worker\ncurve\n    public-key\n", "not of the form", false},
        {"metadata\n    role = worker\ncurve\n    public-key = \"" P "\"\n    public-key = \"" P "\"\n", "two lines", false},
        {"metadata\n    role = worker\ncurve\n    public-key = \"" P "\"\n    secret-key = \"" S "\"\n", "SECRET", false},
        {"metadata\n    role = worker\ncurve\n    public-key = \"" P "\"\n", "no secret key", true},
        {"metadata\n    role = worker\ncurve\n    public-key = \"" P "\"\n    secret-key = \"" S "\"\n", "does not belong", true},
        {"metadata\n    role = worker\n    name = a.b\ncurve\n    public-key = \"" P "\"\n", "cannot be a key's name", false},
    };
    assert_int_equal(mkdir(folder->keys, 0700), 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        put(in(folder, "x"), cases[i].text, 0600);
        refuses(in(folder, "x"), cases[i].secret, STATUS_BAD_INPUT, cases[i].says);
    }
    char long_text[6000];
    memset(long_text, '#', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    put(in(folder, "x"), long_text, 0600);
    refuses(in(folder, "x"), false, STATUS_BAD_INPUT, "more than 4096 bytes");
    put(in(folder, "x.pub"), "metadata\n    role = worker\ncurve\n    public-key = \"" P "\"\n", 0600);
    refuses(in(folder, "x.pub"), false, STATUS_BAD_INPUT, "cannot be a key's name");
}

static void a_certificate_of_czmqs_is_read(void **state)
{
    const struct folder *folder = *state;
    struct keys_public key;
    struct status status = {0};
    assert_int_equal(mkdir(folder->keys, 0700), 0);
    put(in(folder, "theirs"),
        "#   ****  Generated on 2026-02-07 10:20:30 by CZMQ  ****\r\n"
        "#   ZeroMQ CURVE Public Certificate\r\n\r\n"
        "metadata\r\n    email = 'a@example.org'\r\n    role = agent # by hand\r\n"
        "curve\r\n    public-key = \"" P "\"\r\n"
        "others\r\n    whatever\r\n",
        0644);
    assert_ok(keys_load_public(in(folder, "theirs"), &key, &status), status);
    assert_string_equal(key.name, "theirs");
    assert_string_equal(key.text, P);
    assert_int_equal(key.role, KEYS_AGENT);
}

/* --- whatever the bytes --- */

static void a_damaged_file_never_does_harm(void **state)
{
    const struct folder *folder = *state;
    struct keys_public made, read;
    struct rng rng;
    struct status status = {0};
    make(folder, "a", KEYS_WORKER, &made);
    char *text = get(in(folder, "a")), *secret = get(in(folder, "a_secret"));
    rng_seed(&rng, 9);
    long count = test_amount(300, 20000);
    for (long i = 0; i < count; i++) {
        struct keys_secret *pair = NULL;
        char *copy = strdup(i % 2 == 0 ? text : secret);
        for (uint64_t k = 0, changes = 1 + rng_below(&rng, 4); k < changes; k++)
            copy[rng_below(&rng, strlen(text))] = (char)(1 + rng_below(&rng, 255));
        put(in(folder, "x"), copy, 0600);
        if (i % 2 == 0)
            keys_load_public(in(folder, "x"), &read, &status);
        else if (keys_load_secret(in(folder, "x"), &pair, &status) == STATUS_OK)
            assert_string_equal(keys_public_of(pair)->text, made.text);
        keys_free(pair);
        free(copy);
    }
    free(text);
    free(secret);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_text_of_a_key_is_zeromqs_z85),
        cmocka_unit_test(what_is_no_z85_of_32_bytes_is_refused),
        cmocka_unit_test(names_of_keys_have_no_dot_and_no_ending_of_a_secret),
        cmocka_unit_test(a_node_belongs_to_the_key_before_its_first_dot),
        cmocka_unit_test(a_pair_is_one_that_zeromq_agrees_with),
        cmocka_unit_test_setup_teardown(a_pair_is_written_for_the_right_eyes_and_read_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_file_is_written_over_and_none_is_left_behind, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_folder_that_others_may_enter_takes_no_secret, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_secret_file_that_others_may_use_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_public_file_that_others_may_write_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(other_files_are_refused_by_name, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_certificate_of_czmqs_is_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_damaged_file_never_does_harm, set_up, tear_down),
    };
    return TEST_RUN(tests);
}
