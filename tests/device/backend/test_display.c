/* Goal: a viewer that looks rarely, often or never sees every pixel right and holds nobody up. */
#include <stdatomic.h>
#include <string.h>

#include <glib.h>

#include "emu/display/display.h"
#include "platform/thread.h"

#define WIDTH  40u
#define HEIGHT 30u

static struct aio_context *ctx;
static struct display *display;
static uint32_t pixels[WIDTH * HEIGHT];
static unsigned ready_count, requested_count, refresh_count;

static void on_ready(void *opaque)
{
    (void)opaque;
    ready_count++;
}

static void on_requested(void *opaque)
{
    (void)opaque;
    requested_count++;
}

static void on_refresh(void *opaque)
{
    (void)opaque;
    refresh_count++;
}

static const struct display_source_ops source = { .refresh = on_refresh,
                                                  .requested = on_requested };

static void settle(void)
{
    while (aio_poll(ctx, false)) {
    }
}

static void show(enum display_layer layer, const uint32_t *data, uint32_t width, uint32_t height)
{
    const struct display_surface surface = { width, height, 4 * width, DISPLAY_XRGB8888,
                                             (const uint8_t *)data };
    display_set_surface(display, layer, &surface);
    settle();
}

static void setup(void)
{
    g_autoptr(GError) error = NULL;
    ctx = aio_context_new("test", &error);
    g_assert_no_error(error);
    display = display_new(ctx, "Screen 1");
    display_set_source(display, DISPLAY_GPU, &source, NULL);
    ready_count = requested_count = refresh_count = 0;
    memset(pixels, 0, sizeof(pixels));
}

static void teardown(void)
{
    display_free(display);
    while (aio_poll(ctx, false)) {
    }
    aio_context_unref(ctx);
}

static void fill(uint32_t *data, uint32_t stride, struct display_rect rect, uint32_t colour)
{
    for (int32_t y = rect.y; y < rect.y + rect.height; y++) {
        for (int32_t x = rect.x; x < rect.x + rect.width; x++) {
            data[(uint32_t)y * stride + (uint32_t)x] = colour;
        }
    }
}

static void draw(struct display_rect rect, uint32_t colour)
{
    fill(pixels, WIDTH, rect, colour);
    display_damage(display, DISPLAY_GPU, rect);
}

static void expect_pixels(const struct display_frame *frame)
{
    g_assert_cmpuint(frame->width, ==, WIDTH);
    g_assert_cmpuint(frame->height, ==, HEIGHT);
    g_assert_cmpmem(frame->pixels, sizeof(pixels), pixels, sizeof(pixels));
}

static void test_first_frame_is_whole(void)
{
    setup();
    show(DISPLAY_GPU, pixels, WIDTH, HEIGHT);
    g_assert_null(display_take(display));
    display_set_viewer(display, on_ready, NULL);
    settle();
    g_assert_cmpuint(ready_count, ==, 1);
    const struct display_frame *frame = display_take(display);
    expect_pixels(frame);
    g_assert_cmpuint(frame->damage_count, ==, 1);
    g_assert_cmpint(frame->damage[0].width, ==, WIDTH);
    g_assert_cmpint(frame->damage[0].height, ==, HEIGHT);
    g_assert_false(frame->drawn);
    g_assert_null(display_take(display));
    teardown();
}

/* A viewer that keeps its own picture and looks at nothing but damage. */
static bool viewer_merge(uint32_t *seen)
{
    const struct display_frame *frame = display_take(display);
    for (unsigned k = 0; frame != NULL && k < frame->damage_count; k++) {
        const struct display_rect *rect = &frame->damage[k];
        for (int32_t row = rect->y; row < rect->y + rect->height; row++) {
            size_t at = (size_t)row * WIDTH + (size_t)rect->x;
            memcpy(seen + at, frame->pixels + at, 4 * (size_t)rect->width);
        }
    }
    return frame != NULL;
}

