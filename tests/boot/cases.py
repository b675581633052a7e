"""The cases of the boot suite: functions of an emulator's command, by name."""
import os
import shutil
import subprocess
import sys
import tempfile
import time

import guest
import machine

SHORT = {}
LONG = {}

# The extensions that /proc/cpuinfo must name, in the form that Linux 6.12 prints.
EXTENSIONS = ["zicbom", "zicboz", "zicntr", "zicsr", "zifencei", "zba", "zbb", "zbs", "sstc",
              "svinval"]


def case(table, name):
    """Enters a function into one of the tables."""
    def enter(function):
        table[name] = function
        return function
    return enter


def harts_check(shell, smp):
    """The guest has the harts it was given, and each of them runs programs."""
    guest.expect_equal("nproc", shell.run("nproc"), str(smp))
    for hart in range(smp):
        shell.run(f"taskset {1 << hart:x} true")


def memory_check(shell, mebibytes):
    """The guest sees its memory, except for what kernel and firmware keep."""
    total = int(shell.run("awk '/MemTotal/ { print int($2 / 1024) }' /proc/meminfo"))
    if not mebibytes * 0.85 - 40 <= total <= mebibytes:
        raise machine.Failure(f"the guest sees {total} of {mebibytes} MiB")


def isa_check(shell):
    """/proc/cpuinfo names the instruction set."""
    isa = shell.run("sed -n 's/^isa[^:]*: //p' /proc/cpuinfo | head -n 1")
    first, *others = isa.split("_")
    missing = [name for name in EXTENSIONS if name not in others]
    if not first.startswith("rv64imafdc"):
        missing.append("rv64imafdc")
    if missing:
        raise machine.Failure(f"/proc/cpuinfo does not name {missing}: {isa}")


def keyboard_check(shell):
    """Keys are echoed as they are typed, Return runs the line, Ctrl-U and Ctrl-C work."""
    for key in "echo $((6*7))x":
        shell.send(key)
        shell.expect(guest.re.escape(key), 30)
    shell.send("\n")
    shell.expect("42x\r?\n", 30)
    shell.prompt()
    shell.send("false nonsense\x15echo clean\n")
    shell.expect("\nclean\r?\n", 30)
    shell.prompt()
    shell.send("sleep 1000\n")
    shell.expect("sleep 1000\r?\n", 30)
    time.sleep(0.5)
    shell.send("\x03")
    shell.prompt()


def boot(emulator, bios, smp, mebibytes):
    """Boots to the prompt and powers off."""
    with guest.linux(emulator, bios=bios, smp=smp, memory=f"{mebibytes}M") as shell:
        with machine.reporting(shell):
            shell.boot()
            harts_check(shell, smp)
            memory_check(shell, mebibytes)
            shell.poweroff()


@case(SHORT, "keyboard")
def keyboard(emulator):
    """OpenSBI 1.6: a prompt, a keyboard, the ISA in /proc/cpuinfo, poweroff."""
    with guest.linux(emulator, bios="1.6", smp=2) as shell, machine.reporting(shell):
        shell.boot()
        keyboard_check(shell)
        isa_check(shell)
        harts_check(shell, 2)
        shell.poweroff()


@case(SHORT, "opensbi-1.1")
def opensbi_old(emulator):
    """Debian 12's firmware, one hart, little memory."""
    boot(emulator, "1.1", 1, 256)


@case(SHORT, "builtin")
def builtin(emulator):
    """The emulator's own firmware, four harts, and programs that read clocks and use the net."""
    with guest.linux(emulator, bios="builtin", smp=4, memory="1G", extra=guest.NETWORK) as shell:
        with machine.reporting(shell):
            shell.boot()
            harts_check(shell, 4)
            memory_check(shell, 1024)
            shell.run("date && ping -c 2 -W 10 10.0.2.2")
            shell.poweroff()


@case(SHORT, "memory-8g")
def memory_large(emulator):
    """More memory than 32 bits address."""
    boot(emulator, "1.6", 2, 8192)


@case(SHORT, "reboot")
def reboot(emulator):
    """`reboot` boots again, and ends the emulator when told so by -no-reboot."""
    with guest.linux(emulator, extra=guest.NETWORK) as shell, machine.reporting(shell):
        shell.boot()
        shell.run("touch /tmp/before")
        shell.send("reboot\n")
        shell.expect("Linux version", shell.limit)
        shell.boot()
        shell.run("test ! -e /tmp/before && ping -c 1 10.0.2.2")
        shell.poweroff()
    with guest.linux(emulator, extra=["-no-reboot"]) as shell, machine.reporting(shell):
        shell.boot()
        shell.send("reboot\n")
        shell.end(60)


@case(SHORT, "reboot-builtin")
def reboot_builtin(emulator):
    """The emulator's own firmware reboots too, with more than one hart."""
    with guest.linux(emulator, bios="builtin", smp=2) as shell, machine.reporting(shell):
        shell.boot()
        shell.send("reboot\n")
        shell.expect("Linux version", shell.limit)
        shell.boot()
        harts_check(shell, 2)
        shell.poweroff()


@case(SHORT, "escape")
def escape(emulator):
    """-nographic: Ctrl-a h explains itself, Ctrl-a Ctrl-a reaches the guest, Ctrl-a x ends."""
    with guest.linux(emulator) as shell, machine.reporting(shell):
        shell.boot()
        shell.send("\x01h")
        shell.expect(r"(?i)c-a x|ctrl-a x", 30)
        shell.send("\n")
        shell.prompt()
        # Ctrl-a moves the shell's cursor to the line's beginning.
        shell.send("nd\x01\x01echo e\n")
        shell.expect("\nend\r?\n", 30)
        shell.prompt()
        shell.send("\x01x")
        shell.end(30)


