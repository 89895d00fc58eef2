/*
 * See tools/run_options.h.
 */
#include "tools/run_options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "tools/bytes.h"
#include "tools/message.h"
#include "tools/option_values.h"
#include "tools/rules.h"

#define DECIMAL_OF(x) #x
#define DECIMAL(x) DECIMAL_OF(x)

enum option_code {
    OPTION_MACHINE = 256, OPTION_TRACE, OPTION_TRACE_OUT, OPTION_TRACE_BINARY, OPTION_LAST, OPTION_NO_TRAP, OPTION_DENY,
    OPTION_MEMORY, OPTION_ENV, OPTION_WORKDIR, OPTION_USER, OPTION_ADD, OPTION_ROOT, OPTION_TIMEOUT, OPTION_VERBOSE,
    OPTION_STATS, OPTION_SAVE_ROOT, OPTION_TOGGLE, OPTION_QEMU_MACHINE, OPTION_CPU, OPTION_HV_ARGS, OPTION_GUEST_ARGS, OPTION_NO_VDSO, OPTION_NO_ASLR, OPTION_CLOCK,
    OPTION_GUEST_KERNEL, OPTION_CPUS, OPTION_HOST_CPUS, OPTION_MANIFEST,
    OPTION_INJECT, OPTION_FAULT, OPTION_POLICY, OPTION_CONTROL, OPTION_PLAIN, OPTION_PACKAGE,
};

static const struct option long_options[] = {
    {"machine", required_argument, NULL, OPTION_MACHINE},
    {"trace", optional_argument, NULL, OPTION_TRACE},
    {"trace-out", required_argument, NULL, OPTION_TRACE_OUT},
    {"trace-binary", required_argument, NULL, OPTION_TRACE_BINARY},
    {"plain", no_argument, NULL, OPTION_PLAIN},
    {"last", no_argument, NULL, OPTION_LAST},
    {"no-trap", no_argument, NULL, OPTION_NO_TRAP},
    {"no-vdso", no_argument, NULL, OPTION_NO_VDSO},
    {"no-aslr", no_argument, NULL, OPTION_NO_ASLR},
    {"deny", required_argument, NULL, OPTION_DENY},
    {"inject", required_argument, NULL, OPTION_INJECT},
    {"fault", required_argument, NULL, OPTION_FAULT},
    {"policy", required_argument, NULL, OPTION_POLICY},
    {"control", required_argument, NULL, OPTION_CONTROL},
    {"memory", required_argument, NULL, OPTION_MEMORY},
    {"cpus", required_argument, NULL, OPTION_CPUS},
    {"host-cpus", required_argument, NULL, OPTION_HOST_CPUS},
    {"manifest", required_argument, NULL, OPTION_MANIFEST},
    {"env", required_argument, NULL, OPTION_ENV},
    {"workdir", required_argument, NULL, OPTION_WORKDIR},
    {"user", required_argument, NULL, OPTION_USER},
    {"add", required_argument, NULL, OPTION_ADD},
    {"package", required_argument, NULL, OPTION_PACKAGE},
    {"root", required_argument, NULL, OPTION_ROOT},
    {"timeout", required_argument, NULL, OPTION_TIMEOUT},
    {"verbose", no_argument, NULL, OPTION_VERBOSE},
    {"stats", no_argument, NULL, OPTION_STATS},
    {"tty", no_argument, NULL, 't'},
    {"save-root", required_argument, NULL, OPTION_SAVE_ROOT},
    {"toggle", required_argument, NULL, OPTION_TOGGLE},
    {"qemu-machine", required_argument, NULL, OPTION_QEMU_MACHINE},
    {"cpu", required_argument, NULL, OPTION_CPU},
    {"clock", required_argument, NULL, OPTION_CLOCK},
    {"hv-args", required_argument, NULL, OPTION_HV_ARGS},
    {"guest-args", required_argument, NULL, OPTION_GUEST_ARGS},
    {"guest-kernel", required_argument, NULL, OPTION_GUEST_KERNEL},
    {"help", no_argument, NULL, 'h'},
};

