/*
 * See tools/trace_log_file.h.
 */
#include "tools/trace_log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/message.h"

/* A whole file, mapped if that is possible. */
struct log_file {
    const void *data;
    size_t size;
    struct bytes bytes;
    bool mapped;
};

static void log_open(struct log_file *f, const char *path)
{
    bool is_input = strcmp(path, "-") == 0;
    int fd = is_input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;

    *f = (struct log_file){.size = 0};
    if (fd < 0 || fstat(fd, &st))
        fail(1, "%s: %s", path, strerror(errno));
    if (S_ISREG(st.st_mode) && st.st_size > 0) {
        f->size = (size_t)st.st_size;
        void *map = mmap(NULL, f->size, PROT_READ, MAP_PRIVATE, fd, 0);
        f->mapped = map != MAP_FAILED;
        f->data = map;
    }
    if (!f->mapped) {
        ssize_t n;
        while ((n = read(fd, bytes_reserve(&f->bytes, 65536), 65536)) > 0)
            f->bytes.size += (size_t)n;
        if (n < 0)
            fail(1, "%s: %s", path, strerror(errno));
        f->data = f->bytes.data;
        f->size = f->bytes.size;
    }
    if (!is_input)
        close(fd);
}

static void log_close(struct log_file *f)
{
    if (f->mapped)
        munmap((void *)(uintptr_t)f->data, f->size);
    bytes_free(&f->bytes);
}

static void take_header(void *context, const struct trace_log_header *h)
{
    trace_view_set_clock(context, h->tsc_hz, h->tsc, h->start_ns);
}

static void take_fact(void *context, const char *key, const char *value, const char *more)
{
    trace_view_fact(context, key, value, more);
}

static void take_record(void *context, const struct trace_record *record)
{
    trace_view_feed(context, record, record->size);
}

char *trace_log_read_file(const char *path, const struct trace_log_sink *sink)
{
    struct log_file file;

    log_open(&file, path);
    char *why = trace_log_read(file.data, file.size, sink);
    log_close(&file);
    return why;
}

char *trace_log_view(const char *path, struct trace_view *view)
{
    const struct trace_log_sink sink = {take_header, take_fact, take_record, view};

    return trace_log_read_file(path, &sink);
}
