/* Goal: no driver can make the sound device crash, hang or forget a message. */
#include <string.h>

#include <glib.h>

#include "emu/audio/backend.h"
#include "tests/fuzz/virtio.h"

static struct audio *card;
static struct audio_stream *playing;

static bool card_open(struct audio_stream *stream)
{
    stream->device = stream;
    playing = stream->capture ? playing : stream;
    return true;
}

static void card_run(struct audio_stream *stream, bool running)
{
    (void)stream;
    (void)running;
}

static void card_close(struct audio_stream *stream)
{
    playing = playing == stream ? NULL : playing;
}

static const struct audio_class card_class = {
    .name = "card",
    .open = card_open,
    .run = card_run,
    .close = card_close,
};

static struct virtio_device *snd_make(struct driver *d)
{
    card = audio_alloc(&card_class, "card", sizeof(*card));
    return virtio_snd_new("snd0", &d->services, card);
}

static void snd_finish(struct driver *d)
{
    (void)d;
    audio_free(card);
}

/* The device plays something. */
static void snd_outside(struct driver *d, struct fuzz_input *input)
{
    uint8_t data[4096];
    (void)d;
    if (playing != NULL) {
        audio_pull(playing, data, fuzz_number(input, 2) % sizeof(data));
    }
}

/* A request, or the head of a message, that is likely to mean something. */
static uint32_t snd_header(uint8_t *header, struct fuzz_input *input)
{
    static const uint16_t codes[] = { 0x0001, 0x0100, 0x0101, 0x0102, 0x0103,
                                      0x0104, 0x0105, 0x0200, 0x0000, 0x0001 };
    uint16_t code = codes[fuzz_byte(input) % G_N_ELEMENTS(codes)];
    memset(header, 0, 24);
    header[0] = (uint8_t)code;
    header[1] = (uint8_t)(code >> 8);
    header[4] = fuzz_byte(input) % 3;
    header[8] = header[12] = (uint8_t)(fuzz_byte(input) | 4);
    header[20] = 1 + fuzz_byte(input) % 2;
    header[21] = 5;
    header[22] = fuzz_byte(input) % 14;
    return 24;
}

const struct fuzz_device fuzz_device = {
    .make = snd_make,
    .finish = snd_finish,
    .outside = snd_outside,
    .header = snd_header,
    .header_size = 24,
};
