/*
 * See fpu.h; Intel SDM vol. 1 chapter 13.  XSAVE in the standard format (some emulators get the compacted one wrong),
 * or FXSAVE where there is no XSAVE.  A signal frame holds the same area, marked as Linux marks it
 * (<asm/sigcontext.h>).
 */
#include "guest_kernel/core/fpu.h"

#include <asm-generic/errno.h>
#include <asm/sigcontext.h>
#include <asm/siginfo.h>

#include "guest_kernel/core/alloc.h"
#include "guest_kernel/core/cpu.h"
#include "guest_kernel/core/fixup.h"
#include "guest_kernel/core/task.h"
#include "lib/log.h"
#include "lib/string.h"

#define XCR0_AVX512 (BIT(5) | BIT(6) | BIT(7))
#define XCR0_WANTED (BIT(0) | BIT(1) | BIT(2) | XCR0_AVX512)
#define FXSAVE_SIZE 512
#define FCW_INITIAL 0x37f
#define MXCSR_INITIAL 0x1f80
#define MXCSR_MASK_DEFAULT 0xffbf /* where FXSAVE stores 0 (SDM vol. 1 section 11.6.6) */
#define X87_REGISTERS_SIZE 128
#define XMM_REGISTERS_SIZE 256

struct xsave_area {
    uint16_t fcw, fsw;
    uint8_t ftw, reserved0;
    uint16_t fop;
    uint64_t rip, rdp;
    uint32_t mxcsr, mxcsr_mask;
    uint8_t registers[FXSAVE_SIZE - 32 - sizeof(struct _fpx_sw_bytes)];
    struct _fpx_sw_bytes sw; /* unused by the CPU */
    /* With XSAVE: */
    uint64_t xstate_bv, xcomp_bv;
    uint64_t header_reserved[6];
    uint8_t extended[];
};

_Static_assert(offsetof(struct xsave_area, sw) == 464 && offsetof(struct xsave_area, xstate_bv) == 512, "SDM 13.4");

static struct slab_cache *cache;
static struct xsave_area *initial;
static size_t area_size; /* multiple of 64 */
static size_t state_size; /* what the CPU uses of it */
static uint64_t features; /* XCR0; 0: FXSAVE */

static void xcr0_write(uint64_t value)
{
    __asm__ volatile("xsetbv" : : "c"(0), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)));
}

void fpu_init_cpu(void)
{
    if (features)
        xcr0_write(features);
}

void fpu_init(void)
{
    state_size = FXSAVE_SIZE;
    if (cpu_features.xsave) {
        features = cpuid_count(0xd, 0).eax & XCR0_WANTED;
        if ((features & XCR0_AVX512) != XCR0_AVX512)
            features &= ~XCR0_AVX512;
        xcr0_write(features);
        state_size = cpuid_count(0xd, 0).ebx; /* for what XCR0 enables now */
    }
    area_size = ALIGN_UP(state_size, (size_t)64);
    cache = slab_cache_create("xsave", area_size);
    initial = cache ? slab_alloc_zero(cache) : NULL;
    if (!initial)
        panic("fpu: no memory for the initial state");
    initial->fcw = FCW_INITIAL;
    initial->mxcsr = MXCSR_INITIAL;
}

static void state_save(struct xsave_area *a)
{
    if (features)
        __asm__ volatile("xsave64 (%0)" : : "r"(a), "a"(UINT32_MAX), "d"(UINT32_MAX) : "memory");
    else
        __asm__ volatile("fxsave64 (%0)" : : "r"(a) : "memory");
}

/* False: the area holds what the CPU refuses. */
static bool state_load(const struct xsave_area *a)
{
    bool ok = false;

    if (features)
        __asm__ volatile("1: xrstor64 (%1)\n\t"
                         "movb $1, %0\n"
                         "2:\n\t" FIXUP("1b", "2b")
                         : "+q"(ok)
                         : "r"(a), "a"(UINT32_MAX), "d"(UINT32_MAX)
                         : "memory");
    else
        __asm__ volatile("1: fxrstor64 (%1)\n\t"
                         "movb $1, %0\n"
                         "2:\n\t" FIXUP("1b", "2b")
                         : "+q"(ok)
                         : "r"(a)
                         : "memory");
    return ok;
}

struct xsave_area *fpu_create(void)
{
    struct xsave_area *a = slab_alloc_zero(cache); /* XSAVE leaves parts of it alone that must be zero */

    if (!a)
        return NULL;
    if (task_current()->xsave)
        state_save(a);
    else
        memcpy(a, initial, FXSAVE_SIZE);
    return a;
}

void fpu_destroy(struct task *t)
{
    slab_free(cache, t->xsave);
}

