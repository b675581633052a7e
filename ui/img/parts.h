/* What the verbs of the image tool share. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <glib.h>

#include "aio/context.h"
#include "aio/threadpool.h"
#include "emu/block/manage.h"
#include "emu/block/node.h"

#define IMG_EXIT_FAILED 1

struct block_driver;

/* One run of the tool. */
struct img {
    const char *program; /* before messages */
    struct aio_context *ctx;
    struct thread_pool *pool;
    unsigned source_cache; /* -T: flags for opening what is only read */
    bool image_opts;       /* --image-opts: operands are options, not paths */
    GPtrArray *objects;    /* --object: image_opts.c's */
    bool quiet;            /* -q: nothing but errors */
    bool progress;
    int progress_shown; /* in hundredths of a percent */
};

/* Does a verb; arguments begin with its name. Returns the exit status. */
typedef int img_fn(struct img *img, const char *const *arguments);

struct img_verb {
    const char *name, *parameters, *help;
    img_fn *fn;
    bool loop; /* called outside of any coroutine, else in one */
};

/* All of them, ends with a null name. */
extern const struct img_verb img_verbs[];

/* Prints an error as a person should read it and frees it; returns 1. */
int img_fail(const struct img *img, GError *error);

/* Prints a message as img_fail does. */
int img_error(const struct img *img, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* printf unless quiet. */
void img_say(const struct img *img, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* Shows how far a command is, with -p. */
void img_progress(struct img *img, uint64_t done, uint64_t total);

/* Its end. */
void img_progress_end(struct img *img);

/* The driver of a format; NULL and `error` name the one that was probably meant. */
const struct block_driver *img_format(const char *name, GError **error);

/* Whether images of a format can be made; false and `error` if not. */
bool img_format_creates(const char *name, GError **error);

/* Makes an image. False and `error` if not: then a file that was not there before is not there
 * now. */
bool img_make(struct img *img, const char *format, const struct node_create *create,
              GError **error);

/* Removes a file that was not finished; nothing but regular files. */
void img_unmake(const char *path);

/* Opens an image; NULL and `error` name it and why. `format` may be NULL. */
struct block_node *img_open(struct img *img, const char *path, const char *format, unsigned flags,
                            GError **error);

/* Opens what an operand names: a path, or options with --image-opts. */
struct block_node *img_open_operand(struct img *img, const char *operand, const char *format,
                                    unsigned flags, GError **error);

/* The same to read in any case, also an image in use when `share` says so (-U). */
struct block_node *img_open_read(struct img *img, const char *operand, const char *format,
                                 bool share, GError **error);

/* Closes; the error of the last writes, if there was none before. `status` is what it was so far;
 * returns what it is now. Accepts NULL. */
int img_close(struct img *img, struct block_node *node, int status);

/* Says what could not be done with which byte of an image; always returns false. */
bool img_transfer_failed(GError **error, const char *doing, const struct block_node *node,
                         uint64_t offset, int result);

/* Frees what node_get_info has filled in. */
void img_info_clear(struct node_info *info);

/* What a cache mode (-t) means for opening; false and `error` if there is none of that name. */
bool img_cache_mode(const char *mode, unsigned *ret_flags, GError **error);

/* A size with its suffix; false and `error` name `what`. */
bool img_size(const char *what, const char *text, uint64_t *ret_size, GError **error);

/* A number, also hexadecimal; false and `error` name `what`. */
bool img_number(const char *what, const char *text, uint64_t min, uint64_t max,
                uint64_t *ret_number, GError **error);

/* Three digits and a unit, "1.5 GiB"; g_free it. */
char *img_size_text(uint64_t size);

/* Whether --output= says json; false and `error` if it says neither that nor human. */
bool img_output(const char *text, bool *ret_json, GError **error);

/* Prints a JSON value (a json_t*, whose reference it takes) as scripts expect it. */
void img_print_json(void *value);

/* The verbs. */

/* Changes what an image is. */
int img_amend(struct img *img, const char *const *arguments);

/* Makes an image. */
int img_create(struct img *img, const char *const *arguments);

/* Prints what an image is. */
int img_info(struct img *img, const char *const *arguments);

/* Looks for damage. */
int img_check(struct img *img, const char *const *arguments);

/* Copies to a new image. */
int img_convert(struct img *img, const char *const *arguments);

/* Changes the size. */
int img_resize(struct img *img, const char *const *arguments);

/* Internal snapshots. */
int img_snapshot(struct img *img, const char *const *arguments);

/* Changes the backing file. */
int img_rebase(struct img *img, const char *const *arguments);

/* Writes an image into its backing file. */
int img_commit(struct img *img, const char *const *arguments);

/* Prints what stands where. */
int img_map(struct img *img, const char *const *arguments);

/* Prints what a new image would need. */
int img_measure(struct img *img, const char *const *arguments);

/* Compares two. */
int img_compare(struct img *img, const char *const *arguments);

/* Copies as dd does. */
int img_dd(struct img *img, const char *const *arguments);

/* Measures requests. */
int img_bench(struct img *img, const char *const *arguments);

/* Exports an image to NBD clients. */
int img_serve(struct img *img, const char *const *arguments);

/* Reads and writes by commands. */
int img_io(struct img *img, const char *const *arguments);
