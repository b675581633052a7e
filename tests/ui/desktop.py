"""A desktop for tests of the window, and what a person does there.

Linux: an X server with a window manager, of the test's own. A Windows program is run on the display
that its wrapper (Wine) has.
"""
import atexit
import os
import shutil
import subprocess
import sys
import tempfile
import time

WRAPPER = os.environ.get("MESON_EXE_WRAPPER", "").split()
WINDOWS = any(word.endswith(".exe") for word in sys.argv)
LIMIT_S = 90
END_S = 10
WORDS_MAX = 65536
children = []  # programs that must not end unasked


def words(child):
    """What a program has said so far. That goes to a file: processes of Wine's own, which live on,
    keep the streams of who starts them first."""
    return os.pread(child.said.fileno(), WORDS_MAX, 0).decode(errors="replace")


def fail(what):
    """Ends the test, and tells how its programs are and what they said."""
    lines = [f"not ok: {what}"]
    for child in children:
        status = child.poll()
        state = "runs" if status is None else f"has ended with status {status}"
        lines.append(f"  {child.args[0]} {state}")
        lines += [f"    {line}" for line in words(child).splitlines()[-20:]]
    sys.exit("\n".join(lines))


def check(condition, what):
    """Ends the test if that is not so."""
    if not condition:
        fail(what)


def background(*command, **keywords):
    """Starts a program that is ended with the test."""
    said = tempfile.TemporaryFile()
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said,
                             stderr=subprocess.STDOUT, **keywords)
    child.said = said
    children.append(child)
    return child


def end(child):
    """Ends a program, asked first, so that it takes its files along."""
    children.remove(child)
    child.terminate()
    try:
        child.wait(END_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


@atexit.register
def end_children():
    """Nothing is left behind."""
    for child in children[::-1]:
        end(child)


def missing(*more):
    """Why there can be no desktop here; empty if there can."""
    absent = [tool for tool in ("Xvfb", "openbox", "xdotool", *more) if not shutil.which(tool)]
    return absent or (["a display"] if WINDOWS and not os.environ.get("DISPLAY") else [])


def display_open(size="1280x900"):
    """An X server with a window manager; returns it, or None where the wrapper has one."""
    if WINDOWS:
        return None
    reader, writer = os.pipe()
    # Without -noreset it begins anew when its last client leaves, and drops who has just come.
    server = background("Xvfb", "-displayfd", str(writer), "-noreset", "-nolisten", "tcp",
                        "-screen", "0", f"{size}x24", pass_fds=[writer])
    os.close(writer)
    with os.fdopen(reader) as numbers:
        number = numbers.readline().strip()
    check(number, "Xvfb did not start")
    os.environ["DISPLAY"] = f":{number}"
    background("openbox")
    wait_for("a window manager", is_managed)
    return server


def is_managed():
    """Whether the display has a window manager: without one xdotool answers, but fails."""
    return subprocess.run(["xdotool", "get_num_desktops"], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL).returncode == 0


def wait_for(what, probe):
    """Asks until the answer is not empty, and returns it. There will be none when a program has
    ended unasked: whether one has is looked at before the question."""
    deadline = time.monotonic() + LIMIT_S
    while time.monotonic() < deadline:
        ended_early = any(child.poll() is not None for child in children)
        value = probe()
        if value:
            return value
        check(not ended_early, f"{what}: a program has ended")
        time.sleep(0.1)
    fail(f"{what}: not within {LIMIT_S} s")


def xdo(*arguments):
    """Has xdotool do something; returns what it prints."""
    command = ["xdotool", *map(str, arguments)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S)
    except subprocess.TimeoutExpired:
        fail(f"{' '.join(command)}: does not end")
    return done.stdout.strip()


def window_find(name):
    """Waits for the window of the machine of that name, and gives it the keyboard."""
    found = wait_for("a window", lambda: xdo("search", "--name", f"^{name} - Tinamou"))
    window = found.splitlines()[0]
    xdo("windowactivate", "--sync", window)
    return window


def window_open(program, name, *arguments):
    """Starts the program; returns it and its window, which has the keyboard."""
    child = background(*WRAPPER, os.path.abspath(program), *arguments, "-name", name)
    return child, window_find(name)


def ended(child, what):
    """Waits for the end of a program; returns its exit status and what it said."""
    try:
        status = child.wait(LIMIT_S)
    except subprocess.TimeoutExpired:
        fail(f"{what}: still running after {LIMIT_S} s")
    if child in children:
        children.remove(child)
    return status, words(child)
