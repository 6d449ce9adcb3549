/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines to the system's syslog. */
#include "base/log_syslog.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

/* "<30>Nov 21 17:22:47 mmproxy[4194304]: " and the longest line, with the byte that ends it. */
#define RECORD_MAX (LOG_LINE_MAX + 64)

/* A stream whose queue of connections is full would be waited for; an error is better. */
static int connect_to(const char *path, int type)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	size_t len = strlen(path);
	int fd;
	int error;

	if (len >= sizeof(addr.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(addr.sun_path, path, len);
	fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	if (connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) == 0 &&
	    fcntl(fd, F_SETFL, 0) == 0)
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

static void disconnect(struct log_syslog *syslog)
{
	if (syslog->fd >= 0)
		close(syslog->fd);
	syslog->fd = -1;
}

static int reconnect(struct log_syslog *syslog)
{
	disconnect(syslog);
	syslog->is_stream = false;
	syslog->fd = connect_to(syslog->path, SOCK_DGRAM);
	if (syslog->fd < 0 && errno == EPROTOTYPE) {
		syslog->is_stream = true;
		syslog->fd = connect_to(syslog->path, SOCK_STREAM);
	}
	return syslog->fd < 0 ? -1 : 0;
}

static bool send_record(const struct log_syslog *syslog, const char *record, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t sent;
		int before;

		pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &before);
		sent = send(syslog->fd, record + done, len - done, MSG_NOSIGNAL);
		pthread_setcancelstate(before, &before);
		if (sent > 0)
			done += (size_t)sent;
		else if (sent == 0 || errno != EINTR)
			return false;
	}
	return true;
}

/* Returns the length, with the byte 0 that ends a record in a stream. */
static size_t make_record(char record[static RECORD_MAX], enum log_level level, const char *text,
			  size_t len)
{
	time_t now = time(NULL);
	struct tm local;
	char stamp[32];
	int head;

	localtime_r(&now, &local);
	strftime(stamp, sizeof(stamp), "%b %e %T", &local);
	head = snprintf(record, RECORD_MAX,
			"<%d>%s mmproxy[%d]: ", LOG_DAEMON | log_level_priority(level), stamp,
			(int)getpid());
	memcpy(record + head, text, len);
	record[(size_t)head + len] = '\0';
	return (size_t)head + len + 1;
}

int log_syslog_open(struct log_syslog *syslog, const char *path)
{
	*syslog = (struct log_syslog){.path = path, .fd = -1};
	/* Read while files can still be: a sandbox may come later. */
	tzset();
	if (reconnect(syslog) == 0)
		return 0;
	syslog->path = NULL;
	return -1;
}

void log_syslog_close(struct log_syslog *syslog)
{
	disconnect(syslog);
	syslog->path = NULL;
}

bool log_syslog_send(struct log_syslog *syslog, enum log_level level, const char *text, size_t len)
{
	char record[RECORD_MAX];
	size_t record_len = make_record(record, level, text, len);

	for (int attempt = 0; attempt < 2; attempt++) {
		if (syslog->fd >= 0 &&
		    send_record(syslog, record, syslog->is_stream ? record_len : record_len - 1))
			return true;
		/* Whoever listened there has gone; another one may have come. */
		if (attempt == 0 && reconnect(syslog) < 0)
			return false;
	}
	disconnect(syslog);
	return false;
}
