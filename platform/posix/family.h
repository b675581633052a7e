/* What the POSIX hosts do differently: one folder for each, with the same file names. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <glib.h>

/* Makes a condition variable for family_cond_wait_until. */
void family_cond_init(pthread_cond_t *cond);

/* Waits until the monotonic clock shows `until_ns`, or less; may end early for any reason. */
void family_cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *mutex, int64_t until_ns);

/* Names the calling thread. */
void family_thread_name(const char *name);

/* A number for the calling thread, never 0. */
uint64_t family_thread_id(void);

/* Processors this process may use. */
unsigned family_cpu_count(void);

/* The descriptors behind a host_event: both ends may be one. 0, or an errno. */
int family_event_open(int *ret_read, int *ret_write);

/* An anonymous memory object that can be mapped more than once; -1 and errno on failure. */
int family_memory_open(const char *name);

/* Gives a page-aligned part of a shared mapping of `object` back, leaving zeros. */
void family_memory_discard(int object, void *base, size_t offset, size_t size);

/* Maps `size` bytes twice, once for writing and once for running. 0, or an errno. */
int family_codemem_map(size_t size, void **ret_rw, void **ret_rx);
