#include "emu/block/qcow2/refmap.h"

void refmap_init(struct refmap *map)
{
    map->chunks = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
    map->end = 0;
}

void refmap_finish(struct refmap *map)
{
    g_hash_table_destroy(map->chunks);
}

static uint32_t *refmap_chunk(const struct refmap *map, uint64_t cluster)
{
    uint64_t number = cluster / REFMAP_CHUNK;
    return g_hash_table_lookup(map->chunks, &number);
}

static void refmap_add_one(struct refmap *map, uint64_t cluster)
{
    uint32_t *chunk = refmap_chunk(map, cluster);
    if (chunk == NULL) {
        uint64_t number = cluster / REFMAP_CHUNK;
        chunk = g_new0(uint32_t, REFMAP_CHUNK);
        g_hash_table_insert(map->chunks, g_memdup2(&number, sizeof(number)), chunk);
    }
    uint32_t *count = &chunk[cluster % REFMAP_CHUNK];
    *count += *count < UINT32_MAX;
}

void refmap_add(struct refmap *map, uint64_t cluster, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        refmap_add_one(map, cluster + i);
    }
    map->end = count > 0 ? MAX(map->end, cluster + count) : map->end;
}

uint32_t refmap_get(const struct refmap *map, uint64_t cluster)
{
    const uint32_t *chunk = refmap_chunk(map, cluster);
    return chunk != NULL ? chunk[cluster % REFMAP_CHUNK] : 0;
}

uint64_t refmap_next(const struct refmap *map, uint64_t cluster)
{
    while (cluster < map->end && refmap_chunk(map, cluster) == NULL) {
        cluster = (cluster / REFMAP_CHUNK + 1) * REFMAP_CHUNK;
    }
    return MIN(cluster, map->end);
}
