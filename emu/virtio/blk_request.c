/* Requests of the disk device: from descriptors to the disk and back (VIRTIO 1.2, 5.2.6). */
#include "emu/virtio/blk.h"

#include <assert.h>
#include <string.h>

/* What is joined at most: as many pieces as the host takes without a detour. */
#define JOINED_PIECES_MAX 64u
#define JOINED_SIZE_MAX   ((uint64_t)1 << 20)

enum {
    BLK_T_IN = 0,
    BLK_T_OUT = 1,
    BLK_T_FLUSH = 4,
    BLK_T_GET_ID = 8,
    BLK_T_DISCARD = 11,
    BLK_T_WRITE_ZEROES = 13,
};
enum blk_status { BLK_S_OK = 0, BLK_S_IOERR = 1, BLK_S_UNSUPP = 2 };

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

/* A request on its way: a copy of what the descriptors said. */
struct blk_request {
    struct block_request request;
    struct virtio_blk *blk;
    struct virtqueue *queue;
    GList link;     /* in blk->in_flight */
    bool abandoned; /* the queue was reset: `blk` may be gone, and nobody waits */
    bool reads;
    uint16_t head;
    uint32_t write_size; /* of the chain; the last byte is the status */
    struct virtq_segment status;
    /* Transfers that follow each other on the disk are joined to one. */
    struct blk_request *lead;   /* of one that was joined to another */
    struct blk_request *joined; /* the next one */
    struct blk_request *last;   /* of the lead, as what follows */
    struct host_vec *joined_vec;
    unsigned pieces;
    uint64_t end;
    unsigned vec_count;
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
static void blk_answer(struct virtqueue *queue, uint16_t head, uint32_t write_size,
                       const struct virtq_segment *status, enum blk_status code)
{
    *status->host = (uint8_t)code;
    dma_written(queue->dev->services.bus, status->gpa, 1);
    virtqueue_push(queue, head, write_size);
}

static void blk_answer_now(struct virtqueue *queue, const struct virtq_request *pop,
                           enum blk_status code)
{
    struct virtq_segment status = blk_status_byte(pop);
    blk_answer(queue, pop->head, pop->write_size, &status, code);
}

/* Whether a write may be answered before it is on stable storage (5.2.5.1). */
static bool blk_may_cache(const struct virtio_blk *blk)
{
    return virtio_has_feature(&blk->dev, BLK_F_CONFIG_WCE)
               ? blk->writeback != 0
               : virtio_has_feature(&blk->dev, BLK_F_FLUSH);
}

/* One request of the driver's has ended. */
static void blk_end(struct blk_request *r, int result)
{
    struct virtio_blk *blk = r->blk;
    if (!r->abandoned) {
        for (unsigned i = 0; r->reads && i < r->vec_count; i++) {
            dma_written(blk->dev.services.bus, r->gpa[i], r->vec[i].size);
        }
        g_queue_unlink(&blk->in_flight, &r->link);
        blk_answer(r->queue, r->head, r->write_size, &r->status,
                   result == 0 ? BLK_S_OK : BLK_S_IOERR);
    }
    g_free(r);
}

/* Lets go of what was joined; the requests are submitted one by one from here on. */
static void blk_separate(struct blk_request *lead)
{
    struct blk_request *next;
    for (struct blk_request *r = lead; r != NULL; r = next) {
        next = r->joined;
        r->joined = r->lead = NULL;
        r->request.vec = r->vec;
        r->request.vec_count = r->vec_count;
        block_submit(r->blk->block, &r->request);
    }
}

/* A failure of several joined requests is that of one of them: each is tried alone. */
static void blk_done(struct block_request *request, int result)
{
    struct blk_request *r = (struct blk_request *)request, *next;
    struct virtio_blk *blk = r->blk;
    struct virtqueue *queue = r->abandoned ? NULL : r->queue;
    bool wrote = request->op == BLOCK_WRITE || request->op == BLOCK_ZEROES;
    g_clear_pointer(&r->joined_vec, g_free);
    if (queue != NULL && wrote && result == 0 && !blk_may_cache(blk)) {
        request->op = BLOCK_FLUSH;
        request->vec_count = 0;
        block_submit(blk->block, request);
        return;
    }
    if (queue != NULL && result != 0 && r->joined != NULL && request->op != BLOCK_FLUSH) {
        blk_separate(r);
        return;
    }
    for (; r != NULL; r = next) {
        next = r->joined;
        blk_end(r, result);
    }
    if (queue != NULL) {
        virtio_notify_queue(&blk->dev, queue);
    }
}

/* Adds a piece of guest memory; one that continues the piece before makes that longer. */
static void blk_add_vec(struct blk_request *r, uint8_t *host, gpa_t gpa, size_t size)
{
    unsigned count = r->vec_count;
    if (size == 0) {
        return;
    }
    if (count > 0 && r->vec[count - 1].base + r->vec[count - 1].size == host) {
        r->vec[count - 1].size += size;
        return;
    }
    r->vec[count] = (struct host_vec){ host, size };
    r->gpa[count] = gpa;
    r->vec_count++;
}

/* Collects `size` bytes behind the first `skip` of some segments. */
static void blk_gather(struct blk_request *r, const struct virtq_segment *segment, unsigned count,
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
static struct blk_request *blk_request_new(struct virtqueue *queue, const struct virtq_request *pop,
                                           enum block_op op, uint64_t sector, unsigned count)
{
    struct blk_request *r =
        g_malloc0(sizeof(*r) + count * (sizeof(struct host_vec) + sizeof(gpa_t)));
    r->gpa = (gpa_t *)(void *)&r->vec[count];
    r->blk = (struct virtio_blk *)queue->dev;
    r->queue = queue;
    r->reads = op == BLOCK_READ;
    r->link.data = r;
    r->head = pop->head;
    r->write_size = pop->write_size;
    r->status = blk_status_byte(pop);
    r->request.op = op;
    r->request.offset = sector * BLK_SECTOR_SIZE;
    r->request.vec = r->vec;
    r->request.done = blk_done;
    return r;
}

/* Begins what was left open, as one request for the disk. */
static void blk_begin_open(struct virtio_blk *blk)
{
    struct blk_request *lead = g_steal_pointer(&blk->open);
    if (lead == NULL) {
        return;
    }
    lead->request.vec = lead->vec;
    lead->request.vec_count = lead->vec_count;
    if (lead->joined != NULL) {
        unsigned count = 0;
        lead->joined_vec = g_new(struct host_vec, lead->pieces);
        for (struct blk_request *r = lead; r != NULL; r = r->joined) {
            memcpy(&lead->joined_vec[count], r->vec, r->vec_count * sizeof(struct host_vec));
            count += r->vec_count;
        }
        lead->request.vec = lead->joined_vec;
        lead->request.vec_count = count;
    }
    block_submit(blk->block, &lead->request);
}

/* Whether a transfer goes on where those that are open end. */
static bool blk_continues(const struct blk_request *lead, const struct blk_request *r,
                          uint64_t size)
{
    return lead != NULL && lead->request.op == r->request.op && lead->end == r->request.offset &&
           lead->pieces + r->vec_count <= JOINED_PIECES_MAX &&
           lead->end + size - lead->request.offset <= JOINED_SIZE_MAX;
}

/* A transfer that the next may continue: drivers send sequential ones in pieces. */
static void blk_open(struct virtio_blk *blk, struct blk_request *r, uint64_t size)
{
    struct blk_request *lead = blk->open;
    g_queue_push_tail_link(&blk->in_flight, &r->link);
    if (!blk_continues(lead, r, size)) {
        blk_begin_open(blk);
        r->last = blk->open = r;
        r->pieces = r->vec_count;
        r->end = r->request.offset + size;
        return;
    }
    r->lead = lead;
    lead->last->joined = r;
    lead->last = r;
    lead->pieces += r->vec_count;
    lead->end += size;
}

/* All others keep the order in which they came. */
static void blk_submit(struct virtio_blk *blk, struct blk_request *r)
{
    blk_begin_open(blk);
    g_queue_push_tail_link(&blk->in_flight, &r->link);
    block_submit(blk->block, &r->request);
}

static void blk_start_transfer(struct virtqueue *queue, const struct virtq_request *pop,
                               enum block_op op, uint64_t sector, uint64_t size)
{
    unsigned count = op == BLOCK_READ ? pop->write_count : pop->read_count;
    struct blk_request *r = blk_request_new(queue, pop, op, sector, count);
    if (op == BLOCK_READ) {
        blk_gather(r, &pop->segment[pop->read_count], count, 0, pop->write_size - 1);
    } else {
        blk_gather(r, pop->segment, count, sizeof(struct blk_header),
                   pop->read_size - sizeof(struct blk_header));
    }
    blk_open(r->blk, r, size);
}

static void blk_start_flush(struct virtqueue *queue, const struct virtq_request *pop)
{
    struct blk_request *r = blk_request_new(queue, pop, BLOCK_FLUSH, 0, 0);
    blk_submit(r->blk, r);
}

static bool blk_inside(const struct virtio_blk *blk, uint64_t sector, uint64_t count)
{
    uint64_t capacity = blk_capacity(blk);
    return sector <= capacity && count <= capacity - sector;
}

/* Discard and write zeroes. */
static void blk_clear(struct virtqueue *queue, const struct virtq_request *pop, enum block_op op)
{
    struct virtio_blk *blk = (struct virtio_blk *)queue->dev;
    unsigned feature = op == BLOCK_DISCARD ? BLK_F_DISCARD : BLK_F_WRITE_ZEROES;
    struct blk_range range = { 0 };
    size_t size = pop->read_size - sizeof(struct blk_header);
    virtq_request_read(pop, sizeof(struct blk_header), &range, MIN(size, sizeof(range)));
    uint64_t sector = GUINT64_FROM_LE(range.sector);
    uint32_t sectors = GUINT32_FROM_LE(range.sectors), flags = GUINT32_FROM_LE(range.flags);
    if (!virtio_has_feature(&blk->dev, feature)) {
        blk_answer_now(queue, pop, BLK_S_UNSUPP);
    } else if (size != sizeof(range) || sectors > BLK_RANGE_SECTORS ||
               !blk_inside(blk, sector, sectors) || block_read_only(blk->block)) {
        blk_answer_now(queue, pop, BLK_S_IOERR);
    } else if ((flags & ~(uint32_t)RANGE_UNMAP) != 0 || (flags != 0 && op == BLOCK_DISCARD)) {
        blk_answer_now(queue, pop, BLK_S_UNSUPP);
    } else {
        struct blk_request *r = blk_request_new(queue, pop, op, sector, 0);
        r->request.size = (uint64_t)sectors * BLK_SECTOR_SIZE;
        r->request.release = (flags & RANGE_UNMAP) != 0;
        blk_submit(blk, r);
    }
}

static void blk_transfer(struct virtqueue *queue, const struct virtq_request *pop, bool write,
                         uint64_t sector)
{
    struct virtio_blk *blk = (struct virtio_blk *)queue->dev;
    size_t size = write ? pop->read_size - sizeof(struct blk_header) : pop->write_size - 1;
    if (!blk_inside(blk, sector, size / BLK_SECTOR_SIZE) || size % BLK_SECTOR_SIZE != 0 ||
        (write && block_read_only(blk->block))) {
        blk_answer_now(queue, pop, BLK_S_IOERR);
    } else if (size == 0) {
        blk_answer_now(queue, pop, BLK_S_OK);
    } else {
        blk_start_transfer(queue, pop, write ? BLOCK_WRITE : BLOCK_READ, sector, size);
    }
}

static void blk_get_id(struct virtqueue *queue, const struct virtq_request *pop)
{
    struct virtio_blk *blk = (struct virtio_blk *)queue->dev;
    size_t room = pop->write_size - 1;
    virtq_request_write(pop, 0, blk->serial, MIN(room, BLK_ID_SIZE));
    blk_answer_now(queue, pop, BLK_S_OK);
}

static bool blk_handle(struct virtio_device *dev, struct virtqueue *queue,
                       struct virtq_request *pop)
{
    struct blk_header header;
    if (virtq_request_read(pop, 0, &header, sizeof(header)) < sizeof(header) ||
        pop->write_size == 0) {
        virtio_set_broken(dev, "disk request without header or status");
        return true;
    }
    switch (GUINT32_FROM_LE(header.type)) {
    case BLK_T_IN: blk_transfer(queue, pop, false, GUINT64_FROM_LE(header.sector)); break;
    case BLK_T_OUT: blk_transfer(queue, pop, true, GUINT64_FROM_LE(header.sector)); break;
    case BLK_T_FLUSH: blk_start_flush(queue, pop); break;
    case BLK_T_GET_ID: blk_get_id(queue, pop); break;
    case BLK_T_DISCARD: blk_clear(queue, pop, BLOCK_DISCARD); break;
    case BLK_T_WRITE_ZEROES: blk_clear(queue, pop, BLOCK_ZEROES); break;
    default: blk_answer_now(queue, pop, BLK_S_UNSUPP); break;
    }
    return true;
}

void blk_notify(struct virtio_device *dev, unsigned index)
{
    struct virtio_blk *blk = (struct virtio_blk *)dev;
    virtio_drain_queue(&dev->queue[index], &blk->pop, blk_handle);
    blk_begin_open(blk);
    virtio_notify_queue(dev, &dev->queue[index]); /* for those answered at once */
}

void blk_stop_queue(struct virtio_device *dev, unsigned index)
{
    struct virtio_blk *blk = (struct virtio_blk *)dev;
    GList *next;
    assert(blk->open == NULL);
    for (GList *link = blk->in_flight.head; link != NULL; link = next) {
        struct blk_request *r = link->data;
        next = link->next;
        if (r->queue->index == index) {
            g_queue_unlink(&blk->in_flight, link);
            r->abandoned = true;
        }
        if (r->queue->index == index && r->lead == NULL) {
            block_cancel(blk->block, &r->request);
        }
    }
}

const struct state_field blk_saved_fields[] = {
    STATE_MAX(struct blk_saved, queue, RESET, VIRTIO_BLK_QUEUES_MAX - 1),
    STATE_FIELD(struct blk_saved, head, RESET),
    { 0 },
};

void blk_collect(struct virtio_device *dev)
{
    struct virtio_blk *blk = (struct virtio_blk *)dev;
    assert(blk->open == NULL);
    blk->saved_count = 0;
    blk->saved = g_new(struct blk_saved, blk->in_flight.length);
    for (GList *link = blk->in_flight.head; link != NULL; link = link->next) {
        const struct blk_request *r = link->data;
        blk->saved[blk->saved_count++] = (struct blk_saved){ r->queue->index, r->head };
    }
}

void blk_restore(struct virtio_device *dev)
{
    struct virtio_blk *blk = (struct virtio_blk *)dev;
    for (uint32_t i = 0; i < blk->saved_count; i++) {
        struct virtqueue *queue = &dev->queue[blk->saved[i].queue];
        if (virtqueue_pop_again(queue, blk->saved[i].head, &blk->pop)) {
            blk_handle(dev, queue, &blk->pop);
        }
    }
    blk_begin_open(blk);
}
