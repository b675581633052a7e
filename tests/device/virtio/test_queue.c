/* Goal: queues serve what VIRTIO 1.2, section 2.7 allows, and break the device for all else. */
#include <string.h>

#include <glib.h>

#include "tests/device/virtio/driver.h"
#include "tests/device/virtio/probe.h"

#define EVENT_IDX (1ull << VIRTIO_F_EVENT_IDX)
#define INDIRECT  (1ull << VIRTIO_F_INDIRECT_DESC)
#define QSIZE     16

static struct driver d;
static struct probe *probe;

static void setup(uint64_t features, uint16_t size)
{
    driver_init(&d);
    probe = probe_new(&d.services);
    driver_plug(&d, &probe->dev);
    driver_start(&d, features, size);
    driver_poll(&d);
}

/* One request of a few segments is answered with its own bytes. */
static void run_echo(bool indirect)
{
    gpa_t data = driver_alloc(&d, 256, 1);
    for (unsigned i = 0; i < 100; i++) {
        *driver_at(&d, data + i) = (uint8_t)(i * 7 + 1);
    }
    memset(driver_at(&d, data + 100), 0, 156);
    const struct driver_segment segments[] = {
        { data, 1, false },       { data + 1, 60, false }, { data + 61, 39, false },
        { data + 100, 50, true }, { data + 150, 1, true }, { data + 151, 100, true },
    };
    uint16_t head, used;
    uint32_t size;
    head = indirect ? driver_add_indirect(&d, 0, segments, 6) : driver_add(&d, 0, segments, 6);
    driver_kick(&d, 0);
    driver_wait_used(&d, 0, &used, &size);
    g_assert_cmpuint(used, ==, head);
    g_assert_cmpuint(size, ==, 100);
    g_assert_cmpmem(driver_at(&d, data), 100, driver_at(&d, data + 100), 100);
    g_assert_cmpuint(*driver_at(&d, data + 200), ==, 0);
    d.heap = data;
}

static void test_echo(void)
{
    setup(INDIRECT, QSIZE);
    for (unsigned i = 0; i < 50; i++) { /* round the ring, chains across its end */
        run_echo(i % 3 == 0);
    }
    g_assert_cmpuint(probe->last.read_count, ==, 3);
    g_assert_cmpuint(probe->last.write_count, ==, 3);
    g_assert_cmpuint(probe->last.read_size, ==, 100);
    g_assert_cmpuint(probe->last.write_size, ==, 151);
    driver_finish(&d);
}

/* Ordinary descriptors may lead to an indirect one, which comes last (2.7.5.3.2). */
static void test_indirect_tail(void)
{
    setup(INDIRECT, QSIZE);
    gpa_t data = driver_alloc(&d, 64, 16), table = driver_alloc(&d, 32, 16);
    memcpy(driver_at(&d, data), "direct, indirect", 16);
    driver_write_desc(&d, d.queue[0].desc, 3, data, 8, DESC_NEXT, 9);
    driver_write_desc(&d, d.queue[0].desc, 9, table, 32, DESC_INDIRECT | DESC_WRITE, 0);
    driver_write_desc(&d, table, 0, data + 8, 8, DESC_NEXT, 1);
    driver_write_desc(&d, table, 1, data + 32, 32, DESC_WRITE, 0);
    driver_make_available(&d, 0, 3);
    driver_kick(&d, 0);
    uint16_t head;
    uint32_t size;
    driver_wait_used(&d, 0, &head, &size);
    g_assert_cmpuint(head, ==, 3);
    g_assert_cmpuint(size, ==, 16);
    g_assert_cmpmem(driver_at(&d, data + 32), 16, "direct, indirect", 16);
    driver_finish(&d);
}

/* The 16-bit indices wrap; with and without event index, no request is lost. */
static void test_wrap(void)
{
    setup(EVENT_IDX, 4);
    struct driver_segment out = { driver_alloc(&d, 16, 16), 16, false };
    for (unsigned i = 0; i < 70000; i++) {
        uint16_t head;
        uint32_t size;
        driver_add(&d, 0, &out, 1);
        driver_kick(&d, 0);
        driver_wait_used(&d, 0, &head, &size);
        g_assert_cmpuint(head, ==, i % 4);
    }
    g_assert_cmpuint(probe->seen, ==, 70000);
    driver_finish(&d);
}

