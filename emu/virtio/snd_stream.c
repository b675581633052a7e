/*
 * The streams of the sound device. Source: VIRTIO 1.2, 5.14.6.6 to 5.14.6.8.
 *
 * All messages that the driver has given go into the ring at once, and are given back as they are
 * played: so a busy machine does not interrupt what the guest has prepared. If the guest then is
 * late itself, messages are given back earlier from then on.
 */
#include <assert.h>
#include <string.h>

#include "emu/virtio/snd.h"

#define CHUNK      4096u
#define LEAD_STEP  20000000  /* ns */
#define LEAD_MAX   200000000 /* ns */
#define BUFFER_MAX (16u << 20)

static struct virtqueue *stream_queue(const struct snd_stream *stream)
{
    return &stream->snd->dev.queue[stream->number == SND_OUTPUT ? SND_TX : SND_RX];
}

static struct snd_message *stream_message(struct snd_stream *stream, unsigned index)
{
    assert(index < stream->count);
    return &stream->message[(stream->head + index) % SND_QUEUE_SIZE];
}

/* Gives a message back: its status stands behind the samples of what was recorded. */
static void message_finish(struct virtqueue *queue, const struct virtq_request *request,
                           uint32_t samples, enum snd_code code, uint32_t latency)
{
    uint32_t status[2] = { GUINT32_TO_LE((uint32_t)code), GUINT32_TO_LE(latency) };
    uint32_t at = request->write_size - SND_STATUS_SIZE;
    virtq_request_write(request, at, status, sizeof(status));
    virtqueue_push(queue, request->head, samples + SND_STATUS_SIZE);
}

/* The same for the oldest message of a stream. */
static void stream_finish_first(struct snd_stream *stream, enum snd_code code, uint32_t latency)
{
    const struct snd_message *message = stream_message(stream, 0);
    uint32_t samples = stream->number == SND_INPUT ? message->done : 0;
    message_finish(stream_queue(stream), &message->request, samples, code, latency);
    stream->head = (stream->head + 1) % SND_QUEUE_SIZE;
    stream->count--;
}

static void stream_finish_all(struct snd_stream *stream)
{
    while (stream->count > 0) {
        stream_finish_first(stream, SND_S_OK, 0);
    }
    virtio_notify_queue(&stream->snd->dev, stream_queue(stream));
}

/* Puts what the driver has given into the ring, as much as there is room for. */
static void stream_feed(struct snd_stream *stream)
{
    uint8_t data[CHUNK];
    for (unsigned i = 0; i < stream->count; i++) {
        struct snd_message *message = stream_message(stream, i);
        while (message->done < message->size) {
            size_t part = MIN(sizeof(data), message->size - message->done);
            virtq_request_read(&message->request, SND_XFER_SIZE + message->done, data, part);
            size_t taken = audio_write(stream->audio, data, part);
            message->done += (uint32_t)taken;
            if (taken < part) {
                return;
            }
        }
        if (message->end == 0) {
            message->end = audio_get_progress(stream->audio).in;
        }
    }
}

/* Gives back what is played, or nearly. */
static void stream_play(struct snd_stream *stream)
{
    stream_feed(stream);
    struct audio_progress progress = audio_get_progress(stream->audio);
    if (progress.underruns != stream->underruns) {
        stream->underruns = progress.underruns;
        stream->lead_ns = MIN(stream->lead_ns + LEAD_STEP, LEAD_MAX);
    }
    size_t lead = audio_bytes_of(&stream->params.format, stream->lead_ns);
    while (stream->count > 0) {
        const struct snd_message *message = stream_message(stream, 0);
        if (message->done < message->size || message->end > progress.out + lead) {
            break;
        }
        uint64_t ahead = message->end - MIN(message->end, progress.out);
        stream_finish_first(stream, progress.failed ? SND_S_IO_ERR : SND_S_OK,
                            (uint32_t)(ahead + progress.behind));
    }
}

/* Fills messages with what was recorded. */
static void stream_record(struct snd_stream *stream)
{
    uint8_t data[CHUNK];
    while (stream->count > 0) {
        struct snd_message *message = stream_message(stream, 0);
        size_t part = MIN(sizeof(data), message->size - message->done);
        size_t taken = audio_read(stream->audio, data, part);
        virtq_request_write(&message->request, message->done, data, taken);
        message->done += (uint32_t)taken;
        if (message->done < message->size) {
            if (taken == 0) {
                break;
            }
            continue;
        }
        struct audio_progress progress = audio_get_progress(stream->audio);
        stream_finish_first(stream, SND_S_OK,
                            (uint32_t)(progress.in - progress.out + progress.behind));
    }
}

/* Closes a stream that has no more to say. */
static void stream_close(struct snd_stream *stream)
{
    audio_close(g_steal_pointer(&stream->audio));
}

