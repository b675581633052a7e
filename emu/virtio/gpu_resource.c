/* Pictures of the GPU and the guest memory behind them. Source: VIRTIO 1.2, section 5.7.6.8. */
#include "emu/virtio/gpu.h"

#include <assert.h>
#include <string.h>

#include "emu/mem/dma.h"

/* Table of 5.7.6.8 (RESOURCE_CREATE_2D). Its names give the order in memory, DRM's the order in a
 * little-endian word. */
static const struct {
    uint32_t number;
    enum display_format format;
} formats[] = {
    { 1, DISPLAY_ARGB8888 },   /* B8G8R8A8 */
    { 2, DISPLAY_XRGB8888 },   /* B8G8R8X8 */
    { 3, DISPLAY_BGRA8888 },   /* A8R8G8B8 */
    { 4, DISPLAY_BGRX8888 },   /* X8R8G8B8 */
    { 67, DISPLAY_ABGR8888 },  /* R8G8B8A8 */
    { 68, DISPLAY_RGBX8888 },  /* X8B8G8R8 */
    { 121, DISPLAY_RGBA8888 }, /* A8B8G8R8 */
    { 134, DISPLAY_XBGR8888 }, /* R8G8B8X8 */
};

static uint64_t resource_stride(const struct gpu_resource *resource)
{
    return (uint64_t)resource->width * GPU_BYTES_PER_PIXEL;
}

struct gpu_resource *gpu_resource_find(const struct virtio_gpu *gpu, uint32_t id)
{
    return g_hash_table_lookup(gpu->resources, GUINT_TO_POINTER(id));
}

bool gpu_resource_has(const struct gpu_resource *resource, const struct gpu_rect *rect)
{
    return rect->width > 0 && rect->height > 0 && rect->x < resource->width &&
           rect->y < resource->height && rect->width <= resource->width - rect->x &&
           rect->height <= resource->height - rect->y;
}

static void resource_free(struct gpu_resource *resource)
{
    g_free(resource->backing);
    g_free(resource->pixels);
    g_free(resource);
}

static void resource_remove(struct virtio_gpu *gpu, struct gpu_resource *resource)
{
    assert(gpu->memory_used >= resource->cost);
    gpu->memory_used -= resource->cost;
    g_hash_table_remove(gpu->resources, GUINT_TO_POINTER(resource->id));
    resource_free(resource);
}

void gpu_resources_clear(struct virtio_gpu *gpu)
{
    GHashTableIter iter;
    void *resource;
    g_hash_table_iter_init(&iter, gpu->resources);
    while (g_hash_table_iter_next(&iter, NULL, &resource)) {
        resource_free(resource);
    }
    g_hash_table_remove_all(gpu->resources);
    gpu->memory_used = 0;
}

static bool format_find(uint32_t number, enum display_format *ret_format)
{
    for (size_t i = 0; i < G_N_ELEMENTS(formats); i++) {
        if (formats[i].number == number) {
            *ret_format = formats[i].format;
            return true;
        }
    }
    return false;
}

bool gpu_format_known(enum display_format format)
{
    for (size_t i = 0; i < G_N_ELEMENTS(formats); i++) {
        if (formats[i].format == format) {
            return true;
        }
    }
    return false;
}

uint64_t gpu_resource_cost(uint32_t width, uint32_t height, uint32_t backing_count)
{
    return (uint64_t)width * height * GPU_BYTES_PER_PIXEL + GPU_RESOURCE_COST +
           backing_count * sizeof(struct gpu_stretch);
}

struct gpu_resource *gpu_resource_new(struct virtio_gpu *gpu, uint32_t id, uint32_t width,
                                      uint32_t height, enum display_format format)
{
    uint64_t cost = gpu_resource_cost(width, height, 0);
    uint8_t *pixels = cost <= gpu->memory_max - gpu->memory_used
                          ? g_try_malloc0((uint64_t)width * height * GPU_BYTES_PER_PIXEL)
                          : NULL;
    if (pixels == NULL) {
        return NULL;
    }
    struct gpu_resource *resource = g_new0(struct gpu_resource, 1);
    *resource = (struct gpu_resource){
        .id = id, .width = width, .height = height, .format = format, .pixels = pixels,
        .cost = cost,
    };
    gpu->memory_used += cost;
    g_hash_table_insert(gpu->resources, GUINT_TO_POINTER(id), resource);
    return resource;
}

