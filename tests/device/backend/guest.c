#include "tests/device/backend/guest.h"

#include <string.h>

#define PASSES_MAX 20000
#define FRAME_MAX  65550 /* that we send: a card may leave segmentation to the network */
#define MTU_FRAME  1514
#define WINDOW     60000

enum { ETH = 0, ARP = 14, IP = 14, L4 = 34, UDP_DATA = 42, TCP_DATA = 54 };
enum { PROTO_ICMP = 1, PROTO_TCP = 6, PROTO_UDP = 17 };
enum { DHCP_DISCOVER = 1, DHCP_OFFER, DHCP_REQUEST, DHCP_ACK = 5 };

static void put16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value)
{
    put16(at, value >> 16);
    put16(at + 2, value);
}

static uint16_t get16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static uint32_t get32(const uint8_t *at)
{
    return (uint32_t)get16(at) << 16 | get16(at + 2);
}

static uint32_t add_checksum(uint32_t sum, const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        sum += i % 2 == 0 ? (uint32_t)data[i] << 8 : data[i];
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return sum;
}

/* Of a UDP or TCP packet, with the pseudo header (RFC 9293, 3.1). */
static uint16_t l4_checksum(const uint8_t *frame, size_t size)
{
    uint32_t sum = add_checksum(0, frame + IP + 12, 8);
    sum += frame[IP + 9] + (uint32_t)size;
    return (uint16_t)~add_checksum(sum, frame + L4, size);
}

static void guest_send_ip(struct guest *g, uint8_t *frame, uint8_t protocol, uint32_t to,
                          size_t size)
{
    bool broadcast = to == UINT32_MAX;
    memset(frame, 0xff, 6);
    memcpy(broadcast ? frame + 6 : frame, broadcast ? g->mac : g->gateway_mac, 6);
    memcpy(frame + 6, g->mac, 6);
    put16(frame + 12, 0x0800);
    memset(frame + IP, 0, 20);
    frame[IP] = 0x45;
    put16(frame + IP + 2, (uint32_t)(20 + size));
    frame[IP + 8] = 64;
    frame[IP + 9] = protocol;
    put32(frame + IP + 12, g->ip);
    put32(frame + IP + 16, to);
    put16(frame + IP + 10, (uint16_t)~add_checksum(0, frame + IP, 20));
    net_send(g->net, frame, L4 + size);
}

void guest_send_udp(struct guest *g, uint16_t port, uint32_t to, uint16_t to_port, const void *data,
                    size_t size)
{
    uint8_t frame[FRAME_MAX] = { 0 };
    g_assert_cmpuint(size, <=, FRAME_MAX - UDP_DATA);
    put16(frame + L4, port);
    put16(frame + L4 + 2, to_port);
    put16(frame + L4 + 4, (uint32_t)(8 + size)); /* no checksum: IPv4 allows that */
    memcpy(frame + UDP_DATA, data, size);
    guest_send_ip(g, frame, PROTO_UDP, to, 8 + size);
}

static void guest_send_dhcp(struct guest *g, uint8_t kind)
{
    uint8_t message[300] = { 1, 1, 6, 0, 'T', 'i', 'n', 'a' };
    memcpy(message + 28, g->mac, 6);
    put32(message + 236, 0x63825363);
    uint8_t *option = message + 240;
    *option++ = 53, *option++ = 1, *option++ = kind;
    if (kind == DHCP_REQUEST) {
        *option++ = 50, *option++ = 4;
        put32(option, g->ip);
        option += 4;
    }
    *option = 255;
    uint32_t offered = g->ip;
    g->ip = 0;
    guest_send_udp(g, 68, UINT32_MAX, 67, message, sizeof(message));
    g->ip = offered;
}

static void guest_read_option(struct guest *g, uint8_t code, const uint8_t *value, uint8_t size)
{
    if (code == 3 && size >= 4) {
        g->gateway = get32(value);
    } else if (code == 6 && size >= 4) {
        g->dns = get32(value);
    } else if (code == 12 && size < sizeof(g->hostname)) {
        memcpy(g->hostname, value, size);
        g->hostname[size] = '\0';
    }
}

static void guest_read_dhcp(struct guest *g, const uint8_t *message, size_t size)
{
    uint8_t kind = 0;
    g_assert_cmpuint(size, >, 240);
    g->ip = get32(message + 16);
    for (size_t at = 240; at + 1 < size && message[at] != 255; at += 2u + message[at + 1]) {
        if (message[at] == 53) {
            kind = message[at + 2];
        }
        guest_read_option(g, message[at], message + at + 2, message[at + 1]);
    }
    if (kind == DHCP_OFFER) {
        guest_send_dhcp(g, DHCP_REQUEST);
    } else if (kind == DHCP_ACK) {
        g->lease = true;
    }
}

