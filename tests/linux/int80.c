/*
 * A 32-bit program that makes its calls by int 0x80: what a 64-bit kernel offers beside SYSCALL.  No library: gcc -m32
 * -nostdlib -static.
 */
#define NR_EXIT 1
#define NR_WRITE 4

static long call(long nr, long a, const void *b, long c)
{
    long result;

    __asm__ volatile("int $0x80" : "=a"(result) : "a"(nr), "b"(a), "c"(b), "d"(c) : "memory");
    return result;
}

void _start(void);

void _start(void)
{
    static const char text[] = "written by int 0x80\n";

    call(NR_WRITE, 1, text, sizeof text - 1);
    call(NR_EXIT, 0, (const void *)0, 0);
}
