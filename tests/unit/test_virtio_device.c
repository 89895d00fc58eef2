/*
 * The sandbox's devices against drivers that behave and drivers that do not.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <linux/virtio_console.h>
#include <linux/virtio_ids.h>

#include "tests/unit/device_fixture.h"

#define BAR_ADDRESS 0xfd010000u
#define BUFFERS 0x10000u /* in guest memory */

static struct rng rng;
static struct console console;
static struct virtqueue queues[2 * PORT_COUNT + 2];

static int set_up(void **state)
{
    fixture_reset();
    memset(&console, 0, sizeof(console));
    rng_init(&rng, &fixture_vm, BAR_ADDRESS, NULL, NULL);
    console_init(&console, &fixture_vm, &fixture_backend, BAR_ADDRESS, NULL, NULL);
    return 0;
}

static void pci_function(void **state)
{
    struct pci_host host = {.slots = {[1] = &rng.virtio.pci}};

    assert_int_equal(config_read(&host, 0, 0, 4), 0xffffffff);
    assert_int_equal(config_read(&host, 31, 0, 4), 0xffffffff);
    assert_int_equal(config_read(&host, 1, PCI_VENDOR_ID, 4), 0x10441af4);
    config_write(&host, 1, PCI_VENDOR_ID, 4, 0);
    assert_int_equal(config_read(&host, 1, PCI_VENDOR_ID, 2), 0x1af4);
    assert_int_equal(config_read(&host, 1, PCI_HEADER_TYPE, 1), 0);
    config_write(&host, 1, PCI_BASE_ADDRESS_0, 4, 0xffffffff);
    assert_int_equal(config_read(&host, 1, PCI_BASE_ADDRESS_0, 4), 0xffffe000);
    config_write(&host, 1, PCI_BASE_ADDRESS_0, 4, 0xfe000000);
    assert_int_equal(mmio_regions, 0);
    config_write(&host, 1, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
    assert_int_equal(mmio_regions, 1);
    assert_int_equal(mmio_last, 0xfe000000);
    config_write(&host, 1, PCI_BASE_ADDRESS_0 + 2, 2, 0xfe10); /* moves it */
    assert_int_equal(mmio_regions, 1);
    assert_int_equal(mmio_last, 0xfe100000);
    config_write(&host, 1, PCI_COMMAND, 2, 0);
    assert_int_equal(mmio_regions, 0);
}

static void registers_through_configuration_space(void **state)
{
    struct pci_host host = {.slots = {[1] = &rng.virtio.pci}};
    unsigned at = rng.virtio.window;

    assert_int_equal(config_read(&host, 1, at + VIRTIO_PCI_CAP_CFG_TYPE, 1), VIRTIO_PCI_CAP_PCI_CFG);
    config_write(&host, 1, at + VIRTIO_PCI_CAP_OFFSET, 4, VIRTIO_PCI_COMMON_NUMQ);
    config_write(&host, 1, at + VIRTIO_PCI_CAP_LENGTH, 4, 2);
    assert_int_equal(config_read(&host, 1, at + 16, 2), 1);
    config_write(&host, 1, at + VIRTIO_PCI_CAP_OFFSET, 4, VIRTIO_PCI_COMMON_STATUS);
    config_write(&host, 1, at + VIRTIO_PCI_CAP_LENGTH, 4, 1);
    config_write(&host, 1, at + 16, 1, VIRTIO_CONFIG_S_ACKNOWLEDGE);
    assert_int_equal(rng.virtio.status, VIRTIO_CONFIG_S_ACKNOWLEDGE);
    config_write(&host, 1, at + VIRTIO_PCI_CAP_LENGTH, 4, 3); /* no length: nothing is there */
    config_write(&host, 1, at + 16, 1, 0);
    assert_int_equal(rng.virtio.status, VIRTIO_CONFIG_S_ACKNOWLEDGE);
}

static void features_are_checked(void **state)
{
    struct virtio *v = &rng.virtio;

    device_open(v, BIT(40)); /* never offered */
    assert_false(COMMON_READ(v, device_status) & VIRTIO_CONFIG_S_FEATURES_OK);
    device_start(v);
    assert_false(virtio_is_running(v));
    device_open(v, 0);
    assert_true(COMMON_READ(v, device_status) & VIRTIO_CONFIG_S_FEATURES_OK);
    COMMON_WRITE(v, queue_select, 7);
    assert_int_equal(COMMON_READ(v, queue_size), 0);
    COMMON_WRITE(v, queue_select, 0);
    COMMON_WRITE(v, queue_size, 5); /* not a power of 2: ignored */
    assert_int_equal(COMMON_READ(v, queue_size), QUEUE_SIZE_MAX);
}

static void rng_gives_bytes(void **state)
{
    static const uint8_t zero[64];
    uint32_t written;

    device_open(&rng.virtio, 0);
    device_queue(&rng.virtio, 0, 0x1000, &queues[0]);
    device_start(&rng.virtio);
    assert_true(virtqueue_add(&queues[0], BUFFERS, 64, true, &rng));
    device_ring(&rng.virtio, 0);
    assert_int_equal(msi_count, 1);
    assert_int_equal(msi_address, MSI_ADDRESS);
    assert_int_equal(msi_data, 0x55);
    assert_ptr_equal(virtqueue_take(&queues[0], &written), &rng);
    assert_int_equal(written, 64);
    assert_memory_not_equal(fixture_pointer(BUFFERS), zero, 64);
    assert_memory_equal(fixture_pointer(BUFFERS + 64), zero, 64);
}

static void masked_interrupts_are_kept(void **state)
{
    device_open(&rng.virtio, 0);
    device_queue(&rng.virtio, 0, 0x1000, &queues[0]);
    device_start(&rng.virtio);
    virtio_bar_write(&rng.virtio, MSIX_TABLE + PCI_MSIX_ENTRY_VECTOR_CTRL, 4, 1);
    assert_true(virtqueue_add(&queues[0], BUFFERS, 64, true, &rng));
    device_ring(&rng.virtio, 0);
    assert_int_equal(msi_count, 0);
    assert_int_equal(virtio_bar_read(&rng.virtio, 0x1800, 4), 1);
    virtio_bar_write(&rng.virtio, MSIX_TABLE + PCI_MSIX_ENTRY_VECTOR_CTRL, 4, 0);
    assert_int_equal(msi_count, 1);
    assert_int_equal(virtio_bar_read(&rng.virtio, 0x1800, 4), 0);
    virtqueue_want_interrupts(&queues[0], false);
    assert_true(virtqueue_add(&queues[0], BUFFERS, 64, true, &rng));
    device_ring(&rng.virtio, 0);
    assert_int_equal(msi_count, 1);
}

/* Ways to break a ring; each must stop the device, tell the guest, and be over after a reset. */

static void break_index(struct virtqueue *q)
{
    q->avail->idx = 9;
}

static void break_head(struct virtqueue *q)
{
    q->avail->ring[0] = 8;
}

static void break_loop(struct virtqueue *q)
{
    q->desc[0].flags |= VRING_DESC_F_NEXT;
    q->desc[0].next = 0;
}

static void break_next(struct virtqueue *q)
{
    q->desc[0].flags |= VRING_DESC_F_NEXT;
    q->desc[0].next = 0x4000;
}

static void break_address(struct virtqueue *q)
{
    q->desc[0].addr = GUEST_MEMORY - 1;
}

static void break_wrap(struct virtqueue *q)
{
    q->desc[0].addr = UINT64_MAX - 1;
}

static void break_indirect(struct virtqueue *q)
{
    q->desc[0].flags |= VRING_DESC_F_INDIRECT;
}

static void break_order(struct virtqueue *q)
{
    q->desc[0].flags |= VRING_DESC_F_NEXT;
    q->desc[0].next = 1;
    q->desc[1] = (struct vring_desc){.addr = BUFFERS, .len = 4};
}

static void break_length(struct virtqueue *q)
{
    q->desc[0].flags |= VRING_DESC_F_NEXT;
    q->desc[0].next = 1;
    q->desc[1] = (struct vring_desc){.addr = BUFFERS, .len = UINT32_MAX, .flags = VRING_DESC_F_WRITE};
}

static void broken_rings_stop_the_device(void **state)
{
    static void (*const ways[])(struct virtqueue *) = {break_index, break_head,     break_loop,  break_next,  break_address,
                                                       break_wrap,  break_indirect, break_order, break_length};

    for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
        set_up(NULL);
        device_open(&rng.virtio, 0);
        device_queue(&rng.virtio, 0, 0x1000, &queues[0]);
        device_start(&rng.virtio);
        assert_true(virtqueue_add(&queues[0], BUFFERS, 64, true, &rng));
        ways[i](&queues[0]);
        device_ring(&rng.virtio, 0);
        assert_true(COMMON_READ(&rng.virtio, device_status) & VIRTIO_CONFIG_S_NEEDS_RESET);
        assert_int_equal(msi_count, 1);
        device_ring(&rng.virtio, 0);
        assert_int_equal(msi_count, 1);
        memset(fixture_pointer(0x1000), 0, 0x1000);
        msi_count = 0;
        rng_gives_bytes(NULL);
    }
}

