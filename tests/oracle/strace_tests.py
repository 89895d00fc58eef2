#!/usr/bin/env python3
"""Run strace's own test programs in a sandbox: each prints the lines that strace should, and our trace must print them.

usage: strace_tests.py [--build DIR] [--machine M] [--all | --quick] [--show] [--update] [NAME...]

The programs are those of Debian's source package of strace, fetched into sources/strace/ and built there, static, once.  The
tests are those that tests/oracle/strace_suite.py can describe: the rows of its gen_tests.in that need nothing but options that `trapline trace`
has, and some scripts.  A call that the guest kernel lacks counts too: its arguments are to be shown, and ENOSYS.  Without names those of
strace_tests.pass run, a list that only grows (--update adds what passes); with --all every one that can be tried.  Programs that skip
themselves (status 77) count as neither.  Spaces before `=` are not compared: the task's number stands before a line of ours.  Exit
status: 0 all of the list pass, 1 some do not, 77 the sources cannot be had here.
"""
import argparse
import difflib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

import strace_suite

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
SOURCES = os.path.join(TOP, "sources", "strace")
TESTS = os.path.join(SOURCES, "tests")
LIST = os.path.join(HERE, "strace_tests.pass")
CONFIGURE = ["--disable-mpers", "--disable-gcc-Werror", "--enable-bundled=yes", "--without-libdw", "--without-libunwind",
             "--without-libselinux", "CFLAGS=-O1 -w"]
AT_ONCE = 16  # tests in one boot
BEGINNING = r'(\[ *\d+\] )?execve\("(/tests/|\\x2f\\x74\\x65\\x73\\x74\\x73)'  # as -n and -xx show it too

SLOW = {"chdir", "at_fdcwd-pathmax", "printpath-umovestr", "printpath-umovestr-peekdata", "printpath-umovestr-undumpable"}  # thousands of lines of 4 KiB: by name only

# Runs each test in a folder of its own; what it prints goes between two marks.
DRIVER = """#!/bin/busybox sh
run() {{
    name=$1; shift
    busybox mkdir -p /tmp/$name.d/sub; cd /tmp/$name.d/sub
    echo "== $name"
    busybox timeout -s KILL 20 /tests/$name "$@"
    echo "-- $?"
}}
{commands}
"""


