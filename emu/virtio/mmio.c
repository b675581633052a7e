/*
 * The MMIO transport. Source: VIRTIO 1.2, section 4.2; the register list is table 4.1. Not
 * modelled: the legacy interface (4.2.4), shared memory regions (there are none), QueueReset.
 */
#include "emu/virtio/virtio.h"

#include <assert.h>

#define MMIO_SIZE    0x1000
#define MMIO_MAGIC   0x74726976 /* "virt" */
#define MMIO_VERSION 2
#define MMIO_VENDOR  0x616d6e54 /* "Tnma" */
#define MMIO_CONFIG  0x100

#define MMIO_REGS(REG)                                                                             \
    REG(MagicValue, 0x000, R)                                                                      \
    REG(Version, 0x004, R)                                                                         \
    REG(DeviceID, 0x008, R)                                                                        \
    REG(VendorID, 0x00c, R) REG(DeviceFeatures, 0x010, R) REG(DeviceFeaturesSel, 0x014, W)         \
        REG(DriverFeatures, 0x020, W) REG(DriverFeaturesSel, 0x024, W) REG(QueueSel, 0x030, W)     \
            REG(QueueSizeMax, 0x034, R) REG(QueueSize, 0x038, W) REG(QueueReady, 0x044, RW)        \
                REG(QueueNotify, 0x050, W) REG(InterruptStatus, 0x060, R)                          \
                    REG(InterruptACK, 0x064, W) REG(Status, 0x070, RW) REG(QueueDescLow, 0x080, W) \
                        REG(QueueDescHigh, 0x084, W) REG(QueueDriverLow, 0x090, W)                 \
                            REG(QueueDriverHigh, 0x094, W) REG(QueueDeviceLow, 0x0a0, W)           \
                                REG(QueueDeviceHigh, 0x0a4, W) REG(SHMSel, 0x0ac, W)               \
                                    REG(SHMLenLow, 0x0b0, R) REG(SHMLenHigh, 0x0b4, R)             \
                                        REG(SHMBaseLow, 0x0b8, R) REG(SHMBaseHigh, 0x0bc, R)       \
                                            REG(ConfigGeneration, 0x0fc, R)
enum { MMIO_REGS(REG_OFFSET) };

enum { INTERRUPT_QUEUE = 1, INTERRUPT_CONFIG = 2 };

/* What a store to QueueNotify reaches without a lock. */
struct mmio_doorbell {
    struct virtio_device *backend;
    unsigned queue;
};

struct mmio {
    struct device dev;
    struct virtio_device *backend; /* NULL: an empty slot */
    uint32_t device_features_sel, driver_features_sel;
    uint32_t queue_sel;
    uint32_t interrupt_status;
    struct mmio_doorbell doorbell[VIRTIO_QUEUES_MAX];
};

static void mmio_sync(struct device *dev)
{
    irq_set(&dev->irq, ((struct mmio *)dev)->interrupt_status != 0);
}

static void mmio_interrupt(void *opaque, bool config_changed)
{
    struct mmio *mmio = opaque;
    mmio->interrupt_status |= config_changed ? INTERRUPT_CONFIG : INTERRUPT_QUEUE;
    mmio_sync(&mmio->dev);
}

static const struct virtio_transport_ops mmio_transport = { .interrupt = mmio_interrupt };

/* The selected queue, or NULL if the device has none of that number. */
static struct virtqueue *mmio_queue(const struct mmio *mmio)
{
    return mmio->queue_sel < mmio->backend->queue_count ? &mmio->backend->queue[mmio->queue_sel]
                                                        : NULL;
}

static uint32_t mmio_device_features(const struct mmio *mmio)
{
    uint32_t half = mmio->device_features_sel;
    return half > 1 ? 0 : (uint32_t)(virtio_device_features(mmio->backend) >> (32 * half));
}

static uint64_t mmio_read_backend(struct device *dev, uint32_t offset, unsigned size)
{
    const struct mmio *mmio = (struct mmio *)dev;
    struct virtio_device *backend = mmio->backend;
    if (offset >= MMIO_CONFIG) {
        return virtio_read_config(backend, offset - MMIO_CONFIG, size);
    }
    const struct virtqueue *queue = mmio_queue(mmio);
    switch (offset) {
    case DeviceID: return backend->class->id;
    case DeviceFeatures: return mmio_device_features(mmio);
    case QueueSizeMax: return queue != NULL ? backend->class->queue_size : 0;
    case QueueReady: return queue != NULL && queue->ready;
    case InterruptStatus: return mmio->interrupt_status;
    case Status: return backend->status;
    case SHMLenLow:
    case SHMLenHigh:
    case SHMBaseLow:
    case SHMBaseHigh: return UINT32_MAX; /* the selected region does not exist */
    case ConfigGeneration: return backend->config_generation;
    default: device_unreachable(dev, offset);
    }
}

static uint64_t mmio_read(struct device *dev, uint32_t offset, unsigned size)
{
    struct virtio_device *backend = ((struct mmio *)dev)->backend;
    switch (offset) {
    case MagicValue: return MMIO_MAGIC;
    case Version: return MMIO_VERSION;
    case VendorID: return MMIO_VENDOR;
    default: break;
    }
    if (backend == NULL) {
        return 0; /* device id 0 among them: nothing here */
    }
    virtio_enter(backend);
    uint64_t value = mmio_read_backend(dev, offset, size);
    virtio_leave(backend);
    return value;
}

static void mmio_set_address(gpa_t *address, bool high, uint64_t value)
{
    *address = high ? put_high32(*address, value) : put_low32(*address, value);
}

