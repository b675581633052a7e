/*
 * Writes kept in memory over an image that is only read: a sparse map of pages. Any thread.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "platform/file.h"

struct overlay;

/* Makes an empty overlay of `size` bytes over `base`, which stays the caller's, or NULL: zeros. */
struct overlay *overlay_new(struct host_file *base, uint64_t size);

/* Forgets all writes and frees; accepts NULL. */
void overlay_free(struct overlay *overlay);

/* Reads what was written last, or the base, or zeros behind its end. 0 or an enum file_error. The
 * range lies inside the overlay, here and below. */
int overlay_read(struct overlay *overlay, uint8_t *data, size_t size, uint64_t offset);

/* Writes; FILE_ERROR_NO_SPACE when the host has no memory left. */
int overlay_write(struct overlay *overlay, const uint8_t *data, size_t size, uint64_t offset);

/* Writes zeros; the same. */
int overlay_write_zeros(struct overlay *overlay, uint64_t offset, uint64_t size);
