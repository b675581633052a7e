/* Goal: no agent in a guest can make the clipboard crash, hang or grow. */
#include <glib.h>

#include "emu/chardev/backend.h"
#include "emu/display/vdagent.h"
#include "emu/display/vdagent_wire.h"
#include "tests/fuzz/fuzz.h"

static size_t room;

static size_t guest_room(void *opaque)
{
    (void)opaque;
    return room;
}

static void guest_receive(void *opaque, const uint8_t *data, size_t size)
{
    (void)opaque;
    (void)data;
    room -= size;
}

/* A message that is likely to mean something, whole or cut. */
static void fuzz_message(struct chardev *agent, struct fuzz_input *input)
{
    uint8_t body[40];
    uint32_t size = fuzz_byte(input) % sizeof(body);
    uint8_t type = fuzz_byte(input) % 12, cut = fuzz_byte(input);
    for (uint32_t i = 0; i < size; i++) {
        uint8_t byte = fuzz_byte(input);
        body[i] = i % 4 == 0 ? byte : byte % 2;
    }
    g_autoptr(GByteArray) out = g_byte_array_new();
    vdagent_write(out, type, body, size);
    chardev_write(agent, out->data, cut < 250 ? out->len : out->len - cut % out->len);
}

static void fuzz_step(struct chardev *agent, struct clipboard *clipboard, struct fuzz_input *input)
{
    uint8_t what = fuzz_byte(input);
    switch (what % 8) {
    case 0: chardev_set_client_open(agent, (what & 8) != 0); break;
    case 1: clipboard_host_set(clipboard, (what & 8) != 0 ? "text" : NULL); break;
    case 2: g_free(clipboard_host_take(clipboard)); break;
    case 3:
        room = fuzz_number(input, 2);
        chardev_accept_input(agent);
        break;
    case 4: {
        size_t size = MIN(input->left, what);
        chardev_write(agent, input->at, size);
        break;
    }
    default: fuzz_message(agent, input); break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct chardev_client client = { .can_receive = guest_room,
                                                  .receive = guest_receive };
    struct fuzz_input input = { data, size };
    struct aio_context *ctx = aio_context_new("fuzz", NULL);
    struct clipboard *clipboard = clipboard_new(ctx);
    struct chardev *agent = vdagent_new(ctx, "vda", clipboard);
    room = 0;
    chardev_connect(agent, &client, NULL);
    chardev_set_client_open(agent, true);
    while (input.left > 0) {
        fuzz_step(agent, clipboard, &input);
        aio_poll(ctx, false);
    }
    chardev_free(agent);
    clipboard_free(clipboard);
    aio_context_unref(ctx);
    return 0;
}
