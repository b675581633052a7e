"""Bad command lines and bad files: each has its own message, and nothing is created or changed."""
import gzip
import hashlib
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import tempfile

import guest
import machine

MIB = 1 << 20
BASE = ["-M", "virt", "-display", "none", "-serial", "none", "-bios", "none"]


def elf_make(machine_number=243, offset=0x1000, size=16, table=64):
    """An ELF64 program of one segment at the start of RAM: a `wfi` and a jump to itself."""
    code = struct.pack("<IIII", 0x10500073, 0xffdff06f, 0, 0)
    header = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 2, machine_number, 1,
                         0x80000000, table, 0, 0, 64, 56, 1, 0, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, offset, 0x80000000, 0x80000000, size, size, 0x1000)
    return (header + segment).ljust(0x1000, b"\0") + code


def image_make(size=0x10000, magic=b"RISCV\0\0\0RSC\x05", section=0x3000):
    """A Linux Image (as Linux' boot-image-header document has it) with an EFI program's one section
    of 0x1000 bytes at the offset `section`."""
    header = struct.pack("<IIQQQII", 0x5a4d, 0, 0x200000, size, 0, 2, 0) + bytes(8) + magic
    header += struct.pack("<I", 64)
    program = struct.pack("<4sHHIIIHH", b"PE\0\0", 0x5064, 1, 0, 0, 0, 0, 0)
    table = struct.pack("<8sIIIIIIHHI", b".text", 0x1000, 0, 0x1000, section, 0, 0, 0, 0, 0x20)
    return (header + program + table).ljust(0x4000, b"\0")


def files_make(folder):
    """Puts the files that the cases name into a folder."""
    files = {"good.elf": elf_make(), "short.elf": elf_make()[:40], "cut.elf": elf_make()[:0x1004],
             "other.elf": elf_make(machine_number=62), "table.elf": elf_make(table=1 << 40),
             "segment.elf": elf_make(offset=1 << 62, size=1 << 62),
             "cut.img": image_make()[:0x3800], "huge.img": image_make(size=1 << 50),
             "arm.img": image_make(magic=bytes(8) + b"ARM\x64"),
             "cut.gz": gzip.compress(os.urandom(4096) + image_make(), mtime=0)[:3000],
             "small": b"", "disk": bytes(MIB), "text.dtb": b"/dts-v1/; / { };\n",
             "cut.dtb": struct.pack(">IIIIIIIIII", 0xd00dfeed, 4096, 56, 500, 40, 17, 16, 0, 0, 0),
             "dtb.dtb": b""}
    for name, data in files.items():
        pathlib.Path(folder, name).write_bytes(data)
    with pathlib.Path(folder, "large").open("wb") as file:
        file.truncate(300 * MIB)
    pathlib.Path(folder, "folder").mkdir()
    pathlib.Path(folder, "locked").write_bytes(bytes(MIB))
    pathlib.Path(folder, "locked").chmod(0o444)


