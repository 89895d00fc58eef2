#!/usr/bin/env python3
"""Throughput of getpid, page faults and pipes with 2 CPUs against 1, under QEMU's multi-threaded TCG.

usage: scaling.py [--build DIR] [--cpus N] [--seconds S] [--rounds N]

Each line: operations per second with one worker on one CPU, with N workers on N CPUs, and how many times more that is; the
best of the rounds counts, since other work on this machine only ever makes it less.  The last column is the same per second of
processor time that QEMU got, times N: what the machine would show if it had nothing else to do, but for CPUs that wait idle.
One big lock in the kernel would show as 1.0 in the first and in the second column as less than N.
"""
import argparse
import os
import resource
import subprocess
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def measure(options, program, what, cpus, seconds):
    """(operations per second, operations per second of QEMU's processor time)"""
    def run(duration):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run([os.path.join(options.build, "trapline"), "run", "--machine", "qemu", "--cpus", str(cpus),
                               "--timeout", "60", "--", program, what, str(cpus), str(duration)], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        count, elapsed = done.stdout.split()
        return int(count), float(elapsed), after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    few, _, boot = run(0.05)
    count, elapsed, used = run(seconds)
    return count / elapsed, (count - few) / max(used - boot, 0.01)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default=os.path.join(TOP, "build"))
    parser.add_argument("--cpus", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        program = os.path.join(directory, "scaling")
        subprocess.run(["gcc", "-O2", "-Wall", "-Werror", "-D_GNU_SOURCE", "-static", "-o", program,
                        os.path.join(TOP, "tests", "bench", "scaling.c")], check=True)
        print(f"| operation | 1 CPU, per s | {options.cpus} CPUs, per s | times | by processor time |")
        print("| --- | ---: | ---: | ---: | ---: |")
        for what in ("getpid", "fault", "pipe"):
            best = {}
            for _ in range(options.rounds):
                for cpus in (1, options.cpus):
                    result = measure(options, program, what, cpus, options.seconds)
                    best[cpus] = tuple(max(a, b) for a, b in zip(best.get(cpus, (0, 0)), result))
            one, many = best[1], best[options.cpus]
            print(f"| {what} | {one[0]:,.0f} | {many[0]:,.0f} | {many[0] / one[0]:.2f} | "
                  f"{many[1] / one[1] * options.cpus:.2f} |", flush=True)


if __name__ == "__main__":
    main()
