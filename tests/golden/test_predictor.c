/* predictor on published latencies: with 1,000 measured cells the mean error is below 10 % on each of HW-NAS-Bench's six devices.
 */
#include "tests/support/cells.h"

#include "master/predictor.h"

enum { SAMPLES = 1000, STEP = 5 };

static struct status status;
static struct cells cells;

/* The feasible cells in a random order: the first are learned, every fifth of the others is predicted. */
static struct predictor_error learn_and_judge(uint64_t seed)
{
    static double measured[CELLS_COUNT], predicted[CELLS_COUNT];
    struct predictor_settings settings;
    struct predictor *predictor = NULL;
    struct predictor_error error;
    struct rng rng;
    size_t count = 0;
    const struct predictor_examples examples = {&cells.space, cells.feasible, cells.latency_ms, SAMPLES};
    rng_seed(&rng, seed);
    for (size_t i = 0; i < SAMPLES; i++) {
        size_t other = i + rng_below(&rng, cells.count - i);
        struct arch arch = cells.feasible[i];
        double latency_ms = cells.latency_ms[i];
        cells.feasible[i] = cells.feasible[other];
        cells.latency_ms[i] = cells.latency_ms[other];
        cells.feasible[other] = arch;
        cells.latency_ms[other] = latency_ms;
    }
    assert_ok(predictor_choose(&examples, PREDICTOR_FAST, true, &rng, &settings, &error, &status), status);
    assert_ok(predictor_fit(&examples, &settings, &rng, &predictor, &status), status);
    for (size_t i = SAMPLES; i < cells.count; i += STEP, count++) {
        measured[count] = cells.latency_ms[i];
        predicted[count] = predictor_predict(predictor, &cells.feasible[i]);
    }
    assert_ok(predictor_judge(measured, predicted, count, &error, &status), status);
    print_message("# %s: %s%s, error %.2f %%, rank %.3f\n", cells.cost.device, predictor_kind_name(settings.kind),
                  settings.traits ? " with traits" : "", 100 * error.relative, error.rank);
    predictor_free(predictor);
    return error;
}

static void a_thousand_samples_foretell_each_device_to_a_tenth(void **state)
{
    (void)state;
    static const struct {
        char *device;
        double most;
    } devices[] = {{"edgegpu", 0.06}, {"raspi4", 0.1}, {"edgetpu", 0.05}, {"pixel3", 0.1}, {"eyeriss", 0.005}, {"fpga", 0.005}};
    for (size_t i = 0; i < sizeof devices / sizeof devices[0]; i++) {
        cells_open(&cells, "cifar10_test", CELLS_HARDWARE, devices[i].device, "cifar10");
        cells.cost.device = devices[i].device;
        struct predictor_error error = learn_and_judge(1);
        assert_true(error.relative < devices[i].most);
        assert_true(error.rank > 0.95);
        cells_close(&cells);
    }
}

int main(void)
{
    TEST_NEEDS(CELLS_ACCURACY);
    TEST_NEEDS(CELLS_HARDWARE);
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_thousand_samples_foretell_each_device_to_a_tenth)};
    return TEST_RUN(tests);
}
