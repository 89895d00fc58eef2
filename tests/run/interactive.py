#!/usr/bin/env python3
"""Sit at a terminal before `trapline run -t` and type: shells, job control, editors, pagers, resizing, and every way to end.

usage: interactive.py [--build DIR] [--on MACHINE[,MACHINE...]] [NAME...]

MACHINE: qemu, bochs.  Programs are this machine's own (bash, less, stty; vim.tiny if it is here).  The last lines are the
latencies of a key's echo.  Exit status: 0 all as it should be, 1 not.
"""
import argparse
import fcntl
import os
import pty
import re
import select
import shutil
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUSYBOX = "/bin/busybox"
PROMPT = r"[$#] $"
PATIENCE = 30


class Failed(Exception):
    pass


class Skipped(Exception):
    pass


def expect(condition, text):
    if not condition:
        raise Failed(text)


class Terminal:
    """A pseudoterminal of ours with a program in a session of its own on it, as a terminal emulator has it."""

    def __init__(self, arguments, rows=24, columns=80, environment=None):
        self.master, slave = pty.openpty()
        self.resize(rows, columns)
        settings = termios.tcgetattr(slave)
        settings[0] |= 0o40000  # IUTF8, as terminal emulators set it
        termios.tcsetattr(slave, termios.TCSANOW, settings)
        self.slave = slave
        self.before = termios.tcgetattr(slave)
        self.process = subprocess.Popen(arguments, stdin=slave, stdout=slave, stderr=slave, start_new_session=False,
                                        preexec_fn=self.take, env=dict(os.environ, **(environment or {})))
        self.text = ""

    @staticmethod
    def take():
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    def resize(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, keys):
        os.write(self.master, keys.encode() if isinstance(keys, str) else keys)

    def read_some(self, seconds):
        ready, _, _ = select.select([self.master], [], [], max(0, seconds))
        if not ready:
            return False
        try:
            data = os.read(self.master, 65536)
        except OSError:
            data = b""
        self.text += data.decode(errors="replace")
        return bool(data)

    def wait_for(self, pattern, seconds=PATIENCE):
        """What came up to the end of the match; it is taken off."""
        end = time.time() + seconds
        while True:
            match = re.search(pattern, self.text, re.S)
            if match:
                found, self.text = self.text[: match.end()], self.text[match.end():]
                return found
            expect(self.read_some(end - time.time()), f"no {pattern!r} in {self.text[-600:]!r}")

    def answer(self, keys, pattern, seconds=PATIENCE):
        self.type(keys)
        return self.wait_for(pattern, seconds)

    def ends_with(self, status):
        end = time.time() + PATIENCE
        while self.process.poll() is None and time.time() < end:
            self.read_some(0.05)
        expect(self.process.poll() is not None, f"it goes on: {self.text[-600:]!r}")
        expect(self.process.returncode == status, f"status {self.process.returncode}, not {status}: {self.text[-600:]!r}")
        end = time.time() + 5
        while termios.tcgetattr(self.slave) != self.before and time.time() < end:
            time.sleep(0.02)
        expect(termios.tcgetattr(self.slave) == self.before, "our terminal was left in another state")
        os.close(self.master)
        os.close(self.slave)


class Runner:
    def __init__(self, build, machine):
        self.trapline = os.path.join(build, "trapline")
        self.machine = machine
        self.start_up = 0.7 if machine == "qemu" else 2.5 # seconds that a program may take to start

    def command(self, *arguments):
        return [self.trapline, "run", "--machine", self.machine, "-t", "--timeout", "100", *arguments]

    def start(self, *arguments, **keys):
        return Terminal(self.command(*arguments), **keys)

    def bash(self, *more, **keys):
        t = self.start(*more, "--env", "PS1=$ ", "--", "/bin/bash", "--norc", "--noprofile", **keys)
        t.wait_for(PROMPT)
        t.answer("bind 'set enable-bracketed-paste off'\r", PROMPT)
        return t


def add(*paths):
    return [word for path in paths for word in ("--add", path)]


SLEEP, STTY = "/bin/sleep", "/bin/stty"


