/* config_board_internal: what config_board.c and config_board_check.c share: the file that is being read, and refusals. */
#ifndef HWNAS_COMMON_CONFIG_BOARD_INTERNAL_H
#define HWNAS_COMMON_CONFIG_BOARD_INTERNAL_H

#include "common/config_board_rules.h"
#include "common/config_yaml.h"

/* What keys mean together, alphabets, placeholders and expressions: all that one row of the table cannot say. Replaces {here} by
 * `here` in every argv and in the environment. */
enum status_code config_board_check(const struct config_yaml *yaml, const char *here, struct config_board *board,
                                    struct status *status);

#endif
