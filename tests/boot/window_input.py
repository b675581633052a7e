"""What a person does at the window is what programs in the guest hear, once and in order."""
import base64
import random
import struct
import sys
import time

import devices
import guest
import machine
import screen

sys.path.insert(0, str(guest.TOP / "tests" / "ui"))
import desktop  # noqa: E402  (the folder above must be known first)
from desktop import xdo  # noqa: E402

EV_KEY, EV_ABS = devices.EV_KEY, devices.EV_ABS
REPEATED = 2  # the value of a key that the guest's kernel itself repeats
KEYBOARD, TABLET = "event0", "event1"
BUTTONS = {1: 0x110, 2: 0x112, 3: 0x111}
LETTERS = "qwertyuiop", "asdfghjkl", "zxcvbnm"
SHIFT = 42
# xdotool's names of keys, and Linux' codes.
CODES = {**{name: 16 + at for at, name in enumerate(LETTERS[0])},
         **{name: 30 + at for at, name in enumerate(LETTERS[1])},
         **{name: 44 + at for at, name in enumerate(LETTERS[2])},
         **{name: 2 + at for at, name in enumerate("1234567890")},
         **{f"F{number}": 58 + number for number in range(1, 11)},
         "F11": 87, "F12": 88, "Escape": 1, "BackSpace": 14, "Tab": 15, "Return": 28, "space": 57,
         "comma": 51, "period": 52, "Up": 103, "Left": 105, "Right": 106, "Down": 108,
         "Insert": 110, "Delete": 111, "Home": 102, "End": 107, "Prior": 104, "Next": 109}


class Heard:
    """What a device has sent in the guest since it was last asked."""

    def __init__(self, shell, name):
        self.shell, self.name, self.size = shell, name, 0
        shell.run(f"(cat /dev/input/{name} >/tmp/{name} &)")

    def take(self, count=0, limit=30):
        """Waits for that many events of keys or buttons, and for what may follow wrongly."""
        events = []
        deadline = time.monotonic() + limit
        while True:
            data = base64.b64decode(self.shell.run(
                f"tail -c +{self.size + 1} /tmp/{self.name} | base64"))
            self.size += len(data)
            found = [struct.unpack_from("<16xHHi", data, at) for at in range(0, len(data), 24)]
            found = [event for event in found
                     if event[0] == EV_ABS or (event[0] == EV_KEY and event[2] != REPEATED)]
            events += found
            keys = [event for event in events if event[0] == EV_KEY]
            if (len(keys) >= count and not found) or time.monotonic() > deadline:
                return events
            time.sleep(0.3)


def wait_keyboard(heard, window):
    """Desktops give a window the keyboard when they like."""
    def answered():
        xdo("windowactivate", "--sync", window)
        xdo("key", "F12")
        return heard.take(limit=0) or heard.take(limit=0)
    desktop.wait_for("the window to hear keys", answered)
    time.sleep(0.5)
    heard.take()


def expect_same(what, found, wanted):
    """Raises Failure that names the first difference of two long lists."""
    if found != wanted:
        same = [a == b for a, b in zip(found, wanted)] + [False]
        at = same.index(False)
        raise machine.Failure(f"{what}: {len(found)} events instead of {len(wanted)}; from event "
                              f"{at} on {found[at:at + 6]} instead of {wanted[at:at + 6]}")


def keys_check(heard, seed):
    """Each key comes once, in order, with Shift around some."""
    chance = random.Random(seed)
    names = [chance.choice(list(CODES)) for _ in range(120)]
    shifted = [chance.random() < 0.2 and name.isalnum() and len(name) == 1 for name in names]
    wanted = []
    for name, shift in zip(names, shifted):
        codes = ([SHIFT] if shift else []) + [CODES[name]]
        # xdotool releases keys in the order in which it has pressed them.
        wanted += [(EV_KEY, code, value) for value in (1, 0) for code in codes]
    xdo("key", "--delay", "15",
        *[("shift+" if shift else "") + name for name, shift in zip(names, shifted)])
    expect_same(f"what the keyboard sent (seed {seed})", heard.take(len(wanted)), wanted)


def clicks_check(heard, window, seed):
    """Each click comes once, in order, at its place: a linear map of that in the window."""
    chance = random.Random(seed)
    clicks = [(chance.choice(list(BUTTONS)), chance.randrange(100, 900), chance.randrange(100, 600))
              for _ in range(30)]
    for button, x, y in clicks:
        xdo("mousemove", "--window", window, x, y, "click", button)
    at, places, pressed = [0, 0], [], []
    for kind, code, value in heard.take(2 * len(clicks)):
        if kind == EV_ABS:
            at[code] = value
        else:
            pressed.append((code, value))
            places += [tuple(at)] if value else []
    expect_same(f"the buttons (seed {seed})", pressed,
                [(BUTTONS[button], value) for button, _, _ in clicks for value in (1, 0)])
    for axis, name in ((0, "x"), (1, "y")):
        sent = [click[1 + axis] for click in clicks]
        got = [place[axis] for place in places]
        low, high = sent.index(min(sent)), sent.index(max(sent))
        scale = (got[high] - got[low]) / (sent[high] - sent[low])
        off = [abs(got[low] + (value - sent[low]) * scale - place)
               for value, place in zip(sent, got)]
        if not 20 < scale < 80 or max(off) > 1.5 * scale:
            raise machine.Failure(f"{name} of clicks (seed {seed}): {sent} became {got}")


def held_check(heard, window, press, release, code):
    """What is held when the window loses the keyboard goes up then, and is not stuck afterwards."""
    xdo(*press)
    guest.expect_equal("what is held", [event for event in heard.take(1) if event[0] == EV_KEY],
                       [(EV_KEY, code, 1)])
    xdo("windowminimize", "--sync", window)
    guest.expect_equal("what is held by a window without the keyboard",
                       [event for event in heard.take(1) if event[0] == EV_KEY][:1],
                       [(EV_KEY, code, 0)])
    xdo(*release)
    xdo("windowactivate", "--sync", window)
    time.sleep(0.5)
    after = [event[2] for event in heard.take() if event[1] == code and event[0] == EV_KEY]
    if after not in ([], [1, 0]):
        raise machine.Failure(f"key {code} was released, then sent {after}")


def window_input(emulator):
    """Keys and clicks on the window reach the guest's evdev; nothing held sticks."""
    absent = desktop.missing()
    if absent:
        raise machine.Unavailable(", ".join(absent))
    desktop.display_open()
    command = guest.linux_command(emulator, append="console=tty0 console=ttyS0",
                                  extra=[*screen.DEVICES, "-name", "evdev"])
    at = command.index("-nographic")
    command[at:at + 1] = ["-display", "sdl", "-serial", "stdio"]
    seed = random.randrange(1 << 32)
    with guest.Guest(command) as shell, machine.reporting(shell):
        shell.boot()
        shell.run("/sbin/modprobe gpu && /sbin/modprobe input")
        window = desktop.window_find("evdev")
        keyboard, tablet = Heard(shell, KEYBOARD), Heard(shell, TABLET)
        wait_keyboard(keyboard, window)
        keys_check(keyboard, seed)
        clicks_check(tablet, window, seed)
        held_check(keyboard, window, ["keydown", "a"], ["keyup", "a"], CODES["a"])
        tablet.take()
        xdo("mousemove", "--window", window, 400, 300)
        held_check(tablet, window, ["mousedown", 1], ["mouseup", 1], BUTTONS[1])
        shell.poweroff()


def register(table):
    """Enters the case into the table of the suite."""
    table["window-input"] = window_input