static void misplaced_rings_are_refused(void **state)
{
    struct virtio *v = &rng.virtio;

    device_open(v, 0);
    COMMON_WRITE(v, queue_select, 0);
    COMMON_WRITE(v, queue_desc_lo, 0x1008); /* must be 16-byte aligned */
    COMMON_WRITE(v, queue_enable, 1);
    assert_true(COMMON_READ(v, device_status) & VIRTIO_CONFIG_S_NEEDS_RESET);
    device_open(v, 0);
    COMMON_WRITE(v, queue_avail_hi, 1); /* no such memory: found when it is used */
    COMMON_WRITE(v, queue_enable, 1);
    device_start(v);
    assert_true(COMMON_READ(v, device_status) & VIRTIO_CONFIG_S_NEEDS_RESET);
}

/* The console. */

#define CONTROL_IN 2
#define CONTROL_OUT 3
#define STDIN_IN 4
#define STDOUT_OUT 7

static void console_open(void)
{
    device_open(&console.virtio, BIT(VIRTIO_CONSOLE_F_MULTIPORT));
    for (unsigned i = 0; i < ARRAY_SIZE(queues); i++)
        device_queue(&console.virtio, i, 0x1000 + i * 0x400, &queues[i]);
    device_start(&console.virtio);
}

static void control_post(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        assert_true(virtqueue_add(&queues[CONTROL_IN], BUFFERS + 64 * i, 64, true, fixture_pointer(BUFFERS + 64 * i)));
    device_ring(&console.virtio, CONTROL_IN);
}

