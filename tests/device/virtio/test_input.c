/* Goal: what a person does reaches the guest's input drivers once, in order, as evdev has it. */
#include <string.h>

#include <glib.h>

#include "emu/virtio/evdev_queue.h"
#include "tests/device/virtio/driver.h"

enum { EVENTS, STATUS };
enum { KEY_A = 30, BTN_TOUCH = 0x14a };

#define CONFIG 0x100

static struct driver d;
static struct input_hub *hub;
static gpa_t buffers; /* one after the other, 8 bytes each */
static unsigned given, taken;

static void give(unsigned count)
{
    for (; count > 0; count--, given++) {
        driver_add(&d, EVENTS, &(struct driver_segment){ buffers + 8 * given, 8, true }, 1);
    }
    driver_kick(&d, EVENTS);
    driver_poll(&d);
}

static void setup(enum input_kind kind, const char *serial, unsigned buffer_count)
{
    g_autoptr(GError) error = NULL;
    driver_init(&d);
    hub = input_hub_new(d.ctx);
    struct virtio_device *dev = virtio_input_new("in0", &d.services, hub, kind, serial, &error);
    g_assert_no_error(error);
    driver_plug(&d, dev);
    driver_start(&d, UINT64_MAX, 64);
    buffers = driver_alloc(&d, 65536, 8);
    given = taken = 0;
    give(buffer_count);
}

static void finish(void)
{
    driver_unplug(&d);
    input_hub_free(hub);
    driver_finish(&d);
}

/* Which device each kind is: what a driver sees of its codes. */
static uint8_t config_byte(unsigned offset)
{
    uint64_t value;
    g_assert_true(bus_read(d.bus, DRIVER_MMIO + CONFIG + offset, 1, &value));
    return (uint8_t)value;
}

/* Asks for a piece of configuration; returns its size. */
static unsigned config_ask(uint8_t select, uint8_t subsel)
{
    g_assert_true(bus_write(d.bus, DRIVER_MMIO + CONFIG, 1, select));
    g_assert_true(bus_write(d.bus, DRIVER_MMIO + CONFIG + 1, 1, subsel));
    g_assert_cmpuint(config_byte(0), ==, select);
    g_assert_cmpuint(config_byte(1), ==, subsel);
    return config_byte(2);
}

static bool config_has(uint8_t type, unsigned code)
{
    unsigned size = config_ask(0x11, type);
    return code / 8 < size && (config_byte(8 + code / 8) >> code % 8 & 1) != 0;
}

static void expect_text(uint8_t select, const char *text)
{
    g_assert_cmpuint(config_ask(select, 0), ==, strlen(text));
    for (unsigned i = 0; text[i] != 0; i++) {
        g_assert_cmpuint(config_byte(8 + i), ==, (uint8_t)text[i]);
    }
}

static void expect(uint16_t type, uint16_t code, int32_t value)
{
    uint16_t head;
    uint32_t size;
    driver_poll(&d);
    g_assert_true(driver_take_used(&d, EVENTS, &head, &size));
    g_assert_cmpuint(size, ==, 8);
    const uint8_t *at = driver_at(&d, buffers + 8 * taken++);
    int32_t got;
    memcpy(&got, at + 4, sizeof(got));
    g_assert_cmpuint(at[0] | at[1] << 8, ==, type);
    g_assert_cmpuint(at[2] | at[3] << 8, ==, code);
    g_assert_cmpint(GINT32_FROM_LE(got), ==, value);
}

static void expect_end(void)
{
    expect(EV_SYN, 0, 0);
}

static void expect_nothing(void)
{
    uint16_t head;
    uint32_t size;
    driver_poll(&d);
    g_assert_false(driver_take_used(&d, EVENTS, &head, &size));
}

static void test_keyboard(void)
{
    setup(INPUT_KEYBOARD, "K-1", 32);
    expect_text(1, "Tinamou Virtio Keyboard");
    expect_text(2, "K-1");
    g_assert_cmpuint(config_ask(3, 0), ==, 8);
    g_assert_cmpuint(config_byte(8), ==, 6); /* BUS_VIRTUAL */
    g_assert_true(config_has(EV_KEY, 1) && config_has(EV_KEY, 248));
    g_assert_false(config_has(EV_KEY, 0) || config_has(EV_KEY, 249));
    g_assert_true(config_has(EV_LED, 2) && config_has(EV_REP, 1));
    g_assert_cmpuint(config_ask(0x11, EV_ABS), ==, 0);
    g_assert_cmpuint(config_ask(0x10, 0), ==, 0);
    g_assert_cmpuint(config_ask(1, 1), ==, 0);
    g_assert_cmpuint(config_ask(0, 0), ==, 0);
    g_assert_cmpuint(config_ask(0xff, 0xff), ==, 0);
    input_key(hub, KEY_A, true);
    input_key(hub, KEY_A, false);
    input_key(hub, 255, true); /* a key that this keyboard has not */
    expect(EV_KEY, KEY_A, 1);
    expect_end();
    expect(EV_KEY, KEY_A, 0);
    expect_end();
    expect_nothing();
    finish();
}

