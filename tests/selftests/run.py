#!/usr/bin/env python3
"""Run Linux's own selftests of x86, futexes, rseq, timers, pidfds and more on this machine's Linux and in sandboxes.

usage: run.py [--build DIR] [--on WHERE[,WHERE...]] [--all] [--linux] [--show] [NAME...]

They come from Debian's package linux-source-6.1 (fetched by apt-get into sources/linux-selftests/ once) and are built
as their Makefile does, but static (those of rseq dynamic: they ask the loader for glibc's area; valid-adjtimex has a
clock_adjtime of its own).  All programs of one
place run in one boot, by tests/abi/driver.c.  A program passes when it exits with 0 and says [FAIL] nowhere.
A line of a list: a program with its arguments, then after two spaces or more what is to be said of it.  pass.list names
those that must pass in every place but those that a line excepts; known.list those that do not or cannot be judged by a
machine that does other work, each with its reason: they only run with --all or by name, since some of them hang.
Exit status: 0 all of pass.list pass, 1 some do not, 77 the sources cannot be had here.
"""
import argparse
import glob
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
SOURCES = os.path.join(TOP, "sources", "linux-selftests")
PACKAGE = "linux-source-6.1"
# As few as the programs need.
SELFTESTS = "tools/testing/selftests"
# Where programs are that are not in x86.
PROGRAMS = {
    "breakpoints": "breakpoint_test",
    "clone3": "clone3 clone3_clear_sighand clone3_set_tid",
    "futex/functional": "futex_requeue futex_requeue_pi futex_requeue_pi_mismatched_ops futex_requeue_pi_signal_restart futex_wait"
                        " futex_wait_private_mapped_file futex_wait_timeout futex_wait_uninitialized_heap futex_wait_wouldblock futex_waitv",
    "ipc": "msgque",
    "membarrier": "membarrier_test_multi_thread membarrier_test_single_thread",
    "memfd": "memfd_test",
    "net/af_unix": "test_unix_oob",
    "pidfd": "pidfd_test pidfd_fdinfo_test pidfd_open_test pidfd_poll_test pidfd_wait pidfd_getfd_test pidfd_setns_test",
    "ptrace": "get_syscall_info peeksiginfo vmaccess",
    "rseq": "basic_test basic_percpu_ops_test param_test param_test_compare_twice",
    "sigaltstack": "sas",
    "splice": "default_file_splice_read splice_read",
    "timers": "posix_timers nanosleep nsleep-lat set-timer-lat inconsistency-check raw_skew threadtest valid-adjtimex adjtick"
              " change_skew skew_consistency clocksource-switch freq-step leap-a-day leapcrash set-tai set-2038 set-tz"
              " alarmtimer-suspend mqueue-lat rtcpie",
    "vDSO": "vdso_test_abi vdso_test_clock_getres vdso_test_correctness vdso_test_getcpu vdso_test_gettimeofday",
}
FOLDERS = {name: folder for folder, names in PROGRAMS.items() for name in names.split()}
WANTED = ["arch/x86/include/asm/desc_defs.h", "tools/include/linux"] + [
    f"{SELFTESTS}/{name}" for name in ["kselftest.h", "kselftest_harness.h", "futex/include", "x86"] + list(PROGRAMS)]
# They set the clock or its time zone: never run on this machine's Linux.
SANDBOX_ONLY = {"set-tz", "set-2038", "set-tai", "leap-a-day", "leapcrash", "adjtick", "change_skew", "freq-step",
                "skew_consistency", "valid-adjtimex", "clocksource-switch"}
AGAIN_MAX = 3 # programs that fail are run once more, if there are no more: some measure time, which a busy machine upsets
FLAGS = ["-O2", "-g", "-std=gnu99", "-pthread", "-w", "-I../include", "-I../..", "-D_GNU_SOURCE="]
STATIC = ["-static", "-no-pie"]
RSEQ = ["rseq.c", "-I.", "-I../../../include"]
DYNAMIC = {"valid-adjtimex": ["-no-pie"], "basic_test": RSEQ, "basic_percpu_ops_test": RSEQ, "param_test": RSEQ, "param_test_compare_twice": RSEQ + ["-DRSEQ_COMPARE_TWICE"]}
SOURCE_OF = {"param_test_compare_twice": "param_test"} # one program, built in two ways
LIBRARIES = ("/lib64/ld-linux-x86-64.so.2", "/lib/x86_64-linux-gnu/libc.so.6")
EXTRA = {"sysret_ss_attrs": ["thunks.S"], "check_initial_reg_state": ["-Wl,-ereal_start"],
         "freq-step": ["-lm"], "memfd_test": ["common.c", "-D_FILE_OFFSET_BITS=64"], "vdso_test_abi": ["parse_vdso.c"],
         "vdso_test_getcpu": ["parse_vdso.c"], "vdso_test_gettimeofday": ["parse_vdso.c"]}


def module(path):
    spec = importlib.util.spec_from_file_location("module", path)
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


abi = module(os.path.join(TOP, "tests", "abi", "run.py"))


def read_list(name):
    """{program and its arguments: what the line says after it}"""
    with open(os.path.join(HERE, name), encoding="ascii") as f:
        lines = [re.split(r"\s{2,}", line.strip(), maxsplit=1) for line in f if line.strip() and not line.startswith("#")]
    return {words[0]: words[1] if len(words) > 1 else "" for words in lines}


