/* seeds: writes the inputs of the fuzz corpora that come from our own writers into FOLDER/NAME/: to begin a corpus with, and to
 * bring it up to date when a format changes. The others were written by hand.
 *
 *   build/release/tests/fuzz/seeds tests/fuzz/corpus */
#include "tests/support/test.h"

#include <string.h>
#include <sys/stat.h>

#include "common/bundle.h"
#include "common/fileio.h"
#include "common/images.h"
#include "common/net_onnx.h"
#include "common/tensorfile.h"
#include "tests/fuzz/fuzz_coord.h"
#include "tests/fuzz/fuzz_snapshot.h"
#include "tests/support/message.h"

/* The headers ask for it; this program is no target. */
const struct fuzz_target fuzz_target = {"seeds", 0};

static const char *folder;

static void keep(const char *corpus, const char *name, const void *data, size_t size)
{
    char path[1024];
    struct status status = {0};
    snprintf(path, sizeof path, "%s/%s", folder, corpus);
    mkdir(path, 0755);
    snprintf(path, sizeof path, "%s/%s/%s", folder, corpus, name);
    FUZZ_MUST(fileio_write(path, data, size, &status) == STATUS_OK, status.message);
}

static void messages(void)
{
    static const char *const others[] = {"Task-train-first", "Task-train", "Task-score", "Result-artifact"};
    for (unsigned n = 0; n < MESSAGE_SAMPLES; n++) {
        struct wire_message message = message_numbered(n);
        struct status status = {0};
        void *data;
        size_t size;
        FUZZ_MUST(wire_encode(&message, &data, &size, &status) == STATUS_OK, status.message);
        keep("wire", n < WIRE_TYPES - 1 ? wire_type_name(message.type) : others[n - (WIRE_TYPES - 1)], data, size);
        free(data);
    }
}

/* --- conversations with a master --- */

struct talk {
    uint8_t bytes[16384];
    size_t size;
};

static void say(struct talk *talk, unsigned link, unsigned after_100_ms, const struct wire_message *message)
{
    struct status status = {0};
    void *data;
    size_t size;
    FUZZ_MUST(wire_encode(message, &data, &size, &status) == STATUS_OK, status.message);
    FUZZ_MUST(talk->size + FUZZ_COORD_HEAD + size <= sizeof talk->bytes, "a talk is short");
    uint8_t *at = talk->bytes + talk->size;
    at[0] = (uint8_t)(link | FUZZ_COORD_TURN);
    at[1] = (uint8_t)after_100_ms;
    at[2] = (uint8_t)(size & 255);
    at[3] = (uint8_t)(size >> 8);
    memcpy(at + FUZZ_COORD_HEAD, data, size);
    talk->size += FUZZ_COORD_HEAD + size;
    free(data);
}

static struct wire_message hello_of(enum wire_role role)
{
    struct wire_message hello = message_sample(WIRE_HELLO);
    hello.hello.role = role;
    hello.hello.held.count = 0;
    hello.hello.slots = 3;
    if (role == WIRE_AGENT) {
        strcpy(hello.hello.device_key, "bench-1");
        return hello;
    }
    strcpy(hello.hello.node, "w");
    hello.hello.device_key[0] = '\0';
    memset(&hello.hello.board, 0, sizeof hello.hello.board);
    return hello;
}

static struct wire_message held_of(unsigned leases)
{
    struct wire_message heartbeat = message_sample(WIRE_HEARTBEAT);
    heartbeat.heartbeat.sequence = 2 + leases;
    heartbeat.heartbeat.held.count = leases;
    for (unsigned i = 0; i < leases; i++)
        heartbeat.heartbeat.held.items[i] = (struct wire_held){.lease_id = i + 1, .key = MESSAGE_KEY};
    return heartbeat;
}

