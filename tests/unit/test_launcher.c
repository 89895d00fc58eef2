/*
 * The launcher's parts that touch no emulator: archives, images, frames, the mailbox, names of addresses, trace lines.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "abi/boot_image.h"
#include "abi/capture.h"
#include "abi/trace_record.h"
#include "lib/cpio.h"
#include "lib/elf.h"
#include "lib/pvh.h"
#include "tools/archive.h"
#include "tools/boot_image.h"
#include "tools/frames.h"
#include "tools/mailbox.h"
#include "tools/symbols.h"
#include "tools/trace_view.h"

static void archives_read_back(void **state)
{
    struct archive a = {0};
    struct cpio_member m;
    static char big[10000];

    memset(big, 'b', sizeof big);
    archive_add_directory(&a, "d", 0755);
    archive_add_file(&a, "d/small", 0644, "hello", 5);
    archive_add_file(&a, "d/big", 0600, big, sizeof big);
    archive_end(&a);
    assert_int_equal(a.bytes.size % 4096, 0);
    assert_int_equal(cpio_find(a.bytes.data, a.bytes.size, "d/small", &m), 1);
    assert_int_equal(m.size, 5);
    assert_memory_equal(m.content, "hello", 5);
    assert_int_equal(cpio_find(a.bytes.data, a.bytes.size, "d/big", &m), 1);
    assert_int_equal(m.size, sizeof big);
    assert_memory_equal(m.content, big, sizeof big);
    assert_int_equal((m.content - (char *)a.bytes.data) % 4096, 0);
    assert_int_equal(cpio_find(a.bytes.data, a.bytes.size, "d", &m), 1);
    assert_int_equal(m.mode, S_IFDIR | 0755);
    bytes_free(&a.bytes);
}

/* An ELF file with one segment at 2 MiB and the PVH note. */
static struct bytes fake_hypervisor(void)
{
    struct {
        Elf64_Ehdr e;
        Elf64_Phdr p[2];
        struct {
            uint32_t name_size, size, type;
            char name[4];
            uint32_t entry;
        } note;
    } file = {
        .e = {.e_ident = {0x7f, 'E', 'L', 'F', 2, 1, 1}, .e_type = 2, .e_machine = 62, .e_version = 1,
              .e_phoff = sizeof(Elf64_Ehdr), .e_ehsize = sizeof(Elf64_Ehdr), .e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 2},
        .note = {4, 4, 18, "Xen", 0x200000},
    };
    struct bytes b = {0};

    file.p[0] = (Elf64_Phdr){.p_type = PT_LOAD, .p_vaddr = 0x200000, .p_paddr = 0x200000, .p_filesz = sizeof file,
                             .p_memsz = 0x3000, .p_align = 4096};
    file.p[1] = (Elf64_Phdr){.p_type = PT_NOTE, .p_offset = offsetof(__typeof__(file), note), .p_filesz = sizeof file.note,
                             .p_memsz = sizeof file.note, .p_align = 4};
    bytes_append(&b, &file, sizeof file);
    return b;
}

static void boot_images_hold_what_they_say(void **state)
{
    struct bytes hypervisor = fake_hypervisor(), root = {0}, kernel = {0};
    struct boot_image_header h;
    struct pvh_start_info info;
    struct pvh_module module;
    struct cpio_member m;

    bytes_append(&root, "root", 4);
    bytes_append(&kernel, "kernel", 6);
    struct bytes bundle = bundle_build((struct bundle_member[]){{BUNDLE_KERNEL, kernel.data, kernel.size}, {BUNDLE_ROOT, root.data, root.size}}, 2);
    struct bytes image = boot_image_build(&hypervisor, &bundle, "memory=1 -- x", 64 << 20);
    memcpy(&h, image.data, sizeof h);
    assert_true(h.magic == BOOT_IMAGE_MAGIC && h.entry == 0x200000);
    assert_int_equal(h.end, BOOT_IMAGE_ADDRESS + image.size);
    memcpy(&info, image.data + h.start_info - BOOT_IMAGE_ADDRESS, sizeof info);
    assert_int_equal(info.magic, PVH_MAGIC);
    assert_string_equal(image.data + info.cmdline_paddr - BOOT_IMAGE_ADDRESS, "memory=1 -- x");
    memcpy(&module, image.data + info.modlist_paddr - BOOT_IMAGE_ADDRESS, sizeof module);
    assert_int_equal(module.paddr % 4096, 0);
    assert_int_equal(module.size, bundle.size);
    assert_int_equal(cpio_find(image.data + module.paddr - BOOT_IMAGE_ADDRESS, module.size, BUNDLE_KERNEL, &m), 1);
    assert_memory_equal(m.content, "kernel", 6);
    assert_memory_equal(image.data + 0x200000 - BOOT_IMAGE_ADDRESS, hypervisor.data, hypervisor.size);
    assert_int_equal(image.data[0x202fff - BOOT_IMAGE_ADDRESS], 0);
    bytes_free(&image), bytes_free(&bundle), bytes_free(&hypervisor), bytes_free(&root), bytes_free(&kernel);
}

