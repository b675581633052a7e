/* Sockets carry bytes both ways without blocking, and failures name the address. */
#include "platform/socket.h"

#include <stdio.h>
#include <string.h>

#include "platform/clock.h"
#include "platform/error.h"
#include "platform/file.h"

#define PATIENCE_NS 20000000000

struct pair {
    struct host_handle near, far;
};

static struct host_handle accept_soon(struct host_handle listener)
{
    struct host_handle accepted;
    int64_t until = host_monotonic_ns() + PATIENCE_NS;
    while (!host_socket_accept(listener, &accepted)) {
        g_assert_cmpint(host_monotonic_ns(), <, until);
        g_usleep(1000);
    }
    return accepted;
}

static void pair_tcp(struct pair *pair)
{
    struct host_handle listener, nobody;
    GError *error = NULL;
    g_assert_true(host_socket_listen_tcp("127.0.0.1", 0, &listener, &error));
    g_assert_no_error(error);
    uint16_t port = host_socket_port(listener);
    g_assert_cmpuint(port, >, 0);
    g_assert_false(host_socket_accept(listener, &nobody));
    g_assert_true(host_socket_connect_tcp("127.0.0.1", port, &pair->near, &error));
    g_assert_no_error(error);
    pair->far = accept_soon(listener);
    host_socket_close(listener);
}

static int64_t receive_soon(struct host_handle socket, void *data, size_t size)
{
    int64_t got, until = host_monotonic_ns() + PATIENCE_NS;
    while ((got = host_socket_receive(socket, data, size)) == SOCKET_AGAIN) {
        g_assert_cmpint(host_monotonic_ns(), <, until);
        g_usleep(1000);
    }
    return got;
}

static void check_echo(const struct pair *pair)
{
    char data[16];
    g_assert_cmpint(host_socket_receive(pair->near, data, sizeof(data)), ==, SOCKET_AGAIN);
    g_assert_cmpint(host_socket_send(pair->near, "ping", 4), ==, 4);
    g_assert_cmpint(receive_soon(pair->far, data, sizeof(data)), ==, 4);
    g_assert_cmpint(host_socket_send(pair->far, "pong!", 5), ==, 5);
    g_assert_cmpint(receive_soon(pair->near, data, sizeof(data)), ==, 5);
    g_assert_cmpmem(data, 5, "pong!", 5);
    host_socket_close(pair->far);
    g_assert_cmpint(receive_soon(pair->near, data, sizeof(data)), ==, SOCKET_CLOSED);
    host_socket_close(pair->near);
}

static void test_tcp(void)
{
    struct pair pair;
    pair_tcp(&pair);
    check_echo(&pair);
}

/* More than any buffer holds: the sender is told to come again, nothing is lost or reordered. */
static void test_full(void)
{
    struct pair pair;
    static uint8_t chunk[65536];
    size_t total = (size_t)24 << 20, sent = 0, received = 0;
    unsigned full = 0;
    pair_tcp(&pair);
    while (received < total) {
        for (size_t i = 0; i < sizeof(chunk); i++) {
            chunk[i] = (uint8_t)((sent + i) * 31 >> 4);
        }
        int64_t put = sent < total ? host_socket_send(pair.near, chunk, MIN(total - sent, 65536))
                                   : SOCKET_AGAIN;
        if (put > 0) {
            sent += (size_t)put;
            continue;
        }
        g_assert_cmpint(put, ==, SOCKET_AGAIN);
        full += sent < total;
        int64_t got = receive_soon(pair.far, chunk, sizeof(chunk));
        g_assert_cmpint(got, >, 0);
        for (int64_t i = 0; i < got; i++) {
            g_assert_cmpuint(chunk[i], ==, (uint8_t)((received + (size_t)i) * 31 >> 4));
        }
        received += (size_t)got;
    }
    g_assert_cmpuint(full, >, 0);
    host_socket_close(pair.near);
    host_socket_close(pair.far);
}

