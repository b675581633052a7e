"""Saved machines: a guest at work is saved and goes on in another process as if nothing was."""
import contextlib
import os
import pathlib
import resource
import socket
import subprocess
import tempfile
import time

import devices
import guest
import machine

ROUNDS_SHORT, ROUNDS_LONG = 1, 100
# Two harts count, hash and compare, each telling its last round; one of them waits now and then.
WORK = ("for n in 1 2; do (i=0; want=; while :; do i=$((i+1)); "
        "got=$(seq 1 2000 | md5sum); [ -z \"$want\" ] || [ \"$got\" = \"$want\" ] || "
        "echo mismatch $n >> /tmp/wrong; want=$got; echo $i > /tmp/next$n; "
        "mv /tmp/next$n /tmp/round$n; "
        "[ $n = 1 ] || sleep 0.01; done) & done")


class Loaded(guest.Guest):
    """A guest that goes on from a file, at a shell that waits for a line."""

    def wake(self):
        """Gets the prompt that was printed before it was saved. What is typed before it is loaded
        waits for the machine that is loaded."""
        self.send("\n")
        self.prompt()


@contextlib.contextmanager
def folder():
    """A folder for files of a test, with a short path that both hosts understand."""
    with tempfile.TemporaryDirectory(prefix="tinamou-") as name:
        yield pathlib.Path(name)


def monitor(shell, command, limit=120):
    """Runs a command in the monitor and returns to the guest; it must not fail. Returns what was
    printed."""
    shell.send("\x01c")
    shell.expect(r"\(tinamou\) ", limit)
    shell.send(command + "\n")
    # What is typed comes back, then what it prints, then the next prompt.
    shell.expect(guest.re.escape(command.split()[-1][-12:]), limit)
    start = shell.position
    match = shell.expect(r"\(tinamou\) ", limit)
    printed = shell.seen[start:match.start()].decode(errors="replace")
    shell.send("\x01c")
    if "Error" in printed:  # what the guest prints comes in between
        raise machine.Failure(f"the monitor said to '{command}': {printed!r}")
    return printed


def save_without_room(shell, images, name):
    """A save that fails, since files cannot grow by so much, leaves the earlier one of its name."""
    room = max(os.stat(image).st_size for image in images) + (1 << 20)
    limits = resource.prlimit(shell.process.pid, resource.RLIMIT_FSIZE, (room, -1))
    try:
        monitor(shell, f"savevm {name}")
    except machine.Failure as failure:
        if "no space" not in str(failure):
            raise
    else:
        raise machine.Failure(f"'{name}' was saved where nothing can be written")
    finally:
        resource.prlimit(shell.process.pid, resource.RLIMIT_FSIZE, limits)


def on_windows(emulator):
    """Whether it is the program of Windows."""
    return any(word.endswith(".exe") for word in map(str, emulator))


def host_path(emulator, path):
    """A path as the emulator's host writes it."""
    return f"Z:{path}" if on_windows(emulator) else str(path)


def rounds_of(shell):
    """How far the work is, and that nothing went wrong."""
    shell.run("test ! -e /tmp/wrong")
    return [int(shell.run(f"cat /tmp/round{number}")) for number in (1, 2)]


def work_goes_on(shell):
    """Both loops do rounds, and time passes at its pace."""
    before = rounds_of(shell)
    shell.run("sleep 0.5")
    after = rounds_of(shell)
    if not all(now > then for then, now in zip(before, after)):
        raise machine.Failure(f"the work stands: {before}, then {after}")
    return after


def command_of(emulator, *extra):
    """A guest with two harts, a network and a source of randomness."""
    return guest.linux_command(emulator, smp=2, memory="256M", extra=[
        *guest.NETWORK, "-device", "virtio-rng-device", *extra])


def start_work(shell):
    """Boots, and starts what is to go on through all of it."""
    shell.boot()
    shell.run(WORK)
    shell.run("sleep 1")


def in_one_process(emulator, rounds):
    """Saves a guest at work and loads it again in the same process, again and again."""
    with folder() as place, Loaded(command_of(emulator)) as shell, machine.reporting(shell):
        start_work(shell)
        state = host_path(emulator, place / "state")
        for number in range(rounds):
            monitor(shell, f"savevm file:{state}")
            saved = work_goes_on(shell)
            monitor(shell, f"loadvm file:{state}")
            loaded = rounds_of(shell)
            if any(now > then for now, then in zip(loaded, saved)):
                raise machine.Failure(f"round {number}: {loaded} is not before {saved}")
            work_goes_on(shell)
        shell.run("ping -c 1 -W 10 10.0.2.2")
        shell.poweroff()


