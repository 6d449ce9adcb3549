/* SPDX-License-Identifier: BSD-2-Clause */
/* Traffic that must not notice anything. */
#include "traffic.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "balancer.h"
#include "harness.h"
#include "peer.h"
#include "sender.h"
#include "stream.h"
#include "udp.h"

/* What an answer may take: far more than any drain or start. */
#define PATIENCE_MS 60000

/* Bytes of a stream that are on their way at a time. */
#define WINDOW (1024 * 1024)

/* Datagrams that are on their way at a time: less than any socket's buffer holds. */
#define OUTSTANDING 32

static volatile sig_atomic_t stopped;

static void on_stop(int signal)
{
	(void)signal;
	stopped = 1;
}

/* In the child, which ends in its own way: a failed assertion there would be the test's. */
static __attribute__((format(printf, 1, 2))) _Noreturn void give_up(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("(traffic) ", stdout);
	vfprintf(stdout, format, args);
	putchar('\n');
	fflush(stdout);
	va_end(args);
	_exit(1);
}

/* Returns 0 in the child. */
static pid_t start(void)
{
	struct sigaction action = {.sa_handler = on_stop};
	pid_t parent = getpid();
	pid_t pid;

	fflush(stdout);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	sigaction(SIGTERM, &action, NULL);
	return 0;
}

static bool await(int fd, short events)
{
	struct pollfd pollfd = {.fd = fd, .events = events};
	int64_t until = harness_now_ms() + PATIENCE_MS;
	int result;

	do
		result = poll(&pollfd, 1, PATIENCE_MS);
	while (result < 0 && errno == EINTR && harness_now_ms() < until);
	return result > 0;
}

static int connect_to_daemon(const struct sender_header *header)
{
	struct addr to = peer_addr(LISTEN_V4);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, &to.sa, addr_len(&to)) < 0)
		give_up("connect: %s", strerror(errno));
	if (send(fd, header->bytes, header->len, MSG_NOSIGNAL) != (ssize_t)header->len)
		give_up("send: %s", strerror(errno));
	return fd;
}

/* ---- short connections ---- */

