/* study_key: which fields make up which key. A change here makes every stored value a stranger: raise the version in study.h
 * instead when the rule behind a value changes. Called by the study. */
#include "master/study_key.h"

#include <string.h>

#include "master/course.h"
#include "master/study.h"

static void end_hex(struct digest_stream *stream, char out[DIGEST_HEX_BYTES])
{
    struct digest digest;
    digest_end(stream, &digest);
    digest_hex(&digest, out);
}

void study_key_rmi(const struct config_study *config, const char *canonical, const struct digest *bundle,
                   const struct digest *protocol, uint64_t seed, char out[DIGEST_HEX_BYTES])
{
    struct digest_stream stream;
    digest_begin(&stream);
    digest_text(&stream, "hwnas evaluation rmi");
    digest_text(&stream, config->space);
    digest_text(&stream, canonical);
    digest_bytes(&stream, bundle->bytes, DIGEST_BYTES);
    digest_bytes(&stream, protocol->bytes, DIGEST_BYTES);
    digest_u64(&stream, seed);
    digest_u64(&stream, STUDY_WEIGHT_SEED_VERSION);
    end_hex(&stream, out);
}

uint64_t study_key_draw_seed(uint64_t study_seed, uint32_t draw)
{
    struct digest_stream stream;
    struct digest digest;
    uint64_t seed = 0;
    digest_begin(&stream);
    digest_text(&stream, "hwnas draw");
    digest_u64(&stream, study_seed);
    digest_u64(&stream, draw);
    digest_end(&stream, &digest);
    for (int i = 0; i < 8; i++)
        seed = seed << 8 | digest.bytes[i];
    return seed;
}

void study_key_table(const struct config_study *config, const char *exact, const struct digest *table, char out[DIGEST_HEX_BYTES])
{
    struct digest_stream stream;
    digest_begin(&stream);
    digest_text(&stream, "hwnas evaluation table");
    digest_text(&stream, config->space);
    digest_text(&stream, exact);
    digest_bytes(&stream, table->bytes, DIGEST_BYTES);
    digest_text(&stream, config->fitness.column);
    end_hex(&stream, out);
}

void study_key_measure(const struct config_study *config, const char *canonical, const char *device, char out[DIGEST_HEX_BYTES])
{
    const struct config_network *network = &config->network;
    struct digest_stream stream;
    digest_begin(&stream);
    digest_text(&stream, "hwnas measurement");
    digest_text(&stream, config->space);
    digest_text(&stream, canonical);
    digest_u64(&stream, (uint64_t)network->channels);
    digest_u64(&stream, (uint64_t)network->cells);
    digest_u64(&stream, (uint64_t)network->classes);
    digest_u64(&stream, (uint64_t)network->input_channels);
    digest_u64(&stream, (uint64_t)network->input_size);
    digest_text(&stream, device);
    digest_u64(&stream, STUDY_MEASUREMENT_VERSION);
    end_hex(&stream, out);
}

void study_key_weights(const struct config_study *config, const struct space *space, const struct digest *protocol,
                       const struct digest *images, const struct digest *validation, const struct course_point *point,
                       const char *previous, char out[DIGEST_HEX_BYTES])
{
    struct digest_stream stream;
    digest_begin(&stream);
    digest_text(&stream, "hwnas one-shot weights");
    digest_text(&stream, config->space);
    digest_bytes(&stream, protocol->bytes, DIGEST_BYTES);
    digest_bytes(&stream, images->bytes, DIGEST_BYTES);
    digest_u64(&stream, config->seed);
    digest_u64(&stream, STUDY_ONESHOT_VERSION);
    digest_text(&stream, previous != NULL ? previous : "");
    digest_u64(&stream, point->stage);
    digest_u64(&stream, point->epoch);
    for (size_t row = 0; row < space_rows(space); row++)
        digest_u64(&stream, point->mask.rows[row]);
    digest_u64(&stream, point->schedule_count);
    for (size_t i = 0; i < point->schedule_count; i++)
        digest_bytes(&stream, point->schedule[i].genes, point->schedule[i].length);
    if (point->pull_count > 0)
        digest_bytes(&stream, validation->bytes, DIGEST_BYTES);
    for (size_t i = 0; i < point->pull_count; i++) {
        uint64_t bits;
        memcpy(&bits, &point->pull[i], sizeof bits);
        digest_u64(&stream, bits);
    }
    end_hex(&stream, out);
}

void study_key_shard(const char *weights, uint32_t shard, char out[DIGEST_HEX_BYTES])
{
    struct digest_stream stream;
    digest_begin(&stream);
    digest_text(&stream, "hwnas one-shot shard");
    digest_text(&stream, weights);
    digest_u64(&stream, shard);
    end_hex(&stream, out);
}

void study_key_score(const char *weights, const char *exact, const struct digest *images, char out[DIGEST_HEX_BYTES])
{
    struct digest_stream stream;
    digest_begin(&stream);
    digest_text(&stream, "hwnas evaluation one-shot");
    digest_text(&stream, weights);
    digest_text(&stream, exact);
    digest_bytes(&stream, images->bytes, DIGEST_BYTES);
    end_hex(&stream, out);
}
