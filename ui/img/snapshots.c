#include "ui/img/snapshots.h"

#include <inttypes.h>

#include <jansson.h>

#include "emu/block/driver.h"

#define NS_PER_S 1000000000

static bool snapshots_list(struct block_node *node, struct node_snapshot **ret_list,
                           unsigned *ret_count, GError **error)
{
    *ret_list = NULL;
    *ret_count = 0;
    return !node_driver(node)->snapshot_list ||
           node_driver(node)->snapshot_list(node, ret_list, ret_count, error);
}

static void snapshot_text(const struct node_snapshot *at, GString *out)
{
    g_autofree char *size = img_size_text(at->state_size);
    g_autoptr(GDateTime) date = g_date_time_new_from_unix_local(at->date_s);
    g_autofree char *date_text = date ? g_date_time_format(date, "%Y-%m-%d %H:%M:%S") : NULL;
    int64_t s = at->clock_ns / NS_PER_S;
    g_autofree char *clock =
        g_strdup_printf("%02" PRId64 ":%02" PRId64 ":%02" PRId64 ".%03" PRId64, s / 3600,
                        s / 60 % 60, s % 60, at->clock_ns / 1000000 % 1000);
    g_autofree char *icount =
        at->icount == UINT64_MAX ? g_strdup("") : g_strdup_printf("%" PRIu64, at->icount);
    g_string_append_printf(out, "%-9s %-16s %8s%20s%13s%11s\n", at->id, at->name, size,
                           date_text ? date_text : "-", clock, icount);
}

bool img_snapshots_text(struct block_node *node, GString *out, GError **error)
{
    struct node_snapshot *list;
    unsigned count;
    if (!snapshots_list(node, &list, &count, error)) {
        return false;
    }
    if (count > 0) {
        g_string_append_printf(out, "Snapshot list:\n%-9s %-16s %8s%20s%13s%11s\n", "ID", "TAG",
                               "VM SIZE", "DATE", "VM CLOCK", "ICOUNT");
    }
    for (unsigned i = 0; i < count; i++) {
        snapshot_text(&list[i], out);
    }
    node_snapshots_free(list, count);
    return true;
}

/* Names are bytes of the image's: what is no UTF-8 is shown as far as it is. */
static json_t *json_name(const char *text)
{
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    return json_string(valid);
}

static json_t *snapshot_json(const struct node_snapshot *at)
{
    json_t *one = json_object();
    json_object_set_new(one, "id", json_name(at->id));
    json_object_set_new(one, "name", json_name(at->name));
    json_object_set_new(one, "vm-state-size", json_integer((json_int_t)at->state_size));
    json_object_set_new(one, "date-sec", json_integer(at->date_s));
    json_object_set_new(one, "date-nsec", json_integer(at->date_ns));
    json_object_set_new(one, "vm-clock-sec", json_integer(at->clock_ns / NS_PER_S));
    json_object_set_new(one, "vm-clock-nsec", json_integer(at->clock_ns % NS_PER_S));
    if (at->icount != UINT64_MAX) {
        json_object_set_new(one, "icount", json_integer((json_int_t)at->icount));
    }
    return one;
}

bool img_snapshots_json(struct block_node *node, void **ret_list, GError **error)
{
    struct node_snapshot *list;
    unsigned count;
    if (!snapshots_list(node, &list, &count, error)) {
        return false;
    }
    json_t *all = count > 0 ? json_array() : NULL;
    for (unsigned i = 0; i < count; i++) {
        json_array_append_new(all, snapshot_json(&list[i]));
    }
    node_snapshots_free(list, count);
    *ret_list = all;
    return true;
}