def job_control(run):
    t = run.bash(*add(SLEEP))
    t.answer("sleep 1000 &\r", r"\[1\] \d+.*" + PROMPT)
    t.answer("jobs\r", r"\[1\]\+  Running +sleep 1000 &.*" + PROMPT)
    t.answer("fg\r", r"sleep 1000\r\n")
    time.sleep(run.start_up) # the shell says so before it gives the terminal away
    t.answer("\x1a", r"\^Z.*\[1\]\+  Stopped +sleep 1000.*" + PROMPT)
    t.answer("jobs\r", r"\[1\]\+  Stopped +sleep 1000.*" + PROMPT)
    t.answer("bg\r", r"\[1\]\+ sleep 1000 &.*" + PROMPT)
    t.answer("kill %1\r", PROMPT)
    t.answer("wait; jobs; echo done\r", r"\ndone\r\n.*" + PROMPT)
    t.answer("sleep 1000\r", r"\r\n")
    time.sleep(run.start_up)
    t.answer("\x03", r"\^C.*" + PROMPT)
    t.answer("echo status $?\r", r"status 130.*" + PROMPT)
    t.answer("sleep 1000\r", r"\r\n")
    time.sleep(run.start_up)
    t.answer("\x1c", r"\^\\.*Quit.*" + PROMPT)
    t.answer("sleep 1000 | sleep 1001\r", r"\r\n")
    time.sleep(run.start_up)
    t.answer("\x1a", r"Stopped.*" + PROMPT)
    t.answer("kill -9 %1; wait; echo gone\r", r"\ngone\r\n.*" + PROMPT)
    t.answer("cat\r", r"(not found|\r\n).*" + PROMPT)
    t.type("exit 5\r")
    t.ends_with(5)


def background_reader(run):
    t = run.bash(*add(BUSYBOX))
    t.answer("busybox cat &\r", r"\[1\] \d+")
    time.sleep(run.start_up)
    t.answer("\r", r"Stopped +busybox cat.*" + PROMPT)
    t.answer("fg\r", r"busybox cat\r\n")
    t.answer("hello\r", r"hello\r\nhello\r\n")
    t.answer("\x04", PROMPT)
    t.answer("stty tostop 2>/dev/null || busybox stty tostop\r", PROMPT)
    t.answer("busybox echo text &\r", r"\[1\] \d+")
    time.sleep(run.start_up)
    t.answer("\r", r"Stopped.*" + PROMPT)
    t.answer("fg\r", r"text\r\n.*" + PROMPT)
    t.type("\x04")
    t.ends_with(0)


def line_editing(run):
    t = run.bash(environment={"LANG": "C.UTF-8"})
    t.answer("echo abc\x7f\x7fxy\x01\x05!\r", r"\naxy!\r\n.*" + PROMPT)
    t.answer("\x1b[A\r", r"\naxy!\r\n.*" + PROMPT)
    t.answer("echo one two\x17three\r", r"\none three\r\n.*" + PROMPT)
    t.answer("echo gone\x15echo kept\r", r"\nkept\r\n.*" + PROMPT)
    t.answer("echo \xe4\u20ac\x7f\xf6 | while read x; do echo ${#x}; done\r", r"\n2\r\n.*" + PROMPT)
    t.answer("\x12thr\r", r"\none three\r\n.*" + PROMPT)
    t.answer("echo $TERM $(printf %s $LANG)\r", rf"\n{os.environ.get('TERM', 'xterm')} C.UTF-8\r\n.*" + PROMPT)
    t.type("\x04")
    t.ends_with(0)


def lines_without_readline(run):
    """The kernel's own editing."""
    t = run.start("--", BUSYBOX, "cat")
    time.sleep(run.start_up)
    t.answer("ab\x7fc\r", r"ab\x08 \x08c\r\nac\r\n")
    t.answer("\xe4\x7fo\r", "\xe4\x08 \x08o\r\no\r\n")
    t.answer("one two\x17!\r", r"\r\none !\r\n")
    t.answer("x\x16\x03\r", r"\^C\r\nx\x03\r\n")
    t.answer("\x13held\r", "")
    time.sleep(0.3)
    t.read_some(0)
    expect("held" not in t.text, f"output was not stopped: {t.text!r}")
    t.answer("\x11", r"held\r\nheld\r\n")
    t.type("end\x04")
    t.wait_for(r"endend")
    t.type("\x04")
    t.ends_with(0)


