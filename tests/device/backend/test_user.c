/* Goal: the user-mode network gives leases, carries TCP and UDP both ways, and names bad options.
 */
#include <stdio.h>
#include <string.h>

#include <glib.h>

#include "platform/socket.h"
#include "tests/device/backend/guest.h"

#define GATEWAY  0x0a000202u /* 10.0.2.2: the host */
#define DATA_MAX 262144u

static struct aio_context *ctx;
static struct net_backend *net;
static struct guest g;

/* The other end, on the host: it collects, and echoes if asked. */
struct host_end {
    struct host_handle listener, peer;
    GByteArray *input;
    bool echo, connected, closed;
};

static struct host_end end;

static void setup(const struct net_user_options *options)
{
    g_autoptr(GError) error = NULL;
    ctx = aio_context_new("test", &error);
    g_assert_no_error(error);
    net = net_user_new(ctx, options, &error);
    g_assert_no_error(error);
    guest_init(&g, ctx, net);
}

static void finish(void)
{
    g_assert_cmpuint(g.bad_checksums, ==, 0);
    guest_finish(&g);
    net_free(net);
    while (aio_poll(ctx, false)) {
    }
    aio_context_unref(ctx);
}

static void end_send(const void *data, size_t size)
{
    size_t done = 0;
    for (unsigned i = 0; done < size && i < 100000; i++) {
        int64_t sent = host_socket_send(end.peer, (const uint8_t *)data + done, size - done);
        g_assert_true(sent >= 0 || sent == SOCKET_AGAIN);
        done += sent > 0 ? (size_t)sent : 0;
        aio_poll(ctx, false);
    }
    g_assert_cmpuint(done, ==, size);
}

static void end_readable(void *opaque)
{
    uint8_t data[4096];
    (void)opaque;
    int64_t got = host_socket_receive(end.peer, data, sizeof(data));
    if (got > 0) {
        g_byte_array_append(end.input, data, (guint)got);
        if (end.echo) {
            g_assert_cmpint(host_socket_send(end.peer, data, (size_t)got), ==, got);
        }
    } else if (got != SOCKET_AGAIN) {
        end.closed = true;
        aio_set_fd_handler(ctx, end.peer, NULL, NULL, NULL, NULL);
    }
}

static void end_take(struct host_handle peer)
{
    end.peer = peer;
    end.connected = true;
    g_assert_true(aio_set_fd_handler(ctx, peer, end_readable, NULL, NULL, NULL));
}

static void end_accept(void *opaque)
{
    struct host_handle peer;
    (void)opaque;
    if (host_socket_accept(end.listener, &peer)) {
        end_take(peer);
    }
}

/* Listens on a port of the loopback interface, and returns it. */
static uint16_t end_listen(bool echo)
{
    g_autoptr(GError) error = NULL;
    end = (struct host_end){ .peer = host_handle_none(), .echo = echo };
    end.input = g_byte_array_new();
    g_assert_true(host_socket_listen_tcp("127.0.0.1", 0, &end.listener, &error));
    g_assert_no_error(error);
    g_assert_true(aio_set_fd_handler(ctx, end.listener, end_accept, NULL, NULL, NULL));
    return host_socket_port(end.listener);
}

static void end_connect(uint16_t port)
{
    g_autoptr(GError) error = NULL;
    struct host_handle peer;
    end = (struct host_end){ .listener = host_handle_none() };
    end.input = g_byte_array_new();
    g_assert_true(host_socket_connect_tcp("127.0.0.1", port, &peer, &error));
    g_assert_no_error(error);
    end_take(peer);
}

static void end_finish(void)
{
    if (end.connected && !end.closed) {
        aio_set_fd_handler(ctx, end.peer, NULL, NULL, NULL, NULL);
    }
    host_socket_close(end.peer);
    if (end.listener.kind != HOST_HANDLE_NONE) {
        aio_set_fd_handler(ctx, end.listener, NULL, NULL, NULL, NULL);
    }
    host_socket_close(end.listener);
    g_byte_array_unref(end.input);
}

/* The host's port that is forwarded to the guest. */
static uint16_t forwarded_port(void)
{
    unsigned port = 0;
    g_autofree char *report = net_report(net);
    const char *row = strstr(report, "TCP[HOST_FORWARD]");
    g_assert_nonnull(row);
    g_assert_cmpint(sscanf(row, "%*s %*d %*s %u", &port), ==, 1);
    g_assert_cmpuint(port, >, 0);
    return (uint16_t)port;
}

