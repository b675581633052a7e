/* Goal: a guest gets every event in order, and where it is too slow still ends in the true state.
 */
#include <string.h>

#include <glib.h>

#include "emu/virtio/evdev_queue.h"

#define KEY_A 30
#define KEY_B 48
#define KEY_C 46

static struct evdev_queue queue;

static void put(uint16_t type, uint16_t code, int32_t value)
{
    evdev_queue_add(&queue, type, code, value);
    evdev_queue_sync(&queue);
}

static void expect(uint16_t type, uint16_t code, int32_t value)
{
    struct evdev_event event;
    g_assert_true(evdev_queue_peek(&queue, &event));
    g_assert_cmpuint(event.type, ==, type);
    g_assert_cmpuint(event.code, ==, code);
    g_assert_cmpint(event.value, ==, value);
    evdev_queue_take(&queue);
}

static void expect_nothing(void)
{
    struct evdev_event event;
    g_assert_false(evdev_queue_peek(&queue, &event));
}

static void test_order(void)
{
    evdev_queue_reset(&queue);
    expect_nothing();
    put(EV_KEY, KEY_A, 1);
    put(EV_KEY, KEY_A, 1); /* a repeat is the guest's business */
    put(EV_KEY, KEY_A, 0);
    put(EV_KEY, KEY_A, 0);
    expect(EV_KEY, KEY_A, 1);
    expect(EV_SYN, 0, 0);
    expect(EV_KEY, KEY_A, 0);
    expect(EV_SYN, 0, 0);
    expect_nothing();
}

static void test_joined_motion(void)
{
    evdev_queue_reset(&queue);
    put(EV_REL, REL_X, 3);
    put(EV_REL, REL_X, 4);
    put(EV_REL, REL_Y, -1);
    put(EV_KEY, KEY_A, 1); /* motion does not pass a key */
    put(EV_REL, REL_X, 5);
    expect(EV_REL, REL_X, 7);
    expect(EV_REL, REL_Y, -1);
    expect(EV_SYN, 0, 0);
    expect(EV_KEY, KEY_A, 1);
    expect(EV_SYN, 0, 0);
    put(EV_REL, REL_X, 1);
    expect(EV_REL, REL_X, 6);
    put(EV_REL, REL_X, 1); /* the guest has a part of the frame: a new one */
    expect(EV_SYN, 0, 0);
    expect(EV_REL, REL_X, 1);
    expect(EV_SYN, 0, 0);
    put(EV_ABS, ABS_X, 10);
    put(EV_ABS, ABS_X, 20);
    expect(EV_ABS, ABS_X, 20);
    expect(EV_SYN, 0, 0);
    put(EV_REL, REL_X, INT32_MAX);
    put(EV_REL, REL_X, INT32_MAX);
    expect(EV_REL, REL_X, INT32_MAX);
    expect(EV_SYN, 0, 0);
    expect_nothing();
}

/* Fills the ring with taps until one is lost; returns how many were kept. */
static unsigned fill(void)
{
    unsigned taps = 0;
    for (; !queue.overflow; taps++) {
        put(EV_KEY, KEY_B, 1);
        put(EV_KEY, KEY_B, 0);
    }
    return taps;
}

static void take_all(void)
{
    struct evdev_event event;
    while (queue.count > 0 && evdev_queue_peek(&queue, &event)) {
        evdev_queue_take(&queue);
    }
}

static void test_overflow(void)
{
    evdev_queue_reset(&queue);
    put(EV_KEY, KEY_A, 1);
    g_assert_cmpuint(fill(), >, 200);
    put(EV_KEY, KEY_A, 0);
    put(EV_KEY, KEY_C, 1);
    put(EV_REL, REL_X, 2);
    put(EV_REL, REL_X, 3);
    put(EV_ABS, ABS_Y, 9);
    take_all();
    expect(EV_KEY, KEY_A, 0); /* no key sticks */
    expect(EV_KEY, KEY_B, 0); /* its press was the last that was kept */
    expect(EV_ABS, ABS_Y, 9);
    expect(EV_REL, REL_X, 5);
    expect(EV_KEY, KEY_C, 1);
    expect(EV_SYN, 0, 0);
    expect_nothing();
    put(EV_KEY, KEY_C, 0);
    expect(EV_KEY, KEY_C, 0);
    expect(EV_SYN, 0, 0);
    expect_nothing();
}

