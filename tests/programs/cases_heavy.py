"""Interpreters, compilers, virtual machines: on QEMU."""
from case import Case, bash

PYTHON = ["/usr/lib/python3.11", "/usr/lib/python3/dist-packages/[!_]*.py"]


def python(name, script, packages=(), add=(), arguments=(), **more):
    return Case(name, ["/usr/bin/python3", "-c", script, *arguments], ["python3", *packages], add=["/usr/lib/python3.*", *add], **more)


PERL = ["/usr/lib/x86_64-linux-gnu/perl-base", "/usr/share/perl/5.*", "/usr/lib/x86_64-linux-gnu/perl/5.*", "/etc/perl"]

Case("perl", ["/usr/bin/perl", "-e", r"""
use strict; use warnings; use POSIX qw(:sys_wait_h strftime); use Socket; use IO::Handle; use File::Temp qw(tempfile); use Time::HiRes qw(usleep time alarm);
use Digest::SHA qw(sha256_hex); use List::Util qw(sum shuffle); use Data::Dumper; use File::Find; use Storable qw(freeze thaw); use Fcntl qw(:flock);
$| = 1; $Data::Dumper::Sortkeys = 1; $Data::Dumper::Indent = 1;
my %h = (a => [1, 2, {b => 3}], c => sub { $_[0] * 2 }); print $h{c}->(21), " ", sum(map { $_ ** 2 } 1 .. 100), "\n"; delete $h{c}; print Dumper(\%h);
print sha256_hex("x" x 100000), "\n"; my $t = thaw(freeze(\%h)); print $t->{a}[2]{b}, "\n";
my ($fh, $name) = tempfile(); print $fh "line $_\n" for 1 .. 1000; close $fh; open(my $in, "<", $name) or die; my @lines = <$in>; print scalar(@lines), " $lines[-1]"; seek($in, 0, 0); read($in, my $buf, 6); print $buf;
flock($in, LOCK_EX | LOCK_NB) or print "no lock\n"; my $pid = fork(); if (!$pid) { open(my $again, "<", $name); print flock($again, LOCK_EX | LOCK_NB) ? "locked\n" : "busy\n"; exit 3 } waitpid($pid, 0); print $? >> 8, "\n";
socketpair(my $s1, my $s2, AF_UNIX, SOCK_STREAM, PF_UNSPEC) or die "socketpair: $!"; if (!fork()) { close $s1; my $l = <$s2>; print $s2 uc $l; exit 0 } close $s2; $s1->autoflush(1); print $s1 "hello socket\n"; print scalar <$s1>; wait;
$SIG{ALRM} = sub { die "alarm\n" }; eval { alarm(0.1); select(undef, undef, undef, 5); }; print "caught $@"; { local $SIG{CHLD} = sub { print "child gone\n" }; if (!fork()) { exit 0 } usleep(300000); wait; }
print `echo backtick; exit 2`, $? >> 8, "\n"; system("sh", "-c", "kill -9 \$\$"); print $? & 127, "\n"; open(my $p, "-|", "seq 3") or die; print <$p>; close $p; open(my $w, "|-", "cat") or die; print $w "to cat\n"; close $w;
pipe(my $r, my $x); if (!fork()) { close $r; syswrite($x, "y" x 200000); exit } close $x; my $total = 0; while (my $n = sysread($r, my $b, 65536)) { $total += $n } print "$total\n"; wait;
my $text = join " ", map { chr(97 + $_ % 26) x 3 } 0 .. 50; my $count = () = $text =~ /(\w)\1\1/g; print "$count\n"; (my $u = "stra\x{df}e") =~ tr/a-z/A-Z/; print length $u, "\n"; printf "%s %05.1f %b\n", strftime("%Y-%m-%d", gmtime(86400 * 365)), 3.14159, 10;
my @found; find(sub { push @found, $_ if -f && /^perl/ }, "/usr/bin"); print "@found\n"; mkdir "/tmp/d" or die; rename $name, "/tmp/d/f"; opendir(my $dh, "/tmp/d"); print join(",", grep { !/^\./ } readdir $dh), "\n"; print -s "/tmp/d/f", " ", (stat "/tmp/d/f")[2] & 07777, "\n"; die "the end\n";
"""], ["perl", "coreutils", "dash"], programs=["sh", "seq", "cat"], add=PERL, places=("qemu", "bochs"), quick_places=("qemu",), timeout=180)

