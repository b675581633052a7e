/*
 * What is said between the two clipboards: whoever copies text grabs the clipboard, and the other
 * side asks for the text. Only text is exchanged. What is to be said is remembered as bits, and put
 * into words when the guest has taken what was said before: so no memory grows.
 */
#include "emu/display/vdagent.h"

#include <string.h>

#include "emu/chardev/backend.h"
#include "emu/display/vdagent_wire.h"

#define SELECTION_SIZE 4u /* a byte that says which clipboard, and three unused ones */
#define MESSAGE_MAX    (CLIPBOARD_TEXT_MAX + 64)

/* What is to be said, in this order. */
enum vdagent_say {
    SAY_ASK_CAPABILITIES = 1,
    SAY_CAPABILITIES = 2,
    SAY_RELEASE = 4,
    SAY_GRAB = 8,
    SAY_REQUEST = 16,
    SAY_TEXT = 32,
    SAY_NOTHING = 64, /* what the guest asked for is not there */
};

struct vdagent {
    struct chardev chardev;
    struct clipboard *clipboard;
    bool guest_open;       /* an agent has the port open */
    uint32_t capabilities; /* of the agent */
    unsigned say;          /* enum vdagent_say as bits */
    struct vdagent_reader reader;
    GByteArray *out; /* on its way to the guest */
    size_t out_done; /* bytes of it that are there */
};

static bool agent_can(const struct vdagent *agent, enum vdagent_capability capability)
{
    return (agent->capabilities >> capability & 1) != 0;
}

/* Starts the body of a message about a clipboard; returns where it goes on. */
static uint32_t body_start(const struct vdagent *agent, uint8_t *body)
{
    uint32_t size = agent_can(agent, VDAGENT_SELECTION) ? SELECTION_SIZE : 0;
    memset(body, 0, SELECTION_SIZE); /* the clipboard, no X11 selection */
    return size;
}

static void say_capabilities(struct vdagent *agent, bool ask)
{
    uint8_t body[8];
    vdagent_put32(body, ask);
    vdagent_put32(body + 4, 1u << VDAGENT_BY_DEMAND | 1u << VDAGENT_SELECTION);
    vdagent_write(agent->out, VDAGENT_CAPABILITIES, body, sizeof(body));
}

static void say_about(struct vdagent *agent, enum vdagent_type type, enum vdagent_content content)
{
    uint8_t body[SELECTION_SIZE + 4];
    uint32_t size = body_start(agent, body);
    if (type != VDAGENT_RELEASE) {
        vdagent_put32(body + size, content);
        size += 4;
    }
    vdagent_write(agent->out, type, body, size);
}

static void say_text(struct vdagent *agent)
{
    g_autofree char *text = clipboard_guest_get(agent->clipboard);
    if (text == NULL) {
        say_about(agent, VDAGENT_CLIPBOARD, VDAGENT_NONE);
        return;
    }
    uint8_t start[SELECTION_SIZE + 4];
    uint32_t size = body_start(agent, start);
    g_autoptr(GByteArray) body = g_byte_array_new();
    vdagent_put32(start + size, VDAGENT_TEXT);
    g_byte_array_append(body, start, size + 4);
    g_byte_array_append(body, (const uint8_t *)text, (guint)strlen(text));
    vdagent_write(agent->out, VDAGENT_CLIPBOARD, body->data, body->len);
}

static void agent_say(struct vdagent *agent, enum vdagent_say what)
{
    switch (what) {
    case SAY_ASK_CAPABILITIES: say_capabilities(agent, true); break;
    case SAY_CAPABILITIES: say_capabilities(agent, false); break;
    case SAY_RELEASE: say_about(agent, VDAGENT_RELEASE, VDAGENT_NONE); break;
    case SAY_GRAB: say_about(agent, VDAGENT_GRAB, VDAGENT_TEXT); break;
    case SAY_REQUEST: say_about(agent, VDAGENT_REQUEST, VDAGENT_TEXT); break;
    case SAY_TEXT: say_text(agent); break;
    case SAY_NOTHING: say_about(agent, VDAGENT_CLIPBOARD, VDAGENT_NONE); break;
    }
}

/* Gives the guest what it has room for, and says the next thing when it has all. */
static void agent_pump(struct vdagent *agent)
{
    for (;;) {
        size_t room = chardev_client_room(&agent->chardev);
        if (agent->out_done == agent->out->len && agent->say != 0) {
            unsigned lowest = agent->say & -agent->say;
            g_byte_array_set_size(agent->out, 0);
            agent->out_done = 0;
            agent->say &= ~lowest;
            agent_say(agent, (enum vdagent_say)lowest);
        }
        size_t part = MIN(agent->out->len - agent->out_done, room);
        if (part == 0) {
            return;
        }
        const uint8_t *data = agent->out->data + agent->out_done;
        agent->out_done += part;
        chardev_client_receive(&agent->chardev, data, part);
    }
}

