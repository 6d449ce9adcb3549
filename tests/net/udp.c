/* SPDX-License-Identifier: BSD-2-Clause */
/* Datagrams, as a load balancer and a backend send and see them. */
#include "udp.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "daemon.h"
#include "harness.h"
#include "peer.h"
#include "udp_table.h"

/* What a socket may keep: bursts of a test must not depend on who is scheduled when. */
#define BUFFER_BYTES (8 * 1024 * 1024)

/* How long a datagram may take before a loss is thought of: what is only late would come twice. */
#define LOSS_MS 1000

/* Since Linux 4.18; older headers lack the name. */
#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

/* The forced forms go beyond net.core.*mem_max; in a user namespace only the plain ones are
 * allowed.
 */
static void set_buffer(int fd, int forced, int plain)
{
	const int bytes = BUFFER_BYTES;

	if (setsockopt(fd, SOL_SOCKET, forced, &bytes, sizeof(bytes)) < 0)
		ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, plain, &bytes, sizeof(bytes)), 0);
}

int udp_open(const char *address)
{
	struct addr addr = peer_addr(address);
	int fd = socket(addr_family(&addr), SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	ck_assert_msg(fd >= 0, "socket: %s", strerror(errno));
	set_buffer(fd, SO_RCVBUFFORCE, SO_RCVBUF);
	set_buffer(fd, SO_SNDBUFFORCE, SO_SNDBUF);
	ck_assert_msg(bind(fd, &addr.sa, addr_len(&addr)) == 0, "bind %s: %s", address,
		      strerror(errno));
	return peer_adopt(fd);
}

/* The datagram sent last, and how many packets loopback had dropped before. */
static struct {
	int fd;
	struct addr to;
	size_t len;
	unsigned long dropped;
	uint8_t bytes[65536];
} latest = {.fd = -1};

static void send_message(int fd, const struct msghdr *message, size_t len)
{
	for (;;) {
		ssize_t sent = sendmsg(fd, message, 0);

		if (sent >= 0) {
			ck_assert_int_eq(sent, (ssize_t)len);
			return;
		}
		/* An ICMP error for an earlier datagram is told here once, and is not of this one.
		 */
		if (errno == ECONNREFUSED || errno == EINTR)
			continue;
		ck_assert_msg(errno == EAGAIN, "sending %zu bytes: %s", len, strerror(errno));
		ck_assert_int_ne(peer_poll(fd, POLLOUT, harness_patience_ms()), 0);
	}
}

void udp_send_addr(int fd, const struct addr *to, const void *bytes, size_t len)
{
	const unsigned long dropped = udp_table_dropped_on_loopback();
	struct addr addr = *to;
	/* iov_base and msg_name are written to by recvmsg(2) alone. */
	struct iovec part = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = len};
	const struct msghdr message = {.msg_name = &addr.sa,
				       .msg_namelen = addr_len(&addr),
				       .msg_iov = &part,
				       .msg_iovlen = 1};

	send_message(fd, &message, len);
	latest.fd = len <= sizeof(latest.bytes) ? fd : -1;
	if (latest.fd < 0)
		return;
	latest.to = addr;
	latest.len = len;
	latest.dropped = dropped;
	if (len > 0)
		memcpy(latest.bytes, bytes, len);
}

void udp_send(int fd, const char *to, const void *bytes, size_t len)
{
	struct addr addr = peer_addr(to);

	udp_send_addr(fd, &addr, bytes, len);
}

void udp_send_text(int fd, const char *to, const char *text)
{
	udp_send(fd, to, text, strlen(text));
}

bool udp_send_segments(int fd, const char *to, const void *bytes, size_t len, uint16_t segment)
{
	union {
		char bytes[CMSG_SPACE(sizeof(uint16_t))];
		struct cmsghdr align;
	} control = {.bytes = {0}};
	struct addr addr = peer_addr(to);
	struct iovec part = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = len};
	struct msghdr message = {.msg_name = &addr.sa,
				 .msg_namelen = addr_len(&addr),
				 .msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = control.bytes,
				 .msg_controllen = sizeof(control.bytes)};
	struct cmsghdr *item = CMSG_FIRSTHDR(&message);
	socklen_t option_len = sizeof(int);
	int option;

	if (getsockopt(fd, SOL_UDP, UDP_SEGMENT, &option, &option_len) < 0) {
		printf("skipped: this kernel has no UDP_SEGMENT\n");
		return false;
	}
	item->cmsg_level = SOL_UDP;
	item->cmsg_type = UDP_SEGMENT;
	item->cmsg_len = CMSG_LEN(sizeof(segment));
	memcpy(CMSG_DATA(item), &segment, sizeof(segment));
	latest.fd = -1;
	send_message(fd, &message, len);
	return true;
}

