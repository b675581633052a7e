/* What is saved of the GPU: pictures with the guest memory behind them, what the outputs show of
 * them, and the cursors, whose pictures the guest may have changed since. */
#include "emu/virtio/gpu.h"

#include <string.h>

#include "emu/mem/dma.h"

#define RESOURCES_MAX 65536

static const struct state_field stretch_fields[] = {
    STATE_FIELD(struct gpu_saved_stretch, gpa, RESET),
    STATE_FIELD(struct gpu_saved_stretch, size, RESET),
    { 0 },
};

#define RESOURCE(name) STATE_FIELD(struct gpu_saved_resource, name, RESET)
static const struct state_field resource_fields[] = {
    RESOURCE(id), RESOURCE(width), RESOURCE(height), RESOURCE(format),
    STATE_LIST(struct gpu_saved_resource, pixels, pixels_size, 0, NULL),
    STATE_LIST(struct gpu_saved_resource, backing, backing_count, GPU_BACKING_MAX, stretch_fields),
    { 0 },
};

#define SCANOUT(name) STATE_FIELD(struct gpu_saved_scanout, name, RESET)
#define CURSOR(name)  STATE_MAX(struct gpu_saved_scanout, name, RESET, DISPLAY_CURSOR_MAX)
static const struct state_field scanout_fields[] = {
    SCANOUT(resource_id), SCANOUT(x), SCANOUT(y), SCANOUT(width), SCANOUT(height),
    SCANOUT(cursor_x), SCANOUT(cursor_y), CURSOR(cursor_width), CURSOR(cursor_height),
    CURSOR(hot_x), CURSOR(hot_y),
    STATE_LIST(struct gpu_saved_scanout, cursor, cursor_size,
               DISPLAY_CURSOR_MAX *DISPLAY_CURSOR_MAX, NULL),
    { 0 },
};

const struct state_field gpu_state[] = {
    STATE_FIELD(struct virtio_gpu, events, RESET),
    STATE_LIST(struct virtio_gpu, saved.resource, saved.resource_count, RESOURCES_MAX,
               resource_fields),
    STATE_STRUCT(struct virtio_gpu, saved.scanout, KEPT, struct gpu_saved_scanout, scanout_fields),
    { 0 },
};

static int compare_ids(const void *a, const void *b)
{
    uint32_t first = ((const struct gpu_saved_resource *)a)->id;
    uint32_t second = ((const struct gpu_saved_resource *)b)->id;
    return first < second ? -1 : first > second;
}

static void resource_collect(struct gpu_saved_resource *to, const struct gpu_resource *from)
{
    uint64_t size = (uint64_t)from->width * from->height * GPU_BYTES_PER_PIXEL;
    *to = (struct gpu_saved_resource){
        .id = from->id, .width = from->width, .height = from->height, .format = from->format,
        .pixels = g_memdup2(from->pixels, size), .pixels_size = (uint32_t)size,
        .backing_count = from->backing_count,
    };
    if (from->backing_count > 0) {
        to->backing = g_new(struct gpu_saved_stretch, from->backing_count);
    }
    for (uint32_t i = 0; i < from->backing_count; i++) {
        to->backing[i] =
            (struct gpu_saved_stretch){ from->backing[i].gpa, from->backing[i].size };
    }
}

static void scanout_collect(struct gpu_saved_scanout *to, const struct gpu_scanout *from)
{
    const struct display_cursor *cursor = display_get_cursor(from->display);
    *to = (struct gpu_saved_scanout){ .cursor_x = cursor->x, .cursor_y = cursor->y };
    if (from->resource != NULL) {
        to->resource_id = from->resource->id;
        to->x = from->rect.x;
        to->y = from->rect.y;
        to->width = from->rect.width;
        to->height = from->rect.height;
    }
    if (cursor->visible) {
        to->cursor_width = cursor->width;
        to->cursor_height = cursor->height;
        to->hot_x = cursor->hot_x;
        to->hot_y = cursor->hot_y;
        to->cursor_size = cursor->width * cursor->height;
        to->cursor = g_memdup2(cursor->pixels, to->cursor_size * sizeof(uint32_t));
    }
}

void gpu_collect(struct virtio_device *dev)
{
    struct virtio_gpu *gpu = (struct virtio_gpu *)dev;
    struct gpu_saved *saved = &gpu->saved;
    GHashTableIter iter;
    void *resource;
    saved->resource_count = 0;
    saved->resource = g_new0(struct gpu_saved_resource, g_hash_table_size(gpu->resources));
    g_hash_table_iter_init(&iter, gpu->resources);
    while (g_hash_table_iter_next(&iter, NULL, &resource)) {
        resource_collect(&saved->resource[saved->resource_count++], resource);
    }
    if (saved->resource_count > 0) {
        qsort(saved->resource, saved->resource_count, sizeof(*saved->resource), compare_ids);
    }
    for (uint32_t i = 0; i < gpu->scanout_count; i++) {
        scanout_collect(&saved->scanout[i], &gpu->scanout[i]);
    }
}

