/* Self-tests of virtio devices that need no more than this. Source: VIRTIO 1.2, 5.2 and 5.4. */
#include "demo/lib.h"
#include "demo/machine.h"
#include "demo/ticks.h"
#include "demo/virtio.h"

#define LIMIT_US    10000000
#define SECTOR_SIZE 512
#define DEMO_DISK   "tinamou-demo"

enum { BLOCK_IN = 0, BLOCK_OUT = 1, BLOCK_FLUSH = 4, BLOCK_GET_ID = 8 };
enum { BLOCK_F_FLUSH = 1 << 9, BLOCK_ID_SIZE = 20 };

/* Opens the first device of a kind with one queue. `*ret_state` says why not. */
static bool device_begin(struct tick *tick, struct virtio *dev, struct virtio_queue *queue,
                         enum virtio_id id, uint64_t features, enum tick_state *ret_state)
{
    if (!virtio_open(dev, id, 0)) {
        *ret_state = tick_say(tick, TICK_NONE, "no device");
        return false;
    }
    if (!virtio_begin(dev, features) || !virtio_add_queue(dev, queue, 0)) {
        *ret_state = tick_say(tick, TICK_BAD, "the device agrees to nothing");
        return false;
    }
    virtio_go(dev);
    return true;
}

enum tick_state tick_rng(struct tick *tick)
{
    static uint8_t bytes[2][32];
    struct virtio dev;
    struct virtio_queue queue;
    enum tick_state state;
    uint32_t length[2];
    if (!device_begin(tick, &dev, &queue, VIRTIO_RNG, 0, &state)) {
        return state;
    }
    memset(bytes, 0, sizeof(bytes));
    for (unsigned i = 0; i < 2; i++) {
        struct virtio_part part = { bytes[i], sizeof(bytes[i]), true };
        if (!queue_call(&queue, &part, 1, LIMIT_US, &length[i]) || length[i] == 0) {
            return tick_say(tick, TICK_BAD, "no answer");
        }
    }
    if (memcmp(bytes[0], bytes[1], MIN(length[0], length[1])) == 0) {
        return tick_say(tick, TICK_BAD, "the same bytes twice");
    }
    return tick_say(tick, TICK_OK, "%u bytes: %08x%08x...", length[0] + length[1],
                    big32(bytes[0]), big32(bytes[0] + 4));
}

/* What one request carries beside its data. */
struct block_header {
    uint32_t type, reserved;
    uint64_t sector;
};

static bool block_request(struct virtio_queue *queue, uint32_t type, uint64_t sector, void *data,
                          uint32_t size)
{
    static struct block_header header;
    static volatile uint8_t status;
    header = (struct block_header){ .type = type, .sector = sector };
    status = 0xff;
    struct virtio_part parts[3] = { { &header, sizeof(header), false } };
    unsigned count = 1;
    if (size > 0) {
        parts[count++] = (struct virtio_part){ data, size, type != BLOCK_OUT };
    }
    parts[count++] = (struct virtio_part){ (void *)&status, 1, true };
    return queue_call(queue, parts, count, LIMIT_US, NULL) && status == 0;
}

/* Writes a sector, reads it back. */
static bool block_write_check(struct virtio_queue *queue, uint64_t sector)
{
    static uint32_t out[SECTOR_SIZE / 4], in[SECTOR_SIZE / 4];
    for (unsigned i = 0; i < COUNT(out); i++) {
        out[i] = 0x9e3779b9u * (i + 1) + (uint32_t)time_now();
    }
    return block_request(queue, BLOCK_OUT, sector, out, sizeof(out)) &&
           block_request(queue, BLOCK_FLUSH, 0, NULL, 0) &&
           block_request(queue, BLOCK_IN, sector, in, sizeof(in)) &&
           memcmp(out, in, sizeof(in)) == 0;
}

enum tick_state tick_block(struct tick *tick)
{
    static uint8_t sector[SECTOR_SIZE];
    static char id[BLOCK_ID_SIZE + 1];
    struct virtio dev;
    struct virtio_queue queue;
    enum tick_state state;
    if (!device_begin(tick, &dev, &queue, VIRTIO_BLOCK, BLOCK_F_FLUSH, &state)) {
        return state == TICK_NONE ? tick_say(tick, TICK_NONE, "no disk") : state;
    }
    uint64_t sectors = virtio_config(&dev, 0, 4) | (uint64_t)virtio_config(&dev, 4, 4) << 32;
    if (sectors == 0) {
        return tick_say(tick, TICK_BAD, "the disk is empty");
    }
    if (!block_request(&queue, BLOCK_IN, sectors - 1, sector, sizeof(sector)) ||
        !block_request(&queue, BLOCK_IN, 0, sector, sizeof(sector))) {
        return tick_say(tick, TICK_BAD, "the disk cannot be read");
    }
    bool ours = block_request(&queue, BLOCK_GET_ID, 0, id, BLOCK_ID_SIZE) &&
                strcmp(id, DEMO_DISK) == 0;
    if (ours && !block_write_check(&queue, sectors - 1)) {
        return tick_say(tick, TICK_BAD, "what was written does not come back");
    }
    return tick_say(tick, TICK_OK, "%lu KiB, %s", sectors / 2,
                    ours ? "written and read" : "read");
}
