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
import struct
import subprocess
import sys
import tempfile

import boot

IMAGE = 0x100000
INFO = 0x101000
INITRD = 0x6000000
MEMORY = 1024 << 20
STATUS = 7
MODULES = ("virt/lib/irqbypass", "arch/x86/kvm/kvm", "arch/x86/kvm/kvm-intel")
WORDS = (b"console=ttyS0,115200 quiet tsc_early_khz=50000 tsc=reliable cryptomgr.notests mitigations=off nokaslr reboot=t "
         b"initcall_blacklist=load_system_certificate_list,trace_eval_init\0")
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
BOCHS = """memory: guest={memory}, host={memory}
cpu: model=corei7_haswell_4770, count=1, ips=50000000, reset_on_triple_fault=0, ignore_bad_msrs=1
romimage: file={rom}
optramimage1: file={image}, address={address:#x}
display_library: rfb, options="timeout=0"
com1: enabled=1, mode=file, dev={serial}
speaker: enabled=0
sound: waveoutdrv=dummy, waveindrv=dummy, midioutdrv=dummy
clock: sync=none, time0=946684800
log: {log}
panic: action=fatal
error: action=ignore
info: action=ignore
"""


class Archive:
    """A cpio archive in the newc format."""

    def __init__(self):
        self.parts = []
        self.folders = set()

    def member(self, name, mode, data=b""):
        fields = (len(self.parts) + 1, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
        head = b"070701" + b"".join(b"%08x" % f for f in fields) + name.encode() + b"\0"
        self.parts.append(head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4))

    def folder(self, name):
        if name and name not in self.folders:
            self.folder(os.path.dirname(name))
            self.folders.add(name)
            self.member(name, 0o40755)

    def file(self, name, data):
        self.folder(os.path.dirname(name))
        self.member(name, 0o100755, data)

    def copy(self, source, name=None):
        with open(source, "rb") as f:
            self.file((name or source).lstrip("/"), f.read())

    def bytes(self):
        self.member("TRAILER!!!", 0)
        return b"".join(self.parts)


def with_libraries(archive, program, name=None):
    archive.copy(program, name)
    for word in boot.run("ldd", program, text=True, capture_output=True).stdout.split():
        if word.startswith("/") and word.lstrip("/") not in archive.seen:
            archive.seen.add(word.lstrip("/"))
            archive.copy(os.path.realpath(word), word)


def root_archive(package, build, work):
    archive = Archive()
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


def memory_image(kernel, root):
    """What Bochs loads at 1 MiB: header (abi/boot_image.h), PVH start info, the kernel's segments, its root."""
    image = bytearray(INITRD - IMAGE) + root

    def put(address, data):
        image[address - IMAGE:address - IMAGE + len(data)] = data

    table, = struct.unpack_from("<Q", kernel, 32)
    count, = struct.unpack_from("<H", kernel, 56)
    entry = None
    for i in range(count):
        kind, _, offset, _, address, size = struct.unpack_from("<IIQQQQ", kernel, table + 56 * i)
        if kind == 1:
            put(address, kernel[offset:offset + size])
        at = kernel.find(b"\x12\0\0\0Xen\0", offset, offset + size) if kind == 4 else -1
        if at >= 0:
            entry, = struct.unpack_from("<I", kernel, at + 8)
    areas = ((0, 0xA0000, 1), (0xA0000, 0x60000, 2), (IMAGE, MEMORY - IMAGE, 1))
    put(IMAGE, struct.pack("<QIIII", 0x544F4F424C505254, entry, INFO, INITRD + len(root), 0))
    put(INFO, struct.pack("<IIIIQQQQII", 0x336EC578, 1, 0, 1, INFO + 0x100, INFO + 0x400, 0, INFO + 0x200, len(areas), 0))
    put(INFO + 0x100, struct.pack("<QQQQ", INITRD, len(root), 0, 0))
    put(INFO + 0x200, b"".join(struct.pack("<QQII", *area, 0) for area in areas))
    put(INFO + 0x400, WORDS)
    return image


def emulate(image, build, work):
    """What the Linux in Bochs wrote to its serial port."""
    names = {name: os.path.join(work, name) for name in ("image", "serial", "log", "configuration", "script")}
    with open(names["image"], "wb") as f:
        f.write(image)
    with open(names["configuration"], "w", encoding="ascii") as f:
        f.write(BOCHS.format(memory=MEMORY >> 20, rom=os.path.join(build, "rom.bin"), address=IMAGE, **names))
    with open(names["script"], "w", encoding="ascii") as f:
        f.write("c\n")
    try:
        subprocess.run(["bochs", "-q", "-unlock", "-f", names["configuration"], "-rc", names["script"]],
                       stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=600)
    except subprocess.TimeoutExpired:
        print("Bochs did not end within 600 seconds")
    with open(names["serial"], encoding="utf-8", errors="replace") as f:
        return f.read().replace("\r", "")


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
        image = memory_image(boot.vmlinux(package, work), root_archive(package, build, work))
        text = emulate(image, build, work)
    good = judge(text)
    if options.show or not good:
        sys.stdout.write(text)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
