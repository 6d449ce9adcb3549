/* SPDX-License-Identifier: BSD-2-Clause */
/* Where lines go. */
#include "base/log_target.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log_file.h"
#include "base/log_syslog.h"

/* How often one who waits for a full pipe looks whether another file was opened. */
#define LOOK_MS 200

/*
 * The number under which a file is open stays the same, and is closed when nobody writes: a new
 * file, or standard error, is put under it with dup3(2), which another thread cannot half see.
 */
static int file_fd = -1; /* -1: there was no file yet */
static atomic_int current_fd = STDERR_FILENO;
static atomic_uint current_generation;
static atomic_bool current_is_syslog;
static struct log_syslog current_syslog = LOG_SYSLOG_CLOSED;
static char *current_path;

/* What log_target_prepare() has opened; the parts that it has no use for are closed. */
struct next_target {
	bool is_another; /* than the one in use */
	int fd;
	struct log_syslog syslog;
	char *path; /* of a file */
};

#define NO_NEXT_TARGET                                \
	{                                             \
		.fd = -1, .syslog = LOG_SYSLOG_CLOSED \
	}

static struct next_target next = NO_NEXT_TARGET;

/*
 * systemd names the stream that it connected to the journal (systemd.exec(5)); standard error may
 * have been redirected since. The journal adds the time itself, and takes the priority from the
 * line.
 */
static bool is_journal(int fd)
{
	const char *named = getenv("JOURNAL_STREAM");
	char actual[64];
	struct stat st;

	if (named == NULL || fstat(fd, &st) < 0)
		return false;
	snprintf(actual, sizeof(actual), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	return strcmp(named, actual) == 0;
}

/* The start of the line that the byte at this place belongs to. */
static size_t line_start(const char *text, size_t at)
{
	while (at > 0 && text[at - 1] != '\n')
		at--;
	return at;
}

static ssize_t write_cancellable(int fd, const char *text, size_t len)
{
	ssize_t written;
	int before;

	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &before);
	written = write(fd, text, len);
	pthread_setcancelstate(before, &before);
	return written;
}

static void await_room(int fd)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLOUT};
	int before;

	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &before);
	(void)poll(&poll_fd, 1, LOOK_MS);
	pthread_setcancelstate(before, &before);
}

/* Put another file under the number, and close the one that was under it. */
static int replace_file(int fd)
{
	return dup3(fd, file_fd, O_CLOEXEC) < 0 ? -1 : 0;
}

static int use_file(const char *path)
{
	int fd = log_file_open(path);
	int result = 0;
	int error;

	if (fd < 0)
		return -1;
	if (file_fd < 0) {
		file_fd = fd;
		return 0;
	}
	result = replace_file(fd);
	error = errno;
	close(fd);
	errno = error;
	return result;
}

/* What is open now, by the name that log_target_prepare() takes. */
static bool is_current(const char *target)
{
	if (current_path != NULL)
		return strcmp(target, current_path) == 0;
	return strcmp(target, log_target_is_syslog() ? "syslog" : "stderr") == 0;
}

static int prepare_file(const char *path)
{
	int error;

	next.path = strdup(path);
	next.fd = next.path != NULL ? log_file_open(path) : -1;
	if (next.fd >= 0)
		return 0;
	error = errno;
	log_target_undo();
	errno = error;
	return -1;
}

int log_target_prepare(const char *target)
{
	log_target_undo();
	if (is_current(target))
		return 0;
	if (strcmp(target, "syslog") == 0) {
		if (log_syslog_open(&next.syslog, LOG_SYSLOG_PATH) < 0)
			return -1;
	} else if (strcmp(target, "stderr") != 0) {
		if (prepare_file(target) < 0)
			return -1;
	} else if (fcntl(STDERR_FILENO, F_GETFD) < 0) {
		return -1;
	}
	next.is_another = true;
	return 0;
}

void log_target_undo(void)
{
	if (next.fd >= 0)
		close(next.fd);
	log_syslog_close(&next.syslog);
	free(next.path);
	next = (struct next_target)NO_NEXT_TARGET;
}

/* Have lines go to this number, which is the former file's if there was one. */
static void use_fd(int fd)
{
	if (file_fd >= 0) {
		/* Both numbers are open, so that there is nothing that it could fail for. */
		(void)replace_file(fd);
	} else if (fd != STDERR_FILENO) {
		file_fd = fd;
		next.fd = -1;
	}
	if (file_fd >= 0)
		atomic_store(&current_fd, file_fd);
}

void log_target_commit(void)
{
	bool is_syslog = next.syslog.path != NULL;

	if (!next.is_another)
		return;
	/* One that was connected to before may be in use, and connects again itself. */
	if (is_syslog && current_syslog.path == NULL) {
		current_syslog = next.syslog;
		next.syslog = (struct log_syslog)LOG_SYSLOG_CLOSED;
	}
	use_fd(next.path != NULL ? next.fd : STDERR_FILENO);
	free(current_path);
	current_path = next.path;
	next.path = NULL;
	atomic_store(&current_is_syslog, is_syslog);
	atomic_fetch_add(&current_generation, 1);
	log_target_undo();
}

int log_target_open(const char *target)
{
	if (log_target_prepare(target) < 0)
		return -1;
	log_target_commit();
	return 0;
}

int log_target_reopen(void)
{
	if (current_path == NULL)
		return 0;
	if (use_file(current_path) < 0)
		return -1;
	atomic_fetch_add(&current_generation, 1);
	return 0;
}

void log_target_close(void)
{
	atomic_store(&current_fd, STDERR_FILENO);
	atomic_store(&current_is_syslog, false);
	log_syslog_close(&current_syslog);
	if (file_fd >= 0)
		close(file_fd);
	file_fd = -1;
	free(current_path);
	current_path = NULL;
	atomic_fetch_add(&current_generation, 1);
}

unsigned log_target_generation(void)
{
	return atomic_load(&current_generation);
}

enum log_stamp log_target_stamp(void)
{
	if (log_target_is_syslog())
		return LOG_STAMP_NONE;
	return current_path == NULL && is_journal(STDERR_FILENO) ? LOG_STAMP_PRIORITY
								 : LOG_STAMP_TIME;
}

bool log_target_is_syslog(void)
{
	/* With what was written to current_syslog before. */
	return atomic_load_explicit(&current_is_syslog, memory_order_acquire);
}

size_t log_target_write(const char *text, size_t len)
{
	unsigned generation = log_target_generation();
	size_t done = 0;

	while (done < len) {
		int fd = atomic_load(&current_fd);
		ssize_t written;

		/* A line that the former file has half of starts again in the new one. */
		if (log_target_generation() != generation) {
			generation = log_target_generation();
			done = line_start(text, done);
		}
		written = write_cancellable(fd, text + done, len - done);
		if (written > 0) {
			done += (size_t)written;
		} else if (written < 0 && errno == EAGAIN) {
			await_room(fd);
		} else if (written == 0 || errno != EINTR) {
			break;
		}
	}
	return done;
}

bool log_target_syslog(enum log_level level, const char *text, size_t len)
{
	return log_syslog_send(&current_syslog, level, text, len);
}

const char *log_target_place(const char *target)
{
	return strcmp(target, "syslog") == 0 ? LOG_SYSLOG_PATH : target;
}
