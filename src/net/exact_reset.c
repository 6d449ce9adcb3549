/* SPDX-License-Identifier: BSD-2-Clause */
/* Resetting a connection at the number that its peer waits for, and learning that it worked. */
#include "net/exact_reset.h"

#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "base/addr.h"
#include "net/sock.h"

#define HOPS 64

/* TCP_RECV_QUEUE and TCP_SEND_QUEUE of <linux/tcp.h>, which not every <netinet/tcp.h> has (musl).
 */
#define RECEIVE_QUEUE 1
#define SEND_QUEUE    2

/* Where a connection is. */
struct position {
	const struct addr *local;
	const struct addr *remote;
	uint32_t send_seq; /* acknowledged by the peer up to here */
	uint32_t receive_seq;
};

/* What TCP's checksum covers besides the segment (RFC 9293, section 3.1; RFC 8200, section 8.1). */
struct pseudo_ipv4 {
	struct in_addr from;
	struct in_addr to;
	uint8_t zero;
	uint8_t protocol;
	uint16_t len;
};

struct pseudo_ipv6 {
	struct in6_addr from;
	struct in6_addr to;
	uint32_t len;
	uint8_t zero[3];
	uint8_t protocol;
};

struct packet_ipv4 {
	struct iphdr ip;
	struct tcphdr tcp;
};

struct packet_ipv6 {
	struct ip6_hdr ip;
	struct tcphdr tcp;
};

static int get_seq(int fd, int queue, uint32_t *seq)
{
	socklen_t len = sizeof(*seq);

	if (sock_set_int(fd, SOL_TCP, TCP_REPAIR_QUEUE, queue) < 0)
		return -1;
	return getsockopt(fd, SOL_TCP, TCP_QUEUE_SEQ, seq, &len);
}

/* Stop sending, and learn what stays as it is. */
static int freeze(struct exact_reset *reset, int fd)
{
	if (reset->frozen)
		return 0;
	if (sock_local_addr(fd, &reset->local) < 0 || sock_remote_addr(fd, &reset->remote) < 0 ||
	    sock_set_int(fd, SOL_TCP, TCP_REPAIR, TCP_REPAIR_ON) < 0)
		return -1;
	reset->frozen = true;
	return 0;
}

/* Read where a frozen connection is. */
static int locate(const struct exact_reset *reset, int fd, struct position *position)
{
	position->local = &reset->local;
	position->remote = &reset->remote;
	if (get_seq(fd, RECEIVE_QUEUE, &position->receive_seq) < 0 ||
	    /* Last, because a socket in repair holds its segments back only with this queue. */
	    get_seq(fd, SEND_QUEUE, &position->send_seq) < 0)
		return -1;
	/* The queue's number is that of the next byte to be written. */
	position->send_seq -= (uint32_t)sock_unacknowledged(fd);
	return 0;
}

/* Sum of 16-bit words in network order; len is even (RFC 1071). */
static uint32_t sum_words(uint32_t sum, const void *bytes, size_t len)
{
	for (size_t i = 0; i < len; i += sizeof(uint16_t)) {
		uint16_t word;

		memcpy(&word, (const uint8_t *)bytes + i, sizeof(word));
		sum += ntohs(word);
	}
	return sum;
}

