"""Cases of the boot suite that drive devices from outside: keys, pointers, ports."""
import base64
import hashlib
import re
import socket
import struct
import threading
import time

import guest
import machine

MONITOR = "\x01c"  # from the guest's console to the monitor, and back
EV_KEY, EV_REL, EV_ABS = 1, 2, 3
REL_X, REL_Y, REL_WHEEL, REL_WHEEL_HI_RES = 0, 1, 8, 11
KEY_CODES = {"a": 30, "b": 48, "1": 2, "f2": 60, "shift": 42, "ctrl": 29, "right": 106, "ret": 28}
BTN_LEFT, BTN_RIGHT = 0x110, 0x111
INPUT = ["-device", "virtio-keyboard-device", "-device", "virtio-tablet-device",
         "-device", "virtio-mouse-device"]


def monitor(shell, commands):
    """Gives commands to the monitor, in order."""
    shell.send(MONITOR)
    for command in commands:
        shell.expect(r"\(\w+\) ", 30)
        shell.send(command + "\n")
    shell.expect(r"\(\w+\) ", 30)
    shell.send(MONITOR + "\n")
    shell.prompt()


def events_read(shell, name):
    """The events that a reader in the guest has seen so far, without the ends of their frames."""
    data = base64.b64decode(shell.run(f"base64 /tmp/{name}"))
    events = [struct.unpack_from("<16xHHi", data, at) for at in range(0, len(data), 24)]
    return [event for event in events if event[0] != 0]


def chord(*keys):
    """What a press of keys together looks like: down in order, up in reverse."""
    codes = [KEY_CODES[key] for key in keys]
    return [(EV_KEY, code, 1) for code in codes] + [(EV_KEY, code, 0) for code in codes[::-1]]


def keys_check(shell):
    """Each key comes once, in order."""
    chords = [("a",), ("b",), ("shift", "1"), ("ctrl", "right"), ("f2",)] * 8 + [("ret",)]
    monitor(shell, ["sendkey " + "-".join(keys) + " 10" for keys in chords])
    wanted = [event for keys in chords for event in chord(*keys)]
    shell.run(f"for i in $(seq 100); do [ $(wc -c </tmp/event0) -ge {24 * 2 * len(wanted)} ] && "
              "break; usleep 100000; done")
    guest.expect_equal("what the keyboard sent", events_read(shell, "event0"), wanted)


def pointers_check(shell):
    """A tablet has places and clicks; the mouse has what a tablet cannot say."""
    monitor(shell, ["mouse_position 1000 2000", "mouse_button 1", "mouse_button 0",
                    "mouse_position 32767 0", "mouse_button 4", "mouse_button 0"])
    tablet = [(EV_ABS, 0, 1000), (EV_ABS, 1, 2000), (EV_KEY, BTN_LEFT, 1), (EV_KEY, BTN_LEFT, 0),
              (EV_ABS, 0, 32767), (EV_ABS, 1, 0), (EV_KEY, BTN_RIGHT, 1), (EV_KEY, BTN_RIGHT, 0)]
    guest.expect_equal("what the tablet sent", events_read(shell, "event1"), tablet)
    monitor(shell, ["mouse_move 5 -7", "mouse_button 1", "mouse_button 0"])
    mouse = [(EV_REL, REL_X, 5), (EV_REL, REL_Y, -7), (EV_KEY, BTN_LEFT, 1), (EV_KEY, BTN_LEFT, 0)]
    guest.expect_equal("what the mouse sent", events_read(shell, "event2"), mouse)


def input_devices(emulator):
    """Keys and clicks of the monitor reach the guest's evdev once and in order."""
    with guest.linux(emulator, extra=INPUT) as shell, machine.reporting(shell):
        shell.boot()
        shell.run("/sbin/modprobe input")
        for name in ("event0", "event1", "event2"):
            shell.run(f"(cat /dev/input/{name} >/tmp/{name} &)")
        keys_check(shell)
        pointers_check(shell)
        shell.poweroff()


def port_check(shell, peer, path):
    """A megabyte goes each way whole, and each side sees the other leave."""
    data = bytes(range(256)) * 4096
    shell.run(f"exec 5<>{path}")
    sender = threading.Thread(target=peer.sendall, args=(data,))
    sender.start()
    guest.expect_equal("what the guest read", shell.run(f"head -c {len(data)} <&5 | md5sum"),
                       hashlib.md5(data).hexdigest() + "  -")
    sender.join()
    shell.run(f"(head -c {len(data)} /dev/zero | tr '\\0' x >&5 &)")
    got = bytearray()
    while len(got) < len(data):
        got += peer.recv(65536)
    guest.expect_equal("what the host read", bytes(got), b"x" * len(data))
    peer.close()
    guest.expect_equal("what is left to read", shell.run("cat <&5"), "")


def port_heard(shell, limit=30):
    """The port that the emulator chose to listen on, and tells when it starts."""
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        for line in list(shell.said):
            found = re.search(r" listens on 127\.0\.0\.1:(\d+)$", line)
            if found:
                shell.said.remove(line)
                return int(found.group(1))
        time.sleep(0.1)
    raise machine.Failure("the emulator does not say where it listens")


def ports(emulator):
    """A port of virtio-serial has its name, carries bytes both ways, and tells of an open end."""
    extra = ["-device", "virtio-serial-device",
             "-chardev", "socket,id=s,host=127.0.0.1,port=0,server=on,wait=off",
             "-device", "virtserialport,chardev=s,name=org.tinamou.test"]
    with guest.linux(emulator, extra=extra) as shell, machine.reporting(shell):
        shell.boot()
        guest.expect_equal("the port's name", shell.run("cat /sys/class/virtio-ports/*/name"),
                           "org.tinamou.test")
        with socket.create_connection(("127.0.0.1", port_heard(shell)), 30) as peer:
            peer.settimeout(60)
            port_check(shell, peer, "/dev/vport0p1")
        shell.poweroff()


def register(table):
    """Enters the cases into the table of the suite."""
    table["input"] = input_devices
    table["ports"] = ports
