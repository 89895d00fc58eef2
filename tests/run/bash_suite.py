#!/usr/bin/env python3
"""Run the job-control part of bash's own test-suite on this machine's Linux and in a sandbox: the same tests must pass.

usage: bash_suite.py [--build DIR] [--on MACHINE] [--all] [NAME...]

The tests come from Debian's source package of bash (fetched by tools/fetch-sources once) and run with this machine's bash,
at a terminal: script(1) here, `trapline run -t` there.  NAME: of run-NAME; --all: every one.  It takes two minutes, most of it
the tests' own sleeping.  Exit status: 0 equal, 1 different, 77 the sources cannot be had here.
"""
import argparse
import difflib
import glob
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SOURCE = os.path.join(TOP, "sources", "bash")
JOB_CONTROL = ["jobs", "coproc", "procsub", "set-x", "test", "comsub", "redir", "heredoc"]
TOOLS = """awk basename bash cat chgrp chmod cmp cp cut date diff dirname echo egrep env expr false fgrep find grep head id kill ln locale ls mkdir mkfifo mktemp
 mv od printf ps readlink rm rmdir sed seq sh sleep sort stty tail tee test touch tr true tty umask uname uniq wc which""".split()
LOCALES = [path for path in ("/usr/lib/locale", "/usr/lib/x86_64-linux-gnu/gconv") if os.path.exists(path)]
SCRIPT = """cd {tests}
export THIS_SH=/bin/bash TMPDIR={tests}/tmp PATH=.:/usr/bin:/bin LC_ALL=C HOME=/tmp TERM=dumb
unset LANG
mkdir -p $TMPDIR
for name in {names}; do
    BASH_TSTOUT=$TMPDIR/out sh ./run-$name >$TMPDIR/result 2>&1
    echo "== $name: $?"
    cat $TMPDIR/result
done
"""


def prepare(directory):
    """The tests with their helper programs."""
    tests = os.path.join(directory, "tests")
    shutil.copytree(os.path.join(SOURCE, "tests"), tests, symlinks=True)
    for name in ("recho", "zecho", "xcase", "printenv"):
        subprocess.run(["gcc", "-w", "-static", "-DHAVE_STDLIB_H", "-DHAVE_STRING_H", "-DHAVE_UNISTD_H", "-DPARAMS(x)=x", "-I" + SOURCE,
                        "-I" + os.path.join(SOURCE, "lib"), "-o", os.path.join(tests, name),
                        os.path.join(SOURCE, "support", name + ".c")], check=True)
    return tests


def at_terminal(command, timeout):
    """What it puts on a terminal."""
    output = b""
    pid, master = pty.fork()
    if pid == 0:
        for ignored in (signal.SIGPIPE, signal.SIGXFSZ): # by Python, which the tests would see
            signal.signal(ignored, signal.SIG_DFL)
        os.closerange(3, 256) # the tests show the numbers of what they open
        os.execvp("timeout", ["timeout", "--foreground", str(timeout), *command])
    while True:
        try:
            data = os.read(master, 65536)
        except OSError:
            break
        if not data:
            break
        output += data
    os.waitpid(pid, 0)
    os.close(master)
    return output.decode(errors="replace").replace("\r\n", "\n")


def split(text):
    parts = re.split(r"^== (\S+): (\d+)$", text, flags=re.M)
    return {parts[i]: (parts[i + 1], re.sub(r"\b\d{3,}\b", "N", parts[i + 2])) for i in range(1, len(parts) - 2, 3)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default=os.path.join(TOP, "build"))
    parser.add_argument("--on", default="qemu")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    if subprocess.run([os.path.join(TOP, "tools", "fetch-sources"), "bash"]).returncode:
        return 77
    every = sorted(os.path.basename(p)[4:] for p in glob.glob(os.path.join(SOURCE, "tests", "run-*")))
    every = [n for n in every if n not in ("all", "minimal", "gprof")]
    names = options.names or (every if options.all else JOB_CONTROL)
    passed = failed = 0
    with tempfile.TemporaryDirectory() as directory:
        tests = prepare(directory)
        script = os.path.join(directory, "script")
        with open(script, "w", encoding="ascii") as f:
            f.write(SCRIPT.format(tests=tests, names=" ".join(names)))
        added = [word for path in [tests, script, *LOCALES] + [p for p in map(shutil.which, TOOLS) if p] for word in ("--add", path)]
        output = at_terminal([os.path.join(options.build, "trapline"), "run", "--machine", options.on, "-t", "--timeout", "900", *added,
                              "--", "/bin/bash", script], 900)
        there = split(output)
        if not there:
            print(output[-2000:])
        here = split(at_terminal(["/bin/bash", script], 900))
    for name in names:
        equal = here.get(name) == there.get(name) and name in here
        passed, failed = passed + equal, failed + (not equal)
        print(f"{'ok  ' if equal else 'FAIL'} {name}: status {here.get(name, ['none'])[0]} on Linux, {there.get(name, ['none'])[0]} here")
        if not equal:
            different = difflib.unified_diff(here.get(name, ("", ""))[1].splitlines(), there.get(name, ("", ""))[1].splitlines(), "linux",
                                             options.on, "", "", 1, "")
            print("\n".join("     | " + line for line in list(different)[:40]))
    print(f"tests/run/bash_suite: {passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
