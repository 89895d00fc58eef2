#!/usr/bin/env python3
"""Check what becomes of a trace: text, JSON lines, timeline, log, filters, summaries and differences must agree.

usage: tests/run/trace.py [--build DIR]

One program runs twice in a sandbox; all else is made of the two logs by `trapline trace`.
"""
import argparse
import collections
import json
import os
import re
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM = ["/bin/busybox", "sh", "-c", "ls / | wc -l; cat /etc/nothing; mkdir /tmp/a; cd /tmp/a; echo x > f; rm f; kill -USR1 $$; :"]

# docs/trace-format.md, "JSON lines": what each type must have, and what it may have besides.
ALWAYS = {"type": str, "sequence": int, "time": float, "epoch": float, "pid": int, "tid": int, "vcpu": int}
MACHINE = {"number": int, "name": str, "value": str, "address": str}
TYPES = {
    "call": ({"nr": int, "rip": str, "args": list, "status": str},
             {"comm": str, "name": str, "fds": dict, "result": int, "result_text": str, "duration": float, "error": str, "memory": list,
              "answered": bool, "no_task": bool, "closed": bool, "truncated": bool, "observed": bool,
              "stack": list, "rule": int, "question": int, "verdict_by": str, "verdict": str}),
    "signal": ({"number": int, "text": str}, {"name": str, "comm": str}),
    "exit": ({"wait_status": int, "text": str}, {"comm": str}),
    "task": ({"new_tid": int, "new_pid": int}, {"comm": str}),
    "switch": ({"on": bool, "open_calls": int}, {}),
    "lost": ({"records": int}, {}),
    "vmexit": (MACHINE, {"duration": float}),
    "ept": (MACHINE, {"duration": float}),
    "interrupt": (MACHINE, {"duration": float}),
    "notify": (MACHINE, {"duration": float}),
    "end": ({"result": int}, {"comm": str}),
    "damage": ({"text": str}, {}),
}
ARGUMENT = ({"raw": str}, {"name": str, "text": str})
MEMORY = ({"address": str, "total": int, "bytes": str}, {"direction": str})


class Checks:
    def __init__(self):
        self.passed = self.failed = 0

    def check(self, what, good, more=""):
        print(f"{'ok  ' if good else 'FAIL'} {what}" + (f"\n        {more}" if not good and more else ""))
        self.passed, self.failed = self.passed + bool(good), self.failed + (not good)


def wrong_keys(thing, must, may):
    """Why an object is not as the table says, or None."""
    for key, kind in must.items():
        if key not in thing:
            return f"no {key}"
    for key, value in thing.items():
        kind = must.get(key) or may.get(key)
        if kind is None:
            return f"{key} is not in the table"
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            return f"{key} is {value!r}"
    return None


def wrong_event(event):
    if event.get("type") not in TYPES:
        return f"type {event.get('type')}"
    must, may = TYPES[event["type"]]
    why = wrong_keys(event, {**ALWAYS, **must}, may)
    for argument in event.get("args", []):
        why = why or wrong_keys(argument, *ARGUMENT)
    for item in event.get("memory", []):
        why = why or wrong_keys(item, *MEMORY) or (None if re.fullmatch("([0-9a-f]{2})*", item["bytes"]) else "bytes")
    return why and f"{why}: {event}"


