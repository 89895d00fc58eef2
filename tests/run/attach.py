#!/usr/bin/env python3
"""Sessions that come and go while a sandbox works: nothing is lost but what the counters say, whatever their readers do.

usage: attach.py [--build DIR] [--times N] [--cpus N] [--host-cpus N] [NAME...]

--times (12) is how often `come_and_go` attaches; 1000 takes some minutes.  --cpus, --host-cpus: of the sandbox and of the hypervisor's
machine; without them each case runs with one, and `come_and_go` also with two and four of the sandbox on two of the machine.  Ends with a line "N passed, M failed"; exit status 1 if one
failed.
"""
import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MANY = 10**9
LSEEK = re.compile(r"lseek\(-1, (\d+), SEEK_SET")


class Failed(Exception):
    pass


def expect(condition, what):
    if not condition:
        raise Failed(what)


class Sandbox:
    """The load under `trapline run --control`; `with` ends it."""

    def __init__(self, options, directory, calls, *words):
        self.options, self.path, self.directory = options, os.path.join(directory, "control"), directory
        self.out = open(os.path.join(directory, "out"), "w+b")
        self.err = open(os.path.join(directory, "err"), "w+b")
        self.process = subprocess.Popen([options.trapline, "run", "--machine", "bochs", "--stats", "--timeout", "3000", "--cpus", str(options.cpus), "--host-cpus",
                                         str(options.host_cpus), "--control", self.path, *words,
                                         "--", options.load, str(calls), "/tmp/kept"], stdin=subprocess.DEVNULL, stdout=self.out, stderr=self.err)
        self.wait_for(lambda: self.progress() > 0, "the program did not begin")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.out.close()
        self.err.close()

    def wait_for(self, condition, what, seconds=120):
        deadline = time.time() + seconds
        while not condition():
            expect(time.time() < deadline and self.process.poll() is None, what + self.errors()[-300:])
            time.sleep(0.02)

    def progress(self):
        """How many calls the program has made, in five hundreds."""
        with open(self.out.name, "rb") as f:
            return len(f.read().split())

    def errors(self):
        with open(self.err.name, "rb") as f:
            return f.read().decode(errors="replace")

    def goes_on(self):
        before = self.progress()
        self.wait_for(lambda: self.progress() > before + 2, "the sandbox stands still")

    def stands_still(self):
        """What is on its way may still come; then nothing."""
        before, same, deadline = self.progress(), time.time(), time.time() + 60
        while time.time() < same + 1.5:
            expect(time.time() < deadline, "the sandbox did not wait")
            time.sleep(0.05)
            if self.progress() != before:
                before, same = self.progress(), time.time()

    def attach(self, *words, stdout=subprocess.PIPE, stderr=subprocess.PIPE):
        return subprocess.Popen([self.options.trapline, "attach", "--control", self.path, *words], stdin=subprocess.DEVNULL,
                                stdout=stdout, stderr=stderr, bufsize=0) # else communicate() would not see what readline() took

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.end(128 + 15)

    def end(self, status=0):
        """The program's end, and whether all calls were seen."""
        expect(self.process.wait(timeout=200) == status, f"status {self.process.returncode}: {self.errors()[-500:]}")
        complete = re.search(r"^complete (\d+) (\d+) (\d+)$", self.errors(), re.M)
        cut = re.search(r"^cut (\d+)$", self.errors(), re.M) # by the end, on other CPUs
        n = int(cut[1]) if cut else 0
        expect(complete and int(complete[1]) == int(complete[2]) + int(complete[3]) + n and n < self.options.cpus,
               f"entries and dispatches: {complete and complete[0]}, {n} cut")


def detach(client, status=0):
    client.send_signal(signal.SIGINT)
    out, err = client.communicate(timeout=120)
    expect(client.returncode == status, f"a client's status is {client.returncode}: {err.decode()[-300:]}")
    return out.decode(), err.decode()


def text_numbers(text):
    return [int(n) for n in LSEEK.findall(text)]


def json_events(path):
    with open(path, encoding="ascii") as f:
        return [json.loads(line) for line in f]


def no_gap(numbers, what):
    gaps = [(a, b) for a, b in zip(numbers, numbers[1:]) if b != a + 1]
    expect(numbers and not gaps, f"{what}: {len(numbers)} calls, gaps {gaps[:5]}")


def first_line(client):
    line = client.stderr.readline().decode()
    expect(line, "a client ended before its first line")
    return line


