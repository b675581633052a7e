#include "emu/net/plan.h"

#include <stdarg.h>
#include <string.h>

#define LOOPBACK   0x7f000001u
#define PREFIX_MAX 28 /* room for the gateway, the name server and a guest */

/* Where the defaults lie in the network, as other user-mode networks have them. */
enum { HOST_OFFSET = 2, DNS_OFFSET = 3, DHCP_OFFSET = 15, DHCP_OFFSET_SMALL = 4 };

G_GNUC_PRINTF(2, 3) static bool plan_fail(GError **error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *message = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_set_error_literal(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, message);
    return false;
}

const char *net_address_text(uint32_t address, char *text)
{
    g_snprintf(text, 16, "%u.%u.%u.%u", address >> 24, address >> 16 & 255, address >> 8 & 255,
               address & 255);
    return text;
}

/* A decimal number at *at of at most `max`; moves *at behind it. */
static bool plan_number(const char **at, uint32_t max, uint32_t *ret_value)
{
    uint32_t value = 0;
    const char *start = *at;
    while (g_ascii_isdigit(**at) && value <= max) {
        value = value * 10 + (uint32_t)(**at - '0');
        (*at)++;
    }
    *ret_value = value;
    return *at > start && *at - start <= 9 && value <= max;
}

static bool plan_address(const char **at, uint32_t *ret_address)
{
    uint32_t address = 0;
    for (unsigned i = 0; i < 4; i++) {
        uint32_t byte;
        if ((i > 0 && *(*at)++ != '.') || !plan_number(at, 255, &byte)) {
            return false;
        }
        address = address << 8 | byte;
    }
    *ret_address = address;
    return true;
}

/* net=10.0.2.0/24 or net=10.0.2.0/255.255.255.0 */
static bool plan_network(struct net_plan *plan, const char *text, GError **error)
{
    const char *at = text;
    uint32_t prefix, mask;
    if (!plan_address(&at, &plan->network) || *at != '/') {
        return plan_fail(error, "net=%s: expected an address and a prefix, like 10.0.2.0/24", text);
    }
    const char *mask_at = ++at;
    if (plan_number(&at, 32, &prefix) && *at == '\0') {
        plan->mask = prefix == 0 ? 0 : UINT32_MAX << (32 - prefix);
    } else if (at = mask_at,
               plan_address(&at, &mask) && *at == '\0' && (~mask & (~mask + 1)) == 0) {
        plan->mask = mask;
    } else {
        return plan_fail(error, "net=%s: '%s' is neither a prefix length nor a netmask", text,
                         mask_at);
    }
    if (plan->mask == 0 || plan->mask > UINT32_MAX << (32 - PREFIX_MAX)) {
        return plan_fail(error, "net=%s: the prefix must be 1 to %d", text, PREFIX_MAX);
    }
    if ((plan->network & ~plan->mask) != 0) {
        return plan_fail(error, "net=%s: the address has bits behind the prefix", text);
    }
    return true;
}

/* An address option: inside the network, neither its first nor its last address. */
static bool plan_member(const struct net_plan *plan, const char *option, const char *text,
                        uint32_t offset, uint32_t *ret_address, GError **error)
{
    const char *at = text;
    if (text == NULL) {
        *ret_address = plan->network + offset;
        return true;
    }
    if (!plan_address(&at, ret_address) || *at != '\0') {
        return plan_fail(error, "%s=%s: not an IPv4 address", option, text);
    }
    uint32_t inside = *ret_address & ~plan->mask;
    if ((*ret_address & plan->mask) != plan->network || inside == 0 || inside == ~plan->mask) {
        return plan_fail(error, "%s=%s: not an address of a host in the network (net=)", option,
                         text);
    }
    return true;
}

static bool plan_addresses(struct net_plan *plan, const struct net_user_options *options,
                           GError **error)
{
    if (!plan_network(plan, options->network != NULL ? options->network : "10.0.2.0/24", error)) {
        return false;
    }
    uint32_t dhcp = ~plan->mask > DHCP_OFFSET ? DHCP_OFFSET : DHCP_OFFSET_SMALL;
    if (!plan_member(plan, "host", options->host, HOST_OFFSET, &plan->host, error) ||
        !plan_member(plan, "dns", options->dns, DNS_OFFSET, &plan->dns, error) ||
        !plan_member(plan, "dhcpstart", options->dhcp_start, dhcp, &plan->dhcp_start, error)) {
        return false;
    }
    if (plan->host == plan->dns || plan->host == plan->dhcp_start ||
        plan->dns == plan->dhcp_start) {
        return plan_fail(error, "host=, dns= and dhcpstart= must be three different addresses");
    }
    return true;
}