static void wait_bytes(const GByteArray *array, guint count)
{
    for (unsigned i = 0; array->len < count; i++) {
        g_assert_cmpuint(i, <, 100000);
        aio_poll(ctx, true);
    }
}

static void test_lease(void)
{
    setup(&(struct net_user_options){ .id = "n0" });
    guest_join(&g);
    g_assert_cmphex(g.ip, ==, 0x0a00020f);
    g_assert_cmphex(g.gateway, ==, GATEWAY);
    g_assert_cmphex(g.dns, ==, 0x0a000203);
    guest_ping(&g, g.gateway);
    guest_wait(&g, &g.pong, "an echo reply");
    finish();
}

static void test_addresses(void)
{
    setup(&(struct net_user_options){ .id = "n0",
                                      .network = "192.168.76.0/255.255.255.0",
                                      .host = "192.168.76.9",
                                      .dns = "192.168.76.10",
                                      .dhcp_start = "192.168.76.100",
                                      .hostname = "bird" });
    guest_join(&g);
    g_assert_cmphex(g.ip, ==, 0xc0a84c64);
    g_assert_cmphex(g.gateway, ==, 0xc0a84c09);
    g_assert_cmphex(g.dns, ==, 0xc0a84c0a);
    g_assert_cmpstr(g.hostname, ==, "bird");
    finish();
}

/* From the guest to a server on the host, and back. */
static void test_tcp_echo(void)
{
    uint8_t data[1000];
    setup(&(struct net_user_options){ .id = "n0" });
    guest_join(&g);
    uint16_t port = end_listen(true);
    guest_connect(&g, GATEWAY, port);
    guest_wait(&g, &g.tcp_open, "a connection");
    guest_wait(&g, &end.connected, "an accepted connection");
    for (unsigned i = 0; i < 100; i++) {
        memset(data, (int)i, sizeof(data));
        guest_send_tcp(&g, data, sizeof(data));
        wait_bytes(g.tcp_input, (i + 1) * 1000);
        g_assert_cmpuint(g.tcp_input->data[i * 1000 + 999], ==, i);
    }
    guest_close(&g);
    guest_wait(&g, &end.closed, "the end at the host");
    end_finish();
    guest_wait(&g, &g.tcp_closed, "the end at the guest");
    finish();
}

/* Segments far beyond the MTU, as a card with TSO hands them over. */
static void test_tcp_large(void)
{
    enum { SEGMENT = 30000, COUNT = 40 };
    g_autofree uint8_t *data = g_malloc(SEGMENT);
    setup(&(struct net_user_options){ .id = "n0" });
    guest_join(&g);
    uint16_t port = end_listen(false);
    guest_connect(&g, GATEWAY, port);
    guest_wait(&g, &g.tcp_open, "a connection");
    guest_wait(&g, &end.connected, "an accepted connection");
    for (unsigned i = 0; i < COUNT; i++) {
        memset(data, (int)i, SEGMENT);
        data[SEGMENT - 1] = 99;
        guest_send_tcp(&g, data, SEGMENT);
        wait_bytes(end.input, (i + 1) * SEGMENT);
        g_assert_true(memcmp(end.input->data + i * SEGMENT, data, SEGMENT) == 0);
    }
    end_finish();
    finish();
}

static void test_tcp_refused(void)
{
    struct host_handle held;
    setup(&(struct net_user_options){ .id = "n0" });
    guest_join(&g);
    g_assert_true(host_socket_connect_tcp("127.0.0.1", end_listen(false), &held, NULL));
    /* This end of a connection has a port where nobody can listen while it is open. */
    guest_connect(&g, GATEWAY, host_socket_port(held));
    guest_wait(&g, &g.tcp_refused, "a refusal");
    host_socket_close(held);
    end_finish();
    finish();
}

