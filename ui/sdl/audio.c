/*
 * Sound through SDL: one device for each stream, in the stream's own format; SDL converts to what
 * the host's mixer has. Its callback runs on a thread of SDL's own. A stream that finds no device
 * goes on silently by the clock (emu/audio/audio.c).
 */
#include <SDL.h>

#include "emu/audio/backend.h"
#include "ui/sdl/sound.h"

#define PERIODS_PER_SECOND 100 /* a device asks for samples about so often */

struct sdl_device {
    SDL_AudioDeviceID id;
};

static SDL_AudioFormat sdl_format(enum audio_sample sample)
{
    static const SDL_AudioFormat formats[SAMPLE_KINDS] = {
        [SAMPLE_U8] = AUDIO_U8,
        [SAMPLE_S16] = AUDIO_S16LSB,
        [SAMPLE_S32] = AUDIO_S32LSB,
        [SAMPLE_F32] = AUDIO_F32LSB,
    };
    return formats[sample];
}

static void sdl_callback(void *opaque, Uint8 *data, int size)
{
    struct audio_stream *stream = opaque;
    if (stream->capture) {
        audio_push(stream, data, (size_t)size);
    } else {
        audio_pull(stream, data, (size_t)size);
    }
}

/* SDL wants a power of two. */
static Uint16 sdl_period(unsigned rate)
{
    Uint16 frames = 64;
    while (frames < rate / PERIODS_PER_SECOND) {
        frames = (Uint16)(2 * frames);
    }
    return frames;
}

static bool sdl_open(struct audio_stream *stream)
{
    SDL_AudioSpec got, wanted = {
        .freq = (int)stream->format.rate,
        .format = sdl_format(stream->format.sample),
        .channels = (Uint8)stream->format.channels,
        .samples = sdl_period(stream->format.rate),
        .callback = sdl_callback,
        .userdata = stream,
    };
    SDL_AudioDeviceID id = SDL_WasInit(SDL_INIT_AUDIO) == 0
                               ? 0
                               : SDL_OpenAudioDevice(NULL, stream->capture, &wanted, &got, 0);
    if (id == 0) {
        return false;
    }
    struct sdl_device *device = g_new0(struct sdl_device, 1);
    device->id = id;
    stream->device = device;
    stream->behind = got.size;
    return true;
}

static void sdl_run(struct audio_stream *stream, bool running)
{
    SDL_PauseAudioDevice(((struct sdl_device *)stream->device)->id, !running);
}

static void sdl_close(struct audio_stream *stream)
{
    struct sdl_device *device = stream->device;
    SDL_CloseAudioDevice(device->id);
    g_free(device);
}

static void sdl_finish(struct audio *audio)
{
    (void)audio;
    if (SDL_WasInit(SDL_INIT_AUDIO) != 0) {
        SDL_QuitSubSystem(SDL_INIT_AUDIO);
    }
}

static const struct audio_class sdl_class = {
    .name = "sdl",
    .open = sdl_open,
    .run = sdl_run,
    .close = sdl_close,
    .finish = sdl_finish,
};

struct audio *sound_new_device(const char *id, GError **error)
{
    (void)error;
    SDL_InitSubSystem(SDL_INIT_AUDIO); /* fails where there is no sound: streams will be silent */
    return audio_alloc(&sdl_class, id, sizeof(struct audio));
}

bool sound_has_device(void)
{
    return true;
}
