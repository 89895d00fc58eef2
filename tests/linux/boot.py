#!/usr/bin/env python3
"""Boot an unmodified Debian Linux in a sandbox and let its own drivers use the sandbox's devices.

usage: boot.py [--build DIR] [--no-trap] [--bzimage] [--xapic] [--end HOW] [--compare] [--show]

The kernel is Debian's cloud kernel, from its package (fetched by apt-get into sources/linux-guest/ once; the programs lz4
and dpkg-deb are needed).  It is started by PVH on Bochs, or
by the 64-bit boot protocol (--bzimage).  Its root is busybox, the virtio modules and a script that copies
standard input, asks the entropy device, and ends with status 7 by the control port.  Checked: port names, data both
ways, end of input, MSI-X interrupts, the status, and (trapped) that its calls were recorded.  Exit status 77: the
package cannot be had here.
"""
import argparse
import difflib
import glob
import hashlib
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MODULES = ("virtio/virtio", "virtio/virtio_ring", "virtio/virtio_pci_modern_dev", "virtio/virtio_pci_legacy_dev",
           "virtio/virtio_pci", "char/virtio_console", "char/hw_random/virtio-rng")
WORDS = "tsc=reliable cryptomgr.notests noresume rdinit=/init"
STATUS = 7
INIT = f"""#!/bin/busybox sh
b=/bin/busybox
$b mount -t devtmpfs d /dev; $b mount -t proc p /proc; $b mount -t sysfs s /sys
for m in {" ".join(os.path.basename(m) for m in MODULES * 2)}; do $b insmod /$m.ko; done # which needs which, changes
for i in 1 2 3 4 5; do [ -e /dev/vport0p4 ] && break; $b sleep 1; done
{{
    $b cat /sys/class/virtio-ports/*/name
    $b dd if=/dev/hwrng bs=32 count=4 2>/dev/null | $b wc -c
    $b md5sum </dev/vport0p1
    $b grep virtio /proc/interrupts
    /int80
    $b cat /etc/marker
    $b ls /nowhere
}} >/dev/vport0p2
"""
ENDS = {"control": (f'echo "exit {STATUS << 8}" >/dev/vport0p4; $b sleep 100', STATUS), "off": ("$b poweroff -f", 0),
        "reboot": ("$b reboot -f", 0), "sysrq": ("echo b >/proc/sysrq-trigger", 0)}


CONSOLE_WORDS = "ignore_loglevel tsc_early_khz=100000 nokaslr earlyprintk=serial,ttyS0,115200,keep"
CONSOLE_PREFIX = "guest kernel: "
CONSOLE_INIT = """#!/bin/busybox sh
b=/bin/busybox
$b mount -t devtmpfs d /dev; $b mount -t proc p /proc
$b uname -a >/dev/kmsg; $b ls / >/dev/kmsg; $b cat /etc/marker >/dev/kmsg
$b poweroff -f
"""


def run(*words, **options):
    return subprocess.run(words, check=True, **options)


def package():
    """The unpacked kernel package."""
    folder = os.path.join(TOP, "sources", "linux-guest")
    if not glob.glob(folder + "/boot/vmlinuz-*"):
        os.makedirs(folder, exist_ok=True)
        text = run("apt-cache", "depends", "linux-image-cloud-amd64", text=True, capture_output=True).stdout
        run("apt-get", "-qq", "download", text.split("Depends: ")[1].split()[0], cwd=folder)
        run("dpkg-deb", "-x", glob.glob(folder + "/*.deb")[0], folder)
    return folder


def vmlinux(package_folder, work):
    """The ELF file inside the bzImage (Linux's Documentation/arch/x86/boot.rst: payload_offset, LZ4)."""
    with open(glob.glob(package_folder + "/boot/vmlinuz-*")[0], "rb") as f:
        image = f.read()
    offset, length = struct.unpack_from("<II", image, 0x248)
    start = (image[0x1F1] + 1) * 512 + offset
    packed = os.path.join(work, "vmlinux.lz4")
    with open(packed, "wb") as f:
        f.write(image[start:start + length - 4])  # the size follows the data
    return run("lz4", "-dc", packed, capture_output=True).stdout


def kernel_file(options, work):
    if options.bzimage:
        return glob.glob(package() + "/boot/vmlinuz-*")[0]
    path = os.path.join(work, "vmlinux")
    with open(path, "wb") as f:
        f.write(vmlinux(package(), work))
    return path


def root_tree(package_folder, work, end):
    root = os.path.join(work, "root")
    for folder in ("bin", "dev", "proc", "sys"):
        os.makedirs(os.path.join(root, folder))
    shutil.copy("/bin/busybox", os.path.join(root, "bin"))
    for module in MODULES:
        shutil.copy(glob.glob(f"{package_folder}/lib/modules/*/kernel/drivers/{module}.ko")[0], root)
    run("gcc", "-m32", "-O1", "-nostdlib", "-static", "-fno-pic", "-fno-stack-protector", "-o", os.path.join(root, "int80"),
        os.path.join(TOP, "tests", "linux", "int80.c"))
    os.makedirs(os.path.join(root, "etc"))
    with open(os.path.join(root, "etc", "marker"), "w", encoding="ascii") as f:
        f.write("a file of the root\n")
    with open(os.path.join(root, "init"), "w", encoding="ascii") as f:
        f.write(INIT + ENDS[end][0] + "\n")
    os.chmod(f.name, 0o755)
    return root


