/*
 * See hv/vmx/vmcs.h.
 */
#include "hv/vmx/vmcs.h"

#include <asm-generic/errno.h>

#include "lib/log.h"

static const struct {
    enum vmcs_field field;
    const char *name;
} names[] = {
#define VMCS_FIELD(name, encoding) {VMCS_##name, #name},
#include "hv/vmx/fields.def"
#undef VMCS_FIELD
};

const char *vmcs_field_name(enum vmcs_field field)
{
    for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
        if (names[i].field == field)
            return names[i].name;
    return "?";
}

void vmcs_write_failed(enum vmcs_field field, uint64_t value)
{
    panic("vmcs: writing %#llx to %s failed with error %u", (unsigned long long)value, vmcs_field_name(field),
          (unsigned)vmcs_read(VMCS_INSTRUCTION_ERROR));
}

int vmcs_write_rows(const struct vmcs_row *rows, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        bool failed;
        __asm__ volatile("vmwrite %2, %1"
                         : "=@ccna"(failed)
                         : "r"((uint64_t)rows[i].field), "r"(rows[i].value));
        if (!failed)
            continue;
        log_error("vmcs: this CPU refuses %s = %#llx", rows[i].name, (unsigned long long)rows[i].value);
        return -EINVAL;
    }
    return 0;
}
