/*
 * A console, a pipe and a file cannot be waited for in one way on Windows, so a thread reads
 * whichever it is into a ring and sets an event. The thread is never ended by force: it sits in a
 * read until the process ends.
 */
#include "platform/terminal.h"

#include <assert.h>
#include <stdatomic.h>
#include <string.h>

#include <windows.h>

#include "platform/event.h"
#include "platform/thread.h"
#include "platform/win32/console.h"
#include "platform/win32/exits.h"
#include "platform/win32/fail.h"
#include "platform/win32/text.h"

#define RING_SIZE 4096

struct terminal_ring {
    struct host_mutex lock;
    struct host_cond room;
    struct host_event ready; /* set while there are bytes or the end has come */
    uint8_t bytes[RING_SIZE];
    size_t head, count;
    bool ended;
};

static struct terminal_ring ring;
static HANDLE input, output;
static bool input_console, output_console, opened;
static DWORD input_mode_before, output_mode_before, input_mode;
static atomic_bool active;

/* The rest of a character that a caller split over two writes. */
static char carry[4];
static size_t carry_size;

static bool is_console(HANDLE handle, DWORD *ret_mode)
{
    return handle && handle != INVALID_HANDLE_VALUE && GetConsoleMode(handle, ret_mode);
}

bool terminal_is_interactive(void)
{
    DWORD mode;
    return is_console(GetStdHandle(STD_INPUT_HANDLE), &mode);
}

static void terminal_restore(void)
{
    if (atomic_load(&active)) {
        if (input_console) {
            SetConsoleMode(input, input_mode_before);
        }
        if (output_console) {
            SetConsoleMode(output, output_mode_before);
        }
    }
}

static void ring_put(const uint8_t *data, size_t size)
{
    host_mutex_lock(&ring.lock);
    for (size_t done = 0; done < size; done++) {
        while (ring.count == RING_SIZE) {
            host_cond_wait(&ring.room, &ring.lock);
        }
        ring.bytes[(ring.head + ring.count++) % RING_SIZE] = data[done];
        if (ring.count == 1) {
            host_event_set(&ring.ready);
        }
    }
    host_mutex_unlock(&ring.lock);
}

static void ring_end(void)
{
    host_mutex_lock(&ring.lock);
    ring.ended = true;
    host_event_set(&ring.ready);
    host_mutex_unlock(&ring.lock);
}

static void reader_main(void *opaque)
{
    (void)opaque;
    uint8_t bytes[CONSOLE_READ_MAX];
    if (input_console) {
        struct console_reader reader = { 0 };
        int got;
        while ((got = console_read(&reader, input, bytes)) >= 0) {
            ring_put(bytes, (size_t)got);
        }
    } else {
        DWORD got;
        while (ReadFile(input, bytes, sizeof(bytes), &got, NULL) && got > 0) {
            ring_put(bytes, got);
        }
    }
    ring_end();
}

/* Some consoles (Wine's) make an event of Ctrl-C whatever the mode is: where it is a byte, it
 * becomes that here, unless nobody reads. */
static bool interrupt_taken(void)
{
    static const uint8_t control_c = 3;
    if (!atomic_load(&active) || !input_console || (input_mode & ENABLE_PROCESSED_INPUT)) {
        return false;
    }
    host_mutex_lock(&ring.lock);
    bool room = ring.count < RING_SIZE && !ring.ended;
    host_mutex_unlock(&ring.lock);
    if (room) {
        ring_put(&control_c, 1);
    }
    return room;
}

/* Consoles before Windows 10 know no escape sequences: then they are used without. */
static void input_raw(bool signals)
{
    input_mode = signals ? ENABLE_PROCESSED_INPUT : 0;
    if (!SetConsoleMode(input, input_mode | ENABLE_VIRTUAL_TERMINAL_INPUT)) {
        SetConsoleMode(input, input_mode);
    }
}

static void consoles_prepare(void)
{
    input = GetStdHandle(STD_INPUT_HANDLE);
    output = GetStdHandle(STD_OUTPUT_HANDLE);
    input_console = is_console(input, &input_mode_before);
    output_console = is_console(output, &output_mode_before);
    if (input_console || output_console) {
        exits_guard(terminal_restore);
        exits_on_interrupt(interrupt_taken);
        atomic_store(&active, true);
    }
    if (input_console) {
        input_raw(false);
    }
    if (output_console) {
        DWORD mode = output_mode_before | ENABLE_PROCESSED_OUTPUT;
        if (!SetConsoleMode(output, mode | ENABLE_VIRTUAL_TERMINAL_PROCESSING)) {
            SetConsoleMode(output, mode);
        }
    }
}

