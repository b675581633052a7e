#!/usr/bin/env python3
"""Goal: scripts/tally.py counts what meson test left, tries again what may have failed by chance,
and fails when a run broke off or nothing passed."""
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


# A meson test that leaves what it is told in a log: of all tests, or of the one it is asked for.
FAKE = """
import json, pathlib, sys
folder, status, first, again = json.loads(sys.argv[1])
base, name = sys.argv[sys.argv.index("--logbase") + 1], sys.argv[-3]
if base != "testlog":
    assert sys.argv[2:-2] == ["--num-processes", "1", "--suite", "p:s", name], sys.argv
    first = [test for test in again if test["name"] == "p:s / " + name]
    status = int(first[0]["result"] != "OK")
pathlib.Path(folder, "meson-logs", base + ".json").write_text("\\n".join(map(json.dumps, first)))
print(" 1/2 one OK")
print("noise")
sys.exit(status)
"""


def fake_run(folder, file, results, status, again=()):
    """A run of meson test that leaves these results, a list of (name, result, exit status, output)
    each, and this exit status; `again` is what it leaves when a test is asked for alone."""
    (folder / "meson-logs").mkdir(exist_ok=True)
    logs = [[{"name": f"p:s / {name}", "result": result, "returncode": code, "stdout": said}
             for name, result, code, said in part] for part in (results, again)]
    told = json.dumps([str(folder), status, *logs])
    return tally(file, "run", "label", folder, sys.executable, "-c", FAKE, told)


def check(what, actual, expected):
    if actual != expected:
        raise SystemExit(f"{what}: expected {expected}, found {actual}")


def again_check(folder, file):
    """What fails only once is told, but passes; a finding, a second failure or many do not."""
    seldom = ("seldom", "FAIL", 1, "not ok: slow"), ("late", "FAIL", 1, "not ok: later")
    always = ("always", "FAIL", 1, "said by always")
    good = [(test[0], "OK", 0, "") for test in (*seldom, always)]
    file.write_text("")
    _, lines = fake_run(folder, file, [*seldom, always, ("one", "OK", 0, "")], 1,
                        [*good[:2], always])
    check("output of a failure", "    not ok: slow" in lines, True)
    status, lines = tally(file, "sum")
    check("seldom and always", (status, lines[-1]), (1, "3 passed, 1 failed"))
    at = lines.index("passed only when run again:")
    check("told", lines[at + 1:at + 4], ["  label: p:s / seldom", "  label: p:s / late",
                                         "FAILED: label: p:s / always (FAIL)"])
    findings = [("signal", "FAIL", -6, ""), ("windows", "FAIL", 5, ""),
                ("shell", "FAIL", 139, ""), ("sanitizer", "FAIL", 1, "x.c:1: runtime error: shift"),
                ("program", "FAIL", 1, "  tinamou has ended with status -11"),
                ("assertion", "FAIL", 1, "main: Assertion `x' failed."),
                ("hung", "TIMEOUT", -15, "")]
    for finding in findings:
        file.write_text("")
        fake_run(folder, file, [finding], 1, [(finding[0], "OK", 0, "")])
        check(finding[0], tally(file, "sum")[1][-1], "0 passed, 1 failed")
    many = [(f"{number}", "FAIL", 1, "") for number in range(9)]
    file.write_text("")
    fake_run(folder, file, many, 9, [(name, "OK", 0, "") for name, *_ in many])
    check("many", tally(file, "sum")[1][-1], "0 passed, 9 failed")


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = folder / "results"
        file.write_text("")
        check("nothing ran", tally(file, "sum"), (1, ["0 passed, 0 failed"]))
        check("run", fake_run(folder, file, [("one", "OK", 0, ""), ("two", "SKIP", 77, "")], 0),
              (0, ["label: 1/2 one OK"]))
        status, lines = tally(file, "sum")
        check("good", (status, lines[-1]), (0, "1 passed, 0 failed"))
        check("skipped", "skipped: label: p:s / two (SKIP)" in lines, True)
        file.write_text("")
        fake_run(folder, file, [("one", "OK", 0, "")], 2)
        check("broken off", (tally(file, "sum")[0], tally(file, "sum")[1][-1]),
              (1, "1 passed, 1 failed"))
        check("add", tally(file, "add", "label", "build", "FAIL")[0], 0)
        check("added", tally(file, "sum")[1][-1], "1 passed, 2 failed")
        again_check(folder, file)
    print("all as expected")
    return 0


if __name__ == "__main__":
    sys.exit(main())
