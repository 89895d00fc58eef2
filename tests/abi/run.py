#!/usr/bin/env python3
"""Run tests/abi/'s programs on this machine's Linux and in sandboxes; what they print must be the same.

usage: run.py [--build DIR] [--guest-build DIR] [--on WHERE[,WHERE...]] [--show] [NAME...]

WHERE: bochs (trapped), bochs-direct, kvm, qemu, qemu-pc; bochs, bochs-direct and qemu also with CPUs: qemu-2, qemu-4, ...  NAME: only these programs (files.glibc, registers.asm, ...).
--guest-build takes the guest kernel from another build folder.
In sandboxes the kernel's objects and pages are counted before and after each program: what leaks is said and fails.
All programs of one place run in one boot; where calls are trapped, each must be accounted for.  Exit status: 0 all equal, 1 some differ.
"""
import argparse
import concurrent.futures
import difflib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PLACES = {
    "bochs": ["--machine", "bochs"],
    "bochs-direct": ["--machine", "bochs", "--no-trap"],
    "bochs-2": ["--machine", "bochs", "--cpus", "2"],
    "bochs-4": ["--machine", "bochs", "--cpus", "4"],
    "bochs-direct-2": ["--machine", "bochs", "--cpus", "2", "--no-trap"],
    "bochs-direct-4": ["--machine", "bochs", "--cpus", "4", "--no-trap"],
    "kvm": ["--machine", "kvm"],
    "qemu": ["--machine", "qemu"],
    "qemu-2": ["--machine", "qemu", "--cpus", "2"],
    "qemu-4": ["--machine", "qemu", "--cpus", "4"],
    "qemu-pc": ["--machine", "qemu", "--qemu-machine", "pc", "--cpu", "qemu64"],
}
TIMEOUT = 1500  # a whole place; on a host with several times too much work, too
AGAIN_MAX = 6 # programs that differ are run once more, if there are no more than these; twice different is wrong
# What these show of the XSAVE area is not there on a CPU without XSAVE.
NEEDS_XSAVE = {"core_file.glibc", "core_file.musl", "ptrace_registers.glibc", "ptrace_registers.musl"}
NO_XSAVE = {"qemu-pc"}


def pack(build, directory):
    """A tree with the programs under /tests and the driver at /driver."""
    tree = os.path.join(directory, "tree")
    for folder in ("tests", "proc", "dev", "tmp", "bin"):
        os.makedirs(os.path.join(tree, folder))
    os.chmod(os.path.join(tree, "tmp"), 0o1777)
    source = os.path.join(build, "tests", "abi")
    for name in sorted(os.listdir(source)):
        if name.endswith((".glibc", ".musl", ".asm")):
            shutil.copy(os.path.join(source, name), os.path.join(tree, "tests", name))
    shutil.copy(os.path.join(source, "driver"), os.path.join(tree, "driver"))
    return tree


def run_linux(tree, names):
    """In a chroot with its own mounts and processes, so that the driver is process 1 there too."""
    script = ('mount -t proc none "$1/proc" && mount -t tmpfs -o mode=1777 none "$1/tmp" && mount --bind /dev "$1/dev" &&'
              ' mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts "$1/dev/pts" &&'
              ' mount -t tmpfs none "$1/dev/shm" &&'
              ' tree=$1 && shift && exec chroot "$tree" /driver /tests "$@"')
    done = subprocess.run(["unshare", "-m", "-p", "-i", "-f", "sh", "-c", script, "sh", tree] + names, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=TIMEOUT, env={"PATH": "/usr/bin:/bin:/usr/sbin:/sbin"})
    return done.stdout.decode(errors="replace")


def run_sandbox(build, tree, place, names, options):
    command = [os.path.join(build, "trapline"), "run", "--timeout", str(TIMEOUT), "--root", tree, "--memory", "192M"]
    done = subprocess.run(command + PLACES[place] + options + ["--", "/driver", "/tests", "--count"] + names, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=TIMEOUT + 20)
    return done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"), done.returncode


