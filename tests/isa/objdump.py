#!/usr/bin/env python3
"""Goal: the disassembler prints what binutils prints, over random instructions of every row.

objdump.py ISA_TEXT [SEED [COUNT]]       exit status 77 when there is no riscv64 binutils
objdump.py ISA_TEXT --golden FILE        writes the golden list, which binutils agrees with
"""
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PREFIXES = ("riscv64-linux-gnu-", "riscv64-unknown-elf-")
ARCH = "rv64imafdc_zicsr_zifencei_zba_zbb_zbs_zicbom_zicboz_zicbop_svinval_zihintpause"


def words_and_texts(isa_text, seed, count):
    out = subprocess.run([isa_text, "random", str(seed), str(count)], check=True, text=True,
                         capture_output=True).stdout
    return [line.split(" ", 1) for line in out.splitlines()]


def objdump(prefix, words):
    """What binutils prints for each word, each placed at address 0 of a section of its own."""
    with tempfile.TemporaryDirectory() as folder:
        source, binary = Path(folder) / "x.s", Path(folder) / "x.o"
        lines = [f".attribute arch, \"{ARCH}\"", ".option norelax"]
        for n, word in enumerate(words):
            lines.append(f'.section .t{n}, "ax"\n.{len(word) // 2}byte 0x{word}')
        source.write_text("\n".join(lines) + "\n", encoding="utf-8")
        subprocess.run([prefix + "as", "-march=" + ARCH, "-o", binary, source], check=True)
        out = subprocess.run([prefix + "objdump", "-D", "-z", binary], check=True, text=True,
                             capture_output=True).stdout
    texts, section = {}, None
    for line in out.splitlines():
        if found := re.match(r"Disassembly of section \.(?:t(\d+))?", line):
            section = int(found[1]) if found[1] else None
        elif section is not None and (found := re.match(r"\s+0:\s+[0-9a-f ]+?\s+([a-z].*)", line)):
            texts[section] = found[1]
    return [texts.get(n, "?") for n in range(len(words))]


def same(ours, theirs):
    """Whether two texts say the same. Binutils prints immediate forms under the general name, c.mv
    as mv but add from x0 not so, shows compressed hints as such, knows CSRs of other extensions,
    and does not know conversions to double with an explicit rounding mode."""
    mine, _, operands = ours.partition(" ")
    name, _, want = theirs.partition(" ")
    if theirs == "?":
        return mine.startswith("fcvt.d.")
    if name.startswith("c."):
        return mine in ("nop", "lui", "srli", "srai", "slli", "li", "mv", "add", "addi")
    if mine == "mv" and theirs == f"add {operands},0":
        return True
    if mine == "mv" and name == "add":
        return want == operands.replace(",", ",zero,")
    if mine.startswith("csr"):
        tokens = zip(operands.split(","), want.split(","))
        want = ",".join(a if a.startswith("0x") and b.isidentifier() else b for a, b in tokens)
    return operands == want and (mine == name or re.sub(r"i(?=w?(\.uw)?$)", "", mine) == name)


def normal(text):
    """Binutils' text in this disassembler's spelling: one blank, no comments, targets as 0x..."""
    text = re.sub(r"\s*(#|//).*", "", text).strip().replace("\t", " ")
    text = re.sub(r"(^|[ ,])(?:0x)?([0-9a-f]+) <[^>]*>$", r"\g<1>0x\2", text)
    return text


def main():
    isa_text, *rest = sys.argv[1:]
    prefix = next((p for p in PREFIXES if shutil.which(p + "objdump")), None)
    if prefix is None:
        print("no riscv64 binutils")
        return 77
    golden = rest[1] if rest[:1] == ["--golden"] else None
    seed = int(rest[0]) if rest and not golden else 1
    count = int(rest[1]) if not golden and len(rest) > 1 else 3 if golden else 20
    print("seed", seed)
    ours = words_and_texts(isa_text, seed, count)
    theirs = [normal(text) for text in objdump(prefix, [word for word, _ in ours])]
    if golden:
        lines = [f"{word} {text}\n" for word, text in ours]
        Path(golden).write_text("".join(lines), encoding="utf-8")
    differ = [(w, a, b) for (w, a), b in zip(ours, theirs) if not same(a, b)]
    for word, mine, their in differ[:60]:
        print(f"{word}: '{mine}', binutils '{their}'")
    print(f"{len(ours)} instructions, {len(differ)} differ")
    return 1 if differ else 0


sys.exit(main())
