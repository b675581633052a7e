/* What the POSIX hosts do differently: one folder for each, with the same file names. */
#pragma once

#include <pthread.h>
#include <spawn.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

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

/* When a file's bytes were last changed; false if it is not there. */
bool family_file_changed(const char *path, struct timespec *ret_changed);

/* An anonymous memory object that can be mapped more than once; -1 and errno on failure. */
int family_memory_open(const char *name);

/* Gives a page-aligned part of a shared mapping of `object` back, leaving zeros. */
void family_memory_discard(int object, void *base, size_t offset, size_t size);

/* Which pages of a private mapping were copied because they were written; false if the system does
 * not tell. */
bool family_memory_copied(const uint8_t *base, size_t pages, bool *ret_copied);

/* Whether a private mapping keeps pages from what is behind it, and the system tells which, so that
 * two processes can begin with the same memory. */
bool family_memory_can_part(void);

/* Where at or behind `offset`, at which there is data, a hole begins; `size` if nowhere. */
size_t family_memory_next_hole(int object, size_t offset, size_t size);

/* Where at or behind `offset` the object may have something other than zeros; `size` if nowhere. */
size_t family_memory_next_data(int object, size_t offset, size_t size);

/* Maps `size` bytes twice, once for writing and once for running. 0, or an errno. */
int family_codemem_map(size_t size, void **ret_rw, void **ret_rx);

/* Makes all data of a file durable. 0, or an errno. */
int family_file_flush(int fd);

/* Makes a range of a file zeros and keeps its length; `release` gives room back. 0, or an errno. */
int family_file_zero(int fd, off_t offset, off_t size, bool release);

/* Reads what the kernel has in its cache; as preadv(2), less or -1 where it would wait. */
ssize_t family_file_read_cached(int fd, const struct iovec *iov, int count, off_t offset);

/* Length of a block device. 0, or an errno. */
int family_device_size(int fd, uint64_t *ret_size);

/* Locks a whole file for this open description; never waits. 0, or an errno. */
int family_file_lock(int fd, bool exclusive);

/* Locks a file as an image, in QEMU's way where the host has such locks. 0, or an errno. */
int family_file_lock_image(int fd, bool write);

/* Makes transfers go around the cache; what they must be aligned to, 0 if that cannot be. */
uint32_t family_file_direct(int fd);

/* Takes room for a range of a file. 0, or an errno. */
int family_file_allocate(int fd, off_t offset, off_t size);

/* A file without a name in `folder` that shares the contents of `fd`; -1 and errno on failure. */
int family_file_clone(int fd, const char *folder);

/* A description of who holds a lock on the file, or NULL if unknown; free with g_free. */
char *family_lock_owner(int fd);

/* A stream socket that does not block and is not inherited; -1 and errno on failure. */
int family_socket_open(int domain);

/* Accepts such a socket; -1 and errno on failure. */
int family_socket_accept(int listener);

/* Sends without SIGPIPE; as send(2). */
ssize_t family_socket_send(int socket, const void *data, size_t size);

/* Path of the running executable, or NULL; free with g_free. */
char *family_program_path(void);

/* A path that leads to the running executable, where the host can even if its file has been
 * replaced; or NULL. Free with g_free. */
char *family_program_self(void);

/* Leaves a descriptor open in a child, under its number. 0, or an errno. */
int family_process_inherit(posix_spawn_file_actions_t *actions, int fd);

/* Name of the processor model, or NULL; free with g_free. */
char *family_processor_name(void);
