/* Goal: no driver can make the GPU crash, hang, or read or keep more than it may. */
#include <string.h>

#include <glib.h>

#include "emu/virtio/gpu.h"
#include "tests/fuzz/virtio.h"

#define OUTPUTS 2

static struct display *display[OUTPUTS];

static void on_ready(void *opaque)
{
    display_take(opaque);
}

static struct virtio_device *gpu_make(struct driver *d)
{
    for (unsigned i = 0; i < OUTPUTS; i++) {
        display[i] = display_new(d->ctx, "screen");
        display_set_viewer(display[i], on_ready, display[i]);
    }
    return virtio_gpu_new("gpu0", &d->services, display, OUTPUTS, VIRTIO_GPU_MEMORY_MIN, NULL);
}

static void gpu_finish(struct driver *d)
{
    (void)d;
    for (unsigned i = 0; i < OUTPUTS; i++) {
        display_free(display[i]);
    }
}

/* The window changes its size, or somebody takes a picture. */
static void gpu_outside(struct driver *d, struct fuzz_input *input)
{
    struct display *any = display[fuzz_byte(input) % OUTPUTS];
    struct display_request wish = { .connected = true };
    struct display_image image;
    (void)d;
    wish.width = 1 + (uint32_t)fuzz_number(input, 2) % DISPLAY_SIDE_MAX;
    wish.height = 1 + (uint32_t)fuzz_number(input, 2) % DISPLAY_SIDE_MAX;
    wish.width_mm = fuzz_byte(input);
    display_set_request(any, &wish);
    if (display_snapshot(any, &image)) {
        g_free(image.pixels);
    }
}

/* A command with small numbers, so that many of them meet the resources there are. */
static uint32_t gpu_header(uint8_t *header, struct fuzz_input *input)
{
    uint32_t words[14] = { 0 };
    uint8_t kind = fuzz_byte(input);
    words[0] = kind < 200 ? GPU_GET_DISPLAY_INFO + kind % 11u : GPU_UPDATE_CURSOR + kind % 2u;
    words[1] = kind & 1;
    for (unsigned i = 6; i < G_N_ELEMENTS(words); i++) {
        uint8_t value = fuzz_byte(input);
        words[i] = value < 250 ? value % 16u : (uint32_t)fuzz_number(input, 4);
    }
    if (words[0] == GPU_ATTACH_BACKING) {
        words[7] = 1 + words[7] % 2; /* entries */
        words[8] = DRIVER_RAM + (uint32_t)fuzz_number(input, 2);
        words[9] = words[11] = words[13] = 0;
        words[10] = (uint32_t)fuzz_number(input, 2);
    }
    memcpy(header, words, sizeof(words));
    return sizeof(words);
}

const struct fuzz_device fuzz_device = {
    .make = gpu_make,
    .finish = gpu_finish,
    .outside = gpu_outside,
    .header = gpu_header,
    .header_size = 56,
};
