/*
 * How devices reach guest memory. RAM only: an address that is not RAM is refused, so a device can
 * never reach its own or another device's registers. Any thread, no lock.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "emu/mem/bus.h"

/* Copies guest memory out; false if any byte is not RAM or ROM (then nothing is copied). */
bool dma_read(const struct bus *bus, gpa_t address, void *data, size_t size);

/* Copies into guest memory; false if any byte is not RAM (then nothing is written). */
bool dma_write(const struct bus *bus, gpa_t address, const void *data, size_t size);

/* Host address of [address, address+size) for in-place transfers, or NULL if any byte is not RAM.
 * After the transfer of a writable mapping call dma_written. */
uint8_t *dma_map(const struct bus *bus, gpa_t address, size_t size, bool write);

/* Tells the memory system that a device has changed these bytes through dma_map. */
void dma_written(const struct bus *bus, gpa_t address, size_t size);

/* 16-bit load with acquire order (ring indices); false if not RAM or ROM, or not aligned. */
bool dma_load16(const struct bus *bus, gpa_t address, uint16_t *ret_value);

/* 16-bit store with release order; false if not RAM or not aligned. */
bool dma_store16(const struct bus *bus, gpa_t address, uint16_t value);
