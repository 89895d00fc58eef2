#!/usr/bin/env python3
"""The hypervisor's self-test (hv/main/selftest.h) under QEMU's multi-threaded TCG: tests/smp/selftest.py trapline.elf [CPUS]"""
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import machine

FRAMES = 100


def main():
    elf, cpus = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 4
    command = ["qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", str(cpus), "-m", "256", "-nographic",
               "-nodefaults", "-no-reboot", "-kernel", elf, "-append", "selftest=1 loglevel=3", "-device", "isa-debugcon,iobase=0xe9,chardev=c",
               "-chardev", "file,id=c,path=/dev/stdout", "-device", "isa-debug-exit,iobase=0xf4"]
    try:
        raw = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=100, check=False).stdout
    except subprocess.TimeoutExpired as error:
        raw = error.stdout or b""
    result = machine.parse(raw, machine.Result())
    print(result.log, end="")
    lines = [result.output.get(cpu, b"").decode().splitlines() for cpu in range(cpus)]
    whole = all(lines[cpu] == [f"frame {i} of CPU {cpu}" for i in range(FRAMES)] for cpu in range(cpus))
    if not whole:
        print("frames of several CPUs are not whole")
    passed = result.finished and re.search(f"selftest: passed on {cpus} CPUs", result.log)
    return 0 if passed and whole and result.exits.get(0) == (0, 0) else 1


if __name__ == "__main__":
    sys.exit(main())
