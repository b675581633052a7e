"""Cases that take long or look at one promise: boots in a row, a compiler, load, a busy guest."""
import contextlib
import hashlib
import pathlib
import random
import struct
import subprocess
import tempfile
import time

import guest
import machine

LINES = 10000
FLAGS = "-O2 -w -ffreestanding -nostdlib -static -Wl,--build-id=none,-e,main"

# `j .` with a timer whose handler prints a dot, or the key that was typed, every 10 ms.
SPIN = [
    0x00000297, 0x03c28293, 0x30529073,  # la t0, tick; csrw mtvec, t0
    0x02004437, 0x0200c4b7, 0xff84849b,  # s0 = mtimecmp, s1 = mtime
    0x10000937, 0x000189b7, 0x6a09899b,  # s2 = UART, s3 = 100000 ticks of 100 ns
    0x08000293, 0x30429073,              # csrw mie, MTIE
    0x0004b303, 0x00643023, 0x30046073,  # mtimecmp = now; csrsi mstatus, MIE
    0x0000006f,                          # j .
    0x0004b303, 0x01330333, 0x00643023,  # tick: mtimecmp = mtime + s3
    0x02e00393, 0x00594283, 0x0012f293,  # t2 = '.'; is there a key?
    0x00028463, 0x00094383, 0x00790023,  # if so t2 = key; print t2
    0x30200073,                          # mret
]


def spin(emulator):
    """A guest in `j .` delays neither its timer nor the console nor the monitor."""
    with tempfile.NamedTemporaryFile(prefix="tinamou-", suffix=".bin") as file:
        file.write(struct.pack(f"<{len(SPIN)}I", *SPIN))
        file.flush()
        command = [*emulator, "-M", "virt", "-m", "128M", "-nographic", "-bios", file.name]
        with machine.Machine(command) as shell, machine.reporting(shell):
            shell.expect(r"\.{50}", 120)
            steps = [("key", "Q", "Q"), ("monitor", "\x01cinfo status\n", "running"),
                     ("key again", "\x01cZ", "Z"), ("end", "\x01x", "")]
            for name, typed, shown in steps:
                began = time.monotonic()
                shell.send(typed)
                if shown:
                    shell.expect(shown, 120)
                else:
                    shell.end(120)
                print(f"{name} after {(time.monotonic() - began) * 1000:.0f} ms", flush=True)


def fifty(emulator):
    """Fifty boots of Debian's kernel in a row with four harts, none of which hangs."""
    for number in range(50):
        began = time.monotonic()
        with guest.linux(emulator, smp=4) as shell, machine.reporting(shell):
            shell.boot()
            guest.expect_equal("nproc", shell.run("nproc"), "4")
            shell.poweroff()
        print(f"boot {number + 1}: {time.monotonic() - began:.1f} s", flush=True)


def function_text(number, choose):
    """A C function of 20 lines that mixes what programs do; earlier ones may be called."""
    a, b, c = (choose.randrange(1, 1 << 20) for _ in range(3))
    callee = choose.randrange(number) if number else None
    call = f"f{callee}(x - 1, q)" if number else "x"
    kind = choose.choice(["long", "unsigned", "short", "unsigned char", "unsigned long"])
    real = choose.choice(["double", "float"])
    return f"""
static struct item table{number}[{choose.randrange(3, 9)}];
__attribute__((noinline)) long f{number}(long x, struct item *q)
{{
    {kind} k = ({kind})(x * {a} ^ {b});
    {real} r = ({real})x / {c} + ({real})k;
    struct item *p = table{number};
    for (int i = 0; i < {choose.randrange(2, 40)}; i++) {{
        p[i % 3].key += k >> (i & 7);
        p[i % 3].value = p[(i + 1) % 3].value * r - i;
        k = ({kind})(k * 3 + (long)p[i % 3].value);
    }}
    switch (x % {choose.randrange(4, 12)}) {{
    case 0: k += {a % 1000}; break;
    case 1: k ^= q->key; break;
    case 2: r = r < 0 ? -r : r + {b % 100}; break;
    case 3: return (long)(((unsigned __int128)x * {b}) >> 32) + k;
    default: x = {call};
    }}
    p->next = q;
    return x > 0 && q ? (long)r + k + q->key / {choose.randrange(3, 99)} : (long)k % {c};
}}"""


