/* fuzz_progress: any text as a progress line of a master, as `hwnas run` reads and shows it. */
#include <stdlib.h>
#include <string.h>

#include "common/line.h"
#include "master/progress.h"
#include "tests/fuzz/fuzz.h"

const struct fuzz_target fuzz_target = {"progress", 10000};

/* Lines of what may be shown to people as it is, up to where a line was cut. */
static void is_plain(const char *text)
{
    size_t left = strlen(text);
    while (left > 0) {
        size_t length = *text == '\n' ? 1 : line_shown(text, left);
        FUZZ_MUST(length > 0 || left < 4, "what is shown drives no terminal");
        length = length > 0 ? length : left;
        text += length;
        left -= length;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct status status = {0};
    struct progress progress = {0};
    struct progress_rate rate = {0};
    char shown[PROGRESS_TEXT_BYTES];
    char *line = strndup((const char *)data, size);
    FUZZ_MUST(line != NULL, "there is memory for the line");
    if (progress_parse(line, &progress, &status) == STATUS_OK) {
        double per_second = progress_rate_update(&rate, &progress);
        progress_line(&progress, per_second, shown);
        is_plain(shown);
        progress_screen(&progress, per_second, 10 + size % 200, false, shown);
        is_plain(shown);
    }
    free(line);
    return 0;
}
