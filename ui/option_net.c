/* Options for networks: -netdev, -nic, -net. */
#include "ui/option_fns.h"

#include <string.h>

#include "ui/keys.h"
#include "ui/mac.h"
#include "ui/usage.h"

struct net_keys {
    char *type, *id, *net, *dhcpstart, *host, *dns, *hostname, *model, *mac;
    char **hostfwd, **guestfwd;
    bool restricted, ipv6;
};

static const char *const only_on[] = { "on", NULL };

#define NET(field) offsetof(struct net_keys, field)

/* -nic takes all of them; the last two are not for -netdev. */
static const struct key_row net_rows[] = {
    { "type", KEY_STRING, NET(type), "user", NULL, 0 },
    { "id", KEY_STRING, NET(id), "its name for -device", NULL, 0 },
    { "net", KEY_STRING, NET(net), "the guest's network: 10.0.2.0/24", NULL, 0 },
    { "host", KEY_STRING, NET(host), "this host in it: 10.0.2.2", NULL, 0 },
    { "dhcpstart", KEY_STRING, NET(dhcpstart), "the first address for guests: 10.0.2.15", NULL, 0 },
    { "dns", KEY_STRING, NET(dns), "the name server in it: 10.0.2.3", NULL, 0 },
    { "hostname", KEY_STRING, NET(hostname), "the guest's name for DHCP", NULL, 0 },
    { "hostfwd", KEY_STRINGS, NET(hostfwd), "tcp|udp:[HOST]:PORT-[GUEST]:PORT", NULL, 0 },
    { "guestfwd", KEY_STRINGS, NET(guestfwd), "tcp:SERVER:PORT-cmd:COMMAND", NULL, 0 },
    { "restrict", KEY_SWITCH, NET(restricted), "no way out but what is forwarded", NULL, 0 },
    { "ipv6", KEY_SWITCH, NET(ipv6), "IPv6 in the network", NULL, 0 },
    { "ipv4", KEY_FIXED, 0, "IPv4 in the network", only_on, 0 },
    { "model", KEY_STRING, NET(model), "virtio-net-device", NULL, 0 },
    { "mac", KEY_STRING, NET(mac), "the card's address", NULL, 0 },
    { NULL, KEY_FIXED, 0, NULL, NULL, 0 },
};

static bool net_type_check(const char *option, const char *type, GError **error)
{
    static const char *const types[] = { "user", NULL };
    if (type && g_strv_contains(types, type)) {
        return true;
    }
    return usage_unknown(error, type ? type : "", types, "there is 'user'",
                         "%s: unknown kind of network '%s'", option, type ? type : "");
}

/* Moves what the keys hold into a new network; its id for the device. */
static const char *net_add(struct plan *plan, struct net_keys *keys)
{
    struct machine_net *net = g_new0(struct machine_net, 1);
    net->id = keys->id ? g_steal_pointer(&keys->id) : plan_anonymous(plan, "net");
    net->network = g_steal_pointer(&keys->net);
    net->dhcp_start = g_steal_pointer(&keys->dhcpstart);
    net->host = g_steal_pointer(&keys->host);
    net->dns = g_steal_pointer(&keys->dns);
    net->hostname = g_steal_pointer(&keys->hostname);
    net->hostfwd = g_steal_pointer(&keys->hostfwd);
    net->guestfwd = g_steal_pointer(&keys->guestfwd);
    net->restricted = keys->restricted;
    net->no_ipv6 = !keys->ipv6;
    g_ptr_array_add(plan->config.nets, net);
    return net->id;
}

static bool netdev_take(struct plan *plan, struct net_keys *keys, GError **error)
{
    if (keys->model || keys->mac) {
        return usage_error(error, "-netdev: '%s' belongs to the card: -device virtio-net-device,%s",
                           keys->mac ? "mac" : "model", keys->mac ? "mac=..." : "netdev=ID");
    }
    if (!net_type_check("-netdev", keys->type, error)) {
        return false;
    }
    if (!keys->id) {
        return usage_error(error, "-netdev: it needs id=NAME, which -device refers to");
    }
    net_add(plan, keys);
    return true;
}

bool option_netdev(struct plan *plan, const char *value, GError **error)
{
    struct net_keys keys = { .ipv6 = true };
    if (strcmp(value, "help") == 0) {
        plan_answer(plan, "Available netdev backend types:\nuser\n");
        return true;
    }
    bool taken = keys_parse("-netdev", value, "type", net_rows, &keys, error) &&
                 netdev_take(plan, &keys, error);
    keys_clear(net_rows, &keys);
    return taken;
}

static bool nic_take(struct plan *plan, struct net_keys *keys, GError **error)
{
    static const char *const models[] = { "virtio-net-device", "virtio", "virtio-net", NULL };
    uint8_t mac[6] = { 0 };
    if (keys->type && strcmp(keys->type, "none") == 0) {
        return true;
    }
    if (!net_type_check("-nic", keys->type, error)) {
        return false;
    }
    if (keys->model && !g_strv_contains(models, keys->model)) {
        return usage_unknown(error, keys->model, models, "take 'virtio-net-device'",
                             "-nic: unknown model '%s'", keys->model);
    }
    if (keys->mac && !mac_parse("-nic", keys->mac, mac, error)) {
        return false;
    }
    struct machine_device *device = plan_add_device(plan->tail, DEVICE_NET);
    device->id = plan_anonymous(plan, "nic");
    device->backend = g_strdup(net_add(plan, keys));
    memcpy(device->mac, mac, sizeof(mac));
    return true;
}

bool option_nic(struct plan *plan, const char *value, GError **error)
{
    struct net_keys keys = { .ipv6 = true };
    if (strcmp(value, "help") == 0) {
        plan_answer(plan, "Available netdev backend types:\nuser\nnone\n"
                          "Available NIC models:\nvirtio-net-device\n");
        return true;
    }
    bool taken =
        keys_parse("-nic", value, "type", net_rows, &keys, error) && nic_take(plan, &keys, error);
    keys_clear(net_rows, &keys);
    return taken;
}

bool option_net(struct plan *plan, const char *value, GError **error)
{
    (void)plan;
    if (strcmp(value, "none") == 0) {
        return true;
    }
    return usage_error(error, "-net %s is not supported: use '-nic user', or -netdev and -device",
                       value);
}