struct heard {
    struct bytes data, noise;
    unsigned frames;
};

static void hear_frame(void *context, const struct channel_frame *h, const uint8_t *payload)
{
    struct heard *heard = context;

    heard->frames++;
    bytes_append(&heard->data, payload, h->length);
}

static void hear_noise(void *context, const uint8_t *data, size_t n)
{
    bytes_append(&((struct heard *)context)->noise, data, n);
}

static void frame_append(struct bytes *b, uint8_t type, const char *payload)
{
    struct channel_frame h = {.magic = CHANNEL_MAGIC, .type = type, .length = (uint32_t)strlen(payload)};

    bytes_append(b, &h, sizeof h);
    bytes_append(b, payload, strlen(payload));
}

static void frames_in_any_pieces(void **state)
{
    struct bytes stream = {0};

    bytes_append_text(&stream, "chatter TPL TPL1 no frame");
    frame_append(&stream, CHANNEL_DATA, "one");
    bytes_append_text(&stream, "T");
    frame_append(&stream, CHANNEL_DATA, "two");
    frame_append(&stream, 99, "bad type");
    frame_append(&stream, CHANNEL_LOG, "");
    for (size_t piece = 1; piece < 40; piece++) {
        struct heard heard = {0};
        struct frame_reader r = {.sink = {hear_frame, hear_noise, &heard}};
        for (size_t at = 0; at < stream.size; at += piece) {
            size_t n = MIN(piece, stream.size - at);
            memcpy(frame_reader_room(&r, n), stream.data + at, n);
            frame_reader_take(&r, n);
        }
        assert_int_equal(heard.frames, 3);
        assert_int_equal(heard.data.size, 6);
        assert_memory_equal(heard.data.data, "onetwo", 6);
        assert_int_equal(heard.noise.size, strlen("chatter TPL TPL1 no frame") + 1 + sizeof(struct channel_frame) + 8);
        bytes_free(&heard.data), bytes_free(&heard.noise);
        frame_reader_free(&r);
    }
    bytes_free(&stream);
}

static void mailbox_wraps(void **state)
{
    struct mailbox m;
    struct channel_mailbox seen;
    static char data[CHANNEL_RING_SIZE];
    char back[16];

    mailbox_create(&m);
    assert_int_equal(mailbox_space(&m), CHANNEL_RING_SIZE);
    mailbox_write(&m, data, CHANNEL_RING_SIZE - 4);
    assert_int_equal(mailbox_space(&m), 4);
    mailbox_credit(&m, CHANNEL_RING_SIZE); /* more than was written: a lie */
    assert_int_equal(mailbox_space(&m), 4);
    mailbox_credit(&m, 100);
    assert_int_equal(mailbox_space(&m), 104);
    mailbox_write(&m, "wrapped!", 8);
    mailbox_signal(&m, 15);
    mailbox_end_input(&m);
    assert_int_equal(pread(m.fd, &seen, sizeof seen, 0), sizeof seen);
    assert_true(seen.magic == CHANNEL_MAILBOX_MAGIC && seen.sequence == seen.sequence_again && seen.sequence > 3);
    assert_true(seen.stdin_head == CHANNEL_RING_SIZE + 4 && seen.stdin_eof == 1);
    assert_true(seen.signal == 15 && seen.signal_count == 1);
    assert_int_equal(pread(m.fd, back, 4, CHANNEL_RING_OFFSET), 4);
    assert_memory_equal(back, "ped!", 4);
    close(m.fd);
}

static void addresses_get_names(void **state)
{
    struct bytes self = {0}, line = {0};
    char name[128];

    assert_int_equal(bytes_read_file(&self, "/proc/self/exe"), 0);
    assert_false(symbol_find(&self, 3, name, sizeof name));
    /* Every damaged byte of the headers must be survived. */
    for (size_t i = 0; i < 64; i++) {
        self.data[i] ^= 0xff;
        symbol_find(&self, 0x1234, name, sizeof name);
        self.data[i] ^= 0xff;
    }
    symbolise_line(&self, "plain line\n", 11, &line);
    assert_int_equal(line.size, 11);
    bytes_free(&self), bytes_free(&line);
}

static void collect(void *context, const char *text, size_t n)
{
    bytes_append(context, text, n);
}

static void append_record(struct bytes *b, uint16_t type, uint32_t tid, uint64_t sequence, const void *body, size_t n)
{
    struct trace_record r = {.size = (uint32_t)(sizeof r + n), .type = type, .sequence = sequence, .tsc = sequence * 1000,
                             .pid = tid, .tid = tid};

    bytes_append(b, &r, sizeof r);
    bytes_append(b, body, n);
}

