/* fuzz: what the targets in tests/fuzz share. One file is one target: it defines fuzz_target and LLVMFuzzerTestOneInput, which
 * takes any bytes, and aborts when something does not hold that must. Two programs are made of each: one of libFuzzer's, which
 * looks for such bytes (make fuzz), and one that takes the corpus and mutations of it (replay.c, in make test). HACKING.md: how to
 * add one. */
#ifndef HWNAS_TESTS_FUZZ_FUZZ_H
#define HWNAS_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

struct fuzz_target {
    const char *name; /* its corpus is tests/fuzz/corpus/NAME */
    long mutations;   /* that make test tries, as many as take about half a second */
};
extern const struct fuzz_target fuzz_target;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A file of these bytes, for readers that take a path; valid until fuzz_file_close, which takes what fuzz_file returned. Several
 * may be open. */
struct fuzz_file {
    int fd;
    char path[64];
};
struct fuzz_file fuzz_file(const void *data, size_t size);
void fuzz_file_close(struct fuzz_file *file);

/* A folder for readers of files that are what they say, in memory where there is such a place: the same one for every input, with
 * the files of that name written over. path: room for 128 bytes. It goes when the program ends in order. */
const char *fuzz_folder(void);
void fuzz_write(const char *folder, const char *name, unsigned mode, const void *data, size_t size, char *path);

/* Ends the program with the sentence when the condition does not hold. */
#define FUZZ_MUST(condition, sentence)                                                                                             \
    do {                                                                                                                           \
        if (!(condition))                                                                                                          \
            fuzz_fail(__FILE__, __LINE__, #condition, sentence);                                                                   \
    } while (0)
_Noreturn void fuzz_fail(const char *file, int line, const char *condition, const char *sentence);

#endif
