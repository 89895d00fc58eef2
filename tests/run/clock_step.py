#!/usr/bin/env python3
"""What setting and slewing the clock does: the same programs on Debian's Linux 6.1 and in a sandbox.

usage: clock_step.py [--build DIR] [--on WHERE[,WHERE...]] [PROGRAM...]

This machine's clock is not to be touched, so the oracle is Debian's cloud kernel in QEMU (the package that
tests/linux/boot.py fetches), with a program as process 1; the sandboxes are qemu, bochs and bochs-direct.
Exit status: 0 equal everywhere, 1 not, 77 the kernel cannot be had here.
"""
import argparse
import difflib
import glob
import os
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tests", "linux"))
import bare
import boot

PLACES = {"qemu": ["--machine", "qemu"], "bochs": ["--machine", "bochs"], "bochs-direct": ["--machine", "bochs", "--no-trap"]}
PROGRAMS = ["clock_step", "clock_slew"]
TIMEOUT = 300


def run_linux(program, work):
    archive = bare.Archive()
    archive.copy(program, "init")
    initrd = os.path.join(work, "initrd")
    with open(initrd, "wb") as f:
        f.write(archive.bytes())
    kernel = glob.glob(boot.package() + "/boot/vmlinuz-*")[0]
    done = subprocess.run(["qemu-system-x86_64", "-nographic", "-no-reboot", "-m", "512", "-kernel", kernel, "-initrd", initrd,
                           "-append", "console=ttyS0 quiet tsc=reliable"], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, timeout=TIMEOUT, check=False)
    return done.stdout.decode(errors="replace").replace("\r", "")


def run_sandbox(build, program, place):
    command = [os.path.join(build, "trapline"), "run", "--timeout", str(TIMEOUT)] + PLACES[place] + ["--", program]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=TIMEOUT + 20, check=False)
    return done.stdout.decode(errors="replace")


def lines(text):
    """What the program said, without the boot before and the end after it."""
    said = text[text.find("== begin"):]
    return said[:said.find("== end")].splitlines() if "== end" in said else said.splitlines() + ["(it did not end)"]


def compare(options, name, places, work):
    """How many places differ."""
    program = os.path.join(work, name)
    bad = 0
    subprocess.run(["gcc", "-static", "-O1", "-pthread", "-o", program, os.path.join(TOP, "tests", "run", name + ".c")], check=True)
    expected = lines(run_linux(program, work))
    for place in places:
        different = list(difflib.unified_diff(expected, lines(run_sandbox(options.build, program, place)), "linux", place,
                                              "", "", 0, ""))
        print(f"{'FAIL' if different else 'ok  '} {place}: {name}: {len(expected)} lines")
        for line in different:
            print(f"        {line}")
        bad += bool(different)
    return bad


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--build", default=os.path.join(TOP, "build"))
    parser.add_argument("--on", default="qemu,bochs,bochs-direct")
    parser.add_argument("programs", nargs="*", default=PROGRAMS)
    options = parser.parse_args()
    places, bad = options.on.split(","), 0
    with tempfile.TemporaryDirectory() as work:
        try:
            boot.package()
        except (subprocess.CalledProcessError, FileNotFoundError, IndexError) as error:
            print(f"clock_step: Debian's kernel cannot be had here: {error}")
            return 77
        for name in options.programs:
            bad += compare(options, name, places, work)
    print(f"clock_step: {len(places) * len(options.programs) - bad} passed, {bad} failed")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
