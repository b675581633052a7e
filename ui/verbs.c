#include "ui/verbs.h"

#include <stdio.h>
#include <string.h>

#include <glib.h>

#include "ui/img/img.h"
#include "ui/options.h"
#include "ui/sdl/window.h"
#include "ui/start.h"
#include "ui/twin.h"
#include "ui/usage.h"
#include "ui/version.h"

const struct verb verbs[] = {
    { "run", "FILE [OPTION...]", "run a program, a kernel or a disk image", verb_run },
    { "demo", "[--headless [--json] [--timeout SECONDS]] [OPTION...]",
      "run the built-in guest: it shows and checks the machine", verb_demo },
    { "img", "VERB ...", "make, convert, check, serve disk images; 'img help' lists the verbs",
      verb_img },
    { "snap", "VERB ...", "saved machines: show, check, load, list, delete", verb_snap },
    { "fork", "MONITOR [NAME]", "a twin of the machine that has its monitor there", verb_fork },
    { "doctor", "", "look at what this computer has, and say what is missing", verb_doctor },
    { "help", "", "print this", verb_help },
    { "version", "", "print the version", verb_version },
    { NULL, NULL, NULL, NULL },
};

int verb_fail(GError *error)
{
    fprintf(stderr, "tinamou: %s\n", error->message);
    twin_fail(error->message);
    g_error_free(error);
    return 1;
}

bool verb_run_plan(struct plan *plan, int *ret_status, GError **error)
{
    if (plan->answer) {
        fputs(plan->answer->str, stdout);
        *ret_status = 0;
        return true;
    }
    if (!plan_choose_display(plan, window_possible(), error) || !plan_check(plan, error) ||
        !twin_plan(plan, error)) {
        return false;
    }
    for (guint i = 0; i < plan->warnings->len; i++) {
        fprintf(stderr, "tinamou: warning: %s\n", (char *)plan->warnings->pdata[i]);
    }
    return start_run(plan, ret_status, error);
}

int verb_machine(const char *const *arguments, enum face face)
{
    struct plan plan;
    GError *error = NULL;
    int status = 1;
    plan_init(&plan);
    plan.compatible = face == FACE_COMPATIBLE;
    plan.guided = face == FACE_PERSON;
    bool done =
        options_parse(&plan, arguments, &error) && verb_run_plan(&plan, &status, &error);
    plan_clear(&plan);
    return done ? status : verb_fail(error);
}

int verb_help(const char *const *arguments)
{
    (void)arguments;
    g_autofree char *options_text = options_help();
    printf("%s: runs riscv64 machines\n\n"
           "  tinamou VERB ...\n"
           "  tinamou OPTION...       runs a machine as the options say\n\n"
           "Verbs:\n",
           version_text(false));
    for (const struct verb *verb = verbs; verb->name; verb++) {
        g_autofree char *left = g_strdup_printf("%s %s", verb->name, verb->parameters);
        printf("  %-32s %s\n", left, verb->help);
    }
    printf("\n%s", options_text);
    return 0;
}

int verb_version(const char *const *arguments)
{
    (void)arguments;
    puts(version_text(false));
    return 0;
}

static const struct verb *verb_find(const char *name)
{
    for (const struct verb *verb = verbs; verb->name; verb++) {
        if (strcmp(name, verb->name) == 0) {
            return verb;
        }
    }
    return NULL;
}

bool verb_is_known(const char *name)
{
    return verb_find(name);
}

int verb_dispatch(const char *const *arguments)
{
    const char *names[G_N_ELEMENTS(verbs)] = { NULL };
    const struct verb *verb = verb_find(arguments[0]);
    if (verb) {
        return verb->fn(arguments);
    }
    for (size_t i = 0; verbs[i].name; i++) {
        names[i] = verbs[i].name;
    }
    GError *error = NULL;
    usage_unknown(&error, arguments[0], names,
                  "'tinamou help' lists them, 'tinamou run FILE' runs "
                  "a file",
                  "there is no verb '%s'", arguments[0]);
    return verb_fail(error);
}
