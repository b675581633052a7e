/* A bounded queue from any thread to the machine thread. What is down is known where it is posted,
 * so that each press has one release, and room for that release is kept: a full queue loses
 * motion and new presses, never a release. */
#include "emu/display/input.h"

#include <assert.h>
#include <stdatomic.h>
#include <string.h>

#include "platform/thread.h"

#define QUEUE_MAX   1024
#define BUTTON_MIN  0x100 /* BTN_MISC: below are keys */
#define BUTTON_END  0x160 /* KEY_OK: from here on keys again */
#define CODES       (INPUT_CODE_MAX + 1)

struct input_sink {
    struct input_hub *hub;
    enum input_kind kind;
    input_event_fn *fn;
    void *opaque;
    struct input_sink *next;
};

struct input_hub {
    struct aio_bh *deliver_bh;

    /* Machine lock. */
    struct input_sink *reading;          /* latest first */
    struct input_sink *pressed_at[CODES]; /* who was given a press and waits for the release */
    struct input_sink *finger_at[INPUT_SLOTS];
    bool points;                         /* the pointer last said where it is, not how it moved */
    input_changed_fn *changed;
    void *changed_opaque;

    struct host_mutex lock; /* a leaf, held for a few instructions: what follows */
    struct input_event queue[QUEUE_MAX];
    unsigned head, count;
    bool down[CODES];
    bool finger_down[INPUT_SLOTS];
    int32_t finger_x[INPUT_SLOTS], finger_y[INPUT_SLOTS];
    unsigned down_count; /* keys and fingers */

    _Atomic unsigned kinds; /* a bit for each that is read */
    _Atomic unsigned leds;
};

static void input_deliver(void *opaque);

struct input_hub *input_hub_new(struct aio_context *ctx)
{
    struct input_hub *hub = g_new0(struct input_hub, 1);
    hub->deliver_bh = aio_bh_new(ctx, "input-deliver", input_deliver, hub);
    host_mutex_init(&hub->lock);
    atomic_init(&hub->kinds, 0);
    atomic_init(&hub->leds, 0);
    return hub;
}

void input_hub_free(struct input_hub *hub)
{
    if (hub == NULL) {
        return;
    }
    assert(hub->reading == NULL);
    aio_bh_delete(hub->deliver_bh);
    host_mutex_finish(&hub->lock);
    g_free(hub);
}

static void hub_changed(struct input_hub *hub)
{
    if (hub->changed != NULL) {
        hub->changed(hub->changed_opaque);
    }
}

struct input_sink *input_attach(struct input_hub *hub, enum input_kind kind, input_event_fn *fn,
                                void *opaque)
{
    struct input_sink *sink = g_new0(struct input_sink, 1);
    *sink = (struct input_sink){ .hub = hub, .kind = kind, .fn = fn, .opaque = opaque };
    return sink;
}

void input_detach(struct input_sink *sink)
{
    if (sink != NULL) {
        input_set_reading(sink, false);
        g_free(sink);
    }
}

static void sink_forget(struct input_sink *sink)
{
    struct input_hub *hub = sink->hub;
    for (unsigned i = 0; i < CODES; i++) {
        if (hub->pressed_at[i] == sink) {
            hub->pressed_at[i] = NULL;
        }
    }
    for (unsigned i = 0; i < INPUT_SLOTS; i++) {
        if (hub->finger_at[i] == sink) {
            hub->finger_at[i] = NULL;
        }
    }
}

static void sink_unlink(struct input_sink *sink)
{
    struct input_sink **at = &sink->hub->reading;
    while (*at != NULL && *at != sink) {
        at = &(*at)->next;
    }
    if (*at == sink) {
        *at = sink->next;
        sink->next = NULL;
        sink_forget(sink);
    }
}

void input_set_reading(struct input_sink *sink, bool reading)
{
    struct input_hub *hub = sink->hub;
    sink_unlink(sink);
    if (reading) {
        sink->next = hub->reading;
        hub->reading = sink;
    }
    unsigned kinds = 0;
    for (const struct input_sink *at = hub->reading; at != NULL; at = at->next) {
        kinds |= 1u << at->kind;
    }
    if (atomic_exchange(&hub->kinds, kinds) != kinds) {
        hub_changed(hub);
    }
}

