/* strategy: the list of search methods, and what all of them share: the count of asks and tells, the archive of what was asked, the
 * chance of each ask, and saving. Called by the study alone. */
#include "master/strategy.h"

#include <assert.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/digest.h"
#include "common/jsontext.h"
#include "master/strategy_bilevel.h"
#include "master/strategy_cmanas.h"
#include "master/strategy_evnas.h"
#include "master/strategy_evrsnas.h"
#include "master/strategy_gradient.h"
#include "master/strategy_linas.h"
#include "master/strategy_local.h"
#include "master/strategy_mohdnas.h"
#include "master/strategy_nevonas.h"
#include "master/strategy_pevonas.h"
#include "master/strategy_random.h"
#include "master/strategy_regularised.h"
#include "master/strategy_rminas.h"
#include "master/strategy_surrogate.h"

enum { SAVED_VERSION = 1 };

static const struct strategy_ops *const known_strategies[] = {
    &strategy_evrsnas, &strategy_mohdnas, &strategy_surrogate,   &strategy_rminas, &strategy_evnas,
    &strategy_cmanas,  &strategy_pevonas, &strategy_nevonas,     &strategy_linas,  &strategy_gradient,
    &strategy_bilevel, &strategy_random,  &strategy_regularised, &strategy_local,
};

enum { KNOWN_STRATEGIES = sizeof known_strategies / sizeof known_strategies[0] };

static enum status_code unknown_strategy(const char *name, struct status *status)
{
    char names[256] = "";
    size_t used = 0;
    for (size_t i = 0; i < KNOWN_STRATEGIES && used < sizeof names; i++)
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", i > 0 ? ", " : "", known_strategies[i]->name);
    return status_set(status, STATUS_NOT_FOUND, "no strategy is called \"%s\"; known: %s", name, names);
}

enum status_code strategy_open(const struct config_study *study, const struct space *space, struct strategy *out,
                               struct status *status)
{
    for (size_t i = 0; i < KNOWN_STRATEGIES; i++) {
        if (strcmp(known_strategies[i]->name, study->strategy.name) != 0)
            continue;
        *out = (struct strategy){.ops = known_strategies[i], .study = study, .space = space};
        if (study->strategy.mode == CONFIG_MODE_STEADY && !out->ops->steady)
            return status_set(status, STATUS_BAD_INPUT, "strategy %s has no steady mode; set strategy.mode to generations",
                              out->ops->name);
        enum status_code code = out->ops->open(out, status);
        if (code != STATUS_OK)
            strategy_close(out);
        return code;
    }
    return unknown_strategy(study->strategy.name, status);
}

void strategy_close(struct strategy *strategy)
{
    if (strategy == NULL || strategy->ops == NULL)
        return;
    strategy->ops->close(strategy);
    archive_free(&strategy->archive);
    memset(strategy, 0, sizeof *strategy);
}

enum strategy_answer strategy_ask(struct strategy *strategy, struct arch *out)
{
    struct arch arch, identity;
    if (strategy->out_of_memory)
        return STRATEGY_WAIT;
    enum strategy_answer answer = strategy->ops->ask(strategy, &arch);
    if (answer != STRATEGY_ASK)
        return answer;
    strategy_identity(strategy, &arch, &identity);
    if (archive_add(&strategy->archive, &identity, NULL) == NULL) {
        strategy->out_of_memory = true;
        return STRATEGY_WAIT;
    }
    strategy->asked++;
    *out = arch;
    return STRATEGY_ASK;
}

void strategy_tell(struct strategy *strategy, uint64_t ask, const struct arch *arch, const struct strategy_result *result)
{
    assert(ask < strategy->asked && (strategy_steady(strategy) || ask == strategy->told));
    strategy->ops->tell(strategy, ask, arch, result);
    strategy->told++;
}

bool strategy_steady(const struct strategy *strategy)
{
    return strategy->study->strategy.mode == CONFIG_MODE_STEADY;
}

bool strategy_full(const struct strategy *strategy)
{
    uint32_t in_flight = strategy->study->strategy.in_flight;
    uint64_t batch = strategy_steady(strategy) ? in_flight : strategy->asked % in_flight == 0 ? 1 : in_flight;
    return strategy->asked - strategy->told >= batch;
}

bool strategy_member(const struct strategy *strategy, size_t i, struct arch *out)
{
    return strategy->ops->member != NULL && strategy->ops->member(strategy, i, out);
}

bool strategy_answer(const struct strategy *strategy, struct arch *out)
{
    return strategy->ops->answer != NULL && strategy->ops->answer(strategy, out);
}

