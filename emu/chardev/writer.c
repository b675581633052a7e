#include "emu/chardev/writer.h"

#include <assert.h>
#include <string.h>

#include "platform/thread.h"

#define WRITER_BUFFER_SIZE 65536u

struct char_writer {
    char_sink_fn *sink;
    char_writer_fn *ready;
    void *opaque;
    struct aio_bh *ready_bh;
    struct host_thread *thread;

    struct host_mutex lock; /* guards what follows; a leaf */
    struct host_cond work;
    size_t head, count;
    bool starved; /* somebody was told that there is no room */
    bool gone, gone_told;
    bool stopping;
    uint8_t buffer[WRITER_BUFFER_SIZE];
};

static void writer_ready(void *opaque)
{
    struct char_writer *writer = opaque;
    host_mutex_lock(&writer->lock);
    bool gone = writer->gone && !writer->gone_told;
    writer->gone_told |= gone;
    host_mutex_unlock(&writer->lock);
    writer->ready(writer->opaque, gone);
}

/* Gives one contiguous piece to the sink, unlocked: put only ever adds behind it. */
static void writer_drain(struct char_writer *writer)
{
    size_t size = MIN(writer->count, WRITER_BUFFER_SIZE - writer->head);
    const uint8_t *data = writer->buffer + writer->head;
    host_mutex_unlock(&writer->lock);
    bool ok = writer->sink(writer->opaque, data, size);
    host_mutex_lock(&writer->lock);
    writer->gone = !ok;
    writer->head = (writer->head + size) % WRITER_BUFFER_SIZE;
    writer->count = ok ? writer->count - size : 0;
    if (!ok || (writer->starved && writer->count <= WRITER_BUFFER_SIZE / 2)) {
        writer->starved = false;
        aio_bh_schedule(writer->ready_bh);
    }
}

static void writer_run(void *opaque)
{
    struct char_writer *writer = opaque;
    host_mutex_lock(&writer->lock);
    while (!writer->gone && !(writer->stopping && writer->count == 0)) {
        if (writer->count == 0) {
            host_cond_wait(&writer->work, &writer->lock);
        } else {
            writer_drain(writer);
        }
    }
    host_mutex_unlock(&writer->lock);
}

struct char_writer *char_writer_new(struct aio_context *ctx, const char *name, char_sink_fn *sink,
                                    char_writer_fn *ready, void *opaque, GError **error)
{
    struct char_writer *writer = g_new0(struct char_writer, 1);
    writer->sink = sink;
    writer->ready = ready;
    writer->opaque = opaque;
    host_mutex_init(&writer->lock);
    host_cond_init(&writer->work);
    writer->ready_bh = aio_bh_new(ctx, "chardev-writer", writer_ready, writer);
    writer->thread = host_thread_new(name, writer_run, writer, error);
    if (writer->thread == NULL) {
        char_writer_free(writer);
        return NULL;
    }
    return writer;
}

size_t char_writer_put(struct char_writer *writer, const uint8_t *data, size_t size)
{
    host_mutex_lock(&writer->lock);
    assert(!writer->stopping);
    if (writer->gone) {
        host_mutex_unlock(&writer->lock);
        return size;
    }
    size_t taken = MIN(size, WRITER_BUFFER_SIZE - writer->count);
    size_t tail = (writer->head + writer->count) % WRITER_BUFFER_SIZE;
    size_t first = MIN(taken, WRITER_BUFFER_SIZE - tail);
    memcpy(writer->buffer + tail, data, first);
    memcpy(writer->buffer, data + first, taken - first);
    bool idle = writer->count == 0;
    writer->count += taken;
    writer->starved |= taken < size;
    host_mutex_unlock(&writer->lock);
    if (idle && taken > 0) {
        host_cond_signal(&writer->work);
    }
    return taken;
}

void char_writer_free(struct char_writer *writer)
{
    if (writer == NULL) {
        return;
    }
    if (writer->thread != NULL) {
        host_mutex_lock(&writer->lock);
        writer->stopping = true;
        host_cond_signal(&writer->work);
        host_mutex_unlock(&writer->lock);
        host_thread_join(writer->thread);
    }
    aio_bh_delete(writer->ready_bh);
    host_cond_finish(&writer->work);
    host_mutex_finish(&writer->lock);
    g_free(writer);
}
