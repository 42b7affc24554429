/* patience: see patience.h. Used by coord. The hash keeps the order in which they were added; who offends is added anew, so that
 * the first is the one to forget. */
#include "master/patience.h"

#include <stdlib.h>
#include <string.h>

#include <uthash.h>

struct offender {
    char who[PATIENCE_WHO_BYTES];
    uint32_t offences;
    int64_t since_ms;      /* the first of them */
    int64_t deaf_until_ms; /* 0: he is heard */
    UT_hash_handle hh;
};

struct patience {
    struct patience_options options;
    struct patience_counts counts;
    struct offender *offenders;
};

struct patience *patience_new(const struct patience_options *options)
{
    struct patience *patience = calloc(1, sizeof *patience);
    if (patience != NULL)
        patience->options = *options;
    return patience;
}

static void forget(struct patience *patience, struct offender *offender)
{
    HASH_DEL(patience->offenders, offender);
    free(offender);
}

void patience_free(struct patience *patience)
{
    struct offender *offender, *next;
    if (patience == NULL)
        return;
    HASH_ITER(hh, patience->offenders, offender, next)
    forget(patience, offender);
    free(patience);
}

static struct offender *find(const struct patience *patience, const char *who)
{
    struct offender *offender;
    HASH_FIND_STR(patience->offenders, who, offender);
    return offender;
}

/* Takes what belongs to no one into account: a table that cannot grow leaves the element out. */
static bool add(struct patience *patience, struct offender *offender)
{
    HASH_ADD_STR(patience->offenders, who, offender);
    if (offender->hh.tbl != NULL)
        return true;
    free(offender);
    return false;
}

bool patience_hears(struct patience *patience, int64_t now_ms, const char *who)
{
    struct offender *offender = find(patience, who);
    if (offender == NULL || offender->deaf_until_ms == 0)
        return true;
    if (now_ms < offender->deaf_until_ms) {
        patience->counts.unheard++;
        return false;
    }
    forget(patience, offender);
    return true;
}

/* His record, made if there is none, in the last place of those to be forgotten; NULL without memory. */
static struct offender *record_of(struct patience *patience, int64_t now_ms, const char *who)
{
    struct offender *offender = find(patience, who);
    if (offender != NULL) {
        HASH_DEL(patience->offenders, offender);
        if (now_ms - offender->since_ms >= (int64_t)patience->options.within_ms) {
            offender->offences = 0;
            offender->since_ms = now_ms;
        }
    } else {
        if (HASH_COUNT(patience->offenders) >= patience->options.known_max)
            forget(patience, patience->offenders);
        offender = calloc(1, sizeof *offender);
        if (offender == NULL)
            return NULL;
        offender->since_ms = now_ms;
        strncpy(offender->who, who, sizeof offender->who - 1);
    }
    return add(patience, offender) ? offender : NULL;
}

bool patience_refused(struct patience *patience, int64_t now_ms, const char *who)
{
    patience->counts.refused++;
    struct offender *offender = record_of(patience, now_ms, who);
    if (offender == NULL || ++offender->offences < patience->options.messages)
        return false;
    offender->deaf_until_ms = now_ms + (int64_t)patience->options.deaf_ms;
    patience->counts.silenced++;
    return true;
}

void patience_count(const struct patience *patience, struct patience_counts *out)
{
    *out = patience->counts;
    out->known = HASH_COUNT(patience->offenders);
}
