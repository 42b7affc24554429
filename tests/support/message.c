/* message: see message.h. */
#include "tests/support/message.h"

#include <string.h>

#define KEY MESSAGE_KEY

static void fill_held(struct wire_held_list *held)
{
    held->count = 2;
    held->items[0] = (struct wire_held){.lease_id = 7, .key = KEY};
    held->items[1] = (struct wire_held){.lease_id = 8, .key = KEY};
}

static const char detail[] = "{\"taps\":3,\"rows\":[[0.5,0.25,0.125]]}";
static const char page[] = "naïve\n\n{}";
static const uint8_t chunk_bytes[] = {0, 1, 2, 254, 255};

struct wire_message message_sample(enum wire_type type)
{
    struct wire_message message;
    memset(&message, 0, sizeof message);
    message.type = type;
    switch (type) {
    case WIRE_HELLO:
        message.hello = (struct wire_hello){.role = WIRE_AGENT,
                                            .node = "board-1",
                                            .incarnation = 1764000000000000,
                                            .host_id = "host.a",
                                            .slots = 1,
                                            .isa = "avx512",
                                            .blas_core = "Cooperlake",
                                            .device_key = "host-xeon-hwnas0.1+avx512-f32",
                                            .conditions = "governor=performance cpu=1",
                                            .board = {"kitchen", "command", true, 2.4e10, 4e9},
                                            .sequence = 1};
        fill_held(&message.hello.held);
        break;
    case WIRE_WELCOME:
        message.welcome = (struct wire_welcome){.epoch = 3, .heartbeat_ms = 2000, .lease_ms = 10000, .sequence = 1};
        message.welcome.drop = (struct wire_id_list){.count = 2, .lease_ids = {7, 9}};
        break;
    case WIRE_HEARTBEAT:
        message.heartbeat = (struct wire_heartbeat){.sequence = 5, .slots = 4};
        fill_held(&message.heartbeat.held);
        break;
    case WIRE_HEARTBEAT_ANSWER:
        message.heartbeat_answer =
            (struct wire_heartbeat_answer){.epoch = 3, .sequence = 5, .drop = {.count = 1, .lease_ids = {7}}};
        break;
    case WIRE_TASK:
        message.task = (struct wire_task){.lease_id = 11, .epoch = 3, .attempt = 2, .lease_ms = 10000, .sequence = 5, .key = KEY};
        message.task.kind = WIRE_RMI;
        strcpy(message.task.space, "nb201");
        strcpy(message.task.arch, "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|avg_pool_3x3~2|");
        memset(&message.task.bundle_digest, 0x5a, sizeof message.task.bundle_digest);
        protocol_preset("nb201", "rmi-full", &message.task.protocol, NULL);
        memset(message.task.protocol.name, 0, sizeof message.task.protocol.name);
        message.task.seed = UINT64_MAX;
        break;
    case WIRE_RESULT:
        message.result = (struct wire_result){.lease_id = 11,
                                              .epoch = 3,
                                              .attempt = 2,
                                              .key = KEY,
                                              .outcome = WIRE_OK,
                                              .value = 1.25,
                                              .seconds = 3.5,
                                              .build_seconds = 2.25,
                                              .run_seconds = 1,
                                              .energy_mj = 0.5,
                                              .detail = detail,
                                              .detail_size = sizeof detail - 1};
        break;
    case WIRE_RESULT_ACK: message.result_ack = (struct wire_result_ack){.lease_id = 11, .verdict = WIRE_STALE}; break;
    case WIRE_BUNDLE_REQUEST: message.bundle_request = (struct wire_bundle_request){.offset_bytes = 524288}; break;
    case WIRE_BUNDLE_CHUNK:
        message.bundle_chunk = (struct wire_bundle_chunk){
            .total_bytes = 524293, .offset_bytes = 524288, .data = chunk_bytes, .size = sizeof chunk_bytes};
        break;
    case WIRE_RETURN: message.return_lease = (struct wire_return){.lease_id = 11, .key = KEY}; break;
    case WIRE_GOODBYE: message.goodbye = (struct wire_goodbye){.finished = true, .sentence = "the study is finished"}; break;
    case WIRE_REFUSE: message.refuse = (struct wire_refuse){.code = WIRE_REFUSE_REPLACED, .sentence = "naïve"}; break;
    case WIRE_QUESTION:
        message.question = (struct wire_question){.id = 4,
                                                  .kind = WIRE_ASK_DEVICE_QUARANTINE,
                                                  .format = WIRE_JSON,
                                                  .board = "kitchen",
                                                  .device = "host-xeon-hwnas0.1+avx512-f32",
                                                  .text = "its fan stopped"};
        break;
    case WIRE_ANSWER:
        message.answer = (struct wire_answer){
            .id = 4, .code = WIRE_ANSWER_OK, .total_bytes = 1000, .offset_bytes = 990, .text = page, .size = sizeof page - 1};
        break;
    case WIRE_TYPES: break;
    }
    return message;
}