static void send_status(uint16_t type, uint16_t code, uint32_t value)
{
    uint16_t head;
    uint32_t size;
    gpa_t at = driver_alloc(&d, 8, 8);
    const uint16_t words[] = { type, code, (uint16_t)value, (uint16_t)(value >> 16) };
    for (unsigned i = 0; i < 8; i++) {
        driver_at(&d, at)[i] = (uint8_t)(words[i / 2] >> (i % 2 * 8));
    }
    driver_add(&d, STATUS, &(struct driver_segment){ at, 8, false }, 1);
    driver_kick(&d, STATUS);
    driver_wait_used(&d, STATUS, &head, &size);
    g_assert_cmpuint(size, ==, 0);
}

static void test_leds(void)
{
    setup(INPUT_KEYBOARD, NULL, 1);
    send_status(EV_LED, 1, 1);
    g_assert_cmpuint(input_leds(hub), ==, INPUT_LED_CAPS);
    send_status(EV_LED, 0, 1);
    send_status(EV_LED, 9, 1); /* no such light */
    send_status(EV_REP, 0, 250);
    g_assert_cmpuint(input_leds(hub), ==, INPUT_LED_CAPS | INPUT_LED_NUM);
    send_status(EV_LED, 1, 0);
    g_assert_cmpuint(input_leds(hub), ==, INPUT_LED_NUM);
    driver_put(&d, 0x70, 0);
    g_assert_cmpuint(input_leds(hub), ==, 0);
    finish();
}

static void test_tablet(void)
{
    setup(INPUT_TABLET, NULL, 64);
    expect_text(2, "");
    g_assert_cmpuint(config_ask(0x12, ABS_X), ==, 20);
    g_assert_cmpuint(config_byte(12) | config_byte(13) << 8, ==, INPUT_ABS_MAX);
    g_assert_cmpuint(config_ask(0x12, ABS_MT_SLOT), ==, 0);
    g_assert_true(input_absolute(hub));
    input_position(hub, 100, 200);
    input_key(hub, INPUT_BUTTON_LEFT, true);
    input_wheel(hub, 0, -INPUT_WHEEL_STEP);
    input_wheel(hub, 0, 50); /* less than a notch */
    expect(EV_ABS, ABS_X, 100);
    expect(EV_ABS, ABS_Y, 200);
    expect_end();
    expect(EV_KEY, INPUT_BUTTON_LEFT, 1);
    expect_end();
    expect(EV_REL, REL_WHEEL_HI_RES, -120);
    expect(EV_REL, REL_WHEEL, -1);
    expect_end();
    expect(EV_REL, REL_WHEEL_HI_RES, 50);
    expect_end();
    input_wheel(hub, 120, 70);
    expect(EV_REL, REL_HWHEEL_HI_RES, 120);
    expect(EV_REL, REL_HWHEEL, 1);
    expect(EV_REL, REL_WHEEL_HI_RES, 70);
    expect(EV_REL, REL_WHEEL, 1);
    expect_end();
    expect_nothing();
    finish();
}

static void test_mouse(void)
{
    setup(INPUT_MOUSE, NULL, 16);
    g_assert_false(input_absolute(hub));
    g_assert_cmpuint(config_ask(0x11, EV_ABS), ==, 0);
    input_position(hub, 1, 1);
    input_motion(hub, -3, 4);
    input_key(hub, INPUT_BUTTON_TASK, true);
    expect(EV_REL, REL_X, -3);
    expect(EV_REL, REL_Y, 4);
    expect_end();
    expect(EV_KEY, INPUT_BUTTON_TASK, 1);
    expect_end();
    expect_nothing();
    finish();
}

