#!/usr/bin/env python3
"""Goal: what a caller must not do ends the process at once, and the last words name the object.

usage: misuse.py PROGRAM      (misuses.c)
"""
import os
import re
import subprocess
import sys

COMMAND = [*os.environ.get("MESON_EXE_WRAPPER", "").split(), os.path.abspath(sys.argv[1])]
LIMIT_S = 100

# What stderr must say.
PAST = [r"(?s)aio: context 'misused' .*; its last events.* bottom half 'ran-before', 0\."
        r".* timer 'fired-before', 0\..* wait 'over', "]
MISUSES = {
    "nest-without-end": ["polls nest without end", "dispatches in 'dive'"],
    "poll-from-elsewhere": ["polled by its home thread alone"],
    "leak-bh": ["bottom half 'leaked-bh' was not deleted", "context 'misused' is not polled;"],
    "leak-oneshot": ["one-shot bottom half 'leaked-once' never ran"],
    "leak-timer": ["timer 'leaked-timer' is still armed"],
    "leak-handler": ["handler '.*' was not removed"],
    "delete-twice": ["deleted twice"],
    "schedule-deleted": ["scheduled after its delete"],
    "set-running-clock": ["running"],
    "enter-twice": ["coroutine"],
    "schedule-twice": ["scheduled"],
    "poll-in-coroutine": ["a coroutine yields, it does not poll", "'polls' was running"],
    "overflow-stack": ["'overflows' was running"],
    "fail-in-callback": ["an assertion of the callback's", *PAST],
    "fault-in-callback": PAST,
    "fault-elsewhere": PAST,
}


def run(name):
    child = subprocess.run([*COMMAND, name], stdin=subprocess.DEVNULL, capture_output=True,
                           timeout=LIMIT_S, check=False)
    return child.returncode, child.stderr.decode(errors="replace").replace("\r\n", "\n")


def fault_of(name):
    """What is wrong with the end of this misuse, or None."""
    status, text = run(name)
    if "Sanitizer:DEADLYSIGNAL" in text:
        return None  # which has taken faults, and tells of them in its own words
    wrong = [word for word in MISUSES[name] if not re.search(word, text)]
    if status in (0, 2):
        wrong.append("an end by force")
    return f"expected: {wrong}\nstatus {status}, stderr:\n{text}" if wrong else None


def main():
    faults = {name: fault_of(name) for name in MISUSES}
    for name, fault in faults.items():
        print(f"not ok {name}\n{fault}" if fault else f"ok {name}")
    return any(faults.values())


if __name__ == "__main__":
    sys.exit(main())
