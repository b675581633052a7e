#include "emu/block/overlay.h"

#include <assert.h>
#include <string.h>

#include <glib.h>

#include "emu/block/image.h"
#include "platform/thread.h"

#define PAGE_SIZE  4096u
#define LEAF_PAGES 512u
#define LEAF_SIZE  ((uint64_t)PAGE_SIZE * LEAF_PAGES)

struct overlay_leaf {
    uint8_t *page[LEAF_PAGES];
};

struct overlay {
    struct host_file *base;
    uint64_t size;
    struct host_mutex lock; /* guards the map and the pages; a leaf */
    size_t leaf_count;
    struct overlay_leaf **leaf;
};

struct overlay *overlay_new(struct host_file *base, uint64_t size)
{
    struct overlay *overlay = g_new0(struct overlay, 1);
    overlay->base = base;
    overlay->size = size;
    overlay->leaf_count = (size_t)((size + LEAF_SIZE - 1) / LEAF_SIZE);
    overlay->leaf = g_new0(struct overlay_leaf *, overlay->leaf_count);
    host_mutex_init(&overlay->lock);
    return overlay;
}

void overlay_free(struct overlay *overlay)
{
    if (overlay == NULL) {
        return;
    }
    for (size_t i = 0; i < overlay->leaf_count; i++) {
        for (unsigned k = 0; overlay->leaf[i] != NULL && k < LEAF_PAGES; k++) {
            g_free(overlay->leaf[i]->page[k]);
        }
        g_free(overlay->leaf[i]);
    }
    g_free(overlay->leaf);
    host_mutex_finish(&overlay->lock);
    g_free(overlay);
}

/* The page that holds `offset`, or NULL if it was never written. */
static uint8_t *overlay_find(const struct overlay *overlay, uint64_t offset)
{
    const struct overlay_leaf *leaf = overlay->leaf[offset / LEAF_SIZE];
    return leaf != NULL ? leaf->page[offset / PAGE_SIZE % LEAF_PAGES] : NULL;
}

/* Bytes from `offset` to the end of its page, at most `size`. */
static size_t overlay_part(uint64_t offset, size_t size)
{
    return MIN(size, PAGE_SIZE - (size_t)(offset % PAGE_SIZE));
}

/* How many of `size` bytes were never written: pages without a gap. */
static size_t overlay_hole(const struct overlay *overlay, uint64_t offset, size_t size)
{
    size_t hole = 0;
    while (hole < size && overlay_find(overlay, offset + hole) == NULL) {
        hole += overlay_part(offset + hole, size - hole);
    }
    return hole;
}

int overlay_read(struct overlay *overlay, uint8_t *data, size_t size, uint64_t offset)
{
    assert(offset <= overlay->size && size <= overlay->size - offset);
    while (size > 0) {
        host_mutex_lock(&overlay->lock);
        size_t part = overlay_hole(overlay, offset, size);
        bool hole = part > 0;
        if (!hole) {
            part = overlay_part(offset, size);
            memcpy(data, overlay_find(overlay, offset) + offset % PAGE_SIZE, part);
        }
        host_mutex_unlock(&overlay->lock);
        int result = hole ? image_read(overlay->base, data, part, offset) : 0;
        if (result < 0) {
            return result;
        }
        data += part;
        offset += part;
        size -= part;
    }
    return 0;
}

/* Makes the page that holds `offset`, with the base's bytes in it. Lock held. */
static int overlay_make(struct overlay *overlay, uint64_t offset)
{
    struct overlay_leaf **leaf = &overlay->leaf[offset / LEAF_SIZE];
    if (*leaf == NULL) {
        *leaf = g_try_new0(struct overlay_leaf, 1);
    }
    uint8_t *page = g_try_malloc(PAGE_SIZE);
    if (*leaf == NULL || page == NULL) {
        g_free(page);
        return FILE_ERROR_NO_SPACE;
    }
    int result = image_read(overlay->base, page, PAGE_SIZE, offset / PAGE_SIZE * PAGE_SIZE);
    if (result < 0) {
        g_free(page);
        return result;
    }
    (*leaf)->page[offset / PAGE_SIZE % LEAF_PAGES] = page;
    return 0;
}

int overlay_write(struct overlay *overlay, const uint8_t *data, size_t size, uint64_t offset)
{
    assert(offset <= overlay->size && size <= overlay->size - offset);
    int result = 0;
    host_mutex_lock(&overlay->lock);
    while (size > 0 && result == 0) {
        if (overlay_find(overlay, offset) == NULL) {
            result = overlay_make(overlay, offset);
            continue;
        }
        size_t part = overlay_part(offset, size);
        memcpy(overlay_find(overlay, offset) + offset % PAGE_SIZE, data, part);
        data += part;
        offset += part;
        size -= part;
    }
    host_mutex_unlock(&overlay->lock);
    return result;
}

int overlay_write_zeros(struct overlay *overlay, uint64_t offset, uint64_t size)
{
    static const uint8_t zeros[PAGE_SIZE];
    int result = 0;
    while (size > 0 && result == 0) {
        size_t part = overlay_part(offset, (size_t)MIN(size, PAGE_SIZE));
        result = overlay_write(overlay, zeros, part, offset);
        offset += part;
        size -= part;
    }
    return result;
}
