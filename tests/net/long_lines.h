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

/* Write a configuration with these members of the group log; returns its path. */
const char *long_lines_config(const char *log, int workers);

/* Start the daemon with this log.target. Its own lines may come later: see below. */
void long_lines_start(const char *target, int workers);

/* Carry so many connections, one after the other. */
void long_lines_connect(int backend, unsigned count);

/* Stop the daemon, which must end, whatever is the matter with its log. */
void long_lines_expect_end(void);

/* Read what there is. A line that is torn fails the test. */
void long_lines_read(int fd);

/*
 * Read the lines that the daemon logs by itself when it starts. Behind them there are connections
 * only, so that a line that is left out was a connection's.
 */
void long_lines_await_start(int fd);

/* Read until so many connections are accounted for, no more and no fewer. */
void long_lines_await_all(int fd, unsigned long count);

/* Account for one line that was read in another way. */
void long_lines_count(const char *line);

/* The last of the lines that the daemon logs by itself when it starts has been read. */
bool long_lines_have_start(void);

/* Lines of connections that were read, and those left out, as the log itself says. */
unsigned long_lines_ends(void);
unsigned long long_lines_left_out(void);

#endif
