#!/usr/bin/env python3
"""Trace a Debian Linux in a sandbox while strace traces programs inside it: the two must tell the same.

usage: strace_inside.py [--build DIR] [--show]

Linux boots as in boot.py; this machine's strace is in its root with the libraries that it needs.  Each of a few commands runs under it
there, and all of Linux's calls are traced from outside.  It is the same process both times, so numbers, addresses and
results are compared as they are: call by call the name, the result and each argument must be equal, but that what a call stores is
known inside only: there the outside may have the address (docs/trace-format.md).  Exit status: 0 equal, 1 different, 77 Debian's
package or strace cannot be had here.
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile

import boot

STRACE = "/usr/bin/strace"
COMMANDS = ["cat /etc/marker", "ls -l /", "wc /etc/marker", "sh -c 'cd /etc; read x <marker; echo $x >/copy; kill -0 $$'", "stat /bin", "nosuch"]
STORE = ("poll", "select", "ppoll", "pselect6")  # what their results' comments tell was stored
ARGUMENTS_LEAST = 0.6  # of all arguments that are equal to the letter
INIT = """#!/bin/busybox sh
b=/bin/busybox
$b mount -t devtmpfs d /dev; $b mount -t proc p /proc
for m in {modules}; do $b insmod /$m.ko; done
for i in 1 2 3 4 5; do [ -e /dev/vport0p4 ] && break; $b sleep 1; done
{commands}
for i in {numbers}; do echo "== $i"; $b cat /out$i; done >/dev/vport0p2
echo "exit 1792" >/dev/vport0p4; $b sleep 100
"""


def root_tree(package, work):
    root = boot.root_tree(package, work, "control")
    for path in [STRACE] + re.findall(r"(/\S+) \(0x", subprocess.run(["ldd", STRACE], capture_output=True, text=True, check=True).stdout):
        os.makedirs(os.path.join(root, os.path.dirname(path)[1:]), exist_ok=True)
        shutil.copy(path, root + path)
    modules = " ".join(os.path.basename(m) for m in boot.MODULES * 2)
    commands = "\n".join(f"{STRACE} -s 32 -o /out{i} $b {command} >/dev/null 2>&1" for i, command in enumerate(COMMANDS))
    with open(os.path.join(root, "init"), "w", encoding="ascii") as f:
        f.write(INIT.format(modules=modules, commands=commands, numbers=" ".join(map(str, range(len(COMMANDS))))))
    return root


def split_line(line):
    """(name, arguments, result) of a call's line, None: it is none."""
    match = re.match(r"(\w+)\((.*)\) += (.*?)(?: <[0-9.]+>)?$", line)
    if not match:
        return None
    arguments, depth, quoted, start, text = [], 0, False, 0, match.group(2)
    for i, c in enumerate(text):
        if c == '"' and (i == 0 or text[i - 1] != "\\"):
            quoted = not quoted
        elif not quoted and c in "[{(":
            depth += 1
        elif not quoted and c in "]})":
            depth -= 1
        elif not quoted and c == "," and depth == 0:
            arguments.append(text[start:i].strip())
            start = i + 1
    return match.group(1), arguments + [text[start:].strip()] if text else [], match.group(3)


def inside_traces(text):
    """{number: [(name, arguments, result)]} after the execve."""
    traces = {}
    for part in re.split(r"^== ", text, flags=re.M)[1:]:
        number, _, lines = part.partition("\n")
        calls = [split_line(line) for line in lines.splitlines()]
        traces[int(number)] = [call for call in calls if call and call[0] != "execve"]
    return traces


def outside_traces(path):
    """[[(name, arguments, result)] of a task]: the page of its CR3 stands for it."""
    tasks, begun = {}, {}
    with open(path, encoding="utf-8", errors="replace") as f:
        for line in f:
            task, _, text = line.strip().partition(" ")
            if text.endswith(" <unfinished ...>"):
                begun[task] = text[:-len(" <unfinished ...>")]
                continue
            resumed = re.match(r"<\.\.\. \w+ resumed>", text)
            call = split_line(begun.pop(task, "") + text[resumed.end():] if resumed else text)
            if call:
                tasks.setdefault(task, []).append(call)
    return list(tasks.values())


def same_call(a, b):
    """Is the outside's b the inside's a?  (agrees, arguments, of them equal to the letter)"""
    if a[0] != b[0] or len(a[1]) != len(b[1]) or (a[2] != b[2] and not (a[0] in STORE and a[2].split(" (")[0] == b[2])):
        return False, len(a[1]), 0
    equal = [x == y for x, y in zip(a[1], b[1])]
    unknown = [not same and re.match(r"0x[0-9a-f]+( /\*.*\*/)?$|NULL$", y) for same, y in zip(equal, b[1])]
    return all(x or y for x, y in zip(equal, unknown)), len(equal), sum(equal)


def find(calls, tasks):
    """Where the calls stand in a row in the outside's: (task, index) of the best beginning."""
    best, place = -1, (None, 0)
    for task in tasks:
        for i, call in enumerate(task):
            if call[0] == calls[0][0] and call[2] == calls[0][2]:
                score = sum(same_call(a, b)[0] for a, b in zip(calls, task[i:]))
                if score > best:
                    best, place = score, (task, i)
    return place


def judge(inside, outside, show):
    good = boot.check(f"{len(COMMANDS)} traces inside", sorted(inside) == list(range(len(COMMANDS))))
    arguments = letter = lines = 0
    for number, calls in sorted(inside.items()):
        task, at = find(calls, outside) if calls else (None, 0)
        differ = []
        for i, call in enumerate(calls):
            other = task[at + i] if task and at + i < len(task) else ("nothing", [], "")
            agrees, n, equal = same_call(call, other)
            arguments, letter, lines = arguments + n, letter + equal, lines + 1
            if not agrees:
                differ.append((call, other))
        good &= boot.check(f"{COMMANDS[number]}: {len(calls)} calls, {len(differ)} differ", calls and not differ)
        for call, other in differ[:20 if show else 5]:
            print(f"    inside  {call}\n    outside {other}")
    share = letter / max(arguments, 1)
    return boot.check(f"{lines} calls; of {arguments} arguments {letter} are equal to the letter", share >= ARGUMENTS_LEAST) and good


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--build", default=os.path.join(boot.TOP, "build"))
    parser.add_argument("--trace", help="keep the outside's trace in this file")
    parser.add_argument("--show", action="store_true", help="print more of what differs, and what came out")
    options = parser.parse_args()
    options.bzimage = False
    try:
        package = boot.package()
    except (subprocess.CalledProcessError, FileNotFoundError, IndexError) as error:
        print(f"Debian's kernel package cannot be fetched: {error}")
        return 77
    if not os.path.exists(STRACE):
        print("there is no strace here")
        return 77
    with tempfile.TemporaryDirectory() as work:
        trace = options.trace or os.path.join(work, "trace")
        done = subprocess.run([os.path.join(options.build, "trapline"), "run", "--machine", "bochs", "--memory", "256M", "--timeout", "200",
                               "--guest-kernel", boot.kernel_file(options, work), "--guest-args", boot.WORDS, "-a", "1", "--trace-out", trace,
                               "--root", root_tree(package, work), "--", "/init"], stdin=subprocess.DEVNULL, capture_output=True, check=False)
        text = done.stdout.decode(errors="replace")
        good = boot.check(f"Linux ends with status {done.returncode}", done.returncode == 7)
        good &= judge(inside_traces(text), outside_traces(trace), options.show)
    if options.show or not good:
        print(text[-2000:], done.stderr.decode(errors="replace")[-2000:])
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
