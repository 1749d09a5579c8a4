/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes a system call, gives the ranges of memory that it wrote. The table follows the prototypes
 * in the kernel's include/linux/syscalls.h and the structures in include/uapi; sizes are those of
 * x86-64. A call that fails writes nothing, with few exceptions. */
#include "call_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "memory.h"

enum rule_kind {
    NOTHING,
    FIXED,        /* SIZE bytes at argument A */
    RESULT,       /* as many bytes as the result says, at most argument B of them */
    RESULT_TIMES, /* result times SIZE */
    COUNT_TIMES,  /* argument B times SIZE */
    SOCKET,       /* a length in argument B, in and out, of bytes at argument A */
    VECTOR,       /* iovecs at argument A, argument B of them, filled up to the result */
    MESSAGE,      /* struct msghdr at A */
    MESSAGES,     /* struct mmsghdr at A, as many as the result says */
    SETS,         /* fd_set at A, for argument 0 descriptors */
    ON_EINTR,     /* SIZE bytes at A if it was interrupted */
    SPECIAL,      /* see special() */
};

struct rule {
    uint8_t kind;
    uint8_t a, b;
    uint16_t size;
};

enum { MAX_RULES = 4 };

struct known {
    bool known;
    struct rule rules[MAX_RULES];
};

#define CALL(name, ...) [SYS_##name] = {true, {__VA_ARGS__}}
#define NO(name) [SYS_##name] = {true, {{NOTHING, 0, 0, 0}}}
#define BYTES(a, size)                                                                             \
    {                                                                                              \
        FIXED, a, 0, size                                                                          \
    }
#define UP_TO(a, b)                                                                                \
    {                                                                                              \
        RESULT, a, b, 0                                                                            \
    }

enum {
    STAT = 144,
    STATFS = 120,
    STATX = 256,
    TIMESPEC = 16,
    TIMEVAL = 16,
    RUSAGE = 144,
    SIGINFO = 128,
    RLIMIT = 16,
    UTSNAME = 390,
    SYSINFO = 112,
    TMS = 32,
    STACK_T = 24,
    SIGACTION = 32,
    ITIMERVAL = 32,
    EPOLL_EVENT = 12,
    POLLFD = 8,
    TIMEX = 208,
};

