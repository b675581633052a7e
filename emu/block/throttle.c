#include "emu/block/throttle.h"

#include <string.h>

#include <glib.h>

#define SECOND_NS INT64_C(1000000000)
#define BURST_NS  (SECOND_NS / 10)

void throttle_init(struct throttle *throttle, const struct throttle_limits *limits)
{
    *throttle = (struct throttle){ .limits = *limits };
    for (unsigned i = 0; i < 2; i++) {
        co_mutex_init(&throttle->turn[i]);
        co_sleep_init(&throttle->sleep[i]);
    }
}

void throttle_finish(struct throttle *throttle)
{
    for (unsigned i = 0; i < 2; i++) {
        co_mutex_finish(&throttle->turn[i]);
    }
}

bool throttle_any(const struct throttle *throttle)
{
    for (unsigned kind = 0; kind < THROTTLE_KINDS; kind++) {
        if (throttle->limits.bytes[kind] != 0 || throttle->limits.requests[kind] != 0) {
            return true;
        }
    }
    return false;
}

/* When one limit allows the request, at `now_ns` or later; then its schedule moves on. */
static int64_t throttle_book(int64_t *next_ns, uint64_t limit, uint64_t units, int64_t now_ns)
{
    if (limit == 0) {
        return now_ns;
    }
    int64_t from_ns = MAX(*next_ns, now_ns - BURST_NS);
    *next_ns = from_ns + (int64_t)((double)units * SECOND_NS / (double)limit);
    return MAX(from_ns, now_ns);
}

void throttle_wait(struct throttle *throttle, bool write, uint64_t bytes)
{
    const enum throttle_kind kinds[] = { THROTTLE_TOTAL, write ? THROTTLE_WRITE : THROTTLE_READ };
    if (throttle->off || !throttle_any(throttle)) {
        return;
    }
    co_mutex_lock(&throttle->turn[write]);
    int64_t now_ns = aio_clock_now_ns(aio_clock_host()), until_ns = now_ns;
    for (size_t i = 0; i < G_N_ELEMENTS(kinds) && !throttle->off; i++) {
        enum throttle_kind kind = kinds[i];
        int64_t bytes_ns = throttle_book(&throttle->bytes_next_ns[kind],
                                         throttle->limits.bytes[kind], bytes, now_ns);
        int64_t requests_ns = throttle_book(&throttle->requests_next_ns[kind],
                                            throttle->limits.requests[kind], 1, now_ns);
        until_ns = MAX(until_ns, MAX(bytes_ns, requests_ns));
    }
    if (until_ns > now_ns) {
        throttle->asleep[write] = true;
        co_sleep_until(&throttle->sleep[write], aio_clock_host(), until_ns);
        throttle->asleep[write] = false;
    }
    co_mutex_unlock(&throttle->turn[write]);
}

static void throttle_wake(struct throttle *throttle)
{
    for (unsigned i = 0; i < 2; i++) {
        if (throttle->asleep[i]) {
            co_sleep_wake(&throttle->sleep[i]);
        }
    }
}

void throttle_set(struct throttle *throttle, const struct throttle_limits *limits)
{
    throttle->limits = *limits;
    memset(throttle->bytes_next_ns, 0, sizeof(throttle->bytes_next_ns));
    memset(throttle->requests_next_ns, 0, sizeof(throttle->requests_next_ns));
    throttle_wake(throttle);
}

void throttle_release(struct throttle *throttle)
{
    throttle->off = true;
    throttle_wake(throttle);
}
