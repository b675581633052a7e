#!/usr/bin/env python3
"""The image tool on qcow2: backing chains, snapshots, compression, repair, and what is refused.

usage: chains.py PROGRAM
"""
import os
import random
import signal
import sys

import tool
from tool import check, good, run

PROGRAM = os.path.abspath(sys.argv[1])
IMG = (*tool.WRAPPER, PROGRAM, "img")
WINDOWS = PROGRAM.endswith(".exe")
MIB = 1 << 20
random.seed(6)


def create(*arguments):
    return good(*IMG, "create", "-f", "qcow2", *arguments)


def io(path, *commands):
    words = [word for command in commands for word in ("-c", command)]
    return good(*IMG, "io", "-f", "qcow2", *words, path)


def content(path):
    good(*IMG, "convert", "-f", "qcow2", "-O", "raw", path, "content.raw")
    return tool.read("content.raw")


def info(path, *options):
    return tool.parsed(*IMG, "info", "--output=json", *options, path)


def refused(words, *arguments, status=1, **keywords):
    got, out, errors = run(*IMG, *arguments, **keywords)
    check(got == status, f"{arguments}: {got}, not {status}: {out}{errors}")
    for word in words:
        check(word in out + errors, f"{arguments}: no '{word}' in {out + errors!r}")


def test_create():
    out = create("base.qcow2", "4M")
    check(out == "Formatting 'base.qcow2', fmt=qcow2 cluster_size=65536 extended_l2=off "
          "compression_type=zlib size=4194304 lazy_refcounts=off refcount_bits=16\n", out)
    io("base.qcow2", "write -P 1 0 1M", "write -P 2 2M 100k")
    out = create("-b", "base.qcow2", "-F", "qcow2", "middle.qcow2")
    check("size=4194304 backing_file=base.qcow2 backing_fmt=qcow2" in out, out)
    io("middle.qcow2", "write -P 3 512k 64k", "write -z 2M 64k")
    create("-q", "-o", "cluster_size=4k,backing_file=middle.qcow2,backing_fmt=qcow2,compat=0.10",
           "top.qcow2", "6M")
    io("top.qcow2", "write -P 4 5M 5000", "write -P 5 100 3")
    chain = info("top.qcow2", "--backing-chain")
    check([image["filename"] for image in chain] == ["top.qcow2", "middle.qcow2", "base.qcow2"],
          chain)
    check(chain[0]["format-specific"] == {"type": "qcow2", "data": {
        "compat": "0.10", "compression-type": "zlib", "refcount-bits": 16}}, chain)
    refused(["backing format", "-F qcow2"], "create", "-f", "qcow2", "-b", "base.qcow2", "x.qcow2")
    refused(["Could not open backing image", "nowhere"], "create", "-f", "qcow2", "-b", "nowhere",
            "-F", "raw", "x.qcow2")
    create("-q", "-u", "-b", "nowhere", "-F", "raw", "x.qcow2", "1M")
    refused(["nowhere"], "map", "x.qcow2")
    check(info("x.qcow2")["backing-filename"] == "nowhere", "info opens no backing file")


def expected():
    data = bytearray(b"\1" * MIB + bytes(5 * MIB))
    data[2 * MIB + 65536:2 * MIB + 102400] = b"\2" * (102400 - 65536)
    data[512 << 10:576 << 10] = b"\3" * (64 << 10)
    data[5 * MIB:5 * MIB + 5000] = b"\4" * 5000
    data[100:103] = b"\5" * 3
    return bytes(data)


def test_contents():
    check(content("top.qcow2") == expected(), "what a chain shows")
    good(*IMG, "convert", "-c", "-O", "qcow2", "-o", "compression_type=zstd", "top.qcow2",
         "z.qcow2")
    check(content("z.qcow2") == expected(), "compressed")
    counts = tool.parsed(*IMG, "check", "--output=json", "z.qcow2")
    check(counts["compressed-clusters"] == counts["allocated-clusters"] > 0, counts)
    good(*IMG, "convert", "-O", "qcow2", "-B", "middle.qcow2", "-F", "qcow2", "top.qcow2",
         "delta.qcow2")
    check(content("delta.qcow2") == expected(), "a copy on the same backing file")
    check(len(tool.read("delta.qcow2")) < 2 * MIB, "has only the difference")
    depths = {entry["depth"] for entry in tool.parsed(*IMG, "map", "--output=json", "top.qcow2")}
    check(depths == {0, 1, 2}, depths)