static void test_damage_is_complete(void)
{
    static uint32_t seen[WIDTH * HEIGHT];
    g_autoptr(GRand) random = g_rand_new_with_seed(7);
    setup();
    display_set_viewer(display, on_ready, NULL);
    show(DISPLAY_GPU, pixels, WIDTH, HEIGHT);
    for (unsigned i = 0; i < 2000; i++) {
        int32_t x = g_rand_int_range(random, 0, WIDTH), y = g_rand_int_range(random, 0, HEIGHT);
        draw((struct display_rect){ x, y, g_rand_int_range(random, 1, (int)WIDTH - x + 1),
                                    g_rand_int_range(random, 1, (int)HEIGHT - y + 1) },
             g_rand_int(random));
        if (g_rand_boolean(random)) {
            settle();
        }
        if (g_rand_int_range(random, 0, 3) == 0) {
            viewer_merge(seen);
        }
    }
    do {
        settle();
    } while (viewer_merge(seen));
    g_assert_cmpmem(seen, sizeof(seen), pixels, sizeof(pixels));
    teardown();
}

static void test_held_frame_does_not_change(void)
{
    setup();
    display_set_viewer(display, on_ready, NULL);
    show(DISPLAY_GPU, pixels, WIDTH, HEIGHT);
    const struct display_frame *frame = display_take(display);
    for (unsigned i = 1; i < 10; i++) {
        draw((struct display_rect){ 0, 0, WIDTH, HEIGHT }, i);
        settle();
        g_assert_cmpuint(frame->pixels[0], ==, 0);
    }
    g_assert_cmpuint(ready_count, ==, 2); /* the second one still waits for the viewer */
    g_assert_cmpuint(display_take(display)->pixels[0], ==, 1);
    settle();
    g_assert_cmpuint(ready_count, ==, 3);
    frame = display_take(display);
    g_assert_cmpuint(frame->pixels[0], ==, 9);
    g_assert_true(frame->drawn);
    teardown();
}

static void test_formats(void)
{
    static const struct {
        enum display_format format;
        uint8_t bytes[4];
    } rows[] = {
        { DISPLAY_XRGB8888, { 3, 2, 1, 0 } },   { DISPLAY_ARGB8888, { 3, 2, 1, 9 } },
        { DISPLAY_XBGR8888, { 1, 2, 3, 0 } },   { DISPLAY_ABGR8888, { 1, 2, 3, 9 } },
        { DISPLAY_RGBX8888, { 0, 3, 2, 1 } },   { DISPLAY_RGBA8888, { 9, 3, 2, 1 } },
        { DISPLAY_BGRX8888, { 0, 1, 2, 3 } },   { DISPLAY_BGRA8888, { 9, 1, 2, 3 } },
        { DISPLAY_RGB888, { 3, 2, 1 } },
    };
    setup();
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        struct display_image image;
        uint32_t word;
        memcpy(&word, rows[i].bytes, sizeof(word));
        const struct display_surface surface = { 1, 1, 4, rows[i].format, (uint8_t *)&word };
        display_set_surface(display, DISPLAY_GPU, &surface);
        g_assert_true(display_snapshot(display, &image));
        g_assert_cmphex(image.pixels[0], ==, 0x010203);
        g_free(image.pixels);
        display_set_surface(display, DISPLAY_GPU, NULL);
    }
    g_assert_cmpuint(refresh_count, ==, G_N_ELEMENTS(rows));
    teardown();
}

static void test_layers(void)
{
    static const uint32_t boot[4] = { 1, 1, 1, 1 }, gpu[1] = { 2 };
    struct display_image image;
    setup();
    g_assert_false(display_snapshot(display, &image));
    show(DISPLAY_BOOT, boot, 2, 2);
    g_assert_true(display_shows(display, DISPLAY_BOOT));
    show(DISPLAY_GPU, gpu, 1, 1);
    g_assert_true(display_shows(display, DISPLAY_GPU));
    show(DISPLAY_BOOT, boot, 2, 2);
    g_assert_false(display_shows(display, DISPLAY_BOOT));
    display_set_surface(display, DISPLAY_GPU, NULL); /* the screen is off, not back in time */
    g_assert_false(display_snapshot(display, &image));
    display_reset(display);
    show(DISPLAY_BOOT, boot, 2, 2);
    g_assert_true(display_snapshot(display, &image));
    g_assert_cmpuint(image.width, ==, 2);
    g_free(image.pixels);
    teardown();
}

