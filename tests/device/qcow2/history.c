#include "tests/device/qcow2/history.h"

#include <stdio.h>
#include <string.h>

struct change {
    uint64_t offset, size;
    uint8_t *data;  /* NULL: zeros */
    uint64_t begun; /* a moment of the disk */
    bool done;
    unsigned begun_at, ended_at; /* in the order of calls and answers; 0: not yet */
};

struct flush {
    unsigned begun_at;
    uint64_t done; /* UINT64_MAX: not yet */
};

struct history {
    uint8_t *before;
    size_t size;
    GPtrArray *changes;
    GArray *flushes;
    unsigned order;
};

static void change_free(void *opaque)
{
    struct change *change = opaque;
    g_free(change->data);
    g_free(change);
}

struct history *history_new(const uint8_t *data, size_t size)
{
    struct history *history = g_new0(struct history, 1);
    history->before = g_memdup2(data, size);
    history->size = size;
    history->changes = g_ptr_array_new_with_free_func(change_free);
    history->flushes = g_array_new(FALSE, FALSE, sizeof(struct flush));
    return history;
}

void history_free(struct history *history)
{
    g_ptr_array_free(history->changes, TRUE);
    g_array_free(history->flushes, TRUE);
    g_free(history->before);
    g_free(history);
}

unsigned history_begin(struct history *history, uint64_t offset, uint64_t size, const uint8_t *data)
{
    struct change *change = g_new0(struct change, 1);
    *change = (struct change){ .offset = offset,
                               .size = size,
                               .begun = disk_moment(),
                               .begun_at = ++history->order,
                               .data = data != NULL ? g_memdup2(data, size) : NULL };
    g_ptr_array_add(history->changes, change);
    return history->changes->len - 1;
}

void history_ended(struct history *history, unsigned index, bool done)
{
    struct change *change = history->changes->pdata[index];
    change->ended_at = ++history->order;
    change->done = done;
}

unsigned history_flush(struct history *history)
{
    struct flush flush = { ++history->order, UINT64_MAX };
    g_array_append_val(history->flushes, flush);
    return history->flushes->len - 1;
}

void history_flushed(struct history *history, unsigned flush)
{
    g_array_index(history->flushes, struct flush, flush).done = disk_moment();
}

unsigned history_read(struct history *history)
{
    return ++history->order;
}

/* When the last flush began that was acknowledged by a moment. */
static unsigned history_stable(const struct history *history, uint64_t moment)
{
    unsigned stable = 0;
    for (unsigned i = 0; i < history->flushes->len; i++) {
        const struct flush *flush = &g_array_index(history->flushes, struct flush, i);
        stable = flush->done <= moment ? MAX(stable, flush->begun_at) : stable;
    }
    return stable;
}

/* Whether a sector is what a change made of it; NULL: what it was before all changes. */
static bool sector_is(const struct history *history, const struct change *change, uint64_t offset,
                      const uint8_t *data)
{
    static const uint8_t zeros[HISTORY_SECTOR];
    const uint8_t *want = zeros;
    if (change == NULL) {
        want = history->before + offset;
    } else if (change->data != NULL) {
        want = change->data + (offset - change->offset);
    }
    return memcmp(want, data, HISTORY_SECTOR) == 0;
}

static bool change_covers(const struct change *change, uint64_t offset)
{
    return offset >= change->offset && offset - change->offset < change->size;
}

/* When the last change of a sector began that was done before `stable`, 0 if there is none: what
 * ended before that is gone. */
static unsigned sector_floor(const struct history *history, unsigned stable, uint64_t offset)
{
    unsigned floor = 0;
    for (unsigned i = 0; i < history->changes->len; i++) {
        const struct change *change = history->changes->pdata[i];
        if (change->done && change->ended_at < stable && change_covers(change, offset)) {
            floor = MAX(floor, change->begun_at);
        }
    }
    return floor;
}

/* Whether a sector is what a change that began by `moment` made of it, and no other that was done
 * before `stable` has made gone. */
static bool sector_allowed(const struct history *history, uint64_t moment, unsigned stable,
                           uint64_t offset, const uint8_t *data)
{
    unsigned floor = sector_floor(history, stable, offset);
    for (unsigned i = history->changes->len; i-- > 0;) {
        const struct change *change = history->changes->pdata[i];
        bool gone = change->ended_at != 0 && change->ended_at < floor;
        if (change->begun <= moment && !gone && change_covers(change, offset) &&
            sector_is(history, change, offset, data)) {
            return true;
        }
    }
    return floor == 0 && sector_is(history, NULL, offset, data);
}

static bool history_matches(const struct history *history, uint64_t moment, unsigned stable,
                            uint64_t first, const uint8_t *data, size_t size)
{
    g_assert_cmpuint(first + size, <=, history->size);
    for (uint64_t done = 0; done < size; done += HISTORY_SECTOR) {
        if (!sector_allowed(history, moment, stable, first + done, data + done)) {
            printf("moment %" G_GUINT64_FORMAT ": sector at %" G_GINT64_MODIFIER
                   "x shows %02x %02x..., which was not written there\n",
                   moment, first + done, data[done], data[done + 1]);
            return false;
        }
    }
    return true;
}

bool history_allows(const struct history *history, uint64_t moment, const uint8_t *data,
                    size_t size)
{
    return history_matches(history, moment, history_stable(history, moment), 0, data, size);
}

bool history_shows(const struct history *history, unsigned reader, uint64_t offset,
                   const uint8_t *data, size_t size)
{
    return history_matches(history, UINT64_MAX, reader, offset, data, size);
}
