/* SPDX-License-Identifier: BSD-2-Clause */
/* Questions to the kernel over netlink. */
#include "doctor/netlink.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"

/* The kernel fills answers to a dump up to the reader's buffer, and asks for no more than this. */
#define ANSWERS_MAX 16384

/* What an attribute begins with. */
#define HEAD sizeof(struct nlattr)

union answers {
	struct nlmsghdr header;
	uint8_t bytes[ANSWERS_MAX];
};

static size_t align(size_t len)
{
	return (len + NLA_ALIGNTO - 1) & ~(size_t)(NLA_ALIGNTO - 1);
}

void netlink_begin(struct netlink_question *question, uint16_t type, uint16_t flags,
		   const void *body, size_t len)
{
	memset(question, 0, sizeof(*question));
	question->header.nlmsg_type = type;
	question->header.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	question->header.nlmsg_len = (uint32_t)NLMSG_LENGTH(len);
	memcpy(question->body, body, len);
}

void netlink_put(struct netlink_question *question, uint16_t type, const void *value, size_t len)
{
	const struct nlattr attribute = {.nla_type = type, .nla_len = (uint16_t)(HEAD + len)};
	uint8_t *at = (uint8_t *)question + NLMSG_ALIGN(question->header.nlmsg_len);

	memcpy(at, &attribute, sizeof(attribute));
	if (len > 0)
		memcpy(at + HEAD, value, len);
	question->header.nlmsg_len =
	    NLMSG_ALIGN(question->header.nlmsg_len) + (uint32_t)align(HEAD + len);
}

size_t netlink_nest(struct netlink_question *question, uint16_t type)
{
	size_t nest = NLMSG_ALIGN(question->header.nlmsg_len);

	netlink_put(question, (uint16_t)(type | NLA_F_NESTED), NULL, 0);
	return nest;
}

void netlink_close(struct netlink_question *question, size_t nest)
{
	uint16_t len = (uint16_t)(question->header.nlmsg_len - nest);

	/* The length is what an attribute begins with. */
	memcpy((uint8_t *)question + nest, &len, sizeof(len));
}

int netlink_open(int protocol)
{
	return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
}

/* What the kernel says instead of an answer, or at the end of a dump. */
static int read_error(const struct nlmsghdr *answer)
{
	int error;

	if (answer->nlmsg_len < NLMSG_LENGTH(sizeof(error)))
		return 0;
	memcpy(&error, NLMSG_DATA(answer), sizeof(error));
	return -error;
}

/* Returns -1 while there is more to come, or else what netlink_ask() returns. */
static int take_answers(const union answers *answers, size_t len,
			const struct netlink_question *question, netlink_answer_cb *on_answer,
			void *arg)
{
	const bool dump = (question->header.nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;

	for (const struct nlmsghdr *answer = &answers->header; NLMSG_OK(answer, len);
	     answer = NLMSG_NEXT(answer, len)) {
		if (answer->nlmsg_seq != question->header.nlmsg_seq)
			continue;
		if (answer->nlmsg_type == NLMSG_ERROR || answer->nlmsg_type == NLMSG_DONE)
			return read_error(answer);
		on_answer(answer, arg);
		if (!dump)
			return 0;
	}
	return -1;
}

int netlink_ask(int fd, struct netlink_question *question, netlink_answer_cb *on_answer, void *arg,
		int64_t deadline_ms)
{
	static atomic_uint sequence;
	union answers answers;
	int result = -1;

	question->header.nlmsg_seq = atomic_fetch_add_explicit(&sequence, 1, memory_order_relaxed);
	if (send(fd, question, question->header.nlmsg_len, 0) < 0)
		return errno;
	while (result < 0) {
		struct pollfd waiting = {.fd = fd, .events = POLLIN};
		int64_t left_ms = deadline_ms - clock_now_ms();
		struct sockaddr_nl from = {.nl_family = AF_UNSPEC};
		socklen_t from_len = sizeof(from);
		ssize_t len;

		if (left_ms <= 0 || poll(&waiting, 1, (int)left_ms) == 0)
			return ETIMEDOUT;
		len =
		    recvfrom(fd, &answers, sizeof(answers), 0, (struct sockaddr *)&from, &from_len);
		if (len < 0 && errno != EAGAIN && errno != EINTR)
			return errno;
		/* Only the kernel is number 0. */
		if (len > 0 && from.nl_pid == 0)
			result = take_answers(&answers, (size_t)len, question, on_answer, arg);
	}
	return result;
}

static const void *find(const uint8_t *at, size_t left, uint16_t type, size_t min_len)
{
	struct nlattr attribute;

	while (left >= sizeof(attribute)) {
		size_t len;

		memcpy(&attribute, at, sizeof(attribute));
		if (attribute.nla_len < HEAD || attribute.nla_len > left)
			return NULL;
		if ((attribute.nla_type & NLA_TYPE_MASK) == type &&
		    attribute.nla_len >= HEAD + min_len)
			return at + HEAD;
		len = align(attribute.nla_len);
		if (len > left)
			return NULL;
		at += len;
		left -= len;
	}
	return NULL;
}

const void *netlink_get(const struct nlmsghdr *answer, size_t body_len, uint16_t type,
			size_t min_len)
{
	size_t before = NLMSG_ALIGN(NLMSG_LENGTH(body_len));

	if (answer->nlmsg_len <= before)
		return NULL;
	return find((const uint8_t *)answer + before, answer->nlmsg_len - before, type, min_len);
}

const void *netlink_get_nested(const void *nest, uint16_t type, size_t min_len)
{
	struct nlattr holder;

	if (nest == NULL)
		return NULL;
	memcpy(&holder, (const uint8_t *)nest - HEAD, sizeof(holder));
	return find(nest, holder.nla_len - HEAD, type, min_len);
}
