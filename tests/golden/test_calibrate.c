/* calibrate against published figures: what 30 and 50 measured networks tell of all others, on the six devices of HW-NAS-Bench
 * (all 15,625 cells) and on FBNets. With the argument `full` it prints the table of docs/MEASURING.md. */
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
static bool everything;

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

/* Judges by every `step`-th network. */
static struct calibrate_error judge(const struct calibrate_model *model, size_t step)
{
    static double measured[OTHERS_MOST], predicted[OTHERS_MOST];
    struct calibrate_error error;
    size_t count = 0;
    for (size_t i = 0; i < world.count; i += step, count++) {
        measured[count] = world.latency_ms[i];
        assert_ok(calibrate_predict(model, &world.archs[i], &predicted[count], &status), status);
    }
    assert_ok(calibrate_judge(measured, predicted, count, &error, &status), status);
    return error;
}

/* Fits what the table knows of so many networks: those that calibrate would choose, or of a table that has few networks random
 * ones. Kernel models build every network they judge, so they look at a part unless all are asked for. */
static struct calibrate_error fit_and_judge(enum calibrate_kind kind, size_t nets)
{
    struct arch chosen[NETS_MOST + HELD_OUT];
    double latency_ms[NETS_MOST];
    struct calibrate_examples examples = {&world.space, &world.build, chosen, latency_ms, 0};
    struct calibrate_model *model = NULL;
    struct rng rng;
    rng_seed(&rng, 1);
    if (strcmp(world.space.ops->name, "fbnet") == 0) {
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
    struct calibrate_error error = judge(model, kind == CALIBRATE_KERNELS && !everything ? 25 : 1);
    calibrate_free(model);
    return error;
}

static bool show(const char *name, size_t nets, const char *model, const struct calibrate_error *error)
{
    char why[128];
    bool holds = calibrate_holds(error, why, sizeof why);
    print_message("# %-10s %2zu %-7s median %5.1f %%  p90 %5.1f %%  bias %+5.1f %%  rank %.3f  %s\n", name, nets, model,
                  100 * error->median, 100 * error->p90, 100 * error->bias, error->rank, holds ? "holds" : "WARNS");
    return holds;
}

static void sums_hold_on_simulated_devices_and_are_warned_of_on_real_ones(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool holds;
    } devices[] = {{"edgegpu", false}, {"raspi4", false}, {"edgetpu", false}, {"pixel3", false}, {"eyeriss", true}, {"fpga", true}};
    for (size_t i = 0; i < 6; i++) {
        open_world("nb201", CELLS_HARDWARE, devices[i].name, "latency_ms");
        for (size_t nets = 30; nets <= 50; nets += 20) {
            struct calibrate_error error = fit_and_judge(CALIBRATE_LUT, nets);
            assert_int_equal(show(devices[i].name, nets, "lut", &error), devices[i].holds);
            assert_true(error.rank > 0.85);
            assert_true(!devices[i].holds || error.p90 < 0.01);
            if (!everything && strcmp(devices[i].name, "edgetpu") != 0)
                continue;
            error = fit_and_judge(CALIBRATE_KERNELS, nets);
            show(devices[i].name, nets, "kernels", &error);
            /* Its compiler drops what is dead, and so does the builder. */
            assert_true(strcmp(devices[i].name, "edgetpu") != 0 || error.median < 0.05);
        }
        close_world();
    }
}

/* 177 figures from 50 networks: what the operations' work says, and what layers have in common, stand for what was not seen. */
static void fbnets_layers_are_sums_that_fifty_networks_show(void **state)
{
    (void)state;
    static const char *const columns[] = {"raspi4_ms", "pixel3_ms", "eyeriss_ms", "fpga_ms"};
    for (size_t i = 0; i < (everything ? 4 : 1); i++) {
        open_world("fbnet", "../shared/data/fbnet_hardware_cifar100.csv", NULL, columns[i]);
        for (size_t nets = everything ? 30 : 50; nets <= 50; nets += 20) {
            struct calibrate_error error = fit_and_judge(CALIBRATE_LUT, nets);
            bool holds = show(columns[i], nets, "lut", &error);
            assert_true(holds || nets < 50);
            assert_true(error.median < 0.06);
        }
        close_world();
    }
}

int main(int argc, char **argv)
{
    TEST_NEEDS(CELLS_HARDWARE);
    TEST_NEEDS("../shared/data/fbnet_hardware_cifar100.csv");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_hold_on_simulated_devices_and_are_warned_of_on_real_ones),
        cmocka_unit_test(fbnets_layers_are_sums_that_fifty_networks_show),
    };
    everything = argc > 1 && strcmp(argv[1], "full") == 0;
    return TEST_RUN(tests);
}
