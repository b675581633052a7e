/*
 * A protocol for tests, "disk:NAME": files in memory that write down what was written and flushed
 * when, so that a test can ask what a power cut at any moment would have left.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

/* Adds the protocol; once. */
void disk_register(void);

/* Forgets all files. */
void disk_reset(void);

/* Makes requests wait a while, in an order that `seed` decides, or (0) end at once. */
void disk_set_delays(uint32_t seed);

/* Gives a file contents; `data` is copied. */
void disk_put(const char *name, const uint8_t *data, size_t size);

/* A file's contents, NULL if there is none; good until it changes. */
const uint8_t *disk_get(const char *name, size_t *ret_size);

/* Removes a file. */
void disk_remove(const char *name);

/* Lets the n-th request from now on (1 is the next one) fail with an error, of the kinds in `kinds`
 * ('r', 'w', 'f'); 0 never. A write that fails has written the first half of its
 * sectors. */
void disk_fail(unsigned n, int error, const char *kinds);

/* Whether it has come to that. */
bool disk_failed(void);

/* Begins to write down what happens to a file. */
void disk_record(const char *name);

/* Requests that were written down, by their begin; a moment for disk_cut. */
uint64_t disk_moment(void);

/* A moment at which the first sector of the file was written a little while ago; any if it never
 * was. */
uint64_t disk_moment_of_head(GRand *random);

/* Makes a file (the recorded one, too) what a power cut at a moment leaves: all that a flush had
 * covered, and of the sectors written since any part, which `random` chooses. */
void disk_cut(uint64_t moment, GRand *random, const char *name);

/* Ends that. */
void disk_record_end(void);
