#include "ui/img/image_opts.h"

#include <inttypes.h>
#include <string.h>

#include "emu/block/driver.h"
#include "ui/keys.h"
#include "ui/usage.h"

/* tls-creds-x509 and tls-creds-psk. */
struct tls_object {
    char *id, *dir, *user;
    bool verify_peer, psk;
};

static const char *const ends[] = { "client", NULL };

#define OBJECT(field) offsetof(struct tls_object, field)
static const struct key_row object_rows[] = {
    { "id", KEY_STRING, OBJECT(id), "its name for tls-creds=", NULL, 0 },
    { "dir", KEY_STRING, OBJECT(dir), "folder with certificates, or keys.psk", NULL, 0 },
    { "username", KEY_STRING, OBJECT(user), "whose key of keys.psk", NULL, 0 },
    { "verify-peer", KEY_SWITCH, OBJECT(verify_peer), "believe only good certificates", NULL, 0 },
    { "endpoint", KEY_FIXED, 0, "which side", ends, 0 },
    { NULL, KEY_FIXED, 0, NULL, NULL, 0 },
};

/* Where an image lies. */
struct place {
    char *driver, *filename, *host, *path, *export, *credentials, *hostname;
    uint64_t port;
};

struct image {
    char *driver;
    struct place place;
    char *backing, *backing_driver, *backing_filename, *data_file;
    uint64_t cache_size;
    bool read_only, direct, no_flush, share;
    unsigned discard;
};

static const char *const discards[] = { "ignore", "unmap", NULL };
static const char *const servers[] = { "inet", "unix", NULL };

#define IMAGE(field) offsetof(struct image, field)
#define PLACE(name, kind, field, help, choices, max)                                               \
    { name, kind, IMAGE(place.field), help, choices, max },                                        \
    {                                                                                              \
        "file." name, kind, IMAGE(place.field), "the same, below a format", choices, max           \
    }
static const struct key_row image_rows[] = {
    { "driver", KEY_STRING, IMAGE(driver), "the format, or what it lies on", NULL, 0 },
    { "file.driver", KEY_STRING, IMAGE(place.driver), "what it lies on: file or nbd", NULL, 0 },
    PLACE("filename", KEY_STRING, filename, "a path or an address", NULL, 0),
    PLACE("host", KEY_STRING, host, "of an NBD server", NULL, 0),
    PLACE("port", KEY_NUMBER, port, "of an NBD server", NULL, UINT16_MAX),
    PLACE("path", KEY_STRING, path, "of an NBD server's socket", NULL, 0),
    PLACE("server.type", KEY_FIXED, host, "inet or unix", servers, 0),
    PLACE("server.host", KEY_STRING, host, "as host", NULL, 0),
    PLACE("server.port", KEY_NUMBER, port, "as port", NULL, UINT16_MAX),
    PLACE("server.path", KEY_STRING, path, "as path", NULL, 0),
    PLACE("export", KEY_STRING, export, "which of the server's", NULL, 0),
    PLACE("tls-creds", KEY_STRING, credentials, "id of an --object", NULL, 0),
    PLACE("tls-hostname", KEY_STRING, hostname, "whom the certificate names", NULL, 0),
    { "backing", KEY_STRING, IMAGE(backing), "empty: none", NULL, 0 },
    { "backing.driver", KEY_STRING, IMAGE(backing_driver), "the backing file's format", NULL, 0 },
    { "backing.file.filename", KEY_STRING, IMAGE(backing_filename), "where it lies", NULL, 0 },
    { "data-file.filename", KEY_STRING, IMAGE(data_file), "where a qcow2 image keeps its data",
      NULL, 0 },
    { "cache-size", KEY_SIZE, IMAGE(cache_size), "of a qcow2 image's tables", NULL, 0 },
    { "read-only", KEY_SWITCH, IMAGE(read_only), "nothing is written", NULL, 0 },
    { "cache.direct", KEY_SWITCH, IMAGE(direct), "around the host's page cache", NULL, 0 },
    { "cache.no-flush", KEY_SWITCH, IMAGE(no_flush), "flushes do nothing", NULL, 0 },
    { "force-share", KEY_SWITCH, IMAGE(share), "no lock", NULL, 0 },
    { "discard", KEY_CHOICE, IMAGE(discard), "unmap: the host gets room back", discards, 0 },
    { NULL, KEY_FIXED, 0, NULL, NULL, 0 },
};

