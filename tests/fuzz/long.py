#!/usr/bin/env python3
"""Run fuzzers for a time each, and print what they reach of the code.

usage: long.py [--build DIR] [--seconds N] [--coverage] [NAME...]

NAME: of fuzz_NAME; without any, those of the trace: the filter compiler and the gate's verifier, the decoders on random records, the
log reader, programs and configurations.  300 seconds each, with a seed that is printed, so that a failure can be run again.  --coverage:
lines that tests/fuzz's short runs reach, per file of theirs (tools/coverage).  Exit status: 0 all clean, 1 one failed.
"""
import argparse
import os
import random
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TRACE = ["filter", "trace", "trace_log", "trace_program", "trace_control"]
RUNS = str(2**40)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default=os.path.join(TOP, "build"))
    parser.add_argument("--seconds", type=int, default=300)
    parser.add_argument("--coverage", action="store_true")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    names = options.names or TRACE
    subprocess.run(["ninja", "-C", options.build, "--quiet"] + [f"tests/fuzz/fuzz_{name}" for name in names], check=True)
    bad = 0
    for name in names:
        seed = random.getrandbits(60)
        program = os.path.join(options.build, "tests", "fuzz", "fuzz_" + name)
        try:
            done = subprocess.run([program, RUNS, str(seed)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=options.seconds)
            print(f"FAIL {name}, seed {seed}: status {done.returncode}\n{done.stdout.decode(errors='replace')[-3000:]}")
            bad += 1
        except subprocess.TimeoutExpired:
            print(f"ok   {name}, seed {seed}: {options.seconds} s", flush=True)
    if options.coverage:
        subprocess.run([os.path.join(TOP, "tools", "coverage"), "--suite", "fuzz"], check=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
