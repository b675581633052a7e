/* Reading the bytes of an image that may end in the middle of a sector. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "platform/file.h"

/* Reads exactly `size` bytes at `offset`, zeros behind the end; an image that is NULL ends at 0.
 * 0 or an enum file_error. */
int image_read(struct host_file *file, uint8_t *data, size_t size, uint64_t offset);

/* The same for memory in several pieces. */
int image_read_vec(struct host_file *file, const struct host_vec *vec, unsigned count,
                   uint64_t offset);

/* Writes `size` zeros at `offset`. 0 or an enum file_error. */
int image_write_zeros(struct host_file *file, uint64_t offset, uint64_t size);

/* Whether memory in several pieces has nothing but zeros in it. */
bool image_is_zero(const struct host_vec *vec, unsigned count);
