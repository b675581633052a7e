"""What the tests of the image tool share: running programs, in a folder of one's own."""
import atexit
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

WRAPPER = os.environ.get("MESON_EXE_WRAPPER", "").split()
LIMIT_S = 120
passed = 0
children = []
folder = tempfile.mkdtemp(prefix="tinamou-img-")


@atexit.register
def clean_up():
    """What a failed check left running would outlive the test."""
    for child in children:
        if child.poll() is None:
            child.kill()
            child.wait()
    os.chdir("/")
    shutil.rmtree(folder, ignore_errors=True)


def skip(why):
    print(why)
    sys.exit(77)


def need(*tools):
    missing = [tool for tool in tools if not shutil.which(tool)]
    if missing:
        skip(f"not installed: {' '.join(missing)}")


def check(condition, what):
    global passed
    if not condition:
        sys.exit(f"not ok: {what}")
    passed += 1


def finish():
    print(f"ok: {passed} checks")


def run(*command, limit_s=LIMIT_S, **keywords):
    """Returns exit status, output and errors."""
    command = [str(word) for word in command]
    keywords.setdefault("stdin", subprocess.DEVNULL if "input" not in keywords else None)
    if "input" in keywords:
        del keywords["stdin"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=limit_s, cwd=folder,
                              **keywords)
        # One process in some hundred that Wine 8 is to start ends at once, and says nothing.
        if WRAPPER and done.returncode == 1 and not done.stdout + done.stderr:
            print(f"once more: {' '.join(command)}")
            done = subprocess.run(command, capture_output=True, timeout=limit_s, cwd=folder,
                                  **keywords)
    except subprocess.TimeoutExpired:
        sys.exit(f"not ok: {' '.join(command)} does not end")
    return (done.returncode, done.stdout.decode().replace("\r\n", "\n"),
            done.stderr.decode().replace("\r\n", "\n"))


def good(*command, **keywords):
    """The output of a command that must succeed."""
    status, out, errors = run(*command, **keywords)
    check(status == 0, f"{' '.join(map(str, command))}: {status}\n{out}{errors}")
    return out


def parsed(*command):
    return json.loads(good(*command))


def start(*command, ready, **keywords):
    """Starts what runs beside the test, and waits until `ready(child)` says so."""
    child = subprocess.Popen([str(word) for word in command], cwd=folder,
                             stdin=subprocess.DEVNULL, **keywords)
    children.append(child)
    until = time.monotonic() + LIMIT_S
    while not ready(child):
        check(child.poll() is None, f"{command[0]} goes on")
        check(time.monotonic() < until, f"{command[0]} gets ready")
        time.sleep(0.02)
    return child


def listens(name):
    """Whether somebody accepts connections at a unix socket, which is there a moment earlier."""
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(os.path.join(folder, name)) == 0


def stop(child):
    child.terminate()
    try:
        return child.wait(LIMIT_S)
    except subprocess.TimeoutExpired:
        sys.exit("not ok: a server does not end")


def write(name, data):
    """What is zeros stays a hole."""
    with open(os.path.join(folder, name), "wb") as file:
        for at in range(0, len(data), 65536):
            if any(data[at:at + 65536]):
                file.seek(at)
                file.write(data[at:at + 65536])
        file.truncate(len(data))


def read(name):
    with open(os.path.join(folder, name), "rb") as file:
        return file.read()


def exists(name):
    return os.path.exists(os.path.join(folder, name))
