/* SPDX-License-Identifier: BSD-2-Clause */
/* The system's own words for an error. Any thread. */
#ifndef MMPROXY_ERROR_TEXT_H
#define MMPROXY_ERROR_TEXT_H

#include <stddef.h>

/*
 * What strerror(3) says of a value of errno, in the buffer or constant. C libraries disagree about
 * strerror_r(3): GNU's returns the text, the others' (musl) a number.
 */
const char *error_text(int error, char *buffer, size_t size);

#endif
