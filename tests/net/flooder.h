/* SPDX-License-Identifier: BSD-2-Clause */
/* A process that connects as fast as it can, and what it sends is no PROXY header. */
#ifndef MMPROXY_TEST_FLOODER_H
#define MMPROXY_TEST_FLOODER_H

#include <sys/types.h>

/* Flood 127.0.0.1:7000 from this loopback address; it dies with the test. */
pid_t flooder_start(const char *from);

void flooder_stop(pid_t flooder);

#endif
