/* log: see log.h. Called by everything that runs for long. */
#include "common/log.h"

#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "common/line.h"

enum { SENTENCE_BYTES = LOG_LINE_BYTES / 2 };

static const char *const level_names[] = {"error", "warn", "info", "debug"};

int log_parse_level(const char *word, enum log_level *out)
{
    for (size_t i = 0; i < sizeof level_names / sizeof level_names[0]; i++) {
        if (strcmp(word, level_names[i]) == 0) {
            *out = (enum log_level)i;
            return 0;
        }
    }
    return -1;
}

const char *log_level_name(enum log_level level)
{
    return level_names[level];
}

/* --- what changes while a program runs --- */

/* $JOURNAL_STREAM names the file that systemd gave the program as its standard output or error. */
static bool is_journal(FILE *out)
{
    const char *stream = getenv("JOURNAL_STREAM");
    unsigned long long device, inode;
    struct stat info;
    return stream != NULL && sscanf(stream, "%llu:%llu", &device, &inode) == 2 && fstat(fileno(out), &info) == 0 &&
           info.st_dev == device && info.st_ino == inode;
}

void log_open(struct logger *logger, struct log_control *control, const char *program, enum log_level level)
{
    memset(control, 0, sizeof *control);
    atomic_init(&control->level, (int)level);
    pthread_mutex_init(&control->lock, NULL);
    control->journal = is_journal(stderr);
    *logger = (struct logger){.out = stderr, .level = level, .program = program, .control = control};
    signal(SIGUSR1, SIG_IGN);
    signal(SIGUSR2, SIG_IGN);
}

enum log_level log_level_of(const struct logger *logger)
{
    return logger->control != NULL ? (enum log_level)atomic_load(&logger->control->level) : logger->level;
}

/* The place of a kind of line; of more kinds than there are places, some share one. */
static struct log_site *find_site(struct log_control *control, const void *sentence)
{
    size_t at = (size_t)((uintptr_t)sentence >> 4) % LOG_SITES;
    for (size_t i = 0; i < LOG_SITES; i++) {
        struct log_site *site = &control->sites[(at + i) % LOG_SITES];
        if (site->sentence == sentence)
            return site;
        if (site->sentence == NULL) {
            *site = (struct log_site){.sentence = sentence, .allowed = LOG_BURST};
            return site;
        }
    }
    return &control->sites[at];
}

/* Whether one more line of that kind may be written now; *held_back: how many were not since the last. */
static bool may_write(struct log_control *control, const void *sentence, unsigned long long *held_back)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t now_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
    pthread_mutex_lock(&control->lock);
    struct log_site *site = find_site(control, sentence);
    if (site->since_ms != 0)
        site->allowed = fmin(LOG_BURST, site->allowed + (double)(now_ms - site->since_ms) * LOG_A_SECOND / 1000);
    site->since_ms = now_ms;
    bool may = site->allowed >= 1;
    if (may) {
        site->allowed -= 1;
        *held_back = site->held_back;
        site->held_back = 0;
    } else {
        site->held_back++;
    }
    pthread_mutex_unlock(&control->lock);
    return may;
}

/* --- a line --- */

struct line {
    char text[LOG_LINE_BYTES + 1];
    size_t used;
};

/* As much of it as leaves room for the line's end. */
static void add(struct line *line, const char *text, size_t length)
{
    size_t room = LOG_LINE_BYTES - 1 - line->used;
    if (length > room)
        length = 0; /* never half a character, or half an escape */
    memcpy(line->text + line->used, text, length);
    line->used += length;
}

static void add_hex(struct line *line, unsigned char byte)
{
    char text[8];
    add(line, text, (size_t)snprintf(text, sizeof text, "\\x%02x", byte));
}

static bool is_name_character(char c)
{
    return (c >= 'a' && c <= 'z') || c == '_';
}

/* Whether the text up to `at` ends as a field's name would, right before its equals sign. */
static bool looks_like_field(const char *text, const char *at)
{
    const char *begin = at;
    while (begin > text && is_name_character(begin[-1]))
        begin--;
    return begin < at && (begin == text || begin[-1] == ' ');
}

static void add_sentence(struct line *line, const char *sentence)
{
    const char *at = sentence;
    for (size_t left = strlen(sentence), length; left > 0; left -= length, at += length) {
        length = line_shown(at, left);
        if (line->used > SENTENCE_BYTES) {
            add(line, "...", 3);
            return;
        }
        if (length == 0 || (*at == '=' && looks_like_field(sentence, at)))
            add_hex(line, (unsigned char)*at);
        else
            add(line, at, length);
        length = length > 0 ? length : 1;
    }
}

