/*
 * Network device. Source: VIRTIO 1.2, section 5.1. Checksums of the guest's packets are filled in
 * here; packets for the guest are marked as valid, because the backend has made or checked them.
 * Large TCP segments of the guest are not cut: they are offered where the backend takes them whole.
 * Not offered: control queue, several queue pairs.
 */
#include "emu/virtio/virtio.h"

#include <assert.h>
#include <string.h>

#include "emu/virtio/checksum.h"

#define NET_QUEUE_SIZE  256
#define NET_HEADER_SIZE 12u
#define NET_FRAME_MIN   14u
#define NET_FRAME_MAX   65550u /* one IP packet and its Ethernet header */
#define MAC_SIZE        6
#define TCP_HEADERS     54 /* of a large frame: Ethernet, IP, TCP */
#define TCP_START       34
#define TCP_CHECKSUM    16

enum {
    NET_F_CSUM = 0,
    NET_F_GUEST_CSUM = 1,
    NET_F_MAC = 5,
    NET_F_GUEST_TSO4 = 7,
    NET_F_HOST_TSO4 = 11,
    NET_F_MRG_RXBUF = 15,
    NET_F_STATUS = 16,
};
enum { NET_RX, NET_TX, NET_QUEUES };
enum { NET_S_LINK_UP = 1 };
enum { NET_HDR_NEEDS_CSUM = 1, NET_HDR_DATA_VALID = 2 };
enum { NET_GSO_NONE = 0, NET_GSO_TCPV4 = 1 };

/* The configuration space: offsets of 5.1.4. */
enum { CONFIG_MAC = 0, CONFIG_STATUS = 6, CONFIG_SIZE = 8 };

/* Before each packet in both directions (5.1.6). */
struct net_header {
    uint8_t flags;
    uint8_t gso_type;
    uint16_t hdr_len;
    uint16_t gso_size;
    uint16_t csum_start;
    uint16_t csum_offset;
    uint16_t num_buffers;
};
static_assert(sizeof(struct net_header) == NET_HEADER_SIZE, "as on the wire");

struct virtio_net {
    struct virtio_device dev;
    struct net_backend *net;
    uint8_t mac[MAC_SIZE];
    struct virtq_request sent;  /* scratch: an answer may come while a packet is being sent */
    struct virtq_request first; /* scratch: where a received packet begins */
    struct virtq_request next;  /* scratch: where it goes on */
    uint8_t frame[NET_FRAME_MAX];
};

/* Fills in the checksum that the driver has left to us; false if it lies outside the packet. */
static bool net_finish_checksum(const struct net_header *header, uint8_t *frame, size_t size)
{
    size_t start = GUINT16_FROM_LE(header->csum_start);
    size_t field = start + GUINT16_FROM_LE(header->csum_offset);
    if (start >= size || field + 2 > size) {
        return false;
    }
    uint16_t sum = checksum_finish(checksum_add(0, frame + start, size - start));
    sum = sum == 0 ? 0xffff : sum; /* 0 would say that a UDP packet has none */
    frame[field] = (uint8_t)(sum >> 8);
    frame[field + 1] = (uint8_t)sum;
    return true;
}

/* A large segment also needs its checksum done (5.1.6.2). */
static bool net_may_segment(const struct virtio_device *dev, const struct net_header *header)
{
    return header->gso_type == NET_GSO_NONE ||
           (header->gso_type == NET_GSO_TCPV4 && virtio_has_feature(dev, NET_F_HOST_TSO4) &&
            (header->flags & NET_HDR_NEEDS_CSUM) != 0);
}