static struct wire_message result_of(unsigned lease, enum wire_outcome outcome)
{
    struct wire_message result = message_sample(WIRE_RESULT);
    result.result.lease_id = lease;
    result.result.outcome = outcome;
    if (outcome == WIRE_OK)
        return result;
    result.result.value = result.result.energy_mj = 0;
    result.result.failure = outcome == WIRE_FAILED ? WIRE_FAILURE_CRASHED : WIRE_FAILURE_NONE;
    strcpy(result.result.sentence, "no good");
    return result;
}

static void talks(void)
{
    struct wire_message worker = hello_of(WIRE_WORKER), agent = hello_of(WIRE_AGENT), held = held_of(3), message;
    struct talk talk = {.size = 0};
    say(&talk, 0, 0, &worker);
    say(&talk, 0, 1, &held);
    for (unsigned lease = 1; lease <= 8; lease++) {
        message = result_of(lease, (enum wire_outcome)(1 + lease % 3));
        say(&talk, 0, 5, &message);
    }
    keep("coord", "worker", talk.bytes, talk.size);
    talk.size = 0;
    say(&talk, 1, 0, &agent);
    say(&talk, 1, 1, &held);
    for (unsigned lease = 1; lease <= 4; lease++) {
        message = result_of(lease, WIRE_OK);
        message.result.detail = "{\"samples_ms\":[1.25,1.25,1.5]}";
        message.result.detail_size = strlen(message.result.detail);
        say(&talk, 1, 20, &message);
    }
    keep("coord", "agent", talk.bytes, talk.size);
    talk.size = 0;
    say(&talk, 0, 0, &worker);
    say(&talk, 0, 100, &held); /* late: it is away */
    worker.hello.incarnation++;
    say(&talk, 2, 0, &worker); /* a later process of that name */
    message = message_sample(WIRE_RETURN);
    message.return_lease.lease_id = 1;
    say(&talk, 2, 1, &message);
    message = result_of(2, WIRE_OK);
    say(&talk, 0, 200, &message);
    message = message_sample(WIRE_GOODBYE);
    say(&talk, 2, 0, &message);
    keep("coord", "replaced", talk.bytes, talk.size);
    talk.size = 0;
    for (int kind = WIRE_ASK_STUDY_LIST; kind <= WIRE_ASK_DEVICE_WHY; kind++) {
        message = message_sample(WIRE_QUESTION);
        message.question = (struct wire_question){.id = (uint64_t)kind, .kind = (enum wire_question_kind)kind, .format = WIRE_JSON};
        bool study =
            kind == WIRE_ASK_STUDY_SHOW || kind == WIRE_ASK_STUDY_WHY || kind == WIRE_ASK_FRONT || kind == WIRE_ASK_DEVICE_WHY;
        strcpy(message.question.study, study ? "lone" : "");
        strcpy(message.question.board, kind == WIRE_ASK_DEVICE_SHOW ? "kitchen" : "");
        say(&talk, 3, 0, &message);
    }
    message = message_sample(WIRE_BUNDLE_REQUEST);
    say(&talk, 3, 0, &message);
    keep("coord", "questions", talk.bytes, talk.size);
}

static void network(const char *name, const char *space_name, const char *text, int channels, int size)
{
    struct space space;
    struct status status = {0};
    struct arch arch;
    struct net net = {0};
    struct space_build build = {channels, strcmp(space_name, "darts") == 0 ? 3 : 1, 2, {3, size, size}};
    struct rng rng;
    void *data;
    size_t bytes;
    FUZZ_MUST(space_open(space_name, &space, &status) == STATUS_OK, status.message);
    FUZZ_MUST(space_parse(&space, text, &arch, &status) == STATUS_OK, status.message);
    FUZZ_MUST(space_build_net(&space, &arch, &build, &net, &status) == STATUS_OK, status.message);
    rng_seed(&rng, 1);
    net_init(&net, &rng);
    FUZZ_MUST(net_onnx_write(&net, &data, &bytes, &status) == STATUS_OK, status.message);
    keep("onnx", name, data, bytes);
    free(data);
    net_free(&net);
    space_close(&space);
}

