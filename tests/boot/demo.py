"""The built-in guest: its result as a program reads it, its shell, and the same on a peer."""
import json
import shutil
import subprocess

import guest
import machine

IMAGE = guest.TOP / "demo" / "demo.elf"
TICKS = ["integer", "atomics", "float", "paging", "timer", "ipi", "plic", "rtc", "rng", "block",
         "net", "display", "input"]
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
            if min(told["mips"]) <= 0:
                raise machine.Failure(f"a hart did nothing: {told['mips']}")


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
        said = guest.refused(emulator, ["demo", *options], guest.TOP)
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
    guest.expect_equal("the self-tests", states, dict.fromkeys(TICKS, "ok"))
    guest.expect_equal("the exit status", done.returncode, 0)


def register(table):
    """Enters the cases."""
    table.update({"demo": headless, "demo-fails": failing, "demo-shell": shell,
                  "demo-peer": peer})
