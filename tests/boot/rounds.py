"""A whole Debian under load is saved and loaded, again and again, and notices nothing."""
import contextlib
import filecmp
import os
import pathlib
import re
import subprocess
import tempfile
import time

import debian_root
import guest
import machine
import snapshots

ROUNDS = 100
BUSY_S = 600  # what a step may take on a host that has more to do

# Each line runs for ever and counts its passes in /run; what is wrong it says in /run/wrong. They
# are made a file first, so that the shell's line is short.
LOADS = {
    # Its exit status is 3 when a stressor had not begun as its time was over: on a busy host.
    "stress": "{ stress-ng --cpu 1 --vm 1 --vm-bytes 48M --switch 1 --pipe 1 --matrix 1 "
              "--atomic 1 --timeout 3s --verify; s=$?; [ $s = 0 ] || [ $s = 3 ]; }",
    "direct": "fio --name=direct --filename=/root/direct --size=8M --rw=randwrite --bs=4k "
              "--ioengine=libaio --iodepth=16 --direct=1 --verify=crc32c --verify_fatal=1",
    "cached": "fio --name=cached --filename=/root/cached --size=8M --rw=randrw --bs=4k-64k "
              "--ioengine=psync --fsync=16 --verify=crc32c --verify_fatal=1",
}
LOAD = ("(n=0; while :; do {command} >/run/{name}.log 2>&1 || (echo {name}; tail -n 30 "
        "/run/{name}.log) >>/run/wrong; n=$((n+1)); echo $n >/run/{name}.new; "
        "mv /run/{name}.new /run/{name}.count; done) </dev/null & true")
FLOOD = "(ping -f -q 10.0.2.2 >/run/ping.log 2>&1; echo ping $? >>/run/wrong) </dev/null & true"
RECEIVED = "cat /sys/class/net/e*/statistics/rx_packets"


class Loaded(snapshots.Loaded, debian_root.Debian):
    """A Debian that goes on from where it was saved."""

    limit = 900


class Times:
    """What the steps took, for the end."""

    def __init__(self):
        self.seconds = {}

    @contextlib.contextmanager
    def step(self, name):
        """Takes the time of a block."""
        began = time.monotonic()
        yield
        self.add(name, time.monotonic() - began)

    def add(self, name, seconds):
        """A step took so long."""
        self.seconds.setdefault(name, []).append(seconds)

    def show(self):
        """One line a step: how often, the median and the longest."""
        for name, taken in self.seconds.items():
            ordered = sorted(taken)
            print(f"{name}: {len(taken)} times, {ordered[len(ordered) // 2]:.2f} s, at most "
                  f"{ordered[-1]:.2f} s", flush=True)


