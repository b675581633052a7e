/* Goal: text crosses between host and agent both ways, whatever the agent sends or does not. */
#include <string.h>

#include <glib.h>

#include "emu/chardev/backend.h"
#include "emu/display/vdagent.h"
#include "emu/display/vdagent_wire.h"

#define BOTH (1u << VDAGENT_BY_DEMAND | 1u << VDAGENT_SELECTION)

static struct aio_context *ctx;
static struct clipboard *clipboard;
static struct chardev *agent;
static size_t room;       /* the guest takes so much now */
static GByteArray *heard; /* messages: type, size, body */
static struct vdagent_reader reader;
static unsigned host_told;

static size_t guest_room(void *opaque)
{
    (void)opaque;
    return room;
}

static void guest_hear(void *opaque, uint32_t type, const uint8_t *body, uint32_t size)
{
    uint8_t head[8];
    (void)opaque;
    vdagent_put32(head, type);
    vdagent_put32(head + 4, size);
    g_byte_array_append(heard, head, sizeof(head));
    g_byte_array_append(heard, body, size);
}

static void guest_receive(void *opaque, const uint8_t *data, size_t size)
{
    (void)opaque;
    g_assert_cmpuint(size, <=, room);
    room -= room == SIZE_MAX ? 0 : size;
    vdagent_read(&reader, data, size, UINT32_MAX, guest_hear, NULL);
    g_assert_false(reader.bad);
}

static void host_changed(void *opaque)
{
    (void)opaque;
    host_told++;
}

static void setup(void)
{
    static const struct chardev_client client = { .can_receive = guest_room,
                                                  .receive = guest_receive };
    g_autoptr(GError) error = NULL;
    ctx = aio_context_new("test", &error);
    g_assert_no_error(error);
    clipboard = clipboard_new(ctx);
    clipboard_set_host_listener(clipboard, host_changed, NULL);
    agent = vdagent_new(ctx, "vda", clipboard);
    heard = g_byte_array_new();
    room = SIZE_MAX;
    host_told = 0;
    vdagent_reader_reset(&reader);
    chardev_connect(agent, &client, NULL);
}

static void finish(void)
{
    g_assert_cmpuint(heard->len, ==, 0);
    chardev_free(agent);
    clipboard_free(clipboard);
    g_byte_array_unref(heard);
    vdagent_reader_finish(&reader);
    aio_context_unref(ctx);
}

static void settle(void)
{
    while (aio_poll(ctx, false)) {
    }
}

static void say(enum vdagent_type type, const void *body, uint32_t size)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    vdagent_write(out, type, body, size);
    /* In pieces, as a driver's buffers may cut it. */
    for (guint done = 0, part = 1; done < out->len; done += part, part = part * 3 % 977 + 1) {
        part = MIN(part, out->len - done);
        g_assert_cmpuint(chardev_write(agent, out->data + done, part), ==, part);
    }
}

/* The next message that the guest has got. */
static void expect(enum vdagent_type type, const void *body, uint32_t size)
{
    settle();
    g_assert_cmpuint(heard->len, >=, 8 + size);
    g_assert_cmpuint(vdagent_get32(heard->data), ==, type);
    g_assert_cmpuint(vdagent_get32(heard->data + 4), ==, size);
    g_assert_true(memcmp(heard->data + 8, body, size) == 0);
    g_byte_array_remove_range(heard, 0, 8 + size);
}

static void say_capabilities(uint32_t ask, uint32_t bits)
{
    uint8_t body[8];
    vdagent_put32(body, ask);
    vdagent_put32(body + 4, bits);
    say(VDAGENT_CAPABILITIES, body, sizeof(body));
}

/* An agent starts in the guest. */
static void begin(uint32_t bits)
{
    setup();
    chardev_set_client_open(agent, true);
    expect(VDAGENT_CAPABILITIES, "\1\0\0\0\x60\0\0\0", 8);
    say_capabilities(0, bits);
}

