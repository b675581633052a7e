/* What the two halves of the disk device share: blk.c is the device, blk_request.c its requests. */
#pragma once

#include "emu/virtio/virtio.h"

#define BLK_SECTOR_SIZE   512u
#define BLK_ID_SIZE       20u
#define BLK_RANGE_SECTORS (1u << 21) /* of one discard or of zeroes: a worker is held up so long   \
                                      */

enum {
    BLK_F_SEG_MAX = 2,
    BLK_F_RO = 5,
    BLK_F_BLK_SIZE = 6,
    BLK_F_FLUSH = 9,
    BLK_F_CONFIG_WCE = 11,
    BLK_F_MQ = 12,
    BLK_F_DISCARD = 13,
    BLK_F_WRITE_ZEROES = 14,
};

struct blk_request;

/* A request that waits, as it is saved. */
struct blk_saved {
    uint16_t queue, head;
};

struct virtio_blk {
    struct virtio_device dev;
    struct block *block;
    char serial[BLK_ID_SIZE];
    uint8_t writeback;        /* as the driver set it, where it may */
    GQueue in_flight;         /* of struct blk_request */
    struct blk_request *open; /* reads or writes that the next one may continue; not yet begun */
    struct virtq_request pop; /* scratch */
    struct blk_saved *saved;  /* oldest first, while they are saved */
    uint32_t saved_count;
};

#define BLK_SAVED_MAX (VIRTIO_BLK_QUEUES_MAX * VIRTQUEUE_SIZE_MAX)

/* What is saved of a request. */
extern const struct state_field blk_saved_fields[];

/* Lists the requests that wait until the machine goes on after an error; all others are done. */
void blk_collect(struct virtio_device *dev);

/* Makes those requests again. */
void blk_restore(struct virtio_device *dev);

/* Sectors of the disk. */
uint64_t blk_capacity(const struct virtio_blk *blk);

/* Serves queue `index`: the class's `notify`. */
void blk_notify(struct virtio_device *dev, unsigned index);

/* Forgets what was popped from queue `index`: the class's `stop_queue`. */
void blk_stop_queue(struct virtio_device *dev, unsigned index);
