#!/usr/bin/env python3
"""Run strace's own test programs in a sandbox: each prints the lines that strace should, and our trace must print them.

usage: strace_tests.py [--build DIR] [--machine M] [--all | --quick] [--show] [--update] [NAME...]

The programs are those of Debian's source package of strace, fetched into sources/strace/ and built there, static, once.  The
tests are the lines of its gen_tests.in that need nothing but options that `trapline trace` has; their calls must be ones that the guest kernel
implements.  Without names those of strace_tests.pass run, a list that only grows (--update adds what passes); with --all every one that
can be tried.  Programs that skip themselves (status 77) count as neither.  Spaces before `=` are not compared: the task's number stands before a
line of ours.  Exit status: 0 all of the list pass, 1 some do not, 77 the sources cannot be had here.
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

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
SOURCES = os.path.join(TOP, "sources", "strace")
TESTS = os.path.join(SOURCES, "tests")
LIST = os.path.join(HERE, "strace_tests.pass")
CONFIGURE = ["--disable-mpers", "--disable-gcc-Werror", "--enable-bundled=yes", "--without-libdw", "--without-libunwind",
             "--without-libselinux", "CFLAGS=-O1 -w"]
AT_ONCE = 16  # tests in one boot

SLOW = {"chdir", "at_fdcwd-pathmax", "printpath-umovestr", "printpath-umovestr-peekdata", "printpath-umovestr-undumpable"}  # thousands of lines of 4 KiB: by name only

# Options that mean the same to us; those with a value.
PLAIN = re.compile(r"^-(f|y|yy|v|x|xx|T|r|q+|z|Z|n|i|tt?t?)$")
VALUED = re.compile(r"^(-[aseXP]|--(trace|string-limit|columns|trace-path))(=?.*)$")
QUIRK_ARGUMENTS, QUIRK_START = "QUIRK:PROG-ARGS:", "QUIRK:START-OF-TEST-OUTPUT"

# Runs each test in a folder of its own; what it prints goes between two marks.
DRIVER = """#!/bin/busybox sh
while read -r name arguments; do
    busybox mkdir -p /tmp/$name.d/sub; cd /tmp/$name.d/sub
    echo "== $name"
    busybox timeout -s KILL 20 /tests/$name $arguments
    echo "-- $?"
