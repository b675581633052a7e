#!/usr/bin/env python3
"""The window, driven as a person would: typed text arrives once and in order, views, sheets, ends.

usage: window.py PROGRAM
"""
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time

import desktop
from desktop import WINDOWS, check, ended, wait_for, xdo

LIMIT_S = desktop.LIMIT_S
LOOP = b"\x6f\0\0\0"  # j .
LINE = "help quit xyzzy 0123456789 the quick brown fox"
DEMO = str(pathlib.Path(__file__).resolve().parents[2] / "demo" / "demo.elf")
firmware = tempfile.NamedTemporaryFile(suffix=".bin")
firmware.write(LOOP)
firmware.flush()
MACHINE = ["-M", "virt", "-m", "64M", "-bios", firmware.name, "-display", "sdl"]


def window_open(name, *arguments):
    """Starts the program; returns it and its window, which has the keyboard."""
    return desktop.window_open(sys.argv[1], name, *arguments)


def clip(text):
    """Puts text on the clipboard. xclip stays behind to serve it: not with our output open."""
    subprocess.run(["xclip", "-selection", "clipboard"], input=text, check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def copied(window):
    """What the shown console has, by way of the clipboard."""
    clip(b"nothing")
    xdo("key", "--window", 0, "ctrl+shift+a", "ctrl+shift+c")

    def probe():
        out = subprocess.run(["xclip", "-o", "-selection", "clipboard"], capture_output=True)
        return out.stdout.decode() if out.stdout != b"nothing" else ""
    end = time.monotonic() + 3
    while time.monotonic() < end:
        text = probe()
        if text:
            return text
        time.sleep(0.1)
    return ""  # no console is shown, or the host is slow: the caller tries again


def show_monitor(window):
    """Goes through the views to the monitor: from then on there is a machine."""
    def probe():
        text = copied(window)
        if "monitor - type 'help'" not in text:
            xdo("key", "ctrl+shift+t")
            time.sleep(0.3)
            return ""
        return text
    wait_for("the monitor among the views", probe)


def test_console():
    """Each key arrives once, in order; what is shown can be copied; 'quit' ends the program."""
    child, window = window_open("console", *MACHINE)
    check("Ctrl+Shift+G" in xdo("getwindowname", window), "the title says how to free the mouse")
    show_monitor(window)
    xdo("type", "--delay", "20", LINE)
    xdo("key", "Return")
    text = wait_for("the monitor's answer", lambda: (lambda t: t if "end the" in t or
                                                    "no command" in t else "")(copied(window)))
    lines = text.splitlines()
    check(f"(tinamou) {LINE}" in lines, f"typed keys arrive once and in order:\n{text}")
    clip(b"quit")
    xdo("key", "ctrl+shift+v")
    xdo("key", "Return")
    status, errors = ended(child, "'quit' in the monitor")
    check(status == 0, f"status {status} after quit: {errors}")


def test_close():
    """The close button asks first; the second button of the sheet ends the machine."""
    child, window = window_open("close", *MACHINE)
    show_monitor(window)
    xdo("key", "ctrl+shift+q")
    time.sleep(0.5)
    check(child.poll() is None, "the machine goes on until the user has answered")
    xdo("key", "Escape")  # the last button: turn off now
    status, errors = ended(child, "'Turn off now'")
    check(status == 0, f"status {status} after turning off: {errors}")


def test_heads():
    """A second screen has a window of its own, which can be closed and comes back by the menu."""
    child, window = window_open("heads", *MACHINE, "-device", "virtio-gpu-device,max_outputs=2")

    def seen():
        return xdo("search", "--onlyvisible", "--name", "^heads - Screen 2 - Tinamou")
    head = wait_for("the second screen's window", seen)
    for _ in range(2):
        xdo("windowactivate", "--sync", head)
        xdo("key", "alt+F4")
        wait_for("the second screen's window to be hidden", lambda: not seen())
        check(child.poll() is None, "the machine goes on without the second screen's window")
        xdo("windowactivate", "--sync", window)
        xdo("key", "ctrl+shift+m", "Right", "Right", "Right", "Down", "Down", "Return")
        wait_for("the second screen's window again", seen)
    xdo("windowactivate", "--sync", head)
    xdo("key", "ctrl+shift+Return")
    wait_for("full screen", lambda: "1280x900" in xdo("getwindowgeometry", head))
    check("1280x900" not in xdo("getwindowgeometry", window), "the other window stays as it was")
    xdo("key", "ctrl+shift+q")  # asked for there, answered in the main window
    wait_for("the main window to come to the front", lambda: xdo("getactivewindow") == window)
    xdo("key", "Escape")
    status, errors = ended(child, "'Turn off now'")
    check(status == 0, f"status {status} after turning off: {errors}")


def test_screenshot():
    """A screenshot of what the guest shows is saved among the user's pictures."""
    home = os.environ.get("HOME", "")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["HOME"] = folder
        child, window = window_open("shot", "-M", "virt", "-m", "64M", "-bios", "none", "-kernel",
                                    DEMO, "-device", "virtio-gpu-device", "-display", "sdl")
        pictures = pathlib.Path(folder)

        def taken():
            xdo("windowactivate", "--sync", window)
            xdo("key", "Escape", "ctrl+shift+s")
            time.sleep(1)
            return list(pictures.glob("tinamou-*.png"))
        picture = wait_for("a screenshot", taken)[0]
        check(picture.read_bytes().startswith(b"\x89PNG"), "the screenshot is a PNG file")
        desktop.end(child)
    os.environ["HOME"] = home


def test_stopped():
    """While the machine thread stands in a call of the host, the window still answers."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "socket")
        child, window = window_open("stopped", *MACHINE, "-serial", f"unix:{path},server=on")
        xdo("key", "ctrl+shift+Return")
        wait_for("full screen", lambda: "1280x900" in xdo("getwindowgeometry", window))
        xdo("key", "ctrl+shift+Return")
        wait_for("no full screen", lambda: "1280x900" not in xdo("getwindowgeometry", window))
        with socket.socket(socket.AF_UNIX) as peer:
            peer.connect(path)
            show_monitor(window)
            xdo("key", "ctrl+shift+q")
            time.sleep(0.5)
            xdo("key", "Escape")
            status, errors = ended(child, "'Turn off now'")
    check(status == 0, f"status {status}: {errors}")


def test_waiting():
    """While the machine waits for a connection before it starts, the window can be closed."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "socket")
        child, _ = window_open("waiting", *MACHINE, "-serial", f"unix:{path},server=on")
        wait_for("the socket", lambda: os.path.exists(path))
        xdo("key", "ctrl+shift+q")
        status, errors = ended(child, "closing the window")
    check(status == 0, f"status {status}: {errors}")


def test_lost_display(server):
    """A display that goes away ends the machine in order, and says so."""
    child, _ = window_open("lost", *MACHINE)
    time.sleep(0.5)
    desktop.end(server)
    status, errors = ended(child, "the display went away")
    check(status != 0 and "the display has gone away" in errors, f"status {status}: {errors}")


def test_lost_compositor():
    """A Wayland compositor that goes away ends the machine in the same way."""
    if not shutil.which("weston"):
        print("no weston here, so not asked")
        return
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_RUNTIME_DIR"] = folder
        compositor = desktop.background("weston", "--backend=x11-backend.so", "--use-pixman",
                                        "--socket=wayland", "--idle-time=0")
        wait_for("a compositor", lambda: os.path.exists(os.path.join(folder, "wayland")))
        environment = {**os.environ, "WAYLAND_DISPLAY": "wayland", "SDL_VIDEODRIVER": "wayland"}
        del environment["DISPLAY"]
        made = os.path.join(folder, "pid")
        child = desktop.background(sys.argv[1], *MACHINE, "-pidfile", made, env=environment)
        wait_for("a machine", lambda: os.path.exists(made))
        desktop.end(compositor)
        status, errors = ended(child, "the compositor went away")
        check(status != 0 and "the display has gone away" in errors, f"status {status}: {errors}")
        check(not os.path.exists(made), "the machine has ended in order")


def test_no_display():
    """Without a display the program says what to do, and does not draw where nobody sees it."""
    environment = {name: value for name, value in os.environ.items()
                   if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    tries = [{"SDL_VIDEODRIVER": "x11"}]
    if not os.path.exists("/dev/dri"):  # else the window may be on the console's screen
        tries += [{}, {"DISPLAY": os.environ["DISPLAY"]}]  # that server is no more
    for more in tries:
        done = subprocess.run([sys.argv[1], *MACHINE], env={**environment, **more},
                              capture_output=True, text=True, timeout=LIMIT_S,
                              stdin=subprocess.DEVNULL)
        check(done.returncode == 1 and "-nographic" in done.stderr, f"no display: {done.stderr}")


def main():
    absent = desktop.missing("xclip")
    if absent:
        print(f"cannot run here: {', '.join(absent)}")
        sys.exit(77)
    server = desktop.display_open()
    tests = [test_console, test_close]
    if not WINDOWS:
        tests += [test_heads, test_screenshot, test_stopped, test_waiting]
    for test in tests:
        test()
        print("ok", test.__name__)
    if server:
        test_lost_compositor()
        test_lost_display(server)
        test_no_display()
        print("ok test_lost_compositor, test_lost_display, test_no_display")


main()
