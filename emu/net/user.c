/*
 * The user-mode network: libslirp, driven by the loop.
 *
 * libslirp wants to be asked before each wait which sockets it cares about, and told afterwards
 * which are ready. Here a handler tells it at once, about its own socket: some of its calls block
 * if told too late. One bottom half asks again, and changes only the handlers whose wish changed.
 * It runs only when something happened: an idle network costs nothing.
 */
#include "emu/net/net.h"

#include <assert.h>
#include <string.h>

#include <slirp/libslirp.h>

#include "aio/timer.h"
#include "emu/net/merge.h"
#include "emu/net/plan.h"
#include "emu/net/queue.h"
#include "platform/socket.h"

#define MS                1000000ll
#define SLIRP_IDLE_MS     1000u /* what libslirp says when it waits for nothing */
#define SLIRP_CONFIG_OURS 4
#define SLIRP_WANTS_READ  (SLIRP_POLL_IN | SLIRP_POLL_PRI | SLIRP_POLL_HUP)
#define SLIRP_WANTS_WRITE SLIRP_POLL_OUT

struct user_net;

/* A socket that libslirp has asked about. */
struct user_fd {
    struct user_net *user;
    int fd;
    int wanted; /* SLIRP_POLL_*, as asked for in the last tick */
    int armed;  /* SLIRP_POLL_IN and OUT: the handlers that are set */
    int ready;  /* SLIRP_POLL_IN or OUT, while libslirp is told */
};

/* A timer of libslirp's. */
struct user_timer {
    struct aio_timer timer;
    struct user_net *user;
    SlirpTimerId id;
    void *cb_opaque;
};

struct user_net {
    struct net_backend net;
    Slirp *slirp;
    struct frame_queue waiting;
    struct aio_bh *tick_bh;
    struct aio_timer tick_timer;
    GHashTable *fds;  /* int -> struct user_fd */
    GPtrArray *slots; /* of struct user_fd: what add_poll's results mean */
    struct tcp_merge merge;
};

static void user_schedule(void *opaque)
{
    aio_bh_schedule(((struct user_net *)opaque)->tick_bh);
}

/* Delivers what was held back to be merged; after each call that lets libslirp send. */
static void user_flush(struct user_net *user)
{
    uint16_t segment_size;
    size_t size = tcp_merge_take(&user->merge, &segment_size);
    if (size > 0) {
        frame_queue_deliver(&user->waiting, &user->net, user->merge.frame, size, segment_size);
    }
}

static int user_get_revents(int slot, void *opaque);

/* Lets libslirp use a socket that is ready. */
static void user_ready(struct user_fd *entry, int events)
{
    struct user_net *user = entry->user;
    entry->ready = events;
    slirp_pollfds_poll(user->slirp, 0, user_get_revents, user);
    user_flush(user);
    entry->ready = 0;
    user_schedule(user);
}

static void user_readable(void *opaque)
{
    user_ready(opaque, SLIRP_POLL_IN);
}

static void user_writable(void *opaque)
{
    user_ready(opaque, SLIRP_POLL_OUT);
}

/* Sets the handlers to `events`, of SLIRP_POLL_IN and OUT. */
static void user_arm(struct user_fd *entry, int events)
{
    struct host_handle handle = { HOST_HANDLE_SOCKET, entry->fd };
    bool read = (events & SLIRP_POLL_IN) != 0, write = (events & SLIRP_POLL_OUT) != 0;
    if (events != entry->armed &&
        aio_set_fd_handler_named(entry->user->net.ctx, "slirp-socket", handle,
                                 read ? user_readable : NULL, write ? user_writable : NULL, entry,
                                 NULL)) {
        entry->armed = events; /* else the loop is full; the next tick tries again */
    }
}

