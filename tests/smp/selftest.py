#!/usr/bin/env python3
"""The hypervisor's self-test (tests/smp/selftest.c) under QEMU's multi-threaded TCG.

usage: selftest.py selftest.elf CPUS [SMP] [--no-acpi | --panic]

SMP is QEMU's -smp, for CPUs with other numbers than 0, 1, ...  --no-acpi: the CPUs are started without ACPI's list of them.
--panic: one CPU panics while the others send frames; afterwards nobody may send but that one.
"""
import argparse
import os
import re
import struct
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import machine

FRAMES = 100
HOST_CRASH = 2


def boot(options):
    words = "no-acpi" if options.no_acpi else "panic" if options.panic else ""
    command = ["qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", options.smp or str(options.cpus), "-m", "256",
               "-nographic", "-nodefaults", "-no-reboot", "-kernel", options.elf, "-append", words, "-device",
               "isa-debugcon,iobase=0xe9,chardev=c", "-chardev", "file,id=c,path=/dev/stdout", "-device", "isa-debug-exit,iobase=0xf4"]
    try:
        return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=300, check=False).stdout
    except subprocess.TimeoutExpired as error:
        return error.stdout or b""


def judge_frames(result, cpus):
    lines = [result.output.get(cpu, b"").decode().splitlines() for cpu in range(cpus)]
    whole = all([line for line in lines[cpu] if line.startswith("frame")] == [f"frame {i} of CPU {cpu}" for i in range(FRAMES)]
                for cpu in range(cpus))
    return [("frames of several CPUs are whole", whole)]


def judge_panic(raw, result, cpus):
    """After the panic's first word nobody else's frame begins."""
    rest = raw[raw.rfind(struct.pack("<I", machine.FRAME_MAGIC), 0, raw.index(b"hypervisor panic")):]
    kinds = []
    machine.parse(rest, machine.Result(), kinds.append)
    talk = [re.findall(rb"talk (\d+)\n", result.output.get(cpu, b"")) for cpu in range(cpus)]
    return [("all others sent frames before", all(talk)),
            ("their frames are whole and in order", all([int(n) for n in t] == list(range(len(t))) for t in talk)),
            ("then only the panic is heard", set(kinds) == {machine.LOG, machine.EXIT, machine.BYE}),
            ("and its end is told", result.exits.get(0) == (HOST_CRASH, 0) and result.finished)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("elf")
    parser.add_argument("cpus", type=int)
    parser.add_argument("smp", nargs="?")
    parser.add_argument("--no-acpi", action="store_true")
    parser.add_argument("--panic", action="store_true")
    options = parser.parse_args()
    raw = boot(options)
    result = machine.parse(raw, machine.Result())
    print(result.log, end="")
    started = "a message to all" if options.no_acpi else "ACPI's list"
    checks = [(f"{options.cpus} CPUs, by {started}", f"smp: {options.cpus} CPUs, started by {started}" in result.log)]
    checks += judge_frames(result, options.cpus)
    if options.panic:
        checks += judge_panic(raw, result, options.cpus) if b"hypervisor panic" in raw else [("it panics", False)]
    else:
        checks.append(("passed", result.finished and result.exits.get(0) == (0, 0) and
                       f"selftest: passed on {options.cpus} CPUs" in result.log))
    for what, good in checks:
        print(("ok      " if good else "FAILED  ") + what)
    return 0 if all(good for _, good in checks) else 1


if __name__ == "__main__":
    sys.exit(main())
