/* replay: feeds a fuzz target its corpus and seeded mutations of it, without libFuzzer: in make test, and for a crasher by hand:
 *
 *   build/release/tests/fuzz/NAME.t                    the corpus, then mutations (SEED=n for others); TAP
 *   build/release/tests/fuzz/NAME.t FILE...            these files alone
 *
 * An input that brings the program down, hangs for 30 s or needs more than 2 GiB is left in the file whose name is printed. */
#include "tests/support/test.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>

#include "common/fileio.h"
#include "common/rng.h"
#include "tests/fuzz/fuzz.h"

enum { FILES_MAX = 4096, INPUT_MAX = 1 << 20, HANG_S = 30 };

struct input {
    uint8_t *data;
    size_t size;
};

/* What a signal handler can reach: the input under way. */
static const uint8_t *volatile running;
static volatile size_t running_size;

static void keep_input(void)
{
    char path[256];
    int length = snprintf(path, sizeof path, "/tmp/hwnas-fuzz-%s-%d.input", fuzz_target.name, (int)getpid());
    int fd = running == NULL ? -1 : open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || write(fd, running, running_size) < 0 || write(2, "# the input is in ", 18) < 0 ||
        write(2, path, (size_t)length) < 0 || write(2, "\n", 1) < 0)
        return;
    close(fd);
}

static void on_signal(int number)
{
    keep_input();
    signal(number, SIG_DFL);
    raise(number);
}

/* A sanitizer ends the process its own way. */
void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

static void guard(void)
{
    const int numbers[] = {SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGALRM};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        signal(numbers[i], on_signal);
    if (__sanitizer_set_death_callback != NULL) {
        __sanitizer_set_death_callback(keep_input);
        return; /* whose shadow memory is as large as address spaces are */
    }
    struct rlimit memory = {(rlim_t)2 << 30, (rlim_t)2 << 30};
    setrlimit(RLIMIT_AS, &memory);
}

static void run(const uint8_t *data, size_t size)
{
    /* Of its own size, so that a sanitizer sees one byte too many read. */
    uint8_t *copy = malloc(size > 0 ? size : 1);
    assert_non_null(copy);
    if (size > 0)
        memcpy(copy, data, size);
    running_size = size;
    running = copy;
    alarm(HANG_S);
    LLVMFuzzerTestOneInput(copy, size);
    alarm(0);
    running = NULL;
    free(copy);
}

static bool load(const char *path, struct input *out)
{
    struct status status = {0};
    void *data;
    if (fileio_read(path, INPUT_MAX, &data, &out->size, &status) != STATUS_OK) {
        print_error("%s\n", status.message);
        return false;
    }
    out->data = data;
    return true;
}

/* The corpus, in no particular order: the mutations do not depend on it, because each draws from its own seed. */
static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_input(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static size_t load_corpus(struct input *inputs)
{
    char folder[256], path[1024];
    struct dirent **names;
    snprintf(folder, sizeof folder, "tests/fuzz/corpus/%s", fuzz_target.name);
    int count = scandir(folder, &names, is_input, by_name);
    size_t loaded = 0;
    for (int i = 0; i < count; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]->d_name);
        if (loaded < FILES_MAX && load(path, &inputs[loaded]))
            loaded++;
        free(names[i]);
    }
    if (count >= 0)
        free(names);
    return loaded;
}

/* --- mutations --- */

static uint8_t byte_of_interest(struct rng *rng)
{
    static const uint8_t bytes[] = {0, 1, 0x7f, 0x80, 0xff, '\n', '"', '-', '.', '9', 'e', '[', '{', '<', ':', ','};
    return rng_below(rng, 2) == 0 ? bytes[rng_below(rng, sizeof bytes)] : (uint8_t)rng_below(rng, 256);
}

