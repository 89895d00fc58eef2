/*
 * Printers of calls by which programs confine themselves: Landlock, setns and the like (seccomp: decode_seccomp.c).
 */
#include "abi/decode_fields.h"

#include <linux/landlock.h>
#include <linux/sched.h>

/* Names that newer headers have: facts of Linux's interface. */
static const struct name accesses[] = {
    NAME(LANDLOCK_ACCESS_FS_EXECUTE), NAME(LANDLOCK_ACCESS_FS_WRITE_FILE), NAME(LANDLOCK_ACCESS_FS_READ_FILE),
    NAME(LANDLOCK_ACCESS_FS_READ_DIR), NAME(LANDLOCK_ACCESS_FS_REMOVE_DIR), NAME(LANDLOCK_ACCESS_FS_REMOVE_FILE),
    NAME(LANDLOCK_ACCESS_FS_MAKE_CHAR), NAME(LANDLOCK_ACCESS_FS_MAKE_DIR), NAME(LANDLOCK_ACCESS_FS_MAKE_REG),
    NAME(LANDLOCK_ACCESS_FS_MAKE_SOCK), NAME(LANDLOCK_ACCESS_FS_MAKE_FIFO), NAME(LANDLOCK_ACCESS_FS_MAKE_BLOCK),
    NAME(LANDLOCK_ACCESS_FS_MAKE_SYM), NAME(LANDLOCK_ACCESS_FS_REFER), NAME_END};

DECODE_FLAGS(landlock_flags, "LANDLOCK_CREATE_RULESET_???", NAME(LANDLOCK_CREATE_RULESET_VERSION))

DECODE_VALUES(landlock_rule, "LANDLOCK_RULE_???", NAME(LANDLOCK_RULE_PATH_BENEATH))

/* Its size is the next argument; what a newer program says beyond what is known here is hinted at. */
void print_landlock_ruleset(struct decoder *d, uint64_t value)
{
    static const struct field fields[] = {
        FIELD(struct landlock_ruleset_attr, handled_access_fs, FIELD_FLAGS, accesses, "LANDLOCK_ACCESS_FS_???"), FIELD_END};
    uint64_t handled;

    if (d->call->args[1] < sizeof handled) {
        out_address(d, value);
        return;
    }
    if (!fetch_in(d, value, &handled, sizeof handled))
        return;
    out_text(d, "{");
    out_fields(d, &handled, sizeof handled, fields);
    out_text(d, d->call->args[1] > sizeof handled ? ", ...}" : "}");
}

void print_landlock_attr(struct decoder *d, uint64_t value)
{
    static const struct field fields[] = {
        FIELD(struct landlock_path_beneath_attr, allowed_access, FIELD_FLAGS, accesses, "LANDLOCK_ACCESS_FS_???"),
        FIELD(struct landlock_path_beneath_attr, parent_fd, FIELD_FD), FIELD_END};
    struct landlock_path_beneath_attr attr;

    if ((uint32_t)d->call->args[1] != LANDLOCK_RULE_PATH_BENEATH) {
        out_address(d, value);
        return;
    }
    if (!fetch_in(d, value, &attr, sizeof attr))
        return;
    out_text(d, "{");
    out_fields(d, &attr, sizeof attr, fields);
    out_text(d, "}");
}

DECODE_FLAGS(setns_flags, "CLONE_NEW???", NAME(CLONE_NEWTIME), NAME(CLONE_NEWNS), NAME(CLONE_NEWCGROUP), NAME(CLONE_NEWUTS),
             NAME(CLONE_NEWIPC), NAME(CLONE_NEWUSER), NAME(CLONE_NEWPID), NAME(CLONE_NEWNET))
