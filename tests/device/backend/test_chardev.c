/* Goal: every kind of chardev passes bytes unchanged and loses none, whoever is slow or gone. */
#include <string.h>

#include <glib.h>
#include <glib/gstdio.h>

#include "emu/chardev/backend.h"
#include "platform/file.h"
#include "platform/socket.h"
#include "platform/thread.h"

#define BULK       300000u
#define PASSES_MAX 100000

static struct aio_context *ctx;

/* A client that takes what it has room for. */
struct front {
    size_t room;
    GByteArray *input;
    unsigned opened, closed, broke, focus_in, focus_out, writable;
};

static size_t front_can_receive(void *opaque)
{
    return ((struct front *)opaque)->room;
}

static void front_receive(void *opaque, const uint8_t *data, size_t size)
{
    struct front *front = opaque;
    g_assert_cmpuint(size, <=, front->room);
    front->room -= size;
    g_byte_array_append(front->input, data, (guint)size);
}

static void front_event(void *opaque, enum chardev_event event)
{
    struct front *front = opaque;
    switch (event) {
    case CHARDEV_OPENED: front->opened++; break;
    case CHARDEV_CLOSED: front->closed++; break;
    case CHARDEV_BREAK: front->broke++; break;
    case CHARDEV_FOCUS_IN: front->focus_in++; break;
    case CHARDEV_FOCUS_OUT: front->focus_out++; break;
    }
}

static void front_writable(void *opaque)
{
    ((struct front *)opaque)->writable++;
}

static const struct chardev_client front_client = {
    .can_receive = front_can_receive,
    .receive = front_receive,
    .event = front_event,
    .writable = front_writable,
};

static void front_init(struct front *front, size_t room)
{
    *front = (struct front){ .room = room, .input = g_byte_array_new() };
}

static void front_check(struct front *front, const char *text)
{
    g_assert_cmpuint(front->input->len, ==, strlen(text));
    g_assert_true(memcmp(front->input->data, text, strlen(text)) == 0);
    g_byte_array_set_size(front->input, 0);
}

static void start(void)
{
    g_autoptr(GError) error = NULL;
    ctx = aio_context_new("test", &error);
    g_assert_no_error(error);
}

static void stop(void)
{
    while (aio_poll(ctx, false)) {
    }
    aio_context_unref(ctx);
}

static void write_text(struct chardev *chardev, const char *text)
{
    g_assert_cmpuint(chardev_write(chardev, (const uint8_t *)text, strlen(text)), ==, strlen(text));
}

static void test_null(void)
{
    struct front front;
    start();
    front_init(&front, 10);
    struct chardev *chardev = chardev_new_null(ctx, "null0");
    chardev_connect(chardev, &front_client, &front);
    g_assert_cmpuint(front.opened, ==, 1);
    write_text(chardev, "gone");
    chardev_free(chardev);
    g_byte_array_unref(front.input);
    stop();
}

static void test_memory(void)
{
    struct front front;
    start();
    front_init(&front, 3);
    struct chardev *chardev = chardev_new_memory(ctx, "mem0");
    g_assert_cmpuint(chardev_memory_inject(chardev, "abc", 3), ==, 0); /* nobody there */
    chardev_connect(chardev, &front_client, &front);
    g_assert_cmpuint(chardev_memory_inject(chardev, "abcde", 5), ==, 3);
    front_check(&front, "abc");
    write_text(chardev, "one ");
    write_text(chardev, "two");
    GByteArray *output = chardev_memory_take(chardev);
    g_assert_cmpmem(output->data, output->len, "one two", 7);
    g_byte_array_unref(output);
    output = chardev_memory_take(chardev);
    g_assert_cmpuint(output->len, ==, 0);
    g_byte_array_unref(output);
    chardev_free(chardev);
    g_byte_array_unref(front.input);
    stop();
}

static void check_output(struct chardev *backend, const char *text)
{
    GByteArray *output = chardev_memory_take(backend);
    g_assert_cmpuint(output->len, ==, strlen(text));
    g_assert_true(memcmp(output->data, text, strlen(text)) == 0);
    g_byte_array_unref(output);
}

static unsigned quits;

static void count_quit(void *opaque)
{
    g_assert_true(opaque == &quits);
    quits++;
}

static const struct chardev_mux_events mux_events = { count_quit, &quits };

static void inject(struct chardev *backend, const char *text)
{
    g_assert_cmpuint(chardev_memory_inject(backend, text, strlen(text)), ==, strlen(text));
}

