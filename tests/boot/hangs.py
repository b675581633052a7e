"""A disk whose requests do not end: what is asked of the machine meanwhile ends, or says why not,
and costs no processor time."""
import contextlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import guest
import machine
import snapshots

LIMIT_S = 120
LOOK_S = 3
BUSY_PART = 0.2  # of the time that is waited: more of it is a spin


class Monitor:
    """Another monitor than the console's."""

    def __init__(self, path):
        self.peer = socket.socket(socket.AF_UNIX)
        self.peer.settimeout(LIMIT_S)
        self.peer.connect(str(path))
        self.answer()

    def answer(self):
        """What comes up to the next prompt."""
        seen = b""
        while not seen.endswith(b"(tinamou) \x1b[K"):
            more = self.peer.recv(4096)
            if not more:
                break
            seen += more
        return seen.decode(errors="replace")

    def say(self, command):
        """Gives a command; returns what is answered."""
        self.peer.sendall(command.encode() + b"\n")
        return self.answer()


@contextlib.contextmanager
def served(emulator, folder):
    """An image behind a server that can be stopped: the server, and the disk's name."""
    if not shutil.which("nbdkit") or not os.path.exists("/proc/self/stat"):
        raise machine.Unavailable("it takes nbdkit, and Linux' /proc")
    image, path = folder / "disk.img", folder / "nbd"
    subprocess.run([*emulator, "img", "create", "-q", "-f", "raw", str(image), "64M"], check=True)
    server = subprocess.Popen(["nbdkit", "-f", "-U", str(path), "file", str(image)])
    try:
        while not path.exists():
            if server.poll() is not None:
                raise machine.Failure("nbdkit ended")
            time.sleep(0.05)
        yield server, f"nbd+unix:///?socket={path}"
    finally:
        server.kill()
        server.wait()


def processor_time(process):
    """Seconds of processor time that a process has used."""
    fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def said_wait(shell, words):
    """Waits until the emulator has said something, on its standard error."""
    end = time.monotonic() + LIMIT_S
    while not any(words in line for line in shell.said):
        if time.monotonic() > end or shell.process.poll() is not None:
            raise machine.Failure(f"it does not say {words!r}, but {shell.said}")
        time.sleep(0.1)


def waits_quietly(shell, command):
    """The console's monitor waits with a command; nobody spins, and the watchdog says for what."""
    shell.said.clear()
    shell.send("\x01c")
    shell.expect(r"\(tinamou\) ", LIMIT_S)
    shell.send(command + "\n")
    said_wait(shell, "the disks' requests to end")
    said_wait(shell, "waits for the other side: nbd+unix:")
    before = processor_time(shell.process)
    time.sleep(LOOK_S)
    used = processor_time(shell.process) - before
    if used > LOOK_S * BUSY_PART:
        raise machine.Failure(f"'{command}' waits, but uses {used:.2f} of {LOOK_S} s")


def given_up(shell, other, command):
    """A command that waits is given up from another monitor, which refuses the rest meanwhile."""
    waits_quietly(shell, command)
    for refused in ("cont", "savevm file:other", command):
        if "savevm_cancel" not in (answer := other.say(refused)):
            raise machine.Failure(f"'{refused}' during '{command}': {answer!r}")
    other.say("savevm_cancel")
    shell.expect("given up", LIMIT_S)
    shell.expect(r"\(tinamou\) ", LIMIT_S)
    shell.send("\x01c")
    if "running" not in (answer := other.say("info status")):
        raise machine.Failure(f"after '{command}' the machine is {answer!r}")


def disk_hangs(emulator):
    """A disk that does not answer: saving, loading and ending say so, and can be given up."""
    with tempfile.TemporaryDirectory(prefix="tinamou-") as name, \
            served(emulator, pathlib.Path(name)) as (server, disk):
        folder = pathlib.Path(name)
        extra = ["-drive", f"file={disk},format=raw,if=none,id=d0", "-device",
                 "virtio-blk-device,drive=d0", "-chardev",
                 f"socket,id=other,path={folder}/other,server=on,wait=off", "-mon",
                 "chardev=other,mode=readline", "-serial", "mon:stdio"]
        with guest.linux(emulator, memory="256M", extra=extra) as shell:
            with machine.reporting(shell, notes=False):
                shell.boot()
                other = Monitor(folder / "other")
                snapshots.monitor(shell, "stop")
                snapshots.monitor(shell, f"savevm file:{folder}/state")
                snapshots.monitor(shell, "cont")
                server.send_signal(signal.SIGSTOP)
                shell.run("(dd if=/dev/urandom of=/dev/vda bs=4k count=4 conv=fsync; "
                          "echo wrote $?) >/tmp/told 2>&1 & sleep 1")
                given_up(shell, other, f"savevm file:{folder}/again")
                given_up(shell, other, f"loadvm file:{folder}/state")
                server.send_signal(signal.SIGCONT)
                shell.run("while ! grep wrote /tmp/told; do sleep 1; done; "
                          "grep 'wrote 0' /tmp/told", LIMIT_S)
                server.send_signal(signal.SIGSTOP)
                shell.run("(dd if=/dev/zero of=/dev/vda bs=4k count=4 conv=fsync) 2>/dev/null & "
                          "sleep 1")
                shell.said.clear()
                shell.send("\x01x")
                said_wait(shell, "waits for the other side: nbd+unix:")
                server.send_signal(signal.SIGCONT)
                shell.end(LIMIT_S)
