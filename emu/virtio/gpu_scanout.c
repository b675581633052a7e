/* What the GPU shows where: scanouts, their monitors, flushes and cursors. Source: VIRTIO 1.2,
 * sections 5.7.6.8 and 5.7.6.10. */
#include "emu/virtio/gpu.h"

#include <string.h>

#include "emu/display/edid.h"

#define EDID_ANSWER_SIZE 1024u

/* Whether two scanouts or more show parts of one picture, and none shows another. */
static bool scanouts_share(const struct virtio_gpu *gpu)
{
    const struct gpu_resource *shared = NULL;
    unsigned count = 0;
    for (uint32_t i = 0; i < gpu->scanout_count; i++) {
        const struct gpu_resource *resource = gpu->scanout[i].resource;
        if (resource != NULL && shared != NULL && resource != shared) {
            return false;
        }
        shared = resource != NULL ? resource : shared;
        count += resource != NULL;
    }
    return count > 1;
}

void gpu_scanouts_place(struct virtio_gpu *gpu)
{
    struct display_place place[DISPLAY_OUTPUTS_MAX] = { 0 };
    bool share = scanouts_share(gpu);
    uint32_t width = 0, height = 0;
    for (uint32_t i = 0; i < gpu->scanout_count; i++) {
        const struct gpu_scanout *scanout = &gpu->scanout[i];
        if (scanout->resource != NULL) {
            place[i].x = (int32_t)(share ? scanout->rect.x : width);
            place[i].y = share ? (int32_t)scanout->rect.y : 0;
            width = share ? scanout->resource->width : width + scanout->rect.width;
            height = share ? scanout->resource->height : MAX(height, scanout->rect.height);
        }
    }
    for (uint32_t i = 0; i < gpu->scanout_count; i++) {
        place[i].width = gpu->scanout[i].resource != NULL ? width : 0;
        place[i].height = gpu->scanout[i].resource != NULL ? height : 0;
        display_set_place(gpu->scanout[i].display, &place[i]);
    }
}

void gpu_scanouts_off(struct virtio_gpu *gpu, const struct gpu_resource *resource)
{
    for (uint32_t i = 0; i < gpu->scanout_count; i++) {
        struct gpu_scanout *scanout = &gpu->scanout[i];
        if (scanout->resource != NULL && (resource == NULL || scanout->resource == resource)) {
            scanout->resource = NULL;
            display_set_surface(scanout->display, DISPLAY_GPU, NULL);
        }
    }
    gpu_scanouts_place(gpu);
}

/* Monitors stand side by side in the order of their numbers. */
enum gpu_answer gpu_get_display_info(struct virtio_gpu *gpu, const struct virtq_request *request,
                                     uint32_t *ret_payload)
{
    struct {
        struct gpu_rect rect;
        uint32_t enabled, flags;
    } info[DISPLAY_OUTPUTS_MAX] = { 0 };
    uint32_t x = 0;
    for (uint32_t i = 0; i < gpu->scanout_count; i++) {
        struct display_request wish;
        display_get_request(gpu->scanout[i].display, &wish);
        if (wish.connected) {
            info[i].rect.x = GUINT32_TO_LE(x);
            info[i].rect.width = GUINT32_TO_LE(wish.width);
            info[i].rect.height = GUINT32_TO_LE(wish.height);
            info[i].enabled = GUINT32_TO_LE(1);
            x += wish.width;
        }
    }
    *ret_payload =
        (uint32_t)virtq_request_write(request, sizeof(struct gpu_header), info, sizeof(info));
    return GPU_OK_DISPLAY_INFO;
}

enum gpu_answer gpu_get_edid(struct virtio_gpu *gpu, const struct virtq_request *request,
                             uint32_t *ret_payload)
{
    struct {
        uint32_t size, padding;
        uint8_t edid[EDID_ANSWER_SIZE];
    } answer = { .size = GUINT32_TO_LE(EDID_SIZE) };
    uint32_t index = UINT32_MAX;
    struct display_request wish;
    virtq_request_read(request, sizeof(struct gpu_header), &index, sizeof(index));
    index = GUINT32_FROM_LE(index);
    if (index >= gpu->scanout_count) {
        return GPU_BAD_SCANOUT;
    }
    display_get_request(gpu->scanout[index].display, &wish);
    if (!edid_fill(answer.edid, &wish)) {
        return GPU_ERROR; /* the driver falls back on the display info */
    }
    *ret_payload =
        (uint32_t)virtq_request_write(request, sizeof(struct gpu_header), &answer, sizeof(answer));
    return GPU_OK_EDID;
}

void gpu_scanout_show(struct gpu_scanout *scanout, struct gpu_resource *resource,
                      const struct gpu_rect *rect)
{
    uint32_t stride = resource->width * GPU_BYTES_PER_PIXEL;
    const struct display_surface surface = {
        .width = rect->width,
        .height = rect->height,
        .stride = stride,
        .format = resource->format,
        .pixels =
            resource->pixels + (uint64_t)stride * rect->y + (uint64_t)rect->x * GPU_BYTES_PER_PIXEL,
    };
    scanout->resource = resource;
    scanout->rect = *rect;
    display_set_surface(scanout->display, DISPLAY_GPU, &surface);
}

/* The resource that a command names (as it stands there), if the part lies in it. */
static enum gpu_answer scanout_find_part(const struct virtio_gpu *gpu, uint32_t id,
                                         const struct gpu_rect *part,
                                         struct gpu_resource **ret_resource)
{
    *ret_resource = gpu_resource_find(gpu, GUINT32_FROM_LE(id));
    if (*ret_resource == NULL) {
        return GPU_BAD_RESOURCE;
    }
    return gpu_resource_has(*ret_resource, part) ? GPU_OK : GPU_BAD_PARAMETER;
}

