"""A whole Debian on a disk: systemd, files, fio, network and ssh, checked from both sides."""
import contextlib
import hashlib
import http.server
import os
import pathlib
import subprocess
import tempfile
import threading

import guest
import machine

DOWNLOAD = 100 << 20

# A busy host may take minutes for what systemd expects within 90 seconds.
PATIENCE = ("systemd.default_device_timeout_sec=900 systemd.default_timeout_start_sec=900 "
            "udev.event_timeout=900")


class Debian(guest.Guest):
    """A booted Debian with root's shell on the console."""

    limit = 900
    shell = r"root@tinamou:\S*# "

    def boot(self):
        """Logs in when the system has come up."""
        self.expect("tinamou login: ", self.limit)
        self.send("root\n")
        self.prompt()
        self.send("bind 'set enable-bracketed-paste off'; stty columns 1000\n")
        self.prompt()
        state = self.run("systemctl is-system-running --wait || systemctl --failed", 600)
        guest.expect_equal("the system's state", state, "running")


class FileHandler(http.server.BaseHTTPRequestHandler):
    """Serves one file's bytes and says nothing about it."""

    data = b""

    def do_GET(self):
        """Answers every path alike."""
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.data)))
        self.end_headers()
        self.wfile.write(self.data)

    def log_message(self, *_):
        """Nothing: the test's output is for what went wrong."""


def command_make(emulator, disk, smp):
    """The emulator's command line for the root file system on a disk."""
    words = "root=/dev/vda " + PATIENCE
    return [*guest.linux_command(emulator, smp=smp, memory="2G", append=words),
            "-drive", f"if=none,id=disk,format=raw,file={disk}",
            "-device", "virtio-blk-device,drive=disk", "-device", "virtio-rng-device",
            "-netdev", "user,id=net,hostfwd=tcp:127.0.0.1:0-:22",
            "-device", "virtio-net-device,netdev=net"]


def files_check(shell):
    """Copies of many files and of a large one are what they were, read back from the disk."""
    drop = "sync && echo 3 >/proc/sys/vm/drop_caches"
    shell.run(f"cp -a /usr/share /root/copy && {drop}", 900)
    shell.run("diff -r --no-dereference /usr/share /root/copy", 900)
    shell.run("dd if=/dev/urandom of=/root/large bs=1M count=200 status=none", 600)
    first = shell.run("sha256sum </root/large", 600)
    shell.run(f"cp /root/large /root/large2 && rm /root/large && {drop}", 600)
    guest.expect_equal("a copy's checksum", shell.run("sha256sum </root/large2", 600), first)
    shell.run("rm -r /root/copy /root/large2", 600)


def fio_check(shell):
    """fio finds every block that it wrote as it wrote it."""
    common = "--filename=/root/fio --size=64M --verify=crc32c --verify_fatal=1 --group_reporting"
    shell.run(f"fio --name=random --rw=randwrite --bs=4k --ioengine=libaio --iodepth=16 "
              f"--direct=1 {common} >/tmp/fio 2>&1 || (tail -n 20 /tmp/fio; false)", 900)
    shell.run(f"fio --name=mixed --rw=randrw --bs=4k-128k --ioengine=psync --fsync=64 "
              f"{common} >/tmp/fio 2>&1 || (tail -n 20 /tmp/fio; false)", 900)
    shell.run("rm /root/fio")


def download_check(shell):
    """A large file comes whole through the user network."""
    FileHandler.data = os.urandom(1 << 20) * (DOWNLOAD >> 20)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), FileHandler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://10.0.2.2:{server.server_address[1]}/file"
        found = shell.run(f"curl -sS -f -o /root/file {address} && sha256sum </root/file", 900)
        server.shutdown()
    wanted = hashlib.sha256(FileHandler.data).hexdigest()
    guest.expect_equal("the download's checksum", found.split()[0], wanted)


def ssh_check(image, port, folder):
    """ssh through the forwarded port: a command, and a file there and back."""
    key = pathlib.Path(folder, "key")
    key.write_bytes(pathlib.Path(image + ".key").read_bytes())
    key.chmod(0o600)
    ssh = ["ssh", "-i", str(key), "-p", str(port), "-o", "StrictHostKeyChecking=no", "-o",
           "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "-o", "BatchMode=yes", "-o",
           "ConnectTimeout=120", "root@127.0.0.1"]
    data = os.urandom(10 << 20)
    for command, sent, wanted in (("uname -m", b"", b"riscv64\n"),
                                  ("tee /root/sent | cat; sync", data, data),
                                  ("cat /root/sent", b"", data)):
        done = subprocess.run([*ssh, command], input=sent, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=600, check=False)
        if done.returncode or done.stdout != wanted:
            raise machine.Failure(f"ssh {command!r}: exit status {done.returncode}, "
                                  f"{len(done.stdout)} bytes, {done.stderr.decode()}")


@contextlib.contextmanager
def disk_copy():
    """A folder, the image that is in the cache, and a copy of it in that folder."""
    image = machine.guest_script("rootfs")
    with tempfile.TemporaryDirectory(prefix="tinamou-", dir=os.path.dirname(image)) as folder:
        disk = os.path.join(folder, "disk.ext4")
        subprocess.run(["cp", "--sparse=always", image, disk], check=True)
        yield folder, image, disk


def power_button(emulator):
    """A Debian without a keyboard hears the power button: systemd-logind turns it off."""
    with disk_copy() as (_, _, disk):
        command = command_make(emulator, disk, 2)
        with Debian(command) as shell, machine.reporting(shell):
            shell.boot()
            shell.run("grep -q 'AT .* Set 2 keyboard' /proc/bus/input/devices")
            shell.send("\x01c")
            shell.expect(r"\(\w+\) ", 30)
            shell.send("system_powerdown\n")
            shell.expect("Powering off|Power down|reboot: Power", 300)
            shell.end(300)


def debian_root(emulator):
    """Debian from a disk: systemd, copies, fio, ping, a download, ssh, stress, poweroff."""
    with disk_copy() as (folder, image, disk):
        with Debian(command_make(emulator, disk, 2)) as shell, machine.reporting(shell):
            shell.boot()
            print(shell.run("systemd-analyze time | head -n 1"), flush=True)
            shell.run("ping -c 5 -W 10 10.0.2.2")
            for check in (download_check, files_check, fio_check):
                check(shell)
                print(f"{check.__name__} done", flush=True)
            ssh_check(image, shell.forwarded_port(60), folder)
            print("ssh_check done", flush=True)
            shell.run("stress-ng --cpu 2 --vm 2 --vm-bytes 64M --switch 2 --timeout 20s --verify",
                      300)
            said = shell.run("dmesg --facility=kern --level=emerg,alert,crit,err")
            guest.expect_equal("what the kernel complains about", said, "")
            shell.limit = 300
            shell.send("poweroff\n")
            shell.end(300)
        path = os.environ["PATH"] + ":/sbin:/usr/sbin"
        checked = subprocess.run(["e2fsck", "-f", "-n", disk], stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT, check=False,
                                 env={**os.environ, "PATH": path})
        if checked.returncode:
            raise machine.Failure(f"the disk's file system is damaged: {checked.stdout.decode()}")


def register(table):
    """Enters the cases into a table of the suite."""
    table["debian-root"] = debian_root
    table["power-button"] = power_button
