/*
 * The whole table, for programs that print traces and lists of calls.
 */
#include "abi/syscalls.h"

/* ARGS(a, b) becomes {ARG_a, ARG_b}: the count of the list picks the macro that prefixes that many. */
#define ARGS_0() {ARG_END}
#define ARGS_1(a) {ARG_##a}
#define ARGS_2(a, b) {ARG_##a, ARG_##b}
#define ARGS_3(a, b, c) {ARG_##a, ARG_##b, ARG_##c}
#define ARGS_4(a, b, c, d) {ARG_##a, ARG_##b, ARG_##c, ARG_##d}
#define ARGS_5(a, b, c, d, e) {ARG_##a, ARG_##b, ARG_##c, ARG_##d, ARG_##e}
#define ARGS_6(a, b, c, d, e, f) {ARG_##a, ARG_##b, ARG_##c, ARG_##d, ARG_##e, ARG_##f}
#define ARGS_PICK(zero, a, b, c, d, e, f, macro, ...) macro
#define ARGS(...) ARGS_PICK(0, ##__VA_ARGS__, ARGS_6, ARGS_5, ARGS_4, ARGS_3, ARGS_2, ARGS_1, ARGS_0)(__VA_ARGS__)

const struct syscall_row syscall_rows[SYSCALL_COUNT] = {
#define SYSCALL(nr, call, result_kind, args, state, text)                                                              \
    [nr] = {#call, args, RESULT_##result_kind, SYSCALL_##state, text},
#include "abi/syscalls.def"
#undef SYSCALL
};

bool syscall_kind_is_in(unsigned int kind, const uint16_t *kinds, size_t n)
{
    while (n > 0 && kinds[n - 1] != kind)
        n--;
    return n > 0;
}

unsigned int syscall_row_arity(const struct syscall_row *row)
{
    unsigned int count = 0;

    while (count < SYSCALL_ARGS_MAX && row->kinds[count] != ARG_END)
        count++;
    return count;
}
