/*
 * Limits of how much a disk may do in a second.
 *
 * Each limit is a schedule: what it allows next comes a while after what it allowed last, and a
 * tenth of a second may be caught up with.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "aio/coroutine.h"

enum throttle_kind { THROTTLE_TOTAL, THROTTLE_READ, THROTTLE_WRITE, THROTTLE_KINDS };

/* A second; 0: no limit. */
struct throttle_limits {
    uint64_t bytes[THROTTLE_KINDS];
    uint64_t requests[THROTTLE_KINDS];
};

struct throttle {
    struct throttle_limits limits;
    bool off; /* lets everything pass from now on */
    int64_t bytes_next_ns[THROTTLE_KINDS], requests_next_ns[THROTTLE_KINDS];
    struct co_mutex turn[2]; /* reads, writes: one waits for its time, the others for him */
    struct co_sleep sleep[2];
    bool asleep[2];
};

/* Sets it up. */
void throttle_init(struct throttle *throttle, const struct throttle_limits *limits);

/* Other limits from now on; who waits for his time goes on. */
void throttle_set(struct throttle *throttle, const struct throttle_limits *limits);

/* Ends it; nobody waits. */
void throttle_finish(struct throttle *throttle);

/* Whether there is any limit. */
bool throttle_any(const struct throttle *throttle);

/* Waits until a request of so many bytes may go on, in the order of the calls. In a coroutine. */
void throttle_wait(struct throttle *throttle, bool write, uint64_t bytes);

/* Lets everybody go on now and in the future. */
void throttle_release(struct throttle *throttle);