done < /tests.list
"""


class Test:
    def __init__(self, name, words):
        self.name, self.options, self.arguments, self.start = name, [], [], None
        self.follows = "-f" in words
        for word in words:
            if word.startswith(QUIRK_ARGUMENTS):
                self.arguments = word[len(QUIRK_ARGUMENTS):].split()
            elif word.startswith(QUIRK_START + "-REGEX:"):
                self.start = re.compile(word[len(QUIRK_START) + 7:])
            elif word.startswith(QUIRK_START + ":"):
                self.start = re.compile(re.escape(word[len(QUIRK_START) + 1:]))
            else:
                self.options.append(word)
        joined = " ".join(self.options)
        if not re.search(r"-e ?trace=|--trace=", joined):
            self.options += ["-e", f"trace={name}"]

    def calls(self):
        """The traced calls, as far as they are plain names."""
        words = " ".join(self.options)
        found = re.findall(r"(?:-e ?trace=|--trace=)(\S+)", words)
        return [name.lstrip("?") for text in found for name in text.strip("'\"").split(",")]


def usable(words):
    """Are all these options ours too?"""
    skip = False
    for word in words:
        if skip:
            skip = False
        elif word.startswith("QUIRK:"):
            if not word.startswith((QUIRK_ARGUMENTS, QUIRK_START)):
                return False
        elif PLAIN.match(word):
            continue
        elif VALUED.match(word):
            skip = VALUED.match(word).group(3) == "" and not word.startswith("--")
            if re.search("inject|fault|kvm|namespace|secontext|decode-pids", word):
                return False
        else:
            return False
    return not re.search(r"-e ?(inject|fault|kvm|decode|read=|write=|verbose|raw|abbrev)", " ".join(words))


def all_tests():
    tests = {}
    with open(os.path.join(TESTS, "gen_tests.in"), encoding="utf-8") as f:
        for line in f:
            fields = line.split(None, 1)
            if not fields or fields[0].startswith("#"):
                continue
            rest = fields[1].strip() if len(fields) > 1 else ""
            if (rest and not rest.startswith("-")) or re.search(r"[<>$|`]", rest):
                continue
            try:
                words = shlex.split(rest)
            except ValueError:
                continue
            if usable(words) and os.path.exists(os.path.join(TESTS, fields[0] + ".c")):
                tests[fields[0]] = Test(fields[0], words)
    return tests


def implemented(options):
    done = subprocess.run([os.path.join(options.build, "trapline"), "calls"], stdout=subprocess.PIPE, check=True)
    return set(re.findall(r"^ *\d+ +(\w+) +(?:full|partial)", done.stdout.decode(), re.M))


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


def compile_tests(names):
    missing = [name for name in names if not os.path.exists(os.path.join(TESTS, name))]
    if missing:
        print(f"strace_tests: building {len(missing)} programs", file=sys.stderr)
        subprocess.run(["make", "-j2", "-k", "-C", TESTS] + missing + ["LDFLAGS=-static", "CFLAGS=-O1 -w"], stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
    return [name for name in names if os.path.exists(os.path.join(TESTS, name))]


def run_sandbox(options, tests, directory):
    """({test: (lines it printed, its status)}, the log)"""
    tree, log = os.path.join(directory, "tree"), os.path.join(directory, "log")
    for folder in ("bin", "dev", "proc", "tests", "tmp"):
        os.makedirs(os.path.join(tree, folder))
    os.chmod(os.path.join(tree, "tmp"), 0o1777)
    shutil.copy("/bin/busybox", os.path.join(tree, "bin", "busybox"))
    with open(os.path.join(tree, "driver"), "w", encoding="ascii") as f:
        f.write(DRIVER)
    os.chmod(os.path.join(tree, "driver"), 0o755)
    with open(os.path.join(tree, "tests.list"), "w", encoding="ascii") as f:
        for test in tests:
            f.write(" ".join([test.name] + test.arguments) + "\n")
            shutil.copy(os.path.join(TESTS, test.name), os.path.join(tree, "tests", test.name))
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
    words = [folder + w if before == "-P" and not w.startswith("/") else w for before, w in zip([""] + words, words)]
    words += ["-e", "tid=" + ",".join(map(str, tids)), "-q"]
    done = subprocess.run([options.trapline, "trace"] + words + [log], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
    lines = done.stdout.decode("latin-1").splitlines()
    if not test.follows:
        lines = [re.sub(r"^\d+ +", "", line) for line in lines]
        at = next((i for i, line in enumerate(lines) if line.startswith("execve(\"/tests/")), None)
        lines = lines[at:] if at is not None else lines
    return lines


def normal(lines):
    return [re.sub(r"\) +=", ") =", line) for line in lines]


def judge(options, test, result, log, tids):
    """passed, failed or skipped"""
    if result and result[1] == 77:
        return "skipped"
    if not result:
        return "failed"  # the sandbox did not run, or not to this test's end
    expected, ours = normal(result[0]), normal(our_lines(options, test, log, tids))
    if test.start:
        at = next((i for i, line in enumerate(ours) if test.start.search(line)), len(ours))
        ours = ours[at:]
    if expected == ours and result[1] == 0:
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
    parser.add_argument("--quick", action="store_true", help="every tenth of the list")
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
    known, tests = implemented(options), all_tests()
    if options.all:
        names = [n for n, t in tests.items() if n not in SLOW and all(c in known or not re.fullmatch(r"\w+", c) for c in t.calls())]
    else:
        names = options.names or (must[::10] if options.quick else must)
    chosen = [tests[name] for name in compile_tests([n for n in names if n in tests])]
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
    print(f"strace_tests: {sum(states[n] == 'passed' for n in states)} passed, {len(bad)} failed")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
