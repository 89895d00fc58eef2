#!/usr/bin/env python3
"""Debian's strace and gdb inside a sandbox, beside the same commands on this machine's Linux; core files; ptrace and policy.

usage: debuggers.py [--build DIR] [--on WHERE[,WHERE...]] [--show] [NAME...]

All runs are in one tree (programs with their libraries), on Linux in a chroot of it with its own processes.  What strace
and gdb print must be equal but for addresses and numbers of tasks.  WHERE: qemu, bochs, bochs-direct.  Ends with a line
"N passed, M failed"; exit status 1 if one failed, 77 without strace or gdb.
"""
import argparse
import difflib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tests", "oracle"))
from strace_compare import split_asynchronous  # noqa: E402

PROGRAMS = ["/usr/bin/strace", "/usr/bin/gdb"]
# gdb's own scripts and as much of Python as it starts with.
GDB_DATA = "/usr/share/gdb/python"
PYTHON_FOLDERS = ["collections", "encodings", "importlib", "re", "json"]
PLACES = {
    "qemu": ["--machine", "qemu"],
    "bochs": ["--machine", "bochs"],
    "bochs-direct": ["--machine", "bochs", "--no-trap"],
}
TIMEOUT = 300

SUBJECT = r"""
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct pair { int number; const char *text; };
static int counter;
static struct pair pair = {7, "seven"};

static int factorial(int n)
{
    counter++;
    if (n <= 1)
        return 1;
    return n * factorial(n - 1);
}

static void *wait_for_end(void *arg)
{
    for (;;)
        pause();
    return arg;
}

static int crash(struct pair *p)
{
    return p->number + ((struct pair *)0)->number;
}

int main(int argc, char **argv)
{
    pthread_t t;

    if (argc > 1 && !strcmp(argv[1], "icebp")) {
        __asm__ volatile(".byte 0xf1");
        return 1;
    }
    if (argc > 1 && !strcmp(argv[1], "threads")) {
        pthread_create(&t, NULL, wait_for_end, NULL);
        usleep(50000);
    }
    if (argc > 1)
        return crash(&pair);
    printf("factorial %d\n", factorial(5));
    return 0;
}
"""

# Changes its child's getppid into getuid: what the policy says of that counts.
CHANGER = r"""
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void)
{
    struct user_regs_struct regs;
    pid_t pid = fork();

    if (!pid) {
        ptrace(PTRACE_TRACEME, 0, 0, 0);
        raise(SIGSTOP);
        long n = syscall(SYS_getppid);
        printf("result %ld errno %d\n", n, n == -1 ? errno : 0);
        return 0;
    }
    waitpid(pid, NULL, 0);
    do {
        ptrace(PTRACE_SYSCALL, pid, 0, 0);
        waitpid(pid, NULL, 0);
        ptrace(PTRACE_GETREGS, pid, 0, &regs);
    } while (regs.orig_rax != SYS_getppid);
    regs.orig_rax = SYS_getuid;
    ptrace(PTRACE_SETREGS, pid, 0, &regs);
    ptrace(PTRACE_CONT, pid, 0, 0);
    waitpid(pid, NULL, 0);
    return 0;
}
"""


def gdb(*commands, program="/subject", arguments=()):
    line = ["/usr/bin/gdb", "-nx", "-q", "-batch", "-iex", "set auto-load no", "-iex", "set libthread-db-search-path /lib/x86_64-linux-gnu"]
    for command in commands:
        line += ["-ex", command]
    return line + (["--args", program] + list(arguments) if arguments else [program])


def shell(script):
    return ["/bin/busybox", "sh", "-c", script]


# One child at a time: which of two in a pipeline ends first is a matter of time.
STRACE_TREE = shell("cd /tmp; strace -f -ff -o t busybox sh -c 'busybox true; (exit 3); echo $? >x; busybox cat x; rm x; kill -USR1 $$';"
                    " for i in $(ls t.* | sort -t. -k2 -n); do echo == ; cat $i; done; rm t.*")
GDB_WALK = gdb("break factorial if n == 3", "run", "bt", "print n", "print pair", "watch counter", "continue", "continue", "step", "finish",
               "up", "info locals", "delete", "continue")
GDB_CRASH = gdb("run", "bt", "print *p", "info threads", "kill", arguments=["crash"])
# Run inside and outside; the outputs are compared.
COMPARED = {
    "strace": (["/usr/bin/strace", "/bin/busybox", "true"], ["qemu", "bochs", "bochs-direct"]),
    "strace-tree": (STRACE_TREE, ["qemu", "bochs"]),
    "strace-dynamic": (["/usr/bin/strace", "-e", "trace=%file,%process,ptrace", "/subject"], ["qemu"]),
    "strace-strace": (["/usr/bin/strace", "-e", "trace=ptrace", "-o", "/dev/stdout", "/usr/bin/strace", "-o", "/dev/null", "/bin/busybox", "true"], ["qemu"]),
    "gdb-walk": (GDB_WALK, ["qemu", "bochs"]),
    "gdb-crash": (GDB_CRASH, ["qemu"]),
    "gdb-core": (shell("cd /tmp; ulimit -c unlimited; /subject threads; gdb -nx -q -batch -iex 'set auto-load no' -ex bt -ex 'print *p' -ex 'info registers rip'"
                       " -ex 'thread apply all bt 1' /subject core; rm core"), ["qemu"]),
}