const struct udp_datagram *udp_receive_within(int fd, int ms)
{
	static struct udp_datagram datagram;
	int64_t deadline = harness_now_ms() + ms;

	for (;;) {
		struct sockaddr_storage storage;
		socklen_t storage_len = sizeof(storage);
		ssize_t got = recvfrom(fd, datagram.bytes, sizeof(datagram.bytes), 0,
				       (struct sockaddr *)&storage, &storage_len);
		int64_t left;

		if (got >= 0) {
			ck_assert_int_eq(addr_from_sockaddr(&datagram.from,
							    (struct sockaddr *)&storage,
							    storage_len),
					 0);
			datagram.len = (size_t)got;
			return &datagram;
		}
		ck_assert_msg(errno == EAGAIN || errno == EINTR || errno == ECONNREFUSED,
			      "recvfrom: %s", strerror(errno));
		left = deadline - harness_now_ms();
		if (left <= 0 || peer_poll(fd, POLLIN, (int)left) == 0)
			return NULL;
	}
}

/*
 * Send the latest datagram again if loopback has dropped a packet since: that datagram, or what the
 * daemon made of it. A flood of another program on this machine does that.
 */
static void make_up_for_loss(void)
{
	static uint8_t bytes[sizeof(latest.bytes)];
	struct addr to = latest.to;
	socklen_t len = sizeof(int);
	int type = 0;

	if (latest.fd < 0 || udp_table_dropped_on_loopback() == latest.dropped)
		return;
	/* The test may have closed it since. */
	if (getsockopt(latest.fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0 || type != SOCK_DGRAM)
		return;
	printf("loopback dropped a packet: the latest datagram is sent again\n");
	memcpy(bytes, latest.bytes, latest.len);
	udp_send_addr(latest.fd, &to, bytes, latest.len);
}

/* What tells where a datagram was lost: the kernel's sockets, and each flow's end in the log. */
static void show_state(void)
{
	static const char *const paths[] = {"/proc/net/udp", "/proc/net/udp6", "/proc/net/dev"};

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		char *text = harness_read(paths[i]);

		printf("---- %s when no datagram came:\n%s", paths[i], text);
		free(text);
	}
	fflush(stdout);
	if (daemon_pid() == 0)
		return;
	daemon_signal(SIGTERM);
	harness_sleep_ms(1000);
}

const struct udp_datagram *udp_receive(int fd)
{
	const int64_t deadline = harness_now_ms() + harness_patience_ms();
	const struct udp_datagram *datagram = udp_receive_within(fd, LOSS_MS);

	while (datagram == NULL && harness_now_ms() < deadline) {
		make_up_for_loss();
		datagram = udp_receive_within(fd, LOSS_MS);
	}
	if (datagram == NULL)
		show_state();
	ck_assert_msg(datagram != NULL,
		      "no datagram at port %u for %d ms; %lu found no room in this namespace",
		      peer_local_port(fd), harness_patience_ms(), udp_table_dropped());
	return datagram;
}

const struct udp_datagram *udp_expect(int fd, const char *from, const void *bytes, size_t len)
{
	const struct udp_datagram *datagram = udp_receive(fd);
	char text[ADDR_STRLEN];

	ck_assert_msg(datagram->len == len && memcmp(datagram->bytes, bytes, len) == 0,
		      "%zu bytes came, not the %zu expected: \"%.*s\", not \"%.*s\"", datagram->len,
		      len, (int)(datagram->len < 60 ? datagram->len : 60),
		      (const char *)datagram->bytes, (int)(len < 60 ? len : 60),
		      (const char *)bytes);
	ck_assert_str_eq(addr_format(&datagram->from, text), from);
	return datagram;
}

const struct udp_datagram *udp_expect_text(int fd, const char *from, const char *text)
{
	return udp_expect(fd, from, text, strlen(text));
}

void udp_await_text(int fd, const char *text)
{
	const struct udp_datagram *datagram;

	do
		datagram = udp_receive(fd);
	while (datagram->len != strlen(text) || memcmp(datagram->bytes, text, datagram->len) != 0);
}

void udp_answer(int fd, const struct udp_datagram *datagram, const void *bytes, size_t len)
{
	udp_send_addr(fd, &datagram->from, bytes, len);
}

unsigned udp_drain(int fd, int quiet_ms)
{
	unsigned count = 0;

	while (udp_receive_within(fd, quiet_ms) != NULL)
		count++;
	return count;
}

void udp_fill(uint8_t *bytes, size_t len, unsigned seed)
{
	uint32_t state = seed * 2654435761U + 1;

	for (size_t i = 0; i < len; i++) {
		state = state * 1664525U + 1013904223U;
		bytes[i] = (uint8_t)(state >> 24);
	}
}
