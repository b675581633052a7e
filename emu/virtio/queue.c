/* Source: VIRTIO 1.2, section 2.7; the layout of a ring stands in 2.7.5, 2.7.6 and 2.7.8. */
#include "emu/virtio/queue.h"

#include <assert.h>
#include <stdatomic.h>
#include <string.h>

#include <glib.h>

#include "emu/mem/dma.h"
#include "emu/virtio/virtio.h"

enum { DESC_NEXT = 1, DESC_WRITE = 2, DESC_INDIRECT = 4 };
enum { AVAIL_NO_INTERRUPT = 1, USED_NO_NOTIFY = 1 };
enum { DESC_SIZE = 16, USED_ELEMENT_SIZE = 8, RING_HEADER_SIZE = 4, RING_INDEX = 2 };

struct descriptor {
    gpa_t address;
    uint32_t size;
    uint16_t flags;
    uint16_t next;
};

/* A table of descriptors: the ring's own, or an indirect one. */
struct desc_table {
    const uint8_t *host;
    uint32_t count;
};

static uint16_t ring_load(const uint8_t *at)
{
    return GUINT16_FROM_LE(__atomic_load_n((const uint16_t *)(const void *)at, __ATOMIC_ACQUIRE));
}

static void ring_store(uint8_t *at, uint16_t value)
{
    __atomic_store_n((uint16_t *)(void *)at, GUINT16_TO_LE(value), __ATOMIC_RELEASE);
}

static uint8_t *queue_used_event(const struct virtqueue *queue)
{
    return queue->avail_host + RING_HEADER_SIZE + 2 * queue->size;
}

static uint8_t *queue_avail_event(const struct virtqueue *queue)
{
    return queue->used_host + RING_HEADER_SIZE + USED_ELEMENT_SIZE * queue->size;
}

static bool queue_has_feature(const struct virtqueue *queue, unsigned bit)
{
    return (queue->dev->driver_features >> bit & 1) != 0;
}

static bool queue_break(struct virtqueue *queue, const char *why)
{
    virtio_set_broken(queue->dev, why);
    return false;
}

void virtqueue_reset(struct virtqueue *queue)
{
    struct virtio_device *dev = queue->dev;
    uint16_t index = queue->index;
    *queue = (struct virtqueue){ .dev = dev, .index = index };
}

/* A ring of `size` bytes at `address` in RAM, or NULL. */
static uint8_t *queue_map(struct virtqueue *queue, gpa_t address, size_t size, gpa_t align)
{
    return address % align != 0 ? NULL : dma_map(queue->dev->services.bus, address, size, true);
}

static bool queue_size_allowed(const struct virtqueue *queue)
{
    size_t size = queue->size;
    return size > 0 && size <= queue->dev->class->queue_size && (size & (size - 1)) == 0;
}

/* Finds the rings; false if they are not all in RAM and aligned. */
static bool queue_map_rings(struct virtqueue *queue)
{
    size_t size = queue->size;
    /* Both rings end with the 16-bit event index. */
    size_t avail_size = RING_HEADER_SIZE + 2 * size + 2;
    size_t used_size = RING_HEADER_SIZE + USED_ELEMENT_SIZE * size + 2;
    queue->desc_host = queue_map(queue, queue->desc, DESC_SIZE * size, 16);
    queue->avail_host = queue_map(queue, queue->avail, avail_size, 2);
    queue->used_host = queue_map(queue, queue->used, used_size, 4);
    return queue->desc_host != NULL && queue->avail_host != NULL && queue->used_host != NULL;
}

void virtqueue_enable(struct virtqueue *queue)
{
    if (queue->size == 0) { /* EDK2's GPU driver says 0, and means the largest */
        queue->size = queue->dev->class->queue_size;
    }
    if (!queue_size_allowed(queue)) {
        queue_break(queue, "queue size is not a power of two within the maximum");
    } else if (!queue_map_rings(queue)) {
        queue_break(queue, "rings are not in RAM or not aligned");
    } else {
        queue->ready = true;
    }
}

bool virtqueue_check(const struct virtqueue *staged)
{
    struct virtqueue queue = *staged;
    return !queue.ready || (queue_size_allowed(&queue) && queue_map_rings(&queue));
}

void virtqueue_restore(struct virtqueue *queue)
{
    queue->in_flight = 0;
    queue->pushed = false;
    queue->desc_host = queue->avail_host = queue->used_host = NULL;
    if (queue->ready) {
        bool mapped = queue_map_rings(queue);
        assert(mapped);
    }
}

static bool queue_usable(const struct virtqueue *queue)
{
    return queue->ready && !queue->dev->broken;
}

bool virtqueue_has_request(struct virtqueue *queue)
{
    return queue_usable(queue) && ring_load(queue->avail_host + RING_INDEX) != queue->avail_next;
}

