#include "ui/img/img.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "emu/block/driver.h"
#include "platform/socket.h"
#include "ui/img/image_opts.h"
#include "ui/img/parts.h"
#include "ui/usage.h"
#include "ui/verbs.h"
#include "ui/version.h"

#define WORKERS_MAX 16

const struct img_verb img_verbs[] = {
    { "amend", "[-p] [-f FORMAT] -o OPTIONS FILE", "change version, features, backing file, size",
      img_amend, false },
    { "bench", "[-w] [-c COUNT] [-d DEPTH] [-s SIZE] [OPTION...] FILE", "measure requests",
      img_bench, false },
    { "check", "[-r leaks|all] [-f FORMAT] [--output=json] FILE", "look for damage, repair it",
      img_check, false },
    { "commit", "[-b BASE] [-d] [-p] FILE", "write an image into its backing file", img_commit,
      false },
    { "compare", "[-s] [-p] [-f FORMAT] [-F FORMAT] FILE FILE", "compare two images", img_compare,
      false },
    { "convert", "[-c] [-p] [-n] [-W] [-m N] [-S SIZE] [-O FORMAT] [-o OPTIONS] FILE... TARGET",
      "copy to a new image", img_convert, false },
    { "create", "[-f FORMAT] [-b FILE -F FORMAT] [-o OPTIONS] FILE [SIZE]", "make an image",
      img_create, false },
    { "dd", "[-f FORMAT] [-O FORMAT] [bs=SIZE] [count=N] [skip=N] if=FILE of=FILE", "copy blocks",
      img_dd, false },
    { "info", "[-f FORMAT] [--backing-chain] [--output=json] FILE", "say what an image is",
      img_info, false },
    { "io", "[-f FORMAT] [-r] [-c COMMAND]... [FILE]", "read and write by commands", img_io,
      false },
    { "map", "[-f FORMAT] [--output=json] FILE", "say what stands where", img_map, false },
    { "measure", "[-O FORMAT] [-o OPTIONS] [--size SIZE | FILE]", "say what a new image would need",
      img_measure, false },
    { "rebase", "[-u] [-p] [-f FORMAT] -b FILE [-F FORMAT] FILE", "change the backing file",
      img_rebase, false },
    { "resize", "[--shrink] [--preallocation=MODE] [-f FORMAT] FILE [+|-]SIZE", "change the size",
      img_resize, false },
    { "serve", "[-r] [-k SOCKET | -p PORT] [-b ADDRESS] [--export NAME] [--tls=MODE ...] FILE",
      "export an image to NBD clients", img_serve, true },
    { "snapshot", "[-l | -c NAME | -a NAME | -d NAME] FILE", "internal snapshots", img_snapshot,
      false },
    { NULL, NULL, NULL, NULL, false },
};

struct run {
    struct img *img;
    const struct img_verb *verb;
    const char *const *arguments;
    int status;
};

static void run_verb(void *opaque)
{
    struct run *run = opaque;
    run->status = run->verb->fn(run->img, run->arguments);
}

static int img_usage(const char *program)
{
    printf("%s: image files\n\nusage: %s VERB ...\n\n", version_text(false), program);
    for (const struct img_verb *verb = img_verbs; verb->name; verb++) {
        printf("  %-9s %s\n            %s\n", verb->name, verb->help, verb->parameters);
    }
    printf("\nOptions, output and exit statuses are those of qemu-img and qemu-io; docs/img.md\n"
           "lists them.\n\nSupported formats:");
    const struct block_driver *driver;
    for (unsigned i = 0; (driver = block_driver_nth(i)); i++) {
        printf(" %s", driver->name);
    }
    putchar('\n');
    return 0;
}

static int img_version(void)
{
    printf("qemu-img version %s\n", version_text(true) + strlen("QEMU emulator version "));
    return 0;
}

static int img_unknown(const struct img *img, const char *name)
{
    const char *names[G_N_ELEMENTS(img_verbs)] = { NULL };
    GError *error = NULL;
    if (strcmp(name, "bitmap") == 0) {
        return img_error(img, "there is no 'bitmap' here: whoever writes to an image with this "
                              "program does not keep persistent bitmaps up to date");
    }
    for (size_t i = 0; img_verbs[i].name; i++) {
        names[i] = img_verbs[i].name;
    }
    usage_unknown(&error, name, names, "--help lists them", "Command not found: %s", name);
    return img_fail(img, error);
}

