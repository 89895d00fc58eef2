#!/usr/bin/env python3
"""Programs that want more than a sandbox has: the right one ends, with Linux's message, the rest goes on, and all memory is back.

usage: memory.py [--build DIR] [--machine MACHINE] [--guest-kernel FILE] [CASE...]
"""
import argparse
import os
import re
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
KILLED = r"Out of memory: Killed process \d+ \(hostile\) total-vm:\d+kB, anon-rss:\d+kB, file-rss:\d+kB, shmem-rss:\d+kB, UID:0 pgtables:\d+kB oom_score_adj:"
# name: memory, exit status, what standard output says, what the log says (None: nothing of memory)
CASES = {
    "hog": ("24M", 137, "", KILLED + "0"),
    "bystander": ("32M", 0, "hog: killed by 9\nbystander: alive\nmemory is back\n", KILLED + "0"),
    "chosen": ("32M", 0, "offered one: killed by 9\nprotected one: went on\n", KILLED + "1000"),
    "files": ("96M", 0, "last descriptor 99999, errno 24\n", None),
    "bomb": ("48M", 0, "refused: as it should be\nfork afterwards: works\n", None),
    "zeros": ("24M", 0, "all zeros\n", None),
}


def judge(name, done):
    """What is wrong with a run; empty: nothing."""
    _, status, output, log = CASES[name]
    wrong = []
    if done.returncode != status:
        wrong.append(f"status {done.returncode}, not {status}")
    if done.stdout != output:
        wrong.append(f"printed {done.stdout!r}")
    if log and not re.search(log, done.stderr):
        wrong.append("the log does not say who was killed")
    if "panic" in done.stderr or "assertion" in done.stderr:
        wrong.append("the kernel crashed")
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--build", default=os.path.join(TOP, "build"))
    parser.add_argument("--machine", default="qemu")
    parser.add_argument("--guest-kernel")
    parser.add_argument("cases", nargs="*", metavar="CASE")
    options = parser.parse_args()
    failed = 0
    cases = options.cases or list(CASES)
    with tempfile.TemporaryDirectory() as work:
        program = os.path.join(work, "hostile")
        subprocess.run(["gcc", "-O1", "-Wall", "-Wextra", "-D_GNU_SOURCE", "-static", "-o", program,
                        os.path.join(TOP, "tests", "run", "hostile.c")], check=True)
        for name in cases:
            command = [os.path.join(options.build, "trapline"), "run", "--machine", options.machine, "--verbose", "--timeout", "100", "--memory",
                       CASES[name][0]]
            command += ["--guest-kernel", options.guest_kernel] if options.guest_kernel else []
            done = subprocess.run([*command, "--", program, name], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True, errors="replace", timeout=120)
            wrong = judge(name, done)
            failed += bool(wrong)
            print(f"{'FAIL' if wrong else 'ok  '} {name}" + (": " + "; ".join(wrong) if wrong else ""), flush=True)
            if wrong:
                print("\n".join("     | " + line for line in done.stderr.splitlines()[-12:]))
    print(f"tests/run/memory: {len(cases) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
