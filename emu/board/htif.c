/* The page of `tohost` is watched: stores to it take the slow way and ring a bottom half, which
 * then reads the word. So the program runs at full speed and its exit is seen at once. Served:
 * exit, the console's putchar, and the write call. Not modelled: keyboard, block device. */
#include "emu/board/htif.h"

#include <assert.h>

#include "aio/timer.h"
#include "emu/mem/dma.h"
#include "emu/state/part.h"

enum { DEVICE_CALL = 0, DEVICE_CONSOLE = 1, CONSOLE_PUTCHAR = 1, CALL_WRITE = 64 };

#define HTIF_CHUNK    512
#define HTIF_RETRY_NS 1000000 /* how soon a console that was full is asked again */

struct htif {
    struct htif_host host;
    gpa_t tohost, fromhost;
    struct aio_bh *ring;
    struct aio_timer retry;
    uint64_t written; /* of a write call that the console has not taken whole */
};

static uint64_t htif_load(const struct htif *htif, gpa_t address)
{
    uint64_t value = 0;
    dma_read(htif->host.bus, address, &value, sizeof(value));
    return GUINT64_FROM_LE(value);
}

static void htif_store(const struct htif *htif, gpa_t address, uint64_t value)
{
    value = GUINT64_TO_LE(value);
    dma_write(htif->host.bus, address, &value, sizeof(value));
}

/* The command is served: the program may send the next. */
static void htif_done(struct htif *htif, uint64_t answer)
{
    htif->written = 0;
    htif_store(htif, htif->tohost, 0);
    if (htif->fromhost != 0) {
        htif_store(htif, htif->fromhost, answer);
    }
}

static void htif_wait(struct htif *htif)
{
    timer_mod(&htif->retry, aio_clock_now_ns(aio_clock_host()) + HTIF_RETRY_NS);
}

static void htif_putchar(struct htif *htif, uint64_t command)
{
    uint8_t character = (uint8_t)command;
    if (htif->host.console_write(htif->host.opaque, &character, 1) == 0) {
        htif_wait(htif);
        return;
    }
    htif_done(htif, command & 0xffff000000000000u);
}

/* write(fd, buffer, size): a chunk at a time, so that the program cannot make us allocate. */
static void htif_write(struct htif *htif, gpa_t call)
{
    gpa_t buffer = htif_load(htif, call + 16);
    uint64_t size = htif_load(htif, call + 24);
    while (htif->written < size) {
        uint8_t chunk[HTIF_CHUNK];
        size_t count = MIN(size - htif->written, sizeof(chunk));
        if (!dma_read(htif->host.bus, buffer + htif->written, chunk, count)) {
            break;
        }
        size_t taken = htif->host.console_write(htif->host.opaque, chunk, count);
        htif->written += taken;
        if (taken < count) {
            htif_wait(htif);
            return;
        }
    }
    htif_store(htif, call, htif->written);
    htif_done(htif, 1);
}

static void htif_call(struct htif *htif, gpa_t call)
{
    if (htif_load(htif, call) == CALL_WRITE) {
        htif_write(htif, call);
    } else {
        htif_store(htif, call, UINT64_MAX); /* no such call */
        htif_done(htif, 1);
    }
}

static void htif_look(void *opaque)
{
    struct htif *htif = opaque;
    uint64_t command = htif_load(htif, htif->tohost);
    unsigned device = (unsigned)(command >> 56), function = command >> 48 & 0xff;
    if (command == 0) {
        return;
    }
    if (device == DEVICE_CALL && (command & 1) != 0) {
        htif->host.exit(htif->host.opaque, (int)(command >> 1 & INT32_MAX));
    } else if (device == DEVICE_CALL) {
        htif_call(htif, command & 0xffffffffffffu);
    } else if (device == DEVICE_CONSOLE && function == CONSOLE_PUTCHAR) {
        htif_putchar(htif, command);
    } else {
        htif_done(htif, command & 0xffff000000000000u);
    }
}

/* On the thread of a hart. */
static void htif_stored(void *opaque)
{
    aio_bh_schedule(((struct htif *)opaque)->ring);
}

struct htif *htif_new(const struct htif_host *host, gpa_t tohost, gpa_t fromhost)
{
    assert(tohost != 0);
    struct htif *htif = g_new0(struct htif, 1);
    htif->host = *host;
    htif->tohost = tohost;
    htif->fromhost = fromhost;
    htif->ring = aio_bh_new(host->ctx, "htif", htif_look, htif);
    timer_init(&htif->retry, host->ctx, aio_clock_host(), "htif-retry", htif_look, htif);
    bus_watch_page(host->bus, tohost, htif_stored, htif);
    return htif;
}

void htif_free(struct htif *htif)
{
    if (htif != NULL) {
        bus_watch_page(htif->host.bus, 0, NULL, NULL);
        timer_del(&htif->retry);
        aio_bh_delete(htif->ring);
        g_free(htif);
    }
}

/* A command that is being served is looked at again. */
static void htif_restore(void *base)
{
    aio_bh_schedule(((struct htif *)base)->ring);
}

void htif_add_part(struct htif *htif, GPtrArray *parts)
{
    static const struct state_field fields[] = {
        STATE_FIELD(struct htif, written, RESET),
        { 0 },
    };
    parts_add(parts, &(struct state_part){
        .id = g_strdup("htif"),
        .kind = "htif",
        .fields = fields,
        .base = htif,
        .size = sizeof(*htif),
        .restore = htif_restore,
    });
}
