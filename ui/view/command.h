/* What can be asked of the window: each has a key, and those about the machine a command of the
 * monitor too. */
#pragma once

#include <stdbool.h>

enum command {
    COMMAND_NONE,
    COMMAND_PAUSE,
    COMMAND_RESET,
    COMMAND_POWER,
    COMMAND_SAVE,
    COMMAND_LOAD,
    COMMAND_FORK,
    COMMAND_SCREENSHOT,
    COMMAND_OPEN,
    COMMAND_QUIT,
    COMMAND_COPY,
    COMMAND_PASTE,
    COMMAND_SELECT_ALL,
    COMMAND_FIND,
    COMMAND_NEXT_VIEW,
    COMMAND_FULL_SCREEN,
    COMMAND_FIT,
    COMMAND_INTEGER,
    COMMAND_ONE_TO_ONE,
    COMMAND_GRAB,
    COMMAND_MENU,
    COMMAND_KEYS,
    COMMAND_ABOUT,
    /* Without a key: buttons of sheets. */
    COMMAND_DISMISS,
    COMMAND_STAY,
    COMMAND_QUIT_NOW,
    COMMAND_SAVE_QUIT,
    COMMAND_GO_ON,
    COMMAND_START_ANEW,
    COMMAND_COPY_DETAILS,
    COMMAND_START_FILE,
    COMMAND_LOAD_NOW,
    COMMAND_COUNT,
};

struct command_info {
    const char *label; /* in menus */
    char key;          /* with Control and Shift; '\r' is Enter, 0: none */
    const char *monitor; /* the monitor's command for it; NULL: none */
};

/* All, by enum command. */
extern const struct command_info command_infos[COMMAND_COUNT];

/* The command of Control, Shift and that key (a to z in small letters); COMMAND_NONE if none. */
enum command command_of_key(int key);

/* "Ctrl+Shift+G"; empty if it has no key. Valid until the next call. */
const char *command_chord(enum command command);
