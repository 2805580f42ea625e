# The first program of a container that is recorded by user notification, or by strace. It has no library, and runs in
# an empty image. It asks its supervisor what to do, over the socket beside it, and becomes the program that was meant:
#
#   socket, connect, read: one byte, and the path of the program with a zero at its end
#   byte n: no_new_privs, and a filter that hands every further call to the supervisor, who takes the descriptor himself
#   execve(path, own arguments but the first, own environment); exit(127) where anything fails
#
# scripts/build-launcher makes observe/launcher_code.py of it.

        .intel_syntax noprefix
        .globl  _start
        .text
_start:
        mov     r12, rsp                # argc, argv, 0, envp, 0
        sub     rsp, 8192
        mov     edi, 1                  # AF_UNIX
        mov     esi, 0x80001            # SOCK_STREAM | SOCK_CLOEXEC
        xor     edx, edx
        mov     eax, 41                 # socket
        syscall
        test    eax, eax
        js      fail
        mov     r13d, eax
        mov     edi, eax
        lea     rsi, [rip + address]
        mov     edx, offset address_end - address
        mov     eax, 42                 # connect
        syscall
        test    eax, eax
        js      fail
        mov     edi, r13d
        mov     rsi, rsp
        mov     edx, 8192
        xor     eax, eax                # read
        syscall
        cmp     rax, 3
        jl      fail
        cmp     byte ptr [rsp], 'n'
        jne     become
        mov     edi, 38                 # PR_SET_NO_NEW_PRIVS
        mov     esi, 1
        xor     edx, edx
        xor     r10d, r10d
        xor     r8d, r8d
        mov     eax, 157                # prctl
        syscall
        test    eax, eax
        js      fail
        lea     rax, [rip + filter]
        push    rax
        push    1                       # struct sock_fprog: one instruction
        mov     edi, 1                  # SECCOMP_SET_MODE_FILTER
        mov     esi, 8                  # SECCOMP_FILTER_FLAG_NEW_LISTENER
        mov     rdx, rsp
        mov     eax, 317                # seccomp
        syscall
        add     rsp, 16
        test    eax, eax
        js      fail
become:
        lea     rdi, [rsp + 1]
        lea     rsi, [r12 + 16]         # argv + 1
        mov     rax, [r12]              # argc
        lea     rdx, [r12 + rax * 8 + 16]
        mov     eax, 59                 # execve
        syscall
fail:
        mov     edi, 127
        mov     eax, 231                # exit_group
        syscall

        .balign 8
filter:                                 # struct sock_filter: BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF
        .short  0x06
        .byte   0, 0
        .long   0x7fc00000
address:
        .short  1                       # struct sockaddr_un
        .asciz  "/.pytrust-recorder/socket"
address_end:
