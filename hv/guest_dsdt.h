/*
 * The AML of a sandbox's DSDT (ACPI 6.4, chapter 20): what soft-off is, and the PCI host bridge, without which Linux does not look
 * for the devices.  Every package of the bridge ends where the table ends, so its lengths follow from the layout.
 */
#ifndef HV_GUEST_DSDT_H
#define HV_GUEST_DSDT_H

#include "lib/compiler.h"

struct dsdt_code {
    uint8_t s5; /* Name (_S5, Package () {5}): what to write into the sleep control register (7.4.2, 4.8.3.7) */
    char s5_name[4];
    uint8_t s5_package, s5_length, s5_count, s5_prefix, s5_value;
    uint8_t scope, scope_length[2]; /* Scope (\_SB) */
    char scope_name[4];
    uint8_t device[2], device_length[2]; /* Device (PCI0) */
    char device_name[4];
    uint8_t hid; /* Name (_HID, EisaId ("PNP0A03")) */
    char hid_name[4];
    uint8_t hid_prefix;
    uint32_t hid_value;
    uint8_t uid; /* Name (_UID, 0) */
    char uid_name[4];
    uint8_t uid_value;
    uint8_t bbn; /* Name (_BBN, 0): the bus below it */
    char bbn_name[4];
    uint8_t bbn_value;
    uint8_t crs; /* Name (_CRS, Buffer () {resources}) */
    char crs_name[4];
    uint8_t buffer, buffer_length[2], size_prefix, size;
    struct { /* bus numbers it produces (6.4.3.5.3) */
        uint8_t tag;
        uint16_t length;
        uint8_t type, general, specific;
        uint16_t granularity, first, last, offset, count;
    } packed_layout bus;
    struct { /* ports it decodes itself (6.4.2.5) */
        uint8_t tag, decode;
        uint16_t first, last;
        uint8_t alignment, count;
    } packed_layout ports;
    struct { /* memory for BARs that it produces (6.4.3.5.2) */
        uint8_t tag;
        uint16_t length;
        uint8_t type, general, specific;
        uint32_t granularity, first, last, offset, size;
    } packed_layout window;
    uint8_t end_tag, end_checksum;
} packed_layout;

extern const struct dsdt_code guest_dsdt_code;

#endif
