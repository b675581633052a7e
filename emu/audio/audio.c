#include "emu/audio/audio.h"

#include <assert.h>
#include <string.h>

#include "emu/audio/backend.h"

#define RING_NS  500000000   /* what a ring holds */
#define TICK_NS  10000000    /* of a stream without a device */
#define STALL_NS 1000000000  /* after which lost time is not made up for, and a device is given up \
                              */
#define WATCH_NS   250000000 /* between two looks whether a device still asks */
#define SECOND_NS  1000000000
#define PACE_CHUNK 4096u

static const unsigned sample_size[SAMPLE_KINDS] = {
    [SAMPLE_U8] = 1,
    [SAMPLE_S16] = 2,
    [SAMPLE_S32] = 4,
    [SAMPLE_F32] = 4,
};

unsigned audio_frame_size(const struct audio_format *format)
{
    return sample_size[format->sample] * format->channels;
}

size_t audio_bytes_of(const struct audio_format *format, int64_t ns)
{
    assert(ns >= 0 && ns <= 3600ll * SECOND_NS);
    return (size_t)(ns * format->rate / SECOND_NS) * audio_frame_size(format);
}

void *audio_alloc(const struct audio_class *class, const char *id, size_t size)
{
    assert(size >= sizeof(struct audio));
    struct audio *audio = g_malloc0(size);
    audio->class = class;
    audio->id = g_strdup(id);
    return audio;
}

void audio_free(struct audio *audio)
{
    if (audio != NULL) {
        if (audio->class->finish != NULL) {
            audio->class->finish(audio);
        }
        g_free(audio->id);
        g_free(audio);
    }
}

const char *audio_id(const struct audio *audio)
{
    return audio->id;
}

bool audio_supports(const struct audio *audio, bool capture, const struct audio_format *format)
{
    return format->channels > 0 && format->channels <= AUDIO_CHANNELS_MAX && format->rate > 0 &&
           format->rate <= AUDIO_RATE_MAX &&
           (audio->class->supports == NULL || audio->class->supports(audio, capture, format));
}

/* Copies out of the ring. Lock held. */
static size_t ring_take(struct audio_stream *stream, uint8_t *data, size_t size)
{
    size = MIN(size, (size_t)(stream->in - stream->out));
    for (size_t done = 0; done < size;) {
        size_t at = (size_t)(stream->out % stream->size);
        size_t part = MIN(size - done, stream->size - at);
        memcpy(data + done, stream->ring + at, part);
        stream->out += part;
        done += part;
    }
    return size;
}

/* Copies into the ring, whole frames. Lock held. */
static size_t ring_put(struct audio_stream *stream, const uint8_t *data, size_t size)
{
    size_t room = stream->size - (size_t)(stream->in - stream->out);
    size = MIN(size, room);
    for (size_t done = 0; done < size;) {
        size_t at = (size_t)(stream->in % stream->size);
        size_t part = MIN(size - done, stream->size - at);
        memcpy(stream->ring + at, data + done, part);
        stream->in += part;
        done += part;
    }
    return size;
}

/* What audio_pull does, for the device or, `by_clock`, in its place. */
static size_t stream_pull(struct audio_stream *stream, uint8_t *data, size_t size, bool by_clock)
{
    host_mutex_lock(&stream->lock);
    size_t taken = ring_take(stream, data, size);
    stream->starved |= taken < size;
    stream->asked += by_clock ? 0 : size;
    host_mutex_unlock(&stream->lock);
    memset(data + taken, stream->format.sample == SAMPLE_U8 ? 0x80 : 0, size - taken);
    aio_bh_schedule(stream->wake_bh);
    return taken;
}

size_t audio_pull(struct audio_stream *stream, uint8_t *data, size_t size)
{
    return stream_pull(stream, data, size, false);
}

/* The same for audio_push. */
static void stream_push(struct audio_stream *stream, const uint8_t *data, size_t size,
                        bool by_clock)
{
    host_mutex_lock(&stream->lock);
    ring_put(stream, data, size);
    stream->asked += by_clock ? 0 : size;
    host_mutex_unlock(&stream->lock);
    aio_bh_schedule(stream->wake_bh);
}

void audio_push(struct audio_stream *stream, const uint8_t *data, size_t size)
{
    stream_push(stream, data, size, false);
}

/* Bytes that are due by the clock since the last time. */
static size_t pace_due(struct audio_stream *stream)
{
    int64_t now = aio_clock_now_ns(stream->clock), passed = now - stream->paced_ns;
    if (passed > STALL_NS) {
        stream->paced_ns = now - TICK_NS;
        stream->paced_done = 0;
        passed = TICK_NS;
    }
    return (size_t)(audio_bytes_of(&stream->format, passed) - stream->paced_done);
}

static void pace_begin(struct audio_stream *stream)
{
    stream->paced_ns = aio_clock_now_ns(stream->clock);
    stream->paced_done = 0;
}

