/* SPDX-License-Identifier: BSD-2-Clause */
/* A process that connects as fast as it can, and what it sends is no PROXY header. */
#include "flooder.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <check.h>

#include "base/addr.h"

#include "harness.h"
#include "peer.h"

/* On loopback the handshake is over at once; where the queue is full, the next one is tried. */
static void come_and_go(const struct addr *from, const struct addr *to)
{
	static const char text[] = "no header\r\n";
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return;
	if (bind(fd, &from->sa, addr_len(from)) == 0) {
		(void)!connect(fd, &to->sa, addr_len(to));
		(void)!send(fd, text, sizeof(text) - 1, MSG_NOSIGNAL);
	}
	close(fd);
}

pid_t flooder_start(const char *from)
{
	struct addr source = peer_addr(from);
	struct addr target = peer_addr(LISTEN_V4);
	pid_t parent = getpid();
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	for (;;)
		come_and_go(&source, &target);
}

void flooder_stop(pid_t flooder)
{
	ck_assert_int_eq(kill(flooder, SIGKILL), 0);
	ck_assert_int_eq(waitpid(flooder, NULL, 0), flooder);
}