static const char usage[] =
    "Usage: trapline run [OPTION]... [--] PROGRAM [ARGUMENT]...\n"
    "  or:  trapline run [OPTION]... --manifest FILE\n"
    "Run a Linux program in a sandbox; its system calls are trapped and recorded outside of it.  With --manifest, run all\n"
    "the sandboxes that FILE describes side by side (docs/manifest.md).\n"
    "\n"
    "Machine:\n"
    "      --machine bochs|kvm|qemu  where to run; default: kvm if /dev/kvm offers VMX to guests, else bochs;\n"
    "                                qemu runs the guest kernel alone, without the hypervisor\n"
    "      --memory SIZE             memory of the sandbox, with suffix K, M or G; default " DECIMAL(CONFIG_SANDBOX_MEMORY_MIB) "M,\n"
    "                                or as much as leaves " DECIMAL(CONFIG_SANDBOX_SPARE_MIB) "M beside the root\n"
    "      --cpus N                  CPUs of the sandbox, 1 to 32; default 1\n"
    "      --host-cpus N             CPUs of the machine that the hypervisor gets, 1 to 32; default 1\n"
    "      --timeout SECONDS         end the sandbox after this time, with status 124\n"
    "      --qemu-machine NAME       q35 (default) or pc, for --machine qemu\n"
    "      --cpu MODEL               CPU model of the emulator\n"
    "\n"
    "Program:\n"
    "      --env KEY=VALUE           set in its environment; default PATH, HOME and TERM only\n"
    "      --workdir DIR             its working directory; default /\n"
    "      --user UID[:GID]          its user and group; default 0:0\n"
    "      --add PATH                bring this file or folder along, at the same path, and what it is linked with\n"
    "      --package NAME            bring the files of this installed Debian package along, and of all that it depends on\n"
    "      --root DIR|FILE           its root: a folder or a cpio archive (also gzipped); never written back;\n"
    "                                default: a minimal tree with the program, what it is linked with, /proc,\n"
    "                                /dev and /tmp\n"
    "      --save-root FILE          also write the root's cpio archive, as packed, to FILE\n"
    "      --no-aslr                 programs, stacks and mappings at the same addresses in every run\n"
    "  -t, --tty                     give it a terminal instead of three pipes; Ctrl-] three times ends the sandbox\n"
    "\n"
    "System calls:\n"
    "      --trace[=FILTER]          print calls on standard error; the options below say which, and how\n"
    "      --trace-out FILE          print them into FILE\n"
    "      --trace-binary FILE       also write a log of all records (to be shown later: trapline trace FILE)\n"
    "      --plain                   lines as strace's own: no times (-T), and tasks' numbers only if there are several\n"
    "      --last                    print the flight recorder's last records at the end\n"
    "                                (always done when the program dies by a signal)\n"
    "      --no-trap                 do not trap: calls go straight to the guest kernel\n"
    "                                (while it runs, SIGUSR2 to this program turns trapping off, SIGUSR1 on)\n"
    "      --no-vdso                 no vDSO: reading the clock is a system call, and so is traced\n"
    "      --deny NAME[=ERRNO|end]   refuse this call (EPERM or ERRNO) without asking the guest kernel, or end the sandbox\n"
    "      --policy VERB:CALLS[:WORD]...  what becomes of these calls: allow, deny[=ERROR], kill, end, ask[=TIME]; also by\n"
    "                                path=PATTERN or address=PATTERN (docs/policy.md); the first rule that fits decides\n"
    "      --inject CALLS:WORD...    tamper with these calls: error=, retval=, signal=, delay_enter=, delay_exit=,\n"
    "                                poke_enter=@argN=HEX, poke_exit=, when=FIRST[..LAST][+STEP]\n"
    "      --fault CALLS[:WORD]...   the same, with ENOSYS if nothing else is said\n"
    "      --control PATH            listen on this socket for `trapline control`: change rules, answer questions, attach\n"
    "      --toggle N                switch between trapped and direct every N records (a test)\n"
    "\n"
    "Looking inside:\n"
    "      --verbose                 show the logs of both kernels\n"
    "      --stats                   show exit counts and other figures at the end\n"
    "      --clock real|virtual      Bochs: keep real time (default), or let time jump whenever the program sleeps, the\n"
    "                                same in every run\n"
    "      --hv-args WORDS           append to the hypervisor's command line\n"
    "      --guest-args WORDS        append to the guest kernel's command line\n"
    "      --guest-kernel FILE       boot this kernel (an ELF file with a PVH entry, or a bzImage)\n"
    "  -h, --help                    this text\n"
    "\n";

static const char usage_end[] =
    "\n"
    "The exit status is the program's, 128+N if signal N killed it, 124 after --timeout, 125 if the sandbox could not\n"
    "be run, 126 if PROGRAM cannot be executed, 127 if it does not exist.\n";

void string_list_add(struct string_list *list, const char *item)
{
    list->items = must_realloc(list->items, (list->count + 1) * sizeof *list->items);
    list->items[list->count++] = item;
}

char *string_list_join(const struct string_list *list, char separator)
{
    struct bytes b = {0};

    for (size_t i = 0; i < list->count; i++)
        bytes_append_text(&b, "%.*s%s", i > 0, &separator, list->items[i]);
    bytes_append(&b, "", 1);
    return (char *)b.data;
}

