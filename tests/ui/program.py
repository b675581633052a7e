#!/usr/bin/env python3
"""The program as users start it: exit statuses, streams, monitor, traces, golden help texts.

usage: program.py [--update] WINDOW_PROGRAM PROGRAM      --update rewrites tests/ui/golden
"""
import atexit
import contextlib
import os
import pathlib
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

GOLDEN = pathlib.Path(__file__).parent / "golden"
ICON = pathlib.Path(__file__).parents[2] / "installer" / "icons" / "tinamou.ico"
PROGRAM = os.path.abspath(sys.argv[-1])
WINDOW_PROGRAM = os.path.abspath(sys.argv[-2])
WRAPPER = os.environ.get("MESON_EXE_WRAPPER", "").split()
WINDOWS = PROGRAM.endswith(".exe")
LIMIT_S = 120
QUIET = ["-M", "virt", "-display", "none", "-m", "16M", "-bios"]
passed = 0
children = []

if not WINDOWS:  # what starts the tests may ignore these (nohup does), and children inherit that
    for ignored in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
        signal.signal(ignored, signal.SIG_DFL)


@atexit.register
def end_children():
    """What a failed check left running would outlive the test."""
    for child in children:
        if child.poll() is None:
            child.kill()


def check(condition, what):
    global passed
    if not condition:
        sys.exit(f"not ok: {what}")
    passed += 1


def popen(*arguments, **keywords):
    child = subprocess.Popen(*arguments, **keywords)
    children.append(child)
    return child


def start(*arguments, name=None, **keywords):
    command = [*WRAPPER, PROGRAM, *map(str, arguments)]
    if name:
        keywords["executable"], command[0] = command[0], name
    keywords.setdefault("stdin", subprocess.DEVNULL)
    return popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **keywords)


def text_of(data):
    return data.decode().replace("\r\n", "\n")


def run(*arguments, typed=None, **keywords):
    """Returns exit status, output and errors."""
    if typed is not None:
        keywords["stdin"] = subprocess.PIPE
    child = start(*arguments, **keywords)
    try:
        out, errors = child.communicate(typed, timeout=LIMIT_S)
    except subprocess.TimeoutExpired:
        child.kill()
        sys.exit(f"not ok: {arguments} does not end: {child.communicate()}")
    return child.returncode, text_of(out), text_of(errors)


def words(*numbers):
    return struct.pack(f"<{len(numbers)}I", *numbers)


def exit_program(status, text=""):
    """Firmware that prints a text on the serial port and ends the machine with a status."""
    code = words(0x100002b7)  # lui t0, 0x10000: the UART
    for byte in text.encode():
        code += words(0x00000313 | byte << 20, 0x00628023)  # li t1, byte; sb t1, (t0)
    value = 0x5555 if status == 0 else 0x3333 | status << 16
    high, low = value >> 12, value & 0xfff
    # lui t0, 0x100: the finisher; li t1, value; sw t1, (t0); j .
    return code + words(0x001002b7, 0x337 | high << 12, 0x30313 | low << 20, 0x0062a023, 0x6f)


LOOP = words(0x10500073, 0xffdff06f)  # wfi; j .-4


@contextlib.contextmanager
def folder():
    with tempfile.TemporaryDirectory(prefix="tinamou-") as name:
        path = pathlib.Path(name)
        (path / "zero").write_bytes(exit_program(0, "hello\n"))
        (path / "seven").write_bytes(exit_program(7))
        (path / "loop").write_bytes(LOOP)
        yield path


def test_exit_status():
    with folder() as files:
        status, out, errors = run(*QUIET, files / "zero", "-serial", "stdio")
        check((status, out, errors) == (0, "hello\n", ""), f"poweroff: {status} {out!r} {errors!r}")
        status, out, errors = run(*QUIET, files / "seven", "-serial", "none")
        check((status, out, errors) == (7, "", ""), f"status 7: {status} {out!r} {errors!r}")


