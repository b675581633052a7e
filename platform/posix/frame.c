/* Desktops here have no menu bar that belongs to a window, and no dialog without a toolkit. */
#include "platform/frame.h"

struct host_frame *host_frame_new(void *window, const struct host_frame_events *events)
{
    (void)window, (void)events;
    return NULL;
}

void host_frame_free(struct host_frame *frame)
{
    g_assert(!frame);
}

bool host_frame_set_menus(struct host_frame *frame, const struct host_menu *menus, size_t count)
{
    (void)frame, (void)menus, (void)count;
    g_assert_not_reached();
}

void host_frame_show_menus(struct host_frame *frame, bool show)
{
    (void)frame, (void)show;
    g_assert_not_reached();
}

void host_frame_enter_menus(struct host_frame *frame)
{
    (void)frame;
    g_assert_not_reached();
}

bool host_frame_ask_file(struct host_frame *frame, const char *title,
                         const struct host_file_kind *kinds, char **ret_path, GError **error)
{
    (void)frame, (void)title, (void)kinds, (void)ret_path, (void)error;
    g_assert_not_reached();
}
