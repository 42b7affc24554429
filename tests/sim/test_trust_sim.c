/* trust over boards that chance makes up: how often a liar is found and how soon, how often an honest board is accused. The figures
 * of docs/MEASURING.md, Trust. Seeded; a board is a level, a scatter of its canaries and what it lies by. */
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

#include "common/rng.h"
#include "master/trust.h"

enum { BOARDS = 50 };

static struct rng rng;

static int setup(void **state)
{
    (void)state;
    const char *seed = getenv("SEED");
    rng_seed(&rng, seed == NULL ? 8 : strtoull(seed, NULL, 10));
    return 0;
}

static double normal(void)
{
    double u = 1 - rng_uniform(&rng), v = rng_uniform(&rng);
    return sqrt(-2 * log(u)) * cos(2 * acos(-1) * v);
}

static struct trust_opinion canary(struct trust_board *board, double level_ms, double scatter)
{
    struct trust_opinion opinion;
    trust_canary(board, level_ms * exp(scatter * normal()), 0, &opinion);
    return opinion;
}

/* How many of 50 boards that begin to lie after so many honest canaries are quarantined within `within` further ones. */
static int found(double scatter, int honest, double lie, int within)
{
    int count = 0;
    for (int i = 0; i < BOARDS; i++) {
        struct trust_board board = {0};
        for (int n = 0; n < honest; n++)
            canary(&board, 10, scatter);
        assert_false(board.quarantined);
        for (int n = 0; n < within && !board.quarantined; n++)
            canary(&board, 10 * lie, scatter);
        count += board.quarantined;
    }
    return count;
}

/* How many of 50 honest boards are ever quarantined in so many canaries. */
static int accused(double scatter, double spikes, int canaries)
{
    int count = 0;
    for (int i = 0; i < BOARDS; i++) {
        struct trust_board board = {0};
        bool ever = false;
        for (int n = 0; n < canaries; n++)
            ever |= canary(&board, rng_uniform(&rng) < spikes ? 15 : 10, scatter).quarantined;
        count += ever;
    }
    return count;
}

static void a_board_that_lies_by_ten_percent_is_quarantined_within_five_canaries(void **state)
{
    (void)state;
    static const double scatters[] = {0.002, 0.005, 0.01, 0.015, 0.02};
    for (size_t i = 0; i < sizeof scatters / sizeof scatters[0]; i++) {
        int up = found(scatters[i], 20, 1.1, 5), down = found(scatters[i], 20, 0.9, 5), late = found(scatters[i], 200, 1.1, 5);
        printf("# scatter %.1f %%: +10 %% found in %d, -10 %% in %d, after 200 canaries in %d of %d\n", 100 * scatters[i], up, down,
               late, BOARDS);
        int enough = scatters[i] < 0.02 ? BOARDS : BOARDS - 1; /* whatever the seed */
        assert_true(up >= enough && down >= enough && late >= enough);
    }
}

static void a_young_board_that_begins_to_lie_is_quarantined_before_it_has_eight_canaries(void **state)
{
    (void)state;
    for (int honest = 1; honest < TRUST_FEW; honest++)
        assert_true(found(0.005, honest, 1.1, honest < 6 ? TRUST_FEW - honest : 2) >= BOARDS - 1);
}

static void an_honest_board_is_hardly_ever_accused(void **state)
{
    (void)state;
    static const double scatters[] = {0.002, 0.01, 0.02, 0.04};
    for (size_t i = 0; i < sizeof scatters / sizeof scatters[0]; i++) {
        int count = accused(scatters[i], 0, 100);
        printf("# scatter %.1f %%: %d of %d honest boards accused in 100 canaries\n", 100 * scatters[i], count, BOARDS);
        assert_true(count <= 1);
    }
}

static void a_single_disturbed_canary_is_no_accusation(void **state)
{
    (void)state;
    int count = 0;
    for (int i = 0; i < 20 * BOARDS; i++) {
        struct trust_board board = {0};
        for (int n = 0; n < 30; n++)
            canary(&board, n == 5 || n == 12 || n == 20 ? 30 : 10, 0.01);
        count += board.quarantined;
    }
    assert_int_equal(count, 0);
}

/* 5 % in all, over 10, 20 or 50 canaries. */
static void a_board_that_creeps_away_is_found_within_tens_of_canaries(void **state)
{
    (void)state;
    static const double scatters[] = {0.002, 0.01, 0.02};
    for (int over = 10; over <= 50; over += 20) {
        for (size_t i = 0; i < sizeof scatters / sizeof scatters[0]; i++) {
            int count = 0, sum = 0;
            for (int b = 0; b < BOARDS; b++) {
                struct trust_board board = {0};
                int n;
                for (n = 0; n < 20; n++)
                    canary(&board, 10, scatters[i]);
                for (n = 0; n < 100 && !board.quarantined; n++)
                    canary(&board, 10 * (1 + 0.05 * (n < over ? (double)n / over : 1)), scatters[i]);
                count += board.quarantined;
                sum += n;
            }
            printf("# 5 %% over %d canaries, scatter %.1f %%: found in %d of %d, after %.0f canaries\n", over, 100 * scatters[i],
                   count, BOARDS, (double)sum / BOARDS);
            assert_true(count >= BOARDS - 2);
        }
    }
}

static void a_board_that_is_itself_again_gets_out_and_one_that_is_not_does_not(void **state)
{
    (void)state;
    int out = 0, kept = 0;
    for (int i = 0; i < BOARDS; i++) {
        struct trust_board board = {0};
        for (int n = 0; n < 20; n++)
            canary(&board, 10, 0.01);
        while (!board.quarantined)
            canary(&board, 13, 0.01);
        for (int n = 0; n < 20; n++)
            canary(&board, 13, 0.01);
        kept += board.quarantined;
        for (int n = 0; n < 6 && board.quarantined; n++)
            canary(&board, 10, 0.01);
        out += !board.quarantined;
    }
    assert_int_equal(kept, BOARDS);
    assert_int_equal(out, BOARDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_board_that_lies_by_ten_percent_is_quarantined_within_five_canaries, setup),
        cmocka_unit_test_setup(a_young_board_that_begins_to_lie_is_quarantined_before_it_has_eight_canaries, setup),
        cmocka_unit_test_setup(an_honest_board_is_hardly_ever_accused, setup),
        cmocka_unit_test_setup(a_single_disturbed_canary_is_no_accusation, setup),
        cmocka_unit_test_setup(a_board_that_creeps_away_is_found_within_tens_of_canaries, setup),
        cmocka_unit_test_setup(a_board_that_is_itself_again_gets_out_and_one_that_is_not_does_not, setup),
    };
    return TEST_RUN(tests);
}
