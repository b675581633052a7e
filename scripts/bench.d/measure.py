"""Boots guests, has each do the same work in turn, and takes the processor time that it cost."""
import contextlib
import os
import pathlib
import subprocess
import sys
import threading
import time

import machine
import workloads

HERE = pathlib.Path(__file__).resolve().parent
FLAGS = ["-std=gnu11", "-O2", "-Wall", "-Werror", "-static"]
IDLE_SECONDS = 8
SLOW = 600

# What each kind of guest needs besides the common options, and what must be attached.
GUESTS = {"plain": "1", "two harts": "2", "programs": "1", "storage": "1"}
DISK_SIZE = 64 << 20


def say(text):
    """One line of progress."""
    print(f"bench: {text}", file=sys.stderr, flush=True)


def program_compile(compiler, folder, flags=()):
    """Compiles the workloads into one static program in a folder; returns its path."""
    program = pathlib.Path(folder, "bench")
    program.parent.mkdir(exist_ok=True)
    sources = sorted(map(str, (HERE / "guest").glob("*.c")))
    subprocess.run([compiler, *FLAGS, *flags, "-o", str(program), *sources, "-lm", "-lpthread"],
                   check=True)
    return str(program)


def cpu_seconds(process):
    """The processor time, user and system, that a process and all its threads ever took."""
    return time.clock_gettime(~process.pid << 3 | 2)  # Linux's clock number of a process


class Flood:
    """Sends bytes without end to whoever connects to a port of the loopback interface."""

    def __init__(self):
        self.socket = machine.socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            client, _ = self.socket.accept()
            threading.Thread(target=self._send, args=(client,), daemon=True).start()

    @staticmethod
    def _send(client):
        block = bytes(1 << 16)
        with client, contextlib.suppress(OSError):
            while True:
                client.sendall(block)


class Bench:
    """A running `bench` program: the commands it reads and the lines it prints."""

    def __init__(self, command):
        self.running = machine.Machine(command)

    def close(self):
        """Ends it, whatever it is doing."""
        self.running.__exit__()

    def work(self, name, seconds, argument=""):
        """Runs a workload; returns (amount, unit, processor seconds)."""
        self.running.send(f"{seconds:g} {name}{argument}\n")
        self.running.expect(f"START {name}\r?\n", SLOW)
        before = cpu_seconds(self.running.process)
        match = self.running.expect(rf"DONE {name} (\d+) (\S+) (\d+)\r?\n", SLOW)
        taken = cpu_seconds(self.running.process) - before
        return int(match.group(1)), match.group(2).decode(), self.cost(taken, match)

    @staticmethod
    def cost(taken, _):
        """The processor seconds that a workload took: all of an emulator's."""
        return taken


class Native(Bench):
    """The same workloads on this host, where a child's time counts too."""

    @staticmethod
    def cost(taken, match):
        return int(match.group(3)) / 1e6


class Guest(Bench):
    """An emulator that booted to `bench`."""

    def __init__(self, command, names):
        started = time.monotonic()
        super().__init__(command)
        process = self.running.process
        with machine.reporting(self.running, notes=False):
            self.running.expect("Run /init as init process", SLOW)
            self.figures = {"boot": cpu_seconds(process)}
            self.running.expect("BENCH READY", SLOW)
        self.figures["boot-wall"] = time.monotonic() - started
        if "idle" in names:
            time.sleep(1)
            before = cpu_seconds(process)
            time.sleep(IDLE_SECONDS)
            self.figures["idle"] = (cpu_seconds(process) - before) / IDLE_SECONDS * 100


