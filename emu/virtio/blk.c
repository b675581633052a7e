/*
 * Block device. Source: VIRTIO 1.2, section 5.2. Requests run at the same time, as many as the
 * queue holds. Not offered: secure erase, topology, several queues.
 */
#include "emu/virtio/virtio.h"

#include <assert.h>
#include <string.h>

#define SECTOR_SIZE    512u
#define BLK_QUEUE_SIZE 256
#define BLK_ID_SIZE    20u

enum {
    BLK_F_SEG_MAX = 2,
    BLK_F_RO = 5,
    BLK_F_BLK_SIZE = 6,
    BLK_F_FLUSH = 9,
    BLK_F_CONFIG_WCE = 11,
    BLK_F_DISCARD = 13,
    BLK_F_WRITE_ZEROES = 14,
};
enum {
    BLK_T_IN = 0,
    BLK_T_OUT = 1,
    BLK_T_FLUSH = 4,
    BLK_T_GET_ID = 8,
    BLK_T_DISCARD = 11,
    BLK_T_WRITE_ZEROES = 13,
};
enum blk_status { BLK_S_OK = 0, BLK_S_IOERR = 1, BLK_S_UNSUPP = 2 };

/* The configuration space: offsets of 5.2.4. */
enum {
    CONFIG_CAPACITY = 0x00,
    CONFIG_SEG_MAX = 0x0c,
    CONFIG_BLK_SIZE = 0x14,
    CONFIG_WRITEBACK = 0x20,
    CONFIG_DISCARD_MAX = 0x24, /* sectors, pieces, alignment */
    CONFIG_ZEROES_MAX = 0x30,  /* sectors, pieces */
    CONFIG_ZEROES_MAY_UNMAP = 0x38,
    CONFIG_SIZE = 0x3c,
};

/* Sectors of one discard or of zeroes; a worker is held up for so long. */
#define RANGE_SECTORS_MAX (1u << 21)
#define DISCARD_ALIGNMENT 8 /* sectors: file systems of hosts give back blocks of 4 KiB */

/* What follows the header of those: one piece (5.2.6). */
struct blk_range {
    uint64_t sector;
    uint32_t sectors;
    uint32_t flags;
};
enum { RANGE_UNMAP = 1 };

/* What a request begins with. */
struct blk_header {
    uint32_t type;
    uint32_t reserved;
    uint64_t sector;
};

struct virtio_blk {
    struct virtio_device dev;
    struct block *block;
    char serial[BLK_ID_SIZE];
    uint8_t writeback;        /* as the driver set it, where it may */
    GQueue in_flight;         /* of struct blk_request */
    struct virtq_request pop; /* scratch */
};

/* A request on its way: a copy of what the descriptors said. */
struct blk_request {
    struct block_request request;
    struct virtio_blk *blk;
    GList link;     /* in blk->in_flight */
    bool abandoned; /* the queue was reset: `blk` may be gone, and nobody waits */
    uint16_t head;
    uint32_t write_size; /* of the chain; the last byte is the status */
    struct virtq_segment status;
    gpa_t *gpa; /* of each vec */
    struct host_vec vec[];
};

/* The last byte that a chain lets us write. */
static struct virtq_segment blk_status_byte(const struct virtq_request *pop)
{
    const struct virtq_segment *last = &pop->segment[pop->read_count + pop->write_count - 1];
    assert(pop->write_count > 0 && last->size > 0);
    return (struct virtq_segment){ last->host + last->size - 1, last->gpa + last->size - 1, 1 };
}

/* Gives a request back to the driver. */
static void blk_answer(struct virtio_blk *blk, uint16_t head, uint32_t write_size,
                       const struct virtq_segment *status, enum blk_status code)
{
    *status->host = (uint8_t)code;
    dma_written(blk->dev.services.bus, status->gpa, 1);
    virtqueue_push(&blk->dev.queue[0], head, write_size);
}

static void blk_answer_now(struct virtio_blk *blk, const struct virtq_request *pop,
                           enum blk_status code)
{
    struct virtq_segment status = blk_status_byte(pop);
    blk_answer(blk, pop->head, pop->write_size, &status, code);
}

