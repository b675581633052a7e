/*
 * Reads an input as a program for a hostile driver: registers, rings and descriptors good and bad,
 * notifications, events from outside, resets at any time.
 */
#include "tests/fuzz/virtio.h"

#include <string.h>

#include <glib.h>

#define AREA       65536u              /* where the rings and most buffers lie */
#define BUFFERS    (DRIVER_RAM + AREA) /* well-formed requests */
#define RAM_SIZE   262144u             /* small: it is cleared for each input */
#define STEPS_MAX  400u
#define PASSES_MAX 64u

static struct driver d;

/* An address: mostly in RAM, sometimes at its edges, in a device, in ROM, or anywhere. */
static gpa_t fuzz_address(struct fuzz_input *input)
{
    uint8_t kind = fuzz_byte(input);
    uint32_t offset = (uint32_t)fuzz_number(input, 2);
    switch (kind % 16) {
    case 0: return DRIVER_RAM + RAM_SIZE - offset % 64;
    case 1: return DRIVER_RAM - offset % 64;
    case 2: return DRIVER_MMIO + offset % 0x1000;
    case 3: return DRIVER_OTHER + offset % 0x1000;
    case 4: return DRIVER_ROM + offset % 0x1000;
    case 5: return fuzz_number(input, 8);
    case 6: return UINT64_MAX - offset % 64;
    default: return DRIVER_RAM + offset;
    }
}

static uint32_t fuzz_size(struct fuzz_input *input)
{
    uint8_t kind = fuzz_byte(input);
    switch (kind % 8) {
    case 0: return (uint32_t)fuzz_number(input, 4);
    case 1: return (uint32_t)fuzz_number(input, 3);
    case 2: return 16u * (kind >> 3);
    case 3: return kind >> 6;
    default: return (uint32_t)fuzz_number(input, 1);
    }
}

static unsigned fuzz_queue(struct fuzz_input *input)
{
    return fuzz_byte(input) % d.dev->queue_count;
}

static void fuzz_poke_register(struct fuzz_input *input)
{
    static const uint16_t offsets[] = { 0x14, 0x20, 0x24, 0x30, 0x38, 0x44, 0x50, 0x64,
                                        0x70, 0x80, 0x84, 0x90, 0x94, 0xa0, 0xa4, 0xac };
    uint8_t kind = fuzz_byte(input);
    uint16_t offset = kind < 200 ? offsets[kind % G_N_ELEMENTS(offsets)]
                                 : (uint16_t)(fuzz_number(input, 2) % 0x1000);
    unsigned size = kind < 200 ? 4 : 1u << (kind & 3);
    uint64_t value = (kind & 16) != 0 ? fuzz_number(input, 4) : fuzz_byte(input);
    bus_write(d.bus, DRIVER_MMIO + offset / size * size, size, value);
}

static void fuzz_read_register(struct fuzz_input *input)
{
    unsigned size = 1u << (fuzz_byte(input) & 3);
    uint64_t value;
    bus_read(d.bus, DRIVER_MMIO + fuzz_number(input, 2) % 0x1000 / size * size, size, &value);
}

static void fuzz_write_memory(struct fuzz_input *input)
{
    gpa_t address = DRIVER_RAM + fuzz_number(input, 2) % (AREA - 16);
    for (unsigned i = fuzz_byte(input) % 16; i > 0; i--) {
        *driver_at(&d, address + i) = fuzz_byte(input);
    }
}

/* One descriptor of anything. Its next is in the table, or just behind it. */
static void fuzz_write_desc(struct fuzz_input *input, gpa_t table, unsigned index, unsigned size)
{
    gpa_t address = fuzz_address(input);
    uint32_t length = fuzz_size(input);
    uint16_t flags = fuzz_byte(input) & 7, next = (uint16_t)(fuzz_byte(input) % (size + 1));
    driver_write_desc(&d, table, index, address, length, flags, next);
}

