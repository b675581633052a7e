"""Twins: a guest at work is two of a sudden, and neither notices."""
import contextlib
import os
import pathlib
import re
import resource
import signal
import socket
import subprocess
import threading
import time

import guest
import machine
import rounds
import snapshots

LIMIT = 300
MEASURED_MIB = 640
FIO_FORKS = 10


class Twin(guest.Guest):
    """A twin, reached by the sockets that it told of."""

    def __init__(self, said):  # pylint: disable=super-init-not-called
        self.seen, self.position, self.ended = bytearray(), 0, False
        self.news, self.said = threading.Condition(), []
        self.process_id = int(re.search(r"process (\d+)", said)[1])
        self.monitor = re.search(r"monitor: unix:(\S+)", said)[1]
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(re.search(r"serial port: unix:(\S+)", said)[1])
        threading.Thread(target=self._read, daemon=True).start()

    def __exit__(self, *_):
        self.socket.close()
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process_id, signal.SIGKILL)

    def _read(self):
        while not self.ended:
            try:
                data = self.socket.recv(65536)
            except OSError:
                data = b""
            with self.news:
                self.seen += data
                self.ended = not data
                self.news.notify_all()

    def send(self, text):
        try:
            self.socket.sendall(text.encode())
        except OSError as error:
            raise machine.Failure(f"the twin does not read its keyboard: {error}") from error

    def wait_gone(self):
        """Until its process has ended; nobody may be there to take its status."""
        end = time.monotonic() + LIMIT
        with contextlib.suppress(FileNotFoundError):
            while ") Z " not in pathlib.Path(f"/proc/{self.process_id}/stat").read_text("utf-8"):
                if time.monotonic() > end:
                    raise machine.Failure("the twin does not end")
                time.sleep(0.05)

    def wake(self):
        """Gets a prompt."""
        self.send("\n")
        self.prompt()


class Family:
    """A machine with a monitor on a socket, in a folder of its own."""

    def __init__(self, emulator, folder):
        self.emulator, self.folder = [str(word) for word in emulator], folder
        self.monitor = folder / "monitor"
        os.environ["XDG_RUNTIME_DIR"] = str(folder)

    def command(self, *extra, memory="256M", **options):
        """A command line for it."""
        words = guest.linux_command(self.emulator, smp=2, memory=memory, **options)
        words[words.index("-nographic"):words.index("-nographic") + 1] = [
            "-display", "none", "-serial", "stdio",
            "-monitor", f"unix:{self.monitor},server=on,wait=off"]
        return [*map(str, words), *extra]

    def verb(self, *words):
        """Runs a verb of the emulator; returns its exit status and what it said."""
        done = subprocess.run([*self.emulator, *map(str, words)], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False, timeout=LIMIT)
        return done.returncode, done.stdout.decode(errors="replace")

    def fork(self, name, monitor=None):
        """Makes a twin."""
        status, said = self.verb("fork", f"unix:{monitor or self.monitor}", name)
        if status:
            raise machine.Failure(f"there is no twin: {said}")
        print(said.splitlines()[0], flush=True)
        return Twin(said)

    def ask(self, command, monitor=None):
        """What a monitor answers."""
        with socket.socket(socket.AF_UNIX) as talk:
            talk.settimeout(LIMIT)
            talk.connect(str(monitor or self.monitor))
            heard = b""
            for line in (None, command):
                if line:
                    talk.sendall(line.encode() + b"\n")
                    heard = b""
                while not heard.endswith(b"\x1b[K"):
                    data = talk.recv(65536)
                    if not data:
                        return ""
                    heard += data
        return heard.decode(errors="replace")

    def wait_alone(self):
        """Until no twin is left."""
        end = time.monotonic() + LIMIT
        while "there are no twins" not in self.ask("info forks"):
            if time.monotonic() > end:
                raise machine.Failure("a twin that has ended is still listed")
            time.sleep(0.05)

    def snapshots(self, image):
        """Names of the snapshots in an image."""
        _, listed = self.verb("img", "snapshot", "-U", "-l", image)
        return [line.split()[1] for line in listed.splitlines()[2:]]


def words_expect(shell, word):
    """The disks begin with a word, read from them, and so does a file in memory."""
    shell.run("echo 3 > /proc/sys/vm/drop_caches")
    found = shell.run("head -c 3 /dev/vda; head -c 3 /dev/vdb; head -c 3 /dev/vdc; cat /tmp/word")
    guest.expect_equal("disks and memory", found, 4 * word)


