/* SPDX-License-Identifier: BSD-2-Clause */
/* What this program is: its version, and the libraries that it was built with. */
#ifndef MMPROXY_VERSION_H
#define MMPROXY_VERSION_H

#include <stdio.h>

/*
 * One line with the version, then one line "NAME: yes" or "NAME: no" for each library that
 * configure can leave out.
 */
void version_print(FILE *out);

#endif
