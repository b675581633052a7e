#!/usr/bin/env python3
"""Images made by qemu-img or by our tool are clean, equal and the same to the other of the two.

usage: interchange.py [--count N] [--seed N] PROGRAM
Each image has its own size, cluster size, version, refcount width, compression, backing chain and
snapshot, out of the number it has in the matrix.
"""
import argparse
import concurrent.futures
import json
import os
import random
import subprocess
import sys

import tool

KIB, MIB = 1 << 10, 1 << 20
CLUSTERS = [512, 1024, 2048, 4096, 8192, 16384, 32768, 65536, 131072, 524288, 1048576, 2097152]
SIZE_MAX = {512: MIB, 1024: 2 * MIB, 2048: 3 * MIB}
# What a peer prints that says nothing about the image.
INFO_IGNORED = {"actual-size", "children", "filename", "full-backing-filename", "snapshots"}


class Mismatch(Exception):
    pass


def fill_holes(path):
    """qemu-img may take holes of the file inside of data for zeros, or not: let there be none."""
    data = tool.read(path)
    with open(os.path.join(tool.folder, path), "r+b") as file:
        file.write(data)


class Case:
    def __init__(self, number, seed, programs):
        self.number, self.random = number, random.Random(seed * 100003 + number)
        self.maker = programs[number % 2]
        self.other = programs[1 - number % 2]
        self.log = []

    def path(self, name):
        return f"{self.number}-{name}"

    def run(self, *command, statuses=(0,)):
        command = [str(word) for word in command]
        self.log.append(" ".join(command))
        done = subprocess.run(command, capture_output=True, cwd=tool.folder, timeout=tool.LIMIT_S,
                              stdin=subprocess.DEVNULL, check=False)
        if done.returncode not in statuses:
            raise Mismatch(f"{done.returncode}: {done.stdout.decode()}{done.stderr.decode()}")
        return done.stdout.decode()

    def expect(self, condition, what):
        if not condition:
            raise Mismatch(what)

    def same(self, what, change, *arguments):
        """Both programs say the same of an image."""
        ours, theirs = ([change(json.loads(self.run(*program.img, *arguments)))
                         for program in (self.maker, self.other)])
        self.expect(ours == theirs, f"{what}: {self.maker.name} says {ours}, {self.other.name} "
                                    f"says {theirs}")
        return ours

    def options(self):
        compat = self.random.choice(["0.10", "1.1", "1.1", "1.1"])
        cluster = CLUSTERS[self.number // 2 % len(CLUSTERS)]
        options = [f"cluster_size={cluster}", f"compat={compat}"]
        self.refcount_bits = 16
        if compat == "1.1":
            self.refcount_bits = self.random.choice([1, 2, 4, 8, 16, 16, 32, 64])
            options.append(f"refcount_bits={self.refcount_bits}")
            options.append(f"compression_type={self.random.choice(['zlib', 'zstd'])}")
            options.append(f"lazy_refcounts={self.random.choice(['on', 'off', 'off'])}")
        if self.random.random() < 0.15:
            options.append(f"preallocation={self.random.choice(['metadata', 'falloc', 'full'])}")
        return options, compat, cluster

    def compressed(self, model, cluster):
        """Writes of whole clusters, which qemu-io can do only where nothing is yet."""
        words = []
        for at in self.random.sample(range(0, len(model), cluster),
                                     min(self.random.choice([0, 0, 2, 4]), len(model) // cluster)):
            pattern = self.random.randrange(1, 256)
            size = min(cluster, len(model) - at)
            words += ["-c", f"write -c -P {pattern} {at} {size}"]
            model[at:at + size] = bytes([pattern]) * size
        return words

    def writes(self, model, cluster, discard):
        """Writes for `io`, done to the model too."""
        words = []
        for _ in range(self.random.randrange(2, 6)):
            kind = self.random.choice(["-P", "-P", "-z", "-z -u"] + ["discard"] * discard)
            at = self.random.randrange(0, len(model), 512)
            size = min(self.random.randrange(512, 3 * cluster + 66000, 512), len(model) - at)
            pattern = self.random.randrange(1, 256) if kind == "-P" else 0
            if kind == "discard":
                at = at // cluster * cluster
                size = min(cluster, len(model) - at)
                words += ["-c", f"discard {at} {size}"]
            elif kind == "-P":
                words += ["-c", f"write -P {pattern} {at} {size}"]
            else:
                words += ["-c", f"write {kind} {at} {size}"]
            model[at:at + size] = bytes([pattern]) * size
        return words

    def make(self):
        """The image with what it stands on; returns its path and what it should read as."""
        depth = self.random.choice([0, 0, 0, 1, 1, 2])
        model, below = bytearray(), None
        for level in range(depth + 1):
            options, compat, cluster = self.options()
            if below:
                options = [word for word in options if not word.startswith("preallocation")]
            self.cluster = cluster
            most = SIZE_MAX.get(cluster, 6 * MIB)
            size = self.random.randrange(cluster, most + 2 * cluster, 512)
            model = model[:size] + bytes(max(size - len(model), 0))
            path = self.path(f"{level}.qcow2")
            backing = ["-b", below, "-F", "qcow2"] if below else []
            self.run(*self.maker.img, "create", "-q", "-f", "qcow2", "-o", ",".join(options),
                     *backing, path, size)
            commands = [] if "preallocation" in options[-1] else self.compressed(model, cluster)
            self.run(*self.maker.io, "-f", "qcow2", *commands,
                     *self.writes(model, cluster, compat != "0.10"), path)
            fill_holes(path)
            below = path
        return path, bytes(model)

    def snapshot(self, path, model):
        """An internal snapshot, and another write: what the snapshot has stays."""
        self.run(*self.maker.img, "snapshot", "-c", "before", path)
        after = bytearray(model)
        self.run(*self.maker.io, "-f", "qcow2", *self.writes(after, self.cluster, False),
                 path)
        fill_holes(path)
        self.run(*self.other.img, "convert", "-l", "before", "-O", "raw", path, self.path("s.raw"))
        self.expect(tool.read(self.path("s.raw"))[:len(model)] == model, "the snapshot's contents")
        names = [self.run(*program.img, "snapshot", "-l", path)
                 for program in (self.maker, self.other)]
        self.expect(names[0] == names[1] and "before" in names[0], f"snapshots: {names}")
        if self.random.random() < 0.5:
            self.run(*self.other.img, "snapshot", "-a", "before", path)
            after = model
        if self.random.random() < 0.5:
            self.run(*self.other.img, "snapshot", "-d", "before", path)
        return bytes(after)

    def look(self, path):
        self.same("check", lambda found: found, "check", "--output=json", path)
        self.same("info", lambda found: [{key: one[key] for key in one if key not in INFO_IGNORED}
                                         for one in found],
                  "info", "--output=json", "--backing-chain", path)
        self.same("map", lambda found: [{key: one[key] for key in one if key != "compressed"}
                                        for one in found], "map", "--output=json", path)
        self.same("measure", lambda found: found, "measure", "--output=json", "-O", "qcow2", path)

    def convert(self, path, model):
        self.run(*self.other.img, "convert", "-O", "raw", path, self.path("out.raw"))
        self.expect(tool.read(self.path("out.raw"))[:len(model)] == model, "contents")
        options, _, _ = self.options()
        options = [word for word in options if not word.startswith("preallocation")]
        compressed = ["-c"] if self.random.random() < 0.4 else []
        self.run(*self.other.img, "convert", *compressed, "-O", "qcow2", "-o", ",".join(options),
                 path, self.path("out.qcow2"))
        self.run(*self.maker.img, "check", "-q", self.path("out.qcow2"))
        self.run(*self.maker.img, "compare", "-q", path, self.path("out.qcow2"))

    def judge(self):
        """None, or what is wrong."""
        try:
            path, model = self.make()
            if self.random.random() < 0.35 and self.refcount_bits >= 8:
                model = self.snapshot(path, model)
            self.look(path)
            self.convert(path, model)
        except (Mismatch, subprocess.TimeoutExpired) as error:
            return "\n".join([f"image {self.number}, made by {self.maker.name}:", *self.log,
                              f"-> {error}"])
        for name in os.listdir(tool.folder):
            if name.startswith(f"{self.number}-"):
                os.remove(os.path.join(tool.folder, name))
        return None


class Program:
    def __init__(self, name, img, io):
        self.name, self.img, self.io = name, img, io


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("program")
    given = parser.parse_args()
    tool.need("qemu-img", "qemu-io")
    program = os.path.abspath(given.program)
    programs = [Program("ours", [program, "img"], [program, "img", "io"]),
                Program("qemu-img", ["qemu-img"], ["qemu-io"])]
    numbers = range(given.first, given.first + given.count)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        found = list(pool.map(lambda number: Case(number, given.seed, programs).judge(), numbers))
    wrong = [text for text in found if text]
    print("\n\n".join(wrong[:5]))
    print(f"{given.count} images, {len(wrong)} wrong (seed {given.seed})")
    sys.exit(1 if wrong else 0)


main()