bool terminal_open(GError **error)
{
    assert(!opened);
    if (!host_event_init(&ring.ready, error)) {
        return false;
    }
    host_mutex_init(&ring.lock);
    host_cond_init(&ring.room);
    consoles_prepare();
    if (!host_thread_new("stdin", reader_main, NULL, error)) {
        terminal_close();
        return false;
    }
    opened = true;
    return true;
}

void terminal_close(void)
{
    terminal_restore();
    atomic_store(&active, false);
}

void terminal_set_signals(bool on)
{
    if (atomic_load(&active) && input_console) {
        input_raw(on);
    }
}

struct host_handle terminal_input(void)
{
    assert(opened);
    return ring.ready.handle;
}

int64_t terminal_read(void *data, size_t size)
{
    assert(opened && size > 0);
    host_mutex_lock(&ring.lock);
    size_t taken = MIN(size, ring.count);
    for (size_t i = 0; i < taken; i++) {
        ((uint8_t *)data)[i] = ring.bytes[(ring.head + i) % RING_SIZE];
    }
    ring.head = (ring.head + taken) % RING_SIZE;
    ring.count -= taken;
    bool ended = ring.ended;
    if (ring.count == 0 && !ended) {
        host_event_test_and_clear(&ring.ready);
    }
    host_cond_signal(&ring.room);
    host_mutex_unlock(&ring.lock);
    return taken ? (int64_t)taken : ended ? TERMINAL_END : TERMINAL_AGAIN;
}

/* How many bytes of the text belong to whole characters; what is no UTF-8 counts as whole. */
static size_t whole_characters(const char *text, size_t size)
{
    size_t back = 0;
    while (back < MIN(size, 3) && ((uint8_t)text[size - 1 - back] & 0xc0) == 0x80) {
        back++;
    }
    if (back == size) {
        return size;
    }
    uint8_t lead = (uint8_t)text[size - 1 - back];
    size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
    return length > back + 1 ? size - back - 1 : size;
}

static bool console_write(const char *text, size_t size)
{
    if (size == 0) {
        return true;
    }
    int units = MultiByteToWideChar(CP_UTF8, 0, text, (int)size, NULL, 0);
    g_autofree wchar_t *wide = g_new(wchar_t, (size_t)units);
    MultiByteToWideChar(CP_UTF8, 0, text, (int)size, wide, units);
    for (int done = 0; done < units;) {
        DWORD put;
        if (!WriteConsoleW(output, wide + done, (DWORD)(units - done), &put, NULL) || put == 0) {
            return false;
        }
        done += (int)put;
    }
    return true;
}

static bool console_write_joined(const char *data, size_t size)
{
    g_autofree char *text = g_malloc(carry_size + size + 1);
    memcpy(text, carry, carry_size);
    memcpy(text + carry_size, data, size);
    size_t have = carry_size + size;
    size_t whole = whole_characters(text, have);
    carry_size = have - whole;
    assert(carry_size < sizeof(carry));
    memcpy(carry, text + whole, carry_size);
    return console_write(text, whole);
}

bool terminal_write(const void *data, size_t size)
{
    HANDLE to = opened ? output : GetStdHandle(STD_OUTPUT_HANDLE);
    if (opened && output_console) {
        return console_write_joined(data, size);
    }
    for (size_t done = 0; done < size;) {
        DWORD put;
        DWORD step = (DWORD)MIN(size - done, 1u << 20);
        if (!WriteFile(to, (const char *)data + done, step, &put, NULL) || put == 0) {
            return false;
        }
        done += put;
    }
    return true;
}

bool terminal_get_size(struct terminal_size *ret_size)
{
    CONSOLE_SCREEN_BUFFER_INFO info;
    if (!GetConsoleScreenBufferInfo(GetStdHandle(STD_OUTPUT_HANDLE), &info)) {
        return false;
    }
    *ret_size = (struct terminal_size){
        .columns = (unsigned)(info.srWindow.Right - info.srWindow.Left + 1),
        .rows = (unsigned)(info.srWindow.Bottom - info.srWindow.Top + 1),
    };
    return true;
}