def in_others(emulator, rounds):
    """Each process saves the guest at work, ends, and another one goes on from the file."""
    with folder() as place:
        state = host_path(emulator, place / "state")
        with Loaded(command_of(emulator)) as shell, machine.reporting(shell):
            start_work(shell)
            done = rounds_of(shell)
            monitor(shell, f"savevm file:{state}")
        for number in range(rounds):
            began = time.monotonic()
            with Loaded(command_of(emulator, "-loadvm", f"file:{state}")) as shell:
                with machine.reporting(shell):
                    shell.wake()
                    now = work_goes_on(shell)
                    if any(after < before for before, after in zip(done, now)):
                        raise machine.Failure(f"round {number}: {now} is before {done}")
                    done = now
                    if number == rounds - 1:
                        shell.run("ping -c 1 -W 10 10.0.2.2")
                        shell.poweroff()
                    else:
                        monitor(shell, f"savevm file:{state}")
            subprocess.run([*emulator, "snap", "check", state], check=True,
                           stdout=subprocess.DEVNULL)
            print(f"round {number + 1}: {time.monotonic() - began:.1f} s, "
                  f"{os.path.getsize(place / 'state') >> 20} MiB", flush=True)


def disk_holds(shell, word):
    """The disks begin with a word, and the guest's memory agrees."""
    found = shell.run("head -c 3 /dev/vda; head -c 3 /dev/vdb; cat /tmp/word")
    guest.expect_equal("disks and memory", found, 3 * word)


def write_word(shell, word):
    """Puts a word at the beginning of both disks, and in a file that is in memory."""
    shell.run(f"echo {word} > /tmp/word; for disk in a b; do "
              "dd if=/tmp/word of=/dev/vd$disk conv=fsync 2>/dev/null; done")


def in_images(emulator, rounds):
    """Disk and memory go back together, also in another process; a check finds no fault."""
    with folder() as place:
        images = [host_path(emulator, place / f"{name}.qcow2") for name in ("one", "two")]
        for image in images:
            subprocess.run([*emulator, "img", "create", "-q", "-f", "qcow2", image, "64M"],
                           check=True)
        command = command_of(emulator, "-drive", f"file={images[0]},format=qcow2,if=virtio",
                             "-object", "iothread,id=io", "-drive",
                             f"file={images[1]},format=qcow2,if=none,id=second",
                             "-device", "virtio-blk-device,drive=second,iothread=io")
        with Loaded(command) as shell, machine.reporting(shell):
            start_work(shell)
            for word in ("one", "two"):
                write_word(shell, word)
                monitor(shell, f"savevm {word}")
            if not on_windows(emulator):
                write_word(shell, "xxx")
                save_without_room(shell, images, "one")
            for number in range(rounds):
                write_word(shell, "xxx")
                word = ("one", "two")[number % 2]
                monitor(shell, f"loadvm {word}")
                shell.wake()
                disk_holds(shell, word)
                work_goes_on(shell)
            monitor(shell, "savevm two")
            monitor(shell, "delvm one")
            shell.send("\x01x")
            shell.end(60)
        with Loaded([*command, "-loadvm", "two"]) as shell, machine.reporting(shell):
            shell.wake()
            disk_holds(shell, word)
            work_goes_on(shell)
            shell.poweroff()
        for image in images:
            subprocess.run([*emulator, "img", "check", "-q", image], check=True)
            listed = subprocess.run([*emulator, "img", "snapshot", "-l", image], check=True,
                                    stdout=subprocess.PIPE, text=True).stdout.splitlines()
            guest.expect_equal("names of snapshots", [line.split()[1] for line in listed[2:]],
                               ["two"])


