#!/usr/bin/env python3
"""Check the decoders of abi/ against strace: the same program on this machine under both, call by call.

usage: decoder_compare.py [--addresses] NATIVE_TRACE PROGRAM [ARG...]

--addresses: without what structures hold (-e verbose=none).

Processes are matched by order of creation; addresses, pids and times are masked.  Exit status: 0 equal, 1 different.
"""
import difflib
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from strace_compare import join_resumed, mask, number_processes, split_asynchronous  # noqa: E402


def by_process(lines):
    pairs = list(join_resumed(lines))
    numbers = number_processes(pairs)
    processes = [[] for _ in numbers]
    for pid, text in pairs:
        processes[numbers[pid]].append(mask(text, numbers))
    for process in processes:
        # The first execve was entered before strace or we looked; then all are alike.
        while process and not process[0].startswith("brk(") and not process[0].startswith("execve(") and process is processes[0]:
            process.pop(0)
    # These are two runs: when a child's end is told among the other lines is a matter of time.
    return [calls + sorted(signals) for calls, signals in map(split_asynchronous, processes)]


def run(command, out, directory):
    subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=directory,
                   env={"PATH": "/usr/bin:/bin", "HOME": "/root"}, timeout=60)
    return by_process(open(out, errors="replace").read().splitlines())


def main():
    words = sys.argv[1:]
    addresses = words[0] == "--addresses"
    words = words[1:] if addresses else words
    native, program = [os.path.abspath(words[0])] + ["--addresses"] * addresses, words[1:]
    with tempfile.TemporaryDirectory() as directory:
        ours, theirs = os.path.join(directory, "ours"), os.path.join(directory, "theirs")
        # A fresh folder of the same name for each.
        with tempfile.TemporaryDirectory() as parent:
            here = os.path.join(parent, "here")
            os.mkdir(here)
            a = run(["strace", "-f", "-o", theirs] + ["-everbose=none"] * addresses + program, theirs, here)
            shutil.rmtree(here)
            os.mkdir(here)
            b = run(native + [ours] + program, ours, here)
    different = 0
    for number in range(max(len(a), len(b))):
        x, y = (a[number] if number < len(a) else []), (b[number] if number < len(b) else [])
        for line in difflib.unified_diff(x, y, f"strace, process {number}", f"decoders, process {number}", "", "", 0, ""):
            print(line)
        different += sum(1 for line in difflib.ndiff(x, y) if line[:2] in ("+ ", "- "))
    print(f"{' '.join(program)}: {sum(map(len, a))} lines of {len(a)} processes, {different} differ")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
