/* Who handles which event: private to this folder. */
#pragma once

#include "ui/sdl/parts.h"

/* A key goes down, or is repeated: a chord, a menu's, a sheet's, the console's or the guest's. */
void on_key_down(struct window *window, const SDL_KeyboardEvent *event);

/* A key goes up. */
void on_key_up(struct window *window, const SDL_KeyboardEvent *event);

/* Text was typed, by whatever keys and methods the host has for that. */
void on_text(struct window *window, const char *text);

/* The mouse moves. */
void on_motion(struct window *window, const SDL_MouseMotionEvent *event);

/* A button of the mouse goes down or up. */
void on_button(struct window *window, const SDL_MouseButtonEvent *event);

/* The wheel turns. */
void on_wheel(struct window *window, const SDL_MouseWheelEvent *event);

/* A finger touches, moves or leaves. */
void on_finger(struct window *window, const SDL_TouchFingerEvent *event);

/* Does what was chosen in a menu. */
void window_choose(struct window *window, struct menu_choice choice);