@case(SHORT, "default-firmware")
def firmware_default(emulator):
    """Without -bios the guest still boots, with whatever firmware the machine has."""
    command = guest.linux_command(emulator)
    at = command.index("-bios")
    del command[at:at + 2]
    with guest.Guest(command) as shell, machine.reporting(shell):
        shell.boot()
        shell.poweroff()


@case(SHORT, "selftest")
def selftest(emulator):
    """The guest checks the machine from inside: scripts/guests/selftest."""
    script = guest.TOP / "scripts" / "guests" / "selftest"
    done = subprocess.run([sys.executable, str(script), *emulator], stdin=subprocess.DEVNULL,
                          check=False)
    if done.returncode == machine.SKIP:
        raise machine.Unavailable("the guest cannot be fetched")
    guest.expect_equal("the self-test's exit status", done.returncode, 0)


@case(LONG, "matrix")
def matrix(emulator):
    """Every firmware with every number of harts, and sizes of memory in turn."""
    sizes = [256, 512, 1024, 2048, 4096, 8192]
    pairs = [(bios, smp) for bios in ("1.1", "1.6", "builtin") for smp in (1, 2, 4)]
    for number, (bios, smp) in enumerate(pairs):
        size = sizes[number % len(sizes)]
        print(f"{bios}, {smp} harts, {size} MiB", flush=True)
        boot(emulator, bios, smp, size)


@case(LONG, "twenty")
def twenty(emulator):
    """Twenty boots in a row, none of which hangs."""
    for number in range(20):
        started = time.monotonic()
        boot(emulator, ("1.6", "builtin")[number % 2], (1, 2, 4)[number % 3], 512)
        print(f"boot {number + 1}: {time.monotonic() - started:.1f} s", flush=True)


@case(LONG, "u-boot")
def u_boot(emulator):
    """U-Boot, loaded by OpenSBI as its payload, reaches its prompt and powers off."""
    command = [*emulator, "-M", "virt", "-m", "512M", "-nographic", "-bios",
               guest.bios_path("1.6"), "-kernel", machine.guest_script("packages", "u-boot")]
    with machine.Machine(command) as loader, machine.reporting(loader):
        loader.expect("U-Boot 20", 60)
        loader.expect("Hit any key", 60)
        loader.send("\n")
        loader.expect("=> ", 30)
        loader.send("poweroff\n")
        loader.end(30)


@case(LONG, "efi")
def efi(emulator):
    """EDK2 in the two flash banks, entered by OpenSBI, reaches its shell and powers off."""
    with tempfile.TemporaryDirectory(prefix="tinamou-") as folder:
        variables = os.path.join(folder, "vars.fd")
        shutil.copyfile(machine.guest_script("packages", "efi-vars"), variables)
        code = machine.guest_script("packages", "efi-code")
        flash = "if=pflash,format=raw"
        command = [*emulator, "-M", "virt", "-m", "1G", "-nographic",
                   "-bios", guest.bios_path("1.6"),
                   "-drive", f"{flash},unit=0,readonly=on,file={code}",
                   "-drive", f"{flash},unit=1,file={variables}"]
        with machine.Machine(command) as loader, machine.reporting(loader):
            loader.expect("UEFI Interactive Shell", 120)
            loader.send("\x1b")
            loader.expect("Shell> ", 60)
            loader.send("reset -s\r")
            loader.end(30)


def allocated(path):
    """Bytes that a file takes on its disk."""
    return getattr(os.stat(path), "st_blocks", 0) * 512


def gives_back(emulator):
    """Whether the file system of temporary files knows holes, and the host makes them (Wine does
    not)."""
    if emulator[-1].endswith(".exe"):
        return False
    with tempfile.NamedTemporaryFile(prefix="tinamou-") as file:
        file.truncate(1 << 20)
        return allocated(file.name) < 1 << 20


@case(LONG, "disk")
def disk(emulator):
    """A disk that several boots write keeps everything, also when the emulator is killed; and what
    the guest does not need any more the host gets back."""
    with tempfile.NamedTemporaryFile(prefix="tinamou-", suffix=".raw") as file:
        file.truncate(64 << 20)
        drive = ["-drive", f"if=virtio,format=raw,file={file.name}"]
        with guest.linux(emulator, smp=2, extra=drive) as shell, machine.reporting(shell):
            shell.boot()
            shell.run("mke2fs /dev/vda && mount -t ext4 /dev/vda /mnt")
            shell.run("dd if=/dev/urandom of=/mnt/file bs=64k count=200 && sync")
            told = shell.run("md5sum </mnt/file")
            shell.process.kill()
        drive[-1] += ",discard=unmap"
        with guest.linux(emulator, extra=drive) as shell, machine.reporting(shell):
            shell.boot()
            shell.run("mount -t ext4 /dev/vda /mnt")
            guest.expect_equal("the file's checksum", shell.run("md5sum </mnt/file"), told)
            used = allocated(file.name)
            shell.run("rm /mnt/file && sync && fstrim /mnt")
            shell.poweroff()
        if used - allocated(file.name) < 12 << 20 and gives_back(emulator):
            raise machine.Failure(f"the host got nothing back: {used}, {allocated(file.name)}")