/* Whether a write may be answered before it is on stable storage (5.2.5.1). */
static bool blk_may_cache(const struct virtio_blk *blk)
{
    return virtio_has_feature(&blk->dev, BLK_F_CONFIG_WCE)
               ? blk->writeback != 0
               : virtio_has_feature(&blk->dev, BLK_F_FLUSH);
}

static void blk_done(struct block_request *request, int result)
{
    struct blk_request *r = (struct blk_request *)request;
    struct virtio_blk *blk = r->blk;
    if (r->abandoned) {
        g_free(r);
        return;
    }
    bool wrote = request->op == BLOCK_WRITE || request->op == BLOCK_ZEROES;
    if (wrote && result == 0 && !blk_may_cache(blk)) {
        request->op = BLOCK_FLUSH;
        block_submit(blk->block, request);
        return;
    }
    for (unsigned i = 0; request->op == BLOCK_READ && i < request->vec_count; i++) {
        dma_written(blk->dev.services.bus, r->gpa[i], r->vec[i].size);
    }
    g_queue_unlink(&blk->in_flight, &r->link);
    blk_answer(blk, r->head, r->write_size, &r->status, result == 0 ? BLK_S_OK : BLK_S_IOERR);
    virtio_notify_queue(&blk->dev, &blk->dev.queue[0]);
    g_free(r);
}

/* Adds a piece of guest memory; one that continues the piece before makes that longer. */
static void blk_add_vec(struct blk_request *r, uint8_t *host, gpa_t gpa, size_t size)
{
    unsigned count = r->request.vec_count;
    if (size == 0) {
        return;
    }
    if (count > 0 && r->vec[count - 1].base + r->vec[count - 1].size == host) {
        r->vec[count - 1].size += size;
        return;
    }
    r->vec[count] = (struct host_vec){ host, size };
    r->gpa[count] = gpa;
    r->request.vec_count++;
}

/* Collects `size` bytes behind the first `skip` of some segments. */
static void blk_collect(struct blk_request *r, const struct virtq_segment *segment, unsigned count,
                        size_t skip, size_t size)
{
    for (unsigned i = 0; i < count && size > 0; i++) {
        size_t out = MIN(skip, segment[i].size);
        size_t part = MIN(size, segment[i].size - out);
        blk_add_vec(r, segment[i].host + out, segment[i].gpa + out, part);
        skip -= out;
        size -= part;
    }
    assert(size == 0);
}

/* A request with room for so many pieces of memory. */
static struct blk_request *blk_request_new(struct virtio_blk *blk, const struct virtq_request *pop,
                                           enum block_op op, uint64_t sector, unsigned count)
{
    struct blk_request *r =
        g_malloc0(sizeof(*r) + count * (sizeof(struct host_vec) + sizeof(gpa_t)));
    r->gpa = (gpa_t *)(void *)&r->vec[count];
    r->blk = blk;
    r->link.data = r;
    r->head = pop->head;
    r->write_size = pop->write_size;
    r->status = blk_status_byte(pop);
    r->request.op = op;
    r->request.offset = sector * SECTOR_SIZE;
    r->request.vec = r->vec;
    r->request.done = blk_done;
    return r;
}

static void blk_submit(struct virtio_blk *blk, struct blk_request *r)
{
    g_queue_push_tail_link(&blk->in_flight, &r->link);
    block_submit(blk->block, &r->request);
}

static void blk_start(struct virtio_blk *blk, const struct virtq_request *pop, enum block_op op,
                      uint64_t sector)
{
    unsigned count = op == BLOCK_READ ? pop->write_count : pop->read_count;
    struct blk_request *r = blk_request_new(blk, pop, op, sector, count);
    if (op == BLOCK_READ) {
        blk_collect(r, &pop->segment[pop->read_count], count, 0, pop->write_size - 1);
    } else if (op == BLOCK_WRITE) {
        blk_collect(r, pop->segment, count, sizeof(struct blk_header),
                    pop->read_size - sizeof(struct blk_header));
    }
    blk_submit(blk, r);
}

static bool blk_inside(const struct virtio_blk *blk, uint64_t sector, uint64_t count)
{
    uint64_t capacity = (block_size(blk->block) + SECTOR_SIZE - 1) / SECTOR_SIZE;
    return sector <= capacity && count <= capacity - sector;
}