def words_write(shell, word):
    """Puts a word there."""
    shell.run(f"echo {word} > /tmp/word; for disk in a b c; do "
              "dd if=/tmp/word of=/dev/vd$disk conv=fsync 2>/dev/null; done")


def disks_of(family):
    """Two images, one of them on a loop of its own, and one whose changes are in memory."""
    images = [family.folder / f"{name}.qcow2" for name in ("one", "two")]
    raw = family.folder / "raw.img"
    for image in images:
        family.verb("img", "create", "-q", "-f", "qcow2", image, "64M")
    raw.write_bytes(bytes(16 << 20))
    return images, ["-drive", f"file={images[0]},format=qcow2,if=virtio,discard=unmap",
                    "-object", "iothread,id=io", "-drive",
                    f"file={images[1]},format=qcow2,if=none,id=second", "-device",
                    "virtio-blk-device,drive=second,iothread=io", "-drive",
                    f"file={raw},format=raw,if=virtio,snapshot=on", *guest.NETWORK]


def apart(family, shell, images):
    """A machine, its twin, and a twin of that, each with its own."""
    words_write(shell, "one")
    sum_of = "seq 1 300000 > /tmp/large; md5sum < /tmp/large"
    total = shell.run(sum_of)
    with family.fork("first") as first:
        first.wake()
        words_write(shell, "two")
        words_expect(first, "one")
        guest.expect_equal("memory", first.run("md5sum < /tmp/large"), total)
        words_write(first, "tri")
        with family.fork("second", first.monitor) as second:
            second.wake()
            words_write(first, "for")
            words_expect(second, "tri")
            for each, word in ((shell, "two"), (first, "for"), (second, "tri")):
                snapshots.work_goes_on(each)
                words_expect(each, word)
            family.ask("quit", first.monitor)  # the snapshot stays, for the second
            words_write(shell, "fiv")
            words_expect(second, "tri")
            second.run("ping -c 1 -W 10 10.0.2.2")
            name, = family.snapshots(images[0])
            said = family.ask(f"delvm {name}")
            if "stands on" not in said:
                raise machine.Failure(f"to delete a twin's snapshot it said: {said}")
    family.wait_alone()  # the last one was killed
    for image in images:
        guest.expect_equal("snapshots", family.snapshots(image), [])
    words_expect(shell, "fiv")


def without_descriptors(family, shell, images):
    """What the host has no descriptors for is an error, and the machine goes on."""
    count = len(os.listdir(f"/proc/{shell.process.pid}/fd"))
    limits = resource.prlimit(shell.process.pid, resource.RLIMIT_NOFILE)
    for more in range(2, 12, 3):
        resource.prlimit(shell.process.pid, resource.RLIMIT_NOFILE, (count + more, limits[1]))
        status, said = family.verb("fork", f"unix:{family.monitor}", "poor")
        resource.prlimit(shell.process.pid, resource.RLIMIT_NOFILE, limits)
        if status == 0:
            os.kill(int(re.search(r"process (\d+)", said)[1]), signal.SIGKILL)
            family.wait_alone()
            break
        if "Too many open files" not in said:
            raise machine.Failure(f"without descriptors it said: {said}")
        snapshots.work_goes_on(shell)
        guest.expect_equal("snapshots", family.snapshots(images[0]), [])


def refusals(family, shell):
    """Where there is no monitor there is no twin."""
    status, said = family.verb("fork", f"unix:{family.folder}/nobody")
    if status != 1 or "nobody" not in said:
        raise machine.Failure(f"without a machine it said: {said}")
    snapshots.work_goes_on(shell)


def orphan(family, shell, images, command):
    """The machine is killed: its twin goes on, and the images stay in use until it has ended."""
    words_write(shell, "six")
    with family.fork("orphan") as twin:
        twin.wake()
        words_write(shell, "nin")
        shell.process.kill()
        shell.process.wait()
        snapshots.work_goes_on(twin)
        words_expect(twin, "six")
        said = guest.refused(command, [], ".")
        if f"in use by process {twin.process_id}" not in said:
            raise machine.Failure(f"with the twin there it said: {said}")
        guest.expect_equal("snapshots", len(family.snapshots(images[0])), 1)
        family.ask("quit", twin.monitor)
        twin.wait_gone()
    for image in images:
        status, said = family.verb("img", "check", image)
        if status not in (0, 3):  # 3: nothing worse than leaks
            raise machine.Failure(f"{image} is damaged: {said}")
    words = ["null" if word == "stdio" else word for word in command]
    words[words.index("-monitor") + 1] = "stdio"
    with guest.Guest([*words, "-S"]) as again:
        again.send("quit\n")
        again.end(LIMIT)
    for image in images:
        guest.expect_equal("snapshots", family.snapshots(image), [])
        copy = family.folder / "copy"
        family.verb("img", "convert", "-O", "raw", image, copy)
        guest.expect_equal("what the machine wrote", copy.read_bytes()[:3], b"nin")


