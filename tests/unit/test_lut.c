/* lut: what is added up, what has no cost, what each wrong file is told, and a study that limits a cost from a look-up table. */
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

#include "common/fileio.h"
#include "master/lut.h"
#include "tests/support/study_world.h"

/* FPGA latency of NAS-Bench-201's cells on CIFAR-10: HW-NAS-Bench's figures are this sum. */
static const double fpga_base = 1.13296, fpga_figures[5] = {0, 0, 0.5152, 1.2576, 0.4096};

enum { TEXT_BYTES = 4096 };

struct bench {
    struct world *world;
    char path[256];
    char text[TEXT_BYTES];
};

static int open_bench(void **state)
{
    struct bench *bench = calloc(1, sizeof *bench);
    void *world = NULL;
    if (bench == NULL || world_open(&world) != 0)
        return -1;
    bench->world = world;
    snprintf(bench->path, sizeof bench->path, "%s/hwnas-lut-%ld.csv", getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp",
             (long)getpid());
    *state = bench;
    return 0;
}

static int close_bench(void **state)
{
    struct bench *bench = *state;
    void *world = bench->world;
    unlink(bench->path);
    free(bench);
    return world_close(&world);
}

/* The FPGA's table: columns in an unusual order, one of no use. */
static void fpga_text(char text[TEXT_BYTES])
{
    int used = snprintf(text, TEXT_BYTES, "op,op_name,fpga_ms,layer\n-1,base,%.17g,-1\n", fpga_base);
    for (int layer = 0; layer < 6; layer++)
        for (int op = 0; op < 5; op++)
            used += snprintf(text + used, (size_t)(TEXT_BYTES - used), "%d,x,%.17g,%d\n", op, fpga_figures[op], layer);
}

/* Replaces the one place where `from` stands. */
static void edit(char text[TEXT_BYTES], const char *from, const char *to)
{
    char copy[TEXT_BYTES], *at = strstr(text, from);
    assert_non_null(at);
    memcpy(copy, text, TEXT_BYTES);
    snprintf(at, (size_t)(TEXT_BYTES - (at - text)), "%s%s", to, copy + (at - text) + strlen(from));
}

static enum status_code load(struct bench *bench, const char *column, struct lut **out, struct status *status)
{
    memset(status, 0, sizeof *status);
    assert_ok(fileio_write(bench->path, bench->text, strlen(bench->text), status), *status);
    return lut_load(bench->path, &bench->world->space, column, out, status);
}

static struct lut *load_fpga(struct bench *bench)
{
    struct lut *lut = NULL;
    struct status status;
    fpga_text(bench->text);
    assert_ok(load(bench, "fpga_ms", &lut, &status), status);
    return lut;
}

static double look_up(const struct bench *bench, const struct lut *lut, const char *digits)
{
    struct status status = {0};
    struct arch arch;
    double value = NAN;
    assert_ok(space_parse(&bench->world->space, digits, &arch, &status), status);
    return lut_get(lut, &arch, &value) ? value : NAN;
}

static void the_base_and_one_figure_a_gene_are_added(void **state)
{
    struct bench *bench = *state;
    struct lut *lut = load_fpga(bench);
    assert_near(look_up(bench, lut, "023413"), fpga_base + 0.5152 + 2 * 1.2576 + 0.4096, 0, 1e-12);
    lut_free(lut);
}

static void rows_and_figures_are_counted_with_the_base(void **state)
{
    struct lut *lut = load_fpga(*state);
    assert_int_equal(lut_rows(lut), 31);
    assert_int_equal(lut_values(lut), 31);
    lut_free(lut);
}

static void the_least_and_the_most_are_found(void **state)
{
    struct lut *lut = load_fpga(*state);
    struct arch least, most;
    double value;
    lut_least(lut, &least);
    lut_most(lut, &most);
    assert_int_equal(lut_get(lut, &least, &value), 1);
    assert_near(value, fpga_base, 0, 1e-12);
    assert_int_equal(lut_get(lut, &most, &value), 1);
    assert_near(value, fpga_base + 6 * 1.2576, 0, 1e-12);
    lut_free(lut);
}

