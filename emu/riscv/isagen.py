#!/usr/bin/env python3
"""Turns rv64.isa and rvc.isa into tables for C, or says which row is wrong.

isagen.py rv64.isa rvc.isa isa_rows.h isa_tables.h     (run by meson)
"""
import re
import sys
from itertools import combinations

COLUMNS = [7, 5, 5, 3, 5, 7]  # widths of a 32-bit pattern's columns

# Field -> (bits of the word as (lowest, width), role in the decoded instruction).
FIELDS = {
    "rd": ([(7, 5)], "rd:X"), "rs1": ([(15, 5)], "rs1:X"), "rs2": ([(20, 5)], "rs2:X"),
    "fd": ([(7, 5)], "rd:F"), "fs1": ([(15, 5)], "rs1:F"), "fs2": ([(20, 5)], "rs2:F"),
    "fs3": ([(27, 5)], "rs3:F"), "zimm": ([(15, 5)], "rs1:NUMBER"), "rm": ([(12, 3)], "rm"),
    "i12": ([(20, 12)], "imm:I"), "s12": ([(7, 5), (25, 7)], "imm:S"),
    "b12": ([(7, 5), (25, 7)], "imm:B"), "u20": ([(12, 20)], "imm:U"),
    "j20": ([(12, 20)], "imm:J"), "sh6": ([(20, 6)], "imm:SHAMT6"),
    "sh5": ([(20, 5)], "imm:SHAMT5"), "csr": ([(20, 12)], "imm:CSR"),
    "aqrl": ([(25, 2)], "imm:AQRL"), "fence": ([(20, 12)], "imm:FENCE"),
    "pf7": ([(25, 7)], "imm:PREFETCH"),
    "skip12": ([(20, 12)], None), "skiprs1": ([(15, 5)], None), "skiprd": ([(7, 5)], None),
}
# Letter of a format's text -> the fields it may stand for.
LETTERS = {
    "d": ["rd"], "s": ["rs1"], "t": ["rs2"], "D": ["fd"], "S": ["fs1"], "T": ["fs2"], "R": ["fs3"],
    "m": ["rm"], "e": ["rm"], "i": ["i12", "s12", "pf7"], "h": ["sh6", "sh5"], "p": ["b12", "j20"],
    "u": ["u20"], "c": ["csr"], "z": ["zimm"], "f": ["fence"],
}
# Where bit n of an immediate lies in the word: value bits, from bit 0 up; None: it must be 0.
IMMEDIATES = {
    "i12": list(range(20, 32)), "s12": [*range(7, 12), *range(25, 32)],
    "b12": [None, *range(8, 12), *range(25, 31), 7, 31],
    "j20": [None, *range(21, 31), 20, *range(12, 20), 31],
    "u20": list(range(12, 32)), "sh6": list(range(20, 26)), "sh5": list(range(20, 25)),
}
SHIFT = {"rd": 7, "fd": 7, "rs1": 15, "fs1": 15, "rs2": 20, "fs2": 20}
RVC_REGISTERS = {"rd": (7, 5), "rs2": (2, 5), "rd'": (2, 3), "rs1'": (7, 3), "rs2'": (2, 3)}
CONSTANTS = {"zero": 0, "0": 0, "ra": 1, "sp": 2}


def fail(where, what):
    sys.exit(f"{where}: {what}")


def mask_of(runs):
    return sum(((1 << width) - 1) << low for low, width in runs)


def lines_of(path):
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if words := line.split("#")[0].split():
                yield f"{path}:{number}", words


def pattern_of(where, columns, width):
    bits = "".join(columns)
    if len(bits) != width or set(bits) - set("01."):
        fail(where, f"{len(bits)} pattern bits, want {width} of 0, 1 and .")
    match = int(bits.replace(".", "0"), 2)
    dots = int(bits.translate(str.maketrans("01.", "001")), 2)
    return match, ((1 << width) - 1) ^ dots


