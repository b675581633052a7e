#!/usr/bin/env python3
"""Shows that test_qcow2_crash catches what it is for: takes out one wait, flush or order after the
other from copies of the driver's files, and runs the test on each.

usage: mutations.py BUILD [--match TEXT] [--jobs N] [FIRST SEEDS CUTS]

Not a test: it compiles. BUILD is a build of Meson's where test_qcow2_crash is built. Exit status 1
if a mutation lives; its line says so.
"""
import argparse
import json
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

ROOT = pathlib.Path(__file__).resolve().parents[3]
FOLDER = "emu/block/qcow2"
PROGRAM = "tests/device/qcow2/test_qcow2_crash"

# What goes wrong, the file, what stands there (a regular expression), what stands there instead.
MUTATIONS = [
    ("clusters are used again while somebody reads them", "commit.c",
     r"    qcow2_wait_grace\(q\);\n", ""),
    ("a refcount block is led to before it is stable", "grow.c",
     r"int result = qcow2_sync\(q\);\n    for", r"int result = 0;\n    for"),
    ("a refcount table is led to before it is stable", "grow.c",
     r"= qcow2_sync\(q\);\n    }\n    if \(result == 0\) {\n        q->header.reftable_offset",
     r"= 0;\n    }\n    if (result == 0) {\n        q->header.reftable_offset"),
    ("a new refcount block does not count itself", "grow.c",
     r"cluster >= start &&", r"cluster > start &&"),
    ("new L2 tables hold what was there", "map.c",
     r"return node_write_zeroes\(q->file, new, q->cluster_size, 0\);", "return 0;"),
    ("a copied L2 table is not written", "map.c",
     r"result = node_write\(q->file, new, table, q->cluster_size, 0\);", "result = 0;"),
    ("the shared L2 table is never freed, its copy is", "map.c",
     r"qcow2_free\(q, old >> q->cluster_bits, 1, true\);\n    }\n    return 0;",
     r"qcow2_free(q, cluster, 1, true);\n    }\n    return 0;"),
    ("tables are led to before counts and data are stable", "commit.c",
     r"if \(result == 0 && more\) {\n        result = qcow2_sync\(q\);",
     r"if (result == 0 && more && q->half_done) {\n        result = qcow2_sync(q);"),
    ("counts are written after the tables", "commit.c",
     r"int result = slice_copies_write\(&q->refcounts, commit.refcounts\);(.*?)"
     r"    second = result == 0;",
     r"int result = 0;\1    result = slice_copies_write(&q->refcounts, commit.refcounts);\n"
     r"    second = result == 0;"),
    ("freed clusters are used again at once", "commit.c",
     r"second \? q->freed_next : q->freed, commit->freed->data, commit->freed->len\);",
     r"q->freed_next, commit->freed->data, commit->freed->len);\n"
     r"    if (second) {\n        commit_release(q, q->freed_next);\n    }"),
    ("clusters freed since the commit began are released with it", "commit.c",
     r"commit->freed = q->freed;\n    q->freed = (.*?);",
     r"commit->freed = \1;\n"
     r"    g_array_append_vals(q->freed_next, q->freed->data, q->freed->len);\n"
     r"    g_array_set_size(q->freed, 0);"),
    ("a changed slice is not marked", "map.c",
     r"        slice_mark\(&q->tables, slice\);\n", ""),
    ("a changed L1 entry is not marked", "map.c",
     r"    qcow2_l1_mark\(q, index\);\n", ""),
    ("data is led to before it is written", "write.c",
     r"return write_finish\(q, &plan, write_planned\(q, &plan, part\)\);",
     r"int early = write_finish(q, &plan, 0);\n    return early < 0 ? early :"
     r" write_planned(q, &plan, part);"),
    ("a new cluster keeps nothing of the old one", "write.c",
     r"return mapping->kind == MAP_ZERO \|\| ", r"return mapping->kind == MAP_DATA || "),
    ("new clusters are taken for zeros wherever they lie", "write.c",
     r"if \(plan->host >= node_size\(q->data\)\) {", r"if (plan->host > 0) {"),
    ("writes do not wait for others that allocate the same", "grace.c",
     r"        co_queue_wait\(&over->waiting, &q->lock\);",
     r"        return count;"),
    ("shared clusters are written in place", "write.c",
     r"return mapping->kind == MAP_DATA && mapping->copied;", r"return mapping->kind == MAP_DATA;"),
    ("room goes back to the host while tables lead to it", "refcount.c",
     r"    q->freed_clusters \+= count;\n",
     r"    q->freed_clusters += count;\n    if (node_flags(q->node) & NODE_RELEASE) {\n"
     r"        node_discard(q->file, cluster << q->cluster_bits, count << q->cluster_bits);\n"
     r"    }\n"),
    ("counts of a new L1 table are not stable when it is switched to", "tree.c",
     r"result = qcow2_settle\(q\);\n    }\n    if \(result == 0\) {\n        struct",
     r"result = 0;\n    }\n    if (result == 0) {\n        struct"),
    ("a lazy image is not marked before it is changed", "open.c",
     r"result == 0 && q->lazy\) {\n        result = open_set_dirty\(q, true",
     r"result == 0 && q->lazy) {\n        result = open_set_dirty(q, false"),
    ("a change to the whole image is not marked", "snapshot.c",
     r"result = qcow2_mark_dirty\(q, true\);", "result = 0;"),
    ("the mark of a change is not stable when it begins", "snapshot.c",
     r"result = qcow2_settle\(q\); /\* the mark, too \*/", "result = 0;"),
]


