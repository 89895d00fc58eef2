#!/usr/bin/env python3
"""Tampering and policy: what rules make of a program's calls, before it starts and while it runs.

usage: policy.py [--build DIR] [NAME...]

Ends with a line "N passed, M failed"; exit status 1 if one failed.
"""
import argparse
import os
import re
import subprocess
import sys
import tempfile
import threading
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUSYBOX = "/bin/busybox"


class Failed(Exception):
    pass


def expect(condition, what):
    if not condition:
        raise Failed(what)


class Runner:
    def __init__(self, build):
        self.trapline = os.path.join(build, "trapline")

    def __call__(self, rules, *program, status=0, stdin=b"", options=()):
        """Run with --trace; (standard output, trace and standard error)."""
        done = subprocess.run([self.trapline, "run", "--machine", "bochs", "--plain", "--trace", "-T", "-a", "1", "--timeout", "60", *options, *rules, "--", *program],
                              input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=90)
        text = done.stderr.decode(errors="replace")
        expect(done.returncode == status, f"status {done.returncode}, not {status}: {text[-400:]}")
        return done.stdout.decode(errors="replace"), text

    def refused(self, *rules):
        done = subprocess.run([self.trapline, "run", *rules, "--", BUSYBOX, "true"], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=30)
        expect(done.returncode == 125, f"{rules}: status {done.returncode}")
        return done.stderr.decode()


def shell(script):
    return [BUSYBOX, "sh", "-c", script]


def error(run):
    _, text = run(["--inject", "mkdir:error=EROFS"], BUSYBOX, "mkdir", "/tmp/a", status=1)
    expect('mkdir("/tmp/a", 0777) = -1 EROFS (Read-only file system) (DENIED)' in text, text[-400:])


def fault_is_enosys(run):
    _, text = run(["--fault", "mkdir"], BUSYBOX, "mkdir", "/tmp/a", status=1)
    expect("-1 ENOSYS (Function not implemented) (DENIED)" in text, text[-400:])


def retval(run):
    out, _ = run(["--inject", "getuid:retval=1234"], BUSYBOX, "id", "-u")
    expect(out == "1234\n", out)


def signal(run):
    _, text = run(["--inject", "mkdir:signal=USR1"], BUSYBOX, "mkdir", "/tmp/a", status=128 + 10)
    expect(re.search(r"mkdir\(.*\) = 0.*\n.*--- SIGUSR1", text), "the call was to happen, then the signal: " + text[-400:])


def signal_with_error(run):
    _, text = run(["--inject", "mkdir:error=EINTR:signal=CHLD"], BUSYBOX, "mkdir", "/tmp/a", status=1)
    expect("= -1 EINTR" in text and "(DENIED)" not in text, "it went through the kernel, which did nothing: " + text[-400:])


def delays(run):
    _, text = run(["--inject", "mkdir:delay_enter=30ms:delay_exit=40ms"], BUSYBOX, "mkdir", "/tmp/a")
    took = float(re.search(r"mkdir\(.*<([\d.]+)>", text)[1])
    expect(0.07 <= took < 5, f"it took {took} s")


def poke_enter(run):
    out, _ = run(["--inject", "write:poke_enter=@arg2=58595a"], BUSYBOX, "echo", "hello")
    expect(out == "XYZlo\n", out)


def poke_exit(run):
    out, _ = run(["--inject", "read && arg0==0:poke_exit=@arg2=414243:when=1"], BUSYBOX, "cat", stdin=b"hello\n")
    expect(out == "ABClo\n", out)


def when(run):
    script = "for i in 1 2 3 4 5 6; do mkdir /tmp/$i; done; ls /tmp"
    rule = ["--inject", "mkdir:error=EIO:when=2..5+2"]
    out, _ = run(rule, *shell(script)) # each mkdir is a process of its own, whose first call it is
    expect(out.split() == ["1", "2", "3", "4", "5", "6"], out)
    out, _ = run(rule, BUSYBOX, "mkdir", "/tmp/1", "/tmp/2", "/tmp/3", "/tmp/4", "/tmp/5", "/tmp/6", status=1)
    text = run(rule, BUSYBOX, "mkdir", "/tmp/1", "/tmp/2", "/tmp/3", "/tmp/4", "/tmp/5", "/tmp/6", status=1)[1]
    failed = re.findall(r'mkdir\("/tmp/(\d)".*= -1 EIO', text)
    expect(failed == ["2", "4"], f"{failed}")


