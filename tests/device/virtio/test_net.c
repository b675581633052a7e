/* Goal: a card passes frames whole and in order, with the buffers and checksums a driver chose. */
#include <string.h>

#include <glib.h>

#include "tests/device/virtio/driver.h"

#define F_CSUM       (1ull << 0)
#define F_GUEST_CSUM (1ull << 1)
#define F_MAC        (1ull << 5)
#define F_GUEST_TSO4 (1ull << 7)
#define F_HOST_TSO4  (1ull << 11)
#define F_MRG_RXBUF  (1ull << 15)
#define F_STATUS     (1ull << 16)
#define F_RINGS      (1ull << VIRTIO_F_EVENT_IDX | 1ull << VIRTIO_F_INDIRECT_DESC)
#define HEADER       12

enum { RX, TX };

static const uint8_t mac[6] = { 0x52, 0x54, 0, 0x12, 0x34, 0x56 };

static struct driver d;
static struct net_backend *card_side, *wire;
static GPtrArray *on_wire; /* of GBytes */
static bool wire_echoes;

static bool wire_receive(void *opaque, const uint8_t *frame, size_t size)
{
    (void)opaque;
    g_ptr_array_add(on_wire, g_bytes_new(frame, size));
    if (wire_echoes) {
        net_send(wire, frame, size);
    }
    return true;
}

static void setup(uint64_t features)
{
    static const struct net_client client = { .receive = wire_receive };
    g_autoptr(GError) error = NULL;
    driver_init(&d);
    on_wire = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    wire_echoes = false;
    net_pair_new(d.ctx, &card_side, &wire);
    net_connect(wire, &client, NULL);
    struct virtio_device *dev = virtio_net_new("net0", &d.services, card_side, mac, &error);
    g_assert_no_error(error);
    driver_plug(&d, dev);
    driver_start(&d, features, 64);
    driver_poll(&d);
}

static void finish(void)
{
    driver_unplug(&d);
    net_free(card_side);
    net_free(wire);
    g_ptr_array_unref(on_wire);
    driver_finish(&d);
}

static void fill_frame(uint8_t *frame, size_t size, unsigned seed)
{
    for (size_t i = 0; i < size; i++) {
        frame[i] = (uint8_t)(i * 13 + seed);
    }
}

static void send_frame(const uint8_t *header, const uint8_t *frame, size_t size)
{
    gpa_t data = driver_alloc(&d, HEADER + size, 1);
    memcpy(driver_at(&d, data), header, HEADER);
    memcpy(driver_at(&d, data + HEADER), frame, size);
    driver_add(&d, TX, &(struct driver_segment){ data, (uint32_t)(HEADER + size), false }, 1);
    driver_kick(&d, TX);
    driver_poll(&d);
    d.heap = data;
}

static void check_wire(guint index, const uint8_t *frame, size_t size)
{
    gsize length;
    g_assert_cmpuint(index, <, on_wire->len);
    const void *data = g_bytes_get_data(on_wire->pdata[index], &length);
    g_assert_cmpuint(length, ==, size);
    g_assert_true(memcmp(data, frame, size) == 0);
}

static void test_identity(void)
{
    uint64_t value;
    setup(UINT64_MAX);
    g_assert_cmpuint(driver_get(&d, 8), ==, 1);
    driver_put(&d, 0x14, 0);
    g_assert_cmphex(driver_get(&d, 0x10) & 0xffffff, ==,
                    F_CSUM | F_GUEST_CSUM | F_MAC | F_GUEST_TSO4 | F_HOST_TSO4 | F_MRG_RXBUF |
                        F_STATUS);
    for (unsigned i = 0; i < 6; i++) {
        g_assert_true(bus_read(d.bus, DRIVER_MMIO + 0x100 + i, 1, &value));
        g_assert_cmphex(value, ==, mac[i]);
    }
    g_assert_true(bus_read(d.bus, DRIVER_MMIO + 0x106, 2, &value));
    g_assert_cmpuint(value, ==, 1); /* the link is up */
    finish();
}

static void test_transmit(void)
{
    static const uint8_t header[HEADER] = { 0 };
    uint8_t frame[1514];
    setup(F_RINGS);
    for (unsigned i = 0; i < 200; i++) {
        size_t size = 14 + i * 7;
        fill_frame(frame, size, i);
        send_frame(header, frame, size);
        check_wire(i, frame, size);
    }
    g_assert_cmpuint(driver_used_index(&d, TX), ==, 200);

    /* In pieces of one byte and more, header included. */
    fill_frame(frame, 100, 3);
    gpa_t data = driver_alloc(&d, HEADER + 100, 1);
    memcpy(driver_at(&d, data + HEADER), frame, 100);
    const struct driver_segment pieces[] = { { data, 1, false },
                                             { data + 1, 14, false },
                                             { data + 15, 96, false },
                                             { data + 111, 1, false } };
    driver_add_indirect(&d, TX, pieces, 4);
    driver_kick(&d, TX);
    driver_poll(&d);
    check_wire(200, frame, 100);
    finish();
}