static void receive(int fd, char *bytes, size_t len, const char *client)
{
	size_t done = 0;

	while (done < len) {
		ssize_t got;

		if (!await(fd, POLLIN))
			give_up("%s: no answer", client);
		got = recv(fd, bytes + done, len - done, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			give_up("%s: %s", client, got < 0 ? strerror(errno) : "closed early");
		done += (size_t)got;
	}
}

static void exchange(const char *client, unsigned word)
{
	struct sender_header header;
	char answer[sizeof(word)];
	ssize_t got;
	int fd;

	sender_v1(&header, client, NULL);
	fd = connect_to_daemon(&header);
	if (send(fd, &word, sizeof(word), MSG_NOSIGNAL) != sizeof(word))
		give_up("%s: send: %s", client, strerror(errno));
	receive(fd, answer, sizeof(answer), client);
	if (memcmp(answer, &word, sizeof(word)) != 0)
		give_up("%s: another answer", client);
	shutdown(fd, SHUT_WR);
	got = await(fd, POLLIN) ? recv(fd, answer, 1, 0) : -1;
	if (got != 0)
		give_up("%s: no end: %s", client, got < 0 ? strerror(errno) : "a byte");
	close(fd);
}

pid_t traffic_connect(unsigned number, unsigned times)
{
	pid_t pid = start();

	if (pid != 0)
		return pid;
	for (unsigned i = 0; i < times; i++) {
		char client[64];

		/* Never the same pair twice within a minute. */
		snprintf(client, sizeof(client), "203.0.%u.%u:%u", number, 1 + i / 20000,
			 10000 + i % 20000);
		exchange(client, i);
	}
	_exit(0);
}

/* ---- a stream ---- */

static bool send_some(int fd, unsigned number, uint64_t *sent, uint64_t received)
{
	ssize_t done;

	if (*sent - received >= WINDOW)
		return false;
	done = send(fd, stream_at(number, *sent), STREAM_RUN, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (done < 0 && errno != EAGAIN && errno != EINTR)
		give_up("stream: send: %s", strerror(errno));
	*sent += done > 0 ? (uint64_t)done : 0;
	return done > 0;
}

static bool receive_some(int fd, unsigned number, uint64_t *received)
{
	static uint8_t bytes[STREAM_RUN];
	ssize_t got = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
		give_up("stream: %s", got < 0 ? strerror(errno) : "closed early");
	if (got > 0 && !stream_matches(number, *received, bytes, (size_t)got))
		give_up("stream: other bytes than were sent, from %llu on",
			(unsigned long long)*received);
	*received += got > 0 ? (uint64_t)got : 0;
	return got > 0;
}

pid_t traffic_stream(unsigned number)
{
	pid_t pid = start();
	struct sender_header header;
	uint64_t received = 0;
	uint64_t sent = 0;
	char client[64];
	int fd;

	if (pid != 0)
		return pid;
	snprintf(client, sizeof(client), "198.51.100.%u:50000", number);
	sender_v1(&header, client, NULL);
	fd = connect_to_daemon(&header);
	while (!stopped || received < sent) {
		bool more = !stopped;
		bool moved = more && send_some(fd, number, &sent, received);

		moved |= receive_some(fd, number, &received);
		/* What is not on its way does not come, and the signal may have come just now. */
		if (moved || (!more && received == sent))
			continue;
		if (!await(fd, more && sent - received < WINDOW ? POLLIN | POLLOUT : POLLIN))
			give_up("stream: nothing came back");
	}
	if (received == 0)
		give_up("stream: not a byte");
	_exit(0);
}

/* ---- datagrams ---- */

struct question {
	uint32_t client;
	uint32_t round;
};

static void ask(int fd, const struct question *question)
{
	struct addr to = peer_addr(LISTEN_V4);
	struct sender_header header;
	uint8_t datagram[256];
	char client[64];

	snprintf(client, sizeof(client), "203.0.113.%u:%u", 1 + question->client % 200,
		 20000 + question->client);
	sender_v2_udp(&header, client, NULL);
	memcpy(datagram, header.bytes, header.len);
	memcpy(datagram + header.len, question, sizeof(*question));
	if (sendto(fd, datagram, header.len + sizeof(*question), MSG_NOSIGNAL, &to.sa,
		   addr_len(&to)) < 0)
		give_up("datagrams: send: %s", strerror(errno));
}

/* Answers of this round, until all have come or none does for that long; returns how many. */
static unsigned take_answers(int fd, uint32_t round, unsigned asked, int patience_ms)
{
	struct pollfd pollfd = {.fd = fd, .events = POLLIN};
	unsigned answers = 0;

	while (answers < asked) {
		struct question answer;
		int result = poll(&pollfd, 1, patience_ms);

		if (result < 0 && errno == EINTR)
			continue;
		if (result == 0)
			break;
		if (recv(fd, &answer, sizeof(answer), 0) == sizeof(answer))
			answers += answer.round == round;
	}
	return answers;
}

pid_t traffic_send_datagrams(unsigned clients, unsigned lost_max)
{
	pid_t pid = start();
	/* Where some may be lost: longer than any handover, and not for ever. */
	const int patience_ms = lost_max > 0 ? (int)(3000 * harness_slowness()) : PATIENCE_MS;
	unsigned lost = 0;
	uint32_t round = 0;
	int fd;

	if (pid != 0)
		return pid;
	fd = balancer_open();
	/* Once through all clients, however late the signal finds this process. */
	for (unsigned first = 0; !stopped || round < clients / OUTSTANDING;
	     first = (first + OUTSTANDING) % clients) {
		unsigned count = clients - first < OUTSTANDING ? clients - first : OUTSTANDING;

		round++;
		for (unsigned i = 0; i < count; i++)
			ask(fd, &(struct question){.client = first + i, .round = round});
		lost += count - take_answers(fd, round, count, patience_ms);
	}
	if (lost > lost_max)
		give_up("datagrams: %u lost in %u rounds", lost, round);
	_exit(0);
}

pid_t traffic_echo_datagrams(const char *address)
{
	static uint8_t bytes[65536];
	int fd = udp_open(address);
	pid_t pid = start();

	if (pid != 0)
		return pid;
	while (!stopped) {
		struct addr from;
		socklen_t len = sizeof(from);
		ssize_t got = recvfrom(fd, bytes, sizeof(bytes), 0, &from.sa, &len);

		if (got >= 0)
			(void)sendto(fd, bytes, (size_t)got, MSG_NOSIGNAL, &from.sa, len);
	}
	_exit(0);
}

/* ---- their ends ---- */

bool traffic_runs(pid_t pid)
{
	siginfo_t info = {.si_pid = 0};

	ck_assert_int_eq(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT), 0);
	return info.si_pid == 0;
}

void traffic_await(pid_t pid)
{
	int status;

	HARNESS_AWAIT(!traffic_runs(pid));
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0,
		      "traffic was disturbed (see above), status %d", status);
}

void traffic_stop(pid_t pid)
{
	kill(pid, SIGTERM);
	traffic_await(pid);
}
