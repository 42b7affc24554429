/* lut and space_fbnet against the published figures: the 5,000 networks of HELP's FBNet table and the three of HW-NAS-Bench's
 * notebook on four devices; and NAS-Bench-201's FPGA, whose latency is such a sum too. */
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

#include "common/fileio.h"
#include "common/space.h"
#include "common/table.h"
#include "master/lut.h"

static const char lut_path[] = "../shared/data/fbnet_lut_cifar100.csv",
                  hardware_path[] = "../shared/data/fbnet_hardware_cifar100.csv",
                  anchor_path[] = "../shared/data/hwnasbench_anchors.csv", cell_path[] = "../shared/data/nb201_hardware.csv";

enum { NETWORKS = 5000, CELLS = 15625, DEVICES = 5 };

static const struct {
    const char *lut_column, *table_column, *device, *metric;
} devices[DEVICES] = {{"raspi4_delta_ms", "raspi4_ms", "raspi4", "latency"},
                      {"pixel3_delta_ms", "pixel3_ms", "pixel3", "latency"},
                      {"eyeriss_delta_ms", "eyeriss_ms", "eyeriss", "latency"},
                      {"fpga_delta_ms", "fpga_ms", "fpga", "latency"},
                      {"fpga_delta_mj", "fpga_mj", "fpga", "energy"}};

static struct status status;
static struct space space;

static int open_space(void **state)
{
    (void)state;
    return space_open("fbnet", &space, &status) == STATUS_OK ? 0 : -1;
}

static int close_space(void **state)
{
    (void)state;
    space_close(&space);
    return 0;
}

struct comparison {
    const struct lut *lut;
    int compared;
    double worst;
};

static void compare(void *context, const struct arch *arch, double value)
{
    struct comparison *comparison = context;
    double sum = NAN;
    assert_int_equal(lut_get(comparison->lut, arch, &sum), 1);
    comparison->worst = fmax(comparison->worst, fabs(sum - value));
    comparison->compared++;
}

static void the_sums_are_the_figures_of_all_5000_networks(void **state)
{
    (void)state;
    for (int i = 0; i < DEVICES; i++) {
        struct lut *lut = NULL;
        struct table *table = NULL;
        assert_ok(lut_load(lut_path, &space, devices[i].lut_column, &lut, &status), status);
        assert_ok(table_load(hardware_path, &space, NULL, NULL, devices[i].table_column, &table, &status), status);
        struct comparison comparison = {.lut = lut};
        table_each(table, compare, &comparison);
        print_message("# %s: largest difference %.2g\n", devices[i].table_column, comparison.worst);
        assert_int_equal(comparison.compared, NETWORKS);
        assert_true(comparison.worst <= 1e-6);
        table_free(table);
        lut_free(lut);
    }
}

/* Which were not used when the look-up table was solved for. */
static void the_sums_are_the_figures_of_the_notebooks_networks(void **state)
{
    (void)state;
    FILE *file = fopen(anchor_path, "r");
    char line[256];
    int compared = 0;
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL) {
        char text[64], device[32], metric[32];
        double value, sum = NAN;
        struct arch arch;
        if (sscanf(line, "fbnet,%63[0-9],cifar100,%31[^,],%31[^,],%lf", text, device, metric, &value) != 4)
            continue;
        assert_ok(space_parse(&space, text, &arch, &status), status);
        for (int i = 0; i < DEVICES; i++) {
            struct lut *lut = NULL;
            if (strcmp(devices[i].device, device) != 0 || strcmp(devices[i].metric, metric) != 0)
                continue;
            assert_ok(lut_load(lut_path, &space, devices[i].lut_column, &lut, &status), status);
            assert_int_equal(lut_get(lut, &arch, &sum), 1);
            assert_near(sum, value, 0, 1e-6);
            lut_free(lut);
            compared++;
        }
    }
    fclose(file);
    assert_int_equal(compared, 3 * DEVICES);
}

/* Layers behind a stage's first have one shape, so a block costs the same in each: what the canonical form rests on. The table was
 * solved for from sums, so it is exact to about 1e-8. */
