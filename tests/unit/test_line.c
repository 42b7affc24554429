/* line: what becomes of a text that somebody else wrote. */
#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>

#include "common/line.h"

static void a_line_is_one_line_of_utf8_cut_at_a_character(void **state)
{
    (void)state;
    char out[8];
    line_of("a\nb\x7f\xff", out, sizeof out);
    assert_string_equal(out, "a b ?");
    line_of("abcdef\xc3\xa9", out, sizeof out);
    assert_string_equal(out, "abcdef");
    line_of("\xc3\xa9", out, sizeof out);
    assert_string_equal(out, "\xc3\xa9");
}

static void what_xml_does_not_take_is_left_out(void **state)
{
    (void)state;
    char out[16];
    line_of("a\xef\xbf\xbe"
            "b\xef\xbf\xbd",
            out, sizeof out);
    assert_string_equal(out, "a???b\xef\xbf\xbd");
}

static void a_copy_is_as_long_as_the_text(void **state)
{
    (void)state;
    char *copy = line_dup("\xff\tlong \xc3\xa9");
    assert_string_equal(copy, "? long \xc3\xa9");
    free(copy);
}

static void what_could_drive_a_terminal_is_written_out(void **state)
{
    (void)state;
    static const char *const driving[] = {"\x1b",         "\r",           "\n",           "\x7f",
                                          "\x9b",         "\xc2\x9b",     "\xd8\x9c",     "\xe2\x80\x8f",
                                          "\xe2\x80\xae", "\xe2\x80\xa8", "\xe2\x81\xa6", "\xed\xa0\x80"};
    for (size_t i = 0; i < sizeof driving / sizeof driving[0]; i++) {
        char out[64], wanted[64] = "";
        size_t length = strlen(driving[i]);
        for (size_t k = 0; k < length; k++)
            snprintf(wanted + 4 * k, 5, "\\x%02x", (unsigned char)driving[i][k]);
        assert_int_equal(line_escape(driving[i], out, sizeof out), 4 * length);
        assert_string_equal(out, wanted);
        assert_int_equal(line_shown(driving[i], length), 0);
    }
    char out[64];
    line_escape("na\xc3\xafve \xe2\x82\xac \xe6\xbc\xa2 \xf0\x9f\x99\x82", out, sizeof out);
    assert_string_equal(out, "na\xc3\xafve \xe2\x82\xac \xe6\xbc\xa2 \xf0\x9f\x99\x82");
}

static void an_escaped_text_that_is_too_long_ends_in_dots_at_any_size(void **state)
{
    (void)state;
    const char *text = "ab\xc3\xa9\x1b"
                       "cd";
    for (size_t size = 1; size < 16; size++) {
        char *out = malloc(size); /* of exactly that size, so that a sanitizer sees a step beyond */
        size_t length = line_escape(text, out, size);
        assert_int_equal(length, strlen(out));
        assert_true(length < size);
        if (size > 10)
            assert_string_equal(out, "ab\xc3\xa9\\x1bcd");
        else if (size >= 4)
            assert_string_equal(out + length - 3, "...");
        free(out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_one_line_of_utf8_cut_at_a_character),
        cmocka_unit_test(a_copy_is_as_long_as_the_text),
        cmocka_unit_test(what_could_drive_a_terminal_is_written_out),
        cmocka_unit_test(an_escaped_text_that_is_too_long_ends_in_dots_at_any_size),
        cmocka_unit_test(what_xml_does_not_take_is_left_out),
    };
    return TEST_RUN(tests);
}