/* Writes over, takes out, repeats, or brings in a piece of another input; in a buffer of 2 * INPUT_MAX bytes. */
static size_t mutate_once(struct rng *rng, uint8_t *data, size_t size, const struct input *other)
{
    size_t at = rng_below(rng, size + 1), length = 1 + rng_below(rng, rng_below(rng, 4) == 0 ? 256 : 8);
    size_t left = size - at < length ? size - at : length;
    switch (rng_below(rng, 6)) {
    case 0:
        if (left > 0)
            data[at] ^= (uint8_t)(1u << rng_below(rng, 8));
        return size;
    case 1:
        for (size_t i = 0; i < left; i++)
            data[at + i] = byte_of_interest(rng);
        return size;
    case 2: memmove(data + at, data + at + left, size - at - left); return size - left;
    case 3: /* once more */
        if (size + left > INPUT_MAX)
            return size;
        memmove(data + at + left, data + at, size - at);
        return size + left;
    case 4: return at;
    default: {
        size_t from = rng_below(rng, other->size + 1), more = other->size - from < 512 ? other->size - from : 512;
        if (size + more > INPUT_MAX)
            return size;
        memmove(data + at + more, data + at, size - at);
        memcpy(data + at, other->data + from, more);
        return size + more;
    }
    }
}

static void mutated(const struct input *inputs, size_t count, uint64_t seed, uint8_t *buffer)
{
    struct rng rng;
    rng_seed(&rng, seed);
    const struct input *from = &inputs[rng_below(&rng, count)];
    size_t size = from->size;
    memcpy(buffer, from->data, size);
    for (uint64_t times = 1 + rng_below(&rng, 6); times > 0; times--)
        size = mutate_once(&rng, buffer, size, &inputs[rng_below(&rng, count)]);
    run(buffer, size);
}

/* --- the tests --- */

struct corpus {
    struct input inputs[FILES_MAX];
    size_t count;
};

static int open_corpus(void **state)
{
    struct corpus *corpus = calloc(1, sizeof *corpus);
    if (corpus == NULL)
        return -1;
    corpus->count = load_corpus(corpus->inputs);
    *state = corpus;
    return 0;
}

static int close_corpus(void **state)
{
    struct corpus *corpus = *state;
    for (size_t i = 0; i < corpus->count; i++)
        free(corpus->inputs[i].data);
    free(corpus);
    return 0;
}

static void every_input_of_the_corpus_does_no_harm(void **state)
{
    struct corpus *corpus = *state;
    assert_true(corpus->count > 0);
    for (size_t i = 0; i < corpus->count; i++)
        run(corpus->inputs[i].data, corpus->inputs[i].size);
    run(NULL, 0);
}

static void mutations_of_the_corpus_do_no_harm(void **state)
{
    struct corpus *corpus = *state;
    const char *text = getenv("SEED");
    uint64_t seed = text == NULL ? 20261129 : strtoull(text, NULL, 10);
    long amount = test_amount(fuzz_target.mutations, 100 * fuzz_target.mutations);
    uint8_t *buffer = malloc(2 * (size_t)INPUT_MAX);
    assert_non_null(buffer);
    printf("# %zu inputs, %ld mutations, seed=%llu\n", corpus->count, amount, (unsigned long long)seed);
    for (long i = 0; i < amount; i++)
        mutated(corpus->inputs, corpus->count, seed * 1000003 + (uint64_t)i, buffer);
    free(buffer);
}

static int replay_files(int count, char **paths)
{
    for (int i = 0; i < count; i++) {
        struct input input;
        if (!load(paths[i], &input))
            return 2;
        run(input.data, input.size);
        printf("%s: no harm done\n", paths[i]);
        free(input.data);
    }
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_input_of_the_corpus_does_no_harm),
        cmocka_unit_test(mutations_of_the_corpus_do_no_harm),
    };
    guard();
    if (argc > 1)
        return replay_files(argc - 1, argv + 1);
    setvbuf(stdout, NULL, _IOLBF, 0);
    cmocka_set_message_output(CM_OUTPUT_TAP);
    cmocka_set_test_filter(getenv("TEST_ONLY"));
    return cmocka_run_group_tests_name(fuzz_target.name, tests, open_corpus, close_corpus);
}