static void test_to_guest(void)
{
    begin(BOTH);
    g_assert_true(clipboard_host_set(clipboard, "Grüße"));
    expect(VDAGENT_GRAB, "\0\0\0\0\1\0\0\0", 8);
    say(VDAGENT_REQUEST, "\0\0\0\0\1\0\0\0", 8);
    expect(VDAGENT_CLIPBOARD, "\0\0\0\0\1\0\0\0Grüße", 15);
    say(VDAGENT_REQUEST, "\0\0\0\0\2\0\0\0", 8); /* a picture */
    expect(VDAGENT_CLIPBOARD, "\0\0\0\0\0\0\0\0", 8);
    say(VDAGENT_REQUEST, "\1\0\0\0\1\0\0\0", 8); /* the primary selection: not ours */
    clipboard_host_set(clipboard, "Grüße");
    settle();
    g_assert_cmpuint(heard->len, ==, 0); /* no news */
    clipboard_host_set(clipboard, NULL);
    expect(VDAGENT_RELEASE, "\0\0\0\0", 4);
    finish();
}

static void test_to_host(void)
{
    begin(BOTH);
    say(VDAGENT_GRAB, "\0\0\0\0\2\0\0\0\1\0\0\0", 12);
    expect(VDAGENT_REQUEST, "\0\0\0\0\1\0\0\0", 8);
    say(VDAGENT_CLIPBOARD, "\0\0\0\0\1\0\0\0line\r\nend\0", 18);
    g_assert_cmpuint(host_told, ==, 1);
    g_autofree char *text = clipboard_host_take(clipboard);
    g_assert_cmpstr(text, ==, "line\r\nend");
    g_assert_null(clipboard_host_take(clipboard));
    clipboard_host_set(clipboard, text); /* its echo from the window system */
    settle();
    g_assert_cmpuint(heard->len, ==, 0);
    clipboard_host_set(clipboard, "other");
    expect(VDAGENT_GRAB, "\0\0\0\0\1\0\0\0", 8);
    clipboard_host_set(clipboard, text); /* the same words again, but the host's own */
    expect(VDAGENT_GRAB, "\0\0\0\0\1\0\0\0", 8);
    say(VDAGENT_GRAB, "\0\0\0\0\2\0\0\0", 8); /* a picture only */
    settle();
    finish();
}

/* Without selections, with the other line ends, and asking for our capabilities. */
static void test_old_agent(void)
{
    begin(0);
    say_capabilities(1, 1u << VDAGENT_BY_DEMAND | 1u << VDAGENT_LINEEND_CRLF);
    expect(VDAGENT_CAPABILITIES, "\0\0\0\0\x60\0\0\0", 8);
    say(VDAGENT_CLIPBOARD, "\1\0\0\0a\r\nb\rc\r\n", 13);
    g_autofree char *text = clipboard_host_take(clipboard);
    g_assert_cmpstr(text, ==, "a\nb\rc\n");
    clipboard_host_set(clipboard, "x");
    expect(VDAGENT_GRAB, "\1\0\0\0", 4);
    finish();
}

/* Text that was there before the agent is offered; an agent without the means is left alone. */
static void test_before(void)
{
    setup();
    clipboard_host_set(clipboard, "early");
    settle();
    chardev_set_client_open(agent, true);
    expect(VDAGENT_CAPABILITIES, "\1\0\0\0\x60\0\0\0", 8);
    say_capabilities(0, 0);
    clipboard_host_set(clipboard, "later");
    settle();
    g_assert_cmpuint(heard->len, ==, 0);
    say_capabilities(0, BOTH);
    expect(VDAGENT_GRAB, "\0\0\0\0\1\0\0\0", 8);
    finish();
}

static void test_bad_text(void)
{
    begin(BOTH);
    say(VDAGENT_CLIPBOARD, "\0\0\0\0\1\0\0\0\xff\xfe", 10);
    say(VDAGENT_CLIPBOARD, "\0\0\0\0\1\0\0\0a\0b", 11);
    say(VDAGENT_CLIPBOARD, "\0\0\0\0\1\0", 6);
    say(VDAGENT_CLIPBOARD, "", 0);
    g_assert_null(clipboard_host_take(clipboard));
    g_assert_false(clipboard_host_set(clipboard, "\xff"));
    g_autofree char *much = g_strnfill(CLIPBOARD_TEXT_MAX + 1, 'x');
    g_assert_false(clipboard_host_set(clipboard, much));
    finish();
}