python("python_basics", r"""
import sys, os, json, hashlib, tempfile, signal, time, subprocess, threading, sqlite3, struct, zlib, bz2, lzma, random, re, datetime, decimal, ctypes, mmap, array, shutil, pathlib, glob, csv, io, pickle, uuid, platform, resource, fcntl, select, errno, locale, collections, heapq, functools, itertools, math, statistics, fractions, base64, secrets, textwrap, argparse, logging, configparser, gzip, zipfile, tarfile, urllib.parse, html, http.client, email.message, xml.etree.ElementTree as ET
print(sys.version_info[:2], platform.system(), platform.machine(), os.getpid() > 0, sys.argv)
print(json.dumps({'a': [1, 2.5, None, True], 'b': {'c': 'd'}}, sort_keys=True)); print(hashlib.sha256(b'x' * 1000000).hexdigest(), hashlib.blake2b(b'y').hexdigest()[:16], hashlib.scrypt(b'p', salt=b's', n=16, r=8, p=1).hex()[:16])
with tempfile.TemporaryDirectory() as d:
    p = pathlib.Path(d); (p / 'a').write_text('hello\n' * 1000); (p / 'sub').mkdir(); shutil.copy(p / 'a', p / 'sub' / 'b'); print(sorted(x.name for x in p.rglob('*')), (p / 'a').stat().st_size)
    with open(p / 'a', 'r+b') as f, mmap.mmap(f.fileno(), 0) as m: m[0:5] = b'HELLO'; print(m[:12], m.find(b'hello')); m.flush()
    with zipfile.ZipFile(p / 'z.zip', 'w', zipfile.ZIP_DEFLATED) as z: z.write(p / 'a', 'a')
    with tarfile.open(p / 't.tar.xz', 'w:xz') as t: t.add(p / 'sub', 'sub')
    print(zipfile.ZipFile(p / 'z.zip').namelist(), tarfile.open(p / 't.tar.xz').getnames()); os.rename(p / 'a', p / 'c'); os.symlink('c', p / 'l'); print(os.path.realpath(p / 'l') == str(p / 'c'), os.listdir(p / 'sub')); fd = os.open(p / 'c', os.O_RDONLY); print(os.pread(fd, 5, 6), os.lseek(fd, 0, os.SEEK_END), os.sendfile(os.open(p / 'copy', os.O_WRONLY | os.O_CREAT), fd, 0, 100)); fcntl.flock(fd, fcntl.LOCK_EX); print(fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE)
    c = sqlite3.connect(p / 'db'); c.execute('pragma journal_mode=wal'); c.execute('create table t(a integer primary key, b text)'); c.executemany('insert into t(b) values (?)', [(str(i),) for i in range(1000)]); c.commit(); print(c.execute('select count(*), sum(a), max(b) from t').fetchone(), sorted(x.name for x in p.glob('db*'))); c.close()
def handler(n, f): print('signal', signal.Signals(n).name)
signal.signal(signal.SIGUSR1, handler); os.kill(os.getpid(), signal.SIGUSR1); signal.setitimer(signal.ITIMER_REAL, 0.05); signal.signal(signal.SIGALRM, handler); time.sleep(0.2); print(signal.sigtimedwait([signal.SIGUSR2], 0.01))
print(subprocess.run(['/bin/sh', '-c', 'cat; echo err >&2; exit 3'], input=b'input', capture_output=True)); print(subprocess.check_output('echo $((6*7))', shell=True), subprocess.Popen(['/bin/sh', '-c', 'kill -TERM $$']).wait())
try: subprocess.run(['sleep', '10'], timeout=0.2)
except subprocess.TimeoutExpired as e: print(type(e).__name__)
print(resource.getrlimit(resource.RLIMIT_STACK)[0] > 0, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss > 1000, os.sched_getaffinity(0) != set(), os.getloadavg()[0] >= 0, os.cpu_count() > 0, time.monotonic() > 0, os.urandom(8) != os.urandom(8), len(secrets.token_hex()))
r, w = os.pipe(); os.write(w, b'abc'); print(select.select([r], [], [], 1)[0] == [r], os.read(r, 10)); e = select.epoll(); e.register(r, select.EPOLLIN); os.write(w, b'd'); print(len(e.poll(1))); libc = ctypes.CDLL(None); print(libc.abs(-5), ctypes.string_at(b'xyz', 2)); print(struct.pack('<IHb', 1, 2, -3), zlib.crc32(b'a'), bz2.decompress(bz2.compress(b'q' * 99))[:3], lzma.decompress(lzma.compress(b'w' * 99))[:3])
print(decimal.Decimal(1) / 7, fractions.Fraction(1, 3) + 1, statistics.mean(range(10)), math.factorial(30), sorted(random.Random(1).sample(range(100), 5)), re.findall(r'(\w)\1', 'aabbcd'), datetime.date(2024, 2, 29) + datetime.timedelta(366)); print(ET.fromstring('<a><b c="d"/></a>')[0].attrib, pickle.loads(pickle.dumps({1: [2]})), base64.b64encode(b'hi'), urllib.parse.quote('a b/c'), os.environ['HOME'], os.uname().nodename)
try: os.mkdir('/proc/x')
except OSError as e: print(e.errno in (errno.ENOENT, errno.EACCES, errno.EPERM))
try: open('/nonexistent')
except FileNotFoundError as e: print(e)
pid = os.fork()
if pid == 0: os._exit(7)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])); print(os.posix_spawn('/bin/sh', ['sh', '-c', 'exit 4'], {}) > 0, os.waitstatus_to_exitcode(os.wait()[1])); sys.stderr.write('to stderr\n'); raise SystemExit(5)
""", packages=["dash", "coreutils"], programs=["sh", "cat", "sleep"], places=("qemu", "bochs"), quick_places=("qemu",))

