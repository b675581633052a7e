/* Goal: no driver and no frame can make a card and its user-mode network crash or hang. */
#include <string.h>

#include <glib.h>

#include "tests/fuzz/virtio.h"

static const uint8_t mac[6] = { 0x52, 0x54, 0, 0x12, 0x34, 0x56 };

static struct net_backend *card_side, *wire, *user;

static bool wire_receive(void *opaque, const uint8_t *frame, size_t size)
{
    (void)opaque;
    net_send(user, frame, size); /* restricted: nothing leaves this process */
    return true;
}

static bool user_receive(void *opaque, const uint8_t *frame, size_t size)
{
    (void)opaque;
    net_send(wire, frame, size);
    return true;
}

static struct virtio_device *net_make(struct driver *d)
{
    static const struct net_client wire_client = { .receive = wire_receive };
    static const struct net_client user_client = { .receive = user_receive };
    const struct net_user_options options = { .id = "user", .restricted = true };
    net_pair_new(d->ctx, &card_side, &wire);
    user = net_user_new(d->ctx, &options, NULL);
    g_assert_nonnull(user);
    net_connect(wire, &wire_client, NULL);
    net_connect(user, &user_client, NULL);
    return virtio_net_new("net0", &d->services, card_side, mac, NULL);
}

static void net_finish(struct driver *d)
{
    (void)d;
    net_free(user);
    net_free(card_side);
    net_free(wire);
}

static void net_outside(struct driver *d, struct fuzz_input *input)
{
    uint8_t frame[2048];
    size_t size = fuzz_number(input, 2) % sizeof(frame);
    (void)d;
    memset(frame, fuzz_byte(input), sizeof(frame));
    net_send(wire, frame, size);
}

/* A header and the beginning of a frame to the gateway. */
static uint32_t net_header(uint8_t *header, struct fuzz_input *input)
{
    static const uint8_t start[] = { 0x52, 0x55, 10, 0, 2, 2, 0x52, 0x54, 0, 0x12, 0x34, 0x56 };
    static const uint16_t types[] = { 0x0008, 0x0608, 0xdd86, 0xf888 }; /* IP ARP IPv6 NC-SI */
    memset(header, 0, 12);
    if (fuzz_byte(input) % 4 == 0) {
        header[0] = fuzz_byte(input) & 3;
        header[1] = fuzz_byte(input) & 5;
        header[6] = fuzz_byte(input);
        header[8] = fuzz_byte(input);
    }
    memcpy(header + 12, start, sizeof(start));
    memcpy(header + 24, &types[fuzz_byte(input) % G_N_ELEMENTS(types)], 2);
    for (unsigned i = 26; i < 66; i++) {
        header[i] = fuzz_byte(input);
    }
    header[26] = 0x45; /* IPv4, or the hardware type of ARP */
    return 66;
}

const struct fuzz_device fuzz_device = {
    .make = net_make,
    .finish = net_finish,
    .outside = net_outside,
    .header = net_header,
    .header_size = 66,
};
