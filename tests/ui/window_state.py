#!/usr/bin/env python3
"""The window's menus, keys and dialogs, and what they do to the machine, as its monitor sees it.

usage: window_state.py PROGRAM
The same menus are drawn by the host on Windows and by the program elsewhere: the same keys and
clicks choose the same items. Nothing is read from the window itself.
"""
import contextlib
import os
import pathlib
import re
import signal
import struct
import subprocess
import sys
import tempfile
import time

import desktop
import drop
from desktop import WINDOWS, check, ended, wait_for, xdo

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "boot"))
import screen  # noqa: E402  (the folder above must be known first)

LINE = "help quit xyzzy 0123456789 the quick brown fox"
TYPED = 0x80001004
# Writes what the serial port receives into memory, from TYPED on.
RECORDER = struct.pack("<9I", 0x100002b7,  # lui   t0, 0x10000
                       0x00001317,         # auipc t1, 1
                       0x0052c383,         # lbu   t2, 5(t0)      line status
                       0x0013f393,         # andi  t2, t2, 1
                       0xfe038ce3,         # beqz  t2, -8
                       0x0002c383,         # lbu   t2, 0(t0)
                       0x00730023,         # sb    t2, 0(t1)
                       0x00130313,         # addi  t1, t1, 1
                       0xfe9ff06f)         # j     -24
folder = pathlib.Path(tempfile.mkdtemp(prefix="tinamou-"))
firmware = folder / "recorder.bin"
firmware.write_bytes(RECORDER)


@contextlib.contextmanager
def window_of(name, *options):
    """A machine in a window that has the keyboard, and its monitor; it must end well."""
    with screen.Monitor() as monitor:
        child, window = desktop.window_open(
            sys.argv[1], name, "-M", "virt", "-m", "64M", "-bios", firmware, "-display", "sdl",
            *monitor.options, *options)
        monitor.accept(child)
        yield window, monitor
        xdo("windowactivate", "--sync", window)
        xdo("key", "ctrl+shift+q")
        time.sleep(0.3)
        check(child.poll() is None, "the machine goes on until the user has answered")
        xdo("key", "Escape")  # the last button: turn off now
    status, errors = ended(child, "'Turn off now'")
    check(status == 0, f"status {status} after turning off: {errors}")


def typed(monitor):
    """What the guest has received so far."""
    text = monitor.run(f"xp/{len(LINE) + 80}xb {TYPED:#x}")
    data = bytes(int(byte, 16) for line in text.splitlines()
                 for byte in re.findall(r"0x([0-9a-f]{2})\b", line.partition(":")[2]))
    return data.rstrip(b"\0").decode()


def knock(monitor):
    """Types until the guest hears it: desktops give a window the keyboard when they like."""
    def heard():
        xdo("key", "period")
        time.sleep(0.3)
        return typed(monitor)
    wait_for("the window to hear keys", heard)
    time.sleep(0.3)
    check(not typed(monitor).strip("."), "nothing but what was typed")


def type_checked(monitor, text):
    """Types a text, which the guest must receive once and in order behind what came before."""
    before = typed(monitor)
    xdo("type", "--delay", "20", text)
    wait_for("all keys", lambda: len(typed(monitor)) >= len(before + text))
    time.sleep(0.2)
    check(typed(monitor) == before + text, f"typed {text!r}, the guest has {typed(monitor)!r}")


def dismiss(monitor):
    """Closes a message that is about to be shown: until it is, the guest hears Return."""
    def closed():
        before = typed(monitor)
        xdo("key", "Return", "period")
        deadline = time.monotonic() + 3
        while time.monotonic() < deadline:
            more = typed(monitor)[len(before):]
            if "." in more:
                return "\r" not in more
            time.sleep(0.1)
        return False  # shown between the two keys
    wait_for("a message", closed)


def state(monitor):
    """Whether the machine runs."""
    return "paused" if "paused" in monitor.run("info status") else "running"


