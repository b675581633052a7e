#include "aio/timer_heap.h"

#include <assert.h>

#define HEAP_WAYS 4u

static bool entry_before(const struct aio_timer_entry *a, const struct aio_timer_entry *b)
{
    return a->expire_ns != b->expire_ns ? a->expire_ns < b->expire_ns : a->sequence < b->sequence;
}

static void heap_place(struct aio_timer_list *list, uint32_t slot, struct aio_timer_entry entry)
{
    list->heap[slot] = entry;
    entry.timer->heap_slot = slot;
}

/* Puts `entry` at `slot` or above it. */
static void heap_up(struct aio_timer_list *list, uint32_t slot, struct aio_timer_entry entry)
{
    while (slot > 0) {
        uint32_t parent = (slot - 1) / HEAP_WAYS;

        if (!entry_before(&entry, &list->heap[parent])) {
            break;
        }
        heap_place(list, slot, list->heap[parent]);
        slot = parent;
    }
    heap_place(list, slot, entry);
}

static uint32_t heap_least_child(const struct aio_timer_list *list, uint32_t slot)
{
    uint32_t first = slot * HEAP_WAYS + 1;
    uint32_t end = first + HEAP_WAYS < list->count ? first + HEAP_WAYS : list->count;
    uint32_t least = first;

    for (uint32_t child = first + 1; child < end; child++) {
        if (entry_before(&list->heap[child], &list->heap[least])) {
            least = child;
        }
    }
    return least;
}

/* Puts `entry` at `slot` or below it. */
static void heap_down(struct aio_timer_list *list, uint32_t slot, struct aio_timer_entry entry)
{
    while (slot * HEAP_WAYS + 1 < list->count) {
        uint32_t least = heap_least_child(list, slot);

        if (!entry_before(&list->heap[least], &entry)) {
            break;
        }
        heap_place(list, slot, list->heap[least]);
        slot = least;
    }
    heap_place(list, slot, entry);
}

void timer_heap_add(struct aio_timer_list *list, struct aio_timer_entry entry)
{
    if (list->count == list->capacity) {
        list->capacity = list->capacity ? list->capacity * 2 : 16;
        list->heap = g_renew(struct aio_timer_entry, list->heap, list->capacity);
    }
    heap_up(list, list->count++, entry);
}

void timer_heap_remove(struct aio_timer_list *list, uint32_t slot)
{
    struct aio_timer_entry last;

    assert(slot < list->count);
    last = list->heap[--list->count];
    if (slot == list->count) {
        return;
    }
    if (slot > 0 && entry_before(&last, &list->heap[(slot - 1) / HEAP_WAYS])) {
        heap_up(list, slot, last);
    } else {
        heap_down(list, slot, last);
    }
}

void timer_heap_build(struct aio_timer_list *list)
{
    for (uint32_t slot = list->count; slot-- > 0;) {
        heap_down(list, slot, list->heap[slot]);
    }
}
