/* Opening and closing the nodes of a graph, and what they are. */
#include "emu/block/node.h"

#include <assert.h>
#include <string.h>

#include "emu/block/node_parts.h"

/* What a node's children are opened with. */
#define FLAGS_OF_FILE                                                                              \
    (NODE_WRITE | NODE_FORCE_SHARE | NODE_RELEASE | NODE_DIRECT | NODE_NO_FLUSH | NODE_NO_LOCK)
#define FLAGS_OF_BACKING (NODE_FORCE_SHARE | NODE_DIRECT)

static bool node_fail(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

static bool node_fail(GError **error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "%s", text);
    return false;
}

static struct block_graph *graph_new(struct aio_context *ctx, struct thread_pool *pool)
{
    struct block_graph *graph = g_new0(struct block_graph, 1);
    graph->ctx = aio_context_ref(ctx);
    graph->pool = pool;
    co_queue_init(&graph->gate);
    co_queue_init(&graph->quiet);
    return graph;
}

struct block_node *node_new(struct block_node *parent, struct aio_context *ctx,
                            struct thread_pool *pool, const struct block_driver *driver,
                            const char *path, unsigned flags)
{
    struct block_node *node = g_new0(struct block_node, 1);
    node->driver = driver;
    node->graph = parent != NULL ? parent->graph : graph_new(ctx, pool);
    node->parent = parent;
    node->path = g_strdup(path);
    node->flags = flags;
    node->request_alignment = node->zeroes_alignment = 1;
    node->instance = g_malloc0(driver->instance_size);
    return node;
}

static void node_release(struct block_node *node)
{
    if (node->parent == NULL) {
        assert(node->graph->in_flight == 0 && node->graph->drained == 0);
        aio_context_unref(node->graph->ctx);
        g_free(node->graph);
    }
    g_free(node->instance);
    g_free(node->path);
    g_free(node);
}

int node_close(struct block_node *node)
{
    int result = 0;
    if (node == NULL) {
        return 0;
    }
    assert(node->ranges == NULL);
    if (node_writable(node)) {
        result = node_flush(node);
    }
    if (node->driver->close != NULL) {
        int closed = node->driver->close(node);
        result = result != 0 ? result : closed;
    }
    struct block_node *const children[] = { node->data, node->file, node->backing };
    for (size_t i = 0; i < G_N_ELEMENTS(children); i++) {
        int closed = node_close(children[i]);
        result = result != 0 ? result : closed;
    }
    node_release(node);
    return result;
}

/* Of a node whose driver did not open. */
void node_free(struct block_node *node)
{
    node_close(node->data);
    node_close(node->file);
    node_close(node->backing);
    node_release(node);
}

/* Calls the driver; closes the node if it refuses. */
static struct block_node *node_start(struct block_node *node, const struct node_options *options,
                                     GError **error)
{
    if (node->driver->write == NULL && node_writable(node)) {
        node_fail(error, "'%s': images of the format '%s' can only be read: open it read-only",
                  node->path, node->driver->name);
    } else if (node->driver->open(node, options, error)) {
        return node;
    }
    node_free(node);
    return NULL;
}

/* Chooses the format of an image whose `file` is open. */
static bool node_choose(struct block_node *node, const char *format, GError **error)
{
    uint8_t data[PROBE_SIZE];
    if (format != NULL) {
        node->driver = block_driver_find(format);
        return node->driver != NULL ||
               node_fail(error, "'%s': there is no image format '%s'", node->path, format);
    }
    size_t size = (size_t)MIN(node->file->size, sizeof(data));
    int result = node_read(node->file, 0, data, size);
    if (result < 0) {
        return node_fail(error, "cannot read '%s' to tell its format: %s", node->path,
                         block_error_text(result));
    }
    node->driver = block_driver_probe(data, size);
    node->probed = true;
    return true;
}

/* A format over the protocol that the path belongs to. */
static struct block_node *node_open_format(struct block_node *node,
                                           const struct node_options *options, GError **error)
{
    const struct node_options below = { .path = options->path,
                                        .format = block_driver_for_path(options->path)->name,
                                        .flags = options->flags & FLAGS_OF_FILE };
    node->file = node_open_under(node, node->graph->ctx, node->graph->pool, &below, error);
    if (node->file == NULL || !node_choose(node, options->format, error)) {
        node_free(node);
        return NULL;
    }
    g_free(node->instance);
    node->instance = g_malloc0(node->driver->instance_size);
    return node_start(node, options, error);
}

struct block_node *node_open_under(struct block_node *parent, struct aio_context *ctx,
                                   struct thread_pool *pool, const struct node_options *options,
                                   GError **error)
{
    const struct block_driver *driver =
        options->format != NULL ? block_driver_find(options->format) : NULL;
    assert(coroutine_in() &&
           (options->flags & (NODE_WRITE | NODE_FORCE_SHARE)) != (NODE_WRITE | NODE_FORCE_SHARE));
    bool protocol = driver != NULL && driver->protocol;
    struct block_node *node =
        node_new(parent, ctx, pool, driver != NULL ? driver : &block_raw_driver, options->path,
                 options->flags);
    return protocol ? node_start(node, options, error) : node_open_format(node, options, error);
}

