#!/usr/bin/env python3
"""Writes an icon as pixels in C, 0xAARRGGBB, for windows that take their icon from the program.

usage: embed.py FILE.png FILE.c
Reads what `make` writes: eight bits, red, green, blue and opacity, not interlaced (PNG, third
edition, sections 5 to 9).
"""
import struct
import sys
import zlib


def chunks(data):
    """The type and content of each chunk."""
    at = 8
    while at < len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        yield kind, data[at + 8:at + 8 + length]
        at += 12 + length


def paeth(left, up, corner):
    """The neighbour that is nearest to what they predict together."""
    guess = left + up - corner
    return min((left, up, corner), key=lambda value: abs(guess - value))


def rows(data, width, height):
    """The bytes of each row, without their filters."""
    before, size = bytes(4 * width), 4 * width + 1
    for y in range(height):
        kind, row = data[y * size], bytearray(data[y * size + 1:(y + 1) * size])
        for x, value in enumerate(row):
            left, corner = (row[x - 4], before[x - 4]) if x >= 4 else (0, 0)
            up = before[x]
            row[x] = value + (0, left, up, (left + up) // 2, paeth(left, up, corner))[kind] & 255
        before = bytes(row)
        yield before


def main():
    """Converts one file."""
    with open(sys.argv[1], "rb") as file:
        parts = list(chunks(file.read()))
    width, height, *form = struct.unpack(">IIBBBBB", dict(parts)[b"IHDR"])
    if form != [8, 6, 0, 0, 0]:
        sys.exit(f"{sys.argv[1]}: not eight bits of red, green, blue and opacity: {form}")
    data = zlib.decompress(b"".join(content for kind, content in parts if kind == b"IDAT"))
    with open(sys.argv[2], "w", encoding="ascii") as out:
        out.write('#include "ui/sdl/icon.h"\n\n'
                  f"const struct icon icon = {{ {width}, {height}, {{\n")
        for row in rows(data, width, height):
            pixels = [row[x:x + 4] for x in range(0, 4 * width, 4)]
            out.write(" ".join(f"0x{a:02x}{r:02x}{g:02x}{b:02x}," for r, g, b, a in pixels) + "\n")
        out.write("} };\n")


main()
