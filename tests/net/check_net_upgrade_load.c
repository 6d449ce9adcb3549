/* SPDX-License-Identifier: BSD-2-Clause */
/* Upgrades under load: clients that connect all the time, streams, and a thousand flows. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "balancer.h"
#include "busy_backend.h"
#include "connection.h"
#include "daemon.h"
#include "harness.h"
#include "peer.h"
#include "sender.h"
#include "stream.h"
#include "udp.h"
#include "udp_table.h"
#include "upgrade.h"

#define UPGRADES 5

static void start(int workers, const char *keys)
{
	char text[2048];
	bool udp = strstr(keys, "\"udp\"") != NULL;

	(void)upgrade_prepare();
	snprintf(text, sizeof(text),
		 DAEMON_AS_ROOT
		 "workers = %d;\n%slisteners = ( { name = \"t\"; listen = \"" LISTEN_V4
		 "\"; " DAEMON_TARGETS "%s } );\n",
		 workers,
		 udp ? "drain_timeout = \"100ms\";\n" : "log = { connections = false; };\n", keys);
	daemon_start_config(text);
}

/* What a process beside the test tells of its work. */
struct tally {
	atomic_uint done;
	atomic_uint failed;
	atomic_int error; /* of the first failure */
	atomic_uint longest_ms;
	atomic_bool stop;
};

static struct tally *new_tallies(size_t count)
{
	struct tally *tallies = mmap(NULL, sizeof(*tallies) * count, PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ck_assert(tallies != MAP_FAILED);
	return tallies;
}

/* Returns 0 in the new process, which dies with the test. */
static pid_t fork_helper(void)
{
	pid_t parent = getpid();
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
	}
	return pid;
}

static void count(struct tally *tally, bool worked, int error)
{
	if (!worked && atomic_fetch_add(&tally->failed, 1) == 0)
		atomic_store(&tally->error, error);
	atomic_fetch_add(&tally->done, 1);
}

static void await_more(struct tally *tally, unsigned more)
{
	unsigned before = atomic_load(&tally->done);

	HARNESS_AWAIT(atomic_load(&tally->done) >= before + more);
}

static void finish_helper(struct tally *tally, pid_t pid)
{
	int status;

	atomic_store(&tally->stop, true);
	HARNESS_AWAIT(waitpid(pid, &status, WNOHANG) == pid);
	ck_assert_msg(atomic_load(&tally->failed) == 0, "%u of %u failed, the first with: %s",
		      atomic_load(&tally->failed), atomic_load(&tally->done),
		      strerror(atomic_load(&tally->error)));
	ck_assert_int_eq(status, 0);
}

/* ---- short connections ---- */

/* Connect, send a header, have a byte echoed, and see the end. */
static bool try_once(const char *header)
{
	const struct addr to = peer_addr(LISTEN_V4);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char byte = 0;
	bool worked;
	int saved;

	worked = connect(fd, &to.sa, addr_len(&to)) == 0 &&
		 send(fd, header, strlen(header), MSG_NOSIGNAL) > 0 && recv(fd, &byte, 1, 0) == 1 &&
		 byte == 'x' && shutdown(fd, SHUT_WR) == 0 && recv(fd, &byte, 1, 0) == 0;
	saved = errno;
	close(fd);
	errno = saved;
	return worked;
}

static pid_t start_client(struct tally *tally, unsigned number)
{
	pid_t pid = fork_helper();

	if (pid != 0)
		return pid;
	for (unsigned i = 0; !atomic_load(&tally->stop); i++) {
		char header[128];

		snprintf(header, sizeof(header), "PROXY TCP4 203.0.113.%u 198.51.100.1 %u 443\r\nx",
			 number + 1, 10000 + i % 50000);
		count(tally, try_once(header), errno);
	}
	_exit(0);
}