def prepare():
    if not os.path.exists(os.path.join(SOURCES, "configure")):
        subprocess.run([os.path.join(TOP, "tools", "fetch-sources"), "strace"], check=True)
    if not os.path.exists(os.path.join(TESTS, "Makefile")):
        print("strace_tests: configuring strace's sources", file=sys.stderr)
        subprocess.run(["./configure"] + CONFIGURE, cwd=SOURCES, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if not os.path.exists(os.path.join(TESTS, "libtests.a")):
        subprocess.run(["make", "-j2", "-C", "src", "scno.h"], cwd=SOURCES, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        subprocess.run(["make", "-j2", "-C", "tests", "ksysent.h", "scno.h", "libtests.a"], cwd=SOURCES, check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)


def compile_tests(tests, names):
    names = [name for name in names if name in tests]
    missing = [p for p in sorted({tests[name].program for name in names}) if not os.path.exists(os.path.join(TESTS, p))]
    if missing:
        print(f"strace_tests: building {len(missing)} programs", file=sys.stderr)
        subprocess.run(["make", "-j2", "-k", "-C", TESTS] + missing + ["LDFLAGS=-static", "CFLAGS=-O1 -w"], stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
    return [name for name in names if os.path.exists(os.path.join(TESTS, tests[name].program))]


def run_sandbox(options, tests, directory):
    """({test: (lines it printed, its status)}, the log)"""
    tree, log = os.path.join(directory, "tree"), os.path.join(directory, "log")
    for folder in ("bin", "dev", "proc", "tests", "tmp"):
        os.makedirs(os.path.join(tree, folder))
    os.chmod(os.path.join(tree, "tmp"), 0o1777)
    shutil.copy("/bin/busybox", os.path.join(tree, "bin", "busybox"))
    with open(os.path.join(tree, "driver"), "w", encoding="ascii") as f:
        f.write(DRIVER.format(commands="\n".join(f"run {t.name} {shlex.join(t.arguments)} {t.shell_redirections()}" for t in tests)))
    os.chmod(os.path.join(tree, "driver"), 0o755)
    for test in tests:
        shutil.copy(os.path.join(TESTS, test.program), os.path.join(tree, "tests", test.name))
    done = subprocess.run([os.path.join(options.build, "trapline"), "run", "--machine", options.machine, "--root", tree, "--timeout", "600",
                           "--trace-binary", log, "--", "/driver"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          timeout=660)
    results, name, lines = {}, None, []
    for line in done.stdout.decode("latin-1").splitlines():
        if line.startswith("== "):
            name, lines = line[3:], []
        elif line.startswith("-- ") and name:
            results[name] = (lines, int(line[3:]))
            name = None
        elif name:
            lines.append(line)
    shutil.rmtree(tree)
    return results, log


def processes(options, log):
    """{test: its process and those that it made} by the log."""
    done = subprocess.run([options.trapline, "trace", "--trace-format", "json", "-e", "trace=execve", log], stdout=subprocess.PIPE)
    owner, found = {}, {}
    for line in done.stdout.decode("ascii").splitlines():
        event = json.loads(line)
        if event["type"] == "task" and event["tid"] in owner:
            found[owner[event["tid"]]].append(event["new_tid"])
            owner[event["new_tid"]] = owner[event["tid"]]
        elif event["type"] == "call" and event["status"] == "successful":
            match = re.match('"/tests/([^"]+)"', event["args"][0].get("text", ""))
            if match and event["tid"] not in owner:
                owner[event["tid"]] = match.group(1)
                found[match.group(1)] = [event["tid"]]
    return found


def our_lines(options, test, log, tids):
    tids = tids if test.follows else tids[:1]
    folder = f"/tmp/{test.name}.d/sub/"  # strace takes -P from where the test runs
    words = [w for w in test.options if w != "-f"]
    words += [w for before, path in zip(words, words[1:]) if before == "-P" and path[0] != "/" for w in ("-P", folder + path)]
    words = test.with_start(words) + ["-e", "tid=" + ",".join(map(str, tids)), "-q"]
    done = subprocess.run([options.trapline, "trace"] + words + [log], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
    lines = done.stdout.decode("latin-1").splitlines()
    if not test.follows:
        lines = [re.sub(r"^\d+ +", "", line) for line in lines]
        at = next((i for i, line in enumerate(lines) if re.match(BEGINNING, line)), None)
        lines = lines[at + test.starts_apart():] if at is not None else lines
    return lines


def normal(lines):
    return [re.sub(r"\) +=", ") =", line) for line in lines]


def same(test, expected, ours):
    if test.patterns:
        expected = [pattern.replace("[[:xdigit:]]", "[0-9a-f]") for pattern in expected]
        return all(any(re.fullmatch(pattern.lstrip("!"), line) for line in ours) != pattern.startswith("!") for pattern in expected)
    return expected == ours


def compared(test, lines):
    """Those of the lines that the test is about."""
    if test.drop:
        lines = [line for line in lines if not re.match(test.drop, line)]
    if test.start:
        lines = lines[next((i for i, line in enumerate(lines) if re.search(test.start, line)), len(lines)):]
    if test.after:
        lines = lines[next((i + 1 for i, line in enumerate(lines) if re.match(test.after, line)), len(lines)):]
    if test.unique:
        lines = [line for before, line in zip([None] + lines, lines) if line != before]
    return lines


def judge(options, test, result, log, tids):
    """passed, failed or skipped"""
    if result and result[1] == 77:
        return "skipped"
    if not result:
        return "failed"  # the sandbox did not run, or not to this test's end
    expected, ours = normal(result[0]), compared(test, normal(our_lines(options, test, log, tids)))
    if same(test, expected, ours) and result[1] == 0:
        return "passed"
    if options.show:
        print(f"== {test.name} {' '.join(test.options)}, status {result[1]}")
        for line in list(difflib.unified_diff(expected, ours, "expected", "ours", "", "", 0, ""))[2:14]:
            print("   " + line[:260])
    return "failed"


def known_failures():
    with open(LIST.replace(".pass", ".known"), encoding="ascii") as f:
        rows = [line.rstrip("\n").split("\t") for line in f if not line.startswith("#")]
    return [(re.compile(pattern), why) for pattern, why in rows]


def update(must, states):
    with open(LIST, "w", encoding="ascii") as f:
        f.write("\n".join(sorted(set(must) | {n for n in states if states[n] == "passed"})) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default=os.path.join(TOP, "build"))
    parser.add_argument("--machine", default="bochs")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--quick", action="store_true", help="every twentieth of the list")
    parser.add_argument("--show", action="store_true", help="print how the lines differ")
    parser.add_argument("--update", action="store_true", help="add what passes to strace_tests.pass")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    options.trapline = os.path.join(options.build, "trapline")
    try:
        prepare()
    except (subprocess.CalledProcessError, FileNotFoundError) as error:
        print(f"strace_tests: strace's sources cannot be had: {error}")
        return 77
    with open(LIST, encoding="ascii") as f:
        must = f.read().split()
    tests, others = strace_suite.all_tests(TESTS)
    if options.all:
        names = [name for name in tests if name not in SLOW]
    else:
        names = options.names or (must[::20] if options.quick else must)
    chosen = [tests[name] for name in compile_tests(tests, names)]
    states = {name: "skipped" for name in names}
    for start in range(0, len(chosen), AT_ONCE):
        part = chosen[start:start + AT_ONCE]
        with tempfile.TemporaryDirectory() as directory:
            results, log = run_sandbox(options, part, directory)
            found = processes(options, log)
            for test in part:
                states[test.name] = judge(options, test, results.get(test.name), log, found.get(test.name, []))
        if options.update:
            update(must, states)
    bad = [name for name in must if states.get(name, "passed") != "passed"]
    for state in ("passed", "failed", "skipped"):
        these = [name for name in states if states[name] == state]
        print(f"{state}: {len(these)}" + (f": {' '.join(these)}" if state != "passed" or options.all else ""))
    reasons = known_failures()
    for name in states:
        if states[name] == "failed" and name not in must:
            print(f"  {name}: " + next((why for pattern, why in reasons if pattern.fullmatch(name)), "for no known reason"))
    if options.update:
        update(must, states)
    if options.all:
        print(f"not tried: {len(others)}")
        for why in sorted(set(others.values())):
            print(f"  {why}: {sum(other == why for other in others.values())}")
    print(f"strace_tests: {sum(states[n] == 'passed' for n in states)} passed, {len(bad)} failed")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