static void test_long_text(void)
{
    begin(BOTH);
    g_autofree char *much = g_strnfill(CLIPBOARD_TEXT_MAX + 8, 'x');
    memcpy(much, "\0\0\0\0\1\0\0\0", 8);
    say(VDAGENT_CLIPBOARD, much, CLIPBOARD_TEXT_MAX + 8);
    g_autofree char *text = clipboard_host_take(clipboard);
    g_assert_cmpuint(strlen(text), ==, CLIPBOARD_TEXT_MAX);
    g_autofree char *more = g_strnfill(CLIPBOARD_TEXT_MAX + 100, 'x');
    say(VDAGENT_CLIPBOARD, more, CLIPBOARD_TEXT_MAX + 100); /* passed over */
    say(VDAGENT_REQUEST, "\0\0\0\0\1\0\0\0", 8);
    expect(VDAGENT_CLIPBOARD, "\0\0\0\0\0\0\0\0", 8);
    much[CLIPBOARD_TEXT_MAX] = 0;
    memset(much, 'y', 8);
    g_assert_true(clipboard_host_set(clipboard, much));
    expect(VDAGENT_GRAB, "\0\0\0\0\1\0\0\0", 8);
    say(VDAGENT_REQUEST, "\0\0\0\0\1\0\0\0", 8);
    settle();
    g_assert_cmpuint(heard->len, ==, 16 + CLIPBOARD_TEXT_MAX);
    g_assert_true(memcmp(heard->data + 16, much, CLIPBOARD_TEXT_MAX) == 0);
    g_byte_array_set_size(heard, 0);
    finish();
}

/* A guest that asks without end and reads nothing makes no memory grow; what it was told once it
 * reads is the newest. */
static void test_slow_guest(void)
{
    begin(BOTH);
    room = 0;
    clipboard_host_set(clipboard, "old");
    settle();
    for (unsigned i = 0; i < 1000; i++) {
        say(VDAGENT_REQUEST, "\0\0\0\0\1\0\0\0", 8);
    }
    clipboard_host_set(clipboard, "new");
    settle();
    while (heard->len < 16 + 16 + 3) {
        room = 5;
        chardev_accept_input(agent);
    }
    expect(VDAGENT_GRAB, "\0\0\0\0\1\0\0\0", 8);
    if (vdagent_get32(heard->data) == VDAGENT_GRAB) { /* the first was begun before the news */
        room = SIZE_MAX;
        chardev_accept_input(agent);
        expect(VDAGENT_GRAB, "\0\0\0\0\1\0\0\0", 8);
    }
    expect(VDAGENT_CLIPBOARD, "\0\0\0\0\1\0\0\0new", 11);
    finish();
}

/* The port is closed in the middle of a message: the next agent begins anew. */
static void test_reopen(void)
{
    begin(BOTH);
    g_assert_cmpuint(chardev_write(agent, (const uint8_t *)"\1\0\0\0\50\0\0\0\1", 9), ==, 9);
    chardev_set_client_open(agent, false);
    clipboard_host_set(clipboard, "x");
    settle();
    chardev_set_client_open(agent, true);
    expect(VDAGENT_CAPABILITIES, "\1\0\0\0\x60\0\0\0", 8);
    say_capabilities(0, BOTH);
    expect(VDAGENT_GRAB, "\0\0\0\0\1\0\0\0", 8);
    /* What is no protocol at all ends the talk until then. */
    g_assert_cmpuint(chardev_write(agent, (const uint8_t *)"\1\0\0\0\xff\xff\xff\xff", 8), ==, 8);
    say(VDAGENT_REQUEST, "\0\0\0\0\1\0\0\0", 8);
    settle();
    finish();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/clipboard/to-guest", test_to_guest);
    g_test_add_func("/clipboard/to-host", test_to_host);
    g_test_add_func("/clipboard/old-agent", test_old_agent);
    g_test_add_func("/clipboard/before", test_before);
    g_test_add_func("/clipboard/bad-text", test_bad_text);
    g_test_add_func("/clipboard/long-text", test_long_text);
    g_test_add_func("/clipboard/slow-guest", test_slow_guest);
    g_test_add_func("/clipboard/reopen", test_reopen);
    return g_test_run();
}
