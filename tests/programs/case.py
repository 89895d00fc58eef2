"""What a case of tests/programs is, and the list of all of them."""
import glob
import shutil

CASES = []


class Case:
    """
    A command that must do the same on Linux and in a sandbox.

    name: one word.  command: program and arguments.  packages: of Debian.  programs: further ones, found in PATH.
    add: further files and folders, with * for what differs between versions.  stdin, env: its input, further variables.
    masks: (regular expression, replacement) for what may differ.  unordered: lines may come in any order.
    places: where the whole list runs it; quick_places: where tools/test does (none: not at all).
    """

    def __init__(self, name, command, packages, programs=(), add=(), stdin="", env=None, masks=(), unordered=False,
                 places=("qemu",), quick_places=(), cpus=0, memory="", timeout=60):
        self.name, self.command, self.packages = name, list(command), list(packages)
        self.programs, self.add, self.stdin, self.env = list(programs), list(add), stdin, env or {}
        self.masks, self.unordered, self.places, self.quick_places = list(masks), unordered, list(places), list(quick_places)
        self.cpus, self.memory, self.timeout = cpus, memory, timeout
        self.quick = bool(quick_places)
        CASES.append(self)

    def environment(self, base):
        return dict(base, **self.env)

    def paths(self):
        """All that is to be packed beside the command's own program."""
        found = [shutil.which(program, path="/usr/sbin:/usr/bin:/sbin:/bin") or program
                 for program in self.programs]
        for pattern in self.add:
            found += sorted(glob.glob(pattern)) if "*" in pattern else [pattern]
        return found


def bash(name, script, programs=(), packages=(), **more):
    """A script for bash."""
    return Case(name, ["/bin/bash", "-c", script], ["bash", *packages], programs, **more)
