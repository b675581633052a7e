/* Goal: a guest's pictures are shown as it drew them; no command of it reaches anything else. */
#include <string.h>

#include <glib.h>

#include "emu/display/edid.h"
#include "emu/virtio/gpu.h"
#include "tests/device/virtio/driver.h"

#define CONFIG     0x100
#define OUTPUTS    2u
#define MEMORY_MAX (64u << 20)

enum { CONTROL, CURSOR };

static struct driver d;
static struct display *display[OUTPUTS];
static gpa_t command_at, answer_at, backing;

static void setup(void)
{
    g_autoptr(GError) error = NULL;
    driver_init(&d);
    for (unsigned i = 0; i < OUTPUTS; i++) {
        display[i] = display_new(d.ctx, "screen");
    }
    display_set_request(display[0], &(struct display_request){ .connected = true, .width = 1024,
                                                               .height = 768 });
    struct virtio_device *dev =
        virtio_gpu_new("gpu0", &d.services, display, OUTPUTS, MEMORY_MAX, &error);
    g_assert_no_error(error);
    driver_plug(&d, dev);
    driver_start(&d, UINT64_MAX, 64);
    driver_poll(&d);
    command_at = driver_alloc(&d, 8192, 8);
    answer_at = driver_alloc(&d, 8192, 8);
    backing = driver_alloc(&d, 65536, 4);
}

static void finish(void)
{
    driver_unplug(&d);
    for (unsigned i = 0; i < OUTPUTS; i++) {
        display_free(display[i]);
    }
    driver_finish(&d);
}

/* Sends a command of 32-bit words behind its header; returns the type of the answer. */
static uint32_t send_on(unsigned queue, uint32_t type, const uint32_t *words, unsigned count)
{
    struct gpu_header header = { .type = type, .flags = 1, .fence_id = 7, .context_id = 9 };
    uint16_t head;
    uint32_t size;
    memcpy(driver_at(&d, command_at), &header, sizeof(header));
    if (count > 0) {
        memcpy(driver_at(&d, command_at) + sizeof(header), words, 4 * count);
    }
    const struct driver_segment segments[] = {
        { command_at, (uint32_t)sizeof(header) + 4 * count, false }, { answer_at, 2048, true }
    };
    driver_add(&d, queue, segments, 2);
    driver_kick(&d, queue);
    driver_wait_used(&d, queue, &head, &size);
    memcpy(&header, driver_at(&d, answer_at), sizeof(header));
    g_assert_cmpuint(size, >=, sizeof(header));
    g_assert_cmpuint(header.flags, ==, 1); /* the fence comes back */
    g_assert_cmpuint(header.fence_id, ==, 7);
    g_assert_cmpuint(header.context_id, ==, 9);
    driver_poll(&d);
    return header.type;
}

#define SEND(type, ...)                                                                            \
    send_on(CONTROL, type, (const uint32_t[]){ __VA_ARGS__ },                                      \
            sizeof((const uint32_t[]){ __VA_ARGS__ }) / 4)
#define SEND_CURSOR(type, ...)                                                                     \
    send_on(CURSOR, type, (const uint32_t[]){ __VA_ARGS__ },                                       \
            sizeof((const uint32_t[]){ __VA_ARGS__ }) / 4)

static uint32_t create(uint32_t id, uint32_t width, uint32_t height)
{
    return SEND(GPU_CREATE_2D, id, 2, width, height);
}

/* A resource whose backing is `backing`, in one piece. */
static void make(uint32_t id, uint32_t width, uint32_t height)
{
    g_assert_cmphex(create(id, width, height), ==, GPU_OK);
    g_assert_cmphex(SEND(GPU_ATTACH_BACKING, id, 1, (uint32_t)backing, 0, 65536, 0), ==, GPU_OK);
}

static uint32_t transfer(uint32_t id, struct gpu_rect rect, uint32_t offset)
{
    return SEND(GPU_TRANSFER_TO_HOST_2D, rect.x, rect.y, rect.width, rect.height, offset, 0, id, 0);
}

