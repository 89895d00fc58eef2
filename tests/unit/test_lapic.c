/*
 * The guest's local APIC against the rules of SDM vol. 3, chapter 11: priorities, both ways to reach the registers, what
 * faults, timer modes, interrupt messages.  Timer and vCPU kicks are recorded instead of done.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hv/vm.h"
#include "lib/x86.h"
#include "vmexit/lapic_state.h"

#define SECONDS 1000000000ULL

static struct vm vm;
static struct vcpu vcpus[2];
static unsigned kicks, nmis, startups;

void hv_timer_arm(struct hv_timer *t, uint64_t deadline_tsc)
{
    t->deadline_tsc = deadline_tsc;
    t->armed = true;
}

void hv_timer_cancel(struct hv_timer *t)
{
    t->armed = false;
}

uint64_t tsc_hz(void)
{
    return SECONDS;
}

void vcpu_kick(struct vcpu *vcpu)
{
    kicks++;
}

static void count_nmi(struct vcpu *vcpu)
{
    nmis++;
}

static void ignore_init(struct vcpu *vcpu)
{
}

static void count_startup(struct vcpu *vcpu, unsigned vector)
{
    startups += vector;
}

static const struct lapic_events events = {count_nmi, ignore_init, count_startup};

static int set_up(void **state)
{
    kicks = nmis = startups = 0;
    vm = (struct vm){.vcpu_count = 2};
    for (unsigned i = 0; i < 2; i++) {
        vcpus[i] = (struct vcpu){.vm = &vm, .index = i};
        vm.vcpu[i] = &vcpus[i];
        vcpus[i].lapic = lapic_create(&vcpus[i], i);
        assert_non_null(vcpus[i].lapic);
        lapic_mmio_write(vcpus[i].lapic, LAPIC_SVR, 0x1ff);
    }
    lapic_set_events(&events);
    return 0;
}

static int tear_down(void **state)
{
    lapic_destroy(vcpus[0].lapic);
    lapic_destroy(vcpus[1].lapic);
    return 0;
}

static void to_x2apic(struct lapic *l)
{
    uint64_t base;

    assert_int_equal(lapic_msr_read(l, MSR_APIC_BASE, &base), 0);
    assert_int_equal(lapic_msr_write(l, MSR_APIC_BASE, base | APIC_BASE_X2APIC), 0);
}

static uint64_t x2_read(struct lapic *l, uint32_t offset)
{
    uint64_t value;

    assert_int_equal(lapic_msr_read(l, MSR_X2APIC_BASE + offset / 16, &value), 0);
    return value;
}

static int x2_write(struct lapic *l, uint32_t offset, uint64_t value)
{
    return lapic_msr_write(l, MSR_X2APIC_BASE + offset / 16, value);
}

static void priorities(void **state)
{
    struct lapic *l = vcpus[0].lapic;

    assert_int_equal(lapic_pending(l), -1);
    vm_msi(&vm, 0xfee00000, 0x41);
    vm_msi(&vm, 0xfee00000, 0x52);
    vm_msi(&vm, 0xfee00000, 0x45);
    assert_int_equal(kicks, 3);
    assert_int_equal(lapic_pending(l), 0x52);
    lapic_accept(l, 0x52);
    assert_int_equal(lapic_pending(l), -1); /* 0x45 is of a lower class than what is in service */
    assert_int_equal(lapic_mmio_read(l, LAPIC_PPR), 0x50);
    vm_msi(&vm, 0xfee00000, 0x61);
    assert_int_equal(lapic_pending(l), 0x61);
    lapic_mmio_write(l, LAPIC_TPR, 0x60);
    assert_int_equal(lapic_pending(l), -1);
    lapic_mmio_write(l, LAPIC_TPR, 0);
    lapic_accept(l, 0x61);
    lapic_mmio_write(l, LAPIC_EOI, 0);
    assert_int_equal(lapic_mmio_read(l, LAPIC_ISR + 0x20), 1u << (0x52 - 0x40));
    lapic_mmio_write(l, LAPIC_EOI, 0);
    assert_int_equal(lapic_pending(l), 0x45);
    lapic_accept(l, 0x45);
    lapic_mmio_write(l, LAPIC_EOI, 0);
    assert_int_equal(lapic_pending(l), 0x41);
    lapic_accept(l, 0x41);
    lapic_mmio_write(l, LAPIC_EOI, 0);
    assert_int_equal(lapic_pending(l), -1);
    assert_int_equal(l->requested, 0);
    lapic_mmio_write(l, LAPIC_EOI, 0); /* one too many: harmless */
}

static void disabled_takes_nothing(void **state)
{
    struct lapic *l = vcpus[0].lapic;

    lapic_mmio_write(l, LAPIC_LVT_TIMER, 0x40);
    lapic_mmio_write(l, LAPIC_SVR, 0xff);
    assert_int_equal(lapic_mmio_read(l, LAPIC_LVT_TIMER), 0x10040);
    vm_msi(&vm, 0xfee00000, 0x41);
    assert_int_equal(lapic_pending(l), -1);
}

