/* config_parts: what study files and board files have in common beyond the tables: names, files that they name, values printed as
 * YAML. Internal to common/config.c and common/config_board.c. */
#ifndef HWNAS_COMMON_CONFIG_PARTS_H
#define HWNAS_COMMON_CONFIG_PARTS_H

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>

#include "common/status.h"

/* 1 to 63 letters, digits, '.', '_', '-' and those of `more`, not beginning with '-' or '.': names become file names, columns and
 * JSON keys. */
bool config_plain_name(const char *name, const char *more);

/* The folder that relative paths are looked for in first: that of the file `path`. */
void config_folder_of(const char *path, char out[PATH_MAX]);

/* Replaces *place, a path, by the absolute path found: beside the file, then in the current folder. `what` is what kind of file
 * names it ("study"), for messages. */
enum status_code config_find_file(const char *folder, const char *what, char **place, struct status *status);

/* STATUS_BAD_INPUT: sets the sentence and puts file, line and key before it. */
struct config_yaml;
enum status_code config_refuse(const struct config_yaml *yaml, const char *path, struct status *status, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* A copy of the text stands in for what was left out; nothing changes where something was given, or text is NULL. */
enum status_code config_give(char **place, const char *text, struct status *status);

/* Plain where YAML leaves no doubt, else as a JSON string, which is YAML too. */
void config_print_scalar(FILE *out, const char *text);

#endif