static void add_and_run(unsigned count)
{
    struct driver_segment out = { DRIVER_RAM + DRIVER_SIZE - 16, 16, false };
    for (unsigned i = 0; i < count; i++) {
        driver_add(&d, 0, &out, 1);
    }
    driver_kick(&d, 0);
    driver_poll(&d);
}

/* Interrupts are sent as the driver asks for them: by flag, or by event index. */
static void test_interrupt_flag(void)
{
    setup(0, QSIZE);
    add_and_run(1);
    g_assert_true(d.irq_level);
    driver_put(&d, 0x64, 1);
    *driver_at(&d, d.queue[0].avail) = 1; /* VIRTQ_AVAIL_F_NO_INTERRUPT */
    add_and_run(3);
    g_assert_false(d.irq_level);
    *driver_at(&d, d.queue[0].avail) = 0;
    add_and_run(1);
    g_assert_true(d.irq_level);
    driver_finish(&d);
}

static void set_used_event(uint16_t value)
{
    g_assert_true(dma_store16(d.bus, d.queue[0].avail + 4 + 2 * QSIZE, value));
}

static void test_interrupt_event(void)
{
    setup(EVENT_IDX, QSIZE);
    set_used_event(0);
    add_and_run(1);
    g_assert_true(d.irq_level); /* used index passed 0 */
    driver_put(&d, 0x64, 1);
    set_used_event(5);
    add_and_run(4); /* used index is 5 now: not yet passed */
    g_assert_false(d.irq_level);
    add_and_run(1);
    g_assert_true(d.irq_level);
    driver_put(&d, 0x64, 1);
    add_and_run(7); /* the event lies behind: no more until it is moved */
    g_assert_false(d.irq_level);
    set_used_event(14);
    add_and_run(4); /* from 13 to 17 in one go, over 14 */
    g_assert_true(d.irq_level);
    driver_finish(&d);
}

static uint16_t avail_event(void)
{
    uint16_t value;
    g_assert_true(dma_load16(d.bus, d.queue[0].used + 4 + 8 * QSIZE, &value));
    return value;
}

/* The device tells up to where it has looked, so that the driver knows when to notify. */
static void test_notification_event(void)
{
    setup(EVENT_IDX, QSIZE);
    g_assert_cmpuint(avail_event(), ==, 0);
    add_and_run(3);
    g_assert_cmpuint(avail_event(), ==, 3);
    add_and_run(5);
    g_assert_cmpuint(avail_event(), ==, 8);
    driver_finish(&d);

    setup(0, QSIZE);
    add_and_run(3);
    g_assert_cmpuint(*driver_at(&d, d.queue[0].used), ==, 0); /* wants notifications again */
    g_assert_cmpuint(avail_event(), ==, 0);
    driver_finish(&d);
}

/* A long run is cut into passes, and still finished. */
static void test_many(void)
{
    setup(EVENT_IDX, PROBE_QUEUE_SIZE);
    add_and_run(PROBE_QUEUE_SIZE);
    g_assert_cmpuint(probe->seen, ==, PROBE_QUEUE_SIZE);
    g_assert_cmpuint(driver_used_index(&d, 0), ==, PROBE_QUEUE_SIZE);
    driver_finish(&d);
}

/* Requests in flight when the queue is taken away are forgotten, not answered into new rings. */
static void test_reset_in_flight(void)
{
    setup(0, QSIZE);
    probe->hold = true;
    add_and_run(5);
    g_assert_cmpuint(probe->held_count, ==, 5);
    driver_put(&d, 0x70, 0);
    g_assert_cmpuint(probe->held_count, ==, 0);
    driver_start(&d, 0, QSIZE);
    probe_release(probe);
    g_assert_cmpuint(driver_used_index(&d, 0), ==, 0);
    probe->hold = false;
    add_and_run(2);
    g_assert_cmpuint(driver_used_index(&d, 0), ==, 2);
    driver_finish(&d);
}