static void test_touch(void)
{
    setup(INPUT_TOUCHSCREEN, NULL, 64);
    g_assert_cmpuint(config_ask(0x10, 0), ==, 1);
    g_assert_cmpuint(config_byte(8), ==, 2); /* INPUT_PROP_DIRECT */
    g_assert_cmpuint(config_ask(0x12, ABS_MT_SLOT), ==, 20);
    g_assert_cmpuint(config_byte(12), ==, INPUT_SLOTS - 1);
    input_finger(hub, 1, true, 10, 20);
    input_finger(hub, 2, true, 30, 40);
    input_finger(hub, 1, false, 10, 20);
    input_finger(hub, 2, false, 30, 40);
    expect(EV_ABS, ABS_MT_SLOT, 1);
    expect(EV_ABS, ABS_MT_TRACKING_ID, 0);
    expect(EV_ABS, ABS_MT_POSITION_X, 10);
    expect(EV_ABS, ABS_MT_POSITION_Y, 20);
    expect(EV_KEY, BTN_TOUCH, 1);
    expect(EV_ABS, ABS_X, 10);
    expect(EV_ABS, ABS_Y, 20);
    expect_end();
    expect(EV_ABS, ABS_MT_SLOT, 2);
    expect(EV_ABS, ABS_MT_TRACKING_ID, 1);
    expect(EV_ABS, ABS_MT_POSITION_X, 30);
    expect(EV_ABS, ABS_MT_POSITION_Y, 40);
    expect_end();
    expect(EV_ABS, ABS_MT_SLOT, 1);
    expect(EV_ABS, ABS_MT_TRACKING_ID, -1);
    expect_end();
    expect(EV_ABS, ABS_MT_SLOT, 2);
    expect(EV_ABS, ABS_MT_TRACKING_ID, -1);
    expect(EV_KEY, BTN_TOUCH, 0);
    expect_end();
    expect_nothing();
    finish();
}

/* A guest that gives no buffers for a while gets the rest later, in order. */
static void test_late_buffers(void)
{
    setup(INPUT_KEYBOARD, NULL, 3);
    for (uint16_t key = 1; key <= 8; key++) {
        input_key(hub, key, true);
    }
    driver_poll(&d);
    g_assert_cmpuint(driver_used_index(&d, EVENTS), ==, 3);
    give(40);
    for (uint16_t key = 1; key <= 8; key++) {
        expect(EV_KEY, key, 1);
        expect_end();
    }
    input_release_all(hub);
    expect(EV_KEY, 1, 0);
    finish();
}

/* What was done while nobody read is not for the next driver; nor is a key that is still held. */
static void test_reset(void)
{
    setup(INPUT_KEYBOARD, NULL, 0);
    input_key(hub, KEY_A, true);
    driver_poll(&d);
    driver_put(&d, 0x70, 0);
    g_assert_false(input_has(hub, INPUT_KEYBOARD));
    input_key(hub, 2, true);
    driver_poll(&d);
    driver_start(&d, UINT64_MAX, 64);
    given = taken = 0;
    give(8);
    input_key(hub, KEY_A, false);
    expect_nothing();
    input_key(hub, 3, true);
    expect(EV_KEY, 3, 1);
    expect_end();
    expect_nothing();
    finish();
}

static void test_bad_driver(void)
{
    setup(INPUT_KEYBOARD, NULL, 0);
    driver_add(&d, EVENTS, &(struct driver_segment){ buffers, 7, true }, 1);
    driver_kick(&d, EVENTS);
    driver_poll(&d);
    g_assert_false(d.dev->broken); /* nothing to say yet */
    input_key(hub, KEY_A, true);
    driver_poll(&d);
    g_assert_true(d.dev->broken);
    driver_start(&d, UINT64_MAX, 64);
    driver_add(&d, STATUS, &(struct driver_segment){ buffers, 7, false }, 1);
    driver_kick(&d, STATUS);
    driver_poll(&d);
    g_assert_true(d.dev->broken);
    finish();
}

static void test_serial_too_long(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *serial = g_strnfill(129, 'x');
    driver_init(&d);
    hub = input_hub_new(d.ctx);
    g_assert_null(virtio_input_new("in0", &d.services, hub, INPUT_MOUSE, serial, &error));
    g_assert_nonnull(strstr(error->message, "128"));
    input_hub_free(hub);
    driver_finish(&d);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/virtio-input/keyboard", test_keyboard);
    g_test_add_func("/virtio-input/leds", test_leds);
    g_test_add_func("/virtio-input/tablet", test_tablet);
    g_test_add_func("/virtio-input/mouse", test_mouse);
    g_test_add_func("/virtio-input/touch", test_touch);
    g_test_add_func("/virtio-input/late-buffers", test_late_buffers);
    g_test_add_func("/virtio-input/reset", test_reset);
    g_test_add_func("/virtio-input/bad-driver", test_bad_driver);
    g_test_add_func("/virtio-input/serial-too-long", test_serial_too_long);
    return g_test_run();
}
