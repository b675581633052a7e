/* -cpu: the processor's model, and which of its extensions are there. */
#include "ui/option_fns.h"

#include <string.h>

#include "ui/keys.h"
#include "ui/units.h"
#include "ui/usage.h"

enum extension_state {
    ALWAYS, /* cannot be turned off */
    NEVER,  /* cannot be turned on */
    CHOSEN, /* a field of the configuration */
};

struct extension {
    const char *name;
    enum extension_state state;
    size_t offset; /* of a bool in struct machine_config */
};

/* What other emulators know by these names; a row here is what this one says to it. */
static const struct extension extensions[] = {
    { "i", ALWAYS, 0 },
    { "m", ALWAYS, 0 },
    { "a", ALWAYS, 0 },
    { "f", ALWAYS, 0 },
    { "d", ALWAYS, 0 },
    { "c", ALWAYS, 0 },
    { "g", ALWAYS, 0 },
    { "s", ALWAYS, 0 },
    { "u", ALWAYS, 0 },
    { "mmu", ALWAYS, 0 },
    { "pmp", ALWAYS, 0 },
    { "zicntr", ALWAYS, 0 },
    { "zicsr", ALWAYS, 0 },
    { "zifencei", ALWAYS, 0 },
    { "zicbom", ALWAYS, 0 },
    { "zicboz", ALWAYS, 0 },
    { "zba", ALWAYS, 0 },
    { "zbb", ALWAYS, 0 },
    { "zbs", ALWAYS, 0 },
    { "svinval", ALWAYS, 0 },
    { "svade", ALWAYS, 0 },
    { "sv39", ALWAYS, 0 },
    { "sv48", CHOSEN, offsetof(struct machine_config, sv48) },
    { "sstc", CHOSEN, offsetof(struct machine_config, sstc) },
    { "svadu", CHOSEN, offsetof(struct machine_config, svadu) },
    { "sv57", NEVER, 0 },
    { "h", NEVER, 0 },
    { "v", NEVER, 0 },
    { "zbc", NEVER, 0 },
    { "zbkb", NEVER, 0 },
    { "zbkc", NEVER, 0 },
    { "zbkx", NEVER, 0 },
    { "zknd", NEVER, 0 },
    { "zkne", NEVER, 0 },
    { "zknh", NEVER, 0 },
    { "zkt", NEVER, 0 },
    { "zfh", NEVER, 0 },
    { "zfhmin", NEVER, 0 },
    { "zfa", NEVER, 0 },
    { "zicond", NEVER, 0 },
    { "zicbop", NEVER, 0 },
    { "zihpm", NEVER, 0 },
    { "zihintpause", NEVER, 0 },
    { "zcb", NEVER, 0 },
    { "zawrs", NEVER, 0 },
    { "zacas", NEVER, 0 },
    { "svpbmt", NEVER, 0 },
    { "svnapot", NEVER, 0 },
    { "smaia", NEVER, 0 },
    { "ssaia", NEVER, 0 },
    { "sscofpmf", NEVER, 0 },
};

static bool extension_unknown(const char *name, GError **error)
{
    const char *names[G_N_ELEMENTS(extensions) + 1] = { NULL };
    for (size_t i = 0; i < G_N_ELEMENTS(extensions); i++) {
        names[i] = extensions[i].name;
    }
    return usage_unknown(error, name, names, "'-cpu help' lists what there is",
                         "-cpu: unknown property '%s'", name);
}

static bool extension_set(struct plan *plan, const char *name, const char *value, GError **error)
{
    const struct extension *found = NULL;
    bool on;
    for (size_t i = 0; i < G_N_ELEMENTS(extensions); i++) {
        if (g_ascii_strcasecmp(extensions[i].name, name) == 0) {
            found = &extensions[i];
        }
    }
    if (!found) {
        return extension_unknown(name, error);
    }
    if (!units_switch(value, &on, error)) {
        g_prefix_error(error, "-cpu: %s: ", name);
        return false;
    }
    if (found->state == ALWAYS && !on) {
        return usage_error(error, "-cpu: '%s' cannot be turned off: leave %s=%s out", name, name,
                           value);
    }
    if (found->state == NEVER && on) {
        return usage_error(error, "-cpu: '%s' is not implemented: '-cpu help' lists what there is",
                           name);
    }
    if (found->state == CHOSEN) {
        *(bool *)((char *)&plan->config + found->offset) = on;
    }
    return true;
}

/* "+ext" and "-ext" are the older way to write ext=on and ext=off. */
static bool property_take(struct plan *plan, const struct key_pair *pair, GError **error)
{
    if (pair->value) {
        return extension_set(plan, pair->key, pair->value, error);
    }
    bool plus = *pair->key == '+', minus = *pair->key == '-';
    return extension_set(plan, pair->key + (plus || minus), minus ? "off" : "on", error);
}

static void cpu_answer(struct plan *plan)
{
    plan_answer(plan, "Available CPUs:\n  max\n  rv64\n\n"
                      "Properties (NAME=on|off):\n  always on:");
    for (size_t i = 0; i < G_N_ELEMENTS(extensions); i++) {
        if (extensions[i].state == ALWAYS) {
            plan_answer(plan, " %s", extensions[i].name);
        }
    }
    plan_answer(plan, "\n  on, can be turned off:");
    for (size_t i = 0; i < G_N_ELEMENTS(extensions); i++) {
        if (extensions[i].state == CHOSEN) {
            plan_answer(plan, " %s", extensions[i].name);
        }
    }
    plan_answer(plan, "\n");
}

bool option_cpu(struct plan *plan, const char *value, GError **error)
{
    static const char *const models[] = { "rv64", "max", NULL };
    g_autoptr(GPtrArray) pairs = keys_split(value);
    const struct key_pair *model = pairs->pdata[0];
    if (model->key) {
        return usage_error(error, "-cpu %s: the model comes first: -cpu rv64,%s", value, value);
    }
    if (strcmp(model->value, "help") == 0) {
        cpu_answer(plan);
        return true;
    }
    if (!g_strv_contains(models, model->value)) {
        return usage_unknown(error, model->value, models, "there are rv64 and max",
                             "-cpu: unknown model '%s'", model->value);
    }
    for (guint i = 1; i < pairs->len; i++) {
        if (!property_take(plan, pairs->pdata[i], error)) {
            return false;
        }
    }
    return true;
}
