/* A world for one device: clocks that only the test moves, lines that remember, a little RAM, a
 * chardev that takes as much as the test allows. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

#include "aio/context.h"
#include "emu/chardev/chardev.h"
#include "emu/dev/device.h"

#define WORLD_RAM_BASE 0x80000000u
#define WORLD_RAM_SIZE 0x10000u

/* Where an interrupt line ends. */
struct world_line {
    bool level;
    unsigned rises;
};

/* Keeps what is written, up to `room` bytes more; input through chardev->client. */
struct world_chardev {
    struct chardev chardev;
    size_t room;
    unsigned accepts; /* how often the client said that it has room */
    GByteArray *out;
};

struct world {
    struct aio_context *ctx;
    struct aio_clock virtual_clock, wall_clock; /* stopped: moved by world_advance alone */
    struct host_mutex lock;
    struct bus *bus;
    uint8_t *ram;
    struct device_services services;
    struct world_line line;
};

/* Which accesses an offset range answers; every offset that is a multiple of the width. */
struct world_access {
    uint32_t from, to; /* of the first and behind the last byte */
    unsigned sizes;    /* widths OR-ed: 1 | 2 | 4 | 8 */
    unsigned access;   /* enum reg_access */
};

/* Builds an empty world. */
void world_start(struct world *world);

/* Ends it; its devices are gone. */
void world_finish(struct world *world);

/* Makes a device whose line is world->line. */
struct device *world_device(struct world *world, const struct device_class *class);

/* The line that ends in `end`. */
struct irq_line world_line_to(struct world_line *end);

/* Runs the loop until nothing is due. */
void world_settle(struct world *world);

/* Moves a clock on and runs what falls due. */
void world_advance(struct world *world, struct aio_clock *clock, int64_t ns);

/* Reads a register that must answer. */
uint64_t world_get(struct device *dev, uint32_t offset, unsigned size);

/* Writes a register that must answer. */
void world_put(struct device *dev, uint32_t offset, unsigned size, uint64_t value);

/* Tries every offset of [from, to), width and direction; each must answer exactly if a row of
 * `table` (ends with `sizes` 0) has it. Writes zeros. */
void world_check_accesses(struct device *dev, uint32_t from, uint32_t to,
                          const struct world_access *table);

/* Prepares a chardev with unlimited room. */
void world_chardev_start(struct world_chardev *chardev, struct world *world);

/* Frees what it kept. */
void world_chardev_finish(struct world_chardev *chardev);

/* Gives bytes to the client, as much as it takes; returns how many. */
size_t world_chardev_inject(struct world_chardev *chardev, const char *text);

/* Compares and forgets what was written. */
void world_chardev_expect(struct world_chardev *chardev, const char *text);
