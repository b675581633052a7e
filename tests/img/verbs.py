#!/usr/bin/env python3
"""The image tool's verbs on raw images: what they do, print and return, also when they refuse.

usage: verbs.py PROGRAM
"""
import os
import random
import signal
import subprocess
import sys

import tool
from tool import check, good, run

PROGRAM = os.path.abspath(sys.argv[1])
IMG = (*tool.WRAPPER, PROGRAM, "img")
WINDOWS = PROGRAM.endswith(".exe")
MIB = 1 << 20
random.seed(4)


def refused(words, *arguments, status=1, **keywords):
    got, out, errors = run(*IMG, *arguments, **keywords)
    said = out + errors
    check(got == status, f"{arguments}: {got}, not {status}: {said}")
    for word in words:
        check(word in said, f"{arguments}: no '{word}' in {said!r}")


def test_create():
    out = good(*IMG, "create", "a.raw", "1M")
    check(out == "Formatting 'a.raw', fmt=raw size=1048576\n", out)
    out = good(*IMG, "info", "a.raw")
    check(out.startswith("image: a.raw\nfile format: raw\nvirtual size: 1 MiB (1048576 bytes)\n"
                         "disk size: "), out)
    info = tool.parsed(*IMG, "info", "--output=json", "a.raw")
    check({key: info[key] for key in info if key != "actual-size"} ==
          {"filename": "a.raw", "format": "raw", "virtual-size": MIB, "dirty-flag": False}, info)
    check("size=<size>" in good(*IMG, "create", "-f", "raw", "-o", "help"), "-o help")
    good(*IMG, "create", "-q", "-o", "preallocation=full", "-f", "raw", "full.raw", "1.5M")
    check(len(tool.read("full.raw")) == 3 * MIB // 2, "preallocated")


def test_convert():
    data = random.randbytes(MIB) + bytes(MIB) + random.randbytes(12345)
    whole = data + bytes(-len(data) % 512)
    tool.write("b.raw", data)
    for number, options in enumerate(([], ["-W", "-m", "16"], ["-S", "0"], ["-S", "64k"],
                                      ["-m", "1", "-t", "writeback", "-T", "none"])):
        good(*IMG, "convert", *options, "-f", "raw", "-O", "raw", "b.raw", f"b{number}.raw")
        check(tool.read(f"b{number}.raw") == whole, f"convert {options}")
    good(*IMG, "convert", "-f", "raw", "b0.raw", "a.raw", "b1.raw", "joined.raw")
    check(tool.read("joined.raw") == whole + bytes(MIB) + whole, "several sources in a row")
    tool.write("old.raw", b"\xff" * (3 * MIB))
    good(*IMG, "convert", "-n", "-f", "raw", "-O", "raw", "b.raw", "old.raw")
    check(tool.read("old.raw") == whole + b"\xff" * (3 * MIB - len(whole)), "convert -n")
    out = good(*IMG, "convert", "-p", "-f", "raw", "b.raw", "b9.raw")
    check(out.startswith("    (0.00/100%)\r") and out.rstrip().endswith("(100.00/100%)"), repr(out))
    refused(["fewer than"], "convert", "-n", "-f", "raw", "-O", "raw", "b.raw", "a.raw")
    refused(["is the source and the target"], "convert", "a.raw", "a.raw")
    refused(["Compression not supported"], "convert", "-c", "-f", "raw", "a.raw", "c.raw")


def test_compare():
    check(good(*IMG, "compare", "b.raw", "b1.raw") == "Images are identical.\n", "the same")
    out = good(*IMG, "compare", "a.raw", "full.raw")
    check(out == "Warning: Image size mismatch!\nImages are identical.\n", out)
    refused(["Strict mode: Image size mismatch!"], "compare", "-s", "a.raw", "full.raw")
    refused(["Content mismatch at offset 0!"], "compare", "a.raw", "b.raw")
    refused(["nowhere"], "compare", "a.raw", "nowhere", status=2)
    check(run(*IMG, "compare", "-q", "a.raw", "b.raw")[:2] == (1, ""), "-q says nothing")


def test_map():
    tool.write("m.raw", bytes(MIB) + b"x" * MIB + bytes(2 * MIB))
    entries = tool.parsed(*IMG, "map", "-f", "raw", "--output=json", "m.raw")
    check(sum(entry["length"] for entry in entries) == 4 * MIB, entries)
    data = [entry for entry in entries if not entry["zero"]]
    check(data[0]["depth"] == 0 and data[0]["offset"] == data[0]["start"], entries)
    out = good(*IMG, "map", "-f", "raw", "m.raw")
    check(out.startswith("Offset          Length          Mapped to       File\n"), out)
    entries = tool.parsed(*IMG, "map", "-f", "raw", "--output=json", "--start-offset=1M",
                          "--max-length=64k", "m.raw")
    check((entries[0]["start"], entries[0]["length"]) == (MIB, 65536), entries)


def test_resize():
    check(good(*IMG, "resize", "-f", "raw", "m.raw", "+1M") == "Image resized.\n", "grow")
    check(len(tool.read("m.raw")) == 5 * MIB, "by a MiB")
    refused(["--shrink"], "resize", "-f", "raw", "m.raw", "-1M")
    check(len(tool.read("m.raw")) == 5 * MIB, "refused: nothing changed")
    good(*IMG, "resize", "-f", "raw", "--shrink", "m.raw", "-1M")
    good(*IMG, "resize", "-q", "-f", "raw", "--shrink", "m.raw", "2M")
    check(tool.read("m.raw") == bytes(MIB) + b"x" * MIB, "shrunken")
    refused(["cannot be made smaller"], "resize", "-f", "raw", "--shrink", "m.raw", "-3M")
    refused(["Expecting"], "resize", "m.raw")


def test_measure():
    check(good(*IMG, "measure", "--size", "1G", "-O", "raw") ==
          "required size: 1073741824\nfully allocated size: 1073741824\n", "measure")
    check(tool.parsed(*IMG, "measure", "--output=json", "a.raw") ==
          {"required": MIB, "fully-allocated": MIB}, "measure, JSON")
    refused(["Either --size N or one filename"], "measure")


def test_dd():
    data = tool.read("b.raw")
    good(*IMG, "dd", "-f", "raw", "bs=4k", "count=3", "skip=2", "if=b.raw", "of=d.raw")
    check(tool.read("d.raw") == data[8192:20480], "dd")
    good(*IMG, "dd", "-f", "raw", "bs=1M", "if=b.raw", "of=d.raw")
    check(tool.read("d.raw")[:len(data)] == data, "dd, all of it")
    refused(["bs="], "dd", "sb=1", "if=b.raw", "of=d.raw")


def test_io():
    good(*IMG, "create", "-q", "io.raw", "1M")
    out = good(*IMG, "io", "-f", "raw", "-c", "write -P 5 0 64k", "-c", "aio_write -P 3 4k 4k",
               "-c", "aio_flush", "-c", "read -P 3 4k 4k", "-c", "write -z 8k 4k", "-c", "length",
               "-c", "writev -P 6 32k 512 512", "-c", "read -P 6 -s 512 -l 512 32k 1k", "-c",
               "read -v 0 16", "-c", "truncate 2M", "-c", "length", "-c", "flush", "-c",
               "read -C 0 512", "io.raw")
    for words in ("wrote 65536/65536 bytes at offset 0\n64 KiB, 1 ops; 00.0",
                  "read 4096/4096 bytes at offset 4096\n", "\n1 MiB\n", "\n2 MiB\n",
                  "00000000:  05 05 05", "\n512,1,0:00:00."):
        check(words in out, f"no {words!r} in {out}")
    data = tool.read("io.raw")
    check(data == bytes([5]) * 4096 + bytes([3]) * 4096 + bytes(4096) + bytes([5]) * (20 << 10) +
          bytes([6]) * 1024 + bytes([5]) * (31 << 10) + bytes(2 * MIB - 65536), "what io wrote")
    refused(["Pattern verification failed at offset 0, 512 bytes"], "io", "-f", "raw", "-c",
            "read -P 6 0 512", "io.raw")
    refused(["read failed"], "io", "-f", "raw", "-c", "read 3M 512", "io.raw")
    refused(["-u requires -z"], "io", "-f", "raw", "-c", "write -u 0 512", "io.raw")
    refused(["expected at least 2"], "io", "-f", "raw", "-c", "write 0", "io.raw")
    refused(["write failed"], "io", "-r", "-f", "raw", "-c", "write 0 512", "io.raw")
    out = good(*IMG, "io", "-r", "-f", "raw", "io.raw", input=b"length\nquit\n")
    check("2 MiB" in out, out)


def test_bench():
    out = good(*IMG, "bench", "-f", "raw", "-w", "-c", "64", "-d", "4", "--flush-interval=16", "-s",
               "8k", "--pattern=7", "io.raw")
    check(out.startswith("Sending 64 write requests, 8192 bytes each, 4 in parallel (starting at "
                         "offset 0, step size 8192)\nSending flush every 16 requests\n"
                         "Run completed in "), out)
    check(tool.read("io.raw")[:524288] == bytes([7]) * 524288, "bench writes")


def test_usage():
    refused(["did you mean 'convert'"], "convret")
    refused(["did you mean '--backing-chain'"], "info", "--backing-chian", "a.raw")
    refused(["wants a value"], "info", "-f")
    refused(["no '--target-image-opts'"], "convert", "--target-image-opts", "driver=raw")
    refused(["'--bitmaps' here: persistent bitmaps"], "convert", "--bitmaps", "a.raw", "b.raw")
    refused(["does not keep persistent bitmaps"], "bitmap", "--add", "a.raw", "b")
    refused(["there is no image format 'rwa'"], "info", "-f", "rwa", "a.raw")
    refused(["'qcow'", "did you mean 'qcow2'"], "create", "-f", "qcow", "x", "1M")
    refused(["Invalid parameter 'cluster_siez'", "'cluster_size'"], "create", "-f", "raw", "-o",
            "cluster_siez=4k", "x", "1M")
    check("convert" in good(*IMG, "--help"), "help")
    check("usage:" in good(*IMG, "convert", "--help"), "a verb's help")


def test_messages():
    """What is not an image, or cannot be had: its own message, and nothing changed."""
    tool.write("zero", b"")
    check(tool.parsed(*IMG, "info", "--output=json", "zero")["virtual-size"] == 0, "0 bytes")
    os.mkdir(os.path.join(tool.folder, "folder"))
    refused(["'folder' is a directory"], "info", "folder")
    refused(["'nowhere'"], "info", "nowhere")
    refused(["does not support checks"], "check", "-f",
            "raw", "a.raw", status=63)
    refused(["raw image, which has no internal snapshots"], "snapshot", "-f", "raw", "-c", "x",
            "a.raw")
    refused(["no backing file"], "rebase", "-f", "raw", "-b", "", "a.raw")
    refused(["'zero' has 0 bytes"], "bench", "-f", "raw", "zero")
    refused(["'folder' is a directory"], "convert", "-f", "raw", "a.raw", "folder")
    if not WINDOWS:
        os.mkfifo(os.path.join(tool.folder, "fifo"))
        refused(["'fifo' is a pipe"], "info", "fifo")
        refused(["1125899906842624 bytes"], "create", "huge", "1P")
        check(not tool.exists("huge"), "nothing is left of it")


def test_in_use():
    with open(os.path.join(tool.folder, "said"), "wb") as out:
        server = tool.start(*IMG, "serve", "-f", "raw", "-p", "0", "a.raw", stdout=out,
                            ready=lambda child: tool.read("said").endswith(b"\n"))
    before = tool.read("a.raw")
    tool.write("b9.raw", random.randbytes(MIB))
    for command in (["resize", "-f", "raw", "a.raw", "2M"], ["create", "a.raw", "2M"],
                    ["dd", "-f", "raw", "if=b9.raw", "of=a.raw"],
                    ["convert", "-f", "raw", "b9.raw", "a.raw"],
                    ["convert", "-n", "-f", "raw", "-O", "raw", "b9.raw", "a.raw"],
                    ["convert", "-f", "raw", "-O", "qcow2", "b9.raw", "a.raw"]):
        refused(["a.raw"], *command)
    refused(["a.raw", "-U reads it"], "info", "a.raw")
    check(tool.read("a.raw") == before, "in use: nothing changed")
    server.kill()
    server.wait()


def test_full_disk():
    """A limit for the size of files is to the program what a full disk is."""
    if WINDOWS:
        return
    import resource  # there is none on Windows

    def limits():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1536 * 1024, 1536 * 1024))

    refused(["half.raw", "more than a file may have"], "convert", "-f", "raw", "b.raw", "half.raw",
            preexec_fn=limits)
    check(not tool.exists("half.raw"), "no half image is left")


