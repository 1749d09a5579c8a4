/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes full buffers, gives them to a thread that writes them. There are two: while one is written,
 * the other one is filled. Errors are left to the caller, because only his thread may use ptrace
 * when the recorder ends. */
#include "background.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "memory.h"

struct background {
    int file;
    bool threaded;
    pthread_t thread;
    pthread_mutex_t mutex; /* protects what follows */
    pthread_cond_t changed;
    char *buffers[2];
    unsigned next;  /* buffer that the caller fills */
    size_t pending; /* bytes of the other one that are to be written, 0: none */
    bool ending;
    int error;
};

static int write_all(int file, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t done = write(file, data, size);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return done < 0 ? errno : EIO;
        data += done;
        size -= (size_t)done;
    }
    return 0;
}

static void *run(void *argument)
{
    struct background *background = argument;
    pthread_mutex_lock(&background->mutex);
    for (;;) {
        while (!background->pending && !background->ending)
            pthread_cond_wait(&background->changed, &background->mutex);
        if (!background->pending)
            break;
        const char *data = background->buffers[!background->next];
        size_t size = background->pending;
        pthread_mutex_unlock(&background->mutex);
        int error = write_all(background->file, data, size);
        pthread_mutex_lock(&background->mutex);
        if (!background->error)
            background->error = error;
        background->pending = 0;
        pthread_cond_broadcast(&background->changed);
    }
    pthread_mutex_unlock(&background->mutex);
    return NULL;
}

struct background *background_start(int file)
{
    struct background *background = memory_new(sizeof *background);
    sigset_t all, old;
    background->file = file;
    background->buffers[0] = memory_new(BACKGROUND_SIZE);
    background->buffers[1] = memory_new(BACKGROUND_SIZE);
    pthread_mutex_init(&background->mutex, NULL);
    pthread_cond_init(&background->changed, NULL);
    /* Signals are for the thread that looks whether there was one. */
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &old);
    background->threaded = pthread_create(&background->thread, NULL, run, background) == 0;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return background;
}

char *background_buffer(struct background *background)
{
    return background->buffers[background->next];
}

int background_write(struct background *background, size_t used)
{
    if (!background->threaded) {
        if (!background->error)
            background->error =
                write_all(background->file, background->buffers[background->next], used);
        return background->error;
    }
    pthread_mutex_lock(&background->mutex);
    while (background->pending)
        pthread_cond_wait(&background->changed, &background->mutex);
    background->next = !background->next;
    background->pending = used;
    int error = background->error;
    pthread_cond_broadcast(&background->changed);
    pthread_mutex_unlock(&background->mutex);
    return error;
}

int background_end(struct background *background)
{
    if (background->threaded) {
        pthread_mutex_lock(&background->mutex);
        background->ending = true;
        pthread_cond_broadcast(&background->changed);
        pthread_mutex_unlock(&background->mutex);
        pthread_join(background->thread, NULL);
    }
    int error = background->error;
    pthread_mutex_destroy(&background->mutex);
    pthread_cond_destroy(&background->changed);
    free(background->buffers[0]);
    free(background->buffers[1]);
    free(background);
    return error;
}
