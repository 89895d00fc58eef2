#!/usr/bin/env python3
"""What tracing costs, as a table: in the sandbox (instructions in Bochs) and outside (the launcher's, counted by valgrind).

usage: trace_cost.py [--build DIR] [--check | --write]

--write puts the table into docs/trace-format.md, --check fails when a row misses its goal.  What strace adds on Linux in the same Bochs was
measured once and stands here.  Status 77: there is no valgrind.
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DOC, BEGIN, END = os.path.join(TOP, "docs", "trace-format.md"), "<!-- cost: begin -->\n", "<!-- cost: end -->\n"
STRACE_GETPID, STRACE_LS = 29_400, 10_600_000 # `strace -f` on Debian's Linux in Bochs; of ls without strace's own start
CALLS = 20_000
FILES = 96


class Bench:
    def __init__(self, build, directory):
        self.trapline, self.directory = os.path.join(build, "trapline"), directory
        self.getpid = os.path.join(directory, "trace_cost")
        subprocess.run(["gcc", "-O2", "-static", "-o", self.getpid, os.path.join(TOP, "tests", "bench", "trace_cost.c")], check=True)
        self.call_cost = os.path.join(directory, "call_cost")
        subprocess.run(["gcc", "-O2", "-static", "-o", self.call_cost, os.path.join(TOP, "tests", "bench", "call_cost.c")], check=True)
        self.root = os.path.join(directory, "root")
        os.makedirs(os.path.join(self.root, "bin"))
        shutil.copy("/bin/busybox", os.path.join(self.root, "bin", "busybox"))
        for n in range(FILES):
            folder = os.path.join(self.root, "files", str(n // 12))
            os.makedirs(folder, exist_ok=True)
            with open(os.path.join(folder, f"file{n}"), "w", encoding="ascii") as f:
                f.write("x" * n)

    def run(self, options, *program, count=False):
        """(standard output, {statistic: first number}, instructions of the launcher if counted)."""
        out = os.path.join(self.directory, "callgrind")
        words = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}"] if count else []
        done = subprocess.run([*words, self.trapline, "run", "--machine", "bochs", "--clock", "virtual", "--no-aslr", *options, "--",
                               *program], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=500)
        text = done.stderr.decode(errors="replace")
        if done.returncode:
            sys.exit(f"{program}: status {done.returncode}: {text[-300:]}")
        stats = {name: int(n) for name, n in re.findall(r"^(\w+) (\d+)", text, re.M)}
        instructions = re.search(r"Collected : (\d+)", text)
        return done.stdout.decode(), stats, int(instructions[1]) if count else None

    def traced(self):
        return ["--trace", "--trace-out", os.path.join(self.directory, "trace")]

    def getpid_cost(self, *options):
        return int(self.run(options, self.getpid, str(CALLS))[0])

    def least_cost(self, *options):
        """Without what interrupts cost in a long run."""
        return int(re.search(r"^getpid \d+ (\d+)", self.run(options, self.call_cost)[0], re.M)[1])

    def logged(self):
        return ["--trace-binary", os.path.join(self.directory, "log")]

    def launcher_per_call(self, options):
        few, many = (self.run(options, self.getpid, str(n), count=True)[2] for n in (1000, 5000))
        return (many - few) // 4000

    def ls(self, options, count=False):
        return self.run(["--stats", "--root", self.root, *options], "/bin/busybox", "ls", "-lR", "/files", count=count)

    def ls_launcher(self, options):
        """How often it wakes up is a matter of the host's load: the least of a few runs."""
        return min(self.ls(options, count=True)[2] for _ in range(5))


def measure(build):
    """Rows: (what, figure, goal as text, does it hold)."""
    with tempfile.TemporaryDirectory() as directory:
        b = Bench(build, directory)
        direct, recorded, streamed = b.getpid_cost("--no-trap"), b.getpid_cost(), b.getpid_cost(*b.traced())
        least_direct, least_recorded = b.least_cost("--no-trap"), b.least_cost()
        outside, packed = b.launcher_per_call(b.traced()), b.launcher_per_call(b.logged())
        as_json = b.launcher_per_call([*b.traced(), "--trace-format", "json"])
        ls_direct, ls_traced = b.ls(["--no-trap"])[1], b.ls(b.traced())[1]
        ls_inside = ls_traced["ran"] - ls_direct["ran"]
        ls_outside = b.ls_launcher(b.traced()) - b.ls_launcher([])
        ls_calls = ls_traced["complete"]
    total, ls_total = streamed - direct + outside, ls_inside + ls_outside
    return [
        ("getpid, direct", least_direct, "", True),
        ("getpid, trapped and recorded: in addition", least_recorded - least_direct, "at most 500", least_recorded - least_direct <= 500),
        (f"the same on the average of {CALLS:,}, with all interrupts", recorded - direct, "", True),
        ("and sent out", streamed - recorded, "", True),
        ("and drained and formatted as text by the launcher", outside, "", True),
        ("or as JSON", as_json, "", True),
        ("or packed for the binary log", packed, "", True),
        (f"getpid, all of it; strace: {STRACE_GETPID:,}", total, f"a fiftieth: {STRACE_GETPID // 50}; it is 1/{STRACE_GETPID // max(total, 1)}",
         total * 50 <= STRACE_GETPID),
        (f"`busybox ls -lR` of {FILES} files, {ls_calls} calls, in the sandbox", ls_inside, "", True),
        ("by the launcher", ls_outside, "", True),
        (f"all of it; strace: {STRACE_LS:,}", ls_total, f"a twenty-fifth: {STRACE_LS // 25:,}; it is 1/{STRACE_LS // max(ls_total, 1)}",
         ls_total * 25 <= STRACE_LS),
    ]


def table(rows):
    lines = ["| what | instructions | goal |", "| --- | ---: | --- |"]
    lines += [f"| {what} | {figure:,} | {goal}{'' if holds else ': **missed**'} |" for what, figure, goal, holds in rows]
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default=os.path.join(TOP, "build"))
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    if not shutil.which("valgrind"):
        return 77
    rows = measure(os.path.abspath(options.build))
    print(table(rows), end="")
    if options.write:
        with open(DOC, encoding="utf-8") as f:
            before, rest = f.read().split(BEGIN)
        with open(DOC, "w", encoding="utf-8") as f:
            f.write(before + BEGIN + table(rows) + END + rest.split(END)[1])
    return 1 if options.check and not all(holds for *_, holds in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
