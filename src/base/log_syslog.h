/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lines to the system's syslog, as syslog(3) sends them, but with an answer: whether they went.
 *
 * The socket belongs to who writes the log; log_syslog_open() and log_syslog_close() are called
 * when nobody does.
 */
#ifndef MMPROXY_LOG_SYSLOG_H
#define MMPROXY_LOG_SYSLOG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/log_line.h"

struct log_syslog {
	const char *path; /* of the socket; NULL: syslog is not the target */
	int fd;		  /* -1: not connected */
	bool is_stream;
};

/* Where the system's syslog is. */
#define LOG_SYSLOG_PATH "/dev/log"

/* A log_syslog that is closed. */
#define LOG_SYSLOG_CLOSED              \
	{                              \
		.path = NULL, .fd = -1 \
	}

/*
 * Connect to the socket at path, which is borrowed: of datagrams, or a stream where it is one.
 * Never waits. Returns 0, or -1 with errno, and *syslog is closed then.
 */
int log_syslog_open(struct log_syslog *syslog, const char *path)
    __attribute__((warn_unused_result));

void log_syslog_close(struct log_syslog *syslog);

/*
 * Send one line, without its newline, in the format of RFC 3164 section 4 and glibc: priority,
 * local time, "mmproxy[PID]: ". A syslog that was started anew is connected to again. Waits while
 * the socket is full, and can be cancelled there. Returns false, with errno, for a line that could
 * not be sent.
 */
bool log_syslog_send(struct log_syslog *syslog, enum log_level level, const char *text, size_t len)
    __attribute__((warn_unused_result));

#endif
