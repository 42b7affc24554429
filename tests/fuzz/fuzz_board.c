/* fuzz_board: any bytes as a board file. What is taken can be written out, and what was written means the same. */
#include <stdlib.h>
#include <string.h>

#include "common/config_board.h"
#include "tests/fuzz/fuzz.h"

const struct fuzz_target fuzz_target = {"board", 2500};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct status status = {0};
    struct config_board *board, *back;
    char *text, *again;
    if (config_board_parse((const char *)data, size, "/boards/board.yaml", &board, &status) != STATUS_OK) {
        FUZZ_MUST(status.message[0] != '\0', "a refusal has a sentence");
        return 0;
    }
    FUZZ_MUST(config_board_text(board, &text, &status) == STATUS_OK, "what was read can be written");
    FUZZ_MUST(config_board_parse(text, strlen(text), "/boards/back.yaml", &back, &status) == STATUS_OK, "and read again");
    FUZZ_MUST(config_board_text(back, &again, &status) == STATUS_OK && strcmp(text, again) == 0, "to the same settings");
    free(text);
    free(again);
    config_board_free(board);
    config_board_free(back);
    return 0;
}
