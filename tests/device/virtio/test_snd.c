/* Goal: a driver plays and records through the sound device without a gap, as 5.14 has it. */
#include <string.h>

#include <glib.h>

#include "emu/audio/backend.h"
#include "emu/virtio/snd.h"
#include "tests/device/virtio/driver.h"

#define MS      1000000
#define PERIOD  1920u /* 10 ms of two channels of 16 bits at 48 kHz */
#define S16     5
#define RATE_48 7

static struct driver d;
static struct aio_clock clock_by_hand;
static GByteArray *played;
static bool card_full, card_absent;

/* A backend without a device that keeps what is played. */
static bool card_take(struct audio *audio, const uint8_t *data, size_t size)
{
    (void)audio;
    g_byte_array_append(played, data, (guint)size);
    return !card_full;
}

static bool card_open(struct audio_stream *stream)
{
    stream->device = NULL;
    return false;
}

static void setup(void)
{
    static struct audio_class card_class = { .name = "card", .take = card_take };
    driver_init(&d);
    aio_clock_init_virtual(&clock_by_hand);
    d.services.virtual_clock = &clock_by_hand;
    played = g_byte_array_new();
    card_full = false;
    card_class.open = card_absent ? card_open : NULL;
    static struct audio *card;
    card = audio_alloc(&card_class, "card", sizeof(*card));
    driver_plug(&d, virtio_snd_new("snd0", &d.services, card));
    driver_start(&d, UINT64_MAX, 64);
    driver_poll(&d);
}

static void finish(void)
{
    struct audio *card = ((struct virtio_snd *)d.dev)->audio;
    driver_unplug(&d);
    audio_free(card);
    g_byte_array_unref(played);
    aio_context_drop_clock(d.ctx, &clock_by_hand);
    aio_clock_finish(&clock_by_hand);
    driver_finish(&d);
}

static void pass(unsigned ms)
{
    for (; ms > 0; ms -= MIN(ms, 10)) {
        aio_clock_set(&clock_by_hand, aio_clock_now_ns(&clock_by_hand) + MIN(ms, 10) * MS);
        driver_poll(&d);
    }
}

static uint32_t get32(const uint8_t *at)
{
    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static void put32(uint8_t *at, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++) {
        at[i] = (uint8_t)(value >> 8 * i);
    }
}

/* Sends a request; returns the status. The rest of the answer is at *ret_rest. */
static uint32_t ask(const uint32_t *words, unsigned count, uint32_t room, const uint8_t **ret_rest)
{
    uint16_t head;
    uint32_t size;
    gpa_t at = driver_alloc(&d, 256, 8), answer = driver_alloc(&d, room, 8);
    for (unsigned i = 0; i < count; i++) {
        put32(driver_at(&d, at) + 4 * i, words[i]);
    }
    const struct driver_segment segments[] = { { at, 4 * count, false }, { answer, room, true } };
    driver_add(&d, SND_CONTROL, segments, 2);
    driver_kick(&d, SND_CONTROL);
    driver_wait_used(&d, SND_CONTROL, &head, &size);
    g_assert_cmpuint(size, >=, 4);
    if (ret_rest != NULL) {
        *ret_rest = driver_at(&d, answer + 4);
    }
    return get32(driver_at(&d, answer));
}

static uint32_t stream_ask(uint32_t code, uint32_t stream)
{
    return ask((const uint32_t[]){ code, stream }, 2, 4, NULL);
}

static uint32_t set_params(uint32_t stream, unsigned channels, unsigned format, unsigned rate)
{
    const uint32_t words[] = {
        SND_R_PCM_SET_PARAMS, stream, 4 * PERIOD, PERIOD, 0, channels | format << 8 | rate << 16
    };
    return ask(words, 6, 4, NULL);
}

static void begin(uint32_t stream)
{
    g_assert_cmphex(set_params(stream, 2, S16, RATE_48), ==, SND_S_OK);
    g_assert_cmphex(stream_ask(SND_R_PCM_PREPARE, stream), ==, SND_S_OK);
}

static gpa_t status_of[256];
static unsigned sent, answered;
static uint8_t next_sample;

/* Sends a period of samples; returns where its status will be. */
static gpa_t send_period(uint32_t stream)
{
    gpa_t at = driver_alloc(&d, 4 + PERIOD, 8), status = driver_alloc(&d, 8, 8);
    put32(driver_at(&d, at), stream);
    for (unsigned i = 0; i < PERIOD; i++) {
        driver_at(&d, at)[4 + i] = next_sample++;
    }
    const struct driver_segment segments[] = { { at, 4 + PERIOD, false }, { status, 8, true } };
    driver_add(&d, SND_TX, segments, 2);
    driver_kick(&d, SND_TX);
    driver_poll(&d);
    status_of[sent++] = status;
    return status;
}

