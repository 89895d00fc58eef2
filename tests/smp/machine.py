"""Boots the hypervisor in Bochs with several sandboxes from one bundle (abi/sandbox_spec.h), without the launcher."""
import os
import struct
import subprocess
import tempfile
import time

PAGE = 4096
IMAGE_AT = 0x100000
FRAME_MAGIC = 0x314C5054
HELLO, DATA, LOG, TRACE, STATS, CREDIT, EXIT, BYE = range(1, 9)
STDOUT, STDERR, KERNEL_LOG = 1, 2, 3


def align(data, size):
    return data + b"\0" * (-len(data) % size)


class Archive:
    """cpio (newc); the data of larger files begins on a page, as the hypervisor maps it."""

    def __init__(self):
        self.data = b""
        self.inode = 0

    def add(self, name, content, mode=0o100444):
        self.inode += 1
        name = name.encode() + b"\0"
        at = len(self.data) + 110 + len(name)
        at += -at % (PAGE if len(content) >= PAGE // 4 else 4)
        size = at - len(self.data) - 110
        fields = (self.inode, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, size, 0)
        self.data += b"070701" + b"".join(b"%08X" % f for f in fields) + name.ljust(size, b"\0") + content
        self.data = align(self.data, 4)

    def end(self):
        self.add("TRAILER!!!", b"", 0)
        return align(self.data, PAGE)


def root(argv, files=(), environment=("PATH=/bin:/usr/bin",)):
    """A root archive that runs argv; files are (path in the sandbox, path here)."""
    a = Archive()
    for folder in ("bin", "dev", "proc", "tmp", "root"):
        a.add(folder, b"", 0o040755)
    for inside, here in files:
        with open(here, "rb") as f:
            a.add(inside.lstrip("/"), f.read(), 0o100755)
    spec = [f"arg={x}" for x in argv] + [f"env={x}" for x in environment]
    spec += [f"exe={argv[0]}", "cwd=/", "uid=0", "gid=0", "stdio=pipe", "hostname=trapline"]
    a.add(".trapline.init", b"".join(s.encode() + b"\0" for s in spec), 0o100400)
    return a.end()


def spec(**fields):
    return b"".join(f"{key}={value}".encode() + b"\0" for key, value in fields.items())


def bundle(members):
    a = Archive()
    for name, content in members.items():
        a.add(name, content)
    return a.end()


def segments(elf):
    offset, size, count = struct.unpack_from("<Q", elf, 32)[0], *struct.unpack_from("<HH", elf, 54)
    for i in range(count):
        kind, _, at, _, physical, in_file, in_memory, _ = struct.unpack_from("<IIQQQQQQ", elf, offset + i * size)
        yield kind, at, physical, in_file, in_memory


def pvh_entry(elf):
    for kind, at, _, _, in_memory in segments(elf):
        if kind == 4:
            namesz, descsz, number = struct.unpack_from("<III", elf, at)
            if number == 18:
                return struct.unpack_from("<Q", elf, at + 12 + (namesz + 3) // 4 * 4)[0]
    raise ValueError("no PVH note")


def boot_image(elf, modules, command_line, memory):
    image = bytearray(32)
    for kind, at, physical, in_file, in_memory in segments(elf):
        if kind == 1 and in_memory:
            image += b"\0" * (physical - IMAGE_AT - len(image))
            image += elf[at:at + in_file] + b"\0" * (in_memory - in_file)
    image += b"\0" * (-len(image) % PAGE)
    data_at = IMAGE_AT + len(image)
    module_at = data_at + PAGE
    line = command_line.encode() + b"\0"
    info = struct.pack("<IIIIQQQQII", 0x336EC578, 1, 0, 1, data_at + 64, data_at + 512, 0, data_at + 128, 2, 0)
    module = struct.pack("<QQQQ", module_at, len(modules), 0, 0)
    memmap = struct.pack("<QQII", 0, 0xA0000, 1, 0) + struct.pack("<QQII", IMAGE_AT, memory - IMAGE_AT, 1, 0)
    image += info.ljust(64, b"\0") + module.ljust(64, b"\0") + memmap.ljust(384, b"\0") + line
    image += b"\0" * (-len(image) % PAGE) + modules
    image[:24] = b"TRPLBOOT" + struct.pack("<IIII", pvh_entry(elf), data_at, IMAGE_AT + len(image), 0)
    return bytes(image)


def configuration(folder, rom, image, memory, cpus, ips):
    return f"""megs: {memory >> 20}
cpu: model=corei7_skylake_x, count={cpus}, ips={ips}, reset_on_triple_fault=0, ignore_bad_msrs=0
romimage: file={rom}
optramimage1: file={image}, address=0x100000
display_library: rfb, options="timeout=0"
ata0: enabled=0
port_e9_hack: enabled=1
speaker: enabled=0
sound: waveoutdrv=dummy, waveindrv=dummy, midioutdrv=dummy
clock: sync=none, time0=946684800
log: {folder}/bochs.log
panic: action=fatal
error: action=ignore
info: action=ignore
debug: action=ignore
"""


class Result:
    def __init__(self):
        self.output, self.log, self.exits, self.stats, self.order = {}, "", {}, {}, []
        self.kernel_log, self.finished, self.seconds, self.host = {}, False, 0.0, b""


def parse(raw, result, see=None):
    """Sorts the frames in `raw` into `result`; `see` is told the kind of each."""
    at = 0
    while True:
        at = raw.find(struct.pack("<I", FRAME_MAGIC), at)
        if at < 0 or at + 12 > len(raw):
            return result
        kind, stream, sandbox, length = struct.unpack_from("<BBHI", raw, at + 4)
        if not HELLO <= kind <= BYE or length > 65536:
            at += 1
            continue
        payload = raw[at + 12:at + 12 + length]
        at += 12 + length
        if see:
            see(kind)
        if kind == DATA:
            where = result.kernel_log if stream == KERNEL_LOG else result.output
            where[sandbox] = where.get(sandbox, b"") + payload
        elif kind == LOG:
            result.log += payload.decode(errors="replace")
        elif kind == STATS:
            result.stats[sandbox] = dict(line.split(" ", 1) for line in payload.decode().splitlines())
        elif kind == EXIT:
            result.exits[sandbox] = struct.unpack_from("<II", payload)
            result.order.append(sandbox)
        elif kind == BYE:
            result.finished = True


def wait(process, out, timeout, until):
    """Until the machine stops, or all sandboxes of `until` have ended and their last words are out."""
    end = time.monotonic() + timeout
    while process.poll() is None and time.monotonic() < end:
        time.sleep(0.2)
        if until:
            with open(out, "rb") as f:
                if until <= set(parse(f.read(), Result()).exits):
                    break
    if process.poll() is None:
        process.kill()
    process.wait()


def run(build, members, words="loglevel=3", memory=512 << 20, cpus=1, ips=100000000, timeout=120, until=None):
    """Boots; the frames that came out, sorted by sandbox.  `until`: stop once these sandboxes have ended."""
    with open(f"{build}/trapline.elf", "rb") as f:
        elf = f.read()
    with tempfile.TemporaryDirectory() as folder:
        with open(f"{folder}/image", "wb") as f:
            f.write(boot_image(elf, bundle(members), words, memory))
        with open(f"{folder}/bochsrc", "w") as f:
            f.write(configuration(folder, f"{os.path.abspath(build)}/rom.bin", f"{folder}/image", memory, cpus, ips))
        with open(f"{folder}/rc", "w") as f:
            f.write("c\n")
        started = time.monotonic()
        result = Result()
        with open(f"{folder}/out", "wb") as out:
            process = subprocess.Popen(["bochs", "-q", "-unlock", "-f", f"{folder}/bochsrc", "-rc", f"{folder}/rc"],
                                       stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
            wait(process, f"{folder}/out", timeout, until)
        result.seconds = time.monotonic() - started
        with open(f"{folder}/out", "rb") as f:
            raw = f.read()
        if os.path.exists(f"{folder}/bochs.log"):
            with open(f"{folder}/bochs.log", "rb") as f:
                result.host = f.read()[-2000:]
        return parse(raw, result)
