/* GPU with two dimensions. Source: VIRTIO 1.2, section 5.7. Not offered: 3D, resource UUIDs,
 * blobs, context types. Commands are carried out in the order of the queue before the next one is
 * looked at, so that every fence is done when its command is answered. */
#include "emu/virtio/gpu.h"

#include <assert.h>
#include <string.h>

enum { GPU_CONTROL, GPU_CURSOR, GPU_QUEUES };
enum { GPU_F_EDID = 1 };
enum { GPU_FLAG_FENCE = 1 };
enum { GPU_EVENT_DISPLAY = 1 };
enum { CONFIG_EVENTS_READ = 0, CONFIG_EVENTS_CLEAR = 4, CONFIG_SCANOUTS = 8, CONFIG_SIZE = 16 };

#define GPU_QUEUE_SIZE 256

static_assert(sizeof(struct gpu_header) == 24, "the header of every command");

static const struct {
    uint32_t type;
    unsigned queue;
    gpu_command_fn *fn;
} gpu_commands[] = {
    { GPU_GET_DISPLAY_INFO, GPU_CONTROL, gpu_get_display_info },
    { GPU_GET_EDID, GPU_CONTROL, gpu_get_edid },
    { GPU_CREATE_2D, GPU_CONTROL, gpu_create_2d },
    { GPU_UNREF, GPU_CONTROL, gpu_unref },
    { GPU_SET_SCANOUT, GPU_CONTROL, gpu_set_scanout },
    { GPU_FLUSH, GPU_CONTROL, gpu_flush },
    { GPU_TRANSFER_TO_HOST_2D, GPU_CONTROL, gpu_transfer_to_host_2d },
    { GPU_ATTACH_BACKING, GPU_CONTROL, gpu_attach_backing },
    { GPU_DETACH_BACKING, GPU_CONTROL, gpu_detach_backing },
    { GPU_UPDATE_CURSOR, GPU_CURSOR, gpu_update_cursor },
    { GPU_MOVE_CURSOR, GPU_CURSOR, gpu_move_cursor },
};

static gpu_command_fn *gpu_command_find(uint32_t type, unsigned queue)
{
    for (size_t i = 0; i < G_N_ELEMENTS(gpu_commands); i++) {
        if (gpu_commands[i].type == type && gpu_commands[i].queue == queue) {
            return gpu_commands[i].fn;
        }
    }
    return NULL;
}

/* Carries out one request; the answer repeats the fence. */
static bool gpu_handle(struct virtio_device *dev, struct virtqueue *queue,
                       struct virtq_request *request)
{
    struct virtio_gpu *gpu = (struct virtio_gpu *)dev;
    struct gpu_header header = { 0 }, answer = { 0 };
    uint32_t payload = 0;
    enum gpu_answer type = GPU_ERROR;
    if (virtq_request_read(request, 0, &header, sizeof(header)) == sizeof(header)) {
        gpu_command_fn *fn = gpu_command_find(GUINT32_FROM_LE(header.type), queue->index);
        type = fn != NULL ? fn(gpu, request, &payload) : GPU_ERROR;
    }
    if ((GUINT32_FROM_LE(header.flags) & GPU_FLAG_FENCE) != 0) {
        answer.flags = GUINT32_TO_LE(GPU_FLAG_FENCE);
        answer.fence_id = header.fence_id;
        answer.context_id = header.context_id;
    }
    answer.type = GUINT32_TO_LE((uint32_t)type);
    size_t written = virtq_request_write(request, 0, &answer, sizeof(answer));
    virtqueue_push(queue, request->head, (uint32_t)written + payload);
    return true;
}

static void gpu_notify(struct virtio_device *dev, unsigned index)
{
    struct virtio_gpu *gpu = (struct virtio_gpu *)dev;
    virtio_drain_queue(&dev->queue[index], &gpu->request, gpu_handle);
    virtio_notify_queue(dev, &dev->queue[index]);
}

/* A monitor came, went or wants another size. */
static void gpu_requested(void *opaque)
{
    struct virtio_gpu *gpu = opaque;
    gpu->events |= GPU_EVENT_DISPLAY;
    virtio_notify_config(&gpu->dev);
}

static uint64_t gpu_features(struct virtio_device *dev)
{
    (void)dev;
    return 1ull << GPU_F_EDID;
}

static void gpu_get_config(struct virtio_device *dev, uint8_t *config)
{
    const struct virtio_gpu *gpu = (struct virtio_gpu *)dev;
    uint32_t events = GUINT32_TO_LE(gpu->events), count = GUINT32_TO_LE(gpu->scanout_count);
    memcpy(config + CONFIG_EVENTS_READ, &events, sizeof(events));
    memcpy(config + CONFIG_SCANOUTS, &count, sizeof(count));
}

static void gpu_set_config(struct virtio_device *dev, uint32_t offset, unsigned size,
                           uint64_t value)
{
    if (offset == CONFIG_EVENTS_CLEAR && size == 4) {
        ((struct virtio_gpu *)dev)->events &= ~(uint32_t)value;
    }
}

static void gpu_reset(struct virtio_device *dev)
{
    struct virtio_gpu *gpu = (struct virtio_gpu *)dev;
    gpu_scanouts_off(gpu, NULL);
    for (uint32_t i = 0; i < gpu->scanout_count; i++) {
        display_set_cursor(gpu->scanout[i].display, NULL, 0, 0, 0, 0);
    }
    gpu_resources_clear(gpu);
    gpu->events = 0;
}

static void gpu_finish(struct virtio_device *dev)
{
    struct virtio_gpu *gpu = (struct virtio_gpu *)dev;
    for (uint32_t i = 0; i < gpu->scanout_count; i++) {
        display_set_source(gpu->scanout[i].display, DISPLAY_GPU, NULL, NULL);
    }
    g_hash_table_unref(gpu->resources);
}

const struct virtio_class virtio_gpu_class = {
    .name = "virtio-gpu",
    .id = 16,
    .queue_count = GPU_QUEUES,
    .queue_size = GPU_QUEUE_SIZE,
    .instance_size = sizeof(struct virtio_gpu),
    .config_size = CONFIG_SIZE,
    .state = gpu_state,
    .collect = gpu_collect,
    .check = gpu_check,
    .restore = gpu_restore,
    .finish = gpu_finish,
    .features = gpu_features,
    .reset = gpu_reset,
    .notify = gpu_notify,
    .get_config = gpu_get_config,
    .set_config = gpu_set_config,
};

struct virtio_device *virtio_gpu_new(const char *id, const struct device_services *services,
                                     struct display *const *displays, unsigned count,
                                     uint64_t memory_max, GError **error)
{
    static const struct display_source_ops source = { .requested = gpu_requested };
    assert(count > 0 && count <= DISPLAY_OUTPUTS_MAX);
    if (memory_max < VIRTIO_GPU_MEMORY_MIN) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                    "%s: max_hostmem must be at least %u MiB, enough for one picture", id,
                    VIRTIO_GPU_MEMORY_MIN >> 20);
        return NULL;
    }
    struct virtio_gpu *gpu = virtio_alloc(&virtio_gpu_class, id, services);
    gpu->memory_max = memory_max;
    gpu->resources = g_hash_table_new(NULL, NULL);
    gpu->scanout_count = count;
    for (unsigned i = 0; i < count; i++) {
        gpu->scanout[i].display = displays[i];
        display_set_source(displays[i], DISPLAY_GPU, &source, gpu);
    }
    return &gpu->dev;
}