def test_closed_streams():
    """A standard stream that is closed does not become the number of some other file."""
    with folder() as files:
        for closed in ((0,), (1,), (2,), (0, 1, 2)):
            child = popen(
                [PROGRAM, *QUIET, files / "loop", "-serial", "stdio", "-pidfile", files / "pid"],
                preexec_fn=lambda: [os.close(fd) for fd in closed])
            while not (files / "pid").exists():
                check(child.poll() is None, f"runs without {closed}")
                time.sleep(0.01)
            for fd in closed:
                leads = f"/proc/{child.pid}/fd/{fd}"
                check(not os.path.exists("/proc/self/fd") or os.readlink(leads) == "/dev/null",
                      f"descriptor {fd} leads nowhere")
            child.send_signal(signal.SIGTERM)
            check(child.wait(LIMIT_S) == 0, f"ends without {closed}: {child.returncode}")


def test_golden():
    """Help texts, word for word; scripts parse some of them."""
    cases = {"help": ["--help"], "help-options": ["-help"], "machine": ["-M", "help"],
             "cpu": ["-cpu", "help"], "device": ["-device", "help"],
             "device-blk": ["-device", "virtio-blk-device,help"], "netdev": ["-netdev", "help"],
             "img": ["img", "--help"],
             "accel": ["-M", "none", "-accel", "help"], "chardev": ["-chardev", "help"]}
    for name, arguments in cases.items():
        status, out, errors = run(*arguments)
        check((status, errors) == (0, ""), f"{arguments}: {status} {errors}")
        out = re.sub(r"tinamou \d+\.\d+\.\d+", "tinamou VERSION", out)
        golden = GOLDEN / f"{name}.txt"
        if "--update" in sys.argv:
            golden.write_text(out)
        check(golden.read_text() == out, f"{arguments} differs from {golden}:\n{out}")


def check_resources(program, subsystem):
    """What Windows reads out of a program; the subsystem says whether it gets a console."""
    shown = "ProductVersion".encode("utf-16-le")
    for what in (b"activeCodePage", b"longPathAware", b"asInvoker", b"PerMonitorV2",
                 b"Common-Controls", shown, ICON.read_bytes()[-1000:]):
        check(what in program, f"{what[:60]} in the program's resources")
    check(b"@VERSION@" not in program, "the manifest's version is filled in")
    header = struct.unpack_from("<I", program, 0x3c)[0]
    check(struct.unpack_from("<H", program, header + 92)[0] == subsystem,
          f"subsystem {subsystem}")


def test_version():
    status, out, _ = run("--version")
    check(status == 0 and re.fullmatch(r"tinamou \d+\.\d+\.\d+\n", out), f"--version: {out!r}")
    status, out, _ = run("-version")
    check(re.match(r"QEMU emulator version \d+\.\d+\.\d+ \(tinamou ", out), f"-version: {out!r}")
    if WINDOWS:
        for path, subsystem in ((PROGRAM, 3), (WINDOW_PROGRAM, 2)):
            check_resources(pathlib.Path(path).read_bytes(), subsystem)
    else:
        status, out, _ = run("--version", name="/usr/bin/qemu-system-riscv64")
        check(out.startswith("QEMU emulator version"), f"by the other name: {out!r}")


def test_verbs():
    status, out, errors = run("doctor")
    check(status == 0 and "ok  firmware" in out and not errors, f"doctor: {status} {out} {errors}")
    status, out, errors = run("docter")
    check(status == 1 and "did you mean 'doctor'" in errors and not out, f"docter: {errors}")
    status, _, errors = run("run")
    check(status == 1 and "which file" in errors, f"run: {errors}")
    with folder() as files:
        status, _, errors = run("run", files / "missing")
        check(status == 1 and "missing" in errors, f"run missing: {errors}")
        (files / "disk.qcow2").write_bytes(b"QFI\xfb" + bytes(508))
        status, _, errors = run("run", files / "disk.qcow2", "-display", "none")
        check(status == 1 and "disk.qcow2" in errors, f"run a broken qcow2 image: {errors}")
        (files / "bare.elf").write_bytes(elf(exit_program(5, "elf\n")))
        status, out, errors = run("run", files / "bare.elf", "-serial", "stdio", "-m", "16M")
        check((status, out) == (5, "elf\n"), f"run ELF: {status} {out!r} {errors!r}")


