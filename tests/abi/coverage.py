#!/usr/bin/env python3
"""Which of tests/abi/'s programs makes which system call: abi/syscall_tests.def, made and checked.

usage: coverage.py [--build DIR] (--write | --check)

Runs every program here under strace.  --write: for each implemented call one program that makes it (the one there was, if
it still does; else one whose source names the call, the one with the fewest others).  --check: every line of the
file is true; exit status 1 if one is not.  tests/abi/run.py runs all the programs trapped and direct, and what they
print must be Linux's; `trapline calls --markdown` fails for a row called full that has no line here.
"""
import argparse
import concurrent.futures
import os
import re
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FILE = os.path.join(TOP, "abi", "syscall_tests.def")
HEAD = """/*
 * For each system call a program of tests/abi/ that makes it, which is run trapped and direct and compared with Linux.
 * Made by tests/abi/coverage.py --write; --check tells whether every line is true.  Included with SYSCALL_TEST(name, program)
 * defined.
 */
"""
TIMEOUT = 60
SLOW = 3  # seconds: another program is better


def strace(path, *options):
    """What strace writes about a program and its children; nothing if it takes too long."""
    with tempfile.TemporaryDirectory() as directory:
        out = os.path.join(directory, "strace")
        work = os.path.join(directory, "work")
        os.mkdir(work)
        # Its own processes, so that nothing that it starts stays.
        command = ["unshare", "-p", "-f", "-m", "--mount-proc", "--kill-child", "strace", "-f", *options, "-o", out, path, "one", "", "three"]
        child = subprocess.Popen(command, cwd=work, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                 env={"PATH": "/bin", "EMPTY": ""})
        try:
            child.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        return open(out, errors="replace").read() if os.path.exists(out) else ""


def calls_of(path):
    """The names of the calls that a program and its children make, and the seconds it takes."""
    started = time.time()
    calls = set(re.findall(r"^ *\d+ (\w+)$", strace(path, "-c", "-U", "calls,name"), re.M))
    # The summary leaves out calls that do not return.
    if re.search(r"\bSYS_exit|pthread_create|CLONE_THREAD", source_of(os.path.basename(path))):
        calls |= set(re.findall(r"^\d+ +(exit\w*)\(", strace(path, "-qq", "-e", "signal=none", "-e", "trace=exit,exit_group"), re.M))
    return calls, time.time() - started


def trace_all(build, names):
    folder = os.path.join(build, "tests", "abi")
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return dict(zip(names, pool.map(lambda name: calls_of(os.path.join(folder, name)), names)))


def read_file():
    text = open(FILE).read() if os.path.exists(FILE) else ""
    return dict(re.findall(r'^SYSCALL_TEST\((\w+), "([\w.]+)"\)$', text, re.M))


def implemented(build):
    """Names in the order of their numbers."""
    done = subprocess.run([os.path.join(build, "trapline"), "calls"], stdout=subprocess.PIPE, text=True, check=True)
    return [line.split()[1] for line in done.stdout.splitlines()]


def source_of(program):
    for suffix in (".c", ".S"):
        path = os.path.join(TOP, "tests", "abi", program.rsplit(".", 1)[0] + suffix)
        if os.path.exists(path):
            return open(path).read()
    return ""


def choose(call, old, traces, sources):
    makers = [name for name, (calls, _) in traces.items() if call in calls]
    if old in makers and traces[old][1] < SLOW:
        return old
    word = re.compile(rf"\b(SYS_|__NR_)?{call}\b")
    return min(makers, key=lambda name: (traces[name][1] > SLOW, not word.search(sources[name]), len(traces[name][0]), name), default=None)


def write(build, names):
    traces, old = trace_all(build, names), read_file()
    sources = {name: source_of(name) for name in names}
    lines = []
    for call in implemented(build):
        program = choose(call, old.get(call), traces, sources)
        if program:
            lines.append(f'SYSCALL_TEST({call}, "{program}")\n')
        else:
            print(f"no program makes {call}")
    with open(FILE, "w") as out:
        out.write(HEAD + "".join(lines))
    return 0


def check(build, names):
    claimed = read_file()
    traces = trace_all(build, sorted(set(claimed.values()) & set(names)))
    wrong = [f"{program} does not make {call}" for call, program in claimed.items() if call not in traces.get(program, ((), 0))[0]]
    print(*wrong, sep="\n", end="\n" if wrong else "")
    print(f"coverage: {len(claimed) - len(wrong)} passed, {len(wrong)} failed")
    return 1 if wrong else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default=os.path.join(TOP, "build"))
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    build = os.path.abspath(options.build)
    subprocess.run(["ninja", "-C", build, "--quiet", "abi-tests"], check=True, stdout=sys.stderr)
    names = sorted(name for name in os.listdir(os.path.join(build, "tests", "abi")) if name.endswith((".glibc", ".musl", ".asm")))
    return write(build, names) if options.write else check(build, names)


if __name__ == "__main__":
    sys.exit(main())
