#!/usr/bin/env python3
"""Hostile guest kernels (tests/guests) beside well-behaved sandboxes, in one boot of the hypervisor in Bochs.

usage: hostile.py [--build DIR] [--cpus N] [CASE...]
       hostile.py [--build DIR] --events COUNT [--seed FIRST] [--each COUNT] [--parallel N]

Each hostile guest is a sandbox of its own; two well-behaved ones, trapped and direct, do their work meanwhile and must not
notice: output and status are those of a run alone, every call is counted, and they are not slower than their share of the CPU
makes them.  The hypervisor must survive, each hostile guest end as it should, and nothing be left behind.

Cases: `ending`: all that end, at once; `endless`: all that never do, at once; or the names of single guests (--list).
--events: random events from seeded generators, spread over boots of so many each; the seeds are printed.
"""
import argparse
import concurrent.futures
import os
import re
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import machine
import side_by_side
from side_by_side import Failed, read, require

MEMORY = 16 << 20
CRASHED = (1, 0) # abi/host_channel.h: EXIT_GUEST_CRASH
OFF = "powered off without saying"
NOTHING = "where there is nothing"
LAPIC = "code or page tables in device registers"
TRIPLE = "triple fault in the guest"
TASK = "VM exit 9 is not one"
EDGES = [NOTHING] * 14 + ["crosses a device's end", LAPIC, LAPIC, "cannot decode", "cannot decode", NOTHING]
DESCRIPTORS = [OFF] + [TRIPLE] * 7 + [TASK, TASK, TASK, "halted with interrupts off", ""]
TABLES = [NOTHING, OFF, OFF, OFF, ""]
ENDLESS = ("debug traps", "port output", "log lines", "WBINVD", "PAUSE", "short sleeps", "ticks that nobody takes", "ticks, masked",
           "messages to itself", "faults", "memory", "clock pages")


class Guest:
    """ends: what the hypervisor says of its end, "": anything; None: it never ends."""

    def __init__(self, name, program, words="", ends=OFF, cpus=1, **fields):
        self.name, self.program, self.words, self.ends, self.cpus, self.fields = name, program, words, ends, cpus, fields


def guests():
    plain = [Guest(name, name) for name in ("exits", "gate", "vmx", "msrs", "ports", "cpuids", "calls", "devices", "registers")]
    plain += [Guest("triple", "triple", ends=TRIPLE), Guest("halt", "halt", ends="halted with interrupts off"),
              Guest("nowhere", "nowhere", ends=NOTHING), Guest("edges", "edges"), Guest("module", "module", initrd="odd")]
    plain += [Guest(f"sipi-{seed}", "sipi", f"seed={seed}", cpus=4) for seed in (1, 2)]
    plain += [Guest("race", "race", "way=0", cpus=2), Guest("race-devices", "race", "way=1", "", cpus=2)]
    plain += [Guest(f"random-{seed}", "random", f"seed={seed}") for seed in (1, 2)]
    for program, ends in (("edges", EDGES), ("descriptors", DESCRIPTORS), ("tables", TABLES)):
        plain += [Guest(f"{program}-{way}", program, f"way={way}", end) for way, end in enumerate(ends)]
    plain += [Guest("spin", "spin", ends=None), Guest("storm", "storm", ends=None)]
    plain += [Guest(f"endless-{way}", "endless", f"way={way}", None) for way in range(len(ENDLESS))]
    return plain


def boot(options, hostile, goods, cpus, timeout, **how):
    """Two sandboxes that do `goods`, then the hostile ones."""
    members = {"guest_kernel.elf": read(f"{options.build}/guest_kernel.elf"), "root": side_by_side.shell(options, goods),
               "odd": b"\x55" * (2 * machine.PAGE + 123)}
    for i in (0, 1):
        members[f"sandbox/{i}"] = machine.spec(name=f"good{i}", kind="linux-abi", initrd="root", memory=32 << 20, stats=1,
                                               cmdline="loglevel=1", trap=int(i == 0))
    for i, guest in enumerate(hostile, 2):
        members[guest.program] = read(f"{options.build}/tests/guests/guest_{guest.program}")
        members[f"sandbox/{i}"] = machine.spec(name=guest.name, kind="kernel", kernel=guest.program, memory=MEMORY,
                                               cmdline=guest.words, cpus=guest.cpus, **guest.fields)
    return machine.run(options.build, members, words="loglevel=3", memory=768 << 20, cpus=cpus, timeout=timeout, **how)


def judge_goods(result, alone):
    for i in (0, 1):
        require(result.exits.get(i) == (0, 3 << 8), f"well-behaved sandbox {i} ended with {result.exits.get(i)}; log: {result.log[-3000:]}")
        require(result.output.get(i) == alone, f"well-behaved sandbox {i} wrote {result.output.get(i)!r}, alone it was {alone!r}")
        calls = [int(n) for n in result.stats[i]["complete"].split()]
        require(calls[0] == calls[1] + calls[2], f"sandbox {i}: calls trapped and dispatched differ: {calls}")
    require("panic" not in result.log, result.log[-3000:])