static void control_say(unsigned port, unsigned event, unsigned value)
{
    struct virtio_console_control *m = fixture_pointer(BUFFERS + 0x8000);
    uint32_t written;

    *m = (struct virtio_console_control){.id = port, .event = (uint16_t)event, .value = (uint16_t)value};
    assert_true(virtqueue_add(&queues[CONTROL_OUT], BUFFERS + 0x8000, sizeof(*m), false, m));
    device_ring(&console.virtio, CONTROL_OUT);
    assert_ptr_equal(virtqueue_take(&queues[CONTROL_OUT], &written), m);
}

/* The next control message that came; its text, if any, into `text`. */
static struct virtio_console_control control_hear(char *text)
{
    uint32_t written = 0;
    struct virtio_console_control m = {.id = 99}, *at = virtqueue_take(&queues[CONTROL_IN], &written);

    if (!at)
        return m;
    memcpy(&m, at, sizeof(m));
    if (text) {
        memcpy(text, at + 1, written - sizeof(m));
        text[written - sizeof(m)] = 0;
    }
    assert_true(virtqueue_add(&queues[CONTROL_IN], (uint64_t)((uint8_t *)at - guest_memory), 64, true, at));
    device_ring(&console.virtio, CONTROL_IN);
    return m;
}

static void console_introduces_its_ports(void **state)
{
    struct virtio_console_control m;
    char text[64];

    console_open();
    assert_int_equal(virtio_bar_read(&console.virtio, 0x204, 4), PORT_COUNT);
    control_post(2); /* fewer than there are messages */
    control_say(0, VIRTIO_CONSOLE_DEVICE_READY, 1);
    for (unsigned i = 0; i < PORT_COUNT; i++) {
        m = control_hear(NULL);
        assert_int_equal(m.id, i);
        assert_int_equal(m.event, VIRTIO_CONSOLE_PORT_ADD);
    }
    assert_int_equal(control_hear(NULL).id, 99);
    console_resize(&console, 25, 80);
    control_say(PORT_NR_CONSOLE, VIRTIO_CONSOLE_PORT_READY, 1);
    assert_int_equal(control_hear(NULL).event, VIRTIO_CONSOLE_CONSOLE_PORT);
    assert_int_equal(control_hear(text).event, VIRTIO_CONSOLE_PORT_NAME);
    assert_string_equal(text, "console");
    assert_int_equal(control_hear(NULL).event, VIRTIO_CONSOLE_PORT_OPEN);
    assert_int_equal(control_hear(text).event, VIRTIO_CONSOLE_RESIZE);
    assert_memory_equal(text, "\x50\0\x19\0", 4); /* columns, rows */
    control_say(77, VIRTIO_CONSOLE_PORT_READY, 1); /* no such port */
    assert_int_equal(control_hear(NULL).id, 99);
}

