/* config_parts: what study files and board files have in common beyond the tables: names, files that they name, values printed as
 * YAML. Called by config.c and config_board.c. */
#include "common/config_parts.h"

#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/config.h"
#include "common/config_rules.h"
#include "common/config_yaml.h"

bool config_plain_name(const char *name, const char *more)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    size_t length = strlen(name);
    if (length >= CONFIG_NAME_BYTES || *name == '-' || *name == '.')
        return false;
    for (; *name != '\0'; name++)
        if (strchr(letters, *name) == NULL && strchr(more, *name) == NULL)
            return false;
    return length > 0;
}

void config_folder_of(const char *path, char out[PATH_MAX])
{
    const char *slash = strrchr(path, '/');
    snprintf(out, PATH_MAX, "%.*s", slash == NULL ? 1 : slash == path ? 1 : (int)(slash - path), slash == NULL ? "." : path);
}

enum status_code config_find_file(const char *folder, const char *what, char **place, struct status *status)
{
    char beside[2 * PATH_MAX], found[PATH_MAX];
    const char *given = *place;
    if (*given == '/')
        snprintf(beside, sizeof beside, "%s", given);
    else
        snprintf(beside, sizeof beside, "%s/%s", folder, given);
    if (realpath(beside, found) == NULL && (*given == '/' || realpath(given, found) == NULL)) {
        int reason = errno;
        char *here = getcwd(NULL, 0);
        char *there = realpath(folder, NULL);
        if (*given == '/')
            status_set(status, STATUS_BAD_INPUT, "%.400s: %s", given, strerror(reason));
        else
            status_set(status, STATUS_BAD_INPUT, "%.100s is neither beside the %s file (%.150s) nor in the current folder (%.150s)",
                       given, what, there != NULL ? there : folder, here != NULL ? here : ".");
        free(here);
        free(there);
        return STATUS_BAD_INPUT;
    }
    json_t *text = json_string(found); /* NULL when it is not UTF-8 */
    if (text == NULL)
        return status_set(status, STATUS_BAD_INPUT, "%.400s: the path is not UTF-8, which settings must be; rename it", given);
    json_decref(text);
    return config_rule_read(&(struct config_rule){.kind = CONFIG_PATH}, found, place, status);
}

void config_print_scalar(FILE *out, const char *text)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-/@+";
    if (text[strspn(text, plain)] == '\0' && strchr("-.@+", *text) == NULL) {
        fputs(text, out);
        return;
    }
    json_t *string = json_string(text);
    char *quoted = string != NULL ? json_dumps(string, JSON_ENCODE_ANY) : NULL;
    fputs(quoted != NULL ? quoted : "\"\"", out);
    free(quoted);
    json_decref(string);
}

enum status_code config_refuse(const struct config_yaml *yaml, const char *path, struct status *status, const char *format, ...)
{
    char sentence[STATUS_MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    status_set(status, STATUS_BAD_INPUT, "%s", sentence);
    return config_yaml_blame(yaml, path, status);
}

enum status_code config_give(char **place, const char *text, struct status *status)
{
    if (*place == NULL && text != NULL && (*place = strdup(text)) == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for the settings");
    return STATUS_OK;
}