/* Counts the messages that came back, all with that status. */
static unsigned came_back(uint32_t status)
{
    unsigned count = 0;
    uint16_t head;
    uint32_t size;
    for (; driver_take_used(&d, SND_TX, &head, &size); count++) {
        g_assert_cmpuint(size, ==, 8);
        g_assert_cmphex(get32(driver_at(&d, status_of[answered++])), ==, status);
    }
    return count;
}

static void check_played(size_t size)
{
    g_assert_cmpuint(played->len, ==, size);
    for (size_t i = 0; i < size; i++) {
        g_assert_cmpuint(played->data[i], ==, (uint8_t)i);
    }
}

static void test_info(void)
{
    uint64_t config;
    const uint8_t *rest;
    setup();
    g_assert_true(bus_read(d.bus, DRIVER_MMIO + 0x100, 8, &config));
    g_assert_cmphex(config, ==, 2ull << 32 | 2);
    g_assert_true(bus_read(d.bus, DRIVER_MMIO + 0x108, 4, &config));
    g_assert_cmpuint(config, ==, 4);
    const uint32_t streams[] = { SND_R_PCM_INFO, 0, 2, 32 };
    g_assert_cmphex(ask(streams, 4, 68, &rest), ==, SND_S_OK);
    g_assert_cmphex(get32(rest + 8), ==, 1u << 4 | 1u << 5 | 1u << 17 | 1u << 19);
    g_assert_cmphex(get32(rest + 16), ==, 0x1fff);
    g_assert_cmpuint(rest[24] | rest[25] << 8 | rest[26] << 16, ==, 1 << 8 | 2 << 16);
    g_assert_cmpuint(rest[32 + 24], ==, 1);
    const uint32_t jacks[] = { SND_R_JACK_INFO, 1, 1, 24 };
    g_assert_cmphex(ask(jacks, 4, 28, &rest), ==, SND_S_OK);
    g_assert_cmpuint(rest[16], ==, 1);
    const uint32_t maps[] = { SND_R_CHMAP_INFO, 1, 1, 24 };
    g_assert_cmphex(ask(maps, 4, 28, &rest), ==, SND_S_OK);
    g_assert_cmpmem(rest + 4, 4, "\0\2\3\4", 4);
    finish();
}

static void test_bad_requests(void)
{
    static const struct {
        uint32_t words[6];
        unsigned count;
        uint32_t status;
    } rows[] = {
        { { SND_R_PCM_INFO, 1, 2, 32 }, 4, SND_S_BAD_MSG },
        { { SND_R_PCM_INFO, UINT32_MAX, 2, 32 }, 4, SND_S_BAD_MSG },
        { { SND_R_PCM_INFO, 0, 2, 31 }, 4, SND_S_BAD_MSG },
        { { SND_R_PCM_INFO, 0, 2, 0x80000000u }, 4, SND_S_BAD_MSG },
        { { SND_R_PCM_INFO, 0 }, 2, SND_S_BAD_MSG },
        { { SND_R_JACK_REMAP, 0, 0 }, 3, SND_S_NOT_SUPP },
        { { 0x9999 }, 1, SND_S_NOT_SUPP },
        { { SND_R_PCM_PREPARE, 0 }, 2, SND_S_BAD_MSG }, /* no parameters yet */
        { { SND_R_PCM_PREPARE, 2 }, 2, SND_S_BAD_MSG },
        { { SND_R_PCM_PREPARE }, 1, SND_S_BAD_MSG },
        { { SND_R_PCM_SET_PARAMS, 0, 64, 64, 0 }, 5, SND_S_BAD_MSG },
        { { SND_R_PCM_SET_PARAMS, 0, 64, 64, 1, 2 | S16 << 8 | RATE_48 << 16 }, 6, SND_S_NOT_SUPP },
        { { SND_R_PCM_SET_PARAMS, 0, 64, 64, 0, 3 | S16 << 8 | RATE_48 << 16 }, 6, SND_S_NOT_SUPP },
        { { SND_R_PCM_SET_PARAMS, 0, 64, 64, 0, 2 | 6 << 8 | RATE_48 << 16 }, 6, SND_S_NOT_SUPP },
        { { SND_R_PCM_SET_PARAMS, 0, 64, 64, 0, 2 | S16 << 8 | 13 << 16 }, 6, SND_S_NOT_SUPP },
        { { SND_R_PCM_SET_PARAMS, 0, 64, 0, 0, 2 | S16 << 8 | RATE_48 << 16 }, 6, SND_S_BAD_MSG },
        { { SND_R_PCM_SET_PARAMS, 0, 65, 64, 0, 2 | S16 << 8 | RATE_48 << 16 }, 6, SND_S_BAD_MSG },
    };
    setup();
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_assert_cmphex(ask(rows[i].words, rows[i].count, 68, NULL), ==, rows[i].status);
    }
    begin(SND_OUTPUT);
    g_assert_cmphex(stream_ask(SND_R_PCM_STOP, 0), ==, SND_S_BAD_MSG);
    g_assert_cmphex(stream_ask(SND_R_PCM_START, 0), ==, SND_S_OK);
    g_assert_cmphex(stream_ask(SND_R_PCM_START, 0), ==, SND_S_BAD_MSG);
    g_assert_cmphex(stream_ask(SND_R_PCM_RELEASE, 0), ==, SND_S_BAD_MSG);
    g_assert_cmphex(set_params(0, 2, S16, RATE_48), ==, SND_S_BAD_MSG);
    finish();
}

