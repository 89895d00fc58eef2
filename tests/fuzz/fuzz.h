/*
 * A fuzz target is one function; fuzz_main.c feeds it random inputs, or libFuzzer does (clang -fsanitize=fuzzer).
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
