/* The vDSO's file, as the kernel copies it into the pages that processes see. */
    .section .rodata, "a"
    .balign 16
    .globl vdso_image, vdso_image_end
vdso_image:
    .incbin VDSO_FILE
vdso_image_end:
