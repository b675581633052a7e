/* What tests of qcow2 share: images on test disks, a model of what they must show. */
#pragma once

#include "emu/block/driver.h"
#include "tests/device/qcow2/disk.h"

struct image_world {
    struct aio_context *ctx;
    struct thread_pool *pool;
    GRand *random;
};

/* The one of this test. */
extern struct image_world world;

/* Begins a test with a seed; prints it. */
void world_begin(uint32_t seed);

/* Ends it. */
void world_end(void);

/* A random number below `limit`. */
uint64_t world_random(uint64_t limit);

/* Random options for an image; `small` keeps tables small. Their strings are static. */
struct node_create world_options(const char *path, uint64_t size);

/* Makes an image, which must work. In a coroutine, here and below. */
void world_create(const struct node_create *options);

/* Opens an image, which must work. */
struct block_node *world_open(const char *path, unsigned flags);

/* Fills memory with bytes that differ everywhere. */
void world_fill(uint8_t *data, size_t size);

/* Checks an open image, prints what is wrong; returns what was found. */
struct node_check world_check(struct block_node *node, bool repair);

/* Compares all that an image shows with a model. */
void world_compare(struct block_node *node, const uint8_t *model, size_t size);

/* Leaves something in the folder of the host that other programs look at, as "SEED-NAME". */
void world_dump(const char *folder, uint32_t seed, const char *name, const uint8_t *data,
                size_t size);
