#!/usr/bin/env python3
"""Standard input as a pipe, a file and (POSIX) a terminal; its mode is restored on every exit."""
import atexit
import contextlib
import os
import select
import signal
import struct
import subprocess
import sys
import tempfile
import time

HELPER = os.environ.get("MESON_EXE_WRAPPER", "").split() + [sys.argv[1]]
WINDOWS = sys.argv[1].endswith(".exe")
LIMIT_S = 60
AT_ONCE_S = 0.5  # SECOND_REQUEST_NS
passed = 0
running = set()

if not WINDOWS:  # what starts the tests may ignore these (nohup does), and children inherit that
    for ignored in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
        signal.signal(ignored, signal.SIG_DFL)


@atexit.register
def end_running():
    """What a failed check left running would outlive the test."""
    for pid in running:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def check(condition, what):
    global passed
    if not condition:
        sys.exit(f"not ok: {what}")
    passed += 1


def piped(data, **keywords):
    done = subprocess.run(HELPER, input=data, stdout=subprocess.PIPE, timeout=LIMIT_S, **keywords)
    return done.returncode, done.stdout.replace(b"\r\n", b"\n")


def test_pipe():
    status, out = piped(b"A\n")
    check((status, out) == (0, b"ready\n<41>\n<0a>\nend\n"), f"pipe: {status} {out}")
    status, out = piped(b"x")
    check((status, out) == (3, b"ready\n<78>\n"), f"exit status: {status} {out}")
    status, out = piped("u".encode())
    check("Ωλ 日本 🐦\n".encode() in out, f"output stays UTF-8: {out}")
    every = bytes(set(range(256)) - set(b"qxashricu"))
    status, out = piped(every * 40)
    want = b"".join(b"<%02x>\n" % byte for byte in every * 40)
    check(out == b"ready\n" + want + b"end\n", "every byte arrives, none is lost")


def test_late_pipe():
    """Input that comes later is not taken for the end."""
    child = subprocess.Popen(HELPER, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    child.stdout.readline()
    for byte in b"ABC":
        time.sleep(0.05)
        child.stdin.write(bytes([byte]))
        child.stdin.flush()
        check(child.stdout.readline().strip() == b"<%02x>" % byte, "a byte written later")
    child.stdin.close()
    check(child.stdout.readline().strip() == b"end", "the end comes with the close")
    check(child.wait(LIMIT_S) == 0, "status after the end")


def test_file():
    with tempfile.TemporaryFile() as file:
        file.write(b"F")
        file.seek(0)
        done = subprocess.run(HELPER, stdin=file, stdout=subprocess.PIPE, timeout=LIMIT_S)
    check(b"<46>" in done.stdout and b"end" in done.stdout, f"a file: {done.stdout}")
    done = subprocess.run(HELPER, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=LIMIT_S)
    check(b"end" in done.stdout, f"nothing: {done.stdout}")


class Terminal:
    """The helper on a pseudo-terminal of its own."""

    def __init__(self):
        import fcntl
        import pty
        import termios
        self.master, self.slave = pty.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", 25, 80, 0, 0))
        self.mode = self.now()
        self.start()
        self.text = b""
        self.expect("ready, interactive")

    def start(self):
        self.child = subprocess.Popen(HELPER, stdin=self.slave, stdout=self.slave,
                                      preexec_fn=self.own_session)
        running.add(self.child.pid)

    def own_session(self):
        import fcntl
        import termios
        os.setsid()
        fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0)

    def now(self):
        import termios
        return termios.tcgetattr(self.slave)

    def raw(self):
        import termios
        flags = self.now()[3]
        return not flags & (termios.ECHO | termios.ICANON)

    def expect(self, text, may_end=False):
        """Reads up to a text; false if the helper ends before it, which it must be free to do."""
        until = time.monotonic() + LIMIT_S
        while text.encode() not in self.text:
            left = until - time.monotonic()
            ended = may_end and self.child.poll() is not None
            if select.select([self.master], [], [], min(0.1, max(left, 0)))[0]:
                self.text += os.read(self.master, 4096)
            elif ended:
                return False
            elif left <= 0:
                sys.exit(f"not ok: no {text!r} in {self.text}")
        self.text = self.text[self.text.index(text.encode()) + len(text):]
        return True

    def type(self, text):
        os.write(self.master, text.encode())

    def wait_mode(self, raw, what):
        until = time.monotonic() + LIMIT_S
        while self.raw() != raw:
            check(time.monotonic() < until, what)
            time.sleep(0.01)

    def ended(self, what):
        status = self.child.wait(LIMIT_S)
        running.discard(self.child.pid)
        check(self.now() == self.mode, f"mode restored after {what}")
        os.close(self.master)
        os.close(self.slave)
        return status


def test_raw():
    terminal = Terminal()
    check(terminal.raw(), "raw mode")
    terminal.type("\x03\x1a\x1c\r\x11")
    for byte in ("03", "1a", "1c", "0d", "11"):
        terminal.expect(f"<{byte}>")
    terminal.type("q")
    check(terminal.ended("exit") == 0, "exit status")


