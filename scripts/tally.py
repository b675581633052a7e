#!/usr/bin/env python3
"""Counts the results of several test runs in one file, for scripts/check.

tally.py FILE run LABEL BUILD COMMAND...   runs COMMAND (meson test in the folder BUILD), passes on
                                           a line for each test, and adds its results
tally.py FILE add LABEL NAME RESULT        adds one result: OK, FAIL or SKIP
tally.py FILE sum                          prints what failed and was skipped, and as last line
                                           "N passed, N failed"; exit status 0 if some passed and
                                           none failed
"""
import json
import re
import subprocess
import sys
from pathlib import Path

PASSED = {"OK", "EXPECTEDFAIL"}
OUTPUT_LINES = 60
TEST_LINE = re.compile(r"\s*\d+/\d+ ")


def record(file, label, name, result):
    with file.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps([label, name, result]) + "\n")


def output_tail(test):
    """The end of what a test printed."""
    text = "\n".join(test.get(stream) or "" for stream in ("stdout", "stderr"))
    return "\n".join("    " + line for line in text.strip().split("\n")[-OUTPUT_LINES:])


def run(file, label, build, command):
    """Runs meson test; what it says of itself must agree with the log that it leaves."""
    log = Path(build) / "meson-logs" / "testlog.json"
    log.unlink(missing_ok=True)
    said = []
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace") as process:
        for line in process.stdout:
            said.append(line)
            if TEST_LINE.match(line):
                print(f"  {label}: {line.strip()}", flush=True)
    text = log.read_text(encoding="utf-8") if log.exists() else ""
    failed = False
    for test in map(json.loads, text.splitlines()):
        record(file, label, test["name"], test["result"])
        if test["result"] not in PASSED | {"SKIP"}:
            failed = True
            print(f"  {label}: {test['name']}: {test['result']}\n{output_tail(test)}", flush=True)
    if process.returncode != 0 and not failed:
        record(file, label, "meson test", "FAIL")
        print("".join(said[-OUTPUT_LINES:]), flush=True)


def summary(file):
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    passed = [row for row in rows if row[2] in PASSED]
    skipped = [row for row in rows if row[2] == "SKIP"]
    failed = [row for row in rows if row not in passed and row not in skipped]
    for label in dict.fromkeys(row[0] for row in rows):
        counts = [sum(row[0] == label for row in part) for part in (passed, failed, skipped)]
        print("{}: {} passed, {} failed, {} skipped".format(label, *counts))
    for word, part in (("skipped", skipped), ("FAILED", failed)):
        for label, name, result in part:
            print(f"{word}: {label}: {name} ({result})")
    print(f"{len(passed)} passed, {len(failed)} failed")
    return 0 if passed and not failed else 1


def main():
    file, verb, *rest = sys.argv[1:]
    if verb == "run":
        run(Path(file), rest[0], rest[1], rest[2:])
    elif verb == "add":
        record(Path(file), *rest)
    elif verb == "sum":
        return summary(Path(file))
    else:
        raise SystemExit(__doc__)
    return 0


if __name__ == "__main__":
    sys.exit(main())