def test_rebase_commit():
    good(*IMG, "rebase", "-b", "base.qcow2", "-F", "qcow2", "top.qcow2")
    check(content("top.qcow2") == expected(), "on the base")
    check(info("top.qcow2")["backing-filename"] == "base.qcow2", "and says so")
    good(*IMG, "rebase", "-b", "", "delta.qcow2")
    check("backing-filename" not in info("delta.qcow2"), "on nothing")
    check(content("delta.qcow2") == expected(), "all by itself")
    good(*IMG, "rebase", "-u", "-b", "middle.qcow2", "-F", "qcow2", "top.qcow2")
    check(info("top.qcow2")["backing-filename"] == "middle.qcow2", "only its name")
    own = [entry for entry in good(*IMG, "map", "top.qcow2").splitlines() if "top" in entry]
    good(*IMG, "commit", "-b", "base.qcow2", "top.qcow2")
    check(content("base.qcow2") == expected(), "in the base")
    good(*IMG, "commit", "-d", "top.qcow2")
    check(own and own == [entry for entry in good(*IMG, "map", "top.qcow2").splitlines()
                          if "top" in entry], "-d and -b leave in the image what it has")
    check(good(*IMG, "commit", "top.qcow2") == "Image committed.\n", "commit")
    check(content("middle.qcow2") == expected(), "is in the middle now, which grew")
    check("top" not in good(*IMG, "map", "top.qcow2"), "and the image is empty")
    check(content("top.qcow2") == expected(), "and shows the same")
    refused(["not in the backing chain"], "commit", "-b", "x.qcow2", "top.qcow2")
    refused(["does not have a backing file"], "commit", "base.qcow2")
    for name in ("top", "middle", "base", "delta"):
        good(*IMG, "check", "-q", f"{name}.qcow2")


def test_snapshots():
    before = content("delta.qcow2")
    good(*IMG, "snapshot", "-c", "one", "delta.qcow2")
    io("delta.qcow2", "write -P 9 0 6M")
    good(*IMG, "snapshot", "-c", "two", "delta.qcow2")
    lines = good(*IMG, "snapshot", "-l", "delta.qcow2").splitlines()
    check([line.split()[:2] for line in lines[2:]] == [["1", "one"], ["2", "two"]], lines)
    check([one["name"] for one in info("delta.qcow2")["snapshots"]] == ["one", "two"], "JSON")
    good(*IMG, "convert", "-l", "snapshot.name=one", "-O", "raw", "delta.qcow2", "one.raw")
    check(tool.read("one.raw") == before, "a snapshot's contents")
    good(*IMG, "snapshot", "-a", "one", "delta.qcow2")
    check(content("delta.qcow2") == before, "back to it")
    good(*IMG, "snapshot", "-d", "one", "delta.qcow2")
    good(*IMG, "snapshot", "-d", "two", "delta.qcow2")
    check(good(*IMG, "snapshot", "-l", "delta.qcow2") == "", "none left")
    good(*IMG, "check", "-q", "delta.qcow2")
    refused(["nosuch"], "snapshot", "-d", "nosuch", "delta.qcow2")


