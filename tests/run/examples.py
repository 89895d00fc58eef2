#!/usr/bin/env python3
"""Run what the README promises, and what should go wrong clearly.

usage: examples.py [--build DIR] [NAME...]

Each example is a command line, what it may print, its exit status and a time limit.  Ends with a line "N passed, M failed";
exit status 1 if one failed.  Checks that no process or file is left behind by any of them.
"""
import argparse
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUSYBOX = "/bin/busybox"
LOOP = "for i in $(seq 50); do busybox true; done; ps; cat /proc/self/maps; ls / | sort | wc -l"
RANDOM = os.urandom(1 << 20)


class Failed(Exception):
    pass


def expect(condition, what):
    if not condition:
        raise Failed(what)


class Runner:
    def __init__(self, build):
        self.trapline = os.path.join(build, "trapline")

    def __call__(self, *arguments, stdin=b"", status=0, out=None, err=None, timeout=60):
        """Run; check the status and, by regular expressions, both outputs.  Returns (stdout, stderr) as bytes."""
        command = [self.trapline, "run"] + list(arguments)
        done = subprocess.run(command, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout)
        text = done.stderr.decode(errors="replace")
        expect(done.returncode == status, f"status {done.returncode}, not {status}: {text.strip()[-400:]}")
        if out is not None:
            expect(re.search(out, done.stdout.decode(errors="replace"), re.S | re.M), f"standard output: {done.stdout[-400:]}")
        if err is not None:
            expect(re.search(err, text, re.S | re.M), f"standard error: {text[-400:]}")
        return done.stdout, done.stderr

    def start(self, *arguments, **options):
        return subprocess.Popen([self.trapline, "run"] + list(arguments), **options)


def shell(script):
    return ["--", BUSYBOX, "sh", "-c", script]


def on_both(test):
    """The same with the whole stack and with the guest kernel alone."""
    def both(run):
        for machine in ("bochs", "qemu"):
            test(run, ["--machine", machine])
    return both


@on_both
def listing(run, machine):
    run(*machine, "--", BUSYBOX, "ls", "-l", "/", out=r" bin( -> usr/bin)?$.* dev$.* proc$.* tmp$")


@on_both
def exit_status(run, machine):
    run(*machine, *shell("exit 7"), status=7)


@on_both
def standard_input(run, machine):
    run(*machine, "--", BUSYBOX, "tr", "a-z", "A-Z", stdin=b"hello\n", out=r"\AHELLO\n\Z")


@on_both
def shell_loop(run, machine):
    out, _ = run(*machine, *shell(LOOP), out=r"PID .*\[stack\]\n.*^[45]\n\Z")


def shell_loop_direct(run):
    run("--machine", "bochs", "--no-trap", *shell(LOOP), out=r"PID .*\[stack\]\n.*^[45]\n\Z")


@on_both
def outputs_apart(run, machine):
    out, err = run(*machine, *shell("echo one; echo two >&2; echo three"))
    expect(out == b"one\nthree\n" and b"two\n" in err, f"{out} {err}")


@on_both
def outputs_in_one(run, machine):
    """What goes into one pipe keeps its order (2>&1)."""
    command = [run.trapline, "run", *machine, *shell("for i in $(seq 100); do echo out $i; echo err $i >&2; done")]
    out = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60).stdout.decode()
    expect([line for line in out.splitlines() if not line.startswith("trapline: ")] ==
           [f"{name} {i}" for i in range(1, 101) for name in ("out", "err")], out[-400:])


@on_both
def killed_by_signal(run, machine):
    run(*machine, *shell("kill -9 $$"), status=137)


def flight_recorder(run):
    run("--machine", "bochs", *shell("kill -SEGV $$"), status=139, err=r"kill\(1, SIGSEGV.*\+\+\+ killed by SIGSEGV")
    run("--machine", "bochs", "--last", "--", BUSYBOX, "true", err=r"^\[pid +1\] exit_group\(0\) += \?\n\[pid +1\] \+\+\+ exited with 0 \+\+\+")


def pipe_1_mib(run):
    started = time.time()
    out, _ = run("--machine", "bochs", "--", BUSYBOX, "cat", stdin=RANDOM)
    expect(out == RANDOM, "the bytes differ")
    expect(time.time() - started < 10, "took longer than 10 s")


