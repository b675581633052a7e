/*
 * Consecutive segments of one TCP connection put together into a large one, for cards that take
 * it: most of what a packet costs a guest does not depend on its length.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TCP_MERGE_FRAME_MAX 65549u /* an IP packet of 65535 bytes and its Ethernet header */

struct tcp_merge {
    size_t size;           /* of what is held; 0: nothing */
    uint16_t segment_size; /* data in the first segment */
    unsigned count;        /* segments held */
    uint32_t next;         /* sequence number that would follow */
    bool closed;           /* nothing may follow: a short segment, or a pushed one */
    uint8_t frame[TCP_MERGE_FRAME_MAX];
};

/* Holds a frame: the first of a large one, or what follows those held. False, and nothing changed,
 * for what cannot be merged with what is held, or with anything. */
bool tcp_merge_add(struct tcp_merge *merge, const uint8_t *frame, size_t size);

/* Makes one packet of what is held, in `frame`, and empties the holder. Returns its size, 0 if
 * there is nothing. *ret_segment_size is 0 for a packet as it came; else it is large, and its TCP
 * checksum covers the pseudo header only (as VIRTIO 1.2, 5.1.6.2 wants it). */
size_t tcp_merge_take(struct tcp_merge *merge, uint16_t *ret_segment_size);
