#!/usr/bin/env python3
"""What Linux's services cost: tests/bench/ubench.c on Debian's Linux and in a sandbox, direct and trapped, all in Bochs.

usage: ubench.py [--build DIR] [--samples N] [--no-linux] [--check] [ROW...]

Bochs' clock ticks once per instruction, so these are counts of instructions per operation: medians of the samples.  Linux is
Debian's cloud kernel without mitigations, as the sandbox's kernel has none inside (the hypervisor flushes between sandboxes).
Below the table: the geometric mean of direct against Linux over all rows but those that measure no service of the kernel
or none that is there, and the rows that are above Linux.  --check: exit status 1 if a row is above Linux or the mean above
the goal.  Exit status 77: the kernel package cannot be had here (not with --no-linux).
"""
import argparse
import math
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "linux"))
import bare
import boot

MEMORY = 512 << 20
MODEL = "corei7_skylake_x" # the launcher's
# Not services of a kernel (copies, the clock, the vDSO), or of the network stack.
NOT_COMPARED = ("nothing", "rdtsc", "cpuid", "memcpy64k_q", "memcpy64k_b", "clock_vdso", "tcp_pp")
GOAL = 0.6
INIT = """#!/bin/busybox sh
b=/bin/busybox
$b mount -t devtmpfs d /dev; $b mount -t proc p /proc; $b mount -t tmpfs t /tmp
/ubench {words} >/tmp/out 2>&1
echo BEGIN; $b cat /tmp/out; echo END; $b sleep 2 # for the serial port
$b reboot -f
"""


def compile_program(work):
    program = os.path.join(work, "ubench")
    boot.run("musl-gcc", "-O2", "-Wall", "-static", "-o", program, os.path.join(HERE, "ubench.c"))
    return program


def rows_of(text):
    """{row: median} of what ubench printed; None where it could not measure."""
    rows = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 4:
            rows[words[0]] = None if words[1] == "-" else float(words[1])
    return rows


def on_linux(program, words, build, work):
    root = bare.Archive()
    for folder in ("dev", "proc", "tmp"):
        root.folder(folder)
    root.file("init", INIT.format(words=" ".join(words)).encode())
    root.copy("/bin/busybox")
    root.copy(program, "ubench")
    kernel = boot.vmlinux(boot.package(), work)
    image = bare.memory_image(kernel, root.bytes(), bare.QUICK + " mitigations=off reboot=t", MEMORY)
    text = bare.emulate(image, build, work, MODEL, MEMORY)
    return rows_of(text.partition("BEGIN\n")[2].partition("END\n")[0])


def in_sandbox(program, words, build, *options):
    done = subprocess.run([os.path.join(build, "trapline"), "run", "--machine", "bochs", "--clock", "virtual", *options, "--",
                           program, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True, timeout=600)
    return rows_of(done.stdout.decode())


def cell(value):
    return "-" if value is None else f"{value:,.0f}"


def ratio(value, base):
    return f"{value / base:.2f}" if value and base else "-"


def print_table(linux, direct, trapped):
    print("| row | Linux | direct | of Linux | trapped | of Linux |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for row, value in direct.items():
        base, traced = linux.get(row), trapped.get(row)
        print(f"| {row} | {cell(base)} | {cell(value)} | {ratio(value, base)} | {cell(traced)} | {ratio(traced, base)} |")


def judge(linux, direct):
    """Print the mean and what is above Linux; is all within the goals?"""
    rows = [row for row in direct if row not in NOT_COMPARED and linux.get(row)]
    missing = [row for row in rows if not direct[row]]
    ratios = {row: direct[row] / linux[row] for row in rows if direct[row]}
    if not ratios:
        print("nothing to compare")
        return True
    mean = math.exp(sum(math.log(r) for r in ratios.values()) / len(ratios))
    above = [f"{row} ({r:.2f})" for row, r in ratios.items() if r > 1]
    print(f"direct against Linux, geometric mean of {len(ratios)} rows: {mean:.2f} (goal: at most {GOAL})")
    print("above Linux: " + (", ".join(above) or "none"))
    if missing:
        print("could not be measured: " + ", ".join(missing))
    return mean <= GOAL and not above and not missing


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--build", default=os.path.join(boot.TOP, "build"))
    parser.add_argument("--samples", type=int, default=31)
    parser.add_argument("--no-linux", action="store_true", help="only the sandbox's columns")
    parser.add_argument("--check", action="store_true", help="fail if a goal is missed")
    parser.add_argument("rows", nargs="*", metavar="ROW")
    options = parser.parse_args()
    build = os.path.abspath(options.build)
    words = ["-r", str(options.samples)] + options.rows
    with tempfile.TemporaryDirectory() as work:
        program = compile_program(work)
        try:
            linux = {} if options.no_linux else on_linux(program, words, build, work)
        except (subprocess.CalledProcessError, FileNotFoundError, IndexError) as error:
            print(f"Debian's kernel package is missing: {error}")
            return 77
        direct = in_sandbox(program, words, build, "--no-trap")
        trapped = in_sandbox(program, words, build)
    print_table(linux, direct, trapped)
    good = options.no_linux or judge(linux, direct)
    return 1 if options.check and not good else 0


if __name__ == "__main__":
    sys.exit(main())