bool strategy_answers(const struct config_study *study)
{
    for (size_t i = 0; i < KNOWN_STRATEGIES; i++)
        if (strcmp(known_strategies[i]->name, study->strategy.name) == 0)
            return known_strategies[i]->answer != NULL &&
                   (known_strategies[i]->answers == NULL || known_strategies[i]->answers(study));
    return false;
}

void strategy_offer(struct strategy *strategy, const struct arch *arch)
{
    strategy->ops->offer(strategy, arch);
}

uint32_t strategy_stage(const struct strategy *strategy, struct space_mask *out)
{
    space_mask_all(strategy->space, out);
    return strategy->ops->stage != NULL ? strategy->ops->stage(strategy, out) : 0;
}

bool strategy_boundary(const struct strategy *strategy)
{
    return (strategy_steady(strategy) || strategy->asked == strategy->told) && strategy->ops->boundary(strategy);
}

uint32_t strategy_generation(const struct strategy *strategy)
{
    return strategy->ops->generation(strategy);
}

uint32_t strategy_generations(const struct strategy *strategy)
{
    if (strategy->ops->generations > 0)
        return strategy->ops->generations;
    return strategy_total(strategy) > 0 ? strategy->study->strategy.generations : 0;
}

uint64_t strategy_total(const struct strategy *strategy)
{
    return strategy->ops->total(strategy);
}

void strategy_identity(const struct strategy *strategy, const struct arch *arch, struct arch *out)
{
    if (strategy->study->fitness.source == CONFIG_FITNESS_RMI)
        space_canonical(strategy->space, arch, out);
    else
        *out = *arch;
}

bool strategy_known(const struct strategy *strategy, const struct arch *arch)
{
    struct arch identity;
    strategy_identity(strategy, arch, &identity);
    return archive_find(strategy->archive, &identity) != NULL;
}

void strategy_rng(const struct strategy *strategy, uint64_t ask, struct rng *out)
{
    struct digest_stream stream;
    struct digest digest;
    digest_begin(&stream);
    digest_text(&stream, "hwnas strategy");
    digest_u64(&stream, strategy->study->seed);
    digest_text(&stream, strategy->ops->name);
    digest_u64(&stream, ask);
    digest_end(&stream, &digest);
    digest_rng(&digest, out);
}

/* --- saving --- */

void strategy_genes_print(const struct arch *arch, char out[STRATEGY_GENES_BYTES])
{
    static const char hex[] = "0123456789abcdef";
    for (size_t i = 0; i < arch->length; i++) {
        out[2 * i] = hex[arch->genes[i] >> 4];
        out[2 * i + 1] = hex[arch->genes[i] & 15];
    }
    out[2 * arch->length] = '\0';
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool strategy_genes_parse(const struct space *space, const char *text, struct arch *out)
{
    struct arch arch = {.length = (uint8_t)space_gene_count(space)};
    if (strlen(text) != 2 * (size_t)arch.length)
        return false;
    for (size_t i = 0; i < arch.length; i++) {
        int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        arch.genes[i] = (uint8_t)(high * 16 + low);
    }
    if (!space_valid(space, &arch))
        return false;
    *out = arch;
    return true;
}

struct json_t *strategy_archs_save(const struct arch *archs, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        char genes[STRATEGY_GENES_BYTES];
        strategy_genes_print(&archs[i], genes);
        json_array_append_new(list, json_string(genes));
    }
    if (list != NULL && json_array_size(list) == count)
        return list;
    json_decref(list);
    return NULL;
}

size_t strategy_archs_load(const struct space *space, const json_t *list, struct arch *out, size_t room)
{
    size_t count = json_array_size(list);
    if (!json_is_array(list) || count > room)
        return SIZE_MAX;
    for (size_t i = 0; i < count; i++) {
        const char *genes = json_string_value(json_array_get(list, i));
        if (genes == NULL || !strategy_genes_parse(space, genes, &out[i]))
            return SIZE_MAX;
    }
    return count;
}

/* One text an entry, in the order of their first ask: '+' evaluated, '-' not, then the genes. */
static void save_entry(void *context, const struct archive_entry *entry)
{
    char text[1 + STRATEGY_GENES_BYTES];
    text[0] = entry->evaluated ? '+' : '-';
    strategy_genes_print(&entry->identity, text + 1);
    json_array_append_new(context, json_string(text));
}

static json_t *save_archive(const struct strategy *strategy)
{
    json_t *list = json_array();
    if (list == NULL)
        return NULL;
    archive_each(strategy->archive, save_entry, list);
    if (json_array_size(list) == archive_count(strategy->archive))
        return list;
    json_decref(list);
    return NULL;
}

