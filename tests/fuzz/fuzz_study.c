/* fuzz_study: any bytes as a study file. What is taken can be written out, and what was written means the same. */
#include <stdlib.h>
#include <string.h>

#include "common/config.h"
#include "tests/fuzz/fuzz.h"

const struct fuzz_target fuzz_target = {"study", 2500};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct status status = {0};
    struct config_study *study, *back;
    char *text, *again;
    if (config_parse((const char *)data, size, "study.yaml", &study, &status) != STATUS_OK) {
        FUZZ_MUST(status.message[0] != '\0', "a refusal has a sentence");
        return 0;
    }
    FUZZ_MUST(config_text(study, &text, &status) == STATUS_OK, "what was read can be written");
    FUZZ_MUST(config_parse(text, strlen(text), "back.yaml", &back, &status) == STATUS_OK, "and read again");
    FUZZ_MUST(config_text(back, &again, &status) == STATUS_OK && strcmp(text, again) == 0, "to the same settings");
    char difference[256];
    FUZZ_MUST(!config_difference(study, back, difference, sizeof difference), "which do not differ");
    free(text);
    free(again);
    config_free(study);
    config_free(back);
    return 0;
}
