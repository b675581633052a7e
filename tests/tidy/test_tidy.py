#!/usr/bin/env python3
"""Goal: tidy.py finds every kind of violation when one is planted, and nothing in a clean tree."""
import sys
import tempfile
from pathlib import Path

import tidy

CLEAN = {
    "platform/clock.h": "/* Time. */\n#pragma once\n\n/* Now. */\nint clock_now(void);\n",
    "platform/posix/clock.c": '/* Time. */\n#include "platform/clock.h"\n\n#include <unistd.h>\n',
    "emu/mem/bus.h": "/* Bus. */\n#pragma once\n\nstruct bus;\n\n/* Reads\n * one. */\n"
                     "int bus_read(struct bus *bus,\n             int a);\n",
    "emu/mem/bus.c": '/* Not _WIN32. */\n#include "emu/mem/bus.h"\n\nchar *n = "__linux__";\n',
    "emu/cpu/hart.c": '/* Hart. */\n#include "emu/mem/bus.h"\n\n#include "platform/clock.h"\n',
    "tests/meson.build": "test('bus', executable('test_bus', 'test_bus.c'))\n",
    "tests/test_bus.c": '/* Goal: buses. */\n#include "emu/mem/bus.h"\n',
    "scripts/run": "#!/bin/sh\nexit 0\n",
}

ONCE = "/* A. */\n#pragma once\n"
LONG_BODY = "/* F. */\nint f(void)\n{\n" + "    f();\n" * 71 + "}\n"
LONG_PYTHON = "def f():\n" + "    f()\n" * 71

# What is planted where, and what must be said about it.
PLANTED = [
    ("emu/mem/a.c", '/* A. */\n#include "emu/cpu/hart.h"\n', "emu/mem must not include emu/cpu"),
    ("emu/cpu/a.c", '/* A. */\n#include "emu/dev/irq.h"\n', "emu/cpu must not include emu/dev"),
    ("emu/riscv/a.c", '/* A. */\n#include "emu/jit/ir.h"\n', "emu/riscv must not include emu/jit"),
    ("emu/board/a.c", '/* A. */\n#include "emu/machine.h"\n', "emu/board must not include emu"),
    ("emu/machine.c", '/* A. */\n#include "emu/control/qmp.h"\n', "must not include emu/control"),
    ("aio/a.c", '/* A. */\n#include "emu/mem/bus.h"\n', "aio must not include emu/mem"),
    ("platform/a.h", '/* A. */\n#pragma once\n#include "aio/context.h"\n', "must not include aio"),
    ("emu/mem/a.c", '/* A. */\n#include "platform/win32/x.h"\n', "include platform/win32"),
    ("emu/mem/a.c", '/* A. */\n#include "bus.h"\n', "written from the root"),
    ("emu/mem/bus.c", '/* A. */\n#include <glib.h>\n#include "emu/mem/bus.h"\n', "first include"),
    ("emu/mem/a.c", "/* A. */\n#include <sys/mman.h>\n", "host header <sys/mman.h>"),
    ("ui/a.c", "/* A. */\n#include <windows.h>\n", "host header <windows.h>"),
    ("emu/mem/a.c", "/* A. */\n#include <immintrin.h>\n", "processor header"),
    ("tests/a.c", "/* A. */\n#ifdef _WIN32\n#endif\n", "_WIN32 outside"),
    ("emu/mem/a.c", "/* A. */\nint a = __linux__;\n", "__linux__ outside"),
    ("emu/riscv/a.c", "/* A. */\n#if defined(__x86_64__)\n#endif\n", "__x86_64__ outside"),
    ("platform/a.h", "/* A. */\n#pragma once\n#if 1\n#endif\n", "#if in the door"),
    ("emu/block/a.c", '/* A. */\nvoid *a = fopen("x", "r");\n', "fopen() has a door"),
    ("emu/dev/a.c", "/* A. */\n#include <slirp/libslirp.h>\n", "belongs to emu/net/"),
    ("ui/a.c", "/* A. */\n#include <glib-object.h>\n", "belongs to nobody"),
    ("emu/mem/a.c", "/* A. */\n" + "int a;\n" * 600, "601 lines"),
    ("emu/mem/a.c", LONG_BODY, "function body of 71 lines"),
    ("emu/mem/gen.py", LONG_PYTHON, "function of 71 lines"),
    ("emu/mem/a.c", "/* " + "a" * 98 + " */\n", "104 columns"),
    ("scripts/run", "#!/bin/sh\n" + "#" * 101 + "\n", "101 columns"),
    ("scripts/run", "#!/bin/sh\n\texit 0\n", "tab or trailing"),
    ("emu/mem/a.c", "/* A. */\nint a; \n", "tab or trailing"),
    ("emu/mem/a.c", "/* A. */\nint a;", "no newline"),
    ("emu/mem/a.c", "/* A. TOD" + "O: b */\n", "mark without an issue"),
    ("emu/mem/a.c", "/* A. FIX" + "ME */\n", "mark without an issue"),
    ("emu/mem/a.h", "#pragma once\n", "the first line"),
    ("tests/test_bus.c", "int a;\n", "the first line"),
    ("emu/mem/a.h", "/* A. */\n", "without #pragma once"),
    ("emu/mem/a.h", ONCE + "\nint a(void);\n", "without a comment"),
    ("emu/mem/a.h", ONCE + "/* A. */\nint a(void);\nint b(\n    int c);\n", "a.h:5"),
    ("emu/mem/a.h", ONCE + "\nstatic inline int a(void)\n{\n}\n", "without a comment"),
    ("emu/mem/a.h", ONCE + "\nextern int a;\n", "without a comment"),
    ("emu/other/a.c", "/* A. */\n#ifdef _WIN32\n#endif\n", "not in a folder"),
    ("lib/a.c", "/* A. */\n", "not in a folder"),
    ("tests/test_other.c", "/* A. */\n", "no meson.build runs"),
]


def problems_of(files):
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name, text in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text, encoding="utf-8")
        return tidy.check_tree(root)[0]


def main():
    failures = [f"clean tree: {what}" for what in problems_of(CLEAN)]
    for name, text, expected in PLANTED:
        found = problems_of(CLEAN | {name: text})
        if not any(what.startswith(name) and expected in what for what in found):
            failures.append(f"{name}: expected '{expected}', found {found}")
        failures += [f"{name}: besides: {what}" for what in found if not what.startswith(name)]
    print("\n".join(failures))
    print(f"{len(PLANTED)} planted, {len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
