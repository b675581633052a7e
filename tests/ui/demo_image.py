#!/usr/bin/env python3
"""The built-in guest's image is what its source makes, bit for bit, and small."""
import pathlib
import shutil
import subprocess
import sys
import tempfile

TOP = pathlib.Path(__file__).resolve().parents[2]
COMPILER = "riscv64-linux-gnu-gcc-12"
VERSION = "(Debian 12.2.0-"
SIZE_MAX = 128 * 1024
SKIP = 77


def main():
    image = (TOP / "demo" / "demo.elf").read_bytes()
    if len(image) > SIZE_MAX:
        sys.exit(f"demo.elf has {len(image)} bytes, at most {SIZE_MAX}")
    if not shutil.which(COMPILER):
        print(f"no {COMPILER} here (Debian: gcc-riscv64-linux-gnu): the image is not compared")
        sys.exit(SKIP)
    said = subprocess.run([COMPILER, "--version"], stdout=subprocess.PIPE, check=True)
    if VERSION.encode() not in said.stdout:
        print(f"this {COMPILER} is not Debian 12's: the image is not compared")
        sys.exit(SKIP)
    with tempfile.TemporaryDirectory(prefix="tinamou-") as folder:
        made = pathlib.Path(folder) / "demo.elf"
        subprocess.run([TOP / "demo" / "build", made], check=True)
        if made.read_bytes() != image:
            sys.exit("demo/demo.elf is not what demo/build makes: run demo/build demo/demo.elf")
    print(f"{len(image)} bytes, the same again")


main()