def fork_case(emulator):
    """A guest at work gets twins: memory and disks part; one ends, is killed, or is left alone."""
    with snapshots.folder() as place:
        family = Family(emulator, place)
        images, extra = disks_of(family)
        command = family.command(*extra)
        with guest.Guest(command) as shell, machine.reporting(shell):
            snapshots.start_work(shell)
            apart(family, shell, images)
            without_descriptors(family, shell, images)
            refusals(family, shell)
            orphan(family, shell, images, command)


def fork_raw(emulator):
    """A raw image that the file system cannot copy is refused; on another host, all of it."""
    with snapshots.folder() as place:
        family = Family(emulator, place)
        raw = place / "raw.img"
        raw.write_bytes(bytes(1 << 20))
        with guest.Guest(family.command("-drive", f"file={raw},format=raw,if=virtio")) as shell:
            shell.boot()
            status, said = family.verb("fork", f"unix:{family.monitor}")
            if status == 0:  # it can
                with Twin(said) as twin:
                    twin.wake()
                    twin.run("echo twin | dd of=/dev/vda conv=fsync 2>/dev/null")
                    guest.expect_equal("the image", shell.run("head -c 4 /dev/vda | od -An -tx1"),
                                       "00 00 00 00")
            elif "qcow2" not in said:
                raise machine.Failure(f"it said: {said}")
            shell.poweroff()


def fork_time(emulator):
    """How long it takes with much of a GiB in use, again and again."""
    with snapshots.folder() as place:
        family = Family(emulator, place)
        with guest.Guest(family.command(memory="1G")) as shell, machine.reporting(shell):
            shell.boot()
            shell.run("mount -o remount,size=90% /tmp 2>/dev/null; "
                      f"dd if=/dev/urandom of=/tmp/much bs=1M count={MEASURED_MIB}", LIMIT)
            total = shell.run("md5sum < /tmp/much", LIMIT)
            for name in ("first", "second", "third"):
                with family.fork(name) as twin:
                    twin.wake()
                    guest.expect_equal("memory", twin.run("md5sum < /tmp/much", LIMIT), total)
            shell.poweroff()


class Forked(rounds.Rounds):
    """Debian at work, and its twins."""

    def start(self, *extra):
        family = Family(self.emulator, self.folder)
        shell = super().start(*extra, "-monitor",
                              f"unix:{family.monitor},server=on,wait=off")
        self.family = family
        return shell


def fork_debian(emulator):
    """Debian under fio, stress-ng and a ping flood gets a twin ten times: each finds all blocks as
    it wrote them, and in the end the disk is whole."""
    folder = os.path.dirname(machine.guest_script("rootfs"))
    with contextlib.ExitStack() as stack:
        place = stack.enter_context(snapshots.tempfile.TemporaryDirectory(prefix="tinamou-",
                                                                          dir=folder))
        forked = Forked(emulator, place)
        try:
            forked.begin()
            first = forked.counts()
            for number in range(int(os.environ.get("ROUNDS", FIO_FORKS))):
                with forked.family.fork(f"twin {number}") as twin:
                    twin.shell, twin.limit = forked.shell.shell, rounds.BUSY_S
                    twin.wake()
                    command = ("cat /run/wrong 2>/dev/null | grep -v ping; n=$(cat "
                               "/run/direct.count); while [ $(cat /run/direct.count) -lt $((n+2)) "
                               "]; do sleep 1; done")
                    guest.expect_equal("what is wrong", twin.run(command, rounds.BUSY_S), "")
                forked.work()
            forked.finish(first)
        finally:
            forked.end()


def register(short, long):
    """Enters the cases into the tables of the suite."""
    short["fork"] = fork_case
    short["fork-raw"] = fork_raw
    long["fork-time"] = fork_time
    long["fork-debian"] = fork_debian
