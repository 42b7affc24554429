/* space_fbnet: what the genes of an FBNet mean: text and the classes of equal networks. The network is built in space_fbnet_net.c.
 * Reached only through the ops table at the end; pure. */
#include "common/space_fbnet.h"

#include "common/space_fbnet_layers.h"
#include "common/space_text.h"

const int fbnet_stage_layers[FBNET_STAGES] = {1, 4, 4, 4, 4, 4, 1};

static const char *const block_names[FBNET_BLOCKS] = {"k3_e1",    "k3_e1_g2", "k3_e3", "k3_e6", "k5_e1",
                                                      "k5_e1_g2", "k5_e3",    "k5_e6", "skip"};

static int fbnet_choices(const struct space *space, size_t gene)
{
    (void)space;
    (void)gene;
    return FBNET_BLOCKS;
}

/* --- text ------------------------------------------------------------------------------------------------ */

static enum status_code parse_digits(struct space_text *text, struct arch *arch)
{
    for (size_t i = 0; i < FBNET_LAYERS; i++, text->at++) {
        if (*text->at < '0' || *text->at >= '0' + FBNET_BLOCKS)
            return space_text_refuse(text, "a digit 0 to %d, %d in all", FBNET_BLOCKS - 1, FBNET_LAYERS);
        arch->genes[i] = (uint8_t)(*text->at - '0');
    }
    return *text->at == '\0' ? STATUS_OK : space_text_refuse(text, "the end after %d digits", FBNET_LAYERS);
}

static enum status_code parse_names(struct space_text *text, struct arch *arch)
{
    enum status_code code = STATUS_OK;
    for (size_t i = 0; i < FBNET_LAYERS && code == STATUS_OK; i++) {
        if (i > 0)
            code = space_text_expect(text, "-");
        if (code == STATUS_OK)
            code = space_text_word(text, block_names, FBNET_BLOCKS, "-", &arch->genes[i]);
    }
    return code == STATUS_OK ? space_text_end(text) : code;
}

static enum status_code fbnet_parse(const struct space *space, const char *string, struct arch *out, struct status *status)
{
    (void)space;
    struct space_text text = {.text = string, .at = string, .status = status};
    struct arch arch = {.length = FBNET_LAYERS};
    bool digits = string[0] >= '0' && string[0] <= '9';
    enum status_code code = digits ? parse_digits(&text, &arch) : parse_names(&text, &arch);
    if (code == STATUS_OK)
        *out = arch;
    return code;
}

static void fbnet_print(const struct space *space, const struct arch *arch, char out[ARCH_TEXT_BYTES])
{
    (void)space;
    for (size_t i = 0; i < FBNET_LAYERS; i++)
        out[i] = (char)('0' + arch->genes[i]);
    out[FBNET_LAYERS] = '\0';
}

/* --- classes --------------------------------------------------------------------------------------------- */

static bool fbnet_connected(const struct space *space, const struct arch *arch)
{
    (void)space;
    (void)arch;
    return true;
}

static void fbnet_canonical(const struct space *space, const struct arch *arch, struct arch *out)
{
    (void)space;
    struct arch canonical = {.length = FBNET_LAYERS};
    int layer = 0;
    for (int stage = 0; stage < FBNET_STAGES; stage++) {
        int end = layer + fbnet_stage_layers[stage], place = layer;
        canonical.genes[place++] = arch->genes[layer++];
        for (; layer < end; layer++)
            if (arch->genes[layer] != FBNET_SKIP)
                canonical.genes[place++] = arch->genes[layer];
        while (place < end)
            canonical.genes[place++] = FBNET_SKIP;
    }
    *out = canonical;
}

const struct space_ops space_fbnet = {
    .name = "fbnet",
    .gene_count = FBNET_LAYERS,
    .defaults = {.channels = 16, .cells = FBNET_LAYERS, .classes = 100, .input = {3, 32, 32}},
    .batch = 32,
    .choices = fbnet_choices,
    .parse = fbnet_parse,
    .print = fbnet_print,
    .connected = fbnet_connected,
    .canonical = fbnet_canonical,
    .build = fbnet_build_net,
};