static void test_mux(void)
{
    struct front serial, monitor;
    start();
    front_init(&serial, 1000);
    front_init(&monitor, 1000);
    struct chardev *backend = chardev_new_memory(ctx, "stdio");
    struct chardev *mux = chardev_new_mux(backend, &mux_events);
    struct chardev *second = chardev_mux_add(mux, "monitor");
    chardev_connect(mux, &front_client, &serial);
    chardev_connect(second, &front_client, &monitor);

    inject(backend, "ls\r\x01\x01z"); /* Ctrl-a twice is Ctrl-a */
    front_check(&serial, "ls\r\x01z");
    inject(backend, "a\x01"
                    "cinfo"); /* in one go: the rest is for the monitor */
    front_check(&serial, "a");
    front_check(&monitor, "info");
    g_assert_cmpuint(monitor.focus_in, ==, 1);
    g_assert_cmpuint(serial.focus_out, ==, 1);
    inject(backend, "\x01"); /* the command key may come later */
    inject(backend, "b");
    g_assert_cmpuint(monitor.broke, ==, 1);
    g_assert_cmpuint(serial.broke, ==, 0);
    inject(backend, "\x01"
                    "cx");
    front_check(&serial, "x");
    inject(backend, "\x01q"); /* no command: swallowed */
    front_check(&serial, "");

    write_text(mux, "guest ");
    write_text(second, "monitor");
    check_output(backend, "guest monitor");
    inject(backend, "\x01h");
    GByteArray *help = chardev_memory_take(backend);
    g_byte_array_append(help, (const uint8_t *)"", 1);
    for (const char *const *key = (const char *const[]){ "h ", "x ", "b ", "c ", "Ctrl-a  ", NULL };
         *key != NULL; key++) {
        g_assert_nonnull(strstr((const char *)help->data, *key));
    }
    g_byte_array_unref(help);
    quits = 0;
    inject(backend, "\x01x");
    g_assert_cmpuint(quits, ==, 1);
    chardev_free(mux);
    g_byte_array_unref(serial.input);
    g_byte_array_unref(monitor.input);
    stop();
}

/* A guest that does not read keeps its input, in order, and the escape still works. */
static void test_mux_slow(void)
{
    struct front serial;
    char text[3000];
    start();
    front_init(&serial, 0);
    struct chardev *backend = chardev_new_memory(ctx, "stdio");
    struct chardev *mux = chardev_new_mux(backend, &mux_events);
    inject(backend, "early "); /* even before somebody is connected */
    chardev_connect(mux, &front_client, &serial);
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    inject(backend, text);
    quits = 0;
    inject(backend, "\x01x");
    g_assert_cmpuint(quits, ==, 1);
    size_t taken = chardev_memory_inject(backend, text, sizeof(text) - 1);
    g_assert_cmpuint(taken, <, sizeof(text) - 1); /* there is an end: the source has to wait */
    for (unsigned i = 0; serial.input->len < 6 + 2999 + taken; i++) {
        g_assert_cmpuint(i, <, 10000);
        serial.room = 1 + i % 16;
        chardev_accept_input(mux);
    }
    g_assert_true(memcmp(serial.input->data, "early xxx", 9) == 0);
    chardev_free(mux);
    g_byte_array_unref(serial.input);
    stop();
}

/* The focus is never on a front end that nobody uses, if there is another. */
static void test_mux_focus(void)
{
    struct front a, b;
    start();
    front_init(&a, 100);
    front_init(&b, 100);
    struct chardev *backend = chardev_new_memory(ctx, "stdio");
    struct chardev *mux = chardev_new_mux(backend, &mux_events);
    struct chardev *first = chardev_mux_add(mux, "serial"), *second = chardev_mux_add(mux, "mon");
    chardev_connect(first, &front_client, &a);
    chardev_connect(second, &front_client, &b);
    inject(backend, "1\x01"
                    "c2\x01"
                    "c3"); /* the mux itself has no client: it is left out */
    front_check(&a, "13");
    front_check(&b, "2");
    chardev_free(first);
    inject(backend, "4");
    front_check(&b, "4");
    chardev_free(mux);
    g_byte_array_unref(a.input);
    g_byte_array_unref(b.input);
    stop();
}

