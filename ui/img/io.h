/* The commands of `img io`, the disk exerciser. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "ui/img/args.h"
#include "ui/img/parts.h"

/* One run of it. */
struct io {
    struct img *img;
    struct block_node *node; /* NULL: none is open */
    bool quit;
    unsigned under_way;        /* aio_read, aio_write */
    struct coroutine *waiting; /* for those */
    bool failed;               /* some command */
};

/* Does a command; words begin with its name and end with NULL. False and `error` if it failed. */
typedef bool io_fn(struct io *io, const char *const *words, GError **error);

struct io_command {
    const char *name, *other; /* a second name, or NULL */
    const char *parameters, *help;
    const char *more;  /* the long help, or NULL */
    unsigned min, max; /* words behind the name */
    bool needs_image;
    io_fn *fn;
};

/* All of them, in the order of the alphabet; ends with a null name. */
extern const struct io_command io_commands[];

/* "64 KiB", "1.500 MiB", "12 bytes"; g_free it. */
char *io_amount(double amount);

/* Says how long a transfer took; `machine`: as numbers with commas between (-C). */
void io_report(const char *done, int64_t took_ns, uint64_t offset, uint64_t count, uint64_t total,
               bool machine);

/* Waits until no aio_read or aio_write is under way. */
void io_drain(struct io *io);

/* Opens an image in place of none; false and `error` say why not. */
bool io_open_image(struct io *io, const char *path, const char *format, unsigned flags,
                   bool overlay, GError **error);

/* Closes the image, if one is open; false and `error` if the last writes failed. */
bool io_close_image(struct io *io, GError **error);

/* The commands. */

/* read, readv. */
bool io_read(struct io *io, const char *const *words, GError **error);

/* write, writev. */
bool io_write(struct io *io, const char *const *words, GError **error);

/* aio_read: the same as read, not waited for. */
bool io_aio_read(struct io *io, const char *const *words, GError **error);

/* aio_write: the same as write, not waited for. */
bool io_aio_write(struct io *io, const char *const *words, GError **error);

/* aio_flush: waits for these. */
bool io_aio_flush(struct io *io, const char *const *words, GError **error);

/* alloc. */
bool io_alloc(struct io *io, const char *const *words, GError **error);

/* map. */
bool io_map(struct io *io, const char *const *words, GError **error);

/* length. */
bool io_length(struct io *io, const char *const *words, GError **error);

/* info. */
bool io_info(struct io *io, const char *const *words, GError **error);

/* truncate. */
bool io_truncate(struct io *io, const char *const *words, GError **error);

/* flush. */
bool io_flush(struct io *io, const char *const *words, GError **error);

/* discard. */
bool io_discard(struct io *io, const char *const *words, GError **error);

/* sleep. */
bool io_sleep(struct io *io, const char *const *words, GError **error);

/* open. */
bool io_open(struct io *io, const char *const *words, GError **error);

/* close. */
bool io_close(struct io *io, const char *const *words, GError **error);

/* help. */
bool io_help(struct io *io, const char *const *words, GError **error);

/* quit. */
bool io_quit(struct io *io, const char *const *words, GError **error);
