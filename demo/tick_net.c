/* Self-test of the network: DHCP's discover and offer (RFC 2131), ARP (RFC 826) and ICMP echo
 * (RFC 792) with the gateway, over virtio-net (VIRTIO 1.2, 5.1). */
#include "demo/lib.h"
#include "demo/machine.h"
#include "demo/riscv.h"
#include "demo/ticks.h"
#include "demo/trap.h"
#include "demo/virtio.h"

#define LIMIT_US     10000000
#define RETRY_US     500000
#define HEADER_SIZE  12 /* struct virtio_net_hdr */
#define FRAME_MAX    1526
#define RECEIVE_MAX  16
#define ETHER_SIZE   14
#define IP_SIZE      20
#define UDP_SIZE     8
#define DHCP_SIZE    240
#define ECHO_SIZE    40
#define TRANSACTION  0x54696e61
#define NET_F_MAC    (1 << 5)

enum { ETHER_IP = 0x0800, ETHER_ARP = 0x0806, IP_ICMP = 1, IP_UDP = 17 };
enum { ARP_REQUEST = 1, ARP_REPLY = 2, ICMP_REPLY = 0, ICMP_ECHO = 8 };
enum { DHCP_CLIENT = 68, DHCP_SERVER = 67, DHCP_DISCOVER = 1, DHCP_OFFER = 2 };
enum { OPTION_ROUTER = 3, OPTION_KIND = 53, OPTION_END = 255 };

static struct {
    struct virtio_queue receive, send;
    uint8_t mac[6], gateway_mac[6];
    uint32_t address, gateway;
    uint8_t out[HEADER_SIZE + FRAME_MAX];
    uint8_t in[RECEIVE_MAX][HEADER_SIZE + FRAME_MAX];
    int slot_of[QUEUE_SIZE]; /* request number -> index in `in` */
} net;

static void put16(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value)
{
    put16(at, value >> 16);
    put16(at + 2, value & 0xffff);
}

static unsigned get16(const uint8_t *at)
{
    return (unsigned)at[0] << 8 | at[1];
}

/* The Internet checksum (RFC 1071). */
static unsigned net_sum(const uint8_t *data, size_t size)
{
    unsigned sum = 0;
    for (size_t i = 0; i < size; i++) {
        sum += i & 1 ? data[i] : (unsigned)data[i] << 8;
    }
    while (sum >> 16) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return ~sum & 0xffff;
}

static void net_listen(unsigned slot)
{
    struct virtio_part part = { net.in[slot], sizeof(net.in[slot]), true };
    int number = queue_add(&net.receive, &part, 1);
    if (number >= 0) {
        net.slot_of[number] = (int)slot;
    }
}

/* Begins a frame of a kind; returns where its payload goes. */
static uint8_t *net_frame(const uint8_t *to, unsigned kind)
{
    uint8_t *ether = net.out + HEADER_SIZE;
    memset(net.out, 0, sizeof(net.out));
    memcpy(ether, to, 6);
    memcpy(ether + 6, net.mac, 6);
    put16(ether + 12, kind);
    return ether + ETHER_SIZE;
}

/* Begins an IPv4 packet with a payload of `size` bytes; returns where that goes. */
static uint8_t *net_packet(const uint8_t *mac, uint32_t to, unsigned protocol, size_t size)
{
    uint8_t *ip = net_frame(mac, ETHER_IP);
    ip[0] = 0x45;
    put16(ip + 2, (unsigned)(IP_SIZE + size));
    ip[8] = 64;
    ip[9] = (uint8_t)protocol;
    put32(ip + 12, net.address);
    put32(ip + 16, to);
    put16(ip + 10, net_sum(ip, IP_SIZE));
    return ip + IP_SIZE;
}

/* Sends what is in net.out, `size` bytes behind the Ethernet header. */
static bool net_send(size_t size)
{
    struct virtio_part part = { net.out, (uint32_t)(HEADER_SIZE + ETHER_SIZE + size), false };
    return queue_call(&net.send, &part, 1, LIMIT_US, NULL);
}

static bool dhcp_send(void)
{
    static const uint8_t everybody[6] = { 255, 255, 255, 255, 255, 255 };
    static const uint8_t options[] = { 99, 130, 83, 99, OPTION_KIND, 1, DHCP_DISCOVER,
                                       55, 1, OPTION_ROUTER, OPTION_END };
    size_t size = UDP_SIZE + DHCP_SIZE + sizeof(options) - 4;
    uint8_t *udp = net_packet(everybody, ~0u, IP_UDP, size), *dhcp = udp + UDP_SIZE;
    put16(udp, DHCP_CLIENT);
    put16(udp + 2, DHCP_SERVER);
    put16(udp + 4, (unsigned)size);
    dhcp[0] = 1; /* a request, Ethernet, addresses of 6 bytes */
    dhcp[1] = 1;
    dhcp[2] = 6;
    put32(dhcp + 4, TRANSACTION);
    put16(dhcp + 10, 0x8000); /* answer to everybody: there is no address yet */
    memcpy(dhcp + 28, net.mac, 6);
    memcpy(dhcp + DHCP_SIZE - 4, options, sizeof(options));
    return net_send(IP_SIZE + size);
}

/* The packet's payload if it is of that protocol, and its size. */
static const uint8_t *packet_payload(const uint8_t *frame, size_t size, unsigned protocol,
                                     size_t *ret_size)
{
    const uint8_t *ip = frame + ETHER_SIZE;
    if (size < ETHER_SIZE + IP_SIZE || get16(frame + 12) != ETHER_IP || ip[9] != protocol) {
        return NULL;
    }
    size_t header = (size_t)(ip[0] & 15) * 4, whole = get16(ip + 2);
    if (header < IP_SIZE || whole < header || whole > size - ETHER_SIZE) {
        return NULL;
    }
    *ret_size = whole - header;
    return ip + header;
}

