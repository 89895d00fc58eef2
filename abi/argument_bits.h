/*
 * ARGS(a, b) of abi/syscalls.def as bits: BIT(i) if argument i is of a kind for which the includer's ARGUMENT_COUNTS(kind) holds.
 */
#ifndef ABI_ARGUMENT_BITS_H
#define ABI_ARGUMENT_BITS_H

#include "abi/syscalls.h"

#define ARGUMENT_BIT(kind, i)                         (ARGUMENT_COUNTS(ARG_##kind) << (i))
#define ARGS_0()                                      0
#define ARGS_1(a)                                     ARGUMENT_BIT(a, 0)
#define ARGS_2(a, b)                                  (ARGS_1(a) | ARGUMENT_BIT(b, 1))
#define ARGS_3(a, b, c)                               (ARGS_2(a, b) | ARGUMENT_BIT(c, 2))
#define ARGS_4(a, b, c, d)                            (ARGS_3(a, b, c) | ARGUMENT_BIT(d, 3))
#define ARGS_5(a, b, c, d, e)                         (ARGS_4(a, b, c, d) | ARGUMENT_BIT(e, 4))
#define ARGS_6(a, b, c, d, e, f)                      (ARGS_5(a, b, c, d, e) | ARGUMENT_BIT(f, 5))
#define ARGS_PICK(zero, a, b, c, d, e, f, macro, ...) macro
#define ARGS(...)                                     ARGS_PICK(0, ##__VA_ARGS__, ARGS_6, ARGS_5, ARGS_4, ARGS_3, ARGS_2, ARGS_1, ARGS_0)(__VA_ARGS__)

#endif
