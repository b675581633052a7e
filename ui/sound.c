#include "ui/sound.h"

#include <string.h>

#include "ui/sdl/sound.h"

static struct audio *sound_new(const struct plan_audio *plan, GError **error)
{
    switch (plan->kind) {
    case PLAN_AUDIO_NONE: return audio_new_none(plan->id);
    case PLAN_AUDIO_SDL: return sound_new_device(plan->id, error);
    case PLAN_AUDIO_WAV: return audio_new_wav(plan->id, plan->path, &plan->format, error);
    case PLAN_AUDIO_DEFAULT:
        return sound_has_device() ? sound_new_device(plan->id, error) : audio_new_none(plan->id);
    }
    g_assert_not_reached();
}

static void sound_free(void *audio)
{
    audio_free(audio);
}

GPtrArray *sounds_new(struct plan *plan, GError **error)
{
    GPtrArray *sounds = g_ptr_array_new_with_free_func(sound_free);
    for (guint i = 0; i < plan->audios->len; i++) {
        const struct plan_audio *audio_plan = plan->audios->pdata[i];
        struct audio *audio = sound_new(audio_plan, error);
        if (!audio) {
            g_ptr_array_unref(sounds);
            return NULL;
        }
        g_ptr_array_add(sounds, audio);
        g_hash_table_replace(plan->config.audios, g_strdup(audio_plan->id), audio);
    }
    return sounds;
}
