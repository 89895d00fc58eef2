"""A Debian Linux straight on Bochs, started by our boot ROM: for tests that need Linux beside or below Trapline.

The kernel is booted by PVH from one memory image; its root is an archive that the caller fills.  What it writes to its serial
port comes back as text.
"""
import os
import struct
import subprocess

IMAGE = 0x100000
INFO = 0x101000
INITRD = 0x6000000
QUICK = "console=ttyS0,115200 quiet tsc_early_khz=50000 tsc=reliable cryptomgr.notests " \
        "initcall_blacklist=load_system_certificate_list,trace_eval_init"
BOCHS = """memory: guest={memory}, host={memory}
cpu: model={model}, count=1, ips=50000000, reset_on_triple_fault=0, ignore_bad_msrs=1
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


def memory_image(kernel, root, words, memory):
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
    areas = ((0, 0xA0000, 1), (0xA0000, 0x60000, 2), (IMAGE, memory - IMAGE, 1))
    put(IMAGE, struct.pack("<QIIII", 0x544F4F424C505254, entry, INFO, INITRD + len(root), 0))
    put(INFO, struct.pack("<IIIIQQQQII", 0x336EC578, 1, 0, 1, INFO + 0x100, INFO + 0x400, 0, INFO + 0x200, len(areas), 0))
    put(INFO + 0x100, struct.pack("<QQQQ", INITRD, len(root), 0, 0))
    put(INFO + 0x200, b"".join(struct.pack("<QQII", *area, 0) for area in areas))
    put(INFO + 0x400, words.encode() + b"\0")
    return image


def emulate(image, build, work, model, memory):
    """What the Linux in Bochs wrote to its serial port; `memory` in bytes, `model` a CPU of Bochs."""
    names = {name: os.path.join(work, name) for name in ("image", "serial", "log", "configuration", "script")}
    with open(names["image"], "wb") as f:
        f.write(image)
    with open(names["configuration"], "w", encoding="ascii") as f:
        f.write(BOCHS.format(memory=memory >> 20, model=model, rom=os.path.join(build, "rom.bin"), address=IMAGE, **names))
    with open(names["script"], "w", encoding="ascii") as f:
        f.write("c\n")
    try:
        subprocess.run(["bochs", "-q", "-unlock", "-f", names["configuration"], "-rc", names["script"]],
                       stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=600)
    except subprocess.TimeoutExpired:
        print("Bochs did not end within 600 seconds")
    with open(names["serial"], encoding="utf-8", errors="replace") as f:
        return f.read().replace("\r", "")