static void test_file(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *folder = g_dir_make_tmp("tinamou-XXXXXX", &error);
    g_assert_no_error(error);
    g_autofree char *path = g_build_filename(folder, "serial Ω.log", NULL);
    start();
    for (unsigned i = 0; i < 2; i++) { /* the second time it is appended to */
        struct chardev *chardev = chardev_new_file(ctx, "file0", path, &error);
        g_assert_no_error(error);
        write_text(chardev, "line one\n");
        write_text(chardev, "line two\n");
        chardev_free(chardev);
    }
    uint8_t *data;
    size_t size;
    g_assert_true(host_file_load(path, 1000, &data, &size, &error));
    g_assert_cmpmem(data, (int)size, "line one\nline two\nline one\nline two\n", 36);
    g_free(data);
    g_assert_null(chardev_new_file(ctx, "file1", folder, &error));
    g_assert_nonnull(error);
    g_assert_true(host_file_remove(path, NULL));
    g_assert_true(host_file_remove(folder, NULL));
    stop();
}

static void wait_for(const unsigned *count, unsigned value)
{
    for (unsigned i = 0; *count < value; i++) {
        g_assert_cmpuint(i, <, PASSES_MAX);
        aio_poll(ctx, true);
    }
}

static void wait_input(struct front *front, const char *text)
{
    for (unsigned i = 0; front->input->len < strlen(text); i++) {
        g_assert_cmpuint(i, <, PASSES_MAX);
        aio_poll(ctx, true);
    }
    front_check(front, text);
}

/* A server and clients, one after the other, with a peer that goes at either end. */
static void check_sockets(struct chardev *server, struct chardev *(*connect)(void *), void *opaque)
{
    struct front a, b;
    front_init(&a, 1000);
    chardev_connect(server, &front_client, &a);
    g_assert_cmpuint(a.opened, ==, 0);
    write_text(server, "nobody hears this");
    for (unsigned round = 1; round <= 3; round++) {
        front_init(&b, 1000);
        struct chardev *client = connect(opaque);
        chardev_connect(client, &front_client, &b);
        g_assert_cmpuint(b.opened, ==, 1);
        wait_for(&a.opened, round);
        write_text(server, "hello, client");
        wait_input(&b, "hello, client");
        write_text(client, "hello, server");
        wait_input(&a, "hello, server");
        chardev_free(client);
        wait_for(&a.closed, round);
        g_byte_array_unref(b.input);
    }
    front_init(&b, 1000);
    struct chardev *client = connect(opaque);
    chardev_connect(client, &front_client, &b);
    wait_for(&a.opened, 4);
    chardev_free(server);
    wait_for(&b.closed, 1);
    write_text(client, "nobody hears this either");
    chardev_free(client);
    g_byte_array_unref(a.input);
    g_byte_array_unref(b.input);
}

static struct chardev *tcp_client(void *opaque)
{
    g_autoptr(GError) error = NULL;
    struct chardev *client =
        chardev_new_tcp(ctx, "client", "127.0.0.1", *(uint16_t *)opaque, false, &error);
    g_assert_no_error(error);
    return client;
}

static void test_tcp(void)
{
    g_autoptr(GError) error = NULL;
    start();
    struct chardev *server = chardev_new_tcp(ctx, "server", "127.0.0.1", 0, true, &error);
    g_assert_no_error(error);
    uint16_t port = chardev_socket_port(server);
    g_assert_cmpuint(port, !=, 0);
    g_assert_null(chardev_new_tcp(ctx, "again", "127.0.0.1", port, true, &error));
    g_assert_nonnull(error);
    g_clear_error(&error);
    check_sockets(server, tcp_client, &port);
    g_assert_null(chardev_new_tcp(ctx, "late", "127.0.0.1", port, false, &error));
    g_assert_nonnull(error);
    stop();
}

static struct chardev *unix_client(void *opaque)
{
    g_autoptr(GError) error = NULL;
    struct chardev *client = chardev_new_unix(ctx, "client", opaque, false, &error);
    g_assert_no_error(error);
    return client;
}

static void test_unix(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *folder = g_dir_make_tmp("tinamou-XXXXXX", &error);
    g_assert_no_error(error);
    g_autofree char *path = g_build_filename(folder, "s", NULL);
    start();
    struct chardev *server = chardev_new_unix(ctx, "server", path, true, &error);
    if (server == NULL) {
        g_test_skip(error->message); /* a host without unix sockets */
    } else {
        check_sockets(server, unix_client, path);
        g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
    }
    g_rmdir(folder);
    stop();
}