/* The head of the next chain. */
static bool queue_next_head(struct virtqueue *queue, uint16_t *ret_head)
{
    uint16_t waiting = ring_load(queue->avail_host + RING_INDEX) - queue->avail_next;
    if (waiting == 0) {
        return false;
    }
    if (waiting > queue->size) {
        return queue_break(queue, "avail index jumps by more than the queue size");
    }
    if (queue->in_flight >= queue->size) {
        return queue_break(queue, "more requests in flight than descriptors");
    }
    unsigned slot = queue->avail_next % queue->size;
    *ret_head = ring_load(queue->avail_host + RING_HEADER_SIZE + 2 * slot);
    if (*ret_head >= queue->size) {
        return queue_break(queue, "avail entry is not a descriptor");
    }
    return true;
}

/* The one read of a descriptor: the guest may change it behind our back. */
static struct descriptor table_read(const struct desc_table *table, uint32_t index)
{
    assert(index < table->count);
    struct descriptor desc;
    memcpy(&desc, table->host + (size_t)DESC_SIZE * index, DESC_SIZE);
    desc.address = GUINT64_FROM_LE(desc.address);
    desc.size = GUINT32_FROM_LE(desc.size);
    desc.flags = GUINT16_FROM_LE(desc.flags);
    desc.next = GUINT16_FROM_LE(desc.next);
    return desc;
}

static bool request_add(struct virtqueue *queue, struct virtq_request *request,
                        const struct descriptor *desc)
{
    bool write = (desc->flags & DESC_WRITE) != 0;
    uint32_t *total = write ? &request->write_size : &request->read_size;
    unsigned count = request->read_count + request->write_count;
    if (count >= VIRTQUEUE_SEGMENTS_MAX) {
        return queue_break(queue, "descriptor chain is too long, or a loop");
    }
    if (!write && request->write_count > 0) {
        return queue_break(queue, "readable descriptor after a writable one");
    }
    if (desc->size == 0 || desc->size > UINT32_MAX - *total) {
        return queue_break(queue, "descriptor of no or too much length");
    }
    uint8_t *host = dma_map(request->bus, desc->address, desc->size, write);
    if (host == NULL) {
        return queue_break(queue, "descriptor outside RAM");
    }
    request->segment[count] = (struct virtq_segment){ host, desc->address, desc->size };
    *total += desc->size;
    *(write ? &request->write_count : &request->read_count) += 1;
    return true;
}

static bool queue_enter_indirect(struct virtqueue *queue, const struct descriptor *desc,
                                 struct desc_table *ret_table)
{
    if (!queue_has_feature(queue, VIRTIO_F_INDIRECT_DESC) || (desc->flags & DESC_NEXT) != 0) {
        return queue_break(queue, "indirect descriptor where none may be");
    }
    if (desc->size == 0 || desc->size % DESC_SIZE != 0 ||
        desc->size / DESC_SIZE > VIRTQUEUE_SIZE_MAX) {
        return queue_break(queue, "indirect table of a bad size");
    }
    const uint8_t *host = dma_map(queue->dev->services.bus, desc->address, desc->size, false);
    if (host == NULL) {
        return queue_break(queue, "indirect table outside RAM");
    }
    *ret_table = (struct desc_table){ host, desc->size / DESC_SIZE };
    return true;
}

/* Follows a chain. It ends: every step adds a segment, of which there is a maximum, except the one
 * step into an indirect table. */
static bool queue_walk(struct virtqueue *queue, uint16_t head, struct virtq_request *request)
{
    struct desc_table table = { queue->desc_host, queue->size };
    bool indirect = false;
    uint32_t index = head;
    for (;;) {
        struct descriptor desc = table_read(&table, index);
        if ((desc.flags & DESC_INDIRECT) != 0) {
            if (indirect) {
                return queue_break(queue, "indirect descriptor in an indirect table");
            }
            if (!queue_enter_indirect(queue, &desc, &table)) {
                return false;
            }
            indirect = true;
            index = 0;
            continue;
        }
        if (!request_add(queue, request, &desc)) {
            return false;
        }
        if ((desc.flags & DESC_NEXT) == 0) {
            return true;
        }
        index = desc.next;
        if (index >= table.count) {
            return queue_break(queue, "next is not a descriptor");
        }
    }
}

/* Reads the request of a chain. */
static bool queue_take(struct virtqueue *queue, uint16_t head, struct virtq_request *request)
{
    request->head = head;
    request->read_count = request->write_count = 0;
    request->read_size = request->write_size = 0;
    request->bus = queue->dev->services.bus;
    if (!queue_walk(queue, head, request)) {
        return false;
    }
    queue->in_flight++;
    return true;
}

bool virtqueue_pop(struct virtqueue *queue, struct virtq_request *request)
{
    uint16_t head;
    if (!queue_usable(queue) || !queue_next_head(queue, &head) ||
        !queue_take(queue, head, request)) {
        return false;
    }
    queue->avail_next++;
    return true;
}