static void console_moves_output(void **state)
{
    uint32_t written;

    console_open();
    memset(fixture_pointer(BUFFERS + 0xff0), 'x', 0x20); /* across a page */
    assert_true(virtqueue_add(&queues[STDOUT_OUT], BUFFERS + 0xff0, 0x20, false, output));
    assert_true(virtqueue_add(&queues[STDOUT_OUT], BUFFERS, 0, false, output));
    device_ring(&console.virtio, STDOUT_OUT);
    assert_int_equal(output_length[PORT_NR_STDOUT], 0x20);
    assert_memory_equal(output[PORT_NR_STDOUT], fixture_pointer(BUFFERS + 0xff0), 0x20);
    assert_ptr_equal(virtqueue_take(&queues[STDOUT_OUT], &written), output);
    assert_ptr_equal(virtqueue_take(&queues[STDOUT_OUT], &written), output);
    assert_null(virtqueue_take(&queues[STDOUT_OUT], &written));
}

/* What a guest offers at once does not keep the hypervisor busy for long: the doorbell is to be rung again. */
static void console_bounds_output(void **state)
{
    uint32_t written;
    unsigned taken = 0;

    console_open();
    for (unsigned i = 0; i < 4; i++)
        assert_true(virtqueue_add(&queues[STDOUT_OUT], BUFFERS, KiB(48), false, output));
    device_ring(&console.virtio, STDOUT_OUT);
    assert_true(console.virtio.unfinished);
    while (virtqueue_take(&queues[STDOUT_OUT], &written))
        taken++;
    assert_int_equal(taken, 2);
    device_ring(&console.virtio, STDOUT_OUT);
    while (virtqueue_take(&queues[STDOUT_OUT], &written))
        taken++;
    assert_int_equal(taken, 4);
    device_ring(&console.virtio, STDOUT_OUT);
    assert_false(console.virtio.unfinished);
    assert_true(virtqueue_add(&queues[STDOUT_OUT], BUFFERS, KiB(64) + 1, false, output));
    device_ring(&console.virtio, STDOUT_OUT);
    assert_true(console.virtio.status & VIRTIO_CONFIG_S_NEEDS_RESET);
}

static void console_moves_input_and_ends_it(void **state)
{
    uint32_t written;
    char *buffer = fixture_pointer(BUFFERS + 0x4000);
    struct virtio_console_control m;

    console_open();
    control_post(8);
    assert_true(virtqueue_add(&queues[STDIN_IN], BUFFERS + 0x4000, 4, true, buffer));
    input_text = "hello";
    console_input(&console, PORT_NR_STDIN); /* the guest has not opened it */
    assert_false(virtqueue_has_used(&queues[STDIN_IN]));
    control_say(PORT_NR_STDIN, VIRTIO_CONSOLE_PORT_OPEN, 1);
    assert_ptr_equal(virtqueue_take(&queues[STDIN_IN], &written), buffer);
    assert_int_equal(written, 4);
    assert_memory_equal(buffer, "hell", 4);
    assert_false(queues[STDIN_IN].used->flags & VRING_USED_F_NO_NOTIFY); /* it waits for a buffer */
    assert_true(virtqueue_add(&queues[STDIN_IN], BUFFERS + 0x4000, 4, true, buffer));
    assert_true(virtqueue_add(&queues[STDIN_IN], BUFFERS + 0x4800, 4, true, buffer));
    device_ring(&console.virtio, STDIN_IN);
    assert_ptr_equal(virtqueue_take(&queues[STDIN_IN], &written), buffer);
    assert_int_equal(written, 1);
    assert_true(input_is_wanted[PORT_NR_STDIN]);
    assert_true(queues[STDIN_IN].used->flags & VRING_USED_F_NO_NOTIFY);
    assert_int_equal(control_hear(NULL).id, 99);
    input_ended = true;
    console_input(&console, PORT_NR_STDIN);
    assert_false(input_is_wanted[PORT_NR_STDIN]);
    m = control_hear(NULL);
    assert_int_equal(m.id, PORT_NR_STDIN);
    assert_int_equal(m.event, VIRTIO_CONSOLE_PORT_OPEN);
    assert_int_equal(m.value, 0);
    console_input(&console, PORT_NR_STDIN);
    assert_int_equal(control_hear(NULL).id, 99); /* told once */
}

