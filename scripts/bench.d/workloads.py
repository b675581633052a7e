"""What scripts/bench measures: groups of figures, the guest that each needs, and the goals."""
import dataclasses

import images


@dataclasses.dataclass(frozen=True)
class Group:
    """Figures that belong together; `must` and `aim` are goals for their geometric mean, relative
    to QEMU 10. `guest` names the way of booting (measure.GUESTS) that they need."""

    names: tuple
    guest: str = "plain"
    must: float = 0
    aim: float = 0
    less: bool = False
    native: bool = True


# What is done with a disk, each on an image of both formats.
STORAGE = ("read-1", "read-32", "write-stream", "write-1", "write-32", "read-seq", "write-seq")
STORAGE_FORMATS = ("raw", "qcow2")

GROUPS = {
    "integer": Group(("fib", "interp", "indirect", "divmul", "sieve", "qsort", "sha256", "crc32",
                      "core"), must=2.5, aim=4),
    "float": Group(("nbody", "mandelbrot", "matmul", "linpack", "libm", "convert"),
                   must=10, aim=20),
    "memory": Group(("memcpy", "strings", "triad", "chase-32k", "chase-1m", "chase-64m", "walk"),
                    must=4, aim=8),
    "system": Group(("syscall", "clock", "fork", "exec", "fault", "signal", "pipe", "switch"),
                    must=1.5, aim=3),
    "changing code": Group(("patch", "emit"), must=1.5, aim=4, native=False),
    "cold code": Group(("cold",), must=2, aim=4, native=False),
    "devices": Group(("disk-write", "disk-read", "disk-random", "net"), must=1, native=False),
    "storage": Group(tuple(f"{form}-{name}" for form in STORAGE_FORMATS for name in STORAGE),
                     guest="storage", must=1, aim=2, native=False),
    "images": Group(images.NAMES, guest="images", must=1, less=True, native=False),
    "snapshots": Group(("savevm", "savevm-cpu", "loadvm", "loadvm-cpu", "state"), guest="snapshots",
                       must=1, aim=0.33, less=True, native=False),
    "threads": Group(("sha256-1", "sha256-2", "mutex-2", "pingpong-2"), guest="two harts", must=1),
    "programs": Group(("python", "gcc", "7z", "sqlite", "perl"), guest="programs", must=1.5, aim=3,
                      native=False),
    "boot": Group(("boot",), must=0.6, aim=0.35, less=True, native=False),
    "waiting": Group(("boot-wall", "idle"), must=1, less=True, native=False),
}

# Figures that are not work done in a time but what something costs.
COSTS = {"boot": "CPU s", "boot-wall": "s", "idle": "% CPU"}
COSTS.update((name, "CPU s" if name.endswith("-cpu") else "s")
             for name in (*images.NAMES, *GROUPS["snapshots"].names))
COSTS["state"] = "MiB"


def names_chosen(words):
    """The figures that names of figures and groups stand for, in the order of the groups; raises
    KeyError for a word that is neither. No words stand for all."""
    every = [name for group in GROUPS.values() for name in group.names]
    chosen = set()
    for word in words:
        if word not in GROUPS and word not in every:
            raise KeyError(word)
        chosen.update(GROUPS[word].names if word in GROUPS else (word,))
    return [name for name in every if name in chosen or not words]
