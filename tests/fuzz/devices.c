/* Goal: no sequence of register accesses, input, breaks, time and resets makes a device of the
 * board crash, hang or reach memory it should not. */
#include <string.h>

#include <glib.h>

#include "emu/dev/devices.h"
#include "tests/device/world.h"
#include "tests/fuzz/fuzz.h"

#define STEPS_MAX 500u

static const struct device_class *const classes[] = {
    &uart16550_class, &clint_class, &plic_class, &goldfish_rtc_class,
    &syscon_class, &fw_cfg_class, &pflash_class, &ps2_button_class,
};

static struct world world;
static struct world_chardev peer;
static struct world_line lines[8];
static uint8_t *array; /* of the flash */

/* An offset that a row of the class has, or any. */
static uint32_t fuzz_offset(struct fuzz_input *input, const struct device_class *class)
{
    unsigned rows = 0;
    while (class->regs[rows].name != NULL) {
        rows++;
    }
    unsigned row = fuzz_byte(input) % (rows + 1);
    if (row == rows) {
        return (uint32_t)fuzz_number(input, 4);
    }
    const struct device_reg *reg = &class->regs[row];
    uint32_t stride = reg->stride != 0 ? reg->stride : reg->size;
    uint8_t element = reg->count > 1 ? fuzz_byte(input) : 0;
    return reg->offset + (element < 200 ? element % 8 : element * 64u) * stride;
}

/* A number as drivers write them: small, a single bit, an address in RAM in either byte order. */
static uint64_t fuzz_value(struct fuzz_input *input)
{
    uint8_t kind = fuzz_byte(input);
    gpa_t address = WORLD_RAM_BASE + fuzz_number(input, 2);
    switch (kind % 6) {
    case 0:  return address;
    case 1:  return GUINT64_SWAP_LE_BE(address);
    case 2:  return GUINT32_SWAP_LE_BE((uint32_t)address);
    case 3:  return 1ull << (kind >> 2);
    case 4:  return fuzz_number(input, 8);
    default: return fuzz_byte(input);
    }
}

static void fuzz_access(struct fuzz_input *input, struct device *dev)
{
    unsigned size = 1u << (fuzz_byte(input) & 3);
    uint32_t offset = fuzz_offset(input, dev->class) & ~(size - 1);
    uint64_t value = 0;
    if (fuzz_byte(input) % 2 == 0) {
        device_read(dev, offset, size, &value);
    } else {
        device_write(dev, offset, size, fuzz_value(input));
    }
}

/* What happens outside of the guest. */
static void fuzz_outside(struct fuzz_input *input, struct device *dev)
{
    static const char text[] = "the quick brown fox jumps over the lazy dog";
    uint8_t kind = fuzz_byte(input);
    bool uart = dev->class == &uart16550_class;
    switch (kind % 6) {
    case 0: world_advance(&world, &world.virtual_clock, (int64_t)fuzz_number(input, 4)); break;
    case 1: world_advance(&world, &world.wall_clock, (int64_t)fuzz_number(input, 4)); break;
    case 2: memset(world.ram + 16 * kind, kind, 16); break;
    case 3:
        if (uart) {
            world_chardev_inject(&peer, text + kind % sizeof(text));
        }
        break;
    case 4:
        if (uart) {
            peer.chardev.client->event(peer.chardev.client_opaque, CHARDEV_BREAK);
        }
        break;
    default:
        peer.room = kind % 4 == 0 ? SIZE_MAX : kind;
        if (uart) {
            peer.chardev.client->writable(peer.chardev.client_opaque);
        }
        if (dev->class == &ps2_button_class) {
            ps2_button_press(dev);
        }
        if (dev->class == &plic_class) {
            struct irq_line line = plic_source(dev, 1 + kind % 127);
            irq_set(&line, kind >= 128);
        }
        break;
    }
}

static struct device *fuzz_make(const struct device_class *class)
{
    struct device *dev = world_device(&world, class);
    if (class == &uart16550_class) {
        uart16550_connect(dev, &peer.chardev);
    } else if (class == &pflash_class) {
        pflash_connect(dev, array, NULL);
    } else if (class == &fw_cfg_class) {
        g_assert_true(fw_cfg_add_file(dev, "opt/fuzz", "0123456789", 10, NULL));
    }
    for (unsigned i = 0; i < 4 && (class == &clint_class || class == &plic_class); i++) {
        if (class == &clint_class) {
            clint_connect(dev, i, world_line_to(&lines[i]), world_line_to(&lines[4 + i]));
        } else {
            plic_connect(dev, i, world_line_to(&lines[i]));
        }
    }
    return dev;
}

static void fuzz_start(void)
{
    world_start(&world);
    world_chardev_start(&peer, &world);
    array = g_malloc0(PFLASH_SIZE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool started;
    struct fuzz_input input = { data, size };
    if (!started) {
        started = true;
        fuzz_start();
    }
    struct device *dev = fuzz_make(classes[fuzz_byte(&input) % G_N_ELEMENTS(classes)]);
    for (unsigned step = 0; step < STEPS_MAX && input.left != 0; step++) {
        uint8_t what = fuzz_byte(&input);
        if (what == 0) {
            device_reset(dev);
        } else if (what % 4 == 0) {
            fuzz_outside(&input, dev);
        } else {
            fuzz_access(&input, dev);
        }
        if (what % 8 == 1) {
            world_settle(&world);
        }
    }
    device_free(dev);
    world_settle(&world);
    g_byte_array_set_size(peer.out, 0);
    peer.room = SIZE_MAX;
    return 0;
}
