/*
 * Sound device: one stream to play, one to record. Source: VIRTIO 1.2, section 5.14. Not offered:
 * shared memory, remapping of jacks.
 */
#include "emu/virtio/snd.h"

#include <string.h>

/* The configuration space: offsets of 5.14.4. */
enum { CONFIG_JACKS = 0, CONFIG_STREAMS = 4, CONFIG_MAPS = 8, CONFIG_SIZE = 12 };

void snd_tell_jacks(struct virtio_snd *snd)
{
    struct virtqueue *queue = &snd->dev.queue[SND_EVENT];
    for (unsigned i = 0; i < SND_STREAMS; i++) {
        bool absent = snd->absent[i];
        if (absent == snd->told_absent[i]) {
            continue;
        }
        if (!virtqueue_pop(queue, &snd->event)) {
            virtqueue_set_notification(queue, true);
            if (!virtqueue_pop(queue, &snd->event)) {
                break;
            }
        }
        uint32_t code = absent ? SND_EVT_JACK_DISCONNECTED : SND_EVT_JACK_CONNECTED;
        uint32_t event[2] = { GUINT32_TO_LE(code), GUINT32_TO_LE(i) };
        if (virtq_request_write(&snd->event, 0, event, sizeof(event)) < sizeof(event)) {
            virtio_set_broken(&snd->dev, "sound event buffer without room for an event");
            return;
        }
        virtqueue_push(queue, snd->event.head, sizeof(event));
        snd->told_absent[i] = absent;
    }
    virtio_notify_queue(&snd->dev, queue);
}

/* A request about one stream. */
static enum snd_code snd_control_stream(struct virtio_snd *snd, enum snd_code code,
                                        const struct virtq_request *request)
{
    uint8_t params[SND_PARAMS_SIZE] = { 0 };
    uint32_t number, size = code == SND_R_PCM_SET_PARAMS ? SND_PARAMS_SIZE : 8;
    if (virtq_request_read(request, 0, params, size) < size) {
        return SND_S_BAD_MSG;
    }
    memcpy(&number, params + 4, sizeof(number));
    number = GUINT32_FROM_LE(number);
    return number < SND_STREAMS ? snd_stream_control(&snd->stream[number], code, params)
                                : SND_S_BAD_MSG;
}

static enum snd_code snd_request(struct virtio_snd *snd, uint32_t code,
                                 const struct virtq_request *request, uint32_t *ret_written)
{
    switch (code) {
    case SND_R_JACK_INFO:
    case SND_R_PCM_INFO:
    case SND_R_CHMAP_INFO: return snd_info(snd, (enum snd_code)code, request, ret_written);
    case SND_R_PCM_SET_PARAMS:
    case SND_R_PCM_PREPARE:
    case SND_R_PCM_RELEASE:
    case SND_R_PCM_START:
    case SND_R_PCM_STOP: return snd_control_stream(snd, (enum snd_code)code, request);
    default: return SND_S_NOT_SUPP;
    }
}

static bool snd_control(struct virtio_device *dev, struct virtqueue *queue,
                        struct virtq_request *request)
{
    struct virtio_snd *snd = (struct virtio_snd *)dev;
    uint32_t code, status, written = sizeof(status);
    if (virtq_request_read(request, 0, &code, sizeof(code)) < sizeof(code) ||
        request->write_size < sizeof(status)) {
        virtio_set_broken(dev, "sound control message without code or room for an answer");
        return true;
    }
    status = GUINT32_TO_LE((uint32_t)snd_request(snd, GUINT32_FROM_LE(code), request, &written));
    virtq_request_write(request, 0, &status, sizeof(status));
    virtqueue_push(queue, request->head, written);
    return true;
}

static void snd_notify(struct virtio_device *dev, unsigned index)
{
    struct virtio_snd *snd = (struct virtio_snd *)dev;
    if (index == SND_CONTROL) {
        virtio_drain_queue(&dev->queue[index], &snd->control, snd_control);
        virtio_notify_queue(dev, &dev->queue[index]);
    } else if (index == SND_EVENT) {
        snd_tell_jacks(snd);
    } else {
        snd_stream_notify(snd, index);
    }
}

static void snd_stop_queue(struct virtio_device *dev, unsigned index)
{
    if (index == SND_TX || index == SND_RX) {
        snd_stream_reset(
            &((struct virtio_snd *)dev)->stream[index == SND_TX ? SND_OUTPUT : SND_INPUT]);
    }
}

static void snd_reset(struct virtio_device *dev)
{
    struct virtio_snd *snd = (struct virtio_snd *)dev;
    memcpy(snd->told_absent, snd->absent, sizeof(snd->absent));
}

static void snd_collect(struct virtio_device *dev)
{
    for (unsigned i = 0; i < SND_STREAMS; i++) {
        snd_stream_collect(&((struct virtio_snd *)dev)->stream[i]);
    }
}

static bool snd_check(const struct virtio_device *staged, GError **error)
{
    for (unsigned i = 0; i < SND_STREAMS; i++) {
        if (!snd_stream_check(&((const struct virtio_snd *)staged)->stream[i])) {
            return state_fail(error, STATE_ERROR_MACHINE,
                              "stream %u has a format that there is none of here", i);
        }
    }
    return true;
}

static void snd_restore(struct virtio_device *dev)
{
    for (unsigned i = 0; i < SND_STREAMS; i++) {
        snd_stream_restore(&((struct virtio_snd *)dev)->stream[i]);
    }
}

static void snd_get_config(struct virtio_device *dev, uint8_t *config)
{
    (void)dev;
    config[CONFIG_JACKS] = SND_STREAMS;
    config[CONFIG_STREAMS] = SND_STREAMS;
    config[CONFIG_MAPS] = 2 * SND_STREAMS;
}

static void snd_finish(struct virtio_device *dev)
{
    struct virtio_snd *snd = (struct virtio_snd *)dev;
    for (unsigned i = 0; i < SND_STREAMS; i++) {
        g_free(snd->stream[i].message);
    }
}

const struct virtio_class virtio_snd_class = {
    .name = "virtio-snd",
    .id = 25,
    .queue_count = SND_QUEUES,
    .queue_size = SND_QUEUE_SIZE,
    .instance_size = sizeof(struct virtio_snd),
    .config_size = CONFIG_SIZE,
    .state =
        (const struct state_field[]){
            STATE_STRUCT(struct virtio_snd, stream, KEPT, struct snd_stream, snd_stream_fields),
            STATE_FIELD(struct virtio_snd, told_absent, RESET),
            { 0 },
        },
    .collect = snd_collect,
    .check = snd_check,
    .restore = snd_restore,
    .finish = snd_finish,
    .reset = snd_reset,
    .notify = snd_notify,
    .stop_queue = snd_stop_queue,
    .get_config = snd_get_config,
};

struct virtio_device *virtio_snd_new(const char *id, const struct device_services *services,
                                     struct audio *audio)
{
    struct virtio_snd *snd = virtio_alloc(&virtio_snd_class, id, services);
    snd->audio = audio;
    for (unsigned i = 0; i < SND_STREAMS; i++) {
        snd->stream[i].snd = snd;
        snd->stream[i].number = i;
        snd->stream[i].message = g_new0(struct snd_message, SND_QUEUE_SIZE);
    }
    return &snd->dev;
}
