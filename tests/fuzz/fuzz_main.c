/*
 * Runs a fuzz target without a fuzzing engine: `target [RUNS [SEED [SECONDS]]]` feeds it that many pseudo-random inputs, or as many as
 * it takes in that time, of bytes that are small, all ones or anything; `target FILE` feeds it one file.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tests/fuzz/fuzz.h"

#define INPUT_MAX 2048u

static uint64_t state;

static uint64_t next(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static void input_make(uint8_t *input, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        uint64_t r = next();
        unsigned kind = r >> 60;
        input[i] = kind < 7 ? r % 16 : kind < 8 ? 0xff : (uint8_t)r;
    }
}

static int run_file(const char *path)
{
    static uint8_t input[1 << 20];
    FILE *f = fopen(path, "rb");

    if (!f)
        return 1;
    size_t size = fread(input, 1, sizeof(input), f);
    fclose(f);
    return LLVMFuzzerTestOneInput(input, size);
}

int main(int argc, char **argv)
{
    char *end = "";
    unsigned long runs = argc > 1 ? strtoul(argv[1], &end, 0) : 20000;

    if (*end)
        return run_file(argv[1]);
    state = argc > 2 ? strtoull(argv[2], NULL, 0) | 1 : 0x9e3779b97f4a7c15ULL;
    time_t end_of_time = argc > 3 ? time(NULL) + strtol(argv[3], NULL, 0) : 0;
    unsigned long i;
    for (i = 0; i < runs && (!end_of_time || time(NULL) < end_of_time); i++) {
        size_t size = next() % INPUT_MAX;
        uint8_t *input = malloc(size ? size : 1); /* exactly as large as it is: ASan sees each byte too many */
        input_make(input, size);
        LLVMFuzzerTestOneInput(input, size);
        free(input);
    }
    printf("%lu runs\n", i);
    return 0;
}
