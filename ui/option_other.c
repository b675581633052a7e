/* Options about the run as a whole. */
#include "ui/option_fns.h"

#include <string.h>

#include "ui/options.h"
#include "ui/usage.h"
#include "ui/version.h"

/* "guest=" before the name and properties behind it are for other programs. */
bool option_name(struct plan *plan, const char *value, GError **error)
{
    const char *name = g_str_has_prefix(value, "guest=") ? value + strlen("guest=") : value;
    size_t length = strcspn(name, ",");
    if (name[length] && !g_str_has_prefix(name + length, ",debug-threads=")) {
        return usage_error(error, "-name: unknown property '%s': write '-name TEXT'",
                           name + length + 1);
    }
    g_free(plan->name);
    plan->name = g_strndup(name, length);
    return true;
}

bool option_pidfile(struct plan *plan, const char *value, GError **error)
{
    (void)error;
    g_free(plan->pidfile);
    plan->pidfile = g_strdup(value);
    return true;
}

bool option_paused(struct plan *plan, const char *value, GError **error)
{
    (void)value, (void)error;
    plan->config.start_paused = true;
    return true;
}

bool option_loadvm(struct plan *plan, const char *value, GError **error)
{
    if (!value[0] || strcmp(value, "file:") == 0) {
        return usage_error(error, "-loadvm: write '-loadvm NAME' or '-loadvm file:PATH'");
    }
    g_free(plan->loadvm);
    plan->loadvm = g_strdup(value);
    return true;
}

bool option_resume(struct plan *plan, const char *value, GError **error)
{
    (void)error;
    g_free(plan->resume);
    plan->resume = g_strdup(value);
    return true;
}

bool option_no_reboot(struct plan *plan, const char *value, GError **error)
{
    (void)value, (void)error;
    plan->config.no_reboot = true;
    return true;
}

bool option_no_defaults(struct plan *plan, const char *value, GError **error)
{
    (void)value, (void)error;
    plan->no_defaults = true;
    return true;
}

bool option_no_user_config(struct plan *plan, const char *value, GError **error)
{
    (void)plan, (void)value, (void)error;
    return true;
}

bool option_help(struct plan *plan, const char *value, GError **error)
{
    (void)value, (void)error;
    g_autofree char *text = options_help();
    plan_answer(plan, "%s\n%s", version_text(plan->compatible), text);
    return true;
}

bool option_version(struct plan *plan, const char *value, GError **error)
{
    (void)value, (void)error;
    plan_answer(plan, "%s\n", version_text(plan->compatible));
    return true;
}
