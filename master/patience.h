/* patience: how many messages that cannot be read somebody may send before he is not heard for a while. Pure: time comes as an
 * argument (milliseconds of a clock that never jumps back).
 *
 * Who somebody is, the caller says: a text, such as the fingerprint of a key, or the number of a connection that has none. An
 * honest peer sends no such message at all, or one, and leaves; so the bound is low. What is kept is bounded, too: when too many
 * are known, the one whose last offence is the oldest is forgotten. */
#ifndef HWNAS_MASTER_PATIENCE_H
#define HWNAS_MASTER_PATIENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PATIENCE_WHO_BYTES = 64 };

struct patience_options {
    uint32_t messages;  /* that cannot be read, within */
    uint32_t within_ms; /* of the first of them: the last of them is one too many */
    uint32_t deaf_ms;   /* from then on */
    size_t known_max;
};

struct patience_counts {
    uint64_t refused;  /* messages that could not be read, and were answered */
    uint64_t unheard;  /* messages of those who are not heard */
    uint64_t silenced; /* how often somebody came to be unheard */
    size_t known;      /* who is kept now */
};

struct patience;

/* NULL without memory. patience_free takes NULL. */
struct patience *patience_new(const struct patience_options *options);
void patience_free(struct patience *patience);

/* Whether a message of his is to be looked at. False is counted. */
bool patience_hears(struct patience *patience, int64_t now_ms, const char *who);

/* He has sent one that cannot be read: counted. True: it was one too many, and he is unheard from now on. Without memory he is
 * heard on. */
bool patience_refused(struct patience *patience, int64_t now_ms, const char *who);

void patience_count(const struct patience *patience, struct patience_counts *out);

#endif
