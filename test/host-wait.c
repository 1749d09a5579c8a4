/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Behind the start of the region two threads wait for as long as one likes: the second one for a
 * condition, the first one in a read of standard input whose next instruction has a name,
 * host_wait_here. When a byte has come, the first thread calls host_wait_after('x') with it,
 * releases the second one and joins it. Exits with 6.
 */
#include <pthread.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

void region_start(void);
void host_wait_after(int byte);

/* For whoever looks into a core file. */
char host_wait_mark[9] = "aaaaaaaa";

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static int released, waiting; /* under mutex */

static void *wait_for_release(void *unused)
{
    pthread_mutex_lock(&mutex);
    waiting = 1;
    while (!released)
        pthread_cond_wait(&condition, &mutex);
    pthread_mutex_unlock(&mutex);
    return unused;
}

static __attribute__((noinline, noclone)) int read_byte(void)
{
    unsigned char byte = 0;
    long result = SYS_read;
    __asm__ volatile(".globl host_wait_here\n"
                     "\tsyscall\n"
                     "host_wait_here:\n"
                     : "+a"(result)
                     : "D"(0), "S"(&byte), "d"(1)
                     : "rcx", "r11", "memory");
    return result == 1 ? byte : -1;
}

__attribute__((noinline, noclone)) void host_wait_after(int byte)
{
    printf("read '%c'\n", byte);
}

int main(void)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, wait_for_release, NULL) != 0)
        return 1;
    /* The other thread holds the mutex from its first line to its waiting. */
    for (int ready = 0; !ready;) {
        pthread_mutex_lock(&mutex);
        ready = waiting;
        pthread_mutex_unlock(&mutex);
    }
    region_start();
    host_wait_after(read_byte());
    pthread_mutex_lock(&mutex);
    released = 1;
    pthread_cond_signal(&condition);
    pthread_mutex_unlock(&mutex);
    pthread_join(thread, NULL);
    printf("joined\n");
    return 6;
}
