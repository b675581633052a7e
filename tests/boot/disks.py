"""Cases of the boot suite about disks: full, growing, and with loops of their own."""
import pathlib
import resource
import subprocess
import tempfile
import time

import devices
import guest
import hangs
import machine

MIB = 1 << 20
LIMIT = 4 * MIB  # how long a file of the emulator's may be until somebody makes room


def disk(path, device="", layout="raw"):
    """The options of a disk that has a loop of its own."""
    return ["-object", "iothread,id=io0", "-drive", f"file={path},format={layout},if=none,id=d0",
            "-device", f"virtio-blk-device,drive=d0,iothread=io0{device}"]


def image(folder, size):
    """A sparse image."""
    path = pathlib.Path(folder) / "disk.img"
    with open(path, "wb") as file:
        file.truncate(size)
    return path


def stopped_wait(shell, times=1, limit=60):
    """Waits until the emulator has said on its standard error that it stopped, so many times;
    returns the last of these lines."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        lines = [line for line in shell.said if "the machine is stopped" in line]
        if len(lines) >= times:
            return lines[times - 1]
        time.sleep(0.1)
    raise machine.Failure(f"the machine did not stop {times} times; it said {shell.said}")


def monitor_answer(shell, command, pattern):
    """What the monitor says to a command, while the guest stands."""
    shell.send(devices.MONITOR)
    shell.expect(r"\(\w+\) ", 30)
    shell.send(command + "\n")
    shell.expect(pattern, 30)
    shell.expect(r"\(\w+\) ", 30)
    shell.send(devices.MONITOR)


def let_go_on(shell, limit):
    """Makes room, and lets the machine try again."""
    _, hard = resource.prlimit(shell.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(shell.process.pid, resource.RLIMIT_FSIZE, (limit or hard, hard))
    shell.send(devices.MONITOR)
    shell.expect(r"\(\w+\) ", 30)
    shell.send("cont\n")
    shell.expect(r"\(\w+\) ", 30)
    shell.send(devices.MONITOR)


def full_and_on(shell, path, limits):
    """Writes to a disk whose file cannot grow behind one limit after another; returns the checksum
    of what was written."""
    shell.run("seq 1500000 | head -c 8388608 >/tmp/data")
    digest = shell.run("sha256sum </tmp/data")
    _, hard = resource.prlimit(shell.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(shell.process.pid, resource.RLIMIT_FSIZE, (limits[0], hard))
    shell.send("dd if=/tmp/data of=/dev/vda bs=1M conv=fsync; echo status=$?\n")
    for times, following in enumerate([*limits[1:], None], 1):
        line = stopped_wait(shell, times)
        if "no space" not in line or str(path) not in line:
            raise machine.Failure(f"it does not say which disk is full: {line}")
        monitor_answer(shell, "info status", r"paused \(io-error\)")
        monitor_answer(shell, "info block", r"requests failed and wait")
        let_go_on(shell, following)
    shell.expect(r"status=0\r?\n", 60)
    shell.prompt()
    shell.run("echo 3 >/proc/sys/vm/drop_caches")
    return digest


def full_written(shell, digest):
    """What was written is there, and the guest has noticed nothing."""
    guest.expect_equal("what the disk has", shell.run("head -c 8388608 /dev/vda | sha256sum"),
                       digest)
    errors = shell.run("dmesg | grep -ci 'i/o error' || true")
    guest.expect_equal("I/O errors in the guest's log", errors, "0")


def disk_full(emulator):
    """A disk for which there is no room stops the machine; with room made, nothing was lost."""
    with tempfile.TemporaryDirectory() as folder:
        path = image(folder, 32 * MIB)
        with guest.linux(emulator, extra=disk(path)) as shell, machine.reporting(shell):
            shell.boot()
            digest = full_and_on(shell, path, [LIMIT])
            if path.stat().st_size != 32 * MIB:
                raise machine.Failure("the image has another length")
            full_written(shell, digest)
            shell.poweroff()
        path = pathlib.Path(folder) / "disk.qcow2"
        subprocess.run([*emulator, "img", "create", "-q", "-f", "qcow2", "-o",
                        "cluster_size=512", path, "32M"], check=True)
        # With clusters this small its tables grow all the time, and stop for want of room, too.
        extra = disk(path, layout="qcow2")
        with guest.linux(emulator, extra=extra) as shell, machine.reporting(shell):
            shell.boot()
            full_written(shell, full_and_on(shell, path, range(LIMIT // 4, 3 * LIMIT // 2,
                                                               LIMIT // 4 + 1000)))
            shell.poweroff()
        subprocess.run([*emulator, "img", "check", "-q", path], check=True)


def disk_loop(emulator):
    """A disk on a loop of its own with several queues works, grows, and survives a reboot."""
    with tempfile.TemporaryDirectory() as folder:
        path = image(folder, 32 * MIB)
        extra = disk(path, ",num-queues=2")
        with guest.linux(emulator, smp=2, extra=extra) as shell, machine.reporting(shell):
            shell.boot()
            guest.expect_equal("queues", shell.run("ls /sys/block/vda/mq | wc -l"), "2")
            shell.run("for i in 1 2 3 4; do (dd if=/dev/urandom of=/dev/vda bs=64k seek=$((i*64)) "
                      "count=32 conv=fsync,notrunc 2>/dev/null &) ; done; wait; sleep 1")
            devices.monitor(shell, ["block_resize d0 48M"])
            shell.run("for i in $(seq 50); do [ $(cat /sys/block/vda/size) = 98304 ] && break; "
                      "usleep 100000; done; [ $(cat /sys/block/vda/size) = 98304 ]")
            shell.run("echo here | dd of=/dev/vda bs=512 seek=98303 conv=fsync,notrunc")
            shell.send("reboot\n")
            shell.expect("Linux version", shell.limit)
            shell.boot()
            last = shell.run("dd if=/dev/vda bs=512 skip=98303 2>/dev/null | head -n 1")
            guest.expect_equal("the last sector", last, "here")
            shell.poweroff()
        if path.stat().st_size != 48 * MIB:
            raise machine.Failure(f"the image has {path.stat().st_size} bytes")


def register(table):
    """Enters the cases into the table of the suite."""
    table["disk-full"] = disk_full
    table["disk-hangs"] = hangs.disk_hangs
    table["disk-loop"] = disk_loop