static void guest_read_udp(struct guest *g, const uint8_t *frame)
{
    size_t size = get16(frame + L4 + 4) - 8u;
    if (get16(frame + L4 + 2) == 68) {
        guest_read_dhcp(g, frame + UDP_DATA, size);
        return;
    }
    g->udp_from = get32(frame + IP + 12);
    g->udp_from_port = get16(frame + L4);
    g->udp_to_port = get16(frame + L4 + 2);
    g_byte_array_set_size(g->udp, 0);
    g_byte_array_append(g->udp, frame + UDP_DATA, (guint)size);
}

static void guest_send_segment(struct guest *g, uint8_t flags, const void *data, size_t size)
{
    static uint8_t frame[FRAME_MAX];
    memset(frame, 0, L4 + 20);
    g_assert_cmpuint(size, <=, FRAME_MAX - TCP_DATA);
    put16(frame + L4, g->tcp_port);
    put16(frame + L4 + 2, g->tcp_peer_port);
    put32(frame + L4 + 4, g->tcp_next);
    put32(frame + L4 + 8, (flags & TCP_ACK) != 0 ? g->tcp_expected : 0);
    frame[L4 + 12] = 5 << 4;
    frame[L4 + 13] = flags;
    put16(frame + L4 + 14, WINDOW);
    if (size > 0) {
        memcpy(frame + TCP_DATA, data, size);
    }
    put32(frame + IP + 12, g->ip);
    put32(frame + IP + 16, g->tcp_peer);
    frame[IP + 9] = PROTO_TCP;
    put16(frame + L4 + 16, l4_checksum(frame, 20 + size));
    g->tcp_next += (uint32_t)size + ((flags & (TCP_SYN | TCP_FIN)) != 0);
    guest_send_ip(g, frame, PROTO_TCP, g->tcp_peer, 20 + size);
}

static void guest_accept(struct guest *g, const uint8_t *frame)
{
    g->tcp_listening = false;
    g->tcp_peer = get32(frame + IP + 12);
    g->tcp_peer_port = get16(frame + L4);
    g->tcp_expected = get32(frame + L4 + 4) + 1;
    guest_send_segment(g, TCP_SYN | TCP_ACK, NULL, 0);
    g->tcp_open = true;
}

static void guest_read_tcp(struct guest *g, const uint8_t *frame)
{
    const uint8_t *tcp = frame + L4;
    uint8_t flags = tcp[13];
    size_t header = (tcp[12] >> 4) * 4u, size = get16(frame + IP + 2) - 20u - header;
    if (get16(tcp + 2) != g->tcp_port) {
        return;
    }
    if ((flags & TCP_RST) != 0) {
        g->tcp_refused = true;
    } else if (g->tcp_listening && (flags & TCP_SYN) != 0) {
        guest_accept(g, frame);
    } else if ((flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK)) {
        g->tcp_expected = get32(tcp + 4) + 1;
        g->tcp_open = true;
        guest_send_segment(g, TCP_ACK, NULL, 0);
    } else if (get32(tcp + 4) == g->tcp_expected && (size > 0 || (flags & TCP_FIN) != 0)) {
        g_byte_array_append(g->tcp_input, tcp + header, (guint)size);
        g->tcp_closed |= (flags & TCP_FIN) != 0;
        g->tcp_expected += (uint32_t)size + ((flags & TCP_FIN) != 0);
        guest_send_segment(g, TCP_ACK, NULL, 0);
    }
}

static void guest_send_arp(struct guest *g, uint16_t operation, const uint8_t *to_mac,
                           uint32_t to_ip)
{
    uint8_t frame[60] = { 0 };
    memcpy(frame, to_mac, 6);
    memcpy(frame + 6, g->mac, 6);
    put16(frame + 12, 0x0806);
    put16(frame + ARP, 1);
    put16(frame + ARP + 2, 0x0800);
    put16(frame + ARP + 4, 6 << 8 | 4);
    put16(frame + ARP + 6, operation);
    memcpy(frame + ARP + 8, g->mac, 6);
    put32(frame + ARP + 14, g->ip);
    memcpy(frame + ARP + 18, to_mac, 6);
    put32(frame + ARP + 24, to_ip);
    net_send(g->net, frame, sizeof(frame));
}

static void guest_read_arp(struct guest *g, const uint8_t *frame)
{
    uint16_t operation = get16(frame + ARP + 6);
    if (operation == 1 && get32(frame + ARP + 24) == g->ip && g->ip != 0) {
        guest_send_arp(g, 2, frame + ARP + 8, get32(frame + ARP + 14));
    } else if (operation == 2 && get32(frame + ARP + 14) == g->gateway) {
        memcpy(g->gateway_mac, frame + ARP + 8, 6);
        g->gateway_known = true;
    }
}

