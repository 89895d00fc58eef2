/*
 * /proc/PID/oom_score, oom_score_adj and oom_adj: what they say, what they take, who may.
 */
#include <linux/capability.h>

#include "tests/abi/abi_test.h"

/* Not all who run tests may lower values: here nobody may. */
static void drop_capability(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];

    syscall(SYS_capget, &header, data);
    data[0].effective &= ~(1U << CAP_SYS_RESOURCE);
    show_call(syscall(SYS_capset, &header, data));
}

static long number(const char *file)
{
    char text[32] = "";
    int fd = open(file, O_RDONLY);
    ssize_t n = read(fd, text, sizeof text - 1);

    close(fd);
    return n > 0 ? atol(text) : -99999;
}

static void set(const char *file, const char *value)
{
    int fd = open(file, O_WRONLY);
    ssize_t n = write(fd, value, strlen(value));

    printf("%s: '%.6s': %s %d, score_adj %ld adj %ld\n", file, value, n < 0 ? "errno" : "ok", n < 0 ? errno : 0,
           number("/proc/self/oom_score_adj"), number("/proc/self/oom_adj"));
    close(fd);
}

static void scores(void)
{
    set("/proc/self/oom_score_adj", "0");
    long before = number("/proc/self/oom_score");
    CHECK(before >= 600 && before < 1000);
    set("/proc/self/oom_score_adj", "500");
    long more = number("/proc/self/oom_score");
    CHECK(more > before + 300);
    set("/proc/self/oom_score_adj", "-1000");
}

static void values(void)
{
    static const char *const texts[] = {"1000", "1001", "-1000", "-1001", "+5",
                                        "5\n",  "-7\n", "x",     "5x",    "99999999999"};
    static const char *const old[] = {"15", "16", "-16", "-17", "-18", "0", "8", "-1", "x"};

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        set("/proc/self/oom_score_adj", texts[i]);
    for (size_t i = 0; i < sizeof old / sizeof *old; i++)
        set("/proc/self/oom_adj", old[i]);
    show_ok(open("/proc/self/oom_score", O_WRONLY));
}

static void inherited(void)
{
    set("/proc/self/oom_score_adj", "77");
    if (fork_clean() == 0) {
        show("child", number("/proc/self/oom_score_adj"));
        child_exit(0);
    }
    wait(NULL);
}

static void unprivileged(void)
{
    set("/proc/self/oom_score_adj", "100");
    show_call(setuid(12345));
    show_call(access("/proc/1/oom_score_adj", W_OK));
}

/* Open before, as the files are root's afterwards. */
static void lowered(void)
{
    set("/proc/self/oom_score_adj", "100");
    int fd = open("/proc/self/oom_score_adj", O_RDWR);

    show_call(setuid(12345));
    show_call(pwrite(fd, "200", 3, 0));
    show_call(pwrite(fd, "100", 3, 0));
    show_call(pwrite(fd, "99", 2, 0));
    show_call(pwrite(fd, "-1000", 5, 0));
}

int main(void)
{
    drop_capability();
    show_child("scores", scores);
    show_child("values", values);
    show_child("inherited", inherited);
    show_child("unprivileged", unprivileged);
    show_child("lowered", lowered);
    return 0;
}