START_TEST(nobody_who_connects_all_the_time_is_refused)
{
	enum { CLIENTS = 4, ALL = 10000 };
	struct tally *tallies = new_tallies(CLIENTS);
	pid_t clients[CLIENTS];
	pid_t former[UPGRADES];
	unsigned done = 0;

	busy_backend_start(peer_listen_backlog(BACKEND_V4, 1024), BUSY_ECHO);
	start(2, "");
	for (unsigned i = 0; i < CLIENTS; i++)
		clients[i] = start_client(&tallies[i], i);
	for (int i = 0; i < UPGRADES; i++) {
		await_more(&tallies[i % CLIENTS], ALL / CLIENTS / (UPGRADES + 1));
		former[i] = upgrade_daemon();
	}
	for (unsigned i = 0; i < CLIENTS; i++) {
		HARNESS_AWAIT(atomic_load(&tallies[i].done) >= ALL / CLIENTS);
		done += atomic_load(&tallies[i].done);
		finish_helper(&tallies[i], clients[i]);
	}
	for (int i = 0; i < UPGRADES; i++)
		upgrade_await_end(former[i]);
	printf("%u connections through %d upgrades, none refused, reset or lost\n", done, UPGRADES);
}
END_TEST

/* ---- long streams ---- */

enum { CHUNK = 60000 };

/* Send the stream piece by piece, and compare what comes back. */
static bool echo_piece(int fd, uint32_t stream, uint64_t at, size_t len)
{
	static uint8_t bytes[CHUNK];
	size_t got = 0;

	for (size_t sent = 0; sent < len;) {
		ssize_t part = send(fd, stream_at(stream, at + sent), len - sent, MSG_NOSIGNAL);

		if (part <= 0)
			return false;
		sent += (size_t)part;
	}
	while (got < len) {
		ssize_t part = recv(fd, bytes, len - got, 0);

		if (part <= 0 || !stream_matches(stream, at + got, bytes, (size_t)part))
			return false;
		got += (size_t)part;
	}
	return true;
}

static pid_t start_stream(struct tally *tally, unsigned number)
{
	const struct addr to = peer_addr(LISTEN_V4);
	pid_t pid = fork_helper();
	uint32_t random = number + 1;
	char header[128];
	uint64_t at = 0;
	int fd;

	if (pid != 0)
		return pid;
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	snprintf(header, sizeof(header), "PROXY TCP4 203.0.113.%u 198.51.100.1 40000 443\r\n",
		 number + 1);
	if (connect(fd, &to.sa, addr_len(&to)) < 0 || send(fd, header, strlen(header), 0) < 0)
		_exit(1);
	while (!atomic_load(&tally->stop)) {
		size_t len = 1 + stream_random(&random) % CHUNK;

		count(tally, echo_piece(fd, number, at, len), errno);
		at += len;
	}
	_exit(0);
}

START_TEST(streams_keep_every_byte)
{
	enum { STREAMS = 3 };
	struct tally *tallies = new_tallies(STREAMS);
	pid_t streams[STREAMS];
	pid_t former[UPGRADES];

	busy_backend_start(peer_listen_backlog(BACKEND_V4, 1024), BUSY_ECHO);
	start(2, "");
	for (unsigned i = 0; i < STREAMS; i++)
		streams[i] = start_stream(&tallies[i], i);
	for (int i = 0; i < UPGRADES; i++) {
		await_more(&tallies[i % STREAMS], 20);
		former[i] = upgrade_daemon();
	}
	/* All of them are the first process's still. */
	for (unsigned i = 0; i < STREAMS; i++) {
		await_more(&tallies[i], 20);
		finish_helper(&tallies[i], streams[i]);
	}
	for (int i = 0; i < UPGRADES; i++)
		upgrade_await_end(former[i]);
}
END_TEST

/* ---- a thousand flows ---- */

enum { FLOWS = 1000, PORTS = 20, WINDOW = 100 };

/* Send back what comes, to whom it comes from. */
static void start_udp_echo(void)
{
	int fd = udp_open(BACKEND_V4);

	if (fork_helper() != 0) {
		peer_close(fd);
		return;
	}
	for (;;) {
		struct sockaddr_storage from;
		socklen_t len = sizeof(from);
		char bytes[256];
		ssize_t got;

		(void)peer_poll(fd, POLLIN, 1000);
		got = recvfrom(fd, bytes, sizeof(bytes), 0, (struct sockaddr *)&from, &len);
		if (got >= 0)
			(void)!sendto(fd, bytes, (size_t)got, 0, (struct sockaddr *)&from, len);
	}
}