static void check_broken(const char *what)
{
    unsigned seen = probe->seen;
    driver_kick(&d, 0);
    driver_poll(&d);
    if (!probe->dev.broken || probe->seen != seen) {
        g_error("%s: broken %d, served %u", what, probe->dev.broken, probe->seen - seen);
    }
    g_assert_nonnull(probe->dev.broken_why);
    g_test_message("%s: %s", what, probe->dev.broken_why);
    g_assert_cmphex(driver_get(&d, 0x70) & VIRTIO_STATUS_NEEDS_RESET, !=, 0);
    g_assert_cmphex(driver_get(&d, 0x60) & 2, !=, 0); /* a configuration change interrupt */
    g_assert_true(d.irq_level);

    struct driver_segment out = { DRIVER_RAM + DRIVER_SIZE - 16, 16, false };
    driver_add(&d, 0, &out, 1); /* nothing is served any more, */
    driver_kick(&d, 0);
    driver_poll(&d);
    g_assert_cmpuint(probe->seen, ==, seen);
    driver_start(&d, INDIRECT | EVENT_IDX, QSIZE); /* until it is reset */
    run_echo(true);
}

struct bad_desc {
    gpa_t address;
    uint32_t size;
    uint16_t flags, next;
};

/* One malformed chain: descriptors 0, 1 and 2, and how the head is offered. */
static const struct bad_chain {
    const char *what;
    struct bad_desc desc[3];
    uint64_t refused_features;
} bad_chains[] = {
    { "loop of one", { { DRIVER_RAM, 16, DESC_NEXT, 0 } }, 0 },
    { "loop of three",
      { { DRIVER_RAM, 16, DESC_NEXT, 1 },
        { DRIVER_RAM, 16, DESC_NEXT, 2 },
        { DRIVER_RAM, 16, DESC_NEXT, 0 } },
      0 },
    { "next is the size", { { DRIVER_RAM, 16, DESC_NEXT, QSIZE } }, 0 },
    { "next is the largest", { { DRIVER_RAM, 16, DESC_NEXT, UINT16_MAX } }, 0 },
    { "no length", { { DRIVER_RAM, 0, 0, 0 } }, 0 },
    { "no length, writable", { { DRIVER_RAM, 0, DESC_WRITE, 0 } }, 0 },
    { "longest length", { { DRIVER_RAM, UINT32_MAX, 0, 0 } }, 0 },
    { "lengths that wrap",
      { { DRIVER_RAM, DRIVER_SIZE, DESC_NEXT, 1 }, { DRIVER_RAM, UINT32_MAX, 0, 0 } },
      0 },
    { "address zero", { { 0, 16, 0, 0 } }, 0 },
    { "address that wraps", { { UINT64_MAX - 7, 16, 0, 0 } }, 0 },
    { "largest address", { { UINT64_MAX, 1, 0, 0 } }, 0 },
    { "one byte too far", { { DRIVER_RAM + DRIVER_SIZE - 15, 16, 0, 0 } }, 0 },
    { "one byte too early", { { DRIVER_RAM - 1, 16, DESC_WRITE, 0 } }, 0 },
    { "right behind RAM", { { DRIVER_RAM + DRIVER_SIZE, 1, 0, 0 } }, 0 },
    { "own registers, read", { { DRIVER_MMIO, 16, 0, 0 } }, 0 },
    { "own registers, written", { { DRIVER_MMIO + 0x70, 4, DESC_WRITE, 0 } }, 0 },
    { "own doorbell", { { DRIVER_MMIO + 0x50, 4, DESC_WRITE, 0 } }, 0 },
    { "another device", { { DRIVER_OTHER, 4, DESC_WRITE, 0 } }, 0 },
    { "ROM, written", { { DRIVER_ROM, 16, DESC_WRITE, 0 } }, 0 },
    { "write before read",
      { { DRIVER_RAM, 16, DESC_WRITE | DESC_NEXT, 1 }, { DRIVER_RAM, 16, 0, 0 } },
      0 },
    { "indirect, not negotiated", { { DRIVER_RAM, 16, DESC_INDIRECT, 0 } }, INDIRECT },
    { "indirect and next",
      { { DRIVER_RAM, 16, DESC_INDIRECT | DESC_NEXT, 1 }, { DRIVER_RAM, 16, 0, 0 } },
      0 },
    { "indirect, empty", { { DRIVER_RAM, 0, DESC_INDIRECT, 0 } }, 0 },
    { "indirect, not whole", { { DRIVER_RAM, 17, DESC_INDIRECT, 0 } }, 0 },
    { "indirect, huge", { { DRIVER_RAM, UINT32_MAX - 15, DESC_INDIRECT, 0 } }, 0 },
    { "indirect, too long", { { DRIVER_RAM, 16 * 257, DESC_INDIRECT, 0 } }, 0 },
    { "indirect, not RAM", { { DRIVER_MMIO, 16, DESC_INDIRECT, 0 } }, 0 },
    { "indirect, over the end", { { DRIVER_RAM + DRIVER_SIZE - 16, 32, DESC_INDIRECT, 0 } }, 0 },
};

