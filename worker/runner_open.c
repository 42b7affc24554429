/* runner_open: from a checked board file to a runner and its protocol. */
#include "worker/runner_open.h"

#include <stdio.h>

#include "worker/runner_command.h"
#include "worker/runner_simulated.h"

static struct measure_options protocol_of(const struct config_board_measure *measure)
{
    struct measure_options options = measure->mode == CONFIG_BOARD_STRICT      ? measure_strict()
                                     : measure->mode == CONFIG_BOARD_SUSTAINED ? measure_sustained(measure->minutes)
                                                                               : measure_defaults();
    options.strict |= measure->strict;
    options.start_temperature_c = measure->start_temperature_c;
    return options;
}

static enum status_code open_simulated(const struct config_board *board, struct runner *out, struct status *status)
{
    const struct config_board_simulated *simulated = &board->simulated;
    char device_key[WIRE_DEVICE_BYTES];
    snprintf(device_key, sizeof device_key, "%s-%s-%s-%s", board->board, board->processor, board->runtime, board->precision);
    const struct runner_simulated_options options = {.device_key = device_key,
                                                     .name = board->name,
                                                     .peak_macs_per_s = board->peak_macs_per_s,
                                                     .peak_bytes_per_s = board->peak_bytes_per_s,
                                                     .deterministic = board->deterministic,
                                                     .table = simulated->table,
                                                     .space = simulated->space,
                                                     .column = simulated->column,
                                                     .device = simulated->device,
                                                     .dataset = simulated->dataset,
                                                     .energy_column = simulated->energy,
                                                     .noise = simulated->noise,
                                                     .spikes = simulated->spikes,
                                                     .drift = simulated->drift,
                                                     .lie = simulated->lie,
                                                     .lie_after = (int)simulated->lie_after,
                                                     .delay_s = simulated->delay_s,
                                                     .fail = simulated->fail,
                                                     .crash = simulated->crash,
                                                     .hang = simulated->hang,
                                                     .hang_s = simulated->hang_s,
                                                     .seed = simulated->seed};
    return runner_simulated_open(&options, out, status);
}

enum status_code runner_open(const struct config_board *board, int cpu, struct runner *out, struct status *status)
{
    if (board == NULL)
        return runner_builtin_open(cpu, out, status);
    enum status_code code = STATUS_OK;
    switch (board->runner) {
    case CONFIG_BOARD_BUILTIN: code = runner_builtin_open(cpu, out, status); break;
    case CONFIG_BOARD_SIMULATED: code = open_simulated(board, out, status); break;
    case CONFIG_BOARD_COMMAND: code = runner_command_open(board, NULL, out, status); break;
    }
    if (code != STATUS_OK)
        return code;
    out->protocol = protocol_of(&board->measure);
    out->peak_macs_per_s = board->peak_macs_per_s;
    out->peak_bytes_per_s = board->peak_bytes_per_s;
    if (board->name != NULL)
        snprintf(out->name, sizeof out->name, "%s", board->name);
    return STATUS_OK;
}
