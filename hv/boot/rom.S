/*
 * The boot ROM for an emulator without firmware: from the reset vector to the hypervisor's PVH entry in a few dozen
 * instructions.  It reads one struct boot_image_header (abi/boot_image.h) at 1 MiB and assumes nothing else.
 *
 * Bochs hands out guest RAM in 128 KiB blocks in the order of their first touch, while its one RAM image was read into
 * consecutive blocks: so each block of the image must be touched in ascending order before any other memory, which is
 * also why there is no stack here.
 */
#define IMAGE 0x100000
#define IMAGE_MAGIC_LOW 0x4c505254 /* "TRPL" */
#define IMAGE_MAGIC_HIGH 0x544f4f42 /* "BOOT" */
#define IMAGE_ENTRY 8
#define IMAGE_START_INFO 12
#define IMAGE_END 16
#define BLOCK 0x20000
#define CODE 0x08
#define DATA 0x10

    .section .text.rom, "ax"
    .code16
rom_start:
    cli
    lgdtl   %cs:(gdt_pointer - rom_start) /* the segment begins with this section */
    mov     %cr0, %eax
    or      $1, %al
    mov     %eax, %cr0
    ljmpl   $CODE, $protected

    .code32
protected:
    mov     $DATA, %eax
    mov     %eax, %ds
    mov     %eax, %es
    mov     %eax, %ss
    mov     %eax, %fs
    mov     %eax, %gs
    mov     $IMAGE, %esi
    cmpl    $IMAGE_MAGIC_LOW, (%esi)
    jne     no_image
    cmpl    $IMAGE_MAGIC_HIGH, 4(%esi)
    jne     no_image
    mov     IMAGE_END(%esi), %edi
    mov     %esi, %eax
1:  mov     (%eax), %edx
    add     $BLOCK, %eax
    cmp     %edi, %eax
    jb      1b
    mov     IMAGE_START_INFO(%esi), %ebx
    jmp     *IMAGE_ENTRY(%esi)

no_image:
    mov     $message, %esi
    mov     $(message_end - message), %ecx
    mov     $0xe9, %edx
    rep outsb
    mov     $shutdown, %esi
    mov     $8, %ecx
    mov     $0x8900, %edx
    rep outsb
2:  hlt
    jmp     2b

message:
    .ascii  "trapline: the boot ROM found no boot image at 1 MiB\n"
message_end:
shutdown:
    .ascii  "Shutdown"

    .balign 8
gdt: /* the accessed bits are set: the CPU could not set them in ROM */
    .quad   0
    .quad   0x00cf9b000000ffff
    .quad   0x00cf93000000ffff
gdt_pointer:
    .word   gdt_pointer - gdt - 1
    .long   gdt

    .section .reset, "ax"
    .code16
    .globl  rom_reset
rom_reset:
    jmp     rom_start
