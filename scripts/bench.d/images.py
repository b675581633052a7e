"""Has image tools copy the same disks, and takes the time and the processor time that it costs."""
import os
import pathlib
import random
import shutil
import subprocess
import time

import machine

MIB = 1 << 20
FULL, SPARSE, PACKED = 512 * MIB, 4096 * MIB, 192 * MIB
TRIES = 6
WORDS = b"Tinamous are ground-dwelling birds that fly only when they have to. " * 64

# What is copied, and how: the figure's name, the source, the arguments of `convert`.
COPIES = (
    ("to-qcow2", "full.raw", ("-f", "raw", "-O", "qcow2")),
    ("to-raw", "full.qcow2", ("-f", "qcow2", "-O", "raw")),
    ("sparse", "sparse.raw", ("-f", "raw", "-O", "qcow2")),
    ("sparse-back", "sparse.qcow2", ("-f", "qcow2", "-O", "raw")),
    ("zlib", "packed.raw", ("-c", "-f", "raw", "-O", "qcow2")),
    ("zstd", "packed.raw", ("-c", "-f", "raw", "-O", "qcow2", "-o", "compression_type=zstd")),
    ("unpack", "packed.qcow2", ("-f", "qcow2", "-O", "raw")),
)
NAMES = tuple(name + end for name, _, _ in COPIES for end in ("", "-cpu"))


def file_fill(path, size, block, step):
    """A file with the block at each multiple of `step`, and holes between."""
    with open(path, "wb") as file:
        for offset in range(0, size, step):
            file.seek(offset)
            file.write(block)
        file.truncate(size)


def packable(chance):
    """A MiB that compresses to half or so, as programs and their data do."""
    return b"".join(chance.randbytes(1500) + WORDS[:4096 - 1500] for _ in range(MIB // 4096))


def tool_find(command):
    """The image tool that comes with an emulator."""
    program = os.path.abspath(shutil.which(command[0]) or command[0])
    if pathlib.Path(program).name != "qemu-system-riscv64":
        return [program, "img"]
    beside = pathlib.Path(program).with_name("qemu-img")
    if not beside.exists():
        machine.guest_script("qemu10", "qemu-img")
    return [str(beside)]


class Images:
    """The disks that are copied, in a folder of their own; made when they are wanted."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder, "images")

    def make(self):
        """Makes them."""
        self.folder.mkdir()
        chance = random.Random(1)
        file_fill(self.folder / "full.raw", FULL, chance.randbytes(MIB), MIB)
        file_fill(self.folder / "sparse.raw", SPARSE, chance.randbytes(MIB // 8), MIB)
        file_fill(self.folder / "packed.raw", PACKED, packable(chance), MIB)
        for name, options in (("full", ()), ("sparse", ()), ("packed", ("-c",))):
            self.convert(["qemu-img"], f"{name}.raw", f"{name}.qcow2",
                         (*options, "-f", "raw", "-O", "qcow2"))

    def convert(self, tool, source, target, options):
        """Returns the seconds and the processor seconds that it took."""
        pathlib.Path(self.folder, target).unlink(missing_ok=True)
        started = time.monotonic()
        child = subprocess.Popen([*tool, "convert", *options, source, target], cwd=self.folder)
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            raise machine.Failure(f"{' '.join(tool)} cannot convert {source}")
        return time.monotonic() - started, used.ru_utime + used.ru_stime

    def copy_run(self, work, name, source, options):
        """One copy by all tools, in turn. The least time counts: who comes first pays for memory
        that the host has to find for its cache, and that is not the tool's doing."""
        spent = {emulator: [] for emulator in work.emulators}
        for _ in range(TRIES):
            for emulator, command in work.emulators.items():
                spent[emulator].append(self.convert(tool_find(command), source, "target", options))
        for emulator, tries in spent.items():
            for figure, values in zip((name, name + "-cpu"), zip(*tries)):
                work.note(figure, emulator, min(values))

    def round_run(self, work, names):
        """One round of the copies chosen."""
        if not self.folder.exists():
            self.make()
        for name, source, options in COPIES:
            if {name, name + "-cpu"} & set(names):
                self.copy_run(work, name, source, options)