struct question {
	uint32_t flow;
	uint32_t number;
};

static void ask(int balancer, const struct question *question, int kind)
{
	static struct sender_header header;
	char client[64];

	snprintf(client, sizeof(client), "203.0.113.7:%u", 20000 + question->flow);
	if (kind == 1)
		sender_spp(&header, client, NULL);
	else
		sender_v2_udp(&header, client, NULL);
	balancer_send_header(balancer, LISTEN_V4, &header, question, sizeof(*question));
}

/*
 * So many questions at a time, one a flow, each of which must be answered before its flow asks
 * again; answers are those of the flow's own question.
 */
static pid_t start_lock_step(struct tally *tally, int kind)
{
	static uint32_t numbers[FLOWS];
	int balancers[PORTS];
	pid_t pid = fork_helper();
	size_t header_len = kind == 1 ? 38 : 0;

	if (pid != 0)
		return pid;
	for (int i = 0; i < PORTS; i++)
		balancers[i] = balancer_open();
	for (uint32_t begin = 0; !atomic_load(&tally->stop); begin = (begin + WINDOW) % FLOWS) {
		for (uint32_t flow = begin; flow < begin + WINDOW; flow++) {
			const struct question question = {flow, ++numbers[flow]};

			ask(balancers[flow % PORTS], &question, kind);
		}
		for (uint32_t i = begin; i < begin + WINDOW; i++) {
			const struct udp_datagram *answer =
			    udp_receive_within(balancers[i % PORTS], harness_patience_ms());
			struct question question = {0, 0};

			if (answer != NULL && answer->len == header_len + sizeof(question))
				memcpy(&question, answer->bytes + header_len, sizeof(question));
			count(tally,
			      answer != NULL && question.flow >= begin &&
				  question.flow < begin + WINDOW &&
				  question.flow % PORTS == i % PORTS &&
				  question.number == numbers[question.flow],
			      answer == NULL ? ETIMEDOUT : EBADMSG);
		}
	}
	_exit(0);
}

START_TEST(a_thousand_flows_lose_nothing)
{
	struct tally *tally = new_tallies(1);
	int workers = _i == 2 ? 1 : 3;
	int kind = _i % 2;
	pid_t client;

	start_udp_echo();
	start(workers,
	      kind == 1 ? "protocol = \"udp\"; udp_header = \"spp\"; " : "protocol = \"udp\"; ");
	client = start_lock_step(tally, kind);
	HARNESS_AWAIT(atomic_load(&tally->done) >= FLOWS);
	ck_assert_uint_eq(udp_table_connected_to(8000), FLOWS);
	for (int i = 0; i < UPGRADES; i++) {
		upgrade_daemon_idle();
		await_more(tally, 300);
		/* The sockets are the same: nobody opened one besides. */
		ck_assert_uint_eq(udp_table_connected_to(8000), FLOWS);
	}
	await_more(tally, FLOWS);
	printf("%u datagrams echoed through %d upgrades\n", atomic_load(&tally->done), UPGRADES);
	finish_helper(tally, client);
	ck_assert_uint_eq(daemon_log_count("reason=", NULL), 0);
}
END_TEST

/* ---- many flows ---- */

/* One flow's questions and answers, and how long the slowest answer took. */
static pid_t start_pings(struct tally *tally)
{
	static const char client[] = "203.0.113.9:20000";
	static const struct question question = {0, 1};
	static struct sender_header header;
	int balancer;
	pid_t pid = fork_helper();

	if (pid != 0)
		return pid;
	balancer = balancer_open();
	sender_v2_udp(&header, client, NULL);
	while (!atomic_load(&tally->stop)) {
		int64_t began = harness_now_ms();
		bool answered;
		unsigned took;

		balancer_send_header(balancer, LISTEN_V4, &header, &question, sizeof(question));
		answered = udp_receive_within(balancer, harness_patience_ms()) != NULL;
		took = (unsigned)(harness_now_ms() - began);
		if (took > atomic_load(&tally->longest_ms))
			atomic_store(&tally->longest_ms, took);
		count(tally, answered, ETIMEDOUT);
	}
	_exit(0);
}