def test_window_program():
    """With standard streams it is used like the other one; a file alone is what to run."""
    def run_window(*arguments):
        command = [*WRAPPER, WINDOW_PROGRAM, *map(str, arguments)]
        child = popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                      stderr=subprocess.PIPE)
        out, errors = child.communicate(timeout=LIMIT_S)
        return child.returncode, text_of(out), text_of(errors)
    check(run_window("--version") == run("--version"), "the same version")
    status, _, errors = run_window("docter")
    check(status == 1 and "did you mean 'doctor'" in errors, f"docter: {errors}")
    with folder() as files:
        (files / "bare.elf").write_bytes(elf(exit_program(5, "elf\n")))
        status, _, errors = run_window(files / "bare.elf")  # what it says may be in a window
        check(status == 5, f"a file: {status} {errors!r}")


def test_crash():
    """A crash leaves a report in the user's folder of logs, with the command line."""
    with folder() as files:
        child = start(*QUIET, files / "loop", "-serial", "none", "-pidfile", files / "pid",
                      env=os.environ | {"XDG_STATE_HOME": str(files / "state")})
        while not (files / "pid").exists():
            check(child.poll() is None, "runs")
            time.sleep(0.01)
        child.send_signal(signal.SIGABRT)
        _, errors = child.communicate(timeout=LIMIT_S)
        check(child.returncode == -signal.SIGABRT, f"ends by the signal: {child.returncode}")
        reports = list((files / "state" / "tinamou").iterdir())
        check(len(reports) == 1 and str(reports[0]) in text_of(errors), f"{reports}: {errors}")
        text = reports[0].read_text()
        check("tinamou" in text and "-pidfile" in text and "SIGABRT" in text, text)


def elf(code, base=0x80000000):
    header = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1", 2, 243, 1, base, 64, 0, 0, 64, 56,
                         1, 0, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0x1000, base, base, len(code), len(code), 0x1000)
    return (header + segment).ljust(0x1000, b"\0") + code


MONITOR = ["-serial", "none", "-monitor", "stdio", "-smp", "2"]


def ask(files, *commands, options=(), firmware="loop"):
    """What the monitor prints for commands, escape sequences taken out."""
    typed = "".join(command + "\n" for command in (*commands, "quit")).encode()
    status, out, errors = run(*QUIET, files / firmware, *MONITOR, *options, typed=typed)
    check((status, errors) == (0, ""), f"monitor: {status} {errors!r} {out!r}")
    return re.sub(r"\x1b\[[0-9]*[A-Z]", "", out).replace("\r", "")


def test_monitor():
    with folder() as files:
        out = ask(files, "info status", "stop", "info status", "cont", "info name",
                  options=["-name", "bird"])
        check(re.search(r"monitor - type 'help'.*running\n.*paused\n.*bird\n", out, re.S), out)
        out = ask(files, "info status", "info registers 1", "x/2i 0x80000000", options=["-S"])
        check("VM status: paused" in out, out)
        check(re.search(r"CPU#1\n pc       0000000000001000\n", out), out)
        check(re.search(r"0x0000000080000000: +10500073 +wfi\n0x0000000080000004:", out), out)
        out = ask(files, "xp/2xw 0x80000000", "xp/1xg 0x80000000", "xp /4xb 0x80000000",
                  "x/2dh 0x80000000", "xp/1xw 0x10000000", "x/1xw $bogus", "x/1zw 0",
                  "x/9999999x 0")
        check("0000000080000000: 0x10500073 0xffdff06f" in out, out)
        check("0000000080000000: 0xffdff06f10500073" in out, out)
        check("0000000080000000: 0x73 0x00 0x50 0x10" in out, out)
        check("115" in out and "0x0000000010000000: there is no memory" in out, out)
        check("'$bogus' is neither" in out and "'/1zw' is no format" in out, out)
        check("the count can be 1 to" in out, out)
        out = ask(files, "info mtree", "info aio", "info harts", "info version", "info nonsense",
                  "nonsense", "help quit", "?", "info registers 9")
        check("0000000080000000-0000000080ffffff ram" in out, out)
        check("info aio\nmain\n  state: " in out, out)
        check("0000000010001000-0000000010001fff device   virtio0" in out, out)
        check("CPU #1: pc=" in out and re.search(r"engine \w+\n", out), out)
        check("nothing to tell about 'nonsense'" in out, out)
        check("unknown command: 'nonsense'" in out, out)
        check("there is no hart '9': they are 0 to 1" in out, out)


