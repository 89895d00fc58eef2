#!/usr/bin/env python3
"""Run real programs of Debian packages in sandboxes and on this machine's Linux; what they do must be the same.

usage: run.py [--build DIR] [--on WHERE[,WHERE...]] [--quick] [--install] [--show] [--list] [NAME...]

WHERE: qemu (the default: the guest kernel alone), bochs (trapped), bochs-direct; qemu and bochs also with CPUs: qemu-4.
Each case (tests/programs/cases*.py) names packages, files to pack and a command.  It runs in a sandbox with just these
files, and in a chroot with the very tree that the sandbox got, its own processes and mounts: standard output, standard
error and exit status must be equal.  --quick: only those cases that tools/test runs, each where it is meant to run.
--install: apt-get what is missing first; without it, a case whose packages are missing is skipped, and counted as such.
Last line: N passed, N failed, N skipped.  Exit status 0: none failed.
"""
import argparse
import difflib
import os
import re
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from case import CASES  # noqa: E402
import cases_heavy  # noqa: E402,F401
import cases_light  # noqa: E402,F401

ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "TERM": "dumb", "LC_ALL": "C"}
ORACLE = """
set -e
hostname trapline
mount -t tmpfs -o mode=755 none "$1"
(cd "$1" && cpio -idm --quiet --no-absolute-filenames < "$2" && rm -f .trapline.init && mkdir -p dev/shm)
mount -t proc none "$1/proc"
for node in null zero full random urandom tty; do touch "$1/dev/$node"; mount --bind /dev/$node "$1/dev/$node"; done
ln -s /proc/self/fd "$1/dev/fd"
tree=$1
shift 2
exec chroot "$tree" "$@"
"""


def place_options(place):
    """The launcher's options for a place, and its CPUs (0: not said)."""
    machine, *rest = place.split("-")
    cpus = next((int(word) for word in rest if word.isdigit()), 0)
    return ["--machine", machine] + (["--no-trap"] if "direct" in rest else []), cpus


def run_sandbox(options, case, place, root):
    more, cpus = place_options(place)
    command = [os.path.join(options.build, "trapline"), "run", "--timeout", str(case.timeout), "--save-root", root, *more]
    if cpus or case.cpus:
        command += ["--cpus", str(cpus or case.cpus)]
    if case.memory:
        command += ["--memory", case.memory]
    if options.guest_build:
        command += ["--guest-kernel", os.path.join(options.guest_build, "guest_kernel.elf")]
    command += [word for pair in case.environment(ENVIRONMENT).items() for word in ("--env", "=".join(pair))]
    command += [word for path in case.paths() for word in ("--add", path)]
    done = subprocess.run(command + ["--"] + case.command, input=case.stdin.encode(), stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=case.timeout + 60)
    return done.stdout, done.stderr, done.returncode


def run_linux(case, root, directory):
    tree = os.path.join(directory, "tree")
    os.mkdir(tree)
    done = subprocess.run(["unshare", "-m", "-u", "-p", "-f", "sh", "-c", ORACLE, "sh", tree, root] + case.command,
                          env=case.environment(ENVIRONMENT), input=case.stdin.encode(), stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=case.timeout)
    os.rmdir(tree)
    return done.stdout, done.stderr, done.returncode


def as_lines(result, case):
    """Both outputs and the status as lines to compare, what may differ masked."""
    lines = []
    for name, data in (("out", result[0]), ("err", result[1])):
        text = data.decode(errors="backslashreplace")
        for pattern, replacement in case.masks:
            text = re.sub(pattern, replacement, text, flags=re.M)
        lines += [f"{name}: {line}" for line in (sorted(text.splitlines()) if case.unordered else text.splitlines())]
    return lines + [f"status: {result[2]}"]


def run_case(options, case, places):
    """Results: (passed, failed)."""
    passed = failed = 0
    with tempfile.TemporaryDirectory(prefix="programs.") as directory:
        expected = None
        for place in places:
            root = os.path.join(directory, "root.cpio")
            started = time.time()
            try:
                got = run_sandbox(options, case, place, root)
                seconds = time.time() - started
                if expected is None:
                    expected = as_lines(run_linux(case, root, directory), case)
                    if options.show:
                        print(*("        | " + line for line in expected), sep="\n")
                different = list(difflib.unified_diff(expected, as_lines(got, case), "linux", place, "", "", 1, ""))
            except subprocess.TimeoutExpired as error:
                seconds, different = time.time() - started, [f"{error}"[:200]]
            size = os.path.getsize(root) >> 20 if os.path.exists(root) else 0
            print(f"{'FAIL' if different else 'ok  '} {place}: {case.name} ({seconds:.1f} s, root {size} MiB)", flush=True)
            for line in different if options.show else different[:24]:
                print(f"        {line}")
            passed, failed = passed + (not different), failed + bool(different)
    return passed, failed


def missing_packages(cases):
    wanted = sorted({package for case in cases for package in case.packages})
    done = subprocess.run(["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n"] + wanted, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True)
    return set(wanted) - {line.split()[0] for line in done.stdout.splitlines() if line.endswith(" installed")}


def install(packages):
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    for command in (["update"], ["-y", "install", "--no-install-recommends"] + sorted(packages)):
        done = subprocess.run(["apt-get", "-qq"] + command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode != 0:
            sys.exit(f"programs: apt-get {command[0]} failed:\n{done.stdout.decode(errors='replace')[-2000:]}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default=os.path.join(TOP, "build"))
    parser.add_argument("--guest-build", help="take the guest kernel from this build folder")
    parser.add_argument("--on", help="where, separated by commas")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--install", action="store_true")
    parser.add_argument("--show", action="store_true", help="print all differing lines")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    cases = [c for c in CASES if (not options.names or c.name in options.names) and (c.quick or not options.quick)]
    if options.list:
        for case in cases:
            print(f"{case.name:24} {','.join(case.places):16} {' '.join(case.packages)}")
        return 0
    unknown = set(options.names) - {c.name for c in CASES}
    if unknown:
        sys.exit(f"programs: there is no case {', '.join(sorted(unknown))} (--list)")
    missing = missing_packages(cases)
    if missing and options.install:
        install(missing)
        missing = missing_packages(cases)
    passed = failed = skipped = 0
    for case in cases:
        lacking = missing & set(case.packages)
        if lacking:
            print(f"skip {case.name}: not installed: {' '.join(sorted(lacking))} (--install)")
            skipped += 1
            continue
        places = options.on.split(",") if options.on else case.quick_places if options.quick else case.places
        good, bad = run_case(options, case, places)
        passed, failed = passed + good, failed + bad
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
