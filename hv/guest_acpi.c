/*
 * See hv/guest_acpi.h.
 */
#include "hv/guest_acpi.h"

#include "hv/guest_dsdt.h"
#include "lib/string.h"

#define LOCAL_APIC_ADDRESS 0xfee00000u
#define LOCAL_APIC_ENABLED 1u
#define SPACE_IO 1
#define ACCESS_BYTE 1
#define FADT_RESET_REGISTER BIT(10)
#define FADT_HARDWARE_REDUCED BIT(20)
#define FADT_BOOT_NO_VGA BIT(2)
#define FADT_BOOT_NO_CMOS_CLOCK BIT(5)

struct rsdp {
    char signature[8];
    uint8_t checksum; /* of the first 20 bytes */
    char oem_id[6];
    uint8_t revision;
    uint32_t rsdt;
    uint32_t length;
    uint64_t xsdt;
    uint8_t extended_checksum;
    uint8_t reserved[3];
} packed_layout;

struct table_header {
    char signature[4];
    uint32_t length;
    uint8_t revision;
    uint8_t checksum; /* all bytes of the table add up to 0 */
    char oem_id[6];
    char oem_table_id[8];
    uint32_t oem_revision;
    char creator_id[4];
    uint32_t creator_revision;
} packed_layout;

struct xsdt {
    struct table_header header;
    uint64_t tables[2]; /* FADT, MADT */
} packed_layout;

/* A Generic Address Structure (5.2.3.2) of a port of one byte. */
struct io_register {
    uint8_t space, bits, offset, access;
    uint64_t port;
} packed_layout;

struct fadt {
    struct table_header header;
    uint32_t facs, dsdt;
    uint8_t legacy[65]; /* fixed hardware, which the hardware-reduced profile does not have */
    uint16_t boot_flags;
    uint8_t reserved;
    uint32_t flags;
    struct io_register reset_register;
    uint8_t reset_value;
    uint16_t arm_boot_flags;
    uint8_t minor_revision;
    uint64_t x_facs, x_dsdt;
    uint8_t x_legacy[96];
    struct io_register sleep_control, sleep_status;
    uint64_t hypervisor_id;
} packed_layout;

struct dsdt {
    struct table_header header;
    struct dsdt_code code;
} packed_layout;

struct madt_cpu {
    uint8_t type, length; /* 0, 8: processor local APIC */
    uint8_t processor_id, apic_id;
    uint32_t flags;
} packed_layout;

struct madt {
    struct table_header header;
    uint32_t apic_address;
    uint32_t flags;
    struct madt_cpu cpus[GUEST_ACPI_CPUS_MAX];
} packed_layout;

struct tables {
    struct rsdp rsdp;
    uint8_t pad[4];
    struct xsdt xsdt;
    uint8_t pad2[4];
    struct fadt fadt;
    uint8_t pad3[4];
    struct dsdt dsdt;
    uint8_t pad4[1];
    struct madt madt; /* last: as long as there are CPUs */
} packed_layout;

_Static_assert(sizeof(struct rsdp) == 36 && sizeof(struct table_header) == 36, "ACPI 6.4, 5.2.5.3 and 5.2.6");
_Static_assert(sizeof(struct fadt) == 276, "ACPI 6.4, table 5.9");
_Static_assert(sizeof(struct tables) <= GUEST_ACPI_SIZE, "the tables fit");

static uint8_t checksum(const void *bytes, size_t n)
{
    uint8_t sum = 0;

    for (size_t i = 0; i < n; i++)
        sum = (uint8_t)(sum + ((const uint8_t *)bytes)[i]);
    return (uint8_t)-sum;
}

/* The rest of the table is in place: its header last, for the checksum. */
static void header_set(struct table_header *h, const char *signature, uint8_t revision, size_t length)
{
    memcpy(h->signature, signature, sizeof h->signature);
    h->length = (uint32_t)length;
    h->revision = revision;
    h->checksum = 0;
    memcpy(h->oem_id, "TRPLN ", sizeof h->oem_id);
    memcpy(h->oem_table_id, "SANDBOX ", sizeof h->oem_table_id);
    h->oem_revision = 1;
    memcpy(h->creator_id, "TRPL", sizeof h->creator_id);
    h->creator_revision = 1;
    h->checksum = checksum(h, length);
}

static void rsdp_set(struct rsdp *r)
{
    memcpy(r->signature, "RSD PTR ", sizeof r->signature);
    memcpy(r->oem_id, "TRPLN ", sizeof r->oem_id);
    r->revision = 2;
    r->length = sizeof *r;
    r->xsdt = GUEST_ACPI_ADDRESS + offsetof(struct tables, xsdt);
    r->checksum = checksum(r, 20);
    r->extended_checksum = checksum(r, sizeof *r);
}

static void fadt_set(struct fadt *f)
{
    f->dsdt = GUEST_ACPI_ADDRESS + offsetof(struct tables, dsdt);
    f->x_dsdt = f->dsdt;
    f->boot_flags = FADT_BOOT_NO_VGA | FADT_BOOT_NO_CMOS_CLOCK;
    f->flags = FADT_HARDWARE_REDUCED | FADT_RESET_REGISTER;
    f->reset_register = (struct io_register){SPACE_IO, 8, 0, ACCESS_BYTE, RESET_PORT};
    f->reset_value = RESET_VALUE;
    f->sleep_control = (struct io_register){SPACE_IO, 8, 0, ACCESS_BYTE, SLEEP_CONTROL_PORT};
    f->sleep_status = (struct io_register){SPACE_IO, 8, 0, ACCESS_BYTE, SLEEP_STATUS_PORT};
    f->minor_revision = 4;
    header_set(&f->header, "FACP", 6, sizeof *f);
}

static size_t madt_set(struct madt *m, unsigned cpus)
{
    size_t length = offsetof(struct madt, cpus) + cpus * sizeof m->cpus[0];

    m->apic_address = LOCAL_APIC_ADDRESS;
    for (unsigned i = 0; i < cpus; i++)
        m->cpus[i] = (struct madt_cpu){0, sizeof m->cpus[0], (uint8_t)i, (uint8_t)i, LOCAL_APIC_ENABLED};
    header_set(&m->header, "APIC", 5, length);
    return length;
}

size_t guest_acpi_build(uint8_t out[GUEST_ACPI_SIZE], unsigned cpus)
{
    struct tables *t = (struct tables *)(void *)out;

    if (!cpus || cpus > GUEST_ACPI_CPUS_MAX)
        return 0;
    memset(t, 0, sizeof *t);
    t->xsdt.tables[0] = GUEST_ACPI_ADDRESS + offsetof(struct tables, fadt);
    t->xsdt.tables[1] = GUEST_ACPI_ADDRESS + offsetof(struct tables, madt);
    rsdp_set(&t->rsdp);
    header_set(&t->xsdt.header, "XSDT", 1, sizeof t->xsdt);
    fadt_set(&t->fadt);
    t->dsdt.code = guest_dsdt_code;
    header_set(&t->dsdt.header, "DSDT", 2, sizeof t->dsdt);
    return offsetof(struct tables, madt) + madt_set(&t->madt, cpus);
}
