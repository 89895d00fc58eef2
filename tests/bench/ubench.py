#!/usr/bin/env python3
"""What Linux's services cost: tests/bench/ubench.c on Debian's Linux and in a sandbox, direct and trapped, all in Bochs.

usage: ubench.py [--build DIR] [--samples N] [--no-linux] [--check] [--write] [ROW...]

Bochs' clock ticks once per instruction, so these are counts of instructions per operation: medians of the samples.  Linux is
Debian's cloud kernel without mitigations, as the sandbox's kernel has none inside (the hypervisor flushes between sandboxes).
Below the table: the geometric mean of direct against Linux over all rows but those that measure no service of the kernel
or none that is there, and the rows that are above Linux.  --check: exit status 1 if a row is above Linux or the mean above
the goal.  --write: the table also goes into docs/costs.md, between its marks.  Exit status 77: the kernel package cannot be had here (not with --no-linux).
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
DOCUMENT = os.path.join(boot.TOP, "docs", "costs.md")
BEGIN_MARK = "<!-- table: made by tests/bench/ubench.py --write -->"
END_MARK = "<!-- end of table -->"
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


def table(linux, direct, trapped):
    lines = ["| row | Linux | direct | of Linux | trapped | of Linux |", "| --- | ---: | ---: | ---: | ---: | ---: |"]
    for row, value in direct.items():
        base, traced = linux.get(row), trapped.get(row)
        lines.append(f"| {row} | {cell(base)} | {cell(value)} | {ratio(value, base)} | {cell(traced)} | {ratio(traced, base)} |")
    return lines


def judge(linux, direct):
    """What is to be said below the table: the mean and what is above Linux.  And: is all within the goals?"""
    rows = [row for row in direct if row not in NOT_COMPARED and linux.get(row)]
    missing = [row for row in rows if not direct[row]]
    ratios = {row: direct[row] / linux[row] for row in rows if direct[row]}
    if not ratios:
        return ["nothing to compare"], True
    mean = math.exp(sum(math.log(r) for r in ratios.values()) / len(ratios))
    above = [f"{row} ({r:.2f})" for row, r in ratios.items() if r > 1]
    lines = [f"direct against Linux, geometric mean of {len(ratios)} rows: {mean:.2f} (goal: at most {GOAL})",
             "above Linux: " + (", ".join(above) or "none")]
    if missing:
        lines.append("could not be measured: " + ", ".join(missing))
    return lines, mean <= GOAL and not above and not missing


def write_document(rows, verdict):
    with open(DOCUMENT) as f:
        head, _, rest = f.read().partition(BEGIN_MARK)
    tail = rest.partition(END_MARK)[2]
    sentences = "".join(f"- {line}\n" for line in verdict)
    with open(DOCUMENT, "w") as f:
        f.write(head + BEGIN_MARK + "\n" + "\n".join(rows) + "\n\n" + sentences + END_MARK + tail)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--build", default=os.path.join(boot.TOP, "build"))
    parser.add_argument("--samples", type=int, default=31)
    parser.add_argument("--no-linux", action="store_true", help="only the sandbox's columns")
    parser.add_argument("--check", action="store_true", help="fail if a goal is missed")
    parser.add_argument("--write", action="store_true", help="put the table into docs/costs.md")
    parser.add_argument("rows", nargs="*", metavar="ROW")
    options = parser.parse_args()
    if options.write and (options.rows or options.no_linux):
        parser.error("--write wants all rows and columns")
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
    rows = table(linux, direct, trapped)
    verdict, good = judge(linux, direct)
    print("\n".join(rows + ([] if options.no_linux else verdict)))
    if options.write:
        write_document(rows, verdict)
    return 1 if options.check and not good else 0


if __name__ == "__main__":
    sys.exit(main())
