/* References to host clusters that a check has counted: a sparse array, so that what it takes
 * depends on what an image leads to, not on what it claims. */
#pragma once

#include <stdint.h>

#include <glib.h>

struct refmap {
    GHashTable *chunks; /* by number; arrays of REFMAP_CHUNK counts */
    uint64_t end;       /* behind the last cluster counted */
};

#define REFMAP_CHUNK 4096u

/* Makes one where all counts are zero. */
void refmap_init(struct refmap *map);

/* Frees it. */
void refmap_finish(struct refmap *map);

/* Counts `count` clusters once more. */
void refmap_add(struct refmap *map, uint64_t cluster, uint64_t count);

/* How often a cluster was counted. */
uint32_t refmap_get(const struct refmap *map, uint64_t cluster);

/* The first cluster at or behind `cluster` that may have a count, or `end`. */
uint64_t refmap_next(const struct refmap *map, uint64_t cluster);
