/* Each field of a table is one record: its name, a checksum of its form, and its value. Inside a
 * value there are no names, so that large arrays stay small. */
#include "emu/state/field.h"

#include <assert.h>
#include <stdarg.h>
#include <string.h>

#include <zlib.h>

#define NAME_MAX_SIZE 63

/* What is left to read. */
struct state_reader {
    const uint8_t *at;
    size_t left;
};

GQuark state_error_quark(void)
{
    return g_quark_from_static_string("state-error");
}

bool state_fail(GError **error, enum state_error code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_set_error_literal(error, state_error_quark(), (gint)code, text);
    return false;
}

static void *field_at(const struct state_field *field, void *base)
{
    return (uint8_t *)base + field->offset;
}

static uint32_t *field_length(const struct state_field *field, void *base)
{
    return (uint32_t *)(void *)((uint8_t *)base + field->count_offset);
}

/* The elements of a field, and how many there are. */
static uint8_t *field_elements(const struct state_field *field, void *base, uint32_t *ret_count)
{
    if (field->kind != FIELD_LIST) {
        *ret_count = field->size / field->unit;
        return field_at(field, base);
    }
    *ret_count = *field_length(field, base);
    return *(uint8_t **)field_at(field, base);
}

void state_reset(const struct state_field *fields, void *base)
{
    for (const struct state_field *field = fields; field->name != NULL; field++) {
        if (field->policy == FIELD_RESET) {
            memset(field_at(field, base), 0, field->size);
        }
    }
}

static void put_number(GByteArray *out, uint32_t value)
{
    value = GUINT32_TO_LE(value);
    g_byte_array_append(out, (const uint8_t *)&value, sizeof(value));
}

static uint32_t crc_number(uint32_t crc, uint32_t value)
{
    value = GUINT32_TO_LE(value);
    return (uint32_t)crc32(crc, (const uint8_t *)&value, sizeof(value));
}

/* A checksum of the form that a field has: two that differ cannot be read as each other. */
static uint32_t field_form(const struct state_field *field, uint32_t crc)
{
    crc = (uint32_t)crc32(crc, (const uint8_t *)field->name, (uInt)strlen(field->name));
    crc = crc_number(crc, field->kind);
    crc = crc_number(crc, field->fields == NULL ? field->unit : 0);
    crc = crc_number(crc, field->kind == FIELD_LIST ? 0 : field->size / field->unit);
    for (const struct state_field *in = field->fields; in != NULL && in->name != NULL; in++) {
        crc = field_form(in, crc);
    }
    return crc;
}

static void put_value(const struct state_field *field, void *base, GByteArray *out)
{
    uint32_t count;
    uint8_t *element = field_elements(field, base, &count);
    if (field->kind == FIELD_LIST) {
        put_number(out, count);
    }
    if (field->fields == NULL) {
        g_byte_array_append(out, element, (guint)((size_t)count * field->unit));
        return;
    }
    for (uint32_t i = 0; i < count; i++, element += field->unit) {
        for (const struct state_field *in = field->fields; in->name != NULL; in++) {
            put_value(in, element, out);
        }
    }
}

void state_encode(const struct state_field *fields, const void *base, GByteArray *out)
{
    for (const struct state_field *field = fields; field->name != NULL; field++) {
        uint8_t length = (uint8_t)strlen(field->name);
        assert(length <= NAME_MAX_SIZE);
        g_byte_array_append(out, &length, 1);
        g_byte_array_append(out, (const uint8_t *)field->name, length);
        put_number(out, field_form(field, 0));
        guint place = out->len;
        put_number(out, 0);
        put_value(field, (void *)base, out);
        uint32_t size = GUINT32_TO_LE(out->len - place - 4);
        memcpy(out->data + place, &size, sizeof(size));
    }
}

static bool take(struct state_reader *reader, void *to, size_t size)
{
    if (size > reader->left) {
        return false;
    }
    if (size > 0) {
        memcpy(to, reader->at, size);
    }
    reader->at += size;
    reader->left -= size;
    return true;
}

static bool take_number(struct state_reader *reader, uint32_t *ret_value)
{
    bool taken = take(reader, ret_value, sizeof(*ret_value));
    *ret_value = taken ? GUINT32_FROM_LE(*ret_value) : 0;
    return taken;
}

static uint64_t number_at(const uint8_t *at, uint32_t unit)
{
    uint64_t value = 0;
    memcpy(&value, at, unit);
    return GUINT64_FROM_LE(value);
}

/* Whether all numbers of a field are such as its program can have written. */
static bool value_in_range(const struct state_field *field, const uint8_t *element, uint32_t count)
{
    uint64_t max = field->kind == FIELD_BOOL ? 1 : field->max;
    bool bytes = field->kind == FIELD_LIST;
    for (uint32_t i = 0; i < count && max != 0 && !bytes; i++) {
        if (number_at(element + (size_t)i * field->unit, field->unit) > max) {
            return false;
        }
    }
    return true;
}