static bool dhcp_take(const uint8_t *frame, size_t size)
{
    size_t left;
    const uint8_t *udp = packet_payload(frame, size, IP_UDP, &left), *dhcp = udp + UDP_SIZE;
    if (!udp || left < UDP_SIZE + DHCP_SIZE || get16(udp + 2) != DHCP_CLIENT ||
        big32(dhcp + 4) != TRANSACTION) {
        return false;
    }
    const uint8_t *at = dhcp + DHCP_SIZE, *end = udp + left;
    unsigned kind = 0;
    while (at + 2 <= end && *at != OPTION_END && at + 2 + at[1] <= end) {
        if (at[0] == OPTION_KIND) {
            kind = at[2];
        } else if (at[0] == OPTION_ROUTER && at[1] >= 4) {
            net.gateway = big32(at + 2);
        }
        at += 2 + at[1];
    }
    net.address = big32(dhcp + 16);
    return kind == DHCP_OFFER && net.gateway != 0;
}

static bool arp_send(void)
{
    static const uint8_t everybody[6] = { 255, 255, 255, 255, 255, 255 };
    uint8_t *arp = net_frame(everybody, ETHER_ARP);
    put16(arp, 1);
    put16(arp + 2, ETHER_IP);
    arp[4] = 6;
    arp[5] = 4;
    put16(arp + 6, ARP_REQUEST);
    memcpy(arp + 8, net.mac, 6);
    put32(arp + 14, net.address);
    put32(arp + 24, net.gateway);
    return net_send(28);
}

static bool arp_take(const uint8_t *frame, size_t size)
{
    const uint8_t *arp = frame + ETHER_SIZE;
    if (size < ETHER_SIZE + 28 || get16(frame + 12) != ETHER_ARP ||
        get16(arp + 6) != ARP_REPLY || big32(arp + 14) != net.gateway) {
        return false;
    }
    memcpy(net.gateway_mac, arp + 8, 6);
    return true;
}

static bool echo_send(void)
{
    uint8_t *icmp = net_packet(net.gateway_mac, net.gateway, IP_ICMP, ECHO_SIZE);
    icmp[0] = ICMP_ECHO;
    for (uint8_t i = 4; i < ECHO_SIZE; i++) {
        icmp[i] = i;
    }
    put16(icmp + 2, net_sum(icmp, ECHO_SIZE));
    return net_send(IP_SIZE + ECHO_SIZE);
}

static bool echo_take(const uint8_t *frame, size_t size)
{
    size_t left;
    const uint8_t *icmp = packet_payload(frame, size, IP_ICMP, &left);
    return icmp && left == ECHO_SIZE && icmp[0] == ICMP_REPLY && net_sum(icmp, left) == 0 &&
           icmp[4] == 4 && icmp[ECHO_SIZE - 1] == ECHO_SIZE - 1;
}

/* Gives one received frame to `take`; whether it was the one waited for. */
static bool net_take(bool (*take)(const uint8_t *frame, size_t size))
{
    uint32_t length;
    int number = queue_take(&net.receive, &length);
    if (number < 0) {
        return false;
    }
    unsigned slot = (unsigned)net.slot_of[number];
    bool taken = length > HEADER_SIZE && take(net.in[slot] + HEADER_SIZE, length - HEADER_SIZE);
    net_listen(slot);
    queue_kick(&net.receive);
    return taken;
}

/* Asks, again and again, until it has the answer. */
static bool net_ask(bool (*send)(void), bool (*take)(const uint8_t *frame, size_t size))
{
    uint64_t limit = time_after_us(LIMIT_US);
    while (time_now() < limit) {
        uint64_t again = time_after_us(RETRY_US);
        if (!send()) {
            return false;
        }
        while (time_now() < again) {
            if (net_take(take)) {
                return true;
            }
            irq_wait(time_after_us(1000));
        }
    }
    return false;
}

static bool net_open(struct virtio *dev)
{
    if (!virtio_begin(dev, NET_F_MAC) || !virtio_add_queue(dev, &net.receive, 0) ||
        !virtio_add_queue(dev, &net.send, 1)) {
        return false;
    }
    for (unsigned i = 0; i < 6; i++) {
        net.mac[i] = (uint8_t)virtio_config(dev, i, 1);
    }
    for (unsigned i = 0; i < MIN(RECEIVE_MAX, net.receive.size); i++) {
        net_listen(i);
    }
    virtio_go(dev);
    queue_kick(&net.receive);
    return true;
}

enum tick_state tick_net(struct tick *tick)
{
    struct virtio dev;
    if (!virtio_open(&dev, VIRTIO_NET, 0)) {
        return tick_say(tick, TICK_NONE, "no network");
    }
    net.address = net.gateway = 0;
    if (!net_open(&dev)) {
        return tick_say(tick, TICK_BAD, "the device agrees to nothing");
    }
    if (!net_ask(dhcp_send, dhcp_take)) {
        return tick_say(tick, TICK_BAD, "nobody offers an address");
    }
    if (!net_ask(arp_send, arp_take)) {
        return tick_say(tick, TICK_BAD, "no answer to ARP");
    }
    uint64_t start = time_now();
    if (!net_ask(echo_send, echo_take)) {
        return tick_say(tick, TICK_BAD, "no answer to ping");
    }
    return tick_say(tick, TICK_OK, "%u.%u.%u.%u, ping %lu us", net.address >> 24,
                    net.address >> 16 & 255, net.address >> 8 & 255, net.address & 255,
                    time_us(start, time_now()));
}