static void one_block_costs_the_same_anywhere_behind_a_stages_first_layer(void **state)
{
    (void)state;
    for (int i = 0; i < DEVICES; i++) {
        struct lut *lut = NULL;
        struct rng rng;
        rng_seed(&rng, 9);
        assert_ok(lut_load(lut_path, &space, devices[i].lut_column, &lut, &status), status);
        for (int k = 0; k < 1000; k++) {
            struct arch arch, canonical;
            double value = NAN, moved = NAN;
            space_sample(&space, &rng, &arch);
            space_canonical(&space, &arch, &canonical);
            assert_int_equal(lut_get(lut, &arch, &value), 1);
            assert_int_equal(lut_get(lut, &canonical, &moved), 1);
            assert_near(moved, value, 0, 1e-6);
        }
        lut_free(lut);
    }
}

static void every_column_of_the_unseen_devices_is_read(void **state)
{
    (void)state;
    static const char *const columns[] = {
        "1080ti_1",  "1080ti_32",   "1080ti_64",    "2080ti_1",   "2080ti_32",   "2080ti_64",    "titanx_1",      "titanx_32",
        "titanx_64", "titanxp_1",   "titanxp_32",   "titanxp_64", "titan_rtx_1", "titan_rtx_32", "titan_rtx_64",  "gold_6226",
        "gold_6240", "silver_4114", "silver_4210r", "pixel2",     "samsung_a50", "samsung_s7",   "essential_ph_1"};
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        struct table *table = NULL;
        assert_ok(table_load(hardware_path, &space, NULL, NULL, columns[i], &table, &status), status);
        assert_int_equal(table_rows(table), NETWORKS);
        assert_true(table_minimum(table) > 0);
        table_free(table);
    }
}

/* 1.13296 + 0.5152 for each 1x1, 1.2576 for each 3x3 and 0.4096 for each pooling. */
static void nb201s_fpga_is_a_sum_over_its_edges(void **state)
{
    (void)state;
    static const double figures[] = {0, 0, 0.5152, 1.2576, 0.4096};
    char text[2048], path[] = "/tmp/hwnas-golden-lut-XXXXXX";
    int used = snprintf(text, sizeof text, "layer,op,ms\n-1,-1,1.13296\n"), file = mkstemp(path);
    struct space cells;
    struct lut *lut = NULL;
    struct table *table = NULL;
    assert_true(file >= 0);
    close(file);
    for (int layer = 0; layer < 6; layer++)
        for (int op = 0; op < 5; op++)
            used += snprintf(text + used, sizeof text - (size_t)used, "%d,%d,%.17g\n", layer, op, figures[op]);
    assert_ok(fileio_write(path, text, (size_t)used, &status), status);
    assert_ok(space_open("nb201", &cells, &status), status);
    assert_ok(lut_load(path, &cells, "ms", &lut, &status), status);
    assert_ok(table_load(cell_path, &cells, "fpga", "cifar10", "latency_ms", &table, &status), status);
    struct comparison comparison = {.lut = lut};
    table_each(table, compare, &comparison);
    assert_int_equal(comparison.compared, CELLS);
    assert_true(comparison.worst <= 1e-12);
    table_free(table);
    lut_free(lut);
    space_close(&cells);
    unlink(path);
}

int main(void)
{
    TEST_NEEDS("../shared/data/fbnet_lut_cifar100.csv");
    TEST_NEEDS("../shared/data/fbnet_hardware_cifar100.csv");
    TEST_NEEDS("../shared/data/hwnasbench_anchors.csv");
    TEST_NEEDS("../shared/data/nb201_hardware.csv");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_sums_are_the_figures_of_all_5000_networks, open_space, close_space),
        cmocka_unit_test_setup_teardown(the_sums_are_the_figures_of_the_notebooks_networks, open_space, close_space),
        cmocka_unit_test_setup_teardown(one_block_costs_the_same_anywhere_behind_a_stages_first_layer, open_space, close_space),
        cmocka_unit_test_setup_teardown(every_column_of_the_unseen_devices_is_read, open_space, close_space),
        cmocka_unit_test_setup_teardown(nb201s_fpga_is_a_sum_over_its_edges, open_space, close_space),
    };
    return TEST_RUN(tests);
}