static void modes(void **state)
{
    struct lapic *l = vcpus[1].lapic;
    uint64_t base, value;

    assert_int_equal(lapic_msr_read(l, MSR_X2APIC_BASE + 2, &value), -EINVAL);
    assert_int_equal(lapic_mmio_read(l, LAPIC_ID), 1u << 24);
    assert_int_equal(lapic_msr_read(l, MSR_APIC_BASE, &base), 0);
    assert_int_equal(base, 0xfee00800);
    assert_int_equal(lapic_msr_write(l, MSR_APIC_BASE, base ^ 0x1000), -EINVAL); /* moves the page */
    assert_int_equal(lapic_msr_write(l, MSR_APIC_BASE, base | 1), -EINVAL);      /* reserved */
    assert_int_equal(lapic_msr_write(l, MSR_APIC_BASE, (base & ~0x800ULL) | 0x400), -EINVAL);
    to_x2apic(l);
    assert_int_equal(x2_read(l, LAPIC_ID), 1);
    assert_int_equal(x2_read(l, LAPIC_LDR), 2);
    assert_int_equal(lapic_mmio_read(l, LAPIC_ID), 0xffffffff);
    assert_int_equal(lapic_msr_write(l, MSR_APIC_BASE, base), -EINVAL); /* back to xAPIC */
    assert_int_equal(lapic_msr_write(l, MSR_APIC_BASE, base & ~0x800ULL), 0);
    assert_int_equal(lapic_msr_write(l, MSR_APIC_BASE, base | 0x400), -EINVAL); /* disabled to x2APIC */
    assert_int_equal(lapic_msr_write(l, MSR_APIC_BASE, base), 0);
}

static void reserved_bits_fault_in_x2apic(void **state)
{
    struct lapic *l = vcpus[0].lapic;
    uint64_t value;

    to_x2apic(l);
    assert_int_equal(x2_write(l, LAPIC_TPR, 0x100), -EINVAL);
    assert_int_equal(x2_write(l, LAPIC_TPR, 0x20), 0);
    assert_int_equal(x2_write(l, LAPIC_EOI, 1), -EINVAL);
    assert_int_equal(x2_write(l, LAPIC_ESR, 1), -EINVAL);
    assert_int_equal(x2_write(l, LAPIC_ID, 0), -EINVAL);
    assert_int_equal(x2_write(l, LAPIC_LDR, 0), -EINVAL);
    assert_int_equal(x2_write(l, LAPIC_DFR, 0), -EINVAL);
    assert_int_equal(x2_write(l, LAPIC_ICR_HIGH, 0), -EINVAL);
    assert_int_equal(x2_write(l, LAPIC_ICR, 1ULL << 12 | 0x40), -EINVAL);
    assert_int_equal(x2_write(l, LAPIC_TIMER_INITIAL, 1ULL << 32), -EINVAL);
    assert_int_equal(lapic_msr_read(l, MSR_X2APIC_BASE + LAPIC_EOI / 16, &value), -EINVAL);
    assert_int_equal(lapic_msr_read(l, MSR_X2APIC_BASE + LAPIC_SELF_IPI / 16, &value), -EINVAL);
    assert_int_equal(lapic_msr_read(l, MSR_X2APIC_BASE + 0x40, &value), -EINVAL);
}

static void timer_one_shot_and_periodic(void **state)
{
    struct lapic *l = vcpus[0].lapic;

    lapic_mmio_write(l, LAPIC_TIMER_DIVIDE, 0xb); /* by 1 */
    lapic_mmio_write(l, LAPIC_LVT_TIMER, 0x40);
    uint64_t before = tsc_read();
    lapic_mmio_write(l, LAPIC_TIMER_INITIAL, 0xf0000000);
    assert_true(l->timer.armed && l->timer.deadline_tsc >= before + 0xf0000000);
    uint32_t left = lapic_mmio_read(l, LAPIC_TIMER_CURRENT);
    assert_true(left > 0xe0000000 && left <= 0xf0000000);
    lapic_mmio_write(l, LAPIC_TIMER_DIVIDE, 0x0); /* by 2: the count stays, the pace halves */
    assert_true(lapic_mmio_read(l, LAPIC_TIMER_CURRENT) <= left);
    assert_true(l->timer.deadline_tsc > before + 0x1c0000000);
    l->timer.armed = false;
    l->timer.expired(&l->timer);
    assert_int_equal(lapic_pending(l), 0x40);
    assert_false(l->timer.armed);
    assert_int_equal(lapic_mmio_read(l, LAPIC_TIMER_CURRENT), 0);

    lapic_mmio_write(l, LAPIC_LVT_TIMER, 0x20041);
    lapic_mmio_write(l, LAPIC_TIMER_INITIAL, 1);
    l->timer.armed = false;
    l->timer.expired(&l->timer);
    assert_true(l->timer.armed && l->timer.deadline_tsc > tsc_read()); /* stretched to what leaves the guest some time */
    assert_int_equal(lapic_pending(l), 0x41);
    uint64_t now = tsc_read(); /* nobody took that one: the next ones are rare */
    l->timer.armed = false;
    l->timer.expired(&l->timer);
    assert_true(l->timer.armed && l->timer.deadline_tsc >= now + tsc_hz() / 1000);
    lapic_accept(l, 0x41);
    now = tsc_read();
    l->timer_deadline = now;
    l->timer.armed = false;
    l->timer.expired(&l->timer);
    assert_true(l->timer.armed && l->timer.deadline_tsc < now + tsc_hz() / 1000);
    lapic_mmio_write(l, LAPIC_TIMER_INITIAL, 0);
    assert_false(l->timer.armed);
}

