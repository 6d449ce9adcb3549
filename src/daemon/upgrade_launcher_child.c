/* SPDX-License-Identifier: BSD-2-Clause */
/* A process that starts the daemon's successor: its own side. */
#include "daemon/upgrade_launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/privileges.h"
#include "net/rights.h"

/* SD_LISTEN_FDS_START of sd_listen_fds(3). */
#define FIRST_FD 3

/* How soon the end of the successor is seen: only a start that failed waits for it. */
#define LOOK_MS 20

/* What killall(1) and the like send to every process with the name means the daemon. */
static const int ignored[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGPIPE};

#define IGNORED (sizeof(ignored) / sizeof(ignored[0]))

struct child {
	int fd;
	const char *program;
	char *const *argv;
	struct sigaction former[IGNORED];
	pid_t successor; /* 0: there is none */
	int *fds;	 /* that have been passed */
	size_t count;
	char *names;
	size_t names_len;
};

static void close_range_of(unsigned first, unsigned last)
{
	unsigned end;

	if (first > last)
		return;
#ifdef SYS_close_range
	/* Linux 5.9 */
	if (syscall(SYS_close_range, first, last, 0) == 0)
		return;
#endif
	end = (unsigned)sysconf(_SC_OPEN_MAX);
	for (unsigned fd = first; fd <= last && fd < end; fd++)
		close((int)fd);
}

static void tell(const struct child *child, enum upgrade_launcher_news news, int value)
{
	const struct upgrade_message message = {.kind = (int32_t)news, .value = value};

	(void)!send(child->fd, &message, sizeof(message), MSG_NOSIGNAL);
}

/* ---- the successor, before it is another program ---- */

/*
 * The passed ones from FIRST_FD on, in their order and not close-on-exec. Two steps, since any of
 * them may be where another one belongs.
 */
static int place(struct child *child)
{
	int behind = FIRST_FD + (int)child->count;

	child->fd = fcntl(child->fd, F_DUPFD_CLOEXEC, behind);
	if (child->fd < 0)
		return -1;
	for (size_t i = 0; i < child->count; i++) {
		int fd = fcntl(child->fds[i], F_DUPFD_CLOEXEC, behind);

		if (fd < 0)
			return -1;
		close(child->fds[i]);
		child->fds[i] = fd;
	}
	for (size_t i = 0; i < child->count; i++) {
		if (dup2(child->fds[i], FIRST_FD + (int)i) < 0)
			return -1;
		close(child->fds[i]);
	}
	return 0;
}

static int set_number(const char *name, size_t number)
{
	char text[32];

	snprintf(text, sizeof(text), "%zu", number);
	return setenv(name, text, 1);
}

/* The last one that was passed is the socket of the handover. */
static int set_environment(const struct child *child)
{
	size_t sockets = child->count - 1;
	int result;

	/* The colon behind the last name. */
	if (child->names_len > 0)
		child->names[child->names_len - 1] = '\0';
	result = set_number("LISTEN_PID", (size_t)getpid());
	result |= set_number("LISTEN_FDS", sockets);
	result |= setenv("LISTEN_FDNAMES", child->names, 1);
	result |= set_number("MMPROXY_HANDOVER", FIRST_FD + sockets);
	if (getenv("WATCHDOG_PID") != NULL)
		result |= set_number("WATCHDOG_PID", (size_t)getpid());
	return result;
}

static _Noreturn void become_successor(struct child *child)
{
	if (place(child) == 0 && set_environment(child) == 0) {
		for (size_t i = 0; i < IGNORED; i++)
			(void)sigaction(ignored[i], &child->former[i], NULL);
		/* What it starts has the sockets as well, and is to end with it. */
		(void)setpgid(0, 0);
		privileges_pass_on();
		(void)execv(child->program, child->argv);
	}
	tell(child, UPGRADE_LAUNCHER_FAILED, errno);
	_exit(127);
}

/* ---- orders ---- */

static void forget(struct child *child)
{
	for (size_t i = 0; i < child->count; i++)
		close(child->fds[i]);
	free(child->fds);
	free(child->names);
	child->fds = NULL;
	child->count = 0;
	child->names = NULL;
	child->names_len = 0;
}

/* With its process group, where it has come so far. */
static void end_successor(const struct child *child)
{
	if (child->successor == 0)
		return;
	(void)kill(child->successor, SIGKILL);
	(void)kill(-child->successor, SIGKILL);
}

