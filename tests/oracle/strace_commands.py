#!/usr/bin/env python3
"""Compare our trace with `strace -f -y` for a list of command lines: coreutils, bash, python3, git, sqlite3, gcc, perl.

usage: strace_commands.py [--machine M] [--quick] [--show] [--least PERCENT] [NAME...]

Each runs in a sandbox, traced, and under strace in a chroot of the very same tree.  Lines of calls are compared process by
process as in strace_compare.py; counted are those after start-up (from the end of dynamic loading on).  What is known to differ, and
why, stands in strace_commands.known; all else that differs is printed.  Exit status: 0 at least PERCENT (99) of the lines are equal.
"""
import argparse
import difflib
import os
import re
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import strace_compare as compare  # noqa: E402

PYTHON = ["/usr/lib/python3.11/encodings", "/usr/lib/python3.11/collections", "/usr/lib/python3.11/json", "/usr/lib/python3.11/re",
          "/usr/lib/python3.11/importlib", "/usr/lib/python3.11/lib-dynload"] + [
          f"/usr/lib/python3.11/{name}.py" for name in ("abc", "codecs", "io", "os", "site", "stat", "posixpath", "genericpath", "_collections_abc",
          "_sitebuiltins", "warnings", "keyword", "operator", "reprlib", "functools", "types", "enum", "copyreg", "tempfile", "shutil", "fnmatch",
          "random", "bisect", "weakref", "_weakrefset", "hashlib", "subprocess", "signal", "threading", "selectors", "contextlib", "locale",
          "traceback", "linecache", "tokenize", "token", "textwrap", "string", "struct", "socket", "bz2", "lzma", "_compression")]
PERL = ["/usr/lib/x86_64-linux-gnu/perl-base"]
GCC = ["/usr/bin/as", "/usr/bin/ld", "/usr/bin/ld.bfd", "/usr/lib/gcc/x86_64-linux-gnu/12", "/usr/lib/x86_64-linux-gnu/crt1.o",
       "/usr/lib/x86_64-linux-gnu/crti.o", "/usr/lib/x86_64-linux-gnu/crtn.o", "/usr/lib/x86_64-linux-gnu/libc.so",
       "/usr/lib/x86_64-linux-gnu/libc_nonshared.a", "/usr/lib/x86_64-linux-gnu/libc.so.6", "/lib64/ld-linux-x86-64.so.2"]


def bash(script, *programs):
    return ["/bin/bash", "-c", script], [f"/usr/bin/{p}" for p in programs]


