/* config_board_rules: the table of every key of a board file. Internal to common/config_board*.c (and to the test that compares the
 * table with docs/MEASURING.md). */
#ifndef HWNAS_COMMON_CONFIG_BOARD_RULES_H
#define HWNAS_COMMON_CONFIG_BOARD_RULES_H

#include "common/config_board.h"
#include "common/config_rules.h"

enum config_board_section {
    BOARD_TOP,
    BOARD_VERSION,
    BOARD_MEASURE,
    BOARD_COMMAND,
    BOARD_BUILD,
    BOARD_RUN,
    BOARD_REGEX,
    BOARD_TIMELOOP,
    BOARD_POWER,
    BOARD_THROTTLED,
    BOARD_SIMULATED,
    BOARD_SECTIONS
};

/* Bits of a rule's `used` and `needed` are those of enum config_board_runner. What a section that was left out needs is not asked
 * for. */
extern const struct config_table config_board_table;

#endif
