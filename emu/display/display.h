/*
 * One output of the guest: what it shows, its cursor, and the size that its viewer would like.
 *
 * Two sides. The *guest side* (devices) is called with the machine lock held. The *viewer's side*
 * is one thread of the viewer's choice; it takes composed frames, and posts wishes back. Neither
 * waits for the other: of two frame buffers the viewer owns the one it shows, the machine thread
 * the other, and each hands its own over with one atomic exchange. A frame is composed only after
 * the viewer has taken the one before, so an output costs no more than its viewer can use, and
 * nothing without a viewer. Pixels everywhere: 32 bits, host order, 0xXXRRGGBB.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "aio/context.h"

struct display;

#define DISPLAY_OUTPUTS_MAX 16
#define DISPLAY_SIDE_MAX    16384 /* pixels of width or height */
#define DISPLAY_CURSOR_MAX  64

/* Formats of surfaces, by DRM's names and codes: the letters from the highest bit down. */
#define DISPLAY_FOURCC(a, b, c, d) \
    ((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16 | (uint32_t)(d) << 24)
enum display_format {
    DISPLAY_XRGB8888 = DISPLAY_FOURCC('X', 'R', '2', '4'),
    DISPLAY_ARGB8888 = DISPLAY_FOURCC('A', 'R', '2', '4'),
    DISPLAY_XBGR8888 = DISPLAY_FOURCC('X', 'B', '2', '4'),
    DISPLAY_ABGR8888 = DISPLAY_FOURCC('A', 'B', '2', '4'),
    DISPLAY_RGBX8888 = DISPLAY_FOURCC('R', 'X', '2', '4'),
    DISPLAY_RGBA8888 = DISPLAY_FOURCC('R', 'A', '2', '4'),
    DISPLAY_BGRX8888 = DISPLAY_FOURCC('B', 'X', '2', '4'),
    DISPLAY_BGRA8888 = DISPLAY_FOURCC('B', 'A', '2', '4'),
    DISPLAY_RGB888 = DISPLAY_FOURCC('R', 'G', '2', '4'),
    DISPLAY_RGB565 = DISPLAY_FOURCC('R', 'G', '1', '6'),
};

/* Who draws. Once the GPU has shown something, the boot framebuffer stays hidden until reset. */
enum display_layer { DISPLAY_BOOT, DISPLAY_GPU, DISPLAY_LAYERS };

/* Pixels of a device; they stay its own. */
struct display_surface {
    uint32_t width, height; /* 1 to DISPLAY_SIDE_MAX */
    uint32_t stride;        /* bytes from row to row, a multiple of 4 */
    enum display_format format;
    const uint8_t *pixels;  /* aligned to 4 bytes */
};

/* A part of an output, in pixels. */
struct display_rect {
    int32_t x, y;
    int32_t width, height;
};

/* The pointer's picture, drawn over the frame by whoever shows it. */
struct display_cursor {
    bool visible;
    int32_t x, y;           /* of its top left corner; may lie outside the frame */
    uint32_t width, height; /* at most DISPLAY_CURSOR_MAX */
    uint32_t hot_x, hot_y;  /* where it points, from its corner */
    uint32_t serial;        /* changes with the picture */
    uint32_t pixels[DISPLAY_CURSOR_MAX * DISPLAY_CURSOR_MAX]; /* 0xAARRGGBB, premultiplied */
};

/* Where an output lies on the guest's desktop. */
struct display_place {
    int32_t x, y;           /* of its top left corner, in pixels */
    uint32_t width, height; /* of the desktop; 0: the output is all of it */
};

/* What a viewer shows. */
struct display_frame {
    uint64_t sequence;             /* counts from 1 */
    uint32_t width, height;        /* 0: the guest shows nothing here */
    uint32_t stride;               /* bytes */
    const uint32_t *pixels;
    const struct display_rect *damage; /* what differs from the frame before */
    unsigned damage_count;
    bool drawn; /* since the last reset some pixel was not black */
    struct display_place place;
    struct display_cursor cursor;
};

/* What a viewer would like the guest to do. */
struct display_request {
    bool connected;               /* a monitor is plugged in */
    uint32_t width, height;       /* pixels, 1 to DISPLAY_SIDE_MAX */
    uint32_t width_mm, height_mm; /* of the picture; 0: as at 96 dots an inch */
};

/* A copy of what an output shows; free `pixels` with g_free. */
struct display_image {
    uint32_t width, height; /* rows follow each other without gaps */
    uint32_t *pixels;       /* the highest byte is 0 */
};

/* What a device offers the output that it draws on. */
struct display_source_ops {
    /* Says by display_damage what changed, if the device does not say so by itself. Optional. */
    void (*refresh)(void *opaque);
    /* The viewer's request has changed: display_get_request. Optional. */
    void (*requested)(void *opaque);
};

/* Called with the machine lock held when display_take would give a frame; must be quick. */
typedef void display_ready_fn(void *opaque);

/* Makes an output that shows nothing. `name` is for people ("Screen 1"); it is copied. */
struct display *display_new(struct aio_context *ctx, const char *name);

/* Frees it; accepts NULL. Sources and viewer are gone or touch it no more. */
void display_free(struct display *display);

/* What it is called. Any thread. */
const char *display_name(const struct display *display);

/* Back to the state before any guest ran; what sources show is forgotten. Guest side. */
void display_reset(struct display *display);

/* Joins a device to the output, or takes it away (`ops` NULL). Guest side, or before it runs. */
void display_set_source(struct display *display, enum display_layer layer,
                        const struct display_source_ops *ops, void *opaque);

/* Shows a surface, whole; NULL shows nothing on this layer. The pixels stay valid until the next
 * call for the same layer or display_reset. Guest side. */
void display_set_surface(struct display *display, enum display_layer layer,
                         const struct display_surface *surface);

/* Pixels of the layer's surface have changed; cut to its size. Guest side. */
void display_damage(struct display *display, enum display_layer layer, struct display_rect rect);

/* Whether this layer is the one that is seen. Guest side. */
bool display_shows(const struct display *display, enum display_layer layer);

/* Says where the output lies among the others; forgotten by display_reset. Guest side. */
void display_set_place(struct display *display, const struct display_place *place);

/* Changes the cursor's picture: at most DISPLAY_CURSOR_MAX wide and high, 0xAARRGGBB
 * premultiplied; NULL hides it. Guest side. */
void display_set_cursor(struct display *display, const uint32_t *pixels, uint32_t width,
                        uint32_t height, uint32_t hot_x, uint32_t hot_y);

/* The cursor as the guest has set it, for saving it. Guest side. */
const struct display_cursor *display_get_cursor(const struct display *display);

/* Moves the cursor's top left corner. Guest side. */
void display_move_cursor(struct display *display, int32_t x, int32_t y);

/* What the viewer last asked for; `width_mm` and `height_mm` filled in. Any thread. */
void display_get_request(const struct display *display, struct display_request *ret_request);

/* A copy of what is shown now, without the cursor; false when nothing is. Guest side. */
bool display_snapshot(struct display *display, struct display_image *ret_image);

/* Sets who is told of new frames; the first one comes whole. NULL: nobody looks any more; frames
 * taken stay valid. Guest side, or before the machine runs. */
void display_set_viewer(struct display *display, display_ready_fn *ready, void *opaque);

/* The next frame, or NULL if there is nothing new. It stays valid and unchanged until this
 * function gives the next one. The viewer's thread; never waits. */
const struct display_frame *display_take(struct display *display);

/* From a place on an output to one on the guest's desktop: 0 is the left or top edge of either,
 * `max` the other one. */
void display_to_desktop(const struct display_frame *frame, int32_t max, int32_t *x, int32_t *y);

/* Asks the guest for a size; it may or may not follow. Any thread; never waits. */
void display_set_request(struct display *display, const struct display_request *request);
