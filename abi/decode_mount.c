/*
 * Printers of the calls that open, configure and attach mounts one by one (fsopen and its kin).
 */
#include "abi/decode_fields.h"

#include <linux/fcntl.h>
#include <linux/mount.h>

#define KEY_SHOWN 256u          /* Linux takes no longer names and values */
#define BINARY_MAX (1024 * 1024) /* nor longer bytes */

static const struct name attributes[] = {
    NAME(MOUNT_ATTR_RDONLY), NAME(MOUNT_ATTR_NOSUID), NAME(MOUNT_ATTR_NODEV), NAME(MOUNT_ATTR_NOEXEC), NAME(MOUNT_ATTR_NOATIME),
    NAME(MOUNT_ATTR_STRICTATIME), NAME(MOUNT_ATTR_NODIRATIME), NAME(MOUNT_ATTR_IDMAP), NAME(MOUNT_ATTR_NOSYMFOLLOW), NAME_END};
static const struct name propagations[] = {{1 << 17, "MS_UNBINDABLE"}, {1 << 18, "MS_PRIVATE"}, {1 << 19, "MS_SLAVE"}, {1 << 20, "MS_SHARED"},
                                           NAME_END};

DECODE_FLAGS(open_tree_flags, "OPEN_TREE_???", NAME(OPEN_TREE_CLONE), NAME(OPEN_TREE_CLOEXEC), NAME(AT_SYMLINK_NOFOLLOW),
             NAME(AT_REMOVEDIR), NAME(AT_SYMLINK_FOLLOW), NAME(AT_NO_AUTOMOUNT), NAME(AT_EMPTY_PATH), NAME(AT_RECURSIVE))

DECODE_FLAGS(move_mount_flags, "MOVE_MOUNT_???", NAME(MOVE_MOUNT_F_SYMLINKS), NAME(MOVE_MOUNT_F_AUTOMOUNTS),
             NAME(MOVE_MOUNT_F_EMPTY_PATH), NAME(MOVE_MOUNT_T_SYMLINKS), NAME(MOVE_MOUNT_T_AUTOMOUNTS),
             NAME(MOVE_MOUNT_T_EMPTY_PATH), NAME(MOVE_MOUNT_SET_GROUP))

DECODE_FLAGS(fsopen_flags, "FSOPEN_???", NAME(FSOPEN_CLOEXEC))

DECODE_FLAGS(fspick_flags, "FSPICK_???", NAME(FSPICK_CLOEXEC), NAME(FSPICK_SYMLINK_NOFOLLOW), NAME(FSPICK_NO_AUTOMOUNT),
             NAME(FSPICK_EMPTY_PATH))

DECODE_FLAGS(fsmount_flags, "FSMOUNT_???", NAME(FSMOUNT_CLOEXEC))

DECODE_FLAGS(mount_attributes, "MOUNT_ATTR_???", NAME(MOUNT_ATTR_RDONLY), NAME(MOUNT_ATTR_NOSUID), NAME(MOUNT_ATTR_NODEV),
             NAME(MOUNT_ATTR_NOEXEC), NAME(MOUNT_ATTR_NOATIME), NAME(MOUNT_ATTR_STRICTATIME), NAME(MOUNT_ATTR_NODIRATIME))

DECODE_FLAGS(mount_at_flags, "AT_???", NAME(AT_SYMLINK_NOFOLLOW), NAME(AT_NO_AUTOMOUNT), NAME(AT_EMPTY_PATH), NAME(AT_RECURSIVE))

DECODE_VALUES(fsconfig_command, "FSCONFIG_???", NAME(FSCONFIG_SET_FLAG), NAME(FSCONFIG_SET_STRING), NAME(FSCONFIG_SET_BINARY),
              NAME(FSCONFIG_SET_PATH), NAME(FSCONFIG_SET_PATH_EMPTY), NAME(FSCONFIG_SET_FD), NAME(FSCONFIG_CMD_CREATE),
              NAME(FSCONFIG_CMD_RECONFIGURE))

static uint32_t command_of(const struct decoder *d)
{
    return (uint32_t)d->call->args[1];
}

void print_fsconfig_key(struct decoder *d, uint64_t value)
{
    if (command_of(d) <= FSCONFIG_SET_FD)
        out_limited_string(d, value, KEY_SHOWN);
    else
        out_address(d, value);
}

static void print_binary(struct decoder *d, uint64_t address, int32_t size)
{
    uint8_t bytes[DECODE_STRING_LIMIT];

    if (size < 0 || size > BINARY_MAX || !address) {
        out_address(d, address);
        return;
    }
    size_t shown = MIN((size_t)size, (size_t)MIN(shown_max(d), DECODE_STRING_LIMIT));
    if (memory_read_string(d, MEMORY_IN, address, bytes, shown) < shown)
        out_address(d, address);
    else
        out_hex_quoted(d, bytes, shown, (size_t)size > shown);
}

void print_fsconfig_value(struct decoder *d, uint64_t value)
{
    switch (command_of(d)) {
    case FSCONFIG_SET_STRING:
        out_limited_string(d, value, KEY_SHOWN);
        break;
    case FSCONFIG_SET_BINARY:
        print_binary(d, value, (int32_t)d->call->args[4]);
        break;
    case FSCONFIG_SET_PATH:
    case FSCONFIG_SET_PATH_EMPTY:
        out_path(d, value);
        break;
    default:
        out_address(d, value);
    }
}

void print_fsconfig_aux(struct decoder *d, uint64_t value)
{
    switch (command_of(d)) {
    case FSCONFIG_SET_PATH:
    case FSCONFIG_SET_PATH_EMPTY:
        print_dirfd(d, value);
        break;
    case FSCONFIG_SET_FD:
        print_fd(d, value);
        break;
    default:
        print_int(d, value);
    }
}

/* Its size is the next argument. */
void print_mount_attr(struct decoder *d, uint64_t value)
{
    static const struct field fields[] = {FIELD(struct mount_attr, attr_set, FIELD_FLAGS, attributes, "MOUNT_ATTR_???"),
                                          FIELD(struct mount_attr, attr_clr, FIELD_FLAGS, attributes, "MOUNT_ATTR_???"),
                                          FIELD(struct mount_attr, propagation, FIELD_NAME, propagations, "MS_???"), FIELD_END};
    uint64_t size = d->call->args[d->index + 1];
    struct mount_attr attr;

    if (size < sizeof attr) {
        out_address(d, value);
        return;
    }
    if (!fetch_in(d, value, &attr, sizeof attr))
        return;
    out_text(d, "{");
    out_fields(d, &attr, sizeof attr, fields);
    out_text(d, ", userns_fd=");
    if ((attr.attr_set & MOUNT_ATTR_IDMAP) && attr.userns_fd <= INT32_MAX)
        out_fd(d, (int)attr.userns_fd);
    else
        out_unsigned(d, attr.userns_fd);
    out_struct_rest(d, value, sizeof attr, size);
    out_text(d, "}");
}