static uint64_t fs_base_read(void)
{
    uint64_t base;

    __asm__ volatile("rdfsbase %0" : "=r"(base));
    return base;
}

/*
 * Null selectors, or those of the user segments in the GDT, which any privilege may load: these loads cannot fault.
 * Interrupts off: GS_BASE is the program's for a moment.
 */
static void selectors_load(const struct task_selectors *s)
{
    __asm__ volatile("movw %0, %%ds\n\t"
                     "movw %1, %%es\n\t"
                     "movw %2, %%fs\n\t"
                     "swapgs\n\t"
                     "movw %3, %%gs\n\t"
                     "swapgs"
                     :
                     : "r"(s->ds), "r"(s->es), "r"(s->fs), "r"(s->gs));
}

static bool selectors_any(const struct task_selectors *s)
{
    return s->ds | s->es | s->fs | s->gs;
}

struct task_selectors task_selectors(void)
{
    struct task_selectors s;

    __asm__ volatile("movw %%ds, %0; movw %%es, %1; movw %%fs, %2; movw %%gs, %3"
                     : "=r"(s.ds), "=r"(s.es), "=r"(s.fs), "=r"(s.gs));
    return s;
}

void task_reset_selectors(void)
{
    bool enabled = rflags_read() & RFLAGS_IF;

    irq_disable();
    selectors_load(&(struct task_selectors){0});
    if (enabled)
        irq_enable();
}

void fpu_switch(struct task *prev, struct task *next)
{
    struct cpu *c = this_cpu();
    struct task_selectors loaded = task_selectors();

    if (prev->xsave) {
        state_save(prev->xsave);
        prev->selectors = loaded;
        if (cpu_features.fsgsbase) { /* else they change only by task_set_*_base() */
            prev->fs_base = fs_base_read();
            prev->gs_base = msr_read(MSR_KERNEL_GS_BASE);
        }
        c->user_owner = prev;
        prev->vector_cpu = c->index;
    }
    if (!next->xsave || (c->user_owner == next && next->vector_cpu == c->index))
        return;
    if (!state_load(next->xsave))
        panic("fpu: saved state of task %d does not load", next->tid);
    if (unlikely(selectors_any(&loaded) || selectors_any(&next->selectors)))
        selectors_load(&next->selectors); /* before the bases, which it changes */
    msr_write(MSR_FS_BASE, next->fs_base);
    msr_write(MSR_KERNEL_GS_BASE, next->gs_base);
    c->user_owner = next;
    next->vector_cpu = c->index;
}

void task_reset_fpu(void)
{
    if (!state_load(initial))
        panic("fpu: the initial state does not load");
}

void task_set_fs_base(uint64_t base)
{
    msr_write(MSR_FS_BASE, base);
    task_current()->fs_base = base;
}

void task_set_gs_base(uint64_t base)
{
    msr_write(MSR_KERNEL_GS_BASE, base); /* swapped with the kernel's own while here */
    task_current()->gs_base = base;
}

uint64_t task_fs_base(void)
{
    return cpu_features.fsgsbase && task_current()->xsave ? fs_base_read() : task_current()->fs_base;
}

uint64_t task_gs_base(void)
{
    return cpu_features.fsgsbase && task_current()->xsave ? msr_read(MSR_KERNEL_GS_BASE) : task_current()->gs_base;
}

int fpu_exception_code(bool simd)
{
    uint32_t pending;

    if (simd) {
        uint32_t mxcsr;

        __asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
        pending = mxcsr & ~(mxcsr >> 7);
    } else {
        uint16_t control, status;

        __asm__ volatile("fnstcw %0; fnstsw %1" : "=m"(control), "=m"(status));
        pending = status & ~(uint32_t)control;
    }
    if (pending & 0x01)
        return FPE_FLTINV;
    if (pending & 0x04)
        return FPE_FLTDIV;
    if (pending & 0x08)
        return FPE_FLTOVF;
    if (pending & 0x12)
        return FPE_FLTUND;
    return pending & 0x20 ? FPE_FLTRES : SI_KERNEL;
}

size_t fpu_frame_size(void)
{
    return features ? state_size + FP_XSTATE_MAGIC2_SIZE : FXSAVE_SIZE;
}

/* user_copy.S; no capture: a signal frame is no argument of a call. */
int user_xsave(void *dst);
int user_xrstor(const void *src);
int user_fxsave(void *dst);
int user_fxrstor(const void *src);

static bool user_range(uint64_t address)
{
    return IS_ALIGNED(address, 64) && address < USER_END && USER_END - address >= area_size + FP_XSTATE_MAGIC2_SIZE;
}

