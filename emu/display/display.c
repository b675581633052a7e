/* Two frame buffers and the hand-over between them. `published` is the index of a frame that waits
 * for the viewer, or NONE. While it is NONE, the buffer that was not published last belongs to the
 * machine thread: the viewer gave it back by taking the other. */
#include "emu/display/display.h"

#include <assert.h>
#include <stdatomic.h>
#include <string.h>

#include <pixman.h>

#define NONE          (-1)
#define DAMAGE_MAX    64 /* rectangles; more become the one around them */
#define COLOUR_MASK   0x00ffffffu
#define DPI_DEFAULT   96
#define TENTH_MM_INCH 254
#define MM_MAX        0x7fff

struct buffer {
    struct display_frame frame;
    pixman_image_t *image; /* over `pixels`; NULL: no size yet */
    uint32_t *pixels;
    pixman_region32_t stale; /* what it lacks of the frames that went to the other one */
    struct display_rect damage[DAMAGE_MAX];
};

struct layer {
    const struct display_source_ops *ops; /* NULL: no device */
    void *opaque;
    struct display_surface surface;
    pixman_image_t *image; /* over the device's pixels; NULL: shows nothing */
};

struct display {
    struct aio_context *ctx;
    char *name;
    struct layer layer[DISPLAY_LAYERS];
    enum display_layer shown;
    struct display_cursor cursor;
    struct display_place place;
    pixman_region32_t damage; /* since the last frame that was published */
    bool changed;             /* there is something to publish, perhaps only the cursor */
    bool drawn;
    uint64_t sequence;
    struct buffer buffer[2];
    unsigned back; /* the machine's buffer while `published` is NONE */
    struct aio_bh *publish_bh, *request_bh;
    display_ready_fn *ready; /* NULL: nobody looks */
    void *ready_opaque;

    _Atomic int published;
    atomic_bool more;         /* the viewer took a frame: publish the next */
    _Atomic uint64_t request; /* packed */
};

static_assert(DISPLAY_SIDE_MAX <= UINT16_MAX, "a request is packed into 64 bits");

static uint32_t mm_at_default_dpi(uint32_t pixels)
{
    return pixels * TENTH_MM_INCH / (10 * DPI_DEFAULT);
}

/* width, height: 16 bits each; width_mm 16, height_mm 15, connected 1. */
static uint64_t request_pack(const struct display_request *request)
{
    return (uint64_t)request->width | (uint64_t)request->height << 16 |
           (uint64_t)MIN(request->width_mm, MM_MAX) << 32 |
           (uint64_t)MIN(request->height_mm, MM_MAX) << 48 | (uint64_t)request->connected << 63;
}

void display_get_request(const struct display *display, struct display_request *ret_request)
{
    uint64_t packed = atomic_load(&display->request);
    struct display_request request = {
        .connected = packed >> 63 != 0,
        .width = packed & UINT16_MAX,
        .height = packed >> 16 & UINT16_MAX,
        .width_mm = packed >> 32 & UINT16_MAX,
        .height_mm = packed >> 48 & MM_MAX,
    };
    if (request.width_mm == 0 || request.height_mm == 0) {
        request.width_mm = mm_at_default_dpi(request.width);
        request.height_mm = mm_at_default_dpi(request.height);
    }
    *ret_request = request;
}

void display_set_request(struct display *display, const struct display_request *request)
{
    assert(request->width > 0 && request->width <= DISPLAY_SIDE_MAX);
    assert(request->height > 0 && request->height <= DISPLAY_SIDE_MAX);
    uint64_t packed = request_pack(request);
    if (atomic_exchange(&display->request, packed) != packed) {
        aio_bh_schedule(display->request_bh);
    }
}

static void display_requested(void *opaque)
{
    struct display *display = opaque;
    for (unsigned i = 0; i < DISPLAY_LAYERS; i++) {
        const struct layer *layer = &display->layer[i];
        if (layer->ops != NULL && layer->ops->requested != NULL) {
            layer->ops->requested(layer->opaque);
        }
    }
}

static pixman_format_code_t format_of(enum display_format format)
{
    switch (format) {
    case DISPLAY_XRGB8888: return PIXMAN_x8r8g8b8;
    case DISPLAY_ARGB8888: return PIXMAN_x8r8g8b8; /* an output has nothing behind it */
    case DISPLAY_XBGR8888:
    case DISPLAY_ABGR8888: return PIXMAN_x8b8g8r8;
    case DISPLAY_RGBX8888:
    case DISPLAY_RGBA8888: return PIXMAN_r8g8b8x8;
    case DISPLAY_BGRX8888:
    case DISPLAY_BGRA8888: return PIXMAN_b8g8r8x8;
    case DISPLAY_RGB888: return PIXMAN_r8g8b8;
    case DISPLAY_RGB565: return PIXMAN_r5g6b5;
    }
    g_assert_not_reached();
}

