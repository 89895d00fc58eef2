"""Shells and tools: small enough for Bochs."""
from case import Case, bash

EVERYWHERE = ("qemu", "bochs")

bash("bash_language", r"""
declare -a list=(one two "three four"); list+=(five); unset 'list[1]'
declare -A map=([a]=1 [b c]=2); map[d]=3
echo "${#list[@]} ${!list[@]} / ${list[@]: -2}"
for key in "${!map[@]}"; do echo "$key=${map[$key]}"; done | while read -r line; do echo "<$line>"; done | LC_ALL=C /usr/bin/sort
f() { local -n ref=$1; ref=${ref^^}; return 3; }
word=hello; f word; echo "$word $?"
echo $((2**40 + 0xff % 7)) $(( (1<<62) / 3 )) ${word/LL/__} ${word:1:3} ${#word}
printf '%s|%5.2f|%q|%(%Y)T\n' x 3.14159 "a b" 0
[[ abc123 =~ ([a-z]+)([0-9]+) ]] && echo "${BASH_REMATCH[@]}"
case $word in H*O) echo matched ;;& *) echo also ;; esac
select_none() { read -r -t 0.05 x < <(sleep 1); echo "read timed out: $?"; }; select_none
mapfile -t lines < <(printf 'a\nb\nc\n'); echo "${#lines[@]} ${lines[2]}"
echo {1..5} {a..e..2} x{1,2}y
shopt -s extglob; v=aabbb; echo "${v##+(a)}"
set -- "$@" p q; shift; echo "$# $1"; eval 'echo $((RANDOM >= 0))'
(exit 9); echo $?; ! true; echo $?
set -o pipefail; false | true; echo "pipe $? ${PIPESTATUS[*]}"
umask; pwd; cd /tmp && pwd && cd - && type -t cd f sort
""", programs=["sort", "sleep"], packages=["coreutils"], places=EVERYWHERE, quick_places=EVERYWHERE)

bash("bash_traps", r"""
trap 'echo exit trap $?' EXIT; trap 'echo got USR1' USR1; trap 'echo error at $LINENO' ERR; trap 'echo int' INT
kill -USR1 $$; false; kill -INT $$
( trap 'echo child term; exit 5' TERM; kill -TERM $BASHPID; sleep 0.5 ); echo "child $?"
sh -c 'kill -9 $$'; echo "killed $?"
sleep 30 & pid=$!; sleep 0.1; kill $pid; wait $pid; echo "waited $?"
for i in 1 2 3; do (sleep 0.$((i * 2)); exit $i) & done; wait -n; echo "first $?"; wait; echo "rest $?"
trap - ERR; trap '' TERM; kill -TERM $$; echo ignored; trap
trap 'echo debug $BASH_COMMAND' DEBUG; x=1; trap - DEBUG
trap 'echo chld' CHLD; /bin/true; trap - CHLD
exit 7
""", programs=["sleep", "sh", "true"], packages=["coreutils", "dash"], places=EVERYWHERE, quick_places=EVERYWHERE,
     masks=[(r"^.*line \d+: +\d+ ", "line N: PID ")])

bash("bash_pipes", r"""
coproc CO { while read -r x; do echo "co $x"; done; }
echo one >&"${CO[1]}"; read -r a <&"${CO[0]}"; echo "$a"; eval "exec ${CO[1]}>&-"; wait $CO_PID; echo "coproc $?"
coproc bc -q 2>/dev/null; echo '2^100' >&"${COPROC[1]}"; read -r b <&"${COPROC[0]}"; echo "$b"; kill $COPROC_PID; wait $COPROC_PID 2>/dev/null
diff <(printf '1\n2\n3\n') <(printf '1\n3\n'); echo "diff $?"
tee >(tr a-z A-Z >/tmp/upper) >(wc -c >/tmp/count) <<<hello; sleep 0.2; cat /tmp/upper /tmp/count
cat <<-EOF
	tabs gone $((1+1)) $(echo sub)
	EOF
cat <<'EOF'
$not expanded `x`
EOF
exec 7<>/tmp/rw; echo first >&7; exec 7>&-; exec 8</tmp/rw; read -r l <&8; echo "$l"; exec 8<&-
{ echo out; echo err >&2; } 2>&1 | sed 's/^/> /'
mkfifo /tmp/fifo; (echo through fifo >/tmp/fifo) & cat </tmp/fifo; wait
yes | head -n 100000 | wc -l; echo "${PIPESTATUS[@]}"
set -C; echo x >/tmp/rw; echo "noclobber $?"; echo y >|/tmp/rw; cat /tmp/rw
seq 1 5 | while read n; do (( n % 2 )) && continue; echo even $n; done
printf 'a\0b\0' | xargs -0 -n1 echo item; printf '%s\n' x y z | xargs -P2 -I{} echo '<{}>' | sort
ls /nonexistent; echo "ls $?"; /nonexistent; echo "not found $?"; /tmp; echo "dir $?"
""", programs=["bc", "diff", "tr", "wc", "cat", "tee", "sed", "mkfifo", "yes", "head", "seq", "xargs", "sort", "ls", "sleep"],
     packages=["bc", "diffutils", "coreutils", "sed", "findutils"], places=EVERYWHERE, quick_places=("qemu",),
     masks=[(r"/dev/fd/\d+", "/dev/fd/N"), (r"(line \d+: +)\d+ ", r"\1PID ")])

