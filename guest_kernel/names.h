/*
 * What this system calls itself: uname(2), /proc/version, /proc/sys/kernel/{hostname,domainname}.
 */
#ifndef GUEST_KERNEL_NAMES_H
#define GUEST_KERNEL_NAMES_H

#include <linux/utsname.h>

#include "config.h"
#include "lib/compiler.h"

#define SYSTEM_NAME "Linux"
#define SYSTEM_RELEASE CONFIG_SYSTEM_RELEASE
#define SYSTEM_VERSION "#1 SMP"
#define SYSTEM_MACHINE "x86_64"

void names_get(struct new_utsname *out);
void hostname_set(const char *name, size_t length); /* cut at __NEW_UTS_LEN */

#endif