static int user_add_poll(int fd, int events, void *opaque)
{
    struct user_net *user = opaque;
    struct user_fd *entry = g_hash_table_lookup(user->fds, GINT_TO_POINTER(fd));
    if (entry == NULL) {
        entry = g_new0(struct user_fd, 1);
        entry->user = user;
        entry->fd = fd;
        g_hash_table_insert(user->fds, GINT_TO_POINTER(fd), entry);
    }
    entry->wanted |= events;
    g_ptr_array_add(user->slots, entry);
    return (int)user->slots->len - 1;
}

/* What is ready of the events asked for under this slot. */
static int user_get_revents(int slot, void *opaque)
{
    const struct user_net *user = opaque;
    assert(slot >= 0 && (guint)slot < user->slots->len);
    return ((const struct user_fd *)user->slots->pdata[slot])->ready;
}

/* Brings the handlers into step with what libslirp asked for; true for entries it has dropped. */
static gboolean user_settle(void *key, void *value, void *opaque)
{
    struct user_fd *entry = value;
    (void)key;
    (void)opaque;
    int events = ((entry->wanted & SLIRP_WANTS_READ) != 0 ? SLIRP_POLL_IN : 0) |
                 ((entry->wanted & SLIRP_WANTS_WRITE) != 0 ? SLIRP_POLL_OUT : 0);
    user_arm(entry, events);
    return events == 0 && entry->armed == 0;
}

/* Before the question is asked again. */
static void user_forget(void *key, void *value, void *opaque)
{
    struct user_fd *entry = value;
    (void)key;
    (void)opaque;
    entry->wanted = 0;
}

/* Runs libslirp's timers, and asks what it waits for now. */
static void user_tick(void *opaque)
{
    struct user_net *user = opaque;
    uint32_t timeout_ms = UINT32_MAX;
    slirp_pollfds_poll(user->slirp, 0, user_get_revents, user);
    user_flush(user);
    g_hash_table_foreach(user->fds, user_forget, NULL);
    g_ptr_array_set_size(user->slots, 0);
    slirp_pollfds_fill(user->slirp, &timeout_ms, user_add_poll, user);
    g_hash_table_foreach_remove(user->fds, user_settle, NULL);
    if (timeout_ms >= SLIRP_IDLE_MS) {
        timer_del(&user->tick_timer);
    } else {
        timer_mod(&user->tick_timer, aio_clock_now_ns(aio_clock_host()) + timeout_ms * MS);
    }
}

static void user_send(struct net_backend *net, const uint8_t *frame, size_t size)
{
    struct user_net *user = (struct user_net *)net;
    slirp_input(user->slirp, frame, (int)size);
    user_flush(user);
    user_schedule(user);
}

static void user_accept_input(struct net_backend *net)
{
    frame_queue_flush(&((struct user_net *)net)->waiting, net);
}

static char *user_report(struct net_backend *net)
{
    return slirp_connection_info(((struct user_net *)net)->slirp);
}

static void user_close(struct net_backend *net)
{
    struct user_net *user = (struct user_net *)net;
    net->client = NULL;
    slirp_cleanup(user->slirp);
    g_hash_table_foreach(user->fds, user_forget, NULL);
    g_hash_table_foreach_remove(user->fds, user_settle, NULL);
    assert(g_hash_table_size(user->fds) == 0);
    g_hash_table_unref(user->fds);
    g_ptr_array_unref(user->slots);
    timer_del(&user->tick_timer);
    aio_bh_delete(user->tick_bh);
    frame_queue_finish(&user->waiting);
    g_free(net->id);
    g_free(user);
}

/* What libslirp calls. */

static ssize_t user_deliver(const void *frame, size_t size, void *opaque)
{
    struct user_net *user = opaque;
    if (!frame_queue_takes_large(&user->net)) {
        frame_queue_deliver(&user->waiting, &user->net, frame, size, 0);
    } else if (!tcp_merge_add(&user->merge, frame, size)) {
        user_flush(user);
        if (!tcp_merge_add(&user->merge, frame, size)) {
            frame_queue_deliver(&user->waiting, &user->net, frame, size, 0);
        }
    }
    return (ssize_t)size;
}