def commands(build):
    """The compiler's commands by file, and the linker's for the test."""
    entries = json.loads((build / "compile_commands.json").read_text())
    compiles = {pathlib.Path(entry["file"]).name: shlex.split(entry["command"])
                for entry in entries if entry["file"].endswith(
                    tuple(f"{FOLDER}/{mutation[1]}" for mutation in MUTATIONS))}
    out = subprocess.run(["ninja", "-C", str(build), "-t", "commands", PROGRAM], check=True,
                         capture_output=True, text=True).stdout
    return compiles, shlex.split(out.strip().splitlines()[-1])


def build_mutant(build, folder, mutation, compiles, link):
    """Compiles the changed file and links the test with it before the library."""
    _, name, old, new = mutation
    text = (ROOT / FOLDER / name).read_text()
    changed, count = re.subn(old, new, text, count=1, flags=re.DOTALL)
    if count == 0:
        raise SystemExit(f"{name} has no longer what a mutation replaces: {old}")
    source, target, program = folder / name, folder / "mutant.o", folder / "mutant"
    source.write_text(changed)
    compiler = [part for part in compiles[name] if part != "-Werror"]
    for option in ("-MF", "-MQ", "-o"):
        compiler[compiler.index(option) + 1] = str(target) + (".d" if option == "-MF" else "")
    compiler[compiler.index("-c") + 1] = str(source)
    subprocess.run([*compiler, "-w"], cwd=build, check=True)
    linker = list(link)
    linker[linker.index("-o") + 1] = str(program)
    linker.insert(linker.index("-o") + 2, str(target))
    subprocess.run(linker, cwd=build, check=True)
    return program


def run_mutant(build, mutation, compiles, link, arguments):
    """Whether the test notices; its last words."""
    with tempfile.TemporaryDirectory() as folder:
        program = build_mutant(build, pathlib.Path(folder), mutation, compiles, link)
        try:
            done = subprocess.run([program, *arguments], capture_output=True, text=True,
                                  errors="replace", timeout=300, check=False)
        except subprocess.TimeoutExpired:
            return True, "hangs"
        words = [line for line in (done.stdout + done.stderr).splitlines()
                 if re.match(r"ERROR:|moment|.*(corrupt, and|Assertion|Sanitizer|differs)", line)]
        seeds = re.findall(r"^seed (\d+)", done.stdout, re.MULTILINE)
        said = words[0][:100] if words else f"status {done.returncode}"
        return done.returncode != 0, f"seed {seeds[-1]}: {said}"


def main():
    """Runs all that match."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--match", default="")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("arguments", nargs="*", help="of the test")
    options = parser.parse_intermixed_args()
    build = options.build.resolve()
    compiles, link = commands(build)
    chosen = [mutation for mutation in MUTATIONS if options.match in mutation[0]]
    alive = 0
    with ThreadPoolExecutor(options.jobs) as pool:
        runs = pool.map(lambda mutation: run_mutant(build, mutation, compiles, link,
                                                    options.arguments), chosen)
        for mutation, (caught, said) in zip(chosen, runs):
            alive += not caught
            print(f"{'caught' if caught else 'LIVES '}  {mutation[0]}\n        {said}", flush=True)
    print(f"{len(chosen) - alive} of {len(chosen)} caught")
    return 1 if alive else 0


if __name__ == "__main__":
    sys.exit(main())
