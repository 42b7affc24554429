/* table: which rows are kept, what is looked up, and what each wrong file is told. */
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

#include "common/fileio.h"
#include "common/table.h"

struct world {
    struct space space;
    char path[256];
};

static int open_world(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    snprintf(world->path, sizeof world->path, "%s/hwnas-table-%ld.csv", getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp",
             (long)getpid());
    *state = world;
    return space_open("nb201", &world->space, NULL) == STATUS_OK ? 0 : -1;
}

static int close_world(void **state)
{
    struct world *world = *state;
    unlink(world->path);
    space_close(&world->space);
    free(world);
    return 0;
}

static enum status_code load(struct world *world, const char *text, const char *device, const char *dataset, const char *column,
                             struct table **out, struct status *status)
{
    memset(status, 0, sizeof *status);
    assert_ok(fileio_write(world->path, text, strlen(text), status), *status);
    return table_load(world->path, &world->space, device, dataset, column, out, status);
}

static double look_up(const struct world *world, const struct table *table, const char *text)
{
    struct status status = {0};
    struct arch arch;
    double value = NAN;
    assert_ok(space_parse(&world->space, text, &arch, &status), status);
    return table_get(table, &arch, &value) ? value : NAN;
}

static const char hardware[] = "index,ops,dataset,device,latency_ms,energy_mj,kind\n"
                               "0,421211,cifar10,fpga,2.5,18,published\n"
                               "1,334131,cifar10,fpga,,7,missing\n"
                               "0,421211,cifar10,raspi4,10.25,,published\n"
                               "0,421211,cifar100,fpga,2.75,,derived\n";

static void rows_of_the_device_and_dataset_are_kept(void **state)
{
    struct world *world = *state;
    struct table *table = NULL;
    struct status status;
    assert_ok(load(world, hardware, "fpga", "cifar10", "latency_ms", &table, &status), status);
    assert_int_equal(table_rows(table), 2);
    assert_true(look_up(world, table, "421211") == 2.5);
    assert_true(table_minimum(table) == 2.5);
    table_free(table);
}

static void add_up(void *context, const struct arch *arch, double value)
{
    double *sums = context;
    sums[0] += arch->genes[0];
    sums[1] += value;
}

static void every_row_with_a_value_is_gone_through_once(void **state)
{
    struct world *world = *state;
    struct table *table = NULL;
    struct status status;
    double sums[2] = {0};
    static const char text[] = "ops,x\n421211,1\n334131,\n300000,4\n";
    assert_ok(load(world, text, NULL, NULL, "x", &table, &status), status);
    table_each(table, add_up, sums);
    assert_true(sums[0] == 7);
    assert_true(sums[1] == 5);
    table_free(table);
}

static void an_empty_field_is_a_missing_value(void **state)
{
    struct world *world = *state;
    struct table *table = NULL;
    struct status status;
    assert_ok(load(world, hardware, "fpga", "cifar10", "latency_ms", &table, &status), status);
    assert_true(isnan(look_up(world, table, "334131")));
    assert_true(isnan(look_up(world, table, "000000")));
    table_free(table);
}

static void the_text_form_is_looked_up_by_the_exact_architecture(void **state)
{
    struct world *world = *state;
    struct table *table = NULL;
    struct status status;
    /* Isomorphic cells (both are skip twice in a row and nothing else) with different figures. */
    const char *text = "arch_str,accuracy\r\n"
                       "|skip_connect~0|+|none~0|none~1|+|none~0|skip_connect~1|none~2|,1.5\r\n"
                       "\"|none~0|+|skip_connect~0|none~1|+|none~0|none~1|skip_connect~2|\",\"2.5\"\r\n";
    assert_ok(load(world, text, NULL, NULL, "accuracy", &table, &status), status);
    assert_true(look_up(world, table, "100010") == 1.5);
    assert_true(look_up(world, table, "010001") == 2.5);
    table_free(table);
}

static void the_digest_is_that_of_the_bytes(void **state)
{
    struct world *world = *state;
    struct table *table = NULL;
    struct status status;
    struct digest digest;
    assert_ok(load(world, hardware, "fpga", "cifar100", "latency_ms", &table, &status), status);
    digest_of(hardware, strlen(hardware), &digest);
    assert_memory_equal(digest.bytes, table_digest(table)->bytes, DIGEST_BYTES);
    table_free(table);
}

