/* look_text: see look_text.h. Called by the look*.c files and the commands on boards. */
#include "master/look_text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/decimal.h"
#include "common/line.h"

void look_text_time(int64_t wall_ms, char out[LOOK_TEXT_TIME_BYTES])
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm utc;
    if (wall_ms <= 0 || gmtime_r(&seconds, &utc) == NULL || strftime(out, LOOK_TEXT_TIME_BYTES, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0)
        strcpy(out, "never");
}

json_t *look_text_number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

json_t *look_text_string(const char *text)
{
    char *line = line_dup(text);
    json_t *string = line != NULL ? json_string(line) : NULL;
    free(line);
    return string;
}

enum status_code look_text_print_json(json_t *object, FILE *out, struct status *status)
{
    if (object == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for the result as JSON");
    int failed = json_dumpf(object, out, JSON_COMPACT | JSON_ENSURE_ASCII) != 0;
    json_decref(object);
    fputc('\n', out);
    return failed ? status_set(status, STATUS_IO, "the result could not be written") : STATUS_OK;
}

void look_text_csv_number(double value, FILE *out)
{
    char text[DECIMAL_BYTES] = "";
    if (isfinite(value))
        decimal_print(value, text);
    fprintf(out, ",%s", text);
}
