/* `tinamou demo`: the built-in guest, in a window or for a program that reads its result. */
#include "ui/verbs.h"

#include <string.h>

#include <glib.h>

#include "platform/clock.h"
#include "platform/process.h"
#include "ui/demo.h"
#include "ui/units.h"
#include "ui/usage.h"

#define TIMEOUT_S     60
#define TIMEOUT_S_MAX 86400

/* What the verb itself is told; the rest is options of the machine. */
struct demo_words {
    bool headless, json;
    uint64_t timeout_s;
    GPtrArray *options; /* of const char, with a null at the end */
};

static bool words_timeout(struct demo_words *words, const char *value, GError **error)
{
    if (!value) {
        return usage_error(error, "demo --timeout: after how many seconds?");
    }
    if (!units_number(value, 1, TIMEOUT_S_MAX, &words->timeout_s, error)) {
        g_prefix_error(error, "demo --timeout: ");
        return false;
    }
    return true;
}

static bool words_parse(struct demo_words *words, const char *const *arguments, GError **error)
{
    for (size_t i = 1; arguments[i]; i++) {
        if (strcmp(arguments[i], "--headless") == 0) {
            words->headless = true;
        } else if (strcmp(arguments[i], "--json") == 0) {
            words->json = true;
        } else if (strcmp(arguments[i], "--timeout") == 0) {
            if (!words_timeout(words, arguments[i + 1], error)) {
                return false;
            }
            i++;
        } else {
            g_ptr_array_add(words->options, (char *)arguments[i]);
        }
    }
    g_ptr_array_add(words->options, NULL);
    if (words->json && !words->headless) {
        return usage_error(error, "demo --json: say --headless too: with a window there is nobody "
                                  "to wait for the result");
    }
    return true;
}

static bool demo_run(struct plan *plan, const struct demo_words *words, int64_t start_ns,
                     int *ret_status, GError **error)
{
    const struct demo_headless how = {
        .json = words->json,
        .timeout_s = (unsigned)words->timeout_s,
        .start_ns = start_ns,
    };
    if (!demo_plan(plan, (const char *const *)words->options->pdata, words->headless, error)) {
        return false;
    }
    plan->guided = true;
    plan->name = plan->name ? plan->name : g_strdup("Demo");
    return words->headless && !plan->answer ? demo_headless_run(plan, &how, ret_status, error)
                                            : verb_run_plan(plan, ret_status, error);
}

int verb_demo(const char *const *arguments)
{
    /* What the process has computed so far is about the time since its start. */
    int64_t start_ns = host_monotonic_ns() - host_process_cpu_ns();
    struct demo_words words = { .timeout_s = TIMEOUT_S, .options = g_ptr_array_new() };
    struct plan plan;
    GError *error = NULL;
    int status = 1;
    plan_init(&plan);
    bool done = words_parse(&words, arguments, &error) &&
                demo_run(&plan, &words, start_ns, &status, &error);
    plan_clear(&plan);
    g_ptr_array_unref(words.options);
    return done ? status : verb_fail(error);
}
