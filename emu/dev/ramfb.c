/* QEMU's docs/specs and include/hw/display/ramfb.h describe the file: 28 bytes, big-endian. Nobody
 * says when the guest has drawn, so its rows are compared with a copy some times a second, for as
 * long as the copy is what people see. */
#include "emu/dev/ramfb.h"

#include <string.h>

#include "aio/timer.h"
#include "emu/dev/devices.h"

#define LOOK_NS      33000000  /* while it changes */
#define LOOK_IDLE_NS 100000000 /* while it does not */
#define IDLE_LOOKS   30        /* without a change, before it looks less often */

/* What the guest writes. */
struct ramfb_config {
    uint64_t address_be;
    uint32_t fourcc_be, flags_be, width_be, height_be, stride_be;
};
enum { CONFIG_SIZE = 28 };

struct ramfb {
    struct device_services services;
    struct display *display;
    struct aio_timer timer;
    uint8_t *file;        /* what the guest has written, all of it, in the fw_cfg */
    uint8_t saved[CONFIG_SIZE];
    const uint8_t *guest; /* the guest's first row; NULL: no framebuffer */
    uint32_t guest_stride;
    uint32_t row_size;    /* bytes of a row that are pixels */
    struct display_surface copy;
    uint8_t *copy_pixels;
    unsigned idle_looks;
};

static uint32_t bytes_per_pixel(uint32_t fourcc)
{
    switch (fourcc) {
    case DISPLAY_XRGB8888:
    case DISPLAY_ARGB8888:
    case DISPLAY_XBGR8888:
    case DISPLAY_ABGR8888:
    case DISPLAY_RGBX8888:
    case DISPLAY_RGBA8888:
    case DISPLAY_BGRX8888:
    case DISPLAY_BGRA8888: return 4;
    case DISPLAY_RGB888: return 3;
    case DISPLAY_RGB565: return 2;
    default: return 0;
    }
}

/* Copies rows that differ and tells of them; true if there were any. */
static bool ramfb_compare(struct ramfb *ramfb)
{
    const struct display_surface *copy = &ramfb->copy;
    bool changed = false;
    for (uint32_t y = 0; y < copy->height; y++) {
        const uint8_t *from = ramfb->guest + (size_t)ramfb->guest_stride * y;
        uint8_t *to = ramfb->copy_pixels + (size_t)copy->stride * y;
        if (memcmp(from, to, ramfb->row_size) != 0) {
            memcpy(to, from, ramfb->row_size);
            display_damage(ramfb->display, DISPLAY_BOOT,
                           (struct display_rect){ 0, (int32_t)y, (int32_t)copy->width, 1 });
            changed = true;
        }
    }
    return changed;
}

static void ramfb_refresh(void *opaque)
{
    struct ramfb *ramfb = opaque;
    if (ramfb->guest != NULL) {
        ramfb_compare(ramfb);
    }
}

static void ramfb_look(void *opaque)
{
    struct ramfb *ramfb = opaque;
    if (!display_shows(ramfb->display, DISPLAY_BOOT)) {
        return; /* a GPU has taken over */
    }
    ramfb->idle_looks = ramfb_compare(ramfb) ? 0 : ramfb->idle_looks + 1;
    int64_t pause_ns = ramfb->idle_looks > IDLE_LOOKS ? LOOK_IDLE_NS : LOOK_NS;
    struct aio_clock *clock = ramfb->services.virtual_clock;
    timer_mod(&ramfb->timer, aio_clock_now_ns(clock) + pause_ns);
}

static void ramfb_hide(struct ramfb *ramfb)
{
    timer_del(&ramfb->timer);
    display_set_surface(ramfb->display, DISPLAY_BOOT, NULL);
    g_clear_pointer(&ramfb->copy_pixels, g_free);
    ramfb->guest = NULL;
}

