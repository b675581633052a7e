"""What the boot tests share: how a guest is started, and what a user does at its shell."""
import pathlib
import re
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "scripts" / "guests"))

import machine  # noqa: E402  (the folder above must be known first)

PROMPT = r"tinamou:\S*# "
NETWORK = ["-netdev", "user,id=net", "-device", "virtio-net-device,netdev=net"]


def bios_path(name):
    """The -bios value for a name: a version of OpenSBI, or a word that the emulator knows."""
    if re.fullmatch(r"[0-9.]+", name):
        return machine.guest_script("packages", "opensbi-" + name)
    return name


def linux_command(emulator, bios="1.6", smp=1, memory="512M", append="", extra=()):
    """The command line that boots the small Debian guest to its shell."""
    return [*emulator, "-M", "virt", "-smp", smp, "-m", memory, "-nographic",
            "-bios", bios_path(bios), "-kernel", machine.guest_script("packages", "kernel"),
            "-initrd", machine.guest_script("initramfs"),
            "-append", f"console=ttyS0 panic=-1 {append}".strip(), *extra]


class Guest(machine.Machine):
    """A small Debian guest with its shell; names of what it does are in the order of a boot."""

    limit = 180
    shell = PROMPT

    def boot(self):
        """Waits for the shell; keeps it from breaking the lines that are typed, and the kernel
        from writing between those that are read (on a busy host it tells of late interrupts)."""
        self.prompt()
        self.send("stty columns 1000; dmesg -n 1\n")
        self.prompt()

    def prompt(self):
        """Waits for the shell's prompt."""
        self.expect(self.shell, self.limit)

    def run(self, command, limit=None):
        """Types a command at the prompt and returns what it printed; its status must be 0."""
        limit = limit or self.limit
        self.send(command + "; echo status=$?\n")
        self.expect(re.escape("echo status=$?") + r"\r?\n", limit)
        start = self.position
        match = self.expect(r"status=(\d+)\r?\n", limit)
        printed = self.seen[start:match.start()].decode(errors="replace").replace("\r", "")
        self.prompt()
        if match.group(1) != b"0":
            raise machine.Failure(f"{command!r} failed in the guest: {printed}")
        return printed.strip()

    def poweroff(self):
        """Has the guest power off, which must end the emulator with exit status 0."""
        self.send("poweroff\n")
        self.end(60)


def linux(emulator, **options):
    """Starts the small Debian guest; a context manager."""
    return Guest(linux_command(emulator, **options))


def refused(emulator, arguments, folder, limit=60):
    """Runs an emulator that must refuse its command line; returns what it said."""
    done = subprocess.run([*emulator, *map(str, arguments)], stdin=subprocess.DEVNULL, cwd=folder,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=limit,
                          check=False)
    said = done.stderr.decode(errors="replace").replace("\r", "").strip()
    if done.returncode != 1:
        raise machine.Failure(f"exit status {done.returncode} instead of 1; it said: {said}")
    if done.stdout:
        raise machine.Failure(f"it printed on its standard output: {done.stdout[:300]!r}")
    return said


def expect_equal(what, found, wanted):
    """Raises Failure when what was found is not what is wanted."""
    if found != wanted:
        raise machine.Failure(f"{what} is {found!r} instead of {wanted!r}")
