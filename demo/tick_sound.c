/* Self-test of sound: a short soft tone on the first output. Source: VIRTIO 1.2, 5.14. */
#include "demo/lib.h"
#include "demo/machine.h"
#include "demo/ticks.h"
#include "demo/trap.h"
#include "demo/virtio.h"

#define LIMIT_US     5000000
#define RATE         48000
#define CHANNELS     2
#define PERIOD       480 /* frames: 10 ms */
#define PERIODS      8
#define TONE_HZ      440
#define AMPLITUDE    3000
#define STREAMS_MAX  8
#define FRAME_SIZE   (CHANNELS * sizeof(int16_t))
#define PERIOD_BYTES (PERIOD * FRAME_SIZE)

enum sound_code {
    PCM_INFO = 0x0100,
    PCM_SET_PARAMS = 0x0101,
    PCM_PREPARE = 0x0102,
    PCM_RELEASE = 0x0103,
    PCM_START = 0x0104,
    PCM_STOP = 0x0105,
    SOUND_OK = 0x8000,
};
enum { QUEUE_CONTROL = 0, QUEUE_EVENT = 1, QUEUE_SEND = 2, CONFIG_STREAMS = 4 };
enum { FORMAT_S16 = 5, RATE_48000 = 7, DIRECTION_OUTPUT = 0 };

struct pcm_info {
    uint32_t node, features;
    uint64_t formats, rates;
    uint8_t direction, channels_min, channels_max, padding[5];
};

static struct {
    struct virtio dev;
    struct virtio_queue control, send;
    uint32_t request[6];
    struct {
        uint32_t status;
        struct pcm_info info[STREAMS_MAX];
    } __attribute__((packed)) answer;
    uint32_t stream;
    struct {
        uint32_t status, latency;
    } done[PERIODS];
    int16_t frames[PERIODS][PERIOD][CHANNELS];
} sound;

/* Sends the words of sound.request; whether the answer is good. */
static bool sound_call(enum sound_code code, unsigned words, uint32_t answer_size)
{
    sound.request[0] = code;
    sound.answer.status = 0;
    const struct virtio_part parts[] = { { sound.request, words * 4, false },
                                         { &sound.answer, answer_size, true } };
    return queue_call(&sound.control, parts, COUNT(parts), LIMIT_US, NULL) &&
           sound.answer.status == SOUND_OK;
}

static bool sound_command(enum sound_code code)
{
    sound.request[1] = sound.stream;
    return sound_call(code, 2, sizeof(uint32_t));
}

/* The first stream that plays what we have. */
static bool sound_find(void)
{
    uint32_t count = MIN(virtio_config(&sound.dev, CONFIG_STREAMS, 4), STREAMS_MAX);
    sound.request[1] = 0;
    sound.request[2] = count;
    sound.request[3] = sizeof(struct pcm_info);
    if (count == 0 ||
        !sound_call(PCM_INFO, 4, (uint32_t)(4 + count * sizeof(struct pcm_info)))) {
        return false;
    }
    for (sound.stream = 0; sound.stream < count; sound.stream++) {
        struct pcm_info info;
        memcpy(&info, &sound.answer.info[sound.stream], sizeof(info));
        if (info.direction == DIRECTION_OUTPUT && info.formats >> FORMAT_S16 & 1 &&
            info.rates >> RATE_48000 & 1 && info.channels_max >= CHANNELS) {
            return true;
        }
    }
    return false;
}

static bool sound_set(void)
{
    sound.request[1] = sound.stream;
    sound.request[2] = PERIODS * PERIOD_BYTES;
    sound.request[3] = PERIOD_BYTES;
    sound.request[4] = 0;
    sound.request[5] = CHANNELS | FORMAT_S16 << 8 | RATE_48000 << 16;
    return sound_call(PCM_SET_PARAMS, 6, sizeof(uint32_t)) && sound_command(PCM_PREPARE);
}

/* A sine by rotation, faded in and out. */
static void sound_fill(void)
{
    const double turn = 2 * 3.14159265358979 * TONE_HZ / RATE, turn2 = turn * turn;
    const double cosine = 1 - turn2 / 2 + turn2 * turn2 / 24, sine = turn - turn * turn2 / 6;
    const int total = PERIODS * PERIOD;
    double x = 1, y = 0;
    for (int i = 0; i < total; i++) {
        double fade = (double)MIN(i, total - i) * 4 / total;
        int16_t value = (int16_t)(y * AMPLITUDE * MIN(fade, 1.0));
        sound.frames[i / PERIOD][i % PERIOD][0] = value;
        sound.frames[i / PERIOD][i % PERIOD][1] = value;
        double next = x * cosine - y * sine;
        y = x * sine + y * cosine;
        x = next;
    }
}

/* Gives all periods and waits until they are played; how many were. */
static unsigned sound_play(void)
{
    uint64_t limit = time_after_us(LIMIT_US);
    unsigned played = 0, good = 0;
    for (unsigned i = 0; i < PERIODS; i++) {
        const struct virtio_part parts[] = { { &sound.stream, sizeof(sound.stream), false },
                                             { sound.frames[i], PERIOD_BYTES, false },
                                             { &sound.done[i], sizeof(sound.done[i]), true } };
        queue_add(&sound.send, parts, COUNT(parts));
    }
    queue_kick(&sound.send);
    if (!sound_command(PCM_START)) {
        return 0;
    }
    while (played < PERIODS && time_now() < limit) {
        if (queue_take(&sound.send, NULL) < 0) {
            irq_wait(time_after_us(1000));
        } else {
            played++;
        }
    }
    for (unsigned i = 0; i < PERIODS; i++) {
        good += sound.done[i].status == SOUND_OK;
    }
    return good;
}

enum tick_state tick_sound(struct tick *tick)
{
    if (!virtio_open(&sound.dev, VIRTIO_SOUND, 0)) {
        return tick_say(tick, TICK_NONE, "no sound");
    }
    memset(sound.done, 0, sizeof(sound.done));
    if (!virtio_begin(&sound.dev, 0) ||
        !virtio_add_queue(&sound.dev, &sound.control, QUEUE_CONTROL) ||
        !virtio_add_queue(&sound.dev, &sound.send, QUEUE_SEND)) {
        return tick_say(tick, TICK_BAD, "the device agrees to nothing");
    }
    virtio_go(&sound.dev);
    if (!sound_find() || !sound_set()) {
        return tick_say(tick, TICK_BAD, "no output takes 48 kHz stereo");
    }
    sound_fill();
    unsigned played = sound_play();
    bool ended = sound_command(PCM_STOP) && sound_command(PCM_RELEASE);
    if (played != PERIODS || !ended) {
        return tick_say(tick, TICK_BAD, "%u of %u periods played", played, PERIODS);
    }
    return tick_say(tick, TICK_OK, "%u ms of %u Hz", PERIODS * PERIOD * 1000 / RATE, TONE_HZ);
}