python("python_threads", r"""
import threading, queue, time, concurrent.futures as cf, multiprocessing as mp, asyncio, os, sys, signal, socket, selectors, sched
lock, total = threading.Lock(), 0
def add():
    global total
    for i in range(20000):
        with lock: total += 1
threads = [threading.Thread(target=add) for i in range(8)]; [t.start() for t in threads]; [t.join() for t in threads]; print(total)
q = queue.Queue(5); out = []
def producer(): [q.put(i) for i in range(100)]; q.put(None)
t = threading.Thread(target=producer); t.start()
while (x := q.get()) is not None: out.append(x)
print(sum(out)); e = threading.Event(); threading.Timer(0.05, e.set).start(); print(e.wait(2), e.wait(0)); b = threading.Barrier(4); r = []; ts = [threading.Thread(target=lambda: r.append(b.wait())) for _ in range(4)]; [t.start() for t in ts]; [t.join() for t in ts]; print(sorted(r)); c = threading.Condition(); print(c.acquire(), c.wait(0.05)); c.release(); s = threading.Semaphore(2); print(s.acquire(), s.acquire(), s.acquire(timeout=0.05)); l = threading.local(); l.x = 1
with cf.ThreadPoolExecutor(4) as p: print(list(p.map(lambda x: x * x, range(10))))
def square(x): return x * x
def worker(q, r):
    while (x := q.get()) is not None: r.put((x, x * x))
def child(c): c.send(c.recv() + 1); c.close()
def locked(l, v):
    for _ in range(500):
        with l: v.value += 1
if __name__ == '__main__':
    with mp.Pool(3) as p: print(p.map(square, range(20))); print(p.apply_async(square, (7,)).get(10))
    a, r = mp.Queue(), mp.Queue(); ps = [mp.Process(target=worker, args=(a, r)) for _ in range(2)]; [p.start() for p in ps]; [a.put(i) for i in range(50)]; [a.put(None) for _ in ps]; print(sum(r.get()[1] for _ in range(50))); [p.join() for p in ps]; print([p.exitcode for p in ps])
    p1, p2 = mp.Pipe(); p = mp.Process(target=child, args=(p2,)); p.start(); p1.send(41); print(p1.recv()); p.join(); v = mp.Value('i', 0); l = mp.Lock(); ps = [mp.Process(target=locked, args=(l, v)) for _ in range(3)]; [p.start() for p in ps]; [p.join() for p in ps]; print(v.value)
    with mp.Manager() as m: d = m.dict(); d['a'] = 1; print(dict(d))
    from multiprocessing import shared_memory; sm = shared_memory.SharedMemory(create=True, size=1000); sm.buf[0] = 9; again = shared_memory.SharedMemory(sm.name); print(again.buf[0]); again.close(); sm.close(); sm.unlink()
    p = mp.Process(target=time.sleep, args=(100,)); p.start(); p.terminate(); p.join(); print(p.exitcode); print(sorted(mp.get_all_start_methods()))
    with cf.ProcessPoolExecutor(2) as p: print(sum(p.map(square, range(30))))
async def tick(n, d): await asyncio.sleep(d); return n
async def server(r, w): w.write((await r.readline()).upper()); await w.drain(); w.close()
async def main():
    print(await asyncio.gather(*(tick(i, 0.01 * (5 - i)) for i in range(5))))
    try: await asyncio.wait_for(asyncio.sleep(5), 0.05)
    except asyncio.TimeoutError: print('timed out')
    p = await asyncio.create_subprocess_exec('/bin/sh', '-c', 'read x; echo got $x; exit 3', stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE); print(await p.communicate(b'word\n'), p.returncode)
    s = await asyncio.start_unix_server(server, '/tmp/sock'); r, w = await asyncio.open_unix_connection('/tmp/sock'); w.write(b'over a socket\n'); print(await r.readline()); w.close(); s.close()
    loop = asyncio.get_running_loop(); f = loop.create_future(); loop.add_signal_handler(signal.SIGUSR1, lambda: f.set_result('signal')); os.kill(os.getpid(), signal.SIGUSR1); print(await f); print(await loop.run_in_executor(None, lambda: 6 * 7)); q = asyncio.Queue(); t = asyncio.create_task(q.get()); await q.put(5); print(await t); t = asyncio.create_task(asyncio.sleep(10)); await asyncio.sleep(0); t.cancel(); print(await asyncio.gather(t, return_exceptions=True))
asyncio.run(main()); a, b = socket.socketpair(); a.sendall(b'pair'); print(b.recv(10)); sys.exit(0)
""", packages=["dash"], programs=["sh"], cpus=2, timeout=120)

