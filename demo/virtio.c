#include "demo/virtio.h"

#include "demo/lib.h"
#include "demo/machine.h"
#include "demo/riscv.h"
#include "demo/trap.h"

enum {
    REG_MAGIC = 0x00, REG_VERSION = 0x04, REG_DEVICE = 0x08, REG_FEATURES = 0x10,
    REG_FEATURES_SEL = 0x14, REG_DRIVER = 0x20, REG_DRIVER_SEL = 0x24, REG_QUEUE_SEL = 0x30,
    REG_QUEUE_MAX = 0x34, REG_QUEUE_SIZE = 0x38, REG_QUEUE_READY = 0x44, REG_NOTIFY = 0x50,
    REG_STATUS = 0x70, REG_DESC = 0x80, REG_AVAIL = 0x90, REG_USED = 0xa0, REG_CONFIG = 0x100,
};
enum { STATUS_ACKNOWLEDGE = 1, STATUS_DRIVER = 2, STATUS_GO = 4, STATUS_FEATURES_OK = 8 };
enum { DESC_NEXT = 1, DESC_WRITE = 2 };

#define MAGIC        0x74726976
#define VERSION      2 /* of the transport: not the legacy one */
#define F_VERSION_1  (1ull << 32)
#define WAIT_STEP_US 1000

struct virtio_desc {
    uint64_t address;
    uint32_t size;
    uint16_t flags, next;
};

struct virtio_avail {
    uint16_t flags;
    volatile uint16_t index;
    uint16_t ring[QUEUE_SIZE];
};

struct virtio_used {
    uint16_t flags, index;
    struct {
        uint32_t id, length;
    } ring[QUEUE_SIZE];
};

const char *virtio_name(uint32_t id)
{
    static const struct {
        uint32_t id;
        const char *name;
    } names[] = {
        { VIRTIO_NET, "net" }, { VIRTIO_BLOCK, "block" }, { VIRTIO_CONSOLE, "console" },
        { VIRTIO_RNG, "rng" }, { VIRTIO_9P, "9p" },       { VIRTIO_GPU, "gpu" },
        { VIRTIO_INPUT, "input" }, { VIRTIO_SOUND, "sound" },
    };
    for (unsigned i = 0; i < COUNT(names); i++) {
        if (names[i].id == id) {
            return names[i].name;
        }
    }
    return NULL;
}

uint32_t virtio_kind(unsigned slot)
{
    uint64_t base = machine.virtio[slot].address;
    return io_read32(base + REG_MAGIC) == MAGIC ? io_read32(base + REG_DEVICE) : 0;
}

bool virtio_open(struct virtio *dev, enum virtio_id id, unsigned index)
{
    for (unsigned i = 0; i < machine.virtio_count; i++) {
        if (virtio_kind(i) == id && index-- == 0) {
            *dev = (struct virtio){ .base = machine.virtio[i].address };
            io_write32(dev->base + REG_STATUS, 0);
            return true;
        }
    }
    return false;
}

static void status_add(struct virtio *dev, uint32_t bits)
{
    io_write32(dev->base + REG_STATUS, io_read32(dev->base + REG_STATUS) | bits);
}

bool virtio_begin(struct virtio *dev, uint64_t features)
{
    if (io_read32(dev->base + REG_VERSION) != VERSION) {
        return false;
    }
    status_add(dev, STATUS_ACKNOWLEDGE);
    status_add(dev, STATUS_DRIVER);
    features |= F_VERSION_1;
    for (unsigned half = 0; half < 2; half++) {
        io_write32(dev->base + REG_FEATURES_SEL, half);
        uint32_t offered = io_read32(dev->base + REG_FEATURES);
        io_write32(dev->base + REG_DRIVER_SEL, half);
        io_write32(dev->base + REG_DRIVER, offered & (uint32_t)(features >> 32 * half));
    }
    status_add(dev, STATUS_FEATURES_OK);
    dev->driven = (io_read32(dev->base + REG_STATUS) & STATUS_FEATURES_OK) != 0;
    return dev->driven;
}

static void queue_set_address(uint64_t at, const volatile void *address)
{
    io_write32(at, (uint32_t)(uintptr_t)address);
    io_write32(at + 4, (uint32_t)((uintptr_t)address >> 32));
}