static void test_bad_chain(const void *opaque)
{
    const struct bad_chain *bad = opaque;
    setup((INDIRECT | EVENT_IDX) & ~bad->refused_features, QSIZE);
    run_echo(bad->refused_features == 0);
    for (unsigned i = 0; i < 3; i++) {
        driver_write_desc(&d, d.queue[0].desc, i, bad->desc[i].address, bad->desc[i].size,
                          bad->desc[i].flags, bad->desc[i].next);
    }
    driver_make_available(&d, 0, 0);
    check_broken(bad->what);
    driver_finish(&d);
}

/* Faults inside an indirect table: entry 0 of two. */
static const struct bad_chain bad_tables[] = {
    { "indirect in indirect", { { DRIVER_RAM, 32, DESC_INDIRECT, 0 } }, 0 },
    { "next behind the table", { { DRIVER_RAM, 16, DESC_NEXT, 2 } }, 0 },
    { "loop in the table", { { DRIVER_RAM, 16, DESC_NEXT, 0 } }, 0 },
    { "no length in the table", { { DRIVER_RAM, 0, 0, 0 } }, 0 },
    { "not RAM in the table", { { DRIVER_OTHER, 16, DESC_WRITE, 0 } }, 0 },
};

static void test_bad_table(const void *opaque)
{
    const struct bad_chain *bad = opaque;
    setup(INDIRECT | EVENT_IDX, QSIZE);
    gpa_t table = driver_alloc(&d, 32, 16);
    driver_write_desc(&d, table, 0, bad->desc[0].address, bad->desc[0].size, bad->desc[0].flags,
                      bad->desc[0].next);
    driver_write_desc(&d, table, 1, DRIVER_RAM, 16, 0, 0);
    driver_write_desc(&d, d.queue[0].desc, 0, table, 32, DESC_INDIRECT, 0);
    driver_make_available(&d, 0, 0);
    check_broken(bad->what);
    driver_finish(&d);
}

static void test_bad_avail(void)
{
    setup(EVENT_IDX, QSIZE);
    driver_set_avail_index(&d, 0, QSIZE + 1);
    check_broken("avail jumps by one more than the size");
    driver_set_avail_index(&d, 0, (uint16_t)(d.queue[0].avail_next - 1));
    check_broken("avail goes back");
    driver_make_available(&d, 0, QSIZE);
    check_broken("head is the size");
    driver_make_available(&d, 0, UINT16_MAX);
    check_broken("head is the largest");
    driver_finish(&d);

    setup(0, QSIZE);
    probe->hold = true;
    add_and_run(QSIZE);
    g_assert_cmpuint(probe->held_count, ==, QSIZE);
    struct driver_segment out = { DRIVER_RAM, 16, false };
    driver_add(&d, 0, &out, 1);
    unsigned seen = probe->seen;
    driver_kick(&d, 0);
    driver_poll(&d);
    g_assert_true(probe->dev.broken); /* the same descriptor twice in flight */
    g_assert_cmpuint(probe->seen, ==, seen);
    driver_finish(&d);
}

