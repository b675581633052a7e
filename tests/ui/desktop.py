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
children = []


@atexit.register
def end_children():
    """Nothing is left behind."""
    for child in reversed(children):
        if child.poll() is None:
            child.kill()


def check(condition, what):
    """Ends the test if that is not so."""
    if not condition:
        sys.exit(f"not ok: {what}")


def background(*command, **keywords):
    """Starts a program that is ended with the test."""
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, **keywords)
    children.append(child)
    return child


def missing(*more):
    """Why there can be no desktop here; empty if there can."""
    absent = [tool for tool in ("Xvfb", "openbox", "xdotool", *more) if not shutil.which(tool)]
    return absent or (["a display"] if WINDOWS and not os.environ.get("DISPLAY") else [])


def display_open():
    """An X server with a window manager; returns it, or None where the wrapper has one."""
    if WINDOWS:
        return None
    reader, writer = os.pipe()
    server = background("Xvfb", "-displayfd", str(writer), "-screen", "0", "1280x900x24",
                        "-nolisten", "tcp", pass_fds=[writer], stderr=subprocess.DEVNULL)
    os.close(writer)
    with os.fdopen(reader) as numbers:
        number = numbers.readline().strip()
    check(number, "Xvfb did not start")
    os.environ["DISPLAY"] = f":{number}"
    background("openbox", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for("a window manager", lambda: xdo("get_num_desktops"))
    return server


def wait_for(what, probe):
    """Asks until the answer is not empty, and returns it."""
    end = time.monotonic() + LIMIT_S
    while time.monotonic() < end:
        value = probe()
        if value:
            return value
        time.sleep(0.1)
    sys.exit(f"not ok: {what}: not within {LIMIT_S} s")


def xdo(*arguments):
    """Has xdotool do something; returns what it prints."""
    done = subprocess.run(["xdotool", *map(str, arguments)], capture_output=True, text=True)
    return done.stdout.strip()


def window_find(name):
    """Waits for the window of the machine of that name, and gives it the keyboard."""
    found = wait_for("a window", lambda: xdo("search", "--name", f"^{name} - Tinamou"))
    window = found.splitlines()[0]
    xdo("windowactivate", "--sync", window)
    return window


def window_open(program, name, *arguments):
    """Starts the program; returns it and its window, which has the keyboard."""
    said = tempfile.TemporaryFile()
    child = background(*WRAPPER, os.path.abspath(program), *arguments, "-name", name, stderr=said)
    child.said = said
    return child, window_find(name)


def ended(child, what):
    """Waits for the end of a program; returns its exit status and what it said. That went to a
    file: processes of Wine's own, which live on, keep the streams of who starts them first."""
    try:
        status = child.wait(LIMIT_S)
    except subprocess.TimeoutExpired:
        sys.exit(f"not ok: {what}: still running after {LIMIT_S} s")
    child.said.seek(0)
    return status, child.said.read().decode(errors="replace")
