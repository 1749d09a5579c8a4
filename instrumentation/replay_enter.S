/* SPDX-License-Identifier: BSD-3-Clause */
/* A system call that comes by a jump of replay_jump.c: rcx is where to go on, the quadword before
 * that is the address behind the call; rcx and r11 are free. Makes a struct sigcontext of the
 * registers on the runtime's stack, as far as replay_call() looks at it. */

        .text
        .globl  replay_enter
        .hidden replay_enter
        .type   replay_enter, @function
replay_enter:
        mov     %rsp, replay_jump_stack(%rip)
        mov     replay_jump_top(%rip), %rsp
        pushfq
        push    -8(%rcx)                        /* rip */
        push    replay_jump_stack(%rip)         /* rsp */
        push    -8(%rcx)                        /* rcx */
        push    %rax
        push    %rdx
        push    %rbx
        push    %rbp
        push    %rsi
        push    %rdi
        push    %r15
        push    %r14
        push    %r13
        push    %r12
        push    %r11
        push    %r10
        push    %r9
        push    %r8
        mov     %rsp, %rdi
        mov     %rcx, %rsi
        cld
        call    replay_jumped
        pop     %r8
        pop     %r9
        pop     %r10
        pop     %r11
        pop     %r12
        pop     %r13
        pop     %r14
        pop     %r15
        pop     %rdi
        pop     %rsi
        pop     %rbp
        pop     %rbx
        pop     %rdx
        pop     %rax
        pop     %rcx
        lea     16(%rsp), %rsp                  /* rsp, rip */
        popfq
        mov     replay_jump_stack(%rip), %rsp
        jmp     *replay_jump_back(%rip)
        .size   replay_enter, . - replay_enter

        .section .note.GNU-stack, "", @progbits
