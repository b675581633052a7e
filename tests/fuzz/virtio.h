/* A virtio device under fuzz: how it is made, and what its other end does. */
#pragma once

#include "tests/device/virtio/driver.h"
#include "tests/fuzz/fuzz.h"

struct fuzz_device {
    /* Told the first byte of an input, for a target with several kinds of device. Optional. */
    void (*choose)(uint8_t kind);
    /* Makes the device for `d`, with all that is behind it. */
    struct virtio_device *(*make)(struct driver *d);
    /* Takes down what is behind; the device is gone already. */
    void (*finish)(struct driver *d);
    /* Something comes from outside. Optional. */
    void (*outside)(struct driver *d, struct fuzz_input *input);
    /* Fills in a plausible header of a request, for deeper reach. Returns its size. */
    uint32_t (*header)(uint8_t *header, struct fuzz_input *input);
    uint32_t header_size;
};

/* Each target defines its own. */
extern const struct fuzz_device fuzz_device;
