#!/usr/bin/env python3
"""Counts the results of several test runs in one file, for scripts/check.

tally.py FILE run LABEL BUILD COMMAND...   runs COMMAND (meson test in the folder BUILD), passes on
                                           a line for each test, and adds its results
tally.py FILE add LABEL NAME RESULT        adds one result: OK, FAIL or SKIP
tally.py FILE sum                          prints what failed and was skipped, and as last line
                                           "N passed, N failed"; exit status 0 if some passed and
                                           none failed

A test that failed is run once more, alone, when the others are done: a loaded host is no finding.
Crashes, tests that hang, and what sanitizers and assertions report are, however seldom: those are
not tried again, nor are more failures than a few.
"""
import json
import re
import subprocess
import sys
from pathlib import Path

AGAIN = "AGAIN"  # passed, but only when run again
PASSED = {"OK", "EXPECTEDFAIL", AGAIN}
AGAIN_MAX = 4
OUTPUT_LINES = 60
TEST_LINE = re.compile(r"\s*\d+/\d+ ")
FINDING = re.compile(r"Sanitizer|runtime error:|ssertion|Bail out!|core dumped|"
                     r"SIG(ABRT|SEGV|BUS|ILL|FPE)|status (-\d|139|134)")
# Of a C program on Windows: abort, an access violation, a damaged heap, an overrun stack.
CRASHES_OF_WINDOWS = {3, 5, 116, 253}


def record(file, label, name, result):
    with file.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps([label, name, result]) + "\n")


def output_of(test):
    return "\n".join(test.get(stream) or "" for stream in ("stdout", "stderr")).strip()


def output_tail(test):
    """The end of what a test printed."""
    return "\n".join("    " + line for line in output_of(test).split("\n")[-OUTPUT_LINES:])


def is_finding(test):
    """Whether a failure is one that a second run does not excuse."""
    status = test.get("returncode", 0)
    crashed = status < 0 or status >= 128 or status in CRASHES_OF_WINDOWS
    hung = test["result"] == "TIMEOUT"  # limits are many times what a test needs
    return crashed or hung or bool(FINDING.search(output_of(test)))


def meson_test(label, build, command, base):
    """Runs meson test with logs of that name; returns its exit status, what it said, its tests."""
    log = Path(build) / "meson-logs" / f"{base}.json"
    log.unlink(missing_ok=True)
    said = []
    with subprocess.Popen([*command, "--logbase", base], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace") as process:
        for line in process.stdout:
            said.append(line)
            if TEST_LINE.match(line):
                print(f"  {label}: {line.strip()}", flush=True)
    text = log.read_text(encoding="utf-8") if log.exists() else ""
    return process.returncode, said, [json.loads(line) for line in text.splitlines()]


def passes_again(label, build, command, test, number):
    """Runs one test of "project:suite / name" once more, with nothing beside it."""
    suite, _, name = test["name"].rpartition(" / ")
    print(f"  {label}: {test['name']}: once more, alone", flush=True)
    alone = [*command, "--num-processes", "1", *(["--suite", suite] if suite else []), name]
    status, _, tests = meson_test(label, build, alone, f"testlog-again-{number}")
    return status == 0 and [(one["name"], one["result"]) for one in tests] == [(test["name"], "OK")]


def run(file, label, build, command):
    """Runs meson test; what it says of itself must agree with the log that it leaves."""
    status, said, tests = meson_test(label, build, command, "testlog")
    failed = [test for test in tests if test["result"] not in PASSED | {"SKIP"}]
    for test in failed:
        print(f"  {label}: {test['name']}: {test['result']}\n{output_tail(test)}", flush=True)
    few = len(failed) <= AGAIN_MAX
    for number, test in enumerate(failed, 1):
        if few and not is_finding(test) and passes_again(label, build, command, test, number):
            test["result"] = AGAIN
    for test in tests:
        record(file, label, test["name"], test["result"])
    if status != 0 and not failed:
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
    again = [row for row in passed if row[2] == AGAIN]
    if again:
        print("passed only when run again:")
        for label, name, _ in again:
            print(f"  {label}: {name}")
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