static void timer_deadline(void **state)
{
    struct lapic *l = vcpus[0].lapic;
    uint64_t value;

    assert_int_equal(lapic_msr_write(l, MSR_TSC_DEADLINE, 5), 0); /* not in that mode: ignored */
    assert_false(l->timer.armed);
    lapic_mmio_write(l, LAPIC_LVT_TIMER, 0x40042);
    assert_int_equal(lapic_msr_write(l, MSR_TSC_DEADLINE, 12345), 0);
    assert_true(l->timer.armed);
    assert_int_equal(l->timer.deadline_tsc, 12345);
    assert_int_equal(lapic_msr_read(l, MSR_TSC_DEADLINE, &value), 0);
    assert_int_equal(value, 12345);
    l->timer.armed = false;
    l->timer.expired(&l->timer);
    assert_int_equal(lapic_msr_read(l, MSR_TSC_DEADLINE, &value), 0);
    assert_int_equal(value, 0);
    assert_int_equal(lapic_pending(l), 0x42);
    assert_int_equal(lapic_msr_write(l, MSR_TSC_DEADLINE, 99), 0);
    lapic_mmio_write(l, LAPIC_LVT_TIMER, 0x42); /* leaving the mode disarms */
    assert_false(l->timer.armed);
}

static void interprocessor_interrupts(void **state)
{
    struct lapic *a = vcpus[0].lapic, *b = vcpus[1].lapic;

    lapic_mmio_write(a, LAPIC_ICR_HIGH, 1u << 24);
    lapic_mmio_write(a, LAPIC_ICR, 0x4033); /* fixed, to APIC 1 */
    assert_int_equal(lapic_pending(a), -1);
    assert_int_equal(lapic_pending(b), 0x33);
    lapic_mmio_write(a, LAPIC_ICR, 0x44034); /* self */
    assert_int_equal(lapic_pending(a), 0x34);
    lapic_mmio_write(a, LAPIC_ICR, 0xc4435); /* NMI to all but self */
    assert_int_equal(nmis, 1);
    lapic_mmio_write(a, LAPIC_ICR, 0xc4608); /* SIPI */
    assert_int_equal(startups, 8);
    lapic_mmio_write(b, LAPIC_LDR, 0x82000000); /* flat logical */
    lapic_mmio_write(a, LAPIC_ICR_HIGH, 0x02u << 24);
    lapic_mmio_write(a, LAPIC_ICR, 0x4836);
    assert_int_equal(lapic_pending(b), 0x36);
    lapic_mmio_write(a, LAPIC_ICR, 0x40005); /* an illegal vector */
    lapic_mmio_write(a, LAPIC_ESR, 0);
    assert_int_equal(lapic_mmio_read(a, LAPIC_ESR), LAPIC_ESR_SEND_ILLEGAL);
    to_x2apic(a);
    to_x2apic(b);
    assert_int_equal(x2_write(a, LAPIC_ICR, 1ULL << 32 | 0x37), 0);
    assert_int_equal(lapic_pending(b), 0x37);
    assert_int_equal(x2_write(b, LAPIC_SELF_IPI, 0x48), 0);
    assert_int_equal(lapic_pending(b), 0x48);
}

static void bad_messages_are_dropped(void **state)
{
    vm_msi(&vm, 0x1fee00000, 0x41);
    vm_msi(&vm, 0xfed00000, 0x41);
    vm_msi(&vm, 0xfee00000, 0x05);
    vm_msi(&vm, 0xfee00000, 0x241); /* SMI */
    assert_int_equal(lapic_pending(vcpus[0].lapic), -1);
    assert_int_equal(lapic_dropped(vcpus[0].lapic), 4);
    vm_msi(&vm, 0xfee77000, 0x41); /* nobody has that id */
    assert_int_equal(lapic_dropped(vcpus[0].lapic), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(priorities, set_up, tear_down),
        cmocka_unit_test_setup_teardown(disabled_takes_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(modes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reserved_bits_fault_in_x2apic, set_up, tear_down),
        cmocka_unit_test_setup_teardown(timer_one_shot_and_periodic, set_up, tear_down),
        cmocka_unit_test_setup_teardown(timer_deadline, set_up, tear_down),
        cmocka_unit_test_setup_teardown(interprocessor_interrupts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bad_messages_are_dropped, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