static uint32_t scanout(uint32_t index, uint32_t id, struct gpu_rect rect)
{
    return SEND(GPU_SET_SCANOUT, rect.x, rect.y, rect.width, rect.height, index, id);
}

static uint32_t flush(uint32_t id, struct gpu_rect rect)
{
    return SEND(GPU_FLUSH, rect.x, rect.y, rect.width, rect.height, id, 0);
}

/* The guest's picture at `backing`: pixel n is n. */
static void draw(unsigned count)
{
    for (uint32_t i = 0; i < count; i++) {
        memcpy(driver_at(&d, backing + 4 * i), &i, 4);
    }
}

static uint32_t pixel(unsigned index, uint32_t x, uint32_t y)
{
    struct display_image image;
    g_assert_true(display_snapshot(display[index], &image));
    g_assert_cmpuint(x, <, image.width);
    g_assert_cmpuint(y, <, image.height);
    uint32_t value = image.pixels[y * image.width + x];
    g_free(image.pixels);
    return value;
}

static void test_picture(void)
{
    setup();
    make(5, 16, 8);
    draw(16 * 8);
    g_assert_cmphex(transfer(5, (struct gpu_rect){ 0, 0, 16, 8 }, 0), ==, GPU_OK);
    g_assert_cmphex(scanout(0, 5, (struct gpu_rect){ 0, 0, 16, 8 }), ==, GPU_OK);
    g_assert_cmphex(pixel(0, 3, 2), ==, 2 * 16 + 3);
    /* Two outputs, one of them a part; only what is transferred changes. */
    g_assert_cmphex(scanout(1, 5, (struct gpu_rect){ 4, 2, 8, 4 }), ==, GPU_OK);
    g_assert_cmphex(pixel(1, 0, 0), ==, 2 * 16 + 4);
    memset(driver_at(&d, backing), 0x55, 16 * 8 * 4);
    g_assert_cmphex(transfer(5, (struct gpu_rect){ 4, 2, 1, 2 }, (2 * 16 + 4) * 4), ==, GPU_OK);
    g_assert_cmphex(pixel(1, 0, 1), ==, 0x555555);
    g_assert_cmphex(pixel(1, 1, 1), ==, 3 * 16 + 5);
    g_assert_cmphex(flush(5, (struct gpu_rect){ 0, 0, 16, 8 }), ==, GPU_OK);
    g_assert_cmphex(scanout(1, 0, (struct gpu_rect){ 0, 0, 0, 0 }), ==, GPU_OK);
    g_assert_false(display_shows(display[1], DISPLAY_GPU));
    g_assert_cmphex(SEND(GPU_UNREF, 5, 0), ==, GPU_OK); /* a picture that is shown goes dark */
    g_assert_false(display_shows(display[0], DISPLAY_GPU));
    g_assert_cmphex(flush(5, (struct gpu_rect){ 0, 0, 1, 1 }), ==, GPU_BAD_RESOURCE);
    finish();
}

/* Backing in pieces that end in the middle of rows, some of them empty. */
static void test_scattered(void)
{
    setup();
    draw(64);
    g_assert_cmphex(create(1, 8, 8), ==, GPU_OK);
    uint32_t a = (uint32_t)backing, b = a + 1000;
    memcpy(driver_at(&d, b), driver_at(&d, backing + 52), 256 - 52);
    memset(driver_at(&d, backing + 52), 0, 8);
    g_assert_cmphex(SEND(GPU_ATTACH_BACKING, 1, 4, a, 0, 52, 0, 0, 0, 0, 0, b, 0, 4, 0, b + 4, 0,
                         200, 0),
                    ==, GPU_OK);
    g_assert_cmphex(transfer(1, (struct gpu_rect){ 0, 0, 8, 8 }, 0), ==, GPU_OK);
    g_assert_cmphex(scanout(0, 1, (struct gpu_rect){ 0, 0, 8, 8 }), ==, GPU_OK);
    for (uint32_t i = 0; i < 64; i++) {
        g_assert_cmphex(pixel(0, i % 8, i / 8), ==, i);
    }
    g_assert_cmphex(transfer(1, (struct gpu_rect){ 2, 1, 6, 7 }, 40), ==, GPU_OK);
    g_assert_cmphex(transfer(1, (struct gpu_rect){ 2, 1, 6, 7 }, 44), ==, GPU_BAD_PARAMETER);
    g_assert_cmphex(SEND(GPU_DETACH_BACKING, 1, 0), ==, GPU_OK);
    g_assert_cmphex(SEND(GPU_DETACH_BACKING, 1, 0), ==, GPU_BAD_PARAMETER);
    g_assert_cmphex(transfer(1, (struct gpu_rect){ 0, 0, 8, 8 }, 0), ==, GPU_BAD_RESOURCE);
    finish();
}