enum gpu_answer gpu_create_2d(struct virtio_gpu *gpu, const struct virtq_request *request,
                              uint32_t *ret_payload)
{
    struct {
        struct gpu_header header;
        uint32_t resource_id, format, width, height;
    } command;
    enum display_format format;
    (void)ret_payload;
    if (virtq_request_read(request, 0, &command, sizeof(command)) < sizeof(command) ||
        !format_find(GUINT32_FROM_LE(command.format), &format)) {
        return GPU_BAD_PARAMETER;
    }
    uint32_t id = GUINT32_FROM_LE(command.resource_id);
    uint32_t width = GUINT32_FROM_LE(command.width), height = GUINT32_FROM_LE(command.height);
    if (id == 0 || gpu_resource_find(gpu, id) != NULL) {
        return GPU_BAD_RESOURCE;
    }
    if (width == 0 || width > DISPLAY_SIDE_MAX || height == 0 || height > DISPLAY_SIDE_MAX) {
        return GPU_BAD_PARAMETER;
    }
    return gpu_resource_new(gpu, id, width, height, format) != NULL ? GPU_OK : GPU_NO_MEMORY;
}

/* The resource that a command {header, id, ...} names, or NULL. */
static struct gpu_resource *resource_of(struct virtio_gpu *gpu, const struct virtq_request *request)
{
    uint32_t id = 0;
    virtq_request_read(request, sizeof(struct gpu_header), &id, sizeof(id));
    return gpu_resource_find(gpu, GUINT32_FROM_LE(id));
}

enum gpu_answer gpu_unref(struct virtio_gpu *gpu, const struct virtq_request *request,
                          uint32_t *ret_payload)
{
    struct gpu_resource *resource = resource_of(gpu, request);
    (void)ret_payload;
    if (resource == NULL) {
        return GPU_BAD_RESOURCE;
    }
    gpu_scanouts_off(gpu, resource);
    resource_remove(gpu, resource);
    return GPU_OK;
}

/* An entry of the list of a command. */
struct backing_entry {
    uint64_t address;
    uint32_t length, padding;
};

static uint64_t backing_cost(uint32_t count)
{
    return (uint64_t)count * sizeof(struct gpu_stretch);
}

/* Finds all stretches in RAM; an empty one is fine. */
static bool backing_map(const struct bus *bus, const struct backing_entry *entry, uint32_t count,
                        struct gpu_stretch *backing, uint64_t *ret_total)
{
    uint64_t total = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t size = GUINT32_FROM_LE(entry[i].length);
        const uint8_t *host =
            size > 0 ? dma_map(bus, GUINT64_FROM_LE(entry[i].address), size, false) : NULL;
        if (size > 0 && host == NULL) {
            return false;
        }
        backing[i] = (struct gpu_stretch){ host, GUINT64_FROM_LE(entry[i].address), size };
        total += size;
    }
    *ret_total = total;
    return true;
}

/* Reads the list of a command; NULL if it is not all there or not all in RAM. */
static struct gpu_stretch *backing_read(const struct virtq_request *request, uint32_t count,
                                        uint64_t *ret_total)
{
    size_t size = count * sizeof(struct backing_entry);
    struct backing_entry *entry = g_malloc(size);
    struct gpu_stretch *backing = g_new(struct gpu_stretch, count);
    size_t at = sizeof(struct gpu_header) + 8;
    if (virtq_request_read(request, at, entry, size) < size ||
        !backing_map(request->bus, entry, count, backing, ret_total)) {
        g_clear_pointer(&backing, g_free);
    }
    g_free(entry);
    return backing;
}

void gpu_resource_attach(struct virtio_gpu *gpu, struct gpu_resource *resource,
                         struct gpu_stretch *backing, uint32_t count, uint64_t total)
{
    resource->backing = backing;
    resource->backing_size = total;
    resource->backing_count = count;
    resource->cost += backing_cost(count);
    gpu->memory_used += backing_cost(count);
}