static void begin_playing(void)
{
    setup();
    sent = answered = 0;
    next_sample = 0;
    begin(SND_OUTPUT);
}

static void test_play(void)
{
    begin_playing();
    for (unsigned i = 0; i < 4; i++) {
        send_period(SND_OUTPUT);
    }
    pass(50);
    g_assert_cmpuint(came_back(SND_S_OK), ==, 0); /* it has not started */
    g_assert_cmphex(stream_ask(SND_R_PCM_START, 0), ==, SND_S_OK);
    for (unsigned i = 0; i < 100; i++) {
        pass(10);
        g_assert_cmpuint(came_back(SND_S_OK), ==, 1); /* one each period */
        send_period(SND_OUTPUT);
    }
    pass(40);
    g_assert_cmpuint(came_back(SND_S_OK), ==, 4);
    check_played(104 * PERIOD);
    g_assert_cmphex(stream_ask(SND_R_PCM_STOP, 0), ==, SND_S_OK);
    g_assert_cmphex(stream_ask(SND_R_PCM_RELEASE, 0), ==, SND_S_OK);
    finish();
}

/* A guest that comes late once has its messages back earlier from then on, and all is heard. */
static void test_late(void)
{
    begin_playing();
    g_assert_cmphex(stream_ask(SND_R_PCM_START, 0), ==, SND_S_OK);
    send_period(SND_OUTPUT);
    pass(60);
    for (unsigned i = 0; i < 8; i++) {
        send_period(SND_OUTPUT);
    }
    pass(10);
    unsigned early = came_back(SND_S_OK);
    g_assert_cmpuint(early, >, 2);
    g_assert_cmpuint(get32(driver_at(&d, status_of[early - 1]) + 4), >, 0); /* latency */
    pass(100);
    g_assert_cmpuint(early + came_back(SND_S_OK), ==, 9);
    check_played(9 * PERIOD);
    finish();
}

/* A pause keeps what was not heard; a release gives it back unheard. */
static void test_pause(void)
{
    begin_playing();
    for (unsigned i = 0; i < 4; i++) {
        send_period(SND_OUTPUT);
    }
    g_assert_cmphex(stream_ask(SND_R_PCM_START, 0), ==, SND_S_OK);
    pass(15);
    pass(5);
    g_assert_cmphex(stream_ask(SND_R_PCM_STOP, 0), ==, SND_S_OK);
    guint before = played->len;
    pass(100);
    g_assert_cmpuint(played->len, ==, before);
    g_assert_cmphex(stream_ask(SND_R_PCM_START, 0), ==, SND_S_OK);
    pass(10);
    g_assert_cmpuint(played->len, >, before);
    check_played(played->len);
    g_assert_cmphex(stream_ask(SND_R_PCM_STOP, 0), ==, SND_S_OK);
    before = played->len;
    g_assert_cmphex(stream_ask(SND_R_PCM_RELEASE, 0), ==, SND_S_OK);
    g_assert_cmpuint(came_back(SND_S_OK), ==, 4);
    pass(100);
    g_assert_cmpuint(played->len, ==, before);
    g_assert_cmphex(stream_ask(SND_R_PCM_PREPARE, 0), ==, SND_S_OK);
    finish();
}

