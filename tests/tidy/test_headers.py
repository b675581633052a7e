#!/usr/bin/env python3
"""Goal: every header compiles alone. tidy.py makes a source include its own header first, which
proves that one; the others are compiled here, with the options of a source near them."""
import concurrent.futures
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import tidy

# Options with a path of their own that must not be passed on.
DROPPED = {"-o", "-MF", "-MQ", "-c"}


def first_include(file):
    for line in file.read_text(encoding="utf-8").split("\n"):
        if found := tidy.INCLUDE.match(line):
            return found[1]
    return None


def options_of(entry):
    """The compiler and its options from a line of compile_commands.json, without in- and output."""
    words, result = iter(shlex.split(entry["command"])), []
    for word in words:
        if word in DROPPED:
            next(words)
        elif word not in ("-MD", "-MMD"):
            result.append(word)
    return result


def commands(root, build):
    """For each folder with compiled sources, how they are compiled; and the headers proved so."""
    by_folder, proved = {}, set()
    for entry in json.loads((build / "compile_commands.json").read_text(encoding="utf-8")):
        file = (Path(entry["directory"]) / entry["file"]).resolve()
        if file.is_relative_to(root) and not file.is_relative_to(build):
            by_folder.setdefault(file.parent, options_of(entry))
            proved.add(first_include(file))
    return by_folder, proved


def nearest(by_folder, root, header):
    """The options for a header: its folder's, or those of a folder around or below it."""
    for folder in header.parents:
        for known in sorted(by_folder):
            if known == folder or (folder != root and folder in known.parents):
                return by_folder[known]
        if folder == root:
            return next(iter(by_folder.values()), None)
    return None


def compile_alone(command, build, header):
    done = subprocess.run(command + ["-fsyntax-only", "-x", "c", "-"], cwd=build, text=True,
                          input=f'#include "{header}"\n', capture_output=True, check=False)
    return done.returncode == 0 and not done.stderr, done.stderr


def other_host(name, by_folder, root):
    """Whether a header is for a system or a processor that this build is not for."""
    found = re.match("|".join(tidy.rules.HOST_FOLDERS) + r"|emu/jit/host/\w+/", name)
    folder = found and found[0]
    return folder and not any((root / folder) in (known, *known.parents) for known in by_folder)


def main():
    root, build = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
    by_folder, proved = commands(root, build)
    headers = []
    for file in tidy.source_files(root):
        name = file.relative_to(root).as_posix()
        if name.endswith(".h") and tidy.unit_of(name) and name not in proved:
            if not name.startswith(tidy.rules.FOREIGN) and not other_host(name, by_folder, root):
                headers.append((name, nearest(by_folder, root, file)))
    if not by_folder:
        print("nothing is compiled in this build")
        return 77
    with concurrent.futures.ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        results = list(pool.map(lambda pair: compile_alone(pair[1], build, pair[0]), headers))
    bad = [(name, text) for (name, _), (good, text) in zip(headers, results) if not good]
    for name, text in bad:
        print(f"{name} does not compile alone:\n{text}")
    print(f"{len(proved)} proved by their source, {len(headers)} compiled, {len(bad)} failures")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
