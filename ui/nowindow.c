/* The window of a program that was built without the libraries for one. */
#include "ui/sdl/window.h"

#include "ui/usage.h"

bool window_possible(void)
{
    return false;
}

struct window *window_open(const struct window_options *options, GError **error)
{
    (void)options;
    usage_error(error, "this tinamou was built without SDL2, and so has no window: say "
                       "'-nographic' or '-display none'");
    return NULL;
}

void window_run(struct window *window, struct session *session)
{
    (void)window, (void)session;
    g_assert_not_reached();
}

void window_close(struct window *window)
{
    g_assert(!window);
}

void window_lost(void)
{
}

void window_wake(void *unused)
{
    (void)unused;
}
