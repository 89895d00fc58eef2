"""Which of strace's own tests we can run, and how: the lines of its gen_tests.in, the scripts that they name, and some tests with scripts
of their own, as data (class Test).  What strace needs and we have not is said in `cannot`."""
import os
import re
import shlex

# Options that mean the same to us; those with a value.
PLAIN = re.compile(r"^(-(f|y|yy|v|x|xx|T|r|q+|z|Z|n|i|tt?t?)|--(no-abbrev|decode-fds|successful-only|failed-only|strings-in-hex(=(none|non-ascii|all))?))$")
VALUED = re.compile(r"^(-[aseXP]|--(trace|string-limit|columns|trace-path|signal|status))(=?.*)$")
CANNOT = [("the result is injected: the hypervisor answers, and shows no memory", r"inject|fault"),
          ("SELinux's contexts of files", r"secontext"),
          ("pid namespaces", r"^test_pidns|check_scno_tampering"),
          ("strace's own exits of KVM", r"-e ?kvm"),
          ("names of tasks beside their numbers", r"-Y|decode-pids"),
          ("sets of kinds of descriptors that are shown", r"decode-fds?=|decode-fd"),
          ("messages of strace about itself", r"--quiet|--silence")]
QUIRK_ARGUMENTS, QUIRK_START = "QUIRK:PROG-ARGS:", "QUIRK:START-OF-TEST-OUTPUT"

# What strace's scripts, named after a + in gen_tests.in, add: options, and what Test has.
SCRIPTS = {
    "ioctl.test": ("-a16 -e trace=ioctl", {"drop": r"ioctl\([012][,<]"}),
    "netlink_sock_diag.test": ("-e trace=sendto", {}),
    "prctl.sh": ("-e trace=prctl", {"after": r"prctl\(0xffffffff( /\* PR_\?\?\? \*/)?, 0xfffffffe, 0xfffffffd, 0xfffffffc, 0xfffffffb\)  *= -1 "}),
    "arch_prctl.sh": ("-e trace=arch_prctl", {"after": r"arch_prctl\(0xffffffff( /\* ARCH_\?\?\? \*/)?, 0xfffffffe\)  *= -1 "}),
    "faccessat.test": ("-a23 -e trace=faccessat", {"start": r"faccessat\(-1, NULL,"}),
    "faccessat2.test": ("-a27 -e trace=faccessat2", {"start": r"faccessat2\(-1, NULL,"}),
    "fadvise64.test": ("-e trace=fadvise64", {"drop": r"fadvise64\([0123],"}),
    "personality.test": ("-a20 -e trace=personality", {"patterns": True}),
    "ipc.sh": ("-e trace=%ipc", {"patterns": True}),
    "ipc_msgbuf.test": ("-a26 -v -e trace=msgget,msgsnd,msgrcv,msgctl", {"patterns": True}),
}
MAPPING = "-e trace=mmap,madvise,mlockall,mprotect,mremap,msync,munmap"
MAPPING_START = {"start": r"mmap\(NULL, 0, (0 /\* PROT_NONE \*/|0|PROT_NONE),", "arguments": ["mmap"]}

# Tests that have a script each, of which this is what matters.
BY_HAND = {
    "futex": ("-a27", {}),
    "readv": ("-a16 -e trace=readv,writev -e read=all -e write=all", {}),
    "umount2": ("-s7", {}),
    "readlink": ("-xx", {"after": r'readlink\("\\x2f\\x70\\x72\\x6f\\x63'}),  # as a static program begins
    "inotify_init-y": ("-a15 -y -e trace=inotify_init", {}),
    "clone-flags": ("-q -e signal=none -e trace=clone", {"patterns": True}),
    "fadvise64": SCRIPTS["fadvise64.test"],
    "faccessat": SCRIPTS["faccessat.test"],
    "faccessat2": SCRIPTS["faccessat2.test"],
    "personality": SCRIPTS["personality.test"],
    "mmap": ("-a20 " + MAPPING, MAPPING_START),
    "poll": ("-a16 -v -e trace=poll", {}),
    "uname": ("-v -e trace=uname", {"unique": True}),
}


