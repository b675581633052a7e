/*
 * The window stays its library's: its messages go through ours first. While Windows runs a loop of
 * its own, a timer of the window's gives the program a chance to draw.
 */
#include "platform/frame.h"

#include <assert.h>

#define COBJMACROS
#include <windows.h>
#include <shobjidl.h>

#include "platform/win32/fail.h"
#include "platform/win32/text.h"

#define PROPERTY L"tinamou.frame"
#define TIMER_ID 0x7461
#define TICK_MS  33

struct host_frame {
    HWND window;
    WNDPROC before; /* whose messages these were */
    struct host_frame_events events;
    HMENU menu; /* NULL: not yet */
    unsigned loops; /* of the system's that run now */
    bool in_menu;
};

static void frame_enter_loop(struct host_frame *frame)
{
    if (frame->loops++ == 0) {
        SetTimer(frame->window, TIMER_ID, TICK_MS, NULL);
        frame->events.held(frame->events.opaque);
    }
}

static void frame_leave_loop(struct host_frame *frame)
{
    if (frame->loops > 0 && --frame->loops == 0) {
        KillTimer(frame->window, TIMER_ID);
    }
}

static LRESULT CALLBACK frame_message(HWND window, UINT message, WPARAM word, LPARAM extra)
{
    struct host_frame *frame = GetPropW(window, PROPERTY);
    switch (message) {
    case WM_COMMAND:
        if (HIWORD(word) == 0 && extra == 0) {
            frame->events.chosen(frame->events.opaque, LOWORD(word));
            return 0;
        }
        break;
    case WM_TIMER:
        if (word == TIMER_ID) {
            frame->events.tick(frame->events.opaque);
            return 0;
        }
        break;
    case WM_ENTERMENULOOP:
    case WM_ENTERSIZEMOVE:
        frame->in_menu = frame->in_menu || message == WM_ENTERMENULOOP;
        frame_enter_loop(frame);
        break;
    case WM_EXITMENULOOP:
    case WM_EXITSIZEMOVE:
        frame->in_menu = frame->in_menu && message != WM_EXITMENULOOP;
        frame_leave_loop(frame);
        break;
    default: break;
    }
    return CallWindowProcW(frame->before, window, message, word, extra);
}

struct host_frame *host_frame_new(void *window, const struct host_frame_events *events)
{
    if (!window) {
        return NULL;
    }
    struct host_frame *frame = g_new0(struct host_frame, 1);
    frame->window = window;
    frame->events = *events;
    SetPropW(frame->window, PROPERTY, frame);
    frame->before =
        (WNDPROC)SetWindowLongPtrW(frame->window, GWLP_WNDPROC, (LONG_PTR)frame_message);
    assert(frame->before);
    return frame;
}

void host_frame_free(struct host_frame *frame)
{
    if (!frame) {
        return;
    }
    SetWindowLongPtrW(frame->window, GWLP_WNDPROC, (LONG_PTR)frame->before);
    RemovePropW(frame->window, PROPERTY);
    KillTimer(frame->window, TIMER_ID);
    SetMenu(frame->window, NULL);
    if (frame->menu) {
        DestroyMenu(frame->menu);
    }
    g_free(frame);
}

/* An ampersand would underline the letter behind it. */
static wchar_t *label_of(const struct host_menu_item *item)
{
    g_auto(GStrv) parts = g_strsplit(item->label, "&", -1);
    g_autofree char *plain = g_strjoinv("&&", parts);
    g_autofree char *text = g_strjoin("\t", plain, item->chord, NULL);
    return text_to_wide(text);
}

static void popup_fill(HMENU popup, const struct host_menu *menu)
{
    while (DeleteMenu(popup, 0, MF_BYPOSITION)) {
    }
    for (size_t i = 0; i < menu->count; i++) {
        const struct host_menu_item *item = &menu->items[i];
        if (!item->label) {
            AppendMenuW(popup, MF_SEPARATOR, 0, NULL);
            continue;
        }
        assert(item->id > 0 && item->id <= HOST_MENU_ID_MAX);
        g_autofree wchar_t *label = label_of(item);
        AppendMenuW(popup,
                    MF_STRING | (item->ticked ? (UINT)MF_CHECKED : 0) |
                        (item->greyed ? (UINT)MF_GRAYED : 0),
                    (UINT_PTR)item->id, label);
    }
}

bool host_frame_set_menus(struct host_frame *frame, const struct host_menu *menus, size_t count)
{
    bool first = !frame->menu;
    if (frame->in_menu) {
        return false;
    }
    if (first) {
        frame->menu = CreateMenu();
    }
    for (size_t i = 0; i < count; i++) {
        if (first) {
            g_autofree wchar_t *title = text_to_wide(menus[i].title);
            AppendMenuW(frame->menu, MF_POPUP, (UINT_PTR)CreatePopupMenu(), title);
        }
        popup_fill(GetSubMenu(frame->menu, (int)i), &menus[i]);
    }
    assert(GetMenuItemCount(frame->menu) == (int)count);
    if (first) {
        SetMenu(frame->window, frame->menu);
    }
    return true;
}