def fetch():
    stamp = os.path.join(SOURCES, ".complete")
    if os.path.exists(stamp) and open(stamp, encoding="ascii").read() == "\n".join(WANTED):
        return
    shutil.rmtree(SOURCES, ignore_errors=True)
    os.makedirs(SOURCES)
    with tempfile.TemporaryDirectory(dir=os.path.dirname(SOURCES)) as work:
        subprocess.run(["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", PACKAGE], cwd=work, check=True)
        package = glob.glob(os.path.join(work, "*.deb"))[0]
        pipe = ('set -o pipefail; dpkg-deb --fsys-tarfile "$1" | tar -xO "./usr/src/$2.tar.xz" | xz -dc |'
                ' tar -x --strip-components=1 -C "$3" "${@:4}"')
        members = [f"{PACKAGE}/{name}" for name in WANTED]
        subprocess.run(["bash", "-c", pipe, "bash", package, PACKAGE, SOURCES] + members, check=True)
    with open(stamp, "w", encoding="ascii") as f:
        f.write("\n".join(WANTED))


def compile_program(name, target):
    folder = os.path.join(SOURCES, SELFTESTS, FOLDERS.get(name, "x86"))
    how = DYNAMIC.get(name) or STATIC + EXTRA.get(name, [])
    subprocess.run(["gcc"] + FLAGS + ["-o", target, SOURCE_OF.get(name, name) + ".c"] + how, cwd=folder, check=True, stderr=subprocess.DEVNULL)


def pack(build, directory, names):
    """A tree with the programs under /tests and the driver at /driver; they are compiled once."""
    tree, objects = os.path.join(directory, "tree"), os.path.join(build, "tests", "selftests")
    for folder in ("tests", "proc", "dev", "tmp"):
        os.makedirs(os.path.join(tree, folder))
    os.makedirs(objects, exist_ok=True)
    os.chmod(os.path.join(tree, "tmp"), 0o1777)
    for name in sorted({name.split()[0] for name in names}):
        target = os.path.join(objects, name)
        if not os.path.exists(target):
            compile_program(name, target)
        shutil.copy(target, os.path.join(tree, "tests", name))
    for path in LIBRARIES:
        os.makedirs(os.path.dirname(tree + path), exist_ok=True)
        shutil.copy(path, tree + path)
    shutil.copy(os.path.join(build, "tests", "abi", "driver"), os.path.join(tree, "driver"))
    return tree


def passed(lines):
    """The status may follow a last line without an end."""
    return any(line.endswith("--: exited 0") for line in lines) and not any("[FAIL]" in line for line in lines)


def judge(place, results, names, known):
    """Counts of those that must pass: good, bad."""
    good = bad = 0
    for name in names:
        fine = passed(results.get(name, []))
        if name in known:
            said = "passes: add it to pass.list" if fine else known[name]
            print(f"{'NEW ' if fine else 'fail'} {place}: {name}: {said}")
            continue
        good, bad = good + fine, bad + (not fine)
        print(f"{'ok  ' if fine else 'FAIL'} {place}: {name}")
        wrong = [line for line in results.get(name, []) if "[FAIL]" in line or "--: " in line]
        for line in [] if fine else wrong[-10:] or ["it did not end"]:
            print(f"        {line}")
    return good, bad


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--build", default=os.path.join(TOP, "build"))
    parser.add_argument("--on", default="bochs,bochs-direct,qemu")
    parser.add_argument("--all", action="store_true", help="those of known.list too")
    parser.add_argument("--linux", action="store_true", help="on this machine's Linux first, for comparison")
    parser.add_argument("--show", action="store_true", help="print all that the programs print")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    known, must = read_list("known.list"), read_list("pass.list")
    names = options.names or sorted(must) + (sorted(known) if options.all else [])
    try:
        fetch()
    except (subprocess.CalledProcessError, FileNotFoundError, IndexError) as error:
        print(f"selftests: {PACKAGE} cannot be fetched: {error}")
        return 77
    subprocess.run(["ninja", "-C", options.build, "--quiet", "tests/abi/driver"], check=True, stdout=sys.stderr)
    good = bad = 0
    with tempfile.TemporaryDirectory() as directory:
        tree = pack(options.build, directory, names)
        for place in (["linux"] if options.linux else []) + options.on.split(","):
            started = time.time()
            if place == "linux":
                output = abi.run_linux(tree, ["--room", "--bare"] + [name for name in names if name.split()[0] not in SANDBOX_ONLY])
            else:
                output = abi.run_sandbox(options.build, tree, place, ["--room", "--bare"] + names, [])[0]
            if options.show:
                print(output)
            not_here = {name: text for name, text in must.items() if text.startswith(f"(not on {place}:")}
            results = abi.split(output)
            again = [name for name in names if name not in known | not_here and not passed(results.get(name, []))]
            if place != "linux" and 0 < len(again) <= AGAIN_MAX:
                print(f"     {place}: once more: {', '.join(again)}")
                results.update(abi.split(abi.run_sandbox(options.build, tree, place, ["--room", "--bare"] + again, [])[0]))
            counts = judge(place, results, names, known | not_here)
            if place != "linux":
                good, bad = good + counts[0], bad + counts[1]
            print(f"     {place}: {time.time() - started:.1f} s")
    print(f"selftests: {good} passed, {bad} failed")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
