"""Drives an emulator through its serial console, as a user at a terminal would.

Plain Python for every host: a thread reads the console, the caller waits for what must appear.
"""
import contextlib
import hashlib
import os
import pathlib
import re
import socket
import subprocess
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
SKIP = 77


class Failure(Exception):
    """What the machine did not do, in words for the reader of a test's output."""


class Unavailable(Exception):
    """This machine cannot have the guest."""


def guest_script(name, *arguments):
    """Runs one of the scripts beside this file and returns the line it prints."""
    if os.name == "nt":
        raise Unavailable("the guests come from Debian's package tools, which are not here")
    done = subprocess.run([str(HERE / name), *arguments], stdout=subprocess.PIPE,
                          stdin=subprocess.DEVNULL, check=False)
    if done.returncode == SKIP:
        raise Unavailable(f"scripts/guests/{name} cannot provide {' '.join(arguments) or 'it'}")
    if done.returncode:
        raise Failure(f"scripts/guests/{name} {' '.join(arguments)} failed")
    return done.stdout.decode().strip()


def checksum(data):
    """The checksum that the guest prints for the same bytes."""
    return hashlib.md5(data).hexdigest()


class Server:
    """Sends the same bytes to everybody who connects to a port of the loopback interface."""

    def __init__(self, data):
        self.data = data
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            with client:
                try:
                    client.sendall(self.data)
                    client.shutdown(socket.SHUT_WR)
                    client.recv(1)
                except OSError:
                    pass

    def close(self):
        """Serves no more."""
        self.socket.close()


class Machine:
    """A running emulator and everything that its console has printed so far."""

    def __init__(self, command, echo=False):
        self.command = [str(word) for word in command]
        self.echo = echo
        self.seen = bytearray()
        self.position = 0
        self.ended = False
        self.news = threading.Condition()
        self.said = []
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.readers = [threading.Thread(target=self._read, daemon=True),
                        threading.Thread(target=self._listen, daemon=True)]
        for reader in self.readers:
            reader.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._join()
        with contextlib.suppress(OSError):  # what was typed and nobody read
            self.process.stdin.close()
        self.process.stdout.close()
        self.process.stderr.close()

    def _join(self):
        for reader in self.readers:
            reader.join(10)

    def _read(self):
        while True:
            data = os.read(self.process.stdout.fileno(), 65536)
            with self.news:
                self.seen += data
                self.ended = not data
                self.news.notify_all()
            if not data:
                return
            if self.echo:
                sys.stdout.buffer.write(data)
                sys.stdout.buffer.flush()

    def _listen(self):
        for line in self.process.stderr:
            self.said.append(line.decode(errors="replace").rstrip())

    def expect(self, pattern, limit):
        """Waits until the console shows a pattern, goes on behind it and returns the match."""
        compiled = re.compile(pattern.encode())
        deadline = time.monotonic() + limit
        with self.news:
            while True:
                match = compiled.search(self.seen, self.position)
                if match:
                    self.position = match.end()
                    return match
                left = deadline - time.monotonic()
                if self.ended:
                    raise Failure(f"the emulator ended before the console showed {pattern!r}")
                if left <= 0:
                    raise Failure(f"the console did not show {pattern!r} within {limit:g} s")
                self.news.wait(left)

    def forwarded_port(self, limit):
        """The host's port that is forwarded to the guest. The emulator was told to choose it (0),
        and its monitor, which shares the console, knows."""
        self.send("\x01cinfo usernet\n")
        port = self.expect(r"TCP\[HOST_FORWARD\] +\d+ +127\.0\.0\.1 +(\d+)", limit)
        self.send("\x01c")
        return int(port.group(1))

    def send(self, text):
        """Types a text."""
        try:
            self.process.stdin.write(text.encode())
            self.process.stdin.flush()
        except OSError as error:
            raise Failure(f"the emulator does not read its keyboard: {error}") from error

    def wait(self, limit):
        """Waits for the emulator's end and returns its exit status."""
        try:
            status = self.process.wait(limit)
        except subprocess.TimeoutExpired as error:
            raise Failure(f"the emulator did not end within {limit:g} s") from error
        self._join()
        return status

    def end(self, limit=30):
        """Waits for an end with exit status 0."""
        status = self.wait(limit)
        if status != 0:
            raise Failure(f"the emulator ended with exit status {status}, not 0")

    def tail(self, lines=25):
        """The console's last lines and what the emulator itself said, each line marked."""
        text = self.seen.decode(errors="replace").replace("\r", "")
        shown = ["  | " + line for line in text.split("\n")[-lines:]]
        return "\n".join(shown + ["emulator: " + line for line in self.said[-lines:]])


@contextlib.contextmanager
def reporting(guest, notes=True):
    """Adds the console's last lines to what a Failure in the block says; without one, prints what
    the emulator itself had to say, unless nobody wants such notes."""
    try:
        yield
        for line in guest.said if notes else ():
            print(f"note: the emulator said: {line}")
    except Failure as failure:
        raise Failure(f"{failure}\nthe console's last lines:\n{guest.tail()}") from None