def program_text():
    """A program of at least LINES lines, the same one each time."""
    choose = random.Random(2026)
    parts = ["struct item { struct item *next; long key; double value; };"]
    count = 0
    while sum(part.count("\n") + 1 for part in parts) < LINES:
        parts.append(function_text(count, choose))
        count += 1
    parts.append("int main(void)\n{\n    struct item item = {0, 1, 2};\n    long sum = 0;")
    parts += [f"    sum += f{number}({number}, &item);" for number in range(count)]
    return "\n".join([*parts, "    return (int)sum;", "}", ""])


def cross_compiled(source):
    """The checksum of what Debian 13's cross compiler makes of the program."""
    root = pathlib.Path(machine.guest_script("cross-gcc"))
    with tempfile.TemporaryDirectory(dir=root / "tmp") as shared:
        pathlib.Path(shared, "program.c").write_bytes(source.read_bytes())
        compile_there = (f"cd /tmp/{pathlib.Path(shared).name} && "
                         f"riscv64-linux-gnu-gcc-14 {FLAGS} program.c -o out")
        subprocess.run(["unshare", "--map-root-user", "chroot", str(root), "/bin/sh", "-c",
                        compile_there], check=True)
        return hashlib.sha256(pathlib.Path(shared, "out").read_bytes()).hexdigest()


@contextlib.contextmanager
def disk_copy(script):
    """A copy of a guest script's disk image, as options of an emulator."""
    with tempfile.TemporaryDirectory(prefix="tinamou-") as folder:
        disk = pathlib.Path(folder, "disk.ext4")
        image = machine.guest_script(script)
        subprocess.run(["cp", "--sparse=always", image, str(disk)], check=True)
        yield ["-drive", f"if=virtio,format=raw,file={disk}"]


def tree_mount(shell):
    """Makes the disk's Debian ready for chroot, without booting it."""
    shell.run("mount -t ext4 /dev/vda /mnt && mount -t tmpfs tmpfs /mnt/tmp", 300)
    shell.run("mount -o bind /dev /mnt/dev && mount -t proc proc /mnt/proc", 300)


def tree_leave(shell):
    """Ends the use of the tree, and the guest."""
    shell.run("umount /mnt/proc /mnt/dev /mnt/tmp /mnt", 300)
    shell.poweroff()


def compiler(emulator):
    """gcc in the guest makes of 10,000 lines the very file that the cross compiler makes."""
    with tempfile.TemporaryDirectory(prefix="tinamou-") as name, disk_copy("programs") as drive:
        source = pathlib.Path(name, "program.c")
        source.write_text(program_text())
        wanted = cross_compiled(source)
        command = guest.linux_command(emulator, smp=2, memory="1G", extra=drive)
        command[command.index("-initrd") + 1] = machine.guest_script(
            "initramfs", "--add", str(source))
        with guest.Guest(command) as shell, machine.reporting(shell):
            shell.boot()
            tree_mount(shell)
            began = time.monotonic()
            shell.run(f"cp /bin/program.c /mnt/tmp && chroot /mnt gcc {FLAGS} /tmp/program.c "
                      "-o /tmp/out", 3600)
            print(f"compiled in {time.monotonic() - began:.1f} s", flush=True)
            guest.expect_equal("the file's checksum",
                               shell.run("sha256sum </mnt/tmp/out", 120).split()[0], wanted)
            tree_leave(shell)


def stress(emulator):
    """stress-ng checks its own results for ten minutes on four harts and finds nothing."""
    load = ("--cpu 4 --vm 2 --vm-bytes 64M --switch 2 --pipe 2 --fork 2 --futex 2 --mutex 2 "
            "--atomic 2 --matrix 2 --qsort 2 --mmap 2 --signest 1 --fp 1 --timeout 600s --verify")
    with disk_copy("rootfs") as drive:
        with guest.linux(emulator, smp=4, memory="1G", extra=drive) as shell:
            with machine.reporting(shell):
                shell.boot()
                tree_mount(shell)
                print(shell.run(f"chroot /mnt sh -c 'cd /tmp; exec stress-ng {load}'", 3600))
                said = shell.run("dmesg -r | grep '^<[0-3]>' || true")
                guest.expect_equal("what the kernel complains about", said, "")
                tree_leave(shell)


def register(short, long):
    """Enters the cases into the tables of the suite."""
    short["spin"] = spin
    long.update({"fifty": fifty, "compiler": compiler, "stress": stress})
