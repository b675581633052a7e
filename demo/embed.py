#!/usr/bin/env python3
"""usage: embed.py IMAGE OUTPUT: writes a file's bytes as the C source of ui/demo.h's demo_image."""
import pathlib
import sys

IMAGE_SIZE_MAX = 128 * 1024
WIDTH = 16


def main():
    data = pathlib.Path(sys.argv[1]).read_bytes()
    if not 0 < len(data) <= IMAGE_SIZE_MAX:
        sys.exit(f"{sys.argv[1]}: {len(data)} bytes, at most {IMAGE_SIZE_MAX}")
    rows = [", ".join(map(str, data[at:at + WIDTH])) for at in range(0, len(data), WIDTH)]
    pathlib.Path(sys.argv[2]).write_text(
        '#include "ui/demo.h"\n\nconst uint8_t demo_image[] = {\n    '
        + ",\n    ".join(rows) + f",\n}};\nconst size_t demo_image_size = {len(data)};\n",
        encoding="ascii")


main()