/* Plays `due` bytes to nobody, or into a file. What is late begins a new account of time. */
static void pace_play(struct audio_stream *stream, size_t due)
{
    uint8_t data[PACE_CHUNK];
    const struct audio_class *class = stream->audio->class;
    while (due > 0) {
        size_t want = MIN(due, sizeof(data));
        size_t taken = stream_pull(stream, data, want, true);
        if (taken > 0 && !stream->failed && class->take != NULL) {
            stream->failed = !class->take(stream->audio, data, taken);
        }
        stream->paced_done += taken;
        due -= taken;
        if (taken < want) {
            pace_begin(stream);
            return;
        }
    }
}

static void pace_record(struct audio_stream *stream, size_t due)
{
    uint8_t data[PACE_CHUNK];
    memset(data, stream->format.sample == SAMPLE_U8 ? 0x80 : 0, sizeof(data));
    for (stream->paced_done += due; due > 0; due -= MIN(due, sizeof(data))) {
        stream_push(stream, data, MIN(due, sizeof(data)), true);
    }
}

/* Whether the stream's device has asked for nothing for so long that the guest must not wait for it
 * any more; it counts again as soon as it asks. */
static bool device_stalls(struct audio_stream *stream)
{
    host_mutex_lock(&stream->lock);
    uint64_t asked = stream->asked;
    host_mutex_unlock(&stream->lock);
    int64_t now = aio_clock_now_ns(stream->clock);
    if (asked != stream->seen) {
        stream->seen = asked;
        stream->seen_ns = now;
    }
    bool stalls = now - stream->seen_ns >= STALL_NS;
    if (stalls && !stream->stalled) {
        pace_begin(stream);
    }
    stream->stalled = stalls;
    return stalls;
}

static void pace_tick(void *opaque)
{
    struct audio_stream *stream = opaque;
    if (stream->device != NULL && !device_stalls(stream)) {
        timer_mod(&stream->timer, aio_clock_now_ns(stream->clock) + WATCH_NS);
        return;
    }
    size_t due = pace_due(stream);
    if (stream->capture) {
        pace_record(stream, due);
    } else {
        pace_play(stream, due);
    }
    timer_mod(&stream->timer, aio_clock_now_ns(stream->clock) + TICK_NS);
}

struct audio_stream *audio_open(struct audio *audio, bool capture,
                                const struct audio_format *format, struct aio_context *ctx,
                                struct aio_clock *clock, audio_wake_fn *wake, void *opaque)
{
    assert(audio_supports(audio, capture, format));
    struct audio_stream *stream = g_new0(struct audio_stream, 1);
    stream->audio = audio;
    stream->capture = capture;
    stream->format = *format;
    stream->ctx = ctx;
    stream->clock = clock;
    stream->size = audio_bytes_of(format, RING_NS);
    stream->ring = g_malloc(stream->size);
    stream->wake_bh = aio_bh_new(ctx, "audio", wake, opaque);
    timer_init(&stream->timer, ctx, clock, "audio", pace_tick, stream);
    host_mutex_init(&stream->lock);
    if (audio->class->open == NULL || !audio->class->open(stream)) {
        stream->device = NULL;
    }
    return stream;
}

void audio_close(struct audio_stream *stream)
{
    if (stream == NULL) {
        return;
    }
    audio_run(stream, false);
    if (stream->device != NULL) {
        stream->audio->class->close(stream);
    }
    aio_bh_delete(stream->wake_bh);
    host_mutex_finish(&stream->lock);
    g_free(stream->ring);
    g_free(stream);
}

bool audio_is_silent(const struct audio_stream *stream)
{
    return stream->audio->class->open != NULL && stream->device == NULL;
}

void audio_run(struct audio_stream *stream, bool running)
{
    if (stream->running == running) {
        return;
    }
    stream->running = running;
    if (stream->device != NULL) {
        stream->audio->class->run(stream, running);
    }
    if (running) {
        pace_begin(stream);
        stream->seen_ns = stream->paced_ns;
        stream->stalled = false;
        timer_mod(&stream->timer, stream->paced_ns + TICK_NS);
    } else {
        timer_del(&stream->timer);
    }
    host_mutex_lock(&stream->lock);
    stream->starved = false;
    host_mutex_unlock(&stream->lock);
}

size_t audio_write(struct audio_stream *stream, const void *data, size_t size)
{
    assert(!stream->capture);
    host_mutex_lock(&stream->lock);
    size = ring_put(stream, data, size);
    if (stream->starved && size > 0) {
        stream->starved = false;
        stream->underruns++; /* only now: the end of a piece is no underrun */
    }
    host_mutex_unlock(&stream->lock);
    return size;
}

size_t audio_read(struct audio_stream *stream, void *data, size_t size)
{
    assert(stream->capture);
    host_mutex_lock(&stream->lock);
    size = ring_take(stream, data, size);
    host_mutex_unlock(&stream->lock);
    return size;
}

struct audio_progress audio_get_progress(struct audio_stream *stream)
{
    host_mutex_lock(&stream->lock);
    const struct audio_progress progress = { stream->in, stream->out, stream->underruns,
                                             stream->behind, stream->failed };
    host_mutex_unlock(&stream->lock);
    return progress;
}

void audio_cut(struct audio_stream *stream, uint64_t position)
{
    host_mutex_lock(&stream->lock);
    stream->in = CLAMP(position, stream->out, stream->in);
    host_mutex_unlock(&stream->lock);
}