struct block_node *node_open(struct aio_context *ctx, struct thread_pool *pool,
                             const struct node_options *options, GError **error)
{
    return node_open_under(NULL, ctx, pool, options, error);
}

/* Whether two paths lead to one image. */
static bool path_same(const char *a, const char *b)
{
    bool files = block_driver_for_path(a) == &block_file_driver &&
                 block_driver_for_path(b) == &block_file_driver;
    return strcmp(a, b) == 0 || (files && host_file_same(a, b));
}

static bool chain_check(const struct block_node *node, const char *path, GError **error)
{
    unsigned depth = 0;
    for (const struct block_node *above = node; above != NULL; above = above->parent) {
        if (path_same(above->path, path)) {
            return node_fail(error,
                             "'%s' stands on itself: its chain of backing files comes back "
                             "to '%s'",
                             above->path, path);
        }
        depth++;
    }
    return depth < NODE_DEPTH_MAX ||
           node_fail(error, "'%s' stands on more than %u images", node->path, NODE_DEPTH_MAX);
}

char *node_resolve_path(const struct block_node *node, const char *path)
{
    if (block_driver_for_path(path) != &block_file_driver || g_path_is_absolute(path) ||
        block_driver_for_path(node->path) != &block_file_driver) {
        return g_strdup(path);
    }
    g_autofree char *folder = g_path_get_dirname(node->path);
    return strcmp(folder, ".") == 0 ? g_strdup(path) : g_build_filename(folder, path, NULL);
}

bool node_open_backing(struct block_node *node, const char *path, const char *format,
                       GError **error)
{
    g_autofree char *full = node_resolve_path(node, path);
    assert(node->backing == NULL);
    if (!chain_check(node, full, error)) {
        return false;
    }
    const struct node_options options = { .path = full,
                                          .format = format,
                                          .flags = node->flags & FLAGS_OF_BACKING };
    GError *why = NULL;
    node->backing = node_open_under(node, node->graph->ctx, node->graph->pool, &options, &why);
    if (node->backing == NULL) {
        g_propagate_prefixed_error(error, why, "backing file of '%s': ", node->path);
    }
    return node->backing != NULL;
}

bool node_open_data(struct block_node *node, const char *path, GError **error)
{
    const struct node_options options = { .path = path,
                                          .format = block_driver_for_path(path)->name,
                                          .flags = node->flags & FLAGS_OF_FILE };
    GError *why = NULL;
    assert(node->data == NULL);
    node->data = node_open_under(node, node->graph->ctx, node->graph->pool, &options, &why);
    if (node->data == NULL) {
        g_propagate_prefixed_error(error, why, "data file of '%s': ", node->path);
    }
    return node->data != NULL;
}

/* A graph that becomes part of another. */
static void node_adopt(struct block_node *node, struct block_graph *graph)
{
    struct block_node *const children[] = { node->data, node->file, node->backing };
    node->graph = graph;
    for (size_t i = 0; i < G_N_ELEMENTS(children); i++) {
        if (children[i] != NULL) {
            node_adopt(children[i], graph);
        }
    }
}

struct block_node *node_open_overlay(struct block_node *image)
{
    struct block_graph *graph = image->graph;
    assert(image->parent == NULL && graph->in_flight == 0 && graph->drained == 0);
    struct block_node *node = node_new(NULL, graph->ctx, graph->pool, &block_overlay_driver,
                                       image->path, image->flags | NODE_WRITE | NODE_RELEASE);
    image->parent = node;
    node->backing = image;
    node_adopt(image, node->graph);
    aio_context_unref(graph->ctx);
    g_free(graph);
    bool opened = node->driver->open(node, NULL, NULL);
    assert(opened);
    return node;
}

void *node_instance(struct block_node *node)
{
    return node->instance;
}

const struct block_driver *node_driver(const struct block_node *node)
{
    return node->driver;
}

uint64_t node_size(const struct block_node *node)
{
    return node->size;
}

void node_set_size(struct block_node *node, uint64_t size)
{
    node->size = size;
}

void node_set_alignment(struct block_node *node, uint32_t request, uint32_t zeroes,
                        uint64_t transfer_max)
{
    assert(request > 0 && (request & (request - 1)) == 0 && zeroes > 0);
    node->request_alignment = request;
    node->zeroes_alignment = MAX(zeroes, request);
    node->transfer_max = transfer_max;
}

const char *node_path(const struct block_node *node)
{
    return node->path;
}

bool node_writable(const struct block_node *node)
{
    return (node->flags & NODE_WRITE) != 0;
}

unsigned node_flags(const struct block_node *node)
{
    return node->flags;
}

bool node_probed(const struct block_node *node)
{
    return node->probed;
}

struct block_node *node_file(const struct block_node *node)
{
    return node->file;
}

struct block_node *node_backing(const struct block_node *node)
{
    return node->backing;
}

struct block_node *node_data(const struct block_node *node)
{
    return node->data != NULL ? node->data : node->file;
}

struct aio_context *node_context(const struct block_node *node)
{
    return node->graph->ctx;
}

struct thread_pool *node_pool(const struct block_node *node)
{
    return node->graph->pool;
}
