/* conditions: the few files of /proc and /sys that tell how far a latency measured here can be trusted.
 *
 * Called by the built-in runner and by `hwnas device show`. Every file may be missing (containers and virtual machines hide most of
 * them) or hold nonsense; then that condition is unknown and nothing is guessed. */
#include "worker/conditions.h"

#include <ctype.h>
#include <dirent.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/conditions_parts.h"

FILE *conditions_open(const char *root, const char *format, ...)
{
    char path[PATH_MAX], tail[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(tail, sizeof tail, format, arguments);
    va_end(arguments);
    if (snprintf(path, sizeof path, "%s%s", root, tail) >= (int)sizeof path)
        return NULL;
    return fopen(path, "re");
}

bool conditions_word(FILE *file, char out[CONDITIONS_WORD_BYTES])
{
    out[0] = '\0';
    if (file == NULL)
        return false;
    bool found = fscanf(file, "%31s", out) == 1;
    fclose(file);
    return found;
}

double conditions_number(FILE *file, double unknown)
{
    char word[CONDITIONS_WORD_BYTES], *end;
    if (!conditions_word(file, word))
        return unknown;
    double number = strtod(word, &end);
    return end == word || !isfinite(number) ? unknown : number;
}

void conditions_each(const char *root, const char *folder, void (*each)(void *context, const char *name), void *context)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s%s", root, folder) >= (int)sizeof path)
        return;
    DIR *open = opendir(path);
    if (open == NULL)
        return;
    for (struct dirent *entry; (entry = readdir(open)) != NULL;)
        if (entry->d_name[0] != '.')
            each(context, entry->d_name);
    closedir(open);
}

/* Lower-case words joined by '_', without trade marks and filler words. What does not fit is left out from the end, whole words. */
static void slug(const char *name, char *out, size_t size)
{
    static const char *const fillers[] = {"r", "tm", "cpu", "processor", "with"};
    static const char gaps[] = " ()\t-/,_";
    size_t used = 0;
    for (const char *at = name + strspn(name, gaps); *at != '\0'; at += strspn(at, gaps)) {
        size_t length = strcspn(at, gaps);
        bool filler = used + length + 2 > size;
        for (size_t i = 0; i < sizeof fillers / sizeof fillers[0]; i++)
            filler = filler || (length == strlen(fillers[i]) && strncasecmp(at, fillers[i], length) == 0);
        if (!filler && used > 0)
            out[used++] = '_';
        for (size_t i = 0; !filler && i < length; i++)
            if (isalnum((unsigned char)at[i]))
                out[used++] = (char)tolower((unsigned char)at[i]);
        at += length;
    }
    out[used] = '\0';
}

/* What /proc/cpuinfo says of one CPU. x86 has brand, family and model; ARM an implementer and a part. */
struct cpuinfo {
    char brand[128], first[16], second[16];
    bool arm, hypervisor;
};

static void take_field(struct cpuinfo *info, const char *key, const char *value)
{
    if (strcmp(key, "model name") == 0)
        snprintf(info->brand, sizeof info->brand, "%s", value);
    else if (strcmp(key, "cpu family") == 0 || strcmp(key, "CPU implementer") == 0) {
        snprintf(info->first, sizeof info->first, "%s", value);
        info->arm = key[0] == 'C';
    } else if (strcmp(key, "model") == 0 || strcmp(key, "CPU part") == 0)
        snprintf(info->second, sizeof info->second, "%s", value);
    else if (strcmp(key, "flags") == 0)
        info->hypervisor = strstr(value, " hypervisor") != NULL;
}

/* Only the paragraph of that CPU counts: the cores of one chip may differ. */
static void read_cpuinfo(const char *root, int cpu, struct cpuinfo *info)
{
    memset(info, 0, sizeof *info);
    FILE *file = conditions_open(root, "/proc/cpuinfo");
    if (file == NULL)
        return;
    char *line = NULL;
    size_t room = 0;
    int current = -1;
    while (getline(&line, &room, file) > 0) {
        char *colon = strchr(line, ':');
        if (colon == NULL)
            continue;
        char *key_end = colon, *value = colon + 1;
        while (key_end > line && isspace((unsigned char)key_end[-1]))
            key_end--;
        *key_end = '\0';
        value += strspn(value, " \t");
        value[strcspn(value, "\n")] = '\0';
        if (strcmp(line, "processor") == 0)
            current = atoi(value);
        else if (current == cpu)
            take_field(info, line, value);
    }
    free(line);
    fclose(file);
}