def bring(tree, path):
    target = tree + path
    os.makedirs(os.path.dirname(target), exist_ok=True)
    shutil.copy(path, target)


def libraries(path):
    done = subprocess.run(["ldd", path], stdout=subprocess.PIPE, check=False)
    return re.findall(r"/\S+", done.stdout.decode())


def bring_program(tree, path):
    bring(tree, path)
    for library in libraries(path):
        bring(tree, library)


def bring_python(tree):
    version = re.search(r"libpython(3\.\d+)", "\n".join(libraries("/usr/bin/gdb")))
    if not version:
        return
    source = f"/usr/lib/python{version[1]}"
    os.makedirs(tree + source, exist_ok=True)
    for name in os.listdir(source):
        if name.endswith(".py"):
            shutil.copy(os.path.join(source, name), tree + source)
    for name in PYTHON_FOLDERS:
        if os.path.isdir(os.path.join(source, name)):
            shutil.copytree(os.path.join(source, name), os.path.join(tree + source, name), ignore=shutil.ignore_patterns("__pycache__"))


def compile_to(source, target, *flags):
    with tempfile.NamedTemporaryFile("w", suffix=".c") as f:
        f.write(source)
        f.flush()
        subprocess.run(["gcc", "-g", "-O0", *flags, "-o", target, f.name], check=True)


def pack(directory):
    tree = os.path.join(directory, "tree")
    for folder in ("proc", "dev", "tmp", "bin", "etc", "root"):
        os.makedirs(os.path.join(tree, folder))
    os.chmod(os.path.join(tree, "tmp"), 0o1777)
    bring(tree, "/bin/busybox")
    for name in ("sh", "cat", "rm", "true"):
        os.symlink("busybox", os.path.join(tree, "bin", name))
    for program in PROGRAMS:
        bring_program(tree, program)
    bring(tree, "/lib/x86_64-linux-gnu/libthread_db.so.1")
    bring_python(tree)
    shutil.copytree(GDB_DATA, tree + GDB_DATA, ignore=shutil.ignore_patterns("__pycache__"))
    compile_to(SUBJECT, os.path.join(tree, "subject"), "-pthread")
    for library in libraries(os.path.join(tree, "subject")):
        bring(tree, library)
    compile_to(CHANGER, os.path.join(tree, "changer"), "-static")
    return tree


ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/root", "PYTHONDONTWRITEBYTECODE": "1"}


def run_linux(tree, command):
    """In a chroot with its own mounts and processes."""
    script = ('mount -t proc none "$1/proc" && mount -t tmpfs -o mode=1777 none "$1/tmp" && mount --bind /dev "$1/dev" &&'
              ' tree=$1 && shift && exec chroot "$tree" "$@"')
    done = subprocess.run(["unshare", "-m", "-p", "-f", "sh", "-c", script, "sh", tree] + command, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=TIMEOUT,
                          env=dict(ENVIRONMENT, PATH="/usr/bin:/bin:/usr/sbin:/sbin"))
    return done.stdout.decode(errors="replace")


def run_sandbox(build, tree, place, command, *options, stderr=subprocess.STDOUT):
    words = []
    for name, value in ENVIRONMENT.items():
        words += ["--env", f"{name}={value}"]
    done = subprocess.run([os.path.join(build, "trapline"), "run", "--timeout", str(TIMEOUT), "--root", tree, "--memory", "512M",
                           *words, *PLACES[place], *options, "--"] + command, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=stderr, timeout=TIMEOUT + 20)
    return done


