#include "emu/virtio/evdev_queue.h"

#include <assert.h>
#include <string.h>

#include <glib.h>

enum { SLOT_ID, SLOT_X, SLOT_Y };

void evdev_queue_reset(struct evdev_queue *queue)
{
    memset(queue, 0, sizeof(*queue));
}

/* Which member of a slot an axis speaks of; -1 for an axis of no finger. */
static int slot_member(uint16_t code)
{
    switch (code) {
    case ABS_MT_TRACKING_ID: return SLOT_ID;
    case ABS_MT_POSITION_X: return SLOT_X;
    case ABS_MT_POSITION_Y: return SLOT_Y;
    default: return -1;
    }
}

static bool state_key(const struct evdev_state *state, uint16_t code)
{
    return (state->down[code / 8] >> code % 8 & 1) != 0;
}

static void state_set_key(struct evdev_state *state, uint16_t code, bool down)
{
    uint8_t bit = (uint8_t)(1u << code % 8);
    state->down[code / 8] =
        (uint8_t)(down ? state->down[code / 8] | bit : state->down[code / 8] & ~bit);
}

/* Brings a state up to date with an event. */
static void state_apply(struct evdev_state *state, const struct evdev_event *event)
{
    if (event->type == EV_KEY) {
        state_set_key(state, event->code, event->value != 0);
    } else if (event->type == EV_ABS) {
        int member = slot_member(event->code);
        if (event->code == ABS_MT_SLOT) {
            state->slot_now = event->value;
        } else if (member >= 0) {
            state->slot[state->slot_now][member] = event->value + (member == SLOT_ID);
        } else {
            state->axis[event->code] = event->value;
        }
    }
}

static struct evdev_event *queue_at(struct evdev_queue *queue, uint32_t index)
{
    return &queue->event[(queue->head + index) % EVDEV_QUEUE_MAX];
}

static void queue_push(struct evdev_queue *queue, const struct evdev_event *event)
{
    assert(queue->count < EVDEV_QUEUE_MAX);
    *queue_at(queue, queue->count++) = *event;
    state_apply(&queue->told, event);
}

void evdev_queue_add(struct evdev_queue *queue, uint16_t type, uint16_t code, int32_t value)
{
    const struct evdev_event event = { type, code, value };
    assert(type == EV_KEY   ? code < EVDEV_KEYS
           : type == EV_REL ? code < EVDEV_RELS
                            : type == EV_ABS && code < EVDEV_AXES);
    assert(type != EV_ABS || code != ABS_MT_SLOT || (value >= 0 && value < EVDEV_SLOTS));
    if ((type == EV_KEY && state_key(&queue->now, code) == (value != 0)) ||
        (type == EV_REL && value == 0)) {
        return;
    }
    state_apply(&queue->now, &event);
    if (queue->frame_count == EVDEV_FRAME_MAX - 1) {
        evdev_queue_sync(queue); /* too long for one: its first part goes ahead */
    }
    queue->frame[queue->frame_count++] = event;
}

/* Whether events are nothing but motion of a pointer. */
static bool frame_is_motion(const struct evdev_event *event, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        bool pointer =
            event[i].type == EV_ABS && (event[i].code == ABS_X || event[i].code == ABS_Y);
        if (!pointer && event[i].type != EV_REL) {
            return false;
        }
    }
    return true;
}

static int32_t value_clamp(int64_t value)
{
    return (int32_t)CLAMP(value, INT32_MIN, INT32_MAX);
}

/* Joins one event of motion with the last frame, which does not end with EV_SYN now. */
static void queue_join(struct evdev_queue *queue, const struct evdev_event *event)
{
    for (uint32_t i = queue->count - queue->joinable; i < queue->count; i++) {
        struct evdev_event *old = queue_at(queue, i);
        if (old->type == event->type && old->code == event->code) {
            old->value = event->type == EV_REL ? value_clamp((int64_t)old->value + event->value)
                                               : event->value;
            state_apply(&queue->told, event);
            return;
        }
    }
    queue_push(queue, event);
    queue->joinable++;
}

static void frame_join(struct evdev_queue *queue)
{
    const struct evdev_event end = { EV_SYN, 0, 0 };
    queue->count--;
    queue->joinable--;
    for (uint32_t i = 0; i < queue->frame_count; i++) {
        queue_join(queue, &queue->frame[i]);
    }
    queue_push(queue, &end);
    queue->joinable++;
}

static void frame_append(struct evdev_queue *queue, bool motion)
{
    const struct evdev_event end = { EV_SYN, 0, 0 };
    for (uint32_t i = 0; i < queue->frame_count; i++) {
        queue_push(queue, &queue->frame[i]);
    }
    queue_push(queue, &end);
    queue->joinable = motion ? queue->frame_count + 1 : 0;
}

static void frame_lose(struct evdev_queue *queue)
{
    queue->overflow = true;
    for (uint32_t i = 0; i < queue->frame_count; i++) {
        if (queue->frame[i].type == EV_REL) {
            queue->missed[queue->frame[i].code] += queue->frame[i].value;
        }
    }
}

void evdev_queue_sync(struct evdev_queue *queue)
{
    bool motion = frame_is_motion(queue->frame, queue->frame_count);
    if (queue->frame_count == 0) {
        return;
    }
    if (queue->overflow || queue->frame_count >= EVDEV_QUEUE_MAX - queue->count) {
        frame_lose(queue);
    } else if (motion && queue->joinable > 0) {
        frame_join(queue);
    } else {
        frame_append(queue, motion);
    }
    queue->frame_count = 0;
}

