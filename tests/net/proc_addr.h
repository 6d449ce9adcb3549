/* SPDX-License-Identifier: BSD-2-Clause */
/* Socket addresses as the tables of /proc/net print them (proc(5)). */
#ifndef MMPROXY_TEST_PROC_ADDR_H
#define MMPROXY_TEST_PROC_ADDR_H

#include <stdbool.h>

#include "base/addr.h"

/* Read "0100007F:1F40" or its IPv6 form; an IPv4-mapped address becomes IPv4. */
bool proc_addr_read(struct addr *addr, const char *text);

#endif