bash("coreutils_files", r"""
cd /tmp; mkdir -p a/b/c; touch -d '2001-02-03 04:05:06 UTC' a/f; echo data > a/b/g; ln -s ../f a/b/link; ln a/f a/hard
cp -a a copy; cp -r a/b/../b twice; mv copy/f copy/moved; install -m 640 a/b/g a/inst; chmod -R u+rwX,go-w copy; chmod 4755 copy/moved
stat -c '%n %F %a %h %u:%g %Y' a/f copy/moved; stat -c '%n %F %s' a/b/link; stat -c '%n %F %a %s %h %u:%g' a/b/g a/inst; readlink -f a/b/link; realpath --relative-to=a copy/b
ls -lR --time-style=+%Y copy | sed 's/^total.*//; /^d/s/  *[0-9]* 20/ SIZE 20/'; du -b a/b/g; df --output=target /tmp >/dev/null; echo $?
dd if=/dev/zero of=big bs=4096 count=100 seek=10 conv=notrunc 2>/dev/null; truncate -s 1M big; stat -c '%s %b' big; shred -n1 -z --size=64 a/inst; od -An -tx1 a/inst | head -2
mktemp -d tmp.XXXX | sed 's/\..*/.X/'; rmdir a/b/c; rm -rf twice; test -e twice || echo gone; [ a/f -ef a/hard ] && echo same
ln -sf /nowhere dangling; cp dangling x; echo "cp $?"; cat dangling; rm -i dangling </dev/null; mkdir a; echo "mkdir $?"; rmdir copy; echo "rmdir $?"
chown 12:34 a/f; stat -c %u:%g a/f; chgrp 56 a/hard; stat -c %u:%g a/f; mkfifo p; mknod n c 1 3; stat -c '%F %t %T' p n; echo hi > n; sync; pathchk a/b; dirname /x/y; basename /x/y.c .c
cp --reflink=auto --sparse=always big sparse; cmp big sparse && echo equal; split -n 3 a/b/g part. ; cat part.* ; ls part.*; csplit -s <(seq 9) 4 7; wc -l xx0*
sha256sum a/b/g big; md5sum a/b/g | md5sum -c; cksum a/b/g; b2sum a/b/g | cut -c1-20; sum a/b/g
""", programs="mkdir touch ln cp mv install chmod stat readlink realpath ls sed du df tail dd truncate shred od head mktemp rmdir rm chown chgrp mkfifo mknod sync pathchk dirname basename cmp split csplit seq wc sha256sum md5sum cksum b2sum cut sum sort cat".split(),
     packages=["coreutils", "diffutils", "sed"], places=EVERYWHERE, quick_places=("qemu",), masks=[(r"/dev/fd/\d+", "/dev/fd/N")])

bash("coreutils_text", r"""
printf 'b 2\na 10\nc 1\na 9\n' > /tmp/t; sort -k1,1 -k2n /tmp/t; sort -u -k1,1 /tmp/t | wc; sort --parallel=2 -S1M -r <(seq 20000) | tail -2
uniq -c <(sort <(cut -d' ' -f1 /tmp/t)); paste -d, <(seq 3) <(seq 4 6); join <(sort /tmp/t) <(printf 'a x\nc y\n'); comm -12 <(seq 5) <(seq 3 8)
tr -s 'a-c' 'x-z' < /tmp/t; head -c 5 /tmp/t; tail -n +3 /tmp/t; tac /tmp/t; nl /tmp/t; fold -w 3 <<<abcdefgh; fmt -w 20 <<<'the quick brown fox jumps over'; expand <<<$'a\tb'; unexpand -a <<<'a       b'
seq -w 8 11; seq -f %.2f 0 .5 1; factor 1234567890 97; numfmt --to=iec 123456789; expr 6 \* 7; expr abc : 'a\(.\)'; printf '%x %o %e\n' 255 8 1234.5; echo -e '\x41\t\u00e9'; base64 <<<hello; base32 <<<hello; basenc --base16 <<<hello
date -u -d @1234567890 '+%F %T %A'; date -u -d '2024-02-29 +1 year' +%F; TZ=UTC0 date -d '2024-01-01 12:00' +%a; env -i A=1 env; printenv HOME; id -u; id -un; groups; whoami; uname -s -m -n; nproc | grep -c .; arch; tty; echo $?; hostid | wc -c
timeout 0.2 sleep 5; echo "timeout $?"; timeout -s KILL 0.2 sleep 5; echo "timeout $?"; nice -n 5 nice; nohup true; stdbuf -oL echo line; tsort <<<'a b b c'; shuf -i 1-5 | sort | tr '\n' ' '; od -c <<<hi; ptx -G <<<'one two' | wc -l; pr -t -2 -l 4 <(seq 6); yes x | head -2; sleep 0.01 0.01; true; false; echo $?; kill -l 9; test 3 -lt 4 && echo lt; link /tmp/t /tmp/l; unlink /tmp/l; logname; users; stty -a; echo $?; chroot / /bin/echo rooted
""", programs="sort wc seq tail uniq cut paste join comm tr head tac nl fold fmt expand unexpand factor numfmt expr printf base64 base32 basenc date env printenv id groups whoami uname nproc grep arch tty hostid timeout sleep nice nohup true stdbuf tsort shuf od ptx pr yes false test link unlink logname users stty chroot echo".split(),
     packages=["coreutils", "grep"], add=["/usr/libexec/coreutils"], places=EVERYWHERE, quick_places=("qemu",),
     masks=[(r"/dev/fd/\d+", "/dev/fd/N"), (r"(line \d+: +)\d+ ", r"\1PID ")])