/* Checks what the guest wrote; the framebuffer lies in its memory, all of it, or nowhere. */
static bool ramfb_parse(struct ramfb *ramfb, const struct ramfb_config *config)
{
    uint32_t fourcc = GUINT32_FROM_BE(config->fourcc_be);
    uint32_t width = GUINT32_FROM_BE(config->width_be);
    uint32_t height = GUINT32_FROM_BE(config->height_be);
    uint32_t stride = GUINT32_FROM_BE(config->stride_be);
    uint32_t pixel = bytes_per_pixel(fourcc);
    if (pixel == 0 || width == 0 || width > DISPLAY_SIDE_MAX || height == 0 ||
        height > DISPLAY_SIDE_MAX) {
        return false;
    }
    ramfb->row_size = width * pixel;
    ramfb->guest_stride = stride != 0 ? stride : ramfb->row_size;
    if (ramfb->guest_stride < ramfb->row_size) {
        return false;
    }
    uint64_t size = (uint64_t)ramfb->guest_stride * (height - 1) + ramfb->row_size;
    ramfb->guest =
        dma_map(ramfb->services.bus, GUINT64_FROM_BE(config->address_be), size, false);
    ramfb->copy = (struct display_surface){
        .width = width,
        .height = height,
        .stride = (ramfb->row_size + 3) & ~3u,
        .format = (enum display_format)fourcc,
    };
    return ramfb->guest != NULL;
}

/* The guest has written the file. */
static void ramfb_written(void *opaque, const uint8_t *data)
{
    struct ramfb *ramfb = opaque;
    struct ramfb_config config;
    memcpy(&config, data, CONFIG_SIZE);
    ramfb_hide(ramfb);
    if (!ramfb_parse(ramfb, &config)) {
        ramfb->guest = NULL;
        return;
    }
    ramfb->copy_pixels = g_try_malloc0((size_t)ramfb->copy.stride * ramfb->copy.height);
    if (ramfb->copy_pixels == NULL) {
        ramfb->guest = NULL;
        return;
    }
    ramfb->copy.pixels = ramfb->copy_pixels;
    ramfb->idle_looks = 0;
    display_set_surface(ramfb->display, DISPLAY_BOOT, &ramfb->copy);
    ramfb_look(ramfb);
}

struct ramfb *ramfb_new(const struct device_services *services, struct device *fw_cfg,
                        struct display *display, GError **error)
{
    static const struct display_source_ops source = { .refresh = ramfb_refresh };
    struct ramfb *ramfb = g_new0(struct ramfb, 1);
    ramfb->services = *services;
    ramfb->display = display;
    ramfb->file =
        fw_cfg_add_writable(fw_cfg, "etc/ramfb", CONFIG_SIZE, ramfb_written, ramfb, error);
    if (ramfb->file == NULL) {
        g_free(ramfb);
        return NULL;
    }
    timer_init(&ramfb->timer, services->ctx, services->virtual_clock, "ramfb", ramfb_look, ramfb);
    display_set_source(display, DISPLAY_BOOT, &source, ramfb);
    return ramfb;
}

static void ramfb_collect(void *base)
{
    struct ramfb *ramfb = base;
    memcpy(ramfb->saved, ramfb->file, CONFIG_SIZE);
}

/* As if the guest wrote it once more: zeros show nothing. */
static void ramfb_restore(void *base)
{
    struct ramfb *ramfb = base;
    memcpy(ramfb->file, ramfb->saved, CONFIG_SIZE);
    ramfb_written(ramfb, ramfb->file);
}

void ramfb_add_part(struct ramfb *ramfb, GPtrArray *parts)
{
    static const struct state_field fields[] = {
        STATE_FIELD(struct ramfb, saved, RESET),
        { 0 },
    };
    parts_add(parts, &(struct state_part){
        .id = g_strdup("ramfb"),
        .kind = "ramfb",
        .fields = fields,
        .base = ramfb,
        .size = sizeof(*ramfb),
        .collect = ramfb_collect,
        .restore = ramfb_restore,
    });
}

void ramfb_reset(struct ramfb *ramfb)
{
    ramfb_hide(ramfb);
}

void ramfb_free(struct ramfb *ramfb)
{
    if (ramfb != NULL) {
        ramfb_hide(ramfb);
        display_set_source(ramfb->display, DISPLAY_BOOT, NULL, NULL);
        g_free(ramfb);
    }
}
