/* SPDX-License-Identifier: BSD-3-Clause */
/* Names that callback sources call in elfie_on_start, because scripts used to write these functions
 * for each pinball. What they did is done before any callback: variables are read, descriptors are
 * open, the program break is set. */
#include "elfie.h"

void set_heap(void);
void read_environ(void);
void preopen_files(void);

/* Sets the program break again, should the callback have moved it. */
void set_heap(void)
{
    elfie_set_break();
}

void read_environ(void) {}

void preopen_files(void) {}
