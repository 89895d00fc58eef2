#!/usr/bin/env python3
"""Several sandboxes by a manifest: the launcher's side alone, and the example of docs/manifest.md in Bochs.

usage: manifest.py [--build DIR] [--launcher-only]

For the launcher alone a program of a few lines takes Bochs' place: it sends frames (abi/host_channel.h) as a hypervisor
with two sandboxes would, and the bundle it was given is looked into.  The last line is "N passed, M failed".
"""
import argparse
import os
import re
import struct
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FAKE = """#!/usr/bin/env python3
import os, re, struct, sys
config = open(sys.argv[sys.argv.index("-f") + 1]).read()
image = open(re.search("optramimage1: file=([^,]*)", config).group(1), "rb").read()
open(os.environ["FAKE_IMAGE"], "wb").write(image)
def frame(kind, stream, sandbox, payload=b""):
    sys.stdout.buffer.write(struct.pack("<IBBHI", 0x314c5054, kind, stream, sandbox, len(payload)) + payload)
for f in eval(os.environ["FAKE_FRAMES"]):
    frame(*f)
sys.stdout.buffer.flush()
"""
HELLO, DATA, LOG, TRACE, STATS, CREDIT, EXIT, BYE = range(1, 9)
OUT, ERR, KERNEL_LOG = 1, 2, 3
TWO = "[one]\nprogram = /bin/busybox\n[two]\nargv = /bin/busybox true\ntrap = off\nweight = 7\n"


def end(kind, value):
    return struct.pack("<II", kind, value)


class Runner:
    def __init__(self, launcher, folder):
        self.launcher = launcher
        self.folder = folder
        self.passed = self.failed = 0

    def run(self, manifest, *options, frames=None):
        path = os.path.join(self.folder, "m.ini")
        with open(path, "w", encoding="utf-8") as f:
            f.write(manifest)
        environment = dict(os.environ)
        if frames is not None:
            environment.update(PATH=self.folder + ":" + os.environ["PATH"], FAKE_FRAMES=repr(frames),
                               FAKE_IMAGE=os.path.join(self.folder, "image"))
        done = subprocess.run([self.launcher, "run", "--machine", "bochs", "--timeout", "120", *options, "--manifest", path],
                              stdin=subprocess.DEVNULL, capture_output=True, env=environment, check=False)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def check(self, what, good, result):
        print(("ok      " if good else "FAILED  ") + what)
        if good:
            self.passed += 1
        else:
            self.failed += 1
            print(result)


def launcher_tests(r):
    result = r.run(TWO, frames=[
        (HELLO, 0, 0, struct.pack("<IIQQ", 1, 0, 1000, 0)), (DATA, OUT, 0, b"a"), (DATA, OUT, 1, b"x\ny"),
        (DATA, OUT, 0, b"b\n"), (DATA, ERR, 1, b"err\n"), (STATS, 0, 1, b"exits 5\n"), (DATA, OUT, 77, b"nobody\n"),
        (EXIT, 0, 1, end(0, 3 << 8)), (DATA, OUT, 0, b"on\n"), (EXIT, 0, 0, end(0, 9)), (BYE, 0, 0)])
    r.check("lines have names, a begun line is ended", result[1] == "two: x\none: ab\ntwo: y\none: on\n", result)
    r.check("each end is told", result[2] == "two: err\ntwo: exits 5\ntwo: exited with 3\none: killed by SIGKILL\n", result)
    r.check("the first section's status", result[0] == 137, result)
    with open(os.path.join(r.folder, "image"), "rb") as f:
        image = f.read()
    specs = re.findall(rb"name=(?:one|two)\0(?:[ -~]+\0)+", image)
    want = [b"name=one\0kind=linux-abi\0kernel=guest_kernel.elf\0initrd=root/0\0", b"weight=7\0cap=0\0trap=0\0trace=off\0"]
    r.check("two specs in the bundle", len(specs) == 2 and specs[0].startswith(want[0]) and want[1] in specs[1], specs)
    result = r.run(TWO, frames=[(EXIT, 0, 0, end(0, 0)), (DATA, KERNEL_LOG, 1, b"panic: x"), (EXIT, 0, 1, end(1, 0)), (BYE, 0, 0)])
    r.check("a crash is told, with the kernel's log", result[0] == 125 and result[2] ==
            "one: exited with 0\ntwo: crashed: the guest kernel crashed\ntwo: guest kernel: panic: x\n", result)
    result = r.run(TWO, frames=[(EXIT, 0, 0, end(0, 0))])
    r.check("a machine that stops without a word", result[0] == 125 and "two: crashed: the machine stopped" in result[2], result)
    result = r.run(TWO, frames=[(EXIT, 0, 1, end(2, 0)), (BYE, 0, 0)])
    r.check("a hypervisor's crash is everybody's", "one: crashed: the hyp" in result[2] and "two: crashed: the hyp" in result[2], result)
    result = r.run("[one]\nprogram = /nowhere\n")
    r.check("a missing program", result[0] == 127 and "m.ini:1: one: /nowhere" in result[2], result)
    result = r.run("[one]\nkind = kernel\nkernel = /nowhere\n")
    r.check("a missing kernel", result[0] == 125 and "m.ini:1: one: kernel /nowhere: No such file" in result[2], result)
    result = r.run("[one]\nprogam = /bin/busybox\n")
    r.check("a wrong key", result[0] == 125 and "m.ini:2: progam: there is no such key" in result[2], result)
    result = r.run(TWO, "--tty")
    r.check("options for one sandbox only", result[0] == 125 and "--manifest" in result[2], result)


def bochs_tests(r):
    """The example of the documentation."""
    with open(os.path.join(TOP, "docs", "manifest.md"), encoding="utf-8") as f:
        example = "".join(line[4:] for line in f if line.startswith("    ") and not line.startswith("    trapline:"))
    status, out, err = result = r.run(example)
    r.check("the example: status of its second sandbox", status == 3, result)
    r.check("the example: both sandboxes' lines", "count: 0\n" in out and "count: 2\n" in out and
            re.search("list: d.* tmp\n", out), result)
    r.check("the example: the trace of one", re.search(r"^list: \[pid +1\] getuid\(\) += 0 <", err, re.M) and "count: [" not in err, result)
    r.check("the example: both ends", "list: exited with 0\n" in err and "count: exited with 3\n" in err, result)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--build", default=os.path.join(TOP, "build"))
    parser.add_argument("--launcher-only", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        fake = os.path.join(folder, "bochs")
        with open(fake, "w", encoding="ascii") as f:
            f.write(FAKE)
        os.chmod(fake, 0o755)
        r = Runner(os.path.join(options.build, "trapline"), folder)
        launcher_tests(r)
        if not options.launcher_only:
            bochs_tests(r)
    print(f"{r.passed} passed, {r.failed} failed")
    return 1 if r.failed else 0


if __name__ == "__main__":
    sys.exit(main())
