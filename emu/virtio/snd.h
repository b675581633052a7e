/* What the parts of the sound device share. Source: VIRTIO 1.2, section 5.14. */
#pragma once

#include "emu/audio/audio.h"
#include "emu/virtio/virtio.h"

#define SND_STREAMS    2 /* one to play, one to record */
#define SND_QUEUE_SIZE 64

enum { SND_CONTROL, SND_EVENT, SND_TX, SND_RX, SND_QUEUES };
enum { SND_OUTPUT = 0, SND_INPUT = 1 }; /* directions, and here the streams' numbers too */

/* Request, event and status codes (5.14.6). */
enum snd_code {
    SND_R_JACK_INFO = 0x0001,
    SND_R_JACK_REMAP = 0x0002,
    SND_R_PCM_INFO = 0x0100,
    SND_R_PCM_SET_PARAMS = 0x0101,
    SND_R_PCM_PREPARE = 0x0102,
    SND_R_PCM_RELEASE = 0x0103,
    SND_R_PCM_START = 0x0104,
    SND_R_PCM_STOP = 0x0105,
    SND_R_CHMAP_INFO = 0x0200,
    SND_EVT_JACK_CONNECTED = 0x1000,
    SND_EVT_JACK_DISCONNECTED = 0x1001,
    SND_S_OK = 0x8000,
    SND_S_BAD_MSG = 0x8001,
    SND_S_NOT_SUPP = 0x8002,
    SND_S_IO_ERR = 0x8003,
};

#define SND_PARAMS_SIZE 24u /* of a request to set parameters */
#define SND_STATUS_SIZE 8u  /* behind the samples of a message */
#define SND_XFER_SIZE   4u  /* before them */

/* What the driver may do next (5.14.6.6.1). */
enum snd_state { SND_UNSET, SND_SET, SND_PREPARED, SND_RUNNING, SND_STOPPED, SND_RELEASED };

struct virtio_snd;

/* A buffer of the driver, with samples or for samples. */
struct snd_message {
    struct virtq_request request;
    uint32_t size; /* of its samples */
    uint32_t done; /* bytes of them that are in the ring, or came from it */
    uint64_t end;  /* of the ring's input, behind its last sample */
};

/* What a snapshot keeps of a stream. */
struct snd_params {
    enum snd_state state;
    struct audio_format format;
};

struct snd_stream {
    struct virtio_snd *snd;
    unsigned number;
    struct snd_params params;
    struct audio_stream *audio;  /* NULL: closed */
    int64_t lead_ns;             /* how early messages are given back, so that more come in time */
    unsigned underruns;          /* of the ring, when the lead was set */
    struct snd_message *message; /* SND_QUEUE_SIZE of them, a ring */
    unsigned head, count;
    uint16_t *saved;      /* heads of the messages, oldest first, while they are saved */
    uint32_t saved_count;
};

struct virtio_snd {
    struct virtio_device dev;
    struct audio *audio;
    struct snd_stream stream[SND_STREAMS];
    bool absent[SND_STREAMS];      /* the host has no device for it */
    bool told_absent[SND_STREAMS]; /* and the driver knows */
    struct virtq_request control;  /* scratch */
    struct virtq_request event;    /* scratch */
    struct virtq_request transfer; /* scratch */
};

/* Describes `count` jacks, streams or channel maps from `start` on, each in `size` bytes, to
 * `request` behind the status of the answer; returns the status. */
enum snd_code snd_info(const struct virtio_snd *snd, enum snd_code what,
                       const struct virtq_request *request, uint32_t *ret_written);

/* The format that a driver's numbers mean; false if no stream may have it. */
bool snd_format(const struct virtio_snd *snd, unsigned number, const uint8_t *params,
                struct audio_format *ret_format);

/* Does what the driver asks of a stream; `params` are those of SND_R_PCM_SET_PARAMS. */
enum snd_code snd_stream_control(struct snd_stream *stream, enum snd_code code,
                                 const uint8_t *params);

/* What is saved of a stream. */
extern const struct state_field snd_stream_fields[];

/* Lists the messages that the stream has, for saving. */
void snd_stream_collect(struct snd_stream *stream);

/* Whether a stream can be like that. */
bool snd_stream_check(const struct snd_stream *stream);

/* Takes the messages again, and goes on from the first that was not given back. */
void snd_stream_restore(struct snd_stream *stream);

/* A driver rang the queue of messages. */
void snd_stream_notify(struct virtio_snd *snd, unsigned queue);

/* The driver is gone: forgets messages and closes the stream. */
void snd_stream_reset(struct snd_stream *stream);

/* Tells the driver which jacks have something on them, as far as it has buffers. */
void snd_tell_jacks(struct virtio_snd *snd);