def arguments(run):
    _, text = run(["--policy", "deny=EACCES:openat && arg2&0x1"], *shell("echo x >/tmp/a; cat /tmp/a; ls /"), options=["--last"])
    expect(re.search(r'openat\(AT_FDCWD, "/tmp/a", O_WRONLY.* = -1 EACCES', text), "opening for writing was to be denied")
    expect(re.search(r'openat\(AT_FDCWD, "/".* = 3', text), "opening for reading was to be allowed")


def path_by_what_is_consumed(run):
    _, text = run(["--policy", "deny=EACCES:open,openat:path=/etc/pass*"], *shell("cat /etc/passwd; cat /etc/group"), status=0,
                  options=["--add", "/etc/passwd", "--add", "/etc/group"])
    expect('"/etc/passwd", O_RDONLY) = -1 EACCES (Permission denied) (rule 1: deny EACCES) <' in text, text[-600:])
    expect('"/etc/group", O_RDONLY) = 3' in text, text[-600:])


def kill(run):
    _, text = run(["--policy", "kill:mkdir"], *shell("mkdir /tmp/a; ls /tmp; exit 5"), status=5)
    expect("+++ killed by SIGKILL +++" in text, "no process was killed")
    expect(not re.search(r'"a"', text), "the folder was made")


def kill_by_path(run):
    _, text = run(["--policy", "kill:execve:path=*/forbidden"], *shell("/tmp/forbidden; exit 6"), status=6)
    expect("killed by SIGKILL" in text, text[-400:])


def first_rule_decides_by_path(run):
    """What stands behind rules with a pattern waits for what the call consumes; each text is decided on its own."""
    rules = ["--policy", "allow:open,openat,rename,renameat2:path=/tmp/*", "--policy", "deny=ENOSPC:open,openat,rename,renameat2,utimensat"]
    out, text = run(rules, *shell("echo x >/tmp/a; mv /tmp/a /tmp/b; mv /tmp/b /etc/c; cat /etc/group; echo /tmp/*; >/etc/d; touch -c /tmp/b; :"))
    expect(out == "/tmp/b\n", out + text[-300:])
    expect(re.search(r'rename\w*\(.*"/tmp/b", .*"/etc/c".*\) = -1 ENOSPC .*\(rule 2: deny ENOSPC\)', text), "the second path was to be denied")
    expect(re.search(r'open\w*\(.*"/etc/group".*\) = -1 ENOSPC', text), "what no pattern fits was to be denied")
    out, text = run(["--policy", "allow:utimensat:path=/tmp/*", "--policy", "deny=ENOSPC:utimensat"], *shell("touch /tmp/a; touch /tmp/a; :"))
    expect("utimensat" not in text or "= 0" in text, text[-300:])


def kill_and_end_by_path(run):
    _, text = run(["--policy", "allow:mkdir:path=/tmp/a", "--policy", "kill:mkdir:path=/tmp/b", "--policy", "end:mkdir"],
                  *shell("mkdir /tmp/a; mkdir /tmp/b; ls /tmp; mkdir /tmp/c; exit 5"), status=128 + 31)
    expect("killed by SIGKILL" in text and re.search(r'mkdir\("/tmp/b".*\(rule 2: kill\)', text), "one was to be killed: " + text[-500:])
    expect("is forbidden" in text, text[-400:])


def long_paths(run):
    """A path is judged whole, however long it is."""
    out, text = run(["--policy", "deny=EACCES:open,openat,stat,newfstatat,statx:path=*/forbidden"],
                    *shell("echo x >/tmp/forbidden; d=/tmp; for i in 1 2 3 4 5 6 7 8 9 10 11; do d=$d$(printf '/.%.0s' $(seq 160)); done; "
                           "cat $d/forbidden; cat $d/other; :"))
    expect(out == "" and text.count("= -1 EACCES") >= 2 and "forbidden'" not in out, text[-400:])


def end(run):
    _, text = run(["--policy", "end:mkdir"], *shell("mkdir /tmp/a; exit 5"), status=128 + 31)
    expect("is forbidden" in text, text[-400:])


