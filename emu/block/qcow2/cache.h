/*
 * A cache of metadata tables in slices of equal size, each at its place in the file.
 *
 * A slice that is changed is marked dirty; a commit (commit.c) takes copies of all dirty ones at
 * one moment and writes those, so that changes may go on meanwhile. Only clean slices that no
 * commit is writing are dropped to make room. One context.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

#include "aio/coroutine.h"
#include "emu/block/node.h"

struct slice {
    uint64_t offset; /* in the file */
    uint8_t *data;
    bool loading, dirty;
    int failed;      /* how the loading ended; then it is in no list any more */
    unsigned writes; /* commits that write it */
    struct co_queue loaded;
    unsigned waiting; /* for the loading */
    GList link;       /* in the order of use */
};

struct slice_cache {
    struct block_node *file;
    size_t slice_size;
    unsigned count_max;
    unsigned count, dirty;
    GHashTable *by_offset;
    GQueue order; /* the head was used last */
};

/* A slice as it was when a commit began. */
struct slice_copy {
    struct slice *slice;
    uint8_t data[];
};

/* Makes an empty cache of at most `size` bytes, and at least a few slices. */
void slice_cache_init(struct slice_cache *cache, struct block_node *file, size_t slice_size,
                      uint64_t size);

/* Forgets all, dirty or not. Nothing is being read or written. */
void slice_cache_clear(struct slice_cache *cache);

/* Frees all, dirty or not. */
void slice_cache_finish(struct slice_cache *cache);

/* The slice at an offset, read if need be; may wait. What it returns is good until the caller
 * waits for anything. 0 or an enum file_error. */
int slice_get(struct slice_cache *cache, uint64_t offset, struct slice **ret_slice);

/* The same, if it can be had without waiting; else NULL. */
struct slice *slice_peek(struct slice_cache *cache, uint64_t offset);

/* Says that the caller has changed it. */
void slice_mark(struct slice_cache *cache, struct slice *slice);

/* Whether so much is dirty that a commit should come first. */
bool slice_cache_crowded(const struct slice_cache *cache);

/* Takes copies of all that is dirty into an array, and makes it clean. */
void slice_cache_capture(struct slice_cache *cache, GPtrArray *copies);

/* Writes copies, in the order of the file. 0 or an enum file_error. */
int slice_copies_write(struct slice_cache *cache, GPtrArray *copies);

/* Ends copies: if they were not written, their slices are dirty again. */
void slice_copies_end(struct slice_cache *cache, GPtrArray *copies, bool written);

/* Forgets what is cached of a range of the file, dirty or not: nothing there is metadata now. (What
 * is just being read or written stays: only a damaged image has that.) */
void slice_cache_drop(struct slice_cache *cache, uint64_t offset, uint64_t size);
