/* log: a line is a line whatever stands in it, and can be read back: fields are those that were written, with the values they had.
 * A failing random text is repeated with SEED=n. */
#include "tests/support/test.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/line.h"
#include "common/log.h"
#include "common/rng.h"

/* What a logger wrote, in memory. */
static char *written;
static size_t written_size;

static struct logger logger_into_memory(struct log_control *control)
{
    struct logger logger = {.level = LOG_INFO, .program = "prog"};
    if (control != NULL)
        log_open(&logger, control, "prog", LOG_INFO);
    logger.out = open_memstream(&written, &written_size);
    assert_non_null(logger.out);
    return logger;
}

static void done(struct logger *logger)
{
    fclose(logger->out);
    free(written);
}

static size_t count_of(const char *text, const char *part)
{
    size_t count = 0;
    for (const char *at = strstr(text, part); at != NULL; at = strstr(at + strlen(part), part))
        count++;
    return count;
}

/* Behind "TIME LEVEL prog: ". */
static const char *message(void)
{
    const char *at = strstr(written, "prog: ");
    assert_non_null(at);
    return at + 6;
}

/* --- reading a line back, as a script would ------------------------------------------------------------------------ */

struct read_field {
    char name[32];
    char value[LOG_LINE_BYTES];
};

static const char *read_value(const char *at, char *out)
{
    bool quoted = *at == '"';
    at += quoted;
    for (; quoted ? *at != '"' : (*at != ' ' && *at != '\n'); at++) {
        assert_true(*at != '\0' && *at != '\n');
        unsigned byte;
        if (quoted && *at == '\\') {
            assert_int_equal(sscanf(at, "\\x%2x", &byte), 1);
            *out++ = (char)byte;
            at += 3;
        } else {
            *out++ = *at;
        }
    }
    *out = '\0';
    return at + quoted;
}

/* Where the next field begins: a blank, then [a-z_]+, then '='. NULL: there is none. */
static const char *next_field(const char *at)
{
    for (; *at != '\0'; at++) {
        size_t length = strspn(at + 1, "abcdefghijklmnopqrstuvwxyz_");
        if (*at == ' ' && length > 0 && at[1 + length] == '=')
            return at + 1;
    }
    return NULL;
}

static size_t read_fields(const char *line, struct read_field *out, size_t most)
{
    size_t count = 0;
    for (const char *at = next_field(line); at != NULL; at = next_field(at)) {
        const char *equals = strchr(at, '=');
        assert_true(count < most);
        snprintf(out[count].name, sizeof out[count].name, "%.*s", (int)(equals - at), at);
        at = read_value(equals + 1, out[count++].value);
    }
    return count;
}

/* --- tests --------------------------------------------------------------------------------------------------------- */

static void an_event_is_a_sentence_and_its_fields(void **state)
{
    (void)state;
    struct logger logger = logger_into_memory(NULL);
    log_event(&logger, LOG_WARN, "a lease is lost", log_count("lease", 17), log_text("node", "w-1.x"), log_text("board", NULL),
              log_key("key", "0123456789abcdef"), log_real("seconds", 2.5), log_text("reason", "silent for 3 s"));
    assert_string_equal(message(), "a lease is lost lease=17 node=w-1.x key=0123456789ab seconds=2.5 reason=\"silent for 3 s\"\n");
    assert_non_null(strstr(written, "Z warn  prog: "));
    done(&logger);
}

static void no_value_can_break_a_line_or_drive_a_terminal_or_pass_for_a_field(void **state)
{
    (void)state;
    const char *const hostile[] = {"",
                                   "a\nb",
                                   "\x1b[2J",
                                   "x\" admin=\"yes",
                                   "x admin=yes",
                                   "\\x22",
                                   "back\\",
                                   "\xc2\x9b"
                                   "31m",
                                   "\xe2\x80\xae"
                                   "txt",
                                   "\xff\xfe",
                                   "\xe2\x80\xa8"
                                   "next line=1"};
    for (size_t i = 0; i < sizeof hostile / sizeof hostile[0]; i++) {
        struct read_field fields[8];
        struct logger logger = logger_into_memory(NULL);
        log_event(&logger, LOG_INFO, "here", log_text("node", hostile[i]), log_count("lease", 1));
        assert_int_equal(read_fields(message(), fields, 8), 2);
        assert_string_equal(fields[0].name, "node");
        assert_string_equal(fields[0].value, hostile[i]);
        assert_string_equal(fields[1].name, "lease");
        assert_int_equal(count_of(written, "\n"), 1);
        for (size_t at = 0, length; at < written_size - 1; at += length) {
            length = line_shown(written + at, written_size - 1 - at);
            assert_true(length > 0);
        }
        done(&logger);
    }
}