def test_typing():
    """Each key of a text arrives once and in order at the guest's serial port."""
    with window_of("typing") as (_, monitor):
        knock(monitor)
        type_checked(monitor, LINE)


def menu_keys(*keys):
    """Opens the menus and presses keys there, not faster than a person."""
    xdo("key", "ctrl+shift+m")
    time.sleep(0.3)
    xdo("key", "--delay", "50", *keys)


def menu_leave():
    """Closes an open menu. That of Windows leaves the bar marked, until it is told again."""
    xdo("key", *["Escape"] * (2 if WINDOWS else 1))


def pause_by_menu(monitor):
    """Chooses Machine, Pause. It is greyed until the window has heard of its machine."""
    menu_keys("Right", "Down", "Return")
    time.sleep(0.5)
    if state(monitor) == "paused":
        return True
    menu_leave()
    return False


def test_menu():
    """Items are chosen by keys and by clicks; the machine goes on while a menu is open."""
    with window_of("menu") as (window, monitor):
        knock(monitor)
        wait_for("a machine that is paused", lambda: pause_by_menu(monitor))
        xdo("mousemove", "--window", window, 65, 10, "click", 1)
        time.sleep(0.5)
        check(state(monitor) == "paused", "an open menu does nothing")
        xdo("key", "Down", "Return")
        wait_for("a machine that runs again", lambda: state(monitor) == "running")
        menu_keys("Right", "Down")
        time.sleep(0.5)
        check(state(monitor) == "running", "the machine runs while a menu is open")
        menu_leave()
        type_checked(monitor, "free")  # keys are the guest's again
        menu_keys("Right", "Down", "Down", "Return")

        def anew():
            xdo("type", "x")  # until the reset is done the old one gets it
            time.sleep(0.3)
            return typed(monitor).startswith("x")
        wait_for("a recorder that begins anew", anew)


def test_snapshot():
    """Going back to the snapshot of the menu brings back what the guest had."""
    disk = folder / "disk.qcow2"
    subprocess.run([*desktop.WRAPPER, sys.argv[1], "img", "create", "-f", "qcow2", disk, "16M"],
                   check=True, stdout=subprocess.DEVNULL)
    drive = f"file={disk},format=qcow2,if=virtio"
    with window_of("snapshot", "-drive", drive) as (_, monitor):
        knock(monitor)
        type_checked(monitor, "kept")
        kept = typed(monitor)
        xdo("key", "ctrl+shift+e")
        wait_for("the snapshot", lambda: "quick" in monitor.run("info snapshots"))
        dismiss(monitor)
        type_checked(monitor, "lost")
        lost = typed(monitor)
        xdo("key", "ctrl+shift+l")
        time.sleep(0.5)
        check(typed(monitor) == lost, "nothing is lost before the user has answered")
        xdo("key", "Left", "Return")
        wait_for("what was saved", lambda: typed(monitor) == kept)


def test_fork():
    """The twin of the menu runs, and its end leaves the machine alone."""
    os.environ["XDG_RUNTIME_DIR"] = str(folder)
    with window_of("fork") as (window, monitor):
        knock(monitor)
        xdo("key", "ctrl+shift+d")
        wait_for("a twin", lambda: "process" in monitor.run("info forks"))
        os.kill(int(re.search(r"process (\d+)", monitor.run("info forks"))[1]), signal.SIGTERM)
        wait_for("the end of the twin", lambda: "no twins" in monitor.run("info forks"))
        xdo("windowactivate", "--sync", window)
        dismiss(monitor)
        type_checked(monitor, "alone")


def test_full_screen():
    """The window fills the screen and comes back as it was, by keys and by the menu."""
    with window_of("full") as (window, monitor):
        knock(monitor)
        whole = "x".join(xdo("getdisplaygeometry").split())
        before = xdo("getwindowgeometry", window)
        xdo("key", "ctrl+shift+Return")
        wait_for("full screen", lambda: whole in xdo("getwindowgeometry", window))
        xdo("key", "ctrl+shift+Return")
        wait_for("the size before", lambda: xdo("getwindowgeometry", window) == before)