enum gpu_answer gpu_attach_backing(struct virtio_gpu *gpu, const struct virtq_request *request,
                                   uint32_t *ret_payload)
{
    struct gpu_resource *resource = resource_of(gpu, request);
    uint32_t count = 0;
    (void)ret_payload;
    if (resource == NULL) {
        return GPU_BAD_RESOURCE;
    }
    virtq_request_read(request, sizeof(struct gpu_header) + 4, &count, sizeof(count));
    count = GUINT32_FROM_LE(count);
    if (resource->backing != NULL || count == 0 || count > GPU_BACKING_MAX) {
        return GPU_BAD_PARAMETER;
    }
    if (backing_cost(count) > gpu->memory_max - gpu->memory_used) {
        return GPU_NO_MEMORY;
    }
    uint64_t total;
    struct gpu_stretch *backing = backing_read(request, count, &total);
    if (backing == NULL) {
        return GPU_BAD_PARAMETER;
    }
    gpu_resource_attach(gpu, resource, backing, count, total);
    return GPU_OK;
}

enum gpu_answer gpu_detach_backing(struct virtio_gpu *gpu, const struct virtq_request *request,
                                   uint32_t *ret_payload)
{
    struct gpu_resource *resource = resource_of(gpu, request);
    (void)ret_payload;
    if (resource == NULL) {
        return GPU_BAD_RESOURCE;
    }
    if (resource->backing == NULL) {
        return GPU_BAD_PARAMETER;
    }
    resource->cost -= backing_cost(resource->backing_count);
    gpu->memory_used -= backing_cost(resource->backing_count);
    g_clear_pointer(&resource->backing, g_free);
    resource->backing_count = 0;
    resource->backing_size = 0;
    return GPU_OK;
}

/* Reads the backing front to back: rows ask for rising offsets, so the list is walked once. */
struct backing_reader {
    const struct gpu_resource *resource;
    uint32_t index; /* the stretch where... */
    uint64_t start; /* ...this offset is its first byte */
};

/* Copies `size` bytes at `offset`, which lie within the backing. */
static void backing_copy(struct backing_reader *reader, uint64_t offset, uint8_t *to, uint64_t size)
{
    while (size > 0) {
        assert(reader->index < reader->resource->backing_count);
        const struct gpu_stretch *stretch = &reader->resource->backing[reader->index];
        uint64_t inside = offset - reader->start;
        if (inside >= stretch->size) {
            reader->start += stretch->size;
            reader->index++;
            continue;
        }
        uint64_t part = MIN(size, stretch->size - inside);
        memcpy(to, stretch->host + inside, part);
        to += part;
        offset += part;
        size -= part;
    }
}

/* The rows in the backing are as far apart as in the resource. */
static bool resource_transfer(struct gpu_resource *resource, const struct gpu_rect *rect,
                              uint64_t offset)
{
    uint64_t stride = resource_stride(resource);
    uint64_t row_size = (uint64_t)rect->width * GPU_BYTES_PER_PIXEL;
    uint64_t needed = stride * (rect->height - 1) + row_size;
    if (offset > resource->backing_size || needed > resource->backing_size - offset) {
        return false;
    }
    struct backing_reader reader = { .resource = resource };
    uint8_t *to = resource->pixels + stride * rect->y + (uint64_t)rect->x * GPU_BYTES_PER_PIXEL;
    if (row_size == stride) {
        backing_copy(&reader, offset, to, needed);
        return true;
    }
    for (uint32_t row = 0; row < rect->height; row++) {
        backing_copy(&reader, offset + stride * row, to + stride * row, row_size);
    }
    return true;
}

enum gpu_answer gpu_transfer_to_host_2d(struct virtio_gpu *gpu,
                                        const struct virtq_request *request, uint32_t *ret_payload)
{
    struct {
        struct gpu_header header;
        struct gpu_rect rect;
        uint64_t offset;
        uint32_t resource_id, padding;
    } command;
    (void)ret_payload;
    if (virtq_request_read(request, 0, &command, sizeof(command)) < sizeof(command)) {
        return GPU_BAD_PARAMETER;
    }
    struct gpu_resource *resource =
        gpu_resource_find(gpu, GUINT32_FROM_LE(command.resource_id));
    if (resource == NULL || resource->backing == NULL) {
        return GPU_BAD_RESOURCE;
    }
    struct gpu_rect rect = gpu_rect_load(&command.rect);
    bool ok = gpu_resource_has(resource, &rect) &&
              resource_transfer(resource, &rect, GUINT64_FROM_LE(command.offset));
    return ok ? GPU_OK : GPU_BAD_PARAMETER;
}
