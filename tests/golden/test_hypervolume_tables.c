/* hypervolume of a published front: all NAS-Bench-201 cells, CIFAR-100 test accuracy against the derived FPGA latency. */
#include "tests/support/test.h"

#include <math.h>

#include "common/table.h"
#include "master/hypervolume.h"
#include "master/pareto.h"

#define ACCURACY "../shared/data/nb201_accuracy.csv"
#define DERIVED "../shared/data/nb201_hardware_derived.csv"

enum { CELLS = 15625 };

static double points[CELLS * 2]; /* (CELLS, 2): latency in ms, minus accuracy in percent */

static int read_tables(void **state)
{
    (void)state;
    struct space space;
    struct table *accuracy = NULL, *latency = NULL;
    struct status status = {0};
    assert_ok(space_open("nb201", &space, &status), status);
    assert_ok(table_load(ACCURACY, &space, NULL, NULL, "cifar100_test", &accuracy, &status), status);
    assert_ok(table_load(DERIVED, &space, "fpga", "cifar100", "latency_ms", &latency, &status), status);
    for (int number = 0; number < CELLS; number++) {
        struct arch arch = {.length = 6};
        double percent;
        for (int edge = 0, rest = number; edge < 6; edge++, rest /= 5)
            arch.genes[edge] = (uint8_t)(rest % 5);
        assert_int_equal(table_get(latency, &arch, &points[2 * number]), 1);
        assert_int_equal(table_get(accuracy, &arch, &percent), 1);
        points[2 * number + 1] = -percent;
    }
    table_free(accuracy);
    table_free(latency);
    space_close(&space);
    return 0;
}

static double before(double latency_ms, double percent)
{
    double volume = NAN;
    assert_true(hypervolume_of(points, CELLS, 2, (double[]){latency_ms, -percent}, &volume));
    return volume;
}

static void the_true_front_has_its_known_volume_before_nine_ms_and_no_accuracy(void **state)
{
    (void)state;
    assert_near(before(9, 0), 555.889, 0, 5e-4);
}

static void the_true_front_has_its_known_volume_before_nine_ms_and_55_percent(void **state)
{
    (void)state;
    assert_near(before(9, 55), 123.201, 0, 5e-4);
}

static void a_constant_third_objective_multiplies_the_volume(void **state)
{
    (void)state;
    static double three[CELLS * 3];
    double volume = NAN;
    for (int i = 0; i < CELLS; i++) {
        three[3 * i] = points[2 * i];
        three[3 * i + 1] = 0.25;
        three[3 * i + 2] = points[2 * i + 1];
    }
    assert_true(hypervolume_of(three, CELLS, 3, (double[]){9, 1.25, -55}, &volume));
    assert_near(volume, before(9, 55), 1e-12, 0);
}

static void the_front_alone_has_the_volume_of_all_cells(void **state)
{
    (void)state;
    static double front[CELLS * 2];
    static bool marked[CELLS];
    size_t count = 0;
    double volume = NAN;
    pareto_front(points, CELLS, 2, marked);
    for (int i = 0; i < CELLS; i++)
        if (marked[i]) {
            front[2 * count] = points[2 * i];
            front[2 * count++ + 1] = points[2 * i + 1];
        }
    assert_in_range(count, 2, 100);
    assert_true(hypervolume_of(front, count, 2, (double[]){9, -55}, &volume));
    assert_near(volume, before(9, 55), 1e-12, 0);
}

int main(void)
{
    TEST_NEEDS(ACCURACY);
    TEST_NEEDS(DERIVED);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_true_front_has_its_known_volume_before_nine_ms_and_no_accuracy),
        cmocka_unit_test(the_true_front_has_its_known_volume_before_nine_ms_and_55_percent),
        cmocka_unit_test(a_constant_third_objective_multiplies_the_volume),
        cmocka_unit_test(the_front_alone_has_the_volume_of_all_cells),
    };
    setvbuf(stdout, NULL, _IOLBF, 0);
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name(__FILE__, tests, read_tables, NULL);
}