/* Discard and write zeroes. */
static void blk_clear(struct virtio_blk *blk, const struct virtq_request *pop, enum block_op op)
{
    unsigned feature = op == BLOCK_DISCARD ? BLK_F_DISCARD : BLK_F_WRITE_ZEROES;
    struct blk_range range = { 0 };
    size_t size = pop->read_size - sizeof(struct blk_header);
    virtq_request_read(pop, sizeof(struct blk_header), &range, MIN(size, sizeof(range)));
    uint64_t sector = GUINT64_FROM_LE(range.sector);
    uint32_t sectors = GUINT32_FROM_LE(range.sectors), flags = GUINT32_FROM_LE(range.flags);
    if (!virtio_has_feature(&blk->dev, feature)) {
        blk_answer_now(blk, pop, BLK_S_UNSUPP);
    } else if (size != sizeof(range) || sectors > RANGE_SECTORS_MAX ||
               !blk_inside(blk, sector, sectors) || block_read_only(blk->block)) {
        blk_answer_now(blk, pop, BLK_S_IOERR);
    } else if ((flags & ~(uint32_t)RANGE_UNMAP) != 0 || (flags != 0 && op == BLOCK_DISCARD)) {
        blk_answer_now(blk, pop, BLK_S_UNSUPP);
    } else {
        struct blk_request *r = blk_request_new(blk, pop, op, sector, 0);
        r->request.size = (uint64_t)sectors * SECTOR_SIZE;
        r->request.release = (flags & RANGE_UNMAP) != 0;
        blk_submit(blk, r);
    }
}

static void blk_transfer(struct virtio_blk *blk, const struct virtq_request *pop, bool write,
                         uint64_t sector)
{
    size_t size = write ? pop->read_size - sizeof(struct blk_header) : pop->write_size - 1;
    if (!blk_inside(blk, sector, size / SECTOR_SIZE) || size % SECTOR_SIZE != 0 ||
        (write && block_read_only(blk->block))) {
        blk_answer_now(blk, pop, BLK_S_IOERR);
    } else if (size == 0) {
        blk_answer_now(blk, pop, BLK_S_OK);
    } else {
        blk_start(blk, pop, write ? BLOCK_WRITE : BLOCK_READ, sector);
    }
}

static void blk_get_id(struct virtio_blk *blk, const struct virtq_request *pop)
{
    size_t room = pop->write_size - 1;
    virtq_request_write(pop, 0, blk->serial, MIN(room, BLK_ID_SIZE));
    blk_answer_now(blk, pop, BLK_S_OK);
}

static bool blk_handle(struct virtio_device *dev, struct virtqueue *queue,
                       struct virtq_request *pop)
{
    struct virtio_blk *blk = (struct virtio_blk *)dev;
    struct blk_header header;
    (void)queue;
    if (virtq_request_read(pop, 0, &header, sizeof(header)) < sizeof(header) ||
        pop->write_size == 0) {
        virtio_set_broken(dev, "disk request without header or status");
        return true;
    }
    switch (GUINT32_FROM_LE(header.type)) {
    case BLK_T_IN: blk_transfer(blk, pop, false, GUINT64_FROM_LE(header.sector)); break;
    case BLK_T_OUT: blk_transfer(blk, pop, true, GUINT64_FROM_LE(header.sector)); break;
    case BLK_T_FLUSH: blk_start(blk, pop, BLOCK_FLUSH, 0); break;
    case BLK_T_GET_ID: blk_get_id(blk, pop); break;
    case BLK_T_DISCARD: blk_clear(blk, pop, BLOCK_DISCARD); break;
    case BLK_T_WRITE_ZEROES: blk_clear(blk, pop, BLOCK_ZEROES); break;
    default: blk_answer_now(blk, pop, BLK_S_UNSUPP); break;
    }
    return true;
}

static void blk_notify(struct virtio_device *dev, unsigned index)
{
    struct virtio_blk *blk = (struct virtio_blk *)dev;
    virtio_drain_queue(&dev->queue[index], &blk->pop, blk_handle);
    virtio_notify_queue(dev, &dev->queue[index]); /* for those answered at once */
}

