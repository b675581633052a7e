#!/usr/bin/env python3
"""Goal: who is killed while he writes a qcow2 image leaves it whole, with all that was flushed.

usage: kill.py [--rounds N] [--seed N] PROGRAM...

Commands go to the image tool, which is killed at a random moment; what it had answered is known
here. The image must then have nothing worse than leaks, also for QEMU's tool where there is one,
and each sector must be what it was at the last flush that was answered, or what somebody wrote
later. The same image goes through all rounds.
"""
import argparse
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time

SECTOR = 512
SECTORS = 16 << 11
BATCH = 400      # commands that a round may get done
PROMPT = b"io> "
LEAKS = 3        # what `check` says of an image that has nothing worse


class Sectors:
    """What each sector may hold: a byte that all of it is."""

    def __init__(self):
        self.durable = [0] * SECTORS
        self.later = {}

    def write(self, first, count, byte):
        """Something was asked for, whether or not it was done."""
        for sector in range(first, first + count):
            self.later.setdefault(sector, []).append(byte)

    def flushed(self, asked):
        """A flush was answered: of what was asked for before it, the last is there to stay."""
        for first, count, byte in asked:
            self.durable[first:first + count] = [byte] * count
        self.later.clear()

    def check(self, data):
        """Compares an image's contents; they are what counts from here on."""
        for sector in range(SECTORS):
            found = data[sector * SECTOR:(sector + 1) * SECTOR]
            byte = found[0]
            allowed = [self.durable[sector], *self.later.get(sector, ())]
            if found != bytes([byte]) * SECTOR or byte not in allowed:
                raise AssertionError(f"sector {sector} has {byte}, not one of {allowed}")
            self.durable[sector] = byte
        self.later.clear()


def commands_make(rng):
    """Writes of patterns and zeros at random places, and flushes among them: what is typed, and
    what it changes (None: a flush)."""
    made = []
    for _ in range(BATCH):
        if rng.random() < 0.15:
            made.append(("flush", None))
            continue
        count = rng.choice((1, 8, 17, 128, 256))
        first = rng.randrange(SECTORS - count)
        byte = rng.randrange(1, 256)
        where = f"{first * SECTOR} {count * SECTOR}"
        if rng.random() < 0.2:
            made.append((f"write -z {where}", (first, count, 0)))
        else:
            made.append((f"write -P {byte} {where}", (first, count, byte)))
    return made


def killed_run(program, image, commands, delay):
    """Runs the commands, kills the program after a while; how many it had answered."""
    with tempfile.TemporaryFile() as typed, tempfile.TemporaryFile() as said:
        typed.write("".join(text + "\n" for text, _ in commands).encode())
        typed.seek(0)
        process = subprocess.Popen([*program, "img", "io", "-f", "qcow2", image], stdin=typed,
                                   stdout=said, stderr=subprocess.DEVNULL)
        time.sleep(delay)
        process.kill()
        process.wait()
        said.seek(0)
        return max(said.read().count(PROMPT) - 1, 0)


def image_check(tool, image):
    """Nothing worse than leaks."""
    done = subprocess.run([*tool, "check", "-f", "qcow2", image], capture_output=True, check=False)
    if done.returncode not in (0, LEAKS):
        raise AssertionError(f"{tool[0]} check says {done.returncode}: "
                             f"{(done.stdout + done.stderr).decode()}")
    return done.returncode


def round_run(program, image, sectors, rng):
    """One life and death; whether something had leaked, and how many commands were done."""
    commands = commands_make(rng)
    answered = killed_run(program, image, commands, rng.uniform(0.01, 0.25))
    asked = []
    for number, (_, change) in enumerate(commands[:answered + 1]):  # the last had begun
        if change:
            sectors.write(*change)
            asked.append(change)
        elif number < answered:
            sectors.flushed(asked)
            asked = []
    leaked = image_check([*program, "img"], image)
    if shutil.which("qemu-img"):
        image_check(["qemu-img"], image)
    raw = image + ".raw"
    subprocess.run([*program, "img", "convert", "-f", "qcow2", "-O", "raw", image, raw],
                   check=True, stdout=subprocess.DEVNULL)
    sectors.check(pathlib.Path(raw).read_bytes())
    if rng.random() < 0.3:
        subprocess.run([*program, "img", "check", "-r", "leaks", image], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return leaked == LEAKS, answered


def main():
    """Runs the rounds."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("program", nargs="+")
    options = parser.parse_args()
    rng = random.Random(options.seed)
    print(f"seed {options.seed}")
    leaks = commands = 0
    with tempfile.TemporaryDirectory(prefix="tinamou-") as folder:
        image = str(pathlib.Path(folder, "disk.qcow2"))
        subprocess.run([*options.program, "img", "create", "-f", "qcow2", "-o", "cluster_size=4096",
                        image, str(SECTORS * SECTOR)], check=True, stdout=subprocess.DEVNULL)
        sectors = Sectors()
        for number in range(options.rounds):
            try:
                leaked, answered = round_run(options.program, image, sectors, rng)
            except AssertionError as wrong:
                print(f"not ok: round {number}: {wrong}")
                return 1
            leaks += leaked
            commands += answered
    print(f"ok: {options.rounds} kills, {commands} commands answered, {leaks} images with leaks")
    return 0


if __name__ == "__main__":
    sys.exit(main())
