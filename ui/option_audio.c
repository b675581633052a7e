/* Options for sound: -audiodev. */
#include "ui/option_fns.h"

#include <assert.h>
#include <string.h>

#include "ui/keys.h"
#include "ui/usage.h"

struct audio_keys {
    char *id, *path;
    uint64_t rate, channels;
    unsigned sample;
};

static const char *const samples[] = { "u8", "s16", "s32", "f32", NULL };
static_assert(G_N_ELEMENTS(samples) == SAMPLE_KINDS + 1, "one name for each kind of sample");

#define AUDIO(field) offsetof(struct audio_keys, field)

static const struct key_row none_rows[] = {
    { "id", KEY_STRING, AUDIO(id), "its name for -device", NULL, 0 },
    { NULL, KEY_FIXED, 0, NULL, NULL, 0 },
};

static const struct key_row wav_rows[] = {
    { "id", KEY_STRING, AUDIO(id), "its name for -device", NULL, 0 },
    { "path", KEY_STRING, AUDIO(path), "the file, which is made anew", NULL, 0 },
    { "out.frequency", KEY_NUMBER, AUDIO(rate), "frames of a second, 48000 unless said", NULL,
      AUDIO_RATE_MAX },
    { "out.channels", KEY_NUMBER, AUDIO(channels), "1 or 2, 2 unless said", NULL, 2 },
    { "out.format", KEY_CHOICE, AUDIO(sample), "of a sample, s16 unless said", samples, 0 },
    { NULL, KEY_FIXED, 0, NULL, NULL, 0 },
};

static const struct audio_kind {
    const char *name;
    const struct key_row *rows;
    enum plan_audio_kind kind;
} kinds[] = {
    { "none", none_rows, PLAN_AUDIO_NONE },
    { "sdl", none_rows, PLAN_AUDIO_SDL },
    { "wav", wav_rows, PLAN_AUDIO_WAV },
};

static const struct audio_kind *audio_kind_find(const char *name, GError **error)
{
    const char *names[G_N_ELEMENTS(kinds) + 1] = { NULL };
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        names[i] = kinds[i].name;
        if (strcmp(names[i], name) == 0) {
            return &kinds[i];
        }
    }
    usage_unknown(error, name, names, "there are none, sdl and wav", "-audiodev: unknown kind '%s'",
                  name);
    return NULL;
}

static bool audio_take(struct plan *plan, const struct audio_kind *kind, struct audio_keys *keys,
                       GError **error)
{
    if (!keys->id) {
        return usage_error(error, "-audiodev %s: it needs id=NAME, which -device refers to",
                           kind->name);
    }
    if (kind->kind == PLAN_AUDIO_WAV && !keys->path) {
        return usage_error(error, "-audiodev wav: which file? Say path=FILE");
    }
    if (keys->rate < 8000 || keys->channels == 0) {
        return usage_error(error, "-audiodev %s: out.frequency is 8000 to %d, out.channels 1 or 2",
                           kind->name, AUDIO_RATE_MAX);
    }
    struct plan_audio *audio = plan_add_audio(plan, g_steal_pointer(&keys->id), kind->kind);
    audio->path = g_steal_pointer(&keys->path);
    audio->format = (struct audio_format){ (enum audio_sample)keys->sample,
                                           (unsigned)keys->channels, (unsigned)keys->rate };
    return true;
}

bool option_audiodev(struct plan *plan, const char *value, GError **error)
{
    g_autofree char *name = g_strndup(value, strcspn(value, ","));
    const char *list = value[strlen(name)] ? value + strlen(name) + 1 : "";
    if (strcmp(name, "help") == 0) {
        plan_answer(plan, "Available audio drivers:\nnone\nsdl\nwav\n");
        return true;
    }
    const char *driver = g_str_has_prefix(name, "driver=") ? name + strlen("driver=") : name;
    const struct audio_kind *kind = audio_kind_find(driver, error);
    if (!kind) {
        return false;
    }
    struct audio_keys keys = { .rate = 48000, .channels = 2, .sample = SAMPLE_S16 };
    bool taken = (!*list || keys_parse("-audiodev", list, NULL, kind->rows, &keys, error)) &&
                 audio_take(plan, kind, &keys, error);
    keys_clear(wav_rows, &keys);
    return taken;
}
