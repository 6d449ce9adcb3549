/* SPDX-License-Identifier: BSD-2-Clause */
/* The input of "mmproxy --decode". */
#include "daemon/decode_input.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* How long somebody may take to open a FIFO for writing: long enough for one started beside. */
#define WRITER_WAIT_MS 2000

struct source {
	int fd;
	const char *name;
	bool is_fifo;
};

static int fail(const struct source *source, const char *message)
{
	fprintf(stderr, "mmproxy: --decode: %s: %s\n", source->name, message);
	return -1;
}

/* Wait until there is something to read, or an end. Returns 0 when time was up. */
static int wait_readable(const struct source *source, int timeout_ms)
{
	struct pollfd readable = {.fd = source->fd, .events = POLLIN};
	int ready;

	do {
		ready = poll(&readable, 1, timeout_ms);
	} while (ready < 0 && errno == EINTR);
	return ready;
}

/*
 * An end before the first byte: until somebody opens a FIFO for writing it reads as ended, and
 * poll(2), which does not say so then, is what waits. Returns whether to read again.
 */
static bool await_writer(const struct source *source)
{
	return source->is_fifo && wait_readable(source, WRITER_WAIT_MS) > 0;
}

/* read(2), but waiting. */
static ssize_t read_some(const struct source *source, uint8_t *bytes, size_t room)
{
	for (;;) {
		ssize_t got = read(source->fd, bytes, room);

		if (got >= 0)
			return got;
		if (errno == EAGAIN && wait_readable(source, -1) > 0)
			continue;
		if (errno != EINTR)
			return -1;
	}
}

static int read_all(const struct source *source, uint8_t *bytes, size_t room, size_t *len)
{
	bool awaited = false;
	uint8_t beyond;

	*len = 0;
	for (;;) {
		bool full = *len == room;
		ssize_t got = read_some(source, full ? &beyond : bytes + *len,
					full ? sizeof(beyond) : room - *len);

		if (got < 0)
			return fail(source, strerror(errno));
		if (got == 0 && *len == 0 && !awaited && source->is_fifo) {
			awaited = true;
			if (!await_writer(source))
				return fail(source, "a FIFO that nobody writes to");
			continue;
		}
		if (got == 0)
			return 0;
		if (full) {
			fprintf(stderr,
				"mmproxy: --decode: %s: has more than the %zu bytes that are read; "
				"a header is at their beginning, which \"head -c\" cuts off\n",
				source->name, room);
			return -1;
		}
		*len += (size_t)got;
	}
}

int decode_input_read(const char *file, uint8_t *bytes, size_t room, size_t *len)
{
	bool is_standard = file == NULL || strcmp(file, "-") == 0;
	struct source source = {STDIN_FILENO, is_standard ? "standard input" : file, false};
	struct stat info;
	int status;

	if (!is_standard) {
		/* Opening a FIFO must not wait for its writer. */
		source.fd = open(file, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
		if (source.fd < 0)
			return fail(&source, strerror(errno));
		source.is_fifo = fstat(source.fd, &info) == 0 && S_ISFIFO(info.st_mode);
	} else if (isatty(source.fd)) {
		fputs("mmproxy: --decode: reading standard input; end it with Ctrl-D\n", stderr);
	}
	status = read_all(&source, bytes, room, len);
	if (!is_standard)
		close(source.fd);
	return status;
}
