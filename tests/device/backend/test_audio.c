/* Goal: sound keeps its pace and its order, and what is late costs no more than it must. */
#include <string.h>

#include <glib.h>
#include <glib/gstdio.h>

#include "emu/audio/backend.h"

#define MS 1000000

static const struct audio_format cd = { SAMPLE_S16, 2, 48000 }; /* 192 bytes a millisecond */
static struct aio_context *ctx;
static struct aio_clock clock_by_hand;
static unsigned woken;

static void wake(void *opaque)
{
    (void)opaque;
    woken++;
}

static void setup(void)
{
    g_autoptr(GError) error = NULL;
    ctx = aio_context_new("test", &error);
    g_assert_no_error(error);
    aio_clock_init_virtual(&clock_by_hand);
    woken = 0;
}

static void finish(struct audio *audio)
{
    audio_free(audio);
    aio_context_drop_clock(ctx, &clock_by_hand);
    aio_clock_finish(&clock_by_hand);
    aio_context_unref(ctx);
}

static void settle(void)
{
    while (aio_poll(ctx, false)) {
    }
}

static void pass(int64_t ms)
{
    for (; ms > 0; ms -= MIN(ms, 10)) {
        aio_clock_set(&clock_by_hand, aio_clock_now_ns(&clock_by_hand) + MIN(ms, 10) * MS);
        settle();
    }
}

static struct audio_stream *open_cd(struct audio *audio, bool capture)
{
    return audio_open(audio, capture, &cd, ctx, &clock_by_hand, wake, NULL);
}

static void test_sizes(void)
{
    g_assert_cmpuint(audio_frame_size(&cd), ==, 4);
    g_assert_cmpuint(audio_bytes_of(&cd, MS), ==, 192);
    const struct audio_format odd = { SAMPLE_F32, 1, 11025 };
    g_assert_cmpuint(audio_bytes_of(&odd, 3 * MS), ==, 33 * 4);
}

static void test_pace(void)
{
    static const uint8_t samples[192 * 100];
    setup();
    struct audio *audio = audio_new_none("a");
    struct audio_stream *stream = open_cd(audio, false);
    g_assert_false(audio_is_silent(stream));
    g_assert_cmpuint(audio_write(stream, samples, sizeof(samples)), ==, sizeof(samples));
    pass(50);
    g_assert_cmpuint(audio_get_progress(stream).out, ==, 0); /* it does not run */
    audio_run(stream, true);
    pass(50);
    g_assert_cmpuint(audio_get_progress(stream).out, ==, 192 * 50);
    g_assert_cmpuint(woken, >, 0);
    audio_run(stream, false);
    pass(50);
    g_assert_cmpuint(audio_get_progress(stream).out, ==, 192 * 50);
    audio_run(stream, true);
    pass(100);
    struct audio_progress progress = audio_get_progress(stream);
    g_assert_cmpuint(progress.out, ==, sizeof(samples));
    g_assert_cmpuint(progress.underruns, ==, 0); /* the end is none */
    audio_write(stream, samples, 192);
    g_assert_cmpuint(audio_get_progress(stream).underruns, ==, 1);
    pass(10);
    g_assert_cmpuint(audio_get_progress(stream).out, ==, sizeof(samples) + 192);
    audio_close(stream);
    finish(audio);
}

static void test_bounds(void)
{
    static const uint8_t samples[192 * 1000];
    setup();
    struct audio *audio = audio_new_none("a");
    struct audio_stream *stream = open_cd(audio, false);
    size_t room = audio_write(stream, samples, sizeof(samples));
    g_assert_cmpuint(room, ==, 192 * 500);
    g_assert_cmpuint(audio_write(stream, samples, 1), ==, 0);
    audio_cut(stream, 192 * 7);
    g_assert_cmpuint(audio_get_progress(stream).in, ==, 192 * 7);
    audio_run(stream, true);
    pass(5);
    pass(5);
    audio_cut(stream, 0); /* what is played is played */
    struct audio_progress progress = audio_get_progress(stream);
    g_assert_cmpuint(progress.in, ==, progress.out);
    g_assert_cmpuint(progress.out, ==, 192 * 7);
    audio_close(stream);
    finish(audio);
}

