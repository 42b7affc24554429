/* calibrate against published figures: what 30 and 50 measured networks tell of all others, on the six devices of HW-NAS-Bench
 * (all 15,625 cells) and on FBNets. Prints the table of docs/MEASURING.md. */
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

#include "common/space.h"
#include "common/table.h"
#include "tests/support/cells.h"
#include "worker/calibrate.h"

enum { NETS_MOST = 50, HELD_OUT = 10, OTHERS_MOST = 15625 };

static struct status status;

struct world {
    struct space space;
    struct space_build build;
    struct table *table;
    struct arch archs[OTHERS_MOST];
    double latency_ms[OTHERS_MOST];
    size_t count;
};

static struct world world;

static void keep(void *context, const struct arch *arch, double value)
{
    struct world *all = context;
    if (!space_connected(&all->space, arch))
        return;
    all->archs[all->count] = *arch;
    all->latency_ms[all->count++] = value;
}

static void open_world(const char *space, const char *file, const char *device, const char *column)
{
    memset(&world, 0, sizeof world);
    assert_ok(space_open(space, &world.space, &status), status);
    world.build = world.space.ops->defaults;
    assert_ok(table_load(file, &world.space, device, NULL, column, &world.table, &status), status);
    table_each(world.table, keep, &world);
}

static void close_world(void)
{
    table_free(world.table);
    space_close(&world.space);
}

/* Fits what can be measured of so many chosen networks and judges by all others. */
static struct calibrate_error fit_and_judge(enum calibrate_kind kind, size_t nets)
{
    struct arch chosen[NETS_MOST + HELD_OUT];
    double latency_ms[NETS_MOST];
    static double predicted[OTHERS_MOST];
    struct calibrate_examples examples = {&world.space, &world.build, chosen, latency_ms, 0};
    struct calibrate_model *model = NULL;
    struct calibrate_error error;
    struct rng rng;
    rng_seed(&rng, 1);
    if (world.count < OTHERS_MOST / 2) {
        for (size_t i = 0; i < nets; i++)
            chosen[i] = world.archs[rng_below(&rng, world.count)];
    } else {
        assert_ok(calibrate_choose(&world.space, &rng, nets, HELD_OUT, chosen, &status), status);
    }
    for (size_t i = 0; i < nets; i++) {
        chosen[examples.count] = chosen[i];
        examples.count += (size_t)table_get(world.table, &chosen[i], &latency_ms[examples.count]);
    }
    assert_ok(calibrate_fit(kind, &examples, &model, &status), status);
    for (size_t i = 0; i < world.count; i++)
        assert_ok(calibrate_predict(model, &world.archs[i], &predicted[i], &status), status);
    assert_ok(calibrate_judge(world.latency_ms, predicted, world.count, &error, &status), status);
    calibrate_free(model);
    return error;
}

static void show_error(const char *name, size_t nets, const char *model, const struct calibrate_error *error)
{
    char why[128] = "holds";
    calibrate_holds(error, why, sizeof why);
    print_message("# %-8s %2zu %-7s median %5.1f %%  p90 %5.1f %%  bias %+5.1f %%  rank %.3f  %s\n", name, nets, model,
                  100 * error->median, 100 * error->p90, 100 * error->bias, error->rank, why);
}

static void cells_of_six_devices(void **state)
{
    (void)state;
    static const char *const devices[] = {"edgegpu", "raspi4", "edgetpu", "pixel3", "eyeriss", "fpga"};
    for (size_t i = 0; i < 6; i++) {
        open_world("nb201", CELLS_HARDWARE, devices[i], "latency_ms");
        for (size_t nets = 30; nets <= 50; nets += 20) {
            struct calibrate_error lut = fit_and_judge(CALIBRATE_LUT, nets), kernels = fit_and_judge(CALIBRATE_KERNELS, nets);
            show_error(devices[i], nets, "lut", &lut);
            show_error(devices[i], nets, "kernels", &kernels);
        }
        close_world();
    }
}

static void fbnets_of_four_devices(void **state)
{
    (void)state;
    static const char *const columns[] = {"raspi4_ms", "pixel3_ms", "eyeriss_ms", "fpga_ms", "gold_6226", "samsung_s7"};
    for (size_t i = 0; i < 6; i++) {
        open_world("fbnet", "../shared/data/fbnet_hardware_cifar100.csv", NULL, columns[i]);
        for (size_t nets = 30; nets <= 50; nets += 20) {
            struct calibrate_error lut = fit_and_judge(CALIBRATE_LUT, nets);
            show_error(columns[i], nets, "lut", &lut);
        }
        close_world();
    }
}

int main(void)
{
    TEST_NEEDS(CELLS_HARDWARE);
    TEST_NEEDS("../shared/data/fbnet_hardware_cifar100.csv");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cells_of_six_devices),
        cmocka_unit_test(fbnets_of_four_devices),
    };
    return TEST_RUN(tests);
}