def folder_state(folder):
    """What is in a folder, so that a change of anything in it shows."""
    state = {}
    for path in sorted(pathlib.Path(folder).rglob("*")):
        if path.is_dir() or path.name == "large":
            state[path.name] = path.stat().st_size if path.is_file() else "folder"
        else:
            state[path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return state


def kernel(name, *more):
    """The arguments that load a file as the kernel."""
    return [*BASE, *more, "-kernel", name]


def drive(text, *more):
    """The arguments that attach a drive to a machine with a good kernel."""
    return [*kernel("good.elf"), "-drive", text, *more]


# Name, arguments, and what the message must speak of (any letter case).
CASES = [
    ("kernel missing", kernel("absent"), "absent"),
    ("kernel is a folder", kernel("folder"), "folder.*director|director.*folder"),
    ("kernel is empty", kernel("small"), "small"),
    ("ELF header cut off", kernel("short.elf"), "short.elf"),
    ("ELF segment cut off", kernel("cut.elf"), "cut.elf"),
    ("ELF for another processor", kernel("other.elf"), "other.elf"),
    ("ELF table outside the file", kernel("table.elf"), "table.elf"),
    ("ELF segment outside the file", kernel("segment.elf"), "segment.elf"),
    ("Image cut off", kernel("cut.img"), "cut.img"),
    ("Image larger than memory", kernel("huge.img"), "huge.img"),
    ("Image for another processor", kernel("arm.img"), "arm.img.*arm64"),
    ("gzip'd kernel cut off", kernel("cut.gz"), "cut.gz"),
    ("firmware missing", ["-M", "virt", "-display", "none", "-bios", "absent"], "absent"),
    ("initrd missing", kernel("good.elf", "-initrd", "absent"), "absent"),
    ("initrd larger than memory", kernel("good.elf", "-m", "256M", "-initrd", "large"), "large"),
    ("dtb missing", kernel("good.elf", "-dtb", "absent"), "absent"),
    ("dtb that is text", kernel("good.elf", "-dtb", "text.dtb"), "text.dtb"),
    ("dtb that is empty", kernel("good.elf", "-dtb", "dtb.dtb"), "dtb.dtb"),
    ("dtb cut off", kernel("good.elf", "-dtb", "cut.dtb"), "cut.dtb"),
    ("unknown machine", ["-M", "virtt", "-display", "none"], "virtt"),
    ("unknown machine option", ["-M", "virt,aclnt=on", "-display", "none"], "aclnt"),
    ("unknown CPU", kernel("good.elf", "-cpu", "rv46"), "rv46"),
    ("unknown CPU option", kernel("good.elf", "-cpu", "rv64,zbq=on"), "zbq"),
    ("unknown device", kernel("good.elf", "-device", "virtio-blok-device"), "virtio-blok-device"),
    ("unknown device option", kernel("good.elf", "-device", "virtio-rng-device,speed=1"), "speed"),
    ("unknown option", [*kernel("good.elf"), "-kernl", "x"], "-kernl.*-kernel"),
    ("option without value", [*kernel("good.elf"), "-append"], "-append"),
    ("no memory", kernel("good.elf", "-m", "0"), "-m|memory"),
    ("memory of no known unit", kernel("good.elf", "-m", "12Q"), "12Q"),
    ("memory beyond measure", kernel("good.elf", "-m", "99999999999999999999"), "-m|memory|9999"),
    ("no harts", kernel("good.elf", "-smp", "0"), "-smp|hart|cpu"),
    ("a thousand harts", kernel("good.elf", "-smp", "1000"), "1000"),
    ("harts that are a word", kernel("good.elf", "-smp", "two"), "two"),
    ("drive missing", drive("if=virtio,format=raw,file=absent"), "absent"),
    ("drive is a folder", drive("if=virtio,format=raw,file=folder"), "folder"),
    ("drive empty", drive("if=virtio,format=raw,file=small"), "'small' is empty.*create"),
    ("drive option unknown", drive("if=virtio,format=raw,file=disk,sped=1"), "sped"),
    ("drive form unknown", drive("if=virtio,format=row,file=disk"), "row"),
    ("drive on no thread", kernel("good.elf", "-drive", "if=none,id=d,format=raw,file=disk",
                                  "-device", "virtio-blk-device,drive=d,iothread=io"),
     "iothread.*'io'"),
    ("drive of no device", kernel("good.elf", "-device", "virtio-blk-device,drive=d0"), "d0"),
    ("two drives of one name", drive("if=none,id=d,format=raw,file=disk", "-drive",
                                     "if=none,id=d,format=raw,file=disk"), r"\bd\b"),
    ("network of no known kind", kernel("good.elf", "-netdev", "usr,id=n"), "usr"),
    ("network unknown to device", kernel("good.elf", "-device", "virtio-net-device,netdev=n0"),
     "n0"),
    ("forward that is none", kernel("good.elf", "-netdev", "user,id=n,hostfwd=tcp:x"), "hostfwd"),
    ("more devices than slots", kernel("good.elf", *["-device", "virtio-rng-device"] * 9),
     "virtio"),
]


def case_check(emulator, folder, arguments, wanted):
    """Runs one refused command line; returns its message."""
    try:
        said = guest.refused(emulator, arguments, folder, limit=30)
    except subprocess.TimeoutExpired:
        raise machine.Failure("the emulator started instead") from None
    if not guest.re.search(wanted, said, guest.re.IGNORECASE | guest.re.DOTALL):
        raise machine.Failure(f"its message does not speak of {wanted!r}: {said}")
    if len(said.splitlines()) > 3:
        raise machine.Failure(f"its message is too long: {said}")
    return said


def port_check(emulator, folder):
    """A forwarded port that somebody has already."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        network = f"user,id=n,hostfwd=tcp:127.0.0.1:{port}-:22"
        arguments = kernel("good.elf", "-netdev", network, "-device", "virtio-net-device,netdev=n")
        case_check(emulator, folder, arguments, port)


def locked_check(emulator, folder):
    """A disk that may only be read; root may write everything, so nobody runs it then."""
    user = []
    if os.name == "posix" and os.geteuid() == 0:
        user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"]
        os.chmod(folder, 0o755)
        asked = subprocess.run([*user, *emulator, "--version"], stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, check=False)
        if asked.returncode:
            print("not checked: a read-only disk (another user cannot run this emulator)")
            return
    arguments = drive("if=virtio,format=raw,file=locked")
    return case_check([*user, *emulator], folder, arguments, "'locked'.*readonly=on")


def is_windows(emulator):
    """Whether the emulator is a program for Windows, which has neither such pipes nor locks."""
    return any(str(word).endswith(".exe") for word in emulator)


def pipe_check(emulator, folder):
    """A pipe, which must not be waited for."""
    if is_windows(emulator):
        return
    with tempfile.TemporaryDirectory(prefix="tinamou-") as other:
        path = os.path.join(other, "pipe")
        os.mkfifo(path)
        case_check(emulator, folder, drive(f"if=virtio,format=raw,file={path}"), "pipe")


def shared_check(emulator, folder):
    """A disk that QEMU's tool has open for writing."""
    if is_windows(emulator) or not shutil.which("qemu-io"):
        print("not checked: a disk in use by QEMU's tools")
        return
    for options in ("", ",readonly=on"):
        with subprocess.Popen(["qemu-io", "-f", "raw", os.path.join(folder, "disk")],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
            other.stdin.write(b"length\n")
            other.stdin.flush()
            other.stdout.readline()
            case_check(emulator, folder, drive(f"if=virtio,format=raw,file=disk{options}"),
                       f"'disk' is in use by process {other.pid}")
            other.stdin.close()


def bad_input(emulator):
    """Every bad file and option is refused with a message of its own, and changes nothing."""
    emulator = [os.path.abspath(word) if os.path.exists(word) else word for word in emulator]
    wrong = []
    messages = {}
    with tempfile.TemporaryDirectory(prefix="tinamou-") as folder:
        files_make(folder)
        before = folder_state(folder)
        checks = [(name, lambda a=arguments, w=wanted: case_check(emulator, folder, a, w))
                  for name, arguments, wanted in CASES]
        checks += [("port in use", lambda: port_check(emulator, folder)),
                   ("disk read-only", lambda: locked_check(emulator, folder)),
                   ("disk is a pipe", lambda: pipe_check(emulator, folder)),
                   ("disk in use", lambda: shared_check(emulator, folder))]
        for name, check in checks:
            try:
                said = check()
                if said and said in messages:
                    raise machine.Failure(f"the same message as {messages[said]!r}: {said}")
                messages[said] = name
                if folder_state(folder) != before:
                    raise machine.Failure("a file was created or changed")
            except machine.Failure as failure:
                wrong.append(f"{name}: {failure}")
                before = folder_state(folder)
    if wrong:
        raise machine.Failure(f"{len(wrong)} of {len(checks)} bad inputs:\n  " +
                              "\n  ".join(wrong))
    print(f"{len(checks)} bad inputs refused")


def register(table):
    """Enters the case into a table of the suite."""
    table["bad-input"] = bad_input
