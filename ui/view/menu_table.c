/* What is in the menus: one table for the bar that is drawn here and for those that hosts draw. */
#include "ui/view/menu.h"

#include <assert.h>

#define SEPARATOR   COMMAND_COUNT
#define VIEWS       (COMMAND_COUNT + 1) /* here the views are listed */
#define ENTRIES_MAX 12

static const struct {
    const char *name;
    int entries[ENTRIES_MAX]; /* of enum command, SEPARATOR, VIEWS; ends with COMMAND_NONE */
} titles[MENU_TITLES] = {
    { "File", { COMMAND_OPEN, COMMAND_SCREENSHOT, SEPARATOR, COMMAND_QUIT } },
    { "Machine",
      { COMMAND_PAUSE, COMMAND_RESET, COMMAND_POWER, SEPARATOR, COMMAND_SAVE, COMMAND_LOAD,
        COMMAND_FORK } },
    { "Edit", { COMMAND_COPY, COMMAND_PASTE, COMMAND_SELECT_ALL, SEPARATOR, COMMAND_FIND } },
    { "View",
      { VIEWS, COMMAND_NEXT_VIEW, SEPARATOR, COMMAND_FULL_SCREEN, SEPARATOR, COMMAND_FIT,
        COMMAND_INTEGER, COMMAND_ONE_TO_ONE } },
    { "Input", { COMMAND_GRAB, COMMAND_MENU } },
    { "Help", { COMMAND_KEYS, COMMAND_ABOUT } },
};

static_assert(COMMAND_COUNT <= 32, "commands are bits of a number");
static_assert(MENU_VIEWS_MAX + ENTRIES_MAX <= MENU_ROWS_MAX, "all views and the rest of a menu");

static const struct menu_choice nothing = { COMMAND_NONE, -1 };

const char *menu_title(int title)
{
    return titles[title].name;
}

int menu_rows(const struct menu *menu, int title, struct menu_row rows[MENU_ROWS_MAX])
{
    int count = 0;
    for (const int *entry = titles[title].entries; *entry != COMMAND_NONE; entry++) {
        if (*entry == SEPARATOR) {
            rows[count++] = (struct menu_row){ .choice = nothing };
        } else if (*entry == VIEWS) {
            for (int i = 0; i < menu->view_count; i++) {
                rows[count++] = (struct menu_row){ .label = menu->views[i],
                                                   .ticked = menu->views_ticked >> i & 1,
                                                   .choice = { COMMAND_NONE, i } };
            }
        } else {
            enum command command = (enum command)*entry;
            rows[count++] = (struct menu_row){ .label = command_infos[command].label,
                                               .ticked = menu->ticked >> command & 1,
                                               .greyed = menu->greyed >> command & 1,
                                               .choice = { command, -1 } };
        }
    }
    return count;
}
