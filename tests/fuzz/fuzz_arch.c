/* fuzz_arch: any text as an architecture of every space: the first byte chooses it. What is taken prints and reads back as itself,
 * and its canonical form is a fixed point. */
#include <stdlib.h>
#include <string.h>

#include "common/space.h"
#include "tests/fuzz/fuzz.h"

const struct fuzz_target fuzz_target = {"arch", 20000};

static void look_at(const struct space *space, const struct arch *arch)
{
    struct status status = {0};
    struct arch back, one, two;
    char text[ARCH_TEXT_BYTES];
    FUZZ_MUST(space_valid(space, arch), "what was read is an architecture");
    space_print(space, arch, text);
    FUZZ_MUST(space_parse(space, text, &back, &status) == STATUS_OK, "what was printed can be read");
    FUZZ_MUST(memcmp(&back, arch, sizeof back) == 0, "and is the same");
    space_canonical(space, arch, &one);
    FUZZ_MUST(space_valid(space, &one), "the canonical form is an architecture");
    space_canonical(space, &one, &two);
    FUZZ_MUST(memcmp(&one, &two, sizeof one) == 0, "and its own canonical form");
    FUZZ_MUST(space_connected(space, arch) == space_connected(space, &one), "connected like what it stands for");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"nb201", "darts", "fbnet"};
    static struct space spaces[3];
    struct status status = {0};
    struct arch arch;
    if (size < 1)
        return 0;
    struct space *space = &spaces[data[0] % 3];
    if (space->ops == NULL)
        FUZZ_MUST(space_open(names[data[0] % 3], space, &status) == STATUS_OK, "the space can be opened");
    char *text = strndup((const char *)data + 1, size - 1);
    FUZZ_MUST(text != NULL, "there is memory for the text");
    memset(&arch, 0, sizeof arch);
    if (space_parse(space, text, &arch, &status) == STATUS_OK)
        look_at(space, &arch);
    else
        FUZZ_MUST(status.message[0] != '\0', "a refusal has a sentence");
    free(text);
    return 0;
}