static void user_guest_error(const char *message, void *opaque)
{
    (void)message; /* the guest's own business: it must not be able to fill a log */
    (void)opaque;
}

static int64_t user_now_ns(void *opaque)
{
    (void)opaque;
    return aio_clock_now_ns(aio_clock_host());
}

static void user_timer_fire(void *opaque)
{
    struct user_timer *timer = opaque;
    slirp_handle_timer(timer->user->slirp, timer->id, timer->cb_opaque);
    user_flush(timer->user);
    user_schedule(timer->user);
}

static void *user_timer_new(SlirpTimerId id, void *cb_opaque, void *opaque)
{
    struct user_timer *timer = g_new0(struct user_timer, 1);
    timer->user = opaque;
    timer->id = id;
    timer->cb_opaque = cb_opaque;
    timer_init(&timer->timer, timer->user->net.ctx, aio_clock_host(), "slirp", user_timer_fire,
               timer);
    return timer;
}

static void user_timer_free(void *timer, void *opaque)
{
    (void)opaque;
    timer_del(&((struct user_timer *)timer)->timer);
    g_free(timer);
}

static void user_timer_mod(void *timer, int64_t expire_ms, void *opaque)
{
    (void)opaque;
    timer_mod(&((struct user_timer *)timer)->timer, expire_ms * MS);
}

static void user_register_fd(int fd, void *opaque)
{
    (void)fd; /* it is asked about before it matters */
    user_schedule(opaque);
}

/* The socket is about to be closed, and its number may come back as another one. */
static void user_unregister_fd(int fd, void *opaque)
{
    struct user_net *user = opaque;
    struct user_fd *entry = g_hash_table_lookup(user->fds, GINT_TO_POINTER(fd));
    if (entry != NULL) {
        user_arm(entry, 0);
    }
}

static const SlirpCb user_callbacks = {
    .send_packet = user_deliver,
    .guest_error = user_guest_error,
    .clock_get_ns = user_now_ns,
    .timer_new_opaque = user_timer_new,
    .timer_free = user_timer_free,
    .timer_mod = user_timer_mod,
    .register_poll_fd = user_register_fd,
    .unregister_poll_fd = user_unregister_fd,
    .notify = user_schedule,
};

static const struct net_class user_class = {
    .name = "user",
    .large_segments = true, /* libslirp ends TCP itself, and asks only what IP allows */
    .send = user_send,
    .accept_input = user_accept_input,
    .report = user_report,
    .close = user_close,
};

/* libslirp logs what guests and networks do wrong: nobody's log should be floodable by them. */
static void user_ignore_log(const char *domain, GLogLevelFlags level, const char *message,
                            void *opaque)
{
    (void)domain;
    (void)level;
    (void)message;
    (void)opaque;
}

static struct in_addr user_address(uint32_t address)
{
    struct in_addr in;
    in.s_addr = g_htonl(address);
    return in;
}

/* fec0::`last` */
static struct in6_addr user_address6(uint8_t last)
{
    const uint8_t bytes[16] = { [0] = 0xfe, [1] = 0xc0, [15] = last };
    struct in6_addr in;
    static_assert(sizeof(in) == sizeof(bytes), "an IPv6 address is 16 bytes");
    memcpy(&in, bytes, sizeof(in));
    return in;
}

static Slirp *user_start(struct user_net *user, const struct net_plan *plan,
                         const struct net_user_options *options)
{
    const SlirpConfig config = {
        .version = SLIRP_CONFIG_OURS,
        .restricted = options->restricted,
        .in_enabled = true,
        .vnetwork = user_address(plan->network),
        .vnetmask = user_address(plan->mask),
        .vhost = user_address(plan->host),
        .in6_enabled = !options->no_ipv6,
        .vprefix_addr6 = user_address6(0),
        .vprefix_len = 64,
        .vhost6 = user_address6(2),
        .vhostname = options->hostname,
        .vdhcp_start = user_address(plan->dhcp_start),
        .vnameserver = user_address(plan->dns),
        .vnameserver6 = user_address6(3),
    };
    return slirp_new(&config, &user_callbacks, user);
}

