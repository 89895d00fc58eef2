/*
 * See fs/random.h.  ChaCha20 is RFC 8439; after each request the first 32 bytes of fresh output become the next key, so
 * what was given out cannot be computed from what is kept (fast key erasure).  The lock guards the key.
 */
#include "fs/random.h"

#include "lib/log.h"
#include "lib/spinlock.h"
#include "lib/string.h"
#include "lib/x86.h"
#include "virtio/driver/driver.h"

#define KEY_WORDS 8
#define BLOCK_SIZE 64
#define RDRAND_TRIES 10

static struct spinlock random_lock = SPINLOCK_INIT;
static uint32_t key[KEY_WORDS];
static uint64_t requests; /* the nonce: no two requests use the same, even if a key came back */

static uint32_t rotate(uint32_t x, int n)
{
    return x << n | x >> (32 - n);
}

static void quarter_round(uint32_t x[16], int a, int b, int c, int d)
{
    x[a] += x[b], x[d] = rotate(x[d] ^ x[a], 16);
    x[c] += x[d], x[b] = rotate(x[b] ^ x[c], 12);
    x[a] += x[b], x[d] = rotate(x[d] ^ x[a], 8);
    x[c] += x[d], x[b] = rotate(x[b] ^ x[c], 7);
}

/* RFC 8439 2.3, with a 64-bit counter and a 64-bit nonce. */
static void chacha_block(const uint32_t k[KEY_WORDS], uint64_t counter, uint64_t nonce, uint32_t out[16])
{
    uint32_t start[16] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};

    memcpy(start + 4, k, KEY_WORDS * sizeof *k);
    start[12] = (uint32_t)counter;
    start[13] = (uint32_t)(counter >> 32);
    start[14] = (uint32_t)nonce;
    start[15] = (uint32_t)(nonce >> 32);
    memcpy(out, start, sizeof start);
    for (int round = 0; round < 10; round++) {
        quarter_round(out, 0, 4, 8, 12);
        quarter_round(out, 1, 5, 9, 13);
        quarter_round(out, 2, 6, 10, 14);
        quarter_round(out, 3, 7, 11, 15);
        quarter_round(out, 0, 5, 10, 15);
        quarter_round(out, 1, 6, 11, 12);
        quarter_round(out, 2, 7, 8, 13);
        quarter_round(out, 3, 4, 9, 14);
    }
    for (int n = 0; n < 16; n++)
        out[n] += start[n];
}

/* A key for one request; the generator's own has moved on when this returns. */
static uint64_t request_key(uint32_t out[KEY_WORDS])
{
    uint32_t block[16];

    uint64_t flags = spin_lock_irqsave(&random_lock);
    uint64_t nonce = ++requests;
    chacha_block(key, 0, nonce, block);
    memcpy(key, block, sizeof key);
    spin_unlock_irqrestore(&random_lock, flags);
    memcpy(out, block + KEY_WORDS, KEY_WORDS * sizeof *out);
    return nonce;
}

void random_bytes(void *dst, size_t n)
{
    uint32_t k[KEY_WORDS], block[16];
    uint64_t nonce = request_key(k);
    char *at = dst;

    for (uint64_t counter = 1; n; counter++) {
        size_t part = MIN(n, BLOCK_SIZE);
        chacha_block(k, counter, nonce, block);
        memcpy(at, block, part);
        at += part;
        n -= part;
    }
}

void random_mix(const void *data, size_t n)
{
    const unsigned char *at = data;
    uint32_t block[16];

    uint64_t flags = spin_lock_irqsave(&random_lock);
    while (n) {
        size_t part = MIN(n, sizeof key);
        for (size_t b = 0; b < part; b++)
            ((unsigned char *)key)[b] ^= at[b];
        chacha_block(key, 0, ++requests, block);
        memcpy(key, block, sizeof key);
        at += part;
        n -= part;
    }
    spin_unlock_irqrestore(&random_lock, flags);
}

/* Intel SDM volume 1, 7.3.17: CF says whether a value came; up to ten tries. */
static bool rdrand(uint64_t *out)
{
    bool ok = false;

    for (int tries = 0; tries < RDRAND_TRIES && !ok; tries++)
        __asm__ volatile("rdrand %0" : "=r"(*out), "=@ccc"(ok));
    return ok;
}

static bool has_rdrand(void)
{
    return cpuid_count(1, 0).ecx & BIT(30);
}

void random_init(void)
{
    uint64_t seed[8] = {tsc_read()};

    if (has_rdrand())
        for (int n = 1; n < 4; n++)
            if (!rdrand(&seed[n]))
                break;
    if (!rng_read(seed + 4, sizeof *seed * 4) && !has_rdrand())
        log_warn("random: no entropy device and no RDRAND: numbers are predictable");
    random_mix(seed, sizeof seed);
    seed[0] = tsc_read();
    random_mix(seed, sizeof *seed);
    memset(seed, 0, sizeof seed);
}
