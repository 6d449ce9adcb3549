/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a packet of this host's own would go. */
#include "net/route_lookup.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

/* Two addresses, a mark, and as much for the kernel to add to its answer as it likes. */
#define QUESTION_MAX 128
#define ANSWER_MAX   4096

/* Answers to questions that were given up, which lie before the one that is waited for. */
#define STALE_MAX 4

/* What an answer depends on, without padding, compared as bytes. */
struct key {
	uint8_t destination[ADDR_IP_LEN];
	uint8_t source[ADDR_IP_LEN];
	uint32_t mark;
};

_Static_assert(sizeof(struct key) == 2 * ADDR_IP_LEN + sizeof(uint32_t), "no padding");

struct memory {
	struct key key;
	enum route_answer answer;
	int64_t until_ms; /* 0: nothing is remembered here */
};

/*
 * The memory is small enough to be searched from end to end, which is cheaper than a question and
 * has no collisions that clients could choose. The oldest answer makes room.
 */
struct route_lookup {
	pthread_mutex_t lock; /* of all below; held for two system calls that do not wait */
	int fd;
	uint32_t sequence;
	size_t oldest;
	struct memory memory[ROUTE_LOOKUP_MEMORY];
};

struct question_message {
	struct nlmsghdr header;
	struct rtmsg route;
	uint8_t attributes[QUESTION_MAX];
};

union answer_message {
	struct nlmsghdr header;
	uint8_t bytes[ANSWER_MAX];
};

static void add_attribute(struct question_message *message, unsigned short type, const void *value,
			  size_t len)
{
	const struct rtattr attribute = {.rta_type = type,
					 .rta_len = (unsigned short)RTA_LENGTH(len)};
	uint8_t *at = (uint8_t *)message + NLMSG_ALIGN(message->header.nlmsg_len);

	memcpy(at, &attribute, sizeof(attribute));
	memcpy(at + RTA_LENGTH(0), value, len);
	message->header.nlmsg_len =
	    NLMSG_ALIGN(message->header.nlmsg_len) + (uint32_t)RTA_LENGTH(len);
}

/* Returns the bits of the address, as the kernel wants its "prefix length". */
static unsigned char add_addr(struct question_message *message, unsigned short type,
			      const struct addr *addr)
{
	const void *bytes = addr_family(addr) == AF_INET ? (const void *)&addr->in.sin_addr
							 : (const void *)&addr->in6.sin6_addr;
	size_t len =
	    addr_family(addr) == AF_INET ? sizeof(struct in_addr) : sizeof(struct in6_addr);

	add_attribute(message, type, bytes, len);
	return (unsigned char)(8 * len);
}

static int ask_kernel(struct route_lookup *lookup, const struct route_question *question)
{
	struct question_message message = {
	    .header = {.nlmsg_type = RTM_GETROUTE,
		       .nlmsg_flags = NLM_F_REQUEST,
		       .nlmsg_seq = ++lookup->sequence,
		       .nlmsg_len = NLMSG_LENGTH(sizeof(struct rtmsg))},
	    .route = {.rtm_family = (unsigned char)addr_family(&question->destination)}};

	message.route.rtm_dst_len = add_addr(&message, RTA_DST, &question->destination);
	if (addr_is_set(&question->source))
		message.route.rtm_src_len = add_addr(&message, RTA_SRC, &question->source);
	if (question->mark != 0)
		add_attribute(&message, RTA_MARK, &question->mark, sizeof(question->mark));
	return send(lookup->fd, &message, message.header.nlmsg_len, MSG_DONTWAIT) < 0 ? -1 : 0;
}

static enum route_answer read_route(const struct nlmsghdr *header)
{
	const struct rtmsg *route = NLMSG_DATA(header);

	if (header->nlmsg_len < NLMSG_LENGTH(sizeof(*route)))
		return ROUTE_UNKNOWN;
	switch (route->rtm_type) {
	case RTN_LOCAL:
	case RTN_ANYCAST:
	case RTN_BROADCAST:
	case RTN_MULTICAST:
		return ROUTE_HERE;
	default:
		return ROUTE_ELSEWHERE;
	}
}

/* An error is most often the answer: there is no such route, or one that says so. */
static enum route_answer read_error(const struct nlmsghdr *header)
{
	const struct nlmsgerr *error = NLMSG_DATA(header);

