/* What the files of the virtio GPU share: private to emu/virtio/gpu*.c. Layouts and numbers are
 * those of VIRTIO 1.2, section 5.7.6; all of them little-endian. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "emu/display/display.h"
#include "emu/virtio/virtio.h"

#define GPU_BYTES_PER_PIXEL 4u /* in all formats */
#define GPU_BACKING_MAX     16384u /* stretches of guest memory behind one resource */
#define GPU_RESOURCE_COST   4096u /* what one counts besides its pixels: no guest makes too many */

enum gpu_command {
    GPU_GET_DISPLAY_INFO = 0x100, GPU_CREATE_2D, GPU_UNREF, GPU_SET_SCANOUT, GPU_FLUSH,
    GPU_TRANSFER_TO_HOST_2D, GPU_ATTACH_BACKING, GPU_DETACH_BACKING, GPU_GET_CAPSET_INFO,
    GPU_GET_CAPSET, GPU_GET_EDID,
    GPU_UPDATE_CURSOR = 0x300, GPU_MOVE_CURSOR,
};

enum gpu_answer {
    GPU_OK = 0x1100, GPU_OK_DISPLAY_INFO, GPU_OK_CAPSET_INFO, GPU_OK_CAPSET, GPU_OK_EDID,
    GPU_ERROR = 0x1200, GPU_NO_MEMORY, GPU_BAD_SCANOUT, GPU_BAD_RESOURCE, GPU_BAD_CONTEXT,
    GPU_BAD_PARAMETER,
};

struct gpu_header {
    uint32_t type;
    uint32_t flags; /* 1: fence */
    uint64_t fence_id;
    uint32_t context_id;
    uint8_t ring_index;
    uint8_t padding[3];
};

struct gpu_rect {
    uint32_t x, y, width, height;
};

/* The rectangle of a command, in our byte order. */
static inline struct gpu_rect gpu_rect_load(const struct gpu_rect *rect)
{
    return (struct gpu_rect){ GUINT32_FROM_LE(rect->x), GUINT32_FROM_LE(rect->y),
                              GUINT32_FROM_LE(rect->width), GUINT32_FROM_LE(rect->height) };
}

/* One stretch of guest memory behind a resource, checked to be RAM. */
struct gpu_stretch {
    const uint8_t *host;
    gpa_t gpa;
    uint32_t size;
};

/* A picture in our memory. */
struct gpu_resource {
    uint32_t id;
    uint32_t width, height;
    enum display_format format;
    uint8_t *pixels;
    uint64_t cost; /* bytes counted against the limit */
    struct gpu_stretch *backing; /* NULL: none */
    uint32_t backing_count;
    uint64_t backing_size;
};

struct gpu_scanout {
    struct display *display;
    struct gpu_resource *resource; /* NULL: off */
    struct gpu_rect rect;          /* the part of the resource that is shown */
};

/* Guest memory behind a resource, as it is saved. */
struct gpu_saved_stretch {
    uint64_t gpa;
    uint32_t size;
};

/* A resource, as it is saved. */
struct gpu_saved_resource {
    uint32_t id, width, height, format;
    uint8_t *pixels;
    uint32_t pixels_size;
    struct gpu_saved_stretch *backing;
    uint32_t backing_count;
};

/* What an output shows, as it is saved. */
struct gpu_saved_scanout {
    uint32_t resource_id; /* 0: off */
    uint32_t x, y, width, height;
    int32_t cursor_x, cursor_y;
    uint32_t cursor_width, cursor_height, hot_x, hot_y;
    uint32_t *cursor; /* NULL: hidden */
    uint32_t cursor_size;
};

/* The form in which all of it is saved: empty but then. */
struct gpu_saved {
    struct gpu_saved_resource *resource; /* rising by id */
    uint32_t resource_count;
    struct gpu_saved_scanout scanout[DISPLAY_OUTPUTS_MAX];
};

