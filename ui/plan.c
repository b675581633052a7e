#include "ui/plan.h"

#include <assert.h>
#include <stdarg.h>
#include <string.h>

static void chardev_free_plan(void *opaque)
{
    struct plan_chardev *chardev = opaque;
    g_free(chardev->id);
    g_free(chardev->path);
    g_free(chardev->host);
    g_free(chardev);
}

static void audio_free_plan(void *opaque)
{
    struct plan_audio *audio = opaque;
    g_free(audio->id);
    g_free(audio->path);
    g_free(audio);
}

void plan_init(struct plan *plan)
{
    *plan = (struct plan){ 0 };
    machine_config_init(&plan->config);
    plan->chardevs = g_ptr_array_new_with_free_func(chardev_free_plan);
    plan->audios = g_ptr_array_new_with_free_func(audio_free_plan);
    plan->monitors = g_ptr_array_new_with_free_func(g_free);
    plan->tail = g_ptr_array_new();
    plan->rngs = g_ptr_array_new_with_free_func(g_free);
    plan->warnings = g_ptr_array_new_with_free_func(g_free);
}

static void device_free_plan(void *opaque, void *unused)
{
    struct machine_device *device = opaque;
    (void)unused;
    g_free(device->id);
    g_free(device->backend);
    g_free(device->serial);
    g_free(device);
}

void plan_clear(struct plan *plan)
{
    g_ptr_array_foreach(plan->tail, device_free_plan, NULL);
    machine_config_clear(&plan->config);
    g_ptr_array_unref(plan->chardevs);
    g_ptr_array_unref(plan->audios);
    g_ptr_array_unref(plan->monitors);
    g_ptr_array_unref(plan->tail);
    g_ptr_array_unref(plan->rngs);
    g_ptr_array_unref(plan->warnings);
    g_free(plan->serial);
    g_free(plan->name);
    g_free(plan->pidfile);
    g_free(plan->loadvm);
    g_free(plan->resume);
    if (plan->answer) {
        g_string_free(plan->answer, TRUE);
    }
    *plan = (struct plan){ 0 };
}

char *plan_anonymous(struct plan *plan, const char *what)
{
    return g_strdup_printf("#%s%u", what, plan->anonymous++);
}

void plan_answer(struct plan *plan, const char *format, ...)
{
    va_list args;
    if (!plan->answer) {
        plan->answer = g_string_new(NULL);
    }
    va_start(args, format);
    g_string_append_vprintf(plan->answer, format, args);
    va_end(args);
}

void plan_warn(struct plan *plan, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_ptr_array_add(plan->warnings, g_strdup_vprintf(format, args));
    va_end(args);
}

struct plan_chardev *plan_find_chardev(const struct plan *plan, const char *id)
{
    for (guint i = 0; i < plan->chardevs->len; i++) {
        struct plan_chardev *chardev = plan->chardevs->pdata[i];
        if (strcmp(chardev->id, id) == 0) {
            return chardev;
        }
    }
    return NULL;
}

struct plan_chardev *plan_add_chardev(struct plan *plan, char *id)
{
    assert(!plan_find_chardev(plan, id));
    struct plan_chardev *chardev = g_new0(struct plan_chardev, 1);
    chardev->id = id;
    g_ptr_array_add(plan->chardevs, chardev);
    return chardev;
}

struct plan_audio *plan_add_audio(struct plan *plan, char *id, enum plan_audio_kind kind)
{
    struct plan_audio *audio = g_new0(struct plan_audio, 1);
    audio->id = id;
    audio->kind = kind;
    g_ptr_array_add(plan->audios, audio);
    return audio;
}

struct machine_device *plan_add_device(GPtrArray *list, enum machine_device_kind kind)
{
    struct machine_device *device = g_new0(struct machine_device, 1);
    device->kind = kind;
    g_ptr_array_add(list, device);
    return device;
}
