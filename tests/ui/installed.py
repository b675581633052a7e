#!/usr/bin/env python3
"""What `meson install` puts into a folder is complete, and the tools of its formats accept it.

usage: installed.py BUILD_FOLDER
"""
import pathlib
import shutil
import subprocess
import sys
import tempfile

BUILD = pathlib.Path(sys.argv[1])
METAINFO = pathlib.Path(__file__).resolve().parents[2] / "installer/posix/metainfo.xml.in"
EXPECTED = """
bin/tinamou bin/tinamouw share/man/man1/tinamou.1 share/man/man1/tinamouw.1
share/applications/*.desktop
share/icons/hicolor/scalable/apps/tinamou.svg share/icons/hicolor/16x16/apps/tinamou.png
share/icons/hicolor/256x256/apps/tinamou.png
share/bash-completion/completions/tinamou share/zsh/site-functions/_tinamou
share/fish/vendor_completions.d/tinamou.fish
""".split()
CHECKS = [
    (["desktop-file-validate"], "*.desktop"),
    (["appstreamcli", "validate", "--no-net", "--explain"], "*.metainfo.xml"),
    (["mandoc", "-T", "lint", "-W", "warning"], "tinamou.1"),
    (["bash", "-n"], "completions/tinamou"),
    (["zsh", "-n"], "_tinamou"),
    (["fish", "-n"], "tinamou.fish"),
]
COMPLETE = """
. "$1"
COMP_WORDS=(tinamou -no) COMP_CWORD=1
_tinamou
echo "${COMPREPLY[@]}"
"""


def check(condition, what):
    if not condition:
        sys.exit(f"not ok: {what}")


def metainfo(name):
    """AppStream's data as a distributor has it installed: see the option app_id."""
    text = METAINFO.read_text().replace("@ID@", name).replace("@VERSION@", "1.0")
    return text.replace("@URLS@", '  <url type="homepage">https://example.org/</url>\n')


def main():
    missing = []
    with tempfile.TemporaryDirectory() as name:
        root = pathlib.Path(name)
        subprocess.run(["meson", "install", "-C", BUILD, "--no-rebuild", "--quiet", "--destdir",
                        root], check=True)
        for pattern in EXPECTED:
            check(len(list(root.glob(f"**/{pattern}"))) == 1, f"one {pattern}")
        (root / "org.example.tinamou.metainfo.xml").write_text(metainfo("org.example.tinamou"))
        for command, pattern in CHECKS:
            if not shutil.which(command[0]):
                missing.append(command[0])
                continue
            file, = root.glob(f"**/{pattern}")
            done = subprocess.run([*command, file], stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True)
            check(done.returncode == 0, f"{command[0]} {file.name}: {done.stdout}")
            print(f"ok {command[0]}")
        words = subprocess.run(["bash", "-c", COMPLETE, "bash",
                                next(root.glob("**/completions/tinamou"))],
                               stdout=subprocess.PIPE, text=True, check=True).stdout.split()
        check("-nographic" in words and "-no-reboot" in words, f"completions of -no: {words}")
        program, = root.glob("**/bin/tinamou")
        shown = subprocess.run([program, "--version"], stdout=subprocess.PIPE, text=True,
                               check=True).stdout
        check(shown.startswith("tinamou "), f"it runs: {shown}")
    if missing:
        print(f"not here, so not asked: {' '.join(missing)}")
        sys.exit(77)


main()
