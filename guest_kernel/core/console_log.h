/*
 * The kernel's log on the debug port.
 */
#ifndef GUEST_KERNEL_CORE_CONSOLE_LOG_H
#define GUEST_KERNEL_CORE_CONSOLE_LOG_H

void console_log_init(void); /* before the first line */

#endif