static void test_sizes_come_and_go(void)
{
    static const uint32_t small[6] = { 5, 5, 5, 5, 5, 5 };
    setup();
    display_set_viewer(display, on_ready, NULL);
    settle();
    g_assert_cmpuint(display_take(display)->width, ==, 0);
    for (unsigned i = 0; i < 5; i++) {
        show(DISPLAY_GPU, pixels, WIDTH, HEIGHT);
        expect_pixels(display_take(display));
        show(DISPLAY_GPU, small, 3, 2);
        const struct display_frame *frame = display_take(display);
        g_assert_cmpuint(frame->height, ==, 2);
        g_assert_cmpmem(frame->pixels, sizeof(small), small, sizeof(small));
        display_set_surface(display, DISPLAY_GPU, NULL);
        settle();
        frame = display_take(display);
        g_assert_cmpuint(frame->width, ==, 0);
        g_assert_cmpuint(frame->damage_count, ==, 0);
    }
    teardown();
}

static void test_damage_outside(void)
{
    setup();
    show(DISPLAY_GPU, pixels, WIDTH, HEIGHT);
    display_set_viewer(display, on_ready, NULL);
    settle();
    display_take(display);
    display_damage(display, DISPLAY_GPU, (struct display_rect){ INT32_MAX, 0, INT32_MAX, 1 });
    display_damage(display, DISPLAY_GPU, (struct display_rect){ INT32_MIN, 0, 5, 5 });
    display_damage(display, DISPLAY_BOOT, (struct display_rect){ 0, 0, 5, 5 });
    display_damage(display, DISPLAY_GPU, (struct display_rect){ 0, 0, 0, 5 });
    settle();
    g_assert_null(display_take(display));
    display_damage(display, DISPLAY_GPU, (struct display_rect){ -3, -3, INT32_MAX, INT32_MAX });
    settle();
    expect_pixels(display_take(display));
    teardown();
}

static void test_cursor(void)
{
    static const uint32_t arrow[4] = { 0xff000001, 2, 3, 4 };
    setup();
    show(DISPLAY_GPU, pixels, WIDTH, HEIGHT);
    display_set_viewer(display, on_ready, NULL);
    settle();
    const struct display_frame *frame = display_take(display);
    g_assert_false(frame->cursor.visible);
    display_set_cursor(display, arrow, 2, 2, 1, 0);
    display_move_cursor(display, -1, 7);
    settle();
    frame = display_take(display);
    g_assert_cmpuint(frame->damage_count, ==, 0);
    g_assert_true(frame->cursor.visible);
    g_assert_cmpint(frame->cursor.x, ==, -1);
    g_assert_cmpmem(frame->cursor.pixels, sizeof(arrow), arrow, sizeof(arrow));
    uint32_t serial = frame->cursor.serial;
    display_move_cursor(display, 3, 3);
    settle();
    frame = display_take(display);
    g_assert_cmpint(frame->cursor.x, ==, 3);
    g_assert_cmpuint(frame->cursor.serial, ==, serial);
    g_assert_cmpmem(frame->cursor.pixels, sizeof(arrow), arrow, sizeof(arrow));
    display_set_cursor(display, NULL, 0, 0, 0, 0);
    settle();
    g_assert_false(display_take(display)->cursor.visible);
    teardown();
}

static void expect_on_desktop(const struct display_frame *frame, int32_t x, int32_t y,
                              int32_t wanted_x, int32_t wanted_y)
{
    display_to_desktop(frame, 1000, &x, &y);
    g_assert_cmpint(x, ==, wanted_x);
    g_assert_cmpint(y, ==, wanted_y);
}

