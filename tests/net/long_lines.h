/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A daemon whose connections have lines of over 3 KiB in its log, and what becomes of those lines:
 * each is read whole, or counted by a line that says how many were left out.
 */
#ifndef MMPROXY_TEST_LONG_LINES_H
#define MMPROXY_TEST_LONG_LINES_H

#include <stdbool.h>

/* Many times what a pipe and the daemon's queue hold together. */
#define LONG_LINES_MANY 2000

/* How long the daemon may take to end: a second for the log, and the rest for a busy machine. */
#define LONG_LINES_END_MS 8000

/* Write a configuration with these members of the group log; returns its path. */
const char *long_lines_config(const char *log, int workers);

/* Start the daemon with this log.target. */
void long_lines_start(const char *target, int workers);

/* Carry so many connections, one after the other. */
void long_lines_connect(int backend, unsigned count);

/* Stop the daemon, which must end soon, whatever is the matter with its log. */
void long_lines_expect_end(void);

/* Read what there is, and tell whether so many connections are accounted for. A line that is torn
 * fails the test. */
bool long_lines_all_read(int fd, unsigned long count);

/* Account for one line that was read in another way. */
void long_lines_count(const char *line);

/* Lines of connections that were read, and those left out, as the log itself says. */
unsigned long_lines_ends(void);
unsigned long long_lines_left_out(void);

#endif