static void test_fingers(void)
{
    evdev_queue_reset(&queue);
    put(EV_ABS, ABS_MT_SLOT, 2);
    put(EV_ABS, ABS_MT_TRACKING_ID, 7);
    take_all();
    fill();
    put(EV_ABS, ABS_MT_TRACKING_ID, -1);
    put(EV_ABS, ABS_MT_SLOT, 1);
    put(EV_ABS, ABS_MT_TRACKING_ID, 8);
    put(EV_ABS, ABS_MT_POSITION_X, 100);
    put(EV_ABS, ABS_MT_SLOT, 3);
    take_all();
    expect(EV_ABS, ABS_MT_SLOT, 1);
    expect(EV_ABS, ABS_MT_TRACKING_ID, 8);
    expect(EV_ABS, ABS_MT_POSITION_X, 100);
    expect(EV_ABS, ABS_MT_POSITION_Y, 0);
    expect(EV_ABS, ABS_MT_SLOT, 2);
    expect(EV_ABS, ABS_MT_TRACKING_ID, -1);
    expect(EV_ABS, ABS_MT_POSITION_X, 0);
    expect(EV_ABS, ABS_MT_POSITION_Y, 0);
    expect(EV_ABS, ABS_MT_SLOT, 3);
    expect(EV_SYN, 0, 0);
    expect_nothing();
}

static void test_long_frame(void)
{
    evdev_queue_reset(&queue);
    for (uint16_t code = 1; code <= 2 * EVDEV_FRAME_MAX; code++) {
        evdev_queue_add(&queue, EV_KEY, code, 1);
    }
    evdev_queue_sync(&queue);
    struct evdev_event event;
    uint16_t next = 1;
    while (evdev_queue_peek(&queue, &event)) {
        if (event.type == EV_KEY) {
            g_assert_cmpuint(event.code, ==, next++);
        }
        evdev_queue_take(&queue);
    }
    g_assert_cmpuint(next, ==, 2 * EVDEV_FRAME_MAX + 1);
}

/* What a guest makes of the events. */
struct guest {
    bool down[EVDEV_KEYS];
    int64_t x, y, moved;
    unsigned open; /* events since the last EV_SYN */
};

static void guest_take(struct guest *guest)
{
    struct evdev_event event;
    if (!evdev_queue_peek(&queue, &event)) {
        return;
    }
    evdev_queue_take(&queue);
    guest->open++;
    switch (event.type) {
    case EV_KEY:
        g_assert_cmpint(guest->down[event.code], !=, event.value);
        guest->down[event.code] = event.value != 0;
        break;
    case EV_ABS: *(event.code == ABS_X ? &guest->x : &guest->y) = event.value; break;
    case EV_REL: guest->moved += event.value; break;
    default: guest->open = 0; break;
    }
}

/* Random events for a guest that sometimes sleeps: it always ends in the state of the host. */
static void test_random(void)
{
    for (unsigned round = 0; round < 20; round++) {
        struct guest host = { 0 }, guest = { 0 };
        evdev_queue_reset(&queue);
        for (unsigned i = 0; i < 5000; i++) {
            int32_t value = g_test_rand_int_range(1, 1000);
            uint16_t code = (uint16_t)g_test_rand_int_range(1, 20);
            switch (g_test_rand_int_range(0, 4)) {
            case 0:
                host.down[code] = !host.down[code];
                put(EV_KEY, code, host.down[code]);
                break;
            case 1: put(EV_ABS, ABS_X, (int32_t)(host.x = value)); break;
            case 2:
                host.moved += value;
                put(EV_REL, REL_X, value);
                break;
            default: break;
            }
            for (int n = i / 1000 % 2 == 0 ? 0 : g_test_rand_int_range(0, 8); n > 0; n--) {
                guest_take(&guest);
            }
        }
        for (unsigned i = 0; i < 3 * EVDEV_QUEUE_MAX; i++) {
            guest_take(&guest);
        }
        g_assert_cmpuint(guest.open, ==, 0);
        g_assert_true(memcmp(&host, &guest, sizeof(host)) == 0);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/evdev-queue/order", test_order);
    g_test_add_func("/evdev-queue/joined-motion", test_joined_motion);
    g_test_add_func("/evdev-queue/overflow", test_overflow);
    g_test_add_func("/evdev-queue/fingers", test_fingers);
    g_test_add_func("/evdev-queue/long-frame", test_long_frame);
    g_test_add_func("/evdev-queue/random", test_random);
    return g_test_run();
}
