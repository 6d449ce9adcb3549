/* SPDX-License-Identifier: BSD-2-Clause */
/* Samples in the text format of Prometheus (version 0.0.4), written into an evbuffer. One thread.
 */
#ifndef MMPROXY_EXPOSITION_H
#define MMPROXY_EXPOSITION_H

#include <stdbool.h>
#include <stdint.h>

#include <event2/buffer.h>

struct exposition {
	struct evbuffer *out; /* borrowed */
	bool failed;	      /* memory was out: what was written is not whole */
};

/* A label and its value, which may be any text of at most 256 bytes. */
struct exposition_label {
	const char *name; /* NULL: there is none */
	const char *value;
};

/* The lines before a metric's samples. */
void exposition_head(struct exposition *exposition, const char *name, const char *type,
		     const char *help);

/* NAME{first,second}, each of which may be none; a value has to follow. */
void exposition_series(struct exposition *exposition, const char *name,
		       struct exposition_label first, struct exposition_label second);

/* A value, and the end of the line. The second one is of microseconds, and becomes seconds. */
void exposition_u64(struct exposition *exposition, uint64_t value);
void exposition_seconds(struct exposition *exposition, uint64_t us);

#endif
