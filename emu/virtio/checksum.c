#include "emu/virtio/checksum.h"

#include <string.h>

#include <glib.h>

/* Adds 32 bits at a time in the host's byte order; RFC 1071, 1.2 says why that is right. */
uint64_t checksum_add(uint64_t sum, const uint8_t *data, size_t size)
{
    for (; size >= 4; data += 4, size -= 4) {
        uint32_t word;
        memcpy(&word, data, 4);
        sum += word;
    }
    uint32_t rest = 0;
    memcpy(&rest, data, size);
    return sum + rest;
}

uint16_t checksum_finish(uint64_t sum)
{
    while (sum >> 16 != 0) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return GUINT16_FROM_BE((uint16_t)~sum);
}
