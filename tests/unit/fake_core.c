/*
 * See fake_core.h.  Locks are checked: taking one twice or giving back what is not held ends the test.
 */
#include "tests/unit/fake_core.h"

#include <asm/errno.h>
#include <linux/fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "fs/random.h"
#include "fs/tmpfs.h"
#include "guest_kernel/core/alloc.h"
#include "guest_kernel/core/poll.h"
#include "guest_kernel/core/time.h"
#include "lib/log.h"
#include "lib/string.h"
#include "virtio/driver/driver.h"

struct task fake_task;
int log_level = LOG_ERROR;
static long live, fail_in = -1;
static bool failed;

struct task *task_current(void)
{
    return &fake_task;
}

void log_line(enum log_level level, const char *fmt, ...)
{
}

noreturn void panic(const char *fmt, ...)
{
    fprintf(stderr, "panic: %s\n", fmt);
    abort();
}

/* --- memory --- */

long fake_allocations_live(void)
{
    return live;
}

void fake_fail_after(long n)
{
    fail_in = n;
    failed = false;
}

bool fake_has_failed(void)
{
    return failed;
}

static bool fails_now(void)
{
    if (fail_in < 0 || fail_in-- > 0)
        return false;
    failed = true;
    return true;
}

void *mem_alloc(size_t size)
{
    if (fails_now())
        return NULL;
    live++;
    return malloc(size ? size : 1);
}

void *mem_alloc_zero(size_t size)
{
    void *p = mem_alloc(size);

    return p ? memset(p, 0, size) : NULL;
}

void mem_free(void *p)
{
    live -= p != NULL;
    free(p);
}

char *mem_strdup(const char *s)
{
    char *copy = mem_alloc(strlen(s) + 1);

    return copy ? memcpy(copy, s, strlen(s) + 1) : NULL;
}

struct slab_cache {
    size_t size;
};

struct slab_cache *slab_cache_create(const char *name, size_t object_size)
{
    struct slab_cache *c = malloc(sizeof *c);

    c->size = object_size;
    return c;
}

void *slab_alloc_zero(struct slab_cache *c)
{
    return mem_alloc_zero(c->size);
}

void slab_free(struct slab_cache *c, void *object)
{
    mem_free(object);
}

/* A page's `owner` is its memory; `flags` says that the memory is not ours to free. */
static struct page *page_make(void *memory, bool adopted)
{
    struct page *p = calloc(1, sizeof *p);

    p->refs = 1;
    p->owner = memory;
    p->flags = adopted;
    live++;
    return p;
}

struct page *zero_page_get(void)
{
    return page_alloc_zero();
}

struct page *page_alloc(unsigned order)
{
    return fails_now() ? NULL : page_make(malloc(PAGE_SIZE << order), false);
}

struct page *page_alloc_zero(void)
{
    return fails_now() ? NULL : page_make(calloc(1, PAGE_SIZE), false);
}

struct page *page_alloc_user(unsigned order)
{
    return page_alloc(order);
}

struct page *page_alloc_user_zero(void)
{
    return page_alloc_zero();
}

void commit_adjust(int64_t pages)
{
}

bool commit_charge(uint64_t pages, uint64_t already)
{
    return true;
}

struct page *page_adopt(uint64_t phys)
{
    return page_make((void *)(uintptr_t)phys, true);
}

uint64_t virt_to_phys(const void *address)
{
    return (uintptr_t)address;
}

void page_get(struct page *p)
{
    p->refs++;
}

void page_put(struct page *p)
{
    if (!p->refs)
        panic("page freed twice");
    if (--p->refs)
        return;
    if (!p->flags)
        free(p->owner);
    free(p);
    live--;
}

void *page_address(const struct page *p)
{
    return p->owner;
}

void memory_stats(struct memory_stats *out)
{
    *out = (struct memory_stats){.total_pages = 65536, .free_pages = 32768};
}

/* --- time, randomness, ports --- */

uint64_t clock_realtime_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

uint64_t clock_monotonic_ns(void)
{
    return clock_realtime_ns();
}

void random_bytes(void *dst, size_t n)
{
    memset(dst, 4, n);
}

