/*
 * What the guest kernel is to run, handed over as a member of the root archive that is not made a file: the cpio member
 * INIT_SPEC_NAME, in any of the concatenated archives.  Text, fields end in NUL: "key=value".  Keys may repeat where
 * it says so; unknown keys are refused (the kernel says which).  Standard Linux guests never see this: the key
 * `init=` of the kernel command line and `--` arguments are the fallback when the member is missing.
 *
 *   arg=TEXT       one per argument, argv[0] first (repeats)
 *   env=K=V        (repeats)
 *   exe=PATH       file to execute; default: argv[0]
 *   cwd=PATH       default "/"
 *   uid=N gid=N    default 0
 *   stdio=pipe|joined|tty   pipe (default): 0, 1, 2 are the three named virtio-console ports; joined: 2 is another
 *                  descriptor of 1's file, so that what is written to both keeps its order; tty: all are /dev/hvc0
 *   rows=N columns=N    of the terminal
 *   hostname=TEXT
 *
 * Ports of the virtio-console device (multiport), by name.  Port 0 is the console of stdio=tty.
 * Control port, guest to host, lines of text: "exit STATUS\n" (decimal wait status of the first process), then the
 * guest powers off.  Host to guest: "signal N\n", "size ROWS COLUMNS\n".
 *
 * With the word tty=stdio on the kernel command line the terminal's bytes go through the two ports of standard input and
 * output instead of the console's, which not every host serves as well.
 */
#ifndef ABI_INIT_SPEC_H
#define ABI_INIT_SPEC_H

#define INIT_SPEC_NAME ".trapline.init"

#define PORT_STDIN "trapline.stdin"
#define PORT_STDOUT "trapline.stdout"
#define PORT_STDERR "trapline.stderr"
#define PORT_CONTROL "trapline.control"

enum { PORT_NR_CONSOLE, PORT_NR_STDIN, PORT_NR_STDOUT, PORT_NR_STDERR, PORT_NR_CONTROL, PORT_COUNT };

#endif