/* Rings that are none: refused when the queue is made ready, and harmless afterwards. */
static const struct bad_rings {
    const char *what;
    uint16_t size;
    gpa_t desc, avail, used;
} bad_rings[] = {
    { "size 3", 3, DRIVER_RAM, DRIVER_RAM, DRIVER_RAM },
    { "size over the maximum", 512, DRIVER_RAM, DRIVER_RAM, DRIVER_RAM },
    { "size huge", UINT16_MAX, DRIVER_RAM, DRIVER_RAM, DRIVER_RAM },
    { "desc misaligned", 16, DRIVER_RAM + 8, DRIVER_RAM, DRIVER_RAM },
    { "avail misaligned", 16, DRIVER_RAM, DRIVER_RAM + 1, DRIVER_RAM },
    { "used misaligned", 16, DRIVER_RAM, DRIVER_RAM, DRIVER_RAM + 2 },
    { "desc not RAM", 16, DRIVER_MMIO, DRIVER_RAM, DRIVER_RAM },
    { "avail not RAM", 16, DRIVER_RAM, DRIVER_OTHER, DRIVER_RAM },
    { "used not RAM", 16, DRIVER_RAM, DRIVER_RAM, DRIVER_MMIO },
    { "used in ROM", 16, DRIVER_RAM, DRIVER_RAM, DRIVER_ROM },
    { "desc at 0", 16, 0, DRIVER_RAM, DRIVER_RAM },
    { "desc over the end", 16, DRIVER_RAM + DRIVER_SIZE - 240, DRIVER_RAM, DRIVER_RAM },
    { "avail over the end", 16, DRIVER_RAM, DRIVER_RAM + DRIVER_SIZE - 36, DRIVER_RAM },
    { "used over the end", 16, DRIVER_RAM, DRIVER_RAM, DRIVER_RAM + DRIVER_SIZE - 132 },
    { "used wraps", 16, DRIVER_RAM, DRIVER_RAM, UINT64_MAX - 3 },
};

static void test_bad_rings(const void *opaque)
{
    const struct bad_rings *bad = opaque;
    struct driver_queue q = { bad->size, bad->desc, bad->avail, bad->used, 0, 0, 0 };
    driver_init(&d);
    probe = probe_new(&d.services);
    driver_plug(&d, &probe->dev);
    g_assert_true(driver_negotiate(&d, 1ull << VIRTIO_F_VERSION_1));
    driver_set_rings(&d, 0, &q);
    g_assert_cmpuint(driver_get(&d, 0x44), ==, 0);
    g_assert_true(probe->dev.broken);
    g_assert_cmphex(driver_get(&d, 0x70) & VIRTIO_STATUS_NEEDS_RESET, !=, 0);
    g_assert_false(d.irq_level); /* nobody listens before DRIVER_OK */
    driver_put(&d, 0x70, 15);
    driver_kick(&d, 0);
    driver_poll(&d);
    g_assert_cmpuint(probe->notified, ==, 0);
    driver_start(&d, INDIRECT, QSIZE);
    run_echo(true);
    driver_finish(&d);
}

static void test_size_unsaid(void)
{
    struct driver_queue q = { 0, DRIVER_RAM, DRIVER_RAM + 0x2000, DRIVER_RAM + 0x3000, 0, 0, 0 };
    driver_init(&d);
    probe = probe_new(&d.services);
    driver_plug(&d, &probe->dev);
    g_assert_true(driver_negotiate(&d, 1ull << VIRTIO_F_VERSION_1));
    driver_set_rings(&d, 0, &q);
    g_assert_cmpuint(driver_get(&d, 0x44), ==, 1);
    g_assert_cmpuint(probe->dev.queue[0].size, ==, PROBE_QUEUE_SIZE);
    driver_finish(&d);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/virtqueue/echo", test_echo);
    g_test_add_func("/virtqueue/size-unsaid", test_size_unsaid);
    g_test_add_func("/virtqueue/indirect-tail", test_indirect_tail);
    g_test_add_func("/virtqueue/wrap", test_wrap);
    g_test_add_func("/virtqueue/interrupt-flag", test_interrupt_flag);
    g_test_add_func("/virtqueue/interrupt-event", test_interrupt_event);
    g_test_add_func("/virtqueue/notification-event", test_notification_event);
    g_test_add_func("/virtqueue/many", test_many);
    g_test_add_func("/virtqueue/reset-in-flight", test_reset_in_flight);
    g_test_add_func("/virtqueue/bad-avail", test_bad_avail);
    for (unsigned i = 0; i < G_N_ELEMENTS(bad_chains); i++) {
        g_autofree char *path = g_strdup_printf("/virtqueue/bad-chain/%s", bad_chains[i].what);
        g_test_add_data_func(path, &bad_chains[i], test_bad_chain);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(bad_tables); i++) {
        g_autofree char *path = g_strdup_printf("/virtqueue/bad-table/%s", bad_tables[i].what);
        g_test_add_data_func(path, &bad_tables[i], test_bad_table);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(bad_rings); i++) {
        g_autofree char *path = g_strdup_printf("/virtqueue/bad-rings/%s", bad_rings[i].what);
        g_test_add_data_func(path, &bad_rings[i], test_bad_rings);
    }
    return g_test_run();
}
