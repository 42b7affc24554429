/* conditions_arm: what ARM chips are called. /proc/cpuinfo tells two numbers for a core, and the device tree what board it is on:
 * together they take the place of the brand that x86 has, because one core runs at other clocks, with other memory, on other
 * boards.
 *
 * Names and numbers are those of Linux (arch/arm64/include/asm/cputype.h) and of lscpu. */
#include <stdlib.h>
#include <string.h>

#include "worker/conditions_parts.h"

enum { IMPLEMENTER_ARM = 0x41, IMPLEMENTER_NVIDIA = 0x4e, IMPLEMENTER_QUALCOMM = 0x51, IMPLEMENTER_AMPERE = 0xc0 };

static const struct {
    unsigned implementer, part;
    const char *name;
} cores[] = {
    {IMPLEMENTER_ARM, 0xb76, "arm1176"},
    {IMPLEMENTER_ARM, 0xc05, "cortex_a5"},
    {IMPLEMENTER_ARM, 0xc07, "cortex_a7"},
    {IMPLEMENTER_ARM, 0xc08, "cortex_a8"},
    {IMPLEMENTER_ARM, 0xc09, "cortex_a9"},
    {IMPLEMENTER_ARM, 0xc0e, "cortex_a17"},
    {IMPLEMENTER_ARM, 0xc0f, "cortex_a15"},
    {IMPLEMENTER_ARM, 0xd01, "cortex_a32"},
    {IMPLEMENTER_ARM, 0xd03, "cortex_a53"},
    {IMPLEMENTER_ARM, 0xd04, "cortex_a35"},
    {IMPLEMENTER_ARM, 0xd05, "cortex_a55"},
    {IMPLEMENTER_ARM, 0xd07, "cortex_a57"},
    {IMPLEMENTER_ARM, 0xd08, "cortex_a72"},
    {IMPLEMENTER_ARM, 0xd09, "cortex_a73"},
    {IMPLEMENTER_ARM, 0xd0a, "cortex_a75"},
    {IMPLEMENTER_ARM, 0xd0b, "cortex_a76"},
    {IMPLEMENTER_ARM, 0xd0c, "neoverse_n1"},
    {IMPLEMENTER_ARM, 0xd0d, "cortex_a77"},
    {IMPLEMENTER_ARM, 0xd40, "neoverse_v1"},
    {IMPLEMENTER_ARM, 0xd41, "cortex_a78"},
    {IMPLEMENTER_ARM, 0xd42, "cortex_a78ae"},
    {IMPLEMENTER_ARM, 0xd44, "cortex_x1"},
    {IMPLEMENTER_ARM, 0xd46, "cortex_a510"},
    {IMPLEMENTER_ARM, 0xd47, "cortex_a710"},
    {IMPLEMENTER_ARM, 0xd49, "neoverse_n2"},
    {IMPLEMENTER_ARM, 0xd4f, "neoverse_v2"},
    {IMPLEMENTER_NVIDIA, 0x003, "denver_2"},
    {IMPLEMENTER_NVIDIA, 0x004, "carmel"},
    {IMPLEMENTER_QUALCOMM, 0x802, "kryo_3xx_gold"},
    {IMPLEMENTER_QUALCOMM, 0x803, "kryo_3xx_silver"},
    {IMPLEMENTER_QUALCOMM, 0x804, "kryo_4xx_gold"},
    {IMPLEMENTER_QUALCOMM, 0x805, "kryo_4xx_silver"},
    {IMPLEMENTER_AMPERE, 0xac3, "ampere_1"},
};

/* The first name of the device tree's `compatible`, the board's own: "raspberrypi,4-model-b". */
static void board_of(const char *root, char *out, size_t size)
{
    FILE *file = conditions_open(root, "/proc/device-tree/compatible");
    size_t got = file == NULL ? 0 : fread(out, 1, size - 1, file);
    if (file != NULL)
        fclose(file);
    out[got] = '\0';
}

void conditions_arm_processor(const char *root, const char *implementer, const char *part, char *out, size_t size)
{
    const unsigned long made_by = strtoul(implementer, NULL, 16), number = strtoul(part, NULL, 16);
    char board[CONDITIONS_PROCESSOR_BYTES / 2];
    board_of(root, board, sizeof board);
    for (size_t i = 0; i < sizeof cores / sizeof cores[0]; i++)
        if (cores[i].implementer == made_by && cores[i].part == number) {
            snprintf(out, size, "%s %s", board, cores[i].name);
            return;
        }
    snprintf(out, size, "%s %s %s", board, implementer, part);
}
