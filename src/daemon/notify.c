/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages to the service manager. */
#include "daemon/notify.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "net/rights.h"

/* libsystemd is not used: its sd_notify() waits for as long as the manager reads nothing. */

/* How long notify_keep() waits for a manager that is busy. */
#define KEEP_PATIENCE_MS 1000

/* Every assignment once, the longest being STATUS. */
#define MESSAGE_MAX (NOTIFY_STATUS_MAX + 256)

/* What is still to be said, in the order in which it is said. */
enum pending {
	PENDING_RELOADING = 1 << 0,
	PENDING_MAIN_PID = 1 << 1,
	PENDING_READY = 1 << 2,
	PENDING_STOPPING = 1 << 3,
	PENDING_STATUS = 1 << 4,
	PENDING_EXTEND = 1 << 5,
	PENDING_ERROR = 1 << 6,
	PENDING_ALIVE = 1 << 7,
};

struct notify {
	int fd;
	struct sockaddr_un to;
	socklen_t to_len;
	int64_t watchdog_ms;
	unsigned pending;
	uint64_t reloading_us;
	int64_t extend_ms;
	int error;
	pid_t main_pid;
	char status[NOTIFY_STATUS_MAX];
	bool has_complained;
};

struct message {
	char text[MESSAGE_MAX];
	size_t len;
};

/* ---- sending ---- */

static void __attribute__((format(printf, 2, 3)))
put(struct message *message, const char *format, ...)
{
	size_t room = sizeof(message->text) - message->len;
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(message->text + message->len, room, format, args);
	va_end(args);
	if (len > 0)
		message->len += (size_t)len < room ? (size_t)len : room - 1;
}

static int send_message(struct notify *notify, struct message *message, int fd, int flags)
{
	_Alignas(struct cmsghdr) char control[RIGHTS_SPACE(1)];
	struct iovec text = {.iov_base = message->text, .iov_len = message->len};
	struct msghdr header = {.msg_name = &notify->to,
				.msg_namelen = notify->to_len,
				.msg_iov = &text,
				.msg_iovlen = 1};

	rights_put(&header, control, &fd, fd >= 0 ? 1 : 0);
	return sendmsg(notify->fd, &header, flags | MSG_NOSIGNAL) < 0 ? -1 : 0;
}

static void complain(struct notify *notify)
{
	if (!notify->has_complained)
		log_msg(LOG_LEVEL_WARN, "cannot tell the service manager (NOTIFY_SOCKET): %s",
			strerror(errno));
	notify->has_complained = true;
}

static void write_message(const struct notify *notify, unsigned kinds, struct message *message)
{
	if ((kinds & PENDING_RELOADING) != 0)
		put(message, "RELOADING=1\nMONOTONIC_USEC=%llu\n",
		    (unsigned long long)notify->reloading_us);
	if ((kinds & PENDING_MAIN_PID) != 0)
		put(message, "MAINPID=%lld\n", (long long)notify->main_pid);
	if ((kinds & PENDING_READY) != 0)
		put(message, "READY=1\n");
	if ((kinds & PENDING_STOPPING) != 0)
		put(message, "STOPPING=1\n");
	if ((kinds & PENDING_STATUS) != 0)
		put(message, "STATUS=%s\n", notify->status);
	if ((kinds & PENDING_EXTEND) != 0)
		put(message, "EXTEND_TIMEOUT_USEC=%lld\n", (long long)notify->extend_ms * 1000);
	if ((kinds & PENDING_ERROR) != 0)
		put(message, "ERRNO=%d\n", notify->error);
	if ((kinds & PENDING_ALIVE) != 0)
		put(message, "WATCHDOG=1\n");
}

/* Returns false when there is no room for it now. */
static bool send_kinds(struct notify *notify, unsigned kinds)
{
	struct message message = {.len = 0};

	write_message(notify, kinds, &message);
	if (send_message(notify, &message, -1, MSG_DONTWAIT) < 0) {
		if (errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM || errno == EINTR)
			return false;
		complain(notify);
	}
	notify->pending &= ~kinds;
	return true;
}

bool notify_flush(struct notify *notify)
{
	if (notify == NULL)
		return true;
	/* A manager that reads both in one message does not know which came first. */
	if ((notify->pending & PENDING_RELOADING) != 0 && !send_kinds(notify, PENDING_RELOADING))
		return false;
	return notify->pending == 0 || send_kinds(notify, notify->pending);
}

static void say(struct notify *notify, enum pending kind)
{
	notify->pending |= kind;
	(void)notify_flush(notify);
}

