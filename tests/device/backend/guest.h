/*
 * The smallest guest that can use a network: ARP, DHCP, ping, one UDP port and one TCP connection,
 * built and read frame by frame. Loses nothing, retransmits nothing.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "aio/context.h"
#include "emu/net/net.h"

enum { TCP_FIN = 1, TCP_SYN = 2, TCP_RST = 4, TCP_PUSH = 8, TCP_ACK = 16 };

struct guest {
    struct aio_context *ctx;
    struct net_backend *net;
    uint8_t mac[6], gateway_mac[6];
    uint32_t ip, gateway, dns; /* host byte order, here and below */
    char hostname[64];
    bool lease, gateway_known, pong;
    unsigned frames, bad_checksums;
    bool deaf;  /* takes no frames */
    bool large; /* takes large ones */
    unsigned large_frames;
    /* The last UDP datagram that was not DHCP. */
    GByteArray *udp;
    uint32_t udp_from;
    uint16_t udp_from_port, udp_to_port;
    /* The connection. */
    uint32_t tcp_peer, tcp_next, tcp_expected;
    uint16_t tcp_port, tcp_peer_port;
    bool tcp_listening, tcp_open, tcp_closed, tcp_refused;
    GByteArray *tcp_input;
};

/* Connects a guest without an address. */
void guest_init(struct guest *g, struct aio_context *ctx, struct net_backend *net);

/* Disconnects and frees. */
void guest_finish(struct guest *g);

/* Runs the loop until *flag, or fails the test. */
void guest_wait(struct guest *g, const bool *flag, const char *what);

/* Gets a lease, and learns the gateway's hardware address. */
void guest_join(struct guest *g);

/* Sends an echo request. */
void guest_ping(struct guest *g, uint32_t to);

/* Sends a datagram. */
void guest_send_udp(struct guest *g, uint16_t port, uint32_t to, uint16_t to_port, const void *data,
                    size_t size);

/* Begins a connection; `tcp_open` or `tcp_refused` follows. */
void guest_connect(struct guest *g, uint32_t to, uint16_t to_port);

/* Waits for one at `port`. */
void guest_listen(struct guest *g, uint16_t port);

/* Sends one segment of data, up to 64 KiB with its headers. */
void guest_send_tcp(struct guest *g, const void *data, size_t size);

/* Ends our side of the connection. */
void guest_close(struct guest *g);
