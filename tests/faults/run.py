#!/usr/bin/env python3
"""Make each allocation fail once that calls of the guest kernel lead to, and list the places that never failed.

usage: run.py [--build DIR] [--sites] [--cpus N] [CASE...]

The guest kernel comes from DIR-faults, which is made (-Dfail_nth=true).  tests/faults/fail_nth.c says what is tried and judged.  --sites
lists the calls of the allocator that never failed, by function and line; without it only their number is printed.
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ALLOCATORS = re.compile(r"^(page_alloc|page_alloc_zero|page_alloc_user|page_alloc_user_zero|slab_alloc|slab_alloc_zero|"
                        r"mem_alloc|mem_alloc_zero|mem_strdup)(\.\w+)*$")
TIMEOUT = 500


def prepare(build):
    """The build folder with the faults, and the test program."""
    faults = build + "-faults"
    if not os.path.exists(os.path.join(faults, "build.ninja")):
        subprocess.run(["meson", "setup", faults, TOP, "-Dfail_nth=true"], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["ninja", "-C", faults, "--quiet", "guest_kernel.elf"], check=True, stdout=sys.stderr)
    subprocess.run(["ninja", "-C", build, "--quiet", "fault-tests", "trapline"], check=True, stdout=sys.stderr)
    return faults


def run(build, faults, cpus, cases):
    with tempfile.TemporaryDirectory() as tree:
        for folder in ("tests", "proc", "dev", "tmp"):
            os.mkdir(os.path.join(tree, folder))
        shutil.copy(os.path.join(build, "tests", "faults", "fail_nth"), os.path.join(tree, "tests"))
        command = [os.path.join(build, "trapline"), "run", "--machine", "qemu", "--cpus", cpus, "--timeout", str(TIMEOUT), "--guest-kernel",
                   os.path.join(faults, "guest_kernel.elf"), "--root", tree, "--", "/tests/fail_nth", *cases]
        return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              errors="replace", timeout=TIMEOUT + 20)


def call_sites(kernel):
    """{return address: caller} of all calls of the allocator, and {address: function} to look others up."""
    text = subprocess.run(["objdump", "-d", "--no-show-raw-insn", kernel], check=True, stdout=subprocess.PIPE, text=True).stdout
    sites, starts, function, pending = {}, [], "", False
    for line in text.splitlines():
        head = re.match(r"^([0-9a-f]+) <(.*)>:$", line)
        if head:
            function, pending = head.group(2), False
            starts.append((int(head.group(1), 16), function))
            continue
        code = re.match(r"^\s*([0-9a-f]+):\s+(.*)$", line)
        if not code:
            continue
        if pending:
            sites[int(code.group(1), 16)] = function
        called = re.search(r"\bcall\s+[0-9a-f]+ <([^>+]+)>", code.group(2))
        pending = bool(called and ALLOCATORS.match(called.group(1)) and not ALLOCATORS.match(function))
    return sites, starts


def lines_of(kernel, addresses):
    """"function at file:line" of each, of the call before the return address."""
    words = [hex(address - 1) for address in addresses]
    text = subprocess.run(["addr2line", "-fe", kernel, *words], check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    return [f"{text[2 * i]} at {re.sub(r' [(].*', '', os.path.relpath(text[2 * i + 1], TOP))}" for i in range(len(words))]


def report_sites(kernel, output, show):
    sites, _ = call_sites(kernel)
    failed = {int(word, 16) for line in re.findall(r"^site (.*)$", output, re.M) for word in line.split()} & set(sites)
    never = sorted(set(sites) - failed)
    print(f"allocation sites: {len(sites)}, of which {len(failed)} have failed, {len(never)} never (--sites lists them)")
    if show:
        for line in sorted(set(lines_of(kernel, never))):
            print("    never failed: " + line)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--build", default=os.path.join(TOP, "build"))
    parser.add_argument("--cpus", default="1")
    parser.add_argument("--sites", action="store_true", help="list the allocations that never failed")
    parser.add_argument("cases", nargs="*", metavar="CASE")
    options = parser.parse_args()
    build = os.path.abspath(options.build)
    faults = prepare(build)
    done = run(build, faults, options.cpus, options.cases)
    print("\n".join(line for line in done.stdout.splitlines() if not line.startswith(("site ", "faults: "))))
    report_sites(os.path.join(faults, "guest_kernel.elf"), done.stdout, options.sites)
    counts = re.search(r"^faults: (\d+) passed, (\d+) failed$", done.stdout, re.M)
    passed, failed = map(int, counts.groups()) if counts else (0, 1)
    if done.returncode or not counts:
        print("\n".join("     | " + line for line in done.stderr.splitlines()[-40:]))
        print(f"the sandbox ended with {done.returncode}")
    print(f"tests/faults: {passed} passed, {failed} failed")
    return 1 if failed or done.returncode or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