/* Brand without the nominal clock ("@ 2.60GHz"), then family and model. 32-bit ARM writes a brand too, one that says little. */
static void name_processor(const char *root, const struct cpuinfo *info, char out[CONDITIONS_PROCESSOR_BYTES])
{
    char whole[192];
    if (info->arm)
        conditions_arm_processor(root, info->first, info->second, whole, sizeof whole);
    else
        snprintf(whole, sizeof whole, "%.*s %s %s", (int)strcspn(info->brand, "@"), info->brand, info->first, info->second);
    slug(whole, out, CONDITIONS_PROCESSOR_BYTES);
    if (out[0] == '\0')
        snprintf(out, CONDITIONS_PROCESSOR_BYTES, "unknown");
}

/* CPUs on line, from the list "0-3,6". */
static int count_online(const char *root)
{
    FILE *file = conditions_open(root, "/sys/devices/system/cpu/online");
    if (file == NULL)
        return 1;
    int count = 0, from, to;
    while (fscanf(file, "%d", &from) == 1) {
        to = from;
        int next = fgetc(file);
        if (next == '-' && fscanf(file, "%d", &to) == 1)
            next = fgetc(file);
        count += to >= from ? to - from + 1 : 0;
        if (next != ',')
            break;
    }
    fclose(file);
    return count > 0 ? count : 1;
}

struct zones {
    const char *root;
    double hottest_c;
};

static void look_at_zone(void *context, const char *name)
{
    struct zones *zones = context;
    if (strncmp(name, "thermal_zone", 12) != 0)
        return;
    double milli = conditions_number(conditions_open(zones->root, "/sys/class/thermal/%.64s/temp", name), NAN);
    zones->hottest_c = fmax(zones->hottest_c, milli / 1000); /* fmax ignores a NaN */
}

static double hottest_zone(const char *root)
{
    struct zones zones = {root, NAN};
    conditions_each(root, "/sys/class/thermal", look_at_zone, &zones);
    return zones.hottest_c;
}

/* The word behind KEY: in a file of such lines; empty when there is none. */
static void word_behind(const char *root, const char *path, const char *key, char out[CONDITIONS_WORD_BYTES])
{
    FILE *file = conditions_open(root, "%s", path);
    char *line = NULL;
    size_t room = 0, length = strlen(key);
    out[0] = '\0';
    while (file != NULL && out[0] == '\0' && getline(&line, &room, file) > 0)
        if (strncmp(line, key, length) == 0 && line[length] == ':')
            sscanf(line + length + 1, "%31s", out);
    free(line);
    if (file != NULL)
        fclose(file);
}

static double available_mb(const char *root)
{
    char word[CONDITIONS_WORD_BYTES], *end;
    word_behind(root, "/proc/meminfo", "MemAvailable", word);
    double kilobytes = strtod(word, &end);
    return end == word || !isfinite(kilobytes) ? NAN : kilobytes / 1024;
}

/* A list of CPUs: digits, commas and dashes, nothing else. */
static void read_affinity(const char *root, char out[CONDITIONS_WORD_BYTES])
{
    word_behind(root, "/proc/self/status", "Cpus_allowed_list", out);
    if (strspn(out, "0123456789,-") != strlen(out))
        out[0] = '\0';
}

static int boost_state(const char *root)
{
    double off = conditions_number(conditions_open(root, "/sys/devices/system/cpu/intel_pstate/no_turbo"), -1);
    if (off >= 0)
        return off == 0;
    return (int)conditions_number(conditions_open(root, "/sys/devices/system/cpu/cpufreq/boost"), -1);
}

void conditions_read(const char *root, int cpu, struct conditions *out)
{
    struct cpuinfo info;
    memset(out, 0, sizeof *out);
    read_cpuinfo(root, cpu, &info);
    name_processor(root, &info, out->processor);
    out->virtual = info.hypervisor;
    out->cpu = cpu;
    out->cpus = count_online(root);
    conditions_word(conditions_open(root, "/sys/devices/system/cpu/cpu%d/cpufreq/scaling_governor", cpu), out->governor);
    out->frequency_mhz =
        conditions_number(conditions_open(root, "/sys/devices/system/cpu/cpu%d/cpufreq/scaling_cur_freq", cpu), 0) / 1000;
    out->frequency_max_mhz =
        conditions_number(conditions_open(root, "/sys/devices/system/cpu/cpu%d/cpufreq/scaling_max_freq", cpu), 0) / 1000;
    out->temperature_c = hottest_zone(root);
    out->load = conditions_number(conditions_open(root, "/proc/loadavg"), NAN);
    out->boost = boost_state(root);
    out->memory_mb = available_mb(root);
    read_affinity(root, out->affinity);
    conditions_read_board(root, cpu, out);
}

