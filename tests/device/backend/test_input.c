/* Goal: input arrives once, in order and where the guest reads it; nothing ever stays pressed. */
#include <stdatomic.h>
#include <string.h>

#include <glib.h>

#include "emu/display/input.h"
#include "platform/thread.h"

enum { KEY_A = 30, KEY_LEFTSHIFT = 42 };

static struct aio_context *ctx;
static struct input_hub *hub;
static unsigned changed_count;

/* A device of the guest. */
struct reader {
    struct input_sink *sink;
    GArray *events;
};

static struct reader keyboard, tablet, mouse, touch;

static void reader_event(void *opaque, const struct input_event *event)
{
    struct reader *reader = opaque;
    g_array_append_vals(reader->events, event, 1);
}

static void on_changed(void *opaque)
{
    (void)opaque;
    changed_count++;
}

static void reader_start(struct reader *reader, enum input_kind kind)
{
    reader->events = g_array_new(FALSE, FALSE, sizeof(struct input_event));
    reader->sink = input_attach(hub, kind, reader_event, reader);
    input_set_reading(reader->sink, true);
}

static void reader_finish(struct reader *reader)
{
    input_detach(reader->sink);
    g_array_unref(reader->events);
}

static void setup(void)
{
    g_autoptr(GError) error = NULL;
    ctx = aio_context_new("test", &error);
    g_assert_no_error(error);
    hub = input_hub_new(ctx);
    changed_count = 0;
    input_set_listener(hub, on_changed, NULL);
    reader_start(&keyboard, INPUT_KEYBOARD);
    reader_start(&tablet, INPUT_TABLET);
    reader_start(&mouse, INPUT_MOUSE);
    reader_start(&touch, INPUT_TOUCHSCREEN);
}

static void settle(void)
{
    while (aio_poll(ctx, false)) {
    }
}

static void teardown(void)
{
    reader_finish(&keyboard);
    reader_finish(&tablet);
    reader_finish(&mouse);
    reader_finish(&touch);
    input_hub_free(hub);
    settle();
    aio_context_unref(ctx);
}

static struct input_event event_of(const struct reader *reader, unsigned index)
{
    g_assert_cmpuint(index, <, reader->events->len);
    return g_array_index(reader->events, struct input_event, index);
}

static void expect_key(unsigned index, unsigned code, bool down)
{
    struct input_event event = event_of(&keyboard, index);
    g_assert_cmpint(event.type, ==, INPUT_KEY);
    g_assert_cmpuint(event.code, ==, code);
    g_assert_cmpint(event.down, ==, down);
}

static void test_keys_once(void)
{
    setup();
    input_key(hub, KEY_LEFTSHIFT, true);
    input_key(hub, KEY_A, true);
    input_key(hub, KEY_A, true); /* the host's repeat */
    input_key(hub, KEY_A, false);
    input_key(hub, KEY_A, false);
    input_key(hub, INPUT_CODE_MAX + 1, true);
    g_assert_cmpuint(keyboard.events->len, ==, 0);
    settle();
    g_assert_cmpuint(keyboard.events->len, ==, 3);
    expect_key(0, KEY_LEFTSHIFT, true);
    expect_key(1, KEY_A, true);
    expect_key(2, KEY_A, false);
    input_release_all(hub);
    input_release_all(hub);
    settle();
    g_assert_cmpuint(keyboard.events->len, ==, 4);
    expect_key(3, KEY_LEFTSHIFT, false);
    teardown();
}

static void test_full_queue_releases(void)
{
    setup();
    for (unsigned round = 0; round < 4; round++) {
        for (unsigned code = 1; code < 0x100; code++) {
            input_key(hub, code, true);
            input_finger(hub, code, true, 1, 1);
            input_motion(hub, 1, 1);
            input_position(hub, 5, (int32_t)code);
        }
        input_release_all(hub);
    }
    settle();
    bool down[0x100] = { false };
    for (unsigned i = 0; i < keyboard.events->len; i++) {
        struct input_event event = event_of(&keyboard, i);
        g_assert_true(down[event.code] != event.down);
        down[event.code] = event.down;
    }
    for (unsigned code = 0; code < G_N_ELEMENTS(down); code++) {
        g_assert_false(down[code]);
    }
    g_assert_cmpuint(keyboard.events->len, >, 0x100);
    input_key(hub, KEY_A, true);
    settle();
    g_assert_true(event_of(&keyboard, keyboard.events->len - 1).down);
    teardown();
}

/* Behind a stopped machine motion is merged, not lost. */
static void test_motion_adds_up(void)
{
    setup();
    for (unsigned i = 0; i < 10000; i++) {
        input_motion(hub, 1, -2);
    }
    settle();
    int32_t x = 0, y = 0;
    for (unsigned i = 0; i < mouse.events->len; i++) {
        x += event_of(&mouse, i).x;
        y += event_of(&mouse, i).y;
    }
    g_assert_cmpint(x, ==, 10000);
    g_assert_cmpint(y, ==, -20000);
    teardown();
}