# name: (command, what else is packed); the first ones are quick.
COMMANDS = {
    "true": (["/usr/bin/true"], []),
    "cat": (["/usr/bin/cat", "/etc/debian_version"], ["/etc/debian_version"]),
    "bash_files": bash("cd /tmp; echo a > f; cat f f > g; mv g h; ln -s h l; cat l; rm f; cat < h", "cat", "mv", "ln", "rm"),
    "ls": (["/usr/bin/ls", "-la", "/usr"], []),
    "cp": bash("cd /tmp; seq 10000 > a; cp a b; cmp a b; cp -r /tmp /tmp2 2>/dev/null; stat -c %s b", "seq", "cp", "cmp", "stat"),
    "sort": bash("seq 100 | sort -r | head -5 | tr 0-9 a-j", "seq", "sort", "head", "tr"),
    "wc": bash("seq 1000 | tee /tmp/x | wc; wc -l < /tmp/x", "seq", "tee", "wc"),
    "mkdir": bash("mkdir -p /tmp/a/b/c; touch /tmp/a/b/c/d; ls -R /tmp/a; rmdir /tmp/a 2>/dev/null; rm -r /tmp/a", "mkdir", "touch", "ls", "rmdir", "rm"),
    "chmod": bash("umask 022; echo x > /tmp/x; chmod 600 /tmp/x; chown 1:1 /tmp/x; ls -ln --time-style=+ /tmp/x", "chmod", "chown", "ls"),
    "find": (["/usr/bin/find", "/usr", "-name", "*.so*", "-newer", "/usr/bin/find"], []),
    "grep": bash("seq 1000 | grep -c 7; grep -r root /etc", "seq", "grep"),
    "sed": bash("seq 10 | sed -n '3,5p'; echo hello > /tmp/s; sed -i s/hello/bye/ /tmp/s; cat /tmp/s", "seq", "sed", "cat"),
    "dd": bash("dd if=/dev/zero of=/tmp/z bs=4096 count=20 2>/dev/null; dd if=/tmp/z bs=1k skip=70 2>/dev/null | od -c | head -2", "dd", "od", "head"),
    "sleep": bash("sleep 0.1; timeout 0.2 sleep 10; echo $?", "sleep", "timeout"),
    "bash_loop": bash("for i in 1 2 3; do (echo $i) | cat; done; f() { local x=$1; echo $((x * 2)); }; f 21; wait", "cat"),
    "bash_jobs": bash("sleep 0.1 & p=$!; kill -TERM $p; wait $p; echo $?; trap 'echo usr1' USR1; kill -USR1 $$; trap 'echo bye' EXIT", "sleep"),
    "bash_redirect": bash("exec 3>/tmp/o; echo x >&3; exec 3>&-; read y </tmp/o; echo $y; cat <<E\nhere\nE\ncat <(echo sub) 2>&1 | head -c 3", "cat", "head"),
    "bash_errors": bash("cat /no/such; cd /nowhere; /tmp; nosuchcommand; test -e /etc; exit 7", "cat"),
    "env": (["/usr/bin/env", "A=1", "sh", "-c", "echo $A; id -u; uname -s; pwd"], ["/bin/sh", "/usr/bin/id", "/usr/bin/uname"]),
    "tar": bash("cd /tmp; mkdir d; seq 50 > d/x; tar --mtime=@0 -cf d.tar d; rm -r d; tar xf d.tar; tar tvf d.tar | wc -l; gzip -n d.tar; gzip -dc d.tar.gz | head -c 10 | od -c", "mkdir", "seq", "tar", "rm", "wc", "gzip", "head", "od"),
    "perl": (["/usr/bin/perl", "-e", "open(my $f, '>', '/tmp/p') or die; print $f \"$_\\n\" for 1..10; close $f; print -s '/tmp/p', \"\\n\"; print `echo hi`; unlink '/tmp/p'"], PERL + ["/bin/sh"]),
    "perl_fork": (["/usr/bin/perl", "-e", "pipe(R,W); if(!fork){close R; print W 'x' x 100; exit 3} close W; read(R,$b,200); wait; print length($b), ' ', $?>>8, \"\\n\"; $SIG{ALRM}=sub{print \"alarm\\n\"}; alarm 1; sleep 3"], PERL),
    "python": (["/usr/bin/python3", "-BS", "-c", "import os; os.mkdir('/tmp/d'); open('/tmp/d/x','w').write('hello'); print(os.listdir('/tmp/d'), os.stat('/tmp/d/x').st_size); os.rename('/tmp/d/x','/tmp/y'); os.rmdir('/tmp/d')"], PYTHON),
    "python_json": (["/usr/bin/python3", "-B", "-c", "import json,sys; json.dump({'a':[1,2,3]}, sys.stdout); print()"], PYTHON),
    "python_fork": (["/usr/bin/python3", "-BS", "-c", "import os\nr,w=os.pipe()\npid=os.fork()\nif pid==0:\n os.write(w,b'child'); os._exit(5)\nprint(os.read(r,10), os.WEXITSTATUS(os.waitpid(pid,0)[1]))\nos.execv('/bin/sh',['sh','-c','echo exec'])"], PYTHON + ["/bin/sh"]),
    "git_init": bash("cd /tmp; git init -q r; cd r; git config user.email a@b; git config user.name n; echo x > f; git add f; git status --short", "git"),
    "git_commit": bash("export GIT_AUTHOR_DATE='2000-01-01 00:00' GIT_COMMITTER_DATE='2000-01-01 00:00'; cd /tmp; git init -q r; cd r; git config user.email a@b; git config user.name n; echo x > f; git add f; git commit -qm one; git log --oneline; git show --stat HEAD; git cat-file -p HEAD^{tree}", "git"),
    "sqlite": (["/usr/bin/sqlite3", "/tmp/db", "create table t(a,b); insert into t values(1,'x'),(2,'y'); select count(*),sum(a) from t; delete from t where a=1; select * from t;"], []),
    "sqlite_wal": (["/usr/bin/sqlite3", "/tmp/db", "pragma journal_mode=wal; create table t(a); begin; insert into t values(1); commit; select * from t; pragma integrity_check;"], []),
    "gcc_asm": bash("cd /tmp; echo 'int f(int x){return x+1;}' > a.c; gcc -O1 -S a.c; grep -c ret a.s", "gcc", "grep"),
    "gcc_link": bash("cd /tmp; printf '.globl main\\nmain: mov $3,%%eax\\nret\\n' > a.s; gcc -o a a.s; ./a; echo $?", "gcc"),
}
COMMANDS["gcc_asm"][1].append("/usr/lib/gcc/x86_64-linux-gnu/12/cc1")
COMMANDS["gcc_link"][1].extend(GCC)
QUICK = ("true", "cat", "bash_files", "bash_redirect")


def known():
    """[(command or *, pattern, reason)] of strace_commands.known."""
    rows = []
    with open(os.path.join(compare.HERE, "strace_commands.known"), encoding="ascii") as f:
        for line in f:
            if line.strip() and not line.startswith("#"):
                name, pattern, reason = line.rstrip("\n").split("\t")
                rows.append((name, re.compile(pattern), reason))
    return rows