class Test:
    """A program, our options, the arguments it gets, and what of its lines is compared (regular expressions, or nothing)."""

    def __init__(self, name, options, arguments=(), start=None, after=None, drop=None, patterns=False, unique=False, redirections=""):
        self.name, self.options, self.arguments = name, options, list(arguments)
        self.start, self.after, self.drop = start, after, drop  # from the first such line; what follows the first; without these
        self.patterns = patterns  # the program prints expressions, each of which a line of ours must match
        self.unique, self.redirections = unique, redirections  # lines that repeat are one; the shell's
        self.program = name
        self.follows = "-f" in options

    def shell_redirections(self):
        return self.redirections if re.search(r"(^|\s)0?<", self.redirections) else self.redirections + " </dev/null"

    def starts_apart(self):
        """Must the execve that begins the test be asked for?  What its process did before is not the test's."""
        text = " ".join(self.options)
        return not self.follows and not re.search(r"exec|=all|trace=none|%process|%file|-P|trace-path|status|-z|-Z|successful|failed", text)

    def with_start(self, words):
        """The same options, so that the execve is among the lines."""
        if not self.starts_apart():
            return words
        return [re.sub(r"^(--trace=|-e ?trace=|trace=)(.*)$", r"\1\2 || execve", word) for word in words]


def of_words(name, words, more):
    """A test by the words of a row; quirks are taken out of them."""
    options, more = [], dict(more)
    for word in words:
        if word.startswith(QUIRK_ARGUMENTS):
            more["arguments"] = word[len(QUIRK_ARGUMENTS):].split()
        elif word.startswith(QUIRK_START + "-REGEX:"):
            more["start"] = word[len(QUIRK_START) + 7:]
        elif word.startswith(QUIRK_START + ":"):
            more["start"] = re.escape(word[len(QUIRK_START) + 1:])
        else:
            options.append(word)
    if not re.search(r"-e ?trace=|--trace=", " ".join(options)):
        options += ["-e", f"trace={name}"]
    return Test(name, options, **more)


def usable(words):
    """Are all these options ours too?"""
    skip = False
    for word in words:
        if skip:
            skip = False
        elif word.startswith((QUIRK_ARGUMENTS, QUIRK_START)) or PLAIN.match(word):
            continue
        elif VALUED.match(word):
            skip = VALUED.match(word).group(3) == "" and not word.startswith("--")
        else:
            return False
    return True


def by_script(name, rest):
    """A row that names a script with + in front, or None."""
    script, *words = shlex.split(rest[1:].split(";")[0])
    if script == "mmap.test":
        style, column = (words + ["", ""])[:2]
        return of_words(name, shlex.split(MAPPING) + ["-a", column or "20"] + (["-X", style] if style else []), MAPPING_START)
    if script == "getuid.test":
        program = re.sub("-creds$", "", name)
        test = of_words(name, ["-qq", "-a9", "-e", "trace=" + (program if program == name else "%creds")], {"unique": True})
        test.program = program
        return test
    if script not in SCRIPTS or not usable(words):
        return None
    options, more = SCRIPTS[script]
    return of_words(name, shlex.split(options) + words, more)


def by_row(name, rest):
    """A row of gen_tests.in, or None."""
    rest, _, redirections = re.match(r"(.*?)(\s+((?:\d*[<>]+\S+\s*)+))?$", rest).groups()
    rest = rest.replace("$NAME", name)
    if rest.startswith("+"):
        return by_script(name, rest)
    if (rest and not rest.startswith("-")) or re.search(r"[<>$|`]", rest):
        return None
    words = shlex.split(rest)
    return of_words(name, words, {"redirections": redirections or ""}) if usable(words) else None


def why_not(rest):
    """Why a row cannot be run: its class."""
    for why, pattern in CANNOT:
        if re.search(pattern, rest):
            return why
    return f"script {rest.split()[0][1:]}" if rest.startswith("+") else "a script of its own"


def all_tests(folder):
    """({name: Test}, {name: why it cannot be run}); programs for other machines skip themselves."""
    tests, others = {}, {}
    with open(os.path.join(folder, "gen_tests.in"), encoding="utf-8") as f:
        rows = [line.split(None, 1) for line in f]
    for fields in rows:
        if not fields or fields[0].startswith("#"):
            continue
        name, rest = fields[0], fields[1].strip() if len(fields) > 1 else ""
        test = None if name in BY_HAND or any(re.search(pattern, rest) for _, pattern in CANNOT) else by_row(name, rest)
        if test and os.path.exists(os.path.join(folder, test.program + ".c")):
            tests[name] = test
        else:
            others[name] = why_not(rest)
    scripts = {name[:-5] for name in os.listdir(folder) if name.endswith(".test") and not name.endswith(".gen.test")}
    for name in scripts | set(BY_HAND):
        if name not in tests:
            if name in BY_HAND and os.path.exists(os.path.join(folder, name + ".c")):
                options, more = BY_HAND[name]
                tests[name] = of_words(name, shlex.split(options), more)
            else:
                others[name] = "a script of its own"
    return tests, others
