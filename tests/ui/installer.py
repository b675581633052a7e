#!/usr/bin/env python3
"""The installer leaves what it should, and nothing once it is removed; needs a session of Wine's.

usage: installer.py PROGRAM       in scripts/win/session
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile

TOP = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = pathlib.Path(sys.argv[1]).resolve()
WRAPPER = os.environ.get("MESON_EXE_WRAPPER", str(TOP / "scripts/win/wine-run")).split()
LIMIT_S = 120
NEXT_VERSION = "9.8.7"
FOREIGN = r"C:\Jürgen Ωλ 日本\with space"
FILES = ("tinamou.exe", "tinamouw.exe", "LICENSE.txt", "licences", "uninstall.exe", "installed.txt")
# Longer than a string of the installer's language can be, and with a name that ours begins with.
LONG_PATH = ";".join([r"%LOCALAPPDATA%\Programs\Tinamou2"] + [rf"C:\some\folder{i:03}"
                                                              for i in range(90)])
UNINSTALL = r"Software\Microsoft\Windows\CurrentVersion\Uninstall\Tinamou"
OURS = ("tinamou", r"user\environment", r"classes\.elf", r"classes\.img")
LOOP = b"\x6f\x00\x00\x00"


def check(condition, what):
    if not condition:
        sys.exit(f"not ok: {what}")


def wine(*arguments, status=0):
    """Output of a Windows program that ends with that status. It goes through a file, because the
    system's own processes, which live on, keep the streams of who starts them first."""
    with tempfile.TemporaryFile() as file:
        done = subprocess.run([*WRAPPER, *map(str, arguments)], stdin=subprocess.DEVNULL,
                              stdout=file, stderr=file, timeout=LIMIT_S, check=False)
        file.seek(0)
        out = file.read().decode(errors="replace").replace("\r\n", "\n")
    check(done.returncode == status, f"{arguments}: {done.returncode} {out}")
    return out


def host_path(path):
    """Where Wine keeps what Windows programs call by this path."""
    drive, rest = path.split(":", 1)
    below = pathlib.Path(os.environ["WINEPREFIX"]) / "dosdevices" / f"{drive.lower()}:"
    return below / rest.strip("\\").replace("\\", "/")


def setup(installer, *options, folder=None, status=0):
    """As a shell starts it: the folder is not quoted, whatever is in it."""
    line = " ".join([f"Z:{installer}".replace("/", "\\"), "/S", *options,
                     *([f"/D={folder}"] if folder else [])])
    wine("cmd.exe", "/c", line, status=status)


def registry(folder):
    """What is in the user's registry that is ours or that we may have touched, as text."""
    file = folder / "user.reg"
    wine("reg.exe", "export", "HKCU", f"Z:{file}".replace("/", "\\"), "/y")
    keys = file.read_text(encoding="utf-16").replace("\\\n  ", "").split("\n\n")
    file.unlink()
    return {key.split("]")[0].lower(): key for key in keys
            if any(ours in key.lower() for ours in OURS)}


def text_of(keys, key, name):
    """The text or number of a value in what registry() returned; None if there is none."""
    text = keys.get(f"[hkey_current_user\\{key}".lower(), "")
    found = re.search(rf"^{re.escape(name)}=(.*)$", text, re.M)
    if not found:
        return None
    value = found.group(1)
    if value.startswith("hex(2):"):
        return bytes.fromhex(value[7:].replace(",", "")).decode("utf-16-le").rstrip("\0")
    return value[1:-1].replace("\\\\", "\\").replace('\\"', '"')


def link(places):
    return places["appdata"] / "Microsoft/Windows/Start Menu/Programs/Tinamou.lnk"


def files_below(places):
    """All files of the user but temporary ones, and what else the test may leave."""
    roots = [places["local"], places["appdata"], host_path(FOREIGN).parent]
    return sorted(str(path) for root in roots for path in root.rglob("*")
                  if "/Temp" not in str(path) and "/Logs" not in str(path))