	if (header->nlmsg_len < NLMSG_LENGTH(sizeof(*error)))
		return ROUTE_UNKNOWN;
	switch (-error->error) {
	case ENETUNREACH:
	case EHOSTUNREACH:
	case EACCES: /* a "prohibit" route */
	case EINVAL: /* a "blackhole" route */
	case EAGAIN: /* a "throw" route */
		return ROUTE_ELSEWHERE;
	default:
		return ROUTE_UNKNOWN;
	}
}

static enum route_answer hear_kernel(struct route_lookup *lookup)
{
	union answer_message answer;

	for (int i = 0; i <= STALE_MAX; i++) {
		struct sockaddr_nl from = {.nl_family = AF_UNSPEC};
		socklen_t from_len = sizeof(from);
		ssize_t len = recvfrom(lookup->fd, &answer, sizeof(answer), MSG_DONTWAIT,
				       (struct sockaddr *)&from, &from_len);

		if (len < 0)
			return ROUTE_UNKNOWN;
		/* Only the kernel is number 0. */
		if (from.nl_pid != 0 || !NLMSG_OK(&answer.header, (size_t)len) ||
		    answer.header.nlmsg_seq != lookup->sequence)
			continue;
		return answer.header.nlmsg_type == NLMSG_ERROR ? read_error(&answer.header)
							       : read_route(&answer.header);
	}
	return ROUTE_UNKNOWN;
}

static const struct memory *recall(const struct route_lookup *lookup, const struct key *key,
				   int64_t now_ms)
{
	for (size_t i = 0; i < ROUTE_LOOKUP_MEMORY; i++) {
		const struct memory *memory = &lookup->memory[i];

		if (memory->until_ms > now_ms && memcmp(&memory->key, key, sizeof(*key)) == 0)
			return memory;
	}
	return NULL;
}

static void remember(struct route_lookup *lookup, const struct key *key, enum route_answer answer,
		     int64_t now_ms)
{
	lookup->memory[lookup->oldest] = (struct memory){
	    .key = *key, .answer = answer, .until_ms = now_ms + ROUTE_LOOKUP_MEMORY_MS};
	lookup->oldest = (lookup->oldest + 1) % ROUTE_LOOKUP_MEMORY;
}

static enum route_answer answer_locked(struct route_lookup *lookup,
				       const struct route_question *question)
{
	struct key key = {.mark = question->mark};
	int64_t now_ms = clock_now_ms();
	enum route_answer answer;
	const struct memory *memory;

	addr_write_ip(&question->destination, key.destination);
	addr_write_ip(&question->source, key.source);
	memory = recall(lookup, &key, now_ms);
	if (memory != NULL)
		return memory->answer;
	if (ask_kernel(lookup, question) < 0)
		return ROUTE_UNKNOWN;
	answer = hear_kernel(lookup);
	if (answer != ROUTE_UNKNOWN)
		remember(lookup, &key, answer, now_ms);
	return answer;
}

struct route_lookup *route_lookup_new(void)
{
	struct route_lookup *lookup = calloc(1, sizeof(*lookup));

	if (lookup == NULL)
		return NULL;
	lookup->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	if (lookup->fd < 0) {
		free(lookup);
		return NULL;
	}
	pthread_mutex_init(&lookup->lock, NULL);
	return lookup;
}

void route_lookup_free(struct route_lookup *lookup)
{
	if (lookup == NULL)
		return;
	close(lookup->fd);
	pthread_mutex_destroy(&lookup->lock);
	free(lookup);
}

enum route_answer route_lookup_ask(struct route_lookup *lookup,
				   const struct route_question *question)
{
	struct route_question asked = *question;
	enum route_answer answer;

	if (lookup == NULL)
		return ROUTE_UNKNOWN;
	if ((!addr_is_loopback(&asked.source) && !asked.source_is_own) ||
	    addr_family(&asked.source) != addr_family(&asked.destination))
		memset(&asked.source, 0, sizeof(asked.source));
	pthread_mutex_lock(&lookup->lock);
	answer = answer_locked(lookup, &asked);
	pthread_mutex_unlock(&lookup->lock);
	return answer;
}