static void test_bad_commands(void)
{
    const struct gpu_rect one = { 0, 0, 1, 1 };
    setup();
    make(1, 8, 8);
    g_assert_cmphex(create(0, 8, 8), ==, GPU_BAD_RESOURCE);
    g_assert_cmphex(create(1, 8, 8), ==, GPU_BAD_RESOURCE);
    g_assert_cmphex(create(2, 0, 8), ==, GPU_BAD_PARAMETER);
    g_assert_cmphex(create(2, 8, DISPLAY_SIDE_MAX + 1), ==, GPU_BAD_PARAMETER);
    g_assert_cmphex(SEND(GPU_CREATE_2D, 2, 5, 8, 8), ==, GPU_BAD_PARAMETER);
    g_assert_cmphex(SEND(GPU_CREATE_2D, 2, 1), ==, GPU_BAD_PARAMETER);
    g_assert_cmphex(SEND(GPU_UNREF, 3, 0), ==, GPU_BAD_RESOURCE);
    g_assert_cmphex(SEND(GPU_ATTACH_BACKING, 3, 1, 0, 0, 0, 0), ==, GPU_BAD_RESOURCE);
    g_assert_cmphex(SEND(GPU_ATTACH_BACKING, 1, 1, (uint32_t)backing, 0, 4, 0), ==,
                    GPU_BAD_PARAMETER); /* has one already */
    g_assert_cmphex(create(2, 8, 8), ==, GPU_OK);
    g_assert_cmphex(SEND(GPU_ATTACH_BACKING, 2, 0), ==, GPU_BAD_PARAMETER);
    g_assert_cmphex(SEND(GPU_ATTACH_BACKING, 2, 2, (uint32_t)backing, 0, 4, 0), ==,
                    GPU_BAD_PARAMETER); /* the second entry is missing */
    g_assert_cmphex(SEND(GPU_ATTACH_BACKING, 2, UINT32_MAX), ==, GPU_BAD_PARAMETER);
    g_assert_cmphex(SEND(GPU_ATTACH_BACKING, 2, 1, DRIVER_MMIO, 0, 4, 0), ==, GPU_BAD_PARAMETER);
    g_assert_cmphex(SEND(GPU_ATTACH_BACKING, 2, 1, DRIVER_RAM + DRIVER_SIZE - 4, 0, 8, 0), ==,
                    GPU_BAD_PARAMETER);
    g_assert_cmphex(transfer(1, (struct gpu_rect){ 8, 0, 1, 1 }, 0), ==, GPU_BAD_PARAMETER);
    g_assert_cmphex(transfer(1, (struct gpu_rect){ 1, 0, UINT32_MAX, 1 }, 0), ==,
                    GPU_BAD_PARAMETER);
    g_assert_cmphex(transfer(1, (struct gpu_rect){ 0, 0, 0, 1 }, 0), ==, GPU_BAD_PARAMETER);
    g_assert_cmphex(transfer(1, one, 65536), ==, GPU_BAD_PARAMETER);
    g_assert_cmphex(transfer(1, one, 65536 - 4), ==, GPU_OK);
    g_assert_cmphex(scanout(OUTPUTS, 1, one), ==, GPU_BAD_SCANOUT);
    g_assert_cmphex(scanout(0, 3, one), ==, GPU_BAD_RESOURCE);
    g_assert_cmphex(scanout(0, 1, (struct gpu_rect){ 0, 0, 9, 8 }), ==, GPU_BAD_PARAMETER);
    g_assert_cmphex(flush(1, (struct gpu_rect){ 0, 7, 8, 2 }), ==, GPU_BAD_PARAMETER);
    g_assert_cmphex(SEND(GPU_GET_EDID, OUTPUTS, 0), ==, GPU_BAD_SCANOUT);
    g_assert_cmphex(SEND(GPU_GET_CAPSET_INFO, 0, 0), ==, GPU_ERROR);
    g_assert_cmphex(SEND(GPU_UPDATE_CURSOR, 0, 0), ==, GPU_ERROR); /* on the wrong queue */
    g_assert_cmphex(SEND_CURSOR(GPU_MOVE_CURSOR, OUTPUTS, 0, 0, 0, 0, 0, 0, 0), ==,
                    GPU_BAD_SCANOUT);
    g_assert_false(d.dev->broken);
    finish();
}

