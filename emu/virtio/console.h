/* What the two halves of the console device share: ports, and the talk about them. */
#pragma once

#include <assert.h>

#include "emu/virtio/virtio.h"

#define CONSOLE_PORTS  VIRTIO_CONSOLE_PORTS
#define CONSOLE_QUEUES (2 * (CONSOLE_PORTS + 1))

static_assert(CONSOLE_QUEUES <= VIRTIO_QUEUES_MAX, "two queues for each port, and two for control");

enum console_feature { CONSOLE_F_SIZE = 0, CONSOLE_F_MULTIPORT = 1, CONSOLE_F_EMERG_WRITE = 2 };

struct virtio_console;

/* What does not change of a port. */
struct console_port {
    struct virtio_console *console;
    unsigned number;
    struct chardev *chardev; /* NULL: there is no such port */
    char *name;              /* NULL: none */
    bool terminal;           /* the guest is to show a console on it */
    uint16_t columns, rows;  /* of the terminal when last seen; 0 columns: not a terminal */
};

/* What a port has to tell the driver, in this order (5.3.6.2). */
enum console_tell {
    TELL_ADD = 1,
    TELL_CONSOLE = 2,
    TELL_SIZE = 4,
    TELL_NAME = 8,
    TELL_CLOSED = 16,
    TELL_OPEN = 32,
};

struct console_port_state {
    uint32_t sent;   /* bytes of the request at the head of its output that are out */
    uint8_t tell;    /* enum console_tell as bits: not told yet */
    bool ready;      /* the driver knows the port */
    bool guest_open; /* a program, or the guest's console, has it open */
    bool peer_open;  /* of a saved state: somebody was at the other end */
};

struct virtio_console {
    struct virtio_device dev;
    struct console_port port[CONSOLE_PORTS];
    struct console_port_state state[CONSOLE_PORTS];
    struct virtq_request sending; /* scratch */
    struct virtq_request request; /* scratch: of input, which may come while output goes */
    struct virtq_request control; /* scratch */
};

/* The queue with a port's input; its output is the next one (5.3.2). */
unsigned console_port_queue(unsigned port);

/* What is saved of a port. */
extern const struct state_field console_port_fields[];

/* Whether a port can have that saved state. */
bool console_port_check(const struct console_port *port, const struct console_port_state *state);

/* Brings the chardev into step with a restored state, and the driver with the chardev. */
void console_port_restore(struct console_port *port);

/* Connects to the chardev that was filled in. */
void console_port_connect(struct console_port *port);

/* The driver rang one of the port's queues. */
void console_port_notify(struct console_port *port, bool output);

/* A program in the guest opened or closed the port. */
void console_port_set_open(struct console_port *port, bool open);

/* Looks at the terminal behind: it may have been resized. */
void console_port_look(struct console_port *port);

/* Whether the driver is there and has done nothing wrong. */
bool console_running(const struct virtio_console *console);

/* Sends the driver what it has not been told yet, as far as it has buffers. */
void console_tell(struct virtio_console *console);