bool virtqueue_pop_again(struct virtqueue *queue, uint16_t head, struct virtq_request *request)
{
    if (!queue_usable(queue)) {
        return false;
    }
    if (head >= queue->size || queue->in_flight >= queue->size) {
        return queue_break(queue, "saved request is not a descriptor");
    }
    return queue_take(queue, head, request);
}

#define FIELD(name) STATE_FIELD(struct virtqueue, name, RESET)
const struct state_field virtqueue_state[] = {
    FIELD(size), FIELD(ready), FIELD(desc), FIELD(avail), FIELD(used), FIELD(avail_next),
    FIELD(used_next), FIELD(signalled), FIELD(signalled_valid), { 0 },
};

void virtqueue_unpop(struct virtqueue *queue)
{
    if (queue_usable(queue)) {
        assert(queue->in_flight > 0);
        queue->avail_next--;
        queue->in_flight--;
    }
}

void virtqueue_fill(struct virtqueue *queue, uint16_t nth, uint16_t head, uint32_t written)
{
    if (!queue_usable(queue)) {
        return;
    }
    unsigned slot = (uint16_t)(queue->used_next + nth) % queue->size;
    uint32_t element[2] = { GUINT32_TO_LE((uint32_t)head), GUINT32_TO_LE(written) };
    memcpy(queue->used_host + RING_HEADER_SIZE + USED_ELEMENT_SIZE * slot, element,
           USED_ELEMENT_SIZE);
}

void virtqueue_flush(struct virtqueue *queue, uint16_t count)
{
    if (!queue_usable(queue)) {
        return;
    }
    assert(count <= queue->in_flight);
    queue->in_flight -= count;
    queue->pushed = true;
    uint16_t old = queue->used_next;
    queue->used_next += count;
    ring_store(queue->used_host + RING_INDEX, queue->used_next);
    /* A whole turn since the last interrupt: the index no longer tells how far we are from it. */
    if ((uint16_t)(queue->used_next - queue->signalled) < (uint16_t)(queue->used_next - old)) {
        queue->signalled_valid = false;
    }
    dma_written(queue->dev->services.bus, queue->used,
                RING_HEADER_SIZE + (size_t)USED_ELEMENT_SIZE * queue->size);
}

void virtqueue_push(struct virtqueue *queue, uint16_t head, uint32_t written)
{
    virtqueue_fill(queue, 0, head, written);
    virtqueue_flush(queue, 1);
}

void virtqueue_set_notification(struct virtqueue *queue, bool enabled)
{
    if (!queue_usable(queue)) {
        return;
    }
    if (!queue_has_feature(queue, VIRTIO_F_EVENT_IDX)) {
        ring_store(queue->used_host, enabled ? 0 : USED_NO_NOTIFY);
    } else if (enabled) { /* else the old index is passed already, and stays silent */
        ring_store(queue_avail_event(queue), queue->avail_next);
    }
    if (enabled) {
        atomic_thread_fence(memory_order_seq_cst); /* before the caller looks once more */
    }
}

bool virtqueue_should_interrupt(struct virtqueue *queue)
{
    if (!queue_usable(queue) || !queue->pushed) {
        return false;
    }
    queue->pushed = false;
    /* The used index must be visible before the driver's wish is read (2.7.7.2, 2.7.10). */
    atomic_thread_fence(memory_order_seq_cst);
    if (!queue_has_feature(queue, VIRTIO_F_EVENT_IDX)) {
        return (ring_load(queue->avail_host) & AVAIL_NO_INTERRUPT) == 0;
    }
    bool valid = queue->signalled_valid;
    uint16_t old = queue->signalled, new = queue->used_next;
    uint16_t event = ring_load(queue_used_event(queue));
    queue->signalled = new;
    queue->signalled_valid = true;
    return !valid || (uint16_t)(new - event - 1) < (uint16_t)(new - old);
}

size_t virtq_request_read(const struct virtq_request *request, size_t offset, void *data,
                          size_t size)
{
    size_t done = 0;
    for (unsigned i = 0; i < request->read_count && done < size; i++) {
        const struct virtq_segment *segment = &request->segment[i];
        if (offset >= segment->size) {
            offset -= segment->size;
            continue;
        }
        size_t part = MIN(size - done, segment->size - offset);
        memcpy((uint8_t *)data + done, segment->host + offset, part);
        done += part;
        offset = 0;
    }
    return done;
}

size_t virtq_request_write(const struct virtq_request *request, size_t offset, const void *data,
                           size_t size)
{
    size_t done = 0;
    for (unsigned i = 0; i < request->write_count && done < size; i++) {
        const struct virtq_segment *segment = &request->segment[request->read_count + i];
        if (offset >= segment->size) {
            offset -= segment->size;
            continue;
        }
        size_t part = MIN(size - done, segment->size - offset);
        memcpy(segment->host + offset, (const uint8_t *)data + done, part);
        dma_written(request->bus, segment->gpa + offset, part);
        done += part;
        offset = 0;
    }
    return done;
}