def file_1_mib(run):
    with tempfile.TemporaryFile() as f:
        f.write(RANDOM)
        f.seek(0)
        started = time.time()
        done = subprocess.run([run.trapline, "run", "--machine", "bochs", "--", BUSYBOX, "cat"], stdin=f,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=60)
        expect(done.stdout == RANDOM, "the bytes differ")
        expect(time.time() - started < 10, "took longer than 10 s")


def qemu_50_mib(run):
    data = RANDOM * 50
    out, _ = run("--machine", "qemu", "--", BUSYBOX, "cat", stdin=data, timeout=120)
    expect(out == data, "the bytes differ")


def trace(run):
    _, err = run("--machine", "bochs", "--trace", *shell("echo hi | cat"), out="hi")
    text = err.decode()
    for what in (r"^\[pid +1\] pipe2\(\[3, 4\], 0\) += 0 <0\.\d{6}>$", r'^\[pid +2\] write\(1, "hi\\n", 3\) += 3 <0\.\d{6}>$',
                 r'read\(0, "hi\\n", \d+\) += 3', r"^\[pid +1\] \+\+\+ exited with 0 \+\+\+$", r"wait4\(-1, \[\{WIFEXITED\(s\) && WEXITSTATUS\(s\) == 0\}\], 0, NULL\)"):
        expect(re.search(what, text, re.M), f"no line {what}")


def trace_files(run):
    with tempfile.TemporaryDirectory() as d:
        text, binary = os.path.join(d, "text"), os.path.join(d, "binary")
        _, err = run("--machine", "bochs", "--plain", "--trace-out", text, "--trace-binary", binary, "--", BUSYBOX, "true")
        lines = open(text).read()
        expect(re.search(r"^1     exit_group\(0\) +=", lines, re.M) and b"exit_group" not in err, "trace went elsewhere")
        saved = subprocess.run([run.trapline, "trace", binary], stdout=subprocess.PIPE, timeout=20).stdout.decode()
        expect(saved == lines, "the saved trace prints differently")


def denied(run):
    run("--machine", "bochs", "--deny", "mkdir=EACCES", "--", BUSYBOX, "mkdir", "/tmp/x", status=1, err="Permission denied")
    _, err = run("--machine", "bochs", "--deny", "getppid", "--trace", *shell("true"))
    expect(re.search(rb"^\[pid +1\] getppid\(\) += -1 EPERM \(Operation not permitted\) \(DENIED\)", err, re.M), "no line of a denied call")
    _, err = run("--machine", "bochs", "--deny", "getppid", "--stats", *shell("true"))
    match = re.search(rb"^complete (\d+) (\d+) (\d+)$", err, re.M)
    expect(match and int(match[3]) == 1 and int(match[1]) == int(match[2]) + 1, "the guest kernel saw a denied call")


def complete(run):
    """Entry records and the guest kernel's own count of dispatches are the same number."""
    for arguments in ([BUSYBOX, "true"], shell(LOOP)[1:], shell("ls / | wc -l; sleep 0.1")[1:]):
        _, err = run("--machine", "bochs", "--stats", "--", *arguments)
        match = re.search(rb"^complete (\d+) (\d+) (\d+)$", err, re.M)
        expect(match, "no line 'complete'")
        expect(int(match[1]) == int(match[2]) + int(match[3]), match[0].decode())


def complete_when_toggled(run):
    _, err = run("--machine", "bochs", "--stats", "--toggle", "100", *shell("for i in $(seq 1000); do busybox true; done"), timeout=120)
    match = re.search(rb"^complete (\d+) (\d+) (\d+)$.*^switches (\d+) ", err, re.M | re.S)
    expect(match, "no lines 'complete' and 'switches'")
    expect(int(match[1]) == int(match[2]) + int(match[3]), match[0].decode())
    expect(int(match[4]) >= 1000, f"only {match[4].decode()} switches")


@on_both
def environment(run, machine):
    out, _ = run(*machine, "--env", "A=b c", "--workdir", "/tmp", "--user", "12:34", *shell("env; pwd; id"))
    for what in (b"A=b c\n", b"HOME=/root\n", b"PATH=", b"TERM=", b"\n/tmp\n", b"uid=12 gid=34"):
        expect(what in out, f"no {what} in {out}")
    expect(out.count(b"=") < 10, f"more variables than promised: {out}")