void random_mix(const void *data, size_t n)
{
}

/* --- waiting --- */

void wait_queue_init(struct wait_queue *q)
{
    TAILQ_INIT(&q->waiters);
}

void wait_enqueue(struct wait_queue *q, struct waiter *w)
{
}

void wait_enqueue_with(struct wait_queue *q, struct waiter *w, void (*wake)(struct waiter *))
{
}

void wait_dequeue(struct waiter *w)
{
}

void wake_all(struct wait_queue *q)
{
}

void task_sleep_prepare(bool interruptible)
{
}

void task_sleep_cancel(void)
{
}

/* Whoever would sleep here would sleep for ever: a signal comes. */
bool task_sleep_until(uint64_t deadline_ns)
{
    panic("sleeps");
}

bool task_signal_pending(void)
{
    return true;
}

void poll_table_init(struct poll_table *t)
{
    *t = (struct poll_table){0};
}

void poll_wait_events(struct poll_table *t, struct wait_queue *q, unsigned events)
{
}

void mutex_init(struct mutex *m)
{
    m->owner = NULL;
}

void mutex_lock(struct mutex *m)
{
    if (m->owner)
        panic("mutex taken twice");
    m->owner = &fake_task;
}

bool mutex_is_held(const struct mutex *m)
{
    return m->owner == &fake_task;
}

void task_yield(void)
{
}

void mutex_unlock(struct mutex *m)
{
    if (!m->owner)
        panic("mutex not held");
    m->owner = NULL;
}

/* --- user memory is our own --- */

int copy_to_user(user_ptr dst, const void *src, size_t n)
{
    memcpy((void *)(uintptr_t)dst.address, src, n);
    return 0;
}

int copy_from_user(void *dst, user_ptr src, size_t n)
{
    memcpy(dst, (void *)(uintptr_t)src.address, n);
    return 0;
}

void iter_init_kernel(struct io_iter *it, void *base, size_t length)
{
    *it = (struct io_iter){.count = 1, .remaining = length, .kernel = true, .one = {(uintptr_t)base, length}};
}

static char *iter_take(struct io_iter *it, size_t n)
{
    char *at = (char *)(uintptr_t)it->one.base + it->offset;

    it->offset += n;
    it->remaining -= n;
    return at;
}

size_t iter_write(struct io_iter *it, const void *src, size_t n)
{
    n = MIN(n, it->remaining);
    memcpy(iter_take(it, n), src, n);
    return n;
}

size_t iter_read(struct io_iter *it, void *dst, size_t n)
{
    n = MIN(n, it->remaining);
    memcpy(dst, iter_take(it, n), n);
    return n;
}

size_t iter_zero(struct io_iter *it, size_t n)
{
    n = MIN(n, it->remaining);
    memset(iter_take(it, n), 0, n);
    return n;
}

/* --- the world to test in --- */

void fake_start(void)
{
    fake_task.cred.permitted = fake_task.cred.effective = CAPABILITIES_ALL;
    fake_task.files = file_table_create();
    if (fs_init() || !(fake_task.fs = fs_context_create()))
        panic("fs_init");
}

void fake_enter_mount(void)
{
    struct superblock *sb = tmpfs_create("tmpfs", 0755);
    struct path at;

    if (tree_make(AT_FDCWD, "/mnt", S_IFDIR | 0755, 0) || path_walk(AT_FDCWD, "/mnt", 0, &at) ||
        mount_attach(sb, sb->root, &at, 0, "test"))
        panic("mount");
    superblock_put(sb);
    mount_cross_down(&at);
    fs_context_set_root(&at);
    fs_context_set_cwd(&at);
    path_put(&at);
}

void fake_leave_mount(void)
{
    struct path root, mounted;

    context_paths(&mounted, NULL);
    mount_root_path(&root);
    fs_context_set_root(&root);
    fs_context_set_cwd(&root);
    path_put(&root);
    if (mount_detach(&mounted, false))
        panic("unmount: busy");
    path_put(&mounted);
    if (tree_remove(AT_FDCWD, "/mnt", true))
        panic("rmdir");
}
