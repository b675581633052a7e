/* Goal: NBD's client and server move the same bytes; neither believes, or waits for, a bad peer. */
#include <string.h>

#include "emu/block/driver.h"
#include "emu/block/nbd/protocol.h"
#include "emu/block/nbd/server.h"
#include "platform/clock.h"
#include "platform/file.h"
#include "platform/socket.h"

#define SIZE    (12u << 20)
#define STEPS   300
#define GARBAGE 120
#define MUTATED 120
#define IDLE_NS 40000000

static struct {
    struct aio_context *ctx;
    struct thread_pool *pool;
    struct block_node *disk, *client;
    struct nbd_server *server;
    uint16_t port;
    unsigned flags;
    const char *name;
    char *query; /* of the client's address, with TLS */
    GError *error;
    GRand *random;
    unsigned running;
} t;

static void disk_open(void *opaque)
{
    const struct node_options options = {
        .path = "memory:" G_STRINGIFY(12582912),
        .format = "memory",
        .flags = NODE_WRITE | NODE_RELEASE,
    };
    (void)opaque;
    t.disk = node_open(t.ctx, t.pool, &options, &t.error);
    g_assert_no_error(t.error);
}

static void disk_close(void *opaque)
{
    (void)opaque;
    g_assert_cmpint(node_close(t.disk), ==, 0);
}

static void setup(const struct nbd_server_options *given)
{
    struct nbd_server_options options = *given;
    struct host_handle listener;
    host_socket_startup(NULL);
    t.ctx = aio_context_new("test", NULL);
    t.pool = thread_pool_new(t.ctx, 4, NULL);
    t.random = g_rand_new_with_seed(5);
    t.flags = NODE_WRITE | NODE_RELEASE;
    block_run(t.ctx, disk_open, NULL);
    host_socket_listen_tcp("127.0.0.1", 0, &listener, &t.error);
    g_assert_no_error(t.error);
    t.port = host_socket_port(listener);
    options.node = t.disk;
    options.name = "a/disk";
    t.name = options.name;
    t.server = nbd_server_new(t.ctx, listener, &options, &t.error);
    g_assert_no_error(t.error);
}

static void finish(void)
{
    nbd_server_free(t.server);
    block_run(t.ctx, disk_close, NULL);
    thread_pool_free(t.pool);
    aio_context_unref(t.ctx);
    g_rand_free(t.random);
}

static void client_open(void *opaque)
{
    (void)opaque;
    g_autofree char *path = g_strdup_printf("%s://127.0.0.1:%u/%s%s", t.query ? "nbds" : "nbd",
                                            t.port, t.name, t.query ? t.query : "");
    const struct node_options options = { .path = path, .format = "raw", .flags = t.flags };
    t.client = node_open(t.ctx, t.pool, &options, &t.error);
}

static void client_close(void *opaque)
{
    (void)opaque;
    node_close(t.client);
    t.client = NULL;
}

static void connect_well(void)
{
    block_run(t.ctx, client_open, NULL);
    g_assert_no_error(t.error);
}

static void random_step(uint8_t *model, uint8_t *data)
{
    uint32_t offset = (uint32_t)g_rand_int_range(t.random, 0, SIZE);
    uint32_t most = g_rand_int_range(t.random, 0, 10) ? 70000 : 5u << 20;
    uint32_t size = (uint32_t)g_rand_int_range(t.random, 1, (gint32)most);
    size = MIN(size, SIZE - offset);
    memset(data, g_rand_int_range(t.random, 0, 256), size);
    switch (g_rand_int_range(t.random, 0, 4)) {
    case 0:
        memset(model + offset, 0, size);
        g_assert_cmpint(node_write_zeroes(t.client, offset, size, REQUEST_RELEASE), ==, 0);
        break;
    case 1:
        memcpy(model + offset, data, size);
        g_assert_cmpint(node_write(t.client, offset, data, size, REQUEST_FUA), ==, 0);
        break;
    default:
        g_assert_cmpint(node_read(t.client, offset, data, size), ==, 0);
        g_assert_cmpmem(data, size, model + offset, size);
        break;
    }
}