/* ---- opening ---- */

/* A path, or "@NAME" for the abstract namespace of unix(7). */
static int parse_address(struct notify *notify, const char *text)
{
	size_t len = strlen(text);

	notify->to.sun_family = AF_UNIX;
	if ((text[0] != '/' && text[0] != '@') || len < 2) {
		errno = EAFNOSUPPORT;
		return -1;
	}
	if (len >= sizeof(notify->to.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(notify->to.sun_path, text, len);
	if (text[0] == '@')
		notify->to.sun_path[0] = '\0';
	notify->to_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	if (text[0] == '/')
		notify->to_len++;
	return 0;
}

static int64_t parse_watchdog(void)
{
	const char *interval = getenv("WATCHDOG_USEC");
	const char *pid = getenv("WATCHDOG_PID");

	if (interval == NULL || (pid != NULL && strtoll(pid, NULL, 10) != getpid()))
		return 0;
	return strtoll(interval, NULL, 10) / 1000;
}

struct notify *notify_new(void)
{
	static const struct timeval patience = {.tv_sec = KEEP_PATIENCE_MS / 1000};
	const char *address = getenv("NOTIFY_SOCKET");
	struct notify *notify;

	if (address == NULL || *address == '\0')
		return NULL;
	notify = calloc(1, sizeof(*notify));
	if (notify == NULL)
		return NULL;
	notify->fd = -1;
	if (parse_address(notify, address) == 0)
		notify->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (notify->fd < 0 ||
	    setsockopt(notify->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0) {
		complain(notify);
		notify_free(notify);
		return NULL;
	}
	notify->watchdog_ms = parse_watchdog();
	return notify;
}

void notify_free(struct notify *notify)
{
	if (notify == NULL)
		return;
	if (notify->fd >= 0)
		close(notify->fd);
	free(notify);
}

/* ---- what there is to say ---- */

void notify_ready(struct notify *notify)
{
	if (notify != NULL)
		say(notify, PENDING_READY);
}

void notify_reloading(struct notify *notify)
{
	struct timespec now;

	if (notify == NULL)
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	notify->reloading_us = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
	/* One that was not sent yet is that of the former configuration. */
	notify->pending &= ~(unsigned)PENDING_READY;
	say(notify, PENDING_RELOADING);
}

void notify_stopping(struct notify *notify)
{
	if (notify == NULL)
		return;
	notify->pending &= ~(unsigned)(PENDING_READY | PENDING_RELOADING);
	say(notify, PENDING_STOPPING);
}

void notify_extend(struct notify *notify, int64_t ms)
{
	if (notify == NULL)
		return;
	notify->extend_ms = ms;
	say(notify, PENDING_EXTEND);
}

void notify_status(struct notify *notify, const char *text)
{
	if (notify == NULL)
		return;
	snprintf(notify->status, sizeof(notify->status), "%s", text);
	for (char *at = notify->status; (at = strchr(at, '\n')) != NULL;)
		*at = ' ';
	say(notify, PENDING_STATUS);
}

void notify_failed(struct notify *notify, int error)
{
	if (notify == NULL)
		return;
	notify->error = error;
	say(notify, PENDING_ERROR);
}

void notify_main_pid(struct notify *notify, pid_t pid)
{
	if (notify == NULL)
		return;
	notify->main_pid = pid;
	say(notify, PENDING_MAIN_PID);
}

void notify_alive(struct notify *notify)
{
	if (notify != NULL)
		say(notify, PENDING_ALIVE);
}

int64_t notify_watchdog_ms(const struct notify *notify)
{
	return notify != NULL ? notify->watchdog_ms : 0;
}

/* ---- descriptors ---- */

int notify_keep(struct notify *notify, int fd, const char *name)
{
	struct message message = {.len = 0};

	if (notify == NULL) {
		errno = ENOTCONN;
		return -1;
	}
	/* A listening socket is never hung up, but nothing is to be gained from watching it either:
	 * without FDPOLL=0 (systemd 246) the manager would close one that reports an error. */
	put(&message, "FDSTORE=1\nFDNAME=%s\nFDPOLL=0\n", name);
	return send_message(notify, &message, fd, 0);
}

int notify_forget(struct notify *notify, const char *name)
{
	struct message message = {.len = 0};

	if (notify == NULL) {
		errno = ENOTCONN;
		return -1;
	}
	put(&message, "FDSTOREREMOVE=1\nFDNAME=%s\n", name);
	return send_message(notify, &message, -1, 0);
}