class Format:
    def __init__(self, where, name, text, fields):
        self.name, self.text, self.fields = name, text, fields
        for field in fields:
            if field not in FIELDS:
                fail(where, f"unknown field {field}")
        masks = [mask_of(FIELDS[field][0]) for field in fields]
        self.dots = sum(masks)
        if any(a & b for a, b in combinations(masks, 2)):
            fail(where, "two fields own the same bit")
        self.order = [self.field_of(where, letter) for letter in re.findall("[A-Za-z]", text)]

    def field_of(self, where, letter):
        for field in LETTERS.get(letter, []):
            if field in self.fields:
                return field
        fail(where, f"'{letter}' in the text is no field of format {self.name}")

    def role(self, role, default="NONE"):
        for field in self.fields:
            if (found := FIELDS[field][1]) and found.split(":")[0] == role:
                return found.partition(":")[2] or "true"
        return default


class Row:
    def __init__(self, where, name, match, mask, format, uop, ext, hint):
        self.where, self.name, self.match, self.mask = where, name, match, mask
        self.format, self.uop, self.ext, self.hint = format, uop, ext, hint
        self.id = re.sub(r"\W", "_", name)


class Rv64:
    """rv64.isa: formats, rows, pseudo-instructions."""

    def __init__(self, path):
        self.formats, self.rows, self.pseudos, self.exts = {}, [], [], []
        ext, hint = None, False
        for where, words in lines_of(path):
            if words[0] == "format":
                self.formats[words[1]] = Format(where, words[1], words[2], words[3:])
            elif words[0] in ("ext", "hint"):
                ext, hint = words[1], words[0] == "hint"
                self.exts.append(ext)
            elif words[0] == "pseudo":
                ext = "pseudo"
            elif ext == "pseudo":
                self.add_pseudo(where, words)
            else:
                self.add_row(where, words, ext, hint)
        self.check()

    def pattern(self, where, words):
        if len(words) < 8 or [len(column) for column in words[1:7]] != COLUMNS:
            fail(where, f"want a name and columns of {COLUMNS} bits")
        match, mask = pattern_of(where, words[1:7], 32)
        if match & 3 != 3 or mask & 3 != 3:
            fail(where, "a 32-bit instruction ends in 11")
        return match, mask

    def add_row(self, where, words, ext, hint):
        match, mask = self.pattern(where, words)
        if len(words) != 9 or words[7] not in self.formats:
            fail(where, "want a known format and a micro-op")
        format = self.formats[words[7]]
        if mask ^ 0xFFFFFFFF != format.dots:
            fail(where, f"dots {mask ^ 0xFFFFFFFF:#x}, format {words[7]} has {format.dots:#x}")
        uop = words[8].replace(".", "_")
        self.rows.append(Row(where, words[0], match, mask, format, uop, ext, hint))

    def add_pseudo(self, where, words):
        match, mask = self.pattern(where, words)
        same = words[8:] == ["rs1=rs2"]
        if not same and len(words) != 8:
            fail(where, "want operands, and at most rs1=rs2 after them")
        self.pseudos.append((where, words[0], match, mask, words[7], same))

    def check(self):
        covers = lambda a, b: a.mask & b.mask == a.mask and b.match & a.mask == a.match
        for a, b in combinations(self.rows, 2):
            if (a.match ^ b.match) & a.mask & b.mask == 0:
                if not ((a.hint and covers(b, a)) or (b.hint and covers(a, b))) or a.hint == b.hint:
                    fail(b.where, f"{a.name} and {b.name} match the same word")
        if len({row.name for row in self.rows}) != len(self.rows):
            fail("rv64.isa", "two rows have the same name")
        for where, name, match, mask, text, _ in self.pseudos:
            parents = [row for row in self.rows if not row.hint and covers(row, Row(
                where, name, match, mask, None, "", "", False))]
            if len(parents) != 1:
                fail(where, f"{name} is a case of {len(parents)} rows, want 1")
            for letter in re.findall("[A-Za-z]", text):
                parents[0].format.field_of(where, letter)

    def buckets(self):
        """Row numbers by bits 6..2 and 14..12, special cases first."""
        for index in range(256):
            word, mask = (index & 31) << 2 | index >> 5 << 12 | 3, 0x707F
            found = [n for n, row in enumerate(self.rows)
                     if (word ^ row.match) & mask & row.mask == 0]
            yield sorted(found, key=lambda n: not self.rows[n].hint)


