/* protocol: presets, ranges and digests of scoring protocols. */
#include "common/protocol.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Steps, channels, cells; learning rate, momentum, weight decay; beta. */
static const struct preset {
    const char *space;
    struct protocol protocol;
} presets[] = {
    {"nb201", {"rmi-full", 151, 16, 5, 0.1, 0.9, 5e-4, 0.8}},   {"nb201", {"rmi-fast-1", 51, 16, 1, 0.1, 0.9, 5e-4, 0.8}},
    {"nb201", {"rmi-fast-2", 21, 16, 1, 0.1, 0.9, 5e-4, 0.8}},  {"nb201", {"rmi-deep-1", 16, 8, 5, 0.1, 0.9, 5e-4, 0.8}},
    {"nb201", {"rmi-final-1", 41, 16, 5, 0.1, 0.9, 5e-4, 0.8}}, {"darts", {"rmi-full", 251, 16, 8, 0.025, 0.9, 3e-4, 0.8}},
    {"darts", {"rmi-fast", 51, 16, 5, 0.025, 0.9, 3e-4, 0.8}},  {"fbnet", {"rmi-full", 151, 16, 22, 0.1, 0.9, 5e-4, 0.8}},
    {"fbnet", {"rmi-fast", 51, 16, 22, 0.1, 0.9, 5e-4, 0.8}},
};

/* Presets whose numbers have changed, or may. */
static const struct renamed {
    const char *space, *name, *then, *today;
} renamed[] = {{"nb201", "rmi-fast", "rmi-fast-1", "rmi-fast-2"},
               {"nb201", "rmi-deep", "rmi-deep-1", "rmi-deep-1"},
               {"nb201", "rmi-final", "rmi-final-1", "rmi-final-1"}};

const char *protocol_kept_name(const char *space, const char *name, bool stored)
{
    for (size_t i = 0; i < sizeof renamed / sizeof renamed[0]; i++)
        if (strcmp(renamed[i].space, space) == 0 && strcmp(renamed[i].name, name) == 0)
            return stored ? renamed[i].then : renamed[i].today;
    return name;
}

enum status_code protocol_preset(const char *space, const char *name, struct protocol *out, struct status *status)
{
    const char *kept = protocol_kept_name(space, name, false);
    bool scored = false;
    for (size_t i = 0; i < sizeof presets / sizeof presets[0]; i++) {
        bool here = strcmp(presets[i].space, space) == 0;
        scored |= here;
        if (here && strcmp(presets[i].protocol.name, kept) == 0) {
            *out = presets[i].protocol;
            return STATUS_OK;
        }
    }
    if (!scored)
        return status_set(status, STATUS_NOT_FOUND,
                          "candidates of the space %s cannot be scored by RMI: no protocol is known for it", space);
    return status_set(status, STATUS_NOT_FOUND,
                      "protocol \"%s\" is not known; known are rmi-full and rmi-fast, and in nb201 rmi-deep and rmi-final", name);
}

static enum status_code check_integer(const char *what, int32_t value, int32_t low, int32_t high, struct status *status)
{
    if (value >= low && value <= high)
        return STATUS_OK;
    return status_set(status, STATUS_BAD_INPUT, "protocol: %s is %d; it must be between %d and %d", what, value, low, high);
}

static enum status_code check_number(const char *what, double value, double low, double high, struct status *status)
{
    if (isfinite(value) && value >= low && value <= high)
        return STATUS_OK;
    return status_set(status, STATUS_BAD_INPUT, "protocol: %s is %g; it must be between %g and %g", what, value, low, high);
}

enum status_code protocol_check(const struct protocol *protocol, struct status *status)
{
    enum status_code code = check_integer("steps", protocol->steps, 1, PROTOCOL_STEPS_MAX, status);
    if (code == STATUS_OK)
        code = check_integer("channels", protocol->channels, 1, 256, status);
    if (code == STATUS_OK)
        code = check_integer("cells", protocol->cells, 1, 32, status);
    if (code == STATUS_OK)
        code = check_number("learning_rate", protocol->learning_rate, 0, 10, status);
    if (code == STATUS_OK)
        code = check_number("momentum", protocol->momentum, 0, 1, status);
    if (code == STATUS_OK)
        code = check_number("weight_decay", protocol->weight_decay, 0, 1, status);
    if (code == STATUS_OK)
        code = check_number("beta", protocol->beta, 0, 1, status);
    return code;
}

void protocol_digest(const struct protocol *protocol, struct digest *out)
{
    struct digest_stream stream;
    digest_begin(&stream);
    digest_text(&stream, "hwnas protocol");
    digest_u64(&stream, PROTOCOL_VERSION);
    digest_u64(&stream, (uint64_t)protocol->steps);
    digest_u64(&stream, (uint64_t)protocol->channels);
    digest_u64(&stream, (uint64_t)protocol->cells);
    digest_double(&stream, protocol->learning_rate);
    digest_double(&stream, protocol->momentum);
    digest_double(&stream, protocol->weight_decay);
    digest_double(&stream, protocol->beta);
    digest_end(&stream, out);
}

void protocol_weight_seed(const struct protocol *protocol, uint64_t study_seed, const char *canonical_arch, struct rng *out)
{
    struct digest_stream stream;
    struct digest digest;
    digest_begin(&stream);
    digest_text(&stream, "hwnas weights");
    digest_u64(&stream, study_seed);
    digest_text(&stream, canonical_arch);
    digest_u64(&stream, (uint64_t)protocol->channels);
    digest_u64(&stream, (uint64_t)protocol->cells);
    digest_end(&stream, &digest);
    digest_rng(&digest, out);
}