/* A chain that is good but for one descriptor, which the driver makes available. */
static void fuzz_chain(struct fuzz_input *input)
{
    unsigned index = fuzz_queue(input);
    const struct driver_queue *q = &d.queue[index];
    uint8_t kind = fuzz_byte(input);
    if (q->size == 0) {
        return;
    }
    bool indirect = (kind & 1) != 0;
    unsigned count = 1 + (kind >> 1 & 3), size = indirect ? count : q->size;
    d.heap = BUFFERS;
    gpa_t table = indirect ? driver_alloc(&d, 16u * count, 16) : q->desc;
    for (unsigned i = 0; i < count; i++) {
        uint16_t flags = (uint16_t)((i > (unsigned)kind >> 6) << 1 | (i + 1 < count));
        driver_write_desc(&d, table, i % size, BUFFERS + 4096 + i * 64, 16 + i, flags,
                          (uint16_t)((i + 1) % size));
    }
    if ((kind & 8) != 0) {
        fuzz_write_desc(input, table, fuzz_byte(input) % MIN(count, size), size);
    }
    if (indirect) {
        driver_write_desc(&d, q->desc, 0, table, 16u * count, DESC_INDIRECT, 0);
    }
    driver_make_available(&d, index, 0);
    driver_kick(&d, index);
}

static void fuzz_avail(struct fuzz_input *input)
{
    unsigned index = fuzz_queue(input);
    const struct driver_queue *q = &d.queue[index];
    uint8_t kind = fuzz_byte(input);
    if (q->size == 0) {
        return;
    }
    if (kind < 8) {
        driver_set_avail_index(&d, index, (uint16_t)fuzz_number(input, 2));
    } else {
        uint16_t any = (uint16_t)fuzz_number(input, 2);
        driver_make_available(&d, index, (uint16_t)(kind < 16 ? any : any % (q->size + 1u)));
    }
}

/* A request as a driver would send it, or nearly. */
static void fuzz_request(struct fuzz_input *input)
{
    struct driver_segment segments[6];
    unsigned index = fuzz_queue(input), count = 1 + fuzz_byte(input) % 5;
    if (d.queue[index].size < 8) {
        return;
    }
    d.heap = BUFFERS + fuzz_byte(input) * 256u;
    for (unsigned i = 0; i < count; i++) {
        uint32_t size = i == 0 ? fuzz_device.header_size : fuzz_size(input) % 8192;
        size += size == 0;
        segments[i] = (struct driver_segment){ driver_alloc(&d, size, 1), size, i > 0 };
    }
    if (fuzz_device.header_size > 0) {
        fuzz_device.header(driver_at(&d, segments[0].address), input);
    }
    uint8_t direction = fuzz_byte(input); /* how many are readable */
    for (unsigned i = 0; i < count; i++) {
        segments[i].write = i >= direction % (count + 1);
    }
    if ((direction & 64) != 0) {
        driver_add_indirect(&d, index, segments, count);
    } else {
        driver_add(&d, index, segments, count);
    }
    driver_kick(&d, index);
}

/* Some passes of the loop: a device always comes to an end of its work. */
static void fuzz_poll(unsigned passes)
{
    host_mutex_lock(&d.lock);
    while (passes-- > 0 && aio_poll(d.ctx, false)) {
    }
    host_mutex_unlock(&d.lock);
}

static void fuzz_start(struct fuzz_input *input)
{
    uint64_t features = fuzz_number(input, 5) | 1ull << VIRTIO_F_VERSION_1;
    driver_start(&d, features, (uint16_t)(1u << (fuzz_byte(input) % 9)));
}

static void fuzz_step(struct fuzz_input *input)
{
    switch (fuzz_byte(input) % 16) {
    case 0: fuzz_poke_register(input); break;
    case 1: fuzz_read_register(input); break;
    case 2: fuzz_write_memory(input); break;
    case 3:
    case 4: fuzz_chain(input); break;
    case 5: fuzz_avail(input); break;
    case 6: driver_put(&d, 0x50, fuzz_byte(input) % 4); break;
    case 7: fuzz_poll(1); break;
    case 8: fuzz_start(input); break;
    case 9:
        if (fuzz_device.outside != NULL) {
            host_mutex_lock(&d.lock);
            fuzz_device.outside(&d, input);
            host_mutex_unlock(&d.lock);
        }
        break;
    case 10: fuzz_poll(PASSES_MAX); break;
    default: fuzz_request(input); break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = { data, size };
    driver_init_sized(&d, RAM_SIZE);
    if (fuzz_device.choose != NULL) {
        fuzz_device.choose(fuzz_byte(&input));
    }
    driver_plug(&d, fuzz_device.make(&d));
    driver_start(&d, UINT64_MAX, 16);
    for (unsigned i = 0; i < STEPS_MAX && input.left > 0; i++) {
        fuzz_step(&input);
    }
    fuzz_poll(PASSES_MAX);
    driver_unplug(&d);
    host_mutex_lock(&d.lock);
    fuzz_device.finish(&d);
    host_mutex_unlock(&d.lock);
    driver_finish(&d);
    return 0;
}
