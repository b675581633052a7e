#include "platform/terminal.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "platform/posix/exits.h"
#include "platform/posix/fail.h"

/* `cooked` and `raw` are written before `active`, which signal handlers look at. */
static struct termios cooked, raw;
static atomic_bool active;
static bool opened, ended;

bool terminal_is_interactive(void)
{
    return isatty(STDIN_FILENO) == 1;
}

/* tcsetattr is async-signal-safe. */
static void terminal_restore(bool leaving)
{
    (void)leaving;
    if (atomic_load(&active)) {
        tcsetattr(STDIN_FILENO, TCSANOW, &cooked);
    }
}

static void terminal_again(void)
{
    if (atomic_load(&active)) {
        tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    }
}

/* Output processing stays, so that messages of the program itself begin at the left. */
static void raw_from_cooked(void)
{
    raw = cooked;
    raw.c_iflag &= ~(tcflag_t)(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
    raw.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
    raw.c_cflag &= ~(tcflag_t)(CSIZE | PARENB);
    raw.c_cflag |= CS8;
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
}

bool terminal_open(GError **error)
{
    assert(!opened);
    signal(SIGPIPE, SIG_IGN);
    if (terminal_is_interactive()) {
        if (tcgetattr(STDIN_FILENO, &cooked) < 0) {
            return host_fail(error, errno, "cannot read the terminal's mode");
        }
        raw_from_cooked();
        exits_guard(terminal_restore, terminal_again);
        atomic_store(&active, true);
        terminal_again();
    }
    opened = true;
    return true;
}

void terminal_close(void)
{
    terminal_restore(true);
    atomic_store(&active, false);
}

void terminal_set_signals(bool on)
{
    if (atomic_load(&active)) {
        tcflag_t bits = on ? ISIG : 0;
        raw.c_lflag = (raw.c_lflag & ~(tcflag_t)ISIG) | bits;
        terminal_again();
    }
}

struct host_handle terminal_input(void)
{
    assert(opened);
    return (struct host_handle){ HOST_HANDLE_WAITABLE, STDIN_FILENO };
}

/* The descriptor is shared with whoever started us and stays blocking: look first, then read. */
int64_t terminal_read(void *data, size_t size)
{
    struct pollfd look = { .fd = STDIN_FILENO, .events = POLLIN };
    assert(opened && size > 0);
    if (ended) {
        return TERMINAL_END;
    }
    if (poll(&look, 1, 0) <= 0) {
        return TERMINAL_AGAIN;
    }
    ssize_t got = read(STDIN_FILENO, data, size);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return TERMINAL_AGAIN;
    }
    ended = got <= 0;
    return ended ? TERMINAL_END : got;
}

bool terminal_write(const void *data, size_t size)
{
    size_t done = 0;
    while (done < size) {
        ssize_t put = write(STDOUT_FILENO, (const char *)data + done, size - done);
        if (put >= 0) {
            done += (size_t)put;
        } else if (errno == EAGAIN) {
            struct pollfd wait = { .fd = STDOUT_FILENO, .events = POLLOUT };
            poll(&wait, 1, -1);
        } else if (errno != EINTR) {
            return false;
        }
    }
    return true;
}

bool terminal_get_size(struct terminal_size *ret_size)
{
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0 || size.ws_row == 0) {
        return false;
    }
    *ret_size = (struct terminal_size){ .columns = size.ws_col, .rows = size.ws_row };
    return true;
}
