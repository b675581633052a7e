/* Goal: what firmware draws into its framebuffer is seen soon, and no framebuffer of its reaches
 * beyond memory. */
#include "emu/dev/ramfb.h"

#include <string.h>

#include "emu/dev/devices.h"
#include "tests/device/world.h"

enum { SELECTOR = 8, DMA = 16, CTL_ERROR = 1, CTL_READ = 2, CTL_SELECT = 8, CTL_WRITE = 16 };
enum { FILE_KEY = 0x20, CONFIG_SIZE = 28, CONFIG_AT = 0x100, FRAME_AT = 0x1000 };

#define LOOK_NS 33000000

static struct world world;
static struct device *fw_cfg;
static struct display *display;
static struct ramfb *ramfb;

static void setup(void)
{
    g_autoptr(GError) error = NULL;
    world_start(&world);
    fw_cfg = world_device(&world, &fw_cfg_class);
    display = display_new(world.ctx, "Screen 1");
    ramfb = ramfb_new(&world.services, fw_cfg, display, &error);
    g_assert_no_error(error);
}

static void finish(void)
{
    ramfb_free(ramfb);
    device_free(fw_cfg);
    display_free(display);
    world_finish(&world);
}

static void put_be(uint32_t at, uint64_t value, unsigned size)
{
    for (unsigned i = 0; i < size; i++) {
        world.ram[at + i] = (uint8_t)(value >> 8 * (size - 1 - i));
    }
}

/* A DMA command on the file; its control word afterwards. */
static uint32_t dma(uint32_t control, uint32_t size)
{
    put_be(0, FILE_KEY << 16 | CTL_SELECT | control, 4);
    put_be(4, size, 4);
    put_be(8, WORLD_RAM_BASE + CONFIG_AT, 8);
    world_put(fw_cfg, DMA, 8, GUINT64_SWAP_LE_BE((uint64_t)WORLD_RAM_BASE));
    return world.ram[3];
}

static uint32_t configure(gpa_t address, uint32_t fourcc, uint32_t width, uint32_t height,
                          uint32_t stride)
{
    put_be(CONFIG_AT, address, 8);
    put_be(CONFIG_AT + 8, fourcc, 4);
    put_be(CONFIG_AT + 12, 0, 4);
    put_be(CONFIG_AT + 16, width, 4);
    put_be(CONFIG_AT + 20, height, 4);
    put_be(CONFIG_AT + 24, stride, 4);
    return dma(CTL_WRITE, CONFIG_SIZE);
}

static bool shown(void)
{
    struct display_image image;
    bool any = display_snapshot(display, &image);
    if (any) {
        g_free(image.pixels);
    }
    return any;
}

static void expect_pixel(uint32_t x, uint32_t y, uint32_t colour)
{
    struct display_image image;
    g_assert_true(display_snapshot(display, &image));
    g_assert_cmphex(image.pixels[image.width * y + x], ==, colour);
    g_free(image.pixels);
}

static void test_draw(void)
{
    setup();
    memset(world.ram + FRAME_AT, 0x11, 256);
    g_assert_cmphex(configure(WORLD_RAM_BASE + FRAME_AT, DISPLAY_XRGB8888, 5, 3, 24), ==, 0);
    expect_pixel(4, 0, 0x111111);
    expect_pixel(4, 2, 0x111111);
    world.ram[FRAME_AT + 48] = 0x22; /* the third row's first byte: blue */
    expect_pixel(0, 2, 0x111122);
    g_assert_cmphex(configure(WORLD_RAM_BASE + FRAME_AT, DISPLAY_RGB888, 3, 3, 0), ==, 0);
    world.ram[FRAME_AT + 9] = 0x33; /* the second row begins after 9 bytes */
    expect_pixel(0, 1, 0x111133);
    g_assert_cmphex(configure(WORLD_RAM_BASE + FRAME_AT, DISPLAY_RGB565, 2, 1, 0), ==, 0);
    world.ram[FRAME_AT] = 0x00;
    world.ram[FRAME_AT + 1] = 0xf8;
    expect_pixel(0, 0, 0xff0000);
    finish();
}

static void on_ready(void *opaque)
{
    (void)opaque;
}