static void test_place(void)
{
    setup();
    show(DISPLAY_GPU, pixels, WIDTH, HEIGHT);
    display_set_viewer(display, on_ready, NULL);
    settle();
    const struct display_frame *frame = display_take(display);
    expect_on_desktop(frame, 0, 1000, 0, 1000);
    expect_on_desktop(frame, 123, 456, 123, 456);
    const struct display_place right = { WIDTH, 0, 4 * WIDTH, 2 * HEIGHT };
    display_set_place(display, &right);
    settle();
    g_assert_cmpuint(ready_count, ==, 2);
    frame = display_take(display);
    g_assert_cmpuint(frame->damage_count, ==, 0);
    expect_on_desktop(frame, 0, 0, 250, 0);
    expect_on_desktop(frame, 1000, 1000, 500, 500);
    display_set_place(display, &right);
    settle();
    g_assert_null(display_take(display));
    display_reset(display);
    show(DISPLAY_GPU, pixels, WIDTH, HEIGHT);
    expect_on_desktop(display_take(display), 1000, 0, 1000, 0);
    teardown();
}

static void test_requests(void)
{
    struct display_request got;
    setup();
    display_get_request(display, &got);
    g_assert_false(got.connected);
    display_set_request(display, &(struct display_request){ true, 1920, 1080, 0, 0 });
    settle();
    g_assert_cmpuint(requested_count, ==, 1);
    display_get_request(display, &got);
    g_assert_true(got.connected);
    g_assert_cmpuint(got.width_mm, ==, 508); /* 20 inches */
    display_set_request(display, &(struct display_request){ true, 1920, 1080, 0, 0 });
    settle();
    g_assert_cmpuint(requested_count, ==, 1);
    display_set_request(display, &(struct display_request){ true, DISPLAY_SIDE_MAX, 1, 40000, 9 });
    display_get_request(display, &got);
    g_assert_cmpuint(got.width, ==, DISPLAY_SIDE_MAX);
    g_assert_cmpuint(got.height, ==, 1);
    g_assert_cmpuint(got.width_mm, ==, 32767);
    g_assert_cmpuint(got.height_mm, ==, 9);
    teardown();
}

struct looker {
    atomic_bool stop;
    unsigned frames;
};

/* Each frame is of one colour: a torn one is seen at once. */
static void looker_run(void *opaque)
{
    struct looker *looker = opaque;
    uint64_t last = 0;
    while (!atomic_load(&looker->stop)) {
        const struct display_frame *frame = display_take(display);
        if (frame == NULL) {
            host_thread_yield();
            continue;
        }
        g_assert_cmpuint(frame->sequence, ==, last + 1);
        last = frame->sequence;
        looker->frames++;
        for (unsigned i = 1; i < frame->width * frame->height; i++) {
            g_assert_cmphex(frame->pixels[i], ==, frame->pixels[0]);
        }
    }
}

static void test_other_thread(void)
{
    g_autoptr(GError) error = NULL;
    struct looker looker = { .stop = false };
    setup();
    display_set_viewer(display, on_ready, NULL);
    show(DISPLAY_GPU, pixels, WIDTH, HEIGHT);
    struct host_thread *thread = host_thread_new("viewer", looker_run, &looker, &error);
    g_assert_no_error(error);
    for (uint32_t i = 1; i <= 4000; i++) {
        draw((struct display_rect){ 0, 0, WIDTH, HEIGHT }, i);
        settle();
    }
    atomic_store(&looker.stop, true);
    host_thread_join(thread);
    settle();
    while (display_take(display) != NULL) { /* the last colour arrives, by itself */
        settle();
        looker.frames++;
    }
    g_assert_cmpuint(looker.frames, ==, ready_count);
    teardown();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/display/first-frame", test_first_frame_is_whole);
    g_test_add_func("/display/damage", test_damage_is_complete);
    g_test_add_func("/display/held-frame", test_held_frame_does_not_change);
    g_test_add_func("/display/formats", test_formats);
    g_test_add_func("/display/layers", test_layers);
    g_test_add_func("/display/sizes", test_sizes_come_and_go);
    g_test_add_func("/display/outside", test_damage_outside);
    g_test_add_func("/display/cursor", test_cursor);
    g_test_add_func("/display/place", test_place);
    g_test_add_func("/display/requests", test_requests);
    g_test_add_func("/display/thread", test_other_thread);
    return g_test_run();
}