struct virtio_gpu {
    struct virtio_device dev;
    uint64_t memory_max, memory_used; /* bytes of all resources */
    uint32_t events;                  /* the configuration's events_read */
    GHashTable *resources;            /* id -> struct gpu_resource, owned */
    struct gpu_scanout scanout[DISPLAY_OUTPUTS_MAX];
    uint32_t scanout_count;
    struct virtq_request request; /* scratch */
    struct gpu_saved saved;
};

/* Finds a resource; NULL if there is none of that id. */
struct gpu_resource *gpu_resource_find(const struct virtio_gpu *gpu, uint32_t id);

/* Removes all resources. Nothing shows one. */
void gpu_resources_clear(struct virtio_gpu *gpu);

/* Adds a picture; NULL if there is one of that id, or it is not allowed, or there is no memory. */
struct gpu_resource *gpu_resource_new(struct virtio_gpu *gpu, uint32_t id, uint32_t width,
                                      uint32_t height, enum display_format format);

/* Puts `count` stretches behind a picture that has none; takes `backing`. */
void gpu_resource_attach(struct virtio_gpu *gpu, struct gpu_resource *resource,
                         struct gpu_stretch *backing, uint32_t count, uint64_t total);

/* What a picture counts against the limit, and what stretches behind it do. */
uint64_t gpu_resource_cost(uint32_t width, uint32_t height, uint32_t backing_count);

/* Whether pictures can have that format. */
bool gpu_format_known(enum display_format format);

/* What is saved of a GPU. */
extern const struct state_field gpu_state[];

/* Fills in the form that is saved. */
void gpu_collect(struct virtio_device *dev);

/* Whether a GPU can be like that. */
bool gpu_check(const struct virtio_device *staged, GError **error);

/* Makes pictures and outputs as they were. */
void gpu_restore(struct virtio_device *dev);

/* Shows a part of a picture, which lies within it, on an output. */
void gpu_scanout_show(struct gpu_scanout *scanout, struct gpu_resource *resource,
                      const struct gpu_rect *rect);

/* Tells the outputs where they are. The desktop is the picture that the scanouts show parts of; if
 * each has its own, nothing says how the guest has arranged them, and most place new monitors to
 * the right. */
void gpu_scanouts_place(struct virtio_gpu *gpu);

/* Whether a part, not empty, lies within the picture. */
bool gpu_resource_has(const struct gpu_resource *resource, const struct gpu_rect *rect);

/* What carries out one command: the answer's type. `request` is read at its own risk; what follows
 * the answer's header is written by the command, which says how much. */
typedef enum gpu_answer gpu_command_fn(struct virtio_gpu *gpu, const struct virtq_request *request,
                                       uint32_t *ret_payload);

/* RESOURCE_CREATE_2D. */
gpu_command_fn gpu_create_2d;
/* RESOURCE_UNREF. */
gpu_command_fn gpu_unref;
/* RESOURCE_ATTACH_BACKING. */
gpu_command_fn gpu_attach_backing;
/* RESOURCE_DETACH_BACKING. */
gpu_command_fn gpu_detach_backing;
/* TRANSFER_TO_HOST_2D. */
gpu_command_fn gpu_transfer_to_host_2d;
/* GET_DISPLAY_INFO. */
gpu_command_fn gpu_get_display_info;
/* GET_EDID. */
gpu_command_fn gpu_get_edid;
/* SET_SCANOUT. */
gpu_command_fn gpu_set_scanout;
/* RESOURCE_FLUSH. */
gpu_command_fn gpu_flush;
/* UPDATE_CURSOR. */
gpu_command_fn gpu_update_cursor;
/* MOVE_CURSOR. */
gpu_command_fn gpu_move_cursor;

/* Turns off every scanout that shows this resource (NULL: any). */
void gpu_scanouts_off(struct virtio_gpu *gpu, const struct gpu_resource *resource);
