#include <inttypes.h>
#include <string.h>

#include <jansson.h>

#include "emu/block/driver.h"
#include "ui/img/args.h"
#include "ui/img/parts.h"
#include "ui/usage.h"

#define EXIT_CORRUPT     2
#define EXIT_LEAKS       3
#define EXIT_UNSUPPORTED 63

enum { OPTION_OUTPUT = IMG_OPTION_LONG };

static const struct img_option options[] = {
    { 'f', "format", IMG_VALUE },
    { 'r', "repair", IMG_VALUE },
    { 'q', "quiet", IMG_NO_VALUE },
    { 'T', "source-cache", IMG_VALUE },
    { 'U', "force-share", IMG_NO_VALUE },
    { OPTION_OUTPUT, "output", IMG_VALUE },
    { 0, NULL, IMG_NO_VALUE },
};

struct check {
    const char *format, *path;
    unsigned flags; /* enum node_open_flag */
    bool json, leaks, all;
    struct node_check found;
    uint64_t leaks_fixed, corruptions_fixed;
};

static bool repair_parse(const char *text, struct check *check, GError **error)
{
    static const char *const names[] = { "leaks", "all", NULL };
    if (!g_strv_contains(names, text)) {
        return usage_unknown(error, text, names, "write -r leaks or -r all",
                             "-r knows no '%s' to repair", text);
    }
    check->all = strcmp(text, "all") == 0;
    check->leaks = true;
    check->flags |= NODE_WRITE;
    return true;
}

static bool option_take(struct img *img, struct check *check, int id, const char *value,
                        GError **error)
{
    unsigned cache = 0;
    switch (id) {
    case 'f': check->format = value; return true;
    case 'q': img->quiet = true; return true;
    case 'U': check->flags |= NODE_FORCE_SHARE; return true;
    case 'r': return repair_parse(value, check, error);
    case 'T':
        if (!img_cache_mode(value, &cache, error)) {
            return false;
        }
        check->flags |= cache;
        return true;
    default: return img_output(value, &check->json, error);
    }
}

static bool check_parse(struct img *img, struct check *check, struct img_args *args, GError **error)
{
    int id;
    while ((id = img_args_next(args, error)) > 0) {
        if (!option_take(img, check, id, args->value, error)) {
            return false;
        }
    }
    if (id < 0 || !img_args_count(args, 1, 1, "one image file name", error)) {
        return false;
    }
    check->path = img_args_operand(args, 0);
    return ((check->flags & NODE_WRITE) && (check->flags & NODE_FORCE_SHARE))
               ? usage_error(error, "-U only looks: it does not go with -r")
               : true;
}

static void check_report(void *opaque, const char *line)
{
    (void)opaque;
    fprintf(stderr, "%s\n", line);
}

static double percent(uint64_t part, uint64_t whole)
{
    return (double)part * 100.0 / (double)whole;
}

static void found_text(const struct img *img, const struct node_check *found)
{
    if (!found->corruptions && !found->leaks && !found->errors) {
        img_say(img, "No errors were found on the image.\n");
    }
    if (found->corruptions) {
        img_say(img,
                "\n%" PRIu64 " errors were found on the image.\n"
                "Data may be corrupted, or further writes to the image may corrupt it.\n",
                found->corruptions);
    }
    if (found->leaks) {
        img_say(img,
                "\n%" PRIu64 " leaked clusters were found on the image.\n"
                "This means waste of disk space, but no harm to data.\n",
                found->leaks);
    }
    if (found->errors) {
        img_say(img, "\n%" PRIu64 " internal errors have occurred during the check.\n",
                found->errors);
    }
    if (found->total_clusters && found->allocated_clusters) {
        img_say(img,
                "%" PRIu64 "/%" PRIu64
                " = %0.2f%% allocated, %0.2f%% fragmented, %0.2f%% compressed clusters\n",
                found->allocated_clusters, found->total_clusters,
                percent(found->allocated_clusters, found->total_clusters),
                percent(found->fragmented_clusters, found->allocated_clusters),
                percent(found->compressed_clusters, found->allocated_clusters));
    }
    if (found->image_end) {
        img_say(img, "Image end offset: %" PRIu64 "\n", found->image_end);
    }
}

