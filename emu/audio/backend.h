/* What the kinds of sound backend share. */
#pragma once

#include "emu/audio/audio.h"
#include "platform/thread.h"

/* What a kind implements. */
struct audio_class {
    const char *name;
    /* Whether it can; every format if NULL. */
    bool (*supports)(const struct audio *audio, bool capture, const struct audio_format *format);
    /* Opens a device for the stream and puts its own data into `device`; false if there is none
     * now. NULL: it has no device and goes by the clock. */
    bool (*open)(struct audio_stream *stream);
    /* Lets the device call audio_pull or audio_push, or stops it. */
    void (*run)(struct audio_stream *stream, bool running);
    /* Closes the device; it makes no calls any more. */
    void (*close)(struct audio_stream *stream);
    /* Without a device: takes what was played, on the loop. False: it cannot any more. Optional. */
    bool (*take)(struct audio *audio, const uint8_t *data, size_t size);
    /* Gives back what the kind has. Optional. */
    void (*finish)(struct audio *audio);
};

/* The first member of each backend. */
struct audio {
    const struct audio_class *class;
    char *id;
};

struct audio_stream {
    struct audio *audio;
    bool capture;
    struct audio_format format;
    void *device;  /* the backend's; NULL: silent */
    size_t behind; /* bytes that a device holds; the backend fills it in */

    struct aio_context *ctx;
    struct aio_clock *clock;
    struct aio_timer timer; /* takes the place of the device, or looks after it */
    struct aio_bh *wake_bh;
    bool running;
    int64_t paced_ns;    /* when a stream without a device began to run */
    uint64_t paced_done; /* bytes since then */
    int64_t seen_ns;     /* when the device was last seen to have asked for more */
    uint64_t seen;       /* what it had asked for then */
    bool stalled;        /* it has not for long: as if there were none */

    struct host_mutex lock; /* a leaf: what follows */
    uint8_t *ring;
    size_t size;
    uint64_t in, out;
    uint64_t asked; /* bytes that the device has wanted or given */
    bool starved; /* the device wanted more than there was */
    unsigned underruns;
    bool failed;
};

/* Allocates `size` zeroed bytes that begin with a struct audio, and fills that in. */
void *audio_alloc(const struct audio_class *class, const char *id, size_t size);

/* Fills `data` with what is to be played next, and with silence behind it; returns the bytes that
 * are no silence. Any thread. */
size_t audio_pull(struct audio_stream *stream, uint8_t *data, size_t size);

/* Adds what was recorded; what finds no room is lost. Any thread. */
void audio_push(struct audio_stream *stream, const uint8_t *data, size_t size);
