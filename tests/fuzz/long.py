#!/usr/bin/env python3
"""Run fuzzers for a time each, and print which lines of the code that they are for they reached.

usage: long.py [--seconds N] [--jobs N] [--list] [NAME...]

NAME: of fuzz_NAME; without any, those of the trace: the filter compiler and the gate's verifier, programs and configurations, the decoders on
random records, the log reader, stacks.  300 seconds each, with a seed that is printed, so that a failure can be run again.  They are
built with ASan, UBSan and gcc's coverage counters (build-coverage).  --list: also which lines were not reached.  Exit status: 0 all clean, 1 one failed.
"""
import argparse
import concurrent.futures
import fnmatch
import importlib.machinery
import importlib.util
import os
import random
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
RUNS = str(2**40)
# Which files a fuzzer is for; of others everything that its program contains.
TRACE = {
    "filter": ["tools/filter*.c", "abi/trace_program.c", "abi/syscall_classes.c"],
    "trace_program": ["abi/trace_program.c"],
    "trace_control": ["abi/trace_control.c", "abi/trace_program.c"],
    "trace": ["abi/decode*.c", "tools/trace_reader.c", "tools/trace_order.c", "tools/trace_text.c", "tools/trace_json.c", "tools/trace_chrome.c",
              "tools/trace_tasks.c", "tools/trace_names.c", "tools/trace_effects.c", "tools/trace_objects.c", "tools/trace_sockets.c", "tools/trace_stack.c", "tools/frames.c"],
    "trace_tasks": ["tools/trace_tasks.c", "tools/trace_effects.c", "tools/trace_objects.c", "tools/trace_sockets.c", "tools/trace_stack.c",
                    "tools/trace_snapshot.c"],
    "trace_log": ["tools/trace_log.c"],
    "unwind": ["tools/unwind.c", "tools/elf_image.c"],
}


def coverage_tool():
    path = os.path.join(TOP, "tools", "coverage")
    loader = importlib.machinery.SourceFileLoader("coverage_tool", path)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("coverage_tool", loader))
    loader.exec_module(module)
    return module


def counters_of(tool, name):
    here = os.path.join(tool.BUILD, "tests", "fuzz", f"fuzz_{name}.p") + os.sep
    return [path for path in tool.counter_files() if path.startswith(here)]


def fuzz(tool, name, seconds):
    """(clean, what to say)"""
    seed = random.getrandbits(60)
    program = os.path.join(tool.BUILD, "tests", "fuzz", "fuzz_" + name)
    try:
        done = subprocess.run([program, RUNS, str(seed), str(seconds)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=seconds + 120)
    except subprocess.TimeoutExpired:
        return False, f"FAIL {name}, seed {seed}: one input has not ended"
    if done.returncode:
        return False, f"FAIL {name}, seed {seed}: status {done.returncode}\n{done.stdout.decode(errors='replace')[-3000:]}"
    return True, f"ok   {name}, seed {seed}: {done.stdout.decode().strip()} in {seconds} s"


def reached(tool, name, show):
    lines = {}
    for counters in counters_of(tool, name):
        tool.lines_of(counters, lines)
    for path in sorted(lines):
        if name in TRACE and not any(fnmatch.fnmatch(path, pattern) for pattern in TRACE[name]):
            continue
        hit = sum(1 for count in lines[path].values() if count)
        print(f"     {100 * hit / len(lines[path]):5.1f} %  {hit:5}/{len(lines[path]):<5} {path}")
        if show:
            print("            not " + " ".join(str(n) for n, count in sorted(lines[path].items()) if not count))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=300)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    tool, names, bad = coverage_tool(), options.names or list(TRACE), 0
    if not os.path.exists(os.path.join(tool.BUILD, "build.ninja")):
        tool.run("meson", "setup", tool.BUILD, TOP, "-Db_coverage=true")
    tool.run("ninja", "-C", tool.BUILD, *(f"tests/fuzz/fuzz_{name}" for name in names))
    for name in names:
        for counters in counters_of(tool, name):
            os.unlink(counters)
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for name, (clean, said) in zip(names, pool.map(lambda name: fuzz(tool, name, options.seconds), names)):
            print(said, flush=True)
            bad += not clean
            reached(tool, name, options.list)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
