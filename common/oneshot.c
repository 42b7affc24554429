/* oneshot: the protocol of one-shot nets, and their weights as files. Called by the master, which merges shards, and by workers. */
#include "common/oneshot.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- the protocol --- */

void oneshot_protocol_default(const struct space_build *defaults, struct oneshot_protocol *out)
{
    *out = (struct oneshot_protocol){.channels = defaults->channels,
                                     .cells = defaults->cells,
                                     .batch = 64,
                                     .epochs = 50,
                                     .shards = 1,
                                     .learning_rate = 0.025,
                                     .learning_rate_end = 0.001,
                                     .momentum = 0.9,
                                     .weight_decay = 3e-4,
                                     .clip_norm = 5};
}

static enum status_code check_number(const char *what, double value, double low, double high, struct status *status)
{
    if (isfinite(value) && value >= low && value <= high)
        return STATUS_OK;
    return status_set(status, STATUS_BAD_INPUT, "one-shot protocol: %s is %g; it must be between %g and %g", what, value, low,
                      high);
}

enum status_code oneshot_protocol_check(const struct oneshot_protocol *protocol, struct status *status)
{
    const struct {
        const char *what;
        double value, low, high;
    } ranges[] = {
        {"channels", protocol->channels, 1, 256},
        {"cells", protocol->cells, 1, 32},
        {"batch", protocol->batch, 2, ONESHOT_BATCH_MAX},
        {"epochs", protocol->epochs, 1, ONESHOT_EPOCHS_MAX},
        {"shards", protocol->shards, 1, ONESHOT_SHARDS_MAX},
        {"learning_rate", protocol->learning_rate, 0, 10},
        {"learning_rate_end", protocol->learning_rate_end, 0, 10},
        {"momentum", protocol->momentum, 0, 1},
        {"weight_decay", protocol->weight_decay, 0, 1},
        {"clip_norm", protocol->clip_norm, 0, 1e6},
        {"alpha_learning_rate", protocol->alpha_learning_rate, 0, 10},
        {"alpha_weight_decay", protocol->alpha_weight_decay, 0, 1},
    };
    enum status_code code = STATUS_OK;
    for (size_t i = 0; code == STATUS_OK && i < sizeof ranges / sizeof ranges[0]; i++)
        code = check_number(ranges[i].what, ranges[i].value, ranges[i].low, ranges[i].high, status);
    return code;
}

void oneshot_protocol_digest(const struct oneshot_protocol *protocol, struct digest *out)
{
    struct digest_stream stream;
    digest_begin(&stream);
    digest_text(&stream, "hwnas oneshot protocol");
    digest_u64(&stream, ONESHOT_VERSION);
    digest_u64(&stream, (uint64_t)protocol->channels);
    digest_u64(&stream, (uint64_t)protocol->cells);
    digest_u64(&stream, (uint64_t)protocol->batch);
    digest_u64(&stream, protocol->epochs);
    digest_u64(&stream, protocol->shards);
    digest_double(&stream, protocol->learning_rate);
    digest_double(&stream, protocol->learning_rate_end);
    digest_double(&stream, protocol->momentum);
    digest_double(&stream, protocol->weight_decay);
    digest_double(&stream, protocol->clip_norm);
    digest_u64(&stream, protocol->single_path);
    digest_u64(&stream, protocol->batch_statistics);
    digest_u64(&stream, protocol->augment);
    digest_u64(&stream, protocol->bilevel);
    digest_u64(&stream, protocol->gumbel);
    digest_double(&stream, protocol->alpha_learning_rate);
    digest_double(&stream, protocol->alpha_weight_decay);
    digest_end(&stream, out);
}

double oneshot_learning_rate(const struct oneshot_protocol *protocol, uint32_t epoch)
{
    const double begin = protocol->learning_rate, end = protocol->learning_rate_end;
    return end + (begin - end) * (1 + cos(M_PI * epoch / protocol->epochs)) / 2;
}

