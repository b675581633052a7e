#include "emu/display/clipboard.h"

#include <string.h>

#include "platform/thread.h"

struct clipboard {
    struct aio_bh *changed_bh;
    clipboard_changed_fn *host_fn, *guest_fn; /* machine lock */
    void *host_opaque, *guest_opaque;

    struct host_mutex lock; /* a leaf: what follows */
    char *host;             /* NULL: none */
    char *guest;            /* what the guest copied last; NULL: nothing yet */
    bool guest_new;         /* and the host has not taken it */
};

static void clipboard_host_changed(void *opaque)
{
    struct clipboard *clipboard = opaque;
    if (clipboard->guest_fn != NULL) {
        clipboard->guest_fn(clipboard->guest_opaque);
    }
}

struct clipboard *clipboard_new(struct aio_context *ctx)
{
    struct clipboard *clipboard = g_new0(struct clipboard, 1);
    clipboard->changed_bh = aio_bh_new(ctx, "clipboard", clipboard_host_changed, clipboard);
    host_mutex_init(&clipboard->lock);
    return clipboard;
}

void clipboard_free(struct clipboard *clipboard)
{
    if (clipboard != NULL) {
        aio_bh_delete(clipboard->changed_bh);
        host_mutex_finish(&clipboard->lock);
        g_free(clipboard->host);
        g_free(clipboard->guest);
        g_free(clipboard);
    }
}

static bool text_fits(const char *text, size_t size)
{
    return size <= CLIPBOARD_TEXT_MAX && g_utf8_validate(text, (gssize)size, NULL);
}

bool clipboard_host_set(struct clipboard *clipboard, const char *text)
{
    if (text != NULL && !text_fits(text, strlen(text))) {
        return false;
    }
    host_mutex_lock(&clipboard->lock);
    bool news = g_strcmp0(text, clipboard->host) != 0 &&
                (text == NULL || g_strcmp0(text, clipboard->guest) != 0);
    if (news) {
        g_free(clipboard->host);
        clipboard->host = g_strdup(text);
        g_clear_pointer(&clipboard->guest, g_free); /* older, even if nobody took it */
        clipboard->guest_new = false;
    }
    host_mutex_unlock(&clipboard->lock);
    if (news) {
        aio_bh_schedule(clipboard->changed_bh);
    }
    return true;
}

char *clipboard_host_take(struct clipboard *clipboard)
{
    host_mutex_lock(&clipboard->lock);
    char *text = clipboard->guest_new ? g_strdup(clipboard->guest) : NULL;
    clipboard->guest_new = false;
    host_mutex_unlock(&clipboard->lock);
    return text;
}

void clipboard_set_host_listener(struct clipboard *clipboard, clipboard_changed_fn *fn,
                                 void *opaque)
{
    clipboard->host_fn = fn;
    clipboard->host_opaque = opaque;
}

void clipboard_set_guest_listener(struct clipboard *clipboard, clipboard_changed_fn *fn,
                                  void *opaque)
{
    clipboard->guest_fn = fn;
    clipboard->guest_opaque = opaque;
}

char *clipboard_guest_get(struct clipboard *clipboard)
{
    host_mutex_lock(&clipboard->lock);
    char *text = g_strdup(clipboard->host);
    host_mutex_unlock(&clipboard->lock);
    return text;
}

bool clipboard_guest_put(struct clipboard *clipboard, const char *text, size_t size)
{
    if (!text_fits(text, size)) {
        return false;
    }
    host_mutex_lock(&clipboard->lock);
    g_free(clipboard->guest);
    clipboard->guest = g_strndup(text, size);
    clipboard->guest_new = true;
    g_clear_pointer(&clipboard->host, g_free); /* the guest's own counts now */
    host_mutex_unlock(&clipboard->lock);
    if (clipboard->host_fn != NULL) {
        clipboard->host_fn(clipboard->host_opaque);
    }
    return true;
}