static void random_run(void *opaque)
{
    g_autofree uint8_t *model = g_malloc0(SIZE), *data = g_malloc(SIZE);
    (void)opaque;
    for (unsigned i = 0; i < STEPS; i++) {
        random_step(model, data);
    }
    g_assert_cmpint(node_flush(t.client), ==, 0);
    g_assert_cmpint(node_read(t.disk, 0, data, SIZE), ==, 0);
    g_assert_cmpmem(data, SIZE, model, SIZE);
}

static void test_random(void)
{
    setup(&(struct nbd_server_options){ 0 });
    connect_well();
    g_assert_cmpuint(node_size(t.client), ==, SIZE);
    block_run(t.ctx, random_run, NULL);
    block_run(t.ctx, client_close, NULL);
    finish();
}

/* One of many that write at once, each into its own 64 KiB. */
static void writer_run(void *opaque)
{
    uint64_t begin = (uint64_t)GPOINTER_TO_UINT(opaque) << 16;
    uint8_t data[4096], back[4096];
    for (unsigned i = 0; i < 40; i++) {
        uint64_t at = begin + i % 16 * sizeof(data);
        memset(data, (int)(i + (begin >> 16)), sizeof(data));
        g_assert_cmpint(node_write(t.client, at, data, sizeof(data), 0), ==, 0);
        g_assert_cmpint(node_read(t.client, at, back, sizeof(back)), ==, 0);
        g_assert_cmpmem(back, sizeof(back), data, sizeof(data));
    }
    t.running--;
}

static bool writers_run(void *opaque)
{
    (void)opaque;
    return t.running > 0;
}

static void test_parallel(void)
{
    setup(&(struct nbd_server_options){ 0 });
    connect_well();
    t.running = 40; /* more than there is room for at once */
    for (unsigned i = 0; i < 40; i++) {
        aio_co_schedule(t.ctx, coroutine_create("writer", writer_run, GUINT_TO_POINTER(i)));
    }
    aio_wait_while(t.ctx, writers_run, NULL, "writers run");
    block_run(t.ctx, client_close, NULL);
    finish();
}

static void extents_run(void *opaque)
{
    struct block_extent extent;
    uint8_t data[65536];
    (void)opaque;
    memset(data, 1, sizeof(data));
    g_assert_cmpint(node_write(t.client, 1 << 20, data, sizeof(data), 0), ==, 0);
    g_assert_cmpint(node_extent(t.client, 0, SIZE, &extent), ==, 0);
    g_assert_cmpuint(extent.size, ==, 1 << 20);
    g_assert_true(extent.status & EXTENT_ZERO);
    g_assert_cmpint(node_extent(t.client, 1 << 20, SIZE, &extent), ==, 0);
    g_assert_cmpuint(extent.size, ==, sizeof(data));
    g_assert_false(extent.status & EXTENT_ZERO);
}

static void test_extents(void)
{
    setup(&(struct nbd_server_options){ 0 });
    connect_well();
    block_run(t.ctx, extents_run, NULL);
    block_run(t.ctx, client_close, NULL);
    finish();
}

static void expect_refused(const char *text)
{
    block_run(t.ctx, client_open, NULL);
    g_assert_null(t.client);
    g_test_message("%s", t.error->message);
    g_assert_nonnull(strstr(t.error->message, text));
    g_clear_error(&t.error);
}

static void test_refused(void)
{
    setup(&(struct nbd_server_options){ .read_only = true });
    expect_refused("read only");
    t.flags = 0;
    connect_well();
    block_run(t.ctx, client_close, NULL);
    t.name = "another";
    expect_refused("has no export 'another'");
    finish();
}

