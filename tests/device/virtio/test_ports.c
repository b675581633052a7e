/* Goal: a driver learns of a console's ports as the specification says, and each is its own. */
#include <string.h>

#include <glib.h>

#include "emu/chardev/backend.h"
#include "tests/device/virtio/driver.h"

enum { CONTROL_RX = 2, CONTROL_TX = 3, PORT1_RX = 4, PORT1_TX = 5 };
enum { READY, ADD, REMOVE, PORT_READY, CONSOLE, RESIZE, OPEN, NAME };

#define BUFFER 128
#define PORT   1

/* A chardev whose other end comes and goes, and that hears when the guest opens the port. */
struct peer {
    struct chardev chardev;
    bool guest_open;
    GByteArray *output;
};

static struct driver d;
static struct peer *terminal, *stream;
static gpa_t buffers;
static unsigned given, taken;

static size_t peer_write(struct chardev *chardev, const uint8_t *data, size_t size)
{
    g_byte_array_append(((struct peer *)chardev)->output, data, (guint)size);
    return size;
}

static void peer_client_open(struct chardev *chardev, bool open)
{
    struct peer *peer = (struct peer *)chardev;
    g_assert_cmpint(peer->guest_open, !=, open);
    peer->guest_open = open;
}

static bool peer_get_size(struct chardev *chardev, unsigned *ret_columns, unsigned *ret_rows)
{
    *ret_columns = 100;
    *ret_rows = 40;
    return chardev == &terminal->chardev;
}

static void peer_close(struct chardev *chardev)
{
    g_byte_array_unref(((struct peer *)chardev)->output);
    chardev_release(chardev);
}

static const struct chardev_class peer_class = {
    .name = "peer",
    .write = peer_write,
    .client_open = peer_client_open,
    .get_size = peer_get_size,
    .close = peer_close,
};

static struct peer *peer_new(const char *id)
{
    struct peer *peer = chardev_alloc(&peer_class, d.ctx, id, sizeof(*peer));
    peer->output = g_byte_array_new();
    return peer;
}

/* Gives buffers for control messages. */
static void give(unsigned count)
{
    for (; count > 0; count--, given++) {
        driver_add(&d, CONTROL_RX,
                   &(struct driver_segment){ buffers + BUFFER * given, BUFFER, true }, 1);
    }
    driver_kick(&d, CONTROL_RX);
    driver_poll(&d);
}

static void setup(unsigned buffer_count)
{
    g_autoptr(GError) error = NULL;
    driver_init(&d);
    terminal = peer_new("terminal");
    stream = peer_new("stream");
    terminal->chardev.open = true;
    const struct virtio_console_port ports[] = {
        { 0, &terminal->chardev, NULL, true },
        { PORT, &stream->chardev, "org.test.0", false },
    };
    driver_plug(&d, virtio_console_new("con0", &d.services, ports, 2, &error));
    g_assert_no_error(error);
    driver_start(&d, UINT64_MAX, 16);
    buffers = driver_alloc(&d, 65536, 8);
    given = taken = 0;
    give(buffer_count);
}

static void finish(void)
{
    driver_unplug(&d);
    chardev_free(&terminal->chardev);
    chardev_free(&stream->chardev);
    driver_finish(&d);
}

static void tell(uint32_t port, uint16_t event, uint16_t value)
{
    uint16_t head;
    uint32_t size;
    gpa_t at = driver_alloc(&d, 8, 8);
    uint8_t *message = driver_at(&d, at);
    message[0] = (uint8_t)port;
    message[4] = (uint8_t)event;
    message[6] = (uint8_t)value;
    driver_add(&d, CONTROL_TX, &(struct driver_segment){ at, 8, false }, 1);
    driver_kick(&d, CONTROL_TX);
    driver_wait_used(&d, CONTROL_TX, &head, &size);
}

/* The next message; `rest` is what follows its header. */
static void expect(uint32_t port, uint16_t event, uint16_t value, const char *rest, int rest_size)
{
    uint16_t head;
    uint32_t size;
    driver_poll(&d);
    g_assert_true(driver_take_used(&d, CONTROL_RX, &head, &size));
    const uint8_t *message = driver_at(&d, buffers + BUFFER * taken++);
    g_assert_cmpuint(message[0] | message[1] << 8, ==, port);
    g_assert_cmpuint(message[4] | message[5] << 8, ==, event);
    g_assert_cmpuint(message[6] | message[7] << 8, ==, value);
    g_assert_cmpmem(message + 8, size - 8, rest, rest_size);
}

static void expect_nothing(void)
{
    uint16_t head;
    uint32_t size;
    driver_poll(&d);
    g_assert_false(driver_take_used(&d, CONTROL_RX, &head, &size));
}

static void introduce(void)
{
    tell(0, READY, 1);
    expect(0, ADD, 0, "", 0);
    expect(PORT, ADD, 0, "", 0);
    tell(0, PORT_READY, 1);
    expect(0, CONSOLE, 1, "", 0);
    expect(0, RESIZE, 0, "\144\0\50\0", 4);
    expect(0, OPEN, 1, "", 0);
    tell(PORT, PORT_READY, 1);
    expect(PORT, NAME, 1, "org.test.0", 10);
    expect_nothing();
}

