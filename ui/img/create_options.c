#include "ui/img/create_options.h"

#include <assert.h>
#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "ui/units.h"
#include "ui/usage.h"

enum kind { KIND_TEXT, KIND_SIZE, KIND_NUMBER, KIND_SWITCH };

enum { OF_QCOW2 = 1, OF_RAW = 2 };

#define FIELD(name) offsetof(struct node_create, name)

struct row {
    const char *name;
    enum kind kind;
    unsigned formats;
    size_t field;
    const char *usual; /* shown when not given, in the line that says what is made */
    const char *help;
};

/* In the order of that line. */
static const struct row rows[] = {
    { "cluster_size", KIND_SIZE, OF_QCOW2, FIELD(cluster_size), "65536", "qcow2 cluster size" },
    { "extended_l2", KIND_SWITCH, OF_QCOW2, FIELD(extended_l2), "off", "Extended L2 tables" },
    { "preallocation", KIND_TEXT, OF_QCOW2 | OF_RAW, FIELD(preallocation), NULL,
      "Preallocation mode (allowed values: off, metadata, falloc, full)" },
    { "compression_type", KIND_TEXT, OF_QCOW2, FIELD(compression), "zlib",
      "Compression method used for image cluster compression" },
    { "size", KIND_SIZE, OF_QCOW2 | OF_RAW, FIELD(size), NULL, "Virtual disk size" },
    { "compat", KIND_TEXT, OF_QCOW2, FIELD(compat), NULL,
      "Compatibility level (v2 [0.10] or v3 [1.1])" },
    { "data_file", KIND_TEXT, OF_QCOW2, FIELD(data_file), NULL,
      "File name of an external data file" },
    { "data_file_raw", KIND_SWITCH, OF_QCOW2, FIELD(data_file_raw), NULL,
      "The external data file must stay valid as a raw image" },
    { "backing_file", KIND_TEXT, OF_QCOW2, FIELD(backing_path), NULL, "File name of a base image" },
    { "backing_fmt", KIND_TEXT, OF_QCOW2, FIELD(backing_format), NULL,
      "Image format of the base image" },
    { "lazy_refcounts", KIND_SWITCH, OF_QCOW2, FIELD(lazy_refcounts), "off",
      "Postpone refcount updates" },
    { "refcount_bits", KIND_NUMBER, OF_QCOW2, FIELD(refcount_bits), "16",
      "Width of a reference count entry in bits" },
};

static_assert(G_N_ELEMENTS(rows) <= G_N_ELEMENTS(((struct img_create_options *)NULL)->given),
              "each row has its place");

void img_create_options_init(struct img_create_options *options)
{
    *options = (struct img_create_options){
        .texts = g_ptr_array_new_with_free_func(g_free),
    };
}

void img_create_options_clear(struct img_create_options *options)
{
    g_ptr_array_unref(options->texts);
}

static const struct row *row_find(const char *name, GError **error)
{
    const char *names[G_N_ELEMENTS(rows) + 1] = { NULL };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (strcmp(rows[i].name, name) == 0) {
            return &rows[i];
        }
        names[i] = rows[i].name;
    }
    usage_unknown(error, name, names, "'-o help' lists the options", "Invalid parameter '%s'",
                  name);
    return NULL;
}

static bool field_set(struct img_create_options *options, const struct row *row, const char *text,
                      GError **error)
{
    char *field = (char *)&options->create + row->field;
    uint64_t number;
    switch (row->kind) {
    case KIND_TEXT: *(const char **)field = text; return true;
    case KIND_SWITCH: return units_switch(text, (bool *)field, error);
    case KIND_NUMBER:
        if (!units_number(text, 1, 64, &number, error)) {
            return false;
        }
        *(unsigned *)field = (unsigned)number;
        return true;
    case KIND_SIZE: break;
    }
    if (!img_size(row->name, text, &number, error)) {
        return false;
    }
    if (row->field == FIELD(size)) {
        *(uint64_t *)field = number;
        options->has_size = true;
        return true;
    }
    if (number == 0 || number > UINT32_MAX) {
        return usage_error(error, "'%s' is no size for clusters: from 512 to 2M", text);
    }
    *(uint32_t *)field = (uint32_t)number;
    return true;
}