/* A peer that reads slowly: the writer is told "no room", then told again, and nothing is lost. */
static void test_tcp_slow(void)
{
    enum { SLOW_BULK = 16 << 20 };
    g_autoptr(GError) error = NULL;
    struct front a, b;
    g_autofree uint8_t *data = g_malloc(SLOW_BULK);
    for (size_t i = 0; i < SLOW_BULK; i++) {
        data[i] = (uint8_t)(i * 17 + i / 256);
    }
    start();
    struct chardev *server = chardev_new_tcp(ctx, "server", "127.0.0.1", 0, true, &error);
    g_assert_no_error(error);
    uint16_t port = chardev_socket_port(server);
    struct chardev *client = tcp_client(&port);
    front_init(&a, 0);
    front_init(&b, 0);
    chardev_connect(server, &front_client, &a);
    chardev_connect(client, &front_client, &b);
    wait_for(&a.opened, 1);
    size_t done = 0, part;
    while (done < SLOW_BULK && (part = chardev_write(server, data + done, SLOW_BULK - done)) > 0) {
        done += part;
    }
    g_assert_cmpuint(done, <, SLOW_BULK); /* no host buffers that much */
    while (b.input->len < SLOW_BULK) {
        b.room = 100000;
        chardev_accept_input(client);
        aio_poll(ctx, true);
        if (a.writable > 0) {
            a.writable = 0;
            done += chardev_write(server, data + done, SLOW_BULK - done);
        }
    }
    g_assert_true(memcmp(b.input->data, data, SLOW_BULK) == 0);
    chardev_free(server);
    chardev_free(client);
    g_byte_array_unref(a.input);
    g_byte_array_unref(b.input);
    stop();
}

/* wait=on: until somebody has come, or nobody wants it any more. */
static void connect_later(void *opaque)
{
    struct host_handle peer;
    g_assert_true(host_socket_connect_tcp("127.0.0.1", *(uint16_t *)opaque, &peer, NULL));
    host_socket_close(peer);
}

static bool is_set(void *opaque)
{
    return *(bool *)opaque;
}

static void set_later(void *opaque)
{
    *(bool *)opaque = true;
}

static void test_wait(void)
{
    bool stop_waiting = false;
    g_autoptr(GError) error = NULL;
    struct host_handle probe;
    struct front front;
    start();
    g_assert_true(host_socket_startup(NULL));
    g_assert_true(host_socket_listen_tcp("127.0.0.1", 0, &probe, NULL));
    uint16_t port = host_socket_port(probe);
    host_socket_close(probe);
    struct chardev *server = chardev_new_tcp(ctx, "server", "127.0.0.1", port, true, &error);
    g_assert_no_error(error);
    aio_bh_schedule_oneshot(ctx, "stop", set_later, &stop_waiting);
    chardev_socket_wait(server, is_set, &stop_waiting);
    g_assert_false(server->open);
    stop_waiting = false;
    aio_bh_schedule_oneshot(ctx, "connect", connect_later, &port);
    chardev_socket_wait(server, is_set, &stop_waiting);
    front_init(&front, 10);
    chardev_connect(server, &front_client, &front);
    g_assert_cmpuint(front.opened, ==, 1);
    wait_for(&front.closed, 1);
    chardev_free(server);
    g_byte_array_unref(front.input);
    stop();
}

/* Standard input and output, whatever they are here; there is one of them. */
static void test_stdio(void)
{
    g_autoptr(GError) error = NULL;
    struct front front;
    start();
    struct chardev *chardev = chardev_new_stdio(ctx, "stdio", &error);
    g_assert_no_error(error);
    g_assert_null(chardev_new_stdio(ctx, "again", &error));
    g_assert_nonnull(strstr(error->message, "again"));
    front_init(&front, SIZE_MAX);
    chardev_connect(chardev, &front_client, &front);
    g_assert_cmpuint(front.opened, ==, 1);
    write_text(chardev, "# written by a chardev\n");
    for (unsigned i = 0; i < 100; i++) { /* input may end or not; output stays */
        aio_poll(ctx, false);
    }
    g_assert_cmpuint(front.closed, ==, 0);
    chardev_free(chardev);
    g_byte_array_unref(front.input);
    stop();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/chardev/null", test_null);
    g_test_add_func("/chardev/memory", test_memory);
    g_test_add_func("/chardev/mux", test_mux);
    g_test_add_func("/chardev/mux-slow", test_mux_slow);
    g_test_add_func("/chardev/mux-focus", test_mux_focus);
    g_test_add_func("/chardev/file", test_file);
    g_test_add_func("/chardev/tcp", test_tcp);
    g_test_add_func("/chardev/unix", test_unix);
    g_test_add_func("/chardev/tcp-slow", test_tcp_slow);
    g_test_add_func("/chardev/wait", test_wait);
    g_test_add_func("/chardev/stdio", test_stdio);
    return g_test_run();
}
