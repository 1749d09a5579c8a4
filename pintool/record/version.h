/* SPDX-License-Identifier: BSD-3-Clause */
/* The version, normally given by the build. */
#ifndef VERSION_H
#define VERSION_H

#ifndef ELFIE_VERSION
#define ELFIE_VERSION "unknown"
#endif

#endif