static void display_publish(void *opaque);

struct display *display_new(struct aio_context *ctx, const char *name)
{
    struct display *display = g_new0(struct display, 1);
    const struct display_request request = { .width = 1024, .height = 768 };
    display->ctx = ctx;
    display->name = g_strdup(name);
    pixman_region32_init(&display->damage);
    pixman_region32_init(&display->buffer[0].stale);
    pixman_region32_init(&display->buffer[1].stale);
    display->publish_bh = aio_bh_new(ctx, "display-publish", display_publish, display);
    display->request_bh = aio_bh_new(ctx, "display-request", display_requested, display);
    atomic_init(&display->published, NONE);
    atomic_init(&display->more, false);
    atomic_init(&display->request, request_pack(&request));
    return display;
}

void display_free(struct display *display)
{
    if (display == NULL) {
        return;
    }
    for (unsigned i = 0; i < DISPLAY_LAYERS; i++) {
        display_set_surface(display, i, NULL);
    }
    aio_bh_delete(display->publish_bh);
    aio_bh_delete(display->request_bh);
    for (unsigned i = 0; i < G_N_ELEMENTS(display->buffer); i++) {
        struct buffer *buffer = &display->buffer[i];
        g_clear_pointer(&buffer->image, pixman_image_unref);
        g_free(buffer->pixels);
        pixman_region32_fini(&buffer->stale);
    }
    pixman_region32_fini(&display->damage);
    g_free(display->name);
    g_free(display);
}

const char *display_name(const struct display *display)
{
    return display->name;
}

/* Something is new for the viewer; it gets all that this pass of the loop brings at once. */
static void display_change(struct display *display)
{
    display->changed = true;
    if (display->ready != NULL) {
        aio_bh_schedule(display->publish_bh);
    }
}

/* Makes a region the whole of a picture, which may be empty. */
static void region_set_all(pixman_region32_t *region, uint32_t width, uint32_t height)
{
    pixman_region32_fini(region);
    pixman_region32_init_rect(region, 0, 0, width, height);
}

static void display_damage_all(struct display *display)
{
    const struct display_surface *surface = &display->layer[display->shown].surface;
    region_set_all(&display->damage, surface->width, surface->height);
    display_change(display);
}

void display_reset(struct display *display)
{
    for (unsigned i = 0; i < DISPLAY_LAYERS; i++) {
        display_set_surface(display, i, NULL);
    }
    display->shown = DISPLAY_BOOT;
    display->drawn = false;
    display->cursor.visible = false;
    display->place = (struct display_place){ 0 };
    display_damage_all(display);
}

void display_set_source(struct display *display, enum display_layer layer,
                        const struct display_source_ops *ops, void *opaque)
{
    assert(ops == NULL || display->layer[layer].ops == NULL);
    if (ops == NULL) {
        display_set_surface(display, layer, NULL);
    }
    display->layer[layer].ops = ops;
    display->layer[layer].opaque = opaque;
}

void display_set_surface(struct display *display, enum display_layer layer_id,
                         const struct display_surface *surface)
{
    struct layer *layer = &display->layer[layer_id];
    g_clear_pointer(&layer->image, pixman_image_unref);
    layer->surface = (struct display_surface){ 0 };
    if (surface != NULL) {
        assert(surface->width > 0 && surface->width <= DISPLAY_SIDE_MAX);
        assert(surface->height > 0 && surface->height <= DISPLAY_SIDE_MAX);
        assert(surface->stride % 4 == 0 && (uintptr_t)surface->pixels % 4 == 0);
        layer->surface = *surface;
        /* Only read: pixman has no image of constant pixels. */
        layer->image = pixman_image_create_bits_no_clear(
            format_of(surface->format), (int)surface->width, (int)surface->height,
            (uint32_t *)(uintptr_t)surface->pixels, (int)surface->stride);
        assert(layer->image != NULL);
        display->shown = MAX(display->shown, layer_id);
    }
    if (layer_id == display->shown) {
        display_damage_all(display);
    }
}