bash("gcc", r"""
cd /tmp; cat > hello.c <<'END'
#include <stdio.h>
#include <pthread.h>
#include <math.h>
static void *run(void *p) { printf("thread %s\n", (char *)p); return NULL; }
int main(int argc, char **argv) { pthread_t t; pthread_create(&t, NULL, run, "one"); pthread_join(t, NULL); printf("hello %d %.3f\n", argc, sqrt(argc + 1)); return argc; }
END
gcc -O2 -Wall -g -o hello hello.c -lm && ./hello a; echo $?; gcc -S -o - -x c - <<<'int f(int x) { return x * 3; }' | grep -c imul; gcc -static -o static hello.c -lm && ./static; echo $?; gcc -c hello.c -o hello.o && ar rcs lib.a hello.o && nm lib.a | grep ' T '; echo 'int main( { }' | gcc -x c - 2>&1 | head -3; gcc -shared -fPIC -x c -o libx.so - <<<'int x(void) { return 42; }' && echo 'int x(void); int main(void) { return x(); }' | gcc -x c - -o usex -L. -lx -Wl,-rpath,'$ORIGIN' && ./usex; echo $?; strip hello && ./hello; objdump -d hello | grep -c '<main>' ; gcc -dumpmachine; echo '#include <stdio.h>' | gcc -E - | wc -l; gcc -pipe -fsanitize=undefined hello.c -o ub -lm 2>&1 | head -2; size hello.o | tail -1
""", programs=["gcc", "as", "ld", "ar", "nm", "strip", "objdump", "size", "cat", "grep", "head", "wc", "tail"], packages=["gcc", "libc6-dev", "binutils", "grep", "coreutils"],
     add=["/usr/lib/gcc/x86_64-linux-gnu/12", "/usr/include", "/usr/lib/x86_64-linux-gnu/*.o", "/usr/lib/x86_64-linux-gnu/lib[cm].*", "/usr/lib/x86_64-linux-gnu/libpthread*", "/usr/lib/x86_64-linux-gnu/libmvec*", "/usr/lib/x86_64-linux-gnu/libm-*", "/usr/lib/x86_64-linux-gnu/libc_nonshared.a", "/usr/lib/bfd-plugins"],
     timeout=180, masks=[(r"/tmp/cc\w+", "/tmp/ccX")])