static void guest_read_ip(struct guest *g, const uint8_t *frame, size_t size)
{
    size_t length = get16(frame + IP + 2);
    g_assert_cmpuint(length + 14, <=, size);
    bool bad = add_checksum(0, frame + IP, 20) != 0xffff;
    switch (frame[IP + 9]) {
    case PROTO_ICMP: g->pong |= frame[L4] == 0; break;
    case PROTO_UDP:
        bad |= get16(frame + L4 + 6) != 0 && l4_checksum(frame, length - 20) != 0;
        guest_read_udp(g, frame);
        break;
    case PROTO_TCP:
        bad |= l4_checksum(frame, length - 20) != 0;
        guest_read_tcp(g, frame);
        break;
    default: break;
    }
    g->bad_checksums += bad;
}

static bool guest_receive(void *opaque, const uint8_t *frame, size_t size)
{
    struct guest *g = opaque;
    if (g->deaf) {
        return false;
    }
    g->frames++;
    g_assert_cmpuint(size, >=, 14);
    g_assert_cmpuint(size, <=, MTU_FRAME);
    switch (get16(frame + 12)) {
    case 0x0806: guest_read_arp(g, frame); break;
    case 0x0800: guest_read_ip(g, frame, size); break;
    default: break; /* IPv6 router advertisements */
    }
    return true;
}

static bool guest_takes_large(void *opaque)
{
    return ((struct guest *)opaque)->large;
}

/* What a card with TSO hands over: the driver trusts the data, and so its checksum. */
static bool guest_receive_large(void *opaque, const uint8_t *frame, size_t size,
                                uint16_t segment_size)
{
    struct guest *g = opaque;
    g_assert_true(g->large);
    if (g->deaf) {
        return false;
    }
    g_assert_cmpuint(size, >, TCP_DATA + (size_t)segment_size);
    g_assert_cmpuint(size, ==, IP + (size_t)get16(frame + IP + 2));
    g->bad_checksums += add_checksum(0, frame + IP, 20) != 0xffff;
    g->large_frames++;
    guest_read_tcp(g, frame);
    return true;
}

void guest_init(struct guest *g, struct aio_context *ctx, struct net_backend *net)
{
    static const struct net_client client = {
        .receive = guest_receive,
        .takes_large = guest_takes_large,
        .receive_large = guest_receive_large,
    };
    *g = (struct guest){ .ctx = ctx, .net = net, .mac = { 0x52, 0x54, 0, 0x12, 0x34, 0x56 } };
    g->udp = g_byte_array_new();
    g->tcp_input = g_byte_array_new();
    g->tcp_next = 1000000;
    net_connect(net, &client, g);
}

void guest_finish(struct guest *g)
{
    net_connect(g->net, NULL, NULL);
    g_byte_array_unref(g->udp);
    g_byte_array_unref(g->tcp_input);
}

void guest_wait(struct guest *g, const bool *flag, const char *what)
{
    for (unsigned i = 0; !*flag; i++) {
        if (i == PASSES_MAX) {
            g_error("%s did not happen", what);
        }
        aio_poll(g->ctx, true);
    }
}

void guest_join(struct guest *g)
{
    static const uint8_t everybody[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
    guest_send_dhcp(g, DHCP_DISCOVER);
    guest_wait(g, &g->lease, "a DHCP lease");
    guest_send_arp(g, 1, everybody, g->gateway);
    guest_wait(g, &g->gateway_known, "an ARP reply");
}

void guest_ping(struct guest *g, uint32_t to)
{
    uint8_t frame[FRAME_MAX] = { 0 };
    frame[L4] = 8;
    put16(frame + L4 + 4, 77);
    memcpy(frame + L4 + 8, "are you there?", 14);
    put16(frame + L4 + 2, (uint16_t)~add_checksum(0, frame + L4, 22));
    guest_send_ip(g, frame, PROTO_ICMP, to, 22);
}

void guest_connect(struct guest *g, uint32_t to, uint16_t to_port)
{
    g->tcp_peer = to;
    g->tcp_peer_port = to_port;
    g->tcp_port = (uint16_t)(g->tcp_port < 40000 ? 40000 : g->tcp_port + 1);
    g->tcp_open = g->tcp_closed = g->tcp_refused = false;
    g_byte_array_set_size(g->tcp_input, 0);
    guest_send_segment(g, TCP_SYN, NULL, 0);
}

void guest_listen(struct guest *g, uint16_t port)
{
    g->tcp_port = port;
    g->tcp_listening = true;
    g->tcp_open = g->tcp_closed = g->tcp_refused = false;
    g_byte_array_set_size(g->tcp_input, 0);
}

void guest_send_tcp(struct guest *g, const void *data, size_t size)
{
    guest_send_segment(g, TCP_ACK | TCP_PUSH, data, size);
}

void guest_close(struct guest *g)
{
    guest_send_segment(g, TCP_FIN | TCP_ACK, NULL, 0);
}