def split(text):
    """{program: its lines} of the driver's output."""
    parts, name = {}, None
    for line in text.splitlines():
        if line.startswith("== "):
            name = line[3:]
            if not name.startswith("end of"):
                parts[name] = []
        elif name in parts:
            parts[name].append(line)
    return parts


def leaks(output):
    """What the driver said after its last program: which of them leave something behind in the kernel."""
    return re.findall(r"^(\S+ leaves behind, .*)$", output.rpartition("== end of")[2], re.M)


def complete(place, errors):
    """Was every call that the hypervisor trapped dispatched by the guest kernel, and no other?  (None, []): nothing is trapped there."""
    if "--no-trap" in PLACES[place] or "qemu" in PLACES[place]:
        return None, []
    match = re.search(r"^complete (\d+) (\d+) (\d+)$", errors, re.M)
    trapped, dispatched, answered = map(int, match.groups()) if match else (0, 0, 0)
    good = trapped > 0 and trapped == dispatched + answered
    return good, [f"{'ok  ' if good else 'FAIL'} {place}: {trapped} calls trapped, {dispatched} dispatched, {answered} answered"]


def run_place(options, tree, place, expected):
    """(passed, failed, lines to print) of all programs in one place."""
    passed = failed = 0
    said = []
    started = time.time()
    more = ["--verbose"] if options.verbose else []
    if options.guest_build:
        more += ["--guest-kernel", os.path.join(options.guest_build, "guest_kernel.elf")]
    output, errors, status = run_sandbox(options.build, tree, place, options.names, more + ["--stats"])
    got = split(output)
    again = [name for name, lines in expected.items() if got.get(name, []) != lines]
    if 0 < len(again) <= AGAIN_MAX:  # some wait by the clock, which a busy machine upsets
        said.append(f"     {place}: once more: {', '.join(again)}")
        expected.update(split(run_linux(tree, again)))  # it may have been Linux that was slow
        got.update(split(run_sandbox(options.build, tree, place, again, more)[0]))
    for name, lines in expected.items():
        if place in NO_XSAVE and name in NEEDS_XSAVE:
            said.append(f"     {place}: {name}: not run: this CPU has no XSAVE")
            continue
        different = [line for line in difflib.unified_diff(lines, got.get(name, []), "linux", place, "", "", 0, "")]
        passed, failed = passed + (not different), failed + bool(different)
        said.append(f"{'FAIL' if different else 'ok  '} {place}: {name}")
        said += ["        " + line for line in (different if options.show else different[2:14])]
    for line in leaks(output):
        failed += 1
        said.append(f"FAIL {place}: {line}")
    whole, text = complete(place, errors)
    passed, failed = passed + (whole is True), failed + (whole is False)
    said += text
    said.append(f"     {place}: {time.time() - started:.1f} s, status {status}")
    if status != 0 or options.verbose:
        said += ["     | " + line for line in errors.splitlines()[-40:]]
    return passed, failed, said


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default=os.path.join(TOP, "build"))
    parser.add_argument("--guest-build")
    parser.add_argument("--on", default="bochs,bochs-direct,qemu")
    parser.add_argument("--show", action="store_true", help="print all differing lines, not the first ten")
    parser.add_argument("--verbose", action="store_true", help="print what the sandbox wrote on standard error")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    subprocess.run(["ninja", "-C", options.build, "--quiet", "abi-tests"], check=True, stdout=sys.stderr)
    passed = failed = 0
    with tempfile.TemporaryDirectory() as directory:
        tree = pack(options.build, directory)
        missing = [name for name in options.names if not os.path.exists(os.path.join(tree, "tests", name))]
        if missing:
            parser.error("no such program: " + " ".join(missing))
        expected = split(run_linux(tree, options.names))
        # Two at a time: a place keeps one core busy, mostly.  What each says comes as one piece.
        with concurrent.futures.ThreadPoolExecutor(max_workers=min(2, os.cpu_count())) as pool:
            for good, bad, lines in pool.map(lambda place: run_place(options, tree, place, dict(expected)), options.on.split(",")):
                passed, failed = passed + good, failed + bad
                print("\n".join(lines), flush=True)
    print(f"tests/abi: {passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
