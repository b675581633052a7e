/* The options of a user-mode network, checked and resolved: nothing here opens anything. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "emu/net/net.h"

/* One forwarded port. IPv4 addresses are in host byte order; 0 means any host address, or the
 * first one that DHCP gives. */
struct net_forward {
    bool udp;
    uint32_t host;
    uint16_t host_port;
    uint32_t guest;
    uint16_t guest_port;
};

enum net_guest_target { NET_GUEST_COMMAND, NET_GUEST_UNIX };

/* A port of the guest's network that leads to a program or a unix socket of the host. */
struct net_guest_forward {
    uint32_t server;
    uint16_t port;
    enum net_guest_target target;
    const char *what; /* command line or path, inside the option's string */
};

struct net_plan {
    uint32_t network, mask, host, dhcp_start, dns; /* host byte order */
    GArray *hostfwd;                               /* of struct net_forward */
    GArray *guestfwd;                              /* of struct net_guest_forward */
};

/* Resolves; false and `error` name the bad option, nothing is left. The strings of `options` must
 * outlive the plan. */
bool net_plan_make(struct net_plan *plan, const struct net_user_options *options, GError **error);

/* Frees what a plan owns. */
void net_plan_clear(struct net_plan *plan);

/* Writes an address as text, for messages. `text` has room for 16 bytes; returns it. */
const char *net_address_text(uint32_t address, char *text);
