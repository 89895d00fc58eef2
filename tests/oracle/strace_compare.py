#!/usr/bin/env python3
"""Compare our trace with strace's: the same program, in a chroot of the very tree that the sandbox gets.

usage: strace_compare.py [--machine M] [--show] -- PROGRAM [ARG...]

Runs `tools/run --trace-out` and `strace -f` (in a private mount namespace: the packed root unpacked on a tmpfs, /proc
mounted, the same environment), splits both by process in order of creation, masks what may differ (addresses, pids,
times, random bytes, inode numbers) and compares call by call.  Exit status: 0 equal, 1 different, 125 could not run.
"""
import argparse
import difflib
import os
import re
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "TERM": "dumb"}

# The two calls that start a program under strace are strace's own, not the program's.
START = re.compile(r"^execve\(")


def run_ours(options, program, directory, more=(), add=()):
    trace, root = os.path.join(directory, "ours.trace"), os.path.join(directory, "root.cpio")
    command = [os.path.join(TOP, "tools", "run"), "--machine", options.machine, "--plain", "--trace-out", trace, "--save-root", root]
    command += [word for k, v in ENVIRONMENT.items() for word in ("--env", f"{k}={v}")]
    command += list(more) + [word for path in add for word in ("--add", path)]
    done = subprocess.run(command + ["--"] + program, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=330)
    if not os.path.exists(trace):
        sys.exit(f"strace_compare: no trace was written: {done.stderr.decode(errors='replace')}")
    return open(trace, errors="replace").read().splitlines(), root, done.stdout


def wait_for_end(out):
    """With -D the program is our child, leader of its group as process 1 of a sandbox is; strace may write on for a moment."""
    before, since = -1, time.time()
    while time.time() - since < 0.5:
        size = os.path.getsize(out) if os.path.exists(out) else 0
        if size != before:
            before, since = size, time.time()
        time.sleep(0.05)


def run_strace(program, directory, root, more=()):
    out = os.path.join(directory, "strace.out")
    tree = os.path.join(directory, "tree")
    os.mkdir(tree)
    script = ('set -e; hostname trapline; mount -t tmpfs -o mode=755 none "$1"; (cd "$1" && cpio -idm --quiet < "$2" && rm -f .trapline.init);'
              ' mount -t proc none "$1/proc"; mount --bind /dev "$1/dev"; tree=$1; out=$3; shift 3;'
              ' exec prlimit --nofile=1024:4096 strace -D -f '
              + " ".join(more) + ' -o "$out" -E PATH="$PATH" -E HOME="$HOME" -E TERM="$TERM" -E PWD chroot "$tree" "$@"')
    done = subprocess.run(["unshare", "-m", "-u", "sh", "-c", script, "sh", tree, root, out] + program,
                          env=ENVIRONMENT, input=b"", stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120, start_new_session=True)
    wait_for_end(out)
    if not os.path.exists(out):
        sys.exit(f"strace_compare: strace did not run: {done.stderr.decode(errors='replace')}")
    # What descriptors are strace sees from outside of the chroot.
    text = open(out, errors="replace").read().replace(f"<{tree}>", "</>").replace(f"<{tree}/", "</")
    return text.splitlines(), done.stdout


def join_resumed(lines):
    """Yield (pid, text) with `<unfinished ...>` and `<... resumed>` halves joined, in order of completion."""
    open_calls = {}
    for line in lines:
        match = re.match(r"^(?:\[pid\s+(\d+)\]|\[(\d+)\]|(\d+))\s+(.*)$", line)
        if not match:
            continue
        pid = next(g for g in match.groups()[:3] if g)
        text = match.group(4)
        if text.endswith("<unfinished ...>"):
            open_calls[pid] = text[:-len(" <unfinished ...>")]
            continue
        resumed = re.match(r"^<\.\.\. \w+ resumed>(.*)$", text)
        if resumed and pid in open_calls:
            text = open_calls.pop(pid) + resumed.group(1)
        yield pid, text