void display_damage(struct display *display, enum display_layer layer_id, struct display_rect rect)
{
    const struct display_surface *surface = &display->layer[layer_id].surface;
    int32_t left = MAX(rect.x, 0), top = MAX(rect.y, 0);
    int64_t right = MIN((int64_t)rect.x + rect.width, surface->width);
    int64_t bottom = MIN((int64_t)rect.y + rect.height, surface->height);
    if (layer_id != display->shown || left >= right || top >= bottom) {
        return;
    }
    pixman_region32_t *damage = &display->damage;
    pixman_region32_union_rect(damage, damage, left, top, (unsigned)(right - left),
                               (unsigned)(bottom - top));
    if (pixman_region32_n_rects(damage) > DAMAGE_MAX) {
        pixman_box32_t around = *pixman_region32_extents(damage);
        pixman_region32_reset(damage, &around);
    }
    display_change(display);
}

bool display_shows(const struct display *display, enum display_layer layer)
{
    return layer == display->shown && display->layer[layer].image != NULL;
}

void display_set_place(struct display *display, const struct display_place *place)
{
    if (memcmp(&display->place, place, sizeof(*place)) != 0) {
        display->place = *place;
        display_change(display);
    }
}

void display_set_cursor(struct display *display, const uint32_t *pixels, uint32_t width,
                        uint32_t height, uint32_t hot_x, uint32_t hot_y)
{
    struct display_cursor *cursor = &display->cursor;
    cursor->visible = pixels != NULL;
    if (pixels != NULL) {
        assert(width <= DISPLAY_CURSOR_MAX && height <= DISPLAY_CURSOR_MAX);
        memcpy(cursor->pixels, pixels, sizeof(*pixels) * width * height);
        cursor->width = width;
        cursor->height = height;
        cursor->hot_x = hot_x;
        cursor->hot_y = hot_y;
        cursor->serial++;
    }
    display_change(display);
}

const struct display_cursor *display_get_cursor(const struct display *display)
{
    return &display->cursor;
}

void display_move_cursor(struct display *display, int32_t x, int32_t y)
{
    display->cursor.x = x;
    display->cursor.y = y;
    display_change(display);
}

/* Gives a buffer the size of what is shown; then all of it is stale. */
static void buffer_resize(struct buffer *buffer, uint32_t width, uint32_t height)
{
    struct display_frame *frame = &buffer->frame;
    if (frame->width == width && frame->height == height) {
        return;
    }
    g_clear_pointer(&buffer->image, pixman_image_unref);
    g_clear_pointer(&buffer->pixels, g_free);
    frame->width = width;
    frame->height = height;
    frame->stride = width * 4;
    if (width != 0) {
        buffer->pixels = g_new(uint32_t, (size_t)width * height);
        buffer->image = pixman_image_create_bits_no_clear(PIXMAN_x8r8g8b8, (int)width, (int)height,
                                                          buffer->pixels, (int)frame->stride);
        assert(buffer->image != NULL);
    }
    frame->pixels = buffer->pixels;
    region_set_all(&buffer->stale, width, height);
}

static void image_copy(pixman_image_t *from, pixman_image_t *to, pixman_region32_t *region)
{
    int count;
    const pixman_box32_t *box = pixman_region32_rectangles(region, &count);
    for (int i = 0; i < count; i++) {
        pixman_image_composite32(PIXMAN_OP_SRC, from, NULL, to, box[i].x1, box[i].y1, 0, 0,
                                 box[i].x1, box[i].y1, box[i].x2 - box[i].x1,
                                 box[i].y2 - box[i].y1);
    }
}

/* Whether a pixel of the damaged part is not black. */
static bool buffer_has_light(const struct buffer *buffer)
{
    const struct display_frame *frame = &buffer->frame;
    for (unsigned i = 0; i < frame->damage_count; i++) {
        const struct display_rect *rect = &frame->damage[i];
        for (int32_t y = rect->y; y < rect->y + rect->height; y++) {
            const uint32_t *row = buffer->pixels + (size_t)y * frame->width;
            for (int32_t x = rect->x; x < rect->x + rect->width; x++) {
                if ((row[x] & COLOUR_MASK) != 0) {
                    return true;
                }
            }
        }
    }
    return false;
}

static void buffer_set_damage(struct buffer *buffer, pixman_region32_t *region)
{
    int count;
    const pixman_box32_t *box = pixman_region32_rectangles(region, &count);
    assert(count <= DAMAGE_MAX);
    for (int i = 0; i < count; i++) {
        buffer->damage[i] = (struct display_rect){ box[i].x1, box[i].y1, box[i].x2 - box[i].x1,
                                                   box[i].y2 - box[i].y1 };
    }
    buffer->frame.damage = buffer->damage;
    buffer->frame.damage_count = (unsigned)count;
}

