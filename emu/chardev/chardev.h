/*
 * What stands behind a serial port: stdio, a file, a socket, nothing; or a mux that shares one of
 * them between several front ends and the monitor.
 *
 * A chardev belongs to a context, where its callbacks run. Calls come with the machine lock held,
 * from any thread (a hart that writes a UART register is one).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

#include "aio/context.h"

struct chardev;

enum chardev_event {
    CHARDEV_OPENED,
    CHARDEV_CLOSED,
    CHARDEV_BREAK,
    CHARDEV_FOCUS_IN,  /* of a mux: input goes here from now on */
    CHARDEV_FOCUS_OUT, /* of a mux: and no longer */
};

/* The device in front. Any function may be NULL. */
struct chardev_client {
    /* How many bytes `receive` would take now; the chardev stops reading its source at 0. */
    size_t (*can_receive)(void *opaque);
    /* Takes bytes, at most what can_receive said. */
    void (*receive)(void *opaque, const uint8_t *data, size_t size);
    /* The peer came, went, or sent a break. */
    void (*event)(void *opaque, enum chardev_event event);
    /* Output is taken again, after chardev_write took less than it was given. On the loop. */
    void (*writable)(void *opaque);
};

/* What a kind of chardev implements. */
struct chardev_class {
    const char *name;
    /* Writes up to `size` bytes, returns how many were taken; never blocks for long. */
    size_t (*write)(struct chardev *chardev, const uint8_t *data, size_t size);
    /* The client can take bytes again. Optional. */
    void (*accept_input)(struct chardev *chardev);
    /* A program in the guest opened or closed the port in front. Optional. */
    void (*client_open)(struct chardev *chardev, bool open);
    /* The size of the terminal behind, in characters; false if there is none. Optional. */
    bool (*get_size)(struct chardev *chardev, unsigned *ret_columns, unsigned *ret_rows);
    /* Closes and frees what is behind. */
    void (*close)(struct chardev *chardev);
};

/* The common part, first member of each kind. */
struct chardev {
    const struct chardev_class *class;
    char *id;
    struct aio_context *ctx;
    const struct chardev_client *client;
    void *client_opaque;
    bool open; /* somebody is at the other end */
    bool held; /* input waits: see chardev_hold_input */
};

/* Discards output, gives no input. */
struct chardev *chardev_new_null(struct aio_context *ctx, const char *id);

/* Standard input and output, raw if that is a terminal; one per process. */
struct chardev *chardev_new_stdio(struct aio_context *ctx, const char *id, GError **error);

/* Output appended to a file, which is created if missing. */
struct chardev *chardev_new_file(struct aio_context *ctx, const char *id, const char *path,
                                 GError **error);

/* A TCP socket: `server` listens. */
struct chardev *chardev_new_tcp(struct aio_context *ctx, const char *id, const char *host,
                                uint16_t port, bool server, GError **error);

/* A unix socket. */
struct chardev *chardev_new_unix(struct aio_context *ctx, const char *id, const char *path,
                                 bool server, GError **error);

/* Waits until somebody has come to a socket that listens, or `stop` says so: who makes it true on
 * another thread calls aio_notify. Home thread. */
void chardev_socket_wait(struct chardev *chardev, aio_predicate_fn *stop, void *opaque);

/* The port that a TCP server listens on (it may have been given as 0). */
uint16_t chardev_socket_port(const struct chardev *chardev);

/* A byte buffer driven by a test or a window: what is written collects, input is injected. */
struct chardev *chardev_new_memory(struct aio_context *ctx, const char *id);

/* Takes what has been written to a memory chardev; free with g_byte_array_unref. */
GByteArray *chardev_memory_take(struct chardev *chardev);

/* Gives bytes to the client of a memory chardev, as much as it can take; returns how many. */
size_t chardev_memory_inject(struct chardev *chardev, const void *data, size_t size);

/* Commands of the escape character of a mux (Ctrl-a x, c, b, h). */
struct chardev_mux_events {
    void (*quit)(void *opaque); /* Ctrl-a x */
    void *opaque;
};

/* Shares `backend` (owned from now on) between front ends. The mux is itself the first of them;
 * input goes to the first that is connected, and Ctrl-a c moves it to the next. */
struct chardev *chardev_new_mux(struct chardev *backend, const struct chardev_mux_events *events);

/* Adds one more front end to a mux: a chardev of its own, freed with the mux if not before. */
struct chardev *chardev_mux_add(struct chardev *mux, const char *id);

/* Connects the device in front (NULL disconnects) and starts input. */
void chardev_connect(struct chardev *chardev, const struct chardev_client *client, void *opaque);

/* Writes; returns how many bytes were taken, all of them when nobody is at the other end. What is
 * not taken is the caller's to offer again once `writable` is called. */
size_t chardev_write(struct chardev *chardev, const uint8_t *data, size_t size);

/* The size of the terminal behind, in characters; false if what is behind is no terminal. */
bool chardev_get_size(struct chardev *chardev, unsigned *ret_columns, unsigned *ret_rows);

/* Tells what is behind that a program in the guest has opened or closed the port in front; a port
 * that cannot tell is always open. */
void chardev_set_client_open(struct chardev *chardev, bool open);

/* Keeps input waiting, as if the client had no room, until it is let go. */
void chardev_hold_input(struct chardev *chardev, bool hold);

/* The client has room again. */
void chardev_accept_input(struct chardev *chardev);

/* Closes and frees; accepts NULL. */
void chardev_free(struct chardev *chardev);
