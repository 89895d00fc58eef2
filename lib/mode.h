/*
 * File type and permission bits (S_IFDIR, S_ISREG, ...).  <linux/stat.h> has them but hides them once any header of the C
 * library was seen, and <bsd/sys/queue.h> includes one; so that header is always taken through here.
 */
#ifndef LIB_MODE_H
#define LIB_MODE_H

#ifndef __KERNEL__
#define __KERNEL__
#include <linux/stat.h>
#undef __KERNEL__
#else
#include <linux/stat.h>
#endif

#define S_PERMISSIONS 07777u                  /* what chmod(2) changes */
#define MODE_TO_DT(mode) (((mode) >> 12) & 15) /* DT_* of getdents(2) */

#endif