/* The ring has moved. A stream that was stopped ends once all that was given back is played. */
static void stream_wake(void *opaque)
{
    struct snd_stream *stream = opaque;
    if (stream->params.state != SND_RUNNING) {
        struct audio_progress progress = audio_get_progress(stream->audio);
        if (progress.in != progress.out && stream->number == SND_OUTPUT) {
            return;
        }
        audio_run(stream->audio, false);
        if (stream->params.state == SND_RELEASED) {
            stream_close(stream);
        }
        return;
    }
    if (stream->number == SND_OUTPUT) {
        stream_play(stream);
    } else {
        stream_record(stream);
    }
    virtio_notify_queue(&stream->snd->dev, stream_queue(stream));
}

static enum snd_code stream_set(struct snd_stream *stream, const uint8_t *params)
{
    enum { BUFFER_BYTES = 8, PERIOD_BYTES = 12, FEATURES = 16 };
    uint32_t buffer, period, features;
    struct audio_format format;
    memcpy(&buffer, params + BUFFER_BYTES, sizeof(buffer));
    memcpy(&period, params + PERIOD_BYTES, sizeof(period));
    memcpy(&features, params + FEATURES, sizeof(features));
    buffer = GUINT32_FROM_LE(buffer);
    period = GUINT32_FROM_LE(period);
    if (features != 0 || !snd_format(stream->snd, stream->number, params, &format)) {
        return SND_S_NOT_SUPP;
    }
    if (period == 0 || buffer < period || buffer > BUFFER_MAX || buffer % period != 0) {
        return SND_S_BAD_MSG;
    }
    stream_close(stream);
    stream->params = (struct snd_params){ SND_SET, format };
    return SND_S_OK;
}

/* Opens the stream, or begins anew with an open one: what it still plays is played first. */
static void stream_prepare(struct snd_stream *stream)
{
    struct virtio_snd *snd = stream->snd;
    if (stream->audio == NULL) {
        stream->audio =
            audio_open(snd->audio, stream->number == SND_INPUT, &stream->params.format,
                       snd->dev.services.ctx, snd->dev.services.virtual_clock, stream_wake, stream);
        stream->underruns = 0;
        snd->absent[stream->number] = audio_is_silent(stream->audio);
        snd_tell_jacks(snd);
    }
    stream->params.state = SND_PREPARED;
}

static void stream_start(struct snd_stream *stream)
{
    stream->params.state = SND_RUNNING;
    if (stream->number == SND_OUTPUT) {
        stream_feed(stream);
    } else {
        audio_cut(stream->audio, 0); /* not what was recorded before */
    }
    audio_run(stream->audio, true);
}

/* What has been given back is still to be heard; the rest is not. */
static void stream_stop(struct snd_stream *stream)
{
    stream->params.state = SND_STOPPED;
    if (stream->number == SND_INPUT) {
        audio_run(stream->audio, false);
        return;
    }
    uint64_t start = audio_get_progress(stream->audio).in;
    for (unsigned i = 0; i < stream->count; i++) {
        start -= stream_message(stream, i)->done;
    }
    audio_cut(stream->audio, start);
    uint64_t played = audio_get_progress(stream->audio).in - start; /* of messages still here */
    for (unsigned i = 0; i < stream->count; i++) {
        struct snd_message *message = stream_message(stream, i);
        message->done = (uint32_t)MIN(message->done, played);
        message->end = 0;
        played -= message->done;
    }
    stream_wake(stream);
}

/* Whether the driver may ask for `code` now. */
static bool stream_allows(const struct snd_stream *stream, enum snd_code code)
{
    enum snd_state state = stream->params.state;
    switch ((unsigned)code) {
    case SND_R_PCM_SET_PARAMS: return state != SND_RUNNING;
    case SND_R_PCM_PREPARE: return state != SND_UNSET && state != SND_RUNNING;
    case SND_R_PCM_START: return state == SND_PREPARED || state == SND_STOPPED;
    case SND_R_PCM_STOP: return state == SND_RUNNING;
    case SND_R_PCM_RELEASE: return state == SND_PREPARED || state == SND_STOPPED;
    default: return false;
    }
}

enum snd_code snd_stream_control(struct snd_stream *stream, enum snd_code code,
                                 const uint8_t *params)
{
    if (!stream_allows(stream, code)) {
        return SND_S_BAD_MSG;
    }
    switch ((unsigned)code) {
    case SND_R_PCM_SET_PARAMS: {
        enum snd_code done = stream_set(stream, params);
        if (done == SND_S_OK) {
            stream_finish_all(stream);
        }
        return done;
    }
    case SND_R_PCM_PREPARE: stream_prepare(stream); break;
    case SND_R_PCM_START: stream_start(stream); break;
    case SND_R_PCM_STOP: stream_stop(stream); break;
    default:
        stream_finish_all(stream);
        stream->params.state = SND_RELEASED;
        stream_wake(stream);
        break;
    }
    return SND_S_OK;
}