static void test_memory_limit(void)
{
    uint32_t id = 1;
    setup();
    g_assert_cmphex(create(id, DISPLAY_SIDE_MAX, DISPLAY_SIDE_MAX), ==, GPU_NO_MEMORY);
    while (create(id, 1024, 1024) == GPU_OK) {
        id++;
    }
    g_assert_cmpuint(id, ==, MEMORY_MAX / (1024 * 1024 * 4));
    while (create(id, 1, 1) == GPU_OK) { /* small ones count too */
        id++;
    }
    g_assert_cmpuint(id, <, 2 * MEMORY_MAX / GPU_RESOURCE_COST);
    g_assert_cmphex(SEND(GPU_ATTACH_BACKING, 1, 16384), ==, GPU_NO_MEMORY);
    g_assert_cmphex(SEND(GPU_UNREF, 1, 0), ==, GPU_OK);
    g_assert_cmphex(create(1, 1024, 1023), ==, GPU_OK);
    driver_start(&d, UINT64_MAX, 64); /* a reset gives all of it back */
    driver_poll(&d);
    command_at = driver_alloc(&d, 8192, 8);
    answer_at = driver_alloc(&d, 8192, 8);
    g_assert_cmphex(create(1, 4096, 4095), ==, GPU_OK);
    finish();
}

static uint32_t answer_word(unsigned index)
{
    uint32_t word;
    memcpy(&word, driver_at(&d, answer_at) + sizeof(struct gpu_header) + 4 * index, 4);
    return word;
}

static void test_monitors(void)
{
    setup();
    g_assert_cmpuint(driver_get(&d, CONFIG + 8), ==, OUTPUTS);
    driver_put(&d, CONFIG + 4, 1);
    g_assert_cmpuint(driver_get(&d, CONFIG), ==, 0);
    unsigned generation = driver_get(&d, 0xfc);
    display_set_request(display[1], &(struct display_request){ true, 1920, 1080, 0, 0 });
    driver_poll(&d);
    g_assert_cmpuint(driver_get(&d, CONFIG), ==, 1);
    g_assert_cmpuint(driver_get(&d, 0xfc), !=, generation);
    g_assert_true(d.irq_level);
    driver_put(&d, CONFIG + 4, 1);
    g_assert_cmpuint(driver_get(&d, CONFIG), ==, 0);
    g_assert_cmphex(SEND(GPU_GET_DISPLAY_INFO), ==, GPU_OK_DISPLAY_INFO);
    const uint32_t expected[] = { 0, 0, 1024, 768, 1, 0, 1024, 0, 1920, 1080, 1, 0, 0, 0 };
    for (unsigned i = 0; i < G_N_ELEMENTS(expected); i++) {
        g_assert_cmpuint(answer_word(i), ==, expected[i]);
    }
    g_assert_cmphex(SEND(GPU_GET_EDID, 1, 0), ==, GPU_OK_EDID);
    g_assert_cmpuint(answer_word(0), ==, EDID_SIZE);
    display_set_request(display[1], &(struct display_request){ true, EDID_SIDE_MAX + 1, 1, 0, 0 });
    driver_poll(&d);
    g_assert_cmphex(SEND(GPU_GET_EDID, 1, 0), ==, GPU_ERROR);
    finish();
}