/* As many as half of the usual limit on descriptors lets through; they have two processes once. */
START_TEST(many_flows_change_hands)
{
	enum { PER_PORT = 450 };
	struct tally *tally = new_tallies(1);
	struct rlimit limit;
	unsigned flows = PORTS * PER_PORT;
	int balancers[PORTS];
	pid_t client;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	if (limit.rlim_max / 2 < flows)
		flows = (unsigned)limit.rlim_max / 2;
	start_udp_echo();
	start(2, "protocol = \"udp\"; close_after = \"1h\"; ");
	for (unsigned i = 0; i < PORTS; i++)
		balancers[i] = balancer_open();
	for (unsigned turn = 0; turn < 2; turn++) {
		for (uint32_t i = 0; i < flows; i++) {
			const struct question question = {i, turn + 1};

			ask(balancers[i % PORTS], &question, 0);
			ck_assert_uint_eq(udp_receive(balancers[i % PORTS])->len, sizeof(question));
		}
		ck_assert_uint_eq(udp_table_connected_to(8000), flows + turn);
		if (turn == 1)
			break;
		client = start_pings(tally);
		await_more(tally, 100);
		upgrade_daemon_idle();
		await_more(tally, 100);
		finish_helper(tally, client);
	}
	printf("%u flows changed hands; the longest wait for an answer meanwhile was %u ms\n",
	       flows, atomic_load(&tally->longest_ms));
	ck_assert_uint_eq(daemon_log_count("reason=", NULL), 0);
}
END_TEST

/* ---- a long chain ---- */

START_TEST(a_long_chain_grows_nothing)
{
	enum { EARLY = 5, ALL = 50, CHAIN_FLOWS = 100 };
	int backend = udp_open(BACKEND_V4);
	int balancers[CHAIN_FLOWS];
	char client[64];
	unsigned fds = 0;
	unsigned long rss_kb = 0;

	start(2, "protocol = \"udp\"; ");
	for (unsigned i = 0; i < CHAIN_FLOWS; i++) {
		snprintf(client, sizeof(client), "203.0.113.7:%u", 20000 + i);
		balancers[i] = balancer_open();
		balancer_check(balancers[i], backend, client);
	}
	for (unsigned i = 0; i < ALL; i++) {
		upgrade_daemon_idle();
		snprintf(client, sizeof(client), "203.0.113.7:%u", 20000 + i);
		balancer_check(balancers[i], backend, client);
		if (i != EARLY)
			continue;
		fds = daemon_fd_count();
		rss_kb = daemon_rss_kb();
	}
	ck_assert_uint_eq(udp_table_connected_to(8000), CHAIN_FLOWS);
	daemon_await_fd_count(fds);
	printf("%lu KiB after %d upgrades, %lu KiB after %d\n", rss_kb, EARLY, daemon_rss_kb(),
	       ALL);
	if (!daemon_is_instrumented())
		ck_assert_uint_le(daemon_rss_kb(), rss_kb + 512);
	for (unsigned i = 0; i < CHAIN_FLOWS; i++) {
		snprintf(client, sizeof(client), "203.0.113.7:%u", 20000 + i);
		balancer_check(balancers[i], backend, client);
	}
}
END_TEST

static Suite *upgrade_load_suite(void)
{
	Suite *suite = suite_create("net_upgrade_load");
	TCase *connections = harness_case(suite, "connections", 120);
	TCase *flows = harness_case(suite, "flows", 120);
	TCase *chain = harness_case(suite, "chain", 120);

	tcase_add_test(connections, nobody_who_connects_all_the_time_is_refused);
	tcase_add_test(connections, streams_keep_every_byte);
	tcase_add_loop_test(flows, a_thousand_flows_lose_nothing, 0, 3);
	tcase_add_test(flows, many_flows_change_hands);
	tcase_add_test(chain, a_long_chain_grows_nothing);
	return suite;
}

int main(void)
{
	return harness_run(upgrade_load_suite());
}