class Measurement:
    """All that the guests share, and the samples: {figure: {emulator: [number]}}."""

    def __init__(self, emulators, options, folder, others):
        self.emulators = emulators
        self.options = options
        self.folder = folder
        self.samples = {}
        self.units = dict(workloads.COSTS)
        self.port = Flood().port
        self.others = others
        program = program_compile("riscv64-linux-gnu-gcc", folder + "/guest", ["-march=rv64gc"])
        self.initrd = machine.guest_script("initramfs", "--add", program)
        self.native = program_compile("gcc", folder + "/host") if options.native else ""

    def boot_options(self):
        """What each guest is booted with."""
        return ["-no-reboot", "-bios", machine.guest_script("packages", "opensbi-1.6"),
                "-kernel", machine.guest_script("packages", "kernel"), "-initrd", self.initrd,
                "-append", "console=ttyS0 panic=-1 run=bench"]

    def command(self, emulator, kind):
        """The command line of a guest of some kind on one of the emulators."""
        disk = pathlib.Path(self.folder, f"{emulator}.raw")
        if kind == "programs":
            image = machine.guest_script("programs")
            subprocess.run(["cp", "--sparse=always", image, str(disk)], check=True)
        else:
            disk.write_bytes(bytes(DISK_SIZE))
        disks = ["-drive", f"if=none,id=disk,format=raw,file={disk}",
                 "-device", "virtio-blk-device,drive=disk"]
        if kind == "storage":
            disks = self.storage_disks(emulator)
        return [*self.emulators[emulator], "-M", "virt", "-smp", GUESTS[kind], "-m", "512M",
                "-nographic", *self.boot_options(), *disks,
                "-netdev", "user,id=net", "-device", "virtio-net-device,netdev=net"]

    def storage_disks(self, emulator):
        """A full disk of each format that is measured, with the format as its serial number."""
        disks = []
        forms = [form for form in workloads.STORAGE_FORMATS
                 if any(name.startswith(form + "-") for name in self.options.names)]
        full = pathlib.Path(self.folder, "full")
        full.write_bytes(b"\x5a" * DISK_SIZE)
        for form in forms:
            disk = pathlib.Path(self.folder, f"{emulator}.{form}")
            subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", form, str(full), str(disk)],
                           check=True)
            disks += ["-drive", f"if=none,id={form},format={form},file={disk}",
                      "-device", f"virtio-blk-device,drive={form},serial={form}"]
        return disks

    def note(self, name, emulator, value):
        """Keeps one sample."""
        self.samples.setdefault(name, {}).setdefault(emulator, []).append(value)

    def group_run(self, kind, names):
        """Boots all emulators, and has them do each of the workloads one after the other."""
        with contextlib.ExitStack() as stack:
            running = {}
            for name in self.emulators:
                guest = Guest(self.command(name, kind), names)
                stack.callback(guest.close)
                running[name] = guest
                for figure, value in guest.figures.items() if kind == "plain" else ():
                    self.note(figure, name, value)
            if self.native:
                running["native"] = Native([self.native])
                stack.callback(running["native"].close)
            for name in names:
                if name not in workloads.COSTS:
                    self.workload_run(name, running)

    def workload_run(self, name, running):
        """One workload on each emulator in turn."""
        group = next(group for group in workloads.GROUPS.values() if name in group.names)
        argument = f"=10.0.2.2:{self.port}" if name == "net" else ""
        work = name
        if group.guest == "storage":
            serial, work = name.split("-", 1)
            argument = f"={serial}"
        for emulator, guest in running.items():
            if emulator == "native" and not group.native:
                continue
            with machine.reporting(guest.running, notes=False):
                amount, unit, taken = guest.work(work, self.options.seconds, argument)
            self.units[name] = unit
            self.note(name, emulator, amount / max(taken, 1e-6))

    def round_run(self, names):
        """One round of everything chosen: in guests, and what `others` measure besides."""
        for kind in (*GUESTS, *self.others):
            chosen = [name for group in workloads.GROUPS.values() if group.guest == kind
                      for name in group.names if name in names]
            if chosen and kind in GUESTS:
                self.group_run(kind, chosen)
            elif chosen:
                self.others[kind].round_run(self, chosen)