static void set_number(json_t *to, const char *key, uint64_t value)
{
    if (value) {
        json_object_set_new(to, key, json_integer((json_int_t)value));
    }
}

static void found_json(const struct check *check, const char *format)
{
    const struct node_check *found = &check->found;
    json_t *to = json_object();
    g_autofree char *path = g_utf8_make_valid(check->path, -1);
    json_object_set_new(to, "filename", json_string(path));
    json_object_set_new(to, "format", json_string(format));
    json_object_set_new(to, "check-errors", json_integer((json_int_t)found->errors));
    set_number(to, "image-end-offset", found->image_end);
    set_number(to, "corruptions", found->corruptions);
    set_number(to, "leaks", found->leaks);
    set_number(to, "corruptions-fixed", check->corruptions_fixed);
    set_number(to, "leaks-fixed", check->leaks_fixed);
    set_number(to, "total-clusters", found->total_clusters);
    set_number(to, "allocated-clusters", found->allocated_clusters);
    set_number(to, "fragmented-clusters", found->fragmented_clusters);
    set_number(to, "compressed-clusters", found->compressed_clusters);
    img_print_json(to);
}

static int check_look(const struct img *img, struct block_node *node, struct check *check,
                      bool repair, GError **error)
{
    check->found = (struct node_check){
        .repair_leaks = repair && check->leaks,
        .repair_all = repair && check->all,
        .report = img->quiet ? NULL : check_report,
    };
    return node_driver(node)->check(node, &check->found, error);
}

/* What was repaired is looked at again. */
static int check_both(const struct img *img, struct block_node *node, struct check *check,
                      GError **error)
{
    int result = check_look(img, node, check, true, error);
    check->leaks_fixed = check->found.leaks_fixed;
    check->corruptions_fixed = check->found.corruptions_fixed;
    if (result < 0 || (!check->leaks_fixed && !check->corruptions_fixed)) {
        return result;
    }
    if (!check->json) {
        img_say(img,
                "The following inconsistencies were found and repaired:\n\n"
                "    %" PRIu64 " leaked clusters\n    %" PRIu64 " corruptions\n\n"
                "Double checking the fixed image now...\n",
                check->leaks_fixed, check->corruptions_fixed);
    }
    return check_look(img, node, check, false, error);
}

static int check_node(const struct img *img, struct block_node *node, struct check *check)
{
    GError *error = NULL;
    if (!node_driver(node)->check) {
        img_error(img, "This image format does not support checks");
        return EXIT_UNSUPPORTED;
    }
    int result = check_both(img, node, check, &error);
    if (result < 0 && !error) {
        return img_error(img, "Check failed: '%s': %s", check->path, block_error_text(result));
    }
    if (error) {
        return img_fail(img, error);
    }
    if (check->json) {
        found_json(check, node_driver(node)->name);
    } else {
        found_text(img, &check->found);
    }
    if (check->found.errors) {
        return img_error(img, "Check failed");
    }
    return check->found.corruptions ? EXIT_CORRUPT : check->found.leaks ? EXIT_LEAKS : 0;
}

int img_check(struct img *img, const char *const *arguments)
{
    struct check check = { .flags = NODE_CHECK | NODE_NO_BACKING };
    struct img_args args;
    GError *error = NULL;
    struct block_node *node = NULL;
    img_args_init(&args, options, arguments);
    if (check_parse(img, &check, &args, &error)) {
        node = img_open_operand(img, check.path, check.format, check.flags, &error);
    }
    img_args_clear(&args);
    return node ? img_close(img, node, check_node(img, node, &check)) : img_fail(img, error);
}