static bool resource_check(const struct virtio_gpu *gpu, const struct gpu_saved_resource *saved)
{
    uint64_t size = (uint64_t)saved->width * saved->height * GPU_BYTES_PER_PIXEL;
    if (saved->id == 0 || saved->width == 0 || saved->width > DISPLAY_SIDE_MAX ||
        saved->height == 0 || saved->height > DISPLAY_SIDE_MAX || size != saved->pixels_size ||
        !gpu_format_known((enum display_format)saved->format)) {
        return false;
    }
    for (uint32_t i = 0; i < saved->backing_count; i++) {
        const struct gpu_saved_stretch *part = &saved->backing[i];
        if (part->size > 0 &&
            dma_map(gpu->dev.services.bus, part->gpa, part->size, false) == NULL) {
            return false;
        }
    }
    return true;
}

/* The resource of that id in the saved form, or NULL. */
static const struct gpu_saved_resource *saved_find(const struct gpu_saved *saved, uint32_t id)
{
    for (uint32_t i = 0; i < saved->resource_count; i++) {
        if (saved->resource[i].id == id) {
            return &saved->resource[i];
        }
    }
    return NULL;
}

static bool scanout_check(const struct gpu_saved *saved, const struct gpu_saved_scanout *scanout)
{
    const struct gpu_rect rect = { scanout->x, scanout->y, scanout->width, scanout->height };
    const struct gpu_saved_resource *shown = saved_find(saved, scanout->resource_id);
    bool fits = true;
    if (scanout->resource_id != 0) {
        const struct gpu_resource size = { .width = shown != NULL ? shown->width : 0,
                                           .height = shown != NULL ? shown->height : 0 };
        fits = gpu_resource_has(&size, &rect);
    }
    return fits && scanout->cursor_size == scanout->cursor_width * scanout->cursor_height &&
           (scanout->cursor_size == 0 || (scanout->hot_x < scanout->cursor_width &&
                                          scanout->hot_y < scanout->cursor_height));
}

bool gpu_check(const struct virtio_device *staged, GError **error)
{
    const struct virtio_gpu *gpu = (const struct virtio_gpu *)staged;
    const struct gpu_saved *saved = &gpu->saved;
    uint64_t cost = 0;
    for (uint32_t i = 0; i < saved->resource_count; i++) {
        const struct gpu_saved_resource *resource = &saved->resource[i];
        if (!resource_check(gpu, resource) || (i > 0 && resource->id <= resource[-1].id)) {
            return state_fail(error, STATE_ERROR_DAMAGED, "picture %u cannot be", resource->id);
        }
        cost += gpu_resource_cost(resource->width, resource->height, resource->backing_count);
    }
    if (cost > gpu->memory_max) {
        return state_fail(error, STATE_ERROR_MACHINE,
                          "its pictures need more than max_hostmem allows: %" G_GUINT64_FORMAT
                          " bytes", cost);
    }
    for (uint32_t i = 0; i < DISPLAY_OUTPUTS_MAX; i++) {
        bool there = i < gpu->scanout_count || saved->scanout[i].resource_id == 0;
        if (!there || !scanout_check(saved, &saved->scanout[i])) {
            return state_fail(error, STATE_ERROR_DAMAGED, "output %u cannot be like that", i);
        }
    }
    return true;
}

static void resource_restore(struct virtio_gpu *gpu, const struct gpu_saved_resource *saved)
{
    struct gpu_resource *resource = gpu_resource_new(gpu, saved->id, saved->width, saved->height,
                                                     (enum display_format)saved->format);
    uint64_t total = 0;
    if (resource == NULL) {
        virtio_set_broken(&gpu->dev, "the host has no memory for saved pictures");
        return;
    }
    memcpy(resource->pixels, saved->pixels, saved->pixels_size);
    if (saved->backing_count == 0) {
        return;
    }
    struct gpu_stretch *backing = g_new(struct gpu_stretch, saved->backing_count);
    for (uint32_t i = 0; i < saved->backing_count; i++) {
        const struct gpu_saved_stretch *from = &saved->backing[i];
        const uint8_t *host = from->size > 0
                                  ? dma_map(gpu->dev.services.bus, from->gpa, from->size, false)
                                  : NULL;
        backing[i] = (struct gpu_stretch){ host, from->gpa, from->size };
        total += from->size;
    }
    gpu_resource_attach(gpu, resource, backing, saved->backing_count, total);
}

static void scanout_restore(struct virtio_gpu *gpu, uint32_t index)
{
    struct gpu_scanout *scanout = &gpu->scanout[index];
    const struct gpu_saved_scanout *saved = &gpu->saved.scanout[index];
    const struct gpu_rect rect = { saved->x, saved->y, saved->width, saved->height };
    struct gpu_resource *resource = gpu_resource_find(gpu, saved->resource_id);
    if (resource != NULL) {
        gpu_scanout_show(scanout, resource, &rect);
    }
    if (saved->cursor_size > 0) {
        display_set_cursor(scanout->display, saved->cursor, saved->cursor_width,
                           saved->cursor_height, saved->hot_x, saved->hot_y);
    }
    display_move_cursor(scanout->display, saved->cursor_x, saved->cursor_y);
}

void gpu_restore(struct virtio_device *dev)
{
    struct virtio_gpu *gpu = (struct virtio_gpu *)dev;
    for (uint32_t i = 0; i < gpu->saved.resource_count; i++) {
        resource_restore(gpu, &gpu->saved.resource[i]);
    }
    for (uint32_t i = 0; i < gpu->scanout_count; i++) {
        scanout_restore(gpu, i);
    }
    gpu_scanouts_place(gpu);
}