static void on_ready(void *opaque)
{
    (void)opaque;
}

/* The newest frame: one that was published earlier may come before it. */
static const struct display_frame *frame_now(unsigned index)
{
    const struct display_frame *newest = NULL, *frame;
    do {
        driver_poll(&d);
        frame = display_take(display[index]);
        newest = frame != NULL ? frame : newest;
    } while (frame != NULL);
    return newest;
}

/* Where an output lies, as its viewer hears it. */
static void expect_place(unsigned index, struct display_place place)
{
    const struct display_frame *frame = frame_now(index);
    g_assert_nonnull(frame);
    g_assert_cmpint(frame->place.x, ==, place.x);
    g_assert_cmpint(frame->place.y, ==, place.y);
    g_assert_cmpuint(frame->place.width, ==, place.width);
    g_assert_cmpuint(frame->place.height, ==, place.height);
}

static void test_desktop(void)
{
    setup();
    display_set_viewer(display[0], on_ready, NULL);
    display_set_viewer(display[1], on_ready, NULL);
    make(1, 32, 16);
    make(2, 8, 24);
    scanout(0, 1, (struct gpu_rect){ 0, 0, 32, 16 });
    expect_place(0, (struct display_place){ 0, 0, 32, 16 });
    /* A picture of its own each: side by side. */
    scanout(1, 2, (struct gpu_rect){ 0, 0, 8, 24 });
    expect_place(0, (struct display_place){ 0, 0, 40, 24 });
    expect_place(1, (struct display_place){ 32, 0, 40, 24 });
    /* Parts of one picture: as they lie in it, here one over the other. */
    scanout(0, 1, (struct gpu_rect){ 0, 8, 16, 8 });
    scanout(1, 1, (struct gpu_rect){ 0, 0, 16, 8 });
    expect_place(0, (struct display_place){ 0, 8, 32, 16 });
    expect_place(1, (struct display_place){ 0, 0, 32, 16 });
    /* What is turned off has no place any more. */
    scanout(1, 0, (struct gpu_rect){ 0, 0, 0, 0 });
    expect_place(0, (struct display_place){ 0, 0, 16, 8 });
    expect_place(1, (struct display_place){ 0 });
    finish();
}

static void test_edid(void)
{
    static const uint8_t header[8] = { 0, 255, 255, 255, 255, 255, 255, 0 };
    uint8_t edid[EDID_SIZE], sum = 0;
    g_assert_true(edid_fill(edid, &(struct display_request){ true, 1921, 1081, 508, 286 }));
    g_assert_cmpmem(edid, 8, header, 8);
    for (unsigned i = 0; i < EDID_SIZE; i++) {
        sum = (uint8_t)(sum + edid[i]);
    }
    g_assert_cmpuint(sum, ==, 0);
    const uint8_t *timing = edid + 54;
    unsigned width = timing[2] | timing[4] >> 4 << 8, height = timing[5] | timing[7] >> 4 << 8;
    unsigned h_blank = timing[3] | (timing[4] & 15) << 8;
    unsigned v_blank = timing[6] | (timing[7] & 15) << 8;
    double hertz = (timing[0] | timing[1] << 8) * 1e4 / ((width + h_blank) * (height + v_blank));
    g_assert_cmpuint(width, ==, 1921);
    g_assert_cmpuint(height, ==, 1081);
    g_assert_cmpfloat_with_epsilon(hertz, 60, 0.02);
    g_assert_cmpuint(timing[12] | timing[14] >> 4 << 8, ==, 508);
    g_assert_cmpuint(timing[13] | (timing[14] & 15) << 8, ==, 286);
}