static bool pair_take(struct img_create_options *options, char *pair, GError **error)
{
    char *value = strchr(pair, '=');
    if (value) {
        *value++ = '\0';
    }
    const struct row *row = row_find(pair, error);
    if (!row) {
        return false;
    }
    if (!value && row->kind != KIND_SWITCH) {
        return usage_error(error, "Parameter '%s' is missing its value: write %s=...", pair, pair);
    }
    options->given[row - rows] = value ? value : "on";
    GError *why = NULL;
    if (!field_set(options, row, options->given[row - rows], &why)) {
        g_propagate_prefixed_error(error, why, "Parameter '%s': ", row->name);
        return false;
    }
    return true;
}

/* The text up to the next single comma; two stand for one. */
static char *pair_next(const char **text)
{
    GString *pair = g_string_new(NULL);
    const char *at = *text;
    while (*at && (*at != ',' || at[1] == ',')) {
        at += *at == ',';
        g_string_append_c(pair, *at++);
    }
    *text = *at ? at + 1 : at;
    return g_string_free(pair, FALSE);
}

bool img_create_options_add(struct img_create_options *options, const char *text, GError **error)
{
    if (strcmp(text, "help") == 0 || strcmp(text, "?") == 0) {
        options->help = true;
        return true;
    }
    while (*text) {
        char *pair = pair_next(&text);
        g_ptr_array_add(options->texts, pair);
        if (!pair_take(options, pair, error)) {
            return false;
        }
    }
    return true;
}

const char *img_create_options_given(const struct img_create_options *options, const char *name)
{
    const struct row *row = row_find(name, NULL);
    assert(row);
    return options->given[row - rows];
}

static unsigned format_bit(const char *format)
{
    return strcmp(format, "qcow2") == 0 ? OF_QCOW2 : OF_RAW;
}

bool img_create_options_check(const struct img_create_options *options, const char *format,
                              GError **error)
{
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (options->given[i] && !(rows[i].formats & format_bit(format))) {
            return usage_error(error, "Format '%s' does not support the option '%s'", format,
                               rows[i].name);
        }
    }
    return true;
}

int img_create_options_help(const struct img *img, const char *format)
{
    static const char *const kinds[] = { "str", "size", "num", "bool (on/off)" };
    img_say(img, "Supported %s options:\n", format);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (rows[i].formats & format_bit(format)) {
            g_autofree char *left = g_strdup_printf("%s=<%s>", rows[i].name, kinds[rows[i].kind]);
            img_say(img, "  %-22s - %s\n", left, rows[i].help);
        }
    }
    return 0;
}

static void row_print(const struct img *img, const struct img_create_options *options,
                      const struct row *row)
{
    const struct node_create *create = &options->create;
    const char *text = options->given[row - rows];
    if (row->field == FIELD(size)) {
        img_say(img, " size=%" PRIu64, create->size);
    } else if (row->field == FIELD(backing_path) || row->field == FIELD(backing_format)) {
        text = *(const char *const *)((const char *)create + row->field);
        if (text) {
            img_say(img, " %s=%s", row->name, text);
        }
    } else if (row->kind == KIND_SIZE && text) {
        img_say(img, " %s=%" PRIu32, row->name, create->cluster_size);
    } else if (row->kind == KIND_SWITCH && text) {
        bool on = *(const bool *)((const char *)create + row->field);
        img_say(img, " %s=%s", row->name, on ? "on" : "off");
    } else if (text || row->usual) {
        img_say(img, " %s=%s", row->name, text ? text : row->usual);
    }
}

void img_create_options_print(const struct img *img, const struct img_create_options *options,
                              const char *format)
{
    img_say(img, "Formatting '%s', fmt=%s", options->create.path, format);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (rows[i].formats & format_bit(format)) {
            row_print(img, options, &rows[i]);
        }
    }
    img_say(img, "\n");
}