void input_set_leds(struct input_hub *hub, unsigned leds)
{
    if (atomic_exchange(&hub->leds, leds) != leds) {
        hub_changed(hub);
    }
}

void input_set_listener(struct input_hub *hub, input_changed_fn *fn, void *opaque)
{
    hub->changed = fn;
    hub->changed_opaque = opaque;
}

static struct input_sink *hub_find(const struct input_hub *hub, enum input_kind kind)
{
    struct input_sink *sink = hub->reading;
    while (sink != NULL && sink->kind != kind) {
        sink = sink->next;
    }
    return sink;
}

/* Who has the buttons and the wheel: the pointer that moved last, or the one there is. */
static struct input_sink *hub_pointer(const struct input_hub *hub)
{
    struct input_sink *tablet = hub_find(hub, INPUT_TABLET), *mouse = hub_find(hub, INPUT_MOUSE);
    return tablet != NULL && (hub->points || mouse == NULL) ? tablet : mouse;
}

bool input_pointer(const struct input_hub *hub, enum input_kind *ret_kind)
{
    const struct input_sink *sink = hub_pointer(hub);
    if (sink != NULL) {
        *ret_kind = sink->kind;
    }
    return sink != NULL;
}

void input_set_pointer(struct input_hub *hub, enum input_kind kind)
{
    hub->points = kind == INPUT_TABLET;
}

static bool code_is_button(unsigned code)
{
    return code >= BUTTON_MIN && code < BUTTON_END;
}

/* A release goes where the press went, whatever has happened since. */
static struct input_sink *route_held(struct input_sink **holder, struct input_sink *now, bool down)
{
    struct input_sink *sink = down ? now : *holder;
    *holder = down ? now : NULL;
    return sink;
}

static struct input_sink *hub_route(struct input_hub *hub, const struct input_event *event)
{
    switch (event->type) {
    case INPUT_KEY: {
        bool button = code_is_button(event->code);
        struct input_sink *now = button ? hub_pointer(hub) : hub_find(hub, INPUT_KEYBOARD);
        return route_held(&hub->pressed_at[event->code], now, event->down);
    }
    case INPUT_POSITION:
        hub->points = true;
        return hub_find(hub, INPUT_TABLET);
    case INPUT_MOTION:
        hub->points = false;
        return hub_find(hub, INPUT_MOUSE);
    case INPUT_WHEEL: return hub_pointer(hub);
    case INPUT_FINGER: {
        struct input_sink **holder = &hub->finger_at[event->code];
        struct input_sink *now = *holder != NULL ? *holder : hub_find(hub, INPUT_TOUCHSCREEN);
        return route_held(holder, now, event->down);
    }
    }
    g_assert_not_reached();
}

static bool hub_next(struct input_hub *hub, struct input_event *ret_event)
{
    host_mutex_lock(&hub->lock);
    bool any = hub->count > 0;
    if (any) {
        *ret_event = hub->queue[hub->head];
        hub->head = (hub->head + 1) % QUEUE_MAX;
        hub->count--;
    }
    host_mutex_unlock(&hub->lock);
    return any;
}

static void input_deliver(void *opaque)
{
    struct input_hub *hub = opaque;
    struct input_event event;
    while (hub_next(hub, &event)) {
        struct input_sink *sink = hub_route(hub, &event);
        if (sink != NULL) {
            sink->fn(sink->opaque, &event);
        }
    }
}

/* Whether an event other than a release fits, with room left for the release of all that is (and
 * that will be) down. */
static bool queue_has_room(const struct input_hub *hub)
{
    return hub->count + hub->down_count + 2 <= QUEUE_MAX;
}

static void queue_put(struct input_hub *hub, const struct input_event *event)
{
    assert(hub->count < QUEUE_MAX);
    hub->queue[(hub->head + hub->count++) % QUEUE_MAX] = *event;
}

/* Motion may be merged with the event before it once the machine falls behind. */
static bool queue_merge(struct input_hub *hub, const struct input_event *event)
{
    struct input_event *last = &hub->queue[(hub->head + hub->count - 1) % QUEUE_MAX];
    if (hub->count < QUEUE_MAX / 2 || last->type != event->type || last->code != event->code ||
        last->down != event->down) {
        return false;
    }
    bool adds = event->type == INPUT_MOTION || event->type == INPUT_WHEEL;
    last->x = adds ? (int32_t)((uint32_t)last->x + (uint32_t)event->x) : event->x;
    last->y = adds ? (int32_t)((uint32_t)last->y + (uint32_t)event->y) : event->y;
    return true;
}

