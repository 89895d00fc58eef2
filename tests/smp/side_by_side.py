#!/usr/bin/env python3
"""Several sandboxes in one boot of the hypervisor in Bochs: equal output, shares of the CPU, leaks.

    tests/smp/side_by_side.py [--build DIR] [CASE]...

Prints a line a case and, last, "N passed, N failed".  The cases are below; without a name: those that are quick.
"""
import argparse
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import machine

BUSYBOX = [("/bin/busybox", "/bin/busybox")]
WORK = ("i=0; while [ $i -lt 12 ]; do i=$((i+1)); echo line $i | cat; done >/tmp/a; (sort -r /tmp/a | head -3) & wait; "
        "cat /tmp/a | md5sum; ls / | wc -l; mkdir /tmp/d; echo x >/tmp/d/f; rm -r /tmp/d; exit 3")
COUNT = "i=0; while [ $i -lt {} ]; do i=$((i+1)); done; echo counted $i"


class Failed(Exception):
    pass


def require(condition, text):
    if not condition:
        raise Failed(text)


def read(path):
    with open(path, "rb") as f:
        return f.read()


def shell(options, script, files=BUSYBOX):
    return machine.root(["/bin/busybox", "sh", "-c", script], files)


def start(options, boxes, **how):
    """boxes: (script or guest's name, more fields of the spec)."""
    members = {"guest_kernel.elf": read(f"{options.build}/guest_kernel.elf")}
    for i, (what, fields) in enumerate(boxes):
        if what.startswith("guest:"):
            name = what[6:]
            members[name] = read(f"{options.build}/tests/guests/guest_{name}")
            members[f"sandbox/{i}"] = machine.spec(name=f"box{i}", kind="kernel", kernel=name, memory=16 << 20, **fields)
        else:
            if "initrd" not in fields:
                members[f"root{i}"] = shell(options, what)
            fields = {"initrd": f"root{i}", "memory": 32 << 20, "stats": 1, "cmdline": "loglevel=1", **fields}
            members[f"sandbox/{i}"] = machine.spec(name=f"box{i}", kind="linux-abi", **fields)
    return machine.run(options.build, members, **how)


def check_ends(result, count, status):
    for i in range(count):
        require(result.exits.get(i) == (0, status), f"sandbox {i} ended with {result.exits.get(i)}; log: {result.log[-1500:]}")


def equal_outputs(options, count, cpus, vcpus):
    alone = start(options, [(WORK, {})])
    check_ends(alone, 1, 3 << 8)
    r = start(options, [(WORK, {"cpus": vcpus, "trap": int(i % 4 != 3)})
                        for i in range(count)], cpus=cpus, timeout=300)
    check_ends(r, count, 3 << 8)
    require(r.finished, "no goodbye")
    for i in range(count):
        require(r.output[i] == alone.output[0], f"sandbox {i} wrote {r.output[i]!r}, alone it was {alone.output[0]!r}")
        calls = [int(n) for n in r.stats[i]["complete"].split()]
        require(calls[0] == calls[1] + calls[2], f"sandbox {i}: calls trapped and dispatched differ: {calls}")
    require("left" not in r.log, r.log)
    require(f"{count} made and ended" in r.log, r.log)
    return f"{r.seconds:.1f} s, ended in the order {r.order}"


def pages(result):
    """{sandbox: {page of the machine: writable?}}, of all that was mapped when the first sandbox ended."""
    maps, seen, last = {}, set(), 0
    for found in re.finditer(r"map: sandbox (\d+) (0x[0-9a-f]+) at (0x[0-9a-f]+) size (0x[0-9a-f]+) (\S+)", result.log):
        box, gpa, hpa, size = int(found[1]), *(int(x, 16) for x in found.groups()[1:4])
        if box < last: # the next one's end
            break
        last = box
        require((box, gpa) not in seen, f"sandbox {box}: {gpa:#x} is mapped twice")
        seen.add((box, gpa))
        for page in range(hpa, hpa + size, machine.PAGE):
            maps.setdefault(box, {})[page] = "w" in found[5]
    return maps


