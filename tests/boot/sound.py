"""What a guest plays through SDL arrives at the host's device as it was made: no gap, no click."""
import array
import contextlib
import math
import os
import pathlib
import tempfile

import guest
import machine
import screen

RATE, TONE = 48000, 440
SECONDS = 2.9  # one round of speaker-test is 3 s, and begins and ends with silence
PLAY = f"chroot /mnt speaker-test -D plughw:0 -c 1 -r {RATE} -F S16_LE -t sine -f {TONE} -l 1"


@contextlib.contextmanager
def environment(**values):
    """Sets variables of the environment for a while."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def sine_check(samples, what):
    """Each sample follows from the two before it, as in a sine; silence before and after only."""
    first = next((i for i, value in enumerate(samples) if value), len(samples))
    last = len(samples) - next((i for i, value in enumerate(reversed(samples)) if value), 0)
    tone = samples[first:last]
    if len(tone) < SECONDS * RATE:
        raise machine.Failure(f"{what}: {len(tone) / RATE:.2f} s of sound")
    factor = 2 * math.cos(2 * math.pi * TONE / RATE)
    wrong = [i for i in range(1, len(tone) - 1)
             if abs(tone[i - 1] + tone[i + 1] - factor * tone[i]) > 4]
    if wrong:
        at = wrong[0]
        raise machine.Failure(f"{what}: {len(wrong)} breaks in the sine, the first after "
                              f"{at / RATE:.3f} of {len(tone) / RATE:.3f} s: "
                              f"{tone[max(at - 3, 0):at + 4].tolist()}")
    print(f"{what}: {len(tone) / RATE:.2f} s of a sine without a break", flush=True)


def sound(emulator):
    """speaker-test plays a sine without gap or click, also when guest programs take all harts."""
    with tempfile.TemporaryDirectory(prefix="tinamou-") as folder:
        path = pathlib.Path(folder, "sdl.raw")
        path.touch()
        disk = ["-device", "virtio-sound-device"]
        with environment(SDL_AUDIODRIVER="disk", SDL_DISKAUDIOFILE=str(path)), \
                screen.desktop_guest(emulator, disk) as (shell, _):
            shell.run("/sbin/modprobe sound; sleep 1; test -e /dev/snd/pcmC0D0p")
            for what, load in (("idle", 0), ("busy", 3)):
                for _ in range(load):
                    shell.run("(while :; do :; done) & true")
                shell.run(f"{PLAY} >/run/sound.log 2>&1", 60)
                shell.run("sleep 2")
                data = path.read_bytes()  # SDL begins it anew each time
                sine_check(array.array("h", data[:len(data) // 2 * 2]), what)
            shell.poweroff()


def register(table):
    """Enters the case into a table of the suite."""
    table["sound"] = sound