/* Makes room for a list: never more than what is left to read can fill. */
static bool list_make(const struct state_field *field, void *base, struct state_reader *reader)
{
    uint32_t count;
    if (!take_number(reader, &count) || (field->max != 0 && count > field->max) ||
        count > reader->left) {
        return false;
    }
    void **list = field_at(field, base);
    assert(*list == NULL && *field_length(field, base) == 0);
    *list = count > 0 ? g_try_malloc0_n(count, field->unit) : NULL;
    *field_length(field, base) = *list != NULL ? count : 0;
    return count == 0 || *list != NULL;
}

static bool take_value(const struct state_field *field, void *base, struct state_reader *reader)
{
    uint32_t count;
    if (field->kind == FIELD_LIST && !list_make(field, base, reader)) {
        return false;
    }
    uint8_t *element = field_elements(field, base, &count);
    if (field->fields == NULL) {
        size_t size = (size_t)count * field->unit;
        return size <= reader->left && value_in_range(field, reader->at, count) &&
               take(reader, element, size);
    }
    for (uint32_t i = 0; i < count; i++, element += field->unit) {
        for (const struct state_field *in = field->fields; in->name != NULL; in++) {
            if (!take_value(in, element, reader)) {
                return false;
            }
        }
    }
    return true;
}

/* The head of a record: which field comes, and how many bytes its value has. */
static bool take_head(struct state_reader *reader, const struct state_field *field,
                      uint32_t *ret_size, GError **error)
{
    char name[NAME_MAX_SIZE + 1] = { 0 };
    uint8_t length;
    uint32_t form;
    if (!take(reader, &length, 1) || length > NAME_MAX_SIZE || !take(reader, name, length) ||
        !take_number(reader, &form) || !take_number(reader, ret_size) ||
        *ret_size > reader->left) {
        return state_fail(error, STATE_ERROR_DAMAGED, "it ends before the field '%s'", field->name);
    }
    if (strcmp(name, field->name) != 0 || form != field_form(field, 0)) {
        g_autofree char *shown = g_utf8_make_valid(name, -1);
        return state_fail(error, STATE_ERROR_VERSION,
                          "it has the field '%s' where this version of the program has '%s'%s",
                          shown, field->name,
                          strcmp(name, field->name) == 0 ? " of another form" : "");
    }
    return true;
}

bool state_decode(const struct state_field *fields, void *base, const uint8_t *data, size_t size,
                  GError **error)
{
    struct state_reader reader = { data, size };
    for (const struct state_field *field = fields; field->name != NULL; field++) {
        uint32_t length = 0;
        if (!take_head(&reader, field, &length, error)) {
            return false;
        }
        struct state_reader value = { reader.at, length };
        if (!take_value(field, base, &value) || value.left != 0) {
            return state_fail(error, STATE_ERROR_DAMAGED, "the value of '%s' cannot be",
                              field->name);
        }
        reader.at += length;
        reader.left -= length;
    }
    return reader.left == 0 ||
           state_fail(error, STATE_ERROR_VERSION, "it has fields that this version of the program "
                                                  "does not know");
}

void state_move(const struct state_field *fields, void *to, void *from)
{
    for (const struct state_field *field = fields; field->name != NULL; field++) {
        uint8_t *target = field_at(field, to), *source = field_at(field, from);
        if (field->kind != FIELD_STRUCT) {
            memcpy(target, source, field->size);
        }
        if (field->kind == FIELD_LIST) {
            *field_length(field, to) = *field_length(field, from);
        }
        /* A struct may have members that are not state: they stay. */
        for (uint32_t at = 0; field->kind == FIELD_STRUCT && at < field->size; at += field->unit) {
            state_move(field->fields, target + at, source + at);
        }
    }
    state_forget(fields, from);
}

void state_clear(const struct state_field *fields, void *base)
{
    for (const struct state_field *field = fields; field->name != NULL; field++) {
        uint32_t count;
        uint8_t *element = field_elements(field, base, &count);
        for (uint32_t i = 0; field->fields != NULL && i < count; i++) {
            state_clear(field->fields, element + (size_t)i * field->unit);
        }
        if (field->kind == FIELD_LIST) {
            g_free(element);
        }
    }
    state_forget(fields, base);
}

void state_forget(const struct state_field *fields, void *base)
{
    for (const struct state_field *field = fields; field->name != NULL; field++) {
        if (field->kind == FIELD_LIST) {
            *(void **)field_at(field, base) = NULL;
            *field_length(field, base) = 0;
        } else if (field->kind == FIELD_STRUCT) {
            for (uint32_t at = 0; at < field->size; at += field->unit) {
                state_forget(field->fields, (uint8_t *)field_at(field, base) + at);
            }
        }
    }
}