/* What is no frame is not sent, and what is no header breaks the device. */
static void test_bad_transmit(void)
{
    static const uint8_t plain[HEADER] = { 0 };
    static const uint8_t gso[HEADER] = { 0, 1 };
    static const uint8_t far_checksum[HEADER] = { 1, 0, 0, 0, 0, 0, 90, 0, 9, 0 };
    static const uint8_t far_start[HEADER] = { 1, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff };
    static uint8_t frame[70000];
    setup(F_RINGS | F_CSUM);
    send_frame(plain, frame, 13);
    send_frame(plain, frame, 65551);
    send_frame(gso, frame, 100);
    send_frame(far_checksum, frame, 100);
    send_frame(far_start, frame, 100);
    g_assert_cmpuint(on_wire->len, ==, 0);
    g_assert_cmpuint(driver_used_index(&d, TX), ==, 5);
    send_frame(plain, frame, 14);
    send_frame(plain, frame, 65550);
    g_assert_cmpuint(on_wire->len, ==, 2);
    driver_add(&d, TX, &(struct driver_segment){ DRIVER_RAM, 11, false }, 1);
    driver_kick(&d, TX);
    driver_poll(&d);
    g_assert_true(d.dev->broken);
    finish();
}

/* Large segments pass whole if the driver has asked for that, and left the checksum to us. */
static void test_segmentation(void)
{
    static const uint8_t tso[HEADER] = { 1, 1, 54, 0, 0xb4, 5, 34, 0, 16, 0 };
    static const uint8_t no_checksum[HEADER] = { 0, 1, 54, 0, 0xb4, 5, 34, 0, 16, 0 };
    static const uint8_t udp[HEADER] = { 1, 3, 54, 0, 0xb4, 5, 34, 0, 6, 0 };
    static const uint8_t tso6[HEADER] = { 1, 4, 74, 0, 0xb4, 5, 54, 0, 16, 0 };
    static uint8_t frame[60000];
    fill_frame(frame, sizeof(frame), 4);
    setup(F_RINGS | F_CSUM);
    send_frame(tso, frame, sizeof(frame));
    g_assert_cmpuint(on_wire->len, ==, 0); /* not negotiated */
    driver_start(&d, F_RINGS | F_CSUM | F_HOST_TSO4, 64);
    send_frame(no_checksum, frame, sizeof(frame));
    send_frame(udp, frame, sizeof(frame));
    send_frame(tso6, frame, sizeof(frame));
    g_assert_cmpuint(on_wire->len, ==, 0);
    send_frame(tso, frame, sizeof(frame));
    g_assert_cmpuint(on_wire->len, ==, 1);
    g_assert_cmpuint(g_bytes_get_size(on_wire->pdata[0]), ==, sizeof(frame));
    finish();
}

/* RFC 1071 in its plainest form. */
static uint16_t plain_checksum(const uint8_t *data, size_t size)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < size; i++) {
        sum += i % 2 == 0 ? (uint32_t)data[i] << 8 : data[i];
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return (uint16_t)~sum;
}

static void test_checksum(void)
{
    static const uint8_t header[HEADER] = { 1, 0, 0, 0, 0, 0, 34, 0, 16, 0 };
    uint8_t frame[1514];
    setup(F_RINGS | F_CSUM);
    for (unsigned i = 0; i < 100; i++) {
        size_t size = 60 + i * 3; /* odd sizes too */
        fill_frame(frame, size, i * 5);
        send_frame(header, frame, size);
        uint16_t sum = plain_checksum(frame + 34, size - 34);
        frame[50] = (uint8_t)(sum >> 8);
        frame[51] = (uint8_t)sum;
        check_wire(i, frame, size);
    }
    memset(frame, 0, 100); /* a sum that would be 0 means "none" to UDP */
    memset(frame + 34, 0xff, 2);
    send_frame(header, frame, 100);
    frame[50] = frame[51] = 0xff;
    check_wire(100, frame, 100);
    finish();
}

static void add_buffer(gpa_t address, uint32_t size)
{
    driver_add(&d, RX, &(struct driver_segment){ address, size, true }, 1);
}