void oneshot_shard(const struct oneshot_protocol *protocol, size_t count, uint32_t shard, size_t *first, size_t *end)
{
    *first = shard * count / protocol->shards;
    *end = (shard + (size_t)1) * count / protocol->shards;
}

/* --- weights --- */

void oneshot_init(uint64_t seed, uint32_t stage, struct net *net)
{
    for (int i = 0; i < net->node_count; i++) {
        const int first = net->nodes[i].params[0];
        struct digest_stream stream;
        struct digest digest;
        struct rng rng;
        if (first < 0)
            continue;
        digest_begin(&stream);
        digest_text(&stream, "hwnas oneshot weights");
        digest_u64(&stream, seed);
        digest_u64(&stream, stage);
        digest_text(&stream, net->tensors[first].name);
        digest_end(&stream, &digest);
        digest_rng(&digest, &rng);
        net_init_node(net, i, &rng);
    }
}

static enum status_code check_format(const struct tensorfile *weights, struct status *status)
{
    const char *format = tensorfile_metadata(weights, "format");
    if (format == NULL || strcmp(format, ONESHOT_FORMAT) != 0)
        return status_set(status, STATUS_BAD_INPUT, "one-shot weights: the metadata do not say format " ONESHOT_FORMAT);
    return STATUS_OK;
}

static enum status_code check_finite(const char *name, const float *values, size_t count, struct status *status)
{
    for (size_t i = 0; i < count; i++)
        if (!isfinite(values[i]))
            return status_set(status, STATUS_BAD_INPUT,
                              "one-shot weights: tensor \"%s\" holds a number that is not finite: the training diverged", name);
    return STATUS_OK;
}

static bool has_shape(const struct tensorfile_entry *entry, int rank, const int64_t *dims)
{
    bool same = entry->dtype == TENSORFILE_F32 && entry->rank == rank;
    for (int d = 0; same && d < rank; d++)
        same = entry->dims[d] == dims[d];
    return same;
}

static void shape_of(const struct net_tensor *tensor, int64_t dims[NET_RANK_MAX])
{
    for (int d = 0; d < tensor->rank; d++)
        dims[d] = tensor->dims[d];
}

enum status_code oneshot_load(const struct tensorfile *weights, struct net *net, struct status *status)
{
    enum status_code code = check_format(weights, status);
    for (int i = 0; code == STATUS_OK && i < net->tensor_count; i++) {
        struct net_tensor *tensor = &net->tensors[i];
        const struct tensorfile_entry *entry = tensorfile_find(weights, tensor->name);
        int64_t dims[NET_RANK_MAX];
        if (entry == NULL)
            return status_set(status, STATUS_BAD_INPUT, "one-shot weights: there is no tensor \"%s\"", tensor->name);
        shape_of(tensor, dims);
        if (!has_shape(entry, tensor->rank, dims))
            return status_set(status, STATUS_BAD_INPUT,
                              "one-shot weights: tensor \"%s\" is not float32 of the net's shape (%zu numbers, rank %d)",
                              tensor->name, tensor->count, tensor->rank);
        code = check_finite(tensor->name, entry->data, entry->count, status);
        if (code == STATUS_OK)
            memcpy(tensor->data, entry->data, entry->bytes);
    }
    return code;
}

/* The bytes of a file that begins as all weights files do. */
static enum status_code write_file(struct tensorfile *file, void **data, size_t *size, struct status *status)
{
    enum status_code code = tensorfile_set(file, "format", ONESHOT_FORMAT, status);
    return code == STATUS_OK ? tensorfile_write(file, data, size, status) : code;
}

static enum status_code add_tensor(struct tensorfile *file, const char *name, int rank, const int64_t *dims, const float *data,
                                   size_t count, struct status *status)
{
    enum status_code code = check_finite(name, data, count, status);
    return code == STATUS_OK ? tensorfile_add(file, name, TENSORFILE_F32, rank, dims, data, status) : code;
}

/* What is behind the tensors of the net. */
enum { RELAXED_TENSORS = 4 };

