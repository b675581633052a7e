"""Cases of the boot suite about disks: full, growing, and with loops of their own."""
import pathlib
import resource
import tempfile
import time

import devices
import guest
import machine

MIB = 1 << 20
LIMIT = 4 * MIB  # how long a file of the emulator's may be until somebody makes room


def disk(path, device=""):
    """The options of a disk that has a loop of its own."""
    return ["-object", "iothread,id=io0", "-drive", f"file={path},format=raw,if=none,id=d0",
            "-device", f"virtio-blk-device,drive=d0,iothread=io0{device}"]


def image(folder, size):
    """A sparse image."""
    path = pathlib.Path(folder) / "disk.img"
    with open(path, "wb") as file:
        file.truncate(size)
    return path


def stopped_wait(shell, limit=60):
    """Waits until the emulator has said on its standard error that it stopped; returns that."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        for line in shell.said:
            if "the machine is stopped" in line:
                return line
        time.sleep(0.1)
    raise machine.Failure(f"the machine did not stop; it said {shell.said}")


def monitor_answer(shell, command, pattern):
    """What the monitor says to a command, while the guest stands."""
    shell.send(devices.MONITOR)
    shell.expect(r"\(\w+\) ", 30)
    shell.send(command + "\n")
    shell.expect(pattern, 30)
    shell.expect(r"\(\w+\) ", 30)
    shell.send(devices.MONITOR)


def disk_full(emulator):
    """A disk for which there is no room stops the machine; with room made, nothing was lost."""
    with tempfile.TemporaryDirectory() as folder:
        path = image(folder, 32 * MIB)
        with guest.linux(emulator, extra=disk(path)) as shell, machine.reporting(shell):
            shell.boot()
            shell.run("seq 1500000 | head -c 8388608 >/tmp/data")
            digest = shell.run("sha256sum </tmp/data")
            process = shell.process.pid
            _, hard = resource.prlimit(process, resource.RLIMIT_FSIZE)
            resource.prlimit(process, resource.RLIMIT_FSIZE, (LIMIT, hard))
            shell.send("dd if=/tmp/data of=/dev/vda bs=1M conv=fsync; echo status=$?\n")
            line = stopped_wait(shell)
            if "no space" not in line or str(path) not in line:
                raise machine.Failure(f"it does not say which disk is full: {line}")
            monitor_answer(shell, "info status", r"paused \(io-error\)")
            monitor_answer(shell, "info block", r"requests failed and wait")
            if path.stat().st_size != 32 * MIB:
                raise machine.Failure("the image has another length")
            resource.prlimit(process, resource.RLIMIT_FSIZE, (hard, hard))
            shell.send(devices.MONITOR)
            shell.expect(r"\(\w+\) ", 30)
            shell.send("cont\n")
            shell.expect(r"\(\w+\) ", 30)
            shell.send(devices.MONITOR)
            shell.expect(r"status=0\r?\n", 60)
            shell.prompt()
            shell.run("echo 3 >/proc/sys/vm/drop_caches")
            guest.expect_equal("what the disk has",
                               shell.run("head -c 8388608 /dev/vda | sha256sum"), digest)
            errors = shell.run("dmesg | grep -ci 'i/o error' || true")
            guest.expect_equal("I/O errors in the guest's log", errors, "0")
            shell.poweroff()


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
    table["disk-loop"] = disk_loop
