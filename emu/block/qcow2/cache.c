#include "emu/block/qcow2/cache.h"

#include <assert.h>
#include <string.h>

#include "emu/block/qcow2/qcow2.h"

#define COUNT_MIN 16u

void slice_cache_init(struct slice_cache *cache, struct block_node *file, size_t slice_size,
                      uint64_t size)
{
    uint64_t count = size / slice_size;
    *cache = (struct slice_cache){
        .file = file,
        .slice_size = slice_size,
        .count_max = (unsigned)CLAMP(count, COUNT_MIN, UINT32_MAX / 2),
        .by_offset = g_hash_table_new(g_int64_hash, g_int64_equal),
    };
    g_queue_init(&cache->order);
}

/* Nobody finds it any more. */
static void slice_unlink(struct slice_cache *cache, struct slice *slice)
{
    g_hash_table_remove(cache->by_offset, &slice->offset);
    g_queue_unlink(&cache->order, &slice->link);
    cache->dirty -= slice->dirty;
    cache->count--;
}

static void slice_free(struct slice *slice)
{
    g_free(slice->data);
    g_free(slice);
}

void slice_cache_clear(struct slice_cache *cache)
{
    while (cache->order.head != NULL) {
        struct slice *slice = cache->order.head->data;
        assert(!slice->loading && slice->waiting == 0 && slice->writes == 0);
        slice_unlink(cache, slice);
        slice_free(slice);
    }
}

void slice_cache_finish(struct slice_cache *cache)
{
    if (cache->by_offset != NULL) {
        slice_cache_clear(cache);
        g_hash_table_destroy(cache->by_offset);
        cache->by_offset = NULL;
    }
}

static bool slice_is_idle(const struct slice *slice)
{
    return !slice->loading && !slice->dirty && slice->writes == 0 && slice->waiting == 0;
}

/* Drops what was not used for longest, if anything may go. */
static void cache_make_room(struct slice_cache *cache)
{
    GList *at = cache->order.tail;
    while (cache->count >= cache->count_max && at != NULL) {
        struct slice *slice = at->data;
        at = at->prev;
        if (slice_is_idle(slice)) {
            slice_unlink(cache, slice);
            slice_free(slice);
        }
    }
}

static struct slice *slice_new(struct slice_cache *cache, uint64_t offset)
{
    struct slice *slice = g_new0(struct slice, 1);
    cache_make_room(cache);
    slice->offset = offset;
    slice->data = g_malloc(cache->slice_size);
    slice->loading = true;
    slice->link.data = slice;
    co_queue_init(&slice->loaded);
    g_hash_table_insert(cache->by_offset, &slice->offset, slice);
    g_queue_push_head_link(&cache->order, &slice->link);
    cache->count++;
    return slice;
}

/* Reads a new slice, then lets those go on who wait for it. */
static int slice_load(struct slice_cache *cache, struct slice *slice)
{
    struct host_vec vec = { slice->data, cache->slice_size };
    int result = qcow2_read_host(cache->file, slice->offset, cache->slice_size, &vec, 1);
    slice->loading = false;
    slice->failed = result;
    if (result < 0) {
        slice_unlink(cache, slice);
    }
    if (result < 0 && slice->waiting == 0) {
        slice_free(slice);
    } else {
        co_queue_restart_all(&slice->loaded);
    }
    return result;
}

/* Waits for who reads it. */
static int slice_wait(struct slice *slice)
{
    slice->waiting++;
    co_queue_wait(&slice->loaded, NULL);
    slice->waiting--;
    int result = slice->failed;
    if (result < 0 && slice->waiting == 0) {
        slice_free(slice);
    }
    return result;
}

struct slice *slice_peek(struct slice_cache *cache, uint64_t offset)
{
    struct slice *slice = g_hash_table_lookup(cache->by_offset, &offset);
    if (slice == NULL || slice->loading) {
        return NULL;
    }
    if (cache->order.head != &slice->link) {
        g_queue_unlink(&cache->order, &slice->link);
        g_queue_push_head_link(&cache->order, &slice->link);
    }
    return slice;
}

int slice_get(struct slice_cache *cache, uint64_t offset, struct slice **ret_slice)
{
    assert(offset % cache->slice_size == 0);
    struct slice *slice = g_hash_table_lookup(cache->by_offset, &offset);
    int result = 0;
    if (slice == NULL) {
        result = slice_load(cache, slice_new(cache, offset));
    } else if (slice->loading) {
        result = slice_wait(slice);
    }
    if (result == 0) {
        *ret_slice = slice_peek(cache, offset);
        assert(*ret_slice != NULL);
    }
    return result;
}

void slice_mark(struct slice_cache *cache, struct slice *slice)
{
    cache->dirty += !slice->dirty;
    slice->dirty = true;
}

bool slice_cache_crowded(const struct slice_cache *cache)
{
    return cache->dirty > cache->count_max / 2;
}

void slice_cache_capture(struct slice_cache *cache, GPtrArray *copies)
{
    for (GList *at = cache->order.head; at != NULL && cache->dirty > 0; at = at->next) {
        struct slice *slice = at->data;
        if (!slice->dirty) {
            continue;
        }
        struct slice_copy *copy = g_malloc(sizeof(*copy) + cache->slice_size);
        copy->slice = slice;
        memcpy(copy->data, slice->data, cache->slice_size);
        slice->dirty = false;
        slice->writes++;
        cache->dirty--;
        g_ptr_array_add(copies, copy);
    }
}

static gint copies_compare(gconstpointer a, gconstpointer b)
{
    const struct slice_copy *const *left = a, *const *right = b;
    uint64_t x = (*left)->slice->offset, y = (*right)->slice->offset;
    return x < y ? -1 : x > y;
}

int slice_copies_write(struct slice_cache *cache, GPtrArray *copies)
{
    int result = 0;
    g_ptr_array_sort(copies, copies_compare);
    for (unsigned i = 0; i < copies->len && result == 0; i++) {
        struct slice_copy *copy = copies->pdata[i];
        result = node_write(cache->file, copy->slice->offset, copy->data, cache->slice_size, 0);
    }
    return result;
}

void slice_copies_end(struct slice_cache *cache, GPtrArray *copies, bool written)
{
    for (unsigned i = 0; i < copies->len; i++) {
        struct slice_copy *copy = copies->pdata[i];
        assert(copy->slice->writes > 0);
        copy->slice->writes--;
        if (!written) {
            slice_mark(cache, copy->slice);
        }
        g_free(copy);
    }
    g_ptr_array_set_size(copies, 0);
}

void slice_cache_drop(struct slice_cache *cache, uint64_t offset, uint64_t size)
{
    for (uint64_t end = offset + size; offset < end; offset += cache->slice_size) {
        struct slice *slice = g_hash_table_lookup(cache->by_offset, &offset);
        if (slice != NULL && !slice->loading && slice->writes == 0 && slice->waiting == 0) {
            slice_unlink(cache, slice);
            slice_free(slice);
        }
    }
}
