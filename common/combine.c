/* combine: the measured scales, and sums of standard scores. Called by config and study. */
#include "common/combine.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

/* Of the first network's standard score beside the deep one's. */
static const double FIRST_WEIGHT = 2;

/* What float32 leaves of 1 - phi / taps. */
static const double LEAST_MISSING = 1e-6;

struct measured {
    const char *space, *protocol;
    struct combine_scale scale;
};

/* Nearness: of the random cells of docs/results/proxy.csv, as `scripts/proxy scale` prints them. ln MACs: of all 15,284 connected
 * cells. Studies go on with them, so a row never changes: a better one belongs to a preset with the next number. */
static const struct measured scales[] = {
    {"nb201",
     "rmi-fast-2",
     {.taps = 3,
      .nearness = {2.8581, 0.4105},
      .log_macs = {17.385095, 0.872957},
      .deep = "rmi-deep-1",
      .deep_nearness = {1.8386, 0.5280},
      .both_spread = 2.7256}},
};

struct measured_finals {
    const char *space, *searched_by; /* the protocol of the search */
    struct combine_finals finals;
};

/* Likewise, of the first 70 of those random cells; a row never changes. */
static const struct measured_finals finals_table[] = {
    {"nb201",
     "rmi-fast-2",
     {.name = "final-1",
      .protocol = "rmi-final-1",
      .draws = 3,
      .taps = 3,
      .nearness = {3.0313, 0.8094},
      .log_macs = {17.385095, 0.872957}}},
};

const struct combine_scale *combine_scale(const char *space, const char *protocol)
{
    for (size_t i = 0; i < sizeof scales / sizeof scales[0]; i++)
        if (strcmp(scales[i].space, space) == 0 && strcmp(scales[i].protocol, protocol) == 0)
            return &scales[i].scale;
    return NULL;
}

static double standard(const struct combine_part *part, double value)
{
    return (value - part->mean) / part->spread;
}

static double nearness(int taps, double phi)
{
    return -log(fmax(1 - phi / taps, LEAST_MISSING));
}

double combine_macs(const struct combine_scale *scale, double phi, double macs)
{
    return standard(&scale->nearness, nearness(scale->taps, phi)) + standard(&scale->log_macs, log(macs));
}

double combine_macs_deep(const struct combine_scale *scale, double phi, double deep_phi, double macs)
{
    double first = standard(&scale->nearness, nearness(scale->taps, phi)),
           deep = standard(&scale->deep_nearness, nearness(scale->taps, deep_phi));
    return (FIRST_WEIGHT * first + deep) / scale->both_spread + standard(&scale->log_macs, log(macs));
}

/* --- finals --- */

const char *combine_finals_kept_name(const char *name)
{
    return strcmp(name, "final") == 0 ? "final-1" : name;
}

const struct combine_finals *combine_finals(const char *space, const char *protocol, const char *name)
{
    for (size_t i = 0; i < sizeof finals_table / sizeof finals_table[0]; i++) {
        const struct measured_finals *row = &finals_table[i];
        if (strcmp(row->space, space) == 0 && strcmp(row->searched_by, protocol) == 0 && strcmp(row->finals.name, name) == 0)
            return &row->finals;
    }
    return NULL;
}

double combine_final(const struct combine_finals *finals, const double *phi, double macs)
{
    double near = 0;
    for (unsigned draw = 0; draw < finals->draws; draw++)
        near += nearness(finals->taps, phi[draw]);
    return standard(&finals->nearness, near / finals->draws) + standard(&finals->log_macs, log(macs));
}
