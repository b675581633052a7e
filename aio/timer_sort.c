#include "aio/timer_sort.h"

#include <assert.h>
#include <stdbool.h>

#define DIGIT_BITS 11u
#define DIGITS     (1u << DIGIT_BITS)

/* What is sorted by: the deadlines or the sequence numbers, from the least one on. */
struct sort_key {
    bool expire;
    uint64_t least;
    uint64_t range;
};

static uint64_t key_raw(const struct aio_timer_entry *entry, bool expire)
{
    return expire ? (uint64_t)entry->expire_ns : entry->sequence; /* neither is negative */
}

static struct sort_key key_find(const struct aio_timer_entry *entries, uint32_t count, bool expire)
{
    uint64_t least = UINT64_MAX, most = 0;

    for (uint32_t i = 0; i < count; i++) {
        uint64_t raw = key_raw(&entries[i], expire);

        least = raw < least ? raw : least;
        most = raw > most ? raw : most;
    }
    return (struct sort_key){ expire, least, most - least };
}

static unsigned key_digit(const struct sort_key *key, const struct aio_timer_entry *entry,
                          unsigned shift)
{
    return (unsigned)((key_raw(entry, key->expire) - key->least) >> shift) % DIGITS;
}

/* Orders by one digit and leaves equal ones in their order. */
static void sort_by_digit(const struct sort_key *key, unsigned shift,
                          const struct aio_timer_entry *from, struct aio_timer_entry *to,
                          uint32_t count)
{
    uint32_t place[DIGITS] = { 0 };
    uint32_t next = 0;

    for (uint32_t i = 0; i < count; i++) {
        place[key_digit(key, &from[i], shift)]++;
    }
    for (unsigned digit = 0; digit < DIGITS; digit++) {
        uint32_t here = place[digit];

        place[digit] = next;
        next += here;
    }
    for (uint32_t i = 0; i < count; i++) {
        to[place[key_digit(key, &from[i], shift)]++] = from[i];
    }
}

struct aio_timer_entry *timer_entries_sort(struct aio_timer_entry *entries,
                                           struct aio_timer_entry *scratch, uint32_t count)
{
    for (int expire = 0; expire <= 1; expire++) {
        struct sort_key key = key_find(entries, count, expire);

        for (unsigned shift = 0; shift < 64 && key.range >> shift != 0; shift += DIGIT_BITS) {
            struct aio_timer_entry *from = entries;

            sort_by_digit(&key, shift, from, scratch, count);
            entries = scratch;
            scratch = from;
        }
    }
    return entries;
}

uint32_t timer_entries_find(const struct aio_timer_entry *entries, uint32_t count,
                            int64_t expire_ns, uint64_t sequence)
{
    uint32_t first = 0, end = count;

    while (first < end) {
        uint32_t middle = first + (end - first) / 2;
        const struct aio_timer_entry *entry = &entries[middle];

        if (entry->expire_ns < expire_ns ||
            (entry->expire_ns == expire_ns && entry->sequence < sequence)) {
            first = middle + 1;
        } else {
            end = middle;
        }
    }
    assert(first < count && entries[first].sequence == sequence);
    return first;
}
