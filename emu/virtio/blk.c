/*
 * Block device. Source: VIRTIO 1.2, section 5.2. Requests run at the same time, as many as the
 * queues hold. Not offered: secure erase, topology.
 */
#include "emu/virtio/blk.h"

#include <assert.h>
#include <string.h>

#define BLK_QUEUE_SIZE 256

/* The configuration space: offsets of 5.2.4. */
enum {
    CONFIG_CAPACITY = 0x00,
    CONFIG_SEG_MAX = 0x0c,
    CONFIG_BLK_SIZE = 0x14,
    CONFIG_WRITEBACK = 0x20,
    CONFIG_NUM_QUEUES = 0x22,
    CONFIG_DISCARD_MAX = 0x24, /* sectors, pieces, alignment */
    CONFIG_ZEROES_MAX = 0x30,  /* sectors, pieces */
    CONFIG_ZEROES_MAY_UNMAP = 0x38,
    CONFIG_SIZE = 0x3c,
};

#define DISCARD_ALIGNMENT 8 /* sectors: file systems of hosts give back blocks of 4 KiB */

uint64_t blk_capacity(const struct virtio_blk *blk)
{
    return block_size(blk->block) / BLK_SECTOR_SIZE;
}

static uint64_t blk_features(struct virtio_device *dev)
{
    const struct block *block = ((struct virtio_blk *)dev)->block;
    return (dev->queue_count > 1 ? 1ull << BLK_F_MQ : 0) | 1ull << BLK_F_SEG_MAX |
           1ull << BLK_F_BLK_SIZE | 1ull << BLK_F_FLUSH | 1ull << BLK_F_CONFIG_WCE |
           (block_discards(block) ? 1ull << BLK_F_DISCARD : 0) |
           1ull << (block_read_only(block) ? BLK_F_RO : BLK_F_WRITE_ZEROES);
}

static void blk_finish(struct virtio_device *dev)
{
    block_set_resized(((struct virtio_blk *)dev)->block, NULL, NULL);
}

static void blk_resized(void *opaque)
{
    virtio_notify_config(opaque);
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
    uint64_t capacity = blk_capacity(blk);
    blk_put32(config + CONFIG_CAPACITY, (uint32_t)capacity);
    blk_put32(config + CONFIG_CAPACITY + 4, (uint32_t)(capacity >> 32));
    blk_put32(config + CONFIG_SEG_MAX, BLK_QUEUE_SIZE - 2); /* header and status take two */
    blk_put32(config + CONFIG_BLK_SIZE, BLK_SECTOR_SIZE);
    config[CONFIG_WRITEBACK] = blk->writeback;
    config[CONFIG_NUM_QUEUES] = (uint8_t)dev->queue_count;
    blk_put32(config + CONFIG_DISCARD_MAX, BLK_RANGE_SECTORS);
    blk_put32(config + CONFIG_DISCARD_MAX + 4, 1);
    blk_put32(config + CONFIG_DISCARD_MAX + 8, DISCARD_ALIGNMENT);
    blk_put32(config + CONFIG_ZEROES_MAX, BLK_RANGE_SECTORS);
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
    .queue_count = VIRTIO_BLK_QUEUES_MAX,
    .queue_size = BLK_QUEUE_SIZE,
    .instance_size = sizeof(struct virtio_blk),
    .config_size = CONFIG_SIZE,
    .state =
        (const struct state_field[]){
            STATE_MAX(struct virtio_blk, writeback, RESET, 1),
            STATE_LIST(struct virtio_blk, saved, saved_count, BLK_SAVED_MAX, blk_saved_fields),
            { 0 },
        },
    .collect = blk_collect,
    .restore = blk_restore,
    .finish = blk_finish,
    .features = blk_features,
    .reset = blk_reset,
    .notify = blk_notify,
    .stop_queue = blk_stop_queue,
    .get_config = blk_get_config,
    .set_config = blk_set_config,
};

struct virtio_device *virtio_blk_new(const char *id, const struct device_services *services,
                                     struct block *block, const char *serial, unsigned queues,
                                     GError **error)
{
    size_t length = serial != NULL ? strlen(serial) : 0;
    assert(queues >= 1 && queues <= VIRTIO_BLK_QUEUES_MAX);
    if (length > BLK_ID_SIZE) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                    "%s: serial '%s' is longer than %u bytes", id, serial, BLK_ID_SIZE);
        return NULL;
    }
    struct virtio_blk *blk = virtio_alloc_queues(&virtio_blk_class, id, services, queues);
    blk->block = block;
    blk->writeback = 1;
    g_queue_init(&blk->in_flight);
    if (length > 0) {
        memcpy(blk->serial, serial, length);
    }
    block_set_resized(block, blk_resized, &blk->dev);
    return &blk->dev;
}
