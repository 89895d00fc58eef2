/*
 * See madt.h.
 */
#include "lib/madt.h"

#include <asm-generic/errno.h>

#include "lib/string.h"

#define TABLE_SIZE_MAX MiB(1) /* more is not believed */

#define RSDP_V1_SIZE 20
#define RSDP_ALIGNMENT 16
#define MADT_LOCAL_APIC 0
#define MADT_LOCAL_X2APIC 9
#define MADT_ENABLED BIT(0)

struct rsdp {
    char signature[8];
    uint8_t checksum; /* of the first 20 bytes */
    char oem[6];
    uint8_t revision;
    uint32_t rsdt;
    /* From revision 2: */
    uint32_t length;
    uint64_t xsdt;
    uint8_t extended_checksum;
    uint8_t reserved[3];
} packed_layout;

struct table_header {
    char signature[4];
    uint32_t length; /* of the table, this header included */
    uint8_t revision, checksum;
    char oem[6], oem_table[8];
    uint32_t oem_revision, creator, creator_revision;
} packed_layout;

struct madt {
    struct table_header header;
    uint32_t local_apic, flags;
    uint8_t entries[];
} packed_layout;

struct madt_entry {
    uint8_t type, length;
    union {
        struct {
            uint8_t processor, apic_id;
            uint32_t flags;
        } packed_layout apic;
        struct {
            uint16_t reserved;
            uint32_t apic_id, flags, processor;
        } packed_layout x2apic;
    };
} packed_layout;

_Static_assert(sizeof(struct rsdp) == 36 && sizeof(struct table_header) == 36, "ACPI 5.2.5.3, 5.2.6");
_Static_assert(sizeof(struct madt) == 44 && sizeof(struct madt_entry) == 16, "ACPI 5.2.12");

static bool sum_is_zero(const void *data, size_t n)
{
    const uint8_t *p = data;
    uint8_t sum = 0;

    while (n--)
        sum = (uint8_t)(sum + *p++);
    return sum == 0;
}

/* The whole table at phys, its length and checksum good; NULL: not. */
static const struct table_header *table_at(uint64_t phys, madt_reach *reach)
{
    const struct table_header *t = phys ? reach(phys, sizeof *t) : NULL;
    uint32_t length = t ? t->length : 0;

    if (length < sizeof *t || length > TABLE_SIZE_MAX)
        return NULL;
    t = reach(phys, length);
    return t && sum_is_zero(t, length) ? t : NULL;
}

static bool is_rsdp(const struct rsdp *r)
{
    return r && !memcmp(r->signature, "RSD PTR ", sizeof r->signature) && sum_is_zero(r, RSDP_V1_SIZE);
}

/* Where the root table is, and how wide its entries are.  0: no good. */
static uint64_t root_table(uint64_t rsdp_phys, madt_reach *reach, size_t *entry_size)
{
    const struct rsdp *r = rsdp_phys ? reach(rsdp_phys, RSDP_V1_SIZE) : NULL;

    if (!is_rsdp(r))
        return 0;
    *entry_size = sizeof(uint32_t);
    if (r->revision < 2)
        return r->rsdt;
    r = reach(rsdp_phys, sizeof *r);
    if (!r || r->length < sizeof *r || !sum_is_zero(r, sizeof *r))
        return 0;
    if (!r->xsdt)
        return r->rsdt;
    *entry_size = sizeof(uint64_t);
    return r->xsdt;
}

/* Physical address of entry i of the root table, 0: past its end or the table is bad. */
static uint64_t root_entry(uint64_t root, size_t entry_size, size_t i, madt_reach *reach)
{
    const struct table_header *t = table_at(root, reach);
    uint64_t phys = 0;

    if (t && (i + 1) * entry_size <= t->length - sizeof *t)
        memcpy(&phys, (const char *)(t + 1) + i * entry_size, entry_size);
    return phys;
}

static void cpu_add(struct madt_cpus *out, uint32_t apic_id)
{
    for (uint32_t i = 0; i < out->count; i++)
        if (out->apic_ids[i] == apic_id)
            return;
    if (out->count == MADT_CPUS_MAX)
        out->left_out++;
    else
        out->apic_ids[out->count++] = apic_id;
}

static void entry_read(const struct madt_entry *e, struct madt_cpus *out)
{
    if (e->type == MADT_LOCAL_APIC && e->length >= 8 && (e->apic.flags & MADT_ENABLED))
        cpu_add(out, e->apic.apic_id);
    else if (e->type == MADT_LOCAL_X2APIC && e->length >= 16 && (e->x2apic.flags & MADT_ENABLED))
        cpu_add(out, e->x2apic.apic_id);
}

static int entries_read(const struct madt *m, struct madt_cpus *out)
{
    size_t left = m->header.length - sizeof *m;

    for (const uint8_t *at = m->entries; left; left -= at[1], at += at[1]) {
        if (left < 2 || at[1] < 2 || at[1] > left)
            return -EINVAL;
        entry_read((const struct madt_entry *)(const void *)at, out);
    }
    return 0;
}

int madt_read(uint64_t rsdp_phys, madt_reach *reach, struct madt_cpus *out)
{
    size_t entry_size = 0;
    uint64_t root = root_table(rsdp_phys, reach, &entry_size), phys;

    out->count = out->left_out = 0;
    if (!rsdp_phys)
        return -ENOENT;
    if (!root || !table_at(root, reach))
        return -EINVAL;
    for (size_t i = 0; (phys = root_entry(root, entry_size, i, reach)); i++) {
        const struct table_header *t = reach(phys, sizeof *t);

        if (!t || memcmp(t->signature, "APIC", sizeof t->signature))
            continue;
        const struct madt *m = (const void *)table_at(phys, reach);

        if (!m || m->header.length < sizeof *m || entries_read(m, out)) {
            out->count = out->left_out = 0;
            return -EINVAL;
        }
        return 0;
    }
    return -ENOENT;
}

uint64_t madt_find_rsdp(uint64_t start, uint64_t end, madt_reach *reach)
{
    for (uint64_t at = start; at + RSDP_V1_SIZE <= end; at += RSDP_ALIGNMENT)
        if (is_rsdp(reach(at, RSDP_V1_SIZE)))
            return at;
    return 0;
}