static void repair_push(struct evdev_queue *queue, uint16_t type, uint16_t code, int32_t value)
{
    queue_push(queue, &(struct evdev_event){ type, code, value });
}

static void repair_keys(struct evdev_queue *queue, bool down)
{
    for (uint16_t code = 0; code < EVDEV_KEYS; code++) {
        bool now = state_key(&queue->now, code);
        if (now == down && now != state_key(&queue->told, code)) {
            repair_push(queue, EV_KEY, code, down);
        }
    }
}

static void repair_slot(struct evdev_queue *queue, int32_t slot)
{
    const int32_t *now = queue->now.slot[slot], *told = queue->told.slot[slot];
    if (memcmp(now, told, sizeof(queue->now.slot[slot])) == 0) {
        return;
    }
    repair_push(queue, EV_ABS, ABS_MT_SLOT, slot);
    if (now[SLOT_ID] != told[SLOT_ID]) {
        repair_push(queue, EV_ABS, ABS_MT_TRACKING_ID, now[SLOT_ID] - 1);
    }
    repair_push(queue, EV_ABS, ABS_MT_POSITION_X, now[SLOT_X]);
    repair_push(queue, EV_ABS, ABS_MT_POSITION_Y, now[SLOT_Y]);
}

/* At most one event for each key, each axis, and four and one for the slots. */
static_assert(EVDEV_KEYS + EVDEV_AXES + EVDEV_RELS + 4 * EVDEV_SLOTS + 2 <= EVDEV_QUEUE_MAX,
              "a frame that repairs everything fits into an empty ring");

/* The ring is empty: one frame makes good for those that were lost. */
static void queue_repair(struct evdev_queue *queue)
{
    queue->overflow = false;
    queue->joinable = 0;
    repair_keys(queue, false);
    for (uint16_t code = 0; code < EVDEV_AXES; code++) {
        if (queue->now.axis[code] != queue->told.axis[code]) {
            repair_push(queue, EV_ABS, code, queue->now.axis[code]);
        }
    }
    for (int32_t slot = 0; slot < EVDEV_SLOTS; slot++) {
        repair_slot(queue, slot);
    }
    if (queue->now.slot_now != queue->told.slot_now) {
        repair_push(queue, EV_ABS, ABS_MT_SLOT, queue->now.slot_now);
    }
    for (uint16_t code = 0; code < EVDEV_RELS; code++) {
        if (queue->missed[code] != 0) {
            repair_push(queue, EV_REL, code, value_clamp(queue->missed[code]));
            queue->missed[code] = 0;
        }
    }
    repair_keys(queue, true);
    if (queue->count > 0) {
        repair_push(queue, EV_SYN, 0, 0);
    }
}

bool evdev_queue_peek(struct evdev_queue *queue, struct evdev_event *ret_event)
{
    if (queue->count == 0 && queue->overflow) {
        queue_repair(queue);
    }
    if (queue->count == 0) {
        return false;
    }
    *ret_event = *queue_at(queue, 0);
    return true;
}

void evdev_queue_take(struct evdev_queue *queue)
{
    assert(queue->count > 0);
    queue->head = (queue->head + 1) % EVDEV_QUEUE_MAX;
    queue->count--;
    if (queue->joinable > queue->count) {
        queue->joinable = 0; /* the guest has its first part */
    }
}

void evdev_queue_release(struct evdev_queue *queue)
{
    for (uint16_t code = 0; code < EVDEV_KEYS; code++) {
        evdev_queue_add(queue, EV_KEY, code, 0);
    }
    evdev_queue_sync(queue);
}

static const struct state_field event_fields[] = {
    STATE_FIELD(struct evdev_event, type, RESET),
    STATE_FIELD(struct evdev_event, code, RESET),
    STATE_FIELD(struct evdev_event, value, RESET),
    { 0 },
};

static const struct state_field state_fields[] = {
    STATE_FIELD(struct evdev_state, down, RESET),
    STATE_FIELD(struct evdev_state, axis, RESET),
    STATE_TABLE(struct evdev_state, slot, RESET, sizeof(int32_t)),
    STATE_MAX(struct evdev_state, slot_now, RESET, EVDEV_SLOTS - 1),
    { 0 },
};

const struct state_field evdev_queue_fields[] = {
    STATE_STRUCT(struct evdev_queue, event, RESET, struct evdev_event, event_fields),
    STATE_MAX(struct evdev_queue, head, RESET, EVDEV_QUEUE_MAX - 1),
    STATE_MAX(struct evdev_queue, count, RESET, EVDEV_QUEUE_MAX),
    STATE_MAX(struct evdev_queue, joinable, RESET, EVDEV_QUEUE_MAX),
    STATE_FIELD(struct evdev_queue, overflow, RESET),
    STATE_FIELD(struct evdev_queue, missed, RESET),
    STATE_STRUCT(struct evdev_queue, now, RESET, struct evdev_state, state_fields),
    STATE_STRUCT(struct evdev_queue, told, RESET, struct evdev_state, state_fields),
    { 0 },
};

#define MISSED_MAX (INT64_C(1) << 60)

bool evdev_queue_check(const struct evdev_queue *queue)
{
    for (unsigned i = 0; i < EVDEV_RELS; i++) {
        if (queue->missed[i] > MISSED_MAX || queue->missed[i] < -MISSED_MAX) {
            return false;
        }
    }
    return queue->joinable <= queue->count && queue->frame_count == 0;
}
