/*
 * See hv/guest_dsdt.h.
 */
#include "hv/guest_dsdt.h"

#include "hv/guest_acpi.h"
#include "virtio/pci.h"

#define OP_NAME 0x08
#define OP_DWORD 0x0c
#define OP_BYTE 0x0a
#define OP_SCOPE 0x10
#define OP_BUFFER 0x11
#define OP_PACKAGE 0x12
#define OP_EXTENDED 0x5b
#define OP_DEVICE 0x82
#define OP_ZERO 0x00

#define EISA_PNP0A03 0x030ad041u
#define TAG_WORD_ADDRESS 0x88
#define TAG_DWORD_ADDRESS 0x87
#define TAG_PORTS 0x47
#define TAG_END 0x79
#define RESOURCE_MEMORY 0
#define RESOURCE_BUS 2
#define FIXED_ENDS 0x0c
#define READ_WRITE 1
#define DECODES_16_BITS 1

/* From a field to the end, and that as a package length of two bytes (20.2.4): 4 bits, then 8. */
#define REST(field) (sizeof(struct dsdt_code) - offsetof(struct dsdt_code, field))
#define PACKAGE_LENGTH(field)                                                                                          \
    {                                                                                                                  \
        0x40 | (REST(field) & 0xf), REST(field) >> 4                                                                   \
    }

const struct dsdt_code guest_dsdt_code = {
    .s5 = OP_NAME,
    .s5_name = {'_', 'S', '5', '_'},
    .s5_package = OP_PACKAGE,
    .s5_length = 4,
    .s5_count = 1,
    .s5_prefix = OP_BYTE,
    .s5_value = SLEEP_TYPE_OFF,
    .scope = OP_SCOPE,
    .scope_length = PACKAGE_LENGTH(scope_length),
    .scope_name = {'_', 'S', 'B', '_'},
    .device = {OP_EXTENDED, OP_DEVICE},
    .device_length = PACKAGE_LENGTH(device_length),
    .device_name = {'P', 'C', 'I', '0'},
    .hid = OP_NAME,
    .hid_name = {'_', 'H', 'I', 'D'},
    .hid_prefix = OP_DWORD,
    .hid_value = EISA_PNP0A03,
    .uid = OP_NAME,
    .uid_name = {'_', 'U', 'I', 'D'},
    .uid_value = OP_ZERO,
    .bbn = OP_NAME,
    .bbn_name = {'_', 'B', 'B', 'N'},
    .bbn_value = OP_ZERO,
    .crs = OP_NAME,
    .crs_name = {'_', 'C', 'R', 'S'},
    .buffer = OP_BUFFER,
    .buffer_length = PACKAGE_LENGTH(buffer_length),
    .size_prefix = OP_BYTE,
    .size = REST(bus),
    .bus = {.tag = TAG_WORD_ADDRESS,
            .length = sizeof(guest_dsdt_code.bus) - 3,
            .type = RESOURCE_BUS,
            .general = FIXED_ENDS,
            .count = 1},
    .ports = {.tag = TAG_PORTS,
              .decode = DECODES_16_BITS,
              .first = PCI_ADDRESS_PORT,
              .last = PCI_ADDRESS_PORT,
              .alignment = 1,
              .count = 8},
    .window = {.tag = TAG_DWORD_ADDRESS,
               .length = sizeof(guest_dsdt_code.window) - 3,
               .type = RESOURCE_MEMORY,
               .general = FIXED_ENDS,
               .specific = READ_WRITE,
               .first = PCI_WINDOW_FIRST,
               .last = PCI_WINDOW_END - 1,
               .size = PCI_WINDOW_END - PCI_WINDOW_FIRST},
    .end_tag = TAG_END,
};
