/* Source: RFC 791 (IP header), RFC 9293 (TCP header); what may be merged as in RFC 9293, 3.4. */
#include "emu/net/merge.h"

#include <assert.h>
#include <string.h>

/* Offsets in a frame whose IP and TCP headers have no options. */
enum {
    ETH_TYPE = 12,
    IP = 14,
    IP_LENGTH = IP + 2,
    IP_ID = IP + 4,
    IP_FRAGMENT = IP + 6,
    IP_PROTOCOL = IP + 9,
    IP_CHECKSUM = IP + 10,
    IP_ADDRESSES = IP + 12,
    TCP = 34,
    TCP_SEQUENCE = TCP + 4,
    TCP_ACKNOWLEDGMENT = TCP + 8,
    TCP_OFFSET = TCP + 12,
    TCP_FLAGS = TCP + 13,
    TCP_WINDOW = TCP + 14,
    TCP_CHECKSUM = TCP + 16,
    TCP_URGENT = TCP + 18,
    DATA = 54,
};
enum { FLAG_PUSH = 8, FLAG_ACK = 16, MORE_OR_OFFSET = 0x3fff, PROTOCOL_TCP = 6 };

static uint16_t get16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static uint32_t get32(const uint8_t *at)
{
    return (uint32_t)get16(at) << 16 | get16(at + 2);
}

static void put16(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

/* Adds an even number of bytes to a checksum. */
static uint32_t sum16(uint32_t sum, const uint8_t *at, size_t size)
{
    for (size_t i = 0; i < size; i += 2) {
        sum += get16(at + i);
    }
    return sum;
}

static uint16_t fold(uint32_t sum)
{
    while (sum >> 16 != 0) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return (uint16_t)sum;
}

/* A plain data segment: no options, no fragment, no flags but ACK and PSH. */
static bool merge_fits(const uint8_t *frame, size_t size)
{
    return size > DATA && size <= TCP_MERGE_FRAME_MAX && get16(frame + ETH_TYPE) == 0x0800 &&
           frame[IP] == 0x45 && get16(frame + IP_LENGTH) == size - IP &&
           (get16(frame + IP_FRAGMENT) & MORE_OR_OFFSET) == 0 &&
           frame[IP_PROTOCOL] == PROTOCOL_TCP && frame[TCP_OFFSET] == 5 << 4 &&
           (frame[TCP_FLAGS] & ~FLAG_PUSH) == FLAG_ACK && get16(frame + TCP_URGENT) == 0;
}

/* Whether all is alike that must be: only length, id, sequence, PSH and checksums may differ. */
static bool merge_alike(const uint8_t *a, const uint8_t *b)
{
    return memcmp(a, b, IP_LENGTH) == 0 &&
           memcmp(a + IP_FRAGMENT, b + IP_FRAGMENT, IP_CHECKSUM - IP_FRAGMENT) == 0 &&
           memcmp(a + IP_ADDRESSES, b + IP_ADDRESSES, TCP_SEQUENCE - IP_ADDRESSES) == 0 &&
           memcmp(a + TCP_ACKNOWLEDGMENT, b + TCP_ACKNOWLEDGMENT, 4) == 0 &&
           memcmp(a + TCP_WINDOW, b + TCP_WINDOW, 2) == 0;
}

static void merge_append(struct tcp_merge *merge, const uint8_t *frame, size_t size)
{
    size_t data = size - DATA;
    merge->count++;
    merge->next = get32(frame + TCP_SEQUENCE) + (uint32_t)data;
    merge->closed = (frame[TCP_FLAGS] & FLAG_PUSH) != 0 || data < merge->segment_size;
    merge->frame[TCP_FLAGS] |= frame[TCP_FLAGS] & FLAG_PUSH;
}

bool tcp_merge_add(struct tcp_merge *merge, const uint8_t *frame, size_t size)
{
    if (!merge_fits(frame, size)) {
        return false;
    }
    size_t data = size - DATA;
    if (merge->size == 0) {
        memcpy(merge->frame, frame, size);
        merge->size = size;
        merge->segment_size = (uint16_t)data;
        merge->count = 0;
        merge_append(merge, frame, size);
        return true;
    }
    if (merge->closed || data > merge->segment_size || data > TCP_MERGE_FRAME_MAX - merge->size ||
        get32(frame + TCP_SEQUENCE) != merge->next || !merge_alike(merge->frame, frame)) {
        return false;
    }
    memcpy(merge->frame + merge->size, frame + DATA, data);
    merge->size += data;
    merge_append(merge, frame, size);
    return true;
}

size_t tcp_merge_take(struct tcp_merge *merge, uint16_t *ret_segment_size)
{
    size_t size = merge->size;
    uint8_t *frame = merge->frame;
    merge->size = 0;
    *ret_segment_size = 0;
    if (size == 0 || merge->count == 1) {
        return size;
    }
    *ret_segment_size = merge->segment_size;
    put16(frame + IP_LENGTH, (uint16_t)(size - IP));
    put16(frame + IP_CHECKSUM, 0);
    put16(frame + IP_CHECKSUM, (uint16_t)~fold(sum16(0, frame + IP, TCP - IP)));
    uint32_t pseudo = sum16(PROTOCOL_TCP + (uint32_t)(size - TCP), frame + IP_ADDRESSES, 8);
    put16(frame + TCP_CHECKSUM, fold(pseudo));
    return size;
}
