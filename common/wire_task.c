/* wire_task: a Task as bytes and back: the message whose fields depend most on its kind. Part of wire. */
#include <stdlib.h>
#include <string.h>

#include "common/wire_parts.h"

const char wire_no_memory[] = "no memory";

/* --- unpacking --- */

/* All texts one behind the other in one block. */
static const char *take_schedule(size_t count, char *const *texts, struct wire_message *message)
{
    size_t size = 0;
    if (count > WIRE_SCHEDULE_MAX)
        return "oneshot_schedule";
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(texts[i]);
        if (length >= ARCH_TEXT_BYTES)
            return "oneshot_schedule";
        size += length + 1;
    }
    message->task.oneshot.schedule_count = (uint32_t)count;
    if (count == 0)
        return NULL;
    char *at = message->memory = malloc(size);
    if (at == NULL)
        return wire_no_memory;
    message->task.oneshot.schedule = at;
    for (size_t i = 0; i < count; i++)
        at = stpcpy(at, texts[i]) + 1;
    return NULL;
}

static bool take_mask(const ProtobufCBinaryData *bytes, struct wire_oneshot *out)
{
    if (bytes->len % 4 != 0 || bytes->len > sizeof out->mask.rows)
        return false;
    out->mask_rows = (uint32_t)(bytes->len / 4);
    for (uint32_t r = 0; r < out->mask_rows; r++) {
        const uint8_t *row = bytes->data + 4 * (size_t)r;
        out->mask.rows[r] = row[0] | (uint32_t)row[1] << 8 | (uint32_t)row[2] << 16 | (uint32_t)row[3] << 24;
    }
    return true;
}

static const char *take_pull(const ProtobufCBinaryData *bytes, struct wire_message *message)
{
    struct wire_oneshot *out = &message->task.oneshot;
    if (bytes->len % 8 != 0 || bytes->len > 8 * SPACE_MATRIX_MAX)
        return "oneshot_pull";
    out->pull_count = (uint32_t)(bytes->len / 8);
    if (out->pull_count == 0)
        return NULL;
    double *pull = message->memory = malloc(bytes->len);
    if (pull == NULL)
        return wire_no_memory;
    for (uint32_t i = 0; i < out->pull_count; i++) {
        uint64_t bits = 0;
        for (uint32_t k = 0; k < 8; k++)
            bits |= (uint64_t)bytes->data[8 * (size_t)i + k] << 8 * k;
        memcpy(&pull[i], &bits, sizeof bits);
    }
    out->pull = pull;
    return NULL;
}

static const char *take_oneshot(const Hwnas__Task *from, struct wire_message *message)
{
    struct wire_oneshot *out = &message->task.oneshot;
    /* Values above INT32_MAX become negative, which oneshot_protocol_check refuses. */
    out->protocol = (struct oneshot_protocol){.channels = (int32_t)from->oneshot_channels,
                                              .cells = (int32_t)from->oneshot_cells,
                                              .batch = (int32_t)from->oneshot_batch,
                                              .epochs = from->oneshot_epochs,
                                              .shards = from->oneshot_shards,
                                              .learning_rate = from->oneshot_learning_rate,
                                              .learning_rate_end = from->oneshot_learning_rate_end,
                                              .momentum = from->oneshot_momentum,
                                              .weight_decay = from->oneshot_weight_decay,
                                              .clip_norm = from->oneshot_clip_norm,
                                              .single_path = from->oneshot_single_path != 0,
                                              .batch_statistics = from->oneshot_batch_statistics != 0,
                                              .augment = from->oneshot_augment != 0,
                                              .bilevel = from->oneshot_bilevel != 0,
                                              .gumbel = from->oneshot_gumbel != 0,
                                              .alpha_learning_rate = from->oneshot_alpha_learning_rate,
                                              .alpha_weight_decay = from->oneshot_alpha_weight_decay};
    out->stage = from->oneshot_stage;
    out->epoch = from->oneshot_epoch;
    out->shard = from->oneshot_shard;
    out->has_weights = from->weights_digest.len > 0;
    if (out->has_weights && !take_digest(&from->weights_digest, &out->weights))
        return "weights_digest";
    if (!take_mask(&from->oneshot_mask, out))
        return "oneshot_mask";
    if (from->oneshot_validation_digest.len > 0 && !take_digest(&from->oneshot_validation_digest, &out->validation))
        return "oneshot_validation_digest";
    /* No task has both. */
    if (from->oneshot_pull.len > 0)
        return from->n_oneshot_schedule > 0 ? "oneshot_schedule" : take_pull(&from->oneshot_pull, message);
    return take_schedule(from->n_oneshot_schedule, from->oneshot_schedule, message);
}

/* Values above INT32_MAX become negative, which protocol_check refuses. */
static void take_protocol(const Hwnas__Task *from, struct protocol *out)
{
    *out = (struct protocol){.steps = (int32_t)from->protocol_steps,
                             .channels = (int32_t)from->protocol_channels,
                             .cells = (int32_t)from->protocol_cells,
                             .learning_rate = from->protocol_learning_rate,
                             .momentum = from->protocol_momentum,
                             .weight_decay = from->protocol_weight_decay,
                             .beta = from->protocol_beta};
}

