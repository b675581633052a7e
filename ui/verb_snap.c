/* `tinamou snap ...`: saved machines, looked at from outside. */
#include "ui/verbs.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "emu/state/store.h"
#include "ui/img/img.h"
#include "ui/usage.h"

/* Does one of them with what follows its name; returns the exit status. */
typedef int snap_fn(const char *const *arguments);

struct snap_verb {
    const char *name, *parameters, *help;
    unsigned least, most; /* arguments */
    snap_fn *fn;
};

static int snap_show(const char *const *arguments)
{
    GError *error = NULL;
    g_autofree char *about = state_file_about(arguments[0], &error);
    if (!about) {
        return verb_fail(error);
    }
    fputs(about, stdout);
    return 0;
}

static int snap_check(const char *const *arguments)
{
    GError *error = NULL;
    struct state_image *image = state_file_read(arguments[0], &error);
    if (!image) {
        return verb_fail(error);
    }
    printf("No errors were found: %u parts, %" PRIu64 " MiB of memory in %" PRIu64 " MiB\n",
           image->parts->len, image->page_count * STATE_PAGE >> 20, image->size >> 20);
    state_image_free(image);
    return 0;
}

static int snap_list(const char *const *arguments)
{
    return verb_img((const char *const[]){ "img", "snapshot", "-l", arguments[0], NULL });
}

static int snap_delete(const char *const *arguments)
{
    return verb_img(
        (const char *const[]){ "img", "snapshot", "-d", arguments[1], arguments[0], NULL });
}

/* The options, and -loadvm behind them. */
static int snap_load(const char *const *arguments)
{
    g_autoptr(GPtrArray) options = g_ptr_array_new();
    for (size_t i = 1; arguments[i]; i++) {
        g_ptr_array_add(options, (char *)arguments[i]);
    }
    g_ptr_array_add(options, (char *)"-loadvm");
    g_ptr_array_add(options, (char *)arguments[0]);
    g_ptr_array_add(options, NULL);
    return verb_machine((const char *const *)options->pdata, FACE_PERSON);
}

static const struct snap_verb snap_verbs[] = {
    { "show", "FILE", "what machine was saved in a file", 1, 1, snap_show },
    { "check", "FILE", "whether all of it can be read", 1, 1, snap_check },
    { "load", "NAME|file:PATH OPTION...", "go on from there; the options are the machine's", 2,
      UINT_MAX, snap_load },
    { "list", "IMAGE", "the snapshots in a disk's image", 1, 1, snap_list },
    { "delete", "IMAGE NAME", "delete one of them", 2, 2, snap_delete },
    { NULL, NULL, NULL, 0, 0, NULL },
};

static int snap_help(void)
{
    puts("Saves are made in the monitor of a machine: savevm NAME, savevm file:PATH\n");
    for (const struct snap_verb *verb = snap_verbs; verb->name; verb++) {
        g_autofree char *left = g_strdup_printf("snap %s %s", verb->name, verb->parameters);
        printf("  %-40s %s\n", left, verb->help);
    }
    return 0;
}

int verb_snap(const char *const *arguments)
{
    const char *names[G_N_ELEMENTS(snap_verbs)] = { NULL };
    const char *name = arguments[1] ? arguments[1] : "help";
    GError *error = NULL;
    for (size_t i = 0; snap_verbs[i].name; i++) {
        const struct snap_verb *verb = &snap_verbs[i];
        names[i] = verb->name;
        unsigned count = arguments[1] ? g_strv_length((char **)arguments + 2) : 0;
        if (strcmp(name, verb->name) == 0 && count >= verb->least && count <= verb->most) {
            return verb->fn(arguments + 2);
        }
        if (strcmp(name, verb->name) == 0) {
            usage_error(&error, "say 'tinamou snap %s %s'", verb->name, verb->parameters);
            return verb_fail(error);
        }
    }
    if (strcmp(name, "help") == 0 || strcmp(name, "--help") == 0) {
        return snap_help();
    }
    usage_unknown(&error, name, names, "'tinamou snap help' lists them",
                  "there is no verb 'snap %s'", name);
    return verb_fail(error);
}