/* "tcp:", "udp:", or ":" alone, which means TCP. */
static bool plan_protocol(const char **at, bool *ret_udp)
{
    *ret_udp = g_str_has_prefix(*at, "udp:");
    if (*ret_udp || g_str_has_prefix(*at, "tcp:")) {
        *at += 4;
        return true;
    }
    return *(*at)++ == ':';
}

/* "ADDRESS:PORT", where the address may be missing, and the port may be 0 if `any`. */
static bool plan_endpoint(const char **at, bool any, uint32_t *address, uint16_t *ret_port)
{
    uint32_t port;
    if (**at != ':' && !plan_address(at, address)) {
        return false;
    }
    if (*(*at)++ != ':' || !plan_number(at, UINT16_MAX, &port) || (port == 0 && !any)) {
        return false;
    }
    *ret_port = (uint16_t)port;
    return true;
}

/* hostfwd=[tcp|udp]:[HOSTADDR]:HOSTPORT-[GUESTADDR]:GUESTPORT */
static bool plan_hostfwd(struct net_plan *plan, const char *text, GError **error)
{
    struct net_forward forward = { .host = LOOPBACK, .guest = plan->dhcp_start };
    const char *at = text;
    if (!plan_protocol(&at, &forward.udp) ||
        !plan_endpoint(&at, true, &forward.host, &forward.host_port) || *at++ != '-' ||
        !plan_endpoint(&at, false, &forward.guest, &forward.guest_port) || *at != '\0') {
        return plan_fail(error,
                         "hostfwd=%s: expected PROTOCOL:HOSTADDR:HOSTPORT-GUESTADDR:"
                         "GUESTPORT, like tcp::2222-:22",
                         text);
    }
    if ((forward.guest & plan->mask) != plan->network) {
        return plan_fail(error, "hostfwd=%s: the guest's address is not in the network (net=)",
                         text);
    }
    g_array_append_val(plan->hostfwd, forward);
    return true;
}

/* guestfwd=tcp:SERVER:PORT-cmd:COMMAND, or -unix:PATH */
static bool plan_guestfwd(struct net_plan *plan, const char *text, GError **error)
{
    struct net_guest_forward forward = { 0 };
    const char *at = text;
    bool udp;
    bool ok = plan_protocol(&at, &udp) && !udp &&
              plan_endpoint(&at, false, &forward.server, &forward.port) && *at++ == '-';
    if (ok && g_str_has_prefix(at, "cmd:")) {
        forward.target = NET_GUEST_COMMAND;
        forward.what = at + strlen("cmd:");
    } else if (ok && g_str_has_prefix(at, "unix:")) {
        forward.target = NET_GUEST_UNIX;
        forward.what = at + strlen("unix:");
    }
    if (forward.what == NULL || forward.what[0] == '\0') {
        return plan_fail(error,
                         "guestfwd=%s: expected tcp:SERVER:PORT-cmd:COMMAND or "
                         "tcp:SERVER:PORT-unix:PATH",
                         text);
    }
    if ((forward.server & plan->mask) != plan->network || forward.server == plan->host ||
        forward.server == plan->dns) {
        return plan_fail(error,
                         "guestfwd=%s: the server must be an address of the network (net=) "
                         "that is neither the gateway's nor the name server's",
                         text);
    }
    g_array_append_val(plan->guestfwd, forward);
    return true;
}

bool net_plan_make(struct net_plan *plan, const struct net_user_options *options, GError **error)
{
    *plan = (struct net_plan){
        .hostfwd = g_array_new(FALSE, FALSE, sizeof(struct net_forward)),
        .guestfwd = g_array_new(FALSE, FALSE, sizeof(struct net_guest_forward)),
    };
    bool ok = plan_addresses(plan, options, error);
    for (unsigned i = 0; ok && options->hostfwd != NULL && options->hostfwd[i] != NULL; i++) {
        ok = plan_hostfwd(plan, options->hostfwd[i], error);
    }
    for (unsigned i = 0; ok && options->guestfwd != NULL && options->guestfwd[i] != NULL; i++) {
        ok = plan_guestfwd(plan, options->guestfwd[i], error);
    }
    if (!ok) {
        net_plan_clear(plan);
    }
    return ok;
}

void net_plan_clear(struct net_plan *plan)
{
    if (plan->hostfwd != NULL) {
        g_array_unref(plan->hostfwd);
        g_array_unref(plan->guestfwd);
    }
    *plan = (struct net_plan){ 0 };
}