class Ask:
    """The monitor on a connection of its own."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), 60)
        self.answer()

    def answer(self):
        """What it says before its next prompt."""
        said = b""
        while not said.endswith(b"(tinamou) \x1b[K"):
            part = self.socket.recv(4096)
            if not part:
                raise machine.Failure(f"the monitor has gone after {said!r}")
            said += part
        return said.decode(errors="replace")

    def __call__(self, command):
        self.send(command)
        return self.answer()

    def send(self, command):
        """Asks without waiting for the answer."""
        self.socket.sendall(command.encode() + b"\n")


def until(what, condition, limit=60):
    """Waits for something that comes soon."""
    end = time.monotonic() + limit
    while not condition():
        if time.monotonic() > end:
            raise machine.Failure(f"it did not come to this: {what}")
        time.sleep(0.02)


def while_saved(emulator):
    """The guest goes on while it is saved in an image; what would change that is refused, and a
    save that is given up leaves no trace."""
    with folder() as place:
        image = host_path(emulator, place / "disk.qcow2")
        subprocess.run([*emulator, "img", "create", "-q", "-f", "qcow2", image, "64M"], check=True)
        command = command_of(emulator, "-drive", f"file={image},format=qcow2,if=virtio,id=d0",
                             *(2 * ["-monitor", "tcp:127.0.0.1:0,server=on,wait=off"]))
        with Loaded(command) as shell, machine.reporting(shell):
            first, second = (Ask(devices.port_heard(shell)) for _ in range(2))
            start_work(shell)
            shell.run("dd if=/dev/urandom of=/tmp/much bs=1M count=90 2>/dev/null; "
                      "head -c 4194304 /tmp/much | dd of=/dev/vda conv=fsync 2>/dev/null")
            if "stood for" not in first("savevm kept"):
                raise machine.Failure("it does not say how long the machine stood")
            first.send("savevm other")
            until("it is being saved", lambda: "saving:" in second("info status"))
            for refused in ("savevm third", "loadvm kept", "delvm kept", "block_resize d0 128M"):
                said = second(refused)
                if "is being" not in said:
                    raise machine.Failure(f"'{refused}' was answered by {said!r}")
            shell.run("tail -c 4194304 /tmp/much | dd of=/dev/vda conv=fsync 2>/dev/null")
            second("savevm_cancel")
            canceled = first.answer()
            if "canceled" not in canceled and "saved in" not in canceled:
                raise machine.Failure(f"after it was canceled it said {canceled!r}")
            names = [line.split()[1] for line in second("info snapshots").splitlines()
                     if line.startswith("--")]
            guest.expect_equal("the snapshots", names,
                               ["kept"] + ["other"] * ("saved in" in canceled))
            work_goes_on(shell)
            shell.run("tail -c 4194304 /tmp/much | cmp -n 4194304 /dev/vda -")
            first("loadvm kept")
            shell.run("head -c 4194304 /tmp/much | cmp -n 4194304 /dev/vda -")
            shell.poweroff()
        subprocess.run([*emulator, "img", "check", "-q", image], check=True)


def end_and_resume(emulator):
    """-resume: Ctrl-a x saves, the next start goes on and uses the file up, a poweroff leaves none;
    a disk that was written in between is noticed, one that only had to be closed is not."""
    with folder() as place:
        state, disk, image = place / "state", place / "disk.img", place / "disk.qcow2"
        disk.write_bytes(bytes(1 << 20))
        subprocess.run([*emulator, "img", "create", "-q", "-f", "qcow2", "-o", "lazy_refcounts=on",
                        host_path(emulator, image), "64M"], check=True)
        command = command_of(emulator, "-resume", host_path(emulator, state), "-drive",
                             f"file={host_path(emulator, disk)},format=raw,if=virtio", "-drive",
                             f"file={host_path(emulator, image)},format=qcow2,if=virtio")
        with Loaded(command) as shell, machine.reporting(shell):
            start_work(shell)
            shell.run("echo kept | dd of=/dev/vda conv=fsync 2>/dev/null")
            shell.run("dd if=/dev/urandom of=/dev/vdb bs=4k count=99 oflag=direct 2>/dev/null")
            digest = shell.run("md5sum </dev/vdb")
            done = rounds_of(shell)
            shell.send("\x01x")
            shell.end(60)
        if not state.exists():
            raise machine.Failure("nothing was saved at the end")
        stamp = os.stat(disk)
        os.utime(disk, ns=(stamp.st_atime_ns, stamp.st_mtime_ns + 10**9))
        said = guest.refused([*map(str, command)], [], ".")
        if "last written" not in said:
            raise machine.Failure(f"it said: {said}")
        os.utime(disk, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
        with Loaded(command) as shell, machine.reporting(shell):
            shell.wake()
            if state.exists() or any(now < then for now, then in zip(work_goes_on(shell), done)):
                raise machine.Failure("it did not go on from the file, or left it there")
            guest.expect_equal("the disk", shell.run("head -c 5 /dev/vda"), "kept")
            guest.expect_equal("the image", shell.run("echo 3 >/proc/sys/vm/drop_caches; "
                                                      "md5sum </dev/vdb"), digest)
            shell.poweroff()
        if state.exists():
            raise machine.Failure("a machine that is off was saved")


def register(short, long):
    """Enters the cases into the tables of the suite."""
    def short_case(emulator):
        """A guest at work is saved and loaded, in its process and in others."""
        in_one_process(emulator, ROUNDS_SHORT)
        in_others(emulator, ROUNDS_SHORT)
        in_images(emulator, ROUNDS_SHORT)
        while_saved(emulator)
        end_and_resume(emulator)

    def long_case(emulator):
        """The same, a hundred times."""
        in_one_process(emulator, ROUNDS_LONG)
        in_others(emulator, ROUNDS_LONG)
        in_images(emulator, ROUNDS_LONG)

    short["snapshots"] = short_case
    long["snapshots-long"] = long_case
