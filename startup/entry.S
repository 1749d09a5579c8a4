/* SPDX-License-Identifier: BSD-3-Clause */
/* The first instruction of an ELFie, and clone, which C cannot express. */
#include <asm/unistd.h>

        .section .text.elfie.start, "ax", @progbits
        .globl  _start
        .type   _start, @function
/* The kernel's stack holds the arguments and may lie where the image goes; from here on we stand
 * on the stack of the process. */
_start:
        mov     %rsp, %rdi
        lea     elfie_stacks(%rip), %rax
        add     elfie_layout+32(%rip), %rax     /* callback_stack_size */
        mov     %rax, %rsp      /* at once: memcheck takes what rsp has passed for a stack */
        xor     %ebp, %ebp
        call    elfie_start
        ud2
        .size   _start, . - _start

        .text
        .globl  elfie_clone
        .hidden elfie_clone
        .type   elfie_clone, @function
/* long elfie_clone(flags, stack, function, argument) */
elfie_clone:
        mov     %rdx, -8(%rsi)          /* the child finds both on its stack */
        mov     %rcx, -16(%rsi)
        sub     $16, %rsi
        xor     %edx, %edx
        xor     %r10d, %r10d
        xor     %r8d, %r8d
        mov     $__NR_clone, %eax
        syscall
        test    %rax, %rax
        jz      1f
        ret
1:      pop     %rdi
        pop     %rax
        xor     %ebp, %ebp
        call    *%rax
        ud2
        .size   elfie_clone, . - elfie_clone

        .globl  elfie_restorer
        .hidden elfie_restorer
        .type   elfie_restorer, @function
/* Where signal handlers of the runtime return to. */
elfie_restorer:
        mov     $__NR_rt_sigreturn, %eax
        syscall
        .size   elfie_restorer, . - elfie_restorer

        .section .note.GNU-stack, "", @progbits