static void test_silence(void)
{
    uint8_t data[192 * 20];
    setup();
    struct audio *audio = audio_new_none("a");
    struct audio_stream *stream = open_cd(audio, true);
    audio_run(stream, true);
    pass(20);
    memset(data, 1, sizeof(data));
    g_assert_cmpuint(audio_read(stream, data, sizeof(data)), ==, sizeof(data));
    for (size_t i = 0; i < sizeof(data); i++) {
        g_assert_cmpuint(data[i], ==, 0);
    }
    pass(2000); /* nobody reads: the ring is full, and stays so */
    g_assert_cmpuint(audio_get_progress(stream).in, ==, 192 * 520);
    audio_close(stream);
    finish(audio);
}

static uint32_t get32(const char *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof(value));
    return GUINT32_FROM_LE(value);
}

/* The file has exactly what was played, however late it came. */
static void test_wav(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *folder = g_dir_make_tmp("tinamou-audio-XXXXXX", &error);
    g_assert_no_error(error);
    g_autofree char *path = g_build_filename(folder, "s.wav", NULL), *text = NULL;
    gsize size;
    uint8_t samples[192 * 30];
    setup();
    struct audio *audio = audio_new_wav("w", path, &cd, &error);
    g_assert_no_error(error);
    const struct audio_format other = { SAMPLE_S16, 2, 44100 };
    g_assert_true(audio_supports(audio, false, &cd));
    g_assert_false(audio_supports(audio, false, &other));
    g_assert_true(audio_supports(audio, true, &other));
    struct audio_stream *stream = open_cd(audio, false);
    audio_run(stream, true);
    for (size_t i = 0; i < sizeof(samples); i++) {
        samples[i] = (uint8_t)(i * 7 / 3);
    }
    for (unsigned i = 0; i < 60; i++) {
        g_assert_cmpuint(audio_write(stream, samples, sizeof(samples)), ==, sizeof(samples));
        pass(i % 3 == 0 ? 100 : 30);
    }
    audio_close(stream);
    finish(audio);
    g_assert_true(g_file_get_contents(path, &text, &size, NULL));
    g_assert_cmpuint(size, ==, 44 + 60 * sizeof(samples));
    g_assert_cmpuint(get32(text + 4), ==, size - 8);
    g_assert_cmpuint(get32(text + 24), ==, 48000);
    g_assert_cmpuint(get32(text + 40), ==, size - 44);
    for (unsigned i = 0; i < 60; i++) {
        g_assert_true(memcmp(text + 44 + i * sizeof(samples), samples, sizeof(samples)) == 0);
    }
    g_remove(path);
    g_rmdir(folder);
}

static void test_wav_nowhere(void)
{
    g_autoptr(GError) error = NULL;
    g_assert_null(audio_new_wav("w", "/no/such/folder/x.wav", &cd, &error));
    g_assert_nonnull(strstr(error->message, "x.wav"));
}

/* A host's device, or none. */
static bool device_there;
static struct audio_stream *device_stream;
static bool device_runs;

static bool device_open(struct audio_stream *stream)
{
    stream->device = device_there ? stream : NULL;
    stream->behind = 77;
    device_stream = stream;
    return device_there;
}

static void device_run(struct audio_stream *stream, bool running)
{
    g_assert_true(stream == device_stream);
    device_runs = running;
}

static void device_close(struct audio_stream *stream)
{
    g_assert_true(stream == device_stream);
    device_stream = NULL;
}

static const struct audio_class device_class = {
    .name = "device",
    .open = device_open,
    .run = device_run,
    .close = device_close,
};

