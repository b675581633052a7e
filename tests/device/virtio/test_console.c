/* Goal: a console passes every byte both ways on each port, however slow the other end is. */
#include <string.h>

#include <glib.h>

#include "emu/chardev/backend.h"
#include "tests/device/virtio/driver.h"

enum { RX, TX, CONTROL_RX, CONTROL_TX, PORT1_RX, PORT1_TX };
enum { F_MULTIPORT = 1 };

#define ONE_PORT (UINT64_MAX & ~(1ull << F_MULTIPORT))

/* A chardev that takes only so much, and a terminal of a known size. */
struct slow {
    struct chardev chardev;
    size_t room;
    GByteArray *output;
    unsigned columns, rows;
};

static struct driver d;
static struct slow *slow;

static size_t slow_write(struct chardev *chardev, const uint8_t *data, size_t size)
{
    struct slow *s = (struct slow *)chardev;
    size_t taken = MIN(size, s->room);
    g_byte_array_append(s->output, data, (guint)taken);
    s->room -= taken;
    return taken;
}

static bool slow_get_size(struct chardev *chardev, unsigned *ret_columns, unsigned *ret_rows)
{
    const struct slow *s = (struct slow *)chardev;
    *ret_columns = s->columns;
    *ret_rows = s->rows;
    return s->columns > 0;
}

static void slow_close(struct chardev *chardev)
{
    g_byte_array_unref(((struct slow *)chardev)->output);
    chardev_release(chardev);
}

static const struct chardev_class slow_class = {
    .name = "slow",
    .write = slow_write,
    .get_size = slow_get_size,
    .close = slow_close,
};

static void setup(unsigned columns)
{
    g_autoptr(GError) error = NULL;
    driver_init(&d);
    slow = chardev_alloc(&slow_class, d.ctx, "slow", sizeof(*slow));
    slow->output = g_byte_array_new();
    slow->room = SIZE_MAX;
    slow->columns = columns;
    slow->rows = 50;
    const struct virtio_console_port port = { .chardev = &slow->chardev, .terminal = true };
    struct virtio_device *dev = virtio_console_new("con0", &d.services, &port, 1, &error);
    g_assert_no_error(error);
    driver_plug(&d, dev);
    driver_start(&d, ONE_PORT, 16);
    driver_poll(&d);
}

static void finish(void)
{
    driver_unplug(&d);
    chardev_free(&slow->chardev);
    driver_finish(&d);
}

static gpa_t send(const char *text)
{
    gpa_t data = driver_alloc(&d, strlen(text), 1);
    memcpy(driver_at(&d, data), text, strlen(text));
    driver_add(&d, TX, &(struct driver_segment){ data, (uint32_t)strlen(text), false }, 1);
    driver_kick(&d, TX);
    driver_poll(&d);
    return data;
}

static void check_output(const char *text)
{
    g_assert_cmpuint(slow->output->len, ==, strlen(text));
    g_assert_true(memcmp(slow->output->data, text, strlen(text)) == 0);
}

static void test_output(void)
{
    uint16_t head;
    uint32_t size;
    setup(0);
    send("Hello, ");
    send("world\n");
    check_output("Hello, world\n");
    driver_wait_used(&d, TX, &head, &size);
    g_assert_cmpuint(size, ==, 0);
    driver_wait_used(&d, TX, &head, &size);
    finish();
}

/* Output that finds no room waits in the guest's queue, and goes on where it stopped. */
static void test_slow_output(void)
{
    uint16_t head;
    uint32_t size;
    setup(0);
    slow->room = 5;
    send("0123456789");
    send("abc");
    check_output("01234");
    g_assert_false(driver_take_used(&d, TX, &head, &size));
    slow->room = 3;
    chardev_client_writable(&slow->chardev);
    driver_poll(&d);
    check_output("01234567");
    g_assert_false(driver_take_used(&d, TX, &head, &size));
    slow->room = 100;
    chardev_client_writable(&slow->chardev);
    driver_poll(&d);
    check_output("0123456789abc");
    g_assert_true(driver_take_used(&d, TX, &head, &size));
    g_assert_true(driver_take_used(&d, TX, &head, &size));
    slow->room = 1;
    send("xyz");
    driver_start(&d, ONE_PORT, 16); /* a reset forgets the half that was sent */
    slow->room = 100;
    send("new");
    check_output("0123456789abcxnew");
    finish();
}