/* The host says best why a port cannot be had: try it, then leave it to libslirp. */
static bool user_probe_port(const struct net_forward *forward, const char *host, GError **error)
{
    struct host_handle probe;
    if (forward->udp || forward->host_port == 0) {
        return true;
    }
    if (!host_socket_listen_tcp(host, forward->host_port, &probe, error)) {
        return false;
    }
    host_socket_close(probe);
    return true;
}

static bool user_forward(struct user_net *user, const struct net_forward *forward, GError **error)
{
    char host[16];
    net_address_text(forward->host, host);
    if (!user_probe_port(forward, host, error)) {
        g_prefix_error(error, "hostfwd: ");
        return false;
    }
    if (slirp_add_hostfwd(user->slirp, forward->udp, user_address(forward->host),
                          forward->host_port, user_address(forward->guest),
                          forward->guest_port) != 0) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED,
                    "hostfwd: cannot listen on %s port %u of %s: it is in use, or may not be used",
                    forward->udp ? "UDP" : "TCP", forward->host_port, host);
        return false;
    }
    return true;
}

static bool user_guest_forward(struct user_net *user, const struct net_guest_forward *forward,
                               GError **error)
{
    struct in_addr server = user_address(forward->server);
    int result = forward->target == NET_GUEST_COMMAND
                     ? slirp_add_exec(user->slirp, forward->what, &server, forward->port)
                     : slirp_add_unix(user->slirp, forward->what, &server, forward->port);
    if (result != 0) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED,
                    "guestfwd: cannot forward port %u to '%s': the port is taken, or this host "
                    "has no such forwarding",
                    forward->port, forward->what);
        return false;
    }
    return true;
}

static bool user_forward_all(struct user_net *user, const struct net_plan *plan,
                             const struct net_user_options *options, GError **error)
{
    bool ok = true;
    for (guint i = 0; ok && i < plan->hostfwd->len; i++) {
        GError *why = NULL;
        ok = user_forward(user, &g_array_index(plan->hostfwd, struct net_forward, i), &why);
        if (!ok && options->left_out != NULL) {
            options->left_out(options->opaque, why->message);
            g_error_free(why);
            ok = true;
        } else if (!ok) {
            g_propagate_error(error, why);
        }
    }
    for (guint i = 0; ok && i < plan->guestfwd->len; i++) {
        ok = user_guest_forward(user, &g_array_index(plan->guestfwd, struct net_guest_forward, i),
                                error);
    }
    return ok;
}

struct net_backend *net_user_new(struct aio_context *ctx, const struct net_user_options *options,
                                 GError **error)
{
    struct net_plan plan;
    if (!net_plan_make(&plan, options, error)) {
        return NULL;
    }
    if (!host_socket_startup(error)) {
        net_plan_clear(&plan);
        return NULL;
    }
    g_log_set_handler("Slirp", G_LOG_LEVEL_MASK, user_ignore_log, NULL);
    struct user_net *user = g_new0(struct user_net, 1);
    user->net = (struct net_backend){ &user_class, g_strdup(options->id), ctx, NULL, NULL };
    frame_queue_init(&user->waiting);
    user->fds = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    user->slots = g_ptr_array_new();
    user->tick_bh = aio_bh_new(ctx, "slirp", user_tick, user);
    timer_init(&user->tick_timer, ctx, aio_clock_host(), "slirp-tick", user_schedule, user);
    user->slirp = user_start(user, &plan, options);
    assert(user->slirp != NULL); /* it refuses only what a plan never holds */
    bool ok = user_forward_all(user, &plan, options, error);
    net_plan_clear(&plan);
    if (!ok) {
        user_close(&user->net);
        return NULL;
    }
    user_schedule(user);
    return &user->net;
}