def check(what, good):
    print(("ok      " if good else "FAILED  ") + what)
    return good


def judge_trace(trace, errors):
    """Its processes' calls with the texts that they point to; what is not trapped is named."""
    wanted = ('execve("/int80", ["/int80"]', 'openat(AT_FDCWD, "/etc/marker", O_RDONLY) = 3', '"/nowhere"', "exit_group(0) = ?")
    missing = [w for w in wanted if not any(w in line for line in trace)]
    return [check(f"{len(trace)} lines of its system calls", len(trace) > 500),
            check(f"their paths, missing: {missing or 'none'}", not missing),
            check("int 0x80 is named as not traced", "int 0x80" in errors and "not traced" in errors)]


def judge(result, text, trace, end):
    lines = result.stdout.decode(errors="replace").split("\n")
    names = ["console", "trapline.stdin", "trapline.stdout", "trapline.stderr", "trapline.control"]
    interrupts = [line.split() for line in lines if "PCI-MSI" in line]
    fired = [i for i in interrupts if i[1].isdigit() and int(i[1])]
    good = [check(f"its end: {end}", result.returncode == ENDS[end][1]),
            check("names of the ports", lines[:5] == names),
            check("bytes of the entropy device", lines[5:6] == ["128"]),
            check("standard input and its end", lines[6:7] == [hashlib.md5(text).hexdigest() + "  -"]),
            check(f"MSI-X: {len(interrupts)} vectors, {len(fired)} used", len(interrupts) == 14 and len(fired) >= 3)]
    good.append(check("a 32-bit program's calls by int 0x80", "written by int 0x80" in lines and "a file of the root" in lines))
    if trace is not None:
        good += judge_trace(trace, result.stderr.decode(errors="replace"))
    return all(good)


def console(options, work, kernel, *words):
    """What Linux says on its console, and its init by it, without times."""
    result = subprocess.run([os.path.join(options.build, "trapline"), "run", "--machine", "bochs", "--clock", "virtual",
                             "--memory", "256M", "--timeout", "200", "--verbose", "--guest-kernel", kernel, "--guest-args",
                             WORDS + " " + CONSOLE_WORDS, *words, "--root", os.path.join(work, "root"), "--", "/init"],
                            stdin=subprocess.DEVNULL, capture_output=True, check=False)
    lines = [line.strip() for line in result.stderr.decode(errors="replace").split("\n") if line.startswith(CONSOLE_PREFIX)]
    lines = [re.sub(r"^\[ *[0-9.]+\] ", "", line[len(CONSOLE_PREFIX):]) for line in lines]
    return [line for line in lines if not re.match("kvm-clock: using sched offset|sched_clock: Marking stable", line)]


def compare(options, work):
    """The same console output trapped and direct."""
    root_tree(package(), work, "off")
    with open(os.path.join(work, "root", "init"), "w", encoding="ascii") as f:
        f.write(CONSOLE_INIT)
    kernel = kernel_file(options, work)
    trapped, direct = console(options, work, kernel), console(options, work, kernel, "--no-trap")
    good = check(f"{len(trapped)} lines on the console, the same trapped and direct", trapped == direct and len(trapped) > 200)
    if not good:
        sys.stdout.writelines(difflib.unified_diff(direct, trapped, "direct", "trapped", lineterm="\n"))
    return 0 if good else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--build", default=os.path.join(TOP, "build"))
    parser.add_argument("--no-trap", action="store_true")
    parser.add_argument("--bzimage", action="store_true", help="boot the package's bzImage, not the ELF file in it")
    parser.add_argument("--xapic", action="store_true", help="tell the kernel nox2apic")
    parser.add_argument("--end", choices=ENDS, default="control", help="how Linux ends")
    parser.add_argument("--compare", action="store_true", help="compare the console's output, trapped and direct")
    parser.add_argument("--input", type=int, default=300000, help="bytes of standard input")
    parser.add_argument("--show", action="store_true", help="print what came out")
    options = parser.parse_args()
    text = os.urandom(options.input)
    try:
        package()
    except (subprocess.CalledProcessError, FileNotFoundError, IndexError) as error:
        print(f"Debian's kernel package cannot be fetched: {error}")
        return 77
    with tempfile.TemporaryDirectory() as work:
        if options.compare:
            return compare(options, work)
        kernel = kernel_file(options, work)
        trace = os.path.join(work, "trace")
        words = ["--no-trap"] if options.no_trap else ["-a", "1", "--trace-out", trace]
        command_line = WORDS + (" nox2apic" if options.xapic else "")
        result = subprocess.run([os.path.join(options.build, "trapline"), "run", "--machine", "bochs", "--memory", "256M",
                                 "--timeout", "150", "--guest-kernel", kernel, "--guest-args", command_line, *words, "--root",
                                 root_tree(package(), work, options.end), "--", "/init"], input=text, capture_output=True, check=False)
        calls = None
        if not options.no_trap:
            with open(trace, encoding="utf-8", errors="replace") as f:
                calls = f.read().split("\n")
        good = judge(result, text, calls, options.end)
    if options.show or not good:
        sys.stdout.write(result.stdout.decode(errors="replace") + result.stderr.decode(errors="replace"))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