def come_and_go(options, directory):
    """Two sessions with filters and formats of their own, attached and detached in turn; each sees every one of its calls."""
    seen = 0
    with Sandbox(options, directory, MANY) as box:
        for n in range(options.times):
            path = os.path.join(directory, "json")
            whole = box.attach("-e", "fchmod", "--trace-format", "json", "-o", path, *(["--drop"] if n % 3 == 0 else []))
            part = box.attach("--trace", "lseek && arg1>=0")
            text = first_line(part) + detach(part)[1]
            box.wait_for(lambda: os.path.exists(path) and os.path.getsize(path) > 0 or whole.poll() is not None, "nothing was traced")
            told = detach(whole)[1]
            numbers = text_numbers(text)
            no_gap(numbers, f"text, {n}")
            events = json_events(path)
            calls = [int(e["args"][1]["raw"], 0) for e in events if e["type"] == "call" and e.get("name") == "fchmod"]
            expect("dropped" in told or all(a + 1 == b for a, b in zip(calls, calls[1:])), f"json, {n}: gaps")
            seen += len(numbers) + len(calls)
            os.unlink(path)
        box.stop()
    print(f"     {options.times} times two sessions, {seen} calls, none missing")


def names_from_before(options, directory):
    """What was opened before the session began has its name; what another session wants is not shown."""
    with Sandbox(options, directory, 6000) as box:
        text = box.attach("--trace", "close", "-y")
        other = box.attach("-e", "trace=lseek", "-c")
        out, err = text.communicate(timeout=120)
        summary = other.communicate(timeout=120)[1].decode()
        expect("close(9</tmp/kept>)" in err.decode(), err.decode()[-300:])
        expect("lseek" not in err.decode() and "close" not in summary and "lseek" in summary, summary)
        box.end()


def the_launcher_has_its_own(options, directory):
    """Its trace is as its options say, whoever else listens."""
    with Sandbox(options, directory, 4000, "--trace=fchmod", "--trace-out", os.path.join(directory, "own")) as box:
        client = box.attach("--trace", "lseek")
        text = client.communicate(timeout=120)[1].decode()
        box.end()
        no_gap(text_numbers(text), "the client")
        with open(os.path.join(directory, "own"), encoding="ascii") as f:
            own = f.read()
        numbers = [int(n, 0) for n in re.findall(r"fchmod\(-1, (\w+)\)", re.sub(r"\b0(\d+)\b", r"0o\1", own))]
        no_gap(numbers, "the launcher")
        expect(numbers[0] == 0 and "lseek" not in own, "its filter did not hold")


def slow_reader_drops(options, directory):
    """It stands still, the sandbox does not; what is missing is what the counters say."""
    with Sandbox(options, directory, 30000) as box:
        client = box.attach("--drop", "--trace", "lseek", "--trace-format", "json", "-o", "/dev/stdout")
        box.wait_for(lambda: box.progress() > 56, "the sandbox waited")
        out, err = client.communicate(timeout=200)
        box.end()
        events = [json.loads(line) for line in out.decode().splitlines()]
        lost = sum(e["records"] for e in events if e["type"] == "lost")
        told = re.search(r"(\d+) records were dropped", err.decode())
        expect(lost > 0 and told and int(told[1]) == lost, f"lost {lost}, told {told and told[0]}")
        whole = {int(e["args"][1]["raw"], 0) for e in events if e.get("name") == "lseek" and e["status"] != "unavailable"}
        halves = sum(e["type"] == "end" or e.get("status") == "unavailable" for e in events)
        expected = 2 * (max(whole) - min(whole) + 1)
        print(f"     {lost} records dropped, {2 * len(whole) + halves} seen, {expected} made")
        expect(abs(expected - (2 * len(whole) + halves + lost)) <= 1 + halves, "the counters do not say what is missing")


def slow_reader_is_waited_for(options, directory):
    """It stands still, and so does the sandbox; it goes on when the reader is killed."""
    with Sandbox(options, directory, MANY) as box:
        client = box.attach("--trace", "lseek", "--trace-format", "json", "-o", "/dev/stdout")
        box.stands_still()
        client.kill()
        client.communicate()
        box.goes_on()
        reader = box.attach("--trace", "lseek", "--trace-format", "json", "-o", "/dev/stdout")
        time.sleep(1.5)
        out = detach_slowly(reader)
        no_gap([int(json.loads(line)["args"][1]["raw"], 0) for line in out.splitlines() if '"lseek"' in line], "the slow reader")
        box.stop()


