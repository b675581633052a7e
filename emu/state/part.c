#include "emu/state/part.h"

#include <assert.h>
#include <string.h>

struct parts_staged {
    GPtrArray *parts;
    void **copy; /* of each part's struct */
};

static void part_free(void *opaque)
{
    struct state_part *part = opaque;
    g_free(part->id);
    g_free(part);
}

GPtrArray *parts_new(void)
{
    return g_ptr_array_new_with_free_func(part_free);
}

void parts_add(GPtrArray *parts, const struct state_part *part)
{
    assert(part->id != NULL && strlen(part->id) <= UINT8_MAX && strlen(part->kind) <= UINT8_MAX);
    g_ptr_array_add(parts, g_memdup2(part, sizeof(*part)));
}

static void put_text(GByteArray *out, const char *text)
{
    uint8_t length = (uint8_t)strlen(text);
    g_byte_array_append(out, &length, 1);
    g_byte_array_append(out, (const uint8_t *)text, length);
}

/* Takes a text off the front of some bytes; NULL if there is none. */
static char *take_text(const uint8_t **at, size_t *left)
{
    if (*left == 0 || *left - 1 < (*at)[0]) {
        return NULL;
    }
    size_t length = (*at)[0];
    char *text = g_strndup((const char *)*at + 1, length);
    *at += 1 + length;
    *left -= 1 + length;
    return text;
}

static void bytes_free(void *bytes)
{
    g_byte_array_unref(bytes);
}

GPtrArray *parts_encode(const GPtrArray *parts)
{
    GPtrArray *all = g_ptr_array_new_with_free_func(bytes_free);
    for (guint i = 0; i < parts->len; i++) {
        const struct state_part *part = parts->pdata[i];
        GByteArray *out = g_byte_array_new();
        if (part->collect != NULL) {
            part->collect(part->base);
        }
        put_text(out, part->id);
        put_text(out, part->kind);
        state_encode(part->fields, part->base, out);
        state_clear(part->fields, part->base);
        g_ptr_array_add(all, out);
    }
    return all;
}

/* The bytes of a part's fields, if `data` is of that part. */
static bool part_open(const struct state_part *part, const GByteArray *data, const uint8_t **ret_at,
                      size_t *ret_left, GError **error)
{
    *ret_at = data->data;
    *ret_left = data->len;
    g_autofree char *id = take_text(ret_at, ret_left);
    g_autofree char *kind = id != NULL ? take_text(ret_at, ret_left) : NULL;
    if (kind == NULL) {
        return state_fail(error, STATE_ERROR_DAMAGED, "it has a part without a name");
    }
    if (strcmp(id, part->id) != 0 || strcmp(kind, part->kind) != 0) {
        g_autofree char *shown_id = g_utf8_make_valid(id, -1);
        g_autofree char *shown_kind = g_utf8_make_valid(kind, -1);
        return state_fail(error, STATE_ERROR_MACHINE, "it has '%s' (%s) where this machine has "
                          "'%s' (%s)", shown_id, shown_kind, part->id, part->kind);
    }
    return true;
}

/* A copy of a part's struct with the saved values. */
static bool part_stage(const struct state_part *part, const GByteArray *data, void **ret_copy,
                       GError **error)
{
    const uint8_t *at;
    size_t left;
    if (!part_open(part, data, &at, &left, error)) {
        return false;
    }
    *ret_copy = g_memdup2(part->base, part->size);
    if (!state_decode(part->fields, *ret_copy, at, left, error) ||
        (part->check != NULL && !part->check(*ret_copy, error))) {
        g_prefix_error(error, "%s (%s): ", part->id, part->kind);
        return false;
    }
    return true;
}

struct parts_staged *parts_check(GPtrArray *parts, const GPtrArray *data, GError **error)
{
    if (parts->len != data->len) {
        state_fail(error, STATE_ERROR_MACHINE, "it has %u parts, and this machine has %u",
                   data->len, parts->len);
        return NULL;
    }
    struct parts_staged *staged = g_new0(struct parts_staged, 1);
    staged->parts = g_ptr_array_ref(parts);
    staged->copy = g_new0(void *, parts->len);
    for (guint i = 0; i < parts->len; i++) {
        if (!part_stage(parts->pdata[i], data->pdata[i], &staged->copy[i], error)) {
            g_clear_pointer(&staged, parts_drop);
            break;
        }
    }
    return staged;
}

void parts_apply(struct parts_staged *staged)
{
    for (guint i = 0; i < staged->parts->len; i++) {
        const struct state_part *part = staged->parts->pdata[i];
        state_move(part->fields, part->base, staged->copy[i]);
    }
    for (guint i = 0; i < staged->parts->len; i++) {
        const struct state_part *part = staged->parts->pdata[i];
        if (part->restore != NULL) {
            part->restore(part->base);
        }
        state_clear(part->fields, part->base);
    }
    parts_drop(staged);
}

void parts_drop(struct parts_staged *staged)
{
    if (staged == NULL) {
        return;
    }
    for (guint i = 0; i < staged->parts->len; i++) {
        const struct state_part *part = staged->parts->pdata[i];
        if (staged->copy[i] != NULL) {
            state_clear(part->fields, staged->copy[i]);
            g_free(staged->copy[i]);
        }
    }
    g_ptr_array_unref(staged->parts);
    g_free(staged->copy);
    g_free(staged);
}