bash("make", r"""
cd /tmp; mkdir -p p/sub; cd p; cat > Makefile <<'END'
OBJS = $(patsubst %,%.o,a b c d e f)
all: out sub
out: $(OBJS)
	cat $^ > $@
%.o: %.in
	sleep 0.1; tr a-z A-Z < $< > $@
sub:
	$(MAKE) -C sub
clean: ; rm -f *.o out
fail: ; exit 3
.PHONY: all sub clean fail
$(info version $(firstword $(subst ., ,$(MAKE_VERSION))) $(shell echo from shell))
END
echo 'x: ; @echo sub make $(MAKELEVEL)' > sub/Makefile; for f in a b c d e f; do echo $f > $f.in; done
make; make; touch c.in; make -j4 --output-sync; make -n clean; make fail; echo $?; make -k fail out; cat out; make -f - <<<'t: ; @echo stdin makefile' ; make nothing; echo $?; make -q; echo $?; make -p -f /dev/null 2>/dev/null | grep -c '^%'
""", programs=["make", "echo", "cat", "sleep", "tr", "rm", "mkdir", "touch", "sh", "grep"], packages=["make", "coreutils", "dash"], unordered=True, masks=[(r"/tmp/G\w+", "/tmp/GX")])

bash("git", r"""
cd /tmp; export GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@x GIT_COMMITTER_NAME=C GIT_COMMITTER_EMAIL=c@x GIT_AUTHOR_DATE='1700000000 +0000' GIT_COMMITTER_DATE='1700000000 +0000' GIT_PAGER=cat
git init -q -b main repo; cd repo; seq 100 > numbers; mkdir -p dir/sub; echo hello > dir/sub/file; ln -s numbers link; chmod +x numbers; git add .; git commit -qm 'First'; git log --stat; git status; seq 50 > numbers; git diff --stat; git commit -qam 'Second'; git checkout -qb topic HEAD~1; echo more >> dir/sub/file; git commit -qam 'Topic'; git checkout -q main; git merge -q topic -m Merge; git log --graph --oneline --all; git show --stat HEAD; git rm -q link; git stash -q; git stash list; git stash pop -q; git status --short; git reset -q --hard; git tag -a v1 -m tag; git describe; git branch -a; git blame -s numbers | head -2; git gc -q; git fsck; git count-objects -v | grep -v size; git rev-list --count HEAD; git ls-tree -r HEAD; git archive HEAD | tar -t; git clone -q . ../clone; cd ../clone; git log --oneline | wc -l; echo x > new; git add new; git commit -qm Third; git push -q origin HEAD:refs/heads/pushed; git fetch -q; git bundle create -q ../b HEAD; git bundle verify -q ../b; git worktree add -q ../wt HEAD; ls ../wt; git rebase -q HEAD~1; git cherry-pick --no-commit HEAD; git grep -n hello; git format-patch -q -1 --stdout | head -5; git config user.name; git config --list --local | sort | head -3; git bisect start -q HEAD HEAD~1 2>&1 | head -2; git -C /nonexistent status; echo $?
""", programs=["git", "seq", "mkdir", "ln", "chmod", "cat", "grep", "tar", "wc", "ls", "sort", "head", "sh", "sed", "uname", "basename", "gettext"], packages=["git", "coreutils", "grep", "tar", "dash", "sed"], add=["/usr/lib/git-core", "/usr/share/git-core"], timeout=120)

