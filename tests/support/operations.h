/* operations: what a master does to its database, one thing at a time, each with what the database may hold if it fails midway: the
 * loop that lets the n-th call of something fail, for every n, and looks what came of it. */
#ifndef HWNAS_TESTS_SUPPORT_OPERATIONS_H
#define HWNAS_TESTS_SUPPORT_OPERATIONS_H

#include "tests/support/store_case.h"

struct operation;

/* One after the other; NULL behind the last. */
const struct operation *operations_at(size_t index);
const char *operations_name(const struct operation *operation);

/* What fails: calls are counted from `arm`; number `after` (from 0) fails, once or from then on. */
struct fault {
    const char *word;
    void (*watch)(const char *folder); /* from before the database is opened, until */
    void (*unwatch)(void);             /* it is closed; both may be NULL */
    void (*arm)(long after, bool from_then_on);
    bool (*disarm)(long *calls);  /* how many calls there were; whether one has failed */
    bool from_then_on, may_leave; /* all fail, or some file may stay that is of no use */
    unsigned codes;               /* 1 << STATUS_...: what an operation may say that does not succeed */
    long tries;                   /* of an operation, evenly spread over its calls from SEED on; 0: all */
};

/* Runs the operation whole, then with each fault. Fails the test when it crashes, lies, says another code, says nothing of the
 * file, or leaves a database that is damaged, has lost what was committed, or holds a part of a transaction. Returns how many
 * faults were met. */
long operations_try(const struct operation *operation, const struct case_folder *folder, const struct fault *fault);

#endif
