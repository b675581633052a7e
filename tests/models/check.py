#!/usr/bin/env python3
"""Goal: Spin proves a model, and finds every bug that was seeded into it.

A model's first comment says how: a line `holds: FLAGS` must have no error, `fails: FLAGS` at least
one. FLAGS are for the preprocessor. Exit 77 (skipped) where there is no Spin."""
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

LINE = re.compile(r"^ \* (holds|fails):(.*)$", re.MULTILINE)
ERRORS = re.compile(r"errors: (\d+)")
COMPLETE = "Search not completed"


def run(command, folder):
    return subprocess.run(command, cwd=folder, text=True, capture_output=True, timeout=280,
                          check=False)


def errors_of(model, flags, compiler):
    """How many errors Spin finds, or what went wrong before it could look."""
    with tempfile.TemporaryDirectory() as folder:
        made = run(["spin", "-a", *flags, str(model)], folder)
        if made.returncode != 0 or "Error" in made.stdout + made.stderr:
            return made.stdout + made.stderr
        made = run([*compiler, "-O2", "-w", "-DSAFETY", "-DCOLLAPSE", "-o", "pan", "pan.c"], folder)
        if made.returncode != 0:
            return made.stderr
        done = run(["./pan", "-m200000"], folder).stdout
        found = ERRORS.search(done)
        if not found or (COMPLETE in done and found[1] == "0") or "max search depth" in done:
            return done
        return int(found[1])


def main():
    model, compiler = Path(sys.argv[1]).resolve(), sys.argv[2:] or ["cc"]
    if not shutil.which("spin"):
        print("no spin here: skipped")
        return 77
    checks = LINE.findall(model.read_text(encoding="utf-8"))
    wrong = 0 if any(want == "fails" for want, _ in checks) else 1
    for want, flags in checks:
        errors = errors_of(model, flags.split(), compiler)
        good = isinstance(errors, int) and (errors > 0) == (want == "fails")
        wrong += not good
        print(f"{'ok' if good else 'WRONG'}: {model.name} {want} with '{flags.strip()}': {errors}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