bool virtio_add_queue(struct virtio *dev, struct virtio_queue *queue, uint32_t index)
{
    io_write32(dev->base + REG_QUEUE_SEL, index);
    uint32_t most = io_read32(dev->base + REG_QUEUE_MAX);
    if (most == 0) {
        return false;
    }
    *queue = (struct virtio_queue){
        .base = dev->base,
        .index = index,
        .size = (uint16_t)MIN(most, QUEUE_SIZE),
        .desc = memory_take(sizeof(struct virtio_desc) * QUEUE_SIZE, 16),
        .avail = memory_take(sizeof(struct virtio_avail), 16),
        .used = memory_take(sizeof(struct virtio_used), 16),
    };
    for (uint16_t i = 0; i < queue->size; i++) {
        queue->desc[i].next = (uint16_t)(i + 1);
    }
    queue->free_count = queue->size;
    io_write32(dev->base + REG_QUEUE_SIZE, queue->size);
    queue_set_address(dev->base + REG_DESC, queue->desc);
    queue_set_address(dev->base + REG_AVAIL, queue->avail);
    queue_set_address(dev->base + REG_USED, queue->used);
    io_write32(dev->base + REG_QUEUE_READY, 1);
    return true;
}

void virtio_go(struct virtio *dev)
{
    status_add(dev, STATUS_GO);
}

uint32_t virtio_config(const struct virtio *dev, unsigned offset, unsigned size)
{
    uint64_t at = dev->base + REG_CONFIG + offset;
    switch (size) {
    case 1: return *(volatile uint8_t *)at;
    case 2: return *(volatile uint16_t *)at;
    default: return *(volatile uint32_t *)at;
    }
}

void virtio_set_config(const struct virtio *dev, unsigned offset, uint8_t value)
{
    *(volatile uint8_t *)(dev->base + REG_CONFIG + offset) = value;
    fence_all();
}

void virtio_set_config32(const struct virtio *dev, unsigned offset, uint32_t value)
{
    io_write32(dev->base + REG_CONFIG + offset, value);
}

int queue_add(struct virtio_queue *queue, const struct virtio_part *parts, unsigned count)
{
    if (count > queue->free_count) {
        return -1;
    }
    uint16_t head = queue->free_head, at = head;
    for (unsigned i = 0; i < count; i++) {
        struct virtio_desc *desc = &queue->desc[at];
        desc->address = (uintptr_t)parts[i].data;
        desc->size = parts[i].size;
        desc->flags = (parts[i].device_writes ? DESC_WRITE : 0) | (i + 1 < count ? DESC_NEXT : 0);
        at = desc->next;
    }
    queue->free_head = at;
    queue->free_count = (uint16_t)(queue->free_count - count);
    queue->avail->ring[queue->avail->index % queue->size] = head;
    fence_all();
    queue->avail->index++;
    return head;
}

void queue_kick(struct virtio_queue *queue)
{
    io_write32(queue->base + REG_NOTIFY, queue->index);
}

/* Gives the descriptors of a request back. */
static void queue_free(struct virtio_queue *queue, uint16_t head)
{
    uint16_t last = head;
    unsigned count = 1;
    while (queue->desc[last].flags & DESC_NEXT) {
        last = queue->desc[last].next;
        count++;
    }
    queue->desc[last].next = queue->free_head;
    queue->free_head = head;
    queue->free_count = (uint16_t)(queue->free_count + count);
}

int queue_take(struct virtio_queue *queue, uint32_t *ret_length)
{
    if (queue->used->index == queue->used_seen) {
        return -1;
    }
    fence_all();
    unsigned slot = queue->used_seen++ % queue->size;
    uint16_t head = (uint16_t)queue->used->ring[slot].id;
    if (ret_length) {
        *ret_length = queue->used->ring[slot].length;
    }
    queue_free(queue, head);
    return head;
}

bool queue_call(struct virtio_queue *queue, const struct virtio_part *parts, unsigned count,
                uint64_t us, uint32_t *ret_length)
{
    uint64_t deadline = time_after_us(us);
    if (queue_add(queue, parts, count) < 0) {
        return false;
    }
    queue_kick(queue);
    while (queue_take(queue, ret_length) < 0) {
        if (time_now() > deadline) {
            return false;
        }
        irq_wait(time_after_us(WAIT_STEP_US));
    }
    return true;
}