def test_interrupted():
    if WINDOWS:
        return
    good(*IMG, "create", "-q", "endless.raw", "1T")
    child = tool.start(*IMG, "convert", "-S", "0", "-f", "raw", "endless.raw", "half.raw",
                       ready=lambda child: tool.exists("half.raw"), stderr=subprocess.PIPE)
    child.send_signal(signal.SIGINT)
    errors = child.communicate(timeout=tool.LIMIT_S)[1].decode()
    check(child.returncode == 1 and "was asked to end" in errors, errors)
    check(not tool.exists("half.raw"), "half an image is removed")


def test_name():
    if WINDOWS:
        return
    os.symlink(PROGRAM, os.path.join(tool.folder, "qemu-img"))
    os.symlink(PROGRAM, os.path.join(tool.folder, "qemu-io"))
    check(good("./qemu-img", "--version").startswith("qemu-img version 1"), "qemu-img")
    check("raw" in good("./qemu-img", "info", "a.raw"), "qemu-img info")
    check("2 MiB" in good("./qemu-io", "-f", "raw", "-c", "length", "io.raw"), "qemu-io")


for test in (test_create, test_convert, test_compare, test_map, test_resize, test_measure, test_dd,
             test_io, test_bench, test_usage, test_messages, test_in_use, test_full_disk,
             test_interrupted, test_name):
    test()
tool.finish()
