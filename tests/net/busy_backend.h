/* SPDX-License-Identifier: BSD-2-Clause */
/* A backend in a process of its own that keeps its connections busy until they end. */
#ifndef MMPROXY_TEST_BUSY_BACKEND_H
#define MMPROXY_TEST_BUSY_BACKEND_H

#include <sys/types.h>

enum busy_kind {
	BUSY_STUCK,  /* sends without end and never reads */
	BUSY_ECHO,   /* sends back what it reads, and stops reading while that does not go */
	BUSY_PUMP,   /* sends without end, and reads everything */
	BUSY_SINK,   /* only reads */
	BUSY_SILENT, /* neither reads nor sends */
	BUSY_KINDS
};

/* Serve connections of this listening socket; it dies with the test. */
pid_t busy_backend_start(int listener, enum busy_kind kind);

#endif