/* What is neither believed nor understood: a stream of bytes that begins as it should. */
static size_t garbage_make(uint8_t *data, size_t size)
{
    static const uint32_t options[] = { 1, 2, 3, 5, 6, 7, 8, 9, 10, 77 };
    size_t at = 4;
    be_put32(data, NBD_FIXED_NEWSTYLE | NBD_NO_ZEROES);
    while (at + 300 < size && g_rand_int_range(t.random, 0, 6)) {
        uint32_t length = (uint32_t)g_rand_int_range(t.random, 0, 40);
        uint32_t option = options[g_rand_int_range(t.random, 0, G_N_ELEMENTS(options))];
        be_put32(be_put32(be_put64(data + at, NBD_MAGIC_OPTION), option), length);
        memset(data + at + 16, 0, length);
        at += 16 + length;
    }
    while (at + 300 < size) { /* with an option that succeeds before, requests */
        be_put32(data + at, NBD_MAGIC_REQUEST);
        be_put32(data + at + 4, (uint32_t)g_rand_int_range(t.random, 0, 10));
        be_put64(data + at + 16, g_rand_int(t.random) % (2 * SIZE));
        be_put32(data + at + 24, g_rand_int(t.random) >> g_rand_int_range(t.random, 0, 32));
        at += NBD_REQUEST_SIZE;
    }
    for (unsigned i = 0; i < 3; i++) {
        data[g_rand_int_range(t.random, 0, (gint32)at)] = (uint8_t)g_rand_int(t.random);
    }
    return (size_t)g_rand_int_range(t.random, 0, (gint32)at);
}

static void poll_for(int64_t ns)
{
    int64_t until = host_monotonic_ns() + ns;
    while (host_monotonic_ns() < until) {
        aio_poll(t.ctx, false);
    }
}

static void test_garbage(void)
{
    uint8_t data[2000], back[4096];
    setup(&(struct nbd_server_options){ 0 });
    for (unsigned i = 0; i < GARBAGE; i++) {
        struct host_handle peer;
        size_t size = garbage_make(data, sizeof(data));
        g_assert_true(host_socket_connect_tcp("127.0.0.1", t.port, &peer, NULL));
        host_socket_send(peer, data, size);
        poll_for(1000000);
        while (host_socket_receive(peer, back, sizeof(back)) > 0) {
        }
        host_socket_close(peer);
        poll_for(100000);
    }
    connect_well(); /* who behaves is served all the same */
    block_run(t.ctx, extents_run, NULL);
    block_run(t.ctx, client_close, NULL);
    finish();
}

static bool clients_left(void *opaque)
{
    (void)opaque;
    return nbd_server_clients(t.server) > 0;
}

/* Who connects and says nothing is dropped, and does not keep the server from ending. */
static void test_silent(void)
{
    struct host_handle peers[16];
    setup(&(struct nbd_server_options){ .negotiation_ns = 30000000 });
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < G_N_ELEMENTS(peers); i++) {
            g_assert_true(host_socket_connect_tcp("127.0.0.1", t.port, &peers[i], NULL));
            host_socket_send(peers[i], "\0\0", 2);
        }
        while (nbd_server_clients(t.server) == 0) {
            aio_poll(t.ctx, true);
        }
        if (round == 0) {
            aio_wait_while(t.ctx, clients_left, NULL, "silent clients are there");
            for (unsigned i = 0; i < G_N_ELEMENTS(peers); i++) {
                host_socket_close(peers[i]);
            }
        }
    }
    finish();
    for (unsigned i = 0; i < G_N_ELEMENTS(peers); i++) {
        host_socket_close(peers[i]);
    }
}

/* A server that hangs up, and one that stops to answer while requests are under way. */
static void hangup_run(void *opaque)
{
    uint8_t data[512];
    (void)opaque;
    g_assert_cmpint(node_read(t.client, 0, data, sizeof(data)), <, 0);
    g_assert_cmpint(node_write(t.client, 0, data, sizeof(data), 0), <, 0);
}

static void test_hangup(void)
{
    setup(&(struct nbd_server_options){ 0 });
    connect_well();
    nbd_server_free(t.server);
    t.server = NULL;
    block_run(t.ctx, hangup_run, NULL);
    block_run(t.ctx, client_close, NULL);
    finish();
}

/* What stands between a client and a server, and changes a byte now and then. */
static struct {
    struct host_handle listener, ends[2]; /* the client's, the server's */
    uint16_t server_port;
    struct aio_timer idle; /* a peer that waits for what will not come is hung up on */
    unsigned until_change; /* bytes */
} relay;