def judge_hostile(result, number, guest):
    said = result.kernel_log.get(number, b"").decode(errors="replace")
    name = f"{guest.name}: "
    require("done\n" in said, name + f"it never came to its end: {said[-500:]}")
    require(guest.ends == "" or "FAILED" not in said, name + said[-1000:])
    if guest.ends is None:
        require(number not in result.exits, name + f"it ended: {result.exits.get(number)}")
        return
    require(result.exits.get(number) == CRASHED, name + f"it ended with {result.exits.get(number)}")
    reasons = re.findall(rf"sandbox {number}: (.*)", result.log)
    require(any(guest.ends in reason for reason in reasons), name + f"the reason is {reasons}")


def alone(options, work):
    result = side_by_side.start(options, [(work, {})])
    require(result.exits.get(0) == (0, 3 << 8), f"alone it ended with {result.exits.get(0)}")
    return result.output[0]


def run_ending(options, hostile, cpus):
    result = boot(options, hostile, side_by_side.WORK, cpus, 500)
    judge_goods(result, alone(options, side_by_side.WORK))
    for number, guest in enumerate(hostile, 2):
        judge_hostile(result, number, guest)
    require(result.finished and "behind" not in result.log, result.log[-2000:])
    return f"{len(hostile)} guests, {result.seconds:.0f} s"


def run_endless(options, hostile, cpus):
    """The well-behaved ones get their share, and what they do with it is not less than what they do alone."""
    count = side_by_side.COUNT.format(3000) + "; exit 3"
    result = boot(options, hostile, count, cpus, 500, until={0, 1})
    judge_goods(result, alone(options, count))
    for number, guest in enumerate(hostile, 2):
        judge_hostile(result, number, guest)
    quiet = side_by_side.start(options, [(count, {"trap": 1}), (count, {"trap": 0})])
    fair = 100 * min(1, cpus / (len(hostile) + 2))
    text = []
    for i in (0, 1):
        share, ran, before = side_by_side.share(result, i), int(result.stats[i]["ran"]), int(quiet.stats[i]["ran"])
        text.append(f"{share:.1f} % (fair: {fair:.1f} %), its work took {100 * ran / before - 100:+.0f} %")
        require(share > fair * 0.8, f"the share of well-behaved sandbox {i}: {text[i]}")
        require(ran < before * 1.5, f"well-behaved sandbox {i} is slowed down: {text[i]}")
    return f"{len(hostile)} guests; shares: " + "; ".join(text)


def run_case(options, name):
    everything = guests()
    if name == "ending":
        return run_ending(options, [g for g in everything if g.ends is not None], options.cpus)
    if name == "endless":
        return run_endless(options, [g for g in everything if g.ends is None], options.cpus)
    guest = next(g for g in everything if g.name == name)
    return (run_endless if guest.ends is None else run_ending)(options, [guest], options.cpus)


def run_events(options):
    """Boots with one generator each until all events are done."""
    boots = -(-options.events // options.each)
    expected = alone(options, side_by_side.WORK)

    def one(seed):
        hostile = Guest(f"random-{seed}", "random", f"seed={seed} count={options.each}")
        result = boot(options, [hostile], side_by_side.WORK, 1, 60 + options.each // 500)
        judge_goods(result, expected)
        judge_hostile(result, 2, hostile)
        require(result.finished and "behind" not in result.log, result.log[-2000:])
        return seed, result.seconds

    started, done = time.monotonic(), 0
    with concurrent.futures.ThreadPoolExecutor(options.parallel) as pool:
        for seed, seconds in pool.map(one, range(options.seed, options.seed + boots)):
            done += options.each
            print(f"ok      seed {seed}: {options.each} events, {seconds:.0f} s; {done} in all", flush=True)
    print(f"{done} random events from seeds {options.seed} to {options.seed + boots - 1} in {time.monotonic() - started:.0f} s")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build")
    parser.add_argument("--cpus", type=int, default=2, help="of the machine")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--events", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--each", type=int, default=500000)
    parser.add_argument("--parallel", type=int, default=2)
    parser.add_argument("case", nargs="*")
    options = parser.parse_args()
    if options.list:
        print(*("ending", "endless"), *(g.name for g in guests()), sep="\n")
        return 0
    passed = failed = 0
    try:
        if options.events:
            run_events(options)
            passed += 1
    except Failed as error:
        failed += 1
        print(f"FAILED {error}")
    for name in options.case or ([] if options.events else ["ending", "endless"]):
        try:
            print(f"ok {name}: {run_case(options, name)}", flush=True)
            passed += 1
        except Failed as error:
            failed += 1
            print(f"FAILED {name}: {error}", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
