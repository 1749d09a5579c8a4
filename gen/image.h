/* SPDX-License-Identifier: BSD-3-Clause */
/* The captured image, read back out of pages.bin. */
#ifndef GEN_IMAGE_H
#define GEN_IMAGE_H

#include "checkpoint.h"

/* Copies up to SIZE bytes from ADDRESS on; returns how many are there. Zero pages give zeros. */
size_t image_read(const struct checkpoint *c, int pages_fd, uint64_t address, void *to,
                  size_t size);

#endif
