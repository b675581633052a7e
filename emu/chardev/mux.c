/*
 * One terminal for several front ends. Ctrl-a is the escape: the next key is a command of the
 * mux, and a second Ctrl-a is Ctrl-a itself. Output of all front ends is interleaved.
 */
#include "emu/chardev/backend.h"

#include <assert.h>
#include <string.h>

#define MUX_ESCAPE    0x01 /* Ctrl-a */
#define MUX_RING_SIZE 4096u

struct mux;

struct mux_front {
    struct chardev chardev;
    struct mux *mux;
    size_t head, count; /* input that the client has not yet had room for */
    uint8_t ring[MUX_RING_SIZE];
};

struct mux {
    struct mux_front first;
    struct chardev *backend;
    struct chardev_mux_events events;
    GPtrArray *fronts; /* of struct mux_front, the first included */
    struct mux_front *focus;
    bool escaped;
};

/* Hands over what the client has room for, and lets the backend read again. */
static void mux_pump(struct mux_front *front)
{
    size_t before = front->count;
    size_t room;
    while (front->count > 0 && (room = chardev_client_room(&front->chardev)) > 0) {
        size_t size = MIN(MIN(front->count, room), MUX_RING_SIZE - front->head);
        const uint8_t *data = front->ring + front->head;
        front->head = (front->head + size) % MUX_RING_SIZE;
        front->count -= size;
        chardev_client_receive(&front->chardev, data, size);
    }
    if (before == MUX_RING_SIZE && front->count < MUX_RING_SIZE) {
        chardev_accept_input(front->mux->backend);
    }
}

static void mux_put(struct mux_front *front, uint8_t byte)
{
    assert(front->count < MUX_RING_SIZE);
    front->ring[(front->head + front->count) % MUX_RING_SIZE] = byte;
    front->count++;
}

/* The connected front end after `front` in a round; `front` itself when there is no other. */
static struct mux_front *mux_next(struct mux *mux, struct mux_front *front)
{
    guint at = 0;
    g_ptr_array_find(mux->fronts, front, &at);
    for (guint i = 1; i < mux->fronts->len; i++) {
        struct mux_front *next = mux->fronts->pdata[(at + i) % mux->fronts->len];
        if (next->chardev.client != NULL) {
            return next;
        }
    }
    return front;
}

static void mux_set_focus(struct mux *mux, struct mux_front *front)
{
    if (front == mux->focus) {
        return;
    }
    struct mux_front *old = mux->focus;
    mux->focus = front;
    chardev_client_event(&old->chardev, CHARDEV_FOCUS_OUT);
    chardev_client_event(&front->chardev, CHARDEV_FOCUS_IN);
}

static void mux_help(struct mux *mux)
{
    static const char help[] = "\r\n"
                               "Ctrl-a h    this help\r\n"
                               "Ctrl-a x    quit the emulator\r\n"
                               "Ctrl-a b    send a break to the guest\r\n"
                               "Ctrl-a c    switch between console and monitor\r\n"
                               "Ctrl-a Ctrl-a    send Ctrl-a\r\n";
    chardev_write(mux->backend, (const uint8_t *)help, sizeof(help) - 1);
}

static void mux_command(struct mux *mux, uint8_t key)
{
    switch (key) {
    case MUX_ESCAPE: mux_put(mux->focus, MUX_ESCAPE); break;
    case 'h':
    case '?': mux_help(mux); break;
    case 'x':
        if (mux->events.quit != NULL) {
            mux->events.quit(mux->events.opaque);
        }
        break;
    case 'b': chardev_client_event(&mux->focus->chardev, CHARDEV_BREAK); break;
    case 'c': mux_set_focus(mux, mux_next(mux, mux->focus)); break;
    default: /* not a command: swallowed, so that a slip of the finger does no harm */ break;
    }
}

/* Every front end must be able to take what comes: the focus may move in the middle of it. */
static size_t mux_can_receive(void *opaque)
{
    struct mux *mux = opaque;
    size_t room = MUX_RING_SIZE;
    for (guint i = 0; i < mux->fronts->len; i++) {
        const struct mux_front *front = mux->fronts->pdata[i];
        room = MIN(room, MUX_RING_SIZE - front->count);
    }
    return room;
}