static void start(struct child *child)
{
	pid_t pid = fork();

	if (pid == 0)
		become_successor(child);
	if (pid < 0) {
		tell(child, UPGRADE_LAUNCHER_FAILED, errno);
		tell(child, UPGRADE_LAUNCHER_ENDED, 0);
	} else {
		child->successor = pid;
		tell(child, UPGRADE_LAUNCHER_STARTED, (int)pid);
	}
	forget(child);
}

/* Returns 0, or -1 when memory is out. */
static int keep(struct child *child, const int *fds, size_t count, const char *names, size_t len)
{
	int *grown = reallocarray(child->fds, child->count + count, sizeof(*grown));
	char *longer = realloc(child->names, child->names_len + len + 1);

	if (grown != NULL)
		child->fds = grown;
	if (longer != NULL)
		child->names = longer;
	if (grown == NULL || longer == NULL)
		return -1;
	memcpy(child->fds + child->count, fds, count * sizeof(*fds));
	child->count += count;
	memcpy(child->names + child->names_len, names, len);
	child->names_len += len;
	child->names[child->names_len] = '\0';
	return 0;
}

/* Without memory there is nothing to start, which is told when it is to be. */
static void obey(struct child *child, enum upgrade_order order, const int *fds, size_t count,
		 const char *names, size_t len)
{
	switch (order) {
	case UPGRADE_ORDER_PASS:
	case UPGRADE_ORDER_START:
		if (keep(child, fds, count, names, len) < 0) {
			tell(child, UPGRADE_LAUNCHER_FAILED, ENOMEM);
			tell(child, UPGRADE_LAUNCHER_ENDED, 0);
			for (size_t i = 0; i < count; i++)
				close(fds[i]);
			forget(child);
		} else if (order == UPGRADE_ORDER_START) {
			start(child);
		}
		break;
	case UPGRADE_ORDER_KILL:
		forget(child);
		end_successor(child);
		break;
	}
}

/* Returns whether there are more orders to come. */
static int take_order(struct child *child)
{
	static _Alignas(struct cmsghdr) char control[RIGHTS_SPACE(UPGRADE_LAUNCHER_FDS)];
	static char names[UPGRADE_NAMES_MAX];
	struct upgrade_message head;
	struct iovec parts[2] = {
	    {.iov_base = &head, .iov_len = sizeof(head)},
	    {.iov_base = names, .iov_len = sizeof(names)},
	};
	struct msghdr message = {
	    .msg_iov = parts,
	    .msg_iovlen = 2,
	    .msg_control = control,
	    .msg_controllen = sizeof(control),
	};
	int fds[UPGRADE_LAUNCHER_FDS];
	size_t count;
	ssize_t len = recvmsg(child->fd, &message, MSG_CMSG_CLOEXEC);

	if (len < 0)
		return errno == EINTR;
	if (len < (ssize_t)sizeof(head))
		return 0;
	count = rights_take(&message, fds, UPGRADE_LAUNCHER_FDS);
	obey(child, (enum upgrade_order)head.kind, fds, count, names, (size_t)len - sizeof(head));
	return 1;
}

static void look_after_successor(struct child *child)
{
	siginfo_t ended = {.si_pid = 0};
	int status;

	/* It keeps its number until the group has been ended, so that this is no other one's. */
	if (child->successor == 0 ||
	    (waitid(P_PID, (id_t)child->successor, &ended, WEXITED | WNOHANG | WNOWAIT) == 0 &&
	     ended.si_pid == 0))
		return;
	end_successor(child);
	if (waitpid(child->successor, &status, 0) < 0)
		return;
	child->successor = 0;
	tell(child, UPGRADE_LAUNCHER_ENDED, status);
}

_Noreturn void upgrade_launcher_run(int fd, const char *program, char *const *argv)
{
	static const struct sigaction ignore = {.sa_handler = SIG_IGN};
	struct child child = {.fd = fd, .program = program, .argv = argv};
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

	for (size_t i = 0; i < IGNORED; i++)
		(void)sigaction(ignored[i], &ignore, &child.former[i]);
	prctl(PR_SET_NAME, "mmproxy-upgrade");
	/* The sandbox is the daemon's: who breaks into that one is not to write to the memory of
	 * this one, by /proc/PID/mem. */
	prctl(PR_SET_DUMPABLE, 0UL, 0UL, 0UL, 0UL);
	close_range_of(FIRST_FD, (unsigned)fd - 1);
	close_range_of((unsigned)fd + 1, ~0U);
	for (;;) {
		if (poll(&poll_fd, 1, child.successor != 0 ? LOOK_MS : -1) > 0 &&
		    !take_order(&child))
			_exit(0);
		look_after_successor(&child);
	}
}