static void append(char *out, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void append(char *out, size_t size, const char *format, ...)
{
    size_t used = strlen(out);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(out + used, size - used, format, arguments);
    va_end(arguments);
}

/* What only some boards have. */
static void print_board(const struct conditions *conditions, char *out, size_t size)
{
    if (conditions->model[0] != '\0')
        append(out, size, " model=%s", conditions->model);
    if (conditions->throttled != 0)
        append(out, size, " throttled=0x%x", conditions->throttled);
    if (isfinite(conditions->throttle_count))
        append(out, size, " throttle_count=%.0f", conditions->throttle_count);
    if (conditions->gpu_mhz > 0)
        append(out, size, " gpu_mhz=%.0f gpu_fixed=%s", conditions->gpu_mhz, conditions->gpu_fixed ? "yes" : "no");
    if (conditions->power_mode >= 0)
        append(out, size, " power_mode=%d", conditions->power_mode);
}

void conditions_print(const struct conditions *conditions, char *out, size_t size)
{
    out[0] = '\0';
    append(out, size, "processor=%s cpu=%d cpus=%d", conditions->processor, conditions->cpu, conditions->cpus);
    if (conditions->affinity[0] != '\0')
        append(out, size, " affinity=%s", conditions->affinity);
    if (conditions->governor[0] != '\0')
        append(out, size, " governor=%s", conditions->governor);
    if (conditions->frequency_mhz > 0)
        append(out, size, " frequency_mhz=%.0f", conditions->frequency_mhz);
    if (conditions->frequency_max_mhz > 0)
        append(out, size, " frequency_max_mhz=%.0f", conditions->frequency_max_mhz);
    if (conditions->boost >= 0)
        append(out, size, " boost=%s", conditions->boost ? "on" : "off");
    if (isfinite(conditions->temperature_c))
        append(out, size, " temperature_c=%.1f", conditions->temperature_c);
    if (isfinite(conditions->load))
        append(out, size, " load=%.2f", conditions->load);
    if (isfinite(conditions->memory_mb))
        append(out, size, " memory_mb=%.0f", conditions->memory_mb);
    append(out, size, " virtual=%s", conditions->virtual ? "yes" : "no");
    print_board(conditions, out, size);
}

/* A sentence about what keeps this CPU's clock from being what it should be; false when there are no more than i. */
static bool clock_warning(const struct conditions *c, int *i, char *out, size_t size)
{
    if (c->governor[0] != '\0' && strcmp(c->governor, "performance") != 0 && (*i)-- == 0) {
        snprintf(out, size,
                 "the clock is governed by '%s' and changes with load; for measurements: cpupower frequency-set -g performance",
                 c->governor);
        return true;
    }
    if (c->boost == 1 && (*i)-- == 0) {
        snprintf(out, size, "turbo clocks are on: the first measurements after a pause run faster than later ones");
        return true;
    }
    if (c->gpu_mhz > 0 && !c->gpu_fixed && (*i)-- == 0) {
        snprintf(out, size, "the graphics clock follows the load: run jetson_clocks after nvpmodel");
        return true;
    }
    return false;
}

/* The same about heat and power. */
static bool throttle_warning(const struct conditions *c, int *i, char *out, size_t size)
{
    unsigned voltage = CONDITIONS_UNDER_VOLTAGE, heat = CONDITIONS_CLOCK_CAPPED | CONDITIONS_THROTTLED | CONDITIONS_SOFT_LIMIT;
    if ((c->throttled & (voltage | voltage << 16)) != 0 && (*i)-- == 0) {
        snprintf(out, size, "the voltage %s too low: the power supply or its cable is too weak for this board",
                 (c->throttled & voltage) != 0 ? "is" : "has been");
        return true;
    }
    if ((c->throttled & (heat | heat << 16)) != 0 && (*i)-- == 0) {
        snprintf(out, size, "the board %s its clock because of heat or power (throttled=0x%x): cool it better",
                 (c->throttled & heat) != 0 ? "slows" : "has slowed", c->throttled);
        return true;
    }
    return false;
}

bool conditions_warning(const struct conditions *conditions, int i, char *out, size_t size)
{
    const struct conditions *c = conditions;
    if (clock_warning(c, &i, out, size) || throttle_warning(c, &i, out, size))
        return true;
    /* One CPU is for the measurement itself. */
    if (c->load > c->cpus - 1 && i-- == 0) {
        snprintf(out, size, "load %.2f on %d CPU(s): other programs compute here and get in the way; stop them first", c->load,
                 c->cpus);
        return true;
    }
    if (c->virtual && i-- == 0) {
        snprintf(out, size, "this is a virtual machine: other guests of the same host may slow it down unseen");
        return true;
    }
    return false;
}