/* The registers of the selected queue. Where it is cannot change while it is in use. */
static void mmio_write_queue(struct mmio *mmio, uint32_t offset, uint64_t value)
{
    struct virtqueue *queue = mmio_queue(mmio);
    if (queue == NULL) {
        return;
    }
    if (offset == QueueReady) {
        virtio_set_queue_ready(mmio->backend, queue->index, (value & 1) != 0);
        return;
    }
    if (queue->ready) {
        return;
    }
    switch (offset) {
    case QueueSize: queue->size = (uint16_t)MIN(value, UINT16_MAX); break;
    case QueueDescLow:
    case QueueDescHigh: mmio_set_address(&queue->desc, offset == QueueDescHigh, value); break;
    case QueueDriverLow:
    case QueueDriverHigh: mmio_set_address(&queue->avail, offset == QueueDriverHigh, value); break;
    case QueueDeviceLow:
    case QueueDeviceHigh: mmio_set_address(&queue->used, offset == QueueDeviceHigh, value); break;
    default: device_unreachable(&mmio->dev, offset);
    }
}

static void mmio_write_backend(struct device *dev, uint32_t offset, unsigned size, uint64_t value)
{
    struct mmio *mmio = (struct mmio *)dev;
    struct virtio_device *backend = mmio->backend;
    if (offset >= MMIO_CONFIG) {
        virtio_write_config(backend, offset - MMIO_CONFIG, size, value);
        return;
    }
    switch (offset) {
    case DeviceFeaturesSel: mmio->device_features_sel = (uint32_t)value; break;
    case DriverFeaturesSel: mmio->driver_features_sel = (uint32_t)value; break;
    case DriverFeatures:
        virtio_set_features(backend, mmio->driver_features_sel, (uint32_t)value);
        break;
    case QueueSel: mmio->queue_sel = (uint32_t)value; break;
    case QueueNotify: virtio_ring(backend, (unsigned)value); break; /* where no doorbell is */
    case InterruptACK:
        mmio->interrupt_status &= ~(uint32_t)value;
        mmio_sync(dev);
        break;
    case Status: virtio_set_status(backend, (uint8_t)value); break;
    case SHMSel: break; /* no region to select */
    default: mmio_write_queue(mmio, offset, value); break;
    }
}

static void mmio_write(struct device *dev, uint32_t offset, unsigned size, uint64_t value)
{
    struct virtio_device *backend = ((struct mmio *)dev)->backend;
    if (backend != NULL && offset == Status && value == 0) {
        device_reset(dev);
    } else if (backend != NULL) {
        virtio_enter(backend);
        mmio_write_backend(dev, offset, size, value);
        virtio_leave(backend);
    }
}

/* Another thread's loop may have raised an interrupt since the fields were cleared. */
static void mmio_reset(struct device *dev)
{
    struct mmio *mmio = (struct mmio *)dev;
    if (mmio->backend != NULL) {
        virtio_enter(mmio->backend);
        virtio_reset(mmio->backend);
        mmio->interrupt_status = 0;
        virtio_leave(mmio->backend);
    }
}

static void mmio_finish(struct device *dev)
{
    virtio_free(((struct mmio *)dev)->backend);
}

#define FIELD(name) STATE_FIELD(struct mmio, name, RESET)

const struct device_class virtio_mmio_class = {
    .name = "virtio-mmio",
    .compatible = "virtio,mmio",
    .instance_size = sizeof(struct mmio),
    .mmio_size = MMIO_SIZE,
    .regs =
        (const struct device_reg[]){
            MMIO_REGS(REG_ROW32){ "Config", MMIO_CONFIG, 1, 8, REG_RW, MMIO_SIZE - MMIO_CONFIG, 1 },
            { 0 },
        },
    .state =
        (const struct state_field[]){
            FIELD(device_features_sel),
            FIELD(driver_features_sel),
            FIELD(queue_sel),
            FIELD(interrupt_status),
            { 0 },
        },
    .finish = mmio_finish,
    .read = mmio_read,
    .write = mmio_write,
    .reset = mmio_reset,
    .sync = mmio_sync,
};

struct device *virtio_mmio_new(const char *id, const struct device_services *services,
                               struct irq_line irq, struct virtio_device *backend, GError **error)
{
    struct device *dev = device_new(&virtio_mmio_class, id, services, irq, error);
    if (dev == NULL) {
        virtio_free(backend);
        return NULL;
    }
    struct mmio *mmio = (struct mmio *)dev;
    mmio->backend = backend;
    if (backend != NULL) {
        backend->transport = &mmio_transport;
        backend->transport_opaque = mmio;
    }
    return dev;
}

static void mmio_ring(void *opaque)
{
    const struct mmio_doorbell *doorbell = opaque;
    virtio_ring(doorbell->backend, doorbell->queue);
}

bool virtio_mmio_map(struct device *dev, struct bus *bus, gpa_t base, GError **error)
{
    assert(dev->class == &virtio_mmio_class);
    struct mmio *mmio = (struct mmio *)dev;
    if (!device_map(dev, bus, base, error)) {
        return false;
    }
    for (unsigned i = 0; mmio->backend != NULL && i < mmio->backend->queue_count; i++) {
        mmio->doorbell[i] = (struct mmio_doorbell){ mmio->backend, i };
        if (!bus_add_doorbell(bus, base + QueueNotify, i, mmio_ring, &mmio->doorbell[i], error)) {
            return false;
        }
    }
    return true;
}

const struct virtio_device *virtio_mmio_backend(const struct device *dev)
{
    return ((const struct mmio *)dev)->backend;
}

void virtio_mmio_add_parts(struct device *dev, GPtrArray *parts)
{
    struct mmio *mmio = (struct mmio *)dev;
    device_add_part(dev, parts);
    if (mmio->backend != NULL) {
        virtio_add_parts(mmio->backend, dev->id, parts);
    }
}