/* A bulk of data from the host, while the guest is sometimes deaf: nothing is lost or turned. */
static void run_tcp_bulk(bool large)
{
    g_autofree uint8_t *data = g_malloc(DATA_MAX);
    setup(&(struct net_user_options){ .id = "n0" });
    g.large = large;
    guest_join(&g);
    uint16_t port = end_listen(false);
    guest_connect(&g, GATEWAY, port);
    guest_wait(&g, &g.tcp_open, "a connection");
    guest_wait(&g, &end.connected, "an accepted connection");
    for (size_t i = 0; i < DATA_MAX; i++) {
        data[i] = (uint8_t)(i * 7 + i / 251);
    }
    g.deaf = true;
    end_send(data, 32768);
    for (unsigned i = 0; i < 50; i++) {
        aio_poll(ctx, false);
    }
    g_assert_cmpuint(g.tcp_input->len, ==, 0);
    g.deaf = false;
    net_accept_input(net);
    wait_bytes(g.tcp_input, 32768);
    end_send(data + 32768, DATA_MAX - 32768);
    wait_bytes(g.tcp_input, DATA_MAX);
    g_assert_true(memcmp(g.tcp_input->data, data, DATA_MAX) == 0);
    end_finish();
    guest_wait(&g, &g.tcp_closed, "the end at the guest");
    g_assert_true((g.large_frames > 0) == large);
    finish();
}

static void test_tcp_bulk(void)
{
    run_tcp_bulk(false);
}

static void test_tcp_bulk_large(void)
{
    run_tcp_bulk(true);
}

/* From the host to a server in the guest: hostfwd. */
static void test_hostfwd(void)
{
    static const char *const rules[] = { "tcp::0-:22", NULL };
    setup(&(struct net_user_options){ .id = "n0", .hostfwd = rules });
    uint16_t port = forwarded_port();
    guest_join(&g);
    for (unsigned i = 0; i < 3; i++) {
        guest_listen(&g, 22);
        end_connect(port);
        guest_wait(&g, &g.tcp_open, "a forwarded connection");
        end_send("hello, guest", 12);
        wait_bytes(g.tcp_input, 12);
        g_assert_cmpmem(g.tcp_input->data, 12, "hello, guest", 12);
        guest_send_tcp(&g, "hello, host", 11);
        wait_bytes(end.input, 11);
        g_assert_cmpmem(end.input->data, 11, "hello, host", 11);
        guest_close(&g);
        guest_wait(&g, &end.closed, "the end at the host");
        end_finish();
        guest_wait(&g, &g.tcp_closed, "the end at the guest");
    }
    finish();
}

/* From the guest to a program of the host: guestfwd. */
static void test_guestfwd(void)
{
    static const char *const rules[] = { "tcp:10.0.2.100:7-cmd:cat", NULL };
    g_autofree char *cat = g_find_program_in_path("cat");
    if (cat == NULL) {
        g_test_skip("this host has no cat");
        return;
    }
    setup(&(struct net_user_options){ .id = "n0", .guestfwd = rules });
    guest_join(&g);
    guest_connect(&g, 0x0a000264, 7);
    guest_wait(&g, &g.tcp_open, "a connection");
    guest_send_tcp(&g, "purr", 4);
    wait_bytes(g.tcp_input, 4);
    g_assert_cmpmem(g.tcp_input->data, 4, "purr", 4);
    guest_close(&g);
    guest_wait(&g, &g.tcp_closed, "the end at the guest");
    finish();
}

static void expect_refused(const struct net_user_options *options, const char *text)
{
    g_autoptr(GError) error = NULL;
    struct net_backend *bad = net_user_new(ctx, options, &error);
    if (bad != NULL || strstr(error->message, text) == NULL) {
        g_error("expected '%s', got '%s'", text, error != NULL ? error->message : "success");
    }
}

static void test_port_in_use(void)
{
    setup(&(struct net_user_options){ .id = "n0" });
    uint16_t port = end_listen(false);
    g_autofree char *rule = g_strdup_printf("tcp::%u-:22", port);
    g_autofree char *number = g_strdup_printf("%u", port);
    const char *const rules[] = { rule, NULL };
    expect_refused(&(struct net_user_options){ .id = "n1", .hostfwd = rules }, number);
    end_finish();
    finish();
}

/* With restrict=on, the guest reaches nothing outside. */
static void test_restricted(void)
{
    setup(&(struct net_user_options){ .id = "n0", .restricted = true });
    uint16_t port = end_listen(false);
    g.gateway = GATEWAY; /* the lease does not tell */
    guest_join(&g);
    guest_connect(&g, GATEWAY, port);
    for (unsigned i = 0; i < 100; i++) {
        aio_poll(ctx, false);
    }
    g_assert_false(g.tcp_open);
    g_assert_false(end.connected);
    end_finish();
    finish();
}

