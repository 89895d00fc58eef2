#!/usr/bin/env python3
"""Run tests/stress/'s programs, all at once and for a bounded time, in a sandbox with several CPUs.

usage: run.py [--build DIR] [--guest-build DIR] [--cpus N] [--seconds N] [--machine qemu|bochs] [--memory SIZE] [--linux] [NAME...]

Each program checks what it does; at the end each must have said that all was well.  --guest-build takes the guest kernel
from another build folder (one with -Ddebug_checks=true).  Those that keep CPUs busy or take much memory only run if they are
named: sched, threads (with --memory 2G: threads-max goes by memory, as on Linux), boost (not on Linux: it has real-time
threads).  --linux: on this machine's Linux instead, to test the tests.
"""
import argparse
import os
import shutil
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
NAMES = ["epolls", "files", "forks", "futex_pi", "futexes", "memory", "pipes", "signals", "sockets"]
SHELL = 'cd /stress; for n in "$@"; do (./$n $seconds; echo "$n: status $?") & done; wait'


def pack(build, directory, names):
    tree = os.path.join(directory, "tree")
    for folder in ("stress", "proc", "dev", "tmp", "bin"):
        os.makedirs(os.path.join(tree, folder))
    for name in names:
        shutil.copy(os.path.join(build, "tests", "stress", name), os.path.join(tree, "stress", name))
    shutil.copy("/bin/busybox", os.path.join(tree, "bin", "busybox"))
    return tree


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default=os.path.join(TOP, "build"))
    parser.add_argument("--guest-build")
    parser.add_argument("--cpus", default="4")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--machine", default="qemu")
    parser.add_argument("--memory", default="256M")
    parser.add_argument("--linux", action="store_true")
    parser.add_argument("names", nargs="*", default=NAMES)
    options = parser.parse_args()
    subprocess.run(["ninja", "-C", options.build, "--quiet", "stress-tests"], check=True, stdout=sys.stderr)
    names = options.names or NAMES
    script = f"seconds={options.seconds}; " + SHELL
    with tempfile.TemporaryDirectory() as directory:
        tree = pack(options.build, directory, names)
        limit = 60 + 4 * options.seconds
        if options.linux:
            command = ["sh", "-c", script.replace("/stress", os.path.join(tree, "stress")), "sh"] + names
        else:
            command = [os.path.join(options.build, "trapline"), "run", "--machine", options.machine, "--cpus", options.cpus,
                       "--timeout", str(limit), "--memory", options.memory, "--root", tree]
            if options.guest_build:
                command += ["--guest-kernel", os.path.join(options.guest_build, "guest_kernel.elf")]
            command += ["--", "/bin/busybox", "sh", "-c", script, "sh"] + names
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=limit + 20)
    output, errors = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
    print("\n".join("    " + line for line in output.splitlines()))
    failed = [name for name in names if f"{name}: status 0" not in output.splitlines()]
    if failed or done.returncode:
        print("\n".join("     | " + line for line in errors.splitlines()[-60:]))
        print(f"FAIL: {' '.join(failed)} (sandbox ended with {done.returncode})")
    print(f"tests/stress: {len(names) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed or done.returncode else 0


if __name__ == "__main__":
    sys.exit(main())
