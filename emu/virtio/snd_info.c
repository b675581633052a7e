/* What the sound device tells about itself. Source: VIRTIO 1.2, 5.14.6.4, 5.14.6.6 and 5.14.6.9. */
#include <string.h>

#include "emu/virtio/snd.h"

#define QUERY_SIZE   16u /* code, start, count, size */
#define ITEM_MAX     32u
#define CHANNELS_MAX 2u

/* Kinds of jack in Intel's "High Definition Audio Specification", 7.3.3.31: a built-in thing. */
#define HDA_FIXED   (2u << 30)
#define HDA_SPEAKER (1u << 20)
#define HDA_MIC     (0xau << 20)
#define HDA_NODE    0 /* the same for all: they are device 0 of the card */

enum snd_position { POSITION_MONO = 2, POSITION_FRONT_LEFT = 3, POSITION_FRONT_RIGHT = 4 };

/* Bit numbers of formats and rates (5.14.6.6.2). */
static const uint8_t format_bits[SAMPLE_KINDS] = {
    [SAMPLE_U8] = 4,
    [SAMPLE_S16] = 5,
    [SAMPLE_S32] = 17,
    [SAMPLE_F32] = 19,
};
static const unsigned rates[] = { 5512,  8000,  11025, 16000, 22050,  32000, 44100,
                                  48000, 64000, 88200, 96000, 176400, 192000 };

static bool format_possible(const struct virtio_snd *snd, unsigned stream, enum audio_sample sample,
                            unsigned channels, unsigned rate)
{
    const struct audio_format format = { sample, channels, rate };
    return channels <= CHANNELS_MAX && audio_supports(snd->audio, stream == SND_INPUT, &format);
}

bool snd_format(const struct virtio_snd *snd, unsigned number, const uint8_t *params,
                struct audio_format *ret_format)
{
    enum { CHANNELS = 20, FORMAT = 21, RATE = 22 };
    for (unsigned sample = 0; sample < SAMPLE_KINDS; sample++) {
        if (format_bits[sample] == params[FORMAT] && params[RATE] < G_N_ELEMENTS(rates) &&
            format_possible(snd, number, sample, params[CHANNELS], rates[params[RATE]])) {
            *ret_format = (struct audio_format){ sample, params[CHANNELS], rates[params[RATE]] };
            return true;
        }
    }
    return false;
}

static void put32(uint8_t *at, uint32_t value)
{
    value = GUINT32_TO_LE(value);
    memcpy(at, &value, sizeof(value));
}

static void put64(uint8_t *at, uint64_t value)
{
    put32(at, (uint32_t)value);
    put32(at + 4, (uint32_t)(value >> 32));
}

static void info_jack(const struct virtio_snd *snd, unsigned number, uint8_t *item)
{
    enum { DEFAULT_CONFIG = 8, CONNECTED = 16 };
    put32(item, HDA_NODE);
    put32(item + DEFAULT_CONFIG, HDA_FIXED | (number == SND_OUTPUT ? HDA_SPEAKER : HDA_MIC));
    item[CONNECTED] = !snd->absent[number];
}

/* All that is possible with some other choice; together they may still be refused. */
static void info_stream(const struct virtio_snd *snd, unsigned number, uint8_t *item)
{
    enum { FORMATS = 8, RATES = 16, DIRECTION = 24, CHANNELS_LEAST = 25, CHANNELS_MOST = 26 };
    uint64_t formats = 0, rate_bits = 0;
    item[CHANNELS_LEAST] = CHANNELS_MAX;
    for (unsigned sample = 0; sample < SAMPLE_KINDS; sample++) {
        for (unsigned rate = 0; rate < G_N_ELEMENTS(rates); rate++) {
            for (unsigned channels = 1; channels <= CHANNELS_MAX; channels++) {
                if (format_possible(snd, number, sample, channels, rates[rate])) {
                    formats |= 1ull << format_bits[sample];
                    rate_bits |= 1ull << rate;
                    item[CHANNELS_LEAST] = (uint8_t)MIN(item[CHANNELS_LEAST], channels);
                    item[CHANNELS_MOST] = (uint8_t)MAX(item[CHANNELS_MOST], channels);
                }
            }
        }
    }
    put32(item, HDA_NODE);
    put64(item + FORMATS, formats);
    put64(item + RATES, rate_bits);
    item[DIRECTION] = (uint8_t)number;
}

/* Two for each stream: of one channel and of two. */
static void info_map(unsigned number, uint8_t *item)
{
    enum { DIRECTION = 4, CHANNELS = 5, POSITIONS = 6 };
    bool stereo = (number & 1) != 0;
    put32(item, HDA_NODE);
    item[DIRECTION] = (uint8_t)(number / 2);
    item[CHANNELS] = stereo ? 2 : 1;
    item[POSITIONS] = stereo ? POSITION_FRONT_LEFT : POSITION_MONO;
    item[POSITIONS + 1] = stereo ? POSITION_FRONT_RIGHT : 0;
}

/* How many there are of a kind, and the bytes that describe one. */
static uint32_t info_count(enum snd_code what, uint32_t *ret_size)
{
    *ret_size = what == SND_R_PCM_INFO ? 32 : 24;
    return what == SND_R_CHMAP_INFO ? 2 * SND_STREAMS : SND_STREAMS;
}

enum snd_code snd_info(const struct virtio_snd *snd, enum snd_code what,
                       const struct virtq_request *request, uint32_t *ret_written)
{
    uint32_t query[QUERY_SIZE / 4], item_size;
    uint32_t there = info_count(what, &item_size);
    if (virtq_request_read(request, 0, query, QUERY_SIZE) < QUERY_SIZE) {
        return SND_S_BAD_MSG;
    }
    uint32_t start = GUINT32_FROM_LE(query[1]), count = GUINT32_FROM_LE(query[2]);
    uint32_t stride = GUINT32_FROM_LE(query[3]);
    if (start > there || count > there - start || stride < item_size ||
        (uint64_t)stride * count > request->write_size - *ret_written) {
        return SND_S_BAD_MSG;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint8_t item[ITEM_MAX] = { 0 };
        switch ((unsigned)what) {
        case SND_R_JACK_INFO: info_jack(snd, start + i, item); break;
        case SND_R_PCM_INFO: info_stream(snd, start + i, item); break;
        default: info_map(start + i, item); break;
        }
        virtq_request_write(request, *ret_written, item, item_size);
        *ret_written += stride;
    }
    return SND_S_OK;
}
