/* Keys and pasted text become the bytes that the guest's terminal driver expects. */
#include <assert.h>
#include <string.h>

#include "ui/terminal/parts.h"

static VTermModifier modifiers_of(unsigned modifiers)
{
    static_assert((int)TERMINAL_SHIFT == VTERM_MOD_SHIFT && (int)TERMINAL_ALT == VTERM_MOD_ALT &&
                      (int)TERMINAL_CTRL == VTERM_MOD_CTRL,
                  "the same bits");
    return (VTermModifier)modifiers;
}

/* Whoever types wants to see it. */
static void view_follow(struct terminal *terminal)
{
    terminal->view = INT64_MAX;
    terminal->changed = true;
}

void terminal_type(struct terminal *terminal, const char *text, unsigned modifiers)
{
    view_follow(terminal);
    if (!g_utf8_validate(text, -1, NULL)) {
        return;
    }
    for (const char *at = text; *at; at = g_utf8_next_char(at)) {
        vterm_keyboard_unichar(terminal->vterm, g_utf8_get_char(at), modifiers_of(modifiers));
    }
}

void terminal_press(struct terminal *terminal, enum terminal_key key, unsigned modifiers)
{
    static const VTermKey keys[TERMINAL_F1] = {
        [TERMINAL_ENTER] = VTERM_KEY_ENTER,         [TERMINAL_TAB] = VTERM_KEY_TAB,
        [TERMINAL_BACKSPACE] = VTERM_KEY_BACKSPACE, [TERMINAL_ESCAPE] = VTERM_KEY_ESCAPE,
        [TERMINAL_UP] = VTERM_KEY_UP,               [TERMINAL_DOWN] = VTERM_KEY_DOWN,
        [TERMINAL_LEFT] = VTERM_KEY_LEFT,           [TERMINAL_RIGHT] = VTERM_KEY_RIGHT,
        [TERMINAL_INSERT] = VTERM_KEY_INS,          [TERMINAL_DELETE] = VTERM_KEY_DEL,
        [TERMINAL_HOME] = VTERM_KEY_HOME,           [TERMINAL_END] = VTERM_KEY_END,
        [TERMINAL_PAGE_UP] = VTERM_KEY_PAGEUP,      [TERMINAL_PAGE_DOWN] = VTERM_KEY_PAGEDOWN,
    };
    bool function = key >= TERMINAL_F1;
    view_follow(terminal);
    vterm_keyboard_key(terminal->vterm,
                       function ? (VTermKey)VTERM_KEY_FUNCTION(key - TERMINAL_F1 + 1) : keys[key],
                       modifiers_of(modifiers));
}

void terminal_paste(struct terminal *terminal, const char *text)
{
    view_follow(terminal);
    if (!g_utf8_validate(text, -1, NULL)) {
        return;
    }
    g_autoptr(GString) clean = g_string_sized_new(strlen(text));
    for (const char *at = text; *at; at = g_utf8_next_char(at)) {
        gunichar c = g_utf8_get_char(at);
        if (c == '\r' && at[1] == '\n') {
            continue;
        }
        if (c == '\n' || c == '\r') {
            g_string_append_c(clean, '\r');
        } else if (c == '\t' || !g_unichar_iscntrl(c)) {
            g_string_append_unichar(clean, c);
        }
    }
    vterm_keyboard_start_paste(terminal->vterm);
    terminal->events->send(terminal->opaque, clean->str, clean->len);
    vterm_keyboard_end_paste(terminal->vterm);
}
