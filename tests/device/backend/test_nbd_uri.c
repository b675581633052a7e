/* Goal: addresses of NBD exports are read as other programs read them, or refused by name. */
#include <string.h>

#include "emu/block/nbd/protocol.h"
#include "emu/block/nbd/uri.h"

static void expect_uri(const char *text, const char *host, unsigned port, const char *socket,
                       const char *name)
{
    struct nbd_uri uri;
    GError *error = NULL;
    g_assert_true(nbd_uri_is(text));
    nbd_uri_parse(text, &uri, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(uri.host, ==, host);
    g_assert_cmpuint(uri.port, ==, port);
    g_assert_cmpstr(uri.socket, ==, socket);
    g_assert_cmpstr(uri.name, ==, name);
    nbd_uri_clear(&uri);
}

/* nbds://: whom to believe, and who we are. */
static void test_tls(void)
{
    struct nbd_uri uri;
    g_assert_true(
        nbd_uri_parse("nbds://al@h/x?tls-psk-file=%2Fa%20b&tls-verify-peer=false", &uri, NULL));
    g_assert_true(uri.tls && !uri.verify_peer);
    g_assert_cmpstr(uri.user, ==, "al");
    g_assert_cmpstr(uri.psk, ==, "/a b");
    nbd_uri_clear(&uri);
    g_assert_true(nbd_uri_parse("nbds://h?tls-hostname=n&tls-certificates=d", &uri, NULL));
    g_assert_true(uri.tls && uri.verify_peer);
    g_assert_cmpstr(uri.certificates, ==, "d");
    g_assert_cmpstr(uri.tls_host, ==, "n");
    nbd_uri_clear(&uri);
}

static void test_uri(void)
{
    static const char *const bad[] = { "nbd://h:0/x",
                                       "nbd+unix:///x",
                                       "nbd://h:99999/",
                                       "nbd:",
                                       "nbd:unix:",
                                       "nbd:h:x",
                                       "nbds+vsock://h/",
                                       "nbds://h/?x=1",
                                       "nbd://h/?tls-hostname=a",
                                       "nbds://h/?tls-certificates=a&tls-psk-file=b" };
    struct nbd_uri uri;
    GError *error = NULL;
    expect_uri("nbd://h", "h", NBD_PORT, NULL, "");
    expect_uri("nbd://h:1234/a%20b/c", "h", 1234, NULL, "a b/c");
    expect_uri("nbd://[::1]:5/", "::1", 5, NULL, "");
    expect_uri("nbd+unix:///n?socket=/tmp/a%20b", NULL, 0, "/tmp/a b", "n");
    expect_uri("nbd:h:7:exportname=a:b", "h", 7, NULL, "a:b");
    expect_uri("nbd:unix:/tmp/x", NULL, 0, "/tmp/x", "");
    expect_uri("nbds://al@h/?tls-psk-file=f&tls-verify-peer=false", "h", NBD_PORT, NULL, "");
    expect_uri("nbds+unix:///x?socket=s&tls-hostname=h", NULL, 0, "s", "x");
    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_assert_false(nbd_uri_parse(bad[i], &uri, &error));
        g_assert_nonnull(strstr(error->message, bad[i]));
        g_clear_error(&error);
    }
    g_assert_false(nbd_uri_is("disk.nbd"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/nbd/uri", test_uri);
    g_test_add_func("/nbd/uri/tls", test_tls);
    return g_test_run();
}
