/* trust_rank on what six real devices measured: how often twenty random cells make an honest board look as if its latency fell with
 * MACs. */
#include "tests/support/cells.h"

#include "master/trust.h"

enum { DRAWS = 2000 };

static const char *const devices[] = {"edgegpu", "raspi4", "edgetpu", "pixel3", "eyeriss", "fpga"};

static int strikes(const struct cells *cells, const uint64_t seed)
{
    struct trust_board board = {0};
    struct rng rng;
    int count = 0;
    rng_seed(&rng, seed);
    for (int draw = 0; draw < DRAWS; draw++) {
        for (int i = 0; i < TRUST_RANKED; i++) {
            size_t cell = (size_t)rng_below(&rng, cells->count);
            count += trust_rank(&board, cells->accuracy[cell], cells->latency_ms[cell]);
        }
    }
    return count;
}

static void an_honest_device_hardly_ever_looks_as_if_its_latency_fell_with_macs(void **state)
{
    (void)state;
    struct cells *cells = malloc(sizeof *cells);
    assert_non_null(cells);
    for (size_t i = 0; i < sizeof devices / sizeof devices[0]; i++) {
        cells_open(cells, "flops_M", CELLS_HARDWARE, devices[i], "cifar10");
        int count = strikes(cells, 1);
        printf("# %s: %d of %d twenties of random cells\n", devices[i], count, DRAWS);
        assert_true(count <= DRAWS / 100);
        cells_close(cells);
    }
    free(cells);
}

int main(void)
{
    TEST_NEEDS(CELLS_ACCURACY);
    TEST_NEEDS(CELLS_HARDWARE);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_honest_device_hardly_ever_looks_as_if_its_latency_fell_with_macs),
    };
    return TEST_RUN(tests);
}