static void object_free(void *opaque)
{
    keys_clear(object_rows, opaque);
    g_free(opaque);
}

static bool object_check(const struct tls_object *object, GError **error)
{
    if (!object->id || !object->dir) {
        return usage_error(error, "--object wants id=NAME and dir=FOLDER");
    }
    return !object->user || object->psk ||
           usage_error(error, "--object: only tls-creds-psk has a username=");
}

static bool object_add(struct img *img, const char *text, GError **error)
{
    static const char *const kinds[] = { "tls-creds-x509", "tls-creds-psk", NULL };
    g_autofree char *kind = g_strndup(text, strcspn(text, ","));
    if (!g_strv_contains(kinds, kind)) {
        return usage_unknown(error, kind, kinds, "there are tls-creds-x509 and tls-creds-psk",
                             "--object: there is no '%s' here", kind);
    }
    struct tls_object *object = g_new0(struct tls_object, 1);
    const char *rest = text + strlen(kind);
    object->verify_peer = true;
    object->psk = strcmp(kind, "tls-creds-psk") == 0;
    g_ptr_array_add(img->objects, object);
    return (*rest == '\0' || keys_parse("--object", rest + 1, NULL, object_rows, object, error)) &&
           object_check(object, error);
}

static bool common_take(struct img *img, const char *const **at, GPtrArray *rest, GError **error)
{
    const char *word = **at;
    if (strcmp(word, "--image-opts") == 0) {
        img->image_opts = true;
        return true;
    }
    if (g_str_has_prefix(word, "--object=")) {
        return object_add(img, word + strlen("--object="), error);
    }
    if (strcmp(word, "--object") == 0) {
        ++*at;
        return **at ? object_add(img, **at, error)
                    : usage_error(error, "option '--object' wants a value");
    }
    g_ptr_array_add(rest, (gpointer)word);
    return true;
}

bool img_common_options(struct img *img, const char *const *arguments, GPtrArray *rest,
                        GError **error)
{
    const char *const *at = arguments;
    img->objects = g_ptr_array_new_with_free_func(object_free);
    for (; *at && strcmp(*at, "--") != 0; at++) {
        if (!common_take(img, &at, rest, error)) {
            return false;
        }
    }
    for (; *at; at++) {
        g_ptr_array_add(rest, (gpointer)*at);
    }
    g_ptr_array_add(rest, NULL);
    return true;
}

void img_common_clear(struct img *img)
{
    g_clear_pointer(&img->objects, g_ptr_array_unref);
}

static const struct tls_object *object_find(const struct img *img, const char *id, GError **error)
{
    for (guint i = 0; i < img->objects->len; i++) {
        const struct tls_object *object = img->objects->pdata[i];
        if (strcmp(object->id, id) == 0) {
            return object;
        }
    }
    usage_error(error, "--image-opts: tls-creds=%s: there is no --object with id=%s", id, id);
    return NULL;
}

/* Appends "NAME=VALUE" to what stands behind the '?'. */
static void query_add(GString *query, const char *name, const char *value)
{
    g_autofree char *escaped = g_uri_escape_string(value, "/", FALSE);
    g_string_append_printf(query, "%c%s=%s", query->len ? '&' : '?', name, escaped);
}