static void console_keeps_text_for_the_control_port(void **state)
{
    uint32_t written;
    char *buffer = fixture_pointer(BUFFERS + 0x4000);

    console_open();
    console_text(&console, "signal 2\n", 9);
    control_say(PORT_NR_CONTROL, VIRTIO_CONSOLE_PORT_OPEN, 1);
    assert_true(virtqueue_add(&queues[2 * PORT_NR_CONTROL + 2], BUFFERS + 0x4000, 64, true, buffer));
    device_ring(&console.virtio, 2 * PORT_NR_CONTROL + 2);
    assert_ptr_equal(virtqueue_take(&queues[2 * PORT_NR_CONTROL + 2], &written), buffer);
    assert_int_equal(written, 9);
    assert_memory_equal(buffer, "signal 2\n", 9);
    console_text(&console, output[0], CONSOLE_TEXT_MAX + 1); /* too much: dropped as a whole */
    assert_int_equal(console.text_length, 0);
}

static void console_reset_forgets(void **state)
{
    console_open();
    control_say(PORT_NR_STDIN, VIRTIO_CONSOLE_PORT_OPEN, 1);
    assert_true(virtqueue_add(&queues[STDIN_IN], BUFFERS, 4, true, output));
    console_input(&console, PORT_NR_STDIN);
    assert_true(input_is_wanted[PORT_NR_STDIN]);
    COMMON_WRITE(&console.virtio, device_status, 0);
    assert_false(input_is_wanted[PORT_NR_STDIN]);
    input_text = "lost?";
    console_input(&console, PORT_NR_STDIN);
    assert_string_equal(input_text, "lost?");
}

/* The driver's side believes nothing either. */
static void driver_refuses_lies(void **state)
{
    uint32_t written;
    struct virtqueue *q = &queues[0];

    virtqueue_init(q, 8, fixture_pointer(0x1000));
    assert_true(virtqueue_add(q, BUFFERS, 16, true, &rng));
    q->used->ring[0] = (struct vring_used_elem){.id = 0, .len = 17};
    q->used->idx = 1;
    assert_null(virtqueue_take(q, &written));
    assert_true(q->broken);
    assert_false(virtqueue_add(q, BUFFERS, 16, true, &rng));
    memset(fixture_pointer(0x1000), 0, 0x1000);
    virtqueue_init(q, 8, fixture_pointer(0x1000));
    assert_true(virtqueue_add(q, BUFFERS, 16, true, &rng));
    q->used->ring[0] = (struct vring_used_elem){.id = 3, .len = 1}; /* never given */
    q->used->idx = 1;
    assert_null(virtqueue_take(q, &written));
    assert_true(q->broken);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(pci_function, set_up),
        cmocka_unit_test_setup(registers_through_configuration_space, set_up),
        cmocka_unit_test_setup(features_are_checked, set_up),
        cmocka_unit_test_setup(rng_gives_bytes, set_up),
        cmocka_unit_test_setup(masked_interrupts_are_kept, set_up),
        cmocka_unit_test_setup(broken_rings_stop_the_device, set_up),
        cmocka_unit_test_setup(misplaced_rings_are_refused, set_up),
        cmocka_unit_test_setup(console_introduces_its_ports, set_up),
        cmocka_unit_test_setup(console_moves_output, set_up),
        cmocka_unit_test_setup(console_bounds_output, set_up),
        cmocka_unit_test_setup(console_moves_input_and_ends_it, set_up),
        cmocka_unit_test_setup(console_keeps_text_for_the_control_port, set_up),
        cmocka_unit_test_setup(console_reset_forgets, set_up),
        cmocka_unit_test_setup(driver_refuses_lies, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
