/*
 * What stands behind network devices. Packets are Ethernet frames without FCS. All calls on the
 * context's home thread, with the machine lock held.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

#include "aio/context.h"

struct net_backend;

/* The card in front. */
struct net_client {
    /* Takes a frame; false when it has no room now (the backend keeps it or drops it). */
    bool (*receive)(void *opaque, const uint8_t *frame, size_t size);
    /* Whether it takes large frames now; the next one only if so. Both optional. */
    bool (*takes_large)(void *opaque);
    /* Takes many segments of a TCP connection in one frame, `segment_size` bytes of data in each
     * but the last. The TCP checksum covers only the pseudo header. */
    bool (*receive_large)(void *opaque, const uint8_t *frame, size_t size, uint16_t segment_size);
};

struct net_class {
    const char *name;
    /* Takes IPv4 TCP segments of up to 64 KiB in one frame, whatever the MTU. */
    bool large_segments;
    /* Sends a frame from the guest; never blocks. */
    void (*send)(struct net_backend *net, const uint8_t *frame, size_t size);
    /* The card has room again: frames that were kept may be delivered. */
    void (*accept_input)(struct net_backend *net);
    /* A table of connections, free with g_free. Optional. */
    char *(*report)(struct net_backend *net);
    /* Closes and frees. */
    void (*close)(struct net_backend *net);
};

/* The common part, first member of each kind. */
struct net_backend {
    const struct net_class *class;
    char *id;
    struct aio_context *ctx;
    const struct net_client *client;
    void *client_opaque;
    uint64_t sent; /* frames of the guest so far; home thread */
};

/* Options of the user-mode network; NULL strings and zeroes mean the default. */
struct net_user_options {
    const char *id;
    const char *network;          /* "10.0.2.0/24" */
    const char *dhcp_start;       /* "10.0.2.15" */
    const char *host;             /* "10.0.2.2" */
    const char *dns;              /* "10.0.2.3" */
    const char *hostname;
    const char *const *hostfwd;   /* NULL-terminated "tcp:127.0.0.1:2222-:22"; without an address
                                   * of the host, only the host itself can connect; port 0 is any
                                   * that is free, and net_report tells which */
    const char *const *guestfwd;  /* NULL-terminated "tcp:10.0.2.100:80-cmd:COMMAND" or -unix: */
    bool restricted;
    bool no_ipv6;
    /* Hears of each hostfwd that cannot be had, and is left out; NULL: that is an error. */
    void (*left_out)(void *opaque, const char *why);
    void *opaque;
};

/* A user-mode network (libslirp): DHCP, DNS, TCP, UDP. NULL and `error` name the bad option, or
 * the port that is in use. */
struct net_backend *net_user_new(struct aio_context *ctx, const struct net_user_options *options,
                                 GError **error);

/* Two backends that send to each other: tests. */
void net_pair_new(struct aio_context *ctx, struct net_backend **ret_a, struct net_backend **ret_b);

/* Connects the card; NULL disconnects. */
void net_connect(struct net_backend *net, const struct net_client *client, void *opaque);

/* Sends a frame from the guest. */
void net_send(struct net_backend *net, const uint8_t *frame, size_t size);

/* The card has room again. */
void net_accept_input(struct net_backend *net);

/* A table of its connections and forwarded ports for people, free with g_free; NULL if it has none
 * to tell of. */
char *net_report(struct net_backend *net);

/* Closes and frees; accepts NULL. */
void net_free(struct net_backend *net);
