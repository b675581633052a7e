/* libfdt's sequential writer with a sticky error; devicetree specification 0.4, chapter 5. */
#include "emu/board/tree.h"

#include <assert.h>
#include <libfdt.h>
#include <stdarg.h>
#include <string.h>

#define TREE_VERSION 17 /* of the format; in use since 2006 */
#define TREE_EXTRA   4096 /* room for /chosen in a tree that a user gave */

static bool tree_fail(GError **error, int code, const char *what)
{
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "%s: %s", what, fdt_strerror(code));
    return false;
}

/* Keeps the first error. */
static void tree_note(struct tree *tree, int result)
{
    if (tree->error == 0 && result < 0) {
        tree->error = result;
    }
}

void tree_start(struct tree *tree, size_t capacity)
{
    assert(capacity <= INT32_MAX);
    tree->blob = g_malloc0(capacity);
    tree->capacity = (int)capacity;
    tree->error = 0;
    tree_note(tree, fdt_create(tree->blob, tree->capacity));
    tree_note(tree, fdt_finish_reservemap(tree->blob));
    tree_note(tree, fdt_begin_node(tree->blob, ""));
}

void *tree_finish(struct tree *tree, size_t *ret_size, GError **error)
{
    tree_end(tree);
    tree_note(tree, tree->error == 0 ? fdt_finish(tree->blob) : 0);
    if (tree->error != 0) {
        tree_fail(error, tree->error, "cannot write the devicetree");
        g_free(tree->blob);
        return NULL;
    }
    *ret_size = fdt_totalsize(tree->blob);
    return tree->blob;
}

void tree_begin(struct tree *tree, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *name = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    tree_note(tree, fdt_begin_node(tree->blob, name));
    g_free(name);
}

void tree_end(struct tree *tree)
{
    tree_note(tree, fdt_end_node(tree->blob));
}

void tree_bytes(struct tree *tree, const char *name, const void *data, size_t size)
{
    tree_note(tree, fdt_property(tree->blob, name, data, (int)size));
}

void tree_flag(struct tree *tree, const char *name)
{
    tree_bytes(tree, name, "", 0);
}

void tree_u32(struct tree *tree, const char *name, uint32_t value)
{
    tree_note(tree, fdt_property_u32(tree->blob, name, value));
}

void tree_u64(struct tree *tree, const char *name, uint64_t value)
{
    tree_note(tree, fdt_property_u64(tree->blob, name, value));
}

void tree_cells(struct tree *tree, const char *name, const uint32_t *cells, size_t count)
{
    fdt32_t *big_endian = g_new(fdt32_t, count);
    for (size_t i = 0; i < count; i++) {
        big_endian[i] = cpu_to_fdt32(cells[i]);
    }
    tree_bytes(tree, name, big_endian, count * sizeof(*big_endian));
    g_free(big_endian);
}

void tree_string(struct tree *tree, const char *name, const char *value)
{
    tree_bytes(tree, name, value, strlen(value) + 1);
}

void tree_strings(struct tree *tree, const char *name, const char *const *list)
{
    GString *all = g_string_new(NULL);
    for (; *list != NULL; list++) {
        g_string_append_len(all, *list, (gssize)strlen(*list) + 1);
    }
    tree_bytes(tree, name, all->str, all->len);
    g_string_free(all, TRUE);
}

void tree_reg(struct tree *tree, uint64_t base, uint64_t size)
{
    uint32_t cells[4] = { (uint32_t)(base >> 32), (uint32_t)base, (uint32_t)(size >> 32),
                          (uint32_t)size };
    tree_cells(tree, "reg", cells, G_N_ELEMENTS(cells));
}

bool tree_check(const void *blob, size_t size, GError **error)
{
    int result = size < sizeof(struct fdt_header) ? -FDT_ERR_TRUNCATED : fdt_check_header(blob);
    if (result == 0 && fdt_version(blob) < TREE_VERSION) {
        result = -FDT_ERR_BADVERSION; /* libfdt 1.6's full check crashes on damaged old ones */
    }
    if (result == 0) {
        result = fdt_check_full(blob, size);
    }
    return result == 0 || tree_fail(error, result, "not a devicetree blob");
}

static int chosen_set(void *blob, const char *bootargs, uint64_t initrd_start, uint64_t initrd_end)
{
    int node = fdt_path_offset(blob, "/chosen");
    if (node == -FDT_ERR_NOTFOUND) {
        node = fdt_add_subnode(blob, 0, "chosen");
    }
    int result = node < 0 ? node : 0;
    if (result == 0 && bootargs != NULL) {
        result = fdt_setprop(blob, node, "bootargs", bootargs, (int)strlen(bootargs) + 1);
    }
    if (result == 0 && initrd_end != 0) {
        result = fdt_setprop_u64(blob, node, "linux,initrd-start", initrd_start);
    }
    if (result == 0 && initrd_end != 0) {
        result = fdt_setprop_u64(blob, node, "linux,initrd-end", initrd_end);
    }
    return result;
}

void *tree_with_chosen(const void *blob, const char *bootargs, uint64_t initrd_start,
                       uint64_t initrd_end, size_t *ret_size, GError **error)
{
    size_t text = bootargs != NULL ? strlen(bootargs) : 0;
    size_t capacity = fdt_totalsize(blob) + TREE_EXTRA + text;
    void *copy = g_malloc0(capacity);
    int result = fdt_open_into(blob, copy, (int)capacity);
    if (result == 0) {
        result = chosen_set(copy, bootargs, initrd_start, initrd_end);
    }
    if (result == 0) {
        result = fdt_pack(copy);
    }
    if (result != 0) {
        tree_fail(error, result, "cannot add to the devicetree");
        g_free(copy);
        return NULL;
    }
    *ret_size = fdt_totalsize(copy);
    return copy;
}

void tree_new_seed(void *blob)
{
    int size = 0;
    int node = fdt_path_offset(blob, "/chosen");
    uint8_t *seed = node >= 0 ? fdt_getprop_w(blob, node, "rng-seed", &size) : NULL;
    for (int i = 0; seed != NULL && i < size; i++) {
        seed[i] = (uint8_t)g_random_int();
    }
}