static enum status_code load_archive(struct strategy *strategy, const json_t *list, struct status *status)
{
    size_t i;
    json_t *item;
    json_array_foreach((json_t *)(uintptr_t)list, i, item)
    {
        const char *text = json_string_value(item);
        struct arch identity;
        bool added;
        if (text == NULL || (text[0] != '+' && text[0] != '-') || !strategy_genes_parse(strategy->space, text + 1, &identity))
            return status_set(status, STATUS_BAD_INPUT, "saved search: entry %zu of the archive is not an architecture of space %s",
                              i, strategy->study->space);
        struct archive_entry *entry = archive_add(&strategy->archive, &identity, &added);
        if (entry == NULL)
            return status_set(status, STATUS_NO_MEMORY, "no memory for an archive of %zu architectures", json_array_size(list));
        if (!added)
            return status_set(status, STATUS_BAD_INPUT, "saved search: entry %zu of the archive stands in it twice", i);
        entry->evaluated = text[0] == '+';
    }
    return STATUS_OK;
}

json_t *strategy_save_json(const struct strategy *strategy)
{
    assert(strategy_steady(strategy) || strategy->asked == strategy->told);
    json_t *archive = save_archive(strategy), *state = strategy->ops->save(strategy);
    if (archive == NULL || state == NULL) {
        json_decref(archive);
        json_decref(state);
        return NULL;
    }
    return json_pack("{s:s, s:i, s:I, s:I, s:o, s:o}", "strategy", strategy->ops->name, "version", SAVED_VERSION, "asked",
                     (json_int_t)strategy->asked, "told", (json_int_t)strategy->told, "archive", archive, "state", state);
}

enum status_code strategy_load_json(struct strategy *strategy, const json_t *saved, struct status *status)
{
    const char *name;
    int version;
    json_int_t asked = -1, told;
    json_t *archive, *state;
    json_error_t error;
    assert(strategy->asked == 0);
    if (json_unpack_ex((json_t *)(uintptr_t)saved, &error, 0, "{s:s, s:i, s?I, s:I, s:o, s:o}", "strategy", &name, "version",
                       &version, "asked", &asked, "told", &told, "archive", &archive, "state", &state) != 0)
        return status_set(status, STATUS_BAD_INPUT, "saved search: %s", error.text);
    if (strcmp(name, strategy->ops->name) != 0 || version != SAVED_VERSION || told < 0 || !json_is_array(archive))
        return status_set(status, STATUS_BAD_INPUT, "saved search: is of strategy %s, version %d; %s, version %d was expected",
                          name, version, strategy->ops->name, SAVED_VERSION);
    if (asked < 0)
        asked = told; /* saved before there was a steady mode */
    if (asked < told || (asked != told && !strategy_steady(strategy)))
        return status_set(status, STATUS_BAD_INPUT, "saved search: %lld asked and %lld told do not go together", (long long)asked,
                          (long long)told);
    enum status_code code = load_archive(strategy, archive, status);
    if (code != STATUS_OK)
        return code;
    strategy->asked = (uint64_t)asked;
    strategy->told = (uint64_t)told;
    return strategy->ops->load(strategy, state, status);
}

struct text {
    char *bytes; /* owned */
    size_t size, room;
    bool failed;
};

static int append_text(const char *bytes, size_t size, void *context)
{
    struct text *text = context;
    if (!text->failed && text->size + size > text->room) {
        size_t room = 2 * text->room + size + 256;
        char *grown = realloc(text->bytes, room);
        text->failed = grown == NULL;
        text->bytes = grown != NULL ? grown : text->bytes;
        text->room = grown != NULL ? room : text->room;
    }
    if (text->failed)
        return -1;
    memcpy(text->bytes + text->size, bytes, size);
    text->size += size;
    return 0;
}

/* Not json_dumps: without memory for a key it goes on and gives a text without that key. */
bool strategy_json_text(const struct json_t *object, void **data, size_t *size)
{
    struct text text = {.bytes = NULL};
    if (json_dump_callback(object, append_text, &text, JSON_COMPACT) != 0 || append_text("", 1, &text) != 0) {
        free(text.bytes);
        return false;
    }
    *data = text.bytes;
    *size = text.size - 1;
    return true;
}

enum status_code strategy_save(const struct strategy *strategy, void **data, size_t *size, struct status *status)
{
    json_t *saved = strategy_save_json(strategy);
    bool done = saved != NULL && strategy_json_text(saved, data, size);
    json_decref(saved);
    return done ? STATUS_OK : status_set(status, STATUS_NO_MEMORY, "no memory to save the search");
}

enum status_code strategy_load(struct strategy *strategy, const void *data, size_t size, struct status *status)
{
    json_t *saved;
    enum status_code code = jsontext_read(data, size, "the saved search", &saved, status);
    if (code != STATUS_OK)
        return code;
    code = strategy_load_json(strategy, saved, status);
    json_decref(saved);
    return code;
}
