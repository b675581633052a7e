/* What most verbs need: opening, sizes, output. */
#include <inttypes.h>
#include <string.h>

#include <jansson.h>

#include "emu/block/driver.h"
#include "platform/error.h"
#include "ui/img/image_opts.h"
#include "ui/img/parts.h"
#include "ui/units.h"
#include "ui/usage.h"

const struct block_driver *img_format(const char *name, GError **error)
{
    const struct block_driver *driver = block_driver_find(name);
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    if (driver) {
        return driver;
    }
    for (unsigned i = 0; (driver = block_driver_nth(i)); i++) {
        g_ptr_array_add(names, (gpointer)driver->name);
    }
    g_ptr_array_add(names, NULL);
    usage_unknown(error, name, (const char *const *)names->pdata, "--help lists the formats",
                  "Unknown file format '%s'", name);
    return NULL;
}

bool img_format_creates(const char *name, GError **error)
{
    const struct block_driver *driver = img_format(name, error);
    return driver && (driver->create ||
                      usage_error(error, "Format '%s' does not support image creation", name));
}

bool img_make(struct img *img, const char *format, const struct node_create *create, GError **error)
{
    enum host_file_type type;
    bool existed = host_file_type(create->path, &type, NULL);
    if (node_create(img->ctx, img->pool, format, create, error)) {
        return true;
    }
    if (!existed) {
        img_unmake(create->path);
    }
    return false;
}

void img_unmake(const char *path)
{
    enum host_file_type type;
    if (host_file_type(path, &type, NULL) && type == HOST_FILE_REGULAR) {
        host_file_remove(path, NULL);
        fprintf(stderr, "'%s' was not finished and is removed.\n", path);
    }
}

/* A guest that wrote another format's header to its raw disk must not choose what is opened. */
static void probed_warn(const struct img *img, const char *path)
{
    fprintf(stderr,
            "WARNING: Image format was not specified for '%s' and probing guessed raw.\n"
            "         Automatically detecting the format is dangerous for raw images, write "
            "operations on block 0 will be restricted.\n"
            "         Specify the 'raw' format explicitly to remove the restrictions.\n",
            path);
    (void)img;
}

struct block_node *img_open(struct img *img, const char *path, const char *format, unsigned flags,
                            GError **error)
{
    const struct node_options options = { .path = path, .format = format, .flags = flags };
    struct block_node *node = node_open(img->ctx, img->pool, &options, error);
    if (node && node_probed(node) && node_writable(node) &&
        strcmp(node_driver(node)->name, "raw") == 0) {
        probed_warn(img, path);
    }
    return node;
}

/* What to do about an image that cannot be had. */
static void open_hint(GError *error, unsigned flags)
{
    const char *hint = NULL;
    if (g_error_matches(error, host_error_quark(), HOST_ERROR_IN_USE)) {
        hint = flags & NODE_WRITE ? "; wait for its end, or end it" : "; -U reads it all the same";
    } else if (g_error_matches(error, host_error_quark(), HOST_ERROR_DENIED) &&
               (flags & NODE_WRITE)) {
        hint = "; make it writable first";
    }
    if (hint) {
        char *text = g_strconcat(error->message, hint, NULL);
        g_free(error->message);
        error->message = text;
    }
}

struct block_node *img_open_operand(struct img *img, const char *operand, const char *format,
                                    unsigned flags, GError **error)
{
    if (img->image_opts && format) {
        usage_error(error, "--image-opts and --format are mutually exclusive");
        return NULL;
    }
    GError *why = NULL;
    struct block_node *node = img->image_opts ? img_open_options(img, operand, flags, &why)
                                              : img_open(img, operand, format, flags, &why);
    if (!node) {
        open_hint(why, flags);
        g_propagate_error(error, why);
    }
    return node;
}

struct block_node *img_open_read(struct img *img, const char *operand, const char *format,
                                 bool share, GError **error)
{
    unsigned flags = img->source_cache | (share ? NODE_FORCE_SHARE : 0u);
    return img_open_operand(img, operand, format, flags, error);
}

int img_close(struct img *img, struct block_node *node, int status)
{
    g_autofree char *path = node ? g_strdup(node_path(node)) : NULL;
    int result = node_close(node);
    if (result < 0 && status == 0) {
        return img_error(img,
                         "'%s': what was written last may not be on the disk: %s; check the image",
                         path, block_error_text(result));
    }
    return status;
}

bool img_transfer_failed(GError **error, const char *doing, const struct block_node *node,
                         uint64_t offset, int result)
{
    return usage_error(error, "error while %s byte %" PRIu64 " of '%s': %s", doing, offset,
                       node_path(node), block_error_text(result));
}

void img_info_clear(struct node_info *info)
{
    json_decref(info->json);
    info->json = NULL;
    node_info_clear(info);
}

bool img_cache_mode(const char *mode, unsigned *ret_flags, GError **error)
{
    static const char *const names[] = { "none",       "writeback", "writethrough",
                                         "directsync", "unsafe",    NULL };
    if (!g_strv_contains(names, mode)) {
        return usage_unknown(error, mode, names,
                             "write none, writeback, writethrough, directsync or unsafe",
                             "Invalid cache option: %s", mode);
    }
    bool direct = strcmp(mode, "none") == 0 || strcmp(mode, "directsync") == 0;
    *ret_flags = (direct ? NODE_DIRECT : 0u) | (strcmp(mode, "unsafe") ? 0u : NODE_NO_FLUSH);
    return true;
}

bool img_size(const char *what, const char *text, uint64_t *ret_size, GError **error)
{
    uint64_t size;
    GError *why = NULL;
    if (!units_size(text, 1, &size, &why)) {
        g_propagate_prefixed_error(error, why, "Invalid %s: ", what);
        return false;
    }
    if (size > INT64_MAX) {
        return usage_error(error, "Invalid %s: '%s' is more than 8 EiB", what, text);
    }
    *ret_size = size;
    return true;
}

bool img_number(const char *what, const char *text, uint64_t min, uint64_t max,
                uint64_t *ret_number, GError **error)
{
    GError *why = NULL;
    if (!units_number(text, min, max, ret_number, &why)) {
        g_propagate_prefixed_error(error, why, "Invalid %s specified: ", what);
        return false;
    }
    return true;
}

char *img_size_text(uint64_t size)
{
    static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
    unsigned unit = 0;
    double value = (double)size;
    while (value >= 1000 && unit + 1 < G_N_ELEMENTS(units)) {
        value /= 1024;
        unit++;
    }
    return g_strdup_printf("%0.3g %s", value, units[unit]);
}

bool img_output(const char *text, bool *ret_json, GError **error)
{
    if (strcmp(text, "json") != 0 && strcmp(text, "human") != 0) {
        return usage_error(error, "--output must be used with human or json as argument.");
    }
    *ret_json = strcmp(text, "json") == 0;
    return true;
}

void img_print_json(void *value)
{
    json_dumpf(value, stdout, JSON_INDENT(4) | JSON_ENCODE_ANY);
    putchar('\n');
    json_decref(value);
}

void img_progress(struct img *img, uint64_t done, uint64_t total)
{
    int now = total > 0 ? (int)((double)done * 10000.0 / (double)total) : 10000;
    if (img->progress && !img->quiet && (now - img->progress_shown >= 100 || done == 0)) {
        printf("    (%3.2f/100%%)\r", now / 100.0);
        fflush(stdout);
        img->progress_shown = now;
    }
}

void img_progress_end(struct img *img)
{
    if (img->progress && !img->quiet) {
        printf("    (100.00/100%%)\r\n");
        fflush(stdout);
    }
}
