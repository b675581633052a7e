/* Whoever starts a program here gives it standard streams, if only those of the session's log. */
#include "platform/desktop.h"

#include <stdio.h>

bool host_streams_redirect(const char *path, bool *ret_redirected, GError **error)
{
    (void)path, (void)error;
    *ret_redirected = false;
    return true;
}

void host_alert(const char *title, const char *text)
{
    fprintf(stderr, "%s: %s\n", title, text);
}