def first_rule_decides(run):
    out, _ = run(["--policy", "allow:chmod && arg1==0x1c0", "--policy", "deny:chmod"],
                 *shell("chmod 700 /tmp && echo yes; chmod 755 /tmp || echo no"))
    expect(out == "yes\nno\n", out)


def a_mistake_is_told(run):
    for rule, word in ((["--policy", "forbid:mkdir"], "forbid"), (["--policy", "deny:nosuchcall"], "nosuchcall"),
                       (["--inject", "mkdir"], "inject"), (["--inject", "mkdir:error=EWHAT"], "EWHAT"),
                       (["--inject", "mkdir:poke_enter=@arg9=00"], "@arg"), (["--policy", "ask:mkdir:path=/x:path=/y"], "path="),
                       (["--policy", "deny:result<0"], "arguments"), (["--inject", "mkdir:signal=NOPE"], "NOPE")):
        text = run.refused(*rule)
        expect(word in text and text.count("\n") == 1, f"{rule}: {text}")


class Live:
    """A sandbox that runs with a control socket, and somebody who hears its questions."""

    def __init__(self, run, directory, rules, *program, options=(), stdin=subprocess.DEVNULL):
        self.run, self.path = run, os.path.join(directory, "control")
        self.box = subprocess.Popen([run.trapline, "run", "--machine", "bochs", "--timeout", "100", "--control", self.path, *options, *rules,
                                     "--", *program], stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        deadline = time.time() + 20
        while not os.path.exists(self.path) and time.time() < deadline:
            time.sleep(0.05)
        self.listener = subprocess.Popen([run.trapline, "control", self.path, "questions"], stdout=subprocess.PIPE)

    def say(self, *words, stdin=b"", status=0):
        done = subprocess.run([self.run.trapline, "control", self.path, *words], input=stdin, stderr=subprocess.PIPE, timeout=30)
        expect(done.returncode == status, f"{words}: status {done.returncode}: {done.stderr.decode()}")
        return done.stderr.decode()

    def question(self):
        line = self.listener.stdout.readline().decode()
        match = re.match(r"question (\d+) sandbox 0 \[\d+\] (.*)$", line)
        expect(match, f"no question: {line}")
        return match.groups()

    def over(self, ticket, how):
        line = self.listener.stdout.readline().decode()
        expect(line == f"over {ticket} sandbox 0 {how}\n", f"not '{how}': {line}")

    def order(self, word):
        self.box.stdin.write(word.encode() + b"\n")
        self.box.stdin.flush()

    def expect(self, line):
        said = self.box.stdout.readline().decode().strip()
        expect(said == line, f"'{said}', not '{line}'")

    def end(self, status):
        out, err = self.box.communicate(timeout=90)
        self.listener.wait(timeout=10)
        expect(self.box.returncode == status, f"status {self.box.returncode}, not {status}: {err.decode()[-300:]}")
        return out.decode(), err.decode()


def asked(run):
    with tempfile.TemporaryDirectory() as d:
        live = Live(run, d, ["--policy", "ask=30s:mkdir"], *shell("mkdir /tmp/a; mkdir /tmp/b; mkdir /tmp/c; ls /tmp"))
        for answer, path in (("allow", "/tmp/a"), ("deny=EROFS", "/tmp/b"), ("kill", "/tmp/c")):
            ticket, call = live.question()
            expect(call == f'mkdir("{path}", 0777)', call)
            live.say("answer", ticket, answer)
            live.over(ticket, {"deny=EROFS": "deny EROFS"}.get(answer, answer))
        live.say("answer", "999", "allow", status=1)
        out, err = live.end(0)
        expect(out == "a\n" and "Read-only file system" in err, out + err)


def asked_in_vain(run):
    out, err = run(["--policy", "ask=200ms:mkdir"], *shell("mkdir /tmp/a; ls /tmp"))
    expect(out == "" and "nobody listens" in err and "EPERM" in err, out + err[-300:])


def compiled(directory, name):
    program = os.path.join(directory, name)
    subprocess.run(["gcc", "-O2", "-static", "-o", program, os.path.join(TOP, "tests", "run", name + ".c")], check=True)
    return program


def asked_by_path(run):
    """
    A call waits inside the sandbox until somebody has said what is to become of it; meanwhile everything else goes on, the path in the
    program's memory changes, signals come, rules change, and the task that waits dies.  Then the same with more CPUs.
    """
    with tempfile.TemporaryDirectory() as d:
        program = compiled(d, "policy_paths")
        for cpus in ("1", "4"):
            asked_by_path_with(run, d, program, cpus)


def asked_by_path_with(run, directory, program, cpus):
    log = os.path.join(directory, "log")
    rules = ["--policy", "ask=80s:openat,rename:path=/tmp/asked", "--policy", "ask=80s:connect:address=unix:/tmp/*",
             "--policy", "ask=80s:rename:path=/tmp/b:arg=2", "--policy", "allow:sendmsg:address=unix:*", "--policy", "deny=EACCES:sendmsg"]
    live = Live(run, directory, rules, program, options=["--cpus", cpus, "--trace-binary", log], stdin=subprocess.PIPE)

    def asked_about(word, call):
        live.order(word)
        ticket, said = live.question()
        expect(said == call + " (consumed)", said)
        return ticket

    def answer(ticket, verdict, shown, line):
        live.say("answer", ticket, verdict)
        live.over(ticket, shown)
        live.expect(line)

    opening = 'openat(AT_FDCWD, "/tmp/asked", O_RDONLY)'
    ticket = asked_about("open", opening)
    for word in ("ping", "flip", "signal"): # all of it while the call waits
        live.order(word)
        live.expect(word + ": good")
    live.say("rules", stdin="".join(f"policy {r}\n" for r in ["deny=EIO:openat:path=/tmp/other", *rules[1::2]]).encode())
    answer(ticket, "allow", "allow", "open: /tmp/asked, handled")
    live.order("open") # the rules of now
    live.expect("open: EIO, handled")
    live.order("send")
    live.expect("send: EACCES, handled")
    ticket = asked_about("connect", 'connect(4, {sa_family=AF_UNIX, sun_path="/tmp/other"}, 110)')
    answer(ticket, "deny=ENETDOWN", "deny ENETDOWN", "connect: ENETDOWN, handled")
    ticket = asked_about("connect", 'connect(4, {sa_family=AF_UNIX, sun_path="/tmp/other"}, 110)')
    answer(ticket, "allow", "allow", "connect: ECONNREFUSED, handled")
    ticket = asked_about("both", 'rename("/tmp/other", "/tmp/b")')
    live.order("kill")
    live.expect("kill: good")
    live.over(ticket, "withdrawn")
    live.say("answer", ticket, "allow", status=1)
    live.box.stdin.close()
    live.box.stdin = None
    live.end(0)
    text = subprocess.run([run.trapline, "trace", log], stdout=subprocess.PIPE, check=True).stdout.decode()
    for wanted in (r'openat.*\) += 4 \(rule 1, question \d+: allow\)', r'openat.*"/tmp/other".*\) += -1 EIO .*\(rule 1: deny EIO\)',
                   r'connect.* ENETDOWN .*\(rule 3, question \d+: deny ENETDOWN\)', r'sendmsg.* EACCES .*\(rule 6: deny EACCES\)',
                   r'rename.*\) += \? \(rule 4, question \d+: withdrawn\)'):
        expect(re.search(wanted, text), f"not in the trace: {wanted}\n" + "\n".join(l for l in text.split("\n") if "rule" in l))


def asked_by_path_in_vain(run):
    out, err = run(["--policy", "ask=200ms:mkdir:path=/tmp/a"], *shell("mkdir /tmp/b /tmp/a; ls /tmp"))
    expect(out == "b\n" and "nobody listens" in err and "EPERM (Operation not permitted) (rule 1, question 1: deny EPERM (no answer in time))" in err,
           out + err[-300:])


def changed_live(run):
    script = "until [ -e /tmp/a ]; do mkdir /tmp/a 2>/dev/null; sleep 0.1; done; while mkdir /tmp/b 2>/dev/null; do rmdir /tmp/b; sleep 0.1; done; echo done"
    with tempfile.TemporaryDirectory() as d:
        live = Live(run, d, ["--policy", "deny:mkdir"], *shell(script))
        time.sleep(0.5)
        live.say("rules", stdin=b"# nothing is forbidden any more\n")
        time.sleep(0.5)
        live.say("rules", stdin=b"policy deny=ENOSPC:mkdir,mkdirat\ninject getpid:retval=1\n")
        out, _ = live.end(0)
        expect(out == "done\n", out)


def mistakes_live(run):
    with tempfile.TemporaryDirectory() as d:
        live = Live(run, d, [], *shell("sleep 2"))
        expect("forbid" in live.say("rules", stdin=b"policy forbid:mkdir\n", status=1), "the mistake was not named")
        expect("nosuch" in live.say("rules", "nosuch", stdin=b"", status=1), "the sandbox was not named")
        expect("none of" in live.say("whatever", status=1), "the command was not named")
        live.say("trap", "off")
        live.say("trap", "on")
        live.end(0)


def three_verbs_live_under_load(run):
    """connect denied, ptrace killed, execve asked about: changed while the program does all three without a pause."""
    with tempfile.TemporaryDirectory() as d:
        program = compiled(d, "policy_load")
        path = os.path.join(d, "control")
        box = subprocess.Popen([run.trapline, "run", "--machine", "bochs", "--timeout", "100", "--stats", "--control", path, "--", program],
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

        def until(wanted):
            """Read what the program says until the line comes."""
            for line in iter(box.stdout.readline, b""):
                if line.decode().strip() == wanted:
                    return
            raise Failed(f"'{wanted}' did not come")

        def say(text):
            done = subprocess.run([run.trapline, "control", path, "rules"], input=text.encode(), stderr=subprocess.PIPE, timeout=60)
            expect(done.returncode == 0, done.stderr.decode())

        until("connect ENOENT, ptrace 0, execve 0")
        say("policy deny=EACCES:connect\n")
        until("connect EACCES, ptrace 0, execve 0")
        say("policy kill:ptrace\npolicy deny=EPERM:connect\n")
        until("connect EPERM, ptrace SIGKILL, execve 0")
        say("policy ask=8s:execve\n")
        listener = subprocess.Popen([run.trapline, "control", path, "questions"], stdout=subprocess.PIPE)
        answers, asked = [], set()

        def answer_all():
            """Each question with the latest answer: the rules may have changed in the middle of the program's three calls."""
            for line in iter(listener.stdout.readline, b""):
                if line.startswith(b"question "):
                    asked.add("execve(" in line.decode())
                    subprocess.run([run.trapline, "control", path, "answer", line.split()[1], answers[-1]], timeout=60, stderr=subprocess.DEVNULL)

        for answer, wanted in (("deny=ENOEXEC", "connect ENOENT, ptrace 0, execve ENOEXEC"), ("allow", "connect ENOENT, ptrace 0, execve 0"),
                               ("kill", "connect ENOENT, ptrace 0, execve SIGKILL")):
            answers.append(answer)
            if len(answers) == 1:
                threading.Thread(target=answer_all, daemon=True).start()
            until(wanted)
        expect(asked == {True}, "only execve was to be asked about")
        say("inject getppid:retval=4711\n")
        until("end")
        box.wait(timeout=60)
        listener.kill()
        complete = re.search(r"^complete (\d+) (\d+) (\d+)$", box.stderr.read().decode(), re.M)
        expect(box.returncode == 0 and int(complete[1]) == int(complete[2]) + int(complete[3]), f"{box.returncode} {complete[0]}")


CASES = [error, fault_is_enosys, retval, signal, signal_with_error, delays, poke_enter, poke_exit, when, arguments,
         path_by_what_is_consumed, kill, kill_by_path, kill_and_end_by_path, long_paths, end, first_rule_decides, first_rule_decides_by_path, a_mistake_is_told, asked, asked_in_vain, asked_by_path,
         asked_by_path_in_vain, changed_live, mistakes_live, three_verbs_live_under_load]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default=os.path.join(TOP, "build"))
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    run, passed, failed = Runner(os.path.abspath(options.build)), 0, 0
    for case in CASES:
        if options.names and case.__name__ not in options.names:
            continue
        started = time.time()
        try:
            case(run)
            passed += 1
            print(f"ok   {case.__name__} ({time.time() - started:.1f} s)", flush=True)
        except (Failed, subprocess.TimeoutExpired) as wrong:
            failed += 1
            print(f"     {case.__name__}: {wrong}\nFAIL {case.__name__}", flush=True)
    print(f"tests/run/policy: {passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
