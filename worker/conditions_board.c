/* conditions_board: what small boards tell beside what every Linux machine does: a Raspberry Pi's throttle bits and voltage alarm,
 * a Jetson's graphics clock and power mode, and how often a processor has slowed itself down.
 *
 * Called by conditions_read. Only files are read, so that it works without the boards' tools and without their rights. */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "worker/conditions_parts.h"

struct walk {
    const char *root;
    struct conditions *out;
};

/* The firmware's bits (raspberrypi.com, vcgencmd get_throttled), which the kernel prints as a hexadecimal number without 0x. */
static unsigned throttle_bits(const char *root)
{
    char word[CONDITIONS_WORD_BYTES], *end;
    if (!conditions_word(conditions_open(root, "/sys/devices/platform/soc/soc:firmware/get_throttled"), word))
        return 0;
    unsigned long bits = strtoul(word, &end, 16);
    return *end == '\0' && bits < 0x80000000ul ? (unsigned)bits : 0;
}

/* Newer kernels tell of a low voltage through a sensor alone. */
static void look_at_sensor(void *context, const char *name)
{
    const struct walk *walk = context;
    char word[CONDITIONS_WORD_BYTES];
    conditions_word(conditions_open(walk->root, "/sys/class/hwmon/%.64s/name", name), word);
    if (strcmp(word, "rpi_volt") == 0 &&
        conditions_number(conditions_open(walk->root, "/sys/class/hwmon/%.64s/in0_lcrit_alarm", name), 0) > 0)
        walk->out->throttled |= CONDITIONS_UNDER_VOLTAGE;
}

/* Names of Jetsons' graphics processors end in these: 17000000.gp10b (TX2), 17000000.gv11b (Xavier), 17000000.ga10b (Orin),
 * 57000000.gpu (Nano). */
static bool is_graphics(const char *name)
{
    static const char *const ends[] = {".gpu", ".gp10b", ".gv11b", ".ga10b"};
    size_t length = strlen(name);
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
        if (length > strlen(ends[i]) && strcmp(name + length - strlen(ends[i]), ends[i]) == 0)
            return true;
    return false;
}

static void look_at_clock(void *context, const char *name)
{
    const struct walk *walk = context;
    if (!is_graphics(name))
        return;
    double now = conditions_number(conditions_open(walk->root, "/sys/class/devfreq/%.64s/cur_freq", name), 0);
    double least = conditions_number(conditions_open(walk->root, "/sys/class/devfreq/%.64s/min_freq", name), 0);
    double most = conditions_number(conditions_open(walk->root, "/sys/class/devfreq/%.64s/max_freq", name), 0);
    walk->out->gpu_mhz = now / 1e6;
    walk->out->gpu_fixed = now > 0 && least >= most;
}

/* What nvpmodel noted: "pmode:0002". */
static int power_mode(const char *root)
{
    char word[CONDITIONS_WORD_BYTES];
    if (!conditions_word(conditions_open(root, "/var/lib/nvpmodel/status"), word) || strncmp(word, "pmode:", 6) != 0 ||
        !isdigit((unsigned char)word[6]))
        return -1;
    return (int)strtol(word + 6, NULL, 10);
}

/* The model in the letters of a condition: "raspberry_pi_4_model_b_rev_1.4". The file is one text with a NUL at its end. */
static void read_model(const char *root, char out[CONDITIONS_MODEL_BYTES])
{
    char text[CONDITIONS_MODEL_BYTES];
    FILE *file = conditions_open(root, "/proc/device-tree/model");
    size_t size = file == NULL ? 0 : fread(text, 1, sizeof text - 1, file), used = 0;
    if (file != NULL)
        fclose(file);
    for (size_t i = 0; i < size && text[i] != '\0'; i++) {
        unsigned char letter = (unsigned char)text[i];
        if (isalnum(letter) || letter == '.')
            out[used++] = (char)tolower(letter);
        else if (used > 0 && out[used - 1] != '_')
            out[used++] = '_';
    }
    while (used > 0 && out[used - 1] == '_')
        used--;
    out[used] = '\0';
}

void conditions_read_board(const char *root, int cpu, struct conditions *out)
{
    struct walk walk = {root, out};
    out->throttled = throttle_bits(root);
    out->throttle_count =
        conditions_number(conditions_open(root, "/sys/devices/system/cpu/cpu%d/thermal_throttle/core_throttle_count", cpu), NAN);
    conditions_each(root, "/sys/class/hwmon", look_at_sensor, &walk);
    conditions_each(root, "/sys/class/devfreq", look_at_clock, &walk);
    out->power_mode = power_mode(root);
    read_model(root, out->model);
}