static void test_wrong_messages(void)
{
    setup();
    sent = answered = 0;
    send_period(SND_OUTPUT);
    g_assert_cmpuint(came_back(SND_S_BAD_MSG), ==, 1); /* no stream is prepared */
    begin(SND_OUTPUT);
    send_period(SND_INPUT);
    send_period(7);
    g_assert_cmpuint(came_back(SND_S_BAD_MSG), ==, 2);
    driver_add(&d, SND_TX, &(struct driver_segment){ driver_alloc(&d, 8, 8), 8, false }, 1);
    driver_kick(&d, SND_TX);
    driver_poll(&d);
    g_assert_true(d.dev->broken);
    finish();
}

static void test_full(void)
{
    begin_playing();
    card_full = true;
    for (unsigned i = 0; i < 3; i++) {
        send_period(SND_OUTPUT);
    }
    g_assert_cmphex(stream_ask(SND_R_PCM_START, 0), ==, SND_S_OK);
    pass(50);
    g_assert_cmpuint(came_back(SND_S_IO_ERR), ==, 3);
    finish();
}

static void test_record(void)
{
    uint16_t head;
    uint32_t size;
    setup();
    begin(SND_INPUT);
    gpa_t stream = driver_alloc(&d, 4, 4), data[3];
    put32(driver_at(&d, stream), SND_INPUT);
    for (unsigned i = 0; i < 3; i++) {
        data[i] = driver_alloc(&d, PERIOD + 8, 8);
        memset(driver_at(&d, data[i]), 1, PERIOD + 8);
        const struct driver_segment segments[] = { { stream, 4, false },
                                                   { data[i], PERIOD + 8, true } };
        driver_add(&d, SND_RX, segments, 2);
        driver_kick(&d, SND_RX);
    }
    driver_poll(&d);
    g_assert_cmphex(stream_ask(SND_R_PCM_START, SND_INPUT), ==, SND_S_OK);
    pass(20);
    for (unsigned i = 0; i < 2; i++) {
        g_assert_true(driver_take_used(&d, SND_RX, &head, &size));
        g_assert_cmpuint(size, ==, PERIOD + 8);
        g_assert_cmpuint(driver_at(&d, data[i])[PERIOD - 1], ==, 0);
        g_assert_cmphex(get32(driver_at(&d, data[i] + PERIOD)), ==, SND_S_OK);
    }
    g_assert_false(driver_take_used(&d, SND_RX, &head, &size));
    g_assert_cmphex(stream_ask(SND_R_PCM_STOP, SND_INPUT), ==, SND_S_OK);
    g_assert_cmphex(stream_ask(SND_R_PCM_RELEASE, SND_INPUT), ==, SND_S_OK);
    g_assert_true(driver_take_used(&d, SND_RX, &head, &size));
    g_assert_cmpuint(size, ==, 8);
    finish();
}

/* A host without a device: the guest learns that nothing is plugged in, and plays on. */
static void test_absent(void)
{
    uint16_t head;
    uint32_t size;
    const uint8_t *rest;
    card_absent = true;
    begin_playing();
    driver_poll(&d);
    gpa_t event = driver_alloc(&d, 8, 8);
    driver_add(&d, SND_EVENT, &(struct driver_segment){ event, 8, true }, 1);
    driver_kick(&d, SND_EVENT);
    driver_wait_used(&d, SND_EVENT, &head, &size);
    g_assert_cmphex(get32(driver_at(&d, event)), ==, SND_EVT_JACK_DISCONNECTED);
    g_assert_cmpuint(get32(driver_at(&d, event + 4)), ==, SND_OUTPUT);
    g_assert_cmphex(ask((const uint32_t[]){ SND_R_JACK_INFO, 0, 1, 24 }, 4, 28, &rest), ==,
                    SND_S_OK);
    g_assert_cmpuint(rest[16], ==, 0);
    send_period(SND_OUTPUT);
    g_assert_cmphex(stream_ask(SND_R_PCM_START, 0), ==, SND_S_OK);
    pass(20);
    g_assert_cmpuint(came_back(SND_S_OK), ==, 1);
    card_absent = false;
    finish();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/virtio-snd/info", test_info);
    g_test_add_func("/virtio-snd/bad-requests", test_bad_requests);
    g_test_add_func("/virtio-snd/play", test_play);
    g_test_add_func("/virtio-snd/late", test_late);
    g_test_add_func("/virtio-snd/pause", test_pause);
    g_test_add_func("/virtio-snd/wrong-messages", test_wrong_messages);
    g_test_add_func("/virtio-snd/full", test_full);
    g_test_add_func("/virtio-snd/record", test_record);
    g_test_add_func("/virtio-snd/absent", test_absent);
    return g_test_run();
}
