#!/usr/bin/env python3
"""NBD with others: nbdinfo, nbdcopy and qemu-utils use our server, our client uses theirs.

usage: nbd.py PROGRAM
"""
import json
import os
import random
import sys

import tool
from tool import check, good, run

PROGRAM = os.path.abspath(sys.argv[1])
IMG = (PROGRAM, "img")
SIZE = 6 << 20


def sparse_data():
    """Data, zeros, data that ends in the middle of a block, zeros."""
    random.seed(3)
    return (random.randbytes(1 << 20) + bytes(2 << 20) + random.randbytes(70001)
            + bytes(SIZE - (3 << 20) - 70001))


def uri(socket, name=""):
    return f"nbd+unix:///{name}?socket={os.path.join(tool.folder, socket)}"


def listening(socket):
    return lambda child: tool.listens(socket)


def serve(socket, *options):
    return tool.start(*IMG, "serve", "-f", "raw", "-k", socket, *options, ready=listening(socket),
                      stdout=-3)


def test_server_read():
    tool.write("a.raw", sparse_data())
    server = serve("a", "-r", "--export", "a disk", "-D", "a description", "a.raw")
    listed = json.loads(good("nbdinfo", "--json", "--list", uri("a")))
    export = listed["exports"][0]
    check(listed["protocol"] == "newstyle-fixed" and listed["structured"], "newstyle, structured")
    check((export["export-name"], export["description"]) == ("a disk", "a description"), export)
    check(export["export-size"] == SIZE and export["is_read_only"], export)
    check("base:allocation" in export["contexts"], export)
    extents = json.loads(good("nbdinfo", "--json", "--map", uri("a", "a%20disk")))
    holes = sum(extent["length"] for extent in extents if extent["type"] == 3)
    check(holes > 3 << 20 and extents[0]["type"] == 0, extents)
    good("nbdcopy", uri("a"), "copy.raw")
    check(tool.read("copy.raw") == sparse_data(), "nbdcopy reads the same")
    good("qemu-img", "compare", "-f", "raw", "-F", "raw", uri("a"), "copy.raw")
    good("qemu-img", "convert", "-f", "raw", "-O", "raw", uri("a"), "copy2.raw")
    check(tool.read("copy2.raw") == sparse_data(), "qemu-img reads the same")
    check(run("nbdinfo", uri("a", "other"))[0] != 0, "there is no other export")
    check(run("qemu-io", "-f", "raw", "-c", "write 0 512", uri("a"))[0] != 0, "it is read only")
    check(tool.stop(server) == 0 and not tool.exists("a"), "ends and takes its socket along")


def test_server_write():
    tool.write("b.raw", bytes(SIZE))
    data = random.randbytes(SIZE)
    tool.write("data.raw", data)
    server = serve("b", "b.raw")
    good("nbdcopy", "--requests=16", "--connections=4", "data.raw", uri("b"))
    check(tool.read("b.raw") == data, "nbdcopy writes the same")
    out = good("qemu-io", "-f", "raw", "-c", "write -P 7 -f 1M 64k", "-c", "write -z 2M 1M", "-c",
               "discard 4M 1M", "-c", "flush", "-c", "read -P 0 2M 1M", uri("b"))
    check("failed" not in out, out)
    now = tool.read("b.raw")
    check(now[1 << 20:][:65536] == bytes([7]) * 65536, "what was written")
    check(now[2 << 20:3 << 20] == bytes(1 << 20), "what was zeroed")
    check(now[5 << 20:] == data[5 << 20:], "what nobody touched")
    check(tool.stop(server) == 0, "ends")


def test_server_tcp():
    with open(os.path.join(tool.folder, "announced"), "wb") as out:
        server = tool.start(*IMG, "serve", "-f", "raw", "-p", "0", "--once", "a.raw", stdout=out,
                            ready=lambda child: tool.read("announced").endswith(b"\n"))
    where = tool.read("announced").decode().strip()
    check(where.startswith("nbd://127.0.0.1:"), where)
    check(int(good("nbdinfo", "--size", where)) == SIZE, "over TCP")
    check(server.wait(tool.LIMIT_S) == 0, "--once: ends when the last client has left")


def use_server(where):
    """Our client reads, writes and looks at a server's disk of 6 MiB."""
    info = tool.parsed(*IMG, "info", "--output=json", where)
    check(info["virtual-size"] == SIZE and info["format"] == "raw", info)
    good(*IMG, "convert", "-n", "-f", "raw", "-O", "raw", "a.raw", where)
    good(*IMG, "compare", "-f", "raw", "-F", "raw", "a.raw", where)
    good(*IMG, "convert", "-f", "raw", "-O", "raw", where, "back.raw")
    check(tool.read("back.raw") == sparse_data(), "reads what it wrote")
    good(*IMG, "io", "-f", "raw", "-c", "write -P 9 100k 300k", "-c", "write -z 200k 10k", "-c",
         "discard 1M 1M", "-c", "flush", "-c", "read -P 9 100k 100k", "-c", "read -P 0 200k 10k",
         where)
    extents = tool.parsed(*IMG, "map", "-f", "raw", "--output=json", where)
    check(sum(extent["length"] for extent in extents) == SIZE, extents)
    return extents


def nbdkit(socket, *options):
    return tool.start("nbdkit", "-f", "-U", socket, *options, ready=listening(socket))


def test_client_nbdkit():
    server = nbdkit("kit1", "memory", SIZE)
    check(any(extent["zero"] for extent in use_server(uri("kit1"))), "nbdkit tells of zeros")
    tool.stop(server)
    server = nbdkit("kit2", "--filter=blocksize-policy", "memory", SIZE, "blocksize-minimum=4096",
                    "blocksize-preferred=4096", "blocksize-error-policy=error")
    use_server(uri("kit2"))
    tool.stop(server)
    server = nbdkit("kit3", "--filter=noextents", "--filter=nozero", "memory", SIZE)
    use_server(uri("kit3"))
    tool.stop(server)
    server = nbdkit("kit4", "--filter=noextents", "--filter=error", "memory", SIZE,
                    "error-pread=EIO", "error-pread-rate=100%")
    status, _, errors = run(*IMG, "convert", "-f", "raw", "-O", "raw", uri("kit4"), "bad.raw")
    check(status == 1 and "error while reading" in errors, errors)
    check(not tool.exists("bad.raw"), "half an image is removed")
    tool.stop(server)


def test_client_qemu():
    tool.write("q.raw", bytes(SIZE))
    server = tool.start("qemu-nbd", "-t", "-f", "raw", "-k", os.path.join(tool.folder, "nbd"), "-x",
                        "a/b", "--discard=unmap", "q.raw", ready=listening("nbd"))
    use_server(uri("nbd", "a/b"))
    status, _, errors = run(*IMG, "info", uri("nbd", "none"))
    check(status == 1 and "has no export 'none'" in errors, errors)
    tool.stop(server)


def test_messages():
    for where, words in ((uri("nobody"), "cannot connect to"), ("nbd://h/?x=1", "not known"),
                         ("nbd+unix:///x", "names no socket"), ("nbd://h:0/", "no port")):
        status, _, errors = run(*IMG, "info", where)
        check(status == 1 and words in errors, errors)


tool.need("nbdinfo", "nbdcopy", "nbdkit", "qemu-nbd", "qemu-img", "qemu-io")
test_server_read()
test_server_write()
test_server_tcp()
test_client_nbdkit()
test_client_qemu()
test_messages()
tool.finish()