@on_both
def roots(run, machine):
    with tempfile.TemporaryDirectory() as d:
        tree = os.path.join(d, "tree")
        os.makedirs(os.path.join(tree, "bin"))
        os.makedirs(os.path.join(tree, "etc"))
        subprocess.run(["cp", BUSYBOX, os.path.join(tree, "bin/busybox")], check=True)
        os.symlink("busybox", os.path.join(tree, "bin/sh"))
        open(os.path.join(tree, "etc/motd"), "w").write("welcome\n")
        script = "cat /etc/motd; echo x > /etc/motd; cat /etc/motd; ls /bin"
        run(*machine, "--root", tree, "--", "/bin/sh", "-c", script, out=r"\Awelcome\nx\nbusybox\nsh\n\Z")
        expect(open(os.path.join(tree, "etc/motd")).read() == "welcome\n", "the root was written to")
        archive = os.path.join(d, "root.cpio")
        subprocess.run(f"cd {tree} && find . | cpio --quiet -o -H newc > {archive} && gzip -k {archive}", shell=True, check=True)
        run(*machine, "--root", archive, "--", "sh", "-c", "cat /etc/motd", out=r"\Awelcome\n\Z")
        run(*machine, "--root", archive + ".gz", "--", "sh", "-c", "cat /etc/motd", out=r"\Awelcome\n\Z")
        run(*machine, "--root", tree, "--", "/bin/nothing", status=127, err="/bin/nothing: not in the root")
        run(*machine, "--add", os.path.join(tree, "etc"), "--", BUSYBOX, "cat", os.path.join(tree, "etc/motd"), out="welcome")


@on_both
def scripts(run, machine):
    with tempfile.TemporaryDirectory() as d:
        path = os.path.join(d, "script")
        open(path, "w").write(f"#!{BUSYBOX} sh\necho script $0 $1\n")
        os.chmod(path, 0o755)
        run(*machine, "--", path, "one", out=rf"\Ascript {path} one\n\Z")


@on_both
def dynamic_programs(run, machine):
    """Loaders and libraries come along, links kept; what is missing is named in one line."""
    run(*machine, "--", "/bin/ls", "/lib64/ld-linux-x86-64.so.2", "/etc/passwd", out=r"\A/etc/passwd\n/lib64/ld-linux-x86-64.so.2\n\Z")
    with tempfile.TemporaryDirectory() as d:
        os.makedirs(os.path.join(d, "lib"))
        compile_c = lambda text, *flags: subprocess.run(["gcc", "-xc", "-", "-xnone", *flags], input=text, cwd=d, text=True, check=True)
        compile_c("int two(void) { return 2; }", "-shared", "-fPIC", "-o", "lib/libtwo.so.1.5", "-Wl,-soname,libtwo.so.1")
        os.symlink("libtwo.so.1.5", os.path.join(d, "lib/libtwo.so.1"))
        compile_c("int two(void); int one(void) { return two() - 1; }", "-shared", "-fPIC", "-o", "lib/libone.so", "lib/libtwo.so.1", "-Wl,-soname,libone.so",
                  "-Wl,--enable-new-dtags,-rpath,$ORIGIN")
        compile_c('#include <stdio.h>\nint one(void); int main(void) { printf("%d\\n", one()); }', "-o", "program", "lib/libone.so",
                  "-Wl,--enable-new-dtags,-rpath,${ORIGIN}/lib,-rpath-link,lib")
        os.symlink("program", os.path.join(d, "link"))
        run(*machine, "--", os.path.join(d, "link"), out=r"\A1\n\Z")
        script = os.path.join(d, "script")
        open(script, "w").write("#!/usr/bin/env perl\nprint qq(perl @ARGV\\n);\n")
        os.chmod(script, 0o755)
        run(*machine, "--", script, "7", out=r"\Aperl 7\n\Z")
        run(*machine, "--add", os.path.join(d, "lib"), "--", "/bin/bash", "-c", f"echo {d}/lib/*", out=r"libone.so [^ ]*libtwo.so.1 [^ ]*libtwo.so.1.5\n\Z")
        os.unlink(os.path.join(d, "lib/libtwo.so.1"))
        run(*machine, "--", os.path.join(d, "link"), status=126,
            err=r"\Atrapline: [^\n]*/link: [^\n]*/libone.so needs the library libtwo.so.1, which is not on this machine\n\Z")
        run(*machine, "--add", os.path.join(d, "lib"), "--", BUSYBOX, "true", err=r"\Atrapline: [^\n]*needs the library libtwo.so.1[^\n]*\n\Z")