static const struct known table[] = {
    /* files */
    CALL(read, UP_TO(1, 2)),
    CALL(pread64, UP_TO(1, 2)),
    CALL(readv, {VECTOR, 1, 2, 0}),
    CALL(preadv, {VECTOR, 1, 2, 0}),
    CALL(preadv2, {VECTOR, 1, 2, 0}),
    NO(write),
    NO(pwrite64),
    NO(writev),
    NO(pwritev),
    NO(pwritev2),
    NO(open),
    NO(openat),
    NO(creat),
    NO(close),
    NO(lseek),
    NO(access),
    NO(faccessat),
    NO(dup),
    NO(dup2),
    NO(dup3),
    CALL(pipe, BYTES(0, 8)),
    CALL(pipe2, BYTES(0, 8)),
    CALL(stat, BYTES(1, STAT)),
    CALL(fstat, BYTES(1, STAT)),
    CALL(lstat, BYTES(1, STAT)),
    CALL(newfstatat, BYTES(2, STAT)),
    CALL(statx, BYTES(4, STATX)),
    CALL(statfs, BYTES(1, STATFS)),
    CALL(fstatfs, BYTES(1, STATFS)),
    CALL(ustat, BYTES(1, 32)),
    CALL(getdents, UP_TO(1, 2)),
    CALL(getdents64, UP_TO(1, 2)),
    CALL(getcwd, UP_TO(0, 1)),
    CALL(readlink, UP_TO(1, 2)),
    CALL(readlinkat, UP_TO(2, 3)),
    CALL(getxattr, UP_TO(2, 3)),
    CALL(lgetxattr, UP_TO(2, 3)),
    CALL(fgetxattr, UP_TO(2, 3)),
    CALL(listxattr, UP_TO(1, 2)),
    CALL(llistxattr, UP_TO(1, 2)),
    CALL(flistxattr, UP_TO(1, 2)),
    NO(setxattr),
    NO(lsetxattr),
    NO(fsetxattr),
    NO(removexattr),
    NO(lremovexattr),
    NO(fremovexattr),
    CALL(ioctl, {SPECIAL, 0, 0, 0}),
    CALL(fcntl, {SPECIAL, 0, 0, 0}),
    CALL(sendfile, BYTES(2, 8)),
    CALL(copy_file_range, BYTES(1, 8), BYTES(3, 8)),
    CALL(splice, BYTES(1, 8), BYTES(3, 8)),
    NO(tee),
    NO(vmsplice),
    NO(flock),
    NO(fsync),
    NO(fdatasync),
    NO(sync),
    NO(syncfs),
    NO(sync_file_range),
    NO(truncate),
    NO(ftruncate),
    NO(fallocate),
    NO(fadvise64),
    NO(readahead),
    NO(rename),
    NO(renameat),
    NO(renameat2),
    NO(mkdir),
    NO(mkdirat),
    NO(rmdir),
    NO(link),
    NO(linkat),
    NO(unlink),
    NO(unlinkat),
    NO(symlink),
    NO(symlinkat),
    NO(mknod),
    NO(mknodat),
    NO(chdir),
    NO(fchdir),
    NO(chmod),
    NO(fchmod),
    NO(fchmodat),
    NO(chown),
    NO(fchown),
    NO(lchown),
    NO(fchownat),
    NO(umask),
    NO(utime),
    NO(utimes),
    NO(futimesat),
    NO(utimensat),
    NO(chroot),
    NO(memfd_create),
    CALL(name_to_handle_at, BYTES(2, 8), BYTES(3, 4)),
    /* waiting for descriptors */
    CALL(poll, {COUNT_TIMES, 0, 1, POLLFD}),
    CALL(ppoll, {COUNT_TIMES, 0, 1, POLLFD}, BYTES(2, TIMESPEC)),
    CALL(select, {SETS, 1, 0, 0}, {SETS, 2, 0, 0}, {SETS, 3, 0, 0}, BYTES(4, TIMEVAL)),
    CALL(pselect6, {SETS, 1, 0, 0}, {SETS, 2, 0, 0}, {SETS, 3, 0, 0}, BYTES(4, TIMESPEC)),
    NO(epoll_create),
    NO(epoll_create1),
    NO(epoll_ctl),
    CALL(epoll_wait, {RESULT_TIMES, 1, 0, EPOLL_EVENT}),
    CALL(epoll_pwait, {RESULT_TIMES, 1, 0, EPOLL_EVENT}),
    CALL(epoll_pwait2, {RESULT_TIMES, 1, 0, EPOLL_EVENT}),
    NO(eventfd),
    NO(eventfd2),
    NO(signalfd),
    NO(signalfd4),
    NO(timerfd_create),
    CALL(timerfd_settime, BYTES(3, 32)),
    CALL(timerfd_gettime, BYTES(1, 32)),
    NO(inotify_init),
    NO(inotify_init1),
    NO(inotify_add_watch),
    NO(inotify_rm_watch),
    /* sockets */
    NO(socket),
    CALL(socketpair, BYTES(3, 8)),
    NO(bind),
    NO(listen),
    NO(connect),
    NO(shutdown),
    CALL(accept, {SOCKET, 1, 2, 0}),
    CALL(accept4, {SOCKET, 1, 2, 0}),
    CALL(getsockname, {SOCKET, 1, 2, 0}),
    CALL(getpeername, {SOCKET, 1, 2, 0}),
    CALL(getsockopt, {SOCKET, 3, 4, 0}),
    NO(setsockopt),
    NO(sendto),
    NO(sendmsg),
    CALL(sendmmsg, {SPECIAL, 0, 0, 0}),
    CALL(recvfrom, UP_TO(1, 2), {SOCKET, 4, 5, 0}),
    CALL(recvmsg, {MESSAGE, 1, 0, 0}),
    CALL(recvmmsg, {MESSAGES, 1, 0, 0}, BYTES(4, TIMESPEC)),
    /* memory; see address_space.c for what changes mappings */
    NO(mmap),
    NO(munmap),
    NO(mremap),
    NO(brk),
    NO(madvise),
    NO(mprotect),
    NO(msync),
    NO(mlock),
    NO(mlock2),
    NO(munlock),
    NO(mlockall),
    NO(munlockall),
    CALL(mincore, {SPECIAL, 0, 0, 0}),
    NO(membarrier),
    NO(pkey_alloc),
    NO(pkey_free),
    NO(pkey_mprotect),
    NO(mbind),
    NO(set_mempolicy),
    CALL(get_mempolicy, BYTES(0, 4), {SPECIAL, 0, 0, 0}),
    NO(shmget),
    CALL(shmctl, {SPECIAL, 0, 0, 0}),
    NO(semget),
    NO(semop),
    NO(semtimedop),
    NO(msgget),
    NO(msgsnd),
    CALL(msgrcv, {SPECIAL, 0, 0, 0}),
    /* time */
    CALL(time, BYTES(0, 8)),
    CALL(gettimeofday, BYTES(0, TIMEVAL), BYTES(1, 8)),
    NO(settimeofday),
    CALL(clock_gettime, BYTES(1, TIMESPEC)),
    CALL(clock_getres, BYTES(1, TIMESPEC)),
    NO(clock_settime),
    CALL(clock_nanosleep, {ON_EINTR, 3, 0, TIMESPEC}),
    CALL(nanosleep, {ON_EINTR, 1, 0, TIMESPEC}),
    CALL(adjtimex, BYTES(0, TIMEX)),
    CALL(clock_adjtime, BYTES(1, TIMEX)),
    CALL(times, BYTES(0, TMS)),
    NO(alarm),
    CALL(getitimer, BYTES(1, ITIMERVAL)),
    CALL(setitimer, BYTES(2, ITIMERVAL)),
    CALL(timer_create, BYTES(2, 4)),
    CALL(timer_settime, BYTES(3, ITIMERVAL)),
    CALL(timer_gettime, BYTES(1, ITIMERVAL)),
    NO(timer_getoverrun),
    NO(timer_delete),
    /* the process and its threads */
    NO(getpid),
    NO(gettid),
    NO(getppid),
    NO(getpgid),
    NO(getpgrp),
    NO(setpgid),
    NO(getsid),
    NO(setsid),
    NO(getuid),
    NO(geteuid),
    NO(getgid),
    NO(getegid),
    NO(setuid),
    NO(setgid),
    NO(setreuid),
    NO(setregid),
    NO(setresuid),
    NO(setresgid),
    NO(setfsuid),
    NO(setfsgid),
    CALL(getresuid, BYTES(0, 4), BYTES(1, 4), BYTES(2, 4)),
    CALL(getresgid, BYTES(0, 4), BYTES(1, 4), BYTES(2, 4)),
    CALL(getgroups, {SPECIAL, 0, 0, 0}),
    NO(setgroups),
    CALL(capget, BYTES(1, 24)),
    NO(capset),
    NO(personality),
    CALL(prctl, {SPECIAL, 0, 0, 0}),
    CALL(arch_prctl, {SPECIAL, 0, 0, 0}),
    CALL(clone, {SPECIAL, 0, 0, 0}),
    CALL(clone3, {SPECIAL, 0, 0, 0}),
    NO(fork),
    NO(vfork),
    NO(execve),
    NO(execveat),
    NO(exit),
    NO(exit_group),
    CALL(wait4, BYTES(1, 4), BYTES(3, RUSAGE)),
    CALL(waitid, BYTES(2, SIGINFO), BYTES(4, RUSAGE)),
    NO(kill),
    NO(tkill),
    NO(tgkill),
    NO(pidfd_open),
    NO(pidfd_send_signal),
    NO(set_tid_address),
    NO(set_robust_list),
    CALL(get_robust_list, BYTES(1, 8), BYTES(2, 8)),
    NO(rseq),
    NO(sched_yield),
    NO(sched_setaffinity),
    CALL(sched_getaffinity, UP_TO(2, 1)),
    CALL(sched_getparam, BYTES(1, 4)),
    NO(sched_setparam),
    NO(sched_getscheduler),
    NO(sched_setscheduler),
    NO(sched_get_priority_max),
    NO(sched_get_priority_min),
    CALL(sched_rr_get_interval, BYTES(1, TIMESPEC)),
    NO(sched_setattr),
    CALL(sched_getattr, {COUNT_TIMES, 1, 2, 1}),
    NO(getpriority),
    NO(setpriority),
    NO(ioprio_get),
    NO(ioprio_set),
    CALL(getcpu, BYTES(0, 4), BYTES(1, 4)),
    CALL(getrlimit, BYTES(1, RLIMIT)),
    NO(setrlimit),
    CALL(prlimit64, BYTES(3, RLIMIT)),
    CALL(getrusage, BYTES(1, RUSAGE)),
    CALL(sysinfo, BYTES(0, SYSINFO)),
    CALL(uname, BYTES(0, UTSNAME)),
    CALL(getrandom, UP_TO(0, 1)),
    NO(syslog),
    NO(futex),
    NO(restart_syscall),
    NO(kcmp),
    NO(seccomp),
    NO(sethostname),
    NO(setdomainname),
    CALL(process_vm_readv, {VECTOR, 1, 2, 0}),
    NO(process_vm_writev),
    NO(close_range),
    NO(openat2),
    NO(faccessat2),
    /* signals */
    CALL(rt_sigaction, BYTES(2, SIGACTION)),
    CALL(rt_sigprocmask, {SPECIAL, 0, 0, 0}),
    CALL(rt_sigpending, {COUNT_TIMES, 0, 1, 1}),
    CALL(rt_sigtimedwait, BYTES(1, SIGINFO)),
    NO(rt_sigsuspend),
    NO(rt_sigqueueinfo),
    NO(rt_tgsigqueueinfo),
    NO(rt_sigreturn),
    CALL(sigaltstack, BYTES(1, STACK_T)),
    NO(pause),
};