static const char *const relaxed_names[RELAXED_TENSORS] = {"relaxed.alpha", "relaxed.mean", "relaxed.square", "relaxed.steps"};

static int64_t relaxed_count(size_t matrix, int which)
{
    return which < 3 ? (int64_t)matrix : 1;
}

static enum status_code add_relaxed(struct tensorfile *file, const struct oneshot_relaxed *relaxed, struct status *status)
{
    const float *const numbers[RELAXED_TENSORS] = {relaxed->alpha, relaxed->mean, relaxed->square, &relaxed->steps};
    enum status_code code = STATUS_OK;
    for (int i = 0; code == STATUS_OK && i < RELAXED_TENSORS; i++) {
        const int64_t count = relaxed_count(relaxed->size, i);
        code = add_tensor(file, relaxed_names[i], 1, &count, numbers[i], (size_t)count, status);
    }
    return code;
}

enum status_code oneshot_store(const struct net *net, const struct oneshot_relaxed *relaxed, void **data, size_t *size,
                               struct status *status)
{
    struct tensorfile file = {0};
    enum status_code code = STATUS_OK;
    for (int i = 0; code == STATUS_OK && i < net->tensor_count; i++) {
        const struct net_tensor *tensor = &net->tensors[i];
        int64_t dims[NET_RANK_MAX];
        shape_of(tensor, dims);
        code = add_tensor(&file, tensor->name, tensor->rank, dims, tensor->data, tensor->count, status);
    }
    if (code == STATUS_OK && relaxed != NULL)
        code = add_relaxed(&file, relaxed, status);
    if (code == STATUS_OK)
        code = write_file(&file, data, size, status);
    tensorfile_free(&file);
    return code;
}

/* --- what others wrote --- */

static enum status_code check_tensor(const struct tensorfile_entry *entry, const char *name, int rank, const int64_t *dims,
                                     struct status *status)
{
    if (strcmp(entry->name, name) != 0)
        return status_set(status, STATUS_BAD_INPUT, "one-shot weights: there is tensor \"%s\" in the place of \"%s\"", entry->name,
                          name);
    if (!has_shape(entry, rank, dims))
        return status_set(status, STATUS_BAD_INPUT, "one-shot weights: tensor \"%s\" is not float32 of the net's shape", name);
    return check_finite(name, entry->data, entry->count, status);
}

static enum status_code check_file(const struct tensorfile *file, const struct net *net, size_t matrix, struct status *status)
{
    const size_t own = (size_t)net->tensor_count, all = own + (matrix > 0 ? RELAXED_TENSORS : 0);
    enum status_code code = check_format(file, status);
    if (code == STATUS_OK && file->entry_count != all)
        return status_set(status, STATUS_BAD_INPUT, "one-shot weights: there are %zu tensors, of a net that has %zu",
                          file->entry_count, all);
    for (size_t i = 0; code == STATUS_OK && i < own; i++) {
        int64_t dims[NET_RANK_MAX];
        shape_of(&net->tensors[i], dims);
        code = check_tensor(&file->entries[i], net->tensors[i].name, net->tensors[i].rank, dims, status);
    }
    for (size_t i = own; code == STATUS_OK && i < all; i++) {
        const int64_t count = relaxed_count(matrix, (int)(i - own));
        code = check_tensor(&file->entries[i], relaxed_names[i - own], 1, &count, status);
    }
    return code;
}

enum status_code oneshot_check(const void *data, size_t size, const struct net *net, size_t matrix, struct status *status)
{
    struct tensorfile file;
    enum status_code code = tensorfile_read(data, size, &file, status);
    if (code != STATUS_OK)
        return code;
    code = check_file(&file, net, matrix, status);
    tensorfile_free(&file);
    return code;
}

static bool take_numbers(const struct tensorfile *weights, const char *name, size_t count, float *out)
{
    const struct tensorfile_entry *entry = tensorfile_find(weights, name);
    if (entry == NULL || entry->dtype != TENSORFILE_F32 || entry->count != count)
        return false;
    memcpy(out, entry->data, count * sizeof *out);
    for (size_t i = 0; i < count; i++)
        if (!isfinite(out[i]))
            return false;
    return true;
}

