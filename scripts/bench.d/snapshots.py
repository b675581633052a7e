"""Saves and loads a booted guest with much of its memory in use, as an internal snapshot."""
import contextlib
import json
import pathlib
import re
import socket
import subprocess
import time

import machine
import measure

USED_MIB = 600
PROMPT = re.compile(rb"\n(\r|\x1b\[K)*\((qemu|tinamou)\) (\x1b\[K)?$")
FIRST_PROMPT = re.compile(rb"\((qemu|tinamou)\) (\x1b\[K)?$")


class Monitor:
    """An emulator's monitor on a unix socket."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(measure.SLOW)
        self.socket.connect(str(path))
        self._until(FIRST_PROMPT)

    def _until(self, pattern):
        """What it prints up to a pattern."""
        data = b""
        while not pattern.search(data):
            more = self.socket.recv(65536)
            if not more:
                raise machine.Failure("the emulator ended before its monitor answered")
            data += more
        return data.decode(errors="replace")

    def run(self, command):
        """Gives a command and waits for its end."""
        self.socket.sendall(command.encode() + b"\n")
        said = self._until(PROMPT)
        if re.search(r"\n[\r\x1b\[K]*(Error|error|.*annot)", said):
            raise machine.Failure(f"{command}: {said}")

    def close(self):
        """Hangs up."""
        self.socket.close()


class Snapshots:
    """One guest after the other is saved and loaded."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder, "snapshots")
        self.disk = self.folder / "disk.qcow2"
        self.monitor = self.folder / "monitor"

    def command(self, work, emulator):
        """A guest with an empty disk, which takes the snapshot, and a monitor."""
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", str(self.disk), "2G"],
                       check=True)
        return [*work.emulators[emulator], "-M", "virt", "-m", "1G", *work.boot_options(),
                "-display", "none", "-serial", "stdio",
                "-monitor", f"unix:{self.monitor},server=on,wait=off",
                "-drive", f"if=none,id=disk,format=qcow2,file={self.disk}",
                "-device", "virtio-blk-device,drive=disk"]

    def state_size(self):
        """What the snapshot takes in the image, in MiB."""
        said = subprocess.run(["qemu-img", "info", "-U", "--output=json", str(self.disk)],
                              check=True, capture_output=True)
        return json.loads(said.stdout)["snapshots"][0]["vm-state-size"] / 2 ** 20

    def emulator_run(self, work, emulator):
        """Boots one emulator, fills the guest's memory, saves and loads it."""
        guest = measure.Guest(self.command(work, emulator), ())
        with contextlib.ExitStack() as stack:
            stack.callback(self.monitor.unlink, missing_ok=True)
            stack.callback(guest.close)
            guest.work("fill", 0, f"={USED_MIB}")
            monitor = Monitor(self.monitor)
            stack.callback(monitor.close)
            for name in ("savevm", "loadvm"):
                started = time.monotonic()
                before = measure.cpu_seconds(guest.running.process)
                monitor.run(f"{name} bench")
                work.note(name, emulator, time.monotonic() - started)
                work.note(name + "-cpu", emulator,
                          measure.cpu_seconds(guest.running.process) - before)
            work.note("state", emulator, self.state_size())

    def round_run(self, work, _):
        """One round on each emulator."""
        self.folder.mkdir(exist_ok=True)
        for emulator in work.emulators:
            self.emulator_run(work, emulator)