def test_monitor_backends():
    with folder() as files:
        (files / "disk").write_bytes(bytes(1 << 20))
        out = ask(files, "info block", "info network", "info usernet", "system_powerdown", options=[
            "-drive", f"if=none,id=d,format=raw,readonly=on,file={files / 'disk'}",
            "-device", "virtio-blk-device,drive=d,id=first",
            "-nic", "user,id=n,hostfwd=tcp:127.0.0.1:0-:22"])
        check(re.search(r"d: .*disk \(raw, read-only\)\n    Attached to: first\n", out), out)
        check(re.search(r"n: type=user.*\n    hostfwd=tcp:127.0.0.1:0-:22\n", out), out)
        check(re.search(r"n:\n.*\n *TCP\[HOST_FORWARD\].* 127.0.0.1 +[1-9]\d+ .* 22 ", out), out)
        check("52:54:00:12:34:56" in out and "nor to the power button" in out, out)


def test_reset():
    """A reset runs the firmware again."""
    with folder() as files:
        (files / "say").write_bytes(exit_program(0, "once\n")[:-8] + LOOP)  # no store to the end
        child = start(*QUIET, files / "say", "-serial", "mon:stdio", stdin=subprocess.PIPE)
        for _ in range(2):
            while not (line := child.stdout.readline()).rstrip().endswith(b"once"):
                check(line, "the firmware speaks, and again after a reset")
            child.stdin.write(b"\x01csystem_reset\n\x01c")
            child.stdin.flush()
        child.stdin.write(b"\x01x")
        child.stdin.flush()
        check(child.wait(LIMIT_S) == 0, "Ctrl-a x")
        child.communicate()


def test_traces():
    """Nothing is created when something is wrong; what is created is what was asked for."""
    with folder() as files:
        log, pid = files / "log", files / "pid"
        options = ["-serial", f"file:{log}", "-pidfile", pid]
        status, _, errors = run(*QUIET, files / "absent", *options)
        check(status == 1 and "absent" in errors, errors)
        check(not log.exists() and not pid.exists(), "a failed start leaves no file")
        status, _, errors = run(*QUIET, files / "zero", *options)
        check(status == 0 and log.read_bytes() == b"hello\n", f"serial file: {errors}")
        check(not pid.exists(), "the pid file goes with the process")
        status, _, errors = run(*QUIET, files / "zero", "-pidfile", files / "no" / "pid")
        check(status == 1 and "pid" in errors, errors)
        dtb = files / "out.dtb"
        status, out, errors = run("-M", f"virt,dumpdtb={dtb}", "-smp", "3")
        check((status, out) == (0, "") and dtb.read_bytes()[:4] == b"\xd0\x0d\xfe\xed", errors)
        status, _, errors = run("-M", f"virt,dumpdtb={files}")
        check(status == 1 and "director" in errors, errors)


def test_pidfile():
    with folder() as files:
        pid = files / "pid"
        child = start(*QUIET, files / "loop", "-pidfile", pid, "-serial", "none", "-monitor",
                      "stdio", stdin=subprocess.PIPE)
        until = time.monotonic() + LIMIT_S
        while not pid.exists() or not pid.read_text():
            check(time.monotonic() < until and child.poll() is None, "the pid file comes")
            time.sleep(0.02)
        check(WINDOWS or int(pid.read_text()) == child.pid, "the pid file names the process")
        child.communicate(b"quit\n", timeout=LIMIT_S)
        check(not pid.exists(), "the pid file goes")