static const struct known *look_up(uint64_t number)
{
    if (number >= sizeof table / sizeof *table || !table[number].known)
        return NULL;
    return &table[number];
}

/* --- helpers ---------------------------------------------------------------------------------- */

void written_add(struct written_list *list, uint64_t address, uint64_t size)
{
    if (address == 0 || size == 0)
        return;
    if ((list->count & (list->count - 1)) == 0)
        list->list =
            memory_resize(list->list, list->count ? 2 * list->count : 1, sizeof *list->list);
    list->list[list->count++] = (struct written){address, size};
}

/* An integer of up to 8 bytes in the program's memory; 0 where there is none. */
static uint64_t number_at(const struct tracee *tracee, uint64_t address, size_t size)
{
    uint64_t value = 0;
    if (address == 0 || tracee_read(tracee, address, &value, size) != size)
        return 0;
    return value;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

enum { MAX_VECTORS = 1024 }; /* UIO_MAXIOV */

static void add_vector(struct written_list *list, const struct tracee *tracee, uint64_t vector,
                       uint64_t count, uint64_t bytes)
{
    for (uint64_t i = 0; i < smaller(count, MAX_VECTORS) && bytes > 0; i++) {
        uint64_t size = smaller(number_at(tracee, vector + 16 * i + 8, 8), bytes);
        written_add(list, number_at(tracee, vector + 16 * i, 8), size);
        bytes -= size;
    }
}

/* struct msghdr: name 0, namelen 8, iov 16, iovlen 24, control 32, controllen 40, flags 48 */
static void add_message(struct written_list *list, const struct tracee *tracee, uint64_t message,
                        uint64_t room, uint64_t bytes)
{
    written_add(list, number_at(tracee, message, 8),
                smaller(number_at(tracee, message + 8, 4), room));
    add_vector(list, tracee, number_at(tracee, message + 16, 8), number_at(tracee, message + 24, 8),
               bytes);
    written_add(list, number_at(tracee, message + 32, 8), number_at(tracee, message + 40, 8));
    written_add(list, message + 8, 4);
    written_add(list, message + 40, 8);
    written_add(list, message + 48, 4);
}

/* --- calls whose arguments decide ------------------------------------------------------------- */

/* Requests from before the sizes were put into their numbers (include/uapi/asm-generic/ioctls.h,
 * include/uapi/linux/sockios.h). */
static uint64_t ioctl_size(uint64_t request)
{
    switch (request) {
    case TCGETS:
        return 36; /* the kernel's struct termios */
    case TCGETA:
        return 18;
    case TIOCGWINSZ:
    case TIOCGSERIAL:
        return request == TIOCGWINSZ ? 8 : 72;
    case TIOCGPGRP:
    case TIOCGSID:
    case TIOCOUTQ:
    case TIOCMGET:
    case TIOCGSOFTCAR:
    case TIOCGETD:
    case TIOCGEXCL:
    case FIONREAD:
        return 4;
    case 0x125e: /* BLKSSZGET has no size either */
    case 0x1268:
        return 4;
    case 0x1260: /* BLKGETSIZE */
        return 8;
    default:
        break;
    }
    if (request >= 0x8910 && request <= 0x89ff)
        return 40; /* struct ifreq */
    return _IOC_DIR(request) & _IOC_READ ? _IOC_SIZE(request) : 0;
}

static uint64_t fcntl_size(uint64_t command)
{
    switch (command) {
    case F_GETLK:
    case F_OFD_GETLK:
        return 32;
    case F_GETOWN_EX:
    case 1035: /* F_GET_RW_HINT */
    case 1037: /* F_GET_FILE_RW_HINT */
        return 8;
    default:
        return 0;
    }
}

static uint64_t prctl_size(uint64_t option)
{
    switch (option) {
    case PR_GET_NAME:
        return 16;
    case PR_GET_TID_ADDRESS:
        return 8;
    case PR_GET_PDEATHSIG:
    case PR_GET_TSC:
    case PR_GET_UNALIGN:
    case PR_GET_FPEMU:
    case PR_GET_FPEXC:
    case PR_GET_ENDIAN:
    case PR_GET_CHILD_SUBREAPER:
        return 4;
    default:
        return 0;
    }
}

static uint64_t arch_prctl_size(uint64_t option)
{
    bool gets = option == 0x1003 || option == 0x1004 || /* ARCH_GET_FS, ARCH_GET_GS */
                option == 0x1021 || option == 0x1022;   /* ARCH_GET_XCOMP_SUPP, _PERM */
    return gets ? 8 : 0;
}

static void add_clone(const struct call *call, const struct tracee *tracee,
                      struct written_list *list)
{
    uint64_t flags = call->arguments[0], parent = call->arguments[2], pidfd = parent;
    if (call->number == SYS_clone3) { /* struct clone_args */
        flags = number_at(tracee, call->arguments[0], 8);
        pidfd = number_at(tracee, call->arguments[0] + 8, 8);
        parent = number_at(tracee, call->arguments[0] + 24, 8);
    }
    if (flags & CLONE_PARENT_SETTID)
        written_add(list, parent, 4);
    if (flags & CLONE_PIDFD)
        written_add(list, pidfd, 4);
}

static void special(const struct call *call, const struct tracee *tracee, uint64_t result,
                    struct written_list *list)
{
    const uint64_t *arguments = call->arguments;
    switch (call->number) {
    case SYS_ioctl:
        written_add(list, arguments[2], ioctl_size(arguments[1]));
        break;
    case SYS_fcntl:
        written_add(list, arguments[2], fcntl_size(arguments[1]));
        break;
    case SYS_prctl:
        written_add(list, arguments[1], prctl_size(arguments[0]));
        break;
    case SYS_arch_prctl:
        written_add(list, arguments[1], arch_prctl_size(arguments[0]));
        break;
    case SYS_clone:
    case SYS_clone3:
        add_clone(call, tracee, list);
        break;
    case SYS_rt_sigprocmask:
        written_add(list, arguments[2], arguments[3]);
        break;
    case SYS_getgroups:
        written_add(list, arguments[0] ? arguments[1] : 0, result * 4);
        break;
    case SYS_mincore:
        written_add(list, arguments[2], (arguments[1] + 4095) / 4096);
        break;
    case SYS_get_mempolicy:
        written_add(list, arguments[1], (arguments[2] + 7) / 8);
        break;
    case SYS_msgrcv:
        written_add(list, arguments[1], 8 + result);
        break;
    case SYS_shmctl:
        if (arguments[1] == 2 || arguments[1] == 13) /* IPC_STAT, SHM_STAT */
            written_add(list, arguments[2], 112);
        break;
    case SYS_sendmmsg:
        for (uint64_t i = 0; i < smaller(result, MAX_VECTORS); i++)
            written_add(list, arguments[1] + 64 * i + 56, 4);
        break;
    default:
        break;
    }
}

/* --- rules ------------------------------------------------------------------------------------ */

static void apply(const struct rule *rule, const struct call *call, const struct tracee *tracee,
                  uint64_t result, struct written_list *list)
{
    uint64_t address = call->arguments[rule->a], other = call->arguments[rule->b];
    switch ((enum rule_kind)rule->kind) {
    case NOTHING:
    case ON_EINTR:
        break;
    case FIXED:
        written_add(list, address, rule->size);
        break;
    case RESULT:
        written_add(list, address, smaller(result, other));
        break;
    case RESULT_TIMES:
        written_add(list, address, result * rule->size);
        break;
    case COUNT_TIMES:
        written_add(list, address, other * rule->size);
        break;
    case SOCKET:
        if (address)
            written_add(list, address, smaller(number_at(tracee, other, 4), call->room));
        written_add(list, other, 4);
        break;
    case VECTOR:
        add_vector(list, tracee, address, other, result);
        break;
    case MESSAGE:
        add_message(list, tracee, address, call->room, result);
        break;
    case MESSAGES: /* struct mmsghdr: msghdr, then 4 bytes of length at 56, 64 in all */
        for (uint64_t i = 0; i < smaller(result, MAX_VECTORS); i++) {
            add_message(list, tracee, address + 64 * i, UINT32_MAX,
                        number_at(tracee, address + 64 * i + 56, 4));
            written_add(list, address + 64 * i + 56, 4);
        }
        break;
    case SETS:
        written_add(list, address, (smaller(call->arguments[0], 1 << 20) + 63) / 64 * 8);
        break;
    case SPECIAL:
        special(call, tracee, result, list);
        break;
    }
}

struct call call_enter(const struct tracee *tracee, const struct user_regs_struct *registers)
{
    struct call call = {
        .number = registers->rax,
        .arguments = {registers->rdi, registers->rsi, registers->rdx, registers->r10, registers->r8,
                      registers->r9},
        .rip = registers->rip,
    };
    const struct known *known = look_up(call.number);
    call.known = known != NULL;
    for (int i = 0; known && i < MAX_RULES; i++) {
        const struct rule *rule = &known->rules[i];
        if (rule->kind == SOCKET)
            call.room = (uint32_t)number_at(tracee, call.arguments[rule->b], 4);
        else if (rule->kind == MESSAGE)
            call.room = (uint32_t)number_at(tracee, call.arguments[rule->a] + 8, 4);
    }
    return call;
}

void call_written(const struct call *call, const struct tracee *tracee, int64_t result,
                  struct written_list *list)
{
    const struct known *known = look_up(call->number);
    for (int i = 0; known && i < MAX_RULES; i++) {
        const struct rule *rule = &known->rules[i];
        if (rule->kind == ON_EINTR && result == -EINTR)
            written_add(list, call->arguments[rule->a], rule->size);
        else if (result >= 0)
            apply(rule, call, tracee, (uint64_t)result, list);
    }
}