def disjoint(options, cpus):
    """No page of the machine that one sandbox may write is another's, or the hypervisor's own."""
    r = start(options, [("sleep 2; " + WORK, {}), (WORK, {}), (WORK, {"initrd": "root1", "cpus": 2}), ("guest:spin", {})], cpus=cpus,
              words="loglevel=3 maps=1", until={1, 2}, timeout=200)
    maps = pages(r)
    require(set(maps) == {0, 1, 2, 3}, f"maps of {sorted(maps)}: {r.log[-1500:]}")
    owners = {}
    for box, own in maps.items():
        for page in own:
            owners.setdefault(page, []).append(box)
    shared = {page: boxes for page, boxes in owners.items() if len(boxes) > 1 and any(maps[b][page] for b in boxes)}
    require(not shared, f"{len(shared)} pages are shared: {[(hex(p), b) for p, b in shared.items()][:8]}")
    image = [(physical, size) for kind, _, physical, _, size in machine.segments(read(f"{options.build}/trapline.elf")) if kind == 1]
    require(not any(at <= page < at + size for at, size in image for page in owners), "a page of the hypervisor's image is mapped")
    return f"{', '.join(str(len(own)) for own in maps.values())} pages, none that one may write is another's"


def share(result, i):
    """What a sandbox ran, of the time from the boot to its end; in percent of one CPU."""
    first = int(result.stats[i]["boot"].split()[1])
    return 100 * int(result.stats[i]["ran"]) / (int(result.stats[i]["ticks"]) - first)


def neighbours(options, cpus):
    count = COUNT.format(10000)
    r = start(options, [(count, {}), (count, {}), ("guest:spin", {}), ("guest:storm", {})], cpus=cpus, timeout=300, until={0, 1})
    check_ends(r, 2, 0)
    shares = [share(r, i) for i in (0, 1)]
    expected = 25 * cpus
    text = f"shares beside an endless loop with interrupts off and a storm of exits: {shares[0]:.1f} % and {shares[1]:.1f} % (fair: {expected} %)"
    require(all(expected * 0.8 < s < expected * 1.3 for s in shares), text)
    return text


def weights(options):
    count = COUNT.format(10000)
    r = start(options, [(count, {"weight": 300}), ("guest:spin", {"weight": 100})], timeout=300, until={0})
    check_ends(r, 1, 0)
    text = f"weight 300 against 100: {share(r, 0):.1f} % (fair: 75 %)"
    require(65 < share(r, 0) < 85, text)
    r = start(options, [(count, {"cap": 30}), (COUNT.format(3000), {})], timeout=300, until={0})
    check_ends(r, 1, 0)
    text += f"; cap 30 alone at last: {share(r, 0):.1f} %"
    require(20 < share(r, 0) < 36, text)
    return text


def repeat(options, times):
    members = {"guest_kernel.elf": read(f"{options.build}/guest_kernel.elf"),
               "root": machine.root(["/bin/busybox", "true"], BUSYBOX),
               "sandbox/0": machine.spec(name="again", kind="linux-abi", initrd="root", memory=32 << 20, cpus=2)}
    r = machine.run(options.build, members, words=f"loglevel=3 repeat={times - 1}", timeout=60 + times)
    check_ends(r, 1, 0)
    lines = [line for line in r.log.splitlines() if "made and ended" in line]
    require("behind" not in r.log and lines and f"{times} made" in lines[0], r.log[-1500:])
    return lines[0]


CASES = {
    "two": lambda o: equal_outputs(o, 2, 1, 1),
    "two-on-2": lambda o: equal_outputs(o, 2, 2, 1),
    "eight": lambda o: equal_outputs(o, 8, 1, 1),
    "eight-on-2": lambda o: equal_outputs(o, 8, 2, 1),
    "two-of-2": lambda o: equal_outputs(o, 2, 1, 2),
    "two-of-4-on-2": lambda o: equal_outputs(o, 2, 2, 4),
    "disjoint": lambda o: disjoint(o, 1),
    "disjoint-on-2": lambda o: disjoint(o, 2),
    "neighbours": lambda o: neighbours(o, 1),
    "neighbours-on-2": lambda o: neighbours(o, 2),
    "weights": weights,
    "repeat": lambda o: repeat(o, 20),
    "leaks": lambda o: repeat(o, 1000),
}
SLOW = {"leaks"} # have to be asked for


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build")
    parser.add_argument("case", nargs="*", choices=[[], *CASES], metavar="CASE")
    options = parser.parse_args()
    passed = failed = 0
    for name in options.case or [c for c in CASES if c not in SLOW]:
        try:
            text = CASES[name](options)
            passed += 1
            print(f"ok {name}: {text}", flush=True)
        except Failed as error:
            failed += 1
            print(f"FAILED {name}: {error}", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