static bool img_start(struct img *img, GError **error)
{
    img->ctx = host_socket_startup(error) ? aio_context_new("img", error) : NULL;
    if (!img->ctx) {
        return false;
    }
    aio_context_set_home(img->ctx);
    img->pool = thread_pool_new(img->ctx, WORKERS_MAX, error);
    if (!img->pool) {
        aio_context_unref(img->ctx);
    }
    return img->pool;
}

static bool common_allowed(const struct img *img, const struct img_verb *verb, GError **error)
{
    return !img->image_opts || verb->fn != img_create ||
           usage_error(error, "create makes a file at a path: it has no --image-opts");
}

static int img_run(struct img *img, const struct img_verb *verb, const char *const *arguments)
{
    struct run run = { .img = img, .verb = verb, .arguments = arguments };
    GError *error = NULL;
    if (arguments[1] && (!strcmp(arguments[1], "--help") || !strcmp(arguments[1], "-h"))) {
        printf("usage: %s %s %s\n%s\n", img->program, verb->name, verb->parameters, verb->help);
        return 0;
    }
    g_autoptr(GPtrArray) rest = g_ptr_array_new();
    if (!img_common_options(img, arguments, rest, &error) || !common_allowed(img, verb, &error) ||
        !img_start(img, &error)) {
        img_common_clear(img);
        return img_fail(img, error);
    }
    run.arguments = (const char *const *)rest->pdata;
    if (verb->loop) {
        run_verb(&run);
    } else {
        block_run(img->ctx, run_verb, &run);
    }
    thread_pool_free(img->pool);
    aio_context_unref(img->ctx);
    img_common_clear(img);
    if (fflush(stdout) != 0) {
        int status = img_error(img, "cannot write the output: %s", g_strerror(errno));
        return MAX(run.status, status);
    }
    return run.status;
}

static int img_dispatch(const char *program, const char *const *arguments)
{
    struct img img = { .program = program };
    const char *name = arguments[0];
    if (!name || !strcmp(name, "--help") || !strcmp(name, "-h") || !strcmp(name, "help")) {
        int status = img_usage(program);
        return name ? status : 1;
    }
    if (!strcmp(name, "--version") || !strcmp(name, "-V")) {
        return img_version();
    }
    for (const struct img_verb *verb = img_verbs; verb->name; verb++) {
        if (strcmp(verb->name, name) == 0) {
            return img_run(&img, verb, arguments);
        }
    }
    return img_unknown(&img, name);
}

int verb_img(const char *const *arguments)
{
    return img_dispatch("tinamou img", arguments + 1);
}

/* "qemu-io.exe" is qemu-io too, "qemu-iotest" is not. */
static bool called_as(const char *name, const char *wanted)
{
    size_t size = strlen(wanted);
    return strncmp(name, wanted, size) == 0 &&
           (name[size] == '\0' || g_ascii_strcasecmp(name + size, ".exe") == 0);
}

bool img_is_called(const char *name)
{
    return called_as(name, "qemu-img") || called_as(name, "qemu-io");
}

int img_called(const char *name, const char *const *arguments)
{
    if (!called_as(name, "qemu-io")) {
        return img_dispatch("qemu-img", arguments);
    }
    if (arguments[0] && (!strcmp(arguments[0], "--version") || !strcmp(arguments[0], "-V"))) {
        return img_version();
    }
    g_autoptr(GPtrArray) all = g_ptr_array_new();
    g_ptr_array_add(all, "io");
    for (size_t i = 0; arguments[i]; i++) {
        g_ptr_array_add(all, (gpointer)arguments[i]);
    }
    g_ptr_array_add(all, NULL);
    return img_dispatch("qemu-io", (const char *const *)all->pdata);
}

int img_fail(const struct img *img, GError *error)
{
    fflush(stdout);
    fprintf(stderr, "%s: %s\n", img->program, error->message);
    g_error_free(error);
    return IMG_EXIT_FAILED;
}

int img_error(const struct img *img, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    GError *error = g_error_new_valist(g_quark_from_static_string("img"), 0, format, list);
    va_end(list);
    return img_fail(img, error);
}

void img_say(const struct img *img, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    if (!img->quiet) {
        vprintf(format, list);
    }
    va_end(list);
}