static void relay_hang_up(void *opaque)
{
    (void)opaque;
    timer_del(&relay.idle);
    for (unsigned i = 0; i < 2; i++) {
        if (relay.ends[i].kind != HOST_HANDLE_NONE) {
            aio_set_fd_handler(t.ctx, relay.ends[i], NULL, NULL, NULL, NULL);
            host_socket_close(relay.ends[i]);
            relay.ends[i] = host_handle_none();
        }
    }
}

static void relay_change(uint8_t *data, size_t size)
{
    while (relay.until_change < size) {
        size_t at = relay.until_change;
        uint32_t value = g_rand_int(t.random);
        data[at] ^= (uint8_t)(value & 256 ? value | 1 : 1u << value % 8);
        relay.until_change += (unsigned)g_rand_int_range(t.random, 1, 400);
    }
    relay.until_change -= (unsigned)size;
}

static void relay_pass(unsigned from)
{
    uint8_t data[4096];
    int64_t got = host_socket_receive(relay.ends[from], data, sizeof(data));
    if (got == SOCKET_AGAIN) {
        return;
    }
    if (got > 0) {
        relay_change(data, (size_t)got);
    }
    if (got <= 0 || host_socket_send(relay.ends[1 - from], data, (size_t)got) != got) {
        relay_hang_up(NULL);
        return;
    }
    timer_mod(&relay.idle, aio_clock_now_ns(aio_clock_host()) + IDLE_NS);
}

static void relay_from_client(void *opaque)
{
    (void)opaque;
    relay_pass(0);
}

static void relay_from_server(void *opaque)
{
    (void)opaque;
    relay_pass(1);
}

static void relay_accept(void *opaque)
{
    (void)opaque;
    relay_hang_up(NULL);
    if (host_socket_accept(relay.listener, &relay.ends[0])) {
        g_assert_true(
            host_socket_connect_tcp("127.0.0.1", relay.server_port, &relay.ends[1], NULL));
        relay.until_change = (unsigned)g_rand_int_range(t.random, 0, t.query ? 4000 : 700);
        aio_set_fd_handler(t.ctx, relay.ends[0], relay_from_client, NULL, NULL, NULL);
        aio_set_fd_handler(t.ctx, relay.ends[1], relay_from_server, NULL, NULL, NULL);
        timer_mod(&relay.idle, aio_clock_now_ns(aio_clock_host()) + IDLE_NS);
    }
}

/* Whatever comes of it. */
static void transfers_run(void *opaque)
{
    struct block_extent extent;
    uint8_t data[9000] = { 1 };
    (void)opaque;
    for (unsigned i = 0; i < 6; i++) {
        node_read(t.client, i * 5000, data, sizeof(data));
        node_extent(t.client, i * 100000, SIZE - i * 100000, &extent);
        node_write(t.client, i * 700, data, 2000, REQUEST_FUA);
        node_write_zeroes(t.client, i * 70000, 60000, REQUEST_RELEASE);
        node_flush(t.client);
    }
}

static void relay_open(void)
{
    struct aio_clock *clock = aio_clock_host();
    relay.ends[0] = relay.ends[1] = host_handle_none();
    timer_init(&relay.idle, t.ctx, clock, "relay", relay_hang_up, NULL);
    host_socket_listen_tcp("127.0.0.1", 0, &relay.listener, &t.error);
    g_assert_no_error(t.error);
    aio_set_fd_handler(t.ctx, relay.listener, relay_accept, NULL, NULL, NULL);
    relay.server_port = t.port;
    t.port = host_socket_port(relay.listener);
}

static void relay_close(void)
{
    relay_hang_up(NULL);
    aio_set_fd_handler(t.ctx, relay.listener, NULL, NULL, NULL, NULL);
    host_socket_close(relay.listener);
    t.port = relay.server_port;
}