def plain(text):
    """Without what differs from run to run."""
    text = re.sub(r"0x[0-9a-f]+", "ADDRESS", text)
    text = re.sub(r'"(\\x[0-9a-f]{2})+"', "BYTES", text)
    text = re.sub(r"/\* \d+ vars \*/", "VARS", text)
    text = re.sub(r" += ", " = ", text)
    text = re.sub(r"rval=\d+", "rval=N", text)
    text = re.sub(r'nodename="[^"]*"', "NODENAME", text)
    text = re.sub(r"(PTRACE_GETEVENTMSG, .*)\[\d+\]", r"\1[N]", text)
    text = re.sub(r"(rt_sigreturn|set_tid_address|clone3?|v?fork|getpid|gettid|getppid|wait4|tgkill|tkill|kill|ptrace)\((.*)\) = \d+", r"\1(\2) = N", text)
    text = re.sub(r"(wait4|kill|tgkill|tkill)\((-?\d+)", r"\1(N", text)
    text = re.sub(r"(ptrace\(\w+), \d+", r"\1, N", text)
    text = re.sub(r"si_(pid|uid|utime|stime)=\d+(?: /\* [\d.]+ s \*/)?", r"si_\1=N", text)
    text = re.sub(r"(process|LWP|Thread|pid|Process) \d+", r"\1 N", text)
    # Levels of the CPU that the loader looks for; state of a newer CPU than this gdb knows.
    return [line.rstrip() for line in text.splitlines() if line.strip() and not re.search(r"glibc-hwcaps|reg-xstate", line)]


def without_moments(lines):
    """The lines of a shell's strace, those of SIGCHLD last: whether it comes before the wait, within or after it is a matter of time."""
    calls, signals = split_asynchronous([line.strip() for line in lines])
    # The shell asks for more children after a signal that came between two calls.
    return [line for line in calls if not re.search(r"wait4.*WNOHANG.*ECHILD", line)] + sorted(signals)


def compare(build, tree, name, place, show):
    command = COMPARED[name][0]
    expected = plain(run_linux(tree, command))
    got = plain(run_sandbox(build, tree, place, command).stdout.decode(errors="replace"))
    if name == "strace-tree":
        expected, got = without_moments(expected), without_moments(got)
    if show:
        print("\n".join("    " + line for line in got))
    if expected == got and len(got) > 3:
        return True
    for line in list(difflib.unified_diff(expected, got, "linux", place, "", "", 0, ""))[2:30]:
        print("        " + line)
    return False


def core_outside(build, tree, place, show):
    """A core file that a sandbox wrote is read by this machine's gdb."""
    script = "cd /tmp; ulimit -c unlimited; /subject threads >/dev/null 2>&1; cat core"
    done = run_sandbox(build, tree, place, shell(script), stderr=subprocess.DEVNULL)
    with tempfile.NamedTemporaryFile() as f:
        f.write(done.stdout)
        f.flush()
        out = subprocess.run(["gdb", "-nx", "-q", "-batch", "-iex", f"set sysroot {tree}", "-ex", "bt", "-ex", "print *p", "-ex", "info threads",
                              os.path.join(tree, "subject"), f.name], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    text = out.stdout.decode(errors="replace")
    if show:
        print(text)
    wanted = ["terminated with signal SIGSEGV", r"#0 .*crash \(p=", r"#1 .*main \(argc=2", r'number = 7, text = 0x\w+ "seven"', r"\* 1 ", r"  2 "]
    missing = [pattern for pattern in wanted if not re.search(pattern, text)]
    for pattern in missing:
        print(f"        gdb does not say {pattern}:\n{text[-1500:]}")
    return not missing


def expect_output(build, tree, place, command, pattern, *options):
    text = run_sandbox(build, tree, place, command, *options).stdout.decode(errors="replace")
    if re.search(pattern, text):
        return True
    print(f"        not {pattern}: {text[-600:]}")
    return False


CHECKS = {
    "core-outside": (core_outside, ["qemu"]),
    # QEMU's emulator does not know the instruction.
    "icebp": (lambda build, tree, place, show: expect_output(build, tree, place, shell("/subject icebp; echo status $?"), "status 133"),
              ["bochs", "bochs-direct"]),
    "changed-call": (lambda build, tree, place, show: expect_output(build, tree, place, ["/changer"], "result 0 errno 0"), ["qemu", "bochs"]),
    "changed-call-denied": (lambda build, tree, place, show:
                            expect_output(build, tree, place, ["/changer"], "result -1 errno 18", "--deny", "getuid=EXDEV"), ["bochs"]),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--build", default=os.path.join(TOP, "build"))
    parser.add_argument("--on", default="qemu,bochs,bochs-direct")
    parser.add_argument("--show", action="store_true")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    if not all(os.path.exists(program) for program in PROGRAMS):
        print("debuggers: there is no strace or no gdb here")
        return 77
    passed = failed = 0
    with tempfile.TemporaryDirectory() as directory:
        tree = pack(directory)
        for name in options.names or list(COMPARED) + list(CHECKS):
            places = (COMPARED if name in COMPARED else CHECKS)[name][1]
            for place in [p for p in options.on.split(",") if p in places]:
                started = time.time()
                if name in COMPARED:
                    good = compare(options.build, tree, name, place, options.show)
                else:
                    good = CHECKS[name][0](options.build, tree, place, options.show)
                passed, failed = passed + good, failed + (not good)
                print(f"{'ok  ' if good else 'FAIL'} {place}: {name} ({time.time() - started:.1f} s)", flush=True)
    print(f"debuggers: {passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