bash("sqlite", r"""
cd /tmp; sqlite3 db 'pragma journal_mode=wal; create table t(a integer primary key, b text, c real); create index i on t(b);'
sqlite3 db "with recursive n(x) as (select 1 union all select x+1 from n where x<20000) insert into t select x, 'row '||x, x/3.0 from n; select count(*), sum(a), max(b), round(avg(c),3) from t;"
for i in 1 2 3 4; do sqlite3 -cmd '.timeout 10000' db "begin immediate; update t set c = c + 1 where a % 4 = $i - 1; commit;" & done; wait; sqlite3 db 'select round(sum(c),2) from t; pragma integrity_check; pragma wal_checkpoint(truncate);'; ls -l db* | wc -l
sqlite3 db <<'END'
.mode column
.headers on
select a, b from t where b like 'row 1999%' order by a limit 5;
explain query plan select * from t where b = 'x';
.mode csv
.output out.csv
select * from t limit 100;
.output stdout
create virtual table f using fts5(x); insert into f values ('the quick brown fox'); select * from f where f match 'quick';
select json_extract('{"a":[1,2]}', '$.a[1]'), strftime('%Y', 0, 'unixepoch'), hex(zeroblob(3)), sqlite_version() > '3';
.backup main backup
vacuum;
END
wc -l out.csv; sqlite3 backup 'select count(*) from t'; sqlite3 db 'select nothing from nowhere'; echo $?; sqlite3 -readonly db 'delete from t'; echo $?
""", programs=["sqlite3", "ls", "wc"], packages=["sqlite3", "coreutils"])

bash("go_program", r"""
cd /tmp; seq 1000 | sed 's/$/ item/' > items; fzf --filter '99 i' < items | head -5; fzf --filter zzz < items; echo $?; seq 100000 | fzf --filter=777 | wc -l; fzf --version | cut -d. -f1
""", programs=["fzf", "seq", "sed", "head", "wc", "cut", "sh"], packages=["fzf", "coreutils", "sed"], cpus=4, quick_places=("qemu",))

bash("rust_programs", r"""
mkdir -p /tmp/tree/a/b; cd /tmp/tree; for i in $(seq 50); do seq 200 > a/f$i; echo needle $i >> a/b/n$i; done; echo 'a/b' > .ignore
rg --sort path -c 199 | tail -3; rg -j4 needle | wc -l; rg -uu -j4 'needle (\d)\d' -r 'found $1' --sort path | head -3; rg --files | wc -l; rg nothing; echo $?; rg -uu --stats 'needle 7' | grep -v seconds; printf 'x\ny\n' | rg y; rg --json -uu 'needle 33' | grep -c begin; rg '(' ; echo $?; fdfind -u . -t f | wc -l; fdfind -u -e '' 'n4' | sort | head -3; fdfind -u n7 -x echo run {}; fdfind -u -j4 'f1[0-3]' -x cat | wc -l; fdfind 'f2$'
""", programs=["rg", "fdfind", "grep", "seq", "sort", "head", "tail", "wc", "cat", "mkdir", "echo"], packages=["ripgrep", "fd-find", "grep", "coreutils"], cpus=4, quick_places=("qemu",))

