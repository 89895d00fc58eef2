#!/usr/bin/env python3
"""Run the launcher's --machine kvm where there is no nested KVM: on a Debian Linux inside Bochs, whose KVM it uses.

usage: nested.py [--build DIR] [--show]

Bochs starts Debian's cloud kernel by our boot ROM (PVH); its root holds kvm-intel, QEMU and our build.  There
`trapline run --machine kvm` runs a program in a sandbox: so the hypervisor meets KVM's VMX instead of Bochs', and a machine
that firmware has used before.  Checked: output, exit status, trace, and that every call was counted.  Takes a minute or two
and 1.2 GB of memory.  Exit status 77: kernel package or QEMU cannot be had here.
"""
import argparse
import glob
import os
import subprocess
import sys
import tempfile

import bare
import boot

MEMORY = 1024 << 20
STATUS = 7
MODULES = ("virt/lib/irqbypass", "arch/x86/kvm/kvm", "arch/x86/kvm/kvm-intel")
WORDS = bare.QUICK + " mitigations=off nokaslr reboot=t"
INIT = f"""#!/bin/busybox sh
b=/bin/busybox
$b mount -t devtmpfs d /dev; $b mount -t proc p /proc; $b mount -t tmpfs t /tmp
for m in {" ".join(os.path.basename(m) for m in MODULES)}; do $b insmod /$m.ko; done
export PATH=/usr/bin:/bin HOME=/
/build/trapline run --machine kvm --memory 32M --stats --trace-out /tmp/trace -- \\
    /bin/busybox sh -c 'echo out of the sandbox; for i in 1 2 3; do busybox true; done; exit {STATUS}' >/tmp/out 2>&1 </dev/null
echo "status $?" >>/tmp/out
echo "BEGIN"; $b cat /tmp/out; $b grep -c getpid /tmp/trace; echo "END"
$b reboot -f
"""


def with_libraries(archive, program, name=None):
    archive.copy(program, name)
    for word in boot.run("ldd", program, text=True, capture_output=True).stdout.split():
        if word.startswith("/") and word.lstrip("/") not in archive.seen:
            archive.seen.add(word.lstrip("/"))
            archive.copy(os.path.realpath(word), word)


def root_archive(package, build, work):
    archive = bare.Archive()
    archive.seen = set()
    for folder in ("dev", "proc", "tmp"):
        archive.folder(folder)
    archive.file("init", INIT.encode())
    archive.copy("/bin/busybox")
    with_libraries(archive, "/usr/bin/qemu-system-x86_64")
    with_libraries(archive, os.path.join(build, "trapline"), "build/trapline")
    for name in ("trapline.elf", "guest_kernel.elf", "rom.bin"):
        archive.copy(os.path.join(build, name), "build/" + name)
    archive.copy("/usr/share/seabios/bios-256k.bin")
    for name in ("kvmvapic.bin", "linuxboot_dma.bin", "pvh.bin"):
        archive.copy(os.path.join("/usr/share/qemu", name))
    for module in MODULES:
        stripped = os.path.join(work, os.path.basename(module) + ".ko")
        source = glob.glob(f"{package}/lib/modules/*/kernel/{module}.ko")[0]
        boot.run("objcopy", "-g", "-R", ".BTF", source, stripped)
        archive.copy(stripped, os.path.basename(stripped))
    return archive.bytes()


def judge(text):
    lines = text.partition("BEGIN\n")[2].partition("END\n")[0].split("\n")
    counts = [line.split()[1:] for line in lines if line.startswith("complete ")]
    complete = counts[0] if counts else ["0", "-", "-"]
    return all([boot.check("the program's output", "out of the sandbox" in lines),
                boot.check("the program's status", f"status {STATUS}" in lines),
                boot.check(f"{complete[0]} calls trapped, {complete[1]} dispatched",
                           complete[0] == complete[1] and int(complete[0]) > 50),
                boot.check("its calls were printed", any(line.isdigit() and int(line) > 0 for line in lines))])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--build", default=os.path.join(boot.TOP, "build"))
    parser.add_argument("--show", action="store_true", help="print what came out")
    options = parser.parse_args()
    build = os.path.abspath(options.build)
    try:
        package = boot.package()
        boot.run("qemu-system-x86_64", "--version", capture_output=True)
    except (subprocess.CalledProcessError, FileNotFoundError, IndexError) as error:
        print(f"Debian's kernel package or QEMU is missing: {error}")
        return 77
    with tempfile.TemporaryDirectory() as work:
        image = bare.memory_image(boot.vmlinux(package, work), root_archive(package, build, work), WORDS, MEMORY)
        text = bare.emulate(image, build, work, "corei7_haswell_4770", MEMORY)
    good = judge(text)
    if options.show or not good:
        sys.stdout.write(text)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
