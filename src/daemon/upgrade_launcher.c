/* SPDX-License-Identifier: BSD-2-Clause */
/* A process that starts the daemon's successor: its parent's side. */
#include "daemon/upgrade_launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/handover.h"
#include "net/rights.h"
#include "net/sock.h"

/* A file that has been replaced already is found under its name. */
char *upgrade_launcher_program(void)
{
	static const char deleted[] = " (deleted)";
	char path[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);
	size_t tail = sizeof(deleted) - 1;

	if (len < 0)
		return NULL;
	path[len] = '\0';
	if ((size_t)len > tail && strcmp(path + len - tail, deleted) == 0)
		path[(size_t)len - tail] = '\0';
	return strdup(path);
}

int upgrade_launcher_init(struct upgrade_launcher *launcher, const char *program, char *const *argv)
{
	int fds[2];

	*launcher = (struct upgrade_launcher){.fd = -1};
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		return -1;
	launcher->pid = fork();
	if (launcher->pid == 0) {
		close(fds[0]);
		upgrade_launcher_run(fds[1], program, argv);
	}
	close(fds[1]);
	if (launcher->pid < 0) {
		launcher->pid = 0;
		return sock_fail(fds[0]);
	}
	launcher->fd = fds[0];
	return fcntl(launcher->fd, F_SETFL, O_NONBLOCK);
}

void upgrade_launcher_fini(struct upgrade_launcher *launcher)
{
	sock_close(launcher->fd);
	launcher->fd = -1;
	if (launcher->pid == 0)
		return;
	/* It ends at once: nothing that it does can wait for long. */
	while (waitpid(launcher->pid, NULL, 0) < 0 && errno == EINTR)
		;
	launcher->pid = 0;
}

static int order(const struct upgrade_launcher *launcher, enum upgrade_order kind,
		 const char *names, const int *fds, size_t count)
{
	_Alignas(struct cmsghdr) char control[RIGHTS_SPACE(UPGRADE_LAUNCHER_FDS)];
	struct upgrade_message head = {.kind = (int32_t)kind};
	struct iovec parts[2] = {handover_part(&head, sizeof(head)),
				 handover_part(names, strlen(names))};
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};

	rights_put(&message, control, fds, count);
	return sendmsg(launcher->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -1 : 0;
}

int upgrade_launcher_pass(const struct upgrade_launcher *launcher, const int *fds, size_t count,
			  const char *names)
{
	return order(launcher, UPGRADE_ORDER_PASS, names, fds, count);
}

int upgrade_launcher_start(const struct upgrade_launcher *launcher, int handover_fd)
{
	return order(launcher, UPGRADE_ORDER_START, "", &handover_fd, 1);
}

void upgrade_launcher_kill(const struct upgrade_launcher *launcher)
{
	(void)order(launcher, UPGRADE_ORDER_KILL, "", NULL, 0);
}

enum upgrade_launcher_news upgrade_launcher_hear(const struct upgrade_launcher *launcher,
						 int *value)
{
	struct upgrade_message message;
	ssize_t len;

	do
		len = recv(launcher->fd, &message, sizeof(message), MSG_DONTWAIT);
	while (len < 0 && errno == EINTR);
	if (len < 0 && errno == EAGAIN)
		return UPGRADE_LAUNCHER_NOTHING;
	if (len != sizeof(message))
		return UPGRADE_LAUNCHER_GONE;
	*value = message.value;
	return (enum upgrade_launcher_news)message.kind;
}