static void test_device(void)
{
    uint8_t data[16];
    setup();
    struct audio *audio = audio_alloc(&device_class, "d", sizeof(*audio));
    device_there = true;
    struct audio_stream *stream = open_cd(audio, false);
    g_assert_false(audio_is_silent(stream));
    g_assert_cmpuint(audio_get_progress(stream).behind, ==, 77);
    audio_run(stream, true);
    g_assert_true(device_runs);
    pass(100); /* the device's pace counts, not the clock's */
    audio_write(stream, "0123456789ab", 12);
    g_assert_cmpuint(audio_get_progress(stream).out, ==, 0);
    g_assert_cmpuint(audio_pull(stream, data, 8), ==, 8);
    g_assert_cmpmem(data, 8, "01234567", 8);
    memset(data, 1, sizeof(data));
    g_assert_cmpuint(audio_pull(stream, data, 16), ==, 4);
    g_assert_cmpmem(data, 16, "89ab\0\0\0\0\0\0\0\0\0\0\0\0", 16);
    settle();
    g_assert_cmpuint(woken, ==, 1);
    audio_close(stream);
    g_assert_null(device_stream);
    g_assert_false(device_runs);
    device_there = false;
    stream = open_cd(audio, false);
    g_assert_true(audio_is_silent(stream));
    audio_run(stream, true);
    audio_write(stream, "0123", 4);
    pass(20);
    g_assert_cmpuint(audio_get_progress(stream).out, ==, 4);
    audio_close(stream);
    finish(audio);
}

/* Samples that count, so that a gap or a repetition is seen. */
static uint32_t counted;

static void write_counted(struct audio_stream *stream, unsigned ms)
{
    for (unsigned i = 0; i < ms * 48; i++) {
        g_assert_cmpuint(audio_write(stream, &counted, sizeof(counted)), ==, sizeof(counted));
        counted++;
    }
}

static void pull_counted(struct audio_stream *stream, unsigned ms, uint32_t from)
{
    for (unsigned i = 0; i < ms * 48; i++) {
        uint32_t value;
        g_assert_cmpuint(audio_pull(stream, (uint8_t *)&value, sizeof(value)), ==, sizeof(value));
        g_assert_cmpuint(value, ==, from + i);
    }
}

/* A host's device that stands still for a moment loses nothing; one that stands for long holds the
 * guest up no more, and goes on with what is new when it comes back. */
static void test_stall(void)
{
    setup();
    struct audio *audio = audio_alloc(&device_class, "d", sizeof(*audio));
    device_there = true;
    counted = 0;
    struct audio_stream *stream = open_cd(audio, false);
    audio_run(stream, true);
    write_counted(stream, 400);
    pull_counted(stream, 10, 0);
    pass(900);
    pull_counted(stream, 90, 480);
    pass(900);
    pull_counted(stream, 100, 4800);
    pass(100);
    g_assert_cmpuint(audio_get_progress(stream).underruns, ==, 0);
    uint64_t before = audio_get_progress(stream).out;
    pass(1400);
    uint64_t after = audio_get_progress(stream).out;
    g_assert_cmpuint(after - before, ==, 200 * 192); /* all there was, played to nobody */
    g_assert_cmpuint(audio_get_progress(stream).out, ==, audio_get_progress(stream).in);
    write_counted(stream, 500);
    pass(100);
    after = audio_get_progress(stream).out;
    g_assert_cmpuint(after, >=, 450 * 192);
    g_assert_cmpuint(after, <=, 510 * 192);
    pull_counted(stream, 50, (uint32_t)(after / 4)); /* it is back: the clock stands aside */
    pass(900);
    g_assert_cmpuint(audio_get_progress(stream).out, ==, after + 50 * 192);
    audio_close(stream);
    finish(audio);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/audio/sizes", test_sizes);
    g_test_add_func("/audio/pace", test_pace);
    g_test_add_func("/audio/bounds", test_bounds);
    g_test_add_func("/audio/silence", test_silence);
    g_test_add_func("/audio/wav", test_wav);
    g_test_add_func("/audio/wav-nowhere", test_wav_nowhere);
    g_test_add_func("/audio/device", test_device);
    g_test_add_func("/audio/stall", test_stall);
    return g_test_run();
}
