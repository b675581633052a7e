/*
 * What a host puts around a window by itself: a menu bar, and the dialog that asks for a file.
 * Where a host has none, a program draws its own. All calls, and all calls back, on the window's
 * thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <glib.h>

struct host_frame;

#define HOST_MENU_ID_MAX 0xefff

struct host_menu_item {
    const char *label; /* NULL: a line between groups */
    const char *chord; /* the keys that do the same: only shown. NULL: none */
    int id;            /* what `chosen` is told; 1 to HOST_MENU_ID_MAX */
    bool ticked, greyed;
};

struct host_menu {
    const char *title;
    const struct host_menu_item *items;
    size_t count;
};

/* Files that belong together, for the user to choose from. */
struct host_file_kind {
    const char *label;
    const char *patterns; /* "*.img;*.elf" */
};

struct host_frame_events {
    /* An item was chosen. */
    void (*chosen)(void *opaque, int id);
    /* The host takes the thread into a loop of its own: a menu is open, the window is moved, a
     * dialog asks. Until it returns, keys and buttons that go up are not told of. */
    void (*held)(void *opaque);
    /* Called some thirty times a second in that loop: draw. */
    void (*tick)(void *opaque);
    void *opaque;
};

/* Takes over a window's frame, without a menu yet. `window` is what the host calls it, an HWND on
 * win32, and outlives the frame. NULL on hosts that have nothing to offer, and without a window. */
struct host_frame *host_frame_new(void *window, const struct host_frame_events *events);

/* Removes the menu and gives the window back; accepts NULL. */
void host_frame_free(struct host_frame *frame);

/* Shows these menus; always as many as the first time. False while one is open: nothing changed. */
bool host_frame_set_menus(struct host_frame *frame, const struct host_menu *menus, size_t count);

/* Shows the menu bar, or hides it from a window that fills the screen. */
void host_frame_show_menus(struct host_frame *frame, bool show);

/* Opens the menus for the keyboard; returns once they are closed. */
void host_frame_enter_menus(struct host_frame *frame);

/* Asks for one file that exists. *ret_path is NULL if the user did not want to choose one; free
 * with g_free. False and `error` if the host cannot ask. `kinds` ends with a null label. */
bool host_frame_ask_file(struct host_frame *frame, const char *title,
                         const struct host_file_kind *kinds, char **ret_path, GError **error);
