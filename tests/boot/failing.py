"""One call of the host fails, whichever it is, while a guest begins, writes, and is saved: nobody
crashes or hangs, and what the guest was told is true."""
import collections
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time

import guest
import kills
import machine

BLOCK, PLACES, STEP, LINE = 16384, 40, 7, 16
CONTS_MAX = 12      # then a failure is taken for one that stays
HANG_S = 180
DAMAGE = 2          # exit status of a check that found more than leaks
TURNS = 20          # looks of half a second between two tries to get a prompt
SHORT_RUNS = 12

# How calls fail: the name, what failing_calls.c does, how many calls in a row, and whether the
# machine stops instead of telling the guest.
Kind = collections.namedtuple("Kind", "name does count stop")
KINDS = [Kind("io", "io", 1, False), Kind("io, stop", "io", 1, True),
         Kind("no space", "space", 1, False), Kind("no space for a while", "space", 4, True),
         Kind("short", "short", 1, False), Kind("interrupted", "interrupted", 1, False)]

COMPILER = "riscv64-linux-gnu-gcc"
FLAGS = ["-O2", "-march=rv64gc", "-mabi=lp64d", "-mcmodel=medany", "-msmall-data-limit=0",
         "-ffreestanding", "-nostdlib", "-static", "-fno-pic", "-fno-pie", "-no-pie",
         "-fno-stack-protector", "-fno-tree-loop-distribute-patterns", "-Wno-main",
         "-Wl,--build-id=none,--no-relax,--no-warn-rwx-segments,-z,norelro,-z,max-page-size=64"]
LIBRARY = ["start.S", "lib.c", "machine.c", "tree.c", "uart.c", "trap.c", "virtio.c"]


class Told:
    """What each place of the disk may hold, by what the guest and the monitor were told."""

    def __init__(self):
        self.now = {place: {0} for place in range(PLACES)}
        self.saved = None

    def note(self, text, first, last):
        """Takes what a job of these records has printed."""
        said = dict((int(number), word) for word, number in
                    re.findall(r"(done|failed) (\d+)\.", text))
        if lost := re.findall(r"lost (\d+)\.", text):
            raise machine.Failure(f"records {lost} were written, and read back otherwise")
        for number in range(first, last + 1):
            place = number * STEP % PLACES
            if said.get(number) == "done":
                self.now[place] = {number}
            else:
                self.now[place].add(number)

    def keep(self):
        """The machine is saved."""
        self.saved = {place: set(numbers) for place, numbers in self.now.items()}

    def back(self, sure):
        """The machine went back; or, if that is not sure, perhaps only its disk."""
        for place, numbers in (self.saved or {}).items():
            self.now[place] = set(numbers) if sure else self.now[place] | numbers

    def check(self, data, allowed):
        """Every sector shows one of the records that its place may have."""
        for place, numbers in allowed.items():
            for at in range(place * BLOCK, (place + 1) * BLOCK, 512):
                found = data[at:at + 512]
                if not any(found == record(number) for number in numbers):
                    raise machine.Failure(f"sector {at // 512} shows {found[:LINE]!r}, but of "
                                          f"place {place} {sorted(numbers)} is known")