static void test_time(void)
{
    setup();
    display_set_viewer(display, on_ready, NULL);
    configure(WORLD_RAM_BASE + FRAME_AT, DISPLAY_XRGB8888, 4, 4, 0);
    world_settle(&world);
    g_assert_nonnull(display_take(display));
    world_advance(&world, &world.virtual_clock, LOOK_NS);
    g_assert_null(display_take(display));
    world.ram[FRAME_AT + 16 * 2] = 1;
    world_advance(&world, &world.virtual_clock, LOOK_NS);
    const struct display_frame *frame = display_take(display);
    g_assert_cmpuint(frame->damage_count, ==, 1);
    g_assert_cmpint(frame->damage[0].y, ==, 2);
    g_assert_cmpint(frame->damage[0].height, ==, 1);
    g_assert_true(frame->drawn);
    finish();
}

static void test_reset(void)
{
    setup();
    configure(WORLD_RAM_BASE + FRAME_AT, DISPLAY_XRGB8888, 4, 4, 0);
    g_assert_true(shown());
    display_reset(display);
    ramfb_reset(ramfb);
    device_reset(fw_cfg);
    g_assert_false(shown());
    memset(world.ram + CONFIG_AT, 0xff, CONFIG_SIZE);
    g_assert_cmphex(dma(CTL_READ, CONFIG_SIZE), ==, 0);
    for (unsigned i = 0; i < CONFIG_SIZE; i++) {
        g_assert_cmphex(world.ram[CONFIG_AT + i], ==, 0);
    }
    finish();
}

static void test_bad(void)
{
    static const struct {
        uint32_t offset, fourcc, width, height, stride;
    } rows[] = {
        { 0, 0x12345678, 4, 4, 0 },
        { 0, DISPLAY_XRGB8888, 0, 4, 0 },
        { 0, DISPLAY_XRGB8888, 4, 0, 0 },
        { 0, DISPLAY_XRGB8888, 4, 4, 15 },
        { 0, DISPLAY_XRGB8888, DISPLAY_SIDE_MAX + 1, 1, 0 },
        { WORLD_RAM_SIZE - 63, DISPLAY_XRGB8888, 4, 4, 0 },
        { 0, DISPLAY_XRGB8888, 4, 2, UINT32_MAX },
        { 0, DISPLAY_XRGB8888, DISPLAY_SIDE_MAX, DISPLAY_SIDE_MAX, UINT32_MAX },
        { UINT32_MAX, DISPLAY_XRGB8888, 4, 4, 0 },
    };
    setup();
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_assert_cmphex(configure(WORLD_RAM_BASE + FRAME_AT, DISPLAY_XRGB8888, 4, 4, 0), ==, 0);
        g_assert_true(shown());
        configure(WORLD_RAM_BASE + (gpa_t)rows[i].offset, rows[i].fourcc, rows[i].width,
                  rows[i].height, rows[i].stride);
        g_assert_false(shown());
    }
    configure(WORLD_RAM_BASE + WORLD_RAM_SIZE - 64, DISPLAY_XRGB8888, 4, 4, 0);
    g_assert_true(shown());
    g_assert_cmphex(dma(CTL_WRITE, CONFIG_SIZE + 1), ==, CTL_ERROR);
    finish();
}

static void test_random(void)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(3);
    setup();
    for (unsigned i = 0; i < 20000; i++) {
        uint32_t fourcc = g_rand_boolean(random) ? DISPLAY_RGB888 : DISPLAY_BGRA8888;
        configure(WORLD_RAM_BASE + (gpa_t)g_rand_int_range(random, 0, WORLD_RAM_SIZE + 9), fourcc,
                  (uint32_t)g_rand_int_range(random, 0, 200),
                  (uint32_t)g_rand_int_range(random, 0, 200),
                  (uint32_t)g_rand_int_range(random, 0, 1000));
        shown();
    }
    finish();
}

static void test_gpu_takes_over(void)
{
    static const uint32_t blue = 0xff;
    const struct display_surface surface = { 1, 1, 4, DISPLAY_XRGB8888, (const uint8_t *)&blue };
    setup();
    configure(WORLD_RAM_BASE + FRAME_AT, DISPLAY_XRGB8888, 4, 4, 0);
    display_set_surface(display, DISPLAY_GPU, &surface);
    world_advance(&world, &world.virtual_clock, LOOK_NS);
    configure(WORLD_RAM_BASE + FRAME_AT, DISPLAY_XRGB8888, 4, 4, 0);
    expect_pixel(0, 0, 0xff);
    display_set_surface(display, DISPLAY_GPU, NULL);
    finish();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ramfb/draw", test_draw);
    g_test_add_func("/ramfb/time", test_time);
    g_test_add_func("/ramfb/reset", test_reset);
    g_test_add_func("/ramfb/bad", test_bad);
    g_test_add_func("/ramfb/random", test_random);
    g_test_add_func("/ramfb/gpu", test_gpu_takes_over);
    return g_test_run();
}
