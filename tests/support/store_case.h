/* store_case: what tests of the database share: a folder of their own, a store that opens or fails the test, rows by number, and a
 * digest of all that a database holds. */
#ifndef HWNAS_TESTS_SUPPORT_STORE_CASE_H
#define HWNAS_TESTS_SUPPORT_STORE_CASE_H

#include <stdbool.h>

#include "master/store.h"
#include "tests/support/test.h"

enum { CASE_PATH_BYTES = 256 };

struct case_folder {
    char path[CASE_PATH_BYTES];
    char db[CASE_PATH_BYTES + 16];   /* PATH/study.db */
    char copy[CASE_PATH_BYTES + 16]; /* PATH/copy.db */
};

/* cmocka's setup and teardown: *state is a struct case_folder. */
int case_make_folder(void **state);
int case_remove_folder(void **state);
#define case_in_folder(test) cmocka_unit_test_setup_teardown(test, case_make_folder, case_remove_folder)

/* Names in the folder, sorted, one space between: what a test expects to be left. */
void case_names(const char *folder, char *out, size_t size);

struct store *case_open(const char *path, enum store_mode mode);
void case_begin(struct store *store);
void case_commit(struct store *store);

/* 64 hexadecimal digits that start with n; a row of that key, every value of which follows from n. */
void case_key(int n, char out[DIGEST_HEX_BYTES]);
struct store_evaluation case_evaluation(int n);
bool case_put(struct store *store, int n); /* in a transaction; false: was there */
bool case_has(struct store *store, int n); /* and it is what was put */
int64_t case_count(struct store *store);

/* The files of one folder into another, which is emptied first. */
void case_copy_files(const char *from, const char *to);

/* The digest of every table's every row, of schema and version, as hex; of a study without its times. False when integrity_check or
 * foreign_key_check find something, or it cannot be read. On the store's own connection: changes nothing. */
bool case_digest_of(struct store *store, char out[DIGEST_HEX_BYTES]);

/* The same of a file, opened with SQLite alone; with a log beside it, that is read and stays. Fails the test, saying `what`. */
void case_digest(const char *db, const char *what, char out[DIGEST_HEX_BYTES]);

#endif
