"""Shows that the boot tests fail when they should: on emulators that only pretend."""
import pathlib
import subprocess
import sys
import tempfile

import guest  # noqa: F401  (finds machine)
import machine

RUN = str(pathlib.Path(__file__).resolve().parent / "run")

# A case, what the pretended emulator does, its exit status, and words of the complaint.
PRETENCES = [
    ("builtin", "pass", 1, "ended before the console showed"),
    ("builtin", "print('tinamou:~# ', flush=True); input(); sys.exit(3)", 1, "ended before"),
    ("bad-input", "sys.exit(0)", 1, "exit status 0 instead of 1"),
    ("bad-input", "sys.exit('always the same words')", 1, "does not speak of"),
    ("bad-input", "sys.exit(' '.join(sys.argv) + str(open('made', 'a').write('x')))", 1,
     "created or changed"),
    ("selftest", "print('SELFTEST PASS', flush=True)", 1, "did not check harts"),
    ("nonsense", "pass", 1, "no such case"),
]


def console_check():
    """A console is read across pieces, from where the last expectation ended."""
    script = ("import sys, time\nfor text in ('fir', 'st\\nsec', 'ond\\n'):\n"
              "    sys.stdout.write(text); sys.stdout.flush(); time.sleep(0.05)\n"
              "sys.stdout.write('got ' + input() + '\\n'); sys.stdout.flush()\nsys.exit(7)")
    with machine.Machine([sys.executable, "-c", script]) as program:
        program.expect("first", 20)
        program.expect("second", 20)
        program.send("word\n")
        program.expect("got word", 20)
        assert program.wait(20) == 7
        try:
            program.expect("first", 1)
        except machine.Failure:
            return
        raise AssertionError("an expectation was met by what had been shown before")


def pretence_check(case, does, status, words):
    """The case ends with this exit status and complaint when the emulator does this."""
    with tempfile.TemporaryDirectory() as folder:
        script = pathlib.Path(folder, "pretended.py")
        script.write_text(f"import sys\n{does}\n")
        done = subprocess.run([sys.executable, RUN, case, "--", sys.executable, str(script)],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False, timeout=200)
    said = done.stdout.decode()
    if done.returncode == machine.SKIP:
        print(said)
        sys.exit(machine.SKIP)
    assert done.returncode == status and words in said, f"{case}: {done.returncode}: {said}"


def main():
    """Checks the console first, then every pretence."""
    console_check()
    for pretence in PRETENCES:
        pretence_check(*pretence)
    print(f"{len(PRETENCES)} pretences seen through")


if __name__ == "__main__":
    main()