struct trace_program *run_options_program(const struct run_options *o)
{
    struct trace_options everything;

    if (o->no_trap || o->no_records || (!o->trace && !o->trace_binary && !o->control))
        return NULL;
    if (o->trace && !o->trace_binary)
        return trace_options_program(&o->show, o->control);
    if (!o->trace_binary && !o->last)
        return trace_tracked_program();
    trace_options_init(&everything);
    everything.events = o->show.events;
    everything.stacks = o->show.stacks;
    return trace_options_program(&everything, false);
}

const char *trace_mode(const struct run_options *o)
{
    if (o->no_trap || o->no_records)
        return "off";
    return o->trace || o->trace_binary || o->control ? "stream" : "ring";
}

static enum machine_kind parse_machine(const char *name)
{
    if (strcmp(name, "bochs") == 0)
        return MACHINE_BOCHS;
    if (strcmp(name, "kvm") == 0)
        return MACHINE_KVM;
    if (strcmp(name, "qemu") == 0)
        return MACHINE_QEMU;
    fail(EXIT_LAUNCHER, "--machine %s: not one of bochs, kvm, qemu", name);
}

static bool parse_clock(const char *name)
{
    if (strcmp(name, "real") && strcmp(name, "virtual"))
        fail(EXIT_LAUNCHER, "--clock %s: not one of real, virtual", name);
    return strcmp(name, "virtual") == 0;
}

static void require(const char *option, const char *text, const char *reason)
{
    if (reason)
        fail(EXIT_LAUNCHER, "%s %s: %s", option, text, reason);
}

static const char *parse_deny(const char *text)
{
    const char *word;

    require("--deny", text, value_deny(text, &word));
    return word;
}

/* Checked now, made into a rule when the sandbox is. */
static void add_rule(struct run_options *o, const char *kind, const char *text)
{
    struct rule_list scratch = {0};
    const char *line = must_format("%s %s", kind, text);
    const char *wrong = rule_add_line(&scratch, line);

    if (wrong)
        fail(EXIT_LAUNCHER, "--%s %s: %s", kind, text, wrong);
    rule_list_free(&scratch);
    string_list_add(&o->rules, line);
}

static double parse_seconds(const char *text)
{
    char *end;
    double value = strtod(text, &end);

    if (end == text || *end || !(value > 0) || value > 1e9)
        fail(EXIT_LAUNCHER, "--timeout %s: not a number of seconds", text);
    return value;
}

/* -e inject= and -e fault=, as strace has them. */
static bool take_tampering(struct run_options *o)
{
    static const char *const kinds[] = {"inject", "fault"};

    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        size_t n = strlen(kinds[i]);
        if (strncmp(optarg, kinds[i], n) == 0 && optarg[n] == '=') {
            add_rule(o, kinds[i], optarg + n + 1);
            return true;
        }
    }
    return false;
}

static void take_trace(struct run_options *o)
{
    o->trace = true;
    if (optarg)
        trace_option_filter(&o->show, optarg);
}

/* The tail comes after the options that all commands about traces have. */
static void print_usage(void)
{
    fputs(usage, stdout);
    fputs(trace_option_usage, stdout);
    fputs(usage_end, stdout);
}