Case("node", ["/usr/bin/node", "-e", r"""
const { Worker, isMainThread, parentPort } = require('worker_threads'), cp = require('child_process'), fs = require('fs'), os = require('os'), path = require('path'), crypto = require('crypto'), zlib = require('zlib'), net = require('net'), { EventEmitter } = require('events'), util = require('util');
(async () => {
  console.log(process.platform, process.arch, process.version.split('.')[0], os.cpus().length > 0, os.totalmem() > 0);
  const results = await Promise.all([1, 2, 3, 4].map(n => new Promise((ok, no) => { const w = new Worker(`const { parentPort, workerData } = require('worker_threads'); let s = 0; for (let i = 0; i < 1e6; i++) s += i % workerData; parentPort.postMessage(s)`, { eval: true, workerData: n }); w.on('message', ok); w.on('error', no); })));
  console.log(results); const shared = new Int32Array(new SharedArrayBuffer(4));
  await Promise.all([1, 2, 3].map(() => new Promise(ok => new Worker(`const { workerData } = require('worker_threads'); for (let i = 0; i < 10000; i++) Atomics.add(workerData, 0, 1)`, { eval: true, workerData: shared }).on('exit', ok)))); console.log(shared[0]);
  const order = []; await new Promise(ok => { setTimeout(() => { order.push('timeout 20'); }, 20); setTimeout(() => order.push('timeout 5'), 5); setImmediate(() => order.push('immediate')); process.nextTick(() => order.push('tick')); Promise.resolve().then(() => order.push('micro')); let n = 0; const t = setInterval(() => { if (++n == 3) { clearInterval(t); ok(); } }, 10); }); console.log(order.join());
  console.log(cp.execSync('echo $((6*7)); echo err >&2', { stdio: ['ignore', 'pipe', 'ignore'] }).toString().trim()); const child = cp.spawn('sh', ['-c', 'read x; echo got $x; exit 3']); child.stdin.end('word\n'); child.stdout.on('data', d => console.log(d.toString().trim())); console.log(await new Promise(ok => child.on('close', (c, s) => ok([c, s])))); const killed = cp.spawn('sleep', ['100']); setTimeout(() => killed.kill(), 50); console.log(await new Promise(ok => killed.on('close', (c, s) => ok([c, s])))); console.log(await new Promise(ok => cp.exec('exit 9', e => ok(e.code)))); console.log(cp.spawnSync('/nonexistent').error.code);
  fs.mkdirSync('/tmp/n/a', { recursive: true }); fs.writeFileSync('/tmp/n/f', 'x'.repeat(1e6)); console.log(fs.statSync('/tmp/n/f').size, fs.readdirSync('/tmp/n'), await fs.promises.readFile('/tmp/n/f').then(b => crypto.createHash('sha256').update(b).digest('hex'))); fs.renameSync('/tmp/n/f', '/tmp/n/a/g'); fs.symlinkSync('a/g', '/tmp/n/l'); console.log(fs.realpathSync('/tmp/n/l')); fs.rmSync('/tmp/n', { recursive: true }); try { fs.readFileSync('/tmp/n/f'); } catch (e) { console.log(e.code); }
  console.log(zlib.gunzipSync(zlib.gzipSync('z'.repeat(1000))).length, (await util.promisify(zlib.deflate)('q')).length, (await util.promisify(crypto.pbkdf2)('p', 's', 1000, 16, 'sha512')).toString('hex'), crypto.randomBytes(8).length);
  const s = net.createServer(c => c.on('data', d => c.end(d.toString().toUpperCase()))); await new Promise(ok => s.listen('/tmp/n.sock', ok)); console.log(await new Promise(ok => { const c = net.connect('/tmp/n.sock', () => c.write('over a socket')); c.on('data', d => ok(d.toString())); })); s.close(); process.on('SIGUSR2', () => { console.log('signal'); console.error('to stderr'); process.exitCode = 6; }); process.kill(process.pid, 'SIGUSR2'); await new Promise(ok => setTimeout(ok, 50));
  let x = 0; for (let i = 0; i < 3e7; i++) x = (x * 31 + i) | 0; console.log(x, new Function('a', 'return a * 2')(21), [...'héllo'].length, JSON.stringify({ a: 1n.toString(), d: new Date(0) }), eval('1+1'), typeof WebAssembly); const big = []; for (let i = 0; i < 200000; i++) big.push({ i, s: 'k' + i }); console.log(big.filter(o => o.i % 1000 == 0).length);
})().catch(e => { console.error(e); process.exit(1); });
"""], ["nodejs", "dash", "coreutils"], programs=["sh", "sleep"], cpus=2, timeout=180)