def refusals(run):
    run("--no-such-option", "--", BUSYBOX, status=125, err="no-such-option")
    run("--memory", "lots", "--", BUSYBOX, status=125, err="--memory lots")
    run("--memory", "1M", "--", BUSYBOX, status=125, err="too little memory")
    run("--memory", "4M", "--", BUSYBOX, "true", status=125, err="too little memory")
    run("--machine", "toaster", "--", BUSYBOX, status=125, err="toaster")
    run("--deny", "no_such_call", "--", BUSYBOX, status=125, err="no_such_call")
    run(status=125, err="no program")
    run("--", "/no/such/program", status=127, err="/no/such/program: No such file")
    run("--", "no-such-program", status=127, err="not found in PATH")
    run("--", "/etc/passwd", status=126, err="/etc/passwd")
    run("--", "/tmp", status=126, err="/tmp")
    with tempfile.NamedTemporaryFile(delete=False) as f:
        f.write(b"\x7fELF\x01\x01\x01" + b"\0" * 100)
    os.chmod(f.name, 0o755)
    try:
        run("--", f.name, status=126, err="32-bit")
    finally:
        os.unlink(f.name)


@on_both
def timeouts(run, machine):
    started = time.time()
    process = run.start(*machine, "--timeout", "1.5", *shell("cat"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    status = process.wait(timeout=20)
    expect(status == 124 and b"not finished after 1.5 seconds" in process.stderr.read(), f"status {status}")
    expect(time.time() - started < 4, "took too long")


@on_both
def signals_forwarded(run, machine):
    for number, name in ((signal.SIGINT, "INT"), (signal.SIGTERM, "TERM")):
        process = run.start(*machine, *shell(f"trap 'echo got {name}; exit 9' {name}; echo ready; while :; do sleep 0.1; done"),
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        expect(process.stdout.readline() == b"ready\n", "not ready")
        process.send_signal(number)
        rest = process.stdout.read()
        status = process.wait(timeout=20)
        expect(status == 9 and rest == f"got {name}\n".encode(), f"status {status}, {rest}")
    process = run.start(*machine, "--", BUSYBOX, "sleep", "1000", stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
    time.sleep(1)
    process.send_signal(signal.SIGTERM)
    status = process.wait(timeout=20)
    expect(status in (0, 143), f"status {status}")


@on_both
def third_signal(run, machine):
    process = run.start(*machine, *shell("trap '' INT TERM; echo ready; while :; do sleep 1; done"), stdin=subprocess.PIPE,
                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    expect(process.stdout.readline() == b"ready\n", "not ready")
    for _ in range(3):
        expect(process.poll() is None, "ended too early")
        process.send_signal(signal.SIGINT)
        time.sleep(0.2)
    status = process.wait(timeout=20)
    expect(status == 130, f"status {status}")


@on_both
def interactive_input(run, machine):
    """Each line is answered before the next is given."""
    process = run.start(*machine, *shell("while read x; do echo \"<$x>\"; done; echo end"), stdin=subprocess.PIPE,
                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    for word in (b"one", b"two", b"three"):
        process.stdin.write(word + b"\n")
        process.stdin.flush()
        line = process.stdout.readline()
        expect(line == b"<" + word + b">\n", f"{line}")
    process.stdin.close()
    expect(process.stdout.read() == b"end\n" and process.wait(timeout=20) == 0, "no end")


@on_both
def closed_output(run, machine):
    process = run.start(*machine, "--", BUSYBOX, "yes", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    expect(process.stdout.readline() == b"y\n", "no y")
    process.stdout.close()
    status = process.wait(timeout=20)
    expect(status == 141, f"status {status}")


@on_both
def nothing_left_when_killed(run, machine):
    process = run.start(*machine, *shell("echo ready; cat"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    expect(process.stdout.readline() == b"ready\n", "not ready")
    children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(process.pid)], stdout=subprocess.PIPE).stdout.split()
    expect(children, "no emulator?")
    process.kill()
    process.wait()
    time.sleep(0.3)
    for pid in children:
        expect(not os.path.exists(f"/proc/{pid.decode()}") or "Z" in open(f"/proc/{pid.decode()}/stat").read(), "the emulator lives on")


def read_until(fd, pattern, seconds=20):
    """What comes from a terminal until the pattern matches."""
    text, end = "", time.time() + seconds
    while not re.search(pattern, text):
        ready, _, _ = select.select([fd], [], [], max(0, end - time.time()))
        expect(ready, f"no {pattern!r} in {text!r}")
        text += os.read(fd, 4096).decode(errors="replace")
    return text


@on_both
def terminal(run, machine):
    """A shell with a terminal: echo, line editing, Ctrl-C, the terminal's size and our own terminal as it was."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 99, 0, 0))
    before = termios.tcgetattr(slave)
    process = run.start(*machine, "--tty", "--", BUSYBOX, "sh", stdin=slave, stdout=slave, stderr=slave)
    steps = [(None, r"/ # "), (b"stty size\n", r"33 99.*/ # "), (b"sh -c 'echo g''o; exec cat'\n", r"\ngo\r\n"), (b"ab\x7fc\n", r"ac\r\n"), (b"\x03", r"/ # "),
             (b"echo status $?\n", r"status 130.*/ # "), (b"sh -c 'echo g''o; exec sleep 1000'\n", r"\ngo\r\n"), (b"\x03", r"/ # ")]
    for send, answer in steps:
        if send:
            os.write(master, send)
        read_until(master, re.compile(answer, re.S))
    os.write(master, b"exit 9\n")
    expect(process.wait(timeout=20) == 9, f"status {process.returncode}")
    expect(termios.tcgetattr(slave) == before, "our terminal was left in another state")
    os.close(master)
    os.close(slave)


def no_emulator(run):
    for machine, name in (("bochs", "bochs"), ("qemu", "qemu-system-x86_64")):
        done = subprocess.run([run.trapline, "run", "--machine", machine, "--", BUSYBOX, "true"], env={"PATH": "/nowhere"},
                              stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=20)
        expect(done.returncode == 125 and f"cannot start {name}".encode() in done.stderr, f"{done.returncode} {done.stderr}")


def help_text(run):
    out, _ = run("--help", out="Usage: trapline run")
    manual = open(os.path.join(TOP, "docs", "trapline.1")).read().replace("\\-", "-")
    for option in re.findall(r"--[a-z-]+", out.decode()):
        expect(option in manual, f"{option} is not in docs/trapline.1")


def qemu_machines(run):
    for machine in ("q35", "pc"):
        for cpu in ("qemu64", "max"):
            run("--machine", "qemu", "--qemu-machine", machine, "--cpu", cpu, *shell("echo $((6*7))"), out=r"\A42\n\Z")


def packages(run):
    """A program with all that its package and those it depends on hold; libraries alone would not do."""
    run("--machine", "qemu", "--package", "python3", "--", "/usr/bin/python3", "-c", "import json; print(json.dumps([6 * 7]))", out=r"\A\[42\]\n\Z")
    run("--machine", "qemu", "--package", "no-such-package", "--", BUSYBOX, "true", status=125, err="no-such-package: not installed here")


EXAMPLES = [listing, exit_status, standard_input, shell_loop, shell_loop_direct, outputs_apart, outputs_in_one, killed_by_signal, flight_recorder,
            pipe_1_mib, file_1_mib, qemu_50_mib, trace, trace_files, denied, complete, complete_when_toggled, environment, roots,
            scripts, dynamic_programs, packages, refusals, timeouts, signals_forwarded, third_signal, interactive_input, terminal, closed_output, nothing_left_when_killed, no_emulator, help_text,
            qemu_machines]


def leftovers():
    return {f for d in ("/tmp", TOP) for f in os.listdir(d) if "trapline" in f or f.endswith(".lock")}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default=os.path.join(TOP, "build"))
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    names = {e.__name__ if e.__name__ != "both" else e.__closure__[0].cell_contents.__name__: e for e in EXAMPLES}
    before, failed, ran = leftovers(), 0, 0
    for name, example in names.items():
        if options.names and name not in options.names:
            continue
        started, ran = time.time(), ran + 1
        try:
            example(Runner(options.build))
            result = "ok  "
        except (Failed, subprocess.TimeoutExpired, OSError) as error:
            result, failed = "FAIL", failed + 1
            print(f"     {name}: {error}")
        print(f"{result} {name} ({time.time() - started:.1f} s)", flush=True)
    left = leftovers() - before
    if left:
        print(f"FAIL left behind: {', '.join(sorted(left))}")
        failed += 1
    print(f"tests/run: {ran - min(failed, ran)} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