static void tensors(void)
{
    const float weights[6] = {0.5f, -1.25f, 3e30f, 0, -0.0f, 1};
    const int64_t dims[2] = {2, 3}, one[1] = {6};
    const uint8_t bytes[6] = {0, 1, 2, 3, 4, 255};
    struct tensorfile file = {0};
    struct status status = {0};
    void *data;
    size_t size;
    tensorfile_add(&file, "weight", TENSORFILE_F32, 2, dims, weights, &status);
    tensorfile_add(&file, "bytes", TENSORFILE_U8, 1, one, bytes, &status);
    tensorfile_set(&file, "format", "pt", &status);
    FUZZ_MUST(tensorfile_write(&file, &data, &size, &status) == STATUS_OK, status.message);
    keep("tensorfile", "two", data, size);
    free(data);
    tensorfile_free(&file);
}

static void images(void)
{
    uint8_t pixels[24] = {7, 200, 13};
    int32_t labels[2] = {0, 1};
    const struct images set = {.count = 2,
                               .shape = {3, 2, 2},
                               .classes = 2,
                               .pixels = pixels,
                               .labels = labels,
                               .mean = {0.5f, 0.5f, 0.5f},
                               .std = {0.25f, 0.25f, 0.25f},
                               .dataset = "cifar10"};
    struct status status = {0};
    void *data;
    size_t size;
    FUZZ_MUST(images_write(&set, &data, &size, &status) == STATUS_OK, status.message);
    keep("images", "small", data, size);
    free(data);
}

static void bundle(void)
{
    enum { N = 2, PIXELS = 3 * 2 * 2 };
    uint8_t images[N * PIXELS] = {7, 200, 13};
    int32_t labels[N] = {0, 1}, indices[N] = {4, 9};
    double cross_entropy[N] = {0.25, 0.5};
    float gram[N * N] = {1, -1, -1, 1};
    struct bundle bundle = {.batch = N,
                            .shape = {3, 2, 2},
                            .classes = 2,
                            .taps = 1,
                            .images = images,
                            .labels = labels,
                            .indices = indices,
                            .cross_entropy = cross_entropy,
                            .grams = {gram},
                            .mean = {0.5f, 0.5f, 0.5f},
                            .std = {0.25f, 0.25f, 0.25f},
                            .dataset = "cifar10",
                            .reference = "made-up"};
    struct status status = {0};
    void *data;
    size_t size;
    FUZZ_MUST(bundle_write(&bundle, &data, &size, &status) == STATUS_OK, status.message);
    keep("bundle", "small", data, size);
    keep("tensorfile", "bundle", data, size);
    free(data);
}

static void snapshots(void)
{
    for (size_t i = 0; i < FUZZ_STRATEGIES; i++) {
        struct fuzz_study study;
        struct status status = {0};
        void *data;
        size_t size;
        fuzz_study_open(&study, fuzz_strategies[i]);
        for (int tells = 0; tells < 100 && !study_snapshot_due(study.study); tells++)
            fuzz_study_go_on(study.study, 1);
        FUZZ_MUST(study_snapshot_due(study.study), "a search comes to where it is saved");
        FUZZ_MUST(study_save(study.study, &data, &size, &status) == STATUS_OK, status.message);
        char *input = malloc(size + 1);
        FUZZ_MUST(input != NULL, "there is memory for a snapshot");
        input[0] = (char)('a' + (int)i); /* fuzz_strategy_of */
        memcpy(input + 1, data, size);
        keep("snapshot", fuzz_strategies[i], input, size + 1);
        free(input);
        free(data);
        fuzz_study_close(&study);
    }
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "seeds FOLDER: writes seeds of the fuzz corpora into FOLDER/NAME/\n");
        return 2;
    }
    folder = argv[1];
    mkdir(folder, 0755);
    messages();
    talks();
    network("nb201", "nb201", "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|nor_conv_1x1~0|none~1|avg_pool_3x3~2|", 1, 8);
    tensors();
    bundle();
    images();
    snapshots();
    return 0;
}