def record(number):
    """A sector of a record; the first ones are in the backing image."""
    return b"record=%08d\n" % number * (512 // LINE)


def built(command):
    """Runs a compiler."""
    try:
        done = subprocess.run(list(map(str, command)), stderr=subprocess.PIPE, check=False)
    except FileNotFoundError:
        raise machine.Unavailable(f"{command[0]} is not installed") from None
    if done.returncode:
        raise machine.Failure(f"{command[0]}: {done.stderr.decode()}")


class Scene:
    """The images, the guest, and the library that makes calls fail."""

    def __init__(self, emulator, folder):
        self.emulator, self.folder = list(map(str, emulator)), pathlib.Path(folder)
        self.library, self.writer = self.folder / "failing_calls.so", self.folder / "writer.elf"
        self.made, self.files = self.folder / "made", self.folder / "files"
        self.report = self.folder / "report"
        self.made.mkdir()
        here, demo = pathlib.Path(__file__).parent, guest.TOP / "demo"
        built(["cc", "-O1", "-shared", "-fPIC", "-o", self.library, here / "failing_calls.c",
               "-ldl"])
        built([COMPILER, *FLAGS, f"-I{guest.TOP}", "-s", "-T", demo / "demo.ld", "-o", self.writer,
               *(demo / name for name in LIBRARY), here / "writer.c"])
        data = record(0) * (PLACES * BLOCK // 512)
        (self.made / "base.img").write_bytes(data + bytes((4 << 20) - len(data)))
        kills.tool(emulator, "create", "-q", "-f", "qcow2", "-b", "base.img", "-F", "raw", "-o",
                   "cluster_size=4k", self.made / "disk.qcow2")

    def command(self, stop=False):
        """The emulator with the disk in the folder that is watched."""
        action = ",werror=stop,rerror=stop" if stop else ""
        drive = f"file={self.files}/disk.qcow2,format=qcow2,if=none,id=d0,discard=unmap{action}"
        return [*self.emulator, "-M", "virt", "-m", "16M", "-nographic", "-bios", "none",
                "-kernel", str(self.writer), "-drive", drive, "-device",
                "virtio-blk-device,drive=d0"]

    def clean(self):
        """Puts the images there as they were made: same contents, same times."""
        shutil.rmtree(self.files, ignore_errors=True)
        shutil.copytree(self.made, self.files)

    def failing(self, kind, number, uring):
        """Words in front of a command, so that its call of that number fails."""
        self.report.write_bytes(bytes(128))
        return ["env", f"LD_PRELOAD={self.library}", "ASAN_OPTIONS=verify_asan_link_order=0",
                f"FAILING_FOLDER={self.files}/",
                f"FAILING_REPORT={self.report}", f"FAILING_KIND={kind.does}",
                f"FAILING_CALL={number}", f"FAILING_COUNT={kind.count}",
                f"FAILING_URING={'yes' if uring else 'no'}"]

    def reported(self):
        """How many calls there were, and which failed."""
        data = self.report.read_bytes()
        return int.from_bytes(data[:8], "little"), data[8:].split(b"\0")[0].decode()


class Ended(Exception):
    """The emulator has ended, or was told to, before all was done."""


class Run:
    """One life of the emulator."""

    def __init__(self, scene, kind, shell):
        self.scene, self.kind, self.shell = scene, kind, shell
        self.told = Told()
        self.conts = self.answered = 0
        self.over = False

    def stops(self):
        """Whether the machine has stopped for an error that nobody has answered yet."""
        return sum("the machine is stopped" in line for line in self.shell.said) > self.answered

    def wait(self, pattern, typed=""):
        """Waits for what the guest prints, and has it go on when an error stopped it. What is to be
        typed for it is typed again now and then."""
        began = time.monotonic()
        turn = 0
        while True:
            try:
                if typed and turn % TURNS == 0:
                    self.shell.send(typed)
                turn += 1
                return self.shell.expect(pattern, 0.5)
            except machine.Failure as failure:
                if self.shell.ended or self.shell.process.poll() is not None:
                    raise Ended() from None
                if time.monotonic() > began + HANG_S:
                    raise machine.Failure(f"hang: {failure}") from None
            if self.stops():
                self.answered += 1
                self.conts += 1
                if self.conts > CONTS_MAX:
                    raise Ended()
                self.command("cont")

    def command(self, text):
        """Gives the monitor a command; returns what it printed."""
        self.shell.send("\x01c")
        self.wait(r"\(tinamou\) ")
        self.shell.send(text + "\n")
        self.wait(re.escape(text.split()[-1][-12:]))
        start = self.shell.position
        match = self.wait(r"\(tinamou\) ")
        self.shell.send("\x01c")
        return self.shell.seen[start:match.start()].decode(errors="replace")

    def job(self, first, last):
        """Has the guest write records, and takes note of what it says."""
        start = self.shell.position
        try:
            self.shell.send(f"job {first} {last}\n")
            self.wait(r"job over\.\r?\n")
            self.wait(self.shell.shell)
        finally:
            text = self.shell.seen[start:].decode(errors="replace")
            self.told.note(text, first, last)

    def work(self):
        """Writes, saves the machine in the image and in a file, writes more, goes back."""
        state = self.scene.files / "state"
        self.wait_prompt()
        self.job(1, 3)
        self.told.keep()
        self.command("savevm one")
        self.job(4, 5)
        saved = "Error" not in self.command(f"savevm file:{state}")
        if saved and not state.exists():
            raise machine.Failure("savevm says nothing, and there is no file")
        went = self.command("loadvm one")
        self.told.back("Error" not in went)
        self.wait_prompt()
        self.job(6, 7)
        self.over = True
        self.shell.send("poweroff\n")
        self.wait("$nothing follows an end")

    def outcome(self):
        """Who was told of the failure."""
        if self.conts:
            return "the machine stopped" + ("" if self.over else " for good")
        if self.shell.process.returncode == 1:
            return "ended with a message"
        if any("may be lost" in line for line in self.shell.said):
            return "said at the end"
        if b"Error:" in self.shell.seen:
            return "the monitor said so"
        return "the guest was told" if b"failed" in self.shell.seen else "all went well"

    def wait_prompt(self):
        """Gets a prompt. What is typed before a state is loaded does not reach it."""
        self.wait(self.shell.shell, "\n")

    def finish(self):
        """Ends the emulator if it still runs; a crash is a failure."""
        if self.shell.process.poll() is None and not self.shell.ended:
            self.shell.send("\x01x")
        status = self.shell.wait(HANG_S)
        if status not in (0, 1):
            raise machine.Failure(f"exit status {status}")
        if status == 1 and not self.shell.said:
            raise machine.Failure("exit status 1 and no word why")


def image_mend(emulator, image):
    """Nothing is worse than leaks, or the image is marked as one that the next writer mends."""
    if kills.tool(emulator, "check", "-q", image, good=(0, DAMAGE, kills.LEAKS)) != DAMAGE:
        return
    told = subprocess.run([*emulator, "img", "info", "--output=json", str(image)], check=True,
                          stdout=subprocess.PIPE).stdout
    if not json.loads(told)["dirty-flag"]:
        raise machine.Failure("the image is damaged, and not marked")
    kills.tool(emulator, "check", "-q", "-r", "all", image)
    kills.tool(emulator, "check", "-q", image)


def image_check(scene, told):
    """The image is whole; the disk shows what was told, and so does its snapshot."""
    image, raw = scene.files / "disk.qcow2", scene.folder / "out.img"
    image_mend(scene.emulator, image)
    kills.tool(scene.emulator, "convert", "-O", "raw", image, raw)
    told.check(raw.read_bytes(), told.now)
    listed = subprocess.run([*scene.emulator, "img", "snapshot", "-l", str(image)], check=True,
                            stdout=subprocess.PIPE, text=True).stdout
    if " one " in listed:
        kills.tool(scene.emulator, "convert", "-l", "one", "-O", "raw", image, raw)
        told.check(raw.read_bytes(), told.saved)
    state = scene.files / "state"
    if state.exists():
        subprocess.run([*scene.emulator, "snap", "check", str(state)], check=True,
                       stdout=subprocess.DEVNULL)


def life(scene, kind, number, uring):
    """One run in which that call fails; how many calls there were, and what became of it."""
    scene.clean()
    command = [*scene.failing(kind, number, uring), *scene.command(stop=kind.stop)]
    with guest.Guest(command) as shell, machine.reporting(shell, notes=False):
        run = Run(scene, kind, shell)
        try:
            run.work()
        except Ended:
            pass
        run.finish()
        image_check(scene, run.told)
    return *scene.reported(), run.outcome()


def every(scene, kind, uring):
    """Fails every call in turn, until there is none of that number; tells who heard of it."""
    outcomes, number, names = collections.Counter(), 1, set()
    while True:
        try:
            calls, failed, outcome = life(scene, kind, number, uring)
        except machine.Failure as failure:
            calls, failed = scene.reported()
            raise machine.Failure(f"{kind.name}, call {number} ({failed or 'none'}) of {calls}, "
                                  f"io_uring {uring}: {failure}") from None
        if not failed:
            break
        outcomes[outcome] += 1
        names.add(failed)
        number += 1
    print(f"{kind.name}, {'io_uring' if uring else 'pool'}: {sum(outcomes.values())} runs "
          f"({', '.join(sorted(names))}): {dict(outcomes)}", flush=True)


def urings():
    """The ways of the host's to be tried: the pool, and io_uring if a kernel can make it fail."""
    found = re.match(r"(\d+)\.(\d+)", os.uname().release)
    return (False, True) if found and tuple(map(int, found.groups())) >= (6, 10) else (False,)


def register(short, long):
    """Enters the cases into the tables of the suite."""

    def calls_short(emulator):
        """A call of the host fails while a guest writes and is saved: nothing is lost unsaid."""
        with tempfile.TemporaryDirectory(prefix="tinamou-") as folder:
            scene = Scene(emulator, folder)
            calls, _, _ = life(scene, KINDS[0], 0, False)
            for turn in range(SHORT_RUNS):
                kind = KINDS[turn % len(KINDS)]
                uring = urings()[(turn + turn // len(KINDS)) % len(urings())]
                number = 1 + (turn * 2 + 1) * calls // (SHORT_RUNS * 4)  # fewer of some kinds
                _, failed, outcome = life(scene, kind, number, uring)
                print(f"{kind.name}: call {number} ({failed}): {outcome}", flush=True)

    def calls_long(emulator):
        """The same for every single call, however it may fail."""
        with tempfile.TemporaryDirectory(prefix="tinamou-") as folder:
            scene = Scene(emulator, folder)
            for uring in urings():
                for kind in KINDS:
                    every(scene, kind, uring)

    short["host-calls"] = calls_short
    long["host-calls-long"] = calls_long
