/*
 * tools/filter*.c and abi/trace_program.c: the language, what it means for a call, and that the compiled program never
 * refuses what the filter wants.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include <cmocka.h>

#include "abi/syscalls.h"
#include "tools/filter.h"

static union {
    struct trace_program program;
    uint8_t room[TRACE_PROGRAM_SIZE_MAX];
} compiled;

static struct filter *parsed(const char *text)
{
    char *why;
    struct filter *f = filter_parse(text, &why);

    if (!f)
        fail_msg("%s: %s", text, why);
    return f;
}

static bool wants_number(const char *text, uint64_t nr)
{
    struct filter *f = parsed(text);
    struct filter_facts facts = {.known = BIT(TRACE_FIELD_NR)};

    facts.scalars.field[TRACE_FIELD_NR] = nr;
    enum truth t = filter_test(f, &facts);
    assert_int_not_equal(t, TRUTH_PERHAPS);
    filter_free(f);
    return t == TRUTH_YES;
}

static void sets(void **state)
{
    assert_true(wants_number("openat,read", SYS_read));
    assert_false(wants_number("openat,read", SYS_write));
    assert_false(wants_number("!openat,read", SYS_read));
    assert_true(wants_number("!openat,read", SYS_write));
    assert_true(wants_number("!!read", SYS_read));
    assert_true(wants_number("all", 1234));
    assert_false(wants_number("!all", SYS_read));
    assert_false(wants_number("none", SYS_read));
    assert_true(wants_number("?nosuchcall,read", SYS_read));
    assert_true(wants_number("%file", SYS_openat));
    assert_true(wants_number("%FILE", SYS_openat));
    assert_false(wants_number("%file", SYS_read));
    assert_true(wants_number("%%stat", SYS_statx));
    assert_false(wants_number("%stat", SYS_statx));
    assert_true(wants_number("%net", SYS_socket));
    assert_true(wants_number("network", SYS_socket));
    assert_true(wants_number("/^open", SYS_openat));
    assert_false(wants_number("/^open", SYS_mq_open));
    assert_true(wants_number("/^(open|cl)", SYS_close));
    assert_true(wants_number("/at$,read", SYS_read));
    assert_true(wants_number("600", 600));
    assert_true(wants_number("39", SYS_getpid));
    assert_true(wants_number("read@64", SYS_read));
    assert_false(wants_number("read@32", SYS_read));
    assert_true(wants_number("%desc && !(read,write)", SYS_close));
    assert_false(wants_number("%desc && !(read,write)", SYS_read));
    assert_true(wants_number("(read || write) && nr==1", SYS_write));
}

static void refused(void **state)
{
    static const char *const texts[] = {
        "", "nosuchcall", "read,", ",read", "%nosuch", "/(", "/nothingmatches", "(read", "read)", "read &&", "|| read",
        "arg6==1", "arg0==", "arg0==x", "arg0==1x", "arg0~1", "path<3", "fd==-1", "fd>3", "errno<3", "errno==ENOSUCH",
        "duration>1h", "status=lost", "comm~(", "read@16", "path=", "result==99999999999999999999", "read write"};

    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        char *why;
        struct filter *f = filter_parse(texts[i], &why);
        if (f)
            fail_msg("taken: %s", texts[i]);
        assert_non_null(why);
        free(why);
    }
}

static void too_much(void **state)
{
    char text[8192] = "read", *why;

    for (unsigned i = 0; i < 70; i++)
        strcat(text, "&&read");
    assert_null(filter_parse(text, &why));
    free(why);
    strcpy(text, "pid=1");
    for (unsigned i = 0; i < 1000; i++)
        strcat(text, ",2");
    assert_null(filter_parse(text, &why));
    free(why);
}

/* A call that opened /etc/passwd as descriptor 3 in 2 ms. */
static enum truth of_call(const char *text)
{
    static const char *const paths[] = {"/etc/passwd"};
    static const int fds[] = {3};
    struct filter_facts facts = {
        .known = BIT(TRACE_FIELD_COUNT) - 1, .status = CALL_SUCCESSFUL, .comm = "cat", .names_known = true, .paths = paths,
        .path_count = 1, .fds = fds, .fd_count = 1};
    uint64_t fields[] = {SYS_openat, 0xffffff9cu, 0x7fff1000, 0x80041, 0, 0, 0, 7, 8, 0x1000, 1, 3, 2000000};
    struct filter *f = parsed(text);

    memcpy(facts.scalars.field, fields, sizeof fields);
    enum truth t = filter_test(f, &facts);
    filter_free(f);
    return t;
}