/* The host has copied something, or its text is gone. */
static void agent_host_changed(void *opaque)
{
    struct vdagent *agent = opaque;
    g_autofree char *text = clipboard_guest_get(agent->clipboard);
    if (agent->guest_open && agent_can(agent, VDAGENT_BY_DEMAND)) {
        agent->say &= ~(unsigned)(SAY_GRAB | SAY_RELEASE);
        agent->say |= text != NULL ? SAY_GRAB : SAY_RELEASE;
        agent_pump(agent);
    }
}

static void hear_capabilities(struct vdagent *agent, const uint8_t *body, uint32_t size)
{
    if (size < 8) {
        return;
    }
    agent->capabilities = vdagent_get32(body + 4);
    if (vdagent_get32(body) != 0) {
        agent->say |= SAY_CAPABILITIES;
    }
    g_autofree char *text = clipboard_guest_get(agent->clipboard);
    if (text != NULL && agent_can(agent, VDAGENT_BY_DEMAND)) {
        agent->say |= SAY_GRAB;
    }
}

static void hear_grab(struct vdagent *agent, const uint8_t *types, uint32_t size)
{
    for (; size >= 4; types += 4, size -= 4) {
        if (vdagent_get32(types) == VDAGENT_TEXT) {
            agent->say |= SAY_REQUEST;
        }
    }
}

/* The guest's text, with the line ends that the hub wants. */
static void hear_text(struct vdagent *agent, const uint8_t *text, uint32_t size)
{
    g_autoptr(GByteArray) plain = g_byte_array_sized_new(size);
    bool crlf = agent_can(agent, VDAGENT_LINEEND_CRLF);
    while (size > 0 && text[size - 1] == 0) {
        size--; /* some agents send the end of their string */
    }
    for (uint32_t i = 0; i < size; i++) {
        if (!crlf || text[i] != '\r' || i + 1 == size || text[i + 1] != '\n') {
            g_byte_array_append(plain, text + i, 1);
        }
    }
    clipboard_guest_put(agent->clipboard, (const char *)plain->data, plain->len);
}

static void hear_message(void *opaque, uint32_t type, const uint8_t *body, uint32_t size)
{
    struct vdagent *agent = opaque;
    if (type == VDAGENT_CAPABILITIES) {
        hear_capabilities(agent, body, size);
        return;
    }
    if (agent_can(agent, VDAGENT_SELECTION)) {
        if (size < SELECTION_SIZE || body[0] != 0) {
            return; /* no clipboard, but a selection of X11 */
        }
        body += SELECTION_SIZE;
        size -= SELECTION_SIZE;
    }
    if (type == VDAGENT_GRAB) {
        hear_grab(agent, body, size);
    } else if (type == VDAGENT_REQUEST && size >= 4) {
        agent->say |= vdagent_get32(body) == VDAGENT_TEXT ? SAY_TEXT : SAY_NOTHING;
    } else if (type == VDAGENT_CLIPBOARD && size >= 4 && vdagent_get32(body) == VDAGENT_TEXT) {
        hear_text(agent, body + 4, size - 4);
    }
}

static size_t agent_write(struct chardev *chardev, const uint8_t *data, size_t size)
{
    struct vdagent *agent = (struct vdagent *)chardev;
    vdagent_read(&agent->reader, data, size, MESSAGE_MAX, hear_message, agent);
    agent_pump(agent);
    return size;
}

static void agent_accept_input(struct chardev *chardev)
{
    agent_pump((struct vdagent *)chardev);
}

static void agent_client_open(struct chardev *chardev, bool open)
{
    struct vdagent *agent = (struct vdagent *)chardev;
    agent->guest_open = open;
    agent->capabilities = 0;
    agent->say = open ? SAY_ASK_CAPABILITIES : 0;
    vdagent_reader_reset(&agent->reader);
    g_byte_array_set_size(agent->out, 0);
    agent->out_done = 0;
    agent_pump(agent);
}

static void agent_close(struct chardev *chardev)
{
    struct vdagent *agent = (struct vdagent *)chardev;
    clipboard_set_guest_listener(agent->clipboard, NULL, NULL);
    vdagent_reader_finish(&agent->reader);
    g_byte_array_unref(agent->out);
    chardev_release(chardev);
}

static const struct chardev_class vdagent_class = {
    .name = "vdagent",
    .write = agent_write,
    .accept_input = agent_accept_input,
    .client_open = agent_client_open,
    .close = agent_close,
};

struct chardev *vdagent_new(struct aio_context *ctx, const char *id, struct clipboard *clipboard)
{
    struct vdagent *agent = chardev_alloc(&vdagent_class, ctx, id, sizeof(*agent));
    agent->clipboard = clipboard;
    agent->out = g_byte_array_new();
    agent->chardev.open = true;
    vdagent_reader_reset(&agent->reader);
    clipboard_set_guest_listener(clipboard, agent_host_changed, agent);
    return &agent->chardev;
}