static bool net_transmit(struct virtio_device *dev, struct virtqueue *queue,
                         struct virtq_request *request)
{
    struct virtio_net *self = (struct virtio_net *)dev;
    struct net_header header;
    if (virtq_request_read(request, 0, &header, NET_HEADER_SIZE) < NET_HEADER_SIZE) {
        virtio_set_broken(dev, "packet without a header");
        return true;
    }
    size_t size = request->read_size - NET_HEADER_SIZE;
    bool good = size >= NET_FRAME_MIN && size <= NET_FRAME_MAX && net_may_segment(dev, &header);
    if (good) {
        virtq_request_read(request, NET_HEADER_SIZE, self->frame, size);
        good = (header.flags & NET_HDR_NEEDS_CSUM) == 0 ||
               net_finish_checksum(&header, self->frame, size);
    }
    if (good) {
        net_send(self->net, self->frame, size);
    }
    virtqueue_push(queue, request->head, 0);
    return true;
}

static void net_notify(struct virtio_device *dev, unsigned index)
{
    struct virtio_net *self = (struct virtio_net *)dev;
    if (index == NET_TX) {
        virtio_drain_queue(&dev->queue[index], &self->sent, net_transmit);
        virtio_notify_queue(dev, &dev->queue[index]);
    } else {
        net_accept_input(self->net);
    }
}

/* The next receive buffer; false if there is none now, and the driver will tell. */
static bool net_next_buffer(struct virtqueue *queue, struct virtq_request *request)
{
    if (virtqueue_pop(queue, request)) {
        return true;
    }
    virtqueue_set_notification(queue, true);
    return virtqueue_pop(queue, request);
}

/* Spreads what did not fit into the first buffer over more of them. Returns how many there are
 * now, 0 if the driver has given too few. */
static uint16_t net_spread(struct virtio_net *self, const uint8_t *frame, size_t size)
{
    struct virtqueue *queue = &self->dev.queue[NET_RX];
    uint16_t buffers = 1;
    while (size > 0) {
        if (!net_next_buffer(queue, &self->next)) {
            for (; buffers > 1; buffers--) {
                virtqueue_unpop(queue);
            }
            return 0;
        }
        size_t part = virtq_request_write(&self->next, 0, frame, size);
        virtqueue_fill(queue, buffers++, self->next.head, (uint32_t)part);
        frame += part;
        size -= part;
    }
    return buffers;
}

/* The header of a packet for the guest; `segment_size` is 0 or that of a large frame. */
static struct net_header net_header_make(const struct virtio_net *self, uint16_t segment_size)
{
    struct net_header header = { .num_buffers = GUINT16_TO_LE(1) };
    if (segment_size > 0) {
        header.flags = NET_HDR_NEEDS_CSUM;
        header.gso_type = NET_GSO_TCPV4;
        header.hdr_len = GUINT16_TO_LE(TCP_HEADERS);
        header.gso_size = GUINT16_TO_LE(segment_size);
        header.csum_start = GUINT16_TO_LE(TCP_START);
        header.csum_offset = GUINT16_TO_LE(TCP_CHECKSUM);
    } else if (virtio_has_feature(&self->dev, NET_F_GUEST_CSUM)) {
        header.flags = NET_HDR_DATA_VALID;
    }
    return header;
}

/* Puts a packet into one buffer or several; false if there is no room for it now. */
static bool net_fill(struct virtio_net *self, const uint8_t *frame, size_t size,
                     uint16_t segment_size)
{
    struct virtqueue *queue = &self->dev.queue[NET_RX];
    const struct virtq_request *first = &self->first;
    struct net_header header = net_header_make(self, segment_size);
    size_t room = MIN(first->write_size - NET_HEADER_SIZE, size);
    virtq_request_write(first, NET_HEADER_SIZE, frame, room);
    if (room < size) {
        if (!virtio_has_feature(&self->dev, NET_F_MRG_RXBUF)) {
            virtqueue_unpop(queue); /* can never fit: the packet is lost, the buffer is not */
            return true;
        }
        uint16_t buffers = net_spread(self, frame + room, size - room);
        if (buffers == 0) {
            virtqueue_unpop(queue);
            return false;
        }
        header.num_buffers = GUINT16_TO_LE(buffers);
    }
    virtq_request_write(first, 0, &header, NET_HEADER_SIZE);
    virtqueue_fill(queue, 0, first->head, (uint32_t)(NET_HEADER_SIZE + room));
    virtqueue_flush(queue, GUINT16_FROM_LE(header.num_buffers));
    return true;
}

