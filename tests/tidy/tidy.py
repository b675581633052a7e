#!/usr/bin/env python3
"""Holds the tree to its numbers and its layers: prints "file:line: what is wrong", exits 1."""
import ast
import re
import sys
from pathlib import Path

import rules

TEXT_SUFFIXES = {".c", ".h", ".py", ".sh", ".S", ".isa", ".def", ".inc", ".pml", ".nsi", ".yml"}
TEXT_NAMES = {"meson.build", "meson_options.txt"}
NOT_CODE = re.compile(
    r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.DOTALL)
MARK = re.compile(r"\b(FIX[M]E|X[X]X|HAC[K])\b|\bTOD[O]\b(?!\(#\d+\))")
INCLUDE = re.compile(r'\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)')
FUNCTION = re.compile(r"[\w\s*]*?[\w*]\s*\b\w+\s*\(")


def unit_of(path):
    """The unit a file or an include belongs to, or None."""
    whole = path.rpartition("/")[0]
    name = whole
    while name and name not in rules.MAY_INCLUDE:
        name = name.rpartition("/")[0]
    return None if name in rules.WITHOUT_SUBFOLDERS and name != whole else name or None


def blank(text):
    """The text with comments, strings and character constants as spaces, line for line."""
    return NOT_CODE.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)


def check_text(path, text, lines):
    if len(lines) > rules.FILE_MAX:
        yield 1, f"{len(lines)} lines, at most {rules.FILE_MAX}"
    if not text.endswith("\n"):
        yield len(lines), "no newline at the end"
    for number, line in enumerate(lines, 1):
        if len(line) > rules.COLUMNS_MAX:
            yield number, f"{len(line)} columns, at most {rules.COLUMNS_MAX}"
        if "\t" in line or line != line.rstrip():
            yield number, "tab or trailing space"
        if MARK.search(line):
            yield number, "a mark without an issue: write TOD" + "O(#123)"