/* Refused as bad input; the sentence names the file and each of the words. */
static void refused(struct world *world, const char *text, const char *device, const char *column, const char *word,
                    const char *other_word)
{
    struct table *table = NULL;
    struct status status;
    enum status_code code = load(world, text, device, NULL, column, &table, &status);
    assert_int_equal(code, STATUS_BAD_INPUT);
    if (strstr(status.message, world->path) == NULL || strstr(status.message, word) == NULL ||
        strstr(status.message, other_word) == NULL)
        fail_msg("the sentence lacks \"%s\" or \"%s\": %s", word, other_word, status.message);
}

static void a_wrong_column_is_told_the_nearest(void **state)
{
    refused(*state, hardware, "fpga", "latency", "\"latency\"", "\"latency_ms\"");
}

static void a_wrong_device_is_told_those_there_are(void **state)
{
    refused(*state, hardware, "gpu", "latency_ms", "fpga", "raspi4");
}

static void two_rows_for_one_architecture_are_refused_with_both_lines(void **state)
{
    refused(*state, hardware, "fpga", "latency_ms", "lines 2 and 5", "dataset");
}

static void a_word_among_the_numbers_is_refused_with_its_line(void **state)
{
    refused(*state, "ops,x\n421211,1\n334131,fast\n", NULL, "x", "line 3", "fast");
}

static void infinity_is_not_a_figure(void **state)
{
    refused(*state, "ops,x\n421211,inf\n", NULL, "x", "line 2", "inf");
}

static void a_short_line_is_refused(void **state)
{
    refused(*state, "ops,x,y\n421211,1\n", NULL, "x", "line 2", "2 fields");
}

static void an_architecture_of_another_space_is_refused_with_its_line(void **state)
{
    refused(*state, "ops,x\n421211,1\n4212,1\n", NULL, "x", "line 3", "");
}

static void a_table_without_a_key_column_is_refused(void **state)
{
    refused(*state, "index,x\n1,1\n", NULL, "x", "arch_str", "ops");
}

static void an_empty_file_and_a_lone_header_are_refused(void **state)
{
    refused(*state, "", NULL, "x", "empty", "header");
    refused(*state, "ops,x\n", NULL, "x", "no row", "");
}

static void an_open_quote_is_refused(void **state)
{
    refused(*state, "ops,x\n\"421211,1\n", NULL, "x", "line 2", "column 1");
}

static void a_binary_file_is_refused(void **state)
{
    struct world *world = *state;
    struct table *table = NULL;
    struct status status = {0};
    assert_ok(fileio_write(world->path, "ops,x\n\0\1\2", 9, &status), status);
    assert_int_equal(table_load(world->path, &world->space, NULL, NULL, "x", &table, &status), STATUS_BAD_INPUT);
}

static void a_file_that_is_not_there_is_not_found(void **state)
{
    struct world *world = *state;
    struct table *table = NULL;
    assert_int_equal(table_load("/nowhere/x.csv", &world->space, NULL, NULL, "x", &table, NULL), STATUS_NOT_FOUND);
}

#define in_world(test) cmocka_unit_test_setup_teardown(test, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_world(rows_of_the_device_and_dataset_are_kept),
        in_world(every_row_with_a_value_is_gone_through_once),
        in_world(an_empty_field_is_a_missing_value),
        in_world(the_text_form_is_looked_up_by_the_exact_architecture),
        in_world(the_digest_is_that_of_the_bytes),
        in_world(a_wrong_column_is_told_the_nearest),
        in_world(a_wrong_device_is_told_those_there_are),
        in_world(two_rows_for_one_architecture_are_refused_with_both_lines),
        in_world(a_word_among_the_numbers_is_refused_with_its_line),
        in_world(infinity_is_not_a_figure),
        in_world(a_short_line_is_refused),
        in_world(an_architecture_of_another_space_is_refused_with_its_line),
        in_world(a_table_without_a_key_column_is_refused),
        in_world(an_empty_file_and_a_lone_header_are_refused),
        in_world(an_open_quote_is_refused),
        in_world(a_binary_file_is_refused),
        in_world(a_file_that_is_not_there_is_not_found),
    };
    return TEST_RUN(tests);
}