static bool query_tls(const struct img *img, const struct place *place, GString *query,
                      GError **error)
{
    const struct tls_object *object = object_find(img, place->credentials, error);
    if (!object) {
        return false;
    }
    if (object->psk) {
        g_autofree char *keys = g_build_filename(object->dir, "keys.psk", NULL);
        query_add(query, "tls-psk-file", keys);
        query_add(query, "tls-username", object->user ? object->user : "qemu");
    } else {
        query_add(query, "tls-certificates", object->dir);
    }
    if (!object->verify_peer) {
        query_add(query, "tls-verify-peer", "false");
    }
    if (place->hostname) {
        query_add(query, "tls-hostname", place->hostname);
    }
    return true;
}

/* The address of a server's export; NULL and `error` if something is missing. */
static char *place_address(const struct img *img, const struct place *place, GError **error)
{
    g_autoptr(GString) query = g_string_new(NULL);
    g_autofree char *name = g_uri_escape_string(place->export ? place->export : "", "/", FALSE);
    const char *scheme = place->credentials ? "nbds" : "nbd";
    if (!place->path == !place->host) {
        usage_error(error, "--image-opts: driver=nbd wants either host= or path=");
        return NULL;
    }
    if (place->path) {
        query_add(query, "socket", place->path);
    }
    if (place->credentials && !query_tls(img, place, query, error)) {
        return NULL;
    }
    if (place->path) {
        return g_strdup_printf("%s+unix:///%s%s", scheme, name, query->str);
    }
    bool six = strchr(place->host, ':');
    return g_strdup_printf(six ? "%s://[%s]:%" PRIu64 "/%s%s" : "%s://%s:%" PRIu64 "/%s%s", scheme,
                           place->host, place->port, name, query->str);
}

/* A protocol's name may stand for the format, too: then the image is raw. */
static bool image_driver(struct image *image, GError **error)
{
    const struct block_driver *driver = image->driver ? img_format(image->driver, error) : NULL;
    if (image->driver && !driver) {
        return false;
    }
    if (driver && driver->protocol) {
        g_free(image->place.driver);
        image->place.driver = image->driver;
        image->driver = g_strdup("raw");
    }
    if (image->backing && *image->backing) {
        return usage_error(error,
                           "--image-opts: backing=%s: name the backing file by "
                           "backing.driver= and backing.file.filename=",
                           image->backing);
    }
    return true;
}

static char *image_path(const struct img *img, const struct image *image, GError **error)
{
    const struct place *place = &image->place;
    if (place->driver && strcmp(place->driver, "nbd") == 0) {
        return place_address(img, place, error);
    }
    if (!place->filename) {
        usage_error(error, "--image-opts: which image? Say file.filename=PATH");
        return NULL;
    }
    return g_strdup(place->filename);
}

static struct block_node *image_open(struct img *img, const struct image *image, unsigned flags,
                                     GError **error)
{
    g_autofree char *path = image_path(img, image, error);
    const struct node_options how = {
        .path = path,
        .format = image->driver,
        .flags = (image->read_only ? flags & ~(unsigned)NODE_WRITE : flags) |
                 (image->direct ? NODE_DIRECT : 0u) | (image->no_flush ? NODE_NO_FLUSH : 0u) |
                 (image->share ? NODE_FORCE_SHARE : 0u) | (image->discard ? NODE_RELEASE : 0u),
        .data_file = image->data_file,
        .backing_path = image->backing ? image->backing : image->backing_filename,
        .backing_format = image->backing_driver,
        .cache_size = image->cache_size,
    };
    if (path && (how.flags & NODE_WRITE) && image->share) {
        usage_error(error, "--image-opts: force-share=on goes only with reading");
        return NULL;
    }
    return path ? node_open(img->ctx, img->pool, &how, error) : NULL;
}

struct block_node *img_open_options(struct img *img, const char *text, unsigned flags,
                                    GError **error)
{
    struct image image = { .place.port = 10809 };
    struct block_node *node = NULL;
    if (keys_parse("--image-opts", text, NULL, image_rows, &image, error) &&
        image_driver(&image, error)) {
        node = image_open(img, &image, flags, error);
    }
    keys_clear(image_rows, &image);
    return node;
}