def bits_of(text):
    """'5:4|9' -> [5, 4, 9]"""
    for run in text.split("|"):
        high, _, low = run.partition(":")
        yield from range(int(high), int(low or high) - 1, -1)


class Compressed:
    """One row of rvc.isa as a base word and bit moves from the halfword into it."""

    def __init__(self, where, words, rv64, immediates):
        last = next(n for n, word in enumerate(words) if n and set(word) - set("01."))
        self.where, self.name = where, words[0]
        self.match, self.mask = pattern_of(where, words[1:last], 16)
        rules = [word for word in words[last:] if "!=" in word]
        operands = [word for word in words[last + 1:] if "!=" not in word]
        target = next((row for row in rv64.rows if row.name == words[last]), None)
        if target is None or len(operands) != len(target.format.order):
            fail(where, "alias is no row of rv64.isa, or has other operands")
        self.base, self.sign, self.moves, self.used, self.imm_bits = target.match, 0, [], 0, 0
        if "rm" in target.format.fields or "fs3" in target.format.fields:
            fail(where, "no compressed form has rm or a third source")
        for field, operand in zip(target.format.order, operands):
            if field in SHIFT:
                self.add_register(where, SHIFT[field], operand)
            elif operand != "0":
                self.add_immediate(where, IMMEDIATES[field], immediates.get(operand))
        if self.used != self.mask ^ 0xFFFF:
            fail(where, f"operands {self.used:#06x} are not the dots {self.mask ^ 0xFFFF:#06x}")
        self.rules = [self.rule(where, text) for text in rules]

    def add_register(self, where, shift, operand):
        if operand in CONSTANTS:
            self.base |= CONSTANTS[operand] << shift
            return
        if operand not in RVC_REGISTERS:
            fail(where, f"unknown operand {operand}")
        low, width = RVC_REGISTERS[operand]
        self.base |= 8 << shift if width == 3 else 0
        self.used |= mask_of([(low, width)])
        self.moves.append((low, width, shift))

    def add_immediate(self, where, places, immediate):
        if immediate is None:
            fail(where, "unknown immediate")
        signed, sources, values = immediate
        if max(values) >= len(places):
            fail(where, "the immediate does not fit its alias")
        singles = []
        for source, value in zip(sources, values):
            self.imm_bits |= 1 << source
            if places[value] is None:
                fail(where, f"bit {value} of the immediate has no place in its alias")
            singles.append((source, places[value]))
        self.used |= self.imm_bits
        if signed:
            top = max(values)
            if sources[values.index(top)] != 12:
                fail(where, "the sign is not bit 12")
            self.sign = sum(1 << place for place in places[top + 1:])
        first = len(self.moves)
        for source, place in sorted(singles):
            low, width, to = self.moves[-1] if len(self.moves) > first else (0, 0, 0)
            if width and (low + width, to + width) == (source, place):
                self.moves[-1] = (low, width + 1, to)
            else:
                self.moves.append((source, 1, place))

    def rule(self, where, text):
        left, _, right = text.partition("!=")
        mask = self.imm_bits if left == "imm" else mask_of([RVC_REGISTERS[left]])
        if not mask or mask & self.mask:
            fail(where, f"{text} is about bits that are no operand")
        return mask, int(right) << (mask & -mask).bit_length() - 1

    def matches(self, half):
        return half & self.mask == self.match and all(half & m != v for m, v in self.rules)


class Rvc:
    """rvc.isa: compressed rows."""

    def __init__(self, path, rv64):
        immediates, self.rows = {}, []
        for where, words in lines_of(path):
            if words[0] in ("uimm", "simm"):
                sources, values = list(bits_of(words[2])), list(bits_of(words[3]))
                if len(sources) != len(values) or len(set(values)) != len(values):
                    fail(where, f"{len(sources)} bits go to {len(set(values))} places")
                immediates[words[1]] = (words[0] == "simm", sources, values)
            else:
                self.rows.append(Compressed(where, words, rv64, immediates))
        for bucket in self.buckets():
            for a, b in combinations(bucket, 2):
                self.check_pair(self.rows[a], self.rows[b])

    def check_pair(self, a, b):
        """Every halfword, because constraints decide too."""
        if (a.match ^ b.match) & a.mask & b.mask:
            return
        for half in range(1 << 16):
            if a.matches(half) and b.matches(half):
                fail(b.where, f"{a.name} and {b.name} match {half:#06x}")

    def buckets(self):
        """Row numbers by bits 1..0 and 15..13."""
        for index in range(32):
            half, mask = index & 3 | index >> 2 << 13, 0xE003
            yield [n for n, row in enumerate(self.rows)
                   if (half ^ row.match) & mask & row.mask == 0]