static void frame_set_cursor(struct display_frame *frame, const struct display_cursor *cursor)
{
    struct display_cursor *copy = &frame->cursor;
    if (copy->serial != cursor->serial) {
        *copy = *cursor;
    }
    copy->visible = cursor->visible;
    copy->x = cursor->x;
    copy->y = cursor->y;
}

static void display_compose(struct display *display, struct buffer *buffer, struct buffer *other)
{
    const struct layer *layer = &display->layer[display->shown];
    buffer_resize(buffer, layer->surface.width, layer->surface.height);
    pixman_region32_union(&other->stale, &other->stale, &display->damage);
    pixman_region32_union(&buffer->stale, &buffer->stale, &display->damage);
    if (layer->image != NULL) {
        image_copy(layer->image, buffer->image, &buffer->stale);
    }
    pixman_region32_clear(&buffer->stale);
    buffer_set_damage(buffer, &display->damage);
    pixman_region32_clear(&display->damage);
    display->drawn = display->drawn || buffer_has_light(buffer);
    buffer->frame.drawn = display->drawn;
    buffer->frame.sequence = ++display->sequence;
    buffer->frame.place = display->place;
    frame_set_cursor(&buffer->frame, &display->cursor);
}

/* Whether the viewer has taken the last frame. If not, its taking brings us here again. */
static bool display_may_publish(struct display *display)
{
    if (atomic_load(&display->published) == NONE) {
        return true;
    }
    atomic_store(&display->more, true);
    return atomic_load(&display->published) == NONE; /* perhaps meanwhile */
}

static void display_publish(void *opaque)
{
    struct display *display = opaque;
    if (!display->changed || display->ready == NULL || !display_may_publish(display)) {
        return;
    }
    display->changed = false;
    unsigned back = display->back;
    display_compose(display, &display->buffer[back], &display->buffer[1 - back]);
    display->back = 1 - back;
    atomic_store(&display->published, (int)back);
    display->ready(display->ready_opaque);
}

void display_set_viewer(struct display *display, display_ready_fn *ready, void *opaque)
{
    display->ready = ready;
    display->ready_opaque = opaque;
    if (ready != NULL) {
        atomic_store(&display->published, NONE); /* what another viewer has left */
        display_damage_all(display);
    }
}

const struct display_frame *display_take(struct display *display)
{
    int front = atomic_exchange(&display->published, NONE);
    if (front == NONE) {
        return NULL;
    }
    if (atomic_exchange(&display->more, false)) {
        aio_bh_schedule(display->publish_bh);
    }
    return &display->buffer[front].frame;
}

/* One direction of display_to_desktop. */
static int32_t desktop_scaled(int32_t at, int32_t max, int32_t start, uint32_t own, uint32_t whole)
{
    int64_t scaled = ((int64_t)start * max + (int64_t)at * own) / whole;
    return (int32_t)CLAMP(scaled, 0, max);
}

void display_to_desktop(const struct display_frame *frame, int32_t max, int32_t *x, int32_t *y)
{
    const struct display_place *place = &frame->place;
    if (place->width > 0 && place->height > 0) {
        *x = desktop_scaled(*x, max, place->x, frame->width, place->width);
        *y = desktop_scaled(*y, max, place->y, frame->height, place->height);
    }
}

bool display_snapshot(struct display *display, struct display_image *ret_image)
{
    const struct layer *layer = &display->layer[display->shown];
    if (layer->image == NULL) {
        return false;
    }
    if (layer->ops != NULL && layer->ops->refresh != NULL) {
        layer->ops->refresh(layer->opaque);
    }
    uint32_t width = layer->surface.width, height = layer->surface.height;
    size_t count = (size_t)width * height;
    uint32_t *pixels = g_new(uint32_t, count);
    pixman_image_t *image = pixman_image_create_bits_no_clear(
        PIXMAN_x8r8g8b8, (int)width, (int)height, pixels, (int)(width * 4));
    assert(image != NULL);
    pixman_image_composite32(PIXMAN_OP_SRC, layer->image, NULL, image, 0, 0, 0, 0, 0, 0, (int)width,
                             (int)height);
    pixman_image_unref(image);
    for (size_t i = 0; i < count; i++) {
        pixels[i] &= COLOUR_MASK;
    }
    *ret_image = (struct display_image){ width, height, pixels };
    return true;
}