def settings_as_on_linux(run):
    host = Terminal([STTY, "-a"], rows=30, columns=100)
    expected = host.wait_for(r"extproc\r\n")
    host.ends_with(0)
    t = run.start("--", STTY, "-a", rows=30, columns=100)
    got = t.wait_for(r"extproc\r\n")
    t.ends_with(0)
    expect(got == expected, f"stty -a:\n{got}\nLinux's:\n{expected}")
    # And a pseudoterminal made in the sandbox by script(1), beside one made here.
    expected = subprocess.run(["script", "-qec", "stty -a", "/dev/null"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              timeout=PATIENCE).stdout.decode()
    done = subprocess.run([run.trapline, "run", "--machine", run.machine, *add(STTY, "/bin/sh"), "--", "/usr/bin/script", "-qec",
                           "stty -a", "/dev/null"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=100)
    expect(done.stdout.decode() == expected and "intr = ^C" in expected, f"script:\n{done.stdout.decode()}\nLinux's:\n{expected}")


def resizing(run):
    t = run.bash(*add(STTY, SLEEP), rows=33, columns=99)
    t.answer("stty size\r", r"\n33 99\r\n.*" + PROMPT)
    t.resize(40, 120)
    time.sleep(0.5)
    t.answer("stty size; echo $LINES $COLUMNS\r", r"\n40 120\r\n40 120\r\n.*" + PROMPT)
    t.answer("bash -c 'trap \"stty size\" WINCH; echo re\"\"ady; while :; do sleep 0.1; done'\r", r"ready\r\n")
    t.resize(10, 50)
    t.wait_for(r"10 50\r\n")
    time.sleep(run.start_up) # bash forgets a signal that comes while its trap runs
    t.resize(11, 51)
    t.wait_for(r"11 51\r\n")
    for _ in range(20): # bash goes on if its child happened to end by itself
        t.type("\x03")
        time.sleep(0.3)
        t.read_some(0)
        if re.search(PROMPT, t.text):
            break
    t.wait_for(PROMPT)
    t.type("exit 0\r")
    t.ends_with(0)


def vi_edits(run):
    t = run.bash(*add(BUSYBOX))
    t.answer("busybox vi /tmp/file\r", r"~")
    t.type("ihello\rworld\x1b")
    time.sleep(0.5)
    t.type("kx:wq\r")
    t.wait_for(PROMPT)
    t.answer("while read x; do echo \"<$x>\"; done </tmp/file\r", r"<hell>\r\n<world>\r\n.*" + PROMPT)
    t.type("exit 0\r")
    t.ends_with(0)


def vim_edits(run):
    vim = shutil.which("vim.tiny")
    if not vim:
        raise Skipped("vim.tiny is not here")
    t = run.bash(*add(vim))
    t.answer(f"{vim} /tmp/file\r", r"~")
    time.sleep(0.5)
    t.type("ione two three\x1b")
    time.sleep(0.5)
    t.type("0dwA!\x1b:wq\r")
    t.wait_for(r"written.*" + PROMPT)
    t.answer("echo \"<$(</tmp/file)>\"\r", r"<two three!>\r\n.*" + PROMPT)
    # Stopped in the middle, the terminal is the shell's; and back.
    t.answer(f"{vim} /tmp/file\r", r"two three!")
    time.sleep(0.5)
    t.answer("\x1a", r"Stopped.*" + PROMPT)
    t.answer("fg\r", r"two three!")
    time.sleep(0.5)
    t.type(":q\r")
    t.wait_for(PROMPT)
    t.type("exit 0\r")
    t.ends_with(0)


def less_pages(run):
    t = run.bash(*add("/usr/bin/less"))
    t.answer("for ((i = 1; i <= 300; i++)); do echo line $i; done >/tmp/many\r", PROMPT)
    t.answer("less /tmp/many\r", r"line 23\b")
    t.answer(" ", r"line 46\b")
    t.answer("/line 222\r", r"line 222")
    t.answer("G", r"line 300\b")
    t.answer("g", r"line 1\b")
    t.type("q")
    t.wait_for(PROMPT)
    t.type("exit 0\r")
    t.ends_with(0)


def much_output(run):
    """A burst comes whole to a slow terminal too, and Ctrl-C ends an endless one soon."""
    t = run.bash(*add(BUSYBOX))
    count = 20000 if run.machine == "qemu" else 3000
    t.type(f"busybox seq {count}; echo e''nd\r")
    time.sleep(2) # the terminal is slow: everybody on the way must wait
    text = t.wait_for(r"\nend\r\n.*" + PROMPT, 60)
    numbers = [int(n) for n in re.findall(r"^(\d+)\r$", text, re.M)]
    expect(numbers == list(range(1, count + 1)), f"{len(numbers)} of {count} lines")
    t.answer("busybox yes\r", r"y\r\ny\r\n")
    started = time.time()
    t.answer("\x03", r"\^C.*" + PROMPT)
    expect(time.time() - started < 10, "Ctrl-C took too long")
    t.type("exit 0\r")
    t.ends_with(0)


def ends_by_signals(run):
    for number, status in ((signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)):
        t = run.start("--", BUSYBOX, "sleep", "1000")
        time.sleep(run.start_up)
        t.process.send_signal(number)
        t.ends_with(status)


def ends_by_kill(run):
    """Whatever happens to the launcher or its emulator, the terminal is as it was."""
    t = run.bash()
    t.process.kill()
    t.ends_with(-9)
    t = run.bash()
    children = subprocess.run(["ps", "-o", "pid=,comm=", "--ppid", str(t.process.pid)], stdout=subprocess.PIPE).stdout.decode()
    emulator = re.search(r"(\d+) (bochs|qemu)", children)
    expect(emulator, f"children: {children}")
    os.kill(int(emulator[1]), signal.SIGKILL)
    t.ends_with(125)


def way_out(run):
    t = run.start("--", BUSYBOX, "sh", "-c", "trap '' INT QUIT TSTP TERM HUP; stty raw -echo; echo ready; while :; do sleep 1; done")
    t.wait_for("ready")
    t.type("\x03\x1c\x1a")
    time.sleep(0.5)
    expect(t.process.poll() is None, "it ended by keys that are the program's")
    t.type("\x1d\x1d")
    time.sleep(1.2)
    expect(t.process.poll() is None, "two are not three")
    t.type("\x1d\x1d\x1d")
    t.wait_for("ended from the terminal")
    t.ends_with(137)


def stop_and_go(run):
    """Stopped from outside: the terminal is the shell's meanwhile, and is taken again with its size."""
    t = run.bash(*add(STTY))
    raw = termios.tcgetattr(t.slave)
    expect(raw != t.before, "our terminal is not raw")
    t.process.send_signal(signal.SIGTSTP)
    os.waitpid(t.process.pid, os.WUNTRACED)
    expect(termios.tcgetattr(t.slave) == t.before, "our terminal is not given back")
    t.process.send_signal(signal.SIGCONT)
    end = time.time() + 5
    while termios.tcgetattr(t.slave) != raw and time.time() < end:
        time.sleep(0.02)
    t.answer("stty size\r", r"\n24 80\r\n.*" + PROMPT)
    t.type("exit 0\r")
    t.ends_with(0)


def trace_lines(run):
    """Lines of the trace end properly on a raw terminal."""
    if run.machine == "qemu":
        raise Skipped("nothing is traced there")
    t = run.start("--trace", "--", BUSYBOX, "true")
    text = t.wait_for(r"exit_group\(0\).*exited with 0 \+\+\+\r\n")
    expect(not re.search(r"[^\r]\n", text), f"a line without a return: {text[:300]!r}")
    t.ends_with(0)


def input_that_is_no_terminal(run):
    done = subprocess.run(run.command("--", BUSYBOX, "sh"), input=b"echo $((6*7))\ntty\n", stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=100)
    expect(done.returncode == 0 and b"42\r\n" in done.stdout and b"/dev/hvc0\r\n" in done.stdout, f"{done.returncode} {done.stdout}")


def echo_latency(run):
    """Milliseconds from a key to its echo: by the kernel, and by a readline shell."""
    results = []
    for name, t in (("kernel", run.start("--", BUSYBOX, "cat")), ("bash", run.bash())):
        if name == "kernel":
            time.sleep(run.start_up)
        times = []
        for i in range(60):
            key = chr(ord("a") + i % 26)
            started = time.perf_counter()
            t.answer(key, key)
            times.append((time.perf_counter() - started) * 1000)
            time.sleep(0.02)
        t.type("\r\x04" if name == "kernel" else "\x15exit 0\r")
        t.ends_with(0)
        results.append(f"{name} {statistics.median(times):.1f} (most {max(times):.0f})")
        expect(statistics.median(times) < 100, f"median {statistics.median(times):.0f} ms")
    return "ms: " + ", ".join(results)


TESTS = [job_control, background_reader, line_editing, lines_without_readline, settings_as_on_linux, resizing, vi_edits, vim_edits,
         less_pages, much_output, ends_by_signals, ends_by_kill, way_out, stop_and_go, trace_lines, input_that_is_no_terminal,
         echo_latency]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default=os.path.join(TOP, "build"))
    parser.add_argument("--on", default="qemu,bochs")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    passed = failed = skipped = 0
    for machine in options.on.split(","):
        for test in TESTS:
            if options.names and test.__name__ not in options.names:
                continue
            started = time.time()
            try:
                note = test(Runner(options.build, machine))
                passed, result = passed + 1, "ok  "
            except Skipped as why:
                skipped, result, note = skipped + 1, "skip", str(why)
            except (Failed, subprocess.TimeoutExpired, OSError) as error:
                failed, result, note = failed + 1, "FAIL", str(error)
            print(f"{result} {machine}: {test.__name__} ({time.time() - started:.1f} s){': ' + note if note else ''}", flush=True)
    print(f"tests/run/interactive: {passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
