/* Goal: the thread that writes for a chardev loses nothing and holds nobody up. */
#include <string.h>

#include <glib.h>

#include "emu/chardev/writer.h"
#include "platform/thread.h"

#define BULK       300000u
#define PASSES_MAX 100000

static struct aio_context *ctx;

static void start(void)
{
    g_autoptr(GError) error = NULL;
    ctx = aio_context_new("test", &error);
    g_assert_no_error(error);
}

static void stop(void)
{
    while (aio_poll(ctx, false)) {
    }
    aio_context_unref(ctx);
}

/* A sink that a test opens and closes. */
struct gate {
    struct host_mutex lock;
    struct host_cond opened;
    bool open, broken;
    GByteArray *output;
    unsigned ready, gone;
};

static bool gate_sink(void *opaque, const uint8_t *data, size_t size)
{
    struct gate *gate = opaque;
    host_mutex_lock(&gate->lock);
    while (!gate->open) {
        host_cond_wait(&gate->opened, &gate->lock);
    }
    bool ok = !gate->broken;
    g_byte_array_append(gate->output, data, ok ? (guint)size : 0);
    host_mutex_unlock(&gate->lock);
    return ok;
}

static void gate_ready(void *opaque, bool gone)
{
    struct gate *gate = opaque;
    gate->ready++;
    gate->gone += gone;
}

static void gate_open(struct gate *gate, bool broken)
{
    host_mutex_lock(&gate->lock);
    gate->open = true;
    gate->broken = broken;
    host_cond_broadcast(&gate->opened);
    host_mutex_unlock(&gate->lock);
}

static struct char_writer *gate_writer(struct gate *gate)
{
    g_autoptr(GError) error = NULL;
    *gate = (struct gate){ .output = g_byte_array_new() };
    host_mutex_init(&gate->lock);
    host_cond_init(&gate->opened);
    struct char_writer *writer = char_writer_new(ctx, "gate", gate_sink, gate_ready, gate, &error);
    g_assert_no_error(error);
    return writer;
}

static void gate_finish(struct gate *gate)
{
    g_byte_array_unref(gate->output);
    host_cond_finish(&gate->opened);
    host_mutex_finish(&gate->lock);
}

/* A sink that blocks holds nobody; what it could not take is offered again, and nothing is lost. */
static void test_writer(void)
{
    struct gate gate;
    g_autofree uint8_t *data = g_malloc(BULK);
    for (size_t i = 0; i < BULK; i++) {
        data[i] = (uint8_t)(i * 31 + i / 256);
    }
    start();
    struct char_writer *writer = gate_writer(&gate);
    size_t done = 0, part;
    while ((part = char_writer_put(writer, data + done, BULK - done)) > 0) {
        done += part; /* returns, though the sink does not */
    }
    g_assert_cmpuint(done, >, 1000);
    g_assert_cmpuint(done, <, BULK);
    gate_open(&gate, false);
    while (done < BULK) {
        unsigned ready = gate.ready;
        for (unsigned i = 0; gate.ready == ready; i++) {
            g_assert_cmpuint(i, <, PASSES_MAX);
            aio_poll(ctx, true);
        }
        while (done < BULK && (part = char_writer_put(writer, data + done, BULK - done)) > 0) {
            done += part;
        }
    }
    char_writer_free(writer); /* waits for the rest */
    g_assert_cmpuint(gate.output->len, ==, BULK);
    g_assert_true(memcmp(gate.output->data, data, BULK) == 0);
    g_assert_cmpuint(gate.gone, ==, 0);
    gate_finish(&gate);
    stop();
}

/* When the other end is gone, that is said once, and output is dropped without waiting. */
static void test_writer_gone(void)
{
    struct gate gate;
    static const uint8_t data[200000];
    start();
    struct char_writer *writer = gate_writer(&gate);
    gate_open(&gate, true);
    char_writer_put(writer, data, 10);
    while (gate.gone == 0) {
        aio_poll(ctx, true);
    }
    g_assert_cmpuint(char_writer_put(writer, data, sizeof(data)), ==, sizeof(data));
    while (aio_poll(ctx, false)) {
    }
    g_assert_cmpuint(gate.gone, ==, 1);
    char_writer_free(writer);
    gate_finish(&gate);
    stop();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/writer/blocks", test_writer);
    g_test_add_func("/writer/gone", test_writer_gone);
    return g_test_run();
}