bash("findutils", r"""
cd /tmp; mkdir -p d/{x,y}/{1,2}; for i in 1 2 3; do echo $i > d/x/1/f$i.txt; : > d/y/2/e$i; done; ln -s ../x d/y/lx; chmod 600 d/x/1/f2.txt; touch -d '2020-01-01' d/y/2/e1
find d | sort; find d -type f -size +0 -name '*.txt' -printf '%p %s %m %y %d\n' | sort; find d -type l -printf '%p -> %l\n'; find -L d -maxdepth 3 -name 'f*' | sort
find d -newer d/y/2/e1 -type f | wc -l; find d -perm 600; find d -empty -type f -delete; find d -depth -type d -empty -print -exec rmdir {} \; | sort; find d -regex '.*/f[12]\.txt' -exec echo {} + | wc -w; find d -mmin -5 -type f | wc -l; find d -user root | wc -l; find d -inum "$(stat -c %i d/x)" ; find /proc/self/ -maxdepth 1 -name status
find d -type f -print0 | xargs -0 -n 2 echo | wc -w; find nosuch; echo $?; echo a b c | xargs -n1 -t echo 2>&1; seq 5 | xargs -P 3 -n 1 sh -c 'exit 0'; echo $?; seq 3 | xargs -I% sh -c 'exit 255'; echo $?
""", programs="find sort wc rmdir echo stat seq xargs mkdir ln chmod touch sh".split(), packages=["findutils", "coreutils", "dash"],
     places=EVERYWHERE)

bash("text_tools", r"""
cd /tmp; seq 1 2000 | sed 's/$/ the quick brown fox/' > text; grep -c 7 text; grep -n '^1[0-9]9 ' text | head -3; grep -E '(12|34)5 ' text | wc -l; grep -P '\b(\d)\1\1\b' text | head -2; grep -o 'q[a-z]*' text | uniq -c; grep -q nothere text; echo $?; grep -r --include='te*' -l fox .; grep -f <(printf '^5 \n^6 \n') text; grep -A1 -B1 '^100 ' text; grep -z -c a text; grep x /nonexistent; echo $?
sed -n '5,7p;$=' text; sed -E 's/([0-9]+) the (\w+)/\2 \1/;10q' text; sed -i.bak '/^1/d' text; wc -l text text.bak; printf 'a\nb\nc\n' | sed 'N;P;D'; sed '1!G;h;$!d' <(seq 4); sed --posix 'y/abc/xyz/' <<<aabbcc; sed -s -n '$p' text text.bak; sed 'w /tmp/out' <<<written; cat out; sed -e 's/x/\n/' -u <<<axb
gawk 'BEGIN { for (i = 0; i < 5; i++) a[i] = i * i; n = asort(a); print n, a[5]; printf "%.3f %s\n", atan2(0, -1), toupper("x") } { s += $1 } END { print s, NR; print strftime("%Y", 0, 1); while (("echo piped" | getline line) > 0) print line; print "x" | "cat"; close("cat"); print length(ENVIRON["HOME"]) }' text
gawk -F: -v OFS=- '{ $1 = $1; print; gsub(/o/, "0"); print }' <<<root:x:0; gawk '{ print > "/tmp/split." ($1 % 2) }' <(seq 6); cat split.0 split.1; gawk 'BEGIN { "date +%Y" | getline y; print (y > 2000); exit 4 }'; echo $?; gawk 'BEGIN { print 2^53 + 1, substr("hello", 2, 3), match("foobar", /o+/), RSTART, RLENGTH; print PROCINFO["version"] > "/dev/null"; cmd = "cat"; print "co" |& cmd; close(cmd, "to"); cmd |& getline z; print z }'
mawk '{ c[$2]++ } END { for (k in c) print k, c[k] }' text; diff -u <(seq 5) <(seq 2 6) | tail -n +3; diff -q text text.bak; diff -r . . ; diff3 <(seq 3) <(seq 3) <(seq 4) ; cmp text text.bak | head -1; sdiff -w 30 <(seq 3) <(seq 2 4); diff -y -W 20 --suppress-common-lines <(echo a) <(echo b)
""", programs="grep sed gawk mawk diff diff3 sdiff cmp seq wc uniq head cat date tail sort echo sh".split(),
     packages=["grep", "sed", "gawk", "mawk", "diffutils", "coreutils", "dash"], places=EVERYWHERE, quick_places=("qemu",),
     masks=[(r"/dev/fd/\d+", "/dev/fd/N"), (r"\d\d\d\d-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ \+0000", "TIME")])

