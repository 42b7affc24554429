/* config_rules: the table of every key of a study file: where it stands, what it may hold, what it is when left out. One table
 * serves reading, checking, printing and comparing settings, so a new key is one row here and one line in docs/STUDY.md. Board
 * files have such a table in config_board_rules.c. Pure.
 *
 * Internal to common/config*.c (and to the tests that compare the tables with the documents). */
#ifndef HWNAS_COMMON_CONFIG_RULES_H
#define HWNAS_COMMON_CONFIG_RULES_H

#include <stdbool.h>
#include <stddef.h>

#include "common/config.h"
#include "common/status.h"

enum config_section {
    CONFIG_TOP,
    CONFIG_STRATEGY,
    CONFIG_FITNESS,
    CONFIG_COST, /* once per element of the list `costs` */
    CONFIG_NETWORK,
    CONFIG_BUDGET,
    CONFIG_SECTIONS
};

enum config_kind {
    CONFIG_TEXT,   /* char *, owned */
    CONFIG_PATH,   /* char *, owned: a file that must exist */
    CONFIG_WHOLE,  /* uint32_t or a never negative int32_t */
    CONFIG_SEED,   /* uint64_t */
    CONFIG_REAL,   /* double; NaN when left out and without a default */
    CONFIG_LIMIT,  /* has_max and max of a cost */
    CONFIG_SWITCH, /* bool */
    CONFIG_CHOICE, /* an enum, one of `words` */
    CONFIG_LIST,   /* a list of texts; read and printed by config_board.c, as CONFIG_PAIRS is */
    CONFIG_PAIRS   /* a mapping of texts whose keys are free */
};

enum { CONFIG_RULES_MAX = 96, CONFIG_SECTIONS_MAX = 16, CONFIG_VALUE_BYTES = 4608 };

/* A mapping that keys stand in. Row 0 is the file itself. */
struct config_section_row {
    const char *key; /* NULL for the file itself */
    int parent;      /* its row number; always a smaller one */
    bool repeated;   /* a list of such mappings; one section of a table at most, at the top */
};

struct config_rule {
    int section; /* row number */
    const char *key;
    enum config_kind kind;
    size_t offset;        /* in struct config_study; for CONFIG_COST in struct config_cost */
    const char *fallback; /* the default as it would be typed; NULL: none */
    double least, most;   /* CONFIG_WHOLE and CONFIG_REAL */
    const char *const *words;
    unsigned used, needed; /* bit s set: the key means something, or must be given, when the section's source is s */
    const char *what;      /* what to give, for messages */
};

/* All that may stand in one kind of file. */
struct config_table {
    const struct config_rule *rules; /* in the order in which settings are printed */
    size_t count;
    const struct config_section_row *sections;
    int section_count;
    const char *what;  /* "study", for messages */
    const char *least; /* "name, space and fitness": what such a file needs at least */
};

extern const struct config_table config_study_table;

/* The rules of a study file. */
const struct config_rule *config_rules(size_t *count);

/* "strategy", "costs", ...; NULL for CONFIG_TOP. */
const char *config_section_key(enum config_section section);

/* Reads text into the rule's place; `base` is the struct the offset counts from. The sentence says only what is wrong and what to
 * do; file, line and key are the caller's to add. */
enum status_code config_rule_read(const struct config_rule *rule, const char *text, void *base, struct status *status);

/* The value as config_rule_read takes it; false when the value is absent (no text, no limit). */
bool config_rule_print(const struct config_rule *rule, const void *base, char out[CONFIG_VALUE_BYTES]);

/* The known key of that section nearest to `key` by edit distance, and the list of all ("a, b, c") into `all`. */
const char *config_rule_nearest(const struct config_table *table, int section, const char *key, char *all, size_t all_size);

#endif
