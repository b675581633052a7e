/*
 * A double of platform/file.h in memory, linked in its place: any call can be made to fail, and
 * power can be cut. Add fake_file_dep to a test's dependencies.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "platform/file.h"

/* What can fail; calls are counted by kind. */
enum fake_file_call {
    FAKE_FILE_OPEN,
    FAKE_FILE_SIZE,
    FAKE_FILE_READ,
    FAKE_FILE_WRITE,
    FAKE_FILE_FLUSH,
    FAKE_FILE_TRUNCATE,
    FAKE_FILE_ZERO,
    FAKE_FILE_LOCK,
    FAKE_FILE_CALLS,
};

/* Forgets all files, failures and counts. No file may be open. */
void fake_file_reset(void);

/* Creates or replaces a file; what it holds counts as flushed. */
void fake_file_put(const char *path, const void *data, size_t size);

/* A copy of what a file holds now, NULL if there is none; free with g_free. */
uint8_t *fake_file_get(const char *path, size_t *ret_size);

/* Makes the `nth` call from now of that kind (1: the next) fail with `failure`, an
 * enum file_error. A write that fails has written its first half. 0 takes it back. */
void fake_file_fail(enum fake_file_call call, unsigned nth, int failure);

/* Whether host_file_read_cached finds everything in the cache, or nothing (as after a reset). */
void fake_file_set_cached(bool cached);

/* How many calls of that kind there were since the reset. */
unsigned fake_file_count(enum fake_file_call call);

/* Cuts the power: every file holds what it held at its last flush. Open files stay usable. */
void fake_file_power_cut(void);