static void hub_post_motion(struct input_hub *hub, const struct input_event *event)
{
    host_mutex_lock(&hub->lock);
    if (!queue_merge(hub, event) && queue_has_room(hub)) {
        queue_put(hub, event);
    }
    host_mutex_unlock(&hub->lock);
    aio_bh_schedule(hub->deliver_bh);
}

/* A press or a release. With the lock held. */
static void hub_press(struct input_hub *hub, bool *state, const struct input_event *event)
{
    if (*state == event->down || (event->down && !queue_has_room(hub))) {
        return;
    }
    *state = event->down;
    hub->down_count += event->down ? 1 : -1u;
    queue_put(hub, event);
}

void input_key(struct input_hub *hub, unsigned code, bool down)
{
    if (code > INPUT_CODE_MAX) {
        return;
    }
    const struct input_event event = { .type = INPUT_KEY, .code = (uint16_t)code, .down = down };
    host_mutex_lock(&hub->lock);
    hub_press(hub, &hub->down[code], &event);
    host_mutex_unlock(&hub->lock);
    aio_bh_schedule(hub->deliver_bh);
}

void input_position(struct input_hub *hub, int32_t x, int32_t y)
{
    hub_post_motion(hub, &(struct input_event){ .type = INPUT_POSITION,
                                                .x = CLAMP(x, 0, INPUT_ABS_MAX),
                                                .y = CLAMP(y, 0, INPUT_ABS_MAX) });
}

void input_motion(struct input_hub *hub, int32_t dx, int32_t dy)
{
    hub_post_motion(hub, &(struct input_event){ .type = INPUT_MOTION, .x = dx, .y = dy });
}

void input_wheel(struct input_hub *hub, int32_t right, int32_t away)
{
    hub_post_motion(hub, &(struct input_event){ .type = INPUT_WHEEL, .x = right, .y = away });
}

void input_finger(struct input_hub *hub, unsigned slot, bool down, int32_t x, int32_t y)
{
    if (slot >= INPUT_SLOTS) {
        return;
    }
    const struct input_event event = { .type = INPUT_FINGER,
                                       .code = (uint16_t)slot,
                                       .down = down,
                                       .x = CLAMP(x, 0, INPUT_ABS_MAX),
                                       .y = CLAMP(y, 0, INPUT_ABS_MAX) };
    host_mutex_lock(&hub->lock);
    bool moves = down && hub->finger_down[slot];
    if (!moves) {
        hub_press(hub, &hub->finger_down[slot], &event);
    } else if (!queue_merge(hub, &event) && queue_has_room(hub)) {
        queue_put(hub, &event);
    }
    hub->finger_x[slot] = event.x;
    hub->finger_y[slot] = event.y;
    host_mutex_unlock(&hub->lock);
    aio_bh_schedule(hub->deliver_bh);
}

void input_release_all(struct input_hub *hub)
{
    host_mutex_lock(&hub->lock);
    for (unsigned i = 0; i < CODES; i++) {
        hub_press(hub, &hub->down[i], &(struct input_event){ .type = INPUT_KEY,
                                                             .code = (uint16_t)i });
    }
    for (unsigned i = 0; i < INPUT_SLOTS; i++) {
        hub_press(hub, &hub->finger_down[i], &(struct input_event){ .type = INPUT_FINGER,
                                                                    .code = (uint16_t)i,
                                                                    .x = hub->finger_x[i],
                                                                    .y = hub->finger_y[i] });
    }
    assert(hub->down_count == 0);
    host_mutex_unlock(&hub->lock);
    aio_bh_schedule(hub->deliver_bh);
}

bool input_has(const struct input_hub *hub, enum input_kind kind)
{
    return (atomic_load(&hub->kinds) >> kind & 1) != 0;
}

bool input_absolute(const struct input_hub *hub)
{
    return input_has(hub, INPUT_TABLET);
}

unsigned input_leds(const struct input_hub *hub)
{
    return atomic_load(&hub->leds);
}
