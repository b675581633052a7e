/*
 * Sound into a file. Source: "Multimedia Programming Interface and Data Specifications 1.0" (RIFF
 * WAVE), with WAVE_FORMAT_IEEE_FLOAT of its revision 3. The lengths in its head are brought up to
 * date every second, so that a file whose machine was killed can be played.
 */
#include <string.h>

#include "emu/audio/backend.h"
#include "platform/file.h"

#define HEAD_SIZE     44u
#define DATA_MAX      (UINT32_MAX - HEAD_SIZE) /* what its lengths can say */
#define FORMAT_PCM    1
#define FORMAT_FLOAT  3
#define BITS_PER_BYTE 8

struct wav_audio {
    struct audio audio;
    struct audio_format format;
    struct host_file *file;
    uint64_t size;      /* bytes of samples in the file */
    uint64_t announced; /* of which its head tells */
};

static uint8_t *put16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)value;
    at[1] = (uint8_t)(value >> 8);
    return at + 2;
}

static uint8_t *put32(uint8_t *at, uint32_t value)
{
    return put16(put16(at, value & 0xffff), value >> 16);
}

static uint8_t *put_name(uint8_t *at, const char *name)
{
    memcpy(at, name, 4);
    return at + 4;
}

static bool wav_write_head(struct wav_audio *wav)
{
    uint8_t head[HEAD_SIZE], *at = head;
    const struct audio_format *format = &wav->format;
    uint32_t frame = audio_frame_size(format);
    at = put32(put_name(at, "RIFF"), (uint32_t)wav->size + HEAD_SIZE - 8);
    at = put32(put_name(put_name(at, "WAVE"), "fmt "), 16);
    at = put16(at, format->sample == SAMPLE_F32 ? FORMAT_FLOAT : FORMAT_PCM);
    at = put32(put32(put16(at, format->channels), format->rate), format->rate * frame);
    at = put16(put16(at, frame), frame / format->channels * BITS_PER_BYTE);
    put32(put_name(at, "data"), (uint32_t)wav->size);
    wav->announced = wav->size;
    return host_file_write(wav->file, head, HEAD_SIZE, 0) == HEAD_SIZE;
}

static bool wav_supports(const struct audio *audio, bool capture, const struct audio_format *format)
{
    const struct audio_format *own = &((const struct wav_audio *)audio)->format;
    return capture || (format->sample == own->sample && format->channels == own->channels &&
                       format->rate == own->rate);
}

static bool wav_take(struct audio *audio, const uint8_t *data, size_t size)
{
    struct wav_audio *wav = (struct wav_audio *)audio;
    if (size > DATA_MAX - wav->size ||
        host_file_write(wav->file, data, size, HEAD_SIZE + wav->size) != (int64_t)size) {
        return false;
    }
    wav->size += size;
    uint64_t second = (uint64_t)wav->format.rate * audio_frame_size(&wav->format);
    return wav->size - wav->announced < second || wav_write_head(wav);
}

static void wav_finish(struct audio *audio)
{
    struct wav_audio *wav = (struct wav_audio *)audio;
    if (wav->file != NULL && wav->size != wav->announced) {
        wav_write_head(wav);
    }
    host_file_close(wav->file);
}

static const struct audio_class wav_class = {
    .name = "wav",
    .supports = wav_supports,
    .take = wav_take,
    .finish = wav_finish,
};

struct audio *audio_new_wav(const char *id, const char *path, const struct audio_format *format,
                            GError **error)
{
    struct wav_audio *wav = audio_alloc(&wav_class, id, sizeof(*wav));
    wav->format = *format;
    wav->file =
        host_file_open(path, HOST_FILE_WRITE | HOST_FILE_CREATE | HOST_FILE_TRUNCATE, error);
    if (wav->file == NULL) {
        audio_free(&wav->audio);
        return NULL;
    }
    if (!wav_write_head(wav)) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_IO, "%s: the file cannot be written", path);
        audio_free(&wav->audio);
        return NULL;
    }
    return &wav->audio;
}