def test_sockets():
    """The monitor on a TCP socket, as scripts use it; and a port that is taken."""
    with folder() as files:
        child = start(*QUIET, files / "loop", "-serial", "null", "-monitor",
                      "tcp:127.0.0.1:0,server,nowait")
        said = text_of(child.stderr.readline())
        told = re.search(r"listens on 127\.0\.0\.1:(\d+)$", said)
        check(told, f"the port that was chosen: {said}")
        with socket.create_connection(("127.0.0.1", int(told.group(1))), timeout=LIMIT_S) as peer, \
                peer.makefile("rw", newline="\n") as stream:
            stream.write("info status\n")
            stream.flush()
            seen = ""
            while "VM status: running" not in seen:
                seen += stream.readline()
            stream.write("quit\n")
            stream.flush()
            check(child.wait(LIMIT_S) == 0, "quit over a socket")
        child.communicate()
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            status, _, errors = run(*QUIET, files / "loop", "-monitor", "none", "-serial",
                                    f"tcp:127.0.0.1:{port},server,nowait")
            check(status == 1 and str(port) in errors, f"taken port: {errors}")


def test_signals():
    """Being asked to end is a clean end, of a guest that does nothing and of one that spins."""
    with folder() as files:
        (files / "spin").write_bytes(words(0x6f))
        for firmware in ("loop", "spin"):
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                child = start(*QUIET, files / firmware, "-serial", "none", "-pidfile",
                              files / "pid")
                while not (files / "pid").exists():
                    time.sleep(0.01)
                child.send_signal(number)
                _, errors = child.communicate(timeout=LIMIT_S)
                check(child.returncode == 0, f"{firmware}, {number}: {child.returncode}")
                check(b"asked to end" in errors, errors)
                check(not (files / "pid").exists(), "pid file removed after a signal")


def test_report():
    """SIGQUIT asks what the program is doing, and changes nothing."""
    with folder() as files:
        child = start(*QUIET, files / "loop", "-serial", "none", "-monitor", "stdio",
                      stdin=subprocess.PIPE)
        child.stdout.readline()
        child.send_signal(signal.SIGQUIT)
        while b"main" not in (line := child.stderr.readline()):
            check(line, "a report")
        child.communicate(b"quit\n", timeout=LIMIT_S)
        check(child.returncode == 0, "it goes on after a report")


def read_until(master, text):
    seen = b""
    while text not in seen:
        seen += os.read(master, 4096)
    return seen


def test_terminal():
    """On a terminal: Ctrl-C is the guest's with a mux, ours without; the mode comes back."""
    import pty
    import termios
    cases = ((["run"], b"\x01x", "Ctrl-a x after run"), (["-nographic"], b"\x03\x01x", "Ctrl-a x"),
             (["-serial", "stdio"], b"\x03", "Ctrl-C"),
             (["-serial", "mon:stdio"], b"\x01cquit\r", "quit in the monitor"))
    with folder() as files:
        (files / "say").write_bytes(exit_program(0, "once\n")[:-8] + LOOP)
        for options, keys, what in cases:
            master, slave = pty.openpty()
            before = termios.tcgetattr(slave)

            def session(slave=slave):
                import fcntl
                os.setsid()
                fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
            command = ["-M", "virt", "-m", "16M", "-bios", files / "say", *options]
            if options == ["run"]:
                (files / "say.elf").write_bytes(elf((files / "say").read_bytes()))
                command = ["run", files / "say.elf"]
            child = popen([PROGRAM, *command], stdin=slave, stdout=slave, stderr=slave,
                          preexec_fn=session)
            seen = read_until(master, b"once")
            check((b"Ctrl-a x" in seen) == (options == ["run"]), f"the way out: {seen}")
            check(not termios.tcgetattr(slave)[3] & termios.ECHO, "raw mode")
            os.write(master, keys)
            check(child.wait(LIMIT_S) == 0, f"{what} ends it: {child.returncode}")
            check(termios.tcgetattr(slave) == before, f"mode restored after {what}")
            os.close(master)
            os.close(slave)


tests = [test_golden, test_version, test_verbs, test_window_program, test_exit_status, test_monitor,
         test_monitor_backends, test_reset, test_traces, test_pidfile, test_sockets]
if not WINDOWS:
    tests += [test_closed_streams, test_signals, test_report, test_terminal, test_crash]
for test in tests:
    began = time.monotonic()
    test()
    print(f"ok {test.__name__} in {time.monotonic() - began:.1f} s", flush=True)
print(f"{passed} checks")
