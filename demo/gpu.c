#include "demo/gpu.h"

#include "demo/lib.h"
#include "demo/virtio.h"

#define PIXELS_MAX (3840 * 2160)
#define PIXELS_MIN (1024 * 768)
#define SIDE_MIN   64
#define SCANOUTS   16
#define EDID_SIZE  1024
#define LIMIT_US   10000000

enum gpu_command {
    GPU_GET_DISPLAY_INFO = 0x100,
    GPU_RESOURCE_CREATE = 0x101,
    GPU_RESOURCE_UNREF = 0x102,
    GPU_SET_SCANOUT = 0x103,
    GPU_FLUSH = 0x104,
    GPU_TRANSFER = 0x105,
    GPU_ATTACH_BACKING = 0x106,
    GPU_GET_EDID = 0x10a,
    GPU_OK = 0x1100,
    GPU_OK_DISPLAY_INFO = 0x1101,
    GPU_OK_EDID = 0x1104,
};
enum { GPU_F_EDID = 1 << 1, GPU_FORMAT_XRGB = 2 /* bytes B, G, R, X */ };
enum { CONFIG_EVENTS_READ = 0, CONFIG_EVENTS_CLEAR = 4, EVENT_DISPLAY = 1 };
enum { EDID_WIDTH_CM = 21, CM_IN_MM = 10 };

struct gpu_header {
    uint32_t type, flags;
    uint64_t fence;
    uint32_t context;
    uint8_t ring, padding[3];
};

struct gpu_rect {
    uint32_t x, y, width, height;
};

/* Every command that is used here, and the answers. */
union gpu_request {
    struct gpu_header header;
    struct {
        struct gpu_header header;
        uint32_t resource, format, width, height;
    } create;
    struct {
        struct gpu_header header;
        uint32_t resource, count;
        uint64_t address;
        uint32_t length, padding;
    } attach;
    struct {
        struct gpu_header header;
        struct gpu_rect rect;
        uint32_t scanout, resource;
    } scanout;
    struct {
        struct gpu_header header;
        struct gpu_rect rect;
        uint64_t offset;
        uint32_t resource, padding;
    } transfer;
    struct {
        struct gpu_header header;
        struct gpu_rect rect;
        uint32_t resource, padding;
    } flush;
    struct {
        struct gpu_header header;
        uint32_t scanout, padding;
    } edid;
    struct {
        struct gpu_header header;
        uint32_t resource, padding;
    } unref;
};

union gpu_answer {
    struct gpu_header header;
    struct {
        struct gpu_header header;
        struct {
            struct gpu_rect rect;
            uint32_t enabled, flags;
        } mode[SCANOUTS];
    } info;
    struct {
        struct gpu_header header;
        uint32_t size, padding;
        uint8_t edid[EDID_SIZE];
    } edid;
};

static struct {
    struct virtio dev;
    struct virtio_queue control;
    struct surface surface;
    unsigned pixels_max, resource; /* the resource that is shown; 0: none yet */
    unsigned width_mm;
    const char *problem;
    union gpu_request request;
    union gpu_answer answer;
} gpu;

/* Sends gpu.request, `size` bytes of it; whether the answer is of the type `wanted`. */
static bool gpu_call(enum gpu_command command, uint32_t size, enum gpu_command wanted)
{
    gpu.request.header = (struct gpu_header){ .type = command };
    gpu.answer.header.type = 0;
    const struct virtio_part parts[] = { { &gpu.request, size, false },
                                         { &gpu.answer, sizeof(gpu.answer), true } };
    return queue_call(&gpu.control, parts, COUNT(parts), LIMIT_US, NULL) &&
           gpu.answer.header.type == wanted;
}

/* What size the display wants to be; false if it does not say. */
static bool gpu_ask_size(unsigned *ret_width, unsigned *ret_height)
{
    if (!gpu_call(GPU_GET_DISPLAY_INFO, sizeof(struct gpu_header), GPU_OK_DISPLAY_INFO) ||
        !gpu.answer.info.mode[0].enabled) {
        return false;
    }
    *ret_width = MAX(gpu.answer.info.mode[0].rect.width, SIDE_MIN);
    *ret_height = MAX(gpu.answer.info.mode[0].rect.height, SIDE_MIN);
    while ((uint64_t)*ret_width * *ret_height > gpu.pixels_max) {
        *ret_width -= *ret_width / 8;
        *ret_height -= *ret_height / 8;
    }
    return true;
}

static void gpu_ask_edid(void)
{
    memset(&gpu.request, 0, sizeof(gpu.request));
    gpu.width_mm = 0;
    if (gpu_call(GPU_GET_EDID, sizeof(gpu.request.edid), GPU_OK_EDID) &&
        gpu.answer.edid.size >= 128) {
        gpu.width_mm = gpu.answer.edid.edid[EDID_WIDTH_CM] * CM_IN_MM;
    }
}