static void comparisons(void **state)
{
    static const char *const yes[] = {
        "arg0==-100", "arg0==0xffffff9c", "arg0<0", "arg2&0x40", "arg2==0x80041", "arg1>0x1000", "arg1>=2147422208",
        "result>=0", "result==3", "result<=3", "errno!=ENOENT", "duration>1ms", "duration<3000us", "duration<=2000000ns",
        "duration >= 2ms", "pid=6,7", "tid==8", "vcpu=1", "cr3==4096", "fd=2,3", "fd!=4", "path=/etc/passwd",
        "path=/no,/etc/passwd", "path=\"/etc/passwd\"", "path~^/etc/", "path!~x", "comm=cat", "comm~^c.t$", "comm!=dog",
        "status=successful", "status=failed,successful", "status=!failed", "openat && arg2&0x40 && path~^/etc/",
        "read || comm=cat", "!(read || comm=dog)", "arg2 & 0x40", "result<9223372036854775807"};
    static const char *const no[] = {
        "arg0==100", "arg2&0x20", "result<0", "result==-ENOENT", "errno==ENOENT", "duration>1s", "pid!=7", "fd=4",
        "path=/etc/group", "path~x", "comm~dog", "status=failed", "status=none", "status=unfinished", "read && comm=cat",
        "openat && path=/etc && arg2&0x40", "result>9223372036854775807"};

    for (size_t i = 0; i < ARRAY_SIZE(yes); i++)
        if (of_call(yes[i]) != TRUTH_YES)
            fail_msg("should hold: %s", yes[i]);
    for (size_t i = 0; i < ARRAY_SIZE(no); i++)
        if (of_call(no[i]) != TRUTH_NO)
            fail_msg("should not hold: %s", no[i]);
}

/* What is not known makes no decision, unless the rest decides. */
static void unknown(void **state)
{
    struct filter_facts facts = {.known = BIT(TRACE_FIELD_NR)};
    static const struct {
        const char *text;
        enum truth truth;
    } cases[] = {{"path=/x", TRUTH_PERHAPS}, {"!comm=x", TRUTH_PERHAPS}, {"read && path=/x", TRUTH_PERHAPS},
                 {"write && path=/x", TRUTH_NO}, {"read || path=/x", TRUTH_YES}, {"status=failed", TRUTH_PERHAPS}};

    facts.scalars.field[TRACE_FIELD_NR] = SYS_read;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct filter *f = parsed(cases[i].text);
        assert_int_equal(filter_test(f, &facts), cases[i].truth);
        filter_free(f);
    }
    assert_int_equal(filter_test(NULL, &facts), TRUTH_YES);
}

static void lists(void **state)
{
    uint64_t set;
    unsigned statuses;
    char *why;

    assert_true(filter_parse_signals("SIGINT,term,9", &set, &why));
    assert_int_equal(set, BIT(1) | BIT(14) | BIT(8));
    assert_true(filter_parse_signals("!SIGCHLD", &set, &why));
    assert_int_equal(set, ~BIT(16));
    assert_true(filter_parse_signals("none", &set, &why) && set == 0);
    assert_true(filter_parse_signals("all", &set, &why) && set == UINT64_MAX);
    assert_false(filter_parse_signals("SIGNOT", &set, &why));
    free(why);
    assert_false(filter_parse_signals("65", &set, &why));
    free(why);
    assert_true(filter_parse_statuses("!unfinished", &statuses, &why));
    assert_int_equal(statuses, 31 & ~CALL_UNFINISHED);
    assert_false(filter_parse_statuses("gone", &statuses, &why));
    free(why);
}

static const struct trace_program *compile_text(const char *text, uint64_t tsc_hz)
{
    struct filter_extra extra = {.tsc_hz = tsc_hz, .signals = BIT(10)};
    struct filter *f = parsed(text);
    size_t size = filter_compile(f, &extra, &compiled.program);

    filter_free(f);
    assert_true(trace_program_valid(&compiled, size));
    return &compiled.program;
}

/* Bitmaps alone where the number decides. */
static void programs_of_numbers(void **state)
{
    const struct trace_program *p = compile_text("openat,%network", 0);

    assert_int_equal(p->entry_steps + p->return_steps, 0);
    assert_int_equal(trace_program_call(p, SYS_openat), TRACE_PASS);
    assert_int_equal(trace_program_call(p, SYS_socket), TRACE_PASS);
    assert_int_equal(trace_program_call(p, SYS_read), TRACE_SKIP);
    assert_int_equal(trace_program_call(p, UINT64_MAX), TRACE_SKIP);
    assert_true(trace_program_signal(p, 11));
    assert_false(trace_program_signal(p, 0) || trace_program_signal(p, 65) || trace_program_signal(p, 12));
    p = compile_text("openat && path=/etc/passwd", 0);
    assert_int_equal(p->entry_steps, 0);
    assert_int_equal(trace_program_call(p, SYS_openat), TRACE_PASS);
    assert_int_equal(trace_program_call(p, SYS_read), TRACE_SKIP);
}