static void test_cursor_and_damage(void)
{
    setup();
    make(1, 16, 16);
    make(2, 64, 64);
    make(3, 65, 1);
    g_assert_cmphex(scanout(0, 1, (struct gpu_rect){ 4, 4, 8, 8 }), ==, GPU_OK);
    display_set_viewer(display[0], on_ready, NULL);
    g_assert_nonnull(frame_now(0));
    g_assert_cmphex(flush(1, (struct gpu_rect){ 2, 5, 4, 1 }), ==, GPU_OK);
    const struct display_frame *frame = frame_now(0);
    g_assert_cmpuint(frame->damage_count, ==, 1);
    g_assert_cmpint(frame->damage[0].x, ==, 0); /* cut to what is shown */
    g_assert_cmpint(frame->damage[0].y, ==, 1);
    g_assert_cmpint(frame->damage[0].width, ==, 2);
    draw(64 * 64);
    g_assert_cmphex(transfer(2, (struct gpu_rect){ 0, 0, 64, 64 }, 0), ==, GPU_OK);
    g_assert_cmphex(SEND_CURSOR(GPU_UPDATE_CURSOR, 0, (uint32_t)-3, 5, 0, 2, 1, 99, 0), ==, GPU_OK);
    frame = frame_now(0);
    g_assert_true(frame->cursor.visible);
    g_assert_cmpint(frame->cursor.x, ==, -3);
    g_assert_cmpuint(frame->cursor.pixels[65], ==, 65);
    g_assert_cmpuint(frame->cursor.hot_y, ==, 63);
    g_assert_cmphex(SEND_CURSOR(GPU_MOVE_CURSOR, 0, 1, 2, 0, 0, 0, 0, 0), ==, GPU_OK);
    g_assert_cmpint(frame_now(0)->cursor.y, ==, 2);
    g_assert_cmphex(SEND_CURSOR(GPU_UPDATE_CURSOR, 0, 0, 0, 0, 3, 0, 0, 0), ==, GPU_BAD_PARAMETER);
    g_assert_cmphex(SEND_CURSOR(GPU_UPDATE_CURSOR, 0, 0, 0, 0, 9, 0, 0, 0), ==, GPU_BAD_RESOURCE);
    g_assert_cmphex(SEND_CURSOR(GPU_UPDATE_CURSOR, 0, 0, 0, 0, 0, 0, 0, 0), ==, GPU_OK);
    g_assert_false(frame_now(0)->cursor.visible);
    finish();
}

/* A driver that leaves no room for an answer, or half a header, only harms itself. */
static void test_short_requests(void)
{
    uint16_t head;
    uint32_t size;
    setup();
    const struct driver_segment no_answer[] = { { command_at, 24, false } };
    driver_add(&d, CONTROL, no_answer, 1);
    driver_kick(&d, CONTROL);
    driver_wait_used(&d, CONTROL, &head, &size);
    g_assert_cmpuint(size, ==, 0);
    const struct driver_segment half[] = { { command_at, 23, false }, { answer_at, 7, true } };
    driver_add(&d, CONTROL, half, 2);
    driver_kick(&d, CONTROL);
    driver_wait_used(&d, CONTROL, &head, &size);
    g_assert_cmpuint(size, ==, 7);
    finish();
}

static void test_refused(void)
{
    g_autoptr(GError) error = NULL;
    driver_init(&d);
    display[0] = display_new(d.ctx, "screen");
    g_assert_null(virtio_gpu_new("gpu0", &d.services, display, 1, 1 << 20, &error));
    g_assert_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL);
    driver_plug(&d, NULL);
    display_free(display[0]);
    driver_finish(&d);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/gpu/picture", test_picture);
    g_test_add_func("/gpu/scattered", test_scattered);
    g_test_add_func("/gpu/bad", test_bad_commands);
    g_test_add_func("/gpu/memory", test_memory_limit);
    g_test_add_func("/gpu/monitors", test_monitors);
    g_test_add_func("/gpu/desktop", test_desktop);
    g_test_add_func("/gpu/edid", test_edid);
    g_test_add_func("/gpu/cursor", test_cursor_and_damage);
    g_test_add_func("/gpu/short", test_short_requests);
    g_test_add_func("/gpu/refused", test_refused);
    return g_test_run();
}
