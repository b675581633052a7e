/* Goal: no driver and nothing a person does can make an input device crash, hang or lose a key. */
#include <glib.h>

#include "tests/fuzz/virtio.h"

static struct input_hub *hub;
static enum input_kind kind;

static void input_choose(uint8_t number)
{
    kind = (enum input_kind)(number % INPUT_KINDS);
}

static struct virtio_device *input_make(struct driver *d)
{
    hub = input_hub_new(d->ctx);
    return virtio_input_new("in0", &d->services, hub, kind, NULL, NULL);
}

static void input_finish(struct driver *d)
{
    (void)d;
    input_hub_free(hub);
}

static void input_outside(struct driver *d, struct fuzz_input *input)
{
    uint8_t what = fuzz_byte(input);
    unsigned code = (unsigned)fuzz_number(input, 2);
    int32_t x = (int32_t)fuzz_number(input, 4), y = (int32_t)fuzz_number(input, 2);
    (void)d;
    for (unsigned i = 0; i <= what / 16u; i++) {
        switch (what % 6) {
        case 0: input_key(hub, (code + i) % 0x400, (i & 1) == 0); break;
        case 1: input_position(hub, x, y); break;
        case 2: input_motion(hub, x, y); break;
        case 3: input_wheel(hub, x, y); break;
        case 4: input_finger(hub, (code + i) % 20, (code & 64) != 0, x, y); break;
        default: input_release_all(hub); break;
        }
    }
}

/* A status event. */
static uint32_t input_header(uint8_t *header, struct fuzz_input *input)
{
    header[0] = 17;
    header[1] = 0;
    for (unsigned i = 2; i < 8; i++) {
        header[i] = fuzz_byte(input) % 4;
    }
    return 8;
}

const struct fuzz_device fuzz_device = {
    .choose = input_choose,
    .make = input_make,
    .finish = input_finish,
    .outside = input_outside,
    .header = input_header,
    .header_size = 8,
};