def test_ends():
    ends = (("x", None, 3), ("a", None, -signal.SIGABRT), ("s", None, -signal.SIGSEGV),
            ("", signal.SIGTERM, -signal.SIGTERM), ("", signal.SIGHUP, -signal.SIGHUP),
            ("", signal.SIGINT, -signal.SIGINT), ("", signal.SIGQUIT, -signal.SIGQUIT))
    for letter, number, want in ends:
        if letter == "s" and "--sanitized" in sys.argv:
            continue
        terminal = Terminal()
        if letter:
            terminal.type(letter)
        else:
            terminal.child.send_signal(number)
        status = terminal.ended(letter or number)
        check(status == want, f"status {status} after {letter or number}, not {want}")


def test_close():
    terminal = Terminal()
    terminal.type("c")
    terminal.expect("<63>")
    terminal.wait_mode(False, "closed by itself")
    terminal.type("q\n")
    terminal.ended("close")


def lead(slave, report):
    """The parent that job control wants: in the session of the terminal, like a shell."""
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    pid = os.fork()
    if pid == 0:
        os.setpgid(0, 0)
        os.tcsetpgrp(slave, os.getpid())
        signal.signal(signal.SIGTTOU, signal.SIG_DFL)
        os.execv(HELPER[0], HELPER)
    os.write(report, b"%d\n" % pid)
    while True:
        _, status = os.waitpid(pid, os.WUNTRACED | os.WCONTINUED)
        what = (b"stopped" if os.WIFSTOPPED(status) else b"continued" if os.WIFCONTINUED(status)
                else b"ended %d" % os.waitstatus_to_exitcode(status))
        os.write(report, what + b"\n")
        if what.startswith(b"ended"):
            os._exit(0)


class JobTerminal(Terminal):
    """The helper as a job of a session, so that it can be stopped."""

    def start(self):
        told, report = os.pipe()
        self.told = os.fdopen(told)
        if (leader := os.fork()) == 0:
            self.own_session()
            for stream in (0, 1):
                os.dup2(self.slave, stream)
            lead(self.slave, report)
        os.close(report)
        self.leader = leader
        self.pid = int(self.told.readline())
        running.add(self.pid)

    def told_is(self, what):
        got = self.told.readline().strip()
        check(got == what, f"job {got!r}, not {what!r}")


def test_stop():
    terminal = JobTerminal()
    os.kill(terminal.pid, signal.SIGTSTP)
    terminal.told_is("stopped")
    check(terminal.now() == terminal.mode, "mode restored while stopped")
    os.kill(terminal.pid, signal.SIGCONT)
    terminal.told_is("continued")
    terminal.wait_mode(True, "raw again after SIGCONT")
    os.kill(terminal.pid, signal.SIGTSTP)
    terminal.told_is("stopped")
    os.kill(terminal.pid, signal.SIGCONT)
    terminal.told_is("continued")
    terminal.wait_mode(True, "raw again after a second stop")
    terminal.type("q")
    terminal.told_is("ended 0")
    check(terminal.now() == terminal.mode, "mode restored after stops")
    os.waitpid(terminal.leader, 0)
    running.discard(terminal.pid)


def quit_asked_at_once():
    """Asks to quit, and again at once, which must not force; then as often as must. False if the
    host was too busy for that: a request that comes later is a second one."""
    terminal = Terminal()
    terminal.type("hri")
    terminal.expect("signals on")
    began = time.monotonic()
    terminal.type("\x03")
    terminal.expect("quit asked")
    terminal.child.send_signal(signal.SIGTERM)
    terminal.child.send_signal(signal.SIGQUIT)
    goes_on = terminal.expect("report asked", may_end=True)
    if time.monotonic() - began >= AT_ONCE_S:
        terminal.child.kill()
        terminal.child.wait()
        return False
    check(goes_on, "the same request again at once does not force")
    check(terminal.child.poll() is None, "it goes on")
    time.sleep(0.1 + AT_ONCE_S)
    terminal.type("\x03")
    check(terminal.ended("a second Ctrl-C") == -signal.SIGINT, "a second Ctrl-C forces")
    return True


def test_quit_is_handed_over():
    while not quit_asked_at_once():
        print("too slow to ask twice at once")


def test_wine_console():
    """Wine makes a console of a terminal: keys arrive as bytes, arrows and Ctrl-C among them."""
    terminal = Terminal()
    for keys, numbers in (("A", "41"), ("ü", "c3 bc"), ("\x1b[A", "1b 5b 41"), ("\x03", "03"),
                          ("\r", "0d"), ("\x1b[3~", "1b 5b 33 7e")):
        terminal.type(keys)
        for number in numbers.split():
            terminal.expect(f"<{number}>")
    terminal.type("u")
    terminal.expect("Ωλ 日本")
    terminal.type("q")
    check(terminal.child.wait(LIMIT_S) == 0, "exit status on a console")
    running.discard(terminal.child.pid)


tests = [test_pipe, test_late_pipe, test_file]
if WINDOWS and os.name == "posix":
    tests += [test_wine_console]
if not WINDOWS:
    tests += [test_raw, test_ends, test_close, test_stop, test_quit_is_handed_over]
for test in tests:
    test()
    print(f"ok {test.__name__}", flush=True)
print(f"{passed} checks")