static void an_operation_without_a_figure_gives_no_cost(void **state)
{
    struct bench *bench = *state;
    struct lut *lut = NULL;
    struct status status;
    struct arch least;
    fpga_text(bench->text);
    edit(bench->text, "0,x,0,3\n", "0,x,,3\n");
    assert_ok(load(bench, "fpga_ms", &lut, &status), status);
    assert_true(isnan(look_up(bench, lut, "111011")));
    assert_near(look_up(bench, lut, "111111"), fpga_base, 0, 1e-12);
    lut_least(lut, &least);
    assert_int_equal(least.genes[3], 1);
    lut_free(lut);
}

static void refuse(struct bench *bench, const char *from, const char *to, const char *sentence)
{
    struct lut *lut = NULL;
    struct status status;
    fpga_text(bench->text);
    edit(bench->text, from, to);
    assert_int_equal(load(bench, "fpga_ms", &lut, &status), STATUS_BAD_INPUT);
    assert_non_null(strstr(status.message, bench->path));
    if (strstr(status.message, sentence) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", status.message, sentence);
}

static void a_wrong_column_is_told_the_nearest(void **state)
{
    struct bench *bench = *state;
    struct lut *lut = NULL;
    struct status status;
    fpga_text(bench->text);
    assert_int_equal(load(bench, "fgpa_ms", &lut, &status), STATUS_BAD_INPUT);
    assert_non_null(strstr(status.message, "\"fpga_ms\""));
}

static void a_table_without_layers_is_refused(void **state)
{
    refuse(*state, "layer", "depth", "has no column \"layer\"");
}

static void a_layer_beyond_the_space_is_refused_with_its_line(void **state)
{
    refuse(*state, "0,x,0,0\n", "0,x,0,6\n", "line 3 column \"layer\": \"6\" is none of space nb201: 0 to 5");
}

static void an_operation_beyond_the_space_is_refused_with_its_line(void **state)
{
    refuse(*state, "0,x,0,0\n", "5,x,0,0\n", "line 3 column \"op\": \"5\" is none of space nb201: 0 to 4");
}

static void half_a_number_is_no_index(void **state)
{
    refuse(*state, "0,x,0,0\n", "0.5,x,0,0\n", "\"0.5\" is none of");
}

static void the_base_has_no_operation(void **state)
{
    refuse(*state, "-1,base", "2,base", "the base (layer -1) has op -1, not \"2\"");
}

static void no_layer_has_the_bases_operation(void **state)
{
    refuse(*state, "0,x,0,0\n", "-1,x,0,0\n", "-1 is the base's, whose layer is -1, not 0");
}

static void two_rows_for_one_operation_are_refused_with_both_lines(void **state)
{
    refuse(*state, "0,x,0,0\n", "1,x,0,0\n", "lines 3 and 4 are both about layer 0 op 1");
}

static void an_operation_left_out_is_named(void **state)
{
    refuse(*state, "0,x,0,4\n", "", "has no row for layer 4 op 0");
}

static void a_table_without_a_base_is_refused(void **state)
{
    char row[64];
    snprintf(row, sizeof row, "-1,base,%.17g,-1\n", fpga_base);
    refuse(*state, row, "", "has no row for the base");
}

static void a_base_without_a_figure_is_refused(void **state)
{
    char row[64];
    snprintf(row, sizeof row, "-1,base,%.17g,-1\n", fpga_base);
    refuse(*state, row, "-1,base,,-1\n", "the base has no figure");
}

static void a_layer_without_any_figure_is_refused(void **state)
{
    struct bench *bench = *state;
    struct lut *lut = NULL;
    struct status status;
    char row[64];
    fpga_text(bench->text);
    for (int op = 0; op < 5; op++) {
        char empty[64];
        snprintf(row, sizeof row, "%d,x,%.17g,2\n", op, fpga_figures[op]);
        snprintf(empty, sizeof empty, "%d,x,,2\n", op);
        edit(bench->text, row, empty);
    }
    assert_int_equal(load(bench, "fpga_ms", &lut, &status), STATUS_BAD_INPUT);
    assert_non_null(strstr(status.message, "layer 2 has no figure"));
}

static void a_word_among_the_figures_is_refused_with_its_line(void **state)
{
    refuse(*state, "0,x,0,0\n", "0,x,fast,0\n", "line 3 column \"fpga_ms\": \"fast\" is not a number");
}

/* --- in a study --- */

static struct world *limit_by_lut(struct bench *bench, double max)
{
    struct world *world = bench->world;
    struct status status = {0};
    fpga_text(bench->text);
    assert_ok(fileio_write(bench->path, bench->text, strlen(bench->text), &status), status);
    world->costs[0] = (struct config_cost){
        .name = "fpga_ms", .source = CONFIG_COST_LUT, .file = bench->path, .column = "fpga_ms", .has_max = true, .max = max};
    return world;
}

static void a_study_gives_every_candidate_the_sum(void **state)
{
    struct bench *bench = *state;
    static struct study_candidate told[WORLD_TOLD_MAX];
    struct world *world = limit_by_lut(bench, 4);
    struct lut *lut = load_fpga(bench);
    size_t count = world_run_new(world, told);
    assert_true(count >= 100);
    for (size_t i = 0; i < count; i++) {
        double value = NAN;
        if (!told[i].connected)
            continue;
        assert_int_equal(lut_get(lut, &told[i].arch, &value), 1);
        assert_true(told[i].result.costs[0] == value);
        assert_int_equal(told[i].satisfies, value <= 4);
    }
    lut_free(lut);
}

static void the_file_is_among_those_of_the_study(void **state)
{
    struct bench *bench = *state;
    struct world *world = limit_by_lut(bench, 4);
    struct lut *lut = load_fpga(bench);
    struct study *study = world_study(world);
    const char *role, *path;
    const struct digest *digest;
    study_file(study, 0, &role, &path, &digest);
    assert_string_equal(role, "costs.0.file");
    assert_string_equal(path, bench->path);
    assert_memory_equal(digest, lut_digest(lut), sizeof *digest);
    study_close(study);
    lut_free(lut);
}

static void operations_without_a_figure_are_skipped_by_a_study(void **state)
{
    struct bench *bench = *state;
    struct world *world = limit_by_lut(bench, 9);
    struct status status = {0};
    edit(bench->text, "3,x,1.2576000000000001,3\n", "3,x,,3\n");
    assert_ok(fileio_write(bench->path, bench->text, strlen(bench->text), &status), status);
    static struct study_candidate told[WORLD_TOLD_MAX];
    size_t count = world_run_new(world, told), skipped = 0;
    for (size_t i = 0; i < count; i++) {
        skipped += told[i].arch.genes[3] == 3;
        if (told[i].arch.genes[3] == 3)
            assert_true(told[i].skipped);
    }
    assert_true(skipped > 0);
}

static void a_sum_below_zero_is_refused_with_its_architecture(void **state)
{
    struct bench *bench = *state;
    struct world *world = limit_by_lut(bench, 4);
    struct study *study = NULL;
    struct status status = {0};
    edit(bench->text, "0,x,0,0\n", "0,x,-2,0\n");
    assert_ok(fileio_write(bench->path, bench->text, strlen(bench->text), &status), status);
    assert_int_equal(study_open(&world->config, &world->space, NULL, &study, &status), STATUS_BAD_INPUT);
    assert_non_null(strstr(status.message, "cost fpga_ms: column fpga_ms of "));
    assert_non_null(strstr(status.message, "|none~0|+|none~0|none~1|+|none~0|none~1|none~2| the value -0.86704"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_base_and_one_figure_a_gene_are_added, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(rows_and_figures_are_counted_with_the_base, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(the_least_and_the_most_are_found, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(an_operation_without_a_figure_gives_no_cost, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(a_wrong_column_is_told_the_nearest, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(a_table_without_layers_is_refused, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(a_layer_beyond_the_space_is_refused_with_its_line, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(an_operation_beyond_the_space_is_refused_with_its_line, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(half_a_number_is_no_index, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(the_base_has_no_operation, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(no_layer_has_the_bases_operation, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(two_rows_for_one_operation_are_refused_with_both_lines, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(an_operation_left_out_is_named, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(a_table_without_a_base_is_refused, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(a_base_without_a_figure_is_refused, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(a_layer_without_any_figure_is_refused, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(a_word_among_the_figures_is_refused_with_its_line, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(a_study_gives_every_candidate_the_sum, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(the_file_is_among_those_of_the_study, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(operations_without_a_figure_are_skipped_by_a_study, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(a_sum_below_zero_is_refused_with_its_architecture, open_bench, close_bench),
    };
    return TEST_RUN(tests);
}
