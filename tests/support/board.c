/* board: where the tests' samples come from. */
#include "tests/support/board.h"

#include <math.h>

static double normal(struct rng *rng)
{
    double u = 1.0 - rng_uniform(rng), v = rng_uniform(rng);
    return sqrt(-2 * log(u)) * cos(2 * M_PI * v);
}

struct board board_new(uint64_t seed)
{
    struct board board = {.latency_ms = 4.0, .noise = 0.02, .slow_factor = 1};
    rng_seed(&board.rng, seed);
    board.view = board.slow_view = measure_view_unknown();
    return board;
}

double board_run(struct board *board)
{
    int run = board->runs++;
    double ms = board->latency_ms * (1 + board->noise * normal(&board->rng));
    if (board->spike_share > 0 && rng_uniform(&board->rng) < board->spike_share)
        ms *= 1 + 2 * rng_uniform(&board->rng);
    if (board->drift != 0 && run >= board->drift_from)
        ms *= 1 + board->drift * fmin(1, (double)(run - board->drift_from) / board->drift_over);
    if (run < board->cold_runs)
        ms *= 1 + 2.0 * (board->cold_runs - run) / board->cold_runs;
    if (run < board->cold_flat_runs)
        ms *= 2;
    if (board->second_runs > 0 && run % board->second_runs == 0)
        board->on_second_speed = rng_uniform(&board->rng) < board->second_share;
    if (board->on_second_speed)
        ms *= board->second_speed;
    if (board->restless && run / 5 % 2 == 1)
        ms *= 2;
    return board->slow_attempts > 0 ? ms * board->slow_factor : ms;
}

void board_fill(struct board *board, double *samples_ms, int n)
{
    for (int i = 0; i < n; i++)
        samples_ms[i] = board_run(board);
}

static int run(void *context, double *out_ms, int room, struct measure_run *said, struct status *status)
{
    struct board *board = context;
    int count = board->series > 0 ? board->series : 1;
    if (board->fails_at > 0 && board->runs + 1 == board->fails_at)
        return -1;
    for (int i = 0; i < count && i < room; i++) {
        out_ms[i] = board_run(board);
        said->seconds += out_ms[i] / 1000;
    }
    board->seconds += said->seconds;
    if (board->power_every_s > 0)
        said->energy_mj = board->energy_mj;
    while (board->power_every_s > 0 && board->power_due <= board->seconds) {
        said->power_samples++;
        board->power_due += board->power_every_s;
    }
    (void)status;
    return count;
}

/* Looks come in pairs, before and after an attempt, but for those while it cools. */
static void look(void *context, struct measure_view *out)
{
    struct board *board = context;
    *out = board->view;
    board->looks++;
    if (board->temperature_c > 0) {
        out->temperature_c = board->temperature_c;
        board->temperature_c = fmax(25, board->temperature_c - board->cools_by_c);
    }
    if (board->looks % 2 == 0 && board->slow_attempts > 0) {
        *out = board->slow_view;
        board->slow_attempts--;
    }
    if (board->slow_from_look > 0 && board->looks >= board->slow_from_look)
        *out = board->slow_view;
}

static bool wait_there(void *context, double seconds)
{
    struct board *board = context;
    board->waits++;
    board->waited_s += seconds;
    return board->waits != board->waits_until_called_off;
}

enum status_code board_measure(struct board *board, const struct measure_options *options, struct measure_result *result,
                               struct status *status)
{
    struct measure_board view = {.context = board,
                                 .whole = board->series > 0,
                                 .deterministic = board->deterministic,
                                 .run = run,
                                 .look = look,
                                 .wait = wait_there};
    return measure_take(&view, options, result, status);
}