def trace(options, log, *words, status=0):
    done = subprocess.run([options.trapline, "trace", *words, log], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
    if done.returncode != status:
        sys.exit(f"trapline trace {' '.join(words)}: status {done.returncode}: {done.stderr.decode(errors='replace')}")
    return done.stdout.decode("ascii")


def calls_of(events):
    return [e for e in events if e["type"] == "call"]


def check_json(c, options, log, text):
    events = [json.loads(line) for line in trace(options, log, "--trace-format", "json").splitlines()]
    wrong = [why for why in map(wrong_event, events) if why]
    c.check(f"{len(events)} objects are as the documentation says", events and not wrong, wrong[:1])
    kinds = collections.Counter(e["type"] for e in events)
    c.check("calls, signals, tasks and ends are there", all(kinds[k] for k in ("call", "signal", "task", "exit")), kinds)
    lines = [line for line in text.splitlines() if "= " in line and not re.match(r"\d+ +(---|\+\+\+|<\.\.\.)", line)]
    halves = text.count("<unfinished ...>\n")
    c.check("as many calls as in the text", kinds["call"] == len(lines) + halves, (kinds["call"], len(lines), halves))
    wrote = [e for e in calls_of(events) if e.get("name") == "write" and e["args"][1].get("text") == '"x\\n"']
    c.check("the bytes of a write, its descriptor's path and its program", len(wrote) == 1 and wrote[0]["fds"] == {"1": "/tmp/a/f"} and
            wrote[0]["memory"][0]["bytes"] == b"x\n".hex() and wrote[0]["comm"] == "busybox", wrote)
    return events


FILTERS = [
    ("trace=openat,close", lambda e: e["name"] in ("openat", "close")),
    ("trace=!/^(r|w|br)", lambda e: not re.match("r|w|br", e["name"])),
    ("result<0", lambda e: e.get("result", 0) < 0),
    ("status=failed", lambda e: e["status"] == "failed"),
    ("status=unfinished", lambda e: e["status"] == "unfinished"),
    ("pid=1", lambda e: e["pid"] == 1),
    ("comm=wc", lambda e: e.get("comm") == "wc"),
    ("fd=1 && write", lambda e: e["name"] == "write" and e["args"][0]["raw"] == "0x1"),
    ("path=/tmp/a/f", lambda e: "/tmp/a/f" in e.get("fds", {}).values() or (e["name"] in ("open", "openat", "unlink", "unlinkat", "newfstatat",
     "lstat", "access", "faccessat") and '"f"' in [a.get("text") for a in e["args"]])),
    ("openat && arg2&0x40", lambda e: e["name"] == "openat" and int(e["args"][2]["raw"], 16) & 0x40),
    ("duration>20us", lambda e: e.get("duration", 0) > 0.00002),
]


def check_filters(c, options, log, events):
    for text, wanted in FILTERS:
        got = calls_of(json.loads(line) for line in trace(options, log, "--trace-format", "json", "-e", text).splitlines())
        want = [e for e in calls_of(events) if wanted(e)]
        c.check(f"-e '{text}': {len(want)} calls", want and got == want, ([e["name"] for e in got], [e["name"] for e in want]))


def check_formats(c, options, log, events, directory):
    timeline = json.loads(trace(options, log, "--trace-format", "chrome"))["traceEvents"]
    bars = [e for e in timeline if e["ph"] == "X"]
    c.check("the timeline has a bar for each call", len(bars) == len(calls_of(events)) and all(e["ts"] >= 0 and e["dur"] >= 0 for e in bars))
    copy = os.path.join(directory, "copy")
    trace(options, log, "--trace-format", "binary", "-o", copy)
    c.check("a log made of a log says the same", trace(options, copy, "-yy", "-T", "-tt") == trace(options, log, "-yy", "-T", "-tt"))
    trace(options, log, "--trace-format", "binary", "-e", "trace=%file", "-o", copy)
    c.check("a filtered log says the same as a filter", trace(options, copy, "-z") == trace(options, log, "-z", "-e", "trace=%file"))
    with open(log, "rb") as f:
        data = f.read()
    with open(copy, "wb") as f:
        f.write(data[:len(data) * 2 // 3])
    part = trace(options, copy, "-z", status=1)
    c.check("a log cut off is read up to there", len(part) > 1000 and trace(options, log, "-z").startswith(part.rsplit("\n", 20)[0]))


def check_events(c, options, directory):
    """What is below the calls: chosen, in all formats, on the same clock, and as many exits as --stats counts."""
    log = os.path.join(directory, "events")
    done = subprocess.run([options.trapline, "run", "--machine", "bochs", "--stats", "--trace-binary", log, "--trace-events", "exits,ept,interrupts,devices",
                           "--", "/bin/busybox", "sh", "-c", "echo x; sleep 0.1"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=100)
    events = [json.loads(line) for line in trace(options, log, "--trace-format", "json").splitlines()]
    wrong = [why for why in map(wrong_event, events) if why]
    kinds = collections.Counter(e["type"] for e in events)
    c.check(f"events below the calls: {dict(kinds)}", not wrong and all(kinds[k] for k in ("call", "vmexit", "ept", "interrupt", "notify")), wrong[:1])
    times = [e["time"] for e in sorted(events, key=lambda e: e["sequence"])]
    c.check("they are on one clock", all(b >= a - 0.001 for a, b in zip(times, times[1:])))
    counted = {name: int(n) for name, n in re.findall(r"^exit (\S+) (\d+)", done.stderr.decode(), re.M)}
    seen = collections.Counter(e["name"] for e in events if e["type"] == "vmexit")
    c.check("the exits are those that --stats counts", all(0 <= counted[stat] - seen[name] <= 3 for stat, name in
            (("ept-violation", "EPT_VIOLATION"), ("msr-write", "MSR_WRITE"), ("xsetbv", "XSETBV"))), (counted, seen))
    text = trace(options, log, "-T")
    c.check("lines for them", all(re.search(rf"%%% {what}", text) for what in (r"exit CPUID 0 <[\d.]+> %%%", "ept r?w 0x", r"interrupt \d+ %%%",
            "notify virtio-console queue")))
    c.check("only those chosen", "%%%" not in trace(options, log, "--trace-events", "none") and
            set(re.findall(r"%%% (\w+)", trace(options, log, "--trace-events", "devices"))) == {"notify"})
    timeline = json.loads(trace(options, log, "--trace-format", "chrome"))["traceEvents"]
    rows = {e["args"]["name"] for e in timeline if e["ph"] == "M" and e["name"] == "thread_name"}
    c.check("rows of the timeline", {"vCPU 0 vmexit", "vCPU 0 ept", "vCPU 0 interrupt", "vCPU 0 notify"} <= rows, rows)


def check_summary(c, options, log, events):
    counts = collections.Counter(e["name"] for e in calls_of(events))
    errors = collections.Counter(e["name"] for e in calls_of(events) if e["status"] == "failed")
    rows = [line.split() for line in trace(options, log, "-c", "-U", "calls,errors,name").splitlines()[2:-2]]
    got = {row[-1]: (int(row[0]), int(row[1]) if len(row) == 3 else 0) for row in rows}
    c.check("-c counts the same", got == {name: (n, errors[name]) for name, n in counts.items()}, got)
    last = trace(options, log, "-C", "-S", "calls").splitlines()[-1].split()
    c.check("-C: the total", int(last[3]) == sum(counts.values()) and last[-1] == "total", last)
    by_process = trace(options, log, "-c", "--summary-by", "process", "--summary-histogram")
    c.check("by process, with histograms", re.search(r"^ .* 1 busybox$", by_process, re.M) and "#" in by_process)


def check_diff(c, options, logs):
    def diff(a, b):
        done = subprocess.run([options.trapline, "trace", "--diff", a, b], stdout=subprocess.PIPE, timeout=60)
        return done.returncode, done.stdout.decode("ascii")
    c.check("--diff: a trace with itself", diff(logs[0], logs[0])[0] == 0)
    status, text = diff(logs[0], logs[1])
    lines = [line for line in text.splitlines() if line[:1] in "+-"]
    c.check("--diff: two runs", status == 0 or all("SIGCHLD" in line or "wait4" in line or "rt_sigreturn" in line for line in lines), text)
    other = logs[0] + ".other"
    trace(options, logs[0], "--trace-format", "binary", "-e", "trace=!mkdir", "-o", other)
    status, text = diff(logs[0], other)
    c.check("--diff: a call less", status == 1 and [line for line in text.splitlines() if line[:1] in "+-"] ==
            ['-mkdir("/tmp/a", 0777) = 0'], text)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default=os.path.join(TOP, "build"))
    options = parser.parse_args()
    options.trapline = os.path.join(options.build, "trapline")
    c = Checks()
    with tempfile.TemporaryDirectory() as directory:
        logs = [os.path.join(directory, name) for name in ("one", "two")]
        texts = [log + ".text" for log in logs]
        for log, text in zip(logs, texts):
            subprocess.run([options.trapline, "run", "--machine", "bochs", "--clock", "virtual", "--trace-binary", log, "--plain", "--trace-out", text,
                            "-T", "--"] + PROGRAM, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=100)
        with open(texts[0], encoding="ascii") as f:
            text = f.read()
        c.check("the log prints as the run did", trace(options, logs[0], "-T") == text)
        events = check_json(c, options, logs[0], text)
        check_filters(c, options, logs[0], events)
        check_formats(c, options, logs[0], events, directory)
        check_summary(c, options, logs[0], events)
        check_diff(c, options, logs)
        check_events(c, options, directory)
    print(f"tests/run/trace: {c.passed} passed, {c.failed} failed")
    return 1 if c.failed else 0


if __name__ == "__main__":
    sys.exit(main())
