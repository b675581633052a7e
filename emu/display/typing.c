#include "emu/display/typing.h"

#include <assert.h>
#include <string.h>

#include "aio/timer.h"

#define CHORDS_MAX 256
#define PAUSE_NS   20000000 /* between two chords */

struct chord {
    uint16_t codes[TYPING_KEYS_MAX];
    unsigned count;
    int64_t hold_ns;
};

struct typing {
    struct input_hub *hub;
    struct aio_clock *clock;
    struct aio_timer timer;
    struct chord chord[CHORDS_MAX];
    unsigned head, count;
    bool held; /* the first one is down */
};

/* Names of KEY_* in Linux' input-event-codes.h. */
static const struct {
    const char *name;
    uint16_t code;
} keys[] = {
    { "esc", 1 },          { "1", 2 },
    { "2", 3 },            { "3", 4 },
    { "4", 5 },            { "5", 6 },
    { "6", 7 },            { "7", 8 },
    { "8", 9 },            { "9", 10 },
    { "0", 11 },           { "minus", 12 },
    { "equal", 13 },       { "backspace", 14 },
    { "tab", 15 },         { "q", 16 },
    { "w", 17 },           { "e", 18 },
    { "r", 19 },           { "t", 20 },
    { "y", 21 },           { "u", 22 },
    { "i", 23 },           { "o", 24 },
    { "p", 25 },           { "bracket_left", 26 },
    { "bracket_right", 27 }, { "ret", 28 },
    { "ctrl", 29 },        { "a", 30 },
    { "s", 31 },           { "d", 32 },
    { "f", 33 },           { "g", 34 },
    { "h", 35 },           { "j", 36 },
    { "k", 37 },           { "l", 38 },
    { "semicolon", 39 },   { "apostrophe", 40 },
    { "grave_accent", 41 }, { "shift", 42 },
    { "backslash", 43 },   { "z", 44 },
    { "x", 45 },           { "c", 46 },
    { "v", 47 },           { "b", 48 },
    { "n", 49 },           { "m", 50 },
    { "comma", 51 },       { "dot", 52 },
    { "slash", 53 },       { "shift_r", 54 },
    { "asterisk", 55 },    { "kp_multiply", 55 },
    { "alt", 56 },         { "spc", 57 },
    { "caps_lock", 58 },   { "f1", 59 },
    { "f2", 60 },          { "f3", 61 },
    { "f4", 62 },          { "f5", 63 },
    { "f6", 64 },          { "f7", 65 },
    { "f8", 66 },          { "f9", 67 },
    { "f10", 68 },         { "num_lock", 69 },
    { "scroll_lock", 70 }, { "kp_7", 71 },
    { "kp_8", 72 },        { "kp_9", 73 },
    { "kp_subtract", 74 }, { "kp_4", 75 },
    { "kp_5", 76 },        { "kp_6", 77 },
    { "kp_add", 78 },      { "kp_1", 79 },
    { "kp_2", 80 },        { "kp_3", 81 },
    { "kp_0", 82 },        { "kp_decimal", 83 },
    { "less", 86 },        { "f11", 87 },
    { "f12", 88 },         { "ro", 89 },
    { "henkan", 92 },      { "hiragana", 93 },
    { "muhenkan", 94 },    { "kp_enter", 96 },
    { "ctrl_r", 97 },      { "kp_divide", 98 },
    { "sysrq", 99 },       { "print", 99 },
    { "alt_r", 100 },      { "home", 102 },
    { "up", 103 },         { "pgup", 104 },
    { "left", 105 },       { "right", 106 },
    { "end", 107 },        { "down", 108 },
    { "pgdn", 109 },       { "insert", 110 },
    { "delete", 111 },     { "audiomute", 113 },
    { "volumedown", 114 }, { "volumeup", 115 },
    { "power", 116 },      { "kp_equals", 117 },
    { "pause", 119 },      { "kp_comma", 121 },
    { "yen", 124 },        { "meta_l", 125 },
    { "meta_r", 126 },     { "menu", 127 },
    { "compose", 127 },    { "stop", 128 },
    { "again", 129 },      { "undo", 131 },
    { "front", 132 },      { "copy", 133 },
    { "open", 134 },       { "paste", 135 },
    { "find", 136 },       { "cut", 137 },
    { "help", 138 },       { "sleep", 142 },
    { "wake", 143 },       { "audionext", 163 },
    { "audioplay", 164 },  { "audioprev", 165 },
    { "audiostop", 166 },
};

int typing_code(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
        if (strcmp(keys[i].name, name) == 0) {
            return keys[i].code;
        }
    }
    guint64 number;
    bool hex = g_str_has_prefix(name, "0x") &&
               g_ascii_string_to_unsigned(name + 2, 16, 1, INPUT_CODE_MAX, &number, NULL);
    return hex ? (int)number : -1;
}

static void typing_go_on(void *opaque);

struct typing *typing_new(struct aio_context *ctx, struct aio_clock *clock, struct input_hub *hub)
{
    struct typing *typing = g_new0(struct typing, 1);
    typing->hub = hub;
    typing->clock = clock;
    timer_init(&typing->timer, ctx, clock, "typing", typing_go_on, typing);
    return typing;
}

void typing_free(struct typing *typing)
{
    if (typing != NULL) {
        timer_del(&typing->timer);
        g_free(typing);
    }
}

static void typing_wait(struct typing *typing, int64_t ns)
{
    timer_mod(&typing->timer, aio_clock_now_ns(typing->clock) + ns);
}

static void typing_start(struct typing *typing)
{
    const struct chord *chord = &typing->chord[typing->head];
    for (unsigned i = 0; i < chord->count; i++) {
        input_key(typing->hub, chord->codes[i], true);
    }
    typing->held = true;
    typing_wait(typing, chord->hold_ns);
}

/* The time of a press, or of the pause behind it, is over. */
static void typing_go_on(void *opaque)
{
    struct typing *typing = opaque;
    const struct chord *chord = &typing->chord[typing->head];
    if (!typing->held) {
        typing_start(typing);
        return;
    }
    for (unsigned i = chord->count; i > 0; i--) {
        input_key(typing->hub, chord->codes[i - 1], false);
    }
    typing->held = false;
    typing->head = (typing->head + 1) % CHORDS_MAX;
    typing->count--;
    if (typing->count > 0) {
        typing_wait(typing, PAUSE_NS);
    }
}

bool typing_press(struct typing *typing, const uint16_t *codes, unsigned count, int64_t hold_ns)
{
    assert(count > 0 && count <= TYPING_KEYS_MAX);
    if (typing->count == CHORDS_MAX) {
        return false;
    }
    struct chord *chord = &typing->chord[(typing->head + typing->count) % CHORDS_MAX];
    memcpy(chord->codes, codes, sizeof(*codes) * count);
    chord->count = count;
    chord->hold_ns = hold_ns;
    typing->count++;
    if (!typing->held && !timer_pending(&typing->timer)) {
        typing_start(typing);
    }
    return true;
}
