#include "ui/view/command.h"

#include <stdio.h>

#include <glib.h>

/* Control and Shift together are no AltGr, on any layout. */
#define PREFIX "Ctrl+Shift+"

const struct command_info command_infos[COMMAND_COUNT] = {
    [COMMAND_PAUSE] = { "Pause or go on", 'p', "stop, cont" },
    [COMMAND_RESET] = { "Reset", 'r', "system_reset" },
    [COMMAND_POWER] = { "Press the power button", 'b', "system_powerdown" },
    [COMMAND_SAVE] = { "Save a snapshot", 'e', "savevm" },
    [COMMAND_LOAD] = { "Go back to the snapshot...", 'l', "loadvm" },
    [COMMAND_FORK] = { "Make a twin", 'd', "fork" },
    [COMMAND_SCREENSHOT] = { "Take a screenshot", 's', "screendump" },
    [COMMAND_OPEN] = { "Open a disk, kernel or program...", 'o', NULL },
    [COMMAND_QUIT] = { "Quit", 'q', "quit" },
    [COMMAND_COPY] = { "Copy", 'c', NULL },
    [COMMAND_PASTE] = { "Paste", 'v', NULL },
    [COMMAND_SELECT_ALL] = { "Select all", 'a', NULL },
    [COMMAND_FIND] = { "Find in the console...", 'f', NULL },
    [COMMAND_NEXT_VIEW] = { "Next view", 't', NULL },
    [COMMAND_FULL_SCREEN] = { "Full screen", '\r', NULL },
    [COMMAND_FIT] = { "Fit the window", '0', NULL },
    [COMMAND_INTEGER] = { "Whole multiples", '2', NULL },
    [COMMAND_ONE_TO_ONE] = { "One to one", '1', NULL },
    [COMMAND_GRAB] = { "Capture or release the mouse", 'g', NULL },
    [COMMAND_MENU] = { "Open this menu", 'm', NULL },
    [COMMAND_KEYS] = { "Keys", 'k', NULL },
    [COMMAND_ABOUT] = { "About Tinamou", 'i', NULL },
    [COMMAND_DISMISS] = { "Close", 0, NULL },
    [COMMAND_STAY] = { "Keep it running", 0, NULL },
    [COMMAND_QUIT_NOW] = { "Turn off now", 0, "quit" },
    [COMMAND_SAVE_QUIT] = { "Save and close", 0, NULL },
    [COMMAND_GO_ON] = { "Go on", 0, NULL },
    [COMMAND_START_ANEW] = { "Start anew", 0, NULL },
    [COMMAND_COPY_DETAILS] = { "Copy details", 0, NULL },
    [COMMAND_START_FILE] = { "Start it", 0, NULL },
    [COMMAND_LOAD_NOW] = { "Go back", 0, "loadvm" },
};

enum command command_of_key(int key)
{
    for (int i = COMMAND_NONE + 1; i < COMMAND_COUNT; i++) {
        if (command_infos[i].key != 0 && command_infos[i].key == key) {
            return (enum command)i;
        }
    }
    return COMMAND_NONE;
}

const char *command_chord(enum command command)
{
    static char text[32];
    char key = command_infos[command].key;
    if (key == 0) {
        return "";
    }
    if (key == '\r') {
        return PREFIX "Enter";
    }
    snprintf(text, sizeof(text), PREFIX "%c", g_ascii_toupper(key));
    return text;
}
