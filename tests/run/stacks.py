#!/usr/bin/env python3
"""-k beside `strace -k` on Linux: the same frames of the same program, as files and addresses in them.

usage: stacks.py [--build DIR]    Ends with a line "N passed, M failed"; status 77 without strace.
"""
import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CALLS = ("write", "getppid", "getpgid")


def frames(text):
    """{call: [(path, function, address)]} of each call's first time."""
    found, now = {}, None
    for line in text.splitlines():
        call = re.match(r"(?:\d+ +)?(?:\[pid +\d+\] )?(\w+)\(", line)
        frame = re.match(r" > (.*)\((?:([^()+]+)\+0x\w+)?\) \[(0x\w+)\]$", line)
        if call:
            now = found.setdefault(call[1], []) if call[1] in CALLS and call[1] not in found else None
        elif not frame: # strace shows stacks of signals too
            now = None
        elif now is not None:
            now.append(frame.groups())
    return found


def json_frames(text):
    found = {}
    for event in map(json.loads, text.splitlines()):
        if event["type"] == "call" and event["name"] in CALLS:
            found.setdefault(event["name"], [(f.get("path", "unknown"), f.get("function"), f["address"]) for f in event["stack"]])
    return found


def chrome_frames(text):
    found = {}
    for event in json.loads(text)["traceEvents"]:
        if event.get("cat") == "call" and event["name"] in CALLS:
            lines = "\n".join([event["name"] + "("] + [" > " + frame for frame in event["args"]["stack"]])
            found.setdefault(event["name"], frames(lines)[event["name"]])
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default=os.path.join(TOP, "build"))
    options = parser.parse_args()
    if not shutil.which("strace"):
        return 77
    passed = failed = 0
    with tempfile.TemporaryDirectory() as directory:
        program, log = os.path.join(directory, "stacks"), os.path.join(directory, "log")
        trapline = os.path.join(options.build, "trapline")

        def check(what, good, more=""):
            nonlocal passed, failed
            print(f"{'ok  ' if good else 'FAIL'} {what}" + (f"\n     {more}" if not good else ""))
            passed, failed = passed + bool(good), failed + (not good)

        for flags in (["-O2"], ["-O0"], ["-O1", "-no-pie"], ["-O1", "-fno-omit-frame-pointer", "-fno-asynchronous-unwind-tables"],
                      ["-O2", "-static", "-Wl,--no-eh-frame-hdr"]):
            subprocess.run(["gcc", *flags, "-o", program, os.path.join(TOP, "tests", "run", "stacks.c")], check=True)
            linux = frames(subprocess.run(["strace", "-k", "-e", "trace=" + ",".join(CALLS), program], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=60).stderr.decode())
            done = subprocess.run([trapline, "run", "--machine", "bochs", "--trace=" + ",".join(CALLS), "-k", "--trace-binary", log, "--", program],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=100)
            ours = frames(done.stderr.decode())
            for call in CALLS:
                want, got = linux.get(call, []), ours.get(call, [])
                mine = [f for f in got if f[0] == program]
                if not {"-fno-asynchronous-unwind-tables", "-static"} & set(flags): # there strace has nothing to go by but guesses
                    check(f"{' '.join(flags)}, {call}: {len(want)} frames as strace has them",
                          want and [(p, a) for p, _, a in got] == [(p, a) for p, _, a in want], (got, want))
                names = {"write": ["inner", "outer", "main"], "getppid": ["compare", "main"], "getpgid": ["handler", "main"]}[call]
                if "-static" in flags: # no .eh_frame_hdr; the library is in the program, and all of it goes up to _start
                    functions = iter([f[1] for f in mine])
                    check(f"{' '.join(flags)}, {call}: from call to start", all(name in functions for name in [*names, "_start"]), got)
                else:
                    check(f"{' '.join(flags)}, {call}: the program's functions", [f[1] for f in mine][:len(names)] == names, got)
            later = frames(subprocess.run([trapline, "trace", "-k", "-e", "trace=" + ",".join(CALLS), log], stdout=subprocess.PIPE, timeout=60).stdout.decode())
            check(f"{' '.join(flags)}: the same of the log", later == ours, (later, ours))
            for form, read in (("json", json_frames), ("chrome", chrome_frames)):
                text = subprocess.run([trapline, "trace", "-k", "--trace-format", form, "-e", "trace=" + ",".join(CALLS), log], stdout=subprocess.PIPE, timeout=60).stdout.decode()
                check(f"{' '.join(flags)}: the same as {form}", read(text) == ours, (read(text), ours))
    print(f"tests/run/stacks: {passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