static user_ptr frame_field(uint64_t user_address, size_t offset)
{
    return user(user_address + offset);
}

int fpu_save_user(uint64_t user_address)
{
    const struct _fpx_sw_bytes sw = {
        .magic1 = FP_XSTATE_MAGIC1,
        .extended_size = (uint32_t)(state_size + FP_XSTATE_MAGIC2_SIZE),
        .xfeatures = features,
        .xstate_size = (uint32_t)state_size,
    };
    const uint32_t magic2 = FP_XSTATE_MAGIC2;

    if (!user_range(user_address))
        return -EFAULT;
    if (!features)
        return user_fxsave((void *)user_address) ? -EFAULT : 0;
    /* XSAVE writes only the first word of its header. */
    if (clear_user(frame_field(user_address, offsetof(struct xsave_area, xstate_bv)), 64) ||
        user_xsave((void *)user_address) ||
        put_user(frame_field(user_address, offsetof(struct xsave_area, sw)), sw))
        return -EFAULT;
    return put_user(frame_field(user_address, state_size), magic2);
}

static bool frame_is_extended(const struct _fpx_sw_bytes *sw, uint64_t user_address)
{
    uint32_t magic2;

    if (!features || sw->magic1 != FP_XSTATE_MAGIC1 || sw->xstate_size != state_size)
        return false;
    return !get_user(magic2, frame_field(user_address, state_size)) && magic2 == FP_XSTATE_MAGIC2;
}

/* The CPU checks what it loads; a program that gives nonsense loses its state, and gets an error. */
int fpu_restore_user(uint64_t user_address)
{
    struct _fpx_sw_bytes sw;

    if (!user_range(user_address) || get_user(sw, frame_field(user_address, offsetof(struct xsave_area, sw))))
        return -EFAULT;
    if (frame_is_extended(&sw, user_address))
        return user_xrstor((const void *)user_address) ? -EINVAL : 0;
    task_reset_fpu(); /* what the short form does not hold */
    return user_fxrstor((const void *)user_address) ? -EINVAL : 0;
}

void fpu_save_current(void)
{
    state_save(task_current()->xsave);
}

size_t fpu_set_size(bool extended)
{
    return !extended ? FXSAVE_SIZE : features ? state_size : 0;
}

void fpu_set_read(const struct task *t, void *out, bool extended)
{
    struct xsave_area *copy = out;

    memcpy(out, t->xsave, fpu_set_size(extended));
    memset(&copy->sw, 0, sizeof copy->sw);
    if (extended)
        memcpy(&copy->sw, &features, sizeof features);
}

/* What XRSTOR checks (SDM vol. 1 section 13.8.1). */
static bool set_is_valid(const struct task *t, const struct xsave_area *in, bool extended)
{
    uint32_t mask = t->xsave->mxcsr_mask ? t->xsave->mxcsr_mask : MXCSR_MASK_DEFAULT;

    if (in->mxcsr & ~mask)
        return false;
    if (!extended)
        return true;
    for (size_t i = 0; i < ARRAY_SIZE(in->header_reserved); i++)
        if (in->header_reserved[i])
            return false;
    return !(in->xstate_bv & ~features) && !in->xcomp_bv;
}

/* Components that the header leaves out are in their initial state, whatever lies in their place. */
static void absent_clear(struct xsave_area *a)
{
    if (!(a->xstate_bv & BIT(0))) {
        memset(a, 0, offsetof(struct xsave_area, mxcsr));
        memset(a->registers, 0, X87_REGISTERS_SIZE);
        a->fcw = FCW_INITIAL;
    }
    if (!(a->xstate_bv & BIT(1)))
        memset(a->registers + X87_REGISTERS_SIZE, 0, XMM_REGISTERS_SIZE);
    for (unsigned i = 2; i < 63; i++) {
        if (!(features & ~a->xstate_bv & BIT(i)))
            continue;
        struct cpuid_regs r = cpuid_count(0xd, i); /* EAX bytes at EBX */
        if (r.ebx < state_size && r.eax <= state_size - r.ebx)
            memset((uint8_t *)a + r.ebx, 0, r.eax);
    }
}

int fpu_set_write(struct task *t, const void *in, bool extended)
{
    struct xsave_area *a = t->xsave;

    if (!set_is_valid(t, in, extended))
        return -EINVAL;
    uint32_t mask = a->mxcsr_mask;

    memcpy(a, in, fpu_set_size(extended));
    a->mxcsr_mask = mask;
    if (extended)
        absent_clear(a);
    else if (features)
        a->xstate_bv |= BIT(0) | BIT(1);
    t->vector_cpu = UINT32_MAX; /* what a CPU still has of it is old */
    return 0;
}