static void parse_one(struct run_options *o, int code)
{
    switch (code) {
    case OPTION_MANIFEST: o->manifest = optarg; break;
    case OPTION_MACHINE: o->machine = parse_machine(optarg); break;
    case OPTION_TRACE: take_trace(o); break;
    case OPTION_TRACE_OUT: o->trace = true, o->trace_out = optarg; break;
    case OPTION_TRACE_BINARY: o->trace_binary = optarg; break;
    case OPTION_PLAIN: o->plain = true; break;
    case OPTION_LAST: o->last = true; break;
    case OPTION_NO_TRAP: o->no_trap = true; break;
    case OPTION_NO_VDSO: o->no_vdso = true; break;
    case OPTION_NO_ASLR: o->no_aslr = true; break;
    case OPTION_CLOCK: o->virtual_clock = parse_clock(optarg); break;
    case OPTION_DENY: string_list_add(&o->denied, parse_deny(optarg)); break;
    case OPTION_INJECT: add_rule(o, "inject", optarg); break;
    case OPTION_FAULT: add_rule(o, "fault", optarg); break;
    case OPTION_POLICY: add_rule(o, "policy", optarg); break;
    case OPTION_CONTROL: o->control = optarg; break;
    case OPTION_MEMORY: require("--memory", optarg, value_memory(optarg, &o->memory)); break;
    case OPTION_CPUS: require("--cpus", optarg, value_number(optarg, 1, CPUS_MAX, &o->cpus)); break;
    case OPTION_HOST_CPUS: require("--host-cpus", optarg, value_number(optarg, 1, CPUS_MAX, &o->host_cpus)); break;
    case OPTION_ENV: require("--env", optarg, value_environment(optarg)), string_list_add(&o->environment, optarg); break;
    case OPTION_WORKDIR: o->workdir = optarg; break;
    case OPTION_USER: require("--user", optarg, value_user(optarg, &o->uid, &o->gid)); break;
    case OPTION_ADD: string_list_add(&o->added, optarg); break;
    case OPTION_PACKAGE: string_list_add(&o->packages, optarg); break;
    case OPTION_ROOT: o->root = optarg; break;
    case OPTION_SAVE_ROOT: o->save_root = optarg; break;
    case OPTION_TIMEOUT: o->timeout = parse_seconds(optarg); break;
    case OPTION_VERBOSE: o->verbose = true; break;
    case OPTION_STATS: o->stats = true; break;
    case OPTION_TOGGLE: require("--toggle", optarg, value_number(optarg, 1, UINT32_MAX, &o->toggle)); break;
    case OPTION_QEMU_MACHINE: o->qemu_machine = optarg; break;
    case OPTION_CPU: o->cpu_model = optarg; break;
    case OPTION_HV_ARGS: o->hypervisor_words = optarg; break;
    case OPTION_GUEST_ARGS: o->guest_words = optarg; break;
    case OPTION_GUEST_KERNEL: o->guest_kernel = optarg; break;
    case 't': o->tty = true; break;
    case 'h': print_usage(); exit(0);
    case 'e':
        if (take_tampering(o))
            break;
        o->trace = true; /* fall through */
    default:
        if (!trace_option_take(&o->show, code, optarg))
            fail(EXIT_LAUNCHER, "try 'trapline run --help'"); /* getopt has said what was wrong */
    }
}

static void check_together(const struct run_options *o)
{
    if (o->workdir && o->workdir[0] != '/')
        fail(EXIT_LAUNCHER, "--workdir %s: not an absolute path", o->workdir);
    if ((o->show.events || o->show.stacks) && !o->trace_binary && !o->trace)
        fail(EXIT_LAUNCHER, "--trace-events and -k are for --trace and --trace-binary");
    bool traps = o->trace || o->last || o->trace_binary || o->denied.count || o->rules.count || o->toggle;

    if (o->no_trap && traps)
        fail(EXIT_LAUNCHER, "--no-trap leaves nothing to trace or deny");
    if (o->machine == MACHINE_QEMU && (traps || o->control))
        fail(EXIT_LAUNCHER, "--machine qemu runs without the hypervisor, which alone traces and denies calls");
    if (o->machine == MACHINE_QEMU && o->host_cpus > 1)
        fail(EXIT_LAUNCHER, "--host-cpus is for the hypervisor's machine; --machine qemu has --cpus");
    if (o->qemu_machine && o->machine != MACHINE_QEMU)
        fail(EXIT_LAUNCHER, "--qemu-machine needs --machine qemu");
}

/* What makes no sense, or not yet, for several sandboxes. */
static void check_manifest(const struct run_options *o)
{
    if (o->machine == MACHINE_QEMU)
        fail(EXIT_LAUNCHER, "--manifest: --machine qemu runs without the hypervisor, and so one sandbox only");
    if (o->tty || o->trace_binary || o->save_root || o->root || o->added.count || o->packages.count || o->environment.count || o->guest_kernel)
        fail(EXIT_LAUNCHER, "--manifest: not with --tty, --trace-binary, --save-root; --root, --add, --package, --env and "
             "--guest-kernel are keys of the manifest");
}

static char program_name[] = "trapline"; /* what getopt starts its messages with */

void run_options_parse(struct run_options *o, int argc, char **argv)
{
    int code;

    *o = (struct run_options){.cpus = 1, .host_cpus = 1, .workdir = "/"};
    opterr = 1;
    argv[0] = program_name;
    struct option *all = trace_options_join(long_options, ARRAY_SIZE(long_options));
    trace_options_init(&o->show);
    while ((code = getopt_long(argc, argv, "+th" TRACE_OPTION_LETTERS, all, NULL)) != -1)
        parse_one(o, code);
    free(all);
    if (!o->plain)
        o->show.durations = o->show.label_all = true;
    trace_options_complete(&o->show);
    if (o->manifest && optind < argc)
        fail(EXIT_LAUNCHER, "%s: the programs are the manifest's", argv[optind]);
    if (!o->manifest && optind >= argc)
        fail(EXIT_LAUNCHER, "no program given; try 'trapline run --help'");
    if (!o->manifest)
        o->program = argv + optind;
    check_together(o);
    if (o->manifest)
        check_manifest(o);
}
