"""The built-in guest: its result as a program reads it, its shell, and the same on a peer."""
import json
import pathlib
import re
import shutil
import subprocess
import tempfile
import time

import guest
import machine

IMAGE = guest.TOP / "demo" / "demo.elf"
TICKS = ["integer", "atomics", "float", "paging", "timer", "ipi", "plic", "rtc", "rng", "block",
         "net", "display", "input", "sound"]
PEER = "qemu-system-riscv64"
LIMIT_S = 120


def result(emulator, *options):
    """Runs `demo --headless --json` and returns its one line of JSON and its exit status."""
    done = subprocess.run([*emulator, "demo", "--headless", "--json", *options], timeout=LIMIT_S,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False)
    lines = done.stdout.decode().splitlines()
    guest.expect_equal("the number of lines", len(lines), 1)
    return json.loads(lines[0]), done.returncode


def headless(emulator):
    """`demo --headless --json`: every self-test holds, on both engines, with 1 and 4 harts."""
    for engine in ("jit", "interp"):
        for smp in (1, 4):
            told, status = result(emulator, "-accel", engine, "-smp", str(smp))
            states = {name: tick["state"] for name, tick in told["ticks"].items()}
            guest.expect_equal(f"{engine}, {smp} harts: {told}", states,
                               dict.fromkeys(TICKS, "ok"))
            guest.expect_equal("ok and the exit status", (told["ok"], status), (True, 0))
            guest.expect_equal("the number of speeds", len(told["mips"]), smp)
            print(f"{engine}, {smp} harts: first frame after {told['first_frame_ms']} ms, "
                  f"{told['mips']} MIPS", flush=True)
            if max(told["mips"]) <= 0:  # on a busy host a hart may get no turn before the end
                raise machine.Failure(f"no hart drew: {told['mips']}")


def failing(emulator):
    """`demo`: it never runs for ever, takes other options, and refuses what would be ignored."""
    told, status = result(emulator, "-no-reboot", "-netdev", "user,id=net,restrict=on", "-device",
                          "virtio-net-device,netdev=net", "-smp", "1")
    guest.expect_equal(f"with a second network: {told}", (told["ok"], status), (True, 0))
    told, status = result(emulator, "--timeout", "1", "-S")
    guest.expect_equal(f"paused: {told}", (told["ok"], status), (False, 1))
    if "in time" not in told["problem"]:
        raise machine.Failure(f"it does not say that time was up: {told}")
    for options, words in ((["--json"], "--headless"), (["--timeout", "0"], "1 to 86400"),
                           (["--headless", "--timeout"], "how many seconds"),
                           (["--headless", "-serial", "stdio"], "-serial"),
                           (["--headless", "-kernel", "x"], "tinamou run"),
                           (["--headles"], "unknown option")):
        said = guest.refused(emulator, ["demo", *options], ".")
        if words not in said:
            raise machine.Failure(f"demo {options} does not say '{words}': {said}")


def shell(emulator):
    """The guest's shell on the serial port: help, info, tests, mandel, reboot, poweroff."""
    command = [*emulator, "-M", "virt", "-smp", "2", "-nographic", "-bios", "none", "-kernel",
               str(IMAGE), *guest.NETWORK]
    prompt = "demo> "
    with guest.Guest(command) as typed, machine.reporting(typed):
        typed.expect(prompt, LIMIT_S)
        for line, answer in (("help", "poweroff"), ("info", "memory 128 MiB"), ("x", "no command"),
                             ("tests", r"tick net +ok"), ("mandel", r"hart 1 \d+ MIPS")):
            typed.send(line + "\r")
            typed.expect(answer, LIMIT_S)
            typed.expect(prompt, LIMIT_S)
        typed.send("reboot\r")
        typed.expect(r"end ok\r?\n", LIMIT_S)
        typed.expect(prompt, LIMIT_S)
        typed.send("poweroff\r")
        typed.end(30)


class Screen(guest.Guest):
    """The demo with its monitor on the terminal; what its display shows is read from files."""

    def __init__(self, emulator, folder, *options):
        super().__init__([*emulator, "demo", "-display", "none", "-serial", "mon:stdio", *options])
        self.file = pathlib.Path(folder) / "screen.ppm"

    def ask(self, line):
        """Types a command at the monitor's prompt."""
        self.send(line + "\r")
        self.expect(re.escape(line) + r".*\n", 30)
        self.expect(r"\(tinamou\) ", 30)

    def picture(self):
        """What the display shows: width, height, and bytes of red, green and blue."""
        self.ask(f"screendump {self.file} -f ppm")
        header, data = re.fullmatch(rb"(P6\s+\d+\s+\d+\s+255\s)(.*)", self.file.read_bytes(),
                                    re.DOTALL).groups()
        width, height = map(int, header.split()[1:3])
        guest.expect_equal("the length of a picture", len(data), 3 * width * height)
        return width, height, data

    def shows(self, colour, least, what):
        """Waits until at least so many pixels have that colour."""
        limit = time.monotonic() + LIMIT_S
        while True:
            _, _, data = self.picture()
            count = sum(data[at:at + 3] == colour for at in range(0, len(data), 3))
            if count >= least:
                return
            if time.monotonic() > limit:
                raise machine.Failure(f"{what}: {count} pixels of {colour.hex()}, not {least}")


def screen(emulator):
    """The display: marks for what holds, bars for harts; a key and the pointer show."""
    green, held, pressed = (bytes.fromhex(name) for name in ("7fc97f", "5cc8b4", "e9b44c"))
    with tempfile.TemporaryDirectory(prefix="tinamou-") as folder:
        with Screen(emulator, folder) as shown, machine.reporting(shown):
            shown.expect("demo> ", LIMIT_S)
            shown.send("\x01c\r")
            shown.expect(r"\(tinamou\) ", 30)
            guest.expect_equal("the display's size", shown.picture()[:2], (1024, 768))
            shown.shows(green, 120 * len(TICKS), "marks of self-tests")
            shown.shows(held, 300, "the bar of the first hart")
            shown.ask("mouse_position 16000 16000")
            shown.ask("mouse_button 1")
            shown.shows(pressed, 120, "the pointer with its button down")
            shown.ask("quit")
            shown.end(30)


def peer(_):
    """The same image on the peer: the same self-tests hold, on the devices that it has."""
    if not shutil.which(PEER):
        raise machine.Unavailable(f"there is no {PEER} here")
    command = [PEER, "-M", "virt", "-smp", "2", "-m", "256M", "-nographic", "-bios", "none",
               "-kernel", str(IMAGE), "-append", "once", "-global",
               "virtio-mmio.force-legacy=false", "-device", "virtio-rng-device", *guest.NETWORK,
               "-drive", "if=none,id=disk,file.driver=null-co,file.size=1M,format=raw",
               "-device", "virtio-blk-device,drive=disk,serial=other",
               "-device", "virtio-gpu-device", "-device", "virtio-keyboard-device", "-device",
               "virtio-tablet-device"]
    done = subprocess.run(command, timeout=LIMIT_S, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, check=False)
    lines = [line.split() for line in done.stdout.decode().splitlines()]
    states = {words[1]: words[2] for words in lines if words[:1] == ["tick"]}
    wanted = dict.fromkeys(TICKS, "ok") | {"sound": "none"}  # it came to the peer later
    guest.expect_equal("the self-tests", states, wanted)
    guest.expect_equal("the exit status", done.returncode, 0)


def register(table):
    """Enters the cases."""
    table.update({"demo": headless, "demo-fails": failing, "demo-shell": shell,
                  "demo-screen": screen, "demo-peer": peer})