const char *wire_take_task(const Hwnas__Task *from, struct wire_message *message)
{
    struct wire_task *out = &message->task;
    out->lease_id = from->lease_id;
    out->epoch = from->epoch;
    out->attempt = from->attempt;
    out->lease_ms = from->lease_ms;
    out->sequence = from->sequence;
    out->kind = (enum wire_kind)from->kind;
    if (!take_key(&from->key, out->key))
        return "key";
    if (!take_text(from->space, out->space, sizeof out->space))
        return "space";
    if (!take_text(from->arch, out->arch, sizeof out->arch))
        return "arch";
    if (wire_role_of(out->kind) == WIRE_AGENT) {
        out->network = (struct wire_network){.channels = from->network_channels,
                                             .cells = from->network_cells,
                                             .classes = from->network_classes,
                                             .input_channels = from->network_input_channels,
                                             .input_size = from->network_input_size};
        return NULL;
    }
    out->seed = from->seed;
    if (!take_digest(&from->bundle_digest, &out->bundle_digest))
        return "bundle_digest";
    if (out->kind != WIRE_RMI)
        return take_oneshot(from, message);
    take_protocol(from, &out->protocol);
    return NULL;
}

/* --- packing --- */

static void pack_protocol(const struct protocol *from, Hwnas__Task *task)
{
    task->protocol_steps = (uint32_t)from->steps;
    task->protocol_channels = (uint32_t)from->channels;
    task->protocol_cells = (uint32_t)from->cells;
    task->protocol_learning_rate = from->learning_rate;
    task->protocol_momentum = from->momentum;
    task->protocol_weight_decay = from->weight_decay;
    task->protocol_beta = from->beta;
}

static void pack_network(const struct wire_network *from, Hwnas__Task *task)
{
    task->network_channels = from->channels;
    task->network_cells = from->cells;
    task->network_classes = from->classes;
    task->network_input_channels = from->input_channels;
    task->network_input_size = from->input_size;
}

static void pack_oneshot_protocol(const struct oneshot_protocol *from, Hwnas__Task *task)
{
    task->oneshot_channels = (uint32_t)from->channels;
    task->oneshot_cells = (uint32_t)from->cells;
    task->oneshot_batch = (uint32_t)from->batch;
    task->oneshot_epochs = from->epochs;
    task->oneshot_shards = from->shards;
    task->oneshot_learning_rate = from->learning_rate;
    task->oneshot_learning_rate_end = from->learning_rate_end;
    task->oneshot_momentum = from->momentum;
    task->oneshot_weight_decay = from->weight_decay;
    task->oneshot_clip_norm = from->clip_norm;
    task->oneshot_single_path = from->single_path;
    task->oneshot_batch_statistics = from->batch_statistics;
    task->oneshot_augment = from->augment;
    task->oneshot_bilevel = from->bilevel;
    task->oneshot_gumbel = from->gumbel;
    task->oneshot_alpha_learning_rate = from->alpha_learning_rate;
    task->oneshot_alpha_weight_decay = from->alpha_weight_decay;
}

static void pack_pull(const struct wire_oneshot *from, struct wire_packed_task *out)
{
    for (uint32_t i = 0; i < from->pull_count; i++) {
        uint64_t bits;
        memcpy(&bits, &from->pull[i], sizeof bits);
        for (uint32_t k = 0; k < 8; k++)
            out->pull[8 * i + k] = (uint8_t)(bits >> 8 * k);
    }
    out->task.oneshot_pull = (ProtobufCBinaryData){.len = 8 * (size_t)from->pull_count, .data = out->pull};
    out->validation = from->validation;
    if (from->pull_count > 0)
        out->task.oneshot_validation_digest = digest_data(&out->validation);
}

static enum status_code pack_oneshot(const struct wire_oneshot *from, struct wire_packed_task *out, struct status *status)
{
    Hwnas__Task *task = &out->task;
    pack_oneshot_protocol(&from->protocol, task);
    task->oneshot_stage = from->stage;
    task->oneshot_epoch = from->epoch;
    task->oneshot_shard = from->shard;
    out->weights = from->weights;
    if (from->has_weights)
        task->weights_digest = digest_data(&out->weights);
    for (uint32_t i = 0; i < 4 * from->mask_rows; i++)
        out->mask[i] = (uint8_t)(from->mask.rows[i / 4] >> 8 * (i % 4));
    pack_pull(from, out);
    task->oneshot_mask = (ProtobufCBinaryData){.len = 4 * (size_t)from->mask_rows, .data = out->mask};
    if (from->schedule_count == 0)
        return STATUS_OK;
    out->schedule = calloc(from->schedule_count, sizeof *out->schedule);
    if (out->schedule == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory to pack a Task");
    const char *text = from->schedule;
    for (uint32_t i = 0; i < from->schedule_count; i++, text += strlen(text) + 1)
        out->schedule[i] = (char *)text;
    task->n_oneshot_schedule = from->schedule_count;
    task->oneshot_schedule = out->schedule;
    return STATUS_OK;
}

enum status_code wire_pack_task(const struct wire_task *from, struct wire_packed_task *out, struct status *status)
{
    Hwnas__Task *task = &out->task;
    *out = (struct wire_packed_task){.task = HWNAS__TASK__INIT, .bundle = from->bundle_digest};
    task->lease_id = from->lease_id;
    task->epoch = from->epoch;
    task->attempt = from->attempt;
    task->lease_ms = from->lease_ms;
    task->sequence = from->sequence;
    task->kind = (Hwnas__Kind)from->kind;
    task->key = key_data(from->key, &out->key);
    task->space = (char *)from->space;
    task->arch = (char *)from->arch;
    if (wire_role_of(from->kind) == WIRE_AGENT) {
        pack_network(&from->network, task);
        return STATUS_OK;
    }
    task->bundle_digest = digest_data(&out->bundle);
    task->seed = from->seed;
    if (from->kind != WIRE_RMI)
        return pack_oneshot(&from->oneshot, out, status);
    pack_protocol(&from->protocol, task);
    return STATUS_OK;
}
