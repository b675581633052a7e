"""What Debian's kernel and programs show on a screen, and what they hear of keys and pointers."""
import base64
import contextlib
import os
import pathlib
import shutil
import socket
import tempfile
import time

import guest
import machine

CELL = (8, 16)  # pixels of a character on the kernel's console
DEVICES = ["-device", "virtio-gpu-device", "-device", "virtio-keyboard-device",
           "-device", "virtio-tablet-device"]


class Monitor:
    """The monitor, for a program that types. The emulator connects to us: a port where we listen
    cannot be taken by somebody else before the emulator has started."""

    prompt = b"(tinamou) "

    def __init__(self, limit=60):
        self.limit = limit
        self.folder = tempfile.TemporaryDirectory(prefix="tinamou-")
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.socket = None
        self.options = ["-monitor", f"tcp:127.0.0.1:{self.listener.getsockname()[1]}"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()
        if self.socket:
            self.socket.close()
        self.folder.cleanup()

    def accept(self, process):
        """Waits for the emulator, which has been started with our options."""
        deadline = time.monotonic() + self.limit
        self.listener.settimeout(0.5)
        while not self.socket:
            ended = process.poll()
            try:
                self.socket, _ = self.listener.accept()
            except socket.timeout:
                if ended is not None or time.monotonic() > deadline:
                    raise machine.Failure("no monitor: the emulator " + (
                        "does not connect" if ended is None else f"ended with {ended}")) from None
        self.socket.settimeout(self.limit)
        self._answer()

    def _answer(self):
        data = b""
        while self.prompt not in data.rpartition(b"\n")[2] or not data.endswith(b"\x1b[K"):
            more = self.socket.recv(65536)
            if not more:
                raise machine.Failure("the monitor hung up")
            data += more
        return data

    def run(self, command):
        """Types a command and returns what it printed."""
        self.socket.sendall(command.encode() + b"\n")
        self._echo_end()
        return self._answer().rpartition(self.prompt)[0].decode().replace("\r", "").strip()

    def _echo_end(self):
        """What is typed comes back first, up to the end of its line."""
        data = b""
        while not data.endswith(b"\n"):
            data += self.socket.recv(1)

    def picture(self):
        """Takes a screenshot: width, height and the bytes of its pixels."""
        path = pathlib.Path(self.folder.name, "screen.ppm")
        said = self.run(f'screendump "{path}"')
        if said:
            raise machine.Failure(f"screendump: {said}")
        kind, width, height, _, pixels = path.read_bytes().split(maxsplit=4)
        width, height = int(width), int(height)
        guest.expect_equal("the picture's kind", kind, b"P6")
        # The header ends with one space, and pixels may look like more of them.
        return width, height, path.read_bytes()[-3 * width * height:]


def cell_of(picture, column, row):
    """The pixels of one character of the console."""
    width, _, pixels = picture
    lines = []
    for y in range(row * CELL[1], (row + 1) * CELL[1]):
        start = 3 * (y * width + column * CELL[0])
        lines.append(pixels[start:start + 3 * CELL[0]])
    return b"".join(lines)


def text_check(picture, text, row):
    """A row of the console has these characters: like ones look alike, others do not."""
    seen = {}
    for column, character in enumerate(text):
        cell = cell_of(picture, column, row)
        if seen.setdefault(character, cell) != cell:
            raise machine.Failure(f"two {character!r} on the screen differ")
    if len(set(seen.values())) != len(seen):
        raise machine.Failure(f"characters of {text!r} on the screen look alike")
    if " " in seen and any(seen[" "]):
        raise machine.Failure("a space on the screen is not black")


def picture_until(monitor, condition, what, limit=30):
    """Takes pictures until one is as it should be."""
    deadline = time.monotonic() + limit
    while True:
        picture = monitor.picture()
        if condition(picture):
            return picture
        if time.monotonic() > deadline:
            raise machine.Failure(f"the screen did not show {what}")
        time.sleep(0.5)


@contextlib.contextmanager
def screen_guest(emulator, append="", devices=DEVICES, extra=()):
    """Boots the small guest with a screen; its shell stays on the serial line."""
    command = guest.linux_command(emulator, smp=2, append=append, extra=[*devices, *extra])
    at = command.index("-nographic")
    with Monitor() as monitor:
        command[at:at + 1] = ["-display", "none", "-serial", "stdio", *monitor.options]
        with guest.Guest(command) as shell, machine.reporting(shell):
            monitor.accept(shell.process)
            shell.boot()
            shell.run("/sbin/modprobe gpu && /sbin/modprobe input")
            yield shell, monitor


def typed_check(shell, monitor):
    """What is typed on the keyboard is what a program reads from the console, once."""
    shell.run("(head -n 1 </dev/tty1 >/tmp/typed; echo read >/tmp/read) & sleep 1")
    for key in ("h", "shift-e", "l", "l", "o", "1", "minus", "ret"):
        guest.expect_equal(f"what sendkey {key} said", monitor.run(f"sendkey {key} 30"), "")
    shell.run("for i in $(seq 100); do test -e /tmp/read && break; usleep 100000; done")
    guest.expect_equal("what was typed", shell.run("cat /tmp/typed"), "hEllo1-")


def console_check(shell, monitor, size):
    """What a program writes to the kernel's console is on the screen, and nothing else."""
    text = "abba 2718281828 ABBA .,;: baab"
    shell.run("printf '\\033[2J\\033[H\\033[?25l' >/dev/tty1")
    shell.run(f"printf '\\n{text}' >/dev/tty1")
    first = cell_of(monitor.picture(), 0, 0)
    picture = picture_until(monitor, lambda seen: cell_of(seen, 0, 1) != first, "a text")
    guest.expect_equal("the picture's size", picture[:2], size)
    text_check(picture, text, 1)
    if any(cell_of(picture, 0, 0)) or any(cell_of(picture, len(text), 1)):
        raise machine.Failure("the screen around the text is not black")


def screen(emulator):
    """virtio-gpu: text of the kernel's console on the screen, keys typed, another size asked."""
    with screen_guest(emulator, append="console=tty0 console=ttyS0") as (shell, monitor):
        console_check(shell, monitor, (1024, 768))
        typed_check(shell, monitor)
        guest.expect_equal("what screen_resize said", monitor.run("screen_resize 1600x900"), "")
        # The preferred timing of the EDID: its active pixels and lines, low bytes and high bits.
        shell.run("sleep 1")
        edid = shell.run("base64 /sys/class/drm/card0-Virtual-1/edid")
        timing = base64.b64decode(edid)[54:]
        size = (timing[2] | timing[4] >> 4 << 8, timing[5] | timing[7] >> 4 << 8)
        guest.expect_equal("the size in the EDID", size, (1600, 900))
        shell.poweroff()


def efi_screen(emulator):
    """ramfb: EDK2 draws on it, and Debian's kernel, started by it, goes on with efifb."""
    with tempfile.TemporaryDirectory(prefix="tinamou-") as folder:
        variables = os.path.join(folder, "vars.fd")
        shutil.copyfile(machine.guest_script("packages", "efi-vars"), variables)
        code = machine.guest_script("packages", "efi-code")
        flash = ["-drive", f"if=pflash,format=raw,unit=0,readonly=on,file={code}",
                 "-drive", f"if=pflash,format=raw,unit=1,file={variables}"]
        with screen_guest(emulator, append="console=tty0 console=ttyS0", extra=flash,
                          devices=["-device", "ramfb"]) as (shell, monitor):
            guest.expect_equal("the frame buffer", shell.run("cat /sys/class/graphics/fb0/name"),
                               "EFI VGA")
            console_check(shell, monitor, (800, 600))
            shell.poweroff()


def modes_check(shell, monitor):
    """modetest sets modes, the one that was asked for among them, and the screen shows them."""
    guest.expect_equal("what screen_resize said", monitor.run("screen_resize 1600x900"), "")
    shell.run("sleep 1; chroot /mnt modetest -M virtio_gpu -c | grep '1600x900.*preferred'")
    connector = shell.run("chroot /mnt modetest -M virtio_gpu -c | "
                          "awk '$3 == \"connected\" {print $1}'")
    for width, height in ((1600, 900), (1920, 1080), (800, 600)):
        shell.run(f"(sleep 1000 | chroot /mnt modetest -M virtio_gpu "
                  f"-s {connector}:{width}x{height}) >/dev/null 2>&1 & true")
        picture = picture_until(monitor, lambda seen, size=(width, height): seen[:2] == size,
                                f"the mode {width}x{height}")
        # Bars of colours: the first is light grey.
        guest.expect_equal("the first pixel", picture[2][:3], bytes([0xc0] * 3))
        shell.run("chroot /mnt pkill modetest; sleep 1")


@contextlib.contextmanager
def desktop_guest(emulator, devices=DEVICES):
    """The small guest with what draws on a screen, for chroot, in its /mnt."""
    with tempfile.TemporaryDirectory(prefix="tinamou-") as folder:
        disk = os.path.join(folder, "desktop.ext4")
        shutil.copyfile(machine.guest_script("desktop"), disk)
        extra = ["-drive", f"if=none,id=disk,format=raw,file={disk}",
                 "-device", "virtio-blk-device,drive=disk"]
        with screen_guest(emulator, devices=devices, extra=extra) as (shell, monitor):
            shell.run("mount -t ext4 /dev/vda /mnt")
            shell.run("for i in proc sys dev dev/pts run tmp; do mount --bind /$i /mnt/$i; done")
            yield shell, monitor


def desktop(emulator):
    """Debian's modetest sets modes; its Weston shows a terminal that hears keys."""
    with desktop_guest(emulator) as (shell, monitor):
        modes_check(shell, monitor)
        shell.run("(chroot /mnt /desktop >/run/desktop.log 2>&1 &) ; true")
        shell.run("until pidof weston-terminal; do sleep 1; done", 240)
        picture_until(monitor, lambda seen: seen[2].count(b"\x20\x40\x60") > 300000,
                      "Weston's background", 120)
        shell.run("sleep 3; rm -f /mnt/root/heard")
        for key in ("t", "o", "u", "c", "h", "spc", "h", "e", "a", "r", "d", "ret"):
            monitor.run(f"sendkey {key} 30")
        shell.run("until test -e /mnt/heard -o -e /mnt/root/heard; do sleep 1; done", 120)
        shell.poweroff()


def shown_until(monitor, sizes, limit=60):
    """Waits until the screens show pictures of these sizes ("dark": none)."""
    deadline = time.monotonic() + limit
    while True:
        said = monitor.run("info screens")
        found = [line.split()[2].rstrip(",") for line in said.splitlines()[1:]]
        if found == sizes:
            return
        if time.monotonic() > deadline:
            raise machine.Failure(f"the screens do not show {sizes}: {said}")
        time.sleep(0.5)


def desktop_follows(emulator):
    """X on two screens follows the size of each monitor, and one that is unplugged."""
    with desktop_guest(emulator, ["-device", "virtio-gpu-device,max_outputs=2"]) as guest_desktop:
        shell, monitor = guest_desktop
        monitor.run("screen_resize 800x600 2")
        shell.run("(chroot /mnt /x >/run/follow.log 2>&1 &) ; true")
        shown_until(monitor, ["1024x768", "800x600"], 120)
        monitor.run("screen_resize 1366x768 1")
        shown_until(monitor, ["1366x768", "800x600"])
        monitor.run("screen_resize 1000x700 2")
        shown_until(monitor, ["1366x768", "1000x700"])
        picture_until(monitor, lambda seen: seen[2].count(b"\x20\x40\x60") == 1366 * 768,
                      "the desktop's background")
        monitor.run("screen_resize off 2")
        shown_until(monitor, ["1366x768", "dark"])
        shell.poweroff()


def register(short, long):
    """Enters the cases into the tables of the suite."""
    short["screen"] = screen
    long["desktop"] = desktop
    long["desktop-follows"] = desktop_follows
    long["efi-screen"] = efi_screen
