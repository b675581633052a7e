/* Which drivers there are, and which one an image is for. */
#include "emu/block/driver.h"

#include <assert.h>
#include <string.h>

#include "emu/block/node_parts.h"

#define ADDED_MAX 4

/* A new driver is a line here. */
static const struct block_driver *const drivers[] = {
    &block_raw_driver,
    &block_qcow2_driver,
    &block_file_driver,
    &block_memory_driver,
    &block_overlay_driver,
    &block_nbd_driver,
};

static const struct block_driver *added[ADDED_MAX];
static unsigned added_count;

void block_driver_add(const struct block_driver *driver)
{
    assert(added_count < ADDED_MAX);
    added[added_count++] = driver;
}

const struct block_driver *block_driver_nth(unsigned index)
{
    if (index < added_count) {
        return added[index];
    }
    index -= added_count;
    return index < G_N_ELEMENTS(drivers) ? drivers[index] : NULL;
}

const struct block_driver *block_driver_find(const char *name)
{
    const struct block_driver *driver;
    for (unsigned i = 0; (driver = block_driver_nth(i)) != NULL; i++) {
        if (strcmp(driver->name, name) == 0) {
            return driver;
        }
    }
    return NULL;
}

const struct block_driver *block_driver_for_path(const char *path)
{
    const struct block_driver *driver;
    for (unsigned i = 0; (driver = block_driver_nth(i)) != NULL; i++) {
        if (driver->claims != NULL && driver->claims(path)) {
            return driver;
        }
    }
    return &block_file_driver;
}

const struct block_driver *block_driver_probe(const uint8_t *data, size_t size)
{
    const struct block_driver *driver, *best = &block_raw_driver;
    unsigned score = 0;
    for (unsigned i = 0; (driver = block_driver_nth(i)) != NULL; i++) {
        unsigned here = driver->probe != NULL ? driver->probe(data, size) : 0;
        if (here > score) {
            score = here;
            best = driver;
        }
    }
    return best;
}

bool node_create(struct aio_context *ctx, struct thread_pool *pool, const char *format,
                 const struct node_create *options, GError **error)
{
    const struct block_driver *driver = block_driver_find(format);
    if (driver == NULL || driver->create == NULL) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                    driver == NULL ? "there is no image format '%s'"
                                   : "images of the format '%s' cannot be made",
                    format);
        return false;
    }
    return driver->create(ctx, pool, options, error);
}
