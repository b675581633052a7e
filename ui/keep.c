#include "ui/keep.h"

#include "aio/clock.h"
#include "platform/file.h"
#include "platform/paths.h"

#define KEY_LENGTH 16 /* of the checksum's digits */

static void key_add(GChecksum *key, const char *text)
{
    g_checksum_update(key, (const guchar *)(text ? text : ""), -1);
    g_checksum_update(key, (const guchar *)"", 1);
}

/* A path means the same file wherever the next start is made. */
static void key_add_path(GChecksum *key, const char *path)
{
    g_autofree char *full = path ? g_canonicalize_filename(path, NULL) : NULL;
    key_add(key, full);
}

/* What a machine runs and keeps its data in. Whether it has the same parts is checked when it is
 * loaded. */
static char *key_make(const struct plan *plan)
{
    const struct machine_config *config = &plan->config;
    GChecksum *key = g_checksum_new(G_CHECKSUM_SHA256);
    key_add(key, plan->name);
    key_add(key, config->append);
    key_add_path(key, config->bios);
    key_add_path(key, config->kernel);
    key_add_path(key, config->initrd);
    key_add_path(key, config->dtb);
    key_add_path(key, config->flash[0].path);
    key_add_path(key, config->flash[1].path);
    for (guint i = 0; i < config->drives->len; i++) {
        key_add_path(key, ((const struct machine_drive *)config->drives->pdata[i])->path);
    }
    char *text = g_strndup(g_checksum_get_string(key), KEY_LENGTH);
    g_checksum_free(key);
    return text;
}

char *keep_path(const struct plan *plan)
{
    g_autofree char *folder = host_place_path(HOST_PLACE_DATA), *key = key_make(plan);
    g_autofree char *name = g_strdup(plan->name ? plan->name : "machine");
    g_strcanon(name, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "-", '_');
    g_autofree char *file = g_strdup_printf("%.40s-%s.state", name, key);
    return g_build_filename(folder, "closed", file, NULL);
}

char *keep_age(const char *path)
{
    static const struct unit {
        int64_t seconds;
        const char *name;
    } units[] = { { 86400, "day" }, { 3600, "hour" }, { 60, "minute" } };
    int64_t now_us = aio_clock_now_ns(aio_clock_wall()) / 1000;
    int64_t seconds = (now_us - host_file_changed_us(path)) / 1000000;
    for (size_t i = 0; i < G_N_ELEMENTS(units); i++) {
        int64_t count = seconds / units[i].seconds;
        if (count > 0) {
            return g_strdup_printf("%" G_GINT64_FORMAT " %s%s ago", count, units[i].name,
                                   count > 1 ? "s" : "");
        }
    }
    return g_strdup("just now");
}
