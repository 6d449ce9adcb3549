/* SPDX-License-Identifier: BSD-2-Clause */
/* The system's own words for an error. */
#include "base/error_text.h"

#include <string.h>

const char *error_text(int error, char *buffer, size_t size)
{
#ifdef __GLIBC__
	return strerror_r(error, buffer, size);
#else
	return strerror_r(error, buffer, size) == 0 ? buffer : "unknown error";
#endif
}
