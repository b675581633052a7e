#!/usr/bin/env python3
"""Goal: scripts/tally.py counts what meson test left, notices a run that broke off, and fails when
nothing passed."""
import json
import subprocess
import sys
import tempfile
from pathlib import Path

TALLY = Path(sys.argv[1]) / "scripts" / "tally.py"


def tally(file, *arguments):
    done = subprocess.run([sys.executable, TALLY, file, *arguments], capture_output=True, text=True,
                          check=False)
    return done.returncode, done.stdout.strip().split("\n")


def fake_run(folder, file, results, status):
    """A run of meson test that leaves these results (name to result) and this exit status."""
    (folder / "meson-logs").mkdir(exist_ok=True)
    lines = [json.dumps({"name": name, "result": result, "stdout": f"said by {name}"})
             for name, result in results.items()]
    log = str(folder / "meson-logs" / "testlog.json")
    script = (f"import pathlib, sys; pathlib.Path({log!r}).write_text({chr(10).join(lines)!r});"
              f"print(' 1/2 one OK'); print('noise'); sys.exit({status})")
    return tally(file, "run", "label", folder, sys.executable, "-c", script)


def check(what, actual, expected):
    if actual != expected:
        raise SystemExit(f"{what}: expected {expected}, found {actual}")


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = folder / "results"
        file.write_text("")
        check("nothing ran", tally(file, "sum"), (1, ["0 passed, 0 failed"]))
        check("run", fake_run(folder, file, {"one": "OK", "two": "SKIP"}, 0),
              (0, ["label: 1/2 one OK"]))
        status, lines = tally(file, "sum")
        check("good", (status, lines[-1]), (0, "1 passed, 0 failed"))
        check("skipped", "skipped: label: two (SKIP)" in lines, True)
        _, lines = fake_run(folder, file, {"three": "FAIL", "four": "TIMEOUT"}, 1)
        check("output of a failure", "    said by three" in lines, True)
        status, lines = tally(file, "sum")
        check("bad", (status, lines[-1]), (1, "1 passed, 2 failed"))
        file.write_text("")
        fake_run(folder, file, {"one": "OK"}, 2)
        check("broken off", (tally(file, "sum")[0], tally(file, "sum")[1][-1]),
              (1, "1 passed, 1 failed"))
        check("add", tally(file, "add", "label", "build", "FAIL")[0], 0)
        check("added", tally(file, "sum")[1][-1], "1 passed, 2 failed")
    print("all as expected")
    return 0


if __name__ == "__main__":
    sys.exit(main())
