/*
 * Credentials on the host: what changes of ids and execve do to the capabilities (capabilities(7)), lists of groups.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "guest_kernel/core/alloc.h"
#include "guest_kernel/core/task.h"

#define SOME (BIT(CAP_KILL) | BIT(CAP_CHOWN))

static struct task task;

struct task *task_current(void)
{
    return &task;
}

void *mem_alloc(size_t size)
{
    return malloc(size);
}

void mem_free(void *p)
{
    free(p);
}

noreturn void panic(const char *fmt, ...)
{
    fprintf(stderr, "panic: %s\n", fmt);
    abort();
}

static struct cred root(void)
{
    return (struct cred){.permitted = CAPABILITIES_ALL, .effective = CAPABILITIES_ALL, .bounding = CAPABILITIES_ALL};
}

static struct cred somebody(void)
{
    return (struct cred){.uid = 5, .euid = 5, .suid = 5, .fsuid = 5, .bounding = CAPABILITIES_ALL};
}

static struct cred with_uids(struct cred c, uint32_t uid, uint32_t euid, uint32_t suid)
{
    struct cred changed = c;

    changed.uid = uid;
    changed.euid = changed.fsuid = euid;
    changed.suid = suid;
    cred_fix_uids(&c, &changed);
    return changed;
}

static void leaving_root_drops_all(void **state)
{
    struct cred c = with_uids(root(), 5, 5, 5);

    assert_int_equal(c.permitted | c.effective, 0);
    assert_int_equal(c.bounding, CAPABILITIES_ALL);
    c = root();
    c.securebits = SECBIT_KEEP_CAPS;
    c = with_uids(c, 5, 5, 5);
    assert_int_equal(c.permitted, CAPABILITIES_ALL);
    assert_int_equal(c.effective, 0);
    c = root();
    c.securebits = SECBIT_NO_SETUID_FIXUP;
    c = with_uids(c, 5, 5, 5);
    assert_int_equal(c.effective, CAPABILITIES_ALL);
}

static void effective_follows_the_effective_id(void **state)
{
    struct cred c = with_uids(root(), 0, 5, 0);

    assert_int_equal(c.permitted, CAPABILITIES_ALL);
    assert_int_equal(c.effective, 0);
    c = with_uids(c, 0, 0, 0);
    assert_int_equal(c.effective, CAPABILITIES_ALL);
}

static void fsuid_moves_the_file_capabilities(void **state)
{
    struct cred old = root(), c = old;

    c.fsuid = 5;
    cred_fix_fsuid(&old, &c);
    assert_false(cred_has(&c, CAP_DAC_OVERRIDE));
    assert_true(cred_has(&c, CAP_KILL));
    old = c;
    c.fsuid = 0;
    cred_fix_fsuid(&old, &c);
    assert_int_equal(c.effective, CAPABILITIES_ALL);
}

static void execve_gives_root_the_bounding_set(void **state)
{
    struct cred old = root(), c;

    old.permitted = old.effective = 0;
    old.bounding = SOME;
    c = old;
    assert_false(cred_exec(&old, &c, EXEC_SAFE));
    assert_int_equal(c.permitted, SOME);
    assert_int_equal(c.effective, SOME);
    old.securebits = SECBIT_NOROOT;
    c = old;
    assert_false(cred_exec(&old, &c, EXEC_SAFE));
    assert_int_equal(c.permitted, 0);
}

static void execve_of_set_id_programs(void **state)
{
    struct cred old = somebody(), c = old;

    old.inheritable = old.ambient = old.permitted = BIT(CAP_KILL);
    c = old;
    c.euid = 0;
    assert_true(cred_exec(&old, &c, EXEC_SAFE));
    assert_int_equal(c.suid, 0);
    assert_int_equal(c.effective, CAPABILITIES_ALL);
    assert_int_equal(c.ambient, 0);
    c = old;
    c.euid = 0;
    assert_true(cred_exec(&old, &c, EXEC_WATCHED));
    assert_int_equal(c.euid, 5);
    assert_int_equal(c.effective, BIT(CAP_KILL)); /* what it had, and no more */
}

static void ambient_capabilities_survive_execve(void **state)
{
    struct cred old = somebody(), c;

    old.inheritable = old.ambient = old.permitted = BIT(CAP_KILL);
    old.securebits = SECBIT_KEEP_CAPS;
    c = old;
    assert_false(cred_exec(&old, &c, EXEC_SAFE));
    assert_int_equal(c.effective, BIT(CAP_KILL));
    assert_int_equal(c.permitted, BIT(CAP_KILL));
    assert_int_equal(c.securebits, 0);
}

static void watched_root_gains_nothing(void **state)
{
    struct cred old = root(), c;

    old.permitted = old.effective = SOME;
    c = old;
    (void)cred_exec(&old, &c, EXEC_NO_NEW_PRIVS);
    assert_int_equal(c.permitted, SOME);
}

static void groups_are_found(void **state)
{
    enum { COUNT = 1000 };
    struct group_list *g = groups_create(COUNT);

    for (uint32_t i = 0; i < COUNT; i++)
        g->ids[i] = i * 7919 % 10007;
    groups_sort(g);
    for (uint32_t i = 1; i < COUNT; i++)
        assert_true(g->ids[i - 1] < g->ids[i]);
    for (uint32_t i = 0; i < COUNT; i++)
        assert_true(groups_contain(g, i * 7919 % 10007));
    assert_false(groups_contain(g, 10007));
    assert_false(groups_contain(NULL, 0));
    struct cred c = {.groups = g}, copy = cred_copy(&c);
    cred_drop(&c);
    assert_true(groups_contain(copy.groups, 7919));
    cred_drop(&copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leaving_root_drops_all),
        cmocka_unit_test(effective_follows_the_effective_id),
        cmocka_unit_test(fsuid_moves_the_file_capabilities),
        cmocka_unit_test(execve_gives_root_the_bounding_set),
        cmocka_unit_test(execve_of_set_id_programs),
        cmocka_unit_test(ambient_capabilities_survive_execve),
        cmocka_unit_test(watched_root_gains_nothing),
        cmocka_unit_test(groups_are_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
