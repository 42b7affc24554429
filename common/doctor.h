/* doctor: what an examination of an installation finds: a list of sentences, each fine, doubtful or wrong, and what to do about it;
 * and the examinations that need neither master nor worker. `hwnas doctor` (cli_doctor) runs them. None changes anything but a few
 * files of its own, which it removes; each blocks for a moment, as long as a disk or a network lets it wait at the most. */
#ifndef HWNAS_COMMON_DOCTOR_H
#define HWNAS_COMMON_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>

#include "common/status.h"

enum doctor_level {
    DOCTOR_FINE,
    DOCTOR_UNKNOWN,  /* this machine does not tell */
    DOCTOR_DOUBTFUL, /* it works, but slower, less exactly or not for ever */
    DOCTOR_WRONG,    /* something will not work */
    DOCTOR_LEVELS
};

enum { DOCTOR_SENTENCE_BYTES = STATUS_MESSAGE_BYTES + 64, DOCTOR_ADVICE_BYTES = 256, DOCTOR_NAMES_MAX = 16 };

struct doctor_finding {
    enum doctor_level level;
    const char *area; /* "disk"; lives for ever */
    char sentence[DOCTOR_SENTENCE_BYTES];
    char advice[DOCTOR_ADVICE_BYTES]; /* what to do; empty: nothing, or the sentence says it */
};

/* Zero-initialise; doctor_free it. */
struct doctor_report {
    struct doctor_finding *findings;
    size_t count, capacity;
    size_t counts[DOCTOR_LEVELS];
    bool lost; /* there was no memory for a finding */
};

/* What a person wants examined. NULL and 0: nothing in particular. */
struct doctor_options {
    const char *db;
    const char *key, *allow, *server_key;
    const char *listen[DOCTOR_NAMES_MAX], *connect[DOCTOR_NAMES_MAX], *boards[DOCTOR_NAMES_MAX];
    size_t listen_count, connect_count, board_count;
};

typedef void doctor_section(const struct doctor_options *options, struct doctor_report *report);

/* Adds a finding. advice may be NULL. */
void doctor_say(struct doctor_report *report, enum doctor_level level, const char *area, const char *advice, const char *format,
                ...) __attribute__((format(printf, 5, 6)));

/* The worst level found; DOCTOR_FINE of an empty report. */
enum doctor_level doctor_worst(const struct doctor_report *report);

/* "fine", "unknown", "doubtful", "wrong". */
const char *doctor_level_name(enum doctor_level level);

void doctor_free(struct doctor_report *report);

/* --- the examinations --- */

/* Who this process is, and what it may take: open files, locked memory, sizes of files (doctor_host.c). */
doctor_section doctor_limits;
/* Whether the clock can be right, and whether anybody keeps it so. */
doctor_section doctor_clock;
/* Whether sockets and folders can be made where `hwnas run` makes its own: TMPDIR or /tmp. */
doctor_section doctor_sockets;

/* The folder of the database: what it lies on, room, and whether a file is written, kept and renamed there, and how long that takes
 * (doctor_disk.c). */
doctor_section doctor_disk;

/* The part of it about a file system: type is statfs's f_type. */
void doctor_filesystem(const char *folder, unsigned long type, struct doctor_report *report);

/* Keys and who is let in (doctor_keys.c). */
doctor_section doctor_keys;

/* Whether the addresses can be listened at, and whether a master answers at those to connect to, and lets this key in
 * (doctor_net.c). */
doctor_section doctor_addresses;

#endif