def mask(text, numbers):
    text = re.sub(r"\s+<\d+\.\d+>$", "", text)
    text = re.sub(r"\)\s+=\s", ") = ", text.replace(" <unfinished ...>)", ")"))
    text = re.sub(r"getrandom\(\"[^\"]*\"", 'getrandom("RANDOM"', text)
    text = re.sub(r"0x[0-9a-f]{4,}", "ADDR", text)
    text = re.sub(r"</proc/\d+", "</proc/P", text)
    text = re.sub(r"\[f_type=[^]]*\]|{f_type=(\w+), [^}]*}}?[^}]*}", r"{f_type=\1, SIZES}", text)
    text = re.sub(r"^(clock_nanosleep\(.*, ){tv_sec=\d+, tv_nsec=\d+}\)", r"\1LEFT)", text)
    text = re.sub(r"{tv_sec=\d+, tv_nsec=\d+} /\* [^*]* \*/", "DATE", text)
    text = re.sub(r'^(read\(\d+</dev/urandom>, )"(?:\\.|[^"])*"', r"\1RANDOM", text)
    text = re.sub(r'^(read\(\d+</proc/P/maps>, )"(?:\\.|[^"])*"(?:\.\.\.)?, \d+\)( = )\d+', r"\1MAPS)\2N", text)
    text = re.sub(r"^(sched_getaffinity\(.*\[).*\]\) = \d+", r"\1CPUS])", text)
    text = re.sub(r"<(pipe|socket):\[\d+\]>", r"<\1:[N]>", text)  # -y: inodes
    text = re.sub(r"st_ino=\d+|socket:\[\d+\]", "st_ino=N", text)
    text = re.sub(r"pid=\d+(, uid)", r"pid=P\1", text)
    text = re.sub(r"cmsg_data={tv_sec=[^}]*}", "cmsg_data=T", text)
    text = re.sub(r"(left {tv_sec=\d+, tv_nsec=)\d+", r"\1N", text)
    text = re.sub(r'(sun_path=@")[0-9a-f]{5}"', r'\1AUTO"', text)  # a name that bind(2) chose
    text = re.sub(r"si_[us]time=\d+(?: /\* [\d.]+ s \*/)?", "si_time=T", text)
    text = re.sub(r"^sysinfo\({.*}\)", "sysinfo(MACHINE)", text)
    def number(match):
        return match.group(1) + "P" + str(numbers.get(match.group(2), "?"))

    text = re.sub(r'^(newfstatat\(AT_FDCWD, "/dev", .*st_size=)\d+', r"\1N", text)  # the host's /dev is larger
    text = re.sub(r"^(rt_sigreturn\(.*\) = )\d+$", r"\1N", text)  # the register that the signal interrupted
    # Where a process id stands: results, then arguments.
    text = re.sub(r"^((?:getp?pid|gettid|getpgrp|getpgid|getsid|setsid|fork|vfork|clone3?|wait4|set_tid_address)\(.*\) = )(\d+)$",
                  number, text)
    text = re.sub(r"(si_pid=|^kill\(|^tgkill\(|^tkill\(|^setpgid\(|^getpgid\(|^getsid\(|^wait4\(|TIOC[GS]PGRP, \[)(\d+)", number, text)
    return text


def number_processes(pairs):
    """{pid: number}: a process's children in the order of its forks, whoever of them runs first."""
    children, order = {}, []
    for pid, text in pairs:
        match = re.match(r"^(?:fork|vfork|clone3?)\(.*\)\s+= (\d+)", text)
        if match:
            children.setdefault(pid, []).append(match.group(1))

    def add(pid):
        if pid not in order:
            order.append(pid)
            for child in children.get(pid, []):
                add(child)
    for pid, _ in pairs:
        add(pid)
    seen = {pid for pid, _ in pairs}
    return {pid: number for number, pid in enumerate(p for p in order if p in seen)}


def by_process(lines, is_strace):
    """Lists of masked lines, one per process."""
    pairs = list(join_resumed(lines))
    numbers = number_processes(pairs)
    processes = [[] for _ in numbers]
    started = not is_strace
    for pid, text in pairs:
        if is_strace and numbers[pid] == 0 and not started:
            # chroot(8) runs first in the traced process; the program starts at its own execve.
            if START.match(text) and text.rstrip().endswith("= 0") and "/chroot" not in text:
                started = True
            continue
        processes[numbers[pid]].append(mask(text, numbers))
    return processes


def split_asynchronous(lines):
    """Calls in order, and apart from them the signals from outside with their returns: when one comes is a matter of time."""
    calls, signals, handlers = [], [], 0
    for line in lines:
        if line.startswith("--- SIGCHLD"):
            signals.append(line)
            handlers += 1
        elif line.startswith("rt_sigreturn") and handlers:
            handlers -= 1
        else:
            calls.append(line)
    return calls, signals


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--machine", default="bochs")
    parser.add_argument("--show", action="store_true", help="print both traces, masked")
    parser.add_argument("program", nargs="+")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        ours, root, our_output = run_ours(options, options.program, directory)
        theirs, their_output = run_strace(options.program, directory, root)
    ours, theirs = by_process(ours, False), by_process(theirs, True)
    different = 0
    for number in range(max(len(ours), len(theirs))):
        a = theirs[number] if number < len(theirs) else []
        b = ours[number] if number < len(ours) else []
        if options.show:
            print(f"== process {number}: strace", *a, "== ours", *b, sep="\n")
        (a, a_signals), (b, b_signals) = split_asynchronous(a), split_asynchronous(b)
        # Children that end before the parent runs again are announced once (signal(7)): fewer may come, not others.
        if bool(a_signals) != bool(b_signals) or not (set(a_signals) <= set(b_signals) or set(b_signals) <= set(a_signals)):
            different += 1
            print(f"process {number}: signals differ:", *a_signals, "and ours:", *b_signals, sep="\n    ")
        for line in difflib.unified_diff(a, b, f"strace, process {number}", f"trapline, process {number}", lineterm="", n=1):
            print(line)
        different += sum(1 for line in difflib.ndiff(a, b) if line[:2] in ("+ ", "- "))
    calls = sum(len(p) for p in theirs)
    same_output = our_output == their_output
    print(f"{calls} lines of {len(theirs)} processes, {different} differ; output {'equal' if same_output else 'differs'}")
    return 1 if different or len(ours) != len(theirs) or not same_output else 0


if __name__ == "__main__":
    sys.exit(main())
