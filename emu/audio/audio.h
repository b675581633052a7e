/*
 * Sound between a guest's sound card and what the host has for it: a device, a file, or nothing.
 *
 * A stream is a bounded ring of samples. The card is on one side, on the loop with the machine
 * lock held; the backend is on the other, on any thread, and goes at the pace of its clock. What
 * is in the ring is played whether or not the machine has time, so it does not crackle when a
 * busy machine is a little late.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

#include "aio/context.h"
#include "aio/timer.h"

struct audio;
struct audio_stream;

enum audio_sample { SAMPLE_U8, SAMPLE_S16, SAMPLE_S32, SAMPLE_F32, SAMPLE_KINDS };

/* Samples are little endian, those of a frame follow each other. */
struct audio_format {
    enum audio_sample sample;
    unsigned channels, rate;
};

#define AUDIO_CHANNELS_MAX 8
#define AUDIO_RATE_MAX     192000

/* Bytes of one sample of each channel. */
unsigned audio_frame_size(const struct audio_format *format);

/* Bytes that last `ns`, whole frames. */
size_t audio_bytes_of(const struct audio_format *format, int64_t ns);

/* Something was played or recorded, on the loop. */
typedef void audio_wake_fn(void *opaque);

/* Takes what is played at its pace, and records silence. */
struct audio *audio_new_none(const char *id);

/* Writes what is played to a new file at `path`, in this format only; records silence. What the
 * guest is late with leaves no gap in the file. */
struct audio *audio_new_wav(const char *id, const char *path, const struct audio_format *format,
                            GError **error);

/* Frees it; its streams are closed. Accepts NULL. */
void audio_free(struct audio *audio);

/* Its id. */
const char *audio_id(const struct audio *audio);

/* Whether streams of that format can be opened. */
bool audio_supports(const struct audio *audio, bool capture, const struct audio_format *format);

/* Opens a stream, which stands. Where the host has no device now it is silent, at the pace of
 * `clock`. */
struct audio_stream *audio_open(struct audio *audio, bool capture,
                                const struct audio_format *format, struct aio_context *ctx,
                                struct aio_clock *clock, audio_wake_fn *wake, void *opaque);

/* Ends and frees a stream at once; accepts NULL. */
void audio_close(struct audio_stream *stream);

/* Whether the host has no device for it. */
bool audio_is_silent(const struct audio_stream *stream);

/* Lets it run, or stand. */
void audio_run(struct audio_stream *stream, bool running);

/* Takes samples to play, as many as there is room for; returns how many bytes. */
size_t audio_write(struct audio_stream *stream, const void *data, size_t size);

/* Gives samples that were recorded; returns how many bytes. */
size_t audio_read(struct audio_stream *stream, void *data, size_t size);

/* What a stream has done since it was opened. */
struct audio_progress {
    uint64_t in, out;   /* bytes that went into the ring, and out of it */
    unsigned underruns; /* how often what was to be played came late */
    size_t behind;      /* bytes that the device holds behind the ring, an estimate */
    bool failed;        /* the host cannot play any more: a full disk */
};

/* Where the stream is now. */
struct audio_progress audio_get_progress(struct audio_stream *stream);

/* Forgets samples that are not played yet, from byte `position` on. */
void audio_cut(struct audio_stream *stream, uint64_t position);