static void no_sentence_can_pass_for_a_field(void **state)
{
    (void)state;
    struct read_field fields[8];
    struct logger logger = logger_into_memory(NULL);
    log_info(&logger, "%s", "it failed lease=17 node=\"x\"\nwarn prog: admin=yes");
    assert_int_equal(read_fields(message(), fields, 8), 0);
    assert_int_equal(count_of(written, "\n"), 1);
    done(&logger);
    logger = logger_into_memory(NULL);
    log_info(&logger, "%s", "--set costs.0.max=4 is no number"); /* no field either: it stays readable */
    assert_string_equal(message(), "--set costs.0.max=4 is no number\n");
    done(&logger);
}

static void random_texts_are_read_back(void **state)
{
    (void)state;
    const char *text = getenv("SEED");
    uint64_t seed = text == NULL ? 20261129 : strtoull(text, NULL, 10);
    struct rng rng;
    printf("# seed=%llu\n", (unsigned long long)seed);
    rng_seed(&rng, seed);
    for (int round = 0; round < test_amount(3000, 100000); round++) {
        static const char likely[] = "=\" \\\n\x1b x_a\xc2\x9b\xe2\x80\xae";
        char value[40], sentence[40];
        size_t length = rng_below(&rng, sizeof value);
        for (size_t i = 0; i < sizeof value; i++) {
            value[i] = (char)(rng_below(&rng, 2) ? likely[rng_below(&rng, sizeof likely - 1)] : (char)(1 + rng_below(&rng, 255)));
            sentence[i] =
                (char)(rng_below(&rng, 2) ? likely[rng_below(&rng, sizeof likely - 1)] : (char)(1 + rng_below(&rng, 255)));
        }
        value[length] = sentence[sizeof sentence - 1] = '\0';
        struct read_field fields[8];
        struct logger logger = logger_into_memory(NULL);
        log_event(&logger, LOG_INFO, "x", log_text("node", value), log_text("reason", value));
        assert_int_equal(read_fields(message(), fields, 8), 2);
        assert_string_equal(fields[0].value, value);
        assert_string_equal(fields[1].value, value);
        done(&logger);
        logger = logger_into_memory(NULL);
        log_info(&logger, "%s", sentence);
        assert_int_equal(read_fields(message(), fields, 8), 0);
        done(&logger);
    }
}

static void a_line_has_a_length_at_most(void **state)
{
    (void)state;
    struct read_field fields[40];
    char *long_text = malloc(20000);
    memset(long_text, '\x1b', 20000);
    long_text[19999] = '\0';
    struct logger logger = logger_into_memory(NULL);
    log_event(&logger, LOG_INFO, "x", log_text("a", long_text), log_text("b", long_text), log_text("c", long_text),
              log_text("d", long_text), log_text("e", long_text), log_text("f", long_text), log_text("g", long_text),
              log_text("h", long_text), log_count("last", 1));
    assert_true(written_size <= LOG_LINE_BYTES);
    assert_true(written[written_size - 1] == '\n');
    assert_true(read_fields(message(), fields, 40) >= 4); /* whole ones: read_fields fails at half a one */
    assert_non_null(strstr(fields[0].value, "..."));
    done(&logger);
    logger = logger_into_memory(NULL);
    log_info(&logger, "%s", long_text);
    assert_true(written_size <= LOG_LINE_BYTES);
    assert_non_null(strstr(written, "...\n"));
    done(&logger);
    free(long_text);
}