static bool net_receive_large(void *opaque, const uint8_t *frame, size_t size,
                              uint16_t segment_size)
{
    struct virtio_net *self = opaque;
    struct virtqueue *queue = &self->dev.queue[NET_RX];
    if ((self->dev.status & VIRTIO_STATUS_DRIVER_OK) == 0 || !queue->ready || self->dev.broken) {
        return true; /* nobody listens: lost, as on a wire */
    }
    if (!net_next_buffer(queue, &self->first)) {
        return false;
    }
    if (self->first.write_size < NET_HEADER_SIZE) {
        virtio_set_broken(&self->dev, "receive buffer without room for a header");
        return true;
    }
    if (!net_fill(self, frame, size, segment_size)) {
        return false;
    }
    virtio_notify_queue(&self->dev, queue);
    return true;
}

static bool net_receive(void *opaque, const uint8_t *frame, size_t size)
{
    return net_receive_large(opaque, frame, size, 0);
}

/* Only into buffers that add up: a driver without them may have none of that size. */
static bool net_takes_large(void *opaque)
{
    const struct virtio_net *self = opaque;
    return virtio_has_feature(&self->dev, NET_F_GUEST_TSO4) &&
           virtio_has_feature(&self->dev, NET_F_GUEST_CSUM) &&
           virtio_has_feature(&self->dev, NET_F_MRG_RXBUF);
}

static uint64_t net_features(struct virtio_device *dev)
{
    bool large = ((struct virtio_net *)dev)->net->class->large_segments;
    return (large ? 1ull << NET_F_HOST_TSO4 : 0) | 1ull << NET_F_CSUM | 1ull << NET_F_GUEST_CSUM |
           1ull << NET_F_MAC | 1ull << NET_F_GUEST_TSO4 | 1ull << NET_F_MRG_RXBUF |
           1ull << NET_F_STATUS;
}

static void net_get_config(struct virtio_device *dev, uint8_t *config)
{
    memcpy(config + CONFIG_MAC, ((struct virtio_net *)dev)->mac, MAC_SIZE);
    config[CONFIG_STATUS] = NET_S_LINK_UP;
}

static void net_finish(struct virtio_device *dev)
{
    net_connect(((struct virtio_net *)dev)->net, NULL, NULL);
}

const struct virtio_class virtio_net_class = {
    .name = "virtio-net",
    .id = 1,
    .queue_count = NET_QUEUES,
    .queue_size = NET_QUEUE_SIZE,
    .instance_size = sizeof(struct virtio_net),
    .config_size = CONFIG_SIZE,
    .state = (const struct state_field[]){ { 0 } },
    .finish = net_finish,
    .features = net_features,
    .notify = net_notify,
    .get_config = net_get_config,
};

struct virtio_device *virtio_net_new(const char *id, const struct device_services *services,
                                     struct net_backend *net, const uint8_t *mac, GError **error)
{
    static const struct net_client client = {
        .receive = net_receive,
        .takes_large = net_takes_large,
        .receive_large = net_receive_large,
    };
    if (net->client != NULL) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                    "%s: network '%s' is already used by another device", id, net->id);
        return NULL;
    }
    if ((mac[0] & 1) != 0) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                    "%s: %02x:%02x:%02x:%02x:%02x:%02x is a multicast address: no card can have it",
                    id, mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
        return NULL;
    }
    struct virtio_net *self = virtio_alloc(&virtio_net_class, id, services);
    self->net = net;
    memcpy(self->mac, mac, MAC_SIZE);
    net_connect(net, &client, self);
    return &self->dev;
}
