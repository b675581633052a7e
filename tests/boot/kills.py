"""Cases of the boot suite that kill the emulator while its guest writes to an image."""
import pathlib
import random
import re
import subprocess
import tempfile
import time

import guest
import machine

KILLS_SHORT, KILLS_LONG = 2, 200
BLOCK, PLACES, STEP = 4096, 1000, 7
LEAKS = 3  # exit status of a check that found nothing worse
# Many clusters are allocated, overwritten and given up while the records are written; none of it
# flushed but by them.
NOISE = ("(n={start}; while :; do dd if=/dev/urandom of=/dev/vda bs=4k count=9 conv=notrunc "
         "seek=$((2000 + n * 97 % 9000)); blkdiscard -o $(((2000 + n * 61 % 9000) * 4096)) "
         "-l 65536 /dev/vda; n=$((n+1)); done) >/dev/null 2>&1 &")
RECORDS = ("n={start}; while :; do echo record $n | dd of=/dev/vda bs=4096 seek=$((n*7%1000)) "
           "conv=notrunc,fsync,sync 2>/dev/null && echo done $n.; n=$((n+1)); done")


def tool(emulator, *words, good=(0,)):
    """Runs an image tool; its exit status must be one of the good ones."""
    done = subprocess.run([*emulator, "img", *map(str, words)], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=120, check=False)
    if done.returncode not in good:
        raise machine.Failure(f"img {' '.join(map(str, words))}: exit status {done.returncode}: "
                              f"{done.stdout.decode(errors='replace')[-2000:]}")
    return done.returncode


def write_and_kill(emulator, image, kind, start):
    """Boots, lets the guest write records from `start` on, and kills the emulator in the middle;
    returns the last record of which the guest said that its flush was done."""
    drive = ["-drive", f"file={image},format={kind},if=none,id=d0,discard=unmap",
             "-device", "virtio-blk-device,drive=d0"]
    with guest.linux(emulator, extra=drive) as shell, machine.reporting(shell):
        shell.boot()
        shell.send(NOISE.format(start=start) + "\n")
        shell.prompt()
        shell.send(RECORDS.format(start=start) + "\n")
        shell.expect(r"done \d+\.", 60)
        time.sleep(random.uniform(0, 2))
        shell.process.kill()
        shell.wait(30)
        return max(int(number) for number in re.findall(rb"done (\d+)\.", bytes(shell.seen)))


def records_check(raw, acknowledged):
    """Each place shows the last record acknowledged for it, or one that was written later."""
    data = raw.read_bytes()
    last = {number * STEP % PLACES: number for number in range(1, acknowledged + 1)}
    for place, number in last.items():
        found = re.match(rb"record (\d+)\n", data[place * BLOCK:place * BLOCK + 32])
        if not found or int(found.group(1)) < number:
            shown = data[place * BLOCK:place * BLOCK + 32]
            raise machine.Failure(f"block {place} shows {shown!r}, but record {number} was "
                                  "acknowledged")


def image_make(emulator, folder, kind):
    """A new image of the kind; one that knows backing images has one."""
    image = folder / f"disk.{kind}"
    if kind == "raw":
        tool(emulator, "create", "-q", "-f", "raw", image, "64M")
        return image
    base = folder / "base.img"
    tool(emulator, "create", "-q", "-f", "raw", base, "64M")
    tool(emulator, "create", "-q", "-f", kind, "-b", base, "-F", "raw", image)
    return image


def disk_kill(emulator, kind, kills):
    """The cases below."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        image, raw = image_make(emulator, folder, kind), folder / "out.img"
        last, leaks = 0, 0
        for number in range(kills):
            last = write_and_kill(emulator, image, kind, last + 1)
            if kind != "raw":
                leaks += tool(emulator, "check", "-q", image, good=(0, LEAKS)) == LEAKS
            tool(emulator, "convert", "-f", kind, "-O", "raw", image, raw)
            records_check(raw, last)
            if (number + 1) % 20 == 0:
                print(f"{number + 1} kills, {last} records", flush=True)
        print(f"{kind}: {kills} kills, {last} records, leaks after {leaks} of them", flush=True)


def register(short, long):
    """Enters the cases into the tables of the suite."""

    def kill_short(emulator):
        """What was flushed to a qcow2 image is there after a kill, and the image is whole."""
        disk_kill(emulator, "qcow2", KILLS_SHORT)

    def kill_long(emulator):
        """The same 200 times, and 200 times with a raw image."""
        disk_kill(emulator, "qcow2", KILLS_LONG)
        disk_kill(emulator, "raw", KILLS_LONG)

    short["disk-kill"] = kill_short
    long["disk-kill-long"] = kill_long