static void test_pointer_follows(void)
{
    setup();
    g_assert_true(input_absolute(hub));
    input_position(hub, -5, 99999);
    input_key(hub, INPUT_BUTTON_LEFT, true);
    input_motion(hub, 1, 1);
    input_key(hub, INPUT_BUTTON_LEFT, false); /* to whom it was pressed at */
    input_key(hub, INPUT_BUTTON_RIGHT, true);
    input_wheel(hub, 0, INPUT_WHEEL_STEP);
    settle();
    g_assert_cmpuint(tablet.events->len, ==, 3);
    g_assert_cmpint(event_of(&tablet, 0).x, ==, 0);
    g_assert_cmpint(event_of(&tablet, 0).y, ==, INPUT_ABS_MAX);
    g_assert_false(event_of(&tablet, 2).down);
    g_assert_cmpuint(mouse.events->len, ==, 3);
    g_assert_cmpint(event_of(&mouse, 2).y, ==, INPUT_WHEEL_STEP);
    g_assert_cmpuint(keyboard.events->len, ==, 0);
    teardown();
}

static void test_reading(void)
{
    setup();
    input_key(hub, KEY_A, true);
    input_key(hub, INPUT_BUTTON_LEFT, true);
    settle();
    changed_count = 0;
    input_set_reading(keyboard.sink, false); /* the driver is gone, and what it held with it */
    input_set_reading(tablet.sink, false);
    g_assert_cmpuint(changed_count, ==, 2);
    g_assert_false(input_absolute(hub));
    g_assert_false(input_has(hub, INPUT_KEYBOARD));
    input_release_all(hub);
    settle();
    g_assert_cmpuint(keyboard.events->len, ==, 1);
    g_assert_cmpuint(mouse.events->len, ==, 2); /* no position yet: it was the mouse's button */
    g_assert_cmpuint(tablet.events->len, ==, 0);
    struct reader second;
    reader_start(&second, INPUT_KEYBOARD);
    input_set_reading(keyboard.sink, true); /* the last to begin has the keys */
    input_key(hub, KEY_A, true);
    settle();
    g_assert_cmpuint(second.events->len, ==, 0);
    g_assert_cmpuint(keyboard.events->len, ==, 2);
    reader_finish(&second);
    teardown();
}

static void test_fingers(void)
{
    setup();
    input_finger(hub, 3, true, 100, 200);
    input_finger(hub, 3, true, 101, 200);
    input_finger(hub, 3, false, 101, 200);
    input_finger(hub, 3, false, 101, 200);
    input_finger(hub, 0, true, 7, 8);
    input_release_all(hub);
    settle();
    g_assert_cmpuint(touch.events->len, ==, 5);
    g_assert_cmpint(event_of(&touch, 1).x, ==, 101);
    g_assert_false(event_of(&touch, 2).down);
    g_assert_cmpuint(event_of(&touch, 4).code, ==, 0);
    g_assert_cmpint(event_of(&touch, 4).y, ==, 8);
    g_assert_false(event_of(&touch, 4).down);
    teardown();
}

static void test_leds(void)
{
    setup();
    changed_count = 0;
    input_set_leds(hub, INPUT_LED_CAPS);
    input_set_leds(hub, INPUT_LED_CAPS);
    g_assert_cmpuint(changed_count, ==, 1);
    g_assert_cmpuint(input_leds(hub), ==, INPUT_LED_CAPS);
    teardown();
}

static atomic_uint posters;

static void poster_run(void *opaque)
{
    unsigned first = GPOINTER_TO_UINT(opaque);
    for (unsigned i = 0; i < 5000; i++) {
        input_key(hub, first + i % 8, i % 16 < 8);
    }
    for (unsigned i = 0; i < 8; i++) {
        input_key(hub, first + i, false);
    }
    atomic_fetch_sub(&posters, 1);
}

/* Two threads type; each key still goes down and up by turns and ends up. */
static void test_threads(void)
{
    g_autoptr(GError) error = NULL;
    setup();
    atomic_store(&posters, 2);
    struct host_thread *one = host_thread_new("one", poster_run, GUINT_TO_POINTER(16), &error);
    g_assert_no_error(error);
    struct host_thread *two = host_thread_new("two", poster_run, GUINT_TO_POINTER(32), &error);
    g_assert_no_error(error);
    while (atomic_load(&posters) > 0) {
        aio_poll(ctx, false);
    }
    host_thread_join(one);
    host_thread_join(two);
    settle();
    bool down[64] = { false };
    for (unsigned i = 0; i < keyboard.events->len; i++) {
        struct input_event event = event_of(&keyboard, i);
        g_assert_true(down[event.code] != event.down);
        down[event.code] = event.down;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(down); i++) {
        g_assert_false(down[i]);
    }
    teardown();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/input/once", test_keys_once);
    g_test_add_func("/input/full", test_full_queue_releases);
    g_test_add_func("/input/motion", test_motion_adds_up);
    g_test_add_func("/input/pointer", test_pointer_follows);
    g_test_add_func("/input/reading", test_reading);
    g_test_add_func("/input/fingers", test_fingers);
    g_test_add_func("/input/leds", test_leds);
    g_test_add_func("/input/threads", test_threads);
    return g_test_run();
}