/* Whether a message has the form that its queue wants: samples on one side, a status behind. */
static bool message_good(const struct virtq_request *request, unsigned queue)
{
    return queue == SND_TX
               ? request->read_size >= SND_XFER_SIZE && request->write_size == SND_STATUS_SIZE
               : request->read_size == SND_XFER_SIZE && request->write_size >= SND_STATUS_SIZE;
}

/* Puts a good message behind the others. */
static void message_keep(struct snd_stream *stream, const struct virtq_request *request)
{
    struct snd_message *message =
        &stream->message[(stream->head + stream->count++) % SND_QUEUE_SIZE];
    message->request = *request;
    message->size = stream->number == SND_OUTPUT ? request->read_size - SND_XFER_SIZE
                                                 : request->write_size - SND_STATUS_SIZE;
    message->done = 0;
    message->end = 0;
}

/* Whether a stream in that state takes messages. */
static bool stream_takes(enum snd_state state)
{
    return state == SND_PREPARED || state == SND_RUNNING || state == SND_STOPPED;
}

/* Keeps a message until it is its turn, or refuses it. */
static bool message_take(struct virtio_device *dev, struct virtqueue *queue,
                         struct virtq_request *request)
{
    struct virtio_snd *snd = (struct virtio_snd *)dev;
    struct snd_stream *stream = &snd->stream[queue->index == SND_TX ? SND_OUTPUT : SND_INPUT];
    uint32_t number = 0;
    virtq_request_read(request, 0, &number, sizeof(number));
    if (!message_good(request, queue->index)) {
        virtio_set_broken(dev, "sound message without stream or status");
        return true;
    }
    bool ready = stream_takes(stream->params.state);
    if (GUINT32_FROM_LE(number) != stream->number || !ready || stream->count == SND_QUEUE_SIZE) {
        message_finish(queue, request, 0, SND_S_BAD_MSG, 0);
        return true;
    }
    message_keep(stream, request);
    return true;
}

void snd_stream_notify(struct virtio_snd *snd, unsigned queue)
{
    struct snd_stream *stream = &snd->stream[queue == SND_TX ? SND_OUTPUT : SND_INPUT];
    virtio_drain_queue(&snd->dev.queue[queue], &snd->transfer, message_take);
    if (stream->params.state == SND_RUNNING) {
        stream_wake(stream);
    }
    virtio_notify_queue(&snd->dev, &snd->dev.queue[queue]);
}

void snd_stream_reset(struct snd_stream *stream)
{
    stream->head = stream->count = 0;
    stream_close(stream);
    stream->params = (struct snd_params){ 0 };
}

static const struct state_field params_fields[] = {
    STATE_MAX(struct snd_params, state, RESET, SND_RELEASED),
    STATE_MAX(struct snd_params, format.sample, RESET, SAMPLE_KINDS - 1),
    STATE_FIELD(struct snd_params, format.channels, RESET),
    STATE_FIELD(struct snd_params, format.rate, RESET),
    { 0 },
};

const struct state_field snd_stream_fields[] = {
    STATE_STRUCT(struct snd_stream, params, KEPT, struct snd_params, params_fields),
    STATE_LIST(struct snd_stream, saved, saved_count, SND_QUEUE_SIZE, NULL),
    { 0 },
};

void snd_stream_collect(struct snd_stream *stream)
{
    stream->saved = stream->count > 0 ? g_new(uint16_t, stream->count) : NULL;
    stream->saved_count = stream->count;
    for (unsigned i = 0; i < stream->count; i++) {
        stream->saved[i] = stream_message(stream, i)->request.head;
    }
}

bool snd_stream_check(const struct snd_stream *stream)
{
    const struct snd_params *params = &stream->params;
    return params->state == SND_UNSET ||
           (params->format.channels > 0 &&
            audio_supports(stream->snd->audio, stream->number == SND_INPUT, &params->format));
}

void snd_stream_restore(struct snd_stream *stream)
{
    enum snd_state state = stream->params.state;
    struct virtio_snd *snd = stream->snd;
    if (!stream_takes(state)) {
        return;
    }
    stream_prepare(stream);
    stream->params.state = state;
    for (uint32_t i = 0; i < stream->saved_count; i++) {
        if (!virtqueue_pop_again(stream_queue(stream), stream->saved[i], &snd->transfer)) {
            return;
        }
        if (!message_good(&snd->transfer, stream_queue(stream)->index)) {
            virtio_set_broken(&snd->dev, "saved sound message without stream or status");
            return;
        }
        message_keep(stream, &snd->transfer);
    }
    if (state == SND_RUNNING) {
        stream_start(stream);
    }
}