enum status_code oneshot_relaxed_read(const struct space *space, const struct tensorfile *weights, struct oneshot_relaxed *out,
                                      struct status *status)
{
    *out = (struct oneshot_relaxed){.size = space_matrix_size(space)};
    float *const numbers[RELAXED_TENSORS] = {out->alpha, out->mean, out->square, &out->steps};
    for (int i = 0; i < RELAXED_TENSORS; i++)
        if (!take_numbers(weights, relaxed_names[i], (size_t)relaxed_count(out->size, i), numbers[i]))
            return status_set(status, STATUS_BAD_INPUT, "the weights hold no architecture of space %s that is trained with them",
                              space->ops->name);
    return STATUS_OK;
}

/* --- merging --- */

/* Whether entry i of file s is the same tensor as in the first file. */
static enum status_code check_alike(const struct tensorfile *shards, size_t s, size_t i, struct status *status)
{
    const struct tensorfile_entry *first = &shards[0].entries[i], *other = &shards[s].entries[i];
    bool same = strcmp(first->name, other->name) == 0 && first->dtype == TENSORFILE_F32 && other->dtype == TENSORFILE_F32 &&
                first->rank == other->rank && memcmp(first->dims, other->dims, (size_t)first->rank * sizeof *first->dims) == 0;
    if (!same)
        return status_set(
            status, STATUS_BAD_INPUT,
            "one-shot weights: file %zu of a merge has \"%s\" where the first has \"%s\", both as float32 of one shape", s + 1,
            other->name, first->name);
    enum status_code code = check_finite(other->name, other->data, other->count, status);
    if (code != STATUS_OK)
        status_prefix(status, "file %zu of a merge", s + 1);
    return code;
}

static enum status_code check_files(size_t count, const struct tensorfile *shards, struct status *status)
{
    enum status_code code = STATUS_OK;
    for (size_t s = 0; code == STATUS_OK && s < count; s++) {
        code = check_format(&shards[s], status);
        if (code == STATUS_OK && shards[s].entry_count != shards[0].entry_count)
            code = status_set(status, STATUS_BAD_INPUT,
                              "one-shot weights: file %zu of a merge has %zu tensors where the first has %zu", s + 1,
                              shards[s].entry_count, shards[0].entry_count);
        for (size_t i = 0; code == STATUS_OK && i < shards[0].entry_count; i++)
            code = check_alike(shards, s, i, status);
    }
    return code;
}

static void mean_of(size_t count, const struct tensorfile *shards, size_t entry, float *out)
{
    for (size_t k = 0; k < shards[0].entries[entry].count; k++) {
        double sum = 0;
        for (size_t s = 0; s < count; s++)
            sum += (double)((const float *)shards[s].entries[entry].data)[k];
        out[k] = (float)(sum / (double)count);
    }
}

enum status_code oneshot_merge(size_t count, const struct tensorfile *shards, void **data, size_t *size, struct status *status)
{
    struct tensorfile file = {0};
    size_t total = 0;
    enum status_code code = check_files(count, shards, status);
    if (code != STATUS_OK)
        return code;
    for (size_t i = 0; i < shards[0].entry_count; i++)
        total += shards[0].entries[i].count;
    float *means = malloc((total + 1) * sizeof *means), *at = means;
    if (means == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory to merge one-shot weights of %zu numbers", total);
    for (size_t i = 0; code == STATUS_OK && i < shards[0].entry_count; i++) {
        const struct tensorfile_entry *entry = &shards[0].entries[i];
        mean_of(count, shards, i, at);
        code = tensorfile_add(&file, entry->name, TENSORFILE_F32, entry->rank, entry->dims, at, status);
        at += entry->count;
    }
    if (code == STATUS_OK)
        code = write_file(&file, data, size, status);
    tensorfile_free(&file);
    free(means);
    return code;
}