static void programs_of_arguments(void **state)
{
    const struct trace_program *p = compile_text("openat && arg2&0x40 || close && arg0==-1 || getpid", 0);
    struct trace_facts facts = {.field = {SYS_openat, 0, 0, 0x40}};

    assert_int_equal(trace_program_call(p, SYS_getpid), TRACE_PASS);
    assert_int_equal(trace_program_call(p, SYS_openat), TRACE_LOOK);
    assert_int_equal(trace_program_call(p, SYS_read), TRACE_SKIP);
    assert_true(trace_program_entry(p, &facts));
    facts.field[3] = 0x80;
    assert_false(trace_program_entry(p, &facts));
    facts = (struct trace_facts){.field = {SYS_close, 0xffffffffu}};
    assert_true(trace_program_entry(p, &facts));
    facts.field[1] = 3;
    assert_false(trace_program_entry(p, &facts));
}

static void programs_of_returns(void **state)
{
    const struct trace_program *p = compile_text("%file && (result<0 || duration>1ms)", 1000000000);
    struct trace_facts facts = {.field = {[TRACE_FIELD_NR] = SYS_openat, [TRACE_FIELD_RESULT] = (uint64_t)-2}};

    assert_int_equal(p->entry_steps, 0);
    assert_int_not_equal(p->return_steps, 0);
    assert_int_equal(trace_program_call(p, SYS_openat), TRACE_LOOK);
    assert_true(trace_program_entry(p, &facts) && trace_program_return(p, &facts));
    facts.field[TRACE_FIELD_RESULT] = 3;
    assert_false(trace_program_return(p, &facts));
    facts.field[TRACE_FIELD_DURATION] = 1001000;
    assert_true(trace_program_return(p, &facts));
    p = compile_text("status=failed", 0);
    facts.field[TRACE_FIELD_RESULT] = (uint64_t)-4095;
    assert_true(trace_program_return(p, &facts));
    facts.field[TRACE_FIELD_RESULT] = (uint64_t)-4096;
    assert_false(trace_program_return(p, &facts));
}

/* A filter too large for a program is left to the reader. */
static void programs_too_large(void **state)
{
    char text[4096] = "arg0==0";

    for (unsigned i = 1; i < 200; i++)
        sprintf(text + strlen(text), ",%u", i);
    const struct trace_program *p = compile_text(text, 0);
    assert_int_equal(p->entry_steps, 0);
    assert_int_equal(trace_program_call(p, SYS_read), TRACE_PASS);
}

static void invalid_programs(void **state)
{
    compile_text("arg0==1 || arg1==2", 0);
    size_t size = compiled.program.size;
    struct trace_program *p = &compiled.program;

    assert_false(trace_program_valid(p, size - 1));
    assert_false(trace_program_valid(p, sizeof *p - 1));
    p->step[1].yes = 1; /* to itself */
    assert_false(trace_program_valid(p, size));
    p->step[1].yes = 0;
    assert_false(trace_program_valid(p, size));
    p->step[1].yes = (uint8_t)p->entry_steps;
    assert_false(trace_program_valid(p, size));
    p->step[1].yes = TRACE_STEP_ACCEPT;
    assert_true(trace_program_valid(p, size));
    p->step[1].field = TRACE_FIELD_RESULT;
    assert_false(trace_program_valid(p, size));
    p->step[1].field = TRACE_FIELD_PID;
    p->step[1].test = TRACE_TEST_COUNT;
    assert_false(trace_program_valid(p, size));
    p->step[1].test = TRACE_TEST_EQUAL;
    p->version++;
    assert_false(trace_program_valid(p, size));
}

/* Every word of a class is a call. */
static void classes(void **state)
{
#define SYSCALL(nr, name, result, args, status, note)
#define CLASS(name, calls) calls " "
    static const char all[] =
#include "abi/syscalls.def"
        "";
#undef CLASS
#undef SYSCALL
    char copy[sizeof all], *rest = copy, *word;

    memcpy(copy, all, sizeof all);
    while ((word = strsep(&rest, " "))) {
        if (*word && syscall_number(word) < 0)
            fail_msg("no call is named %s", word);
    }
    unsigned count = 0;
    while (syscall_class_name(count))
        count++;
    assert_int_equal(count, 17);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sets), cmocka_unit_test(refused), cmocka_unit_test(too_much), cmocka_unit_test(comparisons),
        cmocka_unit_test(unknown), cmocka_unit_test(lists), cmocka_unit_test(programs_of_numbers),
        cmocka_unit_test(programs_of_arguments), cmocka_unit_test(programs_of_returns),
        cmocka_unit_test(programs_too_large), cmocka_unit_test(invalid_programs), cmocka_unit_test(classes)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
