/* power: reads a meter's file. Called by runner_command while a tool runs. */
#include "worker/power.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "worker/measure.h"

/* The number in the file, NaN for anything else. */
static double read_number(const char *path)
{
    char text[64], *end;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe without a writer would block for ever */
    ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0)
        close(fd);
    if (size <= 0)
        return NAN;
    text[size] = '\0';
    errno = 0;
    long number = strtol(text, &end, 10);
    return end != text && errno == 0 && end[strspn(end, " \n")] == '\0' ? (double)number : NAN;
}

void power_look(struct power *power, int64_t now_ms)
{
    if (power->file == NULL || now_ms < power->next_ms || power->count == POWER_READINGS_MAX)
        return;
    if (power->readings == NULL && (power->readings = malloc(POWER_READINGS_MAX * sizeof *power->readings)) == NULL)
        return;
    power->next_ms = now_ms + power->every_ms;
    double number = read_number(power->file);
    if (number >= 0)
        power->readings[power->count++] = number * power->milliwatts;
}

double power_median_mw(struct power *power)
{
    return power->count == 0 ? NAN : measure_median(power->readings, power->count);
}

void power_free(struct power *power)
{
    free(power->readings);
    power->readings = NULL;
    power->count = 0;
}