static uint16_t finish_sum(uint32_t sum)
{
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

static void fill_tcp(struct tcphdr *tcp, const struct position *position, bool probe)
{
	memset(tcp, 0, sizeof(*tcp));
	tcp->source = htons(addr_port(position->local));
	tcp->dest = htons(addr_port(position->remote));
	/* A number that has been acknowledged already makes a living peer repeat itself. */
	tcp->seq = htonl(probe ? position->send_seq - 1 : position->send_seq);
	/* A peer without the connection answers an ACK by a RST that bears this number. */
	tcp->ack_seq = htonl(position->receive_seq);
	tcp->doff = sizeof(*tcp) / 4;
	tcp->ack = 1;
	tcp->rst = !probe;
}

static ssize_t send_ipv4(int fd, const struct position *position, bool probe)
{
	struct sockaddr_in to = position->remote->in;
	struct pseudo_ipv4 pseudo = {
	    .from = position->local->in.sin_addr,
	    .to = to.sin_addr,
	    .protocol = IPPROTO_TCP,
	    .len = htons(sizeof(struct tcphdr)),
	};
	struct packet_ipv4 packet = {
	    /* The kernel fills in length and checksum. */
	    .ip = {.version = 4,
		   .ihl = sizeof(packet.ip) / 4,
		   .ttl = HOPS,
		   .protocol = IPPROTO_TCP,
		   .saddr = pseudo.from.s_addr,
		   .daddr = pseudo.to.s_addr},
	};
	uint32_t sum = sum_words(0, &pseudo, sizeof(pseudo));

	fill_tcp(&packet.tcp, position, probe);
	packet.tcp.check = finish_sum(sum_words(sum, &packet.tcp, sizeof(packet.tcp)));
	to.sin_port = 0;
	return sendto(fd, &packet, sizeof(packet), 0, (struct sockaddr *)&to, sizeof(to));
}

static ssize_t send_ipv6(int fd, const struct position *position, bool probe)
{
	struct sockaddr_in6 to = position->remote->in6;
	struct pseudo_ipv6 pseudo = {
	    .from = position->local->in6.sin6_addr,
	    .to = to.sin6_addr,
	    .len = htonl(sizeof(struct tcphdr)),
	    .protocol = IPPROTO_TCP,
	};
	struct packet_ipv6 packet = {.ip = {.ip6_src = pseudo.from, .ip6_dst = pseudo.to}};
	uint32_t sum = sum_words(0, &pseudo, sizeof(pseudo));

	packet.ip.ip6_flow = htonl(6u << 28);
	packet.ip.ip6_plen = htons(sizeof(packet.tcp));
	packet.ip.ip6_nxt = IPPROTO_TCP;
	packet.ip.ip6_hlim = HOPS;
	fill_tcp(&packet.tcp, position, probe);
	packet.tcp.check = finish_sum(sum_words(sum, &packet.tcp, sizeof(packet.tcp)));
	to.sin6_port = 0;
	return sendto(fd, &packet, sizeof(packet), 0, (struct sockaddr *)&to, sizeof(to));
}

static int send_packet(int fd, const struct position *position, bool probe)
{
	ssize_t sent = addr_family(position->remote) == AF_INET6 ? send_ipv6(fd, position, probe)
								 : send_ipv4(fd, position, probe);

	return sent < 0 ? -1 : 0;
}

/* The family's socket, made when it is needed first, with this mark; -1 with errno. */
static int raw_socket(struct exact_reset_raw *raw, int family, uint32_t mark)
{
	int *fd = family == AF_INET6 ? &raw->ipv6_fd : &raw->ipv4_fd;
	uint32_t *has = family == AF_INET6 ? &raw->ipv6_mark : &raw->ipv4_mark;

	if (*fd < 0) {
		*fd = sock_new_raw(family, mark);
		*has = mark;
	} else if (*has != mark) {
		if (sock_set_mark(*fd, mark) < 0)
			return -1;
		*has = mark;
	}
	return *fd;
}

void exact_reset_raw_init(struct exact_reset_raw *raw)
{
	raw->ipv4_fd = -1;
	raw->ipv6_fd = -1;
}

void exact_reset_raw_close(struct exact_reset_raw *raw)
{
	sock_close(raw->ipv4_fd);
	sock_close(raw->ipv6_fd);
	exact_reset_raw_init(raw);
}

int exact_reset_send(struct exact_reset *reset, struct exact_reset_raw *raw, int fd, uint32_t mark)
{
	struct position position;
	int raw_fd;

	if (freeze(reset, fd) < 0 || locate(reset, fd, &position) < 0)
		return -1;
	raw_fd = raw_socket(raw, addr_family(&reset->remote), mark);
	if (raw_fd < 0)
		return -1;
	if (send_packet(raw_fd, &position, false) < 0)
		return -1;
	return send_packet(raw_fd, &position, true);
}

void exact_reset_give_up(int fd)
{
	(void)sock_set_int(fd, SOL_TCP, TCP_REPAIR, TCP_REPAIR_OFF_NO_WP);
}
