"""Interpreters, compilers, virtual machines: on QEMU."""