def check_python(path, text, lines):
    for node in ast.walk(ast.parse(text, path)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            if (length := node.end_lineno - node.lineno) > rules.FUNCTION_MAX:
                yield node.lineno, f"function of {length} lines, at most {rules.FUNCTION_MAX}"


def check_functions(code):
    """Function bodies: a brace alone in the first column opens one and closes it."""
    opened = None
    for number, line in enumerate(code, 1):
        if line.rstrip() == "{":
            opened = number
        elif line.rstrip() == "}" and opened is not None:
            if (length := number - opened - 1) > rules.FUNCTION_MAX:
                yield opened, f"function body of {length} lines, at most {rules.FUNCTION_MAX}"
            opened = None


def check_host(path, code):
    for number, line in enumerate(code, 1):
        if not path.startswith(rules.HOST_FOLDERS):
            if found := rules.HOST_MACRO.search(line):
                yield number, f"{found[0]} outside platform/<os> and aio-<os>"
            if not path.startswith("tests/") and (found := rules.HOST_CALL.search(line)):
                yield number, f"{found[1]}() has a door in platform/ or a clock object"
        if not path.startswith(rules.PROCESSOR_FOLDERS):
            if found := rules.PROCESSOR_MACRO.search(line):
                yield number, f"{found[0]} outside emu/jit/host"
        if re.match(r"platform/\w+\.h$", path) and re.match(r"\s*#\s*if", line):
            yield number, "#if in the door to the host"


def check_quoted_include(path, target):
    unit, other = unit_of(path), unit_of(target)
    if other is None:
        yield f'"{target}" must be written from the root: "layer/..."'
    elif other != unit and other not in rules.MAY_INCLUDE[unit]:
        yield f"{unit} must not include {other}"


def check_angle_include(path, target):
    if rules.HOST_HEADER.fullmatch(target) and not path.startswith(rules.HOST_FOLDERS):
        yield f"host header <{target}> outside platform/<os> and aio-<os>"
    if rules.PROCESSOR_HEADER.fullmatch(target) and not path.startswith(rules.PROCESSOR_FOLDERS):
        yield f"processor header <{target}> outside emu/jit/host"
    for pattern, folders in rules.LIBRARIES.items():
        if re.match(pattern, target) and not path.startswith(folders + ("tests/",)):
            yield f"<{target}> belongs to {' '.join(folders) or 'nobody'}"


def check_includes(path, lines, code, exists):
    own = path[:-2] + ".h"
    first = True
    for number, line in enumerate(lines, 1):
        if not (code[number - 1].strip() and (found := INCLUDE.match(line))):
            continue
        quoted, angle = found.groups()
        check = check_quoted_include if quoted else check_angle_include
        for what in check(path, quoted or angle):
            yield number, what
        if first and path.endswith(".c") and exists(own) and quoted != own:
            yield number, f'the first include must be "{own}"'
        first = False


def declarations(code):
    """(line, text) of each declaration at the top level of a header, up to its ; or its body."""
    depth, start, text, directive = 0, None, "", False
    for number, line in enumerate(code, 1):
        if directive or line.lstrip().startswith("#"):
            directive = line.rstrip().endswith("\\")
            continue
        for char in line + "\n":
            if depth == 0 and char in ";{":
                if start is not None:
                    yield start, text.strip()
                start, text = None, ""
            elif depth == 0 and not char.isspace() and char != "}":
                start, text = start or number, text + char
            elif depth == 0:
                text += char
            depth += (char == "{") - (char == "}")


def check_header(lines, code):
    if "#pragma once" not in lines:
        yield 1, "header without #pragma once"
    for number, text in declarations(code):
        if text.startswith(("typedef", "static_assert", "_Static_assert", "struct {", "enum {")):
            continue
        if not (FUNCTION.match(text) or text.startswith("extern")):
            continue
        if number < 2 or not lines[number - 2].rstrip().endswith("*/"):
            yield number, "declaration without a comment that states its contract"


def check_c(path, text, lines, exists):
    code = blank(text).split("\n")
    yield from check_functions(code)
    if path.startswith(rules.FOREIGN):
        return
    if unit_of(path) is None:
        yield 1, "not in a folder that rules.py knows"
        return
    if re.search(r"\.h$|/test_\w+\.c$", path) and not text.startswith("/*"):
        yield 1, "the first line must say what this is: /* ..."
    yield from check_host(path, code)
    yield from check_includes(path, lines, code, exists)
    if path.endswith(".h"):
        yield from check_header(lines, code)


def check_registered(path, root):
    """A test must stand in a meson.build between it and tests/, as test_x or as 'x'."""
    name = Path(path).stem
    for folder in list(Path(path).parents)[:-1]:
        build = root / folder / "meson.build"
        text = build.read_text(encoding="utf-8") if build.exists() else ""
        if re.search(rf"\b{name}\b|'{name.removeprefix('test_')}'", text):
            return
    yield 1, "test that no meson.build runs"


def is_text(file):
    if file.suffix in TEXT_SUFFIXES or file.name in TEXT_NAMES:
        return True
    if file.suffix:
        return False
    with file.open("rb") as stream:
        return stream.read(2) == b"#!"


def source_files(root):
    """Every file whose text is ours, without build folders, caches and git's own."""
    for file in sorted(root.rglob("*")):
        parts = file.relative_to(root).parts
        if parts[0] == ".git" or parts[0].startswith("build") or "__pycache__" in parts:
            continue
        if file.is_file() and not file.is_symlink() and is_text(file):
            yield file


def check_file(root, file):
    path = file.relative_to(root).as_posix()
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        yield f"{path}:1: not UTF-8"
        return
    lines = text.split("\n")[:-1] if text.endswith("\n") else text.split("\n")
    found = list(check_text(path, text, lines))
    if path.endswith((".c", ".h")):
        found += check_c(path, text, lines, lambda name: (root / name).exists())
    if path.endswith(".py") or (lines and lines[0].startswith("#!") and "python" in lines[0]):
        found += check_python(path, text, lines)
    if re.match(r"tests/.*test_\w+\.(c|py)$", path):
        found += check_registered(path, root)
    for line, what in sorted(found):
        yield f"{path}:{line}: {what}"


def check_tree(root):
    files = list(source_files(root))
    return [problem for file in files for problem in check_file(root, file)], len(files)


def main():
    problems, count = check_tree(Path(sys.argv[1]).resolve())
    print("\n".join(problems))
    print(f"{len(problems)} problems in {count} files")
    return 1 if problems or count == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