bash("archives", r"""
cd /tmp; mkdir -p src/sub; seq 50000 > src/numbers; head -c 300000 /dev/zero > src/zeros; echo hello > src/sub/hello; ln -s sub/hello src/link; ln src/numbers src/hard; chmod 751 src/sub; mkfifo src/pipe
tar --sort=name --owner=1 --group=2 --mtime=@1000000000 -cf a.tar src; sha256sum a.tar; tar -tvf a.tar; mkdir out; tar -xpf a.tar -C out; diff -r --no-dereference src/sub out/src/sub && stat -c '%n %a %h %u %Y' out/src/* ; tar -czf a.tgz src; tar -xzOf a.tgz src/sub/hello; tar -cJf a.txz src; tar -tJf a.txz | sort
tar -cf - --exclude=zeros src | tar -tf - | sort; tar --delete -f a.tar src/zeros; tar -tf a.tar | wc -l; tar -rf a.tar out/src/link; tar -tf a.tar | tail -1; tar -cSf sparse.tar src/zeros; stat -c %s sparse.tar; tar -xf nosuch.tar; echo $?; tar -c src --to-stdout 2>/dev/null | wc -c
gzip -9 -n -k src/numbers; sha256sum src/numbers.gz; gzip -l src/numbers.gz; zcat src/numbers.gz | cmp - src/numbers && echo same; gunzip -c src/numbers.gz | tail -1; gzip -t src/zeros; echo $?; printf garbage | gzip -d; echo $?
xz -k -T1 src/numbers; xz -l src/numbers.xz | tail -1; unxz -c src/numbers.xz | sha256sum; xz -k -T4 --block-size=64KiB -c src/numbers | xz -dc | cmp - src/numbers && echo same; xz -7e -c src/zeros | wc -c; lzma -c src/zeros | wc -c; bzip2 -k src/numbers; bzcat src/numbers.bz2 | tail -1; find src -type f | sort | cpio -o -H newc --quiet | cpio -it --quiet
""", programs="tar gzip zcat gunzip xz unxz lzma bzip2 bzcat cpio find sort seq head wc sha256sum stat diff cmp mkdir ln chmod mkfifo tail sh".split(),
     packages=["tar", "gzip", "xz-utils", "bzip2", "cpio", "diffutils", "findutils", "coreutils"], places=EVERYWHERE, memory="256M", timeout=180)

Case("busybox", ["/bin/busybox", "sh", "-c", r"""
cd /tmp; for a in one two; do echo $a > $a; done; ls | sort; busybox find . -type f | busybox sort; busybox tar cf x.tar one two; busybox tar tf x.tar
busybox ash -c 'echo $0 $((3*4))'; echo hello | busybox sed s/l/L/g; seq 10 | busybox awk '{s+=$1} END {print s}'; cat one two | busybox gzip -c | busybox zcat | busybox md5sum; busybox dd if=/dev/zero bs=1k count=3 2>/dev/null | busybox wc -c
busybox ps -o pid,comm | busybox head -2 | busybox tail -1; busybox cpio -o -H newc < /dev/null 2>&1; busybox expr 3 + 4; busybox printf '%s\n' a b; busybox xargs -n 1 echo < one; busybox nproc >/dev/null; busybox date -u -d @0 +%Y; busybox timeout 1 busybox sleep 5; echo $?; busybox id; busybox hostname; busybox uptime > /dev/null; busybox free > /dev/null; busybox mount | busybox grep -c ' /proc '; busybox df > /dev/null; echo $?; busybox top -b -n1 > /dev/null; echo $?
"""], ["busybox-static"], places=EVERYWHERE)