static void test_introduction(void)
{
    uint64_t value;
    setup(16);
    g_assert_true(bus_read(d.bus, DRIVER_MMIO + 0x104, 4, &value));
    g_assert_cmpuint(value, ==, VIRTIO_CONSOLE_PORTS);
    expect_nothing();
    introduce();
    tell(PORT, PORT_READY, 1); /* once is enough */
    tell(7, PORT_READY, 1);    /* no such port */
    tell(255, OPEN, 1);
    expect_nothing();
    finish();
}

/* Messages wait for buffers; none is lost, none is told twice. */
static void test_few_buffers(void)
{
    setup(1);
    tell(0, READY, 1);
    tell(0, PORT_READY, 1);
    expect(0, ADD, 0, "", 0);
    expect_nothing();
    give(1);
    expect(0, CONSOLE, 1, "", 0);
    give(8);
    expect(0, RESIZE, 0, "\144\0\50\0", 4);
    expect(0, OPEN, 1, "", 0);
    expect(PORT, ADD, 0, "", 0);
    expect_nothing();
    finish();
}

static void test_open(void)
{
    setup(9);
    introduce();
    g_assert_false(stream->guest_open);
    tell(PORT, OPEN, 1);
    g_assert_true(stream->guest_open);
    tell(PORT, OPEN, 1);
    chardev_client_event(&stream->chardev, CHARDEV_OPENED);
    expect(PORT, OPEN, 1, "", 0);
    chardev_client_event(&stream->chardev, CHARDEV_CLOSED);
    expect(PORT, OPEN, 0, "", 0);
    /* Without buffers only what still counts is told later. */
    for (unsigned i = 0; i < 100; i++) {
        chardev_client_event(&stream->chardev, CHARDEV_OPENED);
        chardev_client_event(&stream->chardev, CHARDEV_CLOSED);
    }
    expect(PORT, OPEN, 1, "", 0); /* there was one buffer left */
    expect_nothing();
    give(8);
    expect(PORT, OPEN, 0, "", 0);
    expect_nothing();
    driver_put(&d, 0x70, 0);
    g_assert_false(stream->guest_open);
    finish();
}

static void test_data(void)
{
    uint16_t head;
    uint32_t size;
    setup(16);
    introduce();
    gpa_t data = driver_alloc(&d, 64, 1);
    driver_add(&d, PORT1_RX, &(struct driver_segment){ data, 8, true }, 1);
    g_assert_cmpuint(chardev_client_room(&stream->chardev), ==, 0); /* nobody reads the port */
    tell(PORT, OPEN, 1);
    g_assert_cmpuint(chardev_client_room(&stream->chardev), ==, 8);
    g_assert_cmpuint(chardev_client_room(&terminal->chardev), ==, 0);
    chardev_client_receive(&stream->chardev, (const uint8_t *)"input", 5);
    g_assert_true(driver_take_used(&d, PORT1_RX, &head, &size));
    g_assert_cmpmem(driver_at(&d, data), size, "input", 5);
    memcpy(driver_at(&d, data + 16), "output", 6);
    driver_add(&d, PORT1_TX, &(struct driver_segment){ data + 16, 6, false }, 1);
    driver_kick(&d, PORT1_TX);
    driver_wait_used(&d, PORT1_TX, &head, &size);
    g_assert_cmpmem(stream->output->data, stream->output->len, "output", 6);
    g_assert_cmpuint(terminal->output->len, ==, 0);
    tell(PORT, OPEN, 0);
    driver_add(&d, PORT1_RX, &(struct driver_segment){ data, 8, true }, 1);
    g_assert_cmpuint(chardev_client_room(&stream->chardev), ==, 0);
    finish();
}

static void test_bad_messages(void)
{
    setup(0);
    driver_add(&d, CONTROL_TX, &(struct driver_segment){ buffers, 7, false }, 1);
    driver_kick(&d, CONTROL_TX);
    driver_poll(&d);
    g_assert_true(d.dev->broken);
    driver_start(&d, UINT64_MAX, 16);
    driver_add(&d, CONTROL_RX, &(struct driver_segment){ buffers, 7, true }, 1);
    driver_kick(&d, CONTROL_RX);
    tell(0, READY, 1);
    driver_poll(&d);
    g_assert_true(d.dev->broken);
    finish();
}

static void test_long_name(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *name = g_strnfill(65, 'x');
    setup(0);
    struct chardev *other = chardev_new_memory(d.ctx, "other");
    const struct virtio_console_port port = { 1, other, name, false };
    g_assert_null(virtio_console_new("con1", &d.services, &port, 1, &error));
    g_assert_nonnull(strstr(error->message, "64"));
    chardev_free(other);
    finish();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/virtio-ports/introduction", test_introduction);
    g_test_add_func("/virtio-ports/few-buffers", test_few_buffers);
    g_test_add_func("/virtio-ports/open", test_open);
    g_test_add_func("/virtio-ports/data", test_data);
    g_test_add_func("/virtio-ports/bad-messages", test_bad_messages);
    g_test_add_func("/virtio-ports/long-name", test_long_name);
    return g_test_run();
}