/* Writing to a peer that has gone is a result, not a signal. */
static void test_send_after_close(void)
{
    struct pair pair;
    int64_t put, until = host_monotonic_ns() + PATIENCE_NS;
    pair_tcp(&pair);
    host_socket_close(pair.far);
    while ((put = host_socket_send(pair.near, "x", 1)) == 1) {
        g_assert_cmpint(host_monotonic_ns(), <, until);
        g_usleep(1000);
    }
    g_assert_cmpint(put, ==, SOCKET_CLOSED);
    host_socket_close(pair.near);
    host_socket_close(host_handle_none());
}

static void test_failures(void)
{
    struct host_handle first, second;
    GError *error = NULL;
    g_assert_true(host_socket_listen_tcp("127.0.0.1", 0, &first, &error));
    g_assert_no_error(error);
    uint16_t port = host_socket_port(first);
    g_autofree char *named = g_strdup_printf("127.0.0.1:%u", port);
    g_assert_false(host_socket_listen_tcp("127.0.0.1", port, &second, &error));
    g_assert_error(error, host_error_quark(), HOST_ERROR_IN_USE);
    g_assert_nonnull(strstr(error->message, named));
    g_clear_error(&error);
    host_socket_close(first);
    g_assert_false(host_socket_connect_tcp("127.0.0.1", port, &second, &error));
    g_assert_error(error, host_error_quark(), HOST_ERROR_REFUSED);
    g_assert_nonnull(strstr(error->message, named));
    g_clear_error(&error);
    g_assert_false(host_socket_connect_tcp("host.invalid", 1, &second, &error));
    g_assert_nonnull(strstr(error->message, "host.invalid"));
    g_clear_error(&error);
}

static void test_unix(void)
{
    g_autofree char *folder = g_dir_make_tmp("tinamou-socket-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(folder, "socket", NULL);
    struct host_handle listener, again;
    struct pair pair;
    GError *error = NULL;
    if (!host_socket_listen_unix(path, &listener, &error)) {
        g_assert_error(error, host_error_quark(), HOST_ERROR_UNSUPPORTED);
        g_test_skip(error->message);
        g_clear_error(&error);
        host_file_remove(folder, NULL);
        return;
    }
    g_assert_false(host_socket_listen_unix(path, &again, &error));
    g_assert_error(error, host_error_quark(), HOST_ERROR_IN_USE);
    g_clear_error(&error);
    g_assert_true(host_socket_connect_unix(path, &pair.near, &error));
    g_assert_no_error(error);
    while (true) { /* the refused listener looked whether somebody answers */
        pair.far = accept_soon(listener);
        char probe;
        if (host_socket_receive(pair.far, &probe, 1) == SOCKET_AGAIN) {
            break;
        }
        host_socket_close(pair.far);
    }
    check_echo(&pair);
    host_socket_close(listener);
    g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
    g_assert_false(host_socket_connect_unix(path, &again, &error));
    g_assert_nonnull(strstr(error->message, path));
    g_clear_error(&error);
    g_assert_true(host_file_remove(folder, NULL));
}

static void test_unix_path_too_long(void)
{
    g_autofree char *path = g_strnfill(200, 'x');
    struct host_handle listener;
    GError *error = NULL;
    g_assert_false(host_socket_listen_unix(path, &listener, &error));
    g_assert_nonnull(error);
    g_clear_error(&error);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_assert_true(host_socket_startup(NULL));
    g_assert_true(host_socket_startup(NULL));
    g_test_add_func("/socket/tcp", test_tcp);
    g_test_add_func("/socket/full", test_full);
    g_test_add_func("/socket/send-after-close", test_send_after_close);
    g_test_add_func("/socket/failures", test_failures);
    g_test_add_func("/socket/unix", test_unix);
    g_test_add_func("/socket/unix-path-too-long", test_unix_path_too_long);
    return g_test_run();
}