static void test_input(void)
{
    uint16_t head;
    uint32_t size;
    setup(0);
    g_assert_cmpuint(chardev_client_room(&slow->chardev), ==, 0); /* no buffer yet */
    gpa_t data = driver_alloc(&d, 64, 1);
    driver_add(&d, RX, &(struct driver_segment){ data, 4, true }, 1);
    g_assert_cmpuint(chardev_client_room(&slow->chardev), ==, 4);
    g_assert_cmpuint(chardev_client_room(&slow->chardev), ==, 4); /* asking changes nothing */
    chardev_client_receive(&slow->chardev, (const uint8_t *)"ab", 2);
    g_assert_true(d.irq_level);
    g_assert_true(driver_take_used(&d, RX, &head, &size));
    g_assert_cmpuint(size, ==, 2);
    g_assert_cmpmem(driver_at(&d, data), 2, "ab", 2);
    g_assert_cmpuint(chardev_client_room(&slow->chardev), ==, 0);
    const struct driver_segment two[] = { { data + 8, 3, true }, { data + 20, 3, true } };
    driver_add(&d, RX, two, 2);
    chardev_client_receive(&slow->chardev, (const uint8_t *)"uvwxyz", 6);
    g_assert_true(driver_take_used(&d, RX, &head, &size));
    g_assert_cmpuint(size, ==, 6);
    g_assert_cmpmem(driver_at(&d, data + 8), 3, "uvw", 3);
    g_assert_cmpmem(driver_at(&d, data + 20), 3, "xyz", 3);
    driver_put(&d, 0x70, 0);
    g_assert_cmpuint(chardev_client_room(&slow->chardev), ==, 0);
    finish();
}

static void test_size(void)
{
    uint64_t value;
    setup(132);
    g_assert_true(virtio_has_feature(d.dev, 0));
    g_assert_true(bus_read(d.bus, DRIVER_MMIO + 0x100, 4, &value));
    g_assert_cmpuint(value, ==, 50u << 16 | 132);
    finish();
    setup(0);
    g_assert_false(virtio_has_feature(d.dev, 0));
    finish();
}

static void test_emergency(void)
{
    setup(0);
    driver_put(&d, 0x70, 0);
    driver_put(&d, 0x108, '!'); /* even without a driver */
    check_output("!");
    finish();
}

static void test_bad_buffers(void)
{
    setup(0);
    driver_add(&d, RX, &(struct driver_segment){ driver_alloc(&d, 4, 1), 4, false }, 1);
    g_assert_cmpuint(chardev_client_room(&slow->chardev), ==, 0);
    g_assert_true(d.dev->broken);
    driver_start(&d, ONE_PORT, 16);
    send("alive");
    check_output("alive");
    finish();
}

static void test_taken(void)
{
    g_autoptr(GError) error = NULL;
    setup(0);
    const struct virtio_console_port port = { .chardev = &slow->chardev };
    g_assert_null(virtio_console_new("con1", &d.services, &port, 1, &error));
    g_assert_nonnull(strstr(error->message, "slow"));
    finish();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/virtio-console/output", test_output);
    g_test_add_func("/virtio-console/slow-output", test_slow_output);
    g_test_add_func("/virtio-console/input", test_input);
    g_test_add_func("/virtio-console/size", test_size);
    g_test_add_func("/virtio-console/emergency", test_emergency);
    g_test_add_func("/virtio-console/bad-buffers", test_bad_buffers);
    g_test_add_func("/virtio-console/taken", test_taken);
    return g_test_run();
}