def mask_random(line):
    """Names that programs choose at random, and what git keeps of times and inodes."""
    line = re.sub(r"(/tmp/(?:sed|tmp|cc)|tmp_obj_|\.git/t)[A-Za-z0-9_]{6}(?=[\"> .,])", r"\1RANDOM", line)
    if "</tmp/db-" in line:  # sqlite's journals begin with random numbers, and checksums begin with them
        line = re.sub(r'^(pwrite64\(.*?>, )"(?:\\.|[^"])*"', r"\1RANDOM", line)
    if line.startswith("getrusage("):
        line = re.sub(r"tv_(sec|usec)=\d+", r"tv_\1=TIME", line)
    return re.sub(r'(</tmp/r/\.git/index(?:\.lock)?>, )"(?:\\.|[^"])*"', r"\1INDEX", line)


def after_start(lines):
    """The lines after dynamic loading: what the loader does depends on addresses and the CPU."""
    for i in range(len(lines) - 1, -1, -1):
        if lines[i].startswith("execve(") and lines[i].endswith("= 0"):
            break
    else:
        i = -1
    starts = [k for k in range(len(lines)) if lines[k].startswith("execve(") and lines[k].endswith("= 0")]
    kept, at = [], 0
    for k in [0] + starts if not starts or starts[0] != 0 else starts:
        end = next((s for s in starts if s > k), len(lines))
        part = lines[k:end]
        cut = next((j for j, line in enumerate(part) if line.startswith("munmap(") and any("ld.so.cache" in x for x in part[:j])), -1)
        kept += part[cut + 1:] if k in starts or k == 0 else part
        at = end
    return kept + lines[at:]


def split_reaped(lines):
    """(all other lines, what a shell learns of children that ended), this sorted: when it asks and who ends first is a matter of time."""
    asked = [line for line in lines if line.startswith("wait4(-1,")]
    ended = [re.match(r"wait4\(-1, (\[.*\]), .*\) = P\d+$", line) for line in asked]
    reaped = sorted("ended: " + match.group(1) for match in ended if match)
    return [line for line in lines if line not in asked], reaped


def compare_one(options, name, reasons):
    """(lines of strace's, of them equal, of them different for a known reason)"""
    command, add = COMMANDS[name]
    with tempfile.TemporaryDirectory() as directory:
        ours, root, our_output = compare.run_ours(options, command, directory, ["-y", "--timeout", "300"], add)
        theirs, their_output = compare.run_strace(command, directory, root, ["-y"])
    ours, theirs = compare.by_process(ours, False), compare.by_process(theirs, True)
    total = equal = excused = 0
    for process in ours + theirs:
        process[:] = [mask_random(line) for line in process]
    for number in range(max(len(ours), len(theirs))):
        a = after_start(theirs[number]) if number < len(theirs) else []
        b = after_start(ours[number]) if number < len(ours) else []
        a, b = compare.split_asynchronous(a)[0], compare.split_asynchronous(b)[0]
        (a, a_reaped), (b, b_reaped) = split_reaped(a), split_reaped(b)
        a, b = a + a_reaped, b + b_reaped
        total += len(a)
        matcher = difflib.SequenceMatcher(None, a, b, autojunk=False)
        for tag, i1, i2, j1, j2 in matcher.get_opcodes():
            if tag == "equal":
                equal += i2 - i1
                continue
            pairs = [("-", line) for line in a[i1:i2]] + [("+", line) for line in b[j1:j2]]
            for sign, line in pairs:
                why = next((reason for who, pattern, reason in reasons if who in ("*", name) and pattern.search(line)), None)
                excused += sign == "-" and why is not None
                if options.show or why is None:
                    print(f"  {sign} {line[:220]}" + (f"    [{why}]" if why else ""))
    if our_output != their_output:
        print(f"  output differs: {their_output[-200:]!r} and {our_output[-200:]!r}")
    return total, equal, excused


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--machine", default="bochs")
    parser.add_argument("--quick", action="store_true", help=", ".join(QUICK))
    parser.add_argument("--show", action="store_true", help="print what differs for a known reason too")
    parser.add_argument("--least", type=float, default=99.0)
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    reasons = known()
    all_lines = all_equal = all_excused = 0
    for name in options.names or (QUICK if options.quick else COMMANDS):
        total, equal, excused = compare_one(options, name, reasons)
        all_lines, all_equal, all_excused = all_lines + total, all_equal + equal, all_excused + excused
        print(f"{name}: {total} lines, {equal} equal ({100 * equal / max(total, 1):.1f} %), {excused} differ for a known reason", flush=True)
    percent = 100 * all_equal / max(all_lines, 1)
    print(f"{all_lines} lines, {all_equal} equal ({percent:.2f} %), {all_excused} differ for a known reason, "
          f"{all_lines - all_equal - all_excused} for none")
    return 0 if percent >= options.least else 1


if __name__ == "__main__":
    sys.exit(main())
