/* SPDX-License-Identifier: BSD-3-Clause */
/* Asks the processor, in the region, for all that another one answers otherwise: CPUID, RDRAND,
 * RDSEED, RDPID, XGETBV, RDTSC; and prints what it got. Takes how:
 *   plain    all of it
 *   threads  a little of it, in two threads
 *   late     a little, and by code that is made or mapped in the region
 *   code     a little, and a sum of its own code, which shows whether that was changed
 *   trap     a little, and then a ud2 of its own */
#define _GNU_SOURCE
#include "region.h"

#include <cpuid.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

enum {
    OSXSAVE = 27,
    RDRAND = 30,
    RDSEED = 18,
    RDPID = 22,
    PAGE = 4096
}; /* bits of CPUID leaves 1 and 7 */

static int has_xgetbv;

struct leaf {
    uint32_t a, b, c, d;
};

static __attribute__((noinline)) struct leaf ask(uint32_t leaf, uint32_t subleaf)
{
    struct leaf l;
    __cpuid_count(leaf, subleaf, l.a, l.b, l.c, l.d);
    return l;
}

static void put_leaf(uint32_t leaf, uint32_t subleaf)
{
    struct leaf l = ask(leaf, subleaf);
    printf("cpuid %x.%x %x %x %x %x\n", leaf, subleaf, l.a, l.b, l.c, l.d);
}

static void leaves(void)
{
    static const uint32_t single[] = {0, 1, 2, 7, 0xb, 0xd, 0x80000000, 0x80000002, 0x80000003};
    for (size_t i = 0; i < sizeof single / sizeof *single; i++)
        put_leaf(single[i], 0);
    for (uint32_t i = 0; i < 4; i++)
        put_leaf(4, i);
}

/* NAME WIDTH-LETTER REGISTER: until there is one. */
#define NUMBERS(instruction, letter, place, result)                                                \
    do {                                                                                           \
        register uint64_t number __asm__(place) = 0x1122334455667788;                              \
        unsigned tries = 0;                                                                        \
        uint8_t carry;                                                                             \
        do {                                                                                       \
            __asm__ volatile(instruction " %" letter "0" : "+r"(number), "=@ccc"(carry));          \
            tries++;                                                                               \
        } while (!carry);                                                                          \
        printf("%s %s %lx, %u\n", instruction, place, (result) = number, tries);                   \
    } while (0)

static uint64_t numbers(void)
{
    uint64_t n, sum = 0;
    for (int i = 0; i < 3; i++) {
        NUMBERS("rdrand", "q", "rax", n);
        sum += n;
        NUMBERS("rdrand", "k", "rcx", n);
        sum += n;
        NUMBERS("rdseed", "q", "r13", n);
        sum += n;
        NUMBERS("rdseed", "w", "rdx", n);
        sum += n;
        NUMBERS("rdrand", "w", "r8", n);
        sum += n;
    }
    return sum;
}

static void core(void)
{
    uint64_t number;
    if (!(ask(7, 0).c >> RDPID & 1))
        return;
    __asm__ volatile("rdpid %0" : "=r"(number));
    printf("rdpid %lx\n", number);
}

/* A tracer that plays faulting steps over each instruction. */
static void ask_little(void)
{
    uint64_t n;
    uint32_t low, high;
    put_leaf(1, 0);
    if (has_xgetbv) {
        __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
        printf("xgetbv %x %x\n", high, low);
    }
    NUMBERS("rdrand", "q", "rbx", n);
    printf("tsc %llu, %lx\n", (unsigned long long)__rdtsc(), n);
}

static void ask_all(void)
{
    unsigned aux;
    leaves();
    printf("time %ld pid %d\n", time(NULL), getpid());
    printf("tsc %llu\n", (unsigned long long)__rdtsc());
    printf("sum %lx\n", numbers());
    printf("tsc %llu", (unsigned long long)__rdtscp(&aux));
    printf(" %u\n", aux);
    core();
    ask_little();
}

static void *in_thread(void *lock)
{
    for (int i = 0; i < 3; i++) {
        pthread_mutex_lock(lock);
        ask_little();
        pthread_mutex_unlock(lock);
    }
    return NULL;
}

static void in_threads(void)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_t other;
    if (pthread_create(&other, NULL, in_thread, &lock))
        exit(1);
    in_thread(&lock);
    pthread_join(other, NULL);
}

/* push %rbx; mov $LEAF, %eax; xor %ecx, %ecx; cpuid; rdrand %rdx; mov %edx, %eax; pop %rbx; ret */
static const uint8_t code[] = {0x53, 0xb8, 1,    0,    0,    0,    0x31, 0xc9, 0x0f,
                               0xa2, 0x48, 0x0f, 0xc7, 0xf2, 0x89, 0xd0, 0x5b, 0xc3};

static void run(const char *where, void *at)
{
    uint32_t (*function)(void);
    memcpy(&function, &at, sizeof function);
    for (int i = 0; i < 2; i++)
        printf("%s %x\n", where, function());
}

static void late(void)
{
    void *made = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memcpy(made, code, sizeof code);
    mprotect(made, PAGE, PROT_READ | PROT_EXEC);
    run("made", made);
    int fd = memfd_create("code", 0);
    if (write(fd, code, sizeof code) != sizeof code)
        exit(1);
    run("mapped", mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0));
    munmap(made, PAGE);
}

static void sum_of_code(void)
{
    const uint8_t *at;
    uint32_t sum = 0;
    struct leaf (*function)(uint32_t, uint32_t) = ask;
    memcpy(&at, &function, sizeof at);
    for (int i = 0; i < 32; i++)
        sum = sum * 31 + at[i];
    printf("code %08x\n", sum);
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "plain";
    printf("before\n");
    if (!(ask(1, 0).c >> RDRAND & 1) || !(ask(7, 0).b >> RDSEED & 1)) {
        fprintf(stderr, "no rdrand or rdseed\n");
        return 77;
    }
    has_xgetbv = ask(1, 0).c >> OSXSAVE & 1;
    fflush(stdout);
    region_start();
    if (!strcmp(what, "threads"))
        in_threads();
    else if (!strcmp(what, "plain"))
        ask_all();
    else
        ask_little();
    if (!strcmp(what, "late"))
        late();
    if (!strcmp(what, "code"))
        sum_of_code();
    fflush(stdout);
    if (!strcmp(what, "trap"))
        __builtin_trap();
    return 42;
}