static void mutated_run(void)
{
    unsigned opened = 0;
    relay_open();
    for (unsigned i = 0; i < MUTATED; i++) {
        block_run(t.ctx, client_open, NULL);
        if (t.client) {
            opened++;
            block_run(t.ctx, transfers_run, NULL);
            block_run(t.ctx, client_close, NULL);
        }
        g_clear_error(&t.error);
    }
    relay_close();
    g_assert_cmpuint(opened, >, 0); /* both the negotiation and the rest were reached */
    g_assert_cmpuint(opened, <, MUTATED);
    connect_well();
    g_assert_cmpuint(node_size(t.client), ==, SIZE);
    block_run(t.ctx, client_close, NULL);
}

static void test_mutated(void)
{
    setup(&(struct nbd_server_options){ 0 });
    mutated_run();
    finish();
}

/* A folder with a file of keys. */
static struct {
    char *folder, *file, *escaped;
} keys;

static void keys_write(const char *lines)
{
    g_assert_true(host_file_save(keys.file, lines, strlen(lines), NULL));
}

static void keys_setup(const char *lines)
{
    keys.folder = g_dir_make_tmp("tinamou-nbd-XXXXXX", NULL);
    keys.file = g_build_filename(keys.folder, "keys", NULL);
    keys.escaped = g_uri_escape_string(keys.file, NULL, FALSE);
    keys_write(lines);
}

static void keys_finish(void)
{
    host_file_remove(keys.file, NULL);
    host_file_remove(keys.folder, NULL);
    g_free(keys.folder);
    g_free(keys.file);
    g_free(keys.escaped);
}

static void use_tls(const char *user)
{
    g_free(t.query);
    t.query = user ? g_strdup_printf("?tls-psk-file=%s&tls-username=%s", keys.escaped, user) : NULL;
}

static void tls_run(void)
{
    use_tls("alice");
    connect_well();
    block_run(t.ctx, random_run, NULL);
    block_run(t.ctx, client_close, NULL);
    mutated_run();
    use_tls("bob");
    expect_refused("has no key for the user 'bob'");
    keys_write("alice:aa112233445566778899aabbccddeeff\n");
    use_tls("alice");
    expect_refused("another key for the user 'alice'");
    use_tls(NULL);
    expect_refused("wants TLS");
}

static void test_tls(void)
{
    keys_setup("# for a test\r\nalice:00112233445566778899aabbccddeeff\r\n");
    const struct nbd_tls_options options = { .psk = keys.file, .server = true };
    struct nbd_tls_keys *loaded = nbd_tls_keys_load(&options, &t.error);
    if (loaded) {
        setup(&(struct nbd_server_options){ .tls = NBD_TLS_REQUIRE, .keys = loaded });
        tls_run();
        finish();
    } else {
        g_assert_false(nbd_tls_available(NULL));
        g_assert_nonnull(strstr(t.error->message, "no TLS"));
        g_clear_error(&t.error);
    }
    setup(&(struct nbd_server_options){ 0 });
    use_tls("alice");
    expect_refused("TLS");
    use_tls(NULL);
    finish();
    nbd_tls_keys_free(loaded);
    keys_finish();
}

static void test_tls_files(void)
{
    static const char *const bad[] = { "alice", "alice:", ":00", "alice:0", "alice:0g" };
    keys_setup("");
    const struct nbd_tls_options options = { .psk = keys.file, .server = true };
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        keys_write(bad[i]);
        g_assert_null(nbd_tls_keys_load(&options, &t.error));
        g_assert_nonnull(strstr(t.error->message, "TLS"));
        g_clear_error(&t.error);
    }
    keys_finish();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/nbd/random", test_random);
    g_test_add_func("/nbd/parallel", test_parallel);
    g_test_add_func("/nbd/extents", test_extents);
    g_test_add_func("/nbd/refused", test_refused);
    g_test_add_func("/nbd/garbage", test_garbage);
    g_test_add_func("/nbd/mutated", test_mutated);
    g_test_add_func("/nbd/silent", test_silent);
    g_test_add_func("/nbd/tls", test_tls);
    g_test_add_func("/nbd/tls-files", test_tls_files);
    g_test_add_func("/nbd/hangup", test_hangup);
    return g_test_run();
}
