/* The Internet checksum (RFC 1071). */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Adds `size` bytes, beginning at an even offset of the packet, to a running sum. */
uint64_t checksum_add(uint64_t sum, const uint8_t *data, size_t size);

/* The checksum of what was added, as it stands in a packet: high byte first. */
uint16_t checksum_finish(uint64_t sum);