static void test_receive(void)
{
    uint8_t frame[1514];
    uint16_t head, buffers;
    uint32_t size;
    setup(F_RINGS | F_GUEST_CSUM);
    fill_frame(frame, sizeof(frame), 9);
    gpa_t buffer = driver_alloc(&d, 4096, 1);
    for (unsigned i = 0; i < 100; i++) {
        memset(driver_at(&d, buffer), 0xee, 4096);
        add_buffer(buffer, 2000);
        net_send(wire, frame, 60 + i);
        g_assert_true(driver_take_used(&d, RX, &head, &size));
        g_assert_cmpuint(size, ==, HEADER + 60 + i);
        memcpy(&buffers, driver_at(&d, buffer + 10), 2);
        g_assert_cmpuint(buffers, ==, 1);
        g_assert_cmpuint(*driver_at(&d, buffer), ==, 2); /* its checksum is good */
        g_assert_true(memcmp(driver_at(&d, buffer + HEADER), frame, 60 + i) == 0);
        g_assert_cmpuint(*driver_at(&d, buffer + HEADER + 60 + i), ==, 0xee);
    }
    g_assert_true(d.irq_level);
    add_buffer(buffer, 100);
    net_send(wire, frame, 89); /* can never fit: lost, the buffer is still there */
    g_assert_false(driver_take_used(&d, RX, &head, &size));
    net_send(wire, frame, 88);
    g_assert_true(driver_take_used(&d, RX, &head, &size));
    finish();
}

/* Frames wait while there is no buffer, and come in order once there is. */
static void test_no_room(void)
{
    uint8_t frame[100];
    uint16_t head;
    uint32_t size;
    setup(F_RINGS);
    for (unsigned i = 0; i < 20; i++) {
        fill_frame(frame, sizeof(frame), i);
        net_send(wire, frame, sizeof(frame));
    }
    gpa_t buffer = driver_alloc(&d, 20 * 200, 1);
    for (unsigned i = 0; i < 20; i++) {
        add_buffer(buffer + i * 200, 200);
    }
    driver_kick(&d, RX);
    driver_poll(&d);
    for (unsigned i = 0; i < 20; i++) {
        g_assert_true(driver_take_used(&d, RX, &head, &size));
        fill_frame(frame, sizeof(frame), i);
        g_assert_true(memcmp(driver_at(&d, buffer + i * 200 + HEADER), frame, 100) == 0);
    }
    g_assert_false(driver_take_used(&d, RX, &head, &size));
    finish();
}

/* One frame over several buffers, all shown at once; or none of them, if they do not suffice. */
static void test_merge(void)
{
    uint8_t frame[1514];
    uint16_t head, buffers;
    uint32_t size;
    setup(F_RINGS | F_MRG_RXBUF);
    fill_frame(frame, sizeof(frame), 1);
    gpa_t buffer = driver_alloc(&d, 64 * 512, 1);
    for (unsigned round = 0; round < 30; round++) {
        for (unsigned i = 0; i < 3; i++) {
            add_buffer(buffer + i * 512, 500);
        }
        net_send(wire, frame, sizeof(frame)); /* needs four */
        g_assert_false(driver_take_used(&d, RX, &head, &size));
        add_buffer(buffer + 3 * 512, 500);
        driver_kick(&d, RX);
        driver_poll(&d);
        memcpy(&buffers, driver_at(&d, buffer + 10), 2);
        g_assert_cmpuint(buffers, ==, 4);
        size_t done = 0;
        for (unsigned i = 0; i < 4; i++) {
            size_t skip = i == 0 ? HEADER : 0, part = MIN(500 - skip, sizeof(frame) - done);
            g_assert_true(driver_take_used(&d, RX, &head, &size));
            g_assert_cmpuint(size, ==, skip + part);
            g_assert_true(memcmp(driver_at(&d, buffer + i * 512 + skip), frame + done, part) == 0);
            done += part;
        }
        g_assert_cmpuint(done, ==, sizeof(frame));
        g_assert_cmpuint(d.dev->queue[RX].in_flight, ==, 0);
    }
    finish();
}

/* An answer may come from inside the sending, and fill several buffers. */
static void test_echo(void)
{
    static const uint8_t header[HEADER] = { 0 };
    uint8_t frame[1514];
    uint16_t head;
    uint32_t size;
    setup(F_RINGS | F_MRG_RXBUF);
    wire_echoes = true;
    fill_frame(frame, sizeof(frame), 1);
    for (unsigned round = 0; round < 50; round++) {
        gpa_t buffer = driver_alloc(&d, 5 * 400, 1);
        for (unsigned i = 0; i < 4; i++) {
            add_buffer(buffer + i * 400, 400);
        }
        unsigned sent = d.queue[TX].desc_next;
        send_frame(header, frame, sizeof(frame));
        g_assert_true(driver_take_used(&d, TX, &head, &size));
        g_assert_cmpuint(head, ==, sent);
        for (unsigned i = 0; i < 4; i++) {
            g_assert_true(driver_take_used(&d, RX, &head, &size));
        }
        g_assert_cmpuint(d.dev->queue[TX].in_flight + d.dev->queue[RX].in_flight, ==, 0);
        d.heap = buffer;
    }
    finish();
}