bash("java", r"""
cd /tmp; cat > Hello.java <<'END'
import java.util.*; import java.util.concurrent.*; import java.util.stream.*; import java.nio.file.*;
public class Hello {
  static int fib(int n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }
  public static void main(String[] a) throws Exception {
    System.out.println("hello " + String.join(",", a) + " " + Runtime.version().feature()); ExecutorService e = Executors.newFixedThreadPool(4); List<Future<Integer>> f = new ArrayList<>(); for (int i = 0; i < 8; i++) { final int n = i; f.add(e.submit(() -> fib(20 + n))); } for (Future<Integer> x : f) System.out.println(x.get()); e.shutdown(); System.out.println(e.awaitTermination(5, TimeUnit.SECONDS));
    System.out.println(IntStream.range(0, 100000).parallel().filter(i -> i % 7 == 0).count()); ConcurrentHashMap<Integer, Integer> m = new ConcurrentHashMap<>(); Thread[] t = new Thread[4]; for (int i = 0; i < 4; i++) { t[i] = new Thread(() -> { for (int j = 0; j < 1000; j++) m.merge(j % 10, 1, Integer::sum); }); t[i].start(); } for (Thread x : t) x.join(); System.out.println(m);
    Path p = Files.createTempFile("j", ".txt"); Files.writeString(p, "line\n".repeat(1000)); System.out.println(Files.readAllLines(p).size() + " " + Files.size(p)); List<byte[]> l = new ArrayList<>(); for (int i = 0; i < 2000; i++) { l.add(new byte[50000]); if (l.size() > 50) l.clear(); } System.gc(); System.out.println(Runtime.getRuntime().availableProcessors() > 0); Object o = new Object(); synchronized (o) { o.wait(20); } Thread.sleep(10); Runtime.getRuntime().addShutdownHook(new Thread(() -> System.out.println("hook")));
    try { int[] z = new int[1]; z[a.length + 5] = 1; } catch (ArrayIndexOutOfBoundsException x) { System.out.println(x.getMessage()); } try { Object n = null; n.hashCode(); } catch (NullPointerException x) { System.out.println("npe"); } try { over(0); } catch (StackOverflowError x) { System.out.println("overflow"); } Process q = new ProcessBuilder("sh", "-c", "echo from sh; exit 4").inheritIO().start(); System.out.println(q.waitFor()); System.exit(3);
  }
  static int over(int n) { return over(n + 1) + 1; }
}
END
java -Xshare:auto -XX:+UseSerialGC -Xmx256m Hello.java one two; echo $?
java -XX:+UseG1GC -Xmx256m -version 2>/dev/null; echo $?
""", programs=["java", "cat", "sh"], packages=["openjdk-17-jre-headless", "openjdk-17-jdk-headless", "coreutils", "dash"], add=["/usr/lib/jvm/java-17-openjdk-amd64", "/usr/lib/jvm/java-1.17.0-openjdk-amd64", "/etc/java-17-openjdk"], cpus=4, memory="1500M", timeout=300)

for stressor in "cpu fork futex pipe signal timer mmap vm switch clone epoll".split():
    Case(f"stress_{stressor}", ["/usr/bin/stress-ng", f"--{stressor}", "4", "--timeout", "3", "--verify", "--vm-bytes", "64M", "--mmap-bytes", "32M"], ["stress-ng"],
         cpus=4, memory="768M", timeout=120, masks=[(r"\[\d+\]", "[PID]"), (r"completed in .*", "completed"), (r".*no CPUs found in /sys.*\n", "")])
