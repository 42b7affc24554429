/* line: what becomes of a text that somebody else wrote. */
#include "tests/support/test.h"

#include <stdlib.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_one_line_of_utf8_cut_at_a_character),
        cmocka_unit_test(a_copy_is_as_long_as_the_text),
        cmocka_unit_test(what_xml_does_not_take_is_left_out),
    };
    return TEST_RUN(tests);
}