static struct trace_options show;

static void records_become_lines(void **state)
{
    struct bytes records = {0}, text = {0};
    struct trace_entry_body getpid_call = {.nr = SYS_getpid}, exit_call = {.nr = SYS_exit_group, .args = {3}};
    struct trace_return_body seven = {.result = 7, .nr = SYS_getpid, .entry_sequence = 1},
                             half = {.result = 0, .nr = UINT64_MAX, .entry_sequence = UINT64_MAX};
    struct trace_task_new_body child = {.tid = 8, .pid = 8};
    struct trace_task_exit_body end = {.wait_status = 0x300};

    trace_options_init(&show);
    show.durations = true;

    append_record(&records, TRACE_ENTRY, 7, 1, &getpid_call, sizeof getpid_call);
    append_record(&records, TRACE_TASK_NEW, 7, 2, &child, sizeof child);
    append_record(&records, TRACE_RETURN, 8, 3, &half, sizeof half); /* the child's first return: not shown */
    append_record(&records, TRACE_RETURN, 7, 4, &seven, sizeof seven);
    append_record(&records, 77, 7, 5, &half, sizeof half); /* unknown: skipped */
    append_record(&records, TRACE_ENTRY, 8, 6, &exit_call, sizeof exit_call);
    append_record(&records, TRACE_TASK_EXIT, 8, 7, &end, sizeof end);
    append_record(&records, TRACE_ENTRY, 7, 8, &getpid_call, sizeof getpid_call);
    bytes_append_text(&records, "garbage at the end, not a record at all");
    struct trace_view *v = trace_view_new(&show, (struct trace_sink){.put = collect, .context = &text});
    trace_view_set_clock(v, 1000000, 0, 0);
    trace_view_feed(v, records.data, records.size);
    trace_view_finish(v);
    bytes_append(&text, "", 1);
    assert_string_equal((char *)text.data, "[pid     7] getpid()                    = 7 <0.003000>\n"
                                           "[pid     8] exit_group(3)               = ?\n"
                                           "[pid     8] +++ exited with 3 +++\n"
                                           "getpid( <unfinished ...>\n"
                                           "*** malformed trace record, 39 bytes skipped ***\n"
                                           "<... getpid resumed>)                   = ?\n");
    trace_view_free(v);
    bytes_free(&records), bytes_free(&text);
}

/* Texts seen from outside are shown for what a call reads, also when it does not return; not for what it stores. */
static void observed_texts_are_shown(void **state)
{
    struct {
        struct trace_entry_body call;
        uint64_t address; /* from here on as struct capture_item, whose bytes have no fixed size */
        uint32_t total;
        uint16_t kept, direction;
        char text[8];
    } open = {{.nr = SYS_open, .args = {0x1000}}, 0x1000, 8, 8, CAPTURE_OBSERVED, "/a/file"},
      getcwd = {{.nr = SYS_getcwd, .args = {0x1000, 100}}, 0x1000, 8, 8, CAPTURE_OBSERVED, "rubbish"};
    struct trace_return_body three = {.result = 3, .nr = SYS_open}, eight = {.result = 8, .nr = SYS_getcwd};
    struct bytes records = {0}, text = {0};
    size_t at[3] = {0};

    trace_options_init(&show);

    append_record(&records, TRACE_ENTRY, 7, 1, &open, sizeof open);
    append_record(&records, TRACE_RETURN, 7, 2, &three, sizeof three);
    at[1] = records.size;
    append_record(&records, TRACE_ENTRY, 7, 3, &getcwd, sizeof getcwd);
    append_record(&records, TRACE_RETURN, 7, 4, &eight, sizeof eight);
    at[2] = records.size;
    append_record(&records, TRACE_ENTRY, 7, 5, &open, sizeof open);
    for (int i = 0; i < 3; i++)
        ((struct trace_record *)(void *)(records.data + at[i]))->flags = TRACE_OBSERVED | TRACE_NO_TASK;
    struct trace_view *v = trace_view_new(&show, (struct trace_sink){.put = collect, .context = &text});
    trace_view_feed(v, records.data, records.size);
    trace_view_finish(v);
    bytes_append(&text, "", 1);
    assert_string_equal((char *)text.data, "open(\"/a/file\", O_RDONLY)               = 3\n"
                                           "getcwd(0x1000, 100)                     = 8\n"
                                           "open(\"/a/file\", O_RDONLY)               = ?\n");
    trace_view_free(v);
    bytes_free(&records), bytes_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(archives_read_back),  cmocka_unit_test(boot_images_hold_what_they_say),
        cmocka_unit_test(frames_in_any_pieces), cmocka_unit_test(mailbox_wraps),
        cmocka_unit_test(addresses_get_names), cmocka_unit_test(records_become_lines),
        cmocka_unit_test(observed_texts_are_shown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