def test_check():
    """A cluster that nobody refers to, then one that is referred to but not counted."""
    create("-q", "leak.qcow2", "1M")
    io("leak.qcow2", "write -P 1 0 128k")
    data = bytearray(tool.read("leak.qcow2"))
    refcounts = int.from_bytes(data[48:56], "big")
    block = int.from_bytes(data[refcounts:refcounts + 8], "big")
    used = len(data) // 65536
    data += bytes(65536)
    data[block + 2 * used:block + 2 * used + 2] = b"\0\1"
    tool.write("leak.qcow2", bytes(data))
    refused(["1 leaked clusters were found on the image."], "check", "leak.qcow2", status=3)
    out = good(*IMG, "check", "-r", "leaks", "leak.qcow2")
    check("The following inconsistencies were found and repaired:\n\n    1 leaked clusters\n"
          "    0 corruptions\n" in out and "No errors were found" in out, out)
    data = bytearray(tool.read("leak.qcow2"))
    data[block + 2 * (used - 1):block + 2 * used] = b"\0\0"
    tool.write("leak.qcow2", bytes(data))
    refused(["Data may be corrupted"], "check", "leak.qcow2", status=2)
    good(*IMG, "check", "-q", "-r", "all", "leak.qcow2")
    check(content("leak.qcow2")[:131072] == b"\1" * 131072, "repaired, and has its data")


def test_image_opts():
    """--image-opts instead of a path: for every verb that opens an image."""
    def opts(name, *more):
        return "--image-opts", ",".join(["driver=qcow2", f"file.filename={name}", *more])

    create("-q", "opts,a.qcow2", "1M")
    name = "opts,,a.qcow2"  # a comma is written twice
    io("opts,a.qcow2", "write -P 8 0 64k")
    check(tool.parsed(*IMG, "info", "--output=json", *opts(name))["format"] == "qcow2", "info")
    good(*IMG, "check", "-q", *opts(name, "cache-size=1M"))
    good(*IMG, "resize", "-q", *opts(name), "2M")
    good(*IMG, "snapshot", "-c", "s", *opts(name))
    good(*IMG, "convert", "-O", "raw", *opts(name, "read-only=on"), "opts.raw")
    good(*IMG, "compare", *opts(name), "driver=raw,file.driver=file,file.filename=opts.raw")
    good(*IMG, "compare", *opts(name), "driver=file,filename=opts.raw")
    for verb in ("map", "measure", "bench", "info"):
        good(*IMG, verb, *opts(name))
    good(*IMG, "io", "-c", "read -P 8 0 64k", *opts(name))
    good(*IMG, "dd", "--image-opts", f"if=driver=qcow2,,file.filename={name}".replace(",,", ",", 1),
         "of=dd.raw")
    create("-q", "-b", "opts,a.qcow2", "-F", "qcow2", "opts-top.qcow2")
    good(*IMG, "rebase", "-u", "-b", "", *opts("opts-top.qcow2", "backing.driver=qcow2",
                                               f"backing.file.filename={name}"))
    io("opts-top.qcow2", "read -P 0 0 64k")
    refused(["mutually exclusive"], "info", "-f", "qcow2", *opts(name))
    refused(["it is read-only"], "resize", *opts(name, "read-only=on"), "4M")
    refused(["did you mean 'file.filename'"], "info", "--image-opts", "driver=raw,file.filenam=x")
    refused(["Unknown file format 'rwa': did you mean 'raw'"], "info", "--image-opts", "driver=rwa")
    refused(["Say file.filename"], "info", "--image-opts", "driver=raw")
    refused(["wants either host= or path="], "info", "--image-opts", "driver=nbd")
    refused(["no --object with id=t"], "info", "--image-opts", "driver=nbd,host=h,tls-creds=t")
    refused(["there is no 'secret' here"], "info", "--object", "secret,id=s", "x")
    refused(["no --image-opts"], "create", "--image-opts", "x", "1M")