static void a_kind_of_line_that_comes_too_often_is_counted(void **state)
{
    (void)state;
    struct log_control control;
    struct logger logger = logger_into_memory(&control);
    unsigned long long attempts = 0, unlogged = 0;
    for (; attempts < 5000; attempts++)
        log_event(&logger, LOG_WARN, "a flood", log_count("number", attempts));
    assert_true(count_of(written, "a flood") >= LOG_BURST && count_of(written, "a flood") < 4000);
    log_event(&logger, LOG_WARN, "another kind", log_count("number", 1));
    assert_int_equal(count_of(written, "another kind"), 1);
    size_t before = written_size;
    while (written_size == before) { /* until one more may be written */
        poll(NULL, 0, 20);
        log_event(&logger, LOG_WARN, "a flood", log_count("number", attempts++));
    }
    for (const char *at = strstr(written, "unlogged="); at != NULL; at = strstr(at + 1, "unlogged="))
        unlogged += strtoull(at + 9, NULL, 10);
    assert_int_equal(count_of(written, "a flood") + unlogged, attempts);
    done(&logger);
}

static void debug_lines_are_all_written_when_somebody_wants_them(void **state)
{
    (void)state;
    struct log_control control;
    struct logger logger = logger_into_memory(&control);
    log_debug(&logger, "unseen");
    log_step(&logger, 1);
    for (int i = 0; i < 1000; i++)
        log_debug(&logger, "seen");
    assert_int_equal(count_of(written, "unseen"), 0);
    assert_int_equal(count_of(written, "debug prog: seen"), 1000);
    assert_int_equal(count_of(written, "log level from=info to=debug"), 1);
    done(&logger);
}

static void the_level_moves_within_error_to_debug_and_says_so(void **state)
{
    (void)state;
    struct log_control control;
    struct logger logger = logger_into_memory(&control);
    for (int i = 0; i < 5; i++)
        log_step(&logger, -1);
    assert_int_equal(log_level_of(&logger), LOG_ERROR);
    log_warn(&logger, "unseen");
    log_error(&logger, "seen");
    for (int i = 0; i < 5; i++)
        log_step(&logger, 1);
    assert_int_equal(log_level_of(&logger), LOG_DEBUG);
    log_set_level(&logger, LOG_WARN);
    assert_int_equal(log_level_of(&logger), LOG_WARN);
    assert_int_equal(count_of(written, "unseen"), 0);
    assert_int_equal(count_of(written, "error prog: seen"), 1);
    assert_int_equal(count_of(written, "log level from=debug to=warn"), 1);
    done(&logger);
}

static void a_journal_is_told_the_priority(void **state)
{
    (void)state;
    struct stat info;
    struct log_control control;
    char stream[64];
    assert_int_equal(fstat(STDERR_FILENO, &info), 0);
    snprintf(stream, sizeof stream, "%llu:%llu", (unsigned long long)info.st_dev, (unsigned long long)info.st_ino);
    setenv("JOURNAL_STREAM", stream, 1);
    struct logger logger = logger_into_memory(&control);
    log_warn(&logger, "careful");
    assert_int_equal(strncmp(written, "<4>20", 5), 0);
    done(&logger);
    setenv("JOURNAL_STREAM", "1:2", 1); /* of another file: inherited by a child whose lines go elsewhere */
    logger = logger_into_memory(&control);
    log_warn(&logger, "careful");
    assert_int_equal(strncmp(written, "20", 2), 0);
    done(&logger);
    unsetenv("JOURNAL_STREAM");
}

static void *shout(void *context)
{
    for (int i = 0; i < 200; i++)
        log_event(context, LOG_INFO, "shouted", log_count("number", (uint64_t)i));
    return NULL;
}

static void threads_do_not_mix_their_lines(void **state)
{
    (void)state;
    struct log_control control;
    struct logger logger = logger_into_memory(&control);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, shout, &logger), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(count_of(written, "\n"), count_of(written, "Z info  prog: shouted number="));
    assert_true(count_of(written, "\n") >= LOG_BURST);
    done(&logger);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_is_a_sentence_and_its_fields),
        cmocka_unit_test(no_value_can_break_a_line_or_drive_a_terminal_or_pass_for_a_field),
        cmocka_unit_test(no_sentence_can_pass_for_a_field),
        cmocka_unit_test(random_texts_are_read_back),
        cmocka_unit_test(a_line_has_a_length_at_most),
        cmocka_unit_test(a_kind_of_line_that_comes_too_often_is_counted),
        cmocka_unit_test(debug_lines_are_all_written_when_somebody_wants_them),
        cmocka_unit_test(the_level_moves_within_error_to_debug_and_says_so),
        cmocka_unit_test(a_journal_is_told_the_priority),
        cmocka_unit_test(threads_do_not_mix_their_lines),
    };
    return TEST_RUN(tests);
}
