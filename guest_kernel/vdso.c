/*
 * See vdso.h.  Page 0 of the "file" that processes map is the clock page, the rest the vDSO's image.  The pages live for
 * ever; every mapping holds a reference of its own.
 */
#include "guest_kernel/vdso.h"

#include <asm/errno.h>
#include <linux/mman.h>

#include "guest_kernel/core/alloc.h"
#include "guest_kernel/core/boot.h"
#include "guest_kernel/core/clock_page.h"
#include "guest_kernel/core/space.h"
#include "guest_kernel/exec_layout.h"
#include "lib/string.h"

#define PAGES_MAX 3u

extern const char vdso_image[], vdso_image_end[];

static struct page *pages[PAGES_MAX]; /* written at boot only */
static unsigned page_count;

static void file_keep(struct space_file *f, bool writes)
{
}

static int file_get_page(struct space_file *f, uint64_t index, struct page **out)
{
    if (index >= page_count)
        return -ERANGE;
    page_get(pages[index]);
    *out = pages[index];
    return 0;
}

static int file_path(struct space_file *f, char *buf, size_t size)
{
    if (size)
        buf[0] = '\0';
    return 1;
}

static void file_identity(struct space_file *f, uint64_t *device, uint64_t *inode)
{
    *device = *inode = 0;
}

static const struct space_file_ops file_ops = {
    .get = file_keep,
    .put = file_keep,
    .get_page = file_get_page,
    .path = file_path,
    .identity = file_identity,
};
static struct space_file vdso_file = {&file_ops};

int vdso_init(void)
{
    size_t size = (size_t)(vdso_image_end - vdso_image);
    unsigned count = 1 + (unsigned)(ALIGN_UP(size, PAGE_SIZE) / PAGE_SIZE);

    if (!boot_option_u64("vdso", 1))
        return 0;
    assert(count <= PAGES_MAX);
    for (unsigned i = 0; i < count; i++) {
        pages[i] = page_alloc_zero();
        if (!pages[i])
            return -ENOMEM;
        if (i > 0)
            memcpy(page_address(pages[i]), vdso_image + (i - 1) * PAGE_SIZE, MIN(size - (i - 1) * PAGE_SIZE, PAGE_SIZE));
    }
    clock_publish(page_address(pages[0]));
    page_count = count;
    return 0;
}

int vdso_map(struct space *s, uint64_t stack, const struct layout_random *random, uint64_t *address)
{
    *address = 0;
    if (!page_count)
        return 0;
    uint64_t size = page_count * PAGE_SIZE;
    long at = space_map(s, layout_vdso(stack, size, random), size, PROT_READ, MAP_PRIVATE, &vdso_file, 0);
    if (at < 0)
        return (int)at;
    long text = space_map(s, (uint64_t)at + PAGE_SIZE, (page_count - 1) * PAGE_SIZE, PROT_READ | PROT_EXEC,
                          MAP_PRIVATE | MAP_FIXED, &vdso_file, PAGE_SIZE);
    if (text < 0)
        return (int)text;
    long error = space_name_area(s, (uint64_t)at, "[vvar]");
    if (!error)
        error = space_name_area(s, (uint64_t)text, "[vdso]");
    *address = (uint64_t)text;
    return (int)error;
}