def test_amend():
    create("-q", "-b", "base.qcow2", "-F", "qcow2", "-o", "compat=0.10,cluster_size=512",
           "amend.qcow2")
    io("amend.qcow2", "write -P 6 0 64k")
    before = content("amend.qcow2")
    good(*IMG, "amend", "-f", "qcow2", "-o", "compat=1.1,lazy_refcounts=on", "amend.qcow2")
    data = info("amend.qcow2")["format-specific"]["data"]
    check((data["compat"], data["lazy-refcounts"]) == ("1.1", True), data)
    check(info("amend.qcow2")["backing-filename"] == "base.qcow2", "keeps its backing file")
    check(content("amend.qcow2") == before, "and what it shows")
    io("amend.qcow2", "write -P 7 1M 64k", "discard 0 512")
    good(*IMG, "check", "-q", "amend.qcow2")
    good(*IMG, "amend", "-o", "lazy_refcounts=off,size=8M", "amend.qcow2")
    after = info("amend.qcow2")
    check(after["virtual-size"] == 8 * MIB, after)
    check(not after["format-specific"]["data"]["lazy-refcounts"] and not after["dirty-flag"], after)
    good(*IMG, "amend", "-o", "backing_file=", "amend.qcow2")
    check("backing-filename" not in info("amend.qcow2"), "on nothing")
    good(*IMG, "check", "-q", "amend.qcow2")
    check("lazy_refcounts=<bool" in good(*IMG, "amend", "-o", "help"), "-o help")
    unchanged = tool.read("amend.qcow2")
    for options, words in (("compat=0.10", "makes a new image"), ("compat=2", "0.10 or 1.1"),
                           ("cluster_size=4k", "cannot be changed"),
                           ("size=1M", "resize --shrink"), ("backing_fmt=raw", "goes only with"),
                           ("backing_file=x", "backing_fmt=")):
        refused([words], "amend", "-o", options, "amend.qcow2")
    check(tool.read("amend.qcow2") == unchanged, "refused: nothing changed")
    refused(["Must specify options"], "amend", "amend.qcow2")
    refused(["does not support option amendment"], "amend", "-f", "raw", "-o", "size=1M", "dd.raw")


def test_refused():
    create("-q", "-u", "-b", "loop2.qcow2", "-F", "qcow2", "loop1.qcow2", "1M")
    create("-q", "-u", "-b", "loop1.qcow2", "-F", "qcow2", "loop2.qcow2", "1M")
    refused(["stands on itself"], "map", "loop1.qcow2")
    tool.write("zero", b"")
    refused(["zero: the file is empty"], "info", "-f", "qcow2", "zero")
    tool.write("short.qcow2", tool.read("base.qcow2")[:60])
    refused(["short.qcow2"], "info", "-f", "qcow2", "short.qcow2")
    refused(["extended"], "create", "-f", "qcow2", "-o", "extended_l2=on", "x.qcow2", "1M")
    refused(["cluster"], "create", "-f", "qcow2", "-o", "cluster_size=3000", "x.qcow2", "1M")
    refused(["--shrink"], "resize", "base.qcow2", "1M")
    good(*IMG, "resize", "-q", "--shrink", "base.qcow2", "1M")
    check(info("base.qcow2")["virtual-size"] == MIB, "shrunken")
    good(*IMG, "resize", "-q", "--preallocation=metadata", "base.qcow2", "+1M")
    good(*IMG, "check", "-q", "base.qcow2")


def test_full_disk():
    """A limit for the size of files is to the program what a full disk is."""
    if WINDOWS:
        return
    import resource  # there is none on Windows

    def limits():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1536 * 1024, 1536 * 1024))

    tool.write("big.raw", random.randbytes(4 * MIB))
    refused(["half.qcow2", "no space is left", "is removed"], "convert", "-f", "raw", "-O", "qcow2",
            "big.raw", "half.qcow2", preexec_fn=limits)
    check(not tool.exists("half.qcow2"), "half an image is removed")
    refused(["no space is left", "is removed"], "create", "-f", "qcow2", "-o",
            "preallocation=full", "half.qcow2", "4M", preexec_fn=limits)
    check(not tool.exists("half.qcow2"), "half an image is removed")
    create("-q", "full.qcow2", "4M")
    refused(["no space is left"], "io", "-f", "qcow2", "-c", "write -P 1 0 4M", "full.qcow2",
            preexec_fn=limits)
    status, out, errors = run(*IMG, "check", "full.qcow2")
    check(status in (0, 3), f"a full disk leaves at worst leaks: {out}{errors}")


for test in (test_create, test_contents, test_rebase_commit, test_snapshots, test_check,
             test_image_opts, test_amend, test_refused, test_full_disk):
    test()
tool.finish()