class Rounds:
    """A guest, the process it is in now, and how it is saved and loaded."""

    def __init__(self, emulator, folder):
        self.emulator = emulator
        self.folder = pathlib.Path(folder)
        self.image = self.folder / "disk.qcow2"
        self.times = Times()
        self.sizes = {"file": [], "image": []}  # MiB
        self.shell = None
        root = machine.guest_script("rootfs")
        subprocess.run([*emulator, "img", "create", "-q", "-f", "qcow2", "-b", root, "-F", "raw",
                        str(self.image)], check=True)

    def start(self, *extra):
        """Starts a process."""
        words = "root=/dev/vda " + debian_root.PATIENCE
        drive = f"if=none,id=disk,format=qcow2,file={self.image}"
        self.shell = Loaded(guest.linux_command(
            self.emulator, smp=2, memory="1G", append=words,
            extra=["-drive", drive, "-device", "virtio-blk-device,drive=disk", "-device",
                   "virtio-rng-device", *guest.NETWORK, *extra]))
        return self.shell

    def end(self):
        """Ends the process, whatever it does."""
        self.shell.__exit__()

    def another(self, where):
        """Ends the process as a user does, and goes on in another one."""
        snapshots.monitor(self.shell, "info status", BUSY_S)
        with self.times.step("quit"):
            self.shell.send("\x01x")
            self.shell.end(BUSY_S)
        self.end()
        with self.times.step("load in another process"):
            self.start("-loadvm", where).wake()

    def commands(self, *commands):
        """What the monitor is told, each with its time."""
        for command in commands:
            name = command.split()[0] + (" file" if "file:" in command else "")
            with self.times.step(name):
                printed = snapshots.monitor(self.shell, command, BUSY_S)
            if stood := re.search(r"stood for ([\d.]+) ms, at the end for ([\d.]+) ms", printed):
                self.times.add(f"the guest stood for {name}", float(stood.group(1)) / 1000)
                self.times.add(f"and at its end, {name}", float(stood.group(2)) / 1000)
            if sizes := re.search(r"round +([\d.]+) MiB", printed):
                self.sizes["image"].append(float(sizes.group(1)))

    def file_here(self, state):
        """Into a file and back while the guest stands; saved once more it is the same file."""
        again = str(state) + ".again"
        self.commands("stop", f"savevm file:{state}", f"loadvm file:{state}",
                      f"savevm file:{again}", "cont")
        if not filecmp.cmp(state, again, shallow=False):
            raise machine.Failure("saved, loaded and saved again it is another file")

    def file_elsewhere(self, state):
        """Into a file, and on in another process."""
        self.commands("stop", f"savevm file:{state}")
        self.another(f"file:{state}")

    def image_here(self, _):
        """Into the image; the guest works, and is taken back with its disk."""
        self.commands("savevm round", "info snapshots")
        self.shell.run("sleep 1", BUSY_S)
        self.commands("loadvm round")

    def image_elsewhere(self, _):
        """Into the image, and on in another process."""
        self.commands("savevm round")
        self.another("round")

    def one(self, number):
        """A round; its kind follows from its number."""
        state = self.folder / "state"
        kinds = [self.file_here, self.image_here, self.file_elsewhere, self.image_elsewhere]
        kind = kinds[number % len(kinds)]
        began = time.monotonic()
        before = self.work()
        kind(state)
        self.shell.wake()
        with self.times.step("the guest shows that it goes on"):
            self.wait_work(before)
        said = f"round {number + 1}, {kind.__name__}: {time.monotonic() - began:.1f} s"
        if state.exists():
            self.sizes["file"].append(os.path.getsize(state) / (1 << 20))
            said += f", {self.sizes['file'][-1]:.0f} MiB"
            os.remove(state)
        print(said, flush=True)

    def work(self):
        """Packets that came back, and passes of the loads; that nothing was wrong."""
        found = self.shell.run(f"cat /run/wrong 2>/dev/null; {RECEIVED}", BUSY_S)
        if not found.isdigit():
            raise machine.Failure(f"the guest found something wrong: {found}")
        return int(found)

    def wait_work(self, before):
        """Waits until packets come back that were not there before."""
        end = time.monotonic() + BUSY_S
        while self.work() <= before:
            if time.monotonic() > end:
                raise machine.Failure("the network stands")
            time.sleep(0.2)

    def counts(self):
        """Passes of each of the loads."""
        found = self.shell.run("cat " + " ".join(f"/run/{name}.count" for name in LOADS), BUSY_S)
        return [int(word) for word in found.split()]

    def begin(self):
        """Boots, and starts the loads."""
        self.start().boot()
        self.shell.run("dmesg -n 1; ls /sys/class/net/")
        for name, command in LOADS.items():
            self.shell.run(LOAD.format(name=name, command=command))
        self.shell.run(FLOOD)
        self.shell.run(" && ".join(f"while [ ! -e /run/{name}.count ]; do sleep 1; done"
                                   for name in LOADS), BUSY_S)

    def finish(self, first):
        """Everything has gone on, nothing was wrong, and the disk is whole."""
        last = self.counts()
        print(f"passes of {list(LOADS)}: {first}, then {last}", flush=True)
        if any(now <= then for then, now in zip(first, last)):
            raise machine.Failure(f"a load stands: {first}, then {last}")
        said = self.shell.run("dmesg --facility=kern --level=emerg,alert,crit,err", BUSY_S)
        guest.expect_equal("what the kernel complains about", said, "")
        self.shell.send("poweroff\n")
        self.shell.end(BUSY_S)
        subprocess.run([*self.emulator, "img", "check", "-q", str(self.image)], check=True)
        raw = self.folder / "disk.ext4"
        subprocess.run([*self.emulator, "img", "convert", "-O", "raw", str(self.image), str(raw)],
                       check=True)
        path = os.environ["PATH"] + ":/sbin:/usr/sbin"
        checked = subprocess.run(["e2fsck", "-f", "-n", str(raw)], stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT, check=False,
                                 env={**os.environ, "PATH": path})
        if checked.returncode:
            raise machine.Failure(f"the disk's file system is damaged: {checked.stdout.decode()}")


def debian_rounds(emulator):
    """Debian with two harts under stress-ng, fio and a ping flood is saved and loaded a hundred
    times, in files and in images, in its process and in others."""
    folder = os.path.dirname(machine.guest_script("rootfs"))
    with tempfile.TemporaryDirectory(prefix="tinamou-", dir=folder) as place:
        rounds = Rounds(emulator, place)
        try:
            rounds.begin()
            first = rounds.counts()
            for number in range(ROUNDS):
                rounds.one(number)
            rounds.finish(first)
        except machine.Failure as failure:
            raise machine.Failure(f"{failure}\nthe console's last lines:\n"
                                  f"{rounds.shell.tail()}") from None
        finally:
            rounds.end()
        rounds.times.show()
        for where, sizes in rounds.sizes.items():
            if sizes:
                print(f"states in {where}s: {min(sizes):.0f} to {max(sizes):.0f} MiB", flush=True)


def register(table):
    """Enters the case into a table of the suite."""
    table["snapshots-debian"] = debian_rounds