void host_frame_show_menus(struct host_frame *frame, bool show)
{
    SetMenu(frame->window, show ? frame->menu : NULL);
}

/* A window that fills the screen has no bar: there the menus come up by themselves. */
static void menus_pop_up(struct host_frame *frame)
{
    HMENU popup = CreatePopupMenu();
    POINT at = { 0, 0 };
    int count = GetMenuItemCount(frame->menu);
    for (int i = 0; i < count; i++) {
        wchar_t title[64];
        GetMenuStringW(frame->menu, (UINT)i, title, G_N_ELEMENTS(title), MF_BYPOSITION);
        AppendMenuW(popup, MF_POPUP, (UINT_PTR)GetSubMenu(frame->menu, i), title);
    }
    ClientToScreen(frame->window, &at);
    TrackPopupMenuEx(popup, TPM_LEFTALIGN | TPM_TOPALIGN, at.x, at.y, frame->window, NULL);
    while (RemoveMenu(popup, 0, MF_BYPOSITION)) { /* the menus in it are the bar's */
    }
    DestroyMenu(popup);
}

/* Not by a message to the window: its library keeps the keys of menus from it. */
void host_frame_enter_menus(struct host_frame *frame)
{
    if (GetMenu(frame->window)) {
        DefWindowProcW(frame->window, WM_SYSCOMMAND, SC_KEYMENU, 0);
    } else if (frame->menu) {
        menus_pop_up(frame);
    }
}

/* What the user chose; S_FALSE if nothing. */
static HRESULT dialog_show(IFileOpenDialog *dialog, HWND owner, char **ret_path)
{
    IShellItem *item;
    wchar_t *wide;
    HRESULT result = IFileOpenDialog_Show(dialog, owner);
    if (FAILED(result)) {
        return result == HRESULT_FROM_WIN32(ERROR_CANCELLED) ? S_FALSE : result;
    }
    result = IFileOpenDialog_GetResult(dialog, &item);
    if (SUCCEEDED(result)) {
        result = IShellItem_GetDisplayName(item, SIGDN_FILESYSPATH, &wide);
        IShellItem_Release(item);
    }
    if (SUCCEEDED(result)) {
        *ret_path = text_from_wide(wide);
        CoTaskMemFree(wide);
    }
    return result;
}

static void dialog_set_kinds(IFileOpenDialog *dialog, const struct host_file_kind *kinds)
{
    COMDLG_FILTERSPEC specs[8];
    UINT count = 0;
    for (; kinds[count].label; count++) {
        assert(count < G_N_ELEMENTS(specs));
        specs[count] = (COMDLG_FILTERSPEC){ text_to_wide(kinds[count].label),
                                            text_to_wide(kinds[count].patterns) };
    }
    IFileOpenDialog_SetFileTypes(dialog, count, specs);
    for (UINT i = 0; i < count; i++) {
        g_free((wchar_t *)specs[i].pszName);
        g_free((wchar_t *)specs[i].pszSpec);
    }
}

static HRESULT dialog_ask(HWND owner, const char *title, const struct host_file_kind *kinds,
                          char **ret_path)
{
    IFileOpenDialog *dialog;
    g_autofree wchar_t *wide_title = text_to_wide(title);
    HRESULT result = CoCreateInstance(&CLSID_FileOpenDialog, NULL, CLSCTX_INPROC_SERVER,
                                      &IID_IFileOpenDialog, (void **)&dialog);
    if (FAILED(result)) {
        return result;
    }
    IFileOpenDialog_SetTitle(dialog, wide_title);
    IFileOpenDialog_SetOptions(dialog,
                               FOS_FORCEFILESYSTEM | FOS_FILEMUSTEXIST | FOS_DONTADDTORECENT);
    dialog_set_kinds(dialog, kinds);
    result = dialog_show(dialog, owner, ret_path);
    IFileOpenDialog_Release(dialog);
    return result;
}

bool host_frame_ask_file(struct host_frame *frame, const char *title,
                         const struct host_file_kind *kinds, char **ret_path, GError **error)
{
    char *path = NULL;
    HRESULT started = CoInitializeEx(NULL, COINIT_APARTMENTTHREADED | COINIT_DISABLE_OLE1DDE);
    frame_enter_loop(frame);
    HRESULT result = dialog_ask(frame->window, title, kinds, &path);
    frame_leave_loop(frame);
    if (SUCCEEDED(started)) {
        CoUninitialize();
    }
    if (FAILED(result)) {
        return host_fail(error, (DWORD)result, "cannot ask for a file");
    }
    *ret_path = path;
    return true;
}