/* Has a new resource over the same memory shown, then lets the old one go. */
static bool gpu_show(unsigned width, unsigned height)
{
    unsigned old = gpu.resource, new = old == 1 ? 2 : 1;
    union gpu_request *request = &gpu.request;
    const struct gpu_rect all = { 0, 0, width, height };
    request->create.resource = new;
    request->create.format = GPU_FORMAT_XRGB;
    request->create.width = width;
    request->create.height = height;
    if (!gpu_call(GPU_RESOURCE_CREATE, sizeof(request->create), GPU_OK)) {
        return false;
    }
    request->attach.resource = new;
    request->attach.count = 1;
    request->attach.address = (uintptr_t)gpu.surface.pixels;
    request->attach.length = width * height * 4;
    request->attach.padding = 0;
    if (!gpu_call(GPU_ATTACH_BACKING, sizeof(request->attach), GPU_OK)) {
        return false;
    }
    request->scanout.rect = all;
    request->scanout.scanout = 0;
    request->scanout.resource = new;
    if (!gpu_call(GPU_SET_SCANOUT, sizeof(request->scanout), GPU_OK)) {
        return false;
    }
    gpu.resource = new;
    gpu.surface.width = (int)width;
    gpu.surface.height = (int)height;
    gpu.surface.left = gpu.surface.right = 0;
    request->unref.resource = old;
    request->unref.padding = 0;
    return old == 0 || gpu_call(GPU_RESOURCE_UNREF, sizeof(request->unref), GPU_OK);
}

/* As many pixels as there is memory for. */
static bool gpu_take_memory(void)
{
    for (unsigned pixels = PIXELS_MAX; pixels >= PIXELS_MIN; pixels -= pixels / 4) {
        gpu.surface.pixels = memory_take_raw(pixels * sizeof(uint32_t), 4096);
        if (gpu.surface.pixels) {
            gpu.pixels_max = pixels;
            return true;
        }
    }
    return false;
}

static const char *gpu_start(void)
{
    unsigned width, height;
    if (!gpu_take_memory()) {
        return "no memory for a picture";
    }
    if (!virtio_begin(&gpu.dev, GPU_F_EDID) || !virtio_add_queue(&gpu.dev, &gpu.control, 0)) {
        return "the device agrees to nothing";
    }
    virtio_go(&gpu.dev);
    if (!gpu_ask_size(&width, &height)) {
        return "no output is connected";
    }
    gpu_ask_edid();
    return gpu_show(width, height) ? NULL : "the device shows no picture";
}

bool gpu_open(void)
{
    if (!virtio_open(&gpu.dev, VIRTIO_GPU, 0)) {
        return false;
    }
    gpu.problem = gpu_start();
    return gpu.problem == NULL;
}

const char *gpu_problem(void)
{
    return gpu.problem;
}

struct surface *gpu_surface(void)
{
    return &gpu.surface;
}

unsigned gpu_width_mm(void)
{
    return gpu.width_mm;
}

bool gpu_flush(void)
{
    struct surface *shown = &gpu.surface;
    const struct gpu_rect rect = { (uint32_t)shown->left, (uint32_t)shown->top,
                                   (uint32_t)(shown->right - shown->left),
                                   (uint32_t)(shown->bottom - shown->top) };
    if (shown->left >= shown->right) {
        return true;
    }
    shown->left = shown->right = 0;
    gpu.request.transfer.rect = rect;
    gpu.request.transfer.offset = ((uint64_t)rect.y * shown->width + rect.x) * 4;
    gpu.request.transfer.resource = gpu.resource;
    gpu.request.transfer.padding = 0;
    if (!gpu_call(GPU_TRANSFER, sizeof(gpu.request.transfer), GPU_OK)) {
        return false;
    }
    gpu.request.flush.rect = rect;
    gpu.request.flush.resource = gpu.resource;
    gpu.request.flush.padding = 0;
    return gpu_call(GPU_FLUSH, sizeof(gpu.request.flush), GPU_OK);
}

bool gpu_size_changed(void)
{
    return (virtio_config(&gpu.dev, CONFIG_EVENTS_READ, 4) & EVENT_DISPLAY) != 0;
}

bool gpu_resized(void)
{
    unsigned width, height;
    virtio_set_config32(&gpu.dev, CONFIG_EVENTS_CLEAR, EVENT_DISPLAY);
    if (!gpu_ask_size(&width, &height) || ((int)width == gpu.surface.width &&
                                           (int)height == gpu.surface.height)) {
        return false;
    }
    gpu_ask_edid();
    return gpu_show(width, height);
}