/* A large frame goes only to a driver that takes it, and says how to cut it (5.1.6.4). */
static void test_receive_large(void)
{
    static const uint8_t expected[HEADER] = { 1, 1, 54, 0, 0xb4, 5, 34, 0, 16, 0, 8, 0 };
    static uint8_t frame[30000];
    uint16_t head;
    uint32_t size, total = 0;
    fill_frame(frame, sizeof(frame), 8);
    setup(F_RINGS | F_MRG_RXBUF | F_GUEST_CSUM);
    const struct net_client *client = card_side->client;
    g_assert_false(client->takes_large(card_side->client_opaque));
    driver_start(&d, F_RINGS | F_GUEST_CSUM | F_GUEST_TSO4, 64);
    g_assert_false(client->takes_large(card_side->client_opaque));
    driver_start(&d, F_RINGS | F_MRG_RXBUF | F_GUEST_CSUM | F_GUEST_TSO4, 64);
    g_assert_true(client->takes_large(card_side->client_opaque));
    gpa_t buffer = driver_alloc(&d, 8 * 4096, 16);
    for (unsigned i = 0; i < 7; i++) {
        add_buffer(buffer + i * 4096, 4096);
    }
    g_assert_false(client->receive_large(card_side->client_opaque, frame, sizeof(frame), 1460));
    add_buffer(buffer + 7 * 4096, 4096);
    g_assert_true(client->receive_large(card_side->client_opaque, frame, sizeof(frame), 1460));
    g_assert_cmpmem(driver_at(&d, buffer), HEADER, expected, HEADER);
    while (driver_take_used(&d, RX, &head, &size)) {
        total += size;
    }
    g_assert_cmpuint(total, ==, HEADER + sizeof(frame));
    g_assert_true(memcmp(driver_at(&d, buffer + HEADER), frame, sizeof(frame)) == 0);
    finish();
}

static void test_bad_receive(void)
{
    uint8_t frame[100] = { 0 };
    setup(F_RINGS);
    add_buffer(driver_alloc(&d, 11, 1), 11);
    net_send(wire, frame, sizeof(frame));
    g_assert_true(d.dev->broken);
    net_send(wire, frame, sizeof(frame)); /* nobody listens: lost */
    driver_start(&d, F_RINGS, 64);
    uint16_t head;
    uint32_t size;
    add_buffer(driver_alloc(&d, 200, 1), 200);
    driver_kick(&d, RX);
    driver_poll(&d);
    g_assert_false(driver_take_used(&d, RX, &head, &size));
    net_send(wire, frame, sizeof(frame));
    g_assert_true(driver_take_used(&d, RX, &head, &size));
    finish();
}

static void test_refused(void)
{
    static const uint8_t multicast[6] = { 0x01, 0, 0x5e, 0, 0, 1 };
    struct net_backend *a, *b;
    g_autoptr(GError) error = NULL;
    setup(F_RINGS);
    g_assert_null(virtio_net_new("net1", &d.services, card_side, mac, &error));
    g_assert_nonnull(strstr(error->message, "net1"));
    g_clear_error(&error);
    net_pair_new(d.ctx, &a, &b);
    g_assert_null(virtio_net_new("net1", &d.services, a, multicast, &error));
    g_assert_nonnull(strstr(error->message, "01:00:5e:00:00:01"));
    net_free(a);
    net_free(b);
    finish();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/virtio-net/identity", test_identity);
    g_test_add_func("/virtio-net/transmit", test_transmit);
    g_test_add_func("/virtio-net/bad-transmit", test_bad_transmit);
    g_test_add_func("/virtio-net/segmentation", test_segmentation);
    g_test_add_func("/virtio-net/checksum", test_checksum);
    g_test_add_func("/virtio-net/receive", test_receive);
    g_test_add_func("/virtio-net/no-room", test_no_room);
    g_test_add_func("/virtio-net/merge", test_merge);
    g_test_add_func("/virtio-net/echo", test_echo);
    g_test_add_func("/virtio-net/receive-large", test_receive_large);
    g_test_add_func("/virtio-net/bad-receive", test_bad_receive);
    g_test_add_func("/virtio-net/refused", test_refused);
    return g_test_run();
}