static void blk_stop_queue(struct virtio_device *dev, unsigned index)
{
    struct virtio_blk *blk = (struct virtio_blk *)dev;
    (void)index;
    GList *link;
    while ((link = g_queue_pop_head_link(&blk->in_flight)) != NULL) {
        struct blk_request *r = link->data;
        r->abandoned = true;
        block_cancel(blk->block, &r->request);
    }
}

static uint64_t blk_features(struct virtio_device *dev)
{
    const struct block *block = ((struct virtio_blk *)dev)->block;
    return 1ull << BLK_F_SEG_MAX | 1ull << BLK_F_BLK_SIZE | 1ull << BLK_F_FLUSH |
           1ull << BLK_F_CONFIG_WCE | (block_discards(block) ? 1ull << BLK_F_DISCARD : 0) |
           1ull << (block_read_only(block) ? BLK_F_RO : BLK_F_WRITE_ZEROES);
}

static void blk_reset(struct virtio_device *dev)
{
    ((struct virtio_blk *)dev)->writeback = 1;
}

static void blk_put32(uint8_t *config, uint32_t value)
{
    value = GUINT32_TO_LE(value);
    memcpy(config, &value, sizeof(value));
}

static void blk_get_config(struct virtio_device *dev, uint8_t *config)
{
    const struct virtio_blk *blk = (struct virtio_blk *)dev;
    uint64_t capacity = (block_size(blk->block) + SECTOR_SIZE - 1) / SECTOR_SIZE;
    blk_put32(config + CONFIG_CAPACITY, (uint32_t)capacity);
    blk_put32(config + CONFIG_CAPACITY + 4, (uint32_t)(capacity >> 32));
    blk_put32(config + CONFIG_SEG_MAX, BLK_QUEUE_SIZE - 2); /* header and status take two */
    blk_put32(config + CONFIG_BLK_SIZE, SECTOR_SIZE);
    config[CONFIG_WRITEBACK] = blk->writeback;
    blk_put32(config + CONFIG_DISCARD_MAX, RANGE_SECTORS_MAX);
    blk_put32(config + CONFIG_DISCARD_MAX + 4, 1);
    blk_put32(config + CONFIG_DISCARD_MAX + 8, DISCARD_ALIGNMENT);
    blk_put32(config + CONFIG_ZEROES_MAX, RANGE_SECTORS_MAX);
    blk_put32(config + CONFIG_ZEROES_MAX + 4, 1);
    config[CONFIG_ZEROES_MAY_UNMAP] = block_discards(blk->block);
}

static void blk_set_config(struct virtio_device *dev, uint32_t offset, unsigned size,
                           uint64_t value)
{
    if (offset == CONFIG_WRITEBACK && size == 1 && virtio_has_feature(dev, BLK_F_CONFIG_WCE)) {
        ((struct virtio_blk *)dev)->writeback = (value & 1) != 0;
    }
}

const struct virtio_class virtio_blk_class = {
    .name = "virtio-blk",
    .id = 2,
    .queue_count = 1,
    .queue_size = BLK_QUEUE_SIZE,
    .instance_size = sizeof(struct virtio_blk),
    .config_size = CONFIG_SIZE,
    .state =
        (const struct device_field[]){ DEVICE_FIELD(struct virtio_blk, writeback, RESET), { 0 } },
    .features = blk_features,
    .reset = blk_reset,
    .notify = blk_notify,
    .stop_queue = blk_stop_queue,
    .get_config = blk_get_config,
    .set_config = blk_set_config,
};

struct virtio_device *virtio_blk_new(const char *id, const struct device_services *services,
                                     struct block *block, const char *serial, GError **error)
{
    size_t length = serial != NULL ? strlen(serial) : 0;
    if (length > BLK_ID_SIZE) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                    "%s: serial '%s' is longer than %u bytes", id, serial, BLK_ID_SIZE);
        return NULL;
    }
    struct virtio_blk *blk = virtio_alloc(&virtio_blk_class, id, services);
    blk->block = block;
    blk->writeback = 1;
    g_queue_init(&blk->in_flight);
    if (length > 0) {
        memcpy(blk->serial, serial, length);
    }
    return &blk->dev;
}