def write_list(out, name, items):
    out.write(f"#define {name}(X) \\\n")
    for item in items:
        out.write(f"    X({item}) \\\n")
    out.write("    /* end */\n\n")


def write_rows(out, rv64):
    out.write("/* Generated by isagen.py from rv64.isa. */\n#pragma once\n\n")
    write_list(out, "ISA_EXTS", dict.fromkeys(rv64.exts))
    write_list(out, "ISA_FORMATS", (
        ", ".join([f.name, f'"{"" if f.text == "-" else f.text}"', "ISA_IMM_" + f.role("imm"),
                   *("ISA_REG_" + f.role(role) for role in ("rd", "rs1", "rs2", "rs3")),
                   f.role("rm", "false")])
        for f in rv64.formats.values()))
    write_list(out, "ISA_UOPS", sorted({row.uop for row in rv64.rows}))
    write_list(out, "ISA_ROWS", (
        f'{row.id}, "{row.name}", {row.match:#010x}u, {row.mask:#010x}u, '
        f"{row.format.name}, {row.uop}, {row.ext}"
        for row in rv64.rows))
    write_list(out, "ISA_PSEUDOS", (
        f'"{name}", {match:#010x}u, {mask:#010x}u, "{text.strip("-")}", {str(same).lower()}'
        for _, name, match, mask, text, same in rv64.pseudos))


def write_buckets(out, name, buckets):
    """Two arrays: where each bucket starts (and the last one ends), and what is in it."""
    starts, items = [0], []
    for bucket in buckets:
        items += bucket
        starts.append(len(items))
    out.write(f"static const uint16_t {name}_starts[] = {{\n")
    for n in range(0, len(starts), 16):
        out.write("    " + " ".join(f"{start}," for start in starts[n:n + 16]) + "\n")
    out.write(f"}};\n\nstatic const uint16_t {name}_items[] = {{\n")
    for n in range(0, len(items), 16):
        out.write("    " + " ".join(f"{item}," for item in items[n:n + 16]) + "\n")
    out.write("};\n\n")


def c_list(items):
    """Tuples of numbers as one argument of a C macro."""
    return "ISA_LIST(" + ", ".join(f"{{ {', '.join(map(str, item))} }}" for item in items) + ")"


def write_tables(out, rv64, rvc):
    out.write("/* Generated by isagen.py from rv64.isa and rvc.isa; for decode.c alone. */\n")
    out.write("#pragma once\n\n")
    write_buckets(out, "isa_bucket", rv64.buckets())
    write_buckets(out, "rvc_bucket", rvc.buckets())
    out.write(f"#define RVC_MOVES_MAX {max(len(row.moves) for row in rvc.rows)}\n")
    out.write(f"#define RVC_RULES_MAX {max(len(row.rules) for row in rvc.rows)}\n\n")
    write_list(out, "RVC_ROWS", (
        f'"{row.name}", {row.match:#06x}, {row.mask:#06x}, {row.base:#010x}u, {row.sign:#010x}u, '
        f"{len(row.moves)}, {len(row.rules)}, {c_list(row.moves)}, {c_list(row.rules)}"
        for row in rvc.rows))


def main():
    rv64_path, rvc_path, rows_path, tables_path = sys.argv[1:]
    rv64 = Rv64(rv64_path)
    rvc = Rvc(rvc_path, rv64)
    with open(rows_path, "w", encoding="utf-8", newline="\n") as out:
        write_rows(out, rv64)
    with open(tables_path, "w", encoding="utf-8", newline="\n") as out:
        write_tables(out, rv64, rvc)


if __name__ == "__main__":
    main()