def check_installed(installed, folder, version, places, work):
    for name in FILES:
        check((installed / name).exists(), f"{name} in {installed}")
    check(len(list((installed / "licences").iterdir())) >= 10, "the licences of the libraries")
    check(link(places).exists(), "the start menu entry")
    keys = registry(work)
    for name, wanted in (('"DisplayVersion"', version), ('"InstallLocation"', folder)):
        check(text_of(keys, UNINSTALL, name) == wanted, f"{name} {wanted}: {keys}")
    check(text_of(keys, "Environment", '"Path"') == f"{LONG_PATH};{folder}", "the end of PATH")
    command = text_of(keys, r"Software\Classes\Tinamou.Image\shell\open\command", "@")
    check(command == f'"{folder}\\tinamouw.exe" "%1"', f"open with: {command}")
    check('"Tinamou.Image"' in keys[r"[hkey_current_user\software\classes\.elf\openwithprogids"],
          "open .elf with it")


def check_refusal(installer, installed, work, folder):
    """An installation that is in use stays whole."""
    before = (installed / "tinamou.exe").stat()
    (work / "loop").write_bytes(LOOP)
    child = subprocess.Popen(
        [*WRAPPER, installed / "tinamou.exe", "-M", "virt", "-m", "16M", "-display", "none",
         "-serial", "none", "-monitor", "stdio", "-bios", work / "loop", "-pidfile", work / "pid"],
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + LIMIT_S
        while not (work / "pid").exists():
            check(child.poll() is None and time.monotonic() < until, "a guest runs")
            time.sleep(0.05)
        setup(installer, folder=folder, status=3)
        shutil.copy(installed / "uninstall.exe", work)  # to where no name has a space
        setup(work / "uninstall.exe", f"_?={folder}", status=3)
        check((installed / "tinamou.exe").stat().st_mtime == before.st_mtime, "nothing changed")
        child.communicate(b"quit\n", timeout=LIMIT_S)
    finally:
        child.kill()


def check_desktop_start(folder, places):
    """Started without streams, the window program says in its log why it failed (and in a dialog,
    which nobody answers here)."""
    log = places["local"] / "Tinamou/Logs/tinamouw.log"
    wine("start.exe", folder + r"\tinamouw.exe", "docter")
    until = time.monotonic() + LIMIT_S
    while not log.exists() or "did you mean 'doctor'" not in log.read_text():
        check(time.monotonic() < until, f"{log} says why")
        time.sleep(0.1)
    wine("taskkill.exe", "/F", "/IM", "tinamouw.exe")


def uninstall(installed):
    wine(installed / "uninstall.exe", "/S")
    until = time.monotonic() + LIMIT_S
    while installed.exists():  # it works on in the background
        check(time.monotonic() < until, f"uninstalled: {list(installed.rglob('*'))}")
        time.sleep(0.1)


def round_trip(setups, version, folder, places, work):
    """Install, run, upgrade, change options, remove; what was there before is there after."""
    files, keys = files_below(places), registry(work)
    asked, folder = folder, folder or places["windows_local"] + r"\Programs\Tinamou"
    installed = host_path(folder)
    setup(setups[0], folder=asked)
    check_installed(installed, folder, version, places, work)
    check(version in wine(installed / "tinamou.exe", "--version"), "it runs")
    check('"ok":true' in wine(installed / "tinamou.exe", "demo", "--headless",
                              "--json").replace(" ", ""), "the demo passes")
    check_desktop_start(folder, places)
    check_refusal(setups[1], installed, work, folder)
    with (installed / "installed.txt").open("ab") as listed:
        listed.write(b"licences\\obsolete.txt\r\n")
    (installed / "licences/obsolete.txt").write_text("of an older version\n")
    setup(setups[1])  # goes where the first one went
    check_installed(installed, folder, NEXT_VERSION, places, work)
    check(not (installed / "licences/obsolete.txt").exists(), "an upgrade removes old files")
    setup(setups[1], "/PATH=0", "/STARTMENU=0", "/FILETYPES=0")
    check(text_of(registry(work), "Environment", '"Path"') == LONG_PATH, "PATH without us")
    check(not link(places).exists(), "no start menu entry")
    setup(setups[1])  # keeps the choice
    check(not link(places).exists(), "the choice is remembered")
    setup(setups[1], "/PATH=1", "/STARTMENU=1", "/FILETYPES=1")
    check_installed(installed, folder, NEXT_VERSION, places, work)
    machine = places["local"] / "Tinamou/Machines/bird"
    machine.mkdir(parents=True)
    uninstall(installed)
    check(machine.exists(), "machines stay")
    shutil.rmtree(machine.parents[1])
    check(files_below(places) == files, f"files: {set(files) ^ set(files_below(places))}")
    after = registry(work)
    check(after == keys, f"registry: {set(after.items()) ^ set(keys.items())}")


def contents(folder):
    """Every file of a folder and what is in it."""
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def check_full_disk(setups, archive, version):
    """A disk that gets full leaves the version that was there, or nothing."""
    folder = r"C:\full\Tinamou"
    disk = host_path(folder).parent
    disk.mkdir()
    with zipfile.ZipFile(archive) as files:
        size = sum(file.file_size for file in files.infolist())
    for limit, there in ((size // 2, False), (size * 7 // 4, True)):
        mount = ["mount", "-t", "tmpfs", "-o", f"size={limit}", "tmpfs", disk]
        if subprocess.run(mount, stderr=subprocess.DEVNULL, check=False).returncode:
            print("skipped the full disk: nobody but root may mount a small one")
            break
        try:
            if there:
                setup(setups[0], folder=folder)
            before = contents(disk)
            setup(setups[1], folder=folder, status=2)
            check(contents(disk) == before, f"the disk as before: {list(disk.rglob('*'))}")
            if there:
                check(version in wine(host_path(folder) / "tinamou.exe", "--version"), "it runs")
                uninstall(host_path(folder))
            check(not list(disk.iterdir()), f"nothing is left: {list(disk.rglob('*'))}")
        finally:
            subprocess.run(["umount", disk], check=True)
    disk.rmdir()


def check_portable(archive, places):
    """The archive runs from anywhere, and keeps to its folder."""
    folder = host_path(FOREIGN).parent
    with zipfile.ZipFile(archive) as files:
        files.extractall(folder)
    program = next(folder.glob("Tinamou-*/tinamou.exe"))
    check("(portable)" in wine(program, "doctor"), "portable")
    shutil.rmtree(program.parent)


def main():
    if not shutil.which("makensis"):
        print("no makensis here")
        sys.exit(77)
    if "WINEPREFIX" not in os.environ:
        print("run this in scripts/win/session: it changes the user's registry")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as name:
        work = pathlib.Path(name)
        build = [TOP / "installer/win32/build", "--quick"]
        built = subprocess.run([*build, PROGRAM.parents[1], work], check=True,
                               stdout=subprocess.PIPE, text=True).stdout.split()
        version = pathlib.Path(built[0]).name.split("-")[1]
        after = subprocess.run([*build, "--version", NEXT_VERSION, PROGRAM.parents[1], work],
                               check=True, stdout=subprocess.PIPE, text=True).stdout.split()
        host_path(FOREIGN).parent.mkdir(exist_ok=True)
        said = wine("cmd.exe", "/c", "echo %LOCALAPPDATA%;%APPDATA%").strip().split(";")
        places = {"windows_local": said[0], "local": host_path(said[0]),
                  "appdata": host_path(said[1])}
        wine("reg.exe", "add", r"HKCU\Environment", "/v", "Path", "/t", "REG_EXPAND_SZ", "/d",
             LONG_PATH, "/f")
        for folder in (None, FOREIGN):
            began = time.monotonic()
            round_trip((built[0], after[0]), version, folder, places, work)
            print(f"ok {folder} in {time.monotonic() - began:.1f} s", flush=True)
        check_full_disk((built[0], after[0]), built[1], version)
        check_portable(built[1], places)


main()