enum gpu_answer gpu_set_scanout(struct virtio_gpu *gpu, const struct virtq_request *request,
                                uint32_t *ret_payload)
{
    struct {
        struct gpu_header header;
        struct gpu_rect rect;
        uint32_t scanout_id, resource_id;
    } command;
    (void)ret_payload;
    if (virtq_request_read(request, 0, &command, sizeof(command)) < sizeof(command)) {
        return GPU_BAD_PARAMETER;
    }
    uint32_t index = GUINT32_FROM_LE(command.scanout_id);
    if (index >= gpu->scanout_count) {
        return GPU_BAD_SCANOUT;
    }
    struct gpu_scanout *scanout = &gpu->scanout[index];
    if (command.resource_id == 0) {
        scanout->resource = NULL;
        display_set_surface(scanout->display, DISPLAY_GPU, NULL);
        gpu_scanouts_place(gpu);
        return GPU_OK;
    }
    struct gpu_rect rect = gpu_rect_load(&command.rect);
    struct gpu_resource *resource;
    enum gpu_answer answer = scanout_find_part(gpu, command.resource_id, &rect, &resource);
    if (answer == GPU_OK) {
        gpu_scanout_show(scanout, resource, &rect);
        gpu_scanouts_place(gpu);
    }
    return answer;
}

/* The part of a flush that this scanout shows, in its own pixels; display_damage cuts it. */
static void scanout_flush(struct gpu_scanout *scanout, const struct gpu_rect *rect)
{
    const struct display_rect damage = {
        (int32_t)rect->x - (int32_t)scanout->rect.x,
        (int32_t)rect->y - (int32_t)scanout->rect.y,
        (int32_t)rect->width,
        (int32_t)rect->height,
    };
    display_damage(scanout->display, DISPLAY_GPU, damage);
}

enum gpu_answer gpu_flush(struct virtio_gpu *gpu, const struct virtq_request *request,
                          uint32_t *ret_payload)
{
    struct {
        struct gpu_header header;
        struct gpu_rect rect;
        uint32_t resource_id, padding;
    } command;
    (void)ret_payload;
    if (virtq_request_read(request, 0, &command, sizeof(command)) < sizeof(command)) {
        return GPU_BAD_PARAMETER;
    }
    struct gpu_rect rect = gpu_rect_load(&command.rect);
    struct gpu_resource *resource;
    enum gpu_answer answer = scanout_find_part(gpu, command.resource_id, &rect, &resource);
    if (answer != GPU_OK) {
        return answer;
    }
    for (uint32_t i = 0; i < gpu->scanout_count; i++) {
        if (gpu->scanout[i].resource == resource) {
            scanout_flush(&gpu->scanout[i], &rect);
        }
    }
    return GPU_OK;
}

struct gpu_cursor_command {
    struct gpu_header header;
    uint32_t scanout_id, x, y, padding;
    uint32_t resource_id, hot_x, hot_y, padding2;
};

/* Reads a command of the cursor queue and finds its scanout. */
static struct gpu_scanout *cursor_read(struct virtio_gpu *gpu, const struct virtq_request *request,
                                       struct gpu_cursor_command *ret_command)
{
    if (virtq_request_read(request, 0, ret_command, sizeof(*ret_command)) < sizeof(*ret_command)) {
        return NULL;
    }
    uint32_t index = GUINT32_FROM_LE(ret_command->scanout_id);
    return index < gpu->scanout_count ? &gpu->scanout[index] : NULL;
}

static void cursor_move(struct gpu_scanout *scanout, const struct gpu_cursor_command *command)
{
    display_move_cursor(scanout->display, (int32_t)GUINT32_FROM_LE(command->x),
                        (int32_t)GUINT32_FROM_LE(command->y));
}

enum gpu_answer gpu_update_cursor(struct virtio_gpu *gpu, const struct virtq_request *request,
                                  uint32_t *ret_payload)
{
    struct gpu_cursor_command command;
    struct gpu_scanout *scanout = cursor_read(gpu, request, &command);
    (void)ret_payload;
    if (scanout == NULL) {
        return GPU_BAD_SCANOUT;
    }
    cursor_move(scanout, &command);
    if (command.resource_id == 0) {
        display_set_cursor(scanout->display, NULL, 0, 0, 0, 0);
        return GPU_OK;
    }
    const struct gpu_resource *resource =
        gpu_resource_find(gpu, GUINT32_FROM_LE(command.resource_id));
    if (resource == NULL) {
        return GPU_BAD_RESOURCE;
    }
    if (resource->width > DISPLAY_CURSOR_MAX || resource->height > DISPLAY_CURSOR_MAX) {
        return GPU_BAD_PARAMETER;
    }
    display_set_cursor(scanout->display, (const uint32_t *)(const void *)resource->pixels,
                       resource->width, resource->height,
                       MIN(GUINT32_FROM_LE(command.hot_x), resource->width - 1),
                       MIN(GUINT32_FROM_LE(command.hot_y), resource->height - 1));
    return GPU_OK;
}

enum gpu_answer gpu_move_cursor(struct virtio_gpu *gpu, const struct virtq_request *request,
                                uint32_t *ret_payload)
{
    struct gpu_cursor_command command;
    struct gpu_scanout *scanout = cursor_read(gpu, request, &command);
    (void)ret_payload;
    if (scanout == NULL) {
        return GPU_BAD_SCANOUT;
    }
    cursor_move(scanout, &command);
    return GPU_OK;
}