/* An idle network does not keep the loop awake. */
static void test_idle(void)
{
    setup(&(struct net_user_options){ .id = "n0", .no_ipv6 = true });
    guest_join(&g);
    unsigned passes = 0;
    while (aio_poll(ctx, false)) {
        g_assert_cmpuint(passes++, <, 1000);
    }
    g_assert_false(aio_poll(ctx, false));
    finish();
}

static void test_bad_options(void)
{
    static const struct {
        const char *network, *host, *dns, *dhcp, *hostfwd, *guestfwd, *text;
    } bad[] = {
        { .network = "10.0.2.0", .text = "net=10.0.2.0" },
        { .network = "10.0.2.0/", .text = "net=10.0.2.0/" },
        { .network = "10.0.2.0/33", .text = "net=10.0.2.0/33" },
        { .network = "10.0.2.0/29", .text = "prefix" },
        { .network = "10.0.2.0/0", .text = "prefix" },
        { .network = "10.0.2.1/24", .text = "behind the prefix" },
        { .network = "10.0.2.0/255.0.255.0", .text = "255.0.255.0" },
        { .network = "10.0.256.0/24", .text = "net=10.0.256.0/24" },
        { .network = "fec0::/64", .text = "net=fec0::/64" },
        { .host = "10.0.3.2", .text = "host=10.0.3.2" },
        { .host = "10.0.2.0", .text = "host=10.0.2.0" },
        { .host = "10.0.2.255", .text = "host=10.0.2.255" },
        { .host = "gateway", .text = "host=gateway" },
        { .dns = "10.0.2.3.4", .text = "dns=10.0.2.3.4" },
        { .dns = "10.0.2.2", .text = "different" },
        { .dhcp = "10.0.2.", .text = "dhcpstart=10.0.2." },
        { .hostfwd = "tcp::2222", .text = "hostfwd=tcp::2222" },
        { .hostfwd = "tcp::2222-", .text = "hostfwd=" },
        { .hostfwd = "sctp::2222-:22", .text = "hostfwd=" },
        { .hostfwd = "tcp::2222-:0", .text = "hostfwd=" },
        { .hostfwd = "tcp::70000-:22", .text = "hostfwd=" },
        { .hostfwd = "tcp::2222-:22x", .text = "hostfwd=" },
        { .hostfwd = "tcp:localhost:2222-:22", .text = "hostfwd=" },
        { .hostfwd = "tcp::2222-192.168.1.1:22", .text = "not in the network" },
        { .guestfwd = "tcp:10.0.2.100:80", .text = "guestfwd=" },
        { .guestfwd = "tcp:10.0.2.100:80-cmd:", .text = "guestfwd=" },
        { .guestfwd = "udp:10.0.2.100:80-cmd:cat", .text = "guestfwd=" },
        { .guestfwd = "tcp:10.0.2.2:80-cmd:cat", .text = "gateway" },
        { .guestfwd = "tcp:10.9.2.100:80-cmd:cat", .text = "guestfwd=" },
    };
    setup(&(struct net_user_options){ .id = "n0" });
    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        const char *const hostfwd[] = { bad[i].hostfwd, NULL };
        const char *const guestfwd[] = { bad[i].guestfwd, NULL };
        expect_refused(&(struct net_user_options){ .id = "n1",
                                                   .network = bad[i].network,
                                                   .host = bad[i].host,
                                                   .dns = bad[i].dns,
                                                   .dhcp_start = bad[i].dhcp,
                                                   .hostfwd = hostfwd,
                                                   .guestfwd = guestfwd },
                       bad[i].text);
    }
    finish();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/net-user/lease", test_lease);
    g_test_add_func("/net-user/addresses", test_addresses);
    g_test_add_func("/net-user/tcp-echo", test_tcp_echo);
    g_test_add_func("/net-user/tcp-large", test_tcp_large);
    g_test_add_func("/net-user/tcp-refused", test_tcp_refused);
    g_test_add_func("/net-user/tcp-bulk", test_tcp_bulk);
    g_test_add_func("/net-user/tcp-bulk-large", test_tcp_bulk_large);
    g_test_add_func("/net-user/hostfwd", test_hostfwd);
    g_test_add_func("/net-user/guestfwd", test_guestfwd);
    g_test_add_func("/net-user/port-in-use", test_port_in_use);
    g_test_add_func("/net-user/restricted", test_restricted);
    g_test_add_func("/net-user/idle", test_idle);
    g_test_add_func("/net-user/bad-options", test_bad_options);
    return g_test_run();
}