def test_waiting():
    """While the machine waits for a connection before it starts, the window can be closed."""
    child, _ = desktop.window_open(sys.argv[1], "waiting", "-M", "virt", "-m", "64M", "-bios",
                                   firmware, "-display", "sdl", "-serial",
                                   "tcp:127.0.0.1:0,server=on")

    def closed():
        xdo("key", "ctrl+shift+q")  # until the desktop has given the window the keyboard
        time.sleep(0.5)
        return child.poll() is not None
    wait_for("closing the window", closed)
    status, errors = ended(child, "closing the window")
    check(status == 0, f"status {status}: {errors}")


def program_write(name):
    """A program that a machine of its own can run: the recorder as an ELF file."""
    path, base = folder / name, 0x80000000
    header = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 2, 243, 1, base, 64, 0, 0,
                         64, 56, 1, 0, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 7, 120, base, base, len(RECORDER), len(RECORDER), 4)
    path.write_bytes(header + segment + RECORDER)
    return path


def choose_file(path):
    """Asks for a file, and answers."""
    xdo("key", "ctrl+shift+o")
    asked = wait_for("the dialog", lambda: xdo("search", "--name", "^Start a disk, a kernel"))
    xdo("windowactivate", "--sync", asked.splitlines()[0])
    xdo("type", "--delay", "20", "Z:" + str(path).replace("/", "\\"))
    xdo("key", "Return")
    wait_for("the end of the dialog", lambda: not xdo("search", "--name", "^Start a disk"))


def test_dialog():
    """The host's dialog starts a program in a window of its own; an empty file is refused."""
    empty = folder / "empty.img"
    empty.touch()
    with window_of("asking") as (window, monitor):
        knock(monitor)
        choose_file(program_write("bird.elf"))
        child = desktop.window_find("bird.elf")
        check(state(monitor) == "running", "the machine goes on")
        xdo("key", "ctrl+shift+q")
        time.sleep(0.5)
        xdo("key", "Escape")
        wait_for("its end", lambda: child not in xdo("search", "--name", "Tinamou").split())
        xdo("windowactivate", "--sync", window)
        choose_file(empty)
        xdo("windowactivate", "--sync", window)
        xdo("type", "unseen")  # the sheet that says why hears it
        time.sleep(0.5)
        xdo("key", "Return")
        type_checked(monitor, "seen")


def test_drop():
    """A file that is dropped starts in a window of its own; an empty one is refused."""
    empty = folder / "nothing.img"
    empty.touch()
    with window_of("dropping") as (window, monitor):
        knock(monitor)
        drop.drop(program_write("dropped.elf"), int(window), 640, 450)
        time.sleep(0.5)
        xdo("windowactivate", "--sync", window)
        xdo("key", "Return")  # start it
        child = desktop.window_find("dropped.elf")
        check(state(monitor) == "running", "the machine goes on")
        xdo("key", "ctrl+shift+q")
        time.sleep(0.5)
        xdo("key", "Escape")
        wait_for("its end", lambda: child not in xdo("search", "--name", "Tinamou").split())
        xdo("windowactivate", "--sync", window)
        before = typed(monitor)
        drop.drop(empty, int(window), 640, 450)
        time.sleep(0.5)
        xdo("type", "unseen")  # the sheet that says why hears it
        time.sleep(0.5)
        check(typed(monitor) == before, f"the guest heard {typed(monitor)} with a sheet open")
        xdo("key", "Return")
        type_checked(monitor, "seen")


def main():
    absent = desktop.missing()
    if absent:
        print(f"cannot run here: {', '.join(absent)}")
        sys.exit(77)
    desktop.display_open()
    for test in [test_typing, test_menu, test_snapshot, test_full_screen, test_waiting] + \
            ([test_dialog] if WINDOWS else [test_drop, test_fork]):
        began = time.monotonic()
        test()
        print(f"ok {test.__name__} in {time.monotonic() - began:.1f} s", flush=True)


main()
