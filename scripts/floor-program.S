# The program of the containers in which the runtime's floor is measured: with an argument it ends well at once, without
# it when it is told to (SIGTERM, which the first process of a container has to wait for).
# scripts/build-launcher makes observe/launcher_code.py of it.

        .intel_syntax noprefix
        .globl  _start
        .text
_start:
        cmp     qword ptr [rsp], 1      # argc
        jne     end
        push    0x4000                  # SIGTERM
        xor     edi, edi                # SIG_BLOCK
        mov     rsi, rsp
        xor     edx, edx
        mov     r10d, 8
        mov     eax, 14                 # rt_sigprocmask
        syscall
        mov     rdi, rsp
        xor     esi, esi
        xor     edx, edx
        mov     r10d, 8
        mov     eax, 128                # rt_sigtimedwait
        syscall
end:
        xor     edi, edi
        mov     eax, 231                # exit_group
        syscall