def detach_slowly(client):
    """A signal while its output is full: what is under way comes yet."""
    client.send_signal(signal.SIGTERM)
    out, err = client.communicate(timeout=100)
    expect(client.returncode == 0, err.decode())
    return out.decode()


def killed_at_any_moment(options, directory):
    with Sandbox(options, directory, MANY) as box:
        for n in range(12):
            client = box.attach("--trace", "lseek", "-o", os.path.join(directory, "killed"), *(["--drop"] if n % 2 else []))
            time.sleep(0.02 * n)
            client.kill()
            client.communicate()
        box.goes_on()
        box.stop()


def full_disk(options, directory):
    with Sandbox(options, directory, MANY) as box:
        for words in ([], ["--drop"], ["--trace-format", "binary"]):
            client = box.attach("--trace", "lseek", "-o", "/dev/full", *words)
            err = client.communicate(timeout=120)[1].decode()
            expect(client.returncode == 1 and "No space left" in err, f"{client.returncode}: {err}")
        box.goes_on()
        box.stop()


def full_disk_of_the_launcher(options, directory):
    with Sandbox(options, directory, 3000, "--trace=lseek", "--trace-out", "/dev/full") as box:
        box.process.wait(timeout=100)
        expect(box.process.returncode == 125 and "No space left" in box.errors(), f"{box.process.returncode}: {box.errors()[-300:]}")
        expect("complete" in box.errors(), "the sandbox did not run to its end")


def launcher_killed(options, directory):
    with Sandbox(options, directory, MANY) as box:
        clients = [box.attach("--trace", "lseek"), box.attach("--trace", "fchmod", "--drop")]
        for client in clients:
            first_line(client)
        box.process.kill()
        for client in clients:
            err = client.communicate(timeout=120)[1].decode()
            expect(client.returncode == 1 and "launcher of the sandbox is gone" in err, f"{client.returncode}: {err[-300:]}")


def mistakes(options, directory):
    with Sandbox(options, directory, MANY) as box:
        for words, status, word in ((["--sandbox", "nosuch"], 125, "attach wait|drop"), (["--trace", "nosuchcall"], 125, "nosuchcall"),
                                    (["more"], 125, "more")):
            client = box.attach(*words)
            err = client.communicate(timeout=120)[1].decode()
            expect(client.returncode == status and word in err, f"{words}: {client.returncode}, {err}")
        clients = [box.attach("--trace", "lseek", "-o", "/dev/null") for _ in range(9)]
        time.sleep(2)
        refused = [c for c in clients if c.poll() is not None]
        expect(2 <= len(refused) <= 2, f"{len(refused)} of 9 clients were refused: seven sessions are free")
        for client in clients:
            client.kill()
            client.communicate()
        box.goes_on()
        box.stop()


def more_cpus(options, directory):
    """The same on several CPUs of the sandbox, and of the machine."""
    for cpus, host_cpus in ((2, 1), (4, 2)):
        several = argparse.Namespace(**{**vars(options), "cpus": cpus, "host_cpus": host_cpus, "times": min(options.times, 3)})
        with tempfile.TemporaryDirectory() as d:
            come_and_go(several, d)


CASES = [names_from_before, the_launcher_has_its_own, come_and_go, slow_reader_drops, slow_reader_is_waited_for, killed_at_any_moment, more_cpus,
         full_disk, full_disk_of_the_launcher, launcher_killed, mistakes]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default=os.path.join(TOP, "build"))
    parser.add_argument("--times", type=int, default=12)
    parser.add_argument("--cpus", type=int, default=1)
    parser.add_argument("--host-cpus", type=int, default=1)
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    options.trapline, passed, failed = os.path.join(os.path.abspath(options.build), "trapline"), 0, 0
    with tempfile.TemporaryDirectory() as top:
        options.load = os.path.join(top, "load")
        subprocess.run(["gcc", "-O2", "-static", "-o", options.load, os.path.join(TOP, "tests", "run", "attach_load.c")], check=True)
        for case in CASES:
            if options.names and case.__name__ not in options.names:
                continue
            started = time.time()
            try:
                with tempfile.TemporaryDirectory() as directory:
                    case(options, directory)
                passed += 1
                print(f"ok   {case.__name__} ({time.time() - started:.1f} s)", flush=True)
            except (Failed, subprocess.TimeoutExpired) as wrong:
                failed += 1
                print(f"     {case.__name__}: {wrong}\nFAIL {case.__name__}", flush=True)
    print(f"tests/run/attach: {passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