/* Bare where it is one plain word. */
static void add_value(struct line *line, const char *text, size_t most)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:/@+-";
    size_t left = strlen(text), start = line->used, length;
    if (left > 0 && left <= most && text[strspn(text, plain)] == '\0') {
        add(line, text, left);
        return;
    }
    bool cut = false;
    add(line, "\"", 1);
    for (; left > 0 && !cut; left -= length, text += length) {
        length = line_shown(text, left);
        cut = line->used - start > most || line->used > LOG_LINE_BYTES - 64;
        if (cut)
            break;
        if (length == 0 || *text == '"' || *text == '\\')
            add_hex(line, (unsigned char)*text);
        else
            add(line, text, length);
        length = length > 0 ? length : 1;
    }
    if (cut)
        add(line, "...", 3);
    add(line, "\"", 1);
}

static void add_field(struct line *line, const struct log_field *field)
{
    char text[64];
    if (field->kind == LOG_FIELD_TEXT && field->text == NULL)
        return;
    if (line->used > LOG_LINE_BYTES - 128)
        return; /* a field is whole or not there */
    add(line, " ", 1);
    add(line, field->name, strlen(field->name));
    add(line, "=", 1);
    if (field->kind == LOG_FIELD_NUMBER) {
        add(line, text, (size_t)snprintf(text, sizeof text, "%" PRIu64, field->number));
    } else if (field->kind == LOG_FIELD_REAL) {
        add(line, text, (size_t)snprintf(text, sizeof text, "%.6g", field->real));
    } else if (field->most > 0) {
        snprintf(text, sizeof text, "%.*s", (int)field->most, field->text);
        add_value(line, text, LOG_VALUE_BYTES);
    } else {
        add_value(line, field->text, LOG_VALUE_BYTES);
    }
}

static void begin_line(struct line *line, const struct logger *logger, enum log_level level)
{
    static const char *const priorities[] = {"<3>", "<4>", "<6>", "<7>"};
    char time[64], head[256];
    struct timespec now;
    struct tm utc;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    strftime(time, sizeof time, "%Y-%m-%dT%H:%M:%S", &utc);
    bool journal = logger->control != NULL && logger->control->journal;
    int length = snprintf(head, sizeof head, "%s%s.%03ldZ %-5s %.100s: ", journal ? priorities[level] : "", time,
                          now.tv_nsec / 1000000, level_names[level], logger->program);
    line->used = 0;
    add(line, head, (size_t)length);
}

static bool is_wanted(const struct logger *logger, enum log_level level)
{
    return logger != NULL && logger->out != NULL && level <= log_level_of(logger);
}

/* kind NULL: whatever came before, it is written. */
static void write_line(const struct logger *logger, enum log_level level, const void *kind, const char *sentence,
                       const struct log_field *fields)
{
    struct line line;
    unsigned long long held_back = 0;
    if (kind != NULL && logger->control != NULL && level < LOG_DEBUG && !may_write(logger->control, kind, &held_back))
        return;
    begin_line(&line, logger, level);
    add_sentence(&line, sentence);
    for (; fields != NULL && fields->name != NULL; fields++)
        add_field(&line, fields);
    if (held_back > 0)
        add_field(&line, &(struct log_field){.name = "unlogged", .kind = LOG_FIELD_NUMBER, .number = held_back});
    line.text[line.used++] = '\n';
    fwrite(line.text, 1, line.used, logger->out);
    fflush(logger->out);
}

/* --- the level --- */

void log_set_level(const struct logger *logger, enum log_level level)
{
    static const char sentence[] = "log level";
    if (logger == NULL || logger->control == NULL)
        return;
    enum log_level before = log_level_of(logger);
    atomic_store(&logger->control->level, (int)level);
    /* Whatever the level was and is: whoever reads the log is told what is not in it. */
    if (logger->out != NULL)
        write_line(
            logger, LOG_INFO, sentence, sentence,
            (const struct log_field[]){log_text("from", level_names[before]), log_text("to", level_names[level]), {.name = NULL}});
}

void log_step(const struct logger *logger, int by)
{
    if (logger == NULL)
        return;
    int level = (int)log_level_of(logger) + by;
    log_set_level(logger, level < LOG_ERROR ? LOG_ERROR : level > LOG_DEBUG ? LOG_DEBUG : (enum log_level)level);
}

/* --- writing --- */

void log_write_event(const struct logger *logger, enum log_level level, const char *sentence, const struct log_field *fields)
{
    if (is_wanted(logger, level))
        write_line(logger, level, sentence, sentence, fields);
}

void log_write_each_event(const struct logger *logger, enum log_level level, const char *sentence, const struct log_field *fields)
{
    if (is_wanted(logger, level))
        write_line(logger, level, NULL, sentence, fields);
}

void log_write(const struct logger *logger, enum log_level level, const char *format, ...)
{
    char sentence[2048];
    if (!is_wanted(logger, level))
        return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    write_line(logger, level, format, sentence, NULL);
}