static const char schedule[] = "000000\0"
                               "123401\0"
                               "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|";

static struct wire_message oneshot_task(enum wire_kind kind)
{
    struct wire_message message = message_sample(WIRE_TASK);
    struct wire_task *task = &message.task;
    task->kind = kind;
    memset(&task->protocol, 0, sizeof task->protocol);
    task->oneshot = (struct wire_oneshot){.protocol = {.channels = 16,
                                                       .cells = 5,
                                                       .batch = 64,
                                                       .epochs = 50,
                                                       .shards = 4,
                                                       .learning_rate = 0.025,
                                                       .learning_rate_end = 0.001,
                                                       .momentum = 0.9,
                                                       .weight_decay = 3e-4,
                                                       .clip_norm = 5,
                                                       .single_path = true,
                                                       .augment = true},
                                          .mask_rows = 6,
                                          .mask = {{0x1f, 0x10, 0x01, 0x80000003, 0x1f, 0x1f}},
                                          .stage = 2};
    return message;
}

static void give_weights(struct wire_oneshot *oneshot)
{
    oneshot->has_weights = true;
    memset(&oneshot->weights, 0xa5, sizeof oneshot->weights);
}

static const double pull[] = {0, 0.25, -1e-300, 3e300, -7};

static void make_bilevel(struct wire_oneshot *oneshot)
{
    oneshot->protocol.bilevel = oneshot->protocol.gumbel = true;
    oneshot->protocol.single_path = false;
    oneshot->protocol.alpha_learning_rate = 3e-4;
    oneshot->protocol.alpha_weight_decay = 1e-3;
    oneshot->pull = pull;
    oneshot->pull_count = sizeof pull / sizeof pull[0];
    memset(&oneshot->validation, 0x77, sizeof oneshot->validation);
}

struct wire_message message_numbered(unsigned n)
{
    struct wire_message message;
    switch (n) {
    case WIRE_TYPES - 1: /* the first epoch: drawn */
        message = oneshot_task(WIRE_ONESHOT_TRAIN);
        memset(message.task.arch, 0, sizeof message.task.arch);
        make_bilevel(&message.task.oneshot);
        return message;
    case WIRE_TYPES:
        message = oneshot_task(WIRE_ONESHOT_TRAIN);
        memset(message.task.arch, 0, sizeof message.task.arch);
        give_weights(&message.task.oneshot);
        message.task.oneshot.epoch = 49;
        message.task.oneshot.shard = 3;
        message.task.oneshot.schedule = schedule;
        message.task.oneshot.schedule_count = 3;
        return message;
    case WIRE_TYPES + 1:
        message = oneshot_task(WIRE_ONESHOT_SCORE);
        give_weights(&message.task.oneshot);
        message.task.oneshot.protocol.batch_statistics = true;
        return message;
    case WIRE_TYPES + 2:
        message = message_sample(WIRE_RESULT);
        message.result.energy_mj = 0;
        message.result.artifact_bytes = 524293;
        memset(&message.result.artifact_digest, 0x3c, sizeof message.result.artifact_digest);
        return message;
    default: return message_sample((enum wire_type)(n + 1));
    }
}
