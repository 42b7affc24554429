/* plot: ticks, ranges, and files that hold what they should whatever they are given. That they are well-formed XML is
 * e2e/bench.sh's to prove, with a parser. */
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

#include "master/plot.h"

static void ticks_stand_at_one_two_or_five_times_a_power_of_ten(void **state)
{
    (void)state;
    double first, distance;
    plot_ticks(0, 1000, 5, &first, &distance);
    assert_near(distance, 200, 1e-12, 0);
    assert_near(first, 0, 0, 1e-9);
    plot_ticks(1.13, 7.42, 8, &first, &distance);
    assert_near(distance, 1, 1e-12, 0);
    assert_near(first, 2, 1e-12, 0);
    plot_ticks(99.1, 99.9, 5, &first, &distance);
    assert_near(distance, 0.2, 1e-12, 0);
    assert_near(first, 99.2, 1e-12, 0);
    plot_ticks(-0.004, 0.021, 5, &first, &distance);
    assert_near(distance, 0.005, 1e-12, 0);
    assert_near(first, 0, 0, 1e-12);
}

static void a_range_holds_what_it_was_told_but_for_what_is_no_number(void **state)
{
    (void)state;
    struct plot_range range = plot_range_none();
    plot_range_pad(&range, 0.1);
    assert_true(range.low > range.high);
    plot_range_add(&range, 3);
    plot_range_add(&range, NAN);
    plot_range_add(&range, -1);
    plot_range_add(&range, INFINITY);
    plot_range_pad(&range, 0.1);
    assert_near(range.low, -1.4, 1e-12, 0);
    assert_near(range.high, 3.4, 1e-12, 0);
}

/* One panel with that range and those points, as a text for the caller to free. */
static char *draw(const struct plot_style *style, double low, double high, const double *x, const double *y, size_t count,
                  const char *label)
{
    size_t size = 0;
    struct plot *plot = plot_new(1, 1);
    assert_non_null(plot);
    plot_legend(plot, label, style);
    plot_panel(plot,
               &(struct plot_panel){
                   .title = label, .x_label = label, .y_label = "y", .x_low = low, .x_high = high, .y_low = low, .y_high = high});
    plot_draw(plot, style, x, y, count);
    plot_band(plot, style, x, y, y, count);
    plot_bars(plot, style, x, y, y, count);
    char *text = plot_finish(plot, &size);
    plot_free(plot);
    assert_non_null(text);
    assert_int_equal(strlen(text), size);
    return text;
}

static void points_stand_where_the_axes_say(void **state)
{
    (void)state;
    const double x[] = {0, 10}, y[] = {0, 10};
    char *text = draw(&(struct plot_style){.kind = PLOT_LINE}, 0, 10, x, y, 2, "");
    double x0, y0, x1, y1, left, top, width, height;
    const char *frame = strstr(text, "<clipPath"), *line = strstr(text, "<path d=\"M0");
    assert_non_null(frame);
    assert_int_equal(
        sscanf(strstr(frame, "<rect"), "<rect x=\"%lf\" y=\"%lf\" width=\"%lf\" height=\"%lf\"", &left, &top, &width, &height), 4);
    for (line = strstr(text, "clip-path");
         line != NULL && sscanf(strstr(line, "<path"), "<path d=\"M%lf %lfL%lf %lf", &x0, &y0, &x1, &y1) != 4;)
        line = strstr(line + 1, "<path");
    assert_non_null(line);
    assert_near(x0, left, 0, 1);
    assert_near(y0, top + height, 0, 1);
    assert_near(x1, left + width, 0, 1);
    assert_near(y1, top, 0, 1);
    free(text);
}

static void what_is_no_number_never_reaches_the_file(void **state)
{
    (void)state;
    static const enum plot_kind kinds[] = {PLOT_LINE, PLOT_STEPS, PLOT_POINTS, PLOT_BAND};
    const double x[] = {0, NAN, 2, 1e300, -INFINITY}, y[] = {1, 2, INFINITY, -1e300, 0};
    const double ranges[][2] = {{0, 10}, {5, 5}, {NAN, NAN}, {INFINITY, -INFINITY}, {0, 0}};
    for (size_t kind = 0; kind < 4; kind++) {
        for (size_t range = 0; range < 5; range++) {
            char *text =
                draw(&(struct plot_style){.kind = kinds[kind], .colour = 9}, ranges[range][0], ranges[range][1], x, y, 5, "label");
            assert_null(strstr(text, "nan"));
            assert_null(strstr(text, "inf"));
            free(text);
        }
    }
}

static void labels_are_escaped(void **state)
{
    (void)state;
    const double x[] = {1}, y[] = {1};
    char *text = draw(&(struct plot_style){.kind = PLOT_POINTS, .hollow = true}, 0, 2, x, y, 1, "a<b & \"c\"\n");
    assert_non_null(strstr(text, "a&lt;b &amp; &quot;c&quot; "));
    assert_null(strstr(text, "a<b"));
    free(text);
}

/* That of a character cut in two, and bytes that are none: XML takes neither. */
static void labels_are_utf8(void **state)
{
    (void)state;
    const double x[] = {1}, y[] = {1};
    char *text = draw(&(struct plot_style){.kind = PLOT_POINTS}, 0, 2, x, y, 1, "caf\xc3\xa9 \xff \xc3");
    assert_non_null(strstr(text, ">caf\xc3\xa9 ? ?<"));
    assert_null(strchr(text, '\xff'));
    free(text);
}

static void a_picture_without_panels_is_a_picture(void **state)
{
    (void)state;
    size_t size;
    struct plot *plot = plot_new(2, 1);
    char *text = plot_finish(plot, &size);
    plot_free(plot);
    assert_non_null(strstr(text, "</svg>"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ticks_stand_at_one_two_or_five_times_a_power_of_ten),
        cmocka_unit_test(a_range_holds_what_it_was_told_but_for_what_is_no_number),
        cmocka_unit_test(points_stand_where_the_axes_say),
        cmocka_unit_test(what_is_no_number_never_reaches_the_file),
        cmocka_unit_test(labels_are_escaped),
        cmocka_unit_test(labels_are_utf8),
        cmocka_unit_test(a_picture_without_panels_is_a_picture),
    };
    return TEST_RUN(tests);
}
