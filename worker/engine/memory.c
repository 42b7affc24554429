/* memory: arenas. A page that the system hands out is zeroed first, which takes a small net as long as a pass over its batch; an
 * engine that follows another in the same memory does without. */
#include "worker/engine/memory.h"

#include <assert.h>
#include <string.h>
#include <sys/mman.h>

/* A zeroed mapping that starts on a huge page. */
static void *map(size_t bytes)
{
    char *whole = mmap(NULL, bytes + MEMORY_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (whole == MAP_FAILED)
        return NULL;
    const size_t before = (MEMORY_PAGE - (size_t)whole % MEMORY_PAGE) % MEMORY_PAGE;
    if (before)
        munmap(whole, before);
    munmap(whole + before + bytes, MEMORY_PAGE - before);
    /* Wishes: without huge pages it only runs slower, and without pages yet the first step takes the page faults. */
    madvise(whole + before, bytes, MADV_HUGEPAGE);
    madvise(whole + before, bytes, MADV_POPULATE_WRITE);
    return whole + before;
}

/* Whether engines with this `memory` live in its mapping. */
static int is_shared(const struct engine_memory *memory, const void *mapping)
{
    return memory && memory->taken && memory->mapping == mapping;
}

void *memory_take(struct engine_memory *memory, size_t bytes, int *used)
{
    *used = 0;
    if (!memory || memory->taken)
        return map(bytes);
    *used = memory->bytes >= bytes;
    if (!*used) {
        engine_memory_free(memory);
        memory->mapping = map(bytes);
        memory->bytes = memory->mapping ? bytes : 0;
    }
    memory->taken = memory->mapping != NULL;
    return memory->mapping;
}

void memory_give(struct engine_memory *memory, void *mapping, size_t bytes)
{
    if (!mapping)
        return;
    if (!is_shared(memory, mapping)) {
        munmap(mapping, bytes);
        return;
    }
    memory->taken = 0;
    madvise(mapping, memory->bytes, MADV_FREE); /* whoever needs the pages more may have them */
}

void engine_memory_free(struct engine_memory *memory)
{
    assert(!memory->taken);
    if (memory->mapping)
        munmap(memory->mapping, memory->bytes);
    *memory = (struct engine_memory){0};
}
