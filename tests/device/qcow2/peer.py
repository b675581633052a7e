"""Goal: qemu-img finds images whole and as they should be that a test has worked on or
repaired."""
import pathlib
import shutil
import subprocess
import sys
import tempfile

SEEDS, STEPS = 40, 60


def check(*command):
    """Runs a command; what it says if it does not succeed, else an empty text."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return "" if done.returncode == 0 else f"{' '.join(command)}:\n{done.stdout}{done.stderr}"


def main():
    if not shutil.which("qemu-img"):
        print("qemu-img is not installed")
        return 77
    problems = []
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.argv[1], "1000", str(SEEDS), str(STEPS), folder], check=True,
                       stdout=subprocess.DEVNULL, timeout=200)
        models = sorted(pathlib.Path(folder).glob("*-model"))
        for model in models:
            image = str(model).replace("-model", "-image")
            problems += [check("qemu-img", "check", "-f", "qcow2", image),
                         check("qemu-img", "compare", "-f", "qcow2", "-F", "raw", image,
                               str(model))]
    print("".join(problems), end="")
    print(f"{len(models)} images")
    return 1 if any(problems) or len(models) != SEEDS else 0


sys.exit(main())