static void mux_receive(void *opaque, const uint8_t *data, size_t size)
{
    struct mux *mux = opaque;
    for (size_t i = 0; i < size; i++) {
        if (mux->escaped) {
            mux->escaped = false;
            mux_command(mux, data[i]);
        } else if (data[i] == MUX_ESCAPE) {
            mux->escaped = true;
        } else {
            mux_put(mux->focus, data[i]);
        }
    }
    for (guint i = 0; i < mux->fronts->len; i++) {
        mux_pump(mux->fronts->pdata[i]);
    }
}

static void mux_event(void *opaque, enum chardev_event event)
{
    struct mux *mux = opaque;
    for (guint i = 0; i < mux->fronts->len; i++) {
        struct mux_front *front = mux->fronts->pdata[i];
        if (event != CHARDEV_BREAK || front == mux->focus) {
            chardev_client_event(&front->chardev, event);
        }
    }
}

static void mux_writable(void *opaque)
{
    struct mux *mux = opaque;
    for (guint i = 0; i < mux->fronts->len; i++) {
        chardev_client_writable(&((struct mux_front *)mux->fronts->pdata[i])->chardev);
    }
}

static const struct chardev_client mux_client = {
    .can_receive = mux_can_receive,
    .receive = mux_receive,
    .event = mux_event,
    .writable = mux_writable,
};

static size_t front_write(struct chardev *chardev, const uint8_t *data, size_t size)
{
    return chardev_write(((struct mux_front *)chardev)->mux->backend, data, size);
}

static bool front_get_size(struct chardev *chardev, unsigned *ret_columns, unsigned *ret_rows)
{
    return chardev_get_size(((struct mux_front *)chardev)->mux->backend, ret_columns, ret_rows);
}

/* A client that comes takes the focus from a front end that has none. */
static void front_accept_input(struct chardev *chardev)
{
    struct mux_front *front = (struct mux_front *)chardev;
    struct mux *mux = front->mux;
    if (chardev->client != NULL && mux->focus->chardev.client == NULL) {
        mux_set_focus(mux, front);
    }
    mux_pump(front);
}

static void front_close(struct chardev *chardev)
{
    struct mux_front *front = (struct mux_front *)chardev;
    struct mux *mux = front->mux;
    if (mux->focus == front) {
        mux->focus = mux_next(mux, front) != front ? mux_next(mux, front) : &mux->first;
    }
    g_ptr_array_remove(mux->fronts, front);
    chardev_release(chardev);
}

static void mux_close(struct chardev *chardev)
{
    struct mux *mux = (struct mux *)chardev;
    chardev_free(mux->backend);
    while (mux->fronts->len > 1) {
        chardev_free(mux->fronts->pdata[mux->fronts->len - 1]);
    }
    g_ptr_array_free(mux->fronts, TRUE);
    chardev_release(chardev);
}

static const struct chardev_class mux_class = {
    .name = "mux",
    .write = front_write,
    .accept_input = front_accept_input,
    .get_size = front_get_size,
    .close = mux_close,
};

static const struct chardev_class front_class = {
    .name = "mux-front",
    .write = front_write,
    .accept_input = front_accept_input,
    .get_size = front_get_size,
    .close = front_close,
};

struct chardev *chardev_new_mux(struct chardev *backend, const struct chardev_mux_events *events)
{
    struct mux *mux = chardev_alloc(&mux_class, backend->ctx, backend->id, sizeof(*mux));
    mux->backend = backend;
    mux->events = *events;
    mux->first.mux = mux;
    mux->first.chardev.open = backend->open;
    mux->focus = &mux->first;
    mux->fronts = g_ptr_array_new();
    g_ptr_array_add(mux->fronts, &mux->first);
    chardev_connect(backend, &mux_client, mux);
    return &mux->first.chardev;
}

struct chardev *chardev_mux_add(struct chardev *chardev, const char *id)
{
    assert(chardev->class == &mux_class);
    struct mux *mux = (struct mux *)chardev;
    struct mux_front *front = chardev_alloc(&front_class, chardev->ctx, id, sizeof(*front));
    front->mux = mux;
    front->chardev.open = mux->backend->open;
    g_ptr_array_add(mux->fronts, front);
    return &front->chardev;
}
