/*
 * Several sandboxes in one boot: what the launcher tells the hypervisor of each, as members of the bundle
 * (abi/boot_image.h).  Member SANDBOX_SPEC_PREFIX "N" for N = 0, 1, ... without a gap is the spec of sandbox N: text,
 * fields that end in NUL, "key=value"; unknown keys and malformed values refuse that sandbox, not the others.  A bundle
 * without any spec is one sandbox made from the hypervisor's command line, BUNDLE_KERNEL and BUNDLE_ROOT.
 *
 *   name=TEXT       for logs and console prefixes; at most SANDBOX_NAME_MAX bytes of [A-Za-z0-9._-]
 *   kind=linux-abi|kernel
 *   kernel=MEMBER   bundle member: a PVH ELF or (kind kernel) a bzImage; default BUNDLE_KERNEL
 *   initrd=MEMBER   bundle member; none: no initrd.  Mapped into the guest where it lies if no other sandbox names it,
 *                   else copied
 *   cmdline=TEXT    the guest kernel's command line
 *   memory=BYTES  cpus=N  weight=N (1..10000, default 100)  cap=PERCENT of one CPU (0: none)
 *   trap=0|1  trace=off|ring|stream  last=0|1  deny=NR:ERRNO,...  toggle=N    as on the command line
 *
 * Frames on the channel carry the sandbox's number in channel_frame.sandbox; CHANNEL_EXIT comes once for each,
 * CHANNEL_BYE after the last.  Standard input and signals go to sandbox 0.
 */
#ifndef ABI_SANDBOX_SPEC_H
#define ABI_SANDBOX_SPEC_H

#define SANDBOX_SPEC_PREFIX "sandbox/"
#define SANDBOX_MAX 64
#define SANDBOX_NAME_MAX 31

#endif
