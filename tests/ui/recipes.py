#!/usr/bin/env python3
"""The package managers' recipes can be filled in, and what reads their formats accepts them."""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

TOP = pathlib.Path(__file__).resolve().parents[2]
SUM = "0123456789abcdef" * 4
VALUES = ["--url", "https://example.org/tinamou.tar.gz", "--sha256", SUM,
          "--homepage", "https://example.org/", "--maintainer", "A Packager <a@example.org>",
          "--installer-url", "https://example.org/setup.exe", "--installer-sha256", SUM.upper()]
CHECKS = [
    ("shellcheck", ["-s", "bash", "-e", "SC2034,SC2154,SC2164", "msys2/PKGBUILD"]),
    ("ruby", ["-c", "homebrew/tinamou.rb"]),
    ("yamllint", ["-s", "-c", TOP / ".yamllint", "winget"]),
    ("dpkg-parsechangelog", ["-l", "debian/changelog", "--all"]),
    ("make", ["-n", "-f", "debian/rules", "build"]),
]
# What the schemas of winget's manifests require of each.
WINGET = {
    "Tinamou.Tinamou.yaml": {"PackageIdentifier", "PackageVersion", "DefaultLocale"},
    "Tinamou.Tinamou.installer.yaml": {"PackageIdentifier", "PackageVersion", "Installers"},
    "Tinamou.Tinamou.locale.en-US.yaml": {"PackageIdentifier", "PackageVersion", "PackageLocale",
                                          "Publisher", "PackageName", "License",
                                          "ShortDescription"},
}


def check(condition, what):
    if not condition:
        sys.exit(f"not ok: {what}")


def main():
    missing = []
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([TOP / "installer/recipes/fill", "--out", folder, *VALUES], check=True)
        for path in pathlib.Path(folder).rglob("*"):
            if path.is_file():
                check(not re.search(r"@[A-Z]", path.read_text()), f"{path.name} is filled in")
        for name, required in WINGET.items():
            text = (pathlib.Path(folder) / "winget" / name).read_text()
            keys = set(re.findall(r"^(\w+):", text, re.M))
            check(required | {"ManifestType", "ManifestVersion"} <= keys, f"{name}: {keys}")
        for tool, arguments in CHECKS:
            if not shutil.which(tool):
                missing.append(tool)
                continue
            done = subprocess.run([tool, *arguments], cwd=folder, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True)
            check(done.returncode == 0, f"{tool}: {done.stdout}")
            print(f"ok {tool}")
    if missing:
        print(f"not here, so not asked: {' '.join(missing)}")
        sys.exit(77)


main()
